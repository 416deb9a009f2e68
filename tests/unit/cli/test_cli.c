/* What a person meets first: a project's folder, the state folder, the board of a run. */
#include "cli/project.h"
#include "cli/state.h"
#include "cli/status.h"
#include "engine/files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct box { char dir[64]; struct arena *a; };

static int setup(void **state)
{
    struct box *b = NEW(struct box);
    snprintf(b->dir, sizeof b->dir, "/tmp/cli-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->a = arena_new();
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct box *b = *state;
    struct err err = {0};
    assert_int_equal(fs_remove_tree(b->dir, &err), 0);
    arena_free(b->a);
    mem_free(b);
    return 0;
}

static void put(struct box *b, const char *name, const char *text)
{
    struct err err = {0};
    char *path = path_join(b->a, b->dir, name);
    assert_int_equal(fs_mkdirs(str_cz(b->a, path_dir(str_z(path))), &err), 0);
    assert_int_equal(fs_write_file(path, str_z(text), &err), 0);
}

static void parts_are_found_by_their_files(void **state)
{
    struct box *b = *state;
    struct err err = {0};
    put(b, "apps/host.json", "{}");
    put(b, "adf/pipeline/p.json", "{}");
    put(b, "adf/linkedService/l.json", "{}");
    put(b, "databricks.yml", "bundle: {name: x}\n");
    put(b, "paystreak.yml", "bind:\n  - https://a/b=file://./c\nhubs:\n  - {namespace: n, name: h, partitionCount: 3, durability: page-cache, captureDescription: "
                            "{destination: {table: main.bronze.h}, intervalInSeconds: 2}}\n");
    struct project *p = project_load(b->a, b->dir, &err);
    if (!p)
        fail_msg("%s", err.msg);
    assert_int_equal(p->function_count, 1);
    assert_int_equal(p->factory_count, 1);
    assert_non_null(p->bundle_file);
    assert_int_equal(p->bind_count, 1);
    assert_int_equal(p->hub_count, 1);
    assert_int_equal(p->hubs[0].spec.partitions, 3);
    assert_int_equal(p->hubs[0].spec.durability, HUB_DURABILITY_PAGE_CACHE);
    assert_true(p->hubs[0].capture);
    assert_int_equal(p->hubs[0].capture_interval_ms, 2000);
    assert_true(str_eqz(p->hubs[0].capture_table, "main.bronze.h"));
}

static void a_bundle_may_lie_one_folder_below(void **state)
{
    struct box *b = *state;
    struct err err = {0};
    put(b, "one/databricks.yml", "bundle: {name: one}\n");
    struct project *p = project_load(b->a, b->dir, &err);
    assert_non_null(p);
    assert_string_equal(p->bundle_file, path_join(b->a, b->dir, "one/databricks.yml"));
    put(b, "two/databricks.yaml", "bundle: {name: two}\n");
    assert_null(project_load(b->a, b->dir, &err));
    assert_non_null(strstr(err.msg, "two bundles"));
    put(b, "paystreak.yml", "bundle: two\n");
    p = project_load(b->a, b->dir, &err);
    assert_string_equal(p->bundle_file, path_join(b->a, b->dir, "two/databricks.yaml"));
    put(b, "paystreak.yml", "");
    put(b, "databricks.yml", "bundle: {name: own}\n");
    p = project_load(b->a, b->dir, &err);
    assert_string_equal(p->bundle_file, path_join(b->a, b->dir, "databricks.yml"));
}

static void settings_are_refused_with_their_place(void **state)
{
    static const struct { const char *text, *message; int line, col; } cases[] = {
        {"hub: []\n", "unknown key 'hub'", 1, 1},
        {"hubs:\n  - {name: h}\n", "namespace", 2, 5},
        {"hubs:\n  - {namespace: n, name: h, partitionCount: 0}\n", "partitionCount is a number from 1 to 1024", 2, 45},
        {"hubs:\n  - {namespace: n, name: h, durability: none}\n", "durability is fsync", 2, 41},
        {"functions: nowhere\n", "there is no folder 'nowhere'", 1, 12},
        {"factory: ../x\n", "outside the project", 1, 10},
        {"bundle: .\n", "no databricks.yml", 1, 9},
        {"bind: https://a/b=file:///c\n", "bind is a list", 1, 7},
        {"hubs: {namespace: n, name: h}\n", "hubs is a list", 1, 7},
        {"hubs:\n  - {namespace: n, name: h, captureDescription: {encoding: Avro, destination: {path: abfss://a@b.dfs.core.windows.net/c}}}\n",
         "capture encoding 'Avro' is not supported", 2, 60},
    };
    struct box *b = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        put(b, "paystreak.yml", cases[i].text);
        assert_null(project_load(b->a, b->dir, &err));
        if (!strstr(err.msg, cases[i].message))
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(err.where.line, cases[i].line);
        assert_int_equal(err.where.col, cases[i].col);
    }
}

static void a_folder_without_parts_says_what_could_be_there(void **state)
{
    struct box *b = *state;
    struct err err = {0};
    assert_null(project_load(b->a, b->dir, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "databricks.yml"));
}

static void one_process_owns_a_state(void **state)
{
    struct box *b = *state;
    struct err err = {0};
    char *dir = path_join(b->a, b->dir, "state");
    struct state *first = state_open(dir, true, "run", &err);
    assert_non_null(first);
    assert_null(state_open(dir, true, "sql", &err));
    assert_int_equal(err.code, ERR_EXISTS);
    assert_non_null(strstr(err.msg, "\"command\":\"run\""));
    struct state *reader = state_open(dir, false, "sql", &err);
    assert_non_null(reader);
    assert_string_equal(reader->keys.password, first->keys.password);
    assert_true(strlen(first->keys.sas) >= 40);
    state_close(reader);
    state_close(first);
    put(b, "state/format", "2\n");
    assert_null(state_open(dir, true, "run", &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void the_board_shows_rows_in_groups(void **state)
{
    struct box *b = *state;
    struct buf out;
    (void)b;
    struct status *s = status_new(STATUS_BOARD, "shop");
    status_rows(s, GROUP_TABLE, "main.gold.fact_sales", 60398);
    status_state(s, GROUP_TABLE, "main.gold.fact_sales", MOOD_GOOD, "IDLE", "%s", "");
    status_row(s, GROUP_TABLE, "main.gold.fact_sales")->warned = 1234;
    status_state(s, GROUP_ADDRESS, "kafka", MOOD_GOOD, "listening", "%s", "127.0.0.1:9093");
    buf_init(&out);
    status_render(s, 120, 60, false, &out);
    assert_non_null(strstr(out.ptr, "60,398"));
    assert_non_null(strstr(out.ptr, "1,234 warned"));
    assert_non_null(strstr(out.ptr, "kafka        127.0.0.1:9093"));
    assert_true(strstr(out.ptr, "listening") < strstr(out.ptr, "tables"));
    assert_null(strchr(out.ptr, '\033'));
    buf_release(&out);
    status_free(s);
}

static void patterns_match_as_hadoop_does(void **state)
{
    static const struct { const char *pattern, *path; bool match; } cases[] = {
        {"*.csv", "a.csv", true},       {"*.csv", "x/a.csv", false},     {"**/*.csv", "x/y/a.csv", true}, {"**/*.csv", "a.csv", true},
        {"{a,b}*.js?n", "b1.json", true}, {"{a,b}*.js?n", "c1.json", false}, {"[0-9]?", "7x", true},       {"[!0-9]?", "7x", false},
        {"a/**", "a/b/c", true},        {"a*b*c", "axxbyyc", true},      {"a*b*c", "axxbyy", false},     {"\\*", "*", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (path_glob_match(str_z(cases[i].pattern), str_z(cases[i].path)) != cases[i].match)
            fail_msg("%s against %s", cases[i].pattern, cases[i].path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_are_found_by_their_files, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bundle_may_lie_one_folder_below, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_are_refused_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_without_parts_says_what_could_be_there, setup, teardown),
        cmocka_unit_test_setup_teardown(one_process_owns_a_state, setup, teardown),
        cmocka_unit_test_setup_teardown(the_board_shows_rows_in_groups, setup, teardown),
        cmocka_unit_test(patterns_match_as_hadoop_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
