/* resolve_call.c -- calls: a function's row applied to its arguments; lambdas. Functions whose types
 * follow a rule of their own are in resolve_rules.c. */
#include "plan/resolve_call.h"

void *call_bad_arg(struct rs *rs, const struct expr *c, size_t i, const char *want)
{
    static const char *const nth[] = {"first", "second", "third", "fourth", "fifth", "sixth", "seventh"};
    return res_fail(rs, arg(c, i)->at, ERR_INPUT, "[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE] Cannot resolve %.*s() due to data "
                    "type mismatch: the %s parameter requires the %s type, however it has the type \"%.*s\"",
                    STR_ARGS(c->func), nth[i < COUNT_OF(nth) ? i : COUNT_OF(nth) - 1], want,
                    STR_ARGS(type_text(rs, arg_type(c, i))));
}

/* ------------------------------------------------------------------ argument letters */

static const struct { char letter; enum type_kind kind; const char *name; } plain_letters[] = {
    {'s', TYPE_STRING, "\"STRING\""}, {'i', TYPE_INT, "\"INT\""}, {'l', TYPE_LONG, "\"BIGINT\""},
    {'d', TYPE_DOUBLE, "\"DOUBLE\""}, {'b', TYPE_BOOLEAN, "\"BOOLEAN\""}, {'x', TYPE_BINARY, "\"BINARY\""},
    {'D', TYPE_DATE, "\"DATE\""}, {'T', TYPE_TIMESTAMP, "\"TIMESTAMP\""},
};

static const struct type *plain_letter(char letter, const char **name)
{
    for (size_t i = 0; i < COUNT_OF(plain_letters); i++)
        if (plain_letters[i].letter == letter) {
            *name = plain_letters[i].name;
            return type_of(plain_letters[i].kind);
        }
    return NULL;
}

int call_set_arg(struct rs *rs, struct expr *c, size_t i, const struct type *t, const char *name)
{
    struct expr *e = coerce(rs, arg(c, i), t);
    if (!e) {
        call_bad_arg(rs, c, i, name);
        return -1;
    }
    c->args.items[i] = e;
    return 0;
}

static int need(struct rs *rs, struct expr *c, size_t i, bool ok, const char *name)
{
    if (!ok)
        call_bad_arg(rs, c, i, name);
    return ok ? 0 : -1;
}

static int number_arg(struct rs *rs, struct expr *c, size_t i)
{
    const struct type *t = arg_type(c, i);
    bool zero = is(c, "zeroifnull") || is(c, "nullifzero"); /* they compare with an int */
    if (type_is_text(t) || t->kind == TYPE_NULL)
        return call_set_arg(rs, c, i, type_of(is(c, "zeroifnull") && t->kind != TYPE_NULL ? TYPE_LONG : zero ? TYPE_INT : TYPE_DOUBLE), "\"NUMERIC\"");
    return need(rs, c, i, type_is_numeric(t) || t->kind == TYPE_INTERVAL_DT || t->kind == TYPE_INTERVAL_YM, "\"NUMERIC\"");
}

int call_element_arg(struct rs *rs, struct expr *c, size_t i)
{
    const struct type *e = arg_type(c, 0)->element, *t = common_type(rs, e, arg_type(c, i));
    if (is(c, "array_contains") && arg(c, i)->kind == EXPR_LITERAL && arg_type(c, i)->kind == TYPE_NULL)
        t = NULL;
    if (!t)
        return need(rs, c, i, false, "array's element");
    c->args.items[i] = cast_to(rs, arg(c, i), t);
    if (!type_equal(t, e))
        c->args.items[0] = cast_to(rs, arg(c, 0), type_array(rs->a, t, arg_type(c, 0)->contains_null));
    return 0;
}

int call_typed_arg(struct rs *rs, struct expr *c, size_t i, char letter)
{
    const char *name;
    const struct type *t = arg_type(c, i), *plain = plain_letter(letter, &name);
    if (plain)
        return call_set_arg(rs, c, i, plain, name);
    switch (letter) {
    case 'X':
        return t->kind == TYPE_BINARY ? 0 : call_set_arg(rs, c, i, type_of(TYPE_STRING), "\"STRING\" or \"BINARY\"");
    case 't':
        if (t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ || t->kind == TYPE_DATE ||
            t->kind == TYPE_INTERVAL_DT || t->kind == TYPE_INTERVAL_YM)
            return 0;
        return call_set_arg(rs, c, i, type_of(TYPE_TIMESTAMP), "\"TIMESTAMP\"");
    case 'N':
        return number_arg(rs, c, i);
    case 'I':
        if (t->kind == TYPE_NULL)
            return call_set_arg(rs, c, i, type_of(TYPE_INT), "\"INTEGRAL\"");
        return need(rs, c, i, type_is_integral(t), "\"INTEGRAL\"");
    case 'a':
        return need(rs, c, i, t->kind == TYPE_ARRAY, "\"ARRAY\"");
    case 'S':
        return need(rs, c, i, t->kind == TYPE_ARRAY || (t->kind == TYPE_NULL && arg(c, i)->kind != EXPR_LITERAL), "\"ARRAY\"");
    case 'A':
        return need(rs, c, i, t->kind == TYPE_ARRAY && (t->element->kind == TYPE_ARRAY || t->element->kind == TYPE_NULL),
                    "\"ARRAY\" of \"ARRAY\"");
    case 'z':
        return need(rs, c, i, t->kind == TYPE_NULL || type_is_text(t) || t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP ||
                    t->kind == TYPE_TIMESTAMP_NTZ, "\"STRING\", \"DATE\" or \"TIMESTAMP\"");
    case 'm':
        return need(rs, c, i, t->kind == TYPE_MAP, "\"MAP\"");
    case 'r':
        return need(rs, c, i, t->kind == TYPE_STRUCT, "\"STRUCT\"");
    case 'v':
        return need(rs, c, i, t->kind == TYPE_VARIANT || type_is_text(t), "\"VARIANT\"");
    case 'e':
        return call_element_arg(rs, c, i);
    case 'o':
        return need(rs, c, i, type_is_orderable(t), "orderable");
    default: /* '*', 'C' */
        return 0;
    }
}

/* All C arguments to their common type. */
const struct type *call_common_args(struct rs *rs, struct expr *c, const char *letters)
{
    const struct type *t = NULL;
    size_t n = strlen(letters), last = n && letters[n - 1] == '+' ? n - 2 : n - 1;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < c->args.count; i++) {
            if (letters[i < last ? i : last] != 'C' && letters[i < last ? i : last] != 'S')
                continue;
            if (pass)
                c->args.items[i] = cast_to(rs, arg(c, i), t);
            else if (!(t = t ? common_type(rs, t, arg_type(c, i)) : arg_type(c, i)))
                return res_fail(rs, c->at, ERR_INPUT, "[DATATYPE_MISMATCH.DATA_DIFF_TYPES] Cannot resolve %.*s() due to data "
                                "type mismatch: its parameters must be of one type, parameter %zu is \"%.*s\"",
                                STR_ARGS(c->func), i + 1, STR_ARGS(type_text(rs, arg_type(c, i))));
        }
    return t ?: type_of(TYPE_NULL);
}

static int apply_letters(struct rs *rs, struct expr *c, const struct fn_sig *f, const struct type **common)
{
    size_t n = strlen(f->args), last = n && f->args[n - 1] == '+' ? n - 2 : n ? n - 1 : 0;
    for (size_t i = 0; i < c->args.count && n; i++)
        if (call_typed_arg(rs, c, i, f->args[i < last ? i : last]))
            return -1;
    bool any = strchr(f->args, 'C') || strchr(f->args, 'S');
    if (is(c, "greatest") || is(c, "least")) { /* no text becomes a number here */
        bool text = false, other = false;
        for (size_t i = 0; i < c->args.count; i++) {
            text |= type_is_text(arg_type(c, i));
            other |= !type_is_text(arg_type(c, i)) && arg_type(c, i)->kind != TYPE_NULL;
        }
        if (text && other)
            return bad_types(rs, c) ? 0 : -1;
    }
    *common = any ? call_common_args(rs, c, f->args) : NULL;
    return any && !*common ? -1 : 0;
}

static const struct type *result_type(struct rs *rs, const struct expr *c, const char *r, const struct type *common)
{
    const char *name;
    if (*r == '[')
        return type_array(rs->a, result_type(rs, c, r + 1, common), true);
    if (*r >= '1' && *r <= '9')
        return arg_type(c, (size_t)(*r - '1'));
    if (*r == 'C')
        return common;
    if (*r == 'e')
        return arg_type(c, 0)->element;
    if (*r == 'n')
        return type_of(TYPE_TIMESTAMP_NTZ);
    if (*r == 'v')
        return type_of(TYPE_VARIANT);
    return plain_letter(*r, &name);
}

/* ------------------------------------------------------------------ lambdas */

struct lambda_types { const struct type *params[3]; size_t count; };

static struct expr *res_lambda(struct ex *x, const struct expr *l, const struct lambda_types *lt, const char *of)
{
    struct rs *rs = x->rs;
    if (l->kind != EXPR_LAMBDA)
        return res_fail(rs, l->at, ERR_INPUT, "[INVALID_LAMBDA_FUNCTION_CALL] %s() needs a lambda, e.g. x -> x + 1", of);
    if (l->param_count < 1 || l->param_count > lt->count)
        return res_fail(rs, l->at, ERR_INPUT, "[INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH] The lambda of %s() takes at most "
                        "%zu parameters", of, lt->count);
    struct ex in = *x;
    struct lambda_frame f = {.names = l->params, .types = (const struct type **)lt->params, .count = l->param_count,
                             .up = x->lambdas};
    in.lambdas = &f;
    struct expr *c = expr_copy(rs, l), *body = res_expr(&in, l->args.items[0]);
    if (!body)
        return NULL;
    c->args.items[0] = body;
    c->type = body->type;
    c->nullable = body->nullable;
    return c;
}

static int lambda_bool(struct rs *rs, struct expr *l)
{
    struct expr *b = coerce(rs, l->args.items[0], type_of(TYPE_BOOLEAN));
    if (!b) {
        res_fail(rs, l->at, ERR_INPUT, "[DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE] The lambda must return a \"BOOLEAN\"");
        return -1;
    }
    l->args.items[0] = b;
    l->type = b->type;
    return 0;
}

static struct expr *fold(struct ex *x, const struct expr *e, struct expr *c)
{
    struct rs *rs = x->rs;
    struct expr *init = res_expr(x, e->args.items[1]), *merge = NULL;
    if (!init)
        return NULL;
    const struct type *acc = init->type;
    for (int round = 0; round < 2; round++) { /* the accumulator may be wider than the start value */
        struct lambda_types lt = {{acc, arg_type(c, 0)->element}, 2};
        merge = res_lambda(x, e->args.items[2], &lt, "aggregate");
        if (!merge)
            return NULL;
        if (type_equal(merge->type, acc))
            break;
        const struct type *wider = common_type(rs, acc, merge->type);
        acc = wider ?: acc;
    }
    merge->args.items[0] = cast_to(rs, merge->args.items[0], acc);
    exprs_push(rs->a, &c->args, cast_to(rs, init, acc));
    exprs_push(rs->a, &c->args, merge);
    c->type = acc;
    if (e->args.count == 4) {
        struct lambda_types lt = {{acc}, 1};
        struct expr *finish = res_lambda(x, e->args.items[3], &lt, "aggregate");
        if (!finish)
            return NULL;
        exprs_push(rs->a, &c->args, finish);
        c->type = finish->type;
    }
    return c;
}

/* Higher-order functions: the collections first, then the lambda over their elements. */
static struct expr *lambda_call(struct ex *x, const struct expr *e, const struct fn_sig *f)
{
    struct rs *rs = x->rs;
    struct expr *c = expr_copy(rs, e);
    size_t collections = is(e, "zip_with") ? 2 : 1;
    c->args = (struct exprs){0};
    for (size_t i = 0; i < collections; i++) {
        struct expr *v = res_expr(x, e->args.items[i]);
        if (!v)
            return NULL;
        exprs_push(rs->a, &c->args, v);
        if (call_typed_arg(rs, c, i, f->args[0]))
            return NULL;
        c->nullable |= v->nullable;
    }
    const struct type *t = arg_type(c, 0);
    if (is(e, "aggregate") || is(e, "reduce"))
        return fold(x, e, c);
    c->type = t;
    if (e->args.count == collections) /* array_sort(a) */
        return c;
    struct lambda_types lt = {{t->element, type_of(TYPE_INT)}, 2};
    if (t->kind == TYPE_MAP)
        lt = (struct lambda_types){{t->key, t->element}, 2};
    else if (is(e, "array_sort"))
        lt.params[1] = t->element;
    else if (is(e, "zip_with"))
        lt.params[1] = arg_type(c, 1)->element;
    else if (!is(e, "transform") && !is(e, "filter"))
        lt.count = 1;
    struct expr *l = res_lambda(x, e->args.items[collections], &lt, f->name);
    if (!l)
        return NULL;
    exprs_push(rs->a, &c->args, l);
    bool test = is(e, "filter") || is(e, "exists") || is(e, "forall") || is(e, "map_filter");
    if (test && lambda_bool(rs, l))
        return NULL;
    if (is(e, "exists") || is(e, "forall"))
        c->type = type_of(TYPE_BOOLEAN);
    else if (is(e, "transform") || is(e, "zip_with"))
        c->type = type_array(rs->a, l->type, l->nullable);
    else if (is(e, "transform_keys"))
        c->type = type_map(rs->a, l->type, t->element, t->contains_null);
    else if (is(e, "transform_values"))
        c->type = type_map(rs->a, t->key, l->type, l->nullable);
    return c;
}

/* struct(a, b AS x, 1): names from columns and aliases, else colN. `e` is unresolved. */
static struct expr *struct_call(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct expr *c = expr_copy(rs, e);
    struct exprs args = {0};
    for (size_t i = 0; i < e->args.count; i++) { /* struct(*) and struct(t.*) */
        const struct expr *s = e->args.items[i];
        if (s->kind != EXPR_STAR) {
            exprs_push(rs->a, &args, (struct expr *)s);
            continue;
        }
        for (size_t k = 0; k < x->in->count; k++)
            if (x->in->cols[k].hidden == SHOWN && (!s->name.count || str_ieq(x->in->cols[k].qual[2],
                                                                             s->name.parts[s->name.count - 1])))
                exprs_push(rs->a, &args, expr_column(rs->a, s->at, x->in->cols[k].name));
    }
    struct type_field *f = ARENA_ARRAY(rs->a, struct type_field, args.count + 1);
    c->args = (struct exprs){0};
    for (size_t i = 0; i < args.count; i++) {
        const struct expr *a = args.items[i];
        struct expr *v = res_expr(x, a);
        if (!v)
            return NULL;
        struct str name = a->kind == EXPR_ALIAS && a->name.count ? a->name.parts[0]
                          : a->kind == EXPR_COLUMN ? a->name.parts[a->name.count - 1]
                          : a->kind == EXPR_FIELD ? a->field_name : str_fmt(rs->a, "col%zu", i + 1);
        f[i] = (struct type_field){.name = name, .type = v->type, .nullable = v->nullable};
        exprs_push(rs->a, &c->args, v);
    }
    c->type = type_struct(rs->a, f, args.count);
    c->nullable = false;
    return c;
}

/* ------------------------------------------------------------------ calls */

static int check_count(struct rs *rs, const struct expr *e, const struct fn_sig *f)
{
    int n = (int)e->args.count;
    if (e->star_arg)
        return 0;
    if (n >= f->min && (f->max < 0 || n <= f->max))
        return 0;
    if (f->max == f->min)
        res_fail(rs, e->at, ERR_INPUT, "[WRONG_NUM_ARGS.WITHOUT_SUGGESTION] The `%s` requires %d parameters but the actual "
                 "number is %d", f->name, f->min, n);
    else
        res_fail(rs, e->at, ERR_INPUT, "[WRONG_NUM_ARGS.WITHOUT_SUGGESTION] The `%s` requires %d to %d parameters but the actual "
                 "number is %d", f->name, f->min, f->max < 0 ? 255 : f->max, n);
    return -1;
}

static int check_place(struct ex *x, const struct expr *e, const struct fn_sig *f)
{
    struct rs *rs = x->rs;
    bool window = x->in_window; /* the function of OVER, seen first */
    if (f->kind == FN_GENERATOR) {
        res_fail(rs, e->at, ERR_INPUT, "[UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS] The generator %s() must be a whole item of "
                 "the select list, or in LATERAL VIEW", f->name);
        return -1;
    }
    if (f->kind == FN_WINDOW && !window) {
        res_fail(rs, e->at, ERR_INPUT, "[WINDOW_FUNCTION_AND_FRAME_MISMATCH] Window function %s() requires an OVER clause",
                 f->name);
        return -1;
    }
    if (f->kind == FN_AGGREGATE && !window && x->no_aggregate) {
        bool where = str_eqz(str_z(x->no_aggregate), "WHERE");
        res_fail(rs, e->at, ERR_INPUT, "[%s] The aggregate %s() is not allowed in %s",
                 where ? "INVALID_WHERE_CONDITION" : "UNSUPPORTED_EXPR_FOR_OPERATOR", f->name, x->no_aggregate);
        return -1;
    }
    if (f->kind == FN_AGGREGATE && !window && x->in_aggregate) {
        res_fail(rs, e->at, ERR_INPUT, "[NESTED_AGGREGATE_FUNCTION] It is not allowed to use an aggregate function in the "
                 "argument of another aggregate function");
        return -1;
    }
    return 0;
}

static int call_parts(struct ex *x, const struct expr *e, const struct fn_sig *f, struct expr *c)
{
    struct ex in = *x;
    in.in_aggregate = x->in_aggregate || (f->kind == FN_AGGREGATE && !x->in_window);
    in.in_window = false;
    if (res_exprs(&in, &e->args, &c->args) || res_exprs(&in, &e->order, &c->order))
        return -1;
    if (e->filter) {
        if (f->kind != FN_AGGREGATE) {
            res_fail(x->rs, e->at, ERR_INPUT, "[INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX] FILTER (WHERE …) is for "
                     "aggregate functions, %s is none", f->name);
            return -1;
        }
        c->filter = res_bool(&in, e->filter, "FILTER_NOT_BOOLEAN");
        if (!c->filter)
            return -1;
    }
    return 0;
}

static bool any_nullable(const struct expr *c)
{
    for (size_t i = 0; i < c->args.count; i++)
        if (c->args.items[i]->nullable)
            return true;
    return false;
}

struct expr *res_call(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct str name = str_lower(rs->a, e->func);
    const struct fn_sig *f = fn_find(name);
    if (!f)
        return res_fail(rs, e->at, ERR_UNSUPPORTED, "[UNRESOLVED_ROUTINE] Cannot resolve routine `%.*s` on search path "
                        "[`system`.`builtin`, `system`.`session`]", STR_ARGS(e->func));
    if (check_place(x, e, f) || check_count(rs, e, f))
        return NULL;
    if (str_eqz(name, "struct"))
        return struct_call(x, e);
    if (f->flags & FN_LAMBDA)
        return lambda_call(x, e, f);
    struct expr *c = expr_copy(rs, e);
    c->func = str_z(f->name);
    bool star = e->star_arg || (e->args.count == 1 && e->args.items[0]->kind == EXPR_STAR);
    if (f->kind == FN_AGGREGATE && star) { /* count(*) */
        c->args = (struct exprs){0};
        c->star_arg = true;
        if (e->filter && !(c->filter = res_bool(x, e->filter, "FILTER_NOT_BOOLEAN")))
            return NULL;
        c->type = type_of(TYPE_LONG);
        return c;
    }
    if (call_parts(x, e, f, c))
        return NULL;
    c->nullable = (f->flags & FN_MAY_NULL) || (!(f->flags & FN_NOT_NULL) && any_nullable(c));
    const struct type *common = NULL;
    if (apply_letters(rs, c, f, &common))
        return NULL;
    if (f->result[0] == '!') {
        typer t = call_rule(c->func);
        CHECK(t);
        return t(x, c);
    }
    c->type = result_type(rs, c, f->result, common);
    CHECK(c->type);
    return c;
}
