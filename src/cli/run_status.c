/* run_status -- the board's rows, from the parts' own figures. */
#include "cli/run.h"
#include <stdio.h>
#include <string.h>

static void show_dataset(void *ctx, const struct dataset_status *d)
{
    struct run *r = ctx;
    static const enum status_mood moods[] = {[FLOW_STATE_IDLE] = MOOD_GOOD, [FLOW_STATE_QUEUED] = MOOD_BUSY, [FLOW_STATE_RUNNING] = MOOD_BUSY,
                                             [FLOW_STATE_WAITING] = MOOD_IDLE, [FLOW_STATE_FAILED] = MOOD_BAD,
                                             [FLOW_STATE_COMPLETED] = MOOD_GOOD, [FLOW_STATE_SKIPPED] = MOOD_IDLE};
    static const char *const words[] = {[FLOW_STATE_IDLE] = "live", [FLOW_STATE_QUEUED] = "queued", [FLOW_STATE_RUNNING] = "running",
                                        [FLOW_STATE_WAITING] = "waiting", [FLOW_STATE_FAILED] = "failed",
                                        [FLOW_STATE_COMPLETED] = "complete", [FLOW_STATE_SKIPPED] = "skipped"};
    char name[96];
    if (!d->table_dir)
        return;
    snprintf(name, sizeof name, "%.*s", STR_ARGS(d->name));
    struct status_row *row = status_row(r->status, GROUP_TABLE, name);
    bool busy = d->state == FLOW_STATE_RUNNING || d->state == FLOW_STATE_QUEUED;
    row->warned = row->dropped = row->failed = 0;
    for (size_t i = 0; i < d->expectation_count; i++) {
        int64_t *to = d->expectations[i].on == VIOLATION_WARN ? &row->warned : d->expectations[i].on == VIOLATION_DROP ? &row->dropped : &row->failed;
        *to += d->expectations[i].failed;
    }
    if (d->rows >= 0)
        status_rows(r->status, GROUP_TABLE, name, d->rows);
    if (d->last_batch.us) /* rows may change and their number not */
        row->changed_us = time_mono_us() - (time_now().us - d->last_batch.us);
    if (!busy || !row->state[0]) /* a streaming table that works is no news */
        status_state(r->status, GROUP_TABLE, name, moods[d->state], words[busy ? FLOW_STATE_RUNNING : d->state], "%.*s", STR_ARGS(d->reason));
}

static void show_hub(void *arg, const struct hub_stats *s)
{
    struct run *r = arg;
    for (size_t i = 0; i < s->topic_count; i++) {
        const struct hub_topic_stat *t = &s->topics[i];
        if (t->internal)
            continue;
        status_rows(r->status, GROUP_STREAM, t->name, t->events);
        status_state(r->status, GROUP_STREAM, t->name, t->events_per_s > 0.5 ? MOOD_BUSY : MOOD_GOOD, "ready", "%d partition%s", t->part_count,
                     t->part_count == 1 ? "" : "s");
    }
}

static void show_functions(struct run *r)
{
    for (size_t i = 0; r->apps && i < r->project->function_count; i++) {
        struct function_status f;
        size_t at = 0;
        while (functions_next(r->apps[i].app, &at, &f)) {
            char name[96];
            snprintf(name, sizeof name, "%.*s", STR_ARGS(f.name));
            status_rows(r->status, GROUP_FUNCTION, name, f.events);
            status_state(r->status, GROUP_FUNCTION, name, f.error ? MOOD_BAD : f.state == FUNCTION_RUNNING ? MOOD_BUSY : MOOD_GOOD,
                         f.error ? "failed" : "ready", "%s", f.error ? f.error->msg : "");
        }
    }
}

void run_show(struct run *r)
{
    if (r->hub && !r->stopping)
        hub_stats(r->hub, show_hub, r);
    show_functions(r);
    for (size_t i = 0; i < r->capture_count; i++) {
        struct capture_stat s;
        const struct run_capture *c = &r->captures[i];
        if (!c->capture)
            continue;
        capture_stats(c->capture, &s);
        status_rows(r->status, GROUP_TABLE, c->name, s.rows);
        status_state(r->status, GROUP_TABLE, c->name, s.error.code != ERR_OK ? MOOD_BAD : MOOD_GOOD, s.error.code != ERR_OK ? "retrying" : "captured",
                     "%s", s.error.code != ERR_OK ? s.error.msg : "");
    }
    pipelines_each(r->pipelines, show_dataset, r);
}
