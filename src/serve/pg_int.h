/* pg_int -- what the files of the PostgreSQL endpoint share. */
#ifndef PAYSTREAK_SERVE_PG_INT_H
#define PAYSTREAK_SERVE_PG_INT_H
#include "serve/pg.h"
#include "serve/pg_catalog.h"
#include "serve/pg_out.h"
#include "net/scram.h"
#include "serve/pg_text.h"

enum pg_state { PG_STARTUP, PG_SASL_FIRST, PG_SASL_FINAL, PG_IDLE, PG_BUSY };

/* A statement as Parse gave it. */
struct pg_prepared { struct arena *arena; struct str text; uint32_t *oids; size_t oid_count; };

/* A statement with its values: what Bind makes. `rows` holds the encoded rows if it is read in parts. */
struct pg_portal {
    struct arena *arena;
    struct str original;       /* as sent, for positions */
    size_t base;               /* characters of the script before it */
    struct str text;           /* rewritten for Spark */
    struct pg_map map;
    uint16_t *format_codes; size_t format_count;
    bool ran;                  /* `rows` and `tag` are there */
    struct buf rows;
    size_t rows_at;
    int64_t row_count;
    char tag[64];
};

enum pg_job_kind { PG_JOB_SIMPLE, PG_JOB_DESCRIBE, PG_JOB_EXECUTE, PG_JOB_SET };

/* The statement that runs on a worker. Its fields belong to the worker between ev_work() and done. */
struct pg_job {
    enum pg_job_kind kind;
    struct pg_portal *portal;  /* what runs; for PG_JOB_SIMPLE its own */
    bool owns_portal;
    int64_t max_rows;          /* of Execute; 0: all */
    char set_key[64]; struct str set_value;
    struct pg_type *types; size_t column_count;
    struct pg_formats formats;
    struct buf out;            /* messages made so far */
    struct query_session *opened; /* by this step; becomes the connection's */
    bool started, ended;
    int64_t rows, affected;
    char tag[64];
    int rc;
    struct err err;
};

struct pg_conn {
    struct tcp_conn *tcp;      /* NULL: closed */
    struct pg_server *server;
    struct pg_conn *next;      /* in the server's list, while open */
    int refs;
    enum pg_state state;
    uint32_t pid, secret;
    char user[64];
    struct scram *scram;       /* after the client's first message */
    struct query_session *session; /* opened by the first job */
    struct map *prepared, *portals, *settings;
    char txn;                  /* I, T, E */
    bool wrote;                /* in this transaction */
    bool skip_to_sync, extended;
    char *script;              /* the text of a simple query, */
    struct str script_rest;    /* and what of it has not run */
    bool waiting_drain;
    struct pg_job job;
};

struct pg_server {
    struct tcp_server *tcp;
    struct ev_loop *loop;
    struct pg_opts opts;       /* queries: `catalog`, which is around the one given */
    struct query_service catalog;
    struct scram_secret secret;
    struct pg_conn *conns;
    uint32_t next_pid;
    int refs;
};

void pg_conn_ref(struct pg_conn *c);
void pg_conn_unref(struct pg_conn *c);
void pg_send(struct pg_conn *c, struct buf *b);        /* takes the bytes; `b` can be used again */
void pg_fail(struct pg_conn *c, const struct err *err, const struct pg_portal *p); /* ErrorResponse, state of the transaction */
void pg_statement_over(struct pg_conn *c, bool failed); /* goes on: next of the script, or next message */

/* pg_exec.c */
struct pg_portal *pg_portal_new(struct str text);
void pg_portal_free(struct pg_portal *p);
void pg_job_start(struct pg_conn *c, enum pg_job_kind kind, struct pg_portal *p, bool owns, int64_t max_rows);
void pg_job_set(struct pg_conn *c, const char *key, struct str value);
void pg_job_continue(struct pg_conn *c);               /* after the socket drained */
void pg_job_end_session(struct pg_conn *c);            /* closes the session on a worker; the connection is closed */

/* pg_command.c: statements that need no engine. */
enum pg_local { PG_NOT_LOCAL, PG_LOCAL_DONE, PG_LOCAL_JOB /* started: ends in pg_statement_over() */, PG_LOCAL_FAILED };
bool pg_is_local(struct pg_conn *c, struct str statement);
bool pg_local_has_rows(struct pg_conn *c, struct str statement, struct query_column *col); /* SHOW */
enum pg_local pg_local_run(struct pg_conn *c, struct str statement, bool describe_rows, struct err *err);
bool pg_allowed_in_failed(struct str statement);
bool pg_is_write(struct str statement);
#endif
