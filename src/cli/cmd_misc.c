/* cmd_misc -- the small commands: keys, factory eval, hub start. */
#include "cli/cli.h"
#include "cli/state.h"
#include "factory/factory.h"
#include "hub/hub.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

int cmd_keys(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct state *s = state_open(cli_state_dir(a, args), false, "keys", &err);
    int status = 0;
    if (!s) {
        status = cli_fail(args, &err);
    } else {
        const struct { const char *name, *use, *key; } rows[] = {
            {"sas", "event hub, policy RootManageSharedAccessKey", s->keys.sas}, {"password", "PostgreSQL, user paystreak", s->keys.password},
            {"token", "REST and Spark Connect", s->keys.token}, {"function", "functions, code=", s->keys.function},
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            if (args->json)
                printf("%s\"%s\":\"%s\"%s", i ? "," : "{", rows[i].name, rows[i].key, i + 1 == COUNT_OF(rows) ? "}\n" : "");
            else
                printf("%-10s %s  (%s)\n", rows[i].name, rows[i].key, rows[i].use);
        }
    }
    state_close(s);
    arena_free(a);
    return status;
}

int cmd_factory_eval(const struct cli_args *args)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out);
    int status = 0;
    if (factory_eval(str_z(args->words[0]), NULL, &out, &err))
        status = cli_fail(args, &err);
    else
        printf("%s\n", out.ptr);
    buf_release(&out);
    return status;
}


static void stop_loop(void *arg) { ev_stop(arg); }

/* HOST:PORT; either part may be missing. */
static int listen_address(const char *text, char host[256], int *port, struct err *err)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    int64_t n = 9093;
    snprintf(host, 256, "%.*s", colon ? (int)(colon - text) : 0, text ? text : "");
    if (!host[0])
        snprintf(host, 256, "127.0.0.1");
    if (colon && (!str_i64(str_z(colon + 1), &n) || n < 0 || n > 65535))
        return err_set(err, ERR_USAGE, "--listen takes HOST:PORT, not '%s'", text);
    *port = (int)n;
    return 0;
}

int cmd_hub_start(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    char host[256];
    int port = 0, status = 0;
    struct state *s = NULL;
    struct hub *h = NULL;
    struct ev_loop *loop = ev_loop_new("main");
    if (listen_address(args->listen, host, &port, &err) == 0)
        s = state_open(cli_state_dir(a, args), true, "hub start", &err);
    struct hub_opts opts = {.state_dir = s ? s->dir : NULL, .host = host, .port = port, .sas_key = s ? s->keys.sas : NULL,
                            .insecure_local = args->insecure_local, .auto_create = args->auto_create, .partitions = (int)args->partitions};
    if (s)
        h = hub_start(loop, &opts, &err);
    if (h) {
        struct ev_signal *on_int = ev_signal_start(loop, SIGINT, stop_loop, loop), *on_term = ev_signal_start(loop, SIGTERM, stop_loop, loop);
        printf("{\"ready\":true,\"kafka\":\"%s:%d\"}\n", hub_host(h), hub_port(h));
        fflush(stdout);
        ev_run(loop);
        ev_signal_free(on_int);
        ev_signal_free(on_term);
        hub_stop(h);
    } else {
        status = cli_fail(args, &err);
    }
    ev_loop_free(loop);
    state_close(s);
    arena_free(a);
    return status;
}
