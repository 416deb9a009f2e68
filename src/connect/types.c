#include "connect/translate.h"

#define KIND(x) SPARK__CONNECT__DATA_TYPE__KIND_##x

static const struct { int kind; enum type_kind type; } PLAIN[] = {
    {KIND(NULL), TYPE_NULL}, {KIND(BINARY), TYPE_BINARY}, {KIND(BOOLEAN), TYPE_BOOLEAN}, {KIND(BYTE), TYPE_BYTE}, {KIND(SHORT), TYPE_SHORT},
    {KIND(INTEGER), TYPE_INT}, {KIND(LONG), TYPE_LONG}, {KIND(FLOAT), TYPE_FLOAT}, {KIND(DOUBLE), TYPE_DOUBLE}, {KIND(STRING), TYPE_STRING},
    {KIND(DATE), TYPE_DATE}, {KIND(TIMESTAMP), TYPE_TIMESTAMP}, {KIND(TIMESTAMP_NTZ), TYPE_TIMESTAMP_NTZ},
    {KIND(CALENDAR_INTERVAL), TYPE_INTERVAL}, {KIND(YEAR_MONTH_INTERVAL), TYPE_INTERVAL_YM}, {KIND(DAY_TIME_INTERVAL), TYPE_INTERVAL_DT},
    {KIND(VARIANT), TYPE_VARIANT},
};

static const struct type *translate(struct arena *a, const Spark__Connect__DataType *m, int depth, struct err *err)
{
    if (!m || depth > PLAN_MAX_DEPTH) {
        err_set(err, ERR_INPUT, "a type is missing or nests too deep");
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(PLAIN); i++)
        if ((int)m->kind_case == PLAIN[i].kind)
            return type_of(PLAIN[i].type);
    if (m->kind_case == KIND(DECIMAL))
        return type_decimal(a, m->decimal->has_precision ? m->decimal->precision : 10, m->decimal->scale);
    if (m->kind_case == KIND(ARRAY)) {
        const struct type *e = translate(a, m->array->element_type, depth + 1, err);
        return e ? type_array(a, e, m->array->contains_null) : NULL;
    }
    if (m->kind_case == KIND(MAP)) {
        const struct type *k = translate(a, m->map->key_type, depth + 1, err), *v = k ? translate(a, m->map->value_type, depth + 1, err) : NULL;
        return v ? type_map(a, k, v, m->map->value_contains_null) : NULL;
    }
    if (m->kind_case == KIND(STRUCT)) {
        struct type_field *f = ARENA_ARRAY(a, struct type_field, m->struct_->n_fields + 1);
        for (size_t i = 0; i < m->struct_->n_fields; i++) {
            const struct type *t = translate(a, m->struct_->fields[i]->data_type, depth + 1, err);
            if (!t)
                return NULL;
            f[i] = (struct type_field){str_copy(a, str_z(m->struct_->fields[i]->name)), t, m->struct_->fields[i]->nullable, STR_NONE, NULL};
        }
        return type_struct(a, f, m->struct_->n_fields);
    }
    if (m->kind_case == KIND(UNPARSED))
        return type_read_ddl(a, str_copy(a, str_z(m->unparsed->data_type_string)), err);
    err_set(err, ERR_UNSUPPORTED, "type %s is not supported", oneof_name(&spark__connect__data_type__descriptor, (int)m->kind_case));
    return NULL;
}

const struct type *type_translate(struct arena *a, const Spark__Connect__DataType *m, struct err *err) { return translate(a, m, 0, err); }

/* Every plain kind's message is empty but for its base: one init macro each. */
#define PLAIN_MESSAGE(CASE, member, Name, INIT) \
    case CASE: { \
        Spark__Connect__DataType__##Name *x = ARENA_NEW(a, Spark__Connect__DataType__##Name); \
        *x = (Spark__Connect__DataType__##Name)SPARK__CONNECT__DATA_TYPE__##INIT##__INIT; \
        m->member = x; \
        m->kind_case = KIND(INIT); \
        break; \
    }

static void nested_message(struct arena *a, const struct type *t, Spark__Connect__DataType *m)
{
    if (t->kind == TYPE_ARRAY) {
        m->array = ARENA_NEW(a, Spark__Connect__DataType__Array);
        *m->array = (Spark__Connect__DataType__Array)SPARK__CONNECT__DATA_TYPE__ARRAY__INIT;
        m->array->element_type = type_message(a, t->element);
        m->array->has_contains_null = m->array->contains_null = t->contains_null;
        m->kind_case = KIND(ARRAY);
    } else if (t->kind == TYPE_MAP) {
        m->map = ARENA_NEW(a, Spark__Connect__DataType__Map);
        *m->map = (Spark__Connect__DataType__Map)SPARK__CONNECT__DATA_TYPE__MAP__INIT;
        m->map->key_type = type_message(a, t->key);
        m->map->value_type = type_message(a, t->element);
        m->map->has_value_contains_null = m->map->value_contains_null = t->contains_null;
        m->kind_case = KIND(MAP);
    } else {
        m->struct_ = ARENA_NEW(a, Spark__Connect__DataType__Struct);
        *m->struct_ = (Spark__Connect__DataType__Struct)SPARK__CONNECT__DATA_TYPE__STRUCT__INIT;
        m->struct_->n_fields = t->field_count;
        m->struct_->fields = ARENA_ARRAY(a, Spark__Connect__DataType__StructField *, t->field_count + 1);
        for (size_t i = 0; i < t->field_count; i++) {
            Spark__Connect__DataType__StructField *f = m->struct_->fields[i] = ARENA_NEW(a, Spark__Connect__DataType__StructField);
            *f = (Spark__Connect__DataType__StructField)SPARK__CONNECT__DATA_TYPE__STRUCT_FIELD__INIT;
            f->name = str_cz(a, t->fields[i].name);
            f->data_type = type_message(a, t->fields[i].type);
            f->has_nullable = true;
            f->nullable = t->fields[i].nullable;
        }
        m->kind_case = KIND(STRUCT);
    }
}

Spark__Connect__DataType *type_message(struct arena *a, const struct type *t)
{
    Spark__Connect__DataType *m = ARENA_NEW(a, Spark__Connect__DataType);
    *m = (Spark__Connect__DataType)SPARK__CONNECT__DATA_TYPE__INIT;
    switch (t->kind) {
    case TYPE_NULL: /* by hand: NULL is a macro */
        m->null = ARENA_NEW(a, Spark__Connect__DataType__NULL);
        *m->null = (Spark__Connect__DataType__NULL)SPARK__CONNECT__DATA_TYPE__NULL__INIT;
        m->kind_case = SPARK__CONNECT__DATA_TYPE__KIND_NULL;
        break;
        PLAIN_MESSAGE(TYPE_BINARY, binary, Binary, BINARY)
        PLAIN_MESSAGE(TYPE_BOOLEAN, boolean, Boolean, BOOLEAN)
        PLAIN_MESSAGE(TYPE_BYTE, byte, Byte, BYTE)
        PLAIN_MESSAGE(TYPE_SHORT, short_, Short, SHORT)
        PLAIN_MESSAGE(TYPE_INT, integer, Integer, INTEGER)
        PLAIN_MESSAGE(TYPE_LONG, long_, Long, LONG)
        PLAIN_MESSAGE(TYPE_FLOAT, float_, Float, FLOAT)
        PLAIN_MESSAGE(TYPE_DOUBLE, double_, Double, DOUBLE)
        PLAIN_MESSAGE(TYPE_DATE, date, Date, DATE)
        PLAIN_MESSAGE(TYPE_TIMESTAMP, timestamp, Timestamp, TIMESTAMP)
        PLAIN_MESSAGE(TYPE_TIMESTAMP_NTZ, timestamp_ntz, TimestampNTZ, TIMESTAMP_NTZ)
        PLAIN_MESSAGE(TYPE_INTERVAL, calendar_interval, CalendarInterval, CALENDAR_INTERVAL)
        PLAIN_MESSAGE(TYPE_INTERVAL_YM, year_month_interval, YearMonthInterval, YEAR_MONTH_INTERVAL)
        PLAIN_MESSAGE(TYPE_INTERVAL_DT, day_time_interval, DayTimeInterval, DAY_TIME_INTERVAL)
        PLAIN_MESSAGE(TYPE_VARIANT, variant, Variant, VARIANT)
    case TYPE_DECIMAL:
        m->decimal = ARENA_NEW(a, Spark__Connect__DataType__Decimal);
        *m->decimal = (Spark__Connect__DataType__Decimal)SPARK__CONNECT__DATA_TYPE__DECIMAL__INIT;
        m->decimal->has_precision = m->decimal->has_scale = true;
        m->decimal->precision = t->precision;
        m->decimal->scale = t->scale;
        m->kind_case = KIND(DECIMAL);
        break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        nested_message(a, t, m);
        break;
    case TYPE_STRING:
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_UNKNOWN:
        m->string = ARENA_NEW(a, Spark__Connect__DataType__String);
        *m->string = (Spark__Connect__DataType__String)SPARK__CONNECT__DATA_TYPE__STRING__INIT;
        m->kind_case = KIND(STRING);
        break;
    }
    return m;
}
