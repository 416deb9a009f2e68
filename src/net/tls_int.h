/* tls_int -- the TLS state of one connection, between tcp.c and tls.c. No I/O: bytes in, bytes out. */
#ifndef PAYSTREAK_NET_TLS_INT_H
#define PAYSTREAK_NET_TLS_INT_H
#include "net/tls.h"

struct tls_conn;
struct tls_conn *tls_conn_new(struct tls *t);
void tls_conn_free(struct tls_conn *t); /* NULL is allowed */
/* Takes bytes from the wire; appends what they decrypt to, to `plain`, and what must be sent in
 * reply, to `wire`. Sets *ended when the peer said close_notify. */
int tls_conn_feed(struct tls_conn *t, struct str bytes, struct buf *plain, struct buf *wire,
                  bool *ended, struct err *err) MUST_CHECK;
/* Encrypts `plain` onto `wire`; before the end of the handshake it is kept and sent after it. */
int tls_conn_send(struct tls_conn *t, struct str plain, struct buf *wire, struct err *err) MUST_CHECK;
bool tls_conn_ready(const struct tls_conn *t);           /* the handshake is over */
const char *tls_conn_name(const struct tls_conn *t); /* SNI; NULL: none, or not known yet */
void tls_conn_end(struct tls_conn *t, struct buf *wire); /* close_notify */
#endif
