/* http.c -- the HTTP/1.1 server: connections, checks, dispatch, answers.
 *
 * A connection is in one of three states: HEAD (waiting for a head or reading one), BODY, BUSY (its
 * request is with a handler; further bytes stay in tcp's pending buffer). A request that errs
 * before its body is read is answered and the connection closed, since what follows is unknown.
 *
 * Ownership: a request is freed by http_end() (or http_respond…()), or, if it was never given to a
 * handler, when its connection closes. The server lives until its last connection and request. */
#include "net/http.h"
#include "net/http_date.h"
#include "net/http_parse.h"
#include <stdio.h>
#include <string.h>

enum conn_state { ST_HEAD, ST_BODY, ST_BUSY };

struct http_server {
    struct tcp_server *tcp;
    struct ev_loop *loop;
    struct http_server_opts opts;
    char host[64];
    int refs; /* the caller's, one for each connection and request */
};

struct conn {
    struct tcp_conn *tcp;
    struct http_server *server;
    enum conn_state state;
    struct request *req; /* in ST_BODY and ST_BUSY */
    struct http_chunked chunked;
    int64_t streamed;    /* of a `stream` route's body: bytes given on */
    bool peer_ended, body_paused;
};

struct request {
    struct http_req pub; /* first: the public pointer is this one's */
    struct conn *conn;   /* NULL: the client left */
    struct http_head head;
    struct buf body;
    struct http_header *out;
    size_t out_count, out_cap;
    http_fn on_drain;
    bool handed;         /* a handler or `before` has it */
    bool begun, chunked_out, no_body, close_after, unread_body;
};

static const char *const own_names[] = {"localhost", "127.0.0.1", "::1", NULL};

static struct request *priv(const struct http_req *r)
{
    return (struct request *)(uintptr_t)r;
}

static void server_unref(struct http_server *s)
{
    if (--s->refs == 0)
        mem_free(s);
}

static void request_free(struct request *q)
{
    struct http_server *s = q->pub.server;
    buf_release(&q->body);
    arena_free(q->pub.arena);
    mem_free(q);
    server_unref(s);
}

static struct request *request_new(struct conn *c)
{
    struct request *q = NEW(struct request);
    q->conn = c;
    q->pub.arena = arena_new();
    q->pub.server = c->server;
    q->pub.ctx = c->server->opts.ctx;
    buf_init(&q->body);
    c->server->refs++;
    return q;
}

/* ------------------------------------------------------------------ answers */

static const struct { int status; const char *reason; } reasons[] = {
    {100, "Continue"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
    {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
    {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
    {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"},
    {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"}, {422, "Unprocessable Content"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {499, "Client Closed Request"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

int http_status_of(enum err_code code)
{
    static const int table[ERR_CODE_COUNT] = {
        [ERR_OK] = 200, [ERR_USAGE] = 400, [ERR_INPUT] = 400, [ERR_UNSUPPORTED] = 501,
        [ERR_NOT_FOUND] = 404, [ERR_EXISTS] = 409, [ERR_CONFLICT] = 409, [ERR_LIMIT] = 413,
        [ERR_CORRUPT] = 500, [ERR_IO] = 502, [ERR_TIMEOUT] = 504, [ERR_CANCELED] = 499,
        [ERR_AUTH] = 401, [ERR_DENIED] = 403, [ERR_USER] = 422, [ERR_INTERNAL] = 500,
    };
    return code < ERR_CODE_COUNT && table[code] ? table[code] : 500;
}

/* No header may be split in two by what someone put into a value. */
static struct str clean_value(struct arena *a, struct str v)
{
    char *copy = str_cz(a, v);
    for (size_t i = 0; i < v.len; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = ' ';
    return str_of(copy, v.len);
}

void http_add_header(struct http_req *r, const char *name, struct str value)
{
    struct request *q = priv(r);
    CHECK(!q->begun);
    q->out = arena_grow(r->arena, q->out, &q->out_cap, q->out_count + 1, sizeof *q->out);
    q->out[q->out_count++] =
        (struct http_header){str_copy(r->arena, str_z(name)), clean_value(r->arena, value)};
}

void http_set_header(struct http_req *r, const char *name, struct str value)
{
    struct request *q = priv(r);
    CHECK(!q->begun);
    for (size_t i = 0; i < q->out_count; i++) {
        if (str_ieqz(q->out[i].name, name)) {
            q->out[i].value = clean_value(r->arena, value);
            return;
        }
    }
    http_add_header(r, name, value);
}

static bool out_has(const struct request *q, const char *name)
{
    for (size_t i = 0; i < q->out_count; i++)
        if (str_ieqz(q->out[i].name, name))
            return true;
    return false;
}

/* Writes status line and headers. length -1: unknown, to be chunked or ended by closing. */
static void write_head(struct request *q, int status, const char *content_type, int64_t length)
{
    struct buf b;
    char date[HTTP_DATE_BYTES];
    struct conn *c = q->conn;
    bool bare = status == 204 || status == 304 || status < 200;
    CHECK(!q->begun);
    q->begun = true;
    q->no_body = bare || str_eqz(q->pub.method, "HEAD");
    q->chunked_out = length < 0 && q->head.minor == 1 && !bare;
    if (!q->head.keep_alive || q->unread_body || (length < 0 && q->head.minor == 0) || (c && c->peer_ended))
        q->close_after = true;
    if (!c)
        return;
    buf_init(&b);
    buf_printf(&b, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    if (!out_has(q, "Date"))
        buf_printf(&b, "Date: %s\r\n", http_date(time_now(), date));
    if (content_type && !out_has(q, "Content-Type"))
        buf_printf(&b, "Content-Type: %s\r\n", content_type);
    for (size_t i = 0; i < q->out_count; i++)
        buf_printf(&b, "%.*s: %.*s\r\n", STR_ARGS(q->out[i].name), STR_ARGS(q->out[i].value));
    if (!out_has(q, "X-Content-Type-Options"))
        buf_z(&b, "X-Content-Type-Options: nosniff\r\n");
    if (q->chunked_out)
        buf_z(&b, "Transfer-Encoding: chunked\r\n");
    else if (length >= 0 && !bare && !out_has(q, "Content-Length"))
        buf_printf(&b, "Content-Length: %jd\r\n", (intmax_t)length);
    if (q->close_after)
        buf_z(&b, "Connection: close\r\n");
    else if (q->head.minor == 0)
        buf_z(&b, "Connection: keep-alive\r\n");
    buf_z(&b, "\r\n");
    tcp_write(c->tcp, b.ptr, b.len);
    buf_release(&b);
}

void http_begin(struct http_req *r, int status, const char *content_type, int64_t length)
{
    write_head(priv(r), status, content_type, length);
}

void http_send(struct http_req *r, struct str bytes)
{
    struct request *q = priv(r);
    CHECK(q->begun);
    if (!q->conn || q->no_body || bytes.len == 0)
        return;
    if (q->chunked_out) {
        char line[24];
        int n = snprintf(line, sizeof line, "%zx\r\n", bytes.len);
        tcp_write(q->conn->tcp, line, (size_t)n);
    }
    tcp_write(q->conn->tcp, bytes.ptr, bytes.len);
    if (q->chunked_out)
        tcp_write(q->conn->tcp, "\r\n", 2);
}

void http_send_buf(struct http_req *r, struct buf *b)
{
    struct request *q = priv(r);
    CHECK(q->begun);
    if (!q->conn || q->no_body || b->len == 0) {
        buf_clear(b);
        return;
    }
    if (q->chunked_out) {
        char line[24];
        int n = snprintf(line, sizeof line, "%zx\r\n", b->len);
        tcp_write(q->conn->tcp, line, (size_t)n);
    }
    tcp_write_buf(q->conn->tcp, b);
    if (q->chunked_out)
        tcp_write(q->conn->tcp, "\r\n", 2);
}

void http_end(struct http_req *r)
{
    struct request *q = priv(r);
    struct conn *c = q->conn;
    bool close_after = q->close_after;
    CHECK(q->begun || !c);
    if (c) {
        CHECK(c->req == q);
        if (q->chunked_out && !q->no_body)
            tcp_write(c->tcp, "0\r\n\r\n", 5);
        c->req = NULL;
        c->state = ST_HEAD;
        c->body_paused = false;
    }
    request_free(q);
    if (!c)
        return;
    if (close_after || c->peer_ended) {
        tcp_close_after_write(c->tcp);
        return;
    }
    tcp_deadline(c->tcp, HTTP_IDLE_MS);
    tcp_resume(c->tcp); /* the next request may be pending */
}

void http_abort(struct http_req *r)
{
    struct request *q = priv(r);
    q->close_after = true;
    if (q->conn)
        tcp_close(q->conn->tcp);
}

void http_respond(struct http_req *r, int status, const char *content_type, struct str body)
{
    http_begin(r, status, content_type, (int64_t)body.len);
    http_send(r, body);
    http_end(r);
}

void http_respond_buf(struct http_req *r, int status, const char *content_type, struct buf *body)
{
    http_begin(r, status, content_type, (int64_t)body->len);
    http_send_buf(r, body);
    http_end(r);
}

void http_respond_error(struct http_req *r, int status, const char *code, const char *fmt, ...)
{
    struct buf b, msg;
    va_list ap;
    buf_init(&b);
    buf_init(&msg);
    va_start(ap, fmt);
    buf_vprintf(&msg, fmt, ap);
    va_end(ap);
    buf_z(&b, "{\"error_code\":");
    json_quote(&b, str_z(code));
    buf_z(&b, ",\"message\":");
    json_quote(&b, buf_view(&msg));
    buf_z(&b, "}\n");
    http_respond_buf(r, status, "application/json", &b);
    buf_release(&b);
    buf_release(&msg);
}

void http_respond_err(struct http_req *r, const struct err *err)
{
    char text[900];
    http_respond_error(r, http_status_of(err->code), err_code_name(err->code), "%s",
                       err_text(err, text, sizeof text));
}

void http_sse_begin(struct http_req *r)
{
    http_set_header(r, "Cache-Control", STR("no-store"));
    http_begin(r, 200, "text/event-stream", -1);
}

void http_sse(struct http_req *r, const char *name, struct str data)
{
    struct buf b;
    struct str line;
    buf_init(&b);
    if (name)
        buf_printf(&b, "event: %s\n", name);
    if (data.len == 0)
        buf_z(&b, "data:\n");
    while (str_split(&data, '\n', &line))
        buf_printf(&b, "data: %.*s\n", STR_ARGS(line));
    buf_char(&b, '\n');
    http_send_buf(r, &b);
    buf_release(&b);
}

size_t http_unsent(const struct http_req *r)
{
    struct request *q = priv(r);
    return q->conn ? tcp_conn_unsent(q->conn->tcp) : 0;
}

void http_on_drain(struct http_req *r, http_fn fn)
{
    priv(r)->on_drain = fn;
}

/* ------------------------------------------------------------------ dispatch */

static bool host_is_ours(const struct http_server *s, struct str host)
{
    struct str name = http_host_name(host);
    if (s->opts.any_host)
        return true;
    return name.len > 0 && (http_host_fits(name, own_names) || str_ieqz(name, s->host) ||
                            http_host_fits(name, s->opts.names));
}

/* A browser's Origin must be the very authority that the request names as Host. */
static bool origin_is_ours(const struct http_server *s, struct str origin, struct str host)
{
    int64_t at = str_find(origin, STR("://"));
    if (s->opts.any_host || !origin.ptr)
        return true;
    return at > 0 && str_ieq(str_from(origin, (size_t)at + 3), host);
}

static const struct http_route *find_route(struct request *q, struct buf *allow)
{
    const struct http_route *found = NULL;
    bool head = str_eqz(q->pub.method, "HEAD");
    for (const struct http_route *t = q->pub.server->opts.routes; t && t->handler; t++) {
        if (!http_route_fits(t->pattern, q->pub.path))
            continue;
        bool fits = !t->method || str_eqz(q->pub.method, t->method) || (head && strcmp(t->method, "GET") == 0);
        if (fits && !found)
            found = t;
        if (t->method && str_find(buf_view(allow), str_z(t->method)) < 0)
            buf_printf(allow, "%s%s", allow->len ? ", " : "", t->method);
    }
    return found;
}

/* 404, 405, or OPTIONS answered. */
static void no_route(struct request *q, struct buf *allow)
{
    struct http_req *r = &q->pub;
    if (allow->len == 0) {
        http_respond_error(r, 404, "NOT_FOUND", "there is no '%.*s' here", STR_ARGS(r->path));
        return;
    }
    if (str_find(buf_view(allow), STR("GET")) >= 0)
        buf_z(allow, ", HEAD");
    buf_z(allow, ", OPTIONS");
    http_set_header(r, "Allow", buf_view(allow));
    if (str_eqz(r->method, "OPTIONS"))
        http_respond(r, 204, NULL, STR_NONE);
    else
        http_respond_error(r, 405, "METHOD_NOT_ALLOWED", "'%.*s' does not take %.*s",
                           STR_ARGS(r->path), STR_ARGS(r->method));
}

/* Checks a request whose head is known. True: go on to its body. */
static bool accept_head(struct request *q)
{
    struct http_server *s = q->pub.server;
    struct http_req *r = &q->pub;
    struct buf allow;
    bool more = q->head.chunked || q->head.content_length > 0;
    q->unread_body = more;
    if (!r->host.ptr && !s->opts.any_host) {
        http_respond_error(r, 400, "BAD_REQUEST", "the request has no Host");
        return false;
    }
    if (!host_is_ours(s, r->host)) {
        http_respond_error(r, 403, "FORBIDDEN_HOST", "'%.*s' is not served here", STR_ARGS(r->host));
        return false;
    }
    if (!origin_is_ours(s, http_req_header(r, "origin"), r->host)) {
        http_respond_error(r, 403, "FORBIDDEN_ORIGIN", "requests from other sites are refused");
        return false;
    }
    buf_init(&allow);
    const struct http_route *route = r->route = find_route(q, &allow);
    if (s->opts.before && !s->opts.before(r)) {
        buf_release(&allow);
        return false;
    }
    if (!route)
        no_route(q, &allow); /* and q is gone */
    buf_release(&allow);
    if (!route)
        return false;
    size_t max = route->max_body ? route->max_body : HTTP_MAX_BODY;
    if (q->head.content_length > (int64_t)max) {
        http_respond_error(r, 413, "CONTENT_TOO_LARGE", "the body is larger than %zu bytes", max);
        return false;
    }
    buf_init_max(&q->body, max);
    if (more && q->head.expect_continue && !route->stream)
        tcp_write(q->conn->tcp, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return true;
}

/* The handler of a `stream` route sees the head first; it may have ended the request on return. */
static void start_stream(struct conn *c)
{
    struct request *q = c->req;
    bool more = q->unread_body, wants_continue = more && q->head.expect_continue;
    c->state = more ? ST_BODY : ST_BUSY;
    c->streamed = 0;
    q->handed = true;
    tcp_deadline(c->tcp, more ? HTTP_BODY_MS : 0);
    q->pub.route->handler(&q->pub);
    if (c->req != q)
        return;
    if (wants_continue && !q->begun)
        tcp_write(c->tcp, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (!more && q->pub.on_body)
        q->pub.on_body(&q->pub, STR_NONE, true);
}

/* Gives on what is decoded; `q` may be gone on return. */
static void stream_body(struct conn *c, struct request *q, struct str bytes, bool end)
{
    if (end) {
        c->state = ST_BUSY;
        q->unread_body = false;
        tcp_deadline(c->tcp, 0);
    } else {
        tcp_deadline(c->tcp, HTTP_BODY_MS);
    }
    if (q->pub.on_body && (bytes.len || end))
        q->pub.on_body(&q->pub, bytes, end);
}

static size_t take_stream(struct conn *c, struct str in)
{
    struct request *q = c->req;
    struct err err;
    if (!q->head.chunked) {
        int64_t left = q->head.content_length - c->streamed;
        size_t taken = (int64_t)in.len < left ? in.len : (size_t)left;
        c->streamed += (int64_t)taken;
        if (taken || left == 0)
            stream_body(c, q, str_sub(in, 0, taken), (int64_t)taken == left);
        return taken;
    }
    struct buf piece;
    buf_init(&piece);
    int64_t n = http_chunked_feed(&c->chunked, in, &piece, &err);
    bool over = n >= 0 && (c->streamed += (int64_t)piece.len) > (int64_t)q->pub.route->max_body;
    if (n < 0 || over) { /* the request is lost, and its handler learns it as of a client that left */
        log_debug("http", "a chunked body is %s", over ? "too large" : "malformed");
        tcp_close(c->tcp);
        n = (int64_t)in.len;
    } else if (n > 0) {
        stream_body(c, q, buf_view(&piece), c->chunked.state == CHUNK_DONE);
    }
    buf_release(&piece);
    return (size_t)n;
}

static void fill_public(struct request *q)
{
    struct http_req *r = &q->pub;
    const struct http_head *h = &q->head;
    r->method = h->method;
    r->target = h->target;
    r->path = h->path;
    r->query = h->query;
    r->host = h->host;
    r->headers = h->headers;
    r->header_count = h->header_count;
}

/* Answers a head that cannot be read. */
static void bad_head(struct conn *c, struct request *q, int status, const struct err *err)
{
    q->head.keep_alive = false;
    q->head.minor = 1;
    c->req = q;
    c->state = ST_BUSY;
    http_respond_error(&q->pub, status, "BAD_REQUEST", "%s", err->msg);
}

static size_t blank_lines(struct str in)
{
    size_t n = 0;
    while (n + 1 < in.len && in.ptr[n] == '\r' && in.ptr[n + 1] == '\n' && n < 8)
        n += 2;
    return n;
}

static size_t take_head(struct conn *c, struct str in)
{
    struct err err;
    int status = 400;
    size_t skip = blank_lines(in); /* after a body, as old clients send */
    struct str rest = str_from(in, skip);
    if (rest.len == 0)
        return skip;
    struct request *q = request_new(c);
    int64_t n = http_head_parse(q->pub.arena, rest, &q->head, &status, &err);
    if (n == 0) {
        request_free(q);
        if (rest.len == in.len && !c->req)
            tcp_deadline(c->tcp, HTTP_HEAD_MS);
        return skip;
    }
    if (n < 0) {
        bad_head(c, q, status, &err);
        return in.len;
    }
    fill_public(q);
    c->req = q;
    c->state = ST_BUSY;
    c->chunked = (struct http_chunked){0};
    if (!accept_head(q))
        return skip + (size_t)n;
    if (q->pub.route->stream) {
        start_stream(c);
    } else {
        c->state = ST_BODY;
        tcp_deadline(c->tcp, HTTP_BODY_MS);
    }
    return skip + (size_t)n;
}

static void hand_over(struct conn *c)
{
    struct request *q = c->req;
    c->state = ST_BUSY;
    q->handed = true;
    q->unread_body = false;
    q->pub.body = buf_view(&q->body);
    tcp_deadline(c->tcp, 0);
    q->pub.route->handler(&q->pub);
}

static size_t take_body(struct conn *c, struct str in)
{
    struct request *q = c->req;
    struct err err;
    size_t taken = 0;
    bool done = false;
    if (q->head.chunked) {
        int64_t n = http_chunked_feed(&c->chunked, in, &q->body, &err);
        if (n < 0) {
            c->state = ST_BUSY;
            http_respond_error(&q->pub, err.code == ERR_LIMIT ? 413 : 400, "BAD_REQUEST", "%s", err.msg);
            return in.len;
        }
        taken = (size_t)n;
        done = c->chunked.state == CHUNK_DONE;
    } else {
        size_t want = q->head.content_length > 0 ? (size_t)q->head.content_length - q->body.len : 0;
        taken = in.len < want ? in.len : want;
        buf_add(&q->body, in.ptr, taken);
        done = taken == want;
    }
    if (done)
        hand_over(c);
    else if (taken > 0)
        tcp_deadline(c->tcp, HTTP_BODY_MS);
    return taken;
}

static size_t on_bytes(struct tcp_conn *t, struct str in)
{
    struct conn *c = tcp_conn_user(t);
    size_t at = 0;
    for (;;) {
        size_t before = at;
        enum conn_state was = c->state;
        if (tcp_conn_closing(t))
            return in.len;
        if (was == ST_BUSY) {
            if (in.len - at > HTTP_MAX_HEAD)
                tcp_pause(t); /* a pipeliner must wait */
            break;
        }
        if (was == ST_BODY && c->body_paused)
            break;
        bool stream = was == ST_BODY && c->req->pub.route->stream;
        at += was == ST_HEAD ? take_head(c, str_from(in, at))
              : stream       ? take_stream(c, str_from(in, at))
                             : take_body(c, str_from(in, at));
        if (at == before && c->state == was)
            break;
    }
    return at;
}

/* ------------------------------------------------------------------ connections */

static void on_open(struct tcp_conn *t)
{
    struct conn *c = NEW(struct conn);
    c->tcp = t;
    c->server = tcp_server_ctx(t);
    c->server->refs++;
    tcp_conn_set_user(t, c);
    tcp_deadline(t, HTTP_HEAD_MS);
}

static void on_end(struct tcp_conn *t)
{
    struct conn *c = tcp_conn_user(t);
    c->peer_ended = true;
    /* A client that half-closes still reads; one that left is found out by our writing. */
    if (c->state != ST_BUSY)
        tcp_close_after_write(t);
    else if (c->req->begun)
        tcp_close(t); /* a stream to someone who left */
}

static void on_drain(struct tcp_conn *t)
{
    struct conn *c = tcp_conn_user(t);
    if (c->req && c->req->on_drain)
        c->req->on_drain(&c->req->pub);
}

static void on_close(struct tcp_conn *t, const struct err *why)
{
    struct conn *c = tcp_conn_user(t);
    struct request *q = c->req;
    if (why)
        log_debug("http", "%s", why->msg);
    if (q) {
        q->conn = NULL;
        if (!q->handed)
            request_free(q);
        else if (q->pub.on_gone)
            q->pub.on_gone(&q->pub);
    }
    server_unref(c->server);
    mem_free(c);
}

struct http_server *http_listen(struct ev_loop *loop, const struct http_server_opts *opts,
                                struct err *err)
{
    struct http_server *s = NEW(struct http_server);
    struct tcp_server_opts t = {
        .host = opts->host, .port = opts->port, .unix_path = opts->unix_path, .tls = opts->tls, .tls_optional = opts->tls_optional,
        .max_conns = opts->max_conns, .on_open = on_open, .on_bytes = on_bytes, .on_end = on_end,
        .on_drain = on_drain, .on_close = on_close, .ctx = s,
    };
    s->opts = *opts;
    s->loop = loop;
    s->refs = 1;
    if (opts->unix_path)
        s->opts.any_host = true;
    s->tcp = tcp_listen(loop, &t, err);
    if (!s->tcp) {
        mem_free(s);
        return NULL;
    }
    snprintf(s->host, sizeof s->host, "%s", tcp_server_host(s->tcp));
    return s;
}

int http_server_port(const struct http_server *s)
{
    return tcp_server_port(s->tcp);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    tcp_server_free(s->tcp);
    s->tcp = NULL;
    server_unref(s);
}

/* ------------------------------------------------------------------ reading a request */

struct str http_req_header(const struct http_req *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_ieqz(r->headers[i].name, name))
            return r->headers[i].value;
    return STR_NONE;
}

struct str http_req_param(const struct http_req *r, const char *name)
{
    return r->route ? http_route_param(r->arena, r->route->pattern, r->path, name) : STR_NONE;
}

struct str http_req_query(const struct http_req *r, const char *name)
{
    struct str rest = r->query, key, value;
    while (http_query_next(r->arena, &rest, &key, &value))
        if (str_eqz(key, name))
            return value;
    return STR_NONE;
}

struct str http_req_cookie(const struct http_req *r, const char *name)
{
    struct str all = http_req_header(r, "cookie"), part;
    while (str_split(&all, ';', &part)) {
        struct str p = str_trim(part);
        int64_t eq = str_chr(p, '=');
        if (eq > 0 && str_eqz(str_sub(p, 0, (size_t)eq), name))
            return str_from(p, (size_t)eq + 1);
    }
    return STR_NONE;
}

const char *http_req_peer(const struct http_req *r)
{
    struct request *q = priv(r);
    return q->conn ? tcp_conn_peer(q->conn->tcp) : "gone";
}

const char *http_req_tls_name(const struct http_req *r)
{
    struct request *q = priv(r);
    return q->conn ? tcp_conn_tls_name(q->conn->tcp) : NULL;
}

struct ev_loop *http_req_loop(const struct http_req *r)
{
    return r->server->loop;
}

bool http_req_gone(const struct http_req *r)
{
    return priv(r)->conn == NULL;
}

int64_t http_body_length(const struct http_req *r)
{
    const struct http_head *h = &priv(r)->head;
    return h->chunked ? -1 : h->content_length > 0 ? h->content_length : 0;
}

void http_body_pause(struct http_req *r)
{
    struct conn *c = priv(r)->conn;
    if (!c || c->body_paused)
        return;
    c->body_paused = true;
    tcp_deadline(c->tcp, 0); /* now it is we who are slow */
    tcp_pause(c->tcp);
}

void http_body_resume(struct http_req *r)
{
    struct conn *c = priv(r)->conn;
    if (!c || !c->body_paused)
        return;
    c->body_paused = false;
    if (c->state == ST_BODY)
        tcp_deadline(c->tcp, HTTP_BODY_MS);
    tcp_resume(c->tcp);
}
