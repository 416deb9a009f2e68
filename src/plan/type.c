/* type.c -- types: constants, constructors, equality, predicates. Spellings are in type_write.c and
 * type_read.c, the rules between types in type_rules.c. */
#include "plan/type.h"

#define PLAIN(KIND) [KIND] = {.kind = KIND}
static const struct type plain[] = {
    PLAIN(TYPE_NULL),
    PLAIN(TYPE_BOOLEAN),
    PLAIN(TYPE_BYTE),
    PLAIN(TYPE_SHORT),
    PLAIN(TYPE_INT),
    PLAIN(TYPE_LONG),
    PLAIN(TYPE_FLOAT),
    PLAIN(TYPE_DOUBLE),
    [TYPE_DECIMAL] = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 0}, /* Spark's default */
    PLAIN(TYPE_STRING),
    [TYPE_CHAR] = {.kind = TYPE_CHAR, .precision = 1},
    [TYPE_VARCHAR] = {.kind = TYPE_VARCHAR, .precision = 1},
    PLAIN(TYPE_BINARY),
    PLAIN(TYPE_DATE),
    PLAIN(TYPE_TIMESTAMP),
    PLAIN(TYPE_TIMESTAMP_NTZ),
    [TYPE_INTERVAL_YM] = {.kind = TYPE_INTERVAL_YM, .precision = 0, .scale = 1},
    [TYPE_INTERVAL_DT] = {.kind = TYPE_INTERVAL_DT, .precision = 0, .scale = 3},
    PLAIN(TYPE_INTERVAL),
    /* Nested kinds of nothing: what is unknown about them is void. */
    [TYPE_ARRAY] = {.kind = TYPE_ARRAY, .element = &plain[TYPE_NULL], .contains_null = true},
    [TYPE_MAP] = {.kind = TYPE_MAP,
                  .key = &plain[TYPE_NULL],
                  .element = &plain[TYPE_NULL],
                  .contains_null = true},
    PLAIN(TYPE_STRUCT),
    PLAIN(TYPE_VARIANT),
    PLAIN(TYPE_UNKNOWN),
};

const struct type *type_of(enum type_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(plain));
    return &plain[kind];
}

const struct type *type_decimal(struct arena *a, int precision, int scale)
{
    struct type *t = ARENA_NEW(a, struct type);
    *t = (struct type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
    return t;
}

const struct type *type_interval(struct arena *a, enum type_kind kind, int start, int end)
{
    struct type *t = ARENA_NEW(a, struct type);
    CHECK(kind == TYPE_INTERVAL_YM || kind == TYPE_INTERVAL_DT);
    *t = (struct type){.kind = kind, .precision = start, .scale = end};
    return t;
}

const struct type *type_array(struct arena *a, const struct type *element, bool contains_null)
{
    struct type *t = ARENA_NEW(a, struct type);
    *t = (struct type){.kind = TYPE_ARRAY, .element = element, .contains_null = contains_null};
    return t;
}

const struct type *type_map(struct arena *a, const struct type *key, const struct type *value,
                            bool contains_null)
{
    struct type *t = ARENA_NEW(a, struct type);
    *t = (struct type){
        .kind = TYPE_MAP, .key = key, .element = value, .contains_null = contains_null};
    return t;
}

const struct type *type_struct(struct arena *a, const struct type_field *fields, size_t count)
{
    struct type *t = ARENA_NEW(a, struct type);
    *t = (struct type){.kind = TYPE_STRUCT, .field_count = count};
    if (count)
        t->fields = arena_copy(a, fields, count * sizeof *fields);
    return t;
}

static bool fields_equal(const struct type *a, const struct type *b)
{
    if (a->field_count != b->field_count)
        return false;
    for (size_t i = 0; i < a->field_count; i++)
        if (!str_ieq(a->fields[i].name, b->fields[i].name) ||
            !type_equal(a->fields[i].type, b->fields[i].type))
            return false;
    return true;
}

/* Depth is that of a type, which every reader bounds by TYPE_MAX_DEPTH. */
bool type_equal(const struct type *a, const struct type *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind)
        return false;
    switch (a->kind) {
    case TYPE_DECIMAL:
        return a->precision == b->precision && a->scale == b->scale;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
        return a->precision == b->precision;
    case TYPE_ARRAY:
        return type_equal(a->element, b->element);
    case TYPE_MAP:
        return type_equal(a->key, b->key) && type_equal(a->element, b->element);
    case TYPE_STRUCT:
        return fields_equal(a, b);
    default:
        return true;
    }
}

bool type_is_integral(const struct type *t)
{
    return t->kind >= TYPE_BYTE && t->kind <= TYPE_LONG;
}

bool type_is_numeric(const struct type *t)
{
    return t->kind >= TYPE_BYTE && t->kind <= TYPE_DECIMAL;
}

bool type_is_orderable(const struct type *t)
{
    if (t->kind == TYPE_ARRAY)
        return type_is_orderable(t->element);
    if (t->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < t->field_count; i++)
            if (!type_is_orderable(t->fields[i].type))
                return false;
        return true;
    }
    return t->kind != TYPE_MAP && t->kind != TYPE_VARIANT && t->kind != TYPE_INTERVAL &&
           t->kind != TYPE_UNKNOWN;
}

const struct type_field *type_field_find(const struct type *st, struct str name)
{
    if (st->kind != TYPE_STRUCT)
        return NULL;
    for (size_t i = 0; i < st->field_count; i++)
        if (str_ieq(st->fields[i].name, name))
            return &st->fields[i];
    return NULL;
}
