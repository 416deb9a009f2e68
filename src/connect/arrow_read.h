/* arrow_read -- rows of an Arrow IPC stream (see arrow_ipc.h) as a query for DuckDB: what
 * spark.createDataFrame() sends. Pure.
 *
 * The types are null, bool, integers, float, double, decimal128, utf8, binary, date32, timestamp, list,
 * struct and map; others, dictionaries and compressed batches are refused by name. Nothing in the bytes
 * is trusted: every place is checked against the message it lies in. */
#ifndef PAYSTREAK_CONNECT_ARROW_READ_H
#define PAYSTREAK_CONNECT_ARROW_READ_H
#include "plan/type.h"

enum { ARROW_READ_MAX_SQL = 256 << 20, ARROW_READ_MAX_COLUMNS = 10000 };
/* SELECT … FROM (VALUES …), its columns of `schema` if there is one, else of the stream's; *schema is set then. */
int arrow_read_sql(struct arena *a, struct str stream, const struct type **schema, struct buf *sql, struct err *err) MUST_CHECK;
#endif
