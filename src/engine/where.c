/* where.c -- a resolved condition as the lake chooses files by it.
 *
 * Statistics and partition values are compared as their column's type has it, so a comparison is told only where the resolved
 * one means the same: a column of the table beside a constant, both of one type, or brought to one by casts that keep every
 * value and their order (integers to wider ones, to decimals and, of up to 32 bits, to doubles; decimals to wider ones).
 * Texts cast to dates, timestamps and integers count if they are written in the one form that both sides read alike;
 * the session's zone is UTC. Anything else is LAKE_ANY: it may hold.
 *
 * NULL is as in SQL, NOT included: skip.c turns a comparison into its opposite, which no NULL meets either. So x <=> 5
 * is told as x = 5 AND x IS NOT NULL, whose opposite NULLs do meet. */
#include "engine/where.h"
#include <stdio.h>

static const struct lake_predicate any = {.op = LAKE_ANY};

struct telling { struct arena *a; const struct type *input; size_t targets; };

/* ---------------------------------------------------------------- columns */

static bool in_integer_bits(const struct type *t, int *bits)
{
    static const struct { enum type_kind kind; int bits; } rows[] = {{TYPE_BYTE, 8}, {TYPE_SHORT, 16}, {TYPE_INT, 32}, {TYPE_LONG, 64}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (t->kind == rows[i].kind) {
            *bits = rows[i].bits;
            return true;
        }
    return false;
}

/* Does the cast keep each value and their order? */
static bool keeps_order(const struct type *from, const struct type *to)
{
    static const int digits[] = {3, 5, 10, 19}; /* of 8, 16, 32, 64 bits */
    int bits, wider;
    if (type_equal(from, to))
        return true;
    if (from->kind == TYPE_DECIMAL)
        return to->kind == TYPE_DECIMAL && to->scale >= from->scale && to->precision - to->scale >= from->precision - from->scale;
    if (!in_integer_bits(from, &bits))
        return false;
    if (in_integer_bits(to, &wider))
        return wider >= bits;
    if (to->kind == TYPE_DECIMAL)
        return to->precision - to->scale >= digits[bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3];
    return to->kind == TYPE_DOUBLE && bits <= 32;
}

static bool is_comparable(const struct type *t)
{
    int bits;
    return in_integer_bits(t, &bits) || t->kind == TYPE_DECIMAL || t->kind == TYPE_DOUBLE || t->kind == TYPE_STRING || t->kind == TYPE_DATE ||
           t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ || t->kind == TYPE_BOOLEAN;
}

/* The path "a" or "a.b" of a column of the table, ptr NULL if it is none, or one that the path does not tell from others. */
static struct str column_path(const struct telling *w, const struct expr *e, int depth)
{
    if (e->kind == EXPR_COLUMN && e->input >= 0 && !e->outer_depth && (size_t)e->input < w->targets)
        return w->input->fields[e->input].name;
    if (e->kind != EXPR_FIELD || depth > LAKE_PREDICATE_DEPTH || e->args.items[0]->type->kind != TYPE_STRUCT)
        return STR_NONE;
    struct str owner = column_path(w, e->args.items[0], depth + 1);
    if (!owner.ptr || str_chr(e->field_name, '.') >= 0 || (e->args.items[0]->kind == EXPR_COLUMN && str_chr(owner, '.') >= 0))
        return STR_NONE;
    struct str path = str_fmt(w->a, "%.*s.%.*s", STR_ARGS(owner), STR_ARGS(e->field_name));
    return type_field_find(w->input, path) ? STR_NONE : path;
}

/* A column's path, also below casts that keep the order; `type` is the column's own. */
static struct str compared_column(const struct telling *w, const struct expr *e, const struct type **type)
{
    *type = e->type;
    if (e->kind == EXPR_CAST && !e->try_cast) {
        const struct expr *inner = e->args.items[0];
        if (!keeps_order(inner->type, e->type))
            return STR_NONE;
        *type = inner->type;
        e = inner;
    }
    return is_comparable(*type) ? column_path(w, e, 0) : STR_NONE;
}

/* ---------------------------------------------------------------- constants, as partition values are written */

static struct str time_text(struct arena *a, int64_t us, bool date)
{
    enum { YEAR_1 = -719162, YEAR_10000 = 2932897 /* days */ };
    char text[40];
    if (us < YEAR_1 * 86400000000LL || us >= YEAR_10000 * 86400000000LL)
        return STR_NONE;
    struct str s = str_copy(a, str_z(time_iso((struct tp){us}, 6, text)));
    return date ? str_sub(s, 0, 10) : s;
}

static struct str double_text(struct arena *a, double v)
{
    return v - v == 0 ? str_fmt(a, "%.17g", v) : STR_NONE; /* no infinity, no NaN */
}

static struct str literal_text(struct arena *a, const struct lit *l)
{
    switch (l->kind) {
    case LIT_BOOL: return l->i64 ? STR("true") : STR("false");
    case LIT_INT: return str_fmt(a, "%jd", (intmax_t)l->i64);
    case LIT_FLOAT: return double_text(a, l->f64);
    case LIT_DECIMAL: return l->text;
    case LIT_STRING: return l->text.ptr ? l->text : STR("");
    case LIT_DATE: return l->i64 > -1000000 && l->i64 < 10000000 ? time_text(a, l->i64 * 86400000000LL, true) : STR_NONE;
    case LIT_TIMESTAMP: case LIT_TIMESTAMP_NTZ: return time_text(a, l->i64, false);
    case LIT_NULL: case LIT_BINARY: case LIT_INTERVAL: return STR_NONE;
    }
    return STR_NONE;
}

/* "dddd-dd-dd" with 0 for a digit: is `s` of that form? */
static bool has_form(struct str s, const char *form)
{
    size_t n = strlen(form);
    for (size_t i = 0; i < n && i < s.len; i++)
        if (form[i] == '0' ? s.ptr[i] < '0' || s.ptr[i] > '9' : s.ptr[i] != form[i])
            return false;
    return s.len == n;
}

/* What a constant is once cast; ptr NULL: not told. */
static struct str cast_constant(const struct expr *c, const struct type *to, struct str text)
{
    const struct type *from = c->type;
    int64_t n;
    int bits;
    if (type_equal(from, to) || (in_integer_bits(from, &bits) && in_integer_bits(to, &bits)))
        return text; /* one that does not fit fails when it runs */
    if (from->kind == TYPE_STRING && (to->kind == TYPE_DATE || to->kind == TYPE_TIMESTAMP || to->kind == TYPE_TIMESTAMP_NTZ)) {
        struct tp t;
        bool good = has_form(text, "0000-00-00") || (to->kind != TYPE_DATE && has_form(text, "0000-00-00 00:00:00"));
        return good && time_parse_iso(text, &t) ? text : STR_NONE;
    }
    if (from->kind == TYPE_STRING && in_integer_bits(to, &bits))
        return str_i64(text, &n) && text.ptr[0] != '+' ? text : STR_NONE;
    if (from->kind == TYPE_DECIMAL && to->kind == TYPE_DOUBLE)
        return text;
    if (in_integer_bits(from, &bits) && to->kind == TYPE_DOUBLE)
        return bits <= 32 ? text : STR_NONE;
    return keeps_order(from, to) ? text : STR_NONE;
}

static struct str constant(struct arena *a, const struct expr *e)
{
    const struct expr *inner = e->kind == EXPR_CAST && !e->try_cast ? e->args.items[0] : e;
    bool minus = inner->kind == EXPR_CALL && str_eqz(inner->func, "negative") && inner->args.count == 1;
    const struct expr *l = minus ? inner->args.items[0] : inner;
    if (l->kind != EXPR_LITERAL || (minus && l->lit.kind != LIT_INT && l->lit.kind != LIT_FLOAT && l->lit.kind != LIT_DECIMAL))
        return STR_NONE;
    struct str text = literal_text(a, &l->lit);
    if (minus && text.ptr && text.len)
        text = text.ptr[0] == '-' ? str_from(text, 1) : str_fmt(a, "-%.*s", STR_ARGS(text));
    return text.ptr && e != inner ? cast_constant(inner, e->type, text) : text;
}

/* ---------------------------------------------------------------- conditions */

static const struct lake_predicate *leaf(const struct telling *w, enum lake_op op, struct str column, struct str value)
{
    struct lake_predicate *p = ARENA_NEW(w->a, struct lake_predicate);
    *p = (struct lake_predicate){.op = op, .column = column, .values = arena_copy(w->a, &value, sizeof value), .value_count = value.ptr ? 1 : 0};
    return p;
}

static const struct lake_predicate *both(const struct telling *w, enum lake_op op, const struct lake_predicate *x, const struct lake_predicate *y)
{
    const struct lake_predicate *args[] = {x, y};
    struct lake_predicate *p = ARENA_NEW(w->a, struct lake_predicate);
    *p = (struct lake_predicate){.op = op, .args = arena_copy(w->a, args, sizeof args), .arg_count = y ? 2 : 1};
    return p;
}

static const struct lake_predicate *compare(const struct telling *w, enum lake_op op, const struct expr *x, const struct expr *y)
{
    const struct type *type;
    struct str column = compared_column(w, x, &type), value = column.ptr ? constant(w->a, y) : STR_NONE;
    return value.ptr && type_equal(x->type, y->type) ? leaf(w, op, column, value) : &any;
}

static const struct { const char *func; enum lake_op op, turned; } COMPARISONS[] = {
    {"==", LAKE_EQ, LAKE_EQ}, {"=", LAKE_EQ, LAKE_EQ}, {"!=", LAKE_NE, LAKE_NE}, {"<>", LAKE_NE, LAKE_NE}, {"<", LAKE_LT, LAKE_GT},
    {"<=", LAKE_LE, LAKE_GE}, {">", LAKE_GT, LAKE_LT}, {">=", LAKE_GE, LAKE_LE},
};

static const struct lake_predicate *comparison(const struct telling *w, const struct expr *e)
{
    const struct expr *x = e->args.items[0], *y = e->args.items[1];
    for (size_t i = 0; i < COUNT_OF(COMPARISONS); i++)
        if (str_eqz(e->func, COMPARISONS[i].func)) {
            const struct lake_predicate *p = compare(w, COMPARISONS[i].op, x, y);
            return p->op == LAKE_ANY ? compare(w, COMPARISONS[i].turned, y, x) : p;
        }
    return NULL;
}

static const struct lake_predicate *null_safe(const struct telling *w, const struct expr *e)
{
    const struct lake_predicate *p = compare(w, LAKE_EQ, e->args.items[0], e->args.items[1]);
    if (p->op == LAKE_ANY)
        p = compare(w, LAKE_EQ, e->args.items[1], e->args.items[0]);
    return p->op == LAKE_ANY ? p : both(w, LAKE_AND, p, leaf(w, LAKE_NOT_NULL, p->column, STR_NONE));
}

static const struct lake_predicate *in_list(const struct telling *w, const struct expr *e)
{
    const struct type *type;
    struct str column = compared_column(w, e->args.items[0], &type);
    struct str *values = ARENA_ARRAY(w->a, struct str, e->args.count);
    struct lake_predicate *p = ARENA_NEW(w->a, struct lake_predicate);
    *p = (struct lake_predicate){.op = LAKE_IN, .column = column, .values = values};
    for (size_t i = 1; i < e->args.count && column.ptr; i++) {
        values[p->value_count] = constant(w->a, e->args.items[i]);
        if (!values[p->value_count++].ptr || !type_equal(e->args.items[i]->type, e->args.items[0]->type))
            return &any;
    }
    return column.ptr && p->value_count ? p : &any;
}

static const struct lake_predicate *between(const struct telling *w, const struct expr *e)
{
    return both(w, LAKE_AND, compare(w, LAKE_GE, e->args.items[0], e->args.items[1]), compare(w, LAKE_LE, e->args.items[0], e->args.items[2]));
}

static const struct lake_predicate *starts_with(const struct telling *w, const struct expr *e)
{
    const struct lake_predicate *p = compare(w, LAKE_STARTS_WITH, e->args.items[0], e->args.items[1]);
    if (p->op == LAKE_ANY || e->args.items[0]->type->kind != TYPE_STRING || str_eqz(e->func, "startswith"))
        return e->args.items[0]->type->kind == TYPE_STRING ? p : &any;
    struct str v = p->values[0]; /* LIKE: a prefix and one % */
    if (!v.len || str_chr(v, '%') != (int64_t)v.len - 1 || str_chr(v, '_') >= 0 || str_chr(v, '\\') >= 0)
        return &any;
    return leaf(w, LAKE_STARTS_WITH, p->column, str_sub(v, 0, v.len - 1));
}

static const struct lake_predicate *null_test(const struct telling *w, const struct expr *e)
{
    /* Of a field within a struct writers count NULLs differently, where the struct is NULL. */
    struct str column = e->args.items[0]->kind == EXPR_COLUMN ? column_path(w, e->args.items[0], 0) : STR_NONE;
    return column.ptr ? leaf(w, str_eqz(e->func, "isnull") ? LAKE_IS_NULL : LAKE_NOT_NULL, column, STR_NONE) : &any;
}

static const struct { const char *func; size_t args; const struct lake_predicate *(*tell)(const struct telling *w, const struct expr *e); } TOLD[] = {
    {"<=>", 2, null_safe}, {"between", 3, between}, {"like", 2, starts_with}, {"startswith", 2, starts_with}, {"isnull", 1, null_test},
    {"isnotnull", 1, null_test},
};

static const struct lake_predicate *tell(const struct telling *w, const struct expr *e, int depth)
{
    if (depth > LAKE_PREDICATE_DEPTH)
        return &any;
    if (e->kind == EXPR_ALIAS)
        return tell(w, e->args.items[0], depth + 1);
    if (e->type->kind == TYPE_BOOLEAN && column_path(w, e, 0).ptr)
        return leaf(w, LAKE_EQ, column_path(w, e, 0), STR("true"));
    if (e->kind != EXPR_CALL)
        return &any;
    if ((str_eqz(e->func, "and") || str_eqz(e->func, "or")) && e->args.count == 2)
        return both(w, e->func.ptr[0] == 'a' ? LAKE_AND : LAKE_OR, tell(w, e->args.items[0], depth + 1), tell(w, e->args.items[1], depth + 1));
    if (str_eqz(e->func, "not") && e->args.count == 1)
        return both(w, LAKE_NOT, tell(w, e->args.items[0], depth + 1), NULL);
    if (str_eqz(e->func, "in"))
        return in_list(w, e);
    for (size_t i = 0; i < COUNT_OF(TOLD); i++)
        if (str_eqz(e->func, TOLD[i].func) && e->args.count == TOLD[i].args)
            return TOLD[i].tell(w, e);
    const struct lake_predicate *p = e->args.count == 2 ? comparison(w, e) : NULL;
    return p ? p : &any;
}

const struct lake_predicate *where_predicate(struct arena *a, const struct expr *e, const struct type *input, size_t targets)
{
    const struct telling w = {a, input, targets};
    return tell(&w, e, 0);
}

/* ---------------------------------------------------------------- a whole condition */

int where_over_table(struct session *s, struct arena *a, const struct rel *table, const struct expr *e, const struct session_hook *hook, size_t targets,
                     struct session_plan *plan, struct lake_where *out, struct err *err)
{
    struct rel *project = rel_new(a, REL_PROJECT, e->at);
    struct expr *named = expr_new(a, EXPR_ALIAS, e->at);
    bool condition = true;
    project->input = (struct rel *)table;
    exprs_push(a, &named->args, (struct expr *)e);
    named->name = (struct names){ARENA_NEW(a, struct str), 1};
    named->name.parts[0] = STR("condition");
    exprs_push(a, &project->exprs, named);
    if (session_plan_exprs(s, a, project, hook, targets, &condition, plan, &out->duck, err))
        return -1;
    out->files = where_predicate(a, plan->resolved->exprs.items[0], plan->resolved->input->output, targets);
    out->text = where_text(a, e);
    return 0;
}

struct str where_text(struct arena *a, const struct expr *e)
{
    struct buf b;
    buf_init(&b);
    if (e)
        expr_sql(&b, e);
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}
