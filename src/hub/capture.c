#include "hub/capture.h"
#include "lake/write.h"
#include <stdio.h>
#include <string.h>

#define SCAN_FUNCTION "hub_events"

enum capture_state { CAPTURE_OPENING_TABLE, CAPTURE_IDLE, CAPTURE_ASKING, CAPTURE_OPENING, CAPTURE_WRITING, CAPTURE_WAITING,
    CAPTURE_BROKEN /* the table could not be opened: nothing is written, since what it holds is not known */ };

struct drain { struct drain *next; struct capture *capture; void (*fn)(void *arg); void *arg; struct hub_ranges target; };

struct capture {
    struct capture_opts o;
    char *ns, *name;
    enum capture_state state;
    bool dirty;                   /* told of new events since the last look */
    bool stopping;
    struct duck_conn *conn;
    struct hub_watch *watch;
    struct ev_timer *timer;
    int64_t *next; int32_t parts; /* next offset by partition */
    char *source;                 /* the outside cluster whose events these are; NULL: the log in process, or not known yet */
    struct map *sources;          /* what the table says of clusters: txn's id -> (void *) version */
    struct hub_ranges batch;      /* what is being written */
    struct hub_reader *reader;
    int64_t rows, version, batch_started_us, retry_ms;
    struct err err;
    int rc;
    struct capture_stat stat;
    struct drain *drains;
    int asking;                   /* drains whose target is still asked for */
    void (*ready)(void *arg, const struct err *err); void *ready_arg;
    void (*stopped)(void *arg); void *stopped_arg;
};

int hub_register_scan(struct duck *db, struct err *err)
{
    return duck_source_register(db, SCAN_FUNCTION, err);
}

static void look(void *arg);

static char *app_id(char out[512], const struct capture *c, int32_t partition)
{
    snprintf(out, 512, "capture.%s.%s-%d", c->ns, c->name, partition);
    return out;
}

/* An outside cluster's own `txn`: its version is the sum of all next offsets, which any commit of events raises. So it is the
 * present sum as long as nobody but that cluster has filled the table. */
static char *source_id(char out[512], const struct capture *c, const char *source)
{
    snprintf(out, 512, "capture.%s.%s@%s", c->ns, c->name, source);
    return out;
}

static void grow(struct capture *c, int32_t parts)
{
    if (parts <= c->parts)
        return;
    c->next = mem_realloc(c->next, sizeof *c->next * (size_t)parts);
    while (c->parts < parts)
        c->next[c->parts++] = -1; /* not known: from the start of the log */
}

/* ---------------------------------------------------------------- on a worker */

static int make_table(struct capture *c, struct err *err)
{
    struct arena *a = arena_new();
    struct lake_spec spec = {.schema = type_read_ddl(a, STR(CAPTURE_DDL), err)};
    struct lake_txn *x = spec.schema ? lake_txn_begin(c->o.table, c->conn, err) : NULL;
    int rc = -1;
    if (x && lake_txn_create(x, &spec, err) == 0) {
        lake_txn_info(x, "CREATE TABLE", NULL, NULL);
        rc = lake_txn_commit(x, &c->version, err);
    }
    lake_txn_end(x);
    arena_free(a);
    return rc;
}

/* The offsets of a table that is there: the last `txn` of each partition. */
static void read_offsets(struct capture *c, const struct lake_snapshot *snap)
{
    char prefix[512];
    size_t n = strlen(app_id(prefix, c, 0)) - 1;
    for (size_t i = 0; i < snap->txn_count; i++) {
        int64_t p;
        struct str id = snap->txns[i].app_id;
        if (str_starts(id, str_of(prefix, n - 1)) && str_starts_z(str_from(id, n - 1), "@"))
            map_put(c->sources, id, (void *)(intptr_t)snap->txns[i].version);
        if (!str_starts(id, str_of(prefix, n)) || !str_i64(str_from(id, n), &p) || p < 0 || p > 100000)
            continue;
        grow(c, (int32_t)p + 1);
        c->next[p] = snap->txns[i].version;
    }
    c->version = snap->version;
    c->stat.rows = snap->rows > 0 ? snap->rows : 0;
}

static void open_work(void *arg)
{
    struct capture *c = arg;
    c->rc = -1;
    c->conn = duck_connect(c->o.db, &c->err);
    if (!c->conn)
        return;
    struct lake_snapshot *snap = lake_table_latest(c->o.table, c->conn, &c->err);
    if (!snap) {
        c->rc = c->err.code == ERR_NOT_FOUND ? make_table(c, &c->err) : -1;
        return;
    }
    read_offsets(c, snap);
    lake_snapshot_unref(snap);
    c->rc = 0;
}

/* The sum of the next offsets, with the batch that is being written. */
static int64_t sum_of_next(const struct capture *c)
{
    int64_t sum = 0;
    for (int32_t p = 0; p < c->parts; p++)
        sum += c->next[p] < 0 ? 0 : c->next[p];
    for (int32_t i = 0; i < c->batch.count; i++) {
        const struct hub_range *r = &c->batch.items[i];
        sum += r->to > r->from ? r->to - (c->next[r->partition] < 0 ? 0 : c->next[r->partition]) : 0;
    }
    return sum;
}

static int64_t write_rows(struct capture *c, struct lake_txn *x, struct err *err)
{
    char sql[512], id[512];
    int64_t handle = duck_handle_put(c->o.db, hub_reader_source(c->reader));
    snprintf(sql, sizeof sql, "SELECT key, value, headers, topic, \"partition\", \"offset\", \"timestamp\", timestampType, body, enqueuedTime, "
                              "sequenceNumber, systemProperties, properties FROM " SCAN_FUNCTION "(%jd)", (intmax_t)handle);
    int64_t rows = lake_txn_write(x, str_z(sql), NULL, err);
    duck_handle_drop(c->o.db, handle);
    for (int32_t i = 0; i < c->batch.count && rows >= 0; i++)
        if (c->batch.items[i].to > c->batch.items[i].from)
            lake_txn_app(x, str_z(app_id(id, c, c->batch.items[i].partition)), c->batch.items[i].to);
    if (c->source && rows >= 0)
        lake_txn_app(x, str_z(source_id(id, c, c->source)), sum_of_next(c));
    return rows;
}

static void write_work(void *arg)
{
    struct capture *c = arg;
    c->rc = -1;
    struct lake_txn *x = lake_txn_begin(c->o.table, c->conn, &c->err);
    if (!x)
        return;
    c->rows = write_rows(c, x, &c->err);
    if (c->rows >= 0) {
        lake_txn_info(x, "STREAMING UPDATE", NULL, NULL);
        c->rc = lake_txn_commit(x, &c->version, &c->err);
    }
    lake_txn_end(x);
}

/* ---------------------------------------------------------------- on the loop */

static void batch_clear(struct capture *c)
{
    if (c->reader)
        hub_reader_free(c->reader);
    c->reader = NULL;
    mem_free(c->batch.items);
    c->batch = (struct hub_ranges){0};
}

static void capture_end(void *arg)
{
    struct capture *c = arg;
    if (c->asking) {
        ev_defer(c->o.owner, capture_end, c); /* their answers come to us */
        return;
    }
    void (*stopped)(void *) = c->stopped;
    void *stopped_arg = c->stopped_arg;
    hub_watch_free(c->watch);
    ev_timer_free(c->timer);
    if (c->conn)
        duck_disconnect(c->conn);
    for (struct drain *d = c->drains, *after; d; d = after) {
        after = d->next;
        mem_free(d->target.items);
        mem_free(d);
    }
    mem_free(c->next);
    mem_free(c->source);
    map_free(c->sources);
    mem_free(c->ns);
    mem_free(c->name);
    mem_free(c);
    if (stopped)
        stopped(stopped_arg);
}

/* The batch is over, well or not: waits for the window, or for the next events. */
static void rest(struct capture *c, bool failed)
{
    int64_t window_ms = c->o.interval_ms > CAPTURE_MIN_MS ? c->o.interval_ms : CAPTURE_MIN_MS;
    int64_t since_ms = (time_mono_us() - c->batch_started_us) / 1000;
    batch_clear(c);
    c->state = CAPTURE_WAITING;
    if (c->stopping) {
        ev_defer(c->o.owner, capture_end, c);
        return;
    }
    if (failed) {
        c->retry_ms = c->retry_ms ? c->retry_ms * 2 : CAPTURE_RETRY_MS;
        c->retry_ms = c->retry_ms > CAPTURE_RETRY_MAX_MS ? CAPTURE_RETRY_MAX_MS : c->retry_ms;
        c->stat.error = c->err;
        if (c->o.on_error)
            c->o.on_error(c->o.ctx, &c->err);
        ev_timer_start(c->timer, c->retry_ms, 0);
        return;
    }
    c->retry_ms = 0;
    c->stat.error.code = ERR_OK;
    ev_timer_start(c->timer, c->drains || since_ms >= window_ms ? 0 : window_ms - since_ms, 0);
}

static bool reached(const struct capture *c, const struct hub_ranges *target)
{
    if (c->state == CAPTURE_BROKEN)
        return true; /* nothing more will come: who waits is told */
    for (int32_t i = 0; i < target->count; i++) {
        const struct hub_range *r = &target->items[i];
        if (r->to > r->from && (r->partition >= c->parts || c->next[r->partition] < r->to))
            return false;
    }
    return true;
}

static void finish_drains(struct capture *c)
{
    struct drain **at = &c->drains;
    while (*at) {
        struct drain *d = *at;
        if (!d->target.items || !reached(c, &d->target)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        d->fn(d->arg);
        mem_free(d->target.items);
        mem_free(d);
    }
}

static void write_done(void *arg)
{
    struct capture *c = arg;
    if (c->rc && c->err.code != ERR_EXISTS) {
        rest(c, true);
        return;
    }
    bool landed_before = c->rc != 0; /* another capture of the same table: its offsets are read again */
    for (int32_t i = 0; i < c->batch.count; i++)
        if (c->batch.items[i].to > c->batch.items[i].from)
            c->next[c->batch.items[i].partition] = c->batch.items[i].to;
    if (!landed_before) {
        c->stat.rows += c->rows;
        c->stat.batches++;
        c->stat.last_commit_us = time_mono_us();
        if (c->o.on_commit)
            c->o.on_commit(c->o.ctx, lake_table_dir(c->o.table), c->version, c->rows);
    }
    finish_drains(c);
    rest(c, false);
}

static void on_reader(void *arg, struct hub_reader *reader, const struct err *err)
{
    struct capture *c = arg;
    if (err) {
        c->err = *err;
        rest(c, true);
        return;
    }
    c->reader = reader;
    memcpy(c->batch.items, hub_reader_ranges(reader)->items, sizeof *c->batch.items * (size_t)c->batch.count);
    c->state = CAPTURE_WRITING;
    c->err = (struct err){0};
    ev_work(c->o.owner, write_work, write_done, c);
}

/* Chooses the next batch out of what is there: each partition gets its share of CAPTURE_MAX_ROWS. */
static void choose(struct capture *c, const struct hub_ranges *there)
{
    int64_t share = CAPTURE_MAX_ROWS / (there->count ? there->count : 1);
    c->batch.items = mem_alloc(sizeof *c->batch.items * (size_t)(there->count + 1));
    c->batch.count = 0;
    c->stat.lag = 0;
    for (int32_t i = 0; i < there->count; i++) {
        const struct hub_range *r = &there->items[i];
        grow(c, r->partition + 1);
        int64_t from = c->next[r->partition] < 0 ? r->from : c->next[r->partition];
        if (from < r->from) {
            log_warn("capture", "events were deleted before they were captured hub=%s partition=%d from=%jd to=%jd", c->name, r->partition,
                     (intmax_t)from, (intmax_t)r->from);
            from = r->from;
        }
        int64_t to = r->to - from > share ? from + share : r->to;
        c->stat.lag += r->to > from ? r->to - from : 0;
        if (to > from)
            c->batch.items[c->batch.count++] = (struct hub_range){r->partition, from, to};
    }
}

/* Offsets of one log say nothing of another: a table that another one filled is not gone on with. */
static int check_source(struct capture *c, const char *source, struct err *err)
{
    char id[512];
    if (!source || (c->source && strcmp(c->source, source) == 0))
        return 0;
    int64_t sum = sum_of_next(c);
    if (c->source || (sum && (int64_t)(intptr_t)map_get(c->sources, str_z(source_id(id, c, source))) != sum))
        return err_set(err, ERR_CONFLICT, "the table holds events of hub '%s' that came from elsewhere than the cluster '%s', to which namespace '%s' is bound "
                       "now: capture into another table, or start a new state", c->name, source, c->ns);
    c->source = mem_strdup(source);
    return 0;
}

static void on_offsets(void *arg, const struct hub_ranges *there, const struct err *err)
{
    struct capture *c = arg;
    if (err || check_source(c, there->source, &c->err)) {
        c->err = err ? *err : c->err;
        rest(c, true);
        return;
    }
    choose(c, there);
    if (!c->batch.count) {
        batch_clear(c);
        finish_drains(c);
        c->state = CAPTURE_IDLE;
        if (c->stopping)
            ev_defer(c->o.owner, capture_end, c);
        else if (c->dirty)
            ev_defer(c->o.owner, look, c);
        else
            hub_watch_again(c->watch);
        return;
    }
    c->state = CAPTURE_OPENING;
    hub_reader_open_some(c->o.hub, c->ns, c->name, &c->batch, CAPTURE_MAX_BYTES, on_reader, c);
}

static void look(void *arg)
{
    struct capture *c = arg;
    if (c->stopping && (c->state == CAPTURE_IDLE || c->state == CAPTURE_WAITING || c->state == CAPTURE_BROKEN)) {
        ev_timer_stop(c->timer);
        ev_defer(c->o.owner, capture_end, c);
        return;
    }
    if (c->state != CAPTURE_IDLE && c->state != CAPTURE_WAITING)
        return;
    c->dirty = false;
    c->state = CAPTURE_ASKING;
    c->batch_started_us = time_mono_us();
    hub_offsets(c->o.hub, c->ns, c->name, on_offsets, c);
}

static void on_events(void *arg)
{
    struct capture *c = arg;
    c->dirty = true;
    if (c->state == CAPTURE_IDLE)
        look(c);
}

/* What the table holds was in the log once, even if the log has been lost since. */
static void reserve(struct capture *c)
{
    struct hub_ranges given = {c->parts, mem_alloc(sizeof *given.items * (size_t)(c->parts + 1))};
    for (int32_t i = 0; i < c->parts; i++)
        given.items[i] = (struct hub_range){i, 0, c->next[i] < 0 ? 0 : c->next[i]};
    hub_reserve(c->o.hub, c->ns, c->name, &given);
    mem_free(given.items);
}

static void open_done(void *arg)
{
    struct capture *c = arg;
    if (c->ready)
        c->ready(c->ready_arg, c->rc ? &c->err : NULL); /* may stop us: the state says still that we end below */
    c->ready = NULL;
    c->state = c->rc ? CAPTURE_BROKEN : CAPTURE_WAITING;
    if (c->stopping) {
        ev_defer(c->o.owner, capture_end, c);
        return;
    }
    if (c->rc) {
        c->stat.error = c->err;
        finish_drains(c);
        return;
    }
    c->stat.version = c->version;
    reserve(c);
    c->watch = hub_watch(c->o.hub, c->ns, c->name, on_events, c);
    look(c);
}

struct capture *capture_start(const struct capture_opts *o, void (*ready)(void *arg, const struct err *err), void *arg)
{
    struct capture *c = NEW(struct capture);
    c->o = *o;
    c->ns = mem_strdup(o->ns);
    c->name = mem_strdup(o->name);
    c->ready = ready;
    c->ready_arg = arg;
    c->sources = map_new();
    c->timer = ev_timer_new(o->owner, look, c);
    ev_work(o->owner, open_work, open_done, c);
    return c;
}

static void on_target(void *arg, const struct hub_ranges *there, const struct err *err)
{
    struct drain *d = arg;
    d->capture->asking--;
    d->target.count = err ? 0 : there->count;
    d->target.items = mem_alloc(sizeof *d->target.items * (size_t)(d->target.count + 1));
    if (!err && there->count)
        memcpy(d->target.items, there->items, sizeof *there->items * (size_t)there->count);
    if (d->capture->state == CAPTURE_BROKEN)
        finish_drains(d->capture);
}

void capture_drain(struct capture *c, void (*fn)(void *arg), void *arg)
{
    struct drain *d = NEW(struct drain);
    *d = (struct drain){.next = c->drains, .capture = c, .fn = fn, .arg = arg};
    c->drains = d;
    c->asking++;
    hub_offsets(c->o.hub, c->ns, c->name, on_target, d); /* answered in order: before the offsets of the look below */
    c->dirty = true;
    if (c->state == CAPTURE_IDLE)
        look(c);
    else if (c->state == CAPTURE_WAITING)
        ev_timer_start(c->timer, 0, 0);
    c->retry_ms = 0; /* who waits is told soon if it fails */
}

void capture_stop(struct capture *c, void (*done)(void *arg), void *arg)
{
    c->stopping = true;
    c->stopped = done;
    c->stopped_arg = arg;
    if (c->state == CAPTURE_IDLE || c->state == CAPTURE_WAITING || c->state == CAPTURE_BROKEN)
        look(c);
}

void capture_stats(const struct capture *c, struct capture_stat *out)
{
    *out = c->stat;
    out->version = c->version;
}
