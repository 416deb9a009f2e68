/* fuzz_listing -- what object stores answer to a listing: Azure's and S3's XML, the Data Lake's JSON, dates. The
 * first byte chooses. Names that come out can be objects' names; a page never holds more than its text. */
#include "lake/store_int.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void look(const struct store_page *p, size_t n)
{
    CHECK(p->count <= n);
    for (size_t i = 0; i < p->count; i++) {
        CHECK(p->items[i].name && p->items[i].name[0] && strlen(p->items[i].name) <= STORE_MAX_NAME);
        CHECK(p->items[i].etag.len <= n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static int (*const readers[])(struct store_page *, struct str, struct err *) = {store_list_azure, store_list_s3, store_list_dfs};
    struct arena *a = arena_new();
    struct store_page p = {.arena = a};
    struct err err = {};
    if (n) {
        struct str text = str_of((const char *)bytes + 1, n - 1);
        int rc = readers[bytes[0] % COUNT_OF(readers)](&p, text, &err);
        CHECK(rc == 0 || err.code != ERR_OK);
        look(&p, n);
        CHECK(store_xml_text(a, text, "Code").len <= n);
        CHECK(store_http_date(text) >= -1 || text.len >= 20);
    }
    arena_free(a);
    return 0;
}
