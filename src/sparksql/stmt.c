/* stmt.c -- which statement it is, and the small ones.
 *
 * The dispatch is one table, first word to rule. A rule is called behind its word(s). */
#include "sparksql/parse_int.h"

#include <string.h>

struct stmt *stmt_new(struct parser *p, enum stmt_kind kind)
{
    struct stmt *s = ARENA_NEW(p->a, struct stmt);
    s->kind = kind;
    s->at = here(p);
    s->flow.cdc.scd_type = 1;
    return s;
}

struct str rest_of_statement(struct parser *p)
{
    size_t from = p->at;
    while (!at_end(p))
        advance(p);
    return text_since(p, from);
}

static void if_exists(struct parser *p, struct stmt *s)
{
    if (is_kw(p, KW_IF) && peek_kw(p, 1, KW_EXISTS)) {
        s->if_exists = true;
        take(p, 2);
    }
}

/* The word at the cursor as the object of a statement, in capitals; several words are one object.
 */
static struct str object_word(struct parser *p)
{
    static const char *const doubles[][2] = {
        {"MATERIALIZED", "VIEW"}, {"STREAMING", "TABLE"},    {"TEMPORARY", "VIEW"},
        {"TEMP", "VIEW"},         {"TEMPORARY", "FUNCTION"}, {"TEMPORARY", "VARIABLE"},
        {"TEMPORARY", "TABLE"},   {"EXTERNAL", "LOCATION"},  {"STORAGE", "CREDENTIAL"},
        {"CREATE", "TABLE"},      {"TABLE", "EXTENDED"},     {"LIVE", "TABLE"},
        {"LIVE", "VIEW"}};
    for (size_t i = 0; i < COUNT_OF(doubles); i++) {
        if (!is_word(p, doubles[i][0]) || !str_ieqz(tok_text(p, peek(p, 1)), doubles[i][1]))
            continue;
        struct str first = str_z(doubles[i][0]);
        take(p, 2);
        if (str_eqz(first, "TEMP") || str_eqz(first, "TEMPORARY") || str_eqz(first, "LIVE"))
            return str_z(doubles[i][1]);
        return str_fmt(p->a, "%s %s", doubles[i][0], doubles[i][1]);
    }
    if (!is_name(p)) {
        syntax_error(p, "TABLE, VIEW, SCHEMA or another kind of object");
        return STR("");
    }
    struct str word = str_upper(p->a, tok_text(p, cur(p)));
    advance(p);
    if (str_eqz(word, "DATABASE") || str_eqz(word, "NAMESPACE"))
        return STR("SCHEMA");
    if (str_eqz(word, "DATABASES") || str_eqz(word, "NAMESPACES"))
        return STR("SCHEMAS");
    return word;
}

/* Objects of a workspace that nothing here holds are refused by name. */
static void known_object(struct parser *p, struct stmt *s, const char *verb,
                         const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eqz(s->object, known[i]))
            return;
    refuse(p, s->at, arena_printf(p->a, "%s %.*s", verb, STR_ARGS(s->object)), NULL);
}

static void drop(struct parser *p, struct stmt *s)
{
    static const char *const known[] = {"TABLE",           "VIEW",   "MATERIALIZED VIEW",
                                        "STREAMING TABLE", "SCHEMA", "CATALOG",
                                        "FUNCTION",        "VOLUME", "VARIABLE"};
    s->object = object_word(p);
    known_object(p, s, "DROP", known, COUNT_OF(known));
    if_exists(p, s);
    s->name = table_names(p, "a name");
    s->cascade = accept_kw(p, KW_CASCADE);
    (void)accept_kw(p, KW_RESTRICT);
    (void)accept_word(p, "PURGE");
}

static void truncate(struct parser *p, struct stmt *s)
{
    expect_kw(p, KW_TABLE);
    s->name = table_names(p, "a table");
    if (accept_kw(p, KW_PARTITION))
        partition_spec(p, &s->partition_spec);
}

/* [FROM | IN] name */
static void show_in(struct parser *p, struct stmt *s)
{
    if (accept_kw(p, KW_FROM) || accept_kw(p, KW_IN))
        s->name = table_names(p, "a name");
}

static void show(struct parser *p, struct stmt *s)
{
    static const char *const scopes[] = {"USER", "SYSTEM", "ALL"};
    static const char *const known[] = {"TABLES",         "SCHEMAS",   "VIEWS",     "COLUMNS",
                                        "CREATE TABLE",   "FUNCTIONS", "CATALOGS",  "TBLPROPERTIES",
                                        "TABLE EXTENDED", "VOLUMES",   "PARTITIONS"};
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (is_word(p, scopes[i]) && name_follows(p, 1))
            s->value = str_upper(p->a, name(p, "a word"));
    s->object = object_word(p);
    if (str_eqz(s->object, "GRANT") || str_eqz(s->object, "GRANTS")) {
        s->object = STR("GRANTS");
        s->value = rest_of_statement(p);
        return;
    }
    known_object(p, s, "SHOW", known, COUNT_OF(known));
    bool names_object = str_eqz(s->object, "CREATE TABLE") || str_eqz(s->object, "TBLPROPERTIES") ||
                        str_eqz(s->object, "PARTITIONS");
    if (names_object && is_name(p))
        s->name = table_names(p, "a table");
    show_in(p, s);
    if (str_eqz(s->object, "COLUMNS") && s->name.count == 1 &&
        (is_kw(p, KW_FROM) || is_kw(p, KW_IN))) {
        struct str table = s->name.parts[0];
        advance(p);
        struct names schema = names(p, "a schema");
        struct str *parts = ARENA_ARRAY(p->a, struct str, schema.count + 1);
        memcpy(parts, schema.parts, schema.count * sizeof *parts);
        parts[schema.count] = table;
        s->name = (struct names){parts, schema.count + 1};
    }
    if (accept_kw(p, KW_PARTITION))
        partition_spec(p, &s->partition_spec);
    if (str_eqz(s->object, "TBLPROPERTIES") && accept_op(p, OP_LPAREN)) {
        s->key = cur(p)->kind == TOK_STRING ? string(p, "a key") : STR_NONE;
        while (!s->key.len && !is_op(p, OP_RPAREN) && !at_end(p))
            advance(p);
        expect_op(p, OP_RPAREN);
    }
    bool like = accept_kw(p, KW_LIKE);
    if (cur(p)->kind == TOK_STRING)
        s->pattern = string(p, "a pattern");
    else if (like)
        syntax_error(p, "a pattern as a string");
    else if (str_eqz(s->object, "FUNCTIONS") && is_name(p))
        s->name = names(p, "a function");
    (void)accept_kw(p, KW_AS); /* SHOW CREATE TABLE t AS SERDE */
    (void)accept_word(p, "SERDE");
}

static void describe(struct parser *p, struct stmt *s)
{
    if (is_word(p, "HISTORY") && name_follows(p, 1)) {
        advance(p);
        s->history = true;
    } else if (is_word(p, "DETAIL") && name_follows(p, 1)) {
        advance(p);
        s->detail = true;
    } else if (is_kw(p, KW_QUERY) || (query_follows(p, 0) && !is_kw(p, KW_TABLE))) {
        (void)accept_kw(p, KW_QUERY);
        s->query = query(p);
        return;
    }
    static const char *const objects[] = {"SCHEMA", "DATABASE",  "CATALOG", "FUNCTION",
                                          "VOLUME", "NAMESPACE", "TABLE"};
    for (size_t i = 0; i < COUNT_OF(objects) && !s->object.len; i++) {
        if (is_word(p, objects[i]) && name_follows(p, 1)) {
            s->object = i == 1 || i == 5 ? STR("SCHEMA") : str_z(objects[i]);
            advance(p);
        }
    }
    if ((is_word(p, "EXTENDED") || is_word(p, "FORMATTED")) && name_follows(p, 1)) {
        advance(p);
        s->extended = true;
    }
    s->name = table_names(p, "a name");
    if (accept_kw(p, KW_PARTITION))
        partition_spec(p, &s->partition_spec);
    if (accept_kws(p, KW_AS, KW_JSON))
        s->value = STR("JSON");
    else if (is_name(p))
        s->key = name(p, "a column");
}

static void explain(struct parser *p, struct stmt *s)
{
    static const char *const modes[] = {"EXTENDED", "CODEGEN", "COST", "FORMATTED", "LOGICAL"};
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        if (accept_word(p, modes[i]))
            s->value = str_z(modes[i]);
    s->extended = str_eqz(s->value, "EXTENDED");
    if (!enter(p))
        return;
    s->inner = statement(p);
    leave(p);
}

static void use(struct parser *p, struct stmt *s)
{
    s->object = STR("SCHEMA");
    if ((is_kw(p, KW_CATALOG) || is_kw(p, KW_SCHEMA) || is_word(p, "DATABASE") ||
         is_word(p, "NAMESPACE")) &&
        (name_follows(p, 1) || peek(p, 1)->kind == TOK_STRING))
        s->object = object_word(p);
    if (cur(p)->kind == TOK_STRING) {
        struct str n = string(p, "a name");
        s->name = (struct names){arena_copy(p->a, &n, sizeof n), 1};
        return;
    }
    s->name = table_names(p, "a catalog or schema");
}

/* Whether '=' stands in the statement, outside parentheses; its distance. */
static size_t assignment_ahead(const struct parser *p)
{
    for (size_t i = p->at; i < p->count; i++) {
        if (p->toks[i].op == OP_EQ)
            return i;
        if (p->toks[i].op == OP_SEMICOLON || p->toks[i].kind == TOK_END)
            break;
    }
    return 0;
}

/* A lone string loses its quotes, everything else is the text as written. */
static struct str raw_value(struct parser *p)
{
    if (cur(p)->kind == TOK_STRING && (peek_op(p, 1, OP_SEMICOLON) || peek(p, 1)->kind == TOK_END))
        return string(p, "a value");
    return rest_of_statement(p);
}

static void set_variable(struct parser *p, struct stmt *s)
{
    s->kind = STMT_SET_VARIABLE;
    if (is_op(p, OP_LPAREN)) {
        exprs_list(p, &s->assignments_to);
        expect_op(p, OP_EQ);
        expect_op(p, OP_LPAREN);
        s->query = query(p);
        expect_op(p, OP_RPAREN);
        return;
    }
    do {
        exprs_push(p->a, &s->assignments_to, primary_name(p));
        expect_op(p, OP_EQ);
        exprs_push(p->a, &s->assignments_value, expression(p));
    } while (accept_op(p, OP_COMMA));
}

/* SET; SET key; SET key = value; SET TIME ZONE x; SET VAR x = expr; SET CATALOG c. */
static void set(struct parser *p, struct stmt *s)
{
    if ((accept_word(p, "VAR") || accept_word(p, "VARIABLE"))) {
        set_variable(p, s);
        return;
    }
    if (is_word(p, "TIME") && str_ieqz(tok_text(p, peek(p, 1)), "ZONE")) {
        take(p, 2);
        s->key = STR("spark.sql.session.timeZone");
        s->value = raw_value(p);
        return;
    }
    if (is_kw(p, KW_CATALOG) && !peek_op(p, 1, OP_EQ) && !peek_op(p, 1, OP_DOT)) {
        s->kind = STMT_USE;
        use(p, s);
        return;
    }
    size_t equals = assignment_ahead(p), from = p->at;
    if (!equals) {
        s->key = rest_of_statement(p);
        return;
    }
    p->at = equals;
    s->key = text_since(p, from);
    if (equals == from + 1 && p->toks[from].kind == TOK_QUOTED)
        s->key = lex_quoted(p->a, s->key);
    advance(p);
    s->value = raw_value(p);
    if (s->key.len == 0)
        fail_at(p, s->at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] SET has no key before '='");
    if (!s->value.ptr)
        s->value = STR("");
}

static void reset(struct parser *p, struct stmt *s)
{
    s->key = rest_of_statement(p);
}

static void cache(struct parser *p, struct stmt *s)
{
    (void)accept_word(p, "LAZY");
    expect_kw(p, KW_TABLE);
    s->name = table_names(p, "a table");
    if (is_word(p, "OPTIONS")) {
        advance(p);
        properties(p, &s->table_options);
    }
    (void)accept_kw(p, KW_AS);
    if (!at_end(p))
        s->query = query(p);
}

static void uncache(struct parser *p, struct stmt *s)
{
    expect_kw(p, KW_TABLE);
    if_exists(p, s);
    s->name = table_names(p, "a table");
}

static void clear_cache(struct parser *p, struct stmt *s)
{
    (void)s;
    if (!accept_word(p, "CACHE"))
        syntax_error(p, "CACHE");
}

static void refresh(struct parser *p, struct stmt *s)
{
    static const char *const objects[] = {"TABLE", "MATERIALIZED", "STREAMING", "FUNCTION", "VIEW"};
    for (size_t i = 0; i < COUNT_OF(objects) && !s->object.len; i++)
        if (is_word(p, objects[i]) && name_follows(p, 1))
            s->object = object_word(p);
    if (cur(p)->kind == TOK_STRING)
        s->location = string(p, "a path");
    else
        s->name = table_names(p, "a table");
    s->full = accept_kw(p, KW_FULL);
    if (is_word(p, "SYNC") || is_word(p, "ASYNC"))
        advance(p);
}

static void analyze(struct parser *p, struct stmt *s)
{
    s->object = object_word(p);
    if (is_name(p))
        s->name = table_names(p, "a table");
    s->value = rest_of_statement(p);
}

static void msck(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "REPAIR"))
        syntax_error(p, "REPAIR TABLE");
    expect_kw(p, KW_TABLE);
    s->name = table_names(p, "a table");
    s->value = rest_of_statement(p);
}

static void optimize(struct parser *p, struct stmt *s)
{
    s->name = table_names(p, "a table");
    s->full = accept_kw(p, KW_FULL);
    if (accept_kw(p, KW_WHERE))
        s->where = expression(p);
    if (accept_word(p, "ZORDER")) {
        expect_kw(p, KW_BY);
        if (is_op(p, OP_LPAREN)) {
            exprs_list(p, &s->cluster_by);
        } else {
            do
                exprs_push(p->a, &s->cluster_by, primary_name(p));
            while (accept_op(p, OP_COMMA));
        }
    }
}

static void vacuum(struct parser *p, struct stmt *s)
{
    s->name = table_names(p, "a table");
    if (is_word(p, "FULL") || is_word(p, "LITE")) {
        s->full = is_word(p, "FULL");
        advance(p);
    }
    if (accept_word(p, "RETAIN")) {
        exprs_push(p->a, &s->args, primary(p));
        if (!accept_word(p, "HOURS"))
            syntax_error(p, "HOURS");
    }
    if (accept_word(p, "DRY")) {
        s->dry_run = true;
        if (!accept_word(p, "RUN"))
            syntax_error(p, "RUN");
    }
}

static void restore(struct parser *p, struct stmt *s)
{
    (void)accept_kw(p, KW_TABLE);
    s->name = table_names(p, "a table");
    (void)accept_kw(p, KW_TO);
    bool version = is_kw(p, KW_VERSION);
    if (!version && !is_kw(p, KW_TIMESTAMP))
        syntax_error(p, "TO VERSION AS OF or TO TIMESTAMP AS OF");
    advance(p);
    expect_kw(p, KW_AS);
    expect_kw(p, KW_OF);
    struct expr *to = value_expression(p);
    *(version ? &s->version : &s->timestamp) = to;
}

static void comment_on(struct parser *p, struct stmt *s)
{
    expect_kw(p, KW_ON);
    s->object = object_word(p);
    s->name = table_names(p, "a name");
    expect_kw(p, KW_IS);
    if (!accept_kw(p, KW_NULL))
        s->comment = string(p, "the comment as a string, or NULL");
}

static void grant(struct parser *p, struct stmt *s)
{
    s->action = str_upper(p->a, tok_text(p, &p->toks[p->at - 1]));
    s->value = rest_of_statement(p);
}

static void declare(struct parser *p, struct stmt *s)
{
    if (is_kw(p, KW_OR) && peek_kw(p, 1, KW_REPLACE)) {
        take(p, 2);
        s->or_replace = true;
    }
    if (is_word(p, "VARIABLE") || is_word(p, "VAR"))
        advance(p);
    s->name = names(p, "a variable");
    s->columns = ARENA_NEW(p->a, struct column_def);
    s->column_count = 1;
    s->columns[0].at = s->at;
    s->columns[0].name = s->name.parts[s->name.count - 1];
    if (!at_end(p) && !is_kw(p, KW_DEFAULT) && !is_op(p, OP_EQ))
        s->columns[0].type = data_type(p);
    if (accept_kw(p, KW_DEFAULT) || accept_op(p, OP_EQ))
        s->columns[0].default_value = expression(p);
}

static void execute_immediate(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "IMMEDIATE"))
        syntax_error(p, "IMMEDIATE");
    exprs_push(p->a, &s->args, expression(p));
    s->value = rest_of_statement(p);
}

static void begin(struct parser *p, struct stmt *s)
{
    if (!at_end(p) && !accept_word(p, "TRANSACTION"))
        refuse(p, s->at, "SQL scripting (BEGIN … END)", "write the statements one after the other");
}

static void start(struct parser *p, struct stmt *s)
{
    (void)s;
    if (!accept_word(p, "TRANSACTION"))
        syntax_error(p, "TRANSACTION");
}

static void nothing(struct parser *p, struct stmt *s)
{
    (void)p;
    (void)s;
}

/* REMOVE WIDGET name, as Databricks notebooks write it. */
static void remove_widget(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "WIDGET"))
        syntax_error(p, "WIDGET");
    s->object = STR("WIDGET");
    s->key = name(p, "a widget");
}

static void apply_changes(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "CHANGES"))
        syntax_error(p, "CHANGES INTO");
    expect_kw(p, KW_INTO);
    s->flow.target = table_names(p, "a streaming table");
    auto_cdc(p, &s->flow);
}

static void auto_cdc_into(struct parser *p, struct stmt *s)
{
    if (!accept_word(p, "CDC"))
        syntax_error(p, "CDC INTO");
    s->flow.once = accept_word(p, "ONCE");
    expect_kw(p, KW_INTO);
    s->flow.target = table_names(p, "a streaming table");
    auto_cdc(p, &s->flow);
}

/* REPLACE TABLE t …: as CREATE OR REPLACE, but the table must be there. */
static void replace_table(struct parser *p, struct stmt *s)
{
    if (!is_kw(p, KW_TABLE))
        syntax_error(p, "TABLE");
    create(p, s);
    s->or_replace = s->if_exists = true;
}

static void insert_alone(struct parser *p, struct stmt *s)
{
    insert(p, s, NULL);
}

static const struct {
    const char *word;
    enum stmt_kind kind;
    void (*rule)(struct parser *p, struct stmt *s);
} rules[] = {
    {"CREATE", STMT_CREATE_TABLE, create},
    {"DROP", STMT_DROP, drop},
    {"INSERT", STMT_INSERT, insert_alone},
    {"UPDATE", STMT_UPDATE, update},
    {"DELETE", STMT_DELETE, delete_from},
    {"MERGE", STMT_MERGE, merge},
    {"ALTER", STMT_ALTER_TABLE, alter},
    {"TRUNCATE", STMT_TRUNCATE, truncate},
    {"OPTIMIZE", STMT_OPTIMIZE, optimize},
    {"VACUUM", STMT_VACUUM, vacuum},
    {"RESTORE", STMT_RESTORE, restore},
    {"COMMENT", STMT_COMMENT_ON, comment_on},
    {"SHOW", STMT_SHOW, show},
    {"DESCRIBE", STMT_DESCRIBE, describe},
    {"DESC", STMT_DESCRIBE, describe},
    {"EXPLAIN", STMT_EXPLAIN, explain},
    {"USE", STMT_USE, use},
    {"SET", STMT_SET, set},
    {"RESET", STMT_RESET, reset},
    {"CACHE", STMT_CACHE, cache},
    {"UNCACHE", STMT_UNCACHE, uncache},
    {"CLEAR", STMT_UNCACHE, clear_cache},
    {"REFRESH", STMT_REFRESH, refresh},
    {"ANALYZE", STMT_ANALYZE, analyze},
    {"MSCK", STMT_MSCK, msck},
    {"GRANT", STMT_GRANT, grant},
    {"REVOKE", STMT_GRANT, grant},
    {"DENY", STMT_GRANT, grant},
    {"DECLARE", STMT_DECLARE_VARIABLE, declare},
    {"EXECUTE", STMT_EXECUTE_IMMEDIATE, execute_immediate},
    {"BEGIN", STMT_BEGIN, begin},
    {"START", STMT_BEGIN, start},
    {"COMMIT", STMT_COMMIT, nothing},
    {"ROLLBACK", STMT_ROLLBACK, nothing},
    {"APPLY", STMT_CREATE_FLOW, apply_changes},
    {"AUTO", STMT_CREATE_FLOW, auto_cdc_into},
    {"REMOVE", STMT_RESET, remove_widget},
    {"REPLACE", STMT_CREATE_TABLE, replace_table},
};

/* Statements of Spark or Databricks that nothing here stands for. */
static const struct {
    const char *word, *construct;
} refused[] = {
    {"ADD", "ADD JAR, FILE or ARCHIVE"},
    {"CALL", "CALL"},
    {"COPY", "COPY INTO"},
    {"CONVERT", "CONVERT TO DELTA"},
    {"FSCK", "FSCK"},
    {"IMPORT", "IMPORT"},
    {"EXPORT", "EXPORT"},
    {"LIST", "LIST"},
    {"LOAD", "LOAD DATA"},
    {"LOCK", "LOCK"},
    {"REORG", "REORG"},
    {"REPAIR", "REPAIR TABLE"},
    {"SYNC", "SYNC"},
    {"UNDROP", "UNDROP"},
    {"UNLOCK", "UNLOCK"},
    {"PUT", "PUT INTO"},
    {"GET", "GET"},
};

/* WITH … before a query or, as Spark allows, before INSERT. */
static void query_statement(struct parser *p, struct stmt *s)
{
    s->kind = STMT_QUERY;
    size_t from = p->at;
    if (is_kw(p, KW_WITH)) {
        struct rel *with = ctes(p);
        if (is_kw(p, KW_INSERT)) {
            advance(p);
            s->kind = STMT_INSERT;
            insert(p, s, with);
            return;
        }
        if (is_kw(p, KW_UPDATE) || is_kw(p, KW_DELETE) || is_kw(p, KW_MERGE))
            refuse(p, here(p), "WITH before UPDATE, DELETE or MERGE",
                   "put the query into USING or a view");
        if (!p->failed)
            p->at = from;
    }
    s->query = query(p);
}

struct stmt *statement(struct parser *p)
{
    struct stmt *s = stmt_new(p, STMT_QUERY);
    size_t from = p->at;
    if (query_follows(p, 0) || is_kw(p, KW_SELECT) || is_kw(p, KW_FROM) || is_kw(p, KW_WITH) ||
        is_kw(p, KW_MAP) || is_kw(p, KW_REDUCE)) {
        query_statement(p, s);
        s->text = text_since(p, from);
        return s;
    }
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (!is_word(p, rules[i].word))
            continue;
        s->kind = rules[i].kind;
        advance(p);
        rules[i].rule(p, s);
        s->text = text_since(p, from);
        return s;
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (is_word(p, refused[i].word))
            refuse(p, s->at, refused[i].construct, NULL);
    syntax_error(p, "a statement");
    return s;
}
