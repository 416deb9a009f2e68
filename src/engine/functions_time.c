/* functions_time.c -- dates and times.
 *
 * The session's zone is UTC. A Spark TIMESTAMP is DuckDB's TIMESTAMPTZ; its parts are taken from the
 * plain TIMESTAMP of the same microseconds (spark_utc), which spares the calendar of a zone, and
 * spark_instant goes back. Java's date patterns become strftime's where each letter has one; the
 * rest, patterns known only at run time, and all parsing is done by C functions. */
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static bool is(const struct expr *c, const char *name)
{
    return str_eqz(c->func, name);
}

static bool is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

/* ------------------------------------------------------------------ units */

enum unit { U_NONE, U_YEAR, U_QUARTER, U_MONTH, U_WEEK, U_DAY, U_HOUR, U_MINUTE, U_SECOND, U_MILLI, U_MICRO };
static const char *const unit_names[] = {"", "year", "quarter", "month", "week", "day", "hour", "minute", "second",
                                         "millisecond", "microsecond"};
static const struct { const char *word; enum unit unit; } unit_words[] = {
    {"year", U_YEAR}, {"years", U_YEAR}, {"yyyy", U_YEAR}, {"yy", U_YEAR}, {"quarter", U_QUARTER}, {"quarters", U_QUARTER},
    {"month", U_MONTH}, {"months", U_MONTH}, {"mon", U_MONTH}, {"mm", U_MONTH}, {"week", U_WEEK}, {"weeks", U_WEEK},
    {"day", U_DAY}, {"days", U_DAY}, {"dd", U_DAY}, {"dayofyear", U_DAY}, {"hour", U_HOUR}, {"hours", U_HOUR},
    {"minute", U_MINUTE}, {"minutes", U_MINUTE}, {"second", U_SECOND}, {"seconds", U_SECOND},
    {"millisecond", U_MILLI}, {"milliseconds", U_MILLI}, {"microsecond", U_MICRO}, {"microseconds", U_MICRO},
};

static enum unit unit_of(struct pr *p, const struct expr *c, const struct expr *word)
{
    if (!lit_is_text(word)) {
        print_fail(p, word->at, ERR_UNSUPPORTED, "the unit of %.*s() must be a constant", STR_ARGS(c->func));
        return U_NONE;
    }
    for (size_t i = 0; i < COUNT_OF(unit_words); i++)
        if (str_ieqz(word->lit.text, unit_words[i].word))
            return unit_words[i].unit;
    return U_NONE;
}

/* ------------------------------------------------------------------ local time */

static struct str trunc_text(struct pr *p, const struct expr *c)
{
    enum unit u = unit_of(p, c, arg(c, 0));
    if (!u)
        return str_fmt(p->a, "CAST(NULL AS TIMESTAMP)");
    return str_fmt(p->a, "date_trunc('%s', %.*s)", unit_names[u], STR_ARGS(local_text(p, arg(c, 1))));
}

struct str local_text(struct pr *p, const struct expr *e)
{
    if (e->kind == EXPR_CALL && is(e, "date_trunc"))
        return trunc_text(p, e);
    if (e->type->kind == TYPE_TIMESTAMP && e->kind == EXPR_CAST) {
        const struct expr *x = e->args.items[0];
        if (x->type->kind == TYPE_TIMESTAMP_NTZ)
            return print_text(p, x, P_ANY);
        if (x->type->kind == TYPE_DATE)
            return str_fmt(p->a, "CAST(%.*s AS TIMESTAMP)", STR_ARGS(print_text(p, x, P_ANY)));
    }
    struct str t = print_text(p, e, P_ANY);
    return e->type->kind == TYPE_TIMESTAMP ? str_fmt(p->a, "spark_utc(%.*s)", STR_ARGS(t)) : t;
}

static void date_trunc(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_z(b, "spark_instant(");
    buf_str(b, trunc_text(p, c));
    buf_char(b, ')');
}

static void trunc_date(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    enum unit u = unit_of(p, c, arg(c, 1));
    if (!u || u > U_WEEK) {
        buf_z(b, "CAST(NULL AS DATE)");
        return;
    }
    buf_printf(b, "CAST(date_trunc('%s', ", unit_names[u]);
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ") AS DATE)");
}

/* ------------------------------------------------------------------ parts */

static const struct { const char *func, *text; } parts[] = {
    {"year", "CAST(year(%.*s) AS INTEGER)"}, {"month", "CAST(month(%.*s) AS INTEGER)"}, {"day", "CAST(day(%.*s) AS INTEGER)"},
    {"dayofmonth", "CAST(day(%.*s) AS INTEGER)"}, {"quarter", "CAST(quarter(%.*s) AS INTEGER)"},
    {"dayofweek", "CAST(dayofweek(%.*s) + 1 AS INTEGER)"}, {"weekday", "CAST(isodow(%.*s) - 1 AS INTEGER)"},
    {"dayofyear", "CAST(dayofyear(%.*s) AS INTEGER)"}, {"weekofyear", "CAST(week(%.*s) AS INTEGER)"},
    {"hour", "CAST(hour(%.*s) AS INTEGER)"}, {"minute", "CAST(minute(%.*s) AS INTEGER)"},
    {"second", "CAST(second(%.*s) AS INTEGER)"}, {"dayname", "STRFTIME(%.*s, '%%a')"}, {"monthname", "STRFTIME(%.*s, '%%b')"},
};

/* A date part of a timestamp needs no date in between. */
static const struct expr *before_date(const struct expr *e)
{
    if (e->kind == EXPR_CAST && e->type->kind == TYPE_DATE && !e->try_cast) {
        enum type_kind k = e->args.items[0]->type->kind;
        if (k == TYPE_TIMESTAMP || k == TYPE_TIMESTAMP_NTZ)
            return e->args.items[0];
    }
    return e;
}

static void fill(struct pr *p, struct buf *b, const char *text, struct str x)
{
    for (const char *t = text; *t; t++) {
        if (t[0] == '%' && t[1] == '.') {
            buf_str(b, x);
            t += 3;
        } else {
            buf_char(b, *t);
            t += t[0] == '%' && t[1] == '%';
        }
    }
    (void)p;
}

static void part(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    struct str x = local_text(p, before_date(arg(c, 0)));
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (is(c, parts[i].func)) {
            fill(p, b, parts[i].text, x);
            return;
        }
    UNREACHABLE();
}

static const struct { const char *field, *text; } fields[] = {
    {"year", "CAST(year(%.*s) AS INTEGER)"}, {"y", "CAST(year(%.*s) AS INTEGER)"}, {"years", "CAST(year(%.*s) AS INTEGER)"},
    {"yr", "CAST(year(%.*s) AS INTEGER)"}, {"yearofweek", "CAST(isoyear(%.*s) AS INTEGER)"},
    {"quarter", "CAST(quarter(%.*s) AS INTEGER)"}, {"qtr", "CAST(quarter(%.*s) AS INTEGER)"},
    {"month", "CAST(month(%.*s) AS INTEGER)"}, {"mon", "CAST(month(%.*s) AS INTEGER)"},
    {"months", "CAST(month(%.*s) AS INTEGER)"}, {"week", "CAST(week(%.*s) AS INTEGER)"},
    {"weeks", "CAST(week(%.*s) AS INTEGER)"}, {"w", "CAST(week(%.*s) AS INTEGER)"},
    {"day", "CAST(day(%.*s) AS INTEGER)"}, {"d", "CAST(day(%.*s) AS INTEGER)"}, {"days", "CAST(day(%.*s) AS INTEGER)"},
    {"dayofweek", "CAST(dayofweek(%.*s) + 1 AS INTEGER)"}, {"dow", "CAST(dayofweek(%.*s) + 1 AS INTEGER)"},
    {"dayofweek_iso", "CAST(isodow(%.*s) AS INTEGER)"}, {"dow_iso", "CAST(isodow(%.*s) AS INTEGER)"},
    {"doy", "CAST(dayofyear(%.*s) AS INTEGER)"}, {"hour", "CAST(hour(%.*s) AS INTEGER)"},
    {"h", "CAST(hour(%.*s) AS INTEGER)"}, {"hours", "CAST(hour(%.*s) AS INTEGER)"},
    {"minute", "CAST(minute(%.*s) AS INTEGER)"}, {"m", "CAST(minute(%.*s) AS INTEGER)"},
    {"min", "CAST(minute(%.*s) AS INTEGER)"}, {"minutes", "CAST(minute(%.*s) AS INTEGER)"},
    {"second", "CAST(microsecond(%.*s) / 1e6 AS DECIMAL(8,6))"}, {"seconds", "CAST(microsecond(%.*s) / 1e6 AS DECIMAL(8,6))"},
    {"s", "CAST(microsecond(%.*s) / 1e6 AS DECIMAL(8,6))"},
};

static void date_part(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    struct str field = str_lower(p->a, arg(c, 0)->lit.text);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (str_eqz(field, fields[i].field)) {
            fill(p, b, fields[i].text, local_text(p, before_date(arg(c, 1))));
            return;
        }
    print_fail(p, c->at, ERR_INPUT, "[INVALID_EXTRACT_FIELD] Cannot extract %.*s", STR_ARGS(field));
}

/* ------------------------------------------------------------------ patterns */

static const struct { const char *java, *c; } letters[] = {
    {"yyyy", "%Y"}, {"yy", "%y"}, {"MM", "%m"}, {"M", "%-m"}, {"MMM", "%b"}, {"MMMM", "%B"}, {"LL", "%m"},
    {"L", "%-m"}, {"dd", "%d"}, {"d", "%-d"}, {"DDD", "%j"}, {"D", "%-j"}, {"HH", "%H"}, {"H", "%-H"}, {"hh", "%I"},
    {"h", "%-I"}, {"mm", "%M"}, {"m", "%-M"}, {"ss", "%S"}, {"s", "%-S"}, {"SSS", "%g"}, {"SSSSSS", "%f"}, {"a", "%p"},
    {"E", "%a"}, {"EE", "%a"}, {"EEE", "%a"}, {"EEEE", "%A"},
};

static bool letter_run(struct buf *out, struct str run)
{
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (str_eqz(run, letters[i].java)) {
            buf_z(out, letters[i].c);
            return true;
        }
    return false;
}

bool java_format(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len;) {
        char c = s.ptr[i];
        size_t n = 1;
        if (c == '\'' && str_chr(str_from(s, i + 1), '\'') < 0)
            return false; /* a quote that stays open */
        if (c == '\'') {
            if (str_find(str_from(s, i), STR("''")) > 0)
                return false; /* a quote within a quotation: C reads that */
            for (i++; i < s.len && s.ptr[i] != '\''; i++)
                buf_char(out, s.ptr[i]);
            if (i && s.ptr[i - 1] == '\'') /* '' is a quote */
                buf_char(out, '\'');
            i++;
            continue;
        }
        if (!((c | 32) >= 'a' && (c | 32) <= 'z')) {
            if (c == '[' || c == ']' || c == '#' || c == '{' || c == '}')
                return false;
            buf_char(out, c);
            if (c == '%')
                buf_char(out, c);
            i++;
            continue;
        }
        while (i + n < s.len && s.ptr[i + n] == c)
            n++;
        if (!letter_run(out, str_sub(s, i, n)))
            return false;
        i += n;
    }
    return true;
}

static void format_text(struct pr *p, struct buf *b, struct str x, const struct expr *pattern)
{
    struct buf f;
    buf_init(&f);
    if (lit_is_text(pattern) && java_format(&f, pattern->lit.text)) {
        buf_printf(b, "STRFTIME(%.*s, ", STR_ARGS(x));
        duck_quote_text(b, buf_view(&f));
    } else {
        buf_printf(b, "spark_date_format(%.*s, ", STR_ARGS(x));
        print_expr(p, b, pattern, P_ANY);
    }
    buf_char(b, ')');
    buf_release(&f);
}

static void date_format(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    format_text(p, b, local_text(p, arg(c, 0)), arg(c, 1));
}

static void from_unixtime(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    struct str x = str_fmt(p->a, "make_timestamp(1000000 * CAST(%.*s AS BIGINT))", STR_ARGS(print_text(p, arg(c, 0), P_ANY)));
    if (c->args.count == 1)
        buf_printf(b, "STRFTIME(%.*s, '%%Y-%%m-%%d %%H:%%M:%%S')", STR_ARGS(x));
    else
        format_text(p, b, x, arg(c, 1));
}

/* ------------------------------------------------------------------ parsing */

static struct str parsed(struct pr *p, const struct expr *c, const struct type *to, bool try_op)
{
    const struct expr *x = arg(c, 0);
    bool strict = p->with->ansi && !try_op;
    if (c->args.count == 1 || !is_text(x->type))
        return type_equal(x->type, to) ? print_text(p, x, P_ANY)
                                       : cast_text(p, print_text(p, x, P_ATOM), x->type, to, !strict, c->at);
    struct str t = str_fmt(p->a, "spark_parse_time(%.*s, %.*s, %s)", STR_ARGS(print_text(p, x, P_ANY)),
                           STR_ARGS(print_text(p, arg(c, 1), P_ANY)), strict ? "true" : "false");
    if (to->kind == TYPE_DATE)
        return str_fmt(p->a, "CAST(spark_utc(%.*s) AS DATE)", STR_ARGS(t));
    return to->kind == TYPE_TIMESTAMP_NTZ ? str_fmt(p->a, "spark_utc(%.*s)", STR_ARGS(t)) : t;
}

static void to_time(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_str(b, parsed(p, c, c->type, str_starts_z(c->func, "try_")));
}

static void unix_timestamp(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    if (!c->args.count) {
        struct tp now = p->with->now.us ? p->with->now : time_now();
        buf_printf(b, "CAST(%jd AS BIGINT)", (intmax_t)(now.us / 1000000));
        return;
    }
    const struct expr *x = arg(c, 0);
    if (c->args.count == 1 && is_text(x->type)) {
        buf_z(b, "spark_seconds(spark_parse_time(");
        print_expr(p, b, x, P_ANY);
        buf_printf(b, ", 'yyyy-MM-dd HH:mm:ss', %s))", p->with->ansi ? "true" : "false");
        return;
    }
    buf_printf(b, "spark_seconds(%.*s)", STR_ARGS(parsed(p, c, type_of(TYPE_TIMESTAMP), false)));
}

/* ------------------------------------------------------------------ moving */

static void timestamp_add(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    static const char *const makers[] = {"", "to_years", "to_months", "to_months", "to_weeks", "to_days", "to_hours",
                                         "to_minutes", "to_seconds", "to_milliseconds", "to_microseconds"};
    (void)w;
    enum unit u = unit_of(p, c, arg(c, 0));
    if (!u) {
        print_fail(p, c->at, ERR_INPUT, "[INVALID_PARAMETER_VALUE.DATETIME_UNIT] %.*s() does not know this unit", STR_ARGS(c->func));
        return;
    }
    bool narrow = u <= U_DAY, ltz = c->type->kind == TYPE_TIMESTAMP;
    buf_printf(b, "%s%.*s + %s(%s", ltz ? "spark_instant(" : "(", STR_ARGS(local_text(p, arg(c, 2))), makers[u],
               narrow ? "CAST(" : "");
    print_expr(p, b, arg(c, 1), P_MUL);
    buf_z(b, u == U_QUARTER ? " * 3" : "");
    buf_z(b, narrow ? " AS INTEGER)" : "");
    buf_z(b, "))");
}

static void timestamp_diff(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    enum unit u = unit_of(p, c, arg(c, 0));
    if (!u) {
        print_fail(p, c->at, ERR_INPUT, "[INVALID_PARAMETER_VALUE.DATETIME_UNIT] %.*s() does not know this unit", STR_ARGS(c->func));
        return;
    }
    buf_printf(b, "spark_timestampdiff('%s', ", unit_names[u]);
    buf_str(b, local_text(p, arg(c, 1)));
    buf_z(b, ", ");
    buf_str(b, local_text(p, arg(c, 2)));
    buf_char(b, ')');
}

static void months_between(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_printf(b, "spark_months_between(%.*s, %.*s, ", STR_ARGS(local_text(p, arg(c, 0))), STR_ARGS(local_text(p, arg(c, 1))));
    if (c->args.count > 2)
        print_expr(p, b, arg(c, 2), P_ANY);
    else
        buf_z(b, "true");
    buf_char(b, ')');
}

/* +3, +03:00, GMT+1: ICU knows no such names. */
static bool fixed_offset(struct str z, int64_t *us)
{
    if (str_starts_z(z, "UTC") || str_starts_z(z, "GMT"))
        z = str_from(z, 3);
    int64_t hours, minutes = 0, colon = str_chr(z, ':');
    if (z.len < 2 || (z.ptr[0] != '+' && z.ptr[0] != '-'))
        return false;
    if (!str_i64(colon < 0 ? str_from(z, 1) : str_sub(z, 1, (size_t)colon - 1), &hours) || hours < 0 || hours > 18)
        return false;
    if (colon >= 0 && (!str_i64(str_from(z, (size_t)colon + 1), &minutes) || minutes < 0 || minutes > 59))
        return false;
    *us = (hours * 60 + minutes) * 60000000 * (z.ptr[0] == '-' ? -1 : 1);
    return true;
}

static void zone_shift(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool from = is(c, "from_utc_timestamp");
    int64_t us;
    (void)w;
    if (lit_is_text(arg(c, 1)) && fixed_offset(arg(c, 1)->lit.text, &us)) {
        buf_printf(b, "make_timestamptz(epoch_us(%.*s) + %jd)", STR_ARGS(print_text(p, arg(c, 0), P_ANY)), (intmax_t)(from ? us : -us));
        return;
    }
    if (from) {
        buf_z(b, "spark_instant(timezone(");
        print_expr(p, b, arg(c, 1), P_ANY);
        buf_z(b, ", ");
        print_expr(p, b, arg(c, 0), P_ANY);
        buf_z(b, "))");
    } else {
        buf_printf(b, "spark_to_utc(%.*s, ", STR_ARGS(local_text(p, arg(c, 0))));
        print_expr(p, b, arg(c, 1), P_ANY);
        buf_char(b, ')');
    }
}

static void make_timestamp(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool try_op = str_starts_z(c->func, "try_");
    buf_z(b, try_op ? "TRY(" : "");
    if (c->type->kind == TYPE_TIMESTAMP_NTZ)
        print_template(p, b, "make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE))", c, w);
    else if (c->args.count == 7)
        print_template(p, b, "spark_to_utc(make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE)), $7)", c, w);
    else
        print_template(p, b, "spark_instant(make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE)))", c, w);
    buf_z(b, try_op ? ")" : "");
}

static void make_interval(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    static const char *const any[] = {"to_years", "to_months", "to_weeks", "to_days", "to_hours", "to_minutes", "to_seconds"};
    size_t from = is(c, "make_dt_interval") ? 3 : 0;
    (void)w;
    buf_z(b, c->args.count ? "(" : "INTERVAL '0 days'");
    for (size_t i = 0; i < c->args.count; i++) {
        buf_printf(b, "%s%s(", i ? " + " : "", any[from + i]);
        print_expr(p, b, arg(c, i), P_ANY);
        buf_char(b, ')');
    }
    buf_z(b, c->args.count ? ")" : "");
}

/* '10 minutes', '1 hour 30 seconds' in microseconds; 0 if it is none. */
static int64_t duration_us(struct str s)
{
    static const int64_t us[] = {[U_WEEK] = 604800000000, [U_DAY] = 86400000000, [U_HOUR] = 3600000000,
                                 [U_MINUTE] = 60000000, [U_SECOND] = 1000000, [U_MILLI] = 1000, [U_MICRO] = 1};
    int64_t total = 0, n = 0;
    struct str rest = str_trim(s), word;
    bool number = true;
    if (str_starts_z(rest, "interval ") || str_starts_z(rest, "INTERVAL "))
        rest = str_from(rest, 9);
    while (str_split(&rest, ' ', &word)) {
        if (!word.len)
            continue;
        if (number && !str_i64(word, &n))
            return 0;
        if (!number) {
            int64_t found = 0;
            for (size_t i = 0; i < COUNT_OF(unit_words); i++)
                if (str_ieqz(word, unit_words[i].word) && unit_words[i].unit >= U_WEEK)
                    found = us[unit_words[i].unit];
            if (!found || __builtin_mul_overflow(n, found, &n) || __builtin_add_overflow(total, n, &total))
                return 0;
        }
        number = !number;
    }
    return number ? total : 0;
}

static void time_window(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    int64_t d[3] = {0, 0, 0};
    (void)w;
    for (size_t i = 1; i < c->args.count; i++) {
        d[i - 1] = lit_is_text(arg(c, i)) ? duration_us(arg(c, i)->lit.text) : 0;
        if (!d[i - 1] && i < 3) {
            print_fail(p, arg(c, i)->at, ERR_INPUT, "the duration of window() must be a constant such as '10 minutes', of weeks "
                       "or less");
            return;
        }
    }
    if (d[1] && d[1] != d[0]) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "sliding windows are not supported: window(time, duration) is");
        return;
    }
    buf_printf(b, "%s(%.*s, %jd, %jd)", c->type->fields[0].type->kind == TYPE_TIMESTAMP ? "spark_window" : "spark_window_ntz",
               STR_ARGS(local_text(p, arg(c, 0))), (intmax_t)d[0], (intmax_t)d[2]);
}

#define PART(name) {#name, NULL, 0, part, NULL}

const struct fn_row fn_rows_time[] = {
    PART(year), PART(month), PART(day), PART(dayofmonth), PART(quarter), PART(dayofweek), PART(weekday), PART(dayofyear),
    PART(weekofyear), PART(hour), PART(minute), PART(second), PART(dayname), PART(monthname),
    {"date_part", NULL, 0, date_part, NULL}, {"datepart", NULL, 0, date_part, NULL}, {"extract", NULL, 0, date_part, NULL},
    {"date_trunc", NULL, 0, date_trunc, NULL}, {"trunc", NULL, 0, trunc_date, NULL},
    {"date_format", NULL, 0, date_format, NULL}, {"from_unixtime", NULL, 0, from_unixtime, NULL},
    {"to_date", NULL, 0, to_time, NULL}, {"try_to_date", NULL, 0, to_time, NULL}, {"to_timestamp", NULL, 0, to_time, NULL},
    {"try_to_timestamp", NULL, 0, to_time, NULL}, {"to_timestamp_ltz", NULL, 0, to_time, NULL},
    {"to_timestamp_ntz", NULL, 0, to_time, NULL}, {"unix_timestamp", NULL, 0, unix_timestamp, NULL},
    {"to_unix_timestamp", NULL, 0, unix_timestamp, NULL},
    {"add_months", "CAST(@1 + to_months($2) AS DATE)", 0, NULL, NULL},
    {"date_add", "@1 + @2", P_ADD, NULL, NULL}, {"date_sub", "@1 - @2", P_ADD, NULL, NULL},
    {"dateadd", "@1 + @2", P_ADD, NULL, NULL}, {"date_diff", "CAST(@1 - @2 AS INTEGER)", 0, NULL, NULL},
    {"datediff", "CAST(@1 - @2 AS INTEGER)", 0, NULL, NULL},
    {"timestampadd", NULL, 0, timestamp_add, NULL}, {"timestampdiff", NULL, 0, timestamp_diff, NULL},
    {"date_from_unix_date", "DATE '1970-01-01' + @1", P_ADD, NULL, NULL},
    {"unix_date", "CAST(@1 - DATE '1970-01-01' AS INTEGER)", 0, NULL, NULL},
    {"unix_micros", "epoch_us($1)", 0, NULL, NULL}, {"unix_millis", "CAST(floor(epoch_us($1) / 1e3) AS BIGINT)", 0, NULL, NULL},
    {"unix_seconds", "spark_seconds($1)", 0, NULL, NULL},
    {"timestamp_micros", "spark_instant(make_timestamp($1))", 0, NULL, NULL},
    {"timestamp_millis", "spark_instant(make_timestamp(1000 * CAST($1 AS BIGINT)))", 0, NULL, NULL},
    {"timestamp_seconds", "spark_instant(make_timestamp(CAST(1000000 * CAST($1 AS DECIMAL(30,6)) AS BIGINT)))", 0, NULL, NULL},
    {"from_utc_timestamp", NULL, 0, zone_shift, NULL}, {"to_utc_timestamp", NULL, 0, zone_shift, NULL},
    {"last_day", "last_day($1)", 0, NULL, NULL}, {"make_date", "make_date($1, $2, $3)", 0, NULL, NULL},
    {"make_timestamp", NULL, 0, make_timestamp, NULL}, {"make_timestamp_ltz", NULL, 0, make_timestamp, NULL},
    {"make_timestamp_ntz", NULL, 0, make_timestamp, NULL}, {"try_make_timestamp", NULL, 0, make_timestamp, NULL}, {"make_interval", NULL, 0, make_interval, NULL},
    {"make_dt_interval", NULL, 0, make_interval, NULL}, {"make_ym_interval", NULL, 0, make_interval, NULL},
    {"months_between", NULL, 0, months_between, NULL}, {"next_day", "spark_next_day($1, $2)", 0, NULL, NULL},
    {"window", NULL, 0, time_window, NULL},
    {"window_time", "(@1).\"end\" - INTERVAL '1 microseconds'", P_ADD, NULL, NULL},
    {0},
};
