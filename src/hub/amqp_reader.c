/* amqp_reader.c -- links on which clients receive events: position, epochs, reading, waiting.
 *
 * A reader has a position in one partition. Its pump sends records from there while credit, window and
 * socket allow; at the end of the log it waits in the partition's list. It holds one chunk of the log at
 * most, decoded batch by batch, and gives it back when it is used up.
 *
 * Position: the source's filter "apache.org:selector-filter:string", one comparison:
 *     amqp.annotation.x-opt-offset > '…' | '@latest'     or >=, offset being the sequence number in text
 *     amqp.annotation.x-opt-sequence-number > '…'
 *     amqp.annotation.x-opt-enqueued-time > '…'           ms since 1970
 *
 * Epochs: the property com.microsoft:epoch makes a reader the only one of its group on its partition. It
 * takes the place of those with no epoch and of those with one that is not higher: they are detached with
 * amqp:link:stolen; a reader with a lower epoch, or none, is refused with that. */
#include "hub/amqp_int.h"
#include <string.h>

enum { CHUNK_BYTES = 256 << 10, MAX_GROUP = 256 };
#define FILTER "apache.org:selector-filter:string"
#define STOLEN "amqp:link:stolen"

/* ------------------------------------------------------------------ position */

struct position { enum { BY_OFFSET, BY_TIME } by; bool latest, inclusive; int64_t value; };

static bool filter_read(struct str s, struct position *out)
{
    static const struct { const char *name; int by; } names[] = {
        {"amqp.annotation.x-opt-offset", BY_OFFSET},
        {"amqp.annotation.x-opt-sequence-number", BY_OFFSET},
        {"amqp.annotation.x-opt-enqueued-time", BY_TIME},
        {"amqp.annotation.x-opt-enqueuedtimeutc", BY_TIME},
    };
    int64_t gt = str_chr(s, '>');
    if (gt < 0)
        return false;
    struct str name = str_trim(str_sub(s, 0, (size_t)gt)), value = str_trim(str_from(s, (size_t)gt + 1));
    out->inclusive = value.len && value.ptr[0] == '=';
    if (out->inclusive)
        value = str_trim(str_from(value, 1));
    if (value.len >= 2 && value.ptr[0] == '\'' && value.ptr[value.len - 1] == '\'')
        value = str_sub(value, 1, value.len - 2);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eqz(name, names[i].name)) {
            out->by = names[i].by;
            out->latest = out->by == BY_OFFSET && str_eqz(value, "@latest");
            return out->latest || str_i64(value, &out->value);
        }
    return false;
}

static int position_of(const struct amqp_attach *a, struct position *out, struct amqp_error *e)
{
    struct amqp_val filter = amqp_map_get(&a->filter, FILTER);
    *out = (struct position){.value = -1};
    if (a->filter.type == AMQP_NULL || a->filter.count == 0)
        return 0;
    if (!amqp_val_text(&filter) || !filter_read(filter.bytes, out))
        return amqp_fail(e, "amqp:invalid-field", "the filter '%.*s' is not one of Event Hubs'", STR_ARGS(filter.bytes));
    return 0;
}

static int find_offset(struct amqp_link *l, struct plog *log, const struct position *p, struct amqp_error *e)
{
    struct err err;
    int64_t found_ts;
    l->offset = log->high_watermark;
    if (p->latest)
        return 0;
    if (p->by == BY_TIME) {
        if (plog_offset_of_time(log, p->value + (p->inclusive ? 0 : 1), &l->offset, &found_ts, &err))
            return amqp_fail(e, "amqp:internal-error", "%s", err.msg);
        if (l->offset < 0)
            l->offset = log->high_watermark;
    } else {
        if (p->value > log->high_watermark)
            return amqp_fail(e, "com.microsoft:argument-error",
                             "The supplied offset '%jd' is invalid. The last offset in the system is '%jd'", (intmax_t)p->value,
                             (intmax_t)log->high_watermark - 1);
        l->offset = p->value + (p->inclusive ? 0 : 1);
    }
    if (l->offset < log->start_offset)
        l->offset = log->start_offset;
    return 0;
}

/* ------------------------------------------------------------------ epochs */

static bool rivals(const struct amqp_link *a, const struct amqp_link *b)
{
    return a != b && a->partition == b->partition && !memcmp(a->topic_id, b->topic_id, sizeof a->topic_id) && !strcmp(a->group, b->group);
}

static int take_place(struct amqp_link *l, struct amqp_error *e)
{
    struct amqp *q = l->session->conn->amqp;
    struct amqp_error stolen;
    for (struct amqp_link *r = q->readers; r; r = r->next_reader)
        if (rivals(l, r) && r->epoch > l->epoch)
            return amqp_fail(e, STOLEN, "A receiver with a higher epoch of '%jd' already exists. A new receiver with epoch %jd cannot be created.",
                             (intmax_t)r->epoch, (intmax_t)(l->epoch < 0 ? 0 : l->epoch));
    for (struct amqp_link *r = q->readers, *next; r && l->epoch >= 0; r = next) {
        next = r->next_reader;
        if (!rivals(l, r))
            continue;
        amqp_fail(&stolen, STOLEN, "New receiver with higher epoch of '%jd' is created hence current receiver with epoch '%jd' is getting disconnected.",
                  (intmax_t)l->epoch, (intmax_t)(r->epoch < 0 ? 0 : r->epoch));
        struct amqp_conn *c = r->session->conn;
        amqp_detach(r, &stolen);
        if (c != l->session->conn)
            amqp_flush(c);
    }
    return 0;
}

static struct partition *find_partition(struct amqp_link *l, const struct amqp_address *where, struct amqp_error *e)
{
    struct topic *t = amqp_topic(l->session->conn, where->hub, e);
    struct partition *p = t && where->partition >= 0 ? topic_partition(t, where->partition) : NULL;
    if (t && !p)
        amqp_fail(e, "com.microsoft:argument-out-of-range", "The specified partition is invalid: hub '%s' has partitions 0 to %d", t->name,
                  t->part_count - 1);
    return p;
}

int amqp_reader_open(struct amqp_link *l, const struct amqp_attach *a, struct amqp_error *e)
{
    struct amqp_address where;
    struct amqp_conn *c = l->session->conn;
    struct position from;
    struct amqp_val epoch = amqp_map_get(&a->properties, "com.microsoft:epoch");
    if (!amqp_address_read(a->source_address, &where) || where.publisher.ptr || where.group.len > MAX_GROUP)
        return amqp_fail(e, "amqp:not-found", "'%.*s' is nothing to receive from", STR_ARGS(a->source_address));
    if (!amqp_may(c, SAS_LISTEN, where.hub))
        return amqp_fail(e, "amqp:unauthorized-access", "Unauthorized access. 'Listen' claim(s) are required to perform this operation on '%.*s'.",
                         STR_ARGS(where.hub));
    struct partition *p = find_partition(l, &where, e);
    if (!p || position_of(a, &from, e) || find_offset(l, p->log, &from, e))
        return -1;
    if (epoch.type != AMQP_NULL && (!amqp_val_i64(&epoch, &l->epoch) || l->epoch < 0))
        return amqp_fail(e, "amqp:invalid-field", "an epoch is a number from 0");
    l->hub = mem_strdup(p->topic->name);
    l->where = mem_strdup(l->hub);
    l->group = where.group.ptr ? str_dup(where.group) : mem_strdup("$Default");
    l->partition = where.partition;
    l->metrics = amqp_names(&a->desired, "com.microsoft:enable-receiver-runtime-metric");
    memcpy(l->topic_id, p->topic->id, sizeof l->topic_id);
    if (take_place(l, e))
        return -1;
    l->next_reader = c->amqp->readers;
    l->prev_reader = &c->amqp->readers;
    if (l->next_reader)
        l->next_reader->prev_reader = &l->next_reader;
    c->amqp->readers = l;
    return 0;
}

static void chunk_drop(struct amqp_link *l)
{
    buf_release(&l->chunk);
    buf_init(&l->chunk);
    batch_reader_release(&l->records);
    batch_reader_init(&l->records);
    l->chunk_at = 0;
}

void amqp_reader_close(struct amqp_link *l)
{
    if (l->prev_reader) {
        *l->prev_reader = l->next_reader;
        if (l->next_reader)
            l->next_reader->prev_reader = l->prev_reader;
        l->prev_reader = NULL;
    }
    fetch_link_remove(&l->wait);
    chunk_drop(l);
}

/* ------------------------------------------------------------------ reading */

static void on_wake(void *arg)
{
    struct amqp_link *l = arg;
    struct amqp_conn *c = l->session->conn;
    amqp_reader_pump(l);
    amqp_flush(c);
}

/* The partition, looked up each time: hubs come and go. */
static struct partition *partition_of(struct amqp_link *l, struct amqp_error *e)
{
    struct topic *t = topic_find(l->session->conn->ns, str_z(l->hub));
    if (t && !memcmp(t->id, l->topic_id, sizeof t->id))
        return topic_partition(t, l->partition);
    amqp_fail(e, "amqp:not-found", "hub '%s' was deleted", l->hub);
    return NULL;
}

/* 1 if the batch is of a transaction that was aborted; -1. */
static int is_aborted(struct plog *log, const struct batch *b, struct err *err)
{
    struct txn_aborts a = {0};
    if (!(b->attributes & BATCH_TRANSACTIONAL))
        return 0;
    int rc = plog_aborted(log, b->base_offset, batch_last_offset(b) + 1, &a, err) ? -1 : txn_aborts_hold(&a, b->producer_id, b->base_offset);
    txn_aborts_release(&a);
    return rc;
}

/* Makes the next batch current. 1: it is; 0: the log has no more; -1: *e. */
static int next_batch(struct amqp_link *l, struct partition *p, struct amqp_error *e)
{
    struct err err;
    struct batch head;
    if (l->chunk_at >= l->chunk.len) {
        buf_clear(&l->chunk);
        l->chunk_at = 0;
        if (l->offset < p->log->start_offset) /* retention was faster */
            l->offset = p->log->start_offset;
        int64_t end = plog_stable_offset(p->log); /* nobody here asks for what may yet be aborted */
        if (l->offset >= end)
            return 0;
        int64_t n = plog_read_to(p->log, l->offset, end, CHUNK_BYTES, true, &l->chunk, &err);
        if (n < 0)
            return amqp_fail(e, "amqp:internal-error", "%s", err.msg);
        if (n == 0)
            return 0;
    }
    struct str rest = str_from(buf_view(&l->chunk), l->chunk_at);
    if (!batch_read_header(rest, &head) || (size_t)head.size > rest.len)
        return amqp_fail(e, "amqp:internal-error", "the log of '%s' is damaged at offset %jd", l->hub, (intmax_t)l->offset);
    l->chunk_at += (size_t)head.size;
    int gone = is_aborted(p->log, &head, &err);
    if (gone < 0)
        return amqp_fail(e, "amqp:internal-error", "%s", err.msg);
    if (gone || (head.attributes & BATCH_CONTROL)) { /* nor are the log's own marks events */
        l->offset = batch_last_offset(&head) + 1;
        return 1;
    }
    return batch_reader_start(&l->records, &head, rest, &err) ? amqp_fail(e, "amqp:internal-error", "%s", err.msg) : 1;
}

/* Encodes the next record into l->message. 1, 0: none is there, -1. */
static int next_record(struct amqp_link *l, struct partition *p, struct amqp_error *e)
{
    struct record r;
    struct err err;
    for (;;) {
        int got = batch_reader_next(&l->records, &r, &err);
        if (got < 0)
            return amqp_fail(e, "amqp:internal-error", "%s", err.msg);
        if (got == 0) {
            got = next_batch(l, p, e);
            if (got <= 0)
                return got;
            continue;
        }
        if (r.offset < l->offset)
            continue;
        struct amqp_last last;
        int64_t ignored;
        if (l->metrics) {
            last = (struct amqp_last){.sequence = p->log->high_watermark - 1, .now_ms = time_now_ms()};
            plog_max_time(p->log, &ignored, &last.time_ms);
        }
        amqp_record_write(&l->message, &r, l->metrics ? &last : NULL);
        l->offset = r.offset + 1;
        return 1;
    }
}

static void wait_for_more(struct amqp_link *l, struct partition *p)
{
    chunk_drop(l);
    if (l->message.cap > AMQP_MAX_FRAME) { /* what one large event needed */
        buf_release(&l->message);
        buf_init(&l->message);
    }
    if (!l->wait.prev)
        fetch_link_add(&l->wait, p, on_wake, l);
}

void amqp_reader_pump(struct amqp_link *l)
{
    struct amqp_conn *c = l->session->conn;
    struct amqp_error e = {0};
    struct partition *p = partition_of(l, &e);
    while (p && c->stage == AMQP_STAGE_UP) {
        if (l->message.len && !amqp_send_message(l))
            break; /* a flow or the socket goes on with it */
        if (c->out.len >= AMQP_MAX_FRAME)
            amqp_flush(c);
        if (!l->credit || !amqp_has_room(c) || !l->session->remote_window)
            break;
        int got = next_record(l, p, &e);
        if (got < 0)
            p = NULL;
        else if (got == 0) {
            wait_for_more(l, p);
            break;
        } else {
            l->message_id = l->session->next_delivery++;
            l->credit--;
            l->count++;
        }
    }
    if (!p)
        amqp_detach(l, &e);
}
