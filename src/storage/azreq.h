/* azreq -- what a request names: service, account, container, blob; and its parameters and headers.
 *
 * Pure. A request comes from a socket, or is a part of a batch's body. Names:
 *   container   3-63 of a-z 0-9 -, no -- and no - at the ends; $root, $web, $logs
 *   queue       the same without $
 *   blob        1-1024 bytes of UTF-8, each segment at most 255 bytes, at most 63 segments
 *
 * On disk a blob's name is its path. Segments that cannot be file names, or would be mistaken, are
 * ".paystreak%" and the segment percent-encoded: the empty one, "." and "..", and all that start with
 * ".paystreak" or look like a temporary file of base/fs. So the mapping is one to one, and no name
 * leaves its container. */
#ifndef PAYSTREAK_STORAGE_AZREQ_H
#define PAYSTREAK_STORAGE_AZREQ_H
#include "net/http_parse.h"
#include "storage/azerr.h"

enum service { SVC_BLOB, SVC_DFS, SVC_QUEUE };

struct azreq {
    struct arena *a;
    struct str method, path, query, host;        /* raw */
    const struct http_header *headers;           /* names in lower case */
    size_t header_count;
    const char *peer;                            /* "127.0.0.1:53122" */
    /* filled by azreq_target() */
    enum service svc;
    struct str account, container;
    struct str blob;                             /* DFS: path; Queue: what follows the queue, "messages/ID" */
    int level;                                   /* 0 service, 1 container or queue, 2 below it */
    struct az_param { struct str name, value; } *params; /* decoded; names in lower case */
    size_t param_count;
};

/* Reads names out of host, path and query. `queue_port`: it came to the Queue listener. */
enum az_error azreq_target(struct azreq *r, bool queue_port);
struct str azreq_param(const struct azreq *r, const char *lower_name);  /* STR_NONE if absent */
struct str azreq_header(const struct azreq *r, const char *lower_name);
bool az_account_ok(struct str name);
bool az_container_ok(struct str name);
bool az_queue_ok(struct str name);
enum az_error az_blob_ok(struct str name);
/* Name of a blob or a directory -> path below the container's folder. */
struct str az_disk_path(struct arena *a, struct str name);
/* A file name -> segment; false: not a blob's (a temporary file, or ours). */
bool az_segment_of(struct arena *a, struct str file_name, struct str *segment);
struct str az_decode(struct arena *a, struct str raw); /* percent-decoded; '+' stays; a bad escape stays too */
#endif
