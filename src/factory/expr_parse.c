/* The parser: one pass, recursive with a depth limit, over the grammar in expr.h. Interpolation
 * runs the same parser from each "@{" and expects "}" after the expression. */
#include "factory/expr_int.h"

#include <string.h>

struct parser {
    struct adf_env *e;
    size_t at;
    int depth;
};

static void *syntax(struct parser *p, const char *what)
{
    return (void *)adf_fail(p->e, p->at, ADF_SYNTAX, "%s", what);
}

static int peek(const struct parser *p)
{
    return p->at < p->e->text.len ? (unsigned char)p->e->text.ptr[p->at] : -1;
}

static int skip_blanks(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\r' || peek(p) == '\n')
        p->at++;
    return peek(p);
}

static struct adf_node *node_new(struct parser *p, enum adf_node_kind kind, size_t at)
{
    struct adf_node *n = ARENA_NEW(p->e->a, struct adf_node);
    n->kind = kind;
    n->at = at;
    return n;
}

static void node_add(struct parser *p, struct adf_node *n, struct adf_node *child, size_t *cap)
{
    n->args = arena_grow(p->e->a, n->args, cap, n->count + 1, sizeof *n->args);
    n->args[n->count++] = child;
}

static struct adf_node *literal(struct parser *p, size_t at, const struct doc *v)
{
    struct adf_node *n = node_new(p, NODE_LITERAL, at);
    n->value = v;
    return n;
}

static struct adf_node *parse_quoted(struct parser *p)
{
    size_t start = p->at++;
    struct buf b;
    struct adf_node *n;
    buf_init(&b);
    for (;; p->at++) {
        int c = peek(p);
        if (c < 0) {
            buf_release(&b);
            p->at = start;
            return syntax(p, "the text in quotes does not end");
        }
        if (c == '\'') {
            p->at++;
            if (peek(p) != '\'')
                break;
        }
        buf_char(&b, (char)c);
    }
    n = literal(p, start, doc_new_str(p->e->a, buf_view(&b)));
    buf_release(&b);
    return n;
}

static struct adf_node *parse_number(struct parser *p)
{
    size_t start = p->at;
    bool whole = true;
    struct str text;
    int64_t i;
    double d;
    if (peek(p) == '-' || peek(p) == '+')
        p->at++;
    size_t digits = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    if (p->at == digits)
        return syntax(p, "a number needs digits");
    if (peek(p) == '.') {
        whole = false;
        for (p->at++; peek(p) >= '0' && peek(p) <= '9'; p->at++)
            ;
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        whole = false;
        p->at++;
        if (peek(p) == '-' || peek(p) == '+')
            p->at++;
        while (peek(p) >= '0' && peek(p) <= '9')
            p->at++;
    }
    text = str_sub(p->e->text, start, p->at - start);
    if (text.ptr[0] == '+')
        text = str_from(text, 1);
    if (whole && str_i64(text, &i))
        return literal(p, start, doc_new_i64(p->e->a, i));
    if (whole)
        return (void *)adf_fail(p->e, start, ADF_OTHER, "the integer %.*s is out of range",
                                 STR_ARGS(text));
    if (!str_f64(text, &d))
        return syntax(p, "a number is malformed");
    return literal(p, start, adf_float(p->e->a, d));
}

static bool name_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str parse_name(struct parser *p)
{
    size_t start = p->at;
    while (name_char(peek(p)))
        p->at++;
    return str_sub(p->e->text, start, p->at - start);
}

static struct adf_node *parse_expr(struct parser *p);

static int parse_args(struct parser *p, struct adf_node *call)
{
    size_t cap = 0;
    p->at++; /* ( */
    if (skip_blanks(p) == ')') {
        p->at++;
        return 0;
    }
    for (;;) {
        struct adf_node *arg = parse_expr(p);
        if (!arg)
            return -1;
        node_add(p, call, arg, &cap);
        int c = skip_blanks(p);
        if (c == ')')
            break;
        if (c != ',') {
            syntax(p, c < 0 ? "')' is missing" : "',' or ')' is expected here");
            return -1;
        }
        p->at++;
    }
    p->at++;
    return 0;
}

static int check_call(struct parser *p, const struct adf_node *n)
{
    if (!n->fn) {
        adf_fail(p->e, n->at, ADF_UNDEFINED_FUNCTION, "there is no function '%.*s'",
                  STR_ARGS(n->name));
        return -1;
    }
    if ((int)n->count >= n->fn->min && (n->fn->max < 0 || (int)n->count <= n->fn->max))
        return 0;
    if (n->fn->max < 0)
        adf_fail(p->e, n->at, ADF_ARGUMENT_COUNT, "'%s' expects %d or more parameters, not %zu",
                  n->fn->name, n->fn->min, n->count);
    else
        adf_fail(p->e, n->at, ADF_ARGUMENT_COUNT, "'%s' expects %d%s%.0d parameters, not %zu",
                  n->fn->name, n->fn->min, n->fn->max != n->fn->min ? " to " : "",
                  n->fn->max != n->fn->min ? n->fn->max : 0, n->count);
    return -1;
}

/* What follows a call: .name, ?.name, [expr], ?[expr]. */
static struct adf_node *parse_accessors(struct parser *p, struct adf_node *base)
{
    for (;;) {
        int c = skip_blanks(p);
        bool safe = c == '?';
        struct adf_node *n;
        size_t cap = 0, at = p->at;
        if (safe) {
            p->at++;
            c = skip_blanks(p);
        }
        if (c != '.' && c != '[')
            return safe ? syntax(p, "'.' or '[' is expected after '?'") : base;
        p->at++;
        n = node_new(p, c == '.' ? NODE_MEMBER : NODE_INDEX, at);
        n->safe = safe;
        node_add(p, n, base, &cap);
        if (c == '.') {
            skip_blanks(p);
            n->name = parse_name(p);
            if (!n->name.len)
                return syntax(p, "a property name of letters, digits and _ is expected; "
                                 "write others as ['name']");
        } else {
            struct adf_node *index = parse_expr(p);
            if (!index)
                return NULL;
            node_add(p, n, index, &cap);
            if (skip_blanks(p) != ']')
                return syntax(p, "']' is missing");
            p->at++;
        }
        base = n;
    }
}

static struct adf_node *parse_word(struct parser *p)
{
    static const struct { const char *word; enum doc_kind kind; bool value; } words[] = {
        {"true", DOC_BOOL, true}, {"false", DOC_BOOL, false}, {"null", DOC_NULL, false}};
    size_t start = p->at;
    struct str name = parse_name(p);
    if (skip_blanks(p) == '(') {
        struct adf_node *call = node_new(p, NODE_CALL, start);
        call->name = name;
        call->fn = adf_find_fn(name);
        if (parse_args(p, call) || check_call(p, call))
            return NULL;
        return parse_accessors(p, call);
    }
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_ieqz(name, words[i].word))
            return literal(p, start,
                           words[i].kind == DOC_NULL ? doc_new_null(p->e->a)
                                                     : doc_new_bool(p->e->a, words[i].value));
    p->at = start;
    return (void *)adf_fail(p->e, start, ADF_SYNTAX,
                             "'%.*s' is neither a call nor a value; text stands in single quotes",
                             STR_ARGS(name));
}

static struct adf_node *parse_expr(struct parser *p)
{
    struct adf_node *n;
    int c = skip_blanks(p);
    if (++p->depth > ADF_MAX_DEPTH)
        return (void *)adf_fail(p->e, p->at, ADF_SYNTAX, "more than %d calls within calls",
                                 ADF_MAX_DEPTH);
    if (c == '\'')
        n = parse_quoted(p);
    else if (c == '-' || c == '+' || (c >= '0' && c <= '9'))
        n = parse_number(p);
    else if (name_char(c))
        n = parse_word(p);
    else
        n = syntax(p, c == '"' ? "text stands in single quotes, not in double ones"
                   : c < 0     ? "an expression is missing"
                               : "an expression cannot start here");
    p->depth--;
    return n;
}

/* ---------------------------------------------------------------- strings with "@{" */

static void add_plain(struct parser *p, struct adf_node *join, size_t *cap, struct buf *plain)
{
    if (plain->len)
        node_add(p, join, literal(p, p->at, doc_new_str(p->e->a, buf_view(plain))), cap);
    buf_clear(plain);
}

static struct adf_node *parse_interpolated(struct parser *p)
{
    struct adf_node *join = node_new(p, NODE_JOIN, 0), *part;
    struct str text = p->e->text;
    struct buf plain;
    size_t cap = 0;
    buf_init(&plain);
    while (p->at < text.len) {
        struct str rest = str_from(text, p->at);
        if (str_starts_z(rest, "@@{")) {
            buf_z(&plain, "@{");
            p->at += 3;
        } else if (str_starts_z(rest, "@{")) {
            add_plain(p, join, &cap, &plain);
            p->at += 2;
            if (!(part = parse_expr(p)) ||
                (skip_blanks(p) != '}' && !(part = syntax(p, "'}' is expected here")))) {
                join = NULL;
                break;
            }
            p->at++;
            node_add(p, join, part, &cap);
        } else {
            buf_char(&plain, text.ptr[p->at++]);
        }
    }
    if (join)
        add_plain(p, join, &cap, &plain);
    buf_release(&plain);
    return join;
}

bool adf_is_dynamic(struct str text)
{
    if (text.len > 1 && text.ptr[0] == '@' && text.ptr[1] != '@' && text.ptr[1] != '{')
        return true;
    return !str_starts_z(text, "@@") && str_find(text, STR("@{")) >= 0;
}

struct adf_node *adf_parse(struct adf_env *e)
{
    struct parser p = {.e = e};
    struct str text = e->text;
    if (text.len > ADF_MAX_TEXT)
        return (void *)adf_fail(e, 0, ADF_SYNTAX, "an expression of more than %d bytes",
                                 ADF_MAX_TEXT);
    if (str_starts_z(text, "@@"))
        return literal(&p, 0, doc_new_str(e->a, str_from(text, 1)));
    if (!adf_is_dynamic(text))
        return literal(&p, 0, doc_new_str(e->a, text));
    if (text.ptr[0] != '@' || text.ptr[1] == '{')
        return parse_interpolated(&p);
    p.at = 1;
    struct adf_node *n = parse_expr(&p);
    if (n && skip_blanks(&p) >= 0)
        return syntax(&p, "nothing may follow the expression");
    return n;
}
