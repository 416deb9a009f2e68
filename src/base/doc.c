/* doc.c -- access to and building of document trees; see doc.h. The readers are doc_json.c and
 * doc_yaml.c, the writers doc_write.c. Lookup walks the keys: objects in artifacts are small, and
 * whoever asks a large one often makes a map. */
#include "base/doc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [DOC_NULL] = "null",       [DOC_BOOL] = "a boolean",  [DOC_INT] = "an integer",
    [DOC_FLOAT] = "a number",  [DOC_STRING] = "a string", [DOC_ARRAY] = "an array",
    [DOC_OBJECT] = "an object"};

const char *doc_kind_name(enum doc_kind kind)
{
    return kind_names[kind];
}

struct doc *doc_get_str(const struct doc *obj, struct str key)
{
    if (!doc_is(obj, DOC_OBJECT))
        return NULL;
    for (size_t i = obj->count; i-- > 0;)
        if (str_eq(obj->keys[i].name, key))
            return obj->items[i];
    return NULL;
}

struct doc *doc_get(const struct doc *obj, const char *key)
{
    return doc_get_str(obj, str_z(key));
}

struct doc *doc_iget(const struct doc *obj, const char *key)
{
    struct doc *exact = doc_get(obj, key);
    if (exact || !doc_is(obj, DOC_OBJECT))
        return exact;
    for (size_t i = obj->count; i-- > 0;)
        if (str_ieqz(obj->keys[i].name, key))
            return obj->items[i];
    return NULL;
}

struct doc *doc_path(const struct doc *obj, const char *dotted)
{
    struct str rest = str_z(dotted), part;
    const struct doc *at = obj;
    while (at && str_split(&rest, '.', &part))
        at = doc_get_str(at, part);
    return (struct doc *)at;
}

bool doc_is(const struct doc *d, enum doc_kind kind)
{
    return d && d->kind == kind;
}

bool doc_i64(const struct doc *d, int64_t *out)
{
    return doc_is(d, DOC_INT) && str_i64(d->text, out);
}

bool doc_f64(const struct doc *d, double *out)
{
    return (doc_is(d, DOC_INT) || doc_is(d, DOC_FLOAT)) && str_f64(d->text, out);
}

struct str doc_str(const struct doc *d, struct str otherwise)
{
    return doc_is(d, DOC_STRING) ? d->text : otherwise;
}

bool doc_bool(const struct doc *d, bool otherwise)
{
    return doc_is(d, DOC_BOOL) ? d->boolean : otherwise;
}

struct str doc_text(const struct doc *d)
{
    if (!d || d->kind == DOC_NULL || d->kind == DOC_ARRAY || d->kind == DOC_OBJECT)
        return STR_NONE;
    return d->kind == DOC_BOOL ? (d->boolean ? STR("true") : STR("false")) : d->text.ptr ? d->text : STR("");
}

int doc_err(const struct doc *at, enum err_code code, struct err *err, const char *fmt, ...)
{
    char msg[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (!at)
        return err_set(err, code, "%s", msg);
    return err_at(err, code, at->file, at->line, at->col, "%s", msg);
}

struct doc *doc_need(const struct doc *obj, const char *key, enum doc_kind kind, struct err *err)
{
    if (!doc_is(obj, DOC_OBJECT)) {
        doc_err(obj, ERR_INPUT, err, "expected an object with the key '%s', found %s", key,
                obj ? doc_kind_name(obj->kind) : "nothing");
        return NULL;
    }
    struct doc *d = doc_get(obj, key);
    if (!d) {
        doc_err(obj, ERR_INPUT, err, "the key '%s' is missing: it holds %s", key,
                doc_kind_name(kind));
        return NULL;
    }
    if (d->kind == kind || (kind == DOC_FLOAT && d->kind == DOC_INT))
        return d;
    doc_err(d, ERR_INPUT, err, "the key '%s' must hold %s, found %s", key, doc_kind_name(kind),
            doc_kind_name(d->kind));
    return NULL;
}

static bool items_equal(const struct doc *a, const struct doc *b, int depth);

static bool equal(const struct doc *a, const struct doc *b, int depth)
{
    CHECK(depth <= DOC_MAX_TREE_DEPTH);
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind)
        return false;
    switch (a->kind) {
    case DOC_NULL:
        return true;
    case DOC_BOOL:
        return a->boolean == b->boolean;
    case DOC_INT:
    case DOC_FLOAT:
    case DOC_STRING:
        return str_eq(a->text, b->text);
    case DOC_ARRAY:
    case DOC_OBJECT:
        return a->count == b->count && items_equal(a, b, depth + 1);
    }
    UNREACHABLE();
}

/* Keys are unique on both sides, so equal counts and every key of `a` found in `b` is enough. */
static bool items_equal(const struct doc *a, const struct doc *b, int depth)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct doc *other = b->items[i];
        if (a->kind == DOC_OBJECT && !str_eq(a->keys[i].name, b->keys[i].name))
            other = doc_get_str(b, a->keys[i].name);
        if (!other || !equal(a->items[i], other, depth))
            return false;
    }
    return true;
}

bool doc_equal(const struct doc *a, const struct doc *b)
{
    return equal(a, b, 0);
}

static struct doc *new_of(struct arena *a, enum doc_kind kind)
{
    struct doc *d = ARENA_NEW(a, struct doc);
    d->kind = kind;
    return d;
}

struct doc *doc_new_null(struct arena *a)
{
    return new_of(a, DOC_NULL);
}

struct doc *doc_new_bool(struct arena *a, bool v)
{
    struct doc *d = new_of(a, DOC_BOOL);
    d->boolean = v;
    return d;
}

struct doc *doc_new_i64(struct arena *a, int64_t v)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)v);
    struct doc *d = new_of(a, DOC_INT);
    d->text = str_copy(a, str_of(text, (size_t)len));
    return d;
}

/* The text of a finite number: the fewest digits that read back the same, and always with a point
 * or an exponent, so that it is not taken for an integer. */
static struct str f64_text(struct arena *a, double v)
{
    char text[40];
    double back = 0;
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, v);
        if (str_f64(str_of(text, (size_t)len), &back) && back == v)
            break;
    }
    const char *suffix = strpbrk(text, ".e") ? "" : ".0";
    return str_fmt(a, "%s%s", text, suffix);
}

struct doc *doc_new_f64(struct arena *a, double v)
{
    struct doc *d = new_of(a, DOC_FLOAT);
    if (isnan(v))
        d->text = STR("NaN");
    else if (isinf(v))
        d->text = v < 0 ? STR("-Infinity") : STR("Infinity");
    else
        d->text = f64_text(a, v);
    return d;
}

struct doc *doc_new_str(struct arena *a, struct str v)
{
    struct doc *d = new_of(a, DOC_STRING);
    d->text = str_copy(a, v);
    return d;
}

struct doc *doc_new_array(struct arena *a)
{
    return new_of(a, DOC_ARRAY);
}

struct doc *doc_new_object(struct arena *a)
{
    return new_of(a, DOC_OBJECT);
}

/* A node that was read has exactly the room it needs (`room` 0). */
static void make_room(struct arena *a, struct doc *d)
{
    size_t cap = d->count, key_cap = d->count;
    if (d->count < d->room)
        return;
    CHECK(d->count < UINT32_MAX / 2);
    d->items = arena_grow(a, d->items, &cap, d->count + 1, sizeof *d->items);
    if (d->kind == DOC_OBJECT)
        d->keys = arena_grow(a, d->keys, &key_cap, d->count + 1, sizeof *d->keys);
    d->room = (uint32_t)cap;
}

void doc_push(struct arena *a, struct doc *array, struct doc *v)
{
    CHECK(array->kind == DOC_ARRAY);
    make_room(a, array);
    array->items[array->count++] = v;
}

void doc_set(struct arena *a, struct doc *obj, struct str key, struct doc *v)
{
    CHECK(obj->kind == DOC_OBJECT);
    for (size_t i = obj->count; i-- > 0;) {
        if (str_eq(obj->keys[i].name, key)) {
            obj->items[i] = v;
            return;
        }
    }
    make_room(a, obj);
    obj->keys[obj->count] = (struct doc_key){.name = str_copy(a, key)};
    obj->items[obj->count++] = v;
}
