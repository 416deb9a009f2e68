#include "serve/pg_catalog_text.h"
#include "serve/pg_catalog_schema.h"
#include <string.h>

enum kind { END, WORD, QUOTED, TEXT, NUMBER, SIGN };
struct token { enum kind kind; struct str text; };

/* Signs of several characters, longest first. */
static const char *const SIGNS[] = {"!~~*", "!~*", "!~~", "~~*", "::", "!~", "~*", "~~", "<>", "<=", ">=", "!=", "||", "->>", "->", "@>"};

static bool word_char(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z' ? true : (c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80);
}

static size_t quoted_len(struct str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '\\' && s.ptr[0] == '\'')
            i++;
        else if (s.ptr[i] == s.ptr[0])
            return i + 1;
    }
    return s.len;
}

static struct str skip_blanks(struct str s)
{
    for (;;) {
        while (s.len && (unsigned char)s.ptr[0] <= ' ')
            s = str_from(s, 1);
        if (str_starts_z(s, "--")) {
            int64_t end = str_chr(s, '\n');
            s = str_from(s, end < 0 ? s.len : (size_t)end);
        } else if (str_starts_z(s, "/*")) {
            int64_t end = str_find(s, STR("*/"));
            s = str_from(s, end < 0 ? s.len : (size_t)end + 2);
        } else {
            return s;
        }
    }
}

/* Takes the next token off *rest. */
static struct token next(struct str *rest)
{
    struct str s = skip_blanks(*rest);
    size_t n = 0;
    enum kind kind = END;
    if (s.len) {
        char c = s.ptr[0];
        kind = c == '\'' ? TEXT : c == '`' ? QUOTED : c >= '0' && c <= '9' ? NUMBER : word_char(c) ? WORD : SIGN;
        n = 1;
        if (kind == TEXT || kind == QUOTED)
            n = quoted_len(s);
        else if (kind == SIGN)
            for (size_t i = 0; i < COUNT_OF(SIGNS) && n == 1; i++)
                n = str_starts_z(s, SIGNS[i]) ? strlen(SIGNS[i]) : 1;
        else
            while (n < s.len && (word_char(s.ptr[n]) || (kind == NUMBER && s.ptr[n] == '.')))
                n++;
    }
    *rest = str_from(s, n);
    return (struct token){kind, str_sub(s, 0, n)};
}

static struct token peek(struct str rest)
{
    return next(&rest);
}

static bool is_sign(struct token t, const char *sign)
{
    return t.kind == SIGN && str_eqz(t.text, sign);
}

static bool is_word(struct token t, const char *word)
{
    return (t.kind == WORD && str_ieqz(t.text, word)) || (t.kind == QUOTED && str_ieqz(str_sub(t.text, 1, t.text.len - 2), word));
}

/* ---------------------------------------------------------------- whose statement is it? */

/* Functions of PostgreSQL that Spark does not have; current_schema() and version() are both's. */
static const char *const FUNCTIONS[] = {"current_setting", "set_config", "current_schemas", "to_regclass", "obj_description",
    "has_table_privilege", "has_schema_privilege", "has_database_privilege", "format_type", "txid_current"};

bool pg_catalog_asked(struct str s)
{
    struct token before = {END, STR_NONE}, first = peek(s);
    bool from = false, relation = false, function = false, query = is_word(first, "select") || is_word(first, "with") || is_sign(first, "(");
    for (struct token t = next(&s); t.kind != END; before = t, t = next(&s)) {
        bool word = t.kind == WORD || t.kind == QUOTED;
        struct str name = t.kind == QUOTED ? str_sub(t.text, 1, t.text.len - 2) : t.text;
        from |= t.kind == WORD && str_ieqz(t.text, "from");
        if (!word)
            continue;
        relation |= is_word(t, "information_schema") || is_word(t, "pg_catalog");
        bool call = is_sign(peek(s), "(");
        if (!call && from && !is_sign(before, ".") && name.len > 3 && str_ieq(str_sub(name, 0, 3), STR("pg_")))
            relation |= pg_catalog_relation(name); /* a column or a table of the user may begin so too */
        function |= call && name.len > 3 && str_ieq(str_sub(name, 0, 3), STR("pg_"));
        for (size_t i = 0; i < COUNT_OF(FUNCTIONS); i++)
            function |= call && str_ieqz(name, FUNCTIONS[i]);
    }
    return relation || (query && function && !from);
}

bool pg_catalog_wants_columns(struct str s)
{
    for (struct token t = next(&s); t.kind != END; t = next(&s))
        if (is_word(t, "pg_attribute") || is_word(t, "information_schema"))
            return true;
    return false;
}

/* ---------------------------------------------------------------- rewriting */

struct writer {
    struct str rest;
    struct buf *out;
    size_t last;               /* where the last operand begins in `out` */
    enum kind last_kind;
    bool from;                 /* FROM or JOIN was the last word */
    struct { char close; const char *by; } open[CATALOG_MAX_DEPTH]; /* what closes the parentheses that are open */
    int depth;
};

static void put(struct writer *w, struct str s)
{
    w->last = w->out->len + 1;
    buf_char(w->out, ' ');
    buf_str(w->out, s);
}

static int open_with(struct writer *w, const char *text, char close, const char *by, struct err *err)
{
    if (w->depth == CATALOG_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "a query of the catalog nests deeper than CATALOG_MAX_DEPTH");
    w->open[w->depth].close = close;
    w->open[w->depth++].by = by;
    put(w, str_z(text));
    return 0;
}

/* 'it\'s' to 'it''s'. */
static void put_text(struct writer *w, struct str s)
{
    put(w, STR("'"));
    for (size_t i = 1; i + 1 < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 2 < s.len) {
            c = s.ptr[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        if (c == '\'')
            buf_char(w->out, c);
        buf_char(w->out, c);
    }
    buf_char(w->out, '\'');
}

/* Takes a type's name off: pg_catalog.int4, character varying(10), text[]. Returns its last word. */
static struct str take_type(struct writer *w)
{
    static const char *const more[] = {"varying", "precision", "without", "with", "time", "zone"};
    struct str name = next(&w->rest).text;
    while (is_sign(peek(w->rest), ".")) {
        next(&w->rest);
        name = next(&w->rest).text;
    }
    for (size_t i = 0; i < COUNT_OF(more); i++)
        if (is_word(peek(w->rest), more[i])) {
            next(&w->rest);
            i = (size_t)-1;
        }
    if (is_sign(peek(w->rest), "("))
        while (!is_sign(next(&w->rest), ")") && w->rest.len)
            ;
    while (is_sign(peek(w->rest), "[")) {
        next(&w->rest);
        next(&w->rest);
    }
    return name.len && name.ptr[0] == '`' ? str_sub(name, 1, name.len - 2) : name;
}

static void take_name(struct writer *w)
{
    next(&w->rest);
    while (is_sign(peek(w->rest), ".")) {
        next(&w->rest);
        next(&w->rest);
    }
}

static void cast(struct writer *w)
{
    bool text = w->last_kind == TEXT;
    size_t at = w->last;
    struct str type = take_type(w);
    bool looked_up = text && (str_ieqz(type, "regclass") || str_ieqz(type, "regnamespace"));
    if (!looked_up)
        return;
    struct buf operand;
    buf_init(&operand);
    buf_add(&operand, w->out->ptr + at, w->out->len - at);
    w->out->len = at;
    buf_printf(w->out, "to_%.*s(%s)", STR_ARGS(type), operand.ptr);
    buf_release(&operand);
}

static bool operator_sign(struct writer *w, struct str sign)
{
    static const struct { const char *sign, *by; } rows[] = {
        {"~", "REGEXP"}, {"~*", "REGEXP '(?i)' ||"}, {"!~", "NOT REGEXP"}, {"!~*", "NOT REGEXP '(?i)' ||"},
        {"~~", "LIKE"}, {"!~~", "NOT LIKE"}, {"~~*", "GLOB"}, {"!~~*", "NOT GLOB"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eqz(sign, rows[i].sign)) {
            put(w, str_z(rows[i].by));
            return true;
        }
    return false;
}

/* `= ANY (` and `<> ALL (`: the sign is taken, the word is next. */
static bool any_follows(struct writer *w, struct token sign)
{
    struct str rest = w->rest;
    struct token word = next(&rest);
    return ((is_sign(sign, "=") && (is_word(word, "any") || is_word(word, "some"))) ||
            ((is_sign(sign, "<>") || is_sign(sign, "!=")) && is_word(word, "all"))) && is_sign(next(&rest), "(");
}

static int sign(struct writer *w, struct token t, struct err *err)
{
    if (is_sign(t, "::")) {
        cast(w);
        return 0;
    }
    if (any_follows(w, t)) {
        next(&w->rest);
        next(&w->rest);
        bool query = is_word(peek(w->rest), "select");
        if (query)
            return open_with(w, is_sign(t, "=") ? "IN (" : "NOT IN (", ')', ")", err);
        return open_with(w, is_sign(t, "=") ? "IN (SELECT value FROM json_each(pg_array(" : "NOT IN (SELECT value FROM json_each(pg_array(",
                         ')', ")))", err);
    }
    if (is_sign(t, "("))
        return open_with(w, "(", ')', ")", err);
    if (is_sign(t, "[")) { /* an element of an array: none has any */
        for (int depth = 1; depth && w->rest.len;) {
            t = next(&w->rest);
            depth += is_sign(t, "[") - is_sign(t, "]");
        }
        return 0;
    }
    if (w->depth && t.text.ptr[0] == w->open[w->depth - 1].close) {
        put(w, str_z(w->open[--w->depth].by));
        if (is_sign(t, ")") && is_sign(peek(w->rest), ".")) { /* (x).field */
            next(&w->rest);
            take_name(w);
        }
        return 0;
    }
    if (!operator_sign(w, t.text)) {
        if (is_sign(t, "."))
            buf_char(w->out, '.');
        else
            put(w, t.text);
    }
    return 0;
}

/* unnest(x) [AS] a[(c)] in FROM: no array of the catalog has elements, so it is no row of a column c or a. */
static void no_rows(struct writer *w)
{
    int depth = 0;
    do {
        struct token t = next(&w->rest);
        depth += is_sign(t, "(") - is_sign(t, ")");
    } while (depth && w->rest.len);
    if (is_word(peek(w->rest), "as"))
        next(&w->rest);
    struct str name = STR("unnest"), column;
    if (peek(w->rest).kind == WORD || peek(w->rest).kind == QUOTED)
        name = next(&w->rest).text;
    column = name;
    if (is_sign(peek(w->rest), "(")) {
        next(&w->rest);
        column = next(&w->rest).text;
        while (!is_sign(next(&w->rest), ")") && w->rest.len)
            ;
    }
    put(w, STR("(SELECT NULL AS"));
    put(w, column);
    put(w, STR("WHERE 0) AS"));
    put(w, name);
}

static int word(struct writer *w, struct token t, struct err *err)
{
    static const char *const bare[] = {"current_user", "session_user", "current_role", "user", "current_catalog", "current_schema"};
    struct token after = peek(w->rest);
    if (is_word(t, "pg_catalog") && is_sign(after, ".")) { /* leaves w->from as it is */
        next(&w->rest);
        return 0;
    }
    if (is_word(t, "information_schema") && is_sign(after, ".")) {
        next(&w->rest);
        struct str name = next(&w->rest).text;
        put(w, STR("information_schema_"));
        buf_str(w->out, name.len && name.ptr[0] == '`' ? str_sub(name, 1, name.len - 2) : name);
        return 0;
    }
    if (is_word(t, "operator") && is_sign(after, "(")) {
        next(&w->rest);
        struct token op = next(&w->rest);
        while (op.kind == WORD || is_sign(op, "."))
            op = next(&w->rest);
        next(&w->rest);
        if (!operator_sign(w, op.text))
            put(w, op.text);
        return 0;
    }
    if (is_word(t, "collate") && t.kind == WORD) {
        take_name(w);
        return 0;
    }
    if (is_word(t, "array") && is_sign(after, "[")) {
        next(&w->rest);
        return open_with(w, "json_array(", ']', ")", err);
    }
    if (is_word(t, "array") && is_sign(after, "(")) {
        next(&w->rest);
        return open_with(w, "(WITH a_(v) AS (", ')', ") SELECT json_group_array(v) FROM a_)", err);
    }
    if ((is_word(t, "e") && after.kind == TEXT && w->rest.ptr == after.text.ptr) || is_word(t, "lateral"))
        return 0;
    if (is_word(t, "cast") && is_sign(after, "(")) { /* CAST(x AS type): only x stays */
        next(&w->rest);
        return open_with(w, "(", ')', ")", err);
    }
    if ((is_word(t, "generate_series") || is_word(t, "unnest")) && is_sign(after, "(")) {
        if (w->from) {
            no_rows(w);
            return 0;
        }
        next(&w->rest);
        return open_with(w, "pg_no_rows(", ')', ")", err);
    }
    w->from = (t.kind == WORD && (is_word(t, "from") || is_word(t, "join"))) || (w->from && t.kind == QUOTED);
    static const struct { const char *word, *by; } renamed[] = {{"ilike", "GLOB"}, {"string_agg", "group_concat"}, {"array_agg", "json_group_array"},
                                                                 {"greatest", "max"}, {"least", "min"}};
    for (size_t i = 0; i < COUNT_OF(renamed); i++)
        if (is_word(t, renamed[i].word)) {
            put(w, str_z(renamed[i].by));
            return 0;
        }
    put(w, t.text);
    for (size_t i = 0; i < COUNT_OF(bare) && t.kind == WORD; i++)
        if (str_ieqz(t.text, bare[i]) && !is_sign(after, "(") && !is_sign(after, "."))
            buf_z(w->out, "()");
    return 0;
}

int pg_catalog_rewrite(struct str statement, struct buf *out, struct err *err)
{
    struct writer w = {.rest = statement, .out = out};
    bool casts[CATALOG_MAX_DEPTH + 1] = {0}; /* this parenthesis is CAST's */
    int rc = 0;
    for (struct token t = next(&w.rest); t.kind != END && rc == 0; t = next(&w.rest)) {
        int depth = w.depth;
        bool after_dot = out->len && out->ptr[out->len - 1] == '.';
        if (after_dot)
            buf_str(out, t.text);
        else if (t.kind == TEXT)
            put_text(&w, t.text);
        else if (t.kind == WORD && str_ieqz(t.text, "as") && casts[w.depth])
            take_type(&w);
        else if (t.kind == WORD || t.kind == QUOTED)
            rc = word(&w, t, err);
        else if (t.kind == SIGN)
            rc = sign(&w, t, err);
        else
            put(&w, t.text);
        if (w.depth > depth)
            casts[w.depth] = is_word(t, "cast");
        w.last_kind = t.kind;
    }
    return rc;
}
