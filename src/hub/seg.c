#include "hub/seg.h"
#include <string.h>

enum { SCAN_BYTES = 1 << 20, INDEX_FILE_MAX = 64 << 20, OFFSET_DIGITS = 20 };

char *seg_file(const char *dir, int64_t base, const char *suffix)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/%0*jd%s", dir, OFFSET_DIGITS, (intmax_t)base, suffix);
    return buf_detach(&b);
}

struct seg *seg_new(const char *dir, int64_t base)
{
    struct seg *s = NEW(struct seg);
    s->base = s->next_offset = base;
    s->fd = -1;
    s->refs = 1;
    s->dir = mem_strdup(dir);
    s->path = seg_file(dir, base, ".log");
    s->max_ts = s->max_ts_offset = -1;
    s->indexed = true;
    s->txns = (struct seg_txns){.open_first = -1, .known = true};
    return s;
}

void seg_ref(struct seg *s)
{
    CHECK(s->refs > 0);
    s->refs++;
}

void seg_unref(struct seg *s)
{
    if (!s || --s->refs > 0)
        return;
    if (s->fd >= 0)
        fs_close(s->fd);
    seg_index_release(&s->index);
    seg_txns_release(&s->txns);
    mem_free(s->dir);
    mem_free(s->path);
    mem_free(s);
}

int seg_create(struct seg *s, struct err *err)
{
    s->fd = fs_open(s->path, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, err);
    return s->fd < 0 ? -1 : 0;
}

void seg_note(struct seg *s, const struct batch *b, int64_t now_ms)
{
    uint32_t pos = (uint32_t)s->size, rel = (uint32_t)(b->base_offset - s->base);
    DCHECK(b->base_offset >= s->next_offset);
    if (b->max_timestamp > s->max_ts) {
        s->max_ts = b->max_timestamp;
        s->max_ts_offset = b->base_offset;
    }
    if (s->indexed)
        seg_index_add(&s->index, rel, pos, s->max_ts, false);
    if (s->size == 0)
        s->first_ts = b->max_timestamp;
    s->last_pos = pos;
    s->last_rel = rel;
    s->size += b->size;
    s->next_offset = batch_last_offset(b) + 1;
    s->last_append_ms = now_ms;
}

/* ------------------------------------------------------------------ scanning */

static int64_t scan_headers(const struct seg *s, int64_t pos, int64_t end, seg_scan_fn fn, void *ctx, struct err *err)
{
    char head[BATCH_HEADER];
    struct batch b;
    while (pos < end) {
        int64_t got = fs_pread(s->fd, head, sizeof head, pos, err);
        if (got < 0)
            return -1;
        if (!batch_read_header(str_of(head, (size_t)got), &b) || b.size > end - pos || !fn(ctx, &b, pos))
            break;
        pos += b.size;
    }
    return pos;
}

/* Reads the next piece of the segment: the window then starts at `pos` and holds at least `need`
 * bytes, unless the file ends before. */
static int window_fill(const struct seg *s, struct buf *w, int64_t pos, int64_t need, struct err *err)
{
    buf_clear(w);
    int64_t got = fs_pread(s->fd, buf_room(w, (size_t)need), (size_t)need, pos, err);
    if (got < 0)
        return -1;
    buf_took(w, (size_t)got);
    return 0;
}

static int64_t scan_whole(const struct seg *s, int64_t pos, int64_t end, seg_scan_fn fn, void *ctx, struct err *err)
{
    struct buf w;
    size_t at = 0; /* `pos` in the window */
    buf_init(&w);
    while (pos < end) {
        struct batch b;
        struct str rest = str_from(buf_view(&w), at);
        bool head = batch_read_header(rest, &b), fits = head && b.size <= end - pos;
        if (head && fits && (size_t)b.size <= rest.len) {
            if (!batch_crc_ok(&b, rest.ptr) || !fn(ctx, &b, pos))
                break;
            at += (size_t)b.size;
            pos += b.size;
            continue;
        }
        int64_t need = head && b.size > SCAN_BYTES ? b.size : SCAN_BYTES;
        need = need < end - pos ? need : end - pos;
        if ((head && !fits) || (int64_t)rest.len >= need || (!head && rest.len >= BATCH_HEADER))
            break; /* all of it is here, and it is no batch */
        if (window_fill(s, &w, pos, need, err)) {
            pos = -1;
            break;
        }
        at = 0;
        if ((int64_t)w.len < need)
            end = pos + (int64_t)w.len; /* the file is shorter than we were told */
    }
    buf_release(&w);
    return pos;
}

int64_t seg_scan(const struct seg *s, int64_t pos, int64_t end, bool whole, seg_scan_fn fn, void *ctx, struct err *err)
{
    return (whole ? scan_whole : scan_headers)(s, pos, end, fn, ctx, err);
}

/* ------------------------------------------------------------------ index */

struct rebuild { struct seg *s; int64_t max_ts; };

static bool rebuild_one(void *ctx, const struct batch *b, int64_t pos)
{
    struct rebuild *r = ctx;
    r->max_ts = b->max_timestamp > r->max_ts ? b->max_timestamp : r->max_ts;
    seg_index_add(&r->s->index, (uint32_t)(b->base_offset - r->s->base), (uint32_t)pos, r->max_ts, false);
    return true;
}

static int load_index(struct seg *s, struct err *err)
{
    struct buf o, t;
    char *index = seg_file(s->dir, s->base, ".index"), *times = seg_file(s->dir, s->base, ".timeindex");
    buf_init(&o);
    buf_init(&t);
    int rc = fs_read_file(index, INDEX_FILE_MAX, &o, err) || fs_read_file(times, INDEX_FILE_MAX, &t, err) ||
             seg_index_load(&s->index, buf_view(&o), buf_view(&t), s->size, err);
    buf_release(&o);
    buf_release(&t);
    mem_free(index);
    mem_free(times);
    return rc ? -1 : 0;
}

int seg_need_index(struct seg *s, struct err *err)
{
    struct err why;
    if (s->indexed)
        return 0;
    if (load_index(s, &why)) {
        struct rebuild r = {s, -1};
        log_info("hub", "index of '%s' is rebuilt: %s", s->path, why.msg);
        if (seg_scan(s, 0, s->size, false, rebuild_one, &r, err) < 0) {
            seg_index_release(&s->index);
            return -1;
        }
        s->max_ts = r.max_ts;
    }
    s->indexed = true;
    return 0;
}

int seg_write_hint(const char *path, struct str bytes, struct err *err)
{
    int fd = fs_open(path, FS_WRITE | FS_CREATE | FS_TRUNC, err);
    if (fd < 0)
        return -1;
    int rc = fs_write_all(fd, bytes.ptr, bytes.len, err);
    fs_close(fd);
    return rc;
}

int seg_save_index(struct seg *s, struct err *err)
{
    if (!s->indexed || s->size == 0)
        return 0;
    seg_index_add(&s->index, s->last_rel, s->last_pos, s->max_ts, true);
    struct buf o, t;
    char *index = seg_file(s->dir, s->base, ".index"), *times = seg_file(s->dir, s->base, ".timeindex");
    buf_init(&o);
    buf_init(&t);
    seg_index_save(&s->index, &o, &t);
    int rc = seg_write_hint(index, buf_view(&o), err) || seg_write_hint(times, buf_view(&t), err);
    buf_release(&o);
    buf_release(&t);
    mem_free(index);
    mem_free(times);
    return rc || seg_save_txns(s, err) ? -1 : 0;
}

int seg_save_txns(const struct seg *s, struct err *err)
{
    struct buf b;
    if (!s->txns.known)
        return 0; /* its file says it */
    char *path = seg_file(s->dir, s->base, ".txns");
    buf_init(&b);
    seg_txns_save(&s->txns, s->size, &b);
    int rc = seg_write_hint(path, buf_view(&b), err);
    buf_release(&b);
    mem_free(path);
    return rc;
}

int seg_read(const struct seg *s, int64_t pos, int64_t n, struct buf *out, struct err *err)
{
    char *room = buf_room(out, (size_t)n);
    int64_t got = room ? fs_pread(s->fd, room, (size_t)n, pos, err) : err_set(err, ERR_LIMIT, "%jd bytes are too many", (intmax_t)n);
    if (got >= 0 && got < n)
        return err_set(err, ERR_CORRUPT, "'%s' ends before byte %jd", s->path, (intmax_t)(pos + n));
    if (got < 0)
        return -1;
    buf_took(out, (size_t)n);
    return 0;
}

static bool last_timestamp(const struct seg *s, int64_t *ts)
{
    char *path = seg_file(s->dir, s->base, ".timeindex");
    uint8_t last[SEG_TIME_BYTES];
    struct fs_stat st;
    struct err err;
    bool good = false;
    int fd = fs_stat(path, &st, &err) ? -1 : fs_open(path, FS_READ, &err);
    if (fd >= 0 && st.size >= SEG_TIME_BYTES && st.size % SEG_TIME_BYTES == 0)
        good = fs_pread(fd, last, sizeof last, st.size - SEG_TIME_BYTES, &err) == SEG_TIME_BYTES;
    if (fd >= 0)
        fs_close(fd);
    mem_free(path);
    *ts = good ? (int64_t)be64_get(last) : -1;
    return good;
}

struct seg *seg_open(const char *dir, int64_t base, bool closed, struct err *err)
{
    struct seg *s = seg_new(dir, base);
    struct fs_stat st;
    if (fs_stat(s->path, &st, err) || (s->fd = fs_open(s->path, FS_READ | FS_WRITE, err)) < 0) {
        seg_unref(s);
        return NULL;
    }
    s->size = s->synced = st.size;
    s->last_append_ms = st.mtime_us / 1000;
    s->indexed = s->txns.known = false;
    if (closed && !last_timestamp(s, &s->max_ts) && seg_need_index(s, err)) {
        seg_unref(s);
        return NULL;
    }
    return s;
}

int seg_unlink(const struct seg *s, struct err *err)
{
    static const char *const suffixes[] = {".index", ".timeindex", ".txns", ".snapshot", ".log"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        char *path = seg_file(s->dir, s->base, suffixes[i]);
        int rc = fs_unlink(path, err);
        mem_free(path);
        if (rc)
            return -1;
    }
    return 0;
}

struct find { int64_t offset; };

static bool before_offset(void *ctx, const struct batch *b, int64_t pos)
{
    (void)pos;
    return batch_last_offset(b) < ((struct find *)ctx)->offset;
}

int64_t seg_find(struct seg *s, int64_t offset, struct err *err)
{
    struct find f = {offset};
    if (seg_need_index(s, err))
        return -1;
    uint32_t rel = offset - s->base > UINT32_MAX ? UINT32_MAX : offset > s->base ? (uint32_t)(offset - s->base) : 0;
    int64_t from = seg_index_find(&s->index, rel);
    if (from >= s->synced)
        return s->synced;
    return seg_scan(s, from, s->synced, false, before_offset, &f, err);
}
