/* builtin -- task kinds that run nothing of their own: run_job_task and condition_task. */
#include "jobs/fields.h"
#include "jobs/jobs_int.h"

/* ---------------------------------------------------------------- run_job_task */

struct task_run { struct jobs *jobs; task_done_fn on_done; void *arg; struct job_run *run; };

int run_job_check(void *ctx, const struct doc *settings, struct err *err)
{
    struct jobs *j = ctx;
    struct doc *id = doc_get(settings, "job_id");
    if (fields_check(settings, &RUN_JOB_TASK_FIELDS, err) || fields_check_params(doc_get(settings, "job_parameters"), err))
        return -1;
    if (!doc_is(id, DOC_STRING) && !doc_is(id, DOC_INT))
        return doc_err(settings, ERR_INPUT, err, "run_job_task needs a job_id: ${resources.jobs.NAME.id}");
    return bundle_find(j->o.bundle, "jobs", id->text) ? 0 : doc_err(id, ERR_NOT_FOUND, err, "there is no job '%.*s' in the bundle", STR_ARGS(id->text));
}

static void run_job_done(void *arg, enum run_status status, const struct err *e)
{
    struct task_run *t = arg;
    bool failed = status != RUN_SUCCEEDED && status != RUN_CANCELED; /* also a run that timed out or got no place */
    struct task_result result = {failed ? RUN_FAILED : status, NULL, e};
    t->on_done(t->arg, &result);
    mem_free(t);
}

struct task_run *run_job_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct jobs *j = ctx;
    struct job_task *self = jobs_task_of_run(j, q->run_id);
    int depth = self ? self->run->depth + 1 : 1;
    if (depth > JOBS_MAX_DEPTH) {
        err_set(err, ERR_LIMIT, "run_job_task nests deeper than JOBS_MAX_DEPTH (%d)", JOBS_MAX_DEPTH);
        return NULL;
    }
    struct task_run *t = NEW(struct task_run);
    *t = (struct task_run){j, on_done, arg, NULL};
    struct job_start s = {doc_get(q->settings, "job_id")->text, q->trigger, doc_get(q->settings, "job_parameters"), self ? self->run : NULL, run_job_done, t};
    t->run = jobs_start(j, &s, err);
    if (!t->run) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void run_job_cancel(void *ctx, struct task_run *t)
{
    (void)ctx;
    jobs_run_cancel(t->run);
}

/* ---------------------------------------------------------------- condition_task */

enum condition_op { OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE };
static const struct { const char *name; enum condition_op op; } CONDITION_OPS[] = {
    {"EQUAL_TO", OP_EQ}, {"NOT_EQUAL", OP_NE}, {"GREATER_THAN", OP_GT}, {"GREATER_THAN_OR_EQUAL", OP_GE}, {"LESS_THAN", OP_LT}, {"LESS_THAN_OR_EQUAL", OP_LE},
};

static int condition_read(const struct doc *settings, enum condition_op *op, struct err *err)
{
    struct doc *name = doc_need(settings, "op", DOC_STRING, err);
    if (!name || !doc_text(doc_get(settings, "left")).ptr || !doc_text(doc_get(settings, "right")).ptr)
        return name ? doc_err(settings, ERR_INPUT, err, "condition_task needs op, left and right, which are texts") : -1;
    for (size_t i = 0; i < COUNT_OF(CONDITION_OPS); i++)
        if (str_eqz(name->text, CONDITION_OPS[i].name)) {
            *op = CONDITION_OPS[i].op;
            return 0;
        }
    return doc_err(name, ERR_INPUT, err, "unknown condition '%.*s'", STR_ARGS(name->text));
}

int condition_check(void *ctx, const struct doc *settings, struct err *err)
{
    enum condition_op op;
    (void)ctx;
    return fields_check(settings, &CONDITION_TASK_FIELDS, err) || condition_read(settings, &op, err) ? -1 : 0;
}

/* EQUAL_TO and NOT_EQUAL compare text, the others numbers. */
static int condition_holds(const struct doc *settings, enum condition_op op, bool *holds, struct err *err)
{
    const struct doc *left = doc_get(settings, "left"), *right = doc_get(settings, "right");
    struct str l = doc_text(left), r = doc_text(right);
    double x = 0, y = 0;
    if (op == OP_EQ || op == OP_NE) {
        *holds = str_eq(l, r) == (op == OP_EQ);
        return 0;
    }
    bool left_is = str_f64(l, &x), right_is = str_f64(r, &y);
    if (!left_is || !right_is)
        return doc_err(left_is ? right : left, ERR_INPUT, err, "%.*s compares numbers, but this is '%.*s'", STR_ARGS(doc_get(settings, "op")->text),
                       STR_ARGS(left_is ? r : l));
    *holds = op == OP_GT ? x > y : op == OP_GE ? x >= y : op == OP_LT ? x < y : x <= y;
    return 0;
}

struct condition { struct task_run base; bool holds; };

static void condition_end(void *arg)
{
    struct condition *c = arg;
    struct arena *a = arena_new();
    struct doc *out = doc_new_object(a);
    doc_set(a, out, STR("outcome"), doc_new_str(a, c->holds ? STR("true") : STR("false")));
    struct task_result result = {RUN_SUCCEEDED, out, NULL};
    c->base.on_done(c->base.arg, &result);
    arena_free(a);
    mem_free(c);
}

struct task_run *condition_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct jobs *j = ctx;
    enum condition_op op;
    bool holds = false;
    if (condition_read(q->settings, &op, err) || condition_holds(q->settings, op, &holds, err))
        return NULL;
    struct condition *c = NEW(struct condition);
    *c = (struct condition){{j, on_done, arg, NULL}, holds};
    ev_defer(j->o.loop, condition_end, c);
    return &c->base;
}

void condition_cancel(void *ctx, struct task_run *t) { (void)ctx, (void)t; }
