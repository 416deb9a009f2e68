/* Slices, numbers, UTF-8, buffers, wire integers. */
#include "unit/base/test_util.h"

#include <math.h>

static void comparing(void **state)
{
    (void)state;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eqz(STR_NONE, NULL));
    assert_true(str_ieq(STR("aBc1"), STR("AbC1")));
    assert_false(str_ieq(STR("a["), STR("a{"))); /* not letters */
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_starts_z(STR("abc"), "ab"));
    assert_true(str_starts_z(STR_NONE, ""));
    assert_false(str_starts_z(STR("a"), "ab"));
    assert_true(str_ends_z(STR("x.json"), ".json"));
    assert_false(str_ends_z(STR("json"), ".json"));
}

static void slicing(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t\r\n a b\v\f ")), "a b");
    assert_str(str_trim(STR("  ")), "");
    assert_str(str_sub(STR("hello"), 1, 3), "ell");
    assert_str(str_sub(STR("hello"), 3, SIZE_MAX), "lo");
    assert_str(str_sub(STR("hello"), 9, 3), "");
    assert_str(str_from(STR_NONE, 4), "");
    assert_int_equal(str_chr(STR("a.b.c"), '.'), 1);
    assert_int_equal(str_rchr(STR("a.b.c"), '.'), 3);
    assert_int_equal(str_chr(STR_NONE, '.'), -1);
    assert_int_equal(str_find(STR("abcabd"), STR("abd")), 3);
    assert_int_equal(str_find(STR("ab"), STR("abc")), -1);
    assert_int_equal(str_find(STR("ab"), STR("")), 0);
}

static void splitting(void **state)
{
    static const struct {
        const char *text, *joined;
    } cases[] = {{"a,,b", "[a][][b]"}, {"", ""}, {",", "[]"}, {"a,", "[a]"}, {"one", "[one]"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        struct str rest = str_z(cases[i].text), part;
        buf_init(&b);
        while (str_split(&rest, ',', &part))
            buf_printf(&b, "[%.*s]", STR_ARGS(part));
        assert_string_equal(b.ptr, cases[i].joined);
        buf_release(&b);
    }
}

static void integers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"+7", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-+1", false, 0},
        {" 1", false, 0},
        {"1x", false, 0},
        {"0x1", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t v = 0;
        assert_int_equal(str_i64(str_z(cases[i].text), &v), cases[i].ok);
        if (cases[i].ok)
            assert_true(v == cases[i].value);
    }
    uint64_t u;
    assert_true(str_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(str_u64(STR("18446744073709551616"), &u));
    assert_false(str_u64(STR("-1"), &u));
}

static void floats(void **state)
{
    double v;
    (void)state;
    assert_true(str_f64(STR("1.5"), &v) && v == 1.5);
    assert_true(str_f64(STR("-1e-3"), &v) && v == -1e-3);
    assert_true(str_f64(STR("1e999"), &v) && isinf(v));
    assert_true(str_f64(STR("-Infinity"), &v) && isinf(v) && v < 0);
    assert_true(str_f64(STR("NaN"), &v) && isnan(v));
    static const char *const bad[] = {"",   "-",  ".",  "e5",     "0x10",
                                      " 1", "1 ", "1e", "nan(1)", "1.2.3"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(str_f64(str_z(bad[i]), &v));
    assert_false(str_f64(str_of("1\0", 2), &v));
    assert_true(str_f64(str_of("12", 1), &v) && v == 1); /* only the slice */
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        int bad_at;
    } cases[] = {
        {"", -1},
        {"plain ASCII of more than eight bytes", -1},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", -1},
        {"\xEF\xBF\xBF\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", -1},
        {"01234567\x80", 8},
        {"a\xC0\x80", 1},        /* overlong */
        {"\xC1\xBF", 0},         /* overlong */
        {"\xE0\x9F\xBF", 0},     /* overlong */
        {"\xF0\x8F\xBF\xBF", 0}, /* overlong */
        {"\xED\xA0\x80", 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xF5\x80\x80\x80", 0},
        {"ab\xE2\x82", 2}, /* cut */
        {"\xE2\x82\x41", 0},
        {"\xFF", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(str_utf8_bad(str_z(cases[i].text)), cases[i].bad_at);
}

/* Every code point encodes to text that passes; every one- and two-byte text is judged by rule. */
static void utf8_exhaustive(void **state)
{
    int good = 0;
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char two[2] = {(char)a, (char)b};
            bool ok = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && (b & 0xC0) == 0x80);
            assert_int_equal(str_utf8_ok(str_of(two, 2)), ok);
            good += ok;
        }
    }
    assert_int_equal(good, 128 * 128 + 30 * 64);
}

static void copies(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    assert_string_equal(str_copy(a, str_of("abcdef", 3)).ptr, "abc");
    assert_string_equal(str_copy(a, STR_NONE).ptr, "");
    assert_string_equal(str_cz(a, STR("x")), "x");
    assert_str(str_lower(a, STR("ÄBC")), "Äbc");
    assert_str(str_upper(a, STR("aé1z")), "Aé1Z");
    assert_str(str_fmt(a, "%d%s", 1, "x"), "1x");
    assert_int_equal(str_fmt(a, "%*d", 70000, 1).len, 70000);
    char *z = str_dup(STR("own"));
    assert_string_equal(z, "own");
    mem_free(z);
    arena_free(a);
}

static void hashes_differ(void **state)
{
    enum { N = 20000 };
    static uint64_t low[65536 / 64];
    int collisions = 0;
    (void)state;
    assert_true(str_hash(STR_NONE) == str_hash(STR("")));
    assert_true(str_hash(STR("a")) != str_hash(str_of("a\0", 2)));
    for (int i = 0; i < N; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "k%d", i);
        uint64_t h = str_hash(str_of(text, (size_t)n)) & 65535;
        collisions += low[h / 64] >> h % 64 & 1;
        low[h / 64] |= 1ull << h % 64;
    }
    assert_true(collisions < 3500); /* 2,766 expected of a random function */
}

static void buffers_grow_and_stay_terminated(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    assert_string_equal(b.ptr, "");
    buf_add(&b, NULL, 0);
    for (int i = 0; i < 1000; i++) {
        buf_char(&b, 'x');
        assert_int_equal(b.ptr[b.len], 0);
    }
    buf_clear(&b);
    assert_string_equal(b.ptr, "");
    buf_printf(&b, "%d %s", 1, "two");
    buf_z(&b, "|");
    buf_str(&b, STR("three"));
    assert_string_equal(b.ptr, "1 two|three");
    buf_drop_front(&b, 6);
    assert_string_equal(b.ptr, "three");
    buf_drop_front(&b, 5);
    assert_string_equal(b.ptr, "");
    char *p = buf_room(&b, 4);
    memcpy(p, "abcd", 4);
    buf_took(&b, 2);
    assert_string_equal(b.ptr, "ab");
    char *own = buf_detach(&b);
    assert_string_equal(own, "ab");
    assert_string_equal(b.ptr, "");
    mem_free(own);
    own = buf_detach(&b); /* also of an empty one */
    assert_string_equal(own, "");
    mem_free(own);
    buf_printf(&b, "%*d", 100000, 1);
    assert_int_equal(b.len, 100000);
    buf_release(&b);
    buf_release(&b);
}

static void buffers_have_a_maximum(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init_max(&b, 10);
    buf_z(&b, "12345");
    buf_z(&b, "67890");
    assert_int_equal(buf_check(&b, "it", &err), 0);
    buf_char(&b, 'x');
    assert_int_equal(b.len, 10);
    assert_true(b.overflow);
    assert_int_equal(buf_check(&b, "the answer", &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "the answer is larger than 10 bytes");
    assert_null(buf_room(&b, 1));
    assert_null(buf_room(&b, SIZE_MAX));
    buf_clear(&b);
    assert_int_equal(buf_check(&b, "it", &err), 0);
    buf_printf(&b, "%*d", 11, 1);
    assert_true(b.overflow);
    buf_release(&b);
}

static void wire_integers(void **state)
{
    unsigned char p[9];
    (void)state;
    be64_put(p + 1, 0x0102030405060708u);
    assert_memory_equal(p + 1, "\1\2\3\4\5\6\7\10", 8);
    assert_true(be64_get(p + 1) == 0x0102030405060708u);
    assert_true(le64_get(p + 1) == 0x0807060504030201u);
    be32_put(p + 1, 0xA1B2C3D4u);
    assert_memory_equal(p + 1, "\xA1\xB2\xC3\xD4", 4);
    assert_true(be32_get(p + 1) == 0xA1B2C3D4u && le32_get(p + 1) == 0xD4C3B2A1u);
    le32_put(p + 1, 0xA1B2C3D4u);
    assert_memory_equal(p + 1, "\xD4\xC3\xB2\xA1", 4);
    be16_put(p + 1, 0xABCD);
    assert_memory_equal(p + 1, "\xAB\xCD", 2);
    assert_true(be16_get(p + 1) == 0xABCD && le16_get(p + 1) == 0xCDAB);
    le16_put(p + 1, 0xABCD);
    assert_memory_equal(p + 1, "\xCD\xAB", 2);
    le64_put(p + 1, 1);
    assert_memory_equal(p + 1, "\1\0\0\0\0\0\0\0", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(slicing),
        cmocka_unit_test(splitting),
        cmocka_unit_test(integers),
        cmocka_unit_test(floats),
        cmocka_unit_test(utf8),
        cmocka_unit_test(utf8_exhaustive),
        cmocka_unit_test(copies),
        cmocka_unit_test(hashes_differ),
        cmocka_unit_test(buffers_grow_and_stay_terminated),
        cmocka_unit_test(buffers_have_a_maximum),
        cmocka_unit_test(wire_integers),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
