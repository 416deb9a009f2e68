/* invoke -- one invocation, from its inputs to its last blob.
 *
 *   INPUTS   a pool thread reads the blob inputs
 *   CALL     the worker runs the user's code; functionTimeout ends the worker
 *   RECORD   a pool thread reads the events out of the answer and writes the outbox record
 *   SEND     the events are at the sink, a batch a hub; what may be tried again is, with growing pauses
 *   BLOBS    a pool thread writes the blobs
 *
 * A failed call publishes nothing; if the timer is monitored its schedule is recorded all the same.
 * Replays start at SEND. An invocation belongs to the loop's thread, and to the pool's while it is
 * there; it is freed when it is over and, if its app was freed meanwhile, when it comes back. */
#include "functions/functions_int.h"
#include "base/code.h"
#include <string.h>

enum { INPUTS_MAX_BYTES = 128 << 20 }; /* of all blob inputs of one invocation */
enum phase { PHASE_INPUTS, PHASE_CALL, PHASE_RECORD, PHASE_SEND, PHASE_BLOBS };

struct sent { struct invocation *i; bool ok, out; }; /* out: at the sink */

struct invocation {
    struct function *f;
    struct functions_app *app;
    struct arena *a;
    struct arena *answer;              /* the worker's frame; NULL: none */
    enum phase phase;
    char id[UUID_TEXT];
    bool past_due, note, replay, abandoned;
    struct tp started;
    struct str *inputs;                /* of each binding; ptr NULL: absent */
    struct ev_timer *timer;            /* functionTimeout, or the pause before a retry */
    int64_t us;
    struct outbox_record record;
    struct outbox_events events;
    struct sent *sent;
    size_t waiting;
    int tries;
    bool failed, timed_out;
    struct err err;
};

static void send_events(struct invocation *i);

static struct invocation *invocation_new(struct function *f, enum phase phase)
{
    struct invocation *i = NEW(struct invocation);
    CHECK(!f->running);
    i->f = f;
    i->app = f->app;
    i->a = arena_new();
    i->phase = phase;
    i->started = time_now();
    uuid_make(i->id);
    f->running = i;
    app_changed(f->app);
    return i;
}

static void invocation_free(struct invocation *i)
{
    ev_timer_free(i->timer);
    arena_free(i->answer);
    arena_free(i->a);
    mem_free(i);
}

/* ------------------------------------------------------------------ the end */

static void note_failure(struct invocation *i)
{
    struct function *f = i->f;
    struct arena *a = i->a;
    err_locate(&i->err, f->at->file, f->at->line, f->at->col);
    f->failures++;
    f->has_error = true;
    f->error = i->err;
    struct str text = settings_mask(i->app->settings, a, str_z(f->error.msg));
    memmove(f->error.msg, text.ptr, text.len < sizeof f->error.msg ? text.len : sizeof f->error.msg - 1);
    f->error.msg[text.len < sizeof f->error.msg ? text.len : sizeof f->error.msg - 1] = 0;
    log_err(LOG_ERROR, str_cz(a, str_fmt(a, "functions/%.*s", STR_ARGS(f->name))), &f->error);
}

static void finish(struct invocation *i)
{
    struct function *f = i->f;
    struct functions_app *app = i->app;
    bool failed = i->failed, note = i->note, replay = i->replay;
    int64_t events = failed ? 0 : i->events.events;
    f->running = NULL;
    if (!note && !replay) {
        f->invocations++;
        f->last = i->started;
        f->last_us = i->us;
    }
    if (failed) {
        note_failure(i);
    } else {
        f->events += events;
        for (size_t n = 0; n < i->record.count; n++)
            f->blobs += i->record.outputs[n].to_blob;
        if (!note)
            f->has_error = false;
    }
    struct err why = i->err;
    invocation_free(i);
    app_changed(app);
    app_hold(app); /* what is told may free it */
    if (replay)
        app_replayed(app, failed ? &why : NULL);
    else
        run_finished(f, failed, events);
    app_maybe_stopped(app);
    app_drop(app);
}

/* Back from a pool thread or the sink: false if the app was freed meanwhile; then `i` is gone. */
static bool back(struct invocation *i)
{
    struct functions_app *app = i->app;
    bool abandoned = i->abandoned;
    if (abandoned && i->waiting == 0)
        invocation_free(i);
    app_drop(app); /* frees the app only if it was freed already, that is, if abandoned */
    return !abandoned;
}

static void on_pool(struct invocation *i, enum phase phase, ev_fn work, ev_fn done)
{
    i->phase = phase;
    app_hold(i->app);
    ev_work(i->app->opts.loop, work, done, i);
}

void invoke_abandon(struct invocation *i)
{
    i->abandoned = true;
    ev_timer_free(i->timer);
    i->timer = NULL;
    bool elsewhere = i->phase == PHASE_INPUTS || i->phase == PHASE_RECORD || i->phase == PHASE_BLOBS || i->waiting > 0;
    if (!elsewhere)
        invocation_free(i);
}

/* ------------------------------------------------------------------ blobs */

static void blobs_work(void *arg)
{
    struct invocation *i = arg;
    i->failed = outbox_blobs(&i->f->outbox, &i->record, i->app->opts.names, &i->err) != 0;
}

static void blobs_done(void *arg)
{
    struct invocation *i = arg;
    if (!back(i))
        return;
    i->f->stuck |= i->failed;
    finish(i);
}

static bool has_blobs(const struct invocation *i)
{
    for (size_t n = 0; n < i->record.count; n++)
        if (i->record.outputs[n].to_blob)
            return true;
    return false;
}

static void write_blobs(struct invocation *i)
{
    if (has_blobs(i))
        on_pool(i, PHASE_BLOBS, blobs_work, blobs_done);
    else
        finish(i);
}

/* ------------------------------------------------------------------ events */

static void on_retry(void *arg)
{
    struct invocation *i = arg;
    ev_timer_free(i->timer);
    i->timer = NULL;
    send_events(i);
}

/* Every batch is stored or has failed. */
static void all_sent(struct invocation *i)
{
    if (!i->failed) {
        write_blobs(i);
        return;
    }
    bool again = i->err.retriable && !i->app->stopping &&
                 (i->app->mode == APP_RUN || i->tries < SEND_TRIES_ONCE);
    if (!again) {
        i->f->stuck = true; /* the record stays: the next start publishes it */
        finish(i);
        return;
    }
    int64_t pause = RETRY_MIN_MS << (i->tries < 6 ? i->tries : 6);
    i->tries++;
    i->failed = false;
    log_warn("functions", "events of '%.*s' are not stored yet, trying again: %s", STR_ARGS(i->f->name), i->err.msg);
    i->timer = ev_timer_new(i->app->opts.loop, on_retry, i);
    ev_timer_start(i->timer, pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS, 0);
}

static void one_less(struct invocation *i)
{
    i->waiting--;
    if (back(i) && i->waiting == 0)
        all_sent(i);
}

static void on_sent(void *arg, const struct err *err)
{
    struct sent *s = arg;
    s->out = false;
    s->ok = err == NULL;
    if (err && (!s->i->failed || !err->retriable)) {
        s->i->failed = true;
        s->i->err = *err;
    }
    one_less(s->i);
}

static void send_events(struct invocation *i)
{
    const struct event_sink *sink = i->app->opts.events;
    i->phase = PHASE_SEND;
    i->waiting = 1; /* the sink may answer at once */
    app_hold(i->app);
    for (size_t n = 0; n < i->events.count; n++) {
        if (i->sent[n].ok || i->events.batches[n].count == 0)
            continue;
        i->sent[n] = (struct sent){i, false, true};
        i->waiting++;
        app_hold(i->app);
        sink->send(sink->ctx, &i->events.batches[n], on_sent, &i->sent[n]);
    }
    one_less(i);
}

/* ------------------------------------------------------------------ the record */

static void record_work(void *arg)
{
    struct invocation *i = arg;
    struct function *f = i->f;
    struct tp now = time_now();
    i->record.number = f->outbox.next;
    for (size_t n = 0; n < i->record.count; n++) {
        struct output *o = &i->record.outputs[n];
        if (!o->to_blob)
            continue;
        const struct binding *b = bindings_find(&f->bindings, o->url); /* until here the binding's name */
        o->url = blob_url(i->a, b->account, blob_path_make(b->path, i->a, now, f->name));
    }
    struct err err;
    if (outbox_events(i->a, &i->record, f->producer, &i->events, &err) || outbox_write(&f->outbox, &i->record, &err)) {
        if (!i->failed) /* the first failure is the one to tell */
            i->err = err;
        i->failed = true;
        i->events = (struct outbox_events){0};
    }
}

static void record_done(void *arg)
{
    struct invocation *i = arg;
    if (!back(i))
        return;
    if (i->failed) {
        finish(i);
        return;
    }
    i->sent = ARENA_ARRAY(i->a, struct sent, i->events.count + 1);
    send_events(i);
}

/* The user's code has ended, well or not: record what there is. */
static void record(struct invocation *i)
{
    struct function *f = i->f;
    ev_timer_free(i->timer);
    i->timer = NULL;
    if (f->monitored && !i->note) {
        f->state.last = i->started;
        f->state.updated = time_now();
        if (!schedule_next(f->schedule, i->started, &f->state.next))
            f->state.next = (struct tp){0};
    }
    i->record.scheduled = f->monitored;
    i->record.schedule = f->state;
    i->record.invocation = str_z(i->id);
    if (i->record.count || f->monitored)
        on_pool(i, PHASE_RECORD, record_work, record_done);
    else
        finish(i);
}

/* ------------------------------------------------------------------ the worker's answer */

bool invoke_is(const struct invocation *i, struct str id)
{
    return str_eqz(id, i->id);
}

bool invoke_published(const struct invocation *i)
{
    return i->phase > PHASE_CALL;
}

static int take_outputs(struct invocation *i, const struct doc *outputs, struct str data, struct err *err)
{
    if (!doc_is(outputs, DOC_ARRAY) || outputs->count > OUTBOX_MAX_OUTPUTS)
        return err_set(err, ERR_CORRUPT, "the worker's answer has no list of outputs");
    i->record.outputs = ARENA_ARRAY(i->a, struct output, outputs->count + 1);
    for (size_t n = 0; n < outputs->count; n++) {
        const struct doc *d = outputs->items[n];
        struct str name = doc_str(doc_get(d, "name"), STR_NONE);
        const struct binding *b = bindings_find(&i->f->bindings, name);
        int64_t bytes;
        if (!b || (b->role != BINDING_HUB_OUT && b->role != BINDING_BLOB_OUT) || !doc_i64(doc_get(d, "bytes"), &bytes) ||
            bytes < 0 || (uint64_t)bytes > data.len)
            return err_set(err, ERR_CORRUPT, "the worker's answer has an output '%.*s' that cannot be", STR_ARGS(name));
        struct output *o = &i->record.outputs[i->record.count++];
        *o = (struct output){.to_blob = b->role == BINDING_BLOB_OUT, .name_space = b->name_space, .hub = b->hub,
                             .url = b->name, .type = doc_str(doc_get(d, "type"), STR_NONE)};
        o->value = str_sub(data, 0, (size_t)bytes);
        data = str_from(data, (size_t)bytes);
    }
    return 0;
}

static void take_failure(struct invocation *i, const struct doc *error)
{
    int64_t line = 0, col = 0;
    struct str message = doc_str(doc_get(error, "message"), STR("it failed"));
    struct str file = doc_str(doc_get(error, "file"), STR_NONE);
    struct str trace = doc_str(doc_get(error, "trace"), STR_NONE);
    (void)doc_i64(doc_get(error, "line"), &line);
    (void)doc_i64(doc_get(error, "col"), &col);
    i->failed = true;
    err_set(&i->err, ERR_USER, "function '%.*s': %.*s", STR_ARGS(i->f->name), STR_ARGS(message));
    if (file.len)
        err_locate(&i->err, app_relative(i->app, str_cz(i->a, file)), (int)line, (int)col);
    trace = settings_mask(i->app->settings, i->a, trace);
    log_debug("functions", "%.*s", STR_ARGS(trace));
}

bool invoke_answer(struct invocation *i, struct arena *a, const struct doc *head, struct str data)
{
    int64_t lines;
    if (i->phase != PHASE_CALL || !invoke_is(i, doc_str(doc_get(head, "id"), STR_NONE)))
        return false;
    i->answer = a;
    (void)doc_i64(doc_get(head, "us"), &i->us);
    if (doc_i64(doc_get(head, "lines"), &lines) && lines > i->f->source_lines)
        i->f->source_lines = lines;
    if (str_eqz(doc_str(doc_get(head, "is"), STR_NONE), "failed"))
        take_failure(i, doc_get(head, "error"));
    else if (take_outputs(i, doc_get(head, "outputs"), data, &i->err)) {
        i->failed = true;
        i->record.count = 0;
    }
    record(i);
    return true;
}

void invoke_lost(struct invocation *i, const struct err *why)
{
    if (i->phase != PHASE_CALL)
        return;
    i->failed = true;
    if (i->timed_out)
        err_set(&i->err, ERR_TIMEOUT, "function '%.*s' ran longer than functionTimeout (%jd s); its worker was ended",
                STR_ARGS(i->f->name), (intmax_t)(i->app->host.timeout_ms / 1000));
    else
        err_set(&i->err, ERR_USER, "function '%.*s': %s", STR_ARGS(i->f->name), why->msg);
    record(i);
}

/* ------------------------------------------------------------------ inputs and the call */

static void on_timeout(void *arg)
{
    struct invocation *i = arg;
    i->timed_out = true;
    host_kill(i->app);
}

static void put_input(struct buf *head, struct str name, const char *type, size_t bytes)
{
    buf_z(head, head->ptr[head->len - 1] == '[' ? "" : ",");
    buf_z(head, "{\"name\":");
    json_quote(head, name);
    buf_printf(head, ",\"type\":\"%s\",\"bytes\":%zu}", type, bytes);
}

static void call(struct invocation *i)
{
    struct function *f = i->f;
    struct str data[BINDINGS_MAX];
    size_t count = 0;
    struct buf head;
    buf_init(&head);
    buf_printf(&head, "{\"do\":\"invoke\",\"id\":\"%s\",\"function\":", i->id);
    json_quote(&head, f->name);
    buf_z(&head, ",\"inputs\":[");
    for (size_t n = 0; n < f->bindings.count; n++) {
        const struct binding *b = &f->bindings.all[n];
        if (b->role == BINDING_TIMER)
            data[count] = schedule_trigger_json(i->a, f->monitored ? &f->state : NULL, i->past_due);
        else if (b->role == BINDING_BLOB_IN)
            data[count] = i->inputs[n];
        else
            continue;
        const char *type = b->role == BINDING_TIMER ? "json" : data[count].ptr ? "bytes" : "none";
        put_input(&head, b->name, type, data[count].len);
        count++;
    }
    buf_z(&head, "]}");
    i->phase = PHASE_CALL;
    if (i->app->worker_state != WORKER_READY) {
        struct err why;
        err_set(&why, ERR_USER, "the worker process ended before the call");
        invoke_lost(i, &why);
    } else {
        if (i->app->host.timeout_ms > 0) {
            i->timer = ev_timer_new(i->app->opts.loop, on_timeout, i);
            ev_timer_start(i->timer, i->app->host.timeout_ms, 0);
        }
        host_call(i->app, buf_view(&head), data, count);
    }
    buf_release(&head);
}

static int read_blob(struct invocation *i, const struct binding *b, size_t max, struct str *out, struct err *err)
{
    struct resolved at;
    struct resolved_stat stat;
    struct buf bytes;
    struct err missing;
    struct str url = blob_url(i->a, b->account, blob_path_make(b->path, i->a, i->started, i->f->name));
    if (resolve_name(i->app->opts.names, i->a, url, &at, err))
        return -1;
    if (resolve_stat(&at, &stat, &missing))
        return missing.code == ERR_NOT_FOUND ? 0 : (*err = missing, -1);
    buf_init_max(&bytes, INPUTS_MAX_BYTES + 1);
    int rc = resolve_read_all(&at, max, &bytes, err);
    if (rc == 0)
        *out = str_copy(i->a, buf_view(&bytes));
    buf_release(&bytes);
    return rc;
}

static void inputs_work(void *arg)
{
    struct invocation *i = arg;
    size_t left = INPUTS_MAX_BYTES;
    for (size_t n = 0; n < i->f->bindings.count && !i->failed; n++) {
        const struct binding *b = &i->f->bindings.all[n];
        if (b->role != BINDING_BLOB_IN)
            continue;
        int rc = read_blob(i, b, left, &i->inputs[n], &i->err);
        left -= i->inputs[n].len;
        if (rc) {
            err_wrap(&i->err, "the input '%.*s'", STR_ARGS(b->name));
            err_locate(&i->err, b->at->file, b->at->line, b->at->col);
            i->failed = true;
        }
    }
}

static void inputs_done(void *arg)
{
    struct invocation *i = arg;
    if (!back(i))
        return;
    if (i->failed)
        record(i);
    else
        call(i);
}

void invoke(struct function *f, bool past_due)
{
    struct invocation *i = invocation_new(f, PHASE_CALL);
    bool blobs = false;
    i->past_due = past_due;
    i->inputs = ARENA_ARRAY(i->a, struct str, f->bindings.count);
    for (size_t n = 0; n < f->bindings.count; n++)
        blobs |= f->bindings.all[n].role == BINDING_BLOB_IN;
    if (blobs)
        on_pool(i, PHASE_INPUTS, inputs_work, inputs_done);
    else
        call(i);
}

/* ------------------------------------------------------------------ records without a call */

static void replay_work(void *arg)
{
    struct invocation *i = arg;
    i->failed = outbox_events(i->a, &i->record, i->f->producer, &i->events, &i->err) != 0;
}

void invoke_replay(struct function *f)
{
    struct invocation *i = invocation_new(f, PHASE_RECORD);
    i->replay = true;
    i->record = f->kept;
    on_pool(i, PHASE_RECORD, replay_work, record_done);
}

void invoke_note(struct function *f)
{
    struct invocation *i = invocation_new(f, PHASE_RECORD);
    i->note = true;
    record(i);
}
