/* jwt -- tokens of OAUTHBEARER: JSON Web Tokens (RFC 7519), signed as JWS (RFC 7515) in compact form.
 *
 * What a hub of one machine can check it checks: the signature by keys that stand in STATE/hub-auth.json, times, issuer,
 * audience. No address is asked for anything. The file:
 *     {"max_reauth_ms": 3600000,
 *      "oauth": {"jwks": "keys.json", "hs256": "a secret of 32 bytes or more", "issuer": "…", "audience": "…",
 *                "principal_claim": "sub", "clock_skew_s": 30}}
 * All of it may be left out. `jwks` is a file beside it (RFC 7517; RSA, EC, oct), read at start; `hs256` a secret for
 * HS256. A key serves only algorithms of its own kind, so that a public key is never taken for a secret. A token needs
 * "exp" and the principal's claim. Unsigned tokens ("alg":"none") are taken only where the caller says so.
 * Immutable once made: any thread. */
#ifndef PAYSTREAK_HUB_JWT_H
#define PAYSTREAK_HUB_JWT_H
#include "base/base.h"

enum { JWT_MAX_TOKEN = 16 << 10, JWT_MAX_FILE = 1 << 20, JWT_MAX_KEYS = 100, JWT_MIN_SECRET = 32, JWT_MAX_PRINCIPAL = 512 };
#define JWT_AUTH_FILE "hub-auth.json"

struct jwt_rules;
/* Reads STATE's file if there is one. Errors: ERR_INPUT with its place. */
struct jwt_rules *jwt_open(const char *state_dir, struct err *err) MUST_CHECK;
void jwt_close(struct jwt_rules *k);              /* NULL is allowed */
bool jwt_has_keys(const struct jwt_rules *k);     /* can it check any signature? */
int64_t jwt_max_reauth_ms(const struct jwt_rules *k); /* 0: connections need not authenticate again */

struct jwt_claims { struct str principal; int64_t expires_ms; };
/* Strings of *out live in `a`. ERR_AUTH: malformed, not ours, expired, not yet good, for somebody else. */
int jwt_check(const struct jwt_rules *k, struct arena *a, struct str token, int64_t now_ms, bool unsigned_too,
              struct jwt_claims *out, struct err *err) MUST_CHECK;
#endif
