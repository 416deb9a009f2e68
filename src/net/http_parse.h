/* http_parse -- the pure part of HTTP/1.1: heads, chunked bodies, queries, route patterns.
 * Bytes in, slices out; no I/O, no state but what is passed in. */
#ifndef PAYSTREAK_NET_HTTP_PARSE_H
#define PAYSTREAK_NET_HTTP_PARSE_H
#include "net/http.h"

struct http_head {
    struct str method, target, path, query;
    struct str host;           /* of the Host header, or of an absolute target */
    int minor;                 /* HTTP/1.minor: 0 or 1 */
    struct http_header *headers;
    size_t header_count;
    int64_t content_length;    /* -1: none */
    bool chunked, keep_alive, expect_continue;
};

/* Parses a head at the start of `in`. Returns its length in bytes, with the empty line; 0 if it is
 * not complete; -1 with *status the answer to give. Slices of `out` live in the arena. */
int64_t http_head_parse(struct arena *a, struct str in, struct http_head *out, int *status,
                        struct err *err) MUST_CHECK;
struct str http_head_header(const struct http_head *h, const char *lower_name);

enum http_chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_DONE };
struct http_chunked { enum http_chunk_state state; uint64_t left; size_t trailer_bytes; };

/* Decodes what it can of `in` onto `body`. Returns the bytes taken, -1 if malformed (ERR_INPUT) or
 * over body's maximum (ERR_LIMIT). Finished when d->state is CHUNK_DONE. */
int64_t http_chunked_feed(struct http_chunked *d, struct str in, struct buf *body,
                          struct err *err) MUST_CHECK;

/* Does `path` (raw) fit the pattern? "{name}" fits one segment that is not empty, "{name...}" the rest. */
bool http_route_fits(const char *pattern, struct str path);
/* The decoded value of parameter `name` of a path that fits; NONE if the pattern has none such. */
struct str http_route_param(struct arena *a, const char *pattern, struct str path, const char *name);

/* "host:port" without the port and brackets: "[::1]:80" -> "::1". */
struct str http_host_name(struct str host);
/* Is `name` in `names` (ended by NULL; ".x" fits every name below x)? Case-insensitive. */
bool http_host_fits(struct str name, const char *const *names);
#endif
