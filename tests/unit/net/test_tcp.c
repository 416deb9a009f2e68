/* test_tcp -- backpressure, owned writes, limits, deadlines, Unix sockets, TLS. */
#include "net/http.h"
#include "net/http_client.h"
#include "net/tcp.h"
#include "net/tls.h"
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
static struct {
    int opens, closes, drains, done_sent, done_dropped;
    size_t in_bytes;
    enum err_code why;
    struct tcp_conn *conn;
} seen;

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    loop = ev_loop_new("tcp");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    assert_int_equal(seen.opens, seen.closes);
    ev_loop_free(loop);
    return 0;
}

static void on_open(struct tcp_conn *c)
{
    seen.opens++;
    seen.conn = c;
}
static void on_close(struct tcp_conn *c, const struct err *why)
{
    (void)c;
    seen.closes++;
    seen.why = why ? why->code : ERR_OK;
    seen.conn = NULL;
}
static void on_drain(struct tcp_conn *c)
{
    (void)c;
    seen.drains++;
}
static void on_done(void *arg, bool sent)
{
    (void)arg;
    if (sent)
        seen.done_sent++;
    else
        seen.done_dropped++;
}

static int dial(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static struct tcp_server *listen_with(struct tcp_server_opts o)
{
    struct err err;
    o.on_open = on_open;
    o.on_close = on_close;
    o.on_drain = on_drain;
    struct tcp_server *s = tcp_listen(loop, &o, &err);
    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

#define TURN_UNTIL(cond)                                                  \
    do {                                                                  \
        int64_t deadline = time_mono_us() + 10 * 1000000;                 \
        while (!(cond) && time_mono_us() < deadline)                      \
            ev_run_once(loop, 20);                                        \
        assert_true(cond);                                                \
    } while (0)

/* Takes whole frames: a length byte, then as many bytes; echoes them. */
static size_t frames(struct tcp_conn *c, struct str in)
{
    size_t at = 0;
    while (at < in.len && in.len - at > (unsigned char)in.ptr[at]) {
        size_t n = 1u + (unsigned char)in.ptr[at];
        tcp_write(c, in.ptr + at, n);
        seen.in_bytes += n;
        at += n;
    }
    return at;
}

static void test_frames_in_pieces(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = frames});
    char out[16] = "";
    (void)state;
    int fd = dial(tcp_server_port(s));
    const char *pieces[] = {"\x05he", "llo\x03", "abc\x01", "z"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(write(fd, pieces[i], strlen(pieces[i])), strlen(pieces[i]));
        for (int t = 0; t < 3; t++)
            ev_run_once(loop, 5);
    }
    TURN_UNTIL(seen.in_bytes == 12);
    ev_run_once(loop, 5);
    assert_int_equal(read(fd, out, sizeof out), 12);
    assert_memory_equal(out, "\x05hello\x03""abc\x01z", 12);
    close(fd);
    TURN_UNTIL(seen.closes == 1);
    assert_int_equal(seen.why, ERR_OK);
    tcp_server_free(s);
}

static size_t take_none(struct tcp_conn *c, struct str in)
{
    (void)c, (void)in;
    return 0;
}
static size_t take_all(struct tcp_conn *c, struct str in)
{
    (void)c;
    seen.in_bytes += in.len;
    return in.len;
}

static void test_pending_limit(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_none, .max_pending = 1000});
    char bytes[1001] = "";
    (void)state;
    int fd = dial(tcp_server_port(s));
    assert_int_equal(write(fd, bytes, 1000), 1000);
    TURN_UNTIL(seen.opens == 1);
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    assert_int_equal(seen.closes, 0);
    assert_int_equal(write(fd, bytes, 1), 1);
    TURN_UNTIL(seen.closes == 1);
    assert_int_equal(seen.why, ERR_LIMIT);
    close(fd);
    tcp_server_free(s);
}

static void test_backpressure(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_all, .high_water = 1 << 20});
    static char big[64 << 20], sink[1 << 20];
    (void)state;
    int fd = dial(tcp_server_port(s));
    TURN_UNTIL(seen.opens == 1);
    tcp_write_owned(seen.conn, big, sizeof big, on_done, NULL);
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    assert_int_equal(seen.done_sent, 0);
    assert_true(tcp_conn_unsent(seen.conn) > 0);
    assert_int_equal(write(fd, "x", 1), 1); /* not read while we hold that much */
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    assert_int_equal(seen.in_bytes, 0);
    size_t got = 0;
    while (got < sizeof big) {
        ssize_t n = recv(fd, sink, sizeof sink, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t)n;
        ev_run_once(loop, 0);
    }
    TURN_UNTIL(seen.done_sent == 1 && seen.in_bytes == 1 && seen.drains == 1);
    close(fd);
    TURN_UNTIL(seen.closes == 1);
    tcp_server_free(s);
}

static void test_close_drops_owned(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_all});
    static char big[64 << 20];
    (void)state;
    int fd = dial(tcp_server_port(s));
    TURN_UNTIL(seen.opens == 1);
    tcp_write_owned(seen.conn, big, sizeof big, on_done, NULL);
    tcp_write_owned(seen.conn, big, 1, on_done, NULL);
    ev_run_once(loop, 5);
    tcp_close(seen.conn);
    tcp_write_owned(seen.conn, big, 1, on_done, NULL); /* dropped at once */
    TURN_UNTIL(seen.closes == 1);
    assert_int_equal(seen.done_sent + seen.done_dropped, 3);
    assert_true(seen.done_dropped >= 2);
    close(fd);
    tcp_server_free(s);
}

static void test_deadline(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_all});
    (void)state;
    int fd = dial(tcp_server_port(s));
    TURN_UNTIL(seen.opens == 1);
    tcp_deadline(seen.conn, 100);
    TURN_UNTIL(seen.closes == 1);
    assert_int_equal(seen.why, ERR_TIMEOUT);
    close(fd);
    tcp_server_free(s);
}

static void test_max_conns(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_all, .max_conns = 2});
    char c;
    (void)state;
    log_set_level(LOG_ERROR);
    int a = dial(tcp_server_port(s)), b = dial(tcp_server_port(s)), third = dial(tcp_server_port(s));
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    assert_int_equal(seen.opens, 2);
    assert_int_equal(read(third, &c, 1), 0);
    close(a);
    close(b);
    close(third);
    TURN_UNTIL(seen.closes == 2);
    tcp_server_free(s);
}

static void test_address_in_use(void **state)
{
    struct tcp_server *s = listen_with((struct tcp_server_opts){.on_bytes = take_all});
    struct tcp_server_opts o = {.on_bytes = take_all, .port = tcp_server_port(s)};
    struct err err;
    (void)state;
    assert_null(tcp_listen(loop, &o, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "127.0.0.1:"));
    o = (struct tcp_server_opts){.on_bytes = take_all, .host = "no.such.address"};
    assert_null(tcp_listen(loop, &o, &err));
    assert_int_equal(err.code, ERR_INPUT);
    tcp_server_free(s);
}

/* ------------------------------------------------------------------ HTTP over TLS and Unix sockets */

static struct http_server *http;
static struct ev_thread *thread;
static void hello(struct http_req *r)
{
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "line %d\n", i);
    buf_str(&b, r->body);
    http_respond_buf(r, 200, "text/plain", &b);
}
static const struct http_route routes[] = {{NULL, "/hello", hello, 0, 0, false}, {0}};

static void shut(void *arg)
{
    (void)arg;
    http_server_free(http);
    ev_stop(loop);
}

static void test_tls_and_unix(void **state)
{
    char dir[] = "/tmp/test_tcp.XXXXXX", cert[64], key[64], sock[64], url[64];
    struct http_client_res res;
    struct err err;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/c.pem", dir);
    snprintf(key, sizeof key, "%s/k.pem", dir);
    snprintf(sock, sizeof sock, "%s/s", dir);
    const char *const names[] = {"localhost", "127.0.0.1", NULL};
    if (tls_make_self_signed(cert, key, names, &err) != 0)
        fail_msg("%s", err.msg);
    struct tls *tls = tls_new(cert, key, "http/1.1", &err);
    if (!tls)
        fail_msg("%s", err.msg);
    for (int round = 0; round < 4; round++) { /* TLS, a Unix socket, then one port for TLS and for plain */
        struct http_server_opts o = {.routes = routes, .tls_optional = round > 1};
        o.tls = round != 1 ? tls : NULL;
        o.unix_path = round == 1 ? sock : NULL;
        http = http_listen(loop, &o, &err);
        assert_non_null(http);
        thread = ev_thread_start("http", loop);
        snprintf(url, sizeof url, "http%s://localhost:%d/hello", round % 2 ? "" : "s", http_server_port(http));
        struct http_client_req q = {.url = url, .body = STR("tail"), .ca_file = round % 2 ? NULL : cert,
                                    .unix_path = round == 1 ? sock : NULL};
        if (http_client_do(&q, &res, &err) != 0)
            fail_msg("%s", err.msg);
        assert_int_equal(res.status, 200);
        assert_true(str_ends_z(buf_view(&res.body), "line 99999\ntail"));
        http_client_res_release(&res);
        if (round == 0) { /* a certificate of nobody we know is refused */
            q.ca_file = NULL;
            assert_int_equal(http_client_do(&q, &res, &err), -1);
            assert_int_equal(err.code, ERR_IO);
        }
        ev_post(loop, shut, NULL);
        ev_thread_join(thread);
    }
    for (int i = 0; i < 5; i++)
        ev_run_once(loop, 5);
    tls_free(tls);
    assert_null(tls_new("/no/such/cert", key, NULL, &err));
    assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_frames_in_pieces), T(test_pending_limit), T(test_backpressure),
        T(test_close_drops_owned), T(test_deadline), T(test_max_conns), T(test_address_in_use),
        T(test_tls_and_unix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
