#include "factory/model.h"
#include "factory/expr_int.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *folder, *word; } kinds[MODEL_KINDS] = {
    [MODEL_PIPELINE] = {"pipeline", "pipeline"},
    [MODEL_DATASET] = {"dataset", "dataset"},
    [MODEL_SERVICE] = {"linkedService", "linked service"},
    [MODEL_TRIGGER] = {"trigger", "trigger"},
    [MODEL_DATAFLOW] = {"dataflow", "data flow"},
};

const char *model_kind_name(enum model_kind kind)
{
    return kinds[kind].word;
}

/* ---------------------------------------------------------------- reading */

static void put_utf8(struct buf *out, uint32_t v)
{
    int more = v < 0x80 ? 0 : v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    buf_char(out, (char)(lead[more] | v >> (6 * more)));
    for (int k = more - 1; k >= 0; k--)
        buf_char(out, (char)(0x80 | (v >> (6 * k) & 0x3f)));
}

/* UTF-16 with a byte order mark becomes UTF-8; anything else stays. */
static struct str to_utf8(struct arena *a, struct str s)
{
    bool little = s.len >= 2 && memcmp(s.ptr, "\xff\xfe", 2) == 0;
    bool big = s.len >= 2 && memcmp(s.ptr, "\xfe\xff", 2) == 0;
    struct buf b;
    if (!little && !big)
        return s;
    buf_init(&b);
    for (size_t i = 2; i + 1 < s.len; i += 2) {
        uint32_t v = little ? le16_get(s.ptr + i) : be16_get(s.ptr + i);
        if (v >= 0xd800 && v < 0xdc00 && i + 3 < s.len) {
            uint32_t low = little ? le16_get(s.ptr + i + 2) : be16_get(s.ptr + i + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        put_utf8(&b, v >= 0xd800 && v < 0xe000 ? 0xfffd : v);
    }
    s = str_copy(a, buf_view(&b));
    buf_release(&b);
    return s;
}

static const struct doc *read_doc(struct model *m, const char *path, struct err *err)
{
    struct buf b;
    const struct doc *d = NULL;
    buf_init(&b);
    if (fs_read_file(path, MODEL_MAX_FILE, &b, err) == 0)
        d = doc_json(m->a, path, to_utf8(m->a, str_copy(m->a, buf_view(&b))), err);
    buf_release(&b);
    if (d && d->kind != DOC_OBJECT) {
        doc_err(d, ERR_INPUT, err, "an object is expected here, not %s", doc_kind_name(d->kind));
        return NULL;
    }
    return d;
}

static void add_item(struct model *m, enum model_kind kind, const char *path, const char *file_name)
{
    struct model_item *item = ARENA_NEW(m->a, struct model_item);
    struct str name = str_z(file_name);
    name.len -= 5; /* .json */
    item->kind = kind;
    item->file = path;
    item->doc = read_doc(m, path, &item->err);
    if (item->doc) {
        name = doc_str(doc_get(item->doc, "name"), name);
        item->props = doc_need(item->doc, "properties", DOC_OBJECT, &item->err);
    }
    item->name = str_cz(m->a, name);
    struct model_item *other = map_get(m->items[kind], name);
    if (other && item->props)
        doc_err(item->doc, ERR_INPUT, &other->err, "%s '%s' is also defined in %s",
                kinds[kind].word, item->name, other->file);
    if (other && item->props)
        other->props = NULL;
    else if (!other)
        map_put(m->items[kind], name, item);
}

static int load_kind(struct model *m, enum model_kind kind, struct err *err)
{
    char **names;
    char *dir = path_join(m->a, m->dir, kinds[kind].folder);
    if (!fs_exists(dir))
        return 0;
    int64_t n = fs_list(m->a, dir, &names, err);
    if (n < 0)
        return -1;
    if (n > MODEL_MAX_FILES)
        return err_set(err, ERR_LIMIT, "'%s' holds more than %d files", dir, MODEL_MAX_FILES);
    for (int64_t i = 0; i < n; i++)
        if (str_ends_z(str_z(names[i]), ".json"))
            add_item(m, kind, path_join(m->a, dir, names[i]), names[i]);
    return 0;
}

/* factory/NAME.json: the factory's name and its global parameters. */
static int load_factory(struct model *m, struct err *err)
{
    char **names;
    char *dir = path_join(m->a, m->dir, "factory");
    m->globals = doc_new_object(m->a);
    m->name = str_cz(m->a, path_base(str_z(m->dir)));
    if (!fs_exists(dir))
        return 0;
    int64_t n = fs_list(m->a, dir, &names, err);
    for (int64_t i = 0; i < n; i++) {
        if (!str_ends_z(str_z(names[i]), ".json"))
            continue;
        const struct doc *d = read_doc(m, path_join(m->a, dir, names[i]), err);
        if (!d)
            return -1;
        const struct doc *globals = doc_path(d, "properties.globalParameters");
        m->name = str_cz(m->a, doc_str(doc_get(d, "name"), str_z(m->name)));
        if (doc_is(globals, DOC_OBJECT))
            m->globals = globals;
    }
    return n < 0 ? -1 : 0;
}

struct model *model_load(const char *dir, struct err *err)
{
    struct model *m = NEW(struct model);
    m->a = arena_new();
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    m->dir = arena_strndup(m->a, dir, n);
    for (int i = 0; i < MODEL_KINDS; i++)
        m->items[i] = map_new_icase();
    if (!fs_exists(m->dir)) {
        err_set(err, ERR_NOT_FOUND, "there is no factory folder '%s'", m->dir);
        goto fail;
    }
    for (int i = 0; i < MODEL_KINDS; i++)
        if (load_kind(m, (enum model_kind)i, err))
            goto fail;
    if (load_factory(m, err))
        goto fail;
    return m;
fail:
    model_free(m);
    return NULL;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    for (int i = 0; i < MODEL_KINDS; i++)
        map_free(m->items[i]);
    arena_free(m->a);
    mem_free(m);
}

/* ---------------------------------------------------------------- names */

struct model_item *model_find(const struct model *m, enum model_kind kind, struct str name)
{
    return map_get(m->items[kind], name);
}

struct model_item *model_ref(const struct model *m, enum model_kind kind, const struct doc *ref,
                             struct err *err)
{
    const struct doc *name = doc_is(ref, DOC_OBJECT) ? doc_get(ref, "referenceName") : ref;
    struct model_item *item;
    if (!doc_is(name, DOC_STRING)) {
        doc_err(ref, ERR_INPUT, err, "a reference to a %s needs a \"referenceName\"",
                kinds[kind].word);
        return NULL;
    }
    item = model_find(m, kind, name->text);
    if (!item) {
        doc_err(name, ERR_NOT_FOUND, err, "there is no %s '%.*s': %s/%.*s.json is missing",
                kinds[kind].word, STR_ARGS(name->text), kinds[kind].folder, STR_ARGS(name->text));
        return NULL;
    }
    if (!item->props) {
        *err = item->err;
        return NULL;
    }
    return item;
}

/* ---------------------------------------------------------------- parameters */

const struct doc *model_params(const struct model_item *item, const char *key)
{
    static const struct doc none = {.kind = DOC_OBJECT};
    const struct doc *d = doc_get(item->props, key);
    return doc_is(d, DOC_OBJECT) ? d : &none;
}

static const struct doc *bad_value(struct str name, const struct doc *value, struct str type,
                                   struct err *err)
{
    doc_err(value, ERR_INPUT, err, "parameter '%.*s' is declared as %.*s; %s does not fit",
            STR_ARGS(name), STR_ARGS(type), doc_kind_name(value->kind));
    return NULL;
}

static const struct doc *from_text(struct arena *a, struct str type, struct str text)
{
    int64_t i;
    double f;
    if (str_ieqz(type, "int") || str_ieqz(type, "integer"))
        return str_i64(text, &i) ? doc_new_i64(a, i) : NULL;
    if (str_ieqz(type, "float"))
        return str_f64(text, &f) ? adf_float(a, f) : NULL;
    if (str_ieqz(type, "bool") || str_ieqz(type, "boolean"))
        return str_ieqz(text, "true") || str_ieqz(text, "false")
                   ? doc_new_bool(a, str_ieqz(text, "true"))
                   : NULL;
    return adf_read_json(a, text); /* array, object */
}

static bool fits(struct str type, enum doc_kind kind)
{
    static const struct { const char *type; enum doc_kind kind, other; } rows[] = {
        {"string", DOC_STRING, DOC_STRING},  {"securestring", DOC_STRING, DOC_STRING},
        {"int", DOC_INT, DOC_INT},           {"integer", DOC_INT, DOC_INT},
        {"float", DOC_FLOAT, DOC_INT},       {"bool", DOC_BOOL, DOC_BOOL},
        {"boolean", DOC_BOOL, DOC_BOOL},     {"array", DOC_ARRAY, DOC_ARRAY},
        {"object", DOC_OBJECT, DOC_ARRAY}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_ieqz(type, rows[i].type))
            return kind == rows[i].kind || kind == rows[i].other;
    return true; /* a type of later days */
}

const struct doc *model_coerce(struct arena *a, struct str name, const struct doc *decl,
                               const struct doc *value, struct err *err)
{
    struct str type = doc_str(doc_get(decl, "type"), STR("string"));
    const struct doc *v;
    if (value->kind == DOC_NULL || fits(type, value->kind))
        return value;
    if (str_ieqz(type, "string") || str_ieqz(type, "securestring"))
        return doc_new_str(a, adf_to_string(a, value));
    if (value->kind == DOC_STRING && (v = from_text(a, type, value->text)) && fits(type, v->kind))
        return v;
    return bad_value(name, value, type, err);
}

static const struct doc *given_value(const struct doc *given, struct str name)
{
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        if (str_ieq(given->keys[i].name, name))
            return given->items[i];
    return NULL;
}

const struct doc *model_bind(struct arena *a, const struct doc *declared, const struct doc *given,
                             const struct doc *at, struct err *err)
{
    struct doc *out = doc_new_object(a);
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        if (!given_value(declared, given->keys[i].name)) {
            doc_err(at, ERR_INPUT, err, "there is no parameter '%.*s'",
                    STR_ARGS(given->keys[i].name));
            return NULL;
        }
    for (size_t i = 0; i < declared->count; i++) {
        struct str name = declared->keys[i].name;
        const struct doc *v = given_value(given, name);
        if (!v)
            v = doc_get(declared->items[i], "defaultValue");
        if (!v) {
            doc_err(at, ERR_INPUT, err, "parameter '%.*s' has no default and is not given",
                    STR_ARGS(name));
            return NULL;
        }
        if (!(v = model_coerce(a, name, declared->items[i], v, err)))
            return NULL;
        doc_set(a, out, name, (struct doc *)v);
    }
    return out;
}

/* ---------------------------------------------------------------- small values */

const struct doc *doc_deep_copy(struct arena *a, const struct doc *d)
{
    struct doc *out = arena_copy(a, d, sizeof *d);
    if (d->kind == DOC_STRING || d->kind == DOC_INT || d->kind == DOC_FLOAT)
        out->text = str_copy(a, d->text);
    if (d->kind != DOC_ARRAY && d->kind != DOC_OBJECT)
        return out;
    out = d->kind == DOC_ARRAY ? doc_new_array(a) : doc_new_object(a);
    for (size_t i = 0; i < d->count; i++) {
        struct doc *item = (struct doc *)doc_deep_copy(a, d->items[i]);
        if (d->kind == DOC_ARRAY)
            doc_push(a, out, item);
        else
            doc_set(a, out, str_copy(a, d->keys[i].name), item);
    }
    return out;
}

bool model_span_ms(struct str text, int64_t *ms)
{
    int64_t v[4] = {0}, days = 0;
    size_t n = 0;
    struct str part;
    int64_t dot = str_chr(text, '.'), colon = str_chr(text, ':');
    if (dot > 0 && (colon < 0 || dot < colon)) {
        if (!str_i64(str_sub(text, 0, (size_t)dot), &days))
            return false;
        text = str_from(text, (size_t)dot + 1);
    }
    while (n < 3 && str_split(&text, ':', &part)) {
        int64_t frac = str_chr(part, '.');
        if (frac >= 0)
            part = str_sub(part, 0, (size_t)frac);
        if (!str_i64(part, &v[n++]) || v[n - 1] < 0)
            return false;
    }
    if (n != 3 || days < 0 || days > 36500 || v[0] > 24 * 36500)
        return false;
    *ms = (((days * 24 + v[0]) * 60 + v[1]) * 60 + v[2]) * 1000;
    return true;
}
