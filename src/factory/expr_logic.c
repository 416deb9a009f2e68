/* Logic, comparison and arithmetic. Booleans are strict; numbers compare with numbers, strings with
 * strings in culture order. Integers stay integers and overflow is an error. */
#include "factory/expr_int.h"

#include <math.h>

static const struct doc *eval_bool(struct adf_env *e, const struct adf_node *node, size_t i)
{
    const struct doc *v = adf_eval(e, node->args[i]);
    if (v && v->kind != DOC_BOOL)
        return adf_fail_type(e, node, i, "a boolean", v);
    return v;
}

static const struct doc *until(struct adf_env *e, const struct adf_node *node, size_t count,
                               bool stop_at)
{
    const struct doc *v = NULL;
    for (size_t i = 0; i < count; i++) {
        v = eval_bool(e, node, i);
        if (!v || v->boolean == stop_at)
            return v;
    }
    return v;
}

static ADF_FN(fn_and)
{
    (void)args;
    return until(e, node, count, false);
}

static ADF_FN(fn_or)
{
    (void)args;
    return until(e, node, count, true);
}

static ADF_FN(fn_not)
{
    (void)count;
    if (args[0]->kind != DOC_BOOL)
        return adf_fail_type(e, node, 0, "a boolean", args[0]);
    return adf_bool(e, !args[0]->boolean);
}

static ADF_FN(fn_if)
{
    const struct doc *v = eval_bool(e, node, 0);
    (void)args;
    (void)count;
    return v ? adf_eval(e, node->args[v->boolean ? 1 : 2]) : NULL;
}

static ADF_FN(fn_coalesce)
{
    const struct doc *v = NULL;
    (void)args;
    for (size_t i = 0; i < count; i++)
        if (!(v = adf_eval(e, node->args[i])) || v->kind != DOC_NULL)
            return v;
    return v;
}

static ADF_FN(fn_equals)
{
    (void)node;
    (void)count;
    return adf_bool(e, adf_equal(args[0], args[1]));
}

static ADF_FN(fn_strong_equals)
{
    (void)node;
    (void)count;
    return adf_bool(e, args[0]->kind == args[1]->kind && adf_equal(args[0], args[1]));
}

/* -1, 0, 1; false after an error. */
static bool compare(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                    int *out)
{
    int64_t x, y;
    if (args[0]->kind == DOC_STRING && args[1]->kind == DOC_STRING) {
        *out = adf_compare_text(e->a, args[0]->text, args[1]->text);
        return true;
    }
    if (!adf_is_num(args[0]) && args[0]->kind != DOC_STRING)
        return adf_fail_type(e, node, 0, "a number or a string", args[0]);
    if (!adf_is_num(args[0]) || !adf_is_num(args[1]))
        return adf_fail_type(e, node, 1, adf_is_num(args[0]) ? "a number" : "a string", args[1]);
    if (doc_i64(args[0], &x) && doc_i64(args[1], &y)) {
        *out = x < y ? -1 : x > y;
    } else {
        double p = adf_num(args[0]), q = adf_num(args[1]);
        *out = p < q ? -1 : p > q;
    }
    return true;
}

#define COMPARE(fn_name, test)                                                                     \
    static ADF_FN(fn_name)                                                                        \
    {                                                                                              \
        int c;                                                                                     \
        (void)count;                                                                               \
        return compare(e, node, args, &c) ? adf_bool(e, c test 0) : NULL;                         \
    }
COMPARE(fn_greater, >)
COMPARE(fn_greater_or_equals, >=)
COMPARE(fn_less, <)
COMPARE(fn_less_or_equals, <=)

/* ---------------------------------------------------------------- arithmetic */

static bool two_numbers(struct adf_env *e, const struct adf_node *node,
                        const struct doc *const *args, bool *ints, int64_t v[2], double d[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (!adf_is_num(args[i]))
            return adf_fail_type(e, node, i, "a number", args[i]);
        d[i] = adf_num(args[i]);
    }
    *ints = doc_i64(args[0], &v[0]) && doc_i64(args[1], &v[1]);
    return true;
}

static const struct doc *overflow(struct adf_env *e, const struct adf_node *node)
{
    return adf_fail(e, node->at, ADF_OVERFLOW, "'%.*s' leaves the range of 64-bit integers",
                     STR_ARGS(node->name));
}

#define ARITHMETIC(fn_name, builtin, op)                                                           \
    static ADF_FN(fn_name)                                                                        \
    {                                                                                              \
        bool ints;                                                                                 \
        int64_t v[2], r;                                                                           \
        double d[2];                                                                               \
        (void)count;                                                                               \
        if (!two_numbers(e, node, args, &ints, v, d))                                              \
            return NULL;                                                                           \
        if (!ints)                                                                                 \
            return adf_float(e->a, d[0] op d[1]);                                                 \
        return builtin(v[0], v[1], &r) ? overflow(e, node) : adf_int(e, r);                       \
    }
ARITHMETIC(fn_add, __builtin_add_overflow, +)
ARITHMETIC(fn_sub, __builtin_sub_overflow, -)
ARITHMETIC(fn_mul, __builtin_mul_overflow, *)

static const struct doc *divide(struct adf_env *e, const struct adf_node *node,
                                const struct doc *const *args, bool remainder)
{
    bool ints;
    int64_t v[2];
    double d[2];
    if (!two_numbers(e, node, args, &ints, v, d))
        return NULL;
    if (d[1] == 0)
        return adf_fail(e, node->at, ADF_DIVIDE, "'%.*s' by zero", STR_ARGS(node->name));
    if (!ints)
        return adf_float(e->a, remainder ? fmod(d[0], d[1]) : d[0] / d[1]);
    if (v[0] == INT64_MIN && v[1] == -1)
        return remainder ? adf_int(e, 0) : overflow(e, node);
    return adf_int(e, remainder ? v[0] % v[1] : v[0] / v[1]);
}

static ADF_FN(fn_div)
{
    (void)count;
    return divide(e, node, args, false);
}

static ADF_FN(fn_mod)
{
    (void)count;
    return divide(e, node, args, true);
}

/* Of the numbers, or of the one array of numbers. */
static const struct doc *extreme(struct adf_env *e, const struct adf_node *node,
                                 const struct doc *const *args, size_t count, int sign)
{
    const struct doc *best = NULL;
    size_t n = count;
    const struct doc *const *list = args;
    if (count == 1 && args[0]->kind == DOC_ARRAY) {
        n = args[0]->count;
        list = (const struct doc *const *)args[0]->items;
    }
    for (size_t i = 0; i < n; i++) {
        if (!adf_is_num(list[i]))
            return adf_fail_type(e, node, i, "numbers or one array of numbers", list[i]);
        if (!best || sign * (adf_num(list[i]) - adf_num(best)) > 0)
            best = list[i];
    }
    if (!best)
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE, "'%.*s' of an empty array",
                         STR_ARGS(node->name));
    return best;
}

static ADF_FN(fn_max)
{
    return extreme(e, node, args, count, 1);
}

static ADF_FN(fn_min)
{
    return extreme(e, node, args, count, -1);
}

static ADF_FN(fn_rand)
{
    int64_t from, to;
    (void)count;
    if (!adf_arg_int(e, node, args, 0, &from) || !adf_arg_int(e, node, args, 1, &to))
        return NULL;
    if (from >= to)
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE,
                         "'rand' needs a first number below the second");
    uint64_t width = (uint64_t)to - (uint64_t)from;
    return adf_int(e, (int64_t)((uint64_t)from + random_u64() % width));
}

static ADF_FN(fn_range)
{
    int64_t from, n, last;
    struct doc *out = doc_new_array(e->a);
    (void)count;
    if (!adf_arg_int(e, node, args, 0, &from) || !adf_arg_int(e, node, args, 1, &n))
        return NULL;
    if (n < 0 || n > ADF_MAX_RANGE || __builtin_add_overflow(from, n, &last))
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE, "'range' counts from 0 to %d, not %jd",
                         ADF_MAX_RANGE, (intmax_t)n);
    for (int64_t i = 0; i < n; i++)
        doc_push(e->a, out, doc_new_i64(e->a, from + i));
    return out;
}

const struct adf_fn adf_logic_fns[] = {
    {"and", 1, -1, fn_and, true},
    {"coalesce", 1, -1, fn_coalesce, true},
    {"equals", 2, 2, fn_equals, false},
    {"greater", 2, 2, fn_greater, false},
    {"greaterOrEquals", 2, 2, fn_greater_or_equals, false},
    {"if", 3, 3, fn_if, true},
    {"less", 2, 2, fn_less, false},
    {"lessOrEquals", 2, 2, fn_less_or_equals, false},
    {"not", 1, 1, fn_not, false},
    {"or", 1, -1, fn_or, true},
    {"strongEquals", 2, 2, fn_strong_equals, false},
    {},
};

const struct adf_fn adf_math_fns[] = {
    {"add", 2, 2, fn_add, false},
    {"div", 2, 2, fn_div, false},
    {"max", 1, -1, fn_max, false},
    {"min", 1, -1, fn_min, false},
    {"mod", 2, 2, fn_mod, false},
    {"mul", 2, 2, fn_mul, false},
    {"rand", 2, 2, fn_rand, false},
    {"range", 2, 2, fn_range, false},
    {"sub", 2, 2, fn_sub, false},
    {},
};
