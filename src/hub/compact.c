#include "hub/compact_int.h"
#include <string.h>

enum { WINDOW_BYTES = 1 << 20, WRITE_BYTES = 1 << 20 };

/* ------------------------------------------------------------------ reading a segment */

void compact_cursor_start(struct compact_cursor *c, const struct seg *s)
{
    if (!c->seg)
        buf_init(&c->window);
    buf_clear(&c->window);
    c->seg = s;
    c->pos = 0;
    c->at = 0;
}

void compact_cursor_release(struct compact_cursor *c)
{
    if (c->seg)
        buf_release(&c->window);
}

int compact_cursor_next(struct compact_cursor *c, struct batch *b, struct str *bytes, struct err *err)
{
    const struct seg *s = c->seg;
    for (int64_t need = WINDOW_BYTES;;) {
        struct str rest = str_from(buf_view(&c->window), c->at);
        int64_t pos = c->pos + (int64_t)c->at, left = s->synced - pos;
        bool head = batch_read_header(rest, b);
        if (head && (size_t)b->size <= rest.len) {
            *bytes = str_sub(rest, 0, (size_t)b->size);
            c->at += (size_t)b->size;
            return batch_crc_ok(b, bytes->ptr) ? 1 : err_set(err, ERR_CORRUPT, "'%s': the batch at byte %jd is damaged", s->path, (intmax_t)pos);
        }
        if (left <= 0)
            return 0;
        if ((!head && rest.len >= BATCH_HEADER) || (head && b->size > left))
            return err_set(err, ERR_CORRUPT, "'%s' holds no batch at byte %jd", s->path, (intmax_t)pos);
        need = head && b->size > need ? b->size : need;
        buf_clear(&c->window);
        if (seg_read(s, pos, need < left ? need : left, &c->window, err))
            return -1;
        c->pos = pos;
        c->at = 0;
    }
}

/* ------------------------------------------------------------------ the first pass */

static int canceled(struct compact_run *r, struct err *err)
{
    return atomic_load(&r->cancel) ? err_set(err, ERR_CANCELED, "the compaction of '%s' ends", r->label) : 0;
}

/* Notes a batch's keys. 1: noted, 0: the map is full, *known is where; -1. */
static int note_keys(struct compact_run *r, struct compact_map *m, struct batch_reader *reader, const struct batch *b, struct str bytes,
                     int64_t *known, struct err *err)
{
    struct record rec;
    int got;
    if ((b->attributes & BATCH_CONTROL) ||
        ((b->attributes & BATCH_TRANSACTIONAL) && txn_aborts_hold(r->aborted, b->producer_id, b->base_offset)))
        return 1;
    if (batch_reader_start(reader, b, bytes, err))
        return -1;
    while ((got = batch_reader_next(reader, &rec, err)) == 1)
        if (rec.key.ptr && rec.offset >= r->dirty_from && !compact_map_put(m, rec.key, rec.offset)) {
            *known = rec.offset;
            return 0;
        }
    return got < 0 ? -1 : 1;
}

static int note_all(struct compact_run *r, struct compact_map *m, int64_t *known, struct err *err)
{
    struct compact_cursor c = {0};
    struct batch_reader reader;
    struct batch b;
    struct str bytes;
    int got = 1;
    *known = r->end;
    batch_reader_init(&reader);
    for (size_t i = 0; i < r->count && got > 0; i++) {
        if (r->segs[i]->next_offset <= r->dirty_from)
            continue;
        compact_cursor_start(&c, r->segs[i]);
        got = canceled(r, err) ? -1 : 1;
        int more = 0;
        while (got > 0 && (more = compact_cursor_next(&c, &b, &bytes, err)) > 0)
            got = batch_last_offset(&b) < r->dirty_from ? 1 : note_keys(r, m, &reader, &b, bytes, known, err);
        got = more < 0 ? -1 : got;
    }
    batch_reader_release(&reader);
    compact_cursor_release(&c);
    return got < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ the second pass */

static size_t group_from(const struct compact_run *r, size_t first)
{
    int64_t bytes = r->segs[first]->size;
    size_t n = 1;
    while (first + n < r->count) {
        const struct seg *s = r->segs[first + n];
        if (bytes + s->size > r->segment_bytes || s->next_offset - r->segs[first]->base > INT32_MAX)
            break;
        bytes += s->size;
        n++;
    }
    return n;
}

struct writer { struct seg *seg; struct buf bytes; int64_t written; };

static int write_out(struct writer *w, struct err *err)
{
    if (fs_pwrite_all(w->seg->fd, w->bytes.ptr, w->bytes.len, w->written, err))
        return -1;
    w->written += (int64_t)w->bytes.len;
    buf_clear(&w->bytes);
    return 0;
}

static int write_batch(struct writer *w, struct str bytes, const struct txn_aborts *aborts, int64_t now_ms, struct err *err)
{
    struct batch b;
    bool good = batch_read_header(bytes, &b);
    CHECK(good);
    if (w->seg->size + b.size > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a compacted segment grows beyond 4 GiB");
    seg_note(w->seg, &b, now_ms);
    for (size_t i = 0; (b.attributes & BATCH_CONTROL) && i < aborts->count; i++)
        if (aborts->items[i].last == b.base_offset)
            txn_aborts_add(&w->seg->txns.aborts, aborts->items[i]); /* known as long as its marker is there */
    buf_str(&w->bytes, bytes);
    return w->bytes.len >= WRITE_BYTES ? write_out(w, err) : 0;
}

static int clean_into(struct compact_run *r, struct compact_cleaner *c, const struct compact_group *g, struct writer *w, bool *changed, struct err *err)
{
    struct compact_cursor cursor = {0};
    struct batch b;
    struct str bytes, out;
    int got = 0;
    for (size_t i = g->first; i < g->first + g->count && got >= 0; i++) {
        const struct seg *s = r->segs[i];
        r->bytes_before += s->size;
        compact_cursor_start(&cursor, s);
        while ((got = compact_cursor_next(&cursor, &b, &bytes, err)) > 0) {
            if (canceled(r, err) || compact_batch(c, &b, bytes, &out, err) ||
                (out.len && write_batch(w, out, r->aborted, s->last_append_ms, err))) {
                got = -1;
                break;
            }
            *changed = *changed || out.ptr != bytes.ptr;
        }
    }
    compact_cursor_release(&cursor);
    return got < 0 || write_out(w, err) ? -1 : 0;
}

static struct seg *new_segment(const struct compact_run *r, const struct compact_group *g, struct err *err)
{
    struct seg *s = seg_new(r->dir, r->segs[g->first]->base);
    char *path = compact_cleaned_path(r->dir, s->base);
    s->fd = fs_open(path, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, err);
    mem_free(path);
    if (s->fd < 0) {
        seg_unref(s);
        return NULL;
    }
    return s;
}

static void drop_cleaned(const struct compact_run *r, int64_t base)
{
    struct err err;
    char *path = compact_cleaned_path(r->dir, base);
    if (fs_unlink(path, &err))
        log_err(LOG_WARN, "hub", &err); /* the next start does it */
    mem_free(path);
}

static int clean_group(struct compact_run *r, struct compact_cleaner *c, struct compact_group *g, struct err *err)
{
    const struct seg *last = r->segs[g->first + g->count - 1];
    struct writer w = {.seg = new_segment(r, g, err)};
    bool changed = g->count > 1, renamed = false;
    if (!w.seg)
        return -1;
    buf_init(&w.bytes);
    int rc = clean_into(r, c, g, &w, &changed, err);
    buf_release(&w.bytes);
    w.seg->next_offset = last->next_offset;
    w.seg->last_append_ms = last->last_append_ms;
    w.seg->txns.open_first = last->txns.open_first;
    w.seg->synced = w.seg->size;
    r->bytes_after += w.seg->size;
    if (!rc && changed)
        rc = fs_sync(w.seg->fd, err) || compact_swap(r, g, &renamed, err) ? -1 : 0;
    if (renamed) {
        g->made = w.seg;
        return rc;
    }
    drop_cleaned(r, w.seg->base);
    seg_unref(w.seg);
    return rc;
}

int compact_run(struct compact_run *r, struct err *err)
{
    struct compact_map *m = compact_map_new(r->map_bytes);
    struct compact_cleaner c;
    int64_t known;
    int rc = note_all(r, m, &known, err);
    compact_cleaner_init(&c, r, m, known);
    for (size_t i = 0; i < r->count && !rc && r->segs[i]->base < known;) {
        struct compact_group g = {.first = i, .count = group_from(r, i)};
        rc = clean_group(r, &c, &g, err);
        r->groups = mem_grow(r->groups, &r->group_cap, r->group_count + 1, sizeof g);
        r->groups[r->group_count++] = g;
        i += g.count;
    }
    compact_cleaner_release(&c);
    compact_map_free(m);
    r->cleaned_to = rc ? r->dirty_from : known;
    return rc;
}
