/* merge.c -- MERGE INTO.
 *
 * 1. The source is read once, into a temporary table whose rows are numbered (_lake_sid).
 * 2. Target and source are joined; of each pair the table `acts` keeps file, row, the source's number and
 *    the clause that applies, -1 if none does. A left join if rows without a source have clauses; else an inner one.
 * 3. A target row with two source rows is an error, unless the only matched clause is DELETE without condition. As in Delta,
 *    pairs count whose clause conditions hold; all pairs, if there are clauses other than matched ones.
 * 4. Touched are the files with a row to which a clause applies. Rows that stay and new forms of rows are joined to
 *    `acts` by file and row, so conditions are evaluated once; source rows in no pair are inserted by the first
 *    clause whose condition holds.
 *
 * What the commit has read is "a row of the target that joins a source row", checked against rows that others add
 * meanwhile; with clauses for rows without a source it is all rows. */
#include "base/code.h"
#include "lake/dml_int.h"
#include "lake/schema.h"
#include <string.h>

struct merge {
    struct rewrite w;
    struct lake_txn *x;
    const struct lake_merge *def;
    const struct type *source;        /* its columns */
    struct str src, acts;             /* temporary tables */
    bool has_matched, has_insert, has_by_source;
};

struct str txn_temp(struct lake_txn *x, const char *what)
{
    CHECK(x->temp_count < COUNT_OF(x->temps));
    return x->temps[x->temp_count++] = str_fmt(x->arena, "_lake_%s_%016jx", what, (uintmax_t)random_u64());
}

/* ---- the clauses */

static int check_clause(struct merge *m, const struct lake_clause *c, struct err *err)
{
    bool insert = c->then == LAKE_THEN_INSERT;
    if (insert != (c->when == LAKE_NOT_MATCHED))
        return err_set(err, ERR_INPUT, "a WHEN clause of MERGE cannot do that: INSERT goes with NOT MATCHED, UPDATE and DELETE with the others");
    if (c->star && c->when == LAKE_NOT_MATCHED_BY_SOURCE)
        return err_set(err, ERR_INPUT, "UPDATE SET * has no source row in WHEN NOT MATCHED BY SOURCE");
    m->has_matched = m->has_matched || c->when == LAKE_MATCHED;
    m->has_insert = m->has_insert || insert;
    m->has_by_source = m->has_by_source || c->when == LAKE_NOT_MATCHED_BY_SOURCE;
    if (!c->star)
        return dml_check_sets(m->x, c->sets, c->set_count, insert, err);
    for (size_t i = 0; i < m->x->meta.schema->field_count; i++) {
        const struct type_field *f = &m->x->meta.schema->fields[i];
        if (!m->def->schema_evolution && !field_is_generated(f) && !field_is_identity(f) && !metadata_str(f, "CURRENT_DEFAULT").len &&
            !type_field_find(m->source, f->name))
            return err_set(err, ERR_INPUT, "[DELTA_MERGE_UNRESOLVED_EXPRESSION] the source of MERGE has no column '%.*s', which * needs",
                           STR_ARGS(f->name));
    }
    return 0;
}

static bool any_star(const struct lake_merge *d)
{
    for (size_t i = 0; i < d->clause_count; i++)
        if (d->clauses[i].star)
            return true;
    return false;
}

/* The columns of the source that evolution may add: all with a star, else those that sets name. */
static int evolve(struct merge *m, struct err *err)
{
    struct type_field *fields = ARENA_ARRAY(m->x->arena, struct type_field, m->source->field_count + 1);
    size_t n = 0;
    for (size_t i = 0; i < m->source->field_count; i++) {
        bool named = any_star(m->def);
        for (size_t c = 0; c < m->def->clause_count && !named; c++)
            for (size_t k = 0; k < m->def->clauses[c].set_count && !named; k++)
                named = str_ieq(m->def->clauses[c].sets[k].column, m->source->fields[i].name);
        if (named)
            fields[n++] = m->source->fields[i];
    }
    return n ? schema_grow(m->x, type_struct(m->x->arena, fields, n), err) : 0;
}

/* ---- 1 */

static int read_source(struct merge *m, struct err *err)
{
    struct buf sql;
    bool found;
    int rc = 0;
    buf_init(&sql);
    m->src = txn_temp(m->x, "src");
    buf_printf(&sql, "CREATE TEMP TABLE %.*s AS SELECT *, row_number() OVER () AS _lake_sid FROM (%.*s\n)", STR_ARGS(m->src), STR_ARGS(m->def->source_sql));
    rc = duck_exec(m->x->conn, buf_view(&sql), err);
    buf_clear(&sql);
    buf_printf(&sql, "SELECT count(*) FROM %.*s", STR_ARGS(m->src));
    if (rc == 0)
        rc = duck_scalar_i64(m->x->conn, buf_view(&sql), &m->w.m->source_rows, &found, err);
    buf_release(&sql);
    if (rc)
        return -1;
    struct duck_result *d = duck_describe(m->x->conn, m->def->source_sql, err);
    if (!d)
        return -1;
    struct type_field *fields = ARENA_ARRAY(m->x->arena, struct type_field, duck_cols(d));
    for (size_t i = 0; i < duck_cols(d) && rc == 0; i++) {
        fields[i] = (struct type_field){.name = str_copy(m->x->arena, duck_col_name(d, i)), .nullable = true};
        fields[i].type = duck_col_type(d, i) == DUCK_NULL ? type_of(TYPE_NULL) : type_read_duck(m->x->arena, duck_col_type_text(d, i), err);
        rc = fields[i].type ? 0 : -1;
    }
    m->source = rc ? NULL : type_struct(m->x->arena, fields, duck_cols(d));
    duck_result_free(d);
    return rc;
}

/* ---- 2 */

/* CASE over the clauses of one kind, giving their numbers. */
static void put_which(const struct merge *m, enum lake_when when, struct buf *sql)
{
    bool any = false;
    for (size_t i = 0; i < m->def->clause_count; i++) {
        const struct lake_clause *c = &m->def->clauses[i];
        if (c->when != when)
            continue;
        buf_z(sql, any ? " " : "CASE ");
        if (c->condition.ptr)
            buf_printf(sql, "WHEN (%.*s\n) THEN %zu", STR_ARGS(c->condition), i);
        else
            buf_printf(sql, "WHEN true THEN %zu", i);
        any = true;
    }
    buf_z(sql, any ? " ELSE -1 END" : "-1");
}

static int find_pairs(struct merge *m, struct err *err)
{
    struct buf sql, target;
    buf_init(&sql);
    buf_init(&target);
    m->acts = txn_temp(m->x, "acts");
    int rc = dml_put_target(&m->w, false, &target, err);
    buf_printf(&sql, "CREATE TEMP TABLE %.*s AS SELECT * FROM (SELECT t._file AS f, t._row AS r, s._lake_sid AS sid, CASE WHEN s._lake_sid IS NULL THEN ",
               STR_ARGS(m->acts));
    put_which(m, LAKE_NOT_MATCHED_BY_SOURCE, &sql);
    buf_z(&sql, " ELSE ");
    put_which(m, LAKE_MATCHED, &sql);
    buf_printf(&sql, " END AS c FROM %s %s JOIN %.*s s ON (%.*s\n)) WHERE sid IS NOT NULL OR c >= 0", target.ptr,
               m->has_by_source ? "LEFT" : "INNER", STR_ARGS(m->src), STR_ARGS(m->def->on.duck));
    if (rc == 0)
        rc = duck_exec(m->x->conn, buf_view(&sql), err);
    buf_release(&sql);
    buf_release(&target);
    return rc;
}

/* ---- 3 */

static bool lone_delete(const struct merge *m)
{
    size_t matched = 0;
    bool plain = false;
    for (size_t i = 0; i < m->def->clause_count; i++) {
        const struct lake_clause *c = &m->def->clauses[i];
        if (c->when != LAKE_MATCHED)
            continue;
        matched++;
        plain = c->then == LAKE_THEN_DELETE && !c->condition.ptr;
    }
    return matched == 1 && plain;
}

static int check_pairs(struct merge *m, struct err *err)
{
    struct buf sql;
    int64_t n = 0;
    bool found = false;
    if (!m->has_matched || lone_delete(m)) /* all pairs of such a row say the same */
        return 0;
    buf_init(&sql);
    buf_printf(&sql, "SELECT 1 FROM %.*s WHERE sid IS NOT NULL%s GROUP BY f, r HAVING count(*) > 1 LIMIT 1", STR_ARGS(m->acts),
               m->has_insert || m->has_by_source ? "" : " AND c >= 0");
    int rc = duck_scalar_i64(m->x->conn, buf_view(&sql), &n, &found, err);
    buf_release(&sql);
    if (rc == 0 && found)
        return err_set(err, ERR_USER, "[DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE] several rows of the source of MERGE match one row of the "
                       "table '%s': make the source's keys unique first", lake_table_dir(m->x->table));
    return rc;
}

/* ---- 4 */

static int put_value(struct merge *m, const struct lake_clause *c, const struct type_field *f, const char *old, struct buf *sql, struct err *err)
{
    const struct type_field *s = c->star ? type_field_find(m->source, f->name) : NULL;
    if (!c->star)
        return dml_put_set(m->x, f, c->sets, c->set_count, old, sql, err);
    if (!s || field_is_generated(f) || (field_is_identity(f) && c->then != LAKE_THEN_INSERT))
        return 0;
    buf_z(sql, "CAST(s.");
    duck_quote_ident(sql, s->name);
    buf_z(sql, " AS ");
    type_write_duck(sql, f->type);
    buf_char(sql, ')');
    return 1;
}

struct row_form { struct merge *m; bool by_clause; /* else as stored */ };

/* CASE a.c WHEN 0 THEN … WHEN 2 THEN … ELSE t."x" END */
static int changed_value(void *ctx, const struct type_field *f, struct buf *sql, struct err *err)
{
    const struct row_form *form = ctx;
    struct merge *m = form->m;
    struct buf old, cases;
    bool set_anywhere = false;
    int rc = 0;
    buf_init(&old);
    buf_init(&cases);
    buf_z(&old, "t.");
    duck_quote_ident(&old, f->name);
    for (size_t i = 0; i < m->def->clause_count && rc >= 0; i++) {
        struct buf value;
        if (m->def->clauses[i].then != LAKE_THEN_UPDATE)
            continue;
        buf_init(&value);
        rc = put_value(m, &m->def->clauses[i], f, old.ptr, &value, err);
        if (rc > 0)
            buf_printf(&cases, " WHEN %zu THEN %s", i, value.ptr);
        set_anywhere = set_anywhere || rc > 0;
        buf_release(&value);
    }
    if (rc >= 0 && set_anywhere && form->by_clause)
        buf_printf(sql, "CASE a.c%s ELSE %s END", cases.ptr, field_is_generated(f) ? "NULL" : old.ptr); /* NULL: computed anew */
    else if (rc >= 0 && set_anywhere)
        buf_str(sql, buf_view(&old));
    buf_release(&old);
    buf_release(&cases);
    return rc < 0 ? -1 : set_anywhere;
}

/* The clauses that do `then`, as "(0, 3)"; none: "(-2)". */
static const char *which(const struct merge *m, enum lake_then then)
{
    struct buf list;
    buf_init(&list);
    for (size_t i = 0; i < m->def->clause_count; i++)
        if (m->def->clauses[i].then == then)
            buf_printf(&list, "%s%zu", list.len ? ", " : "", i);
    char *text = arena_printf(m->x->arena, "(%s)", list.len ? list.ptr : "-2");
    buf_release(&list);
    return text;
}

/* Rows of the touched files joined with what happens to them. */
static int put_joined(struct merge *m, struct buf *sql, bool all, struct err *err)
{
    buf_z(sql, " FROM ");
    if (dml_put_target(&m->w, true, sql, err))
        return -1;
    buf_printf(sql, " %s JOIN (SELECT f, r, any_value(sid) AS sid, any_value(c) AS c FROM %.*s WHERE c >= 0 GROUP BY f, r) a ON a.f = t._file AND a.r = t._row "
               "LEFT JOIN %.*s s ON s._lake_sid = a.sid WHERE ", all ? "LEFT" : "INNER", STR_ARGS(m->acts), STR_ARGS(m->src));
    return 0;
}

static int put_target_rows(struct merge *m, struct buf *sql, struct err *err)
{
    bool vectors = dml_uses_vectors(m->x);
    struct row_form form = {m, true};
    buf_z(sql, "SELECT ");
    if (dml_put_columns(m->x, sql, changed_value, &form, err))
        return -1;
    if (m->w.tracked)
        buf_z(sql, ", t._lake_row_id, CASE WHEN a.c IS NULL THEN t._lake_row_version END AS _lake_row_version");
    if (put_joined(m, sql, !vectors, err))
        return -1;
    if (vectors)
        buf_printf(sql, "a.c IN %s", which(m, LAKE_THEN_UPDATE));
    else
        buf_printf(sql, "(a.c IS NULL OR a.c NOT IN %s)", which(m, LAKE_THEN_DELETE));
    return 0;
}

/* The columns of an inserted row, by clause: _lake_c is the clause's number. */
static int put_inserted(struct merge *m, struct buf *sql, const char *change, struct err *err)
{
    bool any = false;
    buf_z(sql, "SELECT ");
    for (size_t i = 0; i < m->x->meta.schema->field_count; i++) {
        const struct type_field *f = &m->x->meta.schema->fields[i];
        struct buf cases, fallback;
        bool set_anywhere = false;
        int rc = 0;
        if (f->type->kind == TYPE_NULL)
            continue;
        buf_init(&cases);
        buf_init(&fallback);
        for (size_t c = 0; c < m->def->clause_count && rc >= 0; c++) {
            struct buf value;
            if (m->def->clauses[c].then != LAKE_THEN_INSERT)
                continue;
            buf_init(&value);
            rc = put_value(m, &m->def->clauses[c], f, "NULL", &value, err);
            if (rc > 0)
                buf_printf(&cases, " WHEN %zu THEN %s", c, value.ptr);
            set_anywhere = set_anywhere || rc > 0;
            buf_release(&value);
        }
        if (rc >= 0 && !field_is_generated(f))
            rc = default_put(m->x, f, &fallback, err);
        if (rc >= 0 && (set_anywhere || !field_is_generated(f))) {
            buf_printf(sql, "%sCAST(", any ? ", " : "");
            if (set_anywhere)
                buf_printf(sql, "CASE s._lake_c%s ELSE %s END", cases.ptr, fallback.len ? fallback.ptr : "NULL");
            else
                buf_str(sql, buf_view(&fallback));
            buf_z(sql, " AS ");
            type_write_duck(sql, f->type);
            buf_z(sql, ") AS ");
            duck_quote_ident(sql, f->name);
            any = true;
        }
        buf_release(&cases);
        buf_release(&fallback);
        if (rc < 0)
            return -1;
    }
    if (change)
        buf_printf(sql, ", '%s' AS " CHANGE_COLUMN, change);
    else if (m->w.tracked)
        buf_z(sql, ", NULL::BIGINT AS _lake_row_id, NULL::BIGINT AS _lake_row_version");
    buf_z(sql, " FROM (SELECT s.*, ");
    put_which(m, LAKE_NOT_MATCHED, sql);
    buf_printf(sql, " AS _lake_c FROM %.*s s WHERE s._lake_sid NOT IN (SELECT sid FROM %.*s WHERE sid IS NOT NULL)) s WHERE s._lake_c >= 0",
               STR_ARGS(m->src), STR_ARGS(m->acts));
    return 0;
}

static int write_changes(struct merge *m, struct err *err)
{
    struct buf sql;
    int rc = 0;
    const struct { const char *name; bool by_clause; enum lake_then then; } images[] = {
        {"update_preimage", false, LAKE_THEN_UPDATE}, {"update_postimage", true, LAKE_THEN_UPDATE}, {"delete", false, LAKE_THEN_DELETE}};
    buf_init(&sql);
    for (size_t i = 0; i < COUNT_OF(images) && rc == 0; i++) {
        struct row_form form = {m, images[i].by_clause};
        buf_z(&sql, i ? " UNION ALL BY NAME SELECT " : "SELECT ");
        rc = dml_put_columns(m->x, &sql, changed_value, &form, err);
        buf_printf(&sql, ", '%s' AS " CHANGE_COLUMN, images[i].name);
        if (rc == 0)
            rc = put_joined(m, &sql, false, err);
        buf_printf(&sql, "a.c IN %s", which(m, images[i].then));
    }
    if (rc == 0 && m->has_insert) {
        buf_z(&sql, " UNION ALL BY NAME ");
        rc = put_inserted(m, &sql, "insert", err);
    }
    if (rc == 0)
        rc = dml_write_changes(&m->w, buf_view(&sql), err);
    buf_release(&sql);
    return rc;
}

static int count_acts(struct merge *m, struct err *err)
{
    struct lake_dml_metrics *k = m->w.m;
    struct buf sql;
    int got;
    buf_init(&sql);
    buf_printf(&sql, "SELECT c, count(DISTINCT (f, r)), count(DISTINCT (f, r)) FILTER (sid IS NULL) FROM %.*s WHERE c >= 0 GROUP BY c", STR_ARGS(m->acts));
    struct duck_result *r = duck_query(m->x->conn, buf_view(&sql), err);
    buf_release(&sql);
    if (!r)
        return -1;
    while ((got = duck_next(r, err)) > 0)
        for (size_t i = 0; i < duck_rows(r); i++) {
            bool del = m->def->clauses[duck_i64(r, 0, i)].then == LAKE_THEN_DELETE;
            int64_t n = duck_i64(r, 1, i), alone = duck_i64(r, 2, i);
            *(del ? &k->deleted : &k->updated) += n;
            *(del ? &k->matched_deleted : &k->matched_updated) += n - alone;
            *(del ? &k->unmatched_by_source_deleted : &k->unmatched_by_source_updated) += alone;
        }
    duck_result_free(r);
    return got;
}

static int count_inserts(struct merge *m, struct err *err)
{
    struct buf sql;
    bool found;
    if (!m->has_insert)
        return 0;
    buf_init(&sql);
    buf_z(&sql, "SELECT count(*) FROM (SELECT ");
    put_which(m, LAKE_NOT_MATCHED, &sql);
    buf_printf(&sql, " AS c FROM %.*s s WHERE s._lake_sid NOT IN (SELECT sid FROM %.*s WHERE sid IS NOT NULL)) WHERE c >= 0", STR_ARGS(m->src),
               STR_ARGS(m->acts));
    int rc = duck_scalar_i64(m->x->conn, buf_view(&sql), &m->w.m->inserted, &found, err);
    buf_release(&sql);
    return rc;
}

static int rewrite_rows(struct merge *m, struct err *err)
{
    struct lake_dml_metrics *k = m->w.m;
    struct buf sql;
    int rc = 0;
    int64_t rows = 0;
    bool vectors = dml_uses_vectors(m->x), target = m->w.count && !(vectors && !k->updated);
    buf_init(&sql);
    /* A commit that only appends is read from its files, as are ones whose files are all new. */
    if (dml_uses_feed(m->x) && m->w.count)
        rc = write_changes(m, err);
    if (rc == 0 && target)
        rc = put_target_rows(m, &sql, err);
    if (rc == 0 && k->inserted) {
        buf_z(&sql, target ? " UNION ALL BY NAME " : "");
        rc = put_inserted(m, &sql, NULL, err);
    }
    if (rc == 0 && sql.len)
        rows = dml_write(&m->w, buf_view(&sql), err);
    rc = rc || rows < 0 ? -1 : 0;
    buf_clear(&sql);
    if (rc == 0 && vectors && m->w.count) {
        buf_printf(&sql, "SELECT f, r FROM %.*s WHERE c >= 0", STR_ARGS(m->acts));
        rc = dml_mark(&m->w, buf_view(&sql), err);
    } else if (rc == 0) {
        dml_remove_touched(&m->w);
        k->copied = m->w.count ? rows - k->updated - k->inserted : 0;
    }
    buf_release(&sql);
    return rc;
}

/* ---- history */

static const char *const when_names[] = {[LAKE_MATCHED] = "matchedPredicates", [LAKE_NOT_MATCHED] = "notMatchedPredicates",
                                         [LAKE_NOT_MATCHED_BY_SOURCE] = "notMatchedBySourcePredicates"};
static const char *const then_names[] = {[LAKE_THEN_UPDATE] = "update", [LAKE_THEN_DELETE] = "delete", [LAKE_THEN_INSERT] = "insert"};

static void put_info(struct merge *m)
{
    struct arena *a = m->x->arena;
    const struct lake_dml_metrics *k = m->w.m;
    struct doc *parameters = doc_new_object(a);
    doc_set(a, parameters, STR("predicate"), doc_new_str(a, dml_predicates(a, m->def->on.text)));
    for (size_t w = 0; w < COUNT_OF(when_names); w++) {
        struct doc *list = doc_new_array(a);
        struct buf text;
        for (size_t i = 0; i < m->def->clause_count; i++) {
            struct doc *one = doc_new_object(a);
            if (m->def->clauses[i].when != (enum lake_when)w)
                continue;
            if (m->def->clauses[i].condition_text.len)
                doc_set(a, one, STR("predicate"), doc_new_str(a, m->def->clauses[i].condition_text));
            doc_set(a, one, STR("actionType"), doc_new_str(a, str_z(then_names[m->def->clauses[i].then])));
            doc_push(a, list, one);
        }
        buf_init(&text);
        doc_write(&text, list);
        doc_set(a, parameters, str_z(when_names[w]), doc_new_str(a, buf_view(&text)));
        buf_release(&text);
    }
    const struct metric list[] = {
        {"numSourceRows", k->source_rows}, {"numTargetRowsInserted", k->inserted}, {"numTargetRowsUpdated", k->updated},
        {"numTargetRowsDeleted", k->deleted}, {"numTargetRowsCopied", k->copied}, {"numTargetRowsMatchedUpdated", k->matched_updated},
        {"numTargetRowsMatchedDeleted", k->matched_deleted}, {"numTargetRowsNotMatchedBySourceUpdated", k->unmatched_by_source_updated},
        {"numTargetRowsNotMatchedBySourceDeleted", k->unmatched_by_source_deleted}, {"numOutputRows", k->updated + k->inserted + k->copied},
        {"numTargetFilesAdded", k->files_added}, {"numTargetFilesRemoved", k->files_removed}, {"numTargetBytesAdded", k->bytes_added},
        {"numTargetBytesRemoved", k->bytes_removed}, {"numTargetChangeFilesAdded", k->change_files}, {"numTargetDeletionVectorsAdded", k->dvs_added},
        {"numTargetDeletionVectorsRemoved", k->dvs_removed}, {"numTargetDeletionVectorsUpdated", k->dvs_updated}, {"scanTimeMs", k->scan_ms},
        {"rewriteTimeMs", k->rewrite_ms}, {"executionTimeMs", k->scan_ms + k->rewrite_ms},
    };
    dml_info(m->x, "MERGE", parameters, list, COUNT_OF(list));
}

int lake_txn_merge(struct lake_txn *x, const struct lake_merge *def, struct lake_dml_metrics *metrics, struct err *err)
{
    struct merge m = {.x = x, .def = def};
    struct buf sql;
    int64_t from = time_mono_us();
    bool only_inserts = true;
    if (!x->snap)
        return err_set(err, ERR_NOT_FOUND, "'%s' is not a Delta table", lake_table_dir(x->table));
    for (size_t i = 0; i < def->clause_count; i++)
        only_inserts = only_inserts && def->clauses[i].then == LAKE_THEN_INSERT;
    if (!only_inserts && dml_begin(x, &m.w, metrics, err))
        return -1;
    *metrics = (struct lake_dml_metrics){};
    m.w = (struct rewrite){.x = x, .m = metrics, .tracked = meta_property_bool(&x->meta, "delta.enableRowTracking")};
    if (read_source(&m, err) || (def->schema_evolution && evolve(&m, err)))
        return -1;
    for (size_t i = 0; i < def->clause_count; i++)
        if (check_clause(&m, &def->clauses[i], err))
            return -1;
    if (m.has_by_source)
        dml_read(x, STR_NONE);
    else
        dml_prune(&m.w, def->on.files);
    if (!m.has_by_source)
        dml_read(x, str_fmt(x->arena, "EXISTS (SELECT 1 FROM %.*s s WHERE (%.*s\n))", STR_ARGS(m.src), STR_ARGS(def->on.duck)));
    if (find_pairs(&m, err) || check_pairs(&m, err))
        return -1;
    buf_init(&sql);
    buf_printf(&sql, "SELECT f, count(DISTINCT r) FROM %.*s WHERE c >= 0 GROUP BY f", STR_ARGS(m.acts));
    int rc = dml_touch(&m.w, buf_view(&sql), err);
    buf_release(&sql);
    metrics->scan_ms = (time_mono_us() - from) / 1000;
    from = time_mono_us();
    if (rc || count_acts(&m, err) || count_inserts(&m, err))
        return -1;
    if ((metrics->inserted || m.w.count) && rewrite_rows(&m, err))
        return -1;
    metrics->rewrite_ms = (time_mono_us() - from) / 1000;
    put_info(&m);
    return 0;
}
