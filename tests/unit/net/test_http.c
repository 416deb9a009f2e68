/* test_http -- the parser's cases, and the server under raw bytes and under our own client. */
#include "net/http.h"
#include "net/http_client.h"
#include "net/http_parse.h"
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* ------------------------------------------------------------------ parser */

static const struct { const char *in; int status; } heads[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET /a?b=c HTTP/1.1\r\nHost: a\r\nX: \t y \r\n\r\n", 0},
    {"GET http://h:1/p?q HTTP/1.1\r\n\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n\r\n", 505},
    {"GET / FOO\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n\r\n", 400},
    {"G@T / HTTP/1.1\r\n\r\n", 400},
    {"GET nopath HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nExpect: pigs\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\nX: a\x01z\r\n\r\n", 400},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct arena *a = arena_new();
        struct http_head h;
        struct err err;
        int status = 0;
        struct str in = str_z(heads[i].in);
        for (size_t n = 0; n < in.len; n++) { /* any part of it is incomplete or already refused */
            int ignored;
            assert_true(http_head_parse(a, str_sub(in, 0, n), &h, &ignored, &err) <= 0);
        }
        int64_t n = http_head_parse(a, in, &h, &status, &err);
        if (heads[i].status == 0 && n != (int64_t)in.len)
            fail_msg("'%s': %s", heads[i].in, err.msg);
        if (heads[i].status != 0 && (n != -1 || status != heads[i].status))
            fail_msg("'%s': %d instead of %d", heads[i].in, status, heads[i].status);
        arena_free(a);
    }
}

static void test_head_fields(void **state)
{
    struct arena *a = arena_new();
    struct http_head h;
    struct err err;
    int status;
    (void)state;
    struct str in = STR("POST http://me:80/x%20y?q=1 HTTP/1.0\r\nX-Y:  v w \r\nConnection: Keep-Alive\r\n"
                        "Content-Length: 5\r\n\r\nhello");
    assert_int_equal(http_head_parse(a, in, &h, &status, &err), in.len - 5);
    assert_true(str_eqz(h.host, "me:80"));
    assert_true(str_eqz(h.path, "/x%20y"));
    assert_true(str_eqz(h.query, "q=1"));
    assert_true(str_eqz(http_head_header(&h, "x-y"), "v w"));
    assert_true(h.keep_alive);
    assert_int_equal(h.content_length, 5);
    arena_free(a);
}

static void test_limits_of_heads(void **state)
{
    struct arena *a = arena_new();
    struct http_head h;
    struct err err;
    int status = 0;
    struct buf b;
    (void)state;
    buf_init(&b);
    buf_z(&b, "GET /");
    for (int i = 0; i < HTTP_MAX_TARGET; i++)
        buf_char(&b, 'a');
    buf_z(&b, " HTTP/1.1\r\n\r\n");
    assert_int_equal(http_head_parse(a, buf_view(&b), &h, &status, &err), -1);
    assert_int_equal(status, 414);
    buf_clear(&b);
    buf_z(&b, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_MAX_HEADERS; i++)
        buf_z(&b, "A: b\r\n");
    buf_z(&b, "\r\n");
    assert_int_equal(http_head_parse(a, buf_view(&b), &h, &status, &err), -1);
    assert_int_equal(status, 431);
    buf_clear(&b);
    for (int i = 0; i < HTTP_MAX_HEAD; i++)
        buf_char(&b, 'a');
    assert_int_equal(http_head_parse(a, buf_view(&b), &h, &status, &err), -1);
    assert_int_equal(status, 431);
    buf_release(&b);
    arena_free(a);
}

static void test_chunked_at_every_cut(void **state)
{
    struct str in = STR("5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\nNEXT");
    (void)state;
    for (size_t cut = 0; cut <= in.len; cut++) {
        struct http_chunked d = {0};
        struct buf body, pending;
        struct err err;
        buf_init(&body);
        buf_init(&pending);
        for (int part = 0; part < 2; part++) {
            buf_str(&pending, part ? str_from(in, cut) : str_sub(in, 0, cut));
            int64_t n = http_chunked_feed(&d, buf_view(&pending), &body, &err);
            assert_true(n >= 0);
            buf_drop_front(&pending, (size_t)n);
        }
        assert_int_equal(d.state, CHUNK_DONE);
        assert_string_equal(body.ptr, "hello world");
        assert_string_equal(pending.ptr, "NEXT");
        buf_release(&body);
        buf_release(&pending);
    }
}

static void test_chunked_refusals(void **state)
{
    static const char *const bad[] = {"x\r\n", "\r\n", "5\nhello", "5\r\nhelloX\r\n", "fffffffffffffffff\r\n"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct http_chunked d = {0};
        struct buf body;
        struct err err;
        buf_init_max(&body, 100);
        assert_int_equal(http_chunked_feed(&d, str_z(bad[i]), &body, &err), -1);
        buf_release(&body);
    }
    struct http_chunked d = {0};
    struct buf body;
    struct err err;
    buf_init_max(&body, 4);
    assert_int_equal(http_chunked_feed(&d, STR("5\r\nhello\r\n"), &body, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&body);
}

static void test_routes(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    assert_true(http_route_fits("/", STR("/")));
    assert_false(http_route_fits("/", STR("/a")));
    assert_true(http_route_fits("/a/{x}/b", STR("/a/1/b")));
    assert_false(http_route_fits("/a/{x}/b", STR("/a//b")));
    assert_false(http_route_fits("/a/{x}", STR("/a/1/b")));
    assert_true(http_route_fits("/{p...}", STR("/a/1/b")));
    assert_true(http_route_fits("/{p...}", STR("/")));
    assert_false(http_route_fits("/a", STR("/a/")));
    assert_true(str_eqz(http_route_param(a, "/a/{x}", STR("/a/q%2Fr%20s"), "x"), "q/r s"));
    assert_true(str_eqz(http_route_param(a, "/s/{p...}", STR("/s/a/b%20c"), "p"), "a/b c"));
    assert_null(http_route_param(a, "/s/{p}", STR("/s/a"), "q").ptr);
    static const char *const names[] = {"me.example", ".blob.local", NULL};
    assert_true(http_host_fits(STR("ME.example"), names));
    assert_true(http_host_fits(STR("a.b.blob.local"), names));
    assert_false(http_host_fits(STR(".blob.local"), names));
    assert_false(http_host_fits(STR("evil.me.example"), names));
    assert_true(str_eqz(http_host_name(STR("[::1]:80")), "::1"));
    arena_free(a);
}

/* ------------------------------------------------------------------ server */

static struct ev_loop *loop;
static struct http_server *server;
static struct ev_thread *thread;
static struct http_req *held;
static int gone_count;

static void hello(struct http_req *r)
{
    struct str name = http_req_query(r, "name");
    struct str text = str_fmt(r->arena, "hello %.*s", STR_ARGS(name.ptr ? name : STR("you")));
    http_set_header(r, "X-Param", http_req_header(r, "x-in"));
    http_respond(r, 200, "text/plain", text);
}

static void echo(struct http_req *r)
{
    http_respond(r, 201, "application/octet-stream", r->body);
}

static void pieces(struct http_req *r)
{
    http_begin(r, 200, "text/plain", -1);
    for (int i = 0; i < 1000; i++)
        http_send(r, str_fmt(r->arena, "line %d\n", i));
    http_end(r);
}

static void param(struct http_req *r)
{
    http_respond(r, 200, NULL, http_req_param(r, "id"));
}

struct slow { struct http_req *r; struct ev_loop *loop; };
static void slow_work(void *arg)
{
    (void)arg;
}
static void slow_done(void *arg)
{
    struct slow *s = arg;
    http_respond(s->r, 200, NULL, STR("later"));
    mem_free(s);
}
static void slow(struct http_req *r)
{
    struct slow *s = NEW(struct slow);
    s->r = r;
    ev_work(http_req_loop(r), slow_work, slow_done, s);
}

static void was_gone(struct http_req *r)
{
    gone_count++;
    held = NULL;
    http_end(r);
}
static void events(struct http_req *r)
{
    http_sse_begin(r);
    http_sse(r, "tick", STR("a\nb"));
    http_sse(r, NULL, STR("{}"));
    r->on_gone = was_gone;
    held = r;
}

static bool before(struct http_req *r)
{
    if (!str_eqz(http_req_header(r, "x-key"), "bad"))
        return true;
    http_respond_error(r, 401, "UNAUTHENTICATED", "no");
    return false;
}

static const struct http_route routes[] = {
    {"GET", "/hello", hello, 0, 0, false},
    {"POST", "/echo", echo, 1 << 20, 0, false},
    {"PUT", "/echo", echo, 1 << 20, 0, false},
    {"GET", "/pieces", pieces, 0, 0, false},
    {"GET", "/p/{id}/x", param, 0, 0, false},
    {"GET", "/slow", slow, 0, 0, false},
    {"GET", "/events", events, 0, 0, false},
    {0},
};

static int start(void **state)
{
    static const char *const names[] = {"my.name", NULL};
    struct http_server_opts o = {.routes = routes, .before = before, .names = names};
    struct err err;
    (void)state;
    loop = ev_loop_new("http");
    server = http_listen(loop, &o, &err);
    assert_non_null(server);
    thread = ev_thread_start("http", loop);
    return 0;
}

static void shut(void *arg)
{
    (void)arg;
    http_server_free(server);
    ev_stop(loop);
}

static int stop(void **state)
{
    (void)state;
    ev_post(loop, shut, NULL);
    ev_thread_join(thread);
    ev_loop_free(loop);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server))};
    struct timeval tv = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

/* Sends raw bytes and returns what comes until the end, or until `until` was seen. */
static char *raw(const char *bytes, const char *until)
{
    static char out[1 << 20];
    size_t n = 0;
    int fd = dial();
    assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
    for (;;) {
        ssize_t got = read(fd, out + n, sizeof out - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = 0;
        if (until && strstr(out, until))
            break;
    }
    out[n] = 0;
    close(fd);
    return out;
}

static const struct { const char *in, *want; } talks[] = {
    {"GET /hello?name=a%20b+c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "\r\n\r\nhello a b c"},
    {"GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n", "Connection: close\r\n\r\nhello you"},
    {"HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "Content-Length: 9\r\n"},
    {"GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 "},
    {"DELETE /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "Allow: POST, PUT, OPTIONS"},
    {"OPTIONS /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 204 "},
    {"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 403 "},
    {"GET /hello HTTP/1.1\r\nHost: my.name:99\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
    {"GET /hello HTTP/1.1\r\nHost: localhost:5\r\nOrigin: http://localhost:6\r\nConnection: close\r\n\r\n", "HTTP/1.1 403 "},
    {"GET /hello HTTP/1.1\r\nHost: localhost:5\r\nOrigin: null\r\nConnection: close\r\n\r\n", "HTTP/1.1 403 "},
    {"GET /hello HTTP/1.1\r\nHost: localhost:5\r\nOrigin: http://localhost:5\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Key: bad\r\nConnection: close\r\n\r\n", "HTTP/1.1 401 "},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n", "HTTP/1.1 413 "},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP/1.1 201 "},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "\r\n\r\nabc"},
    {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 "},
    {"GET /p/a%2Fb/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "\r\n\r\na/b"},
    {"garbage\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /pieces HTTP/1.0\r\nHost: localhost\r\n\r\n", "\r\n\r\nline 0\nline 1\n"},
    /* pipelined: all answered in order, also behind one that is answered later */
    {"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "later"},
    {"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "hello you"},
    {"GET /hello HTTP/1.1\r\nHost: localhost\r\nX-In: a\x09z\r\nConnection: close\r\n\r\n", "X-Param: a z\r\n"},
};

static void test_talks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(talks); i++) {
        char *out = raw(talks[i].in, NULL);
        if (!strstr(out, talks[i].want))
            fail_msg("case %zu: '%s' has no '%s'", i, out, talks[i].want);
    }
    assert_null(strstr(raw(talks[2].in, NULL), "hello")); /* HEAD has no body */
}

static void test_events(void **state)
{
    (void)state;
    char *out = raw("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n", "data: {}\n\n");
    assert_non_null(strstr(out, "text/event-stream"));
    assert_non_null(strstr(out, "event: tick\ndata: a\ndata: b\n\n"));
}

static void url(char *out, size_t n, const char *path)
{
    snprintf(out, n, "http://127.0.0.1:%d%s", http_server_port(server), path);
}

static void test_client(void **state)
{
    char u[200];
    struct http_client_res res;
    struct err err;
    (void)state;
    url(u, sizeof u, "/hello?name=x");
    const char *const headers[] = {"X-In: yes", NULL};
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .headers = headers}, &res, &err), 0);
    assert_int_equal(res.status, 200);
    assert_string_equal(res.body.ptr, "hello x");
    assert_true(str_eqz(http_client_header(&res, "X-Param"), "yes"));
    http_client_res_release(&res);

    struct buf big;
    buf_init(&big);
    for (int i = 0; i < 1000000; i++)
        buf_char(&big, (char)('a' + i % 26));
    url(u, sizeof u, "/echo");
    struct http_client_req put = {.method = "PUT", .url = u, .body = buf_view(&big)};
    for (int i = 0; i < 3; i++) { /* the same connection serves them */
        assert_int_equal(http_client_do(&put, &res, &err), 0);
        assert_int_equal(res.status, 201);
        assert_true(str_eq(buf_view(&res.body), buf_view(&big)));
        http_client_res_release(&res);
    }
    put.max_body = 1000;
    assert_int_equal(http_client_do(&put, &res, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&big);

    url(u, sizeof u, "/nope");
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u}, &res, &err), 0);
    assert_int_equal(res.status, 404);
    http_client_res_release(&res);
    assert_int_equal(http_client_do(&(struct http_client_req){.url = "ftp://x/y"}, &res, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
}

static void test_client_to_file(void **state)
{
    char u[200], dir[] = "/tmp/test_http.XXXXXX", path[100];
    struct http_client_res res;
    struct err err;
    struct buf b;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    url(u, sizeof u, "/pieces");
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .to_path = path}, &res, &err), 0);
    assert_int_equal(res.body.len, 0);
    buf_init(&b);
    assert_int_equal(fs_read_file(path, 1 << 20, &b, &err), 0);
    assert_int_equal(b.len, res.body_bytes);
    assert_true(str_starts_z(buf_view(&b), "line 0\n"));
    http_client_res_release(&res);
    url(u, sizeof u, "/nope"); /* an error's body is no file */
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .to_path = path}, &res, &err), 0);
    assert_true(res.body.len > 0);
    http_client_res_release(&res);
    buf_clear(&b);
    assert_int_equal(fs_read_file(path, 1 << 20, &b, &err), 0);
    assert_true(str_starts_z(buf_view(&b), "line 0\n"));
    buf_release(&b);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void test_client_cancel_and_timeout(void **state)
{
    char u[200];
    struct http_client_res res;
    struct err err;
    atomic_bool cancel = true;
    (void)state;
    url(u, sizeof u, "/events");
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .cancel = &cancel}, &res, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .timeout_ms = 100}, &res, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_true(err.retriable);
}

/* A server that answers a GET and keeps the connection, and closes it on a POST without a word. */
struct closing { int fd; atomic_int posts; };

static void answer_or_close(struct closing *s, struct pollfd *p)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char in[4096];
    ssize_t got = recv(p->fd, in, sizeof in, 0);
    if (got >= 3 && memcmp(in, "GET", 3) == 0) {
        (void)!send(p->fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
        return;
    }
    atomic_fetch_add(&s->posts, got >= 4 && memcmp(in, "POST", 4) == 0);
    close(p->fd);
    p->fd = -1;
}

static void *close_on_post(void *arg)
{
    struct closing *s = arg;
    struct pollfd p[9] = {{.fd = s->fd, .events = POLLIN}};
    nfds_t n = 1;
    while (poll(p, n, -1) > 0 && !(p[0].revents & (POLLHUP | POLLERR))) {
        for (nfds_t i = 1; i < n; i++)
            if (p[i].revents)
                answer_or_close(s, &p[i]);
        if (p[0].revents && n < 9)
            p[n++] = (struct pollfd){.fd = accept(s->fd, NULL, NULL), .events = POLLIN};
    }
    for (nfds_t i = 1; i < n; i++)
        if (p[i].fd >= 0)
            close(p[i].fd);
    return NULL;
}

static void test_a_post_is_sent_once(void **state)
{
    struct closing s = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct http_client_res res;
    struct err err;
    pthread_t answers;
    char u[100];
    (void)state;
    assert_int_equal(bind(s.fd, (struct sockaddr *)&a, sizeof a) | listen(s.fd, 8), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(pthread_create(&answers, NULL, close_on_post, &s), 0);
    snprintf(u, sizeof u, "http://127.0.0.1:%d/x", ntohs(a.sin_port));
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u}, &res, &err), 0); /* the connection is kept */
    http_client_res_release(&res);
    assert_int_equal(http_client_do(&(struct http_client_req){.url = u, .body = STR("once")}, &res, &err), -1);
    assert_int_equal(atomic_load(&s.posts), 1);
    shutdown(s.fd, SHUT_RDWR);
    pthread_join(answers, NULL);
    close(s.fd);
}

int main(void)
{
    const struct CMUnitTest pure[] = {
        cmocka_unit_test(test_heads), cmocka_unit_test(test_head_fields),
        cmocka_unit_test(test_limits_of_heads), cmocka_unit_test(test_chunked_at_every_cut),
        cmocka_unit_test(test_chunked_refusals), cmocka_unit_test(test_routes),
    };
    const struct CMUnitTest live[] = {
        cmocka_unit_test(test_talks), cmocka_unit_test(test_events), cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_to_file), cmocka_unit_test(test_client_cancel_and_timeout),
        cmocka_unit_test(test_a_post_is_sent_once),
    };
    return cmocka_run_group_tests(pure, NULL, NULL) + cmocka_run_group_tests(live, start, stop);
}
