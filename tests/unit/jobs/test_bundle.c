/* A bundle from its files to the resolved tree: includes, targets, merging, variables, references,
 * presets; and the messages of the mistakes that users make. */
#include "unit/base/test_util.h"
#include "base/fs.h"
#include "jobs/bundle.h"
#include "jobs/dynamic.h"

struct place { struct arena *a; char dir[64]; };

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->a = arena_new();
    snprintf(p->dir, sizeof p->dir, "/tmp/bundle.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    struct err err = {0};
    assert_int_equal(fs_remove_tree(p->dir, &err), 0);
    arena_free(p->a);
    free(p);
    return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
    char *path = path_join(p->a, p->dir, name);
    struct err err = {0};
    assert_int_equal(fs_mkdirs(str_cz(p->a, path_dir(str_z(path))), &err), 0);
    assert_int_equal(fs_write_file(path, str_z(text), &err), 0);
}

static struct bundle *load(const struct place *p, const char *target, const char *var, struct err *err)
{
    struct str vars[1] = {str_z(var ? var : "")};
    struct bundle_opts o = {.target = target, .vars = vars, .var_count = var ? 1 : 0};
    *err = (struct err){0};
    return bundle_load(p->a, path_join(p->a, p->dir, "databricks.yml"), &o, err);
}

static struct bundle *loaded(const struct place *p, const char *target, const char *var)
{
    struct err err;
    struct bundle *b = load(p, target, var, &err);
    if (!b)
        fail_msg("%s:%d: %s", err.where.file, err.where.line, err.msg);
    return b;
}

static const struct doc *field(const struct bundle *b, const char *kind, const char *key, const char *path)
{
    const struct bundle_resource *r = bundle_find(b, kind, str_z(key));
    assert_non_null(r);
    const struct doc *d = doc_path(r->doc, path);
    if (!d)
        fail_msg("%s.%s has no %s", kind, key, path);
    return d;
}

static const char MAIN[] =
    "bundle: {name: shop}\n"
    "include: [resources/*.yml]\n"
    "variables:\n"
    "  catalog: {default: main}\n"
    "  retries: {default: 2}\n"
    "  tags: {default: {team: retail}}\n"
    "  nested: {default: '${var.catalog}.silver'}\n"
    "targets:\n"
    "  dev:\n"
    "    mode: development\n"
    "    default: true\n"
    "  prod:\n"
    "    mode: production\n"
    "    variables: {catalog: live}\n"
    "    resources:\n"
    "      jobs:\n"
    "        nightly:\n"
    "          tasks:\n"
    "            - {task_key: load, max_retries: 5}\n"
    "            - {task_key: extra, notebook_task: {notebook_path: ../x.sql}}\n";
static const char JOB[] =
    "resources:\n"
    "  jobs:\n"
    "    nightly:\n"
    "      name: Nightly ${bundle.target}\n"
    "      tags: ${var.tags}\n"
    "      schedule: {quartz_cron_expression: '0 0 3 * * ?', timezone_id: UTC}\n"
    "      tasks:\n"
    "        - task_key: load\n"
    "          max_retries: ${var.retries}\n"
    "          notebook_task: {notebook_path: ../load.sql, base_parameters: {schema: '${var.nested}', shell: '${HOME}', run: '{{job.run_id}}'}}\n"
    "        - task_key: update\n"
    "          pipeline_task: {pipeline_id: '${resources.pipelines.silver.id}'}\n";
static const char PIPELINE[] = "resources: {pipelines: {silver: {name: silver, continuous: true, catalog: '${var.catalog}'}}}\n";

static void put_shop(const struct place *p)
{
    put(p, "databricks.yml", MAIN);
    put(p, "resources/a_job.yml", JOB);
    put(p, "resources/b_pipeline.yml", PIPELINE);
}

static void the_default_target_is_development(void **state)
{
    struct place *p = *state;
    put_shop(p);
    struct bundle *b = loaded(p, NULL, NULL);
    assert_str(b->target, "dev");
    assert_str(b->mode, "development");
    assert_int_equal(b->resource_count, 2);
    assert_str(bundle_find(b, "jobs", STR("nightly"))->name, "[dev paystreak] Nightly dev");
    assert_str(field(b, "jobs", "nightly", "schedule.pause_status")->text, "PAUSED");
    assert_str(field(b, "jobs", "nightly", "max_concurrent_runs")->text, "4");
    assert_true(doc_bool(field(b, "jobs", "nightly", "queue.enabled"), false));
    assert_str(field(loaded(p, "prod", NULL), "jobs", "nightly", "max_concurrent_runs")->text, "1");
    assert_true(doc_bool(field(b, "pipelines", "silver", "development"), false));
    assert_false(doc_bool(field(b, "pipelines", "silver", "continuous"), true));
}

static void references_keep_types_and_foreign_text(void **state)
{
    struct place *p = *state;
    int64_t n;
    put_shop(p);
    struct bundle *b = loaded(p, NULL, NULL);
    const struct doc *task = field(b, "jobs", "nightly", "tasks")->items[0];
    assert_true(doc_i64(doc_get(task, "max_retries"), &n) && n == 2);
    assert_str(field(b, "jobs", "nightly", "tags.team")->text, "retail");
    assert_str(doc_path(task, "notebook_task.base_parameters.schema")->text, "main.silver");
    assert_str(doc_path(task, "notebook_task.base_parameters.shell")->text, "${HOME}");
    assert_str(doc_path(task, "notebook_task.base_parameters.run")->text, "{{job.run_id}}");
    assert_str(doc_path(field(b, "jobs", "nightly", "tasks")->items[1], "pipeline_task.pipeline_id")->text, "silver");
}

static void a_target_merges_tasks_by_key(void **state)
{
    struct place *p = *state;
    int64_t n;
    put_shop(p);
    struct bundle *b = loaded(p, "prod", NULL);
    const struct doc *tasks = field(b, "jobs", "nightly", "tasks");
    assert_int_equal(tasks->count, 3);
    for (size_t i = 0; i < tasks->count; i++)
        if (str_eqz(doc_get(tasks->items[i], "task_key")->text, "load")) {
            assert_true(doc_i64(doc_get(tasks->items[i], "max_retries"), &n) && n == 5);
            assert_str(doc_path(tasks->items[i], "notebook_task.base_parameters.schema")->text, "live.silver");
        }
    assert_str(bundle_find(b, "jobs", STR("nightly"))->name, "Nightly prod");
    assert_str(field(b, "pipelines", "silver", "catalog")->text, "live");
    assert_true(doc_bool(field(b, "pipelines", "silver", "continuous"), false));
}

static void a_given_variable_wins(void **state)
{
    struct place *p = *state;
    put_shop(p);
    assert_str(field(loaded(p, "prod", "catalog=given"), "pipelines", "silver", "catalog")->text, "given");
    assert_int_equal(setenv("BUNDLE_VAR_catalog", "from_env", 1), 0);
    assert_str(field(loaded(p, "prod", NULL), "pipelines", "silver", "catalog")->text, "from_env");
    assert_str(field(loaded(p, "prod", "catalog=given"), "pipelines", "silver", "catalog")->text, "given");
    unsetenv("BUNDLE_VAR_catalog");
}

static void paths_are_relative_to_their_file(void **state)
{
    struct place *p = *state;
    put_shop(p);
    struct bundle *b = loaded(p, NULL, NULL);
    const struct doc *path = doc_path(field(b, "jobs", "nightly", "tasks")->items[0], "notebook_task.notebook_path");
    assert_string_equal(bundle_path(p->a, b, path), path_join(p->a, p->dir, "load.sql"));
    assert_int_equal(path->line, 10);
}

/* Each mistake names its place and what is wrong. */
static const struct mistake { const char *what, *main, *other, *target, *file, *says; int line; } MISTAKES[] = {
    {"variable", "bundle: {name: a}\nresources:\n  jobs:\n    j: {name: '${var.nope}', tasks: []}\n", NULL, NULL, "databricks.yml", "${var.nope}", 4},
    {"required", "bundle: {name: a}\nvariables: {v: {description: d}}\nresources: {jobs: {j: {name: '${var.v}'}}}\n", NULL, NULL, "databricks.yml",
     "BUNDLE_VAR_v", 3},
    {"resource", "bundle: {name: a}\nresources: {jobs: {j: {name: '${resources.jobs.k.id}'}}}\n", NULL, NULL, "databricks.yml", "resources.jobs.k", 2},
    {"target", "bundle: {name: a}\ntargets: {x: {}, y: {}}\n", NULL, "z", "databricks.yml", "x, y", 2},
    {"no default", "bundle: {name: a}\ntargets: {x: {}, y: {}}\n", NULL, NULL, "databricks.yml", "--target", 2},
    {"mode", "bundle: {name: a}\ntargets: {x: {mode: fast}}\n", NULL, NULL, "databricks.yml", "'fast'", 2},
    {"include", "bundle: {name: a}\ninclude:\n  - gone.yml\n", NULL, NULL, "databricks.yml", "gone.yml", 3},
    {"twice", "bundle: {name: a}\ninclude: [other.yml]\nresources: {jobs: {j: {name: x}}}\n", "resources:\n  jobs:\n    j: {name: y}\n", NULL, "other.yml",
     "defined twice", 3},
    {"cycle", "bundle: {name: a}\nvariables: {v: {default: '${var.w}'}, w: {default: '${var.v}'}}\nresources: {jobs: {j: {name: '${var.v}'}}}\n", NULL,
     NULL, "databricks.yml", "var.", 0},
    {"python", "bundle: {name: a}\npython:\n  venv_path: .venv\n  resources: ['resources:load']\n", NULL, NULL, "databricks.yml", "python.resources", 4},
    {"mutators", "bundle: {name: a}\nexperimental: {python: {mutators: ['m:change']}}\n", NULL, NULL, "databricks.yml", "experimental.python.mutators", 2},
};

static void mistakes_name_their_place(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(MISTAKES); i++) {
        const struct mistake *m = &MISTAKES[i];
        struct err err;
        put(p, "databricks.yml", m->main);
        put(p, "other.yml", m->other ? m->other : "{}\n");
        if (load(p, m->target, NULL, &err))
            fail_msg("%s: accepted", m->what);
        if (!strstr(err.msg, m->says) || (m->line && err.where.line != m->line) || !str_ends_z(str_z(err.where.file), m->file))
            fail_msg("%s: %s:%d: %s", m->what, err.where.file, err.where.line, err.msg);
    }
}

static void what_is_not_run_is_a_warning(void **state)
{
    struct place *p = *state;
    put(p, "databricks.yml", "bundle: {name: a}\nsurprise: 1\nresources:\n  apps: {web: {name: web}}\n");
    struct bundle *b = loaded(p, NULL, NULL);
    assert_int_equal(b->resource_count, 0);
    assert_int_equal(b->warning_count, 2);
}

/* ---------------------------------------------------------------- {{…}} */

static bool known(void *ctx, struct str path, struct str *value)
{
    (void)ctx;
    *value = STR("7");
    return str_eqz(path, "job.run_id") || str_eqz(path, "tasks.load.values.n");
}

static const struct { const char *text, *becomes; /* NULL: refused */ } DYNAMIC[] = {
    {"plain", "plain"},
    {"{{job.run_id}}", "7"},
    {"a {{ job.run_id }} b {{tasks.load.values.n}}", "a 7 b 7"},
    {"{{tasks.load.values.[n]}}", "7"},
    {"{{no_namespace}}", "{{no_namespace}}"},
    {"{{jinja.style}} {x}", "{{jinja.style}} {x}"},
    {"{{job.colour}}", NULL},
    {"{{tasks.load.values.gone}}", NULL},
};

static void dynamic_references(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(DYNAMIC); i++) {
        struct err err = {0};
        struct doc *o = doc_new_object(p->a);
        doc_set(p->a, o, STR("k"), doc_new_str(p->a, str_z(DYNAMIC[i].text)));
        struct doc *out = dynamic_replace(p->a, o, known, NULL, &err);
        if (DYNAMIC[i].becomes) {
            assert_non_null(out);
            assert_str(doc_get(out, "k")->text, DYNAMIC[i].becomes);
        } else if (out) {
            fail_msg("%s: accepted", DYNAMIC[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_default_target_is_development, setup, teardown),
        cmocka_unit_test_setup_teardown(references_keep_types_and_foreign_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_target_merges_tasks_by_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_given_variable_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_are_relative_to_their_file, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_name_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_run_is_a_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(dynamic_references, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
