/* cmd_misc -- the small commands: keys, hub start. */
#include "cli/cli.h"
#include "cli/state.h"
#include "hub/hub.h"
#include "hub/sas.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { HUB_LISTEN_PORT = 9093 };

static const char *connection_string(struct arena *a, const char *key)
{
    return arena_printf(a, "Endpoint=sb://localhost;SharedAccessKeyName=" SAS_ROOT_POLICY ";SharedAccessKey=%s;UseDevelopmentEmulator=true;", key);
}

int cmd_keys(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct state *s = state_open(cli_state_dir(a, args), false, "keys", &err);
    int status = 0;
    if (!s) {
        status = cli_fail(args, &err);
    } else {
        char send[SAS_KEY_TEXT], listen[SAS_KEY_TEXT];
        sas_derive_key(s->keys.sas, "SendOnly", send);
        sas_derive_key(s->keys.sas, "ListenOnly", listen);
        const struct { const char *name, *use, *key; } rows[] = {
            {"sas", "event hub, policy RootManageSharedAccessKey", s->keys.sas},
            {"sas_send", "event hub, policy SendOnly", send}, {"sas_listen", "event hub, policy ListenOnly", listen},
            {"connection", "event hub, AMQP on the default port", connection_string(a, s->keys.sas)}, {"password", "PostgreSQL, user paystreak", s->keys.password},
            {"token", "REST and Spark Connect", s->keys.token}, {"function", "functions, code=", s->keys.function}, {"storage", "storage accounts, AccountKey", s->keys.storage},
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

static void stop_loop(void *arg) { ev_stop(arg); }

static void print_ready(const struct hub *h)
{
    printf("{\"ready\":true,\"kafka\":\"%s:%d\"", hub_host(h), hub_port(h));
    if (hub_amqp_port(h))
        printf(",\"amqp\":\"%s:%d\"", hub_host(h), hub_amqp_port(h));
    if (hub_https_port(h))
        printf(",\"https\":\"%s:%d\"", hub_host(h), hub_https_port(h));
    printf("}\n");
    fflush(stdout);
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
    if (cli_listen_address(args, HUB_LISTEN_PORT, host, &port, &err) == 0)
        s = state_open(cli_state_dir(a, args), true, "hub start", &err);
    struct hub_opts opts = {.state_dir = s ? s->dir : NULL, .host = host, .port = port, .sas_key = s ? s->keys.sas : NULL,
                            .insecure_local = args->insecure_local, .auto_create = args->auto_create, .partitions = (int)args->partitions,
                            .amqp = {args->amqp >= 0, (int)args->amqp}, .https = {args->https >= 0, (int)args->https},
                            .tls_cert = args->tls_cert, .tls_key = args->tls_key};
    if (s)
        h = hub_start(loop, &opts, &err);
    if (h) {
        struct ev_signal *on_int = ev_signal_start(loop, SIGINT, stop_loop, loop), *on_term = ev_signal_start(loop, SIGTERM, stop_loop, loop);
        print_ready(h);
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
