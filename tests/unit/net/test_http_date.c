/* Dates of HTTP's headers. */
#include "net/http_date.h"
#include "unit/base/test_util.h"

static void test_dates(void **state)
{
    struct tp t;
    char out[HTTP_DATE_BYTES];
    (void)state;
    assert_true(http_date_parse(STR("Fri, 26 Jun 2015 23:39:12 GMT"), &t));
    assert_string_equal(http_date(t, out), "Fri, 26 Jun 2015 23:39:12 GMT");
    static const char *const bad[] = {"", "Fri", "Fri, 26 Jux 2015 23:39:12 GMT", "Fri, 31 Feb 2015 23:39:12 GMT", "Fri, 26 Jun 2015 25:39:12 GMT",
                                      "2015-06-26T23:39:12Z..........", "Fri, 26 Jun 2015 23:39:12 GMT and more text"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(http_date_parse(str_z(bad[i]), &t));
}

static void test_each_day_of_years(void **state)
{
    struct tp t;
    char out[HTTP_DATE_BYTES];
    (void)state;
    for (int64_t day = -800; day < 20000; day++) {
        struct tp want = {(day * 86400 + (day * 7919 % 86400 + 86400) % 86400) * 1000000};
        assert_true(http_date_parse(str_z(http_date(want, out)), &t));
        assert_int_equal(t.us, want.us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dates), cmocka_unit_test(test_each_day_of_years)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
