/* group_offsets.c -- the groups of a namespace, and their offsets in the log. */
#include "hub/group_int.h"
#include <stdio.h>
#include <string.h>

enum { KEY_VERSION = 1, VALUE_VERSION = 3, ALIVE_BYTES = 128, COMPACT_FACTOR = 8, SNAPSHOT_RECORDS = 1000 };

struct group *group_find(struct groups *g, struct str name)
{
    return map_get(g->by_name, name);
}

struct group *groups_make(struct groups *gs, struct str name)
{
    struct group *g = group_find(gs, name);
    if (g || map_count(gs->by_name) >= GROUPS_MAX)
        return g;
    g = NEW(struct group);
    g->groups = gs;
    g->name = str_dup(name);
    g->offsets = map_new();
    g->pending = map_new();
    map_put(gs->by_name, name, g);
    return g;
}

/* ------------------------------------------------------------------ what is committed */

static struct str offset_key(struct str topic, int32_t partition, char out[TOPIC_MAX_NAME + 16])
{
    int n = snprintf(out, TOPIC_MAX_NAME + 16, "%.*s%c%d", STR_ARGS(str_sub(topic, 0, TOPIC_MAX_NAME)), 0, partition);
    return str_of(out, (size_t)n);
}

const struct committed *group_offset(const struct group *g, struct str topic, int32_t partition)
{
    char key[TOPIC_MAX_NAME + 16];
    return map_get(g->offsets, offset_key(topic, partition, key));
}

static void forget(struct group *g, struct str topic, int32_t partition)
{
    char key[TOPIC_MAX_NAME + 16];
    struct committed *c = map_remove(g->offsets, offset_key(topic, partition, key));
    if (!c)
        return;
    g->groups->live--;
    mem_free(c->metadata);
    mem_free(c->topic);
    mem_free(c);
}

void group_set_offset(struct group *g, const struct commit_in *in, int64_t now_ms)
{
    char key[TOPIC_MAX_NAME + 16];
    struct str k = offset_key(in->topic, in->partition, key);
    struct committed *c = map_get(g->offsets, k);
    if (!c) {
        c = NEW(struct committed);
        c->topic = str_dup(in->topic);
        c->partition = in->partition;
        map_put(g->offsets, k, c);
        g->groups->live++;
    }
    mem_free(c->metadata);
    c->metadata = str_dup(in->metadata.ptr ? in->metadata : STR(""));
    c->metadata_len = in->metadata.len;
    c->offset = in->offset;
    c->epoch = in->epoch;
    c->time_ms = now_ms;
}

void group_apply(struct groups *gs, struct str name, const struct commit_in *items, size_t count)
{
    struct group *g = groups_make(gs, name);
    for (size_t i = 0; g && i < count; i++)
        group_set_offset(g, &items[i], time_now_ms());
}

enum kerr group_may_commit(struct groups *gs, struct str name, int32_t generation, struct str member_id, struct str instance)
{
    struct group *g = group_find(gs, name);
    if (!name.len)
        return KERR_INVALID_GROUP_ID;
    if (generation < 0 && !member_id.len)
        return !g || g->state == GROUP_EMPTY ? KERR_NONE : KERR_UNKNOWN_MEMBER_ID;
    if (!g || g->state == GROUP_EMPTY)
        return g && !member_id.len ? KERR_NONE : g ? KERR_UNKNOWN_MEMBER_ID : KERR_ILLEGAL_GENERATION;
    if (g->state == GROUP_COMPLETING && generation == g->generation)
        return KERR_REBALANCE_IN_PROGRESS;
    enum kerr k = group_heartbeat(gs, name, generation, member_id, instance);
    return k == KERR_REBALANCE_IN_PROGRESS ? KERR_NONE : k;
}

/* ------------------------------------------------------------------ the log */

static void put_key(struct kout *o, struct str group, struct str topic, int32_t partition)
{
    kout_i16(o, KEY_VERSION);
    kout_str(o, group);
    kout_str(o, topic);
    kout_i32(o, partition);
}

void offsets_writer_init(struct offsets_writer *w)
{
    *w = (struct offsets_writer){0};
    batch_builder_init(&w->batch);
    buf_init(&w->key.b);
    buf_init(&w->value.b);
    batch_begin(&w->batch);
}

void offsets_writer_release(struct offsets_writer *w)
{
    batch_builder_release(&w->batch);
    buf_release(&w->key.b);
    buf_release(&w->value.b);
}

void offsets_writer_add(struct offsets_writer *w, struct str group, const struct commit_in *c, int64_t now_ms)
{
    buf_clear(&w->key.b);
    buf_clear(&w->value.b);
    put_key(&w->key, group, c->topic, c->partition);
    if (c->offset != OFFSET_LATEST) {
        kout_i16(&w->value, VALUE_VERSION);
        kout_i64(&w->value, c->offset);
        kout_i32(&w->value, c->epoch);
        kout_str(&w->value, c->metadata);
        kout_i64(&w->value, now_ms);
    }
    batch_add(&w->batch, now_ms, buf_view(&w->key.b), c->offset != OFFSET_LATEST ? buf_view(&w->value.b) : STR_NONE, NULL, 0);
}

enum kerr offsets_writer_end(struct groups *gs, struct offsets_writer *w, int16_t attributes, int64_t producer_id, int16_t epoch, int64_t *base)
{
    struct batch b;
    struct str bytes = batch_finish_as(&w->batch, attributes, producer_id, epoch, -1);
    bool good = batch_read_header(bytes, &b);
    CHECK(good);
    return hub_append(gs->hub, gs->log->parts[0], &b, bytes.ptr, base);
}

/* Everything alive is written again; when it is durable what lies before it goes. */
struct compaction { struct groups *groups; int64_t from; struct hub_wait wait; };

static void compacted(void *arg)
{
    struct compaction *c = arg;
    struct plog *log = c->groups->log->parts[0]->log;
    struct err err;
    if (!log->offline && plog_delete_before(log, c->from, &err))
        log_err(LOG_WARN, "hub", &err);
    c->groups->compacting = false;
    mem_free(c);
}

static enum kerr write_alive(struct groups *gs, int64_t *first)
{
    struct offsets_writer w;
    size_t at = 0, in;
    struct str name, key;
    void *g, *v;
    int64_t base = -1;
    enum kerr k = KERR_NONE;
    *first = -1;
    offsets_writer_init(&w);
    while (k == KERR_NONE && map_next(gs->by_name, &at, &name, &g)) {
        in = 0;
        while (k == KERR_NONE && map_next(((struct group *)g)->offsets, &in, &key, &v)) {
            const struct committed *c = v;
            struct commit_in item = {str_z(c->topic), str_of(c->metadata, c->metadata_len), c->partition, c->epoch, c->offset};
            offsets_writer_add(&w, name, &item, c->time_ms);
            if (w.batch.count < SNAPSHOT_RECORDS)
                continue;
            k = offsets_writer_end(gs, &w, 0, -1, -1, &base);
            *first = *first < 0 ? base : *first;
            batch_begin(&w.batch);
        }
    }
    if (k == KERR_NONE && w.batch.count)
        k = offsets_writer_end(gs, &w, 0, -1, -1, &base);
    *first = *first < 0 ? base : *first;
    offsets_writer_release(&w);
    return k ? k : group_txns_write(gs);
}

static void maybe_compact(struct groups *gs)
{
    struct plog *log = gs->log->parts[0]->log;
    int64_t size = plog_size(log);
    if (gs->compacting || size < GROUP_COMPACT_BYTES || size < (int64_t)gs->live * ALIVE_BYTES * COMPACT_FACTOR || !gs->live ||
        !group_txns_settled(gs))
        return;
    struct compaction *c = NEW(struct compaction);
    *c = (struct compaction){.groups = gs, .wait = {.done = compacted, .arg = c}};
    gs->compacting = true;
    log->roll_next = true;
    if (write_alive(gs, &c->from) != KERR_NONE || c->from < 0) {
        gs->compacting = false;
        mem_free(c);
        return;
    }
    hub_wait_durable(gs->hub, &c->wait);
}

enum kerr offsets_log(struct groups *gs, struct str group, const struct commit_in *items, size_t count, int16_t attributes, int64_t producer_id,
                      int16_t epoch)
{
    struct offsets_writer w;
    int64_t base;
    if (!count)
        return KERR_NONE;
    if (!group_find(gs, group) && map_count(gs->by_name) >= GROUPS_MAX)
        return KERR_GROUP_MAX_SIZE_REACHED;
    maybe_compact(gs);
    offsets_writer_init(&w);
    for (size_t i = 0; i < count; i++)
        offsets_writer_add(&w, group, &items[i], time_now_ms());
    enum kerr k = offsets_writer_end(gs, &w, attributes, producer_id, epoch, &base);
    offsets_writer_release(&w);
    return k;
}

enum kerr group_log_commit(struct groups *gs, struct str group, const struct commit_in *items, size_t count)
{
    return offsets_log(gs, group, items, count, 0, -1, -1);
}

static void forget_topic(struct groups *gs, struct group *g, struct str topic)
{
    struct commit_in *gone = mem_alloc((map_count(g->offsets) + 1) * sizeof *gone);
    size_t at = 0, n = 0;
    struct str key;
    void *v;
    while (map_next(g->offsets, &at, &key, &v)) {
        const struct committed *c = v;
        if (str_eqz(topic, c->topic))
            gone[n++] = (struct commit_in){.topic = topic, .partition = c->partition, .offset = -1};
    }
    if (group_log_commit(gs, str_z(g->name), gone, n) == KERR_NONE)
        for (size_t i = 0; i < n; i++)
            forget(g, topic, gone[i].partition);
    mem_free(gone);
}

enum kerr group_forget_offset(struct groups *gs, struct str name, struct str topic, int32_t partition)
{
    struct group *g = group_find(gs, name);
    struct commit_in gone = {.topic = topic, .partition = partition, .offset = OFFSET_LATEST};
    if (!g || !group_offset(g, topic, partition))
        return KERR_NONE;
    enum kerr k = group_log_commit(gs, name, &gone, 1);
    if (k == KERR_NONE)
        forget(g, topic, partition);
    return k;
}

void groups_forget_topic(struct groups *gs, struct str topic)
{
    group_txns_forget_topic(gs, topic);
    size_t at = 0;
    struct str key;
    void *g;
    while (map_next(gs->by_name, &at, &key, &g))
        forget_topic(gs, g, topic);
}

enum kerr group_delete(struct groups *gs, struct str name)
{
    struct group *g = group_find(gs, name);
    struct str key;
    void *v;
    if (!g)
        return KERR_GROUP_ID_NOT_FOUND;
    if (g->state != GROUP_EMPTY)
        return KERR_NON_EMPTY_GROUP;
    size_t at = 0, n = 0;
    struct commit_in *gone = mem_alloc((map_count(g->offsets) + 1) * sizeof *gone);
    while (map_next(g->offsets, &at, &key, &v)) {
        const struct committed *c = v;
        gone[n++] = (struct commit_in){.topic = str_z(c->topic), .partition = c->partition, .offset = -1};
    }
    enum kerr k = group_log_commit(gs, name, gone, n);
    mem_free(gone);
    if (k == KERR_NONE) {
        gs->live -= n;
        map_remove(gs->by_name, name);
        group_free(g);
    }
    return k;
}

/* ------------------------------------------------------------------ replay */

static void replay_record(struct groups *gs, const struct batch *b, const struct record *rec)
{
    struct kin k = kin_of(rec->key), v = kin_of(rec->value);
    if (!rec->key.ptr || kin_i16(&k) != KEY_VERSION)
        return;
    struct str group = kin_str(&k);
    struct commit_in c = {.topic = kin_str(&k), .partition = kin_i32(&k)};
    if (k.bad)
        return;
    bool in_txn = b->attributes & BATCH_TRANSACTIONAL;
    struct group *g = in_txn ? NULL : groups_make(gs, group);
    if (!g && !in_txn)
        return;
    if (!rec->value.ptr) {
        if (in_txn)
            return; /* nothing writes that */
        forget(g, c.topic, c.partition);
        if (!map_count(g->offsets)) {
            map_remove(gs->by_name, group);
            group_free(g);
        }
        return;
    }
    if (kin_i16(&v) != VALUE_VERSION)
        return;
    c.offset = kin_i64(&v);
    c.epoch = kin_i32(&v);
    c.metadata = kin_str(&v);
    int64_t time_ms = kin_i64(&v);
    if (!v.bad && in_txn)
        group_txn_note(gs, b->producer_id, b->producer_epoch, group, &c);
    else if (!v.bad)
        group_set_offset(g, &c, time_ms);
}

static int on_record(void *ctx, const struct batch *b, const struct record *rec, struct err *err)
{
    (void)err;
    replay_record(ctx, b, rec);
    return 0;
}

static void on_marker(void *ctx, const struct batch *b, struct str bytes)
{
    int32_t coordinator;
    group_txn_end(ctx, b->producer_id, batch_marker_of(b, bytes.ptr, &coordinator) == MARKER_COMMIT);
}

static int replay(struct groups *gs, struct err *err)
{
    static const struct plog_visitor visitor = {on_record, on_marker};
    return plog_replay(gs->log->parts[0]->log, &visitor, gs, err);
}

/* An offset was given out once it is committed: the log never goes behind it. What a log can have lost is in its last
 * segment; an offset farther on was never a record's, whatever a client may commit. */
static void raise_logs(struct groups *gs)
{
    size_t at = 0, in;
    struct str key;
    void *g, *v;
    while (map_next(gs->by_name, &at, &key, &g)) {
        in = 0;
        while (map_next(((struct group *)g)->offsets, &in, &key, &v)) {
            const struct committed *c = v;
            struct topic *t = topic_find(gs->ns, str_z(c->topic));
            struct partition *p = t ? topic_partition(t, c->partition) : NULL;
            if (p && c->offset - p->log->next_offset <= t->cfg.segment_bytes)
                plog_skip_to(p->log, c->offset);
        }
    }
}

struct groups *groups_of(struct hub *h, struct hub_ns *ns, struct err *err)
{
    if (ns->groups)
        return ns->groups;
    struct topic *log = topic_find(ns, STR(OFFSETS_TOPIC));
    struct plog_config cfg = topic_default_config(ns->store);
    cfg.retention_ms = cfg.retention_bytes = -1;
    if (!log && !(log = topic_create(ns, STR(OFFSETS_TOPIC), 1, &cfg, err)))
        return NULL;
    struct groups *gs = NEW(struct groups);
    *gs = (struct groups){.hub = h, .ns = ns, .by_name = map_new(), .log = log, .pending = map_new(), .unstable = map_new()};
    ns->groups = gs;
    return replay(gs, err) ? NULL : gs;
}

int groups_open_all(struct hub *h, struct err *err)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        struct hub_ns *ns = v;
        if (!topic_find(ns, STR(OFFSETS_TOPIC)))
            continue;
        if (!groups_of(h, ns, err))
            return err_wrap(err, "offsets of namespace '%s'", ns->name);
        raise_logs(ns->groups);
    }
    return 0;
}

void groups_close_all(struct hub *h)
{
    size_t at = 0, in;
    struct str key;
    void *v, *g;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        struct groups *gs = ((struct hub_ns *)v)->groups;
        if (!gs)
            continue;
        in = 0;
        while (map_next(gs->by_name, &in, &key, &g))
            group_free(g);
        map_free(gs->by_name);
        group_txns_free(gs);
        mem_free(gs);
        ((struct hub_ns *)v)->groups = NULL;
    }
}
