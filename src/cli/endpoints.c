#include "cli/endpoints.h"
#include "connect/connect.h"
#include "serve/console.h"
#include "serve/dashboard.h"
#include "serve/pg.h"
#include "storage/storage.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct endpoints { struct run *run; struct pg_server *pg; struct console *console; struct connect_server *connect; struct storage *storage; };

static bool port_free(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;
    close(fd);
    return ok;
}

int run_port(const struct cli_args *args, int n, int otherwise)
{
    if (args->port_base > 0)
        return (int)args->port_base + n;
    return args->port_base == 0 || args->once || !port_free(otherwise) ? 0 : otherwise;
}

/* ---------------------------------------------------------------- the console's state */

static void put_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    json_quote(b, str_z(text));
}

static const char *plain_status(enum status_mood mood)
{
    static const char *const names[] = {[MOOD_IDLE] = "waiting", [MOOD_BUSY] = "running", [MOOD_GOOD] = "succeeded", [MOOD_BAD] = "failed"};
    return names[mood];
}

/* An address without what only the terminal shows: the code of a login. */
static void put_address(struct buf *b, const char *address)
{
    char shown[sizeof((struct status_row *)0)->detail];
    const char *login = strstr(address, "login?");
    snprintf(shown, sizeof shown, "%.*s", (int)(login ? login - address : (ptrdiff_t)strlen(address)), address);
    put_text(b, "address", shown);
}

/* A function that waits for its next call, and a hub, are as much at work as an address. */
static enum status_mood shown_mood(const struct status_row *row)
{
    bool always = row->group == GROUP_ADDRESS || row->group == GROUP_FUNCTION || row->group == GROUP_STREAM;
    return always && row->mood == MOOD_GOOD ? MOOD_BUSY : row->mood;
}

static void part_json(void *ctx, const struct status_row *row)
{
    struct buf *b = ctx;
    static const char *const kinds[GROUP_COUNT] = {"address", "function", "hub", "table", "factory", "job"};
    if (row->group == GROUP_TABLE || row->group == GROUP_JOB)
        return;
    buf_z(b, b->ptr[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    json_quote(b, str_z(row->name));
    put_text(b, "kind", kinds[row->group]);
    if (row->group == GROUP_ADDRESS)
        put_address(b, row->detail);
    else
        put_text(b, "detail", row->detail);
    put_text(b, "status", plain_status(shown_mood(row)));
    if (row->per_second >= 0)
        buf_printf(b, ",\"rate\":%.1f", row->per_second);
    buf_char(b, '}');
}

static void table_json(void *ctx, const struct dataset_status *d)
{
    struct buf *b = ctx;
    char when[40];
    if (!d->table_dir)
        return;
    buf_z(b, b->ptr[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    json_quote(b, d->name);
    put_text(b, "kind", dataset_kind_name(d->kind));
    if (d->rows >= 0)
        buf_printf(b, ",\"rows\":%jd", (intmax_t)d->rows);
    buf_printf(b, ",\"version\":%jd", (intmax_t)d->version);
    if (d->last_batch.us)
        put_text(b, "updated", time_iso(d->last_batch, 3, when));
    buf_char(b, '}');
}

/* Tables that captures write: no pipeline has them. */
static void captures_json(const struct run *r, struct buf *b)
{
    for (size_t i = 0; i < r->capture_count; i++) {
        struct capture_stat s;
        char when[40];
        if (!r->captures[i].capture)
            continue;
        capture_stats(r->captures[i].capture, &s);
        buf_z(b, b->ptr[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
        json_quote(b, str_z(r->captures[i].name));
        buf_printf(b, ",\"kind\":\"captured\",\"rows\":%jd,\"version\":%jd", (intmax_t)s.rows, (intmax_t)s.version);
        if (s.last_commit_us)
            put_text(b, "updated", time_iso((struct tp){time_now().us - (time_mono_us() - s.last_commit_us)}, 3, when));
        buf_char(b, '}');
    }
}

struct expectation_list { struct buf *b; struct str pipeline; };

static void expectation_json(void *ctx, const struct dataset_status *d)
{
    static const char *const actions[] = {"warn", "drop", "fail"};
    struct expectation_list *l = ctx;
    for (size_t i = 0; i < d->expectation_count && str_eq(d->pipeline, l->pipeline); i++) {
        const struct expectation_status *x = &d->expectations[i];
        buf_z(l->b, l->b->ptr[l->b->len - 1] == '[' ? "{\"dataset\":" : ",{\"dataset\":");
        json_quote(l->b, d->name);
        buf_z(l->b, ",\"name\":");
        json_quote(l->b, x->name);
        buf_printf(l->b, ",\"action\":\"%s\",\"passed\":%jd,\"failed\":%jd}", actions[x->on], (intmax_t)x->passed, (intmax_t)x->failed);
    }
}

struct pipeline_list { struct buf *b; struct run *run; };

static void pipeline_json(void *ctx, const struct pipeline_status *p)
{
    struct pipeline_list *l = ctx;
    struct expectation_list x = {l->b, p->name};
    buf_z(l->b, l->b->ptr[l->b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    json_quote(l->b, p->name);
    put_text(l->b, "mode", p->continuous ? "continuous" : "triggered");
    put_text(l->b, "status", p->last_error.code != ERR_OK ? "failed" : p->running ? "running" : p->updates ? "succeeded" : "waiting");
    put_text(l->b, "detail", p->last_error.code != ERR_OK ? p->last_error.msg : p->state ? p->state : "");
    buf_z(l->b, ",\"expectations\":[");
    pipelines_each(l->run->pipelines, expectation_json, &x);
    buf_z(l->b, "]}");
}

struct job_list { struct buf *b; const struct status *status; const char *job; };

/* A task's row is named JOB/TASK. */
static void task_json(void *ctx, const struct status_row *row)
{
    struct job_list *l = ctx;
    size_t n = strlen(l->job);
    if (row->group != GROUP_JOB || strncmp(row->name, l->job, n) != 0 || row->name[n] != '/')
        return;
    buf_z(l->b, l->b->ptr[l->b->len - 1] == '[' ? "{\"key\":" : ",{\"key\":");
    json_quote(l->b, str_z(row->name + n + 1));
    put_text(l->b, "status", plain_status(row->mood));
    if (row->ms >= 0)
        buf_printf(l->b, ",\"ms\":%jd", (intmax_t)row->ms);
    if (row->mood == MOOD_BAD)
        put_text(l->b, "error", row->detail);
    buf_char(l->b, '}');
}

static void job_json(void *ctx, const struct status_row *row)
{
    struct job_list *l = ctx;
    struct buf *b = l->b;
    if (row->group != GROUP_JOB || strchr(row->name, '/'))
        return;
    buf_z(b, b->ptr[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    json_quote(b, str_z(row->name));
    put_text(b, "status", plain_status(row->mood));
    put_text(b, row->mood == MOOD_BAD ? "error" : "detail", row->detail);
    buf_z(b, ",\"tasks\":[");
    l->job = row->name;
    status_each(l->status, task_json, l);
    buf_z(b, "]}");
}

static void state_json(void *ctx, struct buf *b)
{
    struct run *r = ctx;
    struct pipeline_list pl = {b, r};
    struct job_list jl = {b, r->status, NULL};
    buf_z(b, "{\"project\":");
    json_quote(b, path_base(str_z(r->project->dir)));
    buf_z(b, ",\"parts\":[");
    status_each(r->status, part_json, b);
    buf_z(b, "],\"tables\":[");
    captures_json(r, b);
    if (r->pipelines)
        pipelines_each(r->pipelines, table_json, b);
    buf_z(b, "],\"pipelines\":[");
    if (r->pipelines)
        pipelines_each_pipeline(r->pipelines, pipeline_json, &pl);
    buf_z(b, "],\"jobs\":[");
    status_each(r->status, job_json, &jl);
    buf_z(b, "]}");
}

/* ---------------------------------------------------------------- opening */

static bool open_pg(struct endpoints *e, const struct endpoints_opts *o, struct err *err)
{
    struct run *r = e->run;
    struct pg_opts pg = {.host = "127.0.0.1", .port = o->pg, .queries = &r->queries, .search_path = CLI_SEARCH_PATH,
                         .password = r->args->insecure_local ? NULL : r->state->keys.password};
    return (e->pg = pg_listen(r->loop, &pg, err)) != NULL;
}

static bool open_console(struct endpoints *e, const struct endpoints_opts *o, struct err *err)
{
    struct run *r = e->run;
    struct console_opts web = {.host = "127.0.0.1", .port = o->console, .token = r->state->keys.token, .insecure = r->args->insecure_local,
                               .queries = &r->queries, .search_path = CLI_SEARCH_PATH, .state = state_json, .state_ctx = r};
    return (e->console = console_listen(r->loop, &web, err)) != NULL;
}

static bool open_spark(struct endpoints *e, const struct endpoints_opts *o, struct err *err)
{
    struct run *r = e->run;
    struct connect_opts spark = {.host = o->spark_host ? o->spark_host : "127.0.0.1", .port = o->spark, .engine = r->engine,
                                 .token = r->args->insecure_local ? NULL : r->state->keys.token, .search_path = CLI_SEARCH_PATH};
    return (e->connect = connect_listen(r->loop, &spark, err)) != NULL;
}

static bool open_storage(struct endpoints *e, const struct endpoints_opts *o, struct err *err)
{
    struct run *r = e->run;
    struct storage_opts blobs = {.state_dir = r->state->dir, .port = o->storage, .queue_port = o->queue, .key = r->state->keys.storage,
                                 .token = r->state->keys.token, .insecure_local = r->args->insecure_local};
    return (e->storage = storage_listen(r->loop, &blobs, err)) != NULL;
}

struct endpoints *endpoints_open(struct run *r, const struct endpoints_opts *o, struct err *err)
{
    static const struct { unsigned part; bool (*open)(struct endpoints *e, const struct endpoints_opts *o, struct err *err); } parts[] = {
        {ENDPOINT_PG, open_pg}, {ENDPOINT_CONSOLE, open_console}, {ENDPOINT_SPARK, open_spark}, {ENDPOINT_STORAGE, open_storage}};
    struct endpoints *e = NEW(struct endpoints);
    e->run = r;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if ((o->parts & parts[i].part) && !parts[i].open(e, o, err)) {
            endpoints_close(e);
            return NULL;
        }
    return e;
}

static void add_dashboard(struct endpoints *e, const char *file, const struct doc *named_by)
{
    struct err err = {0};
    struct buf text;
    buf_init_max(&text, DASHBOARD_MAX_BYTES);
    int rc = fs_read_file(file, DASHBOARD_MAX_BYTES, &text, &err);
    if (rc && named_by)
        rc = err_locate(&err, named_by->file, named_by->line, named_by->col);
    if (rc == 0)
        rc = console_add_dashboard(e->console, file, buf_view(&text), &err);
    if (rc)
        run_fail(e->run, "dashboards", &err);
    buf_release(&text);
}

void endpoints_dashboards(struct endpoints *e, struct run *r)
{
    struct err err = {0};
    char **names, *dir = path_join(r->a, r->project->dir, "dashboards");
    for (size_t i = 0; r->bundle && i < r->bundle->resource_count; i++) {
        const struct bundle_resource *res = &r->bundle->resources[i];
        const struct doc *file = doc_get(res->doc, "file_path");
        if (!str_eqz(res->kind, "dashboards"))
            continue;
        if (doc_is(file, DOC_STRING)) {
            add_dashboard(e, bundle_path(r->a, r->bundle, file), file);
        } else {
            doc_err(res->doc, ERR_UNSUPPORTED, &err, "dashboard '%.*s' needs a file_path: here a dashboard is a .lvdash.json file", STR_ARGS(res->key));
            run_fail(r, "dashboards", &err);
        }
    }
    if (r->bundle || !fs_exists(dir))
        return;
    int64_t n = fs_list(r->a, dir, &names, &err);
    for (int64_t i = 0; i < n; i++)
        if (str_ends_z(str_z(names[i]), ".lvdash.json"))
            add_dashboard(e, path_join(r->a, dir, names[i]), NULL);
    if (n < 0)
        run_fail(r, "dashboards", &err);
}

void endpoints_changed(struct endpoints *e, struct str table_dir)
{
    if (e->console)
        console_changed(e->console, &table_dir, 1);
}

int endpoints_spark_port(const struct endpoints *e) { return connect_port(e->connect); }
int endpoints_pg_port(const struct endpoints *e) { return pg_server_port(e->pg); }
int endpoints_storage_port(const struct endpoints *e) { return storage_port(e->storage); }
int endpoints_queue_port(const struct endpoints *e) { return storage_queue_port(e->storage); }

struct str endpoints_rewrite(const struct endpoints *e, struct arena *a, struct str value)
{
    struct resolved where;
    struct err ignored;
    struct str name = storage_account_of(a, value);
    bool local = name.len && resolve_name(e->run->names, a, str_fmt(a, "https://%.*s.blob.core.windows.net/c", STR_ARGS(name)), &where, &ignored) == 0 &&
                 where.kind == RESOLVED_LOCAL && !where.bound;
    return local ? storage_rewrite(e->storage, a, value) : value;
}

const char *endpoints_console_url(struct endpoints *e) { return console_url(e->console); }

void endpoints_close(struct endpoints *e)
{
    if (!e)
        return;
    storage_free(e->storage);
    pg_server_free(e->pg);
    console_free(e->console);
    connect_free(e->connect);
    mem_free(e);
}
