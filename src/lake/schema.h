/* schema -- how a transaction's schema grows, and what every change of metadata ends in. */
#ifndef PAYSTREAK_LAKE_SCHEMA_H
#define PAYSTREAK_LAKE_SCHEMA_H
#include "lake/txn_int.h"

/* Does every value of `from` have its equal in `to`, as type widening allows it? `by_itself`: only what schema
 * evolution does without being told (integers to wider integers, not to decimal or double). */
bool type_can_widen(const struct type *from, const struct type *to, bool by_itself);
/* A field's metadata with one more entry in delta.typeChanges. */
const struct doc *metadata_type_change(struct arena *a, const struct doc *metadata, const struct type *from, const struct type *to, struct str path);
/* The schema takes the columns and nested fields of `wanted` that it lacks, and widens where it may. */
int schema_grow(struct lake_txn *x, const struct type *wanted, struct err *err) MUST_CHECK;
/* After a change of schema or properties: names, column ids, row tracking, protocol. */
int txn_settle(struct lake_txn *x, struct err *err) MUST_CHECK;
/* mapping.c: delta.enableRowTracking = true on a table: names of columns for kept ids, ids for the files that are there. */
int tracking_settle(struct lake_txn *x, struct err *err) MUST_CHECK;
#endif
