/* app_util -- an app in a folder of its own, a hub that only counts, and a loop to run them. */
#ifndef TESTS_FUNCTIONS_APP_UTIL_H
#define TESTS_FUNCTIONS_APP_UTIL_H
#include "functions/functions.h"
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

/* Keeps what a hub would: the bodies, once for each number of a producer. It can refuse and be slow. */
struct fake_hub {
    struct event_sink sink;
    struct ev_loop *loop;
    struct map *last;       /* producer + hub -> number + 1 */
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

static void fake_send(void *ctx, const struct event_batch *b, event_sent_fn done, void *arg)
{
    struct fake_hub *h = ctx;
    struct fake_answer *a = NEW(struct fake_answer);
    char key[512];
    snprintf(key, sizeof key, "%s %s/%s", b->producer, b->ns, b->hub);
    *a = (struct fake_answer){h, done, arg, h->refuse > 0};
    h->sends++;
    int64_t last = (int64_t)(intptr_t)map_get(h->last, str_z(key)) - 1;
    if (a->refused) {
        h->refuse--;
    } else if (b->number > last) {
        map_put(h->last, str_z(key), (void *)(intptr_t)(b->number + 1));
        for (size_t i = 0; i < b->count; i++) {
            h->bodies = mem_grow(h->bodies, &h->cap, h->count + 1, sizeof *h->bodies);
            h->hubs = mem_grow(h->hubs, &h->hub_cap, h->count + 1, sizeof *h->hubs);
            h->hubs[h->count] = mem_strdup(b->hub);
            h->bodies[h->count++] = str_dup(b->events[i].body);
        }
    }
    ev_post(h->loop, fake_answer, a);
}

static void fake_hub_open(struct fake_hub *h, struct ev_loop *loop)
{
    *h = (struct fake_hub){.loop = loop, .last = map_new()};
    h->sink = (struct event_sink){fake_send, h};
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
    struct err err;         /* of ready, or the first of done */
    size_t errors;
};

static const char *scene_python(void)
{
    return access("build/deps/venv/bin/python", X_OK) == 0 ? "build/deps/venv/bin/python" : NULL;
}

static void scene_file(struct scene *s, const char *name, const char *text)
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

static void scene_open(struct scene *s)
{
    struct err err;
    *s = (struct scene){.dir = "/tmp/functions-XXXXXX"};
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->app_dir, sizeof s->app_dir, "%s/project/app", s->dir);
    snprintf(s->state, sizeof s->state, "%s/state", s->dir);
    assert_int_equal(fs_mkdirs(s->app_dir, &err), 0);
    assert_int_equal(fs_mkdirs(s->state, &err), 0);
    s->loop = ev_loop_new("test");
    fake_hub_open(&s->hub, s->loop);
    char project[96];
    snprintf(project, sizeof project, "%s/project", s->dir);
    s->names = resolve_new(s->state, project);
    scene_file(s, "host.json", HOST_JSON);
    scene_file(s, "local.settings.json", SETTINGS_JSON);
}

static void scene_close(struct scene *s)
{
    struct err err;
    functions_free(s->app);
    ev_loop_free(s->loop);
    fake_hub_close(&s->hub);
    resolve_free(s->names);
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

static void scene_wait(struct scene *s, const bool *flag)
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
    return (struct functions_opts){.loop = s->loop, .app_dir = s->app_dir, .names = s->names, .events = &s->hub.sink,
                                   .worker = worker_source(), .python = python_path};
}

/* Opens and starts the app; false: s->err says why not. */
static bool scene_start(struct scene *s)
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

static void scene_once(struct scene *s, int64_t events)
{
    struct functions_once once = {events};
    functions_once(s->app, &once, on_scene_done, s);
    scene_wait(s, &s->done);
}

static void scene_stop(struct scene *s)
{
    functions_stop(s->app, on_scene_stopped, s);
    scene_wait(s, &s->stopped);
    functions_free(s->app);
    s->app = NULL;
}

/* The state of the function `name`; fails the test if there is none. */
static struct function_status scene_status(struct scene *s, const char *name)
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
