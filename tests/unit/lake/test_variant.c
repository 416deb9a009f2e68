/* lake: VARIANT's binary form as JSON. Values as Parquet's specification writes them, and every way to cut them short. */
#include "lake/variant.h"
#include "lake/variant_write.h"
#include "base/code.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NO_NAMES "010000"
#define NAMES_A_B "010200010261 62" /* "a", "b" */

static const struct { const char *metadata, *value, *json; } cases[] = {
    {NO_NAMES, "00", "null"},
    {NO_NAMES, "04", "true"},
    {NO_NAMES, "08", "false"},
    {NO_NAMES, "0cff", "-1"},
    {NO_NAMES, "10 0080", "-32768"},
    {NO_NAMES, "14 01000000", "1"},
    {NO_NAMES, "18 ffffffffffffff7f", "9223372036854775807"},
    {NO_NAMES, "1c 000000000000f83f", "1.5"},
    {NO_NAMES, "1c 000000000000f87f", "\"NaN\""},
    {NO_NAMES, "1c 000000000000f0ff", "\"-Infinity\""},
    {NO_NAMES, "38 cdcc8c3f", "1.1"},
    {NO_NAMES, "20 02 96000000", "1.5"},
    {NO_NAMES, "20 02 10270000", "100"},
    {NO_NAMES, "20 00 00000000", "0"},
    {NO_NAMES, "24 03 83ffffffffffffff", "-0.125"},
    {NO_NAMES, "28 01 ffffffffffffffff ffffffffffffffff", "-0.1"},
    {NO_NAMES, "2c ffffffff", "\"1969-12-31\""},
    {NO_NAMES, "30 ffffffffffffffff", "\"1969-12-31 23:59:59.999999+00:00\""},
    {NO_NAMES, "34 20a1070000000000", "\"1970-01-01 00:00:00.5\""},
    {NO_NAMES, "48 ffffffffffffffff", "\"1969-12-31 23:59:59.999999999+00:00\""},
    {NO_NAMES, "4c 0100000000000000", "\"1970-01-01 00:00:00.000000001\""},
    {NO_NAMES, "3c 02000000 00ff", "\"AP8=\""},
    {NO_NAMES, "40 02000000 c3a9", "\"é\""},
    {NO_NAMES, "44 40420f0000000000", "\"00:00:01\""},
    {NO_NAMES, "50 00112233445566778899aabbccddeeff", "\"00112233-4455-6677-8899-aabbccddeeff\""},
    {NO_NAMES, "09 7822", "\"x\\\"\""},
    {NO_NAMES, "03 00 00", "[]"},
    {NO_NAMES, "03 02 00 02 03 0c01 00", "[1,null]"},
    {NO_NAMES, "13 01000000 00 01 04", "[true]"},
    {NAMES_A_B, "02 02 00 01 00 02 07 0c01 03010001 04", "{\"a\":1,\"b\":[true]}"},
    {NAMES_A_B, "02 00 00", "{}"},
    {NAMES_A_B, "06 01 01 0000 0100 00", "{\"b\":null}"},
};

static void put_hex(struct buf *out, const char *hex)
{
    for (; *hex; hex++)
        if (*hex != ' ') {
            unsigned byte;
            assert_int_equal(sscanf(hex++, "%2x", &byte), 1);
            buf_char(out, (char)byte);
        }
}

/* The value in a block of its own size, so that no byte past it can be read unseen. */
static int json_of(struct str metadata, struct str value, struct buf *out, struct err *err)
{
    char *m = malloc(metadata.len + 1), *v = malloc(value.len ? value.len : 1);
    memcpy(m, metadata.ptr, metadata.len);
    memcpy(v, value.ptr, value.len);
    int rc = variant_put_json(out, str_of(m, metadata.len), str_of(v, value.len), err);
    free(m);
    free(v);
    return rc;
}

static void test_values(void **state)
{
    (void)state;
    struct err err = {};
    struct buf metadata, value, out;
    buf_init(&metadata);
    buf_init(&value);
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&metadata);
        buf_clear(&value);
        buf_clear(&out);
        put_hex(&metadata, cases[i].metadata);
        put_hex(&value, cases[i].value);
        assert_int_equal(json_of(buf_view(&metadata), buf_view(&value), &out, &err), 0);
        assert_string_equal(out.ptr, cases[i].json);
        for (size_t n = 0; n < value.len; n++) {
            buf_clear(&out);
            assert_int_equal(json_of(buf_view(&metadata), str_sub(buf_view(&value), 0, n), &out, &err), -1);
            assert_int_equal(err.code, ERR_CORRUPT);
        }
    }
    buf_release(&metadata);
    buf_release(&value);
    buf_release(&out);
}

static void refused(const char *metadata, const char *value, enum err_code code)
{
    struct err err = {};
    struct buf m, v, out;
    buf_init(&m);
    buf_init(&v);
    buf_init(&out);
    put_hex(&m, metadata);
    put_hex(&v, value);
    assert_int_equal(json_of(buf_view(&m), buf_view(&v), &out, &err), -1);
    assert_int_equal(err.code, code);
    buf_release(&m);
    buf_release(&v);
    buf_release(&out);
}

static void test_refused(void **state)
{
    (void)state;
    refused("020000", "00", ERR_CORRUPT);                        /* another version */
    refused("01ff00", "02 01 00 00 01 00", ERR_CORRUPT);         /* names that are not there */
    refused(NAMES_A_B, "02 01 02 00 01 00", ERR_CORRUPT);        /* a name's number past the names */
    refused(NO_NAMES, "03 01 09 09 00", ERR_CORRUPT);            /* an offset past the end */
    refused(NO_NAMES, "05 ff", ERR_CORRUPT);                     /* no UTF-8 */
    refused(NO_NAMES, "20 27 01000000", ERR_CORRUPT);            /* a scale of 39 */
    refused(NO_NAMES, "13 ffffffff 00", ERR_CORRUPT);            /* more members than bytes */
    refused(NO_NAMES, "54", ERR_UNSUPPORTED);                    /* type 21 */
    /* Members that share their bytes cannot make the text longer than the value allows. */
    refused(NO_NAMES, "03 04 00 00 00 00 00 03 04 00 00 00 00 00 03 04 00 00 00 00 00 00", ERR_CORRUPT);
}

static void test_depth(void **state)
{
    (void)state;
    struct err err = {};
    struct buf v, out;
    buf_init(&v);
    buf_init(&out);
    for (int i = 0; i <= VARIANT_MAX_DEPTH; i++)
        put_hex(&v, "03 01 00 00");
    buf_char(&v, 0);
    assert_int_equal(variant_put_json(&out, str_of("\1\0\0", 3), buf_view(&v), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&v);
    buf_release(&out);
}

static const struct { const char *json, *metadata, *value; } written[] = {
    {"null", "110000", "00"},
    {"true", "110000", "04"},
    {"127", "110000", "0c7f"},
    {"-129", "110000", "10 7fff"},
    {"-2147483648", "110000", "14 00000080"},
    {"2147483648", "110000", "18 0000008000000000"},
    {"9223372036854775808", "110000", "28 00 0000000000000080 0000000000000000"},
    {"12.50", "110000", "20 02 e2040000"},
    {"-0.1", "110000", "20 01 ffffffff"},
    {"1234567890.5", "110000", "24 01 391cdcdf02000000"},
    {"1e2", "110000", "1c 0000000000005940"},
    {"\"\"", "110000", "01"},
    {"\"x\"", "110000", "0578"},
    {"[]", "110000", "03 00 00"},
    {"[1,null]", "110000", "03 02 00 02 03 0c01 00"},
    {"{}", "110000", "02 00 00"},
    {"{\"b\":[true],\"a\":1}", "110200010261 62", "02 02 00 01 00 02 07 0c01 03 01 00 01 04"},
    {"{\"a\":1,\"a\":2}", "1101000161", "02 01 00 00 02 0c02"},
};

static void test_written(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        struct buf metadata, value, expected;
        buf_init(&metadata);
        buf_init(&value);
        buf_init(&expected);
        struct doc *d = doc_json(a, NULL, str_z(written[i].json), &err);
        assert_int_equal(variant_put(&metadata, &value, d, &err), 0);
        put_hex(&expected, written[i].metadata);
        assert_true(str_eq(buf_view(&metadata), buf_view(&expected)));
        buf_clear(&expected);
        put_hex(&expected, written[i].value);
        if (!str_eq(buf_view(&value), buf_view(&expected)))
            fail_msg("%s", written[i].json);
        buf_release(&metadata);
        buf_release(&value);
        buf_release(&expected);
    }
    arena_free(a);
}

/* What is written reads back: long texts, many members, many names, deep ones. */
static void test_there_and_back(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct buf json, metadata, value, out;
    buf_init(&json);
    buf_init(&metadata);
    buf_init(&value);
    buf_init(&out);
    for (int n = 0; n < 100000; n = n * 2 + 1) {
        for (int object = 0; object < 2; object++) {
            buf_clear(&json);
            buf_char(&json, object ? '{' : '[');
            for (int i = 0; i < n; i++)
                object ? buf_printf(&json, "%s\"k%05d\":%d", i ? "," : "", i, i) : buf_printf(&json, "%s\"%0*d\"", i ? "," : "", i % 300 + 1, i);
            buf_char(&json, object ? '}' : ']');
            buf_clear(&metadata);
            buf_clear(&value);
            buf_clear(&out);
            assert_int_equal(variant_put(&metadata, &value, doc_json(a, NULL, buf_view(&json), &err), &err), 0);
            assert_int_equal(json_of(buf_view(&metadata), buf_view(&value), &out, &err), 0);
            assert_true(str_eq(buf_view(&out), buf_view(&json)));
        }
    }
    buf_clear(&json);
    for (int i = 0; i < DOC_MAX_DEPTH - 1; i++)
        buf_z(&json, "[");
    for (int i = 0; i < DOC_MAX_DEPTH - 1; i++)
        buf_z(&json, "]");
    buf_clear(&metadata);
    buf_clear(&value);
    assert_int_equal(variant_put(&metadata, &value, doc_json(a, NULL, buf_view(&json), &err), &err), 0);
    struct buf big;
    buf_init(&big);
    buf_char(&big, '"');
    for (int i = 0; i < VARIANT_MAX_BYTES; i++)
        buf_char(&big, 'x');
    buf_char(&big, '"');
    assert_int_equal(variant_put(&metadata, &value, doc_json(a, NULL, buf_view(&big), &err), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&big);
    buf_release(&json);
    buf_release(&metadata);
    buf_release(&value);
    buf_release(&out);
    arena_free(a);
}

/* Texts of 64 bytes with the head of an empty one, which DuckDB makes, at every place; all else stays. */
static void test_mended(void **state)
{
    (void)state;
    static const char x64[] = "78787878787878787878787878787878 78787878787878787878787878787878 78787878787878787878787878787878 78787878787878787878787878787878";
    struct err err = {};
    struct buf value, out, json;
    char hex[1000], expected[200];
    buf_init(&value);
    buf_init(&out);
    buf_init(&json);
    snprintf(expected, sizeof expected, "%064d", 0);
    for (char *c = expected; *c; c++)
        *c = 'x';
    const struct { const char *before, *after, *json, *json_after; } places[] = {
        {"01", "", "\"", "\""}, {"03 02 00 41 43 01", "0c01", "[\"", "\",1]"}, {"03 03 00 01 42 43 01 01", "00", "[\"\",\"", "\",null]"},
        {"02 02 00 01 00 05 4b 03 01 00 01 01 02 01 01 00 41 01", "", "{\"a\":[\"\"],\"b\":{\"b\":\"", "\"}}"}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        buf_clear(&value);
        buf_clear(&out);
        buf_clear(&json);
        snprintf(hex, sizeof hex, "%s%s%s", places[i].before, x64, places[i].after);
        put_hex(&value, hex);
        assert_int_equal(variant_mend(&out, buf_view(&value), &err), 0);
        assert_int_equal(json_of(str_of("\1\2\0\1\2ab", 7), buf_view(&out), &json, &err), 0);
        snprintf(hex, sizeof hex, "%s%s%s", places[i].json, expected, places[i].json_after);
        assert_string_equal(json.ptr, hex);
        for (size_t n = 0; n < value.len; n++) {
            buf_clear(&out);
            assert_true(variant_mend(&out, str_sub(buf_view(&value), 0, n), &err) == -1 || value.ptr[0] == 1);
        }
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&value);
        buf_clear(&out);
        put_hex(&value, cases[i].value);
        assert_int_equal(variant_mend(&out, buf_view(&value), &err), 0);
        buf_clear(&json);
        buf_clear(&value);
        put_hex(&value, cases[i].metadata);
        assert_int_equal(json_of(buf_view(&value), buf_view(&out), &json, &err), 0);
        assert_string_equal(json.ptr, cases[i].json);
    }
    buf_release(&value);
    buf_release(&out);
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_refused), cmocka_unit_test(test_depth),
                                       cmocka_unit_test(test_written), cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_mended)};
    return cmocka_run_group_tests_name("lake variants", tests, NULL, NULL);
}
