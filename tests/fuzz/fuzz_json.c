/* fuzz_json -- the JSON reader and both writers: what is read is written as JSON that reads back
 * equal, what is refused is refused at a place of the text. */
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void reads_back(struct arena *a, const struct doc *d,
                       void (*write)(struct buf *out, const struct doc *d))
{
    struct buf out;
    struct err err;
    buf_init(&out);
    write(&out, d);
    struct doc *back = doc_json(a, "back", buf_view(&out), &err);
    CHECK(back && doc_equal(d, back));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct doc *d = doc_json(a, "in", str_of((const char *)bytes, n), &err);
    if (d) {
        reads_back(a, d, doc_write);
        reads_back(a, d, doc_write_pretty);
    } else {
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT);
        CHECK(err.code == ERR_LIMIT || (err.where.line >= 1 && err.where.col >= 1));
        CHECK((size_t)err.where.line + (size_t)err.where.col <= n + 2);
    }
    arena_free(a);
    return 0;
}
