#include "connect/translate.h"
#include "sparksql/sparksql.h"

#define LIT(x) SPARK__CONNECT__EXPRESSION__LITERAL__LITERAL_TYPE_##x
#define EX(x) SPARK__CONNECT__EXPRESSION__EXPR_TYPE_##x

static const struct place NOWHERE = {"", 0, 0};
static struct expr *translate(struct arena *a, const Spark__Connect__Expression *m, int depth, struct err *err);

static int translate_all(struct arena *a, struct exprs *out, Spark__Connect__Expression *const *list, size_t n, int depth, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct expr *e = translate(a, list[i], depth, err);
        if (!e)
            return -1;
        exprs_push(a, out, e);
    }
    return 0;
}

/* Text as the SQL parser reads it, copied to the arena since the message is freed. */
static struct expr *parsed(struct arena *a, const char *text, struct err *err)
{
    return sparksql_expr(a, "expression", str_copy(a, str_z(text)), err);
}

int names_translate(struct arena *a, const char *text, struct names *out, struct err *err)
{
    struct expr *e = parsed(a, text, err);
    if (!e)
        return -1;
    if (e->kind != EXPR_COLUMN)
        return err_set(err, ERR_INPUT, "'%s' is no name", text);
    *out = e->name;
    return 0;
}

/* The type of a decimal literal's digits, and at least the one it says. */
static const struct type *decimal_type(struct arena *a, const Spark__Connect__Expression__Literal__Decimal *m, struct str text)
{
    int digits = 0, scale = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        point |= text.ptr[i] == '.';
        bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        digits += digit;
        scale += digit && point;
    }
    scale = m->has_scale && m->scale > scale ? m->scale : scale;
    digits = m->has_precision && m->precision > digits ? m->precision : digits;
    digits = digits < scale ? scale : digits < 1 ? 1 : digits;
    return type_decimal(a, digits > 38 ? 38 : digits, scale > 38 ? 38 : scale);
}

static struct expr *literal(struct arena *a, const Spark__Connect__Expression__Literal *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_LITERAL, NOWHERE);
    struct lit *l = &e->lit;
    (void)depth;
    switch (m->literal_type_case) {
    case LIT(NULL):
        l->kind = LIT_NULL;
        e->type = m->null ? type_translate(a, m->null, err) : type_of(TYPE_NULL);
        return e->type ? e : NULL;
    case LIT(BOOLEAN):
        *l = (struct lit){.kind = LIT_BOOL, .i64 = m->boolean};
        e->type = type_of(TYPE_BOOLEAN);
        return e;
    case LIT(BYTE):
        *l = (struct lit){.kind = LIT_INT, .i64 = m->byte};
        e->type = type_of(TYPE_BYTE);
        return e;
    case LIT(SHORT):
        *l = (struct lit){.kind = LIT_INT, .i64 = m->short_};
        e->type = type_of(TYPE_SHORT);
        return e;
    case LIT(INTEGER):
        *l = (struct lit){.kind = LIT_INT, .i64 = m->integer};
        e->type = type_of(TYPE_INT);
        return e;
    case LIT(LONG):
        *l = (struct lit){.kind = LIT_INT, .i64 = m->long_};
        e->type = type_of(TYPE_LONG);
        return e;
    case LIT(FLOAT):
        *l = (struct lit){.kind = LIT_FLOAT, .f64 = (double)m->float_};
        e->type = type_of(TYPE_FLOAT);
        return e;
    case LIT(DOUBLE):
        *l = (struct lit){.kind = LIT_FLOAT, .f64 = m->double_};
        e->type = type_of(TYPE_DOUBLE);
        return e;
    case LIT(STRING):
        *l = (struct lit){.kind = LIT_STRING, .text = str_copy(a, str_z(m->string))};
        e->type = type_of(TYPE_STRING);
        return e;
    case LIT(BINARY):
        *l = (struct lit){.kind = LIT_BINARY, .text = str_copy(a, str_of((char *)m->binary.data, m->binary.len))};
        e->type = type_of(TYPE_BINARY);
        return e;
    case LIT(DECIMAL):
        *l = (struct lit){.kind = LIT_DECIMAL, .text = str_copy(a, str_z(m->decimal->value))};
        e->type = decimal_type(a, m->decimal, l->text);
        return e;
    case LIT(DATE):
        *l = (struct lit){.kind = LIT_DATE, .i64 = m->date};
        e->type = type_of(TYPE_DATE);
        return e;
    case LIT(TIMESTAMP):
        *l = (struct lit){.kind = LIT_TIMESTAMP, .i64 = m->timestamp};
        e->type = type_of(TYPE_TIMESTAMP);
        return e;
    case LIT(TIMESTAMP_NTZ):
        *l = (struct lit){.kind = LIT_TIMESTAMP_NTZ, .i64 = m->timestamp_ntz};
        e->type = type_of(TYPE_TIMESTAMP_NTZ);
        return e;
    default:
        err_set(err, ERR_UNSUPPORTED, "a literal of kind %s is not supported",
                oneof_name(&spark__connect__expression__literal__descriptor, (int)m->literal_type_case));
        return NULL;
    }
}

/* "when" carries cond, value, …, [else]: our CASE. Other names are calls, in lower case. */
static struct expr *call(struct arena *a, const char *name, Spark__Connect__Expression *const *args, size_t n, bool distinct, int depth, struct err *err)
{
    struct str func = str_lower(a, str_z(name));
    struct expr *e = expr_new(a, str_eqz(func, "when") ? EXPR_CASE : EXPR_CALL, NOWHERE);
    e->func = func;
    e->distinct = distinct;
    return translate_all(a, &e->args, args, n, depth, err) ? NULL : e;
}

static struct expr *sort_order(struct arena *a, const Spark__Connect__Expression__SortOrder *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_SORT, NOWHERE), *child = translate(a, m->child, depth, err);
    if (!child)
        return NULL;
    e->descending = m->direction == SPARK__CONNECT__EXPRESSION__SORT_ORDER__SORT_DIRECTION__SORT_DIRECTION_DESCENDING;
    e->nulls_first = m->null_ordering == SPARK__CONNECT__EXPRESSION__SORT_ORDER__NULL_ORDERING__SORT_NULLS_FIRST ||
                     (m->null_ordering == SPARK__CONNECT__EXPRESSION__SORT_ORDER__NULL_ORDERING__SORT_NULLS_UNSPECIFIED && !e->descending);
    exprs_push(a, &e->args, child);
    return e;
}

static int frame_edge(struct arena *a, const Spark__Connect__Expression__Window__WindowFrame__FrameBoundary *b, bool lower, enum frame_edge *edge,
                      struct expr **value, int depth, struct err *err)
{
    if (!b || b->boundary_case == SPARK__CONNECT__EXPRESSION__WINDOW__WINDOW_FRAME__FRAME_BOUNDARY__BOUNDARY_UNBOUNDED) {
        *edge = EDGE_UNBOUNDED;
        return 0;
    }
    if (b->boundary_case == SPARK__CONNECT__EXPRESSION__WINDOW__WINDOW_FRAME__FRAME_BOUNDARY__BOUNDARY_CURRENT_ROW) {
        *edge = EDGE_CURRENT;
        return 0;
    }
    struct expr *v = translate(a, b->value, depth, err);
    if (!v)
        return -1;
    *value = v;
    *edge = lower ? EDGE_PRECEDING : EDGE_FOLLOWING;
    if (v->kind == EXPR_LITERAL && v->lit.kind == LIT_INT) { /* rows between -2 and 3: the sign tells the direction */
        if (v->lit.i64 == INT64_MIN) /* has no positive */
            return err_set(err, ERR_INPUT, "a window frame begins or ends at %jd", (intmax_t)v->lit.i64);
        *edge = v->lit.i64 < 0 ? EDGE_PRECEDING : v->lit.i64 > 0 ? EDGE_FOLLOWING : EDGE_CURRENT;
        v->lit.i64 = v->lit.i64 < 0 ? -v->lit.i64 : v->lit.i64;
        if (*edge == EDGE_CURRENT)
            *value = NULL;
    }
    return 0;
}

static struct expr *window(struct arena *a, const Spark__Connect__Expression__Window *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_WINDOW, NOWHERE), *f = translate(a, m->window_function, depth, err);
    if (!f || translate_all(a, &e->partition, m->partition_spec, m->n_partition_spec, depth, err))
        return NULL;
    exprs_push(a, &e->args, f);
    for (size_t i = 0; i < m->n_order_spec; i++) {
        struct expr *o = sort_order(a, m->order_spec[i], depth, err);
        if (!o)
            return NULL;
        exprs_push(a, &e->order, o);
    }
    if (m->frame_spec) {
        e->frame.type = m->frame_spec->frame_type == SPARK__CONNECT__EXPRESSION__WINDOW__WINDOW_FRAME__FRAME_TYPE__FRAME_TYPE_ROW ? FRAME_ROWS : FRAME_RANGE;
        if (frame_edge(a, m->frame_spec->lower, true, &e->frame.from, &e->frame.from_value, depth, err) ||
            frame_edge(a, m->frame_spec->upper, false, &e->frame.to, &e->frame.to_value, depth, err))
            return NULL;
    }
    return e;
}

static struct expr *cast(struct arena *a, const Spark__Connect__Expression__Cast *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_CAST, NOWHERE), *x = translate(a, m->expr, depth, err);
    if (!x)
        return NULL;
    e->type = m->cast_to_type_case == SPARK__CONNECT__EXPRESSION__CAST__CAST_TO_TYPE_TYPE_STR ? type_read_ddl(a, str_copy(a, str_z(m->type_str)), err)
                                                                                             : type_translate(a, m->type, err);
    e->try_cast = m->has_eval_mode && m->eval_mode == SPARK__CONNECT__EXPRESSION__CAST__EVAL_MODE__EVAL_MODE_TRY;
    exprs_push(a, &e->args, x);
    return e->type ? e : NULL;
}

static struct expr *alias(struct arena *a, const Spark__Connect__Expression__Alias *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_ALIAS, NOWHERE), *x = translate(a, m->expr, depth, err);
    if (!x)
        return NULL;
    exprs_push(a, &e->args, x);
    e->name.parts = ARENA_ARRAY(a, struct str, m->n_name + 1);
    e->name.count = m->n_name;
    for (size_t i = 0; i < m->n_name; i++)
        e->name.parts[i] = str_copy(a, str_z(m->name[i]));
    return e;
}

static struct expr *extract(struct arena *a, const Spark__Connect__Expression__UnresolvedExtractValue *m, int depth, struct err *err)
{
    struct expr *x = translate(a, m->child, depth, err), *key = x ? translate(a, m->extraction, depth, err) : NULL;
    if (!key)
        return NULL;
    bool name = key->kind == EXPR_LITERAL && key->lit.kind == LIT_STRING;
    struct expr *e = expr_new(a, name ? EXPR_FIELD : EXPR_ELEMENT, NOWHERE);
    exprs_push(a, &e->args, x);
    if (name)
        e->field_name = key->lit.text;
    else
        exprs_push(a, &e->args, key);
    return e;
}

static struct expr *lambda(struct arena *a, const Spark__Connect__Expression__LambdaFunction *m, int depth, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_LAMBDA, NOWHERE), *body = translate(a, m->function, depth, err);
    if (!body)
        return NULL;
    exprs_push(a, &e->args, body);
    e->params = ARENA_ARRAY(a, struct str, m->n_arguments + 1);
    e->param_count = m->n_arguments;
    for (size_t i = 0; i < m->n_arguments; i++)
        e->params[i] = str_copy(a, str_z(m->arguments[i]->n_name_parts ? m->arguments[i]->name_parts[0] : ""));
    return e;
}

static struct expr *star(struct arena *a, const Spark__Connect__Expression__UnresolvedStar *m, struct err *err)
{
    struct expr *e = expr_new(a, EXPR_STAR, NOWHERE);
    struct str target = str_z(m->unparsed_target);
    if (str_ends_z(target, ".*"))
        target.len -= 2;
    if (target.len && names_translate(a, str_cz(a, target), &e->name, err))
        return NULL;
    return e;
}

static struct expr *attribute(struct arena *a, const Spark__Connect__Expression__UnresolvedAttribute *m, struct err *err)
{
    struct expr *e = parsed(a, m->unparsed_identifier, err);
    if (e && e->kind == EXPR_COLUMN && m->has_plan_id)
        e->plan_id = m->plan_id + 1;
    return e;
}

static struct expr *translate(struct arena *a, const Spark__Connect__Expression *m, int depth, struct err *err)
{
    if (!m || depth > PLAN_MAX_DEPTH) {
        err_set(err, ERR_INPUT, "an expression is missing or nests too deep");
        return NULL;
    }
    depth++;
    switch (m->expr_type_case) {
    case EX(LITERAL):
        return literal(a, m->literal, depth, err);
    case EX(UNRESOLVED_ATTRIBUTE):
        return attribute(a, m->unresolved_attribute, err);
    case EX(UNRESOLVED_FUNCTION):
        return call(a, m->unresolved_function->function_name, m->unresolved_function->arguments, m->unresolved_function->n_arguments,
                    m->unresolved_function->is_distinct, depth, err);
    case EX(CALL_FUNCTION):
        return call(a, m->call_function->function_name, m->call_function->arguments, m->call_function->n_arguments, false, depth, err);
    case EX(EXPRESSION_STRING):
        return parsed(a, m->expression_string->expression, err);
    case EX(UNRESOLVED_STAR):
        return star(a, m->unresolved_star, err);
    case EX(ALIAS):
        return alias(a, m->alias, depth, err);
    case EX(CAST):
        return cast(a, m->cast, depth, err);
    case EX(SORT_ORDER):
        return sort_order(a, m->sort_order, depth, err);
    case EX(WINDOW):
        return window(a, m->window, depth, err);
    case EX(UNRESOLVED_EXTRACT_VALUE):
        return extract(a, m->unresolved_extract_value, depth, err);
    case EX(LAMBDA_FUNCTION):
        return lambda(a, m->lambda_function, depth, err);
    case EX(UNRESOLVED_NAMED_LAMBDA_VARIABLE): {
        struct expr *e = expr_new(a, EXPR_LAMBDA_VAR, NOWHERE);
        e->name.parts = ARENA_NEW(a, struct str);
        e->name.parts[0] = str_copy(a, str_z(m->unresolved_named_lambda_variable->n_name_parts ? m->unresolved_named_lambda_variable->name_parts[0] : ""));
        e->name.count = 1;
        return e;
    }
    default:
        err_set(err, ERR_UNSUPPORTED, "expression %s is not supported", oneof_name(&spark__connect__expression__descriptor, (int)m->expr_type_case));
        return NULL;
    }
}

struct expr *expr_translate(struct arena *a, const Spark__Connect__Expression *m, struct err *err) { return translate(a, m, 0, err); }
