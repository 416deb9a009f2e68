/* amqp_session.c -- sessions and links: their performatives, windows, credit, settlement.
 *
 * Both ways a session has one channel and a link one handle: ours are the client's. What a client sends
 * wrongly within a session ends the session; what it may not do on a link detaches the link; only what
 * cannot be understood ends the connection. A link that we detached stays until the client's detach, and
 * what comes for it meanwhile is dropped. */
#include "hub/amqp_int.h"
#include <string.h>

/* ------------------------------------------------------------------ small things */

static struct amqp_flow session_flow(const struct amqp_session *s)
{
    return (struct amqp_flow){.next_incoming = s->next_incoming, .incoming_window = s->incoming_window,
                              .next_outgoing = s->next_outgoing, .outgoing_window = AMQP_WINDOW};
}

static void send_flow(struct amqp_session *s, const struct amqp_link *l)
{
    struct amqp_flow f = session_flow(s);
    if (l) {
        f.has_handle = true;
        f.handle = l->handle;
        f.count = l->count;
        f.credit = l->credit;
        f.drain = l->drain;
    }
    amqp_put_flow(&s->conn->out, s->channel, &f);
}

/* Nothing more comes or goes: it gives back what it holds. */
static void link_close(struct amqp_link *l)
{
    if (l->receiver && l->node == AMQP_NODE_EVENTS)
        amqp_reader_close(l);
    amqp_node_close(l);
    amqp_sender_close(l);
}

static void link_free(struct amqp_link *l)
{
    link_close(l);
    l->session->links[l->handle] = NULL;
    l->session->conn->link_count--;
    buf_release(&l->message);
    mem_free(l->hub);
    mem_free(l->where);
    mem_free(l->publisher);
    mem_free(l->group);
    mem_free(l->reply_to);
    mem_free(l);
}

static void session_free(struct amqp_session *s)
{
    for (int i = 0; i < AMQP_MAX_LINKS; i++)
        if (s->links[i])
            link_free(s->links[i]);
    s->conn->sessions[s->channel] = NULL;
    mem_free(s);
}

void amqp_sessions_free(struct amqp_conn *c)
{
    for (int i = 0; i < AMQP_MAX_SESSIONS; i++)
        if (c->sessions[i])
            session_free(c->sessions[i]);
}

void amqp_detach(struct amqp_link *l, const struct amqp_error *e)
{
    if (l->detached)
        return;
    if (e && e->condition)
        log_debug("hub", "AMQP link detached: %s (%s) peer=%s", e->text, e->condition, tcp_conn_peer(l->session->conn->tcp));
    link_close(l);
    l->detached = true;
    amqp_put_detach(&l->session->conn->out, l->session->channel, l->handle, true, e);
}

void amqp_settle(struct amqp_session *s, uint32_t id, const struct amqp_error *e)
{
    bool bad = e && e->condition;
    struct amqp_disposition d = {.receiver = true, .settled = true, .first = id, .last = id, .state = bad ? AMQP_REJECTED : AMQP_ACCEPTED};
    amqp_put_disposition(&s->conn->out, s->channel, &d, e);
}

static void link_pump(struct amqp_link *l)
{
    if (l->detached || !l->receiver)
        return;
    if (l->node == AMQP_NODE_EVENTS)
        amqp_reader_pump(l);
    else
        amqp_node_pump(l);
}

static void session_pump(struct amqp_session *s)
{
    for (int i = 0; i < AMQP_MAX_LINKS; i++)
        if (s->links[i])
            link_pump(s->links[i]);
}

void amqp_pump_all(struct amqp_conn *c)
{
    for (int i = 0; i < AMQP_MAX_SESSIONS && c->stage == AMQP_STAGE_UP; i++)
        if (c->sessions[i])
            session_pump(c->sessions[i]);
}

void amqp_check_claims(struct amqp_conn *c)
{
    struct amqp_error e;
    for (int i = 0; i < AMQP_MAX_SESSIONS; i++)
        for (int j = 0; c->sessions[i] && j < AMQP_MAX_LINKS; j++) {
            struct amqp_link *l = c->sessions[i]->links[j];
            if (!l || l->detached || l->node != AMQP_NODE_EVENTS || amqp_may(c, l->receiver ? SAS_LISTEN : SAS_SEND, str_z(l->where)))
                continue;
            amqp_fail(&e, "amqp:unauthorized-access", "the token for hub '%s' has expired", l->hub);
            amqp_detach(l, &e);
        }
}

/* ------------------------------------------------------------------ sending a message */

enum { TRANSFER_OVERHEAD = 64 };

bool amqp_send_message(struct amqp_link *l)
{
    struct amqp_session *s = l->session;
    struct amqp_conn *c = s->conn;
    uint8_t tag[4];
    be32_put(tag, l->message_id);
    while (s->remote_window > 0 && amqp_has_room(c)) {
        struct str rest = str_from(buf_view(&l->message), l->message_at), part = str_sub(rest, 0, c->max_frame - TRANSFER_OVERHEAD);
        struct amqp_transfer t = {.handle = l->handle, .id = l->message_id, .tag = str_of((char *)tag, sizeof tag), .settled = l->presettled,
                                  .more = part.len < rest.len, .payload = part};
        amqp_put_transfer(&c->out, s->channel, &t);
        s->next_outgoing++;
        s->remote_window--;
        l->message_at += part.len;
        if (!t.more) {
            buf_clear(&l->message);
            l->message_at = 0;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ addresses */

struct str amqp_address_path(struct str a)
{
    int64_t at = str_find(a, STR("://"));
    if (at >= 0) {
        a = str_from(a, (size_t)at + 3);
        at = str_chr(a, '/');
        a = at < 0 ? STR("") : str_from(a, (size_t)at);
    }
    while (a.len && a.ptr[0] == '/')
        a = str_from(a, 1);
    while (a.len && a.ptr[a.len - 1] == '/')
        a.len--;
    return a;
}

/* <hub>[/ConsumerGroups/<group>][/Partitions/<n>] or <hub>/Publishers/<name>; no part twice */
bool amqp_address_read(struct str address, struct amqp_address *out)
{
    struct str rest = amqp_address_path(address), word, value;
    int64_t n;
    *out = (struct amqp_address){.partition = -1};
    if (!str_split(&rest, '/', &out->hub) || !out->hub.len)
        return false;
    while (str_split(&rest, '/', &word)) {
        if (!str_split(&rest, '/', &value) || !value.len)
            return false;
        if (str_ieqz(word, "ConsumerGroups") && !out->group.ptr)
            out->group = value;
        else if (str_ieqz(word, "Partitions") && out->partition < 0 && str_i64(value, &n) && n >= 0 && n < TOPIC_MAX_PARTITIONS)
            out->partition = (int32_t)n;
        else if (str_ieqz(word, "Publishers") && !out->publisher.ptr)
            out->publisher = value;
        else
            return false;
    }
    return !out->publisher.ptr || (!out->group.ptr && out->partition < 0);
}

struct topic *amqp_topic(struct amqp_conn *c, struct str name, struct amqp_error *e)
{
    struct err err;
    if (!c->ns)
        c->ns = hub_namespace(c->amqp->hub, c->ns_name, &err);
    struct topic *t = c->ns ? hub_topic(c->amqp->hub, c->ns, name, true, &err) : NULL;
    if (t && !t->internal)
        return t;
    amqp_fail(e, "amqp:not-found", "The messaging entity '%.*s' could not be found in namespace '%s'.", STR_ARGS(name),
              c->ns_name ? c->ns_name : c->amqp->hub->default_ns->name);
    return NULL;
}

/* ------------------------------------------------------------------ attach and detach */

static void answer_attach(struct amqp_link *l, const struct amqp_attach *a, uint64_t max_message, bool refused)
{
    struct amqp_attach ours = *a;
    ours.receiver = !a->receiver;
    ours.max_message = max_message;
    ours.initial_count = 0;
    if (refused && a->receiver) /* the end that was asked for is not there */
        ours.source = STR_NONE;
    else if (refused)
        ours.target = STR_NONE;
    amqp_put_attach(&l->session->conn->out, l->session->channel, &ours);
}

static enum amqp_node node_of(struct str path)
{
    return str_ieqz(path, "$cbs")                                              ? AMQP_NODE_CBS
           : str_ieqz(path, "$management") || str_ends_z(path, "/$management") ? AMQP_NODE_MANAGEMENT
                                                                               : AMQP_NODE_EVENTS;
}

static int link_open(struct amqp_link *l, const struct amqp_attach *a, uint64_t *max_message, struct amqp_error *e)
{
    struct str address = a->receiver ? a->source_address : a->target_address;
    if (!address.ptr || address.len > AMQP_MAX_ADDRESS || a->target_address.len > AMQP_MAX_ADDRESS)
        return amqp_fail(e, "amqp:invalid-field", "the link's address is missing or longer than %d bytes", AMQP_MAX_ADDRESS);
    l->node = node_of(amqp_address_path(address));
    if (l->node != AMQP_NODE_EVENTS) {
        *max_message = AMQP_MAX_NODE_MESSAGE;
        l->reply_to = a->receiver && a->target_address.ptr ? str_dup(a->target_address) : NULL;
        return 0;
    }
    return a->receiver ? amqp_reader_open(l, a, e) : amqp_sender_open(l, a, max_message, e);
}

static int attach_in(struct amqp_session *s, struct amqp_items fields, struct amqp_error *e)
{
    struct amqp_attach a;
    struct amqp_error why = {0};
    uint64_t max_message = 0;
    if (!amqp_attach_read(fields, &a))
        return amqp_fail(e, "amqp:decode-error", "an attach is malformed");
    if (a.handle >= AMQP_MAX_LINKS || s->links[a.handle])
        return amqp_fail(e, "amqp:session:handle-in-use", "handle %u is in use or above %d", a.handle, AMQP_MAX_LINKS - 1);
    if (s->conn->link_count >= AMQP_MAX_CONN_LINKS)
        return amqp_fail(e, "amqp:resource-limit-exceeded", "a connection has at most %d links", AMQP_MAX_CONN_LINKS);
    struct amqp_link *l = NEW(struct amqp_link);
    s->conn->link_count++;
    l->session = s;
    l->handle = a.handle;
    l->receiver = a.receiver;
    l->partition = -1;
    l->epoch = -1;
    l->presettled = a.snd_mode == AMQP_SND_SETTLED;
    l->replies_end = &l->replies;
    buf_init_max(&l->partial, AMQP_MAX_MESSAGE);
    buf_init(&l->message);
    buf_init(&l->chunk);
    batch_reader_init(&l->records);
    s->links[a.handle] = l;
    bool refused = link_open(l, &a, &max_message, &why) != 0;
    answer_attach(l, &a, max_message, refused);
    if (refused) {
        amqp_detach(l, &why);
    } else if (!a.receiver) {
        l->count = a.initial_count;
        l->credit = l->node == AMQP_NODE_EVENTS ? AMQP_CREDIT : AMQP_MAX_REPLIES;
        send_flow(s, l);
    }
    return 0;
}

static struct amqp_link *link_of(struct amqp_session *s, uint32_t handle, struct amqp_error *e)
{
    struct amqp_link *l = handle < AMQP_MAX_LINKS ? s->links[handle] : NULL;
    if (!l)
        amqp_fail(e, "amqp:session:unattached-handle", "handle %u is not attached", handle);
    return l;
}

static int detach_in(struct amqp_session *s, struct amqp_items fields, struct amqp_error *e)
{
    struct amqp_detach d;
    if (!amqp_detach_read(fields, &d))
        return amqp_fail(e, "amqp:decode-error", "a detach is malformed");
    struct amqp_link *l = link_of(s, d.handle, e);
    if (!l)
        return -1;
    if (!l->detached)
        amqp_put_detach(&s->conn->out, s->channel, l->handle, d.closed, NULL);
    link_free(l);
    return 0;
}

/* ------------------------------------------------------------------ flow, transfer, disposition */

static void link_flow(struct amqp_link *l, const struct amqp_flow *f)
{
    if (l->detached || !l->receiver) {
        if (f->echo)
            send_flow(l->session, l);
        return;
    }
    /* What is on its way counts against the credit: their count lags behind ours. */
    uint32_t theirs = f->has_count ? f->count : 0;
    int32_t credit = (int32_t)(theirs + f->credit - l->count);
    l->credit = credit > 0 ? (uint32_t)credit : 0;
    l->drain = f->drain;
    link_pump(l);
    if (l->drain && !l->detached && !l->message.len) { /* nothing more is there now: the credit is used up */
        l->count += l->credit;
        l->credit = 0;
        send_flow(l->session, l);
        l->drain = false;
    } else if (f->echo) {
        send_flow(l->session, l);
    }
}

static int flow_in(struct amqp_session *s, struct amqp_items fields, struct amqp_error *e)
{
    struct amqp_flow f;
    if (!amqp_flow_read(fields, &f))
        return amqp_fail(e, "amqp:decode-error", "a flow is malformed");
    s->remote_window = (f.has_next_incoming ? f.next_incoming : 0) + f.incoming_window - s->next_outgoing;
    if ((int32_t)s->remote_window < 0)
        s->remote_window = 0;
    if (f.has_handle) {
        struct amqp_link *l = link_of(s, f.handle, e);
        if (!l)
            return -1;
        if (f.has_credit)
            link_flow(l, &f);
    } else {
        if (f.echo)
            send_flow(s, NULL);
    }
    session_pump(s); /* the window may have been what others waited for */
    return 0;
}

static int transfer_in(struct amqp_session *s, struct amqp_items fields, struct str payload, struct amqp_error *e)
{
    struct amqp_transfer t;
    struct amqp_error why = {0};
    if (!amqp_transfer_read(fields, payload, &t))
        return amqp_fail(e, "amqp:decode-error", "a transfer is malformed");
    struct amqp_link *l = link_of(s, t.handle, e);
    if (!l)
        return -1;
    if (!s->incoming_window)
        return amqp_fail(e, "amqp:session:window-violation", "more than %d transfers are on their way", AMQP_WINDOW);
    s->next_incoming++;
    s->incoming_window--;
    if (l->receiver)
        return amqp_fail(e, "amqp:not-allowed", "the client receives on link %u", t.handle);
    if (!l->detached && amqp_sender_transfer(l, &t, &why))
        amqp_detach(l, &why);
    bool more_credit = !l->detached && l->credit < (l->node == AMQP_NODE_EVENTS ? AMQP_CREDIT : AMQP_MAX_REPLIES) / 2;
    if (s->incoming_window < AMQP_WINDOW / 2)
        s->incoming_window = AMQP_WINDOW;
    else if (!more_credit)
        return 0;
    if (more_credit)
        l->credit = l->node == AMQP_NODE_EVENTS ? AMQP_CREDIT : AMQP_MAX_REPLIES;
    send_flow(s, more_credit ? l : NULL);
    return 0;
}

/* We keep nothing of what was received: a receiver that settles second is answered, that is all. */
static int disposition_in(struct amqp_session *s, struct amqp_items fields, struct amqp_error *e)
{
    struct amqp_disposition d;
    if (!amqp_disposition_read(fields, &d))
        return amqp_fail(e, "amqp:decode-error", "a disposition is malformed");
    if (!d.receiver || d.settled)
        return 0;
    struct amqp_disposition ours = {.receiver = false, .settled = true, .first = d.first, .last = d.last, .state = AMQP_ACCEPTED};
    amqp_put_disposition(&s->conn->out, s->channel, &ours, NULL);
    return 0;
}

/* ------------------------------------------------------------------ begin, end, close */

static int begin_in(struct amqp_conn *c, uint16_t channel, struct amqp_items fields, struct amqp_error *e)
{
    struct amqp_begin b;
    if (!amqp_begin_read(fields, &b))
        return amqp_fail(e, "amqp:decode-error", "a begin is malformed");
    if (channel >= AMQP_MAX_SESSIONS || c->sessions[channel] || b.has_remote)
        return amqp_fail(e, "amqp:not-allowed", "channel %u is in use or above %d", channel, AMQP_MAX_SESSIONS - 1);
    struct amqp_session *s = NEW(struct amqp_session);
    s->conn = c;
    s->channel = channel;
    s->serial = ++c->sessions_made;
    s->next_incoming = b.next_outgoing;
    s->incoming_window = AMQP_WINDOW;
    s->remote_window = b.incoming_window;
    c->sessions[channel] = s;
    amqp_put_begin(&c->out, channel, &(struct amqp_begin){.has_remote = true, .remote = channel, .incoming_window = AMQP_WINDOW,
                                                          .outgoing_window = AMQP_WINDOW, .handle_max = AMQP_MAX_LINKS - 1});
    return 0;
}

typedef int (*session_fn)(struct amqp_session *s, struct amqp_items fields, struct amqp_error *e);
static const struct { enum amqp_code code; session_fn fn; } IN_SESSION[] = {
    {AMQP_ATTACH, attach_in}, {AMQP_FLOW, flow_in}, {AMQP_DISPOSITION, disposition_in}, {AMQP_DETACH, detach_in}};

static int in_session(struct amqp_session *s, uint64_t code, struct amqp_items fields, struct str rest, struct amqp_error *e)
{
    if (code == AMQP_TRANSFER)
        return transfer_in(s, fields, rest, e);
    for (size_t i = 0; i < COUNT_OF(IN_SESSION); i++)
        if (IN_SESSION[i].code == code)
            return IN_SESSION[i].fn(s, fields, e);
    return amqp_fail(e, "amqp:not-implemented", "there is no performative 0x%jx", (uintmax_t)code);
}

static void close_in(struct amqp_conn *c)
{
    amqp_put_close(&c->out, NULL);
    c->stage = AMQP_STAGE_CLOSED;
    amqp_flush(c);
    tcp_close_after_write(c->tcp);
}

int amqp_performative_in(struct amqp_conn *c, uint16_t channel, struct str body, struct amqp_error *e)
{
    struct amqp_items fields;
    struct str rest;
    struct amqp_error why = {0};
    uint64_t code = amqp_performative(body, &fields, &rest);
    struct amqp_session *s = channel < AMQP_MAX_SESSIONS ? c->sessions[channel] : NULL;
    if (!code)
        return amqp_fail(e, "amqp:decode-error", "a frame's body is no performative");
    if (code == AMQP_CLOSE) {
        close_in(c);
        return 0;
    }
    if (code == AMQP_BEGIN)
        return begin_in(c, channel, fields, e);
    if (!s && (code == AMQP_FLOW || code == AMQP_DISPOSITION || code == AMQP_DETACH || code == AMQP_END))
        return 0; /* the Python client says goodbye to links of a session that it ended */
    if (!s)
        return amqp_fail(e, "amqp:not-allowed", "channel %u has no session", channel);
    if (code == AMQP_END) {
        amqp_put_end(&c->out, channel, NULL);
        session_free(s);
        return 0;
    }
    if (in_session(s, code, fields, rest, &why) == 0)
        return 0;
    *e = why; /* the client is not one of ours: nothing on this connection can be relied on */
    return -1;
}
