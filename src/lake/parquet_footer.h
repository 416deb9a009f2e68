/* parquet_footer -- what a Parquet file's footer says of its schema and its writer, as far as a scan must
 * know it before it is bound: which groups are annotated as VARIANT, in which calendar dates are. */
#ifndef PAYSTREAK_LAKE_PARQUET_FOOTER_H
#define PAYSTREAK_LAKE_PARQUET_FOOTER_H
#include "base/base.h"

enum { PARQUET_FOOTER_MAX_BYTES = 256 << 20, PARQUET_ELEMENTS_MAX = 1 << 20, PARQUET_PAIRS_MAX = 10000, PARQUET_COPY_MAX_BYTES = 1 << 30 };

struct parquet_element {          /* one node of the schema, in depth-first order; the first is the root */
    struct str name;
    int64_t children;             /* 0: a leaf */
    int64_t field_id;             /* -1: none */
    bool is_variant;              /* LogicalType VARIANT */
    bool is_int96;                /* a leaf of the old physical type of timestamps */
    size_t end;                   /* where its bytes end in the footer: the stop byte */
    int64_t last_id;              /* of its last member */
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
/* Is it the group of a VARIANT, by its children metadata and value (and typed_value: *shredded), unannotated? */
bool parquet_is_bare_variant(const struct parquet_schema *s, size_t at, bool *shredded);
/* A copy of a Parquet file whose bare variants are annotated, under `to`, not fsynced. */
int parquet_annotate(const char *path, const char *to, struct err *err) MUST_CHECK;
/* The index after the subtree at `at`: its next sibling, if there is one. */
size_t parquet_after(const struct parquet_schema *s, size_t at);
/* A value of the writer's key_value_metadata; ptr NULL if absent. */
struct str parquet_value(const struct parquet_schema *s, const char *key);
#endif
