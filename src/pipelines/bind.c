#include "pipelines/bind.h"
#include "pipelines/schema_log.h"
#include "pipelines/target.h"
#include <string.h>

enum leaf_kind { LEAF_STREAM, LEAF_SNAPSHOT, LEAF_FILES, LEAF_EMPTY };
struct bound_leaf {
    enum leaf_kind kind;
    struct stream_source *source;
    struct lake_snapshot *snapshot;
    struct file_source *files;
    struct data_file *list;
    size_t count;
    const struct type *schema;
};

static void mix(struct binding *b, uint64_t h)
{
    b->hash = (b->hash ^ h) * 1099511628211u;
}

static int bound(struct arena *a, struct leaf_info *out, const struct type *schema, const struct bound_leaf *leaf)
{
    out->schema = schema;
    out->bound = arena_copy(a, leaf, sizeof *leaf);
    ((struct bound_leaf *)out->bound)->schema = schema;
    return 1;
}

static int empty(struct arena *a, struct leaf_info *out, const struct type *schema)
{
    return bound(a, out, schema, &(struct bound_leaf){.kind = LEAF_EMPTY});
}

static const struct query_scope *scope_of(const struct binding *b, const struct rel *leaf)
{
    for (size_t i = 0; i < b->view_count; i++)
        if (b->views[i]->file == leaf->at.file)
            return b->views[i];
    return model_scope(b->m, leaf->at.file);
}

/* ---- streams */

static struct stream_source *source_for(struct binding *b, enum source_kind kind, struct str key, const struct rel *leaf)
{
    for (size_t i = 0; i < b->sources->count; i++)
        if (str_eq(b->sources->items[i]->key, key))
            return b->sources->items[i];
    struct stream_source *s = ARENA_NEW(b->runtime, struct stream_source);
    *s = (struct stream_source){.kind = kind, .arena = b->runtime, .index = b->sources->count, .key = str_copy(b->runtime, key), .at = leaf->at,
                                .starting_version = -1, .newest_log = -1};
    b->sources->items = arena_grow(b->runtime, b->sources->items, &b->sources->cap, b->sources->count + 1, sizeof s);
    b->sources->items[b->sources->count++] = s;
    return s;
}

static int stream_options(struct stream_source *s, const struct rel *leaf, struct err *err)
{
    for (size_t i = 0; i < leaf->options.count; i++) {
        struct str k = leaf->options.keys[i], v = leaf->options.values[i];
        if (str_ieqz(k, "skipChangeCommits"))
            s->skip_changes = str_ieqz(v, "true");
        else if (!str_ieqz(k, "startingVersion") || !str_i64(v, &s->starting_version))
            return err_at(err, ERR_UNSUPPORTED, PLACE(leaf->at), "option '%.*s' = '%.*s' of a Delta stream is not supported", STR_ARGS(k), STR_ARGS(v));
    }
    return 0;
}

/* When run, a source's range is made ready as soon as its schema is known. */
static int stream_leaf(struct binding *b, struct arena *a, struct stream_source *s, const struct type *schema,
                       struct leaf_info *out, struct err *err)
{
    if (b->mode == BIND_RUN && !s->ranged && source_range(s, b->arena, b->session, err))
        return -1;
    s->ranged = b->mode == BIND_RUN;
    return bound(a, out, schema, &(struct bound_leaf){.kind = LEAF_STREAM, .source = s});
}

static struct lake_snapshot *hold(struct binding *b, struct lake_snapshot *snap, struct str full)
{
    if (!snap)
        return NULL;
    b->tables = arena_grow(b->arena, b->tables, &b->table_cap, b->table_count + 1, sizeof *b->tables);
    b->tables[b->table_count++] = (struct bound_table){str_copy(b->arena, str_z(snap->dir)), full, snap};
    return snap;
}

static int delta_stream(struct binding *b, struct arena *a, const struct rel *leaf, struct lake_snapshot *snap,
                        const char *dir, struct str full, struct leaf_info *out, struct err *err)
{
    struct stream_source *s = source_for(b, SOURCE_DELTA, str_fmt(a, "delta:%s", dir), leaf);
    if (!s->dir) {
        s->dir = arena_strdup(b->runtime, dir);
        s->shown = str_copy(b->runtime, full);
    }
    if (stream_options(s, leaf, err))
        return -1;
    if (!snap)
        return 0;
    if (!s->ranged)
        s->snapshot = snap;
    return stream_leaf(b, a, s, snap->schema, out, err);
}

/* The schema as it was inferred before, else as declared or inferred now. */
static int file_schema(struct binding *b, struct arena *a, struct stream_source *s, struct file_source *f, struct err *err)
{
    struct data_file *list;
    char *dir = target_state_dir(b->m, a, b->flow);
    bool keep = b->mode != BIND_CHECK && b->flow->target->kind == DATASET_STREAMING_TABLE;
    int known = keep ? schema_log_read(dir, s->index, f, b->runtime, err) : 0;
    int64_t n = known ? 0 : file_source_list(f, a, &list, err);
    if (known < 0 || n < 0)
        return -1;
    if (!known && file_source_schema(f, b->runtime, session_conn(b->session), list, (size_t)n, err)) {
        if (err->code == ERR_INPUT && strstr(err->msg, "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE"))
            b->missing = f->uri;
        return -1;
    }
    return !known && keep && !f->declared ? schema_log_write(dir, s->index, f, err) : 0;
}

static int file_stream(struct binding *b, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct str key = str_fmt(a, "files:%s:%d:%d", leaf->at.file, leaf->at.line, leaf->at.col);
    struct stream_source *s = source_for(b, SOURCE_FILES, key, leaf);
    if (!s->files) {
        struct file_source *f = file_source_open(b->runtime, leaf, session_engine(b->session)->names, err);
        if (!f || file_schema(b, a, s, f, err))
            return -1;
        struct str max = file_source_option(f, "maxFilesPerTrigger");
        if (max.len && !str_i64(max, &s->max_files))
            return err_at(err, ERR_INPUT, PLACE(leaf->at), "maxFilesPerTrigger takes a number, not '%.*s'", STR_ARGS(max));
        s->files = f;
        s->shown = f->uri;
    }
    return stream_leaf(b, a, s, s->files->schema, out, err);
}

/* ---- static relations */

static int static_files(struct binding *b, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct bound_leaf bl = {.kind = LEAF_FILES};
    b->reads_files = true;
    bl.files = file_source_open(a, leaf, session_engine(b->session)->names, err);
    int64_t n = bl.files ? file_source_list(bl.files, a, &bl.list, err) : -1;
    bl.count = n < 0 ? 0 : (size_t)n;
    if (n < 0 || file_source_schema(bl.files, a, session_conn(b->session), bl.list, bl.count, err)) {
        if (err->code == ERR_INPUT && strstr(err->msg, "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE"))
            b->missing = bl.files->uri;
        return -1;
    }
    for (size_t i = 0; i < bl.count; i++) {
        mix(b, str_hash(bl.list[i].path));
        mix(b, (uint64_t)bl.list[i].size);
        mix(b, (uint64_t)bl.list[i].mtime_us);
    }
    return bound(a, out, bl.files->schema, &bl);
}

static int files(struct binding *b, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    return leaf->streaming ? file_stream(b, a, leaf, out, err) : static_files(b, a, leaf, out, err);
}

/* The version to read: the one that the batch pinned, or the newest. */
static struct lake_snapshot *snapshot_of(struct binding *b, const struct rel *leaf, const char *dir, struct err *err)
{
    struct lake_table *t = lake_catalog_table(session_engine(b->session)->catalog, dir);
    struct duck_conn *c = session_conn(b->session);
    if (leaf->version && leaf->version->kind == EXPR_LITERAL && leaf->version->lit.kind == LIT_INT)
        return lake_table_at(t, c, leaf->version->lit.i64, err);
    for (size_t i = 0; !leaf->streaming && b->replay && i < b->replay->pin_count; i++)
        if (str_eqz(b->replay->pins[i].dir, dir))
            return lake_table_at(t, c, b->replay->pins[i].version, err);
    return lake_table_latest(t, c, err);
}

/* A table that is not there: is that a matter of time? */
static int absent(struct binding *b, const struct rel *leaf, const struct dataset *d, struct str full, struct err *err)
{
    if (d || map_get(b->m->declared, full) || (b->will_exist && b->will_exist(b->ctx, full)))
        b->missing = str_copy(b->arena, full);
    return err_at(err, ERR_NOT_FOUND, PLACE(leaf->at), "[TABLE_OR_VIEW_NOT_FOUND] The table or view %.*s cannot be found", STR_ARGS(full));
}

static int delta(struct binding *b, struct arena *a, const struct rel *leaf, const char *dir, struct str full,
                 const struct dataset *d, struct leaf_info *out, struct err *err)
{
    const struct declared_table *declared = d ? NULL : map_get(b->m->declared, full);
    const struct type *schema = d && b->mode == BIND_CHECK ? b->schemas[d->order] : declared ? declared->schema : NULL;
    struct err missing = {};
    if (d && b->mode == BIND_CHECK) {
        b->upstream_failed = b->upstream_failed || !schema;
        return schema ? empty(a, out, schema) : absent(b, leaf, d, full, err);
    }
    struct lake_snapshot *snap = snapshot_of(b, leaf, dir, &missing);
    if (!snap && missing.code != ERR_NOT_FOUND) {
        *err = missing;
        return -1;
    }
    if (snap)
        hold(b, snap, full);
    if (leaf->streaming) {
        int rc = delta_stream(b, a, leaf, snap, dir, full, out, err);
        if (rc)
            return rc;
        return schema ? empty(a, out, schema) : absent(b, leaf, d, full, err);
    }
    if (!snap)
        return schema ? empty(a, out, schema) : absent(b, leaf, d, full, err);
    return bound(a, out, snap->schema, &(struct bound_leaf){.kind = LEAF_SNAPSHOT, .snapshot = snap});
}

/* ---- names */

static int dataset_view(struct binding *b, struct arena *a, const struct rel *leaf, const struct dataset *d,
                        struct leaf_info *out, struct err *err)
{
    if (!d->flow_count) {
        b->upstream_failed = true;
        return absent(b, leaf, d, d->full, err);
    }
    if (leaf->streaming != d->streams)
        return err_at(err, ERR_INPUT, PLACE(leaf->at), d->streams ?
                      "[INCOMPATIBLE_STREAMING_VIEW_READ] view %.*s is a streaming view: read it with STREAM" :
                      "[INCOMPATIBLE_BATCH_VIEW_READ] view %.*s is a batch view: read it without STREAM", STR_ARGS(d->shown));
    mix(b, str_hash(d->st->text));
    out->view = d->flows[0]->query;
    out->view_ctx = NULL;
    if (d->st->column_count) {
        struct rel *r = rel_new(a, REL_RENAME, leaf->at);
        r->input = (struct rel *)d->flows[0]->query;
        r->new_columns = ARENA_ARRAY(a, struct str, d->st->column_count);
        r->column_count = d->st->column_count; /* without `columns`: toDF() */
        for (size_t i = 0; i < d->st->column_count; i++)
            r->new_columns[i] = d->st->columns[i].name;
        out->view = r;
    }
    return 1;
}

static int catalog_view(struct binding *b, struct arena *a, const struct rel *leaf, const struct lake_entry *e,
                        struct leaf_info *out, struct err *err)
{
    if (leaf->streaming)
        return err_at(err, ERR_UNSUPPORTED, PLACE(leaf->at), "a stream over view '%.*s' is not supported: read its tables with STREAM", STR_ARGS(e->name.table));
    if (b->view_count == SESSION_MAX_VIEW_DEPTH * 20)
        return err_at(err, ERR_LIMIT, PLACE(leaf->at), "the query reads too many views, or views that read each other");
    struct query_scope *scope = ARENA_NEW(b->arena, struct query_scope);
    scope->file = str_cz(b->arena, lake_name_text(a, &e->name));
    scope->names = (struct lake_scope){e->view_catalog, e->view_schema};
    b->views = arena_grow(b->arena, b->views, &b->view_cap, b->view_count + 1, sizeof scope);
    b->views[b->view_count++] = scope;
    mix(b, str_hash(e->text));
    out->view = sparksql_query(b->arena, scope->file, e->text, err);
    return out->view ? 1 : -1;
}

static int entry(struct binding *b, struct arena *a, const struct rel *leaf, const struct lake_name *full,
                 struct leaf_info *out, struct err *err)
{
    struct lake_entry e;
    char *dir;
    struct str text = lake_name_text(a, full);
    const struct declared_table *declared = map_get(b->m->declared, text);
    struct str parts[3] = {full->catalog, full->schema, full->table};
    if (lake_catalog_find(session_engine(b->session)->catalog, a, full, &e, err))
        return -1;
    if (e.kind == LAKE_VIEW)
        return catalog_view(b, a, leaf, &e, out, err);
    if (e.kind == LAKE_NONE && declared)
        return delta(b, a, leaf, declared->dir, text, NULL, out, err);
    if (e.kind == LAKE_NONE)
        return absent(b, leaf, NULL, text, err);
    if (e.kind == LAKE_EXTERNAL && e.format.len && !str_ieqz(e.format, "delta")) {
        if (leaf->streaming)
            return err_at(err, ERR_UNSUPPORTED, PLACE(leaf->at), "a stream over table '%.*s' of format %.*s is not supported: use STREAM read_files",
                          STR_ARGS(text), STR_ARGS(e.format));
        b->untracked = true;
        return 0;
    }
    if (session_table_dir(b->session, a, &(struct names){parts, 3}, &dir, err))
        return -1;
    return delta(b, a, leaf, dir, text, NULL, out, err);
}

/* format.`path` */
static int path_leaf(struct binding *b, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    static const char *const formats[] = {"parquet", "csv", "json", "text", "binaryfile"};
    char *dir;
    if (str_ieqz(leaf->name.parts[0], "delta"))
        return session_table_dir(b->session, a, &leaf->name, &dir, err) ? -1 :
               delta(b, a, leaf, dir, str_z(dir), NULL, out, err);
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (!str_ieqz(leaf->name.parts[0], formats[i]))
            continue;
        struct rel *source = arena_copy(a, leaf, sizeof *leaf);
        source->kind = REL_SOURCE;
        source->format = leaf->name.parts[0];
        source->paths = &leaf->name.parts[1];
        source->path_count = 1;
        return files(b, a, source, out, err);
    }
    return 0;
}

static int table(struct binding *b, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct lake_name full;
    const struct query_scope *scope = scope_of(b, leaf);
    if (!scope)
        return 0;
    if (leaf->timestamp || (leaf->version && leaf->streaming))
        return leaf->streaming ? err_at(err, ERR_UNSUPPORTED, PLACE(leaf->at), "time travel on a stream is not supported: use WITH (startingVersion = n)") : 0;
    const struct dataset *d = pipelines_model_find(b->m, a, &leaf->name, scope);
    if (d) {
        out->qualifier[0] = d->unpublished ? STR_NONE : d->name.catalog;
        out->qualifier[1] = d->unpublished ? STR_NONE : d->name.schema;
        out->qualifier[2] = d->name.table;
        return d->dir ? delta(b, a, leaf, d->dir, d->full, d, out, err) : dataset_view(b, a, leaf, d, out, err);
    }
    if (leaf->name.count == 2) {
        int rc = path_leaf(b, a, leaf, out, err);
        if (rc)
            return rc;
    }
    if (lake_name_resolve(a, leaf->name.parts, leaf->name.count, &scope->names, &full, err))
        return -1;
    out->qualifier[0] = full.catalog;
    out->qualifier[1] = full.schema;
    out->qualifier[2] = full.table;
    return entry(b, a, leaf, &full, out, err);
}

static int leaf_resolve(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    struct binding *b = ctx;
    if (leaf->kind == REL_TABLE)
        return table(b, a, leaf, out, err);
    if (leaf->kind == REL_SOURCE && !str_ieqz(leaf->format, "delta"))
        return files(b, a, leaf, out, err);
    if (leaf->kind == REL_FUNCTION && (str_ieqz(leaf->func, "read_files") || str_ieqz(leaf->func, "cloud_files")))
        return files(b, a, leaf, out, err);
    if (leaf->streaming)
        return err_at(err, ERR_UNSUPPORTED, PLACE(leaf->at), "a stream of '%.*s' is not supported", STR_ARGS(leaf->func.len ? leaf->func : leaf->format));
    return 0;
}

static int leaf_print(void *ctx, const struct rel *leaf, struct buf *out, struct err *err)
{
    struct binding *b = ctx;
    const struct bound_leaf *bl = leaf->bound;
    if (bl->kind == LEAF_EMPTY || (bl->kind == LEAF_STREAM && b->mode != BIND_RUN)) {
        lake_empty_sql(bl->schema, out);
        return 1;
    }
    int rc = bl->kind == LEAF_STREAM ? source_print(bl->source, out, err) :
             bl->kind == LEAF_FILES ? file_source_print(bl->files, bl->list, bl->count, out, err) :
             lake_scan_sql(bl->snapshot, &(struct lake_scan){.json_variants = true}, out, err);
    return rc ? -1 : 1;
}

void bind_begin(struct binding *b, struct tp now)
{
    b->hook = (struct session_hook){.leaf = leaf_resolve, .print = leaf_print, .ctx = b, .now = now};
    b->hash = 14695981039346656037u;
    mix(b, str_hash(b->flow->text));
}

void bind_end(struct binding *b)
{
    for (size_t i = 0; i < b->table_count; i++)
        lake_snapshot_unref(b->tables[i].snapshot);
    b->table_count = 0;
}
