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
    struct job_run *parent;          /* whose run_job_task this run is; NULL: nobody's. It outlives this one */
    int depth;
    struct ev_timer *timer;          /* while it waits: until it waited too long; then timeout_seconds */
    bool queued, skipped;            /* waits for a place among the job's runs; got none */
    bool late, canceled, ending;
    struct err error;                /* of the first task that failed */
    void (*done)(void *arg, enum run_status status, const struct err *err);
    void *arg;
};

struct job_schedule { struct jobs *jobs; const struct bundle_resource *job; struct cron cron; int64_t every_ms;
                      const struct zone *zone; struct ev_timer *timer; };

struct jobs {
    struct jobs_opts o;
    struct arena *a;
    struct job_run *runs;
    struct job_schedule *schedules; size_t schedule_count;
    bool stopping;
    void (*stopped)(void *arg); void *stopped_arg;
    struct task_kind kinds[6];
};

/* What starts a run; done(arg, …) as jobs_run() says. */
struct job_start {
    struct str job;
    const char *trigger;
    const struct doc *params;
    struct job_run *parent;
    void (*done)(void *arg, enum run_status status, const struct err *err);
    void *arg;
};

/* Counts over a task's upstream: what run_if decides by. */
struct upstream { size_t all, succeeded, failed, excluded; };
struct run_if { const char *name; bool (*holds)(const struct upstream *u); };

/* jobs.c */
struct job_run *jobs_start(struct jobs *j, const struct job_start *s, struct err *err) MUST_CHECK; /* NULL: it cannot */
void jobs_run_cancel(struct job_run *r);
/* Says that an attempt of a task failed, and when the next begins. `why` NULL: it has no message. */
void jobs_tell_retry(const char *name, int attempt, int64_t wait_ms, const struct err *why);
/* graph.c */
const struct task_kind *jobs_kind_find(struct jobs *j, const char *name);
/* Which kind a task's block names; NULL and an error if none, several, or one that nobody runs. */
const struct task_kind *jobs_kind_of(struct jobs *j, const struct doc *task, struct err *err);
const struct run_if *jobs_run_if(struct str name); /* NULL: there is none */
int jobs_task_index(const struct job_task *tasks, size_t count, struct str key, size_t *at); /* -1: none */
int jobs_read_tasks(struct jobs *j, struct arena *a, const struct bundle_resource *job, struct job_task **out, size_t *count, struct err *err) MUST_CHECK;
/* schedule.c: what starts a job by itself; *on: it is there and not paused. The timer is not made. */
int jobs_schedule_read(const struct bundle_resource *job, struct job_schedule *s, bool *on, struct err *err) MUST_CHECK;
/* A parameter's value: a scalar as text, "" for null. */
static inline struct str jobs_param_text(const struct doc *d)
{
    struct str text = doc_text(d);
    return text.ptr ? text : STR("");
}
/* values.c: ctx is the task; and a task's parameters under those of its job. */
bool jobs_dynamic_value(void *ctx, struct str path, struct str *value);
struct doc *jobs_task_params(struct arena *a, const struct doc *job, const struct doc *settings);
/* builtin.c, for_each.c: kinds that run nothing of their own */
int run_job_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *run_job_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err);
void run_job_cancel(void *ctx, struct task_run *t);
int condition_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *condition_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err);
void condition_cancel(void *ctx, struct task_run *t);
int for_each_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *for_each_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err);
void for_each_cancel(void *ctx, struct task_run *t);
/* notebook.c */
int notebook_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *notebook_start(void *ctx, const struct task_request *r, task_done_fn on_done, void *arg, struct err *err);
void notebook_cancel(void *ctx, struct task_run *run);
int sql_task_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *sql_task_start(void *ctx, const struct task_request *r, task_done_fn on_done, void *arg, struct err *err);
int python_task_check(void *ctx, const struct doc *settings, struct err *err);
struct task_run *python_task_start(void *ctx, const struct task_request *r, task_done_fn on_done, void *arg, struct err *err);
/* The task whose run has this id; NULL if none. */
struct job_task *jobs_task_of_run(struct jobs *j, const char *run_id);
#endif
