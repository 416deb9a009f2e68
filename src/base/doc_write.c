/* doc_write.c -- JSON text out of a tree; see doc.h. Numbers are written as their text stands.
 * JSON has no infinities and no NaN: those are written as strings, "Infinity", "-Infinity", "NaN",
 * as Jackson and Spark do. Bytes of 0x80 and above are passed through: strings are UTF-8 since
 * they were checked at the door. */
#include "base/doc.h"

#include <string.h>

/* 0: as it is; 'u': as \u00XX; else the letter after the backslash. */
static const char escapes[256] = {
    [0] = 'u',  [1] = 'u',    [2] = 'u',    [3] = 'u',    [4] = 'u',   [5] = 'u',     [6] = 'u',
    [7] = 'u',  ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [11] = 'u',  ['\f'] = 'f',  ['\r'] = 'r',
    [14] = 'u', [15] = 'u',   [16] = 'u',   [17] = 'u',   [18] = 'u',  [19] = 'u',    [20] = 'u',
    [21] = 'u', [22] = 'u',   [23] = 'u',   [24] = 'u',   [25] = 'u',  [26] = 'u',    [27] = 'u',
    [28] = 'u', [29] = 'u',   [30] = 'u',   [31] = 'u',   ['"'] = '"', ['\\'] = '\\',
};

void json_quote(struct buf *out, struct str s)
{
    size_t from = 0;
    buf_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char how = escapes[c];
        if (!how)
            continue;
        buf_add(out, s.ptr + from, i - from);
        from = i + 1;
        if (how == 'u')
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, (char[]){'\\', how}, 2);
    }
    if (s.len > from)
        buf_add(out, s.ptr + from, s.len - from);
    buf_char(out, '"');
}

struct writer {
    struct buf *out;
    bool pretty;
};

static void line_break(const struct writer *w, int depth)
{
    if (!w->pretty)
        return;
    buf_char(w->out, '\n');
    for (int i = 0; i < depth; i++)
        buf_add(w->out, "  ", 2);
}

static void write_value(const struct writer *w, const struct doc *d, int depth);

static void write_items(const struct writer *w, const struct doc *d, int depth)
{
    bool object = d->kind == DOC_OBJECT;
    buf_char(w->out, object ? '{' : '[');
    for (size_t i = 0; i < d->count; i++) {
        if (i)
            buf_char(w->out, ',');
        line_break(w, depth + 1);
        if (object) {
            json_quote(w->out, d->keys[i].name);
            buf_char(w->out, ':');
            if (w->pretty)
                buf_char(w->out, ' ');
        }
        write_value(w, d->items[i], depth + 1);
    }
    if (d->count)
        line_break(w, depth);
    buf_char(w->out, object ? '}' : ']');
}

static void write_number(struct buf *out, struct str text)
{
    char last = text.len ? text.ptr[text.len - 1] : '0';
    if (last == 'y' || last == 'N') /* Infinity, NaN */
        json_quote(out, text);
    else
        buf_str(out, text);
}

static void write_value(const struct writer *w, const struct doc *d, int depth)
{
    CHECK(depth <= DOC_MAX_TREE_DEPTH);
    switch (d->kind) {
    case DOC_NULL:
        buf_add(w->out, "null", 4);
        return;
    case DOC_BOOL:
        buf_z(w->out, d->boolean ? "true" : "false");
        return;
    case DOC_INT:
    case DOC_FLOAT:
        write_number(w->out, d->text);
        return;
    case DOC_STRING:
        json_quote(w->out, d->text);
        return;
    case DOC_ARRAY:
    case DOC_OBJECT:
        write_items(w, d, depth);
        return;
    }
    UNREACHABLE();
}

void doc_write(struct buf *out, const struct doc *d)
{
    write_value(&(struct writer){out, false}, d, 0);
}

void doc_write_pretty(struct buf *out, const struct doc *d)
{
    write_value(&(struct writer){out, true}, d, 0);
}
