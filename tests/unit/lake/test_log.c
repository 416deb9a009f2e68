/* lake: which files of a log make up a version, and when it was made. Logs here are damaged by hand. */
#include "lake/log_int.h"
#include "lake/maintain.h"
#include "lake_test.h"

static const char *log_path(struct arena *a, const struct lake_table *t, const char *name)
{
    return arena_printf(a, "%s/_delta_log/%s", lake_table_dir(t), name);
}

static const char *commit_path(struct arena *a, const struct lake_table *t, int64_t version)
{
    return log_path(a, t, arena_printf(a, "%020jd.json", (intmax_t)version));
}

/* The version of a fresh handle's snapshot; fails as it does. */
static int64_t fresh_version(const struct lake_table *t, int64_t version, struct err *err)
{
    struct lake_table *again = lake_table_open(lake_table_dir(t));
    struct lake_snapshot *s = version < 0 ? lake_table_latest(again, conn, err) : lake_table_at(again, conn, version, err);
    int64_t got = s ? s->version : -1;
    lake_snapshot_unref(s);
    lake_table_close(again);
    return got;
}

static struct lake_table *six_versions(const char *properties)
{
    struct err err = {};
    struct lake_table *t = make_table("a INT", NULL, properties, "SELECT 0 AS a");
    for (int i = 1; i < 6; i++)
        OK(append(t, "SELECT 1 AS a", &err));
    return t;
}

/* A commit that is gone for good is told by whoever lists the log, and by a handle that was open before. */
static void test_gap(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = six_versions(""), *open = lake_table_open(lake_table_dir(t));
    struct lake_snapshot *s = lake_table_latest(open, conn, &err);
    assert_int_equal(s->version, 5);
    lake_snapshot_unref(s);
    OK(append(t, "SELECT 1 AS a", &err));
    OK(append(t, "SELECT 1 AS a", &err));
    OK(fs_unlink(commit_path(a, t, 6), &err));
    assert_int_equal(fresh_version(t, -1, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "has commit 7 but not 6"));
    assert_int_equal(fresh_version(t, 7, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_int_equal(fresh_version(t, 5, &err), 5);
    OK(fs_write_file(log_path(a, t, "_last_checkpoint"), STR("{\"version\":0}"), &err)); /* somebody made one */
    for (int i = 0; i < 2; i++) {
        assert_null(lake_table_latest(open, conn, &err));
        assert_int_equal(err.code, ERR_CORRUPT);
    }
    lake_table_close(open);
    lake_table_close(t);
    arena_free(a);
}

/* Parts of two checkpoints of one version, cut into two and three, lie among each other; only one is whole. */
static void test_mixed_parts(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = six_versions("");
    struct store *s = store_shared(lake_table_dir(t), &err);
    OK(lake_checkpoint(t, conn, &err));
    struct buf bytes;
    buf_init(&bytes);
    const char *classic = LAKE_LOG_DIR "/00000000000000000005.checkpoint.parquet";
    OK(store_get(s, classic, 1 << 20, &bytes, NULL, &err));
    static const char *const parts[] = {"1.0000000003", "1.0000000002", "2.0000000003", "2.0000000002"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        OK(store_put(s, arena_printf(a, LAKE_LOG_DIR "/00000000000000000005.checkpoint.000000000%s.parquet", parts[i]), buf_view(&bytes), &err));
    OK(store_remove(s, classic, &err));
    for (int v = 0; v < 6; v++)
        OK(fs_unlink(commit_path(a, t, v), &err));
    assert_int_equal(fresh_version(t, -1, &err), 5);
    struct segment seg;
    OK(segment_find(a, s, -1, &seg, &err));
    assert_int_equal(seg.checkpoint.count, 2);
    buf_release(&bytes);
    lake_table_close(t);
    arena_free(a);
}

/* A checkpoint whose adds cannot be read is an error, not a table without files. */
static void test_unreadable_column(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = six_versions("");
    OK(lake_checkpoint(t, conn, &err));
    const char *path = log_path(a, t, "00000000000000000005.checkpoint.parquet"), *other = log_path(a, t, ".other.tmp");
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "COPY (SELECT * REPLACE (CASE WHEN add IS NULL THEN NULL ELSE struct_insert(add, odd := TIME_NS '01:02:03') END AS add) "
               "FROM read_parquet('%s')) TO '%s' (FORMAT parquet)", path, other);
    OK(duck_exec(conn, buf_view(&sql), &err));
    OK(fs_rename(other, path, &err));
    assert_int_equal(fresh_version(t, -1, &err), -1);
    assert_non_null(strstr(err.msg, "column 'add'"));
    lake_table_close(t);
    buf_release(&sql);
    arena_free(a);
}

static int64_t time_of(const struct lake_table *t)
{
    struct err err = {};
    struct lake_table *again = lake_table_open(lake_table_dir(t));
    struct lake_snapshot *s = lake_table_latest(again, conn, &err);
    assert_non_null(s);
    int64_t ms = s->timestamp_ms;
    lake_snapshot_unref(s);
    lake_table_close(again);
    return ms;
}

/* A commit made while the clock was ahead: read through a checkpoint its time is the same, and the next one's is later. */
static void test_time_through_checkpoint(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = six_versions("delta.enableInCommitTimestamps=true");
    struct tp ahead = {time_now().us + 3600LL * 1000000};
    time_fake(true, ahead);
    OK(append(t, "SELECT 1 AS a", &err));
    time_fake(false, ahead);
    int64_t ms = ahead.us / 1000;
    assert_int_equal(time_of(t), ms);
    OK(lake_checkpoint(t, conn, &err));
    assert_int_equal(time_of(t), ms);
    struct lake_table *again = lake_table_open(lake_table_dir(t));
    OK(append(again, "SELECT 1 AS a", &err));
    assert_int_equal(time_of(t), ms + 1);
    lake_table_close(again);
    lake_table_close(t);
}

/* Time travel over a log with a commit that cannot be read is an error, not another version. */
static void test_time_travel_reads_all(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = make_table("a INT", NULL, "", "SELECT 0 AS a");
    struct tp then = {time_now().us - 2 * 3600LL * 1000000};
    OK(append(t, "SELECT 1 AS a", &err));
    for (int v = 0; v < 2; v++)
        assert_int_equal(system(arena_printf(a, "touch -d '3 hours ago' '%s'", commit_path(a, t, v))), 0);
    OK(append(t, "SELECT 1 AS a", &err));
    struct lake_snapshot *s = lake_table_at_time(t, conn, then, &err);
    assert_int_equal(s->version, 1);
    lake_snapshot_unref(s);
    OK(lake_checkpoint(t, conn, &err));
    OK(fs_unlink(commit_path(a, t, 2), &err));
    assert_int_equal(system(arena_printf(a, "ln -s '%s' '%s'", commit_path(a, t, 2), commit_path(a, t, 2))), 0); /* there, and not to be read */
    assert_null(lake_table_at_time(t, conn, then, &err));
    lake_table_close(t);
    arena_free(a);
}

/* Sidecars go with their checkpoint, not before it. */
static void test_sidecars_stay(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = six_versions("delta.checkpointPolicy=v2,delta.logRetentionDuration=interval 1 hour");
    OK(lake_checkpoint(t, conn, &err));
    OK(append(t, "SELECT 1 AS a", &err));
    OK(lake_checkpoint(t, conn, &err));
    char **names;
    const char *log = log_path(a, t, ""), *sidecars = log_path(a, t, "_sidecars");
    assert_int_equal(fs_list(a, sidecars, &names, &err), 2);
    struct buf touch;
    buf_init(&touch);
    buf_printf(&touch, "touch -d '3 hours ago' '%s'*.json '%s'/*", log, sidecars);
    assert_int_equal(system(touch.ptr), 0); /* tests may: the checkpoints themselves stay young */
    OK(lake_clean_log(t, conn, &err) < 0 ? -1 : 0);
    assert_int_equal(fs_list(a, sidecars, &names, &err), 2);
    assert_int_equal(fresh_version(t, 5, &err), 5);
    buf_release(&touch);
    lake_table_close(t);
    arena_free(a);
}

/* A log that comes from somewhere cannot make us send credentials to whomever it names. */
static void test_foreign_endpoint(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = six_versions("");
    OK(fs_write_file(commit_path(a, t, 6),
                     STR("{\"add\":{\"path\":\"https://acct.blob.evil.example/c/f.parquet\",\"partitionValues\":{},\"size\":9,\"modificationTime\":0,\"dataChange\":true}}\n"),
                     &err));
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    struct buf sql;
    buf_init(&sql);
    assert_int_equal(lake_scan_sql(s, NULL, &sql, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.msg, "evil.example"));
    lake_snapshot_unref(s);
    buf_release(&sql);
    lake_table_close(t);
    arena_free(a);
}

static void test_intervals(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } rows[] = {
        {"interval 7 days", 7 * 86400000LL}, {"1 hour 30 minutes", 5400000}, {"interval 2 weeks", 14 * 86400000LL}, {"soon", -5},
        {"interval 9223372036854775807 weeks", 1000LL * 366 * 86400000}, {"interval 400000 days 400000 days", 1000LL * 366 * 86400000},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(lake_interval_ms(str_z(rows[i].text), -5), rows[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap), cmocka_unit_test(test_mixed_parts), cmocka_unit_test(test_unreadable_column),
        cmocka_unit_test(test_time_through_checkpoint), cmocka_unit_test(test_time_travel_reads_all), cmocka_unit_test(test_sidecars_stay),
        cmocka_unit_test(test_foreign_endpoint), cmocka_unit_test(test_intervals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
