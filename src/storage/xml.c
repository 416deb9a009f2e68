/* xml.c -- a reader over one buffer, with a stack instead of recursion; a writer. */
#include "storage/xml.h"
#include <string.h>

struct reader { struct arena *a; struct str in; size_t at, nodes; };

static bool at_text(const struct reader *r, const char *z) { return str_starts_z(str_from(r->in, r->at), z); }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_name(char c)
{
    unsigned char u = (unsigned char)c;
    return ((u | 32) >= 'a' && (u | 32) <= 'z') || (u >= '0' && u <= '9') || u == '_' || u == '-' || u == '.' || u == ':' || u >= 0x80;
}

static int skip_past(struct reader *r, const char *end, struct err *err)
{
    int64_t n = str_find(str_from(r->in, r->at), str_z(end));
    if (n < 0)
        return err_set(err, ERR_INPUT, "XML: '%s' is missing", end);
    r->at += (size_t)n + strlen(end);
    return 0;
}

static void put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_char(b, (char)c);
    } else if (c < 0x800) {
        buf_char(b, (char)(0xC0 | c >> 6));
        buf_char(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_char(b, (char)(0xE0 | c >> 12));
        buf_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_char(b, (char)(0x80 | (c & 63)));
    } else {
        buf_char(b, (char)(0xF0 | c >> 18));
        buf_char(b, (char)(0x80 | (c >> 12 & 63)));
        buf_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_char(b, (char)(0x80 | (c & 63)));
    }
}

/* "#10" or "#x1F" */
static bool put_reference(struct buf *b, struct str name)
{
    uint32_t base = 10, c = 0;
    size_t i = 1;
    if (name.len > 1 && (name.ptr[1] | 32) == 'x')
        base = 16, i = 2;
    if (i >= name.len || name.len > 8)
        return false;
    for (; i < name.len; i++) {
        unsigned char ch = (unsigned char)name.ptr[i];
        uint32_t d = ch >= '0' && ch <= '9' ? (uint32_t)ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (uint32_t)(ch | 32) - 'a' + 10u : 99u;
        if (d >= base)
            return false;
        c = c * base + d;
    }
    if (!(c >= 0x20 || is_blank((char)c)) || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) || c == 0xFFFE || c == 0xFFFF)
        return false;
    put_utf8(b, c);
    return true;
}

static int put_entity(struct buf *b, struct str name, struct err *err)
{
    static const struct { const char *name; char c; } five[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < COUNT_OF(five); i++)
        if (str_eqz(name, five[i].name)) {
            buf_char(b, five[i].c);
            return 0;
        }
    if (name.len && name.ptr[0] == '#' && put_reference(b, name))
        return 0;
    return err_set(err, ERR_INPUT, "XML: the entity '&%.*s;' is unknown", (int)(name.len < 20 ? name.len : 20), name.ptr);
}

static int put_text(struct buf *b, struct str raw, struct err *err)
{
    while (raw.len) {
        int64_t amp = str_chr(raw, '&');
        buf_str(b, amp < 0 ? raw : str_sub(raw, 0, (size_t)amp));
        if (amp < 0)
            return 0;
        raw = str_from(raw, (size_t)amp + 1);
        int64_t semi = str_chr(raw, ';');
        if (semi < 0)
            return err_set(err, ERR_INPUT, "XML: '&' without ';'");
        if (put_entity(b, str_sub(raw, 0, (size_t)semi), err))
            return -1;
        raw = str_from(raw, (size_t)semi + 1);
    }
    return 0;
}

/* Attributes up to '>' or '/>'. */
static int skip_attributes(struct reader *r, bool *empty, struct err *err)
{
    char quote = 0;
    for (; r->at < r->in.len; r->at++) {
        char c = r->in.ptr[r->at];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            *empty = r->in.ptr[r->at - 1] == '/';
            r->at++;
            return 0;
        } else if (c == '<') {
            break;
        }
    }
    return err_set(err, ERR_INPUT, "XML: a tag is not closed");
}

static struct str take_name(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->in.len && is_name(r->in.ptr[r->at]))
        r->at++;
    struct str name = str_sub(r->in, from, r->at - from);
    int64_t colon = str_rchr(name, ':'); /* prefixes of name spaces mean nothing here */
    return colon < 0 ? name : str_from(name, (size_t)colon + 1);
}

struct level { struct xml *node, *last; struct buf text; };

/* The parts between elements: text, comments, CDATA, instructions. 1: an element begins or ends here. */
static int between(struct reader *r, struct buf *text, struct err *err)
{
    if (r->in.ptr[r->at] != '<') {
        int64_t n = str_chr(str_from(r->in, r->at), '<');
        struct str raw = n < 0 ? str_from(r->in, r->at) : str_sub(r->in, r->at, (size_t)n);
        r->at += raw.len;
        return put_text(text, raw, err);
    }
    if (at_text(r, "<!--"))
        return skip_past(r, "-->", err);
    if (at_text(r, "<?"))
        return skip_past(r, "?>", err);
    if (at_text(r, "<![CDATA[")) {
        size_t from = r->at + 9;
        if (skip_past(r, "]]>", err))
            return -1;
        if (r->at < from + 3)
            return err_set(err, ERR_INPUT, "XML: malformed CDATA");
        buf_str(text, str_sub(r->in, from, r->at - 3 - from));
        return 0;
    }
    if (at_text(r, "<!"))
        return err_set(err, ERR_INPUT, "XML: a document type is refused");
    return 1;
}

static int open_element(struct reader *r, struct level *stack, int *depth, struct xml **root, struct err *err)
{
    bool empty = false;
    r->at++;
    struct str name = take_name(r);
    if (!name.len)
        return err_set(err, ERR_INPUT, "XML: a tag has no name");
    if (skip_attributes(r, &empty, err))
        return -1;
    if (++r->nodes > XML_MAX_NODES || (!empty && *depth == XML_MAX_DEPTH))
        return err_set(err, ERR_LIMIT, "XML: more than %d elements, or deeper than %d", XML_MAX_NODES, XML_MAX_DEPTH);
    struct xml *x = ARENA_NEW(r->a, struct xml);
    x->name = name;
    x->text = STR("");
    if (*depth) {
        struct level *up = &stack[*depth - 1];
        *(up->last ? &up->last->next : &up->node->first) = x;
        up->last = x;
    } else if (*root) {
        return err_set(err, ERR_INPUT, "XML: a second root element");
    } else {
        *root = x;
    }
    if (!empty) {
        stack[*depth].node = x;
        stack[*depth].last = NULL;
        buf_clear(&stack[*depth].text);
        (*depth)++;
    }
    return 0;
}

static int close_element(struct reader *r, struct level *stack, int *depth, struct err *err)
{
    r->at += 2;
    struct str name = take_name(r);
    struct level *l = &stack[*depth - 1];
    while (r->at < r->in.len && is_blank(r->in.ptr[r->at]))
        r->at++;
    if (!*depth || !str_eq(name, l->node->name) || !at_text(r, ">"))
        return err_set(err, ERR_INPUT, "XML: an end tag does not match");
    r->at++;
    if (!l->node->first)
        l->node->text = str_copy(r->a, buf_view(&l->text));
    (*depth)--;
    return 0;
}

struct xml *azxml_read(struct arena *a, struct str in, struct err *err)
{
    struct reader r = {a, in, 0, 0};
    struct level stack[XML_MAX_DEPTH + 1] = {0};
    struct xml *root = NULL;
    int depth = 0, rc = 0;
    struct buf outside;
    buf_init(&outside);
    for (int i = 0; i <= XML_MAX_DEPTH; i++)
        buf_init(&stack[i].text);
    if (str_starts_z(in, "\xEF\xBB\xBF"))
        r.at = 3;
    if (!str_utf8_ok(in))
        rc = err_set(err, ERR_INPUT, "XML: not UTF-8");
    for (size_t i = 0; rc == 0 && i < in.len; i++)
        if ((unsigned char)in.ptr[i] < 0x20 && !is_blank(in.ptr[i]))
            rc = err_set(err, ERR_INPUT, "XML: the control character %d, which XML does not have", in.ptr[i]);
    while (rc == 0 && r.at < in.len) {
        rc = between(&r, depth ? &stack[depth - 1].text : &outside, err);
        if (rc == 1)
            rc = at_text(&r, "</") ? (depth ? close_element(&r, stack, &depth, err) : err_set(err, ERR_INPUT, "XML: an end tag too many"))
                                   : open_element(&r, stack, &depth, &root, err);
    }
    if (rc == 0 && (depth || !root || str_trim(buf_view(&outside)).len))
        rc = err_set(err, ERR_INPUT, "XML: no element, or text beside it, or one that is not closed");
    for (int i = 0; i <= XML_MAX_DEPTH; i++)
        buf_release(&stack[i].text);
    buf_release(&outside);
    return rc ? NULL : root;
}

struct xml *azxml_child(const struct xml *x, const char *name)
{
    for (struct xml *c = x ? x->first : NULL; c; c = c->next)
        if (str_eqz(c->name, name))
            return c;
    return NULL;
}

struct str azxml_text(const struct xml *x, const char *name)
{
    const struct xml *c = azxml_child(x, name);
    return c ? c->text : STR_NONE;
}

/* ---------------------------------------------------------------- writing */

void azxml_put(struct buf *out, struct str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *as = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : c == '\r' ? "&#xD;" : NULL;
        if (!as && (c >= 0x20 || c == '\t' || c == '\n'))
            continue;
        buf_str(out, str_sub(text, from, i - from));
        buf_z(out, as ? as : "");
        from = i + 1;
    }
    buf_str(out, str_from(text, from));
}

void azxml_element(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, "<%s>", name);
    azxml_put(out, text);
    buf_printf(out, "</%s>", name);
}

void azxml_meta(struct buf *out, const struct doc *meta, const char *more)
{
    buf_z(out, "<Metadata>");
    for (size_t i = 0; i < meta->count; i++) {
        buf_printf(out, "<%.*s>", STR_ARGS(meta->keys[i].name));
        azxml_put(out, meta->items[i]->text);
        buf_printf(out, "</%.*s>", STR_ARGS(meta->keys[i].name));
    }
    buf_printf(out, "%s</Metadata>", more);
}
