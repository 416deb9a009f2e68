/* sparksql.c -- the entry points. */
#include "sparksql/parse_int.h"

static const char *const kind_names[] = {
    [STMT_QUERY] = "QUERY",
    [STMT_CREATE_TABLE] = "CREATE TABLE",
    [STMT_CREATE_VIEW] = "CREATE VIEW",
    [STMT_CREATE_STREAMING_TABLE] = "CREATE STREAMING TABLE",
    [STMT_CREATE_MATERIALIZED_VIEW] = "CREATE MATERIALIZED VIEW",
    [STMT_CREATE_PIPELINE_VIEW] = "CREATE LIVE VIEW",
    [STMT_CREATE_FLOW] = "CREATE FLOW",
    [STMT_CREATE_SCHEMA] = "CREATE SCHEMA",
    [STMT_CREATE_CATALOG] = "CREATE CATALOG",
    [STMT_CREATE_VOLUME] = "CREATE VOLUME",
    [STMT_CREATE_FUNCTION] = "CREATE FUNCTION",
    [STMT_DROP] = "DROP",
    [STMT_INSERT] = "INSERT",
    [STMT_UPDATE] = "UPDATE",
    [STMT_DELETE] = "DELETE",
    [STMT_MERGE] = "MERGE",
    [STMT_ALTER_TABLE] = "ALTER TABLE",
    [STMT_TRUNCATE] = "TRUNCATE",
    [STMT_OPTIMIZE] = "OPTIMIZE",
    [STMT_VACUUM] = "VACUUM",
    [STMT_RESTORE] = "RESTORE",
    [STMT_COMMENT_ON] = "COMMENT ON",
    [STMT_SHOW] = "SHOW",
    [STMT_DESCRIBE] = "DESCRIBE",
    [STMT_EXPLAIN] = "EXPLAIN",
    [STMT_USE] = "USE",
    [STMT_SET] = "SET",
    [STMT_RESET] = "RESET",
    [STMT_CACHE] = "CACHE",
    [STMT_UNCACHE] = "UNCACHE",
    [STMT_REFRESH] = "REFRESH",
    [STMT_ANALYZE] = "ANALYZE",
    [STMT_MSCK] = "MSCK",
    [STMT_GRANT] = "GRANT",
    [STMT_DECLARE_VARIABLE] = "DECLARE VARIABLE",
    [STMT_SET_VARIABLE] = "SET VARIABLE",
    [STMT_EXECUTE_IMMEDIATE] = "EXECUTE IMMEDIATE",
    [STMT_BEGIN] = "BEGIN",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
};

const char *stmt_kind_name(enum stmt_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(kind_names));
    return kind_names[kind];
}

static int parser_open(struct parser *p, struct arena *a, const char *file, int line,
                       struct str text, struct err *err)
{
    struct tok *toks;
    size_t count;
    if (lex(a, file, line, text, &toks, &count, err) < 0)
        return -1;
    *p = (struct parser){
        .a = a, .file = file, .text = text, .toks = toks, .count = count, .err = err};
    return 0;
}

static bool is_value(const struct tok *t)
{
    return t->kind == TOK_WORD || t->kind == TOK_QUOTED || t->kind == TOK_STRING ||
           t->kind == TOK_INT || t->kind == TOK_DECIMAL;
}

/* Two values side by side: most often a comma was forgotten. */
static void not_at_end(struct parser *p)
{
    bool side_by_side = p->at > 0 && is_value(cur(p)) && is_value(&p->toks[p->at - 1]) &&
                        keyword_flags[cur(p)->kw] == 0;
    syntax_error(p, side_by_side
                        ? "the end of the statement (is a comma or an operator missing before it?)"
                        : "the end of the statement");
}

int sparksql_parse(struct arena *a, const char *file, int line, struct str text, struct stmts *out,
                   struct err *err)
{
    return sparksql_parse_params(a, file, line, text, NULL, out, err);
}

int sparksql_parse_params(struct arena *a, const char *file, int line, struct str text,
                          const struct sparksql_params *params, struct stmts *out, struct err *err)
{
    struct parser p;
    *out = (struct stmts){0};
    if (parser_open(&p, a, file, line, text, err) < 0)
        return -1;
    p.params = params;
    for (;;) {
        while (accept_op(&p, OP_SEMICOLON))
            ;
        if (cur(&p)->kind == TOK_END)
            break;
        struct stmt *s = statement(&p);
        if (!at_end(&p))
            not_at_end(&p);
        if (p.failed)
            return -1;
        out->items = arena_grow(a, out->items, &out->cap, out->count + 1, sizeof *out->items);
        out->items[out->count++] = s;
    }
    return 0;
}

/* What is left behind the whole of a lone query or expression is an error. */
static bool ends(struct parser *p)
{
    if (cur(p)->kind != TOK_END)
        syntax_error(p, "the end");
    return !p->failed;
}

struct rel *sparksql_query(struct arena *a, const char *file, struct str text, struct err *err)
{
    struct parser p;
    if (parser_open(&p, a, file, 1, text, err) < 0)
        return NULL;
    struct rel *r = query(&p);
    return ends(&p) ? r : NULL;
}

struct expr *sparksql_expr(struct arena *a, const char *file, struct str text, struct err *err)
{
    struct parser p;
    if (parser_open(&p, a, file, 1, text, err) < 0)
        return NULL;
    struct expr *e = named_expression(&p);
    if (p.window_count)
        fail_at(&p, p.windows[0].e->at, ERR_INPUT,
                "[MISSING_WINDOW_SPECIFICATION] window '%.*s' is not defined",
                STR_ARGS(p.windows[0].name));
    return ends(&p) ? e : NULL;
}
