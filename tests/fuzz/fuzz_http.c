/* fuzz_http -- heads, chunked bodies, queries and routes: what a whole input gives, its parts give
 * too; nothing is taken beyond the input; refusals have a status. */
#include "net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void head(struct arena *a, struct str in)
{
    struct http_head h;
    struct err err;
    int status = 0;
    int64_t taken = http_head_parse(a, in, &h, &status, &err);
    CHECK(taken <= (int64_t)in.len);
    CHECK(taken >= 0 || (status >= 400 && status < 600));
    if (taken <= 0)
        return;
    struct str rest = h.query, name, value;
    while (http_query_next(a, &rest, &name, &value))
        CHECK(name.len + value.len <= in.len);
    CHECK(!h.chunked || h.content_length < 0);
    if (http_route_fits("/a/{x}/{rest...}", h.path))
        CHECK(http_route_param(a, "/a/{x}/{rest...}", h.path, "x").ptr);
}

static void chunked(struct str in, size_t cut)
{
    struct http_chunked whole = {0}, parts = {0};
    struct buf a, b, pending;
    struct err err;
    buf_init_max(&a, 1 << 16);
    buf_init_max(&b, 1 << 16);
    buf_init(&pending);
    int64_t taken = http_chunked_feed(&whole, in, &a, &err);
    CHECK(taken <= (int64_t)in.len);
    buf_str(&pending, str_sub(in, 0, cut));
    int64_t first = http_chunked_feed(&parts, buf_view(&pending), &b, &err);
    if (first >= 0) {
        buf_drop_front(&pending, (size_t)first);
        buf_str(&pending, str_from(in, cut));
        int64_t second = http_chunked_feed(&parts, buf_view(&pending), &b, &err);
        CHECK((second < 0) == (taken < 0));
        if (second >= 0)
            CHECK(str_eq(buf_view(&a), buf_view(&b)) && whole.state == parts.state);
    } else {
        CHECK(taken < 0);
    }
    buf_release(&a);
    buf_release(&b);
    buf_release(&pending);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *a = arena_new();
    struct str in = str_of((const char *)bytes, n);
    head(a, in);
    chunked(in, n ? bytes[0] % n : 0);
    arena_free(a);
    return 0;
}
