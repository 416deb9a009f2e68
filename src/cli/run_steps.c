/* run_steps -- the order in which a run's parts go; see run.h. Each step starts work and counts what
 * it waits for in `pending`; the last callback starts the next step. */
#include "cli/endpoints.h"
#include "cli/run.h"
#include "cli/upkeep.h"
#include "lake/catalog.h"
#include <stdio.h>
#include <string.h>

static void step_next(void *arg);

/* One thing that the stage's step waited for has happened. */
static void step_done(struct run_stage *s)
{
    CHECK(s->pending > 0);
    if (--s->pending == 0)
        ev_defer(s->run->loop, step_next, s);
}

static void step_next(void *arg)
{
    struct run_stage *s = arg;
    struct run *r = s->run;
    if (r->stopping && s == &r->work)
        return;
    run_step step = s->steps[s->step];
    if (!step)
        return;
    s->step++;
    CHECK(s->pending == 0);
    s->pending = 1; /* the step itself */
    step(r);
    step_done(s);
}

void run_fail(struct run *r, const char *part, const struct err *err)
{
    char text[1024];
    err_text(err, text, sizeof text);
    char *line = arena_printf(r->a, "%s: %s", part, text);
    for (size_t i = 0; i < r->failure_count; i++)
        if (strcmp(r->failures[i], line) == 0)
            return; /* two artifacts that need a broken third find the same */
    log_error(part, "%s", text);
    if (r->failure_count < RUN_MAX_FAILURES)
        r->failures[r->failure_count++] = line;
}

/* ---------------------------------------------------------------- hubs, tables, captures */

static void hub_made(void *arg, const struct err *err)
{
    struct run *r = arg;
    if (err)
        run_fail(r, "hub", err);
    step_done(&r->work);
}

static void make_hubs(struct run *r)
{
    for (size_t i = 0; i < r->project->hub_count; i++) {
        const struct project_hub *hub = &r->project->hubs[i];
        r->work.pending++;
        hub_create(r->hub, str_cz(r->a, hub->name_space), str_cz(r->a, hub->name), &hub->spec, hub_made, r);
    }
}

static void captured(void *ctx, const char *dir, int64_t version, int64_t rows)
{
    struct run_capture *c = ctx;
    (void)rows;
    if (c->failures)
        log_info(c->name, "captures again after %d failed tries", c->failures);
    c->failures = 0;
    c->said[0] = 0;
    pipelines_notify(c->run->pipelines, str_z(dir), version);
    endpoints_changed(c->run->endpoints, str_z(dir));
}

/* A message without what it quotes: a temporary file has another name each time. */
static void unquoted(char *out, size_t size, const char *msg)
{
    bool quoted = false;
    size_t n = 0;
    for (; *msg && n + 1 < size; msg++) {
        quoted ^= *msg == '\'';
        if (!quoted)
            out[n++] = *msg;
    }
    memset(out + n, 0, size - n);
}

/* It tries again by itself, ever less often; only who waits for it gives up. */
static void capture_failed(void *ctx, const struct err *err)
{
    struct run_capture *c = ctx;
    c->failures++;
    char said[sizeof c->said];
    unquoted(said, sizeof said, err->msg);
    if (strcmp(c->said, said) != 0) {
        log_err(LOG_ERROR, c->name, err);
        memcpy(c->said, said, sizeof said);
    }
    if (!c->draining || c->given_up || c->failures < RUN_CAPTURE_TRIES)
        return;
    struct err all = *err;
    c->given_up = true;
    (void)err_wrap(&all, "events are left in the hub, the table could not be written in %d tries", RUN_CAPTURE_TRIES);
    run_fail(c->run, c->name, &all);
    step_done(&c->run->work);
}

static void capture_ready(void *arg, const struct err *err)
{
    struct run_capture *c = arg;
    if (err)
        run_fail(c->run, c->name, err);
    step_done(&c->run->work);
}

static void start_captures(struct run *r)
{
    for (size_t i = 0; i < r->capture_count; i++) {
        struct run_capture *c = &r->captures[i];
        struct capture_opts o = {.hub = r->hub, .owner = r->loop, .db = r->engine->db, .table = lake_catalog_table(r->engine->catalog, c->dir),
                                 .ns = str_cz(r->a, c->hub->name_space), .name = str_cz(r->a, c->hub->name),
                                 .interval_ms = c->hub->capture_interval_ms, .on_commit = captured, .on_error = capture_failed, .ctx = c};
        r->work.pending++;
        c->capture = capture_start(&o, capture_ready, c);
    }
}

static void tables_stand(void *arg, const struct err *err)
{
    struct run *r = arg;
    if (err)
        run_fail(r, "pipelines", err);
    step_done(&r->work);
}

static void set_up_tables(struct run *r)
{
    r->work.pending++;
    pipelines_set_up_all(r->pipelines, tables_stand, r);
}

static void start_pipelines(struct run *r)
{
    struct err err = {0};
    if (pipelines_start_all_continuous(r->pipelines, &err))
        run_fail(r, "pipelines", &err);
    r->upkeep = upkeep_start(r);
}

/* ---------------------------------------------------------------- functions */

static void app_ready(void *arg, const struct err *err)
{
    struct run_app *a = arg;
    a->ready = !err;
    if (err)
        run_fail(a->run, functions_name(a->app), err);
    step_done(&a->run->work);
}

/* Workers come up beside everything else. */
static void start_apps(struct run *r)
{
    for (size_t i = 0; i < r->project->function_count; i++) {
        r->work.pending++;
        functions_start(r->apps[i].app, app_ready, &r->apps[i]);
    }
}

static void app_runs(void *arg, const struct err *err)
{
    struct run_app *a = arg;
    a->ready = !err;
    if (err)
        run_fail(a->run, functions_name(a->app), err);
    else if (!a->run->stopping)
        functions_run(a->app);
}

static void run_apps(struct run *r)
{
    for (size_t i = 0; i < r->project->function_count; i++)
        functions_start(r->apps[i].app, app_runs, &r->apps[i]);
}

static void app_once(void *arg, const struct err *errors, size_t count)
{
    struct run_app *a = arg;
    for (size_t i = 0; i < count; i++)
        run_fail(a->run, functions_name(a->app), &errors[i]);
    step_done(&a->run->work);
}

static void app_cut(void *arg, struct str function, int64_t events)
{
    struct run *r = ((struct run_app *)arg)->run;
    if (r->notice_count < RUN_MAX_NOTICES)
        r->notices[r->notice_count++] = arena_printf(r->a, "function '%.*s' was stopped after %jd events, as one that never ends; --events N sets another limit",
                                                     STR_ARGS(function), (intmax_t)events);
}

static void once_apps(struct run *r)
{
    struct functions_once how = {.events = r->args->events, .cut = app_cut};
    for (size_t i = 0; i < r->project->function_count; i++) {
        if (!r->apps[i].ready)
            continue;
        r->work.pending++;
        functions_once(r->apps[i].app, &how, app_once, &r->apps[i]);
    }
}

/* ---------------------------------------------------------------- factory */

static void activity_changed(void *ctx, const struct factory_activity *a)
{
    struct run *r = ctx;
    char name[96], text[600] = "";
    static const enum status_mood moods[] = {[RUN_QUEUED] = MOOD_IDLE, [RUN_RUNNING] = MOOD_BUSY, [RUN_SUCCEEDED] = MOOD_GOOD, [RUN_FAILED] = MOOD_BAD,
                                             [RUN_SKIPPED] = MOOD_IDLE, [RUN_CANCELED] = MOOD_IDLE, [RUN_TIMED_OUT] = MOOD_BAD};
    snprintf(name, sizeof name, "%s/%s", a->pipeline, a->name);
    if (a->error)
        err_text(a->error, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", a->type);
    status_state(r->status, GROUP_FACTORY, name, moods[a->status], run_status_name(a->status), "%s", text);
    status_row(r->status, GROUP_FACTORY, name)->ms = a->status == RUN_RUNNING ? -1 : a->duration_ms;
}

static void pipeline_over(struct run *r, const struct factory_result *res)
{
    char text[600] = "";
    bool canceled = res->status == RUN_CANCELED || (r->stopping && res->error && res->error->code == ERR_CANCELED);
    enum run_status status = canceled ? RUN_CANCELED : res->status;
    if (res->error && !canceled)
        err_text(res->error, text, sizeof text);
    status_state(r->status, GROUP_FACTORY, res->pipeline, status == RUN_SUCCEEDED ? MOOD_GOOD : canceled ? MOOD_IDLE : MOOD_BAD, run_status_name(status),
                 "%s", canceled ? "the run was stopped" : text);
    if (status != RUN_SUCCEEDED && !canceled && res->error)
        run_fail(r, res->pipeline, res->error);
    pipelines_notify_files(r->pipelines, STR("")); /* files may have landed anywhere */
}

static void pipeline_done(void *ctx, const struct factory_result *res)
{
    struct run *r = ctx;
    pipeline_over(r, res);
    step_done(&r->work);
}

static void scheduled_done(void *ctx, const struct factory_result *res) { pipeline_over(ctx, res); }

static void fire_triggers(struct run *r)
{
    for (size_t i = 0; i < r->project->factory_count; i++) {
        const struct factory_trigger *list;
        size_t n = factory_triggers(r->factories[i], &list);
        for (size_t k = 0; k < n; k++) {
            struct factory_start cb = {.on_activity = activity_changed, .on_done = pipeline_done, .ctx = r};
            struct err err = {0};
            if (!list[k].started)
                continue;
            status_state(r->status, GROUP_FACTORY, list[k].name, MOOD_GOOD, "fired", "%zu pipeline%s", list[k].pipelines, list[k].pipelines == 1 ? "" : "s");
            int started = factory_fire(r->factories[i], list[k].name, time_now(), &cb, &err);
            if (started < 0)
                run_fail(r, list[k].name, &err);
            else
                r->work.pending += started;
        }
    }
}

/* ---------------------------------------------------------------- drains */

static void one_drained(void *arg)
{
    struct run_capture *c = arg;
    if (c->draining && !c->given_up)
        step_done(&c->run->work);
    c->draining = false;
}

static void drain_captures(struct run *r)
{
    for (size_t i = 0; i < r->capture_count; i++) {
        struct run_capture *c = &r->captures[i];
        c->draining = true;
        c->failures = 0;
        r->work.pending++;
        capture_drain(c->capture, one_drained, c);
    }
}

static void caught_up(void *arg, int failures)
{
    struct run *r = arg;
    (void)failures; /* each flow says its own error: dataset_failed() */
    step_done(&r->work);
}

static void catch_up(struct run *r)
{
    r->work.pending++;
    pipelines_when_caught_up(r->pipelines, caught_up, r);
}

/* A dataset that still failed or waits when all has been done is a failure of the run. */
static void dataset_failed(void *ctx, const struct dataset_status *d)
{
    struct run *r = ctx;
    struct err err = {0};
    if (d->state != FLOW_STATE_FAILED && d->state != FLOW_STATE_WAITING)
        return;
    err_set(&err, ERR_USER, "%.*s: %s: %.*s", STR_ARGS(d->name), flow_state_name(d->state), STR_ARGS(d->reason));
    run_fail(r, str_cz(r->a, d->pipeline), &err);
}

/* ---------------------------------------------------------------- jobs */

struct job_wait { struct run *run; const struct bundle_resource *job; };

static void job_done(void *arg, enum run_status status, const struct err *err)
{
    struct job_wait *w = arg;
    static const struct err unknown = {.code = ERR_USER, .msg = "the job did not succeed"};
    if (status != RUN_SUCCEEDED && status != RUN_CANCELED)
        run_fail(w->run, str_cz(w->run->a, w->job->key), err ? err : &unknown);
    step_done(&w->run->work);
}

/* Starts the next job of the bundle; with --once only one that never succeeded in this state. */
static bool start_job(struct run *r)
{
    while (r->bundle && r->next_job < r->bundle->resource_count) {
        const struct bundle_resource *job = &r->bundle->resources[r->next_job++];
        struct err err = {0};
        bool ran = false;
        if (!str_eqz(job->kind, "jobs"))
            continue;
        if (r->args->once && history_has(r->history, "job", str_cz(r->a, job->key), false, &ran, &err))
            run_fail(r, "history", &err);
        if (ran)
            continue;
        struct job_wait *w = ARENA_NEW(r->a, struct job_wait);
        *w = (struct job_wait){r, job};
        r->work.pending++;
        if (jobs_run(r->jobs, job->key, r->args->once ? "once" : "start", NULL, job_done, w, &err) == 0)
            return true;
        r->work.pending--;
        run_fail(r, str_cz(r->a, job->key), &err);
    }
    return false;
}

static void run_jobs(struct run *r)
{
    if (start_job(r))
        r->work.step--; /* this step again, for the next job */
}

static void honour_schedules(struct run *r)
{
    struct err err = {0};
    for (size_t i = 0; i < r->project->factory_count; i++) {
        struct factory_start cb = {.on_activity = activity_changed, .on_done = scheduled_done, .ctx = r};
        factory_schedule(r->factories[i], time_now(), &cb);
    }
    if (r->jobs && jobs_schedule(r->jobs, &err))
        run_fail(r, "schedule", &err);
}

/* ---------------------------------------------------------------- the end */

static void end_once(struct run *r)
{
    pipelines_each(r->pipelines, dataset_failed, r);
    run_stop(r);
}

static const run_step STEPS_RUN[] = {make_hubs, start_captures, set_up_tables, start_pipelines, run_apps, fire_triggers, run_jobs, honour_schedules, NULL};
static const run_step STEPS_ONCE[] = {make_hubs, start_captures, set_up_tables, start_pipelines, start_apps, fire_triggers, once_apps,
                                      drain_captures, catch_up, run_jobs, catch_up, end_once, NULL};

static void one_stopped(void *arg)
{
    struct run *r = arg;
    step_done(&r->ending);
}

static void app_stopped(void *arg)
{
    struct run_app *a = arg;
    a->stopped = true;
    step_done(&a->run->ending);
}

static void stop_functions(struct run *r)
{
    for (size_t i = 0; i < r->project->function_count; i++) {
        r->ending.pending++;
        functions_stop(r->apps[i].app, app_stopped, &r->apps[i]);
    }
    for (size_t i = 0; i < r->project->factory_count; i++) {
        r->ending.pending++;
        factory_stop(r->factories[i], one_stopped, r);
    }
}

static void stop_jobs(struct run *r)
{
    if (!r->jobs)
        return;
    r->ending.pending++;
    jobs_stop(r->jobs, one_stopped, r);
}

static void stop_captures(struct run *r)
{
    for (size_t i = 0; i < r->capture_count; i++) {
        if (!r->captures[i].capture)
            continue;
        r->ending.pending++;
        capture_stop(r->captures[i].capture, one_stopped, r);
        r->captures[i].capture = NULL;
    }
}

static void stop_upkeep(struct run *r)
{
    if (!r->upkeep)
        return;
    r->ending.pending++;
    upkeep_stop(r->upkeep, one_stopped, r);
    r->upkeep = NULL;
}

static void stop_pipelines(struct run *r)
{
    r->ending.pending++;
    pipelines_stop(r->pipelines, one_stopped, r);
}

static void stop_loop(struct run *r) { ev_stop(r->loop); }

static const run_step STEPS_STOP[] = {stop_functions, stop_jobs, stop_captures, stop_upkeep, stop_pipelines, stop_loop, NULL};

void run_stop(struct run *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    r->ending = (struct run_stage){r, STEPS_STOP, 0, 0};
    ev_defer(r->loop, step_next, &r->ending);
}

void run_start(struct run *r)
{
    r->work = (struct run_stage){r, r->args->once ? STEPS_ONCE : STEPS_RUN, 0, 0};
    ev_defer(r->loop, step_next, &r->work);
}
