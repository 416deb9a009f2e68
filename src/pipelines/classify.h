/* classify -- can this query run over a stream, batch by batch, each result only appended? Pure.
 *
 * Append class: select, filter, project and generators over a stream, joins of a stream with static
 * sides that never change an old row (inner, cross; outer, semi and anti from the stream's side),
 * UNION ALL. Everything else over a stream needs state and is refused by name. */
#ifndef PAYSTREAK_PIPELINES_CLASSIFY_H
#define PAYSTREAK_PIPELINES_CLASSIFY_H
#include "plan/plan.h"

/* A resolved plan. Returns 1: it streams, 0: it reads no stream, -1: refused. */
int classify_stream(const struct rel *resolved, struct err *err) MUST_CHECK;
/* Does the result change without its sources: current_date(), rand(), uuid()? */
bool plan_is_moody(const struct rel *resolved);
#endif
