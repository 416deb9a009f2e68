/* maintain -- keeping a table fast and small: joining small files, deleting files nobody needs.
 *
 * Both are safe beside writers and readers. Calls block; a duck_conn for the caller alone. */
#ifndef PAYSTREAK_LAKE_MAINTAIN_H
#define PAYSTREAK_LAKE_MAINTAIN_H
#include "lake/write.h"

struct lake_compact_opts {
    int64_t min_bytes;            /* smaller files are left alone; usually 0 */
    int64_t small_bytes;          /* files below it are joined; 0: 16 MiB */
    int64_t target_bytes;         /* 0: delta.targetFileSize or 128 MiB */
    int64_t max_bytes;            /* work of one call; 0: 1 GiB */
    int min_files;                /* a partition with fewer small files is left alone; 0: 8 */
};
/* Rewrites the small files of each partition as few large ones, in their order, with
 * dataChange=false: streaming readers see nothing new. `o` may be NULL. Returns how many files were
 * replaced, 0 if none was worth it. ERR_CONFLICT (retriable) if another writer removed one meanwhile. */
int64_t lake_compact(struct lake_table *t, struct duck_conn *c, const struct lake_compact_opts *o, struct err *err) MUST_CHECK;

/* Upkeep of a table that is committed to all the time: joins files level by level (below 256 KiB, 4 MiB,
 * 32 MiB), each level once it has LAKE_LEVEL_FILES files of a partition, so that a row is rewritten at
 * most once a level. Cheap when there is nothing to do: call it every few seconds from a worker.
 * A table with delta.autoOptimize.autoCompact = false is left alone; where it is true, lake_txn_commit() calls
 * it after each commit that brings rows, and its failure there is logged and harms nothing.
 * Returns how many files were replaced; losing to another writer is 0, not an error. */
enum { LAKE_LEVEL_FILES = 32 };
int64_t lake_maintain(struct lake_table *t, struct duck_conn *c, struct err *err) MUST_CHECK;

struct lake_vacuum_opts {
    int64_t retention_ms;         /* -1: delta.deletedFileRetentionDuration (7 days) */
    bool dry_run;                 /* only list */
    bool check_retention;         /* ERR_INPUT if retention_ms is below the table's own */
};
/* Deletes data files below the table's folder that no version younger than the retention names and
 * that are older than it themselves; old change data files too. Other hidden files (_ or . in front) are left alone. Returns the
 * count; `*paths` (may be NULL) gets them, relative, in the arena. Older versions cannot be read after. */
int64_t lake_vacuum(struct lake_table *t, struct duck_conn *c, const struct lake_vacuum_opts *o, struct arena *a,
                    char ***paths, struct err *err) MUST_CHECK;
#endif
