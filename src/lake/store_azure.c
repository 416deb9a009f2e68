/* store_azure.c -- Azure Blob Storage, and Data Lake Storage Gen2 through its Blob endpoint.
 *
 * abfss:// addresses are answered by the Blob endpoint of the account as well, where put-if-absent is one
 * request: Put Blob with If-None-Match: *. (The Data Lake endpoint needs a hidden file and a rename, see
 * store_dfs.c; AZURE_STORAGE_API=dfs or a dfs+https:// address asks for it.)
 *
 *     page      GET    /C?restype=container&comp=list&prefix=…&marker=…&include=metadata
 *     stat      HEAD   /C/N
 *     get       GET    /C/N  [Range]
 *     put       PUT    /C/N  x-ms-blob-type: BlockBlob  [If-None-Match: *]
 *     block     PUT    /C/N?comp=block&blockid=…
 *     end       PUT    /C/N?comp=blocklist
 *     remove    DELETE /C/N
 * Blocks that never become an object are dropped by the service within a week: there is nothing to abort.
 *
 * Credentials, the first that is there: the address's own SAS (?sv=…) is not taken, addresses are logged;
 * AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, an identity (azure_token.h),
 * AZURE_SKIP_SIGNATURE=true for what is public. If AZURE_STORAGE_ACCOUNT is set, key and SAS are of that
 * account, and an address of another one is refused. */
#include "lake/store_azure_int.h"
#include "net/http_date.h"
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-12-02"

/* ---- addresses */

static const struct form { const char *scheme; bool dfs, custom, authority; } forms[] = {
    {"abfss://", false, false, true}, {"abfs://", false, false, true}, {"wasbs://", false, false, true}, {"wasb://", false, false, true},
    {"azure+http://", false, true, false}, {"azure+https://", false, true, false},
    {"dfs+http://", true, true, false}, {"dfs+https://", true, true, false}, {"https://", false, false, false},
};

static const struct form *form_of(struct str root)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (str_starts_z(root, forms[i].scheme))
            return &forms[i];
    return NULL;
}

static struct str until(struct str s, char c)
{
    int64_t at = str_chr(s, c);
    return at < 0 ? s : str_sub(s, 0, (size_t)at);
}

/* "acct.dfs.core.windows.net": where ".dfs." or ".blob." is. */
static int64_t service_at(struct str host)
{
    int64_t at = str_find(host, STR(".dfs."));
    return at > 0 ? at : str_find(host, STR(".blob."));
}

bool store_azure_is(struct str root)
{
    const struct form *f = form_of(root);
    if (!f || f->authority || f->custom)
        return f;
    return service_at(until(str_from(root, strlen(f->scheme)), '/')) > 0;
}

/* Where a request to an address goes: "core.windows.net" for all accounts there, or an own endpoint's host and port. */
static struct str place_of(struct str root)
{
    const struct form *f = form_of(root);
    struct str host = f ? until(str_from(root, strlen(f->scheme)), '/') : STR_NONE;
    int64_t at = str_chr(host, '@'), service;
    host = str_from(host, (size_t)(at + 1));
    if (!f || f->custom || (service = service_at(host)) < 0)
        return host;
    host = str_from(host, (size_t)service + 1);
    return str_from(host, (size_t)str_chr(host, '.') + 1);
}

/* Credentials go along with a request, and a SAS or a bearer token is good for whoever gets it. */
bool store_azure_follows(struct str named, struct str by)
{
    static const char *const clouds[] = {"core.windows.net", "storage.azure.net", "core.usgovcloudapi.net", "core.chinacloudapi.cn",
                                         "fabric.microsoft.com"};
    static const char *const here[] = {"127.0.0.1", "localhost"};
    struct str place = place_of(named), table = place_of(by);
    const struct form *f = form_of(named);
    if (table.len && str_ieq(place, table))
        return true;
    for (size_t i = 0; f && !f->custom && i < COUNT_OF(clouds); i++)
        if (str_ieqz(place, clouds[i]))
            return true;
    for (size_t i = 0; f && f->custom && i < COUNT_OF(here); i++)
        if (str_ieqz(until(place, ':'), here[i]))
            return true;
    return false;
}

static int split(struct store *s, struct str root, const struct form *f, struct err *err)
{
    struct azure *z = s->state;
    struct str rest = str_from(root, strlen(f->scheme)), host = until(rest, '/'), path = str_from(rest, host.len), container;
    struct buf endpoint;
    buf_init(&endpoint);
    if (memchr(root.ptr, '?', root.len))
        return err_set(err, ERR_INPUT, "an address of a store takes no query: set AZURE_STORAGE_SAS_TOKEN instead");
    if (f->authority) {
        container = until(host, '@');
        host = str_from(host, container.len + 1);
    }
    int64_t service = service_at(host);
    if (f->custom) {
        const char *http = strchr(f->scheme, '+') + 1;
        path = str_from(path, path.len > 0);
        struct str account = until(path, '/');
        path = str_from(path, account.len);
        z->account = str_dup(account);
        buf_printf(&endpoint, "%s%.*s", http, STR_ARGS(host));
        z->path_at = endpoint.len;
        buf_printf(&endpoint, "/%.*s", STR_ARGS(account));
    } else if (service > 0) {
        struct str suffix = str_from(host, (size_t)service + 1);
        suffix = str_from(suffix, (size_t)str_chr(suffix, '.'));
        z->account = str_dup(str_sub(host, 0, (size_t)service));
        buf_printf(&endpoint, "https://%s.%s%.*s", z->account, s->kind == &store_kind_dfs ? "dfs" : "blob", STR_ARGS(suffix));
        z->path_at = endpoint.len;
    }
    z->endpoint = buf_detach(&endpoint);
    if (!f->authority) {
        path = str_from(path, path.len > 0);
        container = until(path, '/');
        path = str_from(path, container.len);
    }
    path = str_from(path, path.len > 0);
    z->container = str_dup(container);
    s->prefix = path.len ? mem_alloc(path.len + 2) : mem_strdup("");
    if (path.len) {
        memcpy(s->prefix, path.ptr, path.len);
        s->prefix[path.len] = '/';
    }
    if (!z->account || !z->account[0] || !container.len || strstr(s->prefix, "//") || strstr(s->prefix, "../"))
        return err_set(err, ERR_INPUT, "'%.*s' is no address of Azure storage: write abfss://container@account.dfs.core.windows.net/folder",
                       STR_ARGS(root));
    return 0;
}

/* ---- credentials */

#define GET(from, ...) store_setting(from, (const char *const[]){__VA_ARGS__, NULL})

static int take_key(struct azure *z, struct str text, struct err *err)
{
    if (!base64_get(&z->key, str_trim(text)) || !z->key.len)
        return err_set(err, ERR_AUTH, "the key of the storage account '%s' is not base64", z->account);
    return 0;
}

static void take_sas(struct azure *z, struct str text)
{
    text = str_trim(text);
    z->sas = str_dup(str_from(text, str_starts_z(text, "?")));
}

static int check_account(const struct azure *z, struct str account, const char *from, struct err *err)
{
    if (!account.len || str_ieqz(account, z->account))
        return 0;
    return err_set(err, ERR_AUTH, "the credentials in %s are of the storage account '%.*s', the address is of '%s'", from, STR_ARGS(account), z->account);
}

#define DEV_ACCOUNT "devstoreaccount1"
#define DEV_KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

/* A connection string may name the endpoint. The address decides where requests go: the two must not contradict. */
static int check_endpoint(const struct azure *z, struct str endpoint, struct err *err)
{
    struct str host = until(str_from(endpoint, strlen("https://")), '/');
    int64_t service = str_starts_z(endpoint, "https://") ? service_at(host) : -1;
    while (endpoint.len && endpoint.ptr[endpoint.len - 1] == '/')
        endpoint.len--;
    if (!endpoint.len || str_ieqz(endpoint, z->endpoint))
        return 0;
    if (service > 0 && check_account(z, str_sub(host, 0, (size_t)service), "AZURE_STORAGE_CONNECTION_STRING", err))
        return -1;
    if (service > 0 && str_ieq(place_of(endpoint), place_of(str_z(z->endpoint)))) /* acct.blob for acct.dfs */
        return 0;
    return err_set(err, ERR_AUTH, "AZURE_STORAGE_CONNECTION_STRING is for '%.*s', the address leads to '%s'", STR_ARGS(endpoint), z->endpoint);
}

static int take_connection(struct azure *z, struct str text, struct err *err)
{
    struct str part, key = STR_NONE, sas = STR_NONE, account = STR_NONE, endpoint = STR_NONE;
    while (str_split(&text, ';', &part)) {
        struct str name = until(part, '='), value = str_from(part, name.len + 1);
        if (str_ieqz(name, "AccountName"))
            account = value;
        else if (str_ieqz(name, "BlobEndpoint"))
            endpoint = value;
        else if (str_ieqz(name, "AccountKey"))
            key = value;
        else if (str_ieqz(name, "SharedAccessSignature"))
            sas = value;
        else if (str_ieqz(name, "UseDevelopmentStorage"))
            account = STR(DEV_ACCOUNT), key = STR(DEV_KEY);
    }
    if (check_account(z, account, "AZURE_STORAGE_CONNECTION_STRING", err) || check_endpoint(z, endpoint, err))
        return -1;
    if (sas.len)
        take_sas(z, sas);
    return key.len ? take_key(z, key, err) : 0;
}

static int credentials(struct azure *z, const struct store_settings *from, struct err *err)
{
    const char *connection = GET(from, "AZURE_STORAGE_CONNECTION_STRING");
    const char *key = GET(from, "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY");
    const char *sas = GET(from, "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS", "AZURE_STORAGE_SAS_KEY");
    int skip = store_setting_bool(from, "AZURE_SKIP_SIGNATURE", false, err);
    if (skip < 0)
        return -1;
    if (connection && take_connection(z, str_z(connection), err))
        return -1;
    if (z->key.len || z->sas)
        return 0;
    if ((key || sas) && check_account(z, str_z(GET(from, "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")), "AZURE_STORAGE_ACCOUNT", err))
        return -1;
    if (key)
        return take_key(z, str_z(key), err);
    if (sas) {
        take_sas(z, str_z(sas));
        return 0;
    }
    if (azure_identity_open(from, &z->identity, err) || z->identity)
        return z->identity ? 0 : -1;
    if (skip) {
        z->anonymous = true;
        return 0;
    }
    if (strcmp(z->account, DEV_ACCOUNT) == 0)
        return take_key(z, STR(DEV_KEY), err);
    return err_set(err, ERR_AUTH,
                   "no credentials for the storage account '%s': set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, or AZURE_TENANT_ID, "
                   "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or AZURE_USE_MANAGED_IDENTITY=true", z->account);
}

int store_azure_open(struct store *s, struct str root, const struct store_settings *from, struct err *err)
{
    const struct form *f = form_of(root);
    static const struct store_word apis[] = {{"blob", 0}, {"dfs", 1}};
    int api = store_setting_word(from, "AZURE_STORAGE_API", apis, COUNT_OF(apis), 0, err);
    struct azure *z = NEW(struct azure);
    buf_init(&z->key);
    s->state = z;
    s->kind = f->dfs || (!f->custom && api == 1) ? &store_kind_dfs : &store_kind_blob;
    return api < 0 || split(s, root, f, err) || credentials(z, from, err) ? -1 : 0;
}

void azure_close(struct store *s)
{
    struct azure *z = s->state;
    azure_identity_close(z->identity);
    buf_release(&z->key);
    mem_free(z->endpoint);
    mem_free(z->account);
    mem_free(z->container);
    mem_free(z->sas);
    mem_free(z);
}

/* ---- requests */

void azure_call_init(struct azure_call *c, struct store *s, struct arena *a, const char *method, const char *what)
{
    *c = (struct azure_call){.store = s, .arena = a, .method = method, .what = what, .headers = {.arena = a}};
    store_header(&c->headers, "x-ms-version", STR(API_VERSION));
}

void azure_param(struct azure_call *c, const char *name, struct str value)
{
    CHECK(c->param_count < AZURE_MAX_PARAMS);
    c->params[c->param_count++] = (struct azure_param){name, value};
}

static void put_date(struct azure_call *c)
{
    char date[HTTP_DATE_BYTES];
    store_header(&c->headers, "x-ms-date", str_z(http_date(time_now(), date)));
}

static int authorize(struct azure_call *c, const char *path, size_t body_bytes, struct err *err)
{
    struct azure *z = c->store->state;
    if (z->key.len) {
        struct buf b;
        struct azure_request r = {c->method, str_z(z->account), str_z(path), c->params, c->param_count, c->headers.list, body_bytes};
        put_date(c);
        buf_init(&b);
        azure_sign(&b, &r, buf_view(&z->key));
        store_header(&c->headers, "Authorization", str_copy(c->arena, buf_view(&b)));
        buf_release(&b);
    } else if (z->identity) {
        struct str bearer;
        if (azure_identity_header(z->identity, c->arena, &bearer, err))
            return -1;
        store_header(&c->headers, "Authorization", bearer);
    }
    return 0;
}

static char *url_of(struct azure_call *c, const char *name, size_t *path_bytes)
{
    struct azure *z = c->store->state;
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/", z->endpoint);
    percent_put(&b, str_z(z->container), "$");
    if (name) {
        buf_char(&b, '/');
        percent_put(&b, str_z(c->store->prefix), "/");
        percent_put(&b, str_z(name), "/");
    }
    *path_bytes = b.len - z->path_at;
    for (size_t i = 0; i < c->param_count; i++) {
        buf_printf(&b, "%c%s=", i ? '&' : '?', c->params[i].name);
        percent_put(&b, c->params[i].value, "");
    }
    if (z->sas)
        buf_printf(&b, "%c%s", c->param_count ? '&' : '?', z->sas);
    char *url = arena_strdup(c->arena, b.ptr);
    buf_release(&b);
    return url;
}

int azure_call_do(struct azure_call *c, const char *name, struct http_client_req *q, struct http_client_res *res, struct err *err)
{
    struct azure *z = c->store->state;
    size_t path_bytes;
    char *url = url_of(c, name, &path_bytes), *path = arena_strndup(c->arena, url + z->path_at, path_bytes);
    c->unsent = true;
    if (authorize(c, path, q->body.len, err))
        return -1;
    store_header(&c->headers, "Expect", STR_NONE); /* no waiting for a 100 */
    q->method = c->method;
    q->url = url;
    q->headers = c->headers.list;
    if (store_http(c->what, q, res, err) == 0)
        return 0;
    c->unsent = res->unsent;
    if (err->code == ERR_AUTH && z->identity)
        err->retriable = azure_identity_forget(z->identity);
    return -1;
}

int azure_call_send(struct azure_call *c, const char *name, struct str body, struct err *err)
{
    struct http_client_res res;
    struct http_client_req q = {.body = body.ptr ? body : STR("")};
    if (azure_call_do(c, name, &q, &res, err))
        return -1;
    http_client_res_release(&res);
    return 0;
}

/* ---- the calls */

static int page(struct store *s, const struct store_list_opts *o, struct str next, struct store_page *out, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    struct http_client_res res;
    struct http_client_req q = {.max_body = STORE_MAX_LIST_PAGE};
    azure_call_init(&c, s, a, "GET", "a listing");
    azure_param(&c, "restype", STR("container"));
    azure_param(&c, "comp", STR("list"));
    azure_param(&c, "include", STR("metadata"));
    azure_param(&c, "maxresults", str_fmt(a, "%d", AZURE_PAGE_OBJECTS));
    azure_param(&c, "prefix", str_fmt(a, "%s%s", s->prefix, o->prefix));
    if (next.len)
        azure_param(&c, "marker", next);
    int rc = azure_call_do(&c, NULL, &q, &res, err);
    if (rc == 0) {
        rc = store_list_azure(out, buf_view(&res.body), err);
        http_client_res_release(&res);
    }
    arena_free(a);
    return rc;
}

int azure_stat(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err)
{
    struct azure_call c;
    struct http_client_res res;
    struct http_client_req q = {};
    azure_call_init(&c, s, a, "HEAD", "a look");
    if (azure_call_do(&c, name, &q, &res, err))
        return -1;
    store_entry_of(a, &res, name, out);
    http_client_res_release(&res);
    return 0;
}

int azure_get(struct store *s, const char *name, int64_t at, int64_t n, struct http_client_req *q, struct http_client_res *res,
              struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    azure_call_init(&c, s, a, "GET", "a read");
    if (at >= 0)
        store_header(&c.headers, "Range", str_fmt(a, "bytes=%jd-%jd", (intmax_t)at, (intmax_t)(at + n - 1)));
    int rc = azure_call_do(&c, name, q, res, err);
    arena_free(a);
    return rc;
}

static int put(struct store *s, const char *name, struct str bytes, struct store_new *asked, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    azure_call_init(&c, s, a, "PUT", "a write");
    store_header(&c.headers, "x-ms-blob-type", STR("BlockBlob"));
    if (asked)
        store_header(&c.headers, "If-None-Match", STR("*"));
    int rc = azure_call_send(&c, name, bytes, err);
    if (rc && asked)
        asked->untouched = c.unsent;
    arena_free(a);
    return rc;
}

/* Block ids of one upload are of equal length, and start with a random mark: no other upload has them. */
static int begin(struct store *s, const char *name, struct arena *a, struct str *id, struct err *err)
{
    (void)s, (void)name, (void)err;
    *id = str_fmt(a, "%016jx", (uintmax_t)random_u64());
    return 0;
}

static int block(struct store *s, const char *name, struct str id, int number, struct str bytes, struct arena *keep, struct str *mark,
                 struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    struct buf b;
    buf_init(&b);
    base64_put(&b, str_fmt(a, "%.*s%06d", STR_ARGS(id), number));
    *mark = str_copy(keep, buf_view(&b));
    azure_call_init(&c, s, a, "PUT", "a block");
    azure_param(&c, "comp", STR("block"));
    azure_param(&c, "blockid", *mark);
    int rc = azure_call_send(&c, name, bytes, err);
    buf_release(&b);
    arena_free(a);
    return rc;
}

static int end(struct store *s, const char *name, struct str id, const struct str *marks, int count, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    struct buf b;
    (void)id;
    buf_init(&b);
    buf_z(&b, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (int i = 0; i < count; i++)
        buf_printf(&b, "<Latest>%.*s</Latest>", STR_ARGS(marks[i]));
    buf_z(&b, "</BlockList>");
    azure_call_init(&c, s, a, "PUT", "a list of blocks");
    azure_param(&c, "comp", STR("blocklist"));
    int rc = azure_call_send(&c, name, buf_view(&b), err);
    buf_release(&b);
    arena_free(a);
    return rc;
}

static void abort_blocks(struct store *s, const char *name, struct str id) { (void)s, (void)name, (void)id; }

int azure_remove(struct store *s, const char *name, struct err *err)
{
    struct arena *a = arena_new();
    struct azure_call c;
    struct http_client_res res;
    struct http_client_req q = {};
    azure_call_init(&c, s, a, "DELETE", "a removal");
    int rc = azure_call_do(&c, name, &q, &res, err);
    if (rc == 0)
        http_client_res_release(&res);
    arena_free(a);
    return rc;
}

const struct store_kind store_kind_blob = {
    .name = "azure", .close = azure_close, .page = page, .stat = azure_stat, .get = azure_get, .put = put,
    .begin = begin, .block = block, .end = end, .abort = abort_blocks, .remove = azure_remove,
};
