/* jobs_int -- what the files of jobs share: runs, tasks, and the kinds that this module brings. */
#ifndef PAYSTREAK_JOBS_JOBS_INT_H
#define PAYSTREAK_JOBS_JOBS_INT_H
#include "base/cron.h"
#include "jobs/jobs.h"
#include <stdio.h>
#include <string.h>

enum task_state { TASK_BLOCKED, TASK_RUNNING, TASK_RETRY, TASK_ENDED };

struct job_task {
    struct job_run *run;
    struct str key;
    const struct doc *doc;           /* the task's block */
    const struct task_kind *kind;
    struct str kind_name;
    size_t *upstream; size_t upstream_count;
    const struct doc **upstream_doc; /* each depends_on entry, for its outcome */
    enum task_state state;
    enum run_status status;          /* once ended */
    bool upstream_failed, excluded;
    bool late;                       /* its time is over, it was told to end */
    char id[UUID_TEXT];
    int attempt;
    struct tp started;
    int64_t started_us;
    struct task_run *running;
    struct task_request request;
    struct err error;
    struct map *values;              /* task values: key → C string (JSON) */
    struct str outcome;              /* of a condition: "true", "false" */
    struct ev_timer *timer;          /* retry or timeout */
};

struct job_run {
    struct jobs *jobs;
    struct job_run *next;
    struct arena *a;
    const struct bundle_resource *job;
    char id[UUID_TEXT];
    const char *trigger;
    struct doc *params;              /* job parameters, strings */
    struct job_task *tasks; size_t task_count;
    struct tp started;
    int64_t started_us;
    int depth;
    bool canceled, ending;
    struct err error;                /* of the first task that failed */
    void (*done)(void *arg, enum run_status status, const struct err *err);
    void *arg;
};

struct job_schedule { struct jobs *jobs; const struct bundle_resource *job; struct cron cron; int64_t every_ms;
                      const struct zone *zone; struct ev_timer *timer; bool running; };

struct jobs {
    struct jobs_opts o;
    struct arena *a;
    struct job_run *runs;
    struct job_schedule *schedules; size_t schedule_count;
    bool stopping;
    void (*stopped)(void *arg); void *stopped_arg;
    struct task_kind kinds[4];
};

const struct task_kind *jobs_kind_find(struct jobs *j, const char *name);
/* notebook.c */
int notebook_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *notebook_start(void *ctx, const struct task_request *r, task_done_fn on_done, void *arg, struct err *err);
void notebook_cancel(void *ctx, struct task_run *run);
int sql_task_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *sql_task_start(void *ctx, const struct task_request *r, task_done_fn on_done, void *arg, struct err *err);
/* The task whose run has this id; NULL if none. */
struct job_task *jobs_task_of_run(struct jobs *j, const char *run_id);
#endif
