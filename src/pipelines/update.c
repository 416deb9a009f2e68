/* update.c -- a triggered update: its selection, its end, its record. */
#include "pipelines/run.h"
#include <string.h>

static bool in_update(const struct pipelines *p, const struct node *n, const struct pipeline *pl)
{
    (void)p;
    return n->flow->target->pipeline == pl && n->flow->target->dir && n->selected;
}

static void record(struct pipelines *p, struct pipeline *pl, enum run_status status, const struct err *err)
{
    const struct update *u = pl->runtime->update;
    char *name = str_dup(pl->name);
    const struct run_record r = {.id = u->id, .parent_id = u->parent, .kind = "update", .name = name, .type = "",
                                 .trigger = u->trigger ? u->trigger : "Manual", .status = status, .attempt = 1,
                                 .started = u->started, .finished = status == RUN_RUNNING ? (struct tp){} : time_now(),
                                 .error = err};
    if (p->o.runs && status == RUN_RUNNING && p->o.runs->start)
        p->o.runs->start(p->o.runs->ctx, &r);
    else if (p->o.runs && status != RUN_RUNNING && p->o.runs->finish)
        p->o.runs->finish(p->o.runs->ctx, &r, NULL, NULL);
    mem_free(name);
}

struct ending { struct pipelines *p; struct pipeline *pl; };

/* The event log is written: now whoever waits is told. */
static void told(void *arg)
{
    struct ending *e = arg;
    struct pipeline_runtime *rt = e->pl->runtime;
    struct update *u = rt->update;
    const struct err *err = u->status == RUN_FAILED ? &u->first : NULL;
    record(e->p, e->pl, u->status, err);
    rt->mode = MODE_IDLE;
    rt->updates++;
    rt->update = NULL;
    u->done(u->arg, u->status, err);
    mem_free(u->trigger);
    mem_free(u->parent);
    mem_free(u);
    run_changed(e->p);
    mem_free(e);
}

void update_finish(struct pipelines *p, struct pipeline *pl, enum run_status status)
{
    struct pipeline_runtime *rt = pl->runtime;
    struct ending *e;
    if (rt->update->finishing)
        return;
    rt->update->finishing = true;
    rt->update->status = status;
    rt->state = status == RUN_SUCCEEDED ? "COMPLETED" : status == RUN_FAILED ? "FAILED" : "CANCELED";
    events_update_state(pl, rt->state);
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        if (n->flow->target->pipeline != pl)
            continue;
        n->selected = n->dirty = n->reset = false;
        if (n->state == FLOW_STATE_QUEUED)
            n->state = FLOW_STATE_IDLE;
    }
    e = NEW(struct ending);
    *e = (struct ending){p, pl};
    events_flush(p, pl, told, e);
}

void update_end_if_done(struct pipelines *p, struct pipeline *pl)
{
    struct pipeline_runtime *rt = pl->runtime;
    bool failed = rt->update->first.code != ERR_OK;
    if (!rt->pass)
        return;
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        if (n->flow->target->pipeline != pl)
            continue;
        if (rt->update->canceled)
            n->dirty = false;
        if (n->dirty || n->running)
            return;
    }
    rt->pass = false;
    update_finish(p, pl, rt->update->canceled ? RUN_CANCELED : failed ? RUN_FAILED : RUN_SUCCEEDED);
}

void update_begin(struct pipelines *p, struct pipeline *pl)
{
    struct pipeline_runtime *rt = pl->runtime;
    rt->pass = true;
    rt->state = "RUNNING";
    events_update_state(pl, rt->state);
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        if (!in_update(p, n, pl))
            continue;
        n->dirty = true;
        n->steps = 0;
        n->failures = 0;
        n->state = FLOW_STATE_QUEUED;
    }
}

/* ---- start */

static bool named(const struct str *names, size_t count, const struct dataset *d)
{
    for (size_t i = 0; i < count; i++) {
        struct str n = names[i], full = d->full;
        if (str_ieq(n, full) || str_ieq(n, d->name.table))
            return true;
        if (full.len > n.len && full.ptr[full.len - n.len - 1] == '.' && str_ieq(str_from(full, full.len - n.len), n))
            return true;
    }
    return false;
}

static int check_names(const struct pipeline *pl, const struct str *names, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < pl->dataset_count; k++)
            found = found || named(&names[i], 1, pl->datasets[k]);
        if (!found)
            return err_set(err, ERR_NOT_FOUND, "pipeline '%.*s' has no dataset '%.*s' to refresh", STR_ARGS(pl->name), STR_ARGS(names[i]));
    }
    return 0;
}

static void select_nodes(struct pipelines *p, struct pipeline *pl, const struct pipelines_update_opts *o)
{
    bool all = o->full_refresh || (!o->refresh_count && !o->full_refresh_count);
    for (size_t i = 0; i < p->m.flow_count; i++) {
        struct node *n = &p->nodes[i];
        const struct dataset *d = n->flow->target;
        if (d->pipeline != pl)
            continue;
        n->reset = d->dir && (o->full_refresh || named(o->full_refresh_selection, o->full_refresh_count, d));
        n->selected = all || n->reset || named(o->refresh_selection, o->refresh_count, d);
    }
}

struct beginning { struct pipelines *p; struct pipeline *pl; };

static void set_up(void *arg, const struct err *err)
{
    struct beginning *b = arg;
    struct update *u = b->pl->runtime->update;
    if (err)
        u->first = *err;
    if (err || u->canceled || u->validate_only)
        update_finish(b->p, b->pl, u->canceled ? RUN_CANCELED : err ? RUN_FAILED : RUN_SUCCEEDED);
    else
        update_begin(b->p, b->pl);
    mem_free(b);
}

static void refuse(void *arg)
{
    struct beginning *b = arg;
    update_finish(b->p, b->pl, RUN_FAILED);
    mem_free(b);
}

int pipelines_update(struct pipelines *p, struct str pipeline, const struct pipelines_update_opts *o,
                     void (*done)(void *arg, enum run_status status, const struct err *err), void *arg, struct err *err)
{
    static const struct pipelines_update_opts plain = {};
    struct pipeline *pl = model_pipeline(&p->m, pipeline);
    o = o ? o : &plain;
    if (!pl)
        return err_set(err, ERR_NOT_FOUND, "there is no pipeline '%.*s'", STR_ARGS(pipeline));
    run_link(p);
    struct pipeline_runtime *rt = pl->runtime;
    if (rt->mode != MODE_IDLE || p->stopping)
        return err_set(err, ERR_CONFLICT, "an active update of pipeline '%.*s' exists already%s", STR_ARGS(pl->name),
                       rt->mode == MODE_CONTINUOUS ? ": it runs continuously" : "");
    if (check_names(pl, o->refresh_selection, o->refresh_count, err) ||
        check_names(pl, o->full_refresh_selection, o->full_refresh_count, err))
        return -1;
    struct update *u = rt->update = NEW(struct update);
    *u = (struct update){.trigger = o->trigger ? mem_strdup(o->trigger) : NULL, .parent = o->parent_run ? mem_strdup(o->parent_run) : NULL,
                         .validate_only = o->validate_only, .started = time_now(), .done = done, .arg = arg};
    rt->mode = MODE_UPDATE;
    rt->state = "SETTING_UP_TABLES";
    select_nodes(p, pl, o);
    events_begin(pl, u->trigger ? "JOB_TASK" : "USER_ACTION");
    memcpy(u->id, rt->update_id, sizeof u->id);
    record(p, pl, RUN_RUNNING, NULL);
    events_update_state(pl, rt->state);
    struct beginning *b = NEW(struct beginning);
    *b = (struct beginning){p, pl};
    const struct problem *wrong = run_problem(p, pl);
    if (wrong) {
        u->first = wrong->err;
        ev_defer(p->o.loop, refuse, b);
    } else {
        run_setup(p, pl, set_up, b);
    }
    run_changed(p);
    return 0;
}

void pipelines_cancel(struct pipelines *p, struct str pipeline)
{
    struct pipeline *pl = model_pipeline(&p->m, pipeline);
    if (!pl || !pl->runtime->update)
        return;
    pl->runtime->update->canceled = true;
    pl->runtime->state = "STOPPING";
    if (pl->runtime->pass)
        run_pump(p);
}
