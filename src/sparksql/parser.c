/* parser.c -- what all rules stand on: the cursor, errors, names, lists, properties. */
#include "sparksql/parse_int.h"

#include <stdio.h>
#include <string.h>

enum { NEAR_MAX = 40 }; /* bytes of a token shown in a message */

const struct tok *peek(const struct parser *p, size_t ahead)
{
    size_t i = p->at + ahead;
    return &p->toks[i < p->count ? i : p->count - 1];
}

void take(struct parser *p, size_t count)
{
    p->at = p->at + count < p->count ? p->at + count : p->count - 1;
}

bool peek_op(const struct parser *p, size_t ahead, enum op op)
{
    return peek(p, ahead)->op == op;
}

bool peek_kw(const struct parser *p, size_t ahead, enum kw kw)
{
    return peek(p, ahead)->kw == kw;
}

bool accept_op(struct parser *p, enum op op)
{
    if (cur(p)->op != op)
        return false;
    advance(p);
    return true;
}

bool accept_kw(struct parser *p, enum kw kw)
{
    if (cur(p)->kw != kw)
        return false;
    advance(p);
    return true;
}

bool accept_kws(struct parser *p, enum kw first, enum kw second)
{
    if (!is_kw(p, first) || !peek_kw(p, 1, second))
        return false;
    take(p, 2);
    return true;
}

bool is_word(const struct parser *p, const char *word)
{
    return cur(p)->kind == TOK_WORD && str_ieqz(tok_text(p, cur(p)), word);
}

bool accept_word(struct parser *p, const char *word)
{
    if (!is_word(p, word))
        return false;
    advance(p);
    return true;
}

void expect_op(struct parser *p, enum op op)
{
    char what[8];
    if (accept_op(p, op))
        return;
    snprintf(what, sizeof what, "'%s'", op_text(op));
    syntax_error(p, what);
}

void expect_kw(struct parser *p, enum kw kw)
{
    if (!accept_kw(p, kw))
        syntax_error(p, kw_text(kw));
}

bool at_end(const struct parser *p)
{
    return cur(p)->kind == TOK_END || is_op(p, OP_SEMICOLON);
}

struct place place_of(const struct parser *p, const struct tok *t)
{
    return (struct place){p->file, (int)t->line, (int)t->col};
}

struct str tok_text(const struct parser *p, const struct tok *t)
{
    return str_sub(p->text, t->offset, t->len);
}

struct str text_since(const struct parser *p, size_t from)
{
    if (p->at <= from)
        return STR_NONE;
    const struct tok *last = &p->toks[p->at - 1];
    size_t begin = p->toks[from].offset;
    return str_sub(p->text, begin, last->offset + last->len - begin);
}

bool enter(struct parser *p)
{
    if (++p->depth <= PLAN_MAX_DEPTH)
        return true;
    fail_at(p, here(p), ERR_LIMIT, "[PARSE_DEPTH] the statement is nested deeper than %d levels",
            PLAN_MAX_DEPTH);
    return false;
}

void leave(struct parser *p)
{
    p->depth--;
}

/* ---- errors ---- */

void fail_at(struct parser *p, struct place at, enum err_code code, const char *fmt, ...)
{
    if (p->failed)
        return;
    char msg[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err_at(p->err, code, at.file, at.line, at.col, "%s", msg);
    p->failed = true;
    p->at = p->count - 1;
}

void refuse(struct parser *p, struct place at, const char *construct, const char *instead)
{
    fail_at(p, at, ERR_UNSUPPORTED, "[UNSUPPORTED_FEATURE] %s is not supported%s%s", construct,
            instead ? ": " : "", instead ? instead : "");
}

void syntax_error(struct parser *p, const char *expected)
{
    const struct tok *t = cur(p);
    struct str near = tok_text(p, t);
    bool cut = near.len > NEAR_MAX;
    near = str_sub(near, 0, NEAR_MAX);
    while (cut && near.len && !str_utf8_ok(near))
        near.len--;
    if (t->kind == TOK_END)
        fail_at(p, place_of(p, t), ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] Syntax error at or near end of input: expected %s", expected);
    else
        fail_at(p, place_of(p, t), ERR_INPUT,
                "[PARSE_SYNTAX_ERROR] Syntax error at or near '%.*s%s': expected %s",
                STR_ARGS(near), cut ? "…" : "", expected);
}

/* ---- names ---- */

static bool names_something(const struct tok *t)
{
    return t->kind == TOK_WORD || t->kind == TOK_QUOTED;
}

bool is_name(const struct parser *p)
{
    return names_something(cur(p));
}

bool name_follows(const struct parser *p, size_t ahead)
{
    return names_something(peek(p, ahead));
}

/* Words that begin a clause are no alias; those which do only in company look at the next token. */
bool alias_follows(const struct parser *p)
{
    const struct tok *t = cur(p), *next = peek(p, 1);
    if (t->kind == TOK_QUOTED)
        return true;
    if (t->kind != TOK_WORD || next->op == OP_FAT_ARROW)
        return false;
    uint8_t flags = keyword_flags[t->kw];
    if (flags & KWF_BY)
        return next->kw != KW_BY;
    if (flags & KWF_OPERAND) /* OFFSET 5, QUALIFY x: a clause if an operand can follow */
        return next->op == OP_COMMA || next->op == OP_RPAREN || next->kw == KW_FROM;
    if (t->kw == KW_WINDOW)
        return !(names_something(next) && peek_kw(p, 2, KW_AS));
    if (p->pipeline_source && (flags & KWF_CDC))
        return false;
    return !(flags & KWF_CLAUSE) || next->op == OP_COMMA || next->kw == KW_FROM;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

struct str name(struct parser *p, const char *what)
{
    const struct tok *t = cur(p);
    struct str text = tok_text(p, t);
    if (!names_something(t)) {
        syntax_error(p, what);
        return STR("");
    }
    if (t->kind == TOK_WORD && !is_ascii(text))
        fail_at(p, place_of(p, t), ERR_INPUT,
                "[INVALID_IDENTIFIER] the name %.*s must be put in backquotes: `%.*s`",
                STR_ARGS(text), STR_ARGS(text));
    if (t->kind == TOK_QUOTED) {
        text = lex_quoted(p->a, text);
        if (text.len == 0)
            fail_at(p, place_of(p, t), ERR_INPUT,
                    "[PARSE_EMPTY_STATEMENT] a name in backquotes is empty");
    }
    advance(p);
    return text;
}

static void names_add(struct parser *p, struct names *n, struct str part)
{
    struct str *parts = ARENA_ARRAY(p->a, struct str, n->count + 1);
    if (n->count)
        memcpy(parts, n->parts, n->count * sizeof *parts);
    parts[n->count] = part;
    *n = (struct names){parts, n->count + 1};
}

/* A string or :name whose value is known, as one part of an IDENTIFIER(). */
static void identifier_part(struct parser *p, struct buf *text)
{
    struct place at = here(p);
    struct str value;
    if (cur(p)->kind == TOK_STRING) {
        buf_str(text, string(p, "a string"));
    } else if (is_op(p, OP_COLON) && name_follows(p, 1)) {
        advance(p);
        struct str key = name(p, "a parameter");
        if (p->params && p->params->get(p->params->ctx, key, &value))
            buf_str(text, value);
        else
            fail_at(p, at, ERR_INPUT,
                    "[UNBOUND_SQL_PARAMETER] parameter :%.*s in IDENTIFIER() has no value",
                    STR_ARGS(key));
    } else {
        refuse(p, at, "IDENTIFIER() of anything but constant strings and parameters",
               "write the name");
    }
}

/* IDENTIFIER('a.b' || :p …) or IDENTIFIER(concat('a.b', :p)): a constant, read as a dotted name. */
static struct names identifier_clause(struct parser *p)
{
    struct names n = {0};
    struct place at = here(p);
    struct buf text;
    take(p, 2); /* IDENTIFIER ( */
    bool concat = is_word(p, "CONCAT") && peek_op(p, 1, OP_LPAREN);
    if (concat)
        take(p, 2);
    buf_init(&text);
    do
        identifier_part(p, &text);
    while (accept_op(p, concat ? OP_COMMA : OP_CONCAT));
    if (concat)
        expect_op(p, OP_RPAREN);
    expect_op(p, OP_RPAREN);
    struct str dotted = str_copy(p->a, buf_view(&text));
    buf_release(&text);
    if (p->failed)
        return (struct names){ARENA_NEW(p->a, struct str), 1};
    struct err err;
    struct tok *toks;
    size_t count;
    if (lex(p->a, p->file, at.line, dotted, &toks, &count, &err) < 0)
        count = 0;
    struct parser inner = {
        .a = p->a, .file = p->file, .text = dotted, .toks = toks, .count = count, .err = &err};
    if (count)
        n = names(&inner, "a name");
    if (!count || inner.failed || cur(&inner)->kind != TOK_END || count == 1)
        fail_at(p, at, ERR_INPUT, "[INVALID_IDENTIFIER] '%.*s' in IDENTIFIER() is no name",
                STR_ARGS(dotted));
    return n.count ? n : (struct names){ARENA_NEW(p->a, struct str), 1};
}

struct names names(struct parser *p, const char *what)
{
    struct names n = {0};
    if (is_kw(p, KW_IDENTIFIER) && peek_op(p, 1, OP_LPAREN))
        n = identifier_clause(p);
    else
        names_add(p, &n, name(p, what));
    while (is_op(p, OP_DOT) && !peek_op(p, 1, OP_STAR)) {
        advance(p);
        names_add(p, &n, name(p, "a name behind '.'"));
    }
    return n;
}

/* A name with '-' and without backquotes, as in FROM my-catalog.t. */
static void refuse_hyphen(struct parser *p, size_t from)
{
    const struct tok *minus = cur(p), *next = peek(p, 1);
    if (p->failed || !is_op(p, OP_MINUS) || p->at == 0)
        return;
    const struct tok *last = &p->toks[p->at - 1];
    if (last->offset + last->len != minus->offset || next->offset != minus->offset + 1 ||
        !names_something(next))
        return;
    struct str text = str_sub(p->text, last->offset, next->offset + next->len - last->offset);
    fail_at(p, place_of(p, &p->toks[from]), ERR_INPUT,
            "[INVALID_IDENTIFIER] a name with '-' must be put in backquotes: `%.*s`",
            STR_ARGS(text));
}

struct names table_names(struct parser *p, const char *what)
{
    size_t from = p->at;
    struct names n = names(p, what);
    refuse_hyphen(p, from);
    if (n.count > 1 && str_ieqz(n.parts[0], "live"))
        return (struct names){n.parts + 1, n.count - 1};
    return n;
}

/* ---- values ---- */

struct str string(struct parser *p, const char *what)
{
    if (cur(p)->kind != TOK_STRING) {
        syntax_error(p, what);
        return STR("");
    }
    struct str value = lex_string(p->a, tok_text(p, cur(p)));
    advance(p);
    if (cur(p)->kind != TOK_STRING)
        return value;
    struct buf b;
    buf_init(&b);
    buf_str(&b, value);
    for (; cur(p)->kind == TOK_STRING; advance(p))
        buf_str(&b, lex_string(p->a, tok_text(p, cur(p))));
    value = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return value;
}

int64_t integer(struct parser *p, const char *what)
{
    int64_t v = 0;
    bool minus = accept_op(p, OP_MINUS);
    if (cur(p)->kind != TOK_INT || !str_i64(tok_text(p, cur(p)), &v))
        syntax_error(p, what);
    advance(p);
    return minus ? -v : v;
}

void name_list(struct parser *p, struct str **items, size_t *count)
{
    size_t cap = 0;
    *items = NULL;
    *count = 0;
    expect_op(p, OP_LPAREN);
    do {
        *items = arena_grow(p->a, *items, &cap, *count + 1, sizeof **items);
        (*items)[(*count)++] = name(p, "a column name");
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
}

void exprs_list(struct parser *p, struct exprs *out)
{
    expect_op(p, OP_LPAREN);
    do
        exprs_push(p->a, out, expression(p));
    while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
}

void option_add(struct parser *p, struct options *o, struct str key, struct str value)
{
    size_t key_cap = o->count, value_cap = o->count;
    o->keys = arena_grow(p->a, o->keys, &key_cap, o->count + 1, sizeof *o->keys);
    o->values = arena_grow(p->a, o->values, &value_cap, o->count + 1, sizeof *o->values);
    o->keys[o->count] = key;
    o->values[o->count++] = value;
}

/* A key is a string or dotted words, whose text stands as written. */
static struct str property_key(struct parser *p)
{
    if (cur(p)->kind == TOK_STRING) { /* alone: the value may be the next string */
        struct str key = lex_string(p->a, tok_text(p, cur(p)));
        advance(p);
        return key;
    }
    struct buf b;
    buf_init(&b);
    do {
        if (b.len)
            buf_char(&b, '.');
        buf_str(&b, name(p, "a property key"));
    } while (accept_op(p, OP_DOT));
    struct str key = str_copy(p->a, buf_view(&b));
    buf_release(&b);
    return key;
}

static struct str property_value(struct parser *p)
{
    size_t from = p->at;
    if (cur(p)->kind == TOK_STRING)
        return string(p, "a property value");
    (void)accept_op(p, OP_MINUS);
    if (cur(p)->kind == TOK_OP || cur(p)->kind == TOK_END)
        syntax_error(p, "a property value");
    advance(p);
    return text_since(p, from);
}

/* A typed literal counts as its string: DATE '2024-01-01'. */
void partition_spec(struct parser *p, struct options *out)
{
    expect_op(p, OP_LPAREN);
    do {
        struct str key = name(p, "a partition column"), value = STR_NONE;
        if (accept_op(p, OP_EQ)) {
            if (cur(p)->kind == TOK_WORD && peek(p, 1)->kind == TOK_STRING &&
                !is_kw(p, KW_INTERVAL))
                advance(p);
            if (is_kw(p, KW_INTERVAL))
                refuse(p, here(p), "an interval as a partition value", NULL);
            value = property_value(p);
        }
        option_add(p, out, key, value);
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
}

void properties(struct parser *p, struct options *out)
{
    size_t from = out->count;
    struct place at = here(p);
    property_keys(p, out);
    for (size_t i = from; i < out->count; i++)
        if (!out->values[i].ptr)
            fail_at(p, at, ERR_INPUT, "[PARSE_SYNTAX_ERROR] key '%.*s' has no value",
                    STR_ARGS(out->keys[i]));
}

void property_keys(struct parser *p, struct options *out)
{
    expect_op(p, OP_LPAREN);
    if (accept_op(p, OP_RPAREN))
        return;
    do {
        struct str key = property_key(p);
        bool valueless = (is_op(p, OP_COMMA) || is_op(p, OP_RPAREN));
        (void)accept_op(p, OP_EQ);
        option_add(p, out, key, valueless ? STR_NONE : property_value(p));
    } while (accept_op(p, OP_COMMA));
    expect_op(p, OP_RPAREN);
}
