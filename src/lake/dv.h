/* dv -- deletion vectors: which rows of a data file are deleted.
 *
 * A scan hands DuckDB a vector's key; the function lake_dv(key, row) decodes it once, keeps it
 * decoded and answers for each row. Vectors are immutable, so a key always means the same rows. */
#ifndef PAYSTREAK_LAKE_DV_H
#define PAYSTREAK_LAKE_DV_H
#include "lake/log.h"

#define LAKE_DV_FUNCTION "lake_dv"
/* The key of a vector of a table in `dir`: text that names file, offset and size, or holds it. */
int lake_dv_key(struct buf *out, const char *dir, const struct lake_dv *dv, struct err *err) MUST_CHECK;
int lake_dv_register(struct duck *db, struct err *err) MUST_CHECK;

/* A decoded vector. Errors: ERR_CORRUPT (magic, checksum, order), ERR_IO. */
struct lake_bitmap;
struct lake_bitmap *lake_bitmap_load(struct str key, struct err *err) MUST_CHECK;
void lake_bitmap_free(struct lake_bitmap *b);
bool lake_bitmap_has(const struct lake_bitmap *b, uint64_t row);
int64_t lake_bitmap_count(const struct lake_bitmap *b);
void lake_bitmap_rows(const struct lake_bitmap *b, uint64_t *rows); /* all of them, ascending: lake_bitmap_count() many */
#endif
