/* Loading, lists of what is there, the task kind, and evaluation for the command line. */
#include "factory/data.h"
#include "factory/run_int.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_pipelines(struct factory *f)
{
    struct map *m = f->model->items[MODEL_PIPELINE];
    size_t at = 0;
    struct str key;
    void *value;
    f->pipeline_names = ARENA_ARRAY(f->model->a, const char *, map_count(m) + 1);
    while (map_next(m, &at, &key, &value))
        f->pipeline_names[f->pipeline_count++] = ((struct model_item *)value)->name;
    qsort(f->pipeline_names, f->pipeline_count, sizeof *f->pipeline_names, by_text);
}

static void list_triggers(struct factory *f)
{
    struct map *m = f->model->items[MODEL_TRIGGER];
    size_t at = 0;
    struct str key;
    void *value;
    f->triggers = ARENA_ARRAY(f->model->a, struct factory_trigger, map_count(m) + 1);
    while (map_next(m, &at, &key, &value)) {
        struct model_item *item = value;
        const struct doc *list = doc_get(item->props, "pipelines");
        if (!item->props)
            continue;
        f->triggers[f->trigger_count++] = (struct factory_trigger){
            .name = item->name,
            .type = str_cz(f->model->a, data_text(item->props, "type")),
            .started = str_ieqz(data_text(item->props, "runtimeState"), "Started"),
            .pipelines = doc_is(list, DOC_ARRAY) ? list->count
                         : doc_get(item->props, "pipeline") ? 1 : 0,
            .at = item->doc};
    }
}

/* ---------------------------------------------------------------- as a task of a job */

struct factory_task { struct factory_run *run; task_done_fn on_done; void *arg; };

static int task_check(void *ctx, const struct doc *settings, struct err *err)
{
    struct factory *f = ctx;
    const struct doc *name = doc_need(settings, "pipeline", DOC_STRING, err);
    struct arena *a = arena_new();
    int rc = name ? check_first(f, str_cz(a, name->text), err) : -1;
    arena_free(a);
    return rc;
}

static void task_done(void *ctx, const struct factory_result *r)
{
    struct factory_task *t = ctx;
    struct task_result result = {.status = r->status, .output = r->output, .error = r->error};
    t->on_done(t->arg, &result);
    mem_free(t);
}

static struct task_run *task_start(void *ctx, const struct task_request *request,
                                   task_done_fn on_done, void *arg, struct err *err)
{
    struct factory_task *t = NEW(struct factory_task);
    struct arena *a = arena_new();
    *t = (struct factory_task){.on_done = on_done, .arg = arg};
    struct factory_start start = {.pipeline = str_cz(a, data_text(request->settings, "pipeline")),
                                  .params = request->params, .trigger_name = request->trigger,
                                  .on_done = task_done, .ctx = t};
    t->run = factory_run(ctx, &start, err);
    arena_free(a);
    if (t->run)
        return (struct task_run *)t;
    mem_free(t);
    return NULL;
}

static void task_cancel(void *ctx, struct task_run *run)
{
    (void)ctx;
    factory_cancel(((struct factory_task *)run)->run);
}

const struct task_kind *factory_task_kind(struct factory *f)
{
    return &f->task_kind;
}

/* ---------------------------------------------------------------- loading */

struct factory *factory_load(const char *dir, const struct factory_opts *opts, struct err *err)
{
    struct model *m = model_load(dir, err);
    if (!m)
        return NULL;
    struct factory *f = NEW(struct factory);
    f->opts = *opts;
    f->model = m;
    f->task_kind = (struct task_kind){.name = "factory_pipeline", .check = task_check,
                                      .start = task_start, .cancel = task_cancel, .ctx = f};
    list_pipelines(f);
    list_triggers(f);
    return f;
}

void factory_free(struct factory *f)
{
    if (!f)
        return;
    CHECK(!f->runs);
    factory_unschedule(f);
    model_free(f->model);
    mem_free(f);
}

const char *factory_name(const struct factory *f)
{
    return f->model->name;
}

size_t factory_pipelines(const struct factory *f, const char *const **names)
{
    *names = f->pipeline_names;
    return f->pipeline_count;
}

size_t factory_triggers(const struct factory *f, const struct factory_trigger **out)
{
    *out = f->triggers;
    return f->trigger_count;
}
