/* The map against a plain model: same answers, insertion order. */
#include "unit/base/test_util.h"

static void *number(size_t n)
{
    return (void *)(uintptr_t)n;
}

static void puts_gets_removes(void **state)
{
    struct map *m = map_new();
    (void)state;
    assert_null(map_get(m, STR("a")));
    assert_null(map_remove(m, STR("a")));
    assert_null(map_put(m, STR("a"), number(1)));
    assert_ptr_equal(map_put(m, STR("a"), number(2)), number(1));
    assert_ptr_equal(map_get(m, STR("a")), number(2));
    assert_false(map_has(m, STR("A")));
    map_put(m, STR(""), NULL);
    assert_true(map_has(m, STR_NONE));
    assert_int_equal(map_count(m), 2);
    assert_ptr_equal(map_remove(m, STR("a")), number(2));
    assert_false(map_has(m, STR("a")));
    assert_int_equal(map_count(m), 1);
    map_free(m);
    map_free(NULL);
}

static void keys_may_hold_nul(void **state)
{
    struct map *m = map_new();
    (void)state;
    map_put(m, str_of("a\0b", 3), number(1));
    map_put(m, str_of("a\0c", 3), number(2));
    assert_ptr_equal(map_get(m, str_of("a\0b", 3)), number(1));
    assert_ptr_equal(map_get(m, str_of("a\0c", 3)), number(2));
    assert_null(map_get(m, STR("a")));
    map_free(m);
}

static void icase(void **state)
{
    struct map *m = map_new_icase();
    char long_key[200];
    (void)state;
    map_put(m, STR("Content-Type"), number(1));
    assert_ptr_equal(map_get(m, STR("content-TYPE")), number(1));
    memset(long_key, 'q', sizeof long_key);
    map_put(m, str_of(long_key, sizeof long_key), number(2));
    memset(long_key, 'Q', sizeof long_key);
    assert_ptr_equal(map_get(m, str_of(long_key, sizeof long_key)), number(2));
    struct str key;
    void *value;
    size_t at = 0;
    assert_true(map_next(m, &at, &key, &value));
    assert_str(key, "Content-Type"); /* as it was put */
    map_free(m);
}

/* Random puts and removes; `order` is the model: keys in order of insertion. */
static void against_a_model(void **state)
{
    enum { KEYS = 500, STEPS = 60000 };
    static size_t values[KEYS], stamps[KEYS];
    struct map *m = map_new();
    unsigned seed = 12345;
    size_t stamp = 0, count = 0;
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        char text[16];
        seed = seed * 1103515245u + 12345u;
        unsigned k = seed >> 16 & 0xFFFF, key_no = k % KEYS;
        struct str key = str_of(text, (size_t)snprintf(text, sizeof text, "key%u", key_no));
        size_t phase = (size_t)step / 10000 % 2; /* grows, then shrinks, then grows … */
        if (k / KEYS % 4 < (phase ? 1 : 3)) {
            assert_ptr_equal(map_put(m, key, number((size_t)step + 1)), number(values[key_no]));
            if (!values[key_no]) {
                stamps[key_no] = ++stamp;
                count++;
            }
            values[key_no] = (size_t)step + 1;
        } else {
            assert_ptr_equal(map_remove(m, key), number(values[key_no]));
            count -= values[key_no] != 0;
            values[key_no] = 0;
        }
        assert_int_equal(map_count(m), count);
        assert_ptr_equal(map_get(m, key), number(values[key_no]));
    }
    struct str key;
    void *value;
    size_t at = 0, seen = 0, last_stamp = 0;
    while (map_next(m, &at, &key, &value)) {
        size_t key_no = (size_t)strtoul(key.ptr + 3, NULL, 10);
        assert_ptr_equal(value, number(values[key_no]));
        assert_true(stamps[key_no] > last_stamp);
        last_stamp = stamps[key_no];
        seen++;
    }
    assert_int_equal(seen, count);
    map_free(m);
}

/* Keys are the caller's bytes: not copied, not freed, and given back as they were. */
static void borrowed_keys(void **state)
{
    static const char keys[] = "onetwo";
    struct map *m = map_new_borrowed();
    struct str key;
    void *value;
    size_t at = 0;
    (void)state;
    assert_null(map_put(m, str_of(keys, 3), number(1)));
    assert_null(map_put(m, str_of(keys + 3, 3), number(2)));
    assert_null(map_put(m, STR_NONE, number(3)));
    assert_ptr_equal(map_put(m, STR("two"), number(4)), number(2));
    assert_ptr_equal(map_remove(m, STR("one")), number(1));
    assert_ptr_equal(map_get(m, STR("")), number(3));
    assert_true(map_next(m, &at, &key, &value));
    assert_ptr_equal(key.ptr, keys + 3);
    assert_ptr_equal(value, number(4));
    for (int i = 0; i < 1000; i++) /* over many rebuilds */
        assert_null(map_put(m, str_of(keys, 3), number(1))), assert_ptr_equal(map_remove(m, STR("one")), number(1));
    assert_int_equal(map_count(m), 2);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_gets_removes),
        cmocka_unit_test(keys_may_hold_nul),
        cmocka_unit_test(icase),
        cmocka_unit_test(against_a_model),
        cmocka_unit_test(borrowed_keys),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
