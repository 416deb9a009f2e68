/* resolve_rules.c -- the functions whose types follow a rule of their own: the table at the end. */
#include "plan/resolve_call.h"

static struct expr *arith(struct ex *x, struct expr *c)
{
    return type_arith(x->rs, c);
}

static struct expr *compare(struct ex *x, struct expr *c)
{
    return type_compare(x->rs, c);
}

static struct expr *nullif(struct ex *x, struct expr *c)
{
    const struct type *t = arg_type(c, 0);
    if (!type_compare(x->rs, c))
        return NULL;
    c->type = arg_type(c, 0);
    return t->kind == TYPE_NULL || t->kind == TYPE_STRUCT ? (c->type = t->kind == TYPE_NULL ? t : c->type, c) : cast_to(x->rs, c, t);
}

static struct expr *negative(struct ex *x, struct expr *c)
{
    struct expr *v = arg(c, 0);
    if (v->kind == EXPR_LITERAL && type_is_numeric(v->type)) {
        struct expr *n = expr_copy(x->rs, v);
        if (v->lit.kind == LIT_INT) {
            n->lit.i64 = (int64_t)(0 - (uint64_t)v->lit.i64);
            return n;
        }
        if (v->lit.kind == LIT_FLOAT) {
            n->lit.f64 = -v->lit.f64;
            return n;
        }
        if (v->lit.kind == LIT_DECIMAL && v->lit.text.len && v->lit.text.ptr[0] != '-') {
            n->lit.text = str_fmt(x->rs->a, "-%.*s", STR_ARGS(v->lit.text));
            return n;
        }
    }
    if (type_is_text(v->type) || v->type->kind == TYPE_NULL)
        c->args.items[0] = cast_to(x->rs, v, type_of(TYPE_DOUBLE));
    enum type_kind k = arg_type(c, 0)->kind;
    if (!type_is_numeric(arg_type(c, 0)) && k != TYPE_INTERVAL_YM && k != TYPE_INTERVAL_DT && k != TYPE_INTERVAL)
        return call_bad_arg(x->rs, c, 0, "\"NUMERIC\" or \"INTERVAL\"");
    c->type = arg_type(c, 0);
    return c;
}

static struct expr *bitwise(struct ex *x, struct expr *c)
{
    const struct type *t = common_type(x->rs, arg_type(c, 0), arg_type(c, 1));
    if (t && t->kind == TYPE_NULL)
        t = type_of(TYPE_INT);
    if (!t || !type_is_integral(t))
        return bad_types(x->rs, c);
    c->args.items[0] = cast_to(x->rs, arg(c, 0), t);
    c->args.items[1] = cast_to(x->rs, arg(c, 1), t);
    c->type = t;
    return c;
}

/* Shifts of what is narrower than INT are of INT. */
static struct expr *shift(struct ex *x, struct expr *c)
{
    if (arg_type(c, 0)->kind == TYPE_BYTE || arg_type(c, 0)->kind == TYPE_SHORT)
        c->args.items[0] = cast_to(x->rs, arg(c, 0), type_of(TYPE_INT));
    c->type = arg_type(c, 0);
    return c;
}

static struct expr *byte_result(struct ex *x, struct expr *c)
{
    (void)x;
    c->type = type_of(TYPE_BYTE);
    return c;
}

/* CASE: cond, value, cond, value, …, [else]. Also decode() and if(). */
static struct expr *when(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    const struct type *t = NULL;
    size_t n = c->args.count;
    if (n < 2)
        return res_fail(rs, c->at, ERR_INPUT, "[WRONG_NUM_ARGS] CASE needs a condition and a value");
    for (size_t i = 0; i + 1 < n; i += 2)
        if (n == 2 && arg(c, i)->kind == EXPR_LITERAL && arg_type(c, i)->kind == TYPE_NULL)
            return call_bad_arg(rs, c, i, "\"BOOLEAN\"");
    for (size_t i = 0; i + 1 < n; i += 2)
        if (call_set_arg(rs, c, i, type_of(TYPE_BOOLEAN), "\"BOOLEAN\""))
            return NULL;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0 && i + 1 < n)
            continue;
        t = t ? common_type(rs, t, arg_type(c, i)) : arg_type(c, i);
        if (!t)
            return res_fail(rs, arg(c, i)->at, ERR_INPUT, "[DATATYPE_MISMATCH.DATA_DIFF_TYPES] The branches of CASE must be of "
                            "one type, this one is \"%.*s\"", STR_ARGS(type_text(rs, arg_type(c, i))));
    }
    c->nullable = n % 2 == 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0 && i + 1 < n)
            continue;
        c->args.items[i] = cast_to(rs, arg(c, i), t);
        c->nullable |= arg(c, i)->nullable;
    }
    c->type = t;
    return c;
}

static struct expr *if_call(struct ex *x, struct expr *c)
{
    c->func = STR("when");
    return when(x, c);
}

/* decode(x, search, result, …[, default]), or decode(binary, charset). */
static struct expr *decode(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    if (c->args.count == 2) {
        if (call_set_arg(rs, c, 0, type_of(TYPE_BINARY), "\"BINARY\"") || call_set_arg(rs, c, 1, type_of(TYPE_STRING), "\"STRING\""))
            return NULL;
        c->type = type_of(TYPE_STRING);
        return c;
    }
    struct expr *w = expr_call(rs->a, c->at, "when", NULL, NULL);
    for (size_t i = 1; i + 1 < c->args.count; i += 2) {
        struct expr *eq = type_compare(rs, call_of(rs, c->at, "<=>", NULL, arg(c, 0), arg(c, i)));
        if (!eq)
            return NULL;
        exprs_push(rs->a, &w->args, eq);
        exprs_push(rs->a, &w->args, arg(c, i + 1));
    }
    if (c->args.count % 2 == 0)
        exprs_push(rs->a, &w->args, arg(c, c->args.count - 1));
    return when(x, w);
}

static struct expr *concat(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    bool arrays = c->args.count > 0, binaries = c->args.count > 0;
    for (size_t i = 0; i < c->args.count; i++) {
        arrays &= arg_type(c, i)->kind == TYPE_ARRAY || arg_type(c, i)->kind == TYPE_NULL;
        binaries &= arg_type(c, i)->kind == TYPE_BINARY;
    }
    for (size_t i = 0; i < c->args.count && arrays; i++)
        if (arg_type(c, i)->kind == TYPE_ARRAY)
            return (c->type = call_common_args(rs, c, "C+")) ? c : NULL;
    for (size_t i = 0; i < c->args.count && !binaries; i++)
        if (call_set_arg(rs, c, i, type_of(TYPE_STRING), "\"STRING\""))
            return NULL;
    c->type = type_of(binaries ? TYPE_BINARY : TYPE_STRING);
    return c;
}

static struct expr *concat_ws(struct ex *x, struct expr *c)
{
    for (size_t i = 0; i < c->args.count; i++) {
        const struct type *t = arg_type(c, i);
        const struct type *to = t->kind == TYPE_ARRAY ? type_array(x->rs->a, type_of(TYPE_STRING), true)
                                                      : type_of(TYPE_STRING);
        if (call_set_arg(x->rs, c, i, to, "\"STRING\" or \"ARRAY<STRING>\""))
            return NULL;
    }
    c->type = type_of(TYPE_STRING);
    c->nullable = arg(c, 0)->nullable;
    return c;
}

static struct expr *void_result(struct ex *x, struct expr *c)
{
    (void)x;
    c->type = type_of(TYPE_NULL);
    return c;
}

static struct expr *round_call(struct ex *x, struct expr *c)
{
    return type_round(x->rs, c);
}

static struct expr *sum_avg(struct ex *x, struct expr *c)
{
    return type_sum_avg(x->rs, c);
}

static struct expr *hex(struct ex *x, struct expr *c)
{
    const struct type *t = arg_type(c, 0);
    if (t->kind != TYPE_BINARY && !type_is_text(t) && call_set_arg(x->rs, c, 0, type_of(TYPE_LONG), "\"BIGINT\", \"BINARY\" or \"STRING\""))
        return NULL;
    c->type = type_of(TYPE_STRING);
    return c;
}

static struct expr *reverse(struct ex *x, struct expr *c)
{
    if (arg_type(c, 0)->kind != TYPE_ARRAY && call_set_arg(x->rs, c, 0, type_of(TYPE_STRING), "\"STRING\" or \"ARRAY\""))
        return NULL;
    c->type = arg_type(c, 0);
    return c;
}

/* to_number('1,234.5', '9,999.9'): the format's digits are the decimal's. */
static struct expr *to_number(struct ex *x, struct expr *c)
{
    const struct expr *f = arg(c, 1);
    if (f->kind != EXPR_LITERAL || f->lit.kind != LIT_STRING)
        return res_fail(x->rs, f->at, ERR_INPUT, "[DATATYPE_MISMATCH.NON_FOLDABLE_INPUT] The format of %.*s() must be a "
                        "constant string", STR_ARGS(c->func));
    int whole = 0, scale = 0;
    bool after = false;
    for (size_t i = 0; i < f->lit.text.len; i++) {
        char d = f->lit.text.ptr[i];
        if (d == '.' || d == 'D' || d == 'd')
            after = true;
        else if (d == '9' || d == '0')
            *(after ? &scale : &whole) += 1;
    }
    c->type = type_decimal(x->rs->a, whole + scale ? whole + scale : 1, scale);
    return c;
}

/* ---- dates */

static struct expr *date_shift(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    if (c->args.count == 3) {
        c->func = STR("timestampadd");
        if (call_set_arg(rs, c, 0, type_of(TYPE_STRING), "unit") || call_set_arg(rs, c, 1, type_of(TYPE_LONG), "\"BIGINT\"") ||
            call_typed_arg(rs, c, 2, 't'))
            return NULL;
        c->type = arg_type(c, 2)->kind == TYPE_DATE ? type_of(TYPE_TIMESTAMP) : arg_type(c, 2);
        c->args.items[2] = cast_to(rs, arg(c, 2), c->type);
        return c;
    }
    const struct type *by = arg_type(c, 1);
    if (call_set_arg(rs, c, 0, type_of(TYPE_DATE), "\"DATE\""))
        return NULL;
    c->func = STR("date_add");
    if (by->kind == TYPE_INTERVAL_DT || by->kind == TYPE_INTERVAL_YM) {
        c->func = STR("+");
        return type_arith(rs, c);
    }
    if (by->kind == TYPE_DECIMAL || by->kind == TYPE_DOUBLE || by->kind == TYPE_FLOAT || by->kind == TYPE_LONG)
        return call_bad_arg(rs, c, 1, "\"INT\"");
    if (call_set_arg(rs, c, 1, type_of(TYPE_INT), "\"INT\""))
        return NULL;
    c->type = type_of(TYPE_DATE);
    return c;
}

static struct expr *date_diff(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    if (c->args.count == 3) {
        c->func = STR("timestampdiff");
        if (call_set_arg(rs, c, 0, type_of(TYPE_STRING), "unit") || call_set_arg(rs, c, 1, type_of(TYPE_TIMESTAMP), "\"TIMESTAMP\"") ||
            call_set_arg(rs, c, 2, type_of(TYPE_TIMESTAMP), "\"TIMESTAMP\""))
            return NULL;
        c->type = type_of(TYPE_LONG);
        return c;
    }
    if (call_set_arg(rs, c, 0, type_of(TYPE_DATE), "\"DATE\"") || call_set_arg(rs, c, 1, type_of(TYPE_DATE), "\"DATE\""))
        return NULL;
    c->func = STR("datediff");
    c->type = type_of(TYPE_INT);
    return c;
}

static struct expr *date_part(struct ex *x, struct expr *c)
{
    const struct expr *f = arg(c, 0);
    if (f->kind != EXPR_LITERAL || f->lit.kind != LIT_STRING)
        return res_fail(x->rs, f->at, ERR_INPUT, "[NON_FOLDABLE_ARGUMENT] The field of %.*s() must be a constant string",
                        STR_ARGS(c->func));
    struct str u = str_lower(x->rs->a, f->lit.text);
    bool seconds = str_eqz(u, "second") || str_eqz(u, "seconds") || str_eqz(u, "s") || str_eqz(u, "sec") ||
                   str_eqz(u, "secs");
    bool small = str_starts_z(u, "hour") || str_starts_z(u, "min") || str_eqz(u, "h") || str_eqz(u, "m") || str_starts_z(u, "mon");
    enum type_kind of = arg_type(c, 1)->kind;
    c->func = STR("date_part");
    if (small && (of == TYPE_INTERVAL_DT || of == TYPE_INTERVAL_YM)) {
        c->type = type_of(TYPE_INT); /* the printer's; a cast makes it Spark's */
        return cast_to(x->rs, c, type_of(TYPE_BYTE));
    }
    c->type = seconds ? type_decimal(x->rs->a, 8, 6) : type_of(TYPE_INT);
    return c;
}

static struct expr *make_timestamp(struct ex *x, struct expr *c)
{
    static const enum type_kind kinds[] = {TYPE_INT, TYPE_INT, TYPE_INT, TYPE_INT, TYPE_INT, TYPE_DECIMAL, TYPE_STRING};
    for (size_t i = 0; i < c->args.count; i++)
        if (call_set_arg(x->rs, c, i, i == 5 ? type_decimal(x->rs->a, 16, 6) : type_of(kinds[i]), "\"INT\""))
            return NULL;
    c->type = type_of(is(c, "make_timestamp_ntz") ? TYPE_TIMESTAMP_NTZ : TYPE_TIMESTAMP);
    return c;
}

static struct expr *make_interval(struct ex *x, struct expr *c)
{
    c->type = is(c, "make_interval") ? type_of(TYPE_INTERVAL)
              : is(c, "make_dt_interval") ? type_interval(x->rs->a, TYPE_INTERVAL_DT, 0, 3)
                                          : type_interval(x->rs->a, TYPE_INTERVAL_YM, 0, 1);
    return c;
}

static struct expr *time_window(struct ex *x, struct expr *c)
{
    const struct type *t = arg_type(c, 0)->kind == TYPE_TIMESTAMP_NTZ ? arg_type(c, 0) : type_of(TYPE_TIMESTAMP);
    c->args.items[0] = cast_to(x->rs, arg(c, 0), t);
    c->type = type_struct(x->rs->a, (struct type_field[]){{.name = STR("start"), .type = t, .nullable = true},
                                                          {.name = STR("end"), .type = t, .nullable = true}}, 2);
    return c;
}

static struct expr *as_cast(struct ex *x, struct expr *c)
{
    static const struct { const char *name; enum type_kind kind; } names[] = {
        {"boolean", TYPE_BOOLEAN}, {"tinyint", TYPE_BYTE}, {"smallint", TYPE_SHORT}, {"int", TYPE_INT},
        {"bigint", TYPE_LONG}, {"float", TYPE_FLOAT}, {"double", TYPE_DOUBLE}, {"decimal", TYPE_DECIMAL},
        {"string", TYPE_STRING}, {"binary", TYPE_BINARY}, {"date", TYPE_DATE}, {"timestamp", TYPE_TIMESTAMP}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (is(c, names[i].name)) {
            if (!type_can_cast(arg_type(c, 0), type_of(names[i].kind)))
                return call_bad_arg(x->rs, c, 0, names[i].name);
            struct expr *r = cast_to(x->rs, arg(c, 0), type_of(names[i].kind));
            return r;
        }
    UNREACHABLE();
}

/* ---- arrays, maps, structs */

static struct expr *array(struct ex *x, struct expr *c)
{
    const struct type *t = call_common_args(x->rs, c, "C+");
    bool null = false;
    for (size_t i = 0; i < c->args.count; i++)
        null |= arg(c, i)->nullable;
    if (!t)
        return NULL;
    c->type = type_array(x->rs->a, t, null);
    return c;
}

static struct expr *array_add(struct ex *x, struct expr *c)
{
    size_t at = is(c, "array_insert") ? 2 : 1;
    if (call_element_arg(x->rs, c, at))
        return NULL;
    c->type = arg_type(c, 0);
    return c;
}

static struct expr *array_join(struct ex *x, struct expr *c)
{
    if (call_set_arg(x->rs, c, 0, type_array(x->rs->a, type_of(TYPE_STRING), true), "\"ARRAY<STRING>\""))
        return NULL;
    c->type = type_of(TYPE_STRING);
    return c;
}

static struct expr *arrays_zip(struct ex *x, struct expr *c)
{
    struct type_field *f = ARENA_ARRAY(x->rs->a, struct type_field, c->args.count);
    for (size_t i = 0; i < c->args.count; i++) {
        const struct expr *e = arg(c, i);
        struct str name = e->kind == EXPR_COLUMN ? e->name.parts[e->name.count - 1]
                          : e->kind == EXPR_FIELD ? e->field_name : str_fmt(x->rs->a, "%zu", i);
        f[i] = (struct type_field){.name = name, .type = e->type->element, .nullable = true};
    }
    c->type = type_array(x->rs->a, type_struct(x->rs->a, f, c->args.count), false);
    return c;
}

static struct expr *element_at(struct ex *x, struct expr *c)
{
    const struct type *t = arg_type(c, 0);
    if (t->kind != TYPE_ARRAY && t->kind != TYPE_MAP)
        return call_bad_arg(x->rs, c, 0, "\"ARRAY\" or \"MAP\"");
    if (t->kind == TYPE_ARRAY && arg_type(c, 1)->kind == TYPE_NULL)
        return call_bad_arg(x->rs, c, 1, "\"INT\"");
    if (call_set_arg(x->rs, c, 1, t->kind == TYPE_MAP ? t->key : type_of(TYPE_INT), t->kind == TYPE_MAP ? "map's key" : "\"INT\""))
        return NULL;
    c->type = t->element;
    return c;
}

static struct expr *sequence(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    const struct type *t = common_type(rs, arg_type(c, 0), arg_type(c, 1));
    if (!t || (!type_is_integral(t) && t->kind != TYPE_DATE && t->kind != TYPE_TIMESTAMP && t->kind != TYPE_TIMESTAMP_NTZ))
        return bad_types(rs, c);
    if (type_is_integral(t) && c->args.count == 3)
        t = common_type(rs, t, arg_type(c, 2));
    for (size_t i = 0; i < c->args.count && (i < 2 || type_is_integral(t)); i++)
        c->args.items[i] = cast_to(rs, arg(c, i), t);
    c->type = type_array(rs->a, t, false);
    return c;
}

static struct expr *map(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    const struct type *kv[2] = {NULL, NULL};
    bool null = false;
    if (c->args.count % 2)
        return res_fail(rs, c->at, ERR_INPUT, "[WRONG_NUM_ARGS] map() requires 2n parameters but the actual number is %zu",
                        c->args.count);
    for (size_t i = 0; i < c->args.count; i++) {
        kv[i % 2] = kv[i % 2] ? common_type(rs, kv[i % 2], arg_type(c, i)) : arg_type(c, i);
        if (!kv[i % 2])
            return bad_types(rs, c);
        null |= i % 2 && arg(c, i)->nullable;
    }
    for (size_t i = 0; i < c->args.count; i++)
        c->args.items[i] = cast_to(rs, arg(c, i), kv[i % 2]);
    c->type = type_map(rs->a, kv[0] ?: type_of(TYPE_NULL), kv[1] ?: type_of(TYPE_NULL), null);
    return c;
}

static struct expr *map_part(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    const struct type *t = arg_type(c, 0);
    if (is(c, "map_keys"))
        c->type = type_array(rs->a, t->key, false);
    else if (is(c, "map_values"))
        c->type = type_array(rs->a, t->element, true);
    else if (is(c, "map_entries"))
        c->type = type_array(rs->a, type_struct(rs->a, (struct type_field[]){
            {.name = STR("key"), .type = t->key}, {.name = STR("value"), .type = t->element, .nullable = true}}, 2), false);
    else { /* map_contains_key */
        if (call_set_arg(rs, c, 1, t->key, "map's key"))
            return NULL;
        c->type = type_of(TYPE_BOOLEAN);
    }
    return c;
}

static struct expr *map_concat(struct ex *x, struct expr *c)
{
    if (c->args.count == 1)
        return arg(c, 0);
    if (!c->args.count)
        c->func = STR("map");
    c->type = c->args.count ? call_common_args(x->rs, c, "C+") : type_map(x->rs->a, type_of(TYPE_STRING), type_of(TYPE_STRING), true);
    return c->type ? c : NULL;
}

static struct expr *map_from(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    if (is(c, "map_from_arrays")) {
        c->type = type_map(rs->a, arg_type(c, 0)->element, arg_type(c, 1)->element, true);
        return c;
    }
    const struct type *st = arg_type(c, 0)->element;
    if (st->kind != TYPE_STRUCT || st->field_count != 2)
        return call_bad_arg(rs, c, 0, "\"ARRAY\" of pair \"STRUCT\"");
    c->type = type_map(rs->a, st->fields[0].type, st->fields[1].type, true);
    return c;
}

static struct expr *str_to_map(struct ex *x, struct expr *c)
{
    c->type = type_map(x->rs->a, type_of(TYPE_STRING), type_of(TYPE_STRING), true);
    return c;
}

static struct expr *named_struct(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    size_t n = c->args.count / 2;
    struct type_field *f = ARENA_ARRAY(rs->a, struct type_field, n + 1);
    struct exprs values = {0};
    if (c->args.count % 2)
        return res_fail(rs, c->at, ERR_INPUT, "[WRONG_NUM_ARGS] named_struct() requires 2n parameters");
    for (size_t i = 0; i < n; i++) {
        const struct expr *k = arg(c, 2 * i), *v = arg(c, 2 * i + 1);
        if (k->kind != EXPR_LITERAL || k->lit.kind != LIT_STRING)
            return res_fail(rs, k->at, ERR_INPUT, "[DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING] Only "
                            "constant strings are field names of named_struct()");
        f[i] = (struct type_field){.name = k->lit.text, .type = v->type, .nullable = v->nullable};
        exprs_push(rs->a, &values, (struct expr *)v);
    }
    c->func = STR("struct");
    c->args = values;
    c->type = type_struct(rs->a, f, n);
    return c;
}

/* ---- JSON */

/* The schema argument: a DDL string or schema_of_json('…') over a constant. */
static struct expr *from_json(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    const struct expr *s = arg(c, 1);
    if (s->kind != EXPR_LITERAL || s->lit.kind != LIT_STRING)
        return res_fail(rs, s->at, ERR_INPUT, "[INVALID_SCHEMA.NON_STRING_LITERAL] The schema of from_json() must be a constant "
                        "string, e.g. 'a INT, b STRING'");
    struct err inner = {0};
    c->type = type_read_ddl(rs->a, s->lit.text, &inner);
    if (!c->type && str_trim(s->lit.text).len && str_trim(s->lit.text).ptr[0] == '{') {
        struct doc *d = doc_json(rs->a, NULL, s->lit.text, &inner);
        c->type = d ? type_read_json(rs->a, d, &inner) : NULL;
    }
    if (!c->type)
        return res_fail(rs, s->at, ERR_INPUT, "[INVALID_SCHEMA.PARSE_ERROR] from_json() cannot read its schema: %s", inner.msg);
    return c;
}

static struct expr *variant_get(struct ex *x, struct expr *c)
{
    const struct expr *s = arg(c, 2);
    struct err inner = {0};
    if (s->kind != EXPR_LITERAL || s->lit.kind != LIT_STRING)
        return res_fail(x->rs, s->at, ERR_INPUT, "[INVALID_SCHEMA.NON_STRING_LITERAL] The type of %.*s() must be a constant "
                        "string", STR_ARGS(c->func));
    c->type = type_read_ddl(x->rs->a, s->lit.text, &inner);
    return c->type ? c : res_fail(x->rs, s->at, ERR_INPUT, "%s", inner.msg);
}

/* ---- aggregates and windows */

static struct expr *percentile(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    bool approx = is(c, "percentile_approx") || is(c, "approx_percentile");
    bool within = is(c, "percentile_cont") || is(c, "percentile_disc");
    const struct expr *p = arg(c, within ? 0 : 1);
    bool many = p->type->kind == TYPE_ARRAY;
    if (within && (c->order.count != 1))
        return res_fail(rs, c->at, ERR_INPUT, "%.*s() needs WITHIN GROUP (ORDER BY …)", STR_ARGS(c->func));
    if (!approx && !within && call_set_arg(rs, c, 0, type_of(TYPE_DOUBLE), "\"NUMERIC\""))
        return NULL;
    const struct type *one = approx ? arg_type(c, 0) : type_of(TYPE_DOUBLE);
    size_t at = within ? 0 : 1;
    if (call_set_arg(rs, c, at, many ? type_array(rs->a, type_of(TYPE_DOUBLE), false) : type_of(TYPE_DOUBLE), "\"DOUBLE\""))
        return NULL;
    c->type = many ? type_array(rs->a, one, false) : one;
    return c;
}

static struct expr *grouping(struct ex *x, struct expr *c)
{
    (void)x;
    c->type = type_of(TYPE_BYTE);
    return c;
}

static struct expr *lag(struct ex *x, struct expr *c)
{
    struct rs *rs = x->rs;
    if (c->args.count > 1 && call_set_arg(rs, c, 1, type_of(TYPE_INT), "\"INT\""))
        return NULL;
    c->type = arg_type(c, 0);
    if (c->args.count > 2) {
        c->type = common_type(rs, arg_type(c, 0), arg_type(c, 2));
        if (!c->type)
            return bad_types(rs, c);
        c->args.items[0] = cast_to(rs, arg(c, 0), c->type);
        c->args.items[2] = cast_to(rs, arg(c, 2), c->type);
    }
    return c;
}

/* nanvl() of two FLOATs stays FLOAT. */
static struct expr *nanvl(struct ex *x, struct expr *c)
{
    bool narrow = arg_type(c, 0)->kind == TYPE_FLOAT && arg_type(c, 1)->kind == TYPE_FLOAT;
    for (size_t i = 0; i < 2; i++)
        if (call_set_arg(x->rs, c, i, type_of(narrow ? TYPE_FLOAT : TYPE_DOUBLE), "\"DOUBLE\""))
            return NULL;
    c->type = arg_type(c, 0);
    return c;
}

/* coalesce(x, 0): the type is that of both. */
static struct expr *zeroifnull(struct ex *x, struct expr *c)
{
    const struct type *t = common_type(x->rs, arg_type(c, 0), type_of(TYPE_INT));
    if (!t)
        return bad_types(x->rs, c);
    c->args.items[0] = cast_to(x->rs, arg(c, 0), t);
    c->type = t;
    return c;
}

/* current_user() and its like are constants of the query. */
static struct expr *session_value(struct ex *x, struct expr *c)
{
    const struct resolver *env = x->rs->env;
    bool schema = is(c, "current_database") || is(c, "current_schema");
    struct str v = is(c, "current_catalog") ? env->current_catalog : schema ? env->current_schema : env->current_user;
    return lit_text(x->rs, c->at, v.len ? v : schema ? STR("default") : is(c, "current_catalog") ? STR("main") : STR("paystreak"));
}

/* ------------------------------------------------------------------ the table of rules */

static const struct { const char *name; typer fn; } typers[] = {
    {"+", arith}, {"-", arith}, {"*", arith}, {"/", arith}, {"%", arith}, {"mod", arith}, {"div", arith}, {"pmod", arith},
    {"try_add", arith}, {"try_subtract", arith}, {"try_multiply", arith}, {"try_divide", arith}, {"try_mod", arith},
    {"negative", negative}, {"==", compare}, {"=", compare}, {"<=>", compare}, {"!=", compare}, {"<>", compare},
    {"<", compare}, {"<=", compare}, {">", compare}, {">=", compare}, {"equal_null", compare}, {"between", compare},
    {"in", compare}, {"nullif", nullif}, {"nanvl", nanvl}, {"zeroifnull", zeroifnull}, {"&", bitwise}, {"|", bitwise}, {"^", bitwise}, {"bit_get", byte_result},
    {"getbit", byte_result}, {"shiftleft", shift}, {"shiftright", shift}, {"<<", shift}, {">>", shift}, {"shiftrightunsigned", shift},
    {"when", when}, {"if", if_call}, {"iff", if_call}, {"decode", decode},
    {"assert_true", void_result}, {"raise_error", void_result},
    {"round", round_call}, {"bround", round_call}, {"ceil", round_call}, {"ceiling", round_call}, {"floor", round_call},
    {"concat", concat}, {"||", concat}, {"concat_ws", concat_ws}, {"hex", hex}, {"reverse", reverse},
    {"to_number", to_number}, {"try_to_number", to_number},
    {"date_add", date_shift}, {"dateadd", date_shift}, {"timestampadd", date_shift},
    {"date_diff", date_diff}, {"datediff", date_diff}, {"timestampdiff", date_diff},
    {"date_part", date_part}, {"datepart", date_part}, {"extract", date_part}, {"make_timestamp", make_timestamp},
    {"make_timestamp_ltz", make_timestamp}, {"make_timestamp_ntz", make_timestamp}, {"try_make_timestamp", make_timestamp},
    {"make_interval", make_interval}, {"make_dt_interval", make_interval}, {"make_ym_interval", make_interval},
    {"window", time_window}, {"boolean", as_cast}, {"tinyint", as_cast}, {"smallint", as_cast}, {"int", as_cast},
    {"bigint", as_cast}, {"float", as_cast}, {"double", as_cast}, {"decimal", as_cast}, {"string", as_cast},
    {"binary", as_cast}, {"date", as_cast}, {"timestamp", as_cast},
    {"array", array}, {"array_append", array_add}, {"array_prepend", array_add}, {"array_insert", array_add},
    {"array_join", array_join}, {"arrays_zip", arrays_zip}, {"element_at", element_at}, {"try_element_at", element_at},
    {"sequence", sequence}, {"map", map}, {"map_concat", map_concat}, {"map_contains_key", map_part},
    {"map_entries", map_part}, {"map_keys", map_part}, {"map_values", map_part}, {"map_from_arrays", map_from},
    {"map_from_entries", map_from}, {"str_to_map", str_to_map}, {"named_struct", named_struct},
    {"current_user", session_value}, {"user", session_value}, {"session_user", session_value},
    {"current_catalog", session_value}, {"current_database", session_value}, {"current_schema", session_value},
    {"from_json", from_json}, {"variant_get", variant_get}, {"try_variant_get", variant_get},
    {"sum", sum_avg}, {"try_sum", sum_avg}, {"avg", sum_avg}, {"mean", sum_avg}, {"try_avg", sum_avg},
    {"percentile", percentile}, {"percentile_approx", percentile}, {"approx_percentile", percentile},
    {"percentile_cont", percentile}, {"percentile_disc", percentile}, {"grouping", grouping}, {"lag", lag}, {"lead", lag},
};

typer call_rule(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(typers); i++)
        if (str_eqz(name, typers[i].name))
            return typers[i].fn;
    return NULL;
}
