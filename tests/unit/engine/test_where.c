/* Which files a condition can be met in, as it is told to the lake; that DELETE, UPDATE and MERGE lose no row by it; and how
 * conditions are written into history. */
#include "engine/where.h"
#include "world.h"

static void put(struct buf *out, const struct lake_predicate *p)
{
    static const char *const words[] = {
        [LAKE_EQ] = "=", [LAKE_NE] = "!=", [LAKE_LT] = "<", [LAKE_LE] = "<=", [LAKE_GT] = ">", [LAKE_GE] = ">=", [LAKE_IN] = "in", [LAKE_NOT_IN] = "not in",
        [LAKE_STARTS_WITH] = "starts", [LAKE_IS_NULL] = "null", [LAKE_NOT_NULL] = "not null", [LAKE_AND] = "and", [LAKE_OR] = "or", [LAKE_NOT] = "not",
        [LAKE_ANY] = "?"};
    buf_z(out, p->op == LAKE_ANY ? "?" : "(");
    if (p->op == LAKE_ANY)
        return;
    buf_printf(out, "%s%s%.*s", words[p->op], p->column.len ? " " : "", STR_ARGS(p->column));
    for (size_t i = 0; i < p->value_count; i++)
        buf_printf(out, " %.*s", STR_ARGS(p->values[i]));
    for (size_t i = 0; i < p->arg_count; i++) {
        buf_char(out, ' ');
        put(out, p->args[i]);
    }
    buf_char(out, ')');
}

static int no_leaf(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    (void)ctx, (void)a, (void)leaf, (void)out;
    return err_set(err, ERR_UNSUPPORTED, "a table");
}

static const char schema_ddl[] = "i INT, l BIGINT, d DECIMAL(10,2), f FLOAT, x DOUBLE, v STRING, day DATE, ts TIMESTAMP, b BOOLEAN, bin BINARY,"
                                 " s STRUCT<a: INT, `p.q`: INT>, `w.a` INT, w STRUCT<a: INT>, `odd = 1 or b` BOOLEAN, src INT";

static void conditions_are_told(void **state)
{
    (void)state;
    static const struct { const char *condition, *told; } cases[] = {
        {"i = 5", "(= i 5)"},
        {"5 < i", "(> i 5)"},
        {"i = 5L", "(= i 5)"},
        {"i < 2.5", "(< i 2.5)"},
        {"i < -2.5D", "(< i -2.5)"},
        {"l < 2.5D", "?"},                        /* a BIGINT as a double may lose digits */
        {"l = -5", "(= l -5)"},
        {"d >= 1.5", "(>= d 1.5)"},
        {"f > 0.1D", "?"},                        /* a float's text is another number's */
        {"x = 1e10D", "(= x 10000000000)"},
        {"x > double('nan')", "?"},
        {"v = 'a''b\\'c'", "(= v a'b'c)"},
        {"v != 'x'", "(!= v x)"},
        {"v = 5", "?"},                           /* the column is cast, not the constant */
        {"v LIKE 'ab%'", "(starts v ab)"},
        {"v LIKE 'a_b%'", "?"},
        {"v LIKE 'ab'", "?"},
        {"startswith(v, 'ab')", "(starts v ab)"},
        {"day = '2024-01-02'", "(= day 2024-01-02)"},
        {"day = '2024-1-2'", "?"},
        {"day > DATE'2024-01-02'", "(> day 2024-01-02)"},
        {"ts >= TIMESTAMP'2024-01-02 03:04:05'", "(>= ts 2024-01-02 03:04:05)"},
        {"ts >= TIMESTAMP'2024-01-02 03:04:05+02:00'", "(>= ts 2024-01-02T01:04:05.000000Z)"},
        {"ts >= '2024-01-02'", "(>= ts 2024-01-02)"},
        {"ts >= '2024-01-02 03:04:05 America/New_York'", "?"},
        {"b", "(= b true)"},
        {"NOT b", "(not (= b true))"},
        {"b = false", "(= b false)"},
        {"`odd = 1 or b`", "(= odd = 1 or b true)"},
        {"i <=> 5", "(and (= i 5) (not null i))"},
        {"i <=> NULL", "?"},
        {"i = NULL", "?"},
        {"i IN (1, 2)", "(in i 1 2)"},
        {"i IN (1, NULL)", "?"},
        {"i IN (1, l)", "?"},
        {"v IN ('a', 'b')", "(in v a b)"},
        {"i BETWEEN 1 AND 3", "(and (>= i 1) (<= i 3))"},
        {"i BETWEEN 1 AND l", "(and (>= i 1) ?)"},
        {"i IS NULL", "(null i)"},
        {"v IS NOT NULL", "(not null v)"},
        {"s.a = 3", "(= s.a 3)"},
        {"s.a IS NULL", "?"},
        {"s.`p.q` = 3", "?"},
        {"w.a = 3", "?"},                         /* w.a is a column's name as well */
        {"`w.a` = 3", "(= w.a 3)"},
        {"bin = X'01'", "?"},
        {"src = 1", "?"},                         /* not a column of the target */
        {"i = src", "?"},
        {"i = 1 AND src = 2", "(and (= i 1) ?)"},
        {"i = 1 OR src = 2", "(or (= i 1) ?)"},
        {"abs(i) = 1", "?"},
        {"rand() < 2", "?"},
        {"true", "?"},
        {"i + 1 = 2", "?"},
        {"NOT (i = 1 OR abs(i) = 2)", "(not (or (= i 1) ?))"},
    };
    struct arena *a = arena_new();
    struct err err = {0};
    int wrong = 0;
    const struct type *schema = type_read_ddl(a, str_z(schema_ddl), &err);
    assert_non_null(schema);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct resolver env = {.leaf = no_leaf, .ansi = true};
        const struct expr *parsed = sparksql_expr(a, "test", str_z(cases[i].condition), &err);
        const struct expr *e = parsed ? plan_resolve_expr(a, parsed, schema, &env, &err) : NULL;
        struct buf out;
        if (!e)
            fail_msg("%s: %s", cases[i].condition, err.msg);
        buf_init(&out);
        put(&out, where_predicate(a, e, schema, schema->field_count - 1));
        if (!str_eqz(buf_view(&out), cases[i].told)) {
            print_message("%s is told as %s, not %s\n", cases[i].condition, out.ptr, cases[i].told);
            wrong++;
        }
        buf_release(&out);
    }
    arena_free(a);
    assert_int_equal(wrong, 0);
}

/* Text that is read back gives the same text: nothing is lost on the way into history. */
static void conditions_are_written(void **state)
{
    (void)state;
    static const struct { const char *condition, *written; } cases[] = {
        {"t.id = src.id and `odd name`.x<>'it''s'", NULL},
        {"id == 5 or not b", "((id = 5) OR (NOT b))"},
        {"t.id = src.id", "(t.id = src.id)"},
        {"v <> 'it\\'s \\\\ x'", "(NOT (v = 'it\\'s \\\\ x'))"},
        {"`odd = 1` is not null", "(`odd = 1` IS NOT NULL)"},
        {"i between 1 and 2L", "(i BETWEEN 1 AND 2L)"},
        {"v like 'a%' and v not rlike 'b+'", "((v LIKE 'a%') AND (NOT (v RLIKE 'b+')))"},
        {"x > 1.5D and d < 1.5", "((x > 1.5D) AND (d < 1.5))"},
        {"day in (date'2024-01-02', null)", "(day IN (DATE '2024-01-02', NULL))"},
        {"ts > timestamp'2024-01-02 03:04:05'", NULL},
        {"cast(i as bigint) + int(v) = -1", NULL},
        {"case when b then 'x' else 'y' end = substring(v, 1, 2)", "(CASE WHEN b THEN 'x' ELSE 'y' END = substring(v, 1, 2))"},
        {"exists(arr, x -> x > 1) and s.a[0] = 2", NULL},
        {"extract(year from day) = 2024", NULL},
        {"a <=> b", "(a <=> b)"},
    };
    struct arena *a = arena_new();
    struct err err = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct expr *e = sparksql_expr(a, "test", str_z(cases[i].condition), &err);
        assert_non_null(e);
        struct str once = where_text(a, e);
        if (cases[i].written && !str_eqz(once, cases[i].written))
            fail_msg("%s is written as %.*s", cases[i].condition, STR_ARGS(once));
        const struct expr *again = sparksql_expr(a, "test", once, &err);
        if (!again || !str_eq(where_text(a, again), once))
            fail_msg("%s is written as %.*s, which reads back as %.*s %s", cases[i].condition, STR_ARGS(once),
                     STR_ARGS(again ? where_text(a, again) : STR("")), again ? "" : err.msg);
    }
    arena_free(a);
}

static int64_t first_number(struct world *w, const char *sql)
{
    struct buf out;
    int64_t n = -1;
    run(w, sql, &out);
    const char *colon = strchr(out.ptr, ':');
    assert_non_null(colon);
    n = strtoll(colon + 1, NULL, 10);
    buf_release(&out);
    return n;
}

/* Each condition deletes and updates as many rows as a query finds, which looks at every file. */
static void no_row_is_lost(void **state)
{
    struct world *w = *state;
    static const char *const conditions[] = {
        "i = 3", "i <> 3", "NOT (i <=> 3)", "i <=> 3", "i < 2.5", "2.5 > i", "i IN (1, 2, NULL)", "i NOT IN (1, 2)", "i IS NULL", "i IS NOT NULL",
        "f < 0.7D", "f > 0.1D", "f = 0.5D", "x >= -0.0D", "x < double('infinity')", "x = double('nan')", "d = 1.5", "d > 1", "v = ''", "v LIKE 'ab%'",
        "v NOT LIKE 'ab%'", "v > 'abc'", "v >= 'b'", "day = '2024-01-02'", "day > '2024-01-01'", "day <= DATE'2024-01-02'",
        "ts > TIMESTAMP'2024-01-02 03:04:05.123'", "ts <= TIMESTAMP'2024-01-02 03:04:05.123456'", "ts = '2024-01-02 03:04:05.123456'",
        "b", "NOT b", "b IS NULL", "b <=> NULL", "p = 'x'", "p <> 'x'", "p IS NULL", "p > 'x'", "p IN ('x', 'y') AND i > 1", "p = 'x' OR i = 3",
        "NOT (p = 'x' AND i = 1)", "NOT (p = 'x' OR i IS NULL)", "`odd = 1 or p` = 1", "s.a = 2", "s.a <> 2", "s IS NULL", "s.a IS NULL", "s IS NOT NULL",
        "i = (SELECT max(i) FROM t)", "i BETWEEN 2 AND 3", "i NOT BETWEEN 2 AND 3", "q = 2", "q < 1.5", "q = '2'", "q <> 7L",
    };
    expect_ok(w, "CREATE TABLE t (i INT, f FLOAT, x DOUBLE, d DECIMAL(10,2), v STRING, day DATE, ts TIMESTAMP, b BOOLEAN, s STRUCT<a: INT>, `odd = 1 or p` INT,"
                 " p STRING, q SMALLINT) PARTITIONED BY (p, q) TBLPROPERTIES (delta.columnMapping.mode = 'name');"
                 "INSERT INTO t VALUES (1, 0.1, 0, 1.5, 'abc', DATE'2024-01-01', TIMESTAMP'2024-01-02 03:04:05.123456', true, named_struct('a', 1), 1, 'x', 1);"
                 "INSERT INTO t VALUES (2, 0.7, -1.5, 2.5, 'ab', DATE'2024-01-02', TIMESTAMP'2024-01-02 03:04:05', false, named_struct('a', NULL), 2, 'y', 2);"
                 "INSERT INTO t VALUES (3, 0.5, double('nan'), NULL, '', NULL, NULL, NULL, NULL, NULL, 'y', 2);"
                 "INSERT INTO t VALUES (NULL, NULL, NULL, -1, NULL, NULL, NULL, true, named_struct('a', 2), 1, NULL, NULL);"
                 "INSERT INTO t VALUES (4, 2, 3, 4, 'b', DATE'2025-01-01', now(), false, named_struct('a', 2), 1, 'z', 7)");
    for (size_t i = 0; i < COUNT_OF(conditions); i++) {
        char sql[500];
        snprintf(sql, sizeof sql, "SELECT count(*) AS n FROM t WHERE %s", conditions[i]);
        int64_t found = first_number(w, sql);
        static const char *const changes[] = {"UPDATE t SET v = 'new' WHERE ", "DELETE FROM t WHERE "};
        for (size_t k = 0; k < COUNT_OF(changes); k++) {
            snprintf(sql, sizeof sql, "%s%s", changes[k], conditions[i]);
            int64_t changed = first_number(w, sql);
            if (changed != found)
                fail_msg("%s: %jd rows, a query finds %jd", sql, (intmax_t)changed, (intmax_t)found);
            expect_ok(w, "RESTORE TABLE t TO VERSION AS OF 5");
        }
        snprintf(sql, sizeof sql, "MERGE INTO t USING (SELECT 1 AS one) src ON %s WHEN MATCHED THEN DELETE", conditions[i]);
        if (!strstr(sql, "(SELECT max")) {
            int64_t merged = first_number(w, sql);
            if (merged != found)
                fail_msg("%s: %jd rows, a query finds %jd", sql, (intmax_t)merged, (intmax_t)found);
            expect_ok(w, "RESTORE TABLE t TO VERSION AS OF 5");
        }
    }
}

/* What a condition rules out is not read: here it is not even there. */
static void files_ruled_out_are_not_read(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    char dir[200];
    expect_ok(w, "CREATE TABLE gone (id INT, v INT, p STRING) PARTITIONED BY (p); INSERT INTO gone VALUES (1, 1, 'x'), (2, 2, 'x'), (3, 3, 'x'), (4, 4, 'y')");
    snprintf(dir, sizeof dir, "%s/lake/main/default/gone/p=y", w->dir);
    assert_true(fs_exists(dir));
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    expect(w, "DELETE FROM gone AS g WHERE g.p = 'x' AND g.id = 1", "{\"num_affected_rows\":1}");
    expect(w, "UPDATE gone SET v = 7 WHERE id < 3", "{\"num_affected_rows\":1}");
    expect(w, "MERGE INTO gone g USING (SELECT 2 AS id) s ON g.id = s.id AND g.p = 'x' WHEN MATCHED THEN UPDATE SET v = 8 WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
           "{\"num_affected_rows\":1,\"num_updated_rows\":1,\"num_deleted_rows\":0,\"num_inserted_rows\":0}");
    expect_ok(w, "INSERT INTO gone REPLACE WHERE p = 'x' AND id = 3 VALUES (3, 9, 'x')");
    expect_error(w, "DELETE FROM gone WHERE id = 4", "p=y");
}

static void history_is_spark_sql(void **state)
{
    struct world *w = *state;
    expect_ok(w, "CREATE TABLE h (id INT, v STRING); INSERT INTO h VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    expect_part(w, "DELETE FROM h WHERE id = 1 AND v <> 'x'; DESCRIBE HISTORY h", "((id = 1) AND (NOT (v = 'x')))");
    expect_part(w, "UPDATE h SET v = 'z' WHERE h.id > 2; DESCRIBE HISTORY h", "(h.id > 2)");
    expect_part(w, "MERGE INTO h AS t USING (SELECT 2 AS id) src ON t.id = src.id WHEN MATCHED AND t.v LIKE 'b%' THEN DELETE; DESCRIBE HISTORY h",
                "(t.id = src.id)");
    expect_part(w, "DESCRIBE HISTORY h", "(t.v LIKE 'b%')");
    expect_part(w, "INSERT INTO h REPLACE WHERE id = 3 VALUES (3, 'n'); DESCRIBE HISTORY h", "(id = 3)");
    expect_error(w, "INSERT INTO h REPLACE WHERE id = 3 VALUES (4, 'n')", "(id = 3)");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_told), cmocka_unit_test(conditions_are_written), TEST(no_row_is_lost), TEST(files_ruled_out_are_not_read), TEST(history_is_spark_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
