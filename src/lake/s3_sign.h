/* s3_sign -- AWS Signature Version 4. Pure. */
#ifndef PAYSTREAK_LAKE_S3_SIGN_H
#define PAYSTREAK_LAKE_S3_SIGN_H
#include "base/base.h"

struct s3_param { const char *name; struct str value; };     /* of the query; value not encoded */
struct s3_request {
    const char *method;
    struct str path;                      /* as sent, percent-encoded, from the first slash */
    const struct s3_param *params;        /* sorted by name */
    size_t param_count;
    const char *const *headers;           /* "name: value" in lower case, sorted by name, ended by NULL: all are signed */
    struct str payload_hash;              /* hex SHA-256 of the body */
};
struct s3_signer { struct str access_key, secret_key, region, service, date; /* 20261124T065309Z */ };

enum { S3_HASH_HEX = 65 };
void s3_hash(struct str bytes, char out[S3_HASH_HEX]);       /* hex SHA-256 */
/* The canonical request, the text that is signed, and the Authorization header's value. */
void s3_canonical(struct buf *out, const struct s3_request *r);
void s3_sign_text(struct buf *out, const struct s3_request *r, const struct s3_signer *s);
void s3_sign(struct buf *out, const struct s3_request *r, const struct s3_signer *s);
#endif
