/* window.c -- OVER (…), OVER name and the WINDOW clause.
 *
 * A named window may be used before it is defined, since the clause stands at the end: the use is
 * noted in parser.windows and filled when the clause is read. query() refuses what is left over. */
#include "sparksql/parse_int.h"

/* UNBOUNDED PRECEDING, CURRENT ROW, expr PRECEDING … */
static enum frame_edge frame_edge(struct parser *p, struct expr **value, bool from)
{
    if (accept_kw(p, KW_CURRENT)) {
        expect_kw(p, KW_ROW);
        return EDGE_CURRENT;
    }
    if (is_kw(p, KW_UNBOUNDED) && (peek_kw(p, 1, KW_PRECEDING) || peek_kw(p, 1, KW_FOLLOWING))) {
        if (peek_kw(p, 1, KW_PRECEDING) != from) {
            advance(p);
            syntax_error(p, from ? "PRECEDING" : "FOLLOWING");
        }
        take(p, 2);
        return EDGE_UNBOUNDED;
    }
    struct place at = here(p);
    *value = value_expression(p);
    if (!is_constant(*value))
        fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] a bound of a window frame is a constant");
    if (accept_kw(p, KW_PRECEDING))
        return EDGE_PRECEDING;
    expect_kw(p, KW_FOLLOWING);
    return EDGE_FOLLOWING;
}

static void frame(struct parser *p, struct frame *f)
{
    f->type = is_kw(p, KW_ROWS) ? FRAME_ROWS : FRAME_RANGE;
    advance(p);
    if (accept_kw(p, KW_BETWEEN)) {
        f->from = frame_edge(p, &f->from_value, true);
        expect_kw(p, KW_AND);
        f->to = frame_edge(p, &f->to_value, false);
        return;
    }
    f->from = frame_edge(p, &f->from_value, true);
    f->to = EDGE_CURRENT;
}

static void comma_list(struct parser *p, struct exprs *out)
{
    do
        exprs_push(p->a, out, expression(p));
    while (accept_op(p, OP_COMMA));
}

/* From '(' on. CLUSTER BY is PARTITION BY there, DISTRIBUTE BY and SORT BY the two halves. */
static void specification(struct parser *p, struct expr *e)
{
    expect_op(p, OP_LPAREN);
    if (accept_kws(p, KW_PARTITION, KW_BY) || accept_kws(p, KW_DISTRIBUTE, KW_BY) ||
        accept_kws(p, KW_CLUSTER, KW_BY))
        comma_list(p, &e->partition);
    if (accept_kws(p, KW_ORDER, KW_BY) || accept_kws(p, KW_SORT, KW_BY))
        sort_list(p, &e->order);
    if (is_kw(p, KW_ROWS) || is_kw(p, KW_RANGE))
        frame(p, &e->frame);
    expect_op(p, OP_RPAREN);
}

static void pend(struct parser *p, struct expr *e, struct str name)
{
    p->windows =
        arena_grow(p->a, p->windows, &p->window_cap, p->window_count + 1, sizeof *p->windows);
    p->windows[p->window_count++] = (struct pending_window){e, name};
}

struct expr *over(struct parser *p, struct expr *fn)
{
    struct expr *e = expr_new(p->a, EXPR_WINDOW, fn->at);
    exprs_push(p->a, &e->args, fn);
    advance(p); /* OVER */
    if (!is_op(p, OP_LPAREN)) {
        pend(p, e, name(p, "a window"));
    } else if (name_follows(p, 1) && peek_op(p, 2, OP_RPAREN)) {
        advance(p);
        pend(p, e, name(p, "a window"));
        advance(p);
    } else if (enter(p)) {
        specification(p, e);
        leave(p);
    }
    return expr_done(p, e);
}

void window_clause(struct parser *p, size_t pending_from)
{
    advance(p); /* WINDOW */
    do {
        struct expr *def = expr_new(p->a, EXPR_WINDOW, here(p));
        struct str window = name(p, "a window name");
        expect_kw(p, KW_AS);
        if (is_op(p, OP_LPAREN) && !(name_follows(p, 1) && peek_op(p, 2, OP_RPAREN)))
            specification(p, def);
        else
            refuse(p, def->at, "a window defined as another window", "repeat the definition");
        for (size_t i = pending_from; i < p->window_count; i++) {
            struct pending_window *w = &p->windows[i];
            if (!w->e || !str_ieq(w->name, window))
                continue;
            w->e->partition = def->partition;
            w->e->order = def->order;
            w->e->frame = def->frame;
            expr_done(p, w->e);
            w->e = NULL;
        }
    } while (accept_op(p, OP_COMMA));
}
