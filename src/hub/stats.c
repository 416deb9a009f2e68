/* stats.c -- what the status display is told: a copy of the figures, made on the hub loop. */
#include "hub/group.h"
#include "hub/kafka.h"

#define RATE_WEIGHT 0.5 /* of the newest second */

static uint64_t events_in(const struct topic *t)
{
    uint64_t n = 0;
    for (int32_t i = 0; i < t->part_count; i++)
        n += t->parts[i]->log->events;
    return n;
}

void hub_measure(struct hub *h)
{
    size_t at = 0, in;
    struct str key;
    void *ns, *v;
    int64_t now = time_mono_us();
    while (map_next(h->store->namespaces, &at, &key, &ns)) {
        in = 0;
        while (map_next(((struct hub_ns *)ns)->topics, &in, &key, &v)) {
            struct topic *t = v;
            uint64_t n = events_in(t);
            double seconds = (double)(now - t->measured_us) / 1e6;
            if (t->measured_us && seconds > 0)
                t->events_per_s = (1 - RATE_WEIGHT) * t->events_per_s + RATE_WEIGHT * (double)(n - t->measured_events) / seconds;
            t->measured_events = n;
            t->measured_us = now;
        }
    }
}

struct snapshot {
    struct hub *hub;
    struct arena *arena;
    struct hub_stats stats;
    struct hub_topic_stat *topics; size_t topic_cap;
    struct hub_group_stat *groups; size_t group_cap;
    void (*fn)(void *arg, const struct hub_stats *s);
    void *arg;
};

static void add_topic(struct snapshot *s, const struct topic *t)
{
    struct hub_partition_stat *parts = ARENA_ARRAY(s->arena, struct hub_partition_stat, t->part_count);
    struct hub_topic_stat x = {
        .ns = arena_strdup(s->arena, t->ns->name),
        .name = arena_strdup(s->arena, t->name),
        .parts = parts,
        .part_count = t->part_count,
        .internal = t->internal,
        .events_in = events_in(t),
        .events_per_s = t->events_per_s,
    };
    for (int32_t i = 0; i < t->part_count; i++) {
        const struct plog *log = t->parts[i]->log;
        parts[i] = (struct hub_partition_stat){i, log->start_offset, log->high_watermark, plog_size(log)};
        x.bytes_in += log->bytes;
        x.events += log->high_watermark - log->start_offset;
        x.bytes += parts[i].bytes;
    }
    s->topics = arena_grow(s->arena, s->topics, &s->topic_cap, s->stats.topic_count + 1, sizeof x);
    s->topics[s->stats.topic_count++] = x;
}

/* One row for each hub that the group has offsets of. */
static void add_group(struct snapshot *s, const struct hub_ns *ns, const struct group *g)
{
    size_t at = 0, first = s->stats.group_count;
    struct str key;
    void *v;
    while (map_next(g->offsets, &at, &key, &v)) {
        const struct committed *c = v;
        struct topic *t = topic_find((struct hub_ns *)ns, str_z(c->topic));
        struct partition *p = t ? topic_partition(t, c->partition) : NULL;
        if (!p)
            continue;
        size_t i = first;
        while (i < s->stats.group_count && !str_eqz(str_z(c->topic), s->groups[i].topic))
            i++;
        if (i == s->stats.group_count) {
            s->groups = arena_grow(s->arena, s->groups, &s->group_cap, i + 1, sizeof *s->groups);
            s->groups[s->stats.group_count++] = (struct hub_group_stat){
                arena_strdup(s->arena, ns->name), arena_strdup(s->arena, g->name), arena_strdup(s->arena, c->topic),
                group_state_name(g), (int)g->member_count, 0};
        }
        int64_t lag = p->log->high_watermark - (c->offset > 0 ? c->offset : 0);
        s->groups[i].lag += lag > 0 ? lag : 0;
    }
}

static void on_snapshot(void *arg)
{
    struct snapshot *s = arg;
    s->fn(s->arg, &s->stats);
    arena_free(s->arena);
}

static void take(void *arg)
{
    struct snapshot *s = arg;
    struct hub *h = s->hub;
    size_t at = 0, in;
    struct str key;
    void *v, *x;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        struct hub_ns *ns = v;
        in = 0;
        while (map_next(ns->topics, &in, &key, &x))
            add_topic(s, x);
        in = 0;
        while (ns->groups && map_next(ns->groups->by_name, &in, &key, &x))
            add_group(s, ns, x);
    }
    s->stats.topics = s->topics;
    s->stats.groups = s->groups;
    s->stats.connections = h->kafka ? kafka_connections(h->kafka) : 0;
    s->stats.flushes = h->flushes;
    ev_post(h->owner, on_snapshot, s);
}

void hub_stats(struct hub *h, void (*fn)(void *arg, const struct hub_stats *s), void *arg)
{
    struct arena *a = arena_new();
    struct snapshot *s = ARENA_NEW(a, struct snapshot);
    s->hub = h;
    s->arena = a;
    s->fn = fn;
    s->arg = arg;
    ev_post(h->loop, take, s);
}
