/* https_atom.c -- what there is, as Atom: entries whose content is a description in Service Bus' namespace. */
#include "hub/https_int.h"
#include <stdio.h>
#include <string.h>

#define ATOM "http://www.w3.org/2005/Atom"
#define SB "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
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
               t->cfg.retention_ms < 0 ? (intmax_t)-1 : (intmax_t)(t->cfg.retention_ms / 86400000), t->part_count);
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

void https_get_hub(struct http_req *r)
{
    struct topic *t = NULL;
    struct hreq *q = begin(r, &t);
    struct buf b;
    if (!q)
        return;
    buf_init(&b);
    put_hub(&b, t);
    respond(q, 200, &b);
}

void https_get_groups(struct http_req *r)
{
    struct topic *t = NULL;
    struct hreq *q = begin(r, &t);
    struct buf b;
    if (!q)
        return;
    buf_init(&b);
    buf_z(&b, "<feed xmlns=\"" ATOM "\"><title type=\"text\">ConsumerGroups</title>");
    put_group(&b, t, STR("$Default"));
    buf_z(&b, "</feed>");
    respond(q, 200, &b);
}

void https_get_group(struct http_req *r)
{
    struct topic *t = NULL;
    struct hreq *q = begin(r, &t);
    struct buf b;
    if (!q)
        return;
    buf_init(&b);
    put_group(&b, t, http_req_param(r, "group"));
    respond(q, 200, &b);
}

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

/* The number in <PartitionCount>…</PartitionCount>; 0: the default. */
static int read_count(struct str body, int64_t *out, struct err *err)
{
    int64_t at = str_find(body, STR("<PartitionCount>"));
    *out = 0;
    if (at < 0)
        return 0;
    struct str text = str_from(body, (size_t)at + sizeof "<PartitionCount>" - 1);
    int64_t end = str_chr(text, '<');
    if (end < 0 || !str_i64(str_trim(str_sub(text, 0, (size_t)end)), out) || *out < 1 || *out > TOPIC_MAX_PARTITIONS)
        return err_set(err, ERR_INPUT, "PartitionCount is a number from 1 to %d", TOPIC_MAX_PARTITIONS);
    return 0;
}

void https_put_hub(struct http_req *r)
{
    struct hreq *q = hreq_begin(r, SAS_MANAGE);
    struct err err;
    struct buf b;
    int64_t count;
    if (!q)
        return;
    if (topic_find(q->ns, q->hub_name)) {
        err_set(&err, ERR_EXISTS, "there is a hub '%.*s' already", STR_ARGS(q->hub_name));
        hreq_refuse(q, &err);
        return;
    }
    struct topic *t = read_count(r->body, &count, &err) ? NULL : topic_create(q->ns, q->hub_name, (int32_t)count, NULL, &err);
    if (!t) {
        hreq_refuse(q, &err);
        return;
    }
    buf_init(&b);
    put_hub(&b, t);
    respond(q, 201, &b);
}
