/* pg_catalog_text -- a statement over PostgreSQL's catalog as SQLite reads it. Pure.
 *
 * In: what pg_rewrite() made (`names`, 'text' with backslashes). Word by word:
 *     pg_catalog.x                     x               information_schema.x   information_schema_x
 *     x OPERATOR(pg_catalog.~) y       x REGEXP y      also ~, ~*, !~, !~*; ~~ is LIKE
 *     x ILIKE y, x ~~* y              x GLOB y, a function of pg_catalog.c
 *     'a.b'::regclass                  to_regclass('a.b');  any other cast goes off
 *     x COLLATE y                      x
 *     x = ANY (y), x <> ALL (y)        x IN (SELECT value FROM json_each(pg_array(y))), NOT IN
 *     ARRAY[…], ARRAY(SELECT …)        json_array(…), one over the query
 *     (x).field                        (x): rows of composite types are none of ours
 *     x[i]; FROM unnest(x) a           x; a relation without rows: no array here has elements
 *     current_user and its like        current_user()
 * Arrays are JSON text. */
#ifndef PAYSTREAK_SERVE_PG_CATALOG_TEXT_H
#define PAYSTREAK_SERVE_PG_CATALOG_TEXT_H
#include "base/base.h"

enum { CATALOG_MAX_DEPTH = 200 };

/* Is this statement for the catalog? It names pg_catalog or information_schema, reads a relation of the catalog
 * (pg_catalog_schema.h), or calls one of PostgreSQL's own functions and reads nothing. */
bool pg_catalog_asked(struct str statement);
/* Does it name columns of tables (pg_attribute, information_schema.columns)? */
bool pg_catalog_wants_columns(struct str statement);
int pg_catalog_rewrite(struct str statement, struct buf *out, struct err *err) MUST_CHECK;
#endif
