/* create.c -- CREATE: what is made, its columns and constraints, its clauses.
 *
 * The words between CREATE and the kind of object come in many orders in real pipelines (CREATE OR
 * REFRESH STREAMING LIVE TABLE, CREATE INCREMENTAL LIVE TABLE …): they are collected as flags and
 * looked at together. The clauses behind the name come in any order, each at most once. */
#include "sparksql/parse_int.h"

struct words {
    bool temporary, global, private_, external, streaming, live, materialized, or_replace,
        or_refresh;
};

static bool modifier(struct parser *p, struct words *w)
{
    static const struct {
        const char *word;
        size_t at;
    } flags[] = {{"TEMPORARY", offsetof(struct words, temporary)},
                 {"TEMP", offsetof(struct words, temporary)},
                 {"GLOBAL", offsetof(struct words, global)},
                 {"PRIVATE", offsetof(struct words, private_)},
                 {"EXTERNAL", offsetof(struct words, external)},
                 {"STREAMING", offsetof(struct words, streaming)},
                 {"INCREMENTAL", offsetof(struct words, streaming)},
                 {"LIVE", offsetof(struct words, live)},
                 {"MATERIALIZED", offsetof(struct words, materialized)}};
    if (accept_kw(p, KW_OR)) {
        w->or_replace = is_kw(p, KW_REPLACE);
        w->or_refresh = is_kw(p, KW_REFRESH);
        if (!w->or_replace && !w->or_refresh)
            syntax_error(p, "REPLACE or REFRESH");
        advance(p);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        if (accept_word(p, flags[i].word)) {
            *(bool *)((char *)w + flags[i].at) = true;
            return true;
        }
    }
    return false;
}

/* ---- columns ---- */

static struct str constraint_text(struct parser *p, size_t from)
{
    /* Up to the comma or parenthesis that ends it. */
    while (!at_end(p) && !is_op(p, OP_COMMA) && !is_op(p, OP_RPAREN)) {
        if (is_op(p, OP_LPAREN) && cur(p)->match)
            p->at = cur(p)->match;
        advance(p);
    }
    return text_since(p, from);
}

/* (START WITH n INCREMENT BY m), either may be missing. */
static void identity(struct parser *p, struct column_def *c)
{
    struct place at = here(p);
    bool start = false, step = false;
    c->identity = true;
    c->identity_start = c->identity_step = 1;
    if (c->type && c->type->kind != TYPE_LONG && c->type->kind != TYPE_INT)
        fail_at(p, c->at, ERR_INPUT,
                "[IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE] an IDENTITY column is a BIGINT");
    if (!accept_op(p, OP_LPAREN))
        return;
    while (!is_op(p, OP_RPAREN) && !at_end(p)) {
        bool is_start = is_word(p, "START");
        if ((is_start && start) || (!is_start && step))
            fail_at(p, at, ERR_INPUT,
                    "[IDENTITY_COLUMNS_DUPLICATED_SEQUENCE_GENERATOR_OPTION] START WITH or "
                    "INCREMENT BY is given twice");
        *(is_start ? &start : &step) = true;
        if (!is_start && !is_word(p, "INCREMENT"))
            syntax_error(p, "START WITH or INCREMENT BY");
        advance(p);
        expect_kw(p, is_start ? KW_WITH : KW_BY);
        int64_t v = integer(p, "a number");
        *(is_start ? &c->identity_start : &c->identity_step) = v;
    }
    expect_op(p, OP_RPAREN);
    if (c->identity_step == 0)
        fail_at(p, at, ERR_INPUT, "[IDENTITY_COLUMNS_ILLEGAL_STEP] INCREMENT BY is not 0");
}

static void generated(struct parser *p, struct column_def *c)
{
    if (!accept_word(p, "ALWAYS")) {
        expect_kw(p, KW_BY);
        expect_kw(p, KW_DEFAULT);
        c->identity_by_default = true;
    }
    expect_kw(p, KW_AS);
    if (accept_word(p, "IDENTITY")) {
        identity(p, c);
        return;
    }
    expect_op(p, OP_LPAREN);
    size_t from = p->at;
    c->generated = expression(p);
    c->generated_text = text_since(p, from);
    expect_op(p, OP_RPAREN);
}

/* One thing behind a column's type; false if there is none. */
static bool column_option(struct parser *p, struct column_def *c)
{
    struct place at = here(p);
    if ((c->not_null && is_kw(p, KW_NOT)) || (c->comment.ptr && is_kw(p, KW_COMMENT)) ||
        (c->default_value && is_kw(p, KW_DEFAULT)) ||
        ((c->generated || c->identity) && is_word(p, "GENERATED")))
        fail_at(p, at, ERR_INPUT,
                "[CREATE_TABLE_COLUMN_DESCRIPTOR_DUPLICATE] column '%.*s' is given %.*s twice",
                STR_ARGS(c->name), STR_ARGS(tok_text(p, cur(p))));
    if (accept_kw(p, KW_NOT)) {
        expect_kw(p, KW_NULL);
        c->not_null = true;
    } else if (accept_kw(p, KW_COMMENT)) {
        c->comment = string(p, "the comment as a string");
    } else if (accept_kw(p, KW_DEFAULT)) {
        size_t from = p->at;
        c->default_value = expression(p);
        c->default_text = text_since(p, from);
    } else if (accept_word(p, "GENERATED")) {
        generated(p, c);
    } else if (is_word(p, "MASK")) {
        refuse(p, at, "MASK", "leave column masks to the workspace");
    } else if (is_kw(p, KW_CONSTRAINT) || is_word(p, "PRIMARY") || is_word(p, "REFERENCES") ||
               is_word(p, "FOREIGN")) {
        size_t from = p->at;
        while (!at_end(p) && !is_op(p, OP_COMMA) && !is_op(p, OP_RPAREN) && !is_kw(p, KW_COMMENT) &&
               !is_kw(p, KW_NOT)) {
            if (is_op(p, OP_LPAREN) && cur(p)->match)
                p->at = cur(p)->match;
            advance(p);
        }
        (void)from; /* informational in the lakehouse: keys of one column are not enforced */
    } else if (!accept_kw(p, KW_NULL)) {
        return false;
    }
    return !p->failed;
}

void column_definition(struct parser *p, struct column_def *c)
{
    c->at = here(p);
    c->name = name(p, "a column name");
    bool typeless = is_op(p, OP_COMMA) || is_op(p, OP_RPAREN) || is_kw(p, KW_COMMENT) ||
                    is_kw(p, KW_NOT) || at_end(p);
    if (!typeless)
        c->type = data_type(p);
    while (column_option(p, c))
        ;
}

/* CONSTRAINT name EXPECT (cond) [ON VIOLATION {FAIL UPDATE | DROP ROW}]. */
static void expectation(struct parser *p, struct stmt *s, struct str name, struct place at)
{
    size_t cap = s->expectation_count;
    advance(p); /* EXPECT */
    expect_op(p, OP_LPAREN);
    size_t from = p->at;
    struct expectation e = {.name = name, .at = at};
    e.cond = expression(p);
    e.cond_text = text_since(p, from);
    expect_op(p, OP_RPAREN);
    if (accept_kw(p, KW_ON)) {
        if (!accept_word(p, "VIOLATION"))
            syntax_error(p, "VIOLATION");
        if (accept_word(p, "FAIL")) {
            e.on = VIOLATION_FAIL;
            expect_kw(p, KW_UPDATE);
        } else if (accept_kw(p, KW_DROP)) {
            e.on = VIOLATION_DROP;
            expect_kw(p, KW_ROW);
        } else {
            syntax_error(p, "FAIL UPDATE or DROP ROW");
        }
    }
    for (size_t i = 0; i < s->expectation_count; i++)
        if (str_ieq(s->expectations[i].name, name))
            fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] expectation '%.*s' is defined twice",
                    STR_ARGS(name));
    s->expectations =
        arena_grow(p->a, s->expectations, &cap, s->expectation_count + 1, sizeof *s->expectations);
    s->expectations[s->expectation_count++] = e;
}

static void constraint_add(struct parser *p, struct stmt *s, size_t from)
{
    size_t cap = s->constraint_count;
    struct str text = constraint_text(p, from);
    s->constraints =
        arena_grow(p->a, s->constraints, &cap, s->constraint_count + 1, sizeof *s->constraints);
    s->constraints[s->constraint_count++] = text;
}

/* CONSTRAINT name and what it says; `constraint` may as well be a column. */
static bool constraint_follows(const struct parser *p)
{
    static const char *const words[] = {"EXPECT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "NOT"};
    struct str word = tok_text(p, peek(p, 2));
    if (!is_kw(p, KW_CONSTRAINT) || !name_follows(p, 1))
        return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_ieqz(word, words[i]))
            return true;
    return false;
}

/* A constraint at the cursor, named or not; false if a column stands there. */
static bool constraint(struct parser *p, struct stmt *s)
{
    size_t from = p->at;
    struct place at = here(p);
    if (constraint_follows(p)) {
        advance(p);
        struct str n = name(p, "a constraint name");
        if (is_word(p, "EXPECT"))
            expectation(p, s, n, at);
        else
            constraint_add(p, s, from);
        return true;
    }
    bool key = (is_word(p, "PRIMARY") || is_word(p, "FOREIGN")) &&
               str_ieqz(tok_text(p, peek(p, 1)), "KEY");
    bool check = (is_word(p, "CHECK") || is_word(p, "UNIQUE")) && peek_op(p, 1, OP_LPAREN);
    if (is_word(p, "EXPECT") && peek_op(p, 1, OP_LPAREN))
        syntax_error(p, "CONSTRAINT name before EXPECT");
    if (key || check)
        constraint_add(p, s, from);
    return key || check;
}

void column_list(struct parser *p, struct stmt *s)
{
    size_t cap = 0;
    s->has_columns_only = true;
    if (accept_op(p, OP_RPAREN))
        return;
    do {
        if (constraint(p, s))
            continue;
        s->columns = arena_grow(p->a, s->columns, &cap, s->column_count + 1, sizeof *s->columns);
        struct column_def *c = &s->columns[s->column_count++];
        column_definition(p, c);
        s->has_columns_only &= c->type == NULL;
    } while (accept_op(p, OP_COMMA) ||
             is_kw(p, KW_CONSTRAINT)); /* a comma before CONSTRAINT is often forgotten */
    s->has_columns_only &= s->column_count > 0;
    expect_op(p, OP_RPAREN);
}

/* ---- clauses ---- */

/* PARTITIONED BY (a, days(ts)) or, with the columns' types, (a INT, b STRING). */
static void partitioned_by(struct parser *p, struct stmt *s)
{
    bool any_typed = false, any_plain = false;
    struct place at = here(p);
    expect_op(p, OP_LPAREN);
    do {
        bool typed = name_follows(p, 0) && name_follows(p, 1);
        any_typed |= typed;
        any_plain |= !typed;
        if (typed) {
            size_t cap = s->column_count;
            s->columns =
                arena_grow(p->a, s->columns, &cap, s->column_count + 1, sizeof *s->columns);
            struct column_def *c = &s->columns[s->column_count++];
            column_definition(p, c);
            exprs_push(p->a, &s->partitioned_by, expr_column(p->a, c->at, c->name));
        } else {
            exprs_push(p->a, &s->partitioned_by, primary(p));
        }
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
    if (any_typed && any_plain)
        fail_at(p, at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] PARTITIONED BY holds columns with types or expressions over "
                "columns, not both");
}

static void cluster_by(struct parser *p, struct stmt *s)
{
    expect_kw(p, KW_BY);
    if (accept_word(p, "AUTO"))
        s->cluster_auto = true;
    else if (!accept_word(p, "NONE"))
        exprs_list(p, &s->cluster_by);
}

/* SCHEDULE [REFRESH] EVERY n HOURS | CRON 'q' [AT TIME ZONE z]; TRIGGER ON UPDATE [AT MOST EVERY
 * …]: its text. */
static void schedule(struct parser *p, struct stmt *s)
{
    size_t from = p->at;
    bool trigger = accept_word(p, "TRIGGER");
    if (trigger) {
        expect_kw(p, KW_ON);
        expect_kw(p, KW_UPDATE);
        if (accept_word(p, "AT")) {
            (void)accept_word(p, "MOST");
            (void)accept_word(p, "EVERY");
            (void)primary(p);
        }
    } else {
        advance(p);
        (void)accept_kw(p, KW_REFRESH);
        if (accept_word(p, "EVERY")) {
            (void)integer(p, "a number");
            (void)name(p, "HOURS, DAYS or WEEKS");
        } else if (accept_word(p, "CRON")) {
            (void)string(p, "a quartz expression as a string");
            if (accept_word(p, "AT")) {
                (void)accept_word(p, "TIME");
                (void)accept_word(p, "ZONE");
                (void)string(p, "a time zone as a string");
            }
        } else {
            syntax_error(p, "EVERY or CRON");
        }
    }
    s->schedule = text_since(p, from);
}

/* WITH ROW FILTER …, WITH SCHEMA BINDING …, WITH METRICS. */
static bool with_clause(struct parser *p)
{
    struct place at = here(p);
    if (peek_kw(p, 1, KW_ROW) || str_ieqz(tok_text(p, peek(p, 1)), "METRICS"))
        refuse(p, at, peek_kw(p, 1, KW_ROW) ? "WITH ROW FILTER" : "WITH METRICS", NULL);
    if (!peek_kw(p, 1, KW_SCHEMA))
        return false;
    take(p, 3); /* WITH SCHEMA BINDING | COMPENSATION | EVOLUTION */
    (void)accept_word(p, "EVOLUTION");
    return true;
}

static void stored_as(struct parser *p, struct stmt *s)
{
    if (cur(p)->kw != KW_AS) {
        refuse(p, here(p), "STORED BY", "name the format with USING");
        return;
    }
    advance(p);
    if (is_word(p, "INPUTFORMAT"))
        refuse(p, here(p), "STORED AS INPUTFORMAT", "name the format with USING");
    s->using_format = str_lower(p->a, name(p, "a format"));
}

static bool once(struct parser *p, bool again, const char *clause)
{
    if (again)
        fail_at(p, here(p), ERR_INPUT, "[DUPLICATE_CLAUSES] clause %s is given twice", clause);
    return true;
}

static bool clause(struct parser *p, struct stmt *s)
{
    struct place at = here(p);
    if (accept_kw(p, KW_USING) && once(p, s->using_format.len, "USING")) {
        s->using_format = str_lower(p->a, name(p, "a format"));
        while (accept_op(p, OP_DOT)) {
            struct str part = name(p, "a format");
            s->using_format = str_fmt(p->a, "%.*s.%.*s", STR_ARGS(s->using_format), STR_ARGS(part));
        }
    } else if (accept_word(p, "OPTIONS")) {
        properties(p, &s->table_options);
    } else if (is_word(p, "PARTITIONED") && peek_kw(p, 1, KW_BY) &&
               once(p, s->partitioned_by.count, "PARTITIONED BY")) {
        take(p, 2);
        partitioned_by(p, s);
    } else if (is_word(p, "CLUSTERED")) {
        refuse(p, at, "CLUSTERED BY … INTO BUCKETS", "use CLUSTER BY (columns)");
    } else if (is_kw(p, KW_CLUSTER) &&
               once(p, s->cluster_by.count || s->cluster_auto, "CLUSTER BY")) {
        advance(p);
        cluster_by(p, s);
    } else if (accept_word(p, "LOCATION") && once(p, s->location.len, "LOCATION")) {
        s->location = string(p, "a path as a string");
    } else if (accept_kw(p, KW_COMMENT) && once(p, s->comment.len, "COMMENT")) {
        s->comment = string(p, "the comment as a string");
    } else if (accept_word(p, "TBLPROPERTIES") && once(p, s->properties.count, "TBLPROPERTIES")) {
        properties(p, &s->properties);
    } else if (is_kw(p, KW_DEFAULT) && str_ieqz(tok_text(p, peek(p, 1)), "COLLATION")) {
        take(p, 2);
        struct str collation = name(p, "a collation");
        if (!p->failed && !str_ieqz(collation, "utf8_binary"))
            refuse(p, at, "DEFAULT COLLATION other than UTF8_BINARY", NULL);
    } else if (is_kw(p, KW_WITH)) {
        return with_clause(p);
    } else if (is_word(p, "SCHEDULE") || is_word(p, "TRIGGER")) {
        schedule(p, s);
    } else if (is_kw(p, KW_REFRESH) && str_ieqz(tok_text(p, peek(p, 1)), "POLICY")) {
        take(p, 2);
        s->value = str_upper(p->a, name(p, "AUTO, INCREMENTAL or FULL"));
        if (accept_word(p, "STRICT"))
            s->value = STR("INCREMENTAL STRICT");
    } else if (accept_word(p, "STORED") && once(p, s->using_format.len, "STORED AS or USING")) {
        stored_as(p, s);
    } else if (is_kw(p, KW_ROW) && str_ieqz(tok_text(p, peek(p, 1)), "FORMAT")) {
        refuse(p, at, "ROW FORMAT", "name the format with USING and its OPTIONS");
    } else {
        return false;
    }
    return !p->failed;
}

static void as_query(struct parser *p, struct stmt *s)
{
    size_t from = p->at;
    s->query = query(p);
    s->query_text = text_since(p, from);
}

/* CREATE TABLE t LIKE s; … [SHALLOW | DEEP] CLONE s. */
static bool copy_of(struct parser *p, struct stmt *s)
{
    if (accept_kw(p, KW_LIKE)) {
        s->object = STR("LIKE");
    } else if ((is_word(p, "SHALLOW") || is_word(p, "DEEP")) &&
               str_ieqz(tok_text(p, peek(p, 1)), "CLONE")) {
        s->object = is_word(p, "DEEP") ? STR("DEEP CLONE") : STR("SHALLOW CLONE");
        take(p, 2);
    } else if (accept_word(p, "CLONE")) {
        s->object = STR("DEEP CLONE");
    } else {
        return false;
    }
    s->source = table_name(p);
    s->rename_to = s->source->name;
    return true;
}

static void if_not_exists(struct parser *p, struct stmt *s)
{
    if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_NOT) && peek_kw(p, 2, KW_EXISTS)) {
        take(p, 3);
        s->if_not_exists = true;
    }
}

static void table_or_view(struct parser *p, struct stmt *s, const char *what)
{
    if_not_exists(p, s);
    s->name = table_names(p, what);
    (void)copy_of(p, s);
    if (is_op(p, OP_LPAREN) && !query_follows(p, 0)) {
        advance(p);
        column_list(p, s);
    }
    while (clause(p, s))
        ;
    if (s->kind == STMT_CREATE_STREAMING_TABLE && accept_word(p, "FLOW"))
        flow_clause(p, s);
    else if (accept_kw(p, KW_AS) || query_follows(p, 0))
        as_query(p, s);
}

/* Which statement the words make; errors for words that do not go together. */
static void kind_of(struct parser *p, struct stmt *s, const struct words *w, bool view)
{
    if (w->materialized && !view)
        syntax_error(p, "VIEW");
    if (view)
        s->kind = w->materialized           ? STMT_CREATE_MATERIALIZED_VIEW
                  : w->live || w->streaming ? STMT_CREATE_PIPELINE_VIEW
                                            : STMT_CREATE_VIEW;
    else if (w->streaming)
        s->kind = STMT_CREATE_STREAMING_TABLE;
    else
        s->kind = w->live ? STMT_CREATE_MATERIALIZED_VIEW : STMT_CREATE_TABLE;
    bool dataset =
        s->kind == STMT_CREATE_STREAMING_TABLE || s->kind == STMT_CREATE_MATERIALIZED_VIEW;
    s->private_ = w->private_ || (dataset && w->temporary);
    s->temporary = w->temporary && !dataset;
    if (w->or_refresh && (s->kind == STMT_CREATE_TABLE || s->kind == STMT_CREATE_VIEW))
        fail_at(p, s->at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] CREATE OR REFRESH makes a STREAMING TABLE or a MATERIALIZED "
                "VIEW: a plain %s is made with CREATE OR REPLACE",
                view ? "VIEW" : "TABLE");
    if (s->kind == STMT_CREATE_TABLE && w->temporary)
        refuse(p, s->at, "CREATE TEMPORARY TABLE", "make a TEMPORARY VIEW");
}

static void needs_query(struct parser *p, struct stmt *s)
{
    if (s->partitioned_by.count && (s->cluster_by.count || s->cluster_auto) &&
        s->kind == STMT_CREATE_TABLE)
        fail_at(p, s->at, ERR_INPUT,
                "[SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED] a table has PARTITIONED "
                "BY or CLUSTER BY, not both");
    bool views = s->kind == STMT_CREATE_VIEW || s->kind == STMT_CREATE_PIPELINE_VIEW ||
                 s->kind == STMT_CREATE_MATERIALIZED_VIEW;
    if (views && !s->query && !(s->kind == STMT_CREATE_VIEW && s->temporary && s->using_format.len))
        syntax_error(p, "AS and a query");
    if (s->kind == STMT_CREATE_VIEW && s->expectation_count)
        fail_at(p, s->expectations[0].at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] a VIEW takes no expectations: make a MATERIALIZED VIEW or a "
                "STREAMING TABLE");
}

/* CREATE TEMPORARY VIEW v USING csv OPTIONS (path '…'): the view's query is that source. */
static void view_of_source(struct parser *p, struct stmt *s)
{
    if (s->kind != STMT_CREATE_VIEW || !s->using_format.len || s->query)
        return;
    struct rel *r = rel_new(p->a, REL_SOURCE, s->at);
    r->format = s->using_format;
    r->options = s->table_options;
    for (size_t i = 0; i < r->options.count; i++) {
        if (str_ieqz(r->options.keys[i], "path")) {
            r->paths = &r->options.values[i];
            r->path_count = 1;
        }
    }
    struct type_field *fields = ARENA_ARRAY(p->a, struct type_field, s->column_count + 1);
    for (size_t i = 0; i < s->column_count; i++)
        fields[i] = (struct type_field){.name = s->columns[i].name,
                                        .type = s->columns[i].type ? s->columns[i].type
                                                                   : type_of(TYPE_STRING),
                                        .nullable = true};
    if (s->column_count)
        r->schema = type_struct(p->a, fields, s->column_count);
    s->query = r;
    s->query_text = STR("");
}

/* ---- schemas, catalogs, volumes, functions ---- */

static void named_object(struct parser *p, struct stmt *s)
{
    if_not_exists(p, s);
    s->name = names(p, "a name");
    for (;;) {
        if (accept_kw(p, KW_COMMENT))
            s->comment = string(p, "the comment as a string");
        else if (is_word(p, "MANAGED") && str_ieqz(tok_text(p, peek(p, 1)), "LOCATION"))
            advance(p);
        else if (accept_word(p, "LOCATION"))
            s->location = string(p, "a path as a string");
        else if (accept_kw(p, KW_WITH) || accept_word(p, "OPTIONS"))
            while (accept_word(p, "DBPROPERTIES") || is_op(p, OP_LPAREN))
                if (is_op(p, OP_LPAREN))
                    properties(p, &s->properties);
                else
                    continue;
        else
            break;
    }
}

/* Words about a function that change nothing here. */
static bool characteristic(struct parser *p, struct stmt *s)
{
    static const char *const pairs[][2] = {
        {"NOT", "DETERMINISTIC"}, {"CONTAINS", "SQL"}, {"SQL", "SECURITY"}};
    if (accept_word(p, "LANGUAGE")) {
        s->using_format = str_lower(p->a, name(p, "a language"));
        return true;
    }
    if (accept_kw(p, KW_COMMENT)) {
        s->comment = string(p, "the comment as a string");
        return true;
    }
    if (accept_word(p, "DETERMINISTIC"))
        return true;
    if (is_word(p, "READS") && str_ieqz(tok_text(p, peek(p, 1)), "SQL")) {
        take(p, 3); /* READS SQL DATA */
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (!is_word(p, pairs[i][0]) || !str_ieqz(tok_text(p, peek(p, 1)), pairs[i][1]))
            continue;
        take(p, 2);
        if (i == 2)
            (void)name(p, "INVOKER or DEFINER");
        return true;
    }
    return false;
}

/* CREATE FUNCTION f(a INT, …) RETURNS t RETURN expr. */
static void function(struct parser *p, struct stmt *s)
{
    if_not_exists(p, s);
    s->name = names(p, "a function");
    if (!is_op(p, OP_LPAREN)) {
        refuse(p, s->at, "CREATE FUNCTION … AS 'class'", "write it with RETURNS … RETURN");
        return;
    }
    advance(p);
    column_list(p, s);
    if (accept_word(p, "RETURNS")) {
        if (is_kw(p, KW_TABLE))
            refuse(p, here(p), "a function that RETURNS TABLE", "make a view");
        s->returns = data_type(p);
    }
    while (characteristic(p, s))
        ;
    if (s->using_format.len && !str_eqz(s->using_format, "sql"))
        refuse(p, s->at, "a function in another LANGUAGE than SQL", NULL);
    if (!accept_word(p, "RETURN"))
        syntax_error(p, "RETURN and an expression");
    size_t from = p->at;
    exprs_push(p->a, &s->args,
               query_follows(p, 0) && !is_op(p, OP_LPAREN) ? expr_new(p->a, EXPR_SUBQUERY, here(p))
                                                           : expression(p));
    if (s->args.items[0]->kind == EXPR_SUBQUERY && !s->args.items[0]->sub)
        s->args.items[0]->sub = query(p);
    s->value = text_since(p, from);
}

/* CREATE WIDGET {TEXT|DROPDOWN|…} name DEFAULT 'v' [CHOICES query], as notebooks write it: sets a
 * parameter. */
static void widget(struct parser *p, struct stmt *s)
{
    s->kind = STMT_SET;
    s->object = STR("WIDGET");
    (void)name(p, "TEXT, DROPDOWN, COMBOBOX or MULTISELECT");
    s->key = name(p, "a widget");
    expect_kw(p, KW_DEFAULT);
    s->value = string(p, "the default as a string");
    (void)rest_of_statement(p);
}

static const struct {
    const char *word;
    enum stmt_kind kind;
    void (*rule)(struct parser *p, struct stmt *s);
} objects[] = {
    {"SCHEMA", STMT_CREATE_SCHEMA, named_object},    {"DATABASE", STMT_CREATE_SCHEMA, named_object},
    {"NAMESPACE", STMT_CREATE_SCHEMA, named_object}, {"CATALOG", STMT_CREATE_CATALOG, named_object},
    {"VOLUME", STMT_CREATE_VOLUME, named_object},    {"FUNCTION", STMT_CREATE_FUNCTION, function},
    {"FLOW", STMT_CREATE_FLOW, create_flow},         {"WIDGET", STMT_SET, widget},
};

void create(struct parser *p, struct stmt *s)
{
    struct words w = {0};
    while (!is_kw(p, KW_TABLE) && modifier(p, &w))
        ;
    s->or_replace = w.or_replace;
    s->or_refresh = w.or_refresh;
    s->global = w.global;
    s->external = w.external;
    s->live = w.live;
    bool view = is_kw(p, KW_VIEW);
    if (view || is_kw(p, KW_TABLE)) {
        advance(p);
        kind_of(p, s, &w, view);
        table_or_view(p, s, view ? "a view" : "a table");
        needs_query(p, s);
        view_of_source(p, s);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        if (!is_word(p, objects[i].word))
            continue;
        advance(p);
        s->kind = objects[i].kind;
        s->temporary = w.temporary;
        objects[i].rule(p, s);
        return;
    }
    static const char *const refused[] = {
        "CONNECTION",  "SHARE",     "RECIPIENT", "STORAGE",  "POLICY", "INDEX",
        "BLOOMFILTER", "PROCEDURE", "SERVER",    "PROVIDER", "MODEL",  "FOREIGN",
        "GROUP",       "ROLE",      "USER",      "LOCATION", "SINK"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (is_word(p, refused[i]))
            refuse(p, s->at, arena_printf(p->a, "CREATE %s", refused[i]), NULL);
    syntax_error(p, "TABLE, VIEW, STREAMING TABLE, MATERIALIZED VIEW, SCHEMA, FUNCTION or FLOW");
}
