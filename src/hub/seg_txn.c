#include "hub/seg_txn.h"
#include "hub/wire.h"
#include <string.h>

static const char MAGIC[8] = {'P', 'S', 'T', 'X', 'N', 'S', '0', '1'};
enum { HEAD_BYTES = sizeof MAGIC + 4, ENTRY_BYTES = 24 };

void txn_aborts_release(struct txn_aborts *a)
{
    mem_free(a->items);
    *a = (struct txn_aborts){0};
}

void txn_aborts_add(struct txn_aborts *a, struct txn_aborted one)
{
    a->items = mem_grow(a->items, &a->cap, a->count + 1, sizeof one);
    a->items[a->count++] = one;
}

bool txn_aborts_hold(const struct txn_aborts *a, int64_t producer_id, int64_t offset)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].producer_id == producer_id && a->items[i].first <= offset && offset <= a->items[i].last)
            return true;
    return false;
}

void seg_txns_release(struct seg_txns *t)
{
    txn_aborts_release(&t->aborts);
    *t = (struct seg_txns){.open_first = -1};
}

void seg_txns_save(const struct seg_txns *t, int64_t log_bytes, struct buf *out)
{
    struct kout o = {0};
    uint8_t crc[4];
    buf_init(&o.b);
    kout_i64(&o, log_bytes);
    kout_i64(&o, t->open_first);
    kout_i32(&o, (int32_t)t->aborts.count);
    for (size_t i = 0; i < t->aborts.count; i++) {
        kout_i64(&o, t->aborts.items[i].producer_id);
        kout_i64(&o, t->aborts.items[i].first);
        kout_i64(&o, t->aborts.items[i].last);
    }
    be32_put(crc, crc32c(0, o.b.ptr, o.b.len));
    buf_add(out, MAGIC, sizeof MAGIC);
    buf_add(out, crc, sizeof crc);
    buf_str(out, buf_view(&o.b));
    buf_release(&o.b);
}

bool seg_txns_load(struct seg_txns *t, struct str bytes, int64_t log_bytes)
{
    CHECK(!t->known && !t->aborts.count);
    struct str body = str_from(bytes, HEAD_BYTES);
    if (bytes.len < HEAD_BYTES || memcmp(bytes.ptr, MAGIC, sizeof MAGIC) ||
        be32_get(bytes.ptr + sizeof MAGIC) != crc32c(0, body.ptr, body.len))
        return false;
    struct kin in = kin_of(body);
    int64_t size = kin_i64(&in), open_first = kin_i64(&in);
    int32_t n = kin_i32(&in);
    if (in.bad || size != log_bytes || n < 0 || kin_left(&in) != (size_t)n * ENTRY_BYTES)
        return false;
    for (int32_t i = 0; i < n; i++) {
        struct txn_aborted x = {.producer_id = kin_i64(&in)};
        x.first = kin_i64(&in);
        x.last = kin_i64(&in);
        txn_aborts_add(&t->aborts, x);
    }
    t->open_first = open_first;
    t->known = true;
    return true;
}
