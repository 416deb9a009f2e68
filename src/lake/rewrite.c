/* rewrite.c -- rows chosen by file and place, and what becomes of them.
 *
 * Both ways of changing rows, for DELETE, UPDATE, MERGE and replaceWhere alike:
 *     copy on write     the touched files are read, the rows that stay are written to new files, the
 *                       files are removed
 *     deletion vectors  the touched files are removed and added again with a vector that hides the
 *                       chosen rows; their stats say "tightBounds": false from then on
 * Rows keep their ids (delta.enableRowTracking) through two columns of the new file: a row's id is the one
 * written there, else its file's baseRowId plus its place. */
#include "lake/dml_int.h"
#include "lake/scan.h"
#include <string.h>

enum { MAX_DEPTH = 100 };

bool dml_uses_vectors(const struct lake_txn *x)
{
    return meta_property_bool(&x->meta, "delta.enableDeletionVectors") && txn_has_feature(x, "deletionVectors");
}

bool dml_uses_feed(const struct lake_txn *x)
{
    return meta_property_bool(&x->meta, "delta.enableChangeDataFeed");
}

int dml_begin(struct lake_txn *x, struct rewrite *w, struct lake_dml_metrics *m, struct err *err)
{
    *m = (struct lake_dml_metrics){};
    *w = (struct rewrite){.x = x, .m = m, .tracked = meta_property_bool(&x->meta, "delta.enableRowTracking")};
    if (!x->snap)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    if (x->add_count || x->remove_count)
        return err_set(err, ERR_UNSUPPORTED, "changing rows of the table '%s' in a transaction that wrote before", lake_table_dir(x->table));
    if (meta_property_bool(&x->meta, "delta.appendOnly"))
        return err_set(err, ERR_DENIED, "[DELTA_CANNOT_MODIFY_APPEND_ONLY] the table '%s' is append-only (delta.appendOnly)", lake_table_dir(x->table));
    return 0;
}

void dml_read(struct lake_txn *x, struct str where)
{
    if (!where.ptr) {
        x->read_all = true;
        return;
    }
    x->reads = arena_grow(x->arena, x->reads, &x->read_cap, x->read_count + 1, sizeof *x->reads);
    x->reads[x->read_count++] = str_copy(x->arena, where);
}

/* ---- which files */

void dml_prune(struct rewrite *w, const struct lake_predicate *p)
{
    if (p)
        w->candidate_count = lake_prune(w->x->arena, w->x->snap, p, &w->candidates);
}

int dml_touch(struct rewrite *w, struct str sql, struct err *err)
{
    struct lake_txn *x = w->x;
    struct duck_result *r = duck_query(x->conn, sql, err);
    if (!r)
        return -1;
    struct map *by_path = map_new();
    struct arena *a = arena_new();
    int got;
    for (size_t i = 0; i < x->snap->file_count; i++)
        map_put(by_path, str_z(lake_file_path(a, x->snap->dir, x->snap->files[i]->path)), x->snap->files[i]);
    while ((got = duck_next(r, err)) > 0) {
        for (size_t i = 0; i < duck_rows(r); i++) {
            const struct lake_file *f = map_get(by_path, duck_text(r, 0, i));
            CHECK(f); /* the scan was made of these files */
            w->files = arena_grow(x->arena, w->files, &w->cap, w->count + 1, sizeof *w->files);
            w->files[w->count++] = (struct touched){f, duck_i64(r, 1, i)};
        }
    }
    duck_result_free(r);
    map_free(by_path);
    arena_free(a);
    return got;
}

/* ---- reading them */

static int64_t extra_i64(struct arena *a, struct str extra, const char *key)
{
    int64_t v = -1;
    struct err err;
    if (extra.len) /* ",\"k\":1" */
        doc_i64(doc_get(doc_json(a, NULL, str_fmt(a, "{%.*s}", STR_ARGS(str_from(extra, 1))), &err), key), &v);
    return v;
}

static void put_id_table(struct rewrite *w, const struct lake_file *const *files, size_t count, struct buf *sql)
{
    struct arena *a = arena_new();
    buf_z(sql, "(VALUES ");
    for (size_t i = 0; i < count; i++) {
        buf_z(sql, i ? ", (" : "(");
        duck_quote_text(sql, str_z(lake_file_path(a, w->x->snap->dir, files[i]->path)));
        int64_t base = extra_i64(a, files[i]->extra, "baseRowId"), version = extra_i64(a, files[i]->extra, "defaultRowCommitVersion");
        buf_printf(sql, base < 0 ? ", NULL::BIGINT, NULL::BIGINT)" : ", %jd::BIGINT, %jd::BIGINT)", (intmax_t)base, (intmax_t)version);
    }
    if (!count)
        buf_z(sql, "('', NULL::BIGINT, NULL::BIGINT)");
    buf_z(sql, ") k(file, base, version)");
    arena_free(a);
}

/* The rows of some files with their ids, "(SELECT …)" with no alias. */
static int put_with_ids(struct rewrite *w, const struct lake_file **files, size_t count, struct buf *sql, struct err *err)
{
    struct lake_txn *x = w->x;
    struct lake_snapshot view = txn_view(x);
    struct lake_scan o = {.file_path = true, .row_number = true};
    size_t n = view.schema->field_count;
    struct str id = meta_property(&x->meta, "delta.rowTracking.materializedRowIdColumnName");
    struct str version = meta_property(&x->meta, "delta.rowTracking.materializedRowCommitVersionColumnName");
    struct type_field *fields = ARENA_ARRAY(x->arena, struct type_field, n + 2);
    memcpy(fields, view.schema->fields, sizeof *fields * n);
    fields[n] = (struct type_field){.name = id, .type = type_of(TYPE_LONG), .nullable = true};
    fields[n + 1] = (struct type_field){.name = version, .type = type_of(TYPE_LONG), .nullable = true};
    view.schema = type_struct(x->arena, fields, n + 2);
    struct buf q_id, q_version;
    buf_init(&q_id);
    buf_init(&q_version);
    duck_quote_ident(&q_id, id);
    duck_quote_ident(&q_version, version);
    buf_printf(sql, "(SELECT r.* EXCLUDE (%s, %s), coalesce(r.%s, k.base + r._row) AS _lake_row_id, coalesce(r.%s, k.version) AS _lake_row_version FROM ",
               q_id.ptr, q_version.ptr, q_id.ptr, q_version.ptr);
    int rc = lake_scan_files_sql(&view, files, count, &o, sql, err);
    buf_z(sql, " r LEFT JOIN ");
    put_id_table(w, files, count, sql);
    buf_z(sql, " ON r._file = k.file)");
    buf_release(&q_id);
    buf_release(&q_version);
    return rc;
}

int dml_put_target(struct rewrite *w, bool touched_only, struct buf *sql, struct err *err)
{
    struct lake_txn *x = w->x;
    struct lake_snapshot view = txn_view(x);
    struct lake_scan o = {.file_path = true, .row_number = true};
    size_t all = w->candidates ? w->candidate_count : x->snap->file_count;
    size_t count = touched_only ? w->count : all;
    const struct lake_file **files = ARENA_ARRAY(x->arena, const struct lake_file *, count);
    for (size_t i = 0; i < count; i++)
        files[i] = touched_only ? w->files[i].file : w->candidates ? w->candidates[i] : x->snap->files[i];
    int rc = w->tracked ? put_with_ids(w, files, count, sql, err) : lake_scan_files_sql(&view, files, count, &o, sql, err);
    buf_z(sql, " AS t");
    return rc;
}

int lake_txn_scan(struct lake_txn *x, const struct lake_file *const *files, size_t count, struct buf *sql, struct err *err)
{
    struct rewrite w = {.x = x};
    if (!meta_property_bool(&x->meta, "delta.enableRowTracking"))
        return lake_scan_files_sql(x->snap, files, count, NULL, sql, err);
    buf_z(sql, "(SELECT * EXCLUDE (_file, _row) FROM ");
    int rc = put_with_ids(&w, (const struct lake_file **)files, count, sql, err);
    buf_char(sql, ')');
    return rc;
}

/* ---- changing them */

void dml_remove_touched(struct rewrite *w)
{
    for (size_t i = 0; i < w->count; i++) {
        lake_txn_remove(w->x, w->files[i].file, true);
        w->m->files_removed++;
        w->m->bytes_removed += w->files[i].file->size;
        w->m->dvs_removed += w->files[i].file->dv.storage ? 1 : 0;
    }
}

static int physical_rows(struct rewrite *w, const struct lake_file *f, int64_t *rows, struct err *err)
{
    struct buf sql;
    bool found;
    if (f->rows >= 0) {
        *rows = f->rows + f->dv.cardinality;
        return 0;
    }
    buf_init(&sql);
    buf_z(&sql, "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(");
    duck_quote_text(&sql, str_z(lake_file_path(w->x->arena, w->x->snap->dir, f->path)));
    buf_z(&sql, ")");
    int rc = duck_scalar_i64(w->x->conn, buf_view(&sql), rows, &found, err);
    buf_release(&sql);
    return rc;
}

static int mark_file(struct rewrite *w, struct dv_file **d, const struct lake_file *f, const uint64_t *rows, size_t count, struct err *err)
{
    struct lake_file marked = *f;
    int64_t physical = 0;
    lake_txn_remove(w->x, f, true);
    if (physical_rows(w, f, &physical, err))
        return -1;
    if (!*d)
        *d = dv_file_new(w->x);
    if (dv_file_put(*d, f, rows, count, &marked.dv, err))
        return -1;
    if (marked.dv.cardinality >= physical) { /* no row is left: the file goes */
        w->m->files_removed++;
        w->m->bytes_removed += f->size;
        w->m->dvs_removed += f->dv.storage ? 1 : 0;
        return 0;
    }
    marked.stats = LAKE_STATS(stats_loosened(w->x->arena, lake_file_stats(w->x->arena, f), physical));
    marked.rows = physical - marked.dv.cardinality;
    marked.data_change = true;
    int64_t out = w->x->rows, bytes = w->x->bytes;
    lake_txn_add_file(w->x, &marked);
    w->x->rows = out;
    w->x->bytes = bytes;
    w->m->dvs_added++;
    w->m->dvs_removed += f->dv.storage ? 1 : 0;
    w->m->dvs_updated += f->dv.storage ? 1 : 0;
    return 0;
}

struct marks { uint64_t *rows; size_t count, cap; };

int dml_mark(struct rewrite *w, struct str sql, struct err *err)
{
    struct map *by_path = map_new();
    struct marks *marks = mem_alloc(sizeof *marks * (w->count + 1));
    struct dv_file *d = NULL;
    struct duck_result *r = duck_query(w->x->conn, sql, err);
    int got = r ? 1 : -1;
    for (size_t i = 0; i < w->count; i++)
        map_put(by_path, str_z(lake_file_path(w->x->arena, w->x->snap->dir, w->files[i].file->path)), &marks[i]);
    while (r && (got = duck_next(r, err)) > 0) {
        for (size_t i = 0; i < duck_rows(r); i++) {
            struct marks *m = map_get(by_path, duck_text(r, 0, i));
            CHECK(m);
            m->rows = mem_grow(m->rows, &m->cap, m->count + 1, sizeof *m->rows);
            m->rows[m->count++] = (uint64_t)duck_i64(r, 1, i);
        }
    }
    duck_result_free(r);
    for (size_t i = 0; i < w->count; i++) {
        if (got == 0 && marks[i].count && mark_file(w, &d, w->files[i].file, marks[i].rows, marks[i].count, err))
            got = -1;
        mem_free(marks[i].rows);
    }
    struct err ignored;
    if (d && dv_file_close(d, got ? &ignored : err))
        got = -1;
    mem_free(marks);
    map_free(by_path);
    return got;
}

int64_t dml_write(struct rewrite *w, struct str sql, struct err *err)
{
    size_t before = w->x->add_count;
    int64_t rows = rows_write(w->x, sql, &(struct rows_opts){.dml = true, .row_ids = w->tracked}, err);
    for (size_t i = before; i < w->x->add_count; i++) {
        w->m->files_added++;
        w->m->bytes_added += w->x->adds[i].size;
    }
    return rows;
}

int dml_write_changes(struct rewrite *w, struct str sql, struct err *err)
{
    size_t before = w->x->changes.count;
    int64_t rows = rows_write(w->x, sql, &(struct rows_opts){.kind = ROWS_CHANGES, .dml = true}, err);
    w->m->change_files += (int64_t)(w->x->changes.count - before);
    return rows < 0 ? -1 : 0;
}
