/* expr.c -- operators and predicates.
 *
 * Precedence is that of Spark's grammar, loosest first:
 *     OR; AND; NOT !; one predicate (BETWEEN, IN, LIKE …, IS …) behind a value;
 *     = <=> <> < <= > >=; |; ^; &; << >> >>>; + - ||; * / % DIV; unary - + ~; postfix.
 * So `a = b IS NULL` is (a = b) IS NULL, and predicates do not chain.
 *
 * Runs of AND and of OR become balanced trees, and a run of || one concat() call: they are
 * associative, and generated SQL has thousands of them. Other runs lean left and count as depth. */
#include "sparksql/parse_int.h"

struct expr *expr_done(struct parser *p, struct expr *e)
{
    e->height = expr_measure(e);
    if (e->height > PLAN_MAX_DEPTH)
        fail_at(p, e->at, ERR_LIMIT, "[PARSE_DEPTH] the expression is nested deeper than %d levels",
                PLAN_MAX_DEPTH);
    return e;
}

struct expr *call(struct parser *p, struct place at, const char *func, struct expr *x,
                  struct expr *y)
{
    return expr_done(p, expr_call(p->a, at, func, x, y));
}

struct expr *negated(struct parser *p, bool no, struct expr *e)
{
    return no ? call(p, e->at, "not", e, NULL) : e;
}

bool is_constant(const struct expr *e)
{
    if (e->kind == EXPR_COLUMN || e->kind == EXPR_STAR)
        return false;
    for (size_t i = 0; i < e->args.count; i++)
        if (!is_constant(e->args.items[i]))
            return false;
    return true;
}

struct expr *subquery(struct parser *p, enum expr_kind kind, struct place at)
{
    struct expr *e = expr_new(p->a, kind, at);
    const struct lambda_scope *lambda = p->lambda;
    p->lambda = NULL;
    expect_op(p, OP_LPAREN);
    e->sub = query(p);
    expect_op(p, OP_RPAREN);
    p->lambda = lambda;
    return expr_done(p, e);
}

/* items[0..count) joined by an associative operator into a tree of logarithmic height. */
static struct expr *balanced(struct parser *p, const char *func, struct expr **items, size_t count)
{
    if (count == 1)
        return items[0];
    size_t half = count / 2;
    struct expr *left = balanced(p, func, items, count - half);
    struct expr *right = balanced(p, func, items + count - half, half);
    return call(p, left->at, func, left, right);
}

/* ---- values ---- */

static const struct binary {
    uint8_t level; /* 0: no binary operator; higher binds tighter */
    const char *func;
} binaries[] = {
    [OP_EQ] = {1, "=="},
    [OP_NSEQ] = {1, "<=>"},
    [OP_NE] = {1, "!="},
    [OP_LT] = {1, "<"},
    [OP_LE] = {1, "<="},
    [OP_GT] = {1, ">"},
    [OP_GE] = {1, ">="},
    [OP_PIPE] = {2, "|"},
    [OP_HAT] = {3, "^"},
    [OP_AMP] = {4, "&"},
    [OP_SHL] = {5, "shiftleft"},
    [OP_SHR] = {5, "shiftright"},
    [OP_USHR] = {5, "shiftrightunsigned"},
    [OP_PLUS] = {6, "+"},
    [OP_MINUS] = {6, "-"},
    [OP_CONCAT] = {6, "concat"},
    [OP_STAR] = {7, "*"},
    [OP_SLASH] = {7, "/"},
    [OP_PERCENT] = {7, "%"},
    [OP_BANG] = {0, NULL},
};
static const struct binary div_binary = {7, "div"};

static const struct binary *binary_here(const struct parser *p)
{
    static const struct binary none;
    const struct tok *t = cur(p);
    if (t->kw == KW_DIV)
        return &div_binary;
    return t->op < COUNT_OF(binaries) ? &binaries[t->op] : &none;
}

/* A minus or plus before a number belongs to the number (primary() reads it), so that the smallest
 * bigint can be written. */
static bool is_number(const struct tok *t)
{
    return t->kind >= TOK_INT && t->kind <= TOK_BIGDEC;
}

static struct expr *unary(struct parser *p)
{
    static const struct {
        enum op op;
        const char *func;
    } unaries[] = {{OP_MINUS, "negative"}, {OP_PLUS, "positive"}, {OP_TILDE, "~"}};
    struct place at = here(p);
    for (size_t i = 0; i < COUNT_OF(unaries); i++) {
        if (!is_op(p, unaries[i].op) || (is_op(p, OP_MINUS) && is_number(peek(p, 1))))
            continue;
        advance(p);
        if (!enter(p))
            break;
        struct expr *e = call(p, at, unaries[i].func, unary(p), NULL);
        leave(p);
        return e;
    }
    return primary(p);
}

static struct expr *binary(struct parser *p, int level)
{
    struct expr *left = unary(p);
    for (;;) {
        const struct binary *b = binary_here(p);
        if (b->level < level || b->level == 0)
            return left;
        bool concat = is_op(p, OP_CONCAT);
        struct place at = here(p);
        advance(p);
        struct expr *right = binary(p, b->level + 1);
        if (concat && left->kind == EXPR_CALL && left->func.ptr == b->func) {
            exprs_push(p->a, &left->args, right); /* the run's own call: told by its very name */
            if (right->height >= left->height)
                expr_done(p, left);
        } else {
            left = call(p, at, b->func, left, right);
        }
    }
}

struct expr *value_expression(struct parser *p)
{
    return binary(p, 1);
}

/* ---- predicates ---- */

static struct expr *between(struct parser *p, struct expr *x, struct place at)
{
    struct expr *e = expr_call(p->a, at, "between", x, value_expression(p));
    expect_kw(p, KW_AND);
    exprs_push(p->a, &e->args, value_expression(p));
    return expr_done(p, e);
}

/* What IN's left side is: the elements of a written row, else the value itself. */
static void row_elements(struct parser *p, struct expr *x, struct exprs *out)
{
    if (x->kind == EXPR_CALL && x->star_arg == false && str_eqz(x->func, "struct") &&
        x->field_name.len) {
        for (size_t i = 0; i < x->args.count; i++)
            exprs_push(p->a, out, x->args.items[i]);
        return;
    }
    exprs_push(p->a, out, x);
}

static struct expr *in(struct parser *p, struct expr *x, struct place at)
{
    if (is_op(p, OP_LPAREN) && query_follows(p, 1)) {
        struct expr *e = subquery(p, EXPR_IN_SUBQUERY, at);
        row_elements(p, x, &e->args);
        return expr_done(p, e);
    }
    struct expr *e = expr_call(p->a, at, "in", x, NULL);
    exprs_list(p, &e->args);
    return expr_done(p, e);
}

/* LIKE ANY ('a', 'b') is LIKE 'a' OR LIKE 'b'; ALL joins with AND, and NOT goes inside. */
static struct expr *like_many(struct parser *p, struct expr *x, const char *func, bool no,
                              struct place at)
{
    bool all = is_kw(p, KW_ALL);
    struct exprs patterns = {0};
    advance(p);
    exprs_list(p, &patterns);
    for (size_t i = 0; i < patterns.count; i++)
        patterns.items[i] = negated(p, no, call(p, at, func, x, patterns.items[i]));
    return balanced(p, all ? "and" : "or", patterns.items, patterns.count);
}

static struct expr *like(struct parser *p, struct expr *x, const char *func, bool no,
                         struct place at)
{
    bool many =
        (is_kw(p, KW_ANY) || is_kw(p, KW_SOME) || is_kw(p, KW_ALL)) && peek_op(p, 1, OP_LPAREN);
    if (many && func[0] != 'r')
        return like_many(p, x, func, no, at);
    struct expr *e = expr_call(p->a, at, func, x, value_expression(p));
    if (func[0] != 'r' && accept_kw(p, KW_ESCAPE)) {
        struct place where = here(p);
        struct str escape = string(p, "the escape character as a string");
        size_t chars = 0;
        for (size_t i = 0; i < escape.len; i++)
            chars += ((unsigned char)escape.ptr[i] & 0xC0) != 0x80;
        if (chars != 1)
            fail_at(p, where, ERR_INPUT, "[INVALID_ESCAPE_CHAR] ESCAPE takes one character");
        exprs_push(p->a, &e->args, expr_string(p->a, where, escape));
    }
    return negated(p, no, expr_done(p, e));
}

static struct expr *is_predicate(struct parser *p, struct expr *x, struct place at)
{
    bool no = accept_kw(p, KW_NOT);
    if (accept_kw(p, KW_NULL))
        return call(p, at, no ? "isnotnull" : "isnull", x, NULL);
    if (accept_kw(p, KW_UNKNOWN))
        return call(p, at, no ? "isnotnull" : "isnull", x, NULL);
    if (accept_kws(p, KW_DISTINCT, KW_FROM))
        return negated(p, !no, call(p, at, "<=>", x, value_expression(p)));
    if (!is_kw(p, KW_TRUE) && !is_kw(p, KW_FALSE)) {
        syntax_error(p, no ? "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM"
                           : "NULL, NOT, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
        return x;
    }
    struct expr *truth = literal(p);
    return negated(p, no, call(p, at, "<=>", x, truth));
}

static struct expr *predicate(struct parser *p)
{
    struct expr *x = value_expression(p);
    struct place at = here(p);
    bool no = is_kw(p, KW_NOT), bang = is_op(p, OP_BANG);
    const struct tok *t = no || bang ? peek(p, 1) : cur(p);
    if (bang && (t->kw == KW_BETWEEN || t->kw == KW_IN || t->kw == KW_LIKE || t->kw == KW_ILIKE ||
                 t->kw == KW_RLIKE || t->kw == KW_REGEXP))
        fail_at(p, at, ERR_INPUT,
                "[SYNTAX_DISCONTINUED.BANG_EQUALS_NOT] '!' does not stand for NOT here: write NOT");
    if (bang)
        return x;
    switch (t->kw) {
    case KW_BETWEEN:
        take(p, no ? 2 : 1);
        return negated(p, no, between(p, x, at));
    case KW_IN:
        take(p, no ? 2 : 1);
        return negated(p, no, in(p, x, at));
    case KW_LIKE:
    case KW_ILIKE:
    case KW_RLIKE:
    case KW_REGEXP:
        take(p, no ? 2 : 1);
        return like(p, x,
                    t->kw == KW_LIKE    ? "like"
                    : t->kw == KW_ILIKE ? "ilike"
                                        : "rlike",
                    no, at);
    case KW_IS:
        if (no)
            return x;
        advance(p);
        return is_predicate(p, x, at);
    default:
        return x;
    }
}

/* ---- connectives ---- */

static struct expr *negation(struct parser *p)
{
    struct place at = here(p);
    if (is_kw(p, KW_EXISTS) && peek_op(p, 1, OP_LPAREN) && query_follows(p, 2)) {
        advance(p);
        return subquery(p, EXPR_EXISTS, at);
    }
    /* `not` alone may be a column, but nobody has one. */
    if (!is_kw(p, KW_NOT) && !is_op(p, OP_BANG))
        return predicate(p);
    advance(p);
    if (!enter(p))
        return expr_new(p->a, EXPR_STAR, at);
    struct expr *e = call(p, at, "not", negation(p), NULL);
    leave(p);
    return e;
}

static struct expr *conjunction(struct parser *p)
{
    struct expr *first = negation(p);
    struct exprs run = {0};
    if (!is_kw(p, KW_AND))
        return first;
    exprs_push(p->a, &run, first);
    while (accept_kw(p, KW_AND))
        exprs_push(p->a, &run, negation(p));
    return balanced(p, "and", run.items, run.count);
}

struct expr *expression(struct parser *p)
{
    struct exprs run = {0};
    struct place at = here(p);
    if (!enter(p))
        return expr_new(p->a, EXPR_STAR, at);
    struct expr *first = conjunction(p);
    if (is_kw(p, KW_OR)) {
        exprs_push(p->a, &run, first);
        while (accept_kw(p, KW_OR))
            exprs_push(p->a, &run, conjunction(p));
        first = balanced(p, "or", run.items, run.count);
    }
    leave(p);
    return first;
}

/* ---- lists of expressions ---- */

static void alias_names(struct parser *p, struct expr *e)
{
    if (is_op(p, OP_LPAREN)) {
        name_list(p, &e->name.parts, &e->name.count);
        return;
    }
    e->name.parts = ARENA_NEW(p->a, struct str);
    e->name.parts[0] = name(p, "an alias");
    e->name.count = 1;
}

struct expr *named_expression(struct parser *p)
{
    struct expr *value = expression(p);
    bool as = accept_kw(p, KW_AS);
    if (!as && !alias_follows(p) && !(is_op(p, OP_LPAREN) && value->kind == EXPR_CALL))
        return value;
    struct expr *e = expr_new(p->a, EXPR_ALIAS, value->at);
    exprs_push(p->a, &e->args, value);
    alias_names(p, e);
    return expr_done(p, e);
}

struct expr *sort_item(struct parser *p)
{
    struct expr *value = expression(p);
    struct expr *e = expr_new(p->a, EXPR_SORT, value->at);
    exprs_push(p->a, &e->args, value);
    e->descending = accept_kw(p, KW_DESC);
    if (!e->descending)
        (void)accept_kw(p, KW_ASC);
    e->nulls_first = !e->descending;
    if (accept_kw(p, KW_NULLS)) {
        e->nulls_first = is_kw(p, KW_FIRST);
        if (!accept_kw(p, KW_FIRST) && !accept_kw(p, KW_LAST))
            syntax_error(p, "FIRST or LAST");
    }
    return expr_done(p, e);
}

void sort_list(struct parser *p, struct exprs *out)
{
    do
        exprs_push(p->a, out, sort_item(p));
    while (accept_op(p, OP_COMMA));
}
