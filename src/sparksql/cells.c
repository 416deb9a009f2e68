/* cells.c -- what happens to SQL files before parsing: ${key} substitution, and notebook cells.
 *
 * A notebook source file begins with "-- Databricks notebook source"; "-- COMMAND ----------" lines
 * divide it into cells. In a cell of another language each line begins with "-- MAGIC ", and the
 * first one names it: "-- MAGIC %md". Lines "-- DBTITLE …" are the cell's title. A file with
 * neither the first line nor a divider is one cell; some files have only dividers, in place of
 * semicolons. */
#include "sparksql/sparksql.h"

#include <string.h>

enum { PARAMETER_MAX = 200 }; /* longest key in ${key} */

typedef bool parameter_get(void *ctx, struct str key, struct str *value);

void sparksql_substitute(struct buf *out, struct str text, parameter_get *get, void *ctx)
{
    while (text.len) {
        int64_t at = str_find(text, STR("${"));
        if (at < 0)
            break;
        buf_str(out, str_sub(text, 0, (size_t)at));
        text = str_from(text, (size_t)at);
        int64_t end = str_find(str_sub(text, 0, PARAMETER_MAX), STR("}"));
        struct str value;
        if (end > 0 && get(ctx, str_trim(str_sub(text, 2, (size_t)end - 2)), &value)) {
            buf_str(out, value);
            text = str_from(text, (size_t)end + 1);
        } else {
            buf_str(out, str_sub(text, 0, 2));
            text = str_from(text, 2);
        }
    }
    buf_str(out, text);
}

/* A value as it stands between `quote`s. */
static void put_quoted(struct buf *out, struct str value, char quote)
{
    for (size_t i = 0; i < value.len; i++) {
        if (quote == '`' ? value.ptr[i] == quote : value.ptr[i] == quote || value.ptr[i] == '\\')
            buf_char(out, quote == '`' ? quote : '\\');
        buf_char(out, value.ptr[i]);
    }
}

/* The end of what starts at `at` and is one piece to a reader of SQL: a comment; else the next byte. */
static size_t piece_end(struct str text, size_t at)
{
    struct str rest = str_from(text, at);
    bool line = str_starts_z(rest, "--");
    if (!line && !str_starts_z(rest, "/*"))
        return at + 1;
    int64_t end = str_find(rest, line ? STR("\n") : STR("*/"));
    return end < 0 ? text.len : at + (size_t)end + (line ? 1 : 2);
}

void sparksql_substitute_braces(struct buf *out, struct str text, parameter_get *get, void *ctx)
{
    char quote = 0;
    for (size_t at = 0, next; at < text.len; at = next) {
        char c = text.ptr[at];
        struct str rest = str_from(text, at), value;
        int64_t end = str_starts_z(rest, "{{") ? str_find(str_sub(rest, 0, PARAMETER_MAX), STR("}}")) : -1;
        next = quote ? at + 1 : piece_end(text, at);
        if (end > 0 && get(ctx, str_trim(str_sub(rest, 2, (size_t)end - 2)), &value)) {
            buf_z(out, quote ? "" : "'");
            put_quoted(out, value, quote ? quote : '\'');
            buf_z(out, quote ? "" : "'");
            next = at + (size_t)end + 2;
            continue;
        }
        if (quote && quote != '`' && c == '\\' && at + 1 < text.len)
            next = at + 2;
        else if (quote ? c == quote : c == '\'' || c == '"' || c == '`')
            quote = quote ? 0 : c;
        buf_str(out, str_sub(text, at, next - at));
    }
}

static struct str line_of(struct str text, size_t at)
{
    int64_t nl = str_chr(str_from(text, at), '\n');
    return str_sub(text, at, nl < 0 ? text.len - at : (size_t)nl + 1);
}

static bool is_separator(struct str line)
{
    return str_starts_z(line, "-- COMMAND ----------");
}

static bool has_separator(struct str text)
{
    for (size_t at = 0; at < text.len;) {
        struct str line = line_of(text, at);
        if (is_separator(line))
            return true;
        at += line.len;
    }
    return false;
}

/* "-- MAGIC x" → "x"; false if the line is none. */
static bool magic_line(struct str line, struct str *rest)
{
    if (!str_starts_z(line, "-- MAGIC"))
        return false;
    *rest = str_from(line, 8);
    if (rest->len && rest->ptr[0] == ' ')
        *rest = str_from(*rest, 1);
    return true;
}

static bool is_heading(struct str line)
{
    return str_starts_z(line, "-- Databricks notebook source") || str_starts_z(line, "-- DBTITLE");
}

/* "%python -x" → "python". */
static struct str language_of(struct str text)
{
    struct str t = str_trim(text);
    size_t n = 1;
    if (t.len == 0 || t.ptr[0] != '%')
        return STR_NONE;
    while (n < t.len && t.ptr[n] != ' ' && t.ptr[n] != '\t' && t.ptr[n] != '\n' && t.ptr[n] != '\r')
        n++;
    return str_sub(t, 1, n - 1);
}

/* The cell of text[from, end), whose first line has the number `line`. */
static struct cell cell(struct arena *a, struct str text, size_t from, size_t end, int line)
{
    struct cell c = {0};
    struct buf b;
    struct str rest;
    buf_init(&b);
    for (size_t at = from; at < end;) {
        struct str l = line_of(str_sub(text, 0, end), at);
        bool magic = magic_line(l, &rest);
        at += l.len;
        if (is_heading(l) || (b.len == 0 && !magic && str_trim(l).len == 0)) {
            if (b.len)
                buf_char(&b, '\n');
            else
                line++;
            continue;
        }
        if (b.len == 0)
            c.line = line;
        if (magic && b.len == 0) {
            c.magic = true;
            c.language = language_of(rest);
        }
        buf_str(&b, magic ? rest : l);
    }
    c.text = str_copy(a, buf_view(&b));
    buf_release(&b);
    if (c.magic &&
        str_ieqz(c.language, "sql")) { /* %sql in a SQL notebook: its first word is blanked */
        size_t n = (size_t)str_chr(c.text, '%') + 1 + c.language.len;
        memset((char *)c.text.ptr, ' ', n);
        c.magic = false;
        c.language = STR_NONE;
    }
    if (c.language.len)
        c.language = str_copy(a, c.language);
    return c;
}

int64_t sparksql_cells(struct arena *a, struct str text, struct cell **cells)
{
    size_t count = 0, cap = 0, from = 0;
    int line = 1, first = 1;
    *cells = NULL;
    if (str_starts_z(text, "\xEF\xBB\xBF"))
        text = str_from(text, 3);
    bool notebook = str_starts_z(text, "-- Databricks notebook source") || has_separator(text);
    if (!notebook) {
        *cells = ARENA_NEW(a, struct cell);
        **cells = (struct cell){.text = text, .line = 1};
        return 1;
    }
    for (size_t at = 0; at <= text.len;) {
        struct str l = line_of(text, at);
        if (at == text.len || is_separator(l)) {
            struct cell c = cell(a, text, from, at, first);
            if (c.text.len) {
                *cells = arena_grow(a, *cells, &cap, count + 1, sizeof **cells);
                (*cells)[count++] = c;
            }
            from = at + l.len;
            first = line + 1;
        }
        if (at == text.len)
            break;
        at += l.len;
        line++;
    }
    return (int64_t)count;
}
