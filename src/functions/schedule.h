/* schedule -- when a timer function is due.
 *
 * A schedule is NCRONTAB (six fields, seconds first; five are taken as minutes first) or a TimeSpan,
 * which repeats from the last start. It is computed in the time zone of the app setting
 * WEBSITE_TIME_ZONE, UTC without it: a local time that the clock skips does not come, one that it shows
 * twice comes once. Missed times are not made up one by one: a function that is past due runs once.
 *
 * With the monitor on (Azure's default for intervals of a minute or more) the last and the next time
 * are kept with the outbox, so that a restart knows what was missed. Pure; any thread. */
#ifndef PAYSTREAK_FUNCTIONS_SCHEDULE_H
#define PAYSTREAK_FUNCTIONS_SCHEDULE_H
#include "base/cron.h"
#include "base/zone.h"

enum { SCHEDULE_MONITOR_MS = 60 * 1000 }; /* shorter intervals are not monitored unless asked */

struct schedule {
    struct str text;          /* as written, settings expanded */
    int64_t every_ms;         /* TimeSpan; 0: cron */
    struct cron cron;
    const struct zone *zone;  /* NULL: UTC */
};

/* `zone` is WEBSITE_TIME_ZONE's value, STR_NONE: UTC. Errors: ERR_INPUT says what is wrong with it. */
int schedule_parse(struct schedule *s, struct str text, struct str zone, struct err *err) MUST_CHECK;
/* The first time after `after`; false if there is none. */
bool schedule_next(const struct schedule *s, struct tp after, struct tp *next);
/* Is the interval at `now` a minute or more? */
bool schedule_monitored(const struct schedule *s, struct tp now);

/* What is kept of a monitored timer; all 0: nothing yet. */
struct schedule_state { struct tp last, next, updated; };
/* Is the timer past due at `now`, going by what was kept? */
bool schedule_past_due(const struct schedule *s, const struct schedule_state *kept, struct tp now);
/* The JSON that a timerTrigger is given. `kept` NULL: not monitored. */
struct str schedule_trigger_json(struct arena *a, const struct schedule_state *kept, bool past_due);
#endif
