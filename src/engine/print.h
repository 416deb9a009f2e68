/* print -- a resolved plan as one DuckDB statement.
 *
 * The only place where SQL text for DuckDB comes from user queries. Functions are printed by the
 * table in functions.c (one row = one Spark function: signature note, how it is printed, or the C
 * function that implements it); a function without a row is refused by name at its place. */
#ifndef PAYSTREAK_ENGINE_PRINT_H
#define PAYSTREAK_ENGINE_PRINT_H
#include "duck/duck.h"
#include "plan/resolve.h"

struct printer {
    /* Writes a DuckDB relation for a leaf, e.g. `read_parquet(['…'])` or `"t"`, whose columns are
     * rel->output's, by name. */
    int (*leaf)(void *ctx, const struct rel *leaf, struct buf *out, struct err *err);
    void *ctx;
    bool ansi;
    struct tp now;
};
int engine_print(const struct rel *resolved, const struct printer *p, struct buf *sql, struct err *err) MUST_CHECK;
/* An expression over a relation whose columns are printed as quoted names of `input`. */
int engine_print_expr(const struct expr *resolved, const struct type *input, const struct printer *p,
                      struct buf *sql, struct err *err) MUST_CHECK;
/* The same, column n of `input` printed as texts[n]: an atom of DuckDB text, `t."a"` for one. condition: as in WHERE,
 * where NULL is the same as false. */
int engine_print_expr_over(const struct expr *resolved, const struct str *texts, size_t count, bool condition, const struct printer *p,
                           struct buf *sql, struct err *err) MUST_CHECK;
/* Macros and C functions that printed text calls; once per database, before the first query. */
int engine_prelude(struct duck *db, struct err *err) MUST_CHECK;
/* Puts Spark's error class before DuckDB's message, when a printed statement failed while it ran. */
void engine_error(struct err *err);
#endif
