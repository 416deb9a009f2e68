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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_are_deleted_and_updated), TEST(rows_are_merged), TEST(files_are_joined_and_versions_restored),
        TEST(tables_are_altered_and_commented), TEST(targets_are_delta_tables), TEST(tables_by_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
