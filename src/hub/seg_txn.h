/* seg_txn -- what a segment knows of transactions: those that a marker in it aborted.
 *
 * A reader of committed records needs the aborted transactions that overlap what it reads. A marker may lie
 * segments behind the records it aborts, so each segment also says where the oldest transaction began that was
 * open at its end: a search stops at the first segment whose end leaves none open that matters.
 *
 * File <base>.txns: "PSTXNS01", u32be crc32c of the rest, i64 bytes of the segment, i64 oldest open at the end
 * (-1: none), u32be count, and per aborted transaction, in the order of markers, i64 producer id, i64 first offset, i64 offset of the
 * marker. It is a hint as the indexes are: written when the segment is closed, never synced, and made again from
 * the snapshot at the segment's base and its batches if it is not whole.
 * No I/O in here. Thread: the hub loop; a list may be copied away. */
#ifndef PAYSTREAK_HUB_SEG_TXN_H
#define PAYSTREAK_HUB_SEG_TXN_H
#include "base/base.h"

struct txn_aborted { int64_t producer_id, first, last; }; /* last: the marker's offset */
struct txn_aborts { struct txn_aborted *items; size_t count, cap; };

void txn_aborts_release(struct txn_aborts *a);
void txn_aborts_add(struct txn_aborts *a, struct txn_aborted one);
/* Does a batch of that producer at `offset` belong to an aborted transaction? */
bool txn_aborts_hold(const struct txn_aborts *a, int64_t producer_id, int64_t offset);

struct seg_txns { struct txn_aborts aborts; int64_t open_first; bool known; }; /* known false: see the file */

void seg_txns_release(struct seg_txns *t);
void seg_txns_save(const struct seg_txns *t, int64_t log_bytes, struct buf *out);
/* Into one that is not known. False: these are not a whole file's bytes, or of a segment of another size; nothing
 * changed. */
bool seg_txns_load(struct seg_txns *t, struct str bytes, int64_t log_bytes);
#endif
