/* jobs -- a bundle's jobs: tasks in the order of their dependencies, schedules, retries, history.
 *
 * A job run is a graph of task runs. A task starts when all its upstream tasks have ended and its
 * run_if holds (ALL_SUCCESS unless said); tasks without a path between them run side by side. What a
 * task does is a `task_kind` (port/task.h): this module brings notebook_task, sql_task, run_job_task,
 * condition_task and for_each_task; the caller's table knows the others (pipeline_task …). Kinds that nobody runs
 * are refused by name before anything starts.
 *
 * States of a task run, moves checked: BLOCKED → RUNNING → (RETRY → RUNNING)* → ended, or
 * BLOCKED → SKIPPED when run_if does not hold (UPSTREAM_FAILED if an upstream task failed).
 * A job has max_concurrent_runs (1) runs at a time: one more waits in order if queue.enabled, else it is
 * SKIPPED. A job that runs longer than its timeout_seconds is canceled and TIMED OUT, tasks likewise.
 * A run fails if a leaf of its graph failed or was skipped for an upstream failure, as Databricks has it.
 *
 * Threads: everything on the loop thread; notebooks run on workers and in child processes. */
#ifndef PAYSTREAK_JOBS_JOBS_H
#define PAYSTREAK_JOBS_JOBS_H
#include "engine/session.h"
#include "ev/ev.h"
#include "jobs/bundle.h"
#include "port/task.h"

enum {
    JOBS_MAX_TASKS = 1000,
    JOBS_MAX_DEPTH = 3,          /* of run_job_task */
    JOBS_MAX_QUEUED = 1000,      /* runs of all jobs that wait for one before them */
    JOBS_QUEUE_HOURS = 48,       /* so long a run waits, then it is skipped */
    JOBS_MAX_INPUTS = 5000,      /* of a for_each_task */
    JOBS_MAX_CONCURRENCY = 100,  /* of a for_each_task */
};

struct jobs;
struct jobs_opts {
    struct ev_loop *loop;
    struct engine *engine;
    const struct bundle *bundle;         /* outlives the jobs */
    const struct task_kinds *kinds;      /* of the other parts */
    const struct run_log *log;           /* NULL: no history */
    const char *python;                  /* interpreter for Python notebooks, NULL: they are refused */
    const char *runner_dir;              /* folder on PYTHONPATH that has paystreak_notebook */
    const char *spark_remote;            /* "sc://localhost:15002" */
    const char *spark_token;             /* given to the child in its environment only; NULL: none */
    /* A job or task changed: task NULL for the job itself. */
    void (*on_change)(void *ctx, struct str job, struct str task, enum run_status status, int64_t ms, const struct err *error);
    void (*on_output)(void *ctx, struct str job, struct str task, struct str line); /* what a notebook printed */
    void *ctx;
};
struct jobs *jobs_new(const struct jobs_opts *o);
void jobs_free(struct jobs *j);          /* after its runs ended; NULL allowed */

/* Checks every task of every job; calls found for each finding; returns how many. Reads notebooks: blocks. */
size_t jobs_check(struct jobs *j, void (*found)(void *ctx, const struct err *finding), void *ctx);

/* Starts a run. done(arg, status, err) exactly once if it returns 0. */
int jobs_run(struct jobs *j, struct str job, const char *trigger, const struct doc *params,
             void (*done)(void *arg, enum run_status status, const struct err *err), void *arg, struct err *err) MUST_CHECK;
/* Honours schedules (quartz, periodic) that are not PAUSED. */
int jobs_schedule(struct jobs *j, struct err *err) MUST_CHECK;
/* Cancels what runs, stops schedules; done when nothing runs any more. */
void jobs_stop(struct jobs *j, void (*done)(void *arg), void *arg);
const struct task_kind *jobs_task_kind(struct jobs *j, const char *name); /* ours, NULL if not */
#endif
