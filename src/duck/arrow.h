/* arrow -- a result as Arrow: its schema and its chunks through the Arrow C data interface.
 *
 * The two structs are those of the Arrow specification, field by field; whoever gets one filled
 * calls its release() once. Text is utf8, lists and maps have 32-bit offsets, TIMESTAMPTZ is
 * timestamp[us, UTC], HUGEINT is decimal128(38,0). Same thread as the result. */
#ifndef PAYSTREAK_DUCK_ARROW_H
#define PAYSTREAK_DUCK_ARROW_H
#include "duck/duck.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

/* The columns as one struct ("+s"). */
int duck_arrow_schema(struct duck_result *r, struct ArrowSchema *out, struct err *err) MUST_CHECK;
/* The current chunk (after duck_next() gave 1) as one struct array; it outlives the chunk. */
int duck_arrow_chunk(struct duck_result *r, struct ArrowArray *out, struct err *err) MUST_CHECK;
#endif
