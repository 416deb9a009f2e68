/* date -- dates as .NET reads and prints them: 100 ns ticks since 0001-01-01 with a kind.
 *
 * Read: ISO 8601 (also yyyy-MM and yyyy/MM/dd), M/d/yyyy [h:mm:ss tt], 05 Mar 2024, March 5, 2024,
 * RFC 1123; each with an optional time. Not: digits only, an empty string, hour 24. A date with an
 * offset is converted to UTC. Printed by .NET's standard letters and custom formats. Pure. */
#ifndef PAYSTREAK_FACTORY_DATE_H
#define PAYSTREAK_FACTORY_DATE_H
#include "base/base.h"

enum date_kind {
    DATE_PLAIN,  /* no zone given; printed without one */
    DATE_UTC,    /* Z */
    DATE_OFFSET, /* had an offset; now UTC, printed +00:00 */
};
struct date { int64_t ticks; enum date_kind kind; };

enum { DATE_FORMAT_MAX = 200 };
#define DATE_TICKS_S INT64_C(10000000)
#define DATE_TICKS_DAY (INT64_C(86400) * DATE_TICKS_S)
#define DATE_TICKS_MAX (INT64_C(3652059) * DATE_TICKS_DAY - 1) /* 9999-12-31T23:59:59.9999999 */

struct date_parts { int year, month, day, hour, minute, second, fraction /* 100 ns */, weekday, yearday; };

bool date_read(struct str text, struct date *out);
struct date_parts date_split(struct date d);
int64_t date_ticks(int year, int month, int day); /* pre: a valid day */
struct date date_of_tp(struct tp t);              /* UTC */
struct tp date_tp(struct date d);
/* Adds months; the day is clipped to the month's end. false: out of range. */
bool date_add_months(struct date *d, int64_t months);
bool date_add_ticks(struct date *d, int64_t ticks);

struct date_culture;
const struct date_culture *date_culture_find(struct str name); /* "en-US", "fr-FR" …; NULL: not known */
/* Errors: -1, ERR_INPUT (a format that is none). culture NULL: en-US. */
int date_print(struct buf *out, struct date d, struct str format,
               const struct date_culture *culture, struct err *err) MUST_CHECK;
#endif
