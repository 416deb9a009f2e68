/* pg_scram -- SCRAM-SHA-256 (RFC 7677), the server's side, without channel binding. Pure. */
#ifndef PAYSTREAK_SERVE_PG_SCRAM_H
#define PAYSTREAK_SERVE_PG_SCRAM_H
#include "base/base.h"

enum { SCRAM_ITERATIONS = 4096, SCRAM_SALT_BYTES = 16, SCRAM_KEY_BYTES = 32, SCRAM_MAX_MESSAGE = 4096 };

/* What a server keeps of a password. */
struct scram_secret { uint8_t salt[SCRAM_SALT_BYTES], stored_key[SCRAM_KEY_BYTES], server_key[SCRAM_KEY_BYTES]; };
void scram_secret_make(struct scram_secret *s, struct str password); /* fresh salt */

/* One exchange. Zeroed at first; scram_release() at the end. */
struct scram { struct buf auth; char nonce[128]; };
/* The client's first message -> the server's. Errors: ERR_AUTH. */
int scram_first(struct scram *s, const struct scram_secret *secret, struct str client_first,
                struct buf *server_first, struct err *err) MUST_CHECK;
/* The client's final message -> the server's, if the proof is right. Errors: ERR_AUTH. */
int scram_final(struct scram *s, const struct scram_secret *secret, struct str client_final,
                struct buf *server_final, struct err *err) MUST_CHECK;
void scram_release(struct scram *s);
#endif
