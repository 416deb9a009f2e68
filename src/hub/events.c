#include "hub/events.h"

static int append(struct hub *h, struct partition *p, const struct amqp_events *events, const int32_t *where, struct err *err)
{
    struct batch_builder *w = &h->builder;
    int64_t now = time_now_ms(), base;
    struct batch head;
    batch_begin(w);
    for (size_t i = 0; i < events->count; i++)
        if (where[i] == p->index)
            batch_add_as(w, events->attributes[i], now, &events->items[i]);
    struct str bytes = batch_finish(w, -1, -1, -1);
    bool good = batch_read_header(bytes, &head);
    CHECK(good);
    enum kerr k = hub_append(h, p, &head, bytes.ptr, &base);
    if (k == KERR_NONE)
        return 0;
    return err_set(err, k == KERR_MESSAGE_TOO_LARGE ? ERR_LIMIT : ERR_IO, "hub '%s' partition %d: %s", p->topic->name, p->index, kerr_name(k));
}

static void choose(struct topic *t, int32_t partition, const struct amqp_events *events, int32_t *where)
{
    int32_t keyless = -1;
    for (size_t i = 0; i < events->count; i++) {
        struct str key = events->items[i].key;
        if (partition >= 0) {
            where[i] = partition;
        } else if (key.ptr) {
            where[i] = amqp_partition_of_key(key, t->part_count);
        } else {
            if (keyless < 0)
                keyless = (int32_t)(t->next_partition++ % (uint64_t)t->part_count);
            where[i] = keyless;
        }
    }
}

int events_append(struct hub *h, struct arena *a, struct topic *t, int32_t partition, const struct amqp_events *events,
                  struct events_logs *out, struct err *err)
{
    int32_t *where = ARENA_ARRAY(a, int32_t, events->count);
    bool *used = ARENA_ARRAY(a, bool, t->part_count);
    size_t count = 0;
    choose(t, partition, events, where);
    for (size_t i = 0; i < events->count; i++) {
        if (t->cfg.compact && !events->items[i].key.ptr)
            return err_set(err, ERR_INPUT, "hub '%s' is compacted by key: its events need a partition key", t->name);
        count += !used[where[i]];
        used[where[i]] = true;
    }
    *out = (struct events_logs){ARENA_ARRAY(a, struct plog *, count), 0};
    for (int32_t p = 0; p < t->part_count && out->count < count; p++) {
        if (!used[p])
            continue;
        if (append(h, t->parts[p], events, where, err))
            return -1;
        out->items[out->count++] = t->parts[p]->log;
    }
    return 0;
}

int events_of_publisher(struct amqp_events *events, struct str publisher, struct err *err)
{
    for (size_t i = 0; i < events->count; i++) {
        struct str *key = &events->items[i].key;
        if (key->ptr && !str_eq(*key, publisher))
            return err_set(err, ERR_INPUT, "event %zu of publisher '%.*s' has the partition key '%.*s': it is the publisher's name or left out", i,
                           STR_ARGS(publisher), STR_ARGS(*key));
        *key = publisher;
    }
    return 0;
}

bool events_failed(struct plog *const *logs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (logs[i]->offline)
            return true;
    return false;
}
