#include "functions/functions.h"
#include "base/code.h"
#include "functions/functions_int.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ lifetime */

static void release(struct functions_app *app)
{
    for (size_t i = 0; i < app->count; i++) {
        if (app->functions[i].outbox_open)
            outbox_release(&app->functions[i].outbox);
        ev_timer_free(app->functions[i].timer);
    }
    settings_free(app->settings);
    arena_free(app->kept);
    arena_free(app->arena);
    mem_free(app);
}

void app_hold(struct functions_app *app)
{
    app->held++;
}

void app_drop(struct functions_app *app)
{
    CHECK(app->held > 0);
    if (--app->held == 0 && app->freed)
        release(app);
}

void functions_free(struct functions_app *app)
{
    if (!app)
        return;
    CHECK(!app->freed);
    app_hold(app);
    app->freed = app->stopping = true;
    app->mode = APP_IDLE;
    app->on_ready = NULL;
    app->on_done = NULL;
    app->on_stopped = NULL;
    run_halt(app);
    host_stop(app);
    for (size_t i = 0; i < app->count; i++) {
        struct function *f = &app->functions[i];
        ev_timer_free(f->timer);
        f->timer = NULL;
        if (f->running)
            invoke_abandon(f->running);
        f->running = NULL;
    }
    ev_timer_free(app->restart);
    ev_timer_free(app->stop_timer);
    app->restart = app->stop_timer = NULL;
    app_drop(app);
}

static void tell_change(void *arg)
{
    struct functions_app *app = arg;
    app->change_told = false;
    if (!app->freed)
        app->opts.changed(app->opts.ctx);
    app_drop(app);
}

void app_changed(struct functions_app *app)
{
    if (!app->opts.changed || app->change_told || app->freed)
        return;
    app->change_told = true;
    app_hold(app);
    ev_defer(app->opts.loop, tell_change, app);
}

const char *app_relative(const struct functions_app *app, const char *path)
{
    struct str root = str_z(resolve_project_dir(app->opts.names)), p = str_z(path);
    if (str_starts(p, root) && p.len > root.len && p.ptr[root.len] == '/')
        return path + root.len + 1;
    return path;
}

/* ------------------------------------------------------------------ open */

static char *app_name(const struct functions_app *app)
{
    struct buf b;
    const char *relative = app_relative(app, app->dir);
    if (app->opts.name)
        relative = app->opts.name;
    else if (relative == app->dir) /* the project is the app, or the app lies outside of it */
        return str_cz(app->arena, path_base(str_z(app->dir)));
    buf_init(&b);
    percent_put(&b, str_z(relative), "");
    char *name = str_cz(app->arena, buf_view(&b));
    buf_release(&b);
    return name;
}

static char *absolute(struct arena *a, const char *path)
{
    char cwd[PATH_MAX];
    bool relative = *path != '/' && getcwd(cwd, sizeof cwd);
    char *full = relative ? path_join(a, cwd, path) : arena_strdup(a, path);
    char *clean = path_below(a, "/", str_z(full + 1));
    return clean ? clean : full;
}

static int read_app(struct functions_app *app, struct err *err)
{
    const char *shown = app_relative(app, app->dir);
    const char *proxies = path_join(app->arena, app->dir, "proxies.json");
    if (host_json_read(app->arena, app->dir, shown, &app->host, err))
        return -1;
    app->settings = settings_read(app->arena, app->dir, shown, err);
    if (!app->settings)
        return -1;
    if (fs_exists(proxies))
        return err_at(err, ERR_UNSUPPORTED, app_relative(app, proxies), 1, 1, "proxies are not supported; remove proxies.json");
    return index_folders(app, err);
}

struct functions_app *functions_open(const struct functions_opts *opts, struct err *err)
{
    struct functions_app *app = NEW(struct functions_app);
    app->opts = *opts;
    app->arena = arena_new();
    app->dir = absolute(app->arena, opts->app_dir);
    app->name = app_name(app);
    if (read_app(app, err)) {
        functions_free(app);
        return NULL;
    }
    app->env = settings_env(app->settings, app->arena, opts->rewrite, opts->ctx);
    app->python = opts->python ? opts->python : worker_python(app->arena, app->dir);
    if (strchr(app->python, '/')) /* the worker starts in the app's folder */
        app->python = absolute(app->arena, app->python);
    else
        app->python = arena_strdup(app->arena, app->python);
    return app;
}

const char *functions_name(const struct functions_app *app)
{
    return app->name;
}

/* ------------------------------------------------------------------ start */

void app_ready(struct functions_app *app, const struct err *err)
{
    void (*tell)(void *arg, const struct err *err) = app->on_ready;
    app->on_ready = NULL;
    app->ready = err == NULL;
    if (err)
        host_stop(app);
    app_changed(app);
    if (tell)
        tell(app->ready_arg, err);
}

void functions_start(struct functions_app *app, void (*ready)(void *arg, const struct err *err), void *arg)
{
    struct err err;
    app->on_ready = ready;
    app->ready_arg = arg;
    if (host_start(app, &err))
        app_ready(app, &err);
}

struct opening {
    struct functions_app *app;
    bool failed;
    struct err err;
};

/* Opens the outboxes and reads what lies in them, on a pool thread. */
static void open_work(void *arg)
{
    struct opening *o = arg;
    struct functions_app *app = o->app;
    struct arena *a = app->kept;
    for (size_t i = 0; i < app->count && !o->failed; i++) {
        struct function *f = &app->functions[i];
        const char *dir = arena_printf(a, "%s/functions/%s/%.*s/outbox", resolve_state_dir(app->opts.names), app->name,
                                       STR_ARGS(f->name));
        o->failed = outbox_open(&f->outbox, dir, &o->err) != 0;
        f->outbox_open = !o->failed;
        if (!o->failed && f->outbox.kept >= 0)
            o->failed = outbox_read(&f->outbox, a, &f->kept, &o->err) != 0;
    }
}

static void open_done(void *arg)
{
    struct opening *o = arg;
    struct functions_app *app = o->app;
    if (o->failed && !app->freed)
        app_ready(app, &o->err);
    app->replays = 1;
    for (size_t i = 0; i < app->count && !o->failed && !app->freed; i++) {
        struct function *f = &app->functions[i];
        if (f->outbox.kept < 0)
            continue;
        if (f->kept.scheduled)
            f->state = f->kept.schedule;
        if (f->kept.count == 0 || f->outbox.kept_done)
            continue;
        app->replays++;
        invoke_replay(f);
    }
    if (!o->failed && !app->freed)
        app_replayed(app, NULL);
    mem_free(o);
    app_drop(app);
}

void app_replay(struct functions_app *app)
{
    struct opening *o = NEW(struct opening);
    o->app = app;
    app->kept = arena_new();
    app_hold(app);
    ev_work(app->opts.loop, open_work, open_done, o);
}

void app_replayed(struct functions_app *app, const struct err *err)
{
    if (err)
        app_ready(app, err);
    else if (--app->replays == 0)
        app_ready(app, NULL);
}

/* ------------------------------------------------------------------ stop */

static void stopped(struct functions_app *app)
{
    void (*tell)(void *arg) = app->on_stopped;
    app->on_stopped = NULL;
    host_stop(app);
    if (app->stop_timer)
        ev_timer_stop(app->stop_timer);
    if (tell)
        tell(app->stopped_arg);
}

void app_maybe_stopped(struct functions_app *app)
{
    if (!app->stopping || !app->on_stopped || app->freed)
        return;
    for (size_t i = 0; i < app->count; i++)
        if (app->functions[i].running)
            return;
    stopped(app);
}

static void on_deadline(void *arg)
{
    struct functions_app *app = arg;
    struct err why;
    err_set(&why, ERR_CANCELED, "the program is ending");
    app_hold(app);
    host_stop(app);
    for (size_t i = 0; i < app->count; i++)
        if (app->functions[i].running)
            invoke_lost(app->functions[i].running, &why);
    if (!app->freed)
        stopped(app); /* a record that is not published yet is published at the next start */
    app_drop(app);
}

static void on_stop(void *arg)
{
    struct functions_app *app = arg;
    ev_timer_free(app->stop_timer);
    app->stop_timer = ev_timer_new(app->opts.loop, on_deadline, app);
    ev_timer_start(app->stop_timer, FUNCTIONS_STOP_MS, 0);
    app_maybe_stopped(app);
}

void functions_stop(struct functions_app *app, void (*done)(void *arg), void *arg)
{
    app->stopping = true;
    app->on_stopped = done;
    app->stopped_arg = arg;
    run_halt(app);
    if (!app->stop_timer)
        app->stop_timer = ev_timer_new(app->opts.loop, on_stop, app);
    ev_timer_start(app->stop_timer, 0, 0); /* never within this call */
}

/* ------------------------------------------------------------------ status */

const char *function_state_name(enum function_state state)
{
    static const char *const names[] = {"waiting", "running", "publishing", "done", "failed"};
    return (unsigned)state < COUNT_OF(names) ? names[state] : "unknown";
}

static enum function_state state_of(const struct function *f)
{
    if (f->running)
        return invoke_published(f->running) ? FUNCTION_PUBLISHING : FUNCTION_RUNNING;
    if (f->stuck || (f->ended && f->has_error))
        return FUNCTION_FAILED;
    return f->ended ? FUNCTION_DONE : FUNCTION_WAITING;
}

bool functions_next(const struct functions_app *app, size_t *at, struct function_status *out)
{
    if (*at >= app->count)
        return false;
    const struct function *f = &app->functions[(*at)++];
    *out = (struct function_status){
        .name = f->name, .trigger = f->trigger_type, .schedule = f->schedule->text, .state = state_of(f),
        .invocations = f->invocations, .failures = f->failures, .events = f->events, .blobs = f->blobs,
        .last_us = f->last_us, .last = f->last, .next = f->next, .error = f->has_error ? &f->error : NULL,
    };
    return true;
}
