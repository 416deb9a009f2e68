/* kafka_txn.c -- InitProducerId, and a transaction's steps: AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit,
 * EndTxn. Fields in, txn.h's calls, fields out when what they wrote is durable.
 *
 * Versions below those that know PRODUCER_FENCED are told INVALID_PRODUCER_EPOCH. AddPartitionsToTxn above 3 is between
 * brokers: not served. EndTxn 5, TxnOffsetCommit 5 and Produce 12 are of Kafka's second protocol of transactions. */
#include "hub/group.h"
#include "hub/kafka_int.h"
#include "hub/txn.h"

enum { FENCED_FROM_INIT = 4, FENCED_FROM = 2, SECOND_PROTOCOL = 5 };

static struct txns *txns_for(struct kreq *r)
{
    struct err err;
    struct txns *x = txns_of(r->hub, r->conn->ns, &err);
    if (!x) {
        log_err(LOG_ERROR, "hub", &err);
        kreq_bad(r);
    }
    return x;
}

static enum kerr id_error(const struct kreq *r)
{
    return kreq_allowed(r, STR_NONE) ? KERR_NONE : KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

static enum kerr fenced(const struct kreq *r, enum kerr k, int16_t from_version)
{
    return k == KERR_PRODUCER_FENCED && r->version < from_version ? KERR_INVALID_PRODUCER_EPOCH : k;
}

/* An answer that is one error, when all before it is durable. */
struct answer { struct txns *txns; enum kerr error; };

static void put_answer(struct kreq *r, enum kerr error)
{
    kout_i32(&r->out, 0); /* throttle */
    kout_i16(&r->out, (int16_t)error);
    kout_tags(&r->out);
    kreq_done(r);
}

static void answer_durable(void *arg)
{
    struct kreq *r = arg;
    const struct answer *a = r->state;
    put_answer(r, a->error ? a->error : txns_error(a->txns));
}

static void wait_durable(struct kreq *r, void (*done)(void *arg))
{
    r->wait = (struct hub_wait){.done = done, .arg = r};
    hub_wait_durable(r->hub, &r->wait);
}

/* ------------------------------------------------------------------ InitProducerId */

struct init { struct txns *txns; enum kerr error; struct txn_producer producer; };

static void put_producer(void *arg)
{
    struct kreq *r = arg;
    const struct init *i = r->state;
    struct kout *o = &r->out;
    enum kerr error = i->error || !i->txns ? i->error : txns_error(i->txns);
    kout_i32(o, 0); /* throttle */
    kout_i16(o, (int16_t)fenced(r, error, FENCED_FROM_INIT));
    kout_i64(o, error ? -1 : i->producer.id);
    kout_i16(o, error ? -1 : i->producer.epoch);
    kout_tags(o);
    kreq_done(r);
}

/* Without a transactional id: the client starts again, after an error it could not place, or anew. */
static struct txn_producer idempotent(struct txn_producer p)
{
    bool anew = p.id < 0 || p.epoch < 0 || p.epoch >= INT16_MAX - 1 || (p.id & PRODUCER_NAMED);
    if (anew)
        return (struct txn_producer){(int64_t)(random_u64() & (uint64_t)(PRODUCER_NAMED - 1)), 0}; /* no two in a lifetime */
    return (struct txn_producer){p.id, (int16_t)(p.epoch + 1)};
}

void kafka_init_producer_id(struct kreq *r)
{
    struct kin *in = &r->in;
    struct init *i = ARENA_NEW(r->arena, struct init);
    struct str id = kin_nstr(in);
    int32_t timeout_ms = kin_i32(in);
    struct txn_producer expected = {-1, -1};
    if (r->version >= 3) {
        expected.id = kin_i64(in);
        expected.epoch = kin_i16(in);
    }
    if (!kreq_read_all(r))
        return;
    r->state = i;
    if (!id.ptr) {
        i->producer = idempotent(expected);
        i->error = kreq_allowed(r, STR_NONE) ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED;
        put_producer(r);
        return;
    }
    if (!(i->txns = txns_for(r)))
        return;
    i->error = id_error(r);
    if (!i->error)
        i->error = txn_init(i->txns, id, timeout_ms, expected, &i->producer);
    wait_durable(r, put_producer);
}

/* ------------------------------------------------------------------ AddPartitionsToTxn */

struct add_part { int32_t index; enum kerr error; };
struct add_topic { struct str name; struct add_part *parts; int32_t count; };
struct add { struct txns *txns; struct add_topic *topics; int32_t count; size_t all; enum kerr error; };

static void read_add_topic(struct kreq *r, struct add *a, struct add_topic *t)
{
    struct kin *in = &r->in;
    struct topic *topic;
    t->name = str_copy(r->arena, kin_str(in));
    enum kerr error = kreq_topic(r, t->name, &topic);
    int32_t n = kin_count(in);
    t->count = n > 0 ? n : 0;
    t->parts = KREQ_ARRAY(r, struct add_part, t->count);
    for (int32_t i = 0; i < t->count && !in->bad; i++, a->all++) {
        struct add_part *p = &t->parts[i];
        p->index = kin_i32(in);
        p->error = topic && !topic_partition(topic, p->index) ? KERR_UNKNOWN_TOPIC_OR_PARTITION : error;
        a->error = a->error ? a->error : p->error ? KERR_OPERATION_NOT_ATTEMPTED : KERR_NONE;
    }
    kin_tags(in);
}

static void put_added(void *arg)
{
    struct kreq *r = arg;
    const struct add *a = r->state;
    struct kout *o = &r->out;
    enum kerr error = fenced(r, a->error ? a->error : txns_error(a->txns), FENCED_FROM);
    kout_i32(o, 0); /* throttle */
    kout_count(o, a->count);
    for (int32_t i = 0; i < a->count; i++) {
        const struct add_topic *t = &a->topics[i];
        kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++) {
            kout_i32(o, t->parts[j].index);
            kout_i16(o, (int16_t)(t->parts[j].error ? t->parts[j].error : error));
            kout_tags(o);
        }
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

static enum kerr add_all(struct kreq *r, struct add *a, struct str id, struct txn_producer p)
{
    struct txn_part_in *parts = ARENA_ARRAY(r->arena, struct txn_part_in, a->all);
    size_t n = 0;
    for (int32_t i = 0; i < a->count; i++)
        for (int32_t j = 0; j < a->topics[i].count; j++)
            parts[n++] = (struct txn_part_in){a->topics[i].name, a->topics[i].parts[j].index};
    return txn_add(a->txns, id, p, parts, n);
}

void kafka_add_partitions_to_txn(struct kreq *r)
{
    struct kin *in = &r->in;
    struct add *a = ARENA_NEW(r->arena, struct add);
    struct str id = kin_str(in);
    struct txn_producer p = {.id = kin_i64(in)};
    p.epoch = kin_i16(in);
    int32_t n = kin_count(in);
    a->count = n > 0 ? n : 0;
    a->topics = KREQ_ARRAY(r, struct add_topic, a->count);
    for (int32_t i = 0; i < a->count && !in->bad; i++)
        read_add_topic(r, a, &a->topics[i]);
    if (!kreq_read_all(r) || !(a->txns = txns_for(r)))
        return;
    a->error = id_error(r) ? id_error(r) : a->error;
    if (!a->error)
        a->error = add_all(r, a, id, p);
    r->state = a;
    wait_durable(r, put_added);
}

/* ------------------------------------------------------------------ offsets in a transaction */

void kafka_add_offsets_to_txn(struct kreq *r)
{
    struct kin *in = &r->in;
    struct err err;
    struct answer *a = ARENA_NEW(r->arena, struct answer);
    struct str id = kin_str(in);
    struct txn_producer p = {.id = kin_i64(in)};
    p.epoch = kin_i16(in);
    struct str group = kin_str(in);
    if (!kreq_read_all(r) || !(a->txns = txns_for(r)))
        return;
    if (!groups_of(r->hub, r->conn->ns, &err)) {
        log_err(LOG_ERROR, "hub", &err);
        kreq_bad(r);
        return;
    }
    struct txn_part_in part = {STR(OFFSETS_TOPIC), 0};
    a->error = id_error(r) ? id_error(r) : kreq_txn_group_error(r, group);
    if (!a->error)
        a->error = !group.len ? KERR_INVALID_GROUP_ID : fenced(r, txn_add(a->txns, id, p, &part, 1), FENCED_FROM);
    r->state = a;
    wait_durable(r, answer_durable);
}

struct commit_part { struct commit_in in; enum kerr error; };
struct commit_topic { struct str name; struct commit_part *parts; int32_t count; };
struct txn_commit { struct groups *groups; struct commit_topic *topics; int32_t count; };

static void read_commit_topic(struct kreq *r, struct commit_topic *t)
{
    struct kin *in = &r->in;
    struct topic *topic;
    t->name = str_copy(r->arena, kin_str(in));
    enum kerr error = kreq_topic(r, t->name, &topic);
    int32_t n = kin_count(in);
    t->count = n > 0 ? n : 0;
    t->parts = KREQ_ARRAY(r, struct commit_part, t->count);
    for (int32_t i = 0; i < t->count && !in->bad; i++) {
        struct commit_part *p = &t->parts[i];
        p->in = (struct commit_in){.topic = t->name, .partition = kin_i32(in), .offset = kin_i64(in), .epoch = -1};
        if (r->version >= 2)
            p->in.epoch = kin_i32(in);
        struct str metadata = kin_nstr(in);
        p->in.metadata = metadata.ptr ? str_copy(r->arena, metadata) : STR("");
        kin_tags(in);
        p->error = error ? error : !topic_partition(topic, p->in.partition) ? KERR_UNKNOWN_TOPIC_OR_PARTITION
                   : metadata.len > GROUP_MAX_METADATA ? KERR_OFFSET_METADATA_TOO_LARGE
                   : p->in.offset < 0 ? KERR_INVALID_REQUEST : KERR_NONE;
    }
    kin_tags(in);
}

static void put_committed(void *arg)
{
    struct kreq *r = arg;
    const struct txn_commit *c = r->state;
    struct kout *o = &r->out;
    bool lost = c->groups->log->parts[0]->log->offline;
    kout_i32(o, 0); /* throttle */
    kout_count(o, c->count);
    for (int32_t i = 0; i < c->count; i++) {
        const struct commit_topic *t = &c->topics[i];
        kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++) {
            enum kerr error = t->parts[j].error;
            kout_i32(o, t->parts[j].in.partition);
            kout_i16(o, (int16_t)(!error && lost ? KERR_COORDINATOR_NOT_AVAILABLE : error));
            kout_tags(o);
        }
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

struct committer { struct str id, group, member, instance; int32_t generation; struct txn_producer producer; };

/* The group's rules hold for one who says that he is a member; the transaction's for all. */
static enum kerr may_commit(const struct kreq *r, struct groups *gs, const struct committer *w)
{
    struct txns *x = r->conn->ns->txns;
    enum kerr k = id_error(r) ? id_error(r) : kreq_txn_group_error(r, w->group);
    if (!k)
        k = !x ? KERR_INVALID_PRODUCER_ID_MAPPING
            : r->version >= SECOND_PROTOCOL ? txn_begin_write(x, w->id, w->producer, STR(OFFSETS_TOPIC), 0)
                                            : txn_may_write(x, w->id, w->producer, STR(OFFSETS_TOPIC), 0);
    if (!k && !w->group.len)
        k = KERR_INVALID_GROUP_ID;
    if (!k && (w->generation >= 0 || w->member.len))
        k = group_may_commit(gs, w->group, w->generation, w->member, w->instance);
    return k;
}

static void commit_good(struct kreq *r, struct txn_commit *c, const struct committer *w, enum kerr refuse)
{
    size_t n = 0, all = 0;
    for (int32_t i = 0; i < c->count; i++)
        all += (size_t)c->topics[i].count;
    struct commit_in *good = ARENA_ARRAY(r->arena, struct commit_in, all);
    for (int32_t i = 0; i < c->count; i++)
        for (int32_t j = 0; j < c->topics[i].count; j++)
            if (!c->topics[i].parts[j].error)
                good[n++] = c->topics[i].parts[j].in;
    if (!refuse)
        refuse = group_log_txn_commit(c->groups, w->producer.id, w->producer.epoch, w->group, good, n);
    for (int32_t i = 0; i < c->count && refuse; i++)
        for (int32_t j = 0; j < c->topics[i].count; j++)
            if (!c->topics[i].parts[j].error)
                c->topics[i].parts[j].error = refuse;
}

void kafka_txn_offset_commit(struct kreq *r)
{
    struct kin *in = &r->in;
    struct err err;
    struct txn_commit *c = ARENA_NEW(r->arena, struct txn_commit);
    struct committer w = {.id = kin_str(in), .generation = -1};
    w.group = kin_str(in);
    w.producer.id = kin_i64(in);
    w.producer.epoch = kin_i16(in);
    if (r->version >= 3) {
        w.generation = kin_i32(in);
        w.member = kin_str(in);
        w.instance = kin_nstr(in);
    }
    int32_t n = kin_count(in);
    c->count = n > 0 ? n : 0;
    c->topics = KREQ_ARRAY(r, struct commit_topic, c->count);
    for (int32_t i = 0; i < c->count && !in->bad; i++)
        read_commit_topic(r, &c->topics[i]);
    if (!kreq_read_all(r))
        return;
    c->groups = groups_of(r->hub, r->conn->ns, &err);
    if (!c->groups) {
        log_err(LOG_ERROR, "hub", &err);
        kreq_bad(r);
        return;
    }
    commit_good(r, c, &w, may_commit(r, c->groups, &w));
    r->state = c;
    wait_durable(r, put_committed);
}

/* ------------------------------------------------------------------ EndTxn */

struct end { struct txns *txns; struct str id; struct txn_ending ending; };

static void put_ended(struct kreq *r, enum kerr error)
{
    const struct end *e = r->state;
    struct kout *o = &r->out;
    const struct txn *t = !error && e->txns ? txn_find(e->txns, e->id) : NULL;
    kout_i32(o, 0); /* throttle */
    kout_i16(o, (int16_t)fenced(r, error, FENCED_FROM));
    if (r->version >= SECOND_PROTOCOL) {
        kout_i64(o, t ? t->producer_id : -1);
        kout_i16(o, t ? t->epoch : -1);
    }
    kout_tags(o);
    kreq_done(r);
}

static void ended(void *arg, enum kerr error)
{
    put_ended(arg, error);
}

void kafka_end_txn(struct kreq *r)
{
    struct kin *in = &r->in;
    struct end *e = ARENA_NEW(r->arena, struct end);
    e->id = str_copy(r->arena, kin_str(in));
    struct txn_producer p = {.id = kin_i64(in)};
    p.epoch = kin_i16(in);
    e->ending = (struct txn_ending){kin_bool(in), r->version >= SECOND_PROTOCOL, ended, r};
    if (!kreq_read_all(r) || !(e->txns = txns_for(r)))
        return;
    r->state = e;
    enum kerr k = id_error(r);
    if (!k)
        k = txn_end(e->txns, e->id, p, &e->ending);
    if (k)
        put_ended(r, k);
}
