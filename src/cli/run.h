/* run -- `paystreak run`: all parts of a project wired together, and the order in which they go.
 *
 * Opening (run_open.c) is synchronous and short: project, bindings, state and lock, engine, hub and
 * listeners; then everything of the user's is read and checked, and nothing has run until all of it
 * is good. Then steps follow each other by callbacks (run_steps.c):
 *
 *   both     hubs are made → capture tables and all pipelines' tables stand, empty → captures and
 *            continuous pipelines go
 *   run      functions follow their schedules; each factory pipeline with a Started trigger runs
 *            once; then each job; then schedules of factory and jobs are honoured until Ctrl-C
 *   --once   (1) factory pipelines with a Started trigger (2) functions (3) captures drain
 *            (4) continuous pipelines catch up (5) each job without a run in this state, in bundle
 *            order (6) continuous pipelines catch up again
 *
 * A failure is noted and the steps go on; at the end of --once any failure makes status 1 with its
 * list. Stopping goes backwards: functions, factory, jobs, captures, pipelines, listeners, hub,
 * engine, lock.
 *
 * Thread: the main loop's, all of it. */
#ifndef PAYSTREAK_CLI_RUN_H
#define PAYSTREAK_CLI_RUN_H
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/query_service.h"
#include "cli/state.h"
#include "cli/status.h"
#include "ev/ev.h"
#include "factory/factory.h"
#include "functions/functions.h"
#include "hub/capture.h"
#include "hub/hub.h"
#include "jobs/history.h"
#include "jobs/jobs.h"
#include "pipelines/pipelines.h"
#include "resolve/resolve.h"

enum { RUN_MAX_FAILURES = 100, RUN_MAX_NOTICES = 100, RUN_CAPTURE_TRIES = 5 /* of a capture that drains: then the run has failed */,
        RUN_DEFAULT_KAFKA = 9093, RUN_DEFAULT_PG = 5433, RUN_DEFAULT_HTTP = 8580, RUN_DEFAULT_CONNECT = 15002,
        RUN_DEFAULT_AMQP = 5672, RUN_DEFAULT_HTTPS = 5443 };

struct run;
typedef void (*run_step)(struct run *r);

/* A list of steps and where in it the run is. */
struct run_stage {
    struct run *run;
    const run_step *steps;              /* NULL-terminated */
    size_t step;
    int pending;                        /* callbacks that the present step still waits for */
};

struct run_app { struct run *run; struct functions_app *app; bool ready, stopped; };
struct run_capture {
    struct run *run;
    const struct project_hub *hub;
    struct capture *capture;
    char *dir;
    char name[160];
    int failures;                       /* since its last commit */
    bool draining, given_up;            /* a step waits for it; that step waits no longer */
    char said[300];                     /* the last failure that was told: each is told once */
};

struct run {
    const struct cli_args *args;
    struct arena *a;
    struct project *project;
    struct state *state;
    struct resolver_names *names;
    struct ev_loop *loop;
    struct status *status;
    struct engine *engine;
    struct query_service queries;
    struct hub *hub;
    struct bundle *bundle;              /* NULL: the project has none */
    struct history *history;
    struct pipelines *pipelines;
    struct jobs *jobs;                  /* NULL without a bundle */
    struct factory **factories;         /* project->factory_count */
    struct run_app *apps;               /* project->function_count */
    struct run_capture *captures; size_t capture_count;
    struct endpoints *endpoints;        /* endpoints.h: PostgreSQL, console, Spark Connect */
    struct control *control;            /* control.h: commands beside this run */
    struct upkeep *upkeep;              /* upkeep.h */
    const char *python;                 /* NULL: none found */
    char *python_dir;                   /* STATE/python: the embedded Python parts */
    struct ev_timer *tick;
    struct ev_signal *signals[2];

    struct run_stage work, ending;      /* what it does, and how it stops: each its list of steps */
    size_t next_job, next_factory;
    bool stopping, forced;
    char *failures[RUN_MAX_FAILURES];
    size_t failure_count;
    char *notices[RUN_MAX_NOTICES];     /* no failures, and nothing that may pass unseen: said again at the end */
    size_t notice_count;
};

/* run_open.c: all parts, or NULL and err; run_close() after the loop has ended. */
int run_open(struct run *r, struct err *err) MUST_CHECK;
void run_close(struct run *r);
/* Everything of the user's that is wrong; returns how many findings were noted as failures. */
size_t run_check(struct run *r);
/* The address that Python notebooks get, in the arena; NULL if there is no Spark Connect port. */
const char *run_spark_remote(struct run *r);
/* Only what pipelines need: no hub, no endpoints, nothing listens. With `own` false another process
 * may own the state; then nothing is written. `spec` (NULL: the project's bundle) is spark-pipeline.yml. */
int run_open_pipelines(struct run *r, const char *command, bool own, const char *spec, struct err *err) MUST_CHECK;
/* Only the endpoints that `o` (endpoints.h) names, over the state's tables; we own the state. Dashboards that are
 * broken are noted as failures and logged, the others stand. */
struct endpoints_opts;
int run_open_endpoints(struct run *r, const char *command, const struct endpoints_opts *o, struct err *err) MUST_CHECK;
/* cmd_run.c: a run over no parts yet, and its end; the closing list of failures, returns the exit status. */
struct run *cli_run_new(const struct cli_args *args, const char *title, enum status_mode mode);
enum status_mode cli_status_mode(const struct cli_args *args); /* what its output is for */
void cli_run_free(struct run *r);
int run_print_failures(struct run *r);
/* run_steps.c */
void run_start(struct run *r);
void run_stop(struct run *r);
void run_fail(struct run *r, const char *part, const struct err *err);
/* run_status.c */
void run_show(struct run *r);           /* rows of the board from the parts' own figures */
/* Prints the addresses: one JSON line with --output json. */
void run_addresses(struct run *r);
#endif
