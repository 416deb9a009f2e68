/* lake: who may commit after whom, by Delta's rules; appends of many threads as few versions. */
#include "lake_test.h"
#include <pthread.h>
#include <unistd.h>

enum act { APPEND_A, APPEND_B, DELETE_A, DELETE_B, UPDATE_B, MERGE_B, REPLACE_A, OVERWRITE, PROPERTY, PROTOCOL, TRUNCATE, INSERT_NEW };

static int begin_act(struct lake_txn *x, enum act act, struct err *err)
{
    struct lake_dml_metrics m;
    const struct lake_set set = {.column = STR("v"), .value = STR("t.v + 1")};
    const struct lake_clause clauses[] = {{.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .star = true}, {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .star = true}};
    struct lake_pair property = {STR("note"), STR("x"), false}, feature = {STR("delta.enableChangeDataFeed"), STR("true"), false};
    switch (act) {
    case APPEND_A: return lake_txn_write(x, STR("SELECT 'a' AS p, 100 AS v"), NULL, err) < 0;
    case APPEND_B: return lake_txn_write(x, STR("SELECT 'b' AS p, 100 AS v"), NULL, err) < 0;
    case DELETE_A: return lake_txn_delete(x, &(struct lake_where){.duck = STR("t.p = 'a'")}, &m, err);
    case DELETE_B: return lake_txn_delete(x, &(struct lake_where){.duck = STR("t.p = 'b' AND t.v < 1000")}, &m, err);
    case UPDATE_B: return lake_txn_update(x, &set, 1, &(struct lake_where){.duck = STR("t.p = 'b'")}, &m, err);
    case MERGE_B:
        return lake_txn_merge(x, &(struct lake_merge){.source_sql = STR("SELECT 'b' AS p, 7 AS v"), .on = {.duck = STR("t.p = s.p AND t.v = 1")}, .clauses = clauses, .clause_count = 2}, &m, err);
    case REPLACE_A:
        return lake_txn_replace(x, STR("SELECT 'a' AS p, 9 AS v"), &(struct lake_replace){.mode = LAKE_REPLACE_PARTITIONS}, err) < 0;
    case OVERWRITE: return lake_txn_replace(x, STR("SELECT 'c' AS p, 9 AS v"), &(struct lake_replace){.mode = LAKE_REPLACE_ALL}, err) < 0;
    case PROPERTY: return lake_txn_set_properties(x, (struct lake_pairs){&property, 1}, err);
    case PROTOCOL: return lake_txn_set_properties(x, (struct lake_pairs){&feature, 1}, err);
    case TRUNCATE: return lake_txn_truncate(x, &m, err);
    case INSERT_NEW: /* one source row is there already, which keeps it out */
        return lake_txn_merge(x, &(struct lake_merge){.source_sql = STR("SELECT 'b' AS p, 1 AS v UNION ALL SELECT 'c', 1"), .on = {.duck = STR("t.p = s.p AND t.v = s.v")}, .clauses = &clauses[1], .clause_count = 1}, &m, err);
    }
    return -1;
}

static const struct { const char *properties; enum act mine, theirs; const char *error; } cases[] = {
    {"", APPEND_A, APPEND_A, NULL},
    {"", APPEND_A, DELETE_A, NULL},
    {"", APPEND_A, OVERWRITE, NULL},
    {"", APPEND_A, PROPERTY, "DELTA_METADATA_CHANGED"},
    {"", APPEND_A, PROTOCOL, "DELTA_PROTOCOL_CHANGED"},
    {"", DELETE_A, APPEND_B, NULL},
    {"", DELETE_A, APPEND_A, "DELTA_CONCURRENT_APPEND"},
    {"delta.isolationLevel=WriteSerializable", DELETE_A, APPEND_A, NULL},
    {"delta.isolationLevel=WriteSerializable", DELETE_B, UPDATE_B, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"", DELETE_A, DELETE_B, NULL},
    {"", DELETE_A, DELETE_A, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"", UPDATE_B, DELETE_B, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"", UPDATE_B, DELETE_A, NULL},
    {"delta.enableDeletionVectors=true", UPDATE_B, DELETE_B, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"delta.enableDeletionVectors=true", UPDATE_B, DELETE_A, NULL},
    {"", MERGE_B, APPEND_A, NULL},
    {"", MERGE_B, APPEND_B, NULL}, /* its row joins no source row */
    {"", MERGE_B, UPDATE_B, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"", INSERT_NEW, DELETE_A, NULL},
    {"", INSERT_NEW, DELETE_B, "DELTA_CONCURRENT_DELETE_READ"},
    {"delta.isolationLevel=WriteSerializable", INSERT_NEW, DELETE_B, "DELTA_CONCURRENT_DELETE_READ"},
    {"", INSERT_NEW, APPEND_B, NULL},
    {"", REPLACE_A, APPEND_B, NULL},
    {"", REPLACE_A, APPEND_A, "DELTA_CONCURRENT_APPEND"},
    {"", OVERWRITE, APPEND_A, "DELTA_CONCURRENT_APPEND"},
    {"", OVERWRITE, DELETE_A, "DELTA_CONCURRENT_DELETE_DELETE"},
    {"", TRUNCATE, APPEND_A, "DELTA_CONCURRENT_APPEND"},
    {"", PROPERTY, APPEND_A, NULL},
    {"", PROPERTY, PROPERTY, "DELTA_METADATA_CHANGED"},
    {"", DELETE_A, PROTOCOL, "DELTA_PROTOCOL_CHANGED"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {};
        int64_t version;
        struct lake_table *t = make_table("p STRING, v BIGINT", "p", cases[i].properties, "SELECT 'a' AS p, 1 AS v UNION ALL SELECT 'b', 1 UNION ALL SELECT 'b', 2");
        struct lake_txn *mine = lake_txn_begin(t, conn, &err), *theirs = lake_txn_begin(t, conn, &err);
        OK(begin_act(mine, cases[i].mine, &err));
        OK(begin_act(theirs, cases[i].theirs, &err));
        OK(lake_txn_commit(theirs, &version, &err));
        int rc = lake_txn_commit(mine, &version, &err);
        if ((rc == 0) != !cases[i].error || (rc && !strstr(err.msg, cases[i].error)))
            print_error("case %zu: %d %s\n", i, rc, err.msg);
        assert_true((rc == 0) == !cases[i].error);
        if (rc) {
            assert_non_null(strstr(err.msg, cases[i].error));
            assert_non_null(strstr(err.msg, "version 1 of the table"));
            assert_int_equal(err.code, ERR_CONFLICT);
            assert_true(err.retriable);
        } else {
            assert_int_equal(version, 2);
        }
        lake_txn_end(mine);
        lake_txn_end(theirs);
        lake_table_close(t);
    }
}

/* ---- many appenders */

enum { WRITERS = 16 };
struct worker { struct lake_table *table; int number, count, failed; };

static void *work(void *arg)
{
    struct worker *w = arg;
    struct err err = {};
    struct duck_conn *c = duck_connect(db, &err);
    for (int i = 0; i < w->count; i++) {
        char sql[100], app[20];
        int64_t version;
        snprintf(sql, sizeof sql, "SELECT %d AS who, %d AS n", w->number, i);
        snprintf(app, sizeof app, "w%d", w->number);
        if (lake_append(w->table, c, &(struct lake_append){.select_sql = str_z(sql), .app_id = str_z(app), .app_version = i}, &version, &err)) {
            print_error("writer %d: %s\n", w->number, err.msg);
            w->failed++;
        }
        /* The same batch again is there already. */
        if (i % 8 == 0 && (lake_append(w->table, c, &(struct lake_append){.select_sql = str_z(sql), .app_id = str_z(app), .app_version = i}, &version, &err) == 0 ||
                           err.code != ERR_EXISTS))
            w->failed++;
    }
    duck_disconnect(c);
    return NULL;
}

static void test_group(void **state)
{
    (void)state;
    struct err err = {};
    int each = getenv("SOAK") ? 63 : 10;
    struct lake_table *t = make_table("who INT, n INT", NULL, "delta.enableRowTracking=true,delta.enableInCommitTimestamps=true", NULL);
    pthread_t threads[WRITERS];
    struct worker workers[WRITERS];
    int64_t from = time_mono_us();
    for (int i = 0; i < WRITERS; i++) {
        workers[i] = (struct worker){i % 2 ? t : lake_table_open(lake_table_dir(t)), i, each, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failed, 0);
        if (i % 2 == 0)
            lake_table_close(workers[i].table);
    }
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    char want[64];
    snprintf(want, sizeof want, "%d|%d", WRITERS * each, WRITERS * each);
    assert_string_equal(rows_of(t, "count(*), count(DISTINCT (who, n))"), want);
    print_message("%d appends of %d writers: %jd versions, %.0f ms\n", WRITERS * each, WRITERS, (intmax_t)s->version, (double)(time_mono_us() - from) / 1e3);
    assert_true(s->version <= WRITERS * each);
    assert_int_equal(s->txn_count, WRITERS);
    /* Each row has an id of its own. */
    snprintf(want, sizeof want, "{\"rowIdHighWaterMark\":%d}", WRITERS * each - 1);
    assert_true(str_eqz(s->domains.items[0].value, want));
    lake_snapshot_unref(s);
    lake_table_close(t);
}

/* One who cannot is told so, and the others of the round land. */
static void test_group_errors(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = new_table();
    OK(lake_append(t, conn, &(struct lake_append){.select_sql = STR("SELECT 1 AS a")}, &version, &err));
    assert_int_equal(version, 0);
    assert_int_equal(lake_append(t, conn, &(struct lake_append){.select_sql = STR("SELECT 1 AS b")}, &version, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    OK(lake_append(t, conn, &(struct lake_append){.select_sql = STR("SELECT 1 AS b"), .merge_schema = true}, &version, &err));
    assert_string_equal(rows_of(t, "*"), "null|1;1|null");
    lake_table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_group), cmocka_unit_test(test_group_errors)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
