/* pg_catalog_schema -- the relations of PostgreSQL's catalog that there are, as SQLite makes them. Pure.
 *
 * information_schema.x is the relation information_schema_x. Declared types are names of PostgreSQL types
 * (oid, name, int2, bool, char …): a result's column says its type by them. pg_catalog.c fills pg_namespace,
 * pg_class, pg_attribute, pg_type and pg_roles; what depends on them is a view; the others stay empty. */
#ifndef PAYSTREAK_SERVE_PG_CATALOG_SCHEMA_H
#define PAYSTREAK_SERVE_PG_CATALOG_SCHEMA_H
#include "base/base.h"

extern const char PG_CATALOG_SCHEMA[]; /* statements of SQLite */
/* Is there such a relation of pg_catalog? Case does not count. */
bool pg_catalog_relation(struct str name);
#endif
