/* skip -- which data files may hold a row that a predicate is true for, told by partition values and
 * statistics alone. Never drops a file that has such a row; what cannot be told keeps the file. Pure. */
#ifndef PAYSTREAK_LAKE_SKIP_H
#define PAYSTREAK_LAKE_SKIP_H
#include "lake/log.h"

enum lake_op {
    LAKE_EQ, LAKE_NE, LAKE_LT, LAKE_LE, LAKE_GT, LAKE_GE, /* column, one value */
    LAKE_IN, LAKE_NOT_IN,                                 /* column, values */
    LAKE_STARTS_WITH,                                     /* column, one value: a prefix */
    LAKE_IS_NULL, LAKE_NOT_NULL,                          /* column */
    LAKE_AND, LAKE_OR, LAKE_NOT,                          /* args */
    LAKE_ANY                                              /* what we have no word for: may be true */
};
/* A tree. Rows for which it is NULL do not match. Values are text in the form of partition values:
 * 42, 1.50, text, 2024-01-02, 2024-01-02T03:04:05.123456Z (a blank for T, and no zone meaning UTC, are
 * as good), true. */
struct lake_predicate {
    enum lake_op op;
    struct str column;                    /* by name; of a struct: "a.b" */
    const struct str *values;
    size_t value_count;
    const struct lake_predicate *const *args;
    size_t arg_count;
};
enum { LAKE_PREDICATE_DEPTH = 100 };

bool lake_may_match(const struct lake_snapshot *s, const struct lake_file *f, const struct lake_predicate *p);
/* The same of many files: may[i] of files[i]. */
void lake_match_files(const struct lake_snapshot *s, const struct lake_file *const *files, size_t count, const struct lake_predicate *p, bool *may);
/* The files of the snapshot that may match, in its order, in the arena; returns how many. `p` NULL: all. */
size_t lake_prune(struct arena *a, const struct lake_snapshot *s, const struct lake_predicate *p, const struct lake_file ***out);
/* Does `p` ask for partition columns only? Then a file matches whole or not at all. */
bool lake_partition_only(const struct lake_snapshot *s, const struct lake_predicate *p);
/* "day >= '2024-01-01' AND (region IN ('EU', 'US') OR region IS NULL)": comparisons of columns and
 * constants, AND, OR, NOT, IN, BETWEEN, LIKE 'prefix%', IS [NOT] NULL. NULL with ERR_INPUT, or with
 * ERR_INPUT naming a column that is not there. In the arena. */
const struct lake_predicate *lake_predicate_parse(struct arena *a, const struct lake_snapshot *s, struct str text, struct err *err) MUST_CHECK;
#endif
