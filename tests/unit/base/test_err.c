/* Errors: filling, context, places, texts, exit codes. */
#include "unit/base/test_util.h"

#include <errno.h>

static void set_fills_all(void **state)
{
    struct err e = {.retriable = true, .where = {"old.json", 3, 4}};
    (void)state;
    assert_int_equal(err_set(&e, ERR_LIMIT, "%d is too many", 7), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_false(e.retriable);
    assert_string_equal(e.msg, "7 is too many");
    assert_string_equal(e.where.file, "");
    assert_int_equal(e.where.line, 0);
}

static void text_shows_known_parts(void **state)
{
    static const struct {
        const char *file;
        int line, col;
        const char *text;
    } cases[] = {{"a.yml", 3, 7, "a.yml:3:7: bad"},
                 {"a.yml", 3, 0, "a.yml:3: bad"},
                 {"a.yml", 0, 0, "a.yml: bad"},
                 {NULL, 3, 7, "3:7: bad"},
                 {NULL, 0, 0, "bad"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e;
        char out[64];
        err_at(&e, ERR_INPUT, cases[i].file, cases[i].line, cases[i].col, "bad");
        assert_string_equal(err_text(&e, out, sizeof out), cases[i].text);
    }
}

static void wrap_prefixes_and_keeps_the_place(void **state)
{
    struct err e;
    char out[64];
    (void)state;
    err_at(&e, ERR_USER, "p.sql", 1, 2, "inner");
    assert_int_equal(err_wrap(&e, "outer %s", "one"), -1);
    assert_string_equal(err_text(&e, out, sizeof out), "p.sql:1:2: outer one: inner");
    err_wrap(&e, "%s", e.msg); /* a part of the error itself */
    assert_string_equal(e.msg, "outer one: inner: outer one: inner");
}

static void locate_only_once(void **state)
{
    struct err e;
    (void)state;
    err_set(&e, ERR_INPUT, "bad");
    err_locate(&e, "a.json", 5, 6);
    err_locate(&e, "b.json", 7, 8);
    assert_string_equal(e.where.file, "a.json");
    assert_int_equal(e.where.line, 5);
}

static void errno_maps_and_names(void **state)
{
    struct err e;
    (void)state;
    err_errno(&e, ENOENT, "cannot open '%s'", "x");
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "cannot open 'x': No such file or directory");
    err_errno(&e, EEXIST, "x");
    assert_int_equal(e.code, ERR_EXISTS);
    err_errno(&e, ENOSPC, "x");
    assert_int_equal(e.code, ERR_IO);
    assert_false(e.retriable);
    err_errno(&e, EAGAIN, "x");
    assert_true(e.retriable);
}

static void long_messages_end_on_a_character(void **state)
{
    struct err e;
    char out[16];
    (void)state;
    char text[1200];
    memset(text, 'a', sizeof text);
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA4", 2);
    text[sizeof text - 1] = '\0';
    err_set(&e, ERR_INPUT, "%s", text);
    assert_true(strlen(e.msg) >= sizeof e.msg - 3);
    assert_true(str_utf8_ok(str_z(e.msg)));
    assert_true(str_utf8_ok(str_z(err_text(&e, out, sizeof out))));
    assert_true(strlen(out) >= sizeof out - 3);
    err_wrap(&e, "%s", text);
    assert_true(str_utf8_ok(str_z(e.msg)));
}

static void names_and_exit_codes(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_CODE_COUNT; code++)
        assert_true(strlen(err_code_name(code)) > 1);
    assert_string_equal(err_code_name(ERR_INPUT), "INPUT");
    assert_string_equal(err_code_name((enum err_code)99), "UNKNOWN");
    struct err e = {0};
    assert_int_equal(err_exit_status(&e), 0);
    err_set(&e, ERR_USER, "x");
    assert_int_equal(err_exit_status(&e), 1);
    err_set(&e, ERR_USAGE, "x");
    assert_int_equal(err_exit_status(&e), 2);
    err_set(&e, ERR_INTERNAL, "x");
    assert_int_equal(err_exit_status(&e), 3);
}

static void failing_check(void)
{
    CHECK(1 + 1 == 3);
}

static void check_aborts(void **state)
{
    (void)state;
    assert_true(aborts(failing_check));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_all),
        cmocka_unit_test(text_shows_known_parts),
        cmocka_unit_test(wrap_prefixes_and_keeps_the_place),
        cmocka_unit_test(locate_only_once),
        cmocka_unit_test(errno_maps_and_names),
        cmocka_unit_test(long_messages_end_on_a_character),
        cmocka_unit_test(names_and_exit_codes),
        cmocka_unit_test(check_aborts),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
