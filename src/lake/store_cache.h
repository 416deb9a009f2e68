/* store_cache -- local copies of remote files, for DuckDB, which reads local files only.
 *
 * Whole objects that never change (data files, deletion vectors, checkpoints) are fetched in parallel into
 * one folder, shared by all processes of the user and bounded in bytes; those unused for longest
 * go first. A file stays while it is pinned. See store_cache.c for the folder.
 *
 * Threads: any, calls block. The cache opens at its first use; store_cache_setup() before that decides where. */
#ifndef PAYSTREAK_LAKE_STORE_CACHE_H
#define PAYSTREAK_LAKE_STORE_CACHE_H
#include "lake/store.h"

#define STORE_CACHE_BYTES (10LL << 30)
enum { STORE_CACHE_THREADS = 8 };

/* `dir` NULL: PAYSTREAK_CACHE_DIR, or paystreak in XDG_CACHE_HOME or ~/.cache. `max_bytes` 0: PAYSTREAK_CACHE_BYTES or
 * STORE_CACHE_BYTES. */
void store_cache_setup(const char *dir, int64_t max_bytes);

/* One object: `name` below the store at `root`; size -1 if it is not known. */
struct store_want { const char *root, *name; int64_t size; uint64_t tag; /* of its etag, where names are used again; else 0 */ };
/* The local path of an object, in the arena. The file is there only while it is pinned. */
char *store_cache_path(struct arena *a, const struct store_want *w);

/* A set of pins. */
struct store_pins; /* opaque */
struct store_pins *store_pins_new(void);
void store_pins_clear(struct store_pins *p);   /* unpins all */
void store_pins_free(struct store_pins *p);    /* NULL is allowed */
/* Fetches what is not here and pins all, or pins nothing. Errors: ERR_LIMIT names the file or scan that is larger than
 * the cache; ERR_CORRUPT if an object has another size; those of store_get_file(). */
int store_pins_add(struct store_pins *p, const struct store_want *wants, size_t count, struct err *err) MUST_CHECK;

/* A new folder of this process for files that are to go up, in the arena; NULL on error. */
char *store_cache_stage(struct arena *a, struct err *err) MUST_CHECK;
/* Sends files of a stage up to the store at `root`, in parallel, under their names relative to the stage. */
int store_cache_upload(const char *root, const char *stage, char *const *paths, size_t count, struct err *err) MUST_CHECK;
/* Removes the stage; with `keep_root` its files become the cache's copies of what they were sent up as. */
void store_cache_unstage(const char *stage, const char *keep_root);

/* Calls one(ctx, i) for i in 0…n-1 on up to STORE_CACHE_THREADS threads; the first error, after all ended. */
int store_parallel(size_t n, int (*one)(void *ctx, size_t i, struct err *err), void *ctx, struct err *err) MUST_CHECK;
#endif
