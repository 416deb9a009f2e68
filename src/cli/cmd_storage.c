/* cmd_storage -- the storage endpoint alone: `paystreak storage start`. */
#include "cli/cli.h"
#include "cli/state.h"
#include "storage/storage.h"
#include <signal.h>
#include <stdio.h>

static void stop_loop(void *arg) { ev_stop(arg); }

static void print_ready(struct arena *a, const struct storage *st, const struct state *s)
{
    int port = storage_port(st), queue = storage_queue_port(st);
    struct str connection = storage_connection(a, "127.0.0.1", port, queue, s->keys.storage, str_z(STORAGE_EMULATOR_ACCOUNT));
    printf("{\"ready\":true,\"storage\":\"http://127.0.0.1:%d\",\"queue\":\"http://127.0.0.1:%d\",\"connection\":\"%.*s\"}\n", port, queue, STR_ARGS(connection));
    fflush(stdout);
}

int cmd_storage_start(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct storage *st = NULL;
    int status = 0, port = args->port < 0 ? STORAGE_DEFAULT_PORT : (int)args->port;
    struct ev_loop *loop = ev_loop_new("main");
    struct state *s = state_open(cli_state_dir(a, args), true, "storage start", &err);
    if (s) {
        struct storage_opts opts = {.state_dir = s->dir, .port = port, .queue_port = port ? port + 1 : 0, .key = s->keys.storage,
                                    .token = s->keys.token, .insecure_local = args->insecure_local};
        st = storage_listen(loop, &opts, &err);
    }
    if (st) {
        struct ev_signal *on_int = ev_signal_start(loop, SIGINT, stop_loop, loop), *on_term = ev_signal_start(loop, SIGTERM, stop_loop, loop);
        print_ready(a, st, s);
        ev_run(loop);
        ev_signal_free(on_int);
        ev_signal_free(on_term);
        storage_free(st);
    } else {
        status = cli_fail(args, &err);
    }
    ev_loop_free(loop);
    state_close(s);
    arena_free(a);
    return status;
}
