/* producers -- what a partition remembers of its idempotent producers, so that a batch sent twice is
 * stored once.
 *
 * Per producer id: its epoch and its last PRODUCER_WINDOW batches (first and last sequence, offset).
 * A batch that equals one of them is a duplicate and is answered with its old offset; any other must
 * start right after the last sequence (2^31-1 is followed by 0). A new epoch starts at 0. A producer
 * that is not known may start anywhere: its state expired.
 *
 * Transactions: a transactional batch opens one at its offset, which the marker ends (a control batch;
 * its epoch, if higher, fences the producer's older ones). While one is open, the producer's batches are
 * all transactional. The broker's own transactional batches (committed offsets) have sequence -1 and
 * leave no trace in the window.
 *
 * Named producers are ours (an outbox that replays after a crash): their id is made from the name,
 * PRODUCER_NAMED set. They number batches, not records, with 46 bits: epoch holds the upper 15,
 * sequence the lower 31. A number not above the last is a duplicate, gaps are fine, and they never
 * expire.
 *
 * Snapshot file: "PSPROD01", u32be crc32c of the rest, u32be count, then per producer i64 id, i16
 * epoch, u8 batches, u8 flags, i64 last use in ms, with flag PRODUCER_IN_TXN i64 first offset of the open
 * transaction, with PRODUCER_HAS_COORDINATOR i32 epoch of the coordinator that ended the last one, and per
 * batch, oldest first, i32 first, i32 last, i64 offset. It says the state at the offset that is its name: DIR/<offset>.snapshot.
 * No I/O; thread: the hub loop. */
#ifndef PAYSTREAK_HUB_PRODUCERS_H
#define PAYSTREAK_HUB_PRODUCERS_H
#include "hub/batch.h"
#include "hub/kerr.h"

enum { PRODUCER_WINDOW = 5, PRODUCERS_MAX = 100000 };
#define PRODUCER_NAMED (INT64_C(1) << 62)
#define PRODUCER_EXPIRY_MS (INT64_C(7) * 86400000)
#define PRODUCER_MAX_NUMBER ((INT64_C(1) << 46) - 1)

struct producers;
struct producers *producers_new(void);
void producers_free(struct producers *p);

/* May this batch be appended? NONE: yes. DUPLICATE_SEQUENCE_NUMBER: it is there already, at
 * *offset (-1: longer ago than the window). Else the code to refuse it with. */
enum kerr producers_check(const struct producers *p, const struct batch *b, int64_t *offset);
/* Remembers an appended batch (its base_offset is set). Batches without a producer are ignored. */
void producers_note(struct producers *p, const struct batch *b, int64_t now_ms);
void producers_expire(struct producers *p, int64_t now_ms);
size_t producers_count(const struct producers *p);

/* A marker at `offset` ended the producer's transaction. Returns the offset it began at, -1 if none was open. */
int64_t producers_end_txn(struct producers *p, const struct batch *b, int32_t coordinator_epoch, int64_t now_ms);
/* Where the oldest open transaction began, -1: none is open. */
int64_t producers_oldest_txn(const struct producers *p);

/* What is known of one, for those who ask; window empty: last_sequence -1. */
struct producer_state { int64_t id, used_ms, txn_first; int32_t last_sequence, coordinator_epoch; int16_t epoch; };
/* Iterates: size_t at = 0; while (producers_next(…)). Named ones too. */
bool producers_next(const struct producers *p, size_t *at, struct producer_state *out);
bool producers_get(const struct producers *p, int64_t id, struct producer_state *out);

void producers_save(const struct producers *p, struct buf *out);
/* Into an empty state. False if the bytes are not a whole snapshot; then nothing is remembered. */
bool producers_load(struct producers *p, struct str bytes);

int64_t producer_named_id(struct str name);     /* PRODUCER_NAMED and 61 bits of a hash */
/* A named producer's batch number from 0 as epoch and sequence. */
static inline int16_t producer_number_epoch(int64_t number) { return (int16_t)(number >> 31); }
static inline int32_t producer_number_sequence(int64_t number) { return (int32_t)(number & INT32_MAX); }
#endif
