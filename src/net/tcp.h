/* tcp -- listening sockets and their connections: bytes in, bytes out, with limits.
 *
 * Input: a connection keeps what its owner has not taken. on_bytes gets all that is pending and
 * returns how much it took; the rest comes again, with more behind it. So a framed protocol looks
 * whether a whole frame is there and returns 0 if not.
 *
 * Output: written bytes are queued and go out in one writev at the end of the loop's turn (or at
 * once with tcp_flush). Above `high_water` queued bytes the connection stops reading, so that a
 * peer that does not read its answers cannot make us hold ever more of them; on_drain tells when the
 * queue fell to half of it.
 *
 * Lifetime: a connection is valid from on_open until on_close returned; on_close comes exactly
 * once for each on_open, also after tcp_close(), never from within another call. After tcp_close()
 * writes are dropped (their `done` still runs) and no callback but on_close comes.
 * Thread: the loop's, for everything. */
#ifndef PAYSTREAK_NET_TCP_H
#define PAYSTREAK_NET_TCP_H
#include "ev/ev.h"

struct tcp_server;
struct tcp_conn;
struct tls; /* net/tls.h */

enum {
    TCP_MAX_CONNS = 4096,             /* default of max_conns */
    TCP_MAX_PENDING = 1 << 20,        /* default of max_pending: bytes not taken yet */
    TCP_HIGH_WATER = 4 << 20,         /* default of high_water: bytes not sent yet */
    TCP_BACKLOG = 512,                /* of listen(2) */
    TCP_HANDSHAKE_MS = 10000,         /* a TLS handshake takes no longer: then ERR_TIMEOUT */
};

struct tcp_server_opts {
    const char *host;      /* an address, "127.0.0.1" if NULL; "::1"; "0.0.0.0" */
    int port;              /* 0: any free one, see tcp_server_port() */
    const char *unix_path; /* not NULL: a Unix socket (mode 0600) there instead of host and port */
    struct tls *tls;       /* not NULL: every connection starts with a TLS handshake */
    bool tls_optional;     /* … or is plain: its first byte says. The peer must speak first */
    int max_conns;         /* more are closed at once; 0: TCP_MAX_CONNS */
    size_t max_pending;    /* 0: TCP_MAX_PENDING; beyond it the connection ends with ERR_LIMIT */
    size_t high_water;     /* 0: TCP_HIGH_WATER */
    void (*on_open)(struct tcp_conn *c);                       /* NULL allowed */
    size_t (*on_bytes)(struct tcp_conn *c, struct str bytes);  /* returns the bytes taken */
    void (*on_end)(struct tcp_conn *c);   /* the peer sends no more; NULL: close once all is written */
    void (*on_drain)(struct tcp_conn *c); /* NULL allowed */
    /* The last call. `why` is NULL after an orderly end by the peer or tcp_close(). NULL allowed. */
    void (*on_close)(struct tcp_conn *c, const struct err *why);
    void *ctx;
};

/* "127.…", "::1", "localhost": what may be listened on without TLS and credentials. */
bool tcp_is_loopback(const char *host);
/* Listens; the server is the caller's. Errors: ERR_IO names address and reason. `opts` is copied. */
struct tcp_server *tcp_listen(struct ev_loop *loop, const struct tcp_server_opts *opts,
                              struct err *err) MUST_CHECK;
int tcp_server_port(const struct tcp_server *s);        /* the actual port; 0: Unix socket */
const char *tcp_server_host(const struct tcp_server *s);
int tcp_server_conns(const struct tcp_server *s);
void tcp_server_pause(struct tcp_server *s);            /* accepts no more; connections go on */
/* Closes the listener and all connections (their on_close runs in a later turn of the loop, which
 * must still be turned); `s` is gone for the caller. NULL is allowed. */
void tcp_server_free(struct tcp_server *s);

void *tcp_server_ctx(const struct tcp_conn *c);         /* opts->ctx */
void tcp_conn_set_user(struct tcp_conn *c, void *user); /* the owner's state; NULL at first */
void *tcp_conn_user(const struct tcp_conn *c);
struct ev_loop *tcp_conn_loop(const struct tcp_conn *c);
const char *tcp_conn_peer(const struct tcp_conn *c);    /* "127.0.0.1:53122"; "unix" */
bool tcp_conn_is_tls(const struct tcp_conn *c);
const char *tcp_conn_tls_name(const struct tcp_conn *c); /* the host name a TLS client asked for, or NULL */
void tcp_conn_set_max_pending(struct tcp_conn *c, size_t bytes);

void tcp_write(struct tcp_conn *c, const void *bytes, size_t n); /* copied */
/* Not copied: `bytes` stays until done(arg, sent) runs on the loop, at the latest before on_close. */
void tcp_write_owned(struct tcp_conn *c, const void *bytes, size_t n,
                     void (*done)(void *arg, bool sent), void *arg);
void tcp_write_buf(struct tcp_conn *c, struct buf *b);  /* takes the memory; `b` is empty afterwards */
void tcp_flush(struct tcp_conn *c);                     /* hands the queue to the kernel now */
size_t tcp_conn_unsent(const struct tcp_conn *c);       /* bytes queued, not yet taken by the kernel */

void tcp_pause(struct tcp_conn *c);                     /* no on_bytes until tcp_resume() */
void tcp_resume(struct tcp_conn *c);                    /* also offers what is pending again, later in this turn */
void tcp_again(struct tcp_conn *c);                     /* offers what is pending again, later in this turn */
void tcp_close(struct tcp_conn *c);                     /* drops what is unsent */
void tcp_close_after_write(struct tcp_conn *c);         /* lets it go out first; reads no more */
bool tcp_conn_closing(const struct tcp_conn *c);
/* Closes with ERR_TIMEOUT unless set again within `ms`; 0: none. Accurate to a quarter of a second. */
void tcp_deadline(struct tcp_conn *c, int64_t ms);
#endif
