#include "engine/csv_scan.h"
#include "base/doc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "engine/file_bytes.h"
#include <stdio.h>
#include <string.h>

enum { STEP_BYTES = 256 << 10, NO_FIELD = -1 };
enum known { KNOWN_FILE, KNOWN_LINE, KNOWN_WIDTH, KNOWN_SURPLUS, KNOWN_RECORD, KNOWN_COLUMNS };
static const char *const KNOWN_NAMES[] = {COL_FILE, COL_LINE, COL_WIDTH, COL_SURPLUS, COL_RECORD};
static const char *const KNOWN_TYPES[] = {"VARCHAR", "BIGINT", "BIGINT", "VARCHAR", "VARCHAR"};

/* ---------------------------------------------------------------- the argument */

static void put_key(struct buf *out, const char *key)
{
    buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
}

static void put_list(struct buf *out, const char *key, const struct str *items, size_t count)
{
    put_key(out, key);
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, items[i]);
    }
    buf_char(out, ']');
}

static void put_text(struct buf *out, const char *key, struct str text)
{
    put_key(out, key);
    json_quote(out, text);
}

/* The members that are flags and bytes, once for writing and reading. */
struct flag { const char *key; size_t at; };
#define FLAG(name) {#name, offsetof(struct csv_spec, name)}
#define DIALECT(name) {#name, offsetof(struct csv_spec, dialect.name)}
static const struct flag FLAGS[] = {FLAG(header), FLAG(by_name), FLAG(check_header), FLAG(case_sensitive), FLAG(latin1),
                                    DIALECT(trim_front), DIALECT(trim_back), DIALECT(multi_line), DIALECT(blank_rows)};
static const struct flag BYTES[] = {DIALECT(quote), DIALECT(escape), DIALECT(comment)};

void csv_scan_print(const struct csv_spec *spec, struct buf *out)
{
    struct buf b;
    buf_init(&b);
    buf_char(&b, '{');
    put_list(&b, "files", spec->files, spec->file_count);
    put_list(&b, "columns", spec->columns, spec->column_count);
    put_list(&b, "partitions", spec->partitions, spec->partition_count);
    put_text(&b, "delimiter", spec->dialect.delimiter);
    put_text(&b, "line_end", spec->dialect.line_end);
    put_text(&b, "null", spec->null_value);
    put_text(&b, "empty", spec->empty_value);
    for (size_t i = 0; i < COUNT_OF(FLAGS); i++) {
        put_key(&b, FLAGS[i].key);
        buf_z(&b, *(const bool *)((const char *)spec + FLAGS[i].at) ? "true" : "false");
    }
    for (size_t i = 0; i < COUNT_OF(BYTES); i++) {
        put_key(&b, BYTES[i].key);
        buf_printf(&b, "%d", *(const int *)((const char *)spec + BYTES[i].at));
    }
    buf_char(&b, '}');
    buf_z(out, "spark_csv(");
    duck_quote_text(out, buf_view(&b));
    buf_char(out, ')');
    buf_release(&b);
}

static struct str *read_list(struct arena *a, const struct doc *d, const char *key, size_t *count)
{
    const struct doc *list = doc_get(d, key);
    *count = list ? list->count : 0;
    struct str *out = ARENA_ARRAY(a, struct str, *count + 1);
    for (size_t i = 0; i < *count; i++)
        out[i] = doc_str(list->items[i], STR(""));
    return out;
}

static int read_spec(struct arena *a, struct str text, struct csv_spec *spec, struct err *err)
{
    const struct doc *d = doc_json(a, "spark_csv", str_copy(a, text), err);
    if (!d)
        return -1;
    spec->files = read_list(a, d, "files", &spec->file_count);
    spec->columns = read_list(a, d, "columns", &spec->column_count);
    spec->partitions = read_list(a, d, "partitions", &spec->partition_count);
    spec->dialect.delimiter = doc_str(doc_get(d, "delimiter"), STR(","));
    spec->dialect.line_end = doc_str(doc_get(d, "line_end"), STR(""));
    spec->null_value = doc_str(doc_get(d, "null"), STR(""));
    spec->empty_value = doc_str(doc_get(d, "empty"), STR(""));
    for (size_t i = 0; i < COUNT_OF(FLAGS); i++)
        *(bool *)((char *)spec + FLAGS[i].at) = doc_bool(doc_get(d, FLAGS[i].key), false);
    for (size_t i = 0; i < COUNT_OF(BYTES); i++) {
        int64_t v = -1;
        doc_i64(doc_get(d, BYTES[i].key), &v);
        *(int *)((char *)spec + BYTES[i].at) = (int)v;
    }
    return 0;
}

/* ---------------------------------------------------------------- one file */

struct csv_file {
    const struct csv_spec *spec;
    struct str path;
    struct file_bytes *bytes;
    struct buf window;
    size_t at;
    bool all;                  /* the file ends with the window */
    int64_t line, row_line;    /* the next row's earliest line; the line of the row just read */
    struct csv_record row;
};

static void file_init(struct csv_file *f, const struct csv_spec *spec)
{
    *f = (struct csv_file){.spec = spec};
    buf_init_max(&f->window, (size_t)CSV_MAX_RECORD + 2 * STEP_BYTES);
    csv_record_init(&f->row);
}

static void file_release(struct csv_file *f)
{
    file_bytes_close(f->bytes);
    buf_release(&f->window);
    csv_record_release(&f->row);
}

/* Java's decoder of ISO-8859-1. */
static void add_latin1(struct buf *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] >= 0x80)
            buf_char(out, (char)(0xc0 | bytes[i] >> 6));
        buf_char(out, (char)(bytes[i] < 0x80 ? bytes[i] : 0x80 | (bytes[i] & 0x3f)));
    }
}

/* At most STEP_BYTES more of the file. */
static int more_bytes(struct csv_file *f, struct err *err)
{
    uint8_t step[STEP_BYTES / 4];
    void *room = f->spec->latin1 ? step : buf_room(&f->window, STEP_BYTES);
    CHECK(room);
    int64_t n = file_bytes_read(f->bytes, room, f->spec->latin1 ? sizeof step : STEP_BYTES, err);
    f->all = n == 0;
    if (n > 0 && f->spec->latin1)
        add_latin1(&f->window, step, (size_t)n);
    else if (n > 0)
        buf_took(&f->window, (size_t)n);
    return n < 0 ? -1 : 0;
}

/* The row at the window's front is not whole. It is taken apart anew when there is more, so the window
 * at least doubles: a row costs what is twice as long. */
static int more(struct csv_file *f, struct err *err)
{
    buf_drop_front(&f->window, f->at);
    f->at = 0;
    size_t want = f->window.len * 2 < CSV_MAX_RECORD ? f->window.len * 2 : CSV_MAX_RECORD;
    do {
        if (f->window.len > CSV_MAX_RECORD)
            return err_at(err, ERR_LIMIT, f->path.ptr, (int)f->line, 1, "a row of more than CSV_MAX_RECORD bytes");
        if (more_bytes(f, err))
            return -1;
    } while (!f->all && f->window.len < want);
    return 0;
}

/* 1 a row in f->row, 0 the file's end, -1. */
static int file_row(struct csv_file *f, struct err *err)
{
    for (;;) {
        size_t took = 0;
        int rc = csv_next(&f->spec->dialect, str_of(f->window.ptr + f->at, f->window.len - f->at), f->all, &f->row, &took, err);
        if (rc < 0)
            return err_locate(err, f->path.ptr, (int)f->line, 1);
        if (rc == 2) {
            if (more(f, err))
                return -1;
            continue;
        }
        f->at += took;
        f->row_line = f->line + (int64_t)f->row.skipped;
        f->line += (int64_t)f->row.lines;
        return rc;
    }
}

static int file_open(struct csv_file *f, struct str path, struct err *err)
{
    file_bytes_close(f->bytes);
    f->bytes = file_bytes_open(path.ptr, err);
    f->path = path;
    f->line = 1;
    f->at = 0;
    f->all = false;
    buf_clear(&f->window);
    if (!f->bytes || more(f, err))
        return -1;
    while (f->window.len < 3 && !f->all) /* a byte order mark must be seen whole */
        if (more(f, err))
            return -1;
    if (str_starts(buf_view(&f->window), STR("\xef\xbb\xbf")))
        f->at = 3;
    return 0;
}

/* Text of a field, or STR_NONE for NULL. */
static struct str field_value(const struct csv_spec *spec, const struct csv_record *r, size_t i)
{
    if (r->fields[i].null)
        return STR_NONE;
    struct str s = csv_text(r, i);
    if (!s.len)
        s = spec->empty_value;
    return str_eq(s, spec->null_value) ? STR_NONE : s.ptr ? s : STR("");
}

/* Spark's names of a header: `_c1` where there is no text, all of equal ones with their index. */
static struct str *header_names(struct arena *a, const struct csv_spec *spec, const struct csv_record *r)
{
    struct str *names = ARENA_ARRAY(a, struct str, r->count + 1);
    struct map *seen = map_new_icase(); /* name → how often, as a pointer */
    for (size_t i = 0; i < r->count; i++) {
        struct str v = field_value(spec, r, i);
        names[i] = v.len ? str_copy(a, v) : STR_NONE;
        if (v.len)
            map_put(seen, v, (char *)NULL + (map_get(seen, v) ? 2 : 1));
    }
    for (size_t i = 0; i < r->count; i++)
        if (!names[i].len)
            names[i] = str_fmt(a, "_c%zu", i);
        else if (map_get(seen, names[i]) == (char *)NULL + 2)
            names[i] = str_fmt(a, "%.*s%zu", STR_ARGS(names[i]), i);
    map_free(seen);
    return names;
}

int csv_first_row(const struct csv_spec *spec, struct str path, struct arena *a, struct str **fields, size_t *count,
                  struct err *err)
{
    struct csv_file f;
    file_init(&f, spec);
    int rc = file_open(&f, str_copy(a, path), err) ? -1 : file_row(&f, err);
    *count = rc == 1 ? f.row.count : 0;
    *fields = ARENA_ARRAY(a, struct str, *count + 1);
    if (rc == 1 && spec->header)
        *fields = header_names(a, spec, &f.row);
    for (size_t i = 0; i < *count && !spec->header; i++)
        (*fields)[i] = str_fmt(a, "_c%zu", i);
    file_release(&f);
    return rc < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------- a scan */

struct source {
    struct duck_source base;
    struct arena *a;
    struct csv_spec spec;
};

struct scan {
    const struct source *s;
    struct csv_file file;
    size_t next_file;
    bool opened;
    struct arena *names;       /* of the file's header */
    struct str *header;
    size_t header_count;
    size_t expected;           /* fields of a row of this file */
    int64_t *field_of;         /* column → field, or NO_FIELD */
    struct str *partition;     /* values of this file; ptr NULL: NULL */
    int64_t wide, first_wide;  /* rows with surplus nobody reads; the line of the first */
    struct buf surplus, fixed;
};

static void *scan_open(void *ctx, struct err *err)
{
    const struct source *s = ctx;
    struct scan *c = NEW(struct scan);
    (void)err;
    c->s = s;
    file_init(&c->file, &s->spec);
    c->names = arena_new();
    c->field_of = mem_alloc((s->spec.column_count + 1) * sizeof *c->field_of);
    c->partition = mem_alloc((s->spec.partition_count + 1) * sizeof *c->partition);
    buf_init(&c->surplus);
    buf_init(&c->fixed);
    return c;
}

static void scan_close(void *p)
{
    struct scan *c = p;
    file_release(&c->file);
    arena_free(c->names);
    mem_free(c->field_of);
    mem_free(c->partition);
    buf_release(&c->surplus);
    buf_release(&c->fixed);
    mem_free(c);
}

static int check_header(struct scan *c, struct err *err)
{
    const struct csv_spec *spec = &c->s->spec;
    if (c->header_count != spec->column_count)
        return err_at(err, ERR_INPUT, c->file.path.ptr, (int)c->file.row_line, 1,
                      "the CSV header does not conform to the schema: it has %zu columns, the schema has %zu (enforceSchema is false)",
                      c->header_count, spec->column_count);
    for (size_t i = 0; i < spec->column_count; i++)
        if (!str_ieq(c->header[i], spec->columns[i]))
            return err_at(err, ERR_INPUT, c->file.path.ptr, (int)c->file.row_line, 1,
                          "the CSV header does not conform to the schema: column %zu is '%.*s', the schema says '%.*s' "
                          "(enforceSchema is false)", i + 1, STR_ARGS(c->header[i]), STR_ARGS(spec->columns[i]));
    return 0;
}

static void map_columns(struct scan *c)
{
    const struct csv_spec *spec = &c->s->spec;
    bool named = spec->header && spec->by_name;
    c->expected = named ? c->header_count : spec->column_count;
    for (size_t i = 0; i < spec->column_count; i++) {
        c->field_of[i] = named ? NO_FIELD : (int64_t)i;
        for (size_t k = 0; named && k < c->header_count && c->field_of[i] == NO_FIELD; k++)
            if (spec->case_sensitive ? str_eq(c->header[k], spec->columns[i]) : str_ieq(c->header[k], spec->columns[i]))
                c->field_of[i] = (int64_t)k;
    }
}

static int hex(char ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10 : -1;
}

/* The value of `k=v` in a path, %41 read back; Hive's word for NULL is NULL. */
static struct str partition_value(struct arena *a, struct str path, struct str key)
{
    struct str part, v = STR_NONE;
    path = path_dir(path);
    while (str_split(&path, '/', &part))
        if (str_starts(part, key) && part.len > key.len && part.ptr[key.len] == '=')
            v = str_from(part, key.len + 1); /* the last: those before it may be above the source's folder */
    if (!v.ptr || str_eqz(v, "__HIVE_DEFAULT_PARTITION__"))
        return STR_NONE;
    char *out = arena_alloc(a, v.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        bool packed = v.ptr[i] == '%' && i + 2 < v.len && hex(v.ptr[i + 1]) >= 0 && hex(v.ptr[i + 2]) >= 0;
        out[n++] = packed ? (char)(hex(v.ptr[i + 1]) << 4 | hex(v.ptr[i + 2])) : v.ptr[i];
        i += packed ? 2 : 0;
    }
    return str_of(out, n);
}

static void tell_wide(struct scan *c)
{
    if (c->wide)
        log_warn("files", "rows with more fields than columns: what is beyond them is not read file=%s rows=%jd first_line=%jd "
                 "(rescuedDataColumn keeps it)", c->file.path.ptr, (intmax_t)c->wide, (intmax_t)c->first_wide);
    c->wide = 0;
}

/* Opens the next file and reads its header. 1, 0 no more files, -1. */
static int next_file(struct scan *c, struct err *err)
{
    const struct csv_spec *spec = &c->s->spec;
    tell_wide(c);
    if (c->next_file == spec->file_count)
        return 0;
    arena_reset(c->names);
    if (file_open(&c->file, spec->files[c->next_file++], err))
        return -1;
    c->header_count = 0;
    if (spec->header) {
        int rc = file_row(&c->file, err);
        if (rc < 0)
            return -1;
        c->header = rc ? header_names(c->names, spec, &c->file.row) : NULL;
        c->header_count = rc ? c->file.row.count : 0;
        if (rc && spec->check_header && check_header(c, err))
            return -1;
    }
    map_columns(c);
    for (size_t i = 0; i < spec->partition_count; i++)
        c->partition[i] = partition_value(c->names, c->file.path, spec->partitions[i]);
    c->opened = true;
    return 1;
}

/* Java's decoder puts U+FFFD where bytes are not UTF-8. */
static struct str as_utf8(struct scan *c, struct str s)
{
    if (str_utf8_ok(s))
        return s;
    buf_clear(&c->fixed);
    for (int64_t bad; s.len && (bad = str_utf8_bad(s)) >= 0; s = str_from(s, (size_t)bad + 1)) {
        buf_add(&c->fixed, s.ptr, (size_t)bad);
        buf_z(&c->fixed, "\xef\xbf\xbd");
    }
    buf_str(&c->fixed, s);
    return buf_view(&c->fixed);
}

static void put(struct scan *c, struct duck_out *out, size_t col, size_t row, struct str v)
{
    if (!duck_out_wanted(out, col))
        return;
    if (v.ptr)
        duck_out_text(out, col, row, as_utf8(c, v));
    else
        duck_out_null(out, col, row);
}

static bool has_column(const struct scan *c, size_t field)
{
    for (size_t i = 0; i < c->s->spec.column_count; i++)
        if (c->field_of[i] == (int64_t)field)
            return true;
    return false;
}

static struct str surplus(struct scan *c)
{
    const struct csv_record *r = &c->file.row;
    bool positions = !(c->s->spec.header && c->s->spec.by_name);
    buf_clear(&c->surplus);
    for (size_t i = positions ? c->s->spec.column_count : 0; i < r->count; i++) {
        struct str v = field_value(&c->s->spec, r, i);
        char name[32];
        if (!v.ptr || (!positions && has_column(c, i)))
            continue;
        snprintf(name, sizeof name, "_c%zu", i);
        buf_z(&c->surplus, c->surplus.len ? "," : "");
        json_quote(&c->surplus, i < c->header_count ? c->header[i] : str_z(name));
        buf_char(&c->surplus, ':');
        json_quote(&c->surplus, as_utf8(c, v));
    }
    return c->surplus.len ? buf_view(&c->surplus) : STR_NONE;
}

static void put_row(struct scan *c, struct duck_out *out, size_t row)
{
    const struct csv_spec *spec = &c->s->spec;
    const struct csv_record *r = &c->file.row;
    size_t known = spec->column_count + spec->partition_count;
    for (size_t i = 0; i < spec->column_count; i++) {
        int64_t at = c->field_of[i];
        put(c, out, i, row, at >= 0 && (size_t)at < r->count ? field_value(spec, r, (size_t)at) : STR_NONE);
    }
    for (size_t i = 0; i < spec->partition_count; i++)
        put(c, out, spec->column_count + i, row, c->partition[i]);
    put(c, out, known + KNOWN_FILE, row, c->file.path);
    duck_out_i64(out, known + KNOWN_LINE, row, c->file.row_line);
    duck_out_i64(out, known + KNOWN_WIDTH, row, r->count < c->expected ? -1 : r->count > c->expected);
    if (duck_out_wanted(out, known + KNOWN_SURPLUS))
        put(c, out, known + KNOWN_SURPLUS, row, surplus(c));
    put(c, out, known + KNOWN_RECORD, row, r->raw);
    bool told = duck_out_wanted(out, known + KNOWN_SURPLUS) || duck_out_wanted(out, known + KNOWN_WIDTH) ||
                duck_out_wanted(out, known + KNOWN_RECORD);
    if (r->count > c->expected && !told && c->wide++ == 0)
        c->first_wide = c->file.row_line;
}

static int scan_next(void *p, struct duck_out *out, struct err *err)
{
    struct scan *c = p;
    size_t rows = 0;
    while (rows < duck_out_capacity(out)) {
        int rc = c->opened ? file_row(&c->file, err) : 0;
        if (rc < 0)
            return -1;
        if (rc) {
            put_row(c, out, rows++);
            continue;
        }
        c->opened = false;
        if ((rc = next_file(c, err)) < 0)
            return -1;
        if (!rc)
            break;
    }
    duck_out_rows(out, rows);
    return 0;
}

static void drop(void *p)
{
    arena_free(((struct source *)p)->a);
}

static struct duck_source *make(void *ctx, struct str argument, struct err *err)
{
    struct arena *a = arena_new();
    struct source *s = ARENA_NEW(a, struct source);
    (void)ctx;
    s->a = a;
    if (read_spec(a, argument, &s->spec, err)) {
        arena_free(a);
        return NULL;
    }
    size_t data = s->spec.column_count + s->spec.partition_count, n = data + KNOWN_COLUMNS;
    const char **names = ARENA_ARRAY(a, const char *, n), **types = ARENA_ARRAY(a, const char *, n);
    for (size_t i = 0; i < n; i++) {
        names[i] = i < s->spec.column_count ? str_cz(a, s->spec.columns[i])
                   : i < data ? str_cz(a, s->spec.partitions[i - s->spec.column_count]) : KNOWN_NAMES[i - data];
        types[i] = i < data ? "VARCHAR" : KNOWN_TYPES[i - data];
    }
    for (size_t i = 0; i < s->spec.file_count; i++)
        s->spec.files[i] = str_copy(a, s->spec.files[i]);
    s->base = (struct duck_source){n, names, types, scan_open, scan_next, scan_close, s};
    return &s->base;
}

int csv_scan_register(struct duck *db, struct err *err)
{
    static const struct duck_reader reader = {make, drop, NULL};
    return duck_reader_register(db, "spark_csv", &reader, err);
}
