/* duck_int -- what the files of `duck` share: the structs behind duck.h, the type tree, errors. */
#ifndef PAYSTREAK_DUCK_DUCK_INT_H
#define PAYSTREAK_DUCK_DUCK_INT_H
#include "duck/duck.h"
#include <duckdb.h>
#include <pthread.h>

enum { DUCK_MAX_DEPTH = 100 /* nested types */, DUCK_PREFETCH_CHUNKS = 8 };

struct duck {
    duckdb_database db;
    duckdb_connection admin;              /* registers functions; under `lock` */
    pthread_mutex_t lock;                 /* guards handles: DuckDB's threads look them up in bind */
    struct handle { int64_t id; const struct duck_source *src; } *handles;
    size_t handle_count, handle_cap;
    int64_t next_handle;
    struct arena *functions;              /* what registered functions point to */
};

struct duck_conn {
    struct duck *db;
    duckdb_connection con;
};

/* A type and how its values lie in a vector. */
struct duck_node {
    enum duck_type type;
    duckdb_type raw;
    duckdb_type internal;                 /* ENUM, DECIMAL: the integer that holds it */
    int precision, scale;
    bool is_json;                         /* VARCHAR with the alias JSON */
    bool is_alias;                        /* has a name of its own beside the type's */
    size_t array_size;                    /* fixed-size ARRAY, shown as LIST; 0 otherwise */
    size_t count;                         /* STRUCT: fields; LIST: 1; MAP: 2 */
    struct duck_node **child;
    struct str *names;                    /* STRUCT: count; ENUM: its dictionary */
};
/* NULL with ERR_UNSUPPORTED if the type has no reader here (VARIANT, BIT, UNION …). */
struct duck_node *duck_node_of(struct arena *a, duckdb_logical_type type, int depth, struct err *err) MUST_CHECK;
void duck_node_text(struct buf *out, const struct duck_node *n);
bool duck_node_is_told(const struct duck_node *n); /* does its text say all of it? Not of an ENUM, nor of an alias */
/* DuckDB's type text as a logical type, or NULL; caller destroys it. */
duckdb_logical_type duck_type_parse(struct str text, struct err *err) MUST_CHECK;

/* One value's place; the vector owns the bytes. */
struct duck_at { const struct duck_node *node; duckdb_vector vector; size_t row; };
bool duck_at_null(struct duck_at v);
__int128 duck_at_int(struct duck_at v);   /* integers, bool, dates, times; DECIMAL unscaled */
double duck_at_f64(struct duck_at v);
struct str duck_at_text(struct duck_at v);
void duck_render_at(struct duck_at v, enum duck_style style, struct buf *out);

/* Turns DuckDB's message ("Binder Error: …") into an err; a code that one of our own functions
 * reported through DuckDB comes back as it was. Returns -1. */
int duck_err(struct err *err, const char *message);
/* The reverse: the text handed to DuckDB when a C function fails. */
void duck_err_carry(const struct err *err, char *out, size_t out_bytes);
#endif
