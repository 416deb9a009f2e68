/* resolve_arith.c -- the types of arithmetic, comparison, rounding, sum and avg.
 *
 * Decimal results, with p, s of the operands and 38 digits at most (Spark's DecimalPrecision, with
 * precision loss allowed: at least 6 digits of the fraction are kept when digits must go):
 *     + -   scale max(s1,s2), precision max(p1-s1, p2-s2) + scale + 1
 *     *     scale s1+s2, precision p1+p2+1
 *     /     scale max(6, s1+p2+1), precision p1-s1+s2 + scale
 *     %     scale max(s1,s2), precision min(p1-s1, p2-s2) + scale
 * An integral beside a decimal counts as the decimal that holds its type, a literal as the one that
 * holds its value. Beside float or double everything is double. `/` of integrals is double, `div` is
 * bigint. A string beside a number becomes bigint or double; two strings are refused. */
#include "plan/resolve_int.h"

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static const struct type *bounded(struct rs *rs, int p, int s)
{
    return type_decimal(rs->a, min_int(p, DECIMAL_MAX_PRECISION), min_int(s, DECIMAL_MAX_PRECISION));
}

static const struct type *adjusted(struct rs *rs, int p, int s)
{
    if (p <= DECIMAL_MAX_PRECISION)
        return type_decimal(rs->a, p, s);
    int whole = p - s, least = min_int(s, 6);
    return type_decimal(rs->a, DECIMAL_MAX_PRECISION, max_int(DECIMAL_MAX_PRECISION - whole, least));
}

static bool is(const struct expr *c, const char *op)
{
    return str_eqz(c->func, op);
}

struct expr *bad_types(struct rs *rs, const struct expr *c)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < c->args.count; i++)
        buf_printf(&b, "%s\"%.*s\"", i ? ", " : "", STR_ARGS(type_text(rs, c->args.items[i]->type)));
    bool differ = c->args.count == 2 && !type_equal(c->args.items[0]->type, c->args.items[1]->type);
    res_fail(rs, c->at, ERR_INPUT, "[DATATYPE_MISMATCH.BINARY_OP_%s] Cannot resolve \"%.*s\" due to data type "
             "mismatch: it does not take %s", differ ? "DIFF_TYPES" : "WRONG_TYPE", STR_ARGS(expr_title(rs, c)), b.ptr);
    buf_release(&b);
    return NULL;
}

static bool is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

static bool is_interval(const struct type *t)
{
    return t->kind == TYPE_INTERVAL_YM || t->kind == TYPE_INTERVAL_DT || t->kind == TYPE_INTERVAL;
}

static bool is_time(const struct type *t)
{
    return t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ;
}

static struct expr *typed(struct rs *rs, struct expr *c, const struct type *l, const struct type *r, const struct type *t)
{
    c->args.items[0] = cast_to(rs, c->args.items[0], l);
    c->args.items[1] = cast_to(rs, c->args.items[1], r);
    c->type = t;
    return c;
}

/* ------------------------------------------------------------------ dates and intervals */

static const struct type *moved(const struct type *t, const struct type *by)
{
    if (t->kind != TYPE_DATE)
        return t;
    bool days = by->kind == TYPE_INTERVAL_YM || by->kind == TYPE_INTERVAL || (by->kind == TYPE_INTERVAL_DT && by->scale == 0);
    return days ? t : type_of(TYPE_TIMESTAMP);
}

static struct expr *time_minus(struct rs *rs, struct expr *c, const struct type *l, const struct type *r)
{
    if (l->kind == TYPE_DATE && r->kind == TYPE_DATE)
        return typed(rs, c, l, r, type_interval(rs->a, TYPE_INTERVAL_DT, 0, 0));
    const struct type *t = common_type(rs, l, r);
    return t && is_time(t) ? typed(rs, c, t, t, type_interval(rs->a, TYPE_INTERVAL_DT, 0, 3)) : bad_types(rs, c);
}

static struct expr *swap_args(struct expr *c)
{
    struct expr *x = c->args.items[0];
    c->args.items[0] = c->args.items[1];
    c->args.items[1] = x;
    return c;
}

/* + and - with a date, timestamp or interval on one side. NULL with error, or typed. */
static struct expr *time_arith(struct rs *rs, struct expr *c)
{
    const struct type *l = c->args.items[0]->type, *r = c->args.items[1]->type;
    bool plus = is(c, "+") || is(c, "try_add"), minus = is(c, "-") || is(c, "try_subtract");
    if (is_interval(l) && is_interval(r) && (plus || minus)) {
        const struct type *t = common_type(rs, l, r);
        return t ? typed(rs, c, l, r, t) : bad_types(rs, c);
    }
    if (is_interval(l) && type_is_numeric(r) && (is(c, "*") || is(c, "/")))
        return typed(rs, c, l, is(c, "/") ? type_of(TYPE_DOUBLE) : r, l->kind == TYPE_INTERVAL_DT ?
                     type_interval(rs->a, TYPE_INTERVAL_DT, 0, 3) : l);
    if (type_is_numeric(l) && is_interval(r) && is(c, "*"))
        return time_arith(rs, swap_args(c));
    if (plus && !is_time(l) && !is_text(l))
        return is_time(r) || is_text(r) ? time_arith(rs, swap_args(c)) : bad_types(rs, c);
    if (!plus && !minus)
        return bad_types(rs, c);
    if (is_interval(r)) {
        const struct type *t = is_text(l) ? type_of(TYPE_TIMESTAMP) : moved(l, r);
        if (!is_time(l) && !is_text(l))
            return bad_types(rs, c);
        c = typed(rs, c, is_text(l) ? t : l, r, t);
        return is_text(l) ? cast_to(rs, c, type_of(TYPE_STRING)) : c; /* text stays text */
    }
    if (l->kind == TYPE_DATE && type_is_integral(r) && r->kind != TYPE_LONG)
        return typed(rs, c, l, type_of(TYPE_INT), l);
    if (minus && is_time(l) && (is_time(r) || is_text(r)))
        return time_minus(rs, c, l, is_text(r) ? l : r);
    if (minus && is_text(l) && is_time(r))
        return time_minus(rs, c, r, r);
    return bad_types(rs, c);
}

/* ------------------------------------------------------------------ numbers */

/* The decimal that an integral or decimal operand counts as. */
static const struct type *operand(struct rs *rs, const struct expr *e)
{
    static const int digits[] = {[TYPE_BYTE] = 3, [TYPE_SHORT] = 5, [TYPE_INT] = 10, [TYPE_LONG] = 20};
    if (e->type->kind == TYPE_DECIMAL)
        return e->type;
    if (e->kind != EXPR_LITERAL || e->lit.kind != LIT_INT || e->type->kind == TYPE_BYTE)
        return type_decimal(rs->a, digits[e->type->kind], 0);
    int n = 1;
    for (int64_t v = e->lit.i64; v / 10; v /= 10)
        n++;
    return type_decimal(rs->a, n, 0);
}

static struct expr *decimal_arith(struct rs *rs, struct expr *c)
{
    const struct type *l = operand(rs, c->args.items[0]), *r = operand(rs, c->args.items[1]), *t;
    int p1 = l->precision, s1 = l->scale, p2 = r->precision, s2 = r->scale, s = max_int(s1, s2);
    if (is(c, "*") || is(c, "try_multiply")) {
        t = adjusted(rs, p1 + p2 + 1, s1 + s2);
    } else if (is(c, "/") || is(c, "try_divide")) {
        s = max_int(6, s1 + p2 + 1);
        t = adjusted(rs, p1 - s1 + s2 + s, s);
    } else if (is(c, "div")) {
        t = type_of(TYPE_LONG);
    } else if (is(c, "+") || is(c, "-") || is(c, "try_add") || is(c, "try_subtract")) {
        t = adjusted(rs, max_int(p1 - s1, p2 - s2) + s + 1, s);
    } else {
        t = adjusted(rs, min_int(p1 - s1, p2 - s2) + s, s);
    }
    return typed(rs, c, l, r, t);
}

static const struct type *nearest_number(const struct type *t, const struct type *other)
{
    if (t->kind == TYPE_NULL)
        return type_is_numeric(other) ? other : type_of(TYPE_DOUBLE);
    if (is_text(t))
        return type_of(type_is_integral(other) ? TYPE_LONG : TYPE_DOUBLE);
    return t;
}

struct expr *type_arith(struct rs *rs, struct expr *c)
{
    const struct type *l = c->args.items[0]->type, *r = c->args.items[1]->type;
    bool divide = is(c, "/") || is(c, "try_divide");
    if (is_time(l) || is_time(r) || is_interval(l) || is_interval(r)) {
        if (l->kind == TYPE_NULL || r->kind == TYPE_NULL) {
            const struct type *other = l->kind == TYPE_NULL ? r : l;
            if (other->kind == TYPE_DATE && is(c, "+"))
                other = type_of(TYPE_TIMESTAMP);
            return cast_to(rs, lit_null(rs, c->at, other), other);
        }
        return time_arith(rs, c);
    }
    if (rs->env->ansi && ((is_text(l) && is_text(r)) || (is_text(l) && r->kind == TYPE_NULL) || (l->kind == TYPE_NULL && is_text(r))))
        return bad_types(rs, c);
    if (divide && l->kind == TYPE_NULL)
        r = type_of(TYPE_DOUBLE);
    const struct type *ln = nearest_number(l, is_text(r) ? type_of(TYPE_DOUBLE) : r);
    const struct type *rn = nearest_number(r, is_text(l) ? type_of(TYPE_DOUBLE) : l);
    if (!rs->env->ansi && (is_text(l) || is_text(r)))
        ln = rn = type_of(TYPE_DOUBLE);
    if (!type_is_numeric(ln) || !type_is_numeric(rn))
        return bad_types(rs, c);
    c->args.items[0] = cast_to(rs, c->args.items[0], ln);
    c->args.items[1] = cast_to(rs, c->args.items[1], rn);
    bool real = ln->kind == TYPE_DOUBLE || rn->kind == TYPE_DOUBLE || ln->kind == TYPE_FLOAT || rn->kind == TYPE_FLOAT;
    if ((ln->kind == TYPE_DECIMAL || rn->kind == TYPE_DECIMAL) && !real)
        return decimal_arith(rs, c);
    if (is(c, "div"))
        return real ? bad_types(rs, c) : typed(rs, c, type_of(TYPE_LONG), type_of(TYPE_LONG), type_of(TYPE_LONG));
    const struct type *t = divide ? type_of(TYPE_DOUBLE) : common_type(rs, ln, rn);
    return typed(rs, c, t, t, t);
}

/* ------------------------------------------------------------------ comparison */

/* Structs compare field by field, whatever the names. */
static const struct type *compared(struct rs *rs, const struct type *l, const struct type *r)
{
    if (l->kind != TYPE_STRUCT || r->kind != TYPE_STRUCT || l->field_count != r->field_count)
        return common_type(rs, l, r);
    struct type_field *f = ARENA_ARRAY(rs->a, struct type_field, l->field_count + 1);
    for (size_t i = 0; i < l->field_count; i++) {
        f[i] = l->fields[i];
        f[i].nullable |= r->fields[i].nullable;
        bool null = l->fields[i].type->kind == TYPE_NULL || r->fields[i].type->kind == TYPE_NULL;
        f[i].type = common_type(rs, l->fields[i].type, r->fields[i].type);
        if (!f[i].type || (!null && !type_equal(l->fields[i].type, r->fields[i].type)))
            return NULL;
    }
    return type_struct(rs->a, f, l->field_count);
}

struct expr *type_compare(struct rs *rs, struct expr *c)
{
    const struct type *t = c->args.items[0]->type;
    for (size_t i = 1; i < c->args.count && t; i++)
        t = compared(rs, t, c->args.items[i]->type);
    bool equality = is(c, "==") || is(c, "=") || is(c, "<=>") || is(c, "!=") || is(c, "<>") || is(c, "in") ||
                    is(c, "nullif") || is(c, "equal_null");
    if (!t && equality) { /* 1 = true and the like are refused; text compares with what it holds */
        return bad_types(rs, c);
    }
    if (!t || t->kind == TYPE_MAP || t->kind == TYPE_VARIANT || (!equality && !type_is_orderable(t)))
        return bad_types(rs, c);
    if (!rs->env->ansi && t->kind == TYPE_STRING) { /* legacy: numbers and dates win over text in comparisons */
        for (size_t i = 0; i < c->args.count; i++)
            if (!is_text(c->args.items[i]->type) && c->args.items[i]->type->kind != TYPE_NULL)
                t = c->args.items[i]->type->kind == TYPE_DECIMAL ? type_of(TYPE_DOUBLE) : c->args.items[i]->type;
    }
    for (size_t i = 0; i < c->args.count; i++)
        c->args.items[i] = cast_to(rs, c->args.items[i], t);
    c->type = type_of(TYPE_BOOLEAN);
    return c;
}

/* ------------------------------------------------------------------ rounding */

static const struct type *rounded_decimal(struct rs *rs, const struct type *t, int64_t scale)
{
    int whole = t->precision - t->scale + 1;
    if (scale < 0)
        return bounded(rs, max_int(whole, (int)-scale + 1), 0);
    int s = min_int(t->scale, (int)scale);
    return type_decimal(rs->a, min_int(whole + s, DECIMAL_MAX_PRECISION), s);
}

struct expr *type_round(struct rs *rs, struct expr *c)
{
    bool whole = is(c, "ceil") || is(c, "ceiling") || is(c, "floor");
    const struct expr *n = c->args.count > 1 ? c->args.items[1] : NULL;
    const struct expr *lit = n && n->kind == EXPR_CALL && is(n, "negative") ? n->args.items[0] : n;
    if (lit && (lit->kind != EXPR_LITERAL || lit->lit.kind != LIT_INT || llabs(lit->lit.i64) > 1000))
        return res_fail(rs, c->at, ERR_INPUT, "[DATATYPE_MISMATCH.NON_FOLDABLE_INPUT] The scale of %.*s() must be a constant "
                        "integer", STR_ARGS(c->func));
    int64_t scale = !n ? 0 : lit == n ? n->lit.i64 : -lit->lit.i64;
    if (n && lit != n)
        c->args.items[1] = lit_int(rs, n->at, scale);
    struct expr *v = c->args.items[0];
    if (v->type->kind == TYPE_NULL)
        v = c->args.items[0] = cast_to(rs, v, type_of(TYPE_DOUBLE));
    if (v->type->kind == TYPE_DECIMAL)
        c->type = n || v->type->scale || !whole ? rounded_decimal(rs, v->type, scale) : v->type;
    else if (whole && n) {
        v = c->args.items[0] = cast_to(rs, v, v->type->kind == TYPE_DOUBLE || v->type->kind == TYPE_FLOAT ?
                                       type_decimal(rs->a, 30, 15) : operand(rs, v));
        c->type = rounded_decimal(rs, v->type, scale);
    } else if (whole)
        c->type = type_of(TYPE_LONG);
    else
        c->type = v->type;
    return c;
}

struct expr *type_sum_avg(struct rs *rs, struct expr *c)
{
    struct expr *v = c->args.items[0];
    bool sum = is(c, "sum") || is(c, "try_sum");
    if (is_text(v->type) || v->type->kind == TYPE_NULL)
        v = c->args.items[0] = cast_to(rs, v, type_of(TYPE_DOUBLE));
    if (v->type->kind == TYPE_DECIMAL)
        c->type = sum ? bounded(rs, v->type->precision + 10, v->type->scale)
                      : bounded(rs, v->type->precision + 4, v->type->scale + 4);
    else if (type_is_numeric(v->type))
        c->type = type_of(sum && type_is_integral(v->type) ? TYPE_LONG : TYPE_DOUBLE);
    else if (v->type->kind == TYPE_INTERVAL_YM || v->type->kind == TYPE_INTERVAL_DT)
        c->type = sum ? v->type : type_interval(rs->a, v->type->kind, 0, v->type->kind == TYPE_INTERVAL_YM ? 1 : 3);
    else
        return bad_types(rs, c);
    return c;
}
