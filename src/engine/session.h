/* session -- running Spark SQL: names resolved in the catalog, plans printed for DuckDB, results.
 *
 * An `engine` is what all sessions of a process share: the database, the catalog, the resolver of
 * cloud names. A `session` is one client's state (current catalog and schema, settings, temporary
 * views, a DuckDB connection of its own); it belongs to one worker thread at a time and its calls
 * block. Tables are pinned to the snapshot they had when the statement was planned.
 *
 * A caller that owns some of the relations (a pipeline: its streams and the batch's ranges) passes
 * a `session_hook`, which is asked about each leaf before the catalog is. */
#ifndef PAYSTREAK_ENGINE_SESSION_H
#define PAYSTREAK_ENGINE_SESSION_H
#include "duck/duck.h"
#include "engine/print.h"
#include "plan/resolve.h"
#include "sparksql/sparksql.h"

struct lake_catalog;    /* lake/catalog.h */
struct resolver_names;  /* resolve/resolve.h */
enum { SESSION_MAX_VIEW_DEPTH = 50, SESSION_MAX_COLUMNS = 10000 };
struct engine {
    struct duck *db;
    struct lake_catalog *catalog;
    struct resolver_names *names;
    const char *state_dir, *project_dir;
    /* Told after a commit of ours to a table, from the thread that made it; NULL allowed. */
    void (*on_commit)(void *ctx, struct str table_dir, int64_t version);
    void *on_commit_ctx;
    bool read_only;    /* another process owns the state: statements that write are refused */
};

/* Opens the parts on a state folder: database, catalog, registered functions. `names` stays the
 * caller's. engine_close() frees what it made. */
struct engine *engine_open(const char *state_dir, const char *project_dir, struct resolver_names *names,
                           const struct duck_opts *opts, struct err *err) MUST_CHECK;
void engine_close(struct engine *e);             /* NULL is allowed; after all sessions */

struct session;
struct session *session_new(struct engine *e, struct err *err) MUST_CHECK;
void session_free(struct session *s);            /* NULL is allowed */
struct duck_conn *session_conn(struct session *s);
struct engine *session_engine(struct session *s);
int session_use(struct session *s, struct str catalog, struct str schema, struct err *err) MUST_CHECK; /* NONE: unchanged */
struct str session_catalog(const struct session *s);
struct str session_schema(const struct session *s);
/* Schemas tried in order for an unqualified name that the current schema lacks (`a,b,c`). */
void session_search_path(struct session *s, struct str csv);
void session_set(struct session *s, struct str key, struct str value);
/* May the setting have that value here? ERR_UNSUPPORTED names those it may. For what comes from users, before session_set(). */
int session_setting_check(struct str key, struct str value, struct err *err) MUST_CHECK;
void session_unset(struct session *s, struct str key);  /* back to what it is from the start */
struct str session_get(const struct session *s, struct str key); /* NONE if unset */
/* Binds :name in the statements that follow; text, as a notebook's parameters are. */
void session_param(struct session *s, struct str name, struct str value);
bool session_ansi(const struct session *s);      /* spark.sql.ansi.enabled, default true */
struct arena *session_arena(struct session *s);  /* lives as long as the session */
/* Names a plan for this session; `plan` lives until the name has another or the session ends. ERR_EXISTS unless `replace`. */
int session_temp_view(struct session *s, struct str name, const struct rel *plan, bool replace, struct err *err) MUST_CHECK;
const struct rel *session_temp_view_plan(const struct session *s, struct str name); /* NULL: there is none */
bool session_drop_temp_view(struct session *s, struct str name);
/* The folder of a table by name, or of a `delta.`path``: where its Delta log is or would be. ERR_INPUT for what is there
 * and is no Delta table: a view, temporary or not, a table over files. */
int session_table_dir(struct session *s, struct arena *a, const struct names *name, char **dir, struct err *err) MUST_CHECK;

/* Leaves of a caller's own. Both return 1: handled, 0: not mine, -1: error. */
struct session_hook {
    int (*leaf)(void *ctx, struct arena *a, const struct rel *leaf, struct leaf_info *out, struct err *err);
    int (*print)(void *ctx, const struct rel *leaf, struct buf *out, struct err *err);
    void *ctx;
    struct tp now;     /* current_timestamp(); 0: the clock's */
};

/* A planned query: `resolved->output` its columns, `sql` its DuckDB text. Lives in the arena, but
 * the snapshots it reads are held until session_plan_release(). */
struct session_plan { struct rel *resolved; struct str sql; struct str *read_tables; size_t read_count; void *held; };
int session_plan(struct session *s, struct arena *a, const struct rel *query, const struct session_hook *hook,
                 struct session_plan *out, struct err *err) MUST_CHECK;
void session_plan_release(struct session_plan *p);
/* Resolves without printing or reading data: schema checks. */
const struct type *session_schema_of(struct session *s, struct arena *a, const struct rel *query,
                                     const struct session_hook *hook, struct err *err) MUST_CHECK;

/* A statement's outcome. `schema` has columns for queries and commands that return rows (SHOW …);
 * `rows` is then the reader, its chunks are the rows. Release with session_result_release(). */
struct session_result {
    const struct type *schema;
    struct duck_result *rows;      /* NULL if the statement returns none */
    int64_t affected;              /* rows of DML, else -1 */
    const char *tag;               /* "SELECT", "CREATE VIEW", "INSERT", … */
    struct session_plan plan;
};
int session_execute(struct session *s, struct arena *a, const struct stmt *st, const struct session_hook *hook,
                    struct session_result *out, struct err *err) MUST_CHECK;
void session_result_release(struct session_result *r);
/* Is there a way to run such a statement at all? Any thread. */
bool session_runs(enum stmt_kind kind);
/* Parses `text` (named `file`) and runs its statements in order; each result goes to `on_result` (may be NULL). */
int session_run_script(struct session *s, const char *file, int line, struct str text,
                       int (*on_result)(void *ctx, const struct stmt *st, struct session_result *r, struct err *err),
                       void *ctx, struct err *err) MUST_CHECK;
/* Writes the current row as a JSON object / JSON array of values. Decimals and 64-bit integers exact. */
void session_row_json(const struct session_result *r, size_t row, struct buf *out);
#endif
