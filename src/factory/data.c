#include "factory/data.h"

#include <string.h>

/* ---------------------------------------------------------------- what is supported */

static const char *const formats[] = {"DelimitedText", "Json", "Binary"};

static int service_http(const struct doc *props, const struct doc *location, struct arena *a,
                        struct data_at *out, struct err *err);
static int service_storage(const struct doc *props, const struct doc *location, struct arena *a,
                           struct data_at *out, struct err *err);
static int service_files(const struct doc *props, const struct doc *location, struct arena *a,
                         struct data_at *out, struct err *err);

static const struct service {
    const char *type;
    const char *location;
    int (*place)(const struct doc *props, const struct doc *location, struct arena *a,
                 struct data_at *out, struct err *err);
} services[] = {
    {"HttpServer", "HttpServerLocation", service_http},
    {"AzureBlobFS", "AzureBlobFSLocation", service_storage},
    {"AzureBlobStorage", "AzureBlobStorageLocation", service_storage},
    {"FileServer", "FileServerLocation", service_files},
};

static const struct service *find_service(struct str type)
{
    for (size_t i = 0; i < COUNT_OF(services); i++)
        if (str_ieqz(type, services[i].type))
            return &services[i];
    return NULL;
}

struct str data_text(const struct doc *obj, const char *key)
{
    const struct doc *d = doc_get(obj, key);
    if (d && (d->kind == DOC_INT || d->kind == DOC_FLOAT)) /* an expression may give 2024 for "2024" */
        return d->text;
    return doc_str(d, STR(""));
}

bool data_flag(const struct doc *obj, const char *key, bool otherwise)
{
    const struct doc *d = doc_get(obj, key);
    if (doc_is(d, DOC_STRING))
        return str_ieqz(d->text, "true") || (!str_ieqz(d->text, "false") && otherwise);
    return doc_bool(d, otherwise);
}

/* ---------------------------------------------------------------- addresses */

static const char *http_join(struct arena *a, struct str base, struct str relative)
{
    while (base.len && base.ptr[base.len - 1] == '/')
        base.len--;
    if (!relative.len)
        return str_cz(a, base);
    if (relative.ptr[0] == '?')
        return arena_printf(a, "%.*s%.*s", STR_ARGS(base), STR_ARGS(relative));
    while (relative.len && relative.ptr[0] == '/')
        relative = str_from(relative, 1);
    return arena_printf(a, "%.*s/%.*s", STR_ARGS(base), STR_ARGS(relative));
}

static int service_http(const struct doc *props, const struct doc *location, struct arena *a,
                        struct data_at *out, struct err *err)
{
    const struct doc *url = doc_need(props, "url", DOC_STRING, err);
    if (!url)
        return -1;
    out->url = http_join(a, url->text, data_text(location, "relativeUrl"));
    struct str rest = str_z(out->url);
    int64_t query = str_chr(rest, '?');
    if (query >= 0)
        rest = str_sub(rest, 0, (size_t)query);
    out->file = path_base(rest);
    return 0;
}

/* Host and, behind it, path of an address. */
static struct str host_of(struct str url, struct str *path)
{
    int64_t scheme = str_find(url, STR("://"));
    if (scheme >= 0)
        url = str_from(url, (size_t)scheme + 3);
    int64_t end = str_chr(url, '/');
    *path = end < 0 ? STR("") : str_from(url, (size_t)end + 1);
    return end < 0 ? url : str_sub(url, 0, (size_t)end);
}

static struct str first_part(struct str s, char sep)
{
    int64_t at = str_chr(s, sep);
    return at < 0 ? s : str_sub(s, 0, (size_t)at);
}

/* AccountName=x of a connection string. */
static struct str connection_account(struct str text)
{
    struct str part;
    while (str_split(&text, ';', &part)) {
        part = str_trim(part);
        if (str_ieqz(part, "UseDevelopmentStorage=true"))
            return STR("devstoreaccount1");
        if (part.len > 12 && str_ieqz(str_sub(part, 0, 12), "AccountName="))
            return str_from(part, 12);
        if (part.len > 13 && str_ieqz(str_sub(part, 0, 13), "BlobEndpoint=")) {
            struct str path, host = host_of(str_from(part, 13), &path);
            return first_part(host, '.');
        }
    }
    return STR("");
}

/* A secret may be {"type": "SecureString", "value": …}. */
static struct str plain_or_secure(const struct doc *d)
{
    return doc_is(d, DOC_OBJECT) ? data_text(d, "value") : doc_str(d, STR(""));
}

static struct str account_of(const struct doc *props)
{
    static const char *const urls[] = {"url", "serviceEndpoint", "sasUri", "containerUri"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct str url = plain_or_secure(doc_get(props, urls[i])), path, host;
        if (!url.len)
            continue;
        host = host_of(url, &path);
        bool numeric = host.ptr && host.len && host.ptr[0] >= '0' && host.ptr[0] <= '9';
        if (numeric || str_starts_z(host, "localhost")) /* http://127.0.0.1:10000/account */
            return first_part(first_part(path, '/'), '?');
        return first_part(host, '.');
    }
    return connection_account(plain_or_secure(doc_get(props, "connectionString")));
}

static int service_storage(const struct doc *props, const struct doc *location, struct arena *a,
                           struct data_at *out, struct err *err)
{
    struct str account = account_of(props);
    bool blob = str_eqz(str_z(out->service_type), "AzureBlobStorage");
    struct str container = data_text(location, blob ? "container" : "fileSystem");
    const char *word = blob ? "blob" : "dfs";
    if (!account.len)
        return doc_err(props, ERR_UNSUPPORTED, err,
                       "linked service '%s' does not say which storage account it is (its secret is "
                       "encrypted or in a key vault); give it a \"%s\" or bind the account",
                       out->service, blob ? "serviceEndpoint" : "url");
    if (!container.len)
        return doc_err(location, ERR_INPUT, err, "the location needs a \"%s\"",
                       blob ? "container" : "fileSystem");
    out->container = str_cz(a, container);
    out->base = arena_printf(a, "abfss://%.*s@%.*s.dfs.core.windows.net", STR_ARGS(container),
                             STR_ARGS(account));
    out->other_base = arena_printf(a, "https://%.*s.%s.core.windows.net/%.*s", STR_ARGS(account),
                                   word, STR_ARGS(container));
    return 0;
}

static int service_files(const struct doc *props, const struct doc *location, struct arena *a,
                         struct data_at *out, struct err *err)
{
    const struct doc *host = doc_need(props, "host", DOC_STRING, err);
    (void)location;
    if (!host)
        return -1;
    char *base = str_cz(a, host->text);
    for (char *p = base; *p; p++)
        if (*p == '\\')
            *p = '/';
    out->base = base;
    out->container = "";
    return 0;
}

static struct str no_slashes(struct arena *a, struct str s)
{
    char *text = str_cz(a, s);
    for (char *p = text; *p; p++)
        if (*p == '\\')
            *p = '/';
    s = str_of(text, s.len);
    while (s.len && s.ptr[0] == '/')
        s = str_from(s, 1);
    while (s.len && s.ptr[s.len - 1] == '/')
        s.len--;
    return s;
}

/* ---------------------------------------------------------------- evaluation */

static int eval_service(struct act *a, const struct doc *ref, const struct doc *dataset_params,
                        struct data_at *out, struct err *err)
{
    struct arena *m = a->group->a;
    struct model_item *item = model_ref(a->group->run->f->model, MODEL_SERVICE, ref, err);
    const struct doc *given = doc_get(ref, "parameters"), *params, *props;
    struct adf_scope scope = {.dataset = dataset_params};
    if (!item)
        return -1;
    if (doc_is(given, DOC_OBJECT) && !(given = adf_doc(m, &scope, given, err)))
        return -1;
    if (!(params = model_bind(m, model_params(item, "parameters"), given, ref, err)))
        return err_wrap(err, "linked service '%s'", item->name);
    scope = (struct adf_scope){.linked_service = params};
    props = doc_get(item->props, "typeProperties");
    if (!props || !(props = adf_doc(m, &scope, props, err)))
        return props ? -1 : doc_err(item->props, ERR_INPUT, err, "typeProperties are missing");
    out->service = item->name;
    out->service_type = str_cz(m, doc_str(doc_get(item->props, "type"), STR("")));
    out->service_props = props;
    return 0;
}

int data_eval(struct act *a, const struct doc *ref, struct data_at *out, struct err *err)
{
    struct arena *m = a->group->a;
    struct model_item *item = model_ref(a->group->run->f->model, MODEL_DATASET, ref, err);
    const struct doc *given = doc_get(ref, "parameters"), *params, *location;
    struct adf_scope scope = {};
    *out = (struct data_at){.where = ref};
    if (!item)
        return -1;
    if (doc_is(given, DOC_OBJECT) && !(given = act_eval(a, given, err)))
        return -1;
    if (!(params = model_bind(m, model_params(item, "parameters"), given, ref, err)))
        return err_wrap(err, "dataset '%s'", item->name);
    scope.dataset = params;
    out->dataset = item->name;
    out->format = str_cz(m, doc_str(doc_get(item->props, "type"), STR("")));
    out->props = adf_doc(m, &scope, doc_get(item->props, "typeProperties"), err);
    if (!out->props ||
        eval_service(a, doc_get(item->props, "linkedServiceName"), params, out, err))
        return -1;
    location = doc_get(out->props, "location");
    out->folder = no_slashes(m, data_text(location, "folderPath"));
    out->file = no_slashes(m, data_text(location, "fileName"));
    return find_service(str_z(out->service_type))->place(out->service_props, location, m, out, err);
}

static const char *copy_z(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

void data_copy(struct arena *a, const struct data_at *from, struct data_at *to)
{
    *to = *from;
    to->dataset = copy_z(a, from->dataset);
    to->format = copy_z(a, from->format);
    to->props = doc_deep_copy(a, from->props);
    to->service = copy_z(a, from->service);
    to->service_type = copy_z(a, from->service_type);
    to->service_props = doc_deep_copy(a, from->service_props);
    to->url = copy_z(a, from->url);
    to->base = copy_z(a, from->base);
    to->other_base = copy_z(a, from->other_base);
    to->container = copy_z(a, from->container);
    to->folder = str_copy(a, from->folder);
    to->file = str_copy(a, from->file);
}

/* ---------------------------------------------------------------- the check before a run */

struct resource_refs { struct check *c; const struct doc *declared; enum adf_ref kind; const char *word; };

/* Inside a dataset or linked service only its own parameters have values. */
static int resource_ref(void *ctx, enum adf_ref kind, struct str name, const struct doc *at,
                        struct err *err)
{
    struct resource_refs *r = ctx;
    (void)err;
    if (kind != r->kind)
        check_at(r->c, at, ERR_INPUT, "a %s sees its own parameters only", r->word);
    else if (!doc_iget(r->declared, arena_strndup(r->c->f->model->a, name.ptr, name.len)))
        check_at(r->c, at, ERR_NOT_FOUND, "the %s declares no parameter '%.*s'", r->word,
                 STR_ARGS(name));
    return 0;
}

static void check_resource(struct check *c, const struct model_item *item, enum adf_ref kind)
{
    struct resource_refs r = {c, model_params(item, "parameters"), kind,
                              model_kind_name(item->kind)};
    struct adf_refs refs = {resource_ref, &r};
    const struct doc *props = doc_get(item->props, "typeProperties");
    struct err err = {};
    if (!doc_is(props, DOC_OBJECT))
        check_at(c, item->props, ERR_INPUT, "%s '%s' has no typeProperties",
                 model_kind_name(item->kind), item->name);
    else if (adf_check(props, &refs, &err))
        check_fail(c, &err);
}

static void check_given(struct check *c, const struct model_item *item, const struct doc *ref)
{
    const struct doc *given = doc_get(ref, "parameters");
    const struct doc *declared = model_params(item, "parameters");
    struct arena *a = c->f->model->a;
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        if (!doc_iget(declared, arena_strndup(a, given->keys[i].name.ptr, given->keys[i].name.len)))
            check_at(c, given->items[i], ERR_INPUT, "%s '%s' has no parameter '%.*s'",
                     model_kind_name(item->kind), item->name, STR_ARGS(given->keys[i].name));
    for (size_t i = 0; i < declared->count; i++) {
        const char *name = arena_strndup(a, declared->keys[i].name.ptr, declared->keys[i].name.len);
        if (!doc_get(declared->items[i], "defaultValue") &&
            !(doc_is(given, DOC_OBJECT) && doc_iget(given, name)))
            check_at(c, ref, ERR_INPUT, "parameter '%s' of %s '%s' has no default and is not given",
                     name, model_kind_name(item->kind), item->name);
    }
}

static const struct service *check_service(struct check *c, const struct doc *ref)
{
    struct err err = {};
    struct model_item *item = model_ref(c->f->model, MODEL_SERVICE, ref, &err);
    if (!item) {
        check_fail(c, &err);
        return NULL;
    }
    const struct doc *type = doc_get(item->props, "type");
    const struct service *s = find_service(doc_str(type, STR("")));
    if (!s) {
        check_at(c, type ? type : item->props, ERR_UNSUPPORTED,
                 "linked service '%s': the connector %.*s is not supported; there are HttpServer, "
                 "AzureBlobFS, AzureBlobStorage and FileServer",
                 item->name, STR_ARGS(doc_str(type, STR("(no type)"))));
        return NULL;
    }
    check_given(c, item, ref);
    check_resource(c, item, ADF_REF_LINKED_SERVICE);
    return s;
}

static bool known_format(struct str type)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (str_ieqz(type, formats[i]))
            return true;
    return false;
}

static void check_format(struct check *c, const struct doc *props)
{
    const struct doc *codec = doc_get(props, "compressionCodec");
    const struct doc *compression = doc_path(props, "compression.type");
    const struct doc *encoding = doc_get(props, "encodingName");
    static const char *const encodings[] = {"UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16LE",
                                            "UTF-16BE", "UTF-8 without BOM"};
    for (int i = 0; i < 2; i++, codec = compression)
        if (doc_is(codec, DOC_STRING) && codec->text.len && !adf_is_dynamic(codec->text) &&
            !str_ieqz(codec->text, "none") && !str_ieqz(codec->text, "gzip"))
            check_at(c, codec, ERR_UNSUPPORTED, "compression %.*s is not supported; gzip is",
                     STR_ARGS(codec->text));
    if (!doc_is(encoding, DOC_STRING) || adf_is_dynamic(encoding->text))
        return;
    for (size_t i = 0; i < COUNT_OF(encodings); i++)
        if (str_ieqz(encoding->text, encodings[i]))
            return;
    check_at(c, encoding, ERR_UNSUPPORTED, "encoding %.*s is not supported; UTF-8, UTF-16, US-ASCII "
             "and ISO-8859-1 are", STR_ARGS(encoding->text));
}

const struct model_item *check_dataset(struct check *c, const struct doc *ref)
{
    struct err err = {};
    struct model_item *item = model_ref(c->f->model, MODEL_DATASET, ref, &err);
    size_t before = c->count;
    if (!item) {
        check_fail(c, &err);
        return NULL;
    }
    check_given(c, item, ref);
    if (map_put(c->seen, str_z(item->file), item))
        return item;
    const struct doc *type = doc_get(item->props, "type");
    if (!known_format(doc_str(type, STR(""))))
        check_at(c, type ? type : item->props, ERR_UNSUPPORTED,
                 "dataset '%s': the type %.*s is not supported; there are DelimitedText, Json "
                 "and Binary on HTTP, Azure storage and file servers",
                 item->name, STR_ARGS(doc_str(type, STR("(no type)"))));
    if (c->count > before)
        return NULL;
    const struct service *s = check_service(c, doc_get(item->props, "linkedServiceName"));
    check_resource(c, item, ADF_REF_DATASET);
    const struct doc *props = doc_get(item->props, "typeProperties");
    const struct doc *location = doc_path(props, "location.type");
    if (s && (!location || !str_ieqz(doc_str(location, STR("")), s->location)))
        check_at(c, location ? location : props, ERR_INPUT,
                 "a dataset of linked service type %s needs a \"location\" of type %s", s->type,
                 s->location);
    check_format(c, props);
    return c->count > before ? NULL : item;
}
