#include "engine/travel.h"
#include "engine/prelude_int.h"
#include "lake/cdf_read.h"

enum opt { OPT_NONE, OPT_VERSION, OPT_TIMESTAMP, OPT_FEED, OPT_START, OPT_START_TIME, OPT_END, OPT_END_TIME, OPT_COUNT };
/* OPT_NONE: a batch read of a Delta table has no use for it, in Spark as here. */
static const struct { const char *name; enum opt opt; } OPTIONS[] = {
    {"versionAsOf", OPT_VERSION}, {"timestampAsOf", OPT_TIMESTAMP}, {"readChangeFeed", OPT_FEED}, {"readChangeData", OPT_FEED},
    {"startingVersion", OPT_START}, {"startingTimestamp", OPT_START_TIME}, {"endingVersion", OPT_END},
    {"endingTimestamp", OPT_END_TIME}, {"path", OPT_NONE}, {"inferSchema", OPT_NONE}, {"mergeSchema", OPT_NONE},
    {"maxFilesPerTrigger", OPT_NONE}, {"maxBytesPerTrigger", OPT_NONE}, {"ignoreDeletes", OPT_NONE}, {"ignoreChanges", OPT_NONE},
    {"skipChangeCommits", OPT_NONE}, {"failOnDataLoss", OPT_NONE}, {"withEventTimeOrder", OPT_NONE},
};

static int read_options(const struct rel *leaf, struct str values[OPT_COUNT], struct err *err)
{
    for (size_t i = 0; i < leaf->options.count; i++) {
        size_t k = 0;
        while (k < COUNT_OF(OPTIONS) && !str_ieqz(leaf->options.keys[i], OPTIONS[k].name))
            k++;
        if (k == COUNT_OF(OPTIONS))
            return err_set(err, ERR_UNSUPPORTED, "unknown option of a Delta table '%.*s': remove it, or use versionAsOf, timestampAsOf "
                           "or readChangeFeed", STR_ARGS(leaf->options.keys[i]));
        if (OPTIONS[k].opt && values[OPTIONS[k].opt].ptr)
            return err_set(err, ERR_INPUT, "the option '%s' is given twice", OPTIONS[k].name);
        if (OPTIONS[k].opt)
            values[OPTIONS[k].opt] = leaf->options.values[i].ptr ? leaf->options.values[i] : STR("");
    }
    return 0;
}

/* ---------------------------------------------------------------- times and versions */

/* What Spark gives for CAST(e AS TIMESTAMP), where `e` is constant. */
static int time_of(struct planning *p, struct arena *a, struct expr *e, struct tp *when, struct err *err)
{
    struct rel *q = rel_new(a, REL_PROJECT, e->at);
    struct expr *cast = expr_new(a, EXPR_CAST, e->at);
    struct session_plan plan;
    int64_t us = 0;
    bool found = false;
    exprs_push(a, &cast->args, e);
    cast->type = type_of(TYPE_TIMESTAMP);
    q->input = rel_new(a, REL_ONE_ROW, e->at);
    exprs_push(a, &q->exprs, cast);
    if (session_plan(p->s, a, q, NULL, &plan, err))
        return -1;
    struct str sql = str_fmt(a, "SELECT epoch_us(COLUMNS(*)) FROM (%.*s)", STR_ARGS(plan.sql));
    int rc = duck_scalar_i64(p->s->conn, sql, &us, &found, err);
    session_plan_release(&plan);
    if (rc == 0 && !found)
        rc = err_set(err, ERR_INPUT, "[INVALID_TIME_TRAVEL_SPEC] the time is NULL");
    *when = (struct tp){us};
    return rc;
}

/* An option's text as a time. */
static int time_option(const char *name, struct str text, struct tp *when, struct err *err)
{
    bool zoned;
    if (spark_timestamp_of(text, &zoned, &when->us))
        return 0;
    return err_set(err, ERR_INPUT, "the option '%s' is no time: '%.*s' (such as '2024-01-31 12:00:00')", name, STR_ARGS(text));
}

static int version_option(const char *name, struct str text, int64_t *version, struct err *err)
{
    if (str_i64(text, version) && *version >= 0)
        return 0;
    return err_set(err, ERR_INPUT, "the option '%s' is no version: '%.*s'", name, STR_ARGS(text));
}

static struct lake_snapshot *at_time(struct lake_table *t, struct duck_conn *c, struct tp when, struct err *err)
{
    struct lake_snapshot *last = lake_table_latest(t, c, err);
    if (!last)
        return NULL;
    if (when.us / 1000 > last->timestamp_ms) {
        char at[40], end[40];
        time_iso(when, 3, at);
        time_iso((struct tp){last->timestamp_ms * 1000}, 3, end);
        err_set(err, ERR_INPUT, "[DELTA_TIMESTAMP_GREATER_THAN_COMMIT] the time %s is after the latest commit, version %jd of %s; "
                "leave the time out to read that", at, (intmax_t)last->version, end);
        lake_snapshot_unref(last);
        return NULL;
    }
    lake_snapshot_unref(last);
    return lake_table_at_time(t, c, when, err);
}

static struct lake_snapshot *at_version(struct lake_table *t, struct duck_conn *c, const struct expr *e, struct err *err)
{
    const struct lit *l = &e->lit;
    int64_t version;
    if (e->kind == EXPR_LITERAL && (l->kind == LIT_INT || (l->kind == LIT_STRING && str_i64(l->text, &version))))
        return lake_table_at(t, c, l->kind == LIT_INT ? l->i64 : version, err);
    err_set(err, ERR_INPUT, "VERSION AS OF takes a version number");
    return NULL;
}

static struct lake_snapshot *snapshot_for(struct planning *p, struct arena *a, const struct rel *leaf, struct lake_table *t,
                                          const struct str *o, struct err *err)
{
    struct duck_conn *c = p->s->conn;
    struct tp when;
    int64_t version;
    if (!!leaf->version + !!leaf->timestamp + !!o[OPT_VERSION].ptr + !!o[OPT_TIMESTAMP].ptr > 1) {
        err_set(err, ERR_INPUT, "[MULTIPLE_TIME_TRAVEL_SPEC] Cannot specify time travel in both the time travel clause and options");
        return NULL;
    }
    if (leaf->version)
        return at_version(t, c, leaf->version, err);
    if (leaf->timestamp)
        return time_of(p, a, leaf->timestamp, &when, err) ? NULL : at_time(t, c, when, err);
    if (o[OPT_VERSION].ptr)
        return version_option("versionAsOf", o[OPT_VERSION], &version, err) ? NULL : lake_table_at(t, c, version, err);
    if (o[OPT_TIMESTAMP].ptr)
        return time_option("timestampAsOf", o[OPT_TIMESTAMP], &when, err) ? NULL : at_time(t, c, when, err);
    return lake_table_latest(t, c, err);
}

/* ---------------------------------------------------------------- the change feed */

/* The first version at or after `when` (start), or the last at or before it. */
static int version_at(struct lake_table *t, struct duck_conn *c, struct tp when, bool start, int64_t *version, struct err *err)
{
    struct lake_snapshot *s = lake_table_at_time(t, c, when, err);
    if (!s) {
        *version = 0;
        return start && err->code == ERR_NOT_FOUND ? 0 : -1;
    }
    *version = s->version + (start && s->timestamp_ms < when.us / 1000);
    lake_snapshot_unref(s);
    return 0;
}

static int bound_of(struct lake_table *t, struct duck_conn *c, const struct str *o, bool start, int64_t *version, struct err *err)
{
    struct str at = o[start ? OPT_START : OPT_END], time = o[start ? OPT_START_TIME : OPT_END_TIME];
    struct tp when;
    *version = -1;
    if (at.ptr && time.ptr)
        return err_set(err, ERR_INPUT, "the change feed's %s is given as a version and as a time: leave one out", start ? "start" : "end");
    if (at.ptr)
        return version_option(start ? "startingVersion" : "endingVersion", at, version, err);
    if (time.ptr)
        return time_option(start ? "startingTimestamp" : "endingTimestamp", time, &when, err) ||
                       version_at(t, c, when, start, version, err) ? -1 : 0;
    return start ? err_set(err, ERR_INPUT, "[DELTA_MISSING_CHANGE_DATA] the change feed needs startingVersion or startingTimestamp") : 0;
}

static const struct type *feed_schema(struct arena *a, const struct type *table)
{
    size_t n = table->field_count;
    struct type_field *f = ARENA_ARRAY(a, struct type_field, n + 3);
    for (size_t i = 0; i < n; i++)
        f[i] = table->fields[i];
    f[n] = (struct type_field){STR("_change_type"), type_of(TYPE_STRING), true, STR_NONE, NULL};
    f[n + 1] = (struct type_field){STR("_commit_version"), type_of(TYPE_LONG), true, STR_NONE, NULL};
    f[n + 2] = (struct type_field){STR("_commit_timestamp"), type_of(TYPE_TIMESTAMP), true, STR_NONE, NULL};
    return type_struct(a, f, n + 3);
}

static int open_feed(struct planning *p, struct arena *a, const struct rel *leaf, struct lake_table *t, const struct str *o,
                     struct travelled *out, struct err *err)
{
    int64_t from, to;
    struct buf sql;
    if (leaf->version || leaf->timestamp || o[OPT_VERSION].ptr || o[OPT_TIMESTAMP].ptr)
        return err_set(err, ERR_INPUT, "the change feed is read from a start to an end, not as of a version");
    if (bound_of(t, p->s->conn, o, true, &from, err) || bound_of(t, p->s->conn, o, false, &to, err))
        return -1;
    buf_init(&sql);
    int rc = lake_cdf_sql(t, p->s->conn, from, to, false, &sql, &out->snapshot, err);
    if (rc == 0) {
        out->changes = str_copy(a, buf_view(&sql));
        out->schema = feed_schema(a, out->snapshot->schema);
    }
    buf_release(&sql);
    return rc;
}

int travel_open(struct planning *p, struct arena *a, const struct rel *leaf, const char *dir, struct travelled *out, struct err *err)
{
    struct lake_table *t = lake_catalog_table(p->s->engine->catalog, dir);
    struct str o[OPT_COUNT] = {};
    *out = (struct travelled){0};
    if (read_options(leaf, o, err))
        return -1;
    if (str_ieqz(o[OPT_FEED], "true"))
        return open_feed(p, a, leaf, t, o, out, err);
    for (enum opt i = OPT_START; i < OPT_COUNT; i++)
        if (o[i].ptr)
            return err_set(err, ERR_INPUT, "startingVersion, endingVersion and their times belong to readChangeFeed => true");
    out->snapshot = snapshot_for(p, a, leaf, t, o, err);
    out->schema = out->snapshot ? out->snapshot->schema : NULL;
    if (!out->snapshot && err->code == ERR_NOT_FOUND && lake_is_table(dir))
        err->code = ERR_INPUT; /* the table is there, its version is not */
    return out->snapshot ? 0 : -1;
}

int travel_none(const struct rel *leaf, const char *what, struct err *err)
{
    if (leaf->version || leaf->timestamp)
        return err_at(err, ERR_UNSUPPORTED, leaf->at.file, leaf->at.line, leaf->at.col,
                      "[UNSUPPORTED_FEATURE.TIME_TRAVEL] time travel on %s is not supported: name a Delta table", what);
    return 0;
}

/* A bound is a version's number or a time as text. */
static int changes_bound(struct arena *a, struct rel *leaf, const struct expr *e, bool start, struct err *err)
{
    bool number = e->kind == EXPR_LITERAL && e->lit.kind == LIT_INT, text = e->kind == EXPR_LITERAL && e->lit.kind == LIT_STRING;
    if (!number && !text)
        return err_at(err, ERR_UNSUPPORTED, e->at.file, e->at.line, e->at.col,
                      "table_changes: a start or end is a literal version, or a literal time such as '2024-01-31'");
    leaf->options.keys[leaf->options.count] = number ? start ? STR("startingVersion") : STR("endingVersion")
                                                     : start ? STR("startingTimestamp") : STR("endingTimestamp");
    leaf->options.values[leaf->options.count++] = number ? str_fmt(a, "%jd", (intmax_t)e->lit.i64) : e->lit.text;
    return 0;
}

struct rel *travel_changes(struct arena *a, const struct rel *function, struct err *err)
{
    const struct exprs *args = &function->args;
    if (args->count < 2 || args->count > 3 || args->items[0]->kind != EXPR_LITERAL || args->items[0]->lit.kind != LIT_STRING) {
        err_at(err, ERR_INPUT, function->at.file, function->at.line, function->at.col, "table_changes takes ('table', start [, end])");
        return NULL;
    }
    struct rel *leaf = rel_new(a, REL_TABLE, function->at);
    struct str rest = args->items[0]->lit.text, part;
    leaf->name.parts = ARENA_ARRAY(a, struct str, rest.len + 1);
    while (str_split(&rest, '.', &part))
        leaf->name.parts[leaf->name.count++] = part;
    leaf->options.keys = ARENA_ARRAY(a, struct str, 3);
    leaf->options.values = ARENA_ARRAY(a, struct str, 3);
    leaf->options.keys[0] = STR("readChangeFeed");
    leaf->options.values[0] = STR("true");
    leaf->options.count = 1;
    for (size_t i = 1; i < args->count; i++)
        if (changes_bound(a, leaf, args->items[i], i == 1, err))
            return NULL;
    return leaf;
}
