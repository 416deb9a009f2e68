/* The graph of tasks: order, run_if, retries, conditions, job-in-job, cancelling. Tasks are fakes
 * that end as their block says: {"ends": "ok" | "fail" | "never", "fails": N}. */
#include "unit/base/test_util.h"
#include "jobs/jobs_int.h"

enum { DEADLINE_MS = 20000 };

struct task_run { struct scene *s; task_done_fn on_done; void *arg; enum run_status status; bool never; };

struct scene {
    struct arena *a;
    struct ev_loop *loop;
    struct jobs *jobs;
    struct bundle bundle;
    struct task_kind fake;
    struct task_kinds kinds;
    struct buf order;         /* "load ok, clean ok, …": each task as it ended */
    int starts;
    bool ended, stopped;
    enum run_status status;
    char error[500];
    struct doc *params;       /* of the last task started */
    struct doc *settings;
};

/* A run's documents end with it: what a test looks at later is written and read again. */
static struct doc *copy(struct scene *s, const struct doc *d)
{
    struct buf text;
    struct err err = {0};
    buf_init(&text);
    doc_write(&text, d);
    struct doc *again = doc_json(s->a, "copy", str_copy(s->a, buf_view(&text)), &err);
    buf_release(&text);
    assert_non_null(again);
    return again;
}

static void fake_end(void *arg)
{
    struct task_run *t = arg;
    struct err err = {0};
    err_set(&err, ERR_INPUT, "as told");
    struct task_result result = {t->status, NULL, t->status == RUN_FAILED ? &err : NULL};
    t->on_done(t->arg, &result);
}

static struct task_run *fake_start(void *ctx, const struct task_request *q, task_done_fn on_done, void *arg, struct err *err)
{
    struct scene *s = ctx;
    struct job_task *self = jobs_task_of_run(s->jobs, q->run_id);
    struct str ends = doc_str(doc_get(q->settings, "ends"), STR("ok"));
    int64_t fails = 0;
    (void)doc_i64(doc_get(q->settings, "fails"), &fails);
    s->starts++;
    s->params = copy(s, q->params);
    s->settings = copy(s, q->settings);
    if (str_eqz(ends, "unstartable")) {
        err_set(err, ERR_INPUT, "cannot start");
        return NULL;
    }
    struct task_run *t = ARENA_NEW(s->a, struct task_run);
    bool ok = str_eqz(ends, "ok") && self->attempt > fails;
    *t = (struct task_run){s, on_done, arg, ok ? RUN_SUCCEEDED : RUN_FAILED, str_eqz(ends, "never")};
    if (!t->never)
        ev_defer(s->loop, fake_end, t);
    return t;
}

static void fake_cancel(void *ctx, struct task_run *t)
{
    struct scene *s = ctx;
    if (!t->never)
        return;
    t->never = false;
    t->status = RUN_CANCELED;
    ev_defer(s->loop, fake_end, t);
}

static const struct task_kind *fake_find(void *ctx, const char *name)
{
    struct scene *s = ctx;
    return strcmp(name, s->fake.name) == 0 ? &s->fake : NULL;
}

static void on_change(void *ctx, struct str job, struct str task, enum run_status status, int64_t ms, const struct err *error)
{
    struct scene *s = ctx;
    (void)job, (void)ms, (void)error;
    if (task.len && status != RUN_RUNNING)
        buf_printf(&s->order, "%s%.*s %s", s->order.len ? ", " : "", STR_ARGS(task), run_status_name(status));
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->a = arena_new();
    s->loop = ev_loop_new("test");
    buf_init(&s->order);
    s->fake = (struct task_kind){"pipeline_task", NULL, fake_start, fake_cancel, s};
    s->kinds = (struct task_kinds){fake_find, s};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    jobs_free(s->jobs);
    ev_loop_free(s->loop);
    buf_release(&s->order);
    arena_free(s->a);
    free(s);
    return 0;
}

/* Jobs as YAML: name → settings. */
static void have_jobs(struct scene *s, const char *yaml)
{
    struct err err = {0};
    struct doc *d = doc_yaml(s->a, "jobs.yml", str_z(yaml), &err);
    if (!d)
        fail_msg("%d: %s", err.where.line, err.msg);
    s->bundle.resources = ARENA_ARRAY(s->a, struct bundle_resource, d->count);
    s->bundle.resource_count = d->count;
    for (size_t i = 0; i < d->count; i++)
        s->bundle.resources[i] = (struct bundle_resource){STR("jobs"), d->keys[i].name, d->keys[i].name, d->items[i]};
    struct jobs_opts o = {.loop = s->loop, .bundle = &s->bundle, .kinds = &s->kinds, .on_change = on_change, .ctx = s};
    s->jobs = jobs_new(&o);
}

static void on_done(void *arg, enum run_status status, const struct err *e)
{
    struct scene *s = arg;
    assert_false(s->ended);
    s->ended = true;
    s->status = status;
    snprintf(s->error, sizeof s->error, "%s", e ? e->msg : "");
}

static void start(struct scene *s, const char *job)
{
    struct err err = {0};
    s->ended = false;
    if (jobs_run(s->jobs, str_z(job), "Manual", NULL, on_done, s, &err))
        fail_msg("%s:%d: %s", err.where.file ? err.where.file : "", err.where.line, err.msg);
}

static void until(struct scene *s, const bool *done)
{
    int64_t deadline = time_mono_us() + DEADLINE_MS * INT64_C(1000);
    while (!*done && time_mono_us() < deadline)
        ev_run_once(s->loop, 20);
    assert_true(*done);
}

static void expect(struct scene *s, enum run_status status, const char *order)
{
    until(s, &s->ended);
    assert_str(buf_view(&s->order), order);
    assert_string_equal(run_status_name(s->status), run_status_name(status));
}

/* ---------------------------------------------------------------- order and run_if */

#define T(key, rest) "    - {task_key: " key ", " rest "}\n"
#define OK "pipeline_task: {ends: ok}"
#define FAIL "pipeline_task: {ends: fail}"
#define AFTER(x) ", depends_on: [{task_key: " x "}]"
#define AFTER2(x, y) ", depends_on: [{task_key: " x "}, {task_key: " y "}]"

static const struct graph { const char *name, *tasks, *order; enum run_status status; } GRAPHS[] = {
    {"a chain, written backwards", T("c", OK AFTER("b")) T("b", OK AFTER("a")) T("a", OK), "a Succeeded, b Succeeded, c Succeeded", RUN_SUCCEEDED},
    {"a diamond", T("a", OK) T("b", OK AFTER("a")) T("c", OK AFTER("a")) T("d", OK AFTER2("b", "c")),
     "a Succeeded, b Succeeded, c Succeeded, d Succeeded", RUN_SUCCEEDED},
    {"a failure skips what follows", T("a", FAIL) T("b", OK AFTER("a")) T("c", OK AFTER("b")), "a Failed, b Skipped, c Skipped", RUN_FAILED},
    {"ALL_DONE cleans up; the leaf decides", T("a", FAIL) T("b", OK AFTER("a") ", run_if: ALL_DONE"), "a Failed, b Succeeded", RUN_SUCCEEDED},
    {"AT_LEAST_ONE_SUCCESS", T("a", FAIL) T("b", OK) T("c", OK AFTER2("a", "b") ", run_if: AT_LEAST_ONE_SUCCESS"),
     "a Failed, b Succeeded, c Succeeded", RUN_SUCCEEDED},
    {"AT_LEAST_ONE_FAILED", T("a", FAIL) T("b", OK) T("c", OK AFTER2("a", "b") ", run_if: AT_LEAST_ONE_FAILED"),
     "a Failed, b Succeeded, c Succeeded", RUN_SUCCEEDED},
    {"nothing failed, so AT_LEAST_ONE_FAILED is excluded", T("a", OK) T("b", OK AFTER("a") ", run_if: AT_LEAST_ONE_FAILED"),
     "a Succeeded, b Skipped", RUN_SUCCEEDED},
    {"ALL_FAILED", T("a", FAIL) T("b", FAIL) T("c", OK AFTER2("a", "b") ", run_if: ALL_FAILED"), "a Failed, b Failed, c Succeeded", RUN_SUCCEEDED},
    {"ALL_FAILED does not hold, which is no failure", T("a", OK) T("b", FAIL) T("c", OK AFTER2("a", "b") ", run_if: ALL_FAILED")
     T("d", OK AFTER("b") ", run_if: ALL_DONE"), "a Succeeded, b Failed, c Skipped, d Succeeded", RUN_SUCCEEDED},
    {"NONE_FAILED", T("a", OK) T("b", FAIL) T("c", OK AFTER2("a", "b") ", run_if: NONE_FAILED"), "a Succeeded, b Failed, c Skipped", RUN_FAILED},
    {"retries", T("a", "max_retries: 2, pipeline_task: {fails: 2}"), "a Succeeded", RUN_SUCCEEDED},
    {"too few retries", T("a", "max_retries: 1, pipeline_task: {fails: 2}"), "a Failed", RUN_FAILED},
    {"the arm that holds",
     T("if", "condition_task: {op: GREATER_THAN, left: '10', right: '9'}") T("yes", OK ", depends_on: [{task_key: if, outcome: 'true'}]")
         T("no", OK ", depends_on: [{task_key: if, outcome: 'false'}]"),
     "if Succeeded, no Skipped, yes Succeeded", RUN_SUCCEEDED},
    {"what cannot start fails", T("a", "pipeline_task: {ends: unstartable}") T("b", OK AFTER("a")), "a Failed, b Skipped", RUN_FAILED},
    {"a skipped task's state", T("a", FAIL) T("b", OK AFTER("a"))
     T("if", "run_if: ALL_DONE, condition_task: {op: EQUAL_TO, left: '{{tasks.b.result_state}}', right: upstream_failed}" AFTER("b"))
     T("c", OK ", depends_on: [{task_key: if, outcome: 'true'}]"), "a Failed, b Skipped, if Succeeded, c Succeeded", RUN_SUCCEEDED},
    {"a state as a value", T("a", OK) T("if", "condition_task: {op: EQUAL_TO, left: '{{tasks.a.result_state}}', right: success}" AFTER("a"))
     T("b", OK ", depends_on: [{task_key: if, outcome: 'true'}]"), "a Succeeded, if Succeeded, b Succeeded", RUN_SUCCEEDED},
};

static void graphs(void **state)
{
    for (size_t i = 0; i < COUNT_OF(GRAPHS); i++) {
        struct scene *s;
        setup((void **)&s);
        have_jobs(s, arena_printf(s->a, "j:\n  tasks:\n%s", GRAPHS[i].tasks));
        start(s, "j");
        until(s, &s->ended);
        if (!str_eqz(buf_view(&s->order), GRAPHS[i].order) || s->status != GRAPHS[i].status)
            fail_msg("%s: %.*s: %s", GRAPHS[i].name, STR_ARGS(buf_view(&s->order)), run_status_name(s->status));
        void *gone = s;
        teardown(&gone);
    }
    (void)state;
}

static void retries_start_anew(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n" T("a", "max_retries: 3, pipeline_task: {fails: 2}"));
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "a Succeeded");
    assert_int_equal(s->starts, 3);
}

/* A record of each attempt, opened and closed: "a 1 Failed as told; a 2 Succeeded; ". */
static void log_start(void *ctx, const struct run_record *r) { (void)ctx, (void)r; }
static void log_finish(void *ctx, const struct run_record *r, void (*saved)(void *arg), void *arg)
{
    (void)saved, (void)arg;
    if (r->parent_id)
        buf_printf(ctx, "%s %d %s%s%s; ", r->name, r->attempt, run_status_name(r->status), r->error ? " " : "", r->error ? r->error->msg : "");
}

static void keep_line(void *ctx, enum log_level level, struct str line)
{
    (void)level;
    buf_str(ctx, line);
}

static void each_attempt_is_a_record(void **state)
{
    struct scene *s = *state;
    struct buf said;
    buf_init(&said);
    struct run_log log = {log_start, log_finish, &said};
    struct buf told;
    buf_init(&told);
    log_set_sink(keep_line, &told);
    have_jobs(s, "j:\n  tasks:\n" T("a", "max_retries: 1, min_retry_interval_millis: 10, pipeline_task: {fails: 1}"));
    s->jobs->o.log = &log;
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "a Succeeded");
    log_set_sink(NULL, NULL);
    assert_str(buf_view(&said), "a 1 Failed as told; a 2 Succeeded; ");
    assert_true(str_find(buf_view(&told), STR("attempt 1 failed, the next begins in 0.01 s: as told")) >= 0);
    buf_release(&said);
    buf_release(&told);
}

static void a_task_that_runs_too_long_times_out(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n" T("a", "timeout_seconds: 1, pipeline_task: {ends: never}"));
    start(s, "j");
    until(s, &s->ended);
    assert_int_equal(s->status, RUN_FAILED);
    assert_non_null(strstr(s->error, "longer than its timeout_seconds"));
    char order[64];
    snprintf(order, sizeof order, "a %s", run_status_name(RUN_TIMED_OUT));
    assert_str(buf_view(&s->order), order);
}

static void the_first_failure_is_the_jobs(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n" T("a", FAIL) T("b", OK AFTER("a")));
    start(s, "j");
    expect(s, RUN_FAILED, "a Failed, b Skipped");
    assert_string_equal(s->error, "task 'a': as told");
}

static void parameters_reach_the_task(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  parameters: [{name: day, default: '1'}, {name: who, default: job}]\n  tasks:\n"
                 "    - {task_key: a, pipeline_task: {text: 'on {{job.parameters.day}} by {{task.name}}', parameters: {who: task, own: x}}}\n");
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "a Succeeded");
    assert_str(doc_get(s->settings, "text")->text, "on 1 by a");
    assert_str(doc_get(s->params, "day")->text, "1");
    assert_str(doc_get(s->params, "own")->text, "x");
    assert_str(doc_get(s->params, "who")->text, "job");
}

static void on_stopped(void *arg) { ((struct scene *)arg)->stopped = true; }

/* YAML's true, 1 and 1.50 are the texts that they are written as, wherever a parameter comes from. */
static void parameters_are_texts(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  parameters: [{name: flag, default: false}, {name: n, default: 1.50}]\n  tasks:\n"
                 "    - {task_key: if, condition_task: {op: EQUAL_TO, left: true, right: 'true'}}\n"
                 "    - {task_key: a, depends_on: [{task_key: if, outcome: 'true'}], pipeline_task: {parameters: {own: true}}}\n");
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "if Succeeded, a Succeeded");
    assert_true(str_eqz(doc_str(doc_get(s->params, "flag"), STR("")), "false"));
    assert_true(str_eqz(doc_str(doc_get(s->params, "n"), STR("")), "1.50"));
    assert_true(str_eqz(doc_str(doc_get(s->params, "own"), STR("")), "true"));
}

static void a_job_runs_a_job(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "outer:\n  tasks:\n    - {task_key: call, run_job_task: {job_id: inner}}\n" T("after", OK AFTER("call"))
                 "inner:\n  tasks:\n" T("work", OK));
    start(s, "outer");
    expect(s, RUN_SUCCEEDED, "work Succeeded, call Succeeded, after Succeeded");
}

static void jobs_that_call_each_other_end(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "a:\n  max_concurrent_runs: 10\n  tasks:\n    - {task_key: b, run_job_task: {job_id: a}}\n");
    start(s, "a");
    until(s, &s->ended);
    assert_int_equal(s->status, RUN_FAILED);
    assert_non_null(strstr(s->error, "JOBS_MAX_DEPTH"));
}

static void a_job_does_not_wait_for_itself(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "a:\n  queue: {enabled: true}\n  tasks:\n    - {task_key: b, run_job_task: {job_id: a}}\n");
    start(s, "a");
    until(s, &s->ended);
    assert_int_equal(s->status, RUN_FAILED);
    assert_non_null(strstr(s->error, "wait for itself"));
}

/* ---------------------------------------------------------------- several runs of one job, and their time */

struct outcome { bool ended; enum run_status status; char error[500]; int at; };
static int outcomes;

static void on_outcome(void *arg, enum run_status status, const struct err *e)
{
    struct outcome *o = arg;
    assert_false(o->ended);
    o->ended = true;
    o->status = status;
    o->at = ++outcomes;
    snprintf(o->error, sizeof o->error, "%s", e ? e->msg : "");
}

static void start_also(struct scene *s, const char *job, struct outcome *o)
{
    struct err err = {0};
    *o = (struct outcome){0};
    if (jobs_run(s->jobs, str_z(job), "Schedule", NULL, on_outcome, o, &err))
        fail_msg("%s", err.msg);
}

static void until_starts(struct scene *s, int starts)
{
    int64_t deadline = time_mono_us() + DEADLINE_MS * INT64_C(1000);
    while (s->starts < starts && time_mono_us() < deadline)
        ev_run_once(s->loop, 20);
    assert_int_equal(s->starts, starts);
}

static void one_run_too_many_is_skipped(void **state)
{
    struct scene *s = *state;
    struct outcome second;
    have_jobs(s, "j:\n  tasks:\n" T("a", "pipeline_task: {ends: never}"));
    start(s, "j");
    until_starts(s, 1);
    start_also(s, "j", &second);
    until(s, &second.ended);
    assert_int_equal(second.status, RUN_SKIPPED);
    assert_non_null(strstr(second.error, "MAXIMUM_CONCURRENT_RUNS_REACHED"));
    assert_false(s->ended);
    assert_int_equal(s->starts, 1);
    jobs_stop(s->jobs, on_stopped, s);
    until(s, &s->stopped);
}

static void a_queue_keeps_runs_in_order(void **state)
{
    struct scene *s = *state;
    struct outcome o[3];
    have_jobs(s, "j:\n  queue: {enabled: true}\n  tasks:\n" T("a", OK));
    start(s, "j");
    for (size_t i = 0; i < COUNT_OF(o); i++)
        start_also(s, "j", &o[i]);
    until(s, &s->ended);
    for (size_t i = 0; i < COUNT_OF(o); i++) {
        until(s, &o[i].ended);
        assert_int_equal(o[i].status, RUN_SUCCEEDED);
        assert_true(i == 0 || o[i].at > o[i - 1].at);
    }
    assert_int_equal(s->starts, 4);
    assert_str(buf_view(&s->order), "a Succeeded, a Succeeded, a Succeeded, a Succeeded");
}

static void two_may_run_at_a_time(void **state)
{
    struct scene *s = *state;
    struct outcome second, third;
    have_jobs(s, "j:\n  max_concurrent_runs: 2\n  tasks:\n" T("a", "pipeline_task: {ends: never}"));
    start(s, "j");
    start_also(s, "j", &second);
    until_starts(s, 2);
    start_also(s, "j", &third);
    until(s, &third.ended);
    assert_int_equal(third.status, RUN_SKIPPED);
    jobs_stop(s->jobs, on_stopped, s);
    until(s, &s->stopped);
    assert_int_equal(second.status, RUN_CANCELED);
}

static void a_run_that_waits_can_be_canceled(void **state)
{
    struct scene *s = *state;
    struct outcome second;
    have_jobs(s, "j:\n  queue: {enabled: true}\n  tasks:\n" T("a", "pipeline_task: {ends: never}"));
    start(s, "j");
    until_starts(s, 1);
    start_also(s, "j", &second);
    jobs_stop(s->jobs, on_stopped, s);
    until(s, &s->stopped);
    assert_true(second.ended);
    assert_int_equal(second.status, RUN_CANCELED);
    assert_int_equal(s->starts, 1);
}

static void a_skipped_child_fails_its_task(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "outer:\n  tasks:\n    - {task_key: call, run_job_task: {job_id: inner}}\ninner:\n  max_concurrent_runs: 0\n  tasks:\n" T("work", OK));
    start(s, "outer");
    expect(s, RUN_FAILED, "call Failed");
    assert_non_null(strstr(s->error, "MAXIMUM_CONCURRENT_RUNS_REACHED"));
}

static void a_job_that_runs_too_long_times_out(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  timeout_seconds: 1\n  tasks:\n" T("a", "max_retries: 5, pipeline_task: {ends: never}") T("b", OK AFTER("a")));
    start(s, "j");
    expect(s, RUN_TIMED_OUT, "a Cancelled, b Cancelled");
    assert_non_null(strstr(s->error, "the job ran longer than its timeout_seconds"));
    assert_int_equal(s->starts, 1);
}

static void a_timeout_is_tried_again_if_told(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n" T("a", "timeout_seconds: 1, max_retries: 1, retry_on_timeout: true, pipeline_task: {ends: never}"));
    start(s, "j");
    until(s, &s->ended);
    assert_int_equal(s->status, RUN_FAILED);
    assert_int_equal(s->starts, 2);
}

static void a_retry_waits_its_interval(void **state)
{
    struct scene *s = *state;
    int64_t began = time_mono_us();
    have_jobs(s, "j:\n  tasks:\n" T("a", "max_retries: 1, min_retry_interval_millis: 300, pipeline_task: {fails: 1}"));
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "a Succeeded");
    assert_true(time_mono_us() - began >= 200000); /* the loop's clock may be behind a little */
}

/* ---------------------------------------------------------------- for_each_task */

static void each_input_is_a_run(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  parameters: [{name: who, default: job}]\n  tasks:\n"
                 "    - task_key: all\n      for_each_task:\n        inputs: '[\"x\", {\"day\": 7}]'\n"
                 "        task: {task_key: one, pipeline_task: {text: 'on {{input}} {{job.parameters.who}}', parameters: {p: '{{input}}'}}}\n" T("after", OK AFTER("all")));
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "all Succeeded, after Succeeded");
    assert_int_equal(s->starts, 3);
}

static void a_field_of_an_input(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n"
                 "    - {task_key: all, for_each_task: {inputs: '[{\"a\": {\"b\": 7}}]', task: {task_key: one, pipeline_task: {text: '{{input.a.b}} of {{input}}'}}}}\n");
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "all Succeeded");
    assert_str(doc_get(s->settings, "text")->text, "7 of {\"a\":{\"b\":7}}");
}

static void one_iteration_that_fails(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n"
                 "    - {task_key: all, for_each_task: {inputs: '[\"ok\", \"fail\", \"ok\"]', concurrency: 2, task: {task_key: one, pipeline_task: {ends: '{{input}}'}}}}\n");
    start(s, "j");
    expect(s, RUN_FAILED, "all Failed");
    assert_int_equal(s->starts, 3);
    assert_string_equal(s->error, "task 'all': 1 of 3 iterations failed: input 1: as told");
}

static void iterations_are_canceled(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  timeout_seconds: 1\n  tasks:\n"
                 "    - {task_key: all, for_each_task: {inputs: '[1, 2, 3]', concurrency: 2, task: {task_key: one, pipeline_task: {ends: never}}}}\n");
    start(s, "j");
    expect(s, RUN_TIMED_OUT, "all Cancelled");
    assert_int_equal(s->starts, 2);
}

static void no_input_is_success(void **state)
{
    struct scene *s = *state;
    have_jobs(s, "j:\n  tasks:\n    - {task_key: all, for_each_task: {inputs: '[]', task: {task_key: one, pipeline_task: {}}}}\n");
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "all Succeeded");
    assert_int_equal(s->starts, 0);
}

static void stopping_cancels_what_runs(void **state)
{
    struct scene *s = *state;
    struct err err = {0};
    have_jobs(s, "j:\n  tasks:\n" T("a", "pipeline_task: {ends: never}") T("b", OK AFTER("a")));
    start(s, "j");
    while (!s->starts)
        ev_run_once(s->loop, 20);
    jobs_stop(s->jobs, on_stopped, s);
    expect(s, RUN_CANCELED, "a Cancelled, b Cancelled");
    until(s, &s->stopped);
    assert_int_equal(jobs_run(s->jobs, STR("j"), "Manual", NULL, on_done, s, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
}

/* ---------------------------------------------------------------- refused before anything runs */

static const struct { const char *tasks, *says; int line; } REFUSED[] = {
    {T("a", "spark_jar_task: {main_class_name: x}"), "spark_jar_task is not supported", 3},
    {T("a", "for_each_task: {inputs: '[]'}"), "task", 3},
    {T("a", "for_each_task: {inputs: 'x', task: {task_key: b, " OK "}}"), "JSON array", 3},
    {T("a", "for_each_task: {inputs: '[]', concurrency: 0, task: {task_key: b, " OK "}}"), "JOBS_MAX_CONCURRENCY", 3},
    {T("a", "for_each_task: {inputs: '[]', task: {task_key: b, for_each_task: {}}}"), "no for_each_task", 3},
    {T("a", "for_each_task: {inputs: '[]', task: {task_key: b, depends_on: [], " OK "}}"), "no depends_on", 3},
    {T("a", "for_each_task: {inputs: '[]', task: {task_key: b, dbt_task: {}}}"), "dbt_task", 3},
    {T("a", "run_job_task: {job_id: j}"), "runs itself", 3},
    {T("a", OK) "  continuous: {}\n", "continuous does not start", 4},
    {T("a", OK) "  trigger: {file_arrival: {url: /Volumes/x}}\n", "trigger.file_arrival", 4},
    {T("a", OK ", condition_task: {}"), "one kind", 3},
    {T("a", "max_retries: 1"), "nothing to run", 3},
    {T("a", "pipelin_task: {pipeline_id: x}"), "no key 'pipelin_task'; did you mean 'pipeline_task'?", 3},
    {T("a", "depend_on: []"), "no key 'depend_on'; did you mean 'depends_on'?", 3},
    {T("a", "quite_another: {}"), "no key 'quite_another', and this one says nothing to run", 3},
    {T("a", OK) T("a", OK), "two tasks have the key 'a'", 4},
    {T("a", OK AFTER("z")), "'z'", 3},
    {T("a", OK AFTER("b")) T("b", OK AFTER("a")), "depends on itself", 3},
    {T("a", "run_job_task: {job_id: nope}"), "'nope'", 3},
    {T("a", OK ", run_if: SOMETIMES"), "unknown run_if 'SOMETIMES'", 3},
    {T("a", "condition_task: {op: LIKE, left: a, right: b}"), "'LIKE'", 3},
    /* What would change a run is never ignored. */
    {T("a", OK ", dependson: [{task_key: b}]"), "a task has no key 'dependson'; did you mean 'depends_on'?", 3},
    {T("a", OK ", depends_on: {task_key: b}"), "depends_on is a list", 3},
    {T("a", OK ", max_retries: often"), "max_retries is a whole number", 3},
    {T("a", OK ", timeout_seconds: -1"), "timeout_seconds is a whole number, 0 or more", 3},
    {T("a", OK ", retry_on_timeout: 'yes'"), "retry_on_timeout is true or false", 3},
    {T("a", OK ", disabled: true"), "disabled of a task is not supported here: take the task out", 3},
    {T("a", "notebook_task: {notebook_path: x, base_parameters: [1]}"), "base_parameters is a mapping", 3},
    {T("a", "notebook_task: {notebook_path: x, base_parameters: {p: [1]}}"), "the parameter 'p' is a text", 3},
    {T("a", "condition_task: {op: EQUAL_TO, left: [1], right: a}"), "which are texts", 3},
    {T("a", "notebook_task: {notebook_path: x, source: GIT}"), "source: GIT is not supported", 3},
    {T("a", "spark_python_task: {python_file: x.py, source: GIT}"), "source: GIT is not supported", 3},
    {T("a", "spark_python_task: {python_file: x.py, parameter: []}"), "did you mean 'parameters'?", 3},
    {T("a", "sql_task: {query: {query_id: x}}"), "query of sql_task is not supported here: sql_task runs files", 3},
    {T("a", "for_each_task: {inputs: '[]', task: {task_key: b, disabled: true, " OK "}}"), "disabled of a task", 3},
    {T("a", "for_each_task: {inputs: '[]', concurency: 2, task: {task_key: b, " OK "}}"), "did you mean 'concurrency'?", 3},
    {T("a", "run_job_task: {job_id: nope, notebook_params: {}}"), "notebook_params of run_job_task is not supported", 3},
    {T("a", OK) "  git_source: {git_url: x}\n", "git_source of a job is not supported here: tasks run the files of this bundle", 4},
    {T("a", OK) "  max_concurrent_run: 3\n", "did you mean 'max_concurrent_runs'?", 4},
    {T("a", OK) "  max_concurrent_runs: many\n", "max_concurrent_runs is a whole number", 4},
    {T("a", OK) "  queue: {enabled: sure}\n", "queue.enabled is true or false", 4},
    {T("a", OK) "  parameters: {day: 1}\n", "parameters is a list", 4},
    {T("a", OK) "  parameters: [{default: 1}]\n", "name", 4},
    {T("a", OK) "  parameters: [{name: p, default: [1]}]\n", "default of a job's parameter is a text", 4},
    {T("a", OK) "  schedule: {quartz_cron_expression: '0 0 25 * * ?'}\n", "25", 4},
    {T("a", OK) "  schedule: {quartz_cron_expression: '0 0 5 * * ?', timezone_id: Middle/Earth}\n", "Middle/Earth", 4},
    {T("a", OK) "  schedule: {quartz_cron_expression: '0 0 5 * * ?', pause_status: paused}\n", "pause_status is PAUSED or UNPAUSED", 4},
    {T("a", OK) "  trigger: {periodic: {interval: 0, unit: DAYS}}\n", "periodic needs an interval", 4},
    {T("a", OK) "  schedule: {quartz_cron_expression: '0 0 5 * * ?'}\n  trigger: {periodic: {interval: 1}}\n", "not both", 5},
};

/* Of machines, people and rights: accepted, and nothing that a run does depends on them. */
static const char APART[] =
    T("a", OK ", run_if: ALL_DONE, timeout_seconds: 0, email_notifications: {on_failure: [x@y.z]}, health: {rules: []}, job_cluster_key: c, environment_key: e,"
           " libraries: [{pypi: {package: x}}], disabled: false, description: null")
    "  tags: {team: x}\n  run_as: {user_name: x}\n  permissions: []\n  email_notifications: {}\n  webhook_notifications: {}\n  health: {rules: []}\n"
    "  environments: [{environment_key: e}]\n  job_clusters: [{job_cluster_key: c}]\n  performance_target: STANDARD\n  quite_new_setting: 1\n"
    "  notification_settings:\n";

struct findings { size_t count; struct err last; };

static void on_found(void *ctx, const struct err *finding)
{
    struct findings *f = ctx;
    f->count++;
    f->last = *finding;
}

static void refused_by_name(void **state)
{
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        struct scene *s;
        struct findings f = {0};
        setup((void **)&s);
        have_jobs(s, arena_printf(s->a, "j:\n  tasks:\n%s", REFUSED[i].tasks));
        assert_int_equal(jobs_check(s->jobs, on_found, &f), 1);
        if (f.count != 1 || !strstr(f.last.msg, REFUSED[i].says) || f.last.where.line != REFUSED[i].line)
            fail_msg("%s: %d: %s", REFUSED[i].says, f.last.where.line, f.last.msg);
        void *gone = s;
        teardown(&gone);
    }
    (void)state;
}

static void accepted_without_effect(void **state)
{
    struct scene *s = *state;
    struct findings f = {0};
    have_jobs(s, arena_printf(s->a, "j:\n  tasks:\n%s", APART));
    size_t n = jobs_check(s->jobs, on_found, &f);
    if (n)
        fail_msg("%d: %s", f.last.where.line, f.last.msg);
    start(s, "j");
    expect(s, RUN_SUCCEEDED, "a Succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs),
        cmocka_unit_test_setup_teardown(retries_start_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(each_attempt_is_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_that_runs_too_long_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_failure_is_the_jobs, setup, teardown),
        cmocka_unit_test_setup_teardown(parameters_reach_the_task, setup, teardown),
        cmocka_unit_test_setup_teardown(parameters_are_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_runs_a_job, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_that_call_each_other_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_does_not_wait_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(one_run_too_many_is_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_queue_keeps_runs_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(two_may_run_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_waits_can_be_canceled, setup, teardown),
        cmocka_unit_test_setup_teardown(a_skipped_child_fails_its_task, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_that_runs_too_long_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timeout_is_tried_again_if_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_waits_its_interval, setup, teardown),
        cmocka_unit_test_setup_teardown(each_input_is_a_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_field_of_an_input, setup, teardown),
        cmocka_unit_test_setup_teardown(one_iteration_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(iterations_are_canceled, setup, teardown),
        cmocka_unit_test_setup_teardown(no_input_is_success, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_cancels_what_runs, setup, teardown),
        cmocka_unit_test(refused_by_name),
        cmocka_unit_test_setup_teardown(accepted_without_effect, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
