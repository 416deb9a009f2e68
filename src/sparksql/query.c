/* query.c -- queries around their SELECTs: WITH, set operations, ORDER BY … LIMIT, VALUES, TABLE.
 *
 *     query   := [WITH …] term organization
 *     term    := INTERSECT binds tighter than UNION, EXCEPT and MINUS; both lean left
 *     primary := SELECT … | VALUES … | TABLE t | '(' query ')'
 *
 * ORDER BY, LIMIT and OFFSET belong to the whole term, so they become nodes above it. A run of
 * UNION ALL is built as a balanced tree: it is associative, and generated SQL has hundreds. */
#include "sparksql/parse_int.h"

struct rel *rel_done(struct parser *p, struct rel *r)
{
    r->height = rel_measure(r);
    if (r->height > PLAN_MAX_DEPTH)
        fail_at(p, r->at, ERR_LIMIT, "[PARSE_DEPTH] the query is nested deeper than %d levels",
                PLAN_MAX_DEPTH);
    return r;
}

static bool starts_query(const struct tok *t, const struct tok *next)
{
    switch (t->kw) {
    case KW_SELECT:
        return true;
    case KW_WITH:
        return next->kind == TOK_WORD || next->kind == TOK_QUOTED;
    case KW_VALUES:
        return next->op == OP_LPAREN || next->kind == TOK_STRING ||
               (next->kind >= TOK_INT && next->kind <= TOK_BIGDEC) || next->kw == KW_NULL ||
               next->kw == KW_DATE || next->kw == KW_TIMESTAMP || next->kw == KW_CAST;
    case KW_FROM:
    case KW_TABLE:
        return next->kind == TOK_WORD || next->kind == TOK_QUOTED;
    default:
        return false;
    }
}

/* What may stand behind a parenthesized query inside another pair of parentheses. */
static bool continues_query(const struct tok *t)
{
    switch (t->kw) {
    case KW_UNION:
    case KW_INTERSECT:
    case KW_EXCEPT:
    case KW_MINUS:
    case KW_SETMINUS:
    case KW_ORDER:
    case KW_SORT:
    case KW_CLUSTER:
    case KW_DISTRIBUTE:
    case KW_LIMIT:
    case KW_OFFSET:
        return true;
    default:
        return t->op == OP_RPAREN || t->op == OP_SEMICOLON || t->kind == TOK_END;
    }
}

/* "((SELECT 1) UNION …" begins a query, "((SELECT 1) AS t JOIN …" and "((SELECT 1) + 1" do not. */
bool query_follows(const struct parser *p, size_t ahead)
{
    size_t i = p->at + ahead, outermost = i;
    while (i + 1 < p->count && p->toks[i].op == OP_LPAREN)
        i++;
    if (i + 1 >= p->count || !starts_query(&p->toks[i], &p->toks[i + 1]))
        return false;
    for (; i > outermost; i--) {
        size_t close = p->toks[i - 1].match;
        if (close && !continues_query(&p->toks[close + 1]))
            return false;
    }
    return true;
}

/* ---- WITH ---- */

static void cte(struct parser *p, struct rel *with, size_t *cap, size_t *name_cap)
{
    struct place at = here(p);
    struct str *columns = NULL;
    size_t column_count = 0;
    struct str cte_name = name(p, "a name");
    if (is_op(p, OP_LPAREN) && !query_follows(p, 1))
        name_list(p, &columns, &column_count);
    if (is_word(p, "MAX") && with->recursive) {
        advance(p);
        accept_word(p, "RECURSION");
        accept_word(p, "LEVEL");
        with->limit = expr_int(p->a, here(p), integer(p, "a number"));
    }
    (void)accept_kw(p, KW_AS);
    expect_op(p, OP_LPAREN);
    struct rel *body = query(p);
    expect_op(p, OP_RPAREN);
    if (column_count) {
        struct rel *alias = rel_new(p->a, REL_ALIAS, at);
        alias->input = body;
        alias->alias = cte_name;
        alias->columns = columns;
        alias->column_count = column_count;
        body = rel_done(p, alias);
    }
    with->ctes = arena_grow(p->a, with->ctes, cap, with->cte_count + 1, sizeof *with->ctes);
    with->cte_names =
        arena_grow(p->a, with->cte_names, name_cap, with->cte_count + 1, sizeof *with->cte_names);
    for (size_t i = 0; i < with->cte_count; i++)
        if (str_ieq(with->cte_names[i], cte_name))
            fail_at(p, at, ERR_INPUT, "[DUPLICATED_CTE_NAMES] WITH defines '%.*s' twice",
                    STR_ARGS(cte_name));
    with->ctes[with->cte_count] = body;
    with->cte_names[with->cte_count++] = cte_name;
}

struct rel *ctes(struct parser *p)
{
    struct rel *with = rel_new(p->a, REL_WITH, here(p));
    size_t cap = 0, name_cap = 0;
    expect_kw(p, KW_WITH);
    with->recursive = is_kw(p, KW_RECURSIVE) && name_follows(p, 1) && !peek_kw(p, 1, KW_AS);
    if (with->recursive)
        advance(p);
    do
        cte(p, with, &cap, &name_cap);
    while (accept_op(p, OP_COMMA));
    return with;
}

struct rel *with_ctes(struct parser *p, struct rel *with, struct rel *body)
{
    if (!with)
        return body;
    with->input = body;
    return rel_done(p, with);
}

/* ---- set operations ---- */

static struct rel *query_primary(struct parser *p)
{
    struct place at = here(p);
    if (is_kw(p, KW_SELECT))
        return select_query(p);
    if (is_kw(p, KW_VALUES))
        return inline_table(p);
    if (is_kw(p, KW_TABLE)) {
        advance(p);
        return table_name(p);
    }
    if (is_op(p, OP_LPAREN)) {
        advance(p);
        struct rel *r = query(p);
        expect_op(p, OP_RPAREN);
        return r;
    }
    if (is_kw(p, KW_FROM))
        refuse(p, at, "a query that begins with FROM", "begin it with SELECT");
    if (is_kw(p, KW_MAP) || is_kw(p, KW_REDUCE))
        refuse(p, at, "MAP and REDUCE with scripts", NULL);
    syntax_error(p, "a query");
    return rel_new(p->a, REL_ONE_ROW, at);
}

struct set_op {
    bool is;
    enum setop op;
    bool all, by_name;
    struct place at;
};

static struct set_op set_op_here(const struct parser *p)
{
    struct set_op s = {.at = here(p)};
    switch (cur(p)->kw) {
    case KW_UNION:
        s.is = true;
        s.op = SETOP_UNION;
        break;
    case KW_INTERSECT:
        s.is = true;
        s.op = SETOP_INTERSECT;
        break;
    case KW_EXCEPT:
    case KW_MINUS:
    case KW_SETMINUS:
        s.is = true;
        s.op = SETOP_EXCEPT;
        break;
    default:
        break;
    }
    return s;
}

static void set_op_take(struct parser *p, struct set_op *s)
{
    advance(p);
    s->all = accept_kw(p, KW_ALL);
    if (!s->all)
        (void)accept_kw(p, KW_DISTINCT);
    s->by_name = accept_kws(p, KW_BY, KW_NAME);
}

static struct rel *set_rel(struct parser *p, const struct set_op *s, struct rel *left,
                           struct rel *right)
{
    struct rel *r = rel_new(p->a, REL_SETOP, s->at);
    r->op = s->op;
    r->all = s->all;
    r->by_name = s->by_name;
    r->input = left;
    r->right = right;
    return rel_done(p, r);
}

static struct rel *intersections(struct parser *p)
{
    struct rel *left = query_primary(p);
    struct set_op s;
    while ((s = set_op_here(p)).is && s.op == SETOP_INTERSECT) {
        set_op_take(p, &s);
        left = set_rel(p, &s, left, query_primary(p));
    }
    return left;
}

static struct rel *union_tree(struct parser *p, const struct set_op *s, struct rel **items,
                              size_t count)
{
    if (count == 1)
        return items[0];
    size_t half = count / 2;
    return set_rel(p, s, union_tree(p, s, items, count - half),
                   union_tree(p, s, items + count - half, half));
}

static bool same_run(const struct set_op *s, const struct set_op *t)
{
    return s->op == SETOP_UNION && t->op == SETOP_UNION && s->all && t->all && !s->by_name &&
           !t->by_name;
}

static struct rel *term(struct parser *p)
{
    struct rels run = {0};
    struct set_op op = {0}, s;
    struct rel *left = intersections(p);
    while ((s = set_op_here(p)).is) {
        set_op_take(p, &s);
        if (run.count && !same_run(&op, &s)) {
            left = union_tree(p, &op, run.items, run.count);
            run.count = 0;
        }
        run.items = arena_grow(p->a, run.items, &run.cap, run.count + 2, sizeof *run.items);
        if (run.count == 0)
            run.items[run.count++] = left;
        run.items[run.count++] = intersections(p);
        op = s;
    }
    return run.count ? union_tree(p, &op, run.items, run.count) : left;
}

/* ---- ORDER BY … LIMIT … OFFSET ---- */

static struct rel *above(struct parser *p, enum rel_kind kind, struct rel *input)
{
    struct rel *r = rel_new(p->a, kind, here(p));
    r->input = input;
    return r;
}

/* DISTRIBUTE BY decides where rows lie, not which there are: kept so that its names are checked. */
static struct rel *distribute(struct parser *p, struct rel *input, struct exprs *by)
{
    struct rel *r = above(p, REL_HINT, input);
    r->func = STR("distribute_by");
    do
        exprs_push(p->a, &r->exprs, expression(p));
    while (accept_op(p, OP_COMMA));
    *by = r->exprs;
    return rel_done(p, r);
}

/* CLUSTER BY a is DISTRIBUTE BY a SORT BY a. */
static struct rel *cluster(struct parser *p, struct rel *input)
{
    struct exprs by = {0};
    input = distribute(p, input, &by);
    struct rel *r = above(p, REL_SORT, input);
    for (size_t i = 0; i < by.count; i++) {
        struct expr *e = expr_new(p->a, EXPR_SORT, by.items[i]->at);
        exprs_push(p->a, &e->args, by.items[i]);
        e->nulls_first = true;
        exprs_push(p->a, &r->order, expr_done(p, e));
    }
    return rel_done(p, r);
}

static struct rel *limit(struct parser *p, struct rel *r)
{
    struct rel *l = above(p, REL_LIMIT, r);
    if (accept_kw(p, KW_LIMIT) && !accept_kw(p, KW_ALL))
        l->limit = expression(p);
    if (accept_kw(p, KW_OFFSET))
        l->offset = expression(p);
    return l->limit || l->offset ? rel_done(p, l) : r;
}

static struct rel *organization(struct parser *p, struct rel *r, size_t pending_from)
{
    struct exprs unused;
    bool ordered = false, sorted = false, clustered = false, distributed = false;
    for (;;) {
        bool order = is_kw(p, KW_ORDER), sort = is_kw(p, KW_SORT);
        bool cluster_by = is_kw(p, KW_CLUSTER), distribute_by = is_kw(p, KW_DISTRIBUTE);
        if ((order || sort || cluster_by || distribute_by) &&
            (ordered || clustered || (order && (sorted || distributed)) ||
             (cluster_by && (sorted || distributed))))
            fail_at(p, here(p), ERR_INPUT,
                    "[UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES] ORDER BY and CLUSTER "
                    "BY go with no other of ORDER BY, SORT BY, DISTRIBUTE BY and CLUSTER BY");
        ordered |= order;
        sorted |= sort;
        clustered |= cluster_by;
        distributed |= distribute_by;
        if (is_kw(p, KW_ORDER) || is_kw(p, KW_SORT)) {
            struct rel *s = above(p, REL_SORT, r);
            advance(p);
            expect_kw(p, KW_BY);
            sort_list(p, &s->order);
            r = rel_done(p, s);
        } else if (accept_kws(p, KW_CLUSTER, KW_BY)) {
            r = cluster(p, r);
        } else if (accept_kws(p, KW_DISTRIBUTE, KW_BY)) {
            r = distribute(p, r, &unused);
        } else if (is_kw(p, KW_WINDOW) && name_follows(p, 1)) {
            window_clause(p, pending_from);
        } else {
            break;
        }
    }
    return is_kw(p, KW_LIMIT) || is_kw(p, KW_OFFSET) ? limit(p, r) : r;
}

static void windows_check(struct parser *p, size_t from)
{
    for (size_t i = from; i < p->window_count; i++)
        if (p->windows[i].e)
            fail_at(
                p, p->windows[i].e->at, ERR_INPUT,
                "[MISSING_WINDOW_SPECIFICATION] window '%.*s' is not defined in the WINDOW clause",
                STR_ARGS(p->windows[i].name));
    p->window_count = from;
}

struct rel *query(struct parser *p)
{
    struct place at = here(p);
    size_t pending_from = p->window_count;
    if (!enter(p))
        return rel_new(p->a, REL_ONE_ROW, at);
    struct rel *with = is_kw(p, KW_WITH) ? ctes(p) : NULL;
    struct rel *r = organization(p, term(p), pending_from);
    windows_check(p, pending_from);
    if (is_op(p, OP_PIPELINE))
        refuse(p, here(p), "pipe syntax (|>)", "write the query with SELECT");
    leave(p);
    return with_ctes(p, with, r);
}
