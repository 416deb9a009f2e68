#include "serve/pg_catalog.h"
#include "base/doc.h"
#include "base/map.h"
#include "base/time.h"
#include "serve/pg_catalog_schema.h"
#include "serve/pg_catalog_text.h"
#include "serve/pg_types.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_OID = 16384, PATH_BYTES = 400, VALUE_BYTES = 16 << 20 };

/* A table of a schema, as SHOW TABLES names it. */
struct entry { struct str schema, name; bool view; };

struct query_session {
    const struct query_service *inner;
    struct query_session *session;      /* of the inner service */
    sqlite3 *db;                        /* NULL: not asked yet; who cancels reads it */
    bool columns_there;
    int64_t read_us;                    /* when the content was read, mono; 0: read it again */
    sqlite3_stmt *stmt;                 /* the open result is of the catalog */
    bool row_ready;
    struct arena *arena;                /* of the open result */
    size_t cols;
    char user[64], search_path[PATH_BYTES];
};

struct wrap { const struct query_service *inner; };

static int bad(sqlite3 *db, struct err *err)
{
    if (sqlite3_errcode(db) == SQLITE_INTERRUPT)
        return err_set(err, ERR_CANCELED, "canceled");
    if (sqlite3_errcode(db) == SQLITE_AUTH)
        return err_set(err, ERR_DENIED, "PostgreSQL's catalog is read only");
    return err_set(err, ERR_UNSUPPORTED, "PostgreSQL's catalog does not answer this here: %s", sqlite3_errmsg(db));
}

/* ---------------------------------------------------------------- functions of PostgreSQL */

static const char *text_arg(sqlite3_value **v, int i)
{
    const char *s = (const char *)sqlite3_value_text(v[i]);
    return s ? s : "";
}

static void f_null(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_null(c);
}

static void f_true(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_int(c, 1);
}

static void f_zero(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_int(c, 0);
}

static void f_first(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (n)
        sqlite3_result_value(c, v[0]);
}

static void f_user(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct query_session *s = sqlite3_user_data(c);
    (void)n, (void)v;
    sqlite3_result_text(c, s->user, -1, SQLITE_TRANSIENT);
}

static void f_database(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_text(c, "main", -1, SQLITE_STATIC);
}

static void f_empty(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_text(c, "[]", -1, SQLITE_STATIC);
}

static void f_version(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_text(c, "PostgreSQL 16.0 (Paystreak)", -1, SQLITE_STATIC);
}

static void f_utf8(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    sqlite3_result_text(c, "UTF8", -1, SQLITE_STATIC);
}

/* Is `schema` one of the search path's, or the catalog's own? */
static bool in_path(const struct query_session *s, struct str schema)
{
    struct str rest = str_z(s->search_path), one;
    while (str_split(&rest, ',', &one))
        if (str_ieq(str_trim(one), schema))
            return true;
    return str_eqz(schema, "pg_catalog");
}

static void f_schema(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct query_session *s = sqlite3_user_data(c);
    struct str rest = str_z(s->search_path), one = STR_NONE;
    (void)n, (void)v;
    str_split(&rest, ',', &one);
    one = str_trim(one);
    sqlite3_result_text(c, one.len ? one.ptr : "default", one.len ? (int)one.len : -1, SQLITE_TRANSIENT);
}

static void f_schemas(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct query_session *s = sqlite3_user_data(c);
    struct str rest = str_z(s->search_path), one;
    struct buf b;
    buf_init(&b);
    buf_z(&b, n && sqlite3_value_int(v[0]) ? "[\"pg_catalog\"" : "[");
    while (str_split(&rest, ',', &one)) {
        buf_z(&b, b.len > 1 ? "," : "");
        json_quote(&b, str_trim(one));
    }
    buf_char(&b, ']');
    sqlite3_result_text(c, b.ptr, (int)b.len, SQLITE_TRANSIENT);
    buf_release(&b);
}

/* '{a,b}' as JSON; JSON and what is no array go through. */
static void f_array(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct str text = str_z(text_arg(v, 0)), one;
    (void)n;
    if (text.len < 2 || text.ptr[0] != '{') {
        if (text.len && text.ptr[0] == '[')
            sqlite3_result_value(c, v[0]);
        else
            sqlite3_result_text(c, "[]", -1, SQLITE_STATIC);
        return;
    }
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    text = str_sub(text, 1, text.len - 2);
    while (text.len && str_split(&text, ',', &one)) {
        buf_z(&b, b.len > 1 ? "," : "");
        json_quote(&b, str_trim(one));
    }
    buf_char(&b, ']');
    sqlite3_result_text(c, b.ptr, (int)b.len, SQLITE_TRANSIENT);
    buf_release(&b);
}

static void f_regexp(sqlite3_context *c, int n, sqlite3_value **v)
{
    const char *pattern = text_arg(v, 0), *text = text_arg(v, 1);
    int code;
    size_t at;
    (void)n;
    if (sqlite3_value_type(v[0]) == SQLITE_NULL || sqlite3_value_type(v[1]) == SQLITE_NULL)
        return;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &at, NULL);
    if (!re) {
        sqlite3_result_error(c, "invalid regular expression", -1);
        return;
    }
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    sqlite3_result_int(c, pcre2_match(re, (PCRE2_SPTR)text, strlen(text), 0, 0, found, NULL) >= 0);
    pcre2_match_data_free(found);
    pcre2_code_free(re);
}

static const char *next_char(const char *s)
{
    do
        s++;
    while ((*s & 0xc0) == 0x80);
    return s;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* PostgreSQL's LIKE: a backslash escapes. With `fold` the case of ASCII letters does not count. */
static bool like(const char *p, const char *s, bool fold)
{
    const char *star = NULL, *mark = NULL;
    while (*s) {
        bool escaped = *p == '\\' && p[1];
        char want = escaped ? p[1] : *p;
        if (*p == '%') {
            star = p++;
            mark = s;
        } else if (*p == '_') {
            p++;
            s = next_char(s);
        } else if (want && (want == *s || (fold && lower(want) == lower(*s)))) {
            p += escaped ? 2 : 1;
            s++;
        } else if (star) {
            p = star + 1;
            s = mark = next_char(mark);
        } else {
            return false;
        }
    }
    while (*p == '%')
        p++;
    return !*p;
}

static void f_like(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    if (sqlite3_value_type(v[0]) != SQLITE_NULL && sqlite3_value_type(v[1]) != SQLITE_NULL)
        sqlite3_result_int(c, like(text_arg(v, 0), text_arg(v, 1), false));
}

/* x GLOB y calls it: ILIKE, which SQLite has no operator for. */
static void f_ilike(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    if (sqlite3_value_type(v[0]) != SQLITE_NULL && sqlite3_value_type(v[1]) != SQLITE_NULL)
        sqlite3_result_int(c, like(text_arg(v, 0), text_arg(v, 1), true));
}

static int64_t oid_of(struct str schema, struct str name)
{
    struct arena *a = arena_new();
    uint64_t h = str_hash(str_fmt(a, "%.*s.%.*s", STR_ARGS(schema), STR_ARGS(name)));
    arena_free(a);
    return FIRST_OID + (int64_t)(h % (1u << 30));
}

static void f_quote_ident(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct str s = str_z(text_arg(v, 0));
    struct buf b;
    bool plain = s.len > 0;
    (void)n;
    for (size_t i = 0; i < s.len; i++)
        plain &= (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || s.ptr[i] == '_' || (i && s.ptr[i] >= '0' && s.ptr[i] <= '9');
    buf_init(&b);
    buf_z(&b, plain ? "" : "\"");
    buf_str(&b, s);
    buf_z(&b, plain ? "" : "\"");
    sqlite3_result_text(c, b.ptr, (int)b.len, SQLITE_TRANSIENT);
    buf_release(&b);
}

static void one_value(sqlite3_context *c, const char *sql, int64_t number, struct str text)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(sqlite3_context_db_handle(c), sql, -1, &st, NULL) != SQLITE_OK)
        return;
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_text(st, 2, text.ptr, (int)text.len, SQLITE_TRANSIENT);
    if (sqlite3_step(st) == SQLITE_ROW)
        sqlite3_result_value(c, sqlite3_column_value(st, 0));
    sqlite3_finalize(st);
}

/* 'schema.name' or 'name' along the search path, quotes off. */
static void f_regclass(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct query_session *s = sqlite3_user_data(c);
    struct arena *a = arena_new();
    struct buf b;
    (void)n;
    if (sqlite3_value_type(v[0]) == SQLITE_INTEGER) {
        sqlite3_result_value(c, v[0]);
        arena_free(a);
        return;
    }
    buf_init(&b);
    for (const char *p = text_arg(v, 0); *p; p++)
        if (*p != '"')
            buf_char(&b, *p);
    int64_t dot = str_rchr(buf_view(&b), '.');
    struct str name = str_from(buf_view(&b), (size_t)(dot + 1)), schema = dot > 0 ? str_sub(buf_view(&b), 0, (size_t)dot) : STR_NONE;
    struct str rest = schema.ptr ? schema : str_fmt(a, "pg_catalog,%s", s->search_path), one;
    int64_t last = str_rchr(rest, '.');
    if (schema.ptr && last >= 0)
        rest = str_from(rest, (size_t)last + 1);
    while (sqlite3_value_type(v[0]) != SQLITE_NULL && str_split(&rest, ',', &one))
        one_value(c, "SELECT oid FROM pg_class WHERE oid = ?1 AND relname = ?2", oid_of(str_trim(one), name), name);
    buf_release(&b);
    arena_free(a);
}

static void f_regnamespace(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    one_value(c, "SELECT oid FROM pg_namespace WHERE ?1 = 0 AND nspname = ?2", 0, str_z(text_arg(v, 0)));
}

static void f_visible(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct query_session *s = sqlite3_user_data(c);
    sqlite3_stmt *st;
    (void)n;
    if (sqlite3_prepare_v2(s->db, "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ?1", -1,
                           &st, NULL) != SQLITE_OK)
        return;
    sqlite3_bind_int64(st, 1, sqlite3_value_int64(v[0]));
    if (sqlite3_step(st) == SQLITE_ROW)
        sqlite3_result_int(c, in_path(s, str_z((const char *)sqlite3_column_text(st, 0))));
    sqlite3_finalize(st);
}

/* Types that columns have here: PostgreSQL's catalog name, the name that people see, its array's OID. */
static const struct { uint32_t oid, array; const char *name, *shown; int len; char category; } TYPES[] = {
    {PG_BOOL, 1000, "bool", "boolean", 1, 'B'}, {PG_BYTEA, 1001, "bytea", "bytea", -1, 'U'}, {PG_CHAR, 1002, "char", "\"char\"", 1, 'Z'},
    {PG_NAME, 1003, "name", "name", 64, 'S'}, {PG_INT8, 1016, "int8", "bigint", 8, 'N'}, {PG_INT2, 1005, "int2", "smallint", 2, 'N'},
    {PG_INT4, 1007, "int4", "integer", 4, 'N'}, {24, 1008, "regproc", "regproc", 4, 'N'}, {PG_TEXT, 1009, "text", "text", -1, 'S'},
    {PG_OID, 1028, "oid", "oid", 4, 'N'}, {PG_JSON, 199, "json", "json", -1, 'U'}, {PG_FLOAT4, 1021, "float4", "real", 4, 'N'},
    {PG_FLOAT8, 1022, "float8", "double precision", 8, 'N'}, {PG_UNKNOWN, 0, "unknown", "unknown", -2, 'X'},
    {PG_BPCHAR, 1014, "bpchar", "character", -1, 'S'}, {PG_VARCHAR, 1015, "varchar", "character varying", -1, 'S'},
    {PG_DATE, 1182, "date", "date", 4, 'D'}, {PG_TIME, 1183, "time", "time without time zone", 8, 'D'},
    {PG_TIMESTAMP, 1115, "timestamp", "timestamp without time zone", 8, 'D'},
    {PG_TIMESTAMPTZ, 1185, "timestamptz", "timestamp with time zone", 8, 'D'}, {PG_INTERVAL, 1187, "interval", "interval", 16, 'T'},
    {PG_NUMERIC, 1231, "numeric", "numeric", -1, 'N'}, {PG_UUID, 2951, "uuid", "uuid", 16, 'U'}, {PG_JSONB, 3807, "jsonb", "jsonb", -1, 'U'},
    {2205, 2210, "regclass", "regclass", 4, 'N'}, {2206, 2211, "regtype", "regtype", 4, 'N'},
};

static struct str type_shown(struct arena *a, uint32_t oid, int64_t typmod)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        if (TYPES[i].array == oid && oid)
            return str_fmt(a, "%s[]", TYPES[i].shown);
        if (TYPES[i].oid != oid)
            continue;
        if (oid == PG_NUMERIC && typmod >= 4)
            return str_fmt(a, "numeric(%d,%d)", (int)((typmod - 4) >> 16), (int)((typmod - 4) & 0xffff));
        return str_z(TYPES[i].shown);
    }
    return STR("???");
}

static void f_format_type(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct arena *a = arena_new();
    struct str s = type_shown(a, (uint32_t)sqlite3_value_int64(v[0]), n > 1 && sqlite3_value_type(v[1]) != SQLITE_NULL ? sqlite3_value_int64(v[1]) : -1);
    if (sqlite3_value_type(v[0]) != SQLITE_NULL)
        sqlite3_result_text(c, s.ptr, (int)s.len, SQLITE_TRANSIENT);
    arena_free(a);
}

static void f_length(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    if (sqlite3_value_type(v[0]) != SQLITE_NULL)
        sqlite3_result_int(c, 1);
}

/* PostgreSQL's settings that clients ask for by name. */
static void f_setting(sqlite3_context *c, int n, sqlite3_value **v)
{
    static const struct { const char *name, *value; } rows[] = {
        {"server_version_num", "160000"}, {"server_version", "16.0"}, {"max_index_keys", "32"}, {"search_path", ""},
        {"default_transaction_isolation", "read committed"}, {"transaction_isolation", "read committed"}, {"is_superuser", "off"}};
    struct query_session *s = sqlite3_user_data(c);
    (void)n;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_ieqz(str_z(text_arg(v, 0)), rows[i].name))
            sqlite3_result_text(c, *rows[i].value ? rows[i].value : s->search_path, -1, SQLITE_TRANSIENT);
}

static const struct { const char *name; int args; void (*fn)(sqlite3_context *, int, sqlite3_value **); } FUNCTIONS[] = {
    {"current_user", 0, f_user}, {"session_user", 0, f_user}, {"user", 0, f_user}, {"current_role", 0, f_user}, {"pg_get_userbyid", 1, f_user},
    {"current_database", 0, f_database}, {"current_catalog", 0, f_database}, {"current_schema", 0, f_schema}, {"current_schemas", 1, f_schemas},
    {"version", 0, f_version}, {"pg_encoding_to_char", 1, f_utf8}, {"getdatabaseencoding", 0, f_utf8}, {"pg_client_encoding", 0, f_utf8},
    {"pg_array", 1, f_array}, {"pg_no_rows", -1, f_empty}, {"regexp", 2, f_regexp}, {"like", 2, f_like}, {"glob", 2, f_ilike},
    {"quote_ident", 1, f_quote_ident}, {"to_regclass", 1, f_regclass},
    {"to_regnamespace", 1, f_regnamespace}, {"pg_table_is_visible", 1, f_visible}, {"format_type", 2, f_format_type},
    {"pg_type_is_visible", 1, f_true}, {"pg_function_is_visible", 1, f_true}, {"pg_operator_is_visible", 1, f_true},
    {"has_table_privilege", -1, f_true}, {"has_schema_privilege", -1, f_true}, {"has_database_privilege", -1, f_true},
    {"has_column_privilege", -1, f_true}, {"has_any_column_privilege", -1, f_true}, {"pg_has_role", -1, f_true},
    {"pg_is_in_recovery", 0, f_zero}, {"pg_my_temp_schema", 0, f_zero}, {"pg_is_other_temp_schema", 1, f_zero}, {"pg_backend_pid", 0, f_zero},
    {"pg_relation_size", -1, f_zero}, {"pg_total_relation_size", -1, f_zero}, {"pg_table_size", -1, f_zero}, {"pg_database_size", -1, f_zero},
    {"pg_size_pretty", 1, f_first}, {"txid_current", 0, f_zero}, {"pg_relation_is_publishable", 1, f_zero},
    {"obj_description", -1, f_null}, {"col_description", -1, f_null}, {"shobj_description", -1, f_null}, {"pg_get_expr", -1, f_null},
    {"pg_get_viewdef", -1, f_null}, {"pg_get_indexdef", -1, f_null}, {"pg_get_constraintdef", -1, f_null}, {"pg_get_partkeydef", -1, f_null},
    {"pg_get_functiondef", -1, f_null}, {"pg_get_function_result", -1, f_null}, {"pg_get_function_arguments", -1, f_null},
    {"pg_get_function_identity_arguments", -1, f_null}, {"pg_get_triggerdef", -1, f_null}, {"pg_get_ruledef", -1, f_null},
    {"pg_get_serial_sequence", -1, f_null}, {"pg_get_statisticsobjdef_columns", -1, f_null}, {"pg_tablespace_location", -1, f_null},
    {"pg_get_partition_constraintdef", -1, f_null}, {"pg_describe_object", -1, f_null}, {"pg_relation_filepath", -1, f_null},
    {"array_to_string", -1, f_null}, {"array_upper", -1, f_length}, {"array_length", -1, f_length}, {"array_lower", -1, f_length},
    {"information_schema__pg_expandarray", -1, f_null},
    {"current_setting", -1, f_setting}, {"set_config", -1, f_null}, {"inet_server_addr", 0, f_null}, {"inet_server_port", 0, f_null},
    {"pg_postmaster_start_time", 0, f_null}, {"pg_char_to_encoding", 1, f_null}, {"pg_stat_get_numscans", 1, f_zero},
};

/* ---------------------------------------------------------------- filling */

static int run(sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : bad(db, err);
}

/* One INSERT: `format` has a letter a value, i for int64_t and s for struct str. */
static int insert(sqlite3 *db, const char *sql, struct err *err, const char *format, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        return bad(db, err);
    va_start(ap, format);
    for (int i = 0; format[i]; i++) {
        if (format[i] == 'i') {
            sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
        } else {
            struct str s = va_arg(ap, struct str);
            sqlite3_bind_text(st, i + 1, s.ptr, (int)s.len, SQLITE_TRANSIENT);
        }
    }
    va_end(ap);
    int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : bad(db, err);
    sqlite3_finalize(st);
    return rc;
}

static int open_db(struct query_session *s, struct err *err)
{
    sqlite3 *db;
    bool open = sqlite3_open(":memory:", &db) == SQLITE_OK;
    __atomic_store_n(&s->db, db, __ATOMIC_RELEASE);
    if (!open)
        return bad(s->db, err);
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0); /* no file is reached from here */
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES);
    for (size_t i = 0; i < COUNT_OF(FUNCTIONS); i++)
        if (sqlite3_create_function_v2(s->db, FUNCTIONS[i].name, FUNCTIONS[i].args, SQLITE_UTF8, s, FUNCTIONS[i].fn, NULL, NULL, NULL) != SQLITE_OK)
            return bad(s->db, err);
    /* A table-valued function is made at its first use, which the statements of clients may not do. */
    if (run(s->db, PG_CATALOG_SCHEMA, err) || run(s->db, "SELECT * FROM json_each('[]')", err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        struct str name = str_z(TYPES[i].name), category = str_of(&TYPES[i].category, 1);
        struct arena *a = arena_new();
        struct str array = str_fmt(a, "_%s", TYPES[i].name);
        int rc = insert(s->db, "INSERT INTO pg_type(oid, typname, typlen, typcategory, typarray, typinput, typoutput, typreceive, typsend)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?2 || 'in', ?2 || 'out', ?2 || 'recv', ?2 || 'send')", err, "isisi",
                        (int64_t)TYPES[i].oid, name, (int64_t)TYPES[i].len, category, (int64_t)TYPES[i].array);
        if (rc == 0 && TYPES[i].array)
            rc = insert(s->db, "INSERT INTO pg_type(oid, typname, typlen, typcategory, typelem, typinput, typoutput, typreceive, typsend)"
                               " VALUES (?1, ?2, -1, 'A', ?3, 'array_in', 'array_out', 'array_recv', 'array_send')", err, "isi",
                        (int64_t)TYPES[i].array, array, (int64_t)TYPES[i].oid);
        arena_free(a);
        if (rc)
            return -1;
    }
    return insert(s->db, "INSERT INTO pg_roles VALUES (10, ?1, 0, 1, 0, 0, 1, 0, -1, '********', NULL, 0, NULL)", err, "s", str_z(s->user));
}

/* The rows of a statement of the inner service, as cells in the arena: `cols` a row. */
struct rows { struct arena *a; struct str *cells; size_t count, cap, cols; };

static int keep_rows(void *arg, const struct query_cell *cells, size_t rows, struct err *err)
{
    struct rows *r = arg;
    if (r->count / (r->cols ? r->cols : 1) > CATALOG_MAX_TABLES)
        return err_set(err, ERR_LIMIT, "more than CATALOG_MAX_TABLES tables in a schema");
    r->cells = arena_grow(r->a, r->cells, &r->cap, r->count + rows * r->cols, sizeof *r->cells);
    for (size_t i = 0; i < rows * r->cols; i++)
        r->cells[r->count++] = str_copy(r->a, str_of(cells[i].ptr, cells[i].len));
    return 0;
}

static int rows_of(struct query_session *s, struct arena *a, struct str text, struct rows *out, struct err *err)
{
    struct query_result res = {0};
    struct query_request q = {.text = text, .style = QUERY_PG};
    *out = (struct rows){.a = a};
    int rc = s->inner->start(s->session, &q, &res, err);
    out->cols = rc ? 0 : res.column_count;
    for (int more = rc == 0 && out->cols; more > 0 && rc == 0;) {
        more = s->inner->fetch(s->session, keep_rows, out, err);
        rc = more < 0 ? -1 : 0;
    }
    s->inner->finish(s->session);
    return rc;
}

static int add_columns(struct query_session *s, struct arena *a, const struct entry *e, int64_t oid, struct err *err)
{
    struct query_result res = {0};
    struct query_request q = {.text = str_fmt(a, "SELECT * FROM `%.*s`.`%.*s`", STR_ARGS(e->schema), STR_ARGS(e->name)),
                              .style = QUERY_PG, .describe = true};
    struct err broken;
    int rc = s->inner->start(s->session, &q, &res, &broken);
    for (size_t i = 0; rc == 0 && i < res.column_count; i++) {
        struct pg_type t = pg_type_of(res.columns[i].type);
        if (insert(s->db, "INSERT INTO pg_attribute(attrelid, attname, atttypid, attlen, attnum, atttypmod) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", err,
                   "isiiii", oid, res.columns[i].name, (int64_t)t.oid, (int64_t)t.size, (int64_t)i + 1, (int64_t)t.typmod)) {
            s->inner->finish(s->session);
            return -1;
        }
    }
    s->inner->finish(s->session); /* a view that no longer fits its tables has no columns */
    return insert(s->db, "UPDATE pg_class SET relnatts = ?2 WHERE oid = ?1", err, "ii", oid, (int64_t)(rc ? 0 : res.column_count));
}

static int add_schema(struct query_session *s, struct arena *a, struct str schema, bool columns, struct err *err)
{
    struct rows tables, views;
    int64_t space = oid_of(schema, STR(""));
    struct err none;
    if (insert(s->db, "INSERT INTO pg_namespace VALUES (?1, ?2, 10, NULL)", err, "is", space, schema) ||
        rows_of(s, a, str_fmt(a, "SHOW TABLES IN `%.*s`", STR_ARGS(schema)), &tables, err))
        return -1;
    struct map *is_view = map_new();
    if (rows_of(s, a, str_fmt(a, "SHOW VIEWS IN `%.*s`", STR_ARGS(schema)), &views, &none) == 0)
        for (size_t i = 1; views.cols >= 2 && i < views.count; i += views.cols)
            map_put(is_view, views.cells[i], (void *)1);
    int rc = 0;
    for (size_t i = 0; tables.cols >= 2 && i < tables.count && rc == 0; i += tables.cols) {
        struct entry e = {schema, tables.cells[i + 1], map_has(is_view, tables.cells[i + 1])};
        int64_t oid = oid_of(schema, e.name);
        if (!tables.cells[i].len) /* a temporary view is in no schema */
            continue;
        rc = insert(s->db, "INSERT INTO pg_class(oid, relname, relnamespace, reltype, relkind) VALUES (?1, ?2, ?3, 0, ?4)", err, "isis", oid,
                    e.name, space, e.view ? STR("v") : STR("r"));
        if (rc == 0 && columns)
            rc = add_columns(s, a, &e, oid, err);
    }
    map_free(is_view);
    return rc;
}

static int refresh(struct query_session *s, bool columns, struct err *err)
{
    int64_t now = time_mono_us();
    if (!s->db && open_db(s, err))
        return -1;
    if (s->read_us && now - s->read_us < CATALOG_FRESH_MS * 1000 && (s->columns_there || !columns))
        return 0;
    struct arena *a = arena_new();
    struct rows schemas;
    int rc = run(s->db, "BEGIN; DELETE FROM pg_namespace; DELETE FROM pg_class; DELETE FROM pg_attribute;"
                        "INSERT INTO pg_namespace VALUES (11, 'pg_catalog', 10, NULL), (12, 'information_schema', 10, NULL);", err);
    if (rc == 0)
        rc = rows_of(s, a, STR("SHOW SCHEMAS"), &schemas, err);
    for (size_t i = 0; rc == 0 && schemas.cols && i < schemas.count; i += schemas.cols)
        rc = add_schema(s, a, schemas.cells[i], columns, err);
    struct err ignored;
    if (run(s->db, "COMMIT", rc ? &ignored : err))
        rc = -1;
    s->read_us = rc ? 0 : now;
    s->columns_there = columns;
    arena_free(a);
    return rc;
}

/* ---------------------------------------------------------------- the service */

static struct query_session *wrap_open(void *ctx, const struct query_open *o, struct err *err)
{
    struct wrap *w = ctx;
    struct query_session *session = w->inner->open(w->inner->ctx, o, err);
    if (!session)
        return NULL;
    struct query_session *s = NEW(struct query_session);
    s->inner = w->inner;
    s->session = session;
    snprintf(s->user, sizeof s->user, "%s", o->user ? o->user : "paystreak");
    snprintf(s->search_path, sizeof s->search_path, "%s", o->search_path ? o->search_path : "default");
    return s;
}

static void wrap_finish(struct query_session *s)
{
    sqlite3_finalize(s->stmt);
    s->stmt = NULL;
    arena_free(s->arena);
    s->arena = NULL;
    s->inner->finish(s->session);
}

static void wrap_close(struct query_session *s)
{
    wrap_finish(s);
    s->inner->close(s->session);
    sqlite3_close(s->db);
    mem_free(s);
}

/* A column's type: as its relation declares it, else as the first row has it. */
static struct str column_type(struct query_session *s, int col)
{
    static const struct { const char *declared, *type; } rows[] = {
        {"oid", "oid"}, {"name", "name"}, {"int2", "smallint"}, {"int4", "int"}, {"int8", "bigint"}, {"bool", "boolean"},
        {"float4", "float"}, {"char", "pgchar"}};
    const char *declared = sqlite3_column_decltype(s->stmt, col);
    for (size_t i = 0; declared && i < COUNT_OF(rows); i++)
        if (strcmp(declared, rows[i].declared) == 0)
            return str_z(rows[i].type);
    if (!declared && s->row_ready && sqlite3_column_type(s->stmt, col) == SQLITE_INTEGER)
        return STR("bigint");
    if (!declared && s->row_ready && sqlite3_column_type(s->stmt, col) == SQLITE_FLOAT)
        return STR("double");
    return STR("string");
}

/* A client's statement may read what is here, and nothing else: no ATTACH, no PRAGMA, no change. */
static int only_reads(void *ctx, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)ctx, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static int catalog_start(struct query_session *s, const struct query_request *q, struct query_result *out, struct err *err)
{
    struct buf sql;
    if (refresh(s, pg_catalog_wants_columns(q->text), err))
        return -1;
    buf_init(&sql);
    int rc = pg_catalog_rewrite(q->text, &sql, err);
    sqlite3_set_authorizer(s->db, only_reads, NULL);
    if (rc == 0 && sqlite3_prepare_v2(s->db, sql.ptr, (int)sql.len, &s->stmt, NULL) != SQLITE_OK)
        rc = bad(s->db, err);
    sqlite3_set_authorizer(s->db, NULL, NULL);
    buf_release(&sql);
    if (rc)
        return -1;
    int step = sqlite3_step(s->stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return bad(s->db, err);
    s->row_ready = step == SQLITE_ROW;
    s->cols = (size_t)sqlite3_column_count(s->stmt);
    s->arena = arena_new();
    struct query_column *cols = ARENA_ARRAY(s->arena, struct query_column, s->cols + 1);
    for (size_t i = 0; i < s->cols; i++) {
        cols[i].name = str_copy(s->arena, str_z(sqlite3_column_name(s->stmt, (int)i)));
        cols[i].type = column_type(s, (int)i);
    }
    *out = (struct query_result){.columns = cols, .column_count = s->cols, .tag = "SELECT", .affected = -1};
    return 0;
}

static int wrap_start(struct query_session *s, const struct query_request *q, struct query_result *out, struct err *err)
{
    if (pg_catalog_asked(q->text))
        return catalog_start(s, q, out, err);
    s->read_us = 0; /* what this statement does may show in the catalog */
    return s->inner->start(s->session, q, out, err);
}

static int wrap_fetch(struct query_session *s, query_rows_fn rows, void *arg, struct err *err)
{
    if (!s->stmt)
        return s->inner->fetch(s->session, rows, arg, err);
    struct arena *a = arena_new();
    struct query_cell *cells = ARENA_ARRAY(a, struct query_cell, s->cols * QUERY_CHUNK_ROWS + 1);
    size_t n = 0;
    int rc = 0;
    for (; s->row_ready && n < QUERY_CHUNK_ROWS; n++) {
        for (size_t i = 0; i < s->cols; i++) {
            const char *declared = sqlite3_column_decltype(s->stmt, (int)i), *text = (const char *)sqlite3_column_text(s->stmt, (int)i);
            struct str v = text ? str_copy(a, str_of(text, (size_t)sqlite3_column_bytes(s->stmt, (int)i))) : STR_NONE;
            if (text && declared && strcmp(declared, "bool") == 0)
                v = sqlite3_column_int(s->stmt, (int)i) ? STR("t") : STR("f");
            cells[n * s->cols + i] = (struct query_cell){text && !v.ptr ? "" : v.ptr, v.len};
        }
        int step = sqlite3_step(s->stmt);
        s->row_ready = step == SQLITE_ROW;
        if (step != SQLITE_ROW && step != SQLITE_DONE)
            rc = bad(s->db, err);
    }
    if (rc == 0 && n)
        rc = rows(arg, cells, n, err);
    arena_free(a);
    return rc ? -1 : s->row_ready;
}

static void wrap_cancel(struct query_session *s)
{
    sqlite3 *db = __atomic_load_n(&s->db, __ATOMIC_ACQUIRE);
    s->inner->cancel(s->session); /* what the catalog asks of it */
    if (db)
        sqlite3_interrupt(db);
}

static int wrap_set(struct query_session *s, struct str key, struct str value, struct err *err)
{
    if (str_ieqz(key, "search_path"))
        snprintf(s->search_path, sizeof s->search_path, "%.*s", STR_ARGS(value));
    return s->inner->set(s->session, key, value, err);
}

struct query_service pg_catalog_service(const struct query_service *inner)
{
    struct wrap *w = NEW(struct wrap);
    w->inner = inner;
    return (struct query_service){.ctx = w, .open = wrap_open, .close = wrap_close, .start = wrap_start, .fetch = wrap_fetch,
                                  .finish = wrap_finish, .cancel = wrap_cancel, .set = wrap_set};
}

void pg_catalog_release(struct query_service *s)
{
    mem_free(s->ctx);
    *s = (struct query_service){0};
}
