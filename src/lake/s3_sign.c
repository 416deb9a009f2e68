/* s3_sign.c -- SigV4.
 *
 *     canonical request:  METHOD \n path \n query \n every header "name:value\n" \n names joined by ";" \n hash of the body
 *     text to sign:       AWS4-HMAC-SHA256 \n date \n day/region/service/aws4_request \n hash of the canonical request
 *     key:                HMAC chain over "AWS4"+secret, day, region, service, "aws4_request"
 * The path is encoded once (S3's own rule), query names and values once, spaces as %20. */
#include "lake/s3_sign.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

enum { DAY_CHARS = 8 };

void s3_hash(struct str bytes, char out[S3_HASH_HEX])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    struct buf hex;
    SHA256((const unsigned char *)bytes.ptr, bytes.len, sum);
    buf_init(&hex);
    hex_put(&hex, str_of((const char *)sum, sizeof sum));
    memcpy(out, hex.ptr, S3_HASH_HEX);
    buf_release(&hex);
}

static void put_names(struct buf *out, const struct s3_request *r)
{
    for (size_t i = 0; r->headers[i]; i++) {
        struct str line = str_z(r->headers[i]);
        buf_z(out, i ? ";" : "");
        buf_str(out, str_sub(line, 0, (size_t)str_chr(line, ':')));
    }
}

void s3_canonical(struct buf *out, const struct s3_request *r)
{
    buf_printf(out, "%s\n%.*s\n", r->method, STR_ARGS(r->path));
    for (size_t i = 0; i < r->param_count; i++) {
        buf_z(out, i ? "&" : "");
        percent_put(out, str_z(r->params[i].name), "");
        buf_char(out, '=');
        percent_put(out, r->params[i].value, "");
    }
    buf_char(out, '\n');
    for (size_t i = 0; r->headers[i]; i++) {
        struct str line = str_z(r->headers[i]);
        size_t colon = (size_t)str_chr(line, ':');
        buf_str(out, str_sub(line, 0, colon));
        buf_char(out, ':');
        buf_str(out, str_trim(str_from(line, colon + 1)));
        buf_char(out, '\n');
    }
    buf_char(out, '\n');
    put_names(out, r);
    buf_printf(out, "\n%.*s", STR_ARGS(r->payload_hash));
}

static void put_scope(struct buf *out, const struct s3_signer *s)
{
    buf_printf(out, "%.*s/%.*s/%.*s/aws4_request", DAY_CHARS, s->date.ptr, STR_ARGS(s->region), STR_ARGS(s->service));
}

void s3_sign_text(struct buf *out, const struct s3_request *r, const struct s3_signer *s)
{
    char hash[S3_HASH_HEX];
    struct buf canonical;
    buf_init(&canonical);
    s3_canonical(&canonical, r);
    s3_hash(buf_view(&canonical), hash);
    buf_printf(out, "AWS4-HMAC-SHA256\n%.*s\n", STR_ARGS(s->date));
    put_scope(out, s);
    buf_printf(out, "\n%s", hash);
    buf_release(&canonical);
}

static void chain(unsigned char key[SHA256_DIGEST_LENGTH], struct str first, struct str text)
{
    unsigned int n = 0;
    const void *k = first.ptr ? first.ptr : (const char *)key;
    CHECK(HMAC(EVP_sha256(), k, first.ptr ? (int)first.len : SHA256_DIGEST_LENGTH, (const unsigned char *)text.ptr, text.len, key, &n));
}

void s3_sign(struct buf *out, const struct s3_request *r, const struct s3_signer *s)
{
    unsigned char key[SHA256_DIGEST_LENGTH];
    struct buf text, secret;
    buf_init(&text);
    buf_init(&secret);
    buf_printf(&secret, "AWS4%.*s", STR_ARGS(s->secret_key));
    chain(key, buf_view(&secret), str_sub(s->date, 0, DAY_CHARS));
    chain(key, STR_NONE, s->region);
    chain(key, STR_NONE, s->service);
    chain(key, STR_NONE, STR("aws4_request"));
    s3_sign_text(&text, r, s);
    chain(key, STR_NONE, buf_view(&text));
    buf_printf(out, "AWS4-HMAC-SHA256 Credential=%.*s/", STR_ARGS(s->access_key));
    put_scope(out, s);
    buf_z(out, ", SignedHeaders=");
    put_names(out, r);
    buf_z(out, ", Signature=");
    hex_put(out, str_of((const char *)key, sizeof key));
    buf_release(&text);
    buf_release(&secret);
}
