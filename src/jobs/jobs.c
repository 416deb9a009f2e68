#include "jobs/jobs_int.h"
#include "jobs/dynamic.h"
#include "base/zone.h"

static const char *const TASK_KINDS[] = {
    "notebook_task", "sql_task", "pipeline_task", "run_job_task", "condition_task", "spark_python_task", "python_wheel_task",
    "dbt_task", "dashboard_task", "for_each_task", "spark_jar_task", "spark_submit_task", "power_bi_task", "clean_rooms_notebook_task",
    "gen_ai_compute_task", "alert_task",
};

const struct task_kind *jobs_kind_find(struct jobs *j, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(j->kinds); i++)
        if (j->kinds[i].name && strcmp(j->kinds[i].name, name) == 0)
            return &j->kinds[i];
    return j->o.kinds ? j->o.kinds->find(j->o.kinds->ctx, name) : NULL;
}

const struct task_kind *jobs_task_kind(struct jobs *j, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(j->kinds); i++)
        if (j->kinds[i].name && strcmp(j->kinds[i].name, name) == 0)
            return &j->kinds[i];
    return NULL;
}

/* ---------------------------------------------------------------- the graph */

/* Which kind a task's block names; NULL and an error if none, several, or one that nobody runs. */
static const struct task_kind *kind_of(struct jobs *j, const struct doc *task, struct str *name, struct err *err)
{
    const struct doc *found = NULL;
    const char *kind = NULL;
    for (size_t i = 0; i < COUNT_OF(TASK_KINDS); i++) {
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
        doc_err(task, ERR_INPUT, err, "the task says nothing to run: it needs notebook_task, pipeline_task, sql_task, run_job_task or condition_task");
        return NULL;
    }
    const struct task_kind *k = jobs_kind_find(j, kind);
    *name = str_z(kind);
    if (!k)
        doc_err(found, ERR_UNSUPPORTED, err, "%s is not supported", kind);
    return k;
}

static int task_index(const struct job_task *tasks, size_t count, struct str key, size_t *at)
{
    for (*at = 0; *at < count; (*at)++)
        if (str_eq(tasks[*at].key, key))
            return 0;
    return -1;
}

/* What run_if may say; see RUN_IFS. */
static bool run_if_known(struct str name);

static int read_upstream(struct arena *a, struct job_task *t, struct job_task *all, size_t count, struct err *err)
{
    const struct doc *deps = doc_get(t->doc, "depends_on");
    size_t n = doc_is(deps, DOC_ARRAY) ? deps->count : 0;
    const struct doc *when = doc_get(t->doc, "run_if");
    if (when && !run_if_known(doc_str(when, STR_NONE)))
        return doc_err(when, ERR_INPUT, err, "unknown run_if '%.*s'", STR_ARGS(when->text));
    t->upstream = ARENA_ARRAY(a, size_t, n + 1);
    t->upstream_doc = ARENA_ARRAY(a, const struct doc *, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct doc *key = doc_need(deps->items[i], "task_key", DOC_STRING, err);
        if (!key)
            return -1;
        if (task_index(all, count, key->text, &t->upstream[i]))
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

static int read_tasks(struct jobs *j, struct arena *a, const struct bundle_resource *job, struct job_task **out, size_t *count, struct err *err)
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
        if (task_index(tasks, i, key->text, &there) == 0)
            return doc_err(key, ERR_INPUT, err, "two tasks have the key '%.*s'", STR_ARGS(key->text));
        tasks[i].key = key->text;
        tasks[i].doc = list->items[i];
        tasks[i].kind = kind_of(j, list->items[i], &tasks[i].kind_name, err);
        if (!tasks[i].kind)
            return -1;
    }
    for (size_t i = 0; i < list->count; i++)
        if (read_upstream(a, &tasks[i], tasks, list->count, err))
            return -1;
    *out = tasks;
    *count = list->count;
    return check_cycle(a, tasks, list->count, err);
}

size_t jobs_check(struct jobs *j, void (*found)(void *ctx, const struct err *finding), void *ctx)
{
    struct arena *a = arena_new();
    size_t findings = 0;
    for (size_t r = 0; r < j->o.bundle->resource_count; r++) {
        const struct bundle_resource *job = &j->o.bundle->resources[r];
        struct job_task *tasks;
        size_t count;
        struct err err = {0};
        if (!str_eqz(job->kind, "jobs"))
            continue;
        if (read_tasks(j, a, job, &tasks, &count, &err)) {
            findings++;
            if (found)
                found(ctx, &err);
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const struct task_kind *k = tasks[i].kind;
            err = (struct err){0};
            if (k->check && k->check(k->ctx, doc_get(tasks[i].doc, k->name), &err)) {
                findings++;
                if (found)
                    found(ctx, &err);
            }
        }
    }
    arena_free(a);
    return findings;
}

/* ---------------------------------------------------------------- a run */

static void advance(struct job_run *r);

static void record(const struct job_run *r, const struct job_task *t, enum run_status status, bool finished, const struct doc *output)
{
    const struct run_log *log = r->jobs->o.log;
    if (!log)
        return;
    char *name = str_cz(r->a, t ? t->key : r->job->key);
    const struct err *e = t ? &t->error : &r->error;
    struct run_record rec = {.id = t ? t->id : r->id, .parent_id = t ? r->id : NULL, .kind = t ? "task" : "job", .name = name,
                             .type = t ? str_cz(r->a, t->kind_name) : "", .trigger = r->trigger, .status = status,
                             .attempt = t ? t->attempt : 1, .started = t ? t->started : r->started,
                             .finished = finished ? time_now() : (struct tp){0}, .input = t ? NULL : r->params, .output = output,
                             .error = finished && e->code != ERR_OK ? e : NULL};
    if (finished)
        log->finish(log->ctx, &rec, NULL, NULL);
    else
        log->start(log->ctx, &rec);
}

static void changed(const struct job_run *r, const struct job_task *t, enum run_status status, const struct err *e)
{
    const struct jobs_opts *o = &r->jobs->o;
    int64_t from = t ? t->started_us : r->started_us;
    if (o->on_change)
        o->on_change(o->ctx, r->job->key, t ? t->key : STR_NONE, status, from ? (time_mono_us() - from) / 1000 : 0, e);
}

static void run_free(struct job_run *r)
{
    for (struct job_run **at = &r->jobs->runs; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    for (size_t i = 0; i < r->task_count; i++) {
        struct job_task *t = &r->tasks[i];
        size_t at = 0;
        struct str key;
        void *value;
        while (t->values && map_next(t->values, &at, &key, &value))
            mem_free(value);
        map_free(t->values);
        ev_timer_free(t->timer);
    }
    arena_free(r->a);
}

/* All tasks ended: the job's own state, from the leaves of its graph. */
static void run_end(void *arg)
{
    struct job_run *r = arg;
    struct jobs *j = r->jobs;
    enum run_status status = r->canceled ? RUN_CANCELED : RUN_SUCCEEDED;
    for (size_t i = 0; i < r->task_count; i++) {
        bool leaf = true;
        for (size_t k = 0; k < r->task_count; k++)
            for (size_t u = 0; u < r->tasks[k].upstream_count; u++)
                leaf &= r->tasks[k].upstream[u] != i;
        if (leaf && !r->canceled && ((r->tasks[i].status != RUN_SUCCEEDED && r->tasks[i].status != RUN_SKIPPED) || r->tasks[i].upstream_failed))
            status = RUN_FAILED;
    }
    if (status == RUN_SUCCEEDED)
        r->error.code = ERR_OK;
    record(r, NULL, status, true, NULL);
    changed(r, NULL, status, r->error.code != ERR_OK ? &r->error : NULL);
    struct err error = r->error;
    void (*done)(void *, enum run_status, const struct err *) = r->done;
    void *done_arg = r->arg;
    run_free(r);
    if (done)
        done(done_arg, status, error.code != ERR_OK ? &error : NULL);
    if (j->stopping && !j->runs && j->stopped) {
        void (*stopped)(void *) = j->stopped;
        j->stopped = NULL;
        stopped(j->stopped_arg);
    }
}

static void task_end(struct job_task *t, enum run_status status, const struct err *e, const struct doc *output)
{
    struct job_run *r = t->run;
    CHECK(t->state != TASK_ENDED);
    t->state = TASK_ENDED;
    t->status = status;
    t->running = NULL;
    ev_timer_stop(t->timer);
    if (e)
        t->error = *e;
    if (e && r->error.code == ERR_OK && status != RUN_SKIPPED) {
        r->error = *e;
        char name[128];
        snprintf(name, sizeof name, "%.*s", STR_ARGS(t->key));
        (void)err_wrap(&r->error, "task '%s'", name);
    }
    record(r, t, status, true, output);
    changed(r, t, status, e);
    advance(r);
}

static void task_start(struct job_task *t);

static void retry_now(void *arg) { task_start(arg); }

static void on_task_done(void *arg, const struct task_result *result)
{
    struct job_task *t = arg;
    int64_t retries = 0, wait_ms = 0;
    bool on_timeout = doc_bool(doc_get(t->doc, "retry_on_timeout"), false);
    (void)doc_i64(doc_get(t->doc, "max_retries"), &retries);
    (void)doc_i64(doc_get(t->doc, "min_retry_interval_millis"), &wait_ms);
    struct task_result late = {RUN_TIMED_OUT, result->output, result->error};
    struct err over = {0};
    if (t->late && result->status == RUN_CANCELED) {
        doc_err(doc_get(t->doc, "timeout_seconds"), ERR_CANCELED, &over, "the task ran longer than its timeout_seconds");
        late.error = &over;
        result = &late;
    }
    t->outcome = doc_is(doc_get(result->output, "outcome"), DOC_STRING) ? str_copy(t->run->a, doc_get(result->output, "outcome")->text) : STR_NONE;
    bool failed = result->status == RUN_FAILED || (result->status == RUN_TIMED_OUT && on_timeout);
    if (failed && !t->run->canceled && (retries < 0 || t->attempt <= retries)) {
        t->state = TASK_RETRY;
        t->running = NULL;
        if (result->error)
            t->error = *result->error;
        record(t->run, t, result->status, true, result->output); /* the next attempt is a run of its own */
        ev_timer_free(t->timer);
        t->timer = ev_timer_new(t->run->jobs->o.loop, retry_now, t);
        ev_timer_start(t->timer, wait_ms, 0);
        return;
    }
    task_end(t, result->status, result->error, result->output);
}

static bool time_part(struct tp t, struct str part, struct arena *a, struct str *value)
{
    struct civil c = civil_of(t);
    char iso[40];
    const struct { const char *name; struct str text; } parts[] = {
        {"iso_date", str_fmt(a, "%04d-%02d-%02d", c.year, c.month, c.day)}, {"iso_datetime", str_fmt(a, "%s", time_iso(t, 0, iso))},
        {"year", str_fmt(a, "%d", c.year)}, {"month", str_fmt(a, "%d", c.month)}, {"day", str_fmt(a, "%d", c.day)},
        {"hour", str_fmt(a, "%d", c.hour)}, {"minute", str_fmt(a, "%d", c.minute)}, {"second", str_fmt(a, "%d", c.second)},
        {"iso_weekday", str_fmt(a, "%d", c.weekday ? c.weekday : 7)}, {"timestamp_ms", str_fmt(a, "%jd", (intmax_t)(t.us / 1000))},
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_eqz(part, parts[i].name)) {
            *value = parts[i].text;
            return true;
        }
    return false;
}

/* As {{tasks.NAME.result_state}} says it. */
static struct str result_state(const struct job_task *t)
{
    if (t->status == RUN_SKIPPED)
        return t->upstream_failed ? STR("upstream_failed") : STR("excluded");
    return t->status == RUN_SUCCEEDED ? STR("success") : t->status == RUN_CANCELED ? STR("canceled") : t->status == RUN_TIMED_OUT ? STR("timedout") : STR("failed");
}

static bool other_task(struct job_run *r, struct str path, struct str *value)
{
    struct str key;
    size_t at;
    if (!str_split(&path, '.', &key) || task_index(r->tasks, r->task_count, key, &at))
        return false;
    struct job_task *t = &r->tasks[at];
    if (str_eqz(path, "result_state"))
        *value = t->state == TASK_ENDED ? result_state(t) : STR("");
    else if (str_eqz(path, "run_id"))
        *value = str_z(t->id);
    else if (str_eqz(path, "execution_count"))
        *value = str_fmt(r->a, "%d", t->attempt);
    else if (str_starts_z(path, "values.") && t->values && map_has(t->values, str_from(path, 7)))
        *value = str_z(map_get(t->values, str_from(path, 7)));
    else
        return false;
    return true;
}

static bool dynamic_value(void *ctx, struct str path, struct str *value)
{
    struct job_task *t = ctx;
    struct job_run *r = t->run;
    const struct { const char *path; struct str text; } plain[] = {
        {"job.id", r->job->key}, {"job.name", r->job->name}, {"job.run_id", str_z(r->id)}, {"job.repair_count", STR("0")},
        {"job.trigger.type", str_z(r->trigger)}, {"task.name", t->key}, {"task.run_id", str_z(t->id)},
        {"task.execution_count", str_fmt(r->a, "%d", t->attempt)}, {"workspace.id", STR("0")}, {"workspace.url", STR("http://127.0.0.1")},
    };
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (str_eqz(path, plain[i].path)) {
            *value = plain[i].text;
            return true;
        }
    if (str_starts_z(path, "job.start_time."))
        return time_part(r->started, str_from(path, 15), r->a, value);
    if (str_starts_z(path, "job.parameters.")) {
        const struct doc *d = doc_get_str(r->params, str_from(path, 15));
        *value = doc_str(d, STR_NONE);
        return d != NULL;
    }
    return str_starts_z(path, "tasks.") && other_task(r, str_from(path, 6), value);
}

/* Job parameters, and over them those of the task (a notebook's base_parameters). */
static struct doc *task_params(struct job_task *t, const struct doc *settings)
{
    struct arena *a = t->run->a;
    struct doc *p = doc_new_object(a);
    const struct doc *own = doc_get(settings, "base_parameters") ? doc_get(settings, "base_parameters") : doc_get(settings, "parameters");
    const struct doc *const both[] = {own, t->run->params};
    for (size_t k = 0; k < COUNT_OF(both); k++) /* a job's parameter wins over a task's of the same name */
        for (size_t i = 0; doc_is(both[k], DOC_OBJECT) && i < both[k]->count; i++)
            doc_set(a, p, both[k]->keys[i].name, both[k]->items[i]);
    return p;
}

static void timed_out(void *arg)
{
    struct job_task *t = arg;
    if (t->state != TASK_RUNNING || !t->running)
        return;
    t->late = true;
    t->kind->cancel(t->kind->ctx, t->running);
}

static void task_start(struct job_task *t)
{
    struct job_run *r = t->run;
    struct err err = {0};
    int64_t limit_s = 0;
    t->state = TASK_RUNNING;
    t->late = false;
    t->error = (struct err){0};
    t->attempt++;
    t->started = time_now();
    t->started_us = time_mono_us();
    uuid_make(t->id);
    record(r, t, RUN_RUNNING, false, NULL);
    changed(r, t, RUN_RUNNING, NULL);
    struct doc *settings = dynamic_replace(r->a, doc_get(t->doc, t->kind->name), dynamic_value, t, &err);
    if (settings) {
        t->request = (struct task_request){settings, task_params(t, settings), t->id, str_cz(r->a, t->key), r->trigger};
        t->running = t->kind->start(t->kind->ctx, &t->request, on_task_done, t, &err);
    }
    if (!t->running) {
        err_locate(&err, t->doc->file, t->doc->line, t->doc->col);
        task_end(t, RUN_FAILED, &err, NULL);
        return;
    }
    (void)doc_i64(doc_get(t->doc, "timeout_seconds"), &limit_s);
    if (limit_s > 0) {
        ev_timer_free(t->timer);
        t->timer = ev_timer_new(r->jobs->o.loop, timed_out, t);
        ev_timer_start(t->timer, limit_s * 1000, 0);
    }
}

/* Counts over a task's upstream: what run_if decides by. */
struct upstream { size_t all, succeeded, failed, excluded; };

static bool all_success(const struct upstream *u) { return u->succeeded == u->all; }
static bool all_done(const struct upstream *u) { (void)u; return true; }
static bool none_failed(const struct upstream *u) { return u->failed == 0 && (u->succeeded > 0 || u->all == 0); }
static bool one_success(const struct upstream *u) { return u->succeeded > 0; }
static bool all_failed(const struct upstream *u) { return u->failed == u->all && u->all > 0; }
static bool one_failed(const struct upstream *u) { return u->failed > 0; }
static const struct run_if { const char *name; bool (*holds)(const struct upstream *u); } RUN_IFS[] = {
    {"ALL_SUCCESS", all_success}, {"ALL_DONE", all_done}, {"NONE_FAILED", none_failed}, {"AT_LEAST_ONE_SUCCESS", one_success},
    {"ALL_FAILED", all_failed}, {"AT_LEAST_ONE_FAILED", one_failed},
};

static bool run_if_known(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(RUN_IFS); i++)
        if (str_eqz(name, RUN_IFS[i].name))
            return true;
    return false;
}

static struct upstream upstream_of(const struct job_run *r, const struct job_task *t)
{
    struct upstream u = {.all = t->upstream_count};
    for (size_t i = 0; i < t->upstream_count; i++) {
        const struct job_task *up = &r->tasks[t->upstream[i]];
        struct str wanted = doc_str(doc_get(t->upstream_doc[i], "outcome"), STR_NONE);
        bool other_arm = wanted.len && up->outcome.len && !str_eq(wanted, up->outcome);
        if (up->excluded || other_arm)
            u.excluded++;
        else if (up->status == RUN_SUCCEEDED)
            u.succeeded++;
        else
            u.failed++;
    }
    return u;
}

static bool upstream_ended(const struct job_run *r, const struct job_task *t)
{
    for (size_t i = 0; i < t->upstream_count; i++)
        if (r->tasks[t->upstream[i]].state != TASK_ENDED)
            return false;
    return true;
}

/* Starts or skips one task whose upstream has ended; false if there is none. */
static bool advance_one(struct job_run *r)
{
    for (size_t i = 0; i < r->task_count; i++) {
        struct job_task *t = &r->tasks[i];
        if (t->state != TASK_BLOCKED || !upstream_ended(r, t))
            continue;
        struct upstream u = upstream_of(r, t);
        struct str want = doc_str(doc_get(t->doc, "run_if"), STR("ALL_SUCCESS"));
        bool holds = false;
        for (size_t k = 0; k < COUNT_OF(RUN_IFS); k++)
            if (str_eqz(want, RUN_IFS[k].name))
                holds = RUN_IFS[k].holds(&u);
        if (holds && !r->canceled) {
            task_start(t);
        } else {
            t->upstream_failed = u.failed > 0 && !r->canceled && !str_eqz(want, "ALL_FAILED");
            t->excluded = !t->upstream_failed;
            task_end(t, r->canceled ? RUN_CANCELED : RUN_SKIPPED, NULL, NULL);
        }
        return true;
    }
    return false;
}

static void advance(struct job_run *r)
{
    if (r->ending)
        return;
    while (advance_one(r))
        if (r->ending)
            return;
    for (size_t i = 0; i < r->task_count; i++)
        if (r->tasks[i].state != TASK_ENDED)
            return;
    if (r->ending)
        return;
    r->ending = true;
    ev_defer(r->jobs->o.loop, run_end, r);
}

static struct doc *run_params(struct arena *a, const struct bundle_resource *job, const struct doc *given)
{
    struct doc *p = doc_new_object(a);
    const struct doc *declared = doc_get(job->doc, "parameters");
    for (size_t i = 0; doc_is(declared, DOC_ARRAY) && i < declared->count; i++) {
        const struct doc *d = declared->items[i], *def = doc_get(d, "default");
        struct str text = def && def->kind == DOC_BOOL ? (def->boolean ? STR("true") : STR("false")) : def ? def->text : STR("");
        doc_set(a, p, doc_str(doc_get(d, "name"), STR("")), doc_new_str(a, text));
    }
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        doc_set(a, p, str_copy(a, given->keys[i].name), doc_new_str(a, doc_str(given->items[i], given->items[i]->text)));
    return p;
}

static void start_run(void *arg)
{
    struct job_run *r = arg;
    advance(r);
}

int jobs_run(struct jobs *j, struct str job, const char *trigger, const struct doc *params,
             void (*done)(void *arg, enum run_status status, const struct err *err), void *arg, struct err *err)
{
    const struct bundle_resource *res = bundle_find(j->o.bundle, "jobs", job);
    if (!res)
        return err_set(err, ERR_NOT_FOUND, "there is no job '%.*s' in the bundle", STR_ARGS(job));
    if (j->stopping)
        return err_set(err, ERR_CANCELED, "the program is stopping");
    struct arena *a = arena_new();
    struct job_run *r = ARENA_NEW(a, struct job_run);
    *r = (struct job_run){.jobs = j, .a = a, .job = res, .trigger = arena_strdup(a, trigger ? trigger : "Manual"), .done = done, .arg = arg,
                          .started = time_now(), .started_us = time_mono_us()};
    if (read_tasks(j, a, res, &r->tasks, &r->task_count, err)) {
        arena_free(a);
        return -1;
    }
    for (size_t i = 0; i < r->task_count; i++) {
        r->tasks[i].run = r;
        r->tasks[i].timer = ev_timer_new(j->o.loop, timed_out, &r->tasks[i]);
    }
    uuid_make(r->id);
    r->params = run_params(a, res, params);
    r->next = j->runs;
    j->runs = r;
    record(r, NULL, RUN_RUNNING, false, NULL);
    changed(r, NULL, RUN_RUNNING, NULL);
    ev_defer(j->o.loop, start_run, r);
    return 0;
}

struct job_task *jobs_task_of_run(struct jobs *j, const char *run_id)
{
    for (struct job_run *r = j->runs; r; r = r->next)
        for (size_t i = 0; i < r->task_count; i++)
            if (strcmp(r->tasks[i].id, run_id) == 0)
                return &r->tasks[i];
    return NULL;
}

static void run_cancel(struct job_run *r)
{
    r->canceled = true;
    for (size_t i = 0; i < r->task_count; i++) {
        struct job_task *t = &r->tasks[i];
        if (t->state == TASK_RUNNING && t->running)
            t->kind->cancel(t->kind->ctx, t->running);
        else if (t->state == TASK_RETRY)
            task_end(t, RUN_CANCELED, NULL, NULL);
    }
    advance(r);
}

/* ---------------------------------------------------------------- run_job_task */

struct task_run { struct jobs *jobs; task_done_fn on_done; void *arg; };

static int run_job_check(void *ctx, const struct doc *settings, struct err *err)
{
    struct jobs *j = ctx;
    struct doc *id = doc_get(settings, "job_id");
    if (!doc_is(id, DOC_STRING) && !doc_is(id, DOC_INT))
        return doc_err(settings, ERR_INPUT, err, "run_job_task needs a job_id: ${resources.jobs.NAME.id}");
    return bundle_find(j->o.bundle, "jobs", id->text) ? 0 : doc_err(id, ERR_NOT_FOUND, err, "there is no job '%.*s' in the bundle", STR_ARGS(id->text));
}

static void run_job_done(void *arg, enum run_status status, const struct err *e)
{
    struct task_run *t = arg;
    struct task_result result = {status, NULL, e};
    t->on_done(t->arg, &result);
    mem_free(t);
}

static struct task_run *run_job_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct jobs *j = ctx;
    struct job_task *self = jobs_task_of_run(j, q->run_id);
    int depth = self ? self->run->depth + 1 : 1;
    if (depth > JOBS_MAX_DEPTH) {
        err_set(err, ERR_LIMIT, "run_job_task nests deeper than JOBS_MAX_DEPTH (%d)", JOBS_MAX_DEPTH);
        return NULL;
    }
    struct task_run *t = NEW(struct task_run);
    *t = (struct task_run){j, on_done, arg};
    if (jobs_run(j, doc_get(q->settings, "job_id")->text, q->trigger, doc_get(q->settings, "job_parameters"), run_job_done, t, err)) {
        mem_free(t);
        return NULL;
    }
    j->runs->depth = depth;
    return t;
}

static void run_job_cancel(void *ctx, struct task_run *t)
{
    struct jobs *j = ctx;
    for (struct job_run *r = j->runs; r; r = r->next)
        if (r->arg == t) {
            run_cancel(r);
            return;
        }
}

/* ---------------------------------------------------------------- condition_task */

enum condition_op { OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE };
static const struct { const char *name; enum condition_op op; } CONDITION_OPS[] = {
    {"EQUAL_TO", OP_EQ}, {"NOT_EQUAL", OP_NE}, {"GREATER_THAN", OP_GT}, {"GREATER_THAN_OR_EQUAL", OP_GE}, {"LESS_THAN", OP_LT}, {"LESS_THAN_OR_EQUAL", OP_LE},
};

static int condition_read(const struct doc *settings, enum condition_op *op, struct err *err)
{
    struct doc *name = doc_need(settings, "op", DOC_STRING, err);
    if (!name || !doc_get(settings, "left") || !doc_get(settings, "right"))
        return name ? doc_err(settings, ERR_INPUT, err, "condition_task needs op, left and right") : -1;
    for (size_t i = 0; i < COUNT_OF(CONDITION_OPS); i++)
        if (str_eqz(name->text, CONDITION_OPS[i].name)) {
            *op = CONDITION_OPS[i].op;
            return 0;
        }
    return doc_err(name, ERR_INPUT, err, "unknown condition '%.*s'", STR_ARGS(name->text));
}

static int condition_check(void *ctx, const struct doc *settings, struct err *err)
{
    enum condition_op op;
    (void)ctx;
    return condition_read(settings, &op, err);
}

/* EQUAL_TO and NOT_EQUAL compare text, the others numbers. */
static bool condition_holds(const struct doc *settings, enum condition_op op)
{
    struct str l = doc_get(settings, "left")->text, r = doc_get(settings, "right")->text;
    double x = 0, y = 0;
    if (op == OP_EQ || op == OP_NE)
        return str_eq(l, r) == (op == OP_EQ);
    if (!str_f64(l, &x) || !str_f64(r, &y))
        return false;
    return op == OP_GT ? x > y : op == OP_GE ? x >= y : op == OP_LT ? x < y : x <= y;
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

static struct task_run *condition_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct jobs *j = ctx;
    enum condition_op op;
    if (condition_read(q->settings, &op, err))
        return NULL;
    struct condition *c = NEW(struct condition);
    *c = (struct condition){{j, on_done, arg}, condition_holds(q->settings, op)};
    ev_defer(j->o.loop, condition_end, c);
    return &c->base;
}

static void nothing_to_cancel(void *ctx, struct task_run *t) { (void)ctx, (void)t; }

/* ---------------------------------------------------------------- schedules */

static void schedule_next(struct job_schedule *s);

static void schedule_done(void *arg, enum run_status status, const struct err *e)
{
    struct job_schedule *s = arg;
    (void)status, (void)e;
    s->running = false;
}

static void schedule_fire(void *arg)
{
    struct job_schedule *s = arg;
    struct err err = {0};
    if (s->running) {
        log_warn("job", "scheduled run skipped, the last one still runs job=%.*s", STR_ARGS(s->job->key));
    } else if (jobs_run(s->jobs, s->job->key, "Schedule", NULL, schedule_done, s, &err)) {
        log_err(LOG_ERROR, "job", &err);
    } else {
        s->running = true;
    }
    schedule_next(s);
}

/* cron counts in UTC; a zone's wall clock is shifted to it and back. */
static void schedule_next(struct job_schedule *s)
{
    struct tp now = time_now(), next;
    int64_t wait_ms = s->every_ms;
    if (!wait_ms) {
        int64_t shift_us = (int64_t)zone_offset(s->zone, now.us / 1000000) * 1000000;
        if (!cron_next(&s->cron, (struct tp){now.us + shift_us}, &next))
            return;
        int64_t unix_s[2];
        int n = zone_instants(s->zone, next.us / 1000000, unix_s);
        int64_t at_us = n ? unix_s[0] * 1000000 : next.us - shift_us;
        wait_ms = (at_us - now.us + 999) / 1000;
    }
    ev_timer_start(s->timer, wait_ms > 0 ? wait_ms : 1, 0);
}

static int schedule_read(struct jobs *j, const struct bundle_resource *job, struct job_schedule *s, bool *on, struct err *err)
{
    static const struct { const char *unit; int64_t ms; } units[] = {{"MINUTES", 60000}, {"HOURS", 3600000}, {"DAYS", 86400000}, {"WEEKS", 604800000}};
    const struct doc *schedule = doc_get(job->doc, "schedule"), *periodic = doc_path(job->doc, "trigger.periodic");
    const struct doc *owner = schedule ? schedule : doc_get(job->doc, "trigger");
    *on = false;
    *s = (struct job_schedule){.jobs = j, .job = job};
    if (!schedule && !periodic)
        return 0;
    *on = !str_eqz(doc_str(doc_get(owner, "pause_status"), STR("UNPAUSED")), "PAUSED");
    if (periodic) {
        int64_t n = 1;
        struct str unit = doc_str(doc_get(periodic, "unit"), STR("HOURS"));
        (void)doc_i64(doc_get(periodic, "interval"), &n);
        for (size_t i = 0; i < COUNT_OF(units); i++)
            if (str_eqz(unit, units[i].unit))
                s->every_ms = n * units[i].ms;
        return s->every_ms > 0 ? 0 : doc_err(periodic, ERR_INPUT, err, "periodic needs an interval and a unit of MINUTES, HOURS, DAYS or WEEKS");
    }
    struct doc *cron = doc_need(schedule, "quartz_cron_expression", DOC_STRING, err);
    if (!cron)
        return -1;
    if (cron_parse(&s->cron, CRON_QUARTZ, cron->text, err))
        return err_locate(err, cron->file, cron->line, cron->col);
    s->zone = zone_find(doc_str(doc_get(schedule, "timezone_id"), STR("UTC")), err);
    return s->zone ? 0 : err_locate(err, schedule->file, schedule->line, schedule->col);
}

int jobs_schedule(struct jobs *j, struct err *err)
{
    j->schedules = ARENA_ARRAY(j->a, struct job_schedule, j->o.bundle->resource_count + 1);
    for (size_t i = 0; i < j->o.bundle->resource_count; i++) {
        struct job_schedule *s = &j->schedules[j->schedule_count];
        bool on;
        if (!str_eqz(j->o.bundle->resources[i].kind, "jobs"))
            continue;
        if (schedule_read(j, &j->o.bundle->resources[i], s, &on, err))
            return -1;
        if (!on)
            continue;
        j->schedule_count++;
        s->timer = ev_timer_new(j->o.loop, schedule_fire, s);
        schedule_next(s);
    }
    return 0;
}

/* ---------------------------------------------------------------- life */

struct jobs *jobs_new(const struct jobs_opts *o)
{
    struct jobs *j = NEW(struct jobs);
    j->o = *o;
    j->a = arena_new();
    j->kinds[0] = (struct task_kind){"notebook_task", notebook_check, notebook_start, notebook_cancel, j};
    j->kinds[1] = (struct task_kind){"sql_task", sql_task_check, sql_task_start, notebook_cancel, j};
    j->kinds[2] = (struct task_kind){"run_job_task", run_job_check, run_job_start, run_job_cancel, j};
    j->kinds[3] = (struct task_kind){"condition_task", condition_check, condition_start, nothing_to_cancel, j};
    return j;
}

void jobs_stop(struct jobs *j, void (*done)(void *arg), void *arg)
{
    j->stopping = true;
    for (size_t i = 0; i < j->schedule_count; i++)
        ev_timer_stop(j->schedules[i].timer);
    if (!j->runs) {
        done(arg);
        return;
    }
    j->stopped = done;
    j->stopped_arg = arg;
    for (struct job_run *r = j->runs, *next; r; r = next) {
        next = r->next;
        run_cancel(r);
    }
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    CHECK(!j->runs);
    for (size_t i = 0; i < j->schedule_count; i++)
        ev_timer_free(j->schedules[i].timer);
    arena_free(j->a);
    mem_free(j);
}
