#include "pipelines/task.h"
#include "pipelines/run.h"

struct task_run { struct pipelines *p; struct pipeline *pl; task_done_fn on_done; void *arg; };

static int check(void *ctx, const struct doc *settings, struct err *err)
{
    struct pipelines *p = ctx;
    const struct doc *id = doc_need(settings, "pipeline_id", DOC_STRING, err);
    if (!id)
        return -1;
    const struct pipeline *pl = model_pipeline(&p->m, id->text);
    if (!pl)
        return doc_err(id, ERR_NOT_FOUND, err, "there is no pipeline '%.*s' in this project", STR_ARGS(id->text));
    if (pl->continuous)
        return doc_err(id, ERR_UNSUPPORTED, err, "pipeline '%.*s' is continuous: a job can only run triggered pipelines", STR_ARGS(pl->name));
    return 0;
}

static void done(void *arg, enum run_status status, const struct err *err)
{
    struct task_run *t = arg;
    const struct task_result r = {.status = status, .error = err};
    t->on_done(t->arg, &r);
    mem_free(t);
}

static struct task_run *start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct pipelines *p = ctx;
    if (check(ctx, q->settings, err))
        return NULL;
    const struct doc *full = doc_get(q->settings, "full_refresh");
    struct task_run *t = NEW(struct task_run);
    struct pipelines_update_opts o = {.full_refresh = doc_bool(full, str_ieqz(doc_str(full, STR_NONE), "true")),
                                      .trigger = q->trigger, .parent_run = q->run_id};
    *t = (struct task_run){p, model_pipeline(&p->m, doc_str(doc_get(q->settings, "pipeline_id"), STR_NONE)), on_done, arg};
    if (pipelines_update(p, t->pl->id, &o, done, t, err)) {
        mem_free(t);
        return NULL;
    }
    return t;
}

static void cancel(void *ctx, struct task_run *t)
{
    pipelines_cancel(ctx, t->pl->id);
}

struct task_kind task_kind_of(struct pipelines *p)
{
    return (struct task_kind){.name = "pipeline_task", .check = check, .start = start, .cancel = cancel, .ctx = p};
}
