/* write -- transactions on a Delta table: files written by DuckDB, one atomic commit.
 *
 *     struct lake_txn *x = lake_txn_begin(table, conn, &err);
 *     lake_txn_create(x, &spec, &err);            only if the table is new (lake_txn_snapshot() NULL)
 *     lake_txn_write(x, select_text, NULL, &err); any number of times
 *     lake_txn_app(x, app_id, batch);             exactly once
 *     lake_txn_commit(x, &version, &err);
 *     lake_txn_end(x);                            without commit: the files written are deleted
 *
 * A commit is durable when lake_txn_commit() returns 0: data files, their folders, the commit file
 * and the log folder are fsynced. Losing a race is no error for an append: it is checked against
 * the winners and tried again (LAKE_COMMIT_TRIES). A transaction belongs to one thread. */
#ifndef PAYSTREAK_LAKE_WRITE_H
#define PAYSTREAK_LAKE_WRITE_H
#include "lake/log.h"

enum { LAKE_COMMIT_TRIES = 100, LAKE_CHECKPOINT_INTERVAL = 100, LAKE_CHECKSUM_INTERVAL = 10 };

struct lake_txn;                  /* opaque */
struct lake_txn *lake_txn_begin(struct lake_table *t, struct duck_conn *c, struct err *err) MUST_CHECK;
void lake_txn_end(struct lake_txn *x);  /* NULL is allowed */
/* What the transaction read: NULL if there is no table yet. Lives as long as the transaction. */
const struct lake_snapshot *lake_txn_snapshot(const struct lake_txn *x);
/* The schema the commit will leave: of the snapshot, of lake_txn_create or after added columns. */
const struct type *lake_txn_schema(const struct lake_txn *x);

struct lake_spec {
    const struct type *schema;    /* struct; partition columns included */
    const struct str *partition_columns;
    size_t partition_count;
    struct lake_pairs properties;
    struct str name, description;
};
/* Makes the table, or replaces schema and properties of the one there (its files stay: see
 * lake_txn_overwrite). Errors: ERR_UNSUPPORTED for a property or type that needs a feature that we do
 * not write, by name; ERR_INPUT for duplicate or missing columns. */
int lake_txn_create(struct lake_txn *x, const struct lake_spec *spec, struct err *err) MUST_CHECK;
/* Adds nullable columns at the end; those that are there with the same type are skipped.
 * ERR_INPUT if one is there with another type. */
int lake_txn_add_columns(struct lake_txn *x, const struct type *wanted, struct err *err) MUST_CHECK;
/* Sets (or with is_null unsets) table properties. */
int lake_txn_set_properties(struct lake_txn *x, struct lake_pairs set, struct err *err) MUST_CHECK;

struct lake_write_opts {
    bool merge_schema;            /* columns the table lacks are added; else ERR_INPUT */
    bool no_data_change;          /* a rewrite of rows that are there (compaction) */
    int64_t target_file_bytes;    /* 0: delta.targetFileSize or 128 MiB */
};
/* Writes the rows of `select_sql` (a SELECT). Its columns are matched to the table's by name,
 * ignoring case, cast to their types; missing ones are NULL. NOT NULL columns are checked, ERR_USER
 * names the column. A table without a schema yet (new,
 * lake_txn_create not called) takes the SELECT's. Returns the number of rows, or -1. */
int64_t lake_txn_write(struct lake_txn *x, struct str select_sql, const struct lake_write_opts *o,
                       struct err *err) MUST_CHECK;
/* Rows of the snapshot's files for a rewrite with no_data_change: lake_scan_files_sql()'s columns and, if rows are tracked, two more, by which
 * lake_txn_write() lets rows keep their ids. Pass all its columns on. */
int lake_txn_scan(struct lake_txn *x, const struct lake_file *const *files, size_t count, struct buf *sql, struct err *err) MUST_CHECK;
/* Adds a Parquet file that is there, written and fsynced by the caller below the table's folder.
 * `f` is copied; f->path is the logged (percent-encoded) one. */
void lake_txn_add_file(struct lake_txn *x, const struct lake_file *f);
/* Removes a file of the snapshot. The commit then fails with ERR_CONFLICT if another one removes it too. */
void lake_txn_remove(struct lake_txn *x, const struct lake_file *f, bool data_change);
void lake_txn_overwrite(struct lake_txn *x);      /* removes all files of the snapshot */
/* The transaction's rows depend on what it read: any data added meanwhile is a conflict. */
void lake_txn_read_all(struct lake_txn *x);
/* Commits only if the last version of app_id is lower: else the commit fails ERR_EXISTS, its rows
 * are there already. */
void lake_txn_app(struct lake_txn *x, struct str app_id, int64_t version);
/* For commitInfo: operation ("WRITE", "STREAMING UPDATE", "MERGE", …), its parameters and extra
 * metrics (objects or NULL, copied); numFiles, numOutputRows, numOutputBytes are added. */
void lake_txn_info(struct lake_txn *x, const char *operation, const struct doc *parameters, const struct doc *metrics);

/* 0 and the version; a transaction that does nothing writes no commit and returns the version read.
 * ERR_CONFLICT (retriable): begin again. ERR_EXISTS: app version landed already. */
int lake_txn_commit(struct lake_txn *x, int64_t *version, struct err *err) MUST_CHECK;

/* Writes a checkpoint of the newest version. lake_txn_commit calls it every
 * delta.checkpointInterval commits; its failure there is logged and harms nothing.
 * So it does with lake_maintain() where delta.autoOptimize.autoCompact is true. */
int lake_checkpoint(struct lake_table *t, struct duck_conn *c, struct err *err) MUST_CHECK;
/* Deletes log files older than delta.logRetentionDuration that a checkpoint covers. Returns how many. */
int64_t lake_clean_log(struct lake_table *t, struct duck_conn *c, struct err *err) MUST_CHECK;
#endif
