#include "pipelines/flow.h"
#include "lake/maintain.h"
#include "pipelines/classify.h"
#include "pipelines/target.h"
#include <stdio.h>

static struct flow_runtime *runtime_of(struct flow *f)
{
    if (!f->runtime) {
        f->runtime = NEW(struct flow_runtime);
        f->runtime->cp.last = -1;
    }
    if (!f->runtime->arena) {
        f->runtime->arena = arena_new();
        f->runtime->totals = ARENA_ARRAY(f->runtime->arena, struct tally, f->target->st->expectation_count + 1);
    }
    return f->runtime;
}

void flow_close(struct flow *f)
{
    struct flow_runtime *rt = f->runtime;
    if (!rt)
        return;
    for (size_t i = 0; i < rt->sources.count; i++) {
        source_done(rt->sources.items[i]);
        map_free(rt->sources.items[i]->seen);
    }
    if (rt->opened && f->target->kind == DATASET_STREAMING_TABLE)
        checkpoint_close(&rt->cp);
    arena_free(rt->pin_arena);
    arena_free(rt->arena);
    mem_free(rt);
    f->runtime = NULL;
}

struct session *flow_session(const struct model *m, const struct pipeline *pl, bool make_schema, struct err *err)
{
    struct session *s = session_new(m->engine, err);
    struct str catalog = pl->names.catalog, schema = pl->names.schema;
    if (!s)
        return NULL;
    for (size_t i = 0; i < pl->setting_count; i++) {
        if (!str_starts_z(pl->settings[i].key, "spark."))
            continue;
        if (session_setting_check(pl->settings[i].key, pl->settings[i].value, err)) {
            if (pl->at)
                (void)err_locate(err, pl->at->file, pl->at->line, pl->at->col);
            session_free(s);
            return NULL;
        }
        session_set(s, pl->settings[i].key, pl->settings[i].value);
    }
    if (make_schema && (lake_schema_create(m->engine->catalog, catalog, schema, STR_NONE, true, err) ||
                        session_use(s, catalog, schema, err))) {
        session_free(s);
        return NULL;
    }
    return s;
}

/* ---- set-up */

static void note_statics(struct flow_runtime *rt, const struct binding *b)
{
    rt->statics = ARENA_ARRAY(rt->arena, struct str, b->table_count + 1);
    rt->static_count = 0;
    for (size_t i = 0; i < b->table_count; i++) {
        bool streamed = false;
        for (size_t k = 0; k < b->sources->count; k++)
            streamed = streamed || (b->sources->items[k]->dir && str_eqz(b->tables[i].dir, b->sources->items[k]->dir));
        if (!streamed)
            rt->statics[rt->static_count++] = str_copy(rt->arena, b->tables[i].dir);
    }
}

static int check_kind(const struct flow *f, bool streams, struct err *err)
{
    enum dataset_kind kind = f->target->kind;
    if (kind == DATASET_STREAMING_TABLE && !streams && !f->once)
        return err_at(err, ERR_INPUT, PLACE(f->at),
                      "[INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE] flow `%.*s` of streaming table %.*s reads no stream: read its source with STREAM, or make it a materialized view",
                      STR_ARGS(f->name), STR_ARGS(f->target->shown));
    if (kind == DATASET_STREAMING_TABLE && streams && f->once)
        return err_at(err, ERR_INPUT, PLACE(f->at), "[INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_ONCE_FLOW] flow `%.*s` runs once, but reads a stream",
                      STR_ARGS(f->name));
    if (kind == DATASET_MATERIALIZED_VIEW && streams)
        return err_at(err, ERR_INPUT, PLACE(f->at),
                      "[INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_MATERIALIZED_VIEW] materialized view %.*s reads a stream: leave STREAM out, or make it a streaming table",
                      STR_ARGS(f->target->shown));
    if (kind == DATASET_VIEW && streams)
        return err_at(err, ERR_INPUT, PLACE(f->at),
                      "[INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_PERSISTED_VIEW] view %.*s reads a stream: make it a temporary view",
                      STR_ARGS(f->target->shown));
    return 0;
}

/* Everything about the flow that needs no table of its own: names, types, kind, expectations. Leaves
 * the target's schema in *schema, in `a`. */
int flow_plan(struct binding *b, const struct type **schema, struct session_plan *plan, struct err *err)
{
    const struct flow *f = b->flow;
    struct checks checks;
    struct tp now = time_now();
    bind_begin(b, now);
    if (session_plan(b->session, b->arena, target_query(f, b->arena), &b->hook, plan, err))
        return -1;
    int streams = classify_stream(plan->resolved, err);
    if (streams < 0 || check_kind(f, streams, err) ||
        checks_prepare(&checks, f->target, b->session, b->arena, plan->resolved->output, now, err) ||
        target_schema(f->target, plan->resolved->output, b->arena, schema, err)) {
        session_plan_release(plan);
        return -1;
    }
    return 0;
}

static int set_up(const struct flow_env *env, struct flow *f, struct session *s, struct binding *b, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct session_plan plan;
    const struct type *schema;
    enum dataset_kind kind = f->target->kind;
    if (flow_plan(b, &schema, &plan, err))
        return -1;
    note_statics(rt, b);
    rt->streams = b->sources->count > 0;
    rt->rereads = b->untracked || b->reads_files;
    rt->moody = plan_is_moody(plan.resolved);
    session_plan_release(&plan);
    if (kind == DATASET_TEMPORARY_VIEW)
        return 0;
    if (kind == DATASET_VIEW)
        return target_publish_view(env->m, f->target, schema, err);
    struct lake_pair note = {};
    if (kind == DATASET_STREAMING_TABLE) {
        if (stream_open_state(f, s, !lake_is_table(f->target->dir), err))
            return -1;
        if (rt->cp.found && rt->cp.last < 0)
            note = (struct lake_pair){target_flow_key(f, b->arena), str_z(rt->cp.id), false};
    }
    int pending = target_set_up(env->m, f->target, schema, s, note, err);
    if (pending < 0)
        return -1;
    rt->schema_pending = pending;
    return kind == DATASET_STREAMING_TABLE ? stream_open(f, s, err) : view_open(f, s, err);
}

int flow_set_up(const struct flow_env *env, struct flow *f, struct session *s, bool *waiting, struct err *err)
{
    struct flow_runtime *rt = runtime_of(f);
    *waiting = false;
    if (rt->set_up)
        return 0;
    struct binding b = {.m = env->m, .session = s, .flow = f, .mode = BIND_SET_UP, .arena = arena_new(), .runtime = rt->arena,
                        .sources = &rt->sources, .will_exist = env->will_exist, .ctx = env->ctx};
    int rc = set_up(env, f, s, &b, err);
    *waiting = rc && b.missing.len;
    bind_end(&b);
    arena_free(b.arena);
    if (rc)
        flow_close(f);
    else
        rt->set_up = true;
    return rc;
}

/* ---- steps */

static void report(struct flow *f, struct flow_result *r)
{
    struct flow_runtime *rt = f->runtime;
    size_t n = f->target->st->expectation_count;
    if (!rt || !rt->totals)
        return;
    r->totals = mem_alloc((n + 1) * sizeof *r->totals);
    for (size_t i = 0; i < n; i++)
        r->totals[i] = rt->totals[i];
    r->tally_count = n;
    r->dropped_total = rt->dropped_total;
}

static void measure(const struct flow *f, struct session *s, struct flow_result *r)
{
    struct err ignored;
    struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, f->target->dir);
    struct lake_snapshot *snap = lake_table_latest(t, session_conn(s), &ignored);
    if (!snap)
        return;
    r->table_rows = snap->rows;
    r->version = snap->version;
    lake_snapshot_unref(snap);
}

/* The rows that refreshes of a view replaced are of no use after FLOW_VIEW_RETENTION_MS. */
static void upkeep(struct flow *f, struct session *s)
{
    struct flow_runtime *rt = f->runtime;
    struct err err = {};
    const struct lake_vacuum_opts o = {.retention_ms = FLOW_VIEW_RETENTION_MS};
    int64_t now = time_mono_us();
    if (f->target->kind != DATASET_MATERIALIZED_VIEW || now - rt->vacuumed_mono_us < FLOW_VACUUM_EVERY_MS * 1000LL)
        return;
    struct arena *a = arena_new();
    if (rt->vacuumed_mono_us && lake_vacuum(lake_catalog_table(session_engine(s)->catalog, f->target->dir), session_conn(s), &o, a, NULL, &err) < 0)
        log_err(LOG_WARN, "pipelines", &err);
    rt->vacuumed_mono_us = now;
    arena_free(a);
}

/* The batch's temporary table would keep its memory until the next batch. */
static void drop_batch(struct flow *f, struct session *s)
{
    struct err ignored;
    if (f->target->st->expectation_count && duck_exec(session_conn(s), STR("DROP TABLE IF EXISTS " BATCH_TABLE), &ignored))
        log_err(LOG_DEBUG, "pipelines", &ignored);
}

void flow_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r)
{
    struct err err = {};
    int64_t start = time_mono_us();
    *r = (struct flow_result){.batch = -1, .version = -1, .table_rows = -1, .at = time_now()};
    int rc = flow_set_up(env, f, s, &r->waiting, &err);
    if (!rc)
        f->runtime->update_id = env->update_id;
    if (!rc && f->target->dir)
        rc = f->target->kind == DATASET_STREAMING_TABLE ? stream_step(env, f, s, r, &err) : view_step(env, f, s, r, &err);
    r->took_us = time_mono_us() - start;
    r->progressed = rc > 0;
    if (rc > 0)
        upkeep(f, s);
    drop_batch(f, s);
    r->failed = rc < 0 && !r->waiting;
    if (rc >= 0 && f->target->dir) {
        report(f, r);
        measure(f, s, r);
    }
    if (rc < 0) {
        r->err = err;
        snprintf(r->reason, sizeof r->reason, "%.290s", err.msg);
        flow_close(f);
    }
}

int flow_full_refresh(const struct flow_env *env, struct flow *f, struct session *s, struct err *err)
{
    struct checkpoint cp = {.last = -1};
    struct arena *a = arena_new();
    char *dir = target_state_dir(env->m, a, f);
    flow_close(f);
    int rc = 0;
    if (f->target->kind == DATASET_STREAMING_TABLE && fs_exists(dir)) {
        rc = checkpoint_open(&cp, dir, err);
        if (rc && err->code == ERR_CORRUPT)
            rc = 0; /* it goes anyway */
        if (!rc)
            rc = checkpoint_reset(&cp, err);
        checkpoint_close(&cp);
    }
    if (f->target->kind == DATASET_MATERIALIZED_VIEW)
        f->anew = true; /* its rows stay until the refresh replaces them */
    else if (!rc && f->target->dir && f == f->target->flows[0])
        rc = target_empty(env->m, f->target, s, err);
    arena_free(a);
    return rc;
}
