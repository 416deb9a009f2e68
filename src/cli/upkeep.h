/* upkeep -- small files joined in the background: a stream that commits ten times a second must not
 * leave ten files a second. Every UPKEEP_MS one worker job goes over the tables that are committed to
 * all the time (captures and streaming tables) and calls lake_maintain(), which is cheap when there is
 * nothing to do. A failure is logged; the next round tries again. Thread: the main loop. */
#ifndef PAYSTREAK_CLI_UPKEEP_H
#define PAYSTREAK_CLI_UPKEEP_H
#include "cli/run.h"

enum { UPKEEP_MS = 5000 };
struct upkeep;
struct upkeep *upkeep_start(struct run *r);
/* No new round; done(arg) when the one under way has ended. Frees it. */
void upkeep_stop(struct upkeep *u, void (*done)(void *arg), void *arg);
#endif
