/* lake: VARIANT's binary form as JSON. Values as Parquet's specification writes them, and every way to cut them short. */
#include "lake/variant.h"
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
    {NAMES_A_B, "02 02 00 01 00 02 05 0c01 03010001 04", "{\"a\":1,\"b\":[true]}"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_refused), cmocka_unit_test(test_depth)};
    return cmocka_run_group_tests_name("lake variants", tests, NULL, NULL);
}
