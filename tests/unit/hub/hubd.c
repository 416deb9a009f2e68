/* hubd -- the hub alone, for tests that need nothing else of the program:
 * hubd STATE PORT [partitions] [initial-rebalance-ms]. Prints its port, runs until SIGTERM. */
#include "hub/hub.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void stop(void *loop) { ev_stop(loop); }

int main(int argc, char **argv)
{
    struct err err = {0};
    struct ev_loop *loop = ev_loop_new("main");
    struct hub_opts o = {
        .state_dir = argc > 1 ? argv[1] : "hubd-state",
        .port = argc > 2 ? atoi(argv[2]) : 0,
        .partitions = argc > 3 ? atoi(argv[3]) : 4,
        .initial_rebalance_ms = argc > 4 ? atoi(argv[4]) : -1,
        .insecure_local = true,
        .auto_create = true,
    };
    struct hub *h = hub_start(loop, &o, &err);
    if (!h) {
        fprintf(stderr, "hubd: %s\n", err.msg);
        return 3;
    }
    struct ev_signal *s = ev_signal_start(loop, SIGTERM, stop, loop);
    printf("{\"ready\":true,\"kafka\":\"127.0.0.1:%d\"}\n", hub_port(h));
    fflush(stdout);
    ev_run(loop);
    ev_signal_free(s);
    hub_stop(h);
    ev_loop_free(loop);
    return 0;
}
