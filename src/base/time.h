/* time -- the only file that calls the clock, and civil time in UTC.
 *
 * `struct tp` is a wall-clock instant: microseconds since 1970-01-01T00:00:00Z. Monotonic time is
 * a plain int64_t in microseconds with `mono` in its name. Tests set the clock with time_fake(). */
#ifndef PAYSTREAK_BASE_TIME_H
#define PAYSTREAK_BASE_TIME_H
#include "base/str.h"

struct tp { int64_t us; };
struct civil { int year, month, day, hour, minute, second, us; int weekday; /* 0 = Sunday */ };

struct tp time_now(void);                     /* any thread */
int64_t time_mono_us(void);                   /* any thread */
int64_t time_now_ms(void);                    /* wall, milliseconds */
void time_fake(bool on, struct tp now);       /* tests only: wall clock stands at `now` */
struct civil civil_of(struct tp t);           /* proleptic Gregorian, UTC */
struct tp civil_tp(const struct civil *c);
int64_t days_from_civil(int year, int month, int day); /* days since 1970-01-01 */
bool civil_valid(int year, int month, int day);
/* "2024-01-02T03:04:05.123456Z"; digits of the fraction: 0, 3, 6 or 7 (Azure's ticks). */
char *time_iso(struct tp t, int fraction_digits, char out[40]);
/* ISO 8601 date or date-time, with zone or offset, or UTC if none; false if malformed. */
bool time_parse_iso(struct str s, struct tp *out);
#endif
