/* cmd_serve -- `paystreak serve` and `paystreak connect`: the endpoints of a state folder, without running
 * what made its tables.
 *
 *   serve     PostgreSQL, and the console with the project's dashboards
 *   connect   Spark Connect
 *
 * Both own the state while they run, so clients may write as well. Ready when the JSON line of
 * addresses is printed; SIGINT and SIGTERM end them. */
#include "cli/cli.h"
#include "cli/query_service.h"
#include "cli/state.h"
#include "connect/connect.h"
#include "resolve/resolve.h"
#include "serve/console.h"
#include "serve/pg.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SERVE_PG = 5433, SERVE_WEB = 8580, SERVE_CONNECT = 15002, SERVE_DASHBOARD_MAX = 16 << 20 };

struct served {
    const struct cli_args *args;
    struct arena *a;
    struct ev_loop *loop;
    struct state *state;
    struct resolver_names *names;
    struct engine *engine;
    struct query_service queries;
    struct pg_server *pg;
    struct console *console;
    struct connect_server *connect;
};

static void stop_loop(void *arg) { ev_stop(arg); }

/* ---------------------------------------------------------------- what changes is pushed */

struct changed { struct served *served; char *dir; };

static void tell_console(void *arg)
{
    struct changed *c = arg;
    struct str dir = str_z(c->dir);
    if (c->served->console)
        console_changed(c->served->console, &dir, 1);
    mem_free(c->dir);
    mem_free(c);
}

/* Any thread. */
static void on_commit(void *ctx, struct str dir, int64_t version)
{
    struct served *s = ctx;
    struct changed *c = NEW(struct changed);
    (void)version;
    *c = (struct changed){s, str_dup(dir)};
    ev_post(s->loop, tell_console, c);
}

static void put_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, "\"%s\":", key);
    json_quote(b, str_z(text));
}

static void state_json(void *ctx, struct buf *b)
{
    struct served *s = ctx;
    buf_char(b, '{');
    put_text(b, "project", cli_project_dir(s->a, s->args));
    buf_z(b, ",\"parts\":[");
    if (s->pg)
        buf_printf(b, "{\"name\":\"postgres\",\"kind\":\"address\",\"address\":\"127.0.0.1:%d\",\"status\":\"running\"}", pg_server_port(s->pg));
    buf_z(b, "],\"tables\":[],\"pipelines\":[],\"jobs\":[]}");
}

static int add_dashboards(struct served *s, struct err *err)
{
    char **names, *dir = path_join(s->a, cli_project_dir(s->a, s->args), "dashboards");
    int64_t n = fs_exists(dir) ? fs_list(s->a, dir, &names, err) : 0;
    int rc = n < 0 ? -1 : 0;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        struct buf text;
        char *file = path_join(s->a, dir, names[i]);
        if (!str_ends_z(str_z(names[i]), ".lvdash.json"))
            continue;
        buf_init_max(&text, SERVE_DASHBOARD_MAX);
        rc = fs_read_file(file, SERVE_DASHBOARD_MAX, &text, err);
        if (rc == 0)
            rc = console_add_dashboard(s->console, file, buf_view(&text), err);
        buf_release(&text);
    }
    return rc;
}

/* ---------------------------------------------------------------- open, run, close */

static int open_engine(struct served *s, const char *command, struct err *err)
{
    char *project = cli_project_dir(s->a, s->args);
    s->loop = ev_loop_new("main");
    s->state = state_open(cli_state_dir(s->a, s->args), true, command, err);
    if (!s->state)
        return -1;
    s->names = resolve_new(s->state->dir, project);
    if (cli_bind_all(s->names, s->a, s->args, err) || !(s->engine = engine_open(s->state->dir, project, s->names, NULL, err)))
        return -1;
    s->engine->on_commit = on_commit;
    s->engine->on_commit_ctx = s;
    s->queries = query_service_of(s->engine);
    return 0;
}

static void run_until_signal(struct served *s)
{
    struct ev_signal *on_int = ev_signal_start(s->loop, SIGINT, stop_loop, s->loop), *on_term = ev_signal_start(s->loop, SIGTERM, stop_loop, s->loop);
    fflush(stdout);
    ev_run(s->loop);
    ev_signal_free(on_int);
    ev_signal_free(on_term);
}

static int close_all(struct served *s, int rc, const struct err *err)
{
    int status = rc ? cli_fail(s->args, err) : 0;
    pg_server_free(s->pg);
    console_free(s->console);
    connect_free(s->connect);
    for (int i = 0; i < 100; i++) /* closing handles and their last callbacks */
        (void)ev_run_once(s->loop, 0);
    while (ev_working(s->loop)) /* interrupted statements still hold sessions of the engine */
        (void)ev_run_once(s->loop, 100);
    engine_close(s->engine);
    resolve_free(s->names);
    state_close(s->state);
    ev_loop_free(s->loop);
    arena_free(s->a);
    return status;
}

int cmd_serve(const struct cli_args *args)
{
    struct served s = {.args = args, .a = arena_new()};
    struct err err = {0};
    int rc = open_engine(&s, "serve", &err);
    if (rc == 0) {
        struct pg_opts pg = {.host = "127.0.0.1", .port = args->pg >= 0 ? (int)args->pg : SERVE_PG, .queries = &s.queries,
                             .password = args->insecure_local ? NULL : s.state->keys.password};
        struct console_opts web = {.host = "127.0.0.1", .port = args->web >= 0 ? (int)args->web : SERVE_WEB, .token = s.state->keys.token,
                                   .insecure = args->insecure_local, .queries = &s.queries, .state = state_json, .state_ctx = &s};
        s.pg = pg_listen(s.loop, &pg, &err);
        s.console = s.pg ? console_listen(s.loop, &web, &err) : NULL;
        rc = s.console ? add_dashboards(&s, &err) : -1;
    }
    if (rc == 0) {
        const char *url = console_url(s.console);
        if (args->json || !isatty(1))
            printf("{\"ready\":true,\"postgres\":\"127.0.0.1:%d\",\"console\":\"%s\"}\n", pg_server_port(s.pg), url);
        else
            printf("PostgreSQL  127.0.0.1:%d  user paystreak, database main\nConsole     %s\nCtrl-C ends.\n", pg_server_port(s.pg), url);
        run_until_signal(&s);
    }
    return close_all(&s, rc, &err);
}

int cmd_connect(const struct cli_args *args)
{
    struct served s = {.args = args, .a = arena_new()};
    struct err err = {0};
    char host[256];
    int port, rc = cli_listen_address(args, SERVE_CONNECT, host, &port, &err);
    if (rc == 0 && !tcp_is_loopback(host))
        rc = err_set(&err, ERR_UNSUPPORTED, "Spark Connect listens on a loopback address only: '%s' would need TLS", host);
    if (rc == 0 && (rc = open_engine(&s, "connect", &err)) == 0) {
        struct connect_opts spark = {.host = host, .port = port, .engine = s.engine, .token = args->insecure_local ? NULL : s.state->keys.token,
                                     .search_path = "gold,silver,bronze,default"};
        s.connect = connect_listen(s.loop, &spark, &err);
        rc = s.connect ? 0 : -1;
    }
    if (rc == 0) {
        if (args->json || !isatty(1))
            printf("{\"ready\":true,\"spark\":\"sc://%s:%d\"}\n", host, connect_port(s.connect));
        else
            printf("Spark Connect  SPARK_REMOTE=sc://%s:%d\nCtrl-C ends.\n", host, connect_port(s.connect));
        run_until_signal(&s);
    }
    if (!s.loop)
        s.loop = ev_loop_new("main");
    return close_all(&s, rc, &err);
}
