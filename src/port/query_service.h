/* query_service -- how the endpoints (PostgreSQL wire, dashboards, REST) run Spark SQL.
 *
 * The owner of the engine fills this table. A session is one client's state: current catalog and
 * schema, search path, settings, temporary views. open, close, start, fetch and finish block and
 * are called on worker threads, for one session by one thread at a time; cancel comes from any
 * thread. A session has one open result: start … fetch until 0 … finish. Text is one statement of
 * Spark SQL, parameters already in it. Errors say line and column in that text (where.file empty). */
#ifndef PAYSTREAK_PORT_QUERY_SERVICE_H
#define PAYSTREAK_PORT_QUERY_SERVICE_H
#include "base/base.h"

enum { QUERY_CHUNK_ROWS = 2048 }; /* at most so many rows come in one call of the sink */

enum query_style {
    QUERY_PG,   /* cells in PostgreSQL's text form: t/f, 2024-01-02 03:04:05+00, \x0a, {1,2}, JSON for structs and maps */
    QUERY_JSON, /* cells are JSON values */
};

struct query_column { struct str name, type; }; /* type: Spark's text, "bigint", "decimal(10,2)", "array<int>" */
struct query_cell { const char *ptr; size_t len; }; /* ptr NULL: null */

struct query_request {
    struct str text;
    enum query_style style;
    bool describe;             /* only plan: columns and tables are wanted, there will be no fetch of rows */
};

/* Filled by start; everything lives until finish. */
struct query_result {
    const struct query_column *columns;
    size_t column_count;       /* 0: the statement returns no rows */
    const struct str *tables;  /* the tables read, views resolved, each by the name under which its changes are told */
    size_t table_count;
    const char *tag;           /* "SELECT", "CREATE VIEW", "INSERT" … */
    int64_t affected;          /* rows of DML, else -1 */
};

/* Takes `rows` x column_count cells, row by row; they are valid during the call. -1 ends the fetch. */
typedef int (*query_rows_fn)(void *arg, const struct query_cell *cells, size_t rows, struct err *err);

struct query_open { const char *client, *user; /* "pg", "dashboard"; may be NULL */
                    const char *search_path; /* "gold,silver,bronze,default" */ };

struct query_session; /* the service's own */
struct query_service {
    void *ctx;
    struct query_session *(*open)(void *ctx, const struct query_open *o, struct err *err);
    void (*close)(struct query_session *s);
    int (*start)(struct query_session *s, const struct query_request *q, struct query_result *out, struct err *err);
    int (*fetch)(struct query_session *s, query_rows_fn rows, void *arg, struct err *err); /* 1: there may be more, 0: end, -1 */
    void (*finish)(struct query_session *s);  /* also after a failed start or fetch; no open result is no error */
    void (*cancel)(struct query_session *s);  /* the running start or fetch fails with ERR_CANCELED; else nothing */
    /* search_path, timezone, spark.* … */
    int (*set)(struct query_session *s, struct str key, struct str value, struct err *err);
};
#endif
