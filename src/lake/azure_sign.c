/* azure_sign.c -- SharedKey: an HMAC-SHA256 over the request.
 *
 *     VERB \n Content-Encoding \n Content-Language \n Content-Length (empty if 0) \n Content-MD5 \n Content-Type \n
 *     Date (empty, x-ms-date is there) \n If-Modified-Since \n If-Match \n If-None-Match \n If-Unmodified-Since \n Range \n
 *     every x-ms-… header, sorted:  name ":" value "\n"
 *     "/" account path
 *     every parameter, sorted:  "\n" name in lower case ":" value
 * An emulator's path begins with the account, which is then there twice: the rule has no exception for it. */
#include "lake/azure_sign.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static struct str header(const struct azure_request *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; r->headers && r->headers[i]; i++) {
        struct str line = str_z(r->headers[i]);
        if (line.len > n && line.ptr[n] == ':' && str_ieqz(str_sub(line, 0, n), name))
            return str_trim(str_from(line, n + 1));
    }
    return STR_NONE;
}

static int by_text(const void *a, const void *b) { return strcasecmp(*(char *const *)a, *(char *const *)b); }
static int by_param(const void *a, const void *b)
{
    return strcasecmp(((const struct azure_param *)a)->name, ((const struct azure_param *)b)->name);
}

static void put_lower(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        buf_char(out, s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] | 32) : s.ptr[i]);
}

static void put_ms_headers(struct buf *out, const struct azure_request *r)
{
    enum { MAX = 32 };
    const char *list[MAX];
    size_t n = 0;
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        if (str_ieqz(str_sub(str_z(r->headers[i]), 0, 5), "x-ms-") && n < MAX)
            list[n++] = r->headers[i];
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++) {
        struct str line = str_z(list[i]);
        int64_t colon = str_chr(line, ':');
        put_lower(out, str_sub(line, 0, (size_t)colon));
        buf_char(out, ':');
        buf_str(out, str_trim(str_from(line, (size_t)colon + 1)));
        buf_char(out, '\n');
    }
}

void azure_sign_text(struct buf *out, const struct azure_request *r)
{
    enum { MAX = 16 };
    static const char *const plain[] = {"Content-MD5", "Content-Type", NULL, "If-Modified-Since", "If-Match", "If-None-Match",
                                        "If-Unmodified-Since", "Range"};
    struct azure_param params[MAX];
    CHECK(r->param_count <= MAX);
    buf_printf(out, "%s\n\n\n", r->method);
    if (r->body_bytes)
        buf_printf(out, "%zu", r->body_bytes);
    buf_char(out, '\n');
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (plain[i])
            buf_str(out, header(r, plain[i]));
        buf_char(out, '\n');
    }
    put_ms_headers(out, r);
    buf_printf(out, "/%.*s%.*s", STR_ARGS(r->account), STR_ARGS(r->path));
    if (r->param_count)
        memcpy(params, r->params, sizeof *params * r->param_count);
    qsort(params, r->param_count, sizeof *params, by_param);
    for (size_t i = 0; i < r->param_count; i++) {
        buf_char(out, '\n');
        put_lower(out, str_z(params[i].name));
        buf_printf(out, ":%.*s", STR_ARGS(params[i].value));
    }
}

void azure_sign(struct buf *out, const struct azure_request *r, struct str key)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    struct buf text;
    buf_init(&text);
    azure_sign_text(&text, r);
    CHECK(HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, mac, &n));
    buf_printf(out, "SharedKey %.*s:", STR_ARGS(r->account));
    base64_put(out, str_of((const char *)mac, n));
    buf_release(&text);
}
