/* kafka_txn_admin.c -- looking at transactions: DescribeTransactions, ListTransactions, DescribeProducers. */
#include "hub/kafka_int.h"
#include "hub/txn.h"

static const struct txn *visible(const struct kreq *r, struct str id)
{
    const struct txns *x = r->conn->ns->txns;
    return x ? txn_find(x, id) : NULL;
}

/* ------------------------------------------------------------------ DescribeTransactions */

static void put_parts(struct kreq *r, const struct txn *t)
{
    /* One topic entry a partition: clients merge them. */
    struct kout *o = &r->out;
    size_t at = 0;
    struct str key;
    void *v;
    int32_t n = 0;
    while (t && map_next(t->parts, &at, &key, &v))
        n += kreq_allowed(r, str_z(((struct txn_part *)v)->topic));
    kout_count(o, n);
    at = 0;
    while (n && map_next(t->parts, &at, &key, &v)) {
        const struct txn_part *p = v;
        if (!kreq_allowed(r, str_z(p->topic)))
            continue;
        kout_str(o, str_z(p->topic));
        kout_count(o, 1);
        kout_i32(o, p->partition);
        kout_tags(o);
    }
}

static void put_txn(struct kreq *r, struct str id)
{
    struct kout *o = &r->out;
    bool allowed = kreq_allowed(r, STR_NONE);
    const struct txn *t = allowed ? visible(r, id) : NULL;
    enum kerr error = !allowed ? KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED : t ? KERR_NONE : KERR_TRANSACTIONAL_ID_NOT_FOUND;
    kout_i16(o, (int16_t)error);
    kout_str(o, id);
    kout_str(o, t ? str_z(txn_state_name(t->state)) : STR(""));
    kout_i32(o, t ? t->timeout_ms : 0);
    kout_i64(o, t ? t->start_ms : 0);
    kout_i64(o, t ? t->producer_id : 0);
    kout_i16(o, t ? t->epoch : 0);
    put_parts(r, t);
    kout_tags(o);
}

void kafka_describe_transactions(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct str *ids = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        ids[i] = kin_str(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0); /* throttle */
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++)
        put_txn(r, ids[i]);
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ ListTransactions */

struct filter { struct str *states; int64_t *producers, longer_ms, now_ms; int32_t state_count, producer_count; };

static bool matches(const struct filter *f, const struct txn *t)
{
    bool state = f->state_count <= 0, producer = f->producer_count <= 0;
    for (int32_t i = 0; i < f->state_count && !state; i++)
        state = str_eqz(f->states[i], txn_state_name(t->state));
    for (int32_t i = 0; i < f->producer_count && !producer; i++)
        producer = f->producers[i] == t->producer_id;
    return state && producer && (f->longer_ms < 0 || (t->start_ms >= 0 && f->now_ms - t->start_ms > f->longer_ms));
}

static void put_unknown_states(struct kreq *r, const struct filter *f)
{
    int32_t n = 0;
    bool *unknown = ARENA_ARRAY(r->arena, bool, f->state_count > 0 ? f->state_count : 0);
    for (int32_t i = 0; i < f->state_count; i++) {
        unknown[i] = true;
        for (int s = 0; s < TXN_STATE_COUNT && unknown[i]; s++)
            unknown[i] = !str_eqz(f->states[i], txn_state_name((enum txn_state)s));
        n += unknown[i];
    }
    kout_count(&r->out, n);
    for (int32_t i = 0; i < f->state_count; i++)
        if (unknown[i])
            kout_str(&r->out, f->states[i]);
}

static void put_list(struct kreq *r, const struct filter *f)
{
    struct kout *o = &r->out;
    const struct txns *x = r->conn->ns->txns;
    bool any = x && kreq_allowed(r, STR_NONE);
    const struct txn **found = ARENA_ARRAY(r->arena, const struct txn *, any ? map_count(x->by_id) : 0);
    size_t at = 0, n = 0;
    struct str key;
    void *v;
    while (any && map_next(x->by_id, &at, &key, &v))
        if (matches(f, v))
            found[n++] = v;
    kout_count(o, (int32_t)n);
    for (size_t i = 0; i < n; i++) {
        kout_str(o, str_z(found[i]->id));
        kout_i64(o, found[i]->producer_id);
        kout_str(o, str_z(txn_state_name(found[i]->state)));
        kout_tags(o);
    }
}

void kafka_list_transactions(struct kreq *r)
{
    struct kin *in = &r->in;
    struct filter f = {.longer_ms = -1, .now_ms = time_now_ms()};
    f.state_count = kin_count(in);
    f.states = KREQ_ARRAY(r, struct str, f.state_count);
    for (int32_t i = 0; i < f.state_count && !in->bad; i++)
        f.states[i] = kin_str(in);
    f.producer_count = kin_count(in);
    f.producers = KREQ_ARRAY(r, int64_t, f.producer_count);
    for (int32_t i = 0; i < f.producer_count && !in->bad; i++)
        f.producers[i] = kin_i64(in);
    if (r->version >= 1)
        f.longer_ms = kin_i64(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0); /* throttle */
    kout_i16(&r->out, KERR_NONE);
    put_unknown_states(r, &f);
    put_list(r, &f);
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ DescribeProducers */

static void put_active(struct kreq *r, const struct plog *log)
{
    struct kout *o = &r->out;
    struct producer_state s;
    size_t at = 0;
    int32_t n = 0;
    while (log && producers_next(log->producers, &at, &s))
        n += !(s.id & PRODUCER_NAMED); /* the hub's own */
    kout_count(o, n);
    at = 0;
    while (n && producers_next(log->producers, &at, &s)) {
        if (s.id & PRODUCER_NAMED)
            continue;
        kout_i64(o, s.id);
        kout_i32(o, s.epoch);
        kout_i32(o, s.last_sequence);
        kout_i64(o, s.used_ms);
        kout_i32(o, s.coordinator_epoch);
        kout_i64(o, s.txn_first);
        kout_tags(o);
    }
}

static void describe_one(struct kreq *r, struct topic *t, enum kerr error)
{
    struct kout *o = &r->out;
    int32_t index = kin_i32(&r->in);
    const struct partition *p = t ? topic_partition(t, index) : NULL;
    kout_i32(o, index);
    kout_i16(o, (int16_t)(p || error ? error : KERR_UNKNOWN_TOPIC_OR_PARTITION));
    kout_nstr(o, STR_NONE);
    put_active(r, p ? p->log : NULL);
    kout_tags(o);
}

void kafka_describe_producers(struct kreq *r)
{
    kout_i32(&r->out, 0); /* throttle */
    kreq_each_partition(r, describe_one);
    if (!kreq_read_all(r))
        return;
    kout_tags(&r->out);
    kreq_done(r);
}
