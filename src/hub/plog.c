#include "hub/plog.h"
#include <string.h>

enum { SYNC_EARLY_BYTES = 64 << 10 }; /* so much is worth handing to the disk before the other logs are written */

static struct seg *active(const struct plog *log)
{
    return log->segs[log->seg_count - 1];
}

static void add_seg(struct plog *log, struct seg *s)
{
    log->segs = mem_grow(log->segs, &log->seg_cap, log->seg_count + 1, sizeof(struct seg *));
    log->segs[log->seg_count++] = s;
}

size_t plog_seg_of(const struct plog *log, int64_t offset)
{
    size_t lo = 0, hi = log->seg_count; /* before lo: base at or before offset; from hi on: after it */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (log->segs[mid]->base <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : 0;
}

/* ------------------------------------------------------------------ append */

static void epochs_text(const struct plog *log, struct buf *out)
{
    buf_printf(out, "0\n%zu\n", log->epoch_count);
    for (size_t i = 0; i < log->epoch_count; i++)
        buf_printf(out, "%d %jd\n", log->epochs[i].epoch, (intmax_t)log->epochs[i].start);
}

static struct plog_stage *new_stage(struct plog *log, struct seg *s, bool create)
{
    log->staged = mem_grow(log->staged, &log->staged_cap, log->staged_count + 1, sizeof *log->staged);
    struct plog_stage *g = &log->staged[log->staged_count++];
    *g = (struct plog_stage){.seg = s, .pos = s->size, .next_offset = s->next_offset, .create = create};
    seg_ref(s);
    buf_init(&g->bytes);
    buf_init(&g->snapshot);
    buf_init(&g->epochs);
    if (create)
        producers_save(log->producers, &g->snapshot);
    return g;
}

static struct plog_stage *stage_for(struct plog *log, const struct batch *b)
{
    struct seg *s = active(log);
    int64_t rel = log->next_offset + b->last_offset_delta - s->base;
    bool old = log->cfg->segment_ms > 0 && b->max_timestamp - s->first_ts >= log->cfg->segment_ms;
    bool full = s->size > 0 && (old || s->size + b->size > log->cfg->segment_bytes);
    if (full || log->roll_next || rel > INT32_MAX || s->size + b->size > UINT32_MAX) {
        log->roll_next = false;
        s->txns.open_first = log->open_first;
        struct seg *before = s;
        s = seg_new(log->dir, log->next_offset);
        add_seg(log, s);
        struct plog_stage *g = new_stage(log, s, true);
        seg_ref(g->before = before);
        return g;
    }
    struct plog_stage *g = log->staged_count ? &log->staged[log->staged_count - 1] : NULL;
    if (g && g->seg == s)
        return g;
    return new_stage(log, s, !log->flushing && s->fd < 0); /* the disk thread may be making the file */
}

static void note_epoch(struct plog *log, struct plog_stage *g)
{
    if (log->epoch_count && log->epochs[log->epoch_count - 1].epoch == log->epoch)
        return;
    if (log->epoch_count == PLOG_MAX_EPOCHS)
        memmove(log->epochs, log->epochs + 1, --log->epoch_count * sizeof *log->epochs);
    log->epochs = mem_grow(log->epochs, &log->epoch_cap, log->epoch_count + 1, sizeof *log->epochs);
    log->epochs[log->epoch_count++] = (struct plog_epoch){log->epoch, log->next_offset};
    epochs_text(log, &g->epochs);
}

enum kerr plog_append(struct plog *log, const struct batch *b, const char *bytes, int64_t now_ms, int64_t *base_offset)
{
    *base_offset = -1;
    if (log->offline)
        return KERR_KAFKA_STORAGE_ERROR;
    if (b->size > log->cfg->max_batch_bytes)
        return KERR_MESSAGE_TOO_LARGE;
    bool marker = b->attributes & BATCH_CONTROL;
    enum kerr k = marker ? KERR_NONE : producers_check(log->producers, b, base_offset);
    if (k != KERR_NONE)
        return k;
    struct plog_stage *g = stage_for(log, b);
    note_epoch(log, g);
    size_t at = g->bytes.len;
    buf_add(&g->bytes, bytes, (size_t)b->size);
    CHECK(!g->bytes.overflow);
    char *copy = g->bytes.ptr + at;
    struct batch placed = *b;
    placed.base_offset = log->next_offset;
    batch_set_place(copy, placed.base_offset, log->epoch);
    if (log->cfg->append_time) {
        batch_set_append_time(copy, b->size, now_ms);
        placed.max_timestamp = now_ms;
    }
    seg_note(g->seg, &placed, now_ms);
    plog_note_producer(log, g->seg, &placed, copy, now_ms);
    log->next_offset = g->next_offset = batch_last_offset(&placed) + 1;
    log->events += (uint64_t)b->count;
    log->bytes += (uint64_t)b->size;
    *base_offset = placed.base_offset;
    return KERR_NONE;
}

void plog_skip_to(struct plog *log, int64_t offset)
{
    if (offset <= log->next_offset)
        return;
    log_warn("hub", "log '%s' ends at %jd but offset %jd was given out: it goes on from there", log->label,
             (intmax_t)log->next_offset, (intmax_t)offset);
    log->next_offset = offset;
    log->roll_next = true;
    if (!log->staged_count && !log->flushing)
        log->high_watermark = offset; /* else the next record's flush moves it there */
}

/* ------------------------------------------------------------------ flush */

bool plog_has_staged(const struct plog *log)
{
    return log->staged_count > 0;
}

void plog_stage_take(struct plog *log, struct plog_flush *out)
{
    CHECK(!log->flushing && log->staged_count);
    *out = (struct plog_flush){.log = log, .stages = log->staged, .count = log->staged_count, .page_cache = log->cfg->page_cache};
    log->staged = NULL;
    log->staged_count = log->staged_cap = 0;
    log->flushing = true;
}

static int write_beside(const char *dir, const char *name, struct str bytes, struct err *err)
{
    struct buf path;
    buf_init(&path);
    buf_printf(&path, "%s/%s", dir, name);
    int rc = fs_write_file(path.ptr, bytes, err);
    buf_release(&path);
    return rc;
}

static int write_stage(struct plog *log, struct plog_stage *g, struct err *err)
{
    if (g->epochs.len && write_beside(log->dir, "leader-epoch-checkpoint", buf_view(&g->epochs), err))
        return -1;
    if (g->create) {
        char *path = seg_file(log->dir, g->seg->base, ".snapshot");
        int rc = seg_create(g->seg, err) || fs_write_file(path, buf_view(&g->snapshot), err) ||
                 fs_sync_dir(log->dir, err);
        mem_free(path);
        if (rc)
            return -1;
    }
    if (fs_pwrite_all(g->seg->fd, g->bytes.ptr, g->bytes.len, g->pos, err))
        return -1;
    if (g->bytes.len >= SYNC_EARLY_BYTES)
        fs_sync_begin(g->seg->fd, g->pos, (int64_t)g->bytes.len);
    return 0;
}

int plog_flush_write(struct plog_flush *f)
{
    for (size_t i = 0; i < f->count && !f->failed; i++) {
        /* A segment is durable before the next one exists: recovery scans only the last. */
        const struct seg *before = f->stages[i].before;
        if (before && before->fd >= 0) /* one that no batch reached has no file */
            f->failed = fs_sync(before->fd, &f->err);
        if (!f->failed)
            f->failed = write_stage(f->log, &f->stages[i], &f->err);
    }
    return f->failed;
}

int plog_flush_sync(struct plog_flush *f)
{
    for (size_t i = 0; i < f->count && !f->failed && !f->page_cache; i++)
        f->failed = fs_sync(f->stages[i].seg->fd, &f->err);
    return f->failed;
}

/* A new segment is there: the one before it is closed, and its index is written. */
static void close_before(struct plog *log, const struct seg *fresh)
{
    struct err err;
    size_t i = plog_seg_of(log, fresh->base);
    if (i > 0 && seg_save_index(log->segs[i - 1], &err))
        log_err(LOG_WARN, "hub", &err); /* only a cache: it is rebuilt from the log */
}

void plog_flushed(struct plog_flush *f, int64_t now_ms)
{
    struct plog *log = f->log;
    CHECK(log->flushing);
    (void)now_ms;
    log->flushing = false;
    if (f->failed) {
        log->offline = true;
        log_error("hub", "log '%s' takes no more writes: %s", log->label, f->err.msg);
    }
    for (size_t i = 0; i < f->count; i++) {
        struct plog_stage *g = &f->stages[i];
        if (!f->failed) {
            g->seg->synced = g->pos + (int64_t)g->bytes.len;
            log->high_watermark = g->next_offset;
            if (g->create)
                close_before(log, g->seg);
        }
        seg_unref(g->seg);
        if (g->before)
            seg_unref(g->before);
        buf_release(&g->bytes);
        buf_release(&g->snapshot);
        buf_release(&g->epochs);
    }
    mem_free(f->stages);
}

/* ------------------------------------------------------------------ read */

static void hint_put(struct plog *log, struct seg *s, int64_t offset, int64_t pos)
{
    struct plog_hint *h = &log->hints[log->next_hint++ % PLOG_HINTS];
    *h = (struct plog_hint){s, offset, pos};
}

/* The position of `offset` in `s`: where a read ended before, else by the index. */
static int64_t position(struct plog *log, struct seg *s, int64_t offset, struct err *err)
{
    for (size_t i = 0; i < PLOG_HINTS; i++)
        if (log->hints[i].seg == s && log->hints[i].offset == offset)
            return log->hints[i].pos;
    return seg_find(s, offset, err);
}

/* What a read met: the offset after the whole batches, the size of the first one, and whether it met `to`. */
struct met { int64_t to, next, first; bool end; };

/* How many of the `n` bytes are whole batches before m->to. */
static int64_t whole_batches(const char *bytes, int64_t n, struct met *m)
{
    struct batch b;
    int64_t at = 0;
    m->first = 0;
    while (batch_read_header(str_of(bytes + at, (size_t)(n - at)), &b)) {
        m->end = b.base_offset >= m->to;
        if (m->end)
            break;
        if (at == 0)
            m->first = b.size;
        if (b.size > n - at)
            break;
        at += b.size;
        m->next = batch_last_offset(&b) + 1;
    }
    return at;
}

static int64_t read_some(struct seg *s, int64_t pos, int64_t n, struct buf *out, struct met *m, struct err *err)
{
    size_t at = out->len;
    char *room = buf_room(out, (size_t)n);
    if (!room)
        return err_set(err, ERR_LIMIT, "a response may not hold %jd bytes more", (intmax_t)n);
    int64_t got = fs_pread(s->fd, room, (size_t)n, pos, err);
    if (got < 0)
        return -1;
    int64_t whole = whole_batches(room, got, m);
    buf_took(out, (size_t)whole);
    DCHECK(out->len == at + (size_t)whole);
    return whole;
}

int64_t plog_read(struct plog *log, int64_t offset, size_t max_bytes, bool first_whole, struct buf *out,
                  struct err *err)
{
    return plog_read_to(log, offset, log->high_watermark, max_bytes, first_whole, out, err);
}

int64_t plog_read_to(struct plog *log, int64_t offset, int64_t to, size_t max_bytes, bool first_whole, struct buf *out,
                     struct err *err)
{
    CHECK(offset >= log->start_offset && offset <= log->high_watermark && to <= log->high_watermark);
    for (size_t i = plog_seg_of(log, offset); i < log->seg_count && offset < to; i++) {
        struct seg *s = log->segs[i];
        int64_t pos = s->synced ? position(log, s, offset, err) : 0;
        if (pos < 0)
            return -1;
        if (pos >= s->synced)
            continue; /* deleted or never given offsets: the next segment starts above them */
        struct met m = {.to = to, .next = offset};
        int64_t left = s->synced - pos, limit = (int64_t)max_bytes;
        int64_t n = limit < left ? limit : left;
        if (n < BATCH_HEADER)
            n = left < BATCH_HEADER ? left : BATCH_HEADER;
        int64_t got = read_some(s, pos, n, out, &m, err);
        if (got == 0 && first_whole && m.first > n && m.first <= left)
            got = read_some(s, pos, m.first, out, &m, err);
        if (got == 0 && !m.end && (m.first == 0 || m.first > left))
            return err_set(err, ERR_CORRUPT, "'%s' holds no batch at byte %jd", s->path, (intmax_t)pos);
        if (got > 0)
            hint_put(log, s, m.next, pos + got);
        return got;
    }
    return 0;
}

struct time_find { int64_t ts; struct batch found; int64_t pos; bool hit; };

static bool older(void *ctx, const struct batch *b, int64_t pos)
{
    struct time_find *f = ctx;
    if (b->max_timestamp < f->ts)
        return true;
    f->found = *b;
    f->pos = pos;
    f->hit = true;
    return false;
}

/* The first record in one batch that is not older; the batch has one. */
static int first_in_batch(struct seg *s, const struct time_find *f, int64_t *offset, int64_t *ts, struct err *err)
{
    struct batch_reader r;
    struct record rec;
    struct buf bytes;
    int got = -1;
    *offset = f->found.base_offset;
    *ts = f->found.max_timestamp;
    buf_init(&bytes);
    batch_reader_init(&r);
    int64_t n = fs_pread(s->fd, buf_room(&bytes, (size_t)f->found.size), (size_t)f->found.size, f->pos, err);
    if (n == f->found.size && !batch_reader_start(&r, &f->found, str_of(bytes.ptr, (size_t)n), err))
        while ((got = batch_reader_next(&r, &rec, err)) == 1)
            if (rec.timestamp_ms >= f->ts) {
                *offset = rec.offset;
                *ts = rec.timestamp_ms;
                break;
            }
    batch_reader_release(&r);
    buf_release(&bytes);
    return n < 0 || got < 0 ? -1 : 0;
}

int plog_offset_of_time(struct plog *log, int64_t ts, int64_t *offset, int64_t *found_ts, struct err *err)
{
    *offset = *found_ts = -1;
    for (size_t i = plog_seg_of(log, log->start_offset); i < log->seg_count; i++) {
        struct seg *s = log->segs[i];
        if (s->synced == 0 || s->max_ts < ts)
            continue;
        if (seg_need_index(s, err))
            return -1;
        struct time_find f = {.ts = ts};
        int64_t from = seg_index_find_time(&s->index, ts), first = 0;
        if (log->start_offset > s->base && (first = seg_find(s, log->start_offset, err)) < 0)
            return -1;
        if (from < first)
            from = first;
        if (seg_scan(s, from, s->synced, false, older, &f, err) < 0)
            return -1;
        if (f.hit)
            return first_in_batch(s, &f, offset, found_ts, err);
    }
    return 0;
}

void plog_max_time(const struct plog *log, int64_t *offset, int64_t *ts)
{
    *offset = *ts = -1;
    for (size_t i = 0; i < log->seg_count; i++) {
        const struct seg *s = log->segs[i];
        if (s->synced > 0 && s->max_ts > *ts) {
            *ts = s->max_ts;
            *offset = s->max_ts_offset >= 0 ? s->max_ts_offset : s->base;
        }
    }
}

void plog_epoch_end(const struct plog *log, int32_t epoch, int32_t *found, int64_t *end)
{
    *found = -1;
    *end = -1;
    if (epoch > log->epoch)
        return;
    for (size_t i = log->epoch_count; i-- > 0;)
        if (log->epochs[i].epoch <= epoch) {
            *found = log->epochs[i].epoch;
            *end = i + 1 < log->epoch_count ? log->epochs[i + 1].start : log->high_watermark;
            return;
        }
    *found = epoch;
    *end = log->epoch_count ? log->epochs[0].start : log->high_watermark;
}

int64_t plog_size(const struct plog *log)
{
    int64_t n = 0;
    for (size_t i = 0; i < log->seg_count; i++)
        n += log->segs[i]->synced;
    return n;
}

int64_t plog_bytes_after(struct plog *log, int64_t offset)
{
    if (offset >= log->high_watermark)
        return 0;
    size_t i = plog_seg_of(log, offset);
    struct err err;
    int64_t pos = log->segs[i]->synced ? position(log, log->segs[i], offset, &err) : 0;
    int64_t n = pos < 0 ? log->segs[i]->synced : log->segs[i]->synced - pos;
    for (i++; i < log->seg_count; i++)
        n += log->segs[i]->synced;
    return n;
}

int64_t plog_bytes_between(struct plog *log, int64_t offset, int64_t to)
{
    if (to >= log->high_watermark)
        return plog_bytes_after(log, offset);
    return offset < to ? plog_bytes_after(log, offset) - plog_bytes_after(log, to) : 0;
}

/* ------------------------------------------------------------------ retention */

static void drop_first(struct plog *log)
{
    struct seg *s = log->segs[0];
    struct err err;
    if (seg_unlink(s, &err))
        log_err(LOG_WARN, "hub", &err);
    for (size_t i = 0; i < PLOG_HINTS; i++)
        if (log->hints[i].seg == s)
            log->hints[i] = (struct plog_hint){0};
    seg_unref(s);
    memmove(log->segs, log->segs + 1, --log->seg_count * sizeof(struct seg *));
    if (log->start_offset < log->segs[0]->base)
        log->start_offset = log->segs[0]->base;
}

int plog_retain(struct plog *log, int64_t now_ms)
{
    int dropped = 0;
    int64_t size = plog_size(log);
    producers_expire(log->producers, now_ms);
    while (log->seg_count > 1 && !log->compacting) {
        const struct seg *s = log->segs[0];
        int64_t age = now_ms - (s->max_ts >= 0 ? s->max_ts : s->last_append_ms);
        bool old = !log->cfg->keep && log->cfg->retention_ms >= 0 && age > log->cfg->retention_ms;
        bool much = !log->cfg->keep && log->cfg->retention_bytes >= 0 && size - s->synced >= log->cfg->retention_bytes;
        bool deleted = log->segs[1]->base <= log->start_offset;
        if (s->synced != s->size || (!old && !much && !deleted) || log->segs[1]->base > log->high_watermark)
            break;
        size -= s->synced;
        drop_first(log);
        dropped++;
    }
    return dropped;
}

int plog_delete_before(struct plog *log, int64_t offset, struct err *err)
{
    struct buf b;
    CHECK(offset <= log->high_watermark);
    if (offset <= log->start_offset)
        return 0;
    buf_init(&b);
    buf_printf(&b, "%jd\n", (intmax_t)offset);
    int rc = write_beside(log->dir, "start", buf_view(&b), err);
    buf_release(&b);
    if (rc)
        return -1;
    log->start_offset = offset;
    while (log->seg_count > 1 && !log->compacting && log->segs[1]->base <= offset && log->segs[0]->synced == log->segs[0]->size)
        drop_first(log);
    return 0;
}
