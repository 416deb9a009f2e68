/* history.c -- commits as rows, a table as one row.
 *
 * A commit's time is its inCommitTimestamp, else its file's mtime, which is raised where it would go
 * backwards, as time travel counts it. What commitInfo says is given as it was written: other
 * writers have members of their own. */
#include "lake/history.h"
#include "lake/log_int.h"

int64_t lake_history(struct arena *a, const char *dir, int64_t limit, struct lake_history_entry **out, struct err *err)
{
    int64_t *versions, n = lake_versions(a, dir, &versions, err), last_ms = INT64_MIN;
    if (n < 0)
        return -1;
    int64_t skip = limit > 0 && n > limit ? n - limit : 0, count = 0;
    struct lake_history_entry *entries = ARENA_ARRAY(a, struct lake_history_entry, n - skip + 1);
    for (int64_t i = skip; i < n; i++) {
        struct lake_change *ch;
        int64_t got = lake_changes(a, dir, versions[i], versions[i], &ch, err);
        if (got < 0)
            return -1;
        if (got == 0)
            continue; /* cleaned away since it was listed */
        last_ms = ch->timestamp_ms > last_ms ? ch->timestamp_ms : last_ms + 1;
        entries[n - 1 - i] = (struct lake_history_entry){
            .version = versions[i],
            .timestamp_ms = last_ms,
            .operation = doc_str(doc_get(ch->info, "operation"), STR_NONE),
            .parameters = doc_get(ch->info, "operationParameters"),
            .metrics = doc_get(ch->info, "operationMetrics"),
            .info = ch->info,
        };
        count++;
    }
    *out = entries;
    return count; /* what was cleaned away is the oldest, at the end */
}

static void put_key(struct buf *out, const char *key)
{
    if (out->ptr[out->len - 1] != '{')
        buf_char(out, ',');
    buf_printf(out, "\"%s\":", key);
}

static void put_text(struct buf *out, const char *key, struct str s)
{
    put_key(out, key);
    if (s.ptr)
        json_quote(out, s);
    else
        buf_z(out, "null");
}

static void put_i64(struct buf *out, const char *key, int64_t v)
{
    put_key(out, key);
    buf_printf(out, "%jd", (intmax_t)v);
}

static void put_time(struct buf *out, const char *key, int64_t ms)
{
    char iso[40];
    put_text(out, key, ms < 0 ? STR_NONE : str_z(time_iso((struct tp){ms * 1000}, 3, iso)));
}

static void put_names(struct buf *out, const char *key, const struct str *names, size_t count)
{
    put_key(out, key);
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, names[i]);
    }
    buf_char(out, ']');
}

static void put_properties(struct buf *out, struct lake_pairs p)
{
    put_key(out, "properties");
    buf_char(out, '{');
    for (size_t i = 0; i < p.count; i++) {
        buf_z(out, i ? "," : "");
        json_quote(out, p.items[i].key);
        buf_char(out, ':');
        json_quote(out, p.items[i].value);
    }
    buf_char(out, '}');
}

/* The logical path of a column given by physical names, which may be nested; false: it is not in the schema. */
static bool put_logical(struct buf *out, const struct lake_snapshot *s, const struct doc *path)
{
    const struct type *t = s->schema;
    for (size_t k = 0; k < path->count; k++) {
        const struct type_field *field = NULL;
        for (size_t f = 0; f < t->field_count && !field; f++)
            if (str_eq(lake_physical_name(s, &t->fields[f]), doc_str(path->items[k], STR(""))))
                field = &t->fields[f];
        if (!field)
            return false;
        buf_z(out, k ? "." : "");
        buf_str(out, field->name);
        t = field->type;
    }
    return path->count > 0;
}

/* {"clusteringColumns":[["a"],["s","b"]]}: physical names, nested ones as paths. */
size_t lake_clustering(struct arena *a, const struct lake_snapshot *s, struct str **out)
{
    struct err err;
    const struct doc *columns = NULL;
    size_t n = 0;
    for (size_t i = 0; i < s->domains.count; i++)
        if (str_eqz(s->domains.items[i].key, "delta.clustering"))
            columns = doc_get(doc_json(a, NULL, s->domains.items[i].value, &err), "clusteringColumns");
    *out = ARENA_ARRAY(a, struct str, columns ? columns->count + 1 : 1);
    for (size_t i = 0; columns && i < columns->count; i++) {
        struct buf path;
        buf_init(&path);
        if (put_logical(&path, s, columns->items[i]))
            (*out)[n++] = str_copy(a, buf_view(&path));
        buf_release(&path);
    }
    return n;
}

static void put_clustering(struct buf *out, const struct lake_snapshot *s)
{
    struct arena *a = arena_new();
    struct str *names;
    size_t n = lake_clustering(a, s, &names);
    put_names(out, "clusteringColumns", names, n);
    arena_free(a);
}

static void put_features(struct buf *out, const struct lake_snapshot *s)
{
    put_key(out, "tableFeatures");
    bool any = false;
    buf_char(out, '[');
    for (size_t i = 0; i < s->writer_feature_count; i++, any = true) {
        buf_z(out, any ? "," : "");
        json_quote(out, s->writer_features[i]);
    }
    for (size_t i = 0; i < s->reader_feature_count; i++) {
        bool seen = false;
        for (size_t k = 0; k < s->writer_feature_count; k++)
            seen = seen || str_eq(s->writer_features[k], s->reader_features[i]);
        if (seen)
            continue;
        buf_z(out, any ? "," : "");
        json_quote(out, s->reader_features[i]);
        any = true;
    }
    buf_char(out, ']');
}

void lake_detail_json(const struct lake_snapshot *s, struct buf *out)
{
    buf_char(out, '{');
    put_text(out, "format", STR("delta"));
    put_text(out, "id", s->id);
    put_text(out, "name", s->name);
    put_text(out, "description", s->description);
    put_text(out, "location", str_z(s->dir));
    put_time(out, "createdAt", s->created_ms);
    put_time(out, "lastModified", s->timestamp_ms);
    put_names(out, "partitionColumns", s->partition_columns, s->partition_count);
    put_clustering(out, s);
    put_i64(out, "numFiles", (int64_t)s->file_count);
    put_i64(out, "sizeInBytes", s->size);
    put_properties(out, s->properties);
    put_i64(out, "minReaderVersion", s->min_reader);
    put_i64(out, "minWriterVersion", s->min_writer);
    put_features(out, s);
    put_i64(out, "version", s->version);
    put_key(out, "numRecords");
    if (s->rows < 0)
        buf_z(out, "null");
    else
        buf_printf(out, "%jd", (intmax_t)s->rows);
    buf_char(out, '}');
}

void lake_history_json(const struct lake_history_entry *e, struct buf *out)
{
    static const char *const members[] = {"userId", "userName", "operation", "operationParameters", "job", "notebook", "clusterId",
                                          "readVersion", "isolationLevel", "isBlindAppend", "operationMetrics", "userMetadata", "engineInfo"};
    buf_char(out, '{');
    put_i64(out, "version", e->version);
    put_time(out, "timestamp", e->timestamp_ms);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct doc *v = doc_get(e->info, members[i]);
        put_key(out, members[i]);
        if (v)
            doc_write(out, v);
        else
            buf_z(out, "null");
    }
    buf_char(out, '}');
}
