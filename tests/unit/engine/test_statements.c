/* Statements that are no queries: what they change, and what they tell. Values that no oracle can record, the session's
 * and the clock's, are checked here by type and shape. */
#include "world.h"

static void explain_shows_a_plan_and_runs_nothing(void **state)
{
    struct world *w = *state;
    expect_part(w, "CREATE TABLE t (id INT); EXPLAIN SELECT id + 1 AS next FROM t WHERE id > 5", "next");
    expect(w, "SELECT count(*) AS n FROM t", "{\"n\":0}");
    expect_error(w, "EXPLAIN SELECT nope FROM t", "UNRESOLVED_COLUMN");
}

static void describe_tells_columns(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE d (id INT COMMENT 'the key', price DECIMAL(10,2)); DESCRIBE d",
           "{\"col_name\":\"id\",\"data_type\":\"int\",\"comment\":\"the key\"}"
           "{\"col_name\":\"price\",\"data_type\":\"decimal(10,2)\",\"comment\":null}");
    expect(w, "DESCRIBE d ID", "{\"info_name\":\"col_name\",\"info_value\":\"id\"}{\"info_name\":\"data_type\",\"info_value\":\"int\"}"
           "{\"info_name\":\"comment\",\"info_value\":\"the key\"}");
    expect_error(w, "DESCRIBE d nope", "UNRESOLVED_COLUMN");
    expect_error(w, "DESCRIBE EXTENDED d AS JSON", "AS JSON is not supported");
    expect_error(w, "DESCRIBE d PARTITION (id = 1)", "PARTITION is not supported");
    expect(w, "ALTER TABLE d ALTER COLUMN price COMMENT 'told'; ALTER TABLE d ADD COLUMNS (more STRING AFTER id); DESCRIBE d",
           "{\"col_name\":\"id\",\"data_type\":\"int\",\"comment\":\"the key\"}{\"col_name\":\"more\",\"data_type\":\"string\",\"comment\":null}"
           "{\"col_name\":\"price\",\"data_type\":\"decimal(10,2)\",\"comment\":\"told\"}");
    expect(w, "SHOW COLUMNS IN d", "{\"col_name\":\"id\"}{\"col_name\":\"more\"}{\"col_name\":\"price\"}");
    expect_error(w, "DESCRIBE nosuch", "TABLE_OR_VIEW_NOT_FOUND");
}

static void properties_change(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE c (id INT); ALTER TABLE c SET TBLPROPERTIES ('shop.owner' = 'me');"
              "INSERT INTO c VALUES (1); SELECT id FROM c", "{\"id\":1}");
    expect_part(w, "SHOW TBLPROPERTIES c", "shop.owner");
    expect_error(w, "COMMENT ON SCHEMA c IS 'told'", "COMMENT ON SCHEMA is not supported");
    expect_error(w, "ALTER TABLE nosuch SET TBLPROPERTIES ('a' = 'b')", "TABLE_OR_VIEW_NOT_FOUND");
}

/* PostgreSQL's drivers open and close a transaction around queries; each statement stands for itself. */
static void transactions_are_taken_and_change_nothing(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE b (id INT); BEGIN; INSERT INTO b VALUES (1); COMMIT; SELECT id FROM b", "{\"id\":1}");
    expect(w, "BEGIN; SELECT id FROM b; ROLLBACK; SELECT id FROM b", "{\"id\":1}");
}

static void values_of_session_and_clock(void **state)
{
    struct world *w = *state;
    expect(w, "SELECT current_catalog() AS c, current_schema() = current_database() AS s, current_timezone() AS z,"
              " user() = current_user() AND session_user() = current_user() AS u", "{\"c\":\"main\",\"s\":true,\"z\":\"UTC\",\"u\":true}");
    expect(w, "SELECT typeof(now()) AS a, typeof(curdate()) AS b, typeof(localtimestamp()) AS c, now() = current_timestamp() AS d,"
              " curdate() = current_date() AS e, localtimestamp() > TIMESTAMP_NTZ'2024-01-01 00:00:00' AS f",
           "{\"a\":\"timestamp\",\"b\":\"date\",\"c\":\"timestamp_ntz\",\"d\":true,\"e\":true,\"f\":true}");
    expect(w, "SELECT typeof(rand()) AS a, rand() BETWEEN 0 AND 1 AS b, random() < 1 AS c, length(uuid()) AS d, uuid() <> uuid() AS e,"
              " length(version()) > 0 AS f",
           "{\"a\":\"double\",\"b\":true,\"c\":true,\"d\":36,\"e\":true,\"f\":true}");
    expect(w, "SELECT count(DISTINCT i) AS n, max(p) AS p, max(f) AS f FROM (SELECT monotonically_increasing_id() AS i,"
              " spark_partition_id() AS p, input_file_name() AS f FROM VALUES (1), (2), (3) t(x))", "{\"n\":3,\"p\":0,\"f\":\"\"}");
}

/* What Databricks has and Spark has not, and what answers with an error only. */
static void functions_without_an_oracle(void **state)
{
    struct world *w = *state;
    expect(w, "SELECT iff(1 > 2, 'a', 'b') AS x, iff(NULL, 1, 2) AS y", "{\"x\":\"b\",\"y\":2}");
    expect(w, "SELECT window_time(w) AS t FROM (SELECT window(TIMESTAMP'2024-01-01 10:07:00', '10 minutes') AS w)",
           "{\"t\":\"2024-01-01T10:09:59.999999Z\"}");
    expect(w, "SELECT x FROM VALUES (1), (2) t(x) QUALIFY row_number() OVER (ORDER BY x DESC) = 1", "{\"x\":2}");
    expect_error(w, "SELECT raise_error('told so')", "told so");
}

static void a_struct_wider_than_from_json_reads_is_refused(void **state)
{
    struct world *w = *state;
    for (int fields = 1000; fields <= 1001; fields++) {
        struct buf q;
        buf_init(&q);
        buf_z(&q, "SELECT from_json('{\"c1\":7}', 'c1 INT");
        for (int i = 2; i <= fields; i++)
            buf_printf(&q, ", c%d INT", i);
        buf_z(&q, "').c1 AS c");
        char *sql = buf_detach(&q);
        if (fields == 1000)
            expect(w, sql, "{\"c\":7}");
        else
            expect_error(w, sql, "from_json() reads structs of at most 1000 fields, this one has 1001");
        mem_free(sql);
    }
}

static void settings_that_would_be_ignored_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const refused[] = {"spark.sql.ansi.enabled = yes", "spark.sql.session.timeZone = America/New_York", "spark.sql.storeAssignmentPolicy = LEGACY",
                                          "spark.databricks.delta.schema.autoMerge.enabled = true", "spark.sql.sources.partitionOverwriteMode = both"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SET %s", refused[i]);
        expect_error(w, sql, "is not supported");
    }
    expect_error(w, "SET TIME ZONE 'Europe/Berlin'", "timeZone = Europe/Berlin is not supported");
    expect(w, "SET spark.sql.session.timeZone = Etc/UTC", "{\"key\":\"spark.sql.session.timeZone\",\"value\":\"Etc/UTC\"}");
    expect(w, "SET spark.sql.ansi.enabled = FALSE; SELECT 1 / 0 AS x", "{\"x\":null}");
    expect(w, "SET shop.own = anything", "{\"key\":\"shop.own\",\"value\":\"anything\"}");
}

static void new_tables_are_what_was_asked_for(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE ct AS SELECT 1 AS a, 'x' AS b; INSERT INTO ct VALUES (NULL, NULL); SELECT count(*) AS n FROM ct WHERE a IS NULL", "{\"n\":1}");
    expect_error(w, "CREATE TABLE cl (a INT) AS SELECT 1 AS q", "leave the list of columns out");
    expect_part(w, "CREATE TABLE clustered (a INT, b INT) CLUSTER BY (b); DESCRIBE DETAIL clustered", "\"clusteringColumns\":\"[\\\"b\\\"]\"");
    expect_part(w, "CREATE OR REPLACE TABLE clustered (c INT); DESCRIBE DETAIL clustered", "\"clusteringColumns\":\"[]\"");
    expect_error(w, "CREATE TABLE c2 (a INT) CLUSTER BY AUTO", "CLUSTER BY AUTO");
    expect_error(w, "CREATE TABLE c2 (a INT) CLUSTER BY (a + 1)", "takes names of columns");
    expect_error(w, "ALTER TABLE ct CLUSTER BY (a + 1)", "takes names of columns");
    expect_error(w, "CREATE TABLE c2 (a INT) CLUSTER BY (nope)", "no column 'nope'");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(explain_shows_a_plan_and_runs_nothing), TEST(describe_tells_columns), TEST(properties_change),
        TEST(transactions_are_taken_and_change_nothing), TEST(values_of_session_and_clock),
        TEST(functions_without_an_oracle), TEST(a_struct_wider_than_from_json_reads_is_refused), TEST(settings_that_would_be_ignored_are_refused),
        TEST(new_tables_are_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
