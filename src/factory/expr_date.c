/* Date functions. Every one that returns a date takes an optional .NET format, "o" by default, and
 * keeps the kind of its input (date.h). Zones go by Windows names, as on Azure, or IANA names. */
#include "base/zone.h"
#include "factory/date.h"
#include "factory/expr_int.h"

#include <stdio.h>

#define TICKS_1970 (INT64_C(719162) * DATE_TICKS_DAY)

static bool date_arg(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                     size_t i, struct date *out)
{
    struct str s;
    if (!adf_arg_str(e, node, args, i, &s))
        return false;
    if (date_read(s, out))
        return true;
    adf_fail(e, node->at, ADF_BAD_DATETIME, "'%.*s' is no date and time",
              (int)(s.len > 60 ? 60 : s.len), s.ptr ? s.ptr : "");
    return false;
}

static const struct doc *range_error(struct adf_env *e, const struct adf_node *node)
{
    return adf_fail(e, node->at, ADF_BAD_DATETIME, "'%.*s' leaves the years 1 to 9999",
                     STR_ARGS(node->name));
}

/* The date in the format that is argument i, if there is one. */
static const struct doc *printed(struct adf_env *e, const struct adf_node *node,
                                 const struct doc *const *args, size_t count, size_t i, struct date d)
{
    struct str format = STR("o"), name;
    const struct date_culture *culture = NULL;
    struct buf b;
    struct err err;
    const struct doc *out;
    if (count > i && args[i]->kind != DOC_NULL && !adf_arg_str(e, node, args, i, &format))
        return NULL;
    if (count > i + 1) {
        if (!adf_arg_str(e, node, args, i + 1, &name))
            return NULL;
        if (!(culture = date_culture_find(name)))
            return adf_fail(e, node->at, ADF_BAD_FORMAT,
                             "the names of culture '%.*s' are not known here", STR_ARGS(name));
    }
    buf_init(&b);
    out = date_print(&b, d, format, culture, &err)
              ? adf_fail(e, node->at, ADF_BAD_FORMAT, "%s", err.msg)
              : adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

/* ---------------------------------------------------------------- adding */

static const struct unit { const char *name; int64_t ticks; int months; } units[] = {
    {"Second", DATE_TICKS_S, 0},        {"Minute", 60 * DATE_TICKS_S, 0},
    {"Hour", 3600 * DATE_TICKS_S, 0},   {"Day", DATE_TICKS_DAY, 0},
    {"Week", 7 * DATE_TICKS_DAY, 0},    {"Month", 0, 1},
    {"Year", 0, 12},
};

static const struct doc *add(struct adf_env *e, const struct adf_node *node, struct date *d,
                             int64_t n, struct str unit)
{
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        int64_t by;
        bool months = units[i].months != 0;
        if (!str_ieqz(unit, units[i].name))
            continue;
        if (__builtin_mul_overflow(n, months ? units[i].months : units[i].ticks, &by) ||
            !(months ? date_add_months(d, by) : date_add_ticks(d, by)))
            return range_error(e, node);
        return doc_new_null(e->a); /* only that it is not NULL counts */
    }
    return adf_fail(e, node->at, ADF_OTHER,
                     "'%.*s' is no unit: Second, Minute, Hour, Day, Week, Month or Year",
                     STR_ARGS(unit));
}

static const struct doc *add_fixed(struct adf_env *e, const struct adf_node *node,
                                   const struct doc *const *args, size_t count, struct str unit)
{
    struct date d;
    int64_t n;
    if (!date_arg(e, node, args, 0, &d) || !adf_arg_int(e, node, args, 1, &n) ||
        !add(e, node, &d, n, unit))
        return NULL;
    return printed(e, node, args, count, 2, d);
}

static ADF_FN(fn_add_days)
{
    return add_fixed(e, node, args, count, STR("Day"));
}

static ADF_FN(fn_add_hours)
{
    return add_fixed(e, node, args, count, STR("Hour"));
}

static ADF_FN(fn_add_minutes)
{
    return add_fixed(e, node, args, count, STR("Minute"));
}

static ADF_FN(fn_add_seconds)
{
    return add_fixed(e, node, args, count, STR("Second"));
}

static const struct doc *add_unit(struct adf_env *e, const struct adf_node *node,
                                  const struct doc *const *args, size_t count, size_t first,
                                  struct date d, int64_t sign)
{
    int64_t n;
    struct str unit;
    if (!adf_arg_int(e, node, args, first, &n) || !adf_arg_str(e, node, args, first + 1, &unit))
        return NULL;
    if (n == INT64_MIN)
        return range_error(e, node);
    return add(e, node, &d, sign * n, unit) ? printed(e, node, args, count, first + 2, d) : NULL;
}

static ADF_FN(fn_add_to_time)
{
    struct date d;
    return date_arg(e, node, args, 0, &d) ? add_unit(e, node, args, count, 1, d, 1) : NULL;
}

static ADF_FN(fn_subtract_from_time)
{
    struct date d;
    return date_arg(e, node, args, 0, &d) ? add_unit(e, node, args, count, 1, d, -1) : NULL;
}

static ADF_FN(fn_get_future_time)
{
    return add_unit(e, node, args, count, 0, date_of_tp(time_now()), 1);
}

static ADF_FN(fn_get_past_time)
{
    return add_unit(e, node, args, count, 0, date_of_tp(time_now()), -1);
}

/* ---------------------------------------------------------------- parts */

static ADF_FN(fn_utc_now)
{
    return printed(e, node, args, count, 0, date_of_tp(time_now()));
}

static ADF_FN(fn_format_date_time)
{
    struct date d;
    return date_arg(e, node, args, 0, &d) ? printed(e, node, args, count, 1, d) : NULL;
}

static ADF_FN(fn_parse_date_time) /* (text, culture?, format?): the forms of date.h only */
{
    struct date d;
    if (count > 2)
        return adf_fail(e, node->at, ADF_OTHER,
                         "'parseDateTime' with a format is not supported; "
                         "formatDateTime reads the usual forms without one");
    return date_arg(e, node, args, 0, &d) ? printed(e, node, args, 1, 1, d) : NULL;
}

static const struct doc *start_of(struct adf_env *e, const struct adf_node *node,
                                  const struct doc *const *args, size_t count, int64_t step)
{
    struct date d;
    if (!date_arg(e, node, args, 0, &d))
        return NULL;
    if (!step) {
        struct date_parts p = date_split(d);
        d.ticks = date_ticks(p.year, p.month, 1);
    } else {
        d.ticks -= d.ticks % step;
    }
    return printed(e, node, args, count, 1, d);
}

static ADF_FN(fn_start_of_day)
{
    return start_of(e, node, args, count, DATE_TICKS_DAY);
}

static ADF_FN(fn_start_of_hour)
{
    return start_of(e, node, args, count, 3600 * DATE_TICKS_S);
}

static ADF_FN(fn_start_of_month)
{
    return start_of(e, node, args, count, 0);
}

#define DATE_PART(fn_name, part)                                                                   \
    static ADF_FN(fn_name)                                                                        \
    {                                                                                              \
        struct date d;                                                                             \
        (void)count;                                                                               \
        return date_arg(e, node, args, 0, &d) ? adf_int(e, date_split(d).part) : NULL;            \
    }
DATE_PART(fn_day_of_month, day)
DATE_PART(fn_day_of_week, weekday)
DATE_PART(fn_day_of_year, yearday)

static ADF_FN(fn_ticks)
{
    struct date d;
    (void)count;
    return date_arg(e, node, args, 0, &d) ? adf_int(e, d.ticks) : NULL;
}

static ADF_FN(fn_date_difference) /* a time span: [-][d.]hh:mm:ss[.fffffff] */
{
    struct date from, to;
    (void)count;
    if (!date_arg(e, node, args, 0, &from) || !date_arg(e, node, args, 1, &to))
        return NULL;
    int64_t t = to.ticks - from.ticks, abs = t < 0 ? -t : t, s = abs / DATE_TICKS_S;
    char days[24] = "", fraction[12] = "";
    if (abs >= DATE_TICKS_DAY)
        snprintf(days, sizeof days, "%jd.", (intmax_t)(abs / DATE_TICKS_DAY));
    if (abs % DATE_TICKS_S)
        snprintf(fraction, sizeof fraction, ".%07d", (int)(abs % DATE_TICKS_S));
    return adf_str(e, str_fmt(e->a, "%s%s%02d:%02d:%02d%s", t < 0 ? "-" : "", days,
                               (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60), fraction));
}

/* ---------------------------------------------------------------- zones */

static const struct zone *zone_arg(struct adf_env *e, const struct adf_node *node,
                                   const struct doc *const *args, size_t i)
{
    struct str name;
    struct err err;
    if (!adf_arg_str(e, node, args, i, &name))
        return NULL;
    const struct zone *z = zone_find(name, &err);
    if (!z)
        adf_fail(e, node->at, ADF_OTHER, "%s", err.msg);
    return z;
}

/* floor: ticks before 1970 too */
static int64_t seconds_of(int64_t ticks)
{
    int64_t t = ticks - TICKS_1970;
    return t >= 0 ? t / DATE_TICKS_S : -((-t + DATE_TICKS_S - 1) / DATE_TICKS_S);
}

static const struct doc *to_zone(struct adf_env *e, const struct adf_node *node,
                                 const struct zone *z, struct date *d)
{
    d->kind = zone_is_utc(z) ? DATE_UTC : DATE_PLAIN;
    if (!date_add_ticks(d, (int64_t)zone_offset(z, seconds_of(d->ticks)) * DATE_TICKS_S))
        return range_error(e, node);
    return doc_new_null(e->a); /* only that it is not NULL counts */
}

/* Civil time in a zone becomes UTC; a time that its clocks never or twice show is an error. */
static const struct doc *from_zone(struct adf_env *e, const struct adf_node *node,
                                   const struct zone *z, struct date *d)
{
    int64_t s = seconds_of(d->ticks), at[2];
    if (d->kind != DATE_PLAIN && !zone_is_utc(z))
        return adf_fail(e, node->at, ADF_BAD_DATETIME,
                         "the time says that it is UTC, but its zone is another");
    int n = d->kind == DATE_PLAIN ? zone_instants(z, s, at) : 1;
    if (d->kind != DATE_PLAIN)
        at[0] = s;
    if (n != 1)
        return adf_fail(e, node->at, ADF_BAD_DATETIME,
                         "the clocks of that zone show this time %s", n ? "twice" : "never");
    d->kind = DATE_UTC;
    if (!date_add_ticks(d, (at[0] - s) * DATE_TICKS_S))
        return range_error(e, node);
    return doc_new_null(e->a); /* only that it is not NULL counts */
}

static ADF_FN(fn_convert_from_utc)
{
    struct date d;
    const struct zone *z;
    if (!date_arg(e, node, args, 0, &d) || !(z = zone_arg(e, node, args, 1)))
        return NULL;
    if (d.kind == DATE_PLAIN)
        return adf_fail(e, node->at, ADF_BAD_DATETIME,
                         "'convertFromUtc' needs a time that says it is UTC: let it end in Z");
    return to_zone(e, node, z, &d) ? printed(e, node, args, count, 2, d) : NULL;
}

static ADF_FN(fn_convert_to_utc)
{
    struct date d;
    const struct zone *z;
    if (!date_arg(e, node, args, 0, &d) || !(z = zone_arg(e, node, args, 1)) ||
        !from_zone(e, node, z, &d))
        return NULL;
    return printed(e, node, args, count, 2, d);
}

static ADF_FN(fn_convert_time_zone)
{
    struct date d;
    const struct zone *from, *to;
    if (!date_arg(e, node, args, 0, &d) || !(from = zone_arg(e, node, args, 1)) ||
        !(to = zone_arg(e, node, args, 2)) || !from_zone(e, node, from, &d) ||
        !to_zone(e, node, to, &d))
        return NULL;
    return printed(e, node, args, count, 3, d);
}

const struct adf_fn adf_date_fns[] = {
    {"addDays", 2, 3, fn_add_days, false},
    {"addHours", 2, 3, fn_add_hours, false},
    {"addMinutes", 2, 3, fn_add_minutes, false},
    {"addSeconds", 2, 3, fn_add_seconds, false},
    {"addToTime", 3, 4, fn_add_to_time, false},
    {"convertFromUtc", 2, 3, fn_convert_from_utc, false},
    {"convertTimeZone", 3, 4, fn_convert_time_zone, false},
    {"convertToUtc", 2, 3, fn_convert_to_utc, false},
    {"dateDifference", 2, 2, fn_date_difference, false},
    {"dayOfMonth", 1, 1, fn_day_of_month, false},
    {"dayOfWeek", 1, 1, fn_day_of_week, false},
    {"dayOfYear", 1, 1, fn_day_of_year, false},
    {"formatDateTime", 1, 3, fn_format_date_time, false},
    {"getFutureTime", 2, 3, fn_get_future_time, false},
    {"getPastTime", 2, 3, fn_get_past_time, false},
    {"parseDateTime", 1, 3, fn_parse_date_time, false},
    {"startOfDay", 1, 2, fn_start_of_day, false},
    {"startOfHour", 1, 2, fn_start_of_hour, false},
    {"startOfMonth", 1, 2, fn_start_of_month, false},
    {"subtractFromTime", 3, 4, fn_subtract_from_time, false},
    {"ticks", 1, 1, fn_ticks, false},
    {"utcNow", 0, 1, fn_utc_now, false},
    {},
};
