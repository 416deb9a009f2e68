/* prelude_int -- the C functions that printed text calls, by area. Each is a pure function of its
 * arguments in duck_scalar_fn's form and may run on any of DuckDB's threads. */
#ifndef PAYSTREAK_ENGINE_PRELUDE_INT_H
#define PAYSTREAK_ENGINE_PRELUDE_INT_H
#include "duck/duck.h"
#include <string.h>

enum { JSON_MAX_FIELDS = 1000 /* of one struct that from_json reads */ };

struct native {
    const char *name;
    const char *args;     /* one letter each: s VARCHAR, x BLOB, l BIGINT, i INTEGER, d DOUBLE, f FLOAT, b BOOLEAN, D DATE, n TIMESTAMP, T TIMESTAMPTZ */
    const char *result;   /* one letter */
    duck_scalar_fn fn;
    bool nulls;           /* also called with NULL arguments */
    void *ctx;            /* told to fn: variants of one function */
};
/* Tables by area, each ends with a NULL name. */
extern const struct native natives_number[], natives_text[], natives_time[], natives_regex[], natives_json[],
    natives_files[], natives_case[];

static inline void put_i64(struct buf *out, int64_t v)
{
    buf_add(out, &v, sizeof v);
}

static inline void put_f64(struct buf *out, double v)
{
    buf_add(out, &v, sizeof v);
}

/* Bytes of the character that begins at `at`. */
static inline size_t text_char(struct str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* Java's text of a double or float, as CAST(x AS STRING) shows it. */
void java_real(struct buf *out, double v, bool narrow);
/* Spark's casts of text. False if malformed. */
bool spark_date_of(struct str s, int32_t *days);
bool spark_timestamp_of(struct str s, bool *zoned, int64_t *us);
#endif
