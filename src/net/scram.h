/* scram -- SCRAM-SHA-256 and -512 (RFC 5802, 7677), the server's side: secrets, and the exchange.
 *
 * What is kept of a password is salt, iterations, StoredKey and ServerKey: enough to check a client and to prove
 * ourselves to it, not enough to be that client.
 *     SaltedPassword = PBKDF2(H, password, salt, iterations)
 *     ClientKey = HMAC(SaltedPassword, "Client Key")      StoredKey = H(ClientKey)
 *     ServerKey = HMAC(SaltedPassword, "Server Key")
 * The exchange, client's lines first:
 *     n,[a=who],n=user,r=cnonce              ->  r=cnonce snonce,s=salt,i=iterations
 *     c=biws,r=cnonce snonce,p=proof         ->  v=ServerSignature
 * The final nonce may also end in the one we sent: librdkafka before 2.6 repeats its own part in front of it, and signs
 * what it sends. Channel binding is not offered.
 * Pure, but for the server's nonce; any thread. */
#ifndef PAYSTREAK_NET_SCRAM_H
#define PAYSTREAK_NET_SCRAM_H
#include "base/base.h"

enum scram_mechanism { SCRAM_SHA_256 = 1, SCRAM_SHA_512 = 2, SCRAM_MECHANISMS = 2 }; /* Kafka's numbers */
enum {
    SCRAM_MAX_KEY = 64,
    SCRAM_MAX_SALT = 256,
    SCRAM_MIN_ITERATIONS = 4096,   /* the limits are Kafka's */
    SCRAM_MAX_ITERATIONS = 16384,
    SCRAM_MAX_NONCE = 512,
    SCRAM_MAX_USER = 512,
};

struct scram_secret {
    enum scram_mechanism mechanism;
    int32_t iterations;
    uint8_t salt[SCRAM_MAX_SALT];
    size_t salt_bytes;
    uint8_t stored_key[SCRAM_MAX_KEY], server_key[SCRAM_MAX_KEY]; /* scram_key_bytes() of them */
};

const char *scram_name(enum scram_mechanism m);             /* "SCRAM-SHA-256" */
enum scram_mechanism scram_of_name(struct str name);        /* 0: none of them */
size_t scram_key_bytes(enum scram_mechanism m);
/* Makes the keys; mechanism, iterations and salt are set. `salted` holds scram_key_bytes(). */
void scram_of_salted(struct scram_secret *s, const uint8_t *salted);
void scram_of_password(struct scram_secret *s, struct str password);
void scram_make(struct scram_secret *s, enum scram_mechanism m, struct str password); /* with a fresh salt, the least iterations */

/* The client's first message. The user's name, decoded, lies in `a`; it may be empty (PostgreSQL's clients tell it elsewhere).
 * ERR_AUTH: malformed, or asks what is not served. */
struct scram_first { struct str user, nonce, header, bare; };
int scram_first_read(struct arena *a, struct str message, struct scram_first *out, struct err *err) MUST_CHECK;

struct scram;
/* Begins an exchange; nothing given is kept. `answer` gets our first message. */
struct scram *scram_new(const struct scram_first *f, const struct scram_secret *secret, struct buf *answer);
/* The client's final message; `answer` gets ours. ERR_AUTH: the password is another, or the message malformed. */
int scram_final(const struct scram *s, struct str message, struct buf *answer, struct err *err) MUST_CHECK;
void scram_free(struct scram *s); /* NULL is allowed */
#endif
