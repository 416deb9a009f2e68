/* continuous pipelines: notifications wake them, a pass carries news through all that depends on it,
 * what waits wakes, what fails is tried again, several pipelines catch up with each other. */
#include "unit/pipelines/harness.h"

static void caught_up(void *arg, int failures)
{
    *(int *)arg = failures;
}

static int catch_up(struct world *w)
{
    int failures = -1;
    int64_t end = time_mono_us() + 60 * 1000000LL;
    pipelines_when_caught_up(w->p, caught_up, &failures);
    while (failures < 0) {
        ev_run_once(w->loop, 100);
        assert_true(time_mono_us() < end);
    }
    return failures;
}

/* Turns the loop until the query gives this. */
static void eventually(struct world *w, const char *sql, const char *want)
{
    int64_t end = time_mono_us() + 30 * 1000000LL;
    const char *got = "";
    while (strcmp(got = world_sql(w, sql), want)) {
        ev_run_once(w->loop, 20);
        if (time_mono_us() > end)
            fail_msg("%s\n  got:  %s\n  want: %s", sql, got, want);
    }
}

static void start(struct world *w, const char *name)
{
    struct err err = {};
    must(pipelines_start_continuous(w->p, str_z(name), &err), &err);
}

static void test_wakes(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_sql(w, "CREATE SCHEMA src; CREATE TABLE src.a (id INT) USING DELTA;");
    world_write(w, "p.sql", "CREATE STREAMING TABLE one AS SELECT id FROM STREAM(src.a);\n"
                            "CREATE STREAMING TABLE two AS SELECT id + 1 AS id FROM STREAM(one);\n"
                            "CREATE MATERIALIZED VIEW three AS SELECT sum(id) AS total FROM two;\n");
    must(world_add(w, "p", "p.sql", &err), &err);
    start(w, "p");
    assert_int_equal(catch_up(w), 0);
    assert_string_equal(world_sql(w, "SELECT * FROM s.three"), "{\"total\":null}\n");
    for (int i = 1; i <= 5; i++) {
        world_sql(w, "INSERT INTO src.a VALUES (1), (2)"); /* the engine tells: world's on_commit */
        eventually(w, "SELECT * FROM s.three", arena_printf(w->arena, "{\"total\":%d}\n", i * 5));
    }
    assert_int_equal(catch_up(w), 0);
    assert_string_equal(world_sql(w, "SELECT count(*) AS n FROM s.one"), "{\"n\":10}\n");
    world_free(w);
}

static void test_waits_and_fails(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_write(w, "p.sql", "CREATE STREAMING TABLE one (CONSTRAINT small EXPECT (id < 100) ON VIOLATION FAIL UPDATE) AS SELECT id FROM STREAM(src.made_later);\n"
                            "CREATE STREAMING TABLE files AS SELECT id FROM STREAM read_files('in/', format => 'csv', header => true);\n"
                            "CREATE MATERIALIZED VIEW both AS SELECT (SELECT count(*) FROM one) AS ones, (SELECT count(*) FROM files) AS files;\n");
    must(world_add(w, "p", "p.sql", &err), &err);
    start(w, "p");
    assert_int_equal(catch_up(w), 0); /* all wait */
    world_sql(w, "CREATE SCHEMA src; CREATE TABLE src.made_later (id INT) USING DELTA; INSERT INTO src.made_later VALUES (1)");
    world_write(w, "in/a.csv", "id\n1\n2\n");
    eventually(w, "SELECT * FROM s.both", "{\"ones\":1,\"files\":2}\n");
    world_sql(w, "INSERT INTO src.made_later VALUES (1000)");
    world_write(w, "in/b.csv", "id\n3\n");
    eventually(w, "SELECT * FROM s.both", "{\"ones\":1,\"files\":3}\n"); /* the failing flow holds nobody up */
    assert_int_equal(catch_up(w), 1);
    world_free(w);
}

static void test_two_pipelines(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_sql(w, "CREATE SCHEMA src; CREATE TABLE src.a (id INT) USING DELTA; INSERT INTO src.a VALUES (1), (2)");
    world_write(w, "a.sql", "CREATE MATERIALIZED VIEW top AS SELECT sum(id) AS n FROM below;\n");
    world_write(w, "b.sql", "CREATE STREAMING TABLE below AS SELECT id FROM STREAM(src.a);\n");
    must(world_add(w, "above", "a.sql", &err) || world_add(w, "below", "b.sql", &err), &err);
    start(w, "above");
    start(w, "below");
    assert_int_equal(catch_up(w), 0);
    assert_string_equal(world_sql(w, "SELECT * FROM s.top"), "{\"n\":3}\n");
    struct outcome o;
    assert_int_equal(pipelines_update(w->p, STR("above"), NULL, updated, &o, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    world_free(w);
}

static void test_job_task(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_write(w, "a.sql", "CREATE MATERIALIZED VIEW one AS SELECT 1 AS n;\n");
    must(world_add(w, "p", "a.sql", &err), &err);
    const struct task_kind *k = pipelines_task_kind(w->p);
    struct doc *good = doc_json(w->arena, "job", STR("{\"pipeline_id\":\"p\"}"), &err), *bad = doc_json(w->arena, "job", STR("{\"pipeline_id\":\"q\"}"), &err);
    assert_string_equal(k->name, "pipeline_task");
    assert_int_equal(k->check(k->ctx, good, &err), 0);
    assert_int_equal(k->check(k->ctx, bad, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(err.where.line, 1);
    static const char *const refused[] = {"{\"pipeline_id\":\"p\",\"refresh_flow_selection\":[]}", "{\"pipeline_id\":\"p\",\"refresh_selection\":\"one\"}",
                                          "{\"pipeline_id\":\"p\",\"full_refresh_selection\":[1]}"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(k->check(k->ctx, doc_json(w->arena, "job", str_z(refused[i]), &err), &err), -1);
    world_free(w);
}

static void task_done(void *arg, const struct task_result *r) { *(enum run_status *)arg = r->status; }

/* pipeline_task: {refresh_selection: [...]} updates those datasets and no others. */
static void test_job_task_selects(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_sql(w, "CREATE SCHEMA src; CREATE TABLE src.a (id INT) USING DELTA; INSERT INTO src.a VALUES (1)");
    world_write(w, "a.sql", "CREATE MATERIALIZED VIEW one AS SELECT sum(id) AS n FROM src.a;\nCREATE MATERIALIZED VIEW two AS SELECT sum(id) AS n FROM src.a;\n");
    must(world_add(w, "p", "a.sql", &err), &err);
    const struct task_kind *k = pipelines_task_kind(w->p);
    static const char *const tasks[] = {"{\"pipeline_id\":\"p\"}", "{\"pipeline_id\":\"p\",\"refresh_selection\":[\"two\"]}"};
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        enum run_status status = RUN_RUNNING;
        struct task_request q = {.settings = doc_json(w->arena, "job", str_z(tasks[i]), &err), .run_id = "r", .name = "t", .trigger = "Manual"};
        assert_non_null(k->start(k->ctx, &q, task_done, &status, &err));
        while (status == RUN_RUNNING)
            (void)ev_run_once(w->loop, 20);
        assert_int_equal(status, RUN_SUCCEEDED);
        world_sql(w, "INSERT INTO src.a VALUES (1)");
    }
    assert_string_equal(world_sql(w, "SELECT * FROM s.one"), "{\"n\":1}\n");
    assert_string_equal(world_sql(w, "SELECT * FROM s.two"), "{\"n\":2}\n");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wakes), cmocka_unit_test(test_waits_and_fails),
                                       cmocka_unit_test(test_two_pipelines), cmocka_unit_test(test_job_task),
                                       cmocka_unit_test(test_job_task_selects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
