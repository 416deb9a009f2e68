/* for_each -- for_each_task: one inner task, run once for each element of a JSON array.
 *
 *     for_each_task:
 *       inputs: '["a", {"day": 1}]'          or a reference: {{tasks.list.values.days}}
 *       concurrency: 2                       at a time, 1 unless said
 *       task: {task_key: …, notebook_task: {…{{input}}… {{input.day}}…}, max_retries: 1}
 *
 * The block's own references are replaced before we see it; {{input}} stands until the element is
 * known. Inputs are taken in order. An iteration that fails does not keep the others from running;
 * the task fails if one failed. max_retries, min_retry_interval_millis, timeout_seconds and
 * retry_on_timeout of the inner task hold for each iteration. Each attempt is a run in the history. */
#include "jobs/dynamic.h"
#include "jobs/fields.h"
#include "jobs/jobs_int.h"

struct task_run { struct jobs *jobs; task_done_fn on_done; void *arg; };

struct iteration {
    struct for_each *all;
    size_t index;
    int attempt;
    bool late;                       /* over its timeout_seconds, told to end */
    struct task_run *running;
    struct task_request request;
    char id[UUID_TEXT];
    struct tp started;
    struct ev_timer *timer;          /* timeout, or the wait before a retry */
    struct iteration *next_going;
};

struct for_each {
    struct task_run base;
    struct arena *a;
    const struct task_request *outer;
    const struct doc *task, *inputs;
    const struct task_kind *kind;
    struct iteration *going;         /* those that run or wait for a retry */
    size_t next, running, succeeded;
    int64_t concurrency;
    bool canceled, ended;
    struct err error;                /* of the first iteration that failed */
};

/* ---------------------------------------------------------------- reading */

static int read_concurrency(const struct doc *settings, int64_t *n, struct err *err)
{
    const struct doc *d = doc_get(settings, "concurrency");
    *n = 1;
    if (d && (!doc_i64(d, n) || *n < 1 || *n > JOBS_MAX_CONCURRENCY))
        return doc_err(d, ERR_INPUT, err, "concurrency is a number from 1 to JOBS_MAX_CONCURRENCY (%d)", JOBS_MAX_CONCURRENCY);
    return 0;
}

/* The elements, once references are replaced. */
static const struct doc *read_inputs(struct arena *a, const struct doc *settings, struct err *err)
{
    const struct doc *inputs = doc_get(settings, "inputs");
    struct err broken = {0};
    if (!inputs) {
        doc_err(settings, ERR_INPUT, err, "for_each_task needs inputs: a JSON array, or a reference to one");
        return NULL;
    }
    const struct doc *list = inputs->kind == DOC_STRING ? doc_json(a, "inputs", inputs->text, &broken) : inputs;
    if (!doc_is(list, DOC_ARRAY)) {
        doc_err(inputs, ERR_INPUT, err, "inputs of a for_each_task is a JSON array, but this is '%.*s'", STR_ARGS(inputs->text));
        return NULL;
    }
    if (list->count > JOBS_MAX_INPUTS) {
        doc_err(inputs, ERR_LIMIT, err, "more than JOBS_MAX_INPUTS (%d) inputs", JOBS_MAX_INPUTS);
        return NULL;
    }
    return list;
}

int for_each_check(void *ctx, const struct doc *settings, struct err *err)
{
    struct jobs *j = ctx;
    int64_t n;
    struct doc *task = doc_need(settings, "task", DOC_OBJECT, err);
    const struct task_kind *kind = task ? jobs_kind_of(j, task, err) : NULL;
    const struct doc *inputs = doc_get(settings, "inputs"), *after = task ? doc_get(task, "depends_on") : NULL;
    if (!kind || read_concurrency(settings, &n, err) || fields_check(settings, &FOR_EACH_TASK_FIELDS, err) || fields_check(task, &TASK_FIELDS, err))
        return -1;
    if (strcmp(kind->name, "for_each_task") == 0)
        return doc_err(task, ERR_UNSUPPORTED, err, "a for_each_task runs no for_each_task");
    if (after)
        return doc_err(after, ERR_INPUT, err, "the task of a for_each_task has no depends_on: put it on the for_each_task");
    if (!doc_is(inputs, DOC_STRING) || str_find(inputs->text, STR("{{")) < 0) {
        struct arena *a = arena_new();
        bool good = read_inputs(a, settings, err) != NULL;
        arena_free(a);
        if (!good)
            return -1;
    }
    return kind->check ? kind->check(kind->ctx, doc_get(task, kind->name), err) : 0;
}

/* ---------------------------------------------------------------- one iteration */

static void pump(struct for_each *f);

static void record(const struct iteration *it, enum run_status status, bool finished, const struct doc *output, const struct err *e)
{
    const struct for_each *f = it->all;
    const struct run_log *log = f->base.jobs->o.log;
    if (!log)
        return;
    struct run_record rec = {.id = it->id, .parent_id = f->outer->run_id, .kind = "task", .name = it->request.name, .type = f->kind->name,
                             .trigger = f->outer->trigger, .status = status, .attempt = it->attempt, .started = it->started,
                             .finished = finished ? time_now() : (struct tp){0}, .input = f->inputs->items[it->index], .output = output, .error = e};
    if (finished)
        log->finish(log->ctx, &rec, NULL, NULL);
    else
        log->start(log->ctx, &rec);
}

static void iteration_end(struct iteration *it, enum run_status status, const struct err *e)
{
    struct for_each *f = it->all;
    struct iteration **at = &f->going;
    while (*at != it)
        at = &(*at)->next_going;
    *at = it->next_going;
    f->running--;
    f->succeeded += status == RUN_SUCCEEDED;
    if (status != RUN_SUCCEEDED && e && f->error.code == ERR_OK) {
        f->error = *e;
        (void)err_wrap(&f->error, "input %zu", it->index);
    }
    ev_timer_free(it->timer);
    pump(f);
}

static void attempt(void *arg);

static void on_item_done(void *arg, const struct task_result *result)
{
    struct iteration *it = arg;
    struct for_each *f = it->all;
    int64_t retries = 0, wait_ms = 0;
    (void)doc_i64(doc_get(f->task, "max_retries"), &retries);
    (void)doc_i64(doc_get(f->task, "min_retry_interval_millis"), &wait_ms);
    struct err late = {0};
    struct task_result r = *result;
    if (it->late && r.status == RUN_CANCELED) {
        doc_err(doc_get(f->task, "timeout_seconds"), ERR_CANCELED, &late, "the task ran longer than its timeout_seconds");
        r = (struct task_result){RUN_TIMED_OUT, r.output, &late};
    }
    it->running = NULL;
    record(it, r.status, true, r.output, r.error);
    bool again = r.status == RUN_FAILED || (r.status == RUN_TIMED_OUT && doc_bool(doc_get(f->task, "retry_on_timeout"), false));
    ev_timer_free(it->timer);
    it->timer = NULL;
    if (!again || f->canceled || (retries >= 0 && it->attempt > retries)) {
        iteration_end(it, r.status, r.error);
        return;
    }
    it->timer = ev_timer_new(f->base.jobs->o.loop, attempt, it);
    ev_timer_start(it->timer, wait_ms, 0);
    jobs_tell_retry(it->request.name, it->attempt, wait_ms, r.error);
}

static void timed_out(void *arg)
{
    struct iteration *it = arg;
    if (!it->running)
        return;
    it->late = true;
    it->all->kind->cancel(it->all->kind->ctx, it->running);
}

/* {{input}} is the element, {{input.a.b}} a field of it; a text is itself, anything else its JSON. */
static bool input_value(void *ctx, struct str path, struct str *value)
{
    struct iteration *it = ctx;
    const struct doc *d = it->all->inputs->items[it->index];
    if (!str_eqz(path, "input"))
        d = doc_path(d, str_cz(it->all->a, str_from(path, 6)));
    if (!d)
        return false;
    struct buf text;
    buf_init(&text);
    if (d->kind == DOC_STRING)
        buf_str(&text, d->text);
    else
        doc_write(&text, d);
    *value = str_copy(it->all->a, buf_view(&text));
    buf_release(&text);
    return true;
}

static void attempt(void *arg)
{
    struct iteration *it = arg;
    struct for_each *f = it->all;
    struct err err = {0};
    int64_t limit_s = 0;
    it->attempt++;
    it->late = false;
    it->started = time_now();
    uuid_make(it->id);
    ev_timer_free(it->timer);
    it->timer = NULL;
    it->request = (struct task_request){.run_id = f->outer->run_id, .trigger = f->outer->trigger,
                                        .name = arena_printf(f->a, "%s[%zu]", f->outer->name, it->index)};
    record(it, RUN_RUNNING, false, NULL, NULL);
    struct doc *settings = dynamic_input(f->a, doc_get(f->task, f->kind->name), input_value, it, &err);
    if (settings) {
        it->request.settings = settings;
        it->request.params = jobs_task_params(f->a, f->outer->params, settings);
        it->running = f->kind->start(f->kind->ctx, &it->request, on_item_done, it, &err);
    }
    if (!it->running) {
        err_locate(&err, f->task->file, f->task->line, f->task->col);
        record(it, RUN_FAILED, true, NULL, &err);
        iteration_end(it, RUN_FAILED, &err);
        return;
    }
    (void)doc_i64(doc_get(f->task, "timeout_seconds"), &limit_s);
    if (limit_s > 0) {
        it->timer = ev_timer_new(f->base.jobs->o.loop, timed_out, it);
        ev_timer_start(it->timer, limit_s * 1000, 0);
    }
}

/* ---------------------------------------------------------------- all of them */

static void end_all(void *arg)
{
    struct for_each *f = arg;
    struct doc *out = doc_new_object(f->a);
    size_t failed = f->next - f->succeeded;
    doc_set(f->a, out, STR("iterations"), doc_new_i64(f->a, (int64_t)f->inputs->count));
    doc_set(f->a, out, STR("succeeded"), doc_new_i64(f->a, (int64_t)f->succeeded));
    if (failed && !f->canceled)
        (void)err_wrap(&f->error, "%zu of %zu iterations failed", failed, f->inputs->count);
    else if (f->canceled)
        err_set(&f->error, ERR_CANCELED, "canceled");
    struct task_result result = {f->canceled ? RUN_CANCELED : failed ? RUN_FAILED : RUN_SUCCEEDED, out, f->error.code != ERR_OK ? &f->error : NULL};
    f->base.on_done(f->base.arg, &result);
    arena_free(f->a);
}

/* Starts what may start: each from the loop, so that one that cannot start does not nest. */
static void pump(struct for_each *f)
{
    while (!f->canceled && f->running < (size_t)f->concurrency && f->next < f->inputs->count) {
        struct iteration *it = ARENA_NEW(f->a, struct iteration);
        *it = (struct iteration){.all = f, .index = f->next++, .next_going = f->going};
        f->going = it;
        f->running++;
        it->timer = ev_timer_new(f->base.jobs->o.loop, attempt, it);
        ev_timer_start(it->timer, 0, 0);
    }
    if (!f->running && !f->ended) {
        f->ended = true;
        ev_defer(f->base.jobs->o.loop, end_all, f);
    }
}

struct task_run *for_each_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct jobs *j = ctx;
    struct arena *a = arena_new();
    struct for_each *f = ARENA_NEW(a, struct for_each);
    *f = (struct for_each){.base = {j, on_done, arg}, .a = a, .outer = q, .task = doc_need(q->settings, "task", DOC_OBJECT, err)};
    f->kind = f->task ? jobs_kind_of(j, f->task, err) : NULL;
    f->inputs = f->kind && read_concurrency(q->settings, &f->concurrency, err) == 0 ? read_inputs(a, q->settings, err) : NULL;
    if (!f->inputs) {
        arena_free(a);
        return NULL;
    }
    pump(f);
    return &f->base;
}

void for_each_cancel(void *ctx, struct task_run *t)
{
    struct for_each *f = (struct for_each *)t;
    struct iteration *next;
    (void)ctx;
    f->canceled = true;
    for (struct iteration *it = f->going; it; it = next) {
        next = it->next_going;
        if (it->running)
            f->kind->cancel(f->kind->ctx, it->running);
        else
            iteration_end(it, RUN_CANCELED, NULL);
    }
}
