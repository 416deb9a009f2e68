/* amqp_sender.c -- links on which clients send: events for a hub, requests for a node.
 *
 * A delivery may come in several transfers; it is put together up to the link's maximum. Its events are
 * one record batch a partition: that of the address, or of each event's key, or, without keys, the
 * next in turn. They are appended, and the delivery is settled when the flush that carries them is done.
 * A delivery that cannot be taken is rejected, with the reason; the link goes on. */
#include "hub/amqp_int.h"
#include "hub/events.h"
#include <string.h>

int amqp_sender_open(struct amqp_link *l, const struct amqp_attach *a, uint64_t *max_message, struct amqp_error *e)
{
    struct amqp_address where;
    struct amqp_conn *c = l->session->conn;
    struct str path = amqp_address_path(a->target_address); /* <hub>/Publishers/<name> is asked for as it stands */
    if (!amqp_address_read(a->target_address, &where) || where.group.ptr)
        return amqp_fail(e, "amqp:not-found", "'%.*s' is nothing to send to", STR_ARGS(a->target_address));
    if (!amqp_may(c, SAS_SEND, where.publisher.ptr ? path : where.hub))
        return amqp_fail(e, "amqp:unauthorized-access", "Unauthorized access. 'Send' claim(s) are required to perform this operation on '%.*s'.",
                         STR_ARGS(where.hub));
    struct topic *t = amqp_topic(c, where.hub, e);
    if (!t)
        return -1;
    if (where.partition >= t->part_count)
        return amqp_fail(e, "com.microsoft:argument-out-of-range", "The specified partition is invalid: hub '%s' has partitions 0 to %d", t->name,
                         t->part_count - 1);
    if (amqp_names(&a->desired, "com.microsoft:idempotent-producer"))
        return amqp_fail(e, "amqp:not-implemented", "idempotent publishing is not served over AMQP: use a Kafka client for it");
    l->hub = mem_strdup(t->name);
    l->where = str_dup(where.publisher.ptr ? path : where.hub);
    l->publisher = where.publisher.ptr ? str_dup(where.publisher) : NULL;
    l->partition = where.partition;
    *max_message = t->cfg.max_batch_bytes < AMQP_MAX_MESSAGE ? (uint64_t)t->cfg.max_batch_bytes : AMQP_MAX_MESSAGE;
    return 0;
}

/* ------------------------------------------------------------------ appending */

static void on_durable(void *arg)
{
    struct amqp_delivery *d = arg;
    struct amqp_conn *c = d->conn;
    struct amqp_error e = {0};
    if (events_failed(d->logs, d->log_count))
        amqp_fail(&e, "amqp:internal-error", "the hub's disk failed: nothing more is stored");
    if (c) {
        *d->prev = d->next;
        if (d->next)
            d->next->prev = d->prev;
        c->held_bytes -= d->bytes;
        struct amqp_session *s = c->sessions[d->channel];
        if (!d->settled && s && s->serial == d->serial && c->stage == AMQP_STAGE_UP)
            amqp_settle(s, d->id, &e);
        amqp_maybe_resume(c);
        amqp_flush(c);
    }
    mem_free(d);
}

void amqp_deliveries_forget(struct amqp_conn *c)
{
    for (struct amqp_delivery *d = c->deliveries; d; d = d->next)
        d->conn = NULL;
    c->deliveries = NULL;
}

static int take_events(struct amqp_link *l, struct str message, struct amqp_error *e)
{
    struct amqp_session *s = l->session;
    struct amqp_conn *c = s->conn;
    struct amqp_events events;
    struct events_logs logs;
    struct err err;
    arena_reset(c->amqp->scratch);
    struct topic *t = amqp_topic(c, str_z(l->hub), e);
    if (!t || amqp_events_read(c->amqp->scratch, l->format, message, &events, e))
        return -1;
    if (!events.count || l->partition >= t->part_count)
        return amqp_fail(e, "amqp:decode-error", "there are no events in the delivery, or its partition is gone");
    if (l->publisher && events_of_publisher(&events, str_z(l->publisher), &err))
        return amqp_fail(e, "amqp:not-allowed", "%s", err.msg);
    if (events_append(c->amqp->hub, c->amqp->scratch, t, l->partition, &events, &logs, &err))
        return amqp_fail(e, err.code == ERR_LIMIT ? "amqp:link:message-size-exceeded" : "amqp:internal-error", "%s", err.msg);
    struct amqp_delivery *d = mem_alloc(sizeof *d + logs.count * sizeof d->logs[0]);
    d->log_count = logs.count;
    memcpy(d->logs, logs.items, logs.count * sizeof d->logs[0]);
    d->wait = (struct hub_wait){.done = on_durable, .arg = d};
    d->conn = c;
    d->channel = s->channel;
    d->serial = s->serial;
    d->id = l->delivery_id;
    d->settled = l->settled;
    d->bytes = message.len;
    d->next = c->deliveries;
    d->prev = &c->deliveries;
    if (d->next)
        d->next->prev = &d->next;
    c->deliveries = d;
    c->held_bytes += d->bytes;
    hub_wait_durable(c->amqp->hub, &d->wait);
    return 0;
}

/* ------------------------------------------------------------------ transfers */

static void delivery_done(struct amqp_link *l, struct str message)
{
    struct amqp_error e = {0};
    bool events = l->node == AMQP_NODE_EVENTS;
    if (events && take_events(l, message, &e) == 0)
        return; /* settled later */
    if (events)
        log_debug("hub", "AMQP delivery rejected: %s (%s) peer=%s", e.text, e.condition, tcp_conn_peer(l->session->conn->tcp));
    if (!l->settled)
        amqp_settle(l->session, l->delivery_id, &e);
    if (!events)
        amqp_node_request(l, message);
}

static int begin_delivery(struct amqp_link *l, const struct amqp_transfer *t, struct amqp_error *e)
{
    if (!t->has_id)
        return amqp_fail(e, "amqp:invalid-field", "the first transfer of a delivery has no delivery id");
    if (!l->credit)
        return amqp_fail(e, "amqp:link:transfer-limit-exceeded", "there is no credit for this delivery");
    l->in_delivery = true;
    l->delivery_id = t->id;
    l->format = t->format;
    l->settled = t->settled;
    l->credit--;
    l->count++;
    return 0;
}

static void partial_drop(struct amqp_link *l)
{
    l->session->conn->partial_bytes -= l->partial.len;
    buf_release(&l->partial);
    buf_init_max(&l->partial, AMQP_MAX_MESSAGE);
    l->in_delivery = l->too_large = false;
}

void amqp_sender_close(struct amqp_link *l)
{
    partial_drop(l);
}

/* One more part of a delivery: kept, if the connection does not hold too much of that already. */
static int partial_add(struct amqp_link *l, struct str part, struct amqp_error *e)
{
    struct amqp_conn *c = l->session->conn;
    size_t max = c->claims || c->amqp->hub->opts.insecure_local ? AMQP_PARTIAL_BYTES : AMQP_PARTIAL_BYTES_UNKNOWN;
    if (c->partial_bytes + part.len > max)
        return amqp_fail(e, "amqp:resource-limit-exceeded", "the connection has more than %zu bytes of deliveries that are not complete", max);
    buf_str(&l->partial, part);
    c->partial_bytes += part.len;
    return 0;
}

static void refuse_large(struct amqp_link *l, size_t max)
{
    struct amqp_error e;
    amqp_fail(&e, "amqp:link:message-size-exceeded", "The message is larger than the link's maximum of %zu bytes.", max);
    if (!l->settled)
        amqp_settle(l->session, l->delivery_id, &e);
    partial_drop(l);
}

int amqp_sender_transfer(struct amqp_link *l, const struct amqp_transfer *t, struct amqp_error *e)
{
    size_t max = l->node == AMQP_NODE_EVENTS ? AMQP_MAX_MESSAGE : AMQP_MAX_NODE_MESSAGE;
    if (!l->in_delivery && begin_delivery(l, t, e))
        return -1;
    l->settled = l->settled || t->settled;
    if (t->aborted) {
        partial_drop(l);
        return 0;
    }
    if (l->partial.len + t->payload.len > max)
        l->too_large = true; /* the rest of it is not kept */
    if (l->too_large) {
        if (!t->more)
            refuse_large(l, max);
        return 0;
    }
    if (!t->more && !l->partial.len) { /* the usual case: not copied */
        l->in_delivery = false;
        delivery_done(l, t->payload);
        return 0;
    }
    if (partial_add(l, t->payload, e))
        return -1;
    if (t->more)
        return 0;
    struct buf message = l->partial; /* the link may be detached meanwhile */
    l->session->conn->partial_bytes -= message.len;
    buf_init_max(&l->partial, AMQP_MAX_MESSAGE);
    l->in_delivery = false;
    delivery_done(l, buf_view(&message));
    buf_release(&message);
    return 0;
}
