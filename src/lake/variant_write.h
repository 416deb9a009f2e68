/* variant_write -- JSON as a value in Parquet's binary form of VARIANT (variant.c has the layout), as Spark's parse_json
 * makes it: the smallest integer type; digits with a point are a decimal of up to 38 digits; what has an exponent or does not
 * fit is a double; names of an object in order of their bytes. Pure. */
#ifndef PAYSTREAK_LAKE_VARIANT_WRITE_H
#define PAYSTREAK_LAKE_VARIANT_WRITE_H
#include "base/doc.h"
#include "duck/duck.h"

enum { VARIANT_MAX_BYTES = 16 << 20 /* of names, and of a value: Spark reads no larger ones */ };
/* (JSON VARCHAR) → BLOB, NULL for NULL; the last one (BLOB) → BLOB */
#define LAKE_VARIANT_NAMES_FUNCTION "lake_variant_names"
#define LAKE_VARIANT_VALUE_FUNCTION "lake_variant_value"
#define LAKE_VARIANT_MEND_FUNCTION "lake_variant_mend"

/* Appends both parts. ERR_LIMIT: larger than VARIANT_MAX_BYTES. */
int variant_put(struct buf *metadata, struct buf *value, const struct doc *d, struct err *err) MUST_CHECK;
/* A value that DuckDB's variant_to_parquet_variant() made, right: it gives texts of 64 bytes, one more than a short
 * text may have, the head of an empty one, and only the offsets tell. ERR_CORRUPT, ERR_LIMIT. */
int variant_mend(struct buf *out, struct str value, struct err *err) MUST_CHECK;
int lake_variant_write_register(struct duck *db, struct err *err) MUST_CHECK;
#endif
