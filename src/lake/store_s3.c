/* store_s3.c -- S3, and what speaks its protocol.
 *
 *     page      GET    /?list-type=2&prefix=…&start-after=…&continuation-token=…
 *     stat      HEAD   /N
 *     get       GET    /N  [range]
 *     put       PUT    /N  [If-None-Match: *]
 *     begin     POST   /N?uploads=        block  PUT /N?partNumber=…&uploadId=…
 *     end       POST   /N?uploadId=…      abort  DELETE /N?uploadId=…
 *     remove    DELETE /N
 * Put-if-absent answers 412 if the name is taken, and 409 ConditionalRequestConflict when it lost a race
 * that is not over yet: that is tried again. A store that ignores the condition would let commits overwrite
 * each other; it is found out by AWS_CONDITIONAL_PUT=false (or disabled; etag, true and nothing mean that it is
 * honoured) only, which refuses to commit there.
 *
 * The bucket is in the host (https://BUCKET.s3.REGION.amazonaws.com), or with AWS_VIRTUAL_HOSTED_STYLE_REQUEST=false,
 * with an endpoint of its own (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, s3+http://) unless that is true, and if its
 * name has a dot, in the path. */
#include "lake/s3_auth.h"
#include "lake/s3_sign.h"
#include "lake/store_int.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_OBJECTS = 1000, MAX_PARAMS = 8 };

struct s3 {
    char *origin;                         /* "https://host[:port]" */
    char *host;
    char *base;                           /* path before names: "" or "/bucket" */
    char *region;
    struct s3_auth *auth;
    bool no_condition;
};

static const struct form { const char *scheme; bool custom; } forms[] = {
    {"s3://", false}, {"s3a://", false}, {"s3+http://", true}, {"s3+https://", true},
};

static const struct form *form_of(struct str root)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (str_starts_z(root, forms[i].scheme))
            return &forms[i];
    return NULL;
}

bool store_s3_is(struct str root) { return form_of(root); }

#define GET(from, ...) store_setting(from, (const char *const[]){__VA_ARGS__, NULL})

static struct str until(struct str s, char c)
{
    int64_t at = str_chr(s, c);
    return at < 0 ? s : str_sub(s, 0, (size_t)at);
}

static int set_origin(struct s3 *z, struct str endpoint, struct str bucket, bool in_host, struct err *err)
{
    struct buf host, origin, base;
    int64_t scheme = str_find(endpoint, STR("://"));
    struct str rest = scheme < 0 ? endpoint : str_from(endpoint, (size_t)scheme + 3), name = until(rest, '/');
    struct str path = str_from(rest, name.len);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    if (!name.len || !bucket.len)
        return err_set(err, ERR_INPUT, "an address of S3 is s3://bucket/folder");
    buf_init(&host);
    buf_init(&origin);
    buf_init(&base);
    if (in_host)
        buf_printf(&host, "%.*s.", STR_ARGS(bucket));
    buf_str(&host, name);
    buf_str(&origin, scheme < 0 ? STR("https://") : str_sub(endpoint, 0, (size_t)scheme + 3));
    buf_str(&origin, buf_view(&host));
    buf_str(&base, path);
    if (!in_host) {
        buf_char(&base, '/');
        percent_put(&base, bucket, "");
    }
    z->host = buf_detach(&host);
    z->origin = buf_detach(&origin);
    z->base = buf_detach(&base);
    return 0;
}

int store_s3_open(struct store *s, struct str root, const struct store_settings *from, struct err *err)
{
    const struct form *f = form_of(root);
    static const struct store_word conditions[] = {{"etag", 1}, {"true", 1}, {"disabled", 0}, {"false", 0}};
    struct s3 *z = NEW(struct s3);
    struct arena *a = arena_new();
    struct str rest = str_from(root, strlen(f->scheme)), endpoint = STR_NONE, bucket;
    const char *set = GET(from, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT");
    s->state = z;
    s->kind = &store_kind_s3;
    z->region = str_dup(s3_region(from, a));
    int condition = store_setting_word(from, "AWS_CONDITIONAL_PUT", conditions, COUNT_OF(conditions), 1, err);
    z->no_condition = condition == 0;
    if (f->custom) {
        struct str host = until(rest, '/');
        endpoint = str_fmt(a, "%.*s", (int)(strlen(f->scheme) - 3 + host.len), root.ptr + 3);
        rest = str_from(rest, host.len + 1);
    } else if (set) {
        endpoint = str_z(set);
    }
    bucket = until(rest, '/');
    struct str path = str_from(rest, bucket.len + (bucket.len < rest.len));
    s->prefix = mem_alloc(path.len + 2);
    memcpy(s->prefix, path.ptr ? path.ptr : "", path.len);
    if (path.len)
        s->prefix[path.len] = '/';
    int in_host = condition < 0 ? -1 : store_setting_bool(from, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", !endpoint.len && str_chr(bucket, '.') < 0, err);
    if (!endpoint.len)
        endpoint = str_fmt(a, "https://s3.%s.amazonaws.com", z->region);
    int rc = in_host < 0 ? -1 : set_origin(z, endpoint, bucket, in_host, err);
    if (rc == 0 && !(z->auth = s3_auth_open(from, str_z(z->region), err)))
        rc = -1;
    arena_free(a);
    return rc;
}

static void close_store(struct store *s)
{
    struct s3 *z = s->state;
    s3_auth_close(z->auth);
    mem_free(z->origin);
    mem_free(z->host);
    mem_free(z->base);
    mem_free(z->region);
    mem_free(z);
}

/* ---- requests */

struct call {
    struct arena *arena;
    const char *method, *what;
    struct s3_param params[MAX_PARAMS];
    size_t param_count;
    bool if_absent;
    struct str range;
    bool unsent;                          /* out, of a call that failed: no byte of it was sent */
};

static void param(struct call *c, const char *name, struct str value)
{
    CHECK(c->param_count < MAX_PARAMS);
    c->params[c->param_count++] = (struct s3_param){name, value};
}

static int by_param(const void *a, const void *b)
{
    return strcmp(((const struct s3_param *)a)->name, ((const struct s3_param *)b)->name);
}

/* Headers that are signed, sorted by name as the signature wants them. */
static void put_headers(const struct call *c, const struct s3 *z, const struct s3_keys *keys, const char *hash, const char *date,
                        struct store_headers *h)
{
    store_header(h, "host", str_z(z->host));
    if (c->if_absent)
        store_header(h, "if-none-match", STR("*"));
    if (c->range.len)
        store_header(h, "range", c->range);
    store_header(h, "x-amz-content-sha256", str_z(hash));
    store_header(h, "x-amz-date", str_z(date));
    if (keys->session_token.len)
        store_header(h, "x-amz-security-token", keys->session_token);
}

static const char *date_now(struct arena *a)
{
    struct civil t = civil_of(time_now());
    return arena_printf(a, "%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

static int authorize(struct call *c, const struct s3 *z, struct str path, struct str body, struct store_headers *h, struct err *err)
{
    char hash[S3_HASH_HEX];
    struct s3_keys keys;
    const char *date = date_now(c->arena);
    if (s3_auth_keys(z->auth, c->arena, &keys, err))
        return -1;
    s3_hash(body, hash);
    put_headers(c, z, &keys, hash, date, h);
    if (!keys.access_key.len)
        return 0;
    struct buf b;
    struct s3_request r = {c->method, path, c->params, c->param_count, h->list, str_z(hash)};
    struct s3_signer signer = {keys.access_key, keys.secret_key, str_z(z->region), STR("s3"), str_z(date)};
    buf_init(&b);
    s3_sign(&b, &r, &signer);
    store_header(h, "authorization", str_copy(c->arena, buf_view(&b)));
    buf_release(&b);
    return 0;
}

/* `name` NULL: the bucket itself. */
static int call_do(struct call *c, struct store *s, const char *name, struct http_client_req *q, struct http_client_res *res, struct err *err)
{
    struct s3 *z = s->state;
    struct buf url;
    struct store_headers h = {.arena = c->arena};
    if (c->param_count)
        qsort(c->params, c->param_count, sizeof *c->params, by_param);
    buf_init(&url);
    buf_printf(&url, "%s%s", z->origin, z->base);
    if (name || !z->base[0])
        buf_char(&url, '/');
    if (name) {
        percent_put(&url, str_z(s->prefix), "/");
        percent_put(&url, str_z(name), "/");
    }
    struct str path = str_copy(c->arena, str_from(buf_view(&url), strlen(z->origin)));
    for (size_t i = 0; i < c->param_count; i++) {
        buf_printf(&url, "%c%s=", i ? '&' : '?', c->params[i].name);
        percent_put(&url, c->params[i].value, "");
    }
    int rc = authorize(c, z, path, q->body, &h, err);
    store_header(&h, "Expect", STR_NONE);
    q->method = c->method;
    q->url = arena_strdup(c->arena, url.ptr);
    q->headers = h.list;
    buf_release(&url);
    c->unsent = true;
    if (rc || store_http(c->what, q, res, err) == 0)
        return rc;
    c->unsent = res->unsent;
    return -1;
}

static int call_send(struct call *c, struct store *s, const char *name, struct str body, struct err *err)
{
    struct http_client_res res;
    struct http_client_req q = {.body = body};
    if (call_do(c, s, name, &q, &res, err))
        return -1;
    http_client_res_release(&res);
    return 0;
}

/* ---- the calls */

static int page(struct store *s, const struct store_list_opts *o, struct str next, struct store_page *out, struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "GET", .what = "a listing"};
    struct http_client_res res;
    struct http_client_req q = {.max_body = STORE_MAX_LIST_PAGE};
    size_t from = o->from ? strlen(o->from) : 0;
    param(&c, "list-type", STR("2"));
    param(&c, "max-keys", str_fmt(a, "%d", PAGE_OBJECTS));
    param(&c, "prefix", str_fmt(a, "%s%s", s->prefix, o->prefix));
    if (next.len)
        param(&c, "continuation-token", next);
    else if (from > 1) /* exclusive: what is before `from` by its last character is left to the caller */
        param(&c, "start-after", str_fmt(a, "%s%.*s", s->prefix, (int)from - 1, o->from));
    int rc = call_do(&c, s, NULL, &q, &res, err);
    if (rc == 0) {
        rc = store_list_s3(out, buf_view(&res.body), err);
        http_client_res_release(&res);
    }
    arena_free(a);
    return rc;
}

static int stat_object(struct store *s, const char *name, struct store_entry *out, struct arena *a, struct err *err)
{
    struct call c = {.arena = a, .method = "HEAD", .what = "a look"};
    struct http_client_res res;
    struct http_client_req q = {};
    if (call_do(&c, s, name, &q, &res, err))
        return -1;
    store_entry_of(a, &res, name, out);
    http_client_res_release(&res);
    return 0;
}

static int get(struct store *s, const char *name, int64_t at, int64_t n, struct http_client_req *q, struct http_client_res *res, struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "GET", .what = "a read"};
    if (at >= 0)
        c.range = str_fmt(a, "bytes=%jd-%jd", (intmax_t)at, (intmax_t)(at + n - 1));
    int rc = call_do(&c, s, name, q, res, err);
    arena_free(a);
    return rc;
}

static int put(struct store *s, const char *name, struct str bytes, struct store_new *asked, struct err *err)
{
    const struct s3 *z = s->state;
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "PUT", .what = "a write", .if_absent = asked};
    int rc = asked && z->no_condition
                 ? err_set(err, ERR_UNSUPPORTED, "committing to '%s': AWS_CONDITIONAL_PUT=false says that the store overwrites", s->root)
                 : call_send(&c, s, name, bytes.ptr ? bytes : STR(""), err);
    if (rc && asked)
        asked->untouched = c.unsent;
    arena_free(a);
    return rc;
}

static int begin(struct store *s, const char *name, struct arena *keep, struct str *id, struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "POST", .what = "an upload's start"};
    struct http_client_res res;
    struct http_client_req q = {.body = STR("")};
    param(&c, "uploads", STR_NONE);
    int rc = call_do(&c, s, name, &q, &res, err);
    if (rc == 0) {
        *id = store_xml_text(keep, buf_view(&res.body), "UploadId");
        http_client_res_release(&res);
        if (!id->len)
            rc = err_set(err, ERR_CORRUPT, "an upload's start answers without UploadId");
    }
    arena_free(a);
    return rc;
}

static int block(struct store *s, const char *name, struct str id, int number, struct str bytes, struct arena *keep, struct str *mark,
                 struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "PUT", .what = "a part"};
    struct http_client_res res;
    struct http_client_req q = {.body = bytes};
    param(&c, "partNumber", str_fmt(a, "%d", number + 1));
    param(&c, "uploadId", id);
    int rc = call_do(&c, s, name, &q, &res, err);
    if (rc == 0) {
        *mark = str_copy(keep, http_client_header(&res, "etag"));
        http_client_res_release(&res);
    }
    arena_free(a);
    return rc;
}

static int end(struct store *s, const char *name, struct str id, const struct str *marks, int count, struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "POST", .what = "an upload's end"};
    struct http_client_res res;
    struct buf b;
    buf_init(&b);
    buf_z(&b, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (int i = 0; i < count; i++)
        buf_printf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%.*s</ETag></Part>", i + 1, STR_ARGS(marks[i]));
    buf_z(&b, "</CompleteMultipartUpload>");
    struct http_client_req q = {.body = buf_view(&b)};
    param(&c, "uploadId", id);
    int rc = call_do(&c, s, name, &q, &res, err);
    if (rc == 0) { /* a failure may come with status 200, as the service begins to answer before it knows */
        struct str code = store_xml_text(a, buf_view(&res.body), "Code");
        if (code.len) {
            rc = err_set(err, ERR_IO, "an upload's end: %.*s", STR_ARGS(code));
            err->retriable = true;
        }
        http_client_res_release(&res);
    }
    buf_release(&b);
    arena_free(a);
    return rc;
}

static void abort_upload(struct store *s, const char *name, struct str id)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "DELETE", .what = "an upload's abort"};
    struct err err;
    param(&c, "uploadId", id);
    if (call_send(&c, s, name, STR_NONE, &err))
        log_err(LOG_WARN, "store", &err);
    arena_free(a);
}

static int remove_object(struct store *s, const char *name, struct err *err)
{
    struct arena *a = arena_new();
    struct call c = {.arena = a, .method = "DELETE", .what = "a removal"};
    int rc = call_send(&c, s, name, STR_NONE, err);
    arena_free(a);
    return rc;
}

const struct store_kind store_kind_s3 = {
    .name = "s3", .close = close_store, .page = page, .stat = stat_object, .get = get, .put = put,
    .begin = begin, .block = block, .end = end, .abort = abort_upload, .remove = remove_object,
};
