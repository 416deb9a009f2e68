/* https_atom.c -- what there is, as Atom: entries whose content is a description in Service Bus' namespace. */
#include "hub/https_int.h"
#include <stdio.h>
#include <string.h>

#define ATOM "http://www.w3.org/2005/Atom"
#define SB "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
#define DAY_MS INT64_C(86400000)
#define TYPE "application/atom+xml;type=entry;charset=utf-8"

void atom_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        if (c == '<')
            buf_z(out, "&lt;");
        else if (c == '>')
            buf_z(out, "&gt;");
        else if (c == '&')
            buf_z(out, "&amp;");
        else if (c == '"')
            buf_z(out, "&quot;");
        else
            buf_char(out, c);
    }
}

static void open_entry(struct buf *b, struct str title, const char *description, int64_t created_ms)
{
    char when[40];
    buf_z(b, "<entry xmlns=\"" ATOM "\"><title type=\"text\">");
    atom_text(b, title);
    time_iso((struct tp){created_ms * 1000}, 3, when);
    buf_printf(b, "</title><published>%s</published><updated>%s</updated><content type=\"application/xml\"><%s xmlns=\"" SB "\">", when, when, description);
}

static void close_entry(struct buf *b, const char *description)
{
    buf_printf(b, "</%s></content></entry>", description);
}

static void put_hub(struct buf *b, const struct topic *t)
{
    open_entry(b, str_z(t->name), "EventHubDescription", t->created_ms);
    buf_printf(b, "<MessageRetentionInDays>%jd</MessageRetentionInDays><Status>Active</Status><PartitionCount>%d</PartitionCount><PartitionIds>",
               t->cfg.retention_ms < 0 ? (intmax_t)-1 : (intmax_t)(t->cfg.retention_ms / DAY_MS), t->part_count);
    for (int32_t i = 0; i < t->part_count; i++)
        buf_printf(b, "<string xmlns=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\">%d</string>", i);
    buf_z(b, "</PartitionIds>");
    close_entry(b, "EventHubDescription");
}

static void put_group(struct buf *b, const struct topic *t, struct str group)
{
    open_entry(b, group, "ConsumerGroupDescription", t->created_ms);
    close_entry(b, "ConsumerGroupDescription");
}

static void put_partition(struct buf *b, const struct topic *t, const struct partition *p)
{
    const struct plog *log = p->log;
    int64_t ignored, time_ms;
    char number[24], when[40];
    snprintf(number, sizeof number, "%d", p->index);
    plog_max_time(log, &ignored, &time_ms);
    open_entry(b, str_z(number), "PartitionDescription", t->created_ms);
    buf_printf(b, "<SizeInBytes>%jd</SizeInBytes><BeginSequenceNumber>%jd</BeginSequenceNumber><EndSequenceNumber>%jd</EndSequenceNumber>"
               "<LastEnqueuedOffset>%jd</LastEnqueuedOffset><LastEnqueuedTimeUtc>%s</LastEnqueuedTimeUtc>",
               (intmax_t)plog_size(log), (intmax_t)log->start_offset, (intmax_t)log->high_watermark - 1, (intmax_t)log->high_watermark - 1,
               time_iso((struct tp){(time_ms < 0 ? 0 : time_ms) * 1000}, 3, when));
    close_entry(b, "PartitionDescription");
}

static void respond(struct hreq *q, int status, struct buf *b)
{
    q->https->open--;
    http_respond_buf(q->http, status, TYPE, b); /* `q` goes with it */
}

/* The request and its hub; NULL: it was answered. */
static struct hreq *begin(struct http_req *r, struct topic **t)
{
    struct err err;
    struct hreq *q = hreq_begin(r, SAS_MANAGE | SAS_LISTEN | SAS_SEND);
    if (!q || (*t = hreq_topic(q, false, &err)))
        return q;
    hreq_refuse(q, &err);
    return NULL;
}

void https_get_hubs(struct http_req *r)
{
    struct hreq *q = hreq_begin(r, SAS_MANAGE);
    struct buf b;
    size_t at = 0;
    struct str name;
    void *t;
    if (!q)
        return;
    buf_init(&b);
    buf_z(&b, "<feed xmlns=\"" ATOM "\"><title type=\"text\">EventHubs</title>");
    while (map_next(q->ns->topics, &at, &name, &t))
        if (!((struct topic *)t)->internal)
            put_hub(&b, t);
    buf_z(&b, "</feed>");
    respond(q, 200, &b);
}

/* Answers with what `put` says of the hub that is asked for. */
static void describe(struct http_req *r, void (*put)(struct buf *b, const struct hreq *q, const struct topic *t))
{
    struct topic *t = NULL;
    struct hreq *q = begin(r, &t);
    struct buf b;
    if (!q)
        return;
    buf_init(&b);
    put(&b, q, t);
    respond(q, 200, &b);
}

static void say_hub(struct buf *b, const struct hreq *q, const struct topic *t)
{
    (void)q;
    put_hub(b, t);
}

static void say_groups(struct buf *b, const struct hreq *q, const struct topic *t)
{
    (void)q;
    buf_z(b, "<feed xmlns=\"" ATOM "\"><title type=\"text\">ConsumerGroups</title>");
    put_group(b, t, STR("$Default"));
    buf_z(b, "</feed>");
}

static void say_group(struct buf *b, const struct hreq *q, const struct topic *t)
{
    put_group(b, t, http_req_param(q->http, "group"));
}

void https_get_hub(struct http_req *r) { describe(r, say_hub); }
void https_get_groups(struct http_req *r) { describe(r, say_groups); }
void https_get_group(struct http_req *r) { describe(r, say_group); }

void https_get_partition(struct http_req *r)
{
    struct topic *t = NULL;
    struct hreq *q = begin(r, &t);
    struct err err;
    struct buf b;
    int64_t n;
    if (!q)
        return;
    struct partition *p = str_i64(http_req_param(r, "partition"), &n) && n >= 0 && n < t->part_count ? t->parts[n] : NULL;
    if (!p) {
        err_set(&err, ERR_NOT_FOUND, "hub '%s' has partitions 0 to %d", t->name, t->part_count - 1);
        hreq_refuse(q, &err);
        return;
    }
    buf_init(&b);
    put_partition(&b, t, p);
    respond(q, 200, &b);
}

/* What a new hub's description says: elements of EventHubDescription that hold a number, in any order. */
static const struct setting { const char *name; int64_t min, max; } SETTINGS[] = {
    {"PartitionCount", 1, TOPIC_MAX_PARTITIONS}, {"MessageRetentionInDays", -1, INT32_MAX}};
enum { SET_PARTITIONS, SET_RETENTION };

/* Takes the next tag, with its brackets, off the text: its name, "/name" if it closes. False: there is none. */
static bool next_tag(struct str *text, struct str *name)
{
    int64_t open = str_chr(*text, '<'), end;
    if (open < 0 || (end = str_chr(*text = str_from(*text, (size_t)open + 1), '>')) < 0)
        return false;
    size_t n = 0;
    while (n < (size_t)end && text->ptr[n] > ' ' && (n == 0 || text->ptr[n] != '/'))
        n++;
    *name = str_sub(*text, 0, n);
    *text = str_from(*text, (size_t)end + 1);
    return true;
}

static int read_setting(struct str name, struct str *text, int64_t values[], struct err *err)
{
    int64_t end = str_chr(*text, '<');
    for (size_t i = 0; i < COUNT_OF(SETTINGS); i++) {
        const struct setting *s = &SETTINGS[i];
        if (!str_eqz(name, s->name))
            continue;
        if (end < 0 || !str_i64(str_trim(str_sub(*text, 0, (size_t)end)), &values[i]) || values[i] < s->min || values[i] > s->max)
            return err_set(err, ERR_INPUT, "%s is a number from %jd to %jd", s->name, (intmax_t)s->min, (intmax_t)s->max);
        return next_tag(text, &name) && str_starts_z(name, "/") && str_eqz(str_from(name, 1), s->name) ? 0 : err_set(err, ERR_INPUT, "%s has no end", s->name);
    }
    return err_set(err, ERR_UNSUPPORTED, "a hub is made with PartitionCount and MessageRetentionInDays, not with '%.*s'", STR_ARGS(name));
}

static int read_description(struct str body, int64_t values[], struct err *err)
{
    struct str name = STR_NONE;
    if (!str_trim(body).len)
        return 0;
    while (next_tag(&body, &name) && !str_eqz(name, "EventHubDescription"))
        ; /* an Atom entry may be around it */
    if (!str_eqz(name, "EventHubDescription"))
        return err_set(err, ERR_INPUT, "the body has no EventHubDescription");
    while (next_tag(&body, &name) && !str_eqz(name, "/EventHubDescription"))
        if (read_setting(name, &body, values, err))
            return -1;
    return str_eqz(name, "/EventHubDescription") ? 0 : err_set(err, ERR_INPUT, "EventHubDescription has no end");
}

void https_put_hub(struct http_req *r)
{
    struct hreq *q = hreq_begin(r, SAS_MANAGE);
    struct err err;
    struct buf b;
    int64_t values[COUNT_OF(SETTINGS)] = {0};
    if (!q)
        return;
    struct plog_config cfg = topic_default_config(q->https->hub->store);
    if (topic_find(q->ns, q->hub_name)) {
        err_set(&err, ERR_EXISTS, "there is a hub '%.*s' already", STR_ARGS(q->hub_name));
        hreq_refuse(q, &err);
        return;
    }
    struct topic *t = NULL;
    if (read_description(r->body, values, &err) == 0) {
        if (values[SET_RETENTION])
            cfg.retention_ms = values[SET_RETENTION] < 0 ? -1 : values[SET_RETENTION] * DAY_MS;
        t = topic_create(q->ns, q->hub_name, (int32_t)values[SET_PARTITIONS], &cfg, &err);
    }
    if (!t) {
        hreq_refuse(q, &err);
        return;
    }
    buf_init(&b);
    put_hub(&b, t);
    respond(q, 201, &b);
}
