/* ev -- the event loop: one thread owns all mutable state of a role, workers take what blocks.
 *
 * A thin layer on libuv. Everything here is called on the loop's own thread, except ev_post(),
 * ev_work() and ev_stop(), which any thread may call. Callbacks run on the loop thread. Order
 * within one turn: posted calls, finished work and sockets, then deferred calls (ev_defer), then
 * timers. SIGPIPE is ignored from the first loop on. */
#ifndef PAYSTREAK_EV_EV_H
#define PAYSTREAK_EV_EV_H
#include "base/base.h"

struct ev_loop;
struct ev_timer;
struct ev_child;
struct ev_signal;
typedef void (*ev_fn)(void *arg);

struct ev_loop *ev_loop_new(const char *name);   /* caller owns; the thread that runs it owns its state */
void ev_loop_free(struct ev_loop *loop);         /* after ev_run() returned; pending posts and work end first */
void ev_run(struct ev_loop *loop);               /* until ev_stop(); handles stay */
/* One turn, which sleeps at most `timeout_ms`; 1 if ev_stop() was called, else 0. Loops do not nest. */
int ev_run_once(struct ev_loop *loop, int64_t timeout_ms);
void ev_stop(struct ev_loop *loop);              /* any thread */
bool ev_on_loop(const struct ev_loop *loop);     /* is this the loop's thread? */
bool ev_on_any_loop(void);                       /* blocking calls assert !ev_on_any_loop() */
void ev_post(struct ev_loop *loop, ev_fn fn, void *arg);  /* any thread; FIFO */
void ev_defer(struct ev_loop *loop, ev_fn fn, void *arg); /* at the end of this turn */
void *ev_uv(struct ev_loop *loop);               /* uv_loop_t, for `net` only */

/* Starts a thread that runs a loop of its own (the hub's). ev_thread_join() waits for it. */
struct ev_thread;
struct ev_thread *ev_thread_start(const char *name, struct ev_loop *loop);
void ev_thread_join(struct ev_thread *t);

/* Runs work(arg) on the shared worker pool, then done(arg) on `loop`. */
void ev_work(struct ev_loop *loop, ev_fn work, ev_fn done, void *arg);
bool ev_working(const struct ev_loop *loop);     /* is work of this loop open, its done() included? */
void ev_pool_size(int threads);                  /* before the first ev_work; default cores + 2 */
int ev_worker_index(void);                       /* 0…n-1 on a worker thread, -1 elsewhere */

struct ev_timer *ev_timer_new(struct ev_loop *loop, ev_fn fn, void *arg);
void ev_timer_start(struct ev_timer *t, int64_t delay_ms, int64_t repeat_ms); /* 0 repeat: once */
void ev_timer_stop(struct ev_timer *t);
void ev_timer_free(struct ev_timer *t);          /* NULL is allowed */

/* Child processes. They are in a process group of their own and die with us (PDEATHSIG). */
struct ev_child_opts {
    const char *const *argv;                     /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env;                      /* NULL-terminated "K=V"; NULL: ours */
    const char *cwd;                             /* NULL: ours */
    /* on_out/on_err: bytes as they come; n == 0 once at end of file. NULL: discarded. */
    void (*on_out)(void *ctx, const char *bytes, size_t n);
    void (*on_err)(void *ctx, const char *bytes, size_t n);
    void (*on_exit)(void *ctx, int status, int signal); /* after both pipes ended */
    void *ctx;
    bool use_fd3;                                /* a socket pair as fd 3: on_msg / ev_child_send */
    void (*on_msg)(void *ctx, const char *bytes, size_t n); /* bytes read from fd 3; n == 0 at end */
};
struct ev_child *ev_child_start(struct ev_loop *loop, const struct ev_child_opts *opts, struct err *err) MUST_CHECK;
void ev_child_write(struct ev_child *c, const void *bytes, size_t n); /* to its standard input; copied */
void ev_child_send(struct ev_child *c, const void *bytes, size_t n);  /* to its fd 3; copied */
void ev_child_close_input(struct ev_child *c);
int ev_child_pid(const struct ev_child *c);
void ev_child_kill(struct ev_child *c, int signal);   /* the whole group */
void ev_child_free(struct ev_child *c);          /* kills if alive; no callback after this */

struct ev_signal *ev_signal_start(struct ev_loop *loop, int signal, ev_fn fn, void *arg);
void ev_signal_free(struct ev_signal *s);
#endif
