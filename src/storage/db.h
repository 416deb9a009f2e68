/* db -- an account's metadata: STATE/storage/<account>/.paystreak/meta.db, SQLite in WAL mode.
 *
 *   containers  what a client said of a container; one made by another part has no row
 *   blobs       what a client said of a blob. A row speaks of one state of a file, named by size and
 *               mtime in its key: a row of another state is as none. So a row is written before the
 *               file is renamed to its place, and the rename alone decides which row counts.
 *               Directories have size -1. `ino` is the file's id (disk.h), of files that grow in place (append
 *               blobs): the row then also speaks of this file when it is larger or touched, and its first `size`
 *               bytes count; the rest, and the new time, are what a crash left of an unacknowledged append.
 *   leases      of blobs, and of containers (empty path)
 *   blocks      staged: Put Block (id), DFS append (pos). Their bytes are files in .paystreak/staging
 *   parts       the committed blocks of a blob, in order; valid like its row, by size and mtime
 *   queues, messages
 *
 * One connection for each worker thread; the lane (op.h) lets one writer in at a time. */
#ifndef PAYSTREAK_STORAGE_DB_H
#define PAYSTREAK_STORAGE_DB_H
#include "base/base.h"
#include <sqlite3.h>

struct db; /* opaque */
struct db *db_open(const char *file, struct err *err) MUST_CHECK;
void db_close(struct db *d); /* NULL is allowed */
/* `types`: t struct str (NULL of none), i int64_t. SQL texts are literals: statements are kept by address. */
int db_run(struct db *d, struct err *err, const char *sql, const char *types, ...) MUST_CHECK;
/* Starts a query; then db_row() until it is 0 (or db_done() before). */
int db_query(struct db *d, struct err *err, const char *sql, const char *types, ...) MUST_CHECK;
int db_row(struct db *d, struct err *err) MUST_CHECK;  /* 1, 0, -1 */
void db_done(struct db *d);
struct str db_str(struct db *d, struct arena *a, int column); /* STR_NONE of NULL */
int64_t db_i64(struct db *d, int column);
int db_changes(struct db *d);
/* A transaction; commit is durable unless `lazy`: that is for cleaning up, which may be lost. */
int db_begin(struct db *d, bool lazy, struct err *err) MUST_CHECK;
int db_commit(struct db *d, struct err *err) MUST_CHECK;
void db_rollback(struct db *d);
#endif
