/* file_index -- files of a table by what identifies them (path and deletion vector), in order of arrival.
 *
 * A million files cost 24 bytes each: a pointer in the array, and a slot of an open-addressed table (linear
 * probing, a power of two, at most two thirds full) that holds 32 bits of the key's hash and 32 of the place in the
 * array. The key itself is not kept: it is made of the file again where the hashes agree. Removal leaves a hole
 * in the array whose slot stays taken; holes go when the table grows. Hashes are mixed with a random number.
 *
 * Files are the caller's and outlive the index. One thread at a time. */
#ifndef PAYSTREAK_LAKE_FILE_INDEX_H
#define PAYSTREAK_LAKE_FILE_INDEX_H
#include "lake/log.h"

struct file_index {
    struct lake_file **files; /* NULL: a hole */
    size_t used, cap, count;
    uint64_t *slots;          /* 0: free */
    size_t slot_count;
    uint64_t secret;
    struct buf key, other;
};

void file_index_init(struct file_index *ix);
void file_index_release(struct file_index *ix);
/* Returns the file that it replaces, in whose place it goes, or NULL. */
struct lake_file *file_index_put(struct file_index *ix, struct lake_file *f);
/* Puts many; returns how many it replaced. Faster than one by one: slots are fetched ahead. */
size_t file_index_put_many(struct file_index *ix, struct lake_file **files, size_t count);
/* The file with the identity of `like`, or NULL. */
struct lake_file *file_index_get(struct file_index *ix, const struct lake_file *like);
/* Takes out the file with the identity of `like`; returns it or NULL. */
struct lake_file *file_index_remove(struct file_index *ix, const struct lake_file *like);
/* Iterates: size_t at = 0; while ((f = file_index_next(ix, &at))) … */
struct lake_file *file_index_next(const struct file_index *ix, size_t *at);
#endif
