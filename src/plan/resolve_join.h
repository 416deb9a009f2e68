/* resolve_join -- the relations of resolve_join.c, for resolve_rel.c's table. */
#ifndef PAYSTREAK_PLAN_RESOLVE_JOIN_H
#define PAYSTREAK_PLAN_RESOLVE_JOIN_H
#include "plan/resolve_int.h"

struct rel *res_join(struct rs *rs, const struct rel *r, struct scope **out);
struct rel *res_setop(struct rs *rs, const struct rel *r, struct scope **out);
struct rel *res_with(struct rs *rs, const struct rel *r, struct scope **out);
struct rel *res_pivot(struct rs *rs, const struct rel *r, struct scope **out);
struct rel *res_unpivot(struct rs *rs, const struct rel *r, struct scope **out);
#endif
