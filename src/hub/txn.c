#include "hub/txn_int.h"
#include "hub/group.h"
#include <stdio.h>
#include <string.h>

enum { COORDINATOR_EPOCH = 0, PART_KEY = TOPIC_MAX_NAME + 16 };

const char *txn_state_name(enum txn_state s)
{
    static const char *const names[TXN_STATE_COUNT] = {"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};
    return names[s];
}

enum kerr txns_error(const struct txns *x)
{
    return x->log->parts[0]->log->offline ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE;
}

/* ------------------------------------------------------------------ ids and their partitions */

struct txn *txn_find(const struct txns *x, struct str id)
{
    return map_get(x->by_id, id);
}

static struct str producer_key(const int64_t *id)
{
    return str_of((const char *)id, sizeof *id);
}

void txn_set_producer(struct txn *t, int64_t producer_id)
{
    if (map_get(t->txns->by_producer, producer_key(&t->producer_id)) == t)
        map_remove(t->txns->by_producer, producer_key(&t->producer_id));
    t->producer_id = producer_id;
    map_put(t->txns->by_producer, producer_key(&producer_id), t);
}

struct txn *txn_make(struct txns *x, struct str id)
{
    struct txn *t = txn_find(x, id);
    if (t || map_count(x->by_id) >= TXNS_MAX)
        return t;
    t = NEW(struct txn);
    *t = (struct txn){.txns = x, .id = str_dup(id), .producer_id = -1, .epoch = -1, .last_epoch = -1, .start_ms = -1, .parts = map_new()};
    map_put(x->by_id, id, t);
    return t;
}

static struct str part_key(struct str topic, int32_t partition, char out[PART_KEY])
{
    int n = snprintf(out, PART_KEY, "%.*s%c%d", STR_ARGS(str_sub(topic, 0, TOPIC_MAX_NAME)), 0, partition);
    return str_of(out, (size_t)n);
}

bool txn_has_part(const struct txn *t, struct str topic, int32_t partition)
{
    char key[PART_KEY];
    return map_has(t->parts, part_key(topic, partition, key));
}

void txn_part_put(struct txn *t, struct str topic, int32_t partition)
{
    char key[PART_KEY];
    if (txn_has_part(t, topic, partition))
        return;
    struct txn_part *p = NEW(struct txn_part);
    *p = (struct txn_part){str_dup(topic), partition};
    map_put(t->parts, part_key(topic, partition, key), p);
}

void txn_parts_clear(struct txn *t)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(t->parts, &at, &key, &v)) {
        mem_free(((struct txn_part *)v)->topic);
        mem_free(v);
    }
    map_free(t->parts);
    t->parts = map_new();
}

void txn_free(struct txn *t)
{
    txn_parts_clear(t);
    map_free(t->parts);
    mem_free(t->id);
    mem_free(t);
}

/* ------------------------------------------------------------------ who holds an id */

static bool decided(const struct txn *t)
{
    return t->state == TXN_PREPARE_COMMIT || t->state == TXN_PREPARE_ABORT;
}

static enum kerr holds(const struct txns *x, struct str id, struct txn_producer p, struct txn **out)
{
    struct txn *t = txn_find(x, id);
    *out = t;
    if (!id.len)
        return KERR_INVALID_REQUEST;
    if (!t || t->producer_id != p.id)
        return KERR_INVALID_PRODUCER_ID_MAPPING;
    return t->epoch == p.epoch ? KERR_NONE : KERR_PRODUCER_FENCED;
}

enum kerr txn_check(const struct txns *x, struct str id, struct txn_producer p, struct txn **out)
{
    enum kerr k = holds(x, id, p, out);
    return k ? k : decided(*out) || (*out)->ending ? KERR_CONCURRENT_TRANSACTIONS : KERR_NONE;
}

static int64_t new_producer_id(void)
{
    return (int64_t)(random_u64() & (uint64_t)(PRODUCER_NAMED - 1)); /* random: no two in a lifetime */
}

/* The next epoch; with none left, another producer id. */
static void bump(struct txn *t, bool asked_by_owner)
{
    if (t->producer_id < 0 || t->epoch >= INT16_MAX - 1) {
        txn_set_producer(t, new_producer_id());
        t->epoch = 0;
        t->last_epoch = -1;
        return;
    }
    t->last_epoch = asked_by_owner ? t->epoch : -1;
    t->epoch++;
}

enum kerr txn_init(struct txns *x, struct str id, int32_t timeout_ms, struct txn_producer expected, struct txn_producer *out)
{
    if (!id.len)
        return KERR_INVALID_REQUEST;
    if (timeout_ms <= 0 || timeout_ms > TXN_MAX_TIMEOUT_MS)
        return KERR_INVALID_TRANSACTION_TIMEOUT;
    struct txn *t = txn_make(x, id);
    bool expects = expected.id >= 0;
    if (!t)
        return KERR_POLICY_VIOLATION;
    if (expects && t->producer_id >= 0 && t->producer_id != expected.id)
        return KERR_PRODUCER_FENCED;
    bool again = expects && t->last_epoch >= 0 && t->last_epoch == expected.epoch; /* the answer was lost */
    if (expects && t->producer_id >= 0 && !again && t->epoch != expected.epoch)
        return KERR_PRODUCER_FENCED;
    if (decided(t) || t->ending)
        return KERR_CONCURRENT_TRANSACTIONS;
    if (t->state == TXN_ONGOING) {
        txn_fence(t);
        return KERR_CONCURRENT_TRANSACTIONS;
    }
    t->timeout_ms = timeout_ms;
    if (!again) {
        bump(t, expects);
        t->state = TXN_EMPTY;
        t->start_ms = -1;
    }
    *out = (struct txn_producer){t->producer_id, t->epoch};
    return txn_log_put(t);
}

/* ------------------------------------------------------------------ while it goes on */

enum kerr txn_add(struct txns *x, struct str id, struct txn_producer p, const struct txn_part_in *parts, size_t count)
{
    struct txn *t;
    enum kerr k = txn_check(x, id, p, &t);
    size_t fresh = 0;
    if (k)
        return k;
    for (size_t i = 0; i < count; i++)
        fresh += !txn_has_part(t, parts[i].topic, parts[i].partition);
    if (map_count(t->parts) + fresh > TXN_MAX_PARTITIONS)
        return KERR_INVALID_REQUEST;
    if (t->state == TXN_ONGOING && !fresh)
        return KERR_NONE;
    if (t->state != TXN_ONGOING) {
        CHECK(!map_count(t->parts));
        t->state = TXN_ONGOING;
        t->start_ms = time_now_ms();
        t->deadline_us = time_mono_us() + (int64_t)t->timeout_ms * 1000;
    }
    for (size_t i = 0; i < count; i++)
        txn_part_put(t, parts[i].topic, parts[i].partition);
    return txn_log_put(t);
}

enum kerr txn_may_write(const struct txns *x, struct str id, struct txn_producer p, struct str topic, int32_t partition)
{
    struct txn *t;
    enum kerr k = holds(x, id, p, &t);
    if (k)
        return k == KERR_PRODUCER_FENCED ? KERR_INVALID_PRODUCER_EPOCH : k;
    return t->state == TXN_ONGOING && txn_has_part(t, topic, partition) ? KERR_NONE : KERR_INVALID_TXN_STATE;
}

enum kerr txn_begin_write(struct txns *x, struct str id, struct txn_producer p, struct str topic, int32_t partition)
{
    enum kerr k = txn_may_write(x, id, p, topic, partition);
    if (k != KERR_INVALID_TXN_STATE)
        return k;
    struct txn_part_in part = {topic, partition};
    return txn_add(x, id, p, &part, 1);
}

/* ------------------------------------------------------------------ its end */

static struct partition *partition_of(const struct txn *t, const struct txn_part *p)
{
    struct topic *topic = topic_find(t->txns->ns, str_z(p->topic));
    return topic ? topic_partition(topic, p->partition) : NULL; /* NULL: deleted meanwhile */
}

static void tell(struct txn *t, enum kerr error)
{
    void (*fn)(void *arg, enum kerr error) = t->ended;
    t->ended = NULL;
    t->ending = false;
    if (fn)
        fn(t->ended_arg, error);
}

/* All markers are durable, but of logs that take no more writes: those stay prepared until a restart. */
static void on_marked(void *arg)
{
    struct txn *t = arg;
    bool commit = t->state == TXN_PREPARE_COMMIT, stuck = false;
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(t->parts, &at, &key, &v)) {
        struct partition *p = partition_of(t, v);
        stuck = stuck || (p && p->log->offline);
        if (p && !p->log->offline && t->txns->ns->groups && p->topic == t->txns->ns->groups->log)
            group_txn_end(t->txns->ns->groups, t->producer_id, commit);
    }
    if (!stuck) {
        t->state = commit ? TXN_COMPLETE_COMMIT : TXN_COMPLETE_ABORT;
        txn_parts_clear(t);
        if (t->rotates)
            bump(t, false);
        t->rotates = false;
        if (txn_log_put(t))
            log_warn("hub", "transaction of '%s' is complete, but cannot be noted so", t->id);
    }
    tell(t, KERR_NONE);
}

static enum kerr append_marker(struct hub *h, struct partition *p, struct txn_producer who, bool commit)
{
    struct batch b;
    int64_t offset;
    struct str bytes = batch_marker(&h->builder, who.id, who.epoch, commit, COORDINATOR_EPOCH, time_now_ms());
    bool good = batch_read_header(bytes, &b);
    CHECK(good);
    return hub_append(h, p, &b, bytes.ptr, &offset);
}

void txn_complete(struct txn *t)
{
    struct producer_state s;
    size_t at = 0;
    struct str key;
    void *v;
    CHECK(decided(t));
    t->ending = true;
    while (map_next(t->parts, &at, &key, &v)) {
        struct partition *p = partition_of(t, v);
        if (!p || !producers_get(p->log->producers, t->producer_id, &s) || s.txn_first < 0)
            continue; /* nothing was written there, or the marker was before a crash */
        enum kerr k = append_marker(t->txns->hub, p, (struct txn_producer){t->producer_id, t->epoch}, t->state == TXN_PREPARE_COMMIT);
        if (k)
            log_warn("hub", "transaction of '%s': no marker in '%s' (%s)", t->id, p->log->label, kerr_name(k));
    }
    t->wait = (struct hub_wait){.done = on_marked, .arg = t};
    hub_wait_durable(t->txns->hub, &t->wait);
}

static void on_prepared(void *arg)
{
    struct txn *t = arg;
    if (txns_error(t->txns))
        tell(t, txns_error(t->txns)); /* whether it is decided, a restart sees */
    else
        txn_complete(t);
}

static enum kerr prepare(struct txn *t, bool commit)
{
    enum kerr k;
    CHECK(t->state == TXN_ONGOING && !t->ending);
    t->state = commit ? TXN_PREPARE_COMMIT : TXN_PREPARE_ABORT;
    if ((k = txn_log_put(t)))
        return k;
    t->ending = true;
    t->wait = (struct hub_wait){.done = on_prepared, .arg = t};
    hub_wait_durable(t->txns->hub, &t->wait);
    return KERR_NONE;
}

void txn_fence(struct txn *t)
{
    t->epoch = t->epoch < INT16_MAX ? (int16_t)(t->epoch + 1) : t->epoch;
    t->last_epoch = -1;
    t->ended = NULL;
    prepare(t, false);
}

/* In the second protocol the markers are written, and the id goes on, under a higher epoch. */
static void raise_epoch(struct txn *t)
{
    t->last_epoch = t->epoch;
    t->rotates = t->epoch >= INT16_MAX - 1;
    t->epoch = t->epoch < INT16_MAX ? (int16_t)(t->epoch + 1) : t->epoch;
}

/* Was that end asked for before, and its answer lost? With a bump the producer still has the epoch before. */
static bool ended_before(const struct txn *t, struct txn_producer p, const struct txn_ending *e)
{
    return t->state == (e->commit ? TXN_COMPLETE_COMMIT : TXN_COMPLETE_ABORT) && t->producer_id == p.id &&
           p.epoch == (e->bump ? t->epoch - 1 : t->epoch);
}

/* Nothing was added, so there is nothing to abort: the producer gets its next epoch all the same. */
static void on_nothing(void *arg)
{
    struct txn *t = arg;
    tell(t, txns_error(t->txns));
}

static enum kerr abort_nothing(struct txn *t)
{
    bump(t, true);
    t->state = TXN_COMPLETE_ABORT;
    enum kerr k = txn_log_put(t);
    if (k)
        return k;
    t->ending = true;
    t->wait = (struct hub_wait){.done = on_nothing, .arg = t};
    hub_wait_durable(t->txns->hub, &t->wait);
    return KERR_NONE;
}

static enum kerr begin_end(struct txn *t, const struct txn_ending *e)
{
    if (decided(t))
        return (t->state == TXN_PREPARE_COMMIT) == e->commit ? KERR_CONCURRENT_TRANSACTIONS : KERR_INVALID_TXN_STATE;
    if (t->ending)
        return KERR_CONCURRENT_TRANSACTIONS;
    if (t->state != TXN_ONGOING)
        return e->bump && !e->commit ? abort_nothing(t) : KERR_INVALID_TXN_STATE;
    if (e->bump)
        raise_epoch(t);
    return prepare(t, e->commit);
}

enum kerr txn_end(struct txns *x, struct str id, struct txn_producer p, const struct txn_ending *e)
{
    struct txn *t = txn_find(x, id);
    if (t && !t->ending && ended_before(t, p, e)) {
        e->fn(e->arg, KERR_NONE);
        return KERR_NONE;
    }
    enum kerr k = holds(x, id, p, &t);
    if (!k)
        k = begin_end(t, e);
    if (k)
        return k;
    t->ended = e->fn; /* called from the loop, not yet */
    t->ended_arg = e->arg;
    return KERR_NONE;
}

/* ------------------------------------------------------------------ start, timeouts, end */

/* A transaction open in a partition that no id knows as going on: nobody would ever end it. */
static enum kerr abort_stray(struct txns *x, struct partition *p, const struct producer_state *s)
{
    const struct txn *t = map_get(x->by_producer, producer_key(&s->id));
    if (t && t->epoch >= s->epoch && (t->state == TXN_ONGOING || decided(t)) && txn_has_part(t, str_z(p->topic->name), p->index))
        return KERR_NONE;
    log_warn("hub", "log '%s': the transaction of producer %jd from offset %jd is aborted: it was never told to go on", p->log->label,
             (intmax_t)s->id, (intmax_t)s->txn_first);
    if (x->ns->groups && p->topic == x->ns->groups->log)
        group_txn_end(x->ns->groups, s->id, false);
    return append_marker(x->hub, p, (struct txn_producer){s->id, s->epoch}, false);
}

static int abort_strays(struct txns *x, struct plog *log, struct err *err)
{
    struct partition *p = log->owner;
    struct producer_state *open = NULL, s;
    size_t at = 0, count = 0, cap = 0;
    enum kerr k = KERR_NONE;
    while (log->open_first >= 0 && producers_next(log->producers, &at, &s))
        if (s.txn_first >= 0) {
            open = mem_grow(open, &cap, count + 1, sizeof s);
            open[count++] = s;
        }
    for (size_t i = 0; i < count && !k; i++)
        k = abort_stray(x, p, &open[i]);
    mem_free(open);
    return k ? err_set(err, ERR_IO, "log '%s': an open transaction cannot be aborted: %s", log->label, kerr_name(k)) : 0;
}

static int recover(struct txns *x, struct err *err)
{
    size_t at = 0;
    struct str key;
    void *v;
    int rc = 0;
    while (map_next(x->ns->topics, &at, &key, &v))
        for (int32_t i = 0; i < ((struct topic *)v)->part_count && !rc; i++)
            rc = abort_strays(x, ((struct topic *)v)->parts[i]->log, err);
    at = 0;
    while (!rc && map_next(x->by_id, &at, &key, &v))
        if (decided(v))
            txn_complete(v);
    return rc;
}

struct txns *txns_of(struct hub *h, struct hub_ns *ns, struct err *err)
{
    if (ns->txns)
        return ns->txns;
    struct topic *log = topic_find(ns, STR(TXNS_TOPIC));
    struct plog_config cfg = topic_default_config(ns->store);
    cfg.compact = cfg.keep = true;
    cfg.segment_bytes = TXN_LOG_SEGMENT_BYTES;
    if (!log && !(log = topic_create(ns, STR(TXNS_TOPIC), 1, &cfg, err)))
        return NULL;
    struct txns *x = NEW(struct txns);
    *x = (struct txns){.hub = h, .ns = ns, .log = log, .by_id = map_new(), .by_producer = map_new()};
    ns->txns = x;
    return txn_log_replay(x, err) || recover(x, err) ? NULL : x;
}

int txns_open_all(struct hub *h, struct err *err)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(h->store->namespaces, &at, &key, &v))
        if (topic_find(v, STR(TXNS_TOPIC)) && !txns_of(h, v, err))
            return err_wrap(err, "transactions of namespace '%s'", ((struct hub_ns *)v)->name);
    return 0;
}

static void tick(struct txns *x, int64_t now_us, int64_t now_ms)
{
    size_t at = 0;
    struct str key;
    void *v;
    struct txn *expired = NULL;
    while (map_next(x->by_id, &at, &key, &v)) {
        struct txn *t = v;
        if (t->state == TXN_ONGOING && now_us >= t->deadline_us) {
            log_info("hub", "transaction of '%s' is aborted: it took more than %d ms", t->id, t->timeout_ms);
            txn_fence(t);
        } else if (t->state != TXN_ONGOING && !decided(t) && !t->ending && now_ms - t->update_ms > TXN_EXPIRY_MS) {
            expired = t;
        }
    }
    if (expired && !txn_log_forget(expired)) { /* one a second is enough */
        map_remove(x->by_id, str_z(expired->id));
        if (map_get(x->by_producer, producer_key(&expired->producer_id)) == expired)
            map_remove(x->by_producer, producer_key(&expired->producer_id));
        txn_free(expired);
    }
}

void txns_tick(struct hub *h)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        struct txns *x = ((struct hub_ns *)v)->txns;
        if (x && !txns_error(x))
            tick(x, time_mono_us(), time_now_ms());
    }
}

void txns_close_all(struct hub *h)
{
    size_t at = 0, in;
    struct str key;
    void *v, *t;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        struct txns *x = ((struct hub_ns *)v)->txns;
        if (!x)
            continue;
        in = 0;
        while (map_next(x->by_id, &in, &key, &t))
            txn_free(t);
        map_free(x->by_id);
        map_free(x->by_producer);
        mem_free(x);
        ((struct hub_ns *)v)->txns = NULL;
    }
}
