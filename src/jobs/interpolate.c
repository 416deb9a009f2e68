#include "jobs/interpolate.h"
#include "jobs/bundle.h"

struct run { struct arena *a; interpolate_fn get; void *ctx; };

static bool path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '[' || c == ']';
}

/* The next reference in `s` at or after `from`: its start and end (past the brace) and path. */
static bool find_reference(struct str s, size_t from, size_t *start, size_t *end, struct str *path)
{
    for (size_t i = from; i + 2 < s.len; i++) {
        if (s.ptr[i] != '$' || s.ptr[i + 1] != '{')
            continue;
        size_t j = i + 2;
        while (j < s.len && path_char(s.ptr[j]))
            j++;
        struct str p = str_sub(s, i + 2, j - i - 2);
        if (j < s.len && s.ptr[j] == '}' && str_chr(p, '.') > 0) {
            *start = i;
            *end = j + 1;
            *path = p;
            return true;
        }
    }
    return false;
}

static struct doc *walk(struct run *r, const struct doc *d, int depth, struct err *err);

static int too_deep(const struct doc *at, struct err *err)
{
    return doc_err(at, ERR_INPUT, err, "references in '%.*s' lead in a circle", STR_ARGS(at->text));
}

static const struct doc *value_of(struct run *r, const struct doc *at, struct str path, int depth, struct err *err)
{
    struct err why = {0};
    const struct doc *v = r->get(r->ctx, path, &why);
    if (!v && why.code != ERR_OK) {
        doc_err(at, why.code, err, "%s", why.msg);
        return NULL;
    }
    if (v && depth >= BUNDLE_MAX_REFERENCES) {
        too_deep(at, err);
        return NULL;
    }
    return v ? walk(r, v, depth + 1, err) : NULL;
}

static struct doc *text_node(struct run *r, const struct doc *like, struct str text)
{
    struct doc *d = ARENA_NEW(r->a, struct doc);
    *d = *like;
    d->kind = DOC_STRING;
    d->text = text;
    return d;
}

static struct doc *replace_text(struct run *r, const struct doc *d, int depth, struct err *err)
{
    size_t start, end, from = 0;
    struct str path;
    struct buf out;
    struct doc *result = NULL;
    if (!find_reference(d->text, 0, &start, &end, &path))
        return (struct doc *)d;
    err->code = ERR_OK;
    if (start == 0 && end == d->text.len) {
        const struct doc *v = value_of(r, d, path, depth, err);
        if (!v)
            return err->code == ERR_OK ? (struct doc *)d : NULL;
        struct doc *copy = ARENA_NEW(r->a, struct doc);
        *copy = *v;
        copy->file = d->file; /* paths are relative to where the reference stands */
        copy->line = d->line;
        copy->col = d->col;
        return copy;
    }
    buf_init(&out);
    for (; find_reference(d->text, from, &start, &end, &path); from = end) {
        buf_str(&out, str_sub(d->text, from, start - from));
        const struct doc *v = value_of(r, d, path, depth, err);
        if (!v && err->code != ERR_OK)
            goto done;
        if (!v) {
            buf_str(&out, str_sub(d->text, start, end - start));
        } else if (v->kind == DOC_ARRAY || v->kind == DOC_OBJECT) {
            doc_err(d, ERR_INPUT, err, "${%.*s} is a %s: it can stand alone only, not within text", STR_ARGS(path), doc_kind_name(v->kind));
            goto done;
        } else if (v->kind == DOC_BOOL) {
            buf_z(&out, v->boolean ? "true" : "false");
        } else {
            buf_str(&out, v->text);
        }
    }
    buf_str(&out, str_from(d->text, from));
    result = text_node(r, d, str_copy(r->a, buf_view(&out)));
done:
    buf_release(&out);
    return result;
}

static struct doc *walk(struct run *r, const struct doc *d, int depth, struct err *err)
{
    if (d->kind == DOC_STRING)
        return replace_text(r, d, depth, err);
    if (d->kind != DOC_ARRAY && d->kind != DOC_OBJECT)
        return (struct doc *)d;
    struct doc *out = ARENA_NEW(r->a, struct doc);
    *out = *d;
    out->items = ARENA_ARRAY(r->a, struct doc *, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        if (!(out->items[i] = walk(r, d->items[i], depth, err)))
            return NULL;
    return out;
}

struct doc *interpolate(struct arena *a, const struct doc *d, interpolate_fn get, void *ctx, struct err *err)
{
    struct run r = {a, get, ctx};
    return walk(&r, d, 0, err);
}
