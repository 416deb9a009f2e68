/* resolve_expr.c -- expressions: names and fields, literals, casts, CASE, windows, lambdas and
 * subqueries. Calls are in resolve_call.c.
 *
 * A name a.b.c is read with the longest qualifier that finds a column; what is left are fields. It
 * is looked for among lambda variables, the input's columns, earlier aliases of the same list, then
 * in the queries around this one (outer_depth counts how far out). */
#include "plan/resolve_int.h"

struct expr *expr_copy(struct rs *rs, const struct expr *e)
{
    struct expr *c = arena_copy(rs->a, e, sizeof *e);
    if (e->args.count)
        c->args.items = arena_copy(rs->a, e->args.items, e->args.count * sizeof *e->args.items);
    c->args.cap = e->args.count;
    return c;
}

struct expr *lit_null(struct rs *rs, struct place at, const struct type *t)
{
    struct expr *e = expr_new(rs->a, EXPR_LITERAL, at);
    e->lit.kind = LIT_NULL;
    e->type = t;
    e->nullable = true;
    return e;
}

struct expr *lit_int(struct rs *rs, struct place at, int64_t v)
{
    struct expr *e = expr_new(rs->a, EXPR_LITERAL, at);
    e->lit = (struct lit){.kind = LIT_INT, .i64 = v};
    e->type = type_of(v >= INT32_MIN && v <= INT32_MAX ? TYPE_INT : TYPE_LONG);
    return e;
}

struct expr *lit_text(struct rs *rs, struct place at, struct str v)
{
    struct expr *e = expr_new(rs->a, EXPR_LITERAL, at);
    e->lit = (struct lit){.kind = LIT_STRING, .text = v};
    e->type = type_of(TYPE_STRING);
    return e;
}

struct expr *call_of(struct rs *rs, struct place at, const char *func, const struct type *t, struct expr *x, struct expr *y)
{
    struct expr *c = expr_call(rs->a, at, func, x, y);
    c->type = t;
    c->nullable = (x && x->nullable) || (y && y->nullable);
    return c;
}

const struct type *common_type(struct rs *rs, const struct type *x, const struct type *y)
{
    return rs->env->ansi ? type_common(rs->a, x, y) : type_common_legacy(rs->a, x, y);
}

/* ------------------------------------------------------------------ casts */

/* Casts of literals that cost nothing at run time; NULL if there is none. */
static struct expr *fold_cast(struct rs *rs, const struct expr *e, const struct type *t)
{
    struct expr *c = expr_copy(rs, e);
    c->type = t;
    if (e->lit.kind == LIT_NULL)
        return c;
    if (e->lit.kind == LIT_INT && type_is_integral(t) && t->kind >= e->type->kind)
        return c;
    if (e->lit.kind == LIT_INT && t->kind == TYPE_DOUBLE && e->lit.i64 > -(1LL << 53) && e->lit.i64 < 1LL << 53) {
        c->lit = (struct lit){.kind = LIT_FLOAT, .f64 = (double)e->lit.i64};
        return c;
    }
    return NULL;
}

struct expr *cast_to(struct rs *rs, struct expr *e, const struct type *t)
{
    if (type_equal(e->type, t) && e->type->kind != TYPE_STRUCT)
        return e;
    if (type_equal(e->type, t)) { /* structs compare without case: keep the names */
        for (size_t i = 0; i < t->field_count; i++)
            if (!str_eq(e->type->fields[i].name, t->fields[i].name))
                goto cast;
        return e;
    }
    if (e->kind == EXPR_LITERAL) {
        struct expr *f = fold_cast(rs, e, t);
        if (f)
            return f;
    }
cast:;
    struct expr *c = expr_new(rs->a, EXPR_CAST, e->at);
    exprs_push(rs->a, &c->args, e);
    c->type = t;
    c->nullable = e->nullable;
    return c;
}

static bool is_text(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_CHAR || t->kind == TYPE_VARCHAR;
}

static bool is_time(const struct type *t)
{
    return t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_NTZ;
}

static bool is_atomic(const struct type *t)
{
    return t->kind <= TYPE_INTERVAL;
}

static bool implicit_ok(const struct type *from, const struct type *to)
{
    if (from->kind == TYPE_NULL || type_equal(from, to))
        return true;
    if (type_is_numeric(from) && type_is_numeric(to))
        return true;
    if (is_text(to))
        return is_atomic(from) && from->kind != TYPE_BINARY;
    if (is_text(from))
        return is_atomic(to);
    if (is_time(from) && is_time(to))
        return true;
    if (from->kind == TYPE_ARRAY && to->kind == TYPE_ARRAY)
        return implicit_ok(from->element, to->element);
    if (from->kind == TYPE_MAP && to->kind == TYPE_MAP)
        return implicit_ok(from->key, to->key) && implicit_ok(from->element, to->element);
    if (from->kind == TYPE_STRUCT && to->kind == TYPE_STRUCT)
        return type_can_cast(from, to);
    return false;
}

struct expr *coerce(struct rs *rs, struct expr *e, const struct type *t)
{
    if (!implicit_ok(e->type, t))
        return NULL;
    return cast_to(rs, e, t);
}

struct expr *res_bool(struct ex *x, const struct expr *e, const char *what)
{
    struct expr *r = res_expr(x, e);
    if (!r)
        return NULL;
    struct expr *b = coerce(x->rs, r, type_of(TYPE_BOOLEAN));
    return b ?: res_fail(x->rs, e->at, ERR_INPUT, "[DATATYPE_MISMATCH.%s] The condition \"%.*s\" is of type \"%.*s\", not "
                         "\"BOOLEAN\"", what, STR_ARGS(expr_title(x->rs, e)), STR_ARGS(type_text(x->rs, r->type)));
}

/* ------------------------------------------------------------------ names */

static bool col_matches(const struct ex *x, const struct scope_col *c, const struct names *n, size_t quals)
{
    bool same = x->rs->env->case_sensitive ? str_eq(c->name, n->parts[quals]) : str_ieq(c->name, n->parts[quals]);
    if (!same || (c->hidden == HIDDEN_BEHIND && !quals))
        return false;
    for (size_t i = 0; i < quals; i++)
        if (!str_ieq(c->qual[2 - i], n->parts[quals - 1 - i]))
            return false;
    return true;
}

enum { NO_PLAN = INT32_MAX };

/* How many relations lie between the one that `id` names and this column; NO_PLAN: it is of another. */
static int plan_distance(const struct scope_col *c, int64_t id)
{
    int n = 0;
    for (const struct plan_tag *t = c->plans; t && id; t = t->next, n++)
        if (t->id == id)
            return n;
    return NO_PLAN;
}

/* The column in one scope: ordinal, -1 none, -2 ambiguous. *used: parts consumed. Among columns of one
 * name that of the relation `plan` is meant, of several such the nearest. */
static int64_t find_in(const struct ex *x, const struct scope *s, const struct names *n, int64_t plan, size_t *used)
{
    for (size_t quals = n->count - 1 < 3 ? n->count - 1 : 3;; quals--) {
        int64_t found = -1;
        int best = NO_PLAN;
        bool several = false;
        for (size_t i = 0; i < s->count; i++) {
            if (!col_matches(x, &s->cols[i], n, quals))
                continue;
            int away = plan_distance(&s->cols[i], plan);
            if (found >= 0 && away >= best) {
                several |= away == best;
                continue;
            }
            found = (int64_t)i;
            best = away;
            several = false;
        }
        *used = quals + 1;
        if (several)
            return -2;
        if (found >= 0)
            return found;
        if (!quals)
            return -1;
    }
}

bool res_finds(struct ex *x, const struct expr *column)
{
    size_t used;
    return find_in(x, x->in, &column->name, column->plan_id, &used) != -1;
}

int64_t res_ordinal(struct ex *x, const struct expr *column)
{
    size_t used;
    return find_in(x, x->in, &column->name, column->plan_id, &used);
}

static struct str dotted(struct rs *rs, const struct names *n)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < n->count; i++)
        buf_printf(&b, "%s`%.*s`", i ? "." : "", STR_ARGS(n->parts[i]));
    struct str s = str_copy(rs->a, buf_view(&b));
    buf_release(&b);
    return s;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance of two names, cut to 63 bytes each. */
static size_t distance(struct str a, struct str b)
{
    size_t row[64], n = min_size(a.len, 63), m = min_size(b.len, 63);
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = diagonal + ((a.ptr[i - 1] | 32) != (b.ptr[j - 1] | 32));
            diagonal = row[j];
            row[j] = min_size(cost, min_size(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

enum { SUGGESTIONS = 5 };

static struct expr *unresolved(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct str name = e->name.parts[e->name.count - 1];
    size_t best[SUGGESTIONS], count = 0;
    for (size_t i = 0; i < x->in->count; i++) {
        if (x->in->cols[i].hidden != SHOWN)
            continue;
        size_t d = distance(name, x->in->cols[i].name), at = count;
        while (at && d < distance(name, x->in->cols[best[at - 1]].name))
            at--;
        if (at >= SUGGESTIONS)
            continue;
        count = min_size(count + 1, SUGGESTIONS);
        memmove(best + at + 1, best + at, (count - at - 1) * sizeof *best);
        best[at] = i;
    }
    if (!count)
        return res_fail(rs, e->at, ERR_INPUT, "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] A column, variable, or function "
                        "parameter with name %.*s cannot be resolved", STR_ARGS(dotted(rs, &e->name)));
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%s`%.*s`", i ? ", " : "", STR_ARGS(x->in->cols[best[i]].name));
    res_fail(rs, e->at, ERR_INPUT, "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with "
             "name %.*s cannot be resolved. Did you mean one of the following? [%s]", STR_ARGS(dotted(rs, &e->name)), b.ptr);
    buf_release(&b);
    return NULL;
}

static struct expr *fields_of(struct ex *x, struct expr *base, const struct names *n, size_t from, struct place at)
{
    for (size_t i = from; base && i < n->count; i++)
        base = res_field(x, base, n->parts[i], at);
    return base;
}

static struct expr *lambda_var(struct ex *x, const struct expr *e)
{
    for (const struct lambda_frame *f = x->lambdas; f; f = f->up)
        for (size_t i = 0; i < f->count; i++)
            if (str_ieq(f->names[i], e->name.parts[0])) {
                struct expr *v = expr_new(x->rs->a, EXPR_LAMBDA_VAR, e->at);
                v->name.parts = &f->names[i];
                v->name.count = 1;
                v->type = f->types[i];
                v->nullable = true;
                return fields_of(x, v, &e->name, 1, e->at);
            }
    return NULL;
}

static size_t tree_size(const struct expr *e)
{
    size_t n = 1;
    for (size_t i = 0; i < e->args.count; i++)
        n += tree_size(e->args.items[i]);
    return n;
}

static struct expr *lateral_alias(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    for (size_t i = 0; x->aliases && i < x->aliases->count; i++) {
        const struct expr *item = x->aliases->items[i];
        if (!str_ieq(item->name.parts[0], e->name.parts[0]))
            continue;
        struct expr *v = item->args.items[0];
        if (expr_has_flag(v, FN_VOLATILE))
            return res_fail(rs, e->at, ERR_UNSUPPORTED, "[UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS] `%.*s` has another "
                            "value at each use; compute it in a subquery", STR_ARGS(item->name.parts[0]));
        rs->inlined += tree_size(v);
        if (rs->inlined > RESOLVE_MAX_INLINED)
            return res_fail(rs, e->at, ERR_LIMIT, "lateral column aliases expand to more than %d terms; compute `%.*s` in a "
                            "subquery", RESOLVE_MAX_INLINED, STR_ARGS(item->name.parts[0]));
        return fields_of(x, v, &e->name, 1, e->at);
    }
    return NULL;
}

static struct expr *ambiguous(struct ex *x, const struct expr *e)
{
    return res_fail(x->rs, e->at, ERR_INPUT, "[AMBIGUOUS_REFERENCE] Reference %.*s is ambiguous; qualify it with its table",
                    STR_ARGS(dotted(x->rs, &e->name)));
}

/* Functions that Spark lets one call without parentheses. */
static struct expr *bare_function(struct ex *x, const struct expr *e)
{
    static const char *const names[] = {"current_date", "current_timestamp", "current_user", "current_catalog",
                                        "current_database", "current_schema", "localtimestamp", "session_user", "user",
                                        "current_timezone"};
    for (size_t i = 0; i < COUNT_OF(names) && e->name.count == 1; i++)
        if (str_ieqz(e->name.parts[0], names[i]))
            return res_expr(x, expr_call(x->rs->a, e->at, names[i], NULL, NULL));
    return NULL;
}

static struct expr *column(struct ex *x, const struct expr *e)
{
    size_t used;
    struct expr *v = lambda_var(x, e);
    if (v)
        return v;
    int depth = 0;
    for (const struct scope *s = x->in; s; s = s->outer, depth++) {
        int64_t at = find_in(x, s, &e->name, e->plan_id, &used);
        if (at == -2)
            return ambiguous(x, e);
        if (at >= 0) {
            struct expr *c = column_ref(x->rs, s, (size_t)at, e->at);
            c->outer_depth = depth;
            return fields_of(x, c, &e->name, used, e->at);
        }
        if (depth == 0) {
            struct err before = *x->rs->err;
            v = lateral_alias(x, e);
            if (v || memcmp(&before, x->rs->err, sizeof before) != 0)
                return v;
        }
    }
    v = bare_function(x, e);
    return v ?: unresolved(x, e);
}

/* ------------------------------------------------------------------ fields and elements */

static struct expr *field_node(struct ex *x, struct expr *base, struct str name, const struct type *t, struct place at)
{
    struct expr *f = expr_new(x->rs->a, EXPR_FIELD, at);
    exprs_push(x->rs->a, &f->args, base);
    f->field_name = name;
    f->type = t;
    f->nullable = true;
    return f;
}

struct expr *res_field(struct ex *x, struct expr *base, struct str name, struct place at)
{
    const struct type *t = base->type, *st = t->kind == TYPE_ARRAY ? t->element : t;
    if (t->kind == TYPE_VARIANT)
        return field_node(x, base, name, t, at);
    if (t->kind == TYPE_MAP) {
        struct expr *m = expr_new(x->rs->a, EXPR_ELEMENT, at), *key = coerce(x->rs, lit_text(x->rs, at, name), t->key);
        if (key) {
            exprs_push(x->rs->a, &m->args, base);
            exprs_push(x->rs->a, &m->args, key);
            m->type = t->element;
            m->nullable = true;
            return m;
        }
    }
    if (st->kind != TYPE_STRUCT)
        return res_fail(x->rs, at, ERR_INPUT, "[INVALID_EXTRACT_BASE_FIELD_TYPE] Can't extract a value from \"%.*s\": need a "
                        "complex type [STRUCT, ARRAY, MAP] but got \"%.*s\"", STR_ARGS(expr_title(x->rs, base)),
                        STR_ARGS(type_text(x->rs, t)));
    const struct type_field *f = type_field_find(st, name);
    if (!f) {
        struct buf b;
        buf_init(&b);
        for (size_t i = 0; i < st->field_count && i < 20; i++)
            buf_printf(&b, "%s`%.*s`", i ? ", " : "", STR_ARGS(st->fields[i].name));
        res_fail(x->rs, at, ERR_INPUT, "[FIELD_NOT_FOUND] No such struct field `%.*s` in %s", STR_ARGS(name), b.ptr);
        buf_release(&b);
        return NULL;
    }
    const struct type *ft = t->kind == TYPE_ARRAY ? type_array(x->rs->a, f->type, true) : f->type;
    return field_node(x, base, f->name, ft, at);
}

static struct expr *field(struct ex *x, const struct expr *e)
{
    struct expr *base = res_expr(x, e->args.items[0]);
    return base ? res_field(x, base, e->field_name, e->at) : NULL;
}

static struct expr *element(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct expr *base = res_expr(x, e->args.items[0]), *i = base ? res_expr(x, e->args.items[1]) : NULL;
    if (!i)
        return NULL;
    const struct type *t = base->type;
    if (t->kind == TYPE_STRUCT && i->kind == EXPR_LITERAL && i->lit.kind == LIT_STRING)
        return res_field(x, base, i->lit.text, e->at);
    struct expr *c = expr_copy(rs, e);
    c->nullable = true;
    c->type = t->kind == TYPE_VARIANT ? t : t->element;
    if (t->kind == TYPE_ARRAY && type_is_integral(i->type))
        i = cast_to(rs, i, type_of(i->type->kind == TYPE_LONG ? TYPE_LONG : TYPE_INT));
    else if (t->kind == TYPE_MAP)
        i = coerce(rs, i, t->key);
    else if (t->kind != TYPE_VARIANT)
        i = NULL;
    if (!i)
        return res_fail(rs, e->at, ERR_INPUT, "[INVALID_EXTRACT_FIELD_TYPE] Can't extract an element of \"%.*s\", which is of "
                        "type \"%.*s\"", STR_ARGS(expr_title(rs, e->args.items[0])), STR_ARGS(type_text(rs, t)));
    c->args.items[0] = base;
    c->args.items[1] = i;
    return c;
}

/* `v:a.b[0]`: a variant gives a variant, JSON text gives text. */
static struct expr *path(struct ex *x, const struct expr *e)
{
    struct expr *base = res_expr(x, e->args.items[0]);
    if (!base)
        return NULL;
    if (base->type->kind != TYPE_VARIANT && !is_text(base->type))
        return res_fail(x->rs, e->at, ERR_INPUT, "[INVALID_EXTRACT_BASE_FIELD_TYPE] `:` extracts from a JSON string or a "
                        "variant, not from \"%.*s\"", STR_ARGS(type_text(x->rs, base->type)));
    struct expr *c = expr_copy(x->rs, e);
    c->args.items[0] = base;
    c->type = type_of(base->type->kind == TYPE_VARIANT ? TYPE_VARIANT : TYPE_STRING);
    c->nullable = true;
    return c;
}

/* ------------------------------------------------------------------ the other kinds */

static struct expr *literal(struct ex *x, const struct expr *e)
{
    struct expr *c = expr_copy(x->rs, e);
    if (!c->type)
        c->type = type_of(TYPE_NULL);
    c->nullable = e->lit.kind == LIT_NULL;
    return c;
}

static struct expr *interval(struct ex *x, const struct expr *e)
{
    struct expr *c = expr_copy(x->rs, e);
    bool months = e->lit.months != 0, rest = e->lit.days || e->lit.us;
    if (!c->type && months && rest)
        c->type = type_of(TYPE_INTERVAL);
    else if (!c->type && months)
        c->type = type_interval(x->rs->a, TYPE_INTERVAL_YM, 0, 1);
    else if (!c->type)
        c->type = type_interval(x->rs->a, TYPE_INTERVAL_DT, 0, e->lit.us ? 3 : 0);
    return c;
}

static struct expr *param(struct ex *x, const struct expr *e)
{
    const struct resolver *env = x->rs->env;
    struct str name = e->name.count ? e->name.parts[0] : e->field_name;
    for (size_t i = 0; i < env->param_count; i++) {
        if (!str_ieq(env->param_names[i], name))
            continue;
        static const enum type_kind kinds[] = {
            [LIT_NULL] = TYPE_NULL, [LIT_BOOL] = TYPE_BOOLEAN, [LIT_FLOAT] = TYPE_DOUBLE, [LIT_DECIMAL] = TYPE_DECIMAL,
            [LIT_STRING] = TYPE_STRING, [LIT_BINARY] = TYPE_BINARY, [LIT_DATE] = TYPE_DATE,
            [LIT_TIMESTAMP] = TYPE_TIMESTAMP, [LIT_TIMESTAMP_NTZ] = TYPE_TIMESTAMP_NTZ, [LIT_INTERVAL] = TYPE_INTERVAL};
        struct expr *l = expr_new(x->rs->a, EXPR_LITERAL, e->at);
        l->lit = env->params[i];
        l->type = l->lit.kind == LIT_INT ? type_of(l->lit.i64 == (int32_t)l->lit.i64 ? TYPE_INT : TYPE_LONG)
                                         : type_of(kinds[l->lit.kind]);
        if (l->lit.kind == LIT_DECIMAL) {
            int64_t dot = str_chr(l->lit.text, '.');
            int digits = 0;
            for (size_t k = 0; k < l->lit.text.len; k++)
                digits += l->lit.text.ptr[k] >= '0' && l->lit.text.ptr[k] <= '9';
            l->type = type_decimal(x->rs->a, digits, dot < 0 ? 0 : (int)(l->lit.text.len - (size_t)dot - 1));
        }
        l->nullable = l->lit.kind == LIT_NULL;
        return l;
    }
    return res_fail(x->rs, e->at, ERR_INPUT, "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: %.*s", STR_ARGS(name));
}

static struct expr *cast(struct ex *x, const struct expr *e)
{
    struct expr *v = res_expr(x, e->args.items[0]);
    if (!v)
        return NULL;
    if (!type_can_cast(v->type, e->type))
        return res_fail(x->rs, e->at, ERR_INPUT, "[DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION] Cannot cast \"%.*s\" of type "
                        "\"%.*s\" to \"%.*s\"", STR_ARGS(expr_title(x->rs, e->args.items[0])),
                        STR_ARGS(type_text(x->rs, v->type)), STR_ARGS(type_text(x->rs, e->type)));
    struct expr *c = expr_copy(x->rs, e);
    c->args.items[0] = v;
    c->nullable = v->nullable || e->try_cast || is_text(v->type) || v->type->kind == TYPE_VARIANT;
    bool range = v->type->kind == TYPE_INTERVAL_DT || v->type->kind == TYPE_INTERVAL_YM; /* equal types may have other fields */
    return type_equal(v->type, e->type) && v->type->kind != TYPE_STRUCT && !range ? v : c;
}

static struct expr *case_when(struct ex *x, const struct expr *e)
{
    struct expr *c = expr_copy(x->rs, e);
    c->kind = EXPR_CALL;
    c->func = STR("when");
    return res_call(x, c);
}

static struct expr *aliased(struct ex *x, const struct expr *e)
{
    return res_expr(x, e->args.items[0]); /* a name within an expression has no meaning but in struct() */
}

static struct expr *star(struct ex *x, const struct expr *e)
{
    return res_fail(x->rs, e->at, ERR_INPUT, "[INVALID_USAGE_OF_STAR_OR_REGEX] Invalid usage of '*' here");
}

static struct expr *sort_item(struct ex *x, const struct expr *e)
{
    struct expr *c = expr_copy(x->rs, e), *v = res_expr(x, e->args.items[0]);
    if (!v)
        return NULL;
    c->args.items[0] = v;
    c->type = v->type;
    return c;
}

static struct expr *lambda(struct ex *x, const struct expr *e)
{
    return res_fail(x->rs, e->at, ERR_INPUT, "[INVALID_LAMBDA_FUNCTION_CALL] A lambda is not allowed here");
}

static int frame_value(struct ex *x, struct expr **v)
{
    if (!*v)
        return 0;
    *v = res_expr(x, *v);
    return *v ? 0 : -1;
}

static struct expr *window(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct ex in = *x;
    if (x->no_aggregate && !x->in_window && (str_eqz(str_z(x->no_aggregate), "WHERE") ||
                                             str_eqz(str_z(x->no_aggregate), "GROUP BY")))
        return res_fail(rs, e->at, ERR_INPUT, "[UNSUPPORTED_EXPR_FOR_WINDOW] A window function is not allowed in %s",
                        x->no_aggregate);
    if (x->in_window)
        return res_fail(rs, e->at, ERR_INPUT, "[NESTED_WINDOW_FUNCTION] A window function within a window function");
    in.in_window = true;
    struct expr *c = expr_copy(rs, e);
    const struct expr *f = e->args.items[0];
    const struct fn_sig *sig = f->kind == EXPR_CALL ? fn_find(str_lower(rs->a, f->func)) : NULL;
    if (!sig || (sig->kind != FN_WINDOW && sig->kind != FN_AGGREGATE)) {
        if (f->kind == EXPR_CALL && !sig)
            return res_call(x, f);
        return res_fail(rs, e->at, ERR_INPUT, "[UNSUPPORTED_EXPR_FOR_WINDOW] \"%.*s\" is neither a window function nor an "
                        "aggregate", STR_ARGS(expr_title(rs, f)));
    }
    c->partition = c->order = (struct exprs){0};
    c->args.items[0] = res_call(&in, f);
    if (!c->args.items[0] || res_exprs(&in, &e->partition, &c->partition) || res_exprs(&in, &e->order, &c->order) ||
        frame_value(&in, &c->frame.from_value) || frame_value(&in, &c->frame.to_value))
        return NULL;
    if (sig->kind == FN_WINDOW && !c->order.count && !str_eqz(f->func, "nth_value"))
        return res_fail(rs, e->at, ERR_INPUT, "[WINDOW_FUNCTION_WITHOUT_ORDER_BY] Window function %.*s() requires the window "
                        "to be ordered: OVER (… ORDER BY …)", STR_ARGS(f->func));
    c->type = c->args.items[0]->type;
    c->nullable = c->args.items[0]->nullable;
    return c;
}

/* ------------------------------------------------------------------ subqueries */

static struct rel *subquery(struct ex *x, const struct expr *e, struct scope **s)
{
    struct rs *rs = x->rs;
    const struct scope *outer = rs->outer;
    rs->outer = x->in;
    struct rel *r = res_rel(rs, e->sub, s);
    r = r ? rel_drop_hidden(rs, r, s) : NULL;
    rs->outer = outer;
    return r;
}

static struct expr *scalar_subquery(struct ex *x, const struct expr *e)
{
    struct scope *s;
    struct expr *c = expr_copy(x->rs, e);
    c->sub = subquery(x, e, &s);
    if (!c->sub)
        return NULL;
    if (s->count != 1)
        return res_fail(x->rs, e->at, ERR_INPUT, "[INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_"
                        "COLUMN] A scalar subquery must return one column, this one returns %zu", s->count);
    c->type = s->cols[0].type;
    c->nullable = true;
    return c;
}

static struct expr *exists(struct ex *x, const struct expr *e)
{
    struct scope *s;
    struct expr *c = expr_copy(x->rs, e);
    c->sub = subquery(x, e, &s);
    c->type = type_of(TYPE_BOOLEAN);
    return c->sub ? c : NULL;
}

static struct expr *in_subquery(struct ex *x, const struct expr *e)
{
    struct rs *rs = x->rs;
    struct scope *s;
    struct expr *c = expr_copy(rs, e);
    c->args = (struct exprs){0};
    c->sub = subquery(x, e, &s);
    if (!c->sub || res_exprs(x, &e->args, &c->args))
        return NULL;
    if (s->count != c->args.count)
        return res_fail(rs, e->at, ERR_INPUT, "[DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH] The left side has %zu columns, "
                        "the subquery %zu", c->args.count, s->count);
    struct exprs casts = {0};
    bool same = true;
    for (size_t i = 0; i < s->count; i++) {
        const struct type *t = common_type(rs, c->args.items[i]->type, s->cols[i].type);
        if (!t)
            return res_fail(rs, e->at, ERR_INPUT, "[DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH] IN compares \"%.*s\" with "
                            "\"%.*s\"", STR_ARGS(type_text(rs, c->args.items[i]->type)),
                            STR_ARGS(type_text(rs, s->cols[i].type)));
        same &= type_equal(s->cols[i].type, t);
        c->args.items[i] = cast_to(rs, c->args.items[i], t);
        exprs_push(rs->a, &casts, cast_to(rs, column_ref(rs, s, i, e->at), t));
        s->cols[i].type = t;
    }
    if (!same) {
        struct rel *p = rel_new(rs->a, REL_PROJECT, e->at);
        p->input = c->sub;
        p->exprs = casts;
        c->sub = rel_finish(rs, p, s);
    }
    c->type = type_of(TYPE_BOOLEAN);
    c->nullable = true;
    return c;
}

/* ------------------------------------------------------------------ dispatch */

static struct expr *(*const resolvers[])(struct ex *x, const struct expr *e) = {
    [EXPR_LITERAL] = literal, [EXPR_COLUMN] = column, [EXPR_STAR] = star, [EXPR_CALL] = res_call, [EXPR_CAST] = cast,
    [EXPR_ALIAS] = aliased, [EXPR_CASE] = case_when, [EXPR_WINDOW] = window, [EXPR_SORT] = sort_item,
    [EXPR_LAMBDA] = lambda, [EXPR_LAMBDA_VAR] = column, [EXPR_FIELD] = field, [EXPR_ELEMENT] = element,
    [EXPR_PATH] = path, [EXPR_SUBQUERY] = scalar_subquery, [EXPR_EXISTS] = exists, [EXPR_IN_SUBQUERY] = in_subquery,
    [EXPR_INTERVAL] = interval, [EXPR_NAMED_ARG] = aliased, [EXPR_PARAM] = param,
};

/* Depth: the front ends' PLAN_MAX_DEPTH. */
struct expr *res_expr(struct ex *x, const struct expr *e)
{
    CHECK((size_t)e->kind < COUNT_OF(resolvers) && resolvers[e->kind]);
    if (x->window_call && e->kind == EXPR_CALL && expr_equal(e, x->window_call))
        return column_ref(x->rs, x->in, x->window_column, e->at);
    return resolvers[e->kind](x, e);
}

int res_exprs(struct ex *x, const struct exprs *in, struct exprs *out)
{
    struct exprs done = {0};
    for (size_t i = 0; i < in->count; i++) {
        struct expr *e = res_expr(x, in->items[i]);
        if (!e)
            return -1;
        exprs_push(x->rs->a, &done, e);
    }
    *out = done;
    return 0;
}
