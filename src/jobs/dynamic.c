#include "jobs/dynamic.h"

/* Whose references are replaced, and by what. */
struct replacing { bool (*known)(struct str path); dynamic_fn get; void *ctx; };

static bool known_namespace(struct str path)
{
    static const char *const names[] = {"job.", "task.", "tasks.", "workspace."};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_starts_z(path, names[i]))
            return true;
    return false;
}

static bool is_input(struct str path) { return str_eqz(path, "input") || str_starts_z(path, "input."); }

/* "job.parameters.[name]", as the documentation writes it, is job.parameters.name. */
static struct str without_brackets(struct arena *a, struct str path)
{
    int64_t open = str_chr(path, '[');
    if (open < 1 || path.ptr[open - 1] != '.' || path.ptr[path.len - 1] != ']')
        return path;
    return str_fmt(a, "%.*s%.*s", STR_ARGS(str_sub(path, 0, (size_t)open)), STR_ARGS(str_sub(path, (size_t)open + 1, path.len - (size_t)open - 2)));
}

static struct doc *replace_text(struct arena *a, const struct doc *d, const struct replacing *r, struct err *err)
{
    struct buf out;
    struct str s = d->text;
    bool changed = false;
    buf_init(&out);
    while (s.len) {
        int64_t open = str_find(s, STR("{{")), close = open < 0 ? -1 : str_find(str_from(s, (size_t)open), STR("}}"));
        if (close < 0)
            break;
        struct str path = without_brackets(a, str_trim(str_sub(s, (size_t)open + 2, (size_t)close - 2))), value;
        buf_str(&out, str_sub(s, 0, (size_t)open));
        if (!r->known(path)) {
            buf_str(&out, str_sub(s, (size_t)open, (size_t)close + 2));
        } else if (r->get(r->ctx, path, &value)) {
            buf_str(&out, value);
            changed = true;
        } else {
            buf_release(&out);
            doc_err(d, ERR_INPUT, err, "unknown reference {{%.*s}}", STR_ARGS(path));
            return NULL;
        }
        s = str_from(s, (size_t)open + (size_t)close + 2);
    }
    buf_str(&out, s);
    struct doc *result = (struct doc *)d;
    if (changed) {
        result = ARENA_NEW(a, struct doc);
        *result = *d;
        result->text = str_copy(a, buf_view(&out));
    }
    buf_release(&out);
    return result;
}

static struct doc *replace(struct arena *a, const struct doc *d, const struct replacing *r, struct err *err)
{
    if (d->kind == DOC_STRING)
        return replace_text(a, d, r, err);
    if (d->kind != DOC_ARRAY && d->kind != DOC_OBJECT)
        return (struct doc *)d;
    struct doc *out = ARENA_NEW(a, struct doc);
    *out = *d;
    out->items = ARENA_ARRAY(a, struct doc *, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        if (!(out->items[i] = replace(a, d->items[i], r, err)))
            return NULL;
    return out;
}

struct doc *dynamic_replace(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err)
{
    return replace(a, d, &(struct replacing){known_namespace, get, ctx}, err);
}

struct doc *dynamic_input(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err)
{
    return replace(a, d, &(struct replacing){is_input, get, ctx}, err);
}
