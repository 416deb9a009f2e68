/* Civil time against the C library and against itself, ISO texts, the fake clock. */
#include "unit/base/test_util.h"

#include <time.h>

static const int64_t second_us = 1000000;

static void every_day_of_800_years(void **state)
{
    int64_t first = days_from_civil(1600, 1, 1), last = days_from_civil(2400, 1, 1);
    struct civil before = {0};
    (void)state;
    assert_int_equal(days_from_civil(1970, 1, 1), 0);
    assert_int_equal(last - first, 2 * 146097);
    for (int64_t day = first; day < last; day++) {
        struct civil c = civil_of((struct tp){day * 86400 * second_us});
        assert_true(civil_valid(c.year, c.month, c.day));
        assert_int_equal(days_from_civil(c.year, c.month, c.day), day);
        if (day > first) {
            bool next =
                c.day == before.day + 1 ||
                (c.day == 1 && (c.month == before.month + 1 ||
                                (c.month == 1 && before.month == 12 && c.year == before.year + 1)));
            assert_true(next);
            assert_int_equal(c.weekday, (before.weekday + 1) % 7);
        }
        before = c;
    }
}

static void as_the_c_library(void **state)
{
    (void)state;
    for (int64_t s = -3000000000; s < 5000000000; s += 1234567) {
        time_t t = (time_t)s;
        struct tm tm;
        gmtime_r(&t, &tm);
        struct civil c = civil_of((struct tp){s * second_us + 7});
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(c.weekday, tm.tm_wday);
        assert_int_equal(c.us, 7);
        assert_true(civil_tp(&c).us == s * second_us + 7);
    }
}

static void valid_dates(void **state)
{
    (void)state;
    assert_true(civil_valid(2024, 2, 29));
    assert_false(civil_valid(2023, 2, 29));
    assert_true(civil_valid(2000, 2, 29));
    assert_false(civil_valid(1900, 2, 29));
    assert_false(civil_valid(2024, 4, 31));
    assert_false(civil_valid(2024, 13, 1));
    assert_false(civil_valid(2024, 0, 1));
    assert_false(civil_valid(2024, 1, 0));
}

static void iso_out(void **state)
{
    struct tp t = {1704164645123456};
    char out[40];
    (void)state;
    assert_string_equal(time_iso(t, 0, out), "2024-01-02T03:04:05Z");
    assert_string_equal(time_iso(t, 3, out), "2024-01-02T03:04:05.123Z");
    assert_string_equal(time_iso(t, 6, out), "2024-01-02T03:04:05.123456Z");
    assert_string_equal(time_iso(t, 7, out), "2024-01-02T03:04:05.1234560Z");
    assert_string_equal(time_iso((struct tp){-1}, 6, out), "1969-12-31T23:59:59.999999Z");
}

static void iso_in(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: malformed */
    } cases[] = {
        {"2024-01-02", 1704153600000000},
        {"2024-01-02T03:04", 1704164640000000},
        {"2024-01-02T03:04:05", 1704164645000000},
        {"2024-01-02 03:04:05", 1704164645000000},
        {"2024-01-02T03:04:05Z", 1704164645000000},
        {"2024-01-02t03:04:05z", 1704164645000000},
        {"2024-01-02T03:04:05.5Z", 1704164645500000},
        {"2024-01-02T03:04:05.1234567Z", 1704164645123456},
        {"2024-01-02T03:04:05.123456789Z", 1704164645123456},
        {"2024-01-02T03:04:05+01:00", 1704161045000000},
        {"2024-01-02T03:04:05-0130", 1704170045000000},
        {"2024-01-02T03:04:05+01", 1704161045000000},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"", -1},
        {"2024", -1},
        {"2024-1-2", -1},
        {"2024-02-30", -1},
        {"2024-01-02T", -1},
        {"2024-01-02T24:00:00", -1},
        {"2024-01-02T03:60:00", -1},
        {"2024-01-02T03:04:05.", -1},
        {"2024-01-02T03:04:05.5 ", -1},
        {"2024-01-02T03:04:05+1", -1},
        {"2024-01-02T03:04:05+01:", -1},
        {"2024-01-02T03:04:05+19:00", -1},
        {"2024-01-02T03:04:05ZZ", -1},
        {"2024/01/02", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tp t = {-1};
        bool ok = time_parse_iso(str_z(cases[i].text), &t);
        if (ok != (cases[i].us >= 0) || t.us != cases[i].us)
            fail_msg("'%s': %d, %lld", cases[i].text, ok, (long long)t.us);
    }
}

static void clocks(void **state)
{
    (void)state;
    int64_t mono = time_mono_us();
    assert_true(time_mono_us() >= mono);
    assert_true(time_now().us > 1704153600000000);
    time_fake(true, (struct tp){1234567});
    assert_true(time_now().us == 1234567);
    assert_true(time_now_ms() == 1234);
    time_fake(false, (struct tp){0});
    assert_true(time_now().us > 1704153600000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_800_years),
        cmocka_unit_test(as_the_c_library),
        cmocka_unit_test(valid_dates),
        cmocka_unit_test(iso_out),
        cmocka_unit_test(iso_in),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
