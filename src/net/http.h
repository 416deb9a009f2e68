/* http -- HTTP/1.1 server: routes, limits, checks against browsers; answers at once or later.
 *
 * A request is parsed whole (head and body), checked (Host, Origin, limits) and given to the first
 * route that fits. The handler answers now or later, in one go (http_respond) or in pieces
 * (http_begin, http_send …, http_end). A request lives until its answer is ended: if the client
 * goes away first, `on_gone` runs, the rest of the answer is dropped, and the handler must still end
 * it. Requests of one connection are handled one after the other.
 *
 * A route with `stream` is for bodies that are not held in memory: its handler runs when the head is
 * there, sets on_body, and gets the body's bytes as they come (http_body_pause … http_body_resume).
 *
 * Refused, by status: 400 malformed head (bare LF, folded lines, both Content-Length and
 * Transfer-Encoding, a second Host), 403 a Host that is not ours or a foreign Origin, 404, 405 with
 * Allow, 408 too slow, 413 body too large, 414 target too long, 417, 431 head too large, 501 a
 * transfer coding other than chunked, 505. HEAD is answered through GET's route without a body,
 * OPTIONS with Allow unless a route takes it. Thread: the loop's, for everything. */
#ifndef PAYSTREAK_NET_HTTP_H
#define PAYSTREAK_NET_HTTP_H
#include "net/tcp.h"

struct http_server;

enum {
    HTTP_MAX_HEAD = 64 * 1024,     /* request line and headers */
    HTTP_MAX_HEADERS = 128,
    HTTP_MAX_TARGET = 16 * 1024,
    HTTP_MAX_DEPTH = 64,           /* segments of a path */
    HTTP_MAX_CHUNK_LINE = 256,
    HTTP_MAX_TRAILER = 4096,
    HTTP_MAX_BODY = 16 << 20,      /* default of a route's max_body */
    HTTP_HEAD_MS = 30 * 1000,      /* from the first byte of a request to the end of its head */
    HTTP_BODY_MS = 60 * 1000,      /* without progress of a body */
    HTTP_IDLE_MS = 120 * 1000,     /* between requests */
};

struct http_header { struct str name, value; }; /* names of requests are in lower case */

struct http_req {
    struct arena *arena;       /* lives as long as the request */
    struct http_server *server;
    void *ctx;                 /* the server's */
    const struct http_route *route;
    struct str method;         /* as sent: "GET" (also for the route of a HEAD: "HEAD") */
    struct str target;         /* as sent: "/a%20b?x=1" */
    struct str path;           /* raw, without the query: "/a%20b" */
    struct str query;          /* raw: "x=1" */
    struct str host;           /* the Host header */
    const struct http_header *headers;
    size_t header_count;
    struct str body;
    void *user;                /* the handler's */
    void (*on_gone)(struct http_req *r); /* set by the handler: the client left before the end */
    /* Set by the handler of a `stream` route (NULL: the body is dropped): bytes as they come, valid
     * during the call; `end` once, with the last ones or none, also if there is no body. */
    void (*on_body)(struct http_req *r, struct str bytes, bool end);
};

typedef void (*http_fn)(struct http_req *r);
struct http_route {
    const char *method;   /* "GET"; NULL: any */
    const char *pattern;  /* "/api/jobs/{id}", "/static/{path...}" (the rest, with slashes), "/{any...}" */
    http_fn handler;
    size_t max_body;      /* 0: HTTP_MAX_BODY */
    int tag;              /* the owner's: a permission, say */
    bool stream;          /* the body comes piece by piece: on_body */
};

struct http_server_opts {
    const char *host; int port; const char *unix_path; struct tls *tls; bool tls_optional; int max_conns; /* as tcp.h */
    const struct http_route *routes;     /* ends with a NULL handler; first match wins; kept, not copied */
    /* Names this server answers to beside localhost, 127.0.0.1, [::1] and its own address, ended by
     * NULL; ".x.y" allows every name below x.y; NULL: no more. Ports are not compared. */
    const char *const *names;
    bool any_host;                       /* no Host check (a Unix socket, a proxy in front) */
    /* Runs when the head is there, before the body is read and before a 404 is said; false: it has
     * answered with http_respond…(). NULL allowed. The place for authentication. */
    bool (*before)(struct http_req *r);
    void *ctx;
};

struct http_server *http_listen(struct ev_loop *loop, const struct http_server_opts *opts,
                                struct err *err) MUST_CHECK;
int http_server_port(const struct http_server *s);
/* Closes all; requests that are not ended get on_gone, and must be ended. NULL is allowed. */
void http_server_free(struct http_server *s);

/* Reading. STR_NONE (ptr NULL) if absent; results live in the request's arena. */
struct str http_req_header(const struct http_req *r, const char *name);  /* any case */
struct str http_req_param(const struct http_req *r, const char *name);   /* of the pattern, decoded */
struct str http_req_query(const struct http_req *r, const char *name);   /* first one, decoded */
struct str http_req_cookie(const struct http_req *r, const char *name);
const char *http_req_peer(const struct http_req *r);
const char *http_req_tls_name(const struct http_req *r); /* SNI, or NULL */
struct ev_loop *http_req_loop(const struct http_req *r);
bool http_req_gone(const struct http_req *r);                            /* the client left */
/* Of `stream` routes: the body's length, -1 if it is chunked; no on_body between pause and resume. */
int64_t http_body_length(const struct http_req *r);
void http_body_pause(struct http_req *r);
void http_body_resume(struct http_req *r);
/* Walks the query: *rest starts as r->query. name and value are decoded; false at the end. */
bool http_query_next(struct arena *a, struct str *rest, struct str *name, struct str *value);

/* Answering. Headers are set before; content_type NULL: none. Bodies are copied. */
void http_set_header(struct http_req *r, const char *name, struct str value); /* replaces */
void http_add_header(struct http_req *r, const char *name, struct str value); /* one more of the name */
void http_respond(struct http_req *r, int status, const char *content_type, struct str body);
void http_respond_buf(struct http_req *r, int status, const char *content_type, struct buf *body); /* takes it */
/* {"error_code":"NAME","message":"…"} with the status that fits err->code. */
void http_respond_err(struct http_req *r, const struct err *err);
void http_respond_error(struct http_req *r, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* In pieces, chunked. `length` >= 0 sends that Content-Length instead. */
void http_begin(struct http_req *r, int status, const char *content_type, int64_t length);
void http_send(struct http_req *r, struct str bytes);
void http_send_buf(struct http_req *r, struct buf *b);                   /* takes the memory */
size_t http_unsent(const struct http_req *r);   /* queued bytes: a producer waits while it is large */
void http_on_drain(struct http_req *r, http_fn fn); /* runs when http_unsent() has fallen to half of TCP_HIGH_WATER */
void http_end(struct http_req *r);              /* `r` is gone */
void http_abort(struct http_req *r);            /* drops the connection: an answer cannot be finished; http_end() follows */
/* Server-sent events: http_sse_begin, http_sse (name NULL: "message"; data may have lines), http_end. */
void http_sse_begin(struct http_req *r);
void http_sse(struct http_req *r, const char *name, struct str data);

int http_status_of(enum err_code code);         /* ERR_NOT_FOUND -> 404 … */
const char *http_reason(int status);            /* "Not Found" */
#endif
