/* catalog -- names of schemas, tables and views, and where tables lie.
 *
 * Managed tables are found by their folder, STATE/lake/<catalog>/<schema>/<table>; nothing else
 * records them. External tables, views and comments are rows of STATE/control.db (SQLite, WAL).
 * Names are folded to lower case; a folder spells bytes other than a-z 0-9 _ - as %XX. The default
 * catalog is `main`; `hive_metastore` and `spark_catalog` are other names of it.
 *
 * Thread-safe: one SQLite connection under a lock that a call holds. */
#ifndef PAYSTREAK_LAKE_CATALOG_H
#define PAYSTREAK_LAKE_CATALOG_H
#include "lake/log.h"

#define LAKE_DEFAULT_CATALOG "main"
#define LAKE_DEFAULT_SCHEMA "default"

struct lake_catalog;              /* opaque */
/* Opens (and makes, if needed) STATE/control.db's catalog tables. The schema `default` is there. */
struct lake_catalog *lake_catalog_open(const char *state_dir, struct err *err) MUST_CHECK;
void lake_catalog_close(struct lake_catalog *k);

/* A resolved three-part name, folded, in an arena. */
struct lake_name { struct str catalog, schema, table; };
struct lake_scope { struct str catalog, schema; };     /* current ones; empty: the defaults */
/* One to three parts. ERR_INPUT on none, more, empty or over-long parts. */
int lake_name_resolve(struct arena *a, const struct str *parts, size_t count, const struct lake_scope *scope,
                      struct lake_name *out, struct err *err) MUST_CHECK;
struct str lake_name_text(struct arena *a, const struct lake_name *n);  /* main.gold.t, parts quoted with ` if needed */

enum lake_kind { LAKE_NONE, LAKE_MANAGED, LAKE_EXTERNAL, LAKE_VIEW };
struct lake_entry {
    enum lake_kind kind;
    struct lake_name name;
    struct str location;          /* MANAGED: the folder; EXTERNAL: as the user wrote it (may be a cloud URI) */
    struct str format;            /* EXTERNAL: "delta", "parquet", "csv", "json" … */
    struct str options_json;      /* EXTERNAL: reader options, an object */
    struct str text;              /* VIEW: Spark SQL */
    struct str view_catalog, view_schema;  /* VIEW: names in it resolve in these */
    struct str settings_json;     /* VIEW: settings at CREATE (spark.sql.ansi.enabled …) */
    struct str schema_json;       /* VIEW: resolved schema, Spark's JSON; EXTERNAL: declared one, or empty */
    struct str comment;
    struct str properties_json;
    struct str owner;             /* who made it: a pipeline's name; empty: a user */
    int64_t created_ms;
};
/* kind LAKE_NONE if there is none (not an error). Strings in the arena. */
int lake_catalog_find(struct lake_catalog *k, struct arena *a, const struct lake_name *n, struct lake_entry *out,
                      struct err *err) MUST_CHECK;
/* The folder where a managed table of that name is or would be. */
char *lake_catalog_dir(struct lake_catalog *k, struct arena *a, const struct lake_name *n);
/* The local folder of an entry: the managed folder, or what `localize` makes of the location. */
typedef int (*lake_localize_fn)(void *ctx, struct arena *a, struct str location, char **dir, struct err *err);
int lake_entry_dir(const struct lake_entry *e, struct arena *a, lake_localize_fn localize, void *ctx, char **dir,
                   struct err *err) MUST_CHECK;

/* ERR_EXISTS unless `replace`. A managed table needs no row: its folder is made by its first
 * commit; put one only to keep a comment, owner or properties. ERR_NOT_FOUND if the schema is missing. */
int lake_catalog_put(struct lake_catalog *k, const struct lake_entry *e, bool replace, struct err *err) MUST_CHECK;
/* Drops view, external table (files stay) or managed table (folder removed). *existed tells. */
int lake_catalog_drop(struct lake_catalog *k, const struct lake_name *n, bool *existed, struct err *err) MUST_CHECK;
int lake_catalog_rename(struct lake_catalog *k, const struct lake_name *from, const struct lake_name *to, struct err *err) MUST_CHECK;

int lake_schema_create(struct lake_catalog *k, struct str catalog, struct str schema, struct str comment, bool if_not_exists,
                       struct err *err) MUST_CHECK;
/* ERR_EXISTS when not empty, unless `cascade`. */
int lake_schema_drop(struct lake_catalog *k, struct str catalog, struct str schema, bool cascade, bool *existed,
                     struct err *err) MUST_CHECK;
int lake_schema_exists(struct lake_catalog *k, struct str catalog, struct str schema, bool *exists, struct err *err) MUST_CHECK;
/* Sorted; counts or -1. */
int64_t lake_list_catalogs(struct lake_catalog *k, struct arena *a, struct str **out, struct err *err) MUST_CHECK;
int64_t lake_list_schemas(struct lake_catalog *k, struct arena *a, struct str catalog, struct str **out, struct err *err) MUST_CHECK;
int64_t lake_list_entries(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema,
                          struct lake_entry **out, struct err *err) MUST_CHECK;

/* Shared table handles, one per folder, so that everybody's refresh is cheap. They live as long as `k`,
 * even when their table is dropped. */
struct lake_table *lake_catalog_table(struct lake_catalog *k, const char *dir);
#endif
