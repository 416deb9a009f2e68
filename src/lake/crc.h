/* crc -- a version's checksum file: the counts that a reader may compare its replay with. */
#ifndef PAYSTREAK_LAKE_CRC_H
#define PAYSTREAK_LAKE_CRC_H
#include "lake/log.h"

/* Writes <version>.crc of a snapshot, unless it is there: whole or not at all. */
int lake_crc_write(const struct lake_snapshot *s, struct err *err) MUST_CHECK;
/* The same beside the commit `txn_id`, for the local table's next reader: nothing is fsynced, and a checksum of more than
 * CRC_EAGER_BYTES or CRC_EAGER_ITEMS transactions or domains is left out. */
enum { CRC_EAGER_BYTES = 64 << 10, CRC_EAGER_ITEMS = 100 };
int lake_crc_write_eager(const struct lake_snapshot *s, struct str txn_id, struct err *err) MUST_CHECK;
/* Compares the snapshot with its .crc: 1 equal, 0 there is none, -1 ERR_CORRUPT says what differs, or it cannot be read. */
int lake_crc_check(const struct lake_snapshot *s, struct err *err) MUST_CHECK;
#endif
