/* txn_log.c -- the coordinator's log: writing an id's state, and reading all of them at start. */
#include "hub/txn_int.h"

enum { KEY_VERSION = 0, VALUE_VERSION = 0 };

static enum kerr append(struct txn *t, struct str value)
{
    struct hub *h = t->txns->hub;
    struct kout key = {0};
    struct batch b;
    int64_t offset;
    buf_init(&key.b);
    kout_i16(&key, KEY_VERSION);
    kout_str(&key, str_z(t->id));
    batch_begin(&h->builder);
    batch_add(&h->builder, t->update_ms, buf_view(&key.b), value, NULL, 0);
    struct str bytes = batch_finish(&h->builder, -1, -1, -1);
    bool good = batch_read_header(bytes, &b);
    CHECK(good);
    buf_release(&key.b);
    return hub_append(h, t->txns->log->parts[0], &b, bytes.ptr, &offset) ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE;
}

enum kerr txn_log_put(struct txn *t)
{
    struct kout o = {0};
    size_t at = 0;
    struct str key;
    void *v;
    t->update_ms = time_now_ms();
    buf_init(&o.b);
    kout_i16(&o, VALUE_VERSION);
    kout_i64(&o, t->producer_id);
    kout_i16(&o, t->epoch);
    kout_i32(&o, t->timeout_ms);
    kout_i8(&o, (int8_t)t->state);
    kout_count(&o, (int32_t)map_count(t->parts));
    while (map_next(t->parts, &at, &key, &v)) {
        const struct txn_part *p = v;
        kout_str(&o, str_z(p->topic));
        kout_count(&o, 1);
        kout_i32(&o, p->partition);
    }
    kout_i64(&o, t->update_ms);
    kout_i64(&o, t->start_ms);
    enum kerr k = append(t, buf_view(&o.b));
    buf_release(&o.b);
    return k;
}

enum kerr txn_log_forget(struct txn *t)
{
    return append(t, STR_NONE);
}

/* ------------------------------------------------------------------ replay */

static void read_parts(struct txn *t, struct kin *in)
{
    int32_t topics = kin_count(in);
    for (int32_t i = 0; i < topics && !in->bad; i++) {
        struct str topic = kin_str(in);
        int32_t parts = kin_count(in);
        for (int32_t j = 0; j < parts && !in->bad; j++) {
            int32_t partition = kin_i32(in);
            if (!in->bad)
                txn_part_put(t, topic, partition);
        }
    }
}

static int replay_value(struct txn *t, struct str value, struct err *err)
{
    struct kin in = kin_of(value);
    int16_t version = kin_i16(&in);
    int64_t producer_id = kin_i64(&in);
    t->epoch = kin_i16(&in);
    t->timeout_ms = kin_i32(&in);
    int8_t state = kin_i8(&in);
    txn_parts_clear(t);
    read_parts(t, &in);
    t->update_ms = kin_i64(&in);
    t->start_ms = kin_i64(&in);
    if (in.bad || version != VALUE_VERSION || state < 0 || state >= TXN_STATE_COUNT || producer_id < 0)
        return err_set(err, ERR_CORRUPT, "the state of transactional id '%s' cannot be read", t->id);
    t->state = (enum txn_state)state;
    txn_set_producer(t, producer_id);
    return 0;
}

static int replay_record(void *ctx, const struct batch *b, const struct record *rec, struct err *err)
{
    struct txns *x = ctx;
    (void)b;
    struct kin k = kin_of(rec->key);
    int16_t version = kin_i16(&k);
    struct str id = kin_str(&k);
    if (!rec->key.ptr || k.bad || version != KEY_VERSION)
        return 0;
    if (!rec->value.ptr) {
        struct txn *gone = map_remove(x->by_id, id);
        if (gone && map_get(x->by_producer, str_of((const char *)&gone->producer_id, sizeof gone->producer_id)) == gone)
            map_remove(x->by_producer, str_of((const char *)&gone->producer_id, sizeof gone->producer_id));
        if (gone)
            txn_free(gone);
        return 0;
    }
    struct txn *t = txn_make(x, id);
    return t ? replay_value(t, rec->value, err) : 0;
}

/* What is left of its time by the wall clock, which may have been set; then time goes on by the other. */
static void set_deadlines(struct txns *x)
{
    size_t at = 0;
    struct str key;
    void *v;
    int64_t now_ms = time_now_ms(), now_us = time_mono_us();
    while (map_next(x->by_id, &at, &key, &v)) {
        struct txn *t = v;
        int64_t left = t->start_ms + t->timeout_ms - now_ms;
        left = left < 0 ? 0 : left > t->timeout_ms ? t->timeout_ms : left;
        t->deadline_us = now_us + left * 1000;
    }
}

int txn_log_replay(struct txns *x, struct err *err)
{
    static const struct plog_visitor visitor = {.record = replay_record};
    if (plog_replay(x->log->parts[0]->log, &visitor, x, err))
        return -1;
    set_deadlines(x);
    return 0;
}
