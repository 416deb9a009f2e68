/* crc -- a version's checksum file: the counts that a reader may compare its replay with. */
#ifndef PAYSTREAK_LAKE_CRC_H
#define PAYSTREAK_LAKE_CRC_H
#include "lake/log.h"

/* Writes <version>.crc of a snapshot, unless it is there: whole or not at all. */
int lake_crc_write(const struct lake_snapshot *s, struct err *err) MUST_CHECK;
/* Compares the snapshot with its .crc: 1 equal, 0 there is none, -1 ERR_CORRUPT says what differs, or it cannot be read. */
int lake_crc_check(const struct lake_snapshot *s, struct err *err) MUST_CHECK;
#endif
