#include "hub/producers.h"
#include <string.h>

static const char MAGIC[8] = {'P', 'S', 'P', 'R', 'O', 'D', '0', '1'};
enum { HEAD_BYTES = 16 };

struct span { int32_t first, last; int64_t offset; };

struct producer {
    int64_t id, used_ms;
    int16_t epoch;
    uint8_t count;
    struct span spans[PRODUCER_WINDOW]; /* oldest first */
};

struct producers { struct map *by_id; };

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
    if (b->producer_epoch < 0 || b->base_sequence < 0)
        return KERR_INVALID_RECORD;
    const struct producer *x = find(p, b->producer_id);
    if (!x)
        return KERR_NONE;
    if (b->producer_id & PRODUCER_NAMED)
        return check_named(x, b, offset);
    if (b->producer_epoch < x->epoch)
        return KERR_INVALID_PRODUCER_EPOCH;
    if (b->producer_epoch > x->epoch)
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

void producers_note(struct producers *p, const struct batch *b, int64_t now_ms)
{
    if (b->producer_id < 0)
        return;
    struct producer *x = find(p, b->producer_id);
    if (!x) {
        if (map_count(p->by_id) >= PRODUCERS_MAX)
            make_room(p);
        x = NEW(struct producer);
        x->id = b->producer_id;
        x->epoch = b->producer_epoch;
        map_put(p->by_id, str_of((const char *)&x->id, sizeof x->id), x);
    }
    if (x->epoch != b->producer_epoch) {
        x->epoch = b->producer_epoch;
        x->count = 0;
    }
    if (x->count == PRODUCER_WINDOW)
        memmove(x->spans, x->spans + 1, --x->count * sizeof x->spans[0]);
    x->spans[x->count++] = (struct span){b->base_sequence, last_sequence(b), b->base_offset};
    x->used_ms = now_ms;
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
        any = !(x->id & PRODUCER_NAMED) && x->used_ms < now_ms - PRODUCER_EXPIRY_MS;
    }
    if (!any)
        return;
    keep = map_new();
    at = 0;
    while (map_next(p->by_id, &at, &key, &v)) {
        struct producer *x = v;
        if ((x->id & PRODUCER_NAMED) || x->used_ms >= now_ms - PRODUCER_EXPIRY_MS)
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
        kout_i8(&o, 0);
        kout_i64(&o, x->used_ms);
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
    kin_i8(in);
    x.used_ms = kin_i64(in);
    if (in->bad || x.count < 1 || x.count > PRODUCER_WINDOW)
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
