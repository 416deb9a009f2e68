/* plan.c -- building, measuring, comparing and walking plans. The dump is in plan_dump.c.
 *
 * What is a child of what is said once, in expr_children() and rel_children(): every walk goes
 * through them, so a new member of the structs is added there. */
#include "plan/plan_int.h"

struct expr *expr_new(struct arena *a, enum expr_kind kind, struct place at)
{
    struct expr *e = ARENA_NEW(a, struct expr);
    e->kind = kind;
    e->at = at;
    e->input = -1;
    e->height = 1;
    e->nullable = true;
    return e;
}

struct rel *rel_new(struct arena *a, enum rel_kind kind, struct place at)
{
    struct rel *r = ARENA_NEW(a, struct rel);
    r->kind = kind;
    r->at = at;
    r->height = 1;
    return r;
}

void exprs_push(struct arena *a, struct exprs *list, struct expr *e)
{
    list->items = arena_grow(a, list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = e;
}

struct expr *expr_call(struct arena *a, struct place at, const char *func, struct expr *x,
                       struct expr *y)
{
    struct expr *e = expr_new(a, EXPR_CALL, at);
    e->func = str_z(func);
    if (x)
        exprs_push(a, &e->args, x);
    if (y)
        exprs_push(a, &e->args, y);
    e->height = expr_measure(e);
    return e;
}

struct expr *expr_column(struct arena *a, struct place at, struct str name)
{
    struct expr *e = expr_new(a, EXPR_COLUMN, at);
    e->name = (struct names){arena_copy(a, &name, sizeof name), 1};
    return e;
}

struct expr *expr_string(struct arena *a, struct place at, struct str s)
{
    struct expr *e = expr_new(a, EXPR_LITERAL, at);
    e->lit = (struct lit){.kind = LIT_STRING, .text = s};
    e->type = type_of(TYPE_STRING);
    e->nullable = false;
    return e;
}

/* INT if it fits, else BIGINT, as Spark types an integer literal. */
struct expr *expr_int(struct arena *a, struct place at, int64_t v)
{
    struct expr *e = expr_new(a, EXPR_LITERAL, at);
    e->lit = (struct lit){.kind = LIT_INT, .i64 = v};
    e->type = type_of(v >= INT32_MIN && v <= INT32_MAX ? TYPE_INT : TYPE_LONG);
    e->nullable = false;
    return e;
}

static void list_children(const struct exprs *list, const struct walk *w)
{
    for (size_t i = 0; i < list->count; i++)
        w->expr(w->ctx, list->items[i]);
}

static void maybe(const struct expr *e, const struct walk *w)
{
    if (e)
        w->expr(w->ctx, e);
}

void expr_children(const struct expr *e, const struct walk *w)
{
    list_children(&e->args, w);
    maybe(e->filter, w);
    list_children(&e->partition, w);
    list_children(&e->order, w);
    maybe(e->frame.from_value, w);
    maybe(e->frame.to_value, w);
    if (e->sub)
        w->rel(w->ctx, e->sub);
}

void rel_children(const struct rel *r, const struct walk *w)
{
    if (r->input)
        w->rel(w->ctx, r->input);
    if (r->right)
        w->rel(w->ctx, r->right);
    for (size_t i = 0; i < r->cte_count; i++)
        w->rel(w->ctx, r->ctes[i]);
    list_children(&r->exprs, w);
    list_children(&r->args, w);
    list_children(&r->groups, w);
    list_children(&r->order, w);
    for (size_t i = 0; i < r->row_count; i++)
        list_children(&r->rows[i], w);
    maybe(r->version, w);
    maybe(r->timestamp, w);
    maybe(r->cond, w);
    maybe(r->limit, w);
    maybe(r->offset, w);
}

static void tallest_expr(void *ctx, const struct expr *e)
{
    uint16_t *h = ctx;
    if (e->height > *h)
        *h = e->height;
}

static void tallest_rel(void *ctx, const struct rel *r)
{
    uint16_t *h = ctx;
    if (r->height > *h)
        *h = r->height;
}

uint16_t expr_measure(const struct expr *e)
{
    uint16_t h = 0;
    expr_children(e, &(struct walk){tallest_expr, tallest_rel, &h});
    return h == UINT16_MAX ? h : (uint16_t)(h + 1);
}

uint16_t rel_measure(const struct rel *r)
{
    uint16_t h = 0;
    rel_children(r, &(struct walk){tallest_expr, tallest_rel, &h});
    return h == UINT16_MAX ? h : (uint16_t)(h + 1);
}

struct visit {
    void (*fn)(void *ctx, const struct rel *r);
    void *ctx;
};

static void visit_expr(void *ctx, const struct expr *e);

static void visit_rel(void *ctx, const struct rel *r)
{
    const struct visit *v = ctx;
    rel_children(r, &(struct walk){visit_expr, visit_rel, ctx});
    v->fn(v->ctx, r);
}

static void visit_expr(void *ctx, const struct expr *e)
{
    expr_children(e, &(struct walk){visit_expr, visit_rel, ctx});
}

void rel_visit(const struct rel *r, void (*fn)(void *ctx, const struct rel *r), void *ctx)
{
    visit_rel(&(struct visit){fn, ctx}, r);
}

struct param_visit {
    void (*fn)(void *ctx, struct expr *param);
    void *ctx;
};

static void param_expr(void *ctx, const struct expr *e);

static void param_rel(void *ctx, const struct rel *r)
{
    rel_children(r, &(struct walk){param_expr, param_rel, ctx});
}

static void param_expr(void *ctx, const struct expr *e)
{
    const struct param_visit *v = ctx;
    if (e->kind == EXPR_PARAM)
        v->fn(v->ctx, (struct expr *)e);
    else
        expr_children(e, &(struct walk){param_expr, param_rel, ctx});
}

void rel_visit_params(const struct rel *r, void (*fn)(void *ctx, struct expr *param), void *ctx)
{
    param_rel(&(struct param_visit){fn, ctx}, r);
}

static void note_streaming(void *ctx, const struct rel *r)
{
    bool *streaming = ctx;
    bool leaf = r->kind == REL_TABLE || r->kind == REL_FUNCTION || r->kind == REL_SOURCE;
    *streaming |= leaf && r->streaming;
}

bool rel_is_streaming(const struct rel *r)
{
    bool streaming = false;
    rel_visit(r, note_streaming, &streaming);
    return streaming;
}

static bool lists_equal(const struct exprs *x, const struct exprs *y, bool resolved)
{
    if (x->count != y->count)
        return false;
    for (size_t i = 0; i < x->count; i++)
        if (!expr_alike(x->items[i], y->items[i], resolved))
            return false;
    return true;
}

static bool names_equal(const struct names *x, const struct names *y)
{
    if (x->count != y->count)
        return false;
    for (size_t i = 0; i < x->count; i++)
        if (!str_ieq(x->parts[i], y->parts[i]))
            return false;
    return true;
}

static bool lits_equal(const struct lit *x, const struct lit *y)
{
    return x->kind == y->kind && x->i64 == y->i64 && str_eq(x->text, y->text) &&
           x->months == y->months && x->days == y->days && x->us == y->us &&
           (x->f64 == y->f64 || (x->f64 != x->f64 && y->f64 != y->f64));
}

static bool frames_equal(const struct frame *x, const struct frame *y, bool resolved)
{
    return x->type == y->type && x->from == y->from && x->to == y->to &&
           expr_alike(x->from_value, y->from_value, resolved) && expr_alike(x->to_value, y->to_value, resolved);
}

static bool params_equal(const struct expr *x, const struct expr *y)
{
    if (x->param_count != y->param_count)
        return false;
    for (size_t i = 0; i < x->param_count; i++)
        if (!str_ieq(x->params[i], y->params[i]))
            return false;
    return true;
}

static const struct expr *without_alias(const struct expr *e)
{
    while (e && e->kind == EXPR_ALIAS)
        e = e->args.items[0];
    return e;
}

/* Literals and casts are told apart by their type, too: 1L is not 1. Two subqueries are equal
 * only if they are one. Resolved columns are equal by their place, whatever they are called. */
bool expr_alike(const struct expr *x, const struct expr *y, bool resolved)
{
    if (resolved) {
        x = without_alias(x);
        y = without_alias(y);
    }
    if (x == y)
        return true;
    if (!x || !y || x->kind != y->kind || (!resolved && x->height != y->height))
        return false;
    if (resolved && x->kind == EXPR_COLUMN && x->type && y->type)
        return x->input == y->input && x->outer_depth == y->outer_depth;
    if ((x->kind == EXPR_LITERAL || x->kind == EXPR_CAST) && !type_equal(x->type, y->type))
        return false;
    return str_eq(x->func, y->func) && str_ieq(x->field_name, y->field_name) &&
           x->distinct == y->distinct && x->ignore_nulls == y->ignore_nulls &&
           x->try_cast == y->try_cast && x->assigns == y->assigns && x->star_arg == y->star_arg &&
           x->descending == y->descending && x->nulls_first == y->nulls_first && x->sub == y->sub &&
           names_equal(&x->name, &y->name) && lits_equal(&x->lit, &y->lit) && params_equal(x, y) &&
           expr_alike(x->filter, y->filter, resolved) && lists_equal(&x->args, &y->args, resolved) &&
           lists_equal(&x->partition, &y->partition, resolved) && lists_equal(&x->order, &y->order, resolved) &&
           frames_equal(&x->frame, &y->frame, resolved);
}

bool expr_equal(const struct expr *x, const struct expr *y)
{
    return expr_alike(x, y, false);
}
