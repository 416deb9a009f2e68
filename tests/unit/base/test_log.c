/* Log lines: shape, levels, escaping, the sink. */
#include "unit/base/test_util.h"

static struct buf lines;

static void keep(void *ctx, enum log_level level, struct str line)
{
    assert_ptr_equal(ctx, &lines);
    buf_printf(&lines, "%d|%.*s\n", (int)level, STR_ARGS(line));
}

static int begin(void **state)
{
    (void)state;
    buf_init(&lines);
    log_set_sink(keep, &lines);
    log_set_level(LOG_INFO);
    time_fake(true, (struct tp){1704164645123456});
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    time_fake(false, (struct tp){0});
    buf_release(&lines);
    return 0;
}

static void one_line_an_event(void **state)
{
    (void)state;
    log_info("hub", "listens port=%d", 9092);
    log_error("lake", "cannot commit table=%s", "t");
    assert_string_equal(lines.ptr, "2|2024-01-02T03:04:05.123Z info  hub listens port=9092\n"
                                   "0|2024-01-02T03:04:05.123Z error lake cannot commit table=t\n");
}

static void levels_filter(void **state)
{
    (void)state;
    log_debug("x", "not seen");
    assert_int_equal(lines.len, 0);
    assert_false(log_on(LOG_DEBUG));
    log_set_level(LOG_DEBUG);
    log_debug("x", "seen");
    assert_true(str_ends_z(buf_view(&lines), "debug x seen\n"));
    log_set_level(LOG_ERROR);
    buf_clear(&lines);
    log_warn("x", "not seen");
    assert_int_equal(lines.len, 0);
}

static void lines_cannot_be_forged(void **state)
{
    (void)state;
    log_info("x", "name=%s", "a\nb\x1b[0m\x7f");
    assert_true(str_ends_z(buf_view(&lines), "info  x name=a\\x0ab\\x1b[0m\\x7f\n"));
}

static void errors_with_their_place(void **state)
{
    struct err e;
    (void)state;
    err_at(&e, ERR_INPUT, "a.yml", 3, 4, "bad");
    log_err(LOG_WARN, "jobs", &e);
    assert_true(str_ends_z(buf_view(&lines), "warn  jobs a.yml:3:4: bad\n"));
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    log_info("x", "%*d", 100000, 1);
    assert_true(lines.len > 4000 && lines.len < 5000);
}

static void values_are_quoted_if_need_be(void **state)
{
    static const char *const cases[][2] = {{"plain-1.2/x", "plain-1.2/x"},
                                           {"", "\"\""},
                                           {"two words", "\"two words\""},
                                           {"a\"b\\", "\"a\\\"b\\\\\""},
                                           {"k=v", "\"k=v\""}};
    char out[LOG_VALUE_BYTES], big[1000];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(log_value(str_z(cases[i][0]), out), cases[i][1]);
    memset(big, '"', sizeof big);
    size_t n = strlen(log_value(str_of(big, sizeof big), out));
    assert_true(n >= LOG_VALUE_BYTES - 2 && n < LOG_VALUE_BYTES && out[n - 1] == '"');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_line_an_event, begin, end),
        cmocka_unit_test_setup_teardown(levels_filter, begin, end),
        cmocka_unit_test_setup_teardown(lines_cannot_be_forged, begin, end),
        cmocka_unit_test_setup_teardown(errors_with_their_place, begin, end),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, begin, end),
        cmocka_unit_test(values_are_quoted_if_need_be),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
