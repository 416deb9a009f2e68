/* Allocation and arenas. */
#include "unit/base/test_util.h"

static bool all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static void grow_doubles_and_zeroes(void **state)
{
    size_t cap = 0;
    int *items = NULL;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        size_t before = cap;
        items = mem_grow(items, &cap, (size_t)i + 1, sizeof *items);
        if (cap != before)
            assert_true(all_zero((char *)(items + before), (cap - before) * sizeof *items));
        items[i] = i + 1;
    }
    assert_true(cap >= 1000 && cap < 2100);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(items[i], i + 1);
    mem_free(items);
}

static void grow_beyond_memory(void)
{
    size_t cap = 0;
    mem_free(mem_grow(NULL, &cap, SIZE_MAX / 4, 16));
}

static void overflowing_sizes_abort(void **state)
{
    (void)state;
    assert_true(aborts(grow_beyond_memory));
}

static void strings_are_copied(void **state)
{
    char *a = mem_strdup("abc"), *b = mem_strndup("abcdef", 2), *c = mem_strndup(NULL, 0);
    (void)state;
    assert_string_equal(a, "abc");
    assert_string_equal(b, "ab");
    assert_string_equal(c, "");
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void allocations_are_aligned_zeroed_and_apart(void **state)
{
    enum { N = 3000 };
    static char *at[N];
    static size_t size[N];
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < N; i++) {
        size[i] = i % 7 == 0 ? i * 13 : i % 50;
        at[i] = arena_alloc(a, size[i]);
        assert_int_equal((uintptr_t)at[i] % 16, 0);
        assert_true(all_zero(at[i], size[i]));
        memset(at[i], (int)(i % 251) + 1, size[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal((unsigned char)at[i][k], i % 251 + 1);
    arena_free(a);
}

static void reset_reuses_zeroed_memory(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(arena_used(a), 0);
        for (int i = 0; i < 500; i++) {
            char *p = arena_alloc(a, 100);
            assert_true(all_zero(p, 100));
            memset(p, 0xAA, 100);
        }
        memset(arena_alloc(a, 8 << 20), 1, 8 << 20);
        assert_true(arena_used(a) >= 500 * 100 + (8 << 20));
        arena_reset(a);
    }
    arena_free(a);
    arena_free(NULL);
}

static void arena_grow_keeps_items(void **state)
{
    struct arena *a = arena_new();
    size_t cap = 0, other_cap = 0;
    int *items = NULL, *other = NULL;
    (void)state;
    for (int i = 0; i < 5000; i++) {
        size_t before = cap;
        items = arena_grow(a, items, &cap, (size_t)i + 1, sizeof *items);
        if (cap != before)
            assert_true(all_zero((char *)(items + before), (cap - before) * sizeof *items));
        items[i] = i;
        if (i % 3 == 0) { /* another allocation between: not always in place */
            other = arena_grow(a, other, &other_cap, (size_t)i / 3 + 1, sizeof *other);
            other[i / 3] = -i;
        }
    }
    for (int i = 0; i < 5000; i++)
        assert_int_equal(items[i], i);
    for (int i = 0; i < 5000; i += 3)
        assert_int_equal(other[i / 3], -i);
    arena_free(a);
}

static void grow_in_place_when_last(void **state)
{
    struct arena *a = arena_new();
    size_t cap = 0;
    (void)state;
    char *first = arena_grow(a, NULL, &cap, 1, 1);
    assert_ptr_equal(arena_grow(a, first, &cap, 100, 1), first);
    arena_free(a);
}

static void printf_of_any_length(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    assert_string_equal(arena_printf(a, "%s-%d", "x", 5), "x-5");
    for (int n = 250; n < 260; n++)
        assert_int_equal(strlen(arena_printf(a, "%*d", n, 1)), n);
    assert_int_equal(strlen(arena_printf(a, "%*d", 5000, 1)), 5000);
    arena_free(a);
}

static void fill_small_arena(void)
{
    struct arena *a = arena_new_max(1000);
    for (int i = 0; i < 100; i++)
        arena_alloc(a, 16);
}

static void fits_small_arena(void)
{
    struct arena *a = arena_new_max(1600);
    for (int i = 0; i < 100; i++)
        arena_alloc(a, 16);
    arena_free(a);
}

static void maximum_aborts(void **state)
{
    (void)state;
    assert_true(aborts(fill_small_arena));
    assert_false(aborts(fits_small_arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grow_doubles_and_zeroes),
        cmocka_unit_test(overflowing_sizes_abort),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(allocations_are_aligned_zeroed_and_apart),
        cmocka_unit_test(reset_reuses_zeroed_memory),
        cmocka_unit_test(arena_grow_keeps_items),
        cmocka_unit_test(grow_in_place_when_last),
        cmocka_unit_test(printf_of_any_length),
        cmocka_unit_test(maximum_aborts),
    };
    return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
