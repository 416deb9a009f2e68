/* type_write.c -- types as text: Spark's DDL, Spark's JSON, DuckDB.
 *
 * DDL:    int  decimal(10,2)  array<string>  map<string,int>  struct<a:int,`b c`:date NOT NULL>
 * JSON:   "integer"  "decimal(10,2)"  {"type":"array","elementType":…,"containsNull":true} …
 * DuckDB: INTEGER  DECIMAL(10,2)  VARCHAR[]  MAP(VARCHAR, INTEGER)  STRUCT("a" INTEGER)
 *
 * JSON is what Delta's schemaString holds: CHAR and VARCHAR are "string" there, and the field's
 * metadata keeps the declared type under __CHAR_VARCHAR_TYPE_STRING.
 *
 * DuckDB has no void and no interval split: void prints as INTEGER (its own type of a bare NULL),
 * both intervals as INTERVAL; a struct without fields, which DuckDB lacks, prints as one hidden
 * field. */
#include "plan/type.h"

#include <ctype.h>

static const struct {
    const char *ddl, *json, *duck;
} words[] = {
    [TYPE_NULL] = {"void", "void", "INTEGER"},
    [TYPE_BOOLEAN] = {"boolean", "boolean", "BOOLEAN"},
    [TYPE_BYTE] = {"tinyint", "byte", "TINYINT"},
    [TYPE_SHORT] = {"smallint", "short", "SMALLINT"},
    [TYPE_INT] = {"int", "integer", "INTEGER"},
    [TYPE_LONG] = {"bigint", "long", "BIGINT"},
    [TYPE_FLOAT] = {"float", "float", "FLOAT"},
    [TYPE_DOUBLE] = {"double", "double", "DOUBLE"},
    [TYPE_DECIMAL] = {"decimal", "decimal", "DECIMAL"},
    [TYPE_STRING] = {"string", "string", "VARCHAR"},
    [TYPE_CHAR] = {"char", "string", "VARCHAR"},
    [TYPE_VARCHAR] = {"varchar", "string", "VARCHAR"},
    [TYPE_BINARY] = {"binary", "binary", "BLOB"},
    [TYPE_DATE] = {"date", "date", "DATE"},
    [TYPE_TIMESTAMP] = {"timestamp", "timestamp", "TIMESTAMP WITH TIME ZONE"},
    [TYPE_TIMESTAMP_NTZ] = {"timestamp_ntz", "timestamp_ntz", "TIMESTAMP"},
    [TYPE_INTERVAL_YM] = {"interval", "interval", "INTERVAL"},
    [TYPE_INTERVAL_DT] = {"interval", "interval", "INTERVAL"},
    [TYPE_INTERVAL] = {"interval", "interval", "INTERVAL"},
    [TYPE_ARRAY] = {"array", "array", "LIST"},
    [TYPE_MAP] = {"map", "map", "MAP"},
    [TYPE_STRUCT] = {"struct", "struct", "STRUCT"},
    [TYPE_VARIANT] = {"variant", "variant", "VARIANT"},
    [TYPE_UNKNOWN] = {"unknown", "unknown", "VARCHAR"},
};

static const char *const ym_fields[] = {"year", "month"};
static const char *const dt_fields[] = {"day", "hour", "minute", "second"};

const char *type_kind_name(enum type_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(words));
    return words[kind].ddl;
}

/* "interval day to second", "interval month". */
static void interval_write(struct buf *out, const struct type *t)
{
    const char *const *names = t->kind == TYPE_INTERVAL_YM ? ym_fields : dt_fields;
    buf_printf(out, "interval %s", names[t->precision]);
    if (t->scale > t->precision)
        buf_printf(out, " to %s", names[t->scale]);
}

/* What DDL and JSON share: kinds with a parameter. False: the bare word does. */
static bool parameters_write(struct buf *out, const struct type *t)
{
    if (t->kind == TYPE_DECIMAL)
        buf_printf(out, "decimal(%d,%d)", t->precision, t->scale);
    else if (t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR)
        buf_printf(out, "%s(%d)", words[t->kind].ddl, t->precision);
    else if (t->kind == TYPE_INTERVAL_YM || t->kind == TYPE_INTERVAL_DT)
        interval_write(out, t);
    else
        return false;
    return true;
}

static bool is_plain_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.ptr[i]) && s.ptr[i] != '_')
            return false;
    return s.len > 0 && !isdigit((unsigned char)s.ptr[0]);
}

/* `quote` around the name, doubled inside. */
static void quoted(struct buf *out, struct str s, char quote)
{
    buf_char(out, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == quote)
            buf_char(out, quote);
        buf_char(out, s.ptr[i]);
    }
    buf_char(out, quote);
}

static void comment_write(struct buf *out, struct str s)
{
    buf_z(out, " COMMENT '");
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, s.ptr[i]);
    }
    buf_char(out, '\'');
}

static void struct_write_ddl(struct buf *out, const struct type *t)
{
    buf_z(out, "struct<");
    for (size_t i = 0; i < t->field_count; i++) {
        const struct type_field *f = &t->fields[i];
        if (i)
            buf_char(out, ',');
        if (is_plain_name(f->name))
            buf_str(out, f->name);
        else
            quoted(out, f->name, '`');
        buf_char(out, ':');
        type_write_ddl(out, f->type);
        if (!f->nullable)
            buf_z(out, " NOT NULL");
        if (f->comment.len)
            comment_write(out, f->comment);
    }
    buf_char(out, '>');
}

void type_write_ddl(struct buf *out, const struct type *t)
{
    if (parameters_write(out, t))
        return;
    if (t->kind == TYPE_STRUCT) {
        struct_write_ddl(out, t);
        return;
    }
    buf_z(out, words[t->kind].ddl);
    if (t->kind == TYPE_ARRAY) {
        buf_char(out, '<');
        type_write_ddl(out, t->element);
        buf_char(out, '>');
    } else if (t->kind == TYPE_MAP) {
        buf_char(out, '<');
        type_write_ddl(out, t->key);
        buf_char(out, ',');
        type_write_ddl(out, t->element);
        buf_char(out, '>');
    }
}

static bool has_char_type(const struct type *t)
{
    if (t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR)
        return true;
    for (size_t i = 0; i < t->field_count; i++)
        if (has_char_type(t->fields[i].type))
            return true;
    return (t->element && has_char_type(t->element)) || (t->key && has_char_type(t->key));
}

static void member(struct buf *out, bool *first, const char *key, struct str value)
{
    buf_printf(out, *first ? "\"%s\":" : ",\"%s\":", key);
    json_quote(out, value);
    *first = false;
}

/* What the field carries already, and over it the comment and a declared CHAR or VARCHAR. */
static void metadata_write(struct buf *out, const struct type_field *f)
{
    bool first = true, chars = has_char_type(f->type);
    buf_char(out, '{');
    for (size_t i = 0; f->metadata && i < f->metadata->count; i++) {
        struct str key = f->metadata->keys[i].name;
        if ((f->comment.len && str_eqz(key, "comment")) || (chars && str_eqz(key, TYPE_CHAR_KEY)))
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        json_quote(out, key);
        buf_char(out, ':');
        doc_write(out, f->metadata->items[i]);
    }
    if (f->comment.len)
        member(out, &first, "comment", f->comment);
    if (chars) {
        struct buf ddl;
        buf_init(&ddl);
        type_write_ddl(&ddl, f->type);
        member(out, &first, TYPE_CHAR_KEY, buf_view(&ddl));
        buf_release(&ddl);
    }
    buf_char(out, '}');
}

static void struct_write_json(struct buf *out, const struct type *t)
{
    buf_z(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < t->field_count; i++) {
        const struct type_field *f = &t->fields[i];
        buf_z(out, i ? ",{\"name\":" : "{\"name\":");
        json_quote(out, f->name);
        buf_z(out, ",\"type\":");
        type_write_json(out, f->type);
        buf_z(out, f->nullable ? ",\"nullable\":true,\"metadata\":"
                               : ",\"nullable\":false,\"metadata\":");
        metadata_write(out, f);
        buf_char(out, '}');
    }
    buf_z(out, "]}");
}

void type_write_json(struct buf *out, const struct type *t)
{
    const char *null = t->contains_null ? "true" : "false";
    switch (t->kind) {
    case TYPE_STRUCT:
        struct_write_json(out, t);
        return;
    case TYPE_ARRAY:
        buf_z(out, "{\"type\":\"array\",\"elementType\":");
        type_write_json(out, t->element);
        buf_printf(out, ",\"containsNull\":%s}", null);
        return;
    case TYPE_MAP:
        buf_z(out, "{\"type\":\"map\",\"keyType\":");
        type_write_json(out, t->key);
        buf_z(out, ",\"valueType\":");
        type_write_json(out, t->element);
        buf_printf(out, ",\"valueContainsNull\":%s}", null);
        return;
    default:
        buf_char(out, '"');
        if (t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR || !parameters_write(out, t))
            buf_z(out, words[t->kind].json);
        buf_char(out, '"');
    }
}

static void struct_write_duck(struct buf *out, const struct type *t)
{
    buf_z(out, "STRUCT(");
    for (size_t i = 0; i < t->field_count; i++) {
        if (i)
            buf_z(out, ", ");
        quoted(out, t->fields[i].name, '"');
        buf_char(out, ' ');
        type_write_duck(out, t->fields[i].type);
    }
    if (t->field_count == 0)
        buf_z(out, "\"\" BOOLEAN");
    buf_char(out, ')');
}

void type_write_duck(struct buf *out, const struct type *t)
{
    switch (t->kind) {
    case TYPE_STRUCT:
        struct_write_duck(out, t);
        return;
    case TYPE_ARRAY:
        type_write_duck(out, t->element);
        buf_z(out, "[]");
        return;
    case TYPE_MAP:
        buf_z(out, "MAP(");
        type_write_duck(out, t->key);
        buf_z(out, ", ");
        type_write_duck(out, t->element);
        buf_char(out, ')');
        return;
    case TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%d,%d)", t->precision, t->scale);
        return;
    default:
        buf_z(out, words[t->kind].duck);
    }
}
