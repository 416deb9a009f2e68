/* local.c -- producing and making hubs from within the process.
 *
 * A call copies what it needs, is posted to the hub loop, and is answered by a post to the owner's.
 * A batch becomes one record batch a partition. A named producer's batches carry its number
 * (producers.h), so what a crash left half done is completed by sending it again: partitions that
 * have it answer that they do. */
#include "hub/hub_int.h"
#include "hub/outside.h"
#include <string.h>

enum { EVENT_OVERHEAD = 40, HEADER_OVERHEAD = 12 };

struct call {
    struct hub *hub;
    struct arena *arena;
    struct event_batch batch;        /* copied */
    const char *ns, *name;           /* of hub_create */
    struct hub_spec spec;
    hub_done_fn done;
    void *arg;
    bool failed;
    struct err err;
    struct topic *topic;
    struct hub_wait wait;
};

static struct call *call_new(struct hub *h, hub_done_fn done, void *arg)
{
    struct arena *a = arena_new();
    struct call *c = ARENA_NEW(a, struct call);
    c->hub = h;
    c->arena = a;
    c->done = done;
    c->arg = arg;
    return c;
}

static void on_answer(void *arg)
{
    struct call *c = arg;
    if (c->done)
        c->done(c->arg, c->failed ? &c->err : NULL);
    arena_free(c->arena);
}

static void answer(struct call *c, int rc)
{
    c->failed = rc != 0;
    ev_post(c->hub->owner, on_answer, c);
}

/* ------------------------------------------------------------------ produce */

static void copy_events(struct arena *a, struct event_batch *b)
{
    struct event *to = ARENA_ARRAY(a, struct event, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct event *from = &b->events[i];
        struct event_header *headers = ARENA_ARRAY(a, struct event_header, from->header_count);
        to[i] = *from;
        to[i].headers = headers;
        to[i].key = from->key.ptr ? str_copy(a, from->key) : from->key;
        to[i].body = from->body.ptr ? str_copy(a, from->body) : from->body;
        for (size_t j = 0; j < from->header_count; j++) {
            headers[j].key = str_copy(a, from->headers[j].key);
            headers[j].value = from->headers[j].value.ptr ? str_copy(a, from->headers[j].value) : STR_NONE;
        }
    }
    b->events = to;
}

void hub_copy_batch(struct arena *a, const struct event_batch *from, struct event_batch *to)
{
    *to = *from;
    to->ns = from->ns ? arena_strdup(a, from->ns) : NULL;
    to->hub = arena_strdup(a, from->hub);
    to->producer = from->producer ? arena_strdup(a, from->producer) : NULL;
    copy_events(a, to);
}

static int check_sizes(const struct event_batch *b, int64_t max, struct err *err)
{
    int64_t total = BATCH_HEADER;
    for (size_t i = 0; i < b->count; i++) {
        const struct event *e = &b->events[i];
        int64_t size = EVENT_OVERHEAD + (int64_t)e->key.len + (int64_t)e->body.len;
        for (size_t j = 0; j < e->header_count; j++)
            size += HEADER_OVERHEAD + (int64_t)e->headers[j].key.len + (int64_t)e->headers[j].value.len;
        if (size > HUB_MAX_EVENT_BYTES + EVENT_OVERHEAD || e->header_count > BATCH_MAX_HEADERS)
            return err_set(err, ERR_LIMIT, "event %zu for hub '%s' is larger than %d bytes", i, b->hub, HUB_MAX_EVENT_BYTES);
        total += size;
    }
    if (total > max)
        return err_set(err, ERR_LIMIT, "a batch of %jd bytes for hub '%s' is larger than %jd", (intmax_t)total, b->hub,
                       (intmax_t)max);
    return 0;
}

/* Events without a key go together: a repeat of the batch must choose the same partition. */
static int32_t keyless_partition(struct topic *t, const struct event_batch *b)
{
    uint64_t n = b->producer ? (uint64_t)producer_named_id(str_z(b->producer)) + (uint64_t)b->number : t->next_partition++;
    return (int32_t)(n % (uint64_t)t->part_count);
}

static int append_part(struct hub *h, struct partition *p, const struct event_batch *b, const int32_t *where, struct err *err)
{
    struct batch_builder *w = &h->builder;
    int64_t now = time_now_ms(), base;
    struct batch head;
    batch_begin(w);
    for (size_t i = 0; i < b->count; i++) {
        const struct event *e = &b->events[i];
        if (where[i] == p->index)
            batch_add(w, e->timestamp_ms ? e->timestamp_ms : now, e->key, e->body, e->headers, e->header_count);
    }
    int64_t id = b->producer ? producer_named_id(str_z(b->producer)) : -1;
    struct str bytes = batch_finish(w, id, b->producer ? producer_number_epoch(b->number) : -1,
                                    b->producer ? producer_number_sequence(b->number) : -1);
    bool good = batch_read_header(bytes, &head);
    CHECK(good);
    enum kerr k = hub_append(h, p, &head, bytes.ptr, &base);
    if (k == KERR_NONE || k == KERR_DUPLICATE_SEQUENCE_NUMBER)
        return 0;
    err->retriable = false;
    return err_set(err, ERR_IO, "hub '%s' partition %d: %s", b->hub, p->index, kerr_name(k));
}

static int append_all(struct call *c, struct err *err)
{
    const struct event_batch *b = &c->batch;
    struct hub_ns *ns = hub_namespace(c->hub, b->ns, err);
    struct topic *t = ns ? hub_topic(c->hub, ns, str_z(b->hub), true, err) : NULL;
    if (!t || check_sizes(b, t->cfg.max_batch_bytes, err))
        return -1;
    c->topic = t;
    int32_t keyless = keyless_partition(t, b), *where = ARENA_ARRAY(c->arena, int32_t, b->count);
    size_t *counts = ARENA_ARRAY(c->arena, size_t, t->part_count);
    for (size_t i = 0; i < b->count; i++) {
        if (t->cfg.compact && !b->events[i].key.ptr)
            return err_set(err, ERR_INPUT, "hub '%s' is compacted by key: event %zu has none", t->name, i);
        where[i] = b->events[i].key.ptr ? hub_partition_of_key(b->events[i].key, t->part_count) : keyless;
        counts[where[i]]++;
    }
    for (int32_t p = 0; p < t->part_count; p++)
        if (counts[p] && append_part(c->hub, t->parts[p], b, where, err))
            return -1;
    return 0;
}

static void on_durable(void *arg)
{
    struct call *c = arg;
    for (int32_t i = 0; c->topic && i < c->topic->part_count; i++)
        if (c->topic->parts[i]->log->offline) {
            answer(c, err_set(&c->err, ERR_IO, "hub '%s' takes no more writes", c->batch.hub));
            return;
        }
    answer(c, 0);
}

static void on_produce(void *arg)
{
    struct call *c = arg;
    if (append_all(c, &c->err)) {
        answer(c, -1);
        return;
    }
    c->wait = (struct hub_wait){.done = on_durable, .arg = c};
    hub_wait_durable(c->hub, &c->wait);
}

void hub_produce(struct hub *h, const struct event_batch *batch, hub_done_fn done, void *arg)
{
    struct outside *x = hub_outside(h, batch->ns);
    if (x) {
        outside_produce(x, batch, done, arg);
        return;
    }
    struct call *c = call_new(h, done, arg);
    CHECK(!batch->producer || (batch->number >= 0 && batch->number <= PRODUCER_MAX_NUMBER));
    hub_copy_batch(c->arena, batch, &c->batch);
    ev_post(h->loop, on_produce, c);
}

/* ------------------------------------------------------------------ hubs */

static int create(struct call *c, struct err *err)
{
    struct hub_ns *ns = hub_namespace(c->hub, c->ns, err);
    struct topic *t = ns ? topic_find(ns, str_z(c->name)) : NULL;
    if (!ns)
        return -1;
    struct plog_config cfg = t ? t->cfg : topic_default_config(c->hub->store);
    if (c->spec.retention_ms)
        cfg.retention_ms = c->spec.retention_ms;
    if (c->spec.durability)
        cfg.page_cache = c->spec.durability == HUB_DURABILITY_PAGE_CACHE;
    if (!t)
        return topic_create(ns, str_z(c->name), c->spec.partitions, &cfg, err) ? 0 : -1;
    if (c->spec.partitions > t->part_count && topic_add_partitions(t, c->spec.partitions, err))
        return -1;
    if (t->cfg.retention_ms == cfg.retention_ms && t->cfg.page_cache == cfg.page_cache)
        return 0;
    t->cfg = cfg;
    return topic_save(t, err);
}

static void on_create(void *arg)
{
    struct call *c = arg;
    answer(c, create(c, &c->err));
}

void hub_create(struct hub *h, const char *ns, const char *name, const struct hub_spec *spec, hub_done_fn done, void *arg)
{
    struct outside *x = hub_outside(h, ns);
    if (x) {
        outside_create(x, name, spec->partitions, done, arg);
        return;
    }
    struct call *c = call_new(h, done, arg);
    c->ns = ns ? arena_strdup(c->arena, ns) : NULL;
    c->name = arena_strdup(c->arena, name);
    c->spec = *spec;
    ev_post(h->loop, on_create, c);
}
