/* resolve -- from an unresolved plan to a typed one: names to columns, functions to signatures,
 * Spark's implicit casts made explicit. Pure: the world's tables come through one callback.
 *
 * The result is a new tree in which every relation has `output`, every expression `type`, every
 * EXPR_COLUMN an `input` ordinal in its relation's input (for a join: left columns first, then
 * right), stars are expanded, USING/NATURAL turned into conditions plus projections, views
 * replaced by their resolved plans, CTE references by their plans' names (REL_WITH stays),
 * implicit casts are EXPR_CAST nodes and lateral column aliases are resolved. A column of an outer query has
 * outer_depth > 0. Errors carry the place and Spark's error class name, e.g.
 * "[UNRESOLVED_COLUMN.WITH_SUGGESTION] … did you mean `a`, `b`?". */
#ifndef PAYSTREAK_PLAN_RESOLVE_H
#define PAYSTREAK_PLAN_RESOLVE_H
#include "plan/plan.h"

/* What a leaf (REL_TABLE, REL_FUNCTION that is not a generator, REL_SOURCE) is. Either a schema and
 * a `bound` cookie that the printer's leaf callback gets back in rel->bound, or a view: its
 * unresolved plan, which is resolved with the same callback (leaf->bound unset). */
struct leaf_info {
    const struct type *schema;
    void *bound;
    const struct rel *view;
    void *view_ctx;                    /* ctx for the leaves inside the view (its own default names); NULL: same */
    struct str qualifier[3];           /* catalog, schema, table for a.b.c.column references; may be STR_NONE */
};
struct resolver {
    /* ERR_NOT_FOUND: no such table (the resolver adds Spark's class and the place). */
    int (*leaf)(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err);
    void *ctx;
    bool ansi;                         /* Spark 4's default: true */
    bool case_sensitive;               /* false */
    struct tp now;                     /* current_timestamp() of this query; 0: the clock's */
    const struct lit *params; const struct str *param_names; size_t param_count; /* EXPR_PARAM */
    struct str current_catalog, current_schema, current_user;
};
struct rel *plan_resolve(struct arena *a, const struct rel *r, const struct resolver *env, struct err *err) MUST_CHECK;
/* Resolves a lone expression over a row of `input` (expectations, generated columns, CHECK). */
struct expr *plan_resolve_expr(struct arena *a, const struct expr *e, const struct type *input,
                               const struct resolver *env, struct err *err) MUST_CHECK;
#endif
