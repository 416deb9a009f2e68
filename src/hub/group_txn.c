/* group_txn.c -- offsets that were committed in a transaction which has not ended.
 *
 * Per producer id, what it committed last of each group and partition. `unstable` counts, per group and
 * partition, how many producers have something pending there: who asks for stable offsets waits for those. */
#include "hub/group_int.h"
#include <stdio.h>
#include <string.h>

enum { GROUP_NAME_KEY = 1 << 15, KEY_BYTES = GROUP_NAME_KEY + TOPIC_MAX_NAME + 16 };

struct pending { int64_t producer_id; int16_t epoch; struct map *items; };
struct item { char *group, *topic, *metadata; size_t metadata_len; int32_t partition, epoch; int64_t offset; };

static struct str item_key(struct str group, struct str topic, int32_t partition, struct buf *out)
{
    buf_init_max(out, KEY_BYTES);
    buf_printf(out, "%.*s%c%.*s%c%d", STR_ARGS(group), 0, STR_ARGS(topic), 0, partition);
    return buf_view(out);
}

static struct pending *pending_of(const struct groups *gs, int64_t producer_id)
{
    return map_get(gs->pending, str_of((const char *)&producer_id, sizeof producer_id));
}

static void count_unstable(struct groups *gs, struct str key, intptr_t by)
{
    intptr_t n = (intptr_t)map_get(gs->unstable, key) + by;
    CHECK(n >= 0);
    if (n)
        map_put(gs->unstable, key, (void *)n);
    else
        map_remove(gs->unstable, key);
}

static void item_free(struct item *x)
{
    mem_free(x->group);
    mem_free(x->topic);
    mem_free(x->metadata);
    mem_free(x);
}

void group_txn_note(struct groups *gs, int64_t producer_id, int16_t epoch, struct str group, const struct commit_in *in)
{
    struct pending *p = pending_of(gs, producer_id);
    struct buf b;
    if (!p) {
        p = NEW(struct pending);
        *p = (struct pending){producer_id, epoch, map_new()};
        map_put(gs->pending, str_of((const char *)&p->producer_id, sizeof p->producer_id), p);
    }
    p->epoch = epoch;
    struct item *x = NEW(struct item);
    *x = (struct item){str_dup(group), str_dup(in->topic), str_dup(in->metadata.ptr ? in->metadata : STR("")), in->metadata.len, in->partition, in->epoch,
                       in->offset};
    struct str key = item_key(group, in->topic, in->partition, &b);
    struct item *before = map_put(p->items, key, x);
    if (before)
        item_free(before);
    else
        count_unstable(gs, key, 1);
    buf_release(&b);
}

enum kerr group_log_txn_commit(struct groups *gs, int64_t producer_id, int16_t epoch, struct str group, const struct commit_in *items,
                               size_t count)
{
    enum kerr k = offsets_log(gs, group, items, count, BATCH_TRANSACTIONAL, producer_id, epoch);
    for (size_t i = 0; i < count && !k; i++)
        group_txn_note(gs, producer_id, epoch, group, &items[i]);
    return k;
}

void group_txn_end(struct groups *gs, int64_t producer_id, bool commit)
{
    struct pending *p = map_remove(gs->pending, str_of((const char *)&producer_id, sizeof producer_id));
    size_t at = 0;
    struct str key;
    void *v;
    if (!p)
        return;
    while (map_next(p->items, &at, &key, &v)) {
        struct item *x = v;
        struct commit_in in = {str_z(x->topic), str_of(x->metadata, x->metadata_len), x->partition, x->epoch, x->offset};
        struct group *g = commit ? groups_make(gs, str_z(x->group)) : NULL;
        if (g)
            group_set_offset(g, &in, time_now_ms());
        count_unstable(gs, key, -1);
        item_free(x);
    }
    map_free(p->items);
    mem_free(p);
}

bool group_offset_unstable(const struct groups *gs, struct str group, struct str topic, int32_t partition)
{
    struct buf b;
    if (!map_count(gs->unstable))
        return false;
    bool there = map_has(gs->unstable, item_key(group, topic, partition, &b));
    buf_release(&b);
    return there;
}

bool group_txns_settled(const struct groups *gs)
{
    const struct producers *open = gs->log->parts[0]->log->producers;
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(gs->pending, &at, &key, &v)) {
        struct producer_state s;
        if (!producers_get(open, ((struct pending *)v)->producer_id, &s) || s.txn_first < 0)
            return false;
    }
    return true;
}

enum kerr group_txns_write(struct groups *gs)
{
    size_t at = 0, in;
    struct str key;
    void *v, *x;
    enum kerr k = KERR_NONE;
    while (!k && map_next(gs->pending, &at, &key, &v)) {
        const struct pending *p = v;
        struct offsets_writer w;
        int64_t base;
        in = 0;
        offsets_writer_init(&w);
        while (map_next(p->items, &in, &key, &x)) {
            const struct item *i = x;
            struct commit_in c = {str_z(i->topic), str_of(i->metadata, i->metadata_len), i->partition, i->epoch, i->offset};
            offsets_writer_add(&w, str_z(i->group), &c, time_now_ms());
        }
        if (w.batch.count)
            k = offsets_writer_end(gs, &w, BATCH_TRANSACTIONAL, p->producer_id, p->epoch, &base);
        offsets_writer_release(&w);
    }
    return k;
}

static void forget_items(struct groups *gs, struct pending *p, struct str topic)
{
    struct map *kept = map_new();
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(p->items, &at, &key, &v)) {
        struct item *x = v;
        if (!str_eqz(topic, x->topic)) {
            map_put(kept, key, x);
            continue;
        }
        count_unstable(gs, key, -1);
        item_free(x);
    }
    map_free(p->items);
    p->items = kept;
}

void group_txns_forget_topic(struct groups *gs, struct str topic)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(gs->pending, &at, &key, &v))
        forget_items(gs, v, topic);
}

void group_txns_free(struct groups *gs)
{
    size_t at = 0, in;
    struct str key;
    void *v, *x;
    while (map_next(gs->pending, &at, &key, &v)) {
        in = 0;
        while (map_next(((struct pending *)v)->items, &in, &key, &x))
            item_free(x);
        map_free(((struct pending *)v)->items);
        mem_free(v);
    }
    map_free(gs->pending);
    map_free(gs->unstable);
}
