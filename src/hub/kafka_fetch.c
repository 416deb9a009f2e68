/* kafka_fetch.c -- Fetch: whole batches from the page cache, with long polling.
 *
 * A fetch is answered at once if it has an error to tell or min_bytes are there; otherwise it waits
 * in the lists of its partitions until they grow or max_wait_ms passed. Nothing beyond the high
 * watermark is read; with isolation level read_committed nothing beyond the last stable offset, and the aborted
 * transactions among what is read are named. The first batch of the response comes whole even if larger than the limits, so
 * that a consumer never stalls. Sessions are not kept: every answer has session id 0, and clients
 * then send full requests. */
#include "hub/kafka_int.h"
#include <string.h>

enum { FETCH_MAX_PARTITIONS = 20000, FETCH_MAX_WAIT_MS = 300000, FETCH_RESPONSE_BYTES = 64 << 20 };

struct fetch_part {
    int32_t index, epoch, max_bytes;
    int64_t offset;
    struct partition *part;
    enum kerr error;
    struct fetch_link link;
};
struct fetch_topic { struct str name; uint8_t id[16]; enum kerr error; struct fetch_part *parts; int32_t count; };
struct fetch {
    struct fetch_topic *topics;
    int32_t count, max_wait_ms, min_bytes, max_bytes;
    int16_t error;
    bool committed;                  /* isolation level read_committed */
    struct ev_timer *timer;
    bool waiting;
};

static void read_part(struct kreq *r, struct fetch_topic *t, struct topic *topic, struct fetch_part *p)
{
    struct kin *in = &r->in;
    p->index = kin_i32(in);
    p->epoch = r->version >= 9 ? kin_i32(in) : -1;
    p->offset = kin_i64(in);
    if (r->version >= 12)
        kin_i32(in); /* last fetched epoch */
    if (r->version >= 5)
        kin_i64(in); /* log start offset: a follower's */
    p->max_bytes = kin_i32(in);
    kin_tags(in);
    p->part = topic ? topic_partition(topic, p->index) : NULL;
    p->error = t->error ? t->error : p->part ? KERR_NONE : KERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void read_topic(struct kreq *r, struct fetch_topic *t)
{
    struct kin *in = &r->in;
    struct topic *topic;
    if (r->version >= 13) {
        kin_uuid(in, t->id);
        t->error = kreq_topic_id(r, t->id, &topic);
    } else {
        t->name = str_copy(r->arena, kin_str(in));
        t->error = kreq_topic(r, t->name, &topic);
    }
    int32_t n = kin_count(in);
    t->count = n > 0 && n <= FETCH_MAX_PARTITIONS ? n : 0;
    in->bad = in->bad || n > FETCH_MAX_PARTITIONS;
    t->parts = KREQ_ARRAY(r, struct fetch_part, t->count);
    for (int32_t i = 0; i < t->count && !in->bad; i++)
        read_part(r, t, topic, &t->parts[i]);
    kin_tags(in);
}

static void skip_forgotten(struct kreq *r)
{
    struct kin *in = &r->in;
    uint8_t id[16];
    int32_t n = kin_count(in);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        if (r->version >= 13)
            kin_uuid(in, id);
        else
            kin_str(in);
        int32_t parts = kin_count(in);
        for (int32_t j = 0; j < parts && !in->bad; j++)
            kin_i32(in);
        kin_tags(in);
    }
}

static bool read_request(struct kreq *r, struct fetch *f)
{
    struct kin *in = &r->in;
    int32_t session = 0;
    if (r->version <= 14)
        kin_i32(in); /* replica id: -1, a consumer */
    f->max_wait_ms = kin_i32(in);
    f->min_bytes = kin_i32(in);
    f->max_bytes = kafka_quota_fetch_bytes(r, kin_i32(in));
    f->committed = kin_i8(in) == 1;
    if (r->version >= 7) {
        session = kin_i32(in);
        kin_i32(in);
    }
    f->error = session ? KERR_FETCH_SESSION_ID_NOT_FOUND : KERR_NONE;
    int32_t n = kin_count(in);
    f->count = n > 0 ? n : 0;
    f->topics = KREQ_ARRAY(r, struct fetch_topic, f->count);
    for (int32_t i = 0; i < f->count && !in->bad; i++)
        read_topic(r, &f->topics[i]);
    if (r->version >= 7)
        skip_forgotten(r);
    if (r->version >= 11)
        kin_str(in); /* rack */
    return kreq_read_all(r);
}

/* ------------------------------------------------------------------ answering */

static void check_part(struct fetch_part *p)
{
    if (p->error)
        return;
    const struct plog *log = p->part->log;
    p->error = kreq_epoch_error(log, p->epoch);
    if (p->error == KERR_NONE && (p->offset < log->start_offset || p->offset > log->high_watermark))
        p->error = KERR_OFFSET_OUT_OF_RANGE;
}

static int64_t read_end(const struct fetch *f, struct plog *log)
{
    return f->committed ? plog_stable_offset(log) : log->high_watermark;
}

/* Is there reason to answer now? Errors, or min_bytes. */
static bool ready(struct fetch *f)
{
    int64_t bytes = 0;
    if (f->error)
        return true;
    for (int32_t i = 0; i < f->count; i++)
        for (int32_t j = 0; j < f->topics[i].count; j++) {
            struct fetch_part *p = &f->topics[i].parts[j];
            check_part(p);
            if (p->error)
                return true;
            int64_t n = plog_bytes_between(p->part->log, p->offset, read_end(f, p->part->log));
            bytes += n < p->max_bytes ? n : p->max_bytes;
            if (bytes >= f->min_bytes && bytes > 0)
                return true;
        }
    return f->min_bytes <= 0 || bytes >= f->max_bytes;
}

/* Batches from the log, read to where they leave from; what error there is stands before them. */
static void put_records(struct kreq *r, struct fetch_part *p, size_t error_at, int64_t *left, bool *any)
{
    struct kout *o = &r->out;
    struct err err;
    int64_t want = p->max_bytes < *left ? p->max_bytes : *left, end = read_end(r->state, p->part->log);
    size_t at = kout_begin_bytes(o);
    int64_t got = plog_read_to(p->part->log, p->offset, end, want > 0 ? (size_t)want : 0, !*any, &o->b, &err);
    if (got < 0) {
        log_err(LOG_ERROR, "hub", &err);
        o->b.len = o->b.overflow ? o->b.len : at;
        be16_put(o->b.ptr + error_at, (uint16_t)kerr_of(&err));
    }
    kout_end_bytes(o, at);
    *any = *any || got > 0;
    *left -= got > 0 ? got : 0;
}

/* Those that overlap what may be read from there; null for who reads what is not committed too. */
static void put_aborted(struct kreq *r, struct fetch_part *p)
{
    const struct fetch *f = r->state;
    struct kout *o = &r->out;
    struct txn_aborts a = {0};
    struct err err;
    int64_t end = p->part && !p->error && f->committed ? read_end(f, p->part->log) : -1;
    if (end > p->offset && plog_read_bound(p->part->log, p->offset) < end)
        end = plog_read_bound(p->part->log, p->offset); /* not all segments to the log's end are asked */
    if (end > p->offset && plog_aborted(p->part->log, p->offset, end, &a, &err)) {
        log_err(LOG_ERROR, "hub", &err);
        p->error = kerr_of(&err);
    }
    kout_count(o, f->committed ? (int32_t)a.count : -1);
    for (size_t i = 0; i < a.count; i++) {
        kout_i64(o, a.items[i].producer_id);
        kout_i64(o, a.items[i].first);
        kout_tags(o);
    }
    txn_aborts_release(&a);
}

static void put_part(struct kreq *r, struct fetch_part *p, int64_t *left, bool *any)
{
    struct kout *o = &r->out;
    struct plog *log = p->part ? p->part->log : NULL;
    kout_i32(o, p->index);
    size_t error_at = o->b.len;
    kout_i16(o, (int16_t)p->error);
    kout_i64(o, log ? log->high_watermark : -1);
    kout_i64(o, log ? plog_stable_offset(log) : -1);
    if (r->version >= 5)
        kout_i64(o, log ? log->start_offset : -1);
    put_aborted(r, p);
    if (p->error && !o->b.overflow)
        be16_put(o->b.ptr + error_at, (uint16_t)p->error);
    if (r->version >= 11)
        kout_i32(o, -1); /* preferred read replica */
    if (log && !p->error && *left > 0 && !o->b.overflow)
        put_records(r, p, error_at, left, any);
    else
        kout_nbytes(o, STR(""));
    kout_tags(o);
}

static void answer(struct kreq *r)
{
    struct fetch *f = r->state;
    struct kout *o = &r->out;
    int64_t left = f->max_bytes < FETCH_RESPONSE_BYTES ? f->max_bytes : FETCH_RESPONSE_BYTES;
    bool any = false;
    kout_i32(o, 0); /* throttle */
    if (r->version >= 7) {
        kout_i16(o, f->error);
        kout_i32(o, 0); /* no session */
    }
    int32_t count = f->error ? 0 : f->count;
    kout_count(o, count);
    for (int32_t i = 0; i < count; i++) {
        struct fetch_topic *t = &f->topics[i];
        if (r->version >= 13)
            kout_uuid(o, t->id);
        else
            kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++)
            put_part(r, &t->parts[j], &left, &any);
        kout_tags(o);
    }
    kout_tags(o);
}

static void stop_waiting(struct fetch *f)
{
    if (!f->waiting)
        return;
    f->waiting = false;
    for (int32_t i = 0; i < f->count; i++)
        for (int32_t j = 0; j < f->topics[i].count; j++)
            fetch_link_remove(&f->topics[i].parts[j].link);
    ev_timer_free(f->timer);
    f->timer = NULL;
}

static void finish(struct kreq *r)
{
    struct fetch *f = r->state;
    stop_waiting(f);
    answer(r);
    kreq_done(r);
}

static void on_cancel(struct kreq *r)
{
    stop_waiting(r->state);
    kreq_done(r);
}

static void on_timeout(void *arg)
{
    finish(arg);
}

static void on_wake(void *arg);

static void wait_again(struct kreq *r)
{
    struct fetch *f = r->state;
    for (int32_t i = 0; i < f->count; i++)
        for (int32_t j = 0; j < f->topics[i].count; j++) {
            struct fetch_part *p = &f->topics[i].parts[j];
            if (!p->link.prev)
                fetch_link_add(&p->link, p->part, on_wake, r);
        }
}

static void on_wake(void *arg)
{
    struct kreq *r = arg;
    struct fetch *f = r->state;
    for (int32_t i = 0; i < f->count; i++)
        for (int32_t j = 0; j < f->topics[i].count; j++) {
            struct fetch_part *p = &f->topics[i].parts[j];
            if (p->part->topic->deleted)
                p->error = KERR_UNKNOWN_TOPIC_OR_PARTITION, p->part = NULL;
        }
    if (ready(f))
        finish(r);
    else
        wait_again(r);
}

void kafka_fetch(struct kreq *r)
{
    struct fetch *f = ARENA_NEW(r->arena, struct fetch);
    r->state = f;
    if (!read_request(r, f))
        return;
    if (f->max_wait_ms <= 0 || ready(f)) {
        for (int32_t i = 0; i < f->count; i++)
            for (int32_t j = 0; j < f->topics[i].count; j++)
                check_part(&f->topics[i].parts[j]);
        answer(r);
        kreq_done(r);
        return;
    }
    f->waiting = true;
    r->cancel = on_cancel;
    f->timer = ev_timer_new(r->hub->loop, on_timeout, r);
    ev_timer_start(f->timer, f->max_wait_ms < FETCH_MAX_WAIT_MS ? f->max_wait_ms : FETCH_MAX_WAIT_MS, 0);
    wait_again(r);
}
