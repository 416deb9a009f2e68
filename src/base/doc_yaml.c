/* doc_yaml.c -- the YAML reader of doc.h, on libyaml's events.
 *
 * libyaml is the scanner that go-yaml is a port of; on top of it this file decides as the
 * Databricks CLI's loader does (go-yaml v3, then its own rules):
 *   - What a plain scalar is, doc_scalar.c knows.
 *   - Keys are strings; a key that reads as a number, boolean or null is refused: quote it. A
 *     doubled key: the last value wins.
 *   - An alias stands for the very node of its anchor, with the anchor's place. Nodes are shared,
 *     so the tree is a graph that may unfold to much more than it holds: its unfolded size counts
 *     against DOC_MAX_NODES, where a text weighs one more for each TEXT_WEIGHT bytes, and its
 *     unfolded depth against DOC_MAX_DEPTH.
 *   - `<<` merges a mapping by alias or a sequence of mappings; what stands in the mapping itself
 *     wins, then the later of a sequence (as the CLI, unlike YAML 1.1's proposal).
 *   - One document; an empty one behind it is let pass.
 *
 * libyaml counts columns in characters and we count bytes: the text's lines are walked along with
 * the events, which come in order. */
#include "base/doc.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/doc_int.h"
#include "base/map.h"

/* A node, what it unfolds to, and its levels. */
struct unfolded {
    struct doc *doc;
    size_t nodes;
    int levels;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; owned */
    bool has_event;
    struct arena *arena;
    struct err *err;
    const char *file;
    struct str text;
    struct map *anchors; /* name -> struct unfolded; doc NULL while it is being read */
    size_t nodes;
    /* Where the walk over the text is. */
    size_t line, col, at, line_at;
};

enum { TEXT_WEIGHT = 64 };
enum { TAG_NONE, TAG_STR, TAG_INT, TAG_FLOAT, TAG_BOOL, TAG_NULL, TAG_SEQ, TAG_MAP, TAG_UNKNOWN };

static const struct {
    const char *name;
    int tag;
} tags[] = {
    {YAML_STR_TAG, TAG_STR},     {YAML_INT_TAG, TAG_INT},
    {YAML_FLOAT_TAG, TAG_FLOAT}, {YAML_BOOL_TAG, TAG_BOOL},
    {YAML_NULL_TAG, TAG_NULL},   {YAML_SEQ_TAG, TAG_SEQ},
    {YAML_MAP_TAG, TAG_MAP},     {"!", TAG_STR},
};

static int tag_of(const yaml_char_t *name)
{
    if (!name)
        return TAG_NONE;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcmp((const char *)name, tags[i].name) == 0)
            return tags[i].tag;
    return TAG_UNKNOWN;
}

/* Bytes of the character at `at`; what is not UTF-8 was refused before. */
static size_t char_bytes(const struct reader *r, size_t at)
{
    unsigned char c = (unsigned char)r->text.ptr[at];
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* Bytes of the line break at `at` as libyaml sees them (CR, LF, CR LF, NEL, LS, PS), else 0. */
static size_t break_bytes(const struct reader *r, size_t at)
{
    struct str rest = str_from(r->text, at);
    if (str_starts_z(rest, "\r\n") || str_starts_z(rest, "\xC2\x85"))
        return 2;
    if (str_starts_z(rest, "\xE2\x80\xA8") || str_starts_z(rest, "\xE2\x80\xA9"))
        return 3;
    return rest.len && (rest.ptr[0] == '\n' || rest.ptr[0] == '\r');
}

struct place {
    int line, col;
};

/* The 1-based place of a mark, its column in bytes. libyaml marks the end of a text that has no
 * line break at its end as a line of its own: that is drawn back to the end of the last line. */
static struct place place_of(struct reader *r, const yaml_mark_t *mark)
{
    if (mark->line < r->line || (mark->line == r->line && mark->column < r->col))
        r->line = r->col = r->at = r->line_at = 0; /* a mark behind: only errors ask so */
    while (r->at < r->text.len && r->line < mark->line) {
        size_t n = break_bytes(r, r->at);
        r->at += n ? n : char_bytes(r, r->at);
        if (n) {
            r->line++;
            r->line_at = r->at;
            r->col = 0;
        }
    }
    for (; r->line == mark->line && r->at < r->text.len && r->col < mark->column; r->col++)
        r->at += char_bytes(r, r->at);
    return (struct place){(int)r->line + 1, (int)(r->at - r->line_at) + 1};
}

static int fail_mark(struct reader *r, enum err_code code, yaml_mark_t mark, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static int fail_mark(struct reader *r, enum err_code code, yaml_mark_t mark, const char *fmt, ...)
{
    char msg[sizeof r->err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    struct place at = place_of(r, &mark);
    return err_at(r->err, code, r->file, at.line, at.col, "%s", msg);
}

static int fail_byte(struct reader *r, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The error at byte `at` of the text. */
static int fail_byte(struct reader *r, size_t at, const char *fmt, ...)
{
    char msg[sizeof r->err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    int line = 1;
    size_t line_at = 0;
    for (size_t i = 0; i < at && i < r->text.len; i++) {
        if (r->text.ptr[i] == '\n') {
            line++;
            line_at = i + 1;
        }
    }
    return err_at(r->err, ERR_INPUT, r->file, line, (int)(at - line_at) + 1, "%s", msg);
}

/* libyaml's own words, with a hint for what people meet most. */
static int fail_scanner(struct reader *r)
{
    const char *problem = r->parser.problem ? r->parser.problem : "malformed YAML";
    const char *context = r->parser.context ? r->parser.context : "";
    const char *hint = "";
    if (strstr(problem, "found a tab character"))
        hint = ": YAML is indented with blanks, not tabs";
    else if (strstr(problem, "found character that cannot start any token"))
        hint = ": indent with blanks, not tabs, and quote text that starts with %, @ or `";
    else if (strstr(problem, "mapping values are not allowed"))
        hint = ": check the indentation, and quote text that holds ': '";
    else if (strstr(problem, "did not find expected key"))
        hint = ": check the indentation";
    if (r->parser.error == YAML_MEMORY_ERROR)
        check_failed(__FILE__, __LINE__, "out of memory in libyaml");
    if (r->parser.error == YAML_READER_ERROR)
        return fail_byte(r, r->parser.problem_offset, "%s", problem);
    return fail_mark(r, ERR_INPUT, r->parser.problem_mark, "%s%s%s%s", problem, *context ? " " : "",
                     context, hint);
}

/* Reads the next event into r->event. */
static int advance(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) == 1;
    return r->has_event ? 0 : fail_scanner(r);
}

static struct doc *new_node(struct reader *r, enum doc_kind kind)
{
    struct doc *d = ARENA_NEW(r->arena, struct doc);
    d->kind = kind;
    d->file = r->file;
    struct place at = place_of(r, &r->event.start_mark);
    d->line = at.line;
    d->col = at.col;
    return d;
}

/* Adds to the unfolded size. */
static int count_nodes(struct reader *r, size_t nodes)
{
    r->nodes += nodes;
    if (r->nodes <= DOC_MAX_NODES)
        return 0;
    return fail_mark(r, ERR_LIMIT, r->event.start_mark,
                     "more than %d values, aliases and merge keys unfolded", DOC_MAX_NODES);
}

static const struct {
    enum doc_kind kind;
    const char *name;
} tag_kinds[] = {
    [TAG_INT] = {DOC_INT, "!!int"},
    [TAG_FLOAT] = {DOC_FLOAT, "!!float"},
    [TAG_BOOL] = {DOC_BOOL, "!!bool"},
    [TAG_NULL] = {DOC_NULL, "!!null"},
};

/* Fills `d` from the current scalar event. */
static int scalar(struct reader *r, struct doc *d)
{
    struct str s = str_of((char *)r->event.data.scalar.value, r->event.data.scalar.length);
    int tag = tag_of(r->event.data.scalar.tag);
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    d->kind = DOC_STRING;
    if (tag == TAG_UNKNOWN || tag == TAG_SEQ || tag == TAG_MAP)
        return fail_mark(r, ERR_UNSUPPORTED, r->event.start_mark, "the tag '%s' of a scalar",
                         (char *)r->event.data.scalar.tag);
    if (tag == TAG_NONE && plain && yaml_int_refused(s))
        return fail_mark(r, ERR_INPUT, r->event.start_mark,
                         "'%.*s' is no integer: write its decimal digits, or quote it as text",
                         STR_ARGS(s));
    if ((tag == TAG_NONE && plain) || (tag != TAG_NONE && tag != TAG_STR))
        yaml_plain(r->arena, d, s);
    if (tag == TAG_FLOAT && d->kind == DOC_INT) {
        d->kind = DOC_FLOAT;
        d->text = str_fmt(r->arena, "%.*s.0", STR_ARGS(d->text));
    }
    if (tag != TAG_NONE && tag != TAG_STR && d->kind != tag_kinds[tag].kind)
        return fail_mark(r, ERR_INPUT, r->event.start_mark, "'%.*s' does not fit its tag %s",
                         STR_ARGS(s), tag_kinds[tag].name);
    if (d->kind == DOC_STRING)
        d->text = str_copy(r->arena, s);
    return count_nodes(r, s.len / TEXT_WEIGHT);
}

static int read_node(struct reader *r, int depth, struct unfolded *out);

/* Entries of an array or object under construction. */
struct entries {
    struct doc **items;
    struct doc_key *keys;
    size_t count, cap, key_cap;
    struct map *at; /* key -> position + 1; NULL while there are few */
};

enum { FEW_KEYS = 16 };

static size_t entry_find(const struct entries *e, struct str name)
{
    if (e->at)
        return (size_t)(uintptr_t)map_get(e->at, name); /* position + 1, 0: absent */
    for (size_t i = 0; i < e->count; i++)
        if (str_eq(e->keys[i].name, name))
            return i + 1;
    return 0;
}

static void entry_add(struct reader *r, struct entries *e, const struct doc_key *key, struct doc *v)
{
    size_t at = key ? entry_find(e, key->name) : 0;
    if (at == 0) {
        e->items = arena_grow(r->arena, e->items, &e->cap, e->count + 1, sizeof *e->items);
        if (key)
            e->keys = arena_grow(r->arena, e->keys, &e->key_cap, e->count + 1, sizeof *e->keys);
        at = ++e->count;
        if (key && e->at)
            map_put(e->at, key->name, (void *)(uintptr_t)at);
    }
    e->items[at - 1] = v;
    if (!key)
        return;
    e->keys[at - 1] = *key;
    if (e->at || e->count <= FEW_KEYS)
        return;
    e->at = map_new();
    for (size_t i = 0; i < e->count; i++)
        map_put(e->at, e->keys[i].name, (void *)(uintptr_t)(i + 1));
}

static void entries_into(struct doc *d, struct entries *e)
{
    d->items = e->items;
    d->keys = e->keys;
    d->count = e->count;
    map_free(e->at);
    e->at = NULL;
}

static int sequence(struct reader *r, struct doc *d, int depth, int *levels)
{
    struct entries e = {0};
    if (advance(r))
        return -1;
    while (r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct unfolded v;
        if (read_node(r, depth + 1, &v))
            return -1;
        entry_add(r, &e, NULL, v.doc);
        if (v.levels >= *levels)
            *levels = v.levels + 1;
    }
    entries_into(d, &e);
    return 0;
}

/* Reads the key at the current event; *merge: it is `<<`. */
static int read_key(struct reader *r, struct doc_key *key, bool *merge)
{
    struct doc *d;
    yaml_mark_t mark = r->event.start_mark;
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail_mark(r, ERR_INPUT, mark, "a key must be a plain or quoted text");
    if (r->event.data.scalar.anchor)
        return fail_mark(r, ERR_UNSUPPORTED, mark, "an anchor on a key");
    struct str raw = str_of((char *)r->event.data.scalar.value, r->event.data.scalar.length);
    *merge = str_eqz(raw, "<<") && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    d = new_node(r, DOC_STRING);
    if (scalar(r, d))
        return -1;
    if (d->kind != DOC_STRING)
        return fail_mark(r, ERR_INPUT, mark,
                         "the key '%.*s' reads as %s, keys are strings: quote it", STR_ARGS(raw),
                         doc_kind_name(d->kind));
    *key = (struct doc_key){d->text, d->line, d->col};
    return advance(r);
}

static int merge_one(struct reader *r, struct entries *e, const struct doc *from, yaml_mark_t mark)
{
    if (from->kind != DOC_OBJECT)
        return fail_mark(r, ERR_INPUT, mark,
                         "'<<' merges a mapping or a sequence of mappings, "
                         "found %s",
                         doc_kind_name(from->kind));
    if (count_nodes(r, from->count))
        return -1;
    for (size_t i = 0; i < from->count; i++)
        entry_add(r, e, &from->keys[i], from->items[i]);
    return 0;
}

/* Puts what `<<` holds before the mapping's own entries, which override it. */
static int merge_entries(struct reader *r, struct entries *own, const struct doc *merged,
                         yaml_mark_t mark)
{
    struct entries e = {0};
    int rc = 0;
    if (merged->kind == DOC_ARRAY)
        for (size_t i = 0; i < merged->count && rc == 0; i++)
            rc = merge_one(r, &e, merged->items[i], mark);
    else
        rc = merge_one(r, &e, merged, mark);
    for (size_t i = 0; i < own->count && rc == 0; i++)
        entry_add(r, &e, &own->keys[i], own->items[i]);
    map_free(own->at);
    *own = e;
    return rc;
}

static int mapping_entries(struct reader *r, struct entries *e, int depth, int *levels)
{
    struct unfolded merged = {0};
    yaml_mark_t merge_mark = r->event.start_mark;
    if (advance(r))
        return -1;
    while (r->event.type != YAML_MAPPING_END_EVENT) {
        struct doc_key key;
        struct unfolded v;
        bool merge = false;
        yaml_mark_t mark = r->event.start_mark;
        if (read_key(r, &key, &merge))
            return -1;
        if (merge && merged.doc)
            return fail_mark(r, ERR_INPUT, mark,
                             "a second '<<' in one mapping: "
                             "merge a sequence, '<<: [*a, *b]'");
        if (read_node(r, depth + 1, &v))
            return -1;
        if (v.levels >= *levels)
            *levels = v.levels + 1;
        if (merge) {
            merged = v;
            merge_mark = mark;
        } else {
            entry_add(r, e, &key, v.doc);
        }
    }
    return merged.doc ? merge_entries(r, e, merged.doc, merge_mark) : 0;
}

static int mapping(struct reader *r, struct doc *d, int depth, int *levels)
{
    struct entries e = {0};
    int rc = mapping_entries(r, &e, depth, levels);
    entries_into(d, &e);
    return rc;
}

static int alias(struct reader *r, int depth, struct unfolded *out)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    yaml_mark_t mark = r->event.start_mark;
    struct unfolded *of = map_get(r->anchors, str_z(name));
    if (!of)
        return fail_mark(r, ERR_INPUT, mark, "the alias '*%s' has no anchor '&%s' before it", name,
                         name);
    if (!of->doc)
        return fail_mark(r, ERR_INPUT, mark, "the anchor '&%s' contains itself", name);
    if (depth + of->levels > DOC_MAX_DEPTH)
        return fail_mark(r, ERR_LIMIT, mark, "more than %d levels, aliases unfolded",
                         DOC_MAX_DEPTH);
    if (count_nodes(r, of->nodes))
        return -1;
    *out = *of;
    return advance(r);
}

/* The current event's anchor and tag, whichever its type. */
static void properties(const yaml_event_t *e, const yaml_char_t **anchor, const yaml_char_t **tag)
{
    bool is_scalar = e->type == YAML_SCALAR_EVENT, is_seq = e->type == YAML_SEQUENCE_START_EVENT;
    *anchor = is_scalar ? e->data.scalar.anchor
              : is_seq  ? e->data.sequence_start.anchor
                        : e->data.mapping_start.anchor;
    *tag = is_scalar ? e->data.scalar.tag
           : is_seq  ? e->data.sequence_start.tag
                     : e->data.mapping_start.tag;
}

static int contents(struct reader *r, struct doc *d, int depth, int *levels)
{
    if (r->event.type == YAML_SCALAR_EVENT)
        return scalar(r, d);
    if (depth >= DOC_MAX_DEPTH)
        return fail_mark(r, ERR_LIMIT, r->event.start_mark, "more than %d levels", DOC_MAX_DEPTH);
    if (r->event.type == YAML_SEQUENCE_START_EVENT) {
        d->kind = DOC_ARRAY;
        return sequence(r, d, depth, levels);
    }
    d->kind = DOC_OBJECT;
    return mapping(r, d, depth, levels);
}

/* Reads the node at the current event; leaves the event behind it current. */
static int read_node(struct reader *r, int depth, struct unfolded *out)
{
    const yaml_char_t *anchor, *tag;
    struct unfolded *named = NULL;
    if (r->event.type == YAML_ALIAS_EVENT)
        return alias(r, depth, out);
    properties(&r->event, &anchor, &tag);
    int expected = r->event.type == YAML_SEQUENCE_START_EVENT ? TAG_SEQ : TAG_MAP;
    if (r->event.type != YAML_SCALAR_EVENT && tag && tag_of(tag) != expected)
        return fail_mark(r, ERR_UNSUPPORTED, r->event.start_mark, "the tag '%s' of a %s",
                         (const char *)tag, expected == TAG_SEQ ? "sequence" : "mapping");
    if (anchor) {
        named = ARENA_NEW(r->arena, struct unfolded);
        map_put(r->anchors, str_z((const char *)anchor), named);
    }
    size_t nodes_before = r->nodes;
    if (count_nodes(r, 1))
        return -1;
    out->doc = new_node(r, DOC_NULL);
    out->levels = 0;
    if (contents(r, out->doc, depth, &out->levels))
        return -1;
    out->nodes = r->nodes - nodes_before;
    if (named)
        *named = *out;
    return advance(r);
}

/* Reads stream start, one document, and what may follow it. */
static int read_stream(struct reader *r, struct doc **out)
{
    struct doc *root = NULL;
    if (advance(r) || advance(r)) /* over the stream's start */
        return -1;
    while (r->event.type != YAML_STREAM_END_EVENT) {
        struct unfolded document;
        yaml_mark_t mark = r->event.start_mark;
        if (advance(r) || read_node(r, 0, &document) || advance(r)) /* its start, it, its end */
            return -1;
        if (root && document.doc->kind != DOC_NULL)
            return fail_mark(r, ERR_INPUT, mark, "a second document: a file holds one");
        root = root ? root : document.doc;
    }
    *out = root ? root : new_node(r, DOC_NULL);
    return 0;
}

static int check_text(struct reader *r)
{
    int64_t bad = str_utf8_bad(r->text);
    if (r->text.len > DOC_MAX_BYTES)
        return err_at(r->err, ERR_LIMIT, r->file, 0, 0, "the text is larger than %d bytes",
                      DOC_MAX_BYTES);
    if (bad < 0)
        return 0;
    return fail_byte(r, (size_t)bad, "the byte 0x%02x is not UTF-8: save the file as UTF-8",
                     (unsigned char)r->text.ptr[bad]);
}

struct doc *doc_yaml(struct arena *a, const char *file, struct str text, struct err *err)
{
    struct reader r = {.arena = a, .err = err, .file = file, .text = text};
    struct doc *d = NULL;
    if (str_starts_z(text, "\xEF\xBB\xBF"))
        r.text = str_from(text, 3);
    if (check_text(&r))
        return NULL;
    if (!yaml_parser_initialize(&r.parser))
        check_failed(__FILE__, __LINE__, "out of memory in libyaml");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(r.text.ptr ? r.text.ptr : ""),
                                 r.text.len);
    r.anchors = map_new();
    if (read_stream(&r, &d))
        d = NULL;
    if (r.has_event)
        yaml_event_delete(&r.event);
    map_free(r.anchors);
    yaml_parser_delete(&r.parser);
    return d;
}
