/* lex.c -- see lex.h. */
#include "sparksql/lex.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct lexer {
    struct arena *a;
    const char *file;
    struct str text;
    size_t at, line_start;
    uint32_t line;
    struct tok *toks;
    size_t count, cap;
    uint32_t *open; /* indices of parentheses not closed yet */
    size_t open_count, open_cap;
    struct err *err;
};

static const char *const keyword_texts[] = {
#define K(name, flags) #name,
    KEYWORDS(K)
#undef K
};
const uint8_t keyword_flags[] = {0,
#define K(name, flags) flags,
                                 KEYWORDS(K)
#undef K
};

/* Keywords by hash, open addressing; at most half full, so that a miss is short. */
enum { HASH_SLOTS = 1024, KEYWORD_MAX = 24 };
_Static_assert(COUNT_OF(keyword_texts) * 2 < HASH_SLOTS, "keyword table too full");
static uint16_t slots[HASH_SLOTS];

static inline unsigned upper(char c)
{
    return (unsigned char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static inline unsigned word_hash(struct str w)
{
    unsigned h = (unsigned)w.len;
    for (size_t i = 0; i < w.len; i++)
        h = h * 31 + upper(w.ptr[i]);
    return (h ^ h >> 10) % HASH_SLOTS;
}

static void slots_fill(void)
{
    for (size_t i = 0; i < COUNT_OF(keyword_texts); i++) {
        unsigned h = word_hash(str_z(keyword_texts[i]));
        while (slots[h])
            h = (h + 1) % HASH_SLOTS;
        slots[h] = (uint16_t)(i + 1);
    }
}

const char *kw_text(enum kw kw)
{
    CHECK(kw > KW_NONE && kw < KW_COUNT);
    return keyword_texts[kw - 1];
}

enum kw lex_keyword(struct str w)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, slots_fill);
    if (w.len > KEYWORD_MAX)
        return KW_NONE;
    for (unsigned h = word_hash(w); slots[h]; h = (h + 1) % HASH_SLOTS)
        if (str_ieqz(w, keyword_texts[slots[h] - 1]))
            return (enum kw)slots[h];
    return KW_NONE;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           (unsigned char)c >= 0x80;
}

static inline char at(const struct lexer *l, size_t i)
{
    return i < l->text.len ? l->text.ptr[i] : '\0';
}

static int fail(struct lexer *l, size_t offset, const char *what)
{
    return err_at(l->err, ERR_INPUT, l->file, (int)l->line, (int)(offset - l->line_start + 1),
                  "[PARSE_SYNTAX_ERROR] %s", what);
}

static struct tok *push(struct lexer *l, enum tok_kind kind, size_t from, size_t end)
{
    l->toks = arena_grow(l->a, l->toks, &l->cap, l->count + 1, sizeof *l->toks);
    struct tok *t = &l->toks[l->count++];
    *t = (struct tok){.kind = (uint8_t)kind,
                      .offset = (uint32_t)from,
                      .len = (uint32_t)(end - from),
                      .line = l->line,
                      .col = (uint32_t)(from - l->line_start + 1)};
    l->at = end;
    return t;
}

/* Notes the line breaks between two offsets: tokens and comments may span lines. */
static void count_lines(struct lexer *l, size_t from, size_t end)
{
    const char *p = l->text.ptr;
    for (const char *nl; from < end && (nl = memchr(p + from, '\n', end - from));
         from = l->line_start) {
        l->line++;
        l->line_start = (size_t)(nl - p) + 1;
    }
}

/* A line comment; as in Spark a backslash before the line break carries it on. */
static void line_comment(struct lexer *l)
{
    size_t from = l->at;
    while (l->at < l->text.len && (at(l, l->at) != '\n' || at(l, l->at - 1) == '\\'))
        l->at++;
    count_lines(l, from, l->at);
}

static int block_comment(struct lexer *l)
{
    size_t from = l->at;
    int depth = 0;
    do {
        if (l->at + 1 >= l->text.len)
            return fail(l, from, "comment /* is not closed");
        if (at(l, l->at) == '/' && at(l, l->at + 1) == '*') {
            depth++;
            l->at += 2;
        } else if (at(l, l->at) == '*' && at(l, l->at + 1) == '/') {
            depth--;
            l->at += 2;
        } else {
            l->at++;
        }
    } while (depth);
    count_lines(l, from, l->at);
    return 0;
}

/* Bytes of a Unicode blank at `i`, 0 if there is none: text pasted from documents has them. */
static size_t unicode_blank(const struct lexer *l, size_t i)
{
    static const char *const blanks[] = {"\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80",
                                         "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF",
                                         "\xE2\x81\x9F", "\xE3\x80\x80", "\xEF\xBB\xBF"};
    struct str rest = str_from(l->text, i);
    if (rest.len < 2 || (unsigned char)rest.ptr[0] < 0x80)
        return 0;
    for (size_t k = 0; k < COUNT_OF(blanks); k++)
        if (str_starts_z(rest, blanks[k]))
            return strlen(blanks[k]);
    bool space = str_starts_z(rest, "\xE2\x80") && rest.len > 2; /* U+2000 to U+200B */
    return space && (unsigned char)rest.ptr[2] >= 0x80 && (unsigned char)rest.ptr[2] <= 0x8B ? 3
                                                                                             : 0;
}

/* Blanks and comments. */
static int skip(struct lexer *l)
{
    size_t blank;
    for (;;) {
        char c = at(l, l->at);
        if (c == '\n') {
            l->at++;
            l->line++;
            l->line_start = l->at;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
            l->at++;
        } else if (c == '-' && at(l, l->at + 1) == '-') {
            line_comment(l);
        } else if (c == '/' && at(l, l->at + 1) == '*') {
            if (block_comment(l) < 0)
                return -1;
        } else if ((unsigned char)c >= 0x80 && (blank = unicode_blank(l, l->at))) {
            l->at += blank;
        } else {
            return 0;
        }
    }
}

/* A run in quotes from `from`, whose opening quote is at `open`; a doubled quote does not end it.
 */
static int quoted_run(struct lexer *l, size_t from, size_t open, enum tok_kind kind, bool escapes)
{
    char quote = at(l, open);
    size_t i = open + 1;
    for (; i < l->text.len; i++) {
        char c = l->text.ptr[i];
        if (c == '\\' && escapes)
            i++;
        else if (c == quote && at(l, i + 1) == quote && (escapes || quote == '`'))
            i++;
        else if (c == quote)
            break;
    }
    if (i >= l->text.len)
        return fail(l, from,
                    quote == '`' ? "backquoted name is not closed" : "string is not closed");
    push(l, kind, from, i + 1);
    count_lines(l, from, i + 1);
    return 0;
}

static int dollar_string(struct lexer *l)
{
    struct str rest = str_from(l->text, l->at);
    if (str_starts_z(rest, "${"))
        return fail(l, l->at,
                    "parameter ${…} has no value: set it in the pipeline's configuration");
    int64_t end = str_starts_z(rest, "$$") ? str_find(str_from(rest, 2), STR("$$")) : -1;
    if (end < 0)
        return fail(l, l->at, "'$' begins neither a $$string$$ nor a ${parameter}");
    size_t from = l->at;
    push(l, TOK_STRING, from, from + (size_t)end + 4);
    count_lines(l, from, l->at);
    return 0;
}

static void word(struct lexer *l)
{
    size_t end = l->at;
    while (is_word(at(l, end)) && !((unsigned char)at(l, end) >= 0x80 && unicode_blank(l, end)))
        end++;
    struct str w = str_sub(l->text, l->at, end - l->at);
    push(l, TOK_WORD, l->at, end)->kw = (uint16_t)lex_keyword(w);
}

static const struct {
    const char *suffix;
    enum tok_kind kind;
    bool integer_only;
} suffixes[] = {{"L", TOK_LONG, true},    {"S", TOK_SHORT, true},  {"Y", TOK_BYTE, true},
                {"D", TOK_DOUBLE, false}, {"F", TOK_FLOAT, false}, {"BD", TOK_BIGDEC, false}};

/* Digits, point, exponent, suffix. Digits that run into letters are a word, as in Spark. */
static void number(struct lexer *l)
{
    size_t from = l->at, end = from;
    enum tok_kind kind = TOK_INT;
    while (is_digit(at(l, end)))
        end++;
    /* "1.." cannot be; "1.foo" is a field of nothing, so the point is the number's. */
    if (at(l, end) == '.' && (is_digit(at(l, end + 1)) || !is_word(at(l, end + 1)) ||
                              strchr("eEdDfFbB", at(l, end + 1)))) {
        kind = TOK_DECIMAL;
        for (end++; is_digit(at(l, end)); end++)
            ;
    }
    size_t mark = end;
    if (at(l, end) == 'e' || at(l, end) == 'E') {
        end++;
        if (at(l, end) == '+' || at(l, end) == '-')
            end++;
        if (is_digit(at(l, end))) {
            while (is_digit(at(l, end)))
                end++;
            kind = TOK_EXPONENT;
        } else {
            end = mark;
        }
    }
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        size_t n = strlen(suffixes[i].suffix);
        if ((kind == TOK_INT || !suffixes[i].integer_only) && !is_word(at(l, end + n)) &&
            str_ieqz(str_sub(l->text, end, n), suffixes[i].suffix)) {
            push(l, suffixes[i].kind, from, end + n);
            return;
        }
    }
    if (is_word(at(l, end)) && kind == TOK_INT)
        word(l);
    else
        push(l, kind, from, end);
}

/* Is ".5" at the cursor a number? Not in "1m.2g", where letters run on: a dotted name. */
static bool is_fraction(const struct lexer *l)
{
    size_t i = l->at + 1;
    while (is_digit(at(l, i)))
        i++;
    if (at(l, i) == 'e' || at(l, i) == 'E') {
        size_t digits = i + 1 + (at(l, i + 1) == '+' || at(l, i + 1) == '-');
        for (i = digits; is_digit(at(l, i));)
            i++;
        if (i == digits)
            return false;
    }
    if (strchr("bB", at(l, i)) && strchr("dD", at(l, i + 1)))
        i += at(l, i) ? 2 : 0;
    else if (strchr("dDfF", at(l, i)))
        i += at(l, i) ? 1 : 0;
    return !is_word(at(l, i));
}

/* Longest first among those with one beginning. */
static const struct {
    const char *text;
    enum op op;
} ops[] = {
    {"<=>", OP_NSEQ},   {">>>", OP_USHR},    {"::", OP_CAST},     {"=>", OP_FAT_ARROW},
    {"->", OP_ARROW},   {"==", OP_EQ},       {"<>", OP_NE},       {"!=", OP_NE},
    {"<=", OP_LE},      {"!>", OP_LE},       {">=", OP_GE},       {"!<", OP_GE},
    {"||", OP_CONCAT},  {"|>", OP_PIPELINE}, {"<<", OP_SHL},      {">>", OP_SHR},
    {"(", OP_LPAREN},   {")", OP_RPAREN},    {"[", OP_LBRACKET},  {"]", OP_RBRACKET},
    {",", OP_COMMA},    {".", OP_DOT},       {";", OP_SEMICOLON}, {":", OP_COLON},
    {"=", OP_EQ},       {"<", OP_LT},        {">", OP_GT},        {"+", OP_PLUS},
    {"-", OP_MINUS},    {"*", OP_STAR},      {"/", OP_SLASH},     {"%", OP_PERCENT},
    {"~", OP_TILDE},    {"&", OP_AMP},       {"|", OP_PIPE},      {"^", OP_HAT},
    {"?", OP_QUESTION}, {"@", OP_AT},        {"!", OP_BANG},
};

const char *op_text(enum op op)
{
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        if (ops[i].op == op)
            return op == OP_EQ ? "=" : ops[i].text;
    return "";
}

/* Single-character operators by their character: most tokens of a text are these. */
static const uint8_t plain_ops[128] = {
    ['('] = OP_LPAREN, [')'] = OP_RPAREN, ['['] = OP_LBRACKET,  [']'] = OP_RBRACKET,
    [','] = OP_COMMA,  ['.'] = OP_DOT,    [';'] = OP_SEMICOLON, ['+'] = OP_PLUS,
    ['*'] = OP_STAR,   ['/'] = OP_SLASH,  ['%'] = OP_PERCENT,
};

static void pair(struct lexer *l, enum op op)
{
    uint32_t index = (uint32_t)(l->count - 1);
    if (op == OP_LPAREN) {
        l->open = arena_grow(l->a, l->open, &l->open_cap, l->open_count + 1, sizeof *l->open);
        l->open[l->open_count++] = index;
    } else if (op == OP_RPAREN && l->open_count) {
        l->toks[l->open[--l->open_count]].match = index;
    } else if (op == OP_SEMICOLON) {
        l->open_count = 0; /* a statement's open ends do not reach into the next one */
    }
}

static int operator(struct lexer *l)
{
    unsigned char c = (unsigned char)at(l, l->at);
    struct str rest = str_from(l->text, l->at);
    if (c < 128 && plain_ops[c]) {
        push(l, TOK_OP, l->at, l->at + 1)->op = plain_ops[c];
        pair(l, plain_ops[c]);
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        if (str_starts_z(rest, ops[i].text)) {
            push(l, TOK_OP, l->at, l->at + strlen(ops[i].text))->op = (uint8_t)ops[i].op;
            return 0;
        }
    }
    char what[64];
    if (isprint(c))
        snprintf(what, sizeof what, "unexpected character '%c'", c);
    else
        snprintf(what, sizeof what, "unexpected character in byte 0x%02x", c);
    return fail(l, l->at, what);
}

static int token(struct lexer *l)
{
    char c = at(l, l->at), next = at(l, l->at + 1);
    if (c == '\'' || c == '"')
        return quoted_run(l, l->at, l->at, TOK_STRING, true);
    if (c == '`')
        return quoted_run(l, l->at, l->at, TOK_QUOTED, false);
    if ((c == 'r' || c == 'R') && (next == '\'' || next == '"'))
        return quoted_run(l, l->at, l->at + 1, TOK_STRING, false);
    if (c == '$')
        return dollar_string(l);
    if (is_digit(c) || (c == '.' && is_digit(next) && is_fraction(l))) {
        number(l);
        return 0;
    }
    if (is_word(c)) {
        word(l);
        return 0;
    }
    return operator(l);
}

int lex(struct arena *a, const char *file, int line, struct str text, struct tok **toks,
        size_t *count, struct err *err)
{
    struct lexer l = {.a = a, .file = file, .text = text, .line = (uint32_t)line, .err = err};
    if (text.len > LEX_MAX_BYTES)
        return err_at(err, ERR_LIMIT, file, line, 1, "SQL text is larger than %d bytes",
                      LEX_MAX_BYTES);
    int64_t bad = str_utf8_bad(text);
    if (bad >= 0) {
        count_lines(&l, 0, (size_t)bad);
        return fail(&l, (size_t)bad, "text is not UTF-8");
    }
    l.toks = arena_grow(a, NULL, &l.cap, text.len / 5 + 16, sizeof *l.toks);
    while (skip(&l) == 0) {
        if (l.at >= text.len) {
            push(&l, TOK_END, text.len, text.len);
            *toks = l.toks;
            *count = l.count;
            return 0;
        }
        if (token(&l) < 0)
            return -1;
    }
    return -1;
}

/* ---- values ---- */

static void utf8_put(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_char(b, (char)c);
    } else if (c < 0x800) {
        buf_char(b, (char)(0xC0 | c >> 6));
        buf_char(b, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_char(b, (char)(0xE0 | c >> 12));
        buf_char(b, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_char(b, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_char(b, (char)(0xF0 | c >> 18));
        buf_char(b, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_char(b, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_char(b, (char)(0x80 | (c & 0x3F)));
    }
}

/* `digits` hexadecimal or octal digits of `s`; false if they are not there. */
static bool code(struct str s, size_t digits, unsigned base, uint32_t *out)
{
    uint32_t v = 0;
    if (s.len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        unsigned d = isdigit(c)    ? c - (unsigned)'0'
                     : isxdigit(c) ? (unsigned)(toupper(c) - 'A') + 10
                                   : 99;
        if (d >= base)
            return false;
        v = v * base + d;
    }
    *out = v;
    return v <= 0x10FFFF && (v < 0xD800 || v > 0xDFFF);
}

/* One escape behind a backslash; returns the bytes of `s` it took. A surrogate pair written as two
 * \u escapes is one character. */
static size_t escape(struct buf *b, struct str s)
{
    static const char from[] = "0bnrtZ", to[] = "\0\b\n\r\t\x1A";
    uint32_t v, low;
    if (s.ptr[0] == 'u' && s.len >= 11 && s.ptr[5] == '\\' && s.ptr[6] == 'u') {
        (void)code(str_sub(s, 1, 4), 4, 16, &v);
        if (!code(str_sub(s, 1, 4), 4, 16, &v) && v >= 0xD800 && v < 0xDC00 &&
            !code(str_sub(s, 7, 4), 4, 16, &low) && low >= 0xDC00 && low < 0xE000) {
            utf8_put(b, 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00));
            return 11;
        }
    }
    if (s.ptr[0] == 'u' && code(str_from(s, 1), 4, 16, &v)) {
        utf8_put(b, v);
        return 5;
    }
    if (s.ptr[0] == 'U' && code(str_from(s, 1), 8, 16, &v)) {
        utf8_put(b, v);
        return 9;
    }
    if (s.ptr[0] >= '0' && s.ptr[0] <= '1' && code(s, 3, 8, &v)) {
        utf8_put(b, v);
        return 3;
    }
    const char *hit = strchr(from, s.ptr[0]);
    if (s.ptr[0] == '%' || s.ptr[0] == '_')
        buf_char(b, '\\'); /* stays an escape, for LIKE */
    buf_char(b, hit && s.ptr[0] ? to[hit - from] : s.ptr[0]);
    return 1;
}

struct str lex_string(struct arena *a, struct str raw)
{
    bool plain = raw.ptr[0] == '\'' || raw.ptr[0] == '"';
    if (raw.ptr[0] == '$')
        return str_sub(raw, 2, raw.len - 4);
    struct str body = plain ? str_sub(raw, 1, raw.len - 2) : str_sub(raw, 2, raw.len - 3);
    if (!plain || (str_chr(body, '\\') < 0 && str_chr(body, raw.ptr[0]) < 0))
        return body;
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < body.len;) {
        if (body.ptr[i] == '\\' && i + 1 < body.len) {
            i += 1 + escape(&b, str_from(body, i + 1));
            continue;
        }
        i += body.ptr[i] == raw.ptr[0] ? 2 : 1; /* a quote inside is a doubled one */
        buf_char(&b, body.ptr[i - 1]);
    }
    struct str value = str_copy(a, buf_view(&b));
    buf_release(&b);
    return value;
}

struct str lex_quoted(struct arena *a, struct str raw)
{
    struct str body = str_sub(raw, 1, raw.len - 2);
    if (str_chr(body, '`') < 0)
        return body;
    char *out = arena_alloc(a, body.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < body.len; i++) {
        out[n++] = body.ptr[i];
        if (body.ptr[i] == '`')
            i++;
    }
    return str_of(out, n);
}
