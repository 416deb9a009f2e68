#include "connect/args.h"
#include <stdlib.h>
#include <string.h>

struct named { struct str name; const struct expr *value; };

struct args {
    struct arena *a;
    struct named *named; size_t named_count;
    const struct expr **positional; size_t positional_count;
    struct expr **marks; size_t mark_count, mark_cap; /* each ? of the text */
    struct str missing;                               /* the first :name that has no value */
};

bool args_given(const Spark__Connect__SQL *m)
{
    return m->n_args || m->n_pos_args || m->n_named_arguments || m->n_pos_arguments;
}

static const struct expr *literal_of(struct arena *a, Spark__Connect__Expression__Literal *m, struct err *err)
{
    Spark__Connect__Expression e = SPARK__CONNECT__EXPRESSION__INIT;
    if (!m) {
        err_set(err, ERR_INPUT, "an argument has no value");
        return NULL;
    }
    e.expr_type_case = SPARK__CONNECT__EXPRESSION__EXPR_TYPE_LITERAL;
    e.literal = m;
    return expr_translate(a, &e, err);
}

static int read_args(struct args *x, const Spark__Connect__SQL *m, struct err *err)
{
    size_t named = m->n_args + m->n_named_arguments, positional = m->n_pos_args + m->n_pos_arguments;
    if (named > ARGS_MAX || positional > ARGS_MAX)
        return err_set(err, ERR_LIMIT, "more than ARGS_MAX (%d) arguments", ARGS_MAX);
    x->named = ARENA_ARRAY(x->a, struct named, named + 1);
    x->positional = ARENA_ARRAY(x->a, const struct expr *, positional + 1);
    for (size_t i = 0; i < named; i++) {
        bool old = i < m->n_args;
        const char *key = old ? m->args[i]->key : m->named_arguments[i - m->n_args]->key;
        const struct expr *v = old ? literal_of(x->a, m->args[i]->value, err) : expr_translate(x->a, m->named_arguments[i - m->n_args]->value, err);
        if (!v)
            return -1;
        x->named[x->named_count++] = (struct named){str_copy(x->a, str_z(key)), v};
    }
    for (size_t i = 0; i < positional; i++) {
        const struct expr *v = i < m->n_pos_args ? literal_of(x->a, m->pos_args[i], err) : expr_translate(x->a, m->pos_arguments[i - m->n_pos_args], err);
        if (!v)
            return -1;
        x->positional[x->positional_count++] = v;
    }
    return 0;
}

static const struct expr *named_value(const struct args *x, struct str name)
{
    for (size_t i = 0; i < x->named_count; i++)
        if (str_ieq(x->named[i].name, name))
            return x->named[i].value;
    return NULL;
}

/* For IDENTIFIER(:name): only texts name things. */
static bool text_value(void *ctx, struct str name, struct str *value)
{
    const struct expr *v = named_value(ctx, name);
    if (!v || v->kind != EXPR_LITERAL || v->lit.kind != LIT_STRING)
        return false;
    *value = v->lit.text;
    return true;
}

static void put_value(struct expr *mark, const struct expr *value)
{
    struct place at = mark->at;
    *mark = *value;
    mark->at = at;
}

static void on_param(void *ctx, struct expr *mark)
{
    struct args *x = ctx;
    if (!mark->name.count) {
        x->marks = arena_grow(x->a, x->marks, &x->mark_cap, x->mark_count + 1, sizeof *x->marks);
        x->marks[x->mark_count++] = mark;
        return;
    }
    const struct expr *v = named_value(x, mark->name.parts[0]);
    if (v)
        put_value(mark, v);
    else if (!x->missing.len)
        x->missing = mark->name.parts[0];
}

static int by_place(const void *p, const void *q)
{
    const struct place *a = &(*(struct expr *const *)p)->at, *b = &(*(struct expr *const *)q)->at;
    return a->line != b->line ? (a->line < b->line ? -1 : 1) : a->col != b->col ? (a->col < b->col ? -1 : 1) : 0;
}

static void visit_expr(struct args *x, struct expr *e)
{
    struct rel holder = {.kind = REL_FILTER, .cond = e};
    if (e)
        rel_visit_params(&holder, on_param, x);
}

static void visit_statement(struct args *x, const struct stmt *st)
{
    const struct rel *const rels[] = {st->query, st->source, st->target};
    for (size_t i = 0; i < COUNT_OF(rels); i++)
        if (rels[i])
            rel_visit_params(rels[i], on_param, x);
    visit_expr(x, st->where);
    visit_expr(x, st->on);
    for (size_t i = 0; i < st->assignments_value.count; i++)
        visit_expr(x, st->assignments_value.items[i]);
    for (size_t i = 0; i < st->action_count; i++) {
        visit_expr(x, st->actions[i].cond);
        for (size_t k = 0; k < st->actions[i].values.count; k++)
            visit_expr(x, st->actions[i].values.items[k]);
    }
    if (st->inner)
        visit_statement(x, st->inner); /* EXPLAIN: one deep */
}

int args_parse(struct arena *a, const Spark__Connect__SQL *m, struct stmts *out, struct err *err)
{
    struct args x = {.a = a};
    struct sparksql_params params = {text_value, &x};
    if (read_args(&x, m, err) || sparksql_parse_params(a, "query", 1, str_copy(a, str_z(m->query)), &params, out, err))
        return -1;
    for (size_t i = 0; i < out->count; i++)
        visit_statement(&x, out->items[i]);
    if (x.missing.len)
        return err_set(err, ERR_INPUT, "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: %.*s. Please, fix `args` and provide a mapping of the parameter "
                       "to either a SQL literal or collection constructor functions such as `map()`, `array()`, `struct()`.", STR_ARGS(x.missing));
    if (x.mark_count > x.positional_count)
        return err_set(err, ERR_INPUT, "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: _%zu. Please, fix `args`: %zu given, %zu markers", x.positional_count + 1,
                       x.positional_count, x.mark_count);
    if (x.mark_count)
        qsort(x.marks, x.mark_count, sizeof *x.marks, by_place);
    for (size_t i = 0; i < x.mark_count; i++)
        put_value(x.marks[i], x.positional[i]);
    return 0;
}
