/* functions_nested.c -- arrays, maps, structs and higher-order functions.
 *
 * Spark's array indexes in lambdas count from 0, DuckDB's from 1. NULL arrays give NULL. Set-like
 * functions keep the order of first occurrence, as Spark does. */
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static bool is(const struct expr *c, const char *name)
{
    return str_eqz(c->func, name);
}

static void put_typed(struct pr *p, struct buf *b, const char *text, const struct type *t)
{
    buf_printf(b, "CAST(%s AS ", text);
    print_type(p, b, t);
    buf_char(b, ')');
}

static void array(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (c->args.count)
        print_template(p, b, "[$*]", c, w);
    else
        put_typed(p, b, "[]", c->type);
}

static void array_contains(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, arg(c, 0)->type->contains_null ? "spark_array_contains($1, $2)" : "list_contains($1, $2)", c, w);
}

static void array_join(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 2 ? "spark_array_join($1, $2, NULL)" : "spark_array_join($1, $2, $3)", c, w);
}

static void sort_array(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool desc = c->args.count > 1 && arg(c, 1)->kind == EXPR_LITERAL && !arg(c, 1)->lit.i64;
    if (c->args.count > 1 && arg(c, 1)->kind != EXPR_LITERAL)
        print_fail(p, c->at, ERR_UNSUPPORTED, "the order of sort_array() must be a constant");
    print_template(p, b, desc ? "list_sort($1, 'DESC', 'NULLS LAST')" : "list_sort($1, 'ASC', 'NULLS FIRST')", c, w);
}

/* With a comparator an element's place is the number of those that come before it; equal ones keep their order. */
static void sort_by(struct pr *p, struct buf *b, const struct expr *c)
{
    const struct expr *l = arg(c, 1);
    struct str list = print_text(p, arg(c, 0), P_ATOM), i = lambda_name(p), y = lambda_name(p), s = lambda_name(p);
    struct str uses[] = {str_fmt(p->a, "(%.*s)[%.*s]", STR_ARGS(list), STR_ARGS(i)), y};
    struct lambda_env env = {.names = l->params, .texts = uses, .count = l->param_count, .up = p->lambdas};
    buf_printf(b, "list_transform(list_sort(list_transform(range(1, 1 + len(%.*s)), lambda %.*s: {'k': len(list_filter(%.*s, "
               "lambda %.*s: coalesce(", STR_ARGS(list), STR_ARGS(i), STR_ARGS(list), STR_ARGS(y));
    p->lambdas = &env;
    print_expr(p, b, l->args.items[0], P_ANY);
    p->lambdas = env.up;
    buf_printf(b, ", error('[COMPARATOR_RETURNS_NULL] The comparator has returned a NULL for a comparison')) > 0)), 'i': %.*s})), "
               "lambda %.*s: (%.*s)[%.*s.i])", STR_ARGS(i), STR_ARGS(s), STR_ARGS(list), STR_ARGS(s));
}

static void array_sort(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (c->args.count > 1)
        sort_by(p, b, c);
    else
        print_template(p, b, "list_sort($1, 'ASC', 'NULLS LAST')", c, w);
}

static void arrays_zip(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    const struct type *st = c->type->element;
    struct str i = lambda_name(p);
    buf_z(b, "list_transform(range(1, 1 + greatest(");
    for (size_t k = 0; k < c->args.count; k++)
        buf_printf(b, "%slen(%.*s)", k ? ", " : "", STR_ARGS(print_text(p, arg(c, k), P_ANY)));
    buf_printf(b, ")), lambda %.*s: {", STR_ARGS(i));
    for (size_t k = 0; k < c->args.count; k++) {
        buf_z(b, k ? ", " : "");
        duck_quote_text(b, st->fields[k].name);
        buf_printf(b, ": %.*s[%.*s]", STR_ARGS(print_text(p, arg(c, k), P_ATOM)), STR_ARGS(i));
    }
    buf_z(b, "})");
}

static void size(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool map = arg(c, 0)->type->kind == TYPE_MAP;
    if (!map && arg(c, 0)->type->kind != TYPE_ARRAY)
        print_fail(p, c->at, ERR_INPUT, "[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE] size() takes an array or a map");
    bool legacy = !p->with->ansi && !is(c, "array_size"); /* of NULL then -1 */
    buf_z(b, legacy ? "coalesce(" : "");
    print_template(p, b, map ? "CAST(cardinality($1) AS INTEGER)" : "CAST(len($1) AS INTEGER)", c, w);
    buf_z(b, legacy ? ", -1)" : "");
}

static void element_at(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool try_op = is(c, "try_element_at") || !p->with->ansi;
    if (arg(c, 0)->type->kind == TYPE_MAP)
        print_template(p, b, "@1[$2]", c, w);
    else
        print_template(p, b, try_op ? "spark_try_element_at($1, $2)" : "spark_element_at($1, $2)", c, w);
}

/* Steps of months count from the start each, so that the 31st comes back. */
static bool month_steps(struct pr *p, struct buf *b, const struct expr *c)
{
    const struct expr *step = c->args.count > 2 ? arg(c, 2) : NULL;
    if (!step || step->type->kind == TYPE_INTERVAL_DT)
        return false;
    bool known = step->kind == EXPR_INTERVAL || (step->kind == EXPR_LITERAL && step->lit.kind == LIT_INTERVAL);
    if (!known || step->lit.months <= 0 || step->lit.days || step->lit.us) {
        print_fail(p, step->at, ERR_UNSUPPORTED, "the step of sequence() must be a constant of months or of days and less");
        return true;
    }
    struct str x = local_text(p, arg(c, 0)), y = local_text(p, arg(c, 1)), i = lambda_name(p);
    buf_printf(b, "list_filter(list_transform(range(0, 2 + date_diff('month', %.*s, %.*s) // %d), lambda %.*s: %.*s + "
               "to_months(CAST(%.*s * %d AS INTEGER))), lambda %.*s: %.*s <= %.*s)", STR_ARGS(x), STR_ARGS(y), step->lit.months,
               STR_ARGS(i), STR_ARGS(x), STR_ARGS(i), step->lit.months, STR_ARGS(i), STR_ARGS(i), STR_ARGS(y));
    return true;
}

/* DuckDB's map_concat() takes a repeated key's last value; from entries it fails, as Spark does. */
static void map_concat(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_z(b, "CASE WHEN ");
    for (size_t i = 0; i < c->args.count; i++) {
        buf_z(b, i ? " AND " : "");
        print_expr(p, b, arg(c, i), P_ATOM);
        buf_z(b, " IS NOT NULL");
    }
    buf_z(b, " THEN map_from_entries(list_concat(");
    for (size_t i = 0; i < c->args.count; i++) {
        buf_z(b, i ? ", map_entries(" : "map_entries(");
        print_expr(p, b, arg(c, i), P_ANY);
        buf_char(b, ')');
    }
    buf_z(b, ")) END");
}

static void sequence(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    const struct type *t = c->type->element;
    bool whole = type_is_integral(t), two = c->args.count == 2;
    buf_z(b, "CAST(");
    if (!whole && month_steps(p, b, c))
        (void)0; /* printed */
    else if (whole)
        print_template(p, b, two ? "spark_sequence($1, $2)" : "spark_sequence_by($1, $2, $3)", c, w);
    else if (two)
        print_template(p, b, "spark_sequence_days($1, $2)", c, w);
    else if (t->kind == TYPE_TIMESTAMP)
        buf_printf(b, "spark_sequence_time(%.*s, %.*s, %.*s)", STR_ARGS(local_text(p, arg(c, 0))),
                   STR_ARGS(local_text(p, arg(c, 1))), STR_ARGS(print_text(p, arg(c, 2), P_ANY)));
    else
        print_template(p, b, "spark_sequence_time($1, $2, $3)", c, w);
    buf_z(b, " AS ");
    print_type(p, b, c->type);
    buf_char(b, ')');
}

/* ------------------------------------------------------------------ lambdas */

static void transform(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct str texts[] = {STR_NONE, STR("CAST(# - 1 AS INTEGER)")};
    (void)w;
    buf_printf(b, "%s(", is(c, "transform") ? "list_transform" : "list_filter");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    print_lambda(p, b, arg(c, 1), texts);
    buf_char(b, ')');
}

static void test_all(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    buf_printf(b, "%s(list_transform(", is(c, "forall") ? "spark_forall" : "spark_exists");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, ", ");
    print_lambda(p, b, arg(c, 1), NULL);
    buf_z(b, "))");
}

/* list_reduce gives what its elements are: where that is not the accumulator's type, both ride in one struct,
 * {a: accumulator, x: element}. */
static void reduce_pairs(struct pr *p, struct buf *b, const struct expr *c)
{
    const struct expr *l = arg(c, 2);
    struct str e = lambda_name(p), acc = lambda_name(p), next = lambda_name(p);
    struct str uses[] = {str_fmt(p->a, "%.*s.a", STR_ARGS(acc)), str_fmt(p->a, "%.*s.x", STR_ARGS(next))};
    struct lambda_env env = {.names = l->params, .texts = uses, .count = l->param_count, .up = p->lambdas};
    struct buf acc_type, element_type;
    buf_init(&acc_type);
    buf_init(&element_type);
    print_type(p, &acc_type, arg(c, 1)->type);
    print_type(p, &element_type, arg(c, 0)->type->element);
    buf_z(b, "list_reduce(list_transform(");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_printf(b, ", lambda %.*s: {'a': CAST(NULL AS %s), 'x': %.*s}), lambda %.*s, %.*s: {'a': CAST(", STR_ARGS(e), acc_type.ptr,
               STR_ARGS(e), STR_ARGS(acc), STR_ARGS(next));
    p->lambdas = &env;
    print_expr(p, b, l->args.items[0], P_ANY);
    p->lambdas = env.up;
    buf_printf(b, " AS %s), 'x': CAST(NULL AS %s)}, {'a': CAST(", acc_type.ptr, element_type.ptr);
    print_expr(p, b, arg(c, 1), P_ANY);
    buf_printf(b, " AS %s), 'x': CAST(NULL AS %s)}).a", acc_type.ptr, element_type.ptr);
    buf_release(&acc_type);
    buf_release(&element_type);
}

static void aggregate(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool finish = c->args.count > 3;
    (void)w;
    buf_z(b, finish ? "list_transform([" : "");
    if (type_equal(arg(c, 1)->type, arg(c, 0)->type->element)) {
        buf_z(b, "list_reduce(");
        print_expr(p, b, arg(c, 0), P_ANY);
        buf_z(b, ", ");
        print_lambda(p, b, arg(c, 2), NULL);
        buf_z(b, ", ");
        print_expr(p, b, arg(c, 1), P_ANY);
        buf_char(b, ')');
    } else {
        reduce_pairs(p, b, c);
    }
    if (finish) {
        buf_z(b, "], ");
        print_lambda(p, b, arg(c, 3), NULL);
        buf_z(b, ")[1]");
    }
}

static void zip_with(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    struct str x = print_text(p, arg(c, 0), P_ATOM), y = print_text(p, arg(c, 1), P_ATOM), i = lambda_name(p);
    const struct expr *l = arg(c, 2);
    struct str uses[] = {str_fmt(p->a, "%.*s[%.*s]", STR_ARGS(x), STR_ARGS(i)), str_fmt(p->a, "%.*s[%.*s]", STR_ARGS(y), STR_ARGS(i))};
    struct lambda_env env = {.names = l->params, .texts = uses, .count = l->param_count, .up = p->lambdas};
    (void)w;
    buf_printf(b, "list_transform(range(1, 1 + greatest(len(%.*s), len(%.*s))), lambda %.*s: ", STR_ARGS(x), STR_ARGS(y),
               STR_ARGS(i));
    p->lambdas = &env;
    print_expr(p, b, l->args.items[0], P_ANY);
    p->lambdas = env.up;
    buf_char(b, ')');
}

static void over_map(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    const struct expr *l = arg(c, 1);
    struct str e = lambda_name(p), uses[] = {str_fmt(p->a, "%.*s.key", STR_ARGS(e)), str_fmt(p->a, "%.*s.value", STR_ARGS(e))};
    struct lambda_env env = {.names = l->params, .texts = uses, .count = l->param_count, .up = p->lambdas};
    bool filter = is(c, "map_filter"), keys = is(c, "transform_keys");
    (void)w;
    buf_printf(b, "map_from_entries(%s(map_entries(", filter ? "list_filter" : "list_transform");
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_printf(b, "), lambda %.*s: ", STR_ARGS(e));
    p->lambdas = &env;
    struct str body = print_text(p, l->args.items[0], P_ANY);
    p->lambdas = env.up;
    if (filter)
        buf_str(b, body);
    else
        buf_printf(b, "{'key': %.*s, 'value': %.*s}", STR_ARGS(keys ? body : uses[0]), STR_ARGS(keys ? uses[1] : body));
    buf_z(b, "))");
}

/* ------------------------------------------------------------------ maps and structs */

static void map(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    if (!c->args.count) {
        put_typed(p, b, "MAP {}", c->type);
        return;
    }
    for (size_t half = 0; half < 2; half++) {
        buf_z(b, half ? "], [" : "MAP([");
        for (size_t i = half; i < c->args.count; i += 2) {
            buf_z(b, i > half ? ", " : "");
            print_expr(p, b, arg(c, i), P_ANY);
        }
    }
    buf_z(b, "])");
}

static void structure(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    (void)w;
    if (!c->args.count) {
        print_fail(p, c->at, ERR_UNSUPPORTED, "a struct without fields is not supported");
        return;
    }
    for (size_t i = 0; i < c->args.count; i++) {
        buf_z(b, i ? ", " : "{");
        duck_quote_text(b, c->type->fields[i].name);
        buf_z(b, ": ");
        print_expr(p, b, arg(c, i), P_ANY);
    }
    buf_char(b, '}');
}

static void str_to_map(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    static const char *const plain = ",:;=&|/ \t\n";
    for (size_t i = 1; i < c->args.count; i++)
        if (!lit_is_text(arg(c, i)) || arg(c, i)->lit.text.len != 1 || !strchr(plain, arg(c, i)->lit.text.ptr[0]))
            print_fail(p, c->at, ERR_UNSUPPORTED, "str_to_map() takes one-character delimiters that are constants");
    print_template(p, b, c->args.count == 1 ? "spark_str_to_map($1, ',', ':')" : c->args.count == 2 ?
                   "spark_str_to_map($1, $2, ':')" : "spark_str_to_map($1, $2, $3)", c, w);
}

const struct fn_row fn_rows_nested[] = {
    {"array", NULL, 0, array, NULL}, {"array_append", "spark_array_append($1, $2)", 0, NULL, NULL},
    {"array_prepend", "spark_array_prepend($1, $2)", 0, NULL, NULL},
    {"array_compact", "list_filter($1, lambda x: x IS NOT NULL)", 0, NULL, NULL},
    {"array_contains", NULL, 0, array_contains, NULL}, {"array_distinct", "spark_array_distinct($1)", 0, NULL, NULL},
    {"array_except", "spark_array_except($1, $2)", 0, NULL, NULL},
    {"array_union", "spark_array_distinct(@1 || @2)", 0, NULL, NULL},
    {"array_intersect", "spark_array_intersect($1, $2)", 0, NULL, NULL},
    {"array_insert", "spark_array_insert($1, $2, $3)", 0, NULL, NULL}, {"array_join", NULL, 0, array_join, NULL},
    {"array_max", "list_max($1)", 0, NULL, NULL}, {"array_min", "list_min($1)", 0, NULL, NULL},
    {"array_position", "spark_array_position($1, $2)", 0, NULL, NULL},
    {"array_remove", "spark_array_remove($1, $2)", 0, NULL, NULL},
    {"array_repeat", "spark_array_repeat($1, $2)", 0, NULL, NULL}, {"array_size", NULL, 0, size, NULL},
    {"size", NULL, 0, size, NULL}, {"cardinality", NULL, 0, size, NULL}, {"array_sort", NULL, 0, array_sort, NULL},
    {"sort_array", NULL, 0, sort_array, NULL}, {"arrays_overlap", "spark_arrays_overlap($1, $2)", 0, NULL, NULL},
    {"arrays_zip", NULL, 0, arrays_zip, NULL}, {"element_at", NULL, 0, element_at, NULL},
    {"try_element_at", NULL, 0, element_at, NULL}, {"get", "spark_get($1, $2)", 0, NULL, NULL},
    {"flatten", "spark_flatten($1)", 0, NULL, NULL}, {"sequence", NULL, 0, sequence, NULL}, {"shuffle", "spark_shuffle($1)", 0, NULL, NULL},
    {"slice", "spark_slice($1, $2, $3)", 0, NULL, NULL}, {"transform", NULL, 0, transform, NULL},
    {"filter", NULL, 0, transform, NULL}, {"exists", NULL, 0, test_all, NULL},
    {"forall", NULL, 0, test_all, NULL}, {"aggregate", NULL, 0, aggregate, NULL}, {"reduce", NULL, 0, aggregate, NULL},
    {"zip_with", NULL, 0, zip_with, NULL}, {"map_filter", NULL, 0, over_map, NULL}, {"transform_keys", NULL, 0, over_map, NULL},
    {"transform_values", NULL, 0, over_map, NULL}, {"map", NULL, 0, map, NULL},
    {"map_concat", NULL, 0, map_concat, NULL},
    {"map_contains_key", "map_contains($1, $2)", 0, NULL, NULL}, {"map_entries", "map_entries($1)", 0, NULL, NULL},
    {"map_from_arrays", "MAP($1, $2)", 0, NULL, NULL}, {"map_from_entries", "map_from_entries($1)", 0, NULL, NULL},
    {"map_keys", "map_keys($1)", 0, NULL, NULL}, {"map_values", "map_values($1)", 0, NULL, NULL},
    {"struct", NULL, 0, structure, NULL}, {"named_struct", NULL, 0, structure, NULL}, {"str_to_map", NULL, 0, str_to_map, NULL},
    {0},
};
