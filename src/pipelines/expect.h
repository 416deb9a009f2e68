/* expect -- expectations: counted in one pass over a batch inside DuckDB, then acted upon.
 *
 * A row violates an expectation if its condition is not TRUE; NULL counts as a violation. WARN keeps
 * the row, DROP ROW leaves it out, FAIL UPDATE stops the flow before anything is written, naming the
 * expectation and a row. A batch is the temporary table BATCH_TABLE of the session's connection. */
#ifndef PAYSTREAK_PIPELINES_EXPECT_H
#define PAYSTREAK_PIPELINES_EXPECT_H
#include "pipelines/model.h"

#define BATCH_TABLE "paystreak_batch"
enum { EXPECT_MAX = 1000, EXPECT_SAMPLE_BYTES = 200 };

struct checks {
    const struct dataset *of;
    struct str *sql;               /* printed conditions, one an expectation */
    int64_t *failed;               /* rows of the batch that violate each */
    size_t count;
    int64_t input, dropped;        /* rows of the batch; of them left out */
};
/* Resolves and prints the conditions over the query's output. Errors carry the place. */
int checks_prepare(struct checks *c, const struct dataset *d, struct session *s, struct arena *a,
                   const struct type *output, struct tp now, struct err *err) MUST_CHECK;
/* Counts over BATCH_TABLE. ERR_USER if a FAIL UPDATE expectation is violated. */
int checks_count(struct checks *c, struct session *s, struct err *err) MUST_CHECK;
/* Appends ` WHERE …` that keeps what DROP ROW leaves. */
void checks_where(const struct checks *c, struct buf *sql);
#endif
