/* reader_int -- read handles for other parts of the hub than DuckDB. */
#ifndef PAYSTREAK_HUB_READER_INT_H
#define PAYSTREAK_HUB_READER_INT_H
#include "hub/batch.h"
#include "hub/hub_int.h"

/* As hub_reader_open_some(), at once. Takes the ranges. hold: the hub is not deleted meanwhile; else it may be, and what is read
 * is still there. NULL: err. Thread: the hub loop. */
struct hub_reader *reader_make(struct hub *h, struct topic *t, bool hold, struct hub_ranges *ranges, int64_t max_bytes, struct err *err) MUST_CHECK;
/* A part of a file of batches, of the range with that number. */
struct reader_piece { int32_t range; int64_t pos, end; };
/* A handle over batches that lie in a file of their own, in any order of partitions. Takes the ranges and the caller's
 * reference of `seg`; copies the pieces. Any thread, before anybody else knows of `seg`. */
struct hub_reader *reader_over(struct hub *h, const char *topic, struct hub_ranges *ranges, struct seg *seg, const struct reader_piece *pieces, size_t count);
/* Calls fn for each record of its ranges in turn, as long as it returns 0: returns what it returned last, -1 with err. Strings
 * live during the call. Any thread. */
int reader_each(const struct hub_reader *r, int (*fn)(void *ctx, const struct record *rec, struct err *err), void *ctx, struct err *err) MUST_CHECK;
#endif
