/* Runs, groups and activities: see run_int.h for the rules. */
#include "factory/run_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void group_step(void *arg);
static void act_start(struct act *a);

/* ---------------------------------------------------------------- scope */

static const struct doc *find_activity(void *ctx, struct str name)
{
    for (struct group *g = ctx; g; g = g->parent)
        for (size_t i = 0; i < g->count; i++)
            if (g->acts[i].value && str_ieqz(name, g->acts[i].name))
                return g->acts[i].value;
    return NULL;
}

static const struct doc *find_variable(void *ctx, struct str name)
{
    struct group *g = ctx;
    return doc_iget(g->run->variables, str_cz(g->a, name));
}

static const struct doc *item_of(const struct group *g)
{
    while (g && !g->item)
        g = g->parent;
    return g ? g->item : NULL;
}

static const struct doc *eval_in(struct group *g, const struct doc *d, const struct doc *item,
                                 struct err *err)
{
    struct adf_scope scope = {.pipeline = g->run->scope, .item = item, .activity = find_activity,
                               .variable = find_variable, .ctx = g};
    return adf_doc(g->a, &scope, d, err);
}

const struct doc *act_group_eval(struct group *g, const struct doc *d, struct err *err)
{
    return eval_in(g, d, item_of(g), err);
}

const struct doc *act_eval(struct act *a, const struct doc *d, struct err *err)
{
    return eval_in(a->group, d, item_of(a->group), err);
}

const struct doc *act_eval_item(struct act *a, const struct doc *d, const struct doc *item,
                                struct err *err)
{
    return eval_in(a->group, d, item, err);
}

int act_bool(struct act *a, const char *key, bool otherwise, bool *out, struct err *err)
{
    const struct doc *d = doc_get(a->props, key);
    *out = otherwise;
    if (!d || d->kind == DOC_NULL)
        return 0;
    const struct doc *v = act_eval(a, d, err);
    if (!v)
        return -1;
    if (v->kind == DOC_STRING && (str_ieqz(v->text, "true") || str_ieqz(v->text, "false")))
        *out = str_ieqz(v->text, "true");
    else if (v->kind == DOC_BOOL)
        *out = v->boolean;
    else
        return doc_err(d, ERR_INPUT, err, "\"%s\" needs a boolean, not %s", key,
                       doc_kind_name(v->kind));
    return 0;
}

int act_int(struct act *a, const char *key, int64_t otherwise, int64_t *out, struct err *err)
{
    const struct doc *d = doc_get(a->props, key);
    *out = otherwise;
    if (!d || d->kind == DOC_NULL)
        return 0;
    const struct doc *v = act_eval(a, d, err);
    if (!v)
        return -1;
    if (!doc_i64(v, out) && !(v->kind == DOC_STRING && str_i64(v->text, out)))
        return doc_err(d, ERR_INPUT, err, "\"%s\" needs an integer, not %s", key,
                       doc_kind_name(v->kind));
    return 0;
}

const struct doc *doc_trigger_time(struct arena *a, struct tp t)
{
    char text[40];
    return doc_new_str(a, str_z(time_iso(t, 7, text)));
}

/* ---------------------------------------------------------------- what others are told */

/* The activity's properties as it sees them now. Those of containers hold activities, which are told of
 * themselves; a property that cannot be evaluated is the activity's own error. */
static const struct doc *input_of(struct act *a)
{
    struct err err;
    return a->secure_input || a->type->lists[0] || !a->props ? NULL : act_eval(a, a->props, &err);
}

static void tell(struct act *a, bool start)
{
    struct factory_run *r = a->group->run;
    const struct run_log *log = r->f->opts.log;
    struct tp now = time_now();
    if (start && (log || r->start.on_activity))
        a->input = input_of(a);
    const struct doc *output = a->secure_output ? NULL : a->output;
    const struct err *error = a->status == RUN_FAILED || a->status == RUN_TIMED_OUT ? &a->err : NULL;
    struct run_record record = {.id = a->id, .parent_id = r->id, .kind = "activity",
                                .name = a->name, .type = a->type->name,
                                .trigger = r->start.trigger_name, .status = a->status,
                                .attempt = a->attempt, .started = a->started,
                                .finished = start ? (struct tp){0} : now, .input = a->input, .output = output,
                                .error = error};
    if (log && start)
        log->start(log->ctx, &record);
    else if (log)
        log->finish(log->ctx, &record, NULL, NULL);
    struct factory_activity info = {
        .run_id = r->id, .pipeline = r->pipeline->name, .id = a->id, .name = a->name,
        .type = a->type->name, .status = a->status, .attempt = a->attempt,
        .duration_ms = start || a->status == RUN_SKIPPED
                           ? 0 : (time_mono_us() - a->started_mono_us) / 1000,
        .input = a->input, .output = output, .error = error};
    if (r->start.on_activity)
        r->start.on_activity(r->start.ctx, &info);
}

/* {output, status, error, …}: what activity('name') gives. */
static const struct doc *value_of(struct act *a)
{
    struct arena *m = a->group->a;
    struct doc *v = doc_new_object(m), *error;
    const char *status = run_status_name(a->status == RUN_TIMED_OUT ? RUN_FAILED : a->status);
    doc_set(m, v, STR("output"),
            a->output ? (struct doc *)a->output : doc_new_object(m));
    doc_set(m, v, STR("ActivityName"), doc_new_str(m, str_z(a->name)));
    doc_set(m, v, STR("ActivityType"), doc_new_str(m, str_z(a->type->name)));
    doc_set(m, v, STR("ActivityRunId"), doc_new_str(m, str_z(a->id)));
    doc_set(m, v, STR("ExecutionStartTime"), (struct doc *)doc_trigger_time(m, a->started));
    doc_set(m, v, STR("ExecutionEndTime"), (struct doc *)doc_trigger_time(m, time_now()));
    doc_set(m, v, STR("Status"), doc_new_str(m, str_z(status)));
    if (a->status == RUN_FAILED || a->status == RUN_TIMED_OUT || a->status == RUN_CANCELED) {
        char text[900];
        error = doc_new_object(m);
        doc_set(m, error, STR("errorCode"),
                doc_new_str(m, a->error_code ? str_z(a->error_code)
                                             : str_z(err_code_name(a->err.code))));
        doc_set(m, error, STR("message"), doc_new_str(m, str_z(err_text(&a->err, text, sizeof text))));
        doc_set(m, error, STR("failureType"),
                doc_new_str(m, a->err.retriable ? STR("SystemError") : STR("UserError")));
        doc_set(m, error, STR("target"), doc_new_str(m, str_z(a->name)));
        doc_set(m, v, STR("error"), error);
    }
    return v;
}

/* ---------------------------------------------------------------- activities */

bool act_stopped(const struct act *a)
{
    return a->canceling || a->group->run->canceled;
}

static void link_running(struct act *a)
{
    struct factory_run *r = a->group->run;
    a->next_running = r->running;
    a->prev_running = NULL;
    if (r->running)
        r->running->prev_running = a;
    r->running = a;
}

static void unlink_running(struct act *a)
{
    struct factory_run *r = a->group->run;
    if (a->prev_running)
        a->prev_running->next_running = a->next_running;
    else
        r->running = a->next_running;
    if (a->next_running)
        a->next_running->prev_running = a->prev_running;
}

static void act_final(struct act *a, enum run_status status)
{
    struct group *g = a->group;
    a->status = status;
    a->phase = ACT_FINAL;
    a->value = value_of(a);
    g->open--;
    ev_timer_free(a->timer);
    ev_timer_free(a->own_timer);
    a->timer = a->own_timer = NULL;
    if (!g->stepping) {
        g->stepping = true;
        ev_defer(g->run->f->opts.loop, group_step, g);
    }
}

static void try_again(void *arg)
{
    struct act *a = arg;
    act_start(a);
}

void act_done(struct act *a, enum run_status status, const struct doc *output,
              const struct err *err)
{
    CHECK(a->phase == ACT_RUNNING);
    unlink_running(a);
    a->output = output;
    if (a->timed_out) {
        status = RUN_TIMED_OUT;
        err_set(&a->err, ERR_TIMEOUT, "activity '%s' ran longer than its timeout of %jd s", a->name,
                (intmax_t)(a->timeout_ms / 1000));
    } else if (act_stopped(a)) {
        status = RUN_CANCELED;
        err_set(&a->err, ERR_CANCELED, "activity '%s' was canceled", a->name);
    } else if (status != RUN_SUCCEEDED && err) {
        a->err = *err;
    }
    a->status = status;
    tell(a, false);
    if ((status == RUN_FAILED || status == RUN_TIMED_OUT) && a->attempt <= a->retry &&
        !a->group->run->canceled) {
        link_running(a);
        a->timed_out = a->canceling = false;
        atomic_store(&a->cancel, false);
        ev_timer_free(a->timer);
        a->timer = ev_timer_new(a->group->run->f->opts.loop, try_again, a);
        ev_timer_start(a->timer, a->retry_ms, 0);
        a->status = RUN_QUEUED; /* between two attempts */
        return;
    }
    act_final(a, status == RUN_TIMED_OUT ? RUN_FAILED : status);
}

static void act_stop(struct act *a)
{
    a->canceling = true;
    atomic_store(&a->cancel, true);
    if (a->status == RUN_QUEUED) { /* waits for its next attempt */
        a->status = RUN_RUNNING;
        act_done(a, RUN_CANCELED, NULL, NULL);
    } else if (a->type->cancel) {
        a->type->cancel(a);
    }
}

static bool is_inside(const struct act *a, const struct act *owner)
{
    for (const struct group *g = a->group; g->owner; g = g->parent)
        if (g->owner == owner)
            return true;
    return false;
}

void act_stop_inner(struct act *owner)
{
    for (struct act *a = owner->group->run->running, *next; a; a = next) {
        next = a->next_running;
        if (is_inside(a, owner))
            act_stop(a);
    }
}

static void time_out(void *arg)
{
    struct act *a = arg;
    a->timed_out = true;
    act_stop(a);
}

static void act_start(struct act *a)
{
    struct err err = {};
    bool again = a->attempt > 0;
    a->attempt++;
    a->status = RUN_RUNNING;
    a->phase = ACT_RUNNING;
    a->started = time_now();
    a->started_mono_us = time_mono_us();
    uuid_make(a->id);
    if (!again)
        link_running(a);
    ev_timer_free(a->timer);
    a->timer = NULL;
    if (a->type->policy && a->timeout_ms > 0) {
        a->timer = ev_timer_new(a->group->run->f->opts.loop, time_out, a);
        ev_timer_start(a->timer, a->timeout_ms, 0);
    }
    tell(a, true);
    if (a->type->start(a, &err))
        act_done(a, RUN_FAILED, NULL, &err);
}

void act_cancel_work(struct act *a)
{
    atomic_store(&a->cancel, true); /* its worker sees it; act_done follows from there */
}

static void job_run(void *arg)
{
    struct act_job *job = arg;
    job->rc = job->work(job, &job->err);
}

static void job_done(void *arg)
{
    struct act_job *job = arg;
    struct act *a = job->act;
    const struct doc *output = job->output ? doc_deep_copy(a->group->a, job->output) : NULL;
    enum run_status status = job->rc ? RUN_FAILED : RUN_SUCCEEDED;
    struct err err = job->err;
    arena_free(job->a);
    mem_free(job);
    act_done(a, status, output, &err);
}

void act_work(struct act *a, int (*work)(struct act_job *job, struct err *err), void *ctx,
              struct arena *job_arena)
{
    struct act_job *job = NEW(struct act_job);
    *job = (struct act_job){.act = a, .a = job_arena, .work = work, .ctx = ctx,
                            .cancel = &a->cancel};
    ev_work(a->group->run->f->opts.loop, job_run, job_done, job);
}

/* ---------------------------------------------------------------- groups */

static struct act *find_act(struct group *g, struct str name)
{
    for (size_t i = 0; i < g->count; i++)
        if (str_ieqz(name, g->acts[i].name))
            return &g->acts[i];
    return NULL;
}

static bool condition_holds(const struct doc *conditions, enum run_status status)
{
    for (size_t i = 0; doc_is(conditions, DOC_ARRAY) && i < conditions->count; i++) {
        struct str c = doc_str(conditions->items[i], STR_NONE);
        if (str_ieqz(c, run_status_name(status)) ||
            (str_ieqz(c, "Completed") && (status == RUN_SUCCEEDED || status == RUN_FAILED)))
            return true;
    }
    return false;
}

enum readiness { NOT_YET, READY, SKIP };

static enum readiness ready(struct group *g, struct act *a)
{
    const struct doc *deps = doc_get(a->def, "dependsOn");
    bool holds = true;
    for (size_t i = 0; doc_is(deps, DOC_ARRAY) && i < deps->count; i++) {
        struct act *parent = find_act(g, doc_str(doc_get(deps->items[i], "activity"), STR_NONE));
        CHECK(parent); /* the check before the run saw to it */
        if (parent->phase != ACT_FINAL)
            return NOT_YET;
        holds &= condition_holds(doc_get(deps->items[i], "dependencyConditions"), parent->status);
    }
    return holds ? READY : SKIP;
}

static bool is_leaf(struct group *g, const struct act *a)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct doc *deps = doc_get(g->acts[i].def, "dependsOn");
        for (size_t k = 0; doc_is(deps, DOC_ARRAY) && k < deps->count; k++)
            if (str_ieqz(doc_str(doc_get(deps->items[k], "activity"), STR_NONE), a->name))
                return false;
    }
    return true;
}

/* The leaf rule. Marks are worked off a list, so that a long chain of skips needs no recursion. */
static void conclude(struct group *g)
{
    struct act **todo = ARENA_ARRAY(g->a, struct act *, g->count + 1);
    bool *marked = ARENA_ARRAY(g->a, bool, g->count + 1);
    size_t n = 0;
    g->status = g->run->canceled ? RUN_CANCELED : RUN_SUCCEEDED;
    for (size_t i = 0; i < g->count; i++)
        if (is_leaf(g, &g->acts[i])) {
            marked[i] = true;
            todo[n++] = &g->acts[i];
        }
    for (size_t at = 0; at < n; at++) {
        struct act *a = todo[at];
        const struct doc *deps = doc_get(a->def, "dependsOn");
        if (a->status == RUN_FAILED && g->status == RUN_SUCCEEDED) {
            g->status = RUN_FAILED;
            g->err = a->err;
        }
        if (a->status != RUN_SKIPPED)
            continue;
        for (size_t k = 0; doc_is(deps, DOC_ARRAY) && k < deps->count; k++) {
            struct act *p = find_act(g, doc_str(doc_get(deps->items[k], "activity"), STR_NONE));
            if (!marked[p - g->acts]) {
                marked[p - g->acts] = true;
                todo[n++] = p;
            }
        }
    }
}

static void start_inactive(struct act *a)
{
    struct str as = doc_str(doc_get(a->def, "onInactiveMarkAs"), STR("Succeeded"));
    a->started = time_now();
    a->started_mono_us = time_mono_us();
    uuid_make(a->id);
    err_set(&a->err, ERR_USER, "activity '%s' is inactive and marked as failed", a->name);
    act_final(a, str_ieqz(as, "Failed") ? RUN_FAILED
                 : str_ieqz(as, "Skipped") ? RUN_SKIPPED : RUN_SUCCEEDED);
    tell(a, false);
}

static void group_step(void *arg)
{
    struct group *g = arg;
    g->stepping = false;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < g->count; i++) {
            struct act *a = &g->acts[i];
            enum readiness r = a->phase == ACT_WAITING ? ready(g, a) : NOT_YET;
            if (a->phase == ACT_WAITING && (g->run->canceled || (g->owner && act_stopped(g->owner))))
                r = SKIP;
            if (r == NOT_YET)
                continue;
            moved = true;
            if (r == SKIP) {
                a->started = time_now();
                uuid_make(a->id);
                act_final(a, RUN_SKIPPED);
                tell(a, false);
            } else if (str_ieqz(doc_str(doc_get(a->def, "state"), STR_NONE), "Inactive")) {
                start_inactive(a);
            } else {
                act_start(a);
            }
        }
    }
    if (g->open == 0 && !g->stepping && !g->ended) {
        g->ended = true;
        conclude(g);
        g->done(g, g->arg);
    }
}

static void read_policy(struct act *a)
{
    const struct doc *policy = doc_get(a->def, "policy"), *timeout = doc_get(policy, "timeout");
    int64_t v;
    a->timeout_ms = (int64_t)POLICY_TIMEOUT_DAYS * 24 * 3600 * 1000;
    if (doc_is(timeout, DOC_STRING) && model_span_ms(timeout->text, &v))
        a->timeout_ms = v;
    if (doc_i64(doc_get(policy, "retry"), &v))
        a->retry = (int)v;
    a->retry_ms = POLICY_RETRY_S * 1000;
    if (doc_i64(doc_get(policy, "retryIntervalInSeconds"), &v))
        a->retry_ms = v * 1000;
    a->secure_input = doc_bool(doc_get(policy, "secureInput"), false);
    a->secure_output = doc_bool(doc_get(policy, "secureOutput"), false);
}

/* An inactive activity never starts, so its type need not be known. */
static const struct activity_type inactive_type = {.name = "Inactive"};

static struct group *group_new(struct factory_run *r, struct act *owner, const struct doc *list)
{
    struct arena *a = arena_new();
    struct group *g = ARENA_NEW(a, struct group);
    g->a = a;
    g->run = r;
    g->owner = owner;
    g->parent = owner ? owner->group : NULL;
    g->count = g->open = doc_is(list, DOC_ARRAY) ? list->count : 0;
    g->acts = ARENA_ARRAY(a, struct act, g->count + 1);
    for (size_t i = 0; i < g->count; i++) {
        struct act *x = &g->acts[i];
        x->group = g;
        x->def = list->items[i];
        x->props = doc_get(x->def, "typeProperties");
        x->name = str_cz(a, doc_str(doc_get(x->def, "name"), STR("")));
        x->type = activity_type_find(doc_str(doc_get(x->def, "type"), STR_NONE));
        if (!x->type)
            x->type = &inactive_type;
        read_policy(x);
    }
    return g;
}

struct group *act_group_start(struct act *owner, const struct doc *list, const struct doc *item,
                          void (*done)(struct group *g, void *arg), void *arg)
{
    struct group *g = group_new(owner->group->run, owner, list);
    g->item = item;
    g->done = done;
    g->arg = arg;
    g->stepping = true;
    ev_defer(g->run->f->opts.loop, group_step, g);
    return g;
}

void act_group_free(struct group *g)
{
    CHECK(!g->stepping);
    arena_free(g->a); /* g lies in it */
}

/* ---------------------------------------------------------------- runs */

static void record_run(struct factory_run *r, bool start, void (*saved)(void *), void *arg)
{
    const struct run_log *log = r->f->opts.log;
    struct arena *a = arena_new();
    struct doc *input = doc_new_object(a);
    const struct doc *declared = model_params(r->pipeline, "parameters");
    for (size_t i = 0; i < r->params->count; i++) {
        struct str name = r->params->keys[i].name;
        struct str type = doc_str(doc_get(doc_get_str(declared, name), "type"), STR(""));
        doc_set(a, input, name,
                str_ieqz(type, "securestring") ? doc_new_str(a, STR("***")) : r->params->items[i]);
    }
    struct run_record record = {.id = r->id, .parent_id = r->parent_id, .kind = "pipeline",
                                .name = r->pipeline->name, .type = "",
                                .trigger = r->start.trigger_name, .status = r->status,
                                .attempt = 1, .started = r->started,
                                .finished = start ? (struct tp){0} : time_now(), .input = input,
                                .output = r->return_value,
                                .error = r->status == RUN_SUCCEEDED || start ? NULL : &r->err};
    if (log && start)
        log->start(log->ctx, &record);
    else if (log)
        log->finish(log->ctx, &record, saved, arg);
    else if (saved)
        ev_defer(r->f->opts.loop, saved, arg);
    arena_free(a);
}

static void start_queued(struct factory *f);

static void tell_stopped(struct factory *f)
{
    ev_fn stopped = f->stopped;
    if (!f->stopping || f->runs || !stopped)
        return;
    f->stopped = NULL;
    ev_defer(f->opts.loop, stopped, f->stopped_arg); /* it may free the factory */
}

static void run_ended(void *arg)
{
    struct factory_run *r = arg;
    struct factory *f = r->f;
    struct doc *output = doc_new_object(r->a);
    struct factory_run **at = &f->runs;
    if (r->return_value)
        doc_set(r->a, output, STR("pipelineReturnValue"), r->return_value);
    struct factory_result result = {.run_id = r->id, .pipeline = r->pipeline->name,
                                    .status = r->status, .output = output,
                                    .error = r->status == RUN_SUCCEEDED ? NULL : &r->err};
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (r->waiter)
        r->waiter(r->waiter_ctx, &result);
    else if (r->start.on_done)
        r->start.on_done(r->start.ctx, &result);
    if (r->root)
        act_group_free(r->root);
    arena_free(r->a);
    mem_free(r);
    start_queued(f);
    tell_stopped(f);
}

static void root_done(struct group *g, void *arg)
{
    struct factory_run *r = arg;
    r->status = g->status;
    r->err = g->err;
    if (r->status == RUN_CANCELED)
        err_set(&r->err, ERR_CANCELED, "pipeline '%s' was canceled", r->pipeline->name);
    record_run(r, false, run_ended, r);
}

static void run_begin(struct factory_run *r)
{
    r->status = RUN_RUNNING;
    r->started = time_now();
    record_run(r, true, NULL, NULL);
    r->root = group_new(r, NULL, doc_get(r->pipeline->props, "activities"));
    r->root->done = root_done;
    r->root->arg = r;
    r->root->stepping = true;
    ev_defer(r->f->opts.loop, group_step, r->root);
}

/* "concurrency": how many runs of a pipeline may be alive at once; the others wait in order. */
static bool may_begin(const struct factory_run *r)
{
    int64_t limit, alive = 0;
    if (!doc_i64(doc_get(r->pipeline->props, "concurrency"), &limit) || limit < 1)
        return true;
    for (const struct factory_run *o = r->f->runs; o; o = o->next)
        alive += o->pipeline == r->pipeline && o->status == RUN_RUNNING;
    return alive < limit;
}

static void start_queued(struct factory *f)
{
    for (struct factory_run *r = f->runs; r; r = r->next)
        if (r->status == RUN_QUEUED && !r->canceled && may_begin(r))
            run_begin(r);
}

static void run_enqueued(void *arg)
{
    start_queued(arg);
}

static const struct doc *variables_of(struct factory_run *r)
{
    static const struct { const char *type, *value; } defaults[] = {
        {"Boolean", "false"}, {"Bool", "false"}, {"Integer", "0"}, {"Array", "[]"}};
    const struct doc *declared = model_params(r->pipeline, "variables");
    struct doc *out = doc_new_object(r->a);
    struct err ignored;
    for (size_t i = 0; i < declared->count; i++) {
        const struct doc *v = doc_get(declared->items[i], "defaultValue");
        struct str type = doc_str(doc_get(declared->items[i], "type"), STR("String"));
        for (size_t k = 0; !v && k < COUNT_OF(defaults); k++)
            if (str_ieqz(type, defaults[k].type))
                v = doc_json(r->a, NULL, str_z(defaults[k].value), &ignored);
        doc_set(r->a, out, declared->keys[i].name,
                v ? (struct doc *)v : doc_new_str(r->a, STR("")));
    }
    return out;
}

static const struct doc *globals_of(struct arena *a, const struct doc *globals)
{
    struct doc *out = doc_new_object(a);
    for (size_t i = 0; i < globals->count; i++) {
        struct doc *v = doc_get(globals->items[i], "value");
        doc_set(a, out, globals->keys[i].name, v ? v : doc_new_null(a));
    }
    return out;
}

static const struct doc *scope_doc(struct factory_run *r, const struct act *parent)
{
    struct arena *a = r->a;
    struct doc *d = doc_new_object(a);
    const struct { const char *key; struct doc *value; } rows[] = {
        {"DataFactory", doc_new_str(a, str_z(r->f->model->name))},
        {"Pipeline", doc_new_str(a, str_z(r->pipeline->name))},
        {"RunId", doc_new_str(a, str_z(r->id))},
        {"TriggerType", doc_new_str(a, str_z(r->start.trigger_type))},
        {"TriggerId", doc_new_str(a, str_z(r->start.trigger_name))},
        {"TriggerName", doc_new_str(a, str_z(r->start.trigger_name))},
        {"TriggerTime", (struct doc *)doc_trigger_time(a, r->start.trigger_time)},
        {"GroupId", doc_new_str(a, str_z(r->root_run_id ? r->root_run_id : r->id))},
        {"TriggeredByPipelineName",
         parent ? doc_new_str(a, str_z(parent->group->run->pipeline->name)) : doc_new_null(a)},
        {"TriggeredByPipelineRunId",
         parent ? doc_new_str(a, str_z(parent->group->run->id)) : doc_new_null(a)},
        {"parameters", (struct doc *)r->params},
        {"globalParameters", (struct doc *)globals_of(a, r->f->model->globals)}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        doc_set(a, d, str_z(rows[i].key), rows[i].value);
    return d;
}

struct factory_run *run_new(struct factory *f, const struct factory_start *start, struct act *parent,
                            struct err *err)
{
    const struct model_item *item = model_find(f->model, MODEL_PIPELINE, str_z(start->pipeline));
    struct arena *a = arena_new();
    const struct doc *given = start->params ? doc_deep_copy(a, start->params) : NULL;
    const struct doc *params = model_bind(a, model_params(item, "parameters"), given, item->props, err);
    struct factory_run *r, **at = &f->runs;
    if (!params) {
        err_wrap(err, "pipeline '%s'", item->name);
        arena_free(a);
        return NULL;
    }
    r = NEW(struct factory_run);
    r->f = f;
    r->a = a;
    r->pipeline = item;
    r->params = params;
    r->start = *start;
    r->start.trigger_type = arena_strdup(a, start->trigger_type ? start->trigger_type : "Manual");
    r->start.trigger_name = arena_strdup(a, start->trigger_name ? start->trigger_name : "Manual");
    if (!r->start.trigger_time.us)
        r->start.trigger_time = time_now();
    uuid_make(r->id);
    r->status = RUN_QUEUED;
    if (parent) {
        struct factory_run *p = parent->group->run;
        r->depth = p->depth + 1;
        r->parent_id = arena_strdup(a, parent->id);
        r->root_run_id = arena_strdup(a, p->root_run_id ? p->root_run_id : p->id);
    }
    r->variables = (struct doc *)variables_of(r);
    r->scope = scope_doc(r, parent);
    while (*at)
        at = &(*at)->next;
    *at = r;
    ev_defer(f->opts.loop, run_enqueued, f);
    return r;
}

void run_wait(struct factory_run *r, void (*done)(void *ctx, const struct factory_result *result),
              void *ctx)
{
    r->waiter = done;
    r->waiter_ctx = ctx;
}

struct factory_run *factory_run(struct factory *f, const struct factory_start *start,
                                struct err *err)
{
    if (!model_find(f->model, MODEL_PIPELINE, str_z(start->pipeline))) {
        err_set(err, ERR_NOT_FOUND, "there is no pipeline '%s' in '%s'", start->pipeline,
                f->model->dir);
        return NULL;
    }
    if (f->stopping) {
        err_set(err, ERR_CANCELED, "the factory is stopping");
        return NULL;
    }
    if (check_first(f, start->pipeline, err))
        return NULL;
    return run_new(f, start, NULL, err);
}

const char *factory_run_id(const struct factory_run *r)
{
    return r->id;
}

static void end_queued(void *arg)
{
    struct factory_run *r = arg;
    r->status = RUN_CANCELED;
    r->started = time_now();
    err_set(&r->err, ERR_CANCELED, "pipeline '%s' was canceled before it started", r->pipeline->name);
    record_run(r, false, run_ended, r);
}

void factory_cancel(struct factory_run *r)
{
    if (r->canceled || r->status > RUN_RUNNING)
        return;
    r->canceled = true;
    if (r->status == RUN_QUEUED) {
        ev_defer(r->f->opts.loop, end_queued, r);
        return;
    }
    for (struct act *a = r->running, *next; a; a = next) {
        next = a->next_running;
        act_stop(a);
    }
    if (r->root && !r->root->stepping && !r->root->ended) {
        r->root->stepping = true;
        ev_defer(r->f->opts.loop, group_step, r->root);
    }
}

void factory_stop(struct factory *f, ev_fn stopped, void *arg)
{
    f->stopping = true;
    f->stopped = stopped;
    f->stopped_arg = arg;
    factory_unschedule(f);
    for (struct factory_run *r = f->runs; r; r = r->next)
        factory_cancel(r);
    tell_stopped(f);
}
