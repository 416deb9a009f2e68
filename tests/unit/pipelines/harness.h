/* harness -- a project in a temporary folder for tests of pipelines: engine, loop, pipelines. */
#ifndef TESTS_PIPELINES_HARNESS_H
#define TESTS_PIPELINES_HARNESS_H
#include "engine/session.h"
#include "pipelines/pipelines.h"
#include "resolve/resolve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    struct arena *arena;
    char *root, *state, *project;
    struct resolver_names *names;
    struct engine *engine;
    struct ev_loop *loop;
    struct pipelines *p;
    struct session *s;
};

static __attribute__((unused)) void must(int rc, const struct err *err)
{
    char text[900];
    if (rc) {
        print_error("%s\n", err_text(err, text, sizeof text));
        fail();
    }
}

static bool never_exists(void *ctx, struct str name)
{
    (void)ctx;
    return str_ends_z(name, "_later");
}

static void on_commit(void *ctx, struct str dir, int64_t version)
{
    struct world *w = ctx;
    if (w->p)
        pipelines_notify(w->p, dir, version);
}

/* Opens everything on w->root, which a restart keeps. */
static void world_open(struct world *w)
{
    struct err err = {};
    const struct duck_opts opts = {.threads = 2, .memory_mb = 1024};
    w->state = arena_printf(w->arena, "%s/state", w->root);
    w->project = arena_printf(w->arena, "%s/project", w->root);
    must(fs_mkdirs(w->state, &err) || fs_mkdirs(w->project, &err), &err);
    w->names = resolve_new(w->state, w->project);
    w->engine = engine_open(w->state, w->project, w->names, &opts, &err);
    must(!w->engine, &err);
    w->loop = ev_loop_new("test");
    w->engine->on_commit = on_commit;
    w->engine->on_commit_ctx = w;
    w->p = pipelines_new(&(struct pipelines_opts){.loop = w->loop, .engine = w->engine, .will_exist = never_exists});
    w->s = session_new(w->engine, &err);
    must(!w->s, &err);
}

static __attribute__((unused)) struct world *world_new(void)
{
    struct world *w = NEW(struct world);
    char dir[] = "/tmp/paystreak-pipelines-XXXXXX";
    w->arena = arena_new();
    assert_non_null(mkdtemp(dir));
    w->root = arena_strdup(w->arena, dir);
    world_open(w);
    return w;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

/* Turns the loop until *done; fails the test after a minute. */
static void turn_until(struct world *w, const bool *done)
{
    int64_t end = time_mono_us() + 60 * 1000000LL;
    while (!*done) {
        ev_run_once(w->loop, 100);
        if (time_mono_us() > end)
            fail_msg("not done within a minute");
    }
}

static void world_close(struct world *w)
{
    bool stopped = false;
    session_free(w->s);
    pipelines_stop(w->p, set_true, &stopped);
    turn_until(w, &stopped);
    struct pipelines *p = w->p;
    w->p = NULL;
    ev_run_once(w->loop, 0);
    pipelines_free(p);
    ev_loop_free(w->loop);
    engine_close(w->engine);
    resolve_free(w->names);
}

static __attribute__((unused)) void world_free(struct world *w)
{
    struct err err = {};
    world_close(w);
    if (!getenv("KEEP"))
        must(fs_remove_tree(w->root, &err), &err);
    arena_free(w->arena);
    mem_free(w);
}

static __attribute__((unused)) void world_write(struct world *w, const char *rel, const char *text)
{
    struct err err = {};
    char *path = path_join(w->arena, w->project, rel);
    must(fs_mkdirs(str_cz(w->arena, path_dir(str_z(path))), &err), &err);
    must(fs_write_file(path, str_z(text), &err), &err);
}

static __attribute__((unused)) int world_add(struct world *w, const char *name, const char *rel, struct err *err)
{
    struct str file = str_z(path_join(w->arena, w->project, rel));
    const struct pipeline_def def = {.name = str_z(name), .schema = STR("s"), .files = &file, .file_count = 1};
    return pipelines_add(w->p, &def, err);
}

struct outcome { bool done; enum run_status status; struct err err; };
static void updated(void *arg, enum run_status status, const struct err *err)
{
    struct outcome *o = arg;
    *o = (struct outcome){true, status, err ? *err : (struct err){}};
}

static __attribute__((unused)) struct outcome world_update(struct world *w, const char *name, const struct pipelines_update_opts *opts)
{
    struct outcome o = {};
    struct err err = {};
    must(pipelines_update(w->p, str_z(name), opts, updated, &o, &err), &err);
    turn_until(w, &o.done);
    return o;
}

static int take_rows(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    struct buf *out = ctx;
    int rc = 0;
    (void)st;
    while (r->rows && (rc = duck_next(r->rows, err)) > 0)
        for (size_t i = 0; i < duck_rows(r->rows); i++) {
            session_row_json(r, i, out);
            buf_char(out, '\n');
        }
    return rc < 0 ? -1 : 0;
}

/* Runs SQL; rows as JSON lines. An error's text is the result, if the caller wants none to fail. */
static __attribute__((unused)) char *world_sql(struct world *w, const char *sql)
{
    struct buf out;
    struct err err = {};
    buf_init(&out);
    if (session_run_script(w->s, "test", 1, str_z(sql), take_rows, &out, &err)) {
        buf_clear(&out);
        buf_z(&out, err.msg);
    }
    char *text = arena_strdup(w->arena, out.ptr);
    buf_release(&out);
    return text;
}
#endif
