/* ev_int -- what the files of ev share and others do not see. */
#ifndef PAYSTREAK_EV_EV_INT_H
#define PAYSTREAK_EV_EV_INT_H
#include "ev/ev.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct ev_call { ev_fn fn; void *arg; };
struct ev_calls { struct ev_call *items; size_t count, cap; };

struct ev_loop {
    uv_loop_t uv;
    char name[32];
    uv_async_t wake;              /* ev_post and ev_stop ring it */
    uv_prepare_t before_poll;     /* drains posts before the loop sleeps */
    uv_check_t after_poll;        /* runs the deferred calls */
    uv_idle_t no_sleep;           /* active while deferred calls wait: the poll must not block */
    uv_timer_t once;              /* bounds ev_run_once() */
    pthread_t owner;
    atomic_bool stop;
    bool running;
    pthread_mutex_t lock;         /* guards `posted` only */
    struct ev_calls posted;
    struct ev_calls deferred;
    atomic_int work_open;         /* ev_work() calls whose done() has not run */
    uv_signal_t sigchld;          /* runs while `children` is not empty */
    bool sigchld_open;
    struct ev_child *children;    /* linked through `next`; also freed ones not yet reaped */
};

void ev_calls_add(struct ev_calls *c, ev_fn fn, void *arg);
void ev_children_end(struct ev_loop *loop); /* kills and reaps what is left; from ev_loop_free() */
#endif
