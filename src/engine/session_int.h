/* session_int -- what the files of the session share: its struct, leaves, statement handlers. */
#ifndef PAYSTREAK_ENGINE_SESSION_INT_H
#define PAYSTREAK_ENGINE_SESSION_INT_H
#include "engine/files.h"
#include "engine/session.h"
#include "lake/catalog.h"
#include "lake/scan.h"
#include "lake/write.h"
#include "resolve/resolve.h"
#include <string.h>

struct session {
    struct engine *engine;
    struct duck_conn *conn;
    struct arena *arena;
    struct lake_scope scope;
    struct str search_path;       /* "a,b,c" */
    struct map *settings;         /* key → C string, owned */
    struct str *param_names; struct lit *params; size_t param_count, param_cap, name_cap; /* :name */
    struct map *views;            /* temporary: name → struct rel * in the arena */
};

/* Snapshots that a plan reads, held until it is released. */
struct held { struct lake_snapshot **items; size_t count, cap; struct str *tables; size_t table_count, table_cap; };

/* A planning run: names resolve in `scope`; views get one of their own with the same `shared`. */
struct planning {
    struct session *s;
    const struct session_hook *hook;
    struct held *held;
    struct lake_scope scope;
    int depth;
};
int leaf_resolve(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err);
int leaf_print(void *ctx, const struct rel *leaf, struct buf *out, struct err *err);
int session_localize(void *ctx, struct arena *a, struct str location, char **dir, struct err *err); /* ctx: struct engine */
/* format.`path`, told by its characters as the parser tells it: no name of the catalog. `format` NULL: any. */
bool session_name_is_path(const struct names *name, const char *format);

/* A statement's handler fills *out (tag is preset from the table). */
typedef int (*stmt_fn)(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                       struct session_result *out, struct err *err);
int exec_query(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_explain(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_create_table(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_create_view(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_create_schema(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_drop(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_insert(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_alter(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_show(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_describe(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_delete(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_update(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_merge(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_truncate(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
/* Resolves a projection and prints each of its expressions alone: the first `targets` columns of its input as
 * t."name", the others as s."name". texts[n] belongs to project->exprs.items[n], as a condition (NULL is false) if
 * conditions[n]. Release *out as session_plan()'s. */
int session_plan_exprs(struct session *s, struct arena *a, const struct rel *project, const struct session_hook *hook, size_t targets,
                       const bool *conditions, struct session_plan *out, struct str *texts, struct err *err);
/* A commit that loses to another writer is begun anew on what that one left. */
enum { EXEC_DML_TRIES = 10 };
/* How often a plan reads the table in that folder. */
size_t session_plan_reads(const struct session_plan *p, const char *dir);
int exec_comment(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_optimize(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_vacuum(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
int exec_restore(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook, struct session_result *out, struct err *err);
/* One row of BIGINT columns as the statement's result; `affected` is the first. */
int session_count_row(struct session *s, struct arena *a, const char *const *names, const int64_t *values, size_t n, struct session_result *out, struct err *err);
/* The columns that a statement declares, defaults, generation and identity in their metadata; its TBLPROPERTIES. */
const struct type *session_columns_type(struct arena *a, const struct stmt *st);
struct lake_pairs session_property_pairs(struct arena *a, const struct options *o);
/* The columns of CLUSTER BY (…); struct lake_path: lake/dml.h. */
struct lake_path;
int session_cluster_paths(struct arena *a, const struct stmt *st, struct lake_path **paths, struct err *err);
/* A table's commit is told to whoever wants to know. */
void session_committed(struct session *s, const char *dir, int64_t version);
int stmt_err(const struct stmt *st, enum err_code code, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Rows that a command returns: text cells collected, then read back as a query's result. */
struct cells { struct arena *a; const char *const *names; size_t cols; struct buf values; size_t rows; };
void cells_init(struct cells *c, struct arena *a, const char *const *names, size_t cols);
void cells_add(struct cells *c, const struct str *row);  /* ptr NULL: SQL NULL */
int cells_result(struct cells *c, struct session *s, struct session_result *out, struct err *err);
#endif
