/* resolve_name.c -- the name Spark gives to a column without an alias: the expression's own text in
 * a normal form, e.g. "sum(x)", "(a + 1)", "CAST(a AS INT)". Written from the unresolved tree, so
 * that implicit casts do not show. */
#include "plan/resolve_int.h"
#include <stdio.h>

enum { TITLE_MAX = 4096 };

static void put(struct buf *b, const struct expr *e);

static void put_list(struct buf *b, const struct exprs *list, size_t from, const char *sep)
{
    for (size_t i = from; i < list->count; i++) {
        if (i > from)
            buf_z(b, sep);
        put(b, list->items[i]);
    }
}

static void put_date(struct buf *b, int64_t days)
{
    struct civil c = civil_of((struct tp){days * 86400000000LL});
    buf_printf(b, "DATE '%04d-%02d-%02d'", c.year, c.month, c.day);
}

static void put_timestamp(struct buf *b, const char *type, int64_t us)
{
    struct civil c = civil_of((struct tp){us});
    buf_printf(b, "%s '%04d-%02d-%02d %02d:%02d:%02d", type, c.year, c.month, c.day, c.hour, c.minute, c.second);
    if (c.us) {
        char f[8];
        snprintf(f, sizeof f, "%06d", c.us);
        size_t n = 6;
        while (n && f[n - 1] == '0')
            n--;
        buf_printf(b, ".%.*s", (int)n, f);
    }
    buf_char(b, '\'');
}

/* As Java writes doubles: 1.5, 1.0E10. */
static void put_double(struct buf *b, double v)
{
    char t[40], digits[24];
    int n = 0;
    for (int p = 0; p <= 16; p++) {
        double back;
        snprintf(t, sizeof t, "%.*e", p, v);
        if (!str_f64(str_z(t), &back) || back == v)
            break;
    }
    const char *e = strchr(t, 'e');
    if (!e) {
        buf_z(b, t[0] == 'n' ? "NaN" : t[0] == '-' ? "-Infinity" : "Infinity");
        return;
    }
    int exponent = (int)strtol(e + 1, NULL, 10);
    for (const char *c = t; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    if (exponent >= -3 && exponent < 7) {
        int decimals = n - 1 - exponent;
        buf_printf(b, "%.*f", decimals < 1 ? 1 : decimals, v);
    } else {
        buf_printf(b, "%s%c.%.*sE%d", t[0] == '-' ? "-" : "", digits[0], n > 1 ? n - 1 : 1, n > 1 ? digits + 1 : "0", exponent);
    }
}

static void put_interval(struct buf *b, const struct lit *l)
{
    if (l->months && !l->days && !l->us) {
        if (l->months % 12 == 0)
            buf_printf(b, "INTERVAL '%d' YEAR", l->months / 12);
        else
            buf_printf(b, "INTERVAL '%d' MONTH", l->months);
        return;
    }
    int64_t us = l->us + (int64_t)l->days * 86400000000LL;
    if (us % 86400000000LL == 0)
        buf_printf(b, "INTERVAL '%jd' DAY", (intmax_t)(us / 86400000000LL));
    else if (us % 3600000000LL == 0)
        buf_printf(b, "INTERVAL '%02jd' HOUR", (intmax_t)(us / 3600000000LL));
    else if (us % 60000000LL == 0)
        buf_printf(b, "INTERVAL '%02jd' MINUTE", (intmax_t)(us / 60000000LL));
    else
        buf_printf(b, "INTERVAL '%02jd' SECOND", (intmax_t)(us / 1000000LL));
}

static void put_literal(struct buf *b, const struct expr *e)
{
    const struct lit *l = &e->lit;
    switch (l->kind) {
    case LIT_NULL:
        buf_z(b, "NULL");
        break;
    case LIT_BOOL:
        buf_z(b, l->i64 ? "true" : "false");
        break;
    case LIT_INT:
        buf_printf(b, "%jd", (intmax_t)l->i64);
        break;
    case LIT_FLOAT:
        put_double(b, l->f64);
        break;
    case LIT_DATE:
        put_date(b, l->i64);
        break;
    case LIT_TIMESTAMP:
        put_timestamp(b, "TIMESTAMP", l->i64);
        break;
    case LIT_TIMESTAMP_NTZ:
        put_timestamp(b, "TIMESTAMP_NTZ", l->i64);
        break;
    case LIT_INTERVAL:
        put_interval(b, l);
        break;
    case LIT_BINARY:
        buf_z(b, "X'");
        hex_put(b, l->text);
        buf_char(b, '\'');
        break;
    default: /* STRING, DECIMAL */
        buf_str(b, l->text);
    }
}

static void put_edge(struct buf *b, enum frame_edge edge, const struct expr *value)
{
    static const char *const names[] = {"UNBOUNDED", "CURRENT ROW", "PRECEDING", "FOLLOWING"};
    if (value) {
        put(b, value);
        buf_char(b, ' ');
    }
    buf_z(b, names[edge]);
}

static void put_window(struct buf *b, const struct expr *e)
{
    put(b, e->args.items[0]);
    buf_z(b, " OVER (");
    if (e->partition.count) {
        buf_z(b, "PARTITION BY ");
        put_list(b, &e->partition, 0, ", ");
    }
    if (e->order.count) {
        buf_z(b, e->partition.count ? " ORDER BY " : "ORDER BY ");
        put_list(b, &e->order, 0, ", ");
    }
    if (e->frame.type != FRAME_NONE) {
        buf_printf(b, "%s%s BETWEEN ", e->partition.count || e->order.count ? " " : "",
                   e->frame.type == FRAME_ROWS ? "ROWS" : "RANGE");
        put_edge(b, e->frame.from, e->frame.from_value);
        if (e->frame.from == EDGE_UNBOUNDED)
            buf_z(b, " PRECEDING");
        buf_z(b, " AND ");
        put_edge(b, e->frame.to, e->frame.to_value);
        if (e->frame.to == EDGE_UNBOUNDED)
            buf_z(b, " FOLLOWING");
    } else if (e->order.count) {
        buf_z(b, " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW");
    } else {
        buf_printf(b, "%sROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", e->partition.count ? " " : "");
    }
    buf_char(b, ')');
}

static void put_case(struct buf *b, const struct expr *e)
{
    buf_z(b, "CASE");
    for (size_t i = 0; i + 1 < e->args.count; i += 2) {
        buf_z(b, " WHEN ");
        put(b, e->args.items[i]);
        buf_z(b, " THEN ");
        put(b, e->args.items[i + 1]);
    }
    if (e->args.count % 2) {
        buf_z(b, " ELSE ");
        put(b, e->args.items[e->args.count - 1]);
    }
    buf_z(b, " END");
}

static const struct { const char *func, *shown; } infix[] = {
    {"+", "+"}, {"-", "-"}, {"*", "*"}, {"/", "/"}, {"%", "%"}, {"div", "div"}, {"==", "="}, {"=", "="}, {"<=>", "<=>"},
    {"<", "<"}, {"<=", "<="}, {">", ">"}, {">=", ">="}, {"and", "AND"}, {"or", "OR"}, {"&", "&"}, {"|", "|"}, {"^", "^"},
};

/* Functions shown by another name, or with the arguments that were left out. */
static const struct { const char *func, *shown; size_t args; const char *rest; } shapes[] = {
    {"ceil", "CEIL", 0, ""}, {"ceiling", "ceiling", 0, ""}, {"floor", "FLOOR", 0, ""}, {"sqrt", "SQRT", 0, ""},
    {"power", "POWER", 0, ""}, {"pow", "pow", 0, ""}, {"exp", "EXP", 0, ""}, {"log10", "LOG10", 0, ""}, {"log2", "LOG2", 0, ""},
    {"cbrt", "CBRT", 0, ""}, {"hypot", "HYPOT", 0, ""}, {"atan2", "ATAN2", 0, ""}, {"acos", "ACOS", 0, ""},
    {"asin", "ASIN", 0, ""}, {"atan", "ATAN", 0, ""}, {"cos", "COS", 0, ""}, {"sin", "SIN", 0, ""}, {"tan", "TAN", 0, ""},
    {"degrees", "DEGREES", 0, ""}, {"radians", "RADIANS", 0, ""}, {"rlike", "RLIKE", 0, ""}, {"log", "LOG", 0, ""},
    {"acosh", "ACOSH", 0, ""}, {"asinh", "ASINH", 0, ""}, {"atanh", "ATANH", 0, ""}, {"cosh", "COSH", 0, ""}, {"sinh",
    "SINH", 0, ""}, {"tanh", "TANH", 0, ""}, {"cot", "COT", 0, ""}, {"csc", "CSC", 0, ""}, {"sec", "SEC", 0, ""}, {"expm1",
    "EXPM1", 0, ""}, {"log1p", "LOG1P", 0, ""}, {"pi", "PI", 0, ""}, {"e", "E", 0, ""}, {"signum", "SIGNUM", 0, ""},
    {"regexp", "REGEXP", 0, ""}, {"regexp_like", "REGEXP_LIKE", 0, ""}, {"spark_partition_id", "SPARK_PARTITION_ID", 0, ""},
    {"random", "rand", 0, ""}, {"curdate", "current_date", 0, ""},
    {"approx_percentile", "approx_percentile", 2, ", 10000"}, {"percentile_approx", "percentile_approx", 2, ", 10000"},
    {"percentile", "percentile", 2, ", 1"}, {"mask", "mask", 1, ", X, x, n, NULL"},
    {"to_unix_timestamp", "to_unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"}, {"make_ym_interval", "make_ym_interval", 0, "0, 0"},
    {"round", "round", 1, ", 0"}, {"bround", "bround", 1, ", 0"}, {"substring", "substring", 2, ", 2147483647"},
    {"substr", "substr", 2, ", 2147483647"}, {"lpad", "lpad", 2, ",  "}, {"rpad", "rpad", 2, ",  "},
    {"locate", "locate", 2, ", 1"}, {"position", "position", 2, ", 1"}, {"replace", "replace", 2, ", "},
    {"overlay", "overlay", 3, ", -1"}, {"split", "split", 2, ", -1"}, {"regexp_replace", "regexp_replace", 3, ", 1"},
    {"regexp_instr", "regexp_instr", 2, ", 0"}, {"str_to_map", "str_to_map", 1, ", ,, :"},
    {"months_between", "months_between", 2, ", true"}, {"sort_array", "sort_array", 1, ", true"},
    {"unix_timestamp", "unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"}, {"from_unixtime", "from_unixtime", 1, ", yyyy-MM-dd HH:mm:ss"},
    {"lag", "lag", 1, ", 1, NULL"}, {"lead", "lead", 1, ", 1, NULL"}, {"lag", "lag", 2, ", NULL"}, {"lead", "lead", 2, ", NULL"},
    {"regexp_extract", "regexp_extract", 2, ", 1"}, {"regexp_extract_all", "regexp_extract_all", 2, ", 1"},
};

static bool put_shape(struct buf *b, const struct expr *e)
{
    size_t found = COUNT_OF(shapes); /* a function's row for this count, else its first */
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (str_eqz(e->func, shapes[i].func) && (found == COUNT_OF(shapes) || shapes[i].args == e->args.count))
            found = i;
    if (found == COUNT_OF(shapes) || e->distinct)
        return false;
    buf_printf(b, "%s(", shapes[found].shown);
    put_list(b, &e->args, 0, ", ");
    buf_printf(b, "%s)", shapes[found].args == e->args.count ? shapes[found].rest : "");
    return true;
}

static void put_call(struct buf *b, const struct expr *e)
{
    const struct exprs *a = &e->args;
    static const char *const casts[] = {"int", "bigint", "string", "double", "float", "date", "timestamp", "boolean", "decimal",
                                        "smallint", "tinyint", "binary"};
    for (size_t i = 0; i < COUNT_OF(casts) && a->count == 1; i++)
        if (str_eqz(e->func, casts[i])) {
            put(b, a->items[0]);
            return;
        }
    if (put_shape(b, e))
        return;
    if (str_eqz(e->func, "if") && a->count == 3) {
        buf_z(b, "(IF(");
        put_list(b, a, 0, ", ");
        buf_z(b, "))");
        return;
    }
    if ((str_eqz(e->func, "like") || str_eqz(e->func, "ilike")) && a->count == 2) {
        put(b, a->items[0]);
        buf_z(b, e->func.ptr[0] == 'i' ? " ILIKE " : " LIKE ");
        put(b, a->items[1]);
        return;
    }
    if (str_eqz(e->func, "extract") && a->count == 2) {
        buf_z(b, "extract(");
        put_list(b, a, 0, " FROM ");
        buf_char(b, ')');
        return;
    }
    if (str_eqz(e->func, "from_json") && a->count > 1) {
        buf_z(b, "from_json(");
        put(b, a->items[0]);
        buf_char(b, ')');
        return;
    }
    for (size_t i = 0; i < COUNT_OF(infix) && a->count == 2; i++)
        if (str_eqz(e->func, infix[i].func)) {
            buf_char(b, '(');
            put(b, a->items[0]);
            buf_printf(b, " %s ", infix[i].shown);
            put(b, a->items[1]);
            buf_char(b, ')');
            return;
        }
    if ((str_eqz(e->func, "!=") || str_eqz(e->func, "<>")) && a->count == 2) {
        buf_z(b, "(NOT (");
        put_list(b, a, 0, " = ");
        buf_z(b, "))");
    } else if (str_eqz(e->func, "not") && a->count == 1) {
        buf_z(b, "(NOT ");
        put_list(b, a, 0, "");
        buf_char(b, ')');
    } else if ((str_eqz(e->func, "isnull") || str_eqz(e->func, "isnotnull")) && a->count == 1) {
        buf_char(b, '(');
        put(b, a->items[0]);
        buf_z(b, str_eqz(e->func, "isnull") ? " IS NULL)" : " IS NOT NULL)");
    } else if (str_eqz(e->func, "in") && a->count) {
        buf_char(b, '(');
        put(b, a->items[0]);
        buf_z(b, " IN (");
        put_list(b, a, 1, ", ");
        buf_z(b, "))");
    } else if (str_eqz(e->func, "negative") && a->count == 1) {
        bool literal = a->items[0]->kind == EXPR_LITERAL; /* -1 is a literal of its own */
        buf_z(b, literal ? "-" : "(- ");
        put(b, a->items[0]);
        if (!literal)
            buf_char(b, ')');
    } else if (str_eqz(e->func, "when")) {
        put_case(b, e);
    } else if (e->star_arg) {
        buf_printf(b, "%.*s(1)", STR_ARGS(e->func));
    } else {
        buf_str(b, e->func);
        buf_char(b, '(');
        if (e->distinct)
            buf_z(b, "DISTINCT ");
        put_list(b, a, 0, ", ");
        buf_char(b, ')');
    }
    if (e->filter) {
        buf_z(b, " FILTER (WHERE ");
        put(b, e->filter);
        buf_char(b, ')');
    }
}

static void put_cast(struct buf *b, const struct expr *e)
{
    struct buf t;
    if (e->type->kind == TYPE_ARRAY || e->type->kind == TYPE_MAP || e->type->kind == TYPE_STRUCT) {
        put(b, e->args.items[0]); /* such casts do not show */
        return;
    }
    buf_init(&t);
    buf_z(b, e->try_cast ? "TRY_CAST(" : "CAST(");
    put(b, e->args.items[0]);
    buf_z(b, " AS ");
    type_write_ddl(&t, e->type);
    for (size_t i = 0; i < t.len; i++)
        buf_char(b, (char)(t.ptr[i] >= 'a' && t.ptr[i] <= 'z' ? t.ptr[i] - 32 : t.ptr[i]));
    buf_release(&t);
    buf_char(b, ')');
}

static void put(struct buf *b, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_LITERAL:
    case EXPR_INTERVAL:
        put_literal(b, e);
        break;
    case EXPR_LAMBDA_VAR:
        buf_z(b, "namedlambdavariable()");
        break;
    case EXPR_COLUMN:
        buf_str(b, e->name.parts[e->name.count - 1]);
        break;
    case EXPR_CALL:
        put_call(b, e);
        break;
    case EXPR_CAST:
        put_cast(b, e);
        break;
    case EXPR_ALIAS:
        put(b, e->args.items[0]);
        if (e->name.count)
            buf_printf(b, " AS %.*s", STR_ARGS(e->name.parts[0]));
        break;
    case EXPR_CASE:
        put_case(b, e);
        break;
    case EXPR_WINDOW:
        put_window(b, e);
        break;
    case EXPR_SORT:
        put(b, e->args.items[0]);
        buf_printf(b, " %s NULLS %s", e->descending ? "DESC" : "ASC", e->nulls_first ? "FIRST" : "LAST");
        break;
    case EXPR_LAMBDA:
        buf_z(b, "lambdafunction(");
        put(b, e->args.items[0]);
        for (size_t i = 0; i < e->param_count; i++)
            buf_z(b, ", namedlambdavariable()");
        buf_char(b, ')');
        break;
    case EXPR_FIELD:
        put(b, e->args.items[0]);
        buf_printf(b, ".%.*s", STR_ARGS(e->field_name));
        break;
    case EXPR_ELEMENT:
        put(b, e->args.items[0]);
        buf_char(b, '[');
        put(b, e->args.items[1]);
        buf_char(b, ']');
        break;
    case EXPR_PATH:
        put(b, e->args.items[0]);
        buf_printf(b, ":%.*s", STR_ARGS(e->field_name));
        break;
    case EXPR_NAMED_ARG:
        buf_printf(b, "%.*s => ", STR_ARGS(e->field_name));
        put(b, e->args.items[0]);
        break;
    case EXPR_SUBQUERY:
        buf_z(b, "scalarsubquery()");
        break;
    case EXPR_EXISTS:
        buf_z(b, "exists()");
        break;
    case EXPR_IN_SUBQUERY:
        buf_char(b, '(');
        put_list(b, &e->args, 0, ", ");
        buf_z(b, " IN (listquery()))");
        break;
    case EXPR_STAR:
        buf_char(b, '*');
        break;
    case EXPR_PARAM:
        buf_str(b, e->name.count ? e->name.parts[0] : e->field_name);
        break;
    }
}

struct str expr_title(struct rs *rs, const struct expr *e)
{
    struct buf b;
    buf_init_max(&b, TITLE_MAX);
    const struct expr *base = e;
    while (base->kind == EXPR_FIELD)
        base = base->args.items[0];
    while (e->kind == EXPR_CAST && e->args.items[0]->kind == EXPR_COLUMN) /* a column's cast keeps its name */
        e = e->args.items[0];
    if (e->kind == EXPR_FIELD && (base->kind == EXPR_COLUMN || base->kind == EXPR_ELEMENT)) { /* a.b.c is named c */
        buf_str(&b, e->field_name);
    } else if (e->kind == EXPR_PATH) { /* v:a.b is named b */
        struct str p = e->field_name;
        int64_t dot = str_rchr(p, '.');
        p = dot < 0 ? p : str_from(p, (size_t)dot + 1);
        while (p.len && (p.ptr[0] == '$' || p.ptr[0] == '\'' || p.ptr[0] == '['))
            p = str_from(p, 1);
        int64_t end = str_chr(p, '[');
        buf_str(&b, end > 0 ? str_sub(p, 0, (size_t)end) : p);
    } else {
        put(&b, e);
    }
    struct str s = str_copy(rs->a, buf_view(&b));
    buf_release(&b);
    return s;
}
