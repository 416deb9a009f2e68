/* app_util -- an app in a folder of its own, a hub that only counts, and a loop to run them. */
#ifndef TESTS_FUNCTIONS_APP_UTIL_H
#define TESTS_FUNCTIONS_APP_UTIL_H
#include "functions/functions.h"
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { WAIT_MS = 30000 };

/* Keeps what a hub would, in a file: the bodies, once for each number of a producer. It can refuse. */
struct fake_hub {
    struct event_sink sink;
    struct ev_loop *loop;
    struct map *last;       /* producer + hub -> number + 1 */
    int fd;                 /* its log: "producer ns/hub\tnumber\thub\tbody" */
    char **bodies;
    char **hubs;
    size_t count, cap, hub_cap, sends, refuse;
    bool for_good;
};

struct fake_answer { struct fake_hub *h; event_sent_fn done; void *arg; bool refused; };

static void fake_answer(void *arg)
{
    struct fake_answer *a = arg;
    struct err err;
    err_set(&err, ERR_IO, "the fake hub refuses");
    err.retriable = !a->h->for_good;
    a->done(a->arg, a->refused ? &err : NULL);
    mem_free(a);
}

static void fake_store(struct fake_hub *h, struct str producer, int64_t number, struct str hub, struct str body)
{
    map_put(h->last, producer, (void *)(intptr_t)(number + 1));
    h->bodies = mem_grow(h->bodies, &h->cap, h->count + 1, sizeof *h->bodies);
    h->hubs = mem_grow(h->hubs, &h->hub_cap, h->count + 1, sizeof *h->hubs);
    h->hubs[h->count] = str_dup(hub);
    h->bodies[h->count++] = str_dup(body);
}

static void fake_send(void *ctx, const struct event_batch *b, event_sent_fn done, void *arg)
{
    struct fake_hub *h = ctx;
    struct fake_answer *a = NEW(struct fake_answer);
    struct buf key, log;
    buf_init(&key);
    buf_init(&log);
    buf_printf(&key, "%s %s/%s", b->producer, b->ns, b->hub);
    *a = (struct fake_answer){h, done, arg, h->refuse > 0};
    h->sends++;
    int64_t last = (int64_t)(intptr_t)map_get(h->last, buf_view(&key)) - 1;
    if (a->refused)
        h->refuse--;
    for (size_t i = 0; !a->refused && b->number > last && i < b->count; i++) {
        fake_store(h, buf_view(&key), b->number, str_z(b->hub), b->events[i].body);
        buf_printf(&log, "%s\t%jd\t%s\t%.*s\n", key.ptr, (intmax_t)b->number, b->hub, STR_ARGS(b->events[i].body));
    }
    assert_int_equal(write(h->fd, log.ptr, log.len), log.len); /* whole, as a batch is */
    buf_release(&key);
    buf_release(&log);
    ev_post(h->loop, fake_answer, a);
}

static void fake_hub_open(struct fake_hub *h, struct ev_loop *loop, const char *path)
{
    struct buf log;
    struct err err;
    *h = (struct fake_hub){.loop = loop, .last = map_new()};
    h->sink = (struct event_sink){fake_send, h};
    h->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(h->fd >= 0);
    buf_init(&log);
    assert_int_equal(fs_read_file(path, 1 << 26, &log, &err), 0);
    struct str rest = buf_view(&log), line;
    while (str_split(&rest, '\n', &line)) {
        struct str key, number, hub;
        int64_t n;
        assert_true(str_split(&line, '\t', &key) && str_split(&line, '\t', &number) && str_split(&line, '\t', &hub));
        assert_true(str_i64(number, &n));
        fake_store(h, key, n, hub, line);
    }
    buf_release(&log);
}

static void fake_hub_close(struct fake_hub *h)
{
    for (size_t i = 0; i < h->count; i++) {
        mem_free(h->bodies[i]);
        mem_free(h->hubs[i]);
    }
    mem_free(h->bodies);
    mem_free(h->hubs);
    map_free(h->last);
    close(h->fd);
}

struct scene {
    char dir[64];           /* with app/ and state/ */
    char app_dir[96], state[96];
    struct ev_loop *loop;
    struct fake_hub hub;
    struct resolver_names *names;
    struct functions_app *app;
    bool ready, done, stopped;
    bool failed;
    const char *worker;     /* a worker's source; NULL: the real one */
    struct err err;         /* of ready, or the first of done */
    size_t errors;
};

static const char *scene_python(void)
{
    return access("build/deps/venv/bin/python", X_OK) == 0 ? "build/deps/venv/bin/python" : NULL;
}

static __attribute__((unused)) void scene_file(struct scene *s, const char *name, const char *text)
{
    struct arena *a = arena_new();
    struct err err;
    char *path = path_join(a, s->app_dir, name);
    assert_int_equal(fs_mkdirs(str_cz(a, path_dir(str_z(path))), &err), 0);
    assert_int_equal(fs_write_file(path, str_z(text), &err), 0);
    arena_free(a);
}

static const char HOST_JSON[] = "{\"version\": \"2.0\"}";
static const char SETTINGS_JSON[] =
    "{\"IsEncrypted\": false, \"Values\": {\"AzureWebJobsStorage\": \"UseDevelopmentStorage=true\",\n"
    " \"FUNCTIONS_WORKER_RUNTIME\": \"python\", \"HUB_NAME\": \"out\",\n"
    " \"HUB\": \"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0LWtleQ==\"}}";

static __attribute__((unused)) void scene_paths(struct scene *s)
{
    snprintf(s->app_dir, sizeof s->app_dir, "%s/project/app", s->dir);
    snprintf(s->state, sizeof s->state, "%s/state", s->dir);
}

/* The loop, the hub and the names, over the same folder. */
static __attribute__((unused)) void scene_reopen(struct scene *s)
{
    char path[96];
    s->loop = ev_loop_new("test");
    snprintf(path, sizeof path, "%s/hub.log", s->dir);
    fake_hub_open(&s->hub, s->loop, path);
    snprintf(path, sizeof path, "%s/project", s->dir);
    s->names = resolve_new(s->state, path);
}

static __attribute__((unused)) void scene_open(struct scene *s)
{
    struct err err;
    *s = (struct scene){.dir = "/tmp/functions-XXXXXX"};
    assert_non_null(mkdtemp(s->dir));
    scene_paths(s);
    assert_int_equal(fs_mkdirs(s->app_dir, &err), 0);
    assert_int_equal(fs_mkdirs(s->state, &err), 0);
    scene_reopen(s);
    scene_file(s, "host.json", HOST_JSON);
    scene_file(s, "local.settings.json", SETTINGS_JSON);
}

/* As a process that ends, but in order; scene_reopen() may follow. */
static __attribute__((unused)) void scene_leave(struct scene *s)
{
    functions_free(s->app);
    s->app = NULL;
    ev_loop_free(s->loop);
    fake_hub_close(&s->hub);
    resolve_free(s->names);
}

static __attribute__((unused)) void scene_close(struct scene *s)
{
    struct err err;
    scene_leave(s);
    (void)!fs_remove_tree(s->dir, &err);
}

static void on_scene_ready(void *arg, const struct err *err)
{
    struct scene *s = arg;
    s->ready = true;
    s->failed = err != NULL;
    if (err)
        s->err = *err;
}

static void on_scene_done(void *arg, const struct err *errors, size_t count)
{
    struct scene *s = arg;
    s->done = true;
    s->errors = count;
    if (count)
        s->err = errors[0];
}

static void on_scene_stopped(void *arg)
{
    ((struct scene *)arg)->stopped = true;
}

static __attribute__((unused)) void scene_wait(struct scene *s, const bool *flag)
{
    int64_t until = time_mono_us() + WAIT_MS * 1000;
    while (!*flag && time_mono_us() < until)
        ev_run_once(s->loop, 50);
    assert_true(*flag);
}

static struct str worker_source(void)
{
    static struct buf source;
    struct err err;
    if (!source.ptr) {
        buf_init(&source);
        assert_int_equal(fs_read_file(FUNCTIONS_WORKER, 1 << 20, &source, &err), 0);
    }
    return buf_view(&source);
}

static char python_path[4096];
static struct functions_opts scene_opts(struct scene *s)
{
    if (scene_python())
        assert_non_null(realpath("build/deps/venv/bin", python_path));
    strncat(python_path, "/python", sizeof python_path - strlen(python_path) - 1);
    return (struct functions_opts){.loop = s->loop, .app_dir = s->app_dir, .names = s->names, .events = &s->hub.sink, .once = true,
                                   .worker = s->worker ? str_z(s->worker) : worker_source(),
                                   .python = s->worker ? "python3" : python_path};
}

/* Opens and starts the app; false: s->err says why not. */
static __attribute__((unused)) bool scene_start(struct scene *s)
{
    struct functions_opts opts = scene_opts(s);
    s->ready = s->done = s->stopped = s->failed = false;
    s->app = functions_open(&opts, &s->err);
    if (!s->app)
        return false;
    functions_start(s->app, on_scene_ready, s);
    scene_wait(s, &s->ready);
    return !s->failed;
}

static __attribute__((unused)) void scene_once(struct scene *s, int64_t events)
{
    struct functions_once once = {events};
    functions_once(s->app, &once, on_scene_done, s);
    scene_wait(s, &s->done);
}

static __attribute__((unused)) void scene_stop(struct scene *s)
{
    functions_stop(s->app, on_scene_stopped, s);
    scene_wait(s, &s->stopped);
    functions_free(s->app);
    s->app = NULL;
}

/* The state of the function `name`; fails the test if there is none. */
static __attribute__((unused)) struct function_status scene_status(struct scene *s, const char *name)
{
    struct function_status f;
    size_t at = 0;
    while (functions_next(s->app, &at, &f))
        if (str_eqz(f.name, name))
            return f;
    fail_msg("no function %s", name);
    return f;
}
#endif
