/* http_client.c -- blocking requests through libcurl.
 *
 * One easy handle a thread, reset before each request: that keeps its connections, DNS answers and
 * TLS sessions. Callbacks of curl write into a `transfer`, whose `err` holds the first failure of
 * ours (a limit, a disk that is full); it wins over curl's own message for the abort it caused.
 * Error texts name the URL without its query, which may hold a signature. */
#include "net/http_client.h"
#include "ev/ev.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STALL_SECONDS = 60, MAX_URL = 64 * 1024 };

struct transfer {
    const struct http_client_req *req;
    struct http_client_res *res;
    CURL *curl;
    size_t header_cap, head_bytes;
    int fd;                /* of the temporary file, -1: none yet */
    char *tmp_path;
    bool failed;
    struct err err;
};

static pthread_key_t handle_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_handle(void *curl)
{
    curl_easy_cleanup(curl);
}

static void init(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
    CHECK(pthread_key_create(&handle_key, free_handle) == 0);
}

static CURL *thread_handle(void)
{
    pthread_once(&once, init);
    CURL *curl = pthread_getspecific(handle_key);
    if (!curl) {
        curl = curl_easy_init();
        CHECK(curl);
        pthread_setspecific(handle_key, curl);
    }
    curl_easy_reset(curl);
    return curl;
}

static size_t fail(struct transfer *t)
{
    t->failed = true;
    return 0; /* curl aborts the transfer */
}

/* ------------------------------------------------------------------ callbacks of curl */

static void forget_headers(struct transfer *t)
{
    for (size_t i = 0; i < t->res->header_count; i++) {
        mem_free(t->res->headers[i].name);
        mem_free(t->res->headers[i].value);
    }
    t->res->header_count = 0;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct http_client_res *res = t->res;
    struct str line = str_trim(str_of(bytes, size * n));
    t->head_bytes += size * n;
    if (t->head_bytes > HTTP_CLIENT_MAX_HEAD) {
        (void)err_set(&t->err, ERR_LIMIT, "answer with more than %d bytes of headers", HTTP_CLIENT_MAX_HEAD);
        return fail(t);
    }
    if (str_starts_z(line, "HTTP/")) { /* of the next answer after a redirect, or a 100 */
        forget_headers(t);
        return size * n;
    }
    int64_t colon = str_chr(line, ':');
    if (colon <= 0)
        return size * n;
    res->headers = mem_grow(res->headers, &t->header_cap, res->header_count + 1, sizeof *res->headers);
    struct http_client_header *h = &res->headers[res->header_count++];
    h->name = str_dup(str_sub(line, 0, (size_t)colon));
    for (char *p = h->name; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p += 32;
    h->value = str_dup(str_trim(str_from(line, (size_t)colon + 1)));
    return size * n;
}

static bool is_success(struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static int open_file(struct transfer *t)
{
    size_t n = strlen(t->req->to_path) + 32;
    t->tmp_path = mem_alloc(n);
    snprintf(t->tmp_path, n, "%s.%016jx.tmp", t->req->to_path, (uintmax_t)random_u64());
    t->fd = fs_open(t->tmp_path, FS_WRITE | FS_CREATE | FS_EXCL, &t->err);
    return t->fd < 0 ? -1 : 0;
}

static int keep_body(struct transfer *t, struct str bytes)
{
    const struct http_client_req *q = t->req;
    bool elsewhere = (q->to_path || q->on_body) && is_success(t);
    int64_t max = q->max_body ? q->max_body : elsewhere ? INT64_MAX : HTTP_CLIENT_MAX_BODY;
    t->res->body_bytes += (int64_t)bytes.len;
    if (t->res->body_bytes > max)
        return err_set(&t->err, ERR_LIMIT, "answer of more than %jd bytes", (intmax_t)max);
    if (!elsewhere) {
        buf_str(&t->res->body, bytes);
        return buf_check(&t->res->body, "the answer's body", &t->err);
    }
    if (q->on_body)
        return q->on_body(q->ctx, bytes, &t->err);
    if (t->fd < 0 && open_file(t) != 0)
        return -1;
    return fs_write_all(t->fd, bytes.ptr, bytes.len, &t->err);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    if (keep_body(t, str_of(bytes, size * n)) != 0)
        return fail(t);
    return size * n;
}

static int on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
    struct transfer *t = arg;
    (void)dt, (void)dn, (void)ut, (void)un;
    return t->req->cancel && atomic_load(t->req->cancel);
}

/* ------------------------------------------------------------------ one request */

static void set_method(CURL *curl, const struct http_client_req *q)
{
    const char *m = q->method ? q->method : q->body.ptr ? "POST" : "GET";
    if (strcmp(m, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (q->body.ptr || strcmp(m, "POST") == 0 || strcmp(m, "PUT") == 0 || strcmp(m, "PATCH") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.ptr ? q->body.ptr : "");
    }
    if (strcmp(m, "GET") != 0 && strcmp(m, "POST") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, m);
    /* libcurl sends a request again by itself when a kept connection dies unanswered: not one that may have had its effect. */
    if (strcmp(m, "POST") == 0 || strcmp(m, "PATCH") == 0)
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_limits(CURL *curl, const struct http_client_req *q)
{
    int64_t timeout = q->timeout_ms ? q->timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
    int64_t connect = q->connect_timeout_ms ? q->connect_timeout_ms : HTTP_CLIENT_CONNECT_MS;
    int redirects = q->max_redirects ? q->max_redirects : HTTP_CLIENT_MAX_REDIRECTS;
    if (timeout > 0)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, redirects > 0 ? (long)redirects : 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

/* Local services are never asked for through a proxy. */
static void set_no_proxy(CURL *curl)
{
    const char *more = getenv("no_proxy");
    if (!more)
        more = getenv("NO_PROXY");
    if (more && strcmp(more, "*") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOPROXY, more);
        return;
    }
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "localhost,127.0.0.1,::1%s%s", more ? "," : "", more ? more : "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, b.ptr); /* curl copies it */
    buf_release(&b);
}

static struct curl_slist *set_headers(CURL *curl, const struct http_client_req *q)
{
    struct curl_slist *list = NULL;
    bool typed = false;
    for (size_t i = 0; q->headers && q->headers[i]; i++) {
        list = curl_slist_append(list, q->headers[i]);
        typed |= str_ieq(str_sub(str_z(q->headers[i]), 0, 13), STR("content-type:"));
    }
    if (!typed) /* curl's own guess would be a form */
        list = curl_slist_append(list, "Content-Type:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return list;
}

static struct curl_slist *configure(struct transfer *t, char *error_text)
{
    const struct http_client_req *q = t->req;
    CURL *curl = t->curl;
    curl_easy_setopt(curl, CURLOPT_URL, q->url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "paystreak");
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, NULL);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, q->cancel ? 0L : 1L);
    if (q->unix_path)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, q->unix_path);
    if (q->user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, q->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, q->password ? q->password : "");
    }
    if (q->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, q->ca_file);
    set_method(curl, q);
    set_limits(curl, q);
    set_no_proxy(curl);
    return set_headers(curl, q);
}

static int curl_err(const struct transfer *t, CURLcode rc, const char *text, struct err *err)
{
    struct str url = str_z(t->req->url);
    int64_t mark = str_chr(url, '?');
    enum err_code code = ERR_IO;
    bool retriable = true;
    if (mark >= 0)
        url.len = (size_t)mark;
    if (t->failed) {
        *err = t->err;
        return err_wrap(err, "%.*s", STR_ARGS(url));
    }
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        code = ERR_TIMEOUT;
    } else if (rc == CURLE_ABORTED_BY_CALLBACK) {
        code = ERR_CANCELED;
        retriable = false;
    } else if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_TOO_MANY_REDIRECTS) {
        code = ERR_INPUT;
        retriable = false;
    } else if (rc == CURLE_PEER_FAILED_VERIFICATION) {
        retriable = false;
    }
    (void)err_set(err, code, "%.*s: %s", STR_ARGS(url), text[0] ? text : curl_easy_strerror(rc));
    err->retriable = retriable;
    return -1;
}

/* Makes the file appear under its name, or removes what there is of it. */
static int finish_file(struct transfer *t, bool ok, struct err *err)
{
    struct err ignored;
    int rc = 0;
    if (ok && t->fd < 0 && t->req->to_path && is_success(t)) /* an empty body */
        rc = open_file(t) == 0 ? 0 : (*err = t->err, -1);
    if (t->fd >= 0) {
        if (ok && rc == 0)
            rc = fs_sync(t->fd, err);
        fs_close(t->fd);
        if (ok && rc == 0)
            rc = fs_rename(t->tmp_path, t->req->to_path, err);
        if ((!ok || rc != 0) && fs_unlink(t->tmp_path, &ignored) != 0)
            log_err(LOG_WARN, "http", &ignored);
    }
    if (ok && rc == 0 && t->fd >= 0) {
        struct arena *a = arena_new();
        rc = fs_sync_dir(str_cz(a, path_dir(str_z(t->req->to_path))), err);
        arena_free(a);
    }
    mem_free(t->tmp_path);
    return rc;
}

int http_client_do(const struct http_client_req *req, struct http_client_res *res, struct err *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct transfer t = {.req = req, .res = res, .fd = -1};
    CHECK(!ev_on_any_loop());
    *res = (struct http_client_res){0};
    buf_init(&res->body);
    res->unsent = strlen(req->url) > MAX_URL;
    if (res->unsent)
        return err_set(err, ERR_LIMIT, "URL of more than %d bytes", MAX_URL);
    t.curl = thread_handle();
    struct curl_slist *headers = configure(&t, text);
    CURLcode code = curl_easy_perform(t.curl);
    int rc = code == CURLE_OK ? 0 : curl_err(&t, code, text, err);
    if (finish_file(&t, rc == 0, rc == 0 ? err : &t.err) != 0)
        rc = -1;
    if (rc == 0) {
        long status = 0;
        char *url = NULL;
        curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t.curl, CURLINFO_EFFECTIVE_URL, &url);
        res->status = (int)status;
        res->url = mem_strdup(url ? url : req->url);
    }
    curl_slist_free_all(headers);
    if (rc != 0) {
        long sent_bytes = 1;
        curl_easy_getinfo(t.curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
        http_client_res_release(res);
        res->unsent = sent_bytes == 0;
    }
    return rc;
}

struct str http_client_header(const struct http_client_res *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++)
        if (str_ieqz(str_z(res->headers[i].name), name))
            return str_z(res->headers[i].value);
    return STR_NONE;
}

void http_client_res_release(struct http_client_res *res)
{
    struct transfer t = {.res = res};
    forget_headers(&t);
    mem_free(res->headers);
    mem_free(res->url);
    buf_release(&res->body);
    *res = (struct http_client_res){0};
}
