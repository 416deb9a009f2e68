/* primary.c -- the operands: literals, names, calls, subqueries, lambdas, and what is put behind
 * them (.field, [index], ::type, :path, COLLATE).
 *
 * A name is tried as a keyword with syntax of its own first (CASE, CAST(, DATE '…', INTERVAL 1 DAY)
 * and is a plain name wherever that syntax does not follow: `date`, `interval`, `first` are good
 * columns. Only words that begin a clause cannot start an operand, which is what makes `SELECT a,
 * FROM t` an error at FROM. */
#include "sparksql/parse_int.h"

/* From "(params) ->" or "param ->" on. */
static struct expr *lambda(struct parser *p)
{
    struct expr *e = expr_new(p->a, EXPR_LAMBDA, here(p));
    if (is_op(p, OP_LPAREN)) {
        name_list(p, &e->params, &e->param_count);
    } else {
        e->params = ARENA_NEW(p->a, struct str);
        e->params[0] = name(p, "a parameter");
        e->param_count = 1;
    }
    expect_op(p, OP_ARROW);
    struct lambda_scope scope = {p->lambda, e->params, e->param_count};
    p->lambda = &scope;
    exprs_push(p->a, &e->args, expression(p));
    p->lambda = scope.up;
    return expr_done(p, e);
}

static bool lambda_follows(const struct parser *p)
{
    if (is_name(p))
        return peek_op(p, 1, OP_ARROW);
    if (!is_op(p, OP_LPAREN) || !cur(p)->match)
        return false;
    return p->toks[cur(p)->match + 1].op == OP_ARROW && name_follows(p, 1);
}

static bool is_lambda_param(const struct parser *p, struct str name)
{
    for (const struct lambda_scope *s = p->lambda; s; s = s->up)
        for (size_t i = 0; i < s->count; i++)
            if (str_ieq(s->params[i], name))
                return true;
    return false;
}

static struct expr *field(struct parser *p, struct expr *x, struct str name, struct place at)
{
    struct expr *e = expr_new(p->a, EXPR_FIELD, at);
    exprs_push(p->a, &e->args, x);
    e->field_name = name;
    return expr_done(p, e);
}

/* A dotted name: a column, or the fields of a lambda's parameter. */
static struct expr *column(struct parser *p, struct names n, struct place at)
{
    struct expr *e = expr_new(p->a, EXPR_COLUMN, at);
    e->name = n;
    if (!is_lambda_param(p, n.parts[0]))
        return e;
    e->kind = EXPR_LAMBDA_VAR;
    e->name.count = 1;
    for (size_t i = 1; i < n.count; i++)
        e = field(p, e, n.parts[i], at);
    return e;
}

struct expr *star(struct parser *p, struct names qualifier, struct place at)
{
    struct expr *e = expr_new(p->a, EXPR_STAR, at);
    e->name = qualifier;
    expect_op(p, OP_STAR);
    if (is_kw(p, KW_EXCEPT) && peek_op(p, 1, OP_LPAREN) && !query_follows(p, 2)) {
        take(p, 2);
        do {
            struct place where = here(p);
            struct expr *c = expr_new(p->a, EXPR_COLUMN, where);
            c->name = names(p, "a column name");
            exprs_push(p->a, &e->args, c);
        } while (accept_op(p, OP_COMMA));
        expect_op(p, OP_RPAREN);
    }
    if (is_kw(p, KW_REPLACE) && peek_op(p, 1, OP_LPAREN)) {
        take(p, 2);
        do {
            struct expr *r = named_expression(p);
            if (r->kind != EXPR_ALIAS || r->name.count != 1)
                syntax_error(p, "AS and the column that is replaced");
            exprs_push(p->a, &e->partition, r);
        } while (accept_op(p, OP_COMMA));
        expect_op(p, OP_RPAREN);
    }
    return expr_done(p, e);
}

/* ---- calls ---- */

static struct expr *argument(struct parser *p)
{
    if (lambda_follows(p))
        return lambda(p);
    if (is_op(p, OP_STAR))
        return star(p, (struct names){0}, here(p));
    if (is_name(p) && peek_op(p, 1, OP_FAT_ARROW)) {
        struct expr *e = expr_new(p->a, EXPR_NAMED_ARG, here(p));
        e->field_name = name(p, "an argument name");
        advance(p);
        exprs_push(p->a, &e->args, argument(p));
        return expr_done(p, e);
    }
    if (is_kw(p, KW_TABLE) && (peek_op(p, 1, OP_LPAREN) || name_follows(p, 1))) {
        struct expr *e = expr_new(p->a, EXPR_SUBQUERY, here(p));
        advance(p);
        bool paren = accept_op(p, OP_LPAREN);
        e->sub = paren && query_follows(p, 0) ? query(p) : table_name(p);
        if (paren)
            expect_op(p, OP_RPAREN);
        if (is_kw(p, KW_PARTITION) || is_kw(p, KW_DISTRIBUTE) || is_kw(p, KW_ORDER) ||
            is_kw(p, KW_WITH))
            refuse(p, here(p), "PARTITION BY and ORDER BY of a table argument", NULL);
        return expr_done(p, e);
    }
    if (query_follows(p, 0) && !is_op(p, OP_LPAREN)) { /* f(SELECT …) */
        struct expr *e = expr_new(p->a, EXPR_SUBQUERY, here(p));
        e->sub = query(p);
        return expr_done(p, e);
    }
    return expression(p);
}

static bool nulls_treatment(struct parser *p, bool *ignore)
{
    bool found = is_kw(p, KW_IGNORE) || is_kw(p, KW_RESPECT);
    if (!found || !peek_kw(p, 1, KW_NULLS))
        return false;
    *ignore = is_kw(p, KW_IGNORE);
    take(p, 2);
    return true;
}

void call_args(struct parser *p, struct exprs *args, bool *ignore_nulls)
{
    if (accept_op(p, OP_RPAREN))
        return;
    if (!enter(p))
        return;
    do
        exprs_push(p->a, args, argument(p));
    while (accept_op(p, OP_COMMA));
    leave(p);
    (void)nulls_treatment(p, ignore_nulls); /* FIRST(x IGNORE NULLS) */
    expect_op(p, OP_RPAREN);
}

struct expr *call_suffixes(struct parser *p, struct expr *e)
{
    if (is_kw(p, KW_WITHIN) && peek_kw(p, 1, KW_GROUP)) {
        take(p, 2);
        expect_op(p, OP_LPAREN);
        expect_kw(p, KW_ORDER);
        expect_kw(p, KW_BY);
        sort_list(p, &e->order);
        expect_op(p, OP_RPAREN);
    }
    if (is_kw(p, KW_FILTER) && peek_op(p, 1, OP_LPAREN) && peek_kw(p, 2, KW_WHERE)) {
        take(p, 3);
        e->filter = expression(p);
        expect_op(p, OP_RPAREN);
    }
    (void)nulls_treatment(p, &e->ignore_nulls);
    expr_done(p, e);
    return is_kw(p, KW_OVER) && (peek_op(p, 1, OP_LPAREN) || name_follows(p, 1)) ? over(p, e) : e;
}

struct expr *function_call(struct parser *p, struct place at, struct str func)
{
    struct expr *e = expr_new(p->a, EXPR_CALL, at);
    e->func = str_lower(p->a, func);
    expect_op(p, OP_LPAREN);
    if (is_kw(p, KW_DISTINCT) && !peek_op(p, 1, OP_COMMA) && !peek_op(p, 1, OP_RPAREN) &&
        !peek_op(p, 1, OP_DOT)) {
        e->distinct = true;
        advance(p);
    } else if (is_kw(p, KW_ALL) && !peek_op(p, 1, OP_COMMA) && !peek_op(p, 1, OP_RPAREN) &&
               !peek_op(p, 1, OP_DOT)) {
        advance(p);
    }
    if (is_op(p, OP_STAR) && peek_op(p, 1, OP_RPAREN) && str_eqz(e->func, "count")) {
        e->star_arg = true;
        advance(p);
    }
    call_args(p, &e->args, &e->ignore_nulls);
    return call_suffixes(p, e);
}

static struct str dotted(struct parser *p, struct names n)
{
    struct buf b;
    if (n.count == 1)
        return n.parts[0];
    buf_init(&b);
    for (size_t i = 0; i < n.count; i++) {
        if (i)
            buf_char(&b, '.');
        buf_str(&b, n.parts[i]);
    }
    struct str s = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return s;
}

/* Functions that Spark calls without parentheses, unless a qualifier makes them a column. */
static bool is_niladic(enum kw kw)
{
    return kw == KW_CURRENT_DATE || kw == KW_CURRENT_TIMESTAMP || kw == KW_CURRENT_TIME ||
           kw == KW_CURRENT_USER || kw == KW_SESSION_USER || kw == KW_LOCALTIMESTAMP;
}

struct expr *primary_name(struct parser *p)
{
    struct place at = here(p);
    enum kw kw = (enum kw)cur(p)->kw;
    bool quoted = cur(p)->kind == TOK_QUOTED;
    struct names n = names(p, "an expression");
    if (is_op(p, OP_LPAREN))
        return function_call(p, at, dotted(p, n));
    if (is_op(p, OP_DOT) && peek_op(p, 1, OP_STAR)) {
        advance(p);
        return star(p, n, at);
    }
    if (n.count == 1 && !quoted && is_niladic(kw) && !is_lambda_param(p, n.parts[0])) {
        struct expr *e = expr_new(p->a, EXPR_CALL, at);
        e->func = str_lower(p->a, n.parts[0]);
        return e;
    }
    return column(p, n, at);
}

/* ---- parentheses ---- */

/* "(a, b)": a row, which is struct(a, b) with a mark (field_name) that it was written as one. */
static struct expr *row(struct parser *p, struct expr *first, struct place at)
{
    struct expr *e = expr_call(p->a, at, "struct", first, NULL);
    e->field_name = STR("row");
    while (accept_op(p, OP_COMMA))
        exprs_push(p->a, &e->args, named_expression(p));
    expect_op(p, OP_RPAREN);
    return expr_done(p, e);
}

static struct expr *parenthesized(struct parser *p)
{
    struct place at = here(p);
    if (query_follows(p, 1))
        return subquery(p, EXPR_SUBQUERY, at);
    advance(p);
    struct expr *e = named_expression(p);
    if (is_op(p, OP_COMMA))
        return row(p, e, at);
    if (e->kind == EXPR_ALIAS)
        syntax_error(p, "','");
    expect_op(p, OP_RPAREN);
    if (e->kind == EXPR_CALL && str_eqz(e->func, "concat"))
        e->func = str_copy(p->a, e->func); /* a || (b || c) stays as written */
    return e;
}

static struct expr *parameter(struct parser *p)
{
    struct expr *e = expr_new(p->a, EXPR_PARAM, here(p));
    if (accept_op(p, OP_QUESTION))
        return e;
    advance(p); /* : */
    e->name.parts = ARENA_NEW(p->a, struct str);
    e->name.parts[0] = name(p, "a parameter name behind ':'");
    e->name.count = 1;
    return e;
}

/* ---- behind an operand ---- */

static struct expr *cast_suffix(struct parser *p, struct expr *x, bool try)
{
    struct expr *e = expr_new(p->a, EXPR_CAST, x->at);
    exprs_push(p->a, &e->args, x);
    e->try_cast = try;
    e->type = data_type(p);
    return expr_done(p, e);
}

/* v:a.b[0]['k']: the text of the path as written. */
static struct expr *path(struct parser *p, struct expr *x)
{
    struct expr *e = expr_new(p->a, EXPR_PATH, x->at);
    exprs_push(p->a, &e->args, x);
    advance(p); /* : */
    size_t from = p->at;
    if (!is_op(p, OP_LBRACKET))
        (void)name(p, "a path behind ':'");
    for (;;) {
        if (is_op(p, OP_DOT) && name_follows(p, 1)) {
            take(p, 2);
        } else if (is_op(p, OP_LBRACKET) &&
                   (peek(p, 1)->kind == TOK_INT || peek(p, 1)->kind == TOK_STRING ||
                    peek_op(p, 1, OP_STAR))) {
            take(p, 2);
            expect_op(p, OP_RBRACKET);
        } else {
            break;
        }
    }
    e->field_name = text_since(p, from);
    return expr_done(p, e);
}

static struct expr *element(struct parser *p, struct expr *x)
{
    struct expr *e = expr_new(p->a, EXPR_ELEMENT, x->at);
    advance(p); /* [ */
    exprs_push(p->a, &e->args, x);
    exprs_push(p->a, &e->args, value_expression(p));
    expect_op(p, OP_RBRACKET);
    return expr_done(p, e);
}

static struct expr *collate(struct parser *p, struct expr *x)
{
    struct place at = here(p);
    advance(p);
    struct names n = names(p, "a collation");
    return call(p, at, "collate", x, expr_string(p->a, at, dotted(p, n)));
}

static struct expr *suffixes(struct parser *p, struct expr *e)
{
    for (;;) {
        if (is_op(p, OP_DOT) && name_follows(p, 1)) {
            advance(p);
            struct place at = here(p);
            e = field(p, e, name(p, "a field name"), at);
        } else if (is_op(p, OP_LBRACKET)) {
            e = element(p, e);
        } else if (accept_op(p, OP_CAST)) {
            e = cast_suffix(p, e, false);
        } else if (is_op(p, OP_QUESTION) && peek_op(p, 1, OP_CAST)) {
            take(p, 2);
            e = cast_suffix(p, e, true);
        } else if (is_op(p, OP_COLON)) {
            e = path(p, e);
        } else if (is_kw(p, KW_COLLATE)) {
            e = collate(p, e);
        } else {
            return e;
        }
    }
}

/* Can `t` stand behind a whole operand: an operator, the end, a word that begins a clause? */
bool operand_ends(const struct parser *p, const struct tok *t)
{
    if (t->kind != TOK_WORD)
        return t->kind == TOK_END || t->op != OP_NONE;
    uint8_t flags = keyword_flags[t->kw];
    if (flags & KWF_BY)
        return peek_kw(p, 2, KW_BY);
    return (flags & (KWF_CLAUSE | KWF_OPERAND)) || t->kw == KW_ASC || t->kw == KW_DESC || t->kw == KW_NULLS || t->kw == KW_DIV;
}

/* Words that begin a clause or join two operands are operands themselves only where one ends
 * behind them: `ORDER BY full`, `SELECT left, right FROM t`, but no `SELECT a, FROM t`. */
static bool is_operand_word(const struct parser *p)
{
    if (cur(p)->kind == TOK_QUOTED)
        return true;
    uint8_t flags = keyword_flags[cur(p)->kw];
    const struct tok *next = peek(p, 1);
    if (flags & KWF_BY)
        return next->kw != KW_BY;
    if (flags & KWF_OPERAND)
        return next->kind != TOK_INT && next->op != OP_COLON;
    return !(flags & (KWF_RESERVED | KWF_NO_OPERAND)) || operand_ends(p, next);
}

static struct expr *operand(struct parser *p)
{
    struct expr *e = literal(p);
    if (e)
        return e;
    if (cur(p)->kind == TOK_WORD && (e = special_call(p)))
        return e;
    if (is_op(p, OP_LPAREN))
        return parenthesized(p);
    if (is_op(p, OP_STAR))
        return star(p, (struct names){0}, here(p));
    if (is_op(p, OP_COLON) || is_op(p, OP_QUESTION))
        return parameter(p);
    if (is_name(p) && is_operand_word(p))
        return primary_name(p);
    syntax_error(p, "an expression");
    return expr_new(p->a, EXPR_STAR, here(p));
}

struct expr *primary(struct parser *p)
{
    struct expr *e = operand(p);
    return e->kind == EXPR_STAR ? e : suffixes(p, e);
}
