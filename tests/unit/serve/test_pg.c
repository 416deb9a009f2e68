/* test_pg -- the pure parts of the PostgreSQL endpoint, and the endpoint under psycopg and psql. */
#include "serve/pg.h"
#include "serve/pg_out.h"
#include "serve/pg_text.h"
#include "unit/serve/duck_service.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* ------------------------------------------------------------------ text */

static int put_param(void *arg, int n, struct buf *out, struct err *err)
{
    (void)arg, (void)err;
    buf_printf(out, "<%d>", n);
    return 0;
}

static const struct { const char *in, *out; } rewrites[] = {
    {"SELECT 1", "SELECT 1"},
    {"SELECT \"a b\", 'it''s'", "SELECT `a b`, 'it\\'s'"},
    {"SELECT 'a\\b'", "SELECT 'a\\\\b'"},
    {"SELECT E'a\\n'", "SELECT 'a\\n'"},
    {"SELECT \"q\"\"x`y\"", "SELECT `q\"x``y`"},
    {"SELECT $1, '$2', \"$3\", $10 -- $4\n/* $5 /* */ */", "SELECT <1>, '$2', `$3`, <10> -- $4\n/* $5 /* */ */"},
    {"SELECT $$it's$$, $x$a$$b$x$", "SELECT 'it\\'s', 'a$$b'"},
    {"SELECT `kept`", "SELECT `kept`"},
    {"SELECT rate, E", "SELECT rate, E"},
};

static void test_rewrite(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rewrites); i++) {
        struct arena *a = arena_new();
        struct pg_map map;
        struct buf b;
        struct err err;
        buf_init(&b);
        assert_int_equal(pg_rewrite(a, str_z(rewrites[i].in), &b, &map, put_param, NULL, &err), 0);
        assert_string_equal(b.ptr, rewrites[i].out);
        buf_release(&b);
        arena_free(a);
    }
}

static void test_map_back(void **state)
{
    struct arena *a = arena_new();
    struct pg_map map;
    struct buf b;
    struct err err;
    struct str in = STR("SELECT 'it''s a \\', \"x\", $1, zzz");
    (void)state;
    buf_init(&b);
    assert_int_equal(pg_rewrite(a, in, &b, &map, put_param, NULL, &err), 0);
    size_t to = (size_t)str_find(buf_view(&b), STR("zzz")), from = (size_t)str_find(in, STR("zzz"));
    assert_int_equal(pg_map_back(&map, to), from);
    assert_int_equal(pg_rewrite(a, STR("SELECT 'x"), &b, &map, put_param, NULL, &err), -1);
    buf_release(&b);
    arena_free(a);
}

static void test_split(void **state)
{
    static const char *const want[] = {"SELECT ';'", "a -- ;\n b", "\"x;\"", "$$;$$"};
    struct str rest = STR(" ;; SELECT ';' ; a -- ;\n b;\"x;\";$$;$$; -- end\n"), s;
    size_t n = 0;
    (void)state;
    while (pg_next_statement(&rest, &s))
        assert_true(str_eqz(s, want[n++]));
    assert_int_equal(n, COUNT_OF(want));
    struct arena *a = arena_new();
    assert_true(str_eqz(pg_word(a, STR("/* x */ set \"A b\" = 'c'"), 1), "A b"));
    assert_true(str_eqz(pg_word(a, STR("set x = 'c''d'"), 3), "c'd"));
    assert_null(pg_word(a, STR("set x"), 2).ptr);
    assert_int_equal(pg_param_count(STR("$2 '$9' $11")), 11);
    arena_free(a);
}

/* ------------------------------------------------------------------ types */

static const struct { const char *spark; uint32_t oid; int16_t size; int32_t typmod; } types[] = {
    {"int", 23, 4, -1}, {"BIGINT", 20, 8, -1}, {"string", 25, -1, -1}, {"decimal(10,2)", 1700, -1, (10 << 16 | 2) + 4},
    {"varchar(5)", 1043, -1, 9}, {"timestamp", 1184, 8, -1}, {"timestamp_ntz", 1114, 8, -1}, {"date", 1082, 4, -1},
    {"array<int>", 1007, -1, -1}, {"array<decimal(3,1)>", 1231, -1, -1}, {"array<array<int>>", 114, -1, -1},
    {"struct<a:int>", 114, -1, -1}, {"map<string,int>", 114, -1, -1}, {"binary", 17, -1, -1},
    {"interval day to second", 25, -1, -1}, {"tinyint", 21, 2, -1}, {"void", 25, -1, -1},
};

static void test_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct pg_type t = pg_type_of(str_z(types[i].spark));
        if (t.oid != types[i].oid || t.size != types[i].size || t.typmod != types[i].typmod)
            fail_msg("%s: %u %d %d", types[i].spark, t.oid, t.size, t.typmod);
    }
}

static const struct { uint32_t oid; const char *text, *hex; } binaries[] = {
    {PG_BOOL, "t", "01"}, {PG_INT2, "-2", "fffe"}, {PG_INT8, "1", "0000000000000001"},
    {PG_FLOAT8, "1.5", "3ff8000000000000"}, {PG_FLOAT4, "1.5", "3fc00000"}, {PG_FLOAT8, "NaN", "7ff8000000000000"},
    {PG_DATE, "2000-01-02", "00000001"}, {PG_DATE, "1999-12-31", "ffffffff"},
    {PG_TIMESTAMP, "2000-01-01 00:00:01", "00000000000f4240"},
    {PG_TIMESTAMPTZ, "2000-01-01 00:00:01.5+00", "000000000016e360"},
    {PG_NUMERIC, "12345.6", "0003000100000001" "0001" "0929" "1770"},
    {PG_NUMERIC, "-0.05", "0001ffff40000002" "01f4"}, {PG_NUMERIC, "0.00", "0000000000000002"},
    {PG_NUMERIC, "10000", "0001000100000000" "0001"}, {PG_BYTEA, "\\x0aff", "0aff"}, {PG_TEXT, "ab", "6162"},
    {PG_UUID, "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"}, {PG_JSONB, "{}", "017b7d"},
};

static void test_binary(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(binaries); i++) {
        struct buf b, hex;
        struct err err;
        buf_init(&b);
        buf_init(&hex);
        if (pg_binary_put(&b, binaries[i].oid, str_z(binaries[i].text), &err) != 0)
            fail_msg("%s: %s", binaries[i].text, err.msg);
        hex_put(&hex, buf_view(&b));
        assert_string_equal(hex.ptr, binaries[i].hex);
        buf_release(&b);
        buf_release(&hex);
    }
}

static const struct { uint32_t oid; bool binary; const char *bytes; size_t len; const char *literal; } literals[] = {
    {0, false, "it's\\", 5, "'it\\'s\\\\'"}, {PG_INT4, false, " 12", 3, "CAST(12 AS int)"},
    {PG_INT4, true, "\xff\xff\xff\xfe", 4, "CAST(-2 AS int)"}, {PG_NUMERIC, false, "1.50", 4, "1.50"},
    {PG_NUMERIC, true, "\0\3\0\1\0\0\0\1\0\1\x09\x29\x17\x70", 14, "12345.6"},
    {PG_DATE, true, "\0\0\0\1", 4, "CAST('2000-01-02' AS date)"}, {PG_BOOL, true, "\1", 1, "CAST('true' AS boolean)"},
    {PG_BYTEA, true, "\x0a\xff", 2, "unhex('0aff')"},
    {PG_TIMESTAMP, true, "\0\0\0\0\0\x0f\x42\x40", 8, "CAST('2000-01-01T00:00:01.000000' AS timestamp_ntz)"},
};

static void test_literals(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(literals); i++) {
        buf_init(&b);
        if (pg_literal_put(&b, literals[i].oid, literals[i].binary, str_of(literals[i].bytes, literals[i].len), &err) != 0)
            fail_msg("%s: %s", literals[i].literal, err.msg);
        assert_string_equal(b.ptr, literals[i].literal);
        buf_release(&b);
    }
    buf_init(&b);
    assert_int_equal(pg_literal_put(&b, PG_INT4, false, STR("1; DROP"), &err), -1);
    assert_int_equal(pg_literal_put(&b, PG_NUMERIC, false, STR("1) OR (1"), &err), -1);
    assert_int_equal(pg_literal_put(&b, PG_NUMERIC, true, STR("\xff\xff"), &err), -1);
    assert_int_equal(pg_literal_put(&b, PG_TEXT, false, STR("\xff"), &err), -1);
    assert_int_equal(pg_literal_put(&b, 600, false, STR("(1,2)"), &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    buf_release(&b);
}

/* ------------------------------------------------------------------ real clients */

static bool exited;
static int exit_status;
static void on_exit_seen(void *ctx, int status, int signal)
{
    (void)ctx;
    exited = true;
    exit_status = signal ? 128 + signal : status;
}
static void on_text(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    fwrite(bytes, 1, n, stdout);
    fflush(stdout);
}

static void drive(const char *password)
{
    static const char *const python = "build/deps/venv-test/bin/python";
    struct err err;
    char port[16];
    if (access(python, X_OK) != 0) {
        print_message("skipped: no Python with psycopg in build/deps/venv-test (scripts/deps test)\n");
        skip();
    }
    struct duck *db = duck_new(NULL, &err);
    assert_non_null(db);
    struct query_service service = duck_service(db);
    struct ev_loop *loop = ev_loop_new("pg");
    struct pg_opts o = {.password = password, .queries = &service};
    struct pg_server *s = pg_listen(loop, &o, &err);
    assert_non_null(s);
    snprintf(port, sizeof port, "%d", pg_server_port(s));
    exited = false;
    const char *argv[] = {python, "tests/unit/serve/pg_client.py", port, password ? password : "", NULL};
    struct ev_child_opts co = {.argv = argv, .on_out = on_text, .on_err = on_text, .on_exit = on_exit_seen};
    struct ev_child *c = ev_child_start(loop, &co, &err);
    assert_non_null(c);
    int64_t deadline = time_mono_us() + 120 * 1000000;
    while (!exited && time_mono_us() < deadline)
        ev_run_once(loop, 1000);
    assert_true(exited);
    assert_int_equal(exit_status, 0);
    ev_child_free(c);
    pg_server_free(s);
    while (atomic_load(&duck_sessions_open) > 0 && time_mono_us() < deadline)
        ev_run_once(loop, 100);
    assert_int_equal(atomic_load(&duck_sessions_open), 0); /* also that of the client that left in mid-query */
    ev_run_once(loop, 10);
    ev_loop_free(loop);
    duck_free(db);
}

static void test_scram_clients(void **state)
{
    (void)state;
    drive("pencil");
}

static void test_trust_clients(void **state)
{
    (void)state;
    drive(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite), cmocka_unit_test(test_map_back), cmocka_unit_test(test_split),
        cmocka_unit_test(test_types), cmocka_unit_test(test_binary), cmocka_unit_test(test_literals),
        cmocka_unit_test(test_trust_clients),
        cmocka_unit_test(test_scram_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
