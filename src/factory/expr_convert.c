/* Conversions, and the functions that read the scope of a run. */
#include "factory/expr_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OCTETS STR("application/octet-stream")

static ADF_FN(fn_array)
{
    struct doc *out = doc_new_array(e->a);
    (void)node;
    (void)count;
    if (args[0]->kind == DOC_ARRAY)
        return args[0];
    doc_push(e->a, out, (struct doc *)args[0]);
    return out;
}

static ADF_FN(fn_create_array)
{
    struct doc *out = doc_new_array(e->a);
    (void)node;
    for (size_t i = 0; i < count; i++)
        doc_push(e->a, out, (struct doc *)args[i]);
    return out;
}

/* A string's bytes, or those of a binary value. */
static bool bytes_arg(struct adf_env *e, const struct adf_node *node,
                      const struct doc *const *args, struct str *bytes)
{
    struct str type;
    if (adf_binary(e->a, args[0], bytes, &type))
        return true;
    return adf_arg_str(e, node, args, 0, bytes);
}

static const struct doc *conversion(struct adf_env *e, const struct adf_node *node,
                                    const struct doc *v, const char *to)
{
    struct str text = adf_to_string(e->a, v);
    return adf_fail(e, node->at, ADF_CONVERSION, "'%.*s%s' is not %s",
                     (int)(text.len > 60 ? 60 : text.len), text.ptr ? text.ptr : "",
                     text.len > 60 ? "…" : "", to);
}

static bool from_base64(struct adf_env *e, struct str text, struct str *out)
{
    struct buf b;
    buf_init_max(&b, ADF_MAX_RESULT);
    bool ok = text.len % 4 == 0 && base64_get(&b, text);
    *out = str_copy(e->a, buf_view(&b));
    buf_release(&b);
    return ok;
}

static ADF_FN(fn_base64)
{
    struct str bytes;
    struct buf b;
    (void)count;
    if (!bytes_arg(e, node, args, &bytes))
        return NULL;
    buf_init(&b);
    base64_put(&b, bytes);
    const struct doc *out = adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

static bool base64_arg(struct adf_env *e, const struct adf_node *node,
                       const struct doc *const *args, struct str *bytes)
{
    struct str text;
    if (!adf_arg_str(e, node, args, 0, &text))
        return false;
    if (from_base64(e, text, bytes))
        return true;
    return conversion(e, node, args[0], "base64");
}

static const struct doc *text_of(struct adf_env *e, const struct adf_node *node, struct str bytes)
{
    if (!str_utf8_ok(bytes))
        return adf_fail(e, node->at, ADF_CONVERSION, "the bytes are not UTF-8 text");
    return adf_str(e, bytes);
}

static ADF_FN(fn_base64_to_string)
{
    struct str bytes;
    (void)count;
    return base64_arg(e, node, args, &bytes) ? text_of(e, node, bytes) : NULL;
}

static ADF_FN(fn_base64_to_binary)
{
    struct str bytes;
    (void)count;
    return base64_arg(e, node, args, &bytes) ? adf_make_binary(e, bytes, OCTETS) : NULL;
}

static ADF_FN(fn_base64_to_json)
{
    struct str bytes;
    (void)count;
    if (!base64_arg(e, node, args, &bytes))
        return NULL;
    const struct doc *v = adf_read_json(e->a, bytes);
    return v ? v : conversion(e, node, args[0], "base64 of JSON");
}

static ADF_FN(fn_binary)
{
    struct str bytes;
    (void)count;
    return bytes_arg(e, node, args, &bytes) ? adf_make_binary(e, bytes, OCTETS) : NULL;
}

static ADF_FN(fn_bool)
{
    const struct doc *v = args[0];
    (void)count;
    if (v->kind == DOC_BOOL)
        return v;
    if (adf_is_num(v))
        return adf_bool(e, adf_num(v) != 0);
    if (v->kind == DOC_STRING && str_ieqz(str_trim(v->text), "true"))
        return adf_bool(e, true);
    if (v->kind == DOC_STRING && str_ieqz(str_trim(v->text), "false"))
        return adf_bool(e, false);
    if (v->kind == DOC_STRING)
        return conversion(e, node, v, "a boolean");
    return adf_fail_type(e, node, 0, "a boolean, a number or a string", v);
}

/* "1,234.5" and " +10 " as .NET reads numbers in the invariant culture; false if malformed. */
static bool read_number(struct adf_env *e, struct str s, double *out)
{
    char *plain = arena_alloc(e->a, s.len + 1);
    size_t n = 0;
    bool digits = false, point = false;
    s = str_trim(s);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        digits |= c >= '0' && c <= '9';
        point |= c == '.' || c == 'e' || c == 'E';
        if (c == ',' && digits && !point)
            continue;
        if (!((c >= '0' && c <= '9') || strchr("+-.eE", c)))
            return false;
        plain[n++] = c;
    }
    return digits && str_f64(str_of(plain + (plain[0] == '+'), n - (plain[0] == '+')), out);
}

static ADF_FN(fn_int)
{
    const struct doc *v = args[0];
    double d;
    (void)count;
    if (v->kind == DOC_INT)
        return v;
    if (v->kind == DOC_BOOL)
        return adf_int(e, v->boolean);
    if (v->kind == DOC_FLOAT)
        d = adf_num(v);
    else if (v->kind != DOC_STRING)
        return adf_fail_type(e, node, 0, "a number or a string", v);
    else if (!read_number(e, v->text, &d))
        return conversion(e, node, v, "an integer");
    if (d != floor(d) || d >= 9223372036854775807.0 || d < -9223372036854775808.0)
        return conversion(e, node, v, "an integer");
    return adf_int(e, (int64_t)d);
}

static ADF_FN(fn_float)
{
    const struct doc *v = args[0];
    double d;
    (void)count;
    if (adf_is_num(v))
        return adf_float(e->a, adf_num(v));
    if (v->kind != DOC_STRING)
        return adf_fail_type(e, node, 0, "a number or a string", v);
    if (str_eqz(v->text, "NaN"))
        return adf_float(e->a, NAN);
    if (!read_number(e, v->text, &d))
        return conversion(e, node, v, "a number");
    return adf_float(e->a, d);
}

static ADF_FN(fn_is_int)
{
    struct str s;
    int64_t i;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? adf_bool(e, str_i64(s, &i)) : NULL;
}

static ADF_FN(fn_is_float)
{
    struct str s;
    double d;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? adf_bool(e, read_number(e, s, &d)) : NULL;
}

static ADF_FN(fn_json)
{
    struct str text, type;
    const struct doc *v;
    (void)count;
    if (args[0]->kind != DOC_STRING && args[0]->kind != DOC_OBJECT)
        return adf_fail_type(e, node, 0, "a string", args[0]);
    if (args[0]->kind == DOC_OBJECT && !adf_binary(e->a, args[0], &text, &type))
        return args[0];
    if (args[0]->kind == DOC_OBJECT && str_find(type, STR("xml")) >= 0)
        return adf_xml_to_json(e, node, text);
    if (args[0]->kind == DOC_STRING)
        text = args[0]->text;
    v = adf_read_json(e->a, text);
    return v ? v : conversion(e, node, args[0], "JSON");
}

static ADF_FN(fn_string)
{
    (void)node;
    (void)count;
    return adf_str(e, adf_to_string(e->a, args[0]));
}

/* ---------------------------------------------------------------- URIs */

static ADF_FN(fn_uri_component)
{
    struct str s;
    struct buf b;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &s))
        return NULL;
    buf_init(&b);
    percent_put(&b, s, "");
    const struct doc *out = adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* "+" is a blank; what is no escape stays. */
static struct str decode_uri(struct adf_env *e, struct str s)
{
    char *out = arena_alloc(e->a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int hi = i + 2 < s.len && s.ptr[i] == '%' ? hex_digit(s.ptr[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.ptr[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi << 4 | lo) : s.ptr[i] == '+' ? ' ' : s.ptr[i];
        i += lo >= 0 ? 2 : 0;
    }
    return str_of(out, n);
}

static ADF_FN(fn_uri_component_to_string)
{
    struct str s;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? text_of(e, node, decode_uri(e, s)) : NULL;
}

static ADF_FN(fn_uri_component_to_binary)
{
    struct str s;
    (void)count;
    return adf_arg_str(e, node, args, 0, &s) ? adf_make_binary(e, decode_uri(e, s), OCTETS) : NULL;
}

static ADF_FN(fn_data_uri)
{
    struct str bytes, type;
    struct buf b;
    (void)count;
    bool binary = adf_binary(e->a, args[0], &bytes, &type);
    if (!binary && !adf_arg_str(e, node, args, 0, &bytes))
        return NULL;
    if (!binary)
        type = STR("text/plain;charset=utf-8");
    buf_init(&b);
    buf_printf(&b, "data:%.*s;base64,", STR_ARGS(type));
    base64_put(&b, bytes);
    const struct doc *out = adf_str(e, buf_view(&b));
    buf_release(&b);
    return out;
}

/* data:[type][;base64],bytes */
static bool data_uri_arg(struct adf_env *e, const struct adf_node *node,
                         const struct doc *const *args, struct str *bytes, struct str *type)
{
    struct str s;
    int64_t comma;
    if (!adf_arg_str(e, node, args, 0, &s))
        return false;
    if (!str_starts_z(s, "data:") || (comma = str_chr(s, ',')) < 0)
        return conversion(e, node, args[0], "a data URI");
    *type = str_sub(s, 5, (size_t)comma - 5);
    *bytes = str_from(s, (size_t)comma + 1);
    if (!str_ends_z(*type, ";base64")) {
        *bytes = decode_uri(e, *bytes);
        return true;
    }
    type->len -= 7;
    return from_base64(e, *bytes, bytes) ? true : conversion(e, node, args[0], "a data URI") != NULL;
}

static ADF_FN(fn_data_uri_to_string)
{
    struct str bytes, type;
    (void)count;
    return data_uri_arg(e, node, args, &bytes, &type) ? text_of(e, node, bytes) : NULL;
}

static ADF_FN(fn_data_uri_to_binary)
{
    struct str bytes, type;
    (void)count;
    return data_uri_arg(e, node, args, &bytes, &type) ? adf_make_binary(e, bytes, type) : NULL;
}

struct uri { struct str scheme, host, port, path, query; };

static bool uri_arg(struct adf_env *e, const struct adf_node *node, const struct doc *const *args,
                    struct uri *u)
{
    struct str s, authority;
    int64_t at;
    *u = (struct uri){};
    if (!adf_arg_str(e, node, args, 0, &s))
        return false;
    if ((at = str_find(s, STR("://"))) <= 0)
        return conversion(e, node, args[0], "an absolute URI");
    u->scheme = str_sub(s, 0, (size_t)at);
    s = str_from(s, (size_t)at + 3);
    if ((at = str_chr(s, '#')) >= 0)
        s = str_sub(s, 0, (size_t)at);
    if ((at = str_chr(s, '?')) >= 0) {
        u->query = str_from(s, (size_t)at);
        s = str_sub(s, 0, (size_t)at);
    }
    at = str_chr(s, '/');
    authority = at < 0 ? s : str_sub(s, 0, (size_t)at);
    u->path = at < 0 ? STR("/") : str_from(s, (size_t)at);
    authority = str_from(authority, (size_t)(str_rchr(authority, '@') + 1));
    at = str_rchr(authority, ':');
    u->host = at < 0 ? authority : str_sub(authority, 0, (size_t)at);
    u->port = at < 0 ? STR_NONE : str_from(authority, (size_t)at + 1);
    return true;
}

#define URI_PART(fn_name, part)                                                                    \
    static ADF_FN(fn_name)                                                                        \
    {                                                                                              \
        struct uri u;                                                                              \
        (void)count;                                                                               \
        return uri_arg(e, node, args, &u) ? adf_str(e, u.part) : NULL;                            \
    }
URI_PART(fn_uri_scheme, scheme)
URI_PART(fn_uri_host, host)
URI_PART(fn_uri_path, path)
URI_PART(fn_uri_query, query)

static ADF_FN(fn_uri_port)
{
    struct uri u;
    int64_t port;
    (void)count;
    if (!uri_arg(e, node, args, &u))
        return NULL;
    if (str_i64(u.port, &port))
        return adf_int(e, port);
    return adf_int(e, str_ieqz(u.scheme, "https") ? 443 : str_ieqz(u.scheme, "http") ? 80 : -1);
}

/* ---------------------------------------------------------------- objects */

static ADF_FN(fn_set_property)
{
    struct str key;
    struct doc *out = doc_new_object(e->a);
    bool add = str_ieqz(node->name, "addProperty");
    (void)count;
    if (args[0]->kind != DOC_OBJECT)
        return adf_fail_type(e, node, 0, "an object", args[0]);
    if (!adf_arg_str(e, node, args, 1, &key))
        return NULL;
    if (add && doc_get_str(args[0], key))
        return adf_fail(e, node->at, ADF_OTHER, "property '%.*s' is there already", STR_ARGS(key));
    for (size_t i = 0; i < args[0]->count; i++)
        doc_set(e->a, out, args[0]->keys[i].name, args[0]->items[i]);
    doc_set(e->a, out, key, (struct doc *)args[2]);
    return out;
}

static ADF_FN(fn_remove_property)
{
    struct str key;
    struct doc *out = doc_new_object(e->a);
    (void)count;
    if (args[0]->kind != DOC_OBJECT)
        return adf_fail_type(e, node, 0, "an object", args[0]);
    if (!adf_arg_str(e, node, args, 1, &key))
        return NULL;
    for (size_t i = 0; i < args[0]->count; i++)
        if (!str_eq(args[0]->keys[i].name, key))
            doc_set(e->a, out, args[0]->keys[i].name, args[0]->items[i]);
    return out;
}

/* ---------------------------------------------------------------- the scope of a run */

static const struct doc *scoped(struct adf_env *e, const struct adf_node *node,
                                const struct doc *v, const char *where)
{
    if (v)
        return v;
    return adf_fail(e, node->at, ADF_OTHER, "'%.*s()' has a value only %s", STR_ARGS(node->name),
                     where);
}

#define SCOPED(fn_name, field, where)                                                              \
    static ADF_FN(fn_name)                                                                        \
    {                                                                                              \
        (void)args;                                                                                \
        (void)count;                                                                               \
        return scoped(e, node, e->scope->field, where);                                            \
    }
SCOPED(fn_pipeline, pipeline, "in a pipeline")
SCOPED(fn_dataset, dataset, "in a dataset")
SCOPED(fn_linked_service, linked_service, "in a linked service")
SCOPED(fn_item, item, "inside a ForEach or a Filter")
SCOPED(fn_trigger, trigger, "in the parameters of a trigger")
SCOPED(fn_trigger_body, trigger_body, "in the parameters of a trigger")

static ADF_FN(fn_activity)
{
    struct str name;
    const struct doc *v;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &name))
        return NULL;
    v = e->scope->activity ? e->scope->activity(e->scope->ctx, name) : NULL;
    return v ? v
             : adf_fail(e, node->at, ADF_OTHER,
                         "activity '%.*s' has not run before this, or there is none of that name",
                         STR_ARGS(name));
}

static ADF_FN(fn_variables)
{
    struct str name;
    const struct doc *v;
    (void)count;
    if (!adf_arg_str(e, node, args, 0, &name))
        return NULL;
    v = e->scope->variable ? e->scope->variable(e->scope->ctx, name) : NULL;
    return v ? v
             : adf_fail(e, node->at, ADF_OTHER, "there is no variable '%.*s'", STR_ARGS(name));
}

const struct adf_fn adf_convert_fns[] = {
    {"addProperty", 3, 3, fn_set_property, false},
    {"array", 1, 1, fn_array, false},
    {"base64", 1, 1, fn_base64, false},
    {"base64ToBinary", 1, 1, fn_base64_to_binary, false},
    {"base64ToJson", 1, 1, fn_base64_to_json, false},
    {"base64ToString", 1, 1, fn_base64_to_string, false},
    {"binary", 1, 1, fn_binary, false},
    {"bool", 1, 1, fn_bool, false},
    {"createArray", 1, -1, fn_create_array, false},
    {"dataUri", 1, 1, fn_data_uri, false},
    {"dataUriToBinary", 1, 1, fn_data_uri_to_binary, false},
    {"dataUriToString", 1, 1, fn_data_uri_to_string, false},
    {"decodeBase64", 1, 1, fn_base64_to_string, false},
    {"decodeDataUri", 1, 1, fn_data_uri_to_binary, false},
    {"decodeUriComponent", 1, 1, fn_uri_component_to_string, false},
    {"encodeUriComponent", 1, 1, fn_uri_component, false},
    {"float", 1, 1, fn_float, false},
    {"int", 1, 1, fn_int, false},
    {"isFloat", 1, 1, fn_is_float, false},
    {"isInt", 1, 1, fn_is_int, false},
    {"json", 1, 1, fn_json, false},
    {"removeProperty", 2, 2, fn_remove_property, false},
    {"setProperty", 3, 3, fn_set_property, false},
    {"string", 1, 1, fn_string, false},
    {"uriComponent", 1, 1, fn_uri_component, false},
    {"uriComponentToBinary", 1, 1, fn_uri_component_to_binary, false},
    {"uriComponentToString", 1, 1, fn_uri_component_to_string, false},
    {"uriHost", 1, 1, fn_uri_host, false},
    {"uriPath", 1, 1, fn_uri_path, false},
    {"uriPort", 1, 1, fn_uri_port, false},
    {"uriQuery", 1, 1, fn_uri_query, false},
    {"uriScheme", 1, 1, fn_uri_scheme, false},
    {},
};

const struct adf_fn adf_scope_fns[] = {
    {"activity", 1, 1, fn_activity, false},
    {"dataset", 0, 0, fn_dataset, false},
    {"item", 0, 0, fn_item, false},
    {"linkedService", 0, 0, fn_linked_service, false},
    {"pipeline", 0, 0, fn_pipeline, false},
    {"trigger", 0, 0, fn_trigger, false},
    {"triggerBody", 0, 0, fn_trigger_body, false},
    {"variables", 1, 1, fn_variables, false},
    {},
};
