/* tcp.c -- listeners and connections on libuv.
 *
 * Output queue: a list of chunks. Small copied writes gather in the last chunk; owned ones are
 * chunks of their own. A flush hands all chunks to one uv_write (one writev); the batch comes back
 * in on_written, where `done` runs and `unsent` falls. With TLS a flush encrypts the chunks into
 * one owned chunk first; their `done` moves to it.
 *
 * End of turn: connections with something to flush or to offer again are in the server's dirty
 * list; one deferred call walks it. A connection in the list is not freed.
 *
 * States of a connection: open -> (draining: our last bytes go out, input is thrown away until the
 * peer ends or LINGER_MS pass, so that no reset destroys what we said) -> closing -> closed. */
#include "net/tcp.h"
#include "net/tls_int.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum {
    READ_BYTES = 256 * 1024,
    GATHER_BYTES = 16 * 1024, /* copied writes join the last chunk up to this size */
    SWEEP_MS = 250,
    LINGER_MS = 2000,
    DRAIN_MS = 30 * 1000,     /* for the last bytes of tcp_close_after_write() */
    BATCH_STACK = 64,
    TLS_HANDSHAKE = 0x16,     /* first byte of a TLS connection, and of none of our protocols */
};

union handle {
    uv_handle_t any;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct chunk {
    struct chunk *next;
    char *owned;          /* freed with the chunk; NULL: the writer's bytes */
    const char *bytes;
    size_t len, cap;      /* cap: of `owned`, 0 if it must not grow */
    void (*done)(void *arg, bool sent);
    void *arg;
};

struct chunks { struct chunk *first, **end; size_t count; };

struct batch { uv_write_t req; struct tcp_conn *conn; struct chunk *chunks; };

struct tcp_server {
    union handle listener; /* first: closing frees through it */
    uv_timer_t sweep;
    struct ev_loop *loop;
    struct tcp_server_opts opts;
    char host[64], unix_path[108];
    int port, conn_count, refs; /* refs: listener, sweep, connections, a deferred turn */
    bool ending, turn_planned, sweeping;
    struct tcp_conn *conns;     /* doubly linked */
    struct tcp_conn *dirty;     /* through next_dirty */
    char *read_buf;
};

struct tcp_conn {
    union handle h;
    struct tcp_server *server;
    struct tcp_conn *prev, *next, *next_dirty;
    void *user;
    struct buf in;
    size_t max_pending;
    struct chunks out;     /* not handed to libuv yet */
    size_t unsent;
    int64_t deadline_mono_us;
    int64_t handshake_mono_us; /* a TLS handshake has to be over by then; 0: none is under way */
    bool is_dirty, again, flush, paused, reading, throttled;
    bool ended;            /* the peer sends no more */
    bool draining, shut, closing, closed;
    bool has_why;
    struct err why;
    struct tls_conn *tls;
    bool sniff;            /* the first byte will say whether it is TLS */
    uv_shutdown_t shutdown;
    char peer[64];
};

/* ------------------------------------------------------------------ small things */

static void server_unref(struct tcp_server *s)
{
    CHECK(s->refs > 0);
    if (--s->refs > 0)
        return;
    mem_free(s->read_buf);
    mem_free(s);
}

static void chunks_add(struct chunks *q, struct chunk *k)
{
    if (!q->first)
        q->end = &q->first;
    *q->end = k;
    q->end = &k->next;
    q->count++;
}

static size_t chunks_finish(struct chunk *k, bool sent)
{
    size_t bytes = 0;
    while (k) {
        struct chunk *next = k->next;
        bytes += k->len;
        if (k->done)
            k->done(k->arg, sent);
        mem_free(k->owned);
        mem_free(k);
        k = next;
    }
    return bytes;
}

static void on_turn_end(void *arg);

static void mark_dirty(struct tcp_conn *c)
{
    struct tcp_server *s = c->server;
    if (!c->is_dirty) {
        c->is_dirty = true;
        c->next_dirty = s->dirty;
        s->dirty = c;
    }
    if (!s->turn_planned) {
        s->turn_planned = true;
        s->refs++;
        ev_defer(s->loop, on_turn_end, s);
    }
}

static void maybe_free(struct tcp_conn *c)
{
    if (!c->closed || c->is_dirty)
        return;
    struct tcp_server *s = c->server;
    mem_free(c);
    server_unref(s);
}

/* ------------------------------------------------------------------ closing */

static void on_closed(uv_handle_t *h)
{
    struct tcp_conn *c = h->data;
    struct tcp_server *s = c->server;
    struct chunk *left = c->out.first;
    c->out.first = NULL;
    chunks_finish(left, false);
    if (s->opts.on_close)
        s->opts.on_close(c, c->has_why ? &c->why : NULL);
    tls_conn_free(c->tls);
    buf_release(&c->in);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->conn_count--;
    c->closed = true;
    maybe_free(c);
}

static void close_now(struct tcp_conn *c, const struct err *why)
{
    if (c->closing)
        return;
    if (why) {
        c->has_why = true;
        c->why = *why;
    }
    c->closing = true;
    uv_close(&c->h.any, on_closed);
}

static void close_uv(struct tcp_conn *c, int status, const char *doing)
{
    struct err err;
    if (status == UV_ECONNRESET || status == UV_EPIPE || status == UV_ECANCELED) {
        close_now(c, NULL);
        return;
    }
    (void)err_set(&err, ERR_IO, "%s %s: %s", doing, c->peer, uv_strerror(status));
    close_now(c, &err);
}

void tcp_close(struct tcp_conn *c)
{
    close_now(c, NULL);
}

bool tcp_conn_closing(const struct tcp_conn *c)
{
    return c->closing || c->draining;
}

/* ------------------------------------------------------------------ input */

static void set_reading(struct tcp_conn *c);
static void peer_ended(struct tcp_conn *c);

/* Offers what is pending; `fresh` lies behind it and is not in c->in yet. */
static void offer(struct tcp_conn *c, struct str fresh)
{
    struct tcp_server *s = c->server;
    if (c->in.len == 0 && fresh.len > 0 && !c->paused) {
        size_t taken = s->opts.on_bytes(c, fresh);
        CHECK(taken <= fresh.len);
        fresh = str_from(fresh, taken);
    } else if (fresh.len > 0) {
        buf_str(&c->in, fresh);
        fresh.len = 0;
        if (c->paused)
            return;
        size_t taken = s->opts.on_bytes(c, buf_view(&c->in));
        CHECK(taken <= c->in.len);
        buf_drop_front(&c->in, taken);
    } else if (c->in.len > 0 && !c->paused) {
        size_t taken = s->opts.on_bytes(c, buf_view(&c->in));
        CHECK(taken <= c->in.len);
        buf_drop_front(&c->in, taken);
    }
    if (fresh.len > 0 && !c->closing)
        buf_str(&c->in, fresh);
    if (c->in.len == 0 && c->in.cap > READ_BYTES) { /* one big frame must not pin its memory */
        buf_release(&c->in);
        buf_init(&c->in);
    }
}

static void check_pending(struct tcp_conn *c)
{
    struct err err;
    if (c->closing || c->draining || c->paused || c->in.len <= c->max_pending)
        return;
    (void)err_set(&err, ERR_LIMIT, "%s sent more than %zu bytes that make no whole message", c->peer,
                  c->max_pending);
    close_now(c, &err);
}

static void on_written(uv_write_t *req, int status);

/* What TLS itself has to say (handshake, key updates, alerts): behind what is encrypted already, whose keys it may end. */
static void write_wire(struct tcp_conn *c, struct buf *wire)
{
    struct batch *b = NEW(struct batch);
    struct chunk *k = b->chunks = NEW(struct chunk);
    b->conn = c;
    k->len = wire->len;
    k->bytes = k->owned = buf_detach(wire);
    uv_buf_t out = uv_buf_init(k->owned, (unsigned)k->len);
    c->unsent += k->len;
    int rc = c->closing ? UV_ECANCELED : uv_write(&b->req, &c->h.stream, &out, 1, on_written);
    if (rc == 0)
        return;
    c->unsent -= chunks_finish(k, false);
    mem_free(b);
    close_uv(c, rc, "cannot write to");
}

static void start_tls(struct tcp_conn *c)
{
    c->tls = tls_conn_new(c->server->opts.tls);
    c->handshake_mono_us = time_mono_us() + TCP_HANDSHAKE_MS * INT64_C(1000);
}

static void take_wire(struct tcp_conn *c, struct str bytes)
{
    if (c->sniff && bytes.ptr[0] == TLS_HANDSHAKE)
        start_tls(c);
    c->sniff = false;
    if (!c->tls) {
        offer(c, bytes);
        return;
    }
    struct buf plain, wire;
    struct err err;
    bool ended = false;
    buf_init(&plain);
    buf_init(&wire);
    int rc = tls_conn_feed(c->tls, bytes, &plain, &wire, &ended, &err);
    if (c->handshake_mono_us && tls_conn_ready(c->tls))
        c->handshake_mono_us = 0;
    if (wire.len > 0)
        write_wire(c, &wire);
    if (rc == 0 && plain.len > 0 && !c->closing)
        offer(c, buf_view(&plain));
    buf_release(&plain);
    buf_release(&wire);
    if (rc != 0)
        close_now(c, &err);
    else if (ended && !c->closing)
        peer_ended(c);
}

static void peer_ended(struct tcp_conn *c)
{
    c->ended = true;
    set_reading(c);
    if (c->draining) {
        if (c->shut)
            close_now(c, NULL);
        return;
    }
    if (c->server->opts.on_end)
        c->server->opts.on_end(c);
    else
        tcp_close_after_write(c);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct tcp_conn *c = h->data;
    (void)hint;
    *buf = uv_buf_init(c->server->read_buf, READ_BYTES);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct tcp_conn *c = h->data;
    if (n == 0 || c->closing)
        return;
    if (n == UV_EOF) {
        peer_ended(c);
    } else if (n < 0) {
        close_uv(c, (int)n, "cannot read from");
    } else if (!c->draining) {
        take_wire(c, str_of(buf->base, (size_t)n));
        check_pending(c);
    }
}

/* Makes libuv read or not, after any change of what decides it. */
static void set_reading(struct tcp_conn *c)
{
    bool want = !c->closing && !c->ended && (c->draining || (!c->paused && !c->throttled));
    if (want == c->reading)
        return;
    c->reading = want;
    if (want)
        uv_read_start(&c->h.stream, on_alloc, on_read);
    else if (!c->closing)
        uv_read_stop(&c->h.stream);
}

void tcp_pause(struct tcp_conn *c)
{
    c->paused = true;
    set_reading(c);
}

void tcp_resume(struct tcp_conn *c)
{
    c->paused = false;
    set_reading(c);
    tcp_again(c);
}

void tcp_again(struct tcp_conn *c)
{
    c->again = true;
    mark_dirty(c);
}

/* ------------------------------------------------------------------ output */

static void on_shut(uv_shutdown_t *req, int status)
{
    struct tcp_conn *c = req->data;
    (void)status;
    if (c->ended)
        close_now(c, NULL);
}

/* Once all is written: say that we are done, and wait for the peer to end or LINGER_MS. */
static void maybe_shut(struct tcp_conn *c)
{
    if (!c->draining || c->shut || c->closing || c->unsent > 0)
        return;
    c->shut = true;
    if (c->tls) {
        struct buf wire;
        buf_init(&wire);
        tls_conn_end(c->tls, &wire);
        uv_buf_t b = uv_buf_init(wire.ptr, (unsigned)wire.len);
        if (wire.len > 0 && uv_try_write(&c->h.stream, &b, 1) < 0)
            log_debug("tcp", "no close_notify to %s", c->peer);
        buf_release(&wire);
    }
    c->deadline_mono_us = time_mono_us() + LINGER_MS * 1000;
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, &c->h.stream, on_shut) != 0)
        close_now(c, NULL);
}

static void on_written(uv_write_t *req, int status)
{
    struct batch *b = (struct batch *)req;
    struct tcp_conn *c = b->conn;
    size_t high = c->server->opts.high_water, before = c->unsent;
    c->unsent -= chunks_finish(b->chunks, status == 0);
    mem_free(b);
    if (c->closing)
        return;
    if (status != 0) {
        close_uv(c, status, "cannot write to");
        return;
    }
    if (before > high / 2 && c->unsent <= high / 2) {
        c->throttled = false;
        set_reading(c);
        if (!c->draining && c->server->opts.on_drain)
            c->server->opts.on_drain(c);
    }
    maybe_shut(c);
}

/* Puts one chunk of encrypted bytes in place of the plain ones. */
static int encrypt(struct tcp_conn *c, struct chunks *q, struct err *err)
{
    struct buf wire;
    int rc = 0;
    size_t plain = 0;
    buf_init(&wire);
    for (struct chunk *k = q->first; k && rc == 0; k = k->next) {
        plain += k->len;
        rc = tls_conn_send(c->tls, str_of(k->bytes, k->len), &wire, err);
    }
    if (rc != 0) {
        buf_release(&wire);
        return rc;
    }
    struct chunk *k = NEW(struct chunk);
    k->len = wire.len;
    k->bytes = k->owned = buf_detach(&wire);
    c->unsent = c->unsent - plain + k->len;
    for (struct chunk *p = q->first; p; p = p->next)
        p->len = 0; /* they stay in the batch for their `done` only */
    chunks_add(q, k);
    return 0;
}

void tcp_flush(struct tcp_conn *c)
{
    struct chunks q = c->out;
    struct err err;
    uv_buf_t stack[BATCH_STACK], *bufs = stack;
    c->flush = false;
    if (!q.first || c->closing)
        return;
    q.end = c->out.end; /* points into a chunk: count > 0 */
    c->out = (struct chunks){0};
    struct batch *b = NEW(struct batch);
    b->conn = c;
    b->chunks = q.first;
    if (c->tls && encrypt(c, &q, &err) != 0) {
        chunks_finish(q.first, false);
        mem_free(b);
        close_now(c, &err);
        return;
    }
    if (q.count > BATCH_STACK)
        bufs = mem_alloc(q.count * sizeof *bufs);
    unsigned n = 0;
    for (struct chunk *k = q.first; k; k = k->next)
        if (k->len > 0)
            bufs[n++] = uv_buf_init((char *)(uintptr_t)k->bytes, (unsigned)k->len);
    if (n == 0)
        bufs[n++] = uv_buf_init(b->conn->peer, 0);
    int rc = uv_write(&b->req, &c->h.stream, bufs, n, on_written);
    if (bufs != stack)
        mem_free(bufs);
    if (rc != 0) {
        c->unsent -= chunks_finish(b->chunks, false);
        mem_free(b);
        close_uv(c, rc, "cannot write to");
    }
}

static void enqueue(struct tcp_conn *c, struct chunk *k)
{
    c->unsent += k->len;
    chunks_add(&c->out, k);
    if (!c->flush) {
        c->flush = true;
        mark_dirty(c);
    }
    if (c->unsent >= c->server->opts.high_water && !c->throttled) {
        c->throttled = true;
        set_reading(c);
    }
}

static struct chunk *last_chunk(struct tcp_conn *c)
{
    if (!c->out.first)
        return NULL;
    return (struct chunk *)((char *)c->out.end - offsetof(struct chunk, next));
}

void tcp_write(struct tcp_conn *c, const void *bytes, size_t n)
{
    if (n == 0 || tcp_conn_closing(c))
        return;
    struct chunk *k = last_chunk(c);
    if (k && k->cap - (k->cap ? k->len : 0) >= n) {
        memcpy(k->owned + k->len, bytes, n);
        k->len += n;
        c->unsent += n;
        return;
    }
    k = NEW(struct chunk);
    k->cap = n > GATHER_BYTES / 2 ? n : GATHER_BYTES;
    k->bytes = k->owned = mem_alloc(k->cap);
    memcpy(k->owned, bytes, n);
    k->len = n;
    enqueue(c, k);
}

void tcp_write_owned(struct tcp_conn *c, const void *bytes, size_t n,
                     void (*done)(void *arg, bool sent), void *arg)
{
    struct chunk *k = NEW(struct chunk);
    k->bytes = bytes;
    k->len = n;
    k->done = done;
    k->arg = arg;
    if (tcp_conn_closing(c))
        chunks_finish(k, false);
    else
        enqueue(c, k);
}

void tcp_write_buf(struct tcp_conn *c, struct buf *b)
{
    size_t n = b->len;
    if (n == 0 || tcp_conn_closing(c)) {
        buf_clear(b);
        return;
    }
    struct chunk *k = NEW(struct chunk);
    k->bytes = k->owned = buf_detach(b);
    k->len = n;
    enqueue(c, k);
}

size_t tcp_conn_unsent(const struct tcp_conn *c)
{
    return c->unsent;
}

void tcp_close_after_write(struct tcp_conn *c)
{
    if (c->closing || c->draining)
        return;
    if (c->out.first)
        tcp_flush(c);
    c->draining = true;
    c->deadline_mono_us = time_mono_us() + DRAIN_MS * 1000;
    set_reading(c);
    maybe_shut(c);
}

/* ------------------------------------------------------------------ turns and deadlines */

static void on_turn_end(void *arg)
{
    struct tcp_server *s = arg;
    struct tcp_conn *c = s->dirty;
    s->dirty = NULL;
    s->turn_planned = false;
    while (c) {
        struct tcp_conn *next = c->next_dirty;
        c->next_dirty = NULL;
        c->is_dirty = false;
        if (c->again && !c->closing && !c->draining) {
            c->again = false;
            offer(c, STR_NONE);
            check_pending(c);
        }
        if (c->flush && !c->closing)
            tcp_flush(c);
        maybe_free(c);
        c = next;
    }
    server_unref(s);
}

static void on_sweep(uv_timer_t *t)
{
    struct tcp_server *s = t->data;
    int64_t now = time_mono_us();
    for (struct tcp_conn *c = s->conns; c; c = c->next) {
        struct err err;
        bool silent = c->deadline_mono_us && now >= c->deadline_mono_us;
        if (c->closing || (!silent && (!c->handshake_mono_us || now < c->handshake_mono_us)))
            continue;
        if (c->draining) {
            close_now(c, NULL);
            continue;
        }
        (void)err_set(&err, ERR_TIMEOUT, "%s was silent for too long", c->peer);
        close_now(c, &err);
    }
    if (s->conn_count == 0) {
        s->sweeping = false;
        uv_timer_stop(&s->sweep);
    }
}

void tcp_deadline(struct tcp_conn *c, int64_t ms)
{
    if (!c->draining)
        c->deadline_mono_us = ms > 0 ? time_mono_us() + ms * 1000 : 0;
}

/* ------------------------------------------------------------------ accepting */

static void peer_name(struct tcp_conn *c)
{
    struct sockaddr_storage sa;
    int len = sizeof sa;
    char ip[48] = "?";
    int port = 0;
    if (c->server->unix_path[0] || uv_tcp_getpeername(&c->h.tcp, (struct sockaddr *)&sa, &len) != 0) {
        snprintf(c->peer, sizeof c->peer, "unix");
        return;
    }
    if (sa.ss_family == AF_INET6) {
        uv_ip6_name((struct sockaddr_in6 *)&sa, ip, sizeof ip);
        port = ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
        snprintf(c->peer, sizeof c->peer, "[%s]:%d", ip, port);
    } else {
        uv_ip4_name((struct sockaddr_in *)&sa, ip, sizeof ip);
        port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
        snprintf(c->peer, sizeof c->peer, "%s:%d", ip, port);
    }
}

static void init_handle(struct tcp_server *s, union handle *h)
{
    uv_loop_t *uv = ev_uv(s->loop);
    if (s->unix_path[0])
        uv_pipe_init(uv, &h->pipe, 0);
    else
        uv_tcp_init(uv, &h->tcp);
}

static void on_refused_closed(uv_handle_t *h)
{
    mem_free(h);
}

static void refuse(struct tcp_server *s)
{
    union handle *h = NEW(union handle);
    init_handle(s, h);
    if (uv_accept(&s->listener.stream, &h->stream) == 0)
        log_warn("tcp", "too many connections, one is turned away port=%d max=%d", s->port,
                 s->opts.max_conns);
    uv_close(&h->any, on_refused_closed);
}

static void on_connection(uv_stream_t *l, int status)
{
    struct tcp_server *s = l->data;
    if (status < 0 || s->ending)
        return;
    if (s->conn_count >= s->opts.max_conns) {
        refuse(s);
        return;
    }
    struct tcp_conn *c = NEW(struct tcp_conn);
    c->server = s;
    init_handle(s, &c->h);
    c->h.any.data = c;
    buf_init(&c->in);
    c->max_pending = s->opts.max_pending;
    s->refs++;
    s->conn_count++;
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    int rc = uv_accept(&s->listener.stream, &c->h.stream);
    if (rc == 0 && !s->unix_path[0])
        uv_tcp_nodelay(&c->h.tcp, 1);
    peer_name(c);
    c->sniff = s->opts.tls && s->opts.tls_optional;
    if (s->opts.tls && !c->sniff)
        start_tls(c);
    if (!s->sweeping) {
        s->sweeping = true;
        uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    }
    if (s->opts.on_open)
        s->opts.on_open(c);
    if (rc != 0)
        close_uv(c, rc, "cannot accept");
    set_reading(c);
}

static int bind_unix(struct tcp_server *s, struct err *err)
{
    struct stat st;
    if (lstat(s->unix_path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(s->unix_path); /* of a process that died; its owner holds the state's lock */
    int rc = uv_pipe_bind(&s->listener.pipe, s->unix_path);
    if (rc == 0 && chmod(s->unix_path, 0600) != 0)
        rc = UV_EIO;
    if (rc != 0)
        return err_set(err, ERR_IO, "cannot listen on '%s': %s", s->unix_path, uv_strerror(rc));
    return 0;
}

static int bind_tcp(struct tcp_server *s, struct err *err)
{
    struct sockaddr_storage sa = {0};
    const char *ip = strcmp(s->host, "localhost") == 0 ? "127.0.0.1" : s->host;
    if (uv_ip4_addr(ip, s->opts.port, (struct sockaddr_in *)&sa) != 0 &&
        uv_ip6_addr(ip, s->opts.port, (struct sockaddr_in6 *)&sa) != 0)
        return err_set(err, ERR_INPUT, "'%s' is no address to listen on: give an IP address", s->host);
    int rc = uv_tcp_bind(&s->listener.tcp, (struct sockaddr *)&sa, 0);
    if (rc != 0)
        return err_set(err, ERR_IO, "cannot listen on %s:%d: %s", s->host, s->opts.port, uv_strerror(rc));
    return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
    server_unref(h->data);
}

static int actual_port(struct tcp_server *s)
{
    struct sockaddr_storage sa;
    int len = sizeof sa;
    if (s->unix_path[0] || uv_tcp_getsockname(&s->listener.tcp, (struct sockaddr *)&sa, &len) != 0)
        return 0;
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port)
                                    : ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

static void fill_defaults(struct tcp_server *s)
{
    struct tcp_server_opts *o = &s->opts;
    o->max_conns = o->max_conns ? o->max_conns : TCP_MAX_CONNS;
    o->max_pending = o->max_pending ? o->max_pending : TCP_MAX_PENDING;
    o->high_water = o->high_water ? o->high_water : TCP_HIGH_WATER;
}

bool tcp_is_loopback(const char *host)
{
    return str_starts_z(str_z(host), "127.") || str_eqz(str_z(host), "::1") || str_eqz(str_z(host), "localhost");
}

struct tcp_server *tcp_listen(struct ev_loop *loop, const struct tcp_server_opts *opts,
                              struct err *err)
{
    CHECK(opts->on_bytes);
    if (opts->unix_path && strlen(opts->unix_path) >= sizeof((struct tcp_server *)0)->unix_path) {
        (void)err_set(err, ERR_LIMIT, "path of a socket is longer than 107 bytes: '%s'", opts->unix_path);
        return NULL;
    }
    struct tcp_server *s = NEW(struct tcp_server);
    s->loop = loop;
    s->opts = *opts;
    fill_defaults(s);
    snprintf(s->host, sizeof s->host, "%s", opts->host ? opts->host : "127.0.0.1");
    snprintf(s->unix_path, sizeof s->unix_path, "%s", opts->unix_path ? opts->unix_path : "");
    s->opts.host = s->host;
    s->read_buf = mem_alloc(READ_BYTES);
    init_handle(s, &s->listener);
    uv_timer_init(ev_uv(loop), &s->sweep);
    s->listener.any.data = s->sweep.data = s;
    s->refs = 2;
    int rc = s->unix_path[0] ? bind_unix(s, err) : bind_tcp(s, err);
    if (rc == 0) {
        rc = uv_listen(&s->listener.stream, TCP_BACKLOG, on_connection);
        if (rc != 0)
            rc = err_set(err, ERR_IO, "cannot listen on %s:%d: %s", s->host, opts->port, uv_strerror(rc));
    }
    if (rc != 0) {
        tcp_server_free(s);
        return NULL;
    }
    s->port = actual_port(s);
    return s;
}

void tcp_server_pause(struct tcp_server *s)
{
    if (s->ending)
        return;
    s->ending = true;
    if (s->unix_path[0])
        unlink(s->unix_path);
    uv_close(&s->listener.any, on_listener_closed);
}

void tcp_server_free(struct tcp_server *s)
{
    if (!s)
        return;
    tcp_server_pause(s);
    for (struct tcp_conn *c = s->conns; c; c = c->next)
        close_now(c, NULL);
    uv_close((uv_handle_t *)&s->sweep, on_listener_closed);
}

/* ------------------------------------------------------------------ reading state */

int tcp_server_port(const struct tcp_server *s)
{
    return s->port;
}

const char *tcp_server_host(const struct tcp_server *s)
{
    return s->host;
}

int tcp_server_conns(const struct tcp_server *s)
{
    return s->conn_count;
}

void *tcp_server_ctx(const struct tcp_conn *c)
{
    return c->server->opts.ctx;
}

void tcp_conn_set_user(struct tcp_conn *c, void *user)
{
    c->user = user;
}

void *tcp_conn_user(const struct tcp_conn *c)
{
    return c->user;
}

struct ev_loop *tcp_conn_loop(const struct tcp_conn *c)
{
    return c->server->loop;
}

const char *tcp_conn_peer(const struct tcp_conn *c)
{
    return c->peer;
}

bool tcp_conn_is_tls(const struct tcp_conn *c)
{
    return c->tls != NULL;
}

const char *tcp_conn_tls_name(const struct tcp_conn *c)
{
    return c->tls ? tls_conn_name(c->tls) : NULL;
}

void tcp_conn_set_max_pending(struct tcp_conn *c, size_t bytes)
{
    c->max_pending = bytes;
}
