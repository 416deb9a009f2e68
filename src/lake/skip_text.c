/* skip_text.c -- a predicate from text:
 *     or   := and { OR and }            and := not { AND not }           not := [NOT] ( leaf | '(' or ')' )
 *     leaf := column ( = | == | <> | != | < | <= | > | >= ) constant | column [NOT] IN ( constant, … )
 *           | column [NOT] BETWEEN constant AND constant | column [NOT] LIKE 'prefix%' | column IS [NOT] NULL
 * A column is a word, may be dotted, or stands in backquotes; a constant is a number, 'text' with '' for
 * a quote, TRUE or FALSE, and may have DATE or TIMESTAMP in front. Recursion has a depth limit. */
#include "lake/skip.h"
#include <ctype.h>
#include <string.h>

struct parser {
    struct arena *arena;
    const struct lake_snapshot *snap;
    struct str text;
    size_t at;
    struct err *err;
};

static void blanks(struct parser *p)
{
    while (p->at < p->text.len && isspace((unsigned char)p->text.ptr[p->at]))
        p->at++;
}

static int fail(struct parser *p, const char *what)
{
    blanks(p);
    return err_set(p->err, ERR_INPUT, "the condition '%.*s': %s at character %zu", STR_ARGS(p->text), what, p->at + 1);
}

static bool take(struct parser *p, const char *symbol)
{
    blanks(p);
    if (!str_starts_z(str_from(p->text, p->at), symbol))
        return false;
    p->at += strlen(symbol);
    return true;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static struct str peek_word(struct parser *p)
{
    blanks(p);
    size_t n = 0;
    while (p->at + n < p->text.len && word_char(p->text.ptr[p->at + n]))
        n++;
    return str_sub(p->text, p->at, n);
}

static bool take_word(struct parser *p, const char *word)
{
    struct str w = peek_word(p);
    if (!str_ieqz(w, word))
        return false;
    p->at += w.len;
    return true;
}

static int quoted(struct parser *p, char quote, struct str *out)
{
    struct buf b;
    buf_init(&b);
    for (p->at++; p->at < p->text.len; p->at++) {
        char c = p->text.ptr[p->at];
        if (c == quote && !(p->at + 1 < p->text.len && p->text.ptr[p->at + 1] == quote))
            break;
        p->at += c == quote;
        buf_char(&b, c);
    }
    *out = str_copy(p->arena, buf_view(&b));
    buf_release(&b);
    if (p->at >= p->text.len)
        return fail(p, "a quote is not closed");
    p->at++;
    return 0;
}

static int column(struct parser *p, struct str *out)
{
    blanks(p);
    if (p->at < p->text.len && p->text.ptr[p->at] == '`') {
        if (quoted(p, '`', out))
            return -1;
    } else {
        size_t n = 0;
        while (p->at + n < p->text.len && (word_char(p->text.ptr[p->at + n]) || p->text.ptr[p->at + n] == '.'))
            n++;
        *out = str_sub(p->text, p->at, n);
        if (!n)
            return fail(p, "a column is expected");
        p->at += n;
    }
    int64_t dot = str_chr(*out, '.');
    if (!type_field_find(p->snap->schema, *out) && (dot < 0 || !type_field_find(p->snap->schema, str_sub(*out, 0, (size_t)dot))))
        return err_set(p->err, ERR_INPUT, "the table '%s' has no column '%.*s'", p->snap->dir, STR_ARGS(*out));
    return 0;
}

static int constant(struct parser *p, struct str *out)
{
    if (!take_word(p, "date"))
        (void)take_word(p, "timestamp");
    blanks(p);
    if (p->at < p->text.len && p->text.ptr[p->at] == '\'')
        return quoted(p, '\'', out);
    size_t n = 0;
    while (p->at + n < p->text.len && (word_char(p->text.ptr[p->at + n]) || strchr("+-.", p->text.ptr[p->at + n])))
        n++;
    struct str w = str_sub(p->text, p->at, n);
    double ignored;
    if (!str_ieqz(w, "true") && !str_ieqz(w, "false") && !str_f64(w, &ignored))
        return fail(p, "a number, a 'text', TRUE or FALSE is expected");
    p->at += n;
    *out = str_lower(p->arena, w);
    return 0;
}

static struct lake_predicate *node(struct parser *p, enum lake_op op, struct str col)
{
    struct lake_predicate *n = ARENA_NEW(p->arena, struct lake_predicate);
    n->op = op;
    n->column = col;
    return n;
}

static struct lake_predicate *with_args(struct parser *p, enum lake_op op, const struct lake_predicate *x, const struct lake_predicate *y)
{
    struct lake_predicate *n = node(p, op, STR_NONE);
    const struct lake_predicate **args = ARENA_ARRAY(p->arena, const struct lake_predicate *, 2);
    args[0] = x;
    args[1] = y;
    n->args = args;
    n->arg_count = y ? 2 : 1;
    return n;
}

static struct lake_predicate *with_value(struct parser *p, enum lake_op op, struct str col)
{
    struct lake_predicate *n = node(p, op, col);
    struct str *v = ARENA_ARRAY(p->arena, struct str, 1);
    n->values = v;
    n->value_count = 1;
    return constant(p, v) ? NULL : n;
}

static struct lake_predicate *in_list(struct parser *p, struct str col)
{
    struct lake_predicate *n = node(p, LAKE_IN, col);
    struct str *values = NULL;
    size_t cap = 0;
    if (!take(p, "(")) {
        fail(p, "( is expected after IN");
        return NULL;
    }
    do {
        values = arena_grow(p->arena, values, &cap, n->value_count + 1, sizeof *values);
        if (constant(p, &values[n->value_count++]))
            return NULL;
    } while (take(p, ","));
    n->values = values;
    if (take(p, ")"))
        return n;
    fail(p, ") is expected");
    return NULL;
}

static struct lake_predicate *like(struct parser *p, struct str col)
{
    struct lake_predicate *n = with_value(p, LAKE_STARTS_WITH, col);
    struct str *v = n ? (struct str *)n->values : NULL;
    int64_t wild = v ? str_chr(*v, '%') : -1;
    bool prefix = v && wild == (int64_t)v->len - 1 && str_chr(*v, '_') < 0 && str_chr(*v, '\\') < 0;
    if (prefix)
        v->len--;
    else if (n)
        n->op = LAKE_ANY;
    return n;
}

static struct lake_predicate *leaf(struct parser *p)
{
    static const struct { const char *symbol; enum lake_op op; } symbols[] = {
        {"<=", LAKE_LE}, {">=", LAKE_GE}, {"<>", LAKE_NE}, {"!=", LAKE_NE}, {"==", LAKE_EQ}, {"=", LAKE_EQ}, {"<", LAKE_LT}, {">", LAKE_GT}};
    struct str col;
    if (column(p, &col))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(symbols); i++)
        if (take(p, symbols[i].symbol))
            return with_value(p, symbols[i].op, col);
    if (take_word(p, "is")) {
        bool not_null = take_word(p, "not");
        if (take_word(p, "null"))
            return node(p, not_null ? LAKE_NOT_NULL : LAKE_IS_NULL, col);
        fail(p, "NULL is expected");
        return NULL;
    }
    bool negated = take_word(p, "not");
    struct lake_predicate *n = NULL;
    if (take_word(p, "in")) {
        n = in_list(p, col);
    } else if (take_word(p, "like")) {
        n = like(p, col);
    } else if (take_word(p, "between")) {
        struct lake_predicate *low = with_value(p, LAKE_GE, col);
        if (low && !take_word(p, "and")) {
            fail(p, "AND is expected");
            low = NULL;
        }
        struct lake_predicate *high = low ? with_value(p, LAKE_LE, col) : NULL;
        n = high ? with_args(p, LAKE_AND, low, high) : NULL;
    } else {
        fail(p, "a comparison is expected");
    }
    return n && negated ? with_args(p, LAKE_NOT, n, NULL) : n;
}

static struct lake_predicate *any_of(struct parser *p, int depth);

static struct lake_predicate *term(struct parser *p, int depth)
{
    struct lake_predicate *n;
    if (depth > LAKE_PREDICATE_DEPTH) {
        err_set(p->err, ERR_LIMIT, "the condition is nested deeper than %d levels", LAKE_PREDICATE_DEPTH);
        return NULL;
    }
    if (take_word(p, "not"))
        return (n = term(p, depth + 1)) ? with_args(p, LAKE_NOT, n, NULL) : NULL;
    if (!take(p, "("))
        return leaf(p);
    n = any_of(p, depth + 1);
    if (n && !take(p, ")")) {
        fail(p, ") is expected");
        return NULL;
    }
    return n;
}

static struct lake_predicate *all_of(struct parser *p, int depth)
{
    struct lake_predicate *n = term(p, depth), *more;
    while (n && take_word(p, "and"))
        n = (more = term(p, depth)) ? with_args(p, LAKE_AND, n, more) : NULL;
    return n;
}

static struct lake_predicate *any_of(struct parser *p, int depth)
{
    struct lake_predicate *n = all_of(p, depth), *more;
    while (n && take_word(p, "or"))
        n = (more = all_of(p, depth)) ? with_args(p, LAKE_OR, n, more) : NULL;
    return n;
}

const struct lake_predicate *lake_predicate_parse(struct arena *a, const struct lake_snapshot *s, struct str text, struct err *err)
{
    struct parser p = {a, s, text, 0, err};
    struct lake_predicate *n = any_of(&p, 0);
    blanks(&p);
    if (n && p.at < text.len) {
        fail(&p, "the end is expected");
        return NULL;
    }
    return n;
}
