/* cron.c -- see cron.h.
 *
 * A field is a comma-separated list of `*`, `a`, `a-b`, each with an optional `/step`; `a/step`
 * goes on to the field's maximum. Every field becomes a bit set.
 *
 *                NCRONTAB (NCrontab, Azure)            Quartz (Databricks)
 *   fields       6, or 5 without seconds               6, or 7 with a year
 *   weekdays     0-6 from Sunday; names                1-7 from Sunday; names
 *   names        any beginning of the English name     three letters
 *   b < a        the two are exchanged                 the range goes around
 *   `?`          no                                    in exactly one of day and weekday
 *   L W #        no                                    L, L-n, LW, nW; nL, n#k; alone in it
 *   days         day and weekday must both fit         the one that is not `?`
 *
 * The next time is found by days: at most ten years of them are tried, then the time of day by
 * bit scans. A bit set of hours that is empty cannot be written, so a fitting day always has a
 * fitting time, but for the first day, whose times may be past. */
#include "base/cron.h"

#include <string.h>

enum { YEARS_AHEAD = 10, DAYS_AHEAD = YEARS_AHEAD * 366, SECOND_US = 1000000, FIELDS_MAX = 7 };

struct field {
    const char *name;
    int min, max;
    const char *const *names; /* full English names from `min` on, or NULL */
    int name_count;
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const weekday_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                            "Thursday", "Friday", "Saturday"};

enum { F_SECOND, F_MINUTE, F_HOUR, F_DAY, F_MONTH, F_WEEKDAY, F_YEAR };

static const struct field fields[2][FIELDS_MAX] = {
    [CRON_NCRONTAB] = {{"second", 0, 59, NULL, 0},
                       {"minute", 0, 59, NULL, 0},
                       {"hour", 0, 23, NULL, 0},
                       {"day", 1, 31, NULL, 0},
                       {"month", 1, 12, month_names, 12},
                       {"day of week", 0, 6, weekday_names, 7},
                       {NULL, 0, 0, NULL, 0}},
    [CRON_QUARTZ] = {{"seconds", 0, 59, NULL, 0},
                     {"minutes", 0, 59, NULL, 0},
                     {"hours", 0, 23, NULL, 0},
                     {"day-of-month", 1, 31, NULL, 0},
                     {"month", 1, 12, month_names, 12},
                     {"day-of-week", 1, 7, weekday_names, 7},
                     {"year", CRON_YEAR_MIN, CRON_YEAR_MAX, NULL, 0}},
};

struct parser {
    enum cron_dialect dialect;
    const struct field *field;
    struct str text; /* the field's */
    struct err *err;
};

static int fail(const struct parser *p, const char *why)
{
    const struct field *f = p->field;
    const char *names = f->names == month_names ? " or JAN-DEC" : f->names ? " or SUN-SAT" : "";
    return err_set(p->err, ERR_INPUT, "schedule: %s in the field '%s', '%.*s': it holds %d-%d%s",
                   why, f->name, STR_ARGS(p->text), f->min, f->max, names);
}

/* A name of the field, as its dialect abbreviates it; -1 if it is none. */
static int value_by_name(const struct parser *p, struct str s)
{
    for (int i = 0; i < p->field->name_count && s.len; i++) {
        struct str name = str_z(p->field->names[i]);
        bool length_fits = p->dialect == CRON_QUARTZ ? s.len == 3 : s.len <= name.len;
        if (length_fits && str_ieq(str_sub(name, 0, s.len), s))
            return p->field->min + i;
    }
    return -1;
}

static int parse_value(const struct parser *p, struct str s, int *out)
{
    uint64_t v;
    if (s.len && s.ptr[0] != '+' && str_u64(s, &v)) {
        if (v < (uint64_t)p->field->min || v > (uint64_t)p->field->max)
            return fail(p, "a value out of range");
        *out = (int)v;
        return 0;
    }
    *out = value_by_name(p, s);
    return *out < 0 ? fail(p, "neither a number nor a name") : 0;
}

static void set_bit(uint64_t *bits, int n)
{
    bits[n / 64] |= 1ull << n % 64;
}

static bool get_bit(const uint64_t *bits, int n)
{
    return bits[n / 64] >> n % 64 & 1;
}

/* Sets every `step`-th value from `from` to `to`; bits of years count from their first. */
static void set_range(const struct parser *p, uint64_t *bits, int from, int to, int step)
{
    const struct field *f = p->field;
    int offset = f->min >= CRON_YEAR_MIN ? CRON_YEAR_MIN : 0;
    if (to < from && p->dialect == CRON_NCRONTAB) {
        int swap = from;
        from = to;
        to = swap;
    }
    int size = f->max - f->min + 1, last = to < from ? to + size : to;
    for (int v = from; v <= last; v += step)
        set_bit(bits, (v > f->max ? v - size : v) - offset);
}

/* `*`, `a`, `a-b`, with or without `/step`. */
static int parse_part(const struct parser *p, struct str part, uint64_t *bits)
{
    int64_t slash = str_chr(part, '/'), dash;
    struct str range = slash < 0 ? part : str_sub(part, 0, (size_t)slash);
    uint64_t step = 1;
    int from, to;
    if (slash >= 0 && (!str_u64(str_from(part, (size_t)slash + 1), &step) || step == 0 ||
                       step > (uint64_t)p->field->max))
        return fail(p, "a bad step");
    dash = str_chr(range, '-');
    if (str_eqz(range, "*") || (range.len == 0 && slash == 0 && p->dialect == CRON_QUARTZ)) {
        from = p->field->min;
        to = p->field->max;
    } else if (dash > 0) {
        if (parse_value(p, str_sub(range, 0, (size_t)dash), &from) ||
            parse_value(p, str_from(range, (size_t)dash + 1), &to))
            return -1;
    } else {
        if (parse_value(p, range, &from))
            return -1;
        to = slash < 0 ? from : p->field->max;
    }
    set_range(p, bits, from, to, (int)step);
    return 0;
}

static int parse_list(const struct parser *p, uint64_t *bits)
{
    struct str rest = p->text, part;
    if (rest.len && rest.ptr[rest.len - 1] == ',')
        return fail(p, "a comma at the end");
    while (str_split(&rest, ',', &part))
        if (parse_part(p, part, bits))
            return -1;
    return 0;
}

/* Quartz's L, L-n, LW, nW. 1: it was one; 0: it is none; -1: error. */
static int parse_day_special(const struct parser *p, struct cron *c)
{
    struct str s = p->text;
    uint64_t n;
    int day;
    if (str_eqz(s, "L") || str_eqz(s, "LW")) {
        c->last_day = true;
        c->nearest_weekday = s.len == 2;
        return 1;
    }
    if (str_starts_z(s, "L-")) {
        if (!str_u64(str_from(s, 2), &n) || n > 30)
            return fail(p, "a bad offset from the last day");
        c->last_day = true;
        c->days_before_last = (int)n;
        return 1;
    }
    if (!str_ends_z(s, "W"))
        return 0;
    if (parse_value(p, str_sub(s, 0, s.len - 1), &day))
        return -1;
    c->nearest_weekday = true;
    set_bit(&c->days, day);
    return 1;
}

/* Quartz's L (Saturday), nL, n#k. */
static int parse_weekday_special(const struct parser *p, uint64_t *bits, struct cron *c)
{
    struct str s = p->text;
    int64_t hash = str_chr(s, '#');
    uint64_t nth;
    int day;
    if (str_eqz(s, "L")) {
        set_bit(bits, 7);
        return 1;
    }
    if (hash > 0) {
        if (!str_u64(str_from(s, (size_t)hash + 1), &nth) || nth < 1 || nth > 5)
            return fail(p, "a number after '#' that is not 1-5");
        if (parse_value(p, str_sub(s, 0, (size_t)hash), &day))
            return -1;
        c->nth_weekday = (int)nth;
        set_bit(bits, day);
        return 1;
    }
    if (s.len < 2 || !str_ends_z(s, "L"))
        return 0;
    if (parse_value(p, str_sub(s, 0, s.len - 1), &day))
        return -1;
    c->last_weekday = true;
    set_bit(bits, day);
    return 1;
}

static int parse_day(const struct parser *p, struct cron *c)
{
    int special = p->dialect == CRON_QUARTZ ? parse_day_special(p, c) : 0;
    if (special)
        return special < 0 ? -1 : 0;
    return parse_list(p, &c->days);
}

static int parse_weekday(const struct parser *p, struct cron *c)
{
    uint64_t bits = 0;
    int special = p->dialect == CRON_QUARTZ ? parse_weekday_special(p, &bits, c) : 0;
    if (special < 0 || (special == 0 && parse_list(p, &bits)))
        return -1;
    c->weekdays = p->dialect == CRON_QUARTZ ? bits >> 1 : bits; /* Quartz's Sunday is 1 */
    return 0;
}

static int split_fields(struct str text, struct str out[FIELDS_MAX])
{
    int count = 0;
    struct str rest = str_trim(text);
    while (rest.len) {
        size_t n = 0;
        while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\t')
            n++;
        if (count == FIELDS_MAX)
            return FIELDS_MAX + 1;
        out[count++] = str_sub(rest, 0, n);
        rest = str_trim(str_from(rest, n));
    }
    return count;
}

/* Quartz: exactly one of day-of-month and day-of-week is `?`; it becomes `*`. */
static int take_question_mark(struct str parts[FIELDS_MAX], struct err *err)
{
    bool day = str_eqz(parts[F_DAY], "?"), weekday = str_eqz(parts[F_WEEKDAY], "?");
    if (day == weekday)
        return err_set(err, ERR_INPUT,
                       "schedule: exactly one of the fields 'day-of-month' and "
                       "'day-of-week' must be '?', as in '0 0 12 * * ?'");
    parts[day ? F_DAY : F_WEEKDAY] = STR("*");
    return 0;
}

static int parse_fields(struct cron *c, enum cron_dialect dialect, struct str parts[FIELDS_MAX],
                        struct err *err)
{
    uint64_t *plain[FIELDS_MAX] = {&c->seconds, &c->minutes, &c->hours, NULL,
                                   &c->months,  NULL,        c->years};
    for (int i = 0; i < FIELDS_MAX; i++) {
        struct parser p = {dialect, &fields[dialect][i], parts[i], err};
        if (!p.field->name)
            break;
        int rc = i == F_DAY       ? parse_day(&p, c)
                 : i == F_WEEKDAY ? parse_weekday(&p, c)
                                  : parse_list(&p, plain[i]);
        if (rc)
            return -1;
    }
    return 0;
}

int cron_parse(struct cron *c, enum cron_dialect dialect, struct str text, struct err *err)
{
    struct str parts[FIELDS_MAX] = {0};
    int count = split_fields(text, parts);
    bool quartz = dialect == CRON_QUARTZ;
    *c = (struct cron){0};
    if (!quartz && count == 5) {
        memmove(parts + 1, parts, 5 * sizeof parts[0]);
        parts[F_SECOND] = STR("0");
        count = 6;
    }
    if (count != 6 && !(quartz && count == 7))
        return err_set(err, ERR_INPUT,
                       "schedule '%.*s' has %s fields: write {second} {minute} {hour} "
                       "{day} {month} {day of week}%s",
                       STR_ARGS(text), count < 6 ? "too few" : "too many",
                       quartz ? " [{year}]" : "");
    if (quartz && take_question_mark(parts, err))
        return -1;
    if (count == 6)
        parts[F_YEAR] = STR("*");
    if (!quartz)
        memset(c->years, 0xFF, sizeof c->years);
    return parse_fields(c, dialect, parts, err);
}

static int days_in_month(int year, int month)
{
    int days = 28;
    while (civil_valid(year, month, days + 1))
        days++;
    return days;
}

/* The Monday to Friday nearest to `day` within its month; `weekday` is that of `day`. */
static int nearest_weekday(int day, int weekday, int month_days)
{
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < month_days ? day + 1 : day - 2;
    return day;
}

/* Whether the day of the month fits its field. */
static bool day_fits(const struct cron *c, const struct civil *t)
{
    int month_days = days_in_month(t->year, t->month);
    if (!c->last_day && !c->nearest_weekday)
        return get_bit(&c->days, t->day);
    int day = c->last_day ? month_days - c->days_before_last : __builtin_ctzll(c->days);
    if (day < 1 || day > month_days)
        return false;
    if (c->nearest_weekday) {
        int weekday = ((t->weekday + day - t->day) % 7 + 7) % 7;
        day = nearest_weekday(day, weekday, month_days);
    }
    return t->day == day;
}

static bool weekday_fits(const struct cron *c, const struct civil *t)
{
    if (!get_bit(&c->weekdays, t->weekday))
        return false;
    if (c->nth_weekday)
        return (t->day - 1) / 7 + 1 == c->nth_weekday;
    return !c->last_weekday || t->day + 7 > days_in_month(t->year, t->month);
}

static bool date_fits(const struct cron *c, const struct civil *t)
{
    if (t->year < CRON_YEAR_MIN || t->year > CRON_YEAR_MAX ||
        !get_bit(c->years, t->year - CRON_YEAR_MIN))
        return false;
    return get_bit(&c->months, t->month) && day_fits(c, t) && weekday_fits(c, t);
}

/* The lowest set bit of `bits` that is at least `from`, or -1. */
static int next_bit(uint64_t bits, int from)
{
    bits = from > 63 ? 0 : bits >> from;
    return bits ? from + __builtin_ctzll(bits) : -1;
}

/* Moves the time of day on to the first that fits, itself included; false if the day has none. */
static bool next_clock(const struct cron *c, struct civil *t)
{
    for (int hour = next_bit(c->hours, t->hour); hour >= 0; hour = next_bit(c->hours, hour + 1)) {
        int minute = next_bit(c->minutes, hour == t->hour ? t->minute : 0);
        for (; minute >= 0; minute = next_bit(c->minutes, minute + 1)) {
            bool same = hour == t->hour && minute == t->minute;
            int second = next_bit(c->seconds, same ? t->second : 0);
            if (second < 0)
                continue;
            t->hour = hour;
            t->minute = minute;
            t->second = second;
            return true;
        }
    }
    return false;
}

bool cron_next(const struct cron *c, struct tp after, struct tp *next)
{
    int64_t second = after.us / SECOND_US - (after.us % SECOND_US < 0);
    struct civil t = civil_of((struct tp){(second + 1) * SECOND_US});
    for (int i = 0; i <= DAYS_AHEAD; i++) {
        if (date_fits(c, &t) && next_clock(c, &t)) {
            *next = civil_tp(&t);
            return true;
        }
        struct civil midnight = {.year = t.year, .month = t.month, .day = t.day, .hour = 24};
        t = civil_of(civil_tp(&midnight));
    }
    return false;
}
