/* s3_auth.c -- see s3_auth.h.
 *
 * Profiles are INI files: `[name]` in the credentials file, `[profile name]` in the config file, then
 * `key = value`. A role is taken by STS's AssumeRoleWithWebIdentity, which needs no signature and answers XML; a
 * container's service answers JSON. What expires is asked for anew RENEW_S before. */
#include "lake/s3_auth.h"
#include "lake/store_int.h"
#include <string.h>

enum { INI_BYTES = 1 << 20, TOKEN_FILE_BYTES = 64 << 10, RENEW_S = 300, ASK_TIMEOUT_MS = 30000 };

enum way { WAY_FIXED, WAY_WEB, WAY_CONTAINER };
struct s3_auth {
    enum way way;
    pthread_mutex_t lock;
    char *access, *secret, *session;
    int64_t renew_s;
    char *url, *role, *name, *file, *token;
};

#define GET(from, ...) store_setting(from, (const char *const[]){__VA_ARGS__, NULL})

/* ---- profiles */

static struct str ini_value(struct str text, struct str section, const char *key)
{
    struct str line, found = STR_NONE;
    bool inside = false;
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        if (!line.len || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        if (line.ptr[0] == '[') {
            inside = line.ptr[line.len - 1] == ']' && str_eq(str_trim(str_sub(line, 1, line.len - 2)), section);
            continue;
        }
        int64_t eq = str_chr(line, '=');
        if (inside && eq > 0 && str_ieqz(str_trim(str_sub(line, 0, (size_t)eq)), key))
            found = str_trim(str_from(line, (size_t)eq + 1));
    }
    return found;
}

static struct str profile_value(const struct store_settings *from, struct arena *a, bool config, const char *key)
{
    const char *file = config ? GET(from, "AWS_CONFIG_FILE") : GET(from, "AWS_SHARED_CREDENTIALS_FILE");
    const char *home = GET(from, "HOME"), *profile = GET(from, "AWS_PROFILE", "AWS_DEFAULT_PROFILE");
    struct err ignored;
    struct buf text;
    if (!file && !home)
        return STR_NONE;
    if (!file)
        file = arena_printf(a, "%s/.aws/%s", home, config ? "config" : "credentials");
    struct str section = str_z(profile ? profile : "default");
    if (config && !str_eqz(section, "default"))
        section = str_fmt(a, "profile %.*s", STR_ARGS(section));
    buf_init(&text);
    struct str v = fs_read_file(file, INI_BYTES, &text, &ignored) ? STR_NONE : str_copy(a, ini_value(buf_view(&text), section, key));
    buf_release(&text);
    return v;
}

struct str s3_region(const struct store_settings *from, struct arena *a)
{
    const char *set = GET(from, "AWS_REGION", "AWS_DEFAULT_REGION");
    struct str v = set ? str_z(set) : profile_value(from, a, true, "region");
    return v.len ? v : STR("us-east-1");
}

/* ---- which way */

static void fix(struct s3_auth *k, struct str access, struct str secret, struct str session)
{
    mem_free(k->access);
    mem_free(k->secret);
    mem_free(k->session);
    k->access = str_dup(access);
    k->secret = str_dup(secret);
    k->session = session.len ? str_dup(session) : NULL;
}

static int from_profile(struct s3_auth *k, const struct store_settings *from, struct err *err)
{
    struct arena *a = arena_new();
    struct str access = STR_NONE, secret = STR_NONE, session = STR_NONE;
    for (int config = 0; config < 2 && !access.len; config++) {
        access = profile_value(from, a, config, "aws_access_key_id");
        secret = profile_value(from, a, config, "aws_secret_access_key");
        session = profile_value(from, a, config, "aws_session_token");
    }
    int skip = store_setting_bool(from, "AWS_SKIP_SIGNATURE", false, err), rc = skip < 0 ? -1 : 0;
    if (rc == 0 && access.len && secret.len)
        fix(k, access, secret, session);
    else if (skip == 0)
        rc = err_set(err, ERR_AUTH, "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
    arena_free(a);
    return rc;
}

static void to_sts(struct s3_auth *k, const struct store_settings *from, struct str region)
{
    const char *sts = GET(from, "AWS_ENDPOINT_URL_STS"), *name = GET(from, "AWS_ROLE_SESSION_NAME");
    struct buf b;
    buf_init(&b);
    if (sts)
        buf_z(&b, sts);
    else
        buf_printf(&b, "https://sts.%.*s.amazonaws.com/", STR_ARGS(region));
    k->way = WAY_WEB;
    k->url = buf_detach(&b);
    k->role = mem_strdup(GET(from, "AWS_ROLE_ARN"));
    k->name = mem_strdup(name ? name : "paystreak");
    k->file = mem_strdup(GET(from, "AWS_WEB_IDENTITY_TOKEN_FILE"));
}

static void to_container(struct s3_auth *k, const struct store_settings *from)
{
    const char *full = GET(from, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), *token = GET(from, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s%s", full ? "" : "http://169.254.170.2", full ? full : GET(from, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
    k->way = WAY_CONTAINER;
    k->url = buf_detach(&b);
    k->token = token ? mem_strdup(token) : NULL;
}

struct s3_auth *s3_auth_open(const struct store_settings *from, struct str region, struct err *err)
{
    struct s3_auth *k = NEW(struct s3_auth);
    const char *access = GET(from, "AWS_ACCESS_KEY_ID"), *secret = GET(from, "AWS_SECRET_ACCESS_KEY");
    int rc = 0;
    pthread_mutex_init(&k->lock, NULL);
    if (access && secret)
        fix(k, str_z(access), str_z(secret), str_z(GET(from, "AWS_SESSION_TOKEN")));
    else if (access || secret)
        rc = err_set(err, ERR_AUTH, "%s is set without %s", access ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                     access ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    else if (GET(from, "AWS_ROLE_ARN") && GET(from, "AWS_WEB_IDENTITY_TOKEN_FILE"))
        to_sts(k, from, region);
    else if (GET(from, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
        to_container(k, from);
    else
        rc = from_profile(k, from, err);
    if (rc == 0)
        return k;
    s3_auth_close(k);
    return NULL;
}

void s3_auth_close(struct s3_auth *k)
{
    if (!k)
        return;
    char *all[] = {k->access, k->secret, k->session, k->url, k->role, k->name, k->file, k->token};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        mem_free(all[i]);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
}

/* ---- asking */

static void put_form(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s%s=", out->len ? "&" : "", name);
    percent_put(out, value, "");
}

static int take(struct s3_auth *k, struct str access, struct str secret, struct str session, struct str expires, struct err *err)
{
    struct tp until;
    int64_t now_s = time_now_ms() / 1000;
    if (!access.len || !secret.len)
        return err_set(err, ERR_AUTH, "%s answers without keys", k->url);
    fix(k, access, secret, session);
    int64_t lasts = time_parse_iso(expires, &until) ? until.us / 1000000 - now_s : 2 * RENEW_S;
    k->renew_s = now_s + (lasts > 2 * RENEW_S ? lasts - RENEW_S : lasts / 2);
    return 0;
}

static int ask_sts(struct s3_auth *k, struct arena *a, struct err *err)
{
    struct http_client_res res;
    struct buf form, token;
    struct store_headers h = {.arena = a};
    buf_init(&form);
    buf_init(&token);
    int rc = fs_read_file(k->file, TOKEN_FILE_BYTES, &token, err);
    put_form(&form, "Action", STR("AssumeRoleWithWebIdentity"));
    put_form(&form, "Version", STR("2011-06-15"));
    put_form(&form, "RoleArn", str_z(k->role));
    put_form(&form, "RoleSessionName", str_z(k->name));
    put_form(&form, "WebIdentityToken", str_trim(buf_view(&token)));
    store_header(&h, "Content-Type", STR("application/x-www-form-urlencoded"));
    struct http_client_req q = {.url = k->url, .headers = h.list, .body = buf_view(&form), .timeout_ms = ASK_TIMEOUT_MS};
    if (rc == 0 && (rc = store_http("a role's keys", &q, &res, err)) == 0) {
        struct str xml = buf_view(&res.body);
        rc = take(k, store_xml_text(a, xml, "AccessKeyId"), store_xml_text(a, xml, "SecretAccessKey"), store_xml_text(a, xml, "SessionToken"),
                  store_xml_text(a, xml, "Expiration"), err);
        http_client_res_release(&res);
    }
    buf_release(&form);
    buf_release(&token);
    return rc;
}

static int ask_container(struct s3_auth *k, struct arena *a, struct err *err)
{
    struct http_client_res res;
    struct store_headers h = {.arena = a};
    if (k->token)
        store_header(&h, "Authorization", str_z(k->token));
    struct http_client_req q = {.url = k->url, .headers = h.list, .timeout_ms = ASK_TIMEOUT_MS};
    if (store_http("the container's keys", &q, &res, err))
        return -1;
    struct doc *d = doc_json(a, NULL, buf_view(&res.body), err);
    int rc = !d ? -1 : take(k, doc_str(doc_get(d, "AccessKeyId"), STR_NONE), doc_str(doc_get(d, "SecretAccessKey"), STR_NONE),
                            doc_str(doc_get(d, "Token"), STR_NONE), doc_str(doc_get(d, "Expiration"), STR_NONE), err);
    http_client_res_release(&res);
    return rc;
}

int s3_auth_keys(struct s3_auth *k, struct arena *a, struct s3_keys *out, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&k->lock);
    if (k->way != WAY_FIXED && (!k->access || k->renew_s <= time_now_ms() / 1000)) {
        rc = k->way == WAY_WEB ? ask_sts(k, a, err) : ask_container(k, a, err);
        if (rc && !err->retriable)
            err->code = ERR_AUTH;
    }
    if (rc == 0)
        *out = (struct s3_keys){str_copy(a, str_z(k->access)), str_copy(a, str_z(k->secret)), str_copy(a, str_z(k->session))};
    pthread_mutex_unlock(&k->lock);
    return rc;
}
