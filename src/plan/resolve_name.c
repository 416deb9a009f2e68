/* resolve_name.c -- an unresolved expression's own text in a normal form, so that implicit casts do not show:
 *
 *   expr_title   the name Spark gives to a column without an alias: "sum(x)", "(a + 1)", "CAST(a AS INT)", texts without
 *                quotes, columns without qualifiers, a function's defaults filled in
 *   expr_sql     Spark SQL that reads back as the same: "(t.id = 5)", "(NOT (v = 'it\'s'))" */
#include "plan/resolve_int.h"
#include <stdio.h>

enum { TITLE_MAX = 4096 };

struct text { struct buf *out; bool sql; };

static void put(struct text *x, const struct expr *e);

static void put_list(struct text *x, const struct exprs *list, size_t from, const char *sep)
{
    for (size_t i = from; i < list->count; i++) {
        if (i > from)
            buf_z(x->out, sep);
        put(x, list->items[i]);
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

/* A name as SQL takes it, in backquotes if need be. */
static void put_name(struct buf *b, struct str name)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    bool plain = name.len && (name.ptr[0] < '0' || name.ptr[0] > '9');
    for (size_t i = 0; i < name.len && plain; i++)
        plain = name.ptr[i] && strchr(word, name.ptr[i]);
    buf_z(b, plain ? "" : "`");
    for (size_t i = 0; i < name.len; i++)
        buf_printf(b, name.ptr[i] == '`' ? "``" : "%c", name.ptr[i]);
    buf_z(b, plain ? "" : "`");
}

/* Literals that need more in SQL than in a title. */
static bool put_sql_literal(struct buf *b, const struct expr *e)
{
    const struct lit *l = &e->lit;
    enum type_kind kind = e->type ? e->type->kind : TYPE_NULL;
    if (l->kind == LIT_STRING) {
        buf_char(b, '\'');
        for (size_t i = 0; i < l->text.len; i++)
            buf_printf(b, l->text.ptr[i] == '\'' || l->text.ptr[i] == '\\' ? "\\%c" : "%c", l->text.ptr[i]);
        buf_char(b, '\'');
    } else if (l->kind == LIT_INT && (kind == TYPE_LONG || kind == TYPE_SHORT || kind == TYPE_BYTE)) {
        buf_printf(b, "%jd%c", (intmax_t)l->i64, kind == TYPE_LONG ? 'L' : kind == TYPE_SHORT ? 'S' : 'Y');
    } else if (l->kind == LIT_FLOAT) {
        put_double(b, l->f64);
        buf_char(b, kind == TYPE_FLOAT ? 'F' : 'D');
    } else {
        return false;
    }
    return true;
}

static void put_literal(struct text *x, const struct expr *e)
{
    struct buf *b = x->out;
    const struct lit *l = &e->lit;
    if (x->sql && put_sql_literal(b, e))
        return;
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

static void put_edge(struct text *x, enum frame_edge edge, const struct expr *value)
{
    static const char *const names[] = {"UNBOUNDED", "CURRENT ROW", "PRECEDING", "FOLLOWING"};
    if (value) {
        put(x, value);
        buf_char(x->out, ' ');
    }
    buf_z(x->out, names[edge]);
}

static void put_window(struct text *x, const struct expr *e)
{
    put(x, e->args.items[0]);
    buf_z(x->out, " OVER (");
    if (e->partition.count) {
        buf_z(x->out, "PARTITION BY ");
        put_list(x, &e->partition, 0, ", ");
    }
    if (e->order.count) {
        buf_z(x->out, e->partition.count ? " ORDER BY " : "ORDER BY ");
        put_list(x, &e->order, 0, ", ");
    }
    if (e->frame.type != FRAME_NONE) {
        buf_printf(x->out, "%s%s BETWEEN ", e->partition.count || e->order.count ? " " : "",
                   e->frame.type == FRAME_ROWS ? "ROWS" : "RANGE");
        put_edge(x, e->frame.from, e->frame.from_value);
        if (e->frame.from == EDGE_UNBOUNDED)
            buf_z(x->out, " PRECEDING");
        buf_z(x->out, " AND ");
        put_edge(x, e->frame.to, e->frame.to_value);
        if (e->frame.to == EDGE_UNBOUNDED)
            buf_z(x->out, " FOLLOWING");
    } else if (e->order.count) {
        buf_z(x->out, " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW");
    } else {
        buf_printf(x->out, "%sROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", e->partition.count ? " " : "");
    }
    buf_char(x->out, ')');
}

static void put_case(struct text *x, const struct expr *e)
{
    buf_z(x->out, "CASE");
    for (size_t i = 0; i + 1 < e->args.count; i += 2) {
        buf_z(x->out, " WHEN ");
        put(x, e->args.items[i]);
        buf_z(x->out, " THEN ");
        put(x, e->args.items[i + 1]);
    }
    if (e->args.count % 2) {
        buf_z(x->out, " ELSE ");
        put(x, e->args.items[e->args.count - 1]);
    }
    buf_z(x->out, " END");
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

static bool put_shape(struct text *x, const struct expr *e)
{
    size_t found = COUNT_OF(shapes); /* a function's row for this count, else its first */
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (str_eqz(e->func, shapes[i].func) && (found == COUNT_OF(shapes) || shapes[i].args == e->args.count))
            found = i;
    if (found == COUNT_OF(shapes) || e->distinct)
        return false;
    buf_printf(x->out, "%s(", shapes[found].shown);
    put_list(x, &e->args, 0, ", ");
    buf_printf(x->out, "%s)", shapes[found].args == e->args.count ? shapes[found].rest : "");
    return true;
}

/* Calls that a title shows in another form than SQL takes. */
static bool put_sql_call(struct text *x, const struct expr *e)
{
    const struct exprs *a = &e->args;
    if ((str_eqz(e->func, "like") || str_eqz(e->func, "ilike") || str_eqz(e->func, "rlike")) && a->count == 2) {
        buf_char(x->out, '(');
        put(x, a->items[0]);
        buf_printf(x->out, " %s ", e->func.ptr[0] == 'i' ? "ILIKE" : e->func.ptr[0] == 'r' ? "RLIKE" : "LIKE");
        put(x, a->items[1]);
        buf_char(x->out, ')');
    } else if (str_eqz(e->func, "between") && a->count == 3) {
        buf_char(x->out, '(');
        put(x, a->items[0]);
        buf_z(x->out, " BETWEEN ");
        put_list(x, a, 1, " AND ");
        buf_char(x->out, ')');
    } else if (str_eqz(e->func, "extract") || str_eqz(e->func, "from_json")) {
        buf_z(x->out, str_eqz(e->func, "extract") ? "date_part(" : "from_json(");
        put_list(x, a, 0, ", ");
        buf_char(x->out, ')');
    } else if (e->star_arg) {
        buf_printf(x->out, "%.*s(*)", STR_ARGS(e->func));
    } else {
        return false;
    }
    return true;
}

static void put_call(struct text *x, const struct expr *e)
{
    const struct exprs *a = &e->args;
    static const char *const casts[] = {"int", "bigint", "string", "double", "float", "date", "timestamp", "boolean", "decimal",
                                        "smallint", "tinyint", "binary"};
    if (x->sql && put_sql_call(x, e))
        return;
    for (size_t i = 0; i < COUNT_OF(casts) && a->count == 1 && !x->sql; i++)
        if (str_eqz(e->func, casts[i])) {
            put(x, a->items[0]);
            return;
        }
    if (!x->sql && put_shape(x, e))
        return;
    if (str_eqz(e->func, "if") && a->count == 3) {
        buf_z(x->out, "(IF(");
        put_list(x, a, 0, ", ");
        buf_z(x->out, "))");
        return;
    }
    if ((str_eqz(e->func, "like") || str_eqz(e->func, "ilike")) && a->count == 2) {
        put(x, a->items[0]);
        buf_z(x->out, e->func.ptr[0] == 'i' ? " ILIKE " : " LIKE ");
        put(x, a->items[1]);
        return;
    }
    if (str_eqz(e->func, "extract") && a->count == 2) {
        buf_z(x->out, "extract(");
        put_list(x, a, 0, " FROM ");
        buf_char(x->out, ')');
        return;
    }
    if (str_eqz(e->func, "from_json") && a->count > 1) {
        buf_z(x->out, "from_json(");
        put(x, a->items[0]);
        buf_char(x->out, ')');
        return;
    }
    for (size_t i = 0; i < COUNT_OF(infix) && a->count == 2; i++)
        if (str_eqz(e->func, infix[i].func)) {
            buf_char(x->out, '(');
            put(x, a->items[0]);
            buf_printf(x->out, " %s ", infix[i].shown);
            put(x, a->items[1]);
            buf_char(x->out, ')');
            return;
        }
    if ((str_eqz(e->func, "!=") || str_eqz(e->func, "<>")) && a->count == 2) {
        buf_z(x->out, "(NOT (");
        put_list(x, a, 0, " = ");
        buf_z(x->out, "))");
    } else if (str_eqz(e->func, "not") && a->count == 1) {
        buf_z(x->out, "(NOT ");
        put_list(x, a, 0, "");
        buf_char(x->out, ')');
    } else if ((str_eqz(e->func, "isnull") || str_eqz(e->func, "isnotnull")) && a->count == 1) {
        buf_char(x->out, '(');
        put(x, a->items[0]);
        buf_z(x->out, str_eqz(e->func, "isnull") ? " IS NULL)" : " IS NOT NULL)");
    } else if (str_eqz(e->func, "in") && a->count) {
        buf_char(x->out, '(');
        put(x, a->items[0]);
        buf_z(x->out, " IN (");
        put_list(x, a, 1, ", ");
        buf_z(x->out, "))");
    } else if (str_eqz(e->func, "negative") && a->count == 1) {
        bool literal = a->items[0]->kind == EXPR_LITERAL; /* -1 is a literal of its own */
        buf_z(x->out, literal ? "-" : "(- ");
        put(x, a->items[0]);
        if (!literal)
            buf_char(x->out, ')');
    } else if (str_eqz(e->func, "when")) {
        put_case(x, e);
    } else if (e->star_arg) {
        buf_printf(x->out, "%.*s(1)", STR_ARGS(e->func));
    } else {
        buf_str(x->out, e->func);
        buf_char(x->out, '(');
        if (e->distinct)
            buf_z(x->out, "DISTINCT ");
        put_list(x, a, 0, ", ");
        buf_char(x->out, ')');
    }
    if (e->filter) {
        buf_z(x->out, " FILTER (WHERE ");
        put(x, e->filter);
        buf_char(x->out, ')');
    }
}

static void put_cast(struct text *x, const struct expr *e)
{
    struct buf t;
    if (!x->sql && (e->type->kind == TYPE_ARRAY || e->type->kind == TYPE_MAP || e->type->kind == TYPE_STRUCT)) {
        put(x, e->args.items[0]); /* such casts do not show */
        return;
    }
    buf_init(&t);
    buf_z(x->out, e->try_cast ? "TRY_CAST(" : "CAST(");
    put(x, e->args.items[0]);
    buf_z(x->out, " AS ");
    type_write_ddl(&t, e->type);
    for (size_t i = 0; i < t.len; i++)
        buf_char(x->out, (char)(t.ptr[i] >= 'a' && t.ptr[i] <= 'z' ? t.ptr[i] - 32 : t.ptr[i]));
    buf_release(&t);
    buf_char(x->out, ')');
}

/* (a, b) -> body */
static void put_params(struct text *x, const struct expr *e)
{
    buf_char(x->out, '(');
    for (size_t i = 0; i < e->param_count; i++) {
        buf_z(x->out, i ? ", " : "");
        put_name(x->out, e->params[i]);
    }
    buf_z(x->out, ") -> ");
    put(x, e->args.items[0]);
}

static void put(struct text *x, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_LITERAL:
    case EXPR_INTERVAL:
        put_literal(x, e);
        break;
    case EXPR_LAMBDA_VAR:
    case EXPR_COLUMN:
        for (size_t i = 0; x->sql && i < e->name.count; i++) {
            buf_z(x->out, i ? "." : "");
            put_name(x->out, e->name.parts[i]);
        }
        if (!x->sql && e->kind == EXPR_COLUMN)
            buf_str(x->out, e->name.parts[e->name.count - 1]);
        else if (!x->sql)
            buf_z(x->out, "namedlambdavariable()");
        break;
    case EXPR_CALL:
        put_call(x, e);
        break;
    case EXPR_CAST:
        put_cast(x, e);
        break;
    case EXPR_ALIAS:
        put(x, e->args.items[0]);
        if (e->name.count)
            buf_printf(x->out, " AS %.*s", STR_ARGS(e->name.parts[0]));
        break;
    case EXPR_CASE:
        put_case(x, e);
        break;
    case EXPR_WINDOW:
        put_window(x, e);
        break;
    case EXPR_SORT:
        put(x, e->args.items[0]);
        buf_printf(x->out, " %s NULLS %s", e->descending ? "DESC" : "ASC", e->nulls_first ? "FIRST" : "LAST");
        break;
    case EXPR_LAMBDA:
        if (x->sql) {
            put_params(x, e);
            break;
        }
        buf_z(x->out, "lambdafunction(");
        put(x, e->args.items[0]);
        for (size_t i = 0; i < e->param_count; i++)
            buf_z(x->out, ", namedlambdavariable()");
        buf_char(x->out, ')');
        break;
    case EXPR_FIELD:
        put(x, e->args.items[0]);
        buf_char(x->out, '.');
        if (x->sql)
            put_name(x->out, e->field_name);
        else
            buf_str(x->out, e->field_name);
        break;
    case EXPR_ELEMENT:
        put(x, e->args.items[0]);
        buf_char(x->out, '[');
        put(x, e->args.items[1]);
        buf_char(x->out, ']');
        break;
    case EXPR_PATH:
        put(x, e->args.items[0]);
        buf_printf(x->out, ":%.*s", STR_ARGS(e->field_name));
        break;
    case EXPR_NAMED_ARG:
        buf_printf(x->out, "%.*s => ", STR_ARGS(e->field_name));
        put(x, e->args.items[0]);
        break;
    case EXPR_SUBQUERY:
        buf_z(x->out, "scalarsubquery()");
        break;
    case EXPR_EXISTS:
        buf_z(x->out, "exists()");
        break;
    case EXPR_IN_SUBQUERY:
        buf_char(x->out, '(');
        put_list(x, &e->args, 0, ", ");
        buf_z(x->out, " IN (listquery()))");
        break;
    case EXPR_STAR:
        buf_char(x->out, '*');
        break;
    case EXPR_PARAM:
        buf_z(x->out, x->sql && (e->name.count || e->field_name.len) ? ":" : x->sql ? "?" : "");
        buf_str(x->out, e->name.count ? e->name.parts[0] : e->field_name);
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
        put(&(struct text){&b, false}, e);
    }
    struct str s = str_copy(rs->a, buf_view(&b));
    buf_release(&b);
    return s;
}

void expr_sql(struct buf *out, const struct expr *e)
{
    put(&(struct text){out, true}, e);
}
