/* action.c -- the actions of a Delta log, to and from JSON.
 *
 * A commit is lines of JSON, each an object with one member named after the action:
 *     {"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
 *     {"metaData":{"id":"…","format":{"provider":"parquet","options":{}},"schemaString":"…",
 *                  "partitionColumns":["p"],"configuration":{"k":"v"},"createdTime":0}}
 *     {"add":{"path":"part-0.parquet","partitionValues":{"p":"1"},"size":9,"modificationTime":0,
 *             "dataChange":true,"stats":"{\"numRecords\":1}"}}
 *     {"remove":{"path":"…","deletionTimestamp":0,"dataChange":true}}
 *     {"txn":{"appId":"…","version":7,"lastUpdated":0}}
 *     {"commitInfo":{…}}, {"cdc":{…}}, {"domainMetadata":{…}}
 * A row of a checkpoint turned into JSON has all members, the absent ones null. Members we do not
 * know are ignored, as the protocol asks; those of add that a rewrite must carry on
 * (baseRowId, tags …) are kept as text in lake_file.extra. */
#include "lake/log_int.h"
#include <stdio.h>
#include <string.h>

#define MAX_CARDINALITY (1LL << 48)
_Static_assert(sizeof(struct lake_file) <= 144, "a table has millions of these");

static const char *const carried[] = {"tags", "baseRowId", "defaultRowCommitVersion", "clusteringProvider"};

static int need_i64(const struct doc *d, const char *key, int64_t otherwise, int64_t *out, struct err *err)
{
    const struct doc *v = doc_get(d, key);
    *out = otherwise;
    if (!v || v->kind == DOC_NULL || doc_i64(v, out))
        return 0;
    double f;
    if (!doc_f64(v, &f))
        return doc_err(v, ERR_CORRUPT, err, "'%s' is no number", key);
    *out = (int64_t)f;
    return 0;
}

static struct str copy_str(struct arena *a, const struct doc *d, const char *key)
{
    struct str s = doc_str(doc_get(d, key), STR_NONE);
    return s.ptr ? str_copy(a, s) : STR_NONE;
}

static struct lake_pairs copy_pairs(struct arena *a, const struct doc *d)
{
    struct lake_pairs p = {};
    if (!doc_is(d, DOC_OBJECT))
        return p;
    p.items = ARENA_ARRAY(a, struct lake_pair, d->count);
    for (size_t i = 0; i < d->count; i++) {
        struct lake_pair *to = &p.items[p.count++];
        to->key = str_copy(a, d->keys[i].name);
        to->is_null = doc_is(d->items[i], DOC_NULL);
        to->value = str_copy(a, doc_str(d->items[i], STR("")));
    }
    return p;
}

static int copy_dv(struct arena *a, const struct doc *d, struct lake_dv *out, struct err *err)
{
    int64_t offset, size, cardinality;
    struct str storage = doc_str(doc_get(d, "storageType"), STR_NONE);
    if (!storage.len)
        return 0;
    if (need_i64(d, "offset", 0, &offset, err) || need_i64(d, "sizeInBytes", 0, &size, err) || need_i64(d, "cardinality", 0, &cardinality, err))
        return -1;
    if (offset < 0 || offset > INT32_MAX || size < 0 || size > INT32_MAX || cardinality < 0 || cardinality > MAX_CARDINALITY)
        return doc_err(d, ERR_CORRUPT, err, "a deletion vector of %jd rows, %jd bytes at %jd", (intmax_t)cardinality, (intmax_t)size, (intmax_t)offset);
    *out = (struct lake_dv){.storage = storage.ptr[0], .path_or_inline = copy_str(a, d, "pathOrInlineDv"), .offset = (uint32_t)offset,
                            .size_bytes = (uint32_t)size, .cardinality = cardinality};
    return 0;
}

static struct str carried_text(struct arena *a, const struct doc *d)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(carried); i++) {
        const struct doc *v = doc_get(d, carried[i]);
        if (!v || v->kind == DOC_NULL || (v->kind == DOC_OBJECT && !v->count))
            continue;
        buf_printf(&b, ",\"%s\":", carried[i]);
        doc_write(&b, v);
    }
    struct str s = b.len ? str_copy(a, buf_view(&b)) : STR_NONE;
    buf_release(&b);
    return s;
}

static int64_t rows_left(int64_t rows, const struct lake_dv *dv)
{
    return rows < 0 ? -1 : rows - dv->cardinality;
}

int action_file(struct arena *a, const struct doc *d, int64_t version, struct lake_file *out, struct err *err)
{
    *out = (struct lake_file){.version = version, .rows = -1};
    out->path = copy_str(a, d, "path");
    if (!out->path.len)
        return doc_err(d, ERR_CORRUPT, err, "a file action has no path");
    if (need_i64(d, "size", 0, &out->size, err) || need_i64(d, "modificationTime", 0, &out->modified_ms, err) ||
        need_i64(d, "deletionTimestamp", 0, &out->deleted_ms, err))
        return -1;
    out->data_change = doc_bool(doc_get(d, "dataChange"), true);
    out->partition = copy_pairs(a, doc_get(d, "partitionValues"));
    out->stats = LAKE_STATS(copy_str(a, d, "stats"));
    if (copy_dv(a, doc_get(d, "deletionVector"), &out->dv, err))
        return -1;
    out->extra = carried_text(a, d);
    out->rows = rows_left(stats_text_rows(out->stats.text), &out->dv);
    return 0;
}

int action_file_rest(struct arena *a, struct str json, struct lake_file *out, struct err *err)
{
    struct arena *scratch = arena_new();
    struct doc *d = doc_json(scratch, NULL, json, err);
    int rc = d ? copy_dv(a, doc_get(d, "deletionVector"), &out->dv, err) : -1;
    out->extra = d ? carried_text(a, d) : STR_NONE;
    arena_free(scratch);
    return rc;
}

static int copy_names(struct arena *a, const struct doc *d, struct str **out, size_t *count)
{
    *out = NULL;
    *count = 0;
    if (!doc_is(d, DOC_ARRAY))
        return 0;
    *out = ARENA_ARRAY(a, struct str, d->count);
    for (size_t i = 0; i < d->count; i++)
        (*out)[(*count)++] = str_copy(a, doc_str(d->items[i], STR_NONE));
    return 0;
}

int action_meta(struct arena *a, const struct doc *d, struct lake_meta *out, struct err *err)
{
    *out = (struct lake_meta){.created_ms = -1};
    out->id = copy_str(a, d, "id");
    out->name = copy_str(a, d, "name");
    out->description = copy_str(a, d, "description");
    out->provider = str_copy(a, doc_str(doc_get(doc_get(d, "format"), "provider"), STR("parquet")));
    out->properties = copy_pairs(a, doc_get(d, "configuration"));
    copy_names(a, doc_get(d, "partitionColumns"), &out->partition_columns, &out->partition_count);
    if (need_i64(d, "createdTime", -1, &out->created_ms, err))
        return -1;
    out->schema_json = copy_str(a, d, "schemaString");
    if (!out->schema_json.len)
        return doc_err(d, ERR_CORRUPT, err, "metaData has no schemaString");
    struct doc *schema = doc_json(a, "schemaString", out->schema_json, err);
    out->schema = schema ? type_read_json(a, schema, err) : NULL;
    if (!out->schema)
        return err_wrap(err, "the table's schema");
    if (out->schema->kind != TYPE_STRUCT)
        return doc_err(d, ERR_CORRUPT, err, "the table's schema is no struct");
    if (!str_eqz(out->provider, "parquet"))
        return doc_err(d, ERR_UNSUPPORTED, err, "data files of format '%.*s'", STR_ARGS(out->provider));
    return 0;
}

int action_protocol(struct arena *a, const struct doc *d, struct lake_protocol *out, struct err *err)
{
    int64_t reader, writer;
    *out = (struct lake_protocol){};
    if (need_i64(d, "minReaderVersion", 1, &reader, err) || need_i64(d, "minWriterVersion", 1, &writer, err))
        return -1;
    out->min_reader = (int)reader;
    out->min_writer = (int)writer;
    copy_names(a, doc_get(d, "readerFeatures"), &out->reader_features, &out->reader_feature_count);
    return copy_names(a, doc_get(d, "writerFeatures"), &out->writer_features, &out->writer_feature_count);
}

int action_txn(struct arena *a, const struct doc *d, struct lake_app_txn *out, struct err *err)
{
    out->app_id = copy_str(a, d, "appId");
    if (need_i64(d, "version", 0, &out->version, err))
        return -1;
    return need_i64(d, "lastUpdated", 0, &out->updated_ms, err);
}

/* ---- copies, for compaction of leaves */

struct lake_pairs action_pairs_copy(struct arena *a, struct lake_pairs from)
{
    struct lake_pairs to = {.items = ARENA_ARRAY(a, struct lake_pair, from.count), .count = from.count};
    for (size_t i = 0; i < from.count; i++)
        to.items[i] = (struct lake_pair){str_copy(a, from.items[i].key), str_copy(a, from.items[i].value),
                                         from.items[i].is_null};
    return to;
}

static struct str opt_copy(struct arena *a, struct str s)
{
    return s.ptr ? str_copy(a, s) : STR_NONE;
}

static struct str *names_copy(struct arena *a, const struct str *from, size_t count)
{
    struct str *to = ARENA_ARRAY(a, struct str, count);
    for (size_t i = 0; i < count; i++)
        to[i] = str_copy(a, from[i]);
    return to;
}

struct lake_file *action_file_copy(struct arena *a, const struct lake_file *f)
{
    struct lake_file *to = arena_copy(a, f, sizeof *f);
    to->path = str_copy(a, f->path);
    to->partition = action_pairs_copy(a, f->partition);
    to->stats = LAKE_STATS(f->stats.shape ? lake_file_stats(a, f) : opt_copy(a, f->stats.text));
    to->extra = opt_copy(a, f->extra);
    to->dv.path_or_inline = opt_copy(a, f->dv.path_or_inline);
    return to;
}

struct lake_file *action_file_pack(struct arena *a, struct stats_packer *p, const struct lake_file *f, struct lake_pairs pairs)
{
    struct str stats = f->stats.text;
    const struct stats_shape *shape = stats.len ? stats_pack(p, a, stats, &stats) : NULL;
    CHECK(!f->stats.shape);
    struct lake_file *to = arena_alloc(a, sizeof *to + f->path.len + stats.len + 1);
    char *text = (char *)(to + 1);
    *to = *f;
    to->partition = pairs;
    to->extra = opt_copy(a, f->extra);
    to->dv.path_or_inline = opt_copy(a, f->dv.path_or_inline);
    to->path = str_of(text, f->path.len);
    memcpy(text, f->path.ptr, f->path.len);
    text += f->path.len + 1;
    to->rows = rows_left(shape ? stats_packed_rows(shape, stats) : stats_text_rows(stats), &f->dv);
    to->stats = (struct lake_stats){stats.len ? str_of(text, stats.len) : STR_NONE, shape};
    if (stats.len)
        memcpy(text, stats.ptr, stats.len);
    return to;
}

void action_meta_copy(struct arena *a, const struct lake_meta *m, struct lake_meta *out)
{
    struct err err;
    *out = *m;
    out->id = opt_copy(a, m->id);
    out->name = opt_copy(a, m->name);
    out->description = opt_copy(a, m->description);
    out->provider = opt_copy(a, m->provider);
    out->schema_json = opt_copy(a, m->schema_json);
    out->partition_columns = names_copy(a, m->partition_columns, m->partition_count);
    out->properties = action_pairs_copy(a, m->properties);
    struct doc *d = doc_json(a, "schemaString", out->schema_json, &err);
    out->schema = d ? type_read_json(a, d, &err) : NULL;
    CHECK(out->schema); /* it was read from the same text before */
}

void action_protocol_copy(struct arena *a, const struct lake_protocol *p, struct lake_protocol *out)
{
    *out = *p;
    out->reader_features = names_copy(a, p->reader_features, p->reader_feature_count);
    out->writer_features = names_copy(a, p->writer_features, p->writer_feature_count);
}

struct str lake_file_stats(struct arena *a, const struct lake_file *f)
{
    if (!f->stats.shape)
        return f->stats.text;
    struct buf text;
    buf_init(&text);
    stats_unpack(&text, f->stats.shape, f->stats.text);
    struct str s = str_copy(a, buf_view(&text));
    buf_release(&text);
    return s;
}

void lake_file_put_stats(struct buf *out, const struct lake_file *f)
{
    struct err ignored;
    if (f->stats.shape && stats_unpack_json(out, f->stats.shape, f->stats.text))
        return;
    struct arena *a = arena_new();
    struct str text = lake_file_stats(a, f);
    struct doc *d = text.len ? doc_json(a, NULL, text, &ignored) : NULL;
    if (d)
        doc_write(out, d);
    else
        buf_z(out, "null");
    arena_free(a);
}

/* ---- identity */

/* "/x", "file:/x" and "file:///x" are one file, and so are %-spellings of the same bytes; a
 * relative path is another one than the absolute path it stands for. */
void action_file_key(struct buf *out, const struct lake_file *f)
{
    struct str p = f->path;
    if (str_starts_z(p, "file:")) {
        p = str_from(p, 5);
        while (p.len > 1 && p.ptr[1] == '/')
            p = str_from(p, 1);
    }
    size_t from = out->len;
    if (str_chr(p, '%') < 0) {
        buf_str(out, p);
    } else if (!percent_get(out, p)) {
        out->len = from; /* not an escape after all: the bytes as they are */
        out->ptr[from] = '\0';
        buf_str(out, p);
    }
    if (f->dv.storage) {
        buf_printf(out, "\n%c%.*s", f->dv.storage, STR_ARGS(f->dv.path_or_inline));
        if (f->dv.storage != 'i')
            buf_printf(out, "@%jd", (intmax_t)f->dv.offset);
    }
}

/* ---- writing */

static void put_member(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, ",\"%s\":", key);
    json_quote(out, value);
}

static void put_pairs(struct buf *out, struct lake_pairs p)
{
    buf_char(out, '{');
    for (size_t i = 0; i < p.count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, p.items[i].key);
        buf_char(out, ':');
        if (p.items[i].is_null)
            buf_z(out, "null");
        else
            json_quote(out, p.items[i].value);
    }
    buf_char(out, '}');
}

static void put_names(struct buf *out, const struct str *names, size_t count)
{
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, names[i]);
    }
    buf_char(out, ']');
}

static void put_dv(struct buf *out, const struct lake_dv *dv)
{
    if (!dv->storage)
        return;
    buf_printf(out, ",\"deletionVector\":{\"storageType\":\"%c\"", dv->storage);
    put_member(out, "pathOrInlineDv", dv->path_or_inline);
    if (dv->storage != 'i')
        buf_printf(out, ",\"offset\":%jd", (intmax_t)dv->offset);
    buf_printf(out, ",\"sizeInBytes\":%jd,\"cardinality\":%jd}", (intmax_t)dv->size_bytes, (intmax_t)dv->cardinality);
}

static void put_stats(struct buf *out, const struct lake_file *f)
{
    struct buf text;
    if (!f->stats.shape && !f->stats.text.len)
        return;
    buf_init(&text);
    if (f->stats.shape)
        stats_unpack(&text, f->stats.shape, f->stats.text);
    put_member(out, "stats", f->stats.shape ? buf_view(&text) : f->stats.text);
    buf_release(&text);
}

void action_put_file_body(struct buf *out, const struct lake_file *f, bool removed)
{
    buf_z(out, "{\"path\":");
    json_quote(out, f->path);
    if (removed)
        buf_printf(out, ",\"deletionTimestamp\":%jd,\"dataChange\":%s,\"extendedFileMetadata\":true",
                   (intmax_t)f->deleted_ms, f->data_change ? "true" : "false");
    buf_z(out, ",\"partitionValues\":");
    put_pairs(out, f->partition);
    buf_printf(out, ",\"size\":%jd", (intmax_t)f->size);
    if (!removed)
        buf_printf(out, ",\"modificationTime\":%jd,\"dataChange\":%s", (intmax_t)f->modified_ms,
                   f->data_change ? "true" : "false");
    if (!removed)
        put_stats(out, f);
    put_dv(out, &f->dv);
    buf_str(out, f->extra);
    buf_char(out, '}');
}

void action_put_add(struct buf *out, const struct lake_file *f)
{
    buf_z(out, "{\"add\":");
    action_put_file_body(out, f, false);
    buf_z(out, "}\n");
}

void action_put_remove(struct buf *out, const struct lake_file *f)
{
    buf_z(out, "{\"remove\":");
    action_put_file_body(out, f, true);
    buf_z(out, "}\n");
}

void action_put_txn(struct buf *out, const struct lake_app_txn *t)
{
    buf_z(out, "{\"txn\":{\"appId\":");
    json_quote(out, t->app_id);
    buf_printf(out, ",\"version\":%jd,\"lastUpdated\":%jd}}\n", (intmax_t)t->version, (intmax_t)t->updated_ms);
}

void action_put_meta_body(struct buf *out, const struct lake_meta *m)
{
    buf_z(out, "{\"id\":");
    json_quote(out, m->id);
    if (m->name.len)
        put_member(out, "name", m->name);
    if (m->description.len)
        put_member(out, "description", m->description);
    buf_z(out, ",\"format\":{\"provider\":\"parquet\",\"options\":{}}");
    put_member(out, "schemaString", m->schema_json);
    buf_z(out, ",\"partitionColumns\":");
    put_names(out, m->partition_columns, m->partition_count);
    buf_z(out, ",\"configuration\":");
    put_pairs(out, m->properties);
    if (m->created_ms >= 0)
        buf_printf(out, ",\"createdTime\":%jd", (intmax_t)m->created_ms);
    buf_char(out, '}');
}

void action_put_meta(struct buf *out, const struct lake_meta *m)
{
    buf_z(out, "{\"metaData\":");
    action_put_meta_body(out, m);
    buf_z(out, "}\n");
}

void action_put_protocol_body(struct buf *out, const struct lake_protocol *p)
{
    buf_printf(out, "{\"minReaderVersion\":%d,\"minWriterVersion\":%d", p->min_reader, p->min_writer);
    if (p->min_reader >= 3) {
        buf_z(out, ",\"readerFeatures\":");
        put_names(out, p->reader_features, p->reader_feature_count);
    }
    if (p->min_writer >= 7) {
        buf_z(out, ",\"writerFeatures\":");
        put_names(out, p->writer_features, p->writer_feature_count);
    }
    buf_char(out, '}');
}

void action_put_protocol(struct buf *out, const struct lake_protocol *p)
{
    buf_z(out, "{\"protocol\":");
    action_put_protocol_body(out, p);
    buf_z(out, "}\n");
}
