/* Types: spellings there and back, the rules between types. */
#include "plan/type.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct type *ddl(const char *text)
{
    struct err err;
    const struct type *t = type_read_ddl(arena, str_z(text), &err);
    if (!t)
        fail_msg("%s: %s", text, err.msg);
    return t;
}

static const char *written(void (*write)(struct buf *, const struct type *), const struct type *t)
{
    struct buf b;
    buf_init(&b);
    write(&b, t);
    const char *s = arena_strdup(arena, b.ptr);
    buf_release(&b);
    return s;
}

/* DDL in, and what DDL, JSON and DuckDB say of it. */
static const struct {
    const char *in, *ddl, *json, *duck;
} spellings[] = {
    {"INT", "int", "\"integer\"", "INTEGER"},
    {"long", "bigint", "\"long\"", "BIGINT"},
    {"Byte", "tinyint", "\"byte\"", "TINYINT"},
    {"smallint", "smallint", "\"short\"", "SMALLINT"},
    {"REAL", "float", "\"float\"", "FLOAT"},
    {"dec", "decimal(10,0)", "\"decimal(10,0)\"", "DECIMAL(10,0)"},
    {"numeric(5)", "decimal(5,0)", "\"decimal(5,0)\"", "DECIMAL(5,0)"},
    {" decimal ( 38 , 18 ) ", "decimal(38,18)", "\"decimal(38,18)\"", "DECIMAL(38,18)"},
    {"varchar(10)", "varchar(10)", "\"string\"", "VARCHAR"},
    {"character(3)", "char(3)", "\"string\"", "VARCHAR"},
    {"string", "string", "\"string\"", "VARCHAR"},
    {"string collate utf8_binary", "string", "\"string\"", "VARCHAR"},
    {"timestamp", "timestamp", "\"timestamp\"", "TIMESTAMP WITH TIME ZONE"},
    {"timestamp_ltz", "timestamp", "\"timestamp\"", "TIMESTAMP WITH TIME ZONE"},
    {"timestamp without time zone", "timestamp_ntz", "\"timestamp_ntz\"", "TIMESTAMP"},
    {"interval", "interval", "\"interval\"", "INTERVAL"},
    {"interval year to month", "interval year to month", "\"interval year to month\"", "INTERVAL"},
    {"INTERVAL DAY", "interval day", "\"interval day\"", "INTERVAL"},
    {"interval hour to second", "interval hour to second", "\"interval hour to second\"",
     "INTERVAL"},
    {"void", "void", "\"void\"", "INTEGER"},
    {"variant", "variant", "\"variant\"", "VARIANT"},
    {"array<int>", "array<int>",
     "{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":true}", "INTEGER[]"},
    {"map<string,array<date>>", "map<string,array<date>>",
     "{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":{\"type\":\"array\",\"elementType\":"
     "\"date\",\"containsNull\":true},\"valueContainsNull\":true}",
     "MAP(VARCHAR, DATE[])"},
    {"a INT, b STRING NOT NULL COMMENT 'it''s'", "struct<a:int,b:string NOT NULL COMMENT 'it\\'s'>",
     "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"integer\",\"nullable\":true,"
     "\"metadata\":{}},"
     "{\"name\":\"b\",\"type\":\"string\",\"nullable\":false,\"metadata\":{\"comment\":\"it's\"}}]"
     "}",
     "STRUCT(\"a\" INTEGER, \"b\" VARCHAR)"},
    {"struct<`x y`: int, z: struct<q: boolean>>", "struct<`x y`:int,z:struct<q:boolean>>",
     "{\"type\":\"struct\",\"fields\":[{\"name\":\"x "
     "y\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}},"
     "{\"name\":\"z\",\"type\":{\"type\":\"struct\",\"fields\":[{\"name\":\"q\",\"type\":"
     "\"boolean\",\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}}]}",
     "STRUCT(\"x y\" INTEGER, \"z\" STRUCT(\"q\" BOOLEAN))"},
    {"v varchar(3)", "struct<v:varchar(3)>",
     "{\"type\":\"struct\",\"fields\":[{\"name\":\"v\",\"type\":\"string\",\"nullable\":true,"
     "\"metadata\":{\"__CHAR_VARCHAR_TYPE_STRING\":\"varchar(3)\"}}]}",
     "STRUCT(\"v\" VARCHAR)"},
    {"a int -- remark\n, /* two */ b date", "struct<a:int,b:date>",
     "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"integer\",\"nullable\":true,"
     "\"metadata\":{}},"
     "{\"name\":\"b\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}}]}",
     "STRUCT(\"a\" INTEGER, \"b\" DATE)"},
};

static void spelled(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        const struct type *t = ddl(spellings[i].in);
        assert_string_equal(written(type_write_ddl, t), spellings[i].ddl);
        assert_string_equal(written(type_write_json, t), spellings[i].json);
        assert_string_equal(written(type_write_duck, t), spellings[i].duck);
        assert_true(type_equal(ddl(spellings[i].ddl), t));
        struct err err;
        struct doc *d = doc_json(arena, "j", str_z(spellings[i].json), &err);
        const struct type *back = type_read_json(arena, d, &err);
        assert_non_null(back);
        bool chars =
            t->kind == TYPE_CHAR ||
            t->kind == TYPE_VARCHAR; /* outside a struct JSON has no place for the length */
        assert_true(chars || type_equal(back, t));
        assert_string_equal(written(type_write_json, back), spellings[i].json);
    }
}

static void ddl_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg;
    } bad[] = {
        {"", "data type ends where a data type is expected"},
        {"foo", "[UNSUPPORTED_DATATYPE] Unsupported data type 'foo'"},
        {"time(6)", "[UNSUPPORTED_DATATYPE] Unsupported data type 'time'"},
        {"a foo", "[UNSUPPORTED_DATATYPE] Unsupported data type 'foo'"},
        {"decimal(39,2)",
         "decimal(39,2) is no type: precision is 1 to 38, scale at most the precision"},
        {"decimal(5,6)",
         "decimal(5,6) is no type: precision is 1 to 38, scale at most the precision"},
        {"varchar", "varchar needs a length of at least 1, as in varchar(10)"},
        {"array<int", "data type ends where '>' is expected"},
        {"map<int>", "',' is expected at '>' in a data type"},
        {"a int,", "data type ends where a field name is expected"},
        {"a int b", "',' or the end is expected at 'b' in a data type"},
        {"struct<a int", "data type ends where '>' is expected"},
        {"string collate unicode", "COLLATE unicode: only UTF8_BINARY is supported"},
        {"interval month to day", "an interval range such as DAY TO SECOND or YEAR TO MONTH is "
                                  "expected at 'to' in a data type"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        assert_null(type_read_ddl(arena, str_z(bad[i].text), &err));
        assert_string_equal(err.msg, bad[i].msg);
    }
}

static void deep_types(void **state)
{
    (void)state;
    struct buf b;
    struct err err;
    buf_init(&b);
    for (int i = 0; i < 100000; i++)
        buf_z(&b, "array<");
    assert_null(type_read_ddl(arena, buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        buf_z(&b, "STRUCT(a ");
    assert_null(type_read_duck(arena, buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&b);
}

static void front(void **state)
{
    (void)state;
    struct err err;
    size_t used;
    const struct type *t = type_read_ddl_front(arena, STR("array<array<int>> >> 5"), &used, &err);
    assert_string_equal(written(type_write_ddl, t), "array<array<int>>");
    assert_int_equal(used, 17);
    assert_null(type_read_ddl_front(arena, STR("array<foo>"), &used, &err));
    assert_int_equal(used, 6);
}

static void json_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"type\":\"struct\"}",
                                      "{\"type\":\"array\"}",
                                      "\"strin\"",
                                      "{}",
                                      "5",
                                      "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\"}]}",
                                      "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\"}]}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        struct doc *d = doc_json(arena, "f.json", str_z(bad[i]), &err);
        assert_null(type_read_json(arena, d, &err));
        assert_string_equal(err.where.file, "f.json");
        assert_true(err.where.line == 1 && err.where.col >= 1);
    }
}

static void metadata_kept(void **state)
{
    (void)state;
    static const char *const json =
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,"
        "\"metadata\":{\"delta.columnMapping.id\":1,\"comment\":\"c\"}}]}";
    struct err err;
    const struct type *t = type_read_json(arena, doc_json(arena, "j", str_z(json), &err), &err);
    assert_string_equal(written(type_write_json, t), json);
    assert_true(str_eqz(t->fields[0].comment, "c"));
    struct type_field f = t->fields[0];
    f.comment = STR("new");
    assert_non_null(strstr(written(type_write_json, type_struct(arena, &f, 1)),
                           "{\"delta.columnMapping.id\":1,\"comment\":\"new\"}"));
}

static void duck_types(void **state)
{
    (void)state;
    static const struct {
        const char *duck, *ddl;
    } pairs[] = {{"INTEGER", "int"},
                 {"VARCHAR[]", "array<string>"},
                 {"INTEGER[3]", "array<int>"},
                 {"INTEGER[][]", "array<array<int>>"},
                 {"DECIMAL(10,2)", "decimal(10,2)"},
                 {"HUGEINT", "decimal(38,0)"},
                 {"UBIGINT", "decimal(20,0)"},
                 {"UINTEGER", "bigint"},
                 {"UTINYINT", "smallint"},
                 {"TIMESTAMP WITH TIME ZONE", "timestamp"},
                 {"TIMESTAMP", "timestamp_ntz"},
                 {"TIMESTAMP_NS", "timestamp_ntz"},
                 {"TIME", "string"},
                 {"UUID", "string"},
                 {"JSON", "string"},
                 {"ENUM('a', 'b''c')", "string"},
                 {"\"NULL\"", "void"},
                 {"INTERVAL", "interval"},
                 {"STRUCT(a INTEGER, \"b c\" VARCHAR[])", "struct<a:int,`b c`:array<string>>"},
                 {"MAP(VARCHAR, BLOB)", "map<string,binary>"},
                 {"STRUCT(a STRUCT(b MAP(INTEGER, DOUBLE)))[]",
                  "array<struct<a:struct<b:map<int,double>>>>"}};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct type *t = type_read_duck(arena, str_z(pairs[i].duck), &err);
        if (!t)
            fail_msg("%s: %s", pairs[i].duck, err.msg);
        assert_string_equal(written(type_write_ddl, t), pairs[i].ddl);
    }
    assert_null(type_read_duck(arena, STR("UNION(a INTEGER)"), &err));
    assert_null(type_read_duck(arena, STR("INTEGER["), &err));
    assert_null(type_read_duck(arena, STR("INTEGER x"), &err));
}

/* Common types: ANSI, and ANSI off where it differs ("" stands for none). */
static const struct {
    const char *x, *y, *ansi, *legacy;
} commons[] = {
    {"int", "bigint", "bigint", NULL},
    {"tinyint", "smallint", "smallint", NULL},
    {"int", "float", "double", "float"},
    {"bigint", "double", "double", NULL},
    {"float", "float", "float", NULL},
    {"int", "decimal(5,2)", "decimal(12,2)", NULL},
    {"bigint", "decimal(38,10)", "decimal(38,10)", NULL},
    {"decimal(10,2)", "decimal(5,4)", "decimal(12,4)", NULL},
    {"decimal(38,0)", "decimal(38,38)", "decimal(38,0)", NULL},
    {"decimal(10,2)", "float", "double", NULL},
    {"void", "array<int>", "array<int>", NULL},
    {"void", "void", "void", NULL},
    {"date", "timestamp", "timestamp", NULL},
    {"date", "timestamp_ntz", "timestamp_ntz", NULL},
    {"timestamp", "timestamp_ntz", "timestamp", NULL},
    {"string", "int", "bigint", "string"},
    {"string", "decimal(3,1)", "double", "string"},
    {"string", "date", "date", "string"},
    {"string", "boolean", "boolean", ""},
    {"string", "binary", "binary", ""},
    {"varchar(3)", "char(2)", "string", NULL},
    {"boolean", "int", "", NULL},
    {"date", "int", "", NULL},
    {"binary", "int", "", NULL},
    {"variant", "int", "", NULL},
    {"array<int>", "array<string>", "array<bigint>", "array<string>"},
    {"array<int>", "int", "", NULL},
    {"map<int,date>", "map<bigint,timestamp>", "map<bigint,timestamp>", NULL},
    {"struct<a:int>", "struct<A:bigint>", "struct<a:bigint>", NULL},
    {"struct<a:int>", "struct<b:int>", "", NULL},
    {"struct<a:int>", "struct<a:int,b:int>", "", NULL},
    {"interval day", "interval hour to second", "interval day to second", NULL},
    {"interval year", "interval day", "", NULL},
    {"interval", "interval", "interval", NULL},
};

static void check_common(const struct type *got, const char *want, size_t i)
{
    const char *text = got ? written(type_write_ddl, got) : "";
    if (strcmp(text, want))
        fail_msg("%s with %s: '%s', not '%s'", commons[i].x, commons[i].y, text, want);
}

static void common(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(commons); i++) {
        const struct type *x = ddl(commons[i].x), *y = ddl(commons[i].y);
        const char *legacy = commons[i].legacy ? commons[i].legacy : commons[i].ansi;
        check_common(type_common(arena, x, y), commons[i].ansi, i);
        check_common(type_common_legacy(arena, x, y), legacy, i);
        const struct type *back = type_common(arena, y, x); /* symmetric */
        assert_true(commons[i].ansi[0] ? type_equal(back, type_common(arena, x, y)) : back == NULL);
    }
}

static void casts(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        bool ok;
    } list[] = {{"int", "string", true},
                {"string", "int", true},
                {"string", "date", true},
                {"string", "array<int>", false},
                {"date", "int", false},
                {"timestamp", "bigint", true},
                {"timestamp_ntz", "bigint", false},
                {"bigint", "timestamp", true},
                {"boolean", "int", true},
                {"boolean", "date", false},
                {"int", "boolean", true},
                {"binary", "int", false},
                {"int", "binary", true},
                {"double", "binary", false},
                {"array<int>", "array<string>", true},
                {"array<int>", "string", true},
                {"array<int>", "map<int,int>", false},
                {"struct<a:int,b:int>", "struct<x:string,y:date>", false},
                {"struct<a:int>", "struct<x:string>", true},
                {"map<int,int>", "map<string,double>", true},
                {"void", "map<int,int>", true},
                {"interval day", "bigint", true},
                {"interval day", "interval month", false},
                {"decimal(10,2)", "date", false},
                {"variant", "int", true},
                {"int", "variant", true},
                {"float", "decimal(5,1)", true},
                {"date", "timestamp", true},
                {"interval", "int", false}};
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (type_can_cast(ddl(list[i].from), ddl(list[i].to)) != list[i].ok)
            fail_msg("cast of %s to %s", list[i].from, list[i].to);
}

static void predicates(void **state)
{
    (void)state;
    assert_true(type_is_numeric(ddl("decimal(3,1)")) && !type_is_numeric(ddl("string")) &&
                !type_is_numeric(ddl("boolean")));
    assert_true(type_is_integral(ddl("tinyint")) && !type_is_integral(ddl("double")));
    assert_true(type_is_orderable(ddl("array<struct<a:int>>")) &&
                !type_is_orderable(ddl("struct<a:map<int,int>>")));
    const struct type *t = ddl("struct<Ab:int,c:date>");
    assert_ptr_equal(type_field_find(t, STR("aB")), &t->fields[0]);
    assert_null(type_field_find(t, STR("d")));
    assert_null(type_field_find(ddl("int"), STR("d")));
    assert_true(type_equal(ddl("struct<a:int NOT NULL>"), ddl("struct<A:int COMMENT 'x'>")));
    assert_false(type_equal(ddl("decimal(3,1)"), ddl("decimal(3,2)")));
    assert_false(type_equal(ddl("array<int>"), ddl("array<date>")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelled),      cmocka_unit_test(ddl_refused),
        cmocka_unit_test(deep_types),   cmocka_unit_test(front),
        cmocka_unit_test(json_refused), cmocka_unit_test(metadata_kept),
        cmocka_unit_test(duck_types),   cmocka_unit_test(common),
        cmocka_unit_test(casts),        cmocka_unit_test(predicates)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
