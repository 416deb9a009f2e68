/* What happens to SQL text around the parser: cells of notebooks, parameters, lone queries and
 * expressions, places with a first line of their own. */
#include "sparksql/sparksql.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void notebook(void **state)
{
    (void)state;
    static const char *const text = "-- Databricks notebook source\n" /*  1 */
                                    "-- MAGIC %md\n"                  /*  2 */
                                    "-- MAGIC # Title\n"              /*  3 */
                                    "\n"                              /*  4 */
                                    "-- COMMAND ----------\n"         /*  5 */
                                    "\n"                              /*  6 */
                                    "-- DBTITLE 1,Name\n"             /*  7 */
                                    "SELECT 1;\n"                     /*  8 */
                                    "SELECT\n"                        /*  9 */
                                    "  oops oops oops\n"              /* 10 */
                                    "\n"                              /* 11 */
                                    "-- COMMAND ----------\n"         /* 12 */
                                    "-- MAGIC %python\n"              /* 13 */
                                    "-- MAGIC print(1)\n"             /* 14 */
                                    "-- COMMAND ----------\n"         /* 15 */
                                    "\n"                              /* 16 */
                                    "-- COMMAND ----------\n"         /* 17 */
                                    "-- MAGIC %sql\n"                 /* 18 */
                                    "-- MAGIC SELECT 2\n"             /* 19 */
                                    "-- COMMAND ----------\n"         /* 20 */
                                    "SELECT 3";                       /* 21 */
    struct cell *cells;
    struct stmts list;
    struct err err;
    assert_int_equal(sparksql_cells(arena, str_z(text), &cells), 5);
    assert_true(cells[0].magic && str_eqz(cells[0].language, "md"));
    assert_int_equal(cells[0].line, 2);
    assert_true(str_eqz(cells[0].text, "%md\n# Title\n\n"));
    assert_false(cells[1].magic);
    assert_int_equal(cells[1].line, 8);
    assert_int_equal(sparksql_parse(arena, "n.sql", cells[1].line, cells[1].text, &list, &err), -1);
    assert_int_equal(err.where.line, 10);
    assert_int_equal(err.where.col, 13);
    assert_true(cells[2].magic && str_eqz(cells[2].language, "python"));
    assert_true(str_eqz(cells[2].text, "%python\nprint(1)\n"));
    assert_false(cells[3].magic);
    assert_int_equal(sparksql_parse(arena, "n.sql", cells[3].line, cells[3].text, &list, &err), 0);
    assert_int_equal(list.items[0]->at.line, 19);
    assert_int_equal(cells[4].line, 21);
}

static void plain_file(void **state)
{
    (void)state;
    struct cell *cells;
    assert_int_equal(sparksql_cells(arena, STR("-- a remark\nSELECT 1"), &cells), 1);
    assert_true(!cells[0].magic && cells[0].line == 1);
    assert_true(str_eqz(cells[0].text, "-- a remark\nSELECT 1"));
    assert_int_equal(
        sparksql_cells(
            arena, STR("-- Databricks notebook source\r\n-- COMMAND ----------\r\nSELECT 1\r\n"),
            &cells),
        1);
    assert_int_equal(cells[0].line, 3);
    assert_int_equal(
        sparksql_cells(arena, STR("SELECT 1\n-- COMMAND ----------\nSELECT 2\n"), &cells), 2);
    assert_int_equal(cells[1].line, 3);
}

static bool get(void *ctx, struct str key, struct str *value)
{
    (void)ctx;
    if (str_eqz(key, "a"))
        *value = STR("x");
    else if (str_eqz(key, "s.t"))
        *value = STR("it's");
    else
        return false;
    return true;
}

static void substituted(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } list[] = {{"", ""},
                {"SELECT 1", "SELECT 1"},
                {"${a}", "x"},
                {"'${a}' `${ s.t }` ${a}", "'x' `it's` x"},
                {"${b} ${a", "${b} ${a"},
                {"$ {a} $${a}", "$ {a} $x"},
                {"${}${a}", "${}x"},
                {"{{a}}", "{{a}}"}};
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        buf_clear(&b);
        sparksql_substitute(&b, str_z(list[i].in), get, NULL);
        assert_string_equal(b.ptr, list[i].out);
    }
    static const struct { const char *in, *out; } braces[] = {
        {"{{a}} {{ a }} {{b}} ${a} {{", "'x' 'x' {{b}} ${a} {{"},
        {"USE IDENTIFIER({{s.t}} || '.{{a}}')", "USE IDENTIFIER('it\\'s' || '.x')"},
        {"'it''s \\' {{s.t}}' \"{{s.t}}\" `{{s.t}}` {{s.t}}", "'it''s \\' it\\'s' \"it's\" `it's` 'it\\'s'"},
        {"-- {{a}} '\n{{a}} /* {{a}} ' */ {{a}}", "-- {{a}} '\n'x' /* {{a}} ' */ 'x'"},
    };
    for (size_t i = 0; i < COUNT_OF(braces); i++) {
        buf_clear(&b);
        sparksql_substitute_braces(&b, str_z(braces[i].in), get, NULL);
        assert_string_equal(b.ptr, braces[i].out);
    }
    buf_release(&b);
}

static void identifier_parameters(void **state)
{
    (void)state;
    struct stmts list;
    struct err err;
    struct sparksql_params params = {get, NULL};
    assert_int_equal(sparksql_parse_params(arena, "p", 1,
                                           STR("SELECT :n FROM IDENTIFIER(:a || '.s.t')"), &params,
                                           &list, &err),
                     0);
    struct buf b;
    buf_init(&b);
    plan_dump(&b, list.items[0]->query);
    assert_string_equal(b.ptr, "Project [:n]\n  Table x.s.t\n");
    buf_release(&b);
    assert_int_equal(sparksql_parse_params(arena, "p", 1,
                                           STR("USE SCHEMA IDENTIFIER(concat(:a, '.', :a))"),
                                           &params, &list, &err),
                     0);
    assert_int_equal(list.items[0]->name.count, 2);
    assert_int_equal(
        sparksql_parse_params(arena, "p", 1, STR("USE IDENTIFIER(:b)"), &params, &list, &err), -1);
    assert_non_null(strstr(err.msg, "[UNBOUND_SQL_PARAMETER] parameter :b"));
    assert_int_equal(err.where.col, 16);
    assert_int_equal(sparksql_parse(arena, "p", 1, STR("USE IDENTIFIER(:a)"), &list, &err), -1);
}

static void lone_texts(void **state)
{
    (void)state;
    struct err err;
    assert_non_null(sparksql_query(arena, "q", STR("SELECT a FROM t"), &err));
    assert_null(sparksql_query(arena, "q", STR("SELECT a FROM t;"), &err));
    assert_null(sparksql_query(arena, "q", STR("DROP TABLE t"), &err));
    assert_string_equal(err.msg,
                        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'DROP': expected a query");
    struct expr *e = sparksql_expr(arena, "e", STR("a + 1 AS b -- remark"), &err);
    assert_int_equal(e->kind, EXPR_ALIAS);
    assert_null(sparksql_expr(arena, "e", STR("a + "), &err));
    assert_int_equal(err.where.col, 5);
    assert_null(sparksql_expr(arena, "e", STR("a, b"), &err));
    assert_null(sparksql_expr(arena, "e", STR("sum(a) OVER w"), &err));
}

/* Source texts that others store: of the statement, of its query, of an expectation. */
static void kept_texts(void **state)
{
    (void)state;
    struct stmts list;
    struct err err;
    assert_int_equal(
        sparksql_parse(arena, "k", 1,
                       STR(" /* c */ CREATE VIEW v AS\n SELECT  'a;b' -- x\n FROM t ; ;\nCREATE "
                           "STREAMING TABLE s (CONSTRAINT c EXPECT ( a  > 0 )) AS SELECT 1"),
                       &list, &err),
        0);
    assert_int_equal(list.count, 2);
    assert_true(str_eqz(list.items[0]->text, "CREATE VIEW v AS\n SELECT  'a;b' -- x\n FROM t"));
    assert_true(str_eqz(list.items[0]->query_text, "SELECT  'a;b' -- x\n FROM t"));
    assert_true(str_eqz(list.items[1]->expectations[0].cond_text, "a  > 0"));
    assert_int_equal(list.items[1]->at.line, 4);
    assert_int_equal(list.items[1]->expectations[0].at.col, 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notebook),    cmocka_unit_test(plain_file),
        cmocka_unit_test(substituted), cmocka_unit_test(identifier_parameters),
        cmocka_unit_test(lone_texts),  cmocka_unit_test(kept_texts)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
