/* graph -- a job's tasks as its block says them: kinds, upstream tasks, run_if; and what is wrong with them.
 *
 * Pure over the bundle's tree, but for the checks of task kinds, which read notebooks. */
#include "jobs/fields.h"
#include "jobs/jobs_int.h"

const struct task_kind *jobs_kind_find(struct jobs *j, const char *name)
{
    const struct task_kind *own = jobs_task_kind(j, name);
    return own || !j->o.kinds ? own : j->o.kinds->find(j->o.kinds->ctx, name);
}

const struct task_kind *jobs_task_kind(struct jobs *j, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(j->kinds); i++)
        if (j->kinds[i].name && strcmp(j->kinds[i].name, name) == 0)
            return &j->kinds[i];
    return NULL;
}

/* ---------------------------------------------------------------- run_if */

static bool all_success(const struct upstream *u) { return u->succeeded == u->all; }
static bool all_done(const struct upstream *u) { (void)u; return true; }
static bool none_failed(const struct upstream *u) { return u->failed == 0 && (u->succeeded > 0 || u->all == 0); }
static bool one_success(const struct upstream *u) { return u->succeeded > 0; }
static bool all_failed(const struct upstream *u) { return u->failed == u->all && u->all > 0; }
static bool one_failed(const struct upstream *u) { return u->failed > 0; }
static const struct run_if RUN_IFS[] = {
    {"ALL_SUCCESS", all_success}, {"ALL_DONE", all_done}, {"NONE_FAILED", none_failed}, {"AT_LEAST_ONE_SUCCESS", one_success},
    {"ALL_FAILED", all_failed}, {"AT_LEAST_ONE_FAILED", one_failed},
};

const struct run_if *jobs_run_if(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(RUN_IFS); i++)
        if (str_eqz(name, RUN_IFS[i].name))
            return &RUN_IFS[i];
    return NULL;
}

/* ---------------------------------------------------------------- the graph */

/* A task without a kind: a key that is none may have been meant as one. */
static int no_kind(const struct doc *task, struct err *err)
{
    for (size_t i = 0; i < task->count; i++) {
        struct str key = task->keys[i].name;
        const char *meant = fields_meant(&TASK_FIELDS, key);
        if (fields_known(&TASK_FIELDS, key))
            continue;
        err_set(err, ERR_INPUT, "a task has no key '%.*s'%s%s%s", STR_ARGS(key), meant ? "; did you mean '" : "", meant ? meant : "",
                meant ? "'?" : ", and this one says nothing to run");
        return err_locate(err, task->file, task->keys[i].line, task->keys[i].col);
    }
    return doc_err(task, ERR_INPUT, err, "the task says nothing to run: it needs notebook_task, spark_python_task, pipeline_task, sql_task, run_job_task, condition_task or for_each_task");
}

const struct task_kind *jobs_kind_of(struct jobs *j, const struct doc *task, struct err *err)
{
    const struct doc *found = NULL;
    const char *kind = NULL;
    for (size_t i = 0; i < TASK_KIND_COUNT; i++) {
        const struct doc *d = doc_get(task, TASK_KINDS[i]);
        if (!d)
            continue;
        if (found) {
            doc_err(d, ERR_INPUT, err, "a task has one kind: here are %s and %s", kind, TASK_KINDS[i]);
            return NULL;
        }
        found = d;
        kind = TASK_KINDS[i];
    }
    if (!found) {
        (void)no_kind(task, err);
        return NULL;
    }
    const struct task_kind *k = jobs_kind_find(j, kind);
    if (!k)
        doc_err(found, ERR_UNSUPPORTED, err, "%s is not supported", kind);
    return k;
}

int jobs_task_index(const struct job_task *tasks, size_t count, struct str key, size_t *at)
{
    for (*at = 0; *at < count; (*at)++)
        if (str_eq(tasks[*at].key, key))
            return 0;
    return -1;
}

static int read_upstream(struct arena *a, struct job_task *t, struct job_task *all, size_t count, struct err *err)
{
    const struct doc *deps = doc_get(t->doc, "depends_on");
    size_t n = doc_is(deps, DOC_ARRAY) ? deps->count : 0;
    const struct doc *when = doc_get(t->doc, "run_if");
    if (when && !jobs_run_if(doc_str(when, STR_NONE)))
        return doc_err(when, ERR_INPUT, err, "unknown run_if '%.*s'", STR_ARGS(when->text));
    t->upstream = ARENA_ARRAY(a, size_t, n + 1);
    t->upstream_doc = ARENA_ARRAY(a, const struct doc *, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct doc *key = doc_need(deps->items[i], "task_key", DOC_STRING, err);
        if (!key)
            return -1;
        if (jobs_task_index(all, count, key->text, &t->upstream[i]))
            return doc_err(key, ERR_INPUT, err, "depends_on names a task that is not there: '%.*s'", STR_ARGS(key->text));
        t->upstream_doc[i] = deps->items[i];
    }
    t->upstream_count = n;
    return 0;
}

/* Takes tasks without upstream away until none is left; what cannot be taken is a cycle. */
static int check_cycle(struct arena *a, const struct job_task *tasks, size_t count, struct err *err)
{
    bool *gone = ARENA_ARRAY(a, bool, count + 1);
    for (size_t left = count, before = 0; left && left != before;) {
        before = left;
        for (size_t i = 0; i < count; i++) {
            bool free_now = !gone[i];
            for (size_t k = 0; k < tasks[i].upstream_count; k++)
                free_now &= gone[tasks[i].upstream[k]];
            if (free_now) {
                gone[i] = true;
                left--;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        if (!gone[i])
            return doc_err(tasks[i].doc, ERR_INPUT, err, "task '%.*s' depends on itself through its depends_on", STR_ARGS(tasks[i].key));
    return 0;
}

int jobs_read_tasks(struct jobs *j, struct arena *a, const struct bundle_resource *job, struct job_task **out, size_t *count, struct err *err)
{
    const struct doc *list = doc_get(job->doc, "tasks");
    if (!doc_is(list, DOC_ARRAY) || !list->count)
        return doc_err(job->doc, ERR_INPUT, err, "job '%.*s' has no tasks", STR_ARGS(job->key));
    if (list->count > JOBS_MAX_TASKS)
        return doc_err(list, ERR_LIMIT, err, "more than JOBS_MAX_TASKS (%d) tasks", JOBS_MAX_TASKS);
    struct job_task *tasks = ARENA_ARRAY(a, struct job_task, list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct doc *key = doc_need(list->items[i], "task_key", DOC_STRING, err);
        size_t there;
        if (!key)
            return -1;
        if (jobs_task_index(tasks, i, key->text, &there) == 0)
            return doc_err(key, ERR_INPUT, err, "two tasks have the key '%.*s'", STR_ARGS(key->text));
        tasks[i].key = key->text;
        tasks[i].doc = list->items[i];
        tasks[i].kind = jobs_kind_of(j, list->items[i], err);
        if (!tasks[i].kind)
            return -1;
        tasks[i].kind_name = str_z(tasks[i].kind->name);
    }
    for (size_t i = 0; i < list->count; i++)
        if (read_upstream(a, &tasks[i], tasks, list->count, err))
            return -1;
    *out = tasks;
    *count = list->count;
    return check_cycle(a, tasks, list->count, err);
}

/* The job that a run_job_task names; NULL if the task is of another kind. */
static const struct bundle_resource *called_job(const struct jobs *j, const struct doc *task)
{
    const struct doc *each = doc_path(task, "for_each_task.task");
    const struct doc *id = doc_path(each ? each : task, "run_job_task.job_id");
    return id ? bundle_find(j->o.bundle, "jobs", id->text) : NULL;
}

/* Takes jobs away that call only jobs already taken; what stays calls itself, through others or not. */
static int check_calls(struct arena *a, const struct jobs *j, struct err *err)
{
    const struct bundle *b = j->o.bundle;
    bool *gone = ARENA_ARRAY(a, bool, b->resource_count + 1);
    const struct doc **waits = ARENA_ARRAY(a, const struct doc *, b->resource_count + 1); /* the call that keeps it */
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < b->resource_count; i++) {
            const struct doc *tasks = doc_get(b->resources[i].doc, "tasks");
            if (gone[i])
                continue;
            waits[i] = NULL;
            for (size_t t = 0; doc_is(tasks, DOC_ARRAY) && t < tasks->count; t++) {
                const struct bundle_resource *to = called_job(j, tasks->items[t]);
                if (to && !gone[to - b->resources])
                    waits[i] = tasks->items[t];
            }
            gone[i] = !waits[i];
            moved |= gone[i];
        }
    }
    for (size_t i = 0; i < b->resource_count; i++)
        if (!gone[i])
            return doc_err(waits[i], ERR_INPUT, err, "job '%.*s' runs itself through its run_job_task", STR_ARGS(b->resources[i].key));
    return 0;
}

/* What would start a job here, and cannot, or says so wrongly. */
static int check_trigger(const struct bundle_resource *job, struct err *err)
{
    struct job_schedule read;
    bool on;
    static const char *const refused[] = {"continuous", "trigger.file_arrival", "trigger.table_update", "trigger.table", "trigger.model"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        const struct doc *d = doc_path(job->doc, refused[i]), *owner = i ? doc_get(job->doc, "trigger") : d;
        if (d && !str_eqz(doc_str(doc_get(owner, "pause_status"), STR("UNPAUSED")), "PAUSED"))
            return doc_err(d, ERR_UNSUPPORTED, err, "%s does not start jobs here: use schedule or trigger.periodic, or set pause_status: PAUSED", refused[i]);
    }
    return jobs_schedule_read(job, &read, &on, err);
}

/* Parameters of a job are texts by name. */
static int check_params(const struct bundle_resource *job, struct err *err)
{
    const struct doc *list = doc_get(job->doc, "parameters");
    for (size_t i = 0; list && i < list->count; i++) {
        const struct doc *def = doc_get(list->items[i], "default");
        if (!doc_need(list->items[i], "name", DOC_STRING, err))
            return -1;
        if (doc_is(def, DOC_ARRAY) || doc_is(def, DOC_OBJECT))
            return doc_err(def, ERR_INPUT, err, "the default of a job's parameter is a text");
    }
    return 0;
}

static int check_job(struct jobs *j, struct arena *a, const struct bundle_resource *job, struct job_task **tasks, size_t *count, struct err *err)
{
    const struct doc *enabled = doc_path(job->doc, "queue.enabled");
    if (fields_check(job->doc, &JOB_FIELDS, err) || check_params(job, err))
        return -1;
    if (enabled && enabled->kind != DOC_BOOL)
        return doc_err(enabled, ERR_INPUT, err, "queue.enabled is true or false");
    return check_trigger(job, err) || jobs_read_tasks(j, a, job, tasks, count, err) ? -1 : 0;
}

size_t jobs_check(struct jobs *j, void (*found)(void *ctx, const struct err *finding), void *ctx)
{
    struct arena *a = arena_new();
    struct err calls = {0};
    size_t findings = check_calls(a, j, &calls) ? 1 : 0;
    if (findings && found)
        found(ctx, &calls);
    for (size_t r = 0; r < j->o.bundle->resource_count; r++) {
        const struct bundle_resource *job = &j->o.bundle->resources[r];
        struct job_task *tasks;
        size_t count;
        struct err err = {0};
        if (!str_eqz(job->kind, "jobs"))
            continue;
        if (check_job(j, a, job, &tasks, &count, &err)) {
            findings++;
            if (found)
                found(ctx, &err);
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const struct task_kind *k = tasks[i].kind;
            err = (struct err){0};
            if (fields_check(tasks[i].doc, &TASK_FIELDS, &err) || (k->check && k->check(k->ctx, doc_get(tasks[i].doc, k->name), &err))) {
                findings++;
                if (found)
                    found(ctx, &err);
            }
        }
    }
    arena_free(a);
    return findings;
}
