/* functions -- the functions host: runs an Azure Functions app, unchanged, as a source of events.
 *
 * An app is a folder with host.json. Its code runs in a child process, the worker, which uses the
 * app's own `azure-functions` package; the host reads the settings, checks every binding before
 * anything runs, keeps the schedules, feeds input bindings and carries out output bindings. All
 * outputs of one invocation are one durable record in an outbox (outbox.h): they are published whole,
 * in order and once, whatever dies in between.
 *
 *     app = functions_open(&opts, &err)      reads and checks the files (blocks: at start only)
 *     functions_start(app, ready, arg)       worker up, bindings checked, outbox replayed
 *     functions_run(app)                     honours the schedules, or
 *     functions_once(app, &once, done, arg)  each timer function back to back until it has no more
 *     functions_stop(app, done, arg)         lets running invocations end and publish
 *     functions_free(app)
 *
 * Thread: all calls and callbacks on the loop's thread. */
#ifndef PAYSTREAK_FUNCTIONS_FUNCTIONS_H
#define PAYSTREAK_FUNCTIONS_FUNCTIONS_H
#include "ev/ev.h"
#include "port/event_sink.h"
#include "resolve/resolve.h"

enum {
    FUNCTIONS_ONCE_EVENTS = 10000,      /* an endless function emitted so many events … */
    FUNCTIONS_ONCE_INVOCATIONS = 20,    /* … and had output so often; see struct functions_once */
};

struct functions_app; /* opaque */

struct functions_opts {
    struct ev_loop *loop;
    const char *app_dir;                /* the folder of host.json */
    const char *name;                   /* names the app's state; NULL: its folder, relative to the project */
    const struct resolver_names *names; /* also says where state and project are; outlives the app */
    const struct event_sink *events;    /* where eventHub outputs go; outlives the app */
    struct str worker;                  /* embed_find(FUNCTIONS_WORKER) */
    const char *python;                 /* NULL: PAYSTREAK_PYTHON, the private environment beside the binary, python3 */
    /* A setting as the child process is to see it: connection strings of names that are served here
     * get the local address and key. The result lives in the arena. NULL: as they are. */
    struct str (*rewrite)(void *ctx, struct arena *a, struct str name, struct str value);
    /* Called for the hub of each eventHub output before anything runs: makes it, or refuses it
     * (err, the place is added). NULL: any hub is good. */
    int (*hub)(void *ctx, const char *name_space, const char *hub, struct err *err);
    bool once;                          /* functions_once() comes: the worker counts lines of data files, which costs a look at each open */
    void (*changed)(void *ctx);         /* a status changed (at most once a turn); NULL: not told */
    void *ctx;                          /* of rewrite, hub and changed */
};
#define FUNCTIONS_WORKER "python/paystreak_worker/worker.py"

/* Reads host.json, local.settings.json and function.json files. NULL on error, with the place. */
struct functions_app *functions_open(const struct functions_opts *opts, struct err *err) MUST_CHECK;
/* ready(arg, NULL) when functions may run; else what is wrong: nothing has run then. */
void functions_start(struct functions_app *app, void (*ready)(void *arg, const struct err *err), void *arg);
/* Pre: ready. */
void functions_run(struct functions_app *app);

/* When a function that still has output is taken for endless and stopped. A function ends by itself
 * with an invocation without output; nobody can know whether it will. So with `events` 0:
 *   - it is not stopped before FUNCTIONS_ONCE_EVENTS events and FUNCTIONS_ONCE_INVOCATIONS
 *     invocations with output: until then it may end by itself
 *   - if its app has read a data file, it is not stopped before as many events as the longest of
 *     those files has lines: a replay ends by itself, at whatever rate
 * This only ever moves the limit up. What is stopped so is always told, to `cut` and as a warning: a
 * finite source of more events that reads no file needs `events`. */
struct functions_once {
    int64_t events;              /* stop a function that emitted this many, whatever it reads; 0: the rule above */
    int64_t endless_events;      /* in place of FUNCTIONS_ONCE_EVENTS; 0: that */
    int64_t endless_invocations; /* in place of FUNCTIONS_ONCE_INVOCATIONS; 0: that */
    /* `function` was taken for endless after so many events, before done(); with done's arg. NULL: not told. */
    void (*cut)(void *arg, struct str function, int64_t events);
};
/* Pre: ready, not run. Without timer functions it is done at once. `errors` are those of failed
 * functions; they live during the call. */
void functions_once(struct functions_app *app, const struct functions_once *how,
                    void (*done)(void *arg, const struct err *errors, size_t count), void *arg);
/* No new invocations; done(arg) when none runs and the worker has ended. At most
 * FUNCTIONS_STOP_MS, then the worker is killed. Any time after functions_open(). */
enum { FUNCTIONS_STOP_MS = 5000 };
void functions_stop(struct functions_app *app, void (*done)(void *arg), void *arg);
void functions_free(struct functions_app *app); /* NULL is allowed; what runs is killed, no callback after this */

const char *functions_name(const struct functions_app *app);

enum function_state { FUNCTION_WAITING, FUNCTION_RUNNING, FUNCTION_PUBLISHING, FUNCTION_DONE, FUNCTION_FAILED };
const char *function_state_name(enum function_state state); /* "waiting" … */

struct function_status {
    struct str name, trigger;           /* "emit_sales", "timerTrigger" */
    struct str schedule;                /* of a timer, as written */
    enum function_state state;
    int64_t invocations, failures, events, blobs;
    int64_t last_us;                    /* duration of the last invocation in the user's code */
    struct tp last, next;               /* 0: none */
    const struct err *error;            /* the last one; NULL if the last invocation was good */
};
/* Iterates: size_t at = 0; while (functions_next(app, &at, &s)) …; strings live until functions_free(). */
bool functions_next(const struct functions_app *app, size_t *at, struct function_status *out);
#endif
