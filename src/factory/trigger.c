/* Triggers that go by time.
 *
 * ScheduleTrigger: occurrences are counted from startTime in steps of `interval` units. Minutes and
 * hours are fixed lengths; days, weeks and months are counted on the calendar of `timeZone`, and
 * "schedule" says which hours, minutes, weekdays and days of the month of such a period. A local
 * time that its zone's clocks skip does not occur; one they show twice occurs once, the first time.
 *
 * TumblingWindowTrigger: windows of fixed length from startTime on; a window fires at its end plus
 * `delay`, oldest first. */
#include "base/zone.h"
#include "factory/date.h"
#include "factory/data.h"
#include "factory/run_int.h"

#include <stdlib.h>
#include <string.h>

enum { TRIGGER_HORIZON_DAYS = 3660, TRIGGER_MAX_LIST = 64, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

enum unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_COUNT };
static const char *const unit_names[UNIT_COUNT] = {"Minute", "Hour", "Day", "Week", "Month"};
static const char *const day_names[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
                                         "Friday", "Saturday"};

struct recurrence {
    enum unit unit;
    int64_t interval, start_s, end_s;    /* seconds since 1970 */
    int64_t start_local_s;
    const struct zone *zone;             /* NULL: UTC */
    int hours[TRIGGER_MAX_LIST], minutes[TRIGGER_MAX_LIST], month_days[TRIGGER_MAX_LIST];
    size_t hour_count, minute_count, month_day_count;
    bool weekdays[7], any_weekday;
    bool tumbling;
    int64_t delay_s;
};

/* ---------------------------------------------------------------- reading */

static int read_instant(const struct doc *d, const struct zone *zone, int64_t *unix_s, struct err *err)
{
    struct date date;
    int64_t at[2];
    if (!doc_is(d, DOC_STRING) || !date_read(d->text, &date))
        return doc_err(d, ERR_INPUT, err, "a date and time is expected here");
    *unix_s = date_tp(date).us / 1000000;
    if (date.kind == DATE_PLAIN && zone) {
        if (zone_instants(zone, *unix_s, at) < 1)
            return doc_err(d, ERR_INPUT, err, "the time zone's clocks never show this time");
        *unix_s = at[0];
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int read_numbers(const struct doc *list, int low, int high, int *out, size_t *count,
                        struct err *err)
{
    for (size_t i = 0; doc_is(list, DOC_ARRAY) && i < list->count; i++) {
        int64_t v;
        if (!doc_i64(list->items[i], &v) || v < low || v > high)
            return doc_err(list->items[i], ERR_INPUT, err, "a number from %d to %d is expected",
                           low, high);
        if (*count >= TRIGGER_MAX_LIST)
            return doc_err(list, ERR_LIMIT, err, "more than %d entries", TRIGGER_MAX_LIST);
        out[(*count)++] = (int)v;
    }
    qsort(out, *count, sizeof *out, by_value);
    return 0;
}

static int read_schedule(const struct doc *s, struct recurrence *r, struct err *err)
{
    const struct doc *days = doc_get(s, "weekDays");
    static const char *const known[] = {"minutes", "hours", "weekDays", "monthDays"};
    for (size_t i = 0; doc_is(s, DOC_OBJECT) && i < s->count; i++) {
        bool ok = false;
        for (size_t k = 0; k < COUNT_OF(known); k++)
            ok |= str_eqz(s->keys[i].name, known[k]);
        if (!ok && !(s->items[i]->kind == DOC_ARRAY && !s->items[i]->count))
            return doc_err(s->items[i], ERR_UNSUPPORTED, err,
                           "\"%.*s\" of a schedule is not supported", STR_ARGS(s->keys[i].name));
    }
    if (read_numbers(doc_get(s, "minutes"), 0, 59, r->minutes, &r->minute_count, err) ||
        read_numbers(doc_get(s, "hours"), 0, 23, r->hours, &r->hour_count, err) ||
        read_numbers(doc_get(s, "monthDays"), -31, 31, r->month_days, &r->month_day_count, err))
        return -1;
    r->any_weekday = !doc_is(days, DOC_ARRAY) || !days->count;
    for (size_t i = 0; doc_is(days, DOC_ARRAY) && i < days->count; i++) {
        int found = -1;
        for (int k = 0; k < 7; k++)
            if (str_ieqz(doc_str(days->items[i], STR("")), day_names[k]))
                found = k;
        if (found < 0)
            return doc_err(days->items[i], ERR_INPUT, err, "a day of the week is expected");
        r->weekdays[found] = true;
    }
    return 0;
}

/* What "schedule" leaves open comes from startTime. */
static void fill_schedule(struct recurrence *r)
{
    struct civil c = civil_of((struct tp){r->start_local_s * 1000000});
    if (!r->minute_count)
        r->minutes[r->minute_count++] = c.minute;
    if (!r->hour_count)
        r->hours[r->hour_count++] = c.hour;
    if (r->unit == UNIT_WEEK && r->any_weekday) {
        r->weekdays[c.weekday] = true;
        r->any_weekday = false;
    }
    if (r->unit == UNIT_MONTH && !r->month_day_count)
        r->month_days[r->month_day_count++] = c.day;
}

static int read_recurrence(const struct model_item *item, struct recurrence *r, struct err *err)
{
    const struct doc *props = doc_get(item->props, "typeProperties"), *end, *unit;
    struct str type = data_text(item->props, "type"), zone;
    *r = (struct recurrence){.interval = 1, .end_s = INT64_MAX, .any_weekday = true};
    r->tumbling = str_ieqz(type, "TumblingWindowTrigger");
    const struct doc *d = r->tumbling ? props : doc_get(props, "recurrence");
    if (!(unit = doc_need(d ? d : item->props, "frequency", DOC_STRING, err)))
        return -1;
    for (r->unit = 0; r->unit < UNIT_COUNT && !str_ieqz(unit->text, unit_names[r->unit]); r->unit++)
        ;
    if (r->unit == UNIT_COUNT || (r->tumbling && r->unit > UNIT_HOUR))
        return doc_err(unit, ERR_UNSUPPORTED, err, "frequency %.*s is not supported%s",
                       STR_ARGS(unit->text), r->tumbling ? " for windows; Minute and Hour are" : "");
    if (doc_get(d, "interval") && (!doc_i64(doc_get(d, "interval"), &r->interval) || r->interval < 1))
        return doc_err(doc_get(d, "interval"), ERR_INPUT, err, "\"interval\" is a number from 1 on");
    zone = data_text(d, "timeZone");
    if (zone.len && !(r->zone = zone_find(zone, err)))
        return err_locate(err, doc_get(d, "timeZone")->file, doc_get(d, "timeZone")->line,
                          doc_get(d, "timeZone")->col);
    if (!doc_need(d, "startTime", DOC_STRING, err) ||
        read_instant(doc_get(d, "startTime"), r->zone, &r->start_s, err))
        return -1;
    end = doc_get(d, "endTime");
    if (doc_is(end, DOC_STRING) && end->text.len && read_instant(end, r->zone, &r->end_s, err))
        return -1;
    r->start_local_s = r->start_s + (r->zone ? zone_offset(r->zone, r->start_s) : 0);
    if (model_span_ms(data_text(d, "delay"), &r->delay_s))
        r->delay_s /= 1000;
    if (read_schedule(doc_get(d, "schedule"), r, err))
        return -1;
    if (r->unit <= UNIT_HOUR && (r->hour_count || !r->any_weekday || r->month_day_count))
        return doc_err(doc_get(d, "schedule"), ERR_UNSUPPORTED, err,
                       "a schedule by %s can name minutes only", unit_names[r->unit]);
    if (r->unit > UNIT_HOUR)
        fill_schedule(r);
    return 0;
}

/* ---------------------------------------------------------------- occurrences */

static int64_t step_s(const struct recurrence *r)
{
    return r->interval * (r->unit == UNIT_MINUTE ? MINUTE_S : HOUR_S);
}

static bool next_fixed(const struct recurrence *r, int64_t after_s, int64_t *out)
{
    int64_t step = step_s(r), first = r->start_s + (r->tumbling ? step + r->delay_s : 0), k = 0;
    if (after_s >= first)
        k = (after_s - first) / step; /* the period that `after` is in */
    for (int tries = 0; tries < 3; tries++, k++) {
        int64_t t = first + k * step;
        if (r->unit == UNIT_HOUR && r->minute_count && !r->tumbling) {
            int64_t hour = t - t % HOUR_S;
            for (size_t m = 0; m < r->minute_count; m++) {
                t = hour + r->minutes[m] * MINUTE_S;
                if (t > after_s && t >= first) {
                    *out = t;
                    return t <= r->end_s;
                }
            }
        } else if (t > after_s) {
            *out = t;
            return t - (r->tumbling ? r->delay_s : 0) <= r->end_s;
        }
    }
    return false;
}

static bool day_fits(const struct recurrence *r, int64_t day, int64_t start_day)
{
    struct civil c = civil_of((struct tp){day * INT64_C(86400000000)});
    struct civil s = civil_of((struct tp){start_day * INT64_C(86400000000)});
    if (r->unit == UNIT_DAY)
        return (day - start_day) % r->interval == 0 && (r->any_weekday || r->weekdays[c.weekday]);
    if (r->unit == UNIT_WEEK) {
        int64_t week = (day - c.weekday - (start_day - s.weekday)) / 7;
        return week % r->interval == 0 && r->weekdays[c.weekday];
    }
    int64_t months = ((int64_t)c.year - s.year) * 12 + c.month - s.month;
    int last = 31;
    while (!civil_valid(c.year, c.month, last))
        last--;
    if (months % r->interval)
        return false;
    for (size_t i = 0; i < r->month_day_count; i++)
        if (c.day == (r->month_days[i] < 0 ? last + 1 + r->month_days[i] : r->month_days[i]))
            return r->any_weekday || r->weekdays[c.weekday];
    return false;
}

static bool next_calendar(const struct recurrence *r, int64_t after_s, int64_t *out)
{
    int64_t start_day = r->start_local_s / DAY_S, at[2];
    int64_t from = after_s < r->start_s ? r->start_s : after_s;
    int64_t day = (from + (r->zone ? zone_offset(r->zone, from) : 0)) / DAY_S;
    for (int n = 0; n < TRIGGER_HORIZON_DAYS; n++, day++) {
        if (!day_fits(r, day, start_day))
            continue;
        for (size_t h = 0; h < r->hour_count; h++)
            for (size_t m = 0; m < r->minute_count; m++) {
                int64_t local = day * DAY_S + r->hours[h] * HOUR_S + r->minutes[m] * MINUTE_S;
                if (!r->zone)
                    at[0] = local;
                else if (zone_instants(r->zone, local, at) < 1)
                    continue;
                if (at[0] > after_s && at[0] >= r->start_s) {
                    *out = at[0];
                    return at[0] <= r->end_s;
                }
            }
    }
    return false;
}

static bool is_timed(const struct model_item *item)
{
    struct str type = data_text(item->props, "type");
    return str_ieqz(type, "ScheduleTrigger") || str_ieqz(type, "TumblingWindowTrigger");
}

bool factory_next(const struct factory *f, const char *trigger, struct tp after, struct tp *next)
{
    struct model_item *item = model_find(f->model, MODEL_TRIGGER, str_z(trigger));
    struct recurrence r;
    struct err err;
    int64_t s, after_s = after.us >= 0 ? after.us / 1000000 : -1;
    if (!item || !item->props || !is_timed(item) || read_recurrence(item, &r, &err))
        return false;
    if (!(r.unit <= UNIT_HOUR ? next_fixed(&r, after_s, &s) : next_calendar(&r, after_s, &s)))
        return false;
    next->us = s * 1000000;
    return true;
}

/* ---------------------------------------------------------------- firing */

/* The n-th pipeline a trigger starts: of "pipelines", or the one "pipeline". */
static const struct doc *trigger_pipeline(const struct model_item *item, size_t n)
{
    const struct doc *list = doc_get(item->props, "pipelines"), *one = doc_get(item->props, "pipeline");
    if (doc_is(list, DOC_ARRAY) && n < list->count)
        return list->items[n];
    return !doc_is(list, DOC_ARRAY) && doc_is(one, DOC_OBJECT) && n == 0 ? one : NULL;
}

static const struct doc *trigger_scope(struct arena *a, const struct model_item *item,
                                       struct tp scheduled)
{
    struct doc *d = doc_new_object(a), *outputs = doc_new_object(a);
    struct recurrence r;
    struct err err;
    doc_set(a, d, STR("name"), doc_new_str(a, str_z(item->name)));
    doc_set(a, d, STR("scheduledTime"), (struct doc *)doc_trigger_time(a, scheduled));
    doc_set(a, d, STR("startTime"), (struct doc *)doc_trigger_time(a, time_now()));
    if (read_recurrence(item, &r, &err) == 0 && r.tumbling) {
        int64_t end_us = scheduled.us - r.delay_s * 1000000;
        doc_set(a, outputs, STR("windowStartTime"),
                (struct doc *)doc_trigger_time(a, (struct tp){end_us - step_s(&r) * 1000000}));
        doc_set(a, outputs, STR("windowEndTime"),
                (struct doc *)doc_trigger_time(a, (struct tp){end_us}));
    }
    doc_set(a, d, STR("outputs"), outputs);
    return d;
}

static int fire_one(struct factory *f, const struct model_item *item, const struct doc *entry,
                    struct arena *a, struct factory_start *start, struct err *err)
{
    const struct doc *given = doc_get(entry, "parameters");
    struct adf_scope scope = {.trigger = trigger_scope(a, item, start->trigger_time)};
    struct model_item *pipeline =
        model_ref(f->model, MODEL_PIPELINE, doc_get(entry, "pipelineReference"), err);
    if (!pipeline || check_first(f, pipeline->name, err))
        return -1;
    if (doc_is(given, DOC_OBJECT) && !(given = adf_doc(a, &scope, given, err)))
        return -1;
    start->pipeline = pipeline->name;
    start->params = doc_is(given, DOC_OBJECT) ? given : NULL;
    return run_new(f, start, NULL, err) ? 0 : -1;
}

int factory_fire(struct factory *f, const char *trigger, struct tp scheduled,
                 const struct factory_start *callbacks, struct err *err)
{
    struct model_item *item = model_find(f->model, MODEL_TRIGGER, str_z(trigger));
    struct factory_start start = *callbacks;
    const struct doc *entry;
    int n = 0, rc = 0;
    if (!item)
        return err_set(err, ERR_NOT_FOUND, "there is no trigger '%s'", trigger);
    if (f->stopping)
        return err_set(err, ERR_CANCELED, "the factory is stopping");
    if (!item->props) {
        *err = item->err;
        return -1;
    }
    for (size_t i = 0; (entry = trigger_pipeline(item, i)); i++) { /* all are good, or none starts */
        struct model_item *p =
            model_ref(f->model, MODEL_PIPELINE, doc_get(entry, "pipelineReference"), err);
        if (!p || check_first(f, p->name, err))
            return -1;
    }
    struct arena *a = arena_new();
    start.trigger_type = str_cz(a, data_text(item->props, "type"));
    start.trigger_name = item->name;
    start.trigger_time = scheduled;
    for (size_t i = 0; rc == 0 && (entry = trigger_pipeline(item, i)); i++) {
        rc = fire_one(f, item, entry, a, &start, err);
        n += rc == 0;
    }
    arena_free(a);
    return rc ? -1 : n;
}

void check_trigger(struct check *c, const struct model_item *item)
{
    struct recurrence r;
    struct err err = {};
    const struct doc *entry;
    bool started = str_ieqz(data_text(item->props, "runtimeState"), "Started");
    if (!is_timed(item)) {
        if (started)
            check_at(c, doc_get(item->props, "type"), ERR_UNSUPPORTED,
                     "trigger '%s' of type %.*s is not supported: schedules and tumbling windows are; "
                     "start its pipelines by hand", item->name,
                     STR_ARGS(data_text(item->props, "type")));
        return;
    }
    if (read_recurrence(item, &r, &err))
        check_fail(c, &err);
    const struct doc *depends = doc_path(item->props, "typeProperties.dependsOn");
    if (started && doc_is(depends, DOC_ARRAY) && depends->count)
        check_at(c, depends, ERR_UNSUPPORTED, "windows that wait for other triggers are not supported");
    for (size_t i = 0; (entry = trigger_pipeline(item, i)); i++) {
        struct model_item *p =
            model_ref(c->f->model, MODEL_PIPELINE, doc_get(entry, "pipelineReference"), &err);
        const struct doc *given = doc_get(entry, "parameters");
        if (!p)
            check_fail(c, &err);
        else if (given && adf_check(given, NULL, &err))
            check_fail(c, &err);
    }
}

/* ---------------------------------------------------------------- the schedule */

struct entry {
    struct factory *f;
    const char *trigger;
    struct tp next;
    struct ev_timer *timer;
    bool tumbling;
};

struct schedule {
    struct factory_start callbacks;
    struct entry *entries;
    size_t count;
};

static void arm(struct entry *e)
{
    int64_t ms = (e->next.us - time_now().us) / 1000;
    ev_timer_start(e->timer, ms < 0 ? 0 : ms + 1, 0);
}

static void fire_entry(void *arg)
{
    struct entry *e = arg;
    struct err err = {};
    if (time_now().us < e->next.us) { /* the clock went back, or the delay was cut */
        arm(e);
        return;
    }
    if (factory_fire(e->f, e->trigger, e->next, &e->f->schedule->callbacks, &err) < 0)
        log_err(LOG_ERROR, "factory", &err);
    struct tp after = e->tumbling || e->next.us > time_now().us ? e->next : time_now();
    if (factory_next(e->f, e->trigger, after, &e->next))
        arm(e);
}

void factory_schedule(struct factory *f, struct tp since, const struct factory_start *callbacks)
{
    factory_unschedule(f);
    struct schedule *s = NEW(struct schedule);
    s->callbacks = *callbacks;
    s->entries = mem_alloc((f->trigger_count + 1) * sizeof *s->entries);
    f->schedule = s;
    for (size_t i = 0; i < f->trigger_count; i++) {
        const struct factory_trigger *t = &f->triggers[i];
        struct entry *e = &s->entries[s->count];
        bool tumbling = strcmp(t->type, "TumblingWindowTrigger") == 0;
        if (!t->started || !factory_next(f, t->name, tumbling ? since : time_now(), &e->next))
            continue;
        *e = (struct entry){.f = f, .trigger = t->name, .next = e->next, .tumbling = tumbling};
        e->timer = ev_timer_new(f->opts.loop, fire_entry, e);
        s->count++;
        arm(e);
    }
}

void factory_unschedule(struct factory *f)
{
    struct schedule *s = f->schedule;
    for (size_t i = 0; s && i < s->count; i++)
        ev_timer_free(s->entries[i].timer);
    if (s)
        mem_free(s->entries);
    mem_free(s);
    f->schedule = NULL;
}
