/* kafka_produce.c -- Produce.
 *
 * Each partition's records are one batch. It is checked as it came (header, CRC, every record, also
 * of compressed ones: a batch that does not decode would stop every reader behind it), appended to
 * the staged bytes, and the request waits for the flush. acks 0 is not answered; acks 1 and -1 mean
 * the same: durable.
 *
 * Transactional batches are taken while the transaction goes on in that partition (txn.h); from version 12 on they make it
 * go on there. */
#include "hub/kafka_int.h"
#include "hub/txn.h"

enum {
    PRODUCE_MAX_RECORD_ERRORS = 10000, /* of one batch, told one by one */
    SECOND_PROTOCOL = 12,              /* of transactions: partitions are added by producing */
};

struct part_result { int32_t index; enum kerr error; const char *message; int64_t base_offset, append_ms; struct plog *log; int32_t *bad, bad_count; };
struct topic_result { struct str name; struct part_result *parts; int32_t count; };
struct produce { struct str txn_id; struct txns *txns; struct topic_result *topics; int32_t count; };

static enum kerr check_batch(struct hub *h, struct str bytes, struct batch *b, const char **message)
{
    struct err err;
    *message = NULL;
    if (bytes.len > BATCH_PREFIX + 5 && bytes.ptr[16] < BATCH_MAGIC)
        return KERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    if (!batch_read_header(bytes, b) || (size_t)b->size > bytes.len)
        return KERR_CORRUPT_MESSAGE;
    if ((size_t)b->size != bytes.len) {
        *message = "a partition's records must be one batch";
        return KERR_INVALID_RECORD;
    }
    if (!batch_crc_ok(b, bytes.ptr))
        return KERR_CORRUPT_MESSAGE;
    if ((b->attributes & BATCH_CODEC_MASK) >= CODEC_COUNT)
        return KERR_UNSUPPORTED_COMPRESSION_TYPE;
    if (b->count < 1 || b->count != b->last_offset_delta + 1 || (b->attributes & BATCH_CONTROL) ||
        (b->producer_id >= 0 && (b->producer_id & PRODUCER_NAMED)) || (b->base_sequence < 0 && b->producer_id >= 0)) {
        *message = "the batch's header is not one of a producer";
        return KERR_INVALID_RECORD;
    }
    if (batch_check_records(&h->checker, b, bytes, &err)) {
        *message = "a record of the batch is malformed";
        return err.code == ERR_LIMIT ? KERR_MESSAGE_TOO_LARGE : KERR_INVALID_RECORD;
    }
    return KERR_NONE;
}

/* Compaction goes by keys: a record without one would be lost. Which ones they are is told, so that a client knows the good ones. */
static enum kerr check_keys(struct kreq *r, const struct topic *t, const struct batch *b, struct str bytes, struct part_result *p)
{
    struct record rec;
    struct err err;
    int32_t at = 0;
    if (!t->cfg.compact)
        return KERR_NONE;
    if (batch_reader_start(&r->hub->checker, b, bytes, &err))
        return KERR_INVALID_RECORD;
    for (; batch_reader_next(&r->hub->checker, &rec, &err) == 1 && p->bad_count < PRODUCE_MAX_RECORD_ERRORS; at++)
        if (!rec.key.ptr) {
            p->message = "a hub with cleanup.policy=compact takes no record without a key";
            if (!p->bad)
                p->bad = arena_alloc(r->arena, sizeof *p->bad * (size_t)(b->count < PRODUCE_MAX_RECORD_ERRORS ? b->count : PRODUCE_MAX_RECORD_ERRORS));
            p->bad[p->bad_count++] = at;
        }
    return p->bad ? KERR_INVALID_RECORD : KERR_NONE;
}

static enum kerr check_txn(struct kreq *r, const struct partition *p, const struct batch *b, const char **message)
{
    struct produce *q = r->state;
    struct txns *x = r->conn->ns->txns;
    struct txn_producer who = {b->producer_id, b->producer_epoch};
    if (!(b->attributes & BATCH_TRANSACTIONAL))
        return KERR_NONE;
    enum kerr k = !x || !q->txn_id.ptr ? KERR_INVALID_TXN_STATE
                  : r->version >= SECOND_PROTOCOL ? txn_begin_write(x, q->txn_id, who, str_z(p->topic->name), p->index)
                                                  : txn_may_write(x, q->txn_id, who, str_z(p->topic->name), p->index);
    q->txns = x;
    if (k == KERR_INVALID_TXN_STATE)
        *message = "no transaction of this producer goes on in the partition";
    return k;
}

static void produce_one(struct kreq *r, struct topic *t, struct part_result *p, struct str bytes)
{
    struct partition *part = topic_partition(t, p->index);
    struct batch b;
    if (!part) {
        p->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    p->error = check_batch(r->hub, bytes, &b, &p->message);
    if (p->error == KERR_NONE)
        p->error = check_keys(r, t, &b, bytes, p);
    if (p->error == KERR_NONE)
        p->error = check_txn(r, part, &b, &p->message);
    if (p->error != KERR_NONE)
        return;
    p->error = hub_append(r->hub, part, &b, bytes.ptr, &p->base_offset);
    p->log = part->log;
    if (p->error == KERR_DUPLICATE_SEQUENCE_NUMBER)
        p->error = KERR_NONE; /* sent again: it is there, or on its way to the disk before our answer */
    else if (p->error == KERR_NONE && t->cfg.append_time)
        p->append_ms = time_now_ms();
}

static void respond(void *arg)
{
    struct kreq *r = arg;
    struct produce *p = r->state;
    struct kout *o = &r->out;
    kout_count(o, p->count);
    for (int32_t i = 0; i < p->count; i++) {
        const struct topic_result *t = &p->topics[i];
        kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++) {
            struct part_result *x = &t->parts[j];
            if (x->error == KERR_NONE && (x->log->offline || (p->txns && txns_error(p->txns))))
                x->error = KERR_KAFKA_STORAGE_ERROR;
            kout_i32(o, x->index);
            kout_i16(o, (int16_t)x->error);
            kout_i64(o, x->error ? -1 : x->base_offset);
            if (r->version >= 2)
                kout_i64(o, x->append_ms);
            if (r->version >= 5)
                kout_i64(o, x->log ? x->log->start_offset : -1);
            if (r->version >= 8) {
                kout_count(o, x->bad_count);
                for (int32_t k = 0; k < x->bad_count; k++) {
                    kout_i32(o, x->bad[k]);
                    kout_nstr(o, str_z(x->message));
                    kout_tags(o);
                }
                kout_nstr(o, str_z(x->message));
            }
            kout_tags(o);
        }
        kout_tags(o);
    }
    kout_i32(o, 0); /* throttle */
    kout_tags(o);
    kreq_done(r);
}

static void refuse_all(struct produce *p, enum kerr error)
{
    for (int32_t i = 0; i < p->count; i++)
        for (int32_t j = 0; j < p->topics[i].count; j++)
            p->topics[i].parts[j] = (struct part_result){.index = p->topics[i].parts[j].index, .error = error, .base_offset = -1, .append_ms = -1};
}

static void read_topic(struct kreq *r, struct topic_result *t, enum kerr refuse)
{
    struct kin *in = &r->in;
    t->name = str_copy(r->arena, kin_str(in));
    struct topic *topic;
    enum kerr error = kreq_topic(r, t->name, &topic);
    int32_t n = kin_count(in);
    t->count = n > 0 ? n : 0;
    t->parts = KREQ_ARRAY(r, struct part_result, t->count);
    for (int32_t i = 0; i < t->count && !in->bad; i++) {
        t->parts[i] = (struct part_result){.index = kin_i32(in), .error = error, .base_offset = -1, .append_ms = -1};
        struct str bytes = kin_nbytes(in);
        kin_tags(in);
        if (!in->bad && refuse == KERR_NONE && error == KERR_NONE)
            produce_one(r, topic, &t->parts[i], bytes);
    }
    kin_tags(in);
}

void kafka_produce(struct kreq *r)
{
    struct kin *in = &r->in;
    struct produce *p = ARENA_NEW(r->arena, struct produce);
    if (r->version < 3) { /* named in ApiVersions for old clients that look for it, never used by them */
        kreq_bad(r);
        return;
    }
    p->txn_id = kin_nstr(in); /* in the frame: read before the handler returns */
    enum kerr refuse = p->txn_id.ptr && !kreq_allowed(r, STR_NONE) ? KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED : KERR_NONE;
    int16_t acks = kin_i16(in);
    if (acks < -1 || acks > 1)
        refuse = KERR_INVALID_REQUIRED_ACKS;
    kin_i32(in); /* timeout: the flush takes what it takes */
    int32_t n = kin_count(in);
    r->state = p;
    p->count = n > 0 ? n : 0;
    p->topics = KREQ_ARRAY(r, struct topic_result, p->count);
    for (int32_t i = 0; i < p->count && !in->bad; i++)
        read_topic(r, &p->topics[i], refuse);
    if (!kreq_read_all(r))
        return;
    if (refuse != KERR_NONE)
        refuse_all(p, refuse);
    r->no_reply = acks == 0;
    r->wait = (struct hub_wait){.done = respond, .arg = r};
    hub_wait_durable(r->hub, &r->wait);
}
