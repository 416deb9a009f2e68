/* type_rules.c -- which types meet in which, and which casts there are: Spark's rules.
 *
 * type_common() is Spark's findWiderTypeForTwo under ANSI, type_common_legacy() the one without:
 *   - void yields to everything;
 *   - byte < short < int < bigint < float < double, but an integral and float give double (legacy:
 *     float); beside a decimal an integral counts as the decimal that holds it, float and double
 *     give double;
 *   - two decimals keep all integral digits and, what then fits into 38, the larger scale;
 *   - date < timestamp_ntz < timestamp;
 *   - a string yields: to bigint beside integrals, to double beside other numbers, else to the
 * other atomic type itself (legacy: string wins, and does not meet boolean or binary);
 *   - arrays, maps, structs (same field names in order) go down; interval ranges widen.
 *
 * type_can_cast() is the table of explicit casts of Spark with ANSI on. */
#include "plan/type.h"

static const struct {
    enum type_kind kind;
    int precision;
} integral_digits[] = {{TYPE_BYTE, 3}, {TYPE_SHORT, 5}, {TYPE_INT, 10}, {TYPE_LONG, 20}};

static int max_int(int x, int y)
{
    return x > y ? x : y;
}

/* The decimal that holds each value of an integral type. */
static struct type as_decimal(const struct type *t)
{
    struct type d = {.kind = TYPE_DECIMAL, .precision = t->precision, .scale = t->scale};
    for (size_t i = 0; i < COUNT_OF(integral_digits); i++)
        if (t->kind == integral_digits[i].kind)
            d = (struct type){.kind = TYPE_DECIMAL, .precision = integral_digits[i].precision};
    return d;
}

/* Range before scale: DECIMAL_MAX_PRECISION digits are given to the integral part first. */
static const struct type *common_decimal(struct arena *a, const struct type *x,
                                         const struct type *y)
{
    struct type p = as_decimal(x), q = as_decimal(y);
    int range = max_int(p.precision - p.scale, q.precision - q.scale);
    int scale = max_int(p.scale, q.scale);
    if (range > DECIMAL_MAX_PRECISION)
        range = DECIMAL_MAX_PRECISION;
    if (scale > DECIMAL_MAX_PRECISION - range)
        scale = DECIMAL_MAX_PRECISION - range;
    return type_decimal(a, range + scale, scale);
}

static const struct type *common_numeric(struct arena *a, const struct type *x,
                                         const struct type *y, bool ansi)
{
    const struct type *other = x->kind == TYPE_DECIMAL ? y : x;
    if (x->kind != TYPE_DECIMAL && y->kind != TYPE_DECIMAL) {
        enum type_kind wider = x->kind > y->kind ? x->kind : y->kind;
        return type_of(ansi && wider == TYPE_FLOAT
                           ? TYPE_DOUBLE
                           : wider); /* a bigint has more digits than a float */
    }
    if (other->kind == TYPE_FLOAT || other->kind == TYPE_DOUBLE)
        return type_of(TYPE_DOUBLE);
    return common_decimal(a, x, y);
}

static bool is_datetime(const struct type *t)
{
    return t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ;
}

static bool is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

static bool is_nested(const struct type *t)
{
    return t->kind == TYPE_ARRAY || t->kind == TYPE_MAP || t->kind == TYPE_STRUCT;
}

static const struct type *common_datetime(const struct type *x, const struct type *y)
{
    if (x->kind == TYPE_TIMESTAMP || y->kind == TYPE_TIMESTAMP)
        return type_of(TYPE_TIMESTAMP);
    return type_of(TYPE_TIMESTAMP_NTZ);
}

static const struct type *common(struct arena *a, const struct type *x, const struct type *y,
                                 bool ansi);

static const struct type *common_struct(struct arena *a, const struct type *x, const struct type *y,
                                        bool ansi)
{
    if (x->field_count != y->field_count)
        return NULL;
    struct type_field *fields =
        ARENA_ARRAY(a, struct type_field, x->field_count ? x->field_count : 1);
    for (size_t i = 0; i < x->field_count; i++) {
        fields[i] = x->fields[i];
        fields[i].type = common(a, x->fields[i].type, y->fields[i].type, ansi);
        fields[i].nullable = x->fields[i].nullable || y->fields[i].nullable;
        if (!fields[i].type || !str_ieq(x->fields[i].name, y->fields[i].name))
            return NULL;
    }
    return type_struct(a, fields, x->field_count);
}

static const struct type *common_nested(struct arena *a, const struct type *x, const struct type *y,
                                        bool ansi)
{
    bool null = x->contains_null || y->contains_null;
    if (x->kind != y->kind)
        return NULL;
    if (x->kind == TYPE_STRUCT)
        return common_struct(a, x, y, ansi);
    const struct type *element = common(a, x->element, y->element, ansi);
    if (!element)
        return NULL;
    if (x->kind == TYPE_ARRAY)
        return type_array(a, element, null);
    const struct type *key = common(a, x->key, y->key, ansi);
    return key ? type_map(a, key, element, null) : NULL;
}

static const struct type *common_interval(struct arena *a, const struct type *x,
                                          const struct type *y)
{
    int start = x->precision < y->precision ? x->precision : y->precision;
    if (x->kind != y->kind)
        return NULL;
    if (x->kind == TYPE_INTERVAL)
        return x;
    return type_interval(a, x->kind, start, max_int(x->scale, y->scale));
}

static bool is_interval(const struct type *t)
{
    return t->kind >= TYPE_INTERVAL_YM && t->kind <= TYPE_INTERVAL;
}

/* `other` is atomic and no text itself. */
static const struct type *common_text(const struct type *other, bool ansi)
{
    if (!ansi)
        return other->kind == TYPE_BOOLEAN || other->kind == TYPE_BINARY ? NULL
                                                                         : type_of(TYPE_STRING);
    if (type_is_integral(other))
        return type_of(TYPE_LONG);
    return type_is_numeric(other) ? type_of(TYPE_DOUBLE) : other;
}

static const struct type *common(struct arena *a, const struct type *x, const struct type *y,
                                 bool ansi)
{
    if (x->kind == TYPE_NULL)
        return y;
    if (y->kind == TYPE_NULL)
        return x;
    if (is_interval(x) && is_interval(y))
        return common_interval(a, x, y);
    if (type_equal(x, y) && !is_nested(x))
        return x;
    if (type_is_numeric(x) && type_is_numeric(y))
        return common_numeric(a, x, y, ansi);
    if (is_datetime(x) && is_datetime(y))
        return common_datetime(x, y);
    if (is_nested(x) || is_nested(y))
        return is_nested(x) && is_nested(y) ? common_nested(a, x, y, ansi) : NULL;
    if (x->kind == TYPE_VARIANT || y->kind == TYPE_VARIANT || x->kind == TYPE_UNKNOWN ||
        y->kind == TYPE_UNKNOWN)
        return NULL;
    if (is_text(x) && is_text(y))
        return type_of(TYPE_STRING);
    if (is_text(x) || is_text(y))
        return common_text(is_text(x) ? y : x, ansi);
    return NULL;
}

const struct type *type_common(struct arena *a, const struct type *x, const struct type *y)
{
    return common(a, x, y, true);
}

const struct type *type_common_legacy(struct arena *a, const struct type *x, const struct type *y)
{
    return common(a, x, y, false);
}

#define BIT(kind) (1u << (kind))
#define INTEGRALS (BIT(TYPE_BYTE) | BIT(TYPE_SHORT) | BIT(TYPE_INT) | BIT(TYPE_LONG))
#define NUMERICS (INTEGRALS | BIT(TYPE_FLOAT) | BIT(TYPE_DOUBLE) | BIT(TYPE_DECIMAL))
#define TEXTS (BIT(TYPE_STRING) | BIT(TYPE_CHAR) | BIT(TYPE_VARCHAR))
#define DATETIMES (BIT(TYPE_DATE) | BIT(TYPE_TIMESTAMP) | BIT(TYPE_TIMESTAMP_NTZ))
#define INTERVALS (BIT(TYPE_INTERVAL_YM) | BIT(TYPE_INTERVAL_DT) | BIT(TYPE_INTERVAL))

/* From an atomic kind to which atomic kinds. Text is a target of all; void is a source of all. */
static const unsigned casts[] = {
    [TYPE_BOOLEAN] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP),
    [TYPE_BYTE] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP) | BIT(TYPE_BINARY) | INTERVALS,
    [TYPE_SHORT] =
        BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP) | BIT(TYPE_BINARY) | INTERVALS,
    [TYPE_INT] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP) | BIT(TYPE_BINARY) | INTERVALS,
    [TYPE_LONG] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP) | BIT(TYPE_BINARY) | INTERVALS,
    [TYPE_FLOAT] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP),
    [TYPE_DOUBLE] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP),
    [TYPE_DECIMAL] = BIT(TYPE_BOOLEAN) | NUMERICS | BIT(TYPE_TIMESTAMP) | INTERVALS,
    [TYPE_STRING] = BIT(TYPE_BOOLEAN) | NUMERICS | DATETIMES | INTERVALS | BIT(TYPE_BINARY),
    [TYPE_CHAR] = BIT(TYPE_BOOLEAN) | NUMERICS | DATETIMES | INTERVALS | BIT(TYPE_BINARY),
    [TYPE_VARCHAR] = BIT(TYPE_BOOLEAN) | NUMERICS | DATETIMES | INTERVALS | BIT(TYPE_BINARY),
    [TYPE_BINARY] = BIT(TYPE_BINARY),
    [TYPE_DATE] = DATETIMES,
    [TYPE_TIMESTAMP] = DATETIMES | NUMERICS,
    [TYPE_TIMESTAMP_NTZ] = DATETIMES,
    [TYPE_INTERVAL_YM] = BIT(TYPE_INTERVAL_YM) | INTEGRALS | BIT(TYPE_DECIMAL),
    [TYPE_INTERVAL_DT] = BIT(TYPE_INTERVAL_DT) | INTEGRALS | BIT(TYPE_DECIMAL),
    [TYPE_INTERVAL] = BIT(TYPE_INTERVAL),
};

static bool can_cast_nested(const struct type *from, const struct type *to)
{
    if (from->kind != to->kind)
        return false;
    if (from->kind == TYPE_STRUCT) {
        if (from->field_count != to->field_count)
            return false;
        for (size_t i = 0; i < from->field_count; i++)
            if (!type_can_cast(from->fields[i].type, to->fields[i].type))
                return false;
        return true;
    }
    if (from->kind == TYPE_MAP && !type_can_cast(from->key, to->key))
        return false;
    return type_can_cast(from->element, to->element);
}

bool type_can_cast(const struct type *from, const struct type *to)
{
    if (from->kind == TYPE_NULL || from->kind == TYPE_UNKNOWN || type_equal(from, to))
        return true;
    if (to->kind == TYPE_VARIANT)
        return from->kind != TYPE_INTERVAL && from->kind != TYPE_MAP;
    if (from->kind == TYPE_VARIANT)
        return to->kind != TYPE_INTERVAL && to->kind != TYPE_BINARY;
    if (is_text(to))
        return true;
    if (is_nested(from) || is_nested(to))
        return can_cast_nested(from, to);
    return (size_t)from->kind < COUNT_OF(casts) && (casts[from->kind] & BIT(to->kind)) != 0;
}
