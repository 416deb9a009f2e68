/* run_int -- a pipeline run from the inside: groups of activities, activities, and the table of
 * activity types.
 *
 * A run is a tree. A *group* is one list of activities being run: the pipeline's, a branch, one
 * iteration of a loop; it has an arena of its own, which goes with it, and maybe an item. An
 * activity of a group is WAITING for its parents, RUNNING, or FINAL with a status. Containers are
 * activities that run groups.
 *
 * Rules (Azure's): an activity starts when for every dependsOn entry one of its conditions holds;
 * it is skipped once all its parents are final and one entry does not hold. A group succeeds if
 * all its leaves do, where a skipped leaf is replaced by its parents.
 *
 * Everything here is on the loop thread. An activity that ends is looked at in a deferred call, so
 * that chains and loops do not grow the stack. */
#ifndef PAYSTREAK_FACTORY_RUN_INT_H
#define PAYSTREAK_FACTORY_RUN_INT_H
#include "base/code.h"
#include "factory/expr.h"
#include "factory/factory.h"
#include "factory/model.h"

#include <stdatomic.h>

enum {
    RUN_MAX_DEPTH = 50,            /* pipelines that execute pipelines */
    FOREACH_PARALLEL = 20,         /* batchCount if not given */
    FOREACH_PARALLEL_MAX = 50,
    FOREACH_MAX_ITEMS = 100000,
    POLICY_RETRY_S = 30,
    POLICY_TIMEOUT_DAYS = 7,
};

struct act;
struct group;
struct check;

struct activity_type {
    const char *name;
    /* Of the activity's own rules, after the common ones. NULL: none. */
    void (*check)(struct check *c, const struct doc *def, const struct doc *props);
    /* Starts it: -1 and `err` is the same as act_done(FAILED). act_done() now or later. */
    int (*start)(struct act *a, struct err *err);
    void (*cancel)(struct act *a); /* act_done() follows, now or later; NULL: its groups are stopped */
    const char *lists[3];          /* its lists of activities in typeProperties */
    bool item;                     /* item() has a value in its lists, or in lazy properties */
    bool policy;                   /* has timeout and retry */
    const char *required[4];       /* typeProperties that must be there */
};
/* Tables end with a NULL name. */
extern const struct activity_type control_types[], data_types[], web_types[], task_types[];
const struct activity_type *activity_type_find(struct str name);

struct act {
    struct group *group;
    const struct doc *def, *props;
    const char *name;
    const struct activity_type *type;
    enum { ACT_WAITING, ACT_RUNNING, ACT_FINAL } phase;
    enum run_status status;
    char id[UUID_TEXT];
    int attempt, retry;
    int64_t retry_ms, timeout_ms;
    bool secure_input, secure_output;
    struct tp started;
    int64_t started_mono_us;
    struct ev_timer *timer;        /* timeout, retry */
    struct ev_timer *own_timer;    /* the type's (Wait) */
    const struct doc *input;       /* what others are told of it, while it runs; in the group's arena; NULL: none */
    const struct doc *output;      /* in the group's arena; NULL: none */
    struct err err;
    const char *error_code;        /* "" or what Fail says */
    const struct doc *value;       /* what activity('name') gives, once final */
    atomic_bool cancel;            /* read by its worker */
    bool canceling, timed_out;
    void *state;                   /* the type's; in the group's arena */
    struct act *next_running, *prev_running;
};

struct group {
    struct factory_run *run;
    struct group *parent;          /* of the container; NULL: the pipeline's own */
    struct act *owner;
    struct arena *a;
    const struct doc *item;        /* NULL: none */
    struct act *acts;
    size_t count, open;            /* open: not final */
    bool stepping, ended;
    void (*done)(struct group *g, void *arg);
    void *arg;
    enum run_status status;        /* when done */
    struct err err;
};

struct factory_run {
    struct factory *f;
    struct arena *a;
    char id[UUID_TEXT];
    const struct model_item *pipeline;
    struct factory_start start;    /* strings copied */
    void (*waiter)(void *ctx, const struct factory_result *result);
    void *waiter_ctx;
    const char *parent_id;         /* activity run that executes it, or NULL */
    const char *root_pipeline, *root_run_id; /* of the caller, or NULL */
    int depth;
    const struct doc *scope;       /* pipeline() */
    const struct doc *params;
    struct doc *variables;
    struct doc *return_value;      /* NULL: none set */
    struct group *root;
    struct act *running;           /* list */
    bool canceled;
    enum run_status status;
    struct err err;
    struct tp started;
    struct factory_run *next;      /* all of the factory, or the queue of its pipeline */
};

struct factory {
    struct factory_opts opts;
    struct model *model;
    const char **pipeline_names;
    size_t pipeline_count;
    struct factory_trigger *triggers;
    size_t trigger_count;
    struct factory_run *runs;      /* alive, started or queued */
    struct task_kind task_kind;
    struct schedule *schedule;
    bool stopping;
    ev_fn stopped;                 /* what factory_stop() was given, until it was called */
    void *stopped_arg;
};

/* ---------------------------------------------------------------- run.c */

/* Ends a running activity. Output is in the group's arena; err is read unless it succeeded. */
void act_done(struct act *a, enum run_status status, const struct doc *output,
              const struct err *err);
/* The value of a document in the activity's scope; with_item: item() is `item`. */
const struct doc *act_eval(struct act *a, const struct doc *d, struct err *err) MUST_CHECK;
const struct doc *act_eval_item(struct act *a, const struct doc *d, const struct doc *item,
                                struct err *err) MUST_CHECK;
const struct doc *act_group_eval(struct group *g, const struct doc *d, struct err *err) MUST_CHECK;
/* A property evaluated and of a kind; NULL and no error if absent (*found false). */
int act_bool(struct act *a, const char *key, bool otherwise, bool *out, struct err *err) MUST_CHECK;
int act_int(struct act *a, const char *key, int64_t otherwise, int64_t *out, struct err *err) MUST_CHECK;

/* Runs a list of activities; done(g, arg) later; the owner then calls act_group_free(). */
struct group *act_group_start(struct act *owner, const struct doc *list, const struct doc *item,
                          void (*done)(struct group *g, void *arg), void *arg);
void act_group_free(struct group *g);
/* Stops what runs in the groups of a container; they end soon. */
void act_stop_inner(struct act *owner);
bool act_stopped(const struct act *a); /* the run or this activity is being canceled */

/* Runs work(job) on a worker, then ends the activity with its output or error. */
struct act_job {
    struct act *act;
    struct arena *a;               /* of the job */
    int (*work)(struct act_job *job, struct err *err);
    void *ctx;
    const struct doc *output;      /* set by work, in job->a */
    atomic_bool *cancel;
    struct err err;
    int rc;
};
void act_work(struct act *a, int (*work)(struct act_job *job, struct err *err), void *ctx,
              struct arena *job_arena);
void act_cancel_work(struct act *a); /* the cancel of types that work on workers */

/* A run of a pipeline that was checked. parent NULL: started from outside. */
struct factory_run *run_new(struct factory *f, const struct factory_start *start, struct act *parent,
                            struct err *err) MUST_CHECK;
/* Whoever executes a pipeline as an activity hears of its end through this, not start.on_done. */
void run_wait(struct factory_run *r, void (*done)(void *ctx, const struct factory_result *result),
              void *ctx);
const struct doc *doc_trigger_time(struct arena *a, struct tp t); /* 2024-01-02T03:04:05.1234567Z */

/* ---------------------------------------------------------------- check.c */

struct check {
    struct factory *f;
    void (*found)(void *ctx, const struct err *finding);
    void *ctx;
    size_t count;
    struct map *seen;              /* "kind/name" of what was checked */
    const struct model_item *pipeline;
    struct map *activities;        /* names in this pipeline */
    bool in_item;
};
void check_fail(struct check *c, const struct err *finding);
/* A finding at a node. */
void check_at(struct check *c, const struct doc *at, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void check_expr(struct check *c, const struct doc *d);
/* The dataset behind a reference, with its linked service; NULL after a finding. */
const struct model_item *check_dataset(struct check *c, const struct doc *ref);
void check_pipeline(struct check *c, const struct model_item *item);
void check_trigger(struct check *c, const struct model_item *item);
int check_first(struct factory *f, const char *pipeline, struct err *err) MUST_CHECK;
#endif
