/* resolve_call -- what resolve_call.c and resolve_rules.c share: arguments of a call being typed. */
#ifndef PAYSTREAK_PLAN_RESOLVE_CALL_H
#define PAYSTREAK_PLAN_RESOLVE_CALL_H
#include "plan/resolve_int.h"

typedef struct expr *(*typer)(struct ex *x, struct expr *c);

static inline bool is(const struct expr *c, const char *name)
{
    return str_eqz(c->func, name);
}

static inline struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static inline const struct type *arg_type(const struct expr *c, size_t i)
{
    return c->args.items[i]->type;
}

static inline bool type_is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

void *call_bad_arg(struct rs *rs, const struct expr *c, size_t i, const char *want); /* NULL, error set */
/* Argument i cast to `t`, or what its letter asks for: 0, or -1 with the error set. */
int call_set_arg(struct rs *rs, struct expr *c, size_t i, const struct type *t, const char *name);
int call_typed_arg(struct rs *rs, struct expr *c, size_t i, char letter);
int call_element_arg(struct rs *rs, struct expr *c, size_t i); /* to the first argument's elements */
/* The common type of the arguments with letter C, which are cast to it; NULL with the error set. */
const struct type *call_common_args(struct rs *rs, struct expr *c, const char *letters);
/* The rule of a function whose row says `!`, NULL if it has none. */
typer call_rule(struct str name);
#endif
