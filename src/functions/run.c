/* run -- what starts a function.
 *
 * Run: its schedule. A time that passes while an invocation runs is not made up, as on Azure; one that
 * passes while the worker is down is run when it is back. Once: the end of the invocation before, until
 * the function has no more events (see functions.h), is without any hub, or has failed. */
#include "functions/functions_int.h"

static void arm(struct function *f);

static void start(struct function *f, bool past_due)
{
    f->due = false;
    if (f->app->worker_state == WORKER_READY) {
        invoke(f, past_due);
        return;
    }
    f->due = true; /* run_all() when the worker is back */
    f->past_due = past_due;
}

static void on_timer(void *arg)
{
    struct function *f = arg;
    if (time_now().us >= f->next.us)
        start(f, false);
    else
        arm(f);
}

static void wait_for(struct function *f, struct tp next)
{
    int64_t delay_ms = (next.us - time_now().us + 999) / 1000;
    f->next = next;
    if (!f->timer)
        f->timer = ev_timer_new(f->app->opts.loop, on_timer, f);
    if (delay_ms < 0)
        delay_ms = 0;
    ev_timer_start(f->timer, delay_ms < TIMER_STEP_MS ? delay_ms : TIMER_STEP_MS, 0);
}

static void arm(struct function *f)
{
    struct tp now = time_now(), next;
    if (f->app->stopping || f->app->mode != APP_RUN || f->stuck)
        return;
    if (f->next.us > now.us)
        wait_for(f, f->next); /* the timer came early, or a long wait is cut in steps */
    else if (schedule_next(f->schedule, now, &next))
        wait_for(f, next);
}

static void first_run(struct function *f)
{
    struct tp now = time_now();
    if (f->monitored && schedule_past_due(f->schedule, &f->state, now)) {
        start(f, true);
    } else if (f->bindings.trigger->run_on_startup) {
        start(f, false);
    } else if (f->monitored && !f->state.updated.us) {
        f->state.updated = now;
        if (schedule_next(f->schedule, now, &f->state.next))
            invoke_note(f);
    } else {
        arm(f);
    }
}

void functions_run(struct functions_app *app)
{
    CHECK(app->ready && app->mode == APP_IDLE);
    app->mode = APP_RUN;
    for (size_t i = 0; i < app->count && !app->stopping; i++)
        if (!app->functions[i].running)
            first_run(&app->functions[i]);
    app_changed(app);
}

/* ------------------------------------------------------------------ once */

static bool has_hub(const struct function *f)
{
    for (size_t i = 0; i < f->bindings.count; i++)
        if (f->bindings.all[i].role == BINDING_HUB_OUT)
            return true;
    return false;
}

/* It had output, and has had as much as one that may still end by itself is given. */
static bool once_enough(const struct function *f)
{
    const struct functions_once *once = &f->app->once;
    if (once->events > 0)
        return f->once_events >= once->events;
    int64_t limit = once->endless_events > 0 ? once->endless_events : FUNCTIONS_ONCE_EVENTS;
    int64_t times = once->endless_invocations > 0 ? once->endless_invocations : FUNCTIONS_ONCE_INVOCATIONS;
    if (limit < f->source_lines)
        limit = f->source_lines;
    return f->once_events >= limit && f->once_outputs >= times;
}

static void once_cut(struct function *f)
{
    struct functions_app *app = f->app;
    if (app->once.events > 0)
        return; /* as it was told to */
    log_warn("functions", "'%.*s' still had output after %jd events: taken for endless and stopped", STR_ARGS(f->name), (intmax_t)f->once_events);
    if (app->once.cut)
        app->once.cut(app->done_arg, f->name, f->once_events);
}

static void once_check(struct functions_app *app)
{
    size_t count = 0;
    if (app->mode != APP_ONCE)
        return;
    for (size_t i = 0; i < app->count; i++) {
        if (!app->functions[i].ended)
            return;
        count += app->functions[i].has_error;
    }
    struct err *errors = mem_alloc((count + 1) * sizeof *errors);
    count = 0;
    for (size_t i = 0; i < app->count; i++)
        if (app->functions[i].has_error)
            errors[count++] = app->functions[i].error;
    void (*done)(void *arg, const struct err *errors, size_t count) = app->on_done;
    app->mode = APP_IDLE;
    app->on_done = NULL;
    if (done)
        done(app->done_arg, errors, count);
    mem_free(errors);
}

void functions_once(struct functions_app *app, const struct functions_once *how,
                    void (*done)(void *arg, const struct err *errors, size_t count), void *arg)
{
    CHECK(app->ready && app->mode == APP_IDLE);
    app->mode = APP_ONCE;
    app->once = *how;
    app->on_done = done;
    app->done_arg = arg;
    for (size_t i = 0; i < app->count; i++) {
        struct function *f = &app->functions[i];
        f->ended = false;
        f->once_events = f->once_outputs = 0;
        start(f, false);
    }
    app_changed(app);
    once_check(app);
}

/* ------------------------------------------------------------------ for both */

void run_finished(struct function *f, bool failed, int64_t events)
{
    struct functions_app *app = f->app;
    if (app->mode == APP_RUN)
        arm(f);
    if (app->mode != APP_ONCE || f->ended)
        return;
    f->once_events += events;
    f->once_outputs += events > 0;
    f->ended = failed || app->stopping || events == 0 || !has_hub(f);
    if (!f->ended && once_enough(f)) {
        f->ended = true;
        once_cut(f);
    }
    if (f->ended)
        once_check(app);
    else
        start(f, false);
}

void run_all(struct functions_app *app)
{
    for (size_t i = 0; i < app->count && !app->stopping; i++)
        if (app->functions[i].due && !app->functions[i].running)
            start(&app->functions[i], app->functions[i].past_due);
}

void run_failed(struct functions_app *app, const struct err *err)
{
    for (size_t i = 0; i < app->count; i++) {
        struct function *f = &app->functions[i];
        f->has_error = true;
        f->error = *err;
        f->ended |= app->mode == APP_ONCE;
    }
    once_check(app);
}

void run_halt(struct functions_app *app)
{
    for (size_t i = 0; i < app->count; i++) {
        struct function *f = &app->functions[i];
        f->due = false;
        if (f->timer)
            ev_timer_stop(f->timer);
    }
}
