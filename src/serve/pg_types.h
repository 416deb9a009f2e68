/* pg_types -- Spark's types and values in PostgreSQL's terms: OIDs, binary results, parameters. Pure. */
#ifndef PAYSTREAK_SERVE_PG_TYPES_H
#define PAYSTREAK_SERVE_PG_TYPES_H
#include "base/base.h"

enum pg_oid {
    PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT2 = 21, PG_INT4 = 23, PG_TEXT = 25, PG_JSON = 114,
    PG_FLOAT4 = 700, PG_FLOAT8 = 701, PG_UNKNOWN = 705, PG_BPCHAR = 1042, PG_VARCHAR = 1043,
    PG_DATE = 1082, PG_TIME = 1083, PG_TIMESTAMP = 1114, PG_TIMESTAMPTZ = 1184, PG_INTERVAL = 1186,
    PG_NUMERIC = 1700, PG_UUID = 2950, PG_JSONB = 3802, PG_NAME = 19, PG_CHAR = 18, PG_OID = 26,
};

struct pg_type { uint32_t oid; int16_t size; int32_t typmod; };

/* The PostgreSQL type of a Spark type text. Arrays of scalars have array types; structs, maps and
 * nested arrays are json; what else there is, is text. */
struct pg_type pg_type_of(struct str spark);

/* Appends the value of type `oid`, given as PostgreSQL text, in binary form, without length. -1 for
 * types that have none here: ERR_UNSUPPORTED names them. */
int pg_binary_put(struct buf *out, uint32_t oid, struct str text, struct err *err) MUST_CHECK;
bool pg_has_binary(uint32_t oid);

/* A parameter as a literal of Spark SQL. `oid` 0: unknown, taken as a string. */
int pg_literal_put(struct buf *out, uint32_t oid, bool binary, struct str value, struct err *err) MUST_CHECK;
void pg_null_literal(struct buf *out, uint32_t oid); /* CAST(NULL AS …): to plan before values are known */
void pg_string_literal(struct buf *out, struct str text); /* 'it\'s' in Spark's quoting */
#endif
