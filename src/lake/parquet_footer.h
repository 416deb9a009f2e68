/* parquet_footer -- what a Parquet file's footer says of its schema and its writer, as far as a scan must
 * know it before it is bound: which groups are annotated as VARIANT, in which calendar dates are. */
#ifndef PAYSTREAK_LAKE_PARQUET_FOOTER_H
#define PAYSTREAK_LAKE_PARQUET_FOOTER_H
#include "base/base.h"

enum { PARQUET_FOOTER_MAX_BYTES = 256 << 20, PARQUET_ELEMENTS_MAX = 1 << 20, PARQUET_PAIRS_MAX = 10000 };

struct parquet_element {          /* one node of the schema, in depth-first order; the first is the root */
    struct str name;
    int64_t children;             /* 0: a leaf */
    int64_t field_id;             /* -1: none */
    bool is_variant;              /* LogicalType VARIANT */
    bool is_int96;                /* a leaf of the old physical type of timestamps */
};
struct parquet_schema {
    struct parquet_element *items;
    size_t count;
    struct parquet_pair { struct str key, value; } *pairs; /* key_value_metadata */
    size_t pair_count;
};

/* Reads it from a local file; names in the arena. ERR_CORRUPT if it is no Parquet file. */
int parquet_schema_read(struct arena *a, const char *path, struct parquet_schema *out, struct err *err) MUST_CHECK;
/* The same from the footer's bytes. */
int parquet_schema_decode(struct arena *a, struct str footer, struct parquet_schema *out, struct err *err) MUST_CHECK;
/* A value of the writer's key_value_metadata; ptr NULL if absent. */
struct str parquet_value(const struct parquet_schema *s, const char *key);
#endif
