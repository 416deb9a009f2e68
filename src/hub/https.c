#include "hub/https_int.h"
#include <string.h>

/* ------------------------------------------------------------------ who and where */

/* Nothing is made for a namespace before the caller has shown that he may use it. */
static int authorize(struct hreq *q, unsigned rights, struct err *err)
{
    struct hub *h = q->https->hub;
    struct str where = q->publisher.ptr ? str_fmt(q->http->arena, "%.*s/publishers/%.*s", STR_ARGS(q->hub_name), STR_ARGS(q->publisher)) : q->hub_name;
    struct str token = http_req_header(q->http, "authorization"), name = sas_namespace_of(q->http->host);
    if (!name.ptr)
        name = sas_namespace_of(str_z(http_req_tls_name(q->http)));
    const char *ns = name.ptr ? str_cz(q->http->arena, name) : h->default_ns->name;
    q->claim = (struct sas_claim){.rights = SAS_SEND | SAS_LISTEN | SAS_MANAGE, .path = STR("")};
    if (!h->opts.insecure_local) {
        if (!token.ptr)
            return err_set(err, ERR_AUTH, "the Authorization header is missing: it holds a SharedAccessSignature");
        if (sas_check_token(h->sas, q->http->arena, token, time_now_ms(), &q->claim, err))
            return -1;
        if (!sas_allows(&q->claim, rights, ns, where))
            return err_set(err, ERR_AUTH, "the token does not allow this on '%.*s'", STR_ARGS(where));
    }
    q->ns = name.ptr ? hub_namespace(h, ns, err) : h->default_ns;
    return q->ns ? 0 : -1;
}

void hreq_refuse(struct hreq *q, const struct err *err)
{
    struct buf b;
    int status = http_status_of(err->code);
    buf_init(&b);
    buf_printf(&b, "<Error><Code>%d</Code><Detail>", status);
    atom_text(&b, str_z(err->msg));
    buf_z(&b, "</Detail></Error>");
    q->https->open--;
    http_respond_buf(q->http, status, "application/xml; charset=utf-8", &b); /* `q` goes with it */
}

struct hreq *hreq_begin(struct http_req *r, unsigned rights)
{
    struct hreq *q = ARENA_NEW(r->arena, struct hreq);
    struct err err;
    q->https = r->ctx;
    q->http = r;
    q->hub_name = http_req_param(r, "hub");
    q->publisher = http_req_param(r, "publisher");
    q->partition = -1;
    q->https->open++;
    if (authorize(q, rights, &err) == 0)
        return q;
    hreq_refuse(q, &err);
    return NULL;
}

struct topic *hreq_topic(struct hreq *q, bool may_create, struct err *err)
{
    struct topic *t = hub_topic(q->https->hub, q->ns, q->hub_name, may_create, err);
    if (t && !t->internal)
        return t;
    if (t)
        err_set(err, ERR_NOT_FOUND, "there is no hub '%.*s'", STR_ARGS(q->hub_name));
    return NULL;
}

/* ------------------------------------------------------------------ an event from headers or JSON */

struct props { struct arena *arena; struct event_header *items; size_t count, cap; };

static void add(struct props *p, struct str name, struct buf *encoded)
{
    p->items = arena_grow(p->arena, p->items, &p->cap, p->count + 1, sizeof *p->items);
    p->items[p->count++] = (struct event_header){str_copy(p->arena, name), str_copy(p->arena, buf_view(encoded))};
    buf_clear(encoded);
}

/* Text as the type it looks like: as Event Hubs reads headers. */
static void put_typed(struct buf *b, struct str text)
{
    int64_t n;
    double f;
    if (str_i64(text, &n) && n >= INT32_MIN && n <= INT32_MAX)
        amqp_int(b, (int32_t)n);
    else if (str_i64(text, &n))
        amqp_long(b, n);
    else if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '.' || (text.ptr[0] >= '0' && text.ptr[0] <= '9')) && str_f64(text, &f))
        amqp_double(b, f);
    else if (str_ieqz(text, "true") || str_ieqz(text, "false"))
        amqp_bool(b, str_ieqz(text, "true"));
    else
        amqp_str(b, text.ptr ? text : STR(""));
}

static void put_json(struct buf *b, const struct doc *d)
{
    struct buf text;
    int64_t n;
    double f;
    if (d->kind == DOC_NULL)
        amqp_null(b);
    else if (d->kind == DOC_BOOL)
        amqp_bool(b, d->boolean);
    else if (doc_i64(d, &n))
        put_typed(b, d->text);
    else if (doc_f64(d, &f))
        amqp_double(b, f);
    else if (d->kind == DOC_STRING)
        amqp_str(b, d->text);
    else {
        buf_init(&text);
        doc_write(&text, d);
        amqp_str(b, buf_view(&text));
        buf_release(&text);
    }
}

/* BrokerProperties' names and AMQP's; `symbol`: the field is one. */
static const struct { const char *broker, *amqp; bool symbol; } BROKER[] = {
    {"MessageId", "message-id", false},     {"CorrelationId", "correlation-id", false}, {"Label", "subject", false},
    {"ReplyTo", "reply-to", false},         {"To", "to", false},                        {"ContentType", "content-type", true},
    {"SessionId", "group-id", false},       {"ReplyToSessionId", "reply-to-group-id", false},
};

static void add_property(struct props *p, const char *name, struct str value, bool symbol)
{
    struct buf b, encoded;
    buf_init(&b);
    buf_init(&encoded);
    if (symbol)
        amqp_sym(&b, value);
    else
        amqp_str(&b, value);
    amqp_property_write(&encoded, buf_view(&b));
    add(p, str_z(name), &encoded);
    buf_release(&b);
    buf_release(&encoded);
}

/* `d` NULL: there are none. */
static int read_broker(struct props *p, const struct doc *d, struct str *key, struct err *err)
{
    if (d && !doc_is(d, DOC_OBJECT))
        return err_at(err, ERR_INPUT, d->file, d->line, d->col, "BrokerProperties are an object");
    for (size_t i = 0; d && i < d->count; i++) {
        struct str name = d->keys[i].name, v = doc_str(d->items[i], STR_NONE);
        size_t j = 0;
        while (j < COUNT_OF(BROKER) && !str_eqz(name, BROKER[j].broker))
            j++;
        if (j == COUNT_OF(BROKER) && !str_eqz(name, "PartitionKey"))
            return err_at(err, ERR_INPUT, d->file, d->keys[i].line, d->keys[i].col, "an event hub has no broker property '%.*s'", STR_ARGS(name));
        if (!v.ptr)
            return err_at(err, ERR_INPUT, d->file, d->items[i]->line, d->items[i]->col, "the broker property %.*s is a text", STR_ARGS(name));
        if (j < COUNT_OF(BROKER))
            add_property(p, BROKER[j].amqp, v, BROKER[j].symbol);
        else if (v.len)
            *key = v;
    }
    return 0;
}

/* HTTP's own headers, and what stands before us on the way: no properties of an event. */
static const char *const NOT_PROPERTIES[] = {
    "accept", "accept-encoding", "accept-language", "authorization", "brokerproperties", "cache-control", "connection", "content-encoding",
    "content-length", "content-type", "cookie", "date", "expect", "forwarded", "host", "keep-alive", "origin", "pragma", "proxy-authorization",
    "referer", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-ms-client-request-id", "x-ms-retrypolicy", "servicebusauthorization",
};

static bool is_property(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(NOT_PROPERTIES); i++)
        if (str_eqz(name, NOT_PROPERTIES[i]))
            return false;
    return !str_starts_z(name, "sec-");
}

static int read_one(struct hreq *q, struct amqp_events *to, struct err *err)
{
    struct http_req *r = q->http;
    struct props p = {.arena = r->arena};
    struct event e = {.body = r->body.ptr ? r->body : STR("")};
    struct str broker = http_req_header(r, "BrokerProperties"), type = http_req_header(r, "Content-Type");
    struct buf b;
    if (broker.len) {
        struct doc *d = doc_json(r->arena, "BrokerProperties", broker, err);
        if (!d || read_broker(&p, d, &e.key, err))
            return -1;
    }
    if (type.len)
        add_property(&p, "content-type", type, true);
    buf_init(&b);
    for (size_t i = 0; i < r->header_count; i++)
        if (is_property(r->headers[i].name)) {
            put_typed(&b, r->headers[i].value);
            add(&p, r->headers[i].name, &b);
        }
    buf_release(&b);
    e.headers = p.items;
    e.header_count = p.count;
    amqp_events_push(r->arena, to, &e, RECORD_AMQP);
    return 0;
}

static int read_item(struct hreq *q, const struct doc *item, struct amqp_events *to, struct err *err)
{
    const struct doc *body = NULL, *user = NULL, *broker = NULL;
    const struct { const char *name; const struct doc **to; } fields[] = {{"Body", &body}, {"UserProperties", &user}, {"BrokerProperties", &broker}};
    struct props p = {.arena = q->http->arena};
    struct event e = {0};
    struct buf b;
    for (size_t i = 0; doc_is(item, DOC_OBJECT) && i < item->count; i++) {
        size_t j = 0;
        while (j < COUNT_OF(fields) && !str_eqz(item->keys[i].name, fields[j].name))
            j++;
        if (j == COUNT_OF(fields))
            return err_at(err, ERR_INPUT, item->file, item->keys[i].line, item->keys[i].col, "an event of a batch has no '%.*s'", STR_ARGS(item->keys[i].name));
        *fields[j].to = item->items[i];
    }
    if (!body)
        return err_at(err, ERR_INPUT, item->file, item->line, item->col, "an event of a batch is an object with Body");
    if (user && !doc_is(user, DOC_OBJECT))
        return err_at(err, ERR_INPUT, user->file, user->line, user->col, "UserProperties are an object");
    if (read_broker(&p, broker, &e.key, err))
        return -1;
    buf_init(&b);
    if (body->kind == DOC_STRING)
        buf_str(&b, body->text);
    else
        doc_write(&b, body);
    e.body = str_copy(q->http->arena, buf_view(&b));
    buf_clear(&b);
    for (size_t i = 0; user && i < user->count; i++) {
        put_json(&b, user->items[i]);
        add(&p, user->keys[i].name, &b);
    }
    buf_release(&b);
    if (p.count > BATCH_MAX_HEADERS)
        return err_at(err, ERR_LIMIT, item->file, item->line, item->col, "an event has more than %d properties", BATCH_MAX_HEADERS);
    e.headers = p.items;
    e.header_count = p.count;
    amqp_events_push(q->http->arena, to, &e, RECORD_AMQP);
    return 0;
}

static int read_batch(struct hreq *q, struct amqp_events *to, struct err *err)
{
    struct doc *list = doc_json(q->http->arena, "the batch", q->http->body, err);
    if (!list)
        return -1;
    if (!doc_is(list, DOC_ARRAY) || !list->count)
        return err_set(err, ERR_INPUT, "a batch is a JSON array of objects with Body");
    for (size_t i = 0; i < list->count; i++)
        if (read_item(q, list->items[i], to, err))
            return -1;
    return 0;
}

/* ------------------------------------------------------------------ sending */

static void on_durable(void *arg)
{
    struct hreq *q = arg;
    struct err err;
    if (events_failed(q->logs.items, q->logs.count)) {
        err_set(&err, ERR_IO, "the hub's disk failed: nothing more is stored");
        hreq_refuse(q, &err);
        return;
    }
    q->https->open--;
    http_respond(q->http, 201, NULL, STR(""));
}

static int send(struct hreq *q, struct err *err)
{
    struct http_req *r = q->http;
    struct amqp_events events = {0};
    struct str partition = http_req_param(r, "partition"), type = http_req_header(r, "Content-Type");
    int64_t n = -1;
    struct topic *t = hreq_topic(q, true, err);
    if (!t)
        return -1;
    if (partition.ptr && (!str_i64(partition, &n) || n < 0 || n >= t->part_count))
        return err_set(err, ERR_INPUT, "hub '%s' has partitions 0 to %d, not '%.*s'", t->name, t->part_count - 1, STR_ARGS(partition));
    bool batch = str_starts_z(type, "application/vnd.microsoft.servicebus.json");
    if ((batch ? read_batch : read_one)(q, &events, err) ||
        (q->publisher.ptr && events_of_publisher(&events, q->publisher, err)) ||
        events_append(q->https->hub, r->arena, t, (int32_t)n, &events, &q->logs, err))
        return -1;
    q->wait = (struct hub_wait){.done = on_durable, .arg = q};
    hub_wait_durable(q->https->hub, &q->wait);
    return 0;
}

static void post_messages(struct http_req *r)
{
    struct err err;
    struct hreq *q = hreq_begin(r, SAS_SEND);
    if (!q)
        return;
    if (send(q, &err))
        hreq_refuse(q, &err);
}

/* ------------------------------------------------------------------ the server */

static const struct http_route ROUTES[] = {
    {.method = "POST", .pattern = "/{hub}/messages", .handler = post_messages, .max_body = HTTPS_MAX_BODY},
    {.method = "POST", .pattern = "/{hub}/partitions/{partition}/messages", .handler = post_messages, .max_body = HTTPS_MAX_BODY},
    {.method = "POST", .pattern = "/{hub}/publishers/{publisher}/messages", .handler = post_messages, .max_body = HTTPS_MAX_BODY},
    {.method = "GET", .pattern = "/metrics", .handler = https_get_metrics},
    {.method = "GET", .pattern = "/$Resources/EventHubs", .handler = https_get_hubs, .max_body = 0},
    {.method = "GET", .pattern = "/{hub}/consumergroups", .handler = https_get_groups, .max_body = 0},
    {.method = "GET", .pattern = "/{hub}/consumergroups/{group}", .handler = https_get_group, .max_body = 0},
    {.method = "GET", .pattern = "/{hub}/consumergroups/{group}/partitions/{partition}", .handler = https_get_partition, .max_body = 0},
    {.method = "GET", .pattern = "/{hub}/partitions/{partition}", .handler = https_get_partition, .max_body = 0},
    {.method = "GET", .pattern = "/{hub}", .handler = https_get_hub, .max_body = 0},
    {.method = "PUT", .pattern = "/{hub}", .handler = https_put_hub, .max_body = HTTPS_MAX_BODY},
    {.method = NULL},
};
static const char *const NAMES[] = {".servicebus.windows.net", ".servicebus.usgovcloudapi.net", ".servicebus.chinacloudapi.cn", ".localhost", NULL};

struct https *https_start(struct hub *h, int port, struct err *err)
{
    struct https *s = NEW(struct https);
    struct http_server_opts o = {.host = h->opts.host, .port = port, .tls = h->tls, .tls_optional = true, .max_conns = HTTPS_MAX_CONNS,
                                 .routes = ROUTES, .names = NAMES, .ctx = s};
    s->hub = h;
    s->server = http_listen(h->loop, &o, err);
    if (s->server)
        return s;
    mem_free(s);
    return NULL;
}

void https_stop(struct https *s)
{
    http_server_free(s->server);
    s->server = NULL;
}

bool https_ended(const struct https *s)
{
    return !s->server && s->open == 0;
}

void https_free(struct https *s)
{
    mem_free(s);
}

int https_port(const struct https *s)
{
    return http_server_port(s->server);
}
