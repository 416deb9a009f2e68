#include "net/scram.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { SERVER_NONCE_BYTES = 18, FRESH_SALT_BYTES = 16, MAX_MESSAGE = 4096 };

static const struct { const char *name; size_t bytes; const EVP_MD *(*hash)(void); } MECHANISMS[] = {
    [SCRAM_SHA_256] = {"SCRAM-SHA-256", 32, EVP_sha256},
    [SCRAM_SHA_512] = {"SCRAM-SHA-512", 64, EVP_sha512},
};

struct scram {
    struct scram_secret secret;
    struct buf header, nonce, signed_text; /* signed_text: client-first-bare "," server-first */
};

const char *scram_name(enum scram_mechanism m)
{
    return MECHANISMS[m].name;
}

enum scram_mechanism scram_of_name(struct str name)
{
    for (int m = 1; m <= SCRAM_MECHANISMS; m++)
        if (str_eqz(name, MECHANISMS[m].name))
            return (enum scram_mechanism)m;
    return 0;
}

size_t scram_key_bytes(enum scram_mechanism m)
{
    return MECHANISMS[m].bytes;
}

/* ------------------------------------------------------------------ secrets */

static void hmac(enum scram_mechanism m, const uint8_t *key, struct str text, uint8_t out[SCRAM_MAX_KEY])
{
    unsigned n = SCRAM_MAX_KEY;
    CHECK(HMAC(MECHANISMS[m].hash(), key, (int)MECHANISMS[m].bytes, (const unsigned char *)text.ptr, text.len, out, &n));
    CHECK(n == MECHANISMS[m].bytes);
}

static void hash(enum scram_mechanism m, const uint8_t *bytes, uint8_t out[SCRAM_MAX_KEY])
{
    unsigned n = 0;
    CHECK(EVP_Digest(bytes, MECHANISMS[m].bytes, out, &n, MECHANISMS[m].hash(), NULL) == 1 && n == MECHANISMS[m].bytes);
}

void scram_of_salted(struct scram_secret *s, const uint8_t *salted)
{
    uint8_t client_key[SCRAM_MAX_KEY];
    hmac(s->mechanism, salted, STR("Client Key"), client_key);
    hash(s->mechanism, client_key, s->stored_key);
    hmac(s->mechanism, salted, STR("Server Key"), s->server_key);
    OPENSSL_cleanse(client_key, sizeof client_key);
}

void scram_of_password(struct scram_secret *s, struct str password)
{
    uint8_t salted[SCRAM_MAX_KEY];
    int ok = PKCS5_PBKDF2_HMAC(password.len ? password.ptr : "", (int)password.len, s->salt, (int)s->salt_bytes, s->iterations,
                               MECHANISMS[s->mechanism].hash(), (int)MECHANISMS[s->mechanism].bytes, salted);
    CHECK(ok == 1);
    scram_of_salted(s, salted);
    OPENSSL_cleanse(salted, sizeof salted);
}

void scram_make(struct scram_secret *s, enum scram_mechanism m, struct str password)
{
    *s = (struct scram_secret){.mechanism = m, .iterations = SCRAM_MIN_ITERATIONS, .salt_bytes = FRESH_SALT_BYTES};
    random_bytes(s->salt, s->salt_bytes);
    scram_of_password(s, password);
}

/* ------------------------------------------------------------------ messages */

static int malformed(struct err *err)
{
    return err_set(err, ERR_AUTH, "the SCRAM message is malformed");
}

/* "x=value" of the next part. */
static bool attribute(struct str *rest, char name, struct str *value)
{
    struct str part;
    if (!str_split(rest, ',', &part) || part.len < 2 || part.ptr[0] != name || part.ptr[1] != '=')
        return false;
    *value = str_from(part, 2);
    return true;
}

/* A name in which ',' is =2C and '=' is =3D. */
static bool name_decode(struct arena *a, struct str s, struct str *out)
{
    char *to = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '=') {
            to[n++] = s.ptr[i];
            continue;
        }
        struct str code = str_sub(s, i, 3);
        if (!str_eqz(code, "=2C") && !str_eqz(code, "=3D"))
            return false;
        to[n++] = code.ptr[1] == '2' ? ',' : '=';
        i += 2;
    }
    *out = str_of(to, n);
    return n <= SCRAM_MAX_USER && str_utf8_ok(*out);
}

int scram_first_read(struct arena *a, struct str message, struct scram_first *out, struct err *err)
{
    struct str rest = message, part, authorize = STR_NONE, user;
    if (message.len > MAX_MESSAGE || !str_split(&rest, ',', &part))
        return malformed(err);
    if (str_starts_z(part, "p="))
        return err_set(err, ERR_AUTH, "channel binding is not served");
    if ((!str_eqz(part, "n") && !str_eqz(part, "y")) || !str_split(&rest, ',', &part) || (part.len && !str_starts_z(part, "a=")))
        return malformed(err);
    if (part.len && !name_decode(a, str_from(part, 2), &authorize))
        return malformed(err);
    out->bare = rest;
    out->header = str_sub(message, 0, (size_t)(rest.ptr - message.ptr));
    if (!attribute(&rest, 'n', &user) || !name_decode(a, user, &out->user))
        return malformed(err);
    if (!attribute(&rest, 'r', &out->nonce) || !out->nonce.len || out->nonce.len > SCRAM_MAX_NONCE)
        return malformed(err);
    if (authorize.len && !str_eq(authorize, out->user))
        return err_set(err, ERR_AUTH, "a client acts as itself: the authorization id is another name");
    while (str_split(&rest, ',', &part))
        if (str_starts_z(part, "tokenauth="))
            return err_set(err, ERR_AUTH, "delegation tokens are not served");
    return 0;
}

struct scram *scram_new(const struct scram_first *f, const struct scram_secret *secret, struct buf *answer)
{
    struct scram *s = NEW(struct scram);
    uint8_t nonce[SERVER_NONCE_BYTES];
    s->secret = *secret;
    buf_init(&s->header);
    buf_init(&s->nonce);
    buf_init(&s->signed_text);
    buf_str(&s->header, f->header);
    buf_str(&s->nonce, f->nonce);
    random_bytes(nonce, sizeof nonce);
    base64_put(&s->nonce, str_of((char *)nonce, sizeof nonce)); /* no comma among its signs */
    size_t at = answer->len;
    buf_printf(answer, "r=%s,s=", s->nonce.ptr);
    base64_put(answer, str_of((const char *)secret->salt, secret->salt_bytes));
    buf_printf(answer, ",i=%d", secret->iterations);
    buf_str(&s->signed_text, f->bare);
    buf_char(&s->signed_text, ',');
    buf_str(&s->signed_text, str_from(buf_view(answer), at));
    return s;
}

static bool same_bytes(struct str a, struct str b)
{
    return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Does the proof undo to the key whose hash we keep? */
static bool proof_ok(const struct scram *s, struct str text, struct str proof)
{
    enum scram_mechanism m = s->secret.mechanism;
    size_t n = scram_key_bytes(m);
    uint8_t client_key[SCRAM_MAX_KEY], stored[SCRAM_MAX_KEY];
    if (proof.len != n)
        return false;
    hmac(m, s->secret.stored_key, text, client_key);
    for (size_t i = 0; i < n; i++)
        client_key[i] ^= (uint8_t)proof.ptr[i];
    hash(m, client_key, stored);
    OPENSSL_cleanse(client_key, sizeof client_key);
    return CRYPTO_memcmp(stored, s->secret.stored_key, n) == 0;
}

static bool final_ok(const struct scram *s, struct str message, struct buf *text, struct buf *proof)
{
    struct str rest = message, binding, nonce;
    int64_t at = str_rchr(message, 'p');
    if (message.len > MAX_MESSAGE || !attribute(&rest, 'c', &binding) || !attribute(&rest, 'r', &nonce))
        return false;
    while (at > 0 && (message.ptr[at - 1] != ',' || str_sub(message, (size_t)at, 2).len != 2 || message.ptr[at + 1] != '='))
        at = str_rchr(str_sub(message, 0, (size_t)at), 'p'); /* base64 may hold a 'p' */
    if (at <= 0 || !base64_get(text, binding) || !same_bytes(buf_view(text), buf_view(&s->header)))
        return false;
    if (nonce.len < s->nonce.len || !same_bytes(str_from(nonce, nonce.len - s->nonce.len), buf_view(&s->nonce)))
        return false;
    buf_clear(text);
    buf_str(text, buf_view(&s->signed_text));
    buf_char(text, ',');
    buf_str(text, str_sub(message, 0, (size_t)at - 1));
    return base64_get(proof, str_from(message, (size_t)at + 2)) && proof_ok(s, buf_view(text), buf_view(proof));
}

int scram_final(const struct scram *s, struct str message, struct buf *answer, struct err *err)
{
    struct buf text, proof;
    uint8_t signature[SCRAM_MAX_KEY];
    buf_init(&text);
    buf_init(&proof);
    bool good = final_ok(s, message, &text, &proof);
    if (good) {
        hmac(s->secret.mechanism, s->secret.server_key, buf_view(&text), signature);
        buf_z(answer, "v=");
        base64_put(answer, str_of((char *)signature, scram_key_bytes(s->secret.mechanism)));
    }
    buf_release(&text);
    buf_release(&proof);
    return good ? 0 : err_set(err, ERR_AUTH, "invalid credentials");
}

void scram_free(struct scram *s)
{
    if (!s)
        return;
    buf_release(&s->header);
    buf_release(&s->nonce);
    buf_release(&s->signed_text);
    OPENSSL_cleanse(s, sizeof *s);
    mem_free(s);
}
