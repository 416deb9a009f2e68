/* time.c -- see time.h. Days and dates convert by Howard Hinnant's method: a year begins in March,
 * so that the leap day is its last, and 400 years (146,097 days) make one era. */
#include "base/time.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum {
    US_PER_SECOND = 1000000,
    SECONDS_PER_DAY = 86400,
    DAYS_PER_ERA = 146097,
    DAYS_TO_EPOCH = 719468, /* from 0000-03-01 to 1970-01-01 */
};
static const int64_t us_per_day = (int64_t)SECONDS_PER_DAY * US_PER_SECOND;

static atomic_bool fake_on;
static _Atomic int64_t fake_us;

static int64_t clock_us(clockid_t clock)
{
    struct timespec ts;
    int rc = clock_gettime(clock, &ts);
    CHECK(rc == 0);
    return (int64_t)ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

struct tp time_now(void)
{
    if (atomic_load_explicit(&fake_on, memory_order_relaxed))
        return (struct tp){atomic_load(&fake_us)};
    return (struct tp){clock_us(CLOCK_REALTIME)};
}

int64_t time_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t time_now_ms(void)
{
    return time_now().us / 1000;
}

void time_fake(bool on, struct tp now)
{
    atomic_store(&fake_us, now.us);
    atomic_store(&fake_on, on);
}

static int64_t div_floor(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = div_floor(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

struct civil civil_of(struct tp t)
{
    int64_t days = div_floor(t.us, us_per_day), us = t.us - days * us_per_day;
    int64_t z = days + DAYS_TO_EPOCH, era = div_floor(z, DAYS_PER_ERA);
    int64_t doe = z - era * DAYS_PER_ERA; /* day of era */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100); /* from 1 March */
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t second_of_day = us / US_PER_SECOND;
    int64_t weekday = (days + 4) % 7; /* day 0 was a Thursday */
    return (struct civil){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(second_of_day / 3600),
        .minute = (int)(second_of_day / 60 % 60),
        .second = (int)(second_of_day % 60),
        .us = (int)(us % US_PER_SECOND),
        .weekday = (int)(weekday < 0 ? weekday + 7 : weekday),
    };
}

struct tp civil_tp(const struct civil *c)
{
    int64_t days = days_from_civil(c->year, c->month, c->day);
    int64_t seconds = ((int64_t)c->hour * 60 + c->minute) * 60 + c->second;
    return (struct tp){days * us_per_day + seconds * US_PER_SECOND + c->us};
}

bool civil_valid(int year, int month, int day)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= month_days[month - 1] + (month == 2 && leap);
}

char *time_iso(struct tp t, int fraction_digits, char out[40])
{
    static const int divisors[] = {[0] = 1, [3] = 1000, [6] = 1, [7] = 1};
    struct civil c = civil_of(t);
    int n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour,
                     c.minute, c.second);
    CHECK(fraction_digits == 0 || fraction_digits == 3 || fraction_digits == 6 ||
          fraction_digits == 7);
    int digits = fraction_digits == 7 ? 6 : fraction_digits;
    if (digits)
        n += snprintf(out + n, 40 - (size_t)n, ".%0*d", digits, c.us / divisors[digits]);
    snprintf(out + n, 40 - (size_t)n, "%sZ", fraction_digits == 7 ? "0" : "");
    return out;
}

/* Takes exactly `n` digits off `*s`. */
static bool take_digits(struct str *s, int n, int *out)
{
    int v = 0;
    if (s->len < (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9')
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    *s = str_from(*s, (size_t)n);
    *out = v;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* The fraction's digits: those after the sixth are cut off. */
static bool take_fraction(struct str *s, int *us)
{
    int scale = US_PER_SECOND / 10, digits = 0;
    *us = 0;
    for (; s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9'; digits++) {
        *us += (s->ptr[0] - '0') * scale;
        scale /= 10;
        *s = str_from(*s, 1);
    }
    return digits > 0;
}

/* hh:mm[:ss[.fraction]] */
static bool take_clock(struct str *s, struct civil *c)
{
    if (!take_digits(s, 2, &c->hour) || !take_char(s, ':') || !take_digits(s, 2, &c->minute))
        return false;
    if (take_char(s, ':')) {
        if (!take_digits(s, 2, &c->second))
            return false;
        if ((take_char(s, '.') || take_char(s, ',')) && !take_fraction(s, &c->us))
            return false;
    }
    return c->hour < 24 && c->minute < 60 && c->second < 60;
}

/* Nothing, Z, +hh, +hhmm or +hh:mm. */
static bool take_zone(struct str *s, int *offset_minutes)
{
    int hours, minutes = 0;
    *offset_minutes = 0;
    if (s->len == 0 || take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    bool west = take_char(s, '-');
    if ((!west && !take_char(s, '+')) || !take_digits(s, 2, &hours))
        return false;
    if (s->len && (take_char(s, ':'), !take_digits(s, 2, &minutes)))
        return false;
    *offset_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours <= 18 && minutes < 60;
}

bool time_parse_iso(struct str s, struct tp *out)
{
    struct civil c = {0};
    int offset_minutes = 0;
    if (!take_digits(&s, 4, &c.year) || !take_char(&s, '-') || !take_digits(&s, 2, &c.month) ||
        !take_char(&s, '-') || !take_digits(&s, 2, &c.day) || !civil_valid(c.year, c.month, c.day))
        return false;
    if (s.len) {
        if (!take_char(&s, 'T') && !take_char(&s, 't') && !take_char(&s, ' '))
            return false;
        if (!take_clock(&s, &c) || !take_zone(&s, &offset_minutes) || s.len)
            return false;
    }
    out->us = civil_tp(&c).us - (int64_t)offset_minutes * 60 * US_PER_SECOND;
    return true;
}
