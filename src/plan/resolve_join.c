/* resolve_join.c -- joins, set operations, common table expressions, PIVOT and UNPIVOT. */
#include "plan/resolve_join.h"

/* ------------------------------------------------------------------ joins */

struct join { struct rs *rs; const struct rel *r; struct scope *left, *right, *both; };

static int64_t shown_col(const struct scope *s, struct str name, size_t *count)
{
    int64_t at = -1;
    *count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->cols[i].hidden == SHOWN && str_ieq(s->cols[i].name, name)) {
            at = (int64_t)i;
            (*count)++;
        }
    return at;
}

static int using_columns(struct join *j, struct str **names, size_t *count)
{
    struct rs *rs = j->rs;
    *names = j->r->columns;
    *count = j->r->column_count;
    if (!j->r->natural)
        return 0;
    *names = ARENA_ARRAY(rs->a, struct str, j->left->count + 1);
    *count = 0;
    for (size_t i = 0, n; i < j->left->count; i++)
        if (j->left->cols[i].hidden == SHOWN && shown_col(j->right, j->left->cols[i].name, &n) >= 0)
            (*names)[(*count)++] = j->left->cols[i].name;
    return 0;
}

static struct expr *equal_cond(struct join *j, size_t l, size_t r)
{
    struct rs *rs = j->rs;
    struct expr *x = column_ref(rs, j->both, l, j->r->at), *y = column_ref(rs, j->both, j->left->count + r, j->r->at);
    struct expr *c = call_of(rs, j->r->at, "==", type_of(TYPE_BOOLEAN), x, y);
    return type_compare(rs, c);
}

/* The output of USING: the shared columns once, then the others; both originals stay reachable by
 * their qualifiers. */
static struct rel *using_output(struct join *j, struct rel *join, const size_t *l, const size_t *r, size_t n,
                                struct scope **out)
{
    struct rs *rs = j->rs;
    struct rel *p = rel_new(rs->a, REL_PROJECT, j->r->at);
    struct scope *s = scope_new(rs);
    bool right = j->r->join == JOIN_RIGHT, full = j->r->join == JOIN_FULL;
    for (size_t i = 0; i < n; i++) {
        size_t from = right ? j->left->count + r[i] : l[i];
        struct expr *e = column_ref(rs, j->both, from, j->r->at);
        struct scope_col *c = scope_add(rs, s, STR_NONE, NULL, true);
        *c = j->both->cols[from];
        c->name = j->left->cols[l[i]].name;
        if (full) {
            struct expr *y = column_ref(rs, j->both, j->left->count + r[i], j->r->at);
            const struct type *t = common_type(rs, e->type, y->type);
            e = call_of(rs, j->r->at, "coalesce", t, cast_to(rs, e, t), cast_to(rs, y, t));
            *c = (struct scope_col){.name = c->name, .type = t, .nullable = true};
        }
        exprs_push(rs->a, &p->exprs, e);
    }
    for (int pass = 0; pass < 2; pass++) /* the other columns, then the shared ones behind their qualifiers */
        for (size_t i = 0; i < j->both->count; i++) {
            bool shared = false;
            for (size_t k = 0; k < n; k++)
                shared |= i == l[k] || i == j->left->count + r[k];
            if (shared != (pass == 1))
                continue;
            exprs_push(rs->a, &p->exprs, column_ref(rs, j->both, i, j->r->at));
            struct scope_col *c = scope_add(rs, s, STR_NONE, NULL, true);
            *c = j->both->cols[i];
            if (shared)
                c->hidden = HIDDEN_BEHIND;
        }
    /* The visible shared column answers to its side's qualifier already: one match is enough. */
    for (size_t i = 0; i < n && !full; i++)
        memset(s->cols[i].qual, 0, sizeof s->cols[i].qual);
    p->input = join;
    *out = s;
    return rel_finish(rs, p, s);
}

static struct rel *join_using(struct join *j, struct rel *join, struct str *names, size_t n, struct scope **out)
{
    struct rs *rs = j->rs;
    size_t *l = ARENA_ARRAY(rs->a, size_t, n + 1), *r = ARENA_ARRAY(rs->a, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t lc, rc;
        int64_t a = shown_col(j->left, names[i], &lc), b = shown_col(j->right, names[i], &rc);
        if (a < 0 || b < 0)
            return res_fail(rs, j->r->at, ERR_INPUT, "[UNRESOLVED_USING_COLUMN_FOR_JOIN] USING column `%.*s` cannot be "
                            "resolved on the %s side of the join", STR_ARGS(names[i]), a < 0 ? "left" : "right");
        if (lc > 1 || rc > 1)
            return res_fail(rs, j->r->at, ERR_INPUT, "[AMBIGUOUS_REFERENCE] Reference `%.*s` is ambiguous",
                            STR_ARGS(names[i]));
        l[i] = (size_t)a;
        r[i] = (size_t)b;
        struct expr *c = equal_cond(j, l[i], r[i]);
        if (!c)
            return NULL;
        join->cond = join->cond ? call_of(rs, c->at, "and", type_of(TYPE_BOOLEAN), join->cond, c) : c;
    }
    join->columns = NULL;
    join->column_count = 0;
    join->natural = false;
    if (j->r->join == JOIN_SEMI || j->r->join == JOIN_ANTI || !n)
        return join;
    return using_output(j, join, l, r, n, out);
}

static void make_nullable(struct scope *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        s->cols[i].nullable = true;
}

struct rel *res_join(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct join j = {.rs = rs, .r = r};
    struct rel *c = rel_copy(rs, r);
    const struct scope *outer = rs->outer;
    c->input = res_rel(rs, r->input, &j.left);
    if (!c->input)
        return NULL;
    if (r->lateral)
        rs->outer = j.left;
    c->right = res_rel(rs, r->right, &j.right);
    rs->outer = outer;
    if (!c->right)
        return NULL;
    j.both = scope_new(rs);
    scope_append(rs, j.both, j.left);
    scope_append(rs, j.both, j.right);
    if (r->join == JOIN_LEFT || r->join == JOIN_FULL)
        make_nullable(j.both, j.left->count, j.both->count);
    if (r->join == JOIN_RIGHT || r->join == JOIN_FULL)
        make_nullable(j.both, 0, j.left->count);
    c->cond = NULL;
    if (r->cond) {
        struct ex x = {.rs = rs, .in = j.both, .no_aggregate = "a join condition"};
        c->cond = res_bool(&x, r->cond, "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE");
        if (!c->cond)
            return NULL;
    }
    bool left_only = r->join == JOIN_SEMI || r->join == JOIN_ANTI;
    struct scope *s = left_only ? scope_new(rs) : j.both;
    if (left_only)
        scope_append(rs, s, j.left);
    *out = s;
    c = rel_finish(rs, c, s);
    struct str *names;
    size_t count;
    if (!c || using_columns(&j, &names, &count))
        return NULL;
    return count ? join_using(&j, c, names, count, out) : c;
}

/* ------------------------------------------------------------------ set operations */

/* `side` with its columns cast to the types of `want`, in that order; -1 in `order`: NULL. */
static struct rel *cast_side(struct rs *rs, struct rel *side, const struct scope *s, const int64_t *order,
                             const struct scope *want)
{
    bool same = s->count == want->count;
    for (size_t i = 0; i < want->count; i++)
        same = same && order[i] == (int64_t)i && type_equal(s->cols[i].type, want->cols[i].type);
    if (same)
        return side;
    struct rel *p = rel_new(rs->a, REL_PROJECT, side->at);
    for (size_t i = 0; i < want->count; i++) {
        struct expr *e = order[i] < 0 ? lit_null(rs, side->at, want->cols[i].type)
                                      : cast_to(rs, column_ref(rs, s, (size_t)order[i], side->at), want->cols[i].type);
        exprs_push(rs->a, &p->exprs, e);
    }
    p->input = side;
    return rel_finish(rs, p, want);
}

static int match_names(struct rs *rs, const struct rel *r, struct scope *l, struct scope *s, int64_t *lo, int64_t *ro,
                       struct scope *to)
{
    size_t n;
    for (size_t i = 0; i < l->count; i++) {
        lo[to->count] = (int64_t)i;
        ro[to->count] = shown_col(s, l->cols[i].name, &n);
        if (ro[to->count] < 0 && !r->allow_missing) {
            res_fail(rs, r->at, ERR_INPUT, "[UNRESOLVED_COLUMN] UNION BY NAME: column `%.*s` is missing on the right",
                     STR_ARGS(l->cols[i].name));
            return -1;
        }
        scope_add(rs, to, l->cols[i].name, l->cols[i].type, true);
    }
    for (size_t i = 0; i < s->count; i++) {
        if (shown_col(l, s->cols[i].name, &n) >= 0)
            continue;
        if (!r->allow_missing) {
            res_fail(rs, r->at, ERR_INPUT, "[UNRESOLVED_COLUMN] UNION BY NAME: column `%.*s` is missing on the left",
                     STR_ARGS(s->cols[i].name));
            return -1;
        }
        lo[to->count] = -1;
        ro[to->count] = (int64_t)i;
        scope_add(rs, to, s->cols[i].name, s->cols[i].type, true);
    }
    return 0;
}

static int match_places(struct rs *rs, const struct rel *r, struct scope *l, struct scope *s, int64_t *lo, int64_t *ro,
                        struct scope *to)
{
    static const char *const names[] = {"UNION", "INTERSECT", "EXCEPT"};
    if (l->count != s->count) {
        res_fail(rs, r->at, ERR_INPUT, "[NUM_COLUMNS_MISMATCH] %s can only be performed on inputs with the same number of "
                 "columns, but the first input has %zu columns and the second input has %zu columns", names[r->op],
                 l->count, s->count);
        return -1;
    }
    for (size_t i = 0; i < l->count; i++) {
        lo[i] = ro[i] = (int64_t)i;
        scope_add(rs, to, l->cols[i].name, l->cols[i].type, l->cols[i].nullable || s->cols[i].nullable);
    }
    return 0;
}

struct rel *res_setop(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct scope *l, *s, *to;
    struct rel *c = rel_copy(rs, r);
    c->input = res_rel(rs, r->input, &l);
    c->input = c->input ? rel_drop_hidden(rs, c->input, &l) : NULL;
    c->right = c->input ? res_rel(rs, r->right, &s) : NULL;
    c->right = c->right ? rel_drop_hidden(rs, c->right, &s) : NULL;
    if (!c->right)
        return NULL;
    to = scope_new(rs);
    size_t most = l->count + s->count + 1;
    int64_t *lo = ARENA_ARRAY(rs->a, int64_t, most), *ro = ARENA_ARRAY(rs->a, int64_t, most);
    if ((r->by_name ? match_names : match_places)(rs, r, l, s, lo, ro, to))
        return NULL;
    for (size_t i = 0; i < to->count; i++) {
        if (lo[i] < 0 || ro[i] < 0)
            continue;
        const struct type *x = l->cols[lo[i]].type, *y = s->cols[ro[i]].type, *t = common_type(rs, x, y);
        if (!t)
            return res_fail(rs, r->at, ERR_INPUT, "[INCOMPATIBLE_COLUMN_TYPE] Column %zu has type %.*s on the right, which "
                            "is not compatible with %.*s on the left", i + 1, STR_ARGS(type_text(rs, y)),
                            STR_ARGS(type_text(rs, x)));
        to->cols[i].type = t;
    }
    c->input = cast_side(rs, c->input, l, lo, to);
    c->right = cast_side(rs, c->right, s, ro, to);
    c->by_name = c->allow_missing = false;
    *out = to;
    return c->input && c->right ? rel_finish(rs, c, to) : NULL;
}

/* ------------------------------------------------------------------ WITH */

static const struct rel *anchor_of(const struct rel *r)
{
    while (r->kind == REL_ALIAS)
        r = r->input;
    return r->kind == REL_SETOP && r->op == SETOP_UNION ? r->input : NULL;
}

/* The columns of a recursive CTE are those of its anchor. */
static int add_anchor(struct rs *rs, const struct rel *body, struct cte *c)
{
    const struct rel *anchor = anchor_of(body);
    if (!anchor)
        return 0;
    struct scope *s;
    struct rel *r = res_rel(rs, anchor, &s);
    if (!r)
        return -1;
    c->scope = scope_new(rs);
    scope_append(rs, c->scope, s);
    for (size_t i = 0; i < body->column_count && body->kind == REL_ALIAS && i < c->scope->count; i++)
        c->scope->cols[i].name = body->columns[i];
    make_nullable(c->scope, 0, c->scope->count);
    c->next = rs->ctes;
    rs->ctes = c;
    return 0;
}

struct rel *res_with(struct rs *rs, const struct rel *r, struct scope **out)
{
    const struct cte *before = rs->ctes;
    struct rel *w = rel_copy(rs, r);
    w->ctes = ARENA_ARRAY(rs->a, struct rel *, r->cte_count + 1);
    w->cte_names = arena_copy(rs->a, r->cte_names, r->cte_count * sizeof(struct str) + 1);
    for (size_t i = 0; i < r->cte_count; i++) {
        struct cte *c = ARENA_NEW(rs->a, struct cte);
        struct scope *s;
        const struct cte *outside = rs->ctes;
        c->name = r->cte_names[i];
        if (r->recursive && add_anchor(rs, r->ctes[i], c))
            return NULL;
        struct rel *body = res_rel(rs, r->ctes[i], &s);
        rs->ctes = outside;
        body = body ? rel_drop_hidden(rs, body, &s) : NULL;
        if (!body)
            return NULL;
        w->ctes[i] = body;
        *c = (struct cte){.name = c->name, .rel = body, .scope = s, .next = rs->ctes};
        rs->ctes = c;
    }
    w->input = res_rel(rs, r->input, out);
    rs->ctes = before;
    return w->input ? rel_finish(rs, w, *out) : NULL;
}

/* ------------------------------------------------------------------ PIVOT, UNPIVOT */

/* The aggregate calls of `e`, each restricted to rows of the pivot's value. */
static struct expr *filtered(struct rs *rs, const struct expr *e, struct expr *cond)
{
    struct expr *c = expr_copy(rs, e);
    if (expr_is_aggregate(e)) {
        c->filter = c->filter ? expr_call(rs->a, e->at, "and", c->filter, cond) : cond;
        if (!(fn_find(e->func)->flags & FN_NOT_NULL))
            return c;
        struct expr *n = expr_call(rs->a, e->at, "count", expr_int(rs->a, e->at, 1), NULL), *when;
        n->filter = cond; /* a count of no rows is NULL here */
        when = expr_call(rs->a, e->at, "when", expr_call(rs->a, e->at, ">", n, expr_int(rs->a, e->at, 0)), c);
        return when;
    }
    for (size_t i = 0; i < c->args.count; i++)
        c->args.items[i] = filtered(rs, c->args.items[i], cond);
    return c;
}

static struct expr *pivot_cond(struct rs *rs, const struct rel *r, const struct expr *value)
{
    const struct expr *v = value->kind == EXPR_ALIAS ? value->args.items[0] : value;
    return expr_call(rs->a, value->at, "<=>", r->cond, (struct expr *)v);
}

static bool names_column(const struct expr *e, void *ctx)
{
    const struct str *name = ctx;
    return e->kind == EXPR_COLUMN && str_ieq(e->name.parts[e->name.count - 1], *name);
}

static void pivot_groups(struct rs *rs, const struct rel *r, const struct scope *s, struct rel *agg)
{
    for (size_t i = 0; i < s->count; i++) {
        struct str name = s->cols[i].name;
        bool used = s->cols[i].hidden != SHOWN || expr_any(r->cond, names_column, &name);
        for (size_t k = 0; k < r->exprs.count; k++)
            used |= expr_any(r->exprs.items[k], names_column, &name);
        if (used)
            continue;
        struct expr *c = expr_column(rs->a, r->at, name);
        exprs_push(rs->a, &agg->groups, c);
        exprs_push(rs->a, &agg->exprs, c);
    }
}

struct rel *res_pivot(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct scope *s;
    struct rel *probe = res_rel(rs, r->input, &s);
    if (!probe)
        return NULL;
    if (!r->args.count)
        return res_fail(rs, r->at, ERR_UNSUPPORTED, "PIVOT without a list of values is not supported: name them with "
                        "IN (…) or pivot(column, values)");
    struct rel *agg = rel_new(rs->a, REL_AGGREGATE, r->at);
    agg->input = r->input;
    if (r->groups.count)
        for (size_t i = 0; i < r->groups.count; i++) {
            exprs_push(rs->a, &agg->groups, r->groups.items[i]);
            exprs_push(rs->a, &agg->exprs, r->groups.items[i]);
        }
    else
        pivot_groups(rs, r, s, agg);
    for (size_t v = 0; v < r->args.count; v++)
        for (size_t i = 0; i < r->exprs.count; i++) {
            const struct expr *value = r->args.items[v], *a = r->exprs.items[i];
            struct expr *item = expr_new(rs->a, EXPR_ALIAS, value->at);
            struct str vn = value->kind == EXPR_ALIAS ? value->name.parts[0] : expr_title(rs, value);
            struct str an = a->kind == EXPR_ALIAS ? a->name.parts[0] : expr_title(rs, a);
            struct str name = r->exprs.count == 1 ? vn : str_fmt(rs->a, "%.*s_%.*s", STR_ARGS(vn), STR_ARGS(an));
            item->name.parts = arena_copy(rs->a, &name, sizeof name);
            item->name.count = 1;
            exprs_push(rs->a, &item->args, filtered(rs, a->kind == EXPR_ALIAS ? a->args.items[0] : a,
                                                    pivot_cond(rs, r, value)));
            exprs_push(rs->a, &agg->exprs, item);
        }
    return res_block(rs, agg, out);
}

static struct expr *unpivot_value(const struct expr *e)
{
    return e->kind == EXPR_ALIAS ? e->args.items[0] : (struct expr *)e;
}

/* Rows of (name, values…) by stack(); NULL rows are dropped unless INCLUDE NULLS. */
struct rel *res_unpivot(struct rs *rs, const struct rel *r, struct scope **out)
{
    struct scope *s;
    if (!res_rel(rs, r->input, &s))
        return NULL;
    struct rel *g = rel_new(rs->a, REL_GENERATE, r->at), *p = rel_new(rs->a, REL_PROJECT, r->at);
    struct expr *stack = expr_call(rs->a, r->at, "stack", expr_int(rs->a, r->at, (int64_t)r->exprs.count), NULL);
    for (size_t i = 0; i < r->exprs.count; i++) {
        const struct expr *e = r->exprs.items[i];
        struct expr *v = unpivot_value(e);
        struct str name = e->kind == EXPR_ALIAS && e->name.count ? e->name.parts[0] : expr_title(rs, v);
        exprs_push(rs->a, &stack->args, expr_string(rs->a, e->at, name));
        if (v->kind == EXPR_CALL)
            for (size_t k = 0; k < v->args.count; k++)
                exprs_push(rs->a, &stack->args, v->args.items[k]);
        else
            exprs_push(rs->a, &stack->args, v);
    }
    g->input = r->input;
    exprs_push(rs->a, &g->exprs, stack);
    g->columns = ARENA_ARRAY(rs->a, struct str, r->column_count + 1);
    g->columns[0] = r->text;
    memcpy(g->columns + 1, r->columns, r->column_count * sizeof *r->columns);
    g->column_count = r->column_count + 1;
    struct rel *rows = g;
    if (!r->outer) {
        rows = rel_new(rs->a, REL_FILTER, r->at);
        rows->input = g;
        for (size_t i = 0; i < r->column_count; i++) {
            struct expr *c = expr_call(rs->a, r->at, "isnotnull", expr_column(rs->a, r->at, r->columns[i]), NULL);
            rows->cond = rows->cond ? expr_call(rs->a, r->at, "or", rows->cond, c) : c;
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        struct str name = s->cols[i].name;
        bool used = s->cols[i].hidden != SHOWN;
        for (size_t k = 0; k < r->exprs.count; k++)
            used |= expr_any(unpivot_value(r->exprs.items[k]), names_column, &name);
        if (!used)
            exprs_push(rs->a, &p->exprs, expr_column(rs->a, r->at, name));
    }
    for (size_t i = 0; i < g->column_count; i++)
        exprs_push(rs->a, &p->exprs, expr_column(rs->a, r->at, g->columns[i]));
    p->input = rows;
    return res_block(rs, p, out);
}
