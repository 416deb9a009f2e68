/* Schedules: the next times of both dialects, refusals, and a slow model. */
#include "unit/base/test_util.h"

#include "base/cron.h"

static struct tp at(const char *text)
{
    struct tp t = {0};
    if (!time_parse_iso(str_z(text), &t))
        fail_msg("bad time '%s'", text);
    return t;
}

struct next_case {
    enum cron_dialect dialect;
    const char *schedule, *after, *next; /* next NULL: none */
};

static const struct next_case next_cases[] = {
    {CRON_NCRONTAB, "0 */5 * * * *", "2024-01-01T00:00:00", "2024-01-01T00:05:00Z"},
    {CRON_NCRONTAB, "0 */5 * * * *", "2024-01-01T00:04:59.999999", "2024-01-01T00:05:00Z"},
    {CRON_NCRONTAB, "* * * * * *", "2024-01-01T00:00:00.5", "2024-01-01T00:00:01Z"},
    {CRON_NCRONTAB, "*/10 * * * * *", "2024-12-31T23:59:50", "2025-01-01T00:00:00Z"},
    {CRON_NCRONTAB, "*/5 * * * *", "2024-01-01T00:00:00", "2024-01-01T00:05:00Z"}, /* five fields */
    {CRON_NCRONTAB, "0 0 9-17 * * 1-5", "2024-01-05T17:00:00", "2024-01-08T09:00:00Z"},
    {CRON_NCRONTAB, "0 30 9 * Jan Mon", "2024-01-02T00:00:00", "2024-01-08T09:30:00Z"},
    {CRON_NCRONTAB, "0 30 9 * january MONDAY", "2024-01-30T00:00:00", "2025-01-06T09:30:00Z"},
    {CRON_NCRONTAB, "0 0 0 29 2 *", "2024-02-29T00:00:00", "2028-02-29T00:00:00Z"},
    {CRON_NCRONTAB, "0 0 0 31 2 *", "2024-02-29T00:00:00", NULL},
    {CRON_NCRONTAB, "0 0 0 13 * 5", "2024-01-01T00:00:00", "2024-09-13T00:00:00Z"}, /* both fit */
    {CRON_NCRONTAB, "0 5,10,50-52/2 * * * *", "2024-01-01T00:10:00", "2024-01-01T00:50:00Z"},
    {CRON_NCRONTAB, "0 5,10,50-52/2 * * * *", "2024-01-01T00:50:00", "2024-01-01T00:52:00Z"},
    {CRON_NCRONTAB, "0 52-50 * * * *", "2024-01-01T00:00:00",
     "2024-01-01T00:50:00Z"}, /* exchanged */
    {CRON_NCRONTAB, "0 20/15 * * * *", "2024-01-01T00:35:00", "2024-01-01T00:50:00Z"},
    {CRON_NCRONTAB, "  0   0\t0 1 1 *  ", "2024-01-01T00:00:00", "2025-01-01T00:00:00Z"},
    {CRON_NCRONTAB, "59 59 23 31 12 *", "1969-06-01T00:00:00", "1970-12-31T23:59:59Z"},
    {CRON_QUARTZ, "0 0 12 * * ?", "2024-01-01T12:00:00", "2024-01-02T12:00:00Z"},
    {CRON_QUARTZ, "0 15 10 ? * MON-FRI", "2024-01-05T10:15:00", "2024-01-08T10:15:00Z"},
    {CRON_QUARTZ, "0 15 10 ? * 2-6", "2024-01-05T10:15:00", "2024-01-08T10:15:00Z"},
    {CRON_QUARTZ, "0 15 10 ? * 1", "2024-01-05T10:15:00", "2024-01-07T10:15:00Z"}, /* Sunday */
    {CRON_QUARTZ, "0 15 10 ? * FRI-MON", "2024-01-05T10:15:00", "2024-01-06T10:15:00Z"},
    {CRON_QUARTZ, "0 0/5 14,18 * * ?", "2024-01-01T14:55:00", "2024-01-01T18:00:00Z"},
    {CRON_QUARTZ, "0 0 22-2 * * ?", "2024-01-01T02:00:00",
     "2024-01-01T22:00:00Z"}, /* goes around */
    {CRON_QUARTZ, "0 0 22-2/2 * * ?", "2024-01-01T00:00:00", "2024-01-01T02:00:00Z"},
    {CRON_QUARTZ, "0 /20 * * * ?", "2024-01-01T00:20:00", "2024-01-01T00:40:00Z"},
    {CRON_QUARTZ, "0 0 0 L * ?", "2024-02-01T00:00:00", "2024-02-29T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 L-3 * ?", "2023-02-01T00:00:00", "2023-02-25T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 LW * ?", "2024-03-01T00:00:00", "2024-03-29T00:00:00Z"}, /* 31st: Sunday */
    {CRON_QUARTZ, "0 0 0 15W * ?", "2024-06-01T00:00:00", "2024-06-14T00:00:00Z"}, /* Saturday */
    {CRON_QUARTZ, "0 0 0 15W * ?", "2024-09-01T00:00:00", "2024-09-16T00:00:00Z"}, /* Sunday */
    {CRON_QUARTZ, "0 0 0 15W * ?", "2024-01-01T00:00:00", "2024-01-15T00:00:00Z"}, /* Monday */
    {CRON_QUARTZ, "0 0 0 1W * ?", "2024-05-31T00:00:00", "2024-06-03T00:00:00Z"}, /* within month */
    {CRON_QUARTZ, "0 0 0 31W * ?", "2024-03-01T00:00:00", "2024-03-29T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 31W * ?", "2024-04-01T00:00:00", "2024-05-31T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 ? * 6L", "2024-01-01T00:00:00", "2024-01-26T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 ? * FRIL", "2024-02-01T00:00:00", "2024-02-23T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 ? * 6#3", "2024-01-01T00:00:00", "2024-01-19T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 ? * MON#5", "2024-02-01T00:00:00", "2024-04-29T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 ? * L", "2024-01-01T00:00:00", "2024-01-06T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 1 1 ? 2030", "2024-01-01T00:00:00", "2030-01-01T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 1 1 ? 2026-2030/2", "2026-01-01T00:00:00", "2028-01-01T00:00:00Z"},
    {CRON_QUARTZ, "0 0 0 1 1 ? 2020", "2024-01-01T00:00:00", NULL},
    {CRON_QUARTZ, "0 0 0 1 1 ? *", "2099-06-01T00:00:00", NULL},
    {CRON_QUARTZ, "0 0 0 1 1 ? 2090", "2024-01-01T00:00:00", NULL}, /* beyond ten years */
};

static void next_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(next_cases); i++) {
        const struct next_case *n = &next_cases[i];
        struct cron c;
        struct err err;
        struct tp next = {0};
        char text[40] = "none";
        if (cron_parse(&c, n->dialect, str_z(n->schedule), &err))
            fail_msg("'%s': %s", n->schedule, err.msg);
        if (cron_next(&c, at(n->after), &next))
            time_iso(next, 0, text);
        if (strcmp(text, n->next ? n->next : "none") != 0)
            fail_msg("'%s' after %s: %s, expected %s", n->schedule, n->after, text, n->next);
    }
}

static void refusals(void **state)
{
    static const struct {
        enum cron_dialect dialect;
        const char *schedule, *words;
    } cases[] = {
        {CRON_NCRONTAB, "", "too few fields: write {second} {minute} {hour}"},
        {CRON_NCRONTAB, "* * * *", "too few fields"},
        {CRON_NCRONTAB, "* * * * * * *", "too many fields"},
        {CRON_NCRONTAB, "60 * * * * *",
         "a value out of range in the field 'second', '60': it holds 0-59"},
        {CRON_NCRONTAB, "* * 24 * * *", "'hour', '24': it holds 0-23"},
        {CRON_NCRONTAB, "* * * 0 * *", "'day', '0': it holds 1-31"},
        {CRON_NCRONTAB, "* * * * 13 *", "'month', '13': it holds 1-12 or JAN-DEC"},
        {CRON_NCRONTAB, "* * * * * 7", "'day of week', '7': it holds 0-6 or SUN-SAT"},
        {CRON_NCRONTAB, "* * * * * foo", "neither a number nor a name"},
        {CRON_NCRONTAB, "* * * ? * *", "neither a number nor a name"},
        {CRON_NCRONTAB, "* * * L * *", "neither a number nor a name"},
        {CRON_NCRONTAB, "*/0 * * * * *", "a bad step"},
        {CRON_NCRONTAB, "*/x * * * * *", "a bad step"},
        {CRON_NCRONTAB, "1, * * * * *", "a comma at the end"},
        {CRON_NCRONTAB, "1,,2 * * * * *", "neither a number nor a name"},
        {CRON_NCRONTAB, "1- * * * * *", "neither a number nor a name"},
        {CRON_NCRONTAB, "-1 * * * * *", "neither a number nor a name"},
        {CRON_QUARTZ, "0 0 12 * * *", "exactly one of the fields"},
        {CRON_QUARTZ, "0 0 12 ? * ?", "exactly one of the fields"},
        {CRON_QUARTZ, "0 12 * * ?", "too few fields"},
        {CRON_QUARTZ, "0 0 12 * * ? * *", "too many fields"},
        {CRON_QUARTZ, "0 0 12 ? * 0", "'day-of-week', '0': it holds 1-7"},
        {CRON_QUARTZ, "0 0 12 ? * MONDAY", "neither a number nor a name"},
        {CRON_QUARTZ, "0 0 12 ? * 6#6", "after '#' that is not 1-5"},
        {CRON_QUARTZ, "0 0 12 L-31 * ?", "a bad offset"},
        {CRON_QUARTZ, "0 0 12 1,L * ?", "neither a number nor a name"},
        {CRON_QUARTZ, "0 0 12 1 1 ? 1969", "it holds 1970-2099"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cron c;
        struct err err = {0};
        int rc = cron_parse(&c, cases[i].dialect, str_z(cases[i].schedule), &err);
        if (rc != -1 || err.code != ERR_INPUT || !strstr(err.msg, cases[i].words))
            fail_msg("'%s': %s, expected %s", cases[i].schedule, err.msg, cases[i].words);
    }
}

/* A chain of next times equals a walk over every second of the days. */
static void against_a_walk(void **state)
{
    struct cron c;
    struct err err;
    (void)state;
    assert_int_equal(cron_parse(&c, CRON_NCRONTAB, STR("7,33 1-59/13 */5 * * 0,2"), &err), 0);
    struct tp t = at("2024-01-01T00:00:00"), next = t;
    for (int64_t s = 1; s < 9 * 86400; s++) {
        struct civil v = civil_of((struct tp){t.us + s * 1000000});
        bool fits = (v.second == 7 || v.second == 33) && v.minute >= 1 &&
                    (v.minute - 1) % 13 == 0 && v.hour % 5 == 0 &&
                    (v.weekday == 0 || v.weekday == 2);
        if (!fits)
            continue;
        assert_true(cron_next(&c, next, &next));
        assert_true(next.us == t.us + s * 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_times),
        cmocka_unit_test(refusals),
        cmocka_unit_test(against_a_walk),
    };
    return cmocka_run_group_tests_name("base/cron", tests, NULL, NULL);
}
