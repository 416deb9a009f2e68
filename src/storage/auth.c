/* auth.c -- the texts to sign, and the checks around them.
 *
 * SharedKey signs, each ended by a newline: the verb; Content-Encoding, -Language, -Length (empty if
 * 0), -MD5, -Type; Date; If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since; Range; the
 * x-ms- headers as name:value, sorted; and without a newline at its end the resource: /account, the
 * path as sent, and each query parameter as \nname:value, sorted. SharedKeyLite: verb, Content-MD5,
 * Content-Type, Date, x-ms- headers, /account and path with ?comp=.
 *
 * How headers are sorted: the service compares as .NET's invariant culture does, in which '-' weighs
 * nothing at first; most clients sort bytes. Both orders are tried. */
#include "storage/auth.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- dates */

/* "2024-01-02", "2024-01-02T03:04Z", "…:05Z", "…:05.1234567Z" */
static bool sas_time(struct str s, struct tp *out)
{
    if (time_parse_iso(s, out))
        return true;
    char text[40];
    if (s.len != 17 || s.ptr[16] != 'Z') /* without seconds */
        return false;
    snprintf(text, sizeof text, "%.*s:00Z", 16, s.ptr);
    return time_parse_iso(str_z(text), out);
}

/* ---------------------------------------------------------------- SharedKey */

/* Weights of '-' and the other characters of header names in .NET's order: at first '-' is skipped, and
 * breaks ties at the end. */
static int cmp_culture(struct str a, struct str b)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a.len && a.ptr[i] == '-')
            i++;
        while (j < b.len && b.ptr[j] == '-')
            j++;
        if (i == a.len || j == b.len)
            break;
        unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[j];
        if (x == '_') /* below digits and letters */
            x = '!';
        if (y == '_')
            y = '!';
        if (x != y)
            return x < y ? -1 : 1;
        i++, j++;
    }
    if (i < a.len || j < b.len)
        return i < a.len ? 1 : -1;
    return str_cmp(b, a);
}

static int cmp_header_bytes(const void *x, const void *y)
{
    return str_cmp(((const struct http_header *)x)->name, ((const struct http_header *)y)->name);
}

static int cmp_header_culture(const void *x, const void *y)
{
    return cmp_culture(((const struct http_header *)x)->name, ((const struct http_header *)y)->name);
}

static void put_ms_headers(struct buf *out, const struct azreq *r, bool culture)
{
    struct http_header *list = ARENA_ARRAY(r->a, struct http_header, r->header_count + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->header_count; i++)
        if (str_starts_z(r->headers[i].name, "x-ms-"))
            list[n++] = r->headers[i];
    qsort(list, n, sizeof *list, culture ? cmp_header_culture : cmp_header_bytes);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%.*s:%.*s\n", STR_ARGS(list[i].name), STR_ARGS(list[i].value));
}

static int cmp_param(const void *x, const void *y)
{
    const struct az_param *a = x, *b = y;
    int c = str_cmp(a->name, b->name);
    return c ? c : str_cmp(a->value, b->value);
}

static void put_resource(struct buf *out, const struct azreq *r, bool lite)
{
    buf_printf(out, "/%.*s%.*s", STR_ARGS(r->account), STR_ARGS(r->path));
    if (lite) {
        struct str comp = azreq_param(r, "comp");
        if (comp.ptr)
            buf_printf(out, "?comp=%.*s", STR_ARGS(comp));
        return;
    }
    struct az_param *sorted = arena_copy(r->a, r->params, sizeof *sorted * r->param_count);
    qsort(sorted, r->param_count, sizeof *sorted, cmp_param);
    for (size_t i = 0; i < r->param_count; i++) {
        if (i && str_eq(sorted[i].name, sorted[i - 1].name))
            buf_printf(out, ",%.*s", STR_ARGS(sorted[i].value));
        else
            buf_printf(out, "\n%.*s:%.*s", STR_ARGS(sorted[i].name), STR_ARGS(sorted[i].value));
    }
}

static void put_text(struct buf *out, const struct azreq *r, bool lite, bool culture)
{
    static const char *const full[] = {"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
                                       "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range", NULL};
    static const char *const some[] = {"content-md5", "content-type", "date", NULL};
    bool ms_date = azreq_header(r, "x-ms-date").ptr;
    buf_printf(out, "%.*s\n", STR_ARGS(r->method));
    for (const char *const *h = lite ? some : full; *h; h++) {
        struct str v = azreq_header(r, *h);
        bool none = (strcmp(*h, "content-length") == 0 && str_eqz(v, "0")) || (strcmp(*h, "date") == 0 && ms_date);
        buf_printf(out, "%.*s\n", STR_ARGS(none ? STR("") : v));
    }
    put_ms_headers(out, r, culture);
    put_resource(out, r, lite);
}

void auth_text_shared_key(struct buf *out, const struct azreq *r, bool lite) { put_text(out, r, lite, false); }

void auth_sign(struct buf *out, const uint8_t *key, size_t key_len, struct str text)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text.ptr, text.len, mac, &n);
    base64_put(out, str_of((char *)mac, n));
}

static bool signed_by(const struct auth_keys *keys, struct str text, struct str signature)
{
    bool same = false;
    for (size_t i = 0; i < keys->count; i++) {
        struct buf b;
        buf_init(&b);
        auth_sign(&b, keys->key[i], keys->len[i], text);
        same |= b.len == signature.len && CRYPTO_memcmp(b.ptr, signature.ptr, b.len) == 0;
        buf_release(&b);
    }
    return same;
}

static enum az_error fail(struct str *why, enum az_error e, struct str text)
{
    *why = text;
    return e;
}

static enum az_error check_shared_key(const struct azreq *r, const struct auth_keys *keys, struct str cred, bool lite, struct grant *out, struct str *why)
{
    int64_t colon = str_chr(cred, ':');
    struct str date = azreq_header(r, "x-ms-date");
    struct tp when;
    bool ok = false;
    if (!date.ptr)
        date = azreq_header(r, "date");
    if (colon <= 0)
        return fail(why, AZ_InvalidAuthenticationInfo, STR("Authorization must be 'SharedKey account:signature'"));
    if (!str_eq(str_sub(cred, 0, (size_t)colon), r->account))
        return fail(why, AZ_AuthenticationFailed, STR("the account of Authorization is not that of the address"));
    if (!http_date_parse(date, &when))
        return fail(why, AZ_AuthenticationFailed, STR("x-ms-date or Date is missing or malformed"));
    if (llabs(when.us - keys->now.us) > AUTH_SKEW_SECONDS * INT64_C(1000000))
        return fail(why, AZ_AuthenticationFailed, STR("the request's date is more than 15 minutes off"));
    for (int culture = 0; culture < 2 && !ok; culture++) {
        struct buf b;
        buf_init(&b);
        put_text(&b, r, lite, culture);
        ok = signed_by(keys, buf_view(&b), str_from(cred, (size_t)colon + 1));
        buf_release(&b);
    }
    if (!ok)
        return fail(why, AZ_AuthenticationFailed, STR("the signature does not match: is it the key that 'paystreak keys' prints?"));
    out->all = true;
    return AZ_NONE;
}

/* ---------------------------------------------------------------- SAS */

static void put_fields(struct buf *out, const struct azreq *r, const char *const *names)
{
    for (; *names; names++)
        buf_printf(out, "%.*s\n", STR_ARGS(azreq_param(r, *names)));
}

static struct str first_segments(struct str path, int64_t depth)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '/' && --depth == 0)
            return str_sub(path, 0, i);
    return path;
}

/* What a directory SAS is held against: the path, or the folder that is listed. */
static struct str reached(const struct azreq *r)
{
    struct str path = r->level == 2 ? r->blob : azreq_param(r, "directory");
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static struct str sas_dir(const struct azreq *r)
{
    int64_t depth = 0;
    if (!str_i64(azreq_param(r, "sdd"), &depth) || depth < 0)
        depth = 0;
    return depth ? first_segments(reached(r), depth) : STR("");
}

static void put_sas_resource(struct buf *out, const struct azreq *r)
{
    struct str sr = azreq_param(r, "sr");
    buf_printf(out, "/%s/%.*s/%.*s", r->svc == SVC_QUEUE ? "queue" : "blob", STR_ARGS(r->account), STR_ARGS(r->container));
    if (r->svc == SVC_QUEUE || str_eqz(sr, "c"))
        ;
    else if (str_eqz(sr, "d"))
        buf_printf(out, "/%.*s", STR_ARGS(sas_dir(r)));
    else
        buf_printf(out, "/%.*s", STR_ARGS(r->blob));
    buf_char(out, '\n');
}

bool auth_text_sas(struct buf *out, const struct azreq *r)
{
    static const char *const base[] = {"sp", "st", "se", NULL}, *const account[] = {"sp", "ss", "srt", "st", "se", "sip", "spr", "sv", NULL};
    static const char *const id[] = {"si", "sip", "spr", NULL}, *const headers[] = {"rscc", "rscd", "rsce", "rscl", NULL};
    struct str sv = azreq_param(r, "sv");
    if (str_cmp(sv, STR("2015-04-05")) < 0)
        return false;
    bool scoped = str_cmp(sv, STR("2020-12-06")) >= 0;
    if (azreq_param(r, "ss").ptr) {
        buf_printf(out, "%.*s\n", STR_ARGS(r->account));
        put_fields(out, r, account);
        if (scoped)
            buf_printf(out, "%.*s\n", STR_ARGS(azreq_param(r, "ses")));
        return true;
    }
    put_fields(out, r, base);
    put_sas_resource(out, r);
    put_fields(out, r, id);
    buf_str(out, sv);
    if (r->svc == SVC_QUEUE)
        return true;
    buf_char(out, '\n');
    if (str_cmp(sv, STR("2018-11-09")) >= 0)
        buf_printf(out, "%.*s\n%.*s\n", STR_ARGS(azreq_param(r, "sr")), STR_ARGS(azreq_param(r, "snapshot")));
    if (scoped)
        buf_printf(out, "%.*s\n", STR_ARGS(azreq_param(r, "ses")));
    put_fields(out, r, headers);
    buf_str(out, azreq_param(r, "rsct"));
    return true;
}

/* "10.0.0.1" or "10.0.0.1-10.0.0.9" */
static bool ip_number(struct str s, uint32_t *out)
{
    struct str part;
    int parts = 0;
    for (*out = 0; str_split(&s, '.', &part); parts++) {
        int64_t n;
        if (!str_i64(part, &n) || n < 0 || n > 255)
            return false;
        *out = *out << 8 | (uint32_t)n;
    }
    return parts == 4;
}

static bool ip_within(struct str range, const char *peer)
{
    struct str ip = http_host_name(str_z(peer));
    int64_t dash = str_chr(range, '-');
    uint32_t lo, hi, at;
    if (!ip_number(ip, &at) || !ip_number(dash < 0 ? range : str_sub(range, 0, (size_t)dash), &lo))
        return false;
    if (dash < 0)
        return at == lo;
    return ip_number(str_from(range, (size_t)dash + 1), &hi) && at >= lo && at <= hi;
}

static enum az_error check_times(struct str start, struct str expiry, struct tp now, struct str *why)
{
    struct tp t;
    if (!expiry.len)
        return fail(why, AZ_AuthenticationFailed, STR("the SAS has no expiry, neither has its policy"));
    if (!sas_time(expiry, &t))
        return fail(why, AZ_AuthenticationFailed, STR("the SAS's expiry is malformed"));
    if (now.us >= t.us)
        return fail(why, AZ_AuthenticationFailed, STR("the SAS has expired"));
    if (start.len && !sas_time(start, &t))
        return fail(why, AZ_AuthenticationFailed, STR("the SAS's start is malformed"));
    if (start.len && now.us < t.us - AUTH_SKEW_SECONDS * INT64_C(1000000) / 3)
        return fail(why, AZ_AuthenticationFailed, STR("the SAS is not valid yet"));
    return AZ_NONE;
}

/* Which part of the address does a service SAS bind? */
static enum az_error service_scope(const struct azreq *r, struct grant *out, struct str *why)
{
    struct str sr = azreq_param(r, "sr");
    if (r->svc == SVC_QUEUE) {
        out->scope = 'q';
        return r->level ? AZ_NONE : AZ_AuthorizationFailure;
    }
    if (sr.len != 1 || !strchr("cbd", sr.ptr[0]))
        return fail(why, AZ_AuthenticationFailed, STR("sr must be b, c or d: snapshots and versions are not supported"));
    if (sr.ptr[0] == 'd' && str_cmp(azreq_param(r, "sv"), STR("2020-02-10")) < 0) /* older ones do not sign sr: one of a blob would do */
        return fail(why, AZ_AuthenticationFailed, STR("sr=d needs sv 2020-02-10 or later"));
    out->scope = sr.ptr[0];
    out->dir = sas_dir(r);
    if (!r->level || (out->scope == 'b' && r->level < 2))
        return AZ_AuthorizationFailure;
    return AZ_NONE;
}

static bool has_letter(struct str s, char c) { return s.len && memchr(s.ptr, c, s.len); }

static enum az_error check_sas(const struct azreq *r, const struct auth_keys *keys, struct grant *out, struct str *why)
{
    struct str sip = azreq_param(r, "sip"), spr = azreq_param(r, "spr"), services = azreq_param(r, "ss");
    struct buf b;
    if (azreq_param(r, "skoid").ptr)
        return fail(why, AZ_AuthenticationFailed, STR("user delegation SAS is not supported: sign with the account's key"));
    buf_init(&b);
    bool known = auth_text_sas(&b, r), ok = known && signed_by(keys, buf_view(&b), azreq_param(r, "sig"));
    buf_release(&b);
    if (!known)
        return fail(why, AZ_AuthenticationFailed, STR("sv must be 2015-04-05 or later"));
    if (!ok)
        return fail(why, AZ_AuthenticationFailed, STR("the SAS's signature does not match"));
    if (spr.len && !str_eqz(spr, "https,http") && !str_eqz(spr, "http,https"))
        return fail(why, AZ_AuthorizationProtocolMismatch, STR("the SAS is for https only; here it is http"));
    if (sip.len && !ip_within(sip, r->peer))
        return AZ_AuthorizationSourceIPMismatch;
    out->perms = azreq_param(r, "sp");
    out->start = azreq_param(r, "st");
    out->expiry = azreq_param(r, "se");
    if (services.ptr) {
        out->types = azreq_param(r, "srt");
        if (!has_letter(services, r->svc == SVC_QUEUE ? 'q' : 'b'))
            return AZ_AuthorizationServiceMismatch;
    } else {
        enum az_error e = service_scope(r, out, why);
        out->policy = azreq_param(r, "si");
        if (e || out->policy.len)
            return e;
    }
    if (!out->perms.len)
        return fail(why, AZ_AuthenticationFailed, STR("the SAS grants nothing: sp is missing"));
    return check_times(out->start, out->expiry, keys->now, why);
}

enum az_error auth_apply_policy(struct grant *g, struct str perms, struct str start, struct str expiry, struct tp now, struct str *why)
{
    if ((perms.len && g->perms.len) || (start.len && g->start.len) || (expiry.len && g->expiry.len))
        return fail(why, AZ_AuthenticationFailed, STR("a field is given by both the SAS and its stored access policy"));
    g->perms = perms.len ? perms : g->perms;
    g->start = start.len ? start : g->start;
    g->expiry = expiry.len ? expiry : g->expiry;
    g->policy = STR_NONE;
    return check_times(g->start, g->expiry, now, why);
}

enum az_error auth_check(const struct azreq *r, const struct auth_keys *keys, struct grant *out, struct str *why)
{
    struct str auth = azreq_header(r, "authorization");
    *out = (struct grant){0};
    *why = STR_NONE;
    if (str_starts_z(auth, "SharedKey "))
        return check_shared_key(r, keys, str_trim(str_from(auth, 10)), false, out, why);
    if (str_starts_z(auth, "SharedKeyLite "))
        return check_shared_key(r, keys, str_trim(str_from(auth, 14)), true, out, why);
    if (str_starts_z(auth, "Bearer ")) {
        struct str token = str_trim(str_from(auth, 7)), ours = str_z(keys->token);
        if (!ours.len || token.len != ours.len || CRYPTO_memcmp(token.ptr, ours.ptr, ours.len))
            return fail(why, AZ_AuthenticationFailed, STR("the bearer token is not the one that 'paystreak keys' prints"));
        out->all = true;
        return AZ_NONE;
    }
    if (auth.ptr)
        return fail(why, AZ_InvalidAuthenticationInfo, STR("SharedKey, SharedKeyLite and Bearer are known"));
    if (azreq_param(r, "sig").ptr)
        return check_sas(r, keys, out, why);
    return fail(why, AZ_NoAuthenticationInformation, STR("neither Authorization nor a SAS is there"));
}

enum az_error auth_allows(const struct grant *g, const struct azreq *r, const char *perms, char type)
{
    bool some = false;
    if (g->all)
        return AZ_NONE;
    if (g->types.ptr && !has_letter(g->types, type))
        return AZ_AuthorizationResourceTypeMismatch;
    if (!g->types.ptr) {
        if (type == 's' || (type == 'c' && g->scope == 'b'))
            return AZ_AuthorizationFailure;
        if (type == 'c' && g->scope == 'c' && !strchr(perms, 'l')) /* of a container's own a service SAS lists only */
            return AZ_AuthorizationFailure;
        struct str path = reached(r);
        bool below = str_starts(path, g->dir) && (path.len == g->dir.len || !g->dir.len || path.ptr[g->dir.len] == '/');
        bool lists = type == 'c' && r->svc == SVC_DFS && strchr(perms, 'l');
        if (g->scope == 'd' && (!below || (type == 'c' && !lists)))
            return AZ_AuthorizationFailure;
    }
    for (const char *p = perms; *p; p++)
        some |= has_letter(g->perms, *p);
    return some ? AZ_NONE : AZ_AuthorizationPermissionMismatch;
}
