/* catalog.c -- names to tables and views.
 *
 * What is where:
 *     STATE/lake/<catalog>/<schema>/<table>/_delta_log   a managed table: the folder is the record
 *     STATE/lake/<catalog>/<schema>/                     a schema; made by CREATE SCHEMA or its first table
 *     control.db: catalog_schema(catalog, schema, comment, created_ms)          comments of schemas
 *                 catalog_entry(catalog, schema, name, kind, …)                 views, external tables,
 *                                                                               and extras of managed ones
 * Folders are spelled by fold(): lower case, bytes other than a-z 0-9 _ - as %XX; so "Straße" and
 * "straße" are one table and "../x" is a harmless name. A row and a folder of one name cannot both
 * be: put() refuses a view where a managed table lies.
 *
 * Threads. SQLite is opened in serialized mode and one lock is held for a call: catalog calls are
 * short. Waiting for another process's write is SQLite's busy timeout. */
#include "lake/catalog.h"
#include "base/code.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255, BUSY_MS = 10000 };

struct lake_catalog {
    sqlite3 *sql;
    char *root;                       /* STATE/lake */
    pthread_mutex_t lock;
    struct map *tables;               /* folder → struct lake_table */
};

static const char schema_sql[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS catalog_schema (catalog TEXT NOT NULL, schema TEXT NOT NULL, comment TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, PRIMARY KEY (catalog, schema)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS catalog_entry (catalog TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL,"
    " kind INTEGER NOT NULL, location TEXT NOT NULL, format TEXT NOT NULL, options TEXT NOT NULL, text TEXT NOT NULL,"
    " view_catalog TEXT NOT NULL, view_schema TEXT NOT NULL, settings TEXT NOT NULL, schema_json TEXT NOT NULL,"
    " comment TEXT NOT NULL, properties TEXT NOT NULL, owner TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (catalog, schema, name)) WITHOUT ROWID;";

/* ---- SQLite */

static int sql_fail(struct lake_catalog *k, struct err *err)
{
    return err_set(err, ERR_IO, "catalog: %s", sqlite3_errmsg(k->sql));
}

static void bind(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_text(st, at, s.len ? s.ptr : "", (int)s.len, SQLITE_TRANSIENT);
}

/* Prepares `text` with its first parameters bound to `args`. */
static sqlite3_stmt *prepare(struct lake_catalog *k, const char *text, const struct str *args, size_t count, struct err *err)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(k->sql, text, -1, &st, NULL) != SQLITE_OK) {
        sql_fail(k, err);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        bind(st, (int)i + 1, args[i]);
    return st;
}

static int run(struct lake_catalog *k, const char *text, const struct str *args, size_t count, struct err *err)
{
    sqlite3_stmt *st = prepare(k, text, args, count, err);
    if (!st)
        return -1;
    int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_fail(k, err);
    sqlite3_finalize(st);
    return rc;
}

static struct str column(struct arena *a, sqlite3_stmt *st, int i)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return str_copy(a, str_of(text ? text : "", (size_t)sqlite3_column_bytes(st, i)));
}

/* ---- names */

static void fold(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static struct str lower(struct arena *a, struct str name)
{
    struct str s = str_lower(a, name);
    return str_eqz(s, "hive_metastore") || str_eqz(s, "spark_catalog") ? STR(LAKE_DEFAULT_CATALOG) : s;
}

static char *folder(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema, struct str table)
{
    const struct str parts[] = {catalog, schema, table};
    struct buf b;
    buf_init(&b);
    buf_z(&b, k->root);
    for (size_t i = 0; i < COUNT_OF(parts) && parts[i].len; i++) {
        buf_char(&b, '/');
        fold(&b, parts[i]);
    }
    char *path = arena_strdup(a, b.ptr);
    buf_release(&b);
    return path;
}

int lake_name_resolve(struct arena *a, const struct str *parts, size_t count, const struct lake_scope *scope,
                      struct lake_name *out, struct err *err)
{
    if (count < 1 || count > 3)
        return err_set(err, ERR_INPUT, "a table name has one to three parts, not %zu", count);
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].len)
            return err_set(err, ERR_INPUT, "a part of a table name is empty");
        if (parts[i].len > NAME_MAX_BYTES / 3)
            return err_set(err, ERR_LIMIT, "the name '%.20s…' has more than %d bytes", parts[i].ptr, NAME_MAX_BYTES / 3);
    }
    struct str catalog = scope && scope->catalog.len ? scope->catalog : STR(LAKE_DEFAULT_CATALOG);
    struct str schema = scope && scope->schema.len ? scope->schema : STR(LAKE_DEFAULT_SCHEMA);
    out->table = str_lower(a, parts[count - 1]);
    out->schema = str_lower(a, count >= 2 ? parts[count - 2] : schema);
    out->catalog = lower(a, count >= 3 ? parts[0] : catalog);
    return 0;
}

struct str lake_name_text(struct arena *a, const struct lake_name *n)
{
    const struct str parts[] = {n->catalog, n->schema, n->table};
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        bool plain = parts[i].len > 0;
        for (size_t c = 0; c < parts[i].len; c++) {
            char x = parts[i].ptr[c];
            plain = plain && ((x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') || x == '_');
        }
        buf_z(&b, i ? "." : "");
        if (plain) {
            buf_str(&b, parts[i]);
            continue;
        }
        buf_char(&b, '`');
        for (size_t c = 0; c < parts[i].len; c++) {
            if (parts[i].ptr[c] == '`')
                buf_char(&b, '`');
            buf_char(&b, parts[i].ptr[c]);
        }
        buf_char(&b, '`');
    }
    struct str s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

/* ---- open and close */

struct lake_catalog *lake_catalog_open(const char *state_dir, struct err *err)
{
    struct lake_catalog *k = NEW(struct lake_catalog);
    struct arena *a = arena_new();
    char *message = NULL;
    pthread_mutex_init(&k->lock, NULL);
    k->tables = map_new();
    k->root = mem_strdup(path_join(a, state_dir, "lake"));
    char *file = path_join(a, state_dir, "control.db");
    int rc = fs_mkdirs(folder(k, a, STR(LAKE_DEFAULT_CATALOG), STR(LAKE_DEFAULT_SCHEMA), STR_NONE), err);
    if (rc == 0 && sqlite3_open_v2(file, &k->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        rc = err_set(err, ERR_IO, "cannot open '%s': %s", file, k->sql ? sqlite3_errmsg(k->sql) : "out of memory");
    if (rc == 0) {
        sqlite3_busy_timeout(k->sql, BUSY_MS);
        if (sqlite3_exec(k->sql, schema_sql, NULL, NULL, &message) != SQLITE_OK)
            rc = err_set(err, ERR_IO, "cannot prepare '%s': %s", file, message ? message : "unknown error");
    }
    sqlite3_free(message);
    arena_free(a);
    if (rc == 0)
        return k;
    lake_catalog_close(k);
    return NULL;
}

void lake_catalog_close(struct lake_catalog *k)
{
    struct str key;
    void *value;
    if (!k)
        return;
    for (size_t at = 0; map_next(k->tables, &at, &key, &value);)
        lake_table_close(value);
    map_free(k->tables);
    sqlite3_close(k->sql);
    pthread_mutex_destroy(&k->lock);
    mem_free(k->root);
    mem_free(k);
}

struct lake_table *lake_catalog_table(struct lake_catalog *k, const char *dir)
{
    struct str key = str_z(dir);
    while (key.len > 1 && key.ptr[key.len - 1] == '/')
        key.len--;
    pthread_mutex_lock(&k->lock);
    struct lake_table *t = map_get(k->tables, key);
    if (!t) {
        t = lake_table_open(dir);
        map_put(k->tables, key, t);
    }
    pthread_mutex_unlock(&k->lock);
    return t;
}

/* ---- entries */

#define ENTRY_COLUMNS \
    "name, kind, location, format, options, text, view_catalog, view_schema, settings, schema_json, comment, properties, owner, created_ms"

static void fill_entry(struct arena *a, sqlite3_stmt *st, struct str catalog, struct str schema, struct lake_entry *e)
{
    struct str *const texts[] = {&e->location, &e->format, &e->options_json, &e->text, &e->view_catalog, &e->view_schema,
                                 &e->settings_json, &e->schema_json, &e->comment, &e->properties_json, &e->owner};
    *e = (struct lake_entry){.name = {catalog, schema, column(a, st, 0)}};
    e->kind = (enum lake_kind)sqlite3_column_int(st, 1);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = column(a, st, (int)i + 2);
    e->created_ms = sqlite3_column_int64(st, 2 + (int)COUNT_OF(texts));
}

static int find_row(struct lake_catalog *k, struct arena *a, const struct lake_name *n, struct lake_entry *out, struct err *err)
{
    sqlite3_stmt *st = prepare(k, "SELECT " ENTRY_COLUMNS " FROM catalog_entry WHERE catalog = ? AND schema = ? AND name = ?",
                               (const struct str[]){n->catalog, n->schema, n->table}, 3, err);
    if (!st)
        return -1;
    *out = (struct lake_entry){.kind = LAKE_NONE, .name = *n};
    int step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        fill_entry(a, st, n->catalog, n->schema, out);
    else if (step != SQLITE_DONE)
        sql_fail(k, err);
    sqlite3_finalize(st);
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : -1;
}

static int find(struct lake_catalog *k, struct arena *a, const struct lake_name *n, struct lake_entry *out, struct err *err)
{
    if (find_row(k, a, n, out, err))
        return -1;
    if (out->kind != LAKE_NONE && out->kind != LAKE_MANAGED)
        return 0;
    char *dir = folder(k, a, n->catalog, n->schema, n->table);
    out->name = *n;
    out->kind = lake_is_table(dir) ? LAKE_MANAGED : LAKE_NONE;
    out->location = str_z(dir);
    out->format = STR("delta");
    return 0;
}

int lake_catalog_find(struct lake_catalog *k, struct arena *a, const struct lake_name *n, struct lake_entry *out, struct err *err)
{
    pthread_mutex_lock(&k->lock);
    int rc = find(k, a, n, out, err);
    pthread_mutex_unlock(&k->lock);
    return rc;
}

char *lake_catalog_dir(struct lake_catalog *k, struct arena *a, const struct lake_name *n)
{
    return folder(k, a, n->catalog, n->schema, n->table);
}

int lake_entry_dir(const struct lake_entry *e, struct arena *a, lake_localize_fn localize, void *ctx, char **dir, struct err *err)
{
    CHECK(e->kind == LAKE_MANAGED || e->kind == LAKE_EXTERNAL);
    if (e->kind == LAKE_EXTERNAL && localize)
        return localize(ctx, a, e->location, dir, err);
    *dir = str_cz(a, e->location);
    return 0;
}

static bool schema_exists(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema)
{
    return fs_exists(folder(k, a, catalog, schema, STR_NONE));
}

static int missing_schema(struct str catalog, struct str schema, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "there is no schema '%.*s.%.*s'", STR_ARGS(catalog), STR_ARGS(schema));
}

static int put_row(struct lake_catalog *k, const struct lake_entry *e, struct err *err)
{
    char kind[12], created[24];
    snprintf(kind, sizeof kind, "%d", (int)e->kind);
    snprintf(created, sizeof created, "%jd", (intmax_t)(e->created_ms ? e->created_ms : time_now_ms()));
    const struct str args[] = {e->name.catalog, e->name.schema, e->name.table, str_z(kind),
                               e->kind == LAKE_MANAGED ? STR("") : e->location, e->format, e->options_json, e->text,
                               e->view_catalog, e->view_schema, e->settings_json, e->schema_json, e->comment,
                               e->properties_json, e->owner, str_z(created)};
    return run(k, "INSERT OR REPLACE INTO catalog_entry (catalog, schema, " ENTRY_COLUMNS ")"
                  " VALUES (?, ?, ?, CAST(? AS INTEGER), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS INTEGER))",
               args, COUNT_OF(args), err);
}

static int put(struct lake_catalog *k, struct arena *a, const struct lake_entry *e, bool replace, struct err *err)
{
    struct lake_entry old;
    if (!schema_exists(k, a, e->name.catalog, e->name.schema))
        return missing_schema(e->name.catalog, e->name.schema, err);
    if (find(k, a, &e->name, &old, err))
        return -1;
    if (old.kind == LAKE_MANAGED && e->kind != LAKE_MANAGED)
        return err_set(err, ERR_EXISTS, "'%.*s' is a managed table: drop it first", STR_ARGS(lake_name_text(a, &e->name)));
    if (old.kind != LAKE_NONE && !replace)
        return err_set(err, ERR_EXISTS, "'%.*s' exists already", STR_ARGS(lake_name_text(a, &e->name)));
    return put_row(k, e, err);
}

int lake_catalog_put(struct lake_catalog *k, const struct lake_entry *e, bool replace, struct err *err)
{
    CHECK(e->kind != LAKE_NONE && e->name.table.len);
    struct arena *a = arena_new();
    pthread_mutex_lock(&k->lock);
    int rc = put(k, a, e, replace, err);
    pthread_mutex_unlock(&k->lock);
    arena_free(a);
    return rc;
}

/* A folder goes in two steps, so that a crash leaves no half table: out of sight, then away. */
static int remove_folder(struct lake_catalog *k, struct arena *a, const char *dir, struct err *err)
{
    char id[UUID_TEXT];
    char *hidden = arena_printf(a, "%s/.dropped-%s", k->root, uuid_make(id));
    return fs_rename(dir, hidden, err) ? -1 : fs_remove_tree(hidden, err);
}

static int drop(struct lake_catalog *k, struct arena *a, const struct lake_name *n, bool *existed, struct err *err)
{
    struct lake_entry e;
    if (find(k, a, n, &e, err))
        return -1;
    *existed = e.kind != LAKE_NONE;
    if (e.kind == LAKE_MANAGED && remove_folder(k, a, str_cz(a, e.location), err))
        return -1;
    return run(k, "DELETE FROM catalog_entry WHERE catalog = ? AND schema = ? AND name = ?",
               (const struct str[]){n->catalog, n->schema, n->table}, 3, err);
}

int lake_catalog_drop(struct lake_catalog *k, const struct lake_name *n, bool *existed, struct err *err)
{
    struct arena *a = arena_new();
    pthread_mutex_lock(&k->lock);
    int rc = drop(k, a, n, existed, err);
    pthread_mutex_unlock(&k->lock);
    arena_free(a);
    return rc;
}

static int rename_entry(struct lake_catalog *k, struct arena *a, const struct lake_name *from, const struct lake_name *to, struct err *err)
{
    struct lake_entry e, there;
    if (find(k, a, from, &e, err) || find(k, a, to, &there, err))
        return -1;
    if (e.kind == LAKE_NONE)
        return err_set(err, ERR_NOT_FOUND, "there is no table or view '%.*s'", STR_ARGS(lake_name_text(a, from)));
    if (there.kind != LAKE_NONE)
        return err_set(err, ERR_EXISTS, "'%.*s' exists already", STR_ARGS(lake_name_text(a, to)));
    if (!schema_exists(k, a, to->catalog, to->schema))
        return missing_schema(to->catalog, to->schema, err);
    if (e.kind == LAKE_MANAGED && fs_rename(str_cz(a, e.location), folder(k, a, to->catalog, to->schema, to->table), err))
        return -1;
    return run(k, "UPDATE catalog_entry SET catalog = ?4, schema = ?5, name = ?6 WHERE catalog = ?1 AND schema = ?2 AND name = ?3",
               (const struct str[]){from->catalog, from->schema, from->table, to->catalog, to->schema, to->table}, 6, err);
}

int lake_catalog_rename(struct lake_catalog *k, const struct lake_name *from, const struct lake_name *to, struct err *err)
{
    struct arena *a = arena_new();
    pthread_mutex_lock(&k->lock);
    int rc = rename_entry(k, a, from, to, err);
    pthread_mutex_unlock(&k->lock);
    arena_free(a);
    return rc;
}

/* ---- schemas and listings */

int lake_schema_exists(struct lake_catalog *k, struct str catalog, struct str schema, bool *exists, struct err *err)
{
    (void)err;
    struct arena *a = arena_new();
    *exists = schema_exists(k, a, lower(a, catalog), str_lower(a, schema));
    arena_free(a);
    return 0;
}

int lake_schema_create(struct lake_catalog *k, struct str catalog, struct str schema, struct str comment, bool if_not_exists,
                       struct err *err)
{
    struct arena *a = arena_new();
    int rc = 0;
    char created[24];
    catalog = lower(a, catalog.len ? catalog : STR(LAKE_DEFAULT_CATALOG));
    schema = str_lower(a, schema);
    snprintf(created, sizeof created, "%jd", (intmax_t)time_now_ms());
    pthread_mutex_lock(&k->lock);
    bool there = schema_exists(k, a, catalog, schema);
    if (!schema.len || schema.len > NAME_MAX_BYTES / 3)
        rc = err_set(err, ERR_INPUT, "'%.*s' is no schema name", STR_ARGS(schema));
    else if (there && !if_not_exists)
        rc = err_set(err, ERR_EXISTS, "the schema '%.*s.%.*s' exists already", STR_ARGS(catalog), STR_ARGS(schema));
    else if (!there)
        rc = fs_mkdirs(folder(k, a, catalog, schema, STR_NONE), err);
    if (rc == 0 && !there)
        rc = run(k, "INSERT OR REPLACE INTO catalog_schema VALUES (?, ?, ?, CAST(? AS INTEGER))",
                 (const struct str[]){catalog, schema, comment, str_z(created)}, 4, err);
    pthread_mutex_unlock(&k->lock);
    arena_free(a);
    return rc;
}

/* The names a folder holds, unspelled. */
static int64_t list_folder(struct arena *a, const char *dir, struct str **out, struct err *err)
{
    char **names;
    *out = NULL;
    if (!fs_exists(dir))
        return 0;
    int64_t n = fs_list(a, dir, &names, err), count = 0;
    if (n > 0)
        *out = ARENA_ARRAY(a, struct str, n);
    for (int64_t i = 0; i < n; i++) {
        struct fs_stat st;
        struct err ignored;
        struct buf b;
        if (names[i][0] == '.' || fs_stat(path_join(a, dir, names[i]), &st, &ignored) || !st.is_dir)
            continue;
        buf_init(&b);
        if (percent_get(&b, str_z(names[i])))
            (*out)[count++] = str_copy(a, buf_view(&b));
        buf_release(&b);
    }
    return n < 0 ? -1 : count;
}

int64_t lake_list_catalogs(struct lake_catalog *k, struct arena *a, struct str **out, struct err *err)
{
    return list_folder(a, k->root, out, err);
}

int64_t lake_list_schemas(struct lake_catalog *k, struct arena *a, struct str catalog, struct str **out, struct err *err)
{
    return list_folder(a, folder(k, a, lower(a, catalog), STR_NONE, STR_NONE), out, err);
}

static int by_name(const void *x, const void *y)
{
    const struct lake_entry *a = x, *b = y;
    return str_cmp(a->name.table, b->name.table);
}

struct listing { struct lake_entry *items; size_t count, cap; };

static int list_rows(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema, struct listing *l, struct err *err)
{
    sqlite3_stmt *st = prepare(k, "SELECT " ENTRY_COLUMNS " FROM catalog_entry WHERE catalog = ? AND schema = ?",
                               (const struct str[]){catalog, schema}, 2, err);
    if (!st)
        return -1;
    int step;
    while ((step = sqlite3_step(st)) == SQLITE_ROW) {
        l->items = arena_grow(a, l->items, &l->cap, l->count + 1, sizeof *l->items);
        fill_entry(a, st, catalog, schema, &l->items[l->count]);
        if (l->items[l->count].kind != LAKE_MANAGED) /* those are found by their folders */
            l->count++;
    }
    int rc = step == SQLITE_DONE ? 0 : sql_fail(k, err);
    sqlite3_finalize(st);
    return rc;
}

static int list_managed(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema, struct listing *l, struct err *err)
{
    struct str *names;
    int64_t n = list_folder(a, folder(k, a, catalog, schema, STR_NONE), &names, err);
    for (int64_t i = 0; i < n; i++) {
        struct lake_name name = {catalog, schema, names[i]};
        struct lake_entry e;
        if (find(k, a, &name, &e, err))
            return -1;
        if (e.kind != LAKE_MANAGED)
            continue;
        l->items = arena_grow(a, l->items, &l->cap, l->count + 1, sizeof *l->items);
        l->items[l->count++] = e;
    }
    return n < 0 ? -1 : 0;
}

int64_t lake_list_entries(struct lake_catalog *k, struct arena *a, struct str catalog, struct str schema, struct lake_entry **out,
                          struct err *err)
{
    struct listing l = {};
    catalog = lower(a, catalog);
    schema = str_lower(a, schema);
    pthread_mutex_lock(&k->lock);
    int rc = schema_exists(k, a, catalog, schema) ? 0 : missing_schema(catalog, schema, err);
    if (rc == 0)
        rc = list_rows(k, a, catalog, schema, &l, err);
    if (rc == 0)
        rc = list_managed(k, a, catalog, schema, &l, err);
    pthread_mutex_unlock(&k->lock);
    if (l.count)
        qsort(l.items, l.count, sizeof *l.items, by_name);
    *out = l.items;
    return rc ? -1 : (int64_t)l.count;
}

int lake_schema_drop(struct lake_catalog *k, struct str catalog, struct str schema, bool cascade, bool *existed, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_entry *entries;
    int rc = 0;
    catalog = lower(a, catalog);
    schema = str_lower(a, schema);
    *existed = schema_exists(k, a, catalog, schema);
    int64_t n = *existed ? lake_list_entries(k, a, catalog, schema, &entries, err) : 0;
    if (n < 0)
        rc = -1;
    else if (n > 0 && !cascade)
        rc = err_set(err, ERR_EXISTS, "the schema '%.*s.%.*s' is not empty: drop its %jd tables and views first, or CASCADE", STR_ARGS(catalog),
                     STR_ARGS(schema), (intmax_t)n);
    for (int64_t i = 0; i < n && rc == 0; i++) {
        bool was;
        rc = lake_catalog_drop(k, &entries[i].name, &was, err);
    }
    if (rc == 0 && *existed) {
        pthread_mutex_lock(&k->lock);
        rc = remove_folder(k, a, folder(k, a, catalog, schema, STR_NONE), err);
        if (rc == 0)
            rc = run(k, "DELETE FROM catalog_schema WHERE catalog = ? AND schema = ?", (const struct str[]){catalog, schema}, 2, err);
        pthread_mutex_unlock(&k->lock);
    }
    arena_free(a);
    return rc;
}
