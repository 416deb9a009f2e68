/* Codecs and sums against published vectors, and round trips of every length. */
#include "unit/base/test_util.h"

#include "base/code_int.h"

static void base64(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    struct buf b;
    (void)state;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&b);
        base64_put(&b, str_z(cases[i][0]));
        assert_string_equal(b.ptr, cases[i][1]);
        buf_clear(&b);
        assert_true(base64_get(&b, str_z(cases[i][1])));
        assert_string_equal(b.ptr, cases[i][0]);
    }
    buf_clear(&b);
    assert_true(base64_get(&b, STR("Zm8"))); /* padding is optional */
    assert_string_equal(b.ptr, "fo");
    static const char *const bad[] = {"Z",    "Zg=",  "Zm9v=", "Zm9vZ===", "Zm=v",     "Zm9 ",
                                      "Zh==", "Zm9=", "====",  "=",        "Zm9v====", "-_-_"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (base64_get(&b, str_z(bad[i])))
            fail_msg("'%s' passed", bad[i]);
    buf_release(&b);
}

static void base64_every_length(void **state)
{
    char bytes[100];
    struct buf text, back;
    (void)state;
    buf_init(&text);
    buf_init(&back);
    random_bytes(bytes, sizeof bytes);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        buf_clear(&text);
        buf_clear(&back);
        base64_put(&text, str_of(bytes, n));
        assert_true(base64_get(&back, buf_view(&text)));
        assert_int_equal(back.len, n);
        assert_memory_equal(back.ptr, bytes, n);
    }
    buf_release(&text);
    buf_release(&back);
}

static void hex_and_percent(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    hex_put(&b, STR("\x00\x7f\xff"));
    assert_string_equal(b.ptr, "007fff");
    buf_clear(&b);
    percent_put(&b, STR("aZ0-_.~/ +%\xC3\xA4"), "/");
    assert_string_equal(b.ptr, "aZ0-_.~/%20%2B%25%C3%A4");
    struct buf back;
    buf_init(&back);
    assert_true(percent_get(&back, buf_view(&b)));
    assert_string_equal(back.ptr, "aZ0-_.~/ +%\xC3\xA4");
    buf_clear(&b);
    percent_put(&b, str_of("a\0", 2), NULL);
    assert_string_equal(b.ptr, "a%00");
    buf_clear(&back);
    assert_true(percent_get(&back, STR("%c3%A4")));
    assert_string_equal(back.ptr, "\xC3\xA4");
    static const char *const bad[] = {"%", "%2", "%2x", "a%", "%%41", "%g0"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(percent_get(&back, str_z(bad[i])));
    buf_release(&b);
    buf_release(&back);
}

static void uuids(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT];
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(uuid_make(a), a);
        assert_int_equal(strlen(a), 36);
        for (size_t k = 0; k < 36; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            assert_true(dash ? a[k] == '-' : strchr("0123456789abcdef", a[k]) != NULL);
        }
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, uuid_make(b));
    }
}

static void sums_of_published_vectors(void **state)
{
    unsigned char bytes[32];
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(crc32_ieee(0, "123456789", 9), 0xCBF43926u);
    memset(bytes, 0, sizeof bytes); /* RFC 3720, B.4 */
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62A8AB43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46DD794Eu);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void sums_agree_and_chain(void **state)
{
    static unsigned char bytes[1000];
    (void)state;
    random_bytes(bytes, sizeof bytes);
    for (size_t n = 0; n <= sizeof bytes; n += n < 40 ? 1 : 37) {
        uint32_t whole = crc32c(0, bytes + 1, n < 1000 ? n : 999);
        size_t len = n < 1000 ? n : 999, cut = len / 3;
        assert_int_equal(whole, crc32c_portable(0, bytes + 1, len));
        assert_int_equal(whole, crc32c(crc32c(0, bytes + 1, cut), bytes + 1 + cut, len - cut));
        assert_int_equal(crc32_ieee(0, bytes, len),
                         crc32_ieee(crc32_ieee(0, bytes, cut), bytes + cut, len - cut));
    }
}

static void random_numbers_differ(void **state)
{
    uint64_t or_all = 0, and_all = UINT64_MAX;
    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t v = random_u64();
        or_all |= v;
        and_all &= v;
    }
    assert_true(or_all == UINT64_MAX && and_all == 0); /* fails once in 2^193 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64),
        cmocka_unit_test(base64_every_length),
        cmocka_unit_test(hex_and_percent),
        cmocka_unit_test(uuids),
        cmocka_unit_test(sums_of_published_vectors),
        cmocka_unit_test(sums_agree_and_chain),
        cmocka_unit_test(random_numbers_differ),
    };
    return cmocka_run_group_tests_name("base/code", tests, NULL, NULL);
}
