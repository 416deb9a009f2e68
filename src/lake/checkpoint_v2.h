/* checkpoint_v2 -- writing V2 checkpoints, for tables with delta.checkpointPolicy = v2. */
#ifndef PAYSTREAK_LAKE_CHECKPOINT_V2_H
#define PAYSTREAK_LAKE_CHECKPOINT_V2_H
#include "lake/log_int.h"

/* The rows of a SELECT as a Parquet file at `path`, fsynced; *st gets what it is. */
int checkpoint_make_file(struct duck_conn *c, struct str select, const char *path, struct fs_stat *st, struct err *err) MUST_CHECK;
/* Writes the state in `lines`, given as the SQL that reads it (a column per action), as the V2 checkpoint of
 * `version`; files are made in `dir` first. *size gets the bytes of both files. */
int checkpoint_v2_write(struct arena *a, struct lake_table *t, struct duck_conn *c, struct str lines_sql, const char *dir, int64_t version,
                        int64_t *size, struct err *err) MUST_CHECK;
/* Deletes the sidecars of checkpoints before `version` that are older than `before_us`. Returns how many. */
int64_t checkpoint_v2_clean(struct arena *a, struct lake_table *t, int64_t version, int64_t before_us, struct err *err) MUST_CHECK;
#endif
