/* The history of runs: what is written is there after a close, what was interrupted is told. */
#include "unit/base/test_util.h"
#include "jobs/history.h"

enum { DEADLINE_MS = 20000 };

struct scene { struct ev_loop *loop; struct arena *a; char dir[64]; };

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->loop = ev_loop_new("test");
    s->a = arena_new();
    snprintf(s->dir, sizeof s->dir, "/tmp/history.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    struct err err = {0};
    ev_loop_free(s->loop);
    assert_int_equal(fs_remove_tree(s->dir, &err), 0);
    arena_free(s->a);
    free(s);
    return 0;
}

static struct history *open_history(struct scene *s)
{
    struct err err = {0};
    struct history *h = history_open(s->loop, s->dir, &err);
    if (!h)
        fail_msg("%s", err.msg);
    return h;
}

static void on_saved(void *arg) { *(bool *)arg = true; }

static bool has(struct history *h, const char *name, bool any)
{
    struct err err = {0};
    bool found;
    assert_int_equal(history_has(h, "job", name, any, &found, &err), 0);
    return found;
}

static void finish(struct scene *s, struct history *h, const char *id, const char *name, enum run_status status)
{
    const struct run_log *log = history_log(h);
    struct run_record r = {.id = id, .kind = "job", .name = name, .trigger = "once", .status = RUN_RUNNING, .attempt = 1, .started = {1000000}};
    bool saved = false;
    log->start(log->ctx, &r);
    r.status = status;
    r.finished = (struct tp){2000000};
    log->finish(log->ctx, &r, on_saved, &saved);
    assert_true(has(h, name, true)); /* before it is written, too */
    assert_int_equal(has(h, name, false), status == RUN_SUCCEEDED);
    int64_t deadline = time_mono_us() + DEADLINE_MS * INT64_C(1000);
    while (!saved && time_mono_us() < deadline)
        ev_run_once(s->loop, 20);
    assert_true(saved);
}

static void what_ran_is_known_after_a_restart(void **state)
{
    struct scene *s = *state;
    struct history *h = open_history(s);
    finish(s, h, "1", "good", RUN_SUCCEEDED);
    finish(s, h, "2", "bad", RUN_FAILED);
    history_close(h);
    h = open_history(s);
    assert_true(has(h, "good", false));
    assert_false(has(h, "bad", false));
    assert_true(has(h, "bad", true));
    assert_false(has(h, "never", true));
    history_close(h);
}

static void an_interrupted_run_has_failed(void **state)
{
    struct scene *s = *state;
    struct err err = {0};
    struct buf json;
    struct history *h = open_history(s);
    const struct run_log *log = history_log(h);
    struct run_record r = {.id = "1", .kind = "job", .name = "cut", .status = RUN_RUNNING, .attempt = 1, .started = {1000000}};
    log->start(log->ctx, &r);
    history_close(h);
    h = open_history(s);
    assert_int_equal(history_repair(h, &err), 0);
    buf_init(&json);
    assert_int_equal(history_recent(h, 10, &json, &err), 0);
    struct doc *d = doc_json(s->a, "recent", buf_view(&json), &err);
    assert_non_null(d);
    assert_int_equal(d->count, 1);
    assert_str(doc_get(d->items[0], "status")->text, "Failed");
    assert_true(str_starts_z(doc_get(d->items[0], "error")->text, "interrupted"));
    buf_release(&json);
    history_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_ran_is_known_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_run_has_failed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
