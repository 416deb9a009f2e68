/* Databricks activities: work that a task kind of this program runs (port/task.h). The base
 * parameters of a notebook are its parameters; what it returns is output.runOutput, as JSON if it
 * is JSON. */
#include "factory/data.h"
#include "factory/expr_int.h"

#include <string.h>

struct task_state {
    const struct task_kind *kind;
    struct task_run *run;
    struct task_request request;
};

static const struct task_kind *find_kind(const struct factory *f, const char *name)
{
    const struct task_kinds *kinds = f->opts.tasks;
    return kinds ? kinds->find(kinds->ctx, name) : NULL;
}

static void task_ended(void *arg, const struct task_result *r)
{
    struct act *a = arg;
    struct arena *m = a->group->a;
    struct doc *output = doc_new_object(m);
    const struct doc *result = doc_get(r->output, "result");
    struct err err = {};
    if (result) {
        const struct doc *parsed =
            result->kind == DOC_STRING && result->text.len &&
                    (result->text.ptr[0] == '{' || result->text.ptr[0] == '[')
                ? adf_read_json(m, result->text) : NULL;
        doc_set(m, output, STR("runOutput"),
                (struct doc *)doc_deep_copy(m, parsed ? parsed : result));
    }
    if (r->error)
        err = *r->error;
    a->state = NULL;
    act_done(a, r->status, output, &err);
}

static int start_notebook(struct act *a, struct err *err)
{
    struct arena *m = a->group->a;
    struct task_state *t = ARENA_NEW(m, struct task_state);
    const struct doc *path = act_eval(a, doc_get(a->props, "notebookPath"), err);
    const struct doc *given = doc_get(a->props, "baseParameters");
    struct doc *settings = doc_new_object(m), *params = doc_new_object(m);
    if (!path || (doc_is(given, DOC_OBJECT) && !(given = act_eval(a, given, err))))
        return -1;
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        doc_set(m, params, given->keys[i].name,
                doc_new_str(m, adf_to_string(m, given->items[i])));
    doc_set(m, settings, STR("notebook_path"), (struct doc *)path);
    settings->file = a->props->file;
    settings->line = a->props->line;
    settings->col = a->props->col;
    t->kind = find_kind(a->group->run->f, "notebook_task");
    t->request = (struct task_request){.settings = settings, .params = params, .run_id = a->id,
                                       .name = a->name,
                                       .trigger = a->group->run->start.trigger_name};
    if (!t->kind)
        return doc_err(a->props, ERR_UNSUPPORTED, err, "nothing here runs notebooks");
    t->run = t->kind->start(t->kind->ctx, &t->request, task_ended, a, err);
    a->state = t;
    return t->run ? 0 : -1;
}

static void cancel_task(struct act *a)
{
    struct task_state *t = a->state;
    if (t)
        t->kind->cancel(t->kind->ctx, t->run);
}

static void check_notebook(struct check *c, const struct doc *def, const struct doc *props)
{
    const struct task_kind *kind = find_kind(c->f, "notebook_task");
    const struct doc *path = doc_get(props, "notebookPath");
    struct err err = {};
    if (!kind) {
        check_at(c, doc_get(def, "type"), ERR_UNSUPPORTED,
                 "a notebook needs a bundle: run the factory as part of a project");
        return;
    }
    if (!doc_is(path, DOC_STRING) || adf_is_dynamic(path->text))
        return; /* known during the run only */
    struct arena *a = arena_new();
    struct doc *settings = doc_new_object(a);
    doc_set(a, settings, STR("notebook_path"), (struct doc *)path);
    if (kind->check && kind->check(kind->ctx, settings, &err)) {
        err_locate(&err, path->file, path->line, path->col);
        check_fail(c, &err);
    }
    arena_free(a);
}

const struct activity_type task_types[] = {
    {.name = "DatabricksNotebook", .start = start_notebook, .cancel = cancel_task,
     .check = check_notebook, .policy = true, .required = {"notebookPath"}},
    {},
};
