/* exec_lake -- statements about a Delta table as a whole: OPTIMIZE, VACUUM, RESTORE. Their rows are Delta's. */
#include "engine/travel.h"
#include "engine/where.h"
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

static int zorder_names(struct arena *a, const struct stmt *st, struct lake_optimize_opts *o, struct err *err)
{
    struct str *names = ARENA_ARRAY(a, struct str, st->cluster_by.count + 1);
    for (size_t i = 0; i < st->cluster_by.count; i++) {
        const struct expr *e = st->cluster_by.items[i];
        if (e->kind != EXPR_COLUMN || e->name.count != 1)
            return stmt_err(st, ERR_UNSUPPORTED, err, "ZORDER BY takes names of columns");
        names[o->zorder_count++] = e->name.parts[0];
    }
    o->zorder = names;
    return 0;
}

/* The partitions that WHERE chooses: each comparison in it has to be told from partition values alone, which lake_optimize() checks. */
static int optimize_where(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct lake_optimize_opts *o,
                          struct err *err)
{
    struct session_plan plan = {0};
    struct lake_where where;
    struct rel *table = rel_new(a, REL_TABLE, st->at);
    table->name = st->name;
    if (!st->where)
        return 0;
    if (where_over_table(s, a, table, st->where, hook, SIZE_MAX, &plan, &where, err))
        return -1;
    session_plan_release(&plan);
    o->where = where.files;
    o->where_text = where.text;
    return 0;
}

int exec_optimize(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err)
{
    static const char *const names[] = {"path", "metrics"};
    struct lake_optimize_opts o = {0};
    struct lake_optimized r;
    struct cells c;
    char *dir;
    struct lake_table *t = table_of(s, a, st, &dir, err);
    if (!t || zorder_names(a, st, &o, err) || optimize_where(s, a, st, hook, &o, err) || lake_optimize(t, s->conn, &o, &r, err))
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

enum { VACUUM_MAX_HOURS = 24 * 365 * 1000 };

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
        if (l->kind != LIT_DECIMAL)
            hours = l->kind == LIT_INT ? (double)l->i64 : l->f64;
        if (!(hours >= 0 && hours <= VACUUM_MAX_HOURS))
            return stmt_err(st, ERR_INPUT, err, "RETAIN takes 0 to %d hours", VACUUM_MAX_HOURS);
        o.retention_ms = (int64_t)(hours * 3600 * 1000);
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
