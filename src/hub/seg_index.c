#include "hub/seg_index.h"

void seg_index_release(struct seg_index *ix)
{
    mem_free(ix->items);
    *ix = (struct seg_index){0};
}

void seg_index_add(struct seg_index *ix, uint32_t offset_rel, uint32_t pos, int64_t max_ts, bool always)
{
    const struct seg_entry *last = ix->count ? &ix->items[ix->count - 1] : NULL;
    if (last && !always && pos - last->pos < SEG_INDEX_EVERY)
        return;
    if (last && last->offset_rel == offset_rel)
        return; /* the closing entry, noted already */
    CHECK(!last || (offset_rel > last->offset_rel && pos > last->pos));
    if (last && max_ts < last->max_ts)
        max_ts = last->max_ts;
    ix->items = mem_grow(ix->items, &ix->cap, ix->count + 1, sizeof *ix->items);
    ix->items[ix->count++] = (struct seg_entry){offset_rel, pos, max_ts};
}

uint32_t seg_index_find(const struct seg_index *ix, uint32_t offset_rel)
{
    size_t lo = 0, hi = ix->count; /* before lo: at or before offset_rel; from hi on: after it */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ix->items[mid].offset_rel <= offset_rel)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? ix->items[lo - 1].pos : 0;
}

uint32_t seg_index_find_time(const struct seg_index *ix, int64_t ts)
{
    size_t lo = 0, hi = ix->count; /* before lo: all older than ts; from hi on: not */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ix->items[mid].max_ts < ts)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? ix->items[lo - 1].pos : 0;
}

void seg_index_save(const struct seg_index *ix, struct buf *offsets, struct buf *times)
{
    for (size_t i = 0; i < ix->count; i++) {
        const struct seg_entry *e = &ix->items[i];
        uint8_t o[SEG_OFFSET_BYTES], t[SEG_TIME_BYTES];
        be32_put(o, e->offset_rel);
        be32_put(o + 4, e->pos);
        be64_put(t, (uint64_t)e->max_ts);
        be32_put(t + 8, e->offset_rel);
        buf_add(offsets, o, sizeof o);
        buf_add(times, t, sizeof t);
    }
}

int seg_index_load(struct seg_index *ix, struct str offsets, struct str times, int64_t log_bytes, struct err *err)
{
    CHECK(ix->count == 0);
    size_t n = offsets.len / SEG_OFFSET_BYTES;
    bool good = offsets.len % SEG_OFFSET_BYTES == 0 && times.len == n * SEG_TIME_BYTES;
    ix->items = mem_grow(ix->items, &ix->cap, n, sizeof *ix->items);
    for (size_t i = 0; i < n && good; i++) {
        const char *o = offsets.ptr + i * SEG_OFFSET_BYTES, *t = times.ptr + i * SEG_TIME_BYTES;
        struct seg_entry e = {be32_get(o), be32_get(o + 4), (int64_t)be64_get(t)};
        const struct seg_entry *last = i ? &ix->items[i - 1] : NULL;
        good = be32_get(t + 8) == e.offset_rel && e.pos < (uint64_t)log_bytes &&
               (!last || (e.offset_rel > last->offset_rel && e.pos > last->pos && e.max_ts >= last->max_ts));
        ix->items[i] = e;
    }
    if (!good) {
        seg_index_release(ix);
        return err_set(err, ERR_CORRUPT, "the segment's index files do not fit it");
    }
    ix->count = n;
    return 0;
}
