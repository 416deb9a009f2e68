/* s3_auth -- AWS credentials: keys from the environment, a profile, or a role taken with a web identity.
 *
 * Thread-safe. */
#ifndef PAYSTREAK_LAKE_S3_AUTH_H
#define PAYSTREAK_LAKE_S3_AUTH_H
#include "lake/store.h"

struct s3_keys { struct str access_key, secret_key, session_token; };
struct s3_auth; /* opaque */
/* By what is set, in this order:
 *     AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY [AWS_SESSION_TOKEN]
 *     AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE [AWS_ROLE_SESSION_NAME, AWS_ENDPOINT_URL_STS]
 *     AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI [AWS_CONTAINER_AUTHORIZATION_TOKEN]
 *     the profile AWS_PROFILE (default) of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials)
 *     AWS_SKIP_SIGNATURE=true: none, for what is public
 * ERR_AUTH if nothing is. */
struct s3_auth *s3_auth_open(const struct store_settings *from, struct str region, struct err *err) MUST_CHECK;
void s3_auth_close(struct s3_auth *k);    /* NULL is allowed */
/* Those that hold now, copied into the arena; no access key: do not sign. */
int s3_auth_keys(struct s3_auth *k, struct arena *a, struct s3_keys *out, struct err *err) MUST_CHECK;
/* AWS_REGION, AWS_DEFAULT_REGION, the profile's region, or us-east-1. In the arena. */
struct str s3_region(const struct store_settings *from, struct arena *a);
#endif
