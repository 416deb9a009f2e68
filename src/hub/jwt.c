#include "hub/jwt.h"
#include <math.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

enum { DEFAULT_SKEW_S = 30, MAX_SKEW_S = 3600, MIN_RSA_BITS = 2048 };
#define MAX_TIME_S 253402300799.0 /* the end of the year 9999 */
enum kind { KIND_SECRET, KIND_RSA, KIND_EC };

struct key { enum kind kind; struct str id, algorithm, secret; EVP_PKEY *public; int ec_bytes; };
struct jwt_rules {
    struct arena *arena;
    struct key *keys;
    size_t count, cap;
    struct str issuer, audience, principal_claim; /* ptr NULL: not asked */
    int64_t skew_ms, max_reauth_ms;
};

static const struct algorithm { const char *name; enum kind kind; const EVP_MD *(*hash)(void); bool pss; int ec_bytes; } ALGORITHMS[] = {
    {"HS256", KIND_SECRET, EVP_sha256, false, 0}, {"HS384", KIND_SECRET, EVP_sha384, false, 0},
    {"HS512", KIND_SECRET, EVP_sha512, false, 0}, {"RS256", KIND_RSA, EVP_sha256, false, 0},
    {"RS384", KIND_RSA, EVP_sha384, false, 0},    {"RS512", KIND_RSA, EVP_sha512, false, 0},
    {"PS256", KIND_RSA, EVP_sha256, true, 0},     {"PS384", KIND_RSA, EVP_sha384, true, 0},
    {"PS512", KIND_RSA, EVP_sha512, true, 0},     {"ES256", KIND_EC, EVP_sha256, false, 32},
    {"ES384", KIND_EC, EVP_sha384, false, 48},    {"ES512", KIND_EC, EVP_sha512, false, 66},
};
static const struct { const char *name, *group; int bytes; } CURVES[] = {
    {"P-256", "P-256", 32}, {"P-384", "P-384", 48}, {"P-521", "P-521", 66}};

/* ------------------------------------------------------------------ base64url */

/* In the arena; ptr NULL: malformed. */
static struct str url_decode(struct arena *a, struct str s)
{
    char *text = arena_alloc(a, s.len + 1);
    struct buf b;
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("+/=", s.ptr[i])) /* signs of the other base64; '\0' too */
            return STR_NONE;
        text[i] = s.ptr[i] == '-' ? '+' : s.ptr[i] == '_' ? '/' : s.ptr[i];
    }
    buf_init(&b);
    struct str out = base64_get(&b, str_of(text, s.len)) ? str_copy(a, buf_view(&b)) : STR_NONE;
    OPENSSL_cleanse(b.ptr, b.len);
    buf_release(&b);
    return out;
}

/* ------------------------------------------------------------------ keys */

static EVP_PKEY *public_key(const char *type, OSSL_PARAM_BLD *fields)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(fields);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    ERR_clear_error();
    return key;
}

static EVP_PKEY *rsa_key(struct str n, struct str e)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *bn = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL), *be = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    EVP_PKEY *key = NULL;
    if (bn && be && BN_num_bits(bn) >= MIN_RSA_BITS && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be))
        key = public_key("RSA", b);
    OSSL_PARAM_BLD_free(b);
    BN_free(bn);
    BN_free(be);
    return key;
}

static EVP_PKEY *ec_key(const char *group, int bytes, struct str x, struct str y)
{
    unsigned char point[1 + 2 * 66];
    if (x.len != (size_t)bytes || y.len != (size_t)bytes)
        return NULL;
    point[0] = 4; /* uncompressed */
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + bytes, y.ptr, y.len);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, (size_t)(1 + 2 * bytes)))
        key = public_key("EC", b);
    OSSL_PARAM_BLD_free(b);
    return key;
}

static int add_key(struct jwt_rules *k, struct key key, const struct doc *at, struct err *err)
{
    if (k->count >= JWT_MAX_KEYS)
        return doc_err(at, ERR_LIMIT, err, "there are more than %d keys", JWT_MAX_KEYS);
    k->keys = arena_grow(k->arena, k->keys, &k->cap, k->count + 1, sizeof key);
    k->keys[k->count++] = key;
    return 0;
}

static struct str member(struct jwt_rules *k, const struct doc *d, const char *name)
{
    return url_decode(k->arena, doc_str(doc_get(d, name), STR("")));
}

static int read_jwk(struct jwt_rules *k, const struct doc *d, struct err *err)
{
    struct str kind = doc_str(doc_get(d, "kty"), STR("")), use = doc_str(doc_get(d, "use"), STR("sig"));
    struct key key = {.id = doc_str(doc_get(d, "kid"), STR_NONE), .algorithm = doc_str(doc_get(d, "alg"), STR_NONE)};
    if (!str_eqz(use, "sig"))
        return 0; /* for encryption */
    if (str_eqz(kind, "oct")) {
        key.secret = member(k, d, "k");
        if (key.secret.len < JWT_MIN_SECRET)
            return doc_err(d, ERR_INPUT, err, "a secret has %d bytes or more", JWT_MIN_SECRET);
        return add_key(k, key, d, err);
    }
    if (str_eqz(kind, "RSA")) {
        key.kind = KIND_RSA;
        key.public = rsa_key(member(k, d, "n"), member(k, d, "e"));
    } else if (str_eqz(kind, "EC")) {
        key.kind = KIND_EC;
        for (size_t i = 0; i < COUNT_OF(CURVES); i++)
            if (str_eqz(doc_str(doc_get(d, "crv"), STR("")), CURVES[i].name)) {
                key.ec_bytes = CURVES[i].bytes;
                key.public = ec_key(CURVES[i].group, CURVES[i].bytes, member(k, d, "x"), member(k, d, "y"));
            }
    } else {
        return doc_err(d, ERR_INPUT, err, "a key is of kty RSA, EC or oct");
    }
    if (!key.public)
        return doc_err(d, ERR_INPUT, err, "the key is none: RSA of %d bits and more (n, e), or EC on P-256, P-384, P-521 (x, y)", MIN_RSA_BITS);
    if (add_key(k, key, d, err)) {
        EVP_PKEY_free(key.public);
        return -1;
    }
    return 0;
}

static struct doc *read_json(struct arena *a, char *path, struct err *err)
{
    struct buf text;
    buf_init_max(&text, JWT_MAX_FILE);
    int rc = fs_read_file(path, JWT_MAX_FILE, &text, err);
    struct doc *d = rc ? NULL : doc_json(a, path, str_copy(a, buf_view(&text)), err);
    buf_release(&text);
    return d;
}

static int read_jwks(struct jwt_rules *k, const char *state_dir, const struct doc *name, struct err *err)
{
    struct str path = doc_str(name, STR_NONE);
    if (!path.len)
        return doc_err(name, ERR_INPUT, err, "jwks is the path of a file");
    struct doc *d = read_json(k->arena, path.ptr[0] == '/' ? str_cz(k->arena, path) : path_join(k->arena, state_dir, str_cz(k->arena, path)), err);
    struct doc *keys = d ? doc_need(d, "keys", DOC_ARRAY, err) : NULL;
    if (!keys)
        return -1;
    for (size_t i = 0; i < keys->count; i++)
        if (read_jwk(k, keys->items[i], err))
            return -1;
    return 0;
}

/* ------------------------------------------------------------------ the file */

static int read_oauth(struct jwt_rules *k, const char *state_dir, const struct doc *d, struct err *err)
{
    const struct { const char *name; struct str *to; } texts[] = {
        {"issuer", &k->issuer}, {"audience", &k->audience}, {"principal_claim", &k->principal_claim}};
    for (size_t i = 0; i < d->count; i++) {
        const struct doc *v = d->items[i];
        struct str name = d->keys[i].name;
        int64_t seconds;
        size_t j = 0;
        while (j < COUNT_OF(texts) && !str_eqz(name, texts[j].name))
            j++;
        if (j < COUNT_OF(texts)) {
            if (!(*texts[j].to = doc_str(v, STR_NONE)).len)
                return doc_err(v, ERR_INPUT, err, "%s is a text", texts[j].name);
        } else if (str_eqz(name, "jwks")) {
            if (read_jwks(k, state_dir, v, err))
                return -1;
        } else if (str_eqz(name, "hs256")) {
            struct key key = {.algorithm = STR("HS256"), .secret = doc_str(v, STR_NONE)};
            if (key.secret.len < JWT_MIN_SECRET)
                return doc_err(v, ERR_INPUT, err, "a secret has %d bytes or more", JWT_MIN_SECRET);
            if (add_key(k, key, v, err))
                return -1;
        } else if (str_eqz(name, "clock_skew_s")) {
            if (!doc_i64(v, &seconds) || seconds < 0 || seconds > MAX_SKEW_S)
                return doc_err(v, ERR_INPUT, err, "clock_skew_s is 0 to %d", MAX_SKEW_S);
            k->skew_ms = seconds * 1000;
        } else {
            return err_at(err, ERR_INPUT, d->file, d->keys[i].line, d->keys[i].col, "oauth has no '%.*s'", STR_ARGS(name));
        }
    }
    return 0;
}

static int read_file(struct jwt_rules *k, const char *state_dir, char *path, struct err *err)
{
    struct doc *d = read_json(k->arena, path, err);
    if (!d)
        return -1;
    if (!doc_is(d, DOC_OBJECT))
        return doc_err(d, ERR_INPUT, err, "the file is an object: max_reauth_ms, oauth");
    for (size_t i = 0; i < d->count; i++) {
        const struct doc *v = d->items[i];
        if (str_eqz(d->keys[i].name, "max_reauth_ms")) {
            if (!doc_i64(v, &k->max_reauth_ms) || k->max_reauth_ms < 0)
                return doc_err(v, ERR_INPUT, err, "max_reauth_ms is a number of milliseconds, 0 for none");
        } else if (str_eqz(d->keys[i].name, "oauth") && doc_is(v, DOC_OBJECT)) {
            if (read_oauth(k, state_dir, v, err))
                return -1;
        } else {
            return err_at(err, ERR_INPUT, d->file, d->keys[i].line, d->keys[i].col, "the file has max_reauth_ms, and oauth, an object");
        }
    }
    return 0;
}

struct jwt_rules *jwt_open(const char *state_dir, struct err *err)
{
    struct arena *a = arena_new();
    struct jwt_rules *k = ARENA_NEW(a, struct jwt_rules);
    k->arena = a;
    k->skew_ms = DEFAULT_SKEW_S * 1000;
    k->principal_claim = STR("sub");
    char *path = path_join(a, state_dir, JWT_AUTH_FILE);
    if (fs_exists(path) && read_file(k, state_dir, path, err)) {
        jwt_close(k);
        return NULL;
    }
    return k;
}

void jwt_close(struct jwt_rules *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->count; i++)
        EVP_PKEY_free(k->keys[i].public);
    arena_free(k->arena);
}

bool jwt_has_keys(const struct jwt_rules *k)
{
    return k->count > 0;
}

int64_t jwt_max_reauth_ms(const struct jwt_rules *k)
{
    return k->max_reauth_ms;
}

/* ------------------------------------------------------------------ signatures */

/* A JWS holds r and s as they are; OpenSSL wants them in DER. */
static unsigned char *ec_der(struct str raw, int *n)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int half = (int)raw.len / 2;
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.ptr, half, NULL), *s = BN_bin2bn((const unsigned char *)raw.ptr + half, half, NULL);
    unsigned char *der = NULL;
    CHECK(sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1);
    *n = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    return *n > 0 ? der : NULL;
}

static bool public_ok(const struct key *key, const struct algorithm *alg, struct str text, struct str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    unsigned char *der = NULL;
    const unsigned char *sig = (const unsigned char *)signature.ptr;
    int n = (int)signature.len;
    bool good = EVP_DigestVerifyInit(ctx, &how, alg->hash(), NULL, key->public) == 1;
    if (good && alg->pss)
        good = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) > 0;
    if (good && alg->kind == KIND_EC)
        good = n == 2 * alg->ec_bytes && (sig = der = ec_der(signature, &n));
    good = good && EVP_DigestVerify(ctx, sig, (size_t)n, (const unsigned char *)text.ptr, text.len) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static bool secret_ok(const struct key *key, const struct algorithm *alg, struct str text, struct str signature)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = sizeof sum;
    CHECK(HMAC(alg->hash(), key->secret.ptr, (int)key->secret.len, (const unsigned char *)text.ptr, text.len, sum, &n));
    return signature.len == n && CRYPTO_memcmp(sum, signature.ptr, n) == 0;
}

static bool fits(const struct key *key, const struct algorithm *alg, struct str id)
{
    return key->kind == alg->kind && key->ec_bytes == alg->ec_bytes && (!key->algorithm.len || str_eqz(key->algorithm, alg->name)) &&
           (!id.len || !key->id.len || str_eq(key->id, id));
}

static int check_signature(const struct jwt_rules *k, const struct doc *header, struct str text, struct str signature, struct err *err)
{
    struct str name = doc_str(doc_get(header, "alg"), STR("")), id = doc_str(doc_get(header, "kid"), STR(""));
    const struct algorithm *alg = NULL;
    for (size_t i = 0; i < COUNT_OF(ALGORITHMS); i++)
        if (str_eqz(name, ALGORITHMS[i].name))
            alg = &ALGORITHMS[i];
    if (!alg)
        return err_set(err, ERR_AUTH, "the token's algorithm is not served");
    for (size_t i = 0; i < k->count; i++)
        if (fits(&k->keys[i], alg, id) && (alg->kind == KIND_SECRET ? secret_ok : public_ok)(&k->keys[i], alg, text, signature))
            return 0;
    return err_set(err, ERR_AUTH, "the token's signature is of no key of " JWT_AUTH_FILE);
}

/* ------------------------------------------------------------------ claims */

/* Seconds, perhaps with a fraction, as milliseconds. False: absent or no time. */
static bool claim_time(const struct doc *d, const char *name, int64_t *out)
{
    double s;
    if (!doc_f64(doc_get(d, name), &s) || !isfinite(s) || s < 0 || s > MAX_TIME_S)
        return false;
    *out = (int64_t)(s * 1000);
    return true;
}

static bool has_audience(const struct doc *d, struct str wanted)
{
    const struct doc *aud = doc_get(d, "aud");
    if (!doc_is(aud, DOC_ARRAY))
        return str_eq(doc_str(aud, STR("")), wanted);
    for (size_t i = 0; i < aud->count; i++)
        if (str_eq(doc_str(aud->items[i], STR("")), wanted))
            return true;
    return false;
}

static int check_claims(const struct jwt_rules *k, const struct doc *d, int64_t now_ms, struct jwt_claims *out, struct err *err)
{
    int64_t from;
    out->principal = doc_str(doc_get_str(d, k->principal_claim), STR_NONE);
    if (!out->principal.len || out->principal.len > JWT_MAX_PRINCIPAL)
        return err_set(err, ERR_AUTH, "the token has no claim '%.*s' that names its principal", STR_ARGS(k->principal_claim));
    if (!claim_time(d, "exp", &out->expires_ms))
        return err_set(err, ERR_AUTH, "the token has no claim 'exp'");
    if (out->expires_ms + k->skew_ms <= now_ms)
        return err_set(err, ERR_AUTH, "the token expired %jd s ago", (intmax_t)((now_ms - out->expires_ms) / 1000));
    if (doc_get(d, "nbf") && (!claim_time(d, "nbf", &from) || from - k->skew_ms > now_ms))
        return err_set(err, ERR_AUTH, "the token is not good yet");
    if (doc_get(d, "iat") && (!claim_time(d, "iat", &from) || from - k->skew_ms > now_ms))
        return err_set(err, ERR_AUTH, "the token was issued in the future");
    if (k->issuer.len && !str_eq(doc_str(doc_get(d, "iss"), STR("")), k->issuer))
        return err_set(err, ERR_AUTH, "the token's issuer is another than '%.*s'", STR_ARGS(k->issuer));
    if (k->audience.len && !has_audience(d, k->audience))
        return err_set(err, ERR_AUTH, "the token is not for '%.*s'", STR_ARGS(k->audience));
    return 0;
}

static struct doc *part_json(struct arena *a, struct str part)
{
    struct err ignored;
    struct str text = url_decode(a, part);
    struct doc *d = text.ptr ? doc_json(a, "token", text, &ignored) : NULL;
    return doc_is(d, DOC_OBJECT) ? d : NULL;
}

int jwt_check(const struct jwt_rules *k, struct arena *a, struct str token, int64_t now_ms, bool unsigned_too,
              struct jwt_claims *out, struct err *err)
{
    int64_t dot = str_chr(token, '.'), last = str_rchr(token, '.');
    struct doc *header = NULL, *claims = NULL;
    if (token.len <= JWT_MAX_TOKEN && dot > 0 && last > dot) {
        header = part_json(a, str_sub(token, 0, (size_t)dot));
        claims = part_json(a, str_sub(token, (size_t)dot + 1, (size_t)(last - dot - 1)));
    }
    struct str signature = header && claims ? url_decode(a, str_from(token, (size_t)last + 1)) : STR_NONE;
    if (!signature.ptr || doc_get(header, "crit"))
        return err_set(err, ERR_AUTH, "the token is no signed JSON Web Token in compact form");
    bool none = str_eqz(doc_str(doc_get(header, "alg"), STR("")), "none");
    if (none && (!unsigned_too || signature.len))
        return err_set(err, ERR_AUTH, "unsigned tokens are taken with --insecure-local only");
    if (!none && check_signature(k, header, str_sub(token, 0, (size_t)last), signature, err))
        return -1;
    return check_claims(k, claims, now_ms, out, err);
}
