/* optimize -- OPTIMIZE: small files joined, rows with deletion vectors dropped from files, and with
 * ZORDER BY the rows of a partition ordered so that each file holds a small box of their values.
 *
 * One commit with dataChange=false: streaming readers see nothing new, appends meanwhile are no conflict.
 * Blocks; a duck_conn for the caller alone. */
#ifndef PAYSTREAK_LAKE_OPTIMIZE_H
#define PAYSTREAK_LAKE_OPTIMIZE_H
#include "lake/skip.h"
#include "lake/write.h"

enum { LAKE_ZORDER_MAX = 8 /* columns */ };
struct lake_optimize_opts {
    const struct lake_predicate *where;   /* over partition columns; NULL: all */
    struct str where_text;                /* for the history */
    const struct str *zorder;             /* columns */
    size_t zorder_count;
    int64_t target_bytes;                 /* 0: delta.targetFileSize or 256 MiB */
    void (*progress)(void *ctx, int64_t done, int64_t total); /* files; may be NULL */
    void *ctx;
};
struct lake_optimized { int64_t version, removed, removed_bytes, added, added_bytes, considered, partitions; };
/* 0 and what was done; nothing worth it is no commit. Errors: ERR_INPUT (`where` asks for a column that is
 * no partition's; ZORDER by a partition column, one that is not there or cannot be ordered),
 * ERR_CONFLICT, retriable. */
int lake_optimize(struct lake_table *t, struct duck_conn *c, const struct lake_optimize_opts *o, struct lake_optimized *out,
                  struct err *err) MUST_CHECK;
#endif
