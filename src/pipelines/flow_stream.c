/* flow_stream.c -- a streaming flow's next micro-batch (DESIGN, section 6).
 *
 *     last planned batch not landed?      run it again, over the same range
 *     else something new?                 plan batch N+1: offsets/N+1, durable; run it
 *     run:  plan the query over the range, current_timestamp() = batchTimestampMs
 *           with expectations: a temporary table, one counting pass, then the rows that stay
 *           commit with txn(query id, N): the target says whether N landed
 *           commits/N
 *
 * What the batch reads as static tables is pinned in offsets/N, so that a repetition sees the same. */
#include "pipelines/flow.h"
#include "pipelines/target.h"

/* ---- opening
 *
 * A query id is on disk before the table that notes it: the state is made first, then the table with
 * the id among its properties. A crash between leaves a state that planned nothing, which is used. */

static int check_state(struct flow *f, const struct lake_snapshot *snap, struct str noted, struct err *err)
{
    const struct checkpoint *cp = &f->runtime->cp;
    int64_t landed;
    bool wrote = noted.len && lake_app_version(snap, noted, &landed);
    if (!cp->found && wrote && snap->rows)
        return err_at(err, ERR_USER, PLACE(f->at),
                      "flow `%.*s` has no state, but wrote into %.*s before: its folder '%s' is gone; run a full refresh to read its sources anew",
                      STR_ARGS(f->name), STR_ARGS(f->target->shown), cp->dir);
    if (cp->found && cp->last >= 0 && !str_eqz(noted, cp->id))
        return err_at(err, ERR_USER, PLACE(f->at),
                      "flow `%.*s` has read its sources into another table than %.*s is now: run a full refresh", STR_ARGS(f->name),
                      STR_ARGS(f->target->shown));
    return 0;
}

static void recall(struct flow *f, const struct lake_snapshot *snap)
{
    struct arena *a = arena_new();
    if (f->target->st->expectation_count && f->runtime->cp.last >= 0) {
        const struct doc *info = commit_recall(a, f, snap, "queryId", str_z(f->runtime->cp.id));
        if (info)
            commit_recall_totals(f, info);
    }
    arena_free(a);
}

int stream_open_state(struct flow *f, struct session *s, bool fresh, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct arena *a = arena_new();
    rt->opened = true;
    int rc = checkpoint_open(&rt->cp, arena_printf(a, "%s/state/%.*s/%.*s", session_engine(s)->state_dir,
                             STR_ARGS(f->target->pipeline->state_name), STR_ARGS(f->state_name)), err);
    if (!rc && fresh && !rt->cp.found)
        rc = checkpoint_create(&rt->cp, err);
    arena_free(a);
    return rc;
}

int stream_open(struct flow *f, struct session *s, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, f->target->dir);
    struct lake_snapshot *snap = lake_table_latest(t, session_conn(s), err);
    if (!snap)
        return -1;
    struct arena *a = arena_new();
    struct str noted = lake_property(snap, target_flow_key(f, a).ptr);
    int rc = check_state(f, snap, noted, err);
    if (!rc && !rt->cp.found)
        rc = checkpoint_create(&rt->cp, err);
    if (!rc && !str_eqz(noted, rt->cp.id))
        rc = target_note_flow(f, s, str_z(rt->cp.id), err);
    for (size_t i = 0; !rc && i < rt->sources.count; i++)
        rc = source_load(rt->sources.items[i], &rt->cp, err);
    if (!rc)
        recall(f, snap);
    lake_snapshot_unref(snap);
    arena_free(a);
    return rc;
}

/* ---- planning */

static int pin_statics(struct flow *f, struct session *s, struct arena *a, struct batch_plan *p, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    for (size_t i = 0; i < rt->static_count; i++) {
        struct err missing = {};
        struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, rt->statics[i].ptr);
        struct lake_snapshot *snap = lake_table_latest(t, session_conn(s), &missing);
        if (!snap && missing.code != ERR_NOT_FOUND) {
            *err = missing;
            return -1;
        }
        if (!snap)
            continue;
        p->pins = arena_grow(a, p->pins, &p->pin_cap, p->pin_count + 1, sizeof *p->pins);
        p->pins[p->pin_count++] = (struct pin){rt->statics[i], snap->version};
        lake_snapshot_unref(snap);
    }
    return 0;
}

/* Plans the next batch if a source has something new. 1: planned, 0: nothing, -1. */
static int plan_next(struct flow *f, struct session *s, struct arena *a, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct batch_plan p = {.timestamp_ms = time_now_ms(), .count = rt->sources.count};
    bool news = f->once && rt->cp.last < 0;
    if (f->once && rt->cp.last >= 0)
        return 0;
    p.offsets = ARENA_ARRAY(a, struct source_offset, p.count + 1);
    for (size_t i = 0; i < p.count; i++) {
        const struct source_offset none = {}, *before = rt->cp.last >= 0 && i < rt->cp.plan.count ? &rt->cp.plan.offsets[i] : &none;
        if (source_available(rt->sources.items[i], &rt->cp, a, s, &p.offsets[i], err))
            return -1;
        news = news || !offset_equal(before, &p.offsets[i]);
    }
    if (!news)
        return 0;
    if (pin_statics(f, s, a, &p, err) || checkpoint_plan(&rt->cp, &p, err))
        return -1;
    return 1;
}

static void set_ranges(struct flow_runtime *rt)
{
    for (size_t i = 0; i < rt->sources.count; i++) {
        struct stream_source *src = rt->sources.items[i];
        source_done(src);
        src->from = rt->cp.last > 0 && i < rt->cp.before.count ? rt->cp.before.offsets[i] : (struct source_offset){};
        src->to = i < rt->cp.plan.count ? rt->cp.plan.offsets[i] : (struct source_offset){};
    }
}

/* ---- running */

static int materialise(struct session *s, struct str sql, struct err *err)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "CREATE OR REPLACE TEMP TABLE " BATCH_TABLE " AS %.*s", STR_ARGS(sql));
    int rc = duck_exec(session_conn(s), buf_view(&b), err);
    buf_release(&b);
    return rc;
}

static int64_t write_rows(struct flow *f, struct lake_txn *x, struct str sql, const struct checks *c, struct err *err)
{
    const struct lake_write_opts o = {.merge_schema = !target_is_declared(f->target)};
    struct buf b;
    if (!c->count)
        return lake_txn_write(x, sql, &o, err);
    buf_init(&b);
    buf_z(&b, "SELECT * FROM " BATCH_TABLE);
    checks_where(c, &b);
    int64_t rows = lake_txn_write(x, buf_view(&b), &o, err);
    buf_release(&b);
    return rows;
}

static void describe(struct flow *f, struct lake_txn *x, const struct checks *c, struct arena *a)
{
    struct doc *p = commit_parameters(a, f, "Append");
    doc_set(a, p, STR("outputMode"), doc_new_str(a, STR("Append")));
    doc_set(a, p, STR("queryId"), doc_new_str(a, str_z(f->runtime->cp.id)));
    doc_set(a, p, STR("epochId"), doc_new_str(a, str_fmt(a, "%jd", (intmax_t)f->runtime->cp.last)));
    lake_txn_info(x, "STREAMING UPDATE", p, commit_metrics(a, f, c));
}

/* One try; ERR_CONFLICT is worth another. */
static int commit_once(struct flow *f, struct session *s, struct str sql, struct checks *c, struct flow_result *r, struct err *err)
{
    struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, f->target->dir);
    struct lake_txn *x = lake_txn_begin(t, session_conn(s), err);
    if (!x)
        return -1;
    struct arena *a = arena_new();
    lake_txn_app(x, str_z(f->runtime->cp.id), f->runtime->cp.last);
    r->rows = write_rows(f, x, sql, c, err);
    describe(f, x, c, a);
    int rc = r->rows < 0 ? -1 : lake_txn_commit(x, &r->version, err);
    lake_txn_end(x);
    arena_free(a);
    return rc;
}

static int commit(struct flow *f, struct session *s, struct str sql, struct checks *c, struct flow_result *r, struct err *err)
{
    for (int i = 0; i < FLOW_TRIES; i++) {
        struct err e = {};
        if (!commit_once(f, s, sql, c, r, &e) || e.code == ERR_EXISTS)
            return 0;
        *err = e;
        if (e.code != ERR_CONFLICT)
            break;
    }
    return err_locate(err, PLACE(f->at));
}

static void tell(const struct checks *c, struct flow_result *r)
{
    r->input_rows = c->count ? c->input : r->rows;
    r->dropped = c->dropped;
    r->tallies = mem_alloc((c->count + 1) * sizeof *r->tallies);
    for (size_t i = 0; i < c->count; i++)
        r->tallies[i] = (struct tally){c->input - c->failed[i], c->failed[i]};
}

static int run_planned(struct flow *f, struct session *s, struct binding *b, struct flow_result *r, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct session_plan plan;
    struct checks checks;
    const struct tp now = {rt->cp.plan.timestamp_ms * 1000};
    set_ranges(rt);
    bind_begin(b, now);
    if (session_plan(s, b->arena, target_query(f, b->arena), &b->hook, &plan, err))
        return -1;
    int rc = checks_prepare(&checks, f->target, s, b->arena, plan.resolved->output, now, err);
    if (!rc && checks.count)
        rc = materialise(s, plan.sql, err) || checks_count(&checks, s, err) ? err_locate(err, PLACE(f->at)) : 0;
    if (!rc) {
        commit_count(f, &checks, true);
        rc = commit(f, s, plan.sql, &checks, r, err);
    }
    session_plan_release(&plan);
    if (rc)
        return rc;
    tell(&checks, r);
    r->batch = rt->cp.last;
    checkpoint_landed(&rt->cp);
    return 0;
}

static int landed(struct flow *f, struct session *s, bool *yes, struct err *err)
{
    int64_t version;
    struct lake_table *t = lake_catalog_table(session_engine(s)->catalog, f->target->dir);
    struct lake_snapshot *snap = lake_table_latest(t, session_conn(s), err);
    if (!snap)
        return -1;
    *yes = lake_app_version(snap, str_z(f->runtime->cp.id), &version) && version >= f->runtime->cp.last;
    lake_snapshot_unref(snap);
    return 0;
}

int stream_step(const struct flow_env *env, struct flow *f, struct session *s, struct flow_result *r, struct err *err)
{
    struct flow_runtime *rt = f->runtime;
    struct arena *a = arena_new();
    struct binding b = {.m = env->m, .session = s, .flow = f, .mode = BIND_RUN, .arena = a, .runtime = rt->arena,
                        .sources = &rt->sources, .will_exist = env->will_exist, .ctx = env->ctx};
    bool done = rt->cp.last < 0;
    int rc = done ? 0 : landed(f, s, &done, err);
    int planned = !rc && done ? plan_next(f, s, a, err) : 1;
    b.replay = &rt->cp.plan;
    if (!rc && planned > 0)
        rc = run_planned(f, s, &b, r, err);
    for (size_t i = 0; i < rt->sources.count; i++)
        source_done(rt->sources.items[i]);
    bind_end(&b);
    arena_free(a);
    return rc || planned < 0 ? -1 : planned;
}
