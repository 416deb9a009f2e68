/* cmd_status -- `paystreak status` and `paystreak stop`: what runs on a state, and its end. Both are
 * clients of the process that owns it. */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/state.h"
#include "ev/ev.h"
#include <stdio.h>

enum { WAIT_MS = 50 };

static void print_part(const struct doc *p)
{
    struct str rows = doc_get(p, "rows") ? doc_get(p, "rows")->text : STR("");
    struct str detail = doc_str(doc_get(p, "detail"), STR(""));
    printf("%-9.*s %-40.*s %-12.*s %s%.*s%s%.*s\n", STR_ARGS(doc_str(doc_get(p, "part"), STR(""))), STR_ARGS(doc_str(doc_get(p, "name"), STR(""))),
           STR_ARGS(doc_str(doc_get(p, "state"), STR(""))), rows.len ? "rows " : "", STR_ARGS(rows), rows.len && detail.len ? "  " : "", STR_ARGS(detail));
}

int cmd_status(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct buf json;
    buf_init(&json);
    int status = 0;
    if (control_status(cli_state_dir(a, args), &json, &err)) {
        status = cli_fail(args, &err);
    } else if (args->json) {
        printf("%s\n", json.ptr);
    } else {
        const struct doc *d = doc_json(a, "status", buf_view(&json), &err), *parts = doc_get(d, "parts");
        for (size_t i = 0; doc_is(parts, DOC_ARRAY) && i < parts->count; i++)
            print_part(parts->items[i]);
    }
    buf_release(&json);
    arena_free(a);
    return status;
}

/* Waits until the owner has let the state go: what follows the command may take it. */
static int wait_for_end(struct ev_loop *loop, const char *dir, struct err *err)
{
    int64_t deadline = time_mono_us() + CONTROL_STOP_MS * INT64_C(1000);
    for (;;) {
        struct state *s = state_open(dir, true, "stop", err);
        if (s) {
            state_close(s);
            return 0;
        }
        if (err->code != ERR_EXISTS || time_mono_us() > deadline)
            return -1;
        (void)ev_run_once(loop, WAIT_MS);
    }
}

int cmd_stop(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    char *dir = cli_state_dir(a, args);
    int status = control_stop(dir, &err) ? cli_fail(args, &err) : 0;
    struct ev_loop *loop = ev_loop_new("main"); /* made after the request, which may not be made on a loop's thread */
    if (!status && wait_for_end(loop, dir, &err))
        status = cli_fail(args, &err);
    ev_loop_free(loop);
    if (!status && args->json)
        printf("{\"stopped\":true}\n");
    arena_free(a);
    return status;
}
