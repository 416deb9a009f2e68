/* seg_index -- the sparse index of one log segment, by offset and by time.
 *
 * It answers: at which byte must a reader start scanning to meet offset N, or the first record not
 * older than T? One entry for about every SEG_INDEX_EVERY bytes of log. Two files, Kafka's formats,
 * big-endian, entry i of both about the same batch:
 *     .index      i32 offset relative to the segment's base, i32 byte position of that batch
 *     .timeindex  i64 largest timestamp up to and including that batch, i32 relative offset
 * Invariant: offsets and positions strictly increase, timestamps never fall. The files only cache
 * what the log says: they are written when the segment is closed, never fsynced, and a damaged pair
 * is refused, so that the log is scanned instead.
 *
 * No I/O in here. Thread: the hub loop only. */
#ifndef PAYSTREAK_HUB_SEG_INDEX_H
#define PAYSTREAK_HUB_SEG_INDEX_H
#include "base/base.h"

enum { SEG_INDEX_EVERY = 4096, SEG_OFFSET_BYTES = 8, SEG_TIME_BYTES = 12 };

struct seg_entry { uint32_t offset_rel, pos; int64_t max_ts; };
struct seg_index { struct seg_entry *items; size_t count, cap; };

void seg_index_release(struct seg_index *ix); /* empty afterwards */
/* Notes a batch. Entries too near the one before are left out unless `always`.
 * Pre: offset_rel and pos greater than in the call before. */
void seg_index_add(struct seg_index *ix, uint32_t offset_rel, uint32_t pos, int64_t max_ts, bool always);
/* The last entry at or before `offset_rel`; position 0 if there is none. */
uint32_t seg_index_find(const struct seg_index *ix, uint32_t offset_rel);
/* Where to start looking for the first batch with a timestamp >= `ts`. */
uint32_t seg_index_find_time(const struct seg_index *ix, int64_t ts);
void seg_index_save(const struct seg_index *ix, struct buf *offsets, struct buf *times);
/* Fills an empty index. ERR_CORRUPT (index stays empty) if the two are no pair or break the invariant
 * or point past `log_bytes`. */
int seg_index_load(struct seg_index *ix, struct str offsets, struct str times, int64_t log_bytes,
                   struct err *err) MUST_CHECK;
#endif
