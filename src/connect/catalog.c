/* catalog -- spark.catalog: databases, tables, columns, and the session's place among them.
 *
 * Each request is a relation of its own that clients put at the root of a plan. Its answer is made of
 * rows, written as a query over literals and run as any other, so that its columns have their types. */
#include "connect/connect_int.h"
#include "engine/files.h"
#include "sparksql/sparksql.h"
#include <string.h>

#define CAT(x) SPARK__CONNECT__CATALOG__CAT_TYPE_##x

/* ---------------------------------------------------------------- rows as a query */

struct rows { struct buf sql; const char *columns; size_t count; };

static void rows_begin(struct rows *r, const char *columns)
{
    *r = (struct rows){.columns = columns};
    buf_init(&r->sql);
}

static void row(struct rows *r) { buf_z(&r->sql, r->count++ ? ") UNION ALL SELECT * FROM VALUES (" : "SELECT * FROM VALUES ("); }

static void cell(struct rows *r, struct str s)
{
    if (r->sql.ptr[r->sql.len - 1] != '(')
        buf_z(&r->sql, ", ");
    if (s.ptr)
        json_quote(&r->sql, s); /* Spark reads "…" with backslash escapes as text */
    else
        buf_z(&r->sql, "CAST(NULL AS STRING)");
}

static void raw(struct rows *r, const char *sql)
{
    if (r->sql.ptr[r->sql.len - 1] != '(')
        buf_z(&r->sql, ", ");
    buf_z(&r->sql, sql);
}

static void flag(struct rows *r, bool v) { raw(r, v ? "true" : "false"); }

/* `none`: one row of the right types, for an answer without rows. */
static int rows_run(struct call *c, struct rows *r, const char *none)
{
    struct buf sql;
    buf_init(&sql);
    if (r->count)
        buf_printf(&sql, "SELECT * FROM (%s)) AS t(%s)", r->sql.ptr, r->columns);
    else
        buf_printf(&sql, "SELECT * FROM VALUES (%s) AS t(%s) WHERE false", none, r->columns);
    buf_release(&r->sql);
    struct rel *q = sparksql_query(c->a, "catalog", str_copy(c->a, buf_view(&sql)), &c->err);
    buf_release(&sql);
    return q ? call_run(c, q) : -1;
}

static int one_text(struct call *c, struct str value)
{
    struct rows r;
    rows_begin(&r, "value");
    row(&r);
    cell(&r, value);
    return rows_run(c, &r, "''");
}

static int one_flag(struct call *c, bool value)
{
    struct rows r;
    rows_begin(&r, "value");
    row(&r);
    flag(&r, value);
    return rows_run(c, &r, "false");
}

static int nothing(struct call *c)
{
    struct rows r;
    rows_begin(&r, "value");
    return rows_run(c, &r, "''");
}

/* ---------------------------------------------------------------- what SHOW says */

struct table { struct str name, schema; bool temporary; };
struct list { struct table *items; size_t count, cap; };

/* The rows of a SHOW statement: SCHEMAS and CATALOGS have one column, TABLES namespace, name, isTemporary. */
static int show(struct call *c, const char *text, bool tables, struct list *out)
{
    struct stmts stmts = {0};
    struct session_result r;
    int rc;
    if (sparksql_parse(c->a, "catalog", 1, str_z(text), &stmts, &c->err) || session_execute(c->client->session, c->a, stmts.items[0], NULL, &r, &c->err))
        return -1;
    while ((rc = duck_next(r.rows, &c->err)) > 0)
        for (size_t i = 0; i < duck_rows(r.rows); i++) {
            struct str cells[3] = {STR(""), STR(""), STR("")};
            for (size_t k = 0; k < (tables ? 3 : 1); k++) {
                struct buf b;
                buf_init(&b);
                duck_render(r.rows, k, i, DUCK_AS_TEXT, &b);
                cells[k] = str_copy(c->a, buf_view(&b));
                buf_release(&b);
            }
            out->items = arena_grow(c->a, out->items, &out->cap, out->count + 1, sizeof *out->items);
            out->items[out->count++] = tables ? (struct table){cells[1], cells[0], str_ieqz(cells[2], "true")} : (struct table){cells[0], STR(""), false};
        }
    session_result_release(&r);
    return rc;
}

/* `a`.`b` of a name as a client writes it. */
static const char *quoted(struct call *c, const char *name)
{
    struct names n;
    struct buf b;
    if (names_translate(c->a, name, &n, &c->err))
        return NULL;
    buf_init(&b);
    for (size_t i = 0; i < n.count; i++) {
        buf_z(&b, i ? ".`" : "`");
        for (size_t k = 0; k < n.parts[i].len; k++)
            buf_printf(&b, n.parts[i].ptr[k] == '`' ? "``" : "%c", n.parts[i].ptr[k]);
        buf_char(&b, '`');
    }
    char *out = arena_strdup(c->a, b.ptr);
    buf_release(&b);
    return out;
}

/* Spark's patterns: * is anything, | is or; case is ignored. */
static bool matches(struct arena *a, const char *pattern, struct str name)
{
    struct str rest = str_z(pattern ? pattern : "*"), one;
    while (str_split(&rest, '|', &one))
        if (path_glob_match(str_lower(a, str_trim(one)), str_lower(a, name)))
            return true;
    return false;
}

/* ---------------------------------------------------------------- databases */

#define DATABASE_COLUMNS "name, catalog, description, locationUri"
#define DATABASE_NONE "'', '', '', ''"
static void put_database(struct call *c, struct rows *r, struct str name)
{
    row(r);
    cell(r, name);
    cell(r, session_catalog(c->client->session));
    cell(r, STR_NONE);
    cell(r, STR(""));
}

static int databases(struct call *c, const char *pattern)
{
    struct list l = {0};
    struct rows r;
    if (show(c, "SHOW SCHEMAS", false, &l))
        return -1;
    rows_begin(&r, DATABASE_COLUMNS);
    for (size_t i = 0; i < l.count; i++)
        if (matches(c->a, pattern, l.items[i].name))
            put_database(c, &r, l.items[i].name);
    return rows_run(c, &r, DATABASE_NONE);
}

static int find_database(struct call *c, const char *name, bool *found, struct str *as)
{
    struct list l = {0};
    struct names n;
    *found = false;
    if (names_translate(c->a, name, &n, &c->err) || show(c, "SHOW SCHEMAS", false, &l))
        return -1;
    for (size_t i = 0; i < l.count && n.count; i++)
        if (str_ieq(l.items[i].name, n.parts[n.count - 1])) {
            *found = true;
            *as = l.items[i].name;
        }
    return 0;
}

static int get_database(struct call *c, const char *name)
{
    struct rows r;
    bool found;
    struct str as;
    if (find_database(c, name, &found, &as))
        return -1;
    if (!found)
        return err_set(&c->err, ERR_NOT_FOUND, "[SCHEMA_NOT_FOUND] The schema `%s` cannot be found", name);
    rows_begin(&r, DATABASE_COLUMNS);
    put_database(c, &r, as);
    return rows_run(c, &r, DATABASE_NONE);
}

/* ---------------------------------------------------------------- tables */

static const struct type *table_type(struct call *c, const char *table, const char *db, struct names *name)
{
    struct rel *r = rel_new(c->a, REL_TABLE, (struct place){0});
    if (names_translate(c->a, db && *db ? arena_printf(c->a, "%s.%s", db, table) : table, name, &c->err))
        return NULL;
    r->name = *name;
    return session_schema_of(c->client->session, c->a, r, NULL, &c->err);
}

#define TABLE_COLUMNS "name, catalog, namespace, description, tableType, isTemporary"
#define TABLE_NONE "'', '', array(''), '', '', false"
static void put_table(struct call *c, struct rows *r, const struct table *t)
{
    struct buf space;
    row(r);
    cell(r, t->name);
    cell(r, t->temporary ? STR_NONE : session_catalog(c->client->session));
    buf_init(&space);
    buf_z(&space, t->temporary ? "CAST(array() AS ARRAY<STRING>)" : "array(");
    if (!t->temporary) {
        json_quote(&space, t->schema.len ? t->schema : session_schema(c->client->session));
        buf_char(&space, ')');
    }
    raw(r, space.ptr);
    buf_release(&space);
    cell(r, STR_NONE);
    cell(r, t->temporary ? STR("TEMPORARY") : STR("MANAGED"));
    flag(r, t->temporary);
}

static int tables(struct call *c, const char *db, const char *pattern)
{
    struct list l = {0};
    struct rows r;
    const char *in = db && *db ? quoted(c, db) : "";
    if (!in || show(c, arena_printf(c->a, db && *db ? "SHOW TABLES IN %s" : "SHOW TABLES", in), true, &l))
        return -1;
    rows_begin(&r, TABLE_COLUMNS);
    for (size_t i = 0; i < l.count; i++)
        if (matches(c->a, pattern, l.items[i].name))
            put_table(c, &r, &l.items[i]);
    return rows_run(c, &r, TABLE_NONE);
}

static int get_table(struct call *c, const char *table, const char *db)
{
    struct names name;
    struct rows r;
    if (!table_type(c, table, db, &name))
        return -1;
    rows_begin(&r, TABLE_COLUMNS);
    put_table(c, &r, &(struct table){name.parts[name.count - 1], name.count > 1 ? name.parts[name.count - 2] : STR(""), false});
    return rows_run(c, &r, TABLE_NONE);
}

static int table_exists(struct call *c, const char *table, const char *db)
{
    struct names name;
    bool there = table_type(c, table, db, &name) != NULL;
    if (!there && c->err.code != ERR_NOT_FOUND)
        return -1;
    c->err = (struct err){0};
    return one_flag(c, there);
}

static int columns(struct call *c, const char *table, const char *db)
{
    struct names name;
    struct rows r;
    const struct type *t = table_type(c, table, db, &name);
    if (!t)
        return -1;
    rows_begin(&r, "name, description, dataType, nullable, isPartition, isBucket, isCluster");
    for (size_t i = 0; i < t->field_count; i++) {
        struct buf type;
        buf_init(&type);
        type_write_ddl(&type, t->fields[i].type);
        row(&r);
        cell(&r, t->fields[i].name);
        cell(&r, STR_NONE);
        cell(&r, buf_view(&type));
        flag(&r, t->fields[i].nullable);
        flag(&r, false);
        flag(&r, false);
        flag(&r, false);
        buf_release(&type);
    }
    return rows_run(c, &r, "'', '', '', false, false, false, false");
}

static int catalogs(struct call *c, const char *pattern)
{
    struct list l = {0};
    struct rows r;
    if (show(c, "SHOW CATALOGS", false, &l))
        return -1;
    rows_begin(&r, "name, description");
    for (size_t i = 0; i < l.count; i++)
        if (matches(c->a, pattern, l.items[i].name)) {
            row(&r);
            cell(&r, l.items[i].name);
            cell(&r, STR_NONE);
        }
    return rows_run(c, &r, "'', ''");
}

static int use(struct call *c, const char *catalog, const char *schema)
{
    struct names n = {0};
    if (names_translate(c->a, catalog ? catalog : schema, &n, &c->err) || !n.count)
        return -1;
    struct str one = n.parts[n.count - 1], before = n.count > 1 ? n.parts[n.count - 2] : STR_NONE;
    if (session_use(c->client->session, catalog ? one : before, catalog ? STR_NONE : one, &c->err))
        return -1;
    return nothing(c);
}

int catalog_run(struct call *c, const Spark__Connect__Catalog *m)
{
    struct session *s = c->client->session;
    bool found;
    struct str as;
    switch ((int)m->cat_type_case) {
    case CAT(CURRENT_DATABASE): return one_text(c, session_schema(s));
    case CAT(CURRENT_CATALOG): return one_text(c, session_catalog(s));
    case CAT(SET_CURRENT_DATABASE): return use(c, NULL, m->set_current_database->db_name);
    case CAT(SET_CURRENT_CATALOG): return use(c, m->set_current_catalog->catalog_name, NULL);
    case CAT(LIST_CATALOGS): return catalogs(c, m->list_catalogs->pattern);
    case CAT(LIST_DATABASES): return databases(c, m->list_databases->pattern);
    case CAT(GET_DATABASE): return get_database(c, m->get_database->db_name);
    case CAT(DATABASE_EXISTS): return find_database(c, m->database_exists->db_name, &found, &as) ? -1 : one_flag(c, found);
    case CAT(LIST_TABLES): return tables(c, m->list_tables->db_name, m->list_tables->pattern);
    case CAT(GET_TABLE): return get_table(c, m->get_table->table_name, m->get_table->db_name);
    case CAT(TABLE_EXISTS): return table_exists(c, m->table_exists->table_name, m->table_exists->db_name);
    case CAT(LIST_COLUMNS): return columns(c, m->list_columns->table_name, m->list_columns->db_name);
    case CAT(DROP_TEMP_VIEW): return one_flag(c, session_drop_temp_view(s, str_z(m->drop_temp_view->view_name)));
    case CAT(IS_CACHED): return one_flag(c, false);
    case CAT(CACHE_TABLE): case CAT(UNCACHE_TABLE): case CAT(CLEAR_CACHE): case CAT(REFRESH_TABLE): case CAT(REFRESH_BY_PATH):
        return nothing(c); /* what a statement reads is always fresh: nothing is kept */
    default:
        return err_set(&c->err, ERR_UNSUPPORTED, "spark.catalog: %s is not supported", oneof_name(&spark__connect__catalog__descriptor, (int)m->cat_type_case));
    }
}
