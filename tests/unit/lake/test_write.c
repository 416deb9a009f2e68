/* lake: transactions. What is written is read back; races, faults and crashes lose and double nothing. */
#include "lake/maintain.h"
#include "lake/scan.h"
#include "lake/write.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct duck *db;
static struct duck_conn *conn;
static char base[] = "/tmp/lake-write-XXXXXX";
static int table_number;

#define OK(call) do { if (call) { print_error("%s: %s\n", err_code_name(err.code), err.msg); fail(); } } while (0)

static int setup(void **state)
{
    (void)state;
    struct err err;
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 1024}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    return conn && lake_register(db, &err) == 0 && mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    duck_disconnect(conn);
    duck_free(db);
    return fs_remove_tree(base, &err);
}

static struct lake_table *new_table(void)
{
    char dir[256];
    snprintf(dir, sizeof dir, "%s/t %d", base, table_number++);
    return lake_table_open(dir);
}

/* The rows of `columns`, ordered by all, as text. */
static const char *rows_of(struct lake_table *t, const char *columns)
{
    static char text[8192];
    struct err err = {};
    struct buf sql, out;
    buf_init(&sql);
    buf_init(&out);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    buf_printf(&sql, "SELECT %s FROM ", columns);
    struct duck_result *r = NULL;
    if (s && lake_scan_sql(s, NULL, &sql, &err) == 0) {
        buf_z(&sql, " ORDER BY ALL");
        r = duck_query(conn, buf_view(&sql), &err);
    }
    int got = -1;
    while (r && (got = duck_next(r, &err)) > 0)
        for (size_t i = 0; i < duck_rows(r); i++) {
            buf_z(&out, out.len ? ";" : "");
            for (size_t k = 0; k < duck_cols(r); k++) {
                buf_z(&out, k ? "|" : "");
                duck_render(r, k, i, DUCK_AS_JSON, &out);
            }
        }
    snprintf(text, sizeof text, "%s", got < 0 ? err.msg : out.ptr);
    duck_result_free(r);
    lake_snapshot_unref(s);
    buf_release(&sql);
    buf_release(&out);
    return text;
}

static int64_t append(struct lake_table *t, struct duck_conn *c, const char *select, struct err *err)
{
    struct lake_txn *x = lake_txn_begin(t, c, err);
    int64_t version = -1;
    if (!x)
        return -1;
    if (lake_txn_write(x, str_z(select), NULL, err) < 0 || lake_txn_commit(x, &version, err))
        version = -1;
    lake_txn_end(x);
    return version;
}

static void test_append(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    assert_null(lake_table_latest(t, conn, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(append(t, conn, "SELECT 1::BIGINT AS id, 'a' AS name", &err), 0);
    assert_int_equal(append(t, conn, "SELECT 'b' AS \"NAME\", 2 AS id", &err), 1);
    assert_int_equal(append(t, conn, "SELECT 3 AS id", &err), 2);
    assert_string_equal(rows_of(t, "*"), "1|\"a\";2|\"b\";3|null");
    assert_int_equal(append(t, conn, "SELECT 4 AS id, 1 AS extra", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "extra"));
    assert_int_equal(append(t, conn, "SELECT 'x' AS id", &err), -1);
    assert_int_equal(err.code, ERR_USER);
    /* An empty batch is a commit without files only if it has something to say. */
    assert_int_equal(append(t, conn, "SELECT 4 AS id WHERE false", &err), 2);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_int_equal(s->version, 2);
    assert_int_equal(s->file_count, 3);
    assert_int_equal(s->rows, 3);
    assert_int_equal(s->min_reader, 1);
    assert_int_equal(s->min_writer, 2);
    /* Nothing lies about that no one names. */
    struct arena *a = arena_new();
    char **files;
    assert_int_equal(fs_walk(a, lake_table_dir(t), &files, &err), 7); /* 3 of data, 3 commits, the first one's checksum */
    arena_free(a);
    lake_snapshot_unref(s);
    s = lake_table_at(t, conn, 0, &err);
    assert_int_equal(s->rows, 1);
    lake_snapshot_unref(s);
    lake_table_close(t);
}

static void test_stats(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    int64_t v = append(t, conn,
                       "SELECT * FROM (VALUES (1, 'b', 1.5::DECIMAL(5,2), 2.5::DOUBLE, DATE '2024-01-02', TIMESTAMPTZ '2024-01-02 03:04:05.000001+00', {'x': 7, 'y': [1]}, true), "
                       "(NULL, repeat('ä', 40), 0.25, 'nan', NULL, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', {'x': NULL, 'y': NULL}, false)) t(i, s, d, f, day, ts, st, b)",
                       &err);
    assert_int_equal(v, 0);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    char expected[1200], cut[200] = "";
    for (int i = 0; i < 32; i++)
        strncat(cut, "ä", sizeof cut - strlen(cut) - 1);
    snprintf(expected, sizeof expected,
             "{\"numRecords\":2,\"minValues\":{\"i\":1,\"s\":\"b\",\"d\":0.25,\"day\":\"2024-01-02\",\"ts\":\"1969-12-31T23:59:59.999Z\",\"st\":{\"x\":7}},"
             "\"maxValues\":{\"i\":1,\"s\":\"%s\xF4\x8F\xBF\xBF\",\"d\":1.50,\"day\":\"2024-01-02\",\"ts\":\"2024-01-02T03:04:05.001Z\",\"st\":{\"x\":7}},"
             "\"nullCount\":{\"i\":1,\"s\":0,\"d\":0,\"f\":0,\"day\":1,\"ts\":0,\"st\":{\"x\":1},\"b\":0}}",
             cut);
    struct arena *a = arena_new();
    struct str got = lake_file_stats(a, s->files[0]);
    assert_true(str_eqz(got, expected));
    arena_free(a);
    lake_snapshot_unref(s);
    lake_table_close(t);
}

static void test_partitions(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = new_table();
    const struct type *schema = type_read_ddl(a, STR("id BIGINT NOT NULL, p STRING, ts TIMESTAMP, amount DECIMAL(5,2)"), &err);
    struct str by[] = {STR("P"), STR("ts")};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_create(x, &(struct lake_spec){.schema = schema, .partition_columns = by, .partition_count = 2}, &err));
    assert_int_equal(lake_txn_write(x, STR("SELECT i AS id, CASE WHEN i = 3 THEN NULL ELSE 'a/b=%' || (i % 2) END AS p, "
                                           "TIMESTAMPTZ '2024-01-02 03:04:05.5+00' AS ts, i AS amount FROM range(4) t(i)"), NULL, &err), 4);
    int64_t version;
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "id, p, ts, amount"),
                        "0|\"a/b=%0\"|\"2024-01-02T03:04:05.5Z\"|0.00;1|\"a/b=%1\"|\"2024-01-02T03:04:05.5Z\"|1.00;"
                        "2|\"a/b=%0\"|\"2024-01-02T03:04:05.5Z\"|2.00;3|null|\"2024-01-02T03:04:05.5Z\"|3.00");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_int_equal(s->file_count, 3);
    assert_true(str_eqz(lake_partition_value(s->files[0], STR("ts"))->value, "2024-01-02T03:04:05.5Z"));
    /* Many partitions: joined instead of one arm each. */
    lake_snapshot_unref(s);
    assert_int_equal(append(t, conn, "SELECT 100 + i AS id, 'q' || i AS p, NULL AS ts, 0 AS amount FROM range(200) t(i)", &err), 1);
    assert_string_equal(rows_of(t, "count(*), count(DISTINCT p), sum(id), count(ts)"), "204|202|39906|4");
    assert_int_equal(append(t, conn, "SELECT NULL AS id, 'x' AS p", &err), -1);
    assert_int_equal(err.code, ERR_USER);
    assert_non_null(strstr(err.msg, "'id', which is NOT NULL"));
    lake_table_close(t);
    arena_free(a);
}

static void test_evolution(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    assert_int_equal(append(t, conn, "SELECT 1 AS a, {'x': 1} AS s", &err), 0);
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_write(x, STR("SELECT 2 AS a, 'n' AS b"), &(struct lake_write_opts){.merge_schema = true}, &err), 1);
    int64_t version;
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "*"), "1|{\"x\":1}|null;2|null|\"n\"");
    x = lake_txn_begin(t, conn, &err);
    lake_txn_overwrite(x);
    struct arena *a = arena_new();
    const struct type *schema = type_read_ddl(a, STR("z STRING, n TIMESTAMP_NTZ"), &err);
    OK(lake_txn_create(x, &(struct lake_spec){.schema = schema}, &err));
    assert_int_equal(lake_txn_write(x, STR("SELECT 'only' AS z, TIMESTAMP '2024-01-02 03:04:05' AS n"), NULL, &err), 1);
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "*"), "\"only\"|\"2024-01-02T03:04:05\"");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_int_equal(s->min_reader, 3);
    assert_int_equal(s->min_writer, 7);
    lake_snapshot_unref(s);
    s = lake_table_at(t, conn, 1, &err);
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT count(b) FROM ");
    OK(lake_scan_sql(s, NULL, &sql, &err));
    int64_t n;
    bool found;
    OK(duck_scalar_i64(conn, buf_view(&sql), &n, &found, &err));
    assert_int_equal(n, 1);
    buf_release(&sql);
    lake_snapshot_unref(s);
    static const struct { const char *key, *value; enum err_code code; } refused[] = {
        {"delta.enableIcebergCompatV2", "true", ERR_UNSUPPORTED}, {"delta.constraints.c", "z > 1", ERR_UNSUPPORTED},
        {"delta.appendOnyl", "true", ERR_INPUT},                  {"delta.checkpointInterval", "0", ERR_INPUT},
        {"delta.columnMapping.mode", "names", ERR_INPUT},         {"delta.feature.catalogManaged", "supported", ERR_UNSUPPORTED}};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        x = lake_txn_begin(t, conn, &err);
        struct lake_pair p = {str_z(refused[i].key), str_z(refused[i].value), false};
        assert_int_equal(lake_txn_set_properties(x, (struct lake_pairs){&p, 1}, &err), -1);
        assert_int_equal(err.code, refused[i].code);
        assert_non_null(strstr(err.msg, refused[i].key));
        lake_txn_end(x);
    }
    arena_free(a);
    lake_table_close(t);
}

static int64_t commit_batch(struct lake_table *t, struct duck_conn *c, int64_t batch, struct err *err)
{
    char sql[100];
    int64_t version = -1;
    struct lake_txn *x = lake_txn_begin(t, c, err);
    if (!x)
        return -1;
    snprintf(sql, sizeof sql, "SELECT %jd AS batch", (intmax_t)batch);
    lake_txn_app(x, STR("flow"), batch);
    if (lake_txn_write(x, str_z(sql), NULL, err) < 0 || lake_txn_commit(x, &version, err))
        version = -1;
    lake_txn_end(x);
    return version;
}

static void test_exactly_once(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    assert_int_equal(commit_batch(t, conn, 0, &err), 0);
    assert_int_equal(commit_batch(t, conn, 1, &err), 1);
    assert_int_equal(commit_batch(t, conn, 1, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    /* Also when the other one lands between begin and commit. */
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    lake_txn_app(x, STR("flow"), 2);
    assert_int_equal(lake_txn_write(x, STR("SELECT 2 AS batch"), NULL, &err), 1);
    assert_int_equal(commit_batch(t, conn, 2, &err), 2);
    int64_t version;
    assert_int_equal(lake_txn_commit(x, &version, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "batch"), "0;1;2");
    lake_table_close(t);
}

static void test_conflicts(void **state)
{
    (void)state;
    enum what { APPEND, OVERWRITE, REMOVE_FIRST, READ_ALL, COMPACT, PROPERTIES };
    /* mine, theirs, does mine commit after theirs? */
    static const struct { enum what mine, theirs; bool ok; } cases[] = {
        {APPEND, APPEND, true},      {APPEND, OVERWRITE, true},        {APPEND, PROPERTIES, false},
        {OVERWRITE, APPEND, false},  {OVERWRITE, OVERWRITE, false},    {REMOVE_FIRST, REMOVE_FIRST, false},
        {READ_ALL, APPEND, false},   {READ_ALL, COMPACT, true},        {COMPACT, APPEND, true},
        {COMPACT, REMOVE_FIRST, false}, {PROPERTIES, APPEND, true},    {PROPERTIES, PROPERTIES, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {};
        struct lake_table *t = new_table();
        assert_int_equal(append(t, conn, "SELECT 1 AS a", &err), 0);
        assert_int_equal(append(t, conn, "SELECT 2 AS a", &err), 1);
        struct lake_txn *x[2];
        int64_t version;
        for (int k = 0; k < 2; k++) {
            enum what what = k ? cases[i].theirs : cases[i].mine;
            struct lake_pair p = {STR("k"), STR("v"), false};
            x[k] = lake_txn_begin(t, conn, &err);
            const struct lake_snapshot *s = lake_txn_snapshot(x[k]);
            if (what == OVERWRITE)
                lake_txn_overwrite(x[k]);
            if (what == REMOVE_FIRST)
                lake_txn_remove(x[k], s->files[0], true);
            if (what == READ_ALL)
                lake_txn_read_all(x[k]);
            if (what == COMPACT)
                lake_txn_remove(x[k], s->files[0], false);
            if (what == PROPERTIES)
                OK(lake_txn_set_properties(x[k], (struct lake_pairs){&p, 1}, &err));
            else
                assert_int_equal(lake_txn_write(x[k], STR("SELECT 3 AS a"), &(struct lake_write_opts){.no_data_change = what == COMPACT}, &err), 1);
        }
        OK(lake_txn_commit(x[1], &version, &err));
        int rc = lake_txn_commit(x[0], &version, &err);
        if ((rc == 0) != cases[i].ok)
            print_error("case %zu: %d %s\n", i, rc, err.msg);
        assert_true((rc == 0) == cases[i].ok);
        if (rc) {
            assert_int_equal(err.code, ERR_CONFLICT);
            assert_true(err.retriable);
        } else {
            assert_int_equal(version, 3);
        }
        lake_txn_end(x[0]);
        lake_txn_end(x[1]);
        lake_table_close(t);
    }
}

/* ---- many threads, each with handles of its own or one shared */

enum { THREADS = 4, COMMITS = 12 };
struct worker { struct lake_table *table; int number; int failed; };

static void *work(void *arg)
{
    struct worker *w = arg;
    struct err err = {};
    struct duck_conn *c = duck_connect(db, &err);
    for (int i = 0; i < COMMITS; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT %d AS who, %d AS n", w->number, i);
        if (append(w->table, c, sql, &err) < 0) {
            print_error("thread %d: %s\n", w->number, err.msg);
            w->failed++;
        }
    }
    duck_disconnect(c);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        struct err err = {};
        struct lake_table *t = new_table();
        assert_int_equal(append(t, conn, "SELECT -1 AS who, 0 AS n", &err), 0);
        pthread_t threads[THREADS];
        struct worker workers[THREADS];
        for (int i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){shared ? t : lake_table_open(lake_table_dir(t)), i, 0};
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(workers[i].failed, 0);
            if (!shared)
                lake_table_close(workers[i].table);
        }
        struct lake_snapshot *s = lake_table_latest(t, conn, &err);
        assert_int_equal(s->version, THREADS * COMMITS);
        lake_snapshot_unref(s);
        assert_string_equal(rows_of(t, "count(*), count(DISTINCT (who, n))"), "49|49");
        lake_table_close(t);
    }
}

/* ---- checkpoints */

static void test_checkpoint(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    struct lake_pair p[] = {{STR("delta.checkpointInterval"), STR("5"), false}, {STR("my.key"), STR("a \"quoted\" välue"), false}};
    OK(lake_txn_set_properties(x, (struct lake_pairs){p, 2}, &err));
    assert_int_equal(lake_txn_write(x, STR("SELECT 0 AS batch"), NULL, &err), 1);
    int64_t version;
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    for (int i = 1; i <= 12; i++)
        assert_int_equal(commit_batch(t, conn, i, &err), i);
    x = lake_txn_begin(t, conn, &err);
    lake_txn_remove(x, lake_txn_snapshot(x)->files[3], true);
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    OK(lake_checkpoint(t, conn, &err));
    struct arena *a = arena_new();
    const char *log = path_join(a, lake_table_dir(t), "_delta_log");
    for (int v = 5; v <= 10; v += 5)
        assert_true(fs_exists(arena_printf(a, "%s/%020d.checkpoint.parquet", log, v)));
    /* Read from the checkpoint alone. */
    for (int v = 0; v < 13; v++)
        OK(fs_unlink(arena_printf(a, "%s/%020d.json", log, v), &err));
    struct lake_table *fresh = lake_table_open(lake_table_dir(t));
    assert_string_equal(rows_of(fresh, "batch"), "0;1;2;4;5;6;7;8;9;10;11;12");
    struct lake_snapshot *s = lake_table_latest(fresh, conn, &err);
    int64_t landed = -1;
    assert_true(lake_app_version(s, STR("flow"), &landed));
    assert_int_equal(landed, 12);
    assert_true(str_eqz(lake_property(s, "my.key"), "a \"quoted\" välue"));
    assert_int_equal(s->version, 13);
    assert_int_equal(s->rows, 12);
    lake_snapshot_unref(s);
    struct lake_change *changes;
    assert_int_equal(lake_changes(a, lake_table_dir(t), 3, 20, &changes, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(lake_changes(a, lake_table_dir(t), 13, 20, &changes, &err), 1);
    assert_int_equal(changes[0].remove_count, 1);
    assert_int_equal(lake_changes(a, lake_table_dir(t), 14, 20, &changes, &err), 0);
    /* A handle that slept through all that finds its way. */
    assert_string_equal(rows_of(t, "count(*)"), "12");
    lake_table_close(fresh);
    lake_table_close(t);
    arena_free(a);
}

/* Values of the table's types go into files as they are, all others are cast: what DuckDB says of an ENUM or of JSON is VARCHAR, but
 * a file would tell them apart. */
static void test_types_of_files(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    static const char *const batches[] = {
        "SELECT 1::BIGINT AS id, 'a' AS s, 1.5::DECIMAL(9,2) AS m, TIMESTAMP '2024-01-01 00:00:00' AS n, {'x': 'a', 'y': [1::INT]} AS r",
        "SELECT 2::UINTEGER AS id, 'b'::ENUM('a', 'b') AS s, 2.5::DECIMAL(9,2) AS m, TIMESTAMP_S '2024-01-01 00:00:00' AS n, "
        "{'x': 'b'::ENUM('b'), 'y': [2::INT]} AS r",
        "SELECT {'x': '{}'::JSON, 'y': [3::UTINYINT]} AS r, TIMESTAMP_NS '2024-01-01 00:00:00' AS n, 3.5::DOUBLE AS m, '{}'::JSON AS s, 3::TINYINT AS id",
    };
    for (size_t i = 0; i < COUNT_OF(batches); i++)
        if (append(t, conn, batches[i], &err) != (int64_t)i)
            fail_msg("batch %zu: %s", i, err.msg);
    assert_string_equal(rows_of(t, "id, s, m, r"), "1|\"a\"|1.50|{\"x\":\"a\",\"y\":[1]};2|\"b\"|2.50|{\"x\":\"b\",\"y\":[2]};"
                                                   "3|\"{}\"|3.50|{\"x\":\"{}\",\"y\":[3]}");
    int64_t kinds;
    bool found;
    struct arena *a = arena_new();
    OK(duck_scalar_i64(conn, str_fmt(a, "SELECT count(*) FROM (SELECT DISTINCT name, type, type_length, converted_type, logical_type, scale, precision "
                                        "FROM parquet_schema('%s/*.parquet') WHERE name NOT IN ('duckdb_schema'))", lake_table_dir(t)), &kinds, &found, &err));
    assert_int_equal(kinds, 9); /* id, s, m, n, r, r.x, r.y, r.y.list, r.y.list.element */
    arena_free(a);
    lake_table_close(t);
}

/* ---- faults: the n-th mutating call fails; whatever happens, each batch is there once or not at all */

static int64_t faulty_commit(struct lake_table *t, int64_t batch, const struct fs_fault *f, struct err *err)
{
    int64_t version = -1;
    char sql[100];
    struct lake_txn *x = lake_txn_begin(t, conn, err);
    if (!x)
        return -1;
    snprintf(sql, sizeof sql, "SELECT %jd AS batch", (intmax_t)batch);
    lake_txn_app(x, STR("flow"), batch);
    fs_fault_set(f);
    if (lake_txn_write(x, str_z(sql), NULL, err) < 0 || lake_txn_commit(x, &version, err))
        version = -1;
    fs_fault_set(NULL);
    lake_txn_end(x);
    return version;
}

static void test_faults(void **state)
{
    (void)state;
    static const enum fs_fault_kind kinds[] = {FS_FAULT_FAIL, FS_FAULT_SHORT};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct err err = {};
        struct lake_table *t = new_table();
        int64_t batch = 0;
        int failures = 0, n;
        /* A checkpoint with every commit: faults meet those too, and harm nothing. */
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        struct lake_pair p = {STR("delta.checkpointInterval"), STR("1"), false};
        const struct type_field batch_field = {.name = STR("batch"), .type = type_of(TYPE_LONG), .nullable = true};
        struct arena *a = arena_new();
        int64_t version;
        OK(lake_txn_create(x, &(struct lake_spec){.schema = type_struct(a, &batch_field, 1), .properties = {&p, 1}}, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        arena_free(a);
        log_set_level(LOG_ERROR);
        for (n = 1; n < 60; n++, batch++) {
            struct fs_fault f = {kinds[k], n, ENOSPC, NULL};
            int64_t v = faulty_commit(t, batch, &f, &err);
            if (v < 0) {
                failures++;
                assert_true(err.code == ERR_IO || err.code == ERR_LIMIT);
                v = faulty_commit(t, batch, NULL, &err); /* the retry, as a restart would */
                if (v < 0)
                    assert_int_equal(err.code, ERR_EXISTS);
            }
        }
        log_set_level(LOG_INFO);
        assert_true(failures >= 6);
        assert_true(failures < n - 1); /* the later faults were past the last call */
        struct lake_table *fresh = lake_table_open(lake_table_dir(t));
        char want[64];
        snprintf(want, sizeof want, "%jd|%jd|%jd", (intmax_t)batch, (intmax_t)batch, (intmax_t)batch - 1);
        assert_string_equal(rows_of(fresh, "count(*), count(DISTINCT batch), max(batch)"), want);
        lake_table_close(fresh);
        lake_table_close(t);
    }
}

/* The process dies at its n-th call that changes a file; or the power fails there, and takes or tears what was not fsynced. */
static void test_crashes(void **state)
{
    (void)state;
    static const enum fs_fault_kind kinds[] = {FS_FAULT_EXIT, FS_FAULT_LOSE, FS_FAULT_TEAR};
    enum { CALLS = 12 };
    struct err err = {};
    struct lake_table *t = new_table();
    assert_int_equal(commit_batch(t, conn, 0, &err), 0);
    int landed = 0, batch = 0;
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int n = 1; n <= CALLS; n++) {
            batch++;
            pid_t pid = fork();
            if (pid == 0) { /* DuckDB's threads do not survive fork: a database of its own */
                struct fs_fault f = {kinds[k], n, 0, NULL};
                db = duck_new(&(struct duck_opts){.threads = 1, .memory_mb = 256}, &err);
                conn = duck_connect(db, &err);
                struct lake_table *mine = lake_table_open(lake_table_dir(t));
                _exit(faulty_commit(mine, batch, &f, &err) < 0 ? 9 : 0);
            }
            int status;
            assert_int_equal(waitpid(pid, &status, 0), pid);
            int64_t v = commit_batch(t, conn, batch, &err);
            if (v < 0) {
                assert_int_equal(err.code, ERR_EXISTS);
                landed++;
            }
        }
    assert_true(landed > 0);
    char want[64];
    snprintf(want, sizeof want, "%d|%d|%d", batch + 1, batch + 1, batch);
    assert_string_equal(rows_of(t, "count(*), count(DISTINCT batch), max(batch)"), want);
    lake_table_close(t);
}

/* ---- changes, for streaming reads */

static void test_changes(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = new_table();
    for (int i = 0; i < 4; i++)
        assert_int_equal(commit_batch(t, conn, i, &err), i);
    struct arena *a = arena_new();
    struct lake_change *ch;
    assert_int_equal(lake_changes(a, lake_table_dir(t), 1, 2, &ch, &err), 2);
    assert_int_equal(ch[0].version, 1);
    assert_int_equal(ch[0].add_count, 1);
    assert_true(ch[0].adds[0].data_change);
    assert_int_equal(ch[1].txns[0].version, 2);
    assert_true(str_eqz(doc_str(doc_path(ch[0].info, "operationMetrics.numOutputRows"), STR_NONE), "1"));
    const struct lake_file *files[] = {&ch[0].adds[0], &ch[1].adds[0]};
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    struct buf sql;
    buf_init(&sql);
    buf_z(&sql, "SELECT sum(batch), sum(_commit_version), count(DISTINCT _file), max(_row) FROM ");
    OK(lake_scan_files_sql(s, files, 2, &(struct lake_scan){.file_path = true, .row_number = true, .commit_version = true}, &sql, &err));
    struct duck_result *r = duck_query(conn, buf_view(&sql), &err);
    assert_non_null(r);
    assert_int_equal(duck_next(r, &err), 1);
    assert_int_equal(duck_i64(r, 0, 0), 3);
    assert_int_equal(duck_i64(r, 1, 0), 3);
    assert_int_equal(duck_i64(r, 2, 0), 2);
    assert_int_equal(duck_i64(r, 3, 0), 0);
    duck_result_free(r);
    lake_snapshot_unref(s);
    /* By time: before the first there is nothing, later the last. */
    assert_null(lake_table_at_time(t, conn, (struct tp){1000000}, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    s = lake_table_at_time(t, conn, (struct tp){time_now().us + 60000000}, &err);
    assert_int_equal(s->version, 3);
    lake_snapshot_unref(s);
    buf_release(&sql);
    arena_free(a);
    lake_table_close(t);
}

static void test_compact_and_vacuum(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = new_table();
    const struct type *schema = type_read_ddl(a, STR("batch BIGINT, p STRING"), &err);
    struct str by = STR("p");
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    int64_t version;
    OK(lake_txn_create(x, &(struct lake_spec){.schema = schema, .partition_columns = &by, .partition_count = 1}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    for (int i = 1; i <= 10; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT %d AS batch, %s AS p", i, i == 5 ? "'rare'" : "'many'");
        assert_int_equal(append(t, conn, sql, &err), i);
    }
    /* An append that began before lands after. */
    x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_write(x, STR("SELECT 11 AS batch, 'many' AS p"), NULL, &err), 1);
    assert_int_equal(lake_compact(t, conn, NULL, &err), 9);
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_int_equal(version, 12);
    assert_string_equal(rows_of(t, "batch"), "1;2;3;4;5;6;7;8;9;10;11");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_int_equal(s->file_count, 3);
    lake_snapshot_unref(s);
    assert_int_equal(lake_compact(t, conn, NULL, &err), 0);
    struct lake_change *ch;
    assert_int_equal(lake_changes(a, lake_table_dir(t), 11, 11, &ch, &err), 1);
    assert_int_equal(ch[0].remove_count, 9);
    assert_false(ch[0].adds[0].data_change);
    assert_false(ch[0].removes[0].data_change);
    /* Nothing is old enough by default; with no retention the replaced files go, and only those. */
    char **paths;
    assert_int_equal(lake_vacuum(t, conn, NULL, a, &paths, &err), 0);
    time_fake(true, (struct tp){time_now().us + 5000000});
    assert_int_equal(lake_vacuum(t, conn, &(struct lake_vacuum_opts){.retention_ms = 1000, .dry_run = true}, a, &paths, &err), 9);
    assert_int_equal(lake_vacuum(t, conn, &(struct lake_vacuum_opts){.retention_ms = 1000}, a, &paths, &err), 9);
    assert_true(str_starts_z(str_z(paths[0]), "p=many/part-"));
    assert_int_equal(lake_vacuum(t, conn, &(struct lake_vacuum_opts){.retention_ms = 1000}, a, &paths, &err), 0);
    time_fake(false, (struct tp){});
    assert_string_equal(rows_of(t, "count(*), sum(batch)"), "11|66");
    lake_table_close(t);
    arena_free(a);
}

static void test_empty_table(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = new_table();
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    const struct type *schema = type_read_ddl(a, STR("a INT, s STRUCT<x: INT, l: ARRAY<STRING>>, m MAP<STRING, DOUBLE>"), &err);
    OK(lake_txn_create(x, &(struct lake_spec){.schema = schema, .description = STR("nothing yet")}, &err));
    int64_t version;
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "count(*), count(s.x)"), "0|0");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_true(str_eqz(s->description, "nothing yet"));
    assert_true(type_equal(s->schema, schema));
    lake_snapshot_unref(s);
    lake_table_close(t);
    arena_free(a);
}

/* Two hundred small commits, timed: printed, not asserted. */
static void test_speed(void **state)
{
    (void)state;
    enum { N = 200 };
    struct err err = {};
    struct lake_table *t = new_table();
    static int64_t us[N];
    for (int i = 0; i < N; i++) {
        int64_t from = time_mono_us();
        assert_int_equal(append(t, conn, "SELECT i AS id, 'name ' || i AS name, i * 1.5::DOUBLE AS v, now() AS at, i % 7 AS k FROM range(1000) t(i)", &err), i);
        us[i] = time_mono_us() - from;
    }
    for (int i = 0; i < N; i++) /* insertion sort is enough */
        for (int k = i; k > 0 && us[k] < us[k - 1]; k--) {
            int64_t swap = us[k];
            us[k] = us[k - 1];
            us[k - 1] = swap;
        }
    int64_t from = time_mono_us(), joined = lake_maintain(t, conn, &err);
    print_message("upkeep joined %jd files in %.1f ms\n", (intmax_t)joined, (double)(time_mono_us() - from) / 1e3);
    assert_int_equal(joined, N);
    assert_int_equal(lake_maintain(t, conn, &err), 0);
    assert_string_equal(rows_of(t, "count(*), sum(id)"), "200000|99900000");
    print_message("a commit of 1,000 rows: p50 %.1f ms, p99 %.1f ms\n", (double)us[N / 2] / 1e3, (double)us[N * 99 / 100] / 1e3);
    lake_table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),   cmocka_unit_test(test_stats),      cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_evolution), cmocka_unit_test(test_exactly_once), cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_types_of_files),
        cmocka_unit_test(test_crashes),  cmocka_unit_test(test_changes),    cmocka_unit_test(test_empty_table),
        cmocka_unit_test(test_compact_and_vacuum),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
