/* store_azure_int -- what the Blob and the Data Lake dialect of Azure Storage share. */
#ifndef PAYSTREAK_LAKE_STORE_AZURE_INT_H
#define PAYSTREAK_LAKE_STORE_AZURE_INT_H
#include "lake/azure_sign.h"
#include "lake/azure_token.h"
#include "lake/store_int.h"

enum { AZURE_MAX_PARAMS = 12, AZURE_PAGE_OBJECTS = 5000 };

struct azure {
    char *endpoint;                       /* "https://acct.blob.core.windows.net" or "http://host:port/acct" */
    size_t path_at;                       /* where the path begins in it */
    char *account, *container;
    struct buf key;                       /* SharedKey, decoded; empty: none */
    char *sas;                            /* without "?"; NULL: none */
    struct azure_identity *identity;      /* NULL: none */
    bool anonymous;
};

/* One request in the making. */
struct azure_call {
    struct store *store;
    struct arena *arena;
    const char *method, *what;
    struct azure_param params[AZURE_MAX_PARAMS];
    size_t param_count;
    struct store_headers headers;
    bool unsent;                          /* out, of a call that failed: no byte of it was sent */
};
void azure_call_init(struct azure_call *c, struct store *s, struct arena *a, const char *method, const char *what);
void azure_param(struct azure_call *c, const char *name, struct str value);
/* The request for an object (NULL: the container), signed and sent. `q` holds body and receivers. */
int azure_call_do(struct azure_call *c, const char *name, struct http_client_req *q, struct http_client_res *res, struct err *err) MUST_CHECK;
/* The same where the answer is of no interest. */
int azure_call_send(struct azure_call *c, const char *name, struct str body, struct err *err) MUST_CHECK;

extern const struct store_kind store_kind_blob, store_kind_dfs;
void azure_close(struct store *s);
int azure_stat(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err);
int azure_get(struct store *s, const char *name, int64_t at, int64_t n, struct http_client_req *q, struct http_client_res *res, struct err *err);
int azure_remove(struct store *s, const char *name, struct err *err);
#endif
