/* pg_scram.c -- the exchange:
 *
 *   client  n,,n=USER,r=CNONCE                      gs2 header: n, or y (could bind, thinks we cannot)
 *   server  r=CNONCE SNONCE,s=SALT,i=ITERATIONS
 *   client  c=BASE64(gs2 header),r=CNONCE SNONCE,p=PROOF
 *   server  v=SIGNATURE
 *
 * SaltedPassword = PBKDF2-HMAC-SHA-256. ClientKey = HMAC(Salted, "Client Key"), StoredKey =
 * SHA-256(ClientKey), ServerKey = HMAC(Salted, "Server Key"). PROOF = ClientKey xor
 * HMAC(StoredKey, AuthMessage); so we undo the xor and compare the hash with StoredKey. */
#include "serve/pg_scram.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

enum { SNONCE_BYTES = 18, CNONCE_MAX = 96 };

static void hmac(const uint8_t key[SCRAM_KEY_BYTES], struct str data, uint8_t out[SCRAM_KEY_BYTES])
{
    unsigned len = SCRAM_KEY_BYTES;
    CHECK(HMAC(EVP_sha256(), key, SCRAM_KEY_BYTES, (const unsigned char *)data.ptr, data.len, out, &len));
}

void scram_secret_make(struct scram_secret *s, struct str password)
{
    uint8_t salted[SCRAM_KEY_BYTES], client_key[SCRAM_KEY_BYTES];
    random_bytes(s->salt, sizeof s->salt);
    CHECK(PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, s->salt, SCRAM_SALT_BYTES, SCRAM_ITERATIONS,
                            EVP_sha256(), SCRAM_KEY_BYTES, salted) == 1);
    hmac(salted, STR("Client Key"), client_key);
    SHA256(client_key, sizeof client_key, s->stored_key);
    hmac(salted, STR("Server Key"), s->server_key);
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client_key, sizeof client_key);
}

static int malformed(struct err *err)
{
    return err_set(err, ERR_AUTH, "malformed SCRAM message");
}

/* The value of attribute `name` in "a=1,b=2". */
static struct str attribute(struct str message, char name)
{
    struct str part;
    while (str_split(&message, ',', &part))
        if (part.len >= 2 && part.ptr[0] == name && part.ptr[1] == '=')
            return str_from(part, 2);
    return STR_NONE;
}

int scram_first(struct scram *s, const struct scram_secret *secret, struct str client_first,
                struct buf *server_first, struct err *err)
{
    uint8_t random[SNONCE_BYTES];
    struct buf nonce;
    buf_init_max(&s->auth, 4 * SCRAM_MAX_MESSAGE);
    if (client_first.len > SCRAM_MAX_MESSAGE || client_first.len < 3)
        return malformed(err);
    if (client_first.ptr[0] == 'p')
        return err_set(err, ERR_AUTH, "channel binding is not offered here");
    if ((client_first.ptr[0] != 'n' && client_first.ptr[0] != 'y') || client_first.ptr[1] != ',')
        return malformed(err);
    if (client_first.ptr[2] != ',') /* to act as another user */
        return malformed(err);
    struct str bare = str_from(client_first, 3);
    struct str cnonce = attribute(bare, 'r');
    if (cnonce.len == 0 || cnonce.len > CNONCE_MAX)
        return malformed(err);
    random_bytes(random, sizeof random);
    buf_init(&nonce);
    buf_str(&nonce, cnonce);
    base64_put(&nonce, str_of((const char *)random, sizeof random));
    snprintf(s->nonce, sizeof s->nonce, "%s", nonce.ptr);
    buf_release(&nonce);
    size_t at = server_first->len;
    buf_printf(server_first, "r=%s,s=", s->nonce);
    base64_put(server_first, str_of((const char *)secret->salt, SCRAM_SALT_BYTES));
    buf_printf(server_first, ",i=%d", SCRAM_ITERATIONS);
    buf_str(&s->auth, bare);
    buf_char(&s->auth, ',');
    buf_str(&s->auth, str_from(buf_view(server_first), at));
    buf_char(&s->auth, ',');
    return 0;
}

int scram_final(struct scram *s, const struct scram_secret *secret, struct str client_final,
                struct buf *server_final, struct err *err)
{
    uint8_t signature[SCRAM_KEY_BYTES], key[SCRAM_KEY_BYTES], hash[SCRAM_KEY_BYTES];
    struct buf proof;
    int64_t at = str_find(client_final, STR(",p="));
    struct str binding = attribute(client_final, 'c');
    if (client_final.len > SCRAM_MAX_MESSAGE || at < 0 || !str_eqz(attribute(client_final, 'r'), s->nonce))
        return malformed(err);
    if (!str_eqz(binding, "biws") && !str_eqz(binding, "eSws")) /* "n,," and "y,," */
        return malformed(err);
    buf_str(&s->auth, str_sub(client_final, 0, (size_t)at));
    hmac(secret->stored_key, buf_view(&s->auth), signature);
    buf_init(&proof);
    bool ok = base64_get(&proof, str_from(client_final, (size_t)at + 3)) && proof.len == SCRAM_KEY_BYTES;
    for (size_t i = 0; ok && i < SCRAM_KEY_BYTES; i++)
        key[i] = (uint8_t)proof.ptr[i] ^ signature[i];
    buf_release(&proof);
    if (ok)
        SHA256(key, sizeof key, hash);
    if (!ok || CRYPTO_memcmp(hash, secret->stored_key, sizeof hash) != 0)
        return err_set(err, ERR_AUTH, "password authentication failed");
    hmac(secret->server_key, buf_view(&s->auth), signature);
    buf_z(server_final, "v=");
    base64_put(server_final, str_of((const char *)signature, sizeof signature));
    return 0;
}

void scram_release(struct scram *s)
{
    if (s->auth.ptr)
        buf_release(&s->auth);
    *s = (struct scram){0};
}
