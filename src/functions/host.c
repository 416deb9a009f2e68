/* host -- the worker process of an app: it is started, loads the app, is called, and when it ends it
 * is started anew, after a pause that doubles up to RETRY_MAX_MS and starts over with the first answer.
 * The app is indexed once: a worker started later must only load. */
#include "functions/functions_int.h"

enum { PYTHON_WARNING = 30, PYTHON_ERROR = 40, PYTHON_INFO = 20 }; /* levels of Python's logging */

static void worker_up(struct functions_app *app);

static void on_restart(void *arg)
{
    worker_up(arg);
}

/* The worker is gone or does not load: calls fail, and unless all ends it is started again. */
static void worker_down(struct functions_app *app, const struct err *why)
{
    worker_free(app->worker);
    app->worker = NULL;
    app->worker_state = WORKER_OFF;
    if (!app->indexed) {
        app_ready(app, why);
        return;
    }
    if (!app->stopping) {
        app->restart_ms = app->restart_ms ? app->restart_ms * 2 : RETRY_MIN_MS;
        if (app->restart_ms > RETRY_MAX_MS)
            app->restart_ms = RETRY_MAX_MS;
        log_warn("functions", "%s; the worker of '%s' starts again in %jd ms", why->msg, app->name, (intmax_t)app->restart_ms);
        ev_timer_start(app->restart, app->restart_ms, 0);
    }
    app_hold(app);
    for (size_t n = 0; n < app->count; n++)
        if (app->functions[n].running)
            invoke_lost(app->functions[n].running, why);
    app_drop(app);
}

static void on_ended(void *ctx, const struct err *why)
{
    worker_down(ctx, why);
}

/* ------------------------------------------------------------------ what the worker says */

static void say(struct functions_app *app, enum log_level level, struct str who, struct str text)
{
    struct arena *a = arena_new();
    struct str line;
    text = settings_mask(app->settings, a, text);
    const char *subject = arena_printf(a, "functions/%.*s", STR_ARGS(who));
    while (str_split(&text, '\n', &line))
        if (str_trim(line).len)
            log_line(level, subject, "%.*s", STR_ARGS(line));
    arena_free(a);
}

static void on_line(void *ctx, bool is_error, struct str line)
{
    struct functions_app *app = ctx;
    (void)is_error; /* Python writes much that is no error there */
    say(app, LOG_INFO, str_z(app->name), line);
}

static struct function *invoked(struct functions_app *app, struct str id)
{
    for (size_t n = 0; n < app->count; n++)
        if (app->functions[n].running && invoke_is(app->functions[n].running, id))
            return &app->functions[n];
    return NULL;
}

static void on_log(struct functions_app *app, const struct doc *head)
{
    int64_t level = PYTHON_INFO;
    struct function *f = invoked(app, doc_str(doc_get(head, "id"), STR_NONE));
    (void)doc_i64(doc_get(head, "level"), &level);
    enum log_level ours = level >= PYTHON_ERROR ? LOG_ERROR : level >= PYTHON_WARNING ? LOG_WARN
                        : level >= PYTHON_INFO ? LOG_INFO : LOG_DEBUG;
    say(app, ours, f ? f->name : str_z(app->name), doc_str(doc_get(head, "message"), STR_NONE));
}

static void load_failed(struct functions_app *app, const struct doc *error)
{
    struct arena *a = arena_new();
    struct err err;
    int64_t line = 0, col = 0;
    struct str file = doc_str(doc_get(error, "file"), STR_NONE);
    struct str text = settings_mask(app->settings, a, doc_str(doc_get(error, "message"), STR("it failed")));
    struct str trace = settings_mask(app->settings, a, doc_str(doc_get(error, "trace"), STR_NONE));
    (void)doc_i64(doc_get(error, "line"), &line);
    (void)doc_i64(doc_get(error, "col"), &col);
    err_set(&err, ERR_USER, "the functions app cannot be loaded: %.*s", STR_ARGS(text));
    err_locate(&err, app_relative(app, file.len ? str_cz(a, file) : app->dir), (int)line, (int)col);
    log_debug("functions", "%.*s", STR_ARGS(trace));
    arena_free(a);
    app_hold(app); /* what is told may free it */
    if (app->indexed)
        run_failed(app, &err);
    if (!app->freed)
        worker_down(app, &err);
    app_drop(app);
}

static void loaded(struct functions_app *app, struct arena *a, const struct doc *head)
{
    struct err err;
    if (!app->indexed && index_loaded(app, doc_get(head, "functions"), &err)) {
        arena_free(a);
        worker_down(app, &err);
        return;
    }
    bool first = !app->indexed;
    app->indexed = true;
    app->worker_state = WORKER_READY;
    arena_free(a);
    if (first)
        app_replay(app);
    else
        run_all(app);
}

static void on_frame(void *ctx, struct arena *a, const struct doc *head, struct str data)
{
    struct functions_app *app = ctx;
    struct str is = doc_str(doc_get(head, "is"), STR_NONE);
    struct function *f = invoked(app, doc_str(doc_get(head, "id"), STR_NONE));
    if (str_eqz(is, "log")) {
        on_log(app, head);
    } else if (app->worker_state == WORKER_LOADING && str_eqz(is, "loaded")) {
        loaded(app, a, head);
        return;
    } else if (app->worker_state == WORKER_LOADING && str_eqz(is, "failed")) {
        load_failed(app, doc_get(head, "error"));
    } else if (f) {
        app->restart_ms = 0;
        if (invoke_answer(f->running, a, head, data))
            return;
    }
    arena_free(a);
}

/* ------------------------------------------------------------------ start, call, end */

static void put_folders(struct buf *head, const struct functions_app *app)
{
    if (app->folders)
        doc_write(head, app->folders);
    else
        buf_z(head, "null");
}

int host_start(struct functions_app *app, struct err *err)
{
    struct worker_opts opts = {.loop = app->opts.loop, .python = app->python, .dir = app->dir, .env = app->env,
                               .source = app->opts.worker, .frame = on_frame, .line = on_line, .ended = on_ended,
                               .ctx = app};
    struct buf head;
    CHECK(!app->worker);
    app->worker = worker_start(&opts, err);
    if (!app->worker)
        return -1;
    if (!app->restart)
        app->restart = ev_timer_new(app->opts.loop, on_restart, app);
    app->worker_state = WORKER_LOADING;
    buf_init(&head);
    buf_printf(&head, "{\"do\":\"load\",\"lines\":%s,\"dir\":", app->opts.once ? "true" : "false");
    json_quote(&head, str_z(app->dir));
    buf_z(&head, ",\"functions\":");
    put_folders(&head, app);
    buf_char(&head, '}');
    worker_send(app->worker, buf_view(&head), NULL, 0);
    buf_release(&head);
    return 0;
}

static void worker_up(struct functions_app *app)
{
    struct err err;
    if (!app->stopping && host_start(app, &err))
        worker_down(app, &err);
}

void host_call(struct functions_app *app, struct str head, const struct str *data, size_t count)
{
    CHECK(app->worker_state == WORKER_READY);
    worker_send(app->worker, head, data, count);
}

void host_kill(struct functions_app *app)
{
    if (app->worker)
        worker_kill(app->worker);
}

void host_stop(struct functions_app *app)
{
    if (app->restart)
        ev_timer_stop(app->restart);
    worker_free(app->worker);
    app->worker = NULL;
    app->worker_state = WORKER_OFF;
}
