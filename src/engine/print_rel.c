/* print_rel.c -- joins, set operations, WITH, generators, VALUES and leaves.
 *
 * A generator is unnest() of a list: of values, or of structs where it gives several columns. It is
 * printed in the select list of a subquery, which DuckDB runs without a join. OUTER unnests a list
 * of one NULL where there is nothing. */
#include "engine/print_int.h"

/* ------------------------------------------------------------------ leaves */

static struct block *from_text(struct pr *p, const struct rel *r, struct str text, struct str hint, bool name_columns)
{
    struct block *b = block_new(p, r);
    struct str alias = print_alias(p, hint), columns = STR_NONE, *names = unique_names(p, b->names, b->count);
    for (size_t i = 0; i < b->count; i++) {
        struct str q = quoted(p, names[i]);
        b->cols[i] = (struct col){str_fmt(p->a, "%.*s.%.*s", STR_ARGS(alias), STR_ARGS(q)), P_ATOM};
        if (name_columns)
            columns = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(columns), i ? ", " : "", STR_ARGS(q));
    }
    b->from = columns.len ? str_fmt(p->a, "%.*s AS %.*s(%.*s)", STR_ARGS(text), STR_ARGS(alias), STR_ARGS(columns))
                          : str_fmt(p->a, "%.*s AS %.*s", STR_ARGS(text), STR_ARGS(alias));
    return b;
}

static struct str leaf_hint(const struct rel *r)
{
    return r->kind == REL_TABLE && r->name.count ? r->name.parts[r->name.count - 1] : STR_NONE;
}

static struct block *leaf(struct pr *p, const struct rel *r, struct str hint)
{
    struct buf text;
    if (r->kind == REL_TABLE && str_eqz(r->text, "cte"))
        return from_text(p, r, quoted(p, r->name.parts[0]), hint, false);
    if (r->kind == REL_LOCAL)
        return from_text(p, r, str_fmt(p->a, "(%.*s)", STR_ARGS(r->text)), hint, true);
    if (r->kind == REL_FUNCTION && str_eqz(str_lower(p->a, r->func), "range")) {
        struct str args = STR_NONE;
        for (size_t i = 0; i < r->args.count && i < 3; i++)
            args = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(args), i ? ", " : "", STR_ARGS(print_text(p, r->args.items[i], P_ANY)));
        return from_text(p, r, str_fmt(p->a, "range(%.*s)", STR_ARGS(args)), hint, true);
    }
    buf_init(&text);
    if (!p->failed && p->with->leaf(p->with->ctx, r, &text, p->err))
        p->failed = true;
    struct block *b = from_text(p, r, str_copy(p->a, buf_view(&text)), hint, false);
    buf_release(&text);
    return b;
}

struct block *print_leaf(struct pr *p, const struct rel *r)
{
    return leaf(p, r, leaf_hint(r));
}

/* An alias names columns; its text is the input's. The name serves as the leaf's table alias. */
struct block *print_alias_rel(struct pr *p, const struct rel *r)
{
    const struct rel *in = r->input;
    bool direct = in->kind == REL_TABLE || in->kind == REL_FUNCTION || in->kind == REL_SOURCE || in->kind == REL_LOCAL;
    struct block *b = direct ? leaf(p, in, r->alias) : print_block(p, in);
    b->names = block_new(p, r)->names;
    b->renamed |= b->raw.len && r->column_count;
    return b;
}

struct block *print_values(struct pr *p, const struct rel *r)
{
    struct buf t;
    if (!r->row_count || !r->rows[0].count) {
        struct block *b = block_new(p, r);
        return b;
    }
    buf_init(&t);
    buf_z(&t, "(VALUES ");
    for (size_t i = 0; i < r->row_count; i++) {
        buf_z(&t, i ? ", (" : "(");
        print_list(p, &t, &r->rows[i], 0, ", ");
        buf_char(&t, ')');
    }
    buf_char(&t, ')');
    struct str text = str_copy(p->a, buf_view(&t));
    buf_release(&t);
    return from_text(p, r, text, STR_NONE, true);
}

/* ------------------------------------------------------------------ joins */

static const char *const join_words[] = {
    [JOIN_INNER] = "JOIN", [JOIN_LEFT] = "LEFT JOIN", [JOIN_RIGHT] = "RIGHT JOIN", [JOIN_FULL] = "FULL JOIN",
    [JOIN_CROSS] = "CROSS JOIN", [JOIN_SEMI] = "SEMI JOIN", [JOIN_ANTI] = "ANTI JOIN",
};

static bool is_join(const struct rel *r)
{
    while (r->kind == REL_ALIAS)
        r = r->input;
    return r->kind == REL_JOIN || r->kind == REL_PROJECT;
}

struct block *print_join(struct pr *p, const struct rel *r)
{
    struct env left_env, both;
    const struct env *outer = p->env;
    struct block *l = block_as_from(p, print_block(p, r->input));
    if (r->lateral) {
        block_env(l, &left_env, outer);
        p->env = &left_env;
    }
    struct block *right = print_block(p, r->right);
    p->env = outer;
    if (p->failed)
        return l;
    right = r->lateral ? block_wrap(p, right) : block_as_from(p, right);
    struct block *b = block_new(p, r);
    struct col *all = ARENA_ARRAY(p->a, struct col, l->count + right->count + 1);
    memcpy(all, l->cols, l->count * sizeof *all);
    memcpy(all + l->count, right->cols, right->count * sizeof *all);
    memcpy(b->cols, all, b->count * sizeof *all);
    bool bare = !r->cond && (r->join == JOIN_INNER || r->join == JOIN_CROSS);
    const char *word = bare ? "CROSS JOIN" : r->join == JOIN_CROSS ? "JOIN" : join_words[r->join];
    bool paren = is_join(r->right) && strstr(str_cz(p->a, right->from), "JOIN ") && right->from.ptr[0] != '(';
    b->from = str_fmt(p->a, "%.*s\n%s %s%s%.*s%s", STR_ARGS(l->from), word, r->lateral ? "LATERAL " : "", paren ? "(" : "",
                      STR_ARGS(right->from), paren ? ")" : "");
    if (bare)
        return b;
    both = (struct env){.cols = all, .count = l->count + right->count, .outer = outer};
    p->env = &both;
    struct str cond = r->cond ? print_text(p, r->cond, P_ANY) : STR("true");
    p->env = outer;
    b->from = str_fmt(p->a, "%.*s ON %.*s", STR_ARGS(b->from), STR_ARGS(cond));
    return b;
}

/* ------------------------------------------------------------------ set operations, WITH */

static struct str side(struct pr *p, const struct rel *r)
{
    struct block *b = print_block(p, r);
    if (p->failed)
        return STR_NONE;
    struct str s = block_render(p, b, false);
    bool simple = !b->raw.len && !b->with.len && !b->order_count && !b->limit.len;
    return simple ? s : str_fmt(p->a, "(%.*s)", STR_ARGS(s));
}

struct block *print_setop(struct pr *p, const struct rel *r)
{
    static const char *const words[] = {"UNION", "INTERSECT", "EXCEPT"};
    struct block *b = block_new(p, r);
    struct str l = side(p, r->input), s = side(p, r->right);
    b->raw = str_fmt(p->a, "%.*s\n%s%s\n%.*s", STR_ARGS(l), words[r->op], r->all ? " ALL" : "", STR_ARGS(s));
    b->stage = AT_SELECT;
    for (size_t i = 0; i < b->count; i++)
        b->cols[i] = (struct col){quoted(p, b->names[i]), P_ATOM};
    return b;
}

struct block *print_with(struct pr *p, const struct rel *r)
{
    struct str ctes = STR_NONE;
    for (size_t i = 0; i < r->cte_count && !p->failed; i++) {
        struct block *c = print_block(p, r->ctes[i]);
        if (p->failed)
            break;
        struct str cols = STR_NONE, *names = unique_names(p, c->names, c->count);
        for (size_t k = 0; k < c->count; k++)
            cols = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(cols), k ? ", " : "", STR_ARGS(quoted(p, names[k])));
        bool list = c->raw.len || r->recursive; /* the names of a set operation's first side may differ */
        ctes = str_fmt(p->a, "%.*s%s%.*s%s%.*s%s AS (%.*s)", STR_ARGS(ctes), i ? ",\n" : "",
                       STR_ARGS(quoted(p, r->cte_names[i])), list ? "(" : "", STR_ARGS(list ? cols : STR_NONE),
                       list ? ")" : "", STR_ARGS(block_render(p, c, true)));
    }
    struct block *b = print_block(p, r->input);
    if (p->failed || !r->cte_count)
        return b;
    if (b->with.len)
        b = block_wrap(p, b);
    b->with = str_fmt(p->a, "WITH %s%.*s\n", r->recursive ? "RECURSIVE " : "", STR_ARGS(ctes));
    return b;
}

/* ------------------------------------------------------------------ generators */

static struct str field_text(struct pr *p, struct str base, struct str field)
{
    struct buf q;
    buf_init(&q);
    duck_quote_text(&q, field);
    struct str s = str_fmt(p->a, "struct_extract(%.*s, %s)", STR_ARGS(base), q.ptr);
    buf_release(&q);
    return s;
}

static struct str struct_of(struct pr *p, const struct expr *g, size_t arg, size_t n)
{
    struct str s = STR("{");
    for (size_t i = 0; i < n; i++)
        s = str_fmt(p->a, "%.*s%s'g%zu': %.*s", STR_ARGS(s), i ? ", " : "", i,
                    STR_ARGS(arg + i < g->args.count ? print_text(p, g->args.items[arg + i], P_ANY) : STR("NULL")));
    return str_fmt(p->a, "%.*s}", STR_ARGS(s));
}

static struct str stack_list(struct pr *p, const struct expr *g, size_t cols)
{
    struct str s = STR("[");
    for (size_t i = 1; i < g->args.count; i += cols)
        s = str_fmt(p->a, "%.*s%s%.*s", STR_ARGS(s), i > 1 ? ", " : "", STR_ARGS(struct_of(p, g, i, cols)));
    return str_fmt(p->a, "%.*s]", STR_ARGS(s));
}

static struct str tuple_list(struct pr *p, const struct expr *g)
{
    struct str s = STR("[{"), json = print_text(p, g->args.items[0], P_ANY);
    for (size_t i = 1; i < g->args.count; i++)
        s = str_fmt(p->a, "%.*s%s'g%zu': spark_json_field(%.*s, %.*s)", STR_ARGS(s), i > 1 ? ", " : "", i - 1, STR_ARGS(json),
                    STR_ARGS(print_text(p, g->args.items[i], P_ANY)));
    return str_fmt(p->a, "%.*s}]", STR_ARGS(s));
}

static struct str variant_list(struct pr *p, struct str v)
{
    return str_fmt(p->a, "CASE WHEN json_type(%.*s) = 'ARRAY' THEN list_transform(json_extract(%.*s, '$[*]'), lambda x, i: "
                   "{'g0': CAST(i - 1 AS INTEGER), 'g1': CAST(NULL AS VARCHAR), 'g2': x}) ELSE list_transform(json_keys(%.*s), "
                   "lambda k, i: {'g0': CAST(i - 1 AS INTEGER), 'g1': k, 'g2': json_extract(%.*s, '$.\"' || k || '\"')}) END",
                   STR_ARGS(v), STR_ARGS(v), STR_ARGS(v), STR_ARGS(v));
}

/* The list that is unnested, and each generator column's text over `item`, one unnested value. */
static struct str gen_list(struct pr *p, const struct expr *g, struct str item, struct str *cols, size_t count)
{
    struct str a = print_text(p, g->args.items[0], P_ANY);
    bool pos = str_starts_z(g->func, "posexplode"), map = g->args.items[0]->type->kind == TYPE_MAP;
    if (str_starts_z(g->func, "explode") && !map) {
        cols[0] = item;
        return a;
    }
    if (str_starts_z(g->func, "explode")) {
        cols[0] = field_text(p, item, STR("key"));
        cols[1] = field_text(p, item, STR("value"));
        return str_fmt(p->a, "map_entries(%.*s)", STR_ARGS(a));
    }
    if (pos) {
        struct str value = field_text(p, item, STR("v"));
        cols[0] = field_text(p, item, STR("p"));
        cols[1] = map ? field_text(p, value, STR("key")) : value;
        if (map)
            cols[2] = field_text(p, value, STR("value"));
        return str_fmt(p->a, "list_transform(%s%.*s%s, lambda v, i: {'p': CAST(i - 1 AS INTEGER), 'v': v})",
                       map ? "map_entries(" : "", STR_ARGS(a), map ? ")" : "");
    }
    if (str_starts_z(g->func, "inline")) {
        const struct type *st = g->args.items[0]->type->element;
        for (size_t i = 0; i < count; i++)
            cols[i] = field_text(p, item, st->fields[i].name);
        return a;
    }
    for (size_t i = 0; i < count; i++)
        cols[i] = field_text(p, item, str_fmt(p->a, "g%zu", i));
    if (str_eqz(g->func, "stack"))
        return stack_list(p, g, count);
    return str_eqz(g->func, "json_tuple") ? tuple_list(p, g) : variant_list(p, a);
}

struct block *print_generate(struct pr *p, const struct rel *r)
{
    struct block *in = print_block(p, r->input);
    struct env env;
    const struct env *outer = p->env;
    const struct expr *g = r->exprs.items[0];
    if (p->failed)
        return in;
    if (in->stage > AT_WHERE)
        in = block_wrap(p, in);
    size_t own = r->output->field_count - in->count;
    struct str alias = print_alias(p, STR_NONE), item = str_fmt(p->a, "%.*s.\"__item\"", STR_ARGS(alias));
    struct block *b = block_new(p, r);
    struct str *cols = ARENA_ARRAY(p->a, struct str, own + 1), *names = unique_names(p, in->names, in->count);
    block_env(in, &env, outer);
    p->env = &env;
    struct str list = gen_list(p, g, item, cols, own);
    p->env = outer;
    if (r->outer)
        list = str_fmt(p->a, "CASE WHEN len(%.*s) > 0 THEN %.*s ELSE [NULL] END", STR_ARGS(list), STR_ARGS(list));
    for (size_t i = 0; i < in->count; i++)
        b->cols[i] = (struct col){str_fmt(p->a, "%.*s.%.*s", STR_ARGS(alias), STR_ARGS(quoted(p, names[i]))), P_ATOM};
    for (size_t i = 0; i < own; i++)
        b->cols[in->count + i] = (struct col){cols[i], P_ATOM};
    struct block inner = *in;
    inner.cols = ARENA_ARRAY(p->a, struct col, in->count + 1);
    inner.names = ARENA_ARRAY(p->a, struct str, in->count + 1);
    memcpy(inner.cols, in->cols, in->count * sizeof *in->cols);
    memcpy(inner.names, in->names, in->count * sizeof *in->names);
    inner.cols[in->count] = (struct col){str_fmt(p->a, "unnest(%.*s)", STR_ARGS(list)), P_ATOM};
    inner.names[in->count] = STR("__item");
    inner.count++;
    b->from = str_fmt(p->a, "(%.*s) AS %.*s", STR_ARGS(block_render(p, &inner, true)), STR_ARGS(alias));
    return b;
}
