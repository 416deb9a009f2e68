#include "pipelines/pipelines.h"
#include "pipelines/run.h"
#include "pipelines/task.h"
#include <string.h>

const char *dataset_kind_name(enum dataset_kind k)
{
    static const char *const names[] = {"streaming table", "materialized view", "view", "temporary view"};
    return (unsigned)k < COUNT_OF(names) ? names[k] : "dataset";
}

const char *flow_state_name(enum flow_state s)
{
    static const char *const names[] = {"IDLE", "QUEUED", "RUNNING", "WAITING", "FAILED", "COMPLETED", "SKIPPED"};
    return (unsigned)s < COUNT_OF(names) ? names[s] : "UNKNOWN";
}

static void on_timer(void *arg)
{
    run_pump(arg);
}

/* Sources outside may have something new; what waits or failed may go on. */
static void on_poll(void *arg)
{
    struct pipelines *p = arg;
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        if (n->flow->target->pipeline->runtime->mode == MODE_CONTINUOUS &&
            (n->external || n->state == FLOW_STATE_WAITING || n->state == FLOW_STATE_FAILED))
            n->incoming = true;
    }
    run_pump(p);
}

static void on_log(void *arg)
{
    struct pipelines *p = arg;
    p->log_due = false;
    for (size_t i = 0; i < p->m.count && !p->stopping; i++) {
        struct pipeline_runtime *rt = p->m.pipelines[i]->runtime;
        if (rt->mode == MODE_CONTINUOUS && (rt->unlogged || rt->events))
            events_flush(p, p->m.pipelines[i], NULL, NULL);
    }
}

struct pipelines *pipelines_new(const struct pipelines_opts *o)
{
    struct pipelines *p = NEW(struct pipelines);
    p->o = *o;
    p->m = (struct model){.arena = arena_new(), .engine = o->engine, .published = map_new(), .scopes = map_new(), .declared = map_new()};
    p->env = (struct flow_env){.m = &p->m, .will_exist = o->will_exist, .ctx = o->ctx};
    p->task = task_kind_of(p);
    if (o->loop) {
        p->timer = ev_timer_new(o->loop, on_timer, p);
        p->poll = ev_timer_new(o->loop, on_poll, p);
        p->log = ev_timer_new(o->loop, on_log, p);
        p->interrupt = ev_timer_new(o->loop, run_interrupt, p);
    }
    return p;
}

void pipelines_free(struct pipelines *p)
{
    if (!p)
        return;
    CHECK(!p->running && !p->setting_up);
    run_end(p);
    for (size_t i = 0; i < p->m.flow_count && p->nodes; i++)
        mem_free(p->nodes[i].totals);
    for (size_t i = 0; i < p->m.count; i++) {
        mem_free(p->m.pipelines[i]->runtime->idle);
        mem_free(p->m.pipelines[i]->runtime);
        map_free(p->m.pipelines[i]->local);
    }
    while (p->waiters) {
        struct waiter *w = p->waiters;
        p->waiters = w->next;
        mem_free(w);
    }
    ev_timer_free(p->timer);
    ev_timer_free(p->poll);
    ev_timer_free(p->interrupt);
    ev_timer_free(p->log);
    map_free(p->m.published);
    map_free(p->m.scopes);
    map_free(p->m.declared);
    mem_free(p->problems);
    arena_free(p->m.arena);
    mem_free(p);
}

/* ---- definitions */

static struct str or(struct str a, struct str b)
{
    return a.len ? a : b;
}

static void add_setting(struct model *m, struct pipeline *pl, struct str key, struct str value)
{
    pl->settings = arena_grow(m->arena, pl->settings, &pl->setting_cap, pl->setting_count + 1, sizeof *pl->settings);
    pl->settings[pl->setting_count++] = (struct setting){str_copy(m->arena, key), str_copy(m->arena, value)};
}

static int read_files(struct model *m, struct pipeline *pl, const struct pipeline_def *def, struct err *err)
{
    for (size_t i = 0; i < def->file_count; i++) {
        char *path = str_dup(def->files[i]);
        int rc = script_read(m, pl, path, err);
        mem_free(path);
        if (rc)
            return -1;
    }
    if (!pl->dataset_count)
        return err_set(err, ERR_INPUT, "[PIPELINE_NO_DATASETS] pipeline '%.*s' declares no dataset", STR_ARGS(pl->name));
    return 0;
}

/* Takes back what a failed pipeline registered. */
static void forget(struct model *m, struct pipeline *pl)
{
    for (size_t i = 0; i < pl->dataset_count; i++)
        if (!pl->datasets[i]->unpublished)
            map_remove(m->published, pl->datasets[i]->full);
    map_free(pl->local);
}

int pipelines_add(struct pipelines *p, const struct pipeline_def *def, struct err *err)
{
    struct model *m = &p->m;
    CHECK(!m->linked);
    if (!def->name.len)
        return err_set(err, ERR_INPUT, "a pipeline needs a name");
    if (model_pipeline(m, def->name) || (def->id.len && model_pipeline(m, def->id)))
        return err_set(err, ERR_EXISTS, "two pipelines are called '%.*s'", STR_ARGS(def->name));
    if (m->count == PIPELINES_MAX || def->file_count > PIPELINE_MAX_FILES)
        return err_set(err, ERR_LIMIT, "more than PIPELINES_MAX pipelines, or PIPELINE_MAX_FILES files");
    struct pipeline *pl = ARENA_NEW(m->arena, struct pipeline);
    pl->owner = p;
    pl->name = str_copy(m->arena, def->name);
    pl->id = str_copy(m->arena, or(def->id, def->name));
    pl->state_name = model_folder(m->arena, str_lower(m->arena, pl->name));
    pl->names.catalog = str_lower(m->arena, or(def->catalog, STR(LAKE_DEFAULT_CATALOG)));
    pl->names.schema = str_lower(m->arena, or(or(def->schema, def->target), STR(LAKE_DEFAULT_SCHEMA)));
    pl->continuous = def->continuous;
    pl->development = def->development;
    pl->at = def->at;
    pl->local = map_new();
    for (size_t i = 0; i < def->configuration.count; i++)
        add_setting(m, pl, def->configuration.keys[i], def->configuration.values[i]);
    if (read_files(m, pl, def, err)) {
        forget(m, pl);
        return -1;
    }
    pl->runtime = NEW(struct pipeline_runtime);
    pl->runtime->state = "IDLE";
    m->pipelines = arena_grow(m->arena, m->pipelines, &m->cap, m->count + 1, sizeof pl);
    m->pipelines[m->count++] = pl;
    return 0;
}

int pipelines_declare_table(struct pipelines *p, struct str full_name, const char *dir, const struct type *schema, struct err *err)
{
    struct model *m = &p->m;
    struct str parts[4], rest = full_name;
    struct lake_name name;
    size_t n = 0;
    while (n < COUNT_OF(parts) && str_split(&rest, '.', &parts[n]))
        n++;
    if (lake_name_resolve(m->arena, parts, n, &(struct lake_scope){}, &name, err))
        return -1;
    struct declared_table *t = ARENA_NEW(m->arena, struct declared_table);
    *t = (struct declared_table){lake_name_text(m->arena, &name), arena_strdup(m->arena, dir), schema};
    if (schema) {
        struct buf json;
        buf_init(&json);
        type_write_json(&json, schema);
        struct doc *d = doc_json(m->arena, "schema", str_copy(m->arena, buf_view(&json)), err);
        t->schema = d ? type_read_json(m->arena, d, err) : NULL;
        buf_release(&json);
        if (!t->schema)
            return -1;
    }
    map_put(m->declared, t->full, t);
    return 0;
}

/* ---- check */

struct checking {
    struct pipelines *p;
    void (*on_problem)(void *ctx, struct str pipeline, const struct err *err);
    void *ctx;
    const struct type **schemas;
    struct arena *arena;
    int problems;
};

static void check_flow(struct checking *c, struct flow *f, struct session *s)
{
    struct stream_sources sources = {};
    struct session_plan plan;
    struct err err = {};
    const struct type *schema;
    struct binding b = {.m = &c->p->m, .session = s, .flow = f, .mode = BIND_CHECK, .arena = c->arena, .runtime = c->arena,
                        .sources = &sources, .schemas = c->schemas, .will_exist = c->p->o.will_exist, .ctx = c->p->o.ctx};
    if (!flow_plan(&b, &schema, &plan, &err)) {
        session_plan_release(&plan);
        if (!c->schemas[f->target->order])
            c->schemas[f->target->order] = schema;
    } else if (!b.missing.len && !b.upstream_failed) {
        c->problems++;
        if (c->on_problem)
            c->on_problem(c->ctx, f->target->pipeline->name, &err);
    }
    bind_end(&b);
}

int pipelines_check(struct pipelines *p, void (*on_problem)(void *ctx, struct str pipeline, const struct err *err), void *ctx)
{
    run_link(p);
    const struct model *m = &p->m;
    struct checking c = {p, on_problem, ctx, NULL, arena_new(), (int)p->problem_count};
    struct session *s = NULL;
    const struct pipeline *of = NULL;
    c.schemas = ARENA_ARRAY(c.arena, const struct type *, m->order_count + 1);
    for (size_t i = 0; on_problem && i < p->problem_count; i++)
        on_problem(ctx, p->problems[i].pipeline, &p->problems[i].err);
    for (size_t i = 0; i < m->order_count; i++) {
        struct dataset *d = m->order[i];
        struct err err = {};
        if (of != d->pipeline) {
            session_free(s);
            s = flow_session(m, d->pipeline, false, &err);
            of = d->pipeline;
        }
        for (size_t k = 0; s && k < d->flow_count; k++)
            check_flow(&c, d->flows[k], s);
        if (!s) {
            c.problems++;
            if (on_problem)
                on_problem(ctx, d->pipeline->name, &err);
        }
    }
    session_free(s);
    arena_free(c.arena);
    return c.problems;
}

/* ---- running */

void pipelines_set_up_all(struct pipelines *p, void (*done)(void *arg, const struct err *err), void *arg)
{
    run_link(p);
    run_setup(p, NULL, done, arg);
}

static void continuous_set_up(void *arg, const struct err *err)
{
    struct pipeline *pl = arg;
    if (err)
        pl->runtime->last_error = *err;
}

int pipelines_start_continuous(struct pipelines *p, struct str pipeline, struct err *err)
{
    struct pipeline *pl = model_pipeline(&p->m, pipeline);
    if (!pl)
        return err_set(err, ERR_NOT_FOUND, "there is no pipeline '%.*s'", STR_ARGS(pipeline));
    run_link(p);
    struct pipeline_runtime *rt = pl->runtime;
    const struct problem *wrong = run_problem(p, pl);
    if (wrong) {
        *err = wrong->err;
        return -1;
    }
    if (rt->mode != MODE_IDLE || p->stopping)
        return err_set(err, ERR_CONFLICT, "an active update of pipeline '%.*s' exists already", STR_ARGS(pl->name));
    rt->mode = MODE_CONTINUOUS;
    rt->state = "RUNNING";
    events_begin(pl, "SERVICE_START");
    events_update_state(pl, "RUNNING");
    ev_timer_start(p->poll, RUN_POLL_MS, RUN_POLL_MS);
    if (!rt->ready)
        run_setup(p, pl, continuous_set_up, pl);
    for (size_t i = 0; i < p->m.flow_count; i++)
        if (p->m.flows[i]->target->pipeline == pl)
            run_news(p, &p->nodes[i]);
    run_changed(p);
    return 0;
}

int pipelines_start_all_continuous(struct pipelines *p, struct err *err)
{
    for (size_t i = 0; i < p->m.count; i++)
        if (p->m.pipelines[i]->continuous && p->m.pipelines[i]->runtime->mode == MODE_IDLE &&
            pipelines_start_continuous(p, p->m.pipelines[i]->id, err))
            return -1;
    return 0;
}

void pipelines_stop(struct pipelines *p, void (*done)(void *arg), void *arg)
{
    p->stopping = true;
    p->stopped = done;
    p->stopped_arg = arg;
    run_link(p);
    for (size_t i = 0; i < p->m.count; i++) {
        struct pipeline *pl = p->m.pipelines[i];
        if (pl->runtime->mode == MODE_UPDATE)
            pl->runtime->update->canceled = true;
        pl->runtime->state = "STOPPING";
    }
    ev_timer_start(p->interrupt, RUN_INTERRUPT_MS, 0);
    run_pump_later(p);
}

/* ---- news */

struct notice { struct pipelines *p; char *path; int64_t version; };

static void take_notice(void *arg)
{
    struct notice *n = arg;
    struct pipelines *p = n->p;
    const struct dataset *of = NULL;
    for (size_t i = 0; i < p->m.order_count && !of && n->path; i++)
        if (p->m.order[i]->dir && !strcmp(p->m.order[i]->dir, n->path))
            of = p->m.order[i];
    bool stale = of && n->version >= 0 && p->shown[of->order].version >= n->version;
    if (p->m.linked && !p->stopping && !stale) {
        p->change_seq++;
        for (size_t i = 0; i < p->m.flow_count; i++) {
            struct node *node = &p->nodes[i];
            bool touched = !of && node->external;
            for (size_t k = 0; of && !touched && k < of->flow_count; k++)
                for (size_t r = 0; r < p->nodes[of->flows[k]->index].reader_count; r++)
                    touched = touched || p->nodes[of->flows[k]->index].readers[r] == node;
            if (touched && node->flow->target->pipeline->runtime->mode == MODE_CONTINUOUS)
                node->incoming = true;
        }
        run_pump(p);
    }
    mem_free(n->path);
    mem_free(n);
}

void pipelines_notify(struct pipelines *p, struct str dir, int64_t version)
{
    struct notice *n = NEW(struct notice);
    *n = (struct notice){p, str_dup(dir), version};
    ev_post(p->o.loop, take_notice, n);
}

void pipelines_notify_files(struct pipelines *p, struct str path)
{
    pipelines_notify(p, path, -1);
}

void pipelines_when_caught_up(struct pipelines *p, void (*fn)(void *arg, int failures), void *arg)
{
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){fn, arg, p->waiters};
    run_link(p);
    p->change_seq++; /* what was checked so far does not count: look again */
    p->waiters = w;
    run_pump_later(p);
}

/* ---- displays */

static const enum flow_state worst_order[] = {FLOW_STATE_FAILED, FLOW_STATE_WAITING, FLOW_STATE_RUNNING, FLOW_STATE_SKIPPED,
                                              FLOW_STATE_QUEUED, FLOW_STATE_COMPLETED, FLOW_STATE_IDLE};

static void show_flows(struct pipelines *p, const struct dataset *d, struct dataset_status *s, struct expectation_status *e)
{
    size_t worst = COUNT_OF(worst_order) - 1;
    for (size_t i = 0; i < d->flow_count; i++) {
        const struct node *n = &p->nodes[d->flows[i]->index];
        for (size_t k = 0; k < worst; k++)
            if (worst_order[k] == n->state) {
                worst = k;
                s->reason = str_z(n->reason);
            }
        s->rows_written += n->written;
        s->batches += n->batches;
        s->rows_dropped += n->dropped_total;
        for (size_t k = 0; n->totals && k < s->expectation_count; k++) {
            e[k].passed += n->totals[k].passed;
            e[k].failed += n->totals[k].failed;
        }
    }
    s->state = worst_order[worst];
}

static void show_dataset(struct pipelines *p, const struct dataset *d, void (*fn)(void *ctx, const struct dataset_status *s), void *ctx)
{
    const struct shown *sh = &p->shown[d->order];
    size_t n = d->st->expectation_count;
    struct expectation_status *e = mem_alloc((n + 1) * sizeof *e);
    for (size_t i = 0; i < n; i++)
        e[i] = (struct expectation_status){.name = d->st->expectations[i].name, .on = d->st->expectations[i].on};
    struct dataset_status s = {.pipeline = d->pipeline->name, .name = d->full, .kind = d->kind, .rows = sh->rows, .version = sh->version,
                               .last_batch = sh->last_batch, .last_batch_ms = sh->last_batch_ms, .expectations = e,
                               .expectation_count = n, .table_dir = d->dir, .input_count = d->input_count};
    struct str *inputs = mem_alloc((d->input_count + 1) * sizeof *inputs);
    for (size_t i = 0; i < d->input_count; i++)
        inputs[i] = d->inputs[i]->full;
    s.inputs = inputs;
    show_flows(p, d, &s, e);
    fn(ctx, &s);
    mem_free(inputs);
    mem_free(e);
}

void pipelines_each(struct pipelines *p, void (*fn)(void *ctx, const struct dataset_status *s), void *ctx)
{
    run_link(p);
    for (size_t i = 0; i < p->m.count; i++)
        for (size_t k = 0; k < p->m.pipelines[i]->dataset_count; k++)
            show_dataset(p, p->m.pipelines[i]->datasets[k], fn, ctx);
}

void pipelines_each_pipeline(struct pipelines *p, void (*fn)(void *ctx, const struct pipeline_status *s), void *ctx)
{
    for (size_t i = 0; i < p->m.count; i++) {
        const struct pipeline *pl = p->m.pipelines[i];
        const struct pipeline_runtime *rt = pl->runtime;
        const struct pipeline_status s = {.name = pl->name, .id = pl->id, .continuous = pl->continuous, .running = rt->mode != MODE_IDLE,
                                          .state = rt->state, .updates = rt->updates, .last_error = rt->last_error,
                                          .catalog = pl->names.catalog, .schema = pl->names.schema};
        fn(ctx, &s);
    }
}

void pipelines_on_change(struct pipelines *p, void (*fn)(void *ctx), void *ctx)
{
    p->on_change = fn;
    p->change_ctx = ctx;
}

const struct task_kind *pipelines_task_kind(struct pipelines *p)
{
    return &p->task;
}
