#include "functions/schedule.h"
#include "functions/settings.h"

enum { SCHEDULE_TRIES = 1000 }; /* local times skipped in a row before a schedule counts as empty */

int schedule_parse(struct schedule *s, struct str text, struct str zone, struct err *err)
{
    *s = (struct schedule){.text = text};
    if (zone.len) {
        s->zone = zone_find(zone, err);
        if (!s->zone)
            return err_wrap(err, "the app setting 'WEBSITE_TIME_ZONE'");
        if (zone_is_utc(s->zone))
            s->zone = NULL;
    }
    struct str trimmed = str_trim(text);
    if (str_chr(trimmed, ':') < 0) {
        if (cron_parse(&s->cron, CRON_NCRONTAB, trimmed, err) == 0)
            return 0;
        return err_wrap(err, "the schedule '%.*s'", STR_ARGS(text));
    }
    if (!timespan_ms(trimmed, &s->every_ms) || s->every_ms <= 0)
        return err_set(err, ERR_INPUT, "the schedule '%.*s' is neither NCRONTAB (six fields, seconds first) nor a "
                       "time such as 00:05:00", STR_ARGS(text));
    return 0;
}

static int64_t floor_s(struct tp t)
{
    return t.us / 1000000 - (t.us % 1000000 < 0);
}

bool schedule_next(const struct schedule *s, struct tp after, struct tp *next)
{
    if (s->every_ms) {
        next->us = after.us + s->every_ms * 1000;
        return true;
    }
    if (!s->zone)
        return cron_next(&s->cron, after, next);
    int64_t after_s = floor_s(after);
    struct tp local = {(after_s + zone_offset(s->zone, after_s)) * 1000000};
    for (int i = 0; i < SCHEDULE_TRIES; i++) {
        int64_t at[2];
        if (!cron_next(&s->cron, local, &local))
            return false;
        if (zone_instants(s->zone, floor_s(local), at) > 0 && at[0] > after_s) {
            next->us = at[0] * 1000000;
            return true;
        }
    }
    return false;
}

bool schedule_monitored(const struct schedule *s, struct tp now)
{
    struct tp first, second;
    return schedule_next(s, now, &first) && schedule_next(s, first, &second) &&
           second.us - first.us >= SCHEDULE_MONITOR_MS * INT64_C(1000);
}

bool schedule_past_due(const struct schedule *s, const struct schedule_state *kept, struct tp now)
{
    struct tp next = kept->next;
    if (!kept->updated.us)
        return false;
    /* The schedule may have been edited since: what counts is the next time after the last run. */
    if (kept->last.us && !schedule_next(s, kept->last, &next))
        return false;
    return next.us && next.us < now.us;
}

struct str schedule_trigger_json(struct arena *a, const struct schedule_state *kept, bool past_due)
{
    char last[40], next[40], updated[40];
    const char *due = past_due ? "true" : "false";
    if (!kept || !kept->updated.us)
        return str_fmt(a, "{\"Schedule\":{\"AdjustForDST\":true},\"ScheduleStatus\":null,\"IsPastDue\":%s}", due);
    return str_fmt(a, "{\"Schedule\":{\"AdjustForDST\":true},\"ScheduleStatus\":{\"Last\":\"%s\",\"LastUpdated\":\"%s\","
                   "\"Next\":\"%s\"},\"IsPastDue\":%s}", time_iso(kept->last, 7, last),
                   time_iso(kept->updated, 7, updated), time_iso(kept->next, 7, next), due);
}
