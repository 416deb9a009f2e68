/* hubd -- the hub alone, for tests that need nothing else of the program.
 *
 *     hubd STATE PORT [partitions=N] [rebalance_ms=N] [segment_bytes=N] [sas=KEY] [auth_ms=N] [amqp=PORT] [https=PORT]
 *          [lose=N] [tear=N]
 *
 * Prints one JSON line when it is ready and runs until SIGTERM. Hubs are made when first named; with
 * `sas` clients must know the key. With `lose` or `tear` the N-th file call below STATE since it was ready is a power
 * cut: the process ends, and what was not synced is lost, or half of it. */
#include "hub/hub.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(void *loop) { ev_stop(loop); }

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    size_t n = strlen(name);
    for (int i = 3; i < argc; i++)
        if (!strncmp(argv[i], name, n) && argv[i][n] == '=')
            return argv[i] + n + 1;
    return otherwise;
}

static void plan_power_cut(int argc, char **argv)
{
    const char *lose = option(argc, argv, "lose", NULL), *tear = option(argc, argv, "tear", NULL);
    if (lose || tear)
        fs_fault_set(&(struct fs_fault){.kind = lose ? FS_FAULT_LOSE : FS_FAULT_TEAR, .nth = atoll(lose ? lose : tear), .path_part = argv[1]});
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: hubd STATE PORT [name=value…]\n");
        return 2;
    }
    struct ev_loop *loop = ev_loop_new("main");
    const char *sas = option(argc, argv, "sas", NULL);
    struct hub_opts o = {
        .state_dir = argv[1],
        .port = atoi(argv[2]),
        .partitions = atoi(option(argc, argv, "partitions", "4")),
        .initial_rebalance_ms = atoi(option(argc, argv, "rebalance_ms", "-1")),
        .segment_bytes = atoll(option(argc, argv, "segment_bytes", "0")),
        .sas_key = sas,
        .insecure_local = !sas,
        .auth_ms = atoll(option(argc, argv, "auth_ms", "0")),
        .auto_create = true,
        .amqp = {.on = option(argc, argv, "amqp", NULL), .number = atoi(option(argc, argv, "amqp", "0"))},
        .https = {.on = option(argc, argv, "https", NULL), .number = atoi(option(argc, argv, "https", "0"))},
    };
    struct hub *h = hub_start(loop, &o, &err);
    if (!h) {
        fprintf(stderr, "hubd: %s\n", err.msg);
        return 3;
    }
    plan_power_cut(argc, argv);
    struct ev_signal *s = ev_signal_start(loop, SIGTERM, stop, loop);
    printf("{\"ready\":true,\"kafka\":\"127.0.0.1:%d\",\"amqp\":%d,\"https\":%d}\n", hub_port(h), hub_amqp_port(h), hub_https_port(h));
    fflush(stdout);
    ev_run(loop);
    ev_signal_free(s);
    hub_stop(h);
    ev_loop_free(loop);
    return 0;
}
