#include "hub/kafka_int.h"
#include <ctype.h>
#include <string.h>

enum { COPY_BYTES = 16 << 10, FRAME_HEADER = 4, REQUEST_MIN = 8, POOL_MAX = 64, ARENA_KEEP = 64 << 10 };

const struct kafka_api KAFKA_API_TABLE[] = {
#define X(key, name, min, max, flex, rights, fn) {key, min, max, flex, rights, #name, fn},
    KAFKA_APIS(X)
#undef X
};
const size_t KAFKA_API_COUNT = COUNT_OF(KAFKA_API_TABLE);

struct kafka {
    struct hub *hub;
    struct tcp_server *server;
    struct kreq *pool;               /* requests to use again */
    int pooled, conns;
};

/* ------------------------------------------------------------------ requests */

static struct kreq *kreq_new(struct kafka *k)
{
    struct kreq *r = k->pool;
    if (r) {
        k->pool = r->next;
        k->pooled--;
        return r;
    }
    r = NEW(struct kreq);
    r->arena = arena_new_max(KAFKA_MAX_ARENA);
    buf_init_max(&r->out.b, KAFKA_MAX_RESPONSE);
    return r;
}

static void kreq_free(struct kafka *k, struct kreq *r)
{
    struct arena *a = r->arena;
    struct buf b = r->out.b;
    bool keep = k->pooled < POOL_MAX && arena_used(a) <= ARENA_KEEP && b.cap <= ARENA_KEEP;
    if (!keep) {
        arena_free(a);
        buf_release(&b);
        mem_free(r);
        return;
    }
    arena_reset(a);
    buf_clear(&b);
    b.overflow = false;
    *r = (struct kreq){.arena = a, .out.b = b, .next = k->pool};
    k->pool = r;
    k->pooled++;
}

static void conn_fail(struct kafka_conn *c, const struct kreq *r, const char *why)
{
    if (tcp_conn_closing(c->tcp))
        return;
    log_warn("hub", "connection closed: %s peer=%s api=%s version=%d", why, tcp_conn_peer(c->tcp),
             r ? r->api->name : "-", r ? r->version : -1);
    tcp_close(c->tcp);
}

static void send(struct kafka_conn *c, struct kreq *r)
{
    struct buf *b = &r->out.b;
    if (r->no_reply)
        return;
    if (r->fail || b->overflow) {
        conn_fail(c, r, r->fail ? "the request cannot be answered" : "the response is too large");
        return;
    }
    be32_put(b->ptr, (uint32_t)(b->len - FRAME_HEADER));
    if (b->len <= COPY_BYTES)
        tcp_write(c->tcp, b->ptr, b->len);
    else
        tcp_write_buf(c->tcp, b);
}

/* Too much is unanswered, or answered and not read: no request is taken until it is half of that. */
static bool must_pause(const struct kafka_conn *c)
{
    return c->mute || c->refused || c->queued >= KAFKA_MAX_QUEUED || c->queued_bytes >= KAFKA_MAX_QUEUED_BYTES || tcp_conn_unsent(c->tcp) >= KAFKA_MAX_UNSENT;
}

static void maybe_resume(struct kafka_conn *c)
{
    if (!c->paused || c->mute || c->refused || c->queued >= KAFKA_MAX_QUEUED / 2 || c->queued_bytes >= KAFKA_MAX_QUEUED_BYTES / 2 ||
        tcp_conn_unsent(c->tcp) > KAFKA_MAX_UNSENT / 2)
        return; /* on_drain or the next answer asks again */
    c->paused = false;
    tcp_resume(c->tcp);
}

static void on_drain(struct tcp_conn *tcp)
{
    maybe_resume(tcp_conn_user(tcp));
}

static void on_unmute(void *arg)
{
    struct kafka_conn *c = arg;
    ev_timer_free(c->mute);
    c->mute = NULL;
    maybe_resume(c);
}

/* Over its quota: the answer goes, the next request waits. */
static void throttle(struct kafka_conn *c, struct kreq *r)
{
    int64_t ms = kafka_quota_throttle(r);
    if (ms <= 0 || tcp_conn_closing(c->tcp))
        return;
    if (!c->mute)
        c->mute = ev_timer_new(c->kafka->hub->loop, on_unmute, c);
    ev_timer_start(c->mute, ms, 0);
}

static void conn_flush(struct kafka_conn *c)
{
    struct kreq *r;
    while ((r = c->first) && r->done) {
        c->first = r->next;
        if (!c->first)
            c->end = &c->first;
        c->queued--;
        c->queued_bytes -= r->frame_bytes;
        throttle(c, r);
        send(c, r);
        kreq_free(c->kafka, r);
    }
    maybe_resume(c);
}

void kreq_done(struct kreq *r)
{
    CHECK(!r->done);
    r->done = true;
    if (r->conn)
        conn_flush(r->conn);
    else
        kreq_free(r->hub->kafka, r);
}

void kreq_bad(struct kreq *r)
{
    r->fail = true;
    kreq_done(r);
}

/* A count costs its sender few bytes; what it makes us hold is bounded here. */
void *kreq_array(struct kreq *r, int32_t n, size_t item_bytes)
{
    size_t bytes = n > 0 ? (size_t)n * item_bytes : 0, used = arena_used(r->arena);
    if (used > KAFKA_MAX_ITEMS_BYTES || bytes > KAFKA_MAX_ITEMS_BYTES - used) {
        r->in.bad = true;
        bytes = 0;
    }
    return arena_alloc(r->arena, bytes);
}

bool kreq_read_all(struct kreq *r)
{
    kin_tags(&r->in);
    if (!r->in.bad)
        return true;
    kreq_bad(r);
    return false;
}

struct str kreq_host(const struct kreq *r)
{
    struct str name = str_z(tcp_conn_tls_name(r->conn->tcp));
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && !strchr("-._", name.ptr[i]))
            name.len = 0;
    return name.len ? name : str_z(hub_host(r->hub));
}

enum kerr kreq_topic(struct kreq *r, struct str name, struct topic **out)
{
    struct topic *t = topic_find(r->conn->ns, name);
    *out = NULL;
    if (!kreq_allowed(r, name.ptr ? name : STR("")))
        return KERR_TOPIC_AUTHORIZATION_FAILED;
    if (!t || t->internal)
        return KERR_UNKNOWN_TOPIC_OR_PARTITION;
    *out = t;
    return KERR_NONE;
}

enum kerr kreq_topic_id(struct kreq *r, const uint8_t id[16], struct topic **out)
{
    struct topic *t = topic_find_id(r->conn->ns, id);
    enum kerr error = t ? kreq_topic(r, str_z(t->name), out) : KERR_UNKNOWN_TOPIC_ID;
    if (error)
        *out = NULL;
    return error == KERR_UNKNOWN_TOPIC_OR_PARTITION ? KERR_UNKNOWN_TOPIC_ID : error;
}

void kreq_each_partition(struct kreq *r, void (*one)(struct kreq *r, struct topic *t, enum kerr error))
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct topic *t;
    int32_t n = kin_count(in);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        struct str name = kin_str(in);
        enum kerr error = kreq_topic(r, name, &t);
        kout_str(o, name);
        int32_t parts = kin_count(in);
        kout_count(o, parts > 0 ? parts : 0);
        for (int32_t j = 0; j < parts && !in->bad; j++)
            one(r, t, error);
        kin_tags(in);
        kout_tags(o);
    }
}

enum kerr kreq_epoch_error(const struct plog *log, int32_t epoch)
{
    return epoch > log->epoch ? KERR_UNKNOWN_LEADER_EPOCH : epoch >= 0 && epoch < log->epoch ? KERR_FENCED_LEADER_EPOCH : KERR_NONE;
}

/* ------------------------------------------------------------------ frames */

static const struct kafka_api *api_find(int16_t key)
{
    for (size_t i = 0; i < KAFKA_API_COUNT; i++)
        if (KAFKA_API_TABLE[i].key == key)
            return &KAFKA_API_TABLE[i];
    return NULL;
}

static bool before_auth(const struct kafka_api *api)
{
    return api->key == KAFKA_API_VERSIONS || api->key == KAFKA_SASL_HANDSHAKE || api->key == KAFKA_SASL_AUTHENTICATE;
}

static void start_response(struct kreq *r)
{
    kout_i32(&r->out, 0); /* the frame's size: send() */
    kout_i32(&r->out, r->correlation);
    r->out.flex = r->in.flex = r->version >= r->api->flex_from;
    if (r->api->key != KAFKA_API_VERSIONS)
        kout_tags(&r->out); /* its header is always the old one: the client does not know us yet */
}

static bool request(struct kafka_conn *c, struct str frame)
{
    struct kin in = kin_of(frame);
    int16_t key = kin_i16(&in), version = kin_i16(&in);
    const struct kafka_api *api = api_find(key);
    bool known = api && version >= api->min && version <= api->max;
    if (!api || (!known && key != KAFKA_API_VERSIONS)) {
        log_warn("hub", "connection closed: API key %d version %d is not served peer=%s", key, version,
                 tcp_conn_peer(c->tcp));
        tcp_close(c->tcp);
        return false;
    }
    struct kreq *r = kreq_new(c->kafka);
    r->hub = c->kafka->hub;
    r->conn = c;
    r->api = api;
    r->version = known ? version : 0;
    r->correlation = kin_i32(&in);
    r->client_id = kin_nstr(&in);
    if (access_rows(r->hub->access)->quota_count > 0) /* the answer is counted later */
        r->client = str_copy(r->arena, r->client_id);
    r->in = in;
    r->frame_bytes = frame.len;
    r->next = NULL;
    if (!c->first)
        c->end = &c->first;
    *c->end = r;
    c->end = &r->next;
    c->queued++;
    c->queued_bytes += frame.len;
    start_response(r);
    if (known)
        kin_tags(&r->in); /* of the header */
    r->body_at = r->out.b.len;
    kreq_note_named(r);
    bool expired = !before_auth(api) && kafka_auth_expired(c);
    if (expired)
        conn_fail(c, r, "its session is over, it did not authenticate again");
    if (r->in.bad || expired || (!c->authenticated && !before_auth(api)))
        kreq_bad(r);
    else if (!known)
        kafka_api_versions_unknown(r);
    else
        api->handle(r);
    return !tcp_conn_closing(c->tcp);
}

/* Over TLS a client says whom it wants: that names its namespace, as at Event Hubs, and is the host that we are to it. */
static void take_tls_name(struct kafka_conn *c)
{
    struct err err;
    struct str name = str_z(tcp_conn_tls_name(c->tcp)), ns = sas_namespace_of(name);
    c->named = true;
    if (ns.ptr)
        c->tls_ns = str_dup(ns);
    if (ns.ptr && c->authenticated) { /* nobody will be asked who he is */
        struct hub_ns *found = hub_namespace(c->kafka->hub, c->tls_ns, &err);
        c->ns = found ? found : c->ns;
    }
}

static size_t on_bytes(struct tcp_conn *tcp, struct str bytes)
{
    struct kafka_conn *c = tcp_conn_user(tcp);
    size_t taken = 0, max = c->authenticated ? KAFKA_MAX_REQUEST : KAFKA_MAX_REQUEST_UNKNOWN;
    if (!c->named)
        take_tls_name(c);
    while (bytes.len - taken >= FRAME_HEADER) {
        if (must_pause(c)) {
            c->paused = true;
            tcp_pause(tcp);
            break;
        }
        uint32_t size = be32_get(bytes.ptr + taken);
        if (size < REQUEST_MIN || size > max) {
            log_warn("hub", "connection closed: a frame claims %u bytes peer=%s", size, tcp_conn_peer(tcp));
            tcp_close(tcp);
            return bytes.len;
        }
        if (bytes.len - taken - FRAME_HEADER < size)
            break;
        taken += FRAME_HEADER + size;
        if (!request(c, str_sub(bytes, taken - size, size)))
            return bytes.len;
        max = c->authenticated ? KAFKA_MAX_REQUEST : KAFKA_MAX_REQUEST_UNKNOWN;
    }
    return taken;
}

/* ------------------------------------------------------------------ connections */

static void on_open(struct tcp_conn *tcp)
{
    struct kafka *k = tcp_server_ctx(tcp);
    struct kafka_conn *c = NEW(struct kafka_conn);
    c->kafka = k;
    c->tcp = tcp;
    c->ns = k->hub->default_ns;
    c->authenticated = c->by_acl = c->open = k->hub->opts.insecure_local;
    c->claim = (struct sas_claim){.rights = c->authenticated ? KAFKA_ANY : 0, .path = STR("")};
    tcp_conn_set_user(tcp, c);
    if (!c->authenticated)
        tcp_deadline(tcp, k->hub->opts.auth_ms ? k->hub->opts.auth_ms : KAFKA_AUTH_MS);
    k->conns++;
}

static void on_close(struct tcp_conn *tcp, const struct err *why)
{
    struct kafka_conn *c = tcp_conn_user(tcp);
    struct kafka *k = c->kafka;
    if (why) /* also that a client refused our certificate */
        log_warn("hub", "connection closed: %s peer=%s", why->msg, tcp_conn_peer(tcp));
    while (c->first) {
        struct kreq *r = c->first;
        c->first = r->next;
        r->conn = NULL;
        if (r->done)
            kreq_free(k, r);
        else if (r->cancel)
            r->cancel(r); /* else it waits for the disk, which calls kreq_done() */
    }
    ev_timer_free(c->mute);
    kafka_auth_end(c);
    mem_free(c->tls_ns);
    mem_free(c);
    k->conns--;
}

struct kafka *kafka_start(struct hub *h, struct err *err)
{
    struct kafka *k = NEW(struct kafka);
    k->hub = h;
    struct tcp_server_opts o = {
        .host = h->opts.host,
        .port = h->opts.port,
        .tls = h->tls,
        .tls_optional = true, /* 0x16, with which TLS begins, would be a frame of 350 MiB */
        .max_conns = KAFKA_MAX_CONNS,
        .max_pending = KAFKA_MAX_REQUEST + FRAME_HEADER,
        .on_open = on_open,
        .on_bytes = on_bytes,
        .on_drain = on_drain,
        .on_close = on_close,
        .high_water = KAFKA_MAX_UNSENT,
        .ctx = k,
    };
    k->server = tcp_listen(h->loop, &o, err);
    if (!k->server) {
        mem_free(k);
        return NULL;
    }
    h->port = tcp_server_port(k->server);
    return k;
}

void kafka_stop(struct kafka *k)
{
    tcp_server_free(k->server);
    k->server = NULL;
}

bool kafka_ended(const struct kafka *k)
{
    return !k->server && k->conns == 0;
}

int kafka_connections(const struct kafka *k)
{
    return k->conns;
}

void kafka_free(struct kafka *k)
{
    while (k && k->pool) {
        struct kreq *r = k->pool;
        k->pool = r->next;
        arena_free(r->arena);
        buf_release(&r->out.b);
        mem_free(r);
    }
    mem_free(k);
}
