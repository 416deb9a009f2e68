/* resolve_int -- what the files of resolution share.
 *
 *   resolve.c         entry points, scopes, leaves, errors
 *   resolve_rel.c     relations other than select blocks
 *   resolve_block.c   select lists, aggregates, HAVING, QUALIFY, ORDER BY: stars, aliases, hidden columns
 *   resolve_expr.c    expressions: names, fields, literals, casts, subqueries, windows, lambdas
 *   resolve_call.c    calls: signatures applied, lambdas
 *   resolve_rules.c   functions with a rule of their own
 *   resolve_arith.c   types of arithmetic, comparison and rounding
 *   resolve_gen.c     generators
 *   resolve_name.c    the name Spark gives to a column without alias
 *
 * A scope lists the columns that a relation gives, with the qualifiers that reach each; its order is
 * that of the relation's output. Hidden columns are in the output too and dropped at the top. */
#ifndef PAYSTREAK_PLAN_RESOLVE_INT_H
#define PAYSTREAK_PLAN_RESOLVE_INT_H
#include "plan/functions.h"
#include <stdlib.h>
#include <string.h>
#include "plan/resolve.h"

enum { RESOLVE_MAX_VIEW_DEPTH = 50, RESOLVE_MAX_COLUMNS = 100000, RESOLVE_MAX_INLINED = 100000 };

enum hidden { SHOWN, HIDDEN /* from stars */, HIDDEN_BEHIND /* only a qualifier finds it */ };
/* The ids of the relations that gave a column, the nearest first. */
struct plan_tag { int64_t id; const struct plan_tag *next; };
struct scope_col {
    struct str name, qual[3];       /* catalog, schema, table; NONE where unknown */
    const struct type *type;
    bool nullable;
    enum hidden hidden;
    struct str comment;
    const struct doc *metadata;
    const struct plan_tag *plans;
};
struct scope { struct scope_col *cols; size_t count, cap; const struct scope *outer; };

struct cte { struct str name; struct rel *rel; struct scope *scope; const struct cte *next; };

struct rs {
    struct arena *a;
    const struct resolver *env;
    struct resolver *leaf_env;      /* whose ctx leaves are asked with */
    void *leaf_ctx;
    const struct scope *outer;      /* the query around the one being resolved */
    const struct cte *ctes;
    int view_depth;
    size_t inlined;                 /* nodes copied by lateral aliases */
    struct tp now;
    struct err *err;
};

/* Variables of the lambdas around an expression. */
struct lambda_frame { struct str *names; const struct type **types; size_t count; const struct lambda_frame *up; };

struct ex {
    struct rs *rs;
    const struct scope *in;
    const struct exprs *aliases;    /* EXPR_ALIAS resolved so far in the same list: lateral aliases; or NULL */
    const struct exprs *groups;     /* of the aggregate being resolved, or NULL */
    const struct lambda_frame *lambdas;
    const char *no_aggregate;       /* "WHERE", … : refused there; NULL: allowed */
    bool in_aggregate, in_window, generator_ok;
    const struct expr *window_call; /* unresolved window(…) of GROUP BY, which is column window_column of `in` */
    size_t window_column;
};

/* resolve.c */
void *res_fail(struct rs *rs, struct place at, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5); /* NULL */
struct scope *scope_new(struct rs *rs);
struct scope_col *scope_add(struct rs *rs, struct scope *s, struct str name, const struct type *type, bool nullable);
void scope_append(struct rs *rs, struct scope *s, const struct scope *from);
const struct type *scope_type(struct rs *rs, const struct scope *s);
void scope_qualify(struct scope *s, struct str table);  /* alias: one qualifier for all that is shown */
struct expr *column_ref(struct rs *rs, const struct scope *s, size_t ordinal, struct place at);
struct rel *res_view_leaf(struct rs *rs, const struct rel *r, struct scope **out);
struct str type_text(struct rs *rs, const struct type *t); /* upper-case DDL, for messages */

/* resolve_rel.c, resolve_block.c: NULL on error. The scope's order is the result's output. */
struct rel *res_rel(struct rs *rs, const struct rel *r, struct scope **out);
struct rel *res_block(struct rs *rs, const struct rel *r, struct scope **out);
bool block_head(const struct rel *r);        /* is `r` the top of a select block? */
bool sorts_all(struct ex *x, const struct exprs *keys); /* ORDER BY ALL */
struct rel *rel_finish(struct rs *rs, struct rel *r, const struct scope *s); /* sets output */
struct rel *rel_copy(struct rs *rs, const struct rel *r);
/* A projection of these ordinals of `s`, which becomes *out. */
struct rel *rel_pick(struct rs *rs, struct rel *input, const struct scope *s, const size_t *ordinals, size_t count,
                     struct scope **out);
struct rel *rel_drop_hidden(struct rs *rs, struct rel *r, struct scope **s);

/* resolve_expr.c */
struct expr *res_expr(struct ex *x, const struct expr *e);
int res_exprs(struct ex *x, const struct exprs *in, struct exprs *out);
/* The ordinal of a column by its first parts; -1 none, -2 ambiguous (no error set). */
int64_t res_ordinal(struct ex *x, const struct expr *column);
/* Is there such a column here (no error set)? */
bool res_finds(struct ex *x, const struct expr *column);
struct expr *res_field(struct ex *x, struct expr *base, struct str name, struct place at);
struct expr *expr_copy(struct rs *rs, const struct expr *e);
struct expr *res_bool(struct ex *x, const struct expr *e, const char *what);
/* Explicit node of an implicit cast; folds literals. `e` itself if it is of that type already. */
struct expr *cast_to(struct rs *rs, struct expr *e, const struct type *t);
/* As Spark's ANSI implicit casts allow; else NULL without error. */
struct expr *coerce(struct rs *rs, struct expr *e, const struct type *t);
const struct type *common_type(struct rs *rs, const struct type *x, const struct type *y);
struct expr *lit_null(struct rs *rs, struct place at, const struct type *t);
struct expr *lit_int(struct rs *rs, struct place at, int64_t v);
struct expr *lit_text(struct rs *rs, struct place at, struct str v);
struct expr *call_of(struct rs *rs, struct place at, const char *func, const struct type *t, struct expr *x, struct expr *y);

/* resolve_call.c */
struct expr *res_call(struct ex *x, const struct expr *e);
/* resolve_arith.c: `c` has typed arguments; sets type and casts. Returns c or NULL. */
struct expr *type_arith(struct rs *rs, struct expr *c);
struct expr *type_compare(struct rs *rs, struct expr *c);
struct expr *type_round(struct rs *rs, struct expr *c);
struct expr *type_sum_avg(struct rs *rs, struct expr *c);
struct expr *bad_types(struct rs *rs, const struct expr *c);

/* resolve_gen.c: the generator's columns, named by Spark's defaults. `g` is resolved. */
bool expr_is_generator(const struct expr *e);
struct expr *res_generator(struct ex *x, const struct expr *e, struct scope **cols);
/* input + the generator's columns. Names, when given, rename them. */
struct rel *rel_generate(struct rs *rs, struct rel *input, const struct scope *in, struct expr *gen, struct scope *cols,
                         bool outer, struct scope **out);

/* resolve_name.c */
struct str expr_title(struct rs *rs, const struct expr *e); /* of an unresolved expression */
#endif
