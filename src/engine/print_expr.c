/* print_expr.c -- expressions as DuckDB text.
 *
 * Operators are printed with the parentheses that their binding powers need and no others. A number
 * beside a column of the same type is printed bare, since DuckDB gives a literal its neighbour's
 * type; alone it is cast where DuckDB would give it another type than Spark. */
#include "engine/print_int.h"
#include <math.h>
#include <stdio.h>

bool lit_is_text(const struct expr *e)
{
    return e->kind == EXPR_LITERAL && e->lit.kind == LIT_STRING;
}

bool expr_const_int(const struct expr *e, int64_t *v)
{
    while (e->kind == EXPR_CAST)
        e = e->args.items[0];
    if (e->kind != EXPR_LITERAL || e->lit.kind != LIT_INT)
        return false;
    *v = e->lit.i64;
    return true;
}

static bool zero_literal(const struct expr *e)
{
    return e->kind == EXPR_LITERAL && ((e->lit.kind == LIT_INT && e->lit.i64 == 0) ||
                                       (e->lit.kind == LIT_FLOAT && e->lit.f64 == 0));
}

/* A divisor that cannot be zero: a constant, or nullif(x, 0). */
bool never_zero(const struct expr *e)
{
    while (e->kind == EXPR_CAST)
        e = e->args.items[0];
    if (e->kind == EXPR_LITERAL && e->lit.kind == LIT_DECIMAL)
        return strpbrk(e->lit.text.ptr, "123456789") != NULL;
    if (e->kind == EXPR_LITERAL)
        return !zero_literal(e);
    if (e->kind == EXPR_CALL && str_eqz(e->func, "nullif"))
        return zero_literal(e->args.items[1]) ||
               (e->args.items[1]->kind == EXPR_CAST && zero_literal(e->args.items[1]->args.items[0]));
    return e->kind == EXPR_CALL && (str_eqz(e->func, "pi") || str_eqz(e->func, "nullifzero"));
}

void print_type(struct pr *p, struct buf *b, const struct type *t)
{
    switch (t->kind) {
    case TYPE_VARIANT:
        buf_z(b, "JSON");
        return;
    case TYPE_ARRAY:
        print_type(p, b, t->element);
        buf_z(b, "[]");
        return;
    case TYPE_MAP:
        buf_z(b, "MAP(");
        print_type(p, b, t->key);
        buf_z(b, ", ");
        print_type(p, b, t->element);
        buf_char(b, ')');
        return;
    case TYPE_STRUCT:
        if (!t->field_count)
            break;
        buf_z(b, "STRUCT(");
        for (size_t i = 0; i < t->field_count; i++) {
            buf_z(b, i ? ", " : "");
            duck_quote_ident(b, t->fields[i].name);
            buf_char(b, ' ');
            print_type(p, b, t->fields[i].type);
        }
        buf_char(b, ')');
        return;
    default:
        break;
    }
    type_write_duck(b, t);
}

/* ------------------------------------------------------------------ literals */

static void put_real(struct buf *b, double v, bool narrow)
{
    char t[40];
    if (!isfinite(v)) {
        buf_printf(b, "CAST('%s' AS %s)", isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity", narrow ? "FLOAT" : "DOUBLE");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(t, sizeof t, "%.*g", digits, v);
        if (str_f64(str_z(t), &back) && back == v)
            break;
    }
    if (narrow)
        buf_printf(b, "CAST(%s AS FLOAT)", t);
    else
        buf_printf(b, "%s%s", t, strchr(t, 'e') ? "" : "e0");
}

static void put_civil(struct buf *b, int64_t us, bool time, const char *zone)
{
    struct civil c = civil_of((struct tp){us});
    buf_printf(b, "'%04d-%02d-%02d", c.year, c.month, c.day);
    if (time)
        buf_printf(b, " %02d:%02d:%02d", c.hour, c.minute, c.second);
    if (time && c.us)
        buf_printf(b, ".%06d", c.us);
    buf_printf(b, "%s'", zone);
}

static void put_interval(struct buf *b, const struct lit *l)
{
    buf_z(b, "INTERVAL '");
    const char *sep = "";
    if (l->months) {
        buf_printf(b, "%d months", l->months);
        sep = " ";
    }
    if (l->days) {
        buf_printf(b, "%s%d days", sep, l->days);
        sep = " ";
    }
    if (l->us || !*sep)
        buf_printf(b, "%s%jd microseconds", sep, (intmax_t)l->us);
    buf_char(b, '\'');
}

static void put_int(struct buf *b, int64_t v, enum type_kind kind, bool bare)
{
    static const char *const names[] = {[TYPE_BYTE] = "TINYINT", [TYPE_SHORT] = "SMALLINT", [TYPE_INT] = "INTEGER",
                                        [TYPE_LONG] = "BIGINT"};
    bool small = v > INT32_MIN && v <= INT32_MAX;
    if (v == INT64_MIN)
        buf_z(b, "CAST('-9223372036854775808' AS BIGINT)");
    else if (bare || kind > TYPE_LONG || (kind == TYPE_INT && small) || (kind == TYPE_LONG && !small && v != INT32_MIN))
        buf_printf(b, "%jd", (intmax_t)v);
    else
        buf_printf(b, "CAST(%jd AS %s)", (intmax_t)v, names[kind]);
}

static void put_decimal(struct pr *p, struct buf *b, const struct expr *e)
{
    struct str t = e->lit.text, digits = t.len && t.ptr[0] == '-' ? str_from(t, 1) : t;
    int64_t dot = str_chr(digits, '.');
    bool same = dot > 0 && digits.ptr[0] != '0' && e->type->kind == TYPE_DECIMAL && e->type->precision == (int)digits.len - 1 &&
                e->type->scale == (int)digits.len - 1 - (int)dot;
    if (same) {
        buf_str(b, t);
        return;
    }
    buf_printf(b, "CAST(%.*s AS ", STR_ARGS(t));
    print_type(p, b, e->type);
    buf_char(b, ')');
}

static void literal(struct pr *p, struct buf *b, const struct expr *e, bool bare)
{
    const struct lit *l = &e->lit;
    switch (l->kind) {
    case LIT_NULL:
        if (e->type->kind == TYPE_NULL || bare) {
            buf_z(b, "NULL");
        } else {
            buf_z(b, "CAST(NULL AS ");
            print_type(p, b, e->type);
            buf_char(b, ')');
        }
        break;
    case LIT_BOOL:
        buf_z(b, l->i64 ? "true" : "false");
        break;
    case LIT_INT:
        put_int(b, l->i64, e->type->kind, bare);
        break;
    case LIT_FLOAT:
        put_real(b, l->f64, e->type->kind == TYPE_FLOAT);
        break;
    case LIT_DECIMAL:
        put_decimal(p, b, e);
        break;
    case LIT_STRING:
        if (l->text.len && memchr(l->text.ptr, 0, l->text.len))
            print_fail(p, e->at, ERR_UNSUPPORTED, "a string literal with a NUL character is not supported");
        duck_quote_text(b, l->text);
        break;
    case LIT_BINARY:
        buf_z(b, "unhex('");
        hex_put(b, l->text);
        buf_z(b, "')");
        break;
    case LIT_DATE:
        buf_z(b, "DATE ");
        put_civil(b, l->i64 * 86400000000LL, false, "");
        break;
    case LIT_TIMESTAMP:
        buf_z(b, "TIMESTAMPTZ ");
        put_civil(b, l->i64, true, "+00");
        break;
    case LIT_TIMESTAMP_NTZ:
        buf_z(b, "TIMESTAMP ");
        put_civil(b, l->i64, true, "");
        break;
    case LIT_INTERVAL:
        put_interval(b, l);
        break;
    }
}

static bool negative_literal(const struct expr *e)
{
    return (e->lit.kind == LIT_INT && e->lit.i64 < 0) || (e->lit.kind == LIT_FLOAT && e->lit.f64 < 0) ||
           (e->lit.kind == LIT_DECIMAL && e->lit.text.len && e->lit.text.ptr[0] == '-');
}

/* ------------------------------------------------------------------ operators */

static const struct { const char *func, *text; enum prec prec; } infix[] = {
    {"==", "=", P_COMPARE}, {"=", "=", P_COMPARE}, {"!=", "<>", P_COMPARE}, {"<>", "<>", P_COMPARE},
    {"<", "<", P_COMPARE}, {"<=", "<=", P_COMPARE}, {">", ">", P_COMPARE}, {">=", ">=", P_COMPARE},
    {"<=>", "IS NOT DISTINCT FROM", P_COMPARE}, {"equal_null", "IS NOT DISTINCT FROM", P_COMPARE},
    {"and", "AND", P_AND}, {"or", "OR", P_OR}, {"&", "&", P_OTHER}, {"|", "|", P_OTHER},
    {"+", "+", P_ADD}, {"-", "-", P_ADD}, {"*", "*", P_MUL},
};

static const char *infix_of(const struct expr *e, enum prec *prec)
{
    for (size_t i = 0; i < COUNT_OF(infix) && e->args.count == 2; i++)
        if (str_eqz(e->func, infix[i].func)) {
            *prec = infix[i].prec;
            return infix[i].text;
        }
    return NULL;
}

/* A constant beside something of its type takes that type in DuckDB without a cast. */
static void operand(struct pr *p, struct buf *b, const struct expr *e, const struct expr *other, enum prec around)
{
    bool bare = e->kind == EXPR_LITERAL && e->lit.kind == LIT_INT && other->kind != EXPR_LITERAL &&
                type_equal(e->type, other->type) && e->lit.i64 >= 0;
    if (bare)
        literal(p, b, e, true);
    else
        print_expr(p, b, e, around);
}

static void put_infix(struct pr *p, struct buf *b, const struct expr *e, const char *text, enum prec prec)
{
    const struct expr *x = e->args.items[0], *y = e->args.items[1];
    bool chain = prec == P_AND || prec == P_OR;
    operand(p, b, x, y, prec == P_COMPARE || prec == P_OTHER ? prec + 1 : prec);
    buf_printf(b, " %s ", text);
    operand(p, b, y, x, chain ? prec : prec + 1);
}

/* Arithmetic whose DuckDB result has Spark's type and value as it is. */
static bool plain_arith(const struct expr *e)
{
    bool mul = str_eqz(e->func, "*"), add = str_eqz(e->func, "+") || str_eqz(e->func, "-");
    const struct type *t = e->type;
    if (!mul && !add)
        return true;
    if (t->kind == TYPE_DECIMAL) {
        const struct type *x = e->args.items[0]->type, *y = e->args.items[1]->type;
        int scale = x->scale > y->scale ? x->scale : y->scale;
        int whole = x->precision - x->scale > y->precision - y->scale ? x->precision - x->scale : y->precision - y->scale;
        return add && whole + scale + 1 <= 38;
    }
    return type_is_numeric(t) && type_is_numeric(e->args.items[0]->type) && type_is_numeric(e->args.items[1]->type);
}

/* ------------------------------------------------------------------ other kinds */

static void column(struct pr *p, struct buf *b, const struct expr *e, enum prec around)
{
    const struct env *env = p->env;
    for (int d = 0; d < e->outer_depth && env; d++)
        env = env->outer;
    CHECK(env && e->input >= 0 && (size_t)e->input < env->count);
    const struct col *c = &env->cols[e->input];
    bool paren = c->prec < around;
    buf_printf(b, "%s%.*s%s", paren ? "(" : "", STR_ARGS(c->text), paren ? ")" : "");
}

static void lambda_var(struct pr *p, struct buf *b, const struct expr *e)
{
    for (const struct lambda_env *l = p->lambdas; l; l = l->up)
        for (size_t i = 0; i < l->count; i++)
            if (str_ieq(l->names[i], e->name.parts[0])) {
                buf_str(b, l->texts[i]);
                return;
            }
    UNREACHABLE();
}

struct str lambda_name(struct pr *p)
{
    p->lambda_count++;
    return str_fmt(p->a, "x%zu", p->lambda_count);
}

/* `text` with each # replaced by the name. */
static struct str with_name(struct pr *p, struct str text, struct str name)
{
    int64_t at = str_chr(text, '#');
    if (at < 0)
        return text;
    return str_fmt(p->a, "%.*s%.*s%.*s", (int)at, text.ptr, STR_ARGS(name),
                   STR_ARGS(with_name(p, str_from(text, (size_t)at + 1), name)));
}

void print_lambda(struct pr *p, struct buf *b, const struct expr *l, const struct str *texts)
{
    struct str *names = ARENA_ARRAY(p->a, struct str, l->param_count + 1);
    struct str *uses = ARENA_ARRAY(p->a, struct str, l->param_count + 1);
    buf_z(b, "lambda ");
    for (size_t i = 0; i < l->param_count; i++) {
        names[i] = lambda_name(p);
        uses[i] = texts && texts[i].len ? with_name(p, texts[i], names[i]) : names[i];
        buf_printf(b, "%s%.*s", i ? ", " : "", STR_ARGS(names[i]));
    }
    struct lambda_env env = {.names = l->params, .texts = uses, .count = l->param_count, .up = p->lambdas};
    p->lambdas = &env;
    buf_z(b, ": ");
    print_expr(p, b, l->args.items[0], P_ANY);
    p->lambdas = env.up;
}

static void field(struct pr *p, struct buf *b, const struct expr *e)
{
    const struct expr *base = e->args.items[0];
    if (base->type->kind == TYPE_VARIANT) {
        buf_z(b, "json_extract(");
        print_expr(p, b, base, P_ANY);
        struct str path = str_fmt(p->a, "$.\"%.*s\"", STR_ARGS(e->field_name));
        buf_z(b, ", ");
        duck_quote_text(b, path);
        buf_char(b, ')');
    } else if (base->type->kind == TYPE_ARRAY) {
        struct str x = lambda_name(p);
        buf_z(b, "list_transform(");
        print_expr(p, b, base, P_ANY);
        buf_printf(b, ", lambda %.*s: struct_extract(%.*s, ", STR_ARGS(x), STR_ARGS(x));
        duck_quote_text(b, e->field_name);
        buf_z(b, "))");
    } else {
        buf_z(b, "struct_extract(");
        print_expr(p, b, base, P_ANY);
        buf_z(b, ", ");
        duck_quote_text(b, e->field_name);
        buf_char(b, ')');
    }
}

static void element(struct pr *p, struct buf *b, const struct expr *e)
{
    const struct expr *base = e->args.items[0], *i = e->args.items[1];
    int64_t n;
    if (base->type->kind == TYPE_MAP) {
        print_expr(p, b, base, P_ATOM);
        buf_char(b, '[');
        print_expr(p, b, i, P_ANY);
        buf_char(b, ']');
    } else if (base->type->kind == TYPE_VARIANT) {
        buf_z(b, "json_extract(");
        print_expr(p, b, base, P_ANY);
        if (lit_is_text(i))
            buf_printf(b, ", '$.\"%.*s\"')", STR_ARGS(i->lit.text));
        else if (expr_const_int(i, &n))
            buf_printf(b, ", '$[%jd]')", (intmax_t)n);
        else
            print_fail(p, e->at, ERR_UNSUPPORTED, "the index of a variant must be a constant");
    } else if (!p->with->ansi) {
        buf_z(b, "spark_get(");
        print_expr(p, b, base, P_ANY);
        buf_z(b, ", ");
        print_expr(p, b, i, P_ANY);
        buf_char(b, ')');
    } else {
        buf_z(b, "spark_item(");
        print_expr(p, b, base, P_ANY);
        buf_z(b, ", ");
        print_expr(p, b, i, P_ANY);
        buf_char(b, ')');
    }
}

/* `a.b[0].'c d'` or `a.b[0]['c']` as a JSONPath. */
static void path_text(struct pr *p, struct buf *b, const struct expr *e)
{
    struct str s = e->field_name;
    buf_char(b, '$');
    for (size_t i = 0; i < s.len;) {
        char c = s.ptr[i];
        if (c == '.' || c == '$') {
            i++;
        } else if (c == '[' && i + 1 < s.len && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9') {
            while (i < s.len && s.ptr[i] != ']')
                buf_char(b, s.ptr[i++]);
            buf_char(b, ']');
            i++;
        } else if (c == '[' && i + 1 < s.len && s.ptr[i + 1] == '*') {
            print_fail(p, e->at, ERR_UNSUPPORTED, "[*] in a JSON path is not supported: explode the array");
            return;
        } else {
            bool bracket = c == '[';
            i += bracket;
            char q = i < s.len ? s.ptr[i] : 0, end = q == '\'' || q == '"' || q == '`' ? q : 0;
            i += end != 0;
            buf_z(b, ".\"");
            while (i < s.len && (end ? s.ptr[i] != end : s.ptr[i] != '.' && s.ptr[i] != '[' && s.ptr[i] != ':'))
                buf_char(b, s.ptr[i++]);
            buf_char(b, '"');
            i += end != 0;
            i += bracket || (i < s.len && s.ptr[i] == ':');
        }
    }
}

static void path(struct pr *p, struct buf *b, const struct expr *e)
{
    struct buf j;
    buf_init(&j);
    path_text(p, &j, e);
    bool text = e->type->kind == TYPE_STRING;
    buf_z(b, text ? "spark_json_text(" : "json_extract(");
    print_expr(p, b, e->args.items[0], P_ANY);
    buf_z(b, ", ");
    duck_quote_text(b, buf_view(&j));
    buf_char(b, ')');
    buf_release(&j);
}

static void put_subquery(struct pr *p, struct buf *b, const struct expr *e)
{
    struct block *s = print_block(p, e->sub);
    if (p->failed)
        return;
    buf_char(b, '(');
    buf_str(b, block_render(p, s, true));
    buf_char(b, ')');
}

/* The query's columns come from a place of its own; the expression's are one level out. */
static void subquery(struct pr *p, struct buf *b, const struct expr *e)
{
    bool before = p->in_condition, nulls = false;
    for (size_t i = 0; i < e->args.count; i++)
        nulls |= e->args.items[i]->nullable || e->sub->output->fields[i].nullable;
    if (e->kind == EXPR_IN_SUBQUERY && nulls && !before)
        print_fail(p, e->at, ERR_UNSUPPORTED, "IN (subquery) that meets NULL is supported in WHERE and HAVING only: as a value it is "
                   "false in Spark where SQL says NULL");
    p->in_condition = false;
    if (e->kind == EXPR_EXISTS)
        buf_z(b, "EXISTS ");
    if (e->kind == EXPR_IN_SUBQUERY) {
        bool row = e->args.count > 1;
        buf_z(b, row ? "(" : "");
        print_list(p, b, &e->args, 0, ", ");
        buf_z(b, row ? ") IN " : " IN ");
    }
    put_subquery(p, b, e);
    p->in_condition = before;
}

static void edge(struct pr *p, struct buf *b, enum frame_edge kind, const struct expr *value, bool from)
{
    if (kind == EDGE_CURRENT) {
        buf_z(b, "CURRENT ROW");
    } else if (kind == EDGE_UNBOUNDED) {
        buf_z(b, from ? "UNBOUNDED PRECEDING" : "UNBOUNDED FOLLOWING");
    } else {
        print_expr(p, b, value, P_ATOM);
        buf_z(b, kind == EDGE_PRECEDING ? " PRECEDING" : " FOLLOWING");
    }
}

static void put_keys(struct pr *p, struct buf *b, const struct exprs *order)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct expr *s = order->items[i];
        buf_z(b, i ? ", " : "");
        print_expr(p, b, s->args.items[0], P_ANY);
        buf_z(b, s->descending ? " DESC" : "");
        if (s->nulls_first == s->descending)
            buf_z(b, s->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

void print_over(struct pr *p, struct buf *b, const struct expr *w)
{
    buf_z(b, " OVER (");
    const char *sep = "";
    if (w->partition.count) {
        buf_z(b, "PARTITION BY ");
        print_list(p, b, &w->partition, 0, ", ");
        sep = " ";
    }
    if (w->order.count) {
        buf_printf(b, "%sORDER BY ", sep);
        put_keys(p, b, &w->order);
        sep = " ";
    }
    if (w->frame.type != FRAME_NONE) {
        buf_printf(b, "%s%s BETWEEN ", sep, w->frame.type == FRAME_ROWS ? "ROWS" : "RANGE");
        edge(p, b, w->frame.from, w->frame.from_value, true);
        buf_z(b, " AND ");
        edge(p, b, w->frame.to, w->frame.to_value, false);
    }
    buf_char(b, ')');
}

static void sort_keys(struct pr *p, struct buf *b, const struct expr *e)
{
    struct exprs one = {.items = (struct expr **)&e, .count = 1};
    put_keys(p, b, &one);
}

/* ------------------------------------------------------------------ dispatch */

void print_list(struct pr *p, struct buf *b, const struct exprs *list, size_t from, const char *sep)
{
    for (size_t i = from; i < list->count; i++) {
        buf_z(b, i > from ? sep : "");
        print_expr(p, b, list->items[i], P_ANY);
    }
}

struct str print_text(struct pr *p, const struct expr *e, enum prec around)
{
    struct buf b;
    buf_init(&b);
    print_expr(p, &b, e, around);
    struct str s = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return s;
}

enum prec expr_prec(struct pr *p, const struct expr *e)
{
    enum prec prec;
    if (e->kind == EXPR_ALIAS)
        return expr_prec(p, e->args.items[0]);
    if (e->kind == EXPR_CALL && infix_of(e, &prec) && plain_arith(e))
        return prec;
    if (e->kind == EXPR_CALL) {
        const struct fn_row *row = fn_row_find(e->func);
        return row && row->prec ? row->prec : P_ATOM;
    }
    if (e->kind == EXPR_IN_SUBQUERY)
        return P_COMPARE;
    if (e->kind == EXPR_LITERAL && negative_literal(e))
        return P_UNARY;
    if (e->kind == EXPR_COLUMN) {
        const struct env *env = p->env;
        for (int d = 0; d < e->outer_depth && env; d++)
            env = env->outer;
        return env && (size_t)e->input < env->count ? env->cols[e->input].prec : P_ATOM;
    }
    return P_ATOM;
}

struct col print_col(struct pr *p, const struct expr *e)
{
    return (struct col){print_text(p, e, P_ANY), expr_prec(p, e)};
}

static void cast(struct pr *p, struct buf *b, const struct expr *e)
{
    const struct expr *x = e->args.items[0];
    struct str t = print_text(p, x, P_ANY);
    if (expr_prec(p, x) < P_ATOM && !cast_is_plain(x->type, e->type))
        t = str_fmt(p->a, "(%.*s)", STR_ARGS(t));
    bool before = p->legacy_cast, ansi = p->with->ansi || e->assigns;
    p->legacy_cast = !ansi && !e->try_cast;
    buf_str(b, cast_text(p, t, x->type, e->type, e->try_cast || (!ansi && x->type->kind != TYPE_NULL), e->at));
    p->legacy_cast = before;
}

void print_expr(struct pr *p, struct buf *b, const struct expr *e, enum prec around)
{
    enum prec prec;
    const char *op;
    if (p->failed)
        return;
    CHECK(e->type || e->kind == EXPR_ALIAS || e->kind == EXPR_NAMED_ARG);
    switch (e->kind) {
    case EXPR_LITERAL: {
        bool paren = negative_literal(e) && around > P_ADD;
        buf_z(b, paren ? "(" : "");
        literal(p, b, e, false);
        buf_z(b, paren ? ")" : "");
        return;
    }
    case EXPR_INTERVAL:
        put_interval(b, &e->lit);
        return;
    case EXPR_COLUMN:
        column(p, b, e, around);
        return;
    case EXPR_ALIAS:
    case EXPR_NAMED_ARG:
        print_expr(p, b, e->args.items[0], around);
        return;
    case EXPR_CALL:
        op = infix_of(e, &prec);
        if (op && plain_arith(e)) {
            bool paren = prec < around;
            buf_z(b, paren ? "(" : "");
            put_infix(p, b, e, op, prec);
            buf_z(b, paren ? ")" : "");
        } else {
            print_call(p, b, e, NULL, around);
        }
        return;
    case EXPR_CAST:
        cast(p, b, e);
        return;
    case EXPR_WINDOW:
        print_call(p, b, e->args.items[0], e, around);
        return;
    case EXPR_SORT:
        sort_keys(p, b, e);
        return;
    case EXPR_LAMBDA:
        print_lambda(p, b, e, NULL);
        return;
    case EXPR_LAMBDA_VAR:
        lambda_var(p, b, e);
        return;
    case EXPR_FIELD:
        field(p, b, e);
        return;
    case EXPR_ELEMENT:
        element(p, b, e);
        return;
    case EXPR_PATH:
        path(p, b, e);
        return;
    case EXPR_SUBQUERY:
    case EXPR_EXISTS:
    case EXPR_IN_SUBQUERY: {
        bool paren = e->kind == EXPR_IN_SUBQUERY && around > P_COMPARE;
        buf_z(b, paren ? "(" : "");
        subquery(p, b, e);
        buf_z(b, paren ? ")" : "");
        return;
    }
    case EXPR_STAR:
    case EXPR_CASE:
    case EXPR_PARAM:
        break;
    }
    UNREACHABLE(); /* resolution leaves none of these */
}
