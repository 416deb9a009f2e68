/* exec_lake -- statements about a Delta table as a whole: OPTIMIZE, VACUUM, RESTORE. Their rows are Delta's. */
#include "engine/session_int.h"
#include "engine/travel.h"
#include "lake/maintain.h"
#include "lake/optimize.h"
#include "lake/restore.h"

static struct lake_table *table_of(struct session *s, struct arena *a, const struct stmt *st, char **dir, struct err *err)
{
    if (session_table_dir(s, a, &st->name, dir, err))
        return NULL;
    if (lake_is_table(*dir))
        return lake_catalog_table(s->engine->catalog, *dir);
    stmt_err(st, ERR_NOT_FOUND, err, "[DELTA_TABLE_NOT_FOUND] there is no Delta table '%.*s'", STR_ARGS(st->name.parts[st->name.count - 1]));
    return NULL;
}

/* ---------------------------------------------------------------- OPTIMIZE */

/* A constant as partition values are written; ptr NULL: no constant. */
static struct str constant_text(struct arena *a, const struct expr *e)
{
    char text[40];
    if (e->kind == EXPR_CAST)
        e = e->args.items[0];
    if (e->kind != EXPR_LITERAL)
        return STR_NONE;
    switch (e->lit.kind) {
    case LIT_INT:
        return str_fmt(a, "%jd", (intmax_t)e->lit.i64);
    case LIT_STRING:
    case LIT_DECIMAL:
        return e->lit.text;
    case LIT_BOOL:
        return e->lit.i64 ? STR("true") : STR("false");
    case LIT_DATE:
        return str_of(arena_strdup(a, time_iso((struct tp){e->lit.i64 * 86400 * 1000000}, 0, text)), 10);
    default:
        return STR_NONE;
    }
}

static const struct { const char *func; enum lake_op op, turned; } OPS[] = {
    {"==", LAKE_EQ, LAKE_EQ}, {"!=", LAKE_NE, LAKE_NE}, {"<", LAKE_LT, LAKE_GT}, {"<=", LAKE_LE, LAKE_GE}, {">", LAKE_GT, LAKE_LT}, {">=", LAKE_GE, LAKE_LE},
    {"and", LAKE_AND, LAKE_AND}, {"or", LAKE_OR, LAKE_OR}, {"not", LAKE_NOT, LAKE_NOT}, {"in", LAKE_IN, LAKE_IN},
    {"isnull", LAKE_IS_NULL, LAKE_IS_NULL}, {"isnotnull", LAKE_NOT_NULL, LAKE_NOT_NULL},
};

/* The condition as files can be chosen by it; NULL: it is none. Depth is the parser's. */
static const struct lake_predicate *predicate_of(struct arena *a, const struct expr *e)
{
    size_t row = 0;
    while (row < COUNT_OF(OPS) && (e->kind != EXPR_CALL || !str_eqz(e->func, OPS[row].func)))
        row++;
    if (row == COUNT_OF(OPS))
        return NULL;
    struct lake_predicate *p = ARENA_NEW(a, struct lake_predicate);
    const struct lake_predicate **args = ARENA_ARRAY(a, const struct lake_predicate *, e->args.count + 1);
    struct str *values = ARENA_ARRAY(a, struct str, e->args.count + 1);
    bool logical = OPS[row].op == LAKE_AND || OPS[row].op == LAKE_OR || OPS[row].op == LAKE_NOT;
    *p = (struct lake_predicate){.op = OPS[row].op, .values = values, .args = args};
    bool turned = !logical && e->args.count == 2 && e->args.items[0]->kind != EXPR_COLUMN;
    if (turned)
        p->op = OPS[row].turned;
    for (size_t i = 0; i < e->args.count; i++) {
        const struct expr *x = e->args.items[turned ? e->args.count - 1 - i : i];
        if (logical && !(args[p->arg_count++] = predicate_of(a, x)))
            return NULL;
        if (!logical && i == 0 && (x->kind != EXPR_COLUMN || x->name.count != 1))
            return NULL;
        if (!logical && i == 0)
            p->column = x->name.parts[0];
        else if (!logical && !(values[p->value_count++] = constant_text(a, x)).ptr)
            return NULL;
    }
    return p;
}

int exec_optimize(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"path", "metrics"};
    struct lake_optimize_opts o = {0};
    struct lake_optimized r;
    struct cells c;
    char *dir;
    (void)hook;
    struct lake_table *t = table_of(s, a, st, &dir, err);
    struct lake_snapshot *snap = t ? lake_table_latest(t, s->conn, err) : NULL;
    if (!snap)
        return -1;
    struct str *zorder = ARENA_ARRAY(a, struct str, st->cluster_by.count + 1);
    int rc = 0;
    if (st->where && !(o.where = predicate_of(a, st->where)))
        rc = stmt_err(st, ERR_UNSUPPORTED, err, "OPTIMIZE … WHERE compares partition columns with constants");
    for (size_t i = 0; i < st->cluster_by.count && rc == 0; i++) {
        const struct expr *e = st->cluster_by.items[i];
        if (e->kind != EXPR_COLUMN || e->name.count != 1)
            rc = stmt_err(st, ERR_UNSUPPORTED, err, "ZORDER BY takes names of columns");
        else
            zorder[o.zorder_count++] = e->name.parts[0];
    }
    o.zorder = zorder;
    o.where_text = session_expr_text(a, st->where);
    if (rc == 0)
        rc = lake_optimize(t, s->conn, &o, &r, err);
    lake_snapshot_unref(snap);
    if (rc)
        return -1;
    if (r.removed)
        session_committed(s, dir, r.version);
    cells_init(&c, a, names, COUNT_OF(names));
    cells_add(&c, (struct str[]){str_z(dir), str_fmt(a, "{\"numFilesAdded\":%jd,\"numFilesRemoved\":%jd,\"filesAdded\":{\"totalSize\":%jd},\"filesRemoved\":"
                                                       "{\"totalSize\":%jd},\"totalConsideredFiles\":%jd,\"partitionsOptimized\":%jd}",
                                                    (intmax_t)r.added, (intmax_t)r.removed, (intmax_t)r.added_bytes, (intmax_t)r.removed_bytes,
                                                    (intmax_t)r.considered, (intmax_t)r.partitions)});
    return cells_result(&c, s, out, err);
}

/* ---------------------------------------------------------------- VACUUM */

int exec_vacuum(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"path"};
    struct lake_vacuum_opts o = {.retention_ms = -1, .dry_run = st->dry_run,
                                 .check_retention = !str_ieqz(session_get(s, STR("spark.databricks.delta.retentionDurationCheck.enabled")), "false")};
    struct cells c;
    char *dir, **paths;
    double hours;
    (void)hook;
    struct lake_table *t = table_of(s, a, st, &dir, err);
    if (!t)
        return -1;
    if (st->args.count) {
        const struct lit *l = &st->args.items[0]->lit;
        if (st->args.items[0]->kind != EXPR_LITERAL || (l->kind != LIT_INT && l->kind != LIT_FLOAT && l->kind != LIT_DECIMAL) ||
            (l->kind == LIT_DECIMAL && !str_f64(l->text, &hours)))
            return stmt_err(st, ERR_INPUT, err, "RETAIN takes a number of hours");
        o.retention_ms = (int64_t)((l->kind == LIT_INT ? (double)l->i64 : l->kind == LIT_FLOAT ? l->f64 : hours) * 3600 * 1000);
    }
    int64_t n = lake_vacuum(t, s->conn, &o, a, &paths, err);
    if (n < 0)
        return -1;
    cells_init(&c, a, names, COUNT_OF(names));
    for (int64_t i = 0; i < n && st->dry_run; i++)
        cells_add(&c, (struct str[]){str_z(path_join(a, dir, paths[i]))});
    if (!st->dry_run)
        cells_add(&c, (struct str[]){str_z(dir)});
    return cells_result(&c, s, out, err);
}

/* ---------------------------------------------------------------- RESTORE */

int exec_restore(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"num_restored_files", "num_removed_files", "restored_files_size", "removed_files_size"};
    struct lake_restored r;
    char *dir;
    struct lake_table *t = table_of(s, a, st, &dir, err);
    if (!t)
        return -1;
    struct held held = {0};
    struct planning p = {s, hook, &held, s->scope, 0};
    struct travelled to;
    struct rel *leaf = rel_new(a, REL_TABLE, st->at);
    leaf->name = st->name;
    leaf->version = st->version;
    leaf->timestamp = st->timestamp;
    if (travel_open(&p, a, leaf, dir, &to, err))
        return -1;
    int rc = lake_restore(t, s->conn, to.snapshot->version, &r, err);
    lake_snapshot_unref(to.snapshot);
    if (rc)
        return -1;
    session_committed(s, dir, r.version);
    return session_count_row(s, a, names, (int64_t[]){r.added, r.removed, r.added_bytes, r.removed_bytes}, COUNT_OF(names), out, err);
}
