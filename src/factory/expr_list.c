/* Collection functions: over arrays, strings and objects. Membership and distinctness are deep and
 * exact (1 and 1.0 differ inside a collection); objects merge at the top level only. */
#include "factory/expr_int.h"

#include <stdlib.h>

static ADF_FN(fn_contains)
{
    const struct doc *in = args[0];
    struct str needle;
    (void)count;
    if (in->kind == DOC_ARRAY) {
        for (size_t i = 0; i < in->count; i++)
            if (doc_equal(in->items[i], args[1]))
                return adf_bool(e, true);
        return adf_bool(e, false);
    }
    if (in->kind != DOC_STRING && in->kind != DOC_OBJECT)
        return adf_fail_type(e, node, 0, "a string, an array or an object", in);
    if (!adf_arg_str(e, node, args, 1, &needle))
        return NULL;
    if (in->kind == DOC_STRING)
        return adf_bool(e, !needle.len || str_find(in->text, needle) >= 0);
    return adf_bool(e, doc_iget(in, str_cz(e->a, needle)) != NULL);
}

static ADF_FN(fn_empty)
{
    const struct doc *v = args[0];
    (void)count;
    switch (v->kind) {
    case DOC_NULL:
        return adf_bool(e, true);
    case DOC_STRING:
        return adf_bool(e, v->text.len == 0);
    case DOC_ARRAY:
    case DOC_OBJECT:
        return adf_bool(e, v->count == 0);
    default:
        return adf_fail_type(e, node, 0, "a string, an array or an object", v);
    }
}

static ADF_FN(fn_length)
{
    (void)count;
    if (args[0]->kind == DOC_ARRAY)
        return adf_int(e, (int64_t)args[0]->count);
    if (args[0]->kind == DOC_STRING)
        return adf_int(e, (int64_t)adf_units(args[0]->text));
    return adf_fail_type(e, node, 0, "a string or an array", args[0]);
}

static const struct doc *end_of(struct adf_env *e, const struct adf_node *node,
                                const struct doc *v, bool last)
{
    if (v->kind == DOC_ARRAY)
        return v->count ? v->items[last ? v->count - 1 : 0] : doc_new_null(e->a);
    if (v->kind != DOC_STRING)
        return adf_fail_type(e, node, 0, "a string or an array", v);
    struct adf_chars c = adf_decode(e->a, v->text);
    return adf_str(e, c.count ? adf_encode(e->a, c.c + (last ? c.count - 1 : 0), 1) : STR(""));
}

static ADF_FN(fn_first)
{
    (void)count;
    return end_of(e, node, args[0], false);
}

static ADF_FN(fn_last)
{
    (void)count;
    return end_of(e, node, args[0], true);
}

/* Items or units [from, to) of an array or a string, both clipped to its end. */
static const struct doc *span(struct adf_env *e, const struct adf_node *node, const struct doc *v,
                              size_t from, size_t to)
{
    if (v->kind == DOC_STRING) {
        size_t a = adf_unit_to_byte(v->text, from), b = adf_unit_to_byte(v->text, to);
        return adf_str(e, str_sub(v->text, a, b - a));
    }
    if (v->kind != DOC_ARRAY)
        return adf_fail_type(e, node, 0, "a string or an array", v);
    struct doc *out = doc_new_array(e->a);
    for (size_t i = from; i < to && i < v->count; i++)
        doc_push(e->a, out, v->items[i]);
    return out;
}

static bool count_arg(struct adf_env *e, const struct adf_node *node,
                      const struct doc *const *args, size_t *n)
{
    int64_t v;
    if (!adf_arg_int(e, node, args, 1, &v))
        return false;
    if (v < 0) {
        adf_fail(e, node->at, ADF_ARGUMENT_RANGE, "'%.*s' cannot count %jd items",
                  STR_ARGS(node->name), (intmax_t)v);
        return false;
    }
    *n = (size_t)v;
    return true;
}

static ADF_FN(fn_skip)
{
    size_t n;
    (void)count;
    return count_arg(e, node, args, &n) ? span(e, node, args[0], n, SIZE_MAX) : NULL;
}

static ADF_FN(fn_take)
{
    size_t n;
    (void)count;
    return count_arg(e, node, args, &n) ? span(e, node, args[0], 0, n) : NULL;
}

static ADF_FN(fn_join)
{
    struct str sep;
    struct buf b;
    (void)count;
    if (args[0]->kind != DOC_ARRAY)
        return adf_fail_type(e, node, 0, "an array", args[0]);
    if (!adf_arg_str(e, node, args, 1, &sep))
        return NULL;
    buf_init_max(&b, ADF_MAX_RESULT);
    for (size_t i = 0; i < args[0]->count; i++) {
        if (i)
            buf_str(&b, sep);
        buf_str(&b, adf_to_string(e->a, args[0]->items[i]));
    }
    const struct doc *out =
        b.overflow ? adf_fail(e, node->at, ADF_OTHER, "the text grows beyond %d bytes",
                               ADF_MAX_RESULT)
                   : adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

static bool holds(const struct doc *array, const struct doc *v)
{
    for (size_t i = 0; i < array->count; i++)
        if (doc_equal(array->items[i], v))
            return true;
    return false;
}

/* All arrays or all objects: the kind, or DOC_NULL after an error. */
static enum doc_kind one_kind(struct adf_env *e, const struct adf_node *node,
                              const struct doc *const *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum doc_kind want = args[0]->kind == DOC_OBJECT ? DOC_OBJECT : DOC_ARRAY;
        if (args[i]->kind != want) {
            adf_fail_type(e, node, i, i ? "arrays only or objects only" : "an array or an object",
                           args[i]);
            return DOC_NULL;
        }
    }
    return args[0]->kind;
}

static ADF_FN(fn_union)
{
    enum doc_kind kind = one_kind(e, node, args, count);
    struct doc *out = kind == DOC_OBJECT ? doc_new_object(e->a) : doc_new_array(e->a);
    if (kind == DOC_NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < args[i]->count; k++) {
            if (kind == DOC_OBJECT)
                doc_set(e->a, out, args[i]->keys[k].name, args[i]->items[k]);
            else if (!holds(out, args[i]->items[k]))
                doc_push(e->a, out, args[i]->items[k]);
        }
    return out;
}

static bool in_all(const struct doc *const *args, size_t count, size_t k)
{
    for (size_t i = 1; i < count; i++) {
        const struct doc *other = args[0]->kind == DOC_OBJECT
                                      ? doc_get_str(args[i], args[0]->keys[k].name)
                                      : NULL;
        if (args[0]->kind == DOC_OBJECT ? !other || !doc_equal(other, args[0]->items[k])
                                        : !holds(args[i], args[0]->items[k]))
            return false;
    }
    return true;
}

static ADF_FN(fn_intersection)
{
    enum doc_kind kind = one_kind(e, node, args, count);
    struct doc *out = kind == DOC_OBJECT ? doc_new_object(e->a) : doc_new_array(e->a);
    if (kind == DOC_NULL)
        return NULL;
    for (size_t k = 0; k < args[0]->count; k++) {
        if (!in_all(args, count, k))
            continue;
        if (kind == DOC_OBJECT)
            doc_set(e->a, out, args[0]->keys[k].name, args[0]->items[k]);
        else if (!holds(out, args[0]->items[k]))
            doc_push(e->a, out, args[0]->items[k]);
    }
    return out;
}

static ADF_FN(fn_reverse)
{
    struct doc *out = doc_new_array(e->a);
    (void)count;
    if (args[0]->kind != DOC_ARRAY)
        return adf_fail_type(e, node, 0, "an array", args[0]);
    for (size_t i = args[0]->count; i > 0; i--)
        doc_push(e->a, out, args[0]->items[i - 1]);
    return out;
}

static ADF_FN(fn_chunk)
{
    int64_t size;
    struct doc *out = doc_new_array(e->a);
    (void)count;
    if (!adf_arg_int(e, node, args, 1, &size))
        return NULL;
    if (size <= 0)
        return adf_fail(e, node->at, ADF_ARGUMENT_RANGE, "'chunk' needs a size above 0");
    size_t n = args[0]->kind == DOC_STRING ? adf_units(args[0]->text) : args[0]->count;
    for (size_t at = 0; at < n; at += (size_t)size) {
        const struct doc *piece = span(e, node, args[0], at, at + (size_t)size);
        if (!piece)
            return NULL;
        doc_push(e->a, out, (struct doc *)piece);
    }
    return out;
}

struct sort_item { const struct doc *key, *value; size_t at; struct arena *a; };

static int by_key(const void *x, const void *y)
{
    const struct sort_item *p = x, *q = y;
    int c = 0;
    if (p->key->kind == DOC_STRING && q->key->kind == DOC_STRING)
        c = adf_compare_text(p->a, p->key->text, q->key->text);
    else if (adf_is_num(p->key) && adf_is_num(q->key))
        c = adf_num(p->key) < adf_num(q->key) ? -1 : adf_num(p->key) > adf_num(q->key);
    else
        c = (int)p->key->kind - (int)q->key->kind;
    return c ? c : p->at < q->at ? -1 : 1;
}

static ADF_FN(fn_sort)
{
    struct str by = STR_NONE;
    struct doc *out = doc_new_array(e->a);
    if (args[0]->kind != DOC_ARRAY)
        return adf_fail_type(e, node, 0, "an array", args[0]);
    if (count > 1 && !adf_arg_str(e, node, args, 1, &by))
        return NULL;
    struct sort_item *items = ARENA_ARRAY(e->a, struct sort_item, args[0]->count + 1);
    for (size_t i = 0; i < args[0]->count; i++) {
        const struct doc *v = args[0]->items[i], *key = by.len ? doc_get_str(v, by) : v;
        items[i] = (struct sort_item){key ? key : doc_new_null(e->a), v, i, e->a};
    }
    qsort(items, args[0]->count, sizeof *items, by_key);
    for (size_t i = 0; i < args[0]->count; i++)
        doc_push(e->a, out, (struct doc *)items[i].value);
    return out;
}

const struct adf_fn adf_list_fns[] = {
    {"chunk", 2, 2, fn_chunk, false},
    {"contains", 2, 2, fn_contains, false},
    {"empty", 1, 1, fn_empty, false},
    {"first", 1, 1, fn_first, false},
    {"intersection", 1, -1, fn_intersection, false},
    {"join", 2, 2, fn_join, false},
    {"last", 1, 1, fn_last, false},
    {"length", 1, 1, fn_length, false},
    {"reverse", 1, 1, fn_reverse, false},
    {"skip", 2, 2, fn_skip, false},
    {"sort", 1, 2, fn_sort, false},
    {"take", 2, 2, fn_take, false},
    {"union", 1, -1, fn_union, false},
    {},
};
