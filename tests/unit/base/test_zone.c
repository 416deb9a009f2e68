/* Zones against the C library, hour by hour, and the two odd hours of the year. */
#include "unit/base/test_util.h"

#include <time.h>

#include "base/zone.h"

static const struct zone *find(const char *name)
{
    struct err err;
    const struct zone *z = zone_find(str_z(name), &err);
    if (!z)
        fail_msg("%s", err.msg);
    return z;
}

static int need_zone_files(void **state)
{
    (void)state;
    if (!fs_exists("/usr/share/zoneinfo/Europe/Berlin")) {
        print_message("skipped: no zone files on this machine\n");
        skip();
    }
    return 0;
}

static void as_the_c_library(void **state)
{
    static const char *const names[] = {
        "Europe/Berlin",     "America/New_York", "Asia/Kolkata",  "Australia/Sydney",
        "America/Sao_Paulo", "Asia/Tehran",      "Europe/Dublin", "UTC"};
    need_zone_files(state);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct zone *z = find(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t s = 0; s < 3000000000; s += 3600 * 7) { /* into 2065: past the file's table */
            time_t t = (time_t)s;
            struct tm tm;
            localtime_r(&t, &tm);
            if (zone_offset(z, s) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, expected %ld", names[i], (long long)s, zone_offset(z, s),
                         tm.tm_gmtoff);
        }
    }
    unsetenv("TZ");
    tzset();
}

static int64_t seconds(const char *iso)
{
    struct tp t = {0};
    assert_true(time_parse_iso(str_z(iso), &t));
    return t.us / 1000000;
}

static void odd_hours(void **state)
{
    int64_t at[2];
    need_zone_files(state);
    const struct zone *berlin = find("Europe/Berlin");
    assert_int_equal(zone_instants(berlin, seconds("2024-07-01T12:00:00"), at), 1);
    assert_true(at[0] == seconds("2024-07-01T10:00:00"));
    assert_int_equal(zone_instants(berlin, seconds("2024-03-31T02:30:00"), at), 0);
    assert_int_equal(zone_instants(berlin, seconds("2024-10-27T02:30:00"), at), 2);
    assert_true(at[0] == seconds("2024-10-27T00:30:00"));
    assert_true(at[1] == seconds("2024-10-27T01:30:00"));
    assert_int_equal(zone_instants(berlin, seconds("2060-10-31T02:30:00"), at), 2);
}

static void names(void **state)
{
    struct err err;
    need_zone_files(state);
    assert_ptr_equal(find("Europe/Berlin"), find("Europe/Berlin"));
    assert_int_equal(zone_offset(find("W. Europe Standard Time"), seconds("2024-07-01")), 7200);
    assert_int_equal(zone_offset(find("w. europe STANDARD time"), seconds("2024-01-01")), 3600);
    assert_true(zone_is_utc(find("UTC")));
    assert_false(zone_is_utc(find("Europe/Berlin")));
    static const char *const bad[] = {"", "Nowhere/City", "../../etc/passwd", "/etc/passwd", "."};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_null(zone_find(str_z(bad[i]), &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_c_library),
        cmocka_unit_test(odd_hours),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("base/zone", tests, NULL, NULL);
}
