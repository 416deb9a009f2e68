#include "lake/stats_pack.h"
#include <string.h>

struct stats_shape {
    size_t values;          /* one more piece than values */
    struct str *pieces;
    int64_t rows_at;        /* which value is numRecords of the whole; -1: none */
    bool is_object;         /* JSON, if its values are */
};

enum { LENGTH_BITS = 7, LENGTH_MORE = 0x80, LENGTH_MAX = 10 /* bytes of a length */ };

void stats_packer_init(struct stats_packer *p)
{
    *p = (struct stats_packer){.shapes = map_new()};
    buf_init(&p->values);
    buf_init(&p->skeleton);
}

void stats_packer_release(struct stats_packer *p)
{
    map_free(p->shapes);
    buf_release(&p->values);
    buf_release(&p->skeleton);
    *p = (struct stats_packer){};
}

/* ---- values */

static char *put_value(char *to, const char *value, size_t len)
{
    size_t left = len;
    for (; left >= LENGTH_MORE; left >>= LENGTH_BITS)
        *to++ = (char)(left | LENGTH_MORE);
    *to++ = (char)left;
    memcpy(to, value, len);
    return to + len;
}

/* Takes the first value off. Packed bytes are our own: they are whole. */
static struct str take_value(struct str *values)
{
    size_t len = 0, shift = 0, at = 0;
    unsigned char c;
    do {
        CHECK(at < values->len && shift < 64);
        c = (unsigned char)values->ptr[at++];
        len |= (size_t)(c & ~LENGTH_MORE) << shift;
        shift += LENGTH_BITS;
    } while (c & LENGTH_MORE);
    CHECK(len <= values->len - at);
    struct str value = str_sub(*values, at, len);
    *values = str_from(*values, at + len);
    return value;
}

/* The end of the string that starts at `at`, behind its quote; 0 if it has none. */
static size_t string_end(struct str s, size_t at)
{
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

static bool is_scalar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

/* The end of the value that starts at `at`, a string, a number or a word; 0 if none does. */
static size_t value_end(struct str s, size_t at)
{
    if (at < s.len && s.ptr[at] == '"')
        return string_end(s, at);
    size_t i = at;
    while (i < s.len && is_scalar(s.ptr[i]))
        i++;
    return i > at ? i : 0;
}

/* ---- shapes */

static bool piece_is_here(struct str s, size_t at, struct str piece)
{
    return s.len - at >= piece.len && memcmp(s.ptr + at, piece.ptr, piece.len) == 0;
}

/* Packs a text of that shape; false if it is of another. */
static bool pack_like(struct buf *out, const struct stats_shape *shape, struct str text)
{
    size_t at = 0;
    buf_clear(out);
    char *start = buf_room(out, text.len + shape->values * LENGTH_MAX), *to = start;
    for (size_t i = 0; start && i < shape->values; i++) {
        if (!piece_is_here(text, at, shape->pieces[i]))
            return false;
        at += shape->pieces[i].len;
        size_t end = value_end(text, at);
        if (!end)
            return false;
        to = put_value(to, text.ptr + at, end - at);
        at = end;
    }
    struct str last = shape->pieces[shape->values];
    if (!start || !piece_is_here(text, at, last) || at + last.len != text.len)
        return false;
    buf_took(out, (size_t)(to - start));
    return true;
}

/* A text on its way to be pieces (where there is room for them) and a skeleton. */
struct cut { struct str text; size_t from, values; int64_t rows_at; struct str *pieces; struct buf *skeleton; };

static bool cut_value(struct cut *c, size_t at, size_t end, size_t depth)
{
    struct str before = str_sub(c->text, c->from, at - c->from);
    if (c->values == STATS_MAX_VALUES)
        return false;
    if (depth == 1 && c->rows_at < 0 && str_ends_z(str_trim(before), "\"numRecords\":"))
        c->rows_at = (int64_t)c->values;
    if (c->pieces)
        c->pieces[c->values] = before;
    buf_str(c->skeleton, before);
    buf_char(c->skeleton, '\0'); /* no piece has one: JSON has no NUL outside of strings' escapes */
    c->values++;
    c->from = end;
    return true;
}

/* False if the text cannot be cut into pieces and values. */
static bool cut_text(struct cut *c)
{
    size_t depth = 0, at = 0, end;
    struct str s = c->text;
    while (at < s.len) {
        char ch = s.ptr[at];
        if ((end = value_end(s, at))) {
            bool key = ch == '"' && end < s.len && s.ptr[end] == ':';
            if (!key && !cut_value(c, at, end, depth))
                return false;
            at = end;
            continue;
        }
        if (ch == '"' || ch == '\0')
            return false;
        depth += ch == '{' || ch == '[';
        depth -= depth && (ch == '}' || ch == ']');
        at++;
    }
    struct str rest = str_from(s, c->from);
    if (c->pieces)
        c->pieces[c->values] = rest;
    buf_str(c->skeleton, rest);
    return true;
}

static bool is_object(struct str text)
{
    struct err ignored;
    struct arena *scratch = arena_new();
    bool yes = doc_is(doc_json(scratch, NULL, text, &ignored), DOC_OBJECT);
    arena_free(scratch);
    return yes;
}

static const struct stats_shape *shape_of(struct stats_packer *p, struct arena *a, struct str text)
{
    struct cut first = {.text = text, .rows_at = -1, .skeleton = &p->skeleton};
    buf_clear(&p->skeleton);
    if (!cut_text(&first))
        return NULL;
    struct stats_shape *shape = map_get(p->shapes, buf_view(&p->skeleton));
    if (shape || map_count(p->shapes) == STATS_MAX_SHAPES)
        return shape;
    shape = ARENA_NEW(a, struct stats_shape);
    shape->values = first.values;
    shape->rows_at = first.rows_at;
    shape->pieces = ARENA_ARRAY(a, struct str, first.values + 1);
    map_put(p->shapes, buf_view(&p->skeleton), shape);
    buf_clear(&p->skeleton);
    struct cut second = {.text = str_copy(a, text), .rows_at = -1, .skeleton = &p->skeleton, .pieces = shape->pieces};
    bool again = cut_text(&second);
    CHECK(again);
    shape->is_object = is_object(second.text);
    return shape;
}

const struct stats_shape *stats_pack(struct stats_packer *p, struct arena *a, struct str text, struct str *values)
{
    const struct stats_shape *shape = p->last;
    if (!shape || !pack_like(&p->values, shape, text)) {
        shape = shape_of(p, a, text);
        if (!shape || !pack_like(&p->values, shape, text))
            return NULL;
        p->last = shape;
    }
    *values = buf_view(&p->values);
    return shape;
}

void stats_unpack(struct buf *out, const struct stats_shape *shape, struct str values)
{
    for (size_t i = 0; i < shape->values; i++) {
        buf_str(out, shape->pieces[i]);
        buf_str(out, take_value(&values));
    }
    buf_str(out, shape->pieces[shape->values]);
}

static size_t digits_end(struct str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* -1.5e+10 */
static bool is_number(struct str s)
{
    size_t from = s.len && s.ptr[0] == '-', at = digits_end(s, from);
    if (at == from || (s.ptr[from] == '0' && at > from + 1))
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        from = at + 1;
        at = digits_end(s, from);
        if (at == from)
            return false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        from = at + 1 + (at + 1 < s.len && (s.ptr[at + 1] == '-' || s.ptr[at + 1] == '+'));
        at = digits_end(s, from);
        if (at == from)
            return false;
    }
    return at == s.len;
}

/* A string without escapes, a number or a word of JSON. */
static bool is_plain(struct str s)
{
    if (s.ptr[0] != '"')
        return is_number(s) || str_eqz(s, "null") || str_eqz(s, "true") || str_eqz(s, "false");
    for (size_t i = 1; i < s.len - 1; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == '\\')
            return false;
    return true;
}

bool stats_unpack_json(struct buf *out, const struct stats_shape *shape, struct str values)
{
    size_t from = out->len;
    for (size_t i = 0; i < shape->values && shape->is_object; i++) {
        struct str value = take_value(&values);
        buf_str(out, shape->pieces[i]);
        buf_str(out, value);
        if (!is_plain(value)) {
            out->len = from;
            out->ptr[from] = '\0';
            return false;
        }
    }
    if (shape->is_object)
        buf_str(out, shape->pieces[shape->values]);
    return shape->is_object;
}

static int64_t rows_of(struct str digits)
{
    int64_t rows;
    return digits.len && digits.ptr[0] >= '0' && digits.ptr[0] <= '9' && str_i64(digits, &rows) ? rows : -1;
}

int64_t stats_packed_rows(const struct stats_shape *shape, struct str values)
{
    for (int64_t i = 0; i < shape->rows_at; i++)
        take_value(&values);
    return shape->rows_at < 0 ? -1 : rows_of(take_value(&values));
}

int64_t stats_text_rows(struct str text)
{
    static const struct str key = {"\"numRecords\":", 13};
    int64_t at = str_find(text, key);
    if (at < 0)
        return -1;
    struct str rest = str_trim(str_from(text, (size_t)at + key.len));
    size_t n = 0;
    while (n < rest.len && rest.ptr[n] >= '0' && rest.ptr[n] <= '9')
        n++;
    return rows_of(str_sub(rest, 0, n));
}
