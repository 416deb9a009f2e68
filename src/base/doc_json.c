/* doc_json.c -- the JSON reader of doc.h: RFC 8259, nothing more.
 *
 * Delta logs and events come through here, so it is built for speed:
 *   - The text is copied once into the arena, with NULs behind it, and all strings are slices of
 *     that copy: escapes are decoded in place (they only shrink), the closing quote becomes a NUL.
 *     The NUL behind the text stops every scan, so no loop compares with the end.
 *   - Strings are scanned eight bytes a step for `"`, `\` and control characters.
 *   - UTF-8 is checked over the whole text before, by words while it is ASCII.
 *   - Lines are counted only where a line break may stand, in the blanks between tokens; a column
 *     is the distance from the line's start.
 *   - Values under construction wait on one stack (keys on another, beside it) and are copied to
 * the arena when their array or object closes, so each node has exactly the room it needs.
 * Recursion is bounded by DOC_MAX_DEPTH.
 *
 * Doubled keys: the last value wins and stands where the first stood. Halves of surrogate pairs,
 * which no UTF-8 can hold, are refused, as .NET does. */
#include "base/doc.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { PADDING = 16, SMALL_STACK = 64, SLAB_MAX = 64, FEW_KEYS = 16 };

struct reader {
    struct arena *arena;
    struct err *err;
    const char *file;
    char *p, *end;    /* *end is NUL */
    char *line_start; /* of the line that holds p */
    int line;
    size_t nodes;
    struct doc *slab; /* nodes allocated and not yet used */
    size_t slab_left, slab_size;
    struct doc **vals;    /* the stack: `top` used of `cap` */
    struct doc_key *keys; /* beside it; only objects' entries are filled */
    size_t top, cap;
    struct doc *small_vals[SMALL_STACK];
    struct doc_key small_keys[SMALL_STACK];
};

static struct doc *fail_at(struct reader *r, const char *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static struct doc *fail_at(struct reader *r, const char *at, const char *fmt, ...)
{
    char msg[sizeof r->err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err_at(r->err, ERR_INPUT, r->file, r->line, (int)(at - r->line_start) + 1, "%s", msg);
    return NULL;
}

static inline void skip_blanks(struct reader *r)
{
    char *p = r->p;
    for (;; p++) {
        if (*p == '\n') {
            r->line++;
            r->line_start = p + 1;
        } else if (*p != ' ' && *p != '\t' && *p != '\r') {
            break;
        }
    }
    r->p = p;
}

/* What stands at p, in words for an error message. */
static const char *found(const struct reader *r, char out[32])
{
    unsigned char c = (unsigned char)*r->p;
    if (r->p == r->end)
        return "the end of the text";
    if (c < 0x20 || c == 0x7F)
        snprintf(out, 32, "the control character 0x%02x", c);
    else if (c >= 0x80)
        return "a character outside ASCII";
    else
        snprintf(out, 32, "'%c'", c);
    return out;
}

static struct doc *node(struct reader *r, enum doc_kind kind, const char *at)
{
    if (r->slab_left == 0) {
        r->slab_size = r->slab_size ? r->slab_size * 2 : 4;
        if (r->slab_size > SLAB_MAX)
            r->slab_size = SLAB_MAX;
        r->slab = ARENA_ARRAY(r->arena, struct doc, r->slab_size);
        r->slab_left = r->slab_size;
    }
    struct doc *d = r->slab++;
    r->slab_left--;
    d->kind = kind;
    d->file = r->file;
    d->line = r->line;
    d->col = (int)(at - r->line_start) + 1;
    return d;
}

/* The first byte from `p` on that is a quote, a backslash or below 0x20. The NULs behind the text
 * are such bytes, so words may be loaded without asking for the end. */
static inline char *scan_string(char *p)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (;; p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\';
        uint64_t hits = (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                         ((v - ones * 0x20) & ~v)) &
                        highs;
        if (hits)
            return p + __builtin_ctzll(hits) / 8; /* the lowest hit is exact */
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits at `p`, or -1. */
static int32_t hex4(const char *p)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static char *put_utf8(char *to, int32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* Decodes \uXXXX, or a pair of them, at r->p (on the 'u'), to `to`; NULL on error. */
static char *unicode_escape(struct reader *r, char *to)
{
    char *at = r->p - 1;
    int32_t c = hex4(r->p + 1);
    if (c < 0) {
        fail_at(r, at, "\\u must be followed by four hexadecimal digits");
        return NULL;
    }
    r->p += 5;
    if (c >= 0xD800 && c <= 0xDFFF) {
        int32_t low = c < 0xDC00 && r->p[0] == '\\' && r->p[1] == 'u' ? hex4(r->p + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            fail_at(r, at, "\\u%04x is half of a surrogate pair: its other half is missing",
                    (unsigned)c);
            return NULL;
        }
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        r->p += 6;
    }
    return put_utf8(to, c);
}

/* Decodes the escape whose backslash is at r->p. */
static char *escape(struct reader *r, char *to)
{
    static const char values[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                     ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    r->p++;
    if (*r->p == 'u')
        return unicode_escape(r, to);
    char value = values[(unsigned char)*r->p];
    if (!value) {
        char what[32];
        fail_at(r, r->p - 1, "a backslash cannot be followed by %s: write \\\\ for a backslash",
                found(r, what));
        return NULL;
    }
    r->p++;
    *to++ = value;
    return to;
}

static bool string_broken(struct reader *r, const char *start)
{
    int col = (int)(start - r->line_start);
    if (r->p == r->end)
        fail_at(r, start - 1, "the string that starts here does not end");
    else if (*r->p == '\n' || *r->p == '\r')
        fail_at(r, r->p, "line break within the string that starts at column %d: write \\n", col);
    else
        fail_at(r, r->p, "control character 0x%02x within a string: write \\u%04x",
                (unsigned char)*r->p, (unsigned char)*r->p);
    return false;
}

/* Reads the string whose opening quote is at p. */
static bool read_string(struct reader *r, struct str *out)
{
    char *start = r->p + 1, *to;
    r->p = to = scan_string(start);
    while (*r->p == '\\') {
        to = escape(r, to);
        if (!to)
            return false;
        char *stop = scan_string(r->p);
        memmove(to, r->p, (size_t)(stop - r->p));
        to += stop - r->p;
        r->p = stop;
    }
    if (*r->p != '"')
        return string_broken(r, start);
    r->p++;
    *to = '\0';
    *out = str_of(start, (size_t)(to - start));
    return true;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct doc *read_number(struct reader *r)
{
    char *start = r->p, *p = start + (*start == '-');
    enum doc_kind kind = DOC_INT;
    if (!is_digit(*p))
        return fail_at(r, start, "a minus must be followed by a digit");
    if (*p == '0' && is_digit(p[1]))
        return fail_at(r, start, "a number cannot start with 0: write it without, or as a string");
    while (is_digit(*p))
        p++;
    if (*p == '.') {
        kind = DOC_FLOAT;
        if (!is_digit(*++p))
            return fail_at(r, start, "a decimal point must be followed by a digit");
        while (is_digit(*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        kind = DOC_FLOAT;
        p++;
        p += *p == '+' || *p == '-';
        if (!is_digit(*p))
            return fail_at(r, start, "an exponent must have a digit");
        while (is_digit(*p))
            p++;
    }
    struct doc *d = node(r, kind, start);
    d->text = str_of(start, (size_t)(p - start));
    r->p = p;
    return d;
}

/* Words that other languages write where JSON has null, true, false, or nothing at all. */
static const struct {
    const char *word, *advice;
} foreign_words[] = {
    {"None", "write null"},
    {"nil", "write null"},
    {"NULL", "write null"},
    {"Null", "write null"},
    {"True", "write true"},
    {"TRUE", "write true"},
    {"False", "write false"},
    {"FALSE", "write false"},
    {"undefined", "write null"},
    {"NaN", "JSON has no NaN"},
    {"Infinity", "JSON has no infinity"},
};

static struct doc *unexpected(struct reader *r, const char *wanted)
{
    char what[32];
    char c = *r->p;
    if (c == '\'')
        return fail_at(r, r->p, "strings and keys are written in double quotes");
    if (c == '/' && (r->p[1] == '/' || r->p[1] == '*'))
        return fail_at(r, r->p, "JSON has no comments");
    if (c == '+' || c == '.')
        return fail_at(r, r->p, "a number starts with a digit or a minus");
    struct str rest = str_of(r->p, (size_t)(r->end - r->p));
    for (size_t i = 0; i < sizeof foreign_words / sizeof foreign_words[0]; i++)
        if (str_starts_z(rest, foreign_words[i].word))
            return fail_at(r, r->p, "'%s' is no JSON: %s", foreign_words[i].word,
                           foreign_words[i].advice);
    return fail_at(r, r->p, "expected %s, found %s", wanted, found(r, what));
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static struct doc *read_word(struct reader *r, const char *word, size_t len, enum doc_kind kind)
{
    char *start = r->p;
    if (strncmp(start, word, len) != 0 || is_word_byte(start[len]))
        return unexpected(r, "a value");
    r->p += len;
    struct doc *d = node(r, kind, start);
    d->boolean = word[0] == 't';
    return d;
}

static void stack_grow(struct reader *r)
{
    size_t cap = r->cap * 2;
    bool small = r->cap == SMALL_STACK;
    struct doc **vals = mem_realloc(small ? NULL : r->vals, cap * sizeof *vals);
    struct doc_key *keys = mem_realloc(small ? NULL : r->keys, cap * sizeof *keys);
    if (small) {
        memcpy(vals, r->small_vals, sizeof r->small_vals);
        memcpy(keys, r->small_keys, sizeof r->small_keys);
    }
    r->vals = vals;
    r->keys = keys;
    r->cap = cap;
}

/* Drops doubled keys among the `n` entries at vals and keys; returns how many are left. */
static size_t drop_doubles_slowly(struct doc **vals, struct doc_key *keys, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < kept && !str_eq(keys[j].name, keys[i].name))
            j++;
        keys[j] = keys[i];
        vals[j] = vals[i];
        kept += j == kept;
    }
    return kept;
}

static size_t drop_doubles_by_hash(struct doc **vals, struct doc_key *keys, size_t n)
{
    size_t slots = 64, kept = 0;
    while (slots < n * 2)
        slots *= 2;
    uint32_t *table = mem_alloc(slots * sizeof *table); /* position + 1, 0: empty */
    for (size_t i = 0; i < n; i++) {
        size_t at = str_hash(keys[i].name) & (slots - 1);
        while (table[at] && !str_eq(keys[table[at] - 1].name, keys[i].name))
            at = (at + 1) & (slots - 1);
        size_t j = table[at] ? table[at] - 1 : kept++;
        table[at] = (uint32_t)j + 1;
        keys[j] = keys[i];
        vals[j] = vals[i];
    }
    mem_free(table);
    return kept;
}

/* A few keys are first asked by a 64-bit filter; it nearly always says that all differ. */
static size_t drop_doubles(struct doc **vals, struct doc_key *keys, size_t n)
{
    uint64_t seen = 0;
    if (n > FEW_KEYS)
        return drop_doubles_by_hash(vals, keys, n);
    for (size_t i = 0; i < n; i++) {
        struct str k = keys[i].name;
        uint64_t h = k.len
                         ? k.len * 131 + (unsigned char)k.ptr[0] * 31 +
                               (unsigned char)k.ptr[k.len / 2] * 7 + (unsigned char)k.ptr[k.len - 1]
                         : 0;
        uint64_t bit = 1ull << (h * 0x9E3779B97F4A7C15u >> 58);
        if (seen & bit)
            return drop_doubles_slowly(vals, keys, n);
        seen |= bit;
    }
    return n;
}

/* Takes the entries above `base` off the stack into `d`. */
static struct doc *close_node(struct reader *r, struct doc *d, size_t base)
{
    size_t n = r->top - base;
    if (d->kind == DOC_OBJECT && n > 1)
        n = drop_doubles(r->vals + base, r->keys + base, n);
    r->top = base;
    d->count = n;
    if (n == 0)
        return d;
    d->items = arena_copy(r->arena, r->vals + base, n * sizeof *d->items);
    if (d->kind == DOC_OBJECT)
        d->keys = arena_copy(r->arena, r->keys + base, n * sizeof *d->keys);
    return d;
}

static struct doc *read_value(struct reader *r, int depth);

/* At a comma or the closing bracket. 1: another entry follows; 0: closed; -1: error. */
static int next_entry(struct reader *r, char close)
{
    skip_blanks(r);
    if (*r->p == close) {
        r->p++;
        return 0;
    }
    if (*r->p != ',') {
        unexpected(r, close == ']' ? "',' or ']' after a value" : "',' or '}' after a value");
        return -1;
    }
    char *comma = r->p++;
    char *line_start = r->line_start;
    int line = r->line;
    skip_blanks(r);
    if (*r->p != close)
        return 1;
    r->line = line;
    r->line_start = line_start;
    fail_at(r, comma, "a comma before '%c': take it out", close);
    return -1;
}

static bool read_key(struct reader *r, struct doc_key *key)
{
    if (*r->p != '"') {
        unexpected(r, "a key in double quotes");
        return false;
    }
    key->line = r->line;
    key->col = (int)(r->p - r->line_start) + 1;
    if (!read_string(r, &key->name))
        return false;
    skip_blanks(r);
    if (*r->p != ':') {
        unexpected(r, "':' after a key");
        return false;
    }
    r->p++;
    return true;
}

static struct doc *read_entries(struct reader *r, enum doc_kind kind, int depth)
{
    struct doc *d = node(r, kind, r->p);
    size_t base = r->top;
    char close = kind == DOC_OBJECT ? '}' : ']';
    r->p++;
    skip_blanks(r);
    if (*r->p == close) {
        r->p++;
        return d;
    }
    for (int more = 1; more > 0;) {
        struct doc_key key = {0};
        skip_blanks(r);
        if (kind == DOC_OBJECT && !read_key(r, &key))
            return NULL;
        struct doc *v = read_value(r, depth + 1);
        if (!v)
            return NULL;
        if (r->top == r->cap)
            stack_grow(r);
        r->vals[r->top] = v;
        r->keys[r->top++] = key;
        more = next_entry(r, close);
        if (more < 0)
            return NULL;
    }
    return close_node(r, d, base);
}

static struct doc *over_limit(struct reader *r, const char *what, long max)
{
    err_at(r->err, ERR_LIMIT, r->file, r->line, (int)(r->p - r->line_start) + 1, "more than %ld %s",
           max, what);
    return NULL;
}

static struct doc *read_value(struct reader *r, int depth)
{
    skip_blanks(r);
    if (++r->nodes > DOC_MAX_NODES)
        return over_limit(r, "values", DOC_MAX_NODES);
    switch (*r->p) {
    case '"': {
        struct doc *d = node(r, DOC_STRING, r->p);
        return read_string(r, &d->text) ? d : NULL;
    }
    case '{':
    case '[':
        if (depth >= DOC_MAX_DEPTH)
            return over_limit(r, "levels of brackets", DOC_MAX_DEPTH);
        return read_entries(r, *r->p == '{' ? DOC_OBJECT : DOC_ARRAY, depth);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(r);
    case 't':
        return read_word(r, "true", 4, DOC_BOOL);
    case 'f':
        return read_word(r, "false", 5, DOC_BOOL);
    case 'n':
        return read_word(r, "null", 4, DOC_NULL);
    default:
        return unexpected(r, "a value");
    }
}

static struct doc *read_document(struct reader *r)
{
    skip_blanks(r);
    if (r->p == r->end)
        return fail_at(r, r->p, "the text is empty: a JSON value is expected");
    struct doc *d = read_value(r, 0);
    if (!d)
        return NULL;
    skip_blanks(r);
    if (r->p != r->end)
        return fail_at(r, r->p, "the document ends before this: one value is expected");
    return d;
}

/* Moves over everything up to `at`, to know its line. */
static struct doc *fail_utf8(struct reader *r, struct str text, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (text.ptr[i] == '\n') {
            r->line++;
            r->line_start = r->p + i + 1;
        }
    }
    return fail_at(r, r->p + at, "the byte 0x%02x is not UTF-8: save the file as UTF-8",
                   (unsigned char)text.ptr[at]);
}

struct doc *doc_json(struct arena *a, const char *file, struct str text, struct err *err)
{
    if (str_starts_z(text, "\xEF\xBB\xBF"))
        text = str_from(text, 3);
    if (text.len > DOC_MAX_BYTES) {
        err_at(err, ERR_LIMIT, file, 0, 0, "the text is larger than %d bytes", DOC_MAX_BYTES);
        return NULL;
    }
    struct reader r;
    char *copy = arena_alloc(a, text.len + PADDING); /* zeroed: the padding is NULs */
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    memset(&r, 0, offsetof(struct reader, small_vals));
    r.arena = a;
    r.err = err;
    r.file = file;
    r.p = r.line_start = copy;
    r.end = copy + text.len;
    r.line = 1;
    r.vals = r.small_vals;
    r.keys = r.small_keys;
    r.cap = SMALL_STACK;
    int64_t bad = str_utf8_bad(text);
    struct doc *d = bad >= 0 ? fail_utf8(&r, text, (size_t)bad) : read_document(&r);
    if (r.cap != SMALL_STACK) {
        mem_free(r.vals);
        mem_free(r.keys);
    }
    return d;
}
