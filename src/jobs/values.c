/* values -- what {{job.…}}, {{task.…}} and {{tasks.…}} say while a run goes on, and a task's parameters. */
#include "jobs/jobs_int.h"

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
    if (!str_split(&path, '.', &key) || jobs_task_index(r->tasks, r->task_count, key, &at))
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

bool jobs_dynamic_value(void *ctx, struct str path, struct str *value)
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

/* Those of the task (a notebook's base_parameters), and over them the job's: all of them texts. */
struct doc *jobs_task_params(struct arena *a, const struct doc *job, const struct doc *settings)
{
    struct doc *p = doc_new_object(a);
    const struct doc *own = doc_get(settings, "base_parameters") ? doc_get(settings, "base_parameters") : doc_get(settings, "parameters");
    const struct doc *const both[] = {own, job};
    for (size_t k = 0; k < COUNT_OF(both); k++) /* a job's parameter wins over a task's of the same name */
        for (size_t i = 0; doc_is(both[k], DOC_OBJECT) && i < both[k]->count; i++)
            doc_set(a, p, both[k]->keys[i].name, doc_new_str(a, jobs_param_text(both[k]->items[i])));
    return p;
}
