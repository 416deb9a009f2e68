/* lake: DELETE, UPDATE, MERGE and the overwrites, copied on write and by deletion vectors, with and without change files. */
#include "lake_test.h"
#include "lake/maintain.h"

static const char *const modes[] = {"", "delta.enableDeletionVectors=true", "delta.enableChangeDataFeed=true",
                                    "delta.enableDeletionVectors=true,delta.enableChangeDataFeed=true", "delta.enableRowTracking=true",
                                    "delta.enableRowTracking=true,delta.enableDeletionVectors=true", "delta.columnMapping.mode=name"};
static bool has(const char *mode, const char *what)
{
    return strstr(mode, what) != NULL;
}

/* The change rows of the newest version, read from its cdc files. */
static const char *changes_of(struct lake_table *t, const char *columns)
{
    static char sql[4096];
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_change *ch;
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    int n = snprintf(sql, sizeof sql, "SELECT %s FROM read_parquet([", columns);
    assert_int_equal(lake_changes(a, lake_table_dir(t), s->version, s->version, &ch, &err), 1);
    for (size_t i = 0; i < ch->cdc_count; i++)
        n += snprintf(sql + n, sizeof sql - (size_t)n, "%s'%s'", i ? ", " : "", lake_file_path(a, lake_table_dir(t), ch->cdc[i].path));
    snprintf(sql + n, sizeof sql - (size_t)n, "]) ORDER BY ALL");
    const char *text = ch->cdc_count ? query(sql) : "none";
    lake_snapshot_unref(s);
    arena_free(a);
    return text;
}

static struct lake_table *two_files(const char *mode)
{
    struct err err = {};
    struct lake_table *t = make_table("id BIGINT, p STRING, s STRUCT<a: INT, b: STRING>", NULL, mode,
                                      "SELECT i AS id, 'x' AS p, {'a': i, 'b': 'b' || i} AS s FROM range(4) t(i)");
    OK(append(t, "SELECT i AS id, 'y' AS p, {'a': i, 'b': NULL} AS s FROM range(10, 12) t(i)", &err));
    return t;
}

static void test_delete(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct err err = {};
        struct lake_dml_metrics m;
        int64_t version;
        struct lake_table *t = two_files(modes[i]);
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id = 1 OR t.\"s\".a = 3 OR t.id >= 10"), .text = STR("id = 1 OR s.a = 3 OR id >= 10")}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_int_equal(version, 2);
        assert_int_equal(m.deleted, 4);
        assert_string_equal(rows_of(t, "id, p, s.b"), "0|\"x\"|\"b0\";2|\"x\"|\"b2\"");
        bool dv = has(modes[i], "Vectors");
        struct lake_snapshot *s = lake_table_latest(t, conn, &err);
        assert_int_equal(s->file_count, 1);
        assert_int_equal(s->rows, 2);
        assert_int_equal(s->files[0]->dv.cardinality, dv ? 2 : 0);
        assert_int_equal(m.copied, dv ? 0 : 2);
        assert_true(has(stats_of(s->files[0]), "\"tightBounds\":false") == dv);
        lake_snapshot_unref(s);
        assert_string_equal(changes_of(t, "id, _change_type"), has(modes[i], "DataFeed") ? "1|\"delete\";3|\"delete\";10|\"delete\";11|\"delete\"" : "none");
        /* Once more: the vector grows. */
        x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id = 2"), .text = STR("id = 2")}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_string_equal(rows_of(t, "id"), "0");
        /* Nothing to do is no commit; all without a look. */
        x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id = 77"), .text = STR("id = 77")}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_int_equal(version, 3);
        x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_truncate(x, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_string_equal(rows_of(t, "count(*)"), "0");
        lake_table_close(t);
    }
}

/* Files that `files` leaves out are not looked at, whatever is in them. */
static void test_files_are_chosen(void **state)
{
    (void)state;
    const struct lake_predicate low = {.op = LAKE_LT, .column = STR("id"), .values = (const struct str[]){STR("5")}, .value_count = 1};
    const struct lake_where where = {.duck = STR("t.id IN (1, 11)"), .files = &low};
    static const struct lake_clause clauses[] = {{.when = LAKE_MATCHED, .then = LAKE_THEN_DELETE}, {.when = LAKE_NOT_MATCHED_BY_SOURCE, .then = LAKE_THEN_DELETE}};
    struct lake_set set = {.column = STR("p"), .value = STR("'n'")};
    struct lake_table *t = two_files(modes[0]);
    struct lake_dml_metrics m;
    struct err err = {};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_delete(x, &where, &m, &err));
    assert_int_equal(m.deleted, 1);
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_update(x, &set, 1, &where, &m, &err));
    assert_int_equal(m.updated, 1);
    lake_txn_end(x);
    for (size_t n = 1; n <= COUNT_OF(clauses); n++) { /* rows without a source are everywhere */
        struct lake_merge merge = {.source_sql = STR("SELECT 1 AS one"), .on = where, .clauses = clauses, .clause_count = n};
        x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_merge(x, &merge, &m, &err));
        assert_int_equal(m.deleted, n == 1 ? 1 : 6);
        lake_txn_end(x);
    }
    lake_table_close(t);
}

static void test_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct err err = {};
        struct lake_dml_metrics m;
        int64_t version;
        struct lake_table *t = two_files(modes[i]);
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        struct str below[] = {STR("A")};
        struct lake_set sets[] = {{.column = STR("P"), .value = STR("t.p || t.id")}, {.column = STR("s"), .fields = below, .field_count = 1, .value = STR("t.s.a + 100")}};
        OK(lake_txn_update(x, sets, 2, &(struct lake_where){.duck = STR("t.id IN (1, 11)"), .text = STR("id IN (1, 11)")}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_int_equal(m.updated, 2);
        assert_string_equal(rows_of(t, "id, p, s"), "0|\"x\"|{\"a\":0,\"b\":\"b0\"};1|\"x1\"|{\"a\":101,\"b\":\"b1\"};2|\"x\"|{\"a\":2,\"b\":\"b2\"};"
                            "3|\"x\"|{\"a\":3,\"b\":\"b3\"};10|\"y\"|{\"a\":10,\"b\":null};11|\"y11\"|{\"a\":111,\"b\":null}");
        if (has(modes[i], "DataFeed"))
            assert_string_equal(changes_of(t, "id, p, _change_type"), "1|\"x\"|\"update_preimage\";1|\"x1\"|\"update_postimage\";"
                                "11|\"y\"|\"update_preimage\";11|\"y11\"|\"update_postimage\"");
        x = lake_txn_begin(t, conn, &err);
        struct lake_set bad = {.column = STR("nope"), .value = STR("1")};
        assert_int_equal(lake_txn_update(x, &bad, 1, NULL, &m, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        lake_txn_end(x);
        lake_table_close(t);
    }
}

static void test_merge(void **state)
{
    (void)state;
    const struct lake_set by_source = {.column = STR("p"), .value = STR("'gone'")};
    const struct lake_clause clauses[] = {
        {.when = LAKE_MATCHED, .then = LAKE_THEN_DELETE, .condition = STR("s.p = 'kill'"), .condition_text = STR("s.p = 'kill'")},
        {.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .condition = STR("s.id <> 3"), .star = true},
        {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .condition = STR("s.id < 100"), .star = true},
        {.when = LAKE_NOT_MATCHED_BY_SOURCE, .then = LAKE_THEN_DELETE, .condition = STR("t.id = 11")},
        {.when = LAKE_NOT_MATCHED_BY_SOURCE, .then = LAKE_THEN_UPDATE, .condition = STR("t.id = 10"), .sets = &by_source, .set_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct err err = {};
        struct lake_dml_metrics m;
        int64_t version;
        struct lake_table *t = two_files(modes[i]);
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        struct lake_merge merge = {
            .source_sql = STR("SELECT * FROM (VALUES (1, 'one', {'a': -1, 'b': 'n'}), (2, 'kill', NULL), (3, 'no', NULL), (50, 'new', NULL), (500, 'far', NULL)) v(ID, p, s)"),
            .on = {.duck = STR("t.id = s.id"), .text = STR("t.id = s.id")}, .clauses = clauses, .clause_count = COUNT_OF(clauses)};
        OK(lake_txn_merge(x, &merge, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        assert_string_equal(rows_of(t, "id, p, s.a"), "0|\"x\"|0;1|\"one\"|-1;3|\"x\"|3;10|\"gone\"|10;50|\"new\"|null");
        assert_int_equal(m.source_rows, 5);
        assert_int_equal(m.inserted, 1);
        assert_int_equal(m.updated, 2);
        assert_int_equal(m.deleted, 2);
        assert_int_equal(m.unmatched_by_source_updated, 1);
        assert_int_equal(m.matched_deleted, 1);
        if (has(modes[i], "DataFeed"))
            assert_string_equal(changes_of(t, "id, p, _change_type"), "1|\"one\"|\"update_postimage\";1|\"x\"|\"update_preimage\";2|\"x\"|\"delete\";"
                                "10|\"gone\"|\"update_postimage\";10|\"y\"|\"update_preimage\";11|\"y\"|\"delete\";50|\"new\"|\"insert\"");
        struct arena *a = arena_new();
        struct lake_change *ch;
        assert_int_equal(lake_changes(a, lake_table_dir(t), version, version, &ch, &err), 1);
        assert_true(str_eqz(doc_str(doc_get(ch->info, "operation"), STR_NONE), "MERGE"));
        assert_true(str_eqz(doc_str(doc_path(ch->info, "operationMetrics.numTargetRowsUpdated"), STR_NONE), "2"));
        arena_free(a);
        lake_table_close(t);
    }
}

static void test_merge_matches(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_dml_metrics m;
    int64_t version;
    struct lake_table *t = two_files("");
    const struct lake_clause update = {.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .star = true}, del = {.when = LAKE_MATCHED, .then = LAKE_THEN_DELETE};
    struct lake_merge merge = {.source_sql = STR("SELECT 1 AS id, 'a' AS p, NULL AS s UNION ALL SELECT 1, 'b', NULL"), .on = {.duck = STR("t.id = s.id")},
                               .clauses = &update, .clause_count = 1};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_merge(x, &merge, &m, &err), -1);
    assert_int_equal(err.code, ERR_USER);
    assert_non_null(strstr(err.msg, "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE"));
    lake_txn_end(x);
    merge.clauses = &del;
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_merge(x, &merge, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_int_equal(m.deleted, 1);
    assert_string_equal(rows_of(t, "id"), "0;2;3;10;11");
    /* A star without evolution needs all columns; with it new ones come in, nested ones too. */
    const struct lake_clause star[] = {update, {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .star = true}};
    merge = (struct lake_merge){.source_sql = STR("SELECT * FROM (VALUES (2, {'a': 9, 'b': 'n', 'c': 7}, 'extra'), (99, NULL, 'e2')) v(id, s, more)"), .on = {.duck = STR("t.id = s.id")},
                                .clauses = star, .clause_count = 2};
    x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_merge(x, &merge, &m, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    lake_txn_end(x);
    merge.schema_evolution = true;
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_merge(x, &merge, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "id, p, s.c, more"), "0|\"x\"|null|null;2|\"x\"|7|\"extra\";3|\"x\"|null|null;10|\"y\"|null|null;11|\"y\"|null|null;99|null|null|\"e2\"");
    lake_table_close(t);
}

static void test_replace(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("id BIGINT, p STRING", "p", "delta.enableChangeDataFeed=true", "SELECT i AS id, CASE WHEN i < 6 THEN 'p' || (i % 3) END AS p FROM range(8) t(i)");
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_replace(x, STR("SELECT 100 AS id, 'p1' AS p UNION ALL SELECT 101, NULL"), &(struct lake_replace){.mode = LAKE_REPLACE_PARTITIONS}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "p, id"), "null|101;\"p0\"|0;\"p0\"|3;\"p1\"|100;\"p2\"|2;\"p2\"|5");
    x = lake_txn_begin(t, conn, &err);
    struct lake_replace where = {.mode = LAKE_REPLACE_WHERE, .where = {.duck = STR("t.id < 3"), .text = STR("id < 3")}};
    assert_int_equal(lake_txn_replace(x, STR("SELECT 3 AS id, 'p0' AS p"), &where, &err), -1);
    assert_int_equal(err.code, ERR_USER);
    assert_non_null(strstr(err.msg, "DELTA_REPLACE_WHERE_MISMATCH"));
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_replace(x, STR("SELECT 1 AS id, 'p9' AS p"), &where, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "id, p"), "1|\"p9\";3|\"p0\";5|\"p2\";100|\"p1\";101|null");
    assert_string_equal(changes_of(t, "id, _change_type"), "0|\"delete\";1|\"insert\";2|\"delete\"");
    x = lake_txn_begin(t, conn, &err);
    struct str by = STR("k");
    OK(lake_txn_replace(x, STR("SELECT 'z' AS z, 7 AS k"), &(struct lake_replace){.overwrite_schema = true, .partition_columns = &by, .partition_count = 1}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "*"), "\"z\"|7");
    lake_table_close(t);
}

/* Row ids stay through updates and copies, new rows get new ones. */
static void test_row_ids(void **state)
{
    (void)state;
    for (int dv = 0; dv < 2; dv++) {
        struct err err = {};
        struct lake_dml_metrics m;
        int64_t version;
        struct lake_table *t = two_files(dv ? "delta.enableRowTracking=true,delta.enableDeletionVectors=true" : "delta.enableRowTracking=true");
        struct lake_set set = {.column = STR("p"), .value = STR("'new'")};
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_update(x, &set, 1, &(struct lake_where){.duck = STR("t.id = 2")}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
        struct lake_snapshot *s = lake_table_latest(t, conn, &err);
        struct arena *a = arena_new();
        char sql[2000];
        struct str id = str_copy(a, lake_property(s, "delta.rowTracking.materializedRowIdColumnName"));
        const struct lake_file *last = NULL;
        for (size_t i = 0; i < s->file_count; i++)
            if (s->files[i]->version == 2 && !s->files[i]->dv.storage)
                last = s->files[i];
        assert_non_null(last);
        snprintf(sql, sizeof sql, "SELECT id, \"%.*s\" FROM read_parquet('%s') ORDER BY id", STR_ARGS(id), lake_file_path(a, s->dir, last->path));
        assert_string_equal(query(sql), dv ? "2|2" : "0|0;1|1;2|2;3|3");
        assert_non_null(strstr(last->extra.ptr, "\"baseRowId\":6,\"defaultRowCommitVersion\":2"));
        assert_true(s->domains.count == 1 && strstr(s->domains.items[0].value.ptr, dv ? "\"rowIdHighWaterMark\":6" : "\"rowIdHighWaterMark\":9"));
        lake_snapshot_unref(s);
        /* Compaction keeps them too. */
        OK(append(t, "SELECT 77 AS id", &err));
        OK(lake_compact(t, conn, &(struct lake_compact_opts){.min_files = 2}, &err));
        s = lake_table_latest(t, conn, &err);
        assert_int_equal(s->file_count, 1);
        snprintf(sql, sizeof sql, "SELECT id, \"%.*s\" FROM read_parquet('%s') WHERE id < 12 ORDER BY id", STR_ARGS(id), lake_file_path(a, s->dir, s->files[0]->path));
        assert_string_equal(query(sql), "0|0;1|1;2|2;3|3;10|4;11|5");
        lake_snapshot_unref(s);
        arena_free(a);
        lake_table_close(t);
    }
}

/* The n-th call to the disk fails: the rows are those of before or of after, and another handle reads them. */
static void test_faults(void **state)
{
    (void)state;
    static const char *const ways[] = {"", "delta.enableDeletionVectors=true,delta.enableChangeDataFeed=true"};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        int failures = 0, n;
        log_set_level(LOG_ERROR);
        for (n = 1; n < 40; n++) {
            struct err err = {};
            struct lake_dml_metrics m;
            int64_t version;
            struct lake_table *t = two_files(ways[i]);
            struct fs_fault f = {FS_FAULT_FAIL, n, 0, NULL};
            struct lake_txn *x = lake_txn_begin(t, conn, &err);
            fs_fault_set(&f);
            int rc = lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id IN (1, 11)")}, &m, &err);
            if (rc == 0)
                rc = lake_txn_commit(x, &version, &err);
            bool over = fs_fault_calls() < n;
            fs_fault_set(NULL);
            lake_txn_end(x);
            struct lake_table *fresh = lake_table_open(lake_table_dir(t));
            const char *rows = rows_of(fresh, "id");
            assert_true(strcmp(rows, "0;2;3;10") == 0 || (rc && strcmp(rows, "0;1;2;3;10;11") == 0));
            failures += rc != 0;
            lake_table_close(fresh);
            lake_table_close(t);
            if (over)
                break;
        }
        log_set_level(LOG_INFO);
        assert_true(failures >= 4);
        assert_true(n < 40);
    }
}

/* A vector over several 64 K blocks: array and bitmap containers. */
static void test_large_vector(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_dml_metrics m;
    int64_t version;
    struct lake_table *t = make_table("id BIGINT", NULL, "delta.enableDeletionVectors=true", "SELECT i AS id FROM range(200000) t(i)");
    const char *const steps[] = {"t.id % 1000 = 7", "t.id < 140000 AND t.id % 2 = 0"};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct lake_txn *x = lake_txn_begin(t, conn, &err);
        OK(lake_txn_delete(x, &(struct lake_where){.duck = str_z(steps[i])}, &m, &err));
        OK(lake_txn_commit(x, &version, &err));
        lake_txn_end(x);
    }
    assert_string_equal(rows_of(t, "count(*), sum(id), count(*) FILTER (id % 1000 = 7), count(*) FILTER (id < 140000 AND id % 2 = 0)"), "129800|15080068600|0|0");
    lake_table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete), cmocka_unit_test(test_files_are_chosen), cmocka_unit_test(test_update),  cmocka_unit_test(test_merge),        cmocka_unit_test(test_merge_matches),
        cmocka_unit_test(test_replace), cmocka_unit_test(test_row_ids), cmocka_unit_test(test_large_vector), cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
