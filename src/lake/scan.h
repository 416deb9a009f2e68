/* scan -- a snapshot, or some of its files, as text of a DuckDB relation.
 *
 * The text is a parenthesised SELECT whose columns are the table's, by name, order and type; it
 * can stand in FROM, as long as the snapshot is held: remote files are fetched here, and pinned by it. Files lack columns added later (NULL) and partition columns (constants); with
 * column mapping their names differ; deleted rows of deletion vectors are left out. No file: an
 * empty relation of the same columns. Pure but for deletion vectors, which are read when the query runs. */
#ifndef PAYSTREAK_LAKE_SCAN_H
#define PAYSTREAK_LAKE_SCAN_H
#include "lake/log.h"
#include "lake/skip.h"

struct lake_scan {
    const struct str *columns;    /* only these, in this order; NULL: all of the schema */
    size_t column_count;
    bool file_path;               /* adds `_file` VARCHAR: the file's local path */
    bool row_number;              /* adds `_row` BIGINT: the row's place in its file, from 0 */
    bool commit_version;          /* adds `_commit_version` BIGINT: lake_file.version */
    bool change_type;             /* adds `_change_type` VARCHAR: of change data files */
    const struct lake_predicate *where; /* lake_scan_sql: files that cannot match are left out; rows are not filtered */
    bool json_variants;           /* VARIANT values, nested ones too, as JSON: variant.h */
};
/* Once per database, before the first scan. */
int lake_register(struct duck *db, struct err *err) MUST_CHECK;
/* All files of the snapshot. `o` may be NULL. */
int lake_scan_sql(const struct lake_snapshot *s, const struct lake_scan *o, struct buf *sql, struct err *err) MUST_CHECK;
/* Some files, e.g. the adds of a lake_change, read with the snapshot's schema. */
int lake_scan_files_sql(const struct lake_snapshot *s, const struct lake_file *const *files, size_t count,
                        const struct lake_scan *o, struct buf *sql, struct err *err) MUST_CHECK;
/* A path as a quoted text for DuckDB's file functions: its glob characters in brackets. */
void lake_put_path(struct buf *out, struct str path);
/* The schema's columns as an empty relation. */
void lake_empty_sql(const struct type *schema, struct buf *sql);
#endif
