/* cdf_read -- the change data feed of a table: which rows each commit inserted, updated, deleted. */
#ifndef PAYSTREAK_LAKE_CDF_READ_H
#define PAYSTREAK_LAKE_CDF_READ_H
#include "lake/log.h"

/* The changes of versions `from` to `to`, both included (`to` -1: the newest), as a parenthesised
 * SELECT: the columns of the newest version (with column mapping: of `to`), then `_change_type` (insert, delete, update_preimage,
 * update_postimage), `_commit_version` BIGINT, `_commit_timestamp` TIMESTAMPTZ; in no order.
 * `json_variants` as in lake_scan. `*schema_of` (may be NULL) gets the snapshot with those columns, a reference
 * for the caller.
 * Errors: ERR_INPUT (the feed was not enabled in the whole range, by version; from > to),
 * ERR_NOT_FOUND (a commit of the range is gone), ERR_UNSUPPORTED (the schema changed in between in a
 * way that older rows cannot be read by). */
int lake_cdf_sql(struct lake_table *t, struct duck_conn *c, int64_t from, int64_t to, bool json_variants,
                 struct buf *sql, struct lake_snapshot **schema_of, struct err *err) MUST_CHECK;
#endif
