/* select.c -- SELECT … FROM … WHERE … GROUP BY … HAVING … QUALIFY … WINDOW, as nodes.
 *
 *     FROM, LATERAL VIEW                 leaves, joins, REL_GENERATE
 *     WHERE                              REL_FILTER
 *     GROUP BY or HAVING                 REL_AGGREGATE (groups; exprs = the select list)
 *     neither                            REL_PROJECT (its list may still hold aggregates: a global
 * one) HAVING, QUALIFY                    REL_FILTER with the mark .having, .qualify DISTINCT
 * .distinct of the REL_PROJECT, else REL_DEDUP above
 *
 * Grouping: one plain list, one ROLLUP or one CUBE of single expressions keeps its kind; everything
 * else (GROUPING SETS, several analytics side by side, composite columns) is multiplied out into
 * GROUP_SETS, whose rows point at the members of `groups`. */
#include "sparksql/parse_int.h"

enum { GROUPING_SETS_MAX = 4096 };

/* A list of sets being multiplied out. */
struct sets {
    struct exprs *items;
    size_t count, cap;
};

static void sets_push(struct parser *p, struct sets *s, struct exprs set)
{
    if (s->count == GROUPING_SETS_MAX) {
        fail_at(p, here(p), ERR_LIMIT, "[GROUPING_SIZE_LIMIT_EXCEEDED] more than %d grouping sets",
                GROUPING_SETS_MAX);
        return;
    }
    s->items = arena_grow(p->a, s->items, &s->cap, s->count + 1, sizeof *s->items);
    s->items[s->count++] = set;
}

static void append(struct parser *p, struct exprs *to, const struct exprs *from)
{
    for (size_t i = 0; i < from->count; i++)
        exprs_push(p->a, to, from->items[i]);
}

/* "(a, b)", "()" or "a" as one member of ROLLUP, CUBE or GROUPING SETS. */
static struct exprs member(struct parser *p)
{
    struct exprs set = {0};
    bool list = is_op(p, OP_LPAREN) && cur(p)->match;
    if (list) {
        enum op after = (enum op)p->toks[cur(p)->match + 1].op;
        list = after == OP_COMMA || after == OP_RPAREN;
    }
    if (!list) {
        exprs_push(p->a, &set, expression(p));
        return set;
    }
    advance(p);
    if (accept_op(p, OP_RPAREN))
        return set;
    do
        exprs_push(p->a, &set, expression(p));
    while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    return set;
}

/* What ROLLUP (n + 1 prefixes) and CUBE (2^n choices) of composite members stand for. */
static void rollup_sets(struct parser *p, const struct sets *members, struct sets *out)
{
    for (size_t n = members->count + 1; n-- > 0;) {
        struct exprs set = {0};
        for (size_t i = 0; i < n; i++)
            append(p, &set, &members->items[i]);
        sets_push(p, out, set);
    }
}

static void cube_sets(struct parser *p, const struct sets *members, struct sets *out)
{
    if (members->count >= 12) {
        fail_at(p, here(p), ERR_LIMIT, "[GROUPING_SIZE_LIMIT_EXCEEDED] more than %d grouping sets",
                GROUPING_SETS_MAX);
        return;
    }
    for (size_t left = (size_t)1 << members->count; left-- > 0;) {
        struct exprs set = {0};
        for (size_t i = 0; i < members->count; i++)
            if (left >> (members->count - 1 - i) & 1)
                append(p, &set, &members->items[i]);
        sets_push(p, out, set);
    }
}

static void analytics(struct parser *p, struct sets *out);

/* GROUPING SETS may hold ROLLUP, CUBE and GROUPING SETS themselves. */
static void grouping_sets(struct parser *p, struct sets *out)
{
    expect_op(p, OP_LPAREN);
    if (!enter(p))
        return;
    do {
        if ((is_kw(p, KW_ROLLUP) || is_kw(p, KW_CUBE)) && peek_op(p, 1, OP_LPAREN))
            analytics(p, out);
        else if (is_kw(p, KW_GROUPING) && peek_kw(p, 1, KW_SETS))
            analytics(p, out);
        else
            sets_push(p, out, member(p));
    } while (accept_op(p, OP_COMMA));
    leave(p);
    expect_op(p, OP_RPAREN);
}

/* ROLLUP(…), CUBE(…) or GROUPING SETS(…) at the cursor, as sets. */
static void analytics(struct parser *p, struct sets *out)
{
    struct sets members = {0};
    if (accept_kws(p, KW_GROUPING, KW_SETS)) {
        grouping_sets(p, out);
        return;
    }
    bool cube = is_kw(p, KW_CUBE);
    advance(p);
    expect_op(p, OP_LPAREN);
    do
        sets_push(p, &members, member(p));
    while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    if (cube)
        cube_sets(p, &members, out);
    else
        rollup_sets(p, &members, out);
}

/* The distinct expressions of all sets; the sets then point at these very nodes. */
static void share_groups(struct parser *p, struct rel *r, struct sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        struct exprs set = {0};
        for (size_t k = 0; k < sets->items[i].count; k++) {
            struct expr *e = sets->items[i].items[k];
            size_t g = 0;
            while (g < r->groups.count && !expr_equal(r->groups.items[g], e))
                g++;
            if (g == r->groups.count)
                exprs_push(p->a, &r->groups, e);
            exprs_push(p->a, &set, r->groups.items[g]);
        }
        sets->items[i] = set;
    }
    r->grouping = GROUP_SETS;
    r->rows = sets->items;
    r->row_count = sets->count;
}

static bool analytics_follow(const struct parser *p)
{
    return ((is_kw(p, KW_ROLLUP) || is_kw(p, KW_CUBE)) && peek_op(p, 1, OP_LPAREN)) ||
           (is_kw(p, KW_GROUPING) && peek_kw(p, 1, KW_SETS));
}

/* Each of `left` with each of `right`. */
static struct sets product(struct parser *p, const struct sets *left, const struct sets *right)
{
    struct sets out = {0};
    for (size_t i = 0; i < left->count && !p->failed; i++) {
        for (size_t k = 0; k < right->count; k++) {
            struct exprs set = {0};
            append(p, &set, &left->items[i]);
            append(p, &set, &right->items[k]);
            sets_push(p, &out, set);
        }
    }
    return out;
}

/* A lone ROLLUP(a, b) or CUBE(a, b) of single expressions, nothing beside it. */
static bool plain_analytics(struct parser *p, struct rel *r)
{
    size_t close = peek(p, 1)->match;
    if (is_kw(p, KW_GROUPING) || !close || p->toks[close + 1].op == OP_COMMA)
        return false;
    size_t at = p->at;
    struct exprs members = {0};
    enum grouping kind = is_kw(p, KW_CUBE) ? GROUP_CUBE : GROUP_ROLLUP;
    take(p, 2);
    do {
        struct exprs one = member(p);
        if (one.count != 1 && !p->failed) {
            p->at = at;
            return false;
        }
        append(p, &members, &one);
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    r->groups = members;
    r->grouping = kind;
    return true;
}

/* Behind "GROUP BY a, b": the old spellings WITH ROLLUP, WITH CUBE, GROUPING SETS (…). */
static bool hive_suffix(struct parser *p, struct rel *r, const struct exprs *plain)
{
    if (accept_kws(p, KW_WITH, KW_ROLLUP) || accept_kws(p, KW_WITH, KW_CUBE)) {
        r->groups = *plain;
        r->grouping = p->failed || p->toks[p->at - 1].kw == KW_ROLLUP ? GROUP_ROLLUP : GROUP_CUBE;
        return true;
    }
    if (accept_kws(p, KW_GROUPING, KW_SETS)) {
        struct sets sets = {0};
        grouping_sets(p, &sets);
        append(p, &r->groups, plain);
        share_groups(p, r, &sets);
        return true;
    }
    return false;
}

static void group_by(struct parser *p, struct rel *r)
{
    struct exprs plain = {0}, none = {0};
    struct sets all = {0};
    bool any = false;
    if (is_kw(p, KW_ALL) && !peek_op(p, 1, OP_COMMA) && !peek_op(p, 1, OP_DOT)) {
        advance(p);
        r->grouping = GROUP_ALL;
        return;
    }
    if (analytics_follow(p) && plain_analytics(p, r))
        return;
    sets_push(p, &all, none);
    do {
        struct sets part = {0};
        if (analytics_follow(p)) {
            analytics(p, &part);
            any = true;
        } else {
            struct exprs one = {0};
            exprs_push(p->a, &one, expression(p));
            append(p, &plain, &one);
            sets_push(p, &part, one);
        }
        all = product(p, &all, &part);
    } while (accept_op(p, OP_COMMA));
    if (any)
        share_groups(p, r, &all);
    else if (!hive_suffix(p, r, &plain))
        r->groups = plain;
}

/* ---- SELECT ---- */

static struct rel *filter(struct parser *p, struct rel *input)
{
    struct rel *r = rel_new(p->a, REL_FILTER, here(p));
    advance(p); /* WHERE, HAVING, QUALIFY */
    r->input = input;
    r->cond = expression(p);
    return r;
}

/* LATERAL VIEW [OUTER] f(…) t [AS a, b]. */
static struct rel *lateral_view(struct parser *p, struct rel *input)
{
    struct rel *r = rel_new(p->a, REL_GENERATE, here(p));
    size_t cap = 0;
    take(p, 2);
    r->input = input;
    r->outer = accept_kw(p, KW_OUTER);
    struct place at = here(p);
    struct names n = names(p, "a generator function");
    exprs_push(p->a, &r->exprs, function_call(p, at, n.parts[n.count - 1]));
    if (is_name(p) && !is_kw(p, KW_AS) && alias_follows(p))
        r->alias = name(p, "a name");
    if (accept_kw(p, KW_AS) || (is_name(p) && alias_follows(p))) {
        do {
            r->columns =
                arena_grow(p->a, r->columns, &cap, r->column_count + 1, sizeof *r->columns);
            r->columns[r->column_count++] = name(p, "a column name");
        } while (accept_op(p, OP_COMMA));
    }
    return rel_done(p, r);
}

/* SELECT TRANSFORM (…) USING 'script'. The function transform(array, lambda) is another thing. */
static void refuse_script(struct parser *p)
{
    size_t close = peek(p, 1)->match;
    if (is_word(p, "TRANSFORM") && close &&
        (p->toks[close + 1].kw == KW_USING || p->toks[close + 1].kw == KW_ROW))
        refuse(p, here(p), "TRANSFORM with a script", NULL);
}

static void select_list(struct parser *p, struct rel *r)
{
    refuse_script(p);
    do
        exprs_push(p->a, &r->exprs, named_expression(p));
    while (accept_op(p, OP_COMMA));
}

static struct rel *distinct(struct parser *p, struct rel *r)
{
    if (r->kind == REL_PROJECT) {
        r->distinct = true;
        return r;
    }
    struct rel *d = rel_new(p->a, REL_DEDUP, r->at);
    d->input = r;
    return rel_done(p, d);
}

struct rel *select_query(struct parser *p)
{
    struct place at = here(p);
    size_t pending_from = p->window_count;
    advance(p); /* SELECT */
    struct rel *r = rel_new(p->a, REL_PROJECT, at), *input;
    bool unique = is_kw(p, KW_DISTINCT) && !peek_op(p, 1, OP_COMMA);
    if (unique || (is_kw(p, KW_ALL) && !peek_op(p, 1, OP_COMMA)))
        advance(p);
    select_list(p, r);
    input = accept_kw(p, KW_FROM) ? from_clause(p) : rel_new(p->a, REL_ONE_ROW, at);
    while (is_kw(p, KW_LATERAL) && peek_kw(p, 1, KW_VIEW))
        input = lateral_view(p, input);
    if (is_kw(p, KW_WHERE))
        input = rel_done(p, filter(p, input));
    r->input = input;
    if (accept_kws(p, KW_GROUP, KW_BY)) {
        r->kind = REL_AGGREGATE;
        group_by(p, r);
    }
    if (is_kw(p, KW_HAVING))
        r->kind = REL_AGGREGATE;
    rel_done(p, r);
    for (int i = 0; i < 2; i++) {
        bool having = i == 0;
        if (!is_kw(p, having ? KW_HAVING : KW_QUALIFY))
            continue;
        r = filter(p, r);
        r->having = having;
        r->qualify = !having;
        rel_done(p, r);
    }
    if (is_kw(p, KW_WINDOW) && name_follows(p, 1))
        window_clause(p, pending_from);
    return unique ? distinct(p, r) : r;
}
