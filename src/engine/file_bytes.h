/* file_bytes -- a data file's bytes from front to end, unpacked on the way.
 *
 * `.gz` and `.zst` are unpacked (files of several members too); other packings are refused by
 * name. A file that ends inside its packing is ERR_CORRUPT. Thread: a worker; calls block. */
#ifndef PAYSTREAK_ENGINE_FILE_BYTES_H
#define PAYSTREAK_ENGINE_FILE_BYTES_H
#include "base/base.h"

struct file_bytes; /* opaque */
struct file_bytes *file_bytes_open(const char *path, struct err *err) MUST_CHECK;
/* At least one byte unless the file has ended: then 0. */
int64_t file_bytes_read(struct file_bytes *f, void *out, size_t n, struct err *err) MUST_CHECK;
void file_bytes_close(struct file_bytes *f); /* NULL is allowed */
#endif
