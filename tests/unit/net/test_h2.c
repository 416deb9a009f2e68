/* test_h2 -- the gRPC server under grpcio, an unmodified client. */
#include "net/h2.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct ev_loop *loop;
static int gone;

static void echo(struct h2_call *c, struct str m)
{
    h2_call_header(c, "x-head", STR("h"));
    h2_call_trailer(c, "x-bin", str_of("\0\1", 2));
    h2_call_send(c, m);
    h2_call_finish(c, GRPC_OK, NULL);
}

static void bad(struct h2_call *c, struct str m)
{
    (void)m;
    h2_call_finish(c, GRPC_INVALID_ARGUMENT, "schlecht: 100% größer\n");
}

struct stream { int next, count; };
static void more(struct h2_call *c)
{
    struct stream *s = h2_call_user(c);
    while (s->next < s->count && h2_call_unsent(c) < 100000) {
        struct buf b;
        buf_init(&b);
        buf_printf(&b, "%d", s->next++);
        for (int i = 0; i < 10000; i++)
            buf_char(&b, '.');
        h2_call_send_buf(c, &b);
        buf_release(&b);
    }
    if (s->next == s->count) {
        h2_call_finish(c, GRPC_OK, NULL);
        mem_free(s);
    }
}

static void stream(struct h2_call *c, struct str m)
{
    struct stream *s = NEW(struct stream);
    int64_t n = 0;
    assert_true(str_i64(m, &n));
    s->count = (int)n;
    h2_call_set_user(c, s);
    h2_call_on_drain(c, more);
    more(c);
}

struct sum { int messages; size_t bytes; };
static void sum_message(struct h2_call *c, struct str m)
{
    struct sum *s = h2_call_user(c);
    if (!s)
        h2_call_set_user(c, s = NEW(struct sum));
    s->messages++;
    s->bytes += m.len;
}

static void sum_end(struct h2_call *c)
{
    struct sum *s = h2_call_user(c);
    char text[64];
    snprintf(text, sizeof text, "%d messages %zu bytes", s->messages, s->bytes);
    h2_call_send(c, str_z(text));
    h2_call_finish(c, GRPC_OK, NULL);
    mem_free(s);
}

static void was_gone(struct h2_call *c)
{
    gone++;
    h2_call_finish(c, GRPC_OK, NULL);
}

static void never(struct h2_call *c, struct str m)
{
    (void)m;
    h2_call_on_gone(c, was_gone);
}

static void gone_count(struct h2_call *c, struct str m)
{
    char text[16];
    (void)m;
    snprintf(text, sizeof text, "%d", gone);
    h2_call_send(c, str_z(text));
    h2_call_finish(c, GRPC_OK, NULL);
}

struct later { struct h2_call *call; struct buf bytes; };
static void later_work(void *arg)
{
    (void)arg;
}
static void later_done(void *arg)
{
    struct later *l = arg;
    h2_call_send_buf(l->call, &l->bytes);
    h2_call_finish(l->call, GRPC_OK, NULL);
    buf_release(&l->bytes);
    mem_free(l);
}
static void later(struct h2_call *c, struct str m)
{
    struct later *l = NEW(struct later);
    l->call = c;
    buf_init(&l->bytes);
    buf_str(&l->bytes, m);
    ev_work(h2_call_loop(c), later_work, later_done, l);
}

static enum grpc_status before(struct h2_call *c, char msg[200])
{
    if (str_eqz(h2_call_metadata(c, "x-key"), "good"))
        return GRPC_OK;
    snprintf(msg, 200, "no key");
    return GRPC_UNAUTHENTICATED;
}

static const struct h2_method methods[] = {
    {"/t.T/Echo", echo, NULL}, {"/t.T/Fail", bad, NULL}, {"/t.T/Stream", stream, NULL},
    {"/t.T/Sum", sum_message, sum_end}, {"/t.T/Never", never, NULL},
    {"/t.T/Gone", gone_count, NULL}, {"/t.T/Later", later, NULL}, {0},
};

static bool exited;
static int exit_status;
static void on_exit_seen(void *ctx, int status, int signal)
{
    (void)ctx;
    exited = true;
    exit_status = signal ? 128 + signal : status;
}
static void on_text(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    fwrite(bytes, 1, n, stdout);
}

static const char *python(void)
{
    static const char *const places[] = {"build/deps/venv/bin/python", "../build/deps/venv/bin/python"};
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static void test_grpcio(void **state)
{
    struct h2_server_opts o = {.methods = methods, .before = before, .max_message = 32 << 20};
    struct err err;
    char port[16];
    (void)state;
    if (!python() || access("tests/unit/net/h2_client.py", R_OK) != 0) {
        print_message("skipped: no Python with grpcio in build/deps/venv (scripts/deps run)\n");
        skip();
    }
    loop = ev_loop_new("h2");
    struct h2_server *s = h2_listen(loop, &o, &err);
    assert_non_null(s);
    snprintf(port, sizeof port, "%d", h2_server_port(s));
    const char *argv[] = {python(), "tests/unit/net/h2_client.py", port, NULL};
    struct ev_child_opts co = {.argv = argv, .on_out = on_text, .on_err = on_text, .on_exit = on_exit_seen};
    struct ev_child *c = ev_child_start(loop, &co, &err);
    assert_non_null(c);
    int64_t deadline = time_mono_us() + 120 * 1000000;
    while (!exited && time_mono_us() < deadline)
        ev_run_once(loop, 1000);
    assert_true(exited);
    assert_int_equal(exit_status, 0);
    ev_child_free(c);
    h2_server_free(s);
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 10);
    ev_loop_free(loop);
}

/* What is no HTTP/2 is closed, and nothing is lost of the others. */
static void test_garbage(void **state)
{
    struct h2_server_opts o = {.methods = methods};
    struct err err;
    char buf[1000];
    (void)state;
    loop = ev_loop_new("h2");
    struct h2_server *s = h2_listen(loop, &o, &err);
    assert_non_null(s);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)h2_server_port(s))};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, (struct sockaddr *)&sa, sizeof sa);
    ev_run_once(loop, 100);
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27), 27);
    ssize_t n = -1;
    int64_t deadline = time_mono_us() + 10 * 1000000;
    while (n != 0 && time_mono_us() < deadline) {
        ev_run_once(loop, 50);
        n = read(fd, buf, sizeof buf);
    }
    assert_int_equal(n, 0);
    close(fd);
    h2_server_free(s);
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 10);
    ev_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_garbage), cmocka_unit_test(test_grpcio)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
