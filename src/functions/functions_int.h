/* functions_int -- what the files of the host share: the app, its functions, one invocation.
 *
 *   functions.c  the public calls: open, start, stop, free, status
 *   index.c      which functions an app has (folders or the worker's answer), checked
 *   host.c       the worker process: its frames, its lines, its restarts
 *   run.c        what starts a function: its schedule, or the one before it being done (once)
 *   invoke.c     one invocation: inputs, call, record, events, blobs
 *
 * The app's memory goes when it is freed and nothing holds it: work on the pool, events at the sink. */
#ifndef PAYSTREAK_FUNCTIONS_FUNCTIONS_INT_H
#define PAYSTREAK_FUNCTIONS_FUNCTIONS_INT_H
#include "functions/bindings.h"
#include "functions/functions.h"
#include "functions/outbox.h"
#include "functions/worker.h"

enum {
    FUNCTIONS_MAX = 1000,              /* of one app */
    FUNCTION_NAME_MAX = 127,
    RETRY_MIN_MS = 250,                /* between two starts of the worker, or two sends of a batch … */
    RETRY_MAX_MS = 10 * 1000,
    SEND_TRIES_ONCE = 20,              /* … of which there are that many, if the app runs once */
    TIMER_STEP_MS = 60 * 1000,         /* a long wait looks at the clock so often: it may be set */
};

struct invocation;

struct function {
    struct functions_app *app;
    struct str name;
    const char *producer;              /* "functions/APP/NAME" */
    const struct doc *at;
    struct bindings bindings;
    const struct schedule *schedule;   /* of the trigger */
    struct outbox outbox;              /* on a pool thread while an invocation records */
    bool outbox_open;
    struct outbox_record kept;         /* what lies there at start, in app->kept */
    bool monitored;
    struct schedule_state state;       /* if monitored */
    struct ev_timer *timer;
    struct tp next;
    bool due, past_due;                /* waits for the worker */
    struct invocation *running;        /* one at a time; NULL: none */
    bool stuck;                        /* its record cannot be published */
    bool ended;                        /* once: no more of it */
    int64_t once_events, once_outputs;
    int64_t source_lines;              /* once: of the longest data file that the app has read */
    int64_t invocations, failures, events, blobs, last_us;
    struct tp last;
    bool has_error;                    /* the last invocation failed, with: */
    struct err error;
    struct str trigger_type;
};

enum app_mode { APP_IDLE, APP_RUN, APP_ONCE };
enum worker_state { WORKER_OFF, WORKER_LOADING, WORKER_READY };

struct functions_app {
    struct functions_opts opts;
    struct arena *arena;
    struct arena *kept;                /* the records that were found at start */
    char *dir, *name;
    struct host_json host;
    struct settings *settings;
    struct doc *folders;               /* v1: the list for the worker; NULL: v2 */
    const char *python;
    const char *const *env;
    struct function *functions;
    size_t count;
    bool indexed, ready, stopping, freed;
    enum app_mode mode;
    struct functions_once once;
    enum worker_state worker_state;
    struct worker *worker;
    struct ev_timer *restart;
    int64_t restart_ms;
    struct ev_timer *stop_timer;
    int held;                          /* work and events under way: memory must stay */
    size_t replays;                    /* records still to be published before `ready` */
    bool change_told;
    void (*on_ready)(void *arg, const struct err *err);
    void *ready_arg;
    void (*on_done)(void *arg, const struct err *errors, size_t count);
    void *done_arg;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
};

/* functions.c */
void app_changed(struct functions_app *app);
void app_hold(struct functions_app *app);
void app_drop(struct functions_app *app);              /* may free the app: the last use of it */
void app_ready(struct functions_app *app, const struct err *err); /* tells once */
void app_maybe_stopped(struct functions_app *app);
void app_replay(struct functions_app *app);            /* indexed: open the outboxes, publish what is there */
void app_replayed(struct functions_app *app, const struct err *err);
/* A path in the app's text as the user knows it: relative to the project, if it lies there. */
const char *app_relative(const struct functions_app *app, const char *path);

/* index.c */
int index_folders(struct functions_app *app, struct err *err) MUST_CHECK; /* v1, or sees that it is v2 */
/* The functions that the worker found; checks their bindings. */
int index_loaded(struct functions_app *app, const struct doc *functions, struct err *err) MUST_CHECK;

/* host.c */
int host_start(struct functions_app *app, struct err *err) MUST_CHECK;
void host_stop(struct functions_app *app);
void host_call(struct functions_app *app, struct str head, const struct str *data, size_t count);
void host_kill(struct functions_app *app);             /* a call takes too long: the worker starts anew */

/* run.c */
void run_all(struct functions_app *app);               /* the worker is ready: start what waits */
void run_finished(struct function *f, bool failed, int64_t events); /* an invocation is over */
void run_halt(struct functions_app *app);              /* no timers any more */
void run_failed(struct functions_app *app, const struct err *err); /* the app does not load any more */

/* invoke.c */
void invoke(struct function *f, bool past_due);        /* Pre: not running, the worker is ready */
void invoke_replay(struct function *f);                /* publishes f->kept */
void invoke_note(struct function *f);                  /* records f->state, nothing else */
/* The worker's answer; takes `a`, in which the rest lives. False: not an answer to this invocation. */
bool invoke_answer(struct invocation *i, struct arena *a, const struct doc *head, struct str data);
void invoke_lost(struct invocation *i, const struct err *why); /* the worker is gone */
bool invoke_is(const struct invocation *i, struct str id);
bool invoke_published(const struct invocation *i);     /* is it past the user's code? */
void invoke_abandon(struct invocation *i);             /* the app is being freed */
#endif
