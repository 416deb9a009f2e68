/* auth -- who may do what: SharedKey, SharedKeyLite, account and service SAS, bearer. Pure.
 *
 * A signature is HMAC-SHA256 with the account's key over a text that the request and the dialect
 * decide; it is compared in constant time. SharedKey is good for 15 minutes around its date. A
 * service SAS may name a stored access policy (si): then auth_check() leaves `policy` set, and
 * auth_apply_policy() has the last word. User-delegation SAS (skoid …) is refused by name: its
 * keys are Entra's. */
#ifndef PAYSTREAK_STORAGE_AUTH_H
#define PAYSTREAK_STORAGE_AUTH_H
#include "net/http_date.h"
#include "storage/azreq.h"

enum { AUTH_SKEW_SECONDS = 15 * 60, AUTH_MAX_KEYS = 2 };

struct grant {
    bool all;                          /* a key or the bearer token: everything */
    struct str perms;                  /* SAS: sp */
    struct str types;                  /* account SAS: srt; STR_NONE: a service SAS, whose signature binds it */
    char scope;                        /* service SAS: 'c', 'b', 'd', 'q' */
    struct str dir;                    /* scope 'd': the directory */
    struct str policy;                 /* si that is not applied yet; STR_NONE: none */
    struct str start, expiry;          /* of the SAS itself; empty: the policy's */
};

struct auth_keys {
    const uint8_t *key[AUTH_MAX_KEYS]; /* decoded */
    size_t len[AUTH_MAX_KEYS];
    size_t count;
    const char *token;                 /* bearer; NULL: none */
    struct tp now;
};

/* AZ_NONE and `out`, or why not, with `why` (an arena's text) for the message. */
enum az_error auth_check(const struct azreq *r, const struct auth_keys *keys, struct grant *out, struct str *why);
/* The stored policy's fields; empty where it has none. */
enum az_error auth_apply_policy(struct grant *g, struct str perms, struct str start, struct str expiry, struct tp now, struct str *why);
/* May it? `perms`: any of these letters; `type`: 's', 'c' or 'o'. */
enum az_error auth_allows(const struct grant *g, const struct azreq *r, const char *perms, char type);
/* The texts that are signed, for tests. */
void auth_text_shared_key(struct buf *out, const struct azreq *r, bool lite);
bool auth_text_sas(struct buf *out, const struct azreq *r);
/* base64 of the HMAC-SHA256 of `text`. */
void auth_sign(struct buf *out, const uint8_t *key, size_t key_len, struct str text);
#endif
