/* functions_core.c -- operators, conditions, mathematics, the session.
 *
 * Under ANSI a division by zero is an error, unless the divisor can be seen not to be zero; without
 * it the answer is NULL, which is DuckDB's own. Decimals are divided, and multiplied where 38 digits
 * do not hold the exact product, by a C function over their text. */
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static bool is(const struct expr *c, const char *name)
{
    return str_eqz(c->func, name);
}

static void two(struct pr *p, struct buf *b, const char *before, const struct expr *c, const char *between, const char *after)
{
    buf_z(b, before);
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, between);
    print_expr(p, b, arg(c, 1), P_ANY);
    buf_z(b, after);
}

static void open_cast(struct pr *p, struct buf *b, bool try_cast)
{
    buf_z(b, try_cast || !p->with->ansi ? "TRY_CAST(" : "CAST(");
}

static void close_cast(struct pr *p, struct buf *b, const struct type *t)
{
    buf_z(b, " AS ");
    print_type(p, b, t);
    buf_char(b, ')');
}

/* spark_decimal_*(x, y, scale, strict): text. */
static void print_decimal_op(struct pr *p, struct buf *b, const char *op, const struct expr *c, bool try_op)
{
    buf_printf(b, "spark_decimal_%s(CAST(", op);
    print_expr(p, b, arg(c, 0), P_ANY);
    buf_z(b, " AS VARCHAR), CAST(");
    print_expr(p, b, arg(c, 1), P_ANY);
    buf_printf(b, " AS VARCHAR), %d, %s)", c->type->kind == TYPE_DECIMAL ? c->type->scale : 0,
               try_op || !p->with->ansi ? "false" : "true");
}

/* Exact decimal arithmetic over text. */
static void decimal_call(struct pr *p, struct buf *b, const char *op, const struct expr *c, bool try_op)
{
    open_cast(p, b, try_op);
    print_decimal_op(p, b, op, c, try_op);
    close_cast(p, b, c->type);
}

static void operand_op(struct pr *p, struct buf *b, const struct expr *c, const char *op)
{
    buf_char(b, '(');
    print_expr(p, b, arg(c, 0), P_MUL);
    buf_printf(b, " %s ", op);
    print_expr(p, b, arg(c, 1), P_UNARY);
    buf_char(b, ')');
}

static bool is_interval(const struct type *t)
{
    return t->kind == TYPE_INTERVAL_YM || t->kind == TYPE_INTERVAL_DT || t->kind == TYPE_INTERVAL;
}

static void divide(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    bool safe = !p->with->ansi || is(c, "try_divide") || never_zero(arg(c, 1));
    if (is_interval(arg(c, 0)->type))
        operand_op(p, b, c, "/");
    else if (c->type->kind == TYPE_DECIMAL)
        decimal_call(p, b, "div", c, is(c, "try_divide"));
    else if (safe)
        operand_op(p, b, c, "/");
    else
        two(p, b, "spark_divide(", c, ", ", ")");
}

static void integer_divide(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    if (arg(c, 0)->type->kind == TYPE_DECIMAL && !p->with->ansi) {
        buf_z(b, "spark_legacy_decimal("); /* what BIGINT does not hold loses its high bits */
        print_decimal_op(p, b, "idiv", c, false);
        buf_z(b, ", 64)");
    } else if (arg(c, 0)->type->kind == TYPE_DECIMAL)
        decimal_call(p, b, "idiv", c, false);
    else if (!p->with->ansi || never_zero(arg(c, 1)))
        operand_op(p, b, c, "//");
    else
        two(p, b, "spark_idiv(", c, ", ", ")");
}

static void modulo(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    bool dec = c->type->kind == TYPE_DECIMAL, pos = is(c, "pmod");
    bool safe = !p->with->ansi || is(c, "try_mod") || never_zero(arg(c, 1));
    if (dec)
        open_cast(p, b, false);
    if (pos)
        two(p, b, safe ? "spark_pmod_or_null(" : "spark_pmod(", c, ", ", ")");
    else if (safe)
        operand_op(p, b, c, "%");
    else
        two(p, b, "spark_mod(", c, ", ", ")");
    if (dec)
        close_cast(p, b, c->type);
}

/* ------------------------------------------------------------------ + - * that are not plain */

static bool is_time(const struct type *t)
{
    return t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ;
}

static void sign_op(struct pr *p, struct buf *b, const struct expr *c)
{
    buf_char(b, '(');
    print_expr(p, b, arg(c, 0), P_ADD);
    buf_printf(b, " %s ", is(c, "-") || is(c, "try_subtract") ? "-" : is(c, "*") ? "*" : "+");
    print_expr(p, b, arg(c, 1), P_MUL);
    buf_char(b, ')');
}

static void time_op(struct pr *p, struct buf *b, const struct expr *c)
{
    const struct type *l = arg(c, 0)->type, *r = arg(c, 1)->type;
    if (is_time(l) && is_time(r)) {
        if (l->kind == TYPE_DATE)
            two(p, b, "to_days(CAST(", c, " - ", " AS INTEGER))");
        else
            two(p, b, "to_microseconds(epoch_us(", c, ") - epoch_us(", "))");
        return;
    }
    if (l->kind == TYPE_TIMESTAMP) { /* moved in UTC, without the calendar of a zone */
        buf_z(b, "spark_instant(spark_utc(");
        print_expr(p, b, arg(c, 0), P_ANY);
        buf_printf(b, ") %s ", is(c, "-") ? "-" : "+");
        print_expr(p, b, arg(c, 1), P_ATOM);
        buf_char(b, ')');
        return;
    }
    if (l->kind == TYPE_DATE && is_interval(r)) {
        buf_z(b, c->type->kind == TYPE_DATE ? "CAST(" : "spark_instant(");
        sign_op(p, b, c);
        buf_z(b, c->type->kind == TYPE_DATE ? " AS DATE)" : ")");
        return;
    }
    sign_op(p, b, c);
}

static void arith(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    const struct type *t = c->type, *l = arg(c, 0)->type, *r = arg(c, 1)->type;
    if (t->kind != TYPE_DECIMAL) {
        time_op(p, b, c);
        return;
    }
    bool mul = is(c, "*");
    bool exact = mul ? l->precision + r->precision <= 38 && l->scale + r->scale <= 38 : false;
    if (!exact) {
        decimal_call(p, b, mul ? "mul" : is(c, "-") ? "sub" : "add", c, false);
        return;
    }
    open_cast(p, b, false);
    print_expr(p, b, arg(c, 0), P_MUL);
    buf_z(b, " * ");
    print_expr(p, b, arg(c, 1), P_UNARY);
    close_cast(p, b, t);
}

static void try_arith(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    bool mul = is(c, "try_multiply"), sub = is(c, "try_subtract");
    if (c->type->kind == TYPE_DECIMAL) {
        decimal_call(p, b, mul ? "mul" : sub ? "sub" : "add", c, true);
        return;
    }
    if (!type_is_numeric(c->type)) {
        buf_z(b, "TRY(");
        time_op(p, b, c);
        buf_char(b, ')');
        return;
    }
    buf_z(b, "TRY(");
    print_expr(p, b, arg(c, 0), P_MUL);
    buf_z(b, mul ? " * " : sub ? " - " : " + ");
    print_expr(p, b, arg(c, 1), P_UNARY);
    buf_char(b, ')');
}

/* ------------------------------------------------------------------ conditions */

static void in_list(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    print_expr(p, b, arg(c, 0), P_OTHER);
    buf_z(b, " IN (");
    print_list(p, b, &c->args, 1, ", ");
    buf_char(b, ')');
}

static void case_when(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    size_t n = c->args.count;
    buf_z(b, "CASE");
    for (size_t i = 0; i + 1 < n; i += 2) {
        buf_z(b, " WHEN ");
        print_expr(p, b, arg(c, i), P_ANY);
        buf_z(b, " THEN ");
        print_expr(p, b, arg(c, i + 1), P_ANY);
    }
    if (n % 2) {
        buf_z(b, " ELSE ");
        print_expr(p, b, arg(c, n - 1), P_ANY);
    }
    buf_z(b, " END");
}

/* Spark takes an escape only before itself, _ and %. */
static void check_escapes(struct pr *p, const struct expr *pattern, char escape)
{
    struct str s = pattern->lit.text;
    for (size_t i = 0; lit_is_text(pattern) && i < s.len; i++) {
        if (s.ptr[i] != escape)
            continue;
        i++;
        if (i >= s.len || (s.ptr[i] != escape && s.ptr[i] != '_' && s.ptr[i] != '%'))
            print_fail(p, pattern->at, ERR_INPUT, "[INVALID_FORMAT.ESC_%s] The escape character '%c' is %s", i < s.len ? "IN_THE_MIDDLE" :
                       "AT_THE_END", escape, i < s.len ? "not before '_', '%' or itself" : "the last of the pattern");
    }
}

/* Spark's LIKE escapes with a backslash unless told otherwise, DuckDB's with nothing. */
static void like(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    const struct expr *pattern = arg(c, 1);
    bool escaped = c->args.count > 2 || !lit_is_text(pattern) || str_chr(pattern->lit.text, '\\') >= 0;
    check_escapes(p, pattern, c->args.count > 2 && lit_is_text(arg(c, 2)) && arg(c, 2)->lit.text.len == 1 ? arg(c, 2)->lit.text.ptr[0] : '\\');
    print_expr(p, b, arg(c, 0), P_OTHER);
    buf_z(b, is(c, "ilike") ? " ILIKE " : " LIKE ");
    print_expr(p, b, pattern, P_OTHER);
    if (escaped && c->args.count > 2) {
        buf_z(b, " ESCAPE ");
        print_expr(p, b, arg(c, 2), P_OTHER);
    } else if (escaped) {
        buf_z(b, " ESCAPE '\\'");
    }
}

/* typeof() does not tell which fields are NOT NULL. */
static const struct type *without_not_null(struct pr *p, const struct type *t)
{
    struct type *c = arena_copy(p->a, t, sizeof *t);
    if (t->element)
        c->element = without_not_null(p, t->element);
    if (t->key)
        c->key = without_not_null(p, t->key);
    if (t->kind == TYPE_STRUCT && t->field_count) {
        struct type_field *f = arena_copy(p->a, t->fields, t->field_count * sizeof *f);
        for (size_t i = 0; i < t->field_count; i++) {
            f[i].nullable = true;
            f[i].type = without_not_null(p, f[i].type);
        }
        c->fields = f;
    }
    return c;
}

static void type_of_arg(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    struct buf t;
    buf_init(&t);
    type_write_ddl(&t, without_not_null(p, arg(c, 0)->type));
    duck_quote_text(b, buf_view(&t));
    buf_release(&t);
}

static void named_literal(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    struct civil n = civil_of(p->with->now.us ? p->with->now : time_now());
    if (c->type->kind == TYPE_DATE)
        buf_printf(b, "DATE '%04d-%02d-%02d'", n.year, n.month, n.day);
    else
        buf_printf(b, "%s '%04d-%02d-%02d %02d:%02d:%02d.%06d%s'", c->type->kind == TYPE_TIMESTAMP ? "TIMESTAMPTZ" : "TIMESTAMP",
                   n.year, n.month, n.day, n.hour, n.minute, n.second, n.us, c->type->kind == TYPE_TIMESTAMP ? "+00" : "");
}

/* ------------------------------------------------------------------ rounding */

int integer_bits(const struct type *t)
{
    return t->kind == TYPE_LONG ? 64 : t->kind == TYPE_SHORT ? 16 : t->kind == TYPE_BYTE ? 8 : 32;
}

static void round_to(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    const struct expr *v = arg(c, 0);
    int64_t scale = 0;
    if (c->args.count > 1)
        (void)expr_const_int(arg(c, 1), &scale);
    bool half_even = is(c, "bround");
    const char *fn = is(c, "floor") ? "floor" : is(c, "ceil") || is(c, "ceiling") ? "ceil" : half_even ? "round_even" : "round";
    bool whole = fn[0] == 'f' || fn[0] == 'c';
    if (type_is_integral(v->type) && (whole || scale >= 0) && c->type->kind != TYPE_DECIMAL) {
        if (type_equal(v->type, c->type)) {
            print_expr(p, b, v, P_ATOM);
            return;
        }
        open_cast(p, b, false);
        print_expr(p, b, v, P_ANY);
        close_cast(p, b, c->type);
        return;
    }
    if (v->type->kind == TYPE_DOUBLE || v->type->kind == TYPE_FLOAT) {
        if (whole) {
            buf_printf(b, "CAST(%s(", fn);
            print_expr(p, b, v, P_ANY);
            buf_z(b, ") AS BIGINT)");
        } else { /* Spark rounds the shortest decimal text of the number */
            buf_printf(b, "%sspark_round%s(", v->type->kind == TYPE_FLOAT ? "CAST(" : "", half_even ? "_even" : "");
            print_expr(p, b, v, P_ANY);
            buf_printf(b, ", %jd)%s", (intmax_t)scale, v->type->kind == TYPE_FLOAT ? " AS FLOAT)" : "");
        }
        return;
    }
    if (!p->with->ansi && type_is_integral(v->type) && scale < 0) { /* what the type does not hold loses its high bits */
        buf_z(b, "CAST(spark_legacy_decimal(spark_decimal_round(CAST(");
        print_expr(p, b, v, P_ANY);
        buf_printf(b, " AS VARCHAR), %jd, '%s'), %d)", (intmax_t)scale, fn, integer_bits(v->type));
        close_cast(p, b, c->type);
        return;
    }
    open_cast(p, b, false);
    if (!whole && scale >= 0 && v->type->kind == TYPE_DECIMAL && !half_even && scale >= v->type->scale) {
        print_expr(p, b, v, P_ANY);
    } else if (!whole && v->type->kind == TYPE_DECIMAL && !half_even) {
        buf_printf(b, "round(");
        print_expr(p, b, v, P_ANY);
        buf_printf(b, ", %jd)", (intmax_t)scale);
    } else {
        buf_printf(b, "spark_decimal_round(CAST(");
        print_expr(p, b, v, P_ANY);
        buf_printf(b, " AS VARCHAR), %jd, '%s')", (intmax_t)scale, fn);
    }
    close_cast(p, b, c->type);
}

static void grouping_id(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    const struct exprs *list = c->args.count ? &c->args : p->groups;
    if (!list || !list->count) {
        print_fail(p, c->at, ERR_INPUT, "[UNSUPPORTED_GROUPING_EXPRESSION] grouping_id() needs GROUPING SETS, ROLLUP or CUBE");
        return;
    }
    buf_z(b, "CAST(GROUPING(");
    print_list(p, b, list, 0, ", ");
    buf_z(b, ") AS BIGINT)");
}

static void hash_call(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)window;
    const char *fn = is(c, "hash") ? "spark_murmur3" : "spark_xxhash64";
    buf_z(b, is(c, "hash") ? "CAST(" : "");
    for (size_t i = 0; i < c->args.count; i++)
        buf_printf(b, "%s(", fn);
    buf_z(b, "CAST(42 AS BIGINT)");
    for (size_t i = 0; i < c->args.count; i++) {
        const struct type *t = arg(c, i)->type;
        const char *kind = t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR ? "s"
                           : t->kind == TYPE_BINARY ? "x" : t->kind == TYPE_LONG || t->kind == TYPE_TIMESTAMP ? "l"
                           : t->kind == TYPE_DOUBLE ? "d" : t->kind == TYPE_FLOAT ? "f"
                           : t->kind == TYPE_DECIMAL && t->precision <= 18 ? "l" : t->kind <= TYPE_INT || t->kind == TYPE_DATE ? "i" : NULL;
        if (!kind) {
            print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() of this type is not supported", STR_ARGS(c->func));
            return;
        }
        struct str x = print_text(p, arg(c, i), P_ANY);
        buf_printf(b, ", '%s', ", kind);
        if (*kind == 's')
            buf_printf(b, "encode(%.*s)", STR_ARGS(x));
        else if (*kind == 'x')
            buf_str(b, x);
        else if (t->kind == TYPE_TIMESTAMP)
            buf_printf(b, "encode(CAST(epoch_us(%.*s) AS VARCHAR))", STR_ARGS(x));
        else if (t->kind == TYPE_DATE)
            buf_printf(b, "encode(CAST(%.*s - DATE '1970-01-01' AS VARCHAR))", STR_ARGS(x));
        else if (t->kind == TYPE_DECIMAL) /* the digits, as a BIGINT */
            buf_printf(b, "encode(replace(CAST(%.*s AS VARCHAR), '.', ''))", STR_ARGS(x));
        else if (t->kind == TYPE_BOOLEAN)
            buf_printf(b, "encode(CAST(CAST(%.*s AS INTEGER) AS VARCHAR))", STR_ARGS(x));
        else
            buf_printf(b, "encode(CAST(%.*s AS VARCHAR))", STR_ARGS(x));
        buf_char(b, ')');
    }
    buf_z(b, is(c, "hash") ? " AS INTEGER)" : "");
}

static void shift(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    bool left = is(c, "shiftleft") || is(c, "<<"), zero = is(c, "shiftrightunsigned");
    buf_z(b, "CAST(");
    print_template(p, b, left ? "spark_shift_left($1, $2, " : zero ? "spark_shift_right_zero($1, $2, " : "spark_shift_right($1, $2, ",
                   c, window);
    buf_printf(b, "%d)", integer_bits(arg(c, 0)->type) == 64 ? 64 : 32);
    close_cast(p, b, c->type);
}

static void bit_get(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    print_template(p, b, "spark_bit_get($1, $2, ", c, window);
    buf_printf(b, "%d)", integer_bits(arg(c, 0)->type));
}

static void absolute(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    if (is_interval(c->type))
        print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() of an interval is not supported", STR_ARGS(c->func));
    print_template(p, b, "abs($1)", c, window);
}

static void unsupported(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    (void)b;
    (void)window;
    print_fail(p, c->at, ERR_UNSUPPORTED, "%.*s() is not supported", STR_ARGS(c->func));
}

static void log_call(struct pr *p, struct buf *b, const struct expr *c, const struct expr *window)
{
    print_template(p, b, c->args.count == 1 ? "CASE WHEN $1 > 0 THEN ln($1) END" :
                   "spark_log($1, $2)", c, window);
}

const struct fn_row fn_rows_core[] = {
    {"+", NULL, 0, arith, NULL}, {"-", NULL, 0, arith, NULL}, {"*", NULL, 0, arith, NULL},
    {"/", NULL, 0, divide, NULL}, {"try_divide", NULL, 0, divide, NULL}, {"div", NULL, 0, integer_divide, NULL},
    {"%", NULL, 0, modulo, NULL}, {"mod", NULL, 0, modulo, NULL}, {"pmod", NULL, 0, modulo, NULL},
    {"try_mod", NULL, 0, modulo, NULL},
    {"try_add", NULL, 0, try_arith, NULL}, {"try_subtract", NULL, 0, try_arith, NULL},
    {"try_multiply", NULL, 0, try_arith, NULL},
    {"negative", "-@1", P_UNARY, NULL, NULL}, {"positive", "@1", 0, NULL, NULL},
    {"==", "@1 = @2", P_COMPARE, NULL, NULL}, {"=", "@1 = @2", P_COMPARE, NULL, NULL},
    {"!=", "@1 <> @2", P_COMPARE, NULL, NULL}, {"<>", "@1 <> @2", P_COMPARE, NULL, NULL},
    {"<=>", "@1 IS NOT DISTINCT FROM @2", P_COMPARE, NULL, NULL},
    {"equal_null", "@1 IS NOT DISTINCT FROM @2", P_COMPARE, NULL, NULL},
    {"<", "@1 < @2", P_COMPARE, NULL, NULL}, {"<=", "@1 <= @2", P_COMPARE, NULL, NULL},
    {">", "@1 > @2", P_COMPARE, NULL, NULL}, {">=", "@1 >= @2", P_COMPARE, NULL, NULL},
    {"and", "@1 AND @2", P_AND, NULL, NULL}, {"or", "@1 OR @2", P_OR, NULL, NULL},
    {"not", "NOT @1", P_NOT, NULL, NULL}, {"!", "NOT @1", P_NOT, NULL, NULL},
    {"between", "@1 BETWEEN @2 AND @3", P_COMPARE, NULL, NULL}, {"in", NULL, P_COMPARE, in_list, NULL},
    {"isnull", "@1 IS NULL", P_COMPARE, NULL, NULL}, {"isnotnull", "@1 IS NOT NULL", P_COMPARE, NULL, NULL},
    {"istrue", "@1 IS TRUE", P_COMPARE, NULL, NULL}, {"isnottrue", "@1 IS NOT TRUE", P_COMPARE, NULL, NULL},
    {"isfalse", "@1 IS FALSE", P_COMPARE, NULL, NULL}, {"isnotfalse", "@1 IS NOT FALSE", P_COMPARE, NULL, NULL},
    {"like", NULL, P_COMPARE, like, NULL}, {"ilike", NULL, P_COMPARE, like, NULL},
    {"&", "@1 & @2", P_OTHER, NULL, NULL}, {"|", "@1 | @2", P_OTHER, NULL, NULL}, {"^", "xor($1, $2)", 0, NULL, NULL},
    {"~", "~@1", P_UNARY, NULL, NULL},
    {"shiftleft", NULL, 0, shift, NULL}, {"<<", NULL, 0, shift, NULL}, {"shiftright", NULL, 0, shift, NULL},
    {">>", NULL, 0, shift, NULL}, {"shiftrightunsigned", NULL, 0, shift, NULL},
    {"bit_count", "CAST(bit_count(CAST($1 AS BIGINT)) AS INTEGER)", 0, NULL, NULL},
    {"bit_get", NULL, 0, bit_get, NULL}, {"getbit", NULL, 0, bit_get, NULL},
    {"when", NULL, 0, case_when, NULL}, {"if", NULL, 0, case_when, NULL}, {"iff", NULL, 0, case_when, NULL},
    {"coalesce", "coalesce($*)", 0, NULL, NULL}, {"nvl", "coalesce($*)", 0, NULL, NULL},
    {"ifnull", "coalesce($*)", 0, NULL, NULL}, {"nvl2", "CASE WHEN @1 IS NOT NULL THEN $2 ELSE $3 END", 0, NULL, NULL},
    {"nullif", "nullif($1, $2)", 0, NULL, NULL}, {"nanvl", "CASE WHEN isnan($1) THEN $2 ELSE $1 END", 0, NULL, NULL},
    {"zeroifnull", "coalesce($1, 0)", 0, NULL, NULL}, {"nullifzero", "nullif($1, 0)", 0, NULL, NULL},
    {"isnan", "coalesce(isnan($1), false)", 0, NULL, NULL},
    {"greatest", "greatest($*)", 0, NULL, NULL}, {"least", "least($*)", 0, NULL, NULL},
    {"typeof", NULL, 0, type_of_arg, NULL},

    {"abs", NULL, 0, absolute, NULL}, {"acos", "spark_acos($1)", 0, NULL, NULL},
    {"acosh", "spark_acosh($1)", 0, NULL, NULL}, {"asin", "spark_asin($1)", 0, NULL, NULL}, {"asinh", "asinh($1)", 0, NULL, NULL},
    {"atan", "atan($1)", 0, NULL, NULL}, {"atan2", "atan2($1, $2)", 0, NULL, NULL}, {"atanh", "spark_atanh($1)", 0, NULL, NULL},
    {"bin", "spark_bin($1)", 0, NULL, NULL}, {"bround", NULL, 0, round_to, NULL}, {"cbrt", "spark_cbrt($1)", 0, NULL, NULL},
    {"ceil", NULL, 0, round_to, NULL}, {"ceiling", NULL, 0, round_to, NULL}, {"floor", NULL, 0, round_to, NULL},
    {"round", NULL, 0, round_to, NULL},
    {"conv", "spark_conv($1, $2, $3)", 0, NULL, NULL}, {"cos", "cos($1)", 0, NULL, NULL}, {"cosh", "cosh($1)", 0, NULL, NULL},
    {"cot", "spark_inverse(tan($1))", 0, NULL, NULL}, {"csc", "spark_inverse(sin($1))", 0, NULL, NULL},
    {"sec", "spark_inverse(cos($1))", 0, NULL, NULL}, {"degrees", "degrees($1)", 0, NULL, NULL}, {"e", "exp(1e0)", 0, NULL, NULL},
    {"exp", "exp($1)", 0, NULL, NULL}, {"expm1", "spark_expm1($1)", 0, NULL, NULL},
    {"factorial", "CASE WHEN $1 BETWEEN 0 AND 20 THEN CAST(factorial($1) AS BIGINT) END", 0, NULL, NULL},
    {"hypot", "spark_hypot($1, $2)", 0, NULL, NULL}, {"ln", NULL, 0, log_call, NULL}, {"log", NULL, 0, log_call, NULL},
    {"log10", "CASE WHEN $1 > 0 THEN log10($1) END", 0, NULL, NULL},
    {"log1p", "spark_log1p($1)", 0, NULL, NULL},
    {"log2", "CASE WHEN $1 > 0 THEN log2($1) END", 0, NULL, NULL}, {"pi", "pi()", 0, NULL, NULL},
    {"pow", "pow($1, $2)", 0, NULL, NULL}, {"power", "pow($1, $2)", 0, NULL, NULL}, {"radians", "radians($1)", 0, NULL, NULL},
    {"rand", "random()", 0, NULL, "another sequence; a seed is ignored"},
    {"random", "random()", 0, NULL, "another sequence; a seed is ignored"},
    {"rint", "round_even($1, 0)", 0, NULL, NULL}, {"sign", "CAST(sign($1) AS DOUBLE)", 0, NULL, NULL},
    {"signum", "CAST(sign($1) AS DOUBLE)", 0, NULL, NULL}, {"sin", "sin($1)", 0, NULL, NULL}, {"sinh", "sinh($1)", 0, NULL, NULL},
    {"sqrt", "CASE WHEN $1 < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt($1) END", 0, NULL, NULL},
    {"tan", "tan($1)", 0, NULL, NULL}, {"tanh", "tanh($1)", 0, NULL, NULL},
    {"width_bucket", "spark_width_bucket($1, $2, $3, $4)", 0, NULL, NULL},
    {"hash", NULL, 0, hash_call, NULL}, {"xxhash64", NULL, 0, hash_call, NULL},
    {"uuid", "CAST(uuid() AS VARCHAR)", 0, NULL, NULL},

    {"boolean", NULL, 0, unsupported, NULL}, {"tinyint", NULL, 0, unsupported, NULL}, {"smallint", NULL, 0, unsupported, NULL},
    {"int", NULL, 0, unsupported, NULL}, {"bigint", NULL, 0, unsupported, NULL}, {"float", NULL, 0, unsupported, NULL},
    {"double", NULL, 0, unsupported, NULL}, {"decimal", NULL, 0, unsupported, NULL}, {"string", NULL, 0, unsupported, NULL},
    {"binary", NULL, 0, unsupported, NULL}, {"date", NULL, 0, unsupported, NULL}, {"timestamp", NULL, 0, unsupported, NULL},

    {"current_date", NULL, 0, named_literal, NULL}, {"curdate", NULL, 0, named_literal, NULL},
    {"current_timestamp", NULL, 0, named_literal, NULL}, {"now", NULL, 0, named_literal, NULL},
    {"localtimestamp", NULL, 0, named_literal, NULL}, {"current_timezone", "'UTC'", 0, NULL, NULL},
    {"current_user", NULL, 0, unsupported, NULL}, {"user", NULL, 0, unsupported, NULL},
    {"session_user", NULL, 0, unsupported, NULL}, {"current_catalog", NULL, 0, unsupported, NULL},
    {"current_database", NULL, 0, unsupported, NULL}, {"current_schema", NULL, 0, unsupported, NULL},
    {"version", "'4.0.0 paystreak'", 0, NULL, "names this engine"},
    {"monotonically_increasing_id", "(row_number() OVER () - 1)", 0, NULL, NULL}, {"spark_partition_id", "0", 0, NULL, NULL},
    {"input_file_name", "''", 0, NULL, "use _metadata.file_path"},
    {"grouping", "CAST(GROUPING($1) AS TINYINT)", 0, NULL, NULL}, {"grouping_id", NULL, 0, grouping_id, NULL},
    {"assert_true", "spark_assert_true($*)", 0, NULL, NULL}, {"raise_error", "spark_raise_error($1)", 0, NULL, NULL},
    {0},
};
