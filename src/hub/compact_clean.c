/* compact_clean.c -- what stays of one batch, and the batch that holds it. */
#include "hub/compact_int.h"
#include <openssl/sha.h>
#include <string.h>

enum { AT_ATTR = 21, AT_CRC = 17, AT_LENGTH = 8, AT_BASE_TS = 27, AT_MAX_TS = 35, AT_COUNT = 57 };

/* ------------------------------------------------------------------ keys */

struct slot { uint64_t hash[2]; int64_t next; }; /* next: the offset after the last; 0: free */
struct compact_map { struct slot *slots; size_t size, count; };

struct compact_map *compact_map_new(size_t bytes)
{
    struct compact_map *m = NEW(struct compact_map);
    m->size = 16;
    while (m->size * 2 * sizeof(struct slot) <= bytes)
        m->size *= 2;
    m->slots = mem_alloc(m->size * sizeof(struct slot));
    return m;
}

void compact_map_free(struct compact_map *m)
{
    mem_free(m->slots);
    mem_free(m);
}

static struct slot *find(const struct compact_map *m, struct str key, uint64_t hash[2])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)key.ptr, key.len, digest);
    hash[0] = le64_get(digest);
    hash[1] = le64_get(digest + 8);
    size_t at = hash[0] & (m->size - 1);
    while (m->slots[at].next && (m->slots[at].hash[0] != hash[0] || m->slots[at].hash[1] != hash[1]))
        at = (at + 1) & (m->size - 1);
    return &m->slots[at];
}

bool compact_map_put(struct compact_map *m, struct str key, int64_t offset)
{
    uint64_t hash[2];
    struct slot *s = find(m, key, hash);
    if (!s->next) {
        if (m->count >= m->size / 4 * 3)
            return false;
        m->count++;
        memcpy(s->hash, hash, sizeof s->hash);
    }
    s->next = offset + 1;
    return true;
}

int64_t compact_map_get(const struct compact_map *m, struct str key)
{
    uint64_t hash[2];
    return find(m, key, hash)->next - 1;
}

/* ------------------------------------------------------------------ one batch */

void compact_cleaner_init(struct compact_cleaner *c, struct compact_run *r, const struct compact_map *m, int64_t known)
{
    *c = (struct compact_cleaner){.run = r, .map = m, .known = known, .writing = map_new()};
    batch_reader_init(&c->reader);
    buf_init_max(&c->body, BATCH_MAX_INFLATED);
    buf_init_max(&c->batch, BATCH_MAX_BYTES);
}

void compact_cleaner_release(struct compact_cleaner *c)
{
    map_free(c->writing);
    batch_reader_release(&c->reader);
    buf_release(&c->body);
    buf_release(&c->batch);
}

/* The horizon that a batch has, or gets. */
static int64_t horizon_of(const struct compact_cleaner *c, const struct batch *b)
{
    return b->attributes & BATCH_DELETE_HORIZON ? b->base_timestamp : c->run->now_ms + c->run->delete_retention_ms;
}

static bool is_over(const struct compact_cleaner *c, const struct batch *b)
{
    return (b->attributes & BATCH_DELETE_HORIZON) && b->base_timestamp <= c->run->now_ms;
}

static bool stays(const struct compact_cleaner *c, const struct batch *b, const struct record *rec)
{
    if (rec->offset >= c->known)
        return true;
    if (!rec->key.ptr || compact_map_get(c->map, rec->key) > rec->offset)
        return false;
    return rec->value.ptr || !is_over(c, b);
}

/* A record as it was, but relative to another base timestamp. */
static int put_shifted(struct buf *out, struct str raw, int64_t by_ms, struct err *err)
{
    struct kin in = kin_of(raw);
    struct kout o = {0};
    kin_varint(&in); /* its length */
    int8_t attributes = kin_i8(&in);
    int64_t delta = kin_varlong(&in);
    if (__builtin_add_overflow(delta, by_ms, &delta))
        return err_set(err, ERR_CORRUPT, "a record's timestamp overflows");
    buf_init(&o.b);
    kout_i8(&o, attributes);
    kout_varlong(&o, delta);
    buf_add(&o.b, in.p, kin_left(&in));
    struct kout length = {0};
    buf_init(&length.b);
    kout_varint(&length, (int32_t)o.b.len);
    buf_str(out, buf_view(&length.b));
    buf_str(out, buf_view(&o.b));
    buf_release(&length.b);
    buf_release(&o.b);
    return 0;
}

struct kept { int32_t count; int64_t max_ts, base_ts; int16_t attributes; };

/* The batch with what stays, which is in c->body, in the codec it had. */
static int rebuild(struct compact_cleaner *c, const struct batch *b, struct str bytes, const struct kept *k, struct str *out, struct err *err)
{
    struct buf *w = &c->batch;
    buf_clear(w);
    buf_add(w, bytes.ptr, BATCH_HEADER);
    int codec = b->attributes & BATCH_CODEC_MASK;
    if (codec == CODEC_NONE)
        buf_str(w, buf_view(&c->body));
    else if (codec_deflate(codec, buf_view(&c->body), w, err))
        return -1;
    if (w->overflow || c->body.overflow)
        return err_set(err, ERR_LIMIT, "the batch at offset %jd grows too large", (intmax_t)b->base_offset);
    char *p = w->ptr;
    be32_put(p + AT_LENGTH, (uint32_t)(w->len - BATCH_PREFIX));
    be16_put(p + AT_ATTR, (uint16_t)k->attributes);
    be64_put(p + AT_BASE_TS, (uint64_t)k->base_ts);
    be64_put(p + AT_MAX_TS, (uint64_t)k->max_ts);
    be32_put(p + AT_COUNT, (uint32_t)k->count);
    be32_put(p + AT_CRC, crc32c(0, p + AT_ATTR, w->len - AT_ATTR));
    *out = buf_view(w);
    return 0;
}

/* Whether a batch gets a horizon, or has one already: its base timestamp then is that. */
static struct kept with_horizon(const struct compact_cleaner *c, const struct batch *b, bool wanted)
{
    bool fresh = wanted && !(b->attributes & BATCH_DELETE_HORIZON);
    return (struct kept){.max_ts = -1, .base_ts = fresh ? horizon_of(c, b) : b->base_timestamp,
                         .attributes = (int16_t)(b->attributes | (fresh ? BATCH_DELETE_HORIZON : 0))};
}

static bool has_kept_tombstone(struct compact_cleaner *c, const struct batch *b, struct str bytes, int32_t *count, struct err *err)
{
    struct record rec;
    bool tombstone = false;
    int got;
    *count = 0;
    if (batch_reader_start(&c->reader, b, bytes, err)) {
        *count = -1;
        return false;
    }
    while ((got = batch_reader_next(&c->reader, &rec, err)) == 1)
        if (stays(c, b, &rec)) {
            ++*count;
            tombstone = tombstone || (!rec.value.ptr && rec.offset < c->known);
        }
    if (got < 0)
        *count = -1;
    return tombstone;
}

static int clean_records(struct compact_cleaner *c, const struct batch *b, struct str bytes, struct str *out, struct err *err)
{
    struct record rec;
    int32_t count;
    int got;
    bool tombstone = has_kept_tombstone(c, b, bytes, &count, err);
    struct kept k = with_horizon(c, b, tombstone);
    if (count < 0)
        return -1;
    c->run->dropped += b->count - count;
    *out = count ? bytes : STR("");
    if (count == 0 || (count == b->count && k.attributes == b->attributes))
        return 0;
    buf_clear(&c->body);
    if (batch_reader_start(&c->reader, b, bytes, err))
        return -1;
    for (const uint8_t *from = c->reader.in.p; (got = batch_reader_next(&c->reader, &rec, err)) == 1; from = c->reader.in.p) {
        struct str raw = str_of((const char *)from, (size_t)(c->reader.in.p - from));
        if (!stays(c, b, &rec))
            continue;
        k.count++;
        k.max_ts = rec.timestamp_ms > k.max_ts ? rec.timestamp_ms : k.max_ts;
        if (k.base_ts == b->base_timestamp)
            buf_str(&c->body, raw);
        else if (put_shifted(&c->body, raw, b->base_timestamp - k.base_ts, err))
            return -1;
    }
    return got < 0 ? -1 : rebuild(c, b, bytes, &k, out, err);
}

/* Marks when the marker may go, or lets it go. */
static int clean_marker(struct compact_cleaner *c, const struct batch *b, struct str bytes, struct str *out, struct err *err)
{
    struct record rec;
    bool needed = map_remove(c->writing, str_of((const char *)&b->producer_id, sizeof b->producer_id));
    *out = bytes;
    if (needed)
        return 0;
    if (is_over(c, b)) {
        *out = STR("");
        c->run->dropped++;
        return 0;
    }
    struct kept k = with_horizon(c, b, true);
    if (k.attributes == b->attributes)
        return 0;
    buf_clear(&c->body);
    if (batch_reader_start(&c->reader, b, bytes, err))
        return -1;
    const uint8_t *from = c->reader.in.p;
    if (batch_reader_next(&c->reader, &rec, err) != 1)
        return err_set(err, ERR_CORRUPT, "the marker at offset %jd is malformed", (intmax_t)b->base_offset);
    k.count = 1;
    k.max_ts = rec.timestamp_ms;
    if (put_shifted(&c->body, str_of((const char *)from, (size_t)(c->reader.in.p - from)), b->base_timestamp - k.base_ts, err))
        return -1;
    return rebuild(c, b, bytes, &k, out, err);
}

int compact_batch(struct compact_cleaner *c, const struct batch *b, struct str bytes, struct str *out, struct err *err)
{
    static char present;
    bool in_txn = b->attributes & BATCH_TRANSACTIONAL;
    if (b->attributes & BATCH_CONTROL)
        return clean_marker(c, b, bytes, out, err);
    if (in_txn && txn_aborts_hold(c->run->aborted, b->producer_id, b->base_offset)) {
        *out = STR("");
        c->run->dropped += b->count;
        return 0;
    }
    if (in_txn)
        map_put(c->writing, str_of((const char *)&b->producer_id, sizeof b->producer_id), &present);
    if (b->base_offset >= c->known) {
        *out = bytes;
        return 0;
    }
    return clean_records(c, b, bytes, out, err);
}
