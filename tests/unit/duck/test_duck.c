/* duck: statements, results in three styles, streaming, interrupts, errors, functions in C. */
#include "duck/arrow.h"
#include "duck/duck.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct duck *db;
static struct duck_conn *conn;

#define OK(call) do { if (call) { print_error("%s\n", err.msg); fail(); } } while (0)

static int setup(void **state)
{
    (void)state;
    struct err err;
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 512}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    return conn ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    duck_disconnect(conn);
    duck_free(db);
    return 0;
}

/* All rows of a query, values by `style` with '|' between columns and ';' between rows. */
static char *rows(const char *sql, enum duck_style style)
{
    static char text[4096];
    struct err err = {};
    struct buf out;
    buf_init(&out);
    struct duck_result *r = duck_query(conn, str_z(sql), &err);
    if (!r) {
        snprintf(text, sizeof text, "%s: %s", err_code_name(err.code), err.msg);
        buf_release(&out);
        return text;
    }
    int got;
    while ((got = duck_next(r, &err)) > 0) {
        for (size_t row = 0; row < duck_rows(r); row++) {
            if (out.len)
                buf_char(&out, ';');
            for (size_t col = 0; col < duck_cols(r); col++) {
                if (col)
                    buf_char(&out, '|');
                duck_render(r, col, row, style, &out);
            }
        }
    }
    snprintf(text, sizeof text, "%s", got < 0 ? err.msg : out.ptr);
    buf_release(&out);
    duck_result_free(r);
    return text;
}

static void test_styles(void **state)
{
    (void)state;
    static const struct { const char *sql, *json, *text, *pg; } cases[] = {
        {"NULL::INT", "null", "", ""},
        {"true", "true", "true", "t"},
        {"(-128)::TINYINT", "-128", "-128", "-128"},
        {"18446744073709551615::UBIGINT", "18446744073709551615", "18446744073709551615", "18446744073709551615"},
        {"(-170141183460469231731687303715884105728)::HUGEINT", "-170141183460469231731687303715884105728",
         "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"},
        {"1.5::DOUBLE", "1.5", "1.5", "1.5"},
        {"100::DOUBLE", "100.0", "100.0", "100"},
        {"1e7::DOUBLE", "1.0E7", "1.0E7", "10000000"},
        {"1e20::DOUBLE", "1.0E20", "1.0E20", "1e+20"},
        {"1.25e-7::DOUBLE", "1.25E-7", "1.25E-7", "1.25e-07"},
        {"0.001::DOUBLE", "0.001", "0.001", "0.001"},
        {"0.1::FLOAT", "0.1", "0.1", "0.1"},
        {"(0.1::DOUBLE + 0.2::DOUBLE)", "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
        {"'nan'::DOUBLE", "\"NaN\"", "NaN", "NaN"},
        {"'-inf'::DOUBLE", "\"-Infinity\"", "-Infinity", "-Infinity"},
        {"0.05::DECIMAL(10,2)", "0.05", "0.05", "0.05"},
        {"(-12345678901234567890.12)::DECIMAL(38,2)", "-12345678901234567890.12", "-12345678901234567890.12",
         "-12345678901234567890.12"},
        {"7::DECIMAL(4,0)", "7", "7", "7"},
        {"'a\"b'", "\"a\\\"b\"", "a\"b", "a\"b"},
        {"'\\x00\\xFF'::BLOB", "\"AP8=\"", NULL, "\\x00ff"},
        {"DATE '1969-12-31'", "\"1969-12-31\"", "1969-12-31", "1969-12-31"},
        {"TIME '01:02:03.4'", "\"01:02:03.4\"", "01:02:03.4", "01:02:03.4"},
        {"TIMESTAMP '2024-01-02 03:04:05.120'", "\"2024-01-02T03:04:05.12\"", "2024-01-02 03:04:05.12",
         "2024-01-02 03:04:05.12"},
        {"TIMESTAMPTZ '2024-01-02 03:04:05+02'", "\"2024-01-02T01:04:05Z\"", "2024-01-02 01:04:05",
         "2024-01-02 01:04:05+00"},
        {"TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", "\"1969-12-31T23:59:59.999999\"",
         "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"},
        {"'01234567-89ab-cdef-0123-456789abcdef'::UUID", "\"01234567-89ab-cdef-0123-456789abcdef\"",
         "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"},
        {"[1, NULL, 3]", "[1,null,3]", "[1, null, 3]", "{1,NULL,3}"},
        {"['a b', '', 'NULL', 'x']", "[\"a b\",\"\",\"NULL\",\"x\"]", "[a b, , NULL, x]", "{\"a b\",\"\",\"NULL\",x}"},
        {"[[1], [2, 3], []]", "[[1],[2,3],[]]", "[[1], [2, 3], []]", "{{1},{2,3},{}}"},
        {"{'a': 1, 'b': 'x', 'c': NULL::INT}", "{\"a\":1,\"b\":\"x\",\"c\":null}", "{1, x, null}",
         "{\"a\":1,\"b\":\"x\",\"c\":null}"},
        {"MAP {1: 'x', 2: NULL}", "{\"1\":\"x\",\"2\":null}", "{1 -> x, 2 -> null}", "{\"1\":\"x\",\"2\":null}"},
        {"MAP {'k': [{'a': 1}]}", "{\"k\":[{\"a\":1}]}", "{k -> [{1}]}", "{\"k\":[{\"a\":1}]}"},
        {"[1, 2]::INT[2]", "[1,2]", "[1, 2]", "{1,2}"},
        {"'b'::ENUM('a', 'b')", "\"b\"", "b", "b"},
        {"INTERVAL '14 months 3 days 4 hours 5.5 seconds'", "\"1 years 2 months 3 days 4 hours 5.5 seconds\"",
         "1 years 2 months 3 days 4 hours 5.5 seconds", "14 mons 3 days 04:00:05.5"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "SELECT %s", cases[i].sql);
        assert_string_equal(rows(sql, DUCK_AS_JSON), cases[i].json);
        if (cases[i].text)
            assert_string_equal(rows(sql, DUCK_AS_TEXT), cases[i].text);
        assert_string_equal(rows(sql, DUCK_AS_PG), cases[i].pg);
    }
}

/* Values that JSON alone would change. */
static void test_exact_json(void **state)
{
    (void)state;
    static const struct { const char *sql, *text; } cases[] = {
        {"MAP {1: 'x', 2: NULL}", "[{\"key\":1,\"value\":\"x\"},{\"key\":2,\"value\":null}]"},
        {"1.1::FLOAT", "1.100000023841858"},
        {"'nan'::DOUBLE", "\"NaN\""},
        {"12345678901234567890.10::DECIMAL(38,2)", "12345678901234567890.10"},
        {"TIMESTAMPTZ '2024-01-02 03:04:05.12+00'", "\"2024-01-02T03:04:05.120000Z\""},
        {"{'j': '{\"a\":[1, null]}'::JSON, 't': '{}'}", "{\"j\":{\"a\":[1, null]},\"t\":\"{}\"}"},
        {"'\\x00\\xFF'::BLOB", "\"AP8=\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "SELECT %s", cases[i].sql);
        assert_string_equal(rows(sql, DUCK_AS_EXACT), cases[i].text);
    }
}

static void test_columns(void **state)
{
    (void)state;
    struct err err = {};
    const char *sql = "SELECT 1 AS \"a b\", 1.5::DECIMAL(10,2) AS d, {'x y': [1]} AS s, MAP {'k': 1::BIGINT} AS m, "
                      "now() AS t WHERE false";
    for (int describe = 0; describe < 2; describe++) {
        struct duck_result *r = describe ? duck_describe(conn, str_z(sql), &err) : duck_query(conn, str_z(sql), &err);
        assert_non_null(r);
        assert_int_equal(duck_cols(r), 5);
        assert_true(str_eqz(duck_col_name(r, 0), "a b"));
        assert_int_equal(duck_col_type(r, 0), DUCK_I32);
        int precision, scale;
        duck_col_decimal(r, 1, &precision, &scale);
        assert_int_equal(precision, 10);
        assert_int_equal(scale, 2);
        assert_true(str_eqz(duck_col_type_text(r, 1), "DECIMAL(10,2)"));
        assert_true(str_eqz(duck_col_type_text(r, 2), "STRUCT(\"x y\" INTEGER[])"));
        assert_true(str_eqz(duck_col_type_text(r, 3), "MAP(VARCHAR, BIGINT)"));
        assert_int_equal(duck_col_type(r, 4), DUCK_TIMESTAMPTZ);
        assert_true(duck_col_is(r, 3, STR("MAP(VARCHAR, BIGINT)")) && !duck_col_is(r, 3, STR("MAP(VARCHAR, INTEGER)")));
        assert_int_equal(duck_next(r, &err), 0);
        duck_result_free(r);
    }
}

static void test_told_types(void **state)
{
    (void)state;
    struct err err = {};
    static const struct { const char *value; bool told; } cases[] = {
        {"'a'", true}, {"'a'::ENUM('a')", false}, {"'1'::JSON", false}, {"['1'::JSON]", false}, {"{'a': ['x'::ENUM('x')]}", false}, {"{'a': ['x']}", true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new();
        struct duck_result *r = duck_describe(conn, str_fmt(a, "SELECT %s AS v", cases[i].value), &err);
        assert_non_null(r);
        if (duck_col_is(r, 0, duck_col_type_text(r, 0)) != cases[i].told)
            fail_msg("%s", cases[i].value);
        duck_result_free(r);
        arena_free(a);
    }
}

static void test_streaming(void **state)
{
    (void)state;
    struct err err = {};
    struct duck_result *r = duck_query(conn, STR("SELECT i FROM range(200000) t(i)"), &err);
    assert_non_null(r);
    int64_t n = 0, sum = 0;
    int got;
    while ((got = duck_next(r, &err)) > 0)
        for (size_t row = 0; row < duck_rows(r); row++, n++)
            sum += duck_i64(r, 0, row);
    assert_int_equal(got, 0);
    assert_int_equal(n, 200000);
    assert_int_equal(sum, 200000LL * 199999 / 2);
    duck_result_free(r);
    /* A small result is complete at once: other statements do not disturb it. */
    r = duck_query(conn, STR("SELECT 42"), &err);
    OK(duck_exec(conn, STR("CREATE OR REPLACE TABLE t AS SELECT 1 AS a"), &err));
    assert_int_equal(duck_next(r, &err), 1);
    assert_int_equal(duck_i64(r, 0, 0), 42);
    duck_result_free(r);
    /* A large one says so instead of ending early. */
    r = duck_query(conn, STR("SELECT i FROM range(10000000) t(i)"), &err);
    OK(duck_exec(conn, STR("INSERT INTO t VALUES (2)"), &err));
    for (n = 0; (got = duck_next(r, &err)) > 0;)
        n += (int64_t)duck_rows(r);
    assert_int_equal(got, -1);
    assert_true(n < 10000000);
    duck_result_free(r);
    r = duck_query(conn, STR("INSERT INTO t SELECT * FROM range(5)"), &err);
    assert_int_equal(duck_changed(r), 5);
    duck_result_free(r);
    int64_t count;
    bool found;
    OK(duck_scalar_i64(conn, STR("SELECT count(*) FROM t"), &count, &found, &err));
    assert_true(found);
    assert_int_equal(count, 7);
    OK(duck_scalar_i64(conn, STR("SELECT NULL::INT"), &count, &found, &err));
    assert_false(found);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct { const char *sql; enum err_code code; const char *part; } cases[] = {
        {"SELEC 1", ERR_INPUT, "syntax error"},
        {"SELECT nope", ERR_INPUT, "nope"},
        {"SELECT * FROM nope", ERR_INPUT, "nope"},
        {"SELECT 'x'::INT", ERR_USER, "Could not convert string"},
        {"SELECT error('boom')", ERR_USER, "boom"},
        {"SELECT * FROM read_parquet('/nonexistent/x.parquet')", ERR_IO, "No files found"},
        {"SELECT 1::BIT", ERR_UNSUPPORTED, "BIT"},
        {"LOAD httpfs", ERR_IO, "httpfs"},
        {"SELECT CASE WHEN i = 150000 THEN 'x' ELSE '1' END::INT FROM range(200000) t(i)", ERR_USER, "Could not convert"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {};
        struct duck_result *r = duck_query(conn, str_z(cases[i].sql), &err);
        int got = r ? 1 : -1;
        while (got > 0)
            got = duck_next(r, &err);
        duck_result_free(r);
        assert_int_equal(got, -1);
        if (cases[i].code != err.code || !strstr(err.msg, cases[i].part))
            print_error("%s: %s %s\n", cases[i].sql, err_code_name(err.code), err.msg);
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.msg, cases[i].part));
        assert_null(strchr(err.msg, '\n'));
    }
}

static void test_settings(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT current_setting('TimeZone')", DUCK_AS_TEXT), "UTC");
    assert_string_equal(rows("SELECT a FROM (VALUES (1), (NULL), (2)) t(a) ORDER BY a", DUCK_AS_JSON), "null;1;2");
    assert_string_equal(rows("SELECT a FROM (VALUES (1), (NULL), (2)) t(a) ORDER BY a DESC", DUCK_AS_JSON), "2;1;null");
    assert_string_equal(rows("SELECT 1::DOUBLE / 0", DUCK_AS_JSON), "null");
    assert_string_equal(rows("SELECT json_extract_string('{\"a\":\"b\"}', '$.a')", DUCK_AS_TEXT), "b");
}

static void *interrupter(void *arg)
{
    volatile bool *stop = arg;
    while (!*stop)
        duck_interrupt(conn);
    return NULL;
}

static void test_interrupt(void **state)
{
    (void)state;
    struct err err = {};
    volatile bool stop = false;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, interrupter, (void *)&stop), 0);
    int rc = duck_exec(conn, STR("SELECT count(*) FROM range(100000) a(i), range(10000000) b(j) WHERE i * j % 7 = 3"), &err);
    stop = true;
    pthread_join(t, NULL);
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_string_equal(rows("SELECT 1", DUCK_AS_TEXT), "1");
}

/* ---- a source of `n` rows: id, name, at, tags, big */

struct numbers { int64_t n; bool fail_at_end; int opened, closed; };
struct numbers_scan { struct numbers *of; int64_t next; };

static void *numbers_open(void *ctx, struct err *err)
{
    struct numbers *n = ctx;
    if (n->n < 0) {
        err_set(err, ERR_NOT_FOUND, "no numbers");
        return NULL;
    }
    n->opened++;
    struct numbers_scan *s = NEW(struct numbers_scan);
    s->of = n;
    return s;
}

static int numbers_next(void *scan, struct duck_out *out, struct err *err)
{
    struct numbers_scan *s = scan;
    size_t rows_out = 0;
    for (; rows_out < duck_out_capacity(out) && s->next < s->of->n; rows_out++, s->next++) {
        char text[32];
        snprintf(text, sizeof text, "number %jd", (intmax_t)s->next);
        duck_out_i64(out, 0, rows_out, s->next);
        if (s->next % 3 == 0)
            duck_out_null(out, 1, rows_out);
        else
            duck_out_text(out, 1, rows_out, str_z(text));
        duck_out_i64(out, 2, rows_out, s->next * 1000000);
        struct str keys[2] = {STR("a"), STR("b")}, values[2] = {str_z(text), STR_NONE};
        duck_out_map(out, 3, rows_out, (size_t)(s->next % 3), keys, values);
        duck_out_f64(out, 4, rows_out, (double)s->next / 2);
    }
    duck_out_rows(out, rows_out);
    if (rows_out == 0 && s->of->fail_at_end) {
        err_set(err, ERR_TIMEOUT, "the source went away");
        err->retriable = true;
        return -1;
    }
    return 0;
}

static void numbers_close(void *scan)
{
    struct numbers_scan *s = scan;
    s->of->closed++;
    mem_free(s);
}

static const char *const number_names[] = {"id", "name", "ts", "tags", "half"};
static const char *const number_types[] = {"BIGINT", "VARCHAR", "TIMESTAMPTZ", "MAP(VARCHAR, BLOB)", "DOUBLE"};

static void test_source(void **state)
{
    (void)state;
    struct err err = {};
    struct numbers n = {.n = 10000};
    struct duck_source src = {5, number_names, number_types, numbers_open, numbers_next, numbers_close, &n};
    OK(duck_source_register(db, "test_numbers", &err));
    int64_t h = duck_handle_put(db, &src);
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*), sum(id), count(name), sum(half), max(ts), sum(cardinality(tags)) FROM test_numbers(%jd)",
             (intmax_t)h);
    assert_string_equal(rows(sql, DUCK_AS_TEXT), "10000|49995000|6666|2.49975E7|1970-01-01 02:46:39|9999");
    snprintf(sql, sizeof sql, "SELECT * FROM test_numbers(%jd) WHERE id IN (4, 5, 6) ORDER BY id", (intmax_t)h);
    assert_string_equal(rows(sql, DUCK_AS_JSON),
                        "4|\"number 4\"|\"1970-01-01T00:00:04Z\"|{\"a\":\"bnVtYmVyIDQ=\"}|2.0;"
                        "5|\"number 5\"|\"1970-01-01T00:00:05Z\"|{\"a\":\"bnVtYmVyIDU=\",\"b\":null}|2.5;"
                        "6|null|\"1970-01-01T00:00:06Z\"|{}|3.0");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM test_numbers(%jd)", (intmax_t)h);
    assert_string_equal(rows(sql, DUCK_AS_TEXT), "10000");
    snprintf(sql, sizeof sql, "SELECT half, name FROM test_numbers(%jd) LIMIT 2", (intmax_t)h);
    assert_string_equal(rows(sql, DUCK_AS_TEXT), "0.0|;0.5|number 1");
    assert_int_equal(n.opened, n.closed);
    assert_true(n.opened >= 4);
    struct duck_result *r;
    n.fail_at_end = true;
    snprintf(sql, sizeof sql, "SELECT sum(id) FROM test_numbers(%jd)", (intmax_t)h);
    r = duck_query(conn, str_z(sql), &err);
    assert_null(r);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_true(err.retriable);
    assert_string_equal(err.msg, "the source went away");
    n.n = -1;
    r = duck_query(conn, str_z(sql), &err);
    assert_null(r);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    duck_handle_drop(db, h);
    r = duck_query(conn, str_z(sql), &err);
    assert_null(r);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static int twice(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx;
    assert_int_equal(count, 2);
    if (str_eqz(args[0].text, "bad"))
        return err_set(err, ERR_DENIED, "bad word");
    if (args[1].i64 == 0)
        *is_null = true;
    for (int64_t i = 0; i < args[1].i64; i++)
        buf_str(out, args[0].text);
    return 0;
}

static int is_missing(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx;
    (void)count;
    (void)is_null;
    (void)err;
    int64_t v = args[0].is_null;
    buf_add(out, &v, sizeof v);
    return 0;
}

static void test_scalar(void **state)
{
    (void)state;
    struct err err = {};
    OK(duck_scalar_register(db, "test_repeat", (const char *const[]){"VARCHAR", "BIGINT"}, 2, "VARCHAR", false, twice, NULL, &err));
    OK(duck_scalar_register(db, "test_missing", (const char *const[]){"VARCHAR"}, 1, "BOOLEAN", true, is_missing, NULL, &err));
    assert_string_equal(rows("SELECT test_repeat('ab', 3), test_repeat(NULL, 3), test_repeat('x', 0)", DUCK_AS_JSON),
                        "\"ababab\"|null|null");
    assert_string_equal(rows("SELECT test_missing(a) FROM (VALUES ('x'), (NULL)) t(a)", DUCK_AS_JSON), "false;true");
    assert_string_equal(rows("SELECT count(test_repeat(i::VARCHAR, 2)) FROM range(10000) t(i)", DUCK_AS_JSON), "10000");
    struct duck_result *r = duck_query(conn, STR("SELECT test_repeat(a, 1) FROM (VALUES ('good'), ('bad')) t(a)"), &err);
    assert_null(r);
    assert_int_equal(err.code, ERR_DENIED);
    assert_string_equal(err.msg, "bad word");
    assert_int_equal(duck_scalar_register(db, "x", (const char *const[]){"NOPE"}, 1, "BOOLEAN", true, is_missing, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
}

static void test_arrow(void **state)
{
    (void)state;
    struct err err = {};
    static const char *const formats[] = {"l", "u", "tsu:UTC", "d:10,2,128", "+l", "+s", "+m", "z", "tdD", "b"};
    struct duck_result *r = duck_query(conn, STR("SELECT i AS id, CASE WHEN i = 1 THEN NULL ELSE 'n' || i END AS name, "
                                                 "TIMESTAMPTZ '2024-01-01 00:00:00+00' AS ts, i::DECIMAL(10,2) AS d, [i] AS l, {'x': i} AS s, "
                                                 "MAP {'k': i} AS m, 'x'::BLOB AS b, DATE '2024-01-01' AS day, true AS yes "
                                                 "FROM range(5000) t(i)"), &err);
    struct ArrowSchema schema;
    assert_non_null(r);
    OK(duck_arrow_schema(r, &schema, &err));
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, COUNT_OF(formats));
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        assert_string_equal(schema.children[i]->format, formats[i]);
    assert_string_equal(schema.children[1]->name, "name");
    schema.release(&schema);
    int64_t n = 0, sum = 0;
    while (duck_next(r, &err) > 0) {
        struct ArrowArray array;
        OK(duck_arrow_chunk(r, &array, &err));
        assert_int_equal(array.length, duck_rows(r));
        for (int64_t i = 0; i < array.length; i++)
            sum += ((const int64_t *)array.children[0]->buffers[1])[i];
        if (n == 0) {
            const int32_t *offsets = array.children[1]->buffers[1];
            assert_int_equal(array.children[1]->null_count, 1);
            assert_int_equal(offsets[3] - offsets[2], 2);
            assert_memory_equal((const char *)array.children[1]->buffers[2] + offsets[2], "n2", 2);
        }
        n += array.length;
        array.release(&array);
    }
    assert_int_equal(n, 5000);
    assert_int_equal(sum, 5000LL * 4999 / 2);
    duck_result_free(r);
}

static void test_quote(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    duck_quote_ident(&b, STR("a\"b"));
    duck_quote_text(&b, STR("it's"));
    assert_string_equal(b.ptr, "\"a\"\"b\"'it''s'");
    buf_clear(&b);
    duck_quote_text(&b, str_of("a\0'\0", 4));
    assert_string_equal(b.ptr, "('a' || chr(0) || '''' || chr(0) || '')");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_json),
        cmocka_unit_test(test_styles),    cmocka_unit_test(test_columns), cmocka_unit_test(test_told_types), cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_settings), cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_source),    cmocka_unit_test(test_scalar),  cmocka_unit_test(test_quote),
        cmocka_unit_test(test_arrow),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
