/* prelude_time.c -- Spark's casts of text to dates and timestamps, and Java's date patterns, for
 * parsing always and for formatting where strftime has no letter.
 *
 * Dates: [+-]y{4,7}[-m[m][-d[d]]], then the end, a blank or T. Timestamps add the time
 * h[h]:m[m]:s[s][.fraction], and a zone: Z, UTC, GMT, ±h[h][:m[m]], or an IANA name. A pattern's
 * letter count says how many digits it reads: exactly so many from two on, any number for one. */
#include "base/zone.h"
#include "engine/prelude_int.h"
#include <stdio.h>

enum { DAY_S = 86400 };
static const int64_t SECOND_US = 1000000;

struct scan { struct str s; size_t at; bool quoted; };

static bool digits(struct scan *c, size_t least, size_t most, int64_t *v)
{
    size_t n = 0;
    *v = 0;
    while (n < most && c->at < c->s.len && c->s.ptr[c->at] >= '0' && c->s.ptr[c->at] <= '9') {
        *v = *v * 10 + (c->s.ptr[c->at++] - '0');
        n++;
    }
    return n >= least;
}

static bool accept(struct scan *c, char ch)
{
    bool is = c->at < c->s.len && c->s.ptr[c->at] == ch;
    c->at += is;
    return is;
}

/* The date part; leaves c after it. */
static bool date_part(struct scan *c, int64_t *days)
{
    int64_t y, m = 1, d = 1;
    bool minus = accept(c, '-');
    if (!minus)
        (void)accept(c, '+');
    if (!digits(c, 4, 7, &y))
        return false;
    if (accept(c, '-')) {
        if (!digits(c, 1, 2, &m))
            return false;
        if (accept(c, '-') && !digits(c, 1, 2, &d))
            return false;
    }
    y = minus ? -y : y;
    if (!civil_valid((int)y, (int)m, (int)d))
        return false;
    *days = days_from_civil((int)y, (int)m, (int)d);
    return true;
}

bool spark_date_of(struct str s, int32_t *days)
{
    struct scan c = {str_trim(s), 0, false};
    int64_t d;
    if (!date_part(&c, &d) || (c.at < c.s.len && c.s.ptr[c.at] != ' ' && c.s.ptr[c.at] != 'T'))
        return false;
    *days = (int32_t)d;
    return true;
}

static bool offset_of(struct str z, int64_t *seconds)
{
    struct scan c = {z, 0, false};
    int64_t h, m = 0, s = 0;
    bool minus = accept(&c, '-');
    if (!minus && !accept(&c, '+'))
        return false;
    if (!digits(&c, 1, 2, &h))
        return false;
    if (accept(&c, ':') ? !digits(&c, 1, 2, &m) : c.at < z.len && !digits(&c, 2, 2, &m))
        return false;
    if (accept(&c, ':') && !digits(&c, 2, 2, &s))
        return false;
    *seconds = (h * 3600 + m * 60 + s) * (minus ? -1 : 1);
    return c.at == z.len && h <= 18 && m < 60 && s < 60;
}

/* Moves local microseconds by the zone's offset. */
static bool apply_zone(struct str z, int64_t *us)
{
    int64_t seconds = 0, at[2];
    struct err err;
    if (str_eqz(z, "Z") || str_eqz(z, "UTC") || str_eqz(z, "GMT"))
        return true;
    if (str_starts_z(z, "UTC") || str_starts_z(z, "GMT"))
        z = str_from(z, 3);
    if (offset_of(z, &seconds)) {
        *us -= seconds * SECOND_US;
        return true;
    }
    const struct zone *zone = z.len && ((z.ptr[0] | 32) >= 'a' && (z.ptr[0] | 32) <= 'z') ? zone_find(z, &err) : NULL;
    if (!zone)
        return false;
    int64_t fraction = (*us % SECOND_US + SECOND_US) % SECOND_US, local = (*us - fraction) / SECOND_US;
    int n = zone_instants(zone, local, at);
    int64_t instant = n ? at[0] : local - zone_offset(zone, local);
    *us = instant * SECOND_US + fraction;
    return true;
}

static bool time_part(struct scan *c, int64_t *us)
{
    int64_t h, m = 0, s = 0, f = 0;
    if (!digits(c, 1, 2, &h) || h > 23)
        return false;
    if (!accept(c, ':') || !digits(c, 1, 2, &m) || m > 59)
        return false;
    if (accept(c, ':')) {
        if (!digits(c, 1, 2, &s) || s > 59)
            return false;
        if (accept(c, '.')) {
            size_t n = 0;
            for (; c->at < c->s.len && c->s.ptr[c->at] >= '0' && c->s.ptr[c->at] <= '9'; c->at++)
                if (n < 6) {
                    f = f * 10 + (c->s.ptr[c->at] - '0');
                    n++;
                }
            for (; n < 6; n++)
                f *= 10;
        }
    }
    *us = ((h * 60 + m) * 60 + s) * SECOND_US + f;
    return true;
}

static bool timestamp_of(struct str s, bool keep_local, bool *zoned, int64_t *us)
{
    struct scan c = {str_trim(s), 0, false};
    int64_t days, time = 0;
    *zoned = false;
    if (!date_part(&c, &days))
        return false;
    if (__builtin_mul_overflow(days, DAY_S * SECOND_US, us))
        return false; /* a year that microseconds do not reach */
    if (c.at == c.s.len)
        return true;
    if (!accept(&c, ' ') && !accept(&c, 'T'))
        return false;
    if (c.at == c.s.len)
        return true;
    if (!time_part(&c, &time))
        return false;
    if (__builtin_add_overflow(*us, time, us))
        return false;
    struct str zone = str_trim(str_from(c.s, c.at));
    *zoned = zone.len > 0;
    int64_t local = *us;
    if (zone.len && !apply_zone(zone, us))
        return false;
    if (keep_local)
        *us = local;
    return true;
}

bool spark_timestamp_of(struct str s, bool *zoned, int64_t *us)
{
    return timestamp_of(s, false, zoned, us);
}

static int bad_cast(struct str s, const char *type, struct err *err)
{
    return err_set(err, ERR_USER, "[CAST_INVALID_INPUT] The value '%.*s' of the type \"STRING\" cannot be cast to \"%s\" because it "
                   "is malformed. Correct the value as per the syntax, or change its target type. Use `try_cast` to tolerate "
                   "malformed input and return NULL instead", (int)(s.len < 100 ? s.len : 100), s.ptr ? s.ptr : "", type);
}

static int to_date(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    int32_t days;
    (void)count;
    if (spark_date_of(a[0].text, &days)) {
        put_i64(out, days);
        return 0;
    }
    *is_null = true;
    return ctx ? bad_cast(a[0].text, "DATE", err) : 0;
}

/* Spark puts the current date before it. */
static bool time_alone(struct str s)
{
    struct scan c = {str_trim(s), 0, false};
    int64_t us;
    (void)accept(&c, 'T');
    return time_part(&c, &us) && (c.at == c.s.len || c.s.ptr[c.at] == ' ' || c.s.ptr[c.at] == 'Z' || c.s.ptr[c.at] == '+');
}

enum { AS_STRICT = 1, AS_LOCAL = 2 }; /* malformed text is an error; a zone is read and left aside */

static int to_timestamp(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    int64_t us;
    bool zoned;
    (void)count;
    if (timestamp_of(a[0].text, (intptr_t)ctx & AS_LOCAL, &zoned, &us)) {
        put_i64(out, us);
        return 0;
    }
    if (time_alone(a[0].text))
        return err_set(err, ERR_UNSUPPORTED, "a time without a date, '%.*s', as TIMESTAMP is not supported", STR_ARGS(a[0].text));
    *is_null = true;
    return (intptr_t)ctx & AS_STRICT ? bad_cast(a[0].text, (intptr_t)ctx & AS_LOCAL ? "TIMESTAMP_NTZ" : "TIMESTAMP", err) : 0;
}

/* ------------------------------------------------------------------ patterns */

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September",
                                     "October", "November", "December"};
static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/* Takes the next run of one letter, or a literal character (run.len 1, *literal). False at the end. */
static bool next_run(struct scan *f, struct str *run, bool *literal, int depth)
{
    if (f->at >= f->s.len || depth > 2) /* at most two quotes that quote nothing stand side by side */
        return false;
    char c = f->s.ptr[f->at];
    size_t from = f->at;
    *literal = !((c | 32) >= 'a' && (c | 32) <= 'z');
    if (c == '\'' && from + 1 < f->s.len && f->s.ptr[from + 1] == '\'') { /* a quote itself, within a quotation or not */
        *run = str_sub(f->s, from, 1);
        f->at += 2;
        return true;
    }
    if (c == '\'') {
        f->quoted = !f->quoted;
        f->at++;
        return next_run(f, run, literal, depth + 1);
    }
    if (f->quoted) {
        *literal = true;
        *run = str_sub(f->s, from, 1);
        f->at++;
        return true;
    }
    while (f->at < f->s.len && f->s.ptr[f->at] == c && (!*literal || f->at == from))
        f->at++;
    *run = str_sub(f->s, from, f->at - from);
    return true;
}

struct fields { int64_t y, mo, d, h, mi, s, us, doy; bool pm, has_pm, hour12; struct str zone; };

static bool read_name(struct scan *c, const char *const *names, size_t count, bool whole, int64_t *v)
{
    for (size_t i = 0; i < count; i++) {
        struct str name = whole ? str_z(names[i]) : str_of(names[i], 3);
        if (str_ieq(str_sub(c->s, c->at, name.len), name)) {
            c->at += name.len;
            *v = (int64_t)i;
            return true;
        }
    }
    return false;
}

static bool read_zone(struct scan *c, struct str *zone)
{
    size_t from = c->at;
    while (c->at < c->s.len && c->s.ptr[c->at] != ' ' && c->s.ptr[c->at] != ')' && c->s.ptr[c->at] != ']')
        c->at++;
    *zone = str_sub(c->s, from, c->at - from);
    return zone->len > 0;
}

static bool read_fraction(struct scan *c, size_t n, int64_t *us)
{
    int64_t v;
    size_t from = c->at;
    if (!digits(c, 1, n, &v))
        return false;
    for (size_t k = c->at - from; k < 6; k++)
        v *= 10;
    for (size_t k = c->at - from; k > 6; k--)
        v /= 10;
    *us = v;
    return true;
}

static bool read_run(struct scan *c, struct str run, struct fields *f)
{
    int64_t v;
    size_t n = run.len, least = n == 1 ? 1 : n, most = n == 1 ? 19 : n;
    switch (run.ptr[0]) {
    case 'y':
        if (n == 2 ? !digits(c, 2, 2, &v) : !digits(c, n == 1 ? 1 : n, n >= 4 ? (n == 4 ? 4 : 9) : 9, &v))
            return false;
        f->y = n == 2 ? 2000 + v : v;
        return true;
    case 'M':
    case 'L':
        if (n >= 3) {
            if (!read_name(c, months, 12, n == 4, &v))
                return false;
            f->mo = v + 1;
            return true;
        }
        return digits(c, least, n == 1 ? 2 : most, &f->mo);
    case 'd':
        return digits(c, least, n == 1 ? 2 : most, &f->d);
    case 'D':
        return digits(c, least, 3, &f->doy);
    case 'H':
        return digits(c, least, n == 1 ? 2 : most, &f->h);
    case 'h':
        f->hour12 = true;
        return digits(c, least, n == 1 ? 2 : most, &f->h);
    case 'm':
        return digits(c, least, n == 1 ? 2 : most, &f->mi);
    case 's':
        return digits(c, least, n == 1 ? 2 : most, &f->s);
    case 'S':
        return read_fraction(c, n, &f->us);
    case 'a': {
        struct str t = str_sub(c->s, c->at, 2);
        f->has_pm = true;
        f->pm = str_ieqz(t, "PM");
        c->at += 2;
        return f->pm || str_ieqz(t, "AM");
    }
    case 'z':
    case 'V':
    case 'X':
    case 'x':
    case 'Z':
    case 'O':
        return read_zone(c, &f->zone);
    default:
        return false;
    }
}

static bool finish_fields(struct fields *f, int64_t *us)
{
    if (f->hour12) {
        if (f->h < 1 || f->h > 12)
            return false;
        f->h = f->h % 12 + (f->pm ? 12 : 0);
    }
    if (f->h > 23 || f->mi > 59 || f->s > 59 || !civil_valid((int)f->y, (int)f->mo, (int)f->d))
        return false;
    if (f->doy > 365 + civil_valid((int)f->y, 2, 29))
        return false;
    int64_t days = days_from_civil((int)f->y, (int)f->mo, (int)f->d) + (f->doy ? f->doy - 1 : 0);
    *us = ((days * 24 + f->h) * 60 + f->mi) * 60 * SECOND_US + f->s * SECOND_US + f->us;
    return !f->zone.len || apply_zone(f->zone, us);
}

/* Optional sections [ ] are read when they fit. */
static bool read_pattern(struct scan *c, struct scan *f, struct fields *out, int depth)
{
    struct str run;
    bool literal;
    while (next_run(f, &run, &literal, 0)) {
        if (literal && str_eqz(run, "[") && depth < 8) {
            struct scan try_c = *c, try_f = *f;
            struct fields kept = *out;
            if (read_pattern(&try_c, &try_f, &kept, depth + 1)) {
                *c = try_c;
                *out = kept;
                *f = try_f;
            } else {
                for (int open = 1; f->at < f->s.len && open; f->at++)
                    open += f->s.ptr[f->at] == '[' ? 1 : f->s.ptr[f->at] == ']' ? -1 : 0;
            }
        } else if (literal && str_eqz(run, "]")) {
            return true;
        } else if (literal) {
            if (!str_starts(str_from(c->s, c->at), run))
                return false;
            c->at += run.len;
        } else if (!read_run(c, run, out)) {
            return false;
        }
    }
    return true;
}

/* How many of a letter a pattern may have, for Spark refuses more; `reads`: also in parsing. */
static const struct { char letter; int most; bool reads; } pattern_letters[] = {
    {'y', 6, true}, {'M', 4, true}, {'L', 4, true}, {'d', 2, true}, {'D', 3, true}, {'E', 4, false}, {'F', 1, false}, {'H', 2, true},
    {'h', 2, true}, {'k', 2, false}, {'K', 2, false}, {'m', 2, true}, {'s', 2, true}, {'S', 9, true}, {'a', 1, true}, {'G', 4, false},
    {'q', 4, false}, {'Q', 4, false}, {'z', 4, true}, {'V', 2, true}, {'X', 5, true}, {'x', 5, true}, {'Z', 5, true}, {'O', 4, true},
};

static int check_pattern(struct str pattern, bool reads, struct err *err)
{
    struct scan f = {pattern, 0, false};
    struct str run;
    bool literal;
    while (next_run(&f, &run, &literal, 0)) {
        bool ok = literal;
        if (literal && !f.quoted && strchr("#{}", run.ptr[0]))
            return err_set(err, ERR_INPUT, "[INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER] Unrecognized datetime pattern: '%.*s': the "
                           "character %c", STR_ARGS(pattern), run.ptr[0]);
        for (size_t i = 0; i < COUNT_OF(pattern_letters) && !ok; i++)
            if (pattern_letters[i].letter == run.ptr[0] && (pattern_letters[i].reads || !reads))
                ok = (int)run.len <= pattern_letters[i].most && (run.ptr[0] != 'V' || run.len == 2) &&
                     (run.ptr[0] != 'O' || run.len == 1 || run.len == 4);
        if (!ok)
            return err_set(err, ERR_UNSUPPORTED, "[INVALID_DATETIME_PATTERN.LENGTH] Unrecognized datetime pattern: '%.*s': %.*s%s",
                           STR_ARGS(pattern), STR_ARGS(run), reads ? " in parsing" : "");
    }
    if (f.quoted)
        return err_set(err, ERR_INPUT, "[INVALID_DATETIME_PATTERN] Unrecognized datetime pattern: '%.*s': a quote is open", STR_ARGS(pattern));
    return 0;
}

/* spark_parse_time(text, pattern, strict) */
static int parse_time(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct scan c = {a[0].text, 0, false}, f = {a[1].text, 0, false};
    struct fields v = {.y = 1970, .mo = 1, .d = 1};
    int64_t us;
    (void)ctx, (void)count;
    if (check_pattern(a[1].text, true, err))
        return -1;
    if (read_pattern(&c, &f, &v, 0) && c.at == c.s.len && finish_fields(&v, &us)) {
        put_i64(out, us);
        return 0;
    }
    *is_null = true;
    return a[2].i64 ? err_set(err, ERR_USER, "[CANNOT_PARSE_TIMESTAMP] Text '%.*s' could not be parsed with the pattern '%.*s'. Use "
                              "`try_to_timestamp` to tolerate invalid input string and return NULL instead",
                              (int)(a[0].text.len < 100 ? a[0].text.len : 100), a[0].text.ptr ? a[0].text.ptr : "",
                              STR_ARGS(a[1].text)) : 0;
}

static const char *const quarters[] = {"", "1st", "2nd", "3rd", "4th"};

static bool write_run(struct buf *o, struct str run, const struct civil *c, int64_t days)
{
    int n = (int)run.len, hour12 = c->hour % 12 ? c->hour % 12 : 12;
    int64_t doy = days - days_from_civil(c->year, 1, 1) + 1;
    switch (run.ptr[0]) {
    case 'y':
        buf_printf(o, "%0*d", n, n == 2 ? c->year % 100 : c->year);
        return true;
    case 'M':
    case 'L':
        if (n >= 3)
            buf_printf(o, n == 3 ? "%.3s" : "%s", months[c->month - 1]);
        else
            buf_printf(o, "%0*d", n, c->month);
        return true;
    case 'd':
        buf_printf(o, "%0*d", n, c->day);
        return true;
    case 'D':
        buf_printf(o, "%0*jd", n, (intmax_t)doy);
        return true;
    case 'E':
        buf_printf(o, n <= 3 ? "%.3s" : "%s", weekdays[c->weekday]);
        return true;
    case 'H':
        buf_printf(o, "%0*d", n, c->hour);
        return true;
    case 'k':
        buf_printf(o, "%0*d", n, c->hour ? c->hour : 24);
        return true;
    case 'h':
        buf_printf(o, "%0*d", n, hour12);
        return true;
    case 'K':
        buf_printf(o, "%0*d", n, c->hour % 12);
        return true;
    case 'm':
        buf_printf(o, "%0*d", n, c->minute);
        return true;
    case 's':
        buf_printf(o, "%0*d", n, c->second);
        return true;
    case 'S': {
        char f[16];
        snprintf(f, sizeof f, "%06d000", c->us);
        buf_printf(o, "%.*s", n > 9 ? 9 : n, f);
        return true;
    }
    case 'a':
        buf_z(o, c->hour < 12 ? "AM" : "PM");
        return true;
    case 'G':
        buf_z(o, n == 4 ? "Anno Domini" : "AD");
        return true;
    case 'F':
        buf_printf(o, "%d", (c->day - 1) % 7 + 1);
        return true;
    case 'q':
    case 'Q':
        if (n == 4)
            buf_printf(o, "%s quarter", quarters[(c->month + 2) / 3]);
        else
            buf_printf(o, n == 3 ? "Q%0*d" : "%0*d", n == 3 ? 1 : n, (c->month + 2) / 3);
        return true;
    case 'z':
    case 'V':
        buf_z(o, n == 4 ? "Coordinated Universal Time" : "UTC");
        return true;
    case 'X':
        buf_z(o, "Z");
        return true;
    case 'x':
        buf_z(o, n == 1 ? "+00" : n == 3 ? "+00:00" : "+0000");
        return true;
    case 'Z':
        buf_z(o, "+0000");
        return n <= 3;
    default:
        return false;
    }
}

static int date_format(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct civil c = civil_of((struct tp){a[0].i64});
    struct scan f = {a[1].text, 0, false};
    struct str run;
    bool literal;
    (void)ctx, (void)count, (void)is_null;
    int64_t days = days_from_civil(c.year, c.month, c.day);
    if (check_pattern(a[1].text, false, err))
        return -1;
    while (next_run(&f, &run, &literal, 0)) {
        if (literal && (str_eqz(run, "[") || str_eqz(run, "]")))
            continue;
        if (literal)
            buf_str(out, run);
        else if (!write_run(out, run, &c, days))
            return err_set(err, ERR_UNSUPPORTED, "[INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION] the date pattern "
                           "'%.*s' is not supported: letter %c", STR_ARGS(a[1].text), run.ptr[0]);
    }
    return 0;
}

/* ------------------------------------------------------------------ differences */

static int64_t whole_months(int64_t a, int64_t b)
{
    struct civil x = civil_of((struct tp){a}), y = civil_of((struct tp){b});
    int64_t day_us = DAY_S * SECOND_US, n = (y.year - x.year) * 12LL + y.month - x.month;
    int64_t tx = x.day * day_us + (a % day_us + day_us) % day_us, ty = y.day * day_us + (b % day_us + day_us) % day_us;
    if (n > 0 && ty < tx)
        n--;
    if (n < 0 && ty > tx)
        n++;
    return n;
}

static int timestampdiff(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    static const struct { const char *unit; int64_t us, months; } units[] = {
        {"year", 0, 12}, {"quarter", 0, 3}, {"month", 0, 1}, {"week", 604800000000, 0}, {"day", 86400000000, 0},
        {"hour", 3600000000, 0}, {"minute", 60000000, 0}, {"second", 1000000, 0}, {"millisecond", 1000, 0}, {"microsecond", 1, 0}};
    (void)ctx, (void)count, (void)is_null;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (str_eqz(a[0].text, units[i].unit)) {
            put_i64(out, units[i].us ? (a[2].i64 - a[1].i64) / units[i].us : whole_months(a[1].i64, a[2].i64) / units[i].months);
            return 0;
        }
    return err_set(err, ERR_INPUT, "no such unit: %.*s", STR_ARGS(a[0].text));
}

static int month_days(int y, int m)
{
    return civil_valid(y, m, 31) ? 31 : civil_valid(y, m, 30) ? 30 : civil_valid(y, m, 29) ? 29 : 28;
}

static int months_between(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    struct civil x = civil_of((struct tp){a[0].i64}), y = civil_of((struct tp){a[1].i64});
    double n = (x.year - y.year) * 12.0 + x.month - y.month;
    (void)ctx, (void)count, (void)is_null, (void)err;
    bool ends = x.day == month_days(x.year, x.month) && y.day == month_days(y.year, y.month);
    if (x.day != y.day && !ends) {
        double sx = x.hour * 3600.0 + x.minute * 60.0 + x.second, sy = y.hour * 3600.0 + y.minute * 60.0 + y.second;
        n += ((x.day - y.day) * 86400.0 + sx - sy) / (31 * 86400.0);
        if (a[2].i64) {
            double scaled = n * 1e8;
            n = (double)(int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5)) / 1e8;
        }
    }
    put_f64(out, n);
    return 0;
}

static int next_day(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx, (void)count, (void)is_null;
    struct str s = str_trim(a[1].text);
    for (int i = 0; i < 7; i++) {
        bool is = (s.len == 2 && str_ieq(s, str_of(weekdays[i], 2))) || (s.len == 3 && str_ieq(s, str_of(weekdays[i], 3))) ||
                  str_ieqz(s, weekdays[i]);
        if (!is)
            continue;
        int64_t today = ((a[0].i64 + 4) % 7 + 7) % 7, ahead = (i - today + 7) % 7;
        put_i64(out, a[0].i64 + (ahead ? ahead : 7));
        return 0;
    }
    return err_set(err, ERR_USER, "[ILLEGAL_DAY_OF_WEEK] Illegal input for day of week: %.*s", STR_ARGS(a[1].text));
}

/* spark_to_utc(local time, zone): of a time that comes twice the first. */
static int to_utc(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    int64_t us = a[0].i64;
    (void)ctx, (void)count, (void)is_null;
    if (!apply_zone(a[1].text, &us))
        return err_set(err, ERR_INPUT, "[INVALID_TIMEZONE] The timezone: %.*s is invalid", STR_ARGS(a[1].text));
    put_i64(out, us);
    return 0;
}

/* ------------------------------------------------------------------ intervals as text */

enum { FIELD_DAY, FIELD_HOUR, FIELD_MINUTE, FIELD_SECOND };

/* 3 04:05:06.7, from the first field to the last. */
static void put_day_time(struct buf *out, int64_t us, int from, int to)
{
    static const int64_t size[] = {86400000000, 3600000000, 60000000, 1000000};
    static const char *const before[] = {"", " ", ":", ":"};
    buf_z(out, us < 0 ? "-" : "");
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    for (int f = from; f <= to; f++) {
        buf_printf(out, f == FIELD_DAY ? "%s%ju" : "%s%02ju", f > from ? before[f] : "", (uintmax_t)(rest / (uint64_t)size[f]));
        rest %= (uint64_t)size[f];
    }
    if (to == FIELD_SECOND && rest) {
        char text[8];
        int n = snprintf(text, sizeof text, ".%06ju", (uintmax_t)rest);
        while (text[n - 1] == '0')
            n--;
        buf_add(out, text, (size_t)n);
    }
}

/* spark_interval_text(months or microseconds, first field, last field): ctx tells which. */
static int interval_text(void *ctx, const struct duck_arg *a, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    static const char *const day_time[] = {"DAY", "HOUR", "MINUTE", "SECOND"}, *const year_month[] = {"YEAR", "MONTH"};
    const char *const *names = ctx ? year_month : day_time;
    int64_t v = a[0].i64, from = a[1].i64, to = a[2].i64, all = v < 0 ? -v : v;
    (void)count, (void)is_null, (void)err;
    buf_z(out, "INTERVAL '");
    if (!ctx)
        put_day_time(out, v, (int)from, (int)to);
    else if (from != to)
        buf_printf(out, "%s%jd-%jd", v < 0 ? "-" : "", (intmax_t)(all / 12), (intmax_t)(all % 12));
    else
        buf_printf(out, "%jd", (intmax_t)(from ? v : v / 12));
    buf_printf(out, "' %s%s%s", names[from], from == to ? "" : " TO ", from == to ? "" : names[to]);
    return 0;
}

const struct native natives_time[] = {
    {"spark_to_utc", "ns", "T", to_utc, false, NULL}, {"spark_day_time_text", "lii", "s", interval_text, false, NULL},
    {"spark_year_month_text", "lii", "s", interval_text, false, (void *)1},
    {"spark_to_date", "s", "D", to_date, false, (void *)1}, {"spark_try_date", "s", "D", to_date, false, NULL},
    {"spark_to_timestamp", "s", "T", to_timestamp, false, (void *)AS_STRICT},
    {"spark_try_timestamp", "s", "T", to_timestamp, false, NULL},
    {"spark_to_timestamp_ntz", "s", "T", to_timestamp, false, (void *)(AS_STRICT | AS_LOCAL)},
    {"spark_try_timestamp_ntz", "s", "T", to_timestamp, false, (void *)AS_LOCAL},
    {"spark_parse_time", "ssb", "T", parse_time, false, NULL}, {"spark_date_format", "ns", "s", date_format, false, NULL},
    {"spark_timestampdiff", "snn", "l", timestampdiff, false, NULL},
    {"spark_months_between", "nnb", "d", months_between, false, NULL}, {"spark_next_day", "Ds", "D", next_day, false, NULL},
    {0},
};
