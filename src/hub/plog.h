/* plog -- the log of one partition: segments, appends in groups, recovery, retention.
 *
 * Folder DIR:
 *     <base>.log .index .timeindex     segments (seg.h)
 *     <base>.txns                      transactions a segment's markers aborted (seg_txn.h)
 *     <offset>.snapshot                producer state at that offset (producers.h)
 *     leader-epoch-checkpoint          Kafka's text: version 0, count, then "epoch start-offset" lines
 *     start                            text: log start offset, if records were deleted
 *     cleaned                          text: all before this offset went through a compaction (compact.h)
 *     clean                            text: base, size and end of the last segment at an orderly end
 *
 * Life of a batch: plog_append() checks it, gives it offsets and copies it into the staged bytes;
 * plog_stage_take() hands what is staged to a flush job; the disk thread writes and syncs it
 * (plog_flush_write, plog_flush_sync); plog_flushed() on the hub loop moves the high watermark. Only
 * then do readers see it and producers hear of it. One flush of a log is under way at a time.
 *
 * Invariants: offsets in a log strictly increase, and within the last segment without gaps; a segment is
 * durable before the next one exists; bytes below seg->synced never change; the high watermark never
 * falls; a log whose write or sync failed takes no more (it is offline).
 *
 * Recovery: segments but the last are taken as they are. The last is scanned with CRCs from its
 * start (from its end, if `clean` fits the file); a torn end is cut off, and said so.
 *
 * Thread: the hub loop; plog_flush_* the disk thread. */
#ifndef PAYSTREAK_HUB_PLOG_H
#define PAYSTREAK_HUB_PLOG_H
#include "hub/producers.h"
#include "hub/seg.h"

enum { PLOG_HINTS = 8, PLOG_MAX_EPOCHS = 10000 };
#define PLOG_SEGMENT_BYTES (INT64_C(128) << 20)

enum { PLOG_KEPT = 12 };

struct plog_config {
    int64_t segment_bytes;          /* a segment is closed before it passes this */
    int64_t retention_ms, retention_bytes; /* -1: no limit */
    int32_t max_batch_bytes;
    bool append_time;               /* LogAppendTime: the hub's clock is the record's timestamp */
    bool page_cache;                /* acknowledged when the kernel has it: a crash of ours loses nothing, one of the machine may */
    bool compact, keep;             /* cleanup.policy: by key; keep: not by time and size */
    int64_t segment_ms;             /* a segment is closed before its records span this; 0: never for that */
    int64_t delete_retention_ms, min_lag_ms, max_lag_ms; /* of compaction: tombstones; left alone; done at the latest (0: never) */
    int32_t min_dirty_permille;     /* of a log's closed bytes, to be worth a compaction */
    int64_t kept[PLOG_KEPT];        /* settings.h: settings that say nothing to a log */
};

struct plog_epoch { int32_t epoch; int64_t start; };
struct plog_hint { struct seg *seg; int64_t offset, pos; };

struct plog_stage {                 /* bytes on their way to one segment */
    struct seg *seg;
    struct buf bytes;
    int64_t pos;                    /* where in the file they go */
    int64_t next_offset;
    bool create;                    /* the file is new: write `snapshot` beside it, then sync DIR */
    struct seg *before;             /* the segment that this one follows in this log's life; NULL: none */
    struct buf snapshot, epochs;    /* empty: nothing to write */
};
struct plog_flush { struct plog *log; struct plog_stage *stages; size_t count; bool page_cache; int failed; struct err err; };

struct plog {
    char *dir, *label;              /* label: "namespace/hub-0" for messages */
    const struct plog_config *cfg;  /* the topic's, which outlives the log */
    void *owner;                    /* the topic's partition; the hub's */
    struct seg **segs;              /* ascending; the last is appended to */
    size_t seg_count, seg_cap;
    int64_t start_offset, next_offset, high_watermark;
    int32_t epoch;                  /* of this run */
    struct plog_epoch *epochs;
    size_t epoch_count, epoch_cap;
    struct producers *producers;
    struct plog_stage *staged;
    size_t staged_count, staged_cap;
    bool flushing, offline, roll_next;
    bool compacting;                /* closed segments are being compacted: none is dropped meanwhile */
    int64_t cleaned_to;             /* file `cleaned`; -1: not read yet */
    struct plog_hint hints[PLOG_HINTS];
    size_t next_hint;
    uint64_t events, bytes;         /* appended since start */
    int64_t open_first;             /* where the oldest open transaction began; -1: none is open */
    struct txn_aborted *ended;      /* ended ones, committed too, whose markers may not be durable */
    size_t ended_count, ended_cap;
};

/* Opens or makes the log. `epoch` is this run's, greater than all before. */
struct plog *plog_open(const char *dir, const char *label, const struct plog_config *cfg, int32_t epoch,
                       struct err *err) MUST_CHECK;
/* Frees it; with `orderly` notes the state, so that the next open need not scan. Pre: nothing staged. */
void plog_close(struct plog *log, bool orderly);

/* Appends one validated batch (header `b` of `bytes`), `now_ms` by the wall clock. NONE: staged, and
 * *base_offset is its first offset. DUPLICATE_SEQUENCE_NUMBER: it is there, *base_offset may be -1.
 * Anything else: refused, nothing changed. */
enum kerr plog_append(struct plog *log, const struct batch *b, const char *bytes, int64_t now_ms,
                      int64_t *base_offset);
/* Moves on to `offset` if the log ends before it: offsets once given are never given again. */
void plog_skip_to(struct plog *log, int64_t offset);

bool plog_has_staged(const struct plog *log);
void plog_stage_take(struct plog *log, struct plog_flush *out);
int plog_flush_write(struct plog_flush *f);   /* disk thread; on failure f->err */
int plog_flush_sync(struct plog_flush *f);    /* disk thread */
/* The flush ended: its bytes are visible, or the log is offline. Releases what the flush holds. */
void plog_flushed(struct plog_flush *f, int64_t now_ms);

/* Appends to `out` whole batches from the one that holds `offset` on, up to max_bytes; the first comes
 * whole even if larger when `first_whole`. Returns the bytes added; 0: nothing there yet.
 * Pre: start_offset <= offset <= high_watermark. */
int64_t plog_read(struct plog *log, int64_t offset, size_t max_bytes, bool first_whole, struct buf *out,
                  struct err *err) MUST_CHECK;
/* The same, but no batch at or behind `to`, which is where a batch begins or the end. */
int64_t plog_read_to(struct plog *log, int64_t offset, int64_t to, size_t max_bytes, bool first_whole, struct buf *out,
                     struct err *err) MUST_CHECK;
/* First record with a timestamp >= ts: *offset -1 if none. */
int plog_offset_of_time(struct plog *log, int64_t ts, int64_t *offset, int64_t *found_ts, struct err *err) MUST_CHECK;
/* The record with the largest timestamp; *offset -1 if the log is empty. */
void plog_max_time(const struct plog *log, int64_t *offset, int64_t *ts);
/* Where `epoch` ended: the largest known epoch not above it and its end offset; -1, -1 if unknown. */
void plog_epoch_end(const struct plog *log, int32_t epoch, int32_t *found, int64_t *end);
/* Bytes durable from `offset` on, about. */
int64_t plog_bytes_after(struct plog *log, int64_t offset);
/* The same, of those before `to` too. */
int64_t plog_bytes_between(struct plog *log, int64_t offset, int64_t to);
int64_t plog_size(const struct plog *log);
/* Drops segments that are too old or too much. Returns how many. */
int plog_retain(struct plog *log, int64_t now_ms);
/* Nothing before `offset` is readable any more; durable on return. Pre: offset <= high_watermark. */
int plog_delete_before(struct plog *log, int64_t offset, struct err *err) MUST_CHECK;
/* Index of the segment that holds `offset`. */
size_t plog_seg_of(const struct plog *log, int64_t offset);

/* ------------------------------------------------------------------ transactions (plog_txn.c) */

/* Everything before it is durable, and committed or aborted for good. */
int64_t plog_stable_offset(struct plog *log);
/* No read from `offset` goes beyond this: it ends with a segment. */
int64_t plog_read_bound(const struct plog *log, int64_t offset);
/* Calls `record` for each durable record from the start of the log, and `marker` (NULL: they are passed over) for each control
 * batch, whose bytes begin `bytes`. What is given lives during the call. Stops at the first -1. */
struct plog_visitor {
    int (*record)(void *ctx, const struct batch *b, const struct record *rec, struct err *err);
    void (*marker)(void *ctx, const struct batch *b, struct str bytes);
};
int plog_replay(struct plog *log, const struct plog_visitor *v, void *ctx, struct err *err) MUST_CHECK;
/* Adds the aborted transactions that overlap [from, to), in the order of their markers. */
int plog_aborted(struct plog *log, int64_t from, int64_t to, struct txn_aborts *out, struct err *err) MUST_CHECK;
/* What a batch, appended or replayed, does to producers and transactions; `s`: where it lies. `bytes`: of a
 * control batch. */
void plog_note_producer(struct plog *log, struct seg *s, const struct batch *b, const char *bytes, int64_t now_ms);
void plog_txns_loaded(struct plog *log); /* the producers' state was loaded */
bool plog_load_snapshot(struct plog *log, int64_t offset);
int plog_need_txns(struct plog *log, struct seg *s, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ compaction (plog_compact.c) */

struct plog_compaction;
/* How much it is worth now, in thousandths of the closed bytes that are not clean; 0: nothing to do. */
int32_t plog_compact_worth(struct plog *log, int64_t now_ms);
/* Prepares one, with a table of keys of that size; NULL and err: nothing is changed. It is then run on any thread, and ended on the hub loop. */
struct plog_compaction *plog_compact_start(struct plog *log, int64_t now_ms, size_t map_bytes, struct err *err) MUST_CHECK;
void plog_compact_cancel(struct plog_compaction *c); /* it ends soon */
void plog_compact_work(struct plog_compaction *c);
/* The log has the new segments. Frees it. -1: err tells what went wrong; the log is whole. */
int plog_compact_end(struct plog_compaction *c, struct err *err) MUST_CHECK;
#endif
