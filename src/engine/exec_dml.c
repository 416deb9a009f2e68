/* exec_dml -- DELETE, UPDATE, MERGE and TRUNCATE of Delta tables: the statement's expressions resolved where
 * Spark resolves them, and printed for lake/dml.h.
 *
 * Which columns an expression sees: DELETE and UPDATE the target's; MERGE's ON and WHEN MATCHED both
 * sides', WHEN NOT MATCHED the source's, WHEN NOT MATCHED BY SOURCE the target's. Each of these scopes is
 * one projection, resolved whole, so that names, subqueries and coercions are the planner's. Values
 * are cast to the column they are for, with Spark's rules of assignment: what does not fit fails, whatever ANSI mode says. A star
 * is written out as such assignments. DEFAULT stands alone.
 *
 * A commit that loses to another writer is begun anew on what that one left, EXEC_DML_TRIES times.
 * The result is one row, as Delta gives it: num_affected_rows, for MERGE also what they were. */
#include "engine/where.h"

/* Expressions that see the same columns. */
struct scope {
    struct rel *project;               /* over what they see */
    size_t targets;                    /* of its input's columns, those of the target */
    struct str **to; size_t count, cap; /* where each expression's text goes */
    const struct lake_predicate ***files; size_t files_cap; /* and what files a condition chooses; NULL: not asked */
    bool *conditions; size_t condition_cap; /* which of them decide, and give no value */
};

static void scope_open(struct scope *sc, struct arena *a, struct place at, struct rel *input, size_t targets)
{
    *sc = (struct scope){.project = rel_new(a, REL_PROJECT, at), .targets = targets};
    sc->project->input = input;
}

static void scope_put(struct scope *sc, struct arena *a, struct expr *e, bool condition, struct str *to, const struct lake_predicate **files)
{
    struct expr *alias = expr_new(a, EXPR_ALIAS, e->at);
    exprs_push(a, &alias->args, e);
    alias->name.parts = ARENA_NEW(a, struct str);
    alias->name.parts[0] = str_fmt(a, "_%zu", sc->count);
    alias->name.count = 1;
    exprs_push(a, &sc->project->exprs, alias);
    sc->to = arena_grow(a, sc->to, &sc->cap, sc->count + 1, sizeof *sc->to);
    sc->conditions = arena_grow(a, sc->conditions, &sc->condition_cap, sc->count + 1, sizeof *sc->conditions);
    sc->files = arena_grow(a, sc->files, &sc->files_cap, sc->count + 1, sizeof *sc->files);
    sc->conditions[sc->count] = condition;
    sc->files[sc->count] = files;
    sc->to[sc->count++] = to;
}

static void scope_condition(struct scope *sc, struct arena *a, struct expr *e, struct str *to) { scope_put(sc, a, e, true, to, NULL); }

/* A condition by which files are chosen too. */
static void scope_where(struct scope *sc, struct arena *a, struct expr *e, struct lake_where *to)
{
    to->text = where_text(a, e);
    scope_put(sc, a, e, true, &to->duck, &to->files);
}

/* A value, cast to `type` unless that is NULL. */
static void scope_value(struct scope *sc, struct arena *a, struct expr *e, const struct type *type, struct str *to)
{
    struct expr *cast = type ? expr_new(a, EXPR_CAST, e->at) : e;
    if (type) {
        cast->type = type;
        cast->assigns = true;
        exprs_push(a, &cast->args, e);
    }
    scope_put(sc, a, cast, false, to, NULL);
}

/* Prints them all; the snapshots that subqueries read are held by *plan. */
static int scope_print(struct scope *sc, struct session *s, struct arena *a, const struct session_hook *hook, struct session_plan *plan, struct err *err)
{
    struct str *texts = ARENA_ARRAY(a, struct str, sc->count + 1);
    if (!sc->count)
        return 0;
    if (session_plan_exprs(s, a, sc->project, hook, sc->targets, sc->conditions, plan, texts, err))
        return -1;
    for (size_t i = 0; i < sc->count; i++) {
        *sc->to[i] = texts[i];
        if (sc->files[i])
            *sc->files[i] = where_predicate(a, plan->resolved->exprs.items[i], plan->resolved->input->output, sc->targets);
    }
    return 0;
}

static bool is_default(const struct expr *e)
{
    return e->kind == EXPR_COLUMN && e->name.count == 1 && str_ieqz(e->name.parts[0], "DEFAULT");
}

struct work {
    struct session *s;
    struct arena *a;
    const struct stmt *st;
    const struct session_hook *hook;
    struct lake_txn *x;
    const char *dir;
    struct session_plan plans[4];      /* scopes and the source: held until the commit */
    struct lake_dml_metrics m;
};

/* ---------------------------------------------------------------- SET column = value */

/* Are these the target's alias, or the end of its full name? */
static bool names_target(const struct work *w, const struct str *parts, size_t n)
{
    struct lake_name full;
    struct err ignored;
    if (!n)
        return true;
    if (w->st->target->kind == REL_ALIAS)
        return n == 1 && str_ieq(parts[0], w->st->target->alias);
    if (w->st->target->kind == REL_SOURCE || n > 3 || lake_name_resolve(w->a, w->st->name.parts, w->st->name.count, &w->s->scope, &full, &ignored))
        return false;
    const struct str whole[] = {full.catalog, full.schema, full.table};
    for (size_t i = 0; i < n; i++)
        if (!str_ieq(parts[i], whole[3 - n + i]))
            return false;
    return true;
}

/* Column and nested fields that `e` names, behind the longest qualifier that fits; the field's type. */
static const struct type *set_path(struct work *w, const struct expr *e, const struct type *target, struct lake_set *set, struct err *err)
{
    const struct str *parts = e->name.parts;
    size_t n = e->kind == EXPR_COLUMN ? e->name.count : 0, at = n;
    while (at > 0 && !(names_target(w, parts, at - 1) && type_field_find(target, parts[at - 1])))
        at--;
    if (!at) {
        err_at(err, ERR_INPUT, e->at.file, e->at.line, e->at.col, "[UNRESOLVED_COLUMN] the table '%.*s' has no column '%.*s' to set",
               STR_ARGS(w->st->name.parts[w->st->name.count - 1]), STR_ARGS(where_text(w->a, e)));
        return NULL;
    }
    const struct type_field *f = type_field_find(target, parts[at - 1]);
    struct str *fields = ARENA_ARRAY(w->a, struct str, n);
    *set = (struct lake_set){.column = f->name, .fields = fields};
    const struct type *t = f->type;
    for (size_t i = at; i < n; i++) {
        const struct type_field *inner = t->kind == TYPE_STRUCT ? type_field_find(t, parts[i]) : NULL;
        if (!inner) {
            err_at(err, ERR_INPUT, e->at.file, e->at.line, e->at.col, "[FIELD_NOT_FOUND] the column '%.*s' has no field '%.*s'", STR_ARGS(f->name),
                   STR_ARGS(parts[i]));
            return NULL;
        }
        fields[set->field_count++] = inner->name;
        t = inner->type;
    }
    return t;
}

/* The assignments' columns now, their values' texts once the scope is printed. With `evolve` a column may be new. */
static struct lake_set *read_sets(struct work *w, const struct exprs *to, const struct exprs *values, const struct type *target, bool evolve, struct scope *sc,
                                  struct err *err)
{
    struct lake_set *sets = ARENA_ARRAY(w->a, struct lake_set, to->count + 1);
    for (size_t i = 0; i < to->count; i++) {
        struct expr *e = to->items[i];
        const struct type *t = NULL;
        if (evolve && e->kind == EXPR_COLUMN && e->name.count == 1 && !type_field_find(target, e->name.parts[0]))
            sets[i].column = e->name.parts[0];
        else if (!(t = set_path(w, e, target, &sets[i], err)))
            return NULL;
        if (!is_default(values->items[i]))
            scope_value(sc, w->a, values->items[i], t, &sets[i].value);
    }
    return sets;
}

/* May the table's column become one of the source's type when the schema evolves? Then its values come as they are. */
static bool may_grow(const struct type *column, const struct type *source)
{
    static const struct { enum type_kind from, to; } rows[] = {
        {TYPE_STRUCT, TYPE_STRUCT}, {TYPE_ARRAY, TYPE_ARRAY}, {TYPE_MAP, TYPE_MAP}, {TYPE_DECIMAL, TYPE_DECIMAL}, {TYPE_FLOAT, TYPE_DOUBLE},
        {TYPE_DATE, TYPE_TIMESTAMP_NTZ},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (column->kind == rows[i].from && source->kind == rows[i].to)
            return true;
    return type_is_integral(column) && type_is_integral(source);
}

/* UPDATE SET * and INSERT *: each of the table's columns from the source's of its name, with `evolve` also new ones. What the
 * source lacks keeps its value, or is computed. `sc`: that of the source alone. */
static int star_sets(struct work *w, const struct type *target, const struct type *source, bool evolve, struct scope *sc, struct lake_clause *c, struct err *err)
{
    struct lake_set *sets = ARENA_ARRAY(w->a, struct lake_set, target->field_count + source->field_count);
    for (size_t i = 0; i < target->field_count; i++) {
        const struct type_field *f = &target->fields[i], *s = type_field_find(source, f->name);
        bool by_itself = f->metadata && (doc_get(f->metadata, "delta.generationExpression") || doc_get(f->metadata, "delta.identity.start") ||
                                         doc_get(f->metadata, "CURRENT_DEFAULT"));
        if (!s && !by_itself && !evolve)
            return stmt_err(w->st, ERR_INPUT, err, "[DELTA_MERGE_UNRESOLVED_EXPRESSION] the source of MERGE has no column '%.*s', which * needs",
                            STR_ARGS(f->name));
        if (!s || f->type->kind == TYPE_NULL)
            continue;
        sets[c->set_count].column = f->name;
        scope_value(sc, w->a, expr_column(w->a, w->st->at, s->name), evolve && may_grow(f->type, s->type) ? NULL : f->type, &sets[c->set_count++].value);
    }
    for (size_t i = 0; i < source->field_count && evolve; i++)
        if (!type_field_find(target, source->fields[i].name)) {
            sets[c->set_count].column = source->fields[i].name;
            scope_value(sc, w->a, expr_column(w->a, w->st->at, source->fields[i].name), NULL, &sets[c->set_count++].value);
        }
    c->sets = sets;
    return 0;
}

/* ---------------------------------------------------------------- one attempt, and again */

static int one_delete(struct work *w, struct err *err)
{
    struct lake_where where = {0};
    struct scope sc;
    scope_open(&sc, w->a, w->st->at, w->st->target, lake_txn_schema(w->x)->field_count);
    if (w->st->where)
        scope_where(&sc, w->a, w->st->where, &where);
    if (scope_print(&sc, w->s, w->a, w->hook, &w->plans[0], err))
        return -1;
    return lake_txn_delete(w->x, w->st->where ? &where : NULL, &w->m, err);
}

static int one_update(struct work *w, struct err *err)
{
    const struct type *target = lake_txn_schema(w->x);
    struct lake_where where = {0};
    struct scope sc;
    scope_open(&sc, w->a, w->st->at, w->st->target, target->field_count);
    struct lake_set *sets = read_sets(w, &w->st->assignments_to, &w->st->assignments_value, target, false, &sc, err);
    if (!sets)
        return -1;
    if (w->st->where)
        scope_where(&sc, w->a, w->st->where, &where);
    if (scope_print(&sc, w->s, w->a, w->hook, &w->plans[0], err))
        return -1;
    return lake_txn_update(w->x, sets, w->st->assignments_to.count, w->st->where ? &where : NULL, &w->m, err);
}

static int one_truncate(struct work *w, struct err *err) { return lake_txn_truncate(w->x, &w->m, err); }

static int one_merge(struct work *w, struct err *err)
{
    const struct stmt *st = w->st;
    const struct type *target = lake_txn_schema(w->x), *source = session_schema_of(w->s, w->a, st->source, w->hook, err);
    struct lake_clause *clauses = ARENA_ARRAY(w->a, struct lake_clause, st->action_count + 1);
    struct lake_merge merge = {.clauses = clauses, .clause_count = st->action_count, .schema_evolution = st->schema_evolution};
    struct rel *both = rel_new(w->a, REL_JOIN, st->at);
    struct scope scopes[3]; /* by lake_when */
    if (!source)
        return -1;
    both->join = JOIN_CROSS;
    both->input = st->target;
    both->right = st->source;
    scope_open(&scopes[LAKE_MATCHED], w->a, st->at, both, target->field_count);
    scope_open(&scopes[LAKE_NOT_MATCHED], w->a, st->at, st->source, 0);
    scope_open(&scopes[LAKE_NOT_MATCHED_BY_SOURCE], w->a, st->at, st->target, target->field_count);
    scope_where(&scopes[LAKE_MATCHED], w->a, st->on, &merge.on);
    for (size_t i = 0; i < st->action_count; i++) {
        const struct merge_action *m = &st->actions[i];
        static const enum lake_then thens[] = {LAKE_THEN_UPDATE, LAKE_THEN_DELETE, LAKE_THEN_INSERT};
        struct scope *sc = &scopes[m->when];
        clauses[i] = (struct lake_clause){.when = (enum lake_when)m->when, .then = thens[m->op], .condition_text = where_text(w->a, m->cond)};
        if (m->cond)
            scope_condition(sc, w->a, m->cond, &clauses[i].condition);
        if (clauses[i].then == LAKE_THEN_DELETE)
            continue;
        if (m->star && m->when == 2)
            return stmt_err(st, ERR_INPUT, err, "UPDATE SET * has no source row in WHEN NOT MATCHED BY SOURCE");
        if (m->star && star_sets(w, target, source, st->schema_evolution, &scopes[LAKE_NOT_MATCHED], &clauses[i], err))
            return -1;
        if (m->star)
            continue;
        struct exprs columns = m->columns;
        for (size_t k = 0; k < target->field_count && !m->columns.count; k++) /* INSERT VALUES: all of them, in order */
            exprs_push(w->a, &columns, expr_column(w->a, st->at, target->fields[k].name));
        if (columns.count != m->values.count)
            return stmt_err(st, ERR_INPUT, err, "[INSERT_COLUMN_ARITY_MISMATCH] INSERT gives %zu values, the table has %zu columns", m->values.count, columns.count);
        clauses[i].sets = read_sets(w, &columns, &m->values, target, st->schema_evolution, sc, err);
        clauses[i].set_count = columns.count;
        if (!clauses[i].sets)
            return -1;
    }
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (scope_print(&scopes[i], w->s, w->a, w->hook, &w->plans[i], err))
            return -1;
    if (session_plan(w->s, w->a, st->source, w->hook, &w->plans[3], err))
        return -1;
    merge.source_sql = w->plans[3].sql;
    return lake_txn_merge(w->x, &merge, &w->m, err);
}

int session_count_row(struct session *s, struct arena *a, const char *const *names, const int64_t *values, size_t n, struct session_result *out, struct err *err)
{
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, n);
    struct buf sql;
    buf_init(&sql);
    for (size_t i = 0; i < n; i++) {
        fields[i] = (struct type_field){str_z(names[i]), type_of(TYPE_LONG), true, STR_NONE, NULL};
        buf_printf(&sql, "%s CAST(%jd AS BIGINT) AS \"%s\"", i ? "," : "SELECT", (intmax_t)values[i], names[i]);
    }
    out->affected = values[0];
    out->schema = type_struct(a, fields, n);
    out->rows = duck_query(s->conn, buf_view(&sql), err);
    buf_release(&sql);
    return out->rows ? 0 : -1;
}

/* Does a subquery or MERGE's source read the table that is changed? Each scope has it once as the target. */
static bool reads_itself(const struct work *w)
{
    for (size_t i = 0; i + 1 < COUNT_OF(w->plans); i++)
        if (session_plan_reads(&w->plans[i], w->dir) > 1)
            return true;
    return session_plan_reads(&w->plans[COUNT_OF(w->plans) - 1], w->dir) > 0;
}

static int attempt(struct work *w, struct lake_table *t, int (*one)(struct work *w, struct err *err), int64_t *version, struct err *err)
{
    int rc = -1;
    w->x = lake_txn_begin(t, w->s->conn, err);
    if (!w->x)
        return -1;
    w->m = (struct lake_dml_metrics){0};
    if (!lake_txn_snapshot(w->x))
        stmt_err(w->st, ERR_NOT_FOUND, err, "[TABLE_OR_VIEW_NOT_FOUND] there is no table '%.*s'", STR_ARGS(w->st->name.parts[w->st->name.count - 1]));
    else
        rc = one(w, err);
    if (rc == 0 && reads_itself(w))
        lake_txn_read_all(w->x);
    if (rc == 0)
        rc = lake_txn_commit(w->x, version, err);
    lake_txn_end(w->x);
    for (size_t i = 0; i < COUNT_OF(w->plans); i++)
        session_plan_release(&w->plans[i]);
    if (rc)
        engine_error(err);
    return rc;
}

static int change(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out,
                  int (*one)(struct work *w, struct err *err), struct lake_dml_metrics *m, struct err *err)
{
    struct work w = {.s = s, .a = a, .st = st, .hook = hook};
    char *dir;
    int rc = -1;
    int64_t version = -1;
    (void)out;
    if (session_table_dir(s, a, &st->name, &dir, err))
        return -1;
    w.dir = dir;
    for (int i = 0; i < EXEC_DML_TRIES && rc; i++) {
        rc = attempt(&w, lake_catalog_table(s->engine->catalog, dir), one, &version, err);
        if (rc && (err->code != ERR_CONFLICT || !err->retriable))
            return -1;
    }
    *m = w.m;
    if (rc == 0)
        session_committed(s, dir, version);
    return rc;
}

static int counted(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out,
                   int (*one)(struct work *w, struct err *err), struct err *err)
{
    static const char *const names[] = {"num_affected_rows"};
    struct lake_dml_metrics m;
    if (change(s, a, st, hook, out, one, &m, err))
        return -1;
    int64_t n = m.updated + m.deleted;
    return session_count_row(s, a, names, &n, 1, out, err);
}

int exec_delete(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    return counted(s, a, st, hook, out, one_delete, err);
}

int exec_update(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    return counted(s, a, st, hook, out, one_update, err);
}

int exec_truncate(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    struct lake_dml_metrics m;
    if (st->partition_spec.count)
        return stmt_err(st, ERR_UNSUPPORTED, err, "TRUNCATE TABLE … PARTITION is not supported: use DELETE FROM … WHERE");
    return change(s, a, st, hook, out, one_truncate, &m, err);
}

int exec_merge(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows"};
    struct lake_dml_metrics m;
    if (change(s, a, st, hook, out, one_merge, &m, err))
        return -1;
    return session_count_row(s, a, names, (int64_t[]){m.updated + m.deleted + m.inserted, m.updated, m.deleted, m.inserted}, 4, out, err);
}
