/* ev.c -- loops, posted and deferred calls, timers, signals; on libuv.
 *
 * One turn of uv_run() goes: timers, prepare, poll (sockets, and the async handle), check, closing.
 * Posted calls are drained in the prepare phase and when the async handle fires; deferred calls run
 * in the check phase, which follows the sockets of the same turn. A call deferred while the deferred
 * ones run waits for the next turn; the idle handle keeps that turn from sleeping.
 *
 * Posts are the only shared state: a vector under a mutex, swapped out whole by the loop, so a
 * posted call that posts again cannot starve the sockets. */
#include "ev/ev.h"
#include "ev/ev_int.h"
#include <signal.h>

static _Thread_local int loops_running; /* how many ev_run() are on this thread's stack */

void ev_calls_add(struct ev_calls *c, ev_fn fn, void *arg)
{
    c->items = mem_grow(c->items, &c->cap, c->count + 1, sizeof *c->items);
    c->items[c->count++] = (struct ev_call){fn, arg};
}

static void calls_run(struct ev_calls *c)
{
    for (size_t i = 0; i < c->count; i++)
        c->items[i].fn(c->items[i].arg);
    mem_free(c->items);
}

static void drain_posts(struct ev_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct ev_calls now = loop->posted;
    loop->posted = (struct ev_calls){0};
    pthread_mutex_unlock(&loop->lock);
    calls_run(&now);
}

static void on_wake(uv_async_t *h)
{
    struct ev_loop *loop = h->data;
    drain_posts(loop);
    if (atomic_load(&loop->stop))
        uv_stop(&loop->uv);
}

static void on_before_poll(uv_prepare_t *h)
{
    drain_posts(h->data);
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* being active is all it is for */
}

static void on_after_poll(uv_check_t *h)
{
    struct ev_loop *loop = h->data;
    struct ev_calls now = loop->deferred;
    if (now.count == 0)
        return;
    loop->deferred = (struct ev_calls){0};
    uv_idle_stop(&loop->no_sleep);
    calls_run(&now);
}

static void on_once(uv_timer_t *t)
{
    (void)t;
}

struct ev_loop *ev_loop_new(const char *name)
{
    struct ev_loop *loop = NEW(struct ev_loop);
    signal(SIGPIPE, SIG_IGN);
    CHECK(uv_loop_init(&loop->uv) == 0);
    snprintf(loop->name, sizeof loop->name, "%s", name);
    pthread_mutex_init(&loop->lock, NULL);
    loop->owner = pthread_self();
    CHECK(uv_async_init(&loop->uv, &loop->wake, on_wake) == 0);
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_idle_init(&loop->uv, &loop->no_sleep);
    uv_timer_init(&loop->uv, &loop->once);
    loop->wake.data = loop->before_poll.data = loop->after_poll.data = loop;
    uv_prepare_start(&loop->before_poll, on_before_poll);
    uv_check_start(&loop->after_poll, on_after_poll);
    return loop;
}

static void report_open(uv_handle_t *h, void *arg)
{
    struct ev_loop *loop = arg;
    if (!uv_is_closing(h))
        log_warn("ev", "loop freed with an open handle loop=%s kind=%s", loop->name,
                 uv_handle_type_name(uv_handle_get_type(h)));
}

bool ev_working(const struct ev_loop *loop)
{
    return atomic_load(&loop->work_open) > 0;
}

void ev_loop_free(struct ev_loop *loop)
{
    if (!loop)
        return;
    CHECK(!loop->running);
    loop->owner = pthread_self();
    while (atomic_load(&loop->work_open) > 0) /* done() may touch what is freed after us */
        ev_run_once(loop, 1000);
    ev_run_once(loop, 0);
    ev_children_end(loop);
    ev_run_once(loop, 0);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->no_sleep, NULL);
    uv_close((uv_handle_t *)&loop->once, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&loop->uv) != 0) { /* someone's handle is left: its memory may live on */
        uv_walk(&loop->uv, report_open, loop);
        return;
    }
    mem_free(loop->posted.items);
    mem_free(loop->deferred.items);
    pthread_mutex_destroy(&loop->lock);
    mem_free(loop);
}

static void run(struct ev_loop *loop, uv_run_mode mode)
{
    CHECK(!loop->running); /* libuv's loops do not nest */
    loop->owner = pthread_self();
    loop->running = true;
    loops_running++;
    uv_run(&loop->uv, mode);
    loops_running--;
    loop->running = false;
}

void ev_run(struct ev_loop *loop)
{
    while (!atomic_load(&loop->stop))
        run(loop, UV_RUN_DEFAULT);
    atomic_store(&loop->stop, false);
}

int ev_run_once(struct ev_loop *loop, int64_t timeout_ms)
{
    if (timeout_ms > 0) {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->once, on_once, (uint64_t)timeout_ms, 0);
        run(loop, UV_RUN_ONCE);
        uv_timer_stop(&loop->once);
    } else {
        run(loop, UV_RUN_NOWAIT);
    }
    return atomic_load(&loop->stop) ? 1 : 0;
}

void ev_stop(struct ev_loop *loop)
{
    atomic_store(&loop->stop, true);
    uv_async_send(&loop->wake);
}

bool ev_on_loop(const struct ev_loop *loop)
{
    return pthread_equal(loop->owner, pthread_self());
}

bool ev_on_any_loop(void)
{
    return loops_running > 0;
}

void ev_post(struct ev_loop *loop, ev_fn fn, void *arg)
{
    pthread_mutex_lock(&loop->lock);
    bool first = loop->posted.count == 0;
    ev_calls_add(&loop->posted, fn, arg);
    if (first) /* inside the lock: the loop cannot be freed between the two */
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

void ev_defer(struct ev_loop *loop, ev_fn fn, void *arg)
{
    if (loop->deferred.count == 0)
        uv_idle_start(&loop->no_sleep, on_idle);
    ev_calls_add(&loop->deferred, fn, arg);
}

void *ev_uv(struct ev_loop *loop)
{
    return &loop->uv;
}

/* ------------------------------------------------------------------ threads */

struct ev_thread {
    pthread_t id;
    struct ev_loop *loop;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct ev_thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    ev_run(t->loop);
    return NULL;
}

struct ev_thread *ev_thread_start(const char *name, struct ev_loop *loop)
{
    struct ev_thread *t = NEW(struct ev_thread);
    t->loop = loop;
    snprintf(t->name, sizeof t->name, "%s", name);
    CHECK(pthread_create(&t->id, NULL, thread_main, t) == 0);
    return t;
}

void ev_thread_join(struct ev_thread *t)
{
    if (!t)
        return;
    pthread_join(t->id, NULL);
    mem_free(t);
}

/* ------------------------------------------------------------------ timers and signals */

struct ev_timer {
    uv_timer_t uv;
    ev_fn fn;
    void *arg;
};

static void on_timer(uv_timer_t *h)
{
    struct ev_timer *t = (struct ev_timer *)h;
    t->fn(t->arg);
}

static void on_closed_free(uv_handle_t *h)
{
    mem_free(h); /* the handle is the first member of what is freed */
}

struct ev_timer *ev_timer_new(struct ev_loop *loop, ev_fn fn, void *arg)
{
    struct ev_timer *t = NEW(struct ev_timer);
    uv_timer_init(&loop->uv, &t->uv);
    t->fn = fn;
    t->arg = arg;
    return t;
}

void ev_timer_start(struct ev_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
    CHECK(delay_ms >= 0 && repeat_ms >= 0);
    uv_update_time(t->uv.loop); /* a long turn must not shorten the delay */
    uv_timer_start(&t->uv, on_timer, (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

void ev_timer_stop(struct ev_timer *t)
{
    uv_timer_stop(&t->uv);
}

void ev_timer_free(struct ev_timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, on_closed_free);
}

struct ev_signal {
    uv_signal_t uv;
    ev_fn fn;
    void *arg;
};

static void on_signal(uv_signal_t *h, int signum)
{
    struct ev_signal *s = (struct ev_signal *)h;
    (void)signum;
    s->fn(s->arg);
}

struct ev_signal *ev_signal_start(struct ev_loop *loop, int signum, ev_fn fn, void *arg)
{
    struct ev_signal *s = NEW(struct ev_signal);
    uv_signal_init(&loop->uv, &s->uv);
    s->fn = fn;
    s->arg = arg;
    CHECK(uv_signal_start(&s->uv, on_signal, signum) == 0);
    return s;
}

void ev_signal_free(struct ev_signal *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->uv, on_closed_free);
}
