/* plan_int -- the children of a node, for the walks inside this module. */
#ifndef PAYSTREAK_PLAN_PLAN_INT_H
#define PAYSTREAK_PLAN_PLAN_INT_H
#include "plan/plan.h"

struct walk {
    void (*expr)(void *ctx, const struct expr *e);
    void (*rel)(void *ctx, const struct rel *r);
    void *ctx;
};
/* Direct children only, in the order of the source text as far as it matters. */
void expr_children(const struct expr *e, const struct walk *w);
void rel_children(const struct rel *r, const struct walk *w);
/* expr_equal(), or with `resolved` expr_same(): aliases off, columns by their place. */
bool expr_alike(const struct expr *x, const struct expr *y, bool resolved);
#endif
