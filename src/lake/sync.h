/* sync -- files and folders made durable together. */
#ifndef PAYSTREAK_LAKE_SYNC_H
#define PAYSTREAK_LAKE_SYNC_H
#include "base/fs.h"

struct sync_item { const char *path; bool folder; };

/* Fsyncs all of them; the first error, if there is one. Blocks; any thread. */
int sync_together(const struct sync_item *items, size_t count, struct err *err) MUST_CHECK;
#endif
