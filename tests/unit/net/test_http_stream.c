/* test_http_stream -- bodies that come piece by piece: counted, paced, refused early, left in the midst. */
#include "net/http.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { BODY = 3 << 20 };

struct take { int64_t bytes; uint32_t sum; int pieces, ends; };

static struct ev_loop *loop;
static struct http_server *server;
static struct ev_thread *thread;
static int gone_count;                  /* the loop's; read over HTTP */

static void go_on(void *arg) { http_body_resume(arg); }

/* Waits after each piece for another turn of the loop, as one does who writes to a disk. */
static void on_body(struct http_req *r, struct str bytes, bool end)
{
    struct take *t = r->user;
    t->bytes += (int64_t)bytes.len;
    t->sum = crc32_ieee(t->sum, bytes.ptr, bytes.len);
    t->pieces++;
    t->ends += end;
    if (!end) {
        http_body_pause(r);
        ev_post(loop, go_on, r);
        return;
    }
    struct str text = str_fmt(r->arena, "%jd %u %d\n", (intmax_t)t->bytes, t->sum, t->ends);
    http_respond(r, 200, "text/plain", text);
}

static void on_gone(struct http_req *r)
{
    gone_count++;
    http_end(r);
}

static void take(struct http_req *r)
{
    r->user = ARENA_NEW(r->arena, struct take);
    r->on_body = on_body;
    r->on_gone = on_gone;
}

static void refuse(struct http_req *r) { http_respond(r, 403, "text/plain", STR("no\n")); }
static void gone(struct http_req *r) { http_respond(r, 200, "text/plain", str_fmt(r->arena, "%d\n", gone_count)); }

static const struct http_route ROUTES[] = {
    {.method = "PUT", .pattern = "/take", .handler = take, .max_body = (size_t)1 << 40, .stream = true},
    {.method = "PUT", .pattern = "/small", .handler = take, .max_body = 10, .stream = true},
    {.method = "PUT", .pattern = "/refuse", .handler = refuse, .max_body = (size_t)1 << 40, .stream = true},
    {.method = "GET", .pattern = "/gone", .handler = gone},
    {0},
};

static int set_up(void **state)
{
    struct err err;
    struct http_server_opts opts = {.routes = ROUTES};
    (void)state;
    loop = ev_loop_new("stream");
    server = http_listen(loop, &opts, &err);
    assert_non_null(server);
    thread = ev_thread_start("stream", loop);
    return 0;
}

static void stop(void *arg)
{
    (void)arg;
    http_server_free(server);
    ev_stop(loop);
}

static int tear_down(void **state)
{
    (void)state;
    ev_post(loop, stop, NULL);
    ev_thread_join(thread);
    ev_loop_free(loop);
    return 0;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void put(int fd, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t step = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        if (step <= 0)
            return; /* the server has said its word */
        at += (size_t)step;
    }
}

static void put_z(int fd, const char *text) { put(fd, text, strlen(text)); }

/* One answer: status and, behind its head, the first line. */
static int answer(int fd, char line[100])
{
    char text[4096];
    size_t n = 0;
    int status = 0;
    line[0] = 0;
    for (;;) {
        ssize_t step = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (step <= 0)
            return status;
        n += (size_t)step;
        text[n] = 0;
        char *end = strstr(text, "\r\n\r\n");
        if (end && strncmp(text, "HTTP/1.1 100", 12) == 0) {
            memmove(text, end + 4, strlen(end + 4) + 1);
            n = strlen(text);
            end = strstr(text, "\r\n\r\n");
        }
        if (end && sscanf(text, "HTTP/1.1 %d", &status) == 1 && strchr(end + 4, '\n')) {
            snprintf(line, 100, "%.90s", end + 4);
            return status;
        }
    }
}

static char *body_make(uint32_t *sum)
{
    char *b = mem_alloc(BODY);
    for (size_t i = 0; i < BODY; i++)
        b[i] = (char)(i * 7 + i / 999);
    *sum = crc32_ieee(0, b, BODY);
    return b;
}

static void test_a_length_and_what_follows(void **state)
{
    uint32_t sum;
    char *b = body_make(&sum), line[100], want[100];
    (void)state;
    snprintf(want, sizeof want, "%d %u 1\n", BODY, sum);
    int fd = dial();
    for (int i = 0; i < 3; i++) { /* the connection goes on */
        char head[100];
        int n = snprintf(head, sizeof head, "PUT /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", BODY);
        put(fd, head, (size_t)n);
        put(fd, b, BODY);
        assert_int_equal(answer(fd, line), 200);
        assert_string_equal(line, want);
    }
    put_z(fd, "PUT /take HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(answer(fd, line), 200);
    assert_string_equal(line, "0 0 1\n");
    close(fd);
    mem_free(b);
}

static void test_chunks(void **state)
{
    uint32_t sum;
    char *b = body_make(&sum), line[100], want[100], head[64];
    (void)state;
    snprintf(want, sizeof want, "%d %u 1\n", BODY, sum);
    int fd = dial();
    put_z(fd, "PUT /take HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    for (size_t at = 0; at < BODY;) {
        size_t n = at % 70000 + 1;
        n = n > BODY - at ? BODY - at : n;
        put(fd, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", n));
        put(fd, b + at, n);
        put_z(fd, "\r\n");
        at += n;
    }
    put_z(fd, "0\r\n\r\n");
    assert_int_equal(answer(fd, line), 200);
    assert_string_equal(line, want);
    close(fd);
    mem_free(b);
}

static void test_limits(void **state)
{
    char line[100];
    (void)state;
    int fd = dial();
    put_z(fd, "PUT /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nhello world");
    assert_int_equal(answer(fd, line), 413);
    close(fd);
    fd = dial(); /* what is found out late ends the connection */
    put_z(fd, "PUT /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n");
    assert_int_equal(answer(fd, line), 0);
    close(fd);
    fd = dial();
    put_z(fd, "PUT /take HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    assert_int_equal(answer(fd, line), 0);
    close(fd);
}

static void test_an_early_answer_ends_the_connection(void **state)
{
    char line[100];
    (void)state;
    int fd = dial();
    put_z(fd, "PUT /refuse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nsome");
    assert_int_equal(answer(fd, line), 403);
    assert_string_equal(line, "no\n");
    char more;
    assert_true(recv(fd, &more, 1, 0) <= 0);
    close(fd);
}

static void test_who_leaves_is_told(void **state)
{
    char line[100];
    int want = 0, seen = -1;
    (void)state;
    for (int i = 0; i < 5; i++) {
        int fd = dial();
        put_z(fd, "PUT /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome");
        close(fd);
        want++;
    }
    int64_t end = time_mono_us() + 30 * 1000000;
    while (seen < want && time_mono_us() < end) {
        int fd = dial();
        put_z(fd, "GET /gone HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_int_equal(answer(fd, line), 200);
        assert_int_equal(sscanf(line, "%d", &seen), 1);
        close(fd);
    }
    assert_true(seen >= want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_length_and_what_follows), cmocka_unit_test(test_chunks), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_an_early_answer_ends_the_connection), cmocka_unit_test(test_who_leaves_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
