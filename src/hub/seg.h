/* seg -- one segment of a partition's log: a file of record batches, and its index.
 *
 * File DIR/<base offset, 20 digits>.log holds whole batches, back to back, offsets rising from the
 * base. Bytes 0..synced are durable and never change; a reader may pread them from any thread while
 * it holds a reference, even after retention unlinked the file. References are counted on the hub
 * loop only.
 *
 * Scanning reads batch after batch: at recovery with their CRC (the tail may be torn), else only
 * headers, to rebuild an index. */
#ifndef PAYSTREAK_HUB_SEG_H
#define PAYSTREAK_HUB_SEG_H
#include "hub/batch.h"
#include "hub/seg_index.h"
#include "hub/seg_txn.h"

struct seg {
    int64_t base;
    int fd;                        /* -1 until the first flush made the file */
    int refs;
    char *dir, *path;
    int64_t size;                  /* staged bytes included */
    int64_t synced;                /* bytes that are durable */
    int64_t next_offset;           /* after the last batch, staged ones included */
    int64_t max_ts, max_ts_offset; /* -1: no record; offset: of the batch that has it */
    int64_t last_append_ms;
    int64_t first_ts;              /* largest timestamp of the first batch */
    uint32_t last_pos, last_rel;   /* of the last batch */
    bool indexed;                  /* `index` is whole; else seg_need_index() */
    struct seg_index index;
    struct seg_txns txns;
};

struct seg *seg_new(const char *dir, int64_t base); /* one reference; no I/O */
void seg_ref(struct seg *s);
void seg_unref(struct seg *s);                      /* the last one closes the file */
/* Opens an existing file. A closed one gets its max_ts too: from the end of its .timeindex, else by a
 * scan; the log's last one is looked at by the caller anyway. */
struct seg *seg_open(const char *dir, int64_t base, bool closed, struct err *err) MUST_CHECK;
/* Makes the file, empty. Any thread; the caller syncs the folder. */
int seg_create(struct seg *s, struct err *err) MUST_CHECK;
/* Accounts for a batch at the end of the segment. */
void seg_note(struct seg *s, const struct batch *b, int64_t now_ms);
int seg_need_index(struct seg *s, struct err *err) MUST_CHECK;
int seg_save_index(struct seg *s, struct err *err) MUST_CHECK;
/* Writes a file that is only a hint: not synced, its reader checks it. */
int seg_write_hint(const char *path, struct str bytes, struct err *err) MUST_CHECK;
/* Writes what it knows of transactions beside it. */
int seg_save_txns(const struct seg *s, struct err *err) MUST_CHECK;
/* Appends `n` bytes at `pos` to `out`; ERR_CORRUPT if they are not there. */
int seg_read(const struct seg *s, int64_t pos, int64_t n, struct buf *out, struct err *err) MUST_CHECK;
/* Unlinks the segment's files; open readers keep theirs. */
int seg_unlink(const struct seg *s, struct err *err) MUST_CHECK;

/* Calls fn for each batch from byte `pos` up to `end`. With `whole` the CRC is
 * checked too; else only the header was read. Returns the position where it stopped: `end`, the
 * first byte that is no good batch, or where fn returned false; -1 on an I/O error. */
typedef bool (*seg_scan_fn)(void *ctx, const struct batch *b, int64_t pos);
int64_t seg_scan(const struct seg *s, int64_t pos, int64_t end, bool whole, seg_scan_fn fn, void *ctx,
                 struct err *err) MUST_CHECK;
/* Byte position of the batch that holds `offset` (or the first after it); s->synced if none. */
int64_t seg_find(struct seg *s, int64_t offset, struct err *err) MUST_CHECK;
char *seg_file(const char *dir, int64_t base, const char *suffix); /* mem_free() */
#endif
