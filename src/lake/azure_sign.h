/* azure_sign -- Azure Storage's SharedKey signature. Pure. */
#ifndef PAYSTREAK_LAKE_AZURE_SIGN_H
#define PAYSTREAK_LAKE_AZURE_SIGN_H
#include "base/base.h"

struct azure_param { const char *name; struct str value; };  /* of the query; value not encoded */
struct azure_request {
    const char *method;
    struct str account;
    struct str path;                      /* as sent, percent-encoded, from the first slash */
    const struct azure_param *params;
    size_t param_count;
    const char *const *headers;           /* "name: value", ended by NULL */
    size_t body_bytes;
};
/* The text that is signed. */
void azure_sign_text(struct buf *out, const struct azure_request *r);
/* "SharedKey account:signature"; `key` is not base64 any more. */
void azure_sign(struct buf *out, const struct azure_request *r, struct str key);
#endif
