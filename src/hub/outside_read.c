/* outside_read -- a range of an outside hub as a file of record batches.
 *
 * Partitions of the range are fetched side by side from explicit offsets. What comes is written in batches of runs without
 * a gap, as the log would hold them, so that offsets, timestamps and headers are told by the scan of reader.c. A partition is
 * over at the first event at or behind its end, or where the broker says that nothing committed comes before it (markers
 * and aborted events take offsets and are no events), or when its share of the bytes is used up: then its range is cut.
 *
 * Thread: a worker, in the asking lane; the answer is on the owner's loop. */
#include "hub/outside_int.h"
#include "hub/reader_int.h"
#include <stdio.h>
#include <string.h>

enum { BATCH_FLUSH_BYTES = 64 << 10, POLL_MS = 200, POLL_MESSAGES = 500 };

/* One partition on its way. */
struct part {
    struct hub_range range;          /* `to` is cut as the share is used up */
    struct batch_builder builder;
    int64_t first;                   /* offset of the first record in the builder */
    int64_t bytes;
    int16_t attributes;              /* of the batch in the builder */
    bool started, over;
};

struct read_job {
    struct outside_job job;
    char *name;
    struct hub_ranges ranges;
    int64_t share;                   /* bytes of one partition */
    struct part *parts;              /* one a range */
    int32_t *by_partition;           /* number of the range + 1; 0: none */
    int32_t part_count;              /* of parts, once they are made */
    int32_t partition_count, left;   /* ranges that are not over */
    struct seg *seg;                 /* the file */
    struct reader_piece *pieces;
    size_t piece_count, piece_cap;
    void (*fn)(void *arg, struct hub_reader *r, const struct err *err);
    void *arg;
};

/* ------------------------------------------------------------------ the file */

static int open_file(struct outside *x, struct read_job *j, struct err *err)
{
    char name[40];
    struct arena *a = arena_new();
    snprintf(name, sizeof name, "read-%ju", (uintmax_t)x->files++);
    char *path = path_join(a, x->dir, name);
    j->seg = seg_new(x->dir, 0);
    j->seg->fd = fs_open(path, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, err);
    int rc = j->seg->fd < 0 ? -1 : fs_unlink(path, err);
    arena_free(a);
    return rc;
}

static int flush(struct read_job *j, struct part *p, struct err *err)
{
    struct seg *s = j->seg;
    int32_t number = (int32_t)(p - j->parts);
    if (!p->builder.count)
        return 0;
    struct str bytes = batch_finish_as(&p->builder, p->attributes, -1, -1, -1);
    batch_set_place((char *)bytes.ptr, p->first, 0);
    if (fs_pwrite_all(s->fd, bytes.ptr, bytes.len, s->size, err))
        return -1;
    struct reader_piece *last = j->piece_count ? &j->pieces[j->piece_count - 1] : NULL;
    if (!last || last->range != number) {
        j->pieces = mem_grow(j->pieces, &j->piece_cap, j->piece_count + 1, sizeof *last);
        last = &j->pieces[j->piece_count++];
        *last = (struct reader_piece){.range = number, .pos = s->size};
    }
    s->size += (int64_t)bytes.len;
    s->synced = last->end = s->size;
    batch_begin(&p->builder);
    return 0;
}

/* Returns the count of headers in `out`, -1: too many. */
static int64_t read_headers(const rd_kafka_message_t *m, struct event_header out[BATCH_MAX_HEADERS])
{
    rd_kafka_headers_t *h;
    const char *name;
    const void *value;
    size_t n, count = 0;
    if (rd_kafka_message_headers(m, &h))
        return 0;
    while (rd_kafka_header_get_all(h, count, &name, &value, &n) == 0) {
        if (count == BATCH_MAX_HEADERS)
            return -1;
        out[count++] = (struct event_header){str_z(name), {value, value ? n : 0}};
    }
    return (int64_t)count;
}

static int add(struct read_job *j, struct part *p, const rd_kafka_message_t *m, struct err *err)
{
    struct event_header headers[BATCH_MAX_HEADERS];
    rd_kafka_timestamp_type_t type;
    int64_t at = rd_kafka_message_timestamp(m, &type), count = read_headers(m, headers);
    int16_t attributes = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? BATCH_LOG_APPEND_TIME : 0;
    struct batch_builder *w = &p->builder;
    if (count < 0)
        return err_set(err, ERR_LIMIT, "the event of hub '%s', partition %d, offset %jd has more than %d headers", j->name, m->partition, (intmax_t)m->offset,
                       BATCH_MAX_HEADERS);
    bool other = m->offset != p->first + w->count || attributes != p->attributes || (attributes && at != w->base_ts);
    if (w->count && (other || w->out.b.len > BATCH_FLUSH_BYTES) && flush(j, p, err))
        return -1;
    if (!w->count)
        p->first = m->offset;
    p->attributes = attributes;
    batch_add(w, at, str_of(m->key, m->key ? m->key_len : 0), str_of(m->payload, m->payload ? m->len : 0), headers, (size_t)count);
    p->bytes += (int64_t)(m->len + m->key_len) + BATCH_HEADER;
    return 0;
}

/* ------------------------------------------------------------------ fetching */

static void part_over(struct read_job *j, rd_kafka_topic_t *t, struct part *p)
{
    p->over = true;
    j->left--;
    rd_kafka_consume_stop(t, p->range.partition);
    p->started = false;
}

static struct part *part_of(struct read_job *j, int32_t partition)
{
    int32_t n = partition >= 0 && partition < j->partition_count ? j->by_partition[partition] : 0;
    return n && !j->parts[n - 1].over ? &j->parts[n - 1] : NULL;
}

static int out_of_range(struct read_job *j, const struct part *p, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "offsets %jd to %jd of hub '%s' partition %d are not there any more", (intmax_t)p->range.from, (intmax_t)p->range.to, j->name,
            p->range.partition);
    err->retriable = true;
    return -1;
}

/* One thing that the queue gave: 1 something new, 0 not, -1. */
static int take(struct read_job *j, rd_kafka_topic_t *t, const rd_kafka_message_t *m, struct err *err)
{
    struct outside *x = j->job.outside;
    struct part *p = part_of(j, m->partition);
    if (!p)
        return m->err && !m->rkt ? outside_failed(x, &x->consumer, m->err, j->name, err) : 0;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->offset >= p->range.to)
            part_over(j, t, p);
        return 0;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return out_of_range(j, p, err);
    if (m->err)
        return outside_failed(x, &x->consumer, m->err, j->name, err);
    if (m->offset >= p->range.to) {
        part_over(j, t, p);
        return 1;
    }
    if (m->offset < p->range.from)
        return 0;
    if (add(j, p, m, err))
        return -1;
    if (p->bytes > j->share)
        p->range.to = m->offset + 1;
    if (m->offset + 1 >= p->range.to)
        part_over(j, t, p);
    return 1;
}

static int take_some(struct read_job *j, rd_kafka_topic_t *t, rd_kafka_queue_t *q, bool *moved, struct err *err)
{
    rd_kafka_message_t *some[POLL_MESSAGES];
    ssize_t n = rd_kafka_consume_batch_queue(q, POLL_MS, some, POLL_MESSAGES);
    int rc = 0;
    for (ssize_t i = 0; i < n; i++) {
        int got = rc ? 0 : take(j, t, some[i], err);
        rc = got < 0 ? -1 : rc;
        *moved |= got == 1;
        rd_kafka_message_destroy(some[i]);
    }
    return rc;
}

static int fetch(struct outside *x, struct read_job *j, rd_kafka_topic_t *t, rd_kafka_queue_t *q, struct err *err)
{
    for (int32_t i = 0; i < j->ranges.count; i++) {
        struct part *p = &j->parts[i];
        if (p->range.from >= p->range.to)
            p->over = true;
        else if (rd_kafka_consume_start_queue(t, p->range.partition, p->range.from, q))
            return outside_failed(x, &x->consumer, rd_kafka_last_error(), j->name, err);
        else
            p->started = true;
        j->left += !p->over;
    }
    for (int64_t moved_us = time_mono_us(); j->left > 0;) {
        bool moved = false;
        if (take_some(j, t, q, &moved, err))
            return -1;
        moved_us = moved ? time_mono_us() : moved_us;
        if (x->closing)
            return err_set(err, ERR_CANCELED, "the hub is closing");
        if (time_mono_us() - moved_us > OUTSIDE_STALL_MS * INT64_C(1000))
            return outside_failed(x, &x->consumer, RD_KAFKA_RESP_ERR__TIMED_OUT, j->name, err);
    }
    return 0;
}

static int fetch_all(struct outside *x, struct read_job *j, struct err *err)
{
    int32_t count;
    if (outside_consumer(x, err))
        return -1;
    rd_kafka_topic_t *t = outside_topic(x, j->name);
    if (outside_partitions(x, &x->consumer, t, &count, err))
        return -1;
    for (int32_t i = 0; i < j->ranges.count; i++)
        if (j->ranges.items[i].partition >= count)
            return err_set(err, ERR_NOT_FOUND, "hub '%s' at %s has no partition %d", j->name, x->at.shown, j->ranges.items[i].partition);
    rd_kafka_queue_t *q = rd_kafka_queue_new(x->consumer.rk);
    int rc = fetch(x, j, t, q, err);
    for (int32_t i = 0; i < j->ranges.count; i++) {
        struct part *p = &j->parts[i];
        if (p->started)
            rd_kafka_consume_stop(t, p->range.partition);
        if (rc == 0)
            rc = flush(j, p, err);
        j->ranges.items[i] = p->range;
    }
    rd_kafka_queue_destroy(q);
    return rc;
}

/* ------------------------------------------------------------------ the call */

static void make_parts(struct read_job *j)
{
    j->parts = mem_alloc(sizeof *j->parts * (size_t)(j->ranges.count + 1));
    j->part_count = j->ranges.count;
    for (int32_t i = 0; i < j->ranges.count; i++)
        if (j->ranges.items[i].partition >= j->partition_count)
            j->partition_count = j->ranges.items[i].partition + 1;
    j->by_partition = mem_alloc(sizeof *j->by_partition * (size_t)(j->partition_count + 1));
    for (int32_t i = 0; i < j->ranges.count; i++) {
        j->parts[i].range = j->ranges.items[i];
        batch_builder_init(&j->parts[i].builder);
        batch_begin(&j->parts[i].builder);
        j->by_partition[j->ranges.items[i].partition] = i + 1;
    }
}

static void read_work(struct outside_job *job)
{
    struct read_job *j = (struct read_job *)job;
    make_parts(j);
    job->rc = open_file(job->outside, j, &job->err) || fetch_all(job->outside, j, &job->err) ? -1 : 0;
}

static void read_done(struct outside_job *job)
{
    struct read_job *j = (struct read_job *)job;
    struct hub_reader *r = NULL;
    if (!job->rc)
        r = reader_over(job->outside->hub, j->name, &j->ranges, j->seg, j->pieces, j->piece_count);
    else if (j->seg)
        seg_unref(j->seg);
    j->fn(j->arg, r, r ? NULL : &job->err);
    for (int32_t i = 0; i < j->part_count; i++)
        batch_builder_release(&j->parts[i].builder);
    mem_free(j->pieces);
    mem_free(j->by_partition);
    mem_free(j->parts);
    mem_free(j->ranges.items);
    mem_free(j->name);
    mem_free(j);
}

void outside_reader_open(struct outside *x, const char *name, const struct hub_ranges *ranges, int64_t max_bytes,
                         void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg)
{
    struct read_job *j = NEW(struct read_job);
    int32_t n = ranges->count;
    int64_t most = max_bytes && max_bytes < OUTSIDE_READ_BYTES ? max_bytes : OUTSIDE_READ_BYTES;
    *j = (struct read_job){.job = {.work = read_work, .done = read_done}, .name = mem_strdup(name), .fn = fn, .arg = arg, .share = n ? most / n : most};
    j->ranges = (struct hub_ranges){.count = n, .items = mem_alloc(sizeof *ranges->items * (size_t)(n + 1))};
    if (n)
        memcpy(j->ranges.items, ranges->items, sizeof *ranges->items * (size_t)n);
    outside_put(&x->ask, &j->job);
}

/* ------------------------------------------------------------------ the consumer */

int outside_consumer(struct outside *x, struct err *err)
{
    static const char *const settings[] = {"enable.auto.commit", "false", "enable.auto.offset.store", "false", "auto.commit.enable", "false",
                                           "enable.partition.eof", "true", "isolation.level", "read_committed", "auto.offset.reset", "error",
                                           "fetch.wait.max.ms", "50", "fetch.error.backoff.ms", "100", "queued.max.messages.kbytes", "16384", NULL};
    return x->consumer.rk ? 0 : outside_client_open(x, &x->consumer, RD_KAFKA_CONSUMER, settings, err);
}

rd_kafka_topic_t *outside_topic(struct outside *x, const char *name)
{
    rd_kafka_topic_t *t = map_get(x->topics, str_z(name));
    if (!t)
        map_put(x->topics, str_z(name), t = rd_kafka_topic_new(x->consumer.rk, name, NULL));
    return t;
}
