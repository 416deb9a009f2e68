/* plog_txn.c -- transactions in a partition's log: which are open, which were aborted, what is stable.
 *
 * The producers' state says which are open (producers.h), each segment which ones its markers aborted
 * (seg_txn.h). The last stable offset is where the oldest open transaction began, else the high watermark. A
 * transaction whose marker is not durable counts as open: what a reader of committed records has seen stays
 * committed. */
#include "hub/plog.h"
#include <string.h>

enum { TXNS_FILE_MAX = 64 << 20 };

static void recount(struct plog *log)
{
    log->open_first = producers_oldest_txn(log->producers);
}

/* Forgets the ended ones whose markers are durable. */
static void drop_ended(struct plog *log)
{
    size_t kept = 0;
    for (size_t i = 0; i < log->ended_count; i++)
        if (log->ended[i].last >= log->high_watermark)
            log->ended[kept++] = log->ended[i];
    log->ended_count = kept;
}

static void note_marker(struct plog *log, struct seg *s, const struct batch *b, const char *bytes, int64_t now_ms)
{
    int32_t coordinator = 0;
    enum batch_marker type = batch_marker_of(b, bytes, &coordinator);
    if (type == MARKER_NONE)
        return;
    struct txn_aborted x = {b->producer_id, producers_end_txn(log->producers, b, coordinator, now_ms), b->base_offset};
    recount(log);
    if (x.first < 0)
        return; /* there was nothing to end */
    if (type == MARKER_ABORT && s)
        txn_aborts_add(&s->txns.aborts, x);
    drop_ended(log);
    log->ended = mem_grow(log->ended, &log->ended_cap, log->ended_count + 1, sizeof x);
    log->ended[log->ended_count++] = x;
}

void plog_note_producer(struct plog *log, struct seg *s, const struct batch *b, const char *bytes, int64_t now_ms)
{
    if (b->attributes & BATCH_CONTROL) {
        note_marker(log, s, b, bytes, now_ms);
        return;
    }
    producers_note(log->producers, b, now_ms);
    if ((b->attributes & BATCH_TRANSACTIONAL) && log->open_first < 0)
        log->open_first = b->base_offset;
}

void plog_txns_loaded(struct plog *log)
{
    recount(log);
    log->ended_count = 0;
}

int64_t plog_stable_offset(struct plog *log)
{
    int64_t at = log->high_watermark;
    if (log->open_first >= 0 && log->open_first < at)
        at = log->open_first;
    drop_ended(log);
    for (size_t i = 0; i < log->ended_count; i++)
        if (log->ended[i].first < at)
            at = log->ended[i].first;
    return at < log->start_offset ? log->start_offset : at;
}

/* ------------------------------------------------------------------ what was aborted */

struct rebuild { struct plog probe; struct seg *s; struct buf bytes; bool failed; struct err err; };

static bool rebuild_one(void *ctx, const struct batch *b, int64_t pos)
{
    struct rebuild *r = ctx;
    if (!(b->attributes & BATCH_TRANSACTIONAL))
        return true;
    buf_clear(&r->bytes);
    if ((b->attributes & BATCH_CONTROL) && seg_read(r->s, pos, b->size, &r->bytes, &r->err)) {
        r->failed = true;
        return false;
    }
    plog_note_producer(&r->probe, r->s, b, r->bytes.ptr, 0);
    return true;
}

static int rebuild(struct plog *log, struct seg *s, struct err *err)
{
    struct rebuild r = {.s = s, .probe = {.producers = producers_new(), .dir = log->dir, .open_first = -1}};
    buf_init(&r.bytes);
    plog_load_snapshot(&r.probe, s->base);
    recount(&r.probe);
    int rc = seg_scan(s, 0, s->synced, false, rebuild_one, &r, err) < 0 || r.failed ? -1 : 0;
    if (r.failed)
        *err = r.err;
    s->txns.open_first = r.probe.open_first;
    s->txns.known = rc == 0;
    if (rc)
        txn_aborts_release(&s->txns.aborts);
    else if (seg_save_txns(s, err))
        log_err(LOG_WARN, "hub", err); /* only a hint */
    producers_free(r.probe.producers);
    mem_free(r.probe.ended);
    buf_release(&r.bytes);
    return rc;
}

int plog_need_txns(struct plog *log, struct seg *s, struct err *err)
{
    struct buf b;
    struct err why;
    if (s->txns.known)
        return 0;
    char *path = seg_file(s->dir, s->base, ".txns");
    buf_init(&b);
    bool good = fs_exists(path) && !fs_read_file(path, TXNS_FILE_MAX, &b, &why) && seg_txns_load(&s->txns, buf_view(&b), s->size);
    buf_release(&b);
    mem_free(path);
    return good ? 0 : rebuild(log, s, err);
}

/* Its segment may hold nothing from there on: then the next one that holds anything is read. */
int64_t plog_read_bound(const struct plog *log, int64_t offset)
{
    size_t i = plog_seg_of(log, offset) + 1;
    while (i < log->seg_count && !log->segs[i]->synced)
        i++;
    return i + 1 < log->seg_count ? log->segs[i + 1]->base : INT64_MAX;
}

int plog_aborted(struct plog *log, int64_t from, int64_t to, struct txn_aborts *out, struct err *err)
{
    for (size_t i = plog_seg_of(log, from); i < log->seg_count; i++) {
        struct seg *s = log->segs[i];
        if (s->fd < 0)
            break; /* not made yet: nothing durable is in it */
        if (plog_need_txns(log, s, err))
            return -1;
        for (size_t j = 0; j < s->txns.aborts.count; j++) {
            const struct txn_aborted *x = &s->txns.aborts.items[j];
            if (x->last >= from && x->first < to)
                txn_aborts_add(out, *x);
        }
        if (i + 1 < log->seg_count && log->segs[i + 1]->base >= to && (s->txns.open_first < 0 || s->txns.open_first >= to))
            break;
    }
    return 0;
}
