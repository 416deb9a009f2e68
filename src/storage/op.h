/* op -- one request on its way: parsed, allowed, its body taken, run on a worker, answered.
 *
 * The lane. Of each account one writer works at a time and nobody beside it, or many readers; in order
 * of arrival (FREE work stands outside). So what an op checks still holds when it acts, and metadata
 * and file change together; without locks: the queue lives on the loop's thread. Long copies are FREE
 * phases between a READ phase that looks and a WRITE phase that looks again and commits.
 *
 * A body of bytes is spooled into STATE/storage/<account>/.paystreak/staging while it comes, at most
 * two pieces of it in memory; it is on disk, with its sums known, before the op enters the lane.
 *
 * Threads: an op belongs to the loop's or to one worker at a time. */
#ifndef PAYSTREAK_STORAGE_OP_H
#define PAYSTREAK_STORAGE_OP_H
#include "net/http.h"
#include "storage/auth.h"
#include "storage/db.h"
#include "storage/storage.h"
#include <openssl/evp.h>

enum { OP_MAX_WORKERS = 256, OP_MAX_EVENTS = 4 };
enum op_lane { LANE_READ, LANE_WRITE, LANE_FREE };
enum op_body { BODY_NONE, BODY_TEXT, BODY_FILE };
enum op_state { OP_TAKING, OP_WORKING, OP_SENDING, OP_DRAINING }; /* a body comes; lane and workers; the answer's bytes are read; … wait for the client */

struct op;
typedef int (*op_fn)(struct op *o); /* 0, or -1 with o->error set */

struct op_kind {
    enum service svc;
    int level;
    const char *method;
    const char *key;                 /* "restype=container&comp=list", "resource=", "action=": see op_key() */
    const char *name;                /* as Azure's documentation and logs have it: "PutBlob" */
    enum op_lane lane;
    enum op_body body;
    const char *perms; char type;    /* SAS: any of these letters; s, c or o */
    op_fn run;                       /* NULL: refused, FeatureNotSupported */
};
extern const struct op_kind BLOB_OPS[], DFS_OPS[], QUEUE_OPS[]; /* end with a NULL name */

struct upload {
    int fd;                          /* -1: none */
    char *file;                      /* in staging, in the op's arena; NULL: nothing was spooled, or it has moved on */
    int64_t size;
    uint8_t md5[16], crc64[8];
    EVP_MD_CTX *md5_ctx;
    uint64_t crc;
};

struct account {
    struct storage *st;
    struct str name;
    char *dir;                       /* STATE/storage/<account> */
    char *staging;
    bool opened;                     /* the folders exist; set in the lane by a writer */
    struct db *dbs[OP_MAX_WORKERS];
    struct op *first, **last;        /* waiting for the lane */
    int readers;
    bool writing;
    int64_t clock_us;                /* of the last change; writer only */
    int64_t started_us;              /* older files of staging are leftovers */
};

struct op {
    struct azreq r;                  /* r.a is the arena of everything here */
    struct arena *a;
    struct storage *st;
    struct account *acct;
    struct http_req *http;           /* NULL: a part of a batch */
    const struct op_kind *kind;
    struct grant grant;
    char id[UUID_TEXT];
    struct op *next_waiting;
    enum op_state phase;
    enum op_lane lane, held;         /* of the phase to come; of the one that runs */
    op_fn run;                       /* … and what runs in it; NULL: answer */
    /* body */
    struct buf text;                 /* BODY_TEXT */
    struct buf pending, writing;     /* BODY_FILE: come, and being written */
    int64_t come;                    /* bytes of it so far */
    bool body_busy, body_ended, last_piece; /* last_piece: of the one being written, told to its worker */
    struct upload up;                /* the body, or what a copy or a block list puts together; dropped with the op */
    struct err io;
    /* answer */
    enum az_error error;
    struct str detail;
    int status;
    struct http_header *out; size_t out_count, out_cap;
    struct buf body;
    const char *content_type;
    int fd;                          /* the body is this file's bytes at … */
    int64_t at, left;                /* HEAD: `left` is the length to tell */
    struct buf piece;
    void *state;                     /* of an op with several phases */
    struct storage_event events[OP_MAX_EVENTS]; size_t event_count;
    struct storage_event *batch_events; size_t batch_count, batch_cap;
};

/* Failing: all return -1. */
int op_fail(struct op *o, enum az_error e);
int op_fail_why(struct op *o, enum az_error e, const char *fmt, ...) PRINTF_LIKE(3, 4);
int op_fail_err(struct op *o, const struct err *err);   /* logged; InternalError, or what fits */
int op_refuse(struct op *o, const char *feature);       /* FeatureNotSupported, by name */
enum az_error op_refused_header(struct op *o);          /* of the request's headers; AZ_NONE: none */

static inline struct str op_header(const struct op *o, const char *name) { return azreq_header(&o->r, name); }
static inline struct str op_param(const struct op *o, const char *name) { return azreq_param(&o->r, name); }
/* A whole number in a header or parameter; `otherwise` if absent. Fails with the code given. */
int op_i64(struct op *o, struct str text, const char *name, int64_t min, int64_t max, int64_t *out);
void op_set(struct op *o, const char *name, struct str value);        /* a header of the answer */
void op_setf(struct op *o, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
int op_done(struct op *o, int status);                                /* 0 */
struct db *op_db(struct op *o);                                       /* this worker's connection; never NULL after op_open() */
int op_open(struct op *o, bool write);                                /* the account's folders and connection; in the lane */
int op_begin(struct op *o, bool lazy);                                /* a transaction of the metadata: see db_begin() */
int op_commit(struct op *o, int rc);                                  /* … ends: it counts if `rc` is 0; -1 if it is not, or cannot be committed */
int op_then(struct op *o, enum op_lane lane, op_fn run);              /* 0; the next phase */
int64_t op_now(struct op *o);                                         /* writer: an instant of its own, rising, in µs */
/* Files in staging. */
int upload_begin(struct op *o, struct upload *u);
int upload_write(struct op *o, struct upload *u, const void *bytes, size_t n);
int upload_finish(struct op *o, struct upload *u);  /* on disk; sums known */
void upload_drop(struct upload *u);                 /* removes what has not moved on */
/* Notes a change for the events; told when the phase has ended well. */
void op_event(struct op *o, enum storage_change change, bool directory, struct str path, struct str from, struct str etag, struct str type, int64_t size);
/* The row of the table that fits; NULL: none. `allowed`: another method would fit. */
const struct op_kind *op_find(const struct azreq *r, bool *allowed);
void op_init(struct op *o, struct arena *a, struct storage *st);
void op_release(struct op *o);
enum az_error op_authorize(struct op *o);
uint64_t crc64_nvme(uint64_t seed, const void *bytes, size_t n);
#endif
