#include "pipelines/run.h"
#include <stdio.h>
#include <string.h>

/* One step of one flow, or one set-up, on a worker. */
struct job {
    struct pipelines *p;
    struct node *node;
    struct session *session;   /* NULL: the worker makes one */
    struct flow_env env;
    struct flow_result r;
    struct job *next;
};

static struct pipeline *pipeline_of(const struct node *n)
{
    return n->flow->target->pipeline;
}

void run_changed(struct pipelines *p)
{
    if (p->on_change)
        p->on_change(p->change_ctx);
}

const struct problem *run_problem(const struct pipelines *p, const struct pipeline *pl)
{
    for (size_t i = 0; i < p->problem_count; i++)
        if (!pl || str_eq(p->problems[i].pipeline, pl->name))
            return &p->problems[i];
    return NULL;
}

/* ---- nodes */

static void note_problem(void *ctx, struct str pipeline, const struct err *err)
{
    struct pipelines *p = ctx;
    p->problems = mem_grow(p->problems, &p->problem_cap, p->problem_count + 1, sizeof *p->problems);
    p->problems[p->problem_count++] = (struct problem){pipeline, *err};
}

static void add_reader(struct pipelines *p, struct node *from, struct node *reader)
{
    for (size_t i = 0; i < from->reader_count; i++)
        if (from->readers[i] == reader)
            return;
    from->readers = arena_grow(p->m.arena, from->readers, &from->reader_cap, from->reader_count + 1, sizeof reader);
    from->readers[from->reader_count++] = reader;
}

/* Calls fn for what dataset `d` reads: tables, and views with all that is below them, each once. */
static void below(struct pipelines *p, const struct dataset *d, void (*fn)(void *ctx, const struct dataset *in), void *ctx)
{
    struct arena *a = arena_new();
    const struct dataset **stack = ARENA_ARRAY(a, const struct dataset *, p->m.order_count + 1);
    bool *seen = ARENA_ARRAY(a, bool, p->m.order_count + 1);
    size_t n = 0;
    for (stack[n++] = d; n;) {
        const struct dataset *at = stack[--n];
        for (size_t i = 0; i < at->input_count; i++) {
            const struct dataset *in = at->inputs[i];
            if (seen[in->order])
                continue;
            seen[in->order] = true;
            fn(ctx, in);
            if (!in->dir)
                stack[n++] = in;
        }
    }
    arena_free(a);
}

struct linking { struct pipelines *p; struct node *node; struct arena *arena; const struct query_scope *scope; };

static void note_reader(void *ctx, const struct dataset *in)
{
    struct linking *l = ctx;
    for (size_t i = 0; in->dir && i < in->flow_count; i++)
        add_reader(l->p, &l->p->nodes[in->flows[i]->index], l->node);
}

static void find_outside(void *ctx, const struct rel *r)
{
    struct linking *l = ctx;
    if (r->kind == REL_SOURCE || (r->kind == REL_FUNCTION && (str_ieqz(r->func, "read_files") || str_ieqz(r->func, "cloud_files"))))
        l->node->external = true;
    if (r->kind == REL_TABLE && !pipelines_model_find(&l->p->m, l->arena, &r->name, l->scope))
        l->node->external = true; /* a CTE's name counts too: an idle look more */
}

static void view_outside(void *ctx, const struct dataset *in)
{
    struct linking *l = ctx;
    for (size_t i = 0; !in->dir && i < in->flow_count; i++) {
        l->scope = in->flows[i]->scope;
        rel_visit(in->flows[i]->query, find_outside, l);
    }
}

static void link_node(struct pipelines *p, struct node *n)
{
    struct linking l = {p, n, arena_new(), n->flow->scope};
    rel_visit(n->flow->query, find_outside, &l);
    below(p, n->flow->target, view_outside, &l);
    below(p, n->flow->target, note_reader, &l);
    arena_free(l.arena);
}

void run_link(struct pipelines *p)
{
    struct model *m = &p->m;
    if (m->linked)
        return;
    graph_link(m, note_problem, p);
    p->nodes = ARENA_ARRAY(m->arena, struct node, m->flow_count + 1);
    p->shown = ARENA_ARRAY(m->arena, struct shown, m->order_count + 1);
    for (size_t i = 0; i < m->order_count; i++)
        p->shown[i] = (struct shown){.rows = -1, .version = -1};
    for (size_t i = 0; i < m->flow_count; i++)
        p->nodes[i].flow = m->flows[i];
    for (size_t i = 0; i < m->flow_count; i++)
        if (m->flows[i]->target->dir)
            link_node(p, &p->nodes[i]);
}

/* ---- what may run */

static bool target_busy(const struct pipelines *p, const struct node *n)
{
    const struct dataset *d = n->flow->target;
    for (size_t i = 0; i < d->flow_count; i++)
        if (p->nodes[d->flows[i]->index].running)
            return true;
    return false;
}

/* Is anything it reads, in its pipeline, still to run? */
static bool must_wait(const struct pipelines *p, const struct node *n)
{
    const struct pipeline *pl = pipeline_of(n);
    for (size_t i = 0; i < pl->dataset_count && pl->datasets[i] != n->flow->target; i++)
        for (size_t k = 0; k < pl->datasets[i]->flow_count; k++) {
            const struct node *up = &p->nodes[pl->datasets[i]->flows[k]->index];
            if (!up->dirty && !up->running)
                continue;
            for (size_t r = 0; r < up->reader_count; r++)
                if (up->readers[r] == n)
                    return true;
        }
    return false;
}

static void job_work(void *arg)
{
    struct job *j = arg;
    struct flow *f = j->node->flow;
    struct err err = {};
    j->r = (struct flow_result){.batch = -1, .version = -1, .table_rows = -1};
    if (!j->session)
        j->session = flow_session(&j->p->m, f->target->pipeline, true, &err);
    if (!j->session) {
        j->r.failed = true;
        j->r.err = err;
        snprintf(j->r.reason, sizeof j->r.reason, "%.290s", err.msg);
        return;
    }
    flow_step(&j->env, f, j->session, &j->r);
}

static void job_done(void *arg);

static void start(struct pipelines *p, struct node *n)
{
    struct pipeline_runtime *rt = pipeline_of(n)->runtime;
    struct job *j = NEW(struct job);
    *j = (struct job){.p = p, .node = n, .env = p->env, .next = p->jobs};
    j->env.triggered = rt->mode == MODE_UPDATE;
    j->env.update_id = rt->update_id;
    if (rt->idle_count)
        j->session = rt->idle[--rt->idle_count];
    p->jobs = j;
    p->running++;
    rt->running++;
    n->running = true;
    n->dirty = false;
    n->state = FLOW_STATE_RUNNING;
    ev_work(p->o.loop, job_work, job_done, j);
}

/* ---- passes */

/* News count for a failed flow only when its pause is over. */
static bool ripe(const struct node *n)
{
    return n->incoming && (!n->failures || time_mono_us() >= n->retry_mono_us);
}

static void begin_pass(struct pipelines *p, struct pipeline *pl)
{
    struct pipeline_runtime *rt = pl->runtime;
    rt->pass = true;
    rt->progressed = false;
    rt->pass_mono_us = time_mono_us();
    rt->pass_seq = p->change_seq;
    rt->full_check = p->waiters && rt->checked_seq != p->change_seq;
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        if (pipeline_of(n) != pl || !n->flow->target->dir)
            continue;
        n->dirty = ripe(n) || rt->full_check;
        n->incoming = n->incoming && !n->dirty;
    }
}

static bool has_news(const struct pipelines *p, const struct pipeline *pl)
{
    if (p->waiters && pl->runtime->checked_seq != p->change_seq)
        return true;
    for (size_t i = 0; i < p->m.flow_count; i++)
        if (ripe(&p->nodes[i]) && p->nodes[i].flow->target->dir && pipeline_of(&p->nodes[i]) == pl)
            return true;
    return false;
}

static bool pass_over(const struct pipelines *p, const struct pipeline *pl)
{
    for (size_t i = 0; i < p->m.flow_count; i++)
        if ((p->nodes[i].dirty || p->nodes[i].running) && pipeline_of(&p->nodes[i]) == pl)
            return false;
    return true;
}

static void fire_waiters(struct pipelines *p)
{
    int failures = 0;
    for (size_t i = 0; i < p->m.count; i++) {
        const struct pipeline_runtime *rt = p->m.pipelines[i]->runtime;
        if (rt->mode == MODE_CONTINUOUS && (rt->checked_seq != p->change_seq || rt->pass || !rt->ready))
            return;
    }
    for (size_t i = 0; i < p->m.flow_count; i++)
        failures += p->nodes[i].state == FLOW_STATE_FAILED && pipeline_of(&p->nodes[i])->runtime->mode == MODE_CONTINUOUS;
    struct waiter *w = p->waiters;
    p->waiters = NULL;
    while (w) {
        struct waiter *next = w->next;
        w->fn(w->arg, failures);
        mem_free(w);
        w = next;
    }
}

static void step_continuous(struct pipelines *p, struct pipeline *pl)
{
    struct pipeline_runtime *rt = pl->runtime;
    if (rt->pass && pass_over(p, pl)) {
        rt->pass = false;
        if (rt->full_check && !rt->progressed && rt->pass_seq == p->change_seq)
            rt->checked_seq = p->change_seq;
    }
    if (rt->pass || !rt->ready || !has_news(p, pl))
        return;
    int64_t wait_us = rt->pass_mono_us + RUN_PASS_MS * 1000 - time_mono_us();
    if (rt->pass_mono_us && wait_us > 0)
        ev_timer_start(p->timer, wait_us / 1000 + 1, 0);
    else
        begin_pass(p, pl);
}

static void start_nodes(struct pipelines *p)
{
    int limit = p->o.parallel ? p->o.parallel : 2;
    for (size_t i = 0; i < p->m.order_count && p->running < limit; i++) {
        struct dataset *d = p->m.order[i];
        for (size_t k = 0; k < d->flow_count && p->running < limit; k++) {
            struct node *n = &p->nodes[d->flows[k]->index];
            if (n->dirty && !target_busy(p, n) && !must_wait(p, n))
                start(p, n);
        }
    }
}

void run_pump(struct pipelines *p)
{
    if (p->pumping || !p->m.linked)
        return;
    p->pumping = true;
    if (p->stopping) {
        run_pump_later(p);
        p->pumping = false;
        return;
    }
    if (p->setups)
        setup_start(p);
    for (size_t i = 0; !p->setups && i < p->m.count; i++) {
        struct pipeline *pl = p->m.pipelines[i];
        if (pl->runtime->mode == MODE_CONTINUOUS)
            step_continuous(p, pl);
        else if (pl->runtime->mode == MODE_UPDATE)
            update_end_if_done(p, pl);
    }
    if (!p->setups)
        start_nodes(p);
    if (p->waiters)
        fire_waiters(p);
    p->pumping = false;
}

/* Updates whose tables are still to be set up, or whose flows no more start, are canceled. */
static void drop_setups(struct pipelines *p)
{
    const struct err canceled = {.code = ERR_CANCELED, .msg = "stopped"};
    while (p->setups) {
        struct setup *s = p->setups;
        p->setups = s->next;
        s->done(s->arg, &canceled);
        mem_free(s);
    }
    for (size_t i = 0; i < p->m.count; i++)
        if (p->m.pipelines[i]->runtime->mode == MODE_UPDATE)
            update_finish(p, p->m.pipelines[i], RUN_CANCELED);
}

/* The last word is said here, where no other call of ours is under way or due. */
static void stop_if_idle(struct pipelines *p)
{
    void (*fn)(void *arg) = p->stopped;
    if (p->running || p->setting_up || p->flushes || !fn)
        return;
    if (!p->finale) {
        p->finale = true;
        drop_setups(p);
        for (size_t i = 0; i < p->m.count; i++)
            if (p->m.pipelines[i]->runtime->unlogged || p->m.pipelines[i]->runtime->events)
                events_flush(p, p->m.pipelines[i], NULL, NULL);
        run_pump_later(p);
        return;
    }
    p->stopped = NULL;
    run_end(p);
    fn(p->stopped_arg);
}

static void pump_later(void *arg)
{
    struct pipelines *p = arg;
    p->pump_due = false;
    if (p->stopping)
        stop_if_idle(p);
    else
        run_pump(p);
}

void run_pump_later(struct pipelines *p)
{
    if (!p->pump_due)
        ev_defer(p->o.loop, pump_later, p);
    p->pump_due = true;
}

void run_news(struct pipelines *p, struct node *n)
{
    n->incoming = true;
    run_pump_later(p);
}

/* ---- ends of jobs */

static void spread(struct node *n)
{
    const struct pipeline *pl = pipeline_of(n);
    for (size_t i = 0; i < n->reader_count; i++) {
        struct node *reader = n->readers[i];
        const struct pipeline_runtime *rt = pipeline_of(reader)->runtime;
        if (pipeline_of(reader) == pl && (rt->mode == MODE_CONTINUOUS || (reader->selected && reader->state != FLOW_STATE_SKIPPED)))
            reader->dirty = true;
        else if (rt->mode == MODE_CONTINUOUS)
            reader->incoming = true;
    }
}

static void note(struct pipelines *p, struct node *n, struct flow_result *r)
{
    struct shown *sh = &p->shown[n->flow->target->order];
    if (r->table_rows >= 0)
        sh->rows = r->table_rows;
    if (r->version >= 0)
        sh->version = r->version;
    if (r->progressed) {
        n->written += r->rows;
        n->batches++;
        sh->last_batch = r->at;
        sh->last_batch_ms = r->took_us / 1000;
    }
    if (r->totals) {
        mem_free(n->totals);
        n->totals = r->totals;
        n->dropped_total = r->dropped_total;
    }
    mem_free(r->tallies);
    memcpy(n->reason, r->reason, sizeof n->reason);
    sh->waiting = r->waiting;
}

static void failed(struct node *n, const struct flow_result *r)
{
    struct pipeline_runtime *rt = pipeline_of(n)->runtime;
    int64_t pause = RUN_BACKOFF_MS;
    bool again = n->failures > 0 && !strcmp(n->err.msg, r->err.msg);
    n->state = FLOW_STATE_FAILED;
    n->err = r->err;
    rt->last_error = r->err;
    for (int i = 0; i < n->failures && pause < RUN_BACKOFF_MAX_MS; i++)
        pause *= 2;
    n->failures++;
    n->retry_mono_us = time_mono_us() + (pause < RUN_BACKOFF_MAX_MS ? pause : RUN_BACKOFF_MAX_MS) * 1000;
    if (rt->update && !rt->update->first.code)
        rt->update->first = r->err;
    char text[800];
    if (!again)
        events_flow_state(pipeline_of(n), n->flow, "FAILED", &r->err);
    log_line(again ? LOG_DEBUG : LOG_ERROR, "pipelines", "flow '%.*s' failed: %s", STR_ARGS(n->flow->name), err_text(&r->err, text, sizeof text));
}

/* What reads a failed flow's table, at any distance, does not run in this update. */
static void skip_readers(struct node *n)
{
    for (size_t i = 0; i < n->reader_count; i++) {
        struct node *r = n->readers[i];
        if (!r->selected || r->state == FLOW_STATE_SKIPPED || r->running || pipeline_of(r) != pipeline_of(n))
            continue;
        r->state = FLOW_STATE_SKIPPED;
        r->dirty = false;
        snprintf(r->reason, sizeof r->reason, "flow '%.*s' failed", STR_ARGS(n->flow->name));
        events_flow_state(pipeline_of(r), r->flow, "SKIPPED", NULL);
        skip_readers(r); /* each once: bounded by the number of flows */
    }
}

static void settle(struct pipelines *p, struct node *n, const struct flow_result *r)
{
    struct pipeline_runtime *rt = pipeline_of(n)->runtime;
    if (r->failed || (r->waiting && rt->mode == MODE_UPDATE)) {
        failed(n, r);
        if (rt->mode == MODE_UPDATE)
            skip_readers(n);
        return;
    }
    n->failures = 0;
    n->retry_mono_us = 0;
    n->err = (struct err){};
    if (r->waiting) {
        n->err = r->err;
        n->state = FLOW_STATE_WAITING;
        return;
    }
    n->state = rt->mode == MODE_UPDATE ? FLOW_STATE_COMPLETED : FLOW_STATE_IDLE;
    if (!r->progressed) {
        if (rt->mode == MODE_UPDATE && (n->steps || n->flow->target->kind != DATASET_MATERIALIZED_VIEW))
            events_flow_state(pipeline_of(n), n->flow, "COMPLETED", NULL);
        return;
    }
    rt->progressed = true;
    rt->unlogged = true;
    if (rt->mode == MODE_CONTINUOUS && !p->log_due)
        ev_timer_start(p->log, EVENTS_FLUSH_MS, 0);
    p->log_due = p->log_due || rt->mode == MODE_CONTINUOUS;
    p->change_seq++;
    spread(n);
    if (n->flow->target->kind == DATASET_STREAMING_TABLE && n->steps++ < RUN_STEPS_MAX &&
        (rt->mode == MODE_CONTINUOUS || rt->mode == MODE_UPDATE))
        n->dirty = rt->mode == MODE_UPDATE; /* until nothing is new; a continuous flow takes turns */
    if (rt->mode == MODE_CONTINUOUS)
        n->incoming = n->flow->target->kind == DATASET_STREAMING_TABLE;
}

static void job_done(void *arg)
{
    struct job *j = arg;
    struct pipelines *p = j->p;
    struct node *n = j->node;
    struct pipeline_runtime *rt = pipeline_of(n)->runtime;
    for (struct job **at = &p->jobs; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            break;
        }
    p->running--;
    rt->running--;
    n->running = false;
    if (j->session && !j->r.failed) {
        rt->idle = mem_grow(rt->idle, &rt->idle_cap, rt->idle_count + 1, sizeof *rt->idle);
        rt->idle[rt->idle_count++] = j->session;
    } else {
        session_free(j->session);
    }
    bool tell = j->r.progressed || j->r.failed || j->r.waiting || rt->mode == MODE_UPDATE;
    note(p, n, &j->r);
    settle(p, n, &j->r);
    /* after note(): when this comes back as a notice, the version is known already */
    struct engine *e = p->o.engine;
    if (j->r.progressed && e->on_commit)
        e->on_commit(e->on_commit_ctx, str_z(n->flow->target->dir), j->r.version);
    mem_free(j);
    if (tell)
        run_changed(p);
    run_pump(p);
}

/* ---- the end */

void run_interrupt(void *pipelines)
{
    struct pipelines *p = pipelines;
    for (struct job *j = p->jobs; j; j = j->next)
        if (j->session)
            duck_interrupt(session_conn(j->session));
}

void run_end(struct pipelines *p)
{
    for (size_t i = 0; i < p->m.flow_count; i++)
        flow_close(p->m.flows[i]);
    for (size_t i = 0; i < p->m.count; i++) {
        struct pipeline_runtime *rt = p->m.pipelines[i]->runtime;
        while (rt->idle_count)
            session_free(rt->idle[--rt->idle_count]);
        session_free(rt->log_session);
        rt->log_session = NULL;
        events_drop(p->m.pipelines[i]);
    }
    struct ev_timer *timers[] = {p->timer, p->poll, p->interrupt, p->log};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        if (timers[i])
            ev_timer_stop(timers[i]);
}
