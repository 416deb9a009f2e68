/* test_ev -- loops, posts, order of a turn, workers, timers, children. */
#include "ev/ev.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct ev_loop *loop;
static char trace[256];

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new("test");
    trace[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ev_loop_free(loop);
    return 0;
}

static void add(const char *what)
{
    size_t n = strlen(trace);
    snprintf(trace + n, sizeof trace - n, "%s ", what);
}

/* Turns the loop until *flag, at most ten seconds. */
static void turn_until(const bool *flag)
{
    int64_t deadline = time_mono_us() + 10 * 1000000;
    while (!*flag && time_mono_us() < deadline)
        ev_run_once(loop, 100);
    assert_true(*flag);
}

static void say(void *arg)
{
    add(arg);
}

static bool flag;
static void raise_flag(void *arg)
{
    (void)arg;
    flag = true;
}

static void post_and_defer(void *arg)
{
    (void)arg;
    add("first");
    ev_defer(loop, say, "deferred");
    ev_post(loop, say, "posted");
}

static void test_order_of_a_turn(void **state)
{
    (void)state;
    flag = false;
    ev_post(loop, post_and_defer, NULL);
    ev_post(loop, say, "second");
    ev_run_once(loop, 0);
    ev_run_once(loop, 0);
    assert_string_equal(trace, "first second posted deferred ");
}

static void defer_again(void *arg)
{
    int *left = arg;
    if (--*left > 0)
        ev_defer(loop, defer_again, left);
    else
        flag = true;
}

static void test_deferred_calls_do_not_sleep(void **state)
{
    int left = 50;
    (void)state;
    flag = false;
    int64_t start = time_mono_us();
    ev_defer(loop, defer_again, &left);
    while (!flag)
        ev_run_once(loop, 5000);
    assert_true(time_mono_us() - start < 2000000);
}

enum { POSTS = 20000, POSTERS = 4 };
static int next_of[POSTERS], posts_seen;
struct post { int who, n; };

static void take_post(void *arg)
{
    struct post *p = arg;
    assert_true(ev_on_loop(loop));
    assert_true(ev_on_any_loop());
    assert_int_equal(next_of[p->who]++, p->n); /* FIFO for each poster */
    if (++posts_seen == POSTS * POSTERS)
        flag = true;
    mem_free(p);
}

static void *poster(void *arg)
{
    for (int i = 0; i < POSTS; i++) {
        struct post *p = NEW(struct post);
        *p = (struct post){(int)(intptr_t)arg, i};
        ev_post(loop, take_post, p);
    }
    return NULL;
}

static void test_posts_from_many_threads(void **state)
{
    pthread_t t[POSTERS];
    (void)state;
    flag = false;
    for (intptr_t i = 0; i < POSTERS; i++)
        pthread_create(&t[i], NULL, poster, (void *)i);
    turn_until(&flag);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(t[i], NULL);
    assert_false(ev_on_any_loop());
}

static int worked, finished;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void work(void *arg)
{
    (void)arg;
    assert_false(ev_on_any_loop());
    assert_true(ev_worker_index() >= 0);
    pthread_mutex_lock(&lock);
    worked++;
    pthread_mutex_unlock(&lock);
}

static void work_done(void *arg)
{
    (void)arg;
    assert_true(ev_on_loop(loop));
    assert_int_equal(ev_worker_index(), -1);
    if (++finished == 100)
        flag = true;
}

static void test_work(void **state)
{
    (void)state;
    flag = false;
    for (int i = 0; i < 100; i++)
        ev_work(loop, work, work_done, NULL);
    turn_until(&flag);
    assert_int_equal(worked, 100);
}

static void test_free_waits_for_work(void **state)
{
    (void)state;
    struct ev_loop *keep = loop;
    worked = 0;
    loop = ev_loop_new("second");
    ev_work(loop, work, NULL, NULL);
    ev_loop_free(loop);
    assert_int_equal(worked, 1);
    loop = keep;
}

struct ticker { struct ev_timer *t; int ticks; };
static void tick(void *arg)
{
    struct ticker *k = arg;
    if (++k->ticks == 3) {
        ev_timer_stop(k->t);
        flag = true;
    }
}

static void test_timers(void **state)
{
    struct ticker k = {0};
    (void)state;
    flag = false;
    k.t = ev_timer_new(loop, tick, &k);
    int64_t start = time_mono_us();
    ev_timer_start(k.t, 20, 10);
    turn_until(&flag);
    assert_true(time_mono_us() - start >= 38000);
    ev_run_once(loop, 30);
    assert_int_equal(k.ticks, 3);
    ev_timer_free(k.t);
    ev_timer_free(NULL);
}

static void stop_it(void *arg)
{
    ev_stop(arg);
}

static void test_thread(void **state)
{
    (void)state;
    struct ev_loop *other = ev_loop_new("other");
    struct ev_thread *t = ev_thread_start("other", other);
    ev_post(other, stop_it, other);
    ev_thread_join(t);
    ev_loop_free(other);
}

static void test_signal(void **state)
{
    (void)state;
    flag = false;
    struct ev_signal *s = ev_signal_start(loop, SIGUSR1, raise_flag, NULL);
    kill(getpid(), SIGUSR1);
    turn_until(&flag);
    ev_signal_free(s);
}

struct seen {
    char out[4096], err[4096], msg[4096];
    int out_ends, err_ends, msg_ends, status, signal;
    bool exited;
};

static void keep(char *to, size_t cap, int *ends, const char *bytes, size_t n)
{
    size_t at = strlen(to);
    if (n == 0)
        ++*ends;
    assert_true(at + n < cap);
    memcpy(to + at, bytes, n);
    to[at + n] = 0;
}
static void on_out(void *ctx, const char *b, size_t n)
{
    struct seen *s = ctx;
    keep(s->out, sizeof s->out, &s->out_ends, b, n);
}
static void on_err(void *ctx, const char *b, size_t n)
{
    struct seen *s = ctx;
    keep(s->err, sizeof s->err, &s->err_ends, b, n);
}
static void on_msg(void *ctx, const char *b, size_t n)
{
    struct seen *s = ctx;
    keep(s->msg, sizeof s->msg, &s->msg_ends, b, n);
}
static void on_exit_seen(void *ctx, int status, int sig)
{
    struct seen *s = ctx;
    assert_int_equal(s->out_ends, 1);
    assert_int_equal(s->err_ends, 1);
    s->status = status;
    s->signal = sig;
    s->exited = true;
}

static struct ev_child *start(struct seen *s, const char *script, bool fd3)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *env[] = {"WHO=world", "PATH=/usr/bin:/bin", NULL};
    struct ev_child_opts o = {.argv = argv, .env = env, .cwd = "/", .on_out = on_out,
                              .on_err = on_err, .on_exit = on_exit_seen, .ctx = s,
                              .use_fd3 = fd3, .on_msg = on_msg};
    struct err err;
    struct ev_child *c = ev_child_start(loop, &o, &err);
    assert_non_null(c);
    return c;
}

static void test_child_output_and_status(void **state)
{
    struct seen s = {0};
    (void)state;
    struct ev_child *c = start(&s, "echo hello $WHO; pwd; echo oops > /dev/stderr; exit 7", false);
    turn_until(&s.exited);
    assert_string_equal(s.out, "hello world\n/\n");
    assert_string_equal(s.err, "oops\n");
    assert_int_equal(s.status, 7);
    assert_int_equal(s.signal, 0);
    ev_child_free(c);
}

static void test_child_input_and_fd3(void **state)
{
    struct seen s = {0};
    (void)state;
    struct ev_child *c = start(&s, "read a <&3; echo got $a >&3; cat", true);
    ev_child_send(c, "ping\n", 5);
    ev_child_write(c, "one ", 4);
    ev_child_write(c, "two", 3);
    ev_child_close_input(c);
    turn_until(&s.exited);
    assert_string_equal(s.msg, "got ping\n");
    assert_int_equal(s.msg_ends, 1);
    assert_string_equal(s.out, "one two");
    ev_child_free(c);
}

static void test_child_group_is_killed(void **state)
{
    struct seen s = {0};
    (void)state;
    struct ev_child *c = start(&s, "sleep 1000 & sleep 1000", false);
    ev_child_kill(c, SIGTERM);
    turn_until(&s.exited);
    assert_int_equal(s.signal, SIGTERM);
    ev_child_free(c);
}

static void test_grandchildren_end_with_the_child(void **state)
{
    struct seen s = {0};
    (void)state;
    struct ev_child *c = start(&s, "sleep 1000 & exit 3", false);
    turn_until(&s.exited);
    assert_int_equal(s.status, 3);
    ev_child_free(c);
}

static void test_freed_child_calls_nobody(void **state)
{
    struct seen s = {0};
    (void)state;
    struct ev_child *c = start(&s, "echo a; sleep 1000", false);
    int pid = ev_child_pid(c);
    ev_child_free(c);
    int64_t deadline = time_mono_us() + 5000000;
    while (kill(pid, 0) == 0 && time_mono_us() < deadline)
        ev_run_once(loop, 50);
    assert_int_equal(kill(pid, 0), -1);
    assert_false(s.exited);
    assert_int_equal(s.out_ends, 0);
}

static void test_child_that_does_not_exist(void **state)
{
    const char *argv[] = {"no-such-program-here", NULL};
    struct ev_child_opts o = {.argv = argv};
    struct err err;
    (void)state;
    assert_null(ev_child_start(loop, &o, &err));
    assert_non_null(strstr(err.msg, "no-such-program-here"));
    o = (struct ev_child_opts){.argv = (const char *[]){"true", NULL}, .cwd = "/no/such/folder"};
    assert_null(ev_child_start(loop, &o, &err));
}

static void test_many_children(void **state)
{
    enum { MANY = 20 };
    struct seen *s = mem_alloc(MANY * sizeof *s);
    struct ev_child *c[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char script[64];
        snprintf(script, sizeof script, "echo %d; exit %d", i, i);
        c[i] = start(&s[i], script, false);
    }
    for (int i = 0; i < MANY; i++) {
        turn_until(&s[i].exited);
        assert_int_equal(s[i].status, i);
        ev_child_free(c[i]);
    }
    mem_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_order_of_a_turn), T(test_deferred_calls_do_not_sleep),
        T(test_posts_from_many_threads), T(test_work), T(test_free_waits_for_work),
        T(test_timers), T(test_thread), T(test_signal), T(test_child_output_and_status),
        T(test_child_input_and_fd3), T(test_child_group_is_killed),
        T(test_grandchildren_end_with_the_child), T(test_freed_child_calls_nobody),
        T(test_child_that_does_not_exist), T(test_many_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
