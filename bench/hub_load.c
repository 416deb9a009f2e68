/* hub_load -- a Kafka client that loads a broker and measures it, on librdkafka. One JSON line of what it saw.
 *
 *     hub_load produce BROKER TOPIC COUNT SIZE      acks=all, as fast as it goes: records a second
 *     hub_load consume BROKER TOPIC COUNT           from the earliest offset: records a second
 *     hub_load latency BROKER TOPIC RATE SECONDS SIZE
 *             acks=all at a rate; milliseconds from the call of produce to its acknowledgement, and from the call to the
 *             record in the hands of a consumer that waits for it
 *
 * A latency run begins when its consumer waits; its first fifth warms up and is not counted. A record carries the time of its call in its first bytes. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_NS = 1000000, WAIT_MS = 60000, MAX_SIZE = 1 << 20 };

struct samples { float *ms; size_t count, max; };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "hub_load: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail(name, why);
}

static struct samples samples_new(size_t max)
{
    struct samples s = {calloc(max, sizeof *s.ms), 0, max};
    if (!s.ms)
        fail("memory", "there is not enough");
    return s;
}

static void add(struct samples *s, int64_t ns)
{
    if (s->count < s->max)
        s->ms[s->count++] = (float)ns / 1e6f;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_percentiles(const char *name, struct samples *s)
{
    static const struct { const char *name; double at; } PARTS[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    if (!s->count)
        fail(name, "nothing was measured");
    qsort(s->ms, s->count, sizeof *s->ms, by_value);
    printf("\"%s\":{", name);
    for (size_t i = 0; i < 3; i++)
        printf("%s\"%s\":%.3f", i ? "," : "", PARTS[i].name, (double)s->ms[(size_t)((double)(s->count - 1) * PARTS[i].at)]);
    printf("}");
}

/* ------------------------------------------------------------------ producer */

struct run {
    rd_kafka_t *producer, *consumer;
    rd_kafka_topic_t *topic;
    struct samples acks, ends;
    int64_t measured_from_ns;
    atomic_long acked, failed;
    long count;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct run *r = opaque;
    int64_t sent = (int64_t)(intptr_t)m->_private;
    (void)rk;
    if (m->err) {
        atomic_fetch_add(&r->failed, 1);
        return;
    }
    atomic_fetch_add(&r->acked, 1);
    if (sent >= r->measured_from_ns && r->acks.ms)
        add(&r->acks, now_ns() - sent);
}

static void open_producer(struct run *r, const char *broker, const char *topic, const char *linger_ms)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    set(conf, "bootstrap.servers", broker);
    set(conf, "acks", "all");
    set(conf, "linger.ms", linger_ms);
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "queue.buffering.max.kbytes", "262144");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, r);
    r->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!r->producer)
        fail("producer", why);
    r->topic = rd_kafka_topic_new(r->producer, topic, NULL);
}

static void send_record(struct run *r, char *record, size_t size)
{
    int64_t at = now_ns();
    memcpy(record, &at, sizeof at);
    while (rd_kafka_produce(r->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, record, size, NULL, 0, (void *)(intptr_t)at)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(r->producer, 1);
    }
}

static void close_producer(struct run *r)
{
    if (rd_kafka_flush(r->producer, WAIT_MS) || atomic_load(&r->failed))
        fail("produce", "not every record was acknowledged");
    rd_kafka_topic_destroy(r->topic);
    rd_kafka_destroy(r->producer);
}

static char *record_new(size_t size)
{
    char *record = malloc(size);
    if (!record || size < sizeof(int64_t) || size > MAX_SIZE)
        fail("SIZE", "a record has 8 bytes to a million");
    for (size_t i = 0; i < size; i++)
        record[i] = (char)('a' + i * 7 % 26);
    return record;
}

static void produce(const char *broker, const char *topic, long count, size_t size)
{
    struct run r = {0};
    char *record = record_new(size);
    open_producer(&r, broker, topic, "5");
    int64_t start = now_ns();
    for (long i = 0; i < count; i++) {
        send_record(&r, record, size);
        if (i % 1000 == 0)
            rd_kafka_poll(r.producer, 0);
    }
    if (rd_kafka_flush(r.producer, WAIT_MS))
        fail("produce", "not every record was acknowledged in time");
    double seconds = (double)(now_ns() - start) / 1e9;
    close_producer(&r);
    printf("{\"records_s\":%.0f,\"seconds\":%.3f}\n", (double)count / seconds, seconds);
    free(record);
}

/* ------------------------------------------------------------------ consumer */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    (void)opaque;
    rd_kafka_assign(rk, err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? list : NULL);
}

static void open_consumer(struct run *r, const char *broker, const char *topic)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256], group[64];
    snprintf(group, sizeof group, "bench-%lld", (long long)now_ns());
    set(conf, "bootstrap.servers", broker);
    set(conf, "group.id", group);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "queued.min.messages", "1000000");
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    r->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!r->consumer)
        fail("consumer", why);
    rd_kafka_poll_set_consumer(r->consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(r->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        fail("subscribe", rd_kafka_err2str(err));
}

static void close_consumer(struct run *r)
{
    rd_kafka_consumer_close(r->consumer);
    rd_kafka_destroy(r->consumer);
}

/* A record, or NULL for an event of the client. */
static rd_kafka_message_t *take(struct run *r)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(r->consumer, WAIT_MS);
    if (!m)
        fail("consume", "no record came within a minute");
    if (!m->err)
        return m;
    if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && m->err != RD_KAFKA_RESP_ERR__TRANSPORT)
        fail("consume", rd_kafka_message_errstr(m));
    rd_kafka_message_destroy(m);
    return NULL;
}

/* Seconds from the first record to the last: joining a group is not part of it. */
static void consume(const char *broker, const char *topic, long count)
{
    struct run r = {0};
    int64_t first = 0;
    open_consumer(&r, broker, topic);
    for (long n = 0; n < count;) {
        rd_kafka_message_t *m = take(&r);
        if (!m)
            continue;
        if (n++ == 0)
            first = now_ns();
        rd_kafka_message_destroy(m);
    }
    double seconds = (double)(now_ns() - first) / 1e9;
    close_consumer(&r);
    printf("{\"records_s\":%.0f,\"seconds\":%.3f}\n", (double)count / seconds, seconds);
}

/* ------------------------------------------------------------------ latency */

static void *receive(void *arg)
{
    struct run *r = arg;
    for (long n = 0; n < r->count;) {
        rd_kafka_message_t *m = take(r);
        int64_t sent;
        if (!m)
            continue;
        n++;
        memcpy(&sent, m->payload, sizeof sent);
        if (sent >= r->measured_from_ns)
            add(&r->ends, now_ns() - sent);
        rd_kafka_message_destroy(m);
    }
    return NULL;
}

static void sleep_until(int64_t at_ns)
{
    struct timespec t = {at_ns / 1000000000, at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
        ;
}

static void latency(const char *broker, const char *topic, long rate, long seconds, size_t size)
{
    struct run r = {.count = rate * seconds};
    char *record = record_new(size);
    pthread_t receiver;
    r.acks = samples_new((size_t)r.count);
    r.ends = samples_new((size_t)r.count);
    open_producer(&r, broker, topic, "0");
    send_record(&r, record, size); /* makes the topic */
    if (rd_kafka_flush(r.producer, WAIT_MS))
        fail("produce", "no topic is made on first use");
    open_consumer(&r, broker, topic);
    rd_kafka_message_t *m;
    while (!(m = take(&r)))
        ;
    rd_kafka_message_destroy(m); /* the consumer has joined and waits */
    int64_t start = now_ns();
    r.measured_from_ns = start + seconds * INT64_C(200000000);
    if (pthread_create(&receiver, NULL, receive, &r))
        fail("thread", "it does not start");
    for (long sent = 0, tick = 1; sent < r.count; tick++) {
        for (long due = tick * rate / (1000000000 / TICK_NS); sent < due && sent < r.count; sent++)
            send_record(&r, record, size);
        rd_kafka_poll(r.producer, 0);
        sleep_until(start + tick * TICK_NS);
    }
    pthread_join(receiver, NULL);
    close_producer(&r);
    close_consumer(&r);
    printf("{");
    print_percentiles("produce_ms", &r.acks);
    printf(",");
    print_percentiles("end_to_end_ms", &r.ends);
    printf("}\n");
    free(r.acks.ms);
    free(r.ends.ms);
    free(record);
}

static long number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || n < 1)
        fail(text, "a number above 0 is needed");
    return n;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "produce") == 0)
        produce(argv[2], argv[3], number(argv[4]), (size_t)number(argv[5]));
    else if (argc == 5 && strcmp(argv[1], "consume") == 0)
        consume(argv[2], argv[3], number(argv[4]));
    else if (argc == 7 && strcmp(argv[1], "latency") == 0)
        latency(argv[2], argv[3], number(argv[4]), number(argv[5]), (size_t)number(argv[6]));
    else
        fail("usage", "produce BROKER TOPIC COUNT SIZE | consume BROKER TOPIC COUNT | latency BROKER TOPIC RATE SECONDS SIZE");
    return 0;
}
