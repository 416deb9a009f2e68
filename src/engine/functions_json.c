/* functions_json.c -- JSON text and variants. A variant is DuckDB JSON.
 *
 * from_json and to_json print a call of a C function that walks the JSON beside its type, written as
 * a code (prelude_json.c has the grammar): from_json gets JSON that holds exactly the schema's fields
 * with values DuckDB's strict cast takes, to_json Spark's spelling of what DuckDB wrote. */
#include "engine/prelude_int.h"
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static char leaf_code(const struct type *t)
{
    static const char codes[] = {
        [TYPE_NULL] = 's', [TYPE_BOOLEAN] = 'b', [TYPE_BYTE] = '1', [TYPE_SHORT] = '2', [TYPE_INT] = 'i', [TYPE_LONG] = 'l',
        [TYPE_FLOAT] = 'f', [TYPE_DOUBLE] = 'd', [TYPE_DECIMAL] = 'm', [TYPE_STRING] = 's', [TYPE_CHAR] = 's',
        [TYPE_VARCHAR] = 's', [TYPE_DATE] = 'D', [TYPE_TIMESTAMP] = 'T', [TYPE_TIMESTAMP_NTZ] = 'n', [TYPE_VARIANT] = 'v'};
    return (size_t)t->kind < COUNT_OF(codes) ? codes[t->kind] : 0;
}

static bool type_code(struct buf *b, const struct type *t)
{
    if (t->kind == TYPE_ARRAY) {
        buf_char(b, '[');
        return type_code(b, t->element);
    }
    if (t->kind == TYPE_MAP) {
        buf_char(b, '<');
        return type_code(b, t->key) && type_code(b, t->element);
    }
    if (t->kind == TYPE_STRUCT) {
        buf_char(b, '{');
        for (size_t i = 0; i < t->field_count; i++) {
            buf_printf(b, "%zu:", t->fields[i].name.len);
            buf_str(b, t->fields[i].name);
            if (!type_code(b, t->fields[i].type))
                return false;
        }
        buf_char(b, '}');
        return t->field_count > 0;
    }
    char c = leaf_code(t);
    if (!c)
        return false;
    buf_char(b, c);
    if (c == 'm')
        buf_printf(b, "%d,%d;", t->precision, t->scale);
    return true;
}

static void put_code(struct pr *p, struct buf *b, const struct expr *c, const struct type *t)
{
    struct buf code;
    buf_init(&code);
    if (!type_code(&code, t))
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() of this type is not supported", STR_ARGS(c->func));
    duck_quote_text(b, buf_view(&code));
    buf_release(&code);
}

/* The first struct that is wider than from_json reads; NULL: none. */
static const struct type *too_wide(const struct type *t)
{
    const struct type *found = t->kind == TYPE_STRUCT && t->field_count > JSON_MAX_FIELDS ? t : NULL;
    for (size_t i = 0; !found && t->kind == TYPE_STRUCT && i < t->field_count; i++)
        found = too_wide(t->fields[i].type);
    if (!found && t->element)
        found = too_wide(t->element);
    return found;
}

static void check_options(struct pr *p, const struct expr *c, size_t from)
{
    if (c->args.count > from)
        print_fail(p, arg(c, from)->at, ERR_UNSUPPORTED, "options of %.*s() are not supported", STR_ARGS(c->func));
}

static void from_json(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    const struct type *wide = too_wide(c->type);
    check_options(p, c, 2);
    if (wide)
        print_fail(p, c->at, ERR_LIMIT, "from_json() reads structs of at most %d fields, this one has %zu", JSON_MAX_FIELDS, wide->field_count);
    buf_z(b, "CAST(CAST(spark_json_conform(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    put_code(p, b, c, c->type);
    buf_z(b, ") AS JSON) AS ");
    print_type(p, b, c->type);
    buf_char(b, ')');
}

static void to_json(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    check_options(p, c, 1);
    const struct type *t = arg(c, 0)->type;
    if (t->kind == TYPE_VARIANT) {
        print_template(p, b, "CAST($1 AS VARCHAR)", c, NULL);
        return;
    }
    if (t->kind != TYPE_STRUCT && t->kind != TYPE_ARRAY && t->kind != TYPE_MAP)
        print_fail(p, c->at, ERR_INPUT, "[DATATYPE_MISMATCH.INVALID_JSON_SCHEMA] to_json() takes a struct, array or map");
    buf_z(b, "spark_json_render(CAST(to_json(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ") AS VARCHAR), ");
    put_code(p, b, c, t);
    buf_char(b, ')');
}

static bool name_char(char c)
{
    return c == '_' || c == '-' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c & 0x80);
}

/* $.a.b[0]['c d'] with every name quoted; false for what DuckDB reads otherwise ([*], ..). */
static bool json_path(struct buf *b, struct str s)
{
    if (!s.len || s.ptr[0] != '$')
        return false;
    buf_char(b, '$');
    for (size_t i = 1; i < s.len;) {
        bool bracket = s.ptr[i] == '[';
        size_t from = ++i;
        if (bracket && i < s.len && (s.ptr[i] == '\'' || s.ptr[i] == '"')) {
            char q = s.ptr[i];
            for (from = ++i; i < s.len && s.ptr[i] != q; i++)
                continue;
            buf_printf(b, ".\"%.*s\"", (int)(i - from), s.ptr + from);
            i += 2;
        } else if (bracket) {
            while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
                i++;
            if (i == from || i >= s.len || s.ptr[i] != ']')
                return false;
            buf_printf(b, "[%.*s]", (int)(i - from), s.ptr + from);
            i++;
        } else {
            if (s.ptr[from - 1] != '.')
                return false;
            while (i < s.len && s.ptr[i] != '.' && s.ptr[i] != '[')
                i += name_char(s.ptr[i]) || s.ptr[i] == ' ' || s.ptr[i] == '@' || s.ptr[i] == '$' || s.ptr[i] == ':' ? 1 : s.len;
            if (i == from || i > s.len)
                return false;
            buf_printf(b, ".\"%.*s\"", (int)(i - from), s.ptr + from);
        }
    }
    return true;
}

static void put_path(struct pr *p, struct buf *b, const struct expr *c, const struct expr *path)
{
    struct buf j;
    buf_init(&j);
    if (!lit_is_text(path))
        print_fail(p, path->at, ERR_UNSUPPORTED, "the path of %.*s() must be a constant", STR_ARGS(c->func));
    else if (!json_path(&j, path->lit.text))
        print_fail(p, path->at, ERR_UNSUPPORTED, "the JSON path %.*s is not supported: $.name, $['name'] and [n] are",
                   STR_ARGS(path->lit.text));
    duck_quote_text(b, buf_view(&j));
    buf_release(&j);
}

static void get_json_object(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_z(b, "spark_json_text(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    put_path(p, b, c, arg(c, 1));
    buf_char(b, ')');
}

static void variant_get(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct buf x;
    (void)w;
    buf_init(&x);
    buf_z(&x, "json_extract(");
    print_expr(p, &x, arg(c, 0), P_ANY);
    buf_z(&x, ", ");
    put_path(p, &x, c, arg(c, 1));
    buf_char(&x, ')');
    buf_str(b, cast_text(p, str_copy(p->a, buf_view(&x)), type_of(TYPE_VARIANT), c->type,
                         str_starts_z(c->func, "try_") || !p->with->ansi, c->at));
    buf_release(&x);
}

const struct fn_row fn_rows_json[] = {
    {"from_json", NULL, 0, from_json, NULL}, {"to_json", NULL, 0, to_json, NULL},
    {"get_json_object", NULL, 0, get_json_object, NULL},
    {"json_array_length", "spark_json_array_length($1)", 0, NULL, NULL},
    {"json_object_keys", "spark_json_object_keys($1)", 0, NULL, NULL},
    {"schema_of_json", "spark_schema_of_json($1)", 0, NULL, NULL}, {"schema_of_variant", "spark_schema_of_variant($1)", 0, NULL, NULL},
    {"parse_json", "CAST($1 AS JSON)", 0, NULL, NULL}, {"try_parse_json", "TRY_CAST($1 AS JSON)", 0, NULL, NULL},
    {"variant_get", NULL, 0, variant_get, NULL}, {"try_variant_get", NULL, 0, variant_get, NULL},
    {"is_variant_null", "coalesce(json_type($1) = 'NULL', false)", 0, NULL, NULL},
    {"to_variant_object", "to_json($1)", 0, NULL, NULL},
    {0},
};
