/* fuzz_yaml -- the YAML reader: what is read is written as JSON that reads back, and equal but for
 * infinities and NaN, which become strings; what is refused is refused at a place of the text. */
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { OUT_MAX = 16 << 20 }; /* aliases unfold: past this the output is not looked at */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct buf out;
    buf_init_max(&out, OUT_MAX);
    struct doc *d = doc_yaml(a, "in", str_of((const char *)bytes, n), &err);
    if (d) {
        doc_write(&out, d);
        if (!out.overflow) {
            struct doc *back = doc_json(a, "back", buf_view(&out), &err);
            CHECK(back && back->kind == (d->kind == DOC_FLOAT ? back->kind : d->kind));
            CHECK(doc_equal(d, back) || str_find(buf_view(&out), STR("\"NaN\"")) >= 0 ||
                  str_find(buf_view(&out), STR("Infinity\"")) >= 0);
        }
    } else {
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT || err.code == ERR_UNSUPPORTED);
        CHECK(err.where.line >= 1 && err.where.col >= 1);
        CHECK((size_t)err.where.line <= n + 1 && (size_t)err.where.col <= n + 1);
    }
    buf_release(&out);
    arena_free(a);
    return 0;
}
