/* verify -- is a table what its log says: files, sizes, rows, statistics, checkpoints, the log itself.
 *
 * Nothing is changed. What is found is told one by one through a callback, so that a table with a
 * million broken files needs no memory for it. Blocks; a duck_conn for the caller alone. */
#ifndef PAYSTREAK_LAKE_VERIFY_H
#define PAYSTREAK_LAKE_VERIFY_H
#include "lake/log.h"

struct lake_finding {
    const char *check;            /* "log", "file", "size", "parquet", "rows", "vector", "stats", "change", "checkpoint", "crc" */
    struct str path;              /* of the file it is about, as logged or below the log folder */
    const char *problem;          /* a sentence's part */
};
typedef void (*lake_finding_fn)(void *ctx, const struct lake_finding *f);

struct lake_verify_opts {
    bool full;                    /* reads every row: statistics against data */
    lake_finding_fn found;
    /* May be NULL. Told as it goes: `done` of `total` files. */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *ctx;
};
struct lake_verified { int64_t version, files, bytes, rows, findings; };
/* 0 if the table could be looked at, whatever was found; -1 if it could not be read at all. */
int lake_verify(struct lake_table *t, struct duck_conn *c, const struct lake_verify_opts *o, struct lake_verified *out,
                struct err *err) MUST_CHECK;
#endif
