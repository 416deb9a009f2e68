/* store_http.c -- requests of the remote stores: headers, statuses as errors, dates.
 *
 * A status becomes an error so (message and code of the service are in the answer's XML, JSON, or, for
 * HEAD, which has no body, in x-ms-error-code):
 *
 *     404                      ERR_NOT_FOUND      409, 412     ERR_EXISTS: a condition failed
 *     401, 403                 ERR_AUTH           429, 503     ERR_LIMIT, retriable: throttled
 *     408, 500, 502, 504, and S3's 409 of a race               ERR_IO, retriable
 *     others                   ERR_IO
 * Redirects are never followed: a signature holds for one host. */
#include "lake/store_int.h"
#include "net/http_date.h"
#include <stdio.h>
#include <string.h>

void store_header(struct store_headers *h, const char *name, struct str value)
{
    CHECK(h->count < STORE_MAX_HEADERS);
    h->list[h->count++] = arena_printf(h->arena, "%s: %.*s", name, STR_ARGS(value));
    h->list[h->count] = NULL;
}

struct str store_header_get(const struct store_headers *h, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < h->count; i++) {
        struct str line = str_z(h->list[i]);
        if (line.len > n && line.ptr[n] == ':' && str_ieqz(str_sub(line, 0, n), name))
            return str_trim(str_from(line, n + 1));
    }
    return STR_NONE;
}

static const struct { int status; enum err_code code; bool retriable; } statuses[] = {
    {401, ERR_AUTH, false}, {403, ERR_AUTH, false},   {404, ERR_NOT_FOUND, false}, {408, ERR_IO, true},
    {409, ERR_EXISTS, false}, {412, ERR_EXISTS, false}, {429, ERR_LIMIT, true},      {500, ERR_IO, true},
    {502, ERR_IO, true},    {503, ERR_LIMIT, true},   {504, ERR_IO, true},
};

/* The service's own code of the failure: XML's <Code>, JSON's error.code or error, or a header. */
static struct str service_code(struct arena *a, const struct http_client_res *res, struct str *message)
{
    struct err ignored;
    struct str body = str_trim(buf_view(&res->body));
    *message = STR_NONE;
    if (body.len && body.ptr[0] == '{') {
        struct doc *d = doc_json(a, NULL, body, &ignored), *e = doc_get(d, "error");
        if (doc_is(e, DOC_STRING)) {
            *message = doc_str(doc_get(d, "error_description"), STR_NONE);
            return e->text;
        }
        *message = doc_str(doc_get(e, "message"), STR_NONE);
        return doc_str(doc_get(e, "code"), STR_NONE);
    }
    if (body.len && (body.ptr[0] == '<' || (unsigned char)body.ptr[0] == 0xEF)) {
        *message = store_xml_text(a, body, "Message");
        return store_xml_text(a, body, "Code");
    }
    return http_client_header(res, "x-ms-error-code");
}

static int status_error(const char *what, const struct http_client_res *res, struct err *err)
{
    struct arena *a = arena_new();
    enum { SHOWN = 200 };
    struct str message, code = service_code(a, res, &message), first = STR_NONE;
    enum err_code kind = ERR_IO;
    bool retriable = res->status > 504;
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (statuses[i].status == res->status) {
            kind = statuses[i].code;
            retriable = statuses[i].retriable;
        }
    if (str_eqz(code, "ConditionalRequestConflict") || str_eqz(code, "OperationAborted")) {
        kind = ERR_IO;
        retriable = true;
    }
    if (!str_split(&message, '\n', &first))
        first = STR_NONE;
    err_set(err, kind, "%s: HTTP status %d%s%.*s%s%.*s", what, res->status, code.len ? " " : "", STR_ARGS(code), first.len ? ": " : "",
            STR_ARGS(str_sub(first, 0, SHOWN)));
    err->retriable = retriable;
    arena_free(a);
    return -1;
}

int store_http(const char *what, struct http_client_req *q, struct http_client_res *res, struct err *err)
{
    q->max_redirects = -1;
    if (!q->timeout_ms)
        q->timeout_ms = -1; /* only a stall ends it */
    if (http_client_do(q, res, err))
        return err_wrap(err, "%s", what);
    if (res->status >= 200 && res->status < 300)
        return 0;
    status_error(what, res, err);
    http_client_res_release(res);
    return -1;
}

int64_t store_http_date(struct str s)
{
    struct tp t;
    return http_date_parse(s, &t) ? t.us : -1;
}

static struct str unquoted(struct str s)
{
    return s.len > 1 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"' ? str_sub(s, 1, s.len - 2) : s;
}

void store_entry_of(struct arena *a, const struct http_client_res *res, const char *name, struct store_entry *out)
{
    *out = (struct store_entry){.name = name, .size = -1};
    if (!str_i64(http_client_header(res, "content-length"), &out->size))
        out->size = -1;
    out->mtime_us = store_http_date(http_client_header(res, "last-modified"));
    out->etag = str_copy(a, unquoted(http_client_header(res, "etag")));
}
