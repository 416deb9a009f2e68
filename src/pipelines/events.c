#include "pipelines/events.h"
#include "lake/maintain.h"
#include "pipelines/run.h"
#include <string.h>

#define EVENT_DDL "id STRING, sequence STRUCT<control_plane_seq_no: BIGINT, data_plane_id: STRUCT<instance: STRING, seq_no: BIGINT>>, " \
    "origin STRUCT<pipeline_id: STRING, pipeline_name: STRING, update_id: STRING, table_name: STRING, dataset_name: STRING, " \
    "flow_id: STRING, flow_name: STRING, batch_id: BIGINT>, timestamp TIMESTAMP, message STRING, level STRING, maturity_level STRING, " \
    "error STRUCT<fatal: BOOLEAN, exceptions: ARRAY<STRUCT<class_name: STRING, message: STRING>>>, details STRING, event_type STRING"

struct queued {
    char id[UUID_TEXT], update[UUID_TEXT];
    char *type, *level, *message, *details, *flow, *dataset, *error;
    int64_t batch;
    struct tp at;
    struct queued *next;
};

struct flush {
    struct pipelines *p;
    struct pipeline *pl;
    struct session *session;
    struct queued *list;           /* taken from the pipeline; goes back if the flush fails */
    void (*done)(void *arg);
    void *arg;
    struct err err;
    bool failed;
    struct flush *next;            /* asked for while this one ran */
};

/* ---- the queue */

static char *copy(struct str s)
{
    return s.ptr ? str_dup(s) : NULL;
}

static void queued_free(struct queued *q)
{
    mem_free(q->message);
    mem_free(q->details);
    mem_free(q->flow);
    mem_free(q->dataset);
    mem_free(q->error);
    mem_free(q->type);
    mem_free(q->level);
    mem_free(q);
}

static void push(struct pipeline_runtime *rt, struct queued *q)
{
    struct queued **at = &rt->events;
    size_t n = 0;
    for (; *at; at = &(*at)->next)
        n++;
    *at = q;
    if (n >= EVENTS_MAX_QUEUED) {
        struct queued *first = rt->events;
        rt->events = first->next;
        queued_free(first);
    }
}

void events_add(struct pipeline *pl, const struct event *e)
{
    struct queued *q = NEW(struct queued);
    *q = (struct queued){.type = mem_strdup(e->type), .level = mem_strdup(e->level), .message = copy(e->message),
                         .details = copy(e->details), .flow = copy(e->flow), .dataset = copy(e->dataset),
                         .error = e->error ? mem_strdup(e->error->msg) : NULL, .batch = -1, .at = time_now()};
    uuid_make(q->id);
    memcpy(q->update, pl->runtime->update_id, sizeof q->update);
    push(pl->runtime, q);
}

void events_drop(struct pipeline *pl)
{
    while (pl->runtime->events) {
        struct queued *q = pl->runtime->events;
        pl->runtime->events = q->next;
        queued_free(q);
    }
}

/* ---- what is told */

void events_update_state(struct pipeline *pl, const char *state)
{
    struct arena *a = arena_new();
    const struct event e = {.type = "update_progress", .level = strcmp(state, "FAILED") ? "INFO" : "ERROR",
                            .message = str_fmt(a, "Update %.6s is %s.", pl->runtime->update_id, state),
                            .details = str_fmt(a, "{\"update_progress\":{\"state\":\"%s\"}}", state),
                            .error = strcmp(state, "FAILED") || !pl->runtime->update ? NULL : &pl->runtime->update->first};
    events_add(pl, &e);
    arena_free(a);
}

void events_flow_state(struct pipeline *pl, const struct flow *f, const char *state, const struct err *err)
{
    struct arena *a = arena_new();
    const char *level = err ? "ERROR" : "INFO";
    const struct event e = {.type = "flow_progress", .level = level, .flow = f->name, .dataset = f->target->full, .error = err,
                            .message = str_fmt(a, "Flow '%.*s' %s %s.", STR_ARGS(f->name), err ? "has" : "is", state),
                            .details = str_fmt(a, "{\"flow_progress\":{\"status\":\"%s\"}}", state)};
    events_add(pl, &e);
    arena_free(a);
}

static void define_flow(struct pipeline *pl, const struct flow *f, struct arena *a)
{
    const struct dataset *d = f->target;
    struct buf b;
    buf_init(&b);
    buf_z(&b, "{\"flow_definition\":{\"output_dataset\":");
    json_quote(&b, d->full);
    buf_z(&b, ",\"input_datasets\":[");
    for (size_t i = 0; i < d->input_count; i++) {
        buf_z(&b, i ? ",{\"name\":" : "{\"name\":");
        json_quote(&b, d->inputs[i]->full);
        buf_char(&b, '}');
    }
    buf_printf(&b, "],\"flow_type\":\"%s\"}}", d->kind == DATASET_STREAMING_TABLE ? "APPEND" : d->dir ? "COMPLETE" : "VIEW");
    const struct event e = {.type = "flow_definition", .level = "INFO", .flow = f->name, .dataset = d->full, .details = buf_view(&b),
                            .message = str_fmt(a, "Flow '%.*s' defined as %s.", STR_ARGS(f->name), d->kind == DATASET_STREAMING_TABLE ? "APPEND" : "COMPLETE")};
    events_add(pl, &e);
    buf_release(&b);
}

void events_begin(struct pipeline *pl, const char *cause)
{
    struct arena *a = arena_new();
    uuid_make(pl->runtime->update_id);
    const struct event e = {.type = "create_update", .level = "INFO",
                            .message = str_fmt(a, "Update %.6s started by %s.", pl->runtime->update_id, cause),
                            .details = STR("{\"create_update\":{\"cause\":\"USER_ACTION\"}}")};
    events_add(pl, &e);
    for (size_t i = 0; i < pl->dataset_count; i++)
        for (size_t k = 0; k < pl->datasets[i]->flow_count; k++)
            define_flow(pl, pl->datasets[i]->flows[k], a);
    arena_free(a);
}

/* ---- commits as events */

static struct str text_at(const struct doc *d, const char *key)
{
    return doc_str(doc_get(d, key), STR_NONE);
}

static struct queued *commit_event(const struct lake_change *c, const struct doc *params, const char *type, const char *level,
                                   struct str message, struct str details)
{
    struct queued *q = NEW(struct queued);
    struct str update = text_at(params, "updateId");
    *q = (struct queued){.type = mem_strdup(type), .level = mem_strdup(level), .message = str_dup(message), .details = str_dup(details),
                         .flow = str_dup(text_at(params, "flow")), .batch = -1, .at = {c->timestamp_ms * 1000}};
    uuid_make(q->id);
    if (update.len == UUID_TEXT - 1)
        memcpy(q->update, update.ptr, update.len);
    if (!str_i64(text_at(params, "epochId"), &q->batch))
        q->batch = -1;
    return q;
}

static void progress_details(struct buf *b, const struct doc *metrics, bool stream)
{
    struct str rows = text_at(metrics, "numOutputRows"), dropped = text_at(metrics, "droppedRecords"), e = text_at(metrics, "expectations");
    buf_printf(b, "{\"flow_progress\":{\"status\":\"%s\",\"metrics\":{\"num_output_rows\":%.*s}", stream ? "RUNNING" : "COMPLETED",
               STR_ARGS(rows.len ? rows : STR("0")));
    if (e.len)
        buf_printf(b, ",\"data_quality\":{\"dropped_records\":%.*s,\"expectations\":%.*s}", STR_ARGS(dropped.len ? dropped : STR("0")), STR_ARGS(e));
    buf_z(b, "}}");
}

/* Appends what one commit of a flow says; *at is the list's end. */
static struct queued **commit_events(struct queued **at, const struct dataset *d, const struct lake_change *c, struct arena *a)
{
    const struct doc *params = doc_get(c->info, "operationParameters");
    struct str flow = text_at(params, "flow");
    bool stream = text_at(params, "queryId").len > 0;
    struct buf b;
    if (!flow.len || !str_eq(text_at(params, "pipeline"), d->pipeline->name))
        return at;
    buf_init(&b);
    if (!stream) {
        buf_z(&b, "{\"planning_information\":{\"technique_information\":[{\"maintenance_type\":\"MAINTENANCE_TYPE_COMPLETE_RECOMPUTE\",\"is_chosen\":true}]}}");
        *at = commit_event(c, params, "planning_information", "INFO",
                           str_fmt(a, "Flow '%.*s' has been planned to be executed as COMPLETE_RECOMPUTE.", STR_ARGS(flow)), buf_view(&b));
        (*at)->dataset = str_dup(d->full);
        at = &(*at)->next;
        buf_clear(&b);
    }
    progress_details(&b, doc_get(c->info, "operationMetrics"), stream);
    *at = commit_event(c, params, "flow_progress", "METRICS", str_fmt(a, stream ? "Flow '%.*s' is RUNNING." : "Flow '%.*s' has COMPLETED.",
                       STR_ARGS(flow)), buf_view(&b));
    (*at)->dataset = str_dup(d->full);
    buf_release(&b);
    return &(*at)->next;
}

struct mark { struct str app; int64_t version; };

/* New commits of one table. Returns the list's new end; adds to the marks if the table moved. */
static struct queued **table_events(const struct flush *f, struct queued **at, const struct dataset *d, const struct lake_snapshot *log,
                                    struct mark *mark, struct arena *a)
{
    struct err err = {};
    struct lake_change *changes;
    int64_t seen = -1;
    struct lake_snapshot *snap = lake_table_latest(lake_catalog_table(f->p->m.engine->catalog, d->dir), session_conn(f->session), &err);
    if (!snap)
        return at;
    *mark = (struct mark){str_fmt(a, "event_log.%.*s", STR_ARGS(snap->id)), snap->version};
    lake_snapshot_unref(snap);
    if (log && lake_app_version(log, mark->app, &seen) && seen >= mark->version) {
        mark->app = STR_NONE;
        return at;
    }
    if (mark->version - seen > EVENTS_MAX_COMMITS)
        seen = mark->version - EVENTS_MAX_COMMITS;
    int64_t n = lake_changes(a, d->dir, seen + 1, mark->version, &changes, &err);
    if (n < 0) /* cleaned away: what is left of it is the newest */
        n = lake_changes(a, d->dir, mark->version, mark->version, &changes, &err);
    for (int64_t i = 0; i < n; i++)
        at = commit_events(at, d, &changes[i], a);
    return at;
}

/* ---- the table */

static void put_text(struct buf *b, const char *s)
{
    if (s)
        duck_quote_text(b, str_z(s));
    else
        buf_z(b, "NULL");
}

static void put_origin(struct buf *b, const struct pipeline *pl, const struct queued *q)
{
    char *id = str_dup(pl->id), *name = str_dup(pl->name);
    const char *texts[] = {id, name, q->update[0] ? q->update : NULL, q->dataset, q->dataset, q->flow, q->flow};
    static const char *const keys[] = {"pipeline_id", "pipeline_name", "update_id", "table_name", "dataset_name", "flow_id", "flow_name"};
    buf_z(b, "{");
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        buf_printf(b, "'%s': CAST(", keys[i]);
        put_text(b, texts[i]);
        buf_z(b, " AS VARCHAR), ");
    }
    if (q->batch >= 0)
        buf_printf(b, "'batch_id': %jd::BIGINT}", (intmax_t)q->batch);
    else
        buf_z(b, "'batch_id': NULL::BIGINT}");
    mem_free(id);
    mem_free(name);
}

static void put_event(struct buf *b, const struct pipeline *pl, const struct queued *q, int64_t seq)
{
    buf_z(b, seq ? ", (" : "(");
    put_text(b, q->id);
    buf_printf(b, ", {'control_plane_seq_no': %jd::BIGINT, 'data_plane_id': {'instance': 'paystreak', 'seq_no': %jd::BIGINT}}, ",
               (intmax_t)(q->at.us + seq), (intmax_t)(q->at.us + seq));
    put_origin(b, pl, q);
    buf_printf(b, ", make_timestamptz(%jd), ", (intmax_t)q->at.us);
    put_text(b, q->message);
    buf_z(b, ", ");
    put_text(b, q->level);
    buf_z(b, ", 'STABLE', ");
    if (q->error) {
        buf_z(b, "{'fatal': true, 'exceptions': [{'class_name': 'PipelineException', 'message': ");
        put_text(b, q->error);
        buf_z(b, "}]}");
    } else {
        buf_z(b, "NULL::STRUCT(fatal BOOLEAN, exceptions STRUCT(class_name VARCHAR, message VARCHAR)[])");
    }
    buf_z(b, ", ");
    put_text(b, q->details);
    buf_z(b, ", ");
    put_text(b, q->type);
    buf_char(b, ')');
}

static int log_name(struct arena *a, const struct pipeline *pl, struct lake_name *out, struct err *err)
{
    struct str table = str_fmt(a, "event_log_%.*s", STR_ARGS(str_lower(a, pl->name)));
    return lake_name_resolve(a, &table, 1, &pl->names, out, err);
}

static int ensure_table(const struct flush *f, struct lake_txn *x, const struct lake_name *name, struct arena *a, struct err *err)
{
    struct lake_pair pairs[] = {{STR("pipelines.pipelineId"), f->pl->name, false}, {STR("delta.logRetentionDuration"), STR("interval 1 day"), false}};
    struct lake_spec spec = {.schema = type_read_ddl(a, STR(EVENT_DDL), err), .properties = {pairs, COUNT_OF(pairs)},
                             .description = str_fmt(a, "Event log of pipeline %.*s", STR_ARGS(f->pl->name))};
    const struct lake_entry e = {.kind = LAKE_MANAGED, .name = *name, .format = STR("delta"), .comment = spec.description, .owner = f->pl->name,
                                 .location = str_z(lake_catalog_dir(f->p->m.engine->catalog, a, name)), .created_ms = time_now_ms()};
    if (!spec.schema || lake_txn_snapshot(x))
        return spec.schema ? 0 : -1;
    if (lake_txn_create(x, &spec, err))
        return -1;
    return lake_catalog_put(f->p->m.engine->catalog, &e, true, err);
}

static int write_events(const struct flush *f, struct lake_txn *x, struct queued *list, struct err *err)
{
    struct buf sql;
    int64_t seq = 0;
    buf_init(&sql);
    buf_z(&sql, "SELECT * FROM (VALUES ");
    for (const struct queued *q = list; q; q = q->next)
        put_event(&sql, f->pl, q, seq++);
    buf_z(&sql, ") v(id, sequence, origin, timestamp, message, level, maturity_level, error, details, event_type)");
    int64_t rows = lake_txn_write(x, buf_view(&sql), NULL, err);
    buf_release(&sql);
    return rows < 0 ? -1 : 0;
}

static void join_files(const struct flush *f, const char *dir)
{
    struct err err = {};
    if (lake_maintain(lake_catalog_table(f->p->m.engine->catalog, dir), session_conn(f->session), &err) < 0)
        log_err(LOG_WARN, "pipelines", &err);
}

static int flush_once(struct flush *f, struct arena *a, struct err *err)
{
    struct lake_name name;
    const struct pipeline *pl = f->pl;
    struct mark *marks = ARENA_ARRAY(a, struct mark, pl->dataset_count + 1);
    struct queued *fresh = NULL, **end = &fresh;
    int64_t version;
    if (log_name(a, pl, &name, err) || lake_schema_create(f->p->m.engine->catalog, name.catalog, name.schema, STR_NONE, true, err))
        return -1;
    char *dir = lake_catalog_dir(f->p->m.engine->catalog, a, &name);
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(f->p->m.engine->catalog, dir), session_conn(f->session), err);
    int rc = x ? ensure_table(f, x, &name, a, err) : -1;
    for (size_t i = 0; !rc && i < pl->dataset_count; i++)
        if (pl->datasets[i]->dir)
            end = table_events(f, end, pl->datasets[i], lake_txn_snapshot(x), &marks[i], a);
    *end = f->list;
    if (!rc && fresh)
        rc = write_events(f, x, fresh, err);
    for (size_t i = 0; !rc && i < pl->dataset_count; i++)
        if (marks[i].app.len)
            lake_txn_app(x, marks[i].app, marks[i].version);
    if (!rc)
        rc = lake_txn_commit(x, &version, err);
    lake_txn_end(x);
    if (!rc && version % LAKE_LEVEL_FILES == 0)
        join_files(f, dir);
    *end = NULL;
    while (fresh) {
        struct queued *q = fresh;
        fresh = q->next;
        queued_free(q);
    }
    return rc;
}

static void flush_work(void *arg)
{
    struct flush *f = arg;
    struct arena *a = arena_new();
    if (!f->session)
        f->session = flow_session(&f->p->m, f->pl, true, &f->err);
    f->failed = !f->session || flush_once(f, a, &f->err);
    arena_free(a);
}

static void flush_start(struct flush *f);

static void flush_done(void *arg)
{
    struct flush *f = arg;
    struct pipeline_runtime *rt = f->pl->runtime;
    rt->flush = NULL;
    f->p->flushes--;
    if (f->failed)
        log_err(LOG_WARN, "pipelines", &f->err);
    if (f->failed && f->err.code == ERR_CONFLICT) {
        struct queued **end = &f->list; /* another flush was faster: these come with the next */
        while (*end)
            end = &(*end)->next;
        *end = rt->events;
        rt->events = f->list;
        f->list = NULL;
    }
    while (f->list) {
        struct queued *q = f->list;
        f->list = q->next;
        queued_free(q);
    }
    session_free(rt->log_session);
    rt->log_session = f->session;
    struct pipelines *p = f->p;
    void (*done)(void *) = f->done;
    void *done_arg = f->arg;
    struct flush *next = f->next;
    mem_free(f);
    if (next)
        flush_start(next);
    if (done)
        done(done_arg);
    if (p->stopping)
        run_pump_later(p);
}

static void flush_start(struct flush *f)
{
    struct pipeline_runtime *rt = f->pl->runtime;
    f->session = rt->log_session;
    f->list = rt->events;
    rt->log_session = NULL;
    rt->events = NULL;
    rt->flush = f;
    rt->unlogged = false;
    ev_work(f->p->o.loop, flush_work, flush_done, f);
}

void events_flush(struct pipelines *p, struct pipeline *pl, void (*done)(void *arg), void *arg)
{
    struct pipeline_runtime *rt = pl->runtime;
    struct flush *f = NEW(struct flush);
    *f = (struct flush){.p = p, .pl = pl, .done = done, .arg = arg};
    p->flushes++;
    struct flush **at = &rt->flush;
    while (*at)
        at = &(*at)->next;
    if (at == &rt->flush)
        flush_start(f);
    else
        *at = f;
}
