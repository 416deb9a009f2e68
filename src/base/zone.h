/* zone -- time zones: civil time at a place, from the system's zone files.
 *
 * A zone is found by its IANA name ("Europe/Berlin") or its Windows name ("W. Europe Standard
 * Time"), both without regard to case for Windows names; the table of Windows names is CLDR's. The
 * files are TZif (RFC 8536) below /usr/share/zoneinfo or $TZDIR. Zones are read once and kept for
 * the life of the process. Thread-safe. */
#ifndef PAYSTREAK_BASE_ZONE_H
#define PAYSTREAK_BASE_ZONE_H
#include "base/str.h"

struct zone;
/* Blocks the first time (reads a small file). NULL and ERR_INPUT if there is no such zone. */
const struct zone *zone_find(struct str name, struct err *err) MUST_CHECK;
bool zone_is_utc(const struct zone *z);
/* Seconds east of UTC at an instant (seconds since 1970). */
int32_t zone_offset(const struct zone *z, int64_t unix_s);
/* The instants at which the zone's clocks show `local_s` (civil time as seconds since 1970):
 * 0 (skipped), 1, or 2 (shown twice, earlier first). */
int zone_instants(const struct zone *z, int64_t local_s, int64_t unix_s[2]);
#endif
