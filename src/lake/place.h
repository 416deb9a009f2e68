/* place -- where a table's files are: below its folder, elsewhere on the disk, or in a store.
 *
 * A table lies at a local folder or at an address of store.h; either is its `dir`. DuckDB reads local files
 * only, so that the local path of a remote file is the cache's (store_cache.h), where it is while it is pinned. */
#ifndef PAYSTREAK_LAKE_PLACE_H
#define PAYSTREAK_LAKE_PLACE_H
#include "lake/log.h"
#include "lake/store_cache.h"

/* Is the file of a logged path (percent-encoded, relative or absolute) in a store? Then what to ask it for. */
bool place_want(struct arena *a, const char *dir, struct str logged, int64_t size, struct store_want *out);
/* ERR_DENIED if what place_want() gave is at an endpoint that a log may not lead to (store_follows). Before it is asked for. */
int place_check(const char *dir, const struct store_want *w, struct err *err) MUST_CHECK;
/* The local path of `name` (not encoded) below `dir`, and that of an object or file. */
char *store_place_of(struct arena *a, const struct store_want *w);
char *place_join(struct arena *a, const char *dir, const char *name);
/* Fetches and pins what of the files and their deletion vectors is in a store. */
int place_pin(struct store_pins *pins, const char *dir, const struct lake_file *const *files, size_t count, struct err *err) MUST_CHECK;
/* The same for one deletion vector. */
int place_pin_vector(struct store_pins *pins, const char *dir, const struct lake_dv *dv, struct err *err) MUST_CHECK;
/* A deletion vector's file, as a logged path relative to the table or absolute; empty for inline ones. */
int lake_dv_file(struct arena *a, const struct lake_dv *dv, struct str *out, struct err *err) MUST_CHECK;
/* Is a file below a table's folder none of its data: a part of `path` starts with _ or ., but for a partition folder (`_p=1`)? */
bool place_is_hidden(struct str path);
#endif
