/* fuzz_storage -- what the storage endpoint reads from a socket: addresses, queries, Authorization, SAS,
 * and the XML of bodies. Nothing is granted without a signature; names stay within their folder; what is
 * read can be written and read again. Input: a byte that chooses, then METHOD TARGET, a line each of
 * headers, an empty line; or XML. */
#include "ev/ev.h"
#include "net/http_parse.h"
#include "storage/auth.h"
#include "storage/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_name(struct arena *a, struct str name)
{
    struct str path = az_disk_path(a, name), rest = path, part, seg;
    CHECK(path.len && path.ptr[0] != '/');
    while (str_split(&rest, '/', &part))
        CHECK(part.len && !str_eqz(part, ".") && !str_eqz(part, "..") && az_segment_of(a, part, &seg));
}

static void request(struct arena *a, struct str in, bool queue)
{
    static const uint8_t key[32] = {1};
    struct str line, method, target;
    struct http_header headers[HTTP_MAX_HEADERS];
    struct azreq r = {.a = a, .host = STR("127.0.0.1:1"), .peer = "127.0.0.1:2", .headers = headers};
    struct auth_keys keys = {.key = {key}, .len = {32}, .count = 1, .token = "a-token-that-nobody-guesses", .now = {INT64_C(1735732800000000)}};
    struct grant g;
    struct str why;
    if (!str_split(&in, '\n', &line) || !str_split(&line, ' ', &method) || !str_split(&line, ' ', &target))
        return;
    int64_t q = str_chr(target, '?');
    r.method = method;
    r.path = q < 0 ? target : str_sub(target, 0, (size_t)q);
    r.query = q < 0 ? STR("") : str_from(target, (size_t)q + 1);
    while (str_split(&in, '\n', &line) && r.header_count < HTTP_MAX_HEADERS) {
        int64_t colon = str_chr(line, ':');
        if (colon <= 0)
            break;
        struct str name = str_lower(a, str_sub(line, 0, (size_t)colon));
        headers[r.header_count++] = (struct http_header){name, str_trim(str_from(line, (size_t)colon + 1))};
        if (str_eqz(name, "host"))
            r.host = headers[r.header_count - 1].value;
    }
    if (azreq_target(&r, queue) != AZ_NONE)
        return;
    CHECK(az_account_ok(r.account));
    if (r.level == 2)
        check_name(a, r.blob);
    CHECK(auth_check(&r, &keys, &g, &why) != AZ_NONE); /* the key is not in the corpus */
    CHECK(auth_allows(&(struct grant){0}, &r, "racwdl", 'o') != AZ_NONE);
    struct tp t;
    (void)http_date_parse(azreq_header(&r, "date"), &t);
}

static void put(struct buf *out, const struct xml *x, int depth)
{
    CHECK(depth <= XML_MAX_DEPTH);
    buf_printf(out, "<%.*s>", STR_ARGS(x->name));
    if (!x->first)
        azxml_put(out, x->text);
    for (const struct xml *c = x->first; c; c = c->next)
        put(out, c, depth + 1);
    buf_printf(out, "</%.*s>", STR_ARGS(x->name));
}

static void document(struct arena *a, struct str in)
{
    struct err err = {0};
    struct xml *x = azxml_read(a, in, &err);
    if (!x) {
        CHECK(err.code == ERR_INPUT || err.code == ERR_LIMIT);
        return;
    }
    struct buf once, twice;
    buf_init(&once);
    buf_init(&twice);
    put(&once, x, 0);
    struct xml *again = azxml_read(a, buf_view(&once), &err);
    CHECK(again);
    put(&twice, again, 0);
    CHECK(str_eq(buf_view(&once), buf_view(&twice)));
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!n)
        return 0;
    struct arena *a = arena_new();
    struct str in = str_of((const char *)bytes + 1, n - 1);
    if (bytes[0] == 'x')
        document(a, in);
    else
        request(a, in, bytes[0] == 'q');
    arena_free(a);
    return 0;
}
