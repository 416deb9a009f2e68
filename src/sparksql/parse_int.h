/* parse_int -- the parser's state and the rules that its files share.
 *
 * Recursive descent over the token array. The first error wins: it is kept, the cursor goes to the
 * end of the text, and from there every rule falls through without a loop left to spin in; rules
 * therefore return nodes, never NULL, and only the entry points look at `failed`.
 *
 * Depth: rules that recurse on user input do so between enter() and leave(), and expr_done() and
 * rel_done() refuse trees higher than PLAN_MAX_DEPTH (long operator chains grow high without
 * recursion). */
#ifndef PAYSTREAK_SPARKSQL_PARSE_INT_H
#define PAYSTREAK_SPARKSQL_PARSE_INT_H
#include "sparksql/lex.h"
#include "sparksql/sparksql.h"

/* A window of OVER name, until the query's WINDOW clause says what it is. */
struct pending_window {
    struct expr *e;
    struct str name;
};
/* The parameters of the lambda around the cursor. */
struct lambda_scope {
    const struct lambda_scope *up;
    const struct str *params;
    size_t count;
};

struct parser {
    struct arena *a;
    const char *file;
    struct str text;
    const struct tok *toks;
    size_t count, at;
    struct err *err;
    bool failed;
    int depth;
    const struct lambda_scope *lambda;
    struct pending_window *windows;
    size_t window_count, window_cap;
    const struct sparksql_params *params; /* may be NULL */
    bool pipeline_source; /* inside AUTO CDC's FROM: KEYS and the like are no alias */
};

/* parser.c: the cursor */
const struct tok *peek(const struct parser *p, size_t ahead);
static inline const struct tok *cur(const struct parser *p)
{
    return &p->toks[p->at];
}
static inline bool is_op(const struct parser *p, enum op op)
{
    return cur(p)->op == op;
}
static inline bool is_kw(const struct parser *p, enum kw kw)
{
    return cur(p)->kw == kw;
}
static inline void advance(struct parser *p)
{
    p->at += cur(p)->kind != TOK_END;
}
void take(struct parser *p, size_t count); /* advances that far, at most to the end */
bool peek_op(const struct parser *p, size_t ahead, enum op op);
bool peek_kw(const struct parser *p, size_t ahead, enum kw kw);
bool accept_op(struct parser *p, enum op op);
bool accept_kw(struct parser *p, enum kw kw);
bool accept_kws(struct parser *p, enum kw first, enum kw second); /* both or none */
bool accept_word(struct parser *p, const char *word);             /* a word that is no keyword */
bool is_word(const struct parser *p, const char *word);
void expect_op(struct parser *p, enum op op);
void expect_kw(struct parser *p, enum kw kw);
bool at_end(const struct parser *p); /* of the statement */
struct place place_of(const struct parser *p, const struct tok *t);
static inline struct place here(const struct parser *p)
{
    return place_of(p, cur(p));
}
struct str tok_text(const struct parser *p, const struct tok *t);
struct str text_since(const struct parser *p,
                      size_t from); /* source from token `from` to the cursor */
bool enter(struct parser *p);       /* false: too deep, and failed */
void leave(struct parser *p);

/* parser.c: errors; all put the cursor at the end */
void syntax_error(struct parser *p, const char *expected);
void fail_at(struct parser *p, struct place at, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void refuse(struct parser *p, struct place at, const char *construct,
            const char *instead); /* ERR_UNSUPPORTED */

/* parser.c: words */
bool is_name(const struct parser *p); /* a word or `quoted` name */
bool name_follows(const struct parser *p, size_t ahead);
/* `t`, the token after the current word: may it stand behind that word as a whole operand or table? */
bool operand_ends(const struct parser *p, const struct tok *t);
bool alias_follows(const struct parser *p); /* a name that may be an alias without AS */
struct str name(struct parser *p, const char *what);
struct names names(struct parser *p, const char *what);       /* a.b.c or IDENTIFIER('a.b.c') */
struct names table_names(struct parser *p, const char *what); /* the same, LIVE. dropped */
struct str string(struct parser *p, const char *what);        /* 'a' "b" concatenate */
int64_t integer(struct parser *p, const char *what);
void name_list(struct parser *p, struct str **items, size_t *count); /* "(a, b)" */
void exprs_list(struct parser *p, struct exprs *out);                /* "(e, e)" */
void properties(struct parser *p, struct options *out);              /* "('k' = 'v', a.b 1)" */
void property_keys(struct parser *p,
                   struct options *out); /* the same, values may be left out: STR_NONE */
void partition_spec(struct parser *p, struct options *out); /* "(a = 1, b)": b has STR_NONE */
void option_add(struct parser *p, struct options *o, struct str key, struct str value);

/* expr.c, primary.c, special.c, literal.c */
struct expr *expression(struct parser *p);
struct expr *value_expression(struct parser *p); /* no AND, OR, NOT, predicates */
struct expr *primary(struct parser *p);
struct expr *primary_name(struct parser *p);     /* column, call, lambda, star: from a name on */
struct expr *named_expression(struct parser *p); /* with its alias */
struct expr *function_call(struct parser *p, struct place at, struct str func); /* from '(' on */
struct expr *call_suffixes(struct parser *p, struct expr *call); /* FILTER, OVER, … */
struct expr *special_call(struct parser *p);     /* CAST( and other own syntax; NULL: none */
struct expr *literal(struct parser *p);          /* NULL: none here */
struct expr *interval_literal(struct parser *p); /* from INTERVAL on; NULL: is none */
struct expr *sort_item(struct parser *p);
void sort_list(struct parser *p, struct exprs *out);
struct expr *star(struct parser *p, struct names qualifier, struct place at); /* from '*' on */
const struct type *data_type(struct parser *p);
struct expr *expr_done(struct parser *p, struct expr *e); /* measures and bounds the height */
struct expr *call(struct parser *p, struct place at, const char *func, struct expr *x,
                  struct expr *y);
struct expr *negated(struct parser *p, bool no, struct expr *e);
bool is_constant(const struct expr *e); /* no columns outside of subqueries */
struct expr *subquery(struct parser *p, enum expr_kind kind, struct place at); /* "(query)" */

/* window.c */
struct expr *over(struct parser *p, struct expr *fn);      /* from OVER on */
void window_clause(struct parser *p, size_t pending_from); /* from WINDOW on */

/* query.c, select.c, from.c, source.c */
struct rel *query(struct parser *p);
struct rel *with_ctes(struct parser *p, struct rel *ctes,
                      struct rel *body); /* puts `body` under the WITH */
struct rel *ctes(struct parser *p);      /* from WITH on: REL_WITH without input */
struct rel *select_query(struct parser *p);
bool query_follows(const struct parser *p,
                   size_t ahead);          /* SELECT, WITH, VALUES, '(' of a query … */
struct rel *from_clause(struct parser *p); /* after FROM */
struct rel *relation_primary(struct parser *p);
struct rel *inline_table(struct parser *p);
struct rel *table_name(struct parser *p);
struct rel *stream(struct parser *p); /* from STREAM on */
struct rel *pivot(struct parser *p, struct rel *input);
struct rel *unpivot(struct parser *p, struct rel *input);
struct rel *table_alias(struct parser *p, struct rel *r, bool needed);
struct rel *rel_done(struct parser *p, struct rel *r);
void call_args(struct parser *p, struct exprs *args,
               bool *ignore_nulls); /* after '(' up to and with ')' */

/* stmt.c and what it dispatches to */
struct stmt *statement(struct parser *p);
struct stmt *stmt_new(struct parser *p, enum stmt_kind kind);
void create(struct parser *p, struct stmt *s);       /* after CREATE */
void create_flow(struct parser *p, struct stmt *s);  /* after CREATE FLOW */
void flow_clause(struct parser *p, struct stmt *s);  /* after FLOW, in CREATE STREAMING TABLE */
void auto_cdc(struct parser *p, struct flow_def *f); /* after AUTO CDC [INTO target] */
void column_list(struct parser *p, struct stmt *s);  /* after '(' up to and with ')' */
void column_definition(struct parser *p, struct column_def *c);
void insert(struct parser *p, struct stmt *s, struct rel *with);
void update(struct parser *p, struct stmt *s);
void delete_from(struct parser *p, struct stmt *s);
void merge(struct parser *p, struct stmt *s);
void alter(struct parser *p, struct stmt *s);
struct str rest_of_statement(struct parser *p); /* raw text up to ';', taken */
#endif
