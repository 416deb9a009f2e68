/* restore -- tables made of what other versions and other tables have: RESTORE, shallow CLONE, CONVERT.
 *
 * No row is read or copied: a commit names files that are there. Blocks; a duck_conn for the caller alone. */
#ifndef PAYSTREAK_LAKE_RESTORE_H
#define PAYSTREAK_LAKE_RESTORE_H
#include "lake/write.h"

struct lake_restored { int64_t version, added, removed, added_bytes, removed_bytes; };
/* Makes the newest version hold what `version` held: its files, schema and properties; the protocol keeps
 * what it has and gets what that version had.
 * ERR_NOT_FOUND names a file that vacuum has deleted; ERR_CONFLICT, retriable. */
int lake_restore(struct lake_table *t, struct duck_conn *c, int64_t version, struct lake_restored *out, struct err *err) MUST_CHECK;

/* A new table in the folder of `to` that names the files of `from`, a version of another table, by absolute path.
 * Vacuum of the other table may then break this one. ERR_EXISTS if there is a table already. */
int lake_clone(const struct lake_snapshot *from, struct lake_table *to, struct duck_conn *c, struct lake_restored *out, struct err *err) MUST_CHECK;

struct lake_convert_opts {
    const struct type *partition;     /* struct: names and types of the folders' k=v parts, in their order; NULL: none */
    struct lake_pairs properties;
};
/* Makes the Parquet files below the table's folder a Delta table: hidden ones (_ or . in front) left
 * out, columns of all files, by name. Errors: ERR_EXISTS, ERR_NOT_FOUND (no Parquet file), ERR_INPUT (a
 * file whose folders are not the partition columns, or whose column has another type than in the others),
 * ERR_UNSUPPORTED (a column of a type that tables have not, an object store). */
int lake_convert(struct lake_table *t, struct duck_conn *c, const struct lake_convert_opts *o, struct lake_restored *out, struct err *err) MUST_CHECK;
#endif
