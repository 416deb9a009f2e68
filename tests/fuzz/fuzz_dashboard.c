/* fuzz_dashboard -- .lvdash.json: what is read is written as JSON that reads back, what is refused
 * names a place of the file. */
#include "base/embed.h"
#include "net/http.h"
#include "plan/plan.h"
#include "serve/dashboard.h"
#include "sparksql/sparksql.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
__attribute__((weak)) const struct embed_file embed_table[] = {{0}};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct dashboard d;
    struct err err = {0};
    if (dashboard_read(&d, "in.lvdash.json", str_of((const char *)bytes, n), &err) != 0) {
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT);
        return 0;
    }
    struct arena *a = arena_new();
    struct buf out;
    buf_init(&out);
    dashboard_json(&d, &out);
    const struct doc *back = doc_json(a, "out", buf_view(&out), &err);
    CHECK(back && doc_is(doc_get(back, "pages"), DOC_ARRAY) && doc_get(back, "pages")->count == d.page_count);
    for (size_t p = 0; p < d.page_count; p++)
        for (size_t i = 0; i < d.pages[p].count; i++)
            CHECK(d.pages[p].widgets[i].query < (int)d.query_count);
    buf_release(&out);
    arena_free(a);
    dashboard_release(&d);
    return 0;
}
