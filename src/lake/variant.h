/* variant -- a value in Parquet's binary form of VARIANT as JSON, the text that Spark's to_json makes of it:
 * keys as stored, decimals without zeros at their end, dates "2024-01-02", timestamps "2024-01-02 03:04:05.5+00:00" (no
 * offset without a zone), binary in base64, "NaN" and "Infinity" in quotes. Pure. */
#ifndef PAYSTREAK_LAKE_VARIANT_H
#define PAYSTREAK_LAKE_VARIANT_H
#include "duck/duck.h"

enum { VARIANT_MAX_DEPTH = 500 };
#define LAKE_VARIANT_FUNCTION "lake_variant_json" /* (metadata BLOB, value BLOB) → VARCHAR; NULL for NULL */

/* ERR_CORRUPT: it does not decode; ERR_LIMIT: nested too deep; ERR_UNSUPPORTED: a type that is not known. */
int variant_put_json(struct buf *out, struct str metadata, struct str value, struct err *err) MUST_CHECK;
int lake_variant_register(struct duck *db, struct err *err) MUST_CHECK;
#endif
