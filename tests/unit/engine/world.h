/* world -- a session over a fresh state, and checks of what a script of statements gives. */
#ifndef PAYSTREAK_TESTS_ENGINE_WORLD_H
#define PAYSTREAK_TESTS_ENGINE_WORLD_H
#include "engine/session.h"
#include "lake/catalog.h"
#include "resolve/resolve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world { char dir[64]; struct resolver_names *names; struct engine *engine; struct session *session; };

static inline int setup(void **state)
{
    struct world *w = NEW(struct world);
    struct err err = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/engine-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->names = resolve_new(w->dir, w->dir);
    w->engine = engine_open(w->dir, w->dir, w->names, NULL, &err);
    if (!w->engine)
        fail_msg("%s", err.msg);
    w->session = session_new(w->engine, &err);
    assert_non_null(w->session);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    session_free(w->session);
    engine_close(w->engine);
    resolve_free(w->names);
    if (fs_remove_tree(w->dir, &err))
        print_message("%s\n", err.msg);
    mem_free(w);
    return 0;
}

static inline int collect(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    struct buf *out = ctx;
    int rc;
    (void)st;
    if (!r->rows)
        return 0;
    buf_clear(out);
    while ((rc = duck_next(r->rows, err)) > 0)
        for (size_t i = 0; i < duck_rows(r->rows); i++)
            session_row_json(r, i, out);
    return rc;
}

/* Runs a script; `out` gets the rows of its last query. */
static inline void run(struct world *w, const char *sql, struct buf *out)
{
    struct err err = {0};
    char text[1024];
    buf_init(out);
    if (session_run_script(w->session, "test.sql", 1, str_z(sql), collect, out, &err))
        fail_msg("%s\n%s", sql, err_text(&err, text, sizeof text));
}

/* Statements that give no rows. */
static inline void expect_ok(struct world *w, const char *sql)
{
    struct buf out;
    run(w, sql, &out);
    buf_release(&out);
}

static inline void expect(struct world *w, const char *sql, const char *rows)
{
    struct buf out;
    run(w, sql, &out);
    assert_string_equal(out.ptr, rows);
    buf_release(&out);
}

static inline void expect_part(struct world *w, const char *sql, const char *part)
{
    struct buf out;
    run(w, sql, &out);
    if (!strstr(out.ptr, part))
        fail_msg("'%s' is not in '%s'", part, out.ptr);
    buf_release(&out);
}

static inline void expect_error(struct world *w, const char *sql, const char *message)
{
    struct err err = {0};
    char text[1024];
    if (session_run_script(w->session, "test.sql", 1, str_z(sql), NULL, NULL, &err) == 0)
        fail_msg("no error: %s", sql);
    if (!strstr(err_text(&err, text, sizeof text), message))
        fail_msg("'%s' is not in '%s'", message, text);
}
#endif
