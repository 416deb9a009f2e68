/* literal.c -- numbers, strings, typed literals and intervals.
 *
 * Types are Spark's: 1 is INT (BIGINT or DECIMAL if it does not fit), 1.50 DECIMAL(3,2), 1e3
 * DOUBLE; suffixes L S Y D F BD say it themselves. DATE 'text' becomes days; TIMESTAMP 'text' with
 * a zone becomes an instant, without one a cast of its string, since the session's zone decides.
 *
 * An interval literal is months, days and microseconds; its fields make it a year-month or a
 * day-time interval, and mixing both is an error, as in Spark. */
#include "sparksql/parse_int.h"

#include <ctype.h>
#include <string.h>

enum { DECIMAL_TEXT_MAX = 400 };

static struct expr *typed(struct parser *p, struct place at, const struct type *t, struct lit lit)
{
    struct expr *e = expr_new(p->a, EXPR_LITERAL, at);
    e->type = t;
    e->lit = lit;
    e->nullable = lit.kind == LIT_NULL;
    return e;
}

/* ---- numbers ---- */

/* Digits and scale of "12.50", "1.2e3", without sign: plain text and decimal type. */
static struct expr *decimal(struct parser *p, struct place at, struct str text, bool minus)
{
    char digits[DECIMAL_TEXT_MAX + 2];
    size_t n = 0;
    int64_t scale = 0, exponent = 0;
    bool point = false;
    size_t i = 0;
    for (; i < text.len && tolower((unsigned char)text.ptr[i]) != 'e'; i++) {
        if (text.ptr[i] == '.') {
            point = true;
            continue;
        }
        if (n == 0 && text.ptr[i] == '0' && !point)
            continue; /* leading zeros */
        if (n < DECIMAL_TEXT_MAX)
            digits[n++] = text.ptr[i];
        scale += point;
    }
    if (i < text.len && !str_i64(str_from(text, i + 1), &exponent))
        exponent = DECIMAL_TEXT_MAX;
    scale -= exponent;
    if (scale < 0 && scale > -DECIMAL_MAX_PRECISION) {
        for (; scale < 0 && n < DECIMAL_TEXT_MAX; scale++)
            digits[n++] = '0';
    }
    int64_t precision = (int64_t)n > scale ? (int64_t)n : scale;
    if (n >= DECIMAL_TEXT_MAX || scale < 0 || precision > DECIMAL_MAX_PRECISION) {
        fail_at(p, at, ERR_INPUT,
                "[DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION] number '%.*s' has more than %d digits",
                STR_ARGS(str_sub(text, 0, 60)), DECIMAL_MAX_PRECISION);
        return expr_int(p->a, at, 0);
    }
    struct buf b;
    buf_init(&b);
    if (minus)
        buf_char(&b, '-');
    if ((int64_t)n <= scale)
        buf_char(&b, '0');
    for (int64_t k = 0; k < precision; k++) {
        if (k == precision - scale)
            buf_char(&b, '.');
        int64_t from = k - (precision - (int64_t)n);
        buf_char(&b, from < 0 ? '0' : digits[from]);
    }
    struct lit lit = {.kind = LIT_DECIMAL, .text = str_copy(p->a, buf_view(&b))};
    buf_release(&b);
    return typed(p, at, type_decimal(p->a, precision ? (int)precision : 1, (int)scale), lit);
}

static struct expr *whole(struct parser *p, struct place at, struct str text, enum type_kind kind,
                          bool minus)
{
    static const int64_t max[] = {[TYPE_BYTE] = INT8_MAX,
                                  [TYPE_SHORT] = INT16_MAX,
                                  [TYPE_INT] = INT32_MAX,
                                  [TYPE_LONG] = INT64_MAX};
    uint64_t v;
    bool fits = str_u64(text, &v);
    if (kind == TYPE_NULL) { /* no suffix */
        if (!fits || v > (uint64_t)INT64_MAX + minus)
            return decimal(p, at, text, minus);
        kind = v > (uint64_t)INT32_MAX + minus ? TYPE_LONG : TYPE_INT;
    }
    if (!fits || v > (uint64_t)max[kind] + minus) {
        fail_at(p, at, ERR_INPUT,
                "[INVALID_NUMERIC_LITERAL_RANGE] %s%.*s is outside the range of %s",
                minus ? "-" : "", STR_ARGS(text), type_kind_name(kind));
        v = 0;
    }
    return typed(p, at, type_of(kind),
                 (struct lit){.kind = LIT_INT, .i64 = minus ? (int64_t)(0 - v) : (int64_t)v});
}

static struct expr *floating(struct parser *p, struct place at, struct str text,
                             enum type_kind kind, bool minus)
{
    double v = 0;
    if (!str_f64(text, &v) || v > (kind == TYPE_FLOAT ? (double)__FLT_MAX__ : __DBL_MAX__))
        fail_at(p, at, ERR_INPUT,
                "[INVALID_NUMERIC_LITERAL_RANGE] %s%.*s is outside the range of %s",
                minus ? "-" : "", STR_ARGS(str_sub(text, 0, 60)), type_kind_name(kind));
    if (kind == TYPE_FLOAT)
        v = (double)(float)v;
    return typed(p, at, type_of(kind), (struct lit){.kind = LIT_FLOAT, .f64 = minus ? -v : v});
}

static struct expr *number(struct parser *p, bool minus)
{
    struct place at = here(p);
    if (minus)
        advance(p);
    const struct tok *t = cur(p);
    struct str text = tok_text(p, t);
    advance(p);
    switch (t->kind) {
    case TOK_INT:
        return whole(p, at, text, TYPE_NULL, minus);
    case TOK_LONG:
        return whole(p, at, str_sub(text, 0, text.len - 1), TYPE_LONG, minus);
    case TOK_SHORT:
        return whole(p, at, str_sub(text, 0, text.len - 1), TYPE_SHORT, minus);
    case TOK_BYTE:
        return whole(p, at, str_sub(text, 0, text.len - 1), TYPE_BYTE, minus);
    case TOK_FLOAT:
        return floating(p, at, str_sub(text, 0, text.len - 1), TYPE_FLOAT, minus);
    case TOK_DOUBLE:
        return floating(p, at, str_sub(text, 0, text.len - 1), TYPE_DOUBLE, minus);
    case TOK_EXPONENT:
        return floating(p, at, text, TYPE_DOUBLE, minus);
    case TOK_BIGDEC:
        return decimal(p, at, str_sub(text, 0, text.len - 2), minus);
    default:
        return decimal(p, at, text, minus);
    }
}

/* ---- typed literals ---- */

static struct expr *invalid(struct parser *p, struct place at, const char *type, struct str text)
{
    fail_at(p, at, ERR_INPUT, "[INVALID_TYPED_LITERAL] the value '%.*s' is no %s",
            STR_ARGS(str_sub(text, 0, 60)), type);
    return expr_int(p->a, at, 0);
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* Two digits a byte; an odd number has a 0 before it. */
static struct expr *binary_literal(struct parser *p, struct place at, struct str text)
{
    size_t odd = text.len % 2, bytes = (text.len + odd) / 2;
    char *out = arena_alloc(p->a, bytes + 1);
    for (size_t i = 0; i < text.len; i++) {
        int v = hex_digit(text.ptr[i]);
        size_t nibble = i + odd;
        if (v < 0)
            return invalid(p, at, "binary in hexadecimal digits", text);
        out[nibble / 2] = (char)(nibble % 2 ? out[nibble / 2] | v : v << 4);
    }
    return typed(p, at, type_of(TYPE_BINARY),
                 (struct lit){.kind = LIT_BINARY, .text = str_of(out, bytes)});
}

/* "[+-]y…y[-m[-d]][T …]" as Spark's stringToDate reads it; *used: where the day ends. */
static bool date_part(struct str s, int64_t *days, size_t *used)
{
    int64_t part[3] = {0, 1, 1};
    size_t i = 0;
    bool minus = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        i++;
    for (int k = 0; k < 3; k++) {
        size_t from = i, most = k ? 2 : 7;
        int64_t v = 0;
        while (i < s.len && isdigit((unsigned char)s.ptr[i]) && i - from <= most)
            v = v * 10 + (s.ptr[i++] - '0');
        if (i == from || i - from > most || (k == 0 && i - from < 4))
            return false;
        part[k] = v;
        if (k == 2 || i == s.len || s.ptr[i] != '-')
            break;
        i++;
    }
    int64_t y = minus ? -part[0] : part[0], m = part[1], d = part[2];
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (m < 1 || m > 12 || d < 1 || d > month_days[m - 1] + (m == 2 && leap))
        return false;
    /* Days since 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years from March.
     */
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    *days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    *used = i;
    return true;
}

/* "hh[:mm[:ss[.ffffff]]]" in microseconds; *used: where it ends. */
static bool time_part(struct str s, int64_t *us, size_t *used)
{
    static const int64_t unit[] = {3600000000, 60000000, 1000000};
    static const int64_t most[] = {23, 59, 59};
    size_t i = 0;
    *us = 0;
    for (int k = 0; k < 3; k++) {
        size_t from = i;
        int64_t v = 0;
        while (i < s.len && isdigit((unsigned char)s.ptr[i]) && i - from < 2)
            v = v * 10 + (s.ptr[i++] - '0');
        if (i == from || v > most[k])
            return false;
        *us += v * unit[k];
        if (k == 2 || i == s.len || s.ptr[i] != ':')
            break;
        i++;
    }
    if (i < s.len && s.ptr[i] == '.') {
        int64_t scale = 100000;
        for (i++; i < s.len && isdigit((unsigned char)s.ptr[i]); i++, scale /= 10)
            *us += (s.ptr[i] - '0') * scale;
    }
    *used = i;
    return true;
}

/* A fixed offset: Z, UTC, GMT, [+-]h[h][:mm]. Region names need a zone database: not here. */
static bool zone_part(struct str s, int64_t *offset_us)
{
    int64_t hours = 0, minutes = 0;
    *offset_us = 0;
    if (str_ieqz(s, "z") || str_ieqz(s, "utc") || str_ieqz(s, "gmt"))
        return true;
    if (str_starts_z(s, "UTC") || str_starts_z(s, "GMT"))
        s = str_from(s, 3);
    if (s.len < 2 || (s.ptr[0] != '+' && s.ptr[0] != '-'))
        return false;
    struct str rest = str_from(s, 1), h = {0}, m = {0};
    if (str_chr(rest, ':') < 0 && rest.len == 4) {
        h = str_sub(rest, 0, 2);
        m = str_from(rest, 2);
    } else {
        (void)str_split(&rest, ':', &h);
        m = rest;
    }
    if (!str_i64(h, &hours) || hours < 0 || hours > 18 ||
        (m.len && (!str_i64(m, &minutes) || minutes < 0 || minutes > 59)))
        return false;
    *offset_us = (hours * 3600 + minutes * 60) * 1000000 * (s.ptr[0] == '-' ? -1 : 1);
    return true;
}

static struct expr *date_literal(struct parser *p, struct place at, struct str text)
{
    int64_t days;
    size_t used;
    struct str s = str_trim(text);
    if (!date_part(s, &days, &used) || (used < s.len && s.ptr[used] != 'T' && s.ptr[used] != ' '))
        return invalid(p, at, "DATE, as in DATE '2024-12-31'", text);
    return typed(p, at, type_of(TYPE_DATE), (struct lit){.kind = LIT_DATE, .i64 = days});
}

/* `kind` is what was written: TIMESTAMP, TIMESTAMP_LTZ (TYPE_TIMESTAMP) or TIMESTAMP_NTZ. */
static struct expr *timestamp_literal(struct parser *p, struct place at, struct str text,
                                      enum type_kind kind)
{
    int64_t days = 0, us = 0, offset = 0;
    size_t used = 0, time_used = 0;
    struct str s = str_trim(text);
    bool ok = date_part(s, &days, &used);
    struct str rest = str_from(s, used);
    if (ok && rest.len && (rest.ptr[0] == 'T' || rest.ptr[0] == ' ')) {
        ok = time_part(str_from(rest, 1), &us, &time_used);
        rest = str_trim(str_from(rest, 1 + time_used));
    }
    bool region =
        ok && rest.len > 2 && isalpha((unsigned char)rest.ptr[0]) && str_chr(rest, '/') > 0;
    bool zone = ok && rest.len && zone_part(rest, &offset);
    if (!ok || (rest.len && !zone && !region))
        return invalid(p, at, "TIMESTAMP, as in TIMESTAMP '2024-12-31 23:59:59'", text);
    int64_t day_us;
    if (__builtin_mul_overflow(days, (int64_t)86400000000, &day_us) ||
        __builtin_add_overflow(us, day_us, &us) || __builtin_sub_overflow(us, offset, &offset))
        return invalid(p, at, "TIMESTAMP within 290,000 years of 1970", text);
    if (kind == TYPE_TIMESTAMP_NTZ)
        return typed(p, at, type_of(kind), (struct lit){.kind = LIT_TIMESTAMP_NTZ, .i64 = us});
    if (zone)
        return typed(p, at, type_of(kind), (struct lit){.kind = LIT_TIMESTAMP, .i64 = offset});
    struct expr *e = expr_new(p->a, EXPR_CAST, at);
    exprs_push(p->a, &e->args, expr_string(p->a, at, s));
    e->type = type_of(kind);
    return expr_done(p, e);
}

/* WORD 'text'. NULL: the word types no literal. */
static struct expr *typed_literal(struct parser *p)
{
    struct place at = here(p);
    enum kw kw = (enum kw)cur(p)->kw;
    struct str word = tok_text(p, cur(p));
    bool hex = str_ieqz(word, "x");
    if (str_ieqz(word, "time"))
        refuse(p, at, "the TIME type", "use TIMESTAMP_NTZ or STRING");
    if (!hex && kw != KW_DATE && kw != KW_TIMESTAMP && kw != KW_TIMESTAMP_NTZ &&
        kw != KW_TIMESTAMP_LTZ)
        return NULL;
    advance(p);
    struct str text = string(p, "a string");
    if (hex)
        return binary_literal(p, at, text);
    if (kw == KW_DATE)
        return date_literal(p, at, text);
    return timestamp_literal(p, at, text,
                             kw == KW_TIMESTAMP_NTZ ? TYPE_TIMESTAMP_NTZ : TYPE_TIMESTAMP);
}

static struct expr *word_literal(struct parser *p)
{
    struct place at = here(p);
    enum kw kw = (enum kw)cur(p)->kw;
    if (peek(p, 1)->kind == TOK_STRING)
        return typed_literal(p);
    if ((kw != KW_NULL && kw != KW_TRUE && kw != KW_FALSE) || peek_op(p, 1, OP_LPAREN) ||
        peek_op(p, 1, OP_DOT))
        return NULL;
    advance(p);
    if (kw == KW_NULL)
        return typed(p, at, type_of(TYPE_NULL), (struct lit){.kind = LIT_NULL});
    return typed(p, at, type_of(TYPE_BOOLEAN),
                 (struct lit){.kind = LIT_BOOL, .i64 = kw == KW_TRUE});
}

struct expr *literal(struct parser *p)
{
    const struct tok *t = cur(p);
    if (t->kind >= TOK_INT && t->kind <= TOK_BIGDEC)
        return number(p, false);
    if (t->op == OP_MINUS && peek(p, 1)->kind >= TOK_INT && peek(p, 1)->kind <= TOK_BIGDEC)
        return number(p, true);
    if (t->kind == TOK_STRING) {
        struct place at = here(p);
        return expr_string(p->a, at, string(p, "a string"));
    }
    return t->kind == TOK_WORD && (t->kw || t->len <= 4) ? word_literal(p) : NULL;
}
