/* Whole bodies of SQL: the example project, and (if the data is there) the queries whose answers
 * Spark gave. Also what must hold of every text: places inside it, no text that stops the parser.
 */
#include "sparksql/sparksql.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_MAX = 8 << 20 };

static void parse_file(struct arena *a, const char *path)
{
    struct buf text;
    struct err err;
    struct cell *cells;
    char where[900];
    buf_init(&text);
    assert_int_equal(fs_read_file(path, FILE_MAX, &text, &err), 0);
    int64_t n = sparksql_cells(a, buf_view(&text), &cells);
    assert_true(n > 0);
    for (int64_t i = 0; i < n; i++) {
        struct stmts list;
        if (!cells[i].magic &&
            sparksql_parse(a, path, cells[i].line, cells[i].text, &list, &err) < 0)
            fail_msg("%s", err_text(&err, where, sizeof where));
    }
    buf_release(&text);
}

static void example_project(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err;
    char **paths;
    int parsed = 0;
    int64_t n = fs_walk(a, "examples/retail", &paths, &err);
    assert_true(n > 0);
    for (int64_t i = 0; i < n; i++) {
        if (!str_ends_z(str_z(paths[i]), ".sql"))
            continue;
        parse_file(a, path_join(a, "examples/retail", paths[i]));
        parsed++;
    }
    assert_true(parsed >= 10);
    arena_free(a);
}

/* Spark refuses one of them while parsing; its answer is then a bare "ERR ". */
static void spark_traps(void **state)
{
    (void)state;
    static const char *const path = "../shared/data/spark_traps.json";
    if (!fs_exists(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    struct arena *a = arena_new();
    struct buf text;
    struct err err;
    buf_init(&text);
    assert_int_equal(fs_read_file(path, FILE_MAX, &text, &err), 0);
    struct doc *d = doc_json(a, path, buf_view(&text), &err);
    assert_non_null(d);
    const struct doc *list = doc_get(d, "cases");
    assert_int_equal(list->count, 206);
    for (size_t i = 0; i < list->count; i++) {
        struct str q = doc_str(doc_get(list->items[i], "q"), STR_NONE);
        struct str answer = doc_str(doc_get(list->items[i], "spark"), STR_NONE);
        struct stmts stmts;
        int rc = sparksql_parse(a, path, 1, q, &stmts, &err);
        if (rc < 0 && !str_eqz(answer, "ERR "))
            fail_msg("%.*s: %s", STR_ARGS(q), err.msg);
    }
    buf_release(&text);
    arena_free(a);
}

/* A text cut at any byte parses or gives one error whose place lies inside it. */
static void every_prefix(void **state)
{
    (void)state;
    static const char *const sql =
        "WITH c(a, b) AS (SELECT `x y`, 'it''s' || \"q\" FROM t TABLESAMPLE (10 PERCENT) AS u)\n"
        "SELECT DISTINCT CASE WHEN a IN (1, 2) THEN CAST(b AS array<struct<k: int>>)[0].k ELSE "
        "-1.5e3 END AS `é`,\n"
        "  sum(x) FILTER (WHERE y) OVER (PARTITION BY a ORDER BY b DESC NULLS LAST ROWS BETWEEN 1 "
        "PRECEDING AND CURRENT ROW),\n"
        "  transform(v, (e, i) -> e + i), interval '1 02:03:04' day to second /* c /* d */ */\n"
        "FROM c LEFT JOIN LATERAL (SELECT * EXCEPT (z) FROM d) e USING (a, b) LATERAL VIEW OUTER "
        "explode(m) g AS k, v\n"
        "WHERE NOT EXISTS (SELECT 1) GROUP BY GROUPING SETS ((a), ()) HAVING count(*) > 1 ORDER BY "
        "1 LIMIT 5 OFFSET 2;\n"
        "CREATE OR REFRESH STREAMING TABLE s (CONSTRAINT k EXPECT (a > 0) ON VIOLATION DROP ROW) "
        "AS SELECT * FROM STREAM(r);\n"
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN "
        "INSERT *";
    struct str whole = str_z(sql);
    size_t good = 0;
    for (size_t n = 0; n <= whole.len; n++) {
        struct arena *a = arena_new();
        struct stmts list;
        struct err err = {0};
        if (sparksql_parse(a, "p", 1, str_sub(whole, 0, n), &list, &err) == 0) {
            good++;
        } else {
            assert_in_range(err.where.line, 1, 8);
            assert_true(err.where.col >= 1 && err.where.col <= 130);
            assert_true(err.msg[0] == '[');
        }
        arena_free(a);
    }
    assert_true(good >= 3);
}

static char *repeat(struct arena *a, const char *before, const char *unit, size_t n,
                    const char *after)
{
    struct buf b;
    buf_init(&b);
    buf_z(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_z(&b, unit);
    buf_z(&b, after);
    char *s = arena_strdup(a, b.ptr);
    buf_release(&b);
    return s;
}

/* Depth is refused by a limit, width is not. */
static void deep_and_wide(void **state)
{
    (void)state;
    static const struct {
        const char *before, *unit;
        size_t n;
        const char *after;
        bool ok;
    } texts[] = {
        {"SELECT ", "(", 100000, "1", false},
        {"SELECT ", "((((((((((", 40, "1", false},
        {"SELECT ", "- ", 100000, "x", false},
        {"SELECT ", "NOT ", 100000, "x", false},
        {"SELECT ", "f(", 100000, "", false},
        {"SELECT ", "CASE WHEN ", 100000, "", false},
        {"SELECT ", "x -> ", 1000, "1", false},
        {"SELECT 1", " + 1", 100000, "", false},
        {"SELECT a", "[0]", 100000, "", false},
        {"SELECT CAST(1 AS ", "array<", 100000, "", false},
        {"", "SELECT * FROM (", 100000, "", false},
        {"SELECT * FROM ", "(", 100000, "t", false},
        {"SELECT * FROM t", " JOIN t", 100000, "", false},
        {"SELECT 1", " UNION SELECT 1", 100000, "", false},
        {"", "EXPLAIN ", 100000, "SELECT 1", false},
        {"SELECT 1 FROM t GROUP BY ", "GROUPING SETS (", 10000, "", false},
        {"SELECT a", " AND a", 100000, "", true},
        {"SELECT a", " OR a", 100000, "", true},
        {"SELECT 'a'", " || 'a'", 100000, "", true},
        {"SELECT 1", ", 1", 100000, "", true},
        {"SELECT 1", " UNION ALL SELECT 1", 20000, "", true},
        {"SELECT x IN (1", ", 1", 100000, ")", true},
        {"VALUES (1)", ", (1)", 100000, "", true},
        {"", "SELECT 1;", 20000, "", true},
        {"SELECT ", "(", 80,
         "1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", true},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct arena *a = arena_new();
        struct stmts list;
        struct err err;
        char *sql = repeat(a, texts[i].before, texts[i].unit, texts[i].n, texts[i].after);
        bool ok = sparksql_parse(a, "deep", 1, str_z(sql), &list, &err) == 0;
        if (ok != texts[i].ok)
            fail_msg("%s%s…: %s", texts[i].before, texts[i].unit, ok ? "parsed" : err.msg);
        arena_free(a);
    }
}

static void bad_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct stmts list;
    struct err err;
    assert_int_equal(sparksql_parse(a, "f.sql", 10, STR("SELECT\n 'a\xFF'"), &list, &err), -1);
    assert_int_equal(err.where.line, 11);
    assert_string_equal(err.where.file, "f.sql");
    assert_non_null(strstr(err.msg, "UTF-8"));
    assert_int_equal(sparksql_parse(a, "f.sql", 1,
                                    STR("\xEF\xBB\xBFSELECT\xC2\xA0"
                                        "1"),
                                    &list, &err),
                     0);
    assert_int_equal(sparksql_parse(a, "f.sql", 1, STR("SELECT ${x}"), &list, &err), -1);
    assert_non_null(strstr(err.msg, "configuration"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_project), cmocka_unit_test(spark_traps),
        cmocka_unit_test(every_prefix), cmocka_unit_test(deep_and_wide),
        cmocka_unit_test(bad_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
