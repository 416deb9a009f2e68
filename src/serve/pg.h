/* pg -- the PostgreSQL endpoint: protocol 3.0 over the query service.
 *
 * Clients send Spark SQL with PostgreSQL's lexical rules ("name", 'it''s', $1). Every statement
 * commits on its own; BEGIN, COMMIT and ROLLBACK are answered so that drivers work, and a ROLLBACK
 * that follows a write says that it undid nothing. Refused by name: COPY, PREPARE and EXECUTE as
 * SQL, LISTEN, cursors, pg_catalog's tables, TLS (`N`), client encodings other than UTF-8.
 * Thread: the loop's; statements run on workers. */
#ifndef PAYSTREAK_SERVE_PG_H
#define PAYSTREAK_SERVE_PG_H
#include "net/tcp.h"
#include "port/query_service.h"

enum {
    PG_MAX_STARTUP = 10 * 1024,
    PG_MAX_MESSAGE = 64 << 20,
    PG_MAX_STATEMENTS = 1024,      /* prepared statements and portals of a connection, each */
    PG_MAX_PORTAL = 256 << 20,     /* bytes of rows kept for a portal that is read in parts */
    PG_STARTUP_MS = 60 * 1000,     /* until a client has logged in */
};

struct pg_server;
struct pg_opts {
    const char *host; int port; int max_conns; /* as tcp.h */
    const char *password;          /* SCRAM-SHA-256, any user name; NULL: trust, on loopback only */
    const struct query_service *queries;
    const char *search_path;       /* NULL: "gold, silver, bronze, default" */
};
struct pg_server *pg_listen(struct ev_loop *loop, const struct pg_opts *opts, struct err *err) MUST_CHECK;
int pg_server_port(const struct pg_server *s);
int pg_server_conns(const struct pg_server *s);
/* Ends all connections; the loop must still be turned until running statements have ended. NULL is allowed. */
void pg_server_free(struct pg_server *s);
#endif
