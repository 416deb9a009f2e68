/* store -- where a table's files lie: whole objects below one root, local or in the cloud.
 *
 * A store is opened on a root, an absolute folder or the address of one in an object store:
 *
 *     /folder  file:///folder                            file: local files
 *     abfss|abfs|wasbs|wasb://C@ACCT.{dfs,blob}.SUFFIX/P azure
 *     https://ACCT.{dfs,blob}.SUFFIX/C/P                 azure
 *     azure+http[s]://HOST[:PORT]/ACCT/C/P               azure at an endpoint of its own
 *     s3|s3a://BUCKET/P                                  s3
 *     s3+http[s]://HOST[:PORT]/BUCKET/P                  s3 at an endpoint of its own
 *
 * Names of objects are relative to the root, with `/` between parts, no `.`, `..` or empty ones.
 * Objects appear whole or not at all. Listing is in byte order of the names.
 *
 * Errors, by code: ERR_NOT_FOUND, ERR_EXISTS, ERR_AUTH (who are you, and you may not), ERR_LIMIT with
 * `retriable` (throttled), ERR_IO and ERR_TIMEOUT with `retriable` (network, server), others without.
 * Remote calls are repeated on what is retriable, STORE_TRIES times with growing random waits; put-if-absent is
 * repeated only when a look at the object has shown that it is not there (store_publish).
 *
 * Threads: a store may be used from any number of workers. All calls block. */
#ifndef PAYSTREAK_LAKE_STORE_H
#define PAYSTREAK_LAKE_STORE_H
#include "base/base.h"

enum {
    STORE_TRIES = 6,
    STORE_WAIT_MS = 100,                  /* before the second try, doubled for each next, less a random half */
    STORE_MAX_WAIT_MS = 5000,
    STORE_MAX_NAME = 4096,
    STORE_MAX_LISTED = 20 << 20,          /* objects of one listing */
    STORE_MAX_LIST_PAGE = 64 << 20,       /* bytes of one answer of a listing */
    STORE_BLOCK_BYTES = 8 << 20,          /* larger files go up in blocks of it, or of more if they would be too many */
};

struct store; /* opaque */
struct store_entry {
    const char *name;                     /* relative to the root */
    int64_t size, mtime_us;
    struct str etag;                      /* empty: the store has none */
};

/* What tells one object from a later one of the same name. */
struct store_mark { int64_t mtime_us; uint64_t tag; /* hash of the etag; 0: the store has none */ };

/* Where settings and credentials come from: `get` gives the value of an environment variable's name or
 * NULL. NULL instead of the struct: the environment. */
struct store_settings { const char *(*get)(void *ctx, const char *name); void *ctx; };

/* No I/O but the reading of credential files. Errors: ERR_INPUT (malformed address), ERR_UNSUPPORTED
 * (no such kind), ERR_AUTH (credentials are missing or contradict the address). */
struct store *store_open(struct str root, const struct store_settings *s, struct err *err) MUST_CHECK;
void store_close(struct store *s);        /* NULL is allowed */
/* The store of `root` that the process shares, opened at the first call; never closed. */
struct store *store_shared(const char *root, struct err *err) MUST_CHECK;
bool store_is_remote(struct str root);    /* is it an address of an object store, by its form? */
/* Does the log of the table at `by` lead to the address `named` with our credentials? Not to an Azure endpoint that is
 * neither a public cloud, nor on this machine, nor the table's own: a log may come from anybody. (What S3 gets is a
 * signature that holds for that host only.) */
bool store_follows(struct str named, struct str by);
bool store_is_local(const struct store *s);
const char *store_root(const struct store *s); /* as given, without slashes at the end */

/* Waits `least_us` and a random part of `more_us` (over 0), whatever the wall clock does: so that those who met do not meet again. */
void store_pause(int64_t least_us, int64_t more_us);

/* Objects whose names start with `prefix` and are not before `from`, in order; in the arena. With
 * `look` false sizes and times may be missing (-1). A root that is not there has no objects. Returns the count or -1. */
struct store_list_opts { const char *prefix, *from; bool look, flat; /* flat: none below a further folder */ };
int64_t store_list(struct store *s, struct arena *a, const struct store_list_opts *o, struct store_entry **out,
                   struct err *err) MUST_CHECK;
int store_stat(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err) MUST_CHECK;
/* The object, at most `max` bytes (ERR_LIMIT); `*mark` (may be NULL) gets its time. */
int store_get(struct store *s, const char *name, size_t max, struct buf *out, struct store_mark *mark, struct err *err) MUST_CHECK;
/* Its mark alone. */
int store_look(struct store *s, const char *name, struct store_mark *mark, struct err *err) MUST_CHECK;
/* `n` bytes from `at`, fewer at the end. */
int store_get_range(struct store *s, const char *name, int64_t at, int64_t n, struct buf *out, struct err *err) MUST_CHECK;
/* Into a new local file, complete and fsynced under `path` or absent; `size` -1: whatever it is, else ERR_CORRUPT if it differs. */
int store_get_file(struct store *s, const char *name, const char *path, int64_t size, struct err *err) MUST_CHECK;
int store_put(struct store *s, const char *name, struct str bytes, struct err *err) MUST_CHECK; /* replaces */
int store_put_file(struct store *s, const char *name, const char *path, struct err *err) MUST_CHECK;
int store_remove(struct store *s, const char *name, struct err *err) MUST_CHECK; /* absent is no error */

/* Put if absent, in two steps, so that bytes that lost one name can try the next: stage once, publish
 * until it returns STORE_DONE, unstage. The object is durable when store_publish() returns STORE_DONE.
 *
 * STORE_EXISTS: somebody else's object has the name. STORE_UNKNOWN: the connection broke and the store
 * could not be asked afterwards: the object may be there now or appear yet, `err` says so. STORE_FAILED: it is not there.
 * A remote store finds out after a broken call by reading the object: equal bytes are ours, so bytes must
 * be unlike those of anybody else (a commit holds a random id). */
enum store_outcome { STORE_DONE = 0, STORE_EXISTS, STORE_UNKNOWN, STORE_FAILED = -1 };
struct store_staged; /* opaque */
struct store_staged *store_stage(struct store *s, const char *dir, struct str bytes, struct err *err) MUST_CHECK;
int store_restage(struct store *s, struct store_staged *g, struct str bytes, struct err *err) MUST_CHECK; /* other bytes */
enum store_outcome store_publish(struct store *s, struct store_staged *g, const char *name, struct err *err) MUST_CHECK;
void store_unstage(struct store *s, struct store_staged *g); /* NULL is allowed */
/* The local file in which the bytes are staged, NULL in a remote store. store_publish() fsyncs it, unless it is told that
 * its caller did, together with other files. */
const char *store_staged_file(const struct store_staged *g);
void store_staged_synced(struct store_staged *g);
/* All three. */
enum store_outcome store_put_new(struct store *s, const char *name, struct str bytes, struct err *err) MUST_CHECK;
#endif
