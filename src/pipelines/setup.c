/* setup.c -- SETTING_UP_TABLES: every table of a pipeline, or of all, made before any flow runs. */
#include "pipelines/run.h"
#include <stdio.h>

static int reset(const struct setup *s, struct dataset *d, struct session *session, struct err *err)
{
    for (size_t i = 0; i < d->flow_count; i++)
        if (s->reset[d->flows[i]->index] && flow_full_refresh(&s->p->env, d->flows[i], session, err))
            return -1;
    return 0;
}

/* Will a view that it reads, at any distance, have other columns after its next refresh? */
static bool reads_pending(const struct setup *s, const struct dataset *d)
{
    for (size_t i = 0; i < d->input_count; i++)
        if (s->pending[d->inputs[i]->order])
            return true;
    return false;
}

static void setup_dataset(struct setup *s, struct dataset *d, struct session *session)
{
    if (reset(s, d, session, &s->errors[d->order])) {
        s->first = s->first.code ? s->first : s->errors[d->order];
        return;
    }
    for (size_t i = 0; i < d->flow_count; i++) {
        struct err err = {};
        bool waiting;
        if (!flow_set_up(&s->p->env, d->flows[i], session, &waiting, &err)) {
            s->pending[d->order] = s->pending[d->order] || d->flows[i]->runtime->schema_pending;
            continue;
        }
        if (reads_pending(s, d)) {
            s->pending[d->order] = true; /* judged again when it runs, after what it reads */
            return;
        }
        s->errors[d->order] = err;
        s->waiting[d->order] = waiting;
        if (!waiting && !s->first.code)
            s->first = err;
        return;
    }
}

/* What reads something that waits, waits. What reads something that failed is not tried. */
static bool held_back(const struct setup *s, const struct dataset *d)
{
    for (size_t i = 0; i < d->input_count; i++) {
        const struct dataset *in = d->inputs[i];
        if (!s->errors[in->order].code || lake_is_table(in->dir ? in->dir : ""))
            continue;
        s->errors[d->order] = s->errors[in->order];
        s->waiting[d->order] = true;
        return true;
    }
    return false;
}

static void setup_work(void *arg)
{
    struct setup *s = arg;
    const struct model *m = &s->p->m;
    struct session *session = NULL;
    const struct pipeline *of = NULL;
    for (size_t i = 0; i < m->order_count; i++) {
        struct dataset *d = m->order[i];
        struct err err = {};
        if ((s->pl && d->pipeline != s->pl) || run_problem(s->p, d->pipeline) || held_back(s, d))
            continue;
        if (of != d->pipeline) {
            session_free(session);
            session = flow_session(m, d->pipeline, true, &err);
            of = d->pipeline;
        }
        if (session)
            setup_dataset(s, d, session);
        else if (!s->first.code)
            s->first = err;
    }
    session_free(session);
}

static void setup_note(struct pipelines *p, const struct setup *s)
{
    for (size_t i = 0; i < p->m.order_count; i++) {
        struct dataset *d = p->m.order[i];
        const struct err *err = &s->errors[i];
        if (s->pl && d->pipeline != s->pl)
            continue;
        p->shown[i].set_up_error = s->waiting[i] ? (struct err){} : *err;
        for (size_t k = 0; k < d->flow_count; k++) {
            struct node *n = &p->nodes[d->flows[k]->index];
            n->state = !err->code ? FLOW_STATE_IDLE : s->waiting[i] ? FLOW_STATE_WAITING : FLOW_STATE_FAILED;
            n->err = *err;
            snprintf(n->reason, sizeof n->reason, "%.290s", err->msg);
        }
        if (err->code && !s->waiting[i])
            log_err(LOG_ERROR, "pipelines", err);
    }
    for (size_t i = 0; i < p->m.count; i++)
        if (!s->pl || p->m.pipelines[i] == s->pl)
            p->m.pipelines[i]->runtime->ready = true;
}

static void setup_done(void *arg)
{
    struct setup *s = arg;
    struct pipelines *p = s->p;
    p->setting_up = false;
    p->setups = s->next;
    setup_note(p, s);
    for (size_t i = 0; i < p->m.flow_count; i++)
        p->nodes[i].incoming = true;
    s->done(s->arg, s->first.code ? &s->first : NULL);
    mem_free(s->waiting);
    mem_free(s->errors);
    mem_free(s->reset);
    mem_free(s->pending);
    mem_free(s);
    run_changed(p);
    run_pump(p);
}

void setup_start(struct pipelines *p)
{
    struct setup *s = p->setups;
    if (p->setting_up || p->running)
        return;
    p->setting_up = true;
    if (!s->pl && run_problem(p, NULL))
        s->first = run_problem(p, NULL)->err; /* its pipeline is left alone */
    s->waiting = mem_alloc((p->m.order_count + 1) * sizeof *s->waiting);
    s->errors = mem_alloc((p->m.order_count + 1) * sizeof *s->errors);
    s->pending = mem_alloc((p->m.order_count + 1) * sizeof *s->pending);
    s->reset = mem_alloc((p->m.flow_count + 1) * sizeof *s->reset);
    for (size_t i = 0; i < p->m.flow_count; i++) {
        s->reset[i] = p->nodes[i].reset && (!s->pl || p->m.flows[i]->target->pipeline == s->pl);
        if (s->reset[i])
            p->nodes[i].reset = false;
    }
    ev_work(p->o.loop, setup_work, setup_done, s);
}

void run_setup(struct pipelines *p, struct pipeline *pl, void (*done)(void *arg, const struct err *err), void *arg)
{
    struct setup *s = NEW(struct setup), **at = &p->setups;
    *s = (struct setup){.p = p, .pl = pl, .done = done, .arg = arg};
    while (*at)
        at = &(*at)->next;
    *at = s;
    run_pump_later(p);
}
