/* duck -- the only module that includes duckdb.h: an in-process DuckDB, its connections, queries,
 * result readers and table functions.
 *
 * One `struct duck` is one in-memory database. A `struct duck_conn` belongs to one thread at a
 * time; queries block, so they run on workers. Settings made at open: bounded threads and memory,
 * a temporary folder, TimeZone UTC, Spark's null order, ieee_floating_point_ops=false, no
 * extension is loaded or installed at run time. */
#ifndef PAYSTREAK_DUCK_DUCK_H
#define PAYSTREAK_DUCK_DUCK_H
#include "base/base.h"

struct duck;
struct duck_conn;
struct duck_result;

struct duck_opts { int threads; int64_t memory_mb; const char *temp_dir; }; /* 0/NULL: defaults */
struct duck *duck_new(const struct duck_opts *opts, struct err *err) MUST_CHECK;
void duck_free(struct duck *db);
struct duck_conn *duck_connect(struct duck *db, struct err *err) MUST_CHECK; /* any thread */
void duck_disconnect(struct duck_conn *c);
struct duck *duck_of(struct duck_conn *c);
void duck_interrupt(struct duck_conn *c);        /* any thread: the running query fails ERR_CANCELED */

/* Runs one or more statements, results dropped. */
int duck_exec(struct duck_conn *c, struct str sql, struct err *err) MUST_CHECK;
int duck_execf(struct duck_conn *c, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;
/* Runs one statement. NULL on error. The result is streamed chunk by chunk unless small; while a
 * streamed one is read, another statement on the connection ends it and duck_next() fails. */
struct duck_result *duck_query(struct duck_conn *c, struct str sql, struct err *err) MUST_CHECK;
void duck_result_free(struct duck_result *r);    /* NULL is allowed */
/* Names and types of a statement's columns without running it: binds only. VARIANT is told here, and refused where it would be read. */
struct duck_result *duck_describe(struct duck_conn *c, struct str sql, struct err *err) MUST_CHECK;

enum duck_type { DUCK_OTHER, DUCK_BOOL, DUCK_I8, DUCK_I16, DUCK_I32, DUCK_I64, DUCK_U8, DUCK_U16,
    DUCK_U32, DUCK_U64, DUCK_I128, DUCK_F32, DUCK_F64, DUCK_DECIMAL, DUCK_VARCHAR, DUCK_BLOB,
    DUCK_DATE /* days */, DUCK_TIME, DUCK_TIMESTAMP /* us, no zone */, DUCK_TIMESTAMPTZ /* us, UTC */,
    DUCK_INTERVAL, DUCK_LIST, DUCK_STRUCT, DUCK_MAP, DUCK_UUID, DUCK_NULL };

size_t duck_cols(const struct duck_result *r);
struct str duck_col_name(const struct duck_result *r, size_t col);
enum duck_type duck_col_type(const struct duck_result *r, size_t col);
/* DuckDB's own text of the type, "DECIMAL(10,2)", "STRUCT(a INTEGER)[]"; lives as long as `r`. */
struct str duck_col_type_text(const struct duck_result *r, size_t col);
/* Is the column of this very type? An ENUM is no VARCHAR, though its text says so, nor is JSON, an alias. */
bool duck_col_is(const struct duck_result *r, size_t col, struct str type_text);
bool duck_col_is_json(const struct duck_result *r, size_t col); /* VARCHAR that DuckDB calls JSON */
void duck_col_decimal(const struct duck_result *r, size_t col, int *precision, int *scale);
int64_t duck_changed(const struct duck_result *r);   /* rows changed by DML, or 0 */

/* Steps to the next chunk: 1 there is one, 0 end, -1 error. Values below are of the current chunk. */
int duck_next(struct duck_result *r, struct err *err) MUST_CHECK;
size_t duck_rows(const struct duck_result *r);
bool duck_is_null(const struct duck_result *r, size_t col, size_t row);
int64_t duck_i64(const struct duck_result *r, size_t col, size_t row); /* all integers but I128, bool, date, times */
double duck_f64(const struct duck_result *r, size_t col, size_t row);  /* F32, F64, DECIMAL */
struct str duck_text(const struct duck_result *r, size_t col, size_t row); /* VARCHAR, BLOB; valid in this chunk */
/* A MAP(VARCHAR, VARCHAR)'s pairs, 0 of a NULL; one of them, false if its value is NULL. Valid in this chunk. */
size_t duck_map_count(const struct duck_result *r, size_t col, size_t row);
bool duck_map_at(const struct duck_result *r, size_t col, size_t row, size_t pair, struct str *key, struct str *value);
/* A value as text in the form that `style` names; nested values too. NULL writes nothing in TEXT. */
enum duck_style { DUCK_AS_JSON, DUCK_AS_TEXT /* Spark's CAST(x AS STRING) */, DUCK_AS_PG /* PostgreSQL text */,
                  DUCK_AS_EXACT /* JSON that loses nothing: render.c */ };
void duck_render(const struct duck_result *r, size_t col, size_t row, enum duck_style style, struct buf *out);

/* Convenience: first column of first row; *found false if there are no rows or NULL. */
int duck_scalar_i64(struct duck_conn *c, struct str sql, int64_t *out, bool *found, struct err *err) MUST_CHECK;

void duck_quote_ident(struct buf *out, struct str name);   /* "a""b" */
void duck_quote_text(struct buf *out, struct str text);    /* 'it''s'; with NUL bytes an expression: ('a' || chr(0) || 'b') */

/* A table function fed by C: `SELECT * FROM name(handle)` where handle is a BIGINT made by
 * duck_handle_put(). open is called once per scan on a DuckDB thread, next fills a chunk. */
struct duck_out;                                  /* the chunk being filled */
struct duck_source {
    size_t cols;
    const char *const *names;
    const char *const *types;                     /* DuckDB type text: "BIGINT", "BLOB", "TIMESTAMPTZ", "MAP(VARCHAR,BLOB)" … */
    void *(*open)(void *ctx, struct err *err);    /* a scan's state; one scan, one thread */
    int (*next)(void *scan, struct duck_out *out, struct err *err); /* fills up to capacity; 0 rows = end */
    void (*close)(void *scan);
    void *ctx;
};
int duck_source_register(struct duck *db, const char *function_name, struct err *err) MUST_CHECK;
int64_t duck_handle_put(struct duck *db, const struct duck_source *src); /* src must outlive the handle */
void duck_handle_drop(struct duck *db, int64_t handle);
/* A table function whose one VARCHAR argument says what it reads: `make` gives a statement's source,
 * which DuckDB gives to `drop` when it is done with it. Both run on any thread. */
struct duck_reader {
    struct duck_source *(*make)(void *ctx, struct str argument, struct err *err);
    void (*drop)(void *source);
    void *ctx;
};
int duck_reader_register(struct duck *db, const char *function_name, const struct duck_reader *r, struct err *err) MUST_CHECK;
size_t duck_out_capacity(const struct duck_out *o);
bool duck_out_wanted(const struct duck_out *o, size_t col); /* false: the query does not read it, writes are dropped */
void duck_out_rows(struct duck_out *o, size_t rows);
void duck_out_null(struct duck_out *o, size_t col, size_t row);
void duck_out_i64(struct duck_out *o, size_t col, size_t row, int64_t v); /* narrowed to the column's type */
void duck_out_f64(struct duck_out *o, size_t col, size_t row, double v);
void duck_out_text(struct duck_out *o, size_t col, size_t row, struct str v); /* VARCHAR or BLOB */
void duck_out_map(struct duck_out *o, size_t col, size_t row, size_t pairs,
                  const struct str *keys, const struct str *values); /* MAP(VARCHAR, VARCHAR|BLOB); a NULL value has ptr NULL */

/* Scalar functions in C over text: NULL in gives NULL out unless `nulls`. */
struct duck_arg { bool is_null; struct str text; int64_t i64; double f64; };
typedef int (*duck_scalar_fn)(void *ctx, const struct duck_arg *args, size_t count, struct buf *out,
                              bool *is_null, struct err *err);
int duck_scalar_register(struct duck *db, const char *name, const char *const *arg_types, size_t args,
                         const char *result_type /* VARCHAR, BIGINT, DOUBLE, BOOLEAN, BLOB, DATE, TIMESTAMPTZ */,
                         bool nulls, duck_scalar_fn fn, void *ctx, struct err *err) MUST_CHECK;
/* For results other than VARCHAR/BLOB the function writes 8 bytes: int64_t or double. */
#endif
