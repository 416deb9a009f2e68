/* from.c -- FROM: relations and joins.
 *
 * Joins lean left: FROM a, b JOIN c is ((a, b) JOIN c) in Spark only as far as commas allow, which
 * bind looser: a comma joins whole join chains. A derived table always stands under a REL_ALIAS,
 * with an empty name if it was given none: names inside it are not visible outside. */
#include "sparksql/parse_int.h"

static struct rel *relation(struct parser *p);

struct rel *table_alias(struct parser *p, struct rel *r, bool needed)
{
    bool as = accept_kw(p, KW_AS);
    if (!as && !needed && !alias_follows(p))
        return r;
    struct rel *a = rel_new(p->a, REL_ALIAS, r->at);
    a->input = r;
    if (as || alias_follows(p))
        a->alias = name(p, "an alias");
    if (is_op(p, OP_LPAREN) && a->alias.len)
        name_list(p, &a->columns, &a->column_count);
    return rel_done(p, a);
}

/* VALUES (1, 'a'), (2, 'b') [AS t(x, y)]; a bare value is a row of one. */
struct rel *inline_table(struct parser *p)
{
    struct rel *r = rel_new(p->a, REL_VALUES, here(p));
    size_t cap = 0;
    advance(p);
    do {
        struct exprs row = {0};
        struct expr *e = expression(p);
        if (e->kind == EXPR_CALL && e->field_name.len && str_eqz(e->func, "struct"))
            row = e->args;
        else
            exprs_push(p->a, &row, e);
        if (r->row_count && row.count != r->rows[0].count)
            fail_at(p, e->at, ERR_INPUT,
                    "[INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH] a row of VALUES has %zu columns, "
                    "the first one has %zu",
                    row.count, r->rows[0].count);
        r->rows = arena_grow(p->a, r->rows, &cap, r->row_count + 1, sizeof *r->rows);
        r->rows[r->row_count++] = row;
    } while (accept_op(p, OP_COMMA));
    r->column_count = r->rows[0].count;
    r->columns = ARENA_ARRAY(p->a, struct str, r->column_count);
    for (size_t i = 0; i < r->column_count; i++)
        r->columns[i] = str_fmt(p->a, "col%zu", i + 1);
    return table_alias(p, rel_done(p, r), false);
}

/* [INNER | CROSS | LEFT [OUTER|SEMI|ANTI] | RIGHT [OUTER] | FULL [OUTER] | SEMI | ANTI] JOIN: its
 * type, taken. */
static bool join_words(struct parser *p, enum join_type *type, bool *natural)
{
    static const struct {
        enum kw first, second;
        enum join_type type;
    } forms[] = {{KW_INNER, KW_NONE, JOIN_INNER},  {KW_CROSS, KW_NONE, JOIN_CROSS},
                 {KW_LEFT, KW_SEMI, JOIN_SEMI},    {KW_LEFT, KW_ANTI, JOIN_ANTI},
                 {KW_LEFT, KW_OUTER, JOIN_LEFT},   {KW_LEFT, KW_NONE, JOIN_LEFT},
                 {KW_RIGHT, KW_OUTER, JOIN_RIGHT}, {KW_RIGHT, KW_NONE, JOIN_RIGHT},
                 {KW_FULL, KW_OUTER, JOIN_FULL},   {KW_FULL, KW_NONE, JOIN_FULL},
                 {KW_SEMI, KW_NONE, JOIN_SEMI},    {KW_ANTI, KW_NONE, JOIN_ANTI}};
    size_t n = is_kw(p, KW_NATURAL);
    *natural = n;
    *type = JOIN_INNER;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (!peek_kw(p, n, forms[i].first) ||
            (forms[i].second && !peek_kw(p, n + 1, forms[i].second)))
            continue;
        *type = forms[i].type;
        n += forms[i].second ? 2 : 1;
        break;
    }
    if (!peek_kw(p, n, KW_JOIN))
        return false;
    take(p, n + 1);
    return true;
}

static void join_condition(struct parser *p, struct rel *r)
{
    if (accept_kw(p, KW_ON))
        r->cond = expression(p);
    else if (is_kw(p, KW_USING) && peek_op(p, 1, OP_LPAREN)) {
        advance(p);
        name_list(p, &r->columns, &r->column_count);
    }
}

static struct rel *join_extension(struct parser *p, struct rel *left, bool *more)
{
    struct place at = here(p);
    enum join_type type;
    bool natural;
    *more = join_words(p, &type, &natural);
    if (!*more) {
        if (is_kw(p, KW_NATURAL) || is_kw(p, KW_CROSS) || is_kw(p, KW_INNER) || is_kw(p, KW_FULL)) {
            advance(p);
            syntax_error(p, "JOIN");
        }
        return left;
    }
    struct rel *r = rel_new(p->a, REL_JOIN, at);
    if (natural && type == JOIN_CROSS)
        fail_at(p, at, ERR_INPUT, "[INCOMPATIBLE_JOIN_TYPES] a join is NATURAL or CROSS, not both");
    r->join = type;
    r->natural = natural;
    r->lateral = accept_kw(p, KW_LATERAL);
    r->input = left;
    r->right = relation_primary(p);
    if (!natural)
        join_condition(p, r);
    if (is_word(p, "NEAREST") || is_word(p, "APPROX") || is_word(p, "EXACT"))
        refuse(p, here(p), "NEAREST join", NULL);
    return rel_done(p, r);
}

static struct rel *relation_extensions(struct parser *p, struct rel *r)
{
    bool more = true;
    while (more) {
        if (is_kw(p, KW_PIVOT) && peek_op(p, 1, OP_LPAREN))
            r = pivot(p, r);
        else if (is_kw(p, KW_UNPIVOT))
            r = unpivot(p, r);
        else
            r = join_extension(p, r, &more);
    }
    return r;
}

static struct rel *relation(struct parser *p)
{
    if (!enter(p))
        return rel_new(p->a, REL_ONE_ROW, here(p));
    struct rel *r = relation_extensions(p, relation_primary(p));
    leave(p);
    return r;
}

struct rel *from_clause(struct parser *p)
{
    /* FROM LATERAL f(x): nothing is to its left, so it means nothing. */
    (void)accept_kw(p, KW_LATERAL);
    struct rel *left = relation(p);
    while (is_op(p, OP_COMMA)) {
        struct rel *r = rel_new(p->a, REL_JOIN, here(p));
        advance(p);
        r->join = JOIN_CROSS;
        r->lateral = accept_kw(p, KW_LATERAL);
        r->input = left;
        r->right = relation(p);
        left = rel_done(p, r);
    }
    while (is_kw(p, KW_PIVOT) && peek_op(p, 1, OP_LPAREN))
        left = pivot(p, left);
    return left;
}

/* ---- PIVOT ---- */

/* One column, or "(a, b)" as struct(a, b). */
static struct expr *column_or_row(struct parser *p)
{
    struct place at = here(p);
    if (!is_op(p, OP_LPAREN))
        return value_expression(p);
    struct exprs list = {0};
    exprs_list(p, &list);
    if (list.count == 1)
        return list.items[0];
    struct expr *e = expr_call(p->a, at, "struct", NULL, NULL);
    e->args = list;
    return expr_done(p, e);
}

/* PIVOT (aggregate [AS a], … FOR column IN (value [AS b], …)). */
struct rel *pivot(struct parser *p, struct rel *input)
{
    struct rel *r = rel_new(p->a, REL_PIVOT, here(p));
    take(p, 2);
    r->input = input;
    do {
        struct expr *value = expression(p);
        if (accept_kw(p, KW_AS) || (is_name(p) && !is_kw(p, KW_FOR))) {
            struct expr *alias = expr_new(p->a, EXPR_ALIAS, value->at);
            struct str n = name(p, "an alias");
            exprs_push(p->a, &alias->args, value);
            alias->name = (struct names){arena_copy(p->a, &n, sizeof n), 1};
            value = expr_done(p, alias);
        }
        exprs_push(p->a, &r->exprs, value);
    } while (accept_op(p, OP_COMMA));
    expect_kw(p, KW_FOR);
    r->cond = column_or_row(p);
    expect_kw(p, KW_IN);
    expect_op(p, OP_LPAREN);
    do
        exprs_push(p->a, &r->args, named_expression(p));
    while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    expect_op(p, OP_RPAREN);
    return table_alias(p, rel_done(p, r), false);
}

/* UNPIVOT [INCLUDE|EXCLUDE NULLS] (v FOR n IN (a [AS 'x'], …)), or with several value columns
 * ((v, w) FOR n IN ((a, b) AS 'x', …)). */
struct rel *unpivot(struct parser *p, struct rel *input)
{
    struct rel *r = rel_new(p->a, REL_UNPIVOT, here(p));
    advance(p);
    r->input = input;
    if (accept_kws(p, KW_INCLUDE, KW_NULLS))
        r->outer = true;
    else
        (void)accept_kws(p, KW_EXCLUDE, KW_NULLS);
    expect_op(p, OP_LPAREN);
    if (is_op(p, OP_LPAREN)) {
        name_list(p, &r->columns, &r->column_count);
    } else {
        r->columns = ARENA_NEW(p->a, struct str);
        r->columns[r->column_count++] = name(p, "a value column");
    }
    expect_kw(p, KW_FOR);
    r->text = name(p, "a name column");
    expect_kw(p, KW_IN);
    expect_op(p, OP_LPAREN);
    do {
        struct expr *value = column_or_row(p);
        bool as = accept_kw(p, KW_AS);
        if (as || is_name(p) || cur(p)->kind == TOK_STRING) {
            struct expr *alias = expr_new(p->a, EXPR_ALIAS, value->at);
            struct str n = cur(p)->kind == TOK_STRING ? string(p, "an alias") : name(p, "an alias");
            exprs_push(p->a, &alias->args, value);
            alias->name = (struct names){arena_copy(p->a, &n, sizeof n), 1};
            value = expr_done(p, alias);
        }
        exprs_push(p->a, &r->exprs, value);
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    expect_op(p, OP_RPAREN);
    return table_alias(p, rel_done(p, r), false);
}
