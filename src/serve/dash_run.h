/* dash_run -- keeps the results of dashboards' queries fresh.
 *
 * What is selected in filters is each viewer's own: who selects looks at a view of the dashboard, which is as
 * a dashboard of its own while somebody does.
 *
 * A query runs when someone looks at its dashboard (or asked for its data) and it is dirty: it has not
 * run yet, or a table that it read has changed, or it failed and any table has changed. One query runs at
 * a time, on a worker; the same one at most every DASH_MIN_INTERVAL_MS, so a flood of commits
 * becomes a few runs. Thread: the loop's. */
#ifndef PAYSTREAK_SERVE_DASH_RUN_H
#define PAYSTREAK_SERVE_DASH_RUN_H
#include "ev/ev.h"
#include "port/query_service.h"
#include "serve/dashboard.h"

enum { DASH_MAX_ROWS = 10000, DASH_MAX_RESULT = 32 << 20, DASH_MIN_INTERVAL_MS = 250, DASH_MAX_VIEWS = 200 };

struct dash_set;
/* `on_result` runs when the result of a query differs from the one before. */
struct dash_set *dash_set_new(struct ev_loop *loop, const struct query_service *service, const char *search_path,
                              void (*on_result)(void *ctx, size_t dashboard, size_t query), void *ctx);
void dash_set_free(struct dash_set *s); /* the loop must still be turned if a query runs. NULL is allowed */
int dash_set_add(struct dash_set *s, const char *file, struct str text, struct err *err) MUST_CHECK;
size_t dash_set_count(const struct dash_set *s); /* of dashboards, 0 … count-1 */
const struct dashboard *dash_set_get(const struct dash_set *s, size_t i);
int64_t dash_set_find(const struct dash_set *s, struct str name); /* index, -1 */

/* Looks at dashboard `i` with what one viewer selected: {"WIDGET": {"values": […]} or {"min": …, "max": …}, …} as JSON; NONE
 * or "": what the file selects. Returns an index for the functions below, -1 (ERR_INPUT, ERR_NOT_FOUND: no such filter,
 * ERR_LIMIT). Viewers who selected the same share it. Its queries run until dash_set_close(), of as many calls as this had. */
int64_t dash_set_open(struct dash_set *s, size_t i, struct str filters, struct err *err) MUST_CHECK;
void dash_set_close(struct dash_set *s, size_t i);
/* What dashboard_json() says of it with that selected; nothing runs. */
int dash_set_definition(struct dash_set *s, size_t i, struct str filters, struct buf *out, struct err *err) MUST_CHECK;
bool dash_set_fresh(const struct dash_set *s, size_t i);          /* every query has a result that is not dirty */
/* {"query":0,"version":3,"columns":[{"name":…,"type":…}],"rows":[[…]],"truncated":false,"ms":4,"at":"…"} or
 * {"query":0,"version":3,"error":{"code":…,"message":…}}. NONE before the first run. */
struct str dash_set_result(const struct dash_set *s, size_t i, size_t query);
/* Tables whose content changed, named as in query_result.tables. */
void dash_set_changed(struct dash_set *s, const struct str *tables, size_t n);
#endif
