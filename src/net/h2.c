/* h2.c -- gRPC calls on nghttp2 sessions.
 *
 * A connection feeds what it reads to its session and sends what the session wants to send, as
 * long as the socket's queue is below half of its high-water mark; the rest waits for on_drain. So
 * the queue of a call (what h2_call_send() was given and the session has not pulled) says
 * truthfully how far the client is behind.
 *
 * nghttp2 must not be pumped from within its own callbacks: those only submit frames. The pump runs
 * at the end of on_bytes and, for calls from outside, in a deferred call of the same turn.
 *
 * A call: opened by HEADERS -> handed to its method -> finished by h2_call_finish(), which lets the
 * queue drain, then sends trailers. `gone` is set when the client, a deadline or a limit ended it
 * first. The memory goes when it is both finished (or never handed) and closed on the wire. */
#include "net/h2.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_HEAD = 5, MAX_FIELDS = 64, HELLO_MS = 30 * 1000, MAX_MESSAGE_TEXT = 4096 };

struct h2_server {
    struct tcp_server *tcp;
    struct ev_loop *loop;
    struct h2_server_opts opts;
    int refs; /* the caller's, one for each connection */
};

struct field { char *name; struct str value; };
struct fields { struct field items[MAX_FIELDS]; size_t count, bytes; };

struct out { struct out *next; struct buf bytes; size_t at; };

struct conn {
    struct tcp_conn *tcp; /* NULL: closed */
    struct h2_server *server;
    nghttp2_session *session;
    struct h2_call *calls; /* doubly linked: open on the wire */
    bool pump_planned, pumping;
    int refs; /* the socket's, one for a planned pump, one for each call */
};

struct h2_call {
    struct h2_call *prev, *next;
    struct conn *conn;
    int32_t stream;
    struct arena *arena;
    struct fields request, headers, trailers;
    struct str path;
    const struct h2_method *method;
    struct buf in;
    struct out *first, **end;
    size_t unsent;
    struct ev_timer *deadline;
    void *user;
    void (*on_gone)(struct h2_call *c);
    void (*on_drain)(struct h2_call *c);
    enum grpc_status status;
    char *message;
    bool handed;   /* a method has it, so its owner finishes it */
    bool finished; /* by its owner, or by us before it was handed */
    bool gone;     /* nothing can be sent any more */
    bool closed;   /* on the wire */
    bool half_closed, begun, sleeping, drained, grpc;
    bool ended;    /* `status` is set: trailers follow the queue */
};

/* ------------------------------------------------------------------ small things */

static void server_unref(struct h2_server *s)
{
    if (--s->refs == 0)
        mem_free(s);
}

static void conn_unref(struct conn *k)
{
    if (--k->refs > 0)
        return;
    server_unref(k->server);
    mem_free(k);
}

static bool fields_add(struct arena *a, struct fields *f, struct str name, struct str value)
{
    if (f->count == MAX_FIELDS || f->bytes + name.len + value.len > H2_MAX_METADATA)
        return false;
    f->bytes += name.len + value.len;
    f->items[f->count++] = (struct field){str_cz(a, name), str_copy(a, value)};
    return true;
}

static void drop_queue(struct h2_call *c)
{
    while (c->first) {
        struct out *o = c->first;
        c->first = o->next;
        buf_release(&o->bytes);
        mem_free(o);
    }
    c->unsent = 0;
}

static void call_free_if_over(struct h2_call *c)
{
    if (!c->closed || !(c->finished || !c->handed))
        return;
    struct conn *k = c->conn;
    drop_queue(c);
    buf_release(&c->in);
    ev_timer_free(c->deadline);
    arena_free(c->arena);
    mem_free(c);
    conn_unref(k);
}

static void set_gone(struct h2_call *c)
{
    if (c->gone)
        return;
    c->gone = true;
    if (c->handed && !c->finished && c->on_gone)
        c->on_gone(c); /* may finish, and with that free, the call */
}

/* The stream is closed on the wire. */
static void call_closed(struct h2_call *c)
{
    struct conn *k = c->conn;
    if (c->prev)
        c->prev->next = c->next;
    else
        k->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    k->refs++;
    bool handed_open = c->handed && !c->finished;
    if (handed_open && !c->gone) {
        c->gone = true;
        if (c->on_gone)
            c->on_gone(c); /* may finish it; the memory stays, since `closed` is not set yet */
    }
    c->closed = true;
    call_free_if_over(c);
    conn_unref(k);
}

/* ------------------------------------------------------------------ sending */

static void pump(struct conn *k);

static void planned_pump(void *arg)
{
    struct conn *k = arg;
    k->pump_planned = false;
    pump(k);
    conn_unref(k);
}

static void plan_pump(struct conn *k)
{
    if (k->pump_planned || k->pumping || !k->tcp)
        return;
    k->pump_planned = true;
    k->refs++;
    ev_defer(tcp_conn_loop(k->tcp), planned_pump, k);
}

static void tell_drained(struct conn *k)
{
    for (struct h2_call *c = k->calls; c;) {
        bool tell = c->drained && !c->gone && !c->finished && c->on_drain;
        c->drained = false;
        if (!tell) {
            c = c->next;
            continue;
        }
        c->on_drain(c);
        c = k->calls; /* the list may have changed */
    }
}

static void pump(struct conn *k)
{
    const uint8_t *bytes;
    if (!k->tcp || k->pumping)
        return;
    k->pumping = true;
    k->refs++;
    while (k->tcp && tcp_conn_unsent(k->tcp) < TCP_HIGH_WATER / 2) {
        ssize_t n = nghttp2_session_mem_send(k->session, &bytes);
        if (n < 0) {
            tcp_close(k->tcp);
            break;
        }
        if (n == 0)
            break;
        tcp_write(k->tcp, bytes, (size_t)n);
    }
    k->pumping = false;
    if (k->tcp)
        tell_drained(k);
    if (k->tcp && !nghttp2_session_want_read(k->session) && !nghttp2_session_want_write(k->session))
        tcp_close_after_write(k->tcp);
    conn_unref(k);
}

static nghttp2_nv nv(const char *name, struct str value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)(value.ptr ? value.ptr : ""),
                        strlen(name), value.len, NGHTTP2_NV_FLAG_NONE};
}

static size_t put_status(struct h2_call *c, nghttp2_nv *out)
{
    size_t n = 0;
    out[n++] = nv("grpc-status", str_fmt(c->arena, "%d", (int)c->status));
    if (c->message)
        out[n++] = nv("grpc-message", str_z(c->message));
    for (size_t i = 0; i < c->trailers.count; i++)
        out[n++] = nv(c->trailers.items[i].name, c->trailers.items[i].value);
    return n;
}

static ssize_t read_data(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_call *c = source->ptr;
    size_t n = 0;
    (void)user;
    while (c->first && n < room) {
        struct out *o = c->first;
        size_t part = o->bytes.len - o->at < room - n ? o->bytes.len - o->at : room - n;
        memcpy(to + n, o->bytes.ptr + o->at, part);
        n += part;
        o->at += part;
        if (o->at < o->bytes.len)
            break;
        c->first = o->next;
        buf_release(&o->bytes);
        mem_free(o);
    }
    c->unsent -= n;
    if (c->unsent == 0)
        c->drained = true;
    if (!c->first && c->ended) {
        nghttp2_nv trailers[MAX_FIELDS + 2];
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        size_t count = put_status(c, trailers);
        nghttp2_submit_trailer(session, stream, trailers, count);
    } else if (n == 0) {
        c->sleeping = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

static size_t response_head(struct h2_call *c, nghttp2_nv *out)
{
    size_t n = 0;
    out[n++] = nv(":status", c->grpc ? STR("200") : STR("415"));
    out[n++] = nv("content-type", STR("application/grpc"));
    for (size_t i = 0; i < c->headers.count; i++)
        out[n++] = nv(c->headers.items[i].name, c->headers.items[i].value);
    return n;
}

static void wake(struct h2_call *c)
{
    struct conn *k = c->conn;
    if (c->gone || c->closed || !k->tcp)
        return;
    if (!c->begun) {
        nghttp2_nv head[2 * MAX_FIELDS + 4];
        size_t n = response_head(c, head);
        nghttp2_data_provider data = {.source.ptr = c, .read_callback = read_data};
        bool only_trailers = !c->first && c->ended;
        if (only_trailers)
            n += put_status(c, head + n);
        c->begun = true;
        nghttp2_submit_response(k->session, c->stream, head, n, only_trailers ? NULL : &data);
    } else if (c->sleeping) {
        c->sleeping = false;
        nghttp2_session_resume_data(k->session, c->stream);
    }
    plan_pump(k);
}

static void add_field(struct h2_call *c, struct fields *to, const char *name, struct str value)
{
    struct buf b;
    buf_init(&b);
    if (str_ends_z(str_z(name), "-bin"))
        base64_put(&b, value);
    else
        buf_str(&b, value);
    if (!fields_add(c->arena, to, str_z(name), buf_view(&b)))
        log_warn("h2", "metadata is too large, dropped name=%s", name);
    buf_release(&b);
}

void h2_call_header(struct h2_call *c, const char *name, struct str value)
{
    if (!c->begun)
        add_field(c, &c->headers, name, value);
}

void h2_call_trailer(struct h2_call *c, const char *name, struct str value)
{
    add_field(c, &c->trailers, name, value);
}

static void enqueue(struct h2_call *c, struct buf *bytes)
{
    struct out *o = NEW(struct out);
    size_t n = bytes->len;
    buf_init(&o->bytes);
    o->bytes = *bytes;
    buf_init(bytes);
    if (!c->first)
        c->end = &c->first;
    *c->end = o;
    c->end = &o->next;
    c->unsent += n;
}

static void send_head(struct h2_call *c, size_t len)
{
    struct buf head;
    uint8_t h[FRAME_HEAD] = {0};
    be32_put(h + 1, (uint32_t)len);
    buf_init(&head);
    buf_add(&head, h, FRAME_HEAD);
    enqueue(c, &head);
}

void h2_call_send_buf(struct h2_call *c, struct buf *message)
{
    CHECK(!c->finished);
    CHECK(message->len <= UINT32_MAX);
    if (c->gone) {
        buf_clear(message);
        return;
    }
    send_head(c, message->len);
    if (message->len > 0)
        enqueue(c, message);
    wake(c);
}

void h2_call_send(struct h2_call *c, struct str message)
{
    struct buf b;
    buf_init(&b);
    buf_str(&b, message);
    h2_call_send_buf(c, &b);
    buf_release(&b);
}

static char *encode_message(struct arena *a, const char *text)
{
    struct buf b;
    buf_init_max(&b, MAX_MESSAGE_TEXT * 3);
    for (size_t i = 0; text[i] && i < MAX_MESSAGE_TEXT; i++) {
        unsigned char ch = (unsigned char)text[i];
        if (ch >= 0x20 && ch < 0x7f && ch != '%')
            buf_char(&b, (char)ch);
        else
            buf_printf(&b, "%%%02X", ch);
    }
    char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

static void set_status(struct h2_call *c, enum grpc_status status, const char *message)
{
    c->status = status;
    c->ended = true;
    if (message && message[0])
        c->message = encode_message(c->arena, message);
    wake(c);
}

void h2_call_finish(struct h2_call *c, enum grpc_status status, const char *message)
{
    CHECK(!c->finished);
    c->finished = true;
    if (!c->gone)
        set_status(c, status, message);
    call_free_if_over(c);
}

/* Ends a call on our own behalf: its owner, if it has one, is told and still finishes it. */
static void call_abort(struct h2_call *c, enum grpc_status status, const char *message)
{
    if (c->gone || c->finished)
        return;
    drop_queue(c);
    set_status(c, status, message);
    if (c->handed)
        set_gone(c);
    else
        c->finished = true;
}

/* ------------------------------------------------------------------ receiving */

static struct str field_get(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->items[i].name, name) == 0)
            return f->items[i].value;
    return STR_NONE;
}

/* The message at the front of c->in. 1: whole, 0: not yet, -1: the call was aborted. */
static int peek_message(struct h2_call *c, struct str *message)
{
    size_t max = c->conn->server->opts.max_message;
    const uint8_t *p = (const uint8_t *)c->in.ptr;
    if (c->in.len < FRAME_HEAD)
        return 0;
    uint32_t len = be32_get(p + 1);
    if (p[0] != 0) {
        call_abort(c, GRPC_UNIMPLEMENTED, "compressed messages are not taken: use the identity encoding");
        return -1;
    }
    if (len > max) {
        char text[100];
        snprintf(text, sizeof text, "message of %u bytes is larger than %zu", len, max);
        call_abort(c, GRPC_RESOURCE_EXHAUSTED, text);
        return -1;
    }
    if (c->in.len - FRAME_HEAD < len)
        return 0;
    *message = str_of(c->in.ptr + FRAME_HEAD, len);
    return 1;
}

/* Gives messages to the method. Callbacks may finish the call; it stays allocated while it is open
 * on the wire, which this function's callers see to. */
static void deliver(struct h2_call *c)
{
    struct str m;
    int rc;
    if (c->finished || c->gone || !c->method)
        return;
    if (c->method->on_end) {
        while (!c->finished && !c->gone && (rc = peek_message(c, &m)) == 1) {
            c->handed = true;
            c->method->on_message(c, m);
            buf_drop_front(&c->in, FRAME_HEAD + m.len);
        }
        if (c->finished || c->gone || !c->half_closed)
            return;
        c->handed = true;
        if (c->in.len > 0)
            call_abort(c, GRPC_INVALID_ARGUMENT, "the stream ended inside a message");
        else
            c->method->on_end(c);
        return;
    }
    rc = peek_message(c, &m);
    if (rc < 0 || !c->half_closed)
        return;
    if (rc == 0 || c->in.len != FRAME_HEAD + m.len) {
        call_abort(c, GRPC_INVALID_ARGUMENT, "the method takes exactly one message");
        return;
    }
    c->handed = true;
    c->method->on_message(c, m);
    if (!c->finished) {
        buf_release(&c->in);
        buf_init(&c->in);
    }
}

static void on_deadline(void *arg)
{
    call_abort(arg, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
}

/* "100m" -> milliseconds, at least 1; -1 if malformed. */
static int64_t timeout_ms(struct str s)
{
    static const struct { char unit; double ms; } units[] = {
        {'H', 3600e3}, {'M', 60e3}, {'S', 1e3}, {'m', 1}, {'u', 1e-3}, {'n', 1e-6}};
    uint64_t n;
    if (s.len < 2 || s.len > 9 || !str_u64(str_sub(s, 0, s.len - 1), &n))
        return -1;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (units[i].unit == s.ptr[s.len - 1])
            return (int64_t)((double)n * units[i].ms) + 1;
    return -1;
}

static void open_call(struct h2_call *c)
{
    struct h2_server *s = c->conn->server;
    char msg[200] = "";
    c->path = field_get(&c->request, ":path");
    c->grpc = str_starts_z(field_get(&c->request, "content-type"), "application/grpc");
    if (!c->grpc || !str_eqz(field_get(&c->request, ":method"), "POST")) {
        call_abort(c, GRPC_INTERNAL, "only gRPC is spoken here");
        return;
    }
    for (const struct h2_method *m = s->opts.methods; m->path; m++)
        if (str_eqz(c->path, m->path))
            c->method = m;
    if (s->opts.before) {
        enum grpc_status status = s->opts.before(c, msg);
        if (status != GRPC_OK) {
            c->method = NULL;
            call_abort(c, status, msg);
            return;
        }
    }
    if (!c->method) {
        struct str text = str_fmt(c->arena, "there is no method '%.*s'", STR_ARGS(c->path));
        call_abort(c, GRPC_UNIMPLEMENTED, text.ptr);
        return;
    }
    int64_t ms = timeout_ms(field_get(&c->request, "grpc-timeout"));
    if (ms > 0) {
        c->deadline = ev_timer_new(tcp_conn_loop(c->conn->tcp), on_deadline, c);
        ev_timer_start(c->deadline, ms, 0);
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
    struct conn *k = user;
    if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_call *c = NEW(struct h2_call);
    c->conn = k;
    k->refs++;
    c->stream = f->hd.stream_id;
    c->arena = arena_new();
    buf_init_max(&c->in, k->server->opts.max_message + FRAME_HEAD + (1 << 20));
    c->next = k->calls;
    if (c->next)
        c->next->prev = c;
    k->calls = c;
    nghttp2_session_set_stream_user_data(session, c->stream, c);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
    (void)flags, (void)user;
    if (!c || f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (!fields_add(c->arena, &c->request, str_of((const char *)name, name_len),
                    str_of((const char *)value, value_len)))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the stream is reset */
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t n, void *user)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(session, stream);
    (void)flags, (void)user;
    if (!c || c->finished || c->gone || !c->method)
        return 0;
    buf_add(&c->in, bytes, n);
    if (c->in.overflow)
        call_abort(c, GRPC_RESOURCE_EXHAUSTED, "more data than one message may have");
    else
        deliver(c);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
    (void)user;
    if (!c || (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA))
        return 0;
    if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST)
        open_call(c);
    if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        c->half_closed = true;
        deliver(c);
    }
    return 0;
}

/* Trailers are out: a client that still sends is told to stop. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
    (void)user;
    if (c && f->hd.type == NGHTTP2_HEADERS && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) && !c->half_closed)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, c->stream, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(session, stream);
    (void)code, (void)user;
    if (c)
        call_closed(c);
    return 0;
}

/* ------------------------------------------------------------------ connections */

static nghttp2_session *session_new(struct conn *k)
{
    nghttp2_session_callbacks *cb;
    nghttp2_session *session;
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_MAX_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_MAX_METADATA},
    };
    CHECK(nghttp2_session_callbacks_new(&cb) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_closed);
    CHECK(nghttp2_session_server_new(&session, cb, k) == 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, H2_WINDOW * 16);
    return session;
}

static void on_open(struct tcp_conn *t)
{
    struct conn *k = NEW(struct conn);
    k->tcp = t;
    k->server = tcp_server_ctx(t);
    k->server->refs++;
    k->refs = 1;
    k->session = session_new(k);
    tcp_conn_set_user(t, k);
    tcp_deadline(t, HELLO_MS);
    plan_pump(k);
}

static size_t on_bytes(struct tcp_conn *t, struct str in)
{
    struct conn *k = tcp_conn_user(t);
    tcp_deadline(t, 0);
    ssize_t n = nghttp2_session_mem_recv(k->session, (const uint8_t *)in.ptr, in.len);
    if (n < 0) {
        log_debug("h2", "connection closed peer=%s reason=%s", tcp_conn_peer(t), nghttp2_strerror((int)n));
        tcp_close_after_write(t);
        return in.len;
    }
    pump(k);
    return in.len;
}

static void on_drain(struct tcp_conn *t)
{
    pump(tcp_conn_user(t));
}

static void on_close(struct tcp_conn *t, const struct err *why)
{
    struct conn *k = tcp_conn_user(t);
    if (why)
        log_debug("h2", "%s", why->msg);
    k->tcp = NULL;
    while (k->calls)
        call_closed(k->calls);
    nghttp2_session_del(k->session);
    k->session = NULL;
    conn_unref(k);
}

struct h2_server *h2_listen(struct ev_loop *loop, const struct h2_server_opts *opts, struct err *err)
{
    struct h2_server *s = NEW(struct h2_server);
    struct tcp_server_opts t = {
        .host = opts->host, .port = opts->port, .tls = opts->tls, .max_conns = opts->max_conns,
        .on_open = on_open, .on_bytes = on_bytes, .on_drain = on_drain, .on_close = on_close, .ctx = s,
    };
    s->opts = *opts;
    s->loop = loop;
    s->refs = 1;
    if (s->opts.max_message == 0)
        s->opts.max_message = H2_MAX_MESSAGE;
    s->tcp = tcp_listen(loop, &t, err);
    if (s->tcp)
        return s;
    mem_free(s);
    return NULL;
}

int h2_server_port(const struct h2_server *s)
{
    return tcp_server_port(s->tcp);
}

void h2_server_free(struct h2_server *s)
{
    if (!s)
        return;
    tcp_server_free(s->tcp);
    s->tcp = NULL;
    server_unref(s);
}

/* ------------------------------------------------------------------ reading a call */

void *h2_call_ctx(const struct h2_call *c)
{
    return c->conn->server->opts.ctx;
}

void *h2_call_user(const struct h2_call *c)
{
    return c->user;
}

void h2_call_set_user(struct h2_call *c, void *user)
{
    c->user = user;
}

void h2_call_on_gone(struct h2_call *c, void (*fn)(struct h2_call *c))
{
    c->on_gone = fn;
}

void h2_call_on_drain(struct h2_call *c, void (*fn)(struct h2_call *c))
{
    c->on_drain = fn;
}

struct str h2_call_path(const struct h2_call *c)
{
    return c->path;
}

struct str h2_call_metadata(const struct h2_call *c, const char *name)
{
    return field_get(&c->request, name);
}

const char *h2_call_peer(const struct h2_call *c)
{
    return c->conn->tcp ? tcp_conn_peer(c->conn->tcp) : "gone";
}

struct ev_loop *h2_call_loop(const struct h2_call *c)
{
    return c->conn->server->loop;
}

bool h2_call_gone(const struct h2_call *c)
{
    return c->gone;
}

size_t h2_call_unsent(const struct h2_call *c)
{
    return c->unsent;
}

enum grpc_status h2_status_of(enum err_code code)
{
    static const enum grpc_status table[ERR_CODE_COUNT] = {
        [ERR_OK] = GRPC_OK, [ERR_USAGE] = GRPC_INVALID_ARGUMENT, [ERR_INPUT] = GRPC_INVALID_ARGUMENT,
        [ERR_UNSUPPORTED] = GRPC_UNIMPLEMENTED, [ERR_NOT_FOUND] = GRPC_NOT_FOUND,
        [ERR_EXISTS] = GRPC_ALREADY_EXISTS, [ERR_CONFLICT] = GRPC_ABORTED,
        [ERR_LIMIT] = GRPC_RESOURCE_EXHAUSTED, [ERR_CORRUPT] = GRPC_DATA_LOSS,
        [ERR_IO] = GRPC_UNAVAILABLE, [ERR_TIMEOUT] = GRPC_DEADLINE_EXCEEDED,
        [ERR_CANCELED] = GRPC_CANCELLED, [ERR_AUTH] = GRPC_UNAUTHENTICATED,
        [ERR_DENIED] = GRPC_PERMISSION_DENIED, [ERR_USER] = GRPC_FAILED_PRECONDITION,
        [ERR_INTERNAL] = GRPC_INTERNAL,
    };
    return code < ERR_CODE_COUNT ? table[code] : GRPC_INTERNAL;
}
