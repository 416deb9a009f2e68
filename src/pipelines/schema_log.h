/* schema_log -- what a file source's schema was inferred as, kept with the flow's state.
 *
 * Inference looks at a few files; later ones would give another schema to the same stream. So the
 * first answer holds, until a full refresh or other options: rows that do not fit it go into the
 * rescued-data column. Format of STATE/state/<pipeline>/<flow>/schemas/<source>:
 *     v1
 *     {"options":"<hash>","dataColumns":n,"rescued":"_rescued_data","schema":{"type":"struct",…}}
 *
 * Thread: the worker that plans the flow. */
#ifndef PAYSTREAK_PIPELINES_SCHEMA_LOG_H
#define PAYSTREAK_PIPELINES_SCHEMA_LOG_H
#include "engine/files.h"

/* Sets f's schema from the log. 1: done; 0: nothing there that fits its options; -1: damaged. */
int schema_log_read(const char *dir, size_t source, struct file_source *f, struct arena *a, struct err *err) MUST_CHECK;
/* Durable when it returns 0. */
int schema_log_write(const char *dir, size_t source, const struct file_source *f, struct err *err) MUST_CHECK;
#endif
