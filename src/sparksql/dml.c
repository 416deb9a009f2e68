/* dml.c -- INSERT, UPDATE, DELETE, MERGE. */
#include "sparksql/parse_int.h"

static bool schema_evolution(struct parser *p)
{
    if (!is_kw(p, KW_WITH) || !peek_kw(p, 1, KW_SCHEMA))
        return false;
    take(p, 2);
    if (!accept_word(p, "EVOLUTION"))
        syntax_error(p, "EVOLUTION");
    return true;
}

/* The name of what is written to: a table's, or format and path. Only its newest state can be changed. */
static struct names target_name(struct parser *p, const struct rel *r)
{
    if (r->version || r->timestamp)
        refuse(p, r->at, "a version of a table as the target of a change", "leave the version out, or RESTORE the table first");
    if (r->options.count)
        refuse(p, r->at, "WITH (…) behind the target of a change", "leave it out");
    if (r->kind != REL_SOURCE)
        return r->name;
    const struct str parts[] = {r->format, r->paths[0]};
    return (struct names){arena_copy(p->a, parts, sizeof parts), COUNT_OF(parts)};
}

/* PARTITION (a = 1, b = DATE '2024-01-01', c): a key without a value is a dynamic one. */
static void partition(struct parser *p, struct stmt *s)
{
    if (accept_kw(p, KW_PARTITION))
        partition_spec(p, &s->partition_spec);
    if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_NOT)) {
        take(p, 2);
        expect_kw(p, KW_EXISTS);
        s->if_not_exists = true;
    }
}

static void insert_columns(struct parser *p, struct stmt *s)
{
    struct str *items;
    size_t count;
    if (accept_kws(p, KW_BY, KW_NAME)) {
        s->by_name = true;
        return;
    }
    if (!is_op(p, OP_LPAREN) || query_follows(p, 1))
        return;
    struct place at = here(p);
    name_list(p, &items, &count);
    s->columns = ARENA_ARRAY(p->a, struct column_def, count);
    s->column_count = count;
    for (size_t i = 0; i < count; i++)
        s->columns[i] = (struct column_def){.name = items[i], .at = at};
}

/* INSERT {INTO | OVERWRITE} [TABLE] t [PARTITION (…)] [(columns) | BY NAME | REPLACE WHERE cond]
 * query. */
void insert(struct parser *p, struct stmt *s, struct rel *with)
{
    s->schema_evolution = schema_evolution(p);
    s->overwrite = accept_kw(p, KW_OVERWRITE);
    if (!s->overwrite)
        expect_kw(p, KW_INTO);
    if (is_word(p, "DIRECTORY") || is_word(p, "LOCAL"))
        refuse(p, s->at, "INSERT OVERWRITE DIRECTORY", "write into a table");
    if (s->overwrite)
        (void)accept_kw(p, KW_INTO);
    (void)accept_kw(p, KW_TABLE);
    s->target = table_name(p);
    s->name = target_name(p, s->target);
    if (is_kw(p, KW_AS))
        s->target = table_alias(p, s->target, true);
    partition(p, s);
    insert_columns(p, s);
    if (!s->overwrite && s->if_not_exists)
        fail_at(p, s->at, ERR_INPUT,
                "[INVALID_STATEMENT_OR_CLAUSE] IF NOT EXISTS goes with INSERT OVERWRITE");
    if (accept_kw(p, KW_REPLACE)) {
        if (s->target->kind == REL_ALIAS && is_kw(p, KW_WHERE))
            fail_at(p, s->at, ERR_INPUT,
                    "[INSERT_REPLACE_WHERE_TABLE_ALIAS_NOT_ALLOWED] REPLACE WHERE takes no alias "
                    "of the table");
        if (is_kw(p, KW_USING) || is_kw(p, KW_ON))
            refuse(p, s->at, "INSERT … REPLACE USING or REPLACE ON", "use MERGE");
        expect_kw(p, KW_WHERE);
        s->where = expression(p);
        s->overwrite = true;
    }
    size_t from = p->at;
    s->query = with_ctes(p, with, query(p));
    s->query_text = text_since(p, from);
}

/* a.b = expr, …; DEFAULT stands as a column of that name. */
static void assignments(struct parser *p, struct exprs *to, struct exprs *value)
{
    do {
        struct expr *c = expr_new(p->a, EXPR_COLUMN, here(p));
        c->name = names(p, "a column");
        exprs_push(p->a, to, c);
        expect_op(p, OP_EQ);
        exprs_push(p->a, value, expression(p));
    } while (accept_op(p, OP_COMMA));
}

static struct rel *target(struct parser *p, struct stmt *s)
{
    struct rel *r = table_name(p);
    s->name = target_name(p, r);
    r = is_kw(p, KW_SET) ? r : table_alias(p, r, false);
    if (r->column_count)
        fail_at(p, r->at, ERR_INPUT,
                "[COLUMN_ALIASES_NOT_ALLOWED] the target of %s takes an alias without columns",
                stmt_kind_name(s->kind));
    return r;
}

void update(struct parser *p, struct stmt *s)
{
    s->target = target(p, s);
    expect_kw(p, KW_SET);
    assignments(p, &s->assignments_to, &s->assignments_value);
    if (accept_kw(p, KW_WHERE))
        s->where = expression(p);
}

void delete_from(struct parser *p, struct stmt *s)
{
    expect_kw(p, KW_FROM);
    s->target = target(p, s);
    if (accept_kw(p, KW_WHERE))
        s->where = expression(p);
}

static void merge_insert(struct parser *p, struct merge_action *m)
{
    m->op = 2;
    if (accept_op(p, OP_STAR)) {
        m->star = true;
        return;
    }
    if (accept_op(p, OP_LPAREN)) {
        do {
            struct expr *c = expr_new(p->a, EXPR_COLUMN, here(p));
            c->name = names(p, "a column");
            exprs_push(p->a, &m->columns, c);
        } while (accept_op(p, OP_COMMA));
        expect_op(p, OP_RPAREN);
    }
    expect_kw(p, KW_VALUES);
    struct place at = here(p);
    exprs_list(p, &m->values);
    if (m->columns.count && m->columns.count != m->values.count)
        fail_at(p, at, ERR_INPUT,
                "[INSERT_COLUMN_ARITY_MISMATCH] INSERT names %zu columns and gives %zu values",
                m->columns.count, m->values.count);
}

static void merge_update(struct parser *p, struct merge_action *m)
{
    m->op = 0;
    expect_kw(p, KW_SET);
    if (is_op(p, OP_STAR)) {
        advance(p);
        m->star = true;
        return;
    }
    assignments(p, &m->columns, &m->values);
}

/* WHEN [NOT] MATCHED [BY TARGET | BY SOURCE] [AND cond] THEN …. */
static void merge_when(struct parser *p, struct merge_action *m)
{
    bool not = accept_kw(p, KW_NOT);
    if (!accept_word(p, "MATCHED"))
        syntax_error(p, "MATCHED or NOT MATCHED");
    if (accept_kw(p, KW_BY)) {
        bool source = accept_word(p, "SOURCE");
        if (!not || (!source && !accept_word(p, "TARGET")))
            syntax_error(p, "NOT MATCHED BY SOURCE or BY TARGET");
        m->when = source ? 2 : 1;
    } else {
        m->when = not ;
    }
    if (accept_kw(p, KW_AND))
        m->cond = expression(p);
    expect_kw(p, KW_THEN);
    if (m->when == 1) {
        expect_kw(p, KW_INSERT);
        merge_insert(p, m);
    } else if (accept_kw(p, KW_DELETE)) {
        m->op = 1;
    } else if (accept_kw(p, KW_UPDATE)) {
        merge_update(p, m);
    } else {
        syntax_error(p, "UPDATE or DELETE");
    }
}

/* Of the actions of one kind only the last may be without a condition: what follows it never runs.
 */
static void last_alone_unconditional(struct parser *p, const struct stmt *s)
{
    static const char *const kinds[] = {"MATCHED", "NOT MATCHED", "NOT MATCHED BY SOURCE"};
    for (size_t i = 0; i < s->action_count; i++)
        for (size_t k = i + 1; k < s->action_count && !s->actions[i].cond; k++)
            if (s->actions[k].when == s->actions[i].when)
                fail_at(p, s->at, ERR_INPUT,
                        "[NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION] only the last WHEN %s may be "
                        "without a condition",
                        kinds[s->actions[i].when]);
}

void merge(struct parser *p, struct stmt *s)
{
    size_t cap = 0;
    s->schema_evolution = schema_evolution(p);
    expect_kw(p, KW_INTO);
    s->target = target(p, s);
    expect_kw(p, KW_USING);
    s->source = relation_primary(p);
    expect_kw(p, KW_ON);
    s->on = expression(p);
    while (accept_kw(p, KW_WHEN)) {
        s->actions = arena_grow(p->a, s->actions, &cap, s->action_count + 1, sizeof *s->actions);
        merge_when(p, &s->actions[s->action_count++]);
    }
    if (!s->action_count)
        syntax_error(p, "WHEN MATCHED or WHEN NOT MATCHED");
    if (s->source->column_count && s->source->kind == REL_ALIAS &&
        s->source->input->kind == REL_TABLE)
        fail_at(p, s->source->at, ERR_INPUT,
                "[COLUMN_ALIASES_NOT_ALLOWED] the source of MERGE takes an alias without columns");
    last_alone_unconditional(p, s);
}
