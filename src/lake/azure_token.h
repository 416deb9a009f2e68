/* azure_token -- bearer tokens for Azure Storage: who we are, by which service, kept until they expire.
 *
 * Thread-safe. Tokens are shared by all stores of the process that name the same identity. */
#ifndef PAYSTREAK_LAKE_AZURE_TOKEN_H
#define PAYSTREAK_LAKE_AZURE_TOKEN_H
#include "lake/store.h"

struct azure_identity; /* opaque */
/* By what is set, in this order:
 *     AZURE_CLIENT_ID AZURE_TENANT_ID AZURE_CLIENT_SECRET             Entra, a client's secret
 *     AZURE_CLIENT_ID AZURE_TENANT_ID AZURE_FEDERATED_TOKEN_FILE      Entra, workload identity
 *     IDENTITY_ENDPOINT IDENTITY_HEADER [AZURE_CLIENT_ID]             managed identity, App Service and Functions
 *     AZURE_USE_MANAGED_IDENTITY=true [AZURE_CLIENT_ID]               managed identity of a virtual machine
 * AZURE_AUTHORITY_HOST and AZURE_POD_IDENTITY_AUTHORITY_HOST say where Entra and the machine's service are.
 * `*out` is NULL if none is set. */
int azure_identity_open(const struct store_settings *from, struct azure_identity **out, struct err *err) MUST_CHECK;
void azure_identity_close(struct azure_identity *id); /* NULL is allowed */
/* "Bearer …" in the arena. Errors: ERR_AUTH with the service's words, ERR_IO retriable. */
int azure_identity_header(struct azure_identity *id, struct arena *a, struct str *out, struct err *err) MUST_CHECK;
/* The storage service refused it: the next call asks anew, unless it is fresh. Tells whether it will. */
bool azure_identity_forget(struct azure_identity *id);
#endif
