#include "pipelines/offsets.h"

#define PIN_PREFIX "paystreak.static."
#define FILE_SCHEME "file://"

static int corrupt(const char *file, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "'%s' is damaged: %s", file, what);
}

/* ---- writing */

static void write_offset(struct buf *out, const struct source_offset *o)
{
    if (o->kind == SOURCE_NONE) {
        buf_char(out, '-');
    } else if (o->kind == SOURCE_FILES) {
        buf_printf(out, "{\"logOffset\":%jd}", (intmax_t)o->log_offset);
    } else {
        buf_z(out, "{\"sourceVersion\":1,\"reservoirId\":");
        json_quote(out, o->reservoir_id);
        buf_printf(out, ",\"reservoirVersion\":%jd,\"index\":%jd,\"isStartingVersion\":%s}", (intmax_t)o->version,
                   (intmax_t)o->index, o->starting ? "true" : "false");
    }
}

void offsets_write(struct buf *out, const struct batch_plan *p)
{
    buf_printf(out, "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":%jd,\"conf\":{", (intmax_t)p->timestamp_ms);
    for (size_t i = 0; i < p->pin_count; i++) {
        struct buf key;
        buf_init(&key);
        buf_printf(&key, PIN_PREFIX "%.*s", STR_ARGS(p->pins[i].dir));
        buf_z(out, i ? "," : "");
        json_quote(out, buf_view(&key));
        buf_printf(out, ":\"%jd\"", (intmax_t)p->pins[i].version);
        buf_release(&key);
    }
    buf_z(out, "}}");
    for (size_t i = 0; i < p->count; i++) {
        buf_char(out, '\n');
        write_offset(out, &p->offsets[i]);
    }
}

void metadata_write(struct buf *out, struct str id)
{
    buf_z(out, "{\"id\":");
    json_quote(out, id);
    buf_char(out, '}');
}

void seen_write(struct buf *out, const struct seen_file *files, size_t count)
{
    struct buf uri;
    buf_init(&uri);
    buf_z(out, "v1");
    for (size_t i = 0; i < count; i++) {
        buf_clear(&uri);
        buf_z(&uri, FILE_SCHEME);
        percent_put(&uri, files[i].path, "/");
        buf_z(out, "\n{\"path\":");
        json_quote(out, buf_view(&uri));
        buf_printf(out, ",\"timestamp\":%jd,\"batchId\":%jd,\"size\":%jd}", (intmax_t)files[i].mtime_ms,
                   (intmax_t)files[i].batch, (intmax_t)files[i].size);
    }
    buf_release(&uri);
}

/* ---- reading */

static bool first_line(struct str *text)
{
    struct str line;
    return str_split(text, '\n', &line) && str_eqz(line, "v1");
}

static int read_offset(struct arena *a, const char *file, struct str line, struct source_offset *o, struct err *err)
{
    if (str_eqz(line, "-"))
        return 0;
    struct doc *d = doc_json(a, file, line, err);
    if (!d)
        return corrupt(file, err, "an offset is no JSON");
    if (doc_i64(doc_get(d, "logOffset"), &o->log_offset)) {
        o->kind = SOURCE_FILES;
        return 0;
    }
    o->kind = SOURCE_DELTA;
    o->reservoir_id = doc_str(doc_get(d, "reservoirId"), STR_NONE);
    o->starting = doc_bool(doc_get(d, "isStartingVersion"), false);
    if (!o->reservoir_id.len || !doc_i64(doc_get(d, "reservoirVersion"), &o->version) ||
        !doc_i64(doc_get(d, "index"), &o->index))
        return corrupt(file, err, "an offset is neither a Delta source's nor a file source's");
    return 0;
}

static int read_head(struct arena *a, const char *file, struct str line, struct batch_plan *out, struct err *err)
{
    struct doc *d = doc_json(a, file, line, err), *conf = d ? doc_get(d, "conf") : NULL;
    if (!d || !doc_i64(doc_get(d, "batchTimestampMs"), &out->timestamp_ms))
        return corrupt(file, err, "no batchTimestampMs");
    for (size_t i = 0; conf && i < conf->count; i++) {
        struct pin pin = {};
        struct str key = conf->keys[i].name, prefix = STR(PIN_PREFIX);
        if (!str_starts(key, prefix) || !str_i64(doc_str(conf->items[i], STR_NONE), &pin.version))
            continue;
        pin.dir = str_from(key, prefix.len);
        out->pins = arena_grow(a, out->pins, &out->pin_cap, out->pin_count + 1, sizeof pin);
        out->pins[out->pin_count++] = pin;
    }
    return 0;
}

int offsets_read(struct arena *a, const char *file, struct str text, struct batch_plan *out, struct err *err)
{
    struct str rest = text, line;
    size_t cap = 0;
    *out = (struct batch_plan){};
    if (!first_line(&rest) || !str_split(&rest, '\n', &line))
        return corrupt(file, err, "its first line is not v1");
    if (read_head(a, file, line, out, err))
        return -1;
    while (str_split(&rest, '\n', &line)) {
        if (out->count == OFFSETS_MAX_SOURCES)
            return err_set(err, ERR_LIMIT, "'%s' has more than OFFSETS_MAX_SOURCES sources", file);
        out->offsets = arena_grow(a, out->offsets, &cap, out->count + 1, sizeof *out->offsets);
        if (read_offset(a, file, line, &out->offsets[out->count++], err))
            return -1;
    }
    return 0;
}

int metadata_read(struct arena *a, const char *file, struct str text, char id[UUID_TEXT], struct err *err)
{
    struct doc *d = doc_json(a, file, text, err);
    struct str s = d ? doc_str(doc_get(d, "id"), STR_NONE) : STR_NONE;
    if (s.len != UUID_TEXT - 1)
        return corrupt(file, err, "it has no query id");
    for (size_t i = 0; i < UUID_TEXT - 1; i++)
        id[i] = s.ptr[i];
    id[UUID_TEXT - 1] = 0;
    return 0;
}

int seen_read(struct arena *a, const char *file, struct str text, struct seen_files *out, struct err *err)
{
    struct str rest = text, line;
    if (!first_line(&rest))
        return corrupt(file, err, "its first line is not v1");
    while (str_split(&rest, '\n', &line)) {
        struct seen_file f = {};
        struct buf path;
        struct doc *d = doc_json(a, file, line, err);
        struct str uri = d ? doc_str(doc_get(d, "path"), STR_NONE) : STR_NONE;
        if (!str_starts_z(uri, FILE_SCHEME) || !doc_i64(doc_get(d, "timestamp"), &f.mtime_ms))
            return corrupt(file, err, "a file's entry lacks path or timestamp");
        if (!doc_i64(doc_get(d, "size"), &f.size))
            f.size = -1;
        if (!doc_i64(doc_get(d, "batchId"), &f.batch))
            f.batch = 0;
        buf_init(&path);
        bool good = percent_get(&path, str_from(uri, sizeof FILE_SCHEME - 1));
        f.path = str_copy(a, buf_view(&path));
        buf_release(&path);
        if (!good)
            return corrupt(file, err, "a path is badly encoded");
        out->items = arena_grow(a, out->items, &out->cap, out->count + 1, sizeof f);
        out->items[out->count++] = f;
    }
    return 0;
}

bool offset_equal(const struct source_offset *a, const struct source_offset *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == SOURCE_NONE || (a->kind == SOURCE_FILES && a->log_offset == b->log_offset) ||
           (a->kind == SOURCE_DELTA && a->version == b->version && a->index == b->index &&
            str_eq(a->reservoir_id, b->reservoir_id));
}
