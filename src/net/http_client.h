/* http_client -- blocking HTTP requests for worker threads, on libcurl.
 *
 * One call makes one request (following redirects if allowed) and returns status, headers and
 * body; any HTTP status is a success of the call. Connections are kept for reuse per thread.
 * Schemes: http and https only, also after redirects. Certificates are checked. Thread: workers;
 * asserts that it is not on a loop. */
#ifndef PAYSTREAK_NET_HTTP_CLIENT_H
#define PAYSTREAK_NET_HTTP_CLIENT_H
#include "base/base.h"
#include <stdatomic.h>

enum {
    HTTP_CLIENT_MAX_BODY = 64 << 20,    /* default of max_body, for bodies kept in memory */
    HTTP_CLIENT_MAX_HEAD = 256 * 1024,
    HTTP_CLIENT_TIMEOUT_MS = 100 * 1000,
    HTTP_CLIENT_CONNECT_MS = 10 * 1000,
    HTTP_CLIENT_MAX_REDIRECTS = 10,
};

struct http_client_req {
    const char *method;              /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers;      /* "Name: value", ended by NULL; NULL: none */
    struct str body;                 /* of POST, PUT, PATCH */
    int64_t timeout_ms;              /* whole request; 0: HTTP_CLIENT_TIMEOUT_MS; < 0: none, only a stall of 60 s ends it */
    int64_t connect_timeout_ms;      /* 0: HTTP_CLIENT_CONNECT_MS */
    int max_redirects;               /* 0: HTTP_CLIENT_MAX_REDIRECTS; < 0: none are followed */
    int64_t max_body;                /* 0: HTTP_CLIENT_MAX_BODY in memory, no limit with on_body or to_path */
    const char *unix_path;           /* connect to this Unix socket instead */
    const char *user, *password;     /* basic authentication; NULL: none */
    const char *ca_file;             /* extra trusted certificates; NULL: the system's */
    const char *to_path;             /* the body of a 2xx answer goes into this file (replaced at the end, durable) */
    int (*on_body)(void *ctx, struct str bytes, struct err *err); /* or to this call; -1 ends the request */
    void *ctx;
    atomic_bool *cancel;             /* another thread sets it: ERR_CANCELED within a second */
};

struct http_client_res {
    int status;
    struct buf body;                 /* empty with to_path or on_body, unless the status is not 2xx */
    int64_t body_bytes;              /* received, wherever they went */
    struct http_client_header { char *name, *value; } *headers; /* of the last answer; names in lower case */
    size_t header_count;
    char *url;                       /* after redirects */
    bool unsent;                     /* of a call that failed: it did so before a byte was sent */
};

/* Errors: ERR_TIMEOUT and ERR_IO (retriable), ERR_LIMIT, ERR_INPUT (bad URL), ERR_CANCELED; `res` is empty then but for `unsent`. A
 * request that a kept connection leaves unanswered is sent again by curl on a new one, but for POST and PATCH: they never go
 * over a kept one. */
int http_client_do(const struct http_client_req *req, struct http_client_res *res,
                   struct err *err) MUST_CHECK;
struct str http_client_header(const struct http_client_res *res, const char *name); /* any case; NONE if absent */
void http_client_res_release(struct http_client_res *res);
#endif
