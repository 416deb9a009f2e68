/* outside_send -- producing to an outside hub: once, also across a crash, where the brokers have transactions.
 *
 * A named producer's batch N:
 *   1. the sender is opened, if it is not: a transactional id of its own, so that what a former process left open ends
 *   2. the number after the last one there is read: the committed offset of its group at partition 0 of the hub. N below
 *      it: the batch is there, and the call succeeds
 *   3. one transaction: the events, and N + 1 as that offset
 * After any error the sender is closed: the next call opens it, and step 2 says what became of the batch.
 * The brokers forget a group's offsets some days after its last use (offsets.retention.minutes, 7 days by default): an outbox that
 * repeats an older batch stores it again.
 *
 * Thread: a worker, in the sending lane. */
#include "hub/outside_int.h"
#include "hub/hub_int.h"
#include "hub/producers.h"
#include <string.h>

struct sender {
    struct outside_client client;
    char *producer;                  /* NULL: the one of batches without */
    char *group;
    bool transactional, ready;       /* ready: transactions may begin */
    struct map *hubs;                /* of struct sender_hub */
};

struct sender_hub {
    rd_kafka_topic_t *topic;
    int32_t partitions;
    int64_t asked_us;                /* when `partitions` was */
    int64_t next;                    /* the number after the last one that is there; -1: not known */
};

enum { PARTITIONS_FRESH_US = 30000000 };

struct send_job {
    struct outside_job job;
    struct arena *arena;
    struct event_batch batch;        /* copied */
    struct outside_delivery delivery;
    hub_done_fn done;
    void *arg;
};

/* ------------------------------------------------------------------ senders */

static void sender_close(struct sender *s)
{
    struct str key;
    void *v;
    for (size_t at = 0; map_next(s->hubs, &at, &key, &v);) {
        rd_kafka_topic_destroy(((struct sender_hub *)v)->topic);
        mem_free(v);
    }
    map_free(s->hubs);
    s->hubs = map_new();
    if (s->client.rk)
        rd_kafka_purge(s->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    if (s->client.rk)
        rd_kafka_poll(s->client.rk, 0);
    outside_client_close(&s->client);
}

void outside_senders_free(struct outside *x)
{
    struct str key;
    void *v;
    for (size_t at = 0; map_next(x->senders, &at, &key, &v);) {
        struct sender *s = v;
        sender_close(s);
        map_free(s->hubs);
        mem_free(s->producer);
        mem_free(s->group);
        mem_free(s);
    }
    map_free(x->senders);
}

static bool refuses_transactions(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || e == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION || e == RD_KAFKA_RESP_ERR_INVALID_REQUEST ||
           e == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

/* Takes the error. */
static int txn_failed(struct outside *x, struct sender *s, rd_kafka_error_t *e, const char *hub, struct err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(e);
    bool generic = code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT;
    char text[200];
    struct str said = str_sub(str_z(rd_kafka_error_string(e)), 0, sizeof text - 1);
    memcpy(text, said.ptr, said.len);
    text[said.len] = 0;
    rd_kafka_error_destroy(e);
    outside_failed(x, &s->client, code, hub, err);
    bool again = err->retriable;
    if (generic && err->code == ERR_IO)
        err_set(err, ERR_IO, "%s, hub %s: %s", x->at.shown, hub, text);
    err->retriable = again;
    return -1;
}

static int sender_open(struct outside *x, struct sender *s, struct err *err)
{
    bool named = s->producer && !x->no_transactions;
    const char *settings[] = {"enable.idempotence", "true", "acks", "all", "message.timeout.ms", "20000", "linger.ms", "0", "compression.type", "lz4",
                              named ? "transactional.id" : NULL, s->group, "transaction.timeout.ms", "60000", NULL};
    if (s->client.rk)
        return 0;
    if (outside_client_open(x, &s->client, RD_KAFKA_PRODUCER, settings, err))
        return -1;
    s->transactional = named;
    s->ready = !named;
    return 0;
}

/* Ends what a former process left open, and fences it off. */
static int sender_ready(struct outside *x, struct sender *s, const char *hub, struct err *err)
{
    rd_kafka_error_t *e = s->ready ? NULL : rd_kafka_init_transactions(s->client.rk, OUTSIDE_SEND_MS);
    s->ready = !e;
    if (!e)
        return 0;
    if (!refuses_transactions(rd_kafka_error_code(e)))
        return txn_failed(x, s, e, hub, err);
    rd_kafka_error_destroy(e);
    log_warn("hub", "%s takes no transactions: events that are sent while the program ends in a crash may be there twice", x->at.shown);
    x->no_transactions = true;
    return err_set(err, ERR_UNSUPPORTED, "%s takes no transactions", x->at.shown);
}

static struct sender *sender_of(struct outside *x, const char *producer, struct err *err)
{
    struct str key = producer ? str_z(producer) : STR("");
    struct sender *s = map_get(x->senders, key);
    if (s)
        return s;
    if (map_count(x->senders) == OUTSIDE_MAX_SENDERS) {
        err_set(err, ERR_LIMIT, "more than %d producers send to namespace '%s'", OUTSIDE_MAX_SENDERS, x->ns);
        return NULL;
    }
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "paystreak.%s.%.*s", x->id, STR_ARGS(key));
    s = NEW(struct sender);
    s->producer = producer ? mem_strdup(producer) : NULL;
    s->group = buf_detach(&b);
    s->hubs = map_new();
    map_put(x->senders, key, s);
    return s;
}

/* ------------------------------------------------------------------ hubs */

/* The number after the last one there. */
static int read_next(struct outside *x, struct sender *s, const char *hub, struct sender_hub *h, struct err *err)
{
    const char *const settings[] = {"group.id", s->group, "enable.auto.commit", "false", "isolation.level", "read_committed", NULL};
    struct outside_client c = {0};
    if (outside_client_open(x, &c, RD_KAFKA_CONSUMER, settings, err))
        return -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, hub, 0);
    rd_kafka_resp_err_t e = rd_kafka_committed(c.rk, list, OUTSIDE_ASK_MS);
    if (!e)
        e = list->elems[0].err;
    h->next = list->elems[0].offset < 0 ? 0 : list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (e)
        outside_failed(x, &c, e, hub, err);
    outside_client_close(&c);
    return e ? -1 : 0;
}

static struct sender_hub *sender_hub_of(struct outside *x, struct sender *s, const char *hub, struct err *err)
{
    struct sender_hub *h = map_get(s->hubs, str_z(hub));
    if (!h) {
        h = NEW(struct sender_hub);
        h->next = -1;
        h->topic = rd_kafka_topic_new(s->client.rk, hub, NULL);
        map_put(s->hubs, str_z(hub), h);
    }
    if (!h->partitions || time_mono_us() - h->asked_us > PARTITIONS_FRESH_US) {
        if (outside_partitions(x, &s->client, h->topic, &h->partitions, err))
            return NULL;
        h->asked_us = time_mono_us();
    }
    if (s->transactional && sender_ready(x, s, hub, err))
        return NULL;
    if (s->transactional && h->next < 0 && read_next(x, s, hub, h, err)) {
        h->next = -1;
        return NULL;
    }
    return h;
}

/* ------------------------------------------------------------------ one batch */

static rd_kafka_headers_t *headers_of(const struct event *e)
{
    if (!e->header_count)
        return NULL;
    rd_kafka_headers_t *h = rd_kafka_headers_new(e->header_count);
    for (size_t i = 0; i < e->header_count; i++) {
        const struct event_header *from = &e->headers[i];
        rd_kafka_header_add(h, from->key.ptr ? from->key.ptr : "", (ssize_t)from->key.len, from->value.ptr, (ssize_t)from->value.len);
    }
    return h;
}

static int produce_one(struct outside *x, struct sender *s, const struct sender_hub *h, struct send_job *j, const struct event *e, int32_t keyless,
                       struct err *err)
{
    int32_t partition = e->key.ptr ? hub_partition_of_key(e->key, h->partitions) : keyless;
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (int64_t end = time_mono_us() + OUTSIDE_SEND_MS * INT64_C(1000); rc == RD_KAFKA_RESP_ERR__QUEUE_FULL && time_mono_us() < end;) {
        rd_kafka_headers_t *headers = headers_of(e); /* taken where it succeeds */
        rc = rd_kafka_producev(s->client.rk, RD_KAFKA_V_RKT(h->topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                               RD_KAFKA_V_KEY(e->key.ptr, e->key.len), RD_KAFKA_V_VALUE((void *)e->body.ptr, e->body.len),
                               RD_KAFKA_V_TIMESTAMP(e->timestamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(&j->delivery), RD_KAFKA_V_END);
        if (rc && headers)
            rd_kafka_headers_destroy(headers);
        if (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(s->client.rk, 100);
    }
    return rc ? outside_failed(x, &s->client, rc, j->batch.hub, err) : 0;
}

static int produce_all(struct outside *x, struct sender *s, struct sender_hub *h, struct send_job *j, struct err *err)
{
    const struct event_batch *b = &j->batch;
    uint64_t n = b->producer ? (uint64_t)producer_named_id(str_z(b->producer)) + (uint64_t)b->number : (uint64_t)time_mono_us();
    int32_t keyless = (int32_t)(n % (uint64_t)h->partitions);
    j->delivery = (struct outside_delivery){.ends = ARENA_ARRAY(j->arena, int64_t, h->partitions), .count = h->partitions};
    for (size_t i = 0; i < b->count; i++)
        if (produce_one(x, s, h, j, &b->events[i], keyless, err))
            return -1;
    return 0;
}

static int commit(struct outside *x, struct sender *s, struct send_job *j, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(s->group);
    rd_kafka_topic_partition_list_add(list, j->batch.hub, 0)->offset = j->batch.number + 1;
    rd_kafka_error_t *e = rd_kafka_send_offsets_to_transaction(s->client.rk, list, group, OUTSIDE_SEND_MS);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    if (!e)
        e = rd_kafka_commit_transaction(s->client.rk, OUTSIDE_SEND_MS);
    if (e && j->delivery.error) { /* it says more than that the transaction must be aborted */
        rd_kafka_error_destroy(e);
        return outside_failed(x, &s->client, j->delivery.error, j->batch.hub, err);
    }
    return e ? txn_failed(x, s, e, j->batch.hub, err) : 0;
}

static int flush_all(struct outside *x, struct sender *s, struct send_job *j, struct err *err)
{
    rd_kafka_resp_err_t e = rd_kafka_flush(s->client.rk, OUTSIDE_SEND_MS);
    if (j->delivery.error)
        e = j->delivery.error;
    return e ? outside_failed(x, &s->client, e, j->batch.hub, err) : 0;
}

static int send_batch(struct outside *x, struct sender *s, struct send_job *j, struct err *err)
{
    if (sender_open(x, s, err))
        return -1;
    struct sender_hub *h = sender_hub_of(x, s, j->batch.hub, err);
    if (!h && s->transactional && x->no_transactions) {
        sender_close(s); /* opened again without them: not twice */
        return send_batch(x, s, j, err);
    }
    if (!h)
        return -1;
    if (!s->transactional)
        return produce_all(x, s, h, j, err) || flush_all(x, s, j, err) ? -1 : 0;
    if (j->batch.number < h->next)
        return 0;
    rd_kafka_error_t *e = rd_kafka_begin_transaction(s->client.rk);
    if (e)
        return txn_failed(x, s, e, j->batch.hub, err);
    if (produce_all(x, s, h, j, err) || commit(x, s, j, err)) {
        e = rd_kafka_abort_transaction(s->client.rk, OUTSIDE_ASK_MS); /* what it cannot tell now is found out by the next opening */
        if (e)
            rd_kafka_error_destroy(e);
        return -1;
    }
    h->next = j->batch.number + 1;
    return 0;
}

static void send_work(struct outside_job *job)
{
    struct send_job *j = (struct send_job *)job;
    struct sender *s = sender_of(job->outside, j->batch.producer, &job->err);
    job->rc = s ? send_batch(job->outside, s, j, &job->err) : -1;
    if (job->rc && s)
        sender_close(s);
}

static void send_done(struct outside_job *job)
{
    struct send_job *j = (struct send_job *)job;
    if (!job->rc)
        outside_sent(job->outside, j->batch.hub, &j->delivery);
    if (j->done)
        j->done(j->arg, job->rc ? &job->err : NULL);
    arena_free(j->arena);
}

void outside_produce(struct outside *x, const struct event_batch *batch, hub_done_fn done, void *arg)
{
    struct arena *a = arena_new();
    struct send_job *j = ARENA_NEW(a, struct send_job);
    CHECK(!batch->producer || (batch->number >= 0 && batch->number <= PRODUCER_MAX_NUMBER));
    j->job.work = send_work;
    j->job.done = send_done;
    j->arena = a;
    j->done = done;
    j->arg = arg;
    hub_copy_batch(a, batch, &j->batch);
    outside_put(&x->send, &j->job);
}
