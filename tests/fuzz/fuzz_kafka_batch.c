/* fuzz_kafka_batch -- a record batch whose CRC is good and whose records are anything: the check accepts
 * it or refuses it, and a batch that it accepts is read record by record without an error. */
#include "hub/batch.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_all(struct batch_reader *r, const struct batch *b, struct str bytes)
{
    struct record rec;
    struct event_header h;
    struct err err;
    int32_t records = 0;
    CHECK(batch_reader_start(r, b, bytes, &err) == 0);
    while (batch_reader_next(r, &rec, &err) == 1) {
        int32_t headers = 0;
        for (struct str rest = rec.headers; record_header(&rest, &h);)
            headers++;
        CHECK(headers == rec.header_count);
        CHECK(rec.offset >= b->base_offset && rec.offset <= batch_last_offset(b));
        records++;
    }
    CHECK(records == b->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct batch_reader r;
    struct batch b;
    struct err err;
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, bytes, n);
    batch_reader_init(&r);
    if (batch_read_header(str_of(copy, n), &b) && (size_t)b.size <= n) {
        be32_put(copy + 17, crc32c(0, copy + 21, (size_t)b.size - 21));
        CHECK(batch_read_header(str_of(copy, n), &b) && batch_crc_ok(&b, copy));
        if (batch_check_records(&r, &b, str_of(copy, n), &err) == 0)
            read_all(&r, &b, str_of(copy, n));
        else
            CHECK(err.code == ERR_CORRUPT || err.code == ERR_LIMIT || err.code == ERR_UNSUPPORTED);
    }
    batch_reader_release(&r);
    mem_free(copy);
    return 0;
}
