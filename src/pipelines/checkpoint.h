/* checkpoint -- a flow's state folder: its query id and the batches it planned.
 *
 * Invariants:
 *   1. offsets/N is durable before anything of batch N reaches the target.
 *   2. Batch N+1 is planned only after N has landed: at most the last planned batch is in doubt, and
 *      the target's txn(appId = query id) says whether it landed. commits/N is a hint, never fsynced.
 *   3. sources/i/N is durable before an offset that names it.
 *   4. offsets/N and offsets/N-1 are there for the last N; older ones are dropped CHECKPOINT_KEEP behind.
 *
 * Thread: the worker that runs the flow. All calls block. */
#ifndef PAYSTREAK_PIPELINES_CHECKPOINT_H
#define PAYSTREAK_PIPELINES_CHECKPOINT_H
#include "pipelines/offsets.h"

enum { CHECKPOINT_KEEP = 100, CHECKPOINT_COMPACT = 10 };

struct checkpoint {
    char *dir;                     /* owned */
    char id[UUID_TEXT];            /* query id */
    bool found;                    /* metadata was there */
    int64_t last;                  /* newest planned batch, -1: none */
    struct batch_plan plan, before;/* of `last` and of last - 1; in `arena` */
    struct arena *arena;
};

/* Opens the folder, reading the query id and the last plans if they are there. */
int checkpoint_open(struct checkpoint *c, const char *dir, struct err *err) MUST_CHECK;
void checkpoint_close(struct checkpoint *c);
/* Makes metadata with a new query id. Pre: !c->found. */
int checkpoint_create(struct checkpoint *c, struct err *err) MUST_CHECK;
/* Plans batch last + 1: durable when it returns 0. `p` is copied. */
int checkpoint_plan(struct checkpoint *c, const struct batch_plan *p, struct err *err) MUST_CHECK;
/* Batch `last` landed: writes commits/N and drops what is old. Failures are logged only. */
void checkpoint_landed(struct checkpoint *c);
/* Deletes the folder: a full refresh. */
int checkpoint_reset(struct checkpoint *c, struct err *err) MUST_CHECK;

/* The file log of source `index`: all entries in `a`, and the newest log offset (-1: none). */
int seen_load(const struct checkpoint *c, struct arena *a, size_t index, struct seen_files *out, int64_t *newest,
              struct err *err) MUST_CHECK;
/* Writes log offset `n`. Every CHECKPOINT_COMPACT-th holds `all` files ever seen and older ones go. */
int seen_append(const struct checkpoint *c, size_t index, int64_t n, const struct seen_files *fresh,
                const struct seen_files *all, struct err *err) MUST_CHECK;
#endif
