/* history -- runs in STATE/control.db: the other side of port/run_log.h.
 *
 *   runs(id TEXT PRIMARY KEY, parent, kind, name, type, trigger, status, attempt,
 *        started_us, finished_us, input, output, error)
 *
 * Calls come from the loop thread and only copy; one worker job at a time writes all that queued
 * up in one transaction, in order. history_close() writes what is left. Reading blocks. */
#ifndef PAYSTREAK_JOBS_HISTORY_H
#define PAYSTREAK_JOBS_HISTORY_H
#include "ev/ev.h"
#include "port/run_log.h"

enum { HISTORY_TEXT_MAX = 256 << 10 };  /* of one input, output or error; longer ones are cut with a note */

struct history;
struct history *history_open(struct ev_loop *loop, const char *state_dir, struct err *err) MUST_CHECK;
void history_close(struct history *h);   /* on the loop thread; blocks until all is written; NULL allowed */
const struct run_log *history_log(struct history *h);
/* Is there a run of this kind and name that succeeded (or any, with `any`)? Blocks. */
int history_has(struct history *h, const char *kind, const char *name, bool any, bool *found, struct err *err) MUST_CHECK;
/* Runs that were under way when the process died become Failed ("interrupted"). At start. */
int history_repair(struct history *h, struct err *err) MUST_CHECK;
/* The newest `limit` runs without parent as a JSON array, newest first. Blocks; any thread. */
int history_recent(struct history *h, int limit, struct buf *json, struct err *err) MUST_CHECK;
#endif
