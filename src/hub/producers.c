#include "hub/producers.h"
#include <string.h>

static const char MAGIC[8] = {'P', 'S', 'P', 'R', 'O', 'D', '0', '1'};
enum { HEAD_BYTES = 16, PRODUCER_IN_TXN = 1, PRODUCER_HAS_COORDINATOR = 2, NO_COORDINATOR = -1 };

struct span { int32_t first, last; int64_t offset; };

struct producer {
    int64_t id, used_ms;
    int64_t txn_first;              /* of the open transaction; -1: none */
    int32_t coordinator_epoch;
    int16_t epoch;
    uint8_t count;                  /* 0: only markers, or the broker's own batches */
    struct span spans[PRODUCER_WINDOW]; /* oldest first */
};

struct producers { struct map *by_id; size_t in_txn; };

struct producers *producers_new(void)
{
    struct producers *p = NEW(struct producers);
    p->by_id = map_new();
    return p;
}

static void forget_all(struct producers *p)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(p->by_id, &at, &key, &v))
        mem_free(v);
    map_free(p->by_id);
}

void producers_free(struct producers *p)
{
    if (p)
        forget_all(p);
    mem_free(p);
}

static struct producer *find(const struct producers *p, int64_t id)
{
    return map_get(p->by_id, str_of((const char *)&id, sizeof id));
}

static int32_t last_sequence(const struct batch *b)
{
    if (b->producer_id & PRODUCER_NAMED)
        return b->base_sequence;
    return (int32_t)(((uint32_t)b->base_sequence + (uint32_t)b->last_offset_delta) & INT32_MAX);
}

static const struct span *same_span(const struct producer *x, const struct batch *b)
{
    int32_t last = last_sequence(b);
    for (int i = 0; i < x->count; i++)
        if (x->spans[i].first == b->base_sequence && x->spans[i].last == last)
            return &x->spans[i];
    return NULL;
}

static enum kerr check_named(const struct producer *x, const struct batch *b, int64_t *offset)
{
    int64_t number = (int64_t)b->producer_epoch << 31 | b->base_sequence;
    int64_t last = (int64_t)x->epoch << 31 | x->spans[x->count - 1].last;
    if (number > last)
        return KERR_NONE;
    const struct span *s = b->producer_epoch == x->epoch ? same_span(x, b) : NULL;
    *offset = s ? s->offset : -1;
    return KERR_DUPLICATE_SEQUENCE_NUMBER;
}

enum kerr producers_check(const struct producers *p, const struct batch *b, int64_t *offset)
{
    if (b->producer_id < 0)
        return KERR_NONE;
    bool ours = (b->attributes & BATCH_TRANSACTIONAL) && b->base_sequence == -1;
    if (b->producer_epoch < 0 || (b->base_sequence < 0 && !ours))
        return KERR_INVALID_RECORD;
    const struct producer *x = find(p, b->producer_id);
    if (!x)
        return KERR_NONE;
    if (b->producer_id & PRODUCER_NAMED)
        return check_named(x, b, offset);
    if (b->producer_epoch < x->epoch)
        return KERR_INVALID_PRODUCER_EPOCH;
    if (x->txn_first >= 0 && !(b->attributes & BATCH_TRANSACTIONAL))
        return KERR_INVALID_TXN_STATE;
    if (ours)
        return KERR_NONE;
    if (b->producer_epoch > x->epoch || !x->count)
        return b->base_sequence == 0 ? KERR_NONE : KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    const struct span *s = same_span(x, b);
    if (s) {
        *offset = s->offset;
        return KERR_DUPLICATE_SEQUENCE_NUMBER;
    }
    uint32_t next = ((uint32_t)x->spans[x->count - 1].last + 1) & INT32_MAX;
    return (uint32_t)b->base_sequence == next ? KERR_NONE : KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/* Keeps the map bounded: the least recently used tenth goes, named producers stay. */
static void make_room(struct producers *p)
{
    int64_t oldest = INT64_MAX, newest = 0;
    size_t at = 0;
    struct str key;
    void *v;
    while (map_next(p->by_id, &at, &key, &v)) {
        const struct producer *x = v;
        oldest = x->used_ms < oldest ? x->used_ms : oldest;
        newest = x->used_ms > newest ? x->used_ms : newest;
    }
    producers_expire(p, oldest + (newest - oldest) / 10 + 1 + PRODUCER_EXPIRY_MS);
}

static struct producer *find_or_make(struct producers *p, const struct batch *b)
{
    struct producer *x = find(p, b->producer_id);
    if (!x) {
        if (map_count(p->by_id) >= PRODUCERS_MAX)
            make_room(p);
        x = NEW(struct producer);
        x->id = b->producer_id;
        x->epoch = b->producer_epoch;
        x->txn_first = -1;
        x->coordinator_epoch = NO_COORDINATOR;
        map_put(p->by_id, str_of((const char *)&x->id, sizeof x->id), x);
    }
    if (x->epoch != b->producer_epoch && ((b->producer_id & PRODUCER_NAMED) || x->epoch < b->producer_epoch)) {
        x->epoch = b->producer_epoch;
        x->count = 0;
    }
    return x;
}

void producers_note(struct producers *p, const struct batch *b, int64_t now_ms)
{
    if (b->producer_id < 0)
        return;
    struct producer *x = find_or_make(p, b);
    x->used_ms = now_ms;
    if ((b->attributes & BATCH_TRANSACTIONAL) && x->txn_first < 0) {
        x->txn_first = b->base_offset;
        p->in_txn++;
    }
    if (b->base_sequence < 0)
        return; /* the broker's own */
    if (x->count == PRODUCER_WINDOW)
        memmove(x->spans, x->spans + 1, --x->count * sizeof x->spans[0]);
    x->spans[x->count++] = (struct span){b->base_sequence, last_sequence(b), b->base_offset};
}

int64_t producers_end_txn(struct producers *p, const struct batch *b, int32_t coordinator_epoch, int64_t now_ms)
{
    struct producer *x = find_or_make(p, b);
    int64_t first = x->txn_first;
    p->in_txn -= first >= 0;
    x->txn_first = -1;
    x->coordinator_epoch = coordinator_epoch;
    x->used_ms = now_ms;
    return first;
}

int64_t producers_oldest_txn(const struct producers *p)
{
    int64_t oldest = -1;
    size_t at = 0;
    struct str key;
    void *v;
    while (p->in_txn && map_next(p->by_id, &at, &key, &v)) {
        const struct producer *x = v;
        if (x->txn_first >= 0 && (oldest < 0 || x->txn_first < oldest))
            oldest = x->txn_first;
    }
    return oldest;
}

static struct producer_state state_of(const struct producer *x)
{
    return (struct producer_state){x->id, x->used_ms, x->txn_first, x->count ? x->spans[x->count - 1].last : -1, x->coordinator_epoch, x->epoch};
}

bool producers_next(const struct producers *p, size_t *at, struct producer_state *out)
{
    struct str key;
    void *v;
    if (!map_next(p->by_id, at, &key, &v))
        return false;
    *out = state_of(v);
    return true;
}

bool producers_get(const struct producers *p, int64_t id, struct producer_state *out)
{
    const struct producer *x = find(p, id);
    if (x)
        *out = state_of(x);
    return x;
}

static bool may_expire(const struct producer *x, int64_t now_ms)
{
    return !(x->id & PRODUCER_NAMED) && x->txn_first < 0 && x->used_ms < now_ms - PRODUCER_EXPIRY_MS;
}

void producers_expire(struct producers *p, int64_t now_ms)
{
    struct map *keep = NULL;
    size_t at = 0;
    struct str key;
    void *v;
    bool any = false;
    while (!any && map_next(p->by_id, &at, &key, &v)) {
        const struct producer *x = v;
        any = may_expire(x, now_ms);
    }
    if (!any)
        return;
    keep = map_new();
    at = 0;
    while (map_next(p->by_id, &at, &key, &v)) {
        struct producer *x = v;
        if (!may_expire(x, now_ms))
            map_put(keep, key, x);
        else
            mem_free(x);
    }
    map_free(p->by_id);
    p->by_id = keep;
}

size_t producers_count(const struct producers *p)
{
    return map_count(p->by_id);
}

/* ------------------------------------------------------------------ snapshots */

void producers_save(const struct producers *p, struct buf *out)
{
    struct kout o = {0};
    size_t at = 0;
    struct str key;
    void *v;
    buf_init(&o.b);
    kout_i32(&o, (int32_t)map_count(p->by_id));
    while (map_next(p->by_id, &at, &key, &v)) {
        const struct producer *x = v;
        kout_i64(&o, x->id);
        kout_i16(&o, x->epoch);
        kout_i8(&o, (int8_t)x->count);
        kout_i8(&o, (int8_t)((x->txn_first >= 0 ? PRODUCER_IN_TXN : 0) | (x->coordinator_epoch >= 0 ? PRODUCER_HAS_COORDINATOR : 0)));
        kout_i64(&o, x->used_ms);
        if (x->txn_first >= 0)
            kout_i64(&o, x->txn_first);
        if (x->coordinator_epoch >= 0)
            kout_i32(&o, x->coordinator_epoch);
        for (int i = 0; i < x->count; i++) {
            kout_i32(&o, x->spans[i].first);
            kout_i32(&o, x->spans[i].last);
            kout_i64(&o, x->spans[i].offset);
        }
    }
    uint8_t crc[4];
    be32_put(crc, crc32c(0, o.b.ptr, o.b.len));
    buf_add(out, MAGIC, sizeof MAGIC);
    buf_add(out, crc, sizeof crc);
    buf_str(out, buf_view(&o.b));
    buf_release(&o.b);
}

static bool load_one(struct producers *p, struct kin *in)
{
    struct producer x = {.id = kin_i64(in), .epoch = kin_i16(in)};
    x.count = (uint8_t)kin_i8(in);
    int8_t flags = kin_i8(in);
    x.used_ms = kin_i64(in);
    x.txn_first = flags & PRODUCER_IN_TXN ? kin_i64(in) : -1;
    x.coordinator_epoch = flags & PRODUCER_HAS_COORDINATOR ? kin_i32(in) : NO_COORDINATOR;
    if (in->bad || x.count > PRODUCER_WINDOW || (flags & PRODUCER_IN_TXN && x.txn_first < 0))
        return false;
    for (int i = 0; i < x.count; i++) {
        x.spans[i].first = kin_i32(in);
        x.spans[i].last = kin_i32(in);
        x.spans[i].offset = kin_i64(in);
    }
    if (in->bad || find(p, x.id))
        return false;
    struct producer *kept = NEW(struct producer);
    *kept = x;
    p->in_txn += x.txn_first >= 0;
    map_put(p->by_id, str_of((const char *)&x.id, sizeof x.id), kept);
    return true;
}

bool producers_load(struct producers *p, struct str bytes)
{
    CHECK(map_count(p->by_id) == 0);
    struct str body = str_from(bytes, sizeof MAGIC + 4);
    if (bytes.len < HEAD_BYTES || memcmp(bytes.ptr, MAGIC, sizeof MAGIC) ||
        be32_get(bytes.ptr + sizeof MAGIC) != crc32c(0, body.ptr, body.len))
        return false;
    struct kin in = kin_of(body);
    int32_t n = kin_i32(&in);
    bool good = n >= 0;
    for (int32_t i = 0; i < n && good; i++)
        good = load_one(p, &in);
    if (good && in.p == in.end)
        return true;
    forget_all(p);
    p->by_id = map_new();
    p->in_txn = 0;
    return false;
}

/* FNV-1a: the ids are on disk, so the function never changes. */
int64_t producer_named_id(struct str name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (uint8_t)name.ptr[i]) * 0x100000001b3u;
    return PRODUCER_NAMED | (int64_t)(h >> 3);
}
