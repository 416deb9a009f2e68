/* schedule -- schedules and periodic triggers of a bundle's jobs. */
#include "jobs/jobs_int.h"
#include "base/zone.h"

enum { PERIODIC_MAX = 100000 }; /* units */

static void schedule_next(struct job_schedule *s);

static void schedule_fire(void *arg)
{
    struct job_schedule *s = arg;
    struct err err = {0};
    if (jobs_run(s->jobs, s->job->key, "Schedule", NULL, NULL, NULL, &err))
        log_err(LOG_ERROR, "job", &err);
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

/* PAUSED, UNPAUSED, or nothing, which is UNPAUSED. */
static int read_pause(const struct doc *owner, bool *on, struct err *err)
{
    const struct doc *status = doc_get(owner, "pause_status");
    struct str text = doc_str(status, STR_NONE);
    *on = !str_eqz(text, "PAUSED");
    if (status && status->kind != DOC_NULL && *on && !str_eqz(text, "UNPAUSED"))
        return doc_err(status, ERR_INPUT, err, "pause_status is PAUSED or UNPAUSED");
    return 0;
}

static int read_periodic(const struct doc *periodic, struct job_schedule *s, struct err *err)
{
    static const struct { const char *unit; int64_t ms; } units[] = {{"MINUTES", 60000}, {"HOURS", 3600000}, {"DAYS", 86400000}, {"WEEKS", 604800000}};
    int64_t n = 1;
    struct str unit = doc_str(doc_get(periodic, "unit"), STR("HOURS"));
    bool given = !doc_get(periodic, "interval") || doc_i64(doc_get(periodic, "interval"), &n);
    for (size_t i = 0; given && n > 0 && n <= PERIODIC_MAX && i < COUNT_OF(units); i++)
        if (str_eqz(unit, units[i].unit))
            s->every_ms = n * units[i].ms;
    return s->every_ms > 0 ? 0 : doc_err(periodic, ERR_INPUT, err, "periodic needs an interval and a unit of MINUTES, HOURS, DAYS or WEEKS");
}

int jobs_schedule_read(const struct bundle_resource *job, struct job_schedule *s, bool *on, struct err *err)
{
    const struct doc *schedule = doc_get(job->doc, "schedule"), *trigger = doc_get(job->doc, "trigger"), *periodic = doc_get(trigger, "periodic");
    *on = false;
    *s = (struct job_schedule){.job = job};
    if (schedule && periodic)
        return doc_err(trigger, ERR_INPUT, err, "a job has a schedule or a trigger, not both");
    if (read_pause(schedule ? schedule : trigger, on, err))
        return -1;
    *on &= schedule || periodic;
    if (periodic)
        return read_periodic(periodic, s, err);
    if (!schedule)
        return 0;
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
        if (jobs_schedule_read(&j->o.bundle->resources[i], s, &on, err))
            return -1;
        if (!on)
            continue;
        s->jobs = j;
        j->schedule_count++;
        s->timer = ev_timer_new(j->o.loop, schedule_fire, s);
        schedule_next(s);
    }
    return 0;
}
