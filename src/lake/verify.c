/* verify.c -- looking a table over.
 *
 *     log         versions that are there have no gap between them
 *     checkpoint  the newest checkpoint says what the commits before it say, if all are still there
 *     crc         <version>.crc, if there: files, bytes, protocol and metaData are those of the version
 *     file, size  each live file is there, as long as logged
 *     parquet     and its footer can be read
 *     rows        which has as many rows as the statistics say
 *     vector      a deletion vector decodes, marks as many rows as it says, none past the file's end
 *     change      each change data file of the commits that are younger than
 *                 delta.deletedFileRetentionDuration is there, as long as logged, and its footer can be read;
 *                 of a table whose feed is on. Vacuum deletes older ones
 *     stats       (full) bounds hold for all rows, and null counts are right
 * Footers are read many at once by one query. Where that fails, one of them cannot be read, and they
 * are asked one by one. Bounds of statistics may be cut or rounded by their writer, so a bound may
 * be wider than the data but never narrower; null counts are exact unless a deletion vector makes
 * the bounds loose ("tightBounds": false). */
#include "lake/verify.h"
#include "lake/crc.h"
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/scan.h"
#include <string.h>

enum { BATCH = 256 /* files of one query */, RETENTION_MS = 7 * 86400000 };

struct verifier {
    struct arena *arena;
    struct lake_table *table;
    struct duck_conn *conn;
    const struct lake_verify_opts *opts;
    struct lake_verified *out;
    struct lake_snapshot *snap;
};

static void tell(struct verifier *v, const char *check, struct str path, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void tell(struct verifier *v, const char *check, struct str path, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    v->out->findings++;
    if (v->opts->found)
        v->opts->found(v->opts->ctx, &(struct lake_finding){check, path, b.ptr});
    buf_release(&b);
}

/* ---- the log */

static int check_log(struct verifier *v, struct err *err)
{
    int64_t *versions, n = lake_versions(v->arena, v->snap->dir, &versions, err);
    for (int64_t i = 1; i < n; i++)
        if (versions[i] != versions[i - 1] + 1)
            tell(v, "log", str_fmt(v->arena, "%020jd.json", (intmax_t)versions[i - 1] + 1), "is missing, though version %jd is there",
                 (intmax_t)versions[i]);
    return n < 0 ? -1 : 0;
}

/* May a writer have meant the same by both? Statistics may be there in one form or the other. */
static bool same_file(const struct lake_file *a, const struct lake_file *b)
{
    bool same = a->size == b->size && a->modified_ms == b->modified_ms && (a->rows < 0 || b->rows < 0 || a->rows == b->rows) &&
                a->dv.cardinality == b->dv.cardinality && a->partition.count == b->partition.count;
    for (size_t i = 0; i < a->partition.count && same; i++) {
        const struct lake_pair *p = &a->partition.items[i], *q = lake_partition_value(b, p->key);
        same = q && (p->is_null || !p->value.len) == (q->is_null || !q->value.len) && str_eq(p->value, q->value);
    }
    return same;
}

static bool same_txn(const void *x, const void *y)
{
    return ((const struct lake_app_txn *)x)->version == ((const struct lake_app_txn *)y)->version;
}

static bool same_domain(const void *x, const void *y)
{
    return str_eq(((const struct lake_pair *)x)->value, ((const struct lake_pair *)y)->value);
}

static void compare_maps(struct verifier *v, struct str path, const char *what, const struct map *stored, const struct map *replayed,
                         bool (*same)(const void *x, const void *y))
{
    struct str key;
    void *value;
    for (size_t at = 0; map_next(stored, &at, &key, &value);) {
        const void *other = map_get(replayed, key);
        if (!other)
            tell(v, "checkpoint", path, "has the %s '%.*s', which the commits have not", what, STR_ARGS(key));
        else if (!same(value, other))
            tell(v, "checkpoint", path, "says of the %s '%.*s' something else than the commits", what, STR_ARGS(key));
    }
    for (size_t at = 0; map_next(replayed, &at, &key, &value);)
        if (!map_has(stored, key))
            tell(v, "checkpoint", path, "lacks the %s '%.*s'", what, STR_ARGS(key));
}

static void compare_files(struct verifier *v, struct str path, struct file_index *stored, struct file_index *replayed)
{
    const struct lake_file *f;
    for (size_t at = 0; (f = file_index_next(stored, &at));) {
        const struct lake_file *other = file_index_get(replayed, f);
        if (!other)
            tell(v, "checkpoint", path, "has the file '%.*s', which the commits have not", STR_ARGS(f->path));
        else if (!same_file(f, other))
            tell(v, "checkpoint", path, "says of the file '%.*s' something else than the commits", STR_ARGS(f->path));
    }
    for (size_t at = 0; (f = file_index_next(replayed, &at));)
        if (!file_index_get(stored, f))
            tell(v, "checkpoint", path, "lacks the file '%.*s'", STR_ARGS(f->path));
}

/* The commits 0 to `version`, without any checkpoint. 1 done, 0 some are gone, -1 error. */
static int replay_commits(struct verifier *v, struct replay *r, int64_t version, struct err *err)
{
    for (int64_t i = 0; i <= version; i++) {
        struct buf text;
        struct err read_err;
        int64_t ict;
        buf_init_max(&text, LAKE_COMMIT_MAX_BYTES);
        char name[COMMIT_NAME];
        struct store *s = store_shared(v->snap->dir, &read_err);
        int rc = s ? store_get(s, commit_name(i, name), LAKE_COMMIT_MAX_BYTES, &text, NULL, &read_err) : -1;
        int applied = rc ? 0 : replay_apply_text(r, buf_view(&text), i, &ict, err);
        buf_release(&text);
        if (rc) {
            *err = read_err;
            return read_err.code == ERR_NOT_FOUND ? 0 : -1;
        }
        if (applied)
            return -1;
        r->version = i;
    }
    return 1;
}

static int check_checkpoint(struct verifier *v, struct err *err)
{
    struct segment seg;
    struct replay stored, commits;
    struct store *s = store_shared(v->snap->dir, err);
    if (!s || segment_find(v->arena, s, -1, &seg, err))
        return -1;
    if (seg.checkpoint.version < 0)
        return 0;
    replay_init(&stored, v->snap->dir);
    replay_init(&commits, v->snap->dir);
    struct str path = path_base(str_z(seg.checkpoint.files[0].name));
    int got = replay_commits(v, &commits, seg.checkpoint.version, err);
    if (got > 0 && checkpoint_read(&stored, &seg.checkpoint, v->conn, err)) {
        tell(v, "checkpoint", path, "cannot be read: %s", err->msg);
    } else if (got > 0) {
        compare_files(v, path, &stored.files, &commits.files);
        compare_maps(v, path, "transaction", stored.txns, commits.txns, same_txn);
        compare_maps(v, path, "domain", stored.domains, commits.domains, same_domain);
        if (!str_eq(stored.meta.schema_json, commits.meta.schema_json) || !str_eq(stored.meta.id, commits.meta.id))
            tell(v, "checkpoint", path, "has another metaData than the commits");
        if (stored.protocol.min_reader != commits.protocol.min_reader || stored.protocol.min_writer != commits.protocol.min_writer)
            tell(v, "checkpoint", path, "has another protocol than the commits");
    }
    replay_release(&stored);
    replay_release(&commits);
    return got < 0 ? -1 : 0;
}

static void check_crc(struct verifier *v)
{
    struct err err;
    struct str path = str_fmt(v->arena, "%020jd.crc", (intmax_t)v->snap->version);
    if (lake_crc_check(v->snap, &err) < 0)
        tell(v, "crc", path, "%s", err.msg);
}

/* ---- files */

/* The greatest row that is marked, -1 if none. */
static int64_t last_row(const struct lake_bitmap *b)
{
    int64_t n = lake_bitmap_count(b), last;
    if (!n)
        return -1;
    uint64_t *rows = mem_alloc((size_t)n * sizeof *rows);
    lake_bitmap_rows(b, rows);
    last = (int64_t)rows[n - 1];
    mem_free(rows);
    return last;
}

static void check_vector(struct verifier *v, const struct lake_file *f, int64_t rows)
{
    struct err err;
    struct buf key;
    struct lake_bitmap *b = NULL;
    buf_init(&key);
    if (lake_dv_key(&key, v->snap->dir, &f->dv, &err) == 0)
        b = lake_bitmap_load(buf_view(&key), &err);
    if (!b)
        tell(v, "vector", f->path, "its deletion vector cannot be read: %s", err.msg);
    else if (lake_bitmap_count(b) != f->dv.cardinality)
        tell(v, "vector", f->path, "its deletion vector marks %jd rows, the log says %jd", (intmax_t)lake_bitmap_count(b), (intmax_t)f->dv.cardinality);
    else if (last_row(b) >= rows)
        tell(v, "vector", f->path, "its deletion vector marks row %jd of %jd rows", (intmax_t)last_row(b) + 1, (intmax_t)rows);
    lake_bitmap_free(b);
    buf_release(&key);
}

static void check_rows(struct verifier *v, const struct lake_file *f, int64_t rows)
{
    if (f->rows >= 0 && f->rows + f->dv.cardinality != rows)
        tell(v, "rows", f->path, "has %jd rows, its statistics say %jd", (intmax_t)rows, (intmax_t)(f->rows + f->dv.cardinality));
    v->out->rows += rows - f->dv.cardinality;
    if (f->dv.storage)
        check_vector(v, f, rows);
}

/* Rows by footer of `count` files that are there, into rows[]; -1: some footer cannot be read. */
static int footers(struct verifier *v, const struct lake_file *const *files, size_t count, int64_t *rows, struct err *err)
{
    struct buf sql;
    struct map *by_path = map_new();
    buf_init(&sql);
    buf_z(&sql, "SELECT file_name, num_rows FROM parquet_file_metadata([");
    for (size_t i = 0; i < count; i++) {
        char *path = lake_file_path(v->arena, v->snap->dir, files[i]->path);
        map_put(by_path, str_z(path), &rows[i]);
        buf_z(&sql, i ? ", " : "");
        lake_put_path(&sql, str_z(path));
    }
    buf_z(&sql, "])");
    struct duck_result *r = duck_query(v->conn, buf_view(&sql), err);
    int got = r ? 1 : -1;
    while (got > 0 && (got = duck_next(r, err)) > 0) {
        for (size_t i = 0; i < duck_rows(r); i++) {
            int64_t *slot = map_get(by_path, duck_text(r, 0, i));
            if (slot)
                *slot = duck_i64(r, 1, i);
        }
    }
    duck_result_free(r);
    map_free(by_path);
    buf_release(&sql);
    return got;
}

/* Of live files also their rows. `check` names a file that cannot be read. */
static void check_footers(struct verifier *v, const struct lake_file *const *files, size_t count, const char *check, bool live)
{
    struct err err;
    int64_t rows[BATCH];
    for (size_t i = 0; i < count; i++)
        rows[i] = -1;
    bool one_by_one = footers(v, files, count, rows, &err) < 0;
    for (size_t i = 0; i < count; i++) {
        if (one_by_one && (rows[i] = -1, footers(v, &files[i], 1, &rows[i], &err) < 0))
            tell(v, check, files[i]->path, "cannot be read: %s", err.msg);
        else if (rows[i] >= 0 && live)
            check_rows(v, files[i], rows[i]);
    }
}

/* Is it there, whatever its size? The checks are "file" and "size", or `change` for both. */
static bool is_there(struct verifier *v, const struct lake_file *f, const char *change)
{
    struct fs_stat st;
    struct err err;
    struct store_want w;
    if (place_want(v->arena, v->snap->dir, f->path, f->size, &w) && place_pin(v->snap->pins, v->snap->dir, &f, 1, &err)) {
        tell(v, change ? change : err.code == ERR_CORRUPT ? "size" : "file", f->path, err.code == ERR_NOT_FOUND ? "is missing" : "cannot be fetched: %s", err.msg);
        return false;
    }
    if (fs_stat(lake_file_path(v->arena, v->snap->dir, f->path), &st, &err)) {
        tell(v, change ? change : "file", f->path, err.code == ERR_NOT_FOUND ? "is missing" : "cannot be looked at: %s", err.msg);
        return false;
    }
    if (st.size != f->size)
        tell(v, change ? change : "size", f->path, "has %jd bytes, the log says %jd", (intmax_t)st.size, (intmax_t)f->size);
    return true;
}

/* ---- change data files */

static void check_changes_of(struct verifier *v, const struct lake_change *ch)
{
    const struct lake_file *batch[BATCH];
    size_t n = 0;
    for (size_t i = 0; i < ch->cdc_count; i++) {
        if (is_there(v, &ch->cdc[i], "change"))
            batch[n++] = &ch->cdc[i];
        if (n == BATCH || i + 1 == ch->cdc_count) {
            check_footers(v, batch, n, "change", false);
            n = 0;
        }
    }
}

static int check_changes(struct verifier *v, struct err *err)
{
    if (!lake_property_bool(v->snap, "delta.enableChangeDataFeed", false))
        return 0;
    int64_t since_ms = time_now_ms() - lake_interval_ms(lake_property(v->snap, "delta.deletedFileRetentionDuration"), RETENTION_MS);
    int64_t *versions, n = lake_versions(v->arena, v->snap->dir, &versions, err), got = n < 0 ? -1 : 1;
    for (bool young = true; young && got > 0 && n > 0; n--) {
        struct arena *scratch = arena_new();
        struct lake_change *ch;
        got = lake_changes(scratch, v->snap->dir, versions[n - 1], versions[n - 1], &ch, err);
        young = got > 0 && ch->timestamp_ms >= since_ms;
        if (young)
            check_changes_of(v, ch);
        arena_free(scratch);
    }
    return got < 0 ? -1 : 0;
}

/* ---- statistics */

enum side { SIDE_MIN, SIDE_MAX, SIDE_NULLS };
struct bound { struct str column; const struct type *type; enum side side; const struct doc *value; };

/* A bound as SQL of the column's type; false: it says nothing that can be compared. */
static bool put_bound(struct buf *sql, const struct bound *b)
{
    if (b->value->kind == DOC_NULL || b->type->kind == TYPE_BINARY || b->type->kind == TYPE_BOOLEAN || b->type->kind == TYPE_CHAR)
        return false;
    if (b->value->kind != DOC_STRING && b->value->kind != DOC_INT && b->value->kind != DOC_FLOAT)
        return false;
    struct buf value;
    buf_init(&value);
    duck_quote_text(&value, b->value->text);
    if (b->type->kind == TYPE_DOUBLE) { /* of a float, if the column was widened */
        buf_printf(sql, "%s(TRY_CAST(%s AS DOUBLE), TRY_CAST(%s AS FLOAT)::DOUBLE)", b->side == SIDE_MAX ? "greatest" : "least", value.ptr, value.ptr);
    } else {
        buf_printf(sql, "TRY_CAST(%s AS ", value.ptr);
        type_write_duck(sql, b->type);
        buf_char(sql, ')');
    }
    buf_release(&value);
    bool time = b->type->kind == TYPE_TIMESTAMP || b->type->kind == TYPE_TIMESTAMP_NTZ;
    if (time && b->side == SIDE_MAX) /* cut to milliseconds by its writer */
        buf_z(sql, " + INTERVAL 1 MILLISECOND");
    return true;
}

/* An expression that is true where the bound is wrong. */
static bool put_violation(struct buf *sql, const struct bound *b, bool loose)
{
    struct buf column;
    int64_t n;
    bool any = true;
    buf_init(&column);
    duck_quote_ident(&column, b->column);
    size_t from = sql->len;
    if (b->side == SIDE_NULLS) {
        any = doc_i64(b->value, &n) && !loose;
        buf_printf(sql, "count(*) - count(%s) <> %jd", column.ptr, any ? (intmax_t)n : 0);
    } else {
        bool fp = b->type->kind == TYPE_FLOAT || b->type->kind == TYPE_DOUBLE; /* NaN is not within bounds */
        buf_printf(sql, "coalesce(%s(%s)%s%s%s %s ", b->side == SIDE_MIN ? "min" : "max", column.ptr, fp ? " FILTER (NOT isnan(" : "",
                   fp ? column.ptr : "", fp ? "))" : "", b->side == SIDE_MIN ? "<" : ">");
        any = put_bound(sql, b);
        buf_z(sql, ", false)");
    }
    if (!any) {
        sql->len = from;
        sql->ptr[from] = '\0';
    }
    buf_release(&column);
    return any;
}

static const struct type_field *field_by_physical(const struct lake_snapshot *s, struct str physical)
{
    for (size_t i = 0; i < s->schema->field_count; i++)
        if (str_eq(lake_physical_name(s, &s->schema->fields[i]), physical))
            return &s->schema->fields[i];
    return NULL;
}

static size_t bounds_of(struct verifier *v, const struct doc *stats, struct bound **out)
{
    static const char *const members[] = {"minValues", "maxValues", "nullCount"};
    size_t count = 0, cap = 0;
    *out = NULL;
    for (int side = SIDE_MIN; side <= SIDE_NULLS; side++) {
        const struct doc *d = doc_get(stats, members[side]);
        for (size_t i = 0; d && d->kind == DOC_OBJECT && i < d->count; i++) {
            const struct type_field *f = field_by_physical(v->snap, d->keys[i].name);
            if (!f || f->type->kind >= TYPE_ARRAY || d->items[i]->kind == DOC_OBJECT)
                continue;
            *out = arena_grow(v->arena, *out, &cap, count + 1, sizeof **out);
            (*out)[count++] = (struct bound){f->name, f->type, (enum side)side, d->items[i]};
        }
    }
    return count;
}

static void tell_bound(struct verifier *v, const struct lake_file *f, const struct bound *b)
{
    static const char *const words[] = {"minimum", "maximum", "null count"};
    struct buf text;
    buf_init(&text);
    doc_write(&text, b->value);
    tell(v, "stats", f->path, "the %s of '%.*s' is not %s", words[b->side], STR_ARGS(b->column), text.ptr);
    buf_release(&text);
}

static void check_stats(struct verifier *v, const struct lake_file *f)
{
    struct err err;
    struct bound *bounds;
    struct buf sql;
    struct str text = lake_file_stats(v->arena, f);
    struct doc *stats = text.len ? doc_json(v->arena, NULL, text, &err) : NULL;
    if (text.len && !stats)
        tell(v, "stats", f->path, "are no JSON");
    size_t n = stats ? bounds_of(v, stats, &bounds) : 0, used = 0;
    size_t *which = ARENA_ARRAY(v->arena, size_t, n + 1);
    bool loose = f->dv.storage != 0;
    buf_init(&sql);
    buf_z(&sql, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        size_t before = sql.len;
        buf_z(&sql, used ? ", " : "");
        if (put_violation(&sql, &bounds[i], loose))
            which[used++] = i;
        else
            sql.ptr[sql.len = before] = '\0';
    }
    buf_z(&sql, " FROM ");
    struct duck_result *r = NULL;
    if (used && lake_scan_files_sql(v->snap, &f, 1, NULL, &sql, &err) == 0)
        r = duck_query(v->conn, buf_view(&sql), &err);
    int got = !used ? 0 : r ? duck_next(r, &err) : -1;
    if (got < 0)
        tell(v, "stats", f->path, "cannot be compared: %s", err.msg);
    for (size_t i = 0; got > 0 && i < used; i++)
        if (!duck_is_null(r, i, 0) && duck_i64(r, i, 0))
            tell_bound(v, f, &bounds[which[i]]);
    duck_result_free(r);
    buf_release(&sql);
}

static void check_files(struct verifier *v)
{
    const struct lake_file *batch[BATCH];
    size_t n = 0;
    for (size_t i = 0; i < v->snap->file_count; i++) {
        const struct lake_file *f = v->snap->files[i];
        bool there = is_there(v, f, NULL);
        if (there)
            batch[n++] = f;
        if (there && v->opts->full)
            check_stats(v, f);
        if (n == BATCH || i + 1 == v->snap->file_count) {
            check_footers(v, batch, n, "parquet", true);
            n = 0;
            if (v->opts->progress)
                v->opts->progress(v->opts->ctx, (int64_t)i + 1, (int64_t)v->snap->file_count);
        }
    }
}

int lake_verify(struct lake_table *t, struct duck_conn *c, const struct lake_verify_opts *o, struct lake_verified *out, struct err *err)
{
    struct verifier v = {.arena = arena_new(), .table = t, .conn = c, .opts = o, .out = out};
    *out = (struct lake_verified){};
    v.snap = lake_table_latest(t, c, err);
    int rc = v.snap ? check_log(&v, err) : -1;
    if (rc == 0)
        rc = check_checkpoint(&v, err);
    if (rc == 0) {
        check_crc(&v);
        check_files(&v);
        rc = check_changes(&v, err);
        out->version = v.snap->version;
        out->files = (int64_t)v.snap->file_count;
        out->bytes = v.snap->size;
    }
    lake_snapshot_unref(v.snap);
    arena_free(v.arena);
    return rc;
}
