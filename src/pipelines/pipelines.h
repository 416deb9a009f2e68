/* pipelines -- declarative pipelines: datasets that other datasets are made of, kept up to date.
 *
 * A `struct pipelines` holds all pipelines of one project. Each is described by a `pipeline_def`
 * (what databricks.yml or spark-pipeline.yml says) and its SQL files. Names of all of them meet in one
 * graph, so that a table of one pipeline may be read by another.
 *
 *     p = pipelines_new(&opts);
 *     pipelines_add(p, &def, &err);            parses the files; for each pipeline
 *     pipelines_declare_table(p, …);           tables that others will make, e.g. a hub's capture
 *     pipelines_check(p, on_problem, ctx);     optional: everything that is wrong, nothing is run
 *     pipelines_set_up_all(p, done, arg);      all tables exist, empty, with their schemas
 *     pipelines_start_continuous(p, "id", …);  or pipelines_update(p, "id", …)
 *     pipelines_notify(p, dir, version);       a table has a new version
 *     pipelines_stop(p, done, arg); pipelines_free(p);
 *
 * Threads: everything here belongs to the loop's thread, except pipelines_notify() (any thread) and
 * pipelines_check() (blocks: a worker, or before the loop runs). Callbacks come on the loop thread. */
#ifndef PAYSTREAK_PIPELINES_PIPELINES_H
#define PAYSTREAK_PIPELINES_PIPELINES_H
#include "engine/session.h"
#include "ev/ev.h"
#include "port/run_log.h"
#include "port/task.h"

struct pipelines;   /* opaque */

enum { PIPELINES_MAX = 1000, PIPELINE_MAX_FILES = 10000, PIPELINE_MAX_FILE_BYTES = 16 << 20, PIPELINE_MAX_DATASETS = 10000 };

/* One pipeline as its resource says. All strings are copied by pipelines_add(). */
struct pipeline_def {
    struct str name;               /* unique in the project; also the name of its state folder */
    struct str id;                 /* what ${resources.pipelines.x.id} became; NONE: the name */
    struct str catalog, schema;    /* NONE: main, default */
    struct str target;             /* legacy: the schema when `schema` is NONE */
    struct options configuration;  /* also `${key}` in the files, and spark.* settings */
    const struct str *files;       /* absolute paths of SQL files or SQL notebooks, in order */
    size_t file_count;
    bool continuous, development;
    const struct doc *at;          /* the resource, for messages; may be NULL */
};

struct pipelines_opts {
    struct ev_loop *loop;
    struct engine *engine;
    const struct run_log *runs;    /* updates are recorded here; NULL: nowhere */
    /* Will somebody else make this table (main.schema.table)? Then who reads it waits instead of
     * failing. NULL: nobody. Any thread. */
    bool (*will_exist)(void *ctx, struct str full_name);
    void *ctx;
    int parallel;                  /* flows that run at once; 0: 2 */
};

struct pipelines *pipelines_new(const struct pipelines_opts *o);
void pipelines_free(struct pipelines *p);        /* after pipelines_stop()'s callback; NULL is allowed */

/* Reads and parses the files (blocks; small). ERR_EXISTS on a name twice; ERR_INPUT and ERR_UNSUPPORTED
 * with file:line:col. The pipeline is then not added. All adding comes before the first set-up or run. */
int pipelines_add(struct pipelines *p, const struct pipeline_def *def, struct err *err) MUST_CHECK;

/* Table `full_name` (a.b.c) will lie in folder `dir` with this schema (NULL: not known before it is there). */
int pipelines_declare_table(struct pipelines *p, struct str full_name, const char *dir, const struct type *schema,
                            struct err *err) MUST_CHECK;

/* Parses (done), graph, names and types of every dataset, without making or running anything. Calls
 * `on_problem` for each; returns their number. Blocks. What waits for a table is no problem. */
int pipelines_check(struct pipelines *p, void (*on_problem)(void *ctx, struct str pipeline, const struct err *err), void *ctx);

/* Makes all tables of all pipelines that are not there yet, empty, in order of dependence, and
 * publishes their views. `done` gets the first error (the others are logged) or NULL. What waits is no
 * error. Safe to call again. */
void pipelines_set_up_all(struct pipelines *p, void (*done)(void *arg, const struct err *err), void *arg);

/* ---- updates: a pipeline brought up to date once. */
struct pipelines_update_opts {
    bool full_refresh;                            /* all datasets */
    const struct str *full_refresh_selection;     /* names as in the files; these only */
    size_t full_refresh_count;
    const struct str *refresh_selection;          /* empty: all */
    size_t refresh_count;
    bool validate_only;                           /* graph, names and types only */
    const char *trigger;                          /* run_record.trigger; NULL: "Manual" */
    const char *parent_run;                       /* run_record.parent_id; NULL */
};
/* `pipeline`: id or name. `done(arg, status, err)` comes exactly once if 0 is returned: err is the
 * first failure. ERR_NOT_FOUND; ERR_CONFLICT if an update of it is running already. */
int pipelines_update(struct pipelines *p, struct str pipeline, const struct pipelines_update_opts *o,
                     void (*done)(void *arg, enum run_status status, const struct err *err), void *arg,
                     struct err *err) MUST_CHECK;
/* The running update of it ends soon, RUN_CANCELED. No effect if there is none. */
void pipelines_cancel(struct pipelines *p, struct str pipeline);

/* ---- continuous: kept up to date until stopped. */
int pipelines_start_continuous(struct pipelines *p, struct str pipeline, struct err *err) MUST_CHECK;
/* Starts every pipeline whose definition says continuous: true. */
int pipelines_start_all_continuous(struct pipelines *p, struct err *err) MUST_CHECK;
/* Ends everything: running batches finish (or are interrupted after 5 s), nothing starts. */
void pipelines_stop(struct pipelines *p, void (*done)(void *arg), void *arg);
/* Version `version` of the Delta table in `dir` is durable. Any thread; cheap. Not after the stop. */
void pipelines_notify(struct pipelines *p, struct str dir, int64_t version);
/* Something new may be in folder `path` (landed files). Any thread; cheap. */
void pipelines_notify_files(struct pipelines *p, struct str path);
/* Calls fn once when all continuous pipelines have consumed everything that their sources hold and
 * all their views are fresh; what waits for a table that is not there counts as done. A flow that
 * fails counts as done too: `failures` is their number. */
void pipelines_when_caught_up(struct pipelines *p, void (*fn)(void *arg, int failures), void *arg);

/* ---- what is going on, for displays. */
enum dataset_kind { DATASET_STREAMING_TABLE, DATASET_MATERIALIZED_VIEW, DATASET_VIEW, DATASET_TEMPORARY_VIEW };
enum flow_state { FLOW_STATE_IDLE, FLOW_STATE_QUEUED, FLOW_STATE_RUNNING, FLOW_STATE_WAITING, FLOW_STATE_FAILED,
                  FLOW_STATE_COMPLETED, FLOW_STATE_SKIPPED };
const char *dataset_kind_name(enum dataset_kind k);   /* "streaming table" */
const char *flow_state_name(enum flow_state s);       /* "RUNNING" */
struct expectation_status { struct str name; enum on_violation on; int64_t passed, failed; }; /* totals; MV: of the last refresh */
struct dataset_status {
    struct str pipeline, name;     /* name: main.silver.sales */
    enum dataset_kind kind;
    enum flow_state state;         /* the worst of its flows' */
    int64_t rows;                  /* in the table now; -1 unknown */
    int64_t rows_written;          /* by flows of this process since it started */
    int64_t rows_dropped;          /* by expectations, total */
    int64_t batches;               /* commits of this process */
    int64_t version;               /* of the table; -1 none */
    struct tp last_batch;          /* 0: none yet */
    int64_t last_batch_ms;         /* how long it took */
    const struct expectation_status *expectations; size_t expectation_count;
    struct str reason;             /* why it waits or what failed */
    const char *table_dir;         /* NULL for views */
    const struct str *inputs; size_t input_count; /* full names of the datasets that it reads, of any pipeline */
};
/* Calls fn for each dataset, pipeline by pipeline, in topological order. The struct is valid during the call. */
void pipelines_each(struct pipelines *p, void (*fn)(void *ctx, const struct dataset_status *s), void *ctx);
struct pipeline_status { struct str name, id; bool continuous, running; const char *state; /* Databricks' update state */
                         int64_t updates; struct err last_error;
                         struct str catalog, schema; /* its event log is the table event_log_<name> there */ };
void pipelines_each_pipeline(struct pipelines *p, void (*fn)(void *ctx, const struct pipeline_status *s), void *ctx);
/* Called on the loop whenever something above changed. One listener. */
void pipelines_on_change(struct pipelines *p, void (*fn)(void *ctx), void *ctx);

/* "pipeline_task": {"pipeline_id": "<id or name>", "full_refresh": false}. Valid as long as `p`. A
 * continuous pipeline is refused, as by Databricks. */
const struct task_kind *pipelines_task_kind(struct pipelines *p);
#endif
