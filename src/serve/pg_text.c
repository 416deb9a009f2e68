/* pg_text.c -- one scanner over PostgreSQL's lexical structure.
 *
 * Tokens that matter: '…' with '' doubled (backslash is itself: standard_conforming_strings), E'…'
 * with backslash escapes (which Spark shares), "…" a name, `…` a name too (Spark's own way is let
 * through), $n, $tag$…$tag$, -- and nested slash-star comments. All else is copied byte by byte. */
#include "serve/pg_text.h"
#include <string.h>

enum token_kind { T_END, T_SPACE, T_WORD, T_STRING, T_ESTRING, T_NAME, T_BACKTICK, T_PARAM, T_DOLLAR, T_OTHER, T_OPEN };

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c >= 0x80;
}

/* The length of a quoted piece that starts at s; 0 if it is not closed. */
static size_t quoted(struct str s, char q, bool backslash)
{
    for (size_t i = 1; i < s.len; i++) {
        if (backslash && s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == q && i + 1 < s.len && s.ptr[i + 1] == q)
            i++;
        else if (s.ptr[i] == q)
            return i + 1;
    }
    return 0;
}

static size_t comment(struct str s)
{
    int depth = 0;
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.ptr[i] == '/' && s.ptr[i + 1] == '*') {
            depth++;
            i++;
        } else if (s.ptr[i] == '*' && s.ptr[i + 1] == '/') {
            i++;
            if (--depth == 0)
                return i + 1;
        }
    }
    return 0;
}

/* $tag$…$tag$: its length, 0 if it is none; *body gets what is inside. */
static size_t dollar_quoted(struct str s, struct str *body)
{
    size_t n = 1;
    while (n < s.len && is_word((unsigned char)s.ptr[n]))
        n++;
    if (n >= s.len || s.ptr[n] != '$')
        return 0;
    struct str tag = str_sub(s, 0, n + 1);
    int64_t end = str_find(str_from(s, tag.len), tag);
    if (end < 0)
        return 0;
    *body = str_sub(s, tag.len, (size_t)end);
    return (size_t)end + 2 * tag.len;
}

static enum token_kind quoted_token(struct str s, size_t *len, char q, bool backslash, enum token_kind kind)
{
    *len = quoted(s, q, backslash);
    if (*len)
        return kind;
    *len = s.len;
    return T_OPEN;
}

static enum token_kind word_token(struct str s, size_t *len)
{
    size_t n = 0;
    if (s.len > 1 && (s.ptr[0] | 32) == 'e' && s.ptr[1] == '\'') {
        enum token_kind kind = quoted_token(str_from(s, 1), len, '\'', true, T_ESTRING);
        ++*len;
        return kind;
    }
    while (n < s.len && is_word((unsigned char)s.ptr[n]))
        n++;
    *len = n;
    return T_WORD;
}

static enum token_kind next_token(struct str s, size_t *len)
{
    struct str body;
    size_t n = 0;
    if (s.len == 0)
        return T_END;
    unsigned char c = (unsigned char)s.ptr[0];
    if (c == '\'')
        return quoted_token(s, len, '\'', false, T_STRING);
    if (c == '"')
        return quoted_token(s, len, '"', false, T_NAME);
    if (c == '`')
        return quoted_token(s, len, '`', false, T_BACKTICK);
    if (is_word(c))
        return word_token(s, len);
    if (c == '$') {
        while (n + 1 < s.len && s.ptr[n + 1] >= '0' && s.ptr[n + 1] <= '9')
            n++;
        *len = n > 0 ? n + 1 : dollar_quoted(s, &body);
        if (*len)
            return n > 0 ? T_PARAM : T_DOLLAR;
    }
    if (c == '-' && s.len > 1 && s.ptr[1] == '-') {
        int64_t eol = str_chr(s, '\n');
        *len = eol < 0 ? s.len : (size_t)eol;
        return T_SPACE;
    }
    if (c == '/' && s.len > 1 && s.ptr[1] == '*') {
        *len = comment(s);
        if (*len)
            return T_SPACE;
        *len = s.len;
        return T_OPEN;
    }
    *len = 1;
    return c == ' ' || (c >= '\t' && c <= '\r') ? T_SPACE : T_OTHER;
}

bool pg_next_statement(struct str *rest, struct str *statement)
{
    size_t len, at = 0, first = SIZE_MAX, end = 0;
    enum token_kind kind;
    while ((kind = next_token(str_from(*rest, at), &len)) != T_END) {
        if (kind == T_OTHER && rest->ptr[at] == ';') {
            if (first != SIZE_MAX)
                break;
        } else if (kind != T_SPACE) {
            first = first == SIZE_MAX ? at : first;
            end = at + len;
        }
        at += len;
    }
    if (first != SIZE_MAX)
        *statement = str_sub(*rest, first, end - first);
    *rest = str_from(*rest, kind == T_END ? at : at + 1);
    return first != SIZE_MAX;
}

static struct str unquote(struct arena *a, struct str quoted_text)
{
    char q = quoted_text.ptr[0];
    struct str in = str_sub(quoted_text, 1, quoted_text.len - 2);
    char *out = arena_alloc(a, in.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        out[n++] = in.ptr[i];
        if (in.ptr[i] == q)
            i++;
    }
    return str_of(out, n);
}

struct str pg_word(struct arena *a, struct str statement, size_t i)
{
    size_t len;
    enum token_kind kind;
    while ((kind = next_token(statement, &len)) != T_END) {
        if (kind != T_SPACE && i-- == 0) {
            struct str t = str_sub(statement, 0, len);
            bool q = kind == T_STRING || kind == T_NAME || kind == T_BACKTICK;
            return q ? unquote(a, t) : t;
        }
        statement = str_from(statement, len);
    }
    return STR_NONE;
}

struct str pg_after_word(struct str statement, size_t i)
{
    size_t len;
    enum token_kind kind;
    while ((kind = next_token(statement, &len)) != T_END) {
        statement = str_from(statement, len);
        if (kind != T_SPACE && i-- == 0)
            break;
    }
    return str_trim(statement);
}

static int param_number(struct str token)
{
    uint64_t n = 0;
    return str_u64(str_from(token, 1), &n) && n >= 1 && n <= PG_MAX_PARAMS ? (int)n : -1;
}

int pg_param_count(struct str statement)
{
    int max = 0;
    size_t len;
    enum token_kind kind;
    while ((kind = next_token(statement, &len)) != T_END) {
        int n = kind == T_PARAM ? param_number(str_sub(statement, 0, len)) : 0;
        max = n > max ? n : max;
        statement = str_from(statement, len);
    }
    return max;
}

size_t pg_map_back(const struct pg_map *m, size_t at)
{
    size_t from = at;
    for (size_t i = 0; i < m->count && m->spans[i].to <= at; i++)
        from = m->spans[i].from + (at - m->spans[i].to);
    return from;
}

static void put_string(struct buf *out, struct str inner, bool doubled)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        if (c == '\'' || c == '\\')
            buf_char(out, '\\');
        buf_char(out, c);
        if (doubled && c == '\'')
            i++;
    }
    buf_char(out, '\'');
}

static void put_name(struct buf *out, struct str inner)
{
    buf_char(out, '`');
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.ptr[i] == '`')
            buf_char(out, '`');
        buf_char(out, inner.ptr[i]);
        if (inner.ptr[i] == '"')
            i++;
    }
    buf_char(out, '`');
}

int pg_rewrite(struct arena *a, struct str statement, struct buf *out, struct pg_map *map,
               int (*param)(void *arg, int n, struct buf *out, struct err *err), void *arg,
               struct err *err)
{
    size_t at = 0, len;
    enum token_kind kind;
    struct str body;
    *map = (struct pg_map){0};
    while ((kind = next_token(str_from(statement, at), &len)) != T_END) {
        struct str t = str_sub(statement, at, len);
        int n;
        map->spans = arena_grow(a, map->spans, &map->cap, map->count + 1, sizeof *map->spans);
        map->spans[map->count++] = (struct pg_span){out->len, at};
        switch (kind) {
        case T_STRING:
            put_string(out, str_sub(t, 1, t.len - 2), true);
            break;
        case T_NAME:
            put_name(out, str_sub(t, 1, t.len - 2));
            break;
        case T_DOLLAR:
            dollar_quoted(t, &body);
            put_string(out, body, false);
            break;
        case T_ESTRING:
            buf_str(out, str_from(t, 1));
            break;
        case T_PARAM:
            n = param_number(t);
            if (n < 0)
                return err_at(err, ERR_INPUT, "", 0, 0, "there is no parameter %.*s", STR_ARGS(t));
            if (param(arg, n, out, err) != 0)
                return -1;
            break;
        case T_OPEN:
            return err_set(err, ERR_INPUT, "unterminated quoted text or comment at or near \"%.*s\"",
                           (int)(t.len < 20 ? t.len : 20), t.ptr);
        default:
            buf_str(out, t);
        }
        at += len;
    }
    return 0;
}
