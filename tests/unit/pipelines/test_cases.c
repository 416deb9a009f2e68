/* The cases of tests/cases/pipelines: each YAML file is a project and what is done with it.
 *
 *   pipelines:             list of {name, schema, catalog, target, continuous, configuration, files: {name: text}}
 *   add_error: TEXT        the last pipeline is refused with this text (all of file:line:col: message, or its start)
 *   steps:                 one action each
 *     write: {path: text}                    files of the project
 *     sql: TEXT                              statements; `error:` if they fail
 *     check: [TEXT]                          pipelines_check() finds these, by their starts, in order
 *     set_up: true                           all tables; `error:`
 *     update: NAME                           with full_refresh, refresh, full_refresh_selection, validate_only;
 *                                            `error:` start of the message if it fails
 *     query: TEXT, rows: [JSON]              rows in order
 *     expectations: {dataset: {name: [passed, failed]}}
 *     states: {dataset: STATE}
 *     restart: true | {file: text}           the process anew, on the same state, with other files
 *     remove: PATH                           a folder of the state
 *     declare: {name, dir, schema}           before the first run
 * Run alone: CASE=name test_cases. */
#include "unit/pipelines/harness.h"

struct run { struct world *w; const struct doc *doc; const char *name; int step; };

static const char *text_of(struct run *r, const struct doc *d)
{
    return str_cz(r->w->arena, doc_str(d, STR_NONE));
}

static void wrong(const struct run *r, const char *what, const char *got, const char *want)
{
    fail_msg("%s, step %d: %s\n  got:  %s\n  want: %s", r->name, r->step, what, got, want ? want : "no error");
}

static void expect_error(const struct run *r, const char *what, const struct err *err, const struct doc *want)
{
    char text[900] = "";
    if (err->code)
        err_text(err, text, sizeof text);
    struct str w = doc_str(want, STR_NONE), got = str_z(text);
    if (!w.len != !got.len || !str_starts(got, str_trim(w)))
        wrong(r, what, text, want ? str_cz(r->w->arena, w) : NULL);
}

/* ---- the project */

static struct options options_of(struct arena *a, const struct doc *d)
{
    struct options o = {};
    if (!d)
        return o;
    o.count = d->count;
    o.keys = ARENA_ARRAY(a, struct str, d->count + 1);
    o.values = ARENA_ARRAY(a, struct str, d->count + 1);
    for (size_t i = 0; i < d->count; i++) {
        o.keys[i] = d->keys[i].name;
        o.values[i] = d->items[i]->text;
    }
    return o;
}

static void add_all(struct run *r, const struct doc *instead)
{
    const struct doc *list = doc_get(r->doc, "pipelines"), *refused = doc_get(r->doc, "add_error");
    struct arena *a = r->w->arena;
    for (size_t i = 0; list && i < list->count; i++) {
        const struct doc *d = list->items[i], *files = doc_get(d, "files");
        struct str *paths = ARENA_ARRAY(a, struct str, files->count + 1);
        struct err err = {};
        for (size_t k = 0; k < files->count; k++) {
            char *name = str_cz(a, files->keys[k].name);
            const struct doc *other = doc_get_str(instead, files->keys[k].name);
            world_write(r->w, name, text_of(r, other ? other : files->items[k]));
            paths[k] = str_z(path_join(a, r->w->project, name));
        }
        const struct pipeline_def def = {
            .name = doc_str(doc_get(d, "name"), STR("p")), .schema = doc_str(doc_get(d, "schema"), STR_NONE),
            .catalog = doc_str(doc_get(d, "catalog"), STR_NONE), .target = doc_str(doc_get(d, "target"), STR_NONE),
            .continuous = doc_bool(doc_get(d, "continuous"), false), .configuration = options_of(a, doc_get(d, "configuration")),
            .files = paths, .file_count = files->count};
        if (pipelines_add(r->w->p, &def, &err))
            CHECK(err.code);
        expect_error(r, "adding the pipeline", &err, i + 1 == list->count ? refused : NULL);
    }
}

/* ---- steps */

static void do_write(struct run *r, const struct doc *d, const struct doc *step)
{
    (void)step;
    for (size_t i = 0; i < d->count; i++)
        world_write(r->w, str_cz(r->w->arena, d->keys[i].name), text_of(r, d->items[i]));
}

static void do_sql(struct run *r, const struct doc *d, const struct doc *step)
{
    struct buf out;
    struct err err = {};
    buf_init(&out);
    if (session_run_script(r->w->s, "sql", 1, d->text, take_rows, &out, &err))
        CHECK(err.code);
    buf_release(&out);
    expect_error(r, "sql", &err, doc_get(step, "error"));
}

struct found { struct run *r; const struct doc *want; size_t n; };

static void on_problem(void *ctx, struct str pipeline, const struct err *err)
{
    struct found *f = ctx;
    (void)pipeline;
    expect_error(f->r, "check", err, f->n < f->want->count ? f->want->items[f->n] : NULL);
    f->n++;
}

static void do_check(struct run *r, const struct doc *d, const struct doc *step)
{
    struct found f = {r, d, 0};
    (void)step;
    pipelines_check(r->w->p, on_problem, &f);
    if (f.n != d->count)
        wrong(r, "check found fewer problems", "", text_of(r, d->items[f.n]));
}

static void set_up(void *arg, const struct err *err)
{
    struct outcome *o = arg;
    *o = (struct outcome){true, RUN_SUCCEEDED, err ? *err : (struct err){}};
}

static void do_set_up(struct run *r, const struct doc *d, const struct doc *step)
{
    struct outcome o = {};
    (void)d;
    pipelines_set_up_all(r->w->p, set_up, &o);
    turn_until(r->w, &o.done);
    expect_error(r, "set-up", &o.err, doc_get(step, "error"));
}

static size_t names_of(struct run *r, const struct doc *d, const struct str **out)
{
    struct str *names = ARENA_ARRAY(r->w->arena, struct str, (d ? d->count : 0) + 1);
    for (size_t i = 0; d && i < d->count; i++)
        names[i] = d->items[i]->text;
    *out = names;
    return d ? d->count : 0;
}

static void do_update(struct run *r, const struct doc *d, const struct doc *step)
{
    struct pipelines_update_opts o = {.full_refresh = doc_bool(doc_get(step, "full_refresh"), false),
                                      .validate_only = doc_bool(doc_get(step, "validate_only"), false)};
    o.refresh_count = names_of(r, doc_get(step, "refresh"), &o.refresh_selection);
    o.full_refresh_count = names_of(r, doc_get(step, "full_refresh_selection"), &o.full_refresh_selection);
    struct outcome got = world_update(r->w, text_of(r, d), &o);
    expect_error(r, "update", &got.err, doc_get(step, "error"));
    if (!got.err.code != (got.status == RUN_SUCCEEDED))
        wrong(r, "status", run_status_name(got.status), "as the error says");
}

static void do_query(struct run *r, const struct doc *d, const struct doc *step)
{
    const struct doc *rows = doc_get(step, "rows");
    struct buf want;
    buf_init(&want);
    for (size_t i = 0; i < rows->count; i++)
        buf_printf(&want, "%.*s\n", STR_ARGS(rows->items[i]->text));
    const char *got = world_sql(r->w, text_of(r, d));
    if (strcmp(got, want.ptr))
        wrong(r, text_of(r, d), got, want.ptr);
    buf_release(&want);
}

static void show(void *ctx, const struct dataset_status *s)
{
    struct run *r = ctx;
    const struct doc *step = doc_get(r->doc, "steps")->items[r->step];
    const struct doc *state = doc_get_str(doc_get(step, "states"), s->name), *e = doc_get_str(doc_get(step, "expectations"), s->name);
    if (state && !str_eqz(state->text, flow_state_name(s->state)))
        wrong(r, str_cz(r->w->arena, s->name), flow_state_name(s->state), text_of(r, state));
    for (size_t i = 0; e && i < s->expectation_count; i++) {
        const struct doc *counts = doc_get_str(e, s->expectations[i].name);
        struct str got = str_fmt(r->w->arena, "%jd %jd", (intmax_t)s->expectations[i].passed, (intmax_t)s->expectations[i].failed);
        struct str want = counts ? str_fmt(r->w->arena, "%.*s %.*s", STR_ARGS(counts->items[0]->text), STR_ARGS(counts->items[1]->text)) : STR_NONE;
        if (counts && !str_eq(got, want))
            wrong(r, str_cz(r->w->arena, s->expectations[i].name), got.ptr, want.ptr);
    }
}

static void do_show(struct run *r, const struct doc *d, const struct doc *step)
{
    (void)d;
    (void)step;
    pipelines_each(r->w->p, show, r);
}

static void do_restart(struct run *r, const struct doc *d, const struct doc *step)
{
    (void)step;
    world_close(r->w);
    world_open(r->w);
    add_all(r, d->kind == DOC_OBJECT ? d : NULL);
}

static void do_remove(struct run *r, const struct doc *d, const struct doc *step)
{
    struct err err = {};
    (void)step;
    must(fs_remove_tree(path_join(r->w->arena, r->w->state, text_of(r, d)), &err), &err);
}

static void do_declare(struct run *r, const struct doc *d, const struct doc *step)
{
    struct err err = {};
    (void)step;
    struct str ddl = doc_str(doc_get(d, "schema"), STR_NONE);
    const struct type *t = ddl.len ? type_read_ddl(r->w->arena, ddl, &err) : NULL;
    must(pipelines_declare_table(r->w->p, doc_str(doc_get(d, "name"), STR_NONE),
                                 path_join(r->w->arena, r->w->state, text_of(r, doc_get(d, "dir"))), t, &err), &err);
}

static const struct { const char *key; void (*fn)(struct run *r, const struct doc *d, const struct doc *step); } ACTIONS[] = {
    {"write", do_write}, {"sql", do_sql}, {"check", do_check}, {"set_up", do_set_up}, {"update", do_update}, {"query", do_query},
    {"expectations", do_show}, {"states", do_show}, {"restart", do_restart}, {"remove", do_remove}, {"declare", do_declare},
};

static void do_step(struct run *r, const struct doc *step)
{
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++)
        if (doc_get(step, ACTIONS[i].key)) {
            ACTIONS[i].fn(r, doc_get(step, ACTIONS[i].key), step);
            return;
        }
    fail_msg("%s, step %d: no action", r->name, r->step);
}

static void run_case(const char *path)
{
    struct err err = {};
    struct run r = {world_new(), NULL, path, -1};
    struct buf bytes;
    buf_init(&bytes);
    must(fs_read_file(path, 1 << 20, &bytes, &err), &err);
    r.doc = doc_yaml(r.w->arena, path, str_copy(r.w->arena, buf_view(&bytes)), &err);
    buf_release(&bytes);
    must(!r.doc, &err);
    const struct doc *steps = doc_get(r.doc, "steps");
    add_all(&r, NULL);
    for (r.step = 0; steps && r.step < (int)steps->count; r.step++)
        do_step(&r, steps->items[r.step]);
    world_free(r.w);
}

static void hush(void *ctx, enum log_level level, struct str line)
{
    (void)ctx, (void)level, (void)line; /* failures are what many cases are about */
}

static void test_cases(void **state)
{
    static const char dir[] = "tests/cases/pipelines";
    struct arena *a = arena_new();
    struct err err = {};
    char **names;
    (void)state;
    int64_t n = fs_list(a, dir, &names, &err);
    must(n <= 0, &err);
    if (!getenv("KEEP"))
        log_set_sink(hush, NULL);
    for (int64_t i = 0; i < n; i++)
        if (str_ends_z(str_z(names[i]), ".yml") && (!getenv("CASE") || strstr(names[i], getenv("CASE"))))
            run_case(path_join(a, dir, names[i]));
    print_message("%jd cases\n", (intmax_t)n);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
