/* queue.c -- the Queue service: queues and messages in the account's metadata, durable at each answer.
 *
 * A message is visible from `visible` on; who gets it pushes that ahead, and its pop receipt is new:
 * only the newest one updates or deletes it. Expired messages are not seen, and are removed with the
 * next message that is put. Times are microseconds; what clients see has seconds. */
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"
#include <string.h>

enum { GET_MAX = 32, VISIBLE_MAX_S = 7 * 24 * 3600, TTL_DEFAULT_S = 7 * 24 * 3600 };
static const int64_t NEVER_US = INT64_C(253402300799000000); /* 9999-12-31 */

struct queue { struct doc *meta; struct str acl; };

static int queue_find(struct op *o, struct queue *q)
{
    struct err err = {0};
    struct db *d = op_db(o);
    *q = (struct queue){0};
    if (db_query(d, &err, "SELECT meta, acl FROM queues WHERE q = ?", "t", o->r.container))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    if (row == 1) {
        q->meta = object_of(o, db_str(d, o->a, 0));
        q->acl = db_str(d, o->a, 1);
    }
    db_done(d);
    return row < 0 ? op_fail_err(o, &err) : row ? 0 : op_fail(o, AZ_QueueNotFound);
}

/* Runs one statement as a durable transaction of its own. */
#define SAVE(o, ...) (db_begin(op_db(o), false, &err) || db_run(op_db(o), &err, __VA_ARGS__) || db_commit(op_db(o), &err) ? (db_rollback(op_db(o)), op_fail_err(o, &err)) : 0)

static int queue_create(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct doc *meta = meta_of(o);
    if (!meta)
        return -1;
    if (queue_find(o, &q) == 0)
        return doc_equal(q.meta, meta) ? op_done(o, 204) : op_fail(o, AZ_QueueAlreadyExists);
    if (o->error != AZ_QueueNotFound)
        return -1;
    o->error = AZ_NONE;
    return SAVE(o, "INSERT INTO queues(q, created, meta) VALUES (?,?,?)", "tit", o->r.container, time_now().us, text_of(o, meta)) ? -1 : op_done(o, 201);
}

static int queue_delete(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct db *d = op_db(o);
    if (queue_find(o, &q))
        return -1;
    if (db_begin(d, false, &err) || db_run(d, &err, "DELETE FROM messages WHERE q = ?", "t", o->r.container) ||
        db_run(d, &err, "DELETE FROM queues WHERE q = ?", "t", o->r.container) || db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    return op_done(o, 204);
}

static int queue_get_metadata(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct db *d = op_db(o);
    if (queue_find(o, &q))
        return -1;
    if (db_query(d, &err, "SELECT count(*) FROM messages WHERE q = ? AND expires > ?", "ti", o->r.container, time_now().us))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    if (row == 1)
        op_setf(o, "x-ms-approximate-messages-count", "%jd", (intmax_t)db_i64(d, 0));
    db_done(d);
    put_meta(o, q.meta);
    return row < 0 ? op_fail_err(o, &err) : op_done(o, 200);
}

static int queue_set_metadata(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct doc *meta = meta_of(o);
    if (!meta || queue_find(o, &q))
        return -1;
    return SAVE(o, "UPDATE queues SET meta = ? WHERE q = ?", "tt", text_of(o, meta), o->r.container) ? -1 : op_done(o, 204);
}

static int queue_get_acl(struct op *o)
{
    struct queue q;
    if (queue_find(o, &q))
        return -1;
    return policy_answer(o, q.acl);
}

static int queue_set_acl(struct op *o)
{
    struct queue q;
    struct err err = {0};
    if (queue_find(o, &q) || policy_check(o, buf_view(&o->text)))
        return -1;
    return SAVE(o, "UPDATE queues SET acl = ? WHERE q = ?", "tt", buf_view(&o->text), o->r.container) ? -1 : op_done(o, 204);
}

static int queue_list(struct op *o)
{
    struct err err = {0};
    struct db *d = op_db(o);
    struct buf *b = &o->body;
    struct str prefix = op_param(o, "prefix"), marker = op_param(o, "marker"), last = STR_NONE;
    int64_t max = STORAGE_MAX_PAGE, shown = 0;
    int row;
    bool meta = str_find(op_param(o, "include"), STR("metadata")) >= 0;
    if (op_i64(o, op_param(o, "maxresults"), "maxresults", 1, INT32_MAX, &max))
        return -1;
    max = max > STORAGE_MAX_PAGE ? STORAGE_MAX_PAGE : max;
    buf_printf(b, AZXML_HEAD "<EnumerationResults ServiceEndpoint=\"http://%.*s/%.*s\">", STR_ARGS(o->r.host), STR_ARGS(o->r.account));
    azxml_element(b, "Prefix", prefix);
    buf_printf(b, "<MaxResults>%jd</MaxResults><Queues>", (intmax_t)max);
    if (db_query(d, &err, "SELECT q, meta FROM queues WHERE q > ? ORDER BY q", "t", marker.ptr ? marker : STR("")))
        return op_fail_err(o, &err);
    while ((row = db_row(d, &err)) == 1) {
        struct str name = db_str(d, o->a, 0), text = db_str(d, o->a, 1);
        if (!str_starts(name, prefix))
            continue;
        if (shown++ == max)
            break;
        last = name;
        buf_printf(b, "<Queue><Name>%.*s</Name>", STR_ARGS(name));
        if (meta)
            azxml_meta(b, object_of(o, text), "");
        buf_z(b, "</Queue>");
    }
    db_done(d);
    if (row < 0)
        return op_fail_err(o, &err);
    buf_printf(b, "</Queues><NextMarker>%.*s</NextMarker></EnumerationResults>", STR_ARGS(shown > max ? last : STR("")));
    o->content_type = "application/xml";
    return op_done(o, 200);
}

/* ---------------------------------------------------------------- messages */

static struct str receipt_make(struct op *o)
{
    uint8_t bytes[12];
    struct buf b;
    buf_init(&b);
    random_bytes(bytes, sizeof bytes);
    base64_put(&b, str_of((char *)bytes, sizeof bytes));
    for (size_t i = 0; i < b.len; i++)
        if (b.ptr[i] == '+' || b.ptr[i] == '/')
            b.ptr[i] = 'A';
    struct str out = str_copy(o->a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* Without its root: *out is STR_NONE if there is no body. */
static int message_text(struct op *o, struct str *out)
{
    struct err err = {0};
    *out = STR_NONE;
    if (!o->text.len)
        return 0;
    struct xml *root = azxml_read(o->a, buf_view(&o->text), &err);
    if (!root || !str_eqz(root->name, "QueueMessage"))
        return op_fail_why(o, AZ_InvalidXmlDocument, "%s", root ? "The root is QueueMessage." : err.msg);
    *out = azxml_text(root, "MessageText");
    if (!out->ptr)
        *out = STR("");
    return out->len > STORAGE_MAX_MESSAGE ? op_fail_why(o, AZ_RequestBodyTooLarge, "A message has at most %d bytes.", STORAGE_MAX_MESSAGE) : 0;
}

struct message { struct str id, body, receipt; int64_t inserted, expires, visible, dequeues; };

static void message_xml(struct buf *b, const struct message *m, bool peek, bool text)
{
    char t[40];
    buf_printf(b, "<QueueMessage><MessageId>%.*s</MessageId><InsertionTime>%s</InsertionTime>", STR_ARGS(m->id), http_date((struct tp){m->inserted}, t));
    buf_printf(b, "<ExpirationTime>%s</ExpirationTime>", http_date((struct tp){m->expires}, t));
    if (!peek) {
        buf_printf(b, "<PopReceipt>%.*s</PopReceipt>", STR_ARGS(m->receipt));
        buf_printf(b, "<TimeNextVisible>%s</TimeNextVisible>", http_date((struct tp){m->visible}, t));
    }
    if (text) {
        buf_printf(b, "<DequeueCount>%jd</DequeueCount>", (intmax_t)m->dequeues);
        azxml_element(b, "MessageText", m->body);
    }
    buf_z(b, "</QueueMessage>");
}

static int message_put(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct str text;
    int64_t hidden_s = 0, ttl_s = TTL_DEFAULT_S, now = time_now().us;
    char id[UUID_TEXT];
    struct db *d = op_db(o);
    if (queue_find(o, &q) || message_text(o, &text) || op_i64(o, op_param(o, "visibilitytimeout"), "visibilitytimeout", 0, VISIBLE_MAX_S, &hidden_s) ||
        op_i64(o, op_param(o, "messagettl"), "messagettl", -1, INT32_MAX, &ttl_s))
        return -1;
    if (!text.ptr)
        return op_fail_why(o, AZ_InvalidXmlDocument, "The body is QueueMessage with a MessageText.");
    if (!ttl_s || (ttl_s > 0 && hidden_s >= ttl_s))
        return op_fail_why(o, AZ_OutOfRangeInput, "messagettl must be -1 or more than visibilitytimeout.");
    struct message m = {.id = str_copy(o->a, str_z(uuid_make(id))), .body = text, .receipt = receipt_make(o), .inserted = now,
                        .expires = ttl_s < 0 ? NEVER_US : now + ttl_s * 1000000, .visible = now + hidden_s * 1000000};
    if (db_begin(d, false, &err) || db_run(d, &err, "DELETE FROM messages WHERE q = ? AND expires <= ?", "ti", o->r.container, now) ||
        db_run(d, &err, "INSERT INTO messages(q, id, body, inserted, expires, visible, dequeues, receipt) VALUES (?,?,?,?,?,?,0,?)", "tttiiit", o->r.container,
               m.id, m.body, m.inserted, m.expires, m.visible, m.receipt) || db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    buf_z(&o->body, AZXML_HEAD "<QueueMessagesList>");
    message_xml(&o->body, &m, false, false);
    buf_z(&o->body, "</QueueMessagesList>");
    o->content_type = "application/xml";
    return op_done(o, 201);
}

static int load_visible(struct op *o, int64_t now, int64_t max, struct message list[GET_MAX], int64_t *n)
{
    struct err err = {0};
    struct db *d = op_db(o);
    int row = 0;
    if (db_query(d, &err, "SELECT id, body, inserted, expires, visible, dequeues FROM messages WHERE q = ? AND visible <= ? AND expires > ?"
                 " ORDER BY visible, n LIMIT ?", "tiii", o->r.container, now, now, max))
        return op_fail_err(o, &err);
    for (*n = 0; (row = db_row(d, &err)) == 1; (*n)++)
        list[*n] = (struct message){.id = db_str(d, o->a, 0), .body = db_str(d, o->a, 1), .inserted = db_i64(d, 2), .expires = db_i64(d, 3),
                                    .visible = db_i64(d, 4), .dequeues = db_i64(d, 5)};
    return row < 0 ? op_fail_err(o, &err) : 0;
}

static int take_messages(struct op *o, struct message *list, int64_t n, int64_t until)
{
    struct err err = {0};
    struct db *d = op_db(o);
    if (db_begin(d, false, &err))
        return op_fail_err(o, &err);
    for (int64_t i = 0; i < n; i++) {
        list[i].receipt = receipt_make(o);
        list[i].visible = until;
        list[i].dequeues++;
        if (db_run(d, &err, "UPDATE messages SET visible = ?, dequeues = ?, receipt = ? WHERE q = ? AND id = ?", "iittt", until, list[i].dequeues,
                   list[i].receipt, o->r.container, list[i].id)) {
            db_rollback(d);
            return op_fail_err(o, &err);
        }
    }
    return db_commit(d, &err) ? op_fail_err(o, &err) : 0;
}

static int message_get(struct op *o)
{
    struct queue q;
    struct message list[GET_MAX];
    bool peek = str_ieqz(op_param(o, "peekonly"), "true");
    int64_t max = 1, hidden_s = 30, now = time_now().us, n = 0;
    if (!o->grant.all && !memchr(o->grant.perms.ptr, peek ? 'r' : 'p', o->grant.perms.len))
        return op_fail(o, AZ_AuthorizationPermissionMismatch);
    if (queue_find(o, &q) || op_i64(o, op_param(o, "numofmessages"), "numofmessages", 1, GET_MAX, &max) ||
        op_i64(o, op_param(o, "visibilitytimeout"), "visibilitytimeout", 1, VISIBLE_MAX_S, &hidden_s) || load_visible(o, now, max, list, &n) ||
        (!peek && n && take_messages(o, list, n, now + hidden_s * 1000000)))
        return -1;
    buf_z(&o->body, AZXML_HEAD "<QueueMessagesList>");
    for (int64_t i = 0; i < n; i++)
        message_xml(&o->body, &list[i], peek, true);
    buf_z(&o->body, "</QueueMessagesList>");
    o->content_type = "application/xml";
    return op_done(o, 200);
}

/* The message of /messages/ID, whose pop receipt must be the newest. */
static int message_find(struct op *o, struct str *id)
{
    struct err err = {0};
    struct db *d = op_db(o);
    struct str receipt = op_param(o, "popreceipt"), have = STR_NONE;
    *id = str_from(o->r.blob, 9);
    if (!receipt.len)
        return op_fail_why(o, AZ_MissingRequiredQueryParameter, "popreceipt is missing.");
    if (db_query(d, &err, "SELECT receipt FROM messages WHERE q = ? AND id = ? AND expires > ?", "tti", o->r.container, *id, time_now().us))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    if (row == 1)
        have = db_str(d, o->a, 0);
    db_done(d);
    if (row < 0)
        return op_fail_err(o, &err);
    return !row ? op_fail(o, AZ_MessageNotFound) : str_eq(have, receipt) ? 0 : op_fail(o, AZ_PopReceiptMismatch);
}

static int message_update(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct str id, text, receipt;
    int64_t hidden_s = -1, now = time_now().us;
    char when[40];
    if (queue_find(o, &q) || message_find(o, &id) || message_text(o, &text) ||
        op_i64(o, op_param(o, "visibilitytimeout"), "visibilitytimeout", 0, VISIBLE_MAX_S, &hidden_s))
        return -1;
    if (hidden_s < 0)
        return op_fail_why(o, AZ_MissingRequiredQueryParameter, "visibilitytimeout is missing.");
    receipt = receipt_make(o);
    if (SAVE(o, "UPDATE messages SET visible = ?, receipt = ?, body = coalesce(?, body) WHERE q = ? AND id = ?", "itttt", now + hidden_s * 1000000, receipt, text,
             o->r.container, id))
        return -1;
    op_set(o, "x-ms-popreceipt", receipt);
    op_set(o, "x-ms-time-next-visible", str_z(http_date((struct tp){now + hidden_s * 1000000}, when)));
    return op_done(o, 204);
}

static int message_delete(struct op *o)
{
    struct queue q;
    struct err err = {0};
    struct str id;
    if (queue_find(o, &q))
        return -1;
    if (str_eqz(o->r.blob, "messages")) {
        if (!o->grant.all && !memchr(o->grant.perms.ptr, 'd', o->grant.perms.len))
            return op_fail(o, AZ_AuthorizationPermissionMismatch);
        return SAVE(o, "DELETE FROM messages WHERE q = ?", "t", o->r.container) ? -1 : op_done(o, 204);
    }
    if (message_find(o, &id))
        return -1;
    return SAVE(o, "DELETE FROM messages WHERE q = ? AND id = ?", "tt", o->r.container, id) ? -1 : op_done(o, 204);
}

static bool is_list(const struct op *o) { return str_eqz(o->r.blob, "messages"); }
static bool is_one(const struct op *o) { return str_starts_z(o->r.blob, "messages/") && o->r.blob.len > 9; }
static int op_message_put(struct op *o) { return is_list(o) ? message_put(o) : op_fail(o, AZ_InvalidUri); }
static int op_message_get(struct op *o) { return is_list(o) ? message_get(o) : op_fail(o, AZ_InvalidUri); }
static int op_message_update(struct op *o) { return is_one(o) ? message_update(o) : op_fail(o, AZ_InvalidUri); }
static int op_message_delete(struct op *o) { return is_list(o) || is_one(o) ? message_delete(o) : op_fail(o, AZ_InvalidUri); }

const struct op_kind QUEUE_OPS[] = {
    {SVC_QUEUE, 0, "GET", "comp=list", "ListQueues", LANE_WRITE, BODY_NONE, "l", 's', queue_list},
    {SVC_QUEUE, 0, "GET", "restype=service&comp=properties", "GetQueueServiceProperties", LANE_READ, BODY_NONE, "r", 's', op_get_service_properties},
    {SVC_QUEUE, 0, "PUT", "restype=service&comp=properties", "SetQueueServiceProperties", LANE_WRITE, BODY_TEXT, "w", 's', NULL},
    {SVC_QUEUE, 0, "GET", "restype=service&comp=stats", "GetQueueServiceStats", LANE_READ, BODY_NONE, "r", 's', NULL},
    {SVC_QUEUE, 1, "PUT", "", "CreateQueue", LANE_WRITE, BODY_NONE, "cw", 'c', queue_create},
    {SVC_QUEUE, 1, "DELETE", "", "DeleteQueue", LANE_WRITE, BODY_NONE, "d", 'c', queue_delete},
    {SVC_QUEUE, 1, "GET", "comp=metadata", "GetQueueMetadata", LANE_WRITE, BODY_NONE, "r", 'c', queue_get_metadata},
    {SVC_QUEUE, 1, "HEAD", "comp=metadata", "GetQueueMetadata", LANE_WRITE, BODY_NONE, "r", 'c', queue_get_metadata},
    {SVC_QUEUE, 1, "PUT", "comp=metadata", "SetQueueMetadata", LANE_WRITE, BODY_NONE, "w", 'c', queue_set_metadata},
    {SVC_QUEUE, 1, "GET", "comp=acl", "GetQueueACL", LANE_WRITE, BODY_NONE, "r", 'c', queue_get_acl},
    {SVC_QUEUE, 1, "HEAD", "comp=acl", "GetQueueACL", LANE_WRITE, BODY_NONE, "r", 'c', queue_get_acl},
    {SVC_QUEUE, 1, "PUT", "comp=acl", "SetQueueACL", LANE_WRITE, BODY_TEXT, "w", 'c', queue_set_acl},
    {SVC_QUEUE, 2, "POST", "", "PutMessage", LANE_WRITE, BODY_TEXT, "a", 'o', op_message_put},
    {SVC_QUEUE, 2, "GET", "", "GetMessages", LANE_WRITE, BODY_NONE, "pr", 'o', op_message_get},
    {SVC_QUEUE, 2, "PUT", "", "UpdateMessage", LANE_WRITE, BODY_TEXT, "u", 'o', op_message_update},
    {SVC_QUEUE, 2, "DELETE", "", "DeleteMessages", LANE_WRITE, BODY_NONE, "pd", 'o', op_message_delete},
    {0},
};
