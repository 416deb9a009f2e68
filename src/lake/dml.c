/* dml.c -- DELETE, UPDATE and TRUNCATE: conditions and assignments as statements over the table's files.
 *
 * A file whose rows are all chosen is removed without being read again; the others are rewritten or marked
 * (rewrite.c). Change data files are written only if a file is not removed whole: a reader derives those changes
 * from the remove itself, but once a commit has one change file all its changes must be in such files. */
#include "lake/dml_int.h"
#include "lake/schema.h"
#include <string.h>

enum { MAX_DEPTH = 100 };

/* ---- history */

struct str dml_predicates(struct arena *a, struct str text)
{
    struct doc *list = doc_new_array(a);
    struct buf b;
    buf_init(&b);
    if (text.len)
        doc_push(a, list, doc_new_str(a, text));
    doc_write(&b, list);
    struct str s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

void dml_info(struct lake_txn *x, const char *operation, const struct doc *parameters, const struct metric *list, size_t count)
{
    struct doc *metrics = doc_new_object(x->arena);
    for (size_t i = 0; i < count; i++)
        doc_set(x->arena, metrics, str_z(list[i].name), doc_new_i64(x->arena, list[i].value));
    lake_txn_info(x, operation, parameters, metrics);
    x->own_metrics = true;
}

static void file_info(struct lake_txn *x, const char *operation, const struct lake_dml_metrics *m, struct str where_text)
{
    struct doc *parameters = doc_new_object(x->arena);
    doc_set(x->arena, parameters, STR("predicate"), doc_new_str(x->arena, dml_predicates(x->arena, where_text)));
    bool update = strcmp(operation, "UPDATE") == 0;
    const struct metric list[] = {
        {"numRemovedFiles", m->files_removed}, {"numAddedFiles", m->files_added}, {"numRemovedBytes", m->bytes_removed}, {"numAddedBytes", m->bytes_added},
        {update ? "numUpdatedRows" : "numDeletedRows", update ? m->updated : m->deleted}, {"numCopiedRows", m->copied},
        {"numAddedChangeFiles", m->change_files}, {"numDeletionVectorsAdded", m->dvs_added}, {"numDeletionVectorsRemoved", m->dvs_removed},
        {"numDeletionVectorsUpdated", m->dvs_updated}, {"scanTimeMs", m->scan_ms}, {"rewriteTimeMs", m->rewrite_ms},
        {"executionTimeMs", m->scan_ms + m->rewrite_ms},
    };
    dml_info(x, operation, strcmp(operation, "TRUNCATE") ? parameters : NULL, list, COUNT_OF(list));
}

/* ---- columns and assignments */

int dml_put_columns(struct lake_txn *x, struct buf *sql, dml_value_fn value_of, void *ctx, struct err *err)
{
    bool any = false;
    for (size_t i = 0; i < x->meta.schema->field_count; i++) {
        const struct type_field *f = &x->meta.schema->fields[i];
        struct buf value;
        if (f->type->kind == TYPE_NULL)
            continue;
        buf_init(&value);
        int got = value_of ? value_of(ctx, f, &value, err) : 0;
        if (got == 0 && !field_is_generated(f)) {
            buf_z(&value, LAKE_TARGET_ALIAS ".");
            duck_quote_ident(&value, f->name);
        }
        if (got >= 0 && value.len) {
            buf_printf(sql, "%s%s AS ", any ? ", " : "", value.ptr);
            duck_quote_ident(sql, f->name);
            any = true;
        }
        buf_release(&value);
        if (got < 0)
            return -1;
    }
    return 0;
}

static const struct type_field *set_field(const struct type *schema, const struct lake_set *s)
{
    const struct type_field *f = type_field_find(schema, s->column);
    for (size_t i = 0; f && i < s->field_count; i++)
        f = f->type->kind == TYPE_STRUCT ? type_field_find(f->type, s->fields[i]) : NULL;
    return f;
}

static bool one_leads_to_other(const struct lake_set *a, const struct lake_set *b)
{
    if (!str_ieq(a->column, b->column))
        return false;
    for (size_t i = 0; i < a->field_count && i < b->field_count; i++)
        if (!str_ieq(a->fields[i], b->fields[i]))
            return false;
    return true;
}

int dml_check_sets(struct lake_txn *x, const struct lake_set *sets, size_t count, bool insert, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct type_field *top = type_field_find(x->meta.schema, sets[i].column);
        if (!set_field(x->meta.schema, &sets[i]))
            return err_set(err, ERR_INPUT, "the table '%s' has no column '%.*s', or not all its nested fields", lake_table_dir(x->table),
                           STR_ARGS(sets[i].column));
        if (field_is_identity(top) && (!insert || !doc_bool(doc_get(top->metadata, "delta.identity.allowExplicitInsert"), false)))
            return err_set(err, ERR_INPUT, "[DELTA_IDENTITY_COLUMNS_%s_NOT_SUPPORTED] the identity column '%.*s' gets its values by itself",
                           insert ? "EXPLICIT_INSERT" : "UPDATE", STR_ARGS(top->name));
        for (size_t k = 0; k < i; k++)
            if (one_leads_to_other(&sets[i], &sets[k]))
                return err_set(err, ERR_INPUT, "two assignments to the column '%.*s'", STR_ARGS(sets[i].column));
    }
    return 0;
}

struct nest { struct lake_txn *x; const struct lake_set *sets; size_t count; struct err *err; };

/* Is there a set of this field or of one below it? `way` is the path of names so far, `depth` its length. */
static const struct lake_set *set_at(const struct nest *n, const struct str *way, size_t depth, bool *below)
{
    *below = false;
    const struct lake_set *exact = NULL;
    for (size_t i = 0; i < n->count; i++) {
        const struct lake_set *s = &n->sets[i];
        bool same = s->field_count + 1 >= depth && str_ieq(s->column, way[0]);
        for (size_t k = 1; k < depth && same; k++)
            same = str_ieq(s->fields[k - 1], way[k]);
        if (same && s->field_count + 1 == depth)
            exact = s;
        else if (same)
            *below = true;
    }
    return exact;
}

static int put_nested(struct nest *n, const struct type_field *f, struct str *way, size_t depth, const char *old, struct buf *sql)
{
    bool below;
    way[depth - 1] = f->name;
    const struct lake_set *s = set_at(n, way, depth, &below);
    if (s) {
        buf_z(sql, "CAST(");
        if (s->value.ptr)
            buf_printf(sql, "(%.*s\n)", STR_ARGS(s->value));
        else if (default_put(n->x, f, sql, n->err))
            return -1;
        buf_z(sql, " AS ");
        type_write_duck(sql, f->type);
        buf_char(sql, ')');
        return 1;
    }
    if (!below || depth >= MAX_DEPTH)
        return 0;
    buf_z(sql, "struct_pack(");
    for (size_t i = 0; i < f->type->field_count; i++) {
        struct buf inner;
        buf_init(&inner);
        buf_printf(&inner, "(%s).", old);
        duck_quote_ident(&inner, f->type->fields[i].name);
        buf_z(sql, i ? ", " : "");
        duck_quote_ident(sql, f->type->fields[i].name);
        buf_z(sql, " := ");
        int got = put_nested(n, &f->type->fields[i], way, depth + 1, inner.ptr, sql);
        if (got == 0)
            buf_str(sql, buf_view(&inner));
        buf_release(&inner);
        if (got < 0)
            return -1;
    }
    buf_char(sql, ')');
    return 1;
}

int dml_put_set(struct lake_txn *x, const struct type_field *f, const struct lake_set *sets, size_t count, const char *old, struct buf *sql,
                struct err *err)
{
    struct nest n = {x, sets, count, err};
    struct str way[MAX_DEPTH + 1];
    return put_nested(&n, f, way, 1, old, sql);
}

/* ---- finding */

/* Fills w->files with those that hold rows which meet `where`; the read is remembered. */
static int find(struct rewrite *w, const struct lake_where *where, struct err *err)
{
    struct buf sql;
    int64_t from = time_mono_us();
    buf_init(&sql);
    dml_read(w->x, where->duck);
    dml_prune(w, where->files);
    buf_z(&sql, "SELECT t._file, count(*) FROM ");
    int rc = dml_put_target(w, false, &sql, err);
    buf_printf(&sql, " WHERE (%.*s\n) GROUP BY ALL", STR_ARGS(where->duck));
    if (rc == 0)
        rc = dml_touch(w, buf_view(&sql), err);
    buf_release(&sql);
    w->m->scan_ms = (time_mono_us() - from) / 1000;
    return rc;
}

static void find_all(struct rewrite *w)
{
    dml_read(w->x, STR_NONE);
    for (size_t i = 0; i < w->x->snap->file_count; i++) {
        w->files = arena_grow(w->x->arena, w->files, &w->cap, w->count + 1, sizeof *w->files);
        w->files[w->count++] = (struct touched){w->x->snap->files[i], w->x->snap->files[i]->rows};
    }
}

static bool whole(const struct touched *t)
{
    return t->file->rows >= 0 && t->rows == t->file->rows;
}

static void keep_partial(struct rewrite *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        if (!whole(&w->files[i]))
            w->files[n++] = w->files[i];
    w->count = n;
}

struct update { struct lake_txn *x; const struct lake_set *sets; size_t count; bool always; };

/* A generated column that an UPDATE sets is read as it is stored, so that both images of a row have it. */
static int stored_value(void *ctx, const struct type_field *f, struct buf *sql, struct err *err)
{
    const struct update *u = ctx;
    (void)err;
    for (size_t i = 0; i < u->count; i++) {
        if (!field_is_generated(f) || !str_ieq(u->sets[i].column, f->name))
            continue;
        buf_z(sql, "t.");
        duck_quote_ident(sql, f->name);
        return 1;
    }
    return 0;
}

/* ---- DELETE */

static void put_ids(struct rewrite *w, struct buf *sql, bool updated)
{
    if (w->tracked)
        buf_printf(sql, ", t._lake_row_id, %s", updated ? "CASE WHEN t._lake_hit THEN NULL ELSE t._lake_row_version END AS _lake_row_version" : "t._lake_row_version");
}

/* SELECT columns[, ids or change type] FROM touched t WHERE … */
static int put_rows(struct rewrite *w, struct buf *sql, const char *change, const char *condition_fmt, struct str where, struct update *u,
                    struct err *err)
{
    buf_z(sql, "SELECT ");
    if (dml_put_columns(w->x, sql, u ? stored_value : NULL, u, err))
        return -1;
    if (change)
        buf_printf(sql, ", '%s' AS " CHANGE_COLUMN, change);
    else
        put_ids(w, sql, false);
    buf_z(sql, " FROM ");
    if (dml_put_target(w, true, sql, err))
        return -1;
    buf_printf(sql, " WHERE (%.*s\n) %s", STR_ARGS(where), condition_fmt);
    return 0;
}

static int delete_rows(struct rewrite *w, struct str where, struct err *err)
{
    struct buf sql;
    int rc = 0;
    bool all_whole = true;
    buf_init(&sql);
    for (size_t i = 0; i < w->count; i++)
        all_whole = all_whole && whole(&w->files[i]);
    if (!all_whole && dml_uses_feed(w->x)) {
        rc = put_rows(w, &sql, "delete", "IS TRUE", where, NULL, err);
        if (rc == 0)
            rc = dml_write_changes(w, buf_view(&sql), err);
    }
    buf_clear(&sql);
    if (rc == 0 && dml_uses_vectors(w->x)) {
        buf_z(&sql, "SELECT t._file, t._row FROM ");
        rc = dml_put_target(w, true, &sql, err);
        buf_printf(&sql, " WHERE (%.*s\n)", STR_ARGS(where));
        if (rc == 0)
            rc = dml_mark(w, buf_view(&sql), err);
    } else if (rc == 0) {
        dml_remove_touched(w);
        keep_partial(w);
        if (w->count) {
            rc = put_rows(w, &sql, NULL, "IS NOT TRUE", where, NULL, err);
            w->m->copied = rc == 0 ? dml_write(w, buf_view(&sql), err) : -1;
            rc = w->m->copied < 0 ? -1 : 0;
        }
    }
    buf_release(&sql);
    return rc;
}

int lake_txn_delete(struct lake_txn *x, const struct lake_where *where, struct lake_dml_metrics *m, struct err *err)
{
    struct rewrite w;
    if (dml_begin(x, &w, m, err))
        return -1;
    if (!where)
        find_all(&w);
    else if (find(&w, where, err))
        return -1;
    int64_t from = time_mono_us();
    for (size_t i = 0; i < w.count; i++)
        m->deleted = m->deleted < 0 || w.files[i].rows < 0 ? -1 : m->deleted + w.files[i].rows;
    if (!where)
        dml_remove_touched(&w);
    else if (w.count && delete_rows(&w, where->duck, err))
        return -1;
    m->rewrite_ms = (time_mono_us() - from) / 1000;
    file_info(x, "DELETE", m, where ? where->text : STR_NONE);
    return 0;
}

int lake_txn_truncate(struct lake_txn *x, struct lake_dml_metrics *m, struct err *err)
{
    if (lake_txn_delete(x, NULL, m, err))
        return -1;
    file_info(x, "TRUNCATE", m, STR_NONE);
    return 0;
}

/* ---- UPDATE */

static int updated_value(void *ctx, const struct type_field *f, struct buf *sql, struct err *err)
{
    const struct update *u = ctx;
    struct buf old, value;
    buf_init(&old);
    buf_init(&value);
    buf_z(&old, "t.");
    duck_quote_ident(&old, f->name);
    int got = dml_put_set(u->x, f, u->sets, u->count, old.ptr, &value, err);
    if (got > 0 && u->always)
        buf_str(sql, buf_view(&value));
    else if (got > 0)
        buf_printf(sql, "CASE WHEN t._lake_hit THEN %s ELSE %s END", value.ptr, old.ptr);
    buf_release(&old);
    buf_release(&value);
    return got;
}

/* SELECT new columns FROM (SELECT t.*, hit FROM touched t) t [WHERE hit] */
static int put_updated(struct rewrite *w, struct buf *sql, struct update *u, struct str where, const char *change, struct err *err)
{
    buf_z(sql, "SELECT ");
    if (dml_put_columns(w->x, sql, updated_value, u, err))
        return -1;
    if (change)
        buf_printf(sql, ", '%s' AS " CHANGE_COLUMN, change);
    else
        put_ids(w, sql, true);
    buf_printf(sql, " FROM (SELECT t.*, (%.*s\n) IS TRUE AS _lake_hit FROM ", STR_ARGS(where));
    if (dml_put_target(w, true, sql, err))
        return -1;
    buf_z(sql, u->always ? ") t WHERE t._lake_hit" : ") t");
    return 0;
}

static int update_rows(struct rewrite *w, struct update *u, struct str where, struct err *err)
{
    struct buf sql;
    int rc = 0;
    int64_t rows = 0;
    bool vectors = dml_uses_vectors(w->x);
    buf_init(&sql);
    if (dml_uses_feed(w->x)) {
        u->always = true;
        rc = put_rows(w, &sql, "update_preimage", "IS TRUE", where, u, err);
        buf_z(&sql, " UNION ALL BY NAME ");
        if (rc == 0)
            rc = put_updated(w, &sql, u, where, "update_postimage", err);
        if (rc == 0)
            rc = dml_write_changes(w, buf_view(&sql), err);
    }
    buf_clear(&sql);
    u->always = vectors;
    if (rc == 0)
        rc = put_updated(w, &sql, u, where, NULL, err);
    if (rc == 0 && (rows = dml_write(w, buf_view(&sql), err)) < 0)
        rc = -1;
    buf_clear(&sql);
    if (rc == 0 && vectors) {
        buf_z(&sql, "SELECT t._file, t._row FROM ");
        rc = dml_put_target(w, true, &sql, err);
        buf_printf(&sql, " WHERE (%.*s\n)", STR_ARGS(where));
        if (rc == 0)
            rc = dml_mark(w, buf_view(&sql), err);
    } else if (rc == 0) {
        w->m->copied = rows - w->m->updated;
        dml_remove_touched(w);
    }
    buf_release(&sql);
    return rc;
}

int lake_txn_update(struct lake_txn *x, const struct lake_set *sets, size_t count, const struct lake_where *where, struct lake_dml_metrics *m,
                    struct err *err)
{
    static const struct lake_where all = {.duck = STR("true")};
    struct rewrite w;
    struct update u = {x, sets, count, false};
    where = where ? where : &all;
    if (dml_begin(x, &w, m, err) || dml_check_sets(x, sets, count, false, err) || find(&w, where, err))
        return -1;
    int64_t from = time_mono_us();
    for (size_t i = 0; i < w.count; i++)
        m->updated += w.files[i].rows;
    if (w.count && update_rows(&w, &u, where->duck, err))
        return -1;
    m->rewrite_ms = (time_mono_us() - from) / 1000;
    file_info(x, "UPDATE", m, where->text);
    return 0;
}
