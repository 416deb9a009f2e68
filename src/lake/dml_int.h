/* dml_int -- what dml.c, merge.c, replace.c and rewrite.c share: rows chosen by file and place, and what becomes of them. */
#ifndef PAYSTREAK_LAKE_DML_INT_H
#define PAYSTREAK_LAKE_DML_INT_H
#include "lake/txn_int.h"

/* Files that hold chosen rows. */
struct touched { const struct lake_file *file; int64_t rows; /* chosen ones */ };
struct rewrite {
    struct lake_txn *x;
    struct lake_dml_metrics *m;
    struct touched *files;
    size_t count, cap;
    bool tracked;                     /* rows keep their ids */
    const struct lake_file **candidates; /* files that may hold chosen rows; NULL: all */
    size_t candidate_count;
};

bool dml_uses_vectors(const struct lake_txn *x);
bool dml_uses_feed(const struct lake_txn *x);
int dml_begin(struct lake_txn *x, struct rewrite *w, struct lake_dml_metrics *m, struct err *err) MUST_CHECK;
/* Remembers a condition over t that the transaction read by; ptr NULL: all rows. */
void dml_read(struct lake_txn *x, struct str where);
/* From now on only the files that `p` can be true in are looked at; NULL: all. */
void dml_prune(struct rewrite *w, const struct lake_predicate *p);
/* Runs a SELECT of (file path, chosen rows) and fills w->files. */
int dml_touch(struct rewrite *w, struct str sql, struct err *err) MUST_CHECK;
/* "(SELECT …) AS t" over the snapshot's rows, or those of the touched files, in the form that the commit leaves. Beside the
 * table's columns: _file, _row and, if rows are tracked, _lake_row_id and _lake_row_version. */
int dml_put_target(struct rewrite *w, bool touched_only, struct buf *sql, struct err *err) MUST_CHECK;
/* Removes the touched files. */
void dml_remove_touched(struct rewrite *w);
/* Marks rows of the touched files deleted; `sql` is a SELECT of (file path, row), every pair once or more. */
int dml_mark(struct rewrite *w, struct str sql, struct err *err) MUST_CHECK;
/* Writes rows of the table's columns (and ids, if tracked), counted into m->files_added. Returns rows, -1. */
int64_t dml_write(struct rewrite *w, struct str sql, struct err *err) MUST_CHECK;
/* Writes change rows, with a column _change_type. */
int dml_write_changes(struct rewrite *w, struct str sql, struct err *err) MUST_CHECK;
/* Puts the table's columns as t."a", t."b" …: `value_of` may print another expression (returns true if it did; -1 fails). Generated
 * columns are left out unless value_of prints them. */
typedef int (*dml_value_fn)(void *ctx, const struct type_field *f, struct buf *sql, struct err *err);
int dml_put_columns(struct lake_txn *x, struct buf *sql, dml_value_fn value_of, void *ctx, struct err *err) MUST_CHECK;
/* The sets of one clause: column → expression, nested fields put into their struct. */
int dml_put_set(struct lake_txn *x, const struct type_field *f, const struct lake_set *sets, size_t count, const char *old, struct buf *sql,
                struct err *err) MUST_CHECK; /* 1 printed, 0 no set for it, -1 */
int dml_check_sets(struct lake_txn *x, const struct lake_set *sets, size_t count, bool insert, struct err *err) MUST_CHECK;

struct metric { const char *name; int64_t value; };
void dml_info(struct lake_txn *x, const char *operation, const struct doc *parameters, const struct metric *list, size_t count);
/* ["(id > 5)"], as Spark logs predicates; [] if there is none. */
struct str dml_predicates(struct arena *a, struct str text);

/* ---- dv_write.c */
/* Adds rows to the file's vector in a .bin file of the table; fills `out`. `rows` ascending or not. */
struct dv_file;
struct dv_file *dv_file_new(struct lake_txn *x);
int dv_file_put(struct dv_file *d, const struct lake_file *f, const uint64_t *rows, size_t count, struct lake_dv *out, struct err *err) MUST_CHECK;
int dv_file_close(struct dv_file *d, struct err *err) MUST_CHECK; /* frees; fsynced */
#endif
