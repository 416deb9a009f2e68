/* run -- the loop's side: what is dirty, what may run, what ran. Loop thread only.
 *
 * Every table's flow is a node. In a continuous pipeline a pass takes all nodes that news came for
 * (a notification, the poll, an upstream commit of another pipeline), and runs them in order of
 * dependence; a node that commits makes its readers dirty in the same pass. News that come
 * meanwhile wait for the next pass, which starts no sooner than RUN_PASS_MS after this one did: so
 * passes coalesce. An idle pipeline costs a poll each RUN_POLL_MS of its sources outside.
 *
 * A triggered update is one pass over the selected nodes, each of which runs until it has nothing to
 * do; what depends on a failed node is skipped.
 *
 * A node runs when nothing it reads is still to run in this pass and no other flow of its target
 * runs. Set-ups (all tables of a pipeline made) exclude everything else. */
#ifndef PAYSTREAK_PIPELINES_RUN_H
#define PAYSTREAK_PIPELINES_RUN_H
#include "pipelines/events.h"
#include "pipelines/flow.h"

enum { RUN_PASS_MS = 100, RUN_POLL_MS = 1000, RUN_BACKOFF_MS = 1000, RUN_BACKOFF_MAX_MS = 60000, RUN_STEPS_MAX = 10000,
       RUN_INTERRUPT_MS = 5000 };
enum run_mode { MODE_IDLE, MODE_UPDATE, MODE_CONTINUOUS };

/* A flow as the loop sees it; by flow index. */
struct node {
    struct flow *flow;
    struct node **readers; size_t reader_count, reader_cap;  /* flows that read its target, views seen through */
    bool external;             /* reads something that no pipeline here makes */
    bool selected;             /* of the running update */
    bool reset;                /* a full refresh comes first */
    bool incoming;             /* news for the next pass */
    bool dirty, running;       /* in this pass */
    enum flow_state state;
    int failures;              /* in a row */
    int64_t retry_mono_us;
    int steps;                 /* of this update */
    int64_t written, batches;
    struct tally *totals; int64_t dropped_total;
    struct err err;
    char reason[300];
};

struct update {
    char id[UUID_TEXT];
    char *trigger, *parent;
    bool validate_only, canceled, finishing;
    enum run_status status;
    struct tp started;
    void (*done)(void *arg, enum run_status status, const struct err *err);
    void *arg;
    struct err first;          /* code ERR_OK: none failed */
};

struct pipeline_runtime {
    enum run_mode mode;
    const char *state;         /* Databricks' update state */
    struct update *update;
    bool pass, ready;          /* a pass runs; tables are set up */
    bool full_check;           /* this pass looks at every node */
    bool progressed;           /* something committed in this pass */
    int running;               /* jobs of this pipeline */
    int64_t pass_mono_us;      /* when the last pass started */
    uint64_t pass_seq, checked_seq;
    int64_t updates;
    struct err last_error;
    struct session **idle; size_t idle_count, idle_cap;
    /* events.c: what is not in the event log yet. */
    char update_id[UUID_TEXT];     /* of the update that runs, or of the continuous run */
    struct queued *events;
    struct flush *flush;           /* the one that runs, and those after it */
    struct session *log_session;
    bool unlogged;                 /* commits were made since the last flush */
};

/* A dataset as displays see it; by topological order. */
struct shown { int64_t rows, version, last_batch_ms; struct tp last_batch; struct err set_up_error; bool waiting; char reason[300]; };

struct setup { struct pipelines *p; struct pipeline *pl; /* NULL: all */ void (*done)(void *arg, const struct err *err); void *arg;
               struct err first; bool *waiting, *reset, *pending; struct err *errors; struct setup *next; };
struct job;
struct waiter { void (*fn)(void *arg, int failures); void *arg; struct waiter *next; };

struct pipelines {
    struct pipelines_opts o;
    struct model m;
    struct flow_env env;
    struct node *nodes;
    struct shown *shown;
    struct problem { struct str pipeline; struct err err; } *problems; size_t problem_count, problem_cap; /* of the graph */
    int running, flushes;
    bool finale;               /* stopping: nothing more starts, the logs are written */
    struct job *jobs;          /* running ones */
    bool setting_up, stopping, pumping, pump_due, log_due;
    struct setup *setups;
    struct waiter *waiters;
    uint64_t change_seq;
    struct ev_timer *timer, *poll, *interrupt, *log;
    void (*stopped)(void *arg); void *stopped_arg;
    void (*on_change)(void *ctx); void *change_ctx;
    struct task_kind task;
};

void run_link(struct pipelines *p);                  /* once, before the first use of nodes */
void run_pump(struct pipelines *p);                  /* starts what may start */
void run_setup(struct pipelines *p, struct pipeline *pl, void (*done)(void *arg, const struct err *err), void *arg);
void run_news(struct pipelines *p, struct node *n);  /* for its pipeline's next pass */
void run_changed(struct pipelines *p);
void run_pump_later(struct pipelines *p);            /* a pump at the end of this turn */
void run_interrupt(void *pipelines);                 /* breaks off the statements that run */
void run_end(struct pipelines *p);                   /* sessions, runtimes, timers */
const struct problem *run_problem(const struct pipelines *p, const struct pipeline *pl);

void setup_start(struct pipelines *p);               /* the first set-up, if nothing runs */

/* update.c */
void update_begin(struct pipelines *p, struct pipeline *pl);      /* its tables are set up */
void update_end_if_done(struct pipelines *p, struct pipeline *pl);
void update_finish(struct pipelines *p, struct pipeline *pl, enum run_status status);
#endif
