/* compact_int -- the parts of a compaction run. */
#ifndef PAYSTREAK_HUB_COMPACT_INT_H
#define PAYSTREAK_HUB_COMPACT_INT_H
#include "hub/compact.h"

/* Steps through the batches of a segment, their CRC checked. */
struct compact_cursor { const struct seg *seg; int64_t pos; size_t at; struct buf window; };
void compact_cursor_start(struct compact_cursor *c, const struct seg *s); /* again, for the next segment, too */
void compact_cursor_release(struct compact_cursor *c);
/* 1: a whole batch, valid until the next call; 0: the end; -1. */
int compact_cursor_next(struct compact_cursor *c, struct batch *b, struct str *bytes, struct err *err) MUST_CHECK;

/* key -> the last offset it was seen at. */
struct compact_map;
struct compact_map *compact_map_new(size_t bytes);
void compact_map_free(struct compact_map *m);
bool compact_map_put(struct compact_map *m, struct str key, int64_t offset); /* false: full */
int64_t compact_map_get(const struct compact_map *m, struct str key);        /* -1: not there */

/* What stays of batches. */
struct compact_cleaner {
    struct compact_run *run;
    const struct compact_map *map;
    int64_t known;                  /* keys of records before it are in the map */
    struct map *writing;            /* producer ids with records since their last marker */
    struct batch_reader reader;
    struct buf body, batch;
};
void compact_cleaner_init(struct compact_cleaner *c, struct compact_run *r, const struct compact_map *m, int64_t known);
void compact_cleaner_release(struct compact_cleaner *c);
/* *out: `bytes` itself, or another batch, valid until the next call; len 0: nothing stays. */
int compact_batch(struct compact_cleaner *c, const struct batch *b, struct str bytes, struct str *out, struct err *err) MUST_CHECK;

/* The group's segments become `fresh`, whose bytes are in .cleaned, synced. *renamed tells after a failure. */
int compact_swap(const struct compact_run *r, const struct compact_group *g, bool *renamed, struct err *err) MUST_CHECK;
char *compact_cleaned_path(const char *dir, int64_t base); /* mem_free() */
#endif
