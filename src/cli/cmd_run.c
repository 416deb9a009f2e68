/* cmd_run -- `paystreak run`: the loop around run.h's parts. */
#include "cli/control.h"
#include "cli/endpoints.h"
#include "cli/run.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 250 };

const char *run_spark_remote(struct run *r)
{
    return arena_printf(r->a, "sc://localhost:%d", endpoints_spark_port(r->endpoints));
}

void run_addresses(struct run *r)
{
    const char *url = endpoints_console_url(r->endpoints);
    struct { const char *name; char text[300]; } rows[] = {{"kafka", ""}, {"amqp", ""}, {"https", ""}, {"postgres", ""}, {"console", ""}, {"spark", ""}, {"storage", ""}, {"queue", ""}};
    snprintf(rows[0].text, sizeof rows[0].text, "%s:%d", hub_host(r->hub), hub_port(r->hub));
    snprintf(rows[1].text, sizeof rows[1].text, "%s:%d", hub_host(r->hub), hub_amqp_port(r->hub));
    snprintf(rows[2].text, sizeof rows[2].text, "https://%s:%d", hub_host(r->hub), hub_https_port(r->hub));
    snprintf(rows[3].text, sizeof rows[3].text, "127.0.0.1:%d", endpoints_pg_port(r->endpoints));
    snprintf(rows[4].text, sizeof rows[4].text, "%s", url);
    snprintf(rows[5].text, sizeof rows[5].text, "sc://localhost:%d", endpoints_spark_port(r->endpoints));
    snprintf(rows[6].text, sizeof rows[6].text, "http://127.0.0.1:%d", endpoints_storage_port(r->endpoints));
    snprintf(rows[7].text, sizeof rows[7].text, "http://127.0.0.1:%d", endpoints_queue_port(r->endpoints));
    if (r->args->json) {
        struct buf b;
        buf_init(&b);
        buf_z(&b, "{\"ready\":true");
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            buf_printf(&b, ",\"%s\":", rows[i].name);
            json_quote(&b, str_z(rows[i].text));
        }
        buf_z(&b, "}\n");
        fputs(b.ptr, stdout);
        fflush(stdout);
        buf_release(&b);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        status_state(r->status, GROUP_ADDRESS, rows[i].name, MOOD_GOOD, "listening", "%s", rows[i].text);
}

static void on_tick(void *arg)
{
    struct run *r = arg;
    run_show(r);
    status_draw(r->status);
}

static void on_signal(void *arg)
{
    struct run *r = arg;
    if (r->stopping && r->forced)
        _exit(130);
    r->forced = true;
    run_stop(r);
}

enum status_mode cli_status_mode(const struct cli_args *args)
{
    return args->json ? STATUS_JSON : isatty(STDOUT_FILENO) ? STATUS_BOARD : STATUS_LINES;
}

struct run *cli_run_new(const struct cli_args *args, const char *title, enum status_mode mode)
{
    struct arena *a = arena_new();
    struct run *r = ARENA_NEW(a, struct run);
    r->args = args;
    r->a = a;
    r->loop = ev_loop_new("main");
    r->status = status_new(mode, title);
    return r;
}

void cli_run_free(struct run *r)
{
    ev_timer_free(r->tick);
    for (size_t i = 0; i < COUNT_OF(r->signals); i++)
        if (r->signals[i])
            ev_signal_free(r->signals[i]);
    run_close(r);
    ev_loop_free(r->loop);
    status_free(r->status);
    arena_free(r->a);
}

static void put_texts(struct buf *b, char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_z(b, i ? "," : "");
        json_quote(b, str_z(texts[i]));
    }
}

/* The notices and failures as the last thing that a person, or a machine, reads. */
int run_print_failures(struct run *r)
{
    if (r->args->json) {
        struct buf b;
        buf_init(&b);
        buf_printf(&b, "{\"ok\":%s,\"failures\":[", r->failure_count ? "false" : "true");
        put_texts(&b, r->failures, r->failure_count);
        buf_z(&b, r->notice_count ? "],\"notices\":[" : "");
        put_texts(&b, r->notices, r->notice_count);
        buf_z(&b, "]}\n");
        fputs(b.ptr, stdout);
        buf_release(&b);
    }
    for (size_t i = 0; !r->args->json && i < r->notice_count; i++)
        fprintf(stderr, "note: %s\n", r->notices[i]);
    if (!r->args->json && r->failure_count) {
        fprintf(stderr, "\n%zu failure%s:\n", r->failure_count, r->failure_count == 1 ? "" : "s");
        for (size_t i = 0; i < r->failure_count; i++)
            fprintf(stderr, "  %s\n", r->failures[i]);
    }
    fflush(stdout);
    return r->failure_count ? 1 : 0;
}

int cmd_run(const struct cli_args *args)
{
    struct err err = {0};
    struct arena *a = arena_new();
    struct str name = path_base(str_z(cli_project_dir(a, args)));
    struct run *r = cli_run_new(args, arena_printf(a, "%.*s", STR_ARGS(name)), cli_status_mode(args));
    int status;
    signal(SIGPIPE, SIG_IGN);
    if (run_open(r, &err)) {
        status = cli_fail(args, &err);
    } else if (run_check(r)) {
        status = run_print_failures(r);
    } else {
        r->signals[0] = ev_signal_start(r->loop, SIGINT, on_signal, r);
        r->signals[1] = ev_signal_start(r->loop, SIGTERM, on_signal, r);
        r->control = control_open(r);
        run_addresses(r); /* who reads them may send a signal at once */
        r->tick = ev_timer_new(r->loop, on_tick, r);
        ev_timer_start(r->tick, TICK_MS, TICK_MS);
        run_start(r);
        ev_run(r->loop);
        run_show(r);
        status_draw(r->status);
        status = args->once || args->json ? run_print_failures(r) : 0;
    }
    cli_run_free(r);
    arena_free(a);
    return status;
}
