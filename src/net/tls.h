/* tls -- server certificates for listeners, on OpenSSL. */
#ifndef PAYSTREAK_NET_TLS_H
#define PAYSTREAK_NET_TLS_H
#include "base/base.h"

struct tls;
/* Reads a PEM certificate chain and key; TLS 1.2 and up. `alpn` is the one protocol offered ("h2",
 * "http/1.1"), NULL: none. Errors: ERR_INPUT, ERR_IO. The result is immutable: any loop may use it. */
struct tls *tls_new(const char *cert_path, const char *key_path, const char *alpn,
                    struct err *err) MUST_CHECK;
void tls_free(struct tls *t); /* after the listeners that use it. NULL is allowed */
/* Writes a fresh self-signed certificate for `names` (DNS names and addresses, ended by NULL) and its key. */
int tls_make_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                         struct err *err) MUST_CHECK;
#endif
