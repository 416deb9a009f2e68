/* interval.c -- INTERVAL literals in all their forms.
 *
 *     INTERVAL 1 DAY 2 HOURS            numbers or strings with units, one or more
 *     INTERVAL '1-2' YEAR TO MONTH      a string over a range of fields
 *     INTERVAL '1 02:03:04.5' DAY TO SECOND
 *     INTERVAL '1 day 2 hours'          all inside the string
 *
 * The fields used give the type: INTERVAL YEAR TO MONTH or DAY TO SECOND with that range; a mix of
 * both is refused as Spark does. */
#include "sparksql/parse_int.h"

#include <ctype.h>

enum { FIELD_YEAR, FIELD_MONTH, FIELD_DAY, FIELD_HOUR, FIELD_MINUTE, FIELD_SECOND };
enum { FRACTION_DIGITS = 6 };

static const struct unit {
    const char *word;
    int field;                /* that it counts as in the type */
    int64_t months, days, us; /* one of it */
} units[] = {
    {"year", FIELD_YEAR, 12, 0, 0},
    {"month", FIELD_MONTH, 1, 0, 0},
    {"week", FIELD_DAY, 0, 7, 0},
    {"day", FIELD_DAY, 0, 1, 0},
    {"hour", FIELD_HOUR, 0, 0, 3600000000},
    {"minute", FIELD_MINUTE, 0, 0, 60000000},
    {"second", FIELD_SECOND, 0, 0, 1000000},
    {"millisecond", FIELD_SECOND, 0, 0, 1000},
    {"microsecond", FIELD_SECOND, 0, 0, 1},
};

struct interval {
    int64_t months, days, us;
    int first, last; /* fields seen; first > last: none */
    bool overflow;
};

/* The unit that `word` names, singular or plural; NULL if none. */
static const struct unit *unit_find(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct str singular = str_z(units[i].word);
        if (str_ieq(word, singular))
            return &units[i];
        if (word.len == singular.len + 1 && tolower((unsigned char)word.ptr[word.len - 1]) == 's' &&
            str_ieq(str_sub(word, 0, singular.len), singular))
            return &units[i];
    }
    return NULL;
}

static void add(struct interval *v, const struct unit *u, int64_t n)
{
    int64_t part;
    v->overflow |= __builtin_mul_overflow(n, u->months, &part) ||
                   __builtin_add_overflow(v->months, part, &v->months);
    v->overflow |= __builtin_mul_overflow(n, u->days, &part) ||
                   __builtin_add_overflow(v->days, part, &v->days);
    v->overflow |=
        __builtin_mul_overflow(n, u->us, &part) || __builtin_add_overflow(v->us, part, &v->us);
    if (v->first > u->field)
        v->first = u->field;
    if (v->last < u->field)
        v->last = u->field;
}

/* "[+-]digits[.digits]" at the front of `*s`; the fraction counts only for seconds. */
static bool quantity(struct interval *v, struct str *s, const struct unit *u, int sign)
{
    int64_t n = 0, fraction = 0, scale = 1;
    size_t i = 0;
    if (i < s->len && (s->ptr[i] == '-' || s->ptr[i] == '+'))
        sign = s->ptr[i++] == '-' ? -sign : sign;
    size_t from = i;
    for (; i < s->len && isdigit((unsigned char)s->ptr[i]); i++)
        v->overflow |=
            __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s->ptr[i] - '0', &n);
    bool digits = i > from;
    if (i < s->len && s->ptr[i] == '.') {
        if (!u || u->us != 1000000)
            return false;
        for (i++; i < s->len && isdigit((unsigned char)s->ptr[i]); i++) {
            digits = true;
            if (scale < 1000000) {
                fraction = fraction * 10 + (s->ptr[i] - '0');
                scale *= 10;
            }
        }
    }
    if (!digits)
        return false;
    *s = str_from(*s, i);
    add(v, u, sign * n);
    v->overflow |= __builtin_add_overflow(v->us, sign * fraction * (1000000 / scale), &v->us);
    return true;
}

static struct expr *bad(struct parser *p, struct place at, const char *what)
{
    fail_at(p, at, ERR_INPUT, "[INVALID_INTERVAL_FORMAT] %s", what);
    return expr_int(p->a, at, 0);
}

static struct expr *finish(struct parser *p, struct place at, const struct interval *v)
{
    struct expr *e = expr_new(p->a, EXPR_INTERVAL, at);
    if (v->first <= FIELD_MONTH && v->last > FIELD_MONTH)
        return bad(p, at, "an interval holds years and months, or days to seconds, not both");
    if (v->overflow || v->months != (int32_t)v->months || v->days != (int32_t)v->days)
        return bad(p, at, "the interval is too large");
    e->lit = (struct lit){
        .kind = LIT_INTERVAL, .months = (int32_t)v->months, .days = (int32_t)v->days, .us = v->us};
    e->type = v->last <= FIELD_MONTH ? type_interval(p->a, TYPE_INTERVAL_YM, v->first, v->last)
                                     : type_interval(p->a, TYPE_INTERVAL_DT, v->first - FIELD_DAY,
                                                     v->last - FIELD_DAY);
    e->nullable = false;
    return e;
}

/* '1 day -2 hours', perhaps with "interval" before and one sign over all. */
static struct expr *from_string(struct parser *p, struct place at, struct str s)
{
    struct interval v = {.first = FIELD_SECOND, .last = FIELD_YEAR};
    s = str_trim(s);
    if (str_ieqz(str_sub(s, 0, 9), "interval "))
        s = str_trim(str_from(s, 9));
    if (s.len == 0)
        return bad(p, at, "the interval string is empty");
    while (s.len) {
        /* The unit stands behind the quantity. */
        size_t i = 0, from;
        while (i < s.len && !isalpha((unsigned char)s.ptr[i]))
            i++;
        for (from = i; i < s.len && isalpha((unsigned char)s.ptr[i]);)
            i++;
        const struct unit *u = unit_find(str_sub(s, from, i - from));
        struct str amount = str_trim(str_sub(s, 0, from));
        if (amount.len > 1 && (amount.ptr[0] == '-' || amount.ptr[0] == '+') &&
            amount.ptr[1] == ' ') {
            struct str digits = str_trim(str_from(amount, 1));
            if (!u || !quantity(&v, &digits, u, amount.ptr[0] == '-' ? -1 : 1) || digits.len)
                return bad(p, at,
                           "the interval string is not a list of numbers with units, as in '1 day "
                           "2 hours'");
        } else if (!u || !quantity(&v, &amount, u, 1) || amount.len) {
            return bad(
                p, at,
                "the interval string is not a list of numbers with units, as in '1 day 2 hours'");
        }
        s = str_trim(str_from(s, i));
    }
    return finish(p, at, &v);
}

static const struct unit *field_unit(int field)
{
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (units[i].field == field && (field != FIELD_DAY || units[i].days == 1))
            return &units[i];
    return NULL;
}

/* '1-2' over YEAR TO MONTH, '1 02:03:04.5' over DAY TO SECOND: one sign, then fields in order. */
static struct expr *from_range(struct parser *p, struct place at, struct str s, int from, int to,
                               int sign)
{
    struct interval v = {.first = from, .last = to};
    s = str_trim(s);
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        sign = s.ptr[0] == '-' ? -sign : sign;
        s = str_from(s, 1);
    }
    for (int f = from; f <= to; f++) {
        bool signed_part = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
        if (signed_part || !quantity(&v, &s, field_unit(f), sign))
            return bad(p, at,
                       "the interval string does not match its range, as '1-2' does YEAR TO MONTH "
                       "and '1 02:03:04' DAY TO SECOND");
        char separator = f == FIELD_YEAR ? '-' : f == FIELD_DAY ? ' ' : ':';
        if (f < to && (s.len == 0 || s.ptr[0] != separator))
            return bad(p, at,
                       "the interval string does not match its range, as '1-2' does YEAR TO MONTH "
                       "and '1 02:03:04' DAY TO SECOND");
        if (f < to)
            s = str_from(s, 1);
    }
    return s.len ? bad(p, at, "the interval string is longer than its range") : finish(p, at, &v);
}

/* One "n unit" of the multi-unit form. */
static bool item(struct parser *p, struct interval *v)
{
    int sign = is_op(p, OP_MINUS) ? -1 : 1;
    size_t ahead = is_op(p, OP_MINUS) || is_op(p, OP_PLUS) ? 1 : 0;
    const struct tok *t = peek(p, ahead);
    if (t->kind != TOK_INT && t->kind != TOK_DECIMAL && t->kind != TOK_STRING)
        return false;
    const struct unit *u = unit_find(tok_text(p, peek(p, ahead + 1)));
    if (!u || peek(p, ahead + 1)->kind != TOK_WORD)
        return false;
    struct str text = tok_text(p, t);
    struct place at = here(p);
    if (t->kind == TOK_STRING)
        text = str_trim(lex_string(p->a, text));
    if (!quantity(v, &text, u, sign) || text.len)
        fail_at(p, at, ERR_INPUT,
                "[INVALID_INTERVAL_FORMAT] '%.*s' is no whole number of %ss (only seconds have a "
                "fraction)",
                STR_ARGS(tok_text(p, t)), u->word);
    if (!p->failed)
        take(p, ahead + 2);
    return true;
}

struct expr *interval_literal(struct parser *p)
{
    struct place at = here(p);
    size_t start = p->at;
    advance(p); /* INTERVAL */
    size_t signs = is_op(p, OP_MINUS) || is_op(p, OP_PLUS) ? 1 : 0;
    bool is_string = peek(p, signs)->kind == TOK_STRING;
    const struct unit *u = unit_find(tok_text(p, peek(p, signs + 1)));
    if (is_string && u && peek_kw(p, signs + 2, KW_TO)) {
        int sign = is_op(p, OP_MINUS) ? -1 : 1;
        struct str text = lex_string(p->a, tok_text(p, peek(p, signs)));
        const struct unit *end = unit_find(tok_text(p, peek(p, signs + 3)));
        if (!end || end->field <= u->field ||
            (u->field <= FIELD_MONTH) != (end->field <= FIELD_MONTH))
            return bad(p, at,
                       "an interval ranges over YEAR TO MONTH, or from DAY, HOUR or MINUTE to a "
                       "finer one up to SECOND");
        take(p, signs + 4);
        return from_range(p, at, text, u->field, end->field, sign);
    }
    struct interval v = {.first = FIELD_SECOND, .last = FIELD_YEAR};
    bool any = false;
    while (item(p, &v))
        any = true;
    if (any)
        return finish(p, at, &v);
    if (is_string && !signs) {
        struct str text = string(p, "a string");
        return from_string(p, at, text);
    }
    p->at = start;
    /* INTERVAL (x) DAY and INTERVAL x DAY: not Spark's, but often tried. */
    if (peek_op(p, 1, OP_LPAREN) && peek(p, 1)->match &&
        unit_find(tok_text(p, &p->toks[peek(p, 1)->match + 1])))
        refuse(p, at, "INTERVAL of an expression",
               "use make_interval() or make_dt_interval(), or multiply INTERVAL 1 DAY");
    return NULL;
}
