/* print_cast.c -- casts, by the pair of types.
 *
 * Where DuckDB's own CAST does what Spark's does it is used; else a macro or C function of the
 * prelude. What differs: floats and decimals are cut, not rounded, on the way to integers; text is
 * checked more strictly for integers and booleans, and read more freely for dates; doubles, arrays,
 * maps and structs have Java's text; a double becomes a decimal by its shortest text. */
#include "engine/print_int.h"

static bool is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

static bool is_real(const struct type *t)
{
    return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE;
}

static bool is_nested(const struct type *t)
{
    return t->kind == TYPE_ARRAY || t->kind == TYPE_MAP || t->kind == TYPE_STRUCT;
}

static bool plain_to_text(const struct type *from)
{
    /* DuckDB leaves the zero before the point away where a DECIMAL has no place for it. */
    return type_is_integral(from) || (from->kind == TYPE_DECIMAL && from->precision > from->scale) || from->kind == TYPE_BOOLEAN || from->kind == TYPE_DATE ||
           from->kind == TYPE_TIMESTAMP_NTZ || is_text(from) || from->kind == TYPE_NULL;
}

/* Does DuckDB's CAST give Spark's answer? */
bool cast_is_plain(const struct type *from, const struct type *to)
{
    if (from->kind == TYPE_NULL)
        return true;
    if (is_text(to))
        return plain_to_text(from);
    if (type_is_integral(to))
        return type_is_integral(from) || from->kind == TYPE_BOOLEAN;
    if (is_real(to))
        return type_is_numeric(from) || from->kind == TYPE_BOOLEAN;
    if (to->kind == TYPE_DECIMAL)
        return type_is_integral(from) || from->kind == TYPE_DECIMAL;
    if (to->kind == TYPE_DATE)
        return from->kind == TYPE_TIMESTAMP_NTZ || from->kind == TYPE_DATE;
    if (to->kind == TYPE_TIMESTAMP_NTZ)
        return from->kind == TYPE_DATE;
    if (to->kind == TYPE_ARRAY && from->kind == TYPE_ARRAY)
        return cast_is_plain(from->element, to->element);
    if (to->kind == TYPE_MAP && from->kind == TYPE_MAP)
        return cast_is_plain(from->key, to->key) && cast_is_plain(from->element, to->element);
    return to->kind == from->kind && !is_nested(to);
}

static struct str type_name(struct pr *p, const struct type *t)
{
    struct buf b;
    buf_init(&b);
    print_type(p, &b, t);
    struct str s = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return s;
}

static struct str plain(struct pr *p, struct str x, const struct type *to, bool try_cast)
{
    return str_fmt(p->a, "%sCAST(%.*s AS %.*s)", try_cast ? "TRY_" : "", STR_ARGS(x), STR_ARGS(type_name(p, to)));
}

static struct str call(struct pr *p, const char *fn, struct str x)
{
    return str_fmt(p->a, "%s(%.*s)", fn, STR_ARGS(x));
}

/* ------------------------------------------------------------------ to text */

static struct str element_text(struct pr *p, struct str x, const struct type *t, struct place at)
{
    struct str s = cast_text(p, x, t, type_of(TYPE_STRING), false, at);
    return str_fmt(p->a, "coalesce(%.*s, 'null')", STR_ARGS(s));
}

/* [1, 2]  {a -> 1}  {1, x} */
static struct str nested_text(struct pr *p, struct str x, const struct type *t, struct place at)
{
    if (t->kind == TYPE_STRUCT) {
        struct str s = STR("'{'");
        for (size_t i = 0; i < t->field_count; i++) {
            struct buf q;
            buf_init(&q);
            duck_quote_text(&q, t->fields[i].name);
            struct str f = str_fmt(p->a, "struct_extract(%.*s, %s)", STR_ARGS(x), q.ptr);
            buf_release(&q);
            s = str_fmt(p->a, "%.*s || %s%.*s", STR_ARGS(s), i ? "', ' || " : "",
                        STR_ARGS(element_text(p, f, t->fields[i].type, at)));
        }
        return str_fmt(p->a, "CASE WHEN %.*s IS NOT NULL THEN %.*s || '}' END", STR_ARGS(x), STR_ARGS(s));
    }
    struct str e = lambda_name(p);
    if (t->kind == TYPE_ARRAY)
        return str_fmt(p->a, "('[' || array_to_string(list_transform(%.*s, lambda %.*s: %.*s), ', ') || ']')", STR_ARGS(x),
                       STR_ARGS(e), STR_ARGS(element_text(p, e, t->element, at)));
    struct str k = str_fmt(p->a, "%.*s.key", STR_ARGS(e)), v = str_fmt(p->a, "%.*s.value", STR_ARGS(e));
    return str_fmt(p->a, "('{' || array_to_string(list_transform(map_entries(%.*s), lambda %.*s: %.*s || ' -> ' || %.*s), ', ') "
                   "|| '}')", STR_ARGS(x), STR_ARGS(e), STR_ARGS(element_text(p, k, t->key, at)),
                   STR_ARGS(element_text(p, v, t->element, at)));
}

static struct str to_text(struct pr *p, struct str x, const struct type *from, struct place at)
{
    if (from->kind == TYPE_DECIMAL && from->precision < 38)
        return plain(p, plain(p, x, type_decimal(p->a, from->precision + 1, from->scale), false), type_of(TYPE_STRING), false);
    if (from->kind == TYPE_DECIMAL)
        return str_fmt(p->a, "regexp_replace(CAST(%.*s AS VARCHAR), '^(-?)\\.', '\\10.')", STR_ARGS(x));
    if (is_real(from))
        return call(p, from->kind == TYPE_FLOAT ? "spark_float_text" : "spark_double_text", x);
    if (from->kind == TYPE_TIMESTAMP)
        return str_fmt(p->a, "CAST(spark_utc(%.*s) AS VARCHAR)", STR_ARGS(x));
    if (from->kind == TYPE_BINARY)
        return call(p, "spark_bytes_text", x);
    if (from->kind == TYPE_VARIANT)
        return str_fmt(p->a, "json_extract_string(%.*s, '$')", STR_ARGS(x));
    if (is_nested(from))
        return nested_text(p, x, from, at);
    if (from->kind == TYPE_INTERVAL_DT)
        return str_fmt(p->a, "spark_day_time_text(epoch_us(%.*s), %d, %d)", STR_ARGS(x), from->precision, from->scale);
    if (from->kind == TYPE_INTERVAL_YM)
        return str_fmt(p->a, "spark_year_month_text(date_part('year', %.*s) * 12 + date_part('month', %.*s), %d, %d)", STR_ARGS(x),
                       STR_ARGS(x), from->precision, from->scale);
    print_fail(p, at, ERR_UNSUPPORTED, "CAST of an interval to STRING is not supported");
    return x;
}

/* ------------------------------------------------------------------ to numbers */

/* Without ANSI integers wrap around, and text is cut at its point. */
static struct str legacy_integral(struct pr *p, struct str x, const struct type *from, const struct type *to)
{
    static const int bits[] = {[TYPE_BYTE] = 8, [TYPE_SHORT] = 16, [TYPE_INT] = 32, [TYPE_LONG] = 64};
    if (is_real(from) || from->kind == TYPE_DECIMAL)
        return str_fmt(p->a, is_real(from) ? "CAST(spark_legacy_real(%.*s, %d) AS %.*s)" :
                       "CAST(spark_legacy_decimal(CAST(%.*s AS VARCHAR), %d) AS %.*s)", STR_ARGS(x), bits[to->kind],
                       STR_ARGS(type_name(p, to)));
    if (is_text(from))
        return plain(p, call(p, "spark_legacy_digits", x), to, true);
    return str_fmt(p->a, "CAST(spark_wrap(%.*s, %jd) AS %.*s)", STR_ARGS(x), (intmax_t)1 << bits[to->kind],
                   STR_ARGS(type_name(p, to)));
}

static struct str to_integral(struct pr *p, struct str x, const struct type *from, const struct type *to, bool try_cast)
{
    if (is_text(from)) {
        static const char *const names[] = {[TYPE_BYTE] = "tinyint", [TYPE_SHORT] = "smallint", [TYPE_INT] = "int",
                                            [TYPE_LONG] = "bigint"};
        return str_fmt(p->a, "spark_%s%s(%.*s)", try_cast ? "try_" : "to_", names[to->kind], STR_ARGS(x));
    }
    if (from->kind == TYPE_TIMESTAMP)
        return plain(p, str_fmt(p->a, "spark_seconds(%.*s)", STR_ARGS(x)), to, try_cast);
    if (from->kind == TYPE_INTERVAL_YM) /* whole units of the last field */
        return plain(p, str_fmt(p->a, "(date_part('year', %.*s) * 12 + date_part('month', %.*s))%s", STR_ARGS(x), STR_ARGS(x),
                                from->scale ? "" : " // 12"), to, try_cast);
    if (from->kind == TYPE_INTERVAL_DT) {
        static const char *const us[] = {"86400000000", "3600000000", "60000000", "1000000"};
        return plain(p, str_fmt(p->a, "epoch_us(%.*s) // %s", STR_ARGS(x), us[from->scale & 3]), to, try_cast);
    }
    return plain(p, call(p, "trunc", x), to, try_cast);
}

/* DuckDB takes 1_000 for a number, and not 1d. */
static struct str text_number(struct pr *p, struct str x, const struct type *to, bool try_cast)
{
    if (is_real(to))
        return call(p, to->kind == TYPE_FLOAT ? (try_cast ? "spark_try_float" : "spark_to_float")
                                              : (try_cast ? "spark_try_double" : "spark_to_double"), x);
    return plain(p, str_fmt(p->a, "CASE WHEN contains(%.*s, '_') THEN '?' ELSE %.*s END", STR_ARGS(x), STR_ARGS(x)), to, try_cast);
}

static struct str to_decimal(struct pr *p, struct str x, const struct type *from, const struct type *to, bool try_cast,
                             struct place at)
{
    if (from->kind == TYPE_FLOAT)
        x = plain(p, x, type_of(TYPE_DOUBLE), false);
    if (is_real(from))
        return plain(p, plain(p, x, type_of(TYPE_STRING), false), to, try_cast);
    if (from->kind == TYPE_TIMESTAMP)
        return plain(p, str_fmt(p->a, "CAST(epoch_us(%.*s) AS DECIMAL(19,0)) * 0.000001", STR_ARGS(x)), to, try_cast);
    if (from->kind == TYPE_INTERVAL_DT || from->kind == TYPE_INTERVAL_YM) {
        print_fail(p, at, ERR_UNSUPPORTED, "CAST of an interval to DECIMAL is not supported");
        return x;
    }
    if (from->kind == TYPE_BOOLEAN)
        return plain(p, plain(p, x, type_of(TYPE_INT), false), to, try_cast);
    return plain(p, call(p, "epoch", x), to, try_cast);
}

static struct str to_boolean(struct pr *p, struct str x, const struct type *from, bool try_cast)
{
    if (is_text(from))
        return call(p, try_cast ? "spark_try_boolean" : "spark_to_boolean", x);
    return str_fmt(p->a, "(%.*s <> 0)", STR_ARGS(x));
}

/* ------------------------------------------------------------------ to times */

static struct str to_time(struct pr *p, struct str x, const struct type *from, const struct type *to, bool try_cast)
{
    if (to->kind == TYPE_DATE) {
        if (is_text(from))
            return call(p, try_cast ? "spark_try_date" : "spark_to_date", x);
        return str_fmt(p->a, "CAST(spark_utc(%.*s) AS DATE)", STR_ARGS(x));
    }
    if (to->kind == TYPE_TIMESTAMP_NTZ) {
        if (is_text(from))
            return str_fmt(p->a, "spark_utc(%s(%.*s))", try_cast ? "spark_try_timestamp_ntz" : "spark_to_timestamp_ntz",
                           STR_ARGS(x));
        return call(p, "spark_utc", x);
    }
    if (is_text(from))
        return call(p, try_cast ? "spark_try_timestamp" : "spark_to_timestamp", x);
    if (from->kind == TYPE_DATE || from->kind == TYPE_TIMESTAMP_NTZ)
        return call(p, "spark_instant", x);
    if (from->kind == TYPE_BOOLEAN) /* ANSI off: true is one microsecond */
        return str_fmt(p->a, "make_timestamptz(CAST(%.*s AS BIGINT))", STR_ARGS(x));
    return str_fmt(p->a, "to_timestamp(CAST(%.*s AS DOUBLE))", STR_ARGS(x));
}

/* ------------------------------------------------------------------ nested */

static struct str nested(struct pr *p, struct str x, const struct type *from, const struct type *to, bool try_cast,
                         struct place at)
{
    struct str e;
    if (to->kind == TYPE_ARRAY) {
        e = lambda_name(p);
        return str_fmt(p->a, "list_transform(%.*s, lambda %.*s: %.*s)", STR_ARGS(x), STR_ARGS(e),
                       STR_ARGS(cast_text(p, e, from->element, to->element, try_cast, at)));
    }
    if (to->kind == TYPE_MAP) {
        e = lambda_name(p);
        struct str k = str_fmt(p->a, "%.*s.key", STR_ARGS(e)), v = str_fmt(p->a, "%.*s.value", STR_ARGS(e));
        return str_fmt(p->a, "map_from_entries(list_transform(map_entries(%.*s), lambda %.*s: {'key': %.*s, 'value': %.*s}))",
                       STR_ARGS(x), STR_ARGS(e), STR_ARGS(cast_text(p, k, from->key, to->key, try_cast, at)),
                       STR_ARGS(cast_text(p, v, from->element, to->element, try_cast, at)));
    }
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "CASE WHEN %.*s IS NOT NULL THEN {", STR_ARGS(x));
    for (size_t i = 0; i < to->field_count; i++) {
        struct buf q;
        buf_init(&q);
        duck_quote_text(&q, from->fields[i].name);
        struct str f = str_fmt(p->a, "struct_extract(%.*s, %s)", STR_ARGS(x), q.ptr);
        buf_release(&q);
        buf_z(&b, i ? ", " : "");
        duck_quote_text(&b, to->fields[i].name);
        buf_z(&b, ": ");
        buf_str(&b, cast_text(p, f, from->fields[i].type, to->fields[i].type, try_cast, at));
    }
    buf_z(&b, "} END");
    struct str s = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return s;
}

static struct str from_variant(struct pr *p, struct str x, const struct type *to, bool try_cast, struct place at)
{
    struct str text = str_fmt(p->a, "json_extract_string(%.*s, '$')", STR_ARGS(x));
    if (is_text(to))
        return text;
    if (is_nested(to))
        return str_fmt(p->a, "CAST(%.*s AS %.*s)", STR_ARGS(x), STR_ARGS(type_name(p, to)));
    return cast_text(p, text, type_of(TYPE_STRING), to, try_cast, at);
}

struct str cast_text(struct pr *p, struct str x, const struct type *from, const struct type *to, bool try_cast,
                     struct place at)
{
    if ((from->kind == TYPE_INTERVAL_DT || from->kind == TYPE_INTERVAL_YM) && from->kind == to->kind && to->scale < from->scale)
        print_fail(p, at, ERR_UNSUPPORTED, "CAST of an interval to one of fewer fields is not supported");
    if (type_equal(from, to) && from->kind != TYPE_STRUCT)
        return x;
    if (from->kind == TYPE_BOOLEAN && to->kind == TYPE_TIMESTAMP && p->with->ansi)
        print_fail(p, at, ERR_INPUT, "[DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION] Cannot cast \"BOOLEAN\" to \"TIMESTAMP\" with ANSI "
                   "mode on");
    if (from->kind == TYPE_VARIANT)
        return from_variant(p, x, to, try_cast, at);
    if (to->kind == TYPE_VARIANT && (from->kind == TYPE_STRUCT || from->kind == TYPE_BINARY || from->kind == TYPE_TIMESTAMP ||
        from->kind == TYPE_TIMESTAMP_NTZ || from->kind == TYPE_MAP || from->kind == TYPE_INTERVAL_DT || from->kind == TYPE_INTERVAL_YM))
        print_fail(p, at, ERR_UNSUPPORTED, "CAST from %s to VARIANT is not supported", str_cz(p->a, type_name(p, from)));
    if (to->kind == TYPE_VARIANT)
        return call(p, "to_json", x);
    if (p->legacy_cast && type_is_integral(to) && (is_text(from) || is_real(from) || from->kind == TYPE_DECIMAL ||
        (type_is_integral(from) && from->kind > to->kind)))
        return legacy_integral(p, x, from, to);
    if (cast_is_plain(from, to))
        return plain(p, x, to, try_cast && !type_equal(from, to) && from->kind != TYPE_NULL);
    if (is_text(to))
        return to_text(p, x, from, at);
    if (type_is_integral(to))
        return to_integral(p, x, from, to, try_cast);
    if (to->kind == TYPE_DECIMAL)
        return is_text(from) ? text_number(p, x, to, try_cast) : to_decimal(p, x, from, to, try_cast, at);
    if (is_real(to) && is_text(from))
        return text_number(p, x, to, try_cast);
    if (is_real(to))
        return plain(p, call(p, "epoch", x), to, try_cast);
    if (to->kind == TYPE_BOOLEAN)
        return to_boolean(p, x, from, try_cast);
    if (to->kind == TYPE_DATE || to->kind == TYPE_TIMESTAMP || to->kind == TYPE_TIMESTAMP_NTZ)
        return to_time(p, x, from, to, try_cast);
    if (to->kind == TYPE_BINARY && is_text(from))
        return call(p, "encode", x);
    if (is_nested(to))
        return nested(p, x, from, to, try_cast, at);
    print_fail(p, at, ERR_UNSUPPORTED, "CAST from %s to %s is not supported", str_cz(p->a, type_name(p, from)),
               str_cz(p->a, type_name(p, to)));
    return x;
}
