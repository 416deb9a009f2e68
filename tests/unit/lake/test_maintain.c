/* A table that is committed to without end: its log, its files and the cost of a commit stay bounded.
 * COMMITS in the environment asks for more than the sample. */
#include "lake/maintain.h"
#include "lake/scan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SAMPLE = 240, CHECKPOINT_EVERY = 10, LOG_FILES_MAX = 4 * CHECKPOINT_EVERY + 10, KEEP_UP_EVERY = 16 };

static struct duck *db;
static struct duck_conn *conn;
static char root[64];
static struct lake_table *table;

static int setup(void **state)
{
    (void)state;
    struct err err;
    snprintf(root, sizeof root, "/tmp/paystreak-maintain-XXXXXX");
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 1024}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    table = mkdtemp(root) ? lake_table_open(root) : NULL;
    return conn && table && lake_register(db, &err) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    lake_table_close(table);
    duck_disconnect(conn);
    duck_free(db);
    return fs_remove_tree(root, &err);
}

static void must(int rc, const struct err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static void set_up_table(void)
{
    struct err err = {0};
    struct arena *a = arena_new();
    int64_t version;
    struct lake_pair properties[] = {{STR("delta.checkpointInterval"), STR("10"), false},
                                     {STR("delta.logRetentionDuration"), STR("interval 0 seconds"), false},
                                     {STR("delta.deletedFileRetentionDuration"), STR("interval 0 seconds"), false}};
    const struct type *schema = type_read_ddl(a, STR("id BIGINT, name STRING"), &err);
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(!x || lake_txn_create(x, &(struct lake_spec){.schema = schema, .properties = {properties, COUNT_OF(properties)}}, &err) ||
         lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    arena_free(a);
}

static void commit_one(int i)
{
    struct err err = {0};
    int64_t version;
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT %d AS id, 'name' AS name", i);
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(!x || lake_txn_write(x, str_z(sql), NULL, &err) < 0 || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
}

static int64_t count_below(const char *dir)
{
    struct err err = {0};
    struct arena *a = arena_new();
    char **names;
    int64_t n = fs_list(a, dir, &names, &err);
    arena_free(a);
    return n;
}

static void test_endless_commits(void **state)
{
    (void)state;
    struct err err = {0};
    int commits = getenv("COMMITS") ? (int)strtol(getenv("COMMITS"), NULL, 10) : SAMPLE;
    int64_t early_us = INT64_MAX, late_us = INT64_MAX, live_max = 0;
    char log_dir[100];
    snprintf(log_dir, sizeof log_dir, "%s/_delta_log", root);
    set_up_table();
    for (int i = 0; i < commits; i++) {
        int64_t before = time_mono_us();
        commit_one(i);
        int64_t took = time_mono_us() - before;
        /* the fastest of each half: what the machine does beside this is no matter */
        int64_t *best = i < commits / 4 ? &early_us : i >= commits * 3 / 4 ? &late_us : NULL;
        if (best && took < *best)
            *best = took;
        if (i % KEEP_UP_EVERY == KEEP_UP_EVERY - 1)
            must(lake_maintain(table, conn, &err) < 0, &err);
        if (i % CHECKPOINT_EVERY == 0) {
            int64_t n = count_below(log_dir);
            if (n > LOG_FILES_MAX)
                fail_msg("%jd log files after %d commits", (intmax_t)n, i);
        }
    }
    struct lake_snapshot *s = lake_table_latest(table, conn, &err);
    assert_non_null(s);
    assert_int_equal(s->rows, commits);
    live_max = (int64_t)s->file_count;
    lake_snapshot_unref(s);
    assert_true(live_max < 3 * LAKE_LEVEL_FILES + KEEP_UP_EVERY);
    struct arena *a = arena_new();
    must(lake_vacuum(table, conn, &(struct lake_vacuum_opts){.retention_ms = 0}, a, NULL, &err) < 0, &err);
    arena_free(a);
    assert_true(count_below(root) <= live_max + 1);
    print_message("a commit took %jd us at first, %jd us at the end\n", (intmax_t)early_us, (intmax_t)late_us);
    assert_true(late_us < 5 * early_us);
}

static void test_auto_compaction_can_be_off(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t version;
    struct lake_pair off = {STR("delta.autoOptimize.autoCompact"), STR("false"), false};
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(!x || lake_txn_set_properties(x, (struct lake_pairs){&off, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    for (int i = 0; i < LAKE_LEVEL_FILES + 2; i++)
        commit_one(i);
    assert_int_equal(lake_maintain(table, conn, &err), 0);
}

static void test_a_commit_compacts_if_the_table_asks(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t version;
    struct lake_pair on = {STR("delta.autoOptimize.autoCompact"), STR("true"), false};
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(!x || lake_txn_set_properties(x, (struct lake_pairs){&on, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    struct lake_snapshot *s = lake_table_latest(table, conn, &err);
    int64_t rows = s->rows;
    lake_snapshot_unref(s);
    for (int i = 0; i < 2 * LAKE_LEVEL_FILES; i++)
        commit_one(i);
    s = lake_table_latest(table, conn, &err);
    assert_int_equal(s->rows, rows + 2 * LAKE_LEVEL_FILES);
    assert_true(s->file_count < LAKE_LEVEL_FILES);
    lake_snapshot_unref(s);
}

static void test_retention_is_checked(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t version;
    struct arena *a = arena_new();
    struct lake_pair week = {STR("delta.deletedFileRetentionDuration"), STR("interval 1 week"), false};
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(!x || lake_txn_set_properties(x, (struct lake_pairs){&week, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    assert_int_equal(lake_vacuum(table, conn, &(struct lake_vacuum_opts){.retention_ms = 3600000, .check_retention = true}, a, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "168 hours"));
    assert_int_equal(lake_vacuum(table, conn, &(struct lake_vacuum_opts){.retention_ms = -1, .check_retention = true}, a, NULL, &err), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_endless_commits), cmocka_unit_test(test_auto_compaction_can_be_off),
                                       cmocka_unit_test(test_a_commit_compacts_if_the_table_asks),
                                       cmocka_unit_test(test_retention_is_checked)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
