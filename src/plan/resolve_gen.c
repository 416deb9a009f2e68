/* resolve_gen.c -- generators: functions that give rows. Resolution makes each a REL_GENERATE whose
 * output is its input's columns followed by the generator's own. */
#include "plan/resolve_int.h"

bool expr_is_generator(const struct expr *e)
{
    if (e->kind != EXPR_CALL)
        return false;
    char low[32];
    if (e->func.len >= sizeof low)
        return false;
    for (size_t i = 0; i < e->func.len; i++)
        low[i] = (char)(e->func.ptr[i] >= 'A' && e->func.ptr[i] <= 'Z' ? e->func.ptr[i] | 32 : e->func.ptr[i]);
    const struct fn_sig *f = fn_find(str_of(low, e->func.len));
    return f && f->kind == FN_GENERATOR;
}

static struct scope *columns_of(struct rs *rs)
{
    struct scope *s = scope_new(rs);
    return s;
}

static void *wrong_input(struct rs *rs, const struct expr *g, const char *want)
{
    return res_fail(rs, g->at, ERR_INPUT, "[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE] %.*s() requires %s, not \"%.*s\"",
                    STR_ARGS(g->func), want, STR_ARGS(type_text(rs, g->args.items[0]->type)));
}

/* explode and posexplode: of an array one column, of a map two. */
static struct scope *explode(struct rs *rs, struct expr *g, bool outer)
{
    struct scope *s = columns_of(rs);
    const struct type *t = g->args.items[0]->type;
    if (str_starts_z(g->func, "pos"))
        scope_add(rs, s, STR("pos"), type_of(TYPE_INT), outer);
    if (t->kind == TYPE_ARRAY) {
        scope_add(rs, s, STR("col"), t->element, outer || t->contains_null);
    } else if (t->kind == TYPE_MAP) {
        scope_add(rs, s, STR("key"), t->key, outer);
        scope_add(rs, s, STR("value"), t->element, true);
    } else {
        return wrong_input(rs, g, "an \"ARRAY\" or \"MAP\"");
    }
    return s;
}

static struct scope *inline_columns(struct rs *rs, struct expr *g)
{
    struct scope *s = columns_of(rs);
    const struct type *t = g->args.items[0]->type, *st = t->kind == TYPE_ARRAY ? t->element : t;
    if (t->kind != TYPE_ARRAY || st->kind != TYPE_STRUCT)
        return wrong_input(rs, g, "an \"ARRAY\" of \"STRUCT\"");
    for (size_t i = 0; i < st->field_count; i++)
        scope_add(rs, s, st->fields[i].name, st->fields[i].type, true);
    return s;
}

static struct scope *stack(struct rs *rs, struct expr *g)
{
    struct scope *s = columns_of(rs);
    const struct expr *n = g->args.items[0];
    if (n->kind != EXPR_LITERAL || n->lit.kind != LIT_INT || n->lit.i64 < 1)
        return res_fail(rs, g->at, ERR_INPUT, "[DATATYPE_MISMATCH.NON_FOLDABLE_INPUT] The number of rows of stack() must be a "
                        "positive constant");
    size_t values = g->args.count - 1, rows = (size_t)n->lit.i64, cols = (values + rows - 1) / rows;
    for (size_t c = 0; c < cols; c++) {
        const struct type *t = g->args.items[1 + c]->type;
        for (size_t i = c; i < values && t; i += cols)
            t = common_type(rs, t, g->args.items[1 + i]->type);
        if (!t)
            return res_fail(rs, g->at, ERR_INPUT, "[DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES] Column %zu of stack() mixes types",
                            c + 1);
        for (size_t i = c; i < values; i += cols)
            g->args.items[1 + i] = cast_to(rs, g->args.items[1 + i], t);
        scope_add(rs, s, str_fmt(rs->a, "col%zu", c), t, true);
    }
    return s;
}

static struct scope *json_tuple(struct rs *rs, struct expr *g)
{
    struct scope *s = columns_of(rs);
    for (size_t i = 0; i < g->args.count; i++) {
        g->args.items[i] = coerce(rs, g->args.items[i], type_of(TYPE_STRING));
        if (!g->args.items[i])
            return res_fail(rs, g->at, ERR_INPUT, "[DATATYPE_MISMATCH.NON_STRING_TYPE] json_tuple() takes strings");
        if (i)
            scope_add(rs, s, str_fmt(rs->a, "c%zu", i - 1), type_of(TYPE_STRING), true);
    }
    return s;
}

static struct scope *variant_columns(struct rs *rs, struct expr *g)
{
    struct scope *s = columns_of(rs);
    if (g->args.items[0]->type->kind != TYPE_VARIANT)
        return wrong_input(rs, g, "a \"VARIANT\"");
    scope_add(rs, s, STR("pos"), type_of(TYPE_INT), false);
    scope_add(rs, s, STR("key"), type_of(TYPE_STRING), true);
    scope_add(rs, s, STR("value"), type_of(TYPE_VARIANT), true);
    return s;
}

struct expr *res_generator(struct ex *x, const struct expr *e, struct scope **cols)
{
    struct rs *rs = x->rs;
    struct expr *g = expr_copy(rs, e);
    struct str name = str_lower(rs->a, e->func);
    const struct fn_sig *f = fn_find(name);
    if (!f || f->kind != FN_GENERATOR)
        return res_fail(rs, e->at, ERR_INPUT, "[UNSUPPORTED_GENERATOR.NOT_GENERATOR] %.*s() is not a generator",
                        STR_ARGS(e->func));
    if ((int)e->args.count < f->min || (f->max >= 0 && (int)e->args.count > f->max))
        return res_fail(rs, e->at, ERR_INPUT, "[WRONG_NUM_ARGS.WITHOUT_SUGGESTION] The `%s` requires at least %d parameters "
                        "but the actual number is %zu", f->name, f->min, e->args.count);
    g->func = str_z(f->name);
    if (res_exprs(x, &e->args, &g->args))
        return NULL;
    bool outer = str_ends_z(g->func, "_outer");
    if (str_starts_z(g->func, "explode") || str_starts_z(g->func, "posexplode"))
        *cols = explode(rs, g, outer);
    else if (str_starts_z(g->func, "inline"))
        *cols = inline_columns(rs, g);
    else if (str_eqz(g->func, "stack"))
        *cols = stack(rs, g);
    else if (str_eqz(g->func, "json_tuple"))
        *cols = json_tuple(rs, g);
    else
        *cols = variant_columns(rs, g);
    return *cols ? g : NULL;
}

struct rel *rel_generate(struct rs *rs, struct rel *input, const struct scope *in, struct expr *gen, struct scope *cols,
                         bool outer, struct scope **out)
{
    struct rel *g = rel_new(rs->a, REL_GENERATE, gen->at);
    struct scope *s = scope_new(rs);
    scope_append(rs, s, in);
    scope_append(rs, s, cols);
    for (size_t i = in->count; i < s->count && outer; i++)
        s->cols[i].nullable = true;
    g->input = input;
    exprs_push(rs->a, &g->exprs, gen);
    g->outer = outer;
    *out = s;
    return rel_finish(rs, g, s);
}
