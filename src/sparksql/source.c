/* source.c -- one relation of FROM: a table with all that may stand behind its name, a file source,
 * a table function, a stream, a derived table.
 *
 *     name [WITH (options)] [VERSION | TIMESTAMP AS OF x | @v3] [TABLESAMPLE …] [WATERMARK …]
 * [alias] format.`path` …           REL_SOURCE, if the word is a file format and the rest looks
 * like a path function(args) …          REL_FUNCTION STREAM x, STREAM(x)       any of the three,
 * streaming VALUES …  (query) …  (a JOIN b) … */
#include "sparksql/parse_int.h"

static const char *const file_formats[] = {"parquet", "json", "csv",        "delta", "orc",
                                           "text",    "avro", "binaryfile", "xml"};

/* json.`/data/x`: not a schema called json with a table of that name. */
static bool is_file_source(const struct names *n)
{
    struct str path = n->parts[n->count - 1];
    if (n->count != 2 || (str_chr(path, '/') < 0 && str_chr(path, '.') < 0 &&
                          str_chr(path, '*') < 0 && str_chr(path, ':') < 0))
        return false;
    for (size_t i = 0; i < COUNT_OF(file_formats); i++)
        if (str_ieqz(n->parts[0], file_formats[i]))
            return true;
    return false;
}

/* ---- behind a name ---- */

/* t@v3 or t@20240131120000000. */
static void at_version(struct parser *p, struct rel *r)
{
    struct place at = here(p);
    struct str text = tok_text(p, cur(p));
    int64_t v;
    if (text.len > 1 && (text.ptr[0] == 'v' || text.ptr[0] == 'V') &&
        str_i64(str_from(text, 1), &v)) {
        r->version = expr_int(p->a, at, v);
    } else if (cur(p)->kind == TOK_INT && text.len == 17) {
        const char *t = text.ptr;
        r->timestamp = expr_string(p->a, at,
                                   str_fmt(p->a, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s.%.3s", t, t + 4,
                                           t + 6, t + 8, t + 10, t + 12, t + 14));
    } else {
        syntax_error(p, "a version as in t@v3, or a time as in t@20241231235959000");
    }
    advance(p);
}

/* [FOR] {VERSION | SYSTEM_VERSION} AS OF x, [FOR] {TIMESTAMP | SYSTEM_TIME} AS OF x. */
static bool time_travel(struct parser *p, struct rel *r)
{
    size_t n = is_kw(p, KW_FOR);
    bool version = peek_kw(p, n, KW_VERSION) || peek_kw(p, n, KW_SYSTEM_VERSION);
    bool time = peek_kw(p, n, KW_TIMESTAMP) || peek_kw(p, n, KW_SYSTEM_TIME);
    if (accept_op(p, OP_AT)) {
        at_version(p, r);
        return true;
    }
    if (!(version || time) || !peek_kw(p, n + 1, KW_AS) || !peek_kw(p, n + 2, KW_OF))
        return false;
    take(p, n + 3);
    if (version)
        r->version = value_expression(p);
    else
        r->timestamp = value_expression(p);
    struct expr *spec = version ? r->version : r->timestamp;
    if (!is_constant(spec))
        fail_at(p, spec->at, ERR_INPUT,
                "[INVALID_TIME_TRAVEL_SPEC] a version or time of AS OF refers to no column");
    return true;
}

/* TABLESAMPLE (10 PERCENT | 5 ROWS | BUCKET 1 OUT OF 10) [REPEATABLE (seed)]. */
static struct rel *sample(struct parser *p, struct rel *input)
{
    struct place at = here(p);
    struct rel *r = rel_new(p->a, REL_SAMPLE, at);
    double v = 0;
    advance(p);
    (void)accept_word(p, "SYSTEM");
    (void)accept_word(p, "BERNOULLI");
    expect_op(p, OP_LPAREN);
    r->input = input;
    if (accept_word(p, "BUCKET")) {
        int64_t x = integer(p, "a bucket number");
        accept_word(p, "OUT");
        expect_kw(p, KW_OF);
        int64_t of = integer(p, "a number of buckets");
        if (accept_kw(p, KW_ON))
            refuse(p, at, "TABLESAMPLE (BUCKET … ON …)", "use PERCENT");
        if (!p->failed && (of < 1 || x < 1 || x > of))
            fail_at(p, at, ERR_INPUT, "[INVALID_SAMPLE] bucket %jd of %jd does not exist",
                    (intmax_t)x, (intmax_t)of);
        r->fraction = of > 0 ? 1.0 / (double)of : 0;
    } else if (peek_kw(p, 1, KW_ROWS)) {
        r->kind = REL_LIMIT;
        r->limit = value_expression(p);
        advance(p);
    } else {
        size_t from = p->at;
        advance(p);
        if (!str_f64(text_since(p, from), &v) || v < 0 || v > 100)
            fail_at(p, at, ERR_INPUT, "[INVALID_SAMPLE] TABLESAMPLE takes 0 to 100 PERCENT");
        if (!accept_word(p, "PERCENT"))
            syntax_error(p, "PERCENT or ROWS");
        r->fraction = v / 100;
    }
    expect_op(p, OP_RPAREN);
    if (accept_word(p, "REPEATABLE")) {
        expect_op(p, OP_LPAREN);
        r->seed = integer(p, "a seed");
        r->has_seed = true;
        expect_op(p, OP_RPAREN);
    }
    return rel_done(p, r);
}

/* WATERMARK expr [AS name] DELAY OF INTERVAL …. */
static struct rel *watermark(struct parser *p, struct rel *input)
{
    struct rel *r = rel_new(p->a, REL_WATERMARK, here(p));
    advance(p);
    r->input = input;
    struct expr *e = value_expression(p);
    if (accept_kw(p, KW_AS)) {
        struct expr *alias = expr_new(p->a, EXPR_ALIAS, e->at);
        struct str n = name(p, "an alias");
        exprs_push(p->a, &alias->args, e);
        alias->name = (struct names){arena_copy(p->a, &n, sizeof n), 1};
        e = expr_done(p, alias);
    }
    exprs_push(p->a, &r->exprs, e);
    if (!accept_word(p, "DELAY"))
        syntax_error(p, "DELAY OF INTERVAL …");
    expect_kw(p, KW_OF);
    struct place at = here(p);
    struct expr *delay = primary(p);
    if (delay->kind != EXPR_INTERVAL)
        fail_at(p, at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] DELAY OF takes an interval, as in INTERVAL 10 MINUTES");
    else if (delay->lit.months || delay->lit.days < 0 || delay->lit.us < 0)
        fail_at(p, at, ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] the delay of a watermark is neither negative nor in months");
    r->delay = delay->lit;
    return rel_done(p, r);
}

/* What may stand between a relation and its alias, and the alias. */
static struct rel *decorated(struct parser *p, struct rel *r, bool derived)
{
    while (is_kw(p, KW_TABLESAMPLE))
        r = sample(p, r);
    if (is_kw(p, KW_WATERMARK) && !peek_kw(p, 1, KW_AS) &&
        (name_follows(p, 1) || peek_op(p, 1, OP_LPAREN)) && !peek_op(p, 1, OP_COMMA))
        r = watermark(p, r);
    r = table_alias(p, r, derived);
    if (is_kw(p, KW_WATERMARK) && name_follows(p, 1))
        fail_at(p, here(p), ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] Syntax error at or near 'WATERMARK': it stands before the "
                "alias of its table");
    while (is_kw(p, KW_TABLESAMPLE))
        r = sample(p, r);
    return r;
}

/* ---- leaves ---- */

static struct rel *leaf(struct parser *p, bool functions)
{
    struct rel *r = rel_new(p->a, REL_TABLE, here(p));
    struct names n = table_names(p, "a table");
    if (functions && is_op(p, OP_LPAREN)) {
        struct str func = n.parts[0];
        for (size_t i = 1; i < n.count; i++)
            func = str_fmt(p->a, "%.*s.%.*s", STR_ARGS(func), STR_ARGS(n.parts[i]));
        bool unused;
        advance(p);
        r->kind = REL_FUNCTION;
        r->func = str_lower(p->a, func);
        call_args(p, &r->args, &unused);
        return rel_done(p, r);
    }
    if (is_file_source(&n)) {
        r->kind = REL_SOURCE;
        r->format = str_lower(p->a, n.parts[0]);
        r->paths = arena_copy(p->a, &n.parts[1], sizeof n.parts[1]);
        r->path_count = 1;
    } else {
        r->name = n;
    }
    if (is_kw(p, KW_WITH) && peek_op(p, 1, OP_LPAREN)) {
        advance(p);
        properties(p, &r->options);
    }
    if (is_word(p, "CHANGES") && peek_kw(p, 1, KW_FROM))
        refuse(p, here(p), "CHANGES FROM … TO …", "read the change feed with table_changes()");
    if (time_travel(p, r))
        rel_done(p, r);
    return r;
}

struct rel *table_name(struct parser *p)
{
    return leaf(p, false);
}

/* STREAM x or STREAM(x), where x is a table, a path or a function. */
struct rel *stream(struct parser *p)
{
    advance(p); /* STREAM */
    bool paren = accept_op(p, OP_LPAREN);
    if (paren && query_follows(p, 0))
        refuse(p, here(p), "STREAM of a query", "put STREAM before the table inside the query");
    struct rel *r = leaf(p, true);
    r->streaming = true;
    if (is_word(p, "CHANGES") && !paren)
        refuse(p, here(p), "STREAM … CHANGES", "read the change feed with table_changes()");
    if (paren)
        expect_op(p, OP_RPAREN);
    if (is_kw(p, KW_WITH) && peek_op(p, 1, OP_LPAREN)) {
        advance(p);
        properties(p, &r->options);
    }
    return r;
}

/* `stream` alone, or dotted, is a table of that name. */
static bool stream_follows(const struct parser *p)
{
    if (!is_kw(p, KW_STREAM))
        return false;
    if (peek_op(p, 1, OP_LPAREN))
        return true;
    if (!name_follows(p, 1))
        return false;
    const struct tok *next = peek(p, 1);
    return next->kind == TOK_QUOTED ||
           !(keyword_flags[next->kw] & (KWF_CLAUSE | KWF_BY | KWF_OPERAND));
}

/* "(a JOIN b …)" in parentheses, without an alias of its own: its names stay visible. */
static struct rel *nested(struct parser *p)
{
    advance(p);
    struct rel *r = from_clause(p);
    expect_op(p, OP_RPAREN);
    return decorated(p, r, false);
}

struct rel *relation_primary(struct parser *p)
{
    if (is_op(p, OP_LPAREN)) {
        if (!query_follows(p, 1))
            return nested(p);
        advance(p);
        struct rel *r = query(p);
        expect_op(p, OP_RPAREN);
        return decorated(p, r, true);
    }
    if (stream_follows(p))
        return decorated(p, stream(p), false);
    if (is_kw(p, KW_VALUES) && query_follows(p, 0))
        return inline_table(p);
    if (is_kw(p, KW_TABLE) && peek_op(p, 1, OP_LPAREN)) {
        take(p, 2);
        struct rel *r = leaf(p, false);
        expect_op(p, OP_RPAREN);
        return decorated(p, r, false);
    }
    if (is_name(p) && cur(p)->kind == TOK_WORD && (keyword_flags[cur(p)->kw] & KWF_CLAUSE) &&
        !operand_ends(p, peek(p, 1))) {
        syntax_error(p, "a table");
        return rel_new(p->a, REL_ONE_ROW, here(p));
    }
    return decorated(p, leaf(p, true), false);
}
