/* deps.c -- the tables that a query names.
 *
 * A name that a WITH around it binds is no table. The walk keeps the list of bound names in scope;
 * a CTE sees those before it, and itself if the list is recursive. Depth is bounded by
 * PLAN_MAX_DEPTH, which both front ends hold. */
#include "pipelines/model.h"
#include "plan/functions.h"

struct bound { struct str name; const struct bound *up; };
struct walk { struct arena *arena; struct deps *out; const struct bound *bound; };

static void walk_rel(struct walk *w, const struct rel *r);

static bool enter_subquery(const struct expr *e, void *ctx)
{
    if (e->sub)
        walk_rel(ctx, e->sub);
    return false;
}

static void walk_exprs(struct walk *w, const struct exprs *list)
{
    for (size_t i = 0; i < list->count; i++)
        expr_any(list->items[i], enter_subquery, w);
}

static bool is_bound(const struct walk *w, struct str name)
{
    for (const struct bound *b = w->bound; b; b = b->up)
        if (str_ieq(b->name, name))
            return true;
    return false;
}

static void walk_with(struct walk *w, const struct rel *r)
{
    const struct bound *outer = w->bound;
    for (size_t i = 0; i < r->cte_count; i++) {
        struct bound *b = ARENA_NEW(w->arena, struct bound);
        *b = (struct bound){r->cte_names[i], w->bound};
        if (r->recursive)
            w->bound = b;
        walk_rel(w, r->ctes[i]);
        w->bound = b;
    }
    walk_rel(w, r->input);
    w->bound = outer;
}

static void walk_leaf(struct walk *w, const struct rel *r)
{
    if (r->kind != REL_TABLE || (r->name.count == 1 && is_bound(w, r->name.parts[0])))
        return;
    w->out->items = arena_grow(w->arena, w->out->items, &w->out->cap, w->out->count + 1, sizeof *w->out->items);
    w->out->items[w->out->count++] = (struct dep){r};
}

static void walk_rel(struct walk *w, const struct rel *r)
{
    if (!r)
        return;
    if (r->kind == REL_WITH) {
        walk_with(w, r);
        return;
    }
    walk_leaf(w, r);
    walk_rel(w, r->input);
    walk_rel(w, r->right);
    const struct exprs *lists[] = {&r->exprs, &r->args, &r->groups, &r->order};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        walk_exprs(w, lists[i]);
    for (size_t i = 0; i < r->row_count; i++)
        walk_exprs(w, &r->rows[i]);
    const struct expr *lone[] = {r->cond, r->limit, r->offset};
    for (size_t i = 0; i < COUNT_OF(lone); i++)
        if (lone[i])
            expr_any(lone[i], enter_subquery, w);
}

void deps_collect(struct arena *a, const struct rel *query, struct deps *out)
{
    struct walk w = {a, out, NULL};
    walk_rel(&w, query);
}
