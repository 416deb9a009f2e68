/* alter.c -- ALTER {TABLE | VIEW | SCHEMA | CATALOG | …}. The action is named in stmt.action; one
 * that has no fields of its own keeps its text in stmt.value. */
#include "sparksql/parse_int.h"

static void action(struct stmt *s, const char *name)
{
    s->action = str_z(name);
}

static struct column_def *column_new(struct parser *p, struct stmt *s)
{
    size_t cap = s->column_count;
    s->columns = arena_grow(p->a, s->columns, &cap, s->column_count + 1, sizeof *s->columns);
    return &s->columns[s->column_count++];
}

/* FIRST or AFTER column. */
static void position(struct parser *p, struct stmt *s)
{
    if (accept_kw(p, KW_FIRST)) {
        s->position = STR("FIRST");
        return;
    }
    if (!accept_word(p, "AFTER"))
        return;
    struct str column = name(p, "a column");
    s->position = str_fmt(p->a, "AFTER %.*s", STR_ARGS(column));
}

/* A column's dotted path in `args`, its last part as the name. */
static struct str column_path(struct parser *p, struct stmt *s)
{
    struct expr *c = expr_new(p->a, EXPR_COLUMN, here(p));
    c->name = names(p, "a column");
    exprs_push(p->a, &s->args, c);
    return c->name.parts[c->name.count - 1];
}

/* Everything behind a new column's type, in any order, each once. */
static void added_column_options(struct parser *p, struct stmt *s, struct column_def *c)
{
    bool placed = false;
    for (;;) {
        bool first_or_after = is_kw(p, KW_FIRST) || is_word(p, "AFTER");
        if ((c->not_null && is_kw(p, KW_NOT)) || (c->comment.ptr && is_kw(p, KW_COMMENT)) ||
            (c->default_value && is_kw(p, KW_DEFAULT)) || (placed && first_or_after))
            fail_at(p, here(p), ERR_INPUT,
                    "[ALTER_TABLE_COLUMN_DESCRIPTOR_DUPLICATE] column '%.*s' is given %.*s twice",
                    STR_ARGS(c->name), STR_ARGS(tok_text(p, cur(p))));
        placed |= first_or_after;
        if (accept_kws(p, KW_NOT, KW_NULL))
            c->not_null = true;
        else if (accept_kw(p, KW_COMMENT))
            c->comment = string(p, "the comment as a string");
        else if (accept_kw(p, KW_DEFAULT)) {
            size_t from = p->at;
            c->default_value = expression(p);
            c->default_text = text_since(p, from);
        }
        else if (first_or_after)
            position(p, s);
        else
            return;
    }
}

static void add_columns(struct parser *p, struct stmt *s)
{
    action(s, "ADD COLUMNS");
    bool paren = accept_op(p, OP_LPAREN);
    do {
        struct column_def *c = column_new(p, s);
        c->at = here(p);
        c->name = column_path(p, s);
        c->type = data_type(p);
        added_column_options(p, s, c);
    } while (accept_op(p, OP_COMMA));
    if (paren)
        expect_op(p, OP_RPAREN);
}

static void add(struct parser *p, struct stmt *s)
{
    if (accept_word(p, "COLUMN") || accept_word(p, "COLUMNS")) {
        add_columns(p, s);
    } else if (accept_kw(p, KW_CONSTRAINT)) {
        action(s, "ADD CONSTRAINT");
        s->key = name(p, "a constraint name");
        if (accept_word(p, "CHECK")) {
            expect_op(p, OP_LPAREN);
            size_t from = p->at;
            s->where = expression(p);
            s->value = text_since(p, from);
            expect_op(p, OP_RPAREN);
        } else {
            s->value = rest_of_statement(p);
        }
    } else {
        action(s, "ADD");
        s->value = rest_of_statement(p);
    }
}

static void drop(struct parser *p, struct stmt *s)
{
    if (accept_word(p, "COLUMN") || accept_word(p, "COLUMNS")) {
        action(s, "DROP COLUMNS");
        if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_EXISTS)) {
            take(p, 2);
            s->if_exists = true;
        }
        bool paren = accept_op(p, OP_LPAREN);
        do
            (void)column_path(p, s);
        while (accept_op(p, OP_COMMA));
        if (paren)
            expect_op(p, OP_RPAREN);
    } else if (accept_kw(p, KW_CONSTRAINT)) {
        action(s, "DROP CONSTRAINT");
        if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_EXISTS)) {
            take(p, 2);
            s->if_exists = true;
        }
        s->key = name(p, "a constraint name");
        (void)rest_of_statement(p);
    } else {
        action(s, "DROP");
        s->value = rest_of_statement(p);
    }
}

static void rename_what(struct parser *p, struct stmt *s)
{
    if (accept_word(p, "COLUMN")) {
        action(s, "RENAME COLUMN");
        (void)column_path(p, s);
        expect_kw(p, KW_TO);
        s->key = name(p, "a name");
        return;
    }
    action(s, "RENAME");
    expect_kw(p, KW_TO);
    s->rename_to = table_names(p, "a name");
}

/* ALTER [COLUMN] c {TYPE t | SET NOT NULL | DROP NOT NULL | SET DEFAULT e | DROP DEFAULT | COMMENT
 * s | FIRST | AFTER d}. */
static void alter_column(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "COLUMN"))
        (void)accept_word(p, "COLUMNS");
    struct column_def *c = column_new(p, s);
    c->at = here(p);
    c->name = column_path(p, s);
    if (accept_word(p, "TYPE")) {
        action(s, "ALTER COLUMN TYPE");
        c->type = data_type(p);
    } else if (is_kw(p, KW_SET) && peek_kw(p, 1, KW_NOT)) {
        take(p, 2);
        expect_kw(p, KW_NULL);
        action(s, "ALTER COLUMN SET NOT NULL");
    } else if (is_kw(p, KW_DROP) && peek_kw(p, 1, KW_NOT)) {
        take(p, 2);
        expect_kw(p, KW_NULL);
        action(s, "ALTER COLUMN DROP NOT NULL");
    } else if (accept_kws(p, KW_SET, KW_DEFAULT)) {
        action(s, "ALTER COLUMN SET DEFAULT");
        size_t from = p->at;
        c->default_value = expression(p);
        c->default_text = text_since(p, from);
    } else if (accept_kws(p, KW_DROP, KW_DEFAULT)) {
        action(s, "ALTER COLUMN DROP DEFAULT");
    } else if (accept_kw(p, KW_COMMENT)) {
        action(s, "ALTER COLUMN COMMENT");
        c->comment = string(p, "the comment as a string");
    } else if (is_kw(p, KW_FIRST) || is_word(p, "AFTER")) {
        action(s, "ALTER COLUMN POSITION");
        position(p, s);
    } else {
        action(s, "ALTER COLUMN");
        s->value = rest_of_statement(p);
    }
    if (is_op(p, OP_COMMA))
        refuse(p, here(p), "ALTER COLUMN of several columns at once",
               "write one statement for each");
}

/* CHANGE [COLUMN] old new type [COMMENT s], Hive's spelling; or as ALTER COLUMN. */
static void change_column(struct parser *p, struct stmt *s)
{
    static const char *const words[] = {"TYPE", "SET", "DROP", "COMMENT", "FIRST", "AFTER"};
    size_t next = is_word(p, "COLUMN") ? 1 : 0;
    while (peek_op(p, next + 1, OP_DOT))
        next += 2;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_ieqz(tok_text(p, peek(p, next + 1)), words[i]) &&
            !peek_kw(p, next + 2, KW_COMMENT)) {
            alter_column(p, s);
            return;
        }
    }
    (void)accept_word(p, "COLUMN");
    action(s, "CHANGE COLUMN");
    (void)column_path(p, s);
    struct column_def *c = column_new(p, s);
    column_definition(p, c);
    position(p, s);
}

static void set(struct parser *p, struct stmt *s)
{
    if (accept_word(p, "TBLPROPERTIES") || accept_word(p, "DBPROPERTIES") ||
        accept_word(p, "PROPERTIES")) {
        action(s, "SET TBLPROPERTIES");
        properties(p, &s->properties);
    } else if (accept_word(p, "LOCATION")) {
        action(s, "SET LOCATION");
        s->location = string(p, "a path as a string");
    } else {
        action(s, "SET");
        s->value = rest_of_statement(p);
    }
}

static void unset(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "TBLPROPERTIES") && !accept_word(p, "DBPROPERTIES")) {
        action(s, "UNSET");
        s->value = rest_of_statement(p);
        return;
    }
    action(s, "UNSET TBLPROPERTIES");
    if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_EXISTS)) {
        take(p, 2);
        s->if_exists = true;
    }
    property_keys(p, &s->properties);
}

static void cluster(struct parser *p, struct stmt *s)
{
    action(s, "CLUSTER BY");
    expect_kw(p, KW_BY);
    if (accept_word(p, "AUTO"))
        s->cluster_auto = true;
    else if (!accept_word(p, "NONE"))
        exprs_list(p, &s->cluster_by);
}

static void as(struct parser *p, struct stmt *s)
{
    action(s, "AS");
    size_t from = p->at;
    s->query = query(p);
    s->query_text = text_since(p, from);
}

static const struct {
    const char *word;
    void (*rule)(struct parser *p, struct stmt *s);
} actions[] = {
    {"ADD", add},
    {"DROP", drop},
    {"RENAME", rename_what},
    {"ALTER", alter_column},
    {"CHANGE", change_column},
    {"SET", set},
    {"UNSET", unset},
    {"CLUSTER", cluster},
    {"AS", as},
};

void alter(struct parser *p, struct stmt *s)
{
    (void)accept_word(p, "STREAMING");
    (void)accept_word(p, "MATERIALIZED");
    s->object = str_upper(p->a, name(p, "TABLE, VIEW or SCHEMA"));
    if (str_eqz(s->object, "DATABASE") || str_eqz(s->object, "NAMESPACE"))
        s->object = STR("SCHEMA");
    s->name = table_names(p, "a name");
    if (accept_kw(p, KW_PARTITION))
        partition_spec(p, &s->partition_spec);
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (accept_word(p, actions[i].word)) {
            actions[i].rule(p, s);
            return;
        }
    }
    if (!is_name(p))
        syntax_error(p, "what to alter: ADD, DROP, RENAME, ALTER COLUMN or SET");
    s->action = str_upper(p->a, tok_text(p, cur(p))); /* RECOVER PARTITIONS, OWNER TO … */
    s->value = rest_of_statement(p);
}
