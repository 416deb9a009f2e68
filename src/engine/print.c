/* print.c -- statements: a resolved plan becomes as few SELECT blocks as its order of relations allows.
 *
 * A block is a SELECT under construction. Relations are laid on it from the leaves up, each at its
 * stage: FROM, WHERE, GROUP BY, HAVING, SELECT, ORDER BY, LIMIT. A relation that comes too late for
 * the stage reached wraps the block into a subquery and starts the next one. A projection of plain
 * columns moves no stage: it only says which text stands for which column. */
#include "engine/print_int.h"
#include <stdio.h>

void print_fail(struct pr *p, struct place at, enum err_code code, const char *fmt, ...)
{
    char msg[sizeof p->err->msg];
    va_list ap;
    if (p->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err_at(p->err, code, at.file, at.line, at.col, "%s", msg);
    p->failed = true;
}

struct str quoted(struct pr *p, struct str name)
{
    struct buf b;
    buf_init(&b);
    duck_quote_ident(&b, name);
    struct str s = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return s;
}


struct str print_alias(struct pr *p, struct str hint)
{
    struct str base = hint.len ? hint : STR("t"), name = hint;
    for (int n = 1; !name.len || map_has(p->aliases, name); n++)
        name = str_fmt(p->a, "%.*s%s%d", STR_ARGS(base), hint.len ? "_" : "", n);
    map_put(p->aliases, name, p);
    return hint.len ? quoted(p, name) : name;
}

struct str *unique_names(struct pr *p, const struct str *names, size_t count)
{
    struct map *seen = map_new_icase();
    struct str *out = ARENA_ARRAY(p->a, struct str, count + 1);
    for (size_t i = 0; i < count; i++) {
        out[i] = names[i].len ? names[i] : STR("_");
        for (int n = 2; map_has(seen, out[i]); n++)
            out[i] = str_fmt(p->a, "%.*s_%d", STR_ARGS(names[i]), n);
        map_put(seen, out[i], out);
    }
    map_free(seen);
    return out;
}

struct block *block_new(struct pr *p, const struct rel *r)
{
    struct block *b = ARENA_NEW(p->a, struct block);
    b->count = r->output->field_count;
    b->cols = ARENA_ARRAY(p->a, struct col, b->count + 1);
    b->names = ARENA_ARRAY(p->a, struct str, b->count + 1);
    for (size_t i = 0; i < b->count; i++)
        b->names[i] = r->output->fields[i].name;
    return b;
}

void block_env(const struct block *b, struct env *e, const struct env *outer)
{
    *e = (struct env){.cols = b->cols, .count = b->count, .outer = outer};
}

/* ------------------------------------------------------------------ rendering */

static void render_list(struct pr *p, struct buf *o, const struct block *b, const struct str *names)
{
    for (size_t i = 0; i < b->count; i++) {
        struct str q = quoted(p, names[i]), t = b->cols[i].text;
        buf_z(o, i ? ", " : "");
        buf_str(o, t);
        bool same = t.len > q.len && t.ptr[t.len - q.len - 1] == '.' && str_eq(str_from(t, t.len - q.len), q) &&
                    b->cols[i].prec == P_ATOM && t.ptr[t.len - 1] != ')';
        if (!same) {
            buf_z(o, " AS ");
            buf_str(o, q);
        }
    }
    if (!b->count)
        buf_z(o, "1 AS \"_\"");
}

static void clause(struct buf *o, const char *word, struct str text)
{
    if (text.len)
        buf_printf(o, "\n%s %.*s", word, STR_ARGS(text));
}

static void render_order(struct pr *p, struct buf *o, const struct block *b)
{
    (void)p;
    if (b->order_count)
        buf_z(o, "\nORDER BY ");
    for (size_t k = 0; k < b->order_count; k++) {
        struct str key = b->order_keys[k];
        const struct expr *s = b->order_items[k];
        buf_z(o, k ? ", " : "");
        size_t at = b->count;
        for (size_t i = 0; i < b->count && at == b->count; i++)
            if (str_eq(b->cols[i].text, key))
                at = i;
        if (at < b->count && (b->raw.len || b->distinct || str_chr(key, '(') >= 0))
            buf_printf(o, "%zu", at + 1);
        else
            buf_str(o, key);
        buf_z(o, s->descending ? " DESC" : "");
        if (s->nulls_first == s->descending)
            buf_z(o, s->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

struct str block_render(struct pr *p, struct block *b, bool unique)
{
    struct buf o;
    buf_init(&o);
    const struct str *names = unique ? unique_names(p, b->names, b->count) : b->names;
    buf_str(&o, b->with);
    if (b->raw.len) {
        buf_str(&o, b->raw);
    } else {
        buf_z(&o, "SELECT ");
        if (b->distinct_on.len)
            buf_printf(&o, "DISTINCT ON (%.*s) ", STR_ARGS(b->distinct_on));
        else if (b->distinct)
            buf_z(&o, "DISTINCT ");
        render_list(p, &o, b, names);
        clause(&o, "FROM", b->from);
        clause(&o, "WHERE", b->where);
        clause(&o, "GROUP BY", b->group);
        clause(&o, "HAVING", b->having);
    }
    render_order(p, &o, b);
    clause(&o, "LIMIT", b->limit);
    struct str s = str_copy(p->a, buf_view(&o));
    buf_release(&o);
    return s;
}

/* `(block) AS tN`, its columns by name. */
struct block *block_wrap(struct pr *p, struct block *b)
{
    struct block *w = ARENA_NEW(p->a, struct block);
    struct str alias = print_alias(p, STR_NONE), *names = unique_names(p, b->names, b->count);
    struct str body = block_render(p, b, true), columns = STR_NONE;
    *w = (struct block){.count = b->count, .names = b->names, .cols = ARENA_ARRAY(p->a, struct col, b->count + 1)};
    for (size_t i = 0; i < b->count; i++) {
        struct str q = quoted(p, names[i]);
        w->cols[i] = (struct col){str_fmt(p->a, "%.*s.%.*s", STR_ARGS(alias), STR_ARGS(q)), P_ATOM};
        if (b->raw.len)
            columns = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(columns), i ? ", " : "", STR_ARGS(q));
    }
    w->from = columns.len ? str_fmt(p->a, "(%.*s) AS %.*s(%.*s)", STR_ARGS(body), STR_ARGS(alias), STR_ARGS(columns))
                          : str_fmt(p->a, "(%.*s) AS %.*s", STR_ARGS(body), STR_ARGS(alias));
    return w;
}

struct block *block_as_from(struct pr *p, struct block *b)
{
    return b->stage == AT_FROM && !b->with.len && b->from.len ? b : block_wrap(p, b);
}

/* ------------------------------------------------------------------ clauses */

static bool plain_column(const struct expr *e)
{
    while (e->kind == EXPR_ALIAS)
        e = e->args.items[0];
    return e->kind == EXPR_COLUMN && e->outer_depth == 0;
}

static const struct expr *bare(const struct expr *e)
{
    while (e->kind == EXPR_ALIAS)
        e = e->args.items[0];
    return e;
}

static bool plain_columns(const struct rel *r)
{
    for (size_t i = 0; i < r->exprs.count; i++)
        if (!plain_column(r->exprs.items[i]))
            return false;
    return true;
}

static void set_cols(struct pr *p, struct block *b, const struct rel *r)
{
    struct env e, *outer = (struct env *)p->env;
    struct block *named = block_new(p, r);
    block_env(b, &e, outer);
    p->env = &e;
    CHECK(r->exprs.count == named->count);
    for (size_t i = 0; i < named->count; i++)
        named->cols[i] = print_col(p, r->exprs.items[i]);
    p->env = outer;
    b->cols = named->cols;
    b->names = named->names;
    b->count = named->count;
}

static bool any_window(const struct rel *r)
{
    for (size_t i = 0; i < r->exprs.count; i++)
        if (expr_has_window(r->exprs.items[i]))
            return true;
    return false;
}

static struct block *project(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    if (p->failed)
        return b;
    bool plain = plain_columns(r);
    if (plain && (b->distinct || b->raw.len || b->has_unnest || (r->distinct && b->stage > AT_SELECT)))
        b = block_wrap(p, b);
    else if (!plain && (b->stage > AT_HAVING || b->has_window))
        b = block_wrap(p, b);
    set_cols(p, b, r);
    if (!plain && b->stage < AT_SELECT)
        b->stage = AT_SELECT;
    b->has_window |= any_window(r);
    if (r->distinct) {
        b->distinct = true;
        b->stage = AT_SELECT;
    }
    return b;
}

static struct str in_env(struct pr *p, const struct block *b, const struct expr *e, enum prec around)
{
    struct env env;
    const struct env *outer = p->env;
    block_env(b, &env, outer);
    p->env = &env;
    struct str s = print_text(p, e, around);
    p->env = outer;
    return s;
}

static struct str conjunction(struct pr *p, struct str a, struct str b)
{
    return a.len ? str_fmt(p->a, "%.*s AND %.*s", STR_ARGS(a), STR_ARGS(b)) : b;
}

static struct block *filter(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    if (p->failed)
        return b;
    if (b->stage > AT_HAVING || b->has_window)
        b = block_wrap(p, b);
    bool before = p->in_condition;
    p->in_condition = true;
    struct str cond = in_env(p, b, r->cond, P_AND);
    p->in_condition = before;
    if (b->stage >= AT_GROUP) {
        b->having = conjunction(p, b->having, cond);
        b->stage = AT_HAVING;
    } else {
        b->where = conjunction(p, b->where, cond);
        b->stage = AT_WHERE;
    }
    return b;
}

/* An integer in GROUP BY would be an ordinal, a string a constant: both are cast. */
static struct str group_text(struct pr *p, const struct block *b, const struct expr *g)
{
    struct str t = in_env(p, b, g, P_ANY);
    if (bare(g)->kind != EXPR_LITERAL)
        return t;
    struct buf type;
    buf_init(&type);
    print_type(p, &type, g->type);
    t = str_fmt(p->a, "CAST(%.*s AS %s)", STR_ARGS(t), type.ptr);
    buf_release(&type);
    return t;
}

static struct str group_list(struct pr *p, const struct block *b, const struct exprs *groups)
{
    struct str out = STR_NONE;
    for (size_t i = 0; i < groups->count; i++) {
        struct str g = group_text(p, b, groups->items[i]);
        out = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(out), i ? ", " : "", STR_ARGS(g));
    }
    return out;
}

static struct str grouping_text(struct pr *p, const struct block *b, const struct rel *r)
{
    struct str list = group_list(p, b, &r->groups), sets = STR_NONE;
    if (r->grouping == GROUP_ROLLUP)
        return str_fmt(p->a, "ROLLUP (%.*s)", STR_ARGS(list));
    if (r->grouping == GROUP_CUBE)
        return str_fmt(p->a, "CUBE (%.*s)", STR_ARGS(list));
    if (r->grouping != GROUP_SETS)
        return list;
    for (size_t i = 0; i < r->row_count; i++) {
        struct str s = group_list(p, b, &r->rows[i]);
        sets = str_fmt(p->a, "%.*s%s(%.*s)", STR_ARGS(sets), i ? ", " : "", STR_ARGS(s));
    }
    return str_fmt(p->a, "GROUPING SETS (%.*s)", STR_ARGS(sets));
}

static struct block *aggregate(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    if (p->failed)
        return b;
    if (b->stage > AT_WHERE)
        b = block_wrap(p, b);
    b->group = grouping_text(p, b, r);
    const struct exprs *groups = p->groups;
    p->groups = &r->groups;
    set_cols(p, b, r);
    p->groups = groups;
    b->stage = r->distinct ? AT_SELECT : AT_GROUP;
    b->distinct = r->distinct;
    b->has_window = any_window(r);
    b->grouped = true;
    return b;
}

static struct block *sort(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    bool plain = true;
    if (p->failed)
        return b;
    for (size_t i = 0; i < r->order.count; i++)
        plain &= plain_column(r->order.items[i]->args.items[0]);
    if (b->stage > AT_SELECT || b->has_unnest || b->distinct_on.len ||
        (!plain && (b->raw.len || b->distinct || b->stage == AT_SELECT)))
        b = block_wrap(p, b);
    b->order_keys = ARENA_ARRAY(p->a, struct str, r->order.count + 1);
    b->order_items = ARENA_ARRAY(p->a, const struct expr *, r->order.count + 1);
    b->order_count = r->order.count;
    for (size_t i = 0; i < r->order.count; i++) {
        const struct expr *key = r->order.items[i];
        b->order_items[i] = key;
        b->order_keys[i] = in_env(p, b, key->args.items[0], P_ANY);
        if (bare(key->args.items[0])->kind == EXPR_LITERAL)
            b->order_keys[i] = STR("NULL");
    }
    b->stage = AT_ORDER;
    return b;
}

static struct block *limit(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    if (p->failed)
        return b;
    if (b->stage >= AT_LIMIT)
        b = block_wrap(p, b);
    struct str n = r->limit ? print_text(p, r->limit, P_ATOM) : STR("ALL");
    b->limit = r->offset ? str_fmt(p->a, "%.*s OFFSET %.*s", STR_ARGS(n), STR_ARGS(print_text(p, r->offset, P_ATOM))) : n;
    b->stage = AT_LIMIT;
    return b;
}

/* The last n rows, in order. */
static struct block *tail(struct pr *p, const struct rel *r)
{
    struct block *b = block_wrap(p, print_block(p, r->input));
    if (p->failed)
        return b;
    struct str n = print_text(p, r->limit, P_ATOM), body, alias = print_alias(p, STR_NONE);
    struct str inner = print_alias(p, STR_NONE);
    body = str_fmt(p->a, "(SELECT *, row_number() OVER () AS \"__row\", count(*) OVER () AS \"__rows\" FROM %.*s) AS %.*s",
                   STR_ARGS(b->from), STR_ARGS(alias));
    struct str *names = unique_names(p, b->names, b->count);
    (void)inner;
    for (size_t i = 0; i < b->count; i++)
        b->cols[i].text = str_fmt(p->a, "%.*s.%.*s", STR_ARGS(alias), STR_ARGS(quoted(p, names[i])));
    b->from = body;
    b->where = str_fmt(p->a, "%.*s.\"__row\" > %.*s.\"__rows\" - %.*s", STR_ARGS(alias), STR_ARGS(alias), STR_ARGS(n));
    b->order_keys = ARENA_ARRAY(p->a, struct str, 1);
    b->order_items = ARENA_ARRAY(p->a, const struct expr *, 1);
    struct expr *s = expr_new(p->a, EXPR_SORT, r->at);
    s->nulls_first = true;
    b->order_items[0] = s;
    b->order_keys[0] = str_fmt(p->a, "%.*s.\"__row\"", STR_ARGS(alias));
    b->order_count = 1;
    b->stage = AT_ORDER;
    return b;
}

static struct block *dedup(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r->input);
    if (p->failed)
        return b;
    if (b->stage > AT_WHERE)
        b = block_wrap(p, b);
    for (size_t i = 0; i < r->exprs.count; i++)
        b->distinct_on = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(b->distinct_on), i ? ", " : "",
                                 STR_ARGS(in_env(p, b, r->exprs.items[i], P_ANY)));
    b->distinct = true;
    b->stage = AT_SELECT;
    return b;
}

static struct block *sample(struct pr *p, const struct rel *r)
{
    struct block *b = block_as_from(p, print_block(p, r->input));
    if (r->fraction < 1)
        b->where = str_fmt(p->a, "random() < %.17g", r->fraction);
    b->stage = AT_WHERE;
    return b;
}

static struct block *through(struct pr *p, const struct rel *r)
{
    return print_block(p, r->input);
}

/* ------------------------------------------------------------------ dispatch */

static struct block *(*const printers[])(struct pr *p, const struct rel *r) = {
    [REL_TABLE] = print_leaf, [REL_FUNCTION] = print_leaf, [REL_SOURCE] = print_leaf, [REL_LOCAL] = print_leaf,
    [REL_VALUES] = print_values, [REL_ONE_ROW] = block_new, [REL_PROJECT] = project, [REL_FILTER] = filter,
    [REL_JOIN] = print_join, [REL_AGGREGATE] = aggregate, [REL_SORT] = sort, [REL_LIMIT] = limit,
    [REL_SETOP] = print_setop, [REL_ALIAS] = print_alias_rel, [REL_DEDUP] = dedup, [REL_WITH] = print_with,
    [REL_WATERMARK] = through, [REL_GENERATE] = print_generate, [REL_SAMPLE] = sample, [REL_TAIL] = tail,
    [REL_HINT] = through,
};

struct block *print_block(struct pr *p, const struct rel *r)
{
    CHECK((size_t)r->kind < COUNT_OF(printers) && printers[r->kind] && r->output);
    struct block *b = printers[r->kind](p, r);
    CHECK(p->failed || b->count == r->output->field_count);
    return b;
}

static void pr_init(struct pr *p, const struct printer *with, struct err *err)
{
    *p = (struct pr){.a = arena_new(), .with = with, .aliases = map_new_icase(), .err = err};
}

static int pr_done(struct pr *p, struct str text, struct buf *sql)
{
    if (!p->failed)
        buf_str(sql, text);
    map_free(p->aliases);
    arena_free(p->a);
    return p->failed ? -1 : buf_check(sql, "the printed statement", p->err);
}

int engine_print(const struct rel *resolved, const struct printer *with, struct buf *sql, struct err *err)
{
    struct pr p;
    pr_init(&p, with, err);
    struct block *b = print_block(&p, resolved);
    if (!p.failed && b->renamed && b->raw.len)
        b = block_wrap(&p, b);
    return pr_done(&p, p.failed ? STR_NONE : block_render(&p, b, false), sql);
}

int engine_print_expr_over(const struct expr *resolved, const struct str *texts, size_t count, bool condition, const struct printer *with,
                           struct buf *sql, struct err *err)
{
    struct pr p;
    pr_init(&p, with, err);
    struct col *cols = ARENA_ARRAY(p.a, struct col, count + 1);
    for (size_t i = 0; i < count; i++)
        cols[i] = (struct col){texts[i], P_ATOM};
    struct env e = {.cols = cols, .count = count};
    p.env = &e;
    p.in_condition = condition;
    return pr_done(&p, print_text(&p, resolved, P_ANY), sql);
}

int engine_print_expr(const struct expr *resolved, const struct type *input, const struct printer *with,
                      struct buf *sql, struct err *err)
{
    struct arena *a = arena_new();
    struct str *texts = ARENA_ARRAY(a, struct str, input->field_count + 1);
    for (size_t i = 0; i < input->field_count; i++) {
        struct buf b;
        buf_init(&b);
        duck_quote_ident(&b, input->fields[i].name);
        texts[i] = str_copy(a, buf_view(&b));
        buf_release(&b);
    }
    int rc = engine_print_expr_over(resolved, texts, input->field_count, false, with, sql, err);
    arena_free(a);
    return rc;
}
