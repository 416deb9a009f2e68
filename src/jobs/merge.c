#include "jobs/merge.h"

/* Lists whose elements are told apart by a member. */
static const struct { const char *list, *key; } KEYED[] = {
    {"tasks", "task_key"}, {"job_clusters", "job_cluster_key"}, {"parameters", "name"}, {"clusters", "label"},
};

static struct doc *shell(struct arena *a, const struct doc *like)
{
    struct doc *d = ARENA_NEW(a, struct doc);
    *d = *like;
    d->count = 0;
    d->items = NULL;
    d->keys = NULL;
    d->room = 0;
    return d;
}

/* doc_set, keeping where the key was written. */
static void set_at(struct arena *a, struct doc *obj, const struct doc_key *key, struct doc *v)
{
    doc_set(a, obj, key->name, v);
    for (size_t i = 0; i < obj->count; i++)
        if (str_eq(obj->keys[i].name, key->name) && !obj->keys[i].line) {
            obj->keys[i].line = key->line;
            obj->keys[i].col = key->col;
        }
}

struct doc *bundle_copy(struct arena *a, const struct doc *d)
{
    if (!doc_is(d, DOC_OBJECT) && !doc_is(d, DOC_ARRAY))
        return (struct doc *)d;
    struct doc *out = shell(a, d);
    for (size_t i = 0; i < d->count; i++) {
        if (d->kind == DOC_OBJECT)
            set_at(a, out, &d->keys[i], bundle_copy(a, d->items[i]));
        else
            doc_push(a, out, bundle_copy(a, d->items[i]));
    }
    return out;
}

static struct doc *merge_named(struct arena *a, const struct doc *base, const struct doc *over, struct str name);

static const char *key_of(struct str list)
{
    for (size_t i = 0; i < COUNT_OF(KEYED); i++)
        if (str_eqz(list, KEYED[i].list))
            return KEYED[i].key;
    return NULL;
}

static struct doc *merge_lists(struct arena *a, const struct doc *base, const struct doc *over, const char *key)
{
    struct doc *out = bundle_copy(a, base);
    for (size_t i = 0; i < over->count; i++) {
        struct str id = key ? doc_str(doc_get(over->items[i], key), STR_NONE) : STR_NONE;
        size_t at = 0;
        while (id.ptr && at < out->count && !str_ieq(doc_str(doc_get(out->items[at], key), STR_NONE), id))
            at++;
        if (id.ptr && at < out->count)
            out->items[at] = merge_named(a, out->items[at], over->items[i], STR_NONE);
        else
            doc_push(a, out, bundle_copy(a, over->items[i]));
    }
    return out;
}

static struct doc *merge_named(struct arena *a, const struct doc *base, const struct doc *over, struct str name)
{
    if (!over || over->kind == DOC_NULL)
        return base ? bundle_copy(a, base) : bundle_copy(a, over);
    if (!base || base->kind != over->kind)
        return bundle_copy(a, over);
    if (base->kind == DOC_ARRAY)
        return merge_lists(a, base, over, key_of(name));
    if (base->kind != DOC_OBJECT)
        return (struct doc *)over;
    struct doc *out = bundle_copy(a, base);
    for (size_t i = 0; i < over->count; i++)
        set_at(a, out, &over->keys[i], merge_named(a, doc_get_str(base, over->keys[i].name), over->items[i], over->keys[i].name));
    return out;
}

struct doc *bundle_merge(struct arena *a, const struct doc *base, const struct doc *over)
{
    return merge_named(a, base, over, STR_NONE);
}
