#include "cli/control.h"
#include "cli/run.h"
#include "cli/sql_print.h"
#include "net/http.h"
#include "net/http_client.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct control { struct run *run; struct http_server *http; char *path; };

static char *socket_path(const char *state_dir)
{
    struct arena *a = arena_new();
    char *path = mem_strdup(path_join(a, state_dir, "control.sock"));
    arena_free(a);
    return path;
}

/* ---------------------------------------------------------------- the owner's side */

static void put_row(void *ctx, const struct status_row *row)
{
    static const char *const groups[] = {[GROUP_ADDRESS] = "address", [GROUP_FUNCTION] = "function", [GROUP_STREAM] = "stream",
                                         [GROUP_TABLE] = "table", [GROUP_FACTORY] = "factory", [GROUP_JOB] = "job"};
    struct buf *b = ctx;
    buf_z(b, b->ptr[b->len - 1] == '[' ? "" : ",");
    buf_printf(b, "{\"part\":\"%s\",\"name\":", groups[row->group]);
    json_quote(b, str_z(row->name));
    buf_z(b, ",\"state\":");
    json_quote(b, str_z(row->state));
    buf_z(b, ",\"detail\":");
    json_quote(b, str_z(row->detail));
    if (row->rows >= 0)
        buf_printf(b, ",\"rows\":%jd", (intmax_t)row->rows);
    buf_char(b, '}');
}

static void on_status(struct http_req *q)
{
    struct control *c = q->ctx;
    struct buf b;
    run_show(c->run);
    buf_init(&b);
    buf_printf(&b, "{\"pid\":%d,\"command\":\"run\",\"parts\":[", getpid());
    status_each(c->run->status, put_row, &b);
    buf_z(&b, "]}");
    http_respond_buf(q, 200, "application/json", &b);
}

static void on_stop(struct http_req *q)
{
    struct control *c = q->ctx;
    http_respond(q, 202, "application/json", STR("{}"));
    log_info("run", "a command asked to stop");
    run_stop(c->run);
}

/* One script for a client. */
struct script {
    struct engine *engine;            /* closed after the last script's end; the control may be gone before */
    struct http_req *req;             /* its answer ends it, also if the client has left */
    struct arena *a;
    struct session *session;          /* read by the loop to interrupt it */
    bool gone;                        /* the client has left: what has not begun does not begin */
    const char *name;
    struct str text;
    bool json, failed;
    struct buf output;                /* at most CONTROL_MAX_OUTPUT */
    struct err err;
};

static ssize_t into_buf(void *cookie, const char *bytes, size_t n)
{
    buf_add(cookie, bytes, n);
    return (ssize_t)n;
}

static void script_work(void *arg)
{
    struct script *s = arg;
    struct session *session = session_new(s->engine, &s->err);
    FILE *to = fopencookie(&s->output, "w", (cookie_io_functions_t){.write = into_buf});
    CHECK(to);
    __atomic_store_n(&s->session, session, __ATOMIC_SEQ_CST);
    s->failed = __atomic_load_n(&s->gone, __ATOMIC_SEQ_CST);
    if (s->failed) {
        err_set(&s->err, ERR_CANCELED, "the client has left");
        fclose(to);
        return;
    }
    if (session)
        session_search_path(session, STR(CLI_SEARCH_PATH));
    s->failed = !session || sql_print_script(session, to, s->json, s->name, s->text, &s->err) != 0;
    fclose(to);
    if (!s->failed)
        s->failed = buf_check(&s->output, "the output", &s->err) != 0;
}

static void script_done(void *arg)
{
    struct script *s = arg;
    struct buf b;
    buf_init(&b);
    buf_z(&b, "{\"output\":");
    json_quote(&b, buf_view(&s->output));
    if (s->failed) {
        buf_printf(&b, ",\"error\":{\"code\":%d,\"message\":", (int)s->err.code);
        json_quote(&b, str_z(s->err.msg));
        buf_z(&b, ",\"file\":");
        json_quote(&b, str_z(s->err.where.file));
        buf_printf(&b, ",\"line\":%d,\"column\":%d}", s->err.where.line, s->err.where.col);
    }
    buf_char(&b, '}');
    http_respond_buf(s->req, 200, "application/json", &b);
    session_free(s->session);
    buf_release(&s->output);
    arena_free(s->a);
}

static void script_gone(struct http_req *q)
{
    struct script *s = q->user;
    __atomic_store_n(&s->gone, true, __ATOMIC_SEQ_CST);
    struct session *session = __atomic_load_n(&s->session, __ATOMIC_SEQ_CST);
    if (session)
        duck_interrupt(session_conn(session));
}

static void on_sql(struct http_req *q)
{
    struct control *c = q->ctx;
    struct err err = {0};
    struct arena *a = arena_new();
    const struct doc *d = doc_json(a, "request", str_copy(a, q->body), &err);
    struct doc *text = d ? doc_need(d, "text", DOC_STRING, &err) : NULL;
    if (!text) {
        http_respond_err(q, &err);
        arena_free(a);
        return;
    }
    struct script *s = ARENA_NEW(a, struct script);
    *s = (struct script){.engine = c->run->engine, .req = q, .a = a, .name = str_cz(a, doc_str(doc_get(d, "name"), STR("statement"))), .text = text->text,
                         .json = doc_bool(doc_get(d, "json"), false)};
    buf_init_max(&s->output, CONTROL_MAX_OUTPUT);
    q->user = s;
    q->on_gone = script_gone;
    ev_work(c->run->loop, script_work, script_done, s);
}

struct control *control_open(struct run *r)
{
    static const struct http_route routes[] = {
        {.method = "GET", .pattern = "/status", .handler = on_status}, {.method = "POST", .pattern = "/stop", .handler = on_stop},
        {.method = "POST", .pattern = "/sql", .handler = on_sql, .max_body = CONTROL_MAX_BODY}, {.method = NULL},
    };
    struct control *c = NEW(struct control);
    struct err why, ignored;
    c->run = r;
    c->path = socket_path(r->state->dir);
    (void)!fs_unlink(c->path, &ignored); /* of a process that was killed: the state is ours */
    struct http_server_opts o = {.unix_path = c->path, .routes = routes, .any_host = true, .ctx = c};
    c->http = http_listen(r->loop, &o, &why);
    if (!c->http)
        log_warn("control", "commands beside this run cannot reach it: %s", why.msg);
    return c;
}

void control_close(struct control *c)
{
    struct err ignored;
    if (!c)
        return;
    http_server_free(c->http);
    if (c->http)
        (void)!fs_unlink(c->path, &ignored);
    mem_free(c->path);
    mem_free(c);
}

/* ---------------------------------------------------------------- a command's side */

static int call(const char *state_dir, const char *method, const char *route, struct str body, struct http_client_res *res, struct err *err)
{
    char url[64], *path = socket_path(state_dir);
    snprintf(url, sizeof url, "http://localhost%s", route);
    struct http_client_req q = {.method = method, .url = url, .body = body, .unix_path = path, .timeout_ms = -1, .max_body = CONTROL_MAX_OUTPUT * INT64_C(2)};
    int rc = http_client_do(&q, res, err);
    mem_free(path);
    return rc;
}

static int answered(const struct http_client_res *res, int status, struct err *err)
{
    return res->status == status ? 0 : err_set(err, ERR_INTERNAL, "the owner of the state answered with status %d", res->status);
}

/* The script's output goes to standard output; its error is err. */
static int take_answer(struct arena *a, const struct http_client_res *res, struct err *err)
{
    const struct doc *d = answered(res, 200, err) == 0 ? doc_json(a, "answer", buf_view(&res->body), err) : NULL;
    if (!d)
        return -1;
    struct str out = doc_str(doc_get(d, "output"), STR("")), file;
    const struct doc *e = doc_get(d, "error");
    int64_t code = ERR_USER, line = 0, col = 0;
    fwrite(out.ptr, 1, out.len, stdout);
    if (!e)
        return 0;
    (void)doc_i64(doc_get(e, "code"), &code);
    (void)doc_i64(doc_get(e, "line"), &line);
    (void)doc_i64(doc_get(e, "column"), &col);
    if (code <= ERR_OK || code >= ERR_CODE_COUNT)
        code = ERR_INTERNAL;
    err_set(err, (enum err_code)code, "%.*s", STR_ARGS(doc_str(doc_get(e, "message"), STR("failed"))));
    file = doc_str(doc_get(e, "file"), STR(""));
    return file.len ? err_locate(err, str_cz(a, file), (int)line, (int)col) : -1;
}

int control_sql(const char *state_dir, bool json, const char *name, struct str text, const struct err *busy, struct err *err)
{
    struct http_client_res res;
    struct buf body;
    struct arena *a = arena_new();
    buf_init(&body);
    buf_z(&body, "{\"name\":");
    json_quote(&body, str_z(name));
    buf_printf(&body, ",\"json\":%s,\"text\":", json ? "true" : "false");
    json_quote(&body, text);
    buf_char(&body, '}');
    int rc = call(state_dir, "POST", "/sql", buf_view(&body), &res, err);
    buf_release(&body);
    if (rc) { /* the owner is no `run`, or has just gone: what it owns is said as if it had not been asked */
        *err = *busy;
        arena_free(a);
        return -1;
    }
    rc = take_answer(a, &res, err);
    fflush(stdout);
    http_client_res_release(&res);
    arena_free(a);
    return rc;
}

int control_status(const char *state_dir, struct buf *json, struct err *err)
{
    struct http_client_res res;
    struct err why;
    if (call(state_dir, "GET", "/status", STR_NONE, &res, &why))
        return err_set(err, ERR_NOT_FOUND, "nothing runs on the state '%s'", state_dir);
    int rc = answered(&res, 200, err);
    if (rc == 0)
        buf_str(json, buf_view(&res.body));
    http_client_res_release(&res);
    return rc;
}

int control_stop(const char *state_dir, struct err *err)
{
    struct http_client_res res;
    struct err why;
    if (call(state_dir, "POST", "/stop", STR("{}"), &res, &why))
        return err_set(err, ERR_NOT_FOUND, "nothing runs on the state '%s'", state_dir);
    int rc = answered(&res, 202, err);
    http_client_res_release(&res);
    return rc;
}
