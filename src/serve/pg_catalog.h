/* pg_catalog -- PostgreSQL's own catalog for clients that ask for it: psql's \d, drivers' metadata.
 *
 * A query service around another one. A statement that names a relation of pg_catalog or
 * information_schema, or asks only for one of PostgreSQL's functions, is answered here; all others go on.
 * The catalog is a SQLite database in memory, one a session, filled from SHOW and from the columns of
 * `SELECT * FROM table`; the client's text is rewritten word by word (pg_catalog_text.h). SQL of a client
 * never reaches DuckDB this way, and may do nothing in SQLite but read this database. Every relation is there for the whole of a statement; the next
 * statement that is not of the catalog, or CATALOG_FRESH_MS, makes the content be read again.
 *
 * Not there: indexes, keys, constraints, rights, functions, comments: those relations are empty.
 * Threads: as port/query_service.h says. */
#ifndef PAYSTREAK_SERVE_PG_CATALOG_H
#define PAYSTREAK_SERVE_PG_CATALOG_H
#include "port/query_service.h"

enum { CATALOG_FRESH_MS = 1000, CATALOG_MAX_TABLES = 20000 };

/* `inner` must outlive the result, whose ctx is freed by pg_catalog_release(). */
struct query_service pg_catalog_service(const struct query_service *inner);
void pg_catalog_release(struct query_service *s);
#endif
