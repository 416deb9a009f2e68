/* cmd_factory -- `paystreak factory eval` and `paystreak factory run`: a Data Factory folder without
 * the rest of the project.
 *
 * A run's activities are printed as they end: a line each, or with --output json one object at the
 * end: the run, and "activities" in the order in which they ended, each with status, input, output
 * and error as Azure's monitoring shows them. */
#include "cli/cli.h"
#include "cli/state.h"
#include "factory/factory.h"
#include "jobs/history.h"
#include "resolve/resolve.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CASES_FILE_MAX = 64 << 20 };

/* ---------------------------------------------------------------- eval */

static const struct doc *read_json(struct arena *a, const char *file, struct err *err)
{
    struct buf b;
    const struct doc *d = NULL;
    buf_init_max(&b, CASES_FILE_MAX);
    if (fs_read_file(file, CASES_FILE_MAX, &b, err) == 0)
        d = doc_json(a, file, str_copy(a, buf_view(&b)), err);
    buf_release(&b);
    return d;
}

static int eval_cases(struct arena *a, const char *file, struct err *err)
{
    const struct doc *all = read_json(a, file, err), *cases = doc_is(all, DOC_ARRAY) ? all : doc_get(all, "cases");
    struct buf out;
    int rc = 0;
    if (!all)
        return -1;
    if (!doc_is(cases, DOC_ARRAY))
        return doc_err(all, ERR_INPUT, err, "a file of cases is an array, or an object with the array \"cases\"");
    buf_init(&out);
    for (size_t i = 0; i < cases->count && rc == 0; i++) {
        buf_clear(&out);
        rc = factory_eval_case(cases->items[i], &out, err);
        if (rc == 0)
            printf("%s\n", out.ptr);
    }
    buf_release(&out);
    return rc;
}

/* --parameters FILE, then each --param on top of it. NULL and no error: none given. */
static int read_params(struct arena *a, const struct cli_args *args, struct doc **out, struct err *err)
{
    const struct doc *file = args->parameters ? read_json(a, args->parameters, err) : NULL;
    if (args->parameters && !file)
        return -1;
    if (file && !doc_is(file, DOC_OBJECT))
        return doc_err(file, ERR_INPUT, err, "parameters are an object: {\"name\": value}");
    *out = doc_new_object(a);
    for (size_t i = 0; file && i < file->count; i++)
        doc_set(a, *out, file->keys[i].name, file->items[i]);
    for (size_t i = 0; i < args->param_count; i++) {
        struct str rest = str_z(args->params[i]), name;
        if (str_find(rest, STR("=")) < 1)
            return err_set(err, ERR_USAGE, "--param takes NAME=VALUE, not '%s'", args->params[i]);
        str_split(&rest, '=', &name);
        doc_set(a, *out, str_copy(a, name), doc_new_str(a, rest));
    }
    return 0;
}

int cmd_factory_eval(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct doc *params = NULL;
    struct buf out;
    int rc = 0;
    buf_init(&out);
    if (args->cases ? args->word_count != 0 : args->word_count != 1)
        rc = err_set(&err, ERR_USAGE, "give one EXPRESSION, or --cases FILE");
    else if (args->cases)
        rc = eval_cases(a, args->cases, &err);
    else if ((rc = read_params(a, args, &params, &err)) == 0 && (rc = factory_eval(str_z(args->words[0]), params, &out, &err)) == 0)
        printf("%s\n", out.ptr);
    int status = rc ? cli_fail(args, &err) : 0;
    fflush(stdout);
    buf_release(&out);
    arena_free(a);
    return status;
}

/* ---------------------------------------------------------------- run */

struct one_run {
    const struct cli_args *args;
    struct ev_loop *loop;
    struct factory *factory;
    struct factory_run *run;       /* NULL: not started, or over */
    struct history *history;
    struct buf activities;         /* JSON objects, separated by commas */
    size_t count;                  /* of activities that ended */
    enum run_status status;
    struct buf result;             /* --output json: the run's own members */
};

static void put_member(struct buf *b, const char *key, const struct doc *value)
{
    buf_printf(b, ",\"%s\":", key);
    if (value)
        doc_write(b, value);
    else
        buf_z(b, "null");
}

static void put_error(struct buf *b, const struct err *e)
{
    if (!e) {
        buf_z(b, ",\"error\":null");
        return;
    }
    buf_printf(b, ",\"error\":{\"errorCode\":\"%s\",\"message\":", err_code_name(e->code));
    json_quote(b, str_z(e->msg));
    if (e->where.file[0]) {
        buf_z(b, ",\"file\":");
        json_quote(b, str_z(e->where.file));
        buf_printf(b, ",\"line\":%d,\"column\":%d", e->where.line, e->where.col);
    }
    buf_printf(b, ",\"failureType\":\"%s\"}", e->retriable ? "SystemError" : "UserError");
}

static void activity_json(struct buf *b, const struct factory_activity *x)
{
    buf_z(b, "{\"activityName\":");
    json_quote(b, str_z(x->name));
    buf_printf(b, ",\"activityType\":\"%s\",\"activityRunId\":\"%s\",\"pipelineRunId\":\"%s\",\"pipelineName\":", x->type, x->id, x->run_id);
    json_quote(b, str_z(x->pipeline));
    buf_printf(b, ",\"status\":\"%s\",\"attempt\":%d,\"durationInMs\":%jd", run_status_name(x->status), x->attempt, (intmax_t)x->duration_ms);
    put_member(b, "input", x->input);
    put_member(b, "output", x->output);
    put_error(b, x->error);
    buf_char(b, '}');
}

static void on_activity(void *ctx, const struct factory_activity *x)
{
    struct one_run *r = ctx;
    if (x->status == RUN_RUNNING || x->status == RUN_QUEUED)
        return;
    if (r->args->json) {
        if (r->count++)
            buf_char(&r->activities, ',');
        activity_json(&r->activities, x);
        return;
    }
    char text[900] = "";
    struct buf out;
    buf_init(&out);
    if (x->error)
        err_text(x->error, text, sizeof text);
    if (r->args->activity_outputs && x->output)
        doc_write(&out, x->output);
    printf("%-10s %-40s %-18s %8.2f s%s%s%s%s\n", run_status_name(x->status), x->name, x->type, (double)x->duration_ms / 1000, text[0] ? "  " : "", text,
           out.len ? "  " : "", out.len ? out.ptr : "");
    fflush(stdout);
    buf_release(&out);
}

static void all_stopped(void *arg) { ev_stop(((struct one_run *)arg)->loop); }

static void on_done(void *ctx, const struct factory_result *res)
{
    struct one_run *r = ctx;
    r->run = NULL;
    r->status = res->status;
    if (r->args->json) {
        buf_printf(&r->result, "\"runId\":\"%s\",\"pipelineName\":", res->run_id);
        json_quote(&r->result, str_z(res->pipeline));
        buf_printf(&r->result, ",\"status\":\"%s\"", run_status_name(res->status));
        put_member(&r->result, "output", res->output);
        put_error(&r->result, res->error);
    } else {
        char text[900] = "";
        if (res->error)
            err_text(res->error, text, sizeof text);
        printf("%s: %s%s%s\n", res->pipeline, run_status_name(res->status), text[0] ? ": " : "", text);
    }
    factory_stop(r->factory, all_stopped, r);
}

static void interrupt(void *arg)
{
    struct one_run *r = arg;
    if (r->run)
        factory_cancel(r->run);
}

static void told(void *ctx, const struct err *e)
{
    char text[900];
    (void)ctx;
    fprintf(stderr, "paystreak: %s\n", err_text(e, text, sizeof text));
}

/* Checks, runs, and turns the loop until the run is over. */
static int run_to_end(struct one_run *r, struct doc *params, struct err *err)
{
    const char *pipeline = r->args->words[0];
    const char *const *names;
    size_t n = factory_pipelines(r->factory, &names), i = 0;
    while (i < n && strcmp(names[i], pipeline) != 0)
        i++;
    if (i == n)
        return err_set(err, ERR_NOT_FOUND, "the factory %s has no pipeline '%s'", factory_name(r->factory), pipeline);
    size_t wrong = factory_check(r->factory, pipeline, told, NULL);
    if (wrong)
        return err_set(err, ERR_INPUT, "nothing ran: %zu finding%s above", wrong, wrong == 1 ? "" : "s");
    struct factory_start start = {.pipeline = pipeline, .params = params, .on_activity = on_activity, .on_done = on_done, .ctx = r};
    r->run = factory_run(r->factory, &start, err);
    if (!r->run)
        return -1;
    struct ev_signal *on_int = ev_signal_start(r->loop, SIGINT, interrupt, r), *on_term = ev_signal_start(r->loop, SIGTERM, interrupt, r);
    ev_run(r->loop);
    ev_signal_free(on_int);
    ev_signal_free(on_term);
    return 0;
}

int cmd_factory_run(const struct cli_args *args)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct one_run r = {.args = args, .loop = ev_loop_new("main")};
    struct doc *params;
    struct state *s = NULL;
    struct resolver_names *names = NULL;
    const char *dir = args->factory ? args->factory : cli_project_dir(a, args);
    int rc = read_params(a, args, &params, &err);
    buf_init(&r.activities);
    buf_init(&r.result);
    if (rc == 0 && !(s = state_open(cli_state_dir(a, args), true, "factory run", &err)))
        rc = -1;
    if (rc == 0) {
        names = resolve_new(s->dir, cli_project_dir(a, args));
        rc = cli_bind_all(names, a, args, &err);
    }
    if (rc == 0)
        rc = (r.history = history_open(r.loop, s->dir, &err)) && history_repair(r.history, &err) == 0 ? 0 : -1;
    struct factory_opts opts = {.loop = r.loop, .names = names, .log = r.history ? history_log(r.history) : NULL};
    if (rc == 0)
        rc = (r.factory = factory_load(dir, &opts, &err)) ? run_to_end(&r, params, &err) : -1;
    if (rc == 0 && args->json)
        printf("{%s,\"activities\":[%s]}\n", r.result.ptr, r.activities.ptr);
    int status = rc ? cli_fail(args, &err) : r.status == RUN_SUCCEEDED ? 0 : 1;
    fflush(stdout);
    factory_free(r.factory);
    history_close(r.history);
    for (int i = 0; i < 100; i++) /* closing handles and their last callbacks */
        (void)ev_run_once(r.loop, 0);
    ev_loop_free(r.loop);
    resolve_free(names);
    state_close(s);
    buf_release(&r.activities);
    buf_release(&r.result);
    arena_free(a);
    return status;
}
