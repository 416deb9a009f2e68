/* factory -- Data Factory on this machine: reads a Git-integrated factory folder, checks it, and runs
 * its pipelines.
 *
 * The folder is Azure's own: pipeline/, dataset/, linkedService/, trigger/, dataflow/, factory/, one
 * JSON file each. A broken file is a finding of its own and does not hide the others. Nothing
 * starts before the pipeline and all that it refers to was checked: unknown names, unsupported
 * activity types, connectors, formats and settings are errors with file:line:column.
 *
 * Threads: all calls and callbacks are on the loop thread. factory_load() and factory_check() read
 * files and block: at start only. Copying and lookups run on workers. */
#ifndef PAYSTREAK_FACTORY_FACTORY_H
#define PAYSTREAK_FACTORY_FACTORY_H
#include "ev/ev.h"
#include "port/run_log.h"
#include "port/task.h"
#include "resolve/resolve.h"

struct duck;
struct factory;
struct factory_run;

struct factory_opts {
    struct ev_loop *loop;
    const struct resolver_names *names;
    const struct run_log *log;       /* NULL: no history is kept */
    const struct task_kinds *tasks;  /* NULL: notebooks are refused */
    struct duck *duck;               /* reserved for columnar formats, which are refused */
};

/* Reads the folder; `opts` is copied, what it points to must outlive the factory. NULL on error:
 * ERR_NOT_FOUND if there is no such folder. */
struct factory *factory_load(const char *dir, const struct factory_opts *opts,
                             struct err *err) MUST_CHECK;
void factory_free(struct factory *f); /* NULL is allowed; pre: no run is alive */
const char *factory_name(const struct factory *f); /* of factory/NAME.json, else the folder's name */

/* Names of all pipelines, sorted; they live as long as the factory. */
size_t factory_pipelines(const struct factory *f, const char *const **names);

/* Checks one pipeline with all it refers to, or all files (pipeline NULL). Calls `found` for each
 * finding (NULL: not wanted) and returns how many there are. */
size_t factory_check(struct factory *f, const char *pipeline,
                     void (*found)(void *ctx, const struct err *finding), void *ctx);

/* ---------------------------------------------------------------- runs */

/* An activity run that started or ended. Valid during the call. */
struct factory_activity {
    const char *run_id;       /* of the pipeline run */
    const char *pipeline;
    const char *id;           /* of the activity run */
    const char *name, *type;
    enum run_status status;   /* RUN_RUNNING when it starts */
    int attempt;
    int64_t duration_ms;
    const struct doc *input;  /* its typeProperties evaluated; NULL: none, secure, or a container */
    const struct doc *output; /* NULL: none, or secure */
    const struct err *error;  /* NULL: none */
};

struct factory_result {
    const char *run_id;
    const char *pipeline;
    enum run_status status;
    const struct doc *output; /* {"pipelineReturnValue": {…}} */
    const struct err *error;  /* of the first failed activity that decided; NULL if it succeeded */
};

struct factory_start {
    const char *pipeline;
    const struct doc *params;      /* object: name -> value; strings are read as the declared type */
    const char *trigger_type;      /* NULL: "Manual"; "ScheduleTrigger" … */
    const char *trigger_name;      /* NULL: "Manual" */
    struct tp trigger_time;        /* 0: now */
    void (*on_activity)(void *ctx, const struct factory_activity *a); /* NULL allowed */
    void (*on_done)(void *ctx, const struct factory_result *r);       /* exactly once, later */
    void *ctx;
};

/* Checks and starts a pipeline run. NULL on error: nothing ran. The run is gone after on_done. */
struct factory_run *factory_run(struct factory *f, const struct factory_start *start,
                                struct err *err) MUST_CHECK;
const char *factory_run_id(const struct factory_run *r);
void factory_cancel(struct factory_run *r); /* on_done follows with RUN_CANCELED */

/* The kind "factory_pipeline": settings {"pipeline": NAME}, params. Lives as long as the factory. */
const struct task_kind *factory_task_kind(struct factory *f);

/* ---------------------------------------------------------------- triggers */

struct factory_trigger {
    const char *name, *type;       /* "ScheduleTrigger", "TumblingWindowTrigger", … */
    bool started;                  /* runtimeState */
    size_t pipelines;              /* how many it starts */
    const struct doc *at;
};
size_t factory_triggers(const struct factory *f, const struct factory_trigger **out);

/* Starts all pipelines of a trigger as if it fired for `scheduled`; on_done comes once per pipeline.
 * Returns how many started, -1 if one could not be (none is started then). */
int factory_fire(struct factory *f, const char *trigger, struct tp scheduled,
                 const struct factory_start *callbacks, struct err *err) MUST_CHECK;
/* The first instant after `after` at which it fires; false: never, or not by time. */
bool factory_next(const struct factory *f, const char *trigger, struct tp after, struct tp *next);

/* Honours every Started trigger that goes by time, from now on, until factory_unschedule(). Missed
 * times of a schedule are not made up for; windows of a tumbling window trigger are, oldest first,
 * from `since` (the caller's memory of the last window that ran) or its startTime. */
void factory_schedule(struct factory *f, struct tp since, const struct factory_start *callbacks);
void factory_unschedule(struct factory *f);

/* The end: unschedules, cancels every run that is alive (each still gets its on_done) and then calls
 * stopped(arg), later. Nothing starts after this. */
void factory_stop(struct factory *f, ev_fn stopped, void *arg);

/* ---------------------------------------------------------------- expressions */

/* `paystreak factory eval`: the value of a string as JSON text. params: pipeline().parameters, or
 * NULL. */
int factory_eval(struct str text, const struct doc *params, struct buf *json,
                 struct err *err) MUST_CHECK;
/* One case of a file of cases (eval.c): appends {"id":…,"value":…}, or {"id":…,"error":CLASS,
 * "message":…} for an expression that fails. -1 only for what is no case. */
int factory_eval_case(const struct doc *one, struct buf *json, struct err *err) MUST_CHECK;
#endif
