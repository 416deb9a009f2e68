/* console.c -- routes, login and server-sent events of the web page.
 *
 * Login: console_url() makes a random code that is good once; /login trades it for a cookie whose
 * value is HMAC(token, "paystreak console"), HttpOnly and SameSite=Strict. So a restart with the
 * same token keeps browsers logged in, and no code ever works twice.
 *
 * Events: a stream belongs to a list; on opening it gets the state and all results that there are. It looks at a dashboard
 * as its viewer filters it (dash_run.h); who selects something else opens another stream.
 * A stream whose client reads too slowly skips pushes and gets the newest when it has drained. */
#include "serve/console.h"
#include "base/embed.h"
#include "serve/dash_run.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { CODE_BYTES = 24, SLOW_BYTES = 8 << 20, TAG_PUBLIC = 1, MAX_CODES = 8 };

struct stream { struct stream *next; struct console *console; struct http_req *req; int64_t dashboard; bool behind; };
struct waiter { struct waiter *next; struct http_req *req; size_t dashboard; }; /* for /data until it is fresh */

struct console {
    struct ev_loop *loop;
    struct http_server *http;
    struct console_opts opts;
    char *token, cookie[65], host[64];
    char codes[MAX_CODES][2 * CODE_BYTES + 1];
    size_t next_code;
    char url[256];
    struct dash_set *dashboards;
    struct stream *streams;
    size_t stream_count;
    struct waiter *waiters;
    struct ev_timer *tick;
    struct buf last_state;
    bool freed;
    int jobs;            /* statements on workers */
};

static const char security_policy[] =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'";

/* ------------------------------------------------------------------ login */

static void make_cookie(struct console *c)
{
    uint8_t mac[32];
    unsigned n = sizeof mac;
    struct buf hex;
    CHECK(HMAC(EVP_sha256(), c->token, (int)strlen(c->token), (const unsigned char *)"paystreak console", 17, mac, &n));
    buf_init(&hex);
    hex_put(&hex, str_of((const char *)mac, sizeof mac));
    snprintf(c->cookie, sizeof c->cookie, "%s", hex.ptr);
    buf_release(&hex);
}

static bool same_secret(struct str given, const char *secret)
{
    size_t n = strlen(secret);
    return n > 0 && given.len == n && CRYPTO_memcmp(given.ptr, secret, n) == 0;
}

static bool logged_in(const struct console *c, const struct http_req *r)
{
    struct str bearer = http_req_header(r, "authorization");
    if (c->opts.insecure)
        return true;
    if (str_ieq(str_sub(bearer, 0, 7), STR("bearer ")) && same_secret(str_trim(str_from(bearer, 7)), c->token))
        return true;
    return same_secret(http_req_cookie(r, "paystreak"), c->cookie);
}

static const char login_page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Paystreak</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/static/style.css\">"
    "<main class=\"login\"><h1>Paystreak</h1><p>Open the address that <code>paystreak run</code> printed in your terminal: "
    "it logs this browser in. Each such address works once.</p></main></html>";

static bool before(struct http_req *r)
{
    struct console *c = r->ctx;
    http_set_header(r, "Content-Security-Policy", str_z(security_policy));
    http_set_header(r, "Referrer-Policy", STR("no-referrer"));
    if ((r->route && r->route->tag == TAG_PUBLIC) || logged_in(c, r))
        return true;
    if (str_starts_z(r->path, "/api/"))
        http_respond_error(r, 401, "UNAUTHENTICATED", "log in through the address in the terminal, or send the token as a bearer");
    else
        http_respond(r, 401, "text/html; charset=utf-8", str_z(login_page));
    return false;
}

static void login(struct http_req *r)
{
    struct console *c = r->ctx;
    struct str code = http_req_query(r, "code");
    for (size_t i = 0; i < MAX_CODES; i++) {
        if (!same_secret(code, c->codes[i]))
            continue;
        c->codes[i][0] = 0;
        http_set_header(r, "Set-Cookie", str_fmt(r->arena, "paystreak=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000", c->cookie));
        http_set_header(r, "Location", STR("/"));
        http_set_header(r, "Cache-Control", STR("no-store"));
        http_respond(r, 303, NULL, STR_NONE);
        return;
    }
    if (logged_in(c, r)) { /* the link again, in a browser that is in already */
        http_set_header(r, "Location", STR("/"));
        http_respond(r, 303, NULL, STR_NONE);
        return;
    }
    http_respond(r, 401, "text/html; charset=utf-8", str_z(login_page));
}

const char *console_url(struct console *c)
{
    uint8_t random[CODE_BYTES];
    struct buf hex;
    if (c->opts.insecure) {
        snprintf(c->url, sizeof c->url, "http://%s:%d/", c->host, console_port(c));
        return c->url;
    }
    random_bytes(random, sizeof random);
    buf_init(&hex);
    hex_put(&hex, str_of((const char *)random, sizeof random));
    snprintf(c->codes[c->next_code++ % MAX_CODES], sizeof c->codes[0], "%s", hex.ptr);
    snprintf(c->url, sizeof c->url, "http://%s:%d/login?code=%s", c->host, console_port(c), hex.ptr);
    buf_release(&hex);
    return c->url;
}

/* ------------------------------------------------------------------ pages and files */

static const struct { const char *ending, *type; } file_types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"}, {".json", "application/json"},
};

static void respond_file(struct http_req *r, const char *name)
{
    struct str bytes = embed_find(name);
    const char *type = "application/octet-stream";
    if (!bytes.ptr) {
        http_respond_error(r, 404, "NOT_FOUND", "there is no '%.*s' here", STR_ARGS(r->path));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(file_types); i++)
        if (str_ends_z(str_z(name), file_types[i].ending))
            type = file_types[i].type;
    struct str tag = str_fmt(r->arena, "\"%016jx\"", (uintmax_t)str_hash(bytes));
    http_set_header(r, "ETag", tag);
    http_set_header(r, "Cache-Control", STR("no-cache"));
    if (str_eq(http_req_header(r, "if-none-match"), tag))
        http_respond(r, 304, NULL, STR_NONE);
    else
        http_respond(r, 200, type, bytes);
}

static void page(struct http_req *r)
{
    respond_file(r, "web/index.html");
}

static void asset(struct http_req *r)
{
    struct str name = str_fmt(r->arena, "web/%.*s", STR_ARGS(http_req_param(r, "file")));
    respond_file(r, name.ptr);
}

/* ------------------------------------------------------------------ the API */

static void write_state(struct console *c, struct buf *out)
{
    if (c->opts.state)
        c->opts.state(c->opts.state_ctx, out);
    if (out->len == 0)
        buf_z(out, "{}");
}

static void respond_json(struct http_req *r, struct buf *b)
{
    http_set_header(r, "Cache-Control", STR("no-store"));
    http_respond_buf(r, 200, "application/json", b);
    buf_release(b);
}

static void api_state(struct http_req *r)
{
    struct buf b;
    buf_init(&b);
    write_state(r->ctx, &b);
    respond_json(r, &b);
}

static void put_list(struct console *c, struct buf *b)
{
    buf_char(b, '[');
    for (size_t i = 0; i < dash_set_count(c->dashboards); i++) {
        const struct dashboard *d = dash_set_get(c->dashboards, i);
        buf_z(b, i ? ",{\"name\":" : "{\"name\":");
        json_quote(b, d->name);
        buf_z(b, ",\"title\":");
        json_quote(b, d->title);
        buf_printf(b, ",\"refused\":%zu}", dashboard_refusals(d));
    }
    buf_char(b, ']');
}

static void api_list(struct http_req *r)
{
    struct buf b;
    buf_init(&b);
    put_list(r->ctx, &b);
    respond_json(r, &b);
}

/* The dashboard that the path names; -1: a 404 was sent. */
static int64_t named(struct http_req *r)
{
    struct console *c = r->ctx;
    struct str name = http_req_param(r, "name");
    int64_t i = dash_set_find(c->dashboards, name);
    if (i < 0)
        http_respond_error(r, 404, "NOT_FOUND", "there is no dashboard '%.*s'", STR_ARGS(name));
    return i;
}

/* All three take ?filters=JSON: what the viewer selected, see dash_set_open(). */
static void api_dashboard(struct http_req *r)
{
    struct console *c = r->ctx;
    struct err err;
    struct buf b;
    int64_t i = named(r);
    if (i < 0)
        return;
    buf_init(&b);
    if (dash_set_definition(c->dashboards, (size_t)i, http_req_query(r, "filters"), &b, &err) == 0) {
        respond_json(r, &b);
        return;
    }
    http_respond_err(r, &err);
    buf_release(&b);
}

static void respond_data(struct console *c, struct http_req *r, size_t i)
{
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    for (size_t q = 0; q < dash_set_get(c->dashboards, i)->query_count; q++) {
        if (q)
            buf_char(&b, ',');
        buf_str(&b, dash_set_result(c->dashboards, i, q));
    }
    buf_char(&b, ']');
    respond_json(r, &b);
}

static void answer_waiters(struct console *c)
{
    for (struct waiter **at = &c->waiters; *at;) {
        struct waiter *w = *at;
        if (!dash_set_fresh(c->dashboards, w->dashboard)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        respond_data(c, w->req, w->dashboard);
        dash_set_close(c->dashboards, w->dashboard);
        mem_free(w);
    }
}

static void waiter_gone(struct http_req *r)
{
    struct console *c = r->ctx;
    for (struct waiter **at = &c->waiters; *at; at = &(*at)->next) {
        if ((*at)->req == r) {
            struct waiter *w = *at;
            *at = w->next;
            if (!c->freed)
                dash_set_close(c->dashboards, w->dashboard);
            mem_free(w);
            break;
        }
    }
    http_end(r);
}

static void api_data(struct http_req *r)
{
    struct console *c = r->ctx;
    struct err err;
    int64_t i = named(r), view = i < 0 ? -1 : dash_set_open(c->dashboards, (size_t)i, http_req_query(r, "filters"), &err);
    if (view < 0) {
        if (i >= 0)
            http_respond_err(r, &err);
        return;
    }
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){c->waiters, r, (size_t)view};
    c->waiters = w;
    r->on_gone = waiter_gone;
    answer_waiters(c);
}

/* ------------------------------------------------------------------ events */

static void send_result(struct stream *s, size_t query)
{
    struct console *c = s->console;
    struct str json = dash_set_result(c->dashboards, (size_t)s->dashboard, query);
    if (json.ptr)
        http_sse(s->req, "data", json);
}

static void send_all(struct stream *s)
{
    struct console *c = s->console;
    if (c->last_state.len > 0)
        http_sse(s->req, "state", buf_view(&c->last_state));
    if (s->dashboard < 0)
        return;
    for (size_t q = 0; q < dash_set_get(c->dashboards, (size_t)s->dashboard)->query_count; q++)
        send_result(s, q);
}

static bool is_slow(struct stream *s)
{
    if (http_unsent(s->req) > SLOW_BYTES)
        s->behind = true;
    return s->behind;
}

static void stream_drained(struct http_req *r)
{
    struct stream *s = r->user;
    if (s->behind) {
        s->behind = false;
        send_all(s);
    }
}

static void stream_gone(struct http_req *r)
{
    struct stream *s = r->user;
    struct console *c = s->console;
    for (struct stream **at = &c->streams; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            c->stream_count--;
            break;
        }
    }
    if (s->dashboard >= 0 && !c->freed)
        dash_set_close(c->dashboards, (size_t)s->dashboard);
    mem_free(s);
    http_end(r);
}

static void push_state(struct console *c)
{
    struct buf b;
    buf_init(&b);
    write_state(c, &b);
    if (!str_eq(buf_view(&b), buf_view(&c->last_state))) {
        buf_clear(&c->last_state);
        buf_str(&c->last_state, buf_view(&b));
        for (struct stream *s = c->streams; s; s = s->next)
            if (!is_slow(s))
                http_sse(s->req, "state", buf_view(&c->last_state));
    }
    buf_release(&b);
}

static void on_tick(void *arg)
{
    struct console *c = arg;
    if (c->streams)
        push_state(c);
    answer_waiters(c);
}

static void api_events(struct http_req *r)
{
    struct console *c = r->ctx;
    struct str name = http_req_query(r, "dashboard");
    int64_t dashboard = name.ptr ? dash_set_find(c->dashboards, name) : -1;
    if (name.ptr && dashboard < 0) {
        http_respond_error(r, 404, "NOT_FOUND", "there is no dashboard '%.*s'", STR_ARGS(name));
        return;
    }
    if (c->stream_count >= CONSOLE_MAX_EVENTS) {
        http_respond_error(r, 503, "TOO_MANY_STREAMS", "more than %d pages are open", CONSOLE_MAX_EVENTS);
        return;
    }
    struct err err;
    if (dashboard >= 0 && (dashboard = dash_set_open(c->dashboards, (size_t)dashboard, http_req_query(r, "filters"), &err)) < 0) {
        http_respond_err(r, &err);
        return;
    }
    struct stream *s = NEW(struct stream);
    *s = (struct stream){.next = c->streams, .console = c, .req = r, .dashboard = dashboard};
    c->streams = s;
    c->stream_count++;
    r->user = s;
    r->on_gone = stream_gone;
    http_on_drain(r, stream_drained);
    http_sse_begin(r);
    push_state(c);
    send_all(s);
}

static void on_result(void *ctx, size_t dashboard, size_t query)
{
    struct console *c = ctx;
    for (struct stream *s = c->streams; s; s = s->next)
        if (s->dashboard == (int64_t)dashboard && !is_slow(s))
            send_result(s, query);
    answer_waiters(c);
}

/* ------------------------------------------------------------------ one statement */

struct sql_job {
    struct console *console;
    struct http_req *req;
    struct str text;
    struct buf columns, rows;
    size_t row_count, column_count;
    bool truncated;
    int rc;
    struct err err;
};

static int sql_rows(void *arg, const struct query_cell *cells, size_t rows, struct err *err)
{
    struct sql_job *j = arg;
    for (size_t r = 0; r < rows; r++) {
        if (j->row_count == CONSOLE_MAX_SQL_ROWS) {
            j->truncated = true;
            return 0;
        }
        buf_z(&j->rows, j->row_count++ ? ",[" : "[");
        for (size_t c = 0; c < j->column_count; c++) {
            const struct query_cell *cell = &cells[r * j->column_count + c];
            buf_printf(&j->rows, "%s%.*s", c ? "," : "", cell->ptr ? (int)cell->len : 4, cell->ptr ? cell->ptr : "null");
        }
        buf_char(&j->rows, ']');
    }
    return buf_check(&j->rows, "the result", err);
}

static int sql_run(struct sql_job *j, struct query_session *s, struct err *err)
{
    const struct query_service *q = j->console->opts.queries;
    struct query_request request = {.text = j->text, .style = QUERY_JSON};
    struct query_result res = {0};
    if (q->start(s, &request, &res, err) != 0)
        return -1;
    j->column_count = res.column_count;
    for (size_t i = 0; i < res.column_count; i++) {
        buf_z(&j->columns, i ? ",{\"name\":" : "{\"name\":");
        json_quote(&j->columns, res.columns[i].name);
        buf_z(&j->columns, ",\"type\":");
        json_quote(&j->columns, res.columns[i].type);
        buf_char(&j->columns, '}');
    }
    int more = res.column_count > 0;
    while (more > 0 && !j->truncated)
        more = q->fetch(s, sql_rows, j, err);
    return more < 0 ? -1 : 0;
}

static void sql_work(void *arg)
{
    struct sql_job *j = arg;
    const struct query_service *q = j->console->opts.queries;
    struct query_open o = {.client = "api", .search_path = j->console->opts.search_path};
    struct query_session *s = q->open(q->ctx, &o, &j->err);
    j->rc = s ? sql_run(j, s, &j->err) : -1;
    if (s) {
        q->finish(s);
        q->close(s);
    }
}

static void console_release(struct console *c);

static void sql_done(void *arg)
{
    struct sql_job *j = arg;
    struct console *c = j->console;
    if (j->rc != 0) {
        http_respond_err(j->req, &j->err);
    } else {
        struct buf b;
        buf_init(&b);
        buf_printf(&b, "{\"columns\":[%s],\"rows\":[", j->columns.ptr);
        buf_str(&b, buf_view(&j->rows));
        buf_printf(&b, "],\"truncated\":%s}", j->truncated ? "true" : "false");
        respond_json(j->req, &b);
    }
    buf_release(&j->columns);
    buf_release(&j->rows);
    mem_free(j);
    c->jobs--;
    console_release(c);
}

static void api_sql(struct http_req *r)
{
    struct console *c = r->ctx;
    struct err err;
    const struct doc *body = doc_json(r->arena, "body", r->body, &err);
    struct str statement = doc_str(doc_get(body, "statement"), STR_NONE);
    if (!body || statement.len == 0) {
        http_respond_error(r, 400, "BAD_REQUEST", "the body is to be {\"statement\": \"…\"}%s%s", body ? "" : ": ", body ? "" : err.msg);
        return;
    }
    struct sql_job *j = NEW(struct sql_job);
    j->console = c;
    j->req = r;
    j->text = statement;
    buf_init(&j->columns);
    buf_init(&j->rows);
    c->jobs++;
    ev_work(c->loop, sql_work, sql_done, j);
}

/* ------------------------------------------------------------------ start and end */

static const struct http_route routes[] = {
    {"GET", "/", page, 0, 0, false},
    {"GET", "/dashboards/{name}", page, 0, 0, false},
    {"GET", "/login", login, 0, TAG_PUBLIC, false},
    {"GET", "/static/{file}", asset, 0, TAG_PUBLIC, false},
    {"GET", "/favicon.ico", asset, 0, TAG_PUBLIC, false},
    {"GET", "/api/state", api_state, 0, 0, false},
    {"GET", "/api/dashboards", api_list, 0, 0, false},
    {"GET", "/api/dashboards/{name}", api_dashboard, 0, 0, false},
    {"GET", "/api/dashboards/{name}/data", api_data, 0, 0, false},
    {"GET", "/api/events", api_events, 0, 0, false},
    {"POST", "/api/sql", api_sql, 1 << 20, 0, false},
    {0},
};

struct console *console_listen(struct ev_loop *loop, const struct console_opts *opts, struct err *err)
{
    struct console *c = NEW(struct console);
    struct http_server_opts h = {.host = opts->host, .port = opts->port, .names = opts->names, .routes = routes,
                                 .before = before, .ctx = c};
    CHECK(opts->insecure || (opts->token && opts->token[0]));
    c->loop = loop;
    c->opts = *opts;
    c->token = mem_strdup(opts->token ? opts->token : "");
    snprintf(c->host, sizeof c->host, "%s", opts->host ? opts->host : "127.0.0.1");
    make_cookie(c);
    buf_init(&c->last_state);
    c->http = http_listen(loop, &h, err);
    if (!c->http) {
        buf_release(&c->last_state);
        mem_free(c->token);
        mem_free(c);
        return NULL;
    }
    c->dashboards = dash_set_new(loop, opts->queries, opts->search_path, on_result, c);
    c->tick = ev_timer_new(loop, on_tick, c);
    ev_timer_start(c->tick, CONSOLE_STATE_MS, CONSOLE_STATE_MS);
    return c;
}

int console_add_dashboard(struct console *c, const char *file, struct str text, struct err *err)
{
    return dash_set_add(c->dashboards, file, text, err);
}

int console_port(const struct console *c)
{
    return http_server_port(c->http);
}

void console_changed(struct console *c, const struct str *tables, size_t n)
{
    dash_set_changed(c->dashboards, tables, n);
}

/* Frees what is left once no statement runs and no stream is open. */
static void console_release(struct console *c)
{
    if (!c->freed || c->jobs > 0)
        return;
    buf_release(&c->last_state);
    mem_free(c->token);
    mem_free(c);
}

void console_free(struct console *c)
{
    if (!c)
        return;
    c->freed = true;
    while (c->streams) { /* ended here, so that none is found gone later */
        struct stream *s = c->streams;
        c->streams = s->next;
        http_end(s->req);
        mem_free(s);
    }
    while (c->waiters) {
        struct waiter *w = c->waiters;
        c->waiters = w->next;
        http_respond_error(w->req, 503, "STOPPING", "the program ends");
        mem_free(w);
    }
    ev_timer_free(c->tick);
    dash_set_free(c->dashboards);
    http_server_free(c->http);
    console_release(c);
}
