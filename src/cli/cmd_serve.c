/* cmd_serve -- `paystreak serve` and `paystreak connect`: the endpoints of a state folder, without running
 * what made its tables.
 *
 *   serve     PostgreSQL, and the console with the project's dashboards
 *   connect   Spark Connect
 *
 * Both own the state while they run, so clients may write as well. Ready when the JSON line of
 * addresses is printed; SIGINT and SIGTERM end them. */
#include "cli/cli.h"
#include "cli/endpoints.h"
#include "cli/run.h"
#include "net/tcp.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void stop_loop(void *arg) { ev_stop(arg); }

static bool for_machines(const struct cli_args *args) { return args->json || !isatty(STDOUT_FILENO); }

/* Opens what `o` says, has `print` tell the addresses, and turns the loop until a signal. */
static int serve(const struct cli_args *args, const char *command, const struct endpoints_opts *o, void (*print)(struct run *r, const struct endpoints_opts *o))
{
    struct err err = {0};
    struct run *r = cli_run_new(args, command, STATUS_BOARD); /* a board that is never drawn */
    signal(SIGPIPE, SIG_IGN);
    int rc = run_open_endpoints(r, command, o, &err);
    if (rc == 0) {
        r->signals[0] = ev_signal_start(r->loop, SIGINT, stop_loop, r->loop);
        r->signals[1] = ev_signal_start(r->loop, SIGTERM, stop_loop, r->loop);
        print(r, o);
        fflush(stdout); /* who reads it may send a signal at once */
        ev_run(r->loop);
    }
    int status = rc ? cli_fail(args, &err) : 0;
    cli_run_free(r);
    return status;
}

static void print_serve(struct run *r, const struct endpoints_opts *o)
{
    const char *url = endpoints_console_url(r->endpoints);
    int port = endpoints_pg_port(r->endpoints);
    (void)o;
    status_state(r->status, GROUP_ADDRESS, "postgres", MOOD_GOOD, "listening", "127.0.0.1:%d", port);
    if (for_machines(r->args))
        printf("{\"ready\":true,\"postgres\":\"127.0.0.1:%d\",\"console\":\"%s\"}\n", port, url);
    else
        printf("PostgreSQL  127.0.0.1:%d  user paystreak, database main\nConsole     %s\nCtrl-C ends.\n", port, url);
}

int cmd_serve(const struct cli_args *args)
{
    struct endpoints_opts o = {.parts = ENDPOINT_PG | ENDPOINT_CONSOLE, .pg = args->pg >= 0 ? (int)args->pg : RUN_DEFAULT_PG,
                               .console = args->web >= 0 ? (int)args->web : RUN_DEFAULT_HTTP};
    return serve(args, "serve", &o, print_serve);
}

static void print_connect(struct run *r, const struct endpoints_opts *o)
{
    int port = endpoints_spark_port(r->endpoints);
    if (for_machines(r->args))
        printf("{\"ready\":true,\"spark\":\"sc://%s:%d\"}\n", o->spark_host, port);
    else
        printf("Spark Connect  SPARK_REMOTE=sc://%s:%d\nCtrl-C ends.\n", o->spark_host, port);
}

int cmd_connect(const struct cli_args *args)
{
    struct err err = {0};
    char host[256];
    struct endpoints_opts o = {.parts = ENDPOINT_SPARK, .spark_host = host};
    int rc = cli_listen_address(args, RUN_DEFAULT_CONNECT, host, &o.spark, &err);
    if (rc == 0 && !tcp_is_loopback(host))
        rc = err_set(&err, ERR_UNSUPPORTED, "Spark Connect listens on a loopback address only: '%s' would need TLS", host);
    return rc ? cli_fail(args, &err) : serve(args, "connect", &o, print_connect);
}
