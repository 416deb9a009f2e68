#include "jobs/jobs_int.h"
#include "jobs/dynamic.h"

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
    ev_timer_free(r->timer);
    arena_free(r->a);
}

/* A job's own state, from the leaves of its graph. */
static enum run_status run_status_of(const struct job_run *r)
{
    if (r->skipped || r->late || r->canceled)
        return r->skipped ? RUN_SKIPPED : r->late ? RUN_TIMED_OUT : RUN_CANCELED;
    for (size_t i = 0; i < r->task_count; i++) {
        bool leaf = true;
        for (size_t k = 0; k < r->task_count; k++)
            for (size_t u = 0; u < r->tasks[k].upstream_count; u++)
                leaf &= r->tasks[k].upstream[u] != i;
        if (leaf && ((r->tasks[i].status != RUN_SUCCEEDED && r->tasks[i].status != RUN_SKIPPED) || r->tasks[i].upstream_failed))
            return RUN_FAILED;
    }
    return RUN_SUCCEEDED;
}

static void start_waiting(struct jobs *j, const struct bundle_resource *job);

/* All tasks ended, or none ever starts. */
static void run_end(void *arg)
{
    struct job_run *r = arg;
    struct jobs *j = r->jobs;
    const struct bundle_resource *job = r->job;
    enum run_status status = run_status_of(r);
    if (status == RUN_SUCCEEDED)
        r->error.code = ERR_OK;
    record(r, NULL, status, true, NULL);
    changed(r, NULL, status, r->error.code != ERR_OK ? &r->error : NULL);
    struct err error = r->error;
    void (*done)(void *, enum run_status, const struct err *) = r->done;
    void *done_arg = r->arg;
    run_free(r);
    start_waiting(j, job);
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

void jobs_tell_retry(const char *name, int attempt, int64_t wait_ms, const struct err *why)
{
    char when[40];
    snprintf(when, sizeof when, "in %g s", (double)wait_ms / 1000);
    log_warn(name, "attempt %d failed, the next begins %s: %s", attempt, wait_ms > 0 ? when : "at once", why ? why->msg : "it ran too long");
}

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
        jobs_tell_retry(arena_printf(t->run->a, "%.*s/%.*s", STR_ARGS(t->run->job->key), STR_ARGS(t->key)), t->attempt, wait_ms, result->error);
        return;
    }
    task_end(t, result->status, result->error, result->output);
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
    struct doc *settings = dynamic_replace(r->a, doc_get(t->doc, t->kind->name), jobs_dynamic_value, t, &err);
    if (settings) {
        t->request = (struct task_request){settings, jobs_task_params(r->a, r->params, settings), t->id, str_cz(r->a, t->key), r->trigger};
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
        if (jobs_run_if(want)->holds(&u) && !r->canceled) {
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
        const struct doc *d = declared->items[i];
        doc_set(a, p, doc_str(doc_get(d, "name"), STR("")), doc_new_str(a, jobs_param_text(doc_get(d, "default"))));
    }
    for (size_t i = 0; doc_is(given, DOC_OBJECT) && i < given->count; i++)
        doc_set(a, p, str_copy(a, given->keys[i].name), doc_new_str(a, jobs_param_text(given->items[i])));
    return p;
}

static void start_run(void *arg)
{
    struct job_run *r = arg;
    advance(r);
}

static void run_timed_out(void *arg)
{
    struct job_run *r = arg;
    if (r->ending)
        return;
    doc_err(doc_get(r->job->doc, "timeout_seconds"), ERR_CANCELED, &r->error, "the job ran longer than its timeout_seconds");
    r->late = true;
    jobs_run_cancel(r);
}

/* ---------------------------------------------------------------- max_concurrent_runs, queue */

/* Ends a run of which no task starts. */
static void run_skip(struct job_run *r, struct str why)
{
    const struct doc *at = doc_get(r->job->doc, "max_concurrent_runs");
    doc_err(at ? at : r->job->doc, ERR_LIMIT, &r->error, "MAXIMUM_CONCURRENT_RUNS_REACHED: %.*s", STR_ARGS(why));
    r->queued = false;
    r->skipped = r->ending = true;
    ev_timer_free(r->timer);
    r->timer = NULL;
    ev_defer(r->jobs->o.loop, run_end, r);
}

static void waited_too_long(void *arg) { run_skip(arg, STR("the run waited longer than JOBS_QUEUE_HOURS for one before it to end")); }

static int64_t max_runs(const struct bundle_resource *job)
{
    int64_t max = 1;
    (void)doc_i64(doc_get(job->doc, "max_concurrent_runs"), &max);
    return max;
}

static int64_t runs_under_way(const struct jobs *j, const struct bundle_resource *job)
{
    int64_t n = 0;
    for (const struct job_run *r = j->runs; r; r = r->next)
        n += r->job == job && !r->queued && !r->skipped;
    return n;
}

/* The run has its place among the job's runs. */
static void run_go(struct job_run *r)
{
    int64_t limit_s = 0;
    r->queued = false;
    r->started = time_now();
    r->started_us = time_mono_us();
    ev_timer_free(r->timer);
    r->timer = NULL;
    (void)doc_i64(doc_get(r->job->doc, "timeout_seconds"), &limit_s);
    if (limit_s > 0) {
        r->timer = ev_timer_new(r->jobs->o.loop, run_timed_out, r);
        ev_timer_start(r->timer, limit_s * 1000, 0);
    }
    record(r, NULL, RUN_RUNNING, false, NULL);
    changed(r, NULL, RUN_RUNNING, NULL);
    ev_defer(r->jobs->o.loop, start_run, r);
}

/* A run ended: the one that waits longest for it goes. `runs` holds the newest first. */
static void start_waiting(struct jobs *j, const struct bundle_resource *job)
{
    struct job_run *oldest = NULL;
    for (struct job_run *r = j->runs; r; r = r->next)
        if (r->job == job && r->queued)
            oldest = r;
    if (oldest && !j->stopping && runs_under_way(j, job) < max_runs(job))
        run_go(oldest);
}

/* No place now: the run waits for one, or is skipped. */
static void run_wait(struct job_run *r)
{
    bool own = false;
    size_t waiting = 0;
    for (const struct job_run *p = r->parent; p; p = p->parent)
        own |= p->job == r->job;
    for (const struct job_run *w = r->jobs->runs; w; w = w->next)
        waiting += w->queued;
    if (max_runs(r->job) <= 0 || !doc_bool(doc_get(doc_get(r->job->doc, "queue"), "enabled"), false)) {
        run_skip(r, STR("the job has as many runs as max_concurrent_runs allows, and its queue is not enabled"));
    } else if (own) {
        run_skip(r, STR("the job would wait for itself: it runs itself through run_job_task"));
    } else if (waiting >= JOBS_MAX_QUEUED) {
        run_skip(r, STR("more than JOBS_MAX_QUEUED runs wait"));
    } else {
        r->queued = true;
        r->timer = ev_timer_new(r->jobs->o.loop, waited_too_long, r);
        ev_timer_start(r->timer, JOBS_QUEUE_HOURS * INT64_C(3600000), 0);
        record(r, NULL, RUN_QUEUED, false, NULL);
        changed(r, NULL, RUN_QUEUED, NULL);
    }
}

struct job_run *jobs_start(struct jobs *j, const struct job_start *s, struct err *err)
{
    const struct bundle_resource *res = bundle_find(j->o.bundle, "jobs", s->job);
    if (!res || j->stopping) {
        if (res)
            err_set(err, ERR_CANCELED, "the program is stopping");
        else
            err_set(err, ERR_NOT_FOUND, "there is no job '%.*s' in the bundle", STR_ARGS(s->job));
        return NULL;
    }
    struct arena *a = arena_new();
    struct job_run *r = ARENA_NEW(a, struct job_run);
    *r = (struct job_run){.jobs = j, .a = a, .job = res, .trigger = arena_strdup(a, s->trigger ? s->trigger : "Manual"), .done = s->done, .arg = s->arg,
                          .parent = s->parent, .depth = s->parent ? s->parent->depth + 1 : 0, .started = time_now(), .started_us = time_mono_us()};
    if (jobs_read_tasks(j, a, res, &r->tasks, &r->task_count, err)) {
        arena_free(a);
        return NULL;
    }
    for (size_t i = 0; i < r->task_count; i++) {
        r->tasks[i].run = r;
        r->tasks[i].timer = ev_timer_new(j->o.loop, timed_out, &r->tasks[i]);
    }
    uuid_make(r->id);
    r->params = run_params(a, res, s->params);
    bool place = runs_under_way(j, res) < max_runs(res);
    r->next = j->runs;
    j->runs = r;
    if (place)
        run_go(r);
    else
        run_wait(r);
    return r;
}

int jobs_run(struct jobs *j, struct str job, const char *trigger, const struct doc *params,
             void (*done)(void *arg, enum run_status status, const struct err *err), void *arg, struct err *err)
{
    struct job_start s = {job, trigger, params, NULL, done, arg};
    return jobs_start(j, &s, err) ? 0 : -1;
}

struct job_task *jobs_task_of_run(struct jobs *j, const char *run_id)
{
    for (struct job_run *r = j->runs; r; r = r->next)
        for (size_t i = 0; i < r->task_count; i++)
            if (strcmp(r->tasks[i].id, run_id) == 0)
                return &r->tasks[i];
    return NULL;
}

void jobs_run_cancel(struct job_run *r)
{
    r->canceled = true;
    r->queued = false;
    for (size_t i = 0; i < r->task_count; i++) {
        struct job_task *t = &r->tasks[i];
        if (t->state == TASK_RUNNING && t->running)
            t->kind->cancel(t->kind->ctx, t->running);
        else if (t->state == TASK_RETRY)
            task_end(t, RUN_CANCELED, NULL, NULL);
    }
    advance(r);
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
    j->kinds[3] = (struct task_kind){"condition_task", condition_check, condition_start, condition_cancel, j};
    j->kinds[4] = (struct task_kind){"for_each_task", for_each_check, for_each_start, for_each_cancel, j};
    j->kinds[5] = (struct task_kind){"spark_python_task", python_task_check, python_task_start, notebook_cancel, j};
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
        jobs_run_cancel(r);
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
