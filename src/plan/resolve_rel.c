/* resolve_rel.c -- relations other than select blocks: joins, set operations, CTEs, values, aliases
 * and what DataFrames add (withColumn, drop, dropDuplicates, toDF). */
#include "plan/resolve_join.h"

static struct rel *input_of(struct rs *rs, const struct rel *r, struct scope **s)
{
    return res_rel(rs, r->input, s);
}

static struct rel *wrap(struct rs *rs, const struct rel *r, struct rel *in, const struct scope *s)
{
    struct rel *c = rel_copy(rs, r);
    c->input = in;
    return rel_finish(rs, c, s);
}

/* ------------------------------------------------------------------ leaves */

static const struct cte *find_cte(const struct rs *rs, struct str name)
{
    for (const struct cte *c = rs->ctes; c; c = c->next)
        if (str_ieq(c->name, name))
            return c;
    return NULL;
}

static struct rel *table(struct rs *rs, const struct rel *r, struct scope **out)
{
    const struct cte *c = r->name.count == 1 ? find_cte(rs, r->name.parts[0]) : NULL;
    if (!c)
        return res_view_leaf(rs, r, out);
    struct rel *ref = rel_copy(rs, r);
    ref->text = STR("cte");
    ref->name.parts = arena_copy(rs->a, &c->name, sizeof c->name);
    *out = scope_new(rs);
    scope_append(rs, *out, c->scope);
    scope_qualify(*out, c->name);
    return rel_finish(rs, ref, *out);
}

static struct rel *one_row(struct rs *rs, const struct rel *r, struct scope **out)
{
    *out = scope_new(rs);
    return rel_finish(rs, rel_new(rs->a, REL_ONE_ROW, r->at), *out);
}

static struct rel *range_function(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *f = rel_copy(rs, r);
    struct ex x = {.rs = rs, .in = scope_new(rs), .no_aggregate = "a table function's arguments"};
    f->args = (struct exprs){0};
    if (r->args.count < 1 || r->args.count > 4)
        return res_fail(rs, r->at, ERR_INPUT, "[WRONG_NUM_ARGS] range() takes end, or start, end[, step[, partitions]]");
    for (size_t i = 0; i < r->args.count; i++) {
        struct expr *e = res_expr(&x, r->args.items[i]);
        e = e ? coerce(rs, e, type_of(TYPE_LONG)) : NULL;
        if (!e)
            return NULL;
        exprs_push(rs->a, &f->args, e);
    }
    *out = scope_new(rs);
    scope_add(rs, *out, STR("id"), type_of(TYPE_LONG), false)->qual[2] = STR("range");
    return rel_finish(rs, f, *out);
}

static struct rel *function(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct str name = str_lower(rs->a, r->func);
    if (str_eqz(name, "range"))
        return range_function(rs, r, out);
    const struct fn_sig *sig = fn_find(name);
    if (!sig || sig->kind != FN_GENERATOR)
        return res_view_leaf(rs, r, out);
    struct scope *none, *cols;
    struct rel *in = one_row(rs, r, &none);
    struct expr *call = expr_new(rs->a, EXPR_CALL, r->at);
    struct ex x = {.rs = rs, .in = none, .no_aggregate = "a table function's arguments"};
    call->func = name;
    call->args = r->args;
    struct expr *g = res_generator(&x, call, &cols);
    return g ? rel_generate(rs, in, none, g, cols, str_ends_z(name, "_outer"), out) : NULL;
}

static struct rel *local(struct rs *rs, const struct rel *r, struct scope **out)
{
    *out = scope_new(rs);
    CHECK(r->schema);
    for (size_t i = 0; i < r->schema->field_count; i++)
        scope_add(rs, *out, r->schema->fields[i].name, r->schema->fields[i].type, r->schema->fields[i].nullable);
    return rel_finish(rs, rel_copy(rs, r), *out);
}

static struct rel *values(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *v = rel_copy(rs, r);
    struct ex x = {.rs = rs, .in = scope_new(rs), .no_aggregate = "VALUES"};
    size_t cols = r->row_count ? r->rows[0].count : 0;
    *out = scope_new(rs);
    v->rows = ARENA_ARRAY(rs->a, struct exprs, r->row_count + 1);
    for (size_t i = 0; i < r->row_count; i++) {
        v->rows[i] = (struct exprs){0};
        if (r->rows[i].count != cols)
            return res_fail(rs, r->at, ERR_INPUT, "[INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH] Row %zu of VALUES has %zu "
                            "columns, the first has %zu", i + 1, r->rows[i].count, cols);
        if (res_exprs(&x, &r->rows[i], &v->rows[i]))
            return NULL;
    }
    for (size_t c = 0; c < cols; c++) {
        const struct type *t = v->rows[0].items[c]->type;
        bool nullable = false;
        for (size_t i = 0; i < v->row_count && t; i++) {
            t = common_type(rs, t, v->rows[i].items[c]->type);
            nullable |= v->rows[i].items[c]->nullable;
        }
        if (!t)
            return res_fail(rs, r->at, ERR_INPUT, "[INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE] Column %zu of "
                            "VALUES mixes types that have nothing in common", c + 1);
        for (size_t i = 0; i < v->row_count; i++)
            v->rows[i].items[c] = cast_to(rs, v->rows[i].items[c], t);
        struct str name = c < r->column_count ? r->columns[c] : str_fmt(rs->a, "col%zu", c + 1);
        scope_add(rs, *out, name, t, nullable);
    }
    return rel_finish(rs, v, *out);
}

/* ------------------------------------------------------------------ shape-preserving */

static struct rel *alias(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct scope *s = scope_new(rs);
    scope_append(rs, s, *out);
    *out = s;
    if (r->alias.len)
        scope_qualify(s, r->alias);
    size_t named = 0;
    for (size_t i = 0; i < s->count && r->column_count; i++) {
        if (s->cols[i].hidden != SHOWN)
            continue;
        if (named < r->column_count)
            s->cols[i].name = r->columns[named];
        named++;
    }
    if (r->column_count && named != r->column_count)
        return res_fail(rs, r->at, ERR_INPUT, "[ASSIGNMENT_ARITY_MISMATCH] `%.*s` names %zu columns, the relation has %zu",
                        STR_ARGS(r->alias), r->column_count, named);
    return wrap(rs, r, in, s);
}

static struct rel *filter(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "WHERE"};
    struct expr *cond = res_bool(&x, r->cond, "FILTER_NOT_BOOLEAN");
    if (!cond)
        return NULL;
    struct rel *f = wrap(rs, r, in, *out);
    if (f)
        f->cond = cond;
    return f;
}

static struct expr *plain_sort_key(struct rs *rs, struct ex *x, const struct expr *key)
{
    const struct expr *v = key->args.items[0];
    struct expr *s = expr_copy(rs, key), *e;
    if (v->kind == EXPR_LITERAL && v->lit.kind == LIT_INT) {
        if (v->lit.i64 < 1 || (size_t)v->lit.i64 > x->in->count)
            return res_fail(rs, v->at, ERR_INPUT, "[ORDER_BY_POS_OUT_OF_RANGE] ORDER BY position %jd is not in the select "
                            "list", (intmax_t)v->lit.i64);
        e = column_ref(rs, x->in, (size_t)v->lit.i64 - 1, v->at);
    } else {
        e = res_expr(x, v);
    }
    if (!e)
        return NULL;
    s->args.items[0] = e;
    s->type = e->type;
    return s;
}

static struct rel *sort(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "ORDER BY"};
    struct rel *s = wrap(rs, r, in, *out);
    if (!s)
        return NULL;
    bool all = sorts_all(&x, &r->order);
    s->order = (struct exprs){0};
    for (size_t i = 0; i < r->order.count && !all; i++) {
        struct expr *k = plain_sort_key(rs, &x, r->order.items[i]);
        if (!k)
            return NULL;
        exprs_push(rs->a, &s->order, k);
    }
    for (size_t i = 0; i < (*out)->count && all; i++) {
        struct expr *k = expr_copy(rs, r->order.items[0]);
        k->args = (struct exprs){0};
        exprs_push(rs->a, &k->args, column_ref(rs, *out, i, r->at));
        k->type = k->args.items[0]->type;
        exprs_push(rs->a, &s->order, k);
    }
    return s;
}

static struct expr *row_count(struct rs *rs, const struct expr *e)
{
    struct ex x = {.rs = rs, .in = scope_new(rs), .no_aggregate = "LIMIT"};
    struct expr *n = res_expr(&x, e);
    if (!n)
        return NULL;
    if (!type_is_integral(n->type) && n->type->kind != TYPE_NULL)
        return res_fail(rs, e->at, ERR_INPUT, "[INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE] A limit must be an integer, not "
                        "%.*s", STR_ARGS(type_text(rs, n->type)));
    if (n->kind == EXPR_LITERAL && n->lit.i64 < 0)
        return res_fail(rs, e->at, ERR_INPUT, "[INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE] A limit must not be negative");
    return n;
}

static struct rel *limit(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    struct rel *l = in ? wrap(rs, r, in, *out) : NULL;
    if (!l || (r->limit && !(l->limit = row_count(rs, r->limit))) || (r->offset && !(l->offset = row_count(rs, r->offset))))
        return NULL;
    return l;
}

static int64_t find_col(const struct scope *s, struct str name)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->cols[i].hidden == SHOWN && str_ieq(s->cols[i].name, name))
            return (int64_t)i;
    return -1;
}

static void *no_column(struct rs *rs, struct place at, struct str name)
{
    return res_fail(rs, at, ERR_INPUT, "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] A column with name `%.*s` cannot be "
                    "resolved", STR_ARGS(name));
}

static struct rel *dedup(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    struct rel *d = in ? wrap(rs, r, in, *out) : NULL;
    if (!d)
        return NULL;
    d->exprs = (struct exprs){0};
    for (size_t i = 0; i < r->column_count; i++) {
        int64_t at = find_col(*out, r->columns[i]);
        if (at < 0)
            return no_column(rs, r->at, r->columns[i]);
        exprs_push(rs->a, &d->exprs, column_ref(rs, *out, (size_t)at, r->at));
    }
    return d;
}

static struct rel *watermark(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "WATERMARK"};
    const struct expr *e = r->exprs.items[0];
    struct expr *t = res_expr(&x, e->kind == EXPR_ALIAS ? e->args.items[0] : e);
    if (!t)
        return NULL;
    if (t->kind != EXPR_COLUMN) { /* an expression becomes a column of its own */
        struct rel *p = rel_new(rs->a, REL_PROJECT, r->at);
        struct scope *s = scope_new(rs);
        scope_append(rs, s, *out);
        for (size_t i = 0; i < s->count; i++)
            exprs_push(rs->a, &p->exprs, column_ref(rs, *out, i, r->at));
        exprs_push(rs->a, &p->exprs, t);
        scope_add(rs, s, e->kind == EXPR_ALIAS ? e->name.parts[0] : expr_title(rs, e), t->type, t->nullable);
        p->input = in;
        in = rel_finish(rs, p, s);
        *out = s;
        t = column_ref(rs, s, s->count - 1, r->at);
    }
    struct rel *w = wrap(rs, r, in, *out);
    if (w) {
        w->exprs = (struct exprs){0};
        exprs_push(rs->a, &w->exprs, t);
    }
    return w;
}

static struct rel *hint(struct rs *rs, const struct rel *r, struct scope **out)
{
    return input_of(rs, r, out);
}

static struct rel *sample(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (r->with_replacement)
        return res_fail(rs, r->at, ERR_UNSUPPORTED, "sampling with replacement is not supported");
    return in ? wrap(rs, r, in, *out) : NULL;
}

/* ------------------------------------------------------------------ projections of DataFrames */

static struct rel *project_of(struct rs *rs, const struct rel *r, struct rel *in, const struct exprs *items,
                              struct scope *s)
{
    struct rel *p = rel_new(rs->a, REL_PROJECT, r->at);
    p->input = in;
    p->exprs = *items;
    return rel_finish(rs, p, s);
}

static struct rel *with_columns(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "withColumns"};
    struct scope *from = *out, *s = scope_new(rs);
    struct exprs items = {0};
    bool *used = ARENA_ARRAY(rs->a, bool, r->exprs.count + 1);
    for (size_t i = 0; i < from->count; i++) {
        struct expr *e = column_ref(rs, from, i, r->at);
        struct scope_col *c = scope_add(rs, s, STR_NONE, NULL, true);
        *c = from->cols[i];
        for (size_t n = 0; n < r->exprs.count; n++) {
            const struct expr *new = r->exprs.items[n];
            if (c->hidden != SHOWN || !str_ieq(new->name.parts[0], c->name))
                continue;
            used[n] = true;
            e = res_expr(&x, new->args.items[0]);
            if (!e)
                return NULL;
            *c = (struct scope_col){.name = new->name.parts[0], .type = e->type, .nullable = e->nullable};
        }
        exprs_push(rs->a, &items, e);
    }
    for (size_t n = 0; n < r->exprs.count; n++) {
        if (used[n])
            continue;
        struct expr *e = res_expr(&x, r->exprs.items[n]->args.items[0]);
        if (!e)
            return NULL;
        exprs_push(rs->a, &items, e);
        scope_add(rs, s, r->exprs.items[n]->name.parts[0], e->type, e->nullable);
    }
    *out = s;
    return project_of(rs, r, in, &items, s);
}

static bool in_list(const struct str *list, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieq(list[i], name))
            return true;
    return false;
}

static struct rel *drop(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    size_t count = 0, *keep = ARENA_ARRAY(rs->a, size_t, (*out)->count + 1);
    bool *gone = ARENA_ARRAY(rs->a, bool, (*out)->count + 1);
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "drop"};
    for (size_t i = 0; i < r->exprs.count; i++) { /* one of several columns of a name; what is not there need not go */
        int64_t at = res_ordinal(&x, r->exprs.items[i]);
        if (at == -2)
            return res_fail(rs, r->at, ERR_INPUT, "[AMBIGUOUS_REFERENCE] the column to drop is ambiguous");
        if (at >= 0)
            gone[at] = true;
    }
    for (size_t i = 0; i < (*out)->count; i++)
        if (!gone[i] && !in_list(r->columns, r->column_count, (*out)->cols[i].name))
            keep[count++] = i;
    return rel_pick(rs, in, *out, keep, count, out);
}

static struct rel *rename_columns(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    if (!in)
        return NULL;
    struct scope *s = scope_new(rs);
    struct exprs items = {0};
    size_t shown = 0;
    scope_append(rs, s, *out);
    for (size_t i = 0; i < s->count; i++) {
        exprs_push(rs->a, &items, column_ref(rs, *out, i, r->at));
        for (size_t n = 0; r->columns && n < r->column_count; n++)
            if (str_ieq(r->columns[n], s->cols[i].name))
                s->cols[i].name = r->new_columns[n];
        if (!r->columns && s->cols[i].hidden == SHOWN && shown < r->column_count)
            s->cols[i].name = r->new_columns[shown];
        shown += s->cols[i].hidden == SHOWN;
    }
    if (!r->columns && shown != r->column_count)
        return res_fail(rs, r->at, ERR_INPUT, "toDF() names %zu columns, the relation has %zu", r->column_count, shown);
    *out = s;
    return project_of(rs, r, in, &items, s);
}

static struct rel *lateral_view(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *in = input_of(rs, r, out);
    struct scope *cols;
    if (!in)
        return NULL;
    struct ex x = {.rs = rs, .in = *out, .no_aggregate = "LATERAL VIEW"};
    struct expr *g = res_generator(&x, r->exprs.items[0], &cols);
    if (!g)
        return NULL;
    if (r->column_count && r->column_count != cols->count)
        return res_fail(rs, r->at, ERR_INPUT, "[UDTF_ALIAS_NUMBER_MISMATCH] The generator gives %zu columns, the view names "
                        "%zu", cols->count, r->column_count);
    for (size_t i = 0; i < cols->count; i++) {
        if (i < r->column_count)
            cols->cols[i].name = r->columns[i];
        cols->cols[i].qual[2] = r->alias;
    }
    return rel_generate(rs, in, *out, g, cols, r->outer || str_ends_z(r->exprs.items[0]->func, "_outer"), out);
}

/* ------------------------------------------------------------------ dispatch */


static struct rel *(*const resolvers[])(struct rs *rs, const struct rel *r, struct scope **out) = {
    [REL_TABLE] = table, [REL_FUNCTION] = function, [REL_SOURCE] = res_view_leaf, [REL_VALUES] = values,
    [REL_ONE_ROW] = one_row, [REL_PROJECT] = res_block, [REL_FILTER] = filter, [REL_JOIN] = res_join,
    [REL_AGGREGATE] = res_block, [REL_SORT] = sort, [REL_LIMIT] = limit, [REL_SETOP] = res_setop,
    [REL_ALIAS] = alias, [REL_DEDUP] = dedup, [REL_WITH] = res_with, [REL_WATERMARK] = watermark,
    [REL_GENERATE] = lateral_view, [REL_WITH_COLUMNS] = with_columns, [REL_DROP] = drop,
    [REL_RENAME] = rename_columns, [REL_SAMPLE] = sample, [REL_PIVOT] = res_pivot, [REL_LOCAL] = local,
    [REL_TAIL] = limit, [REL_HINT] = hint, [REL_UNPIVOT] = res_unpivot,
};

/* The columns in *out are also those of the relation `id`. */
static void tag_columns(struct rs *rs, int64_t id, struct scope **out)
{
    if (!id)
        return;
    struct scope *s = scope_new(rs);
    scope_append(rs, s, *out);
    s->outer = (*out)->outer;
    for (size_t i = 0; i < s->count; i++) {
        struct plan_tag *t = ARENA_NEW(rs->a, struct plan_tag);
        *t = (struct plan_tag){id, s->cols[i].plans};
        s->cols[i].plans = t;
    }
    *out = s;
}

static struct rel *untagged(struct rs *rs, const struct rel *r, struct scope **out)
{
    if ((size_t)r->kind >= COUNT_OF(resolvers) || !resolvers[r->kind])
        return res_fail(rs, r->at, ERR_UNSUPPORTED, "this relation is not supported");
    return resolvers[r->kind](rs, r, out);
}

struct rel *res_rel(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct rel *done = block_head(r) ? res_block(rs, r, out) : untagged(rs, r, out);
    if (!done)
        return NULL;
    if (block_head(r) && r->kind == REL_SORT) /* a block has two ids: the sort's and what it sorts */
        tag_columns(rs, r->input->plan_id, out);
    tag_columns(rs, r->plan_id, out);
    return done;
}
