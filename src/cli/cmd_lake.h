/* cmd_lake -- what the `lake` commands share: the table that their URI names, opened.
 *
 * A URI is a path, file:, abfss:, s3: … as `resolve` reads them, or catalog.schema.table (one to
 * three parts) of the state's catalog. A path needs neither state nor project; what looks like a
 * name and is a folder here is the folder. */
#ifndef PAYSTREAK_CLI_CMD_LAKE_H
#define PAYSTREAK_CLI_CMD_LAKE_H
#include "cli/cli.h"
#include "lake/scan.h"

struct lake_target {
    struct arena *arena;
    struct duck *db;
    struct duck_conn *conn;
    struct lake_table *table;
    const char *dir;
};
/* The local folder that `uri` names, in the arena. */
int lake_uri_dir(struct arena *a, const struct cli_args *args, struct str uri, const char **dir, struct err *err) MUST_CHECK;
/* Opens args->words[0]; no I/O on the table itself. Release also after a failure. */
int lake_target_open(struct lake_target *t, const struct cli_args *args, struct err *err) MUST_CHECK;
void lake_target_release(struct lake_target *t);
/* The snapshot of --version, --timestamp, or the newest; the caller's reference. NULL on error. */
struct lake_snapshot *lake_target_snapshot(struct lake_target *t, const struct cli_args *args, struct err *err) MUST_CHECK;
/* cli_fail(), but a table that cannot be read is the user's work that failed (1), not our fault. */
int lake_fail(const struct cli_args *args, const struct err *err);
/* --timestamp as an instant. */
int lake_timestamp(const struct cli_args *args, struct tp *out, struct err *err) MUST_CHECK;
#endif
