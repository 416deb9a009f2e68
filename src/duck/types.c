/* types.c -- DuckDB's types: the tree that readers walk, its text, and the text read back.
 *
 * Text is DuckDB's own: BIGINT, DECIMAL(10,2), STRUCT("a b" INTEGER, c VARCHAR)[], MAP(K, V). */
#include "duck/duck_int.h"
#include <string.h>
#include <ctype.h>

/* One row is one type without parameters: raw id, reader's class, text. The first row of a raw
 * type names it; later rows are spellings that are also understood. */
static const struct plain { duckdb_type raw; enum duck_type type; const char *name; } plains[] = {
    {DUCKDB_TYPE_BOOLEAN, DUCK_BOOL, "BOOLEAN"},
    {DUCKDB_TYPE_TINYINT, DUCK_I8, "TINYINT"},
    {DUCKDB_TYPE_SMALLINT, DUCK_I16, "SMALLINT"},
    {DUCKDB_TYPE_INTEGER, DUCK_I32, "INTEGER"},
    {DUCKDB_TYPE_BIGINT, DUCK_I64, "BIGINT"},
    {DUCKDB_TYPE_UTINYINT, DUCK_U8, "UTINYINT"},
    {DUCKDB_TYPE_USMALLINT, DUCK_U16, "USMALLINT"},
    {DUCKDB_TYPE_UINTEGER, DUCK_U32, "UINTEGER"},
    {DUCKDB_TYPE_UBIGINT, DUCK_U64, "UBIGINT"},
    {DUCKDB_TYPE_HUGEINT, DUCK_I128, "HUGEINT"},
    {DUCKDB_TYPE_FLOAT, DUCK_F32, "FLOAT"},
    {DUCKDB_TYPE_DOUBLE, DUCK_F64, "DOUBLE"},
    {DUCKDB_TYPE_VARCHAR, DUCK_VARCHAR, "VARCHAR"},
    {DUCKDB_TYPE_BLOB, DUCK_BLOB, "BLOB"},
    {DUCKDB_TYPE_DATE, DUCK_DATE, "DATE"},
    {DUCKDB_TYPE_TIME, DUCK_TIME, "TIME"},
    {DUCKDB_TYPE_TIMESTAMP, DUCK_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_S, DUCK_TIMESTAMP, "TIMESTAMP_S"},
    {DUCKDB_TYPE_TIMESTAMP_MS, DUCK_TIMESTAMP, "TIMESTAMP_MS"},
    {DUCKDB_TYPE_TIMESTAMP_NS, DUCK_TIMESTAMP, "TIMESTAMP_NS"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, DUCK_TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, DUCK_TIMESTAMPTZ, "TIMESTAMPTZ"},
    {DUCKDB_TYPE_INTERVAL, DUCK_INTERVAL, "INTERVAL"},
    {DUCKDB_TYPE_UUID, DUCK_UUID, "UUID"},
    {DUCKDB_TYPE_SQLNULL, DUCK_NULL, "\"NULL\""},
    {DUCKDB_TYPE_INTEGER, DUCK_I32, "INT"},
    {DUCKDB_TYPE_FLOAT, DUCK_F32, "REAL"},
};

/* Known, but without a reader: named when refused. */
static const struct { duckdb_type raw; const char *name; } refused[] = {
    {DUCKDB_TYPE_VARIANT, "VARIANT"}, {DUCKDB_TYPE_BIT, "BIT"},       {DUCKDB_TYPE_UNION, "UNION"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"}, {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE"},
    {DUCKDB_TYPE_TIME_NS, "TIME_NS"}, {DUCKDB_TYPE_BIGNUM, "BIGNUM"}, {DUCKDB_TYPE_GEOMETRY, "GEOMETRY"},
};

static const struct plain *plain_of(duckdb_type raw)
{
    for (size_t i = 0; i < COUNT_OF(plains); i++)
        if (plains[i].raw == raw)
            return &plains[i];
    return NULL;
}

static struct str take_name(struct arena *a, char *owned)
{
    struct str s = str_copy(a, str_z(owned));
    duckdb_free(owned);
    return s;
}

static struct duck_node *child_node(struct arena *a, duckdb_logical_type type, int depth, struct err *err)
{
    struct duck_node *n = duck_node_of(a, type, depth, err);
    duckdb_destroy_logical_type(&type);
    return n;
}

static int fill_struct(struct arena *a, struct duck_node *n, duckdb_logical_type type, int depth, struct err *err)
{
    n->type = DUCK_STRUCT;
    n->count = duckdb_struct_type_child_count(type);
    n->child = ARENA_ARRAY(a, struct duck_node *, n->count);
    n->names = ARENA_ARRAY(a, struct str, n->count);
    for (size_t i = 0; i < n->count; i++) {
        n->names[i] = take_name(a, duckdb_struct_type_child_name(type, i));
        n->child[i] = child_node(a, duckdb_struct_type_child_type(type, i), depth + 1, err);
        if (!n->child[i])
            return -1;
    }
    return 0;
}

static int fill_children(struct arena *a, struct duck_node *n, duckdb_logical_type type, int depth, struct err *err)
{
    n->child = ARENA_ARRAY(a, struct duck_node *, 2);
    if (n->raw == DUCKDB_TYPE_MAP) {
        n->type = DUCK_MAP;
        n->count = 2;
        n->child[0] = child_node(a, duckdb_map_type_key_type(type), depth + 1, err);
        if (!n->child[0])
            return -1;
        n->child[1] = child_node(a, duckdb_map_type_value_type(type), depth + 1, err);
        return n->child[1] ? 0 : -1;
    }
    n->type = DUCK_LIST;
    n->count = 1;
    if (n->raw == DUCKDB_TYPE_ARRAY) {
        n->array_size = duckdb_array_type_array_size(type);
        n->child[0] = child_node(a, duckdb_array_type_child_type(type), depth + 1, err);
    } else {
        n->child[0] = child_node(a, duckdb_list_type_child_type(type), depth + 1, err);
    }
    return n->child[0] ? 0 : -1;
}

static void fill_enum(struct arena *a, struct duck_node *n, duckdb_logical_type type)
{
    n->type = DUCK_VARCHAR;
    n->internal = duckdb_enum_internal_type(type);
    n->count = duckdb_enum_dictionary_size(type);
    n->names = ARENA_ARRAY(a, struct str, n->count);
    for (size_t i = 0; i < n->count; i++)
        n->names[i] = take_name(a, duckdb_enum_dictionary_value(type, i));
}

static int refuse(duckdb_type raw, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (refused[i].raw == raw)
            return err_set(err, ERR_UNSUPPORTED, "DuckDB type %s cannot be read here, cast it", refused[i].name);
    return err_set(err, ERR_UNSUPPORTED, "DuckDB type %d cannot be read here, cast it", (int)raw);
}

static void note_alias(struct duck_node *n, duckdb_logical_type type)
{
    char *alias = duckdb_logical_type_get_alias(type);
    n->is_alias = alias != NULL;
    n->is_json = alias && n->raw == DUCKDB_TYPE_VARCHAR && strcmp(alias, "JSON") == 0;
    duckdb_free(alias);
}

struct duck_node *duck_node_of(struct arena *a, duckdb_logical_type type, int depth, struct err *err)
{
    if (depth > DUCK_MAX_DEPTH) {
        err_set(err, ERR_LIMIT, "type is nested deeper than %d levels", DUCK_MAX_DEPTH);
        return NULL;
    }
    struct duck_node *n = ARENA_NEW(a, struct duck_node);
    n->raw = duckdb_get_type_id(type);
    const struct plain *p = plain_of(n->raw);
    int rc = 0;
    note_alias(n, type);
    if (p) {
        n->type = p->type;
    } else if (n->raw == DUCKDB_TYPE_DECIMAL) {
        n->type = DUCK_DECIMAL;
        n->precision = duckdb_decimal_width(type);
        n->scale = duckdb_decimal_scale(type);
        n->internal = duckdb_decimal_internal_type(type);
    } else if (n->raw == DUCKDB_TYPE_ENUM) {
        fill_enum(a, n, type);
    } else if (n->raw == DUCKDB_TYPE_STRUCT) {
        rc = fill_struct(a, n, type, depth, err);
    } else if (n->raw == DUCKDB_TYPE_LIST || n->raw == DUCKDB_TYPE_ARRAY || n->raw == DUCKDB_TYPE_MAP) {
        rc = fill_children(a, n, type, depth, err);
    } else {
        rc = refuse(n->raw, err);
    }
    return rc ? NULL : n;
}

void duck_node_text(struct buf *out, const struct duck_node *n)
{
    const struct plain *p = plain_of(n->raw);
    if (p) {
        buf_z(out, p->name);
    } else if (n->type == DUCK_DECIMAL) {
        buf_printf(out, "DECIMAL(%d,%d)", n->precision, n->scale);
    } else if (n->type == DUCK_MAP) {
        buf_z(out, "MAP(");
        duck_node_text(out, n->child[0]);
        buf_z(out, ", ");
        duck_node_text(out, n->child[1]);
        buf_char(out, ')');
    } else if (n->type == DUCK_LIST) {
        duck_node_text(out, n->child[0]);
        if (n->array_size)
            buf_printf(out, "[%zu]", n->array_size);
        else
            buf_z(out, "[]");
    } else if (n->type == DUCK_STRUCT) {
        buf_z(out, "STRUCT(");
        for (size_t i = 0; i < n->count; i++) {
            buf_z(out, i ? ", " : "");
            duck_quote_ident(out, n->names[i]);
            buf_char(out, ' ');
            duck_node_text(out, n->child[i]);
        }
        buf_char(out, ')');
    } else if (n->raw == DUCKDB_TYPE_VARIANT) {
        buf_z(out, "VARIANT");
    } else {
        buf_z(out, "VARCHAR"); /* ENUM reads as text */
    }
}

bool duck_node_is_told(const struct duck_node *n)
{
    bool told = !n->is_alias && n->raw != DUCKDB_TYPE_ENUM;
    size_t children = n->type == DUCK_STRUCT || n->type == DUCK_LIST || n->type == DUCK_MAP ? n->count : 0;
    for (size_t i = 0; i < children && told; i++)
        told = duck_node_is_told(n->child[i]);
    return told;
}

/* ---- text to type: a hand-written reader over the grammar above */

struct reader { struct str rest; struct str all; struct err *err; };

static void skip_space(struct reader *r)
{
    while (r->rest.len && (r->rest.ptr[0] == ' ' || r->rest.ptr[0] == '\n'))
        r->rest = str_from(r->rest, 1);
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (!r->rest.len || r->rest.ptr[0] != c)
        return false;
    r->rest = str_from(r->rest, 1);
    return true;
}

static struct str word(struct reader *r)
{
    skip_space(r);
    size_t n = 0;
    while (n < r->rest.len && (isalnum((unsigned char)r->rest.ptr[n]) || r->rest.ptr[n] == '_'))
        n++;
    struct str w = str_sub(r->rest, 0, n);
    r->rest = str_from(r->rest, n);
    return w;
}

static duckdb_logical_type bad(struct reader *r)
{
    err_set(r->err, ERR_INPUT, "not a DuckDB type: '%.*s'", STR_ARGS(r->all));
    return NULL;
}

static duckdb_logical_type read_type(struct reader *r, int depth);

static bool field_name(struct reader *r, struct buf *name)
{
    if (!take(r, '"')) {
        buf_str(name, word(r));
        return name->len > 0;
    }
    while (r->rest.len) {
        char c = r->rest.ptr[0];
        r->rest = str_from(r->rest, 1);
        if (c == '"' && !(r->rest.len && r->rest.ptr[0] == '"'))
            return true;
        if (c == '"')
            r->rest = str_from(r->rest, 1);
        buf_char(name, c);
    }
    return false;
}

static duckdb_logical_type read_struct(struct reader *r, int depth)
{
    duckdb_logical_type *types = NULL;
    char **names = NULL;
    size_t n = 0, types_cap = 0, names_cap = 0;
    bool ok = take(r, '(');
    while (ok) {
        struct buf name;
        buf_init(&name);
        duckdb_logical_type t = field_name(r, &name) ? read_type(r, depth + 1) : NULL;
        if (t) {
            types = mem_grow(types, &types_cap, n + 1, sizeof *types);
            names = mem_grow(names, &names_cap, n + 1, sizeof *names);
            types[n] = t;
            names[n++] = mem_strdup(name.ptr);
        }
        buf_release(&name);
        ok = t != NULL;
        if (!take(r, ','))
            break;
    }
    ok = ok && n && take(r, ')');
    duckdb_logical_type out = ok ? duckdb_create_struct_type(types, (const char **)names, n) : NULL;
    for (size_t i = 0; i < n; i++) {
        duckdb_destroy_logical_type(&types[i]);
        mem_free(names[i]);
    }
    mem_free(types);
    mem_free(names);
    return out ? out : bad(r);
}

static duckdb_logical_type read_map(struct reader *r, int depth)
{
    duckdb_logical_type key = take(r, '(') ? read_type(r, depth + 1) : NULL;
    duckdb_logical_type value = key && take(r, ',') ? read_type(r, depth + 1) : NULL;
    duckdb_logical_type out = value && take(r, ')') ? duckdb_create_map_type(key, value) : NULL;
    if (key)
        duckdb_destroy_logical_type(&key);
    if (value)
        duckdb_destroy_logical_type(&value);
    return out ? out : bad(r);
}

static duckdb_logical_type read_decimal(struct reader *r)
{
    int64_t precision = 18, scale = 3;
    if (take(r, '(')) {
        scale = 0;
        if (!str_i64(word(r), &precision) || (take(r, ',') && !str_i64(word(r), &scale)) || !take(r, ')'))
            return bad(r);
    }
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return bad(r);
    return duckdb_create_decimal_type((uint8_t)precision, (uint8_t)scale);
}

static duckdb_logical_type read_base(struct reader *r, int depth)
{
    struct str name = word(r);
    if (str_ieqz(name, "STRUCT"))
        return read_struct(r, depth);
    if (str_ieqz(name, "MAP"))
        return read_map(r, depth);
    if (str_ieqz(name, "DECIMAL") || str_ieqz(name, "NUMERIC"))
        return read_decimal(r);
    if (str_ieqz(name, "TIMESTAMP") && str_starts_z(r->rest, " WITH TIME ZONE")) {
        r->rest = str_from(r->rest, strlen(" WITH TIME ZONE"));
        name = STR("TIMESTAMPTZ");
    }
    for (size_t i = 0; i < COUNT_OF(plains); i++)
        if (str_ieqz(name, plains[i].name))
            return duckdb_create_logical_type(plains[i].raw);
    return bad(r);
}

static duckdb_logical_type read_type(struct reader *r, int depth)
{
    if (depth > DUCK_MAX_DEPTH)
        return bad(r);
    duckdb_logical_type t = read_base(r, depth);
    while (t && take(r, '[')) {
        if (!take(r, ']')) {
            duckdb_destroy_logical_type(&t);
            return bad(r);
        }
        duckdb_logical_type list = duckdb_create_list_type(t);
        duckdb_destroy_logical_type(&t);
        t = list;
    }
    return t;
}

duckdb_logical_type duck_type_parse(struct str text, struct err *err)
{
    struct reader r = {.rest = text, .all = text, .err = err};
    duckdb_logical_type t = read_type(&r, 0);
    skip_space(&r);
    if (t && r.rest.len) {
        duckdb_destroy_logical_type(&t);
        return bad(&r);
    }
    return t;
}
