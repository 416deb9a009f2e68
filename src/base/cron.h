/* cron -- schedules: Azure's NCRONTAB (6 fields, seconds first; 5 accepted) and Quartz (Databricks:
 * 6 or 7 fields, seconds first, `?`, `L`, `W`, `#`), computed in UTC. Pure. */
#ifndef PAYSTREAK_BASE_CRON_H
#define PAYSTREAK_BASE_CRON_H
#include "base/time.h"

enum cron_dialect { CRON_NCRONTAB, CRON_QUARTZ };
struct cron { uint64_t seconds, minutes; uint32_t hours, days, months; uint8_t weekdays;
              bool any_day, any_weekday; uint8_t last_day, nearest_weekday, nth_weekday, last_weekday;
              uint16_t year_from, year_to; };
/* Errors: ERR_INPUT names the field and what it may hold. */
int cron_parse(struct cron *c, enum cron_dialect dialect, struct str text, struct err *err) MUST_CHECK;
/* The first instant after `after` that fits; false if there is none within 10 years. */
bool cron_next(const struct cron *c, struct tp after, struct tp *next);
#endif
