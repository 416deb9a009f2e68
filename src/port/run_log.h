/* run_log -- where runs are recorded: pipeline runs, activity runs, job runs, task runs.
 *
 * The modules that run things (factory, jobs, pipelines) write their history through this table of
 * functions; the control database is behind it. One record describes a run of any kind; parent_id
 * joins an activity to its pipeline run, a child pipeline to the activity that called it.
 *
 * Calls come from the loop thread and must not block: the other side copies what it needs before
 * it returns and writes on a worker. A finished run is durable once `saved` has been called, on
 * the loop thread. Secrets never come here: secure inputs and outputs are left out by the caller. */
#ifndef PAYSTREAK_PORT_RUN_LOG_H
#define PAYSTREAK_PORT_RUN_LOG_H
#include "base/base.h"

enum run_status {
    RUN_QUEUED,
    RUN_RUNNING,
    RUN_SUCCEEDED,
    RUN_FAILED,
    RUN_SKIPPED,
    RUN_CANCELED,
    RUN_TIMED_OUT,
};

static inline const char *run_status_name(enum run_status s)
{
    static const char *const names[] = {"Queued",  "InProgress", "Succeeded", "Failed",
                                        "Skipped", "Cancelled",  "TimedOut"};
    return (unsigned)s < COUNT_OF(names) ? names[s] : "Unknown";
}

struct run_record {
    const char *id;           /* unique, a UUID for factory runs */
    const char *parent_id;    /* NULL: nobody's child */
    const char *kind;         /* "pipeline", "activity", "job", "task", "update" */
    const char *name;         /* the artifact's name */
    const char *type;         /* activity or task type ("Copy", "notebook_task"); "" if none */
    const char *trigger;      /* what started it: "Manual", a trigger's name, a job's name */
    enum run_status status;
    int attempt;              /* 1 is the first */
    struct tp started, finished; /* finished.us == 0 while it runs */
    const struct doc *input;  /* NULL: none, or secure */
    const struct doc *output; /* NULL: none, or secure */
    const struct err *error;  /* NULL unless it failed */
};

struct run_log {
    void (*start)(void *ctx, const struct run_record *run);
    /* `saved` (NULL allowed) is called on the loop thread when the record is durable. */
    void (*finish)(void *ctx, const struct run_record *run, void (*saved)(void *arg), void *arg);
    void *ctx;
};
#endif
