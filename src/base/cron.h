/* cron -- schedules: Azure's NCRONTAB (6 fields, seconds first; 5 accepted) and Quartz (Databricks:
 * 6 or 7 fields, seconds first, `?`, `L`, `W`, `#`), computed in UTC. Pure. */
#ifndef PAYSTREAK_BASE_CRON_H
#define PAYSTREAK_BASE_CRON_H
#include "base/time.h"

enum cron_dialect { CRON_NCRONTAB, CRON_QUARTZ };
enum { CRON_YEAR_MIN = 1970, CRON_YEAR_MAX = 2099 };

/* Bit n of a field: the value n fits. Weekdays count from Sunday, 0. */
struct cron {
    uint64_t seconds, minutes, hours, days, months, weekdays;
    uint64_t years[3];    /* bit n: CRON_YEAR_MIN + n */
    bool last_day;        /* L: days from the month's end, `days_before_last` of them */
    int days_before_last; /* L-n */
    bool nearest_weekday; /* W: the Monday to Friday nearest to the one day in `days`, or to L */
    int nth_weekday;      /* #n: only the n-th such weekday of the month; 0: any */
    bool last_weekday;    /* nL: only the last such weekday of the month */
};
/* Errors: ERR_INPUT names the field and what it may hold. */
int cron_parse(struct cron *c, enum cron_dialect dialect, struct str text, struct err *err) MUST_CHECK;
/* The first instant after `after` that fits; false if there is none within 10 years. */
bool cron_next(const struct cron *c, struct tp after, struct tp *next);
#endif
