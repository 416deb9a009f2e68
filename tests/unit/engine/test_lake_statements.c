/* Statements that change a table's rows and files: what the table holds afterwards. */
#include "world.h"

static void rows_are_deleted_and_updated(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE t (id INT, name STRING); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');"
              "DELETE FROM t WHERE id = 2; SELECT * FROM t ORDER BY id", "{\"id\":1,\"name\":\"a\"}{\"id\":3,\"name\":\"c\"}");
    expect(w, "UPDATE t SET name = upper(name), id = id + 10 WHERE id > 1; SELECT * FROM t ORDER BY id",
           "{\"id\":1,\"name\":\"a\"}{\"id\":13,\"name\":\"C\"}");
    expect(w, "TRUNCATE TABLE t; SELECT count(*) AS n FROM t", "{\"n\":0}");
}

static void rows_are_merged(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE m (id INT, v INT); INSERT INTO m VALUES (1, 10), (2, 20);"
              "MERGE INTO m USING (SELECT 2 AS id, 5 AS v UNION ALL SELECT 3, 30) s ON m.id = s.id WHEN MATCHED THEN UPDATE SET v = m.v + s.v"
              " WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v);"
              "SELECT * FROM m ORDER BY id", "{\"id\":1,\"v\":10}{\"id\":2,\"v\":25}{\"id\":3,\"v\":30}");
}

static void files_are_joined_and_versions_restored(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE o (id INT); INSERT INTO o VALUES (1); INSERT INTO o VALUES (2); OPTIMIZE o; SELECT id FROM o ORDER BY id",
           "{\"id\":1}{\"id\":2}");
    expect(w, "VACUUM o; SELECT count(*) AS n FROM o", "{\"n\":2}");
    expect_error(w, "VACUUM o RETAIN 9000000000000000000 HOURS", "RETAIN takes 0 to");
    expect(w, "RESTORE TABLE o TO VERSION AS OF 1; SELECT id FROM o", "{\"id\":1}");
}

static void tables_are_altered_and_commented(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE a (id INT); INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMNS (name STRING); INSERT INTO a VALUES (2, 'b');"
              "SELECT * FROM a ORDER BY id", "{\"id\":1,\"name\":null}{\"id\":2,\"name\":\"b\"}");
    expect(w, "COMMENT ON TABLE a IS 'told'; SELECT count(*) AS n FROM a", "{\"n\":2}");
}

/* What is no Delta table is refused by name: nothing is written beside it. */
static void targets_are_delta_tables(void **state)
{
    struct world *w = *state;
    static const struct { const char *before, *after; } writes[] = {
        {"INSERT INTO ", " VALUES (1)"}, {"INSERT OVERWRITE ", " VALUES (1)"}, {"DELETE FROM ", " WHERE id = 1"},
        {"UPDATE ", " SET id = 1"}, {"MERGE INTO ", " USING (SELECT 1 AS id) s ON true WHEN MATCHED THEN DELETE"},
        {"TRUNCATE TABLE ", ""}, {"OPTIMIZE ", ""}, {"VACUUM ", ""}, {"RESTORE TABLE ", " TO VERSION AS OF 0"},
        {"ALTER TABLE ", " ADD COLUMNS (x INT)"}, {"COMMENT ON TABLE ", " IS 'x'"}, {"DESCRIBE HISTORY ", ""},
        {"DESCRIBE DETAIL ", ""}, {"SHOW TBLPROPERTIES ", ""},
    };
    static const struct { const char *name, *message; } targets[] = {
        {"kept", "`kept` is a view"}, {"shadowed", "`shadowed` is a temporary view"}, {"files", "`files` is a table over files of csv"},
        {"csv.`/data/x.csv`", "files of csv are read only"},
    };
    expect(w, "CREATE TABLE base (id INT); INSERT INTO base VALUES (7); CREATE VIEW kept AS SELECT * FROM base;"
              "CREATE TABLE shadowed (id INT); CREATE TEMPORARY VIEW shadowed AS SELECT * FROM base; SELECT id FROM shadowed", "{\"id\":7}");
    char sql[400];
    snprintf(sql, sizeof sql, "CREATE TABLE files (id INT) USING csv LOCATION '%s/files'", w->dir);
    expect_ok(w, sql);
    for (size_t t = 0; t < COUNT_OF(targets); t++)
        for (size_t i = 0; i < COUNT_OF(writes); i++) {
            snprintf(sql, sizeof sql, "%s%s%s", writes[i].before, targets[t].name, writes[i].after);
            expect_error(w, sql, targets[t].message);
        }
    expect(w, "SELECT id FROM base", "{\"id\":7}");
}

/* delta.`path`, however long the path is, and a schema that is named so. */
static void tables_by_path(void **state)
{
    struct world *w = *state;
    char sql[1000], path[300];
    snprintf(path, sizeof path, "%s/%0120d/t", w->dir, 0);
    snprintf(sql, sizeof sql, "CREATE TABLE named (id INT) LOCATION '%s'; INSERT INTO delta.`%s` VALUES (1), (2); DELETE FROM delta.`%s` WHERE id = 1;"
             "SELECT id FROM delta.`%s`", path, path, path, path);
    expect(w, sql, "{\"id\":2}");
    expect(w, "CREATE SCHEMA delta; CREATE TABLE delta.own (id INT); INSERT INTO delta.own VALUES (5); SELECT id FROM delta.own", "{\"id\":5}");
}

/* Spark truncates where DuckDB rounds, and what does not fit a column fails with ANSI mode off too. */
static void values_are_assigned_as_in_spark(void **state)
{
    struct world *w = *state;
    static const char *const misfits[] = {
        "INSERT INTO t VALUES ('zz', 'n', 1)", "INSERT INTO t VALUES (3000000000, 'n', 1)", "UPDATE t SET id = 'q'", "UPDATE t SET id = 3000000000",
        "MERGE INTO t USING (SELECT 'q' AS id, 'n' AS v, 1 AS x) s ON t.v = s.v WHEN MATCHED THEN UPDATE SET *",
        "MERGE INTO t USING (SELECT 3000000000 AS id, 'n' AS v, 1 AS x) s ON t.v = s.v WHEN MATCHED THEN UPDATE SET id = s.id",
        "MERGE INTO t USING (SELECT 'q' AS id, 'o' AS v, 1 AS x) s ON t.v = s.v WHEN NOT MATCHED THEN INSERT *",
    };
    expect(w, "CREATE TABLE t (id INT, v STRING, x DOUBLE); INSERT INTO t VALUES (12.7D, 'n', '1.5'); SELECT * FROM t", "{\"id\":12,\"v\":\"n\",\"x\":1.5}");
    expect(w, "MERGE INTO t USING (SELECT 13.7D AS ID, 'n' AS v, '7' AS x) s ON t.v = s.v WHEN MATCHED THEN UPDATE SET *; SELECT * FROM t",
           "{\"id\":13,\"v\":\"n\",\"x\":7.0}");
    expect(w, "MERGE WITH SCHEMA EVOLUTION INTO t USING (SELECT 15.7D AS id, 'm' AS v, '7' AS x, 4 AS y) s ON t.v = s.v WHEN NOT MATCHED THEN INSERT *;"
              "SELECT * FROM t ORDER BY id", "{\"id\":13,\"v\":\"n\",\"x\":7.0,\"y\":null}{\"id\":15,\"v\":\"m\",\"x\":7.0,\"y\":4}");
    expect_ok(w, "CREATE OR REPLACE TABLE t (id INT, v STRING, x DOUBLE); INSERT INTO t VALUES (1, 'n', 1)");
    for (int ansi = 1; ansi >= 0; ansi--) {
        expect_ok(w, ansi ? "SET spark.sql.ansi.enabled = true" : "SET spark.sql.ansi.enabled = false");
        for (size_t i = 0; i < COUNT_OF(misfits); i++)
            expect_error(w, misfits[i], "CAST_");
    }
    expect(w, "SELECT id FROM t", "{\"id\":1}");
    expect(w, "INSERT INTO t SELECT CAST('zz' AS INT), 'null', 1; SELECT count(*) AS n FROM t WHERE id IS NULL", "{\"n\":1}");
}

static void assignments_name_the_target(void **state)
{
    struct world *w = *state;
    static const char *const good[] = {"id", "t.id", "default.t.id", "main.default.t.id"};
    static const char *const bad[] = {"zzz.id", "s.id", "shop.t.id", "id.x"};
    char sql[300];
    expect_ok(w, "CREATE TABLE t (id INT, t STRUCT<id: INT, a: INT>); INSERT INTO t VALUES (0, named_struct('id', 5, 'a', 6))");
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        snprintf(sql, sizeof sql, "UPDATE t SET %s = %zu; SELECT id FROM t", good[i], i + 1);
        char row[40];
        snprintf(row, sizeof row, "{\"id\":%zu}", i + 1);
        expect(w, sql, row);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(sql, sizeof sql, "MERGE INTO t USING (SELECT 4 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET %s = 7", bad[i]);
        expect_error(w, sql, i < 3 ? "UNRESOLVED_COLUMN" : "FIELD_NOT_FOUND");
    }
    expect_error(w, "UPDATE t AS q SET shop.id = 7", "UNRESOLVED_COLUMN");
    expect(w, "UPDATE t AS q SET q.t.a = 8, t.id = 9; SELECT t.a AS a, t.t.id AS b, id FROM t", "{\"a\":8,\"b\":9,\"id\":4}");
    expect(w, "MERGE INTO t USING (SELECT 5 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, NULL); SELECT max(id) AS m FROM t", "{\"m\":5}");
    expect_error(w, "MERGE INTO t USING (SELECT 6 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id)", "INSERT_COLUMN_ARITY_MISMATCH");
}

/* A statement that reads the table it changes depends on what others add to it meanwhile: its commit says so. */
static void reading_itself_is_no_blind_append(void **state)
{
    struct world *w = *state;
    static const struct { const char *sql; bool blind; } cases[] = {
        {"INSERT INTO t VALUES (1)", true}, {"INSERT INTO t SELECT id + 1 FROM u", true}, {"INSERT INTO t SELECT max(id) + 1 FROM t", false},
        {"INSERT INTO t SELECT id + 1 FROM u WHERE id IN (SELECT id FROM t)", false},
    };
    expect_ok(w, "CREATE TABLE t (id INT); CREATE TABLE u (id INT); INSERT INTO u VALUES (1)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct buf text;
        char path[200];
        expect_ok(w, cases[i].sql);
        snprintf(path, sizeof path, "%s/lake/main/default/t/_delta_log/%020zu.json", w->dir, i + 1);
        buf_init(&text);
        assert_int_equal(fs_read_file(path, 1 << 20, &text, &err), 0);
        assert_non_null(strstr(text.ptr, cases[i].blind ? "\"isBlindAppend\":true" : "\"isBlindAppend\":false"));
        buf_release(&text);
    }
    expect_error(w, "INSERT WITH SCHEMA EVOLUTION INTO t SELECT 1 AS id, 2 AS x", "SCHEMA EVOLUTION is not supported");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_are_deleted_and_updated), TEST(rows_are_merged), TEST(files_are_joined_and_versions_restored),
        TEST(tables_are_altered_and_commented), TEST(targets_are_delta_tables), TEST(tables_by_path), TEST(values_are_assigned_as_in_spark),
        TEST(assignments_name_the_target), TEST(reading_itself_is_no_blind_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
