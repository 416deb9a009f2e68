/* plog_compact.c -- a log's side of compaction: what may be compacted, and taking over what was.
 *
 * Closed segments are compacted, from the log's start up to the first that is not stable, not durable or too young.
 * The last segment is never touched. While a run is under way no segment of the log is dropped; appending, reading
 * and flushing go on. */
#include "hub/compact.h"
#include "hub/plog.h"
#include <string.h>

enum { CLEANED_FILE_MAX = 64, PERMILLE = 1000 };

struct plog_compaction {
    struct plog *log;
    struct compact_run run;
    struct seg **segs;               /* pinned */
    struct txn_aborts aborted;
    int rc;
    struct err err;
};

static char *beside(const struct plog *log, const char *name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/%s", log->dir, name);
    return buf_detach(&b);
}

/* What was compacted is told by a file; without one nothing was. */
static int64_t cleaned_to(struct plog *log)
{
    struct buf b;
    struct err err;
    int64_t offset;
    if (log->cleaned_to >= 0)
        return log->cleaned_to;
    char *path = beside(log, "cleaned");
    buf_init(&b);
    bool good = fs_exists(path) && !fs_read_file(path, CLEANED_FILE_MAX, &b, &err) && str_i64(str_trim(buf_view(&b)), &offset);
    log->cleaned_to = good && offset >= 0 && offset <= log->high_watermark ? offset : 0;
    buf_release(&b);
    mem_free(path);
    return log->cleaned_to;
}

/* How many segments from the start may be compacted. */
static size_t eligible(struct plog *log, int64_t now_ms)
{
    int64_t stable = plog_stable_offset(log);
    size_t n = 0;
    while (n + 1 < log->seg_count) {
        const struct seg *s = log->segs[n];
        int64_t youngest = s->max_ts >= 0 ? s->max_ts : s->last_append_ms;
        if (s->synced != s->size || s->fd < 0 || log->segs[n + 1]->base > stable || (log->cfg->min_lag_ms > 0 && now_ms - youngest < log->cfg->min_lag_ms))
            break;
        n++;
    }
    return n;
}

int32_t plog_compact_worth(struct plog *log, int64_t now_ms)
{
    const struct plog_config *cfg = log->cfg;
    int64_t from = cleaned_to(log), all = 0, dirty = 0;
    bool late = false;
    if (!cfg->compact || log->compacting || log->offline || log->seg_count < 2)
        return 0;
    size_t n = eligible(log, now_ms);
    for (size_t i = 0; i < n; i++) {
        const struct seg *s = log->segs[i];
        all += s->size;
        if (s->next_offset <= from)
            continue;
        dirty += s->size;
        late = late || (cfg->max_lag_ms > 0 && now_ms - (s->max_ts >= 0 ? s->max_ts : s->last_append_ms) > cfg->max_lag_ms);
    }
    int32_t worth = all ? (int32_t)(dirty * PERMILLE / all) : 0;
    return late ? PERMILLE : dirty && worth >= cfg->min_dirty_permille ? worth + !worth : 0;
}

static void release(struct plog_compaction *c)
{
    for (size_t i = 0; i < c->run.count; i++)
        seg_unref(c->segs[i]);
    for (size_t i = 0; i < c->run.group_count; i++)
        if (c->run.groups[i].made)
            seg_unref(c->run.groups[i].made);
    mem_free(c->run.groups);
    mem_free((char *)c->run.dir);
    mem_free((char *)c->run.label);
    mem_free(c->segs);
    txn_aborts_release(&c->aborted);
    mem_free(c);
}

struct plog_compaction *plog_compact_start(struct plog *log, int64_t now_ms, size_t map_bytes, struct err *err)
{
    struct plog_compaction *c = NEW(struct plog_compaction);
    CHECK(!log->compacting);
    size_t n = eligible(log, now_ms);
    c->log = log;
    c->segs = mem_alloc((n + 1) * sizeof *c->segs);
    c->run = (struct compact_run){
        .dir = mem_strdup(log->dir), .label = mem_strdup(log->label), .segs = c->segs, .dirty_from = cleaned_to(log),
        .end = log->segs[n]->base, .now_ms = now_ms, .delete_retention_ms = log->cfg->delete_retention_ms,
        .segment_bytes = log->cfg->segment_bytes, .map_bytes = map_bytes, .aborted = &c->aborted};
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = plog_need_txns(log, log->segs[i], err);
        seg_ref(log->segs[i]);
        c->segs[c->run.count++] = log->segs[i];
    }
    rc = rc || plog_aborted(log, log->segs[0]->base, c->run.end, &c->aborted, err);
    if (rc) {
        release(c);
        return NULL;
    }
    log->compacting = true;
    return c;
}

void plog_compact_cancel(struct plog_compaction *c)
{
    atomic_store(&c->run.cancel, true);
}

static int write_cleaned(const struct compact_run *r, struct err *err)
{
    struct buf text, path;
    buf_init(&text);
    buf_init(&path);
    buf_printf(&text, "%jd\n", (intmax_t)r->cleaned_to);
    buf_printf(&path, "%s/cleaned", r->dir);
    int rc = fs_write_file(path.ptr, buf_view(&text), err);
    buf_release(&text);
    buf_release(&path);
    return rc;
}

void plog_compact_work(struct plog_compaction *c)
{
    c->rc = compact_run(&c->run, &c->err) || write_cleaned(&c->run, &c->err) ? -1 : 0;
}

/* In place of the group's segments, which are where they were: none was dropped. */
static void take_over(struct plog *log, const struct compact_run *r, const struct compact_group *g)
{
    struct err err;
    size_t at = plog_seg_of(log, r->segs[g->first]->base);
    for (size_t i = 0; i < g->count; i++) {
        struct seg *old = log->segs[at + i];
        CHECK(old == r->segs[g->first + i]);
        for (size_t j = 0; j < PLOG_HINTS; j++)
            if (log->hints[j].seg == old)
                log->hints[j] = (struct plog_hint){0};
        seg_unref(old);
    }
    log->segs[at] = g->made;
    seg_ref(g->made);
    memmove(log->segs + at + 1, log->segs + at + g->count, (log->seg_count - at - g->count) * sizeof *log->segs);
    log->seg_count -= g->count - 1;
    if (seg_save_index(g->made, &err))
        log_err(LOG_WARN, "hub", &err); /* only a cache */
}

int plog_compact_end(struct plog_compaction *c, struct err *err)
{
    struct plog *log = c->log;
    struct compact_run *r = &c->run;
    int rc = c->rc;
    log->compacting = false;
    for (size_t i = 0; i < r->group_count; i++)
        if (r->groups[i].made)
            take_over(log, r, &r->groups[i]);
    if (!rc) {
        log->cleaned_to = r->cleaned_to;
        log_info("hub", "log '%s' is compacted up to offset %jd: %jd records went, %jd bytes are %jd", r->label, (intmax_t)r->cleaned_to,
                 (intmax_t)r->dropped, (intmax_t)r->bytes_before, (intmax_t)r->bytes_after);
    } else {
        *err = c->err;
    }
    release(c);
    return rc;
}
