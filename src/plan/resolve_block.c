/* resolve_block.c -- a select block: [SORT] (HAVING | QUALIFY)* (PROJECT | AGGREGATE).
 *
 * The block is resolved as one, because its clauses see each other: ORDER BY, HAVING and QUALIFY see
 * the select list's aliases and, behind them, the input. What they need and the list does not show is
 * appended to the list as a hidden column, and a projection on top drops it again. GROUP BY sees the
 * list by ordinal and alias. A select list with an aggregate is an aggregate without groups. */
#include "plan/resolve_int.h"

struct block {
    struct rs *rs;
    const struct rel *sort, *core;
    const struct rel **filters; size_t filter_count, filter_cap;  /* innermost first */
    struct rel *in;
    struct scope *in_scope, *out;   /* out: of the list */
    struct exprs items, groups;     /* items: EXPR_ALIAS each */
    size_t shown;                   /* items before the hidden ones */
    bool aggregate;
    struct ex ex;                   /* how list items are resolved */
};

bool block_head(const struct rel *r)
{
    if (r->kind == REL_SORT)
        r = r->input;
    while (r->kind == REL_FILTER && (r->having || r->qualify))
        r = r->input;
    return r->kind == REL_PROJECT || r->kind == REL_AGGREGATE;
}

static void unwind(struct block *b, const struct rel *r)
{
    if (r->kind == REL_SORT) {
        b->sort = r;
        r = r->input;
    }
    while (r->kind == REL_FILTER) {
        b->filters = arena_grow(b->rs->a, b->filters, &b->filter_cap, b->filter_count + 1, sizeof *b->filters);
        memmove(b->filters + 1, b->filters, b->filter_count * sizeof *b->filters);
        b->filters[0] = r;
        b->filter_count++;
        r = r->input;
    }
    b->core = r;
}

static void push_item(struct block *b, struct expr *e, struct str name, bool aliased, enum hidden hidden)
{
    struct expr *item = expr_new(b->rs->a, EXPR_ALIAS, e->at);
    item->name.parts = arena_copy(b->rs->a, &name, sizeof name);
    item->name.count = 1;
    item->type = e->type;
    item->nullable = e->nullable;
    exprs_push(b->rs->a, &item->args, e);
    exprs_push(b->rs->a, &b->items, item);
    struct scope_col *c = scope_add(b->rs, b->out, name, e->type, e->nullable);
    if (e->kind == EXPR_COLUMN && e->outer_depth == 0 && e->input >= 0) {
        const struct scope_col *from = &b->in_scope->cols[e->input];
        c->comment = from->comment;
        c->metadata = from->metadata;
        c->plans = aliased ? NULL : from->plans;
        if (!aliased)
            memcpy(c->qual, from->qual, sizeof c->qual);
    }
    c->hidden = hidden;
}

/* ------------------------------------------------------------------ stars */

static bool in_except(const struct expr *star, struct str name)
{
    for (size_t i = 0; i < star->args.count; i++) {
        const struct expr *e = star->args.items[i];
        if (e->kind == EXPR_COLUMN && str_ieq(e->name.parts[e->name.count - 1], name))
            return true;
    }
    return false;
}

static const struct expr *in_replace(const struct expr *star, struct str name)
{
    for (size_t i = 0; i < star->partition.count; i++)
        if (star->partition.items[i]->name.count && str_ieq(star->partition.items[i]->name.parts[0], name))
            return star->partition.items[i]->args.items[0];
    return NULL;
}

static bool qualified_by(const struct scope_col *c, const struct names *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (i >= 3 || !str_ieq(c->qual[2 - i], q->parts[q->count - 1 - i]))
            return false;
    return true;
}

static int star_struct(struct block *b, const struct expr *star)
{
    struct expr *col = expr_new(b->rs->a, EXPR_COLUMN, star->at);
    col->name = star->name;
    struct expr *base = res_expr(&b->ex, col);
    if (!base)
        return -1;
    if (base->type->kind != TYPE_STRUCT) {
        res_fail(b->rs, star->at, ERR_INPUT, "[CANNOT_RESOLVE_STAR_EXPAND] Cannot resolve `%.*s`.* : it is of type %.*s",
                 STR_ARGS(star->name.parts[star->name.count - 1]), STR_ARGS(type_text(b->rs, base->type)));
        return -1;
    }
    for (size_t i = 0; i < base->type->field_count; i++) {
        struct str name = base->type->fields[i].name;
        if (in_except(star, name))
            continue;
        struct expr *f = res_field(&b->ex, base, name, star->at);
        if (!f)
            return -1;
        push_item(b, f, name, true, SHOWN);
    }
    return 0;
}

static int check_except(struct block *b, const struct expr *star)
{
    for (size_t i = 0; i < star->args.count; i++) {
        const struct expr *e = star->args.items[i];
        if (e->kind != EXPR_COLUMN)
            continue;
        if (!res_finds(&b->ex, e) && !star->name.count) {
            res_fail(b->rs, e->at, ERR_INPUT, "[EXCEPT_RESOLVED_COLUMNS_WITHOUT_MATCH] EXCEPT column `%.*s` was not found",
                     STR_ARGS(e->name.parts[e->name.count - 1]));
            return -1;
        }
    }
    return 0;
}

static int star_items(struct block *b, const struct expr *star)
{
    bool any = false;
    if (check_except(b, star))
        return -1;
    if (!b->in_scope->count && !star->name.count) {
        res_fail(b->rs, star->at, ERR_UNSUPPORTED, "SELECT * needs a FROM: it would have no columns");
        return -1;
    }
    for (size_t i = 0; i < b->in_scope->count; i++) {
        const struct scope_col *c = &b->in_scope->cols[i];
        bool wanted = star->name.count ? c->hidden != HIDDEN && qualified_by(c, &star->name) : c->hidden == SHOWN;
        if (!wanted)
            continue;
        any = true;
        const struct expr *other = in_replace(star, c->name);
        if (in_except(star, c->name))
            continue;
        struct expr *e = other ? res_expr(&b->ex, other) : column_ref(b->rs, b->in_scope, i, star->at);
        if (!e)
            return -1;
        push_item(b, e, c->name, other != NULL, SHOWN);
    }
    return any || !star->name.count ? 0 : star_struct(b, star);
}

/* ------------------------------------------------------------------ select list */

static int generator_item(struct block *b, const struct expr *e, const struct expr *alias)
{
    struct scope *cols = NULL;
    if (b->in->kind == REL_GENERATE && b->in->text.len) {
        res_fail(b->rs, e->at, ERR_INPUT, "[UNSUPPORTED_GENERATOR.MULTI_GENERATOR] The generator is not supported: only "
                 "one generator allowed per SELECT clause");
        return -1;
    }
    struct expr *g = res_generator(&b->ex, e, &cols);
    if (!g)
        return -1;
    if (alias && alias->name.count && alias->name.count != cols->count) {
        res_fail(b->rs, alias->at, ERR_INPUT, "[UDTF_ALIAS_NUMBER_MISMATCH] The generator gives %zu columns, its alias "
                 "names %zu", cols->count, alias->name.count);
        return -1;
    }
    for (size_t i = 0; alias && i < alias->name.count; i++)
        cols->cols[i].name = alias->name.parts[i];
    size_t from = b->in_scope->count;
    bool outer = str_ends_z(e->func, "_outer");
    b->in = rel_generate(b->rs, b->in, b->in_scope, g, cols, outer, &b->in_scope);
    if (!b->in)
        return -1;
    b->in->text = STR("select list");
    b->ex.in = b->in_scope;
    for (size_t i = from; i < b->in_scope->count; i++)
        push_item(b, column_ref(b->rs, b->in_scope, i, e->at), b->in_scope->cols[i].name, true, SHOWN);
    return 0;
}

static int list_item(struct block *b, const struct expr *e)
{
    const struct expr *bare = e->kind == EXPR_ALIAS ? e->args.items[0] : e;
    if (bare->kind == EXPR_STAR)
        return star_items(b, bare);
    if (expr_is_generator(bare))
        return generator_item(b, bare, e->kind == EXPR_ALIAS ? e : NULL);
    struct expr *r = res_expr(&b->ex, bare);
    if (!r)
        return -1;
    bool aliased = e->kind == EXPR_ALIAS && e->name.count;
    struct str name = aliased ? e->name.parts[0] : expr_title(b->rs, bare);
    if (e->kind == EXPR_ALIAS && e->name.count > 1) {
        res_fail(b->rs, e->at, ERR_INPUT, "[MULTI_ALIAS_WITHOUT_GENERATOR] Several aliases for one expression");
        return -1;
    }
    push_item(b, r, name, aliased, SHOWN);
    return 0;
}

static int resolve_list(struct block *b)
{
    for (size_t i = 0; i < b->core->exprs.count; i++)
        if (list_item(b, b->core->exprs.items[i]))
            return -1;
    b->shown = b->items.count;
    for (size_t i = 0; i < b->items.count; i++)
        b->aggregate |= expr_has_aggregate(b->items.items[i]);
    return 0;
}

/* ------------------------------------------------------------------ groups */

/* GROUP BY window(…): the window becomes a column of the input, which `window.start` then names. */
static int lift_window(struct block *b)
{
    for (size_t i = 0; i < b->core->groups.count; i++) {
        const struct expr *g = b->core->groups.items[i], *call = g->kind == EXPR_ALIAS ? g->args.items[0] : g;
        if (call->kind != EXPR_CALL || !str_eqz(call->func, "window"))
            continue;
        struct expr *w = res_expr(&b->ex, call);
        if (!w)
            return -1;
        struct rel *p = rel_new(b->rs->a, REL_PROJECT, call->at);
        struct scope *to = scope_new(b->rs);
        scope_append(b->rs, to, b->in_scope);
        for (size_t c = 0; c < b->in_scope->count; c++)
            exprs_push(b->rs->a, &p->exprs, column_ref(b->rs, b->in_scope, c, call->at));
        exprs_push(b->rs->a, &p->exprs, w);
        scope_add(b->rs, to, g->kind == EXPR_ALIAS ? g->name.parts[0] : STR("window"), w->type, false)->hidden = HIDDEN;
        p->input = b->in;
        b->in = rel_finish(b->rs, p, to);
        b->in_scope = to;
        b->ex.in = to;
        b->ex.window_call = call;
        b->ex.window_column = to->count - 1;
        return 0;
    }
    return 0;
}

static struct expr *item_value(const struct block *b, size_t i)
{
    return b->items.items[i]->args.items[0];
}

static struct expr *group_ordinal(struct block *b, const struct expr *g, int64_t n)
{
    if (n < 1 || (size_t)n > b->shown)
        return res_fail(b->rs, g->at, ERR_INPUT, "[GROUP_BY_POS_OUT_OF_RANGE] GROUP BY position %jd is not in select list "
                        "(valid range is [1, %zu])", (intmax_t)n, b->shown);
    if (expr_has_aggregate(item_value(b, (size_t)n - 1)))
        return res_fail(b->rs, g->at, ERR_INPUT, "[GROUP_BY_POS_AGGREGATE] GROUP BY %jd refers to an expression that "
                        "contains an aggregate function", (intmax_t)n);
    return item_value(b, (size_t)n - 1);
}

static struct expr *group_expr(struct block *b, const struct expr *g)
{
    while (g->kind == EXPR_ALIAS)
        g = g->args.items[0];
    if (g->kind == EXPR_LITERAL && g->lit.kind == LIT_INT)
        return group_ordinal(b, g, g->lit.i64);
    struct ex x = b->ex;
    x.no_aggregate = "GROUP BY";
    x.aliases = NULL;
    if (g->kind == EXPR_COLUMN && g->name.count == 1 && !res_finds(&x, g))
        for (size_t i = 0; i < b->shown; i++)
            if (str_ieq(b->out->cols[i].name, g->name.parts[0]) && !expr_has_aggregate(item_value(b, i)))
                return item_value(b, i);
    return res_expr(&x, g);
}

static void add_group(struct block *b, struct expr *e)
{
    for (size_t i = 0; i < b->groups.count; i++)
        if (expr_same(b->groups.items[i], e))
            return;
    exprs_push(b->rs->a, &b->groups, e);
}

static int resolve_sets(struct block *b, struct rel *agg)
{
    agg->rows = ARENA_ARRAY(b->rs->a, struct exprs, b->core->row_count + 1);
    for (size_t s = 0; s < b->core->row_count; s++) {
        const struct exprs *set = &b->core->rows[s];
        agg->rows[s] = (struct exprs){0};
        for (size_t i = 0; i < set->count; i++) {
            struct expr *e = group_expr(b, set->items[i]);
            if (!e)
                return -1;
            add_group(b, e);
            exprs_push(b->rs->a, &agg->rows[s], e);
        }
    }
    return 0;
}

static int resolve_groups(struct block *b)
{
    if (b->core->grouping == GROUP_ALL) {
        for (size_t i = 0; i < b->items.count; i++)
            if (!expr_has_aggregate(item_value(b, i)) && !expr_has_window(item_value(b, i)) &&
                item_value(b, i)->kind != EXPR_LITERAL)
                add_group(b, item_value(b, i));
        return 0;
    }
    for (size_t i = 0; i < b->core->groups.count; i++) {
        struct expr *e = group_expr(b, b->core->groups.items[i]);
        if (!e)
            return -1;
        if (e->type->kind == TYPE_MAP || e->type->kind == TYPE_VARIANT) {
            res_fail(b->rs, e->at, ERR_INPUT, "[GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE] A value of type %.*s cannot be "
                     "grouped by", STR_ARGS(type_text(b->rs, e->type)));
            return -1;
        }
        exprs_push(b->rs->a, &b->groups, e);
    }
    return 0;
}

static int check_grouped(struct block *b, const struct expr *e);

static int check_list(struct block *b, const struct exprs *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (check_grouped(b, list->items[i]))
            return -1;
    return 0;
}

/* Every column must be within an aggregate or a grouping expression. */
static int check_grouped(struct block *b, const struct expr *e)
{
    for (size_t i = 0; i < b->groups.count; i++)
        if (expr_same(b->groups.items[i], e))
            return 0;
    if (expr_is_aggregate(e))
        return 0;
    if (e->kind == EXPR_COLUMN && e->outer_depth == 0 && !b->groups.count && b->core->kind == REL_PROJECT) {
        res_fail(b->rs, e->at, ERR_INPUT, "[MISSING_GROUP_BY] The query does not include a GROUP BY clause. Add GROUP BY, turn it "
                 "into window functions with OVER clauses, or aggregate \"%.*s\"", STR_ARGS(e->name.parts[0]));
        return -1;
    }
    if (e->kind == EXPR_COLUMN && e->outer_depth == 0) {
        res_fail(b->rs, e->at, ERR_INPUT, "[MISSING_AGGREGATION] The non-aggregating expression \"%.*s\" is based on columns "
                 "which are not participating in the GROUP BY clause. Add it to the group by, aggregate it, or use "
                 "any_value()", STR_ARGS(e->name.parts[0]));
        return -1;
    }
    if (e->kind == EXPR_WINDOW)
        return check_list(b, &e->args.items[0]->args) || check_list(b, &e->partition) || check_list(b, &e->order) ? -1 : 0;
    return check_list(b, &e->args);
}

/* ------------------------------------------------------------------ HAVING, QUALIFY, ORDER BY */

static bool has_generator(const struct expr *e, void *ctx)
{
    (void)ctx;
    return expr_is_generator(e);
}

/* `e` over the list's input, as a column of the list: one that is there or a hidden one. */
static struct expr *via_list(struct block *b, const struct expr *e)
{
    struct ex x = b->ex;
    x.aliases = &b->items;
    if (expr_any(e, has_generator, NULL))
        return res_fail(b->rs, e->at, ERR_INPUT, "[UNSUPPORTED_GENERATOR] A generator is allowed in the select list only");
    struct expr *r = res_expr(&x, e);
    if (!r)
        return NULL;
    if (expr_has_aggregate(r) && !b->aggregate)
        return res_fail(b->rs, e->at, ERR_INPUT, "[MISSING_GROUP_BY] The query does not include a GROUP BY clause");
    if (b->aggregate && check_grouped(b, r))
        return NULL;
    for (size_t i = 0; i < b->items.count; i++)
        if (expr_same(b->items.items[i], r))
            return column_ref(b->rs, b->out, i, e->at);
    if (b->core->distinct)
        return res_fail(b->rs, e->at, ERR_INPUT, "[UNRESOLVED_COLUMN.WITH_SUGGESTION] ORDER BY of a SELECT DISTINCT sees "
                        "only the select list");
    push_item(b, r, str_fmt(b->rs->a, "__hidden_%zu", b->items.count), true, HIDDEN_BEHIND);
    return column_ref(b->rs, b->out, b->items.count - 1, e->at);
}

static struct expr *clause_expr(struct block *b, const struct expr *e)
{
    struct ex x = {.rs = b->rs, .in = b->out, .no_aggregate = "this clause"};
    if (expr_has_aggregate(e) || expr_has_window(e))
        return via_list(b, e);
    struct expr *r = res_expr(&x, e);
    if (r)
        return r;
    struct err first = *b->rs->err;
    r = via_list(b, e);
    if (!r && str_starts_z(str_z(b->rs->err->msg), "[UNRESOLVED_COLUMN"))
        *b->rs->err = first;
    return r;
}

static struct expr *sort_key(struct block *b, const struct expr *key)
{
    const struct expr *v = key->args.items[0];
    struct expr *s = expr_copy(b->rs, key), *r;
    if (v->kind == EXPR_LITERAL && v->lit.kind == LIT_INT) {
        if (v->lit.i64 < 1 || (size_t)v->lit.i64 > b->shown)
            return res_fail(b->rs, v->at, ERR_INPUT, "[ORDER_BY_POS_OUT_OF_RANGE] ORDER BY position %jd is not in select "
                            "list (valid range is [1, %zu])", (intmax_t)v->lit.i64, b->shown);
        r = column_ref(b->rs, b->out, (size_t)v->lit.i64 - 1, v->at);
    } else {
        r = clause_expr(b, v);
    }
    if (!r)
        return NULL;
    if (!type_is_orderable(r->type))
        return res_fail(b->rs, v->at, ERR_INPUT, "[DATATYPE_MISMATCH.INVALID_ORDERING_TYPE] A value of type %.*s cannot be "
                        "ordered", STR_ARGS(type_text(b->rs, r->type)));
    s->args.items[0] = r;
    s->type = r->type;
    return s;
}

/* ORDER BY ALL, unless there is a column of that name. */
bool sorts_all(struct ex *x, const struct exprs *keys)
{
    if (keys->count != 1 || keys->items[0]->args.items[0]->kind != EXPR_COLUMN)
        return false;
    const struct expr *c = keys->items[0]->args.items[0];
    return c->name.count == 1 && str_ieqz(c->name.parts[0], "all") && !res_finds(x, c);
}

static int resolve_order(struct block *b, struct exprs *keys)
{
    struct ex x = {.rs = b->rs, .in = b->out};
    if (sorts_all(&x, &b->sort->order) && !res_finds(&b->ex, b->sort->order.items[0]->args.items[0]))
        for (size_t i = 0; i < b->shown; i++) {
            struct expr *s = expr_copy(b->rs, b->sort->order.items[0]);
            s->args = (struct exprs){0};
            exprs_push(b->rs->a, &s->args, column_ref(b->rs, b->out, i, b->sort->at));
            s->type = s->args.items[0]->type;
            exprs_push(b->rs->a, keys, s);
        }
    else
        for (size_t i = 0; i < b->sort->order.count; i++) {
            struct expr *s = sort_key(b, b->sort->order.items[i]);
            if (!s)
                return -1;
            exprs_push(b->rs->a, keys, s);
        }
    return 0;
}

static int resolve_conds(struct block *b, struct expr **conds)
{
    for (size_t i = 0; i < b->filter_count; i++) {
        struct expr *c = clause_expr(b, b->filters[i]->cond);
        if (c)
            c = coerce(b->rs, c, type_of(TYPE_BOOLEAN)) ?: res_fail(b->rs, c->at, ERR_INPUT,
                "[DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN] The condition is of type %.*s",
                STR_ARGS(type_text(b->rs, c->type)));
        if (!c)
            return -1;
        conds[i] = c;
    }
    return 0;
}

static struct rel *build(struct block *b, struct rel *core, struct expr **conds, const struct exprs *keys,
                         struct scope **out)
{
    struct rel *r = core;
    core->input = b->in;
    core->exprs = b->items;
    core->groups = b->groups;
    core->kind = b->aggregate ? REL_AGGREGATE : REL_PROJECT;
    r = rel_finish(b->rs, r, b->out);
    for (size_t i = 0; r && i < b->filter_count; i++) {
        struct rel *f = rel_copy(b->rs, b->filters[i]);
        f->input = r;
        f->cond = conds[i];
        r = rel_finish(b->rs, f, b->out);
    }
    if (r && b->sort) {
        struct rel *s = rel_copy(b->rs, b->sort);
        s->input = r;
        s->order = *keys;
        r = rel_finish(b->rs, s, b->out);
    }
    *out = b->out;
    return r && b->items.count > b->shown ? rel_drop_hidden(b->rs, r, out) : r;
}

struct rel *res_block(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct block b = {.rs = rs};
    struct exprs keys = {0};
    unwind(&b, r);
    b.in = res_rel(rs, b.core->input, &b.in_scope);
    if (!b.in)
        return NULL;
    b.out = scope_new(rs);
    b.aggregate = b.core->kind == REL_AGGREGATE;
    b.ex = (struct ex){.rs = rs, .in = b.in_scope, .aliases = &b.items};
    struct rel *core = rel_copy(rs, b.core);
    struct expr **conds = ARENA_ARRAY(rs->a, struct expr *, b.filter_count + 1);
    if (lift_window(&b) || resolve_list(&b) || resolve_groups(&b) || resolve_sets(&b, core))
        return NULL;
    if (b.aggregate && check_list(&b, &b.items))
        return NULL;
    if (resolve_conds(&b, conds) || (b.sort && resolve_order(&b, &keys)))
        return NULL;
    return build(&b, core, conds, &keys, out);
}
