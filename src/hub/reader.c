/* reader.c -- reading in process: offsets, watches, and read handles that DuckDB scans.
 *
 * A handle holds, for each range, the segments it lies in (a reference each) and the bytes to read:
 * fixed when it is made on the hub loop, so that scans on any thread need nothing but pread(2). Rows
 * are decoded from the record batches straight into DuckDB's vectors. What is there ends at the last stable offset;
 * records of aborted transactions are left out. */
#include "hub/reader_int.h"
#include "hub/amqp_message.h"
#include "hub/outside.h"
#include <string.h>

enum { WINDOW_BYTES = 1 << 20 };

enum column { COL_KEY, COL_VALUE, COL_HEADERS, COL_TOPIC, COL_PARTITION, COL_OFFSET, COL_TIMESTAMP, COL_TIMESTAMP_TYPE,
    COL_BODY, COL_ENQUEUED, COL_SEQUENCE, COL_SYSTEM, COL_PROPERTIES, COL_COUNT };

/* X(name, DuckDB type), in the order of enum column */
#define COLUMNS(X)                                                                                 \
    X("key", "BLOB") X("value", "BLOB") X("headers", "MAP(VARCHAR, BLOB)") X("topic", "VARCHAR")   \
    X("partition", "INTEGER") X("offset", "BIGINT") X("timestamp", "TIMESTAMPTZ")                  \
    X("timestampType", "INTEGER") X("body", "BLOB") X("enqueuedTime", "TIMESTAMPTZ")               \
    X("sequenceNumber", "BIGINT") X("systemProperties", "MAP(VARCHAR, VARCHAR)")                   \
    X("properties", "MAP(VARCHAR, VARCHAR)")

const char *const HUB_COLUMNS[] = {
#define X(name, type) name,
    COLUMNS(X)
#undef X
};
static const char *const COLUMN_TYPES[] = {
#define X(name, type) type,
    COLUMNS(X)
#undef X
};
const size_t HUB_COLUMN_COUNT = COUNT_OF(HUB_COLUMNS);

struct piece { struct seg *seg; int32_t partition; int64_t from, to, pos, end; int32_t range; };

struct hub_reader {
    struct hub *hub;
    struct topic *topic;             /* that it holds; hub loop only. NULL: none */
    char *topic_name;
    struct piece *pieces;
    size_t count, cap;
    struct txn_aborts *aborted;      /* one for each of `ranges` */
    struct hub_ranges ranges;
    struct duck_source source;
};

/* ------------------------------------------------------------------ scanning (any thread) */

struct scan {
    const struct hub_reader *r;
    size_t piece;
    int64_t pos;                     /* of the window's first byte in the segment */
    size_t at;                       /* of the next batch in the window */
    struct buf window;
    struct batch_reader batch;
    bool in_batch;
    bool wanted[COL_COUNT];
    struct event_header headers[BATCH_MAX_HEADERS];
    struct str keys[BATCH_MAX_HEADERS], values[BATCH_MAX_HEADERS];
    struct str system_keys[BATCH_MAX_HEADERS + 1], system_values[BATCH_MAX_HEADERS + 1];
    struct arena *arena;             /* of one chunk: texts made for it */
};

static void *scan_open(void *ctx, struct err *err)
{
    struct scan *s = NEW(struct scan);
    (void)err;
    s->r = ctx;
    s->pos = s->r->count ? s->r->pieces[0].pos : 0;
    s->arena = arena_new();
    buf_init(&s->window);
    batch_reader_init(&s->batch);
    return s;
}

static void scan_close(void *scan)
{
    struct scan *s = scan;
    buf_release(&s->window);
    batch_reader_release(&s->batch);
    arena_free(s->arena);
    mem_free(s);
}

static void next_piece(struct scan *s)
{
    s->piece++;
    buf_clear(&s->window);
    s->at = 0;
    if (s->piece < s->r->count)
        s->pos = s->r->pieces[s->piece].pos;
}

/* Makes the window hold the whole next batch. 1, 0 at the end of the piece, -1. */
static int next_batch(struct scan *s, struct batch *b, struct err *err)
{
    const struct piece *p = &s->r->pieces[s->piece];
    for (int64_t need = WINDOW_BYTES;;) {
        struct str rest = str_from(buf_view(&s->window), s->at);
        bool head = batch_read_header(rest, b);
        if (head && (size_t)b->size <= rest.len)
            return 1;
        int64_t pos = s->pos + (int64_t)s->at;
        if (pos >= p->end)
            return 0;
        if ((rest.len >= BATCH_HEADER && !head) || (head && b->size > p->end - pos))
            return err_set(err, ERR_CORRUPT, "'%s' holds no batch at byte %jd", p->seg->path, (intmax_t)pos);
        if (head && b->size > need)
            need = b->size;
        int64_t n = need < p->end - pos ? need : p->end - pos;
        buf_clear(&s->window);
        int64_t got = fs_pread(p->seg->fd, buf_room(&s->window, (size_t)n), (size_t)n, pos, err);
        if (got < 0)
            return -1;
        if (got < n)
            return err_set(err, ERR_CORRUPT, "'%s' is shorter than it was", p->seg->path);
        buf_took(&s->window, (size_t)got);
        s->pos = pos;
        s->at = 0;
    }
}

static bool is_aborted(const struct hub_reader *r, const struct piece *p, const struct batch *b)
{
    return (b->attributes & BATCH_TRANSACTIONAL) && txn_aborts_hold(&r->aborted[p->range], b->producer_id, b->base_offset);
}

/* The next record of the ranges: 1, 0 at the end, -1. */
static int next_record(struct scan *s, struct record *rec, struct err *err)
{
    while (s->piece < s->r->count) {
        const struct piece *p = &s->r->pieces[s->piece];
        if (s->in_batch) {
            int got = batch_reader_next(&s->batch, rec, err);
            if (got < 0)
                return -1;
            s->in_batch = got == 1;
            if (got == 1 && rec->offset >= p->from && rec->offset < p->to)
                return 1;
            continue;
        }
        struct batch b;
        int got = next_batch(s, &b, err);
        if (got < 0)
            return -1;
        if (got == 0 || b.base_offset >= p->to) {
            next_piece(s);
            continue;
        }
        struct str bytes = str_sub(buf_view(&s->window), s->at, (size_t)b.size);
        s->at += (size_t)b.size;
        if (batch_last_offset(&b) < p->from || (b.attributes & BATCH_CONTROL) || is_aborted(s->r, p, &b))
            continue;
        if (batch_reader_start(&s->batch, &b, bytes, err))
            return -1;
        s->in_batch = true;
    }
    return 0;
}

/* Headers may repeat a name, a map may not: the last one wins, as in most clients' dictionaries. */
static size_t distinct_headers(struct scan *s, const struct record *rec)
{
    struct str rest = rec->headers;
    struct event_header h;
    size_t n = 0;
    for (int32_t i = 0; i < rec->header_count && record_header(&rest, &h); i++) {
        size_t at = 0;
        while (at < n && !str_eq(s->headers[at].key, h.key))
            at++;
        s->headers[at] = h;
        n += at == n;
    }
    return n;
}

/* As text: what is no UTF-8 is shown as base64. */
static struct str text_of(struct scan *s, struct str bytes)
{
    if (!bytes.ptr || str_utf8_ok(bytes))
        return bytes;
    struct buf b;
    buf_init(&b);
    base64_put(&b, bytes);
    struct str out = str_copy(s->arena, buf_view(&b));
    buf_release(&b);
    return out;
}

struct texts { struct str *keys, *values; size_t count; };

static void put_text(struct texts *t, struct str key, struct str value)
{
    size_t at = 0;
    while (at < t->count && !str_eq(t->keys[at], key))
        at++;
    t->keys[at] = key;
    t->values[at] = value;
    t->count += at == t->count;
}

/* What AMQP and HTTPS wrote, as text: properties of the application, and what the system knows. */
static void put_amqp_maps(struct scan *s, struct duck_out *o, size_t row, const struct record *rec)
{
    struct texts properties = {s->keys, s->values, 0}, system = {s->system_keys, s->system_values, 0};
    struct str rest = rec->headers, raw;
    struct event_header h;
    struct amqp_val v;
    struct buf b;
    uint64_t section;
    if (rec->key.ptr)
        put_text(&system, STR("x-opt-partition-key"), text_of(s, rec->key));
    buf_init(&b);
    for (int32_t i = 0; i < rec->header_count && record_header(&rest, &h); i++) {
        struct str text = h.value;
        bool amqp = amqp_header_read(h.value, &section, &v, &raw);
        if (amqp) {
            buf_clear(&b);
            amqp_val_print(&b, &v);
            text = v.type == AMQP_NULL ? STR_NONE : str_copy(s->arena, buf_view(&b));
        }
        put_text(amqp && section != AMQP_SEC_APPLICATION ? &system : &properties, text_of(s, h.key), text_of(s, text));
    }
    buf_release(&b);
    if (s->wanted[COL_PROPERTIES])
        duck_out_map(o, COL_PROPERTIES, row, properties.count, properties.keys, properties.values);
    if (s->wanted[COL_SYSTEM])
        duck_out_map(o, COL_SYSTEM, row, system.count, system.keys, system.values);
}

static void put_header_maps(struct scan *s, struct duck_out *o, size_t row, const struct record *rec)
{
    size_t n = rec->header_count ? distinct_headers(s, rec) : 0;
    for (size_t i = 0; i < n; i++) {
        s->keys[i] = text_of(s, s->headers[i].key);
        s->values[i] = s->headers[i].value;
    }
    if (s->wanted[COL_HEADERS])
        duck_out_map(o, COL_HEADERS, row, n, s->keys, s->values);
    if (!s->wanted[COL_PROPERTIES] || (rec->attributes & RECORD_AMQP))
        return;
    for (size_t i = 0; i < n; i++)
        s->values[i] = text_of(s, s->values[i]);
    duck_out_map(o, COL_PROPERTIES, row, n, s->keys, s->values);
}

static void put_bytes(struct scan *s, struct duck_out *o, enum column col, size_t row, struct str v)
{
    if (!s->wanted[col])
        return;
    if (v.ptr)
        duck_out_text(o, col, row, v);
    else
        duck_out_null(o, col, row);
}

static void put_i64(struct scan *s, struct duck_out *o, enum column col, size_t row, int64_t v)
{
    if (s->wanted[col])
        duck_out_i64(o, col, row, v);
}

static void put_row(struct scan *s, struct duck_out *o, size_t row, const struct record *rec)
{
    int64_t us;
    if (__builtin_mul_overflow(rec->timestamp_ms, 1000, &us))
        us = 0;
    put_bytes(s, o, COL_KEY, row, rec->key);
    put_bytes(s, o, COL_VALUE, row, rec->value);
    put_bytes(s, o, COL_BODY, row, rec->value);
    put_bytes(s, o, COL_TOPIC, row, str_z(s->r->topic_name));
    put_i64(s, o, COL_PARTITION, row, s->r->pieces[s->piece].partition);
    put_i64(s, o, COL_OFFSET, row, rec->offset);
    put_i64(s, o, COL_SEQUENCE, row, rec->offset);
    put_i64(s, o, COL_TIMESTAMP, row, us);
    put_i64(s, o, COL_ENQUEUED, row, us);
    put_i64(s, o, COL_TIMESTAMP_TYPE, row, s->batch.head.attributes & BATCH_LOG_APPEND_TIME ? 1 : 0);
    if (s->wanted[COL_HEADERS] || s->wanted[COL_PROPERTIES])
        put_header_maps(s, o, row, rec);
    if (rec->attributes & RECORD_AMQP) {
        if (s->wanted[COL_PROPERTIES] || s->wanted[COL_SYSTEM])
            put_amqp_maps(s, o, row, rec);
    } else if (s->wanted[COL_SYSTEM]) {
        struct str name = STR("x-opt-partition-key"), key = text_of(s, rec->key);
        duck_out_map(o, COL_SYSTEM, row, key.ptr ? 1 : 0, &name, &key);
    }
}

static int scan_next(void *scan, struct duck_out *o, struct err *err)
{
    struct scan *s = scan;
    struct record rec;
    size_t rows = 0, room = duck_out_capacity(o);
    int got = 0;
    arena_reset(s->arena);
    for (size_t i = 0; i < COL_COUNT; i++)
        s->wanted[i] = duck_out_wanted(o, i);
    while (rows < room && (got = next_record(s, &rec, err)) == 1)
        put_row(s, o, rows++, &rec);
    duck_out_rows(o, rows);
    return got < 0 ? -1 : 0;
}

int reader_each(const struct hub_reader *r, int (*fn)(void *ctx, const struct record *rec, struct err *err), void *ctx, struct err *err)
{
    struct scan *s = scan_open((void *)(uintptr_t)r, err);
    struct record rec;
    int got, rc = 0;
    while (rc == 0 && (got = next_record(s, &rec, err)) != 0)
        rc = got < 0 ? -1 : fn(ctx, &rec, err);
    scan_close(s);
    return rc;
}

/* ------------------------------------------------------------------ handles */

struct ask {
    struct hub *hub;
    char *ns, *name;
    struct hub_ranges ranges;
    int64_t max_bytes;               /* of the reader; 0: no limit */
    struct hub_reader *reader;
    void (*on_ranges)(void *arg, const struct hub_ranges *r, const struct err *err);
    void (*on_reader)(void *arg, struct hub_reader *r, const struct err *err);
    void *arg;
    int rc;
    struct err err;
};

static struct ask *ask_new(struct hub *h, const char *ns, const char *name, void *arg)
{
    struct ask *a = NEW(struct ask);
    a->hub = h;
    a->ns = ns ? mem_strdup(ns) : NULL;
    a->name = mem_strdup(name);
    a->arg = arg;
    return a;
}

static struct topic *ask_topic(struct ask *a)
{
    struct hub_ns *ns = hub_namespace(a->hub, a->ns, &a->err);
    return ns ? hub_topic(a->hub, ns, str_z(a->name), false, &a->err) : NULL;
}

static void ask_free(struct ask *a)
{
    mem_free(a->ranges.items);
    mem_free(a->ns);
    mem_free(a->name);
    mem_free(a);
}

static void copy_ranges(struct ask *a, const struct hub_ranges *r)
{
    a->ranges.count = r->count;
    a->ranges.items = mem_alloc((size_t)(r->count + 1) * sizeof *r->items);
    if (r->count)
        memcpy(a->ranges.items, r->items, (size_t)r->count * sizeof *r->items);
}

static void on_told(void *arg)
{
    struct ask *a = arg;
    const struct err *err = a->rc ? &a->err : NULL;
    if (a->on_ranges)
        a->on_ranges(a->arg, err ? NULL : &a->ranges, err);
    else
        a->on_reader(a->arg, err ? NULL : a->reader, err);
    ask_free(a);
}

static void tell(struct ask *a, int rc)
{
    a->rc = rc;
    ev_post(a->hub->owner, on_told, a);
}

static void on_ask_offsets(void *arg)
{
    struct ask *a = arg;
    struct topic *t = ask_topic(a);
    if (!t) {
        tell(a, -1);
        return;
    }
    a->ranges.count = t->part_count;
    a->ranges.items = mem_alloc((size_t)t->part_count * sizeof *a->ranges.items);
    for (int32_t i = 0; i < t->part_count; i++)
        a->ranges.items[i] = (struct hub_range){i, t->parts[i]->log->start_offset, plog_stable_offset(t->parts[i]->log)};
    tell(a, 0);
}

void hub_offsets(struct hub *h, const char *ns, const char *name,
                 void (*fn)(void *arg, const struct hub_ranges *r, const struct err *err), void *arg)
{
    struct outside *x = hub_outside(h, ns);
    if (x) {
        outside_offsets(x, name, fn, arg);
        return;
    }
    struct ask *a = ask_new(h, ns, name, arg);
    a->on_ranges = fn;
    ev_post(h->loop, on_ask_offsets, a);
}

static void on_reserve(void *arg)
{
    struct ask *a = arg;
    struct topic *t = ask_topic(a);
    for (int32_t i = 0; t && i < a->ranges.count; i++) {
        struct partition *p = topic_partition(t, a->ranges.items[i].partition);
        if (p)
            plog_skip_to(p->log, a->ranges.items[i].to);
    }
    ask_free(a);
}

void hub_reserve(struct hub *h, const char *ns, const char *name, const struct hub_ranges *given)
{
    struct outside *x = hub_outside(h, ns);
    if (x) {
        outside_reserve(x, name, given);
        return;
    }
    struct ask *a = ask_new(h, ns, name, NULL);
    copy_ranges(a, given);
    ev_post(h->loop, on_reserve, a);
}

static void add_piece(struct hub_reader *r, struct piece p)
{
    r->pieces = mem_grow(r->pieces, &r->cap, r->count + 1, sizeof p);
    r->pieces[r->count++] = p;
    seg_ref(p.seg);
}

/* Cuts a piece to about max_bytes: `to` becomes the offset of a batch, the first one after the limit. */
static int cut_piece(struct piece *p, int64_t max_bytes, struct err *err)
{
    struct seg *s = p->seg;
    struct batch b;
    char head[BATCH_HEADER];
    size_t i = s->index.count;
    while (i > 0 && s->index.items[i - 1].pos > p->pos + max_bytes)
        i--;
    p->end = i > 0 && s->index.items[i - 1].pos > p->pos ? s->index.items[i - 1].pos : p->pos;
    if (p->end == p->pos) { /* the first batch alone is more */
        int64_t got = fs_pread(s->fd, head, sizeof head, p->pos, err);
        if (got < 0)
            return -1;
        if (!batch_read_header(str_of(head, (size_t)got), &b))
            return err_set(err, ERR_CORRUPT, "'%s' holds no batch at byte %jd", s->path, (intmax_t)p->pos);
        p->end = p->pos + b.size;
        p->to = batch_last_offset(&b) + 1 < p->to ? batch_last_offset(&b) + 1 : p->to;
        return 0;
    }
    int64_t to = s->base + s->index.items[i - 1].offset_rel;
    p->to = to < p->to ? to : p->to;
    return 0;
}

/* Adds the pieces of a range, as far as *left bytes go (below 0: all); range->to becomes what is covered. */
static int add_range(struct hub_reader *r, struct partition *p, struct hub_range *range, int64_t *left, struct err *err)
{
    struct plog *log = p->log;
    int64_t end = plog_stable_offset(log);
    int32_t number = (int32_t)(range - r->ranges.items);
    if (range->from < log->start_offset || range->to > end || range->from > range->to)
        return err_set(err, ERR_NOT_FOUND,
                       "offsets %jd to %jd of hub '%s' partition %d are not there: it holds %jd to %jd", (intmax_t)range->from,
                       (intmax_t)range->to, p->topic->name, p->index, (intmax_t)log->start_offset, (intmax_t)end);
    if (plog_aborted(log, range->from, range->to, &r->aborted[number], err))
        return -1;
    for (size_t i = plog_seg_of(log, range->from); i < log->seg_count && range->from < range->to; i++) {
        struct seg *s = log->segs[i];
        if (s->base >= range->to || !s->synced)
            continue;
        struct piece x = {s, p->index, range->from, range->to, seg_find(s, range->from, err), s->synced, number};
        if (x.pos < 0)
            return -1;
        if (x.pos >= x.end)
            continue;
        if (*left == 0) { /* used up by the segment or range before */
            range->to = s->base > range->from ? s->base : range->from;
            return 0;
        }
        bool cut = *left > 0 && x.end - x.pos > *left;
        if (cut && cut_piece(&x, *left, err))
            return -1;
        *left = *left < 0 ? *left : cut ? 0 : *left - (x.end - x.pos);
        add_piece(r, x);
        if (cut) {
            range->to = x.to;
            return 0;
        }
    }
    return 0;
}

static void reader_release(void *arg)
{
    struct hub_reader *r = arg;
    for (size_t i = 0; i < r->count; i++)
        seg_unref(r->pieces[i].seg);
    for (int32_t i = 0; i < r->ranges.count; i++)
        txn_aborts_release(&r->aborted[i]);
    mem_free(r->aborted);
    if (r->topic)
        r->topic->readers--;
    mem_free(r->pieces);
    mem_free(r->ranges.items);
    mem_free(r->topic_name);
    mem_free(r);
}

struct hub_reader *reader_make(struct hub *h, struct topic *t, bool hold, struct hub_ranges *ranges, int64_t max_bytes, struct err *err)
{
    struct hub_reader *r = NEW(struct hub_reader);
    *r = (struct hub_reader){.hub = h, .topic = hold ? t : NULL, .topic_name = mem_strdup(t->name), .ranges = *ranges};
    r->source = (struct duck_source){COL_COUNT, HUB_COLUMNS, COLUMN_TYPES, scan_open, scan_next, scan_close, r};
    *ranges = (struct hub_ranges){0};
    r->aborted = mem_alloc((size_t)(r->ranges.count + 1) * sizeof *r->aborted);
    t->readers += hold;
    int rc = 0;
    int64_t share = max_bytes && r->ranges.count ? max_bytes / r->ranges.count + 1 : -1;
    for (int32_t i = 0; i < r->ranges.count && !rc; i++) {
        struct hub_range *range = &r->ranges.items[i];
        struct partition *p = topic_partition(t, range->partition);
        int64_t left = share;
        rc = p ? add_range(r, p, range, &left, err) : err_set(err, ERR_NOT_FOUND, "hub '%s' has no partition %d", t->name, range->partition);
    }
    if (!rc)
        return r;
    reader_release(r);
    return NULL;
}

struct hub_reader *reader_over(struct hub *h, const char *topic, struct hub_ranges *ranges, struct seg *seg, const struct reader_piece *pieces, size_t count)
{
    struct hub_reader *r = NEW(struct hub_reader);
    *r = (struct hub_reader){.hub = h, .topic_name = mem_strdup(topic), .ranges = *ranges};
    r->source = (struct duck_source){COL_COUNT, HUB_COLUMNS, COLUMN_TYPES, scan_open, scan_next, scan_close, r};
    *ranges = (struct hub_ranges){0};
    r->aborted = mem_alloc((size_t)(r->ranges.count + 1) * sizeof *r->aborted);
    for (size_t i = 0; i < count; i++) {
        const struct reader_piece *p = &pieces[i];
        const struct hub_range *range = &r->ranges.items[p->range];
        add_piece(r, (struct piece){seg, range->partition, range->from, range->to, p->pos, p->end, p->range});
    }
    seg_unref(seg);
    return r;
}

static void on_ask_reader(void *arg)
{
    struct ask *a = arg;
    struct topic *t = ask_topic(a);
    a->reader = t ? reader_make(a->hub, t, true, &a->ranges, a->max_bytes, &a->err) : NULL;
    tell(a, a->reader ? 0 : -1);
}

void hub_reader_open_some(struct hub *h, const char *ns, const char *name, const struct hub_ranges *ranges, int64_t max_bytes,
                          void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg)
{
    struct outside *x = hub_outside(h, ns);
    if (x) {
        outside_reader_open(x, name, ranges, max_bytes, fn, arg);
        return;
    }
    struct ask *a = ask_new(h, ns, name, arg);
    a->on_reader = fn;
    a->max_bytes = max_bytes;
    copy_ranges(a, ranges);
    ev_post(h->loop, on_ask_reader, a);
}

void hub_reader_open(struct hub *h, const char *ns, const char *name, const struct hub_ranges *ranges,
                     void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg)
{
    hub_reader_open_some(h, ns, name, ranges, 0, fn, arg);
}

const struct hub_ranges *hub_reader_ranges(const struct hub_reader *r)
{
    return &r->ranges;
}

const struct duck_source *hub_reader_source(const struct hub_reader *r)
{
    return &r->source;
}

void hub_reader_free(struct hub_reader *r)
{
    if (r)
        ev_post(r->hub->loop, reader_release, r);
}

/* ------------------------------------------------------------------ watches */

struct hub_watch {
    struct hub *hub;
    struct outside_watch *outside;   /* not NULL: that, and none of what follows */
    char *ns, *name;
    ev_fn fn;
    void *arg;
    bool dead;                       /* owner's: no call any more */
    /* Of the hub loop: */
    struct topic *topic;             /* NULL: not there */
    struct fetch_link *links;        /* one a partition */
    int32_t link_count;
    int64_t told;                    /* sum of the high watermarks at the last call */
};

static void watch_call(void *arg)
{
    struct hub_watch *w = arg;
    if (!w->dead)
        w->fn(w->arg);
}

static int64_t watermarks(const struct topic *t)
{
    int64_t n = 0;
    for (int32_t i = 0; t && i < t->part_count; i++)
        n += t->parts[i]->log->high_watermark;
    return n;
}

static void watch_disarm(struct hub_watch *w)
{
    for (int32_t i = 0; i < w->link_count; i++)
        fetch_link_remove(&w->links[i]);
}

static void watch_fire(void *arg)
{
    struct hub_watch *w = arg;
    watch_disarm(w);
    w->told = watermarks(w->topic);
    ev_post(w->hub->owner, watch_call, w);
}

static void watch_arm(void *arg)
{
    struct hub_watch *w = arg;
    struct err err;
    struct hub_ns *ns = w->topic ? NULL : hub_namespace(w->hub, w->ns, &err);
    if (!w->topic && ns && (w->topic = topic_find(ns, str_z(w->name))))
        w->topic->readers++;
    if (!w->topic || watermarks(w->topic) != w->told) {
        watch_fire(w); /* something came since the last call, or the asker shall see that there is no hub */
        return;
    }
    watch_disarm(w);
    w->links = mem_realloc(w->links, (size_t)w->topic->part_count * sizeof *w->links);
    w->link_count = w->topic->part_count;
    for (int32_t i = 0; i < w->link_count; i++) {
        w->links[i] = (struct fetch_link){0};
        fetch_link_add(&w->links[i], w->topic->parts[i], watch_fire, w);
    }
}

static void watch_free_memory(void *arg)
{
    struct hub_watch *w = arg;
    mem_free(w->links);
    mem_free(w->ns);
    mem_free(w->name);
    mem_free(w);
}

static void watch_release(void *arg)
{
    struct hub_watch *w = arg;
    watch_disarm(w);
    if (w->topic)
        w->topic->readers--;
    ev_post(w->hub->owner, watch_free_memory, w); /* behind the calls that are on their way */
}

struct hub_watch *hub_watch(struct hub *h, const char *ns, const char *name, ev_fn fn, void *arg)
{
    struct hub_watch *w = NEW(struct hub_watch);
    struct outside *x = hub_outside(h, ns);
    if (x) {
        w->outside = outside_watch(x, name, fn, arg);
        return w;
    }
    *w = (struct hub_watch){.hub = h, .ns = ns ? mem_strdup(ns) : NULL, .name = mem_strdup(name), .fn = fn, .arg = arg};
    ev_post(h->loop, watch_arm, w);
    return w;
}

void hub_watch_again(struct hub_watch *w)
{
    if (w->outside)
        outside_watch_again(w->outside);
    else
        ev_post(w->hub->loop, watch_arm, w);
}

void hub_watch_free(struct hub_watch *w)
{
    if (!w)
        return;
    if (w->outside) {
        outside_watch_free(w->outside);
        mem_free(w);
        return;
    }
    w->dead = true;
    ev_post(w->hub->loop, watch_release, w);
}
