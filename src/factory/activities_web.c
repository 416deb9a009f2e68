/* WebActivity: one HTTP request. A JSON object that comes back is the output; any other JSON or text
 * is output.Response. Names of storage, hubs and workspaces are refused as everywhere (resolve). */
#include "factory/data.h"
#include "factory/expr_int.h"
#include "net/http_client.h"

#include <string.h>

enum { WEB_MAX_HEADERS = 100, WEB_MAX_BODY = 4 << 20, WEB_TIMEOUT_MS = 60 * 1000 };

struct web {
    const struct resolver_names *names;
    const char *url, *method, *user, *password;
    const char *headers[WEB_MAX_HEADERS + 2];
    struct str body;
    int64_t timeout_ms;
    const struct doc *at;
};

static int web_work(struct act_job *job, struct err *err)
{
    struct web *w = job->ctx;
    struct arena *a = job->a;
    struct resolved at;
    struct http_client_res res;
    struct doc *out = doc_new_object(a);
    if (resolve_name(w->names, a, str_z(w->url), &at, err))
        return -1;
    if (at.kind != RESOLVED_HTTP)
        return doc_err(w->at, ERR_UNSUPPORTED, err, "'%s' is no web address here", w->url);
    struct http_client_req req = {.method = w->method, .url = at.url, .headers = w->headers,
                                  .body = w->body, .timeout_ms = w->timeout_ms, .user = w->user,
                                  .password = w->password, .max_body = WEB_MAX_BODY,
                                  .cancel = job->cancel};
    if (http_client_do(&req, &res, err))
        return -1;
    struct str text = str_copy(a, buf_view(&res.body));
    int status = res.status;
    http_client_res_release(&res);
    if (status < 200 || status > 299) {
        err_set(err, ERR_IO, "%s %s answers with HTTP status %d: %.*s", w->method, w->url, status,
                (int)(text.len > 200 ? 200 : text.len), text.ptr ? text.ptr : "");
        err->retriable = status >= 500 || status == 429;
        return -1;
    }
    struct err ignored;
    const struct doc *v = text.len ? doc_json(a, NULL, text, &ignored) : NULL;
    if (doc_is(v, DOC_OBJECT))
        out = (struct doc *)v;
    else
        doc_set(a, out, STR("Response"), v ? (struct doc *)v : doc_new_str(a, text));
    job->output = out;
    return 0;
}

static int web_auth(struct arena *m, const struct doc *auth, struct web *w, struct err *err)
{
    const struct doc *password = doc_get(auth, "password");
    if (!doc_is(auth, DOC_OBJECT) || str_ieqz(data_text(auth, "type"), "None"))
        return 0;
    struct str secret = doc_is(password, DOC_OBJECT) ? data_text(password, "value")
                                                     : doc_str(password, STR(""));
    if (!str_ieqz(data_text(auth, "type"), "Basic") || !secret.len)
        return doc_err(auth, ERR_UNSUPPORTED, err, "authentication %.*s is not supported; Basic with a "
                       "plain password is", STR_ARGS(data_text(auth, "type")));
    w->user = str_cz(m, data_text(auth, "username"));
    w->password = str_cz(m, secret);
    return 0;
}

static int start_web(struct act *a, struct err *err)
{
    const struct doc *url = act_eval(a, doc_get(a->props, "url"), err), *method, *headers, *body, *auth;
    if (!url || !(method = act_eval(a, doc_get(a->props, "method"), err)))
        return -1;
    headers = doc_get(a->props, "headers");
    body = doc_get(a->props, "body");
    auth = doc_get(a->props, "authentication");
    if ((headers && !(headers = act_eval(a, headers, err))) ||
        (body && !(body = act_eval(a, body, err))) || (auth && !(auth = act_eval(a, auth, err))))
        return -1;
    struct arena *m = arena_new();
    struct web *w = ARENA_NEW(m, struct web);
    w->names = a->group->run->f->opts.names;
    w->url = str_cz(m, doc_str(url, STR("")));
    w->method = str_cz(m, str_upper(m, doc_str(method, STR("GET"))));
    w->body = body ? str_copy(m, adf_to_string(m, body)) : STR_NONE;
    w->at = doc_get(a->props, "url");
    w->timeout_ms = WEB_TIMEOUT_MS;
    model_span_ms(data_text(a->props, "httpRequestTimeout"), &w->timeout_ms);
    size_t n = 0;
    bool typed = false;
    for (size_t i = 0; doc_is(headers, DOC_OBJECT) && i < headers->count && n < WEB_MAX_HEADERS; i++) {
        typed |= str_ieqz(headers->keys[i].name, "Content-Type");
        w->headers[n++] = arena_printf(m, "%.*s: %.*s", STR_ARGS(headers->keys[i].name),
                                       STR_ARGS(adf_to_string(m, headers->items[i])));
    }
    if (w->body.len && !typed)
        w->headers[n++] = "Content-Type: application/json";
    if (web_auth(m, auth, w, err)) {
        arena_free(m);
        return -1;
    }
    act_work(a, web_work, w, m);
    return 0;
}

const struct activity_type web_types[] = {
    {.name = "WebActivity", .start = start_web, .cancel = act_cancel_work, .policy = true,
     .required = {"method", "url"}},
    {},
};
