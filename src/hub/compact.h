/* compact -- compaction by key: of all records with one key only the last is kept, at its own offset.
 *
 * A run takes the closed segments of a log from its start and has two passes. The first reads the records from
 * `dirty_from` on and notes, per key, the offset of its last one, in a table of fixed size; if it is full, the run
 * goes only as far as it came. The second reads all of those segments and writes what stays:
 *     a record          if no later one has its key
 *     a tombstone       (value null) as a record, until it has been there for delete.retention.ms; that time begins
 *                       when a run first meets it, and is written into its batch (BATCH_DELETE_HORIZON)
 *     a marker          while records of its transaction are left; then as a tombstone
 * Records of aborted transactions and those without a key go. A batch of which all stays is copied as it is; else it
 * keeps its header, offsets and codec, with fewer records in it. Neighbouring segments are written into one while they
 * fit. Keys are compared by 128 bits of their SHA-256.
 *
 * On disk a group of segments is replaced so: <base>.log.cleaned is written and synced; the file `compaction`, durable,
 * names base and the segments that go; their hints are removed; .cleaned is renamed to .log; the others are unlinked;
 * `compaction` is unlinked. compact_recover() finishes or undoes what a crash left: as long as .cleaned is there, the
 * rename has not happened. Readers keep the files that they hold open.
 *
 * A run works on any thread; what it is given does not change meanwhile. */
#ifndef PAYSTREAK_HUB_COMPACT_H
#define PAYSTREAK_HUB_COMPACT_H
#include "hub/seg.h"
#include <stdatomic.h>

enum { COMPACT_MAP_BYTES = 32 << 20 };     /* about a million keys in a run */

struct compact_group { size_t first, count; struct seg *made; }; /* made NULL: they stay as they are */

struct compact_run {
    const char *dir, *label;
    struct seg *const *segs;               /* closed ones, from the log's start */
    size_t count;
    int64_t dirty_from, end;               /* end: where the last of them ends */
    int64_t now_ms, delete_retention_ms, segment_bytes;
    size_t map_bytes;
    const struct txn_aborts *aborted;      /* that overlap the segments */
    atomic_bool cancel;
    /* What came of it: */
    struct compact_group *groups;          /* owned by the caller, and what they made */
    size_t group_count, group_cap;
    int64_t cleaned_to;                    /* all before it was looked at */
    int64_t bytes_before, bytes_after, dropped;
};

/* -1: err; the groups that were done stand all the same. ERR_CANCELED if it was told to end. */
int compact_run(struct compact_run *r, struct err *err) MUST_CHECK;
/* Before a log's segments are looked for. */
int compact_recover(const char *dir, struct err *err) MUST_CHECK;
#endif
