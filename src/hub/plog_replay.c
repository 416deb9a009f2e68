/* plog_replay.c -- a whole log once, in order: how the hub's own logs become state at the start. */
#include "hub/plog.h"

enum { READ_BYTES = 1 << 20 };

int plog_replay(struct plog *log, const struct plog_visitor *v, void *ctx, struct err *err)
{
    struct batch_reader r;
    struct buf bytes;
    int64_t at = log->start_offset, got = 1;
    int rc = 0;
    buf_init(&bytes);
    batch_reader_init(&r);
    while (at < log->high_watermark && rc >= 0) {
        struct batch b;
        struct record rec;
        buf_clear(&bytes);
        got = plog_read(log, at, READ_BYTES, true, &bytes, err);
        if (got <= 0)
            break;
        for (struct str rest = buf_view(&bytes); rc >= 0 && batch_read_header(rest, &b); rest = str_from(rest, (size_t)b.size)) {
            at = batch_last_offset(&b) + 1;
            if (b.attributes & BATCH_CONTROL) {
                if (v->marker)
                    v->marker(ctx, &b, rest);
                continue;
            }
            rc = batch_reader_start(&r, &b, rest, err);
            while (rc >= 0 && (rc = batch_reader_next(&r, &rec, err)) == 1)
                rc = v->record(ctx, &b, &rec, err);
        }
    }
    batch_reader_release(&r);
    buf_release(&bytes);
    return got < 0 || rc < 0 ? -1 : 0;
}
