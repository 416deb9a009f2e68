/* Evaluation of the tree, documents with expressions in them, and the check before a run. */
#include "factory/expr_int.h"

#include <stdio.h>
#include <string.h>

static const char *const class_names[] = {
    [ADF_OK] = "ok",
    [ADF_SYNTAX] = "syntax",
    [ADF_UNDEFINED_FUNCTION] = "undefined-function",
    [ADF_ARGUMENT_COUNT] = "argument-count",
    [ADF_ARGUMENT_TYPE] = "argument-type",
    [ADF_ARGUMENT_RANGE] = "argument-range",
    [ADF_CONVERSION] = "conversion",
    [ADF_BAD_DATETIME] = "bad-datetime",
    [ADF_BAD_FORMAT] = "bad-format",
    [ADF_DIVIDE] = "divide",
    [ADF_OVERFLOW] = "overflow",
    [ADF_INDEX_RANGE] = "index-range",
    [ADF_MISSING_PROPERTY] = "missing-property",
    [ADF_NOT_SELECTABLE] = "not-selectable",
    [ADF_OTHER] = "other",
};

const char *adf_class_name(enum adf_class cls)
{
    return class_names[cls];
}

static const struct adf_fn *const tables[] = {
    adf_text_fns, adf_list_fns, adf_logic_fns, adf_math_fns, adf_convert_fns,
    adf_xml_fns,  adf_date_fns, adf_scope_fns,
};

const struct adf_fn *adf_find_fn(struct str name)
{
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (const struct adf_fn *f = tables[t]; f->name; f++)
            if (str_ieqz(name, f->name))
                return f;
    return NULL;
}

/* ---------------------------------------------------------------- errors */

/* The byte of the file where byte `at` of a JSON string stands: what had to be escaped is longer. */
static size_t width_in_file(struct str text, size_t at)
{
    size_t width = 0;
    for (size_t i = 0; i < at && i < text.len; i++)
        width += strchr("\"\\\n\r\t\b\f", text.ptr[i]) ? 2 : 1;
    return width;
}

const struct doc *adf_fail(struct adf_env *e, size_t at, enum adf_class cls, const char *fmt, ...)
{
    char msg[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    e->cls = cls;
    struct str shown = e->text.len > 80 ? str_sub(e->text, 0, 80) : e->text;
    while (shown.len && ((unsigned char)shown.ptr[shown.len - 1] & 0xc0) == 0x80)
        shown.len--;
    if (shown.len < e->text.len && shown.len && (unsigned char)shown.ptr[shown.len - 1] >= 0xc0)
        shown.len--;
    err_set(e->err, ERR_INPUT, "expression '%.*s'%s: %s", STR_ARGS(shown),
            shown.len < e->text.len ? "…" : "", msg);
    if (e->where && e->where->file)
        err_locate(e->err, e->where->file, e->where->line,
                   e->where->col + 1 + (int)width_in_file(e->text, at));
    return NULL;
}

static const char *kind_word(const struct doc *d)
{
    static const char *const words[] = {"null",     "a boolean", "an integer", "a float",
                                        "a string", "an array",  "an object"};
    return words[d->kind];
}

const struct doc *adf_fail_type(struct adf_env *e, const struct adf_node *node, size_t arg,
                                 const char *expects, const struct doc *got)
{
    return adf_fail(e, node->at, ADF_ARGUMENT_TYPE, "'%.*s' expects %s as parameter %zu, not %s",
                     STR_ARGS(node->name), expects, arg + 1, kind_word(got));
}

bool adf_arg_str(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                  size_t i, struct str *out)
{
    if (args[i]->kind == DOC_STRING) {
        *out = args[i]->text;
        return true;
    }
    return adf_fail_type(e, node, i, "a string", args[i]);
}

bool adf_arg_int(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                  size_t i, int64_t *out)
{
    return doc_i64(args[i], out) || adf_fail_type(e, node, i, "an integer", args[i]);
}

/* ---------------------------------------------------------------- properties */

static const struct doc *find_key(const struct doc *obj, struct str key)
{
    const struct doc *exact = doc_get_str(obj, key);
    for (size_t i = 0; !exact && i < obj->count; i++)
        if (str_ieq(obj->keys[i].name, key))
            return obj->items[i];
    return exact;
}

static const struct doc *missing(struct adf_env *e, const struct adf_node *n, struct str key,
                                 const struct doc *obj)
{
    struct buf names;
    buf_init_max(&names, 160);
    for (size_t i = 0; i < obj->count; i++)
        buf_printf(&names, "%s%.*s", i ? ", " : "", STR_ARGS(obj->keys[i].name));
    adf_fail(e, n->at, ADF_MISSING_PROPERTY, "there is no property '%.*s'; there are: %s",
              STR_ARGS(key), obj->count ? names.ptr : "none");
    buf_release(&names);
    return NULL;
}

static const struct doc *select_key(struct adf_env *e, const struct adf_node *n,
                                    const struct doc *base, struct str key)
{
    const struct doc *v;
    if (base->kind == DOC_NULL && n->safe)
        return base;
    if (base->kind != DOC_OBJECT)
        return adf_fail(e, n->at, ADF_NOT_SELECTABLE, "property '%.*s' of %s: it has none%s",
                         STR_ARGS(key), kind_word(base),
                         base->kind == DOC_NULL ? "; write ?. if it may be null" : "");
    v = find_key(base, key);
    if (v)
        return v;
    return n->safe ? doc_new_null(e->a) : missing(e, n, key, base);
}

static const struct doc *select_index(struct adf_env *e, const struct adf_node *n,
                                      const struct doc *base, const struct doc *index)
{
    int64_t i;
    if (index->kind == DOC_STRING)
        return base->kind == DOC_ARRAY
                   ? adf_fail(e, n->at, ADF_NOT_SELECTABLE,
                               "an array is indexed by an integer, not by '%.*s'",
                               STR_ARGS(index->text))
                   : select_key(e, n, base, index->text);
    if (base->kind == DOC_NULL && n->safe)
        return base;
    if (base->kind != DOC_ARRAY || !doc_i64(index, &i))
        return adf_fail(e, n->at, ADF_NOT_SELECTABLE, "%s cannot be indexed by %s",
                         kind_word(base), kind_word(index));
    if (i >= 0 && (size_t)i < base->count)
        return base->items[i];
    if (n->safe)
        return doc_new_null(e->a);
    return adf_fail(e, n->at, ADF_INDEX_RANGE, "index %jd is outside an array of %zu items",
                     (intmax_t)i, base->count);
}

/* ---------------------------------------------------------------- evaluation */

static const struct doc *eval_call(struct adf_env *e, const struct adf_node *n)
{
    const struct doc **args = ARENA_ARRAY(e->a, const struct doc *, n->count + 1);
    for (size_t i = 0; i < n->count && !n->fn->lazy; i++)
        if (!(args[i] = adf_eval(e, n->args[i])))
            return NULL;
    return n->fn->fn(e, n, args, n->count);
}

static const struct doc *eval_join(struct adf_env *e, const struct adf_node *n)
{
    struct buf b;
    const struct doc *v, *out = NULL;
    buf_init_max(&b, ADF_MAX_RESULT);
    for (size_t i = 0; i < n->count; i++) {
        if (!(v = adf_eval(e, n->args[i])))
            goto done;
        buf_str(&b, adf_to_string(e->a, v));
    }
    out = b.overflow ? adf_fail(e, 0, ADF_OTHER, "the text grows beyond %d bytes", ADF_MAX_RESULT)
                     : adf_str(e, buf_view(&b));
done:
    buf_release(&b);
    return out;
}

const struct doc *adf_eval(struct adf_env *e, const struct adf_node *n)
{
    const struct doc *base, *index;
    switch (n->kind) {
    case NODE_LITERAL:
        return n->value;
    case NODE_CALL:
        return eval_call(e, n);
    case NODE_JOIN:
        return eval_join(e, n);
    case NODE_MEMBER:
        base = adf_eval(e, n->args[0]);
        return base ? select_key(e, n, base, n->name) : NULL;
    case NODE_INDEX:
        if (!(base = adf_eval(e, n->args[0])) || !(index = adf_eval(e, n->args[1])))
            return NULL;
        return select_index(e, n, base, index);
    }
    UNREACHABLE();
}

const struct doc *adf_text(struct arena *a, const struct adf_scope *scope, struct str text,
                            const struct doc *at, enum adf_class *cls, struct err *err)
{
    struct adf_env e = {.a = a, .scope = scope, .text = text, .where = at, .err = err};
    struct adf_node *n = adf_parse(&e);
    const struct doc *v = n ? adf_eval(&e, n) : NULL;
    if (cls)
        *cls = e.cls;
    return v;
}

const struct doc *adf_wrapped(const struct doc *d)
{
    const struct doc *type = doc_get(d, "type");
    if (!doc_is(d, DOC_OBJECT) || d->count != 2 || !doc_is(type, DOC_STRING) ||
        !str_eqz(type->text, "Expression"))
        return NULL;
    return doc_get(d, "value");
}

static const struct doc *eval_node(struct arena *a, const struct adf_scope *scope,
                                   const struct doc *d, int depth, struct err *err)
{
    const struct doc *inner, *v;
    struct doc *out;
    if (depth > DOC_MAX_DEPTH) {
        doc_err(d, ERR_LIMIT, err, "more than %d levels", DOC_MAX_DEPTH);
        return NULL;
    }
    if (d->kind == DOC_STRING)
        return adf_text(a, scope, d->text, d, NULL, err);
    if ((inner = adf_wrapped(d)))
        return eval_node(a, scope, inner, depth + 1, err);
    if (d->kind != DOC_ARRAY && d->kind != DOC_OBJECT)
        return d;
    out = d->kind == DOC_ARRAY ? doc_new_array(a) : doc_new_object(a);
    for (size_t i = 0; i < d->count; i++) {
        if (!(v = eval_node(a, scope, d->items[i], depth + 1, err)))
            return NULL;
        if (d->kind == DOC_ARRAY)
            doc_push(a, out, (struct doc *)v);
        else
            doc_set(a, out, d->keys[i].name, (struct doc *)v);
    }
    out->file = d->file;
    out->line = d->line;
    out->col = d->col;
    return out;
}

const struct doc *adf_doc(struct arena *a, const struct adf_scope *scope, const struct doc *d,
                           struct err *err)
{
    return eval_node(a, scope, d, 0, err);
}

/* ---------------------------------------------------------------- the check before a run */

/* pipeline().parameters.x -> 3 and ("pipeline", "parameters", "x"): how many names stand along the
 * accessors, and the first three; 0 if it does not start with a call. */
static size_t path_of(const struct adf_node *n, struct str names[3])
{
    struct str rev[16];
    size_t count = 0;
    for (; n->kind == NODE_MEMBER || n->kind == NODE_INDEX; n = n->args[0]) {
        bool named = n->kind == NODE_MEMBER || (n->args[1]->kind == NODE_LITERAL &&
                                                n->args[1]->value->kind == DOC_STRING);
        if (count == COUNT_OF(rev))
            return 0;
        rev[count++] = !named ? STR_NONE : n->kind == NODE_MEMBER ? n->name : n->args[1]->value->text;
    }
    if (n->kind != NODE_CALL)
        return 0;
    names[0] = n->name;
    for (size_t i = 0; i < count && i < 2; i++)
        names[i + 1] = rev[count - 1 - i];
    return count + 1;
}

static int report(struct adf_env *e, const struct adf_refs *refs, enum adf_ref kind,
                  struct str name, const struct adf_node *n)
{
    struct doc at = {.kind = DOC_STRING};
    if (e->where)
        at = *e->where;
    at.col += 1 + (int)width_in_file(e->text, n->at);
    return refs->ref(refs->ctx, kind, name, &at, e->err);
}

static int check_path(struct adf_env *e, const struct adf_node *n, const struct adf_refs *refs)
{
    struct str names[3] = {};
    size_t count = path_of(n, names);
    if (count == 3 && str_ieqz(names[0], "pipeline") && names[2].len) {
        if (str_ieqz(names[1], "parameters"))
            return report(e, refs, ADF_REF_PARAMETER, names[2], n);
        if (str_ieqz(names[1], "globalParameters"))
            return report(e, refs, ADF_REF_GLOBAL, names[2], n);
    }
    if (count == 2 && names[1].len && str_ieqz(names[0], "dataset"))
        return report(e, refs, ADF_REF_DATASET, names[1], n);
    if (count == 2 && names[1].len && str_ieqz(names[0], "linkedService"))
        return report(e, refs, ADF_REF_LINKED_SERVICE, names[1], n);
    return 0;
}

static int check_call_refs(struct adf_env *e, const struct adf_node *n,
                           const struct adf_refs *refs)
{
    static const struct { const char *name; enum adf_ref kind; bool named; } rows[] = {
        {"activity", ADF_REF_ACTIVITY, true},   {"variables", ADF_REF_VARIABLE, true},
        {"item", ADF_REF_ITEM, false},          {"trigger", ADF_REF_TRIGGER, false},
        {"triggerBody", ADF_REF_TRIGGER, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!str_ieqz(n->name, rows[i].name))
            continue;
        if (!rows[i].named)
            return report(e, refs, rows[i].kind, STR_NONE, n);
        if (n->count == 1 && n->args[0]->kind == NODE_LITERAL &&
            n->args[0]->value->kind == DOC_STRING)
            return report(e, refs, rows[i].kind, n->args[0]->value->text, n);
    }
    return 0;
}

static int check_tree(struct adf_env *e, const struct adf_node *n, const struct adf_refs *refs)
{
    if (n->kind == NODE_CALL && check_call_refs(e, n, refs))
        return -1;
    if ((n->kind == NODE_MEMBER || n->kind == NODE_INDEX) && check_path(e, n, refs))
        return -1;
    for (size_t i = 0; i < n->count; i++)
        if (check_tree(e, n->args[i], refs))
            return -1;
    return 0;
}

static int check_node(struct arena *a, const struct doc *d, const struct adf_refs *refs, int depth,
                      struct err *err)
{
    if (depth > DOC_MAX_DEPTH)
        return doc_err(d, ERR_LIMIT, err, "more than %d levels", DOC_MAX_DEPTH);
    if (d->kind == DOC_STRING) {
        struct adf_env e = {.a = a, .text = d->text, .where = d, .err = err};
        struct adf_node *n = adf_parse(&e);
        return !n ? -1 : refs ? check_tree(&e, n, refs) : 0;
    }
    for (size_t i = 0; i < d->count; i++)
        if (check_node(a, d->items[i], refs, depth + 1, err))
            return -1;
    return 0;
}

int adf_check(const struct doc *d, const struct adf_refs *refs, struct err *err)
{
    struct arena *a = arena_new();
    int rc = check_node(a, d, refs, 0, err);
    arena_free(a);
    return rc;
}
