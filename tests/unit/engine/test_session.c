/* Statements over a catalog in a temporary state: what a user types, and the rows that come back. */
#include "base/log.h"
#include "world.h"

static void tables_hold_what_was_inserted(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE SCHEMA shop; CREATE TABLE shop.t (id INT NOT NULL, name STRING, price DECIMAL(10,2));"
              "INSERT INTO shop.t VALUES (1, 'a', 1.5), (2, 'b', 2.25); INSERT INTO shop.t (name, id) VALUES ('c', 3);"
              "SELECT * FROM shop.t ORDER BY id",
           "{\"id\":1,\"name\":\"a\",\"price\":1.50}{\"id\":2,\"name\":\"b\",\"price\":2.25}{\"id\":3,\"name\":\"c\",\"price\":null}");
    expect(w, "INSERT OVERWRITE shop.t SELECT 9, 'z', 0; SELECT count(*) AS n, max(id) AS m FROM main.shop.t", "{\"n\":1,\"m\":9}");
    expect(w, "SELECT id FROM shop.t VERSION AS OF 1 ORDER BY id", "{\"id\":1}{\"id\":2}");
    expect(w, "CREATE TABLE shop.u AS SELECT id + 1 AS next FROM shop.t; SELECT next FROM shop.u", "{\"next\":10}");
    expect_error(w, "INSERT INTO shop.t VALUES (1)", "INSERT_COLUMN_ARITY_MISMATCH");
    expect_error(w, "CREATE TABLE shop.t (a INT)", "TABLE_OR_VIEW_ALREADY_EXISTS");
    expect_error(w, "SELECT *\n  FROM shop.missing", "test.sql:2:8");
    expect_error(w, "SELECT * FROM STREAM(shop.t)", "pipeline");
}

static void tables_are_read_as_they_were(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE SCHEMA v; CREATE TABLE v.t (id INT) TBLPROPERTIES (delta.enableChangeDataFeed = true); INSERT INTO v.t VALUES (1);"
              "INSERT INTO v.t VALUES (2); INSERT OVERWRITE v.t SELECT 3; SELECT id FROM v.t", "{\"id\":3}");
    expect(w, "SELECT id FROM v.t VERSION AS OF 1", "{\"id\":1}");
    expect(w, "SELECT id FROM v.t@v1", "{\"id\":1}");
    expect(w, "SELECT count(*) AS n FROM v.t FOR VERSION AS OF 2", "{\"n\":2}");
    expect(w, "SELECT id FROM v.t WITH (versionAsOf = '1')", "{\"id\":1}");
    expect_error(w, "SELECT id FROM v.t TIMESTAMP AS OF '2001-01-01'", "earliest");
    expect_error(w, "SELECT id FROM v.t TIMESTAMP AS OF current_timestamp() + INTERVAL 1 DAY", "DELTA_TIMESTAMP_GREATER_THAN_COMMIT");
    expect_error(w, "SELECT id FROM v.t TIMESTAMP AS OF date_sub(current_date(), 7)", "earliest");
    expect_error(w, "SELECT id FROM v.t WITH (timestampAsOf = '2999-01-01')", "DELTA_TIMESTAMP_GREATER_THAN_COMMIT");
    expect_error(w, "SELECT id FROM v.t WITH (timestampAsOf = 'soon')", "timestampAsOf");
    expect_error(w, "SELECT id FROM v.t WITH (versionAsOf = 'x')", "versionAsOf");
    expect_error(w, "SELECT id FROM v.t WITH (versionAsOf = '1') VERSION AS OF 2", "MULTIPLE_TIME_TRAVEL_SPEC");
    expect_error(w, "SELECT id FROM v.t WITH (versionOf = '1')", "unknown option of a Delta table 'versionOf'");
    expect_error(w, "SELECT id FROM v.t WITH (startingVersion = '1')", "readChangeFeed");
    expect(w, "SELECT id FROM v.t WITH (maxFilesPerTrigger = '1')", "{\"id\":3}");
    expect_error(w, "CREATE VIEW v.w AS SELECT 1 AS x; SELECT * FROM v.w VERSION AS OF 1", "UNSUPPORTED_FEATURE.TIME_TRAVEL");
    expect(w, "SELECT id, _change_type AS c, _commit_version AS v FROM table_changes('v.t', 1, 2) ORDER BY v",
           "{\"id\":1,\"c\":\"insert\",\"v\":1}{\"id\":2,\"c\":\"insert\",\"v\":2}");
    expect(w, "SELECT id, _change_type AS c FROM v.t WITH (readChangeFeed = 'true', startingVersion = '3') ORDER BY id",
           "{\"id\":1,\"c\":\"delete\"}{\"id\":2,\"c\":\"delete\"}{\"id\":3,\"c\":\"insert\"}");
    expect(w, "SELECT count(*) AS n FROM table_changes('v.t', '2001-01-01')", "{\"n\":5}");
    expect_error(w, "SELECT * FROM v.t WITH (readChangeFeed = 'true')", "startingVersion");
}

static void empty_collections_have_void_elements(void **state)
{
    struct world *w = *state;
    expect(w, "SELECT array() AS a, typeof(array()) AS t, typeof(map()) AS m, size(array()) AS n, array_append(array(), 'x') AS x",
           "{\"a\":[],\"t\":\"array<void>\",\"m\":\"map<void,void>\",\"n\":0,\"x\":[\"x\"]}");
    expect(w, "SELECT array() AS a UNION ALL SELECT array(1)", "{\"a\":[]}{\"a\":[1]}");
    expect(w, "SELECT s, s.a FROM (SELECT if(id = 1, named_struct('a', id), NULL) AS s FROM range(0, 2))",
           "{\"s\":null,\"a\":null}{\"s\":{\"a\":1},\"a\":1}");
    expect_error(w, "CREATE TABLE main.default.void AS SELECT array() AS a", "void");
}

static void views_keep_their_own_names(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t AS SELECT 1 AS x; USE a; CREATE VIEW v AS SELECT x * 2 AS y FROM t;"
              "USE b; SELECT y FROM a.v", "{\"y\":2}");
    expect(w, "CREATE TEMPORARY VIEW tv AS SELECT y + 1 AS z FROM a.v; SELECT z FROM tv", "{\"z\":3}");
    expect(w, "CREATE OR REPLACE VIEW a.v AS SELECT 5 AS y; SELECT z FROM tv", "{\"z\":6}");
    expect(w, "DROP VIEW a.v; SHOW TABLES IN a", "{\"namespace\":\"a\",\"tableName\":\"t\",\"isTemporary\":false}{\"namespace\":\"\",\"tableName\":\"tv\",\"isTemporary\":true}");
}

static void files_are_read_as_spark_reads_them(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    struct arena *a = arena_new();
    assert_int_equal(fs_mkdirs(path_join(a, w->dir, "storage/acct/landing/in"), &err), 0);
    assert_int_equal(fs_write_file(path_join(a, w->dir, "storage/acct/landing/in/a.csv"),
                                   STR("id,name,day\n1,\"x, y\",2024-01-02\n2,,not a day\noops,z,2024-01-03\n"), &err), 0);
    assert_int_equal(fs_write_file(path_join(a, w->dir, "storage/acct/landing/in/_hidden.csv"), STR("id\n7\n"), &err), 0);
    expect(w, "SELECT id, name, day, _rescued_data IS NOT NULL AS bad, _metadata.file_name AS f FROM read_files("
              "'abfss://landing@acct.dfs.core.windows.net/in', format => 'csv', header => true, schema => 'id INT, name STRING, day DATE',"
              " rescuedDataColumn => '_rescued_data') ORDER BY name",
           "{\"id\":2,\"name\":null,\"day\":null,\"bad\":true,\"f\":\"a.csv\"}{\"id\":1,\"name\":\"x, y\",\"day\":\"2024-01-02\",\"bad\":false,\"f\":\"a.csv\"}"
           "{\"id\":null,\"name\":\"z\",\"day\":\"2024-01-03\",\"bad\":true,\"f\":\"a.csv\"}");
    expect_error(w, "SELECT * FROM read_files('/x', format => 'orc')", "not supported");
    expect_error(w, "SELECT * FROM read_files('/x', fromat => 'csv')", "unknown option");
    arena_free(a);
}

/* Runs `sql` over the files in.csv and in.json of the world's folder; {DIR} stands for it. */
static void expect_files(struct world *w, const char *csv, const char *json, const char *sql, const char *rows, const char *message)
{
    struct err err = {0};
    struct arena *a = arena_new();
    struct buf text;
    buf_init(&text);
    assert_int_equal(fs_write_file(path_join(a, w->dir, "in.csv"), str_z(csv), &err), 0);
    assert_int_equal(fs_write_file(path_join(a, w->dir, "in.json"), str_z(json), &err), 0);
    for (const char *at = strstr(sql, "{DIR}"); at; sql = at + 5, at = strstr(sql, "{DIR}")) {
        buf_add(&text, sql, (size_t)(at - sql));
        buf_z(&text, w->dir);
    }
    buf_z(&text, sql);
    if (message)
        expect_error(w, text.ptr, message);
    else
        expect(w, text.ptr, rows);
    buf_release(&text);
    arena_free(a);
}

#define WIDE_CSV "id,name\n1,a\n2,b,c,d\nx,e\n4\n"
#define READ_CSV "SELECT * EXCEPT (_rescued_data), replace(_rescued_data, '{DIR}', '') AS r FROM read_files('{DIR}/in.csv', format => 'csv', header => true"

static void what_does_not_fit_is_rescued(void **state)
{
    struct world *w = *state;
    expect_files(w, WIDE_CSV, "", READ_CSV ", schema => 'id INT, name STRING', rescuedDataColumn => '_rescued_data')",
                 "{\"id\":1,\"name\":\"a\",\"r\":null}"
                 "{\"id\":2,\"name\":\"b\",\"r\":\"{\\\"_c2\\\":\\\"c\\\",\\\"_c3\\\":\\\"d\\\",\\\"_file_path\\\":\\\"file:///in.csv\\\"}\"}"
                 "{\"id\":null,\"name\":\"e\",\"r\":\"{\\\"id\\\":\\\"x\\\",\\\"_file_path\\\":\\\"file:///in.csv\\\"}\"}"
                 "{\"id\":4,\"name\":null,\"r\":null}", NULL);
    /* Columns that the schema leaves out, and one whose case differs, are rescued by their names. */
    expect_files(w, "ID,name,extra\n1,a,x\n", "", READ_CSV ", schema => 'id INT, name STRING, _rescued_data STRING')",
                 "{\"id\":null,\"name\":\"a\",\"r\":\"{\\\"ID\\\":\\\"1\\\",\\\"extra\\\":\\\"x\\\",\\\"_file_path\\\":\\\"file:///in.csv\\\"}\"}", NULL);
    /* What is rescued is not malformed; a row that is too short is. */
    expect_files(w, WIDE_CSV, "", READ_CSV ", schema => 'id INT, name STRING', rescuedDataColumn => '_rescued_data', mode => 'DROPMALFORMED') WHERE _rescued_data IS NULL",
                 "{\"id\":1,\"name\":\"a\",\"r\":null}", NULL);
    expect_files(w, WIDE_CSV, "", READ_CSV ", schema => 'id INT, name STRING', rescuedDataColumn => '_rescued_data', mode => 'FAILFAST')", NULL,
                 "in.csv:5:1: Malformed records");
    expect_files(w, WIDE_CSV, "", "SELECT * FROM read_files('{DIR}/in.csv', format => 'csv', header => true, schema => 'id INT, name STRING', mode => 'FAILFAST')", NULL,
                 "in.csv:3:1: Malformed records");
    expect_files(w, WIDE_CSV, "", "SELECT id FROM read_files('{DIR}/in.csv', format => 'csv', header => true, schema => 'id INT, name STRING', mode => 'DROPMALFORMED')",
                 "{\"id\":1}", NULL);
    expect_files(w, "", "{\"a\":1,\"b\":2}\n{\"a\":\n{\"a\":\"x\"}\n",
                 "SELECT a, replace(_rescued_data, '{DIR}', '') AS r FROM read_files('{DIR}/in.json', format => 'json', schema => 'a INT, _rescued_data STRING')",
                 "{\"a\":1,\"r\":\"{\\\"b\\\":2,\\\"_file_path\\\":\\\"file:///in.json\\\"}\"}"
                 "{\"a\":null,\"r\":\"{\\\"_corrupt_record\\\":\\\"{\\\\\\\"a\\\\\\\":\\\",\\\"_file_path\\\":\\\"file:///in.json\\\"}\"}"
                 "{\"a\":null,\"r\":\"{\\\"a\\\":\\\"x\\\",\\\"_file_path\\\":\\\"file:///in.json\\\"}\"}", NULL);
    /* A file source twice in a statement, through a CTE. */
    expect_files(w, WIDE_CSV, "", "WITH f AS (SELECT * FROM read_files('{DIR}/in.csv', format => 'csv', header => true, schema => 'id INT, name STRING')) "
                 "SELECT count(*) AS n, (SELECT max(id) FROM f) AS m FROM f JOIN f AS g ON f.id = g.id", "{\"n\":3,\"m\":4}", NULL);
    expect_files(w, "", "", "SELECT * FROM read_files('{DIR}/in.csv', format => 'csv', badRecordsPath => '/x', schema => 'a INT')", NULL, "badRecordsPath");
    expect_files(w, "", "", "SELECT * FROM read_files('{DIR}/in.csv', format => 'csv', encoding => 'UTF-16', schema => 'a INT')", NULL, "UTF-16");
}

static void keep_line(void *ctx, enum log_level level, struct str line)
{
    (void)level;
    buf_str(ctx, line);
}

static void what_nobody_keeps_is_told(void **state)
{
    struct world *w = *state;
    struct buf said;
    buf_init(&said);
    log_set_level(LOG_WARN);
    log_set_sink(keep_line, &said);
    expect_files(w, WIDE_CSV, "", "SELECT * FROM read_files('{DIR}/in.csv', format => 'csv', header => true, schema => 'id INT, name STRING')",
                 "{\"id\":1,\"name\":\"a\"}{\"id\":2,\"name\":\"b\"}{\"id\":null,\"name\":\"e\"}{\"id\":4,\"name\":null}", NULL);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(said.ptr, "rows=1 first_line=3"));
    assert_non_null(strstr(said.ptr, "line=4 column=id value=x so_far=1"));
    buf_release(&said);
}

static void hexadecimal_digits_are_as_many_as_the_type_has(void **state)
{
    expect(*state, "SELECT format_string('%x|%x|%x|%x', -1, CAST(-1 AS TINYINT), 255S, -1L) AS x", "{\"x\":\"ffffffff|ff|ff|ffffffffffffffff\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hexadecimal_digits_are_as_many_as_the_type_has, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_rescued, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_keeps_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_are_read_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_collections_have_void_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_hold_what_was_inserted, setup, teardown),
        cmocka_unit_test_setup_teardown(views_keep_their_own_names, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_read_as_spark_reads_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
