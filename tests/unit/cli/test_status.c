/* The board: what a row says, and what goes when the terminal is small. */
#include "cli/status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct status *board(void)
{
    struct status *s = status_new(STATUS_BOARD, "shop");
    status_state(s, GROUP_ADDRESS, "kafka", MOOD_GOOD, "listening", "127.0.0.1:9093");
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "main.gold.t%02d", i);
        status_rows(s, GROUP_TABLE, name, 1000 * i);
        status_state(s, GROUP_TABLE, name, i == 3 ? MOOD_BAD : MOOD_GOOD, i == 3 ? "failed" : "live", "%s", "");
    }
    status_state(s, GROUP_JOB, "nightly", MOOD_GOOD, "Succeeded", "1.20 s");
    status_state(s, GROUP_JOB, "nightly/first", MOOD_GOOD, "Succeeded", "0.20 s");
    for (int i = 0; i < 9; i++) {
        char line[32];
        snprintf(line, sizeof line, "note %d\n", i);
        status_note(s, str_z(line));
    }
    return s;
}

static size_t lines_of(const struct buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += b->ptr[i] == '\n';
    return n;
}

static void test_all_of_it(void **state)
{
    struct status *s = board();
    struct buf b;
    (void)state;
    buf_init(&b);
    status_render(s, 100, 0, false, &b);
    assert_non_null(strstr(b.ptr, "    kafka        127.0.0.1:9093\n"));
    assert_non_null(strstr(b.ptr, "19,000"));
    assert_non_null(strstr(b.ptr, "  ✓   first "));
    assert_null(strstr(b.ptr, "note 2"));
    assert_non_null(strstr(b.ptr, "note 3\nnote 4\nnote 5\nnote 6\nnote 7\nnote 8\n"));
    assert_int_equal(lines_of(&b), 1 + 3 + 23 + 6 + 1);
    buf_release(&b);
    status_free(s);
}

static void test_a_low_terminal(void **state)
{
    struct status *s = board();
    struct buf b;
    (void)state;
    buf_init(&b);
    status_render(s, 100, 15, false, &b);
    assert_int_equal(lines_of(&b), 15);
    assert_non_null(strstr(b.ptr, "main.gold.t03"));  /* it failed */
    assert_non_null(strstr(b.ptr, "note 8"));
    assert_non_null(strstr(b.ptr, "nightly"));
    assert_null(strstr(b.ptr, "first"));
    assert_non_null(strstr(b.ptr, "not shown)"));
    buf_release(&b);
    status_free(s);
}

static void test_a_narrow_terminal(void **state)
{
    struct status *s = board();
    struct buf b;
    (void)state;
    buf_init(&b);
    status_render(s, 20, 0, false, &b);
    struct str rest = buf_view(&b), line;
    while (rest.len && str_split(&rest, '\n', &line))
        assert_true(line.len <= 22); /* a mark is three bytes wide and one cell */
    buf_release(&b);
    status_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_of_it), cmocka_unit_test(test_a_low_terminal), cmocka_unit_test(test_a_narrow_terminal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
