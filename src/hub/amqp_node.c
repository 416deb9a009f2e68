/* amqp_node.c -- $cbs and $management: requests on one link, responses on the other of the pair.
 *
 * A request's application properties say what is asked; the response's correlation-id is its message-id
 * (or its correlation-id, if it has no other), and it goes to the link of this node whose target is
 * the request's reply-to, else to the node's first.
 *
 *     $cbs          operation put-token, type servicebus.windows.net:sastoken, name: the audience; the
 *                   body is the token                               -> status-code 202
 *     $management   operation READ, name: the hub, type
 *                   com.microsoft:eventhub                          -> 200 and a map
 *                   com.microsoft:partition, partition: its number  -> 200 and a map
 *
 * What is wrong is told as an HTTP status in the response, not by rejecting the request. */
#include "hub/amqp_int.h"
#include <stdio.h>
#include <string.h>

struct request {
    struct amqp_conn *conn;
    struct str id, reply_to;         /* id: as encoded */
    struct str operation, type, name, partition;
    struct amqp_sections sections;
};
struct response { int32_t status; const char *condition; char text[300]; struct buf *body; /* a map */ };

static void answer(struct response *r, int32_t status, const char *condition, const char *text)
{
    r->status = status;
    r->condition = condition;
    snprintf(r->text, sizeof r->text, "%s", text);
}

/* ------------------------------------------------------------------ $cbs */

static void put_token(struct request *q, struct response *r)
{
    struct amqp_in in = amqp_in_of(q->sections.body);
    struct amqp_val token = amqp_read(&in);
    struct err err;
    if (!str_eqz(q->operation, "put-token"))
        answer(r, 400, "amqp:not-implemented", "$cbs has the operation put-token only");
    else if (!q->name.ptr || token.code != AMQP_SEC_VALUE || !amqp_val_text(&token))
        answer(r, 400, "amqp:invalid-field", "put-token needs a name and a token");
    else if (amqp_add_claim(q->conn, q->name, token.bytes, &err))
        answer(r, 401, "amqp:unauthorized-access", err.msg);
    else {
        amqp_token_namespace(q->conn, token.bytes);
        answer(r, 202, NULL, "Accepted");
    }
}

/* ------------------------------------------------------------------ $management */

static void put_hub(struct buf *b, const struct topic *t)
{
    char number[16];
    size_t at = amqp_open_map(b);
    amqp_str(b, STR("name"));
    amqp_str(b, str_z(t->name));
    amqp_str(b, STR("type"));
    amqp_str(b, STR("com.microsoft:eventhub"));
    amqp_str(b, STR("created_at"));
    amqp_time(b, t->created_ms);
    amqp_str(b, STR("partition_count"));
    amqp_int(b, t->part_count);
    amqp_str(b, STR("georeplication_factor"));
    amqp_int(b, 1);
    amqp_str(b, STR("partition_ids"));
    buf_char(b, (char)0xf0);
    size_t from = b->len;
    buf_add(b, "\0\0\0\0\0\0\0\0\xa1", 9); /* size, count, an array of short strings */
    for (int32_t i = 0; i < t->part_count; i++) {
        int n = snprintf(number, sizeof number, "%d", i);
        buf_char(b, (char)n);
        buf_add(b, number, (size_t)n);
    }
    be32_put(b->ptr + from, (uint32_t)(b->len - from - 4));
    be32_put(b->ptr + from + 4, (uint32_t)t->part_count);
    amqp_close(b, at, 12);
}

static void put_partition(struct buf *b, const struct partition *p)
{
    char number[24];
    const struct plog *log = p->log;
    int64_t ignored, time_ms;
    bool empty = log->high_watermark == log->start_offset;
    plog_max_time(log, &ignored, &time_ms);
    size_t at = amqp_open_map(b);
    amqp_str(b, STR("name"));
    amqp_str(b, str_z(p->topic->name));
    amqp_str(b, STR("type"));
    amqp_str(b, STR("com.microsoft:partition"));
    amqp_str(b, STR("partition"));
    amqp_str(b, str_of(number, (size_t)snprintf(number, sizeof number, "%d", p->index)));
    amqp_str(b, STR("begin_sequence_number"));
    amqp_long(b, log->start_offset);
    amqp_str(b, STR("last_enqueued_sequence_number"));
    amqp_long(b, log->high_watermark - 1);
    amqp_str(b, STR("last_enqueued_offset"));
    amqp_str(b, str_of(number, (size_t)snprintf(number, sizeof number, "%jd", (intmax_t)log->high_watermark - 1)));
    amqp_str(b, STR("last_enqueued_time_utc"));
    amqp_time(b, time_ms < 0 ? 0 : time_ms);
    amqp_str(b, STR("is_partition_empty"));
    amqp_bool(b, empty);
    amqp_close(b, at, 16);
}

static void read_entity(struct request *q, struct response *r)
{
    struct amqp_error e = {0};
    struct amqp_address where;
    int64_t index = -1;
    if (!str_ieqz(q->operation, "READ") || !amqp_address_read(q->name, &where)) {
        answer(r, 400, "amqp:not-implemented", "$management has the operation READ, and needs a name");
        return;
    }
    if (!amqp_may(q->conn, SAS_LISTEN | SAS_SEND, where.hub)) {
        answer(r, 401, "amqp:unauthorized-access", "the connection has no token for this hub");
        return;
    }
    struct topic *t = amqp_topic(q->conn, where.hub, &e);
    if (!t) {
        answer(r, 404, e.condition, e.text);
    } else if (str_eqz(q->type, "com.microsoft:eventhub")) {
        put_hub(r->body, t);
        answer(r, 200, NULL, "OK");
    } else if (!str_eqz(q->type, "com.microsoft:partition")) {
        answer(r, 400, "amqp:not-implemented", "$management reads com.microsoft:eventhub and com.microsoft:partition");
    } else if (!str_i64(q->partition, &index) || index < 0 || index >= t->part_count) {
        answer(r, 404, "com.microsoft:argument-out-of-range", "The specified partition is invalid for an EventHub.");
    } else {
        put_partition(r->body, t->parts[index]);
        answer(r, 200, NULL, "OK");
    }
}

/* ------------------------------------------------------------------ requests and responses */

static struct amqp_link *reply_link(struct amqp_conn *c, enum amqp_node node, struct str reply_to)
{
    struct amqp_link *first = NULL;
    for (int i = 0; i < AMQP_MAX_SESSIONS; i++)
        for (int j = 0; c->sessions[i] && j < AMQP_MAX_LINKS; j++) {
            struct amqp_link *l = c->sessions[i]->links[j];
            if (!l || l->detached || !l->receiver || l->node != node)
                continue;
            if (reply_to.ptr && l->reply_to && str_eqz(reply_to, l->reply_to))
                return l;
            first = first ? first : l;
        }
    return first;
}

static void put_text_property(struct buf *b, const char *name, const char *value)
{
    amqp_str(b, str_z(name));
    amqp_str(b, str_z(value));
}

static void put_response(struct buf *out, const struct request *q, const struct response *r)
{
    amqp_described(out, AMQP_SEC_PROPERTIES);
    size_t at = amqp_open_list(out);
    for (int i = 0; i < 13; i++)
        if (i == 5 && q->id.ptr) /* correlation-id */
            buf_str(out, q->id);
        else
            amqp_null(out);
    amqp_close(out, at, 13);
    amqp_described(out, AMQP_SEC_APPLICATION);
    at = amqp_open_map(out);
    amqp_str(out, STR("status-code"));
    amqp_int(out, r->status);
    put_text_property(out, "status-description", r->text);
    amqp_str(out, STR("statusCode"));
    amqp_int(out, r->status);
    put_text_property(out, "statusDescription", r->text);
    if (r->condition) {
        amqp_str(out, STR("error-condition"));
        amqp_sym(out, str_z(r->condition));
        amqp_str(out, STR("errorCondition"));
        amqp_sym(out, str_z(r->condition));
    }
    amqp_close(out, at, r->condition ? 12 : 8);
    amqp_described(out, AMQP_SEC_VALUE);
    if (r->body->len)
        buf_str(out, buf_view(r->body));
    else
        amqp_str(out, str_z(r->text));
}

static bool request_read(struct amqp_link *l, struct str message, struct request *q)
{
    struct amqp_error e;
    struct amqp_val v;
    struct str raw, ids[6] = {0};
    *q = (struct request){.conn = l->session->conn};
    if (amqp_sections_read(message, &q->sections, &e))
        return false;
    struct amqp_items it = amqp_items_of(&q->sections.properties);
    for (int i = 0; i < 6 && amqp_item_raw(&it, &v, &raw); i++) {
        if (v.type != AMQP_NULL)
            ids[i] = raw;
        if (i == 4 && amqp_val_text(&v))
            q->reply_to = v.bytes;
    }
    q->id = ids[0].ptr ? ids[0] : ids[5];
    if (q->id.len > AMQP_MAX_ID) {
        q->id = STR_NONE;
        return false;
    }
    const struct { const char *name; struct str *to; } wanted[] = {
        {"operation", &q->operation}, {"type", &q->type}, {"name", &q->name}, {"partition", &q->partition}};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        v = amqp_map_get(&q->sections.application, wanted[i].name);
        *wanted[i].to = amqp_val_text(&v) ? v.bytes : STR_NONE;
    }
    return true;
}

static void reply(struct amqp_link *to, const struct request *q, const struct response *r)
{
    struct amqp_conn *c = to->session->conn;
    struct amqp_error e;
    if (c->reply_count >= AMQP_MAX_REPLIES) { /* rather than leave one out unseen */
        amqp_fail(&e, "amqp:resource-limit-exceeded", "more than %d answers wait for credit", AMQP_MAX_REPLIES);
        amqp_detach(to, &e);
        return;
    }
    struct amqp_reply *reply = NEW(struct amqp_reply);
    buf_init(&reply->bytes);
    put_response(&reply->bytes, q, r);
    *to->replies_end = reply;
    to->replies_end = &reply->next;
    c->reply_count++;
    amqp_node_pump(to);
}

void amqp_node_request(struct amqp_link *l, struct str message)
{
    struct request q;
    struct response r = {.status = 400};
    struct buf body;
    buf_init(&body);
    r.body = &body;
    bool good = request_read(l, message, &q);
    if (!good)
        answer(&r, 400, "amqp:decode-error", "the request is malformed, or its id too long");
    else if (l->node == AMQP_NODE_CBS)
        put_token(&q, &r);
    else
        read_entity(&q, &r);
    if (r.status >= 400)
        log_debug("hub", "AMQP request refused: %s peer=%s", r.text, tcp_conn_peer(l->session->conn->tcp));
    struct amqp_link *to = reply_link(l->session->conn, l->node, q.reply_to);
    if (to)
        reply(to, &q, &r);
    buf_release(&body);
}

static struct amqp_reply *reply_take(struct amqp_link *l)
{
    struct amqp_reply *r = l->replies;
    l->replies = r->next;
    if (!l->replies)
        l->replies_end = &l->replies;
    l->session->conn->reply_count--;
    return r;
}

void amqp_node_pump(struct amqp_link *l)
{
    for (;;) {
        if (l->message.len && !amqp_send_message(l))
            return;
        if (!l->replies || !l->credit)
            return;
        struct amqp_reply *r = reply_take(l);
        l->message_id = l->session->next_delivery++;
        l->credit--;
        l->count++;
        buf_str(&l->message, buf_view(&r->bytes));
        buf_release(&r->bytes);
        mem_free(r);
    }
}

void amqp_node_close(struct amqp_link *l)
{
    while (l->replies) {
        struct amqp_reply *r = reply_take(l);
        buf_release(&r->bytes);
        mem_free(r);
    }
}
