/* cmd_pipelines -- `paystreak pipelines run | dry-run | graph | events`.
 *
 * The pipelines are those of the project's databricks.yml, or the one that spark-pipeline.yml describes
 * (--spec; without it, a folder's own spark-pipeline.yml if there is no bundle). `run` updates one after
 * the other: a pipeline after those whose tables it reads, otherwise in the bundle's order. A failure
 * ends neither the others nor the list of what went wrong.
 *
 * With --output json each event of the update is one line, as Databricks' REST API gives it: the columns
 * of the event log, `details` as an object. `events` prints all that the logs hold; beside a running
 * project it reads, `run` says who owns the state.
 *
 * Thread: the main loop; reading the event log blocks it, when nothing runs any more. */
#include "cli/cli.h"
#include "cli/run.h"
#include "engine/session.h"
#include "lake/catalog.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHOW_MS = 250 };

struct chosen { struct str name, catalog, schema; bool continuous, wanted, done, ok; };

struct work {
    struct run *run;
    const struct cli_args *args;
    struct chosen *pipelines; size_t count, cap;
    bool *reads;                 /* count x count: the first reads tables of the second */
    size_t at;                   /* the one that runs */
    struct pipelines_update_opts update;
    struct tp started;
    bool canceled;
};

/* ---------------------------------------------------------------- opening */

static const char *spec_of(struct arena *a, const struct cli_args *args)
{
    static const char *const names[] = {"spark-pipeline.yml", "spark-pipeline.yaml"};
    const char *dir = cli_project_dir(a, args);
    if (args->spec)
        return args->spec[0] == '/' ? args->spec : path_join(a, cli_project_dir(a, &(struct cli_args){0}), args->spec);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (fs_exists(path_join(a, dir, names[i])) && !fs_exists(path_join(a, dir, "databricks.yml")))
            return path_join(a, dir, names[i]);
    return NULL;
}

static void add_chosen(void *ctx, const struct pipeline_status *s)
{
    struct work *w = ctx;
    struct arena *a = w->run->a;
    bool wanted = !w->args->word_count;
    for (size_t i = 0; i < w->args->word_count; i++)
        wanted |= str_eqz(s->name, w->args->words[i]) || str_eqz(s->id, w->args->words[i]);
    w->pipelines = arena_grow(a, w->pipelines, &w->cap, w->count + 1, sizeof *w->pipelines);
    w->pipelines[w->count++] = (struct chosen){str_copy(a, s->name), str_copy(a, s->catalog), str_copy(a, s->schema), s->continuous, wanted, false, false};
}

static int choose(struct work *w, struct err *err)
{
    size_t wanted = 0;
    pipelines_each_pipeline(w->run->pipelines, add_chosen, w);
    for (size_t i = 0; i < w->count; i++)
        wanted += w->pipelines[i].wanted;
    for (size_t i = 0; i < w->args->word_count; i++) {
        bool there = false;
        for (size_t k = 0; k < w->count; k++)
            there |= str_eqz(w->pipelines[k].name, w->args->words[i]);
        if (!there)
            return err_set(err, ERR_USAGE, "there is no pipeline '%s'", w->args->words[i]);
    }
    if (!w->count)
        return err_set(err, ERR_NOT_FOUND, "the project has no pipelines");
    if ((w->args->refresh || w->args->full_refresh) && wanted > 1)
        return err_set(err, ERR_USAGE, "name the one pipeline whose datasets --refresh and --full-refresh mean");
    return 0;
}

/* The state is ours, or, with `look`, may be another's. NULL: `*status` is the exit status. */
static struct work *work_open(const struct cli_args *args, const char *command, bool look, int *status)
{
    struct err err = {0};
    enum status_mode mode = isatty(STDOUT_FILENO) ? STATUS_BOARD : STATUS_LINES;
    struct run *r = cli_run_new(args, "pipelines", mode);
    struct work *w = ARENA_NEW(r->a, struct work);
    *w = (struct work){.run = r, .args = args};
    struct cli_args *with_project = ARENA_NEW(r->a, struct cli_args);
    const char *spec = spec_of(r->a, args);
    *with_project = *args;
    if (spec && !args->project) /* state lies beside the description */
        with_project->project = str_cz(r->a, path_dir(str_z(spec)));
    r->args = with_project;
    int rc = run_open_pipelines(r, command, true, spec, &err);
    if (rc && look && err.code == ERR_EXISTS)
        rc = run_open_pipelines(r, command, false, spec, &err);
    if (rc == 0 && !r->failure_count)
        rc = choose(w, &err);
    if (rc == 0 && !r->failure_count)
        return w;
    *status = rc ? cli_fail(args, &err) : run_print_failures(r);
    cli_run_free(r);
    return NULL;
}

static void on_finding(void *ctx, struct str pipeline, const struct err *e)
{
    struct run *r = ctx;
    run_fail(r, str_cz(r->a, pipeline), e);
}

/* ---------------------------------------------------------------- the event log */

/* A row with `details` as the object that its text holds. */
static void print_event(struct arena *a, struct str row)
{
    struct err ignored;
    struct buf line;
    struct doc *d = doc_json(a, "event", row, &ignored), *text = d ? doc_get(d, "details") : NULL;
    struct doc *details = doc_is(text, DOC_STRING) ? doc_json(a, "details", text->text, &ignored) : NULL;
    if (details)
        doc_set(a, d, STR("details"), details);
    buf_init(&line);
    if (d)
        doc_write(&line, d);
    printf("%s\n", d ? line.ptr : str_cz(a, row));
    buf_release(&line);
}

static void print_event_text(const struct session_result *r, size_t row)
{
    struct buf b;
    buf_init(&b);
    for (size_t c = 0; c < 4; c++) {
        buf_z(&b, c ? "  " : "");
        if (!duck_is_null(r->rows, c, row))
            duck_render(r->rows, c, row, DUCK_AS_TEXT, &b);
    }
    printf("%s\n", b.ptr);
    buf_release(&b);
}

static int on_events(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    const struct work *w = ctx;
    int rc;
    (void)st;
    while ((rc = duck_next(r->rows, err)) > 0)
        for (size_t row = 0; row < duck_rows(r->rows); row++) {
            struct arena *a = arena_new();
            struct buf b;
            buf_init(&b);
            session_row_json(r, row, &b);
            if (w->args->json)
                print_event(a, buf_view(&b));
            else
                print_event_text(r, row);
            buf_release(&b);
            arena_free(a);
        }
    return rc;
}

/* The events of a pipeline since `since` (0: all), in order. A log that is not there has none. */
static int print_events(struct work *w, const struct chosen *p, struct tp since, struct err *err)
{
    struct lake_catalog *k = w->run->engine->catalog;
    struct arena *a = arena_new();
    struct str table = str_fmt(a, "event_log_%.*s", STR_ARGS(str_lower(a, p->name)));
    struct lake_scope scope = {p->catalog, p->schema};
    struct lake_name name;
    char when[40];
    int rc = lake_name_resolve(a, &table, 1, &scope, &name, err);
    struct session *s = rc == 0 && fs_exists(lake_catalog_dir(k, a, &name)) ? session_new(w->run->engine, err) : NULL;
    if (s) {
        struct str text = str_fmt(a, "SELECT %s FROM %.*s WHERE timestamp >= TIMESTAMP '%s' ORDER BY sequence.control_plane_seq_no, timestamp, id",
                                  w->args->json ? "*" : "timestamp, level, event_type, message", STR_ARGS(lake_name_text(a, &name)), time_iso(since, 6, when));
        rc = session_run_script(s, "events", 1, text, on_events, w, err);
        session_free(s);
    }
    fflush(stdout);
    arena_free(a);
    return rc;
}

/* ---------------------------------------------------------------- run */

static void next_pipeline(void *arg);

/* Which pipelines a pipeline reads from: first whose each dataset is, then what each reads. */
struct owner { struct str dataset, pipeline; };
struct owners { struct work *w; struct owner *list; size_t count, cap; bool linking; };

static size_t index_of(const struct work *w, struct str pipeline)
{
    size_t i = 0;
    while (i < w->count && !str_eq(w->pipelines[i].name, pipeline))
        i++;
    return i;
}

static void on_dataset(void *ctx, const struct dataset_status *d)
{
    struct owners *o = ctx;
    struct arena *a = o->w->run->a;
    if (!o->linking) {
        o->list = arena_grow(a, o->list, &o->cap, o->count + 1, sizeof *o->list);
        o->list[o->count++] = (struct owner){str_copy(a, d->name), str_copy(a, d->pipeline)};
        return;
    }
    size_t from = index_of(o->w, d->pipeline);
    for (size_t i = 0; i < d->input_count; i++)
        for (size_t k = 0; k < o->count; k++)
            if (str_eq(o->list[k].dataset, d->inputs[i]) && !str_eq(o->list[k].pipeline, d->pipeline))
                o->w->reads[from * o->w->count + index_of(o->w, o->list[k].pipeline)] = true;
}

static void link_pipelines(struct work *w)
{
    struct owners o = {.w = w};
    w->reads = ARENA_ARRAY(w->run->a, bool, w->count * w->count + 1);
    pipelines_each(w->run->pipelines, on_dataset, &o);
    o.linking = true;
    pipelines_each(w->run->pipelines, on_dataset, &o);
}

/* The next one whose pipelines before it are done; of a circle, the first in the bundle's order. */
static size_t pick(const struct work *w)
{
    size_t first = w->count;
    for (size_t i = 0; i < w->count; i++) {
        bool ready = true;
        if (!w->pipelines[i].wanted || w->pipelines[i].done)
            continue;
        if (first == w->count)
            first = i;
        for (size_t k = 0; k < w->count; k++)
            ready &= !w->reads[i * w->count + k] || !w->pipelines[k].wanted || w->pipelines[k].done;
        if (ready)
            return i;
    }
    return first;
}

static void on_updated(void *arg, enum run_status status, const struct err *e)
{
    struct work *w = arg;
    struct chosen *p = &w->pipelines[w->at];
    static const struct err unknown = {.code = ERR_USER, .msg = "the update did not succeed"};
    p->done = true;
    p->ok = status == RUN_SUCCEEDED;
    if (!p->ok && !w->canceled)
        run_fail(w->run, str_cz(w->run->a, p->name), e ? e : &unknown);
    ev_defer(w->run->loop, next_pipeline, w);
}

static void on_stopped(void *arg) { ev_stop(arg); }

static void next_pipeline(void *arg)
{
    struct work *w = arg;
    struct err err = {0};
    w->at = pick(w);
    while (!w->canceled && w->at < w->count) {
        struct chosen *p = &w->pipelines[w->at];
        if (pipelines_update(w->run->pipelines, p->name, &w->update, on_updated, w, &err) == 0)
            return;
        p->done = true;
        run_fail(w->run, str_cz(w->run->a, p->name), &err);
        w->at = pick(w);
    }
    run_show(w->run);
    pipelines_stop(w->run->pipelines, on_stopped, w->run->loop);
}

static void on_tick(void *arg)
{
    struct work *w = arg;
    run_show(w->run);
    status_draw(w->run->status);
}

static void on_signal(void *arg)
{
    struct work *w = arg;
    if (w->canceled)
        _exit(130);
    w->canceled = true;
    if (w->at < w->count)
        pipelines_cancel(w->run->pipelines, w->pipelines[w->at].name);
}

static const struct str *names_of(struct arena *a, const char *list, size_t *count)
{
    struct str rest = str_z(list ? list : ""), one, *out = NULL;
    size_t cap = 0;
    *count = 0;
    while (str_split(&rest, ',', &one))
        if (str_trim(one).len) {
            out = arena_grow(a, out, &cap, *count + 1, sizeof *out);
            out[(*count)++] = str_trim(one);
        }
    return out;
}

static void read_update(struct work *w)
{
    const struct cli_args *args = w->args;
    struct pipelines_update_opts *o = &w->update;
    o->trigger = "Manual";
    o->full_refresh = args->full_refresh_all || (args->full_refresh && strcmp(args->full_refresh, "all") == 0);
    if (!o->full_refresh)
        o->full_refresh_selection = names_of(w->run->a, args->full_refresh, &o->full_refresh_count);
    o->refresh_selection = names_of(w->run->a, args->refresh, &o->refresh_count);
    if (!o->full_refresh && o->full_refresh_count && !o->refresh_count) { /* those and no others, as spark-pipelines has it */
        o->refresh_selection = o->full_refresh_selection;
        o->refresh_count = o->full_refresh_count;
    }
}

int cmd_pipelines_run(const struct cli_args *args)
{
    int status = 0;
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    struct work *w = work_open(args, "pipelines run", false, &status);
    if (!w)
        return status;
    struct run *r = w->run;
    read_update(w);
    if (pipelines_check(r->pipelines, on_finding, r) == 0) {
        link_pipelines(w);
        w->started = time_now();
        r->signals[0] = ev_signal_start(r->loop, SIGINT, on_signal, w);
        r->signals[1] = ev_signal_start(r->loop, SIGTERM, on_signal, w);
        if (!args->json) {
            r->tick = ev_timer_new(r->loop, on_tick, w);
            ev_timer_start(r->tick, SHOW_MS, SHOW_MS);
        }
        ev_defer(r->loop, next_pipeline, w);
        ev_run(r->loop);
        if (!args->json)
            on_tick(w);
        for (size_t i = 0; args->json && i < w->count; i++)
            if (w->pipelines[i].wanted && print_events(w, &w->pipelines[i], w->started, &err))
                run_fail(r, "events", &err);
    }
    status = r->failure_count ? run_print_failures(r) : w->canceled ? 130 : 0;
    cli_run_free(r);
    return status;
}

/* ---------------------------------------------------------------- dry-run, graph, events */

int cmd_pipelines_dry_run(const struct cli_args *args)
{
    int status = 0;
    struct work *w = work_open(args, "pipelines dry-run", true, &status);
    if (!w)
        return status;
    pipelines_check(w->run->pipelines, on_finding, w->run);
    status = run_print_failures(w->run);
    if (!status && !args->json)
        printf("%zu pipeline%s can run\n", w->count, w->count == 1 ? "" : "s");
    cli_run_free(w->run);
    return status;
}

static void print_dataset(void *ctx, const struct dataset_status *d)
{
    const struct work *w = ctx;
    struct buf b;
    size_t i = index_of(w, d->pipeline);
    if (i == w->count || !w->pipelines[i].wanted)
        return;
    buf_init(&b);
    if (w->args->json) {
        buf_z(&b, "{\"pipeline\":");
        json_quote(&b, d->pipeline);
        buf_z(&b, ",\"name\":");
        json_quote(&b, d->name);
        buf_printf(&b, ",\"kind\":\"%s\",\"inputs\":[", dataset_kind_name(d->kind));
    } else {
        buf_printf(&b, "%.*s: %.*s, %s%s", STR_ARGS(d->pipeline), STR_ARGS(d->name), dataset_kind_name(d->kind), d->input_count ? ", reads " : "");
    }
    for (size_t k = 0; k < d->input_count; k++) {
        buf_z(&b, k ? (w->args->json ? "," : ", ") : "");
        if (w->args->json)
            json_quote(&b, d->inputs[k]);
        else
            buf_str(&b, d->inputs[k]);
    }
    printf("%s%s\n", b.ptr, w->args->json ? "]}" : "");
    buf_release(&b);
}

int cmd_pipelines_graph(const struct cli_args *args)
{
    int status = 0;
    struct work *w = work_open(args, "pipelines graph", true, &status);
    if (!w)
        return status;
    pipelines_check(w->run->pipelines, on_finding, w->run);
    pipelines_each(w->run->pipelines, print_dataset, w);
    status = w->run->failure_count ? run_print_failures(w->run) : 0;
    cli_run_free(w->run);
    return status;
}

int cmd_pipelines_events(const struct cli_args *args)
{
    int status = 0;
    struct err err = {0};
    struct work *w = work_open(args, "pipelines events", true, &status);
    if (!w)
        return status;
    for (size_t i = 0; i < w->count && !status; i++)
        if (w->pipelines[i].wanted && print_events(w, &w->pipelines[i], (struct tp){0}, &err))
            status = cli_fail(args, &err);
    cli_run_free(w->run);
    return status;
}
