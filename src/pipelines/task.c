#include "pipelines/task.h"
#include "pipelines/run.h"

struct task_run { struct pipelines *p; struct pipeline *pl; task_done_fn on_done; void *arg; };

/* The names of a selection, in the arena; not there: none. -1: it is no list of texts. */
static int64_t selection(struct arena *a, const struct doc *settings, const char *key, const struct str **out, struct err *err)
{
    const struct doc *list = doc_get(settings, key);
    size_t n = list && list->kind != DOC_NULL ? list->count : 0;
    struct str *names = ARENA_ARRAY(a, struct str, n + 1);
    if (list && list->kind != DOC_NULL && list->kind != DOC_ARRAY)
        return doc_err(list, ERR_INPUT, err, "%s is a list of datasets", key);
    for (size_t i = 0; i < n; i++) {
        if (list->items[i]->kind != DOC_STRING)
            return doc_err(list->items[i], ERR_INPUT, err, "%s is a list of datasets", key);
        names[i] = list->items[i]->text;
    }
    *out = names;
    return (int64_t)n;
}

static int check_keys(const struct doc *settings, struct err *err)
{
    static const char *const known[] = {"pipeline_id", "full_refresh", "refresh_selection", "full_refresh_selection"};
    for (size_t i = 0; i < settings->count; i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT_OF(known); k++)
            found |= str_eqz(settings->keys[i].name, known[k]);
        if (!found) {
            err_set(err, ERR_UNSUPPORTED, "'%.*s' of pipeline_task is not supported; there are pipeline_id, full_refresh, refresh_selection and "
                    "full_refresh_selection", STR_ARGS(settings->keys[i].name));
            return err_locate(err, settings->file, settings->keys[i].line, settings->keys[i].col);
        }
    }
    return 0;
}

/* What the block says about the update; selections live in the arena. */
static int read_update(struct arena *a, const struct doc *settings, struct pipelines_update_opts *o, struct err *err)
{
    const struct doc *full = doc_get(settings, "full_refresh");
    o->full_refresh = doc_bool(full, str_ieqz(doc_str(full, STR_NONE), "true"));
    int64_t some = selection(a, settings, "refresh_selection", &o->refresh_selection, err);
    int64_t anew = some < 0 ? -1 : selection(a, settings, "full_refresh_selection", &o->full_refresh_selection, err);
    if (anew < 0)
        return -1;
    o->refresh_count = (size_t)some;
    o->full_refresh_count = (size_t)anew;
    if (anew && !some) { /* those and no others */
        o->refresh_selection = o->full_refresh_selection;
        o->refresh_count = o->full_refresh_count;
    }
    return 0;
}

static int check(void *ctx, const struct doc *settings, struct err *err)
{
    struct pipelines *p = ctx;
    struct arena *a = arena_new();
    struct pipelines_update_opts o = {0};
    int rc = check_keys(settings, err) || read_update(a, settings, &o, err) ? -1 : 0;
    arena_free(a);
    if (rc)
        return -1;
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
    struct arena *a = arena_new();
    struct pipelines_update_opts o = {.trigger = q->trigger, .parent_run = q->run_id};
    if (read_update(a, q->settings, &o, err)) {
        arena_free(a);
        return NULL;
    }
    struct task_run *t = NEW(struct task_run);
    *t = (struct task_run){p, model_pipeline(&p->m, doc_str(doc_get(q->settings, "pipeline_id"), STR_NONE)), on_done, arg};
    int rc = pipelines_update(p, t->pl->id, &o, done, t, err);
    arena_free(a);
    if (rc == 0)
        return t;
    mem_free(t);
    return NULL;
}

static void cancel(void *ctx, struct task_run *t)
{
    pipelines_cancel(ctx, t->pl->id);
}

struct task_kind task_kind_of(struct pipelines *p)
{
    return (struct task_kind){.name = "pipeline_task", .check = check, .start = start, .cancel = cancel, .ctx = p};
}
