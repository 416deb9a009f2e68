#include "hub/amqp_int.h"
#include <stdio.h>
#include <string.h>

enum { TICK_MS = 1000, COPY_BYTES = 16 << 10, HEADER_AT = 4 };

static const char *const MECHANISMS[] = {"ANONYMOUS", "PLAIN", "EXTERNAL", "MSSBCBS", NULL};
enum { SASL_OK = 0, SASL_AUTH = 1 };

/* ------------------------------------------------------------------ out */

void amqp_flush(struct amqp_conn *c)
{
    struct buf framed;
    if (!c->out.len || tcp_conn_closing(c->tcp)) {
        buf_clear(&c->out);
        return;
    }
    c->last_out_us = time_mono_us();
    if (c->websocket) {
        buf_init(&framed);
        ws_put(&framed, buf_view(&c->out));
        tcp_write_buf(c->tcp, &framed);
        buf_clear(&c->out);
    } else if (c->out.len <= COPY_BYTES) {
        tcp_write(c->tcp, c->out.ptr, c->out.len);
        buf_clear(&c->out);
    } else {
        tcp_write_buf(c->tcp, &c->out);
    }
}

bool amqp_has_room(const struct amqp_conn *c)
{
    return tcp_conn_unsent(c->tcp) + c->out.len <= AMQP_UNSENT_BYTES && !tcp_conn_closing(c->tcp);
}

void amqp_close_conn(struct amqp_conn *c, const struct amqp_error *e)
{
    if (c->stage == AMQP_STAGE_CLOSED)
        return;
    if (e && e->condition)
        log_warn("hub", "AMQP connection closed: %s (%s) peer=%s", e->text, e->condition, tcp_conn_peer(c->tcp));
    if (c->stage == AMQP_STAGE_UP || c->stage == AMQP_STAGE_OPEN) {
        if (c->stage == AMQP_STAGE_OPEN) /* a close needs an open before it */
            amqp_put_open(&c->out, &(struct amqp_open){.container = STR("paystreak"), .max_frame = AMQP_MAX_FRAME});
        amqp_put_close(&c->out, e);
    }
    c->stage = AMQP_STAGE_CLOSED;
    amqp_flush(c);
    tcp_close_after_write(c->tcp);
}

/* ------------------------------------------------------------------ rights */

bool amqp_may(const struct amqp_conn *c, unsigned rights, struct str where)
{
    int64_t now = time_now_ms();
    if (c->amqp->hub->opts.insecure_local)
        return true;
    for (const struct amqp_claim *k = c->claims; k; k = k->next)
        if ((!k->claim.expires_ms || k->claim.expires_ms > now) && sas_allows(&k->claim, rights, c->ns_name ? c->ns_name : c->amqp->hub->default_ns->name, where))
            return true;
    return false;
}

static void claim_free(struct amqp_claim *k)
{
    arena_free(k->arena);
    mem_free(k);
}

static void claim_put(struct amqp_conn *c, struct amqp_claim *claim)
{
    for (struct amqp_claim **at = &c->claims, *k; (k = *at); at = &k->next)
        if (str_eq(k->audience, claim->audience)) {
            *at = k->next;
            claim_free(k);
            c->claim_count--;
            c->claims_changed = true;
            break;
        }
    claim->next = c->claims;
    c->claims = claim;
    c->claim_count++;
}

static void claims_expire(struct amqp_conn *c)
{
    int64_t now = time_now_ms();
    for (struct amqp_claim **at = &c->claims, *k; (k = *at);) {
        if (!k->claim.expires_ms || k->claim.expires_ms > now) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        claim_free(k);
        c->claim_count--;
        c->claims_changed = true;
    }
}

void amqp_token_namespace(struct amqp_conn *c, struct str token)
{
    struct arena *a = c->amqp->scratch;
    arena_reset(a);
    struct str name = sas_token_namespace(a, token);
    if (name.ptr && !c->ns_name && !c->ns)
        c->ns_name = str_dup(name);
}

int amqp_add_claim(struct amqp_conn *c, struct str audience, struct str token, struct err *err)
{
    struct hub *h = c->amqp->hub;
    if (h->opts.insecure_local)
        return 0;
    claims_expire(c);
    if (c->claim_count >= AMQP_MAX_CLAIMS)
        return err_set(err, ERR_LIMIT, "a connection has more than %d tokens", AMQP_MAX_CLAIMS);
    struct amqp_claim *k = NEW(struct amqp_claim);
    k->arena = arena_new_max(1 << 20);
    k->audience = str_copy(k->arena, audience);
    if (sas_check_token(h->sas, k->arena, str_copy(k->arena, token), time_now_ms(), &k->claim, err)) {
        claim_free(k);
        return -1;
    }
    claim_put(c, k);
    return 0;
}

/* ------------------------------------------------------------------ SASL */

static bool plain_ok(struct amqp_conn *c, struct str response)
{
    struct hub *h = c->amqp->hub;
    struct str authorize, user;
    struct err err;
    if (!str_split(&response, '\0', &authorize) || !str_split(&response, '\0', &user))
        return false;
    struct str said = sas_split_policy(&user);
    mem_free(c->ns_name);
    c->ns_name = said.ptr ? str_dup(said) : NULL; /* unless open's host names one */
    if (h->opts.insecure_local)
        return true;
    struct amqp_claim *k = NEW(struct amqp_claim);
    k->arena = arena_new_max(1 << 20);
    k->audience = STR("");
    if (sas_check_key(h->sas, user, response, &k->claim, &err)) {
        log_warn("hub", "authentication failed: %s peer=%s", err.msg, tcp_conn_peer(c->tcp));
        claim_free(k);
        return false;
    }
    claim_put(c, k);
    return true;
}

static int sasl_in(struct amqp_conn *c, struct str body, struct amqp_error *e)
{
    struct amqp_items fields;
    struct str rest;
    struct amqp_sasl_init init;
    bool known = false;
    if (amqp_performative(body, &fields, &rest) != AMQP_SASL_INIT || !amqp_sasl_init_read(fields, &init))
        return amqp_fail(e, "amqp:decode-error", "a SASL init was expected");
    for (int i = 0; MECHANISMS[i]; i++)
        known = known || str_eqz(init.mechanism, MECHANISMS[i]);
    bool good = known && (!str_eqz(init.mechanism, "PLAIN") || plain_ok(c, init.response));
    amqp_put_sasl_outcome(&c->out, good ? SASL_OK : SASL_AUTH);
    if (!good)
        return amqp_fail(e, "amqp:unauthorized-access", "SASL %.*s failed", STR_ARGS(init.mechanism));
    c->stage = AMQP_STAGE_SASL_DONE;
    return 0;
}

/* ------------------------------------------------------------------ headers, open, close */

static size_t header_in(struct amqp_conn *c, struct str bytes, struct amqp_error *e)
{
    static const char sasl[AMQP_HEADER + 1] = "AMQP\3\1\0\0", plain[AMQP_HEADER + 1] = "AMQP\0\1\0\0";
    if (bytes.len < AMQP_HEADER)
        return 0;
    bool is_sasl = c->stage == AMQP_STAGE_HEADER && !memcmp(bytes.ptr, sasl, AMQP_HEADER);
    if (!is_sasl && memcmp(bytes.ptr, plain, AMQP_HEADER)) {
        buf_add(&c->out, plain, AMQP_HEADER); /* what we speak */
        amqp_fail(e, "amqp:connection:framing-error", "the first bytes are no AMQP 1.0 header");
        return 0;
    }
    buf_add(&c->out, is_sasl ? sasl : plain, AMQP_HEADER);
    if (is_sasl)
        amqp_put_sasl_mechanisms(&c->out, MECHANISMS);
    c->stage = is_sasl ? AMQP_STAGE_SASL : AMQP_STAGE_OPEN;
    return AMQP_HEADER;
}

static void choose_namespace(struct amqp_conn *c, struct str hostname)
{
    struct str name = sas_namespace_of(hostname);
    if (!name.ptr)
        name = sas_namespace_of(str_z(tcp_conn_tls_name(c->tcp)));
    if (!name.ptr)
        return;
    mem_free(c->ns_name);
    c->ns_name = str_dup(name);
}

static int open_in(struct amqp_conn *c, struct str body, struct amqp_error *e)
{
    struct amqp_items fields;
    struct str rest;
    struct amqp_open open;
    if (amqp_performative(body, &fields, &rest) != AMQP_OPEN || !amqp_open_read(fields, &open))
        return amqp_fail(e, "amqp:decode-error", "an open was expected");
    if (open.max_frame < AMQP_MIN_MAX_FRAME)
        return amqp_fail(e, "amqp:invalid-field", "a maximum frame size of %u is below %d", open.max_frame, AMQP_MIN_MAX_FRAME);
    choose_namespace(c, open.hostname);
    c->max_frame = open.max_frame < AMQP_MAX_FRAME ? open.max_frame : AMQP_MAX_FRAME;
    c->peer_idle_ms = open.idle_ms;
    struct amqp_open ours = {.container = STR("paystreak"), .hostname = open.hostname, .max_frame = AMQP_MAX_FRAME,
                             .idle_ms = AMQP_IDLE_MS, .channel_max = AMQP_MAX_SESSIONS - 1};
    amqp_put_open(&c->out, &ours);
    c->stage = AMQP_STAGE_UP;
    tcp_deadline(c->tcp, 0);
    return 0;
}

static int frame_in(struct amqp_conn *c, const struct amqp_frame *f, struct amqp_error *e)
{
    bool sasl = c->stage == AMQP_STAGE_SASL;
    if (f->type != (sasl ? AMQP_FRAME_SASL : AMQP_FRAME))
        return amqp_fail(e, "amqp:connection:framing-error", "a frame of type %d came at a wrong time", f->type);
    if (sasl)
        return sasl_in(c, f->body, e);
    if (!f->body.len)
        return 0;
    if (c->stage == AMQP_STAGE_OPEN)
        return open_in(c, f->body, e);
    return amqp_performative_in(c, f->channel, f->body, e);
}

/* ------------------------------------------------------------------ in */

static size_t frames_in(struct amqp_conn *c, struct str bytes, struct amqp_error *e)
{
    size_t taken = 0;
    while (taken < bytes.len && c->stage != AMQP_STAGE_CLOSED && !e->condition) {
        struct str left = str_from(bytes, taken);
        struct amqp_frame f;
        if (c->stage == AMQP_STAGE_HEADER || c->stage == AMQP_STAGE_SASL_DONE) {
            size_t n = header_in(c, left, e);
            if (!n)
                break;
            taken += n;
            continue;
        }
        if (c->held_bytes >= AMQP_HELD_BYTES) {
            c->paused = true;
            tcp_pause(c->tcp);
            break;
        }
        int got = amqp_frame_take(left, AMQP_MAX_FRAME, &f);
        if (got < 0)
            amqp_fail(e, "amqp:connection:framing-error", "a frame claims %u bytes", f.size);
        if (got <= 0)
            break;
        taken += f.size;
        if (frame_in(c, &f, e))
            break;
    }
    return taken;
}

void amqp_maybe_resume(struct amqp_conn *c)
{
    struct amqp_error e = {0};
    if (!c->paused || c->held_bytes > AMQP_HELD_BYTES / 2)
        return;
    c->paused = false;
    tcp_resume(c->tcp);
    if (c->in.len)
        buf_drop_front(&c->in, frames_in(c, buf_view(&c->in), &e));
    if (e.condition)
        amqp_close_conn(c, &e);
}

/* What a WebSocket's frames hold is collected in c->in, and taken from there. */
static size_t websocket_in(struct amqp_conn *c, struct str bytes, struct amqp_error *e)
{
    int64_t n;
    if (c->stage == AMQP_STAGE_UPGRADE) {
        struct buf answer;
        buf_init(&answer);
        n = ws_upgrade(bytes, &answer);
        tcp_write(c->tcp, answer.ptr, answer.len);
        buf_release(&answer);
        if (n < 0) {
            amqp_close_conn(c, NULL);
            return bytes.len;
        }
        c->stage = n ? AMQP_STAGE_HEADER : c->stage;
        return (size_t)n;
    }
    struct buf answer;
    buf_init(&answer);
    n = ws_feed(&c->ws, bytes, &c->in, &answer);
    if (answer.len)
        tcp_write(c->tcp, answer.ptr, answer.len);
    buf_release(&answer);
    if (n < 0)
        amqp_fail(e, "amqp:connection:framing-error", "a WebSocket frame is malformed or too long");
    else
        buf_drop_front(&c->in, frames_in(c, buf_view(&c->in), e));
    if (c->ws.closed && !e->condition)
        amqp_close_conn(c, NULL);
    return n < 0 ? bytes.len : (size_t)n;
}

static void first_byte(struct amqp_conn *c, char byte)
{
    c->websocket = byte == 'G';
    c->stage = c->websocket ? AMQP_STAGE_UPGRADE : AMQP_STAGE_HEADER;
}

static size_t on_bytes(struct tcp_conn *tcp, struct str bytes)
{
    struct amqp_conn *c = tcp_conn_user(tcp);
    struct amqp_error e = {0};
    size_t taken = 0, n;
    c->last_in_us = time_mono_us();
    if (c->stage == AMQP_STAGE_FIRST && bytes.len)
        first_byte(c, bytes.ptr[0]);
    while (c->stage != AMQP_STAGE_CLOSED && !e.condition && !c->paused &&
           (n = (c->websocket ? websocket_in : frames_in)(c, str_from(bytes, taken), &e)) > 0)
        taken += n;
    if (e.condition)
        amqp_close_conn(c, &e);
    if (c->stage == AMQP_STAGE_CLOSED)
        return bytes.len;
    c->partial_us = taken == bytes.len && !c->in.len ? 0 : taken || !c->partial_us ? c->last_in_us : c->partial_us;
    amqp_flush(c);
    return taken;
}

static void on_drain(struct tcp_conn *tcp)
{
    struct amqp_conn *c = tcp_conn_user(tcp);
    amqp_pump_all(c);
    amqp_flush(c);
}

/* ------------------------------------------------------------------ connections */

static void on_open(struct tcp_conn *tcp)
{
    struct amqp *q = tcp_server_ctx(tcp);
    struct amqp_conn *c = NEW(struct amqp_conn);
    c->amqp = q;
    c->tcp = tcp;
    c->last_in_us = c->last_out_us = time_mono_us();
    c->next = q->conns;
    c->prev = &q->conns;
    if (c->next)
        c->next->prev = &c->next;
    q->conns = c;
    q->count++;
    buf_init_max(&c->in, WS_MAX_FRAME * 2);
    buf_init(&c->out);
    tcp_conn_set_user(tcp, c);
    tcp_deadline(tcp, AMQP_OPEN_MS);
}

static void on_close(struct tcp_conn *tcp, const struct err *why)
{
    struct amqp_conn *c = tcp_conn_user(tcp);
    if (why && why->code == ERR_LIMIT)
        log_warn("hub", "AMQP connection closed: %s peer=%s", why->msg, tcp_conn_peer(tcp));
    amqp_sessions_free(c);
    amqp_deliveries_forget(c);
    while (c->claims) {
        struct amqp_claim *k = c->claims;
        c->claims = k->next;
        claim_free(k);
    }
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->amqp->count--;
    buf_release(&c->in);
    buf_release(&c->out);
    mem_free(c->ns_name);
    mem_free(c);
}

/* Whoever shows no token, however much he pings, does not stay. */
static bool is_unknown_too_long(struct amqp_conn *c, int64_t now)
{
    const struct hub_opts *o = &c->amqp->hub->opts;
    if (c->claims || o->insecure_local)
        c->unknown_us = 0;
    else if (!c->unknown_us)
        c->unknown_us = now;
    return c->unknown_us && now - c->unknown_us > (o->auth_ms ? o->auth_ms : AMQP_AUTH_MS) * 1000;
}

static void tick_conn(struct amqp_conn *c, int64_t now)
{
    struct amqp_error e;
    if (c->stage != AMQP_STAGE_UP)
        return; /* the deadline of AMQP_OPEN_MS holds */
    if (!c->paused && now - c->last_in_us > (int64_t)AMQP_IDLE_MS * 1000 * 5 / 4) {
        amqp_fail(&e, "amqp:resource-limit-exceeded", "nothing came for %d s", AMQP_IDLE_MS / 1000 * 5 / 4);
        amqp_close_conn(c, &e);
    } else if (is_unknown_too_long(c, now)) {
        amqp_fail(&e, "amqp:unauthorized-access", "no token was shown in time");
        amqp_close_conn(c, &e);
    } else if (c->partial_us && !c->paused && now - c->partial_us > (int64_t)AMQP_FRAME_MS * 1000) {
        amqp_fail(&e, "amqp:connection:framing-error", "a frame is not complete after %d s", AMQP_FRAME_MS / 1000);
        amqp_close_conn(c, &e);
    } else {
        if (c->peer_idle_ms && now - c->last_out_us > (int64_t)c->peer_idle_ms * 1000 / 3)
            amqp_put_empty(&c->out);
        claims_expire(c);
        if (c->claims_changed)
            amqp_check_claims(c);
        c->claims_changed = false;
        amqp_flush(c);
    }
}

static void on_tick(void *arg)
{
    struct amqp *q = arg;
    int64_t now = time_mono_us();
    for (struct amqp_conn *c = q->conns, *next; c; c = next) {
        next = c->next;
        tick_conn(c, now);
    }
}

struct amqp *amqp_start(struct hub *h, int port, struct err *err)
{
    struct amqp *q = NEW(struct amqp);
    struct tcp_server_opts o = {
        .host = h->opts.host,
        .port = port,
        .tls = h->tls,
        .tls_optional = true,
        .max_conns = AMQP_MAX_CONNS,
        .max_pending = WS_MAX_FRAME + AMQP_MAX_FRAME,
        .high_water = AMQP_UNSENT_BYTES,
        .on_open = on_open,
        .on_bytes = on_bytes,
        .on_drain = on_drain,
        .on_close = on_close,
        .ctx = q,
    };
    q->hub = h;
    q->scratch = arena_new();
    buf_init(&q->encoded);
    q->server = tcp_listen(h->loop, &o, err);
    if (!q->server) {
        amqp_free(q);
        return NULL;
    }
    q->tick = ev_timer_new(h->loop, on_tick, q);
    ev_timer_start(q->tick, TICK_MS, TICK_MS);
    return q;
}

void amqp_stop(struct amqp *q)
{
    tcp_server_free(q->server);
    q->server = NULL;
    ev_timer_free(q->tick);
    q->tick = NULL;
}

bool amqp_ended(const struct amqp *q)
{
    return !q->server && q->count == 0;
}

int amqp_port(const struct amqp *q)
{
    return tcp_server_port(q->server);
}

int amqp_connections(const struct amqp *q)
{
    return q->count;
}

void amqp_free(struct amqp *q)
{
    if (!q)
        return;
    arena_free(q->scratch);
    buf_release(&q->encoded);
    mem_free(q);
}
