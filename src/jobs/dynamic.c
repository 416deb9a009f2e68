#include "jobs/dynamic.h"

static bool known_namespace(struct str path)
{
    static const char *const names[] = {"job.", "task.", "tasks.", "workspace."};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_starts_z(path, names[i]))
            return true;
    return false;
}

static struct doc *replace_text(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err)
{
    struct buf out;
    struct str s = d->text;
    bool changed = false;
    buf_init(&out);
    while (s.len) {
        int64_t open = str_find(s, STR("{{")), close = open < 0 ? -1 : str_find(str_from(s, (size_t)open), STR("}}"));
        if (close < 0)
            break;
        struct str path = str_trim(str_sub(s, (size_t)open + 2, (size_t)close - 2)), value;
        buf_str(&out, str_sub(s, 0, (size_t)open));
        if (!known_namespace(path)) {
            buf_str(&out, str_sub(s, (size_t)open, (size_t)close + 2));
        } else if (get(ctx, path, &value)) {
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

struct doc *dynamic_replace(struct arena *a, const struct doc *d, dynamic_fn get, void *ctx, struct err *err)
{
    if (d->kind == DOC_STRING)
        return replace_text(a, d, get, ctx, err);
    if (d->kind != DOC_ARRAY && d->kind != DOC_OBJECT)
        return (struct doc *)d;
    struct doc *out = ARENA_NEW(a, struct doc);
    *out = *d;
    out->items = ARENA_ARRAY(a, struct doc *, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        if (!(out->items[i] = dynamic_replace(a, d->items[i], get, ctx, err)))
            return NULL;
    return out;
}
