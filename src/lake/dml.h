/* dml -- DELETE, UPDATE, MERGE and the overwrites of a Delta table, inside a transaction of write.h.
 *
 *     struct lake_txn *x = lake_txn_begin(table, conn, &err);
 *     lake_txn_merge(x, &merge, &m, &err);            or one of the others
 *     lake_txn_commit(x, &version, &err);
 *     lake_txn_end(x);
 *
 * Texts are DuckDB expressions, printed already. They name columns through two aliases, always
 * quoted idents of the logical names: the target row is `t` (t."Amount", t."s"."a"), the source row is
 * `s`. Subqueries are allowed; a text must not be random, it may be evaluated twice. A condition that
 * is NULL is not met. The alias names t and s are the callers' to use alone: _lake_ names are ours.
 *
 * Files are found first (those that a lake_where's `files` leaves, by a scan of the columns that its condition names;
 * DuckDB prunes row groups by statistics), then rewritten (copy on write) or, with delta.enableDeletionVectors =
 * true, marked by deletion vectors, new versions of rows going to new files. With
 * delta.enableChangeDataFeed = true change files are written too. Generated columns are computed
 * anew, NOT NULL and CHECK hold for every row written (ERR_USER names the column or constraint).
 *
 * Each sets the commit's operation ("DELETE", "UPDATE", "MERGE", "WRITE"), its operationParameters in
 * Spark's form from the texts in Spark SQL (may be empty) and
 * operationMetrics under Spark's names: call lake_txn_info() afterwards only to replace them. The
 * commit then is one that read the table: it fails with ERR_CONFLICT (retriable: begin again, print
 * anew) as Delta's rules say. Nothing to do is no commit.
 *
 * Calls block; a transaction belongs to one thread. Errors leave only lake_txn_end() to do. */
#ifndef PAYSTREAK_LAKE_DML_H
#define PAYSTREAK_LAKE_DML_H
#include "lake/skip.h"
#include "lake/write.h"

#define LAKE_TARGET_ALIAS "t"
#define LAKE_SOURCE_ALIAS "s"

struct lake_dml_metrics {             /* rows, but for files */
    int64_t source_rows, inserted, updated, deleted, copied;
    int64_t matched_updated, matched_deleted, unmatched_by_source_updated, unmatched_by_source_deleted;
    int64_t files_added, files_removed, bytes_added, bytes_removed, change_files, dvs_added, dvs_removed, dvs_updated;
    int64_t scan_ms, rewrite_ms;
};

/* A condition, three times: what is run, what is told of it, and which files it can be met in. */
struct lake_where {
    struct str duck;                  /* DuckDB text over t (and s in MERGE) */
    struct str text;                  /* Spark SQL */
    const struct lake_predicate *files; /* true of every file with a row that meets it; NULL: any file */
};

/* SET column[.field…] = value. */
struct lake_set {
    struct str column;                /* logical name */
    const struct str *fields;         /* nested field names below it; usually none */
    size_t field_count;
    struct str value;                 /* DuckDB text over t (and s); ptr NULL: the column's DEFAULT */
};

/* DELETE FROM t WHERE `where`; NULL: all rows (files are removed without a look). */
int lake_txn_delete(struct lake_txn *x, const struct lake_where *where, struct lake_dml_metrics *m, struct err *err) MUST_CHECK;
/* UPDATE t SET … WHERE `where`; NULL: all rows. */
int lake_txn_update(struct lake_txn *x, const struct lake_set *sets, size_t count, const struct lake_where *where, struct lake_dml_metrics *m,
                    struct err *err) MUST_CHECK;

enum lake_when { LAKE_MATCHED, LAKE_NOT_MATCHED, LAKE_NOT_MATCHED_BY_SOURCE };
enum lake_then { LAKE_THEN_UPDATE, LAKE_THEN_DELETE, LAKE_THEN_INSERT };
struct lake_clause {                  /* MATCHED: update or delete; NOT_MATCHED: insert; BY_SOURCE: update or delete */
    enum lake_when when;
    enum lake_then then;
    struct str condition;             /* ptr NULL: none; over t and s; NOT_MATCHED: s only; BY_SOURCE: t only */
    struct str condition_text;
    bool star;                        /* UPDATE SET * or INSERT *: by name, ignoring case */
    const struct lake_set *sets;      /* else; INSERT: columns left out get their default or NULL */
    size_t set_count;
};
struct lake_merge {
    struct str source_sql;            /* a SELECT; its rows are read once */
    struct lake_where on;             /* over t and s */
    const struct lake_clause *clauses; /* in the statement's order: the first whose condition holds applies */
    size_t clause_count;
    bool schema_evolution;            /* star clauses and sets add the source's columns (and nested fields) that the
                                       * table lacks; columns that the source lacks keep their value or are NULL */
};
/* Errors beside those above: ERR_USER [DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE], as Delta
 * has it: not if the only matched clause is DELETE without condition. ERR_INPUT: a column is not there,
 * a star without schema_evolution whose source lacks a column of the table. */
int lake_txn_merge(struct lake_txn *x, const struct lake_merge *merge, struct lake_dml_metrics *m, struct err *err) MUST_CHECK;

/* INSERT OVERWRITE and DataFrame overwrite. */
enum lake_replace_mode {
    LAKE_REPLACE_ALL,                 /* all rows */
    LAKE_REPLACE_PARTITIONS,          /* dynamic: the partitions that the new rows are in */
    LAKE_REPLACE_WHERE,               /* replaceWhere: rows that meet `where`; new rows must meet it, ERR_USER else */
};
struct lake_replace {
    enum lake_replace_mode mode;
    struct lake_where where;          /* REPLACE_WHERE; the error shows its text too */
    bool overwrite_schema;            /* REPLACE_ALL: the SELECT's schema replaces the table's, columns gone too */
    const struct str *partition_columns; /* with overwrite_schema: the new ones; NULL: keep */
    size_t partition_count;
    bool merge_schema;                /* as lake_write_opts.merge_schema */
};
/* Returns the number of rows written, or -1. */
int64_t lake_txn_replace(struct lake_txn *x, struct str select_sql, const struct lake_replace *r, struct err *err) MUST_CHECK;

/* TRUNCATE TABLE: DELETE without condition, operation "TRUNCATE". */
int lake_txn_truncate(struct lake_txn *x, struct lake_dml_metrics *m, struct err *err) MUST_CHECK;

/* ---- Spark expressions of a table's metadata: CHECK constraints, generated columns, defaults.
 *
 * The lake stores Spark SQL text and cannot read it. Whoever can (engine) sets this once, before the
 * first write: it turns `spark` into DuckDB text over columns of `schema`, each named "alias"."column"; type_out (may
 * be NULL) gets the expression's type. Without it a table that has such an expression is refused by name. Any thread. */
typedef int (*lake_expr_fn)(void *ctx, struct arena *a, struct duck_conn *c, struct str spark, const struct type *schema,
                            const char *alias, struct buf *duck, const struct type **type_out, struct err *err);
void lake_set_expr_fn(lake_expr_fn fn, void *ctx);

/* ---- ALTER TABLE. Each in a transaction; several may follow one another. Operations are named as Spark's. */
/* `column` of all these: a path of names, ["s", "a"]; arrays are entered by "element", maps by "key" and "value". */
struct lake_path { const struct str *parts; size_t count; };
enum lake_place { LAKE_PLACE_LAST, LAKE_PLACE_FIRST, LAKE_PLACE_AFTER };
/* ADD COLUMN: the field's metadata may carry delta.generationExpression, CURRENT_DEFAULT (NULL literals only on tables with rows). */
int lake_txn_add_column(struct lake_txn *x, struct lake_path parent, const struct type_field *f, enum lake_place place,
                        struct str after, struct err *err) MUST_CHECK;
/* Need delta.columnMapping.mode = name, else ERR_UNSUPPORTED says so. */
int lake_txn_rename_column(struct lake_txn *x, struct lake_path column, struct str to, struct err *err) MUST_CHECK;
int lake_txn_drop_column(struct lake_txn *x, struct lake_path column, struct err *err) MUST_CHECK;
struct lake_alter_column {            /* what is set is changed */
    const struct type *type;          /* widening: needs delta.enableTypeWidening = true */
    bool set_nullable, nullable;      /* SET NOT NULL reads the rows: ERR_USER if one is NULL */
    bool set_comment; struct str comment;
    bool set_default, drop_default; struct str default_text; /* Spark text */
    bool set_place; enum lake_place place; struct str after;
};
int lake_txn_alter_column(struct lake_txn *x, struct lake_path column, const struct lake_alter_column *o, struct err *err) MUST_CHECK;
/* ADD CONSTRAINT name CHECK (spark): all rows are checked first, ERR_USER if one fails. */
int lake_txn_add_constraint(struct lake_txn *x, struct str name, struct str spark, struct err *err) MUST_CHECK;
int lake_txn_drop_constraint(struct lake_txn *x, struct str name, bool if_exists, struct err *err) MUST_CHECK;
/* ALTER TABLE DROP FEATURE: what uses it is undone first (vectors are purged, properties unset); ERR_UNSUPPORTED if it
 * cannot be dropped. History keeps the old protocol, so a reader feature is droppable only once: the error says what to do. */
int lake_txn_drop_feature(struct lake_txn *x, struct str feature, struct err *err) MUST_CHECK;
/* CLUSTER BY (columns); count 0: CLUSTER BY NONE. */
int lake_txn_cluster_by(struct lake_txn *x, const struct lake_path *columns, size_t count, struct err *err) MUST_CHECK;
/* COMMENT ON TABLE. */
int lake_txn_set_description(struct lake_txn *x, struct str text, struct err *err) MUST_CHECK;
/* Domain metadata of one's own (not delta.*); ptr NULL removes it. */
int lake_txn_set_domain(struct lake_txn *x, struct str domain, struct str configuration, struct err *err) MUST_CHECK;

/* ---- appends from many threads, committed together.
 *
 * Writes the rows of `select_sql` as data files on the caller's thread and connection, then joins the queue of `t`:
 * whoever finds it free commits all that wait as one version (one commit file, one fsync), the others wait for it. An app
 * id and its version may come with it (ptr NULL: none). Errors are each caller's own; ERR_EXISTS: that batch landed already. Any thread. */
struct lake_append {
    struct str select_sql;
    struct str app_id; int64_t app_version;
    bool merge_schema;
    const char *operation;            /* NULL: "WRITE" */
};
int lake_append(struct lake_table *t, struct duck_conn *c, const struct lake_append *what, int64_t *version, struct err *err) MUST_CHECK;
#endif
