#include "hub/sas.h"
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

enum { SIGNATURE_BYTES = 32, SIGNATURE_TEXT = 44 };

struct policy { struct str name, key, ns, hub; unsigned rights; };
struct sas { struct arena *arena; struct policy *policies; size_t count, cap; };

static const struct { const char *name; unsigned right; } RIGHTS[] = {
    {"Send", SAS_SEND}, {"Listen", SAS_LISTEN}, {"Manage", SAS_MANAGE | SAS_SEND | SAS_LISTEN}};
static const struct { const char *name; unsigned rights; } DERIVED[] = {{"SendOnly", SAS_SEND}, {"ListenOnly", SAS_LISTEN}};

/* ------------------------------------------------------------------ policies */

static void hmac_base64(struct str key, struct str text, struct buf *out)
{
    unsigned char sum[SIGNATURE_BYTES];
    unsigned n = sizeof sum;
    CHECK(HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, sum, &n) && n == sizeof sum);
    base64_put(out, str_of((char *)sum, sizeof sum));
}

void sas_derive_key(const char *root_key, const char *policy, char out[SAS_KEY_TEXT])
{
    struct buf b;
    buf_init(&b);
    hmac_base64(str_z(root_key), str_z(policy), &b);
    CHECK(b.len == SIGNATURE_TEXT && b.len < SAS_KEY_TEXT);
    memcpy(out, b.ptr, b.len + 1);
    buf_release(&b);
}

static void add(struct sas *s, struct policy p)
{
    s->policies = arena_grow(s->arena, s->policies, &s->cap, s->count + 1, sizeof p);
    s->policies[s->count++] = p;
}

static int read_rights(const struct doc *d, unsigned *out, struct err *err)
{
    const struct doc *list = doc_get(d, "rights");
    *out = 0;
    for (size_t i = 0; doc_is(list, DOC_ARRAY) && i < list->count; i++) {
        unsigned found = 0;
        for (size_t j = 0; j < COUNT_OF(RIGHTS); j++)
            if (str_eqz(doc_str(list->items[i], STR("")), RIGHTS[j].name))
                found = RIGHTS[j].right;
        if (!found)
            return err_at(err, ERR_INPUT, d->file, list->items[i]->line, list->items[i]->col, "a right is Send, Listen or Manage");
        *out |= found;
    }
    return *out ? 0 : err_at(err, ERR_INPUT, d->file, d->line, d->col, "a policy has rights: a list of Send, Listen, Manage");
}

/* What limits a policy must be understood: a field that is no text would leave it without that limit. */
static int read_policy(struct sas *s, const struct doc *d, struct err *err)
{
    struct policy p = {0};
    const struct { const char *name; struct str *to; } fields[] = {
        {"name", &p.name}, {"key", &p.key}, {"namespace", &p.ns}, {"hub", &p.hub}, {"rights", NULL}};
    for (size_t i = 0; doc_is(d, DOC_OBJECT) && i < d->count; i++) {
        size_t j = 0;
        while (j < COUNT_OF(fields) && !str_eqz(d->keys[i].name, fields[j].name))
            j++;
        if (j == COUNT_OF(fields))
            return err_at(err, ERR_INPUT, d->file, d->keys[i].line, d->keys[i].col, "a policy has no '%.*s'", STR_ARGS(d->keys[i].name));
        if (fields[j].to && !(*fields[j].to = doc_str(d->items[i], STR_NONE)).len)
            return err_at(err, ERR_INPUT, d->file, d->items[i]->line, d->items[i]->col, "a policy's %s is a text", fields[j].name);
    }
    if (!p.name.len || !p.key.len)
        return err_at(err, ERR_INPUT, d->file, d->line, d->col, "a policy is an object with name, key and rights");
    if (str_chr(p.name, '~') >= 0)
        return err_at(err, ERR_INPUT, d->file, d->line, d->col, "a policy's name has no '~': what is before it is a namespace");
    if (read_rights(d, &p.rights, err))
        return -1;
    add(s, p);
    return 0;
}

static int read_file(struct sas *s, const char *path, struct err *err)
{
    struct buf text;
    if (!fs_exists(path))
        return 0;
    buf_init_max(&text, SAS_MAX_FILE);
    int rc = fs_read_file(path, SAS_MAX_FILE, &text, err);
    struct doc *d = rc ? NULL : doc_json(s->arena, path, str_copy(s->arena, buf_view(&text)), err);
    buf_release(&text);
    if (!d)
        return -1;
    if (!doc_is(d, DOC_ARRAY) || d->count > SAS_MAX_POLICIES)
        return err_at(err, ERR_INPUT, path, d->line, d->col, "policies are a list of at most %d", SAS_MAX_POLICIES);
    for (size_t i = 0; i < d->count; i++)
        if (read_policy(s, d->items[i], err))
            return -1;
    return 0;
}

struct sas *sas_open(const char *state_dir, const char *root_key, struct err *err)
{
    struct arena *a = arena_new();
    struct sas *s = ARENA_NEW(a, struct sas);
    char key[SAS_KEY_TEXT];
    s->arena = a;
    if (root_key) {
        add(s, (struct policy){.name = STR(SAS_ROOT_POLICY), .key = str_copy(a, str_z(root_key)), .rights = SAS_SEND | SAS_LISTEN | SAS_MANAGE});
        for (size_t i = 0; i < COUNT_OF(DERIVED); i++) {
            sas_derive_key(root_key, DERIVED[i].name, key);
            add(s, (struct policy){.name = str_z(DERIVED[i].name), .key = str_copy(a, str_z(key)), .rights = DERIVED[i].rights});
        }
    }
    if (read_file(s, path_join(a, state_dir, SAS_POLICY_FILE), err)) {
        arena_free(a);
        return NULL;
    }
    return s;
}

void sas_close(struct sas *s)
{
    if (s)
        arena_free(s->arena);
}

static bool same_secret(struct str a, struct str b)
{
    return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static struct sas_claim claim_of(const struct policy *p)
{
    return (struct sas_claim){.rights = p->rights, .ns = p->ns.len ? p->ns : STR_NONE, .path = STR(""), .policy_hub = p->hub.len ? p->hub : STR_NONE};
}

int sas_check_key(const struct sas *s, struct str policy, struct str key, struct sas_claim *out, struct err *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_eq(s->policies[i].name, policy) && same_secret(s->policies[i].key, key)) {
            *out = claim_of(&s->policies[i]);
            return 0;
        }
    return err_set(err, ERR_AUTH, "there is no policy '%.*s' with that key: `paystreak keys` prints them", STR_ARGS(policy));
}

bool sas_find(const struct sas *s, struct str policy, const char *ns, struct str *key, struct sas_claim *out)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct policy *p = &s->policies[i];
        if (!str_eq(p->name, policy) || (p->ns.len && !str_ieqz(p->ns, ns)))
            continue;
        *out = claim_of(p);
        *key = p->key;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ tokens */

struct token { struct str resource, signature, expiry, policy; };

static bool token_parts(struct str text, struct token *t)
{
    static const char prefix[] = "SharedAccessSignature ";
    struct str part;
    *t = (struct token){0};
    if (text.len > SAS_MAX_TOKEN || !str_starts_z(text, prefix))
        return false;
    text = str_trim(str_from(text, sizeof prefix - 1));
    while (str_split(&text, '&', &part)) {
        int64_t eq = str_chr(part, '=');
        struct str name = eq < 0 ? part : str_sub(part, 0, (size_t)eq), value = eq < 0 ? STR("") : str_from(part, (size_t)eq + 1);
        if (str_eqz(name, "sr"))
            t->resource = value;
        else if (str_eqz(name, "sig"))
            t->signature = value;
        else if (str_eqz(name, "se"))
            t->expiry = value;
        else if (str_eqz(name, "skn"))
            t->policy = value;
    }
    return t->resource.len && t->signature.len && t->expiry.len && t->policy.len;
}

static struct str decoded(struct arena *a, struct str s)
{
    struct buf b;
    buf_init(&b);
    struct str out = percent_get(&b, s) ? str_copy(a, buf_view(&b)) : STR_NONE;
    buf_release(&b);
    return out;
}

static bool signature_ok(struct str key, const struct token *t, struct str signature)
{
    struct buf text, sum;
    buf_init(&text);
    buf_init(&sum);
    buf_printf(&text, "%.*s\n%.*s", STR_ARGS(t->resource), STR_ARGS(t->expiry));
    hmac_base64(key, buf_view(&text), &sum);
    bool good = same_secret(buf_view(&sum), signature);
    buf_release(&text);
    buf_release(&sum);
    return good;
}

/* "sb://host:port/hub/…" to host and path without slashes around it. */
static void split_uri(struct str uri, struct str *host, struct str *path)
{
    int64_t at = str_find(uri, STR("://"));
    uri = at < 0 ? uri : str_from(uri, (size_t)at + 3);
    size_t n = 0;
    while (n < uri.len && uri.ptr[n] != '/')
        n++;
    *host = str_sub(uri, 0, n);
    *path = str_from(uri, n);
    while (path->len && path->ptr[0] == '/')
        *path = str_from(*path, 1);
    while (path->len && path->ptr[path->len - 1] == '/')
        path->len--;
}

/* "<namespace>~<policy>" or "<policy>": clients do not agree on how to quote other signs. */
struct str sas_split_policy(struct str *name)
{
    int64_t at = str_chr(*name, '~');
    struct str ns = at > 0 ? str_sub(*name, 0, (size_t)at) : STR_NONE;
    if (at > 0)
        *name = str_from(*name, (size_t)at + 1);
    return ns;
}

struct str sas_token_namespace(struct arena *a, struct str token)
{
    struct token t;
    if (!token_parts(token, &t))
        return STR_NONE;
    struct str name = decoded(a, t.policy);
    return sas_split_policy(&name);
}

int sas_check_token(const struct sas *s, struct arena *a, struct str token, int64_t now_ms, struct sas_claim *out, struct err *err)
{
    struct token t;
    int64_t expires;
    if (!token_parts(token, &t) || !str_i64(t.expiry, &expires) || expires < 0 || expires > INT64_MAX / 1000)
        return err_set(err, ERR_AUTH, "the token is malformed: SharedAccessSignature sr=…&sig=…&se=…&skn=…");
    struct str name = decoded(a, t.policy), signature = decoded(a, t.signature), uri = decoded(a, t.resource), host;
    struct str said = sas_split_policy(&name);
    for (size_t i = 0; i < s->count; i++) {
        const struct policy *p = &s->policies[i];
        if (!str_eq(p->name, name) || !signature_ok(p->key, &t, signature))
            continue;
        if (expires * 1000 <= now_ms)
            return err_set(err, ERR_AUTH, "the token expired %jd s ago", (intmax_t)(now_ms / 1000 - expires));
        *out = claim_of(p);
        out->expires_ms = expires * 1000;
        split_uri(str_lower(a, uri), &host, &out->path);
        struct str named = sas_namespace_of(host), ns = named.ptr ? named : said;
        if ((named.ptr && said.ptr && !str_ieq(named, said)) || (ns.ptr && out->ns.ptr && !str_ieq(ns, out->ns)))
            break;
        out->ns = ns.ptr ? ns : out->ns;
        return 0;
    }
    return err_set(err, ERR_AUTH, "the token's signature is not one of policy '%.*s': `paystreak keys` prints the keys", STR_ARGS(name));
}

static struct str first_segment(struct str path)
{
    struct str first = path;
    str_split(&path, '/', &first);
    return first;
}

static bool path_covers(struct str path, struct str where)
{
    struct str hub = first_segment(path), within = str_from(path, hub.len + (hub.len < path.len));
    if (!hub.len)
        return true;
    if (str_ieqz(first_segment(within), "publishers"))
        return where.ptr && str_ieq(path, where);
    return where.ptr && str_ieq(hub, first_segment(where));
}

bool sas_allows(const struct sas_claim *c, unsigned rights, const char *ns, struct str where)
{
    return (c->rights & rights) && (!c->ns.ptr || str_ieqz(c->ns, ns)) && path_covers(c->path, where) &&
           (!c->policy_hub.ptr || (where.ptr && str_ieq(c->policy_hub, first_segment(where))));
}

void sas_token_write(struct buf *out, const char *policy, const char *key, struct str uri, int64_t expires_s)
{
    struct buf resource, text, sum;
    buf_init(&resource);
    buf_init(&text);
    buf_init(&sum);
    percent_put(&resource, uri, "");
    buf_printf(&text, "%s\n%jd", resource.ptr, (intmax_t)expires_s);
    hmac_base64(str_z(key), buf_view(&text), &sum);
    buf_printf(out, "SharedAccessSignature sr=%s&sig=", resource.ptr);
    percent_put(out, buf_view(&sum), "");
    buf_printf(out, "&se=%jd&skn=", (intmax_t)expires_s);
    percent_put(out, str_z(policy), "");
    buf_release(&resource);
    buf_release(&text);
    buf_release(&sum);
}

/* ------------------------------------------------------------------ names */

struct str sas_namespace_of(struct str host)
{
    int64_t dot = str_chr(host, '.');
    int64_t colon = str_rchr(host, ':');
    struct str name = colon > 0 ? str_sub(host, 0, (size_t)colon) : host;
    bool named = dot > 0 && (str_find(host, STR(".servicebus.")) > 0 || str_ends_z(name, ".localhost"));
    return named ? str_sub(host, 0, (size_t)dot) : STR_NONE;
}

void sas_string_read(struct str text, struct sas_string *out)
{
    struct str part, path;
    *out = (struct sas_string){0};
    while (str_split(&text, ';', &part)) {
        int64_t eq = str_chr(part, '=');
        if (eq < 0)
            continue;
        struct str name = str_trim(str_sub(part, 0, (size_t)eq)), value = str_trim(str_from(part, (size_t)eq + 1));
        if (str_ieqz(name, "Endpoint"))
            split_uri(value, &out->host, &path);
        else if (str_ieqz(name, "SharedAccessKeyName"))
            out->policy = value;
        else if (str_ieqz(name, "SharedAccessKey"))
            out->key = value;
        else if (str_ieqz(name, "EntityPath"))
            out->entity = value;
    }
}
