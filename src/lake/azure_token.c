/* azure_token.c -- tokens from Entra and from managed identities.
 *
 *     Entra      POST AUTHORITY/TENANT/oauth2/v2.0/token   a form: grant_type=client_credentials, client_id, scope and
 *                client_secret, or a client_assertion that a file holds
 *     App Service  GET IDENTITY_ENDPOINT?resource=…&api-version=2019-08-01, header X-IDENTITY-HEADER
 *     machine    GET HOST/metadata/identity/oauth2/token?resource=…&api-version=2018-02-01, header Metadata: true
 * All answer JSON with access_token and expires_in (seconds, a number or text) or expires_on (Unix time).
 *
 * A token is asked for anew RENEW_S before it expires (one that is short-lived after half of its time), by one
 * thread; the others wait for it. */
#include "lake/azure_token.h"
#include "lake/store_int.h"
#include <string.h>

enum { RENEW_S = 300, FRESH_S = 60, SECRET_FILE_BYTES = 64 << 10, TOKEN_TIMEOUT_MS = 30000 };
#define RESOURCE "https://storage.azure.com/"

enum way { WAY_SECRET, WAY_FILE, WAY_APP, WAY_MACHINE };

/* What one identity's token is; shared through `known` by identities of the same key. */
struct token { pthread_mutex_t lock; char *bearer; int64_t made_s, renew_s; };

struct azure_identity {
    enum way way;
    char *url, *client, *secret;          /* secret: the client's, the file's path or the header's value */
    struct token *token;
};

static struct token *shared_token(struct str key)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct map *known;
    pthread_mutex_lock(&lock);
    if (!known)
        known = map_new();
    struct token *t = map_get(known, key);
    if (!t) {
        t = NEW(struct token);
        pthread_mutex_init(&t->lock, NULL);
        map_put(known, key, t);
    }
    pthread_mutex_unlock(&lock);
    return t;
}

/* ---- which one */

#define GET(from, ...) store_setting(from, (const char *const[]){__VA_ARGS__, NULL})

static char *joined(const char *host, const char *rest)
{
    struct buf b;
    struct str h = str_z(host);
    while (h.len && h.ptr[h.len - 1] == '/')
        h.len--;
    buf_init(&b);
    buf_printf(&b, "%s%.*s%s", strstr(host, "://") ? "" : "https://", STR_ARGS(h), rest);
    return buf_detach(&b);
}

static void pick_entra(struct azure_identity *id, const struct store_settings *from, const char *tenant)
{
    const char *secret = GET(from, "AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET");
    const char *host = GET(from, "AZURE_AUTHORITY_HOST");
    struct buf rest;
    buf_init(&rest);
    buf_char(&rest, '/');
    percent_put(&rest, str_z(tenant), "");
    buf_z(&rest, "/oauth2/v2.0/token");
    id->way = secret ? WAY_SECRET : WAY_FILE;
    id->secret = mem_strdup(secret ? secret : GET(from, "AZURE_FEDERATED_TOKEN_FILE"));
    id->url = joined(host ? host : "https://login.microsoftonline.com", rest.ptr);
    buf_release(&rest);
}

static void pick_managed(struct azure_identity *id, const struct store_settings *from, const char *endpoint)
{
    const char *host = GET(from, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct buf url;
    char *machine = joined(host ? host : "http://169.254.169.254", "/metadata/identity/oauth2/token");
    buf_init(&url);
    buf_printf(&url, "%s%cresource=", endpoint ? endpoint : machine, endpoint && strchr(endpoint, '?') ? '&' : '?');
    percent_put(&url, STR(RESOURCE), "");
    buf_printf(&url, "&api-version=%s", endpoint ? "2019-08-01" : "2018-02-01");
    if (id->client) {
        buf_z(&url, "&client_id=");
        percent_put(&url, str_z(id->client), "");
    }
    id->way = endpoint ? WAY_APP : WAY_MACHINE;
    id->url = buf_detach(&url);
    if (endpoint)
        id->secret = mem_strdup(GET(from, "IDENTITY_HEADER", "MSI_SECRET") ? GET(from, "IDENTITY_HEADER", "MSI_SECRET") : "");
    mem_free(machine);
}

int azure_identity_open(const struct store_settings *from, struct azure_identity **out, struct err *err)
{
    const char *client = GET(from, "AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID");
    const char *tenant = GET(from, "AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID");
    const char *proof = GET(from, "AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE");
    const char *endpoint = GET(from, "IDENTITY_ENDPOINT");
    int on_machine = store_setting_bool(from, "AZURE_USE_MANAGED_IDENTITY", false, err);
    *out = NULL;
    if (on_machine < 0)
        return -1;
    if (proof && (!client || !tenant))
        return err_set(err, ERR_AUTH, "a client's secret is set, but not %s", client ? "AZURE_TENANT_ID" : "AZURE_CLIENT_ID");
    if (!proof && !endpoint && !on_machine)
        return 0;
    struct azure_identity *id = NEW(struct azure_identity);
    id->client = client ? mem_strdup(client) : NULL;
    if (proof)
        pick_entra(id, from, tenant);
    else
        pick_managed(id, from, endpoint);
    struct buf key;
    buf_init(&key);
    buf_printf(&key, "%d\n%s\n%s\n%s", (int)id->way, id->url, client ? client : "", id->secret ? id->secret : "");
    id->token = shared_token(buf_view(&key));
    buf_release(&key);
    *out = id;
    return 0;
}

void azure_identity_close(struct azure_identity *id)
{
    if (!id)
        return;
    mem_free(id->url);
    mem_free(id->client);
    mem_free(id->secret);
    mem_free(id);
}

/* ---- asking */

static void put_form(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s%s=", out->len ? "&" : "", name);
    percent_put(out, value, "");
}

static int entra_form(const struct azure_identity *id, struct buf *form, struct err *err)
{
    put_form(form, "grant_type", STR("client_credentials"));
    put_form(form, "client_id", str_z(id->client));
    put_form(form, "scope", STR(RESOURCE ".default"));
    if (id->way == WAY_SECRET) {
        put_form(form, "client_secret", str_z(id->secret));
        return 0;
    }
    struct buf text;
    buf_init(&text);
    int rc = fs_read_file(id->secret, SECRET_FILE_BYTES, &text, err);
    put_form(form, "client_assertion_type", STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    put_form(form, "client_assertion", str_trim(buf_view(&text)));
    buf_release(&text);
    return rc ? err_wrap(err, "AZURE_FEDERATED_TOKEN_FILE") : 0;
}

static int64_t number(const struct doc *d, const char *key)
{
    int64_t v = -1;
    const struct doc *n = doc_get(d, key);
    return doc_i64(n, &v) || str_i64(doc_str(n, STR_NONE), &v) ? v : -1;
}

static int take_answer(struct token *t, struct str body, struct err *err)
{
    struct arena *a = arena_new();
    struct doc *d = doc_json(a, NULL, body, err);
    struct str token = doc_str(doc_get(d, "access_token"), STR_NONE);
    int64_t now_s = time_now_ms() / 1000, lasts = number(d, "expires_in"), on = number(d, "expires_on");
    int rc = d ? 0 : -1;
    if (d && !token.len) {
        rc = err_set(err, ERR_AUTH, "the answer has no access_token");
    } else if (d) {
        mem_free(t->bearer);
        t->bearer = str_dup(token);
        t->made_s = now_s;
        lasts = lasts >= 0 ? lasts : on - now_s;
        t->renew_s = now_s + (lasts > 2 * RENEW_S ? lasts - RENEW_S : lasts / 2);
    }
    arena_free(a);
    return rc;
}

static int ask(struct azure_identity *id, struct err *err)
{
    struct arena *a = arena_new();
    struct http_client_res res;
    struct buf form;
    struct store_headers h = {.arena = a};
    bool entra = id->way == WAY_SECRET || id->way == WAY_FILE;
    buf_init(&form);
    int rc = entra ? entra_form(id, &form, err) : 0;
    if (entra)
        store_header(&h, "Content-Type", STR("application/x-www-form-urlencoded"));
    else if (id->way == WAY_APP)
        store_header(&h, "X-IDENTITY-HEADER", str_z(id->secret));
    else
        store_header(&h, "Metadata", STR("true"));
    struct http_client_req q = {.url = id->url, .headers = h.list, .body = entra ? buf_view(&form) : STR_NONE, .timeout_ms = TOKEN_TIMEOUT_MS};
    if (rc == 0)
        rc = store_http("a token for Azure storage", &q, &res, err);
    if (rc == 0) {
        rc = take_answer(id->token, buf_view(&res.body), err);
        http_client_res_release(&res);
    } else if (!err->retriable) {
        err->code = ERR_AUTH;
    }
    buf_release(&form);
    arena_free(a);
    return rc;
}

int azure_identity_header(struct azure_identity *id, struct arena *a, struct str *out, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&id->token->lock);
    if (!id->token->bearer || id->token->renew_s <= time_now_ms() / 1000)
        rc = ask(id, err);
    if (rc == 0)
        *out = str_fmt(a, "Bearer %s", id->token->bearer);
    pthread_mutex_unlock(&id->token->lock);
    return rc;
}

bool azure_identity_forget(struct azure_identity *id)
{
    pthread_mutex_lock(&id->token->lock);
    bool old = id->token->bearer && id->token->made_s + FRESH_S < time_now_ms() / 1000;
    if (old)
        id->token->renew_s = 0;
    pthread_mutex_unlock(&id->token->lock);
    return old;
}
