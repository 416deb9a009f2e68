/* https_metrics.c -- GET /metrics: what the hub holds and does, as OpenMetrics text; of the namespaces that
 * who asks may manage. */
#include "hub/amqp.h"
#include "hub/group.h"
#include "hub/https_int.h"
#include "hub/kafka.h"

#define TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Names of hubs, groups and namespaces need their quotes, backslashes and line feeds escaped. */
static void put_label(struct buf *b, const char *name, const char *value, char before)
{
    buf_printf(b, "%c%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_char(b, '\\');
        if (*value == '\n')
            buf_z(b, "\\n");
        else
            buf_char(b, *value);
    }
    buf_char(b, '"');
}

enum { COUNTER, GAUGE };
struct metric {
    const char *name, *help;
    int type;
    int64_t (*of)(const struct plog *log);
};

static int64_t events_of(const struct plog *log) { return (int64_t)log->events; }
static int64_t bytes_of(const struct plog *log) { return (int64_t)log->bytes; }
static int64_t start_of(const struct plog *log) { return log->start_offset; }
static int64_t end_of(const struct plog *log) { return log->high_watermark; }
static int64_t offline_of(const struct plog *log) { return log->offline; }

static const struct metric PARTITION_METRICS[] = {
    {"hub_events", "events appended since start", COUNTER, events_of},
    {"hub_appended_bytes", "bytes appended since start", COUNTER, bytes_of},
    {"hub_log_bytes", "bytes the log holds", GAUGE, plog_size},
    {"hub_start_offset", "first offset that is there", GAUGE, start_of},
    {"hub_end_offset", "offset after the last durable event", GAUGE, end_of},
    {"hub_offline", "1: the log takes no more, its disk failed", GAUGE, offline_of},
};

static void put_head(struct buf *b, const char *name, const char *help, int type)
{
    buf_printf(b, "# TYPE %s %s\n# HELP %s %s\n", name, type == COUNTER ? "counter" : "gauge", name, help);
}

static void put_partitions(struct buf *b, const struct metric *m, const struct topic *t)
{
    for (int32_t i = 0; i < t->part_count; i++) {
        buf_printf(b, "%s%s", m->name, m->type == COUNTER ? "_total" : "");
        put_label(b, "namespace", t->ns->name, '{');
        put_label(b, "hub", t->name, ',');
        buf_printf(b, ",partition=\"%d\"} %jd\n", i, (intmax_t)m->of(t->parts[i]->log));
    }
}

static void put_lags(struct buf *b, const struct hub_ns *ns)
{
    size_t at = 0, in;
    struct str key;
    void *g, *c;
    while (ns->groups && map_next(ns->groups->by_name, &at, &key, &g)) {
        in = 0;
        while (map_next(((struct group *)g)->offsets, &in, &key, &c)) {
            const struct committed *o = c;
            struct topic *t = topic_find((struct hub_ns *)ns, str_z(o->topic));
            struct partition *p = t ? topic_partition(t, o->partition) : NULL;
            if (!p)
                continue;
            buf_z(b, "hub_group_lag");
            put_label(b, "namespace", ns->name, '{');
            put_label(b, "group", ((struct group *)g)->name, ',');
            put_label(b, "hub", o->topic, ',');
            buf_printf(b, ",partition=\"%d\"} %jd\n", o->partition, (intmax_t)(p->log->high_watermark - o->offset));
        }
    }
}

/* The next namespace that may be seen, NULL at the end. */
static struct hub_ns *next_namespace(const struct hreq *q, size_t *at)
{
    struct str key;
    void *ns;
    while (map_next(q->https->hub->store->namespaces, at, &key, &ns))
        if (sas_allows(&q->claim, SAS_MANAGE, ((struct hub_ns *)ns)->name, STR_NONE))
            return ns;
    return NULL;
}

static void put_all(struct buf *b, const struct hreq *q)
{
    const struct hub *h = q->https->hub;
    struct hub_ns *ns;
    size_t at, in;
    struct str key;
    void *t;
    for (size_t i = 0; i < COUNT_OF(PARTITION_METRICS); i++) {
        put_head(b, PARTITION_METRICS[i].name, PARTITION_METRICS[i].help, PARTITION_METRICS[i].type);
        at = 0;
        while ((ns = next_namespace(q, &at))) {
            in = 0;
            while (map_next(ns->topics, &in, &key, &t))
                if (!((struct topic *)t)->internal)
                    put_partitions(b, &PARTITION_METRICS[i], t);
        }
    }
    put_head(b, "hub_group_lag", "events between a group's committed offset and the end", GAUGE);
    at = 0;
    while ((ns = next_namespace(q, &at)))
        put_lags(b, ns);
    put_head(b, "hub_connections", "open connections", GAUGE);
    buf_printf(b, "hub_connections{protocol=\"kafka\"} %d\nhub_connections{protocol=\"amqp\"} %d\n", h->kafka ? kafka_connections(h->kafka) : 0,
               h->amqp ? amqp_connections(h->amqp) : 0);
    put_head(b, "hub_flushes", "group writes to the disk since start", COUNTER);
    buf_printf(b, "hub_flushes_total %ju\n# EOF\n", (uintmax_t)h->flushes);
}

void https_get_metrics(struct http_req *r)
{
    struct hreq *q = hreq_begin(r, SAS_MANAGE);
    struct buf b;
    if (!q)
        return;
    buf_init(&b);
    put_all(&b, q);
    q->https->open--;
    http_respond_buf(r, 200, TYPE, &b);
}
