/* plog_open.c -- opening a partition's log: what the folder says, and the scan of its tail. */
#include "hub/compact.h"
#include "hub/plog.h"
#include <string.h>

enum { SMALL_FILE_MAX = 1 << 20, SNAPSHOT_MAX = 64 << 20 };

static bool read_beside(const char *dir, const char *name, size_t max, struct buf *out)
{
    struct buf path;
    struct err err;
    buf_init(&path);
    buf_printf(&path, "%s/%s", dir, name);
    bool good = fs_exists(path.ptr) && !fs_read_file(path.ptr, max, out, &err);
    buf_release(&path);
    return good;
}

static bool word_i64(struct str *rest, int64_t *out)
{
    struct str w;
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != '\n')
        n++;
    w = str_sub(*rest, 0, n);
    *rest = str_from(*rest, n);
    return str_i64(w, out);
}

static void load_epochs(struct plog *log)
{
    struct buf b;
    int64_t version = -1, count = 0, epoch, start;
    buf_init(&b);
    if (read_beside(log->dir, "leader-epoch-checkpoint", SMALL_FILE_MAX, &b)) {
        struct str rest = buf_view(&b);
        bool good = word_i64(&rest, &version) && version == 0 && word_i64(&rest, &count);
        for (int64_t i = 0; good && i < count && i < PLOG_MAX_EPOCHS; i++) {
            if (!word_i64(&rest, &epoch) || !word_i64(&rest, &start) || start > log->next_offset)
                break; /* an epoch whose first batch did not reach the disk */
            log->epochs = mem_grow(log->epochs, &log->epoch_cap, log->epoch_count + 1, sizeof *log->epochs);
            log->epochs[log->epoch_count++] = (struct plog_epoch){(int32_t)epoch, start};
        }
    }
    buf_release(&b);
}

static int open_segments(struct plog *log, struct err *err)
{
    struct arena *a = arena_new();
    char **names;
    int64_t count = 0, n = fs_list(a, log->dir, &names, err); /* sorted: bases rise */
    int64_t *bases = ARENA_ARRAY(a, int64_t, n > 0 ? n : 0);
    int rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n; i++) {
        struct str name = str_z(names[i]);
        if (str_ends_z(name, ".log") && str_i64(str_sub(name, 0, name.len - 4), &bases[count]) && bases[count] >= 0)
            count++;
    }
    for (int64_t i = 0; i < count && !rc; i++) {
        struct seg *s = seg_open(log->dir, bases[i], i + 1 < count, err);
        if (!s) {
            rc = -1;
            break;
        }
        if (log->seg_count)
            log->segs[log->seg_count - 1]->next_offset = bases[i];
        log->segs = mem_grow(log->segs, &log->seg_cap, log->seg_count + 1, sizeof(struct seg *));
        log->segs[log->seg_count++] = s;
    }
    arena_free(a);
    return rc;
}

/* ------------------------------------------------------------------ the tail */

struct replay { struct plog *log; struct seg *seg; int64_t next_offset; struct buf *marker; bool failed; struct err err; };

static bool replay_producers(void *ctx, const struct batch *b, int64_t pos)
{
    struct replay *r = ctx;
    buf_clear(r->marker);
    if ((b->attributes & BATCH_CONTROL) && seg_read(r->seg, pos, b->size, r->marker, &r->err)) {
        r->failed = true;
        return false;
    }
    plog_note_producer(r->log, r->seg, b, r->marker->ptr, b->max_timestamp > 0 ? b->max_timestamp : 0);
    return true;
}

/* Scans a segment from its start up to `end`. Returns where it stopped, or -1. */
static int64_t replay(struct replay *r, int64_t end, bool whole, seg_scan_fn fn, struct err *err)
{
    struct buf marker;
    buf_init(&marker);
    r->marker = &marker;
    int64_t at = seg_scan(r->seg, 0, end, whole, fn, r, err);
    buf_release(&marker);
    if (r->failed)
        *err = r->err;
    return r->failed ? -1 : at;
}

static bool replay_tail(void *ctx, const struct batch *b, int64_t pos)
{
    struct replay *r = ctx;
    if (b->base_offset != r->next_offset)
        return false; /* within a segment offsets have no gaps: not a batch that we wrote here */
    r->next_offset = batch_last_offset(b) + 1;
    seg_note(r->seg, b, r->seg->last_append_ms);
    return replay_producers(ctx, b, pos);
}

bool plog_load_snapshot(struct plog *log, int64_t offset)
{
    struct buf b;
    struct err err;
    char *path = seg_file(log->dir, offset, ".snapshot");
    buf_init(&b);
    bool good = fs_exists(path) && !fs_read_file(path, SNAPSHOT_MAX, &b, &err) &&
                producers_load(log->producers, buf_view(&b));
    buf_release(&b);
    mem_free(path);
    return good;
}

/* Without a snapshot at the start of the tail, what producers did is read from the log. */
static int replay_older(struct plog *log, struct err *err)
{
    for (size_t i = 0; i + 1 < log->seg_count; i++) {
        struct replay r = {.log = log, .seg = log->segs[i]};
        txn_aborts_release(&r.seg->txns.aborts);
        if (replay(&r, r.seg->size, false, replay_producers, err) < 0)
            return -1;
        r.seg->txns.open_first = log->open_first;
        r.seg->txns.known = true;
    }
    return 0;
}

static int scan_tail(struct plog *log, struct seg *s, struct err *err)
{
    int64_t size = s->size;
    struct replay r = {.log = log, .seg = s, .next_offset = s->base};
    seg_index_release(&s->index);
    s->indexed = true;
    s->size = 0;
    s->max_ts = s->max_ts_offset = -1;
    s->next_offset = s->base;
    seg_txns_release(&s->txns);
    s->txns.known = true;
    int64_t good = replay(&r, size, true, replay_tail, err);
    if (good < 0)
        return -1;
    CHECK(good == s->size);
    s->synced = good;
    if (good == size)
        return 0;
    log_warn("hub", "'%s' ends in a torn batch: %jd bytes after offset %jd are cut off", s->path,
             (intmax_t)(size - good), (intmax_t)s->next_offset);
    return fs_truncate(s->fd, good, err) || fs_sync(s->fd, err) ? -1 : 0;
}

static int64_t first_timestamp(const struct seg *s)
{
    char head[BATCH_HEADER];
    struct batch b;
    struct err err;
    int64_t got = s->size ? fs_pread(s->fd, head, sizeof head, 0, &err) : 0;
    return got > 0 && batch_read_header(str_of(head, (size_t)got), &b) ? b.max_timestamp : 0;
}

/* After an orderly end the last segment needs no scan: `clean` names its size and end. */
static bool resume_clean(struct plog *log, struct seg *s)
{
    struct buf b;
    struct err err;
    int64_t base, size, next, max_ts, max_ts_offset;
    buf_init(&b);
    bool good = read_beside(log->dir, "clean", SMALL_FILE_MAX, &b);
    struct str rest = buf_view(&b);
    good = good && word_i64(&rest, &base) && word_i64(&rest, &size) && word_i64(&rest, &next) &&
           word_i64(&rest, &max_ts) && word_i64(&rest, &max_ts_offset) && base == s->base && size == s->size &&
           next >= base && plog_load_snapshot(log, next);
    buf_release(&b);
    if (!good)
        return false;
    if ((size > 0 && seg_need_index(s, &err)) || plog_need_txns(log, s, &err)) {
        producers_free(log->producers);
        log->producers = producers_new();
        return false;
    }
    s->indexed = true;
    s->first_ts = first_timestamp(s);
    s->next_offset = next;
    s->max_ts = max_ts;
    s->max_ts_offset = max_ts_offset;
    if (s->index.count) {
        s->last_pos = s->index.items[s->index.count - 1].pos;
        s->last_rel = s->index.items[s->index.count - 1].offset_rel;
    }
    return true;
}

static void remove_clean(struct plog *log, int64_t next)
{
    struct buf path;
    struct err err;
    buf_init(&path);
    buf_printf(&path, "%s/clean", log->dir);
    bool there = fs_exists(path.ptr);
    if (there && fs_unlink(path.ptr, &err))
        log_err(LOG_WARN, "hub", &err);
    buf_release(&path);
    if (there && next != log->segs[log->seg_count - 1]->base) {
        char *snapshot = seg_file(log->dir, next, ".snapshot");
        if (fs_unlink(snapshot, &err))
            log_err(LOG_WARN, "hub", &err);
        mem_free(snapshot);
    }
}

/* What it says of the segment's end holds no longer once the log goes on. */
static void remove_txns(const struct seg *s)
{
    struct err err;
    char *path = seg_file(s->dir, s->base, ".txns");
    if (fs_unlink(path, &err))
        log_err(LOG_WARN, "hub", &err);
    mem_free(path);
}

static int open_tail(struct plog *log, struct err *err)
{
    struct seg *s = log->segs[log->seg_count - 1];
    if (!resume_clean(log, s)) {
        if (!plog_load_snapshot(log, s->base) && replay_older(log, err))
            return -1;
        plog_txns_loaded(log);
        if (scan_tail(log, s, err))
            return -1;
    }
    plog_txns_loaded(log);
    remove_txns(s);
    log->next_offset = log->high_watermark = s->next_offset;
    remove_clean(log, s->next_offset);
    return 0;
}

static void load_start(struct plog *log)
{
    struct buf b;
    int64_t start;
    buf_init(&b);
    log->start_offset = log->segs[0]->base;
    if (read_beside(log->dir, "start", SMALL_FILE_MAX, &b)) {
        struct str rest = buf_view(&b);
        if (word_i64(&rest, &start) && start > log->start_offset)
            log->start_offset = start;
    }
    buf_release(&b);
}

struct plog *plog_open(const char *dir, const char *label, const struct plog_config *cfg, int32_t epoch, struct err *err)
{
    struct plog *log = NEW(struct plog);
    log->dir = mem_strdup(dir);
    log->label = mem_strdup(label);
    log->cfg = cfg;
    log->epoch = epoch;
    log->producers = producers_new();
    log->open_first = -1;
    log->cleaned_to = -1;
    if (fs_mkdirs(dir, err) || compact_recover(dir, err) || open_segments(log, err))
        goto fail;
    if (log->seg_count) {
        if (open_tail(log, err))
            goto fail;
    } else {
        log->segs = mem_grow(log->segs, &log->seg_cap, 1, sizeof(struct seg *));
        log->segs[log->seg_count++] = seg_new(dir, 0);
    }
    load_start(log);
    if (log->start_offset > log->next_offset)
        plog_skip_to(log, log->start_offset);
    load_epochs(log);
    return log;
fail:
    plog_close(log, false);
    err_wrap(err, "log '%s'", label);
    return NULL;
}

/* ------------------------------------------------------------------ closing */

static int note_clean(struct plog *log, struct err *err)
{
    struct seg *s = log->segs[log->seg_count - 1];
    struct buf b, path;
    if (s->fd < 0 || s->synced != s->size || log->roll_next)
        return 0; /* nothing was ever written, or the next open has to look */
    if (seg_need_index(s, err) || seg_save_index(s, err))
        return -1;
    char *snapshot = seg_file(log->dir, s->next_offset, ".snapshot");
    buf_init(&b);
    buf_init(&path);
    producers_save(log->producers, &b);
    int rc = seg_write_hint(snapshot, buf_view(&b), err);
    buf_clear(&b);
    buf_printf(&b, "%jd %jd %jd %jd %jd\n", (intmax_t)s->base, (intmax_t)s->size, (intmax_t)s->next_offset,
               (intmax_t)s->max_ts, (intmax_t)s->max_ts_offset);
    buf_printf(&path, "%s/clean", log->dir);
    rc = rc || seg_write_hint(path.ptr, buf_view(&b), err);
    mem_free(snapshot);
    buf_release(&b);
    buf_release(&path);
    return rc ? -1 : 0;
}

void plog_close(struct plog *log, bool orderly)
{
    struct err err;
    CHECK(!log->flushing && (!orderly || log->offline || !log->staged_count));
    if (orderly && !log->offline && note_clean(log, &err))
        log_err(LOG_WARN, "hub", &err);
    for (size_t i = 0; i < log->staged_count; i++) {
        seg_unref(log->staged[i].seg);
        buf_release(&log->staged[i].bytes);
        buf_release(&log->staged[i].snapshot);
        buf_release(&log->staged[i].epochs);
    }
    for (size_t i = 0; i < log->seg_count; i++)
        seg_unref(log->segs[i]);
    producers_free(log->producers);
    mem_free(log->segs);
    mem_free(log->staged);
    mem_free(log->epochs);
    mem_free(log->ended);
    mem_free(log->dir);
    mem_free(log->label);
    mem_free(log);
}
