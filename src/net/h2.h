/* h2 -- gRPC server over cleartext HTTP/2, on nghttp2.
 *
 * Methods are registered by path ("/spark.connect.SparkConnectService/ExecutePlan"). A call with
 * one request message (unary or server streaming) reaches on_message once, when the client has
 * half-closed. A client-streaming method has on_end as well: on_message then comes for every
 * message, on_end at the half-close. The method answers now or later with any number of
 * h2_call_send() and one h2_call_finish().
 *
 * A call lives until h2_call_finish(): if the client resets it or leaves, on_gone runs, what is sent
 * is dropped, and the owner must still finish it. Messages are framed as gRPC does (flag byte,
 * u32be length, bytes); compressed ones are refused (UNIMPLEMENTED). grpc-timeout is honoured:
 * the client gets DEADLINE_EXCEEDED and on_gone runs. Thread: the loop's, for everything. */
#ifndef PAYSTREAK_NET_H2_H
#define PAYSTREAK_NET_H2_H
#include "net/tcp.h"

struct h2_server;
struct h2_call;

enum {
    H2_MAX_MESSAGE = 128 << 20,    /* Spark Connect's default for its server */
    H2_MAX_STREAMS = 256,          /* concurrent calls of one connection */
    H2_MAX_METADATA = 64 * 1024,
    H2_WINDOW = 4 << 20,           /* of a stream; a connection has 16 of them */
};

enum grpc_status {
    GRPC_OK = 0, GRPC_CANCELLED, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED,
    GRPC_NOT_FOUND, GRPC_ALREADY_EXISTS, GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED,
    GRPC_FAILED_PRECONDITION, GRPC_ABORTED, GRPC_OUT_OF_RANGE, GRPC_UNIMPLEMENTED, GRPC_INTERNAL,
    GRPC_UNAVAILABLE, GRPC_DATA_LOSS, GRPC_UNAUTHENTICATED
};

struct h2_method {
    const char *path;
    void (*on_message)(struct h2_call *c, struct str message); /* bytes valid during the call only */
    void (*on_end)(struct h2_call *c);  /* NULL: exactly one message is expected */
};

struct h2_server_opts {
    const char *host; int port; struct tls *tls; int max_conns; /* as tcp.h */
    const struct h2_method *methods;    /* ends with a NULL path; kept, not copied */
    size_t max_message;                 /* 0: H2_MAX_MESSAGE */
    /* Runs before a method: GRPC_OK, or the status that ends the call; msg may be filled. NULL allowed. */
    enum grpc_status (*before)(struct h2_call *c, char msg[200]);
    void *ctx;
};

struct h2_server *h2_listen(struct ev_loop *loop, const struct h2_server_opts *opts,
                            struct err *err) MUST_CHECK;
int h2_server_port(const struct h2_server *s);
void h2_server_free(struct h2_server *s);       /* open calls get on_gone. NULL is allowed */

void *h2_call_ctx(const struct h2_call *c);     /* the server's */
void *h2_call_user(const struct h2_call *c);
void h2_call_set_user(struct h2_call *c, void *user);
void h2_call_on_gone(struct h2_call *c, void (*fn)(struct h2_call *c));
/* `fn` runs each time h2_call_unsent() has fallen to zero. */
void h2_call_on_drain(struct h2_call *c, void (*fn)(struct h2_call *c));
struct str h2_call_path(const struct h2_call *c);
struct str h2_call_metadata(const struct h2_call *c, const char *name); /* lower-case name; NONE if absent */
const char *h2_call_peer(const struct h2_call *c);
struct ev_loop *h2_call_loop(const struct h2_call *c);
bool h2_call_gone(const struct h2_call *c);
size_t h2_call_unsent(const struct h2_call *c);

/* Before the first message; later ones are ignored. "-bin" values are given raw, sent as base64. */
void h2_call_header(struct h2_call *c, const char *name, struct str value);
void h2_call_trailer(struct h2_call *c, const char *name, struct str value); /* before finish */
void h2_call_send(struct h2_call *c, struct str message);          /* copied */
void h2_call_send_buf(struct h2_call *c, struct buf *message);     /* takes the memory */
/* Ends the call; `c` is gone. `message` (UTF-8, NULL: none) becomes grpc-message, percent-encoded. */
void h2_call_finish(struct h2_call *c, enum grpc_status status, const char *message);
enum grpc_status h2_status_of(enum err_code code);
#endif
