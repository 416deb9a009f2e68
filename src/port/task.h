/* task -- a kind of work that a job can start: a notebook, a SQL file, a declarative pipeline, a
 * Data Factory pipeline, a dashboard.
 *
 * The module that knows a kind registers one `struct task_kind`; jobs (and ADF activities that run
 * Databricks work) look it up by name, check the settings before anything runs, and start it.
 * All calls and callbacks are on the loop thread; none blocks. */
#ifndef PAYSTREAK_PORT_TASK_H
#define PAYSTREAK_PORT_TASK_H
#include "port/run_log.h"

/* What to run. All pointers outlive the run (the caller keeps them until on_done). */
struct task_request {
    const struct doc *settings; /* the task's own block: {"notebook_path": …} */
    const struct doc *params;   /* name -> value, strings; NULL: none */
    const char *run_id;         /* the task run's id, recorded by the caller */
    const char *name;           /* the task's key, for messages */
    const char *trigger;        /* what started it, as in run_record.trigger */
};

/* How it ended; valid during on_done only. */
struct task_result {
    enum run_status status;     /* RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELED, RUN_TIMED_OUT */
    const struct doc *output;   /* NULL: none; a notebook's exit value is {"result": "…"} */
    const struct err *error;    /* set unless it succeeded */
};
typedef void (*task_done_fn)(void *arg, const struct task_result *result);

struct task_run; /* a running task, owned by its kind until on_done returned */

struct task_kind {
    const char *name; /* "notebook_task", "sql_task", "pipeline_task", "factory_pipeline", … */
    /* Are these settings good? ERR_INPUT or ERR_UNSUPPORTED with the place in the user's file. */
    int (*check)(void *ctx, const struct doc *settings, struct err *err);
    /* Starts it. NULL and `err` if it cannot start; then on_done is never called. Otherwise
     * on_done(arg, …) is called exactly once, later. */
    struct task_run *(*start)(void *ctx, const struct task_request *request, task_done_fn on_done,
                              void *arg, struct err *err);
    /* Asks it to stop: on_done follows with RUN_CANCELED, or with what happened first. */
    void (*cancel)(void *ctx, struct task_run *run);
    void *ctx;
};

/* A lookup by name; what `jobs` and `factory` are given. NULL if nobody runs that kind. */
struct task_kinds {
    const struct task_kind *(*find)(void *ctx, const char *name);
    void *ctx;
};
#endif
