/* special.c -- calls with a syntax of their own, by their first word; each is tried only where that
 * syntax follows, otherwise the word is an ordinary function or column.
 *
 *     CASE …                          EXPR_CASE
 *     CAST(x AS t)  TRY_CAST(x AS t)  EXPR_CAST
 *     EXTRACT(f FROM x)               extract('F', x)
 *     SUBSTRING(s FROM p [FOR n])     substring(s, p[, n])
 *     TRIM([BOTH|LEADING|TRAILING] [c] FROM s)   trim, ltrim, rtrim([c,] s)
 *     POSITION(a IN s)                position(a, s)
 *     OVERLAY(s PLACING r FROM p [FOR n])        overlay(s, r, p[, n])
 *     DATEADD(unit, n, x) and its other names    timestampadd('UNIT', n, x)
 *     DATEDIFF(unit, a, b) and its other names   timestampdiff('UNIT', a, b)
 *     STRUCT(a AS x, …)               struct with aliases as arguments
 *     MAP[…], ARRAY[…]                not Spark: an error as any other */
#include "sparksql/parse_int.h"

/* CASE [x] WHEN a THEN b … [ELSE c] END; with an operand each condition is x == a. */
static struct expr *case_when(struct parser *p)
{
    struct expr *e = expr_new(p->a, EXPR_CASE, here(p)), *operand = NULL;
    advance(p);
    if (!enter(p))
        return e;
    if (!is_kw(p, KW_WHEN))
        operand = expression(p);
    if (!is_kw(p, KW_WHEN))
        syntax_error(p, "WHEN");
    while (accept_kw(p, KW_WHEN)) {
        struct expr *cond = expression(p);
        exprs_push(p->a, &e->args, operand ? call(p, cond->at, "==", operand, cond) : cond);
        expect_kw(p, KW_THEN);
        exprs_push(p->a, &e->args, expression(p));
    }
    if (accept_kw(p, KW_ELSE))
        exprs_push(p->a, &e->args, expression(p));
    if (!accept_kw(p, KW_END))
        syntax_error(p, e->args.count % 2 ? "END" : "WHEN, ELSE or END");
    leave(p);
    return expr_done(p, e);
}

const struct type *data_type(struct parser *p)
{
    size_t used = 0, end = cur(p)->offset;
    struct place at = here(p);
    struct err err;
    if (p->failed)
        return type_of(TYPE_UNKNOWN);
    const struct type *t = type_read_ddl_front(p->a, str_from(p->text, end), &used, &err);
    end += used;
    while (cur(p)->kind != TOK_END && cur(p)->offset < end)
        advance(p);
    if (!t) {
        at = cur(p)->kind == TOK_END ? at : here(p);
        const char *class =
            err.code == ERR_UNSUPPORTED ? "UNSUPPORTED_FEATURE" : "PARSE_SYNTAX_ERROR";
        if (err.msg[0] == '[')
            fail_at(p, at, err.code, "%s", err.msg);
        else
            fail_at(p, at, err.code, "[%s] %s", class, err.msg);
        return type_of(TYPE_UNKNOWN);
    }
    return t;
}

static struct expr *cast(struct parser *p)
{
    struct expr *e = expr_new(p->a, EXPR_CAST, here(p));
    e->try_cast = is_kw(p, KW_TRY_CAST);
    take(p, 2);
    exprs_push(p->a, &e->args, expression(p));
    expect_kw(p, KW_AS);
    e->type = data_type(p);
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

static struct expr *upper_string(struct parser *p, struct place at)
{
    struct str word = cur(p)->kind == TOK_STRING ? string(p, "a unit") : name(p, "a unit");
    return expr_string(p->a, at, str_upper(p->a, word));
}

static struct expr *extract(struct parser *p)
{
    struct place at = here(p);
    take(p, 2);
    struct expr *unit = upper_string(p, here(p));
    expect_kw(p, KW_FROM);
    struct expr *e = expr_call(p->a, at, "extract", unit, value_expression(p));
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

/* Arguments that may be split by words instead of commas. `words[i]` stands before argument i + 1.
 */
static struct expr *worded(struct parser *p, const char *func, const enum kw *words, size_t count)
{
    struct place at = here(p);
    take(p, 2);
    struct expr *e = expr_call(p->a, at, func, value_expression(p), NULL);
    for (size_t i = 0; i < count && (is_op(p, OP_COMMA) || is_kw(p, words[i])); i++) {
        advance(p);
        exprs_push(p->a, &e->args, value_expression(p));
    }
    while (accept_op(p, OP_COMMA))
        exprs_push(p->a, &e->args, value_expression(p));
    expect_op(p, OP_RPAREN);
    return call_suffixes(p, e);
}

static struct expr *substring(struct parser *p)
{
    static const enum kw words[] = {KW_FROM, KW_FOR};
    return worded(p, "substring", words, COUNT_OF(words));
}

static struct expr *overlay(struct parser *p)
{
    static const enum kw words[] = {KW_PLACING, KW_FROM, KW_FOR};
    return worded(p, "overlay", words, COUNT_OF(words));
}

static struct expr *position(struct parser *p)
{
    static const enum kw words[] = {KW_IN};
    return worded(p, "position", words, COUNT_OF(words));
}

static struct expr *trim(struct parser *p)
{
    struct place at = here(p);
    take(p, 2);
    const char *func = is_kw(p, KW_LEADING) ? "ltrim" : is_kw(p, KW_TRAILING) ? "rtrim" : "trim";
    bool side = is_kw(p, KW_BOTH) || is_kw(p, KW_LEADING) || is_kw(p, KW_TRAILING);
    if (side)
        advance(p);
    struct expr *chars = is_kw(p, KW_FROM) ? NULL : value_expression(p);
    struct expr *e = expr_call(p->a, at, func, chars, NULL);
    if (accept_kw(p, KW_FROM)) {
        exprs_push(p->a, &e->args, value_expression(p));
    } else if (side) {
        syntax_error(p, "FROM");
    }
    while (accept_op(p, OP_COMMA))
        exprs_push(p->a, &e->args, value_expression(p));
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

/* f(unit, a, b), where f also exists as a function of two dates. */
static struct expr *with_unit(struct parser *p, const char *func)
{
    struct place at = here(p);
    take(p, 2);
    struct expr *e = expr_call(p->a, at, func, upper_string(p, here(p)), NULL);
    while (accept_op(p, OP_COMMA))
        exprs_push(p->a, &e->args, expression(p));
    if (e->args.count != 3)
        fail_at(p, at, ERR_INPUT,
                "[WRONG_NUM_ARGS] %s with a unit takes three arguments: unit, and two more", func);
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

/* "(word," with two more arguments: the word is a unit, not a column. */
static bool unit_follows(const struct parser *p)
{
    static const char *const units[] = {"YEAR",        "QUARTER", "MONTH",  "WEEK",   "DAY",
                                        "DAYOFYEAR",   "HOUR",    "MINUTE", "SECOND", "MILLISECOND",
                                        "MICROSECOND", "YEARS",   "MONTHS", "WEEKS",  "DAYS",
                                        "HOURS",       "MINUTES", "SECONDS"};
    size_t close = peek(p, 1)->match;
    if (!peek_op(p, 1, OP_LPAREN) || !peek_op(p, 3, OP_COMMA) || !close)
        return false;
    size_t commas = 0;
    for (size_t i = p->at + 2; i < close; i++) { /* those of this call only */
        if (p->toks[i].op == OP_COMMA)
            commas++;
        else if (p->toks[i].op == OP_LPAREN && p->toks[i].match)
            i = p->toks[i].match;
    }
    struct str word = tok_text(p, peek(p, 2));
    if (peek(p, 2)->kind == TOK_STRING)
        return commas == 2;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (str_ieqz(word, units[i]))
            return commas == 2;
    return false;
}

static struct expr *struct_call(struct parser *p)
{
    struct place at = here(p);
    take(p, 2);
    struct expr *e = expr_call(p->a, at, "struct", NULL, NULL);
    if (!is_op(p, OP_RPAREN)) {
        do
            exprs_push(p->a, &e->args, named_expression(p));
        while (accept_op(p, OP_COMMA));
    }
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

struct expr *special_call(struct parser *p)
{
    bool paren = peek_op(p, 1, OP_LPAREN);
    switch (cur(p)->kw) {
    case KW_CASE:
        return peek_op(p, 1, OP_DOT) || peek_op(p, 1, OP_COMMA) || peek_op(p, 1, OP_RPAREN)
                   ? NULL
                   : case_when(p);
    case KW_CAST:
    case KW_TRY_CAST:
        return paren ? cast(p) : NULL;
    case KW_EXTRACT:
        return paren && peek_kw(p, 3, KW_FROM) ? extract(p) : NULL;
    case KW_SUBSTRING:
    case KW_SUBSTR:
        return paren ? substring(p) : NULL;
    case KW_POSITION:
        return paren ? position(p) : NULL;
    case KW_OVERLAY:
        return paren ? overlay(p) : NULL;
    case KW_TRIM:
        return paren && !peek_op(p, 2, OP_RPAREN) ? trim(p) : NULL;
    case KW_DATEADD:
    case KW_DATE_ADD:
    case KW_TIMESTAMPADD:
        return unit_follows(p) ? with_unit(p, "timestampadd") : NULL;
    case KW_DATEDIFF:
    case KW_DATE_DIFF:
    case KW_TIMEDIFF:
    case KW_TIMESTAMPDIFF:
        return unit_follows(p) ? with_unit(p, "timestampdiff") : NULL;
    case KW_STRUCT:
        return paren ? struct_call(p) : NULL;
    case KW_INTERVAL:
        return interval_literal(p);
    default:
        return NULL;
    }
}
