#include "hub/outside.h"
#include "base/code.h"
#include "hub/hub_int.h"
#include "hub/outside_int.h"
#include <string.h>

enum { ID_MAX = 100, CLOSE_LOOK_MS = 50, SETTLE_LOOK_MS = 10, TRY_MS = 1000, TRIES_TOLD = 2 /* with a reason, before a broker counts as unreachable */ };

/* Offsets of a hub by partition: what a flow has recorded (its end never lies before), or where what we sent ends. */
struct ends { int64_t *to; int32_t count; };

/* ------------------------------------------------------------------ lanes */

static void lane_next(struct outside_lane *lane);

static void lane_work(void *arg)
{
    struct outside_job *job = arg;
    if (job->outside->closing)
        job->rc = err_set(&job->err, ERR_CANCELED, "the hub is closing");
    else
        job->work(job);
}

struct lane_turn { struct outside_lane *lane; struct outside_job *job; };

static void turn_work(void *arg)
{
    lane_work(((struct lane_turn *)arg)->job);
}

static void turn_done(void *arg)
{
    struct lane_turn *t = arg;
    struct outside_lane *lane = t->lane;
    struct outside_job *job = t->job;
    mem_free(t);
    lane->busy = false;
    lane_next(lane);
    job->done(job);
}

static void lane_next(struct outside_lane *lane)
{
    struct outside_job *job = lane->first;
    if (lane->busy || !job)
        return;
    lane->first = job->next;
    if (!lane->first)
        lane->end = &lane->first;
    lane->busy = true;
    struct lane_turn *t = NEW(struct lane_turn);
    *t = (struct lane_turn){lane, job};
    ev_work(lane->outside->owner, turn_work, turn_done, t);
}

void outside_put(struct outside_lane *lane, struct outside_job *job)
{
    job->outside = lane->outside;
    job->next = NULL;
    *lane->end = job;
    lane->end = &job->next;
    lane_next(lane);
}

static void lane_init(struct outside_lane *lane, struct outside *x)
{
    lane->outside = x;
    lane->end = &lane->first;
}

/* ------------------------------------------------------------------ clients */

static bool telling(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR__AUTHENTICATION || e == RD_KAFKA_RESP_ERR__SSL || e == RD_KAFKA_RESP_ERR__RESOLVE;
}

static void on_error(rd_kafka_t *rk, int e, const char *reason, void *opaque)
{
    struct outside_client *c = opaque;
    (void)rk;
    if (e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || (telling(c->why) && !telling((rd_kafka_resp_err_t)e)))
        return;
    c->why = (rd_kafka_resp_err_t)e;
    struct str text = str_sub(str_z(reason), 0, sizeof c->text - 1);
    memcpy(c->text, text.ptr, text.len);
    c->text[text.len] = 0;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct outside_delivery *d = m->_private;
    (void)rk;
    (void)opaque;
    if (d && m->err && !d->error)
        d->error = m->err;
    if (d && !m->err && m->partition < d->count && m->offset >= d->ends[m->partition])
        d->ends[m->partition] = m->offset + 1;
}

int outside_client_open(struct outside *x, struct outside_client *c, rd_kafka_type_t type, const char *const *settings, struct err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = outside_conf_new(&x->at, err);
    if (!conf)
        return -1;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    for (size_t i = 0; settings[i]; i += 2)
        if (outside_conf_set(conf, settings[i], settings[i + 1], err)) {
            rd_kafka_conf_destroy(conf);
            return -1;
        }
    c->why = RD_KAFKA_RESP_ERR_NO_ERROR;
    c->rk = rd_kafka_new(type, conf, why, sizeof why);
    if (c->rk)
        return 0;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_INPUT, "%s: %s", x->at.shown, why);
}

void outside_client_close(struct outside_client *c)
{
    if (c->rk)
        rd_kafka_destroy(c->rk);
    c->rk = NULL;
}

/* What errors of librdkafka and brokers are to us; any other is ERR_IO. */
static const struct { rd_kafka_resp_err_t e; enum err_code code; bool final; } CODES[] = {
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NOT_FOUND, false},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NOT_FOUND, false},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_NOT_FOUND, false},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_AUTH, false},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ERR_AUTH, false},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_DENIED, false},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_DENIED, false},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_DENIED, false},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ERR_DENIED, false},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_LIMIT, true},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_INPUT, true},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, ERR_TIMEOUT, false},
};

/* Notes a failure. Has everything failed for so long that who runs once is not kept any more? */
static bool given_up(struct outside *x)
{
    int64_t now = time_mono_us(), most = x->hub->opts.outside_give_up_ms;
    if (!x->failing_since_us)
        x->failing_since_us = now;
    return most && now - x->failing_since_us > most * 1000;
}

int outside_failed(struct outside *x, struct outside_client *c, rd_kafka_resp_err_t e, const char *hub, struct err *err)
{
    bool down = e == RD_KAFKA_RESP_ERR__TRANSPORT || e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || e == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                e == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || e == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
    enum err_code code = ERR_IO;
    bool final = false;
    rd_kafka_poll(c->rk, 0); /* hears what it has to say of its connections */
    if (down && c->why)
        e = c->why;
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        if (CODES[i].e == e) {
            code = CODES[i].code;
            final = CODES[i].final;
        }
    if (code == ERR_NOT_FOUND && hub)
        err_set(err, code, "there is no hub '%s' at %s, to which namespace '%s' is bound: make it, e.g. with paystreak hub create", hub, x->at.shown, x->ns);
    else if (down)
        err_set(err, code, "cannot reach %s, to which namespace '%s' is bound: %s", x->at.shown, x->ns, c->why ? c->text : rd_kafka_err2str(e));
    else
        err_set(err, code, "%s%s%s: %s", x->at.shown, hub ? ", hub " : "", hub ? hub : "", rd_kafka_err2str(e));
    err->retriable = !final && !given_up(x);
    return -1;
}

/* Asks again as long as nothing says that nobody is there. */
static rd_kafka_resp_err_t ask_metadata(struct outside_client *c, rd_kafka_topic_t *t, const struct rd_kafka_metadata **md)
{
    rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int waited = 0, said = 0; e && waited < OUTSIDE_ASK_MS && said < TRIES_TOLD; waited += TRY_MS) {
        e = rd_kafka_metadata(c->rk, 0, t, md, TRY_MS);
        rd_kafka_poll(c->rk, 0);
        said += e && c->why;
        if (e && e != RD_KAFKA_RESP_ERR__TIMED_OUT && e != RD_KAFKA_RESP_ERR__TRANSPORT)
            break;
    }
    return e;
}

int outside_partitions(struct outside *x, struct outside_client *c, rd_kafka_topic_t *t, int32_t *count, struct err *err)
{
    const struct rd_kafka_metadata *md;
    const char *name = rd_kafka_topic_name(t);
    rd_kafka_resp_err_t e = ask_metadata(c, t, &md);
    if (e)
        return outside_failed(x, c, e, name, err);
    c->why = RD_KAFKA_RESP_ERR_NO_ERROR; /* it is reached */
    e = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *count = e ? 0 : md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    if (!e && !*count)
        e = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!e)
        x->failing_since_us = 0;
    return e ? outside_failed(x, c, e, name, err) : 0;
}

/* ------------------------------------------------------------------ offsets */

struct offsets_job {
    struct outside_job job;
    char *name;
    bool ends_only;                  /* for a watch: only `total` is asked for */
    struct ends sent;                /* what we sent ends there: waited for, for a while */
    int64_t total;                   /* sum of the ends */
    struct hub_ranges ranges;
    void (*fn)(void *arg, const struct hub_ranges *r, const struct err *err);
    void *arg;
    struct outside_watch *watch;
    int partitions;                  /* of outside_create */
    hub_done_fn created;
};

static struct offsets_job *offsets_new(const char *name, void *arg)
{
    struct offsets_job *j = NEW(struct offsets_job);
    j->name = mem_strdup(name);
    j->arg = arg;
    return j;
}

static void offsets_free(struct offsets_job *j)
{
    mem_free(j->ranges.items);
    mem_free(j->sent.to);
    mem_free(j->name);
    mem_free(j);
}

/* Asks for one of a hub's ends, of all partitions in one request a broker. */
static int ask_ends(struct outside *x, struct offsets_job *j, int32_t count, int64_t which, int64_t *out, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, j->name, i)->offset = which;
    rd_kafka_resp_err_t e = rd_kafka_offsets_for_times(x->consumer.rk, list, OUTSIDE_ASK_MS);
    for (int i = 0; i < list->cnt && !e; i++) {
        e = list->elems[i].err;
        out[list->elems[i].partition] = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return e ? outside_failed(x, &x->consumer, e, j->name, err) : 0;
}

static int ask_cluster(struct outside *x, struct err *err)
{
    if (x->cluster)
        return 0;
    char *id = rd_kafka_clusterid(x->consumer.rk, OUTSIDE_ASK_MS);
    if (!id)
        return outside_failed(x, &x->consumer, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, err);
    x->cluster = mem_strdup(id);
    rd_kafka_mem_free(x->consumer.rk, id);
    return 0;
}

static bool behind(const struct ends *sent, const int64_t *end, int32_t count)
{
    for (int32_t i = 0; i < sent->count && i < count; i++)
        if (end[i] < sent->to[i])
            return true;
    return false;
}

/* Where committed events end. A broker acknowledges a commit before its markers are in the partitions: who asks after that
 * would be told that what we sent is not there yet. Another's open transaction may hold it back for longer than we wait. */
static int ask_stable_ends(struct outside *x, struct offsets_job *j, int32_t count, int64_t *end, struct err *err)
{
    int rc = ask_ends(x, j, count, RD_KAFKA_OFFSET_END, end, err);
    for (int64_t begun_us = time_mono_us(); rc == 0 && behind(&j->sent, end, count) && !x->closing;) {
        if (time_mono_us() - begun_us > OUTSIDE_SETTLE_MS * INT64_C(1000))
            break;
        rd_kafka_poll(x->consumer.rk, SETTLE_LOOK_MS);
        rc = ask_ends(x, j, count, RD_KAFKA_OFFSET_END, end, err);
    }
    return rc;
}

static int ask_offsets(struct outside *x, struct offsets_job *j, struct err *err)
{
    int32_t count;
    if (outside_consumer(x, err) || outside_partitions(x, &x->consumer, outside_topic(x, j->name), &count, err) || ask_cluster(x, err))
        return -1;
    int64_t *start = mem_alloc(sizeof *start * (size_t)count), *end = mem_alloc(sizeof *end * (size_t)count);
    int rc = ask_stable_ends(x, j, count, end, err);
    if (rc == 0 && !j->ends_only)
        rc = ask_ends(x, j, count, RD_KAFKA_OFFSET_BEGINNING, start, err);
    if (rc == 0) {
        j->ranges = (struct hub_ranges){count, mem_alloc(sizeof *j->ranges.items * (size_t)count), x->cluster};
        for (int32_t i = 0; i < count; i++) {
            j->ranges.items[i] = (struct hub_range){i, start[i], end[i]};
            j->total += end[i];
        }
    }
    mem_free(start);
    mem_free(end);
    return rc;
}

static void offsets_work(struct outside_job *job)
{
    job->rc = ask_offsets(job->outside, (struct offsets_job *)job, &job->err);
}

/* A partition that ends before what was read of it is another one. */
static int check_given(struct outside *x, struct offsets_job *j, struct err *err)
{
    const struct ends *g = map_get(x->given, str_z(j->name));
    for (int32_t i = 0; g && i < g->count; i++) {
        int64_t end = i < j->ranges.count ? j->ranges.items[i].to : 0;
        if (end < g->to[i])
            return err_set(err, ERR_CONFLICT, "hub '%s' at %s, partition %d, ends at offset %jd, and events up to %jd were read from it: "
                           "it was made anew or has lost events; capture it into another table, or start a new state", j->name, x->at.shown, i,
                           (intmax_t)end, (intmax_t)g->to[i]);
    }
    return 0;
}

static void offsets_done(struct outside_job *job)
{
    struct offsets_job *j = (struct offsets_job *)job;
    int rc = job->rc ? -1 : check_given(job->outside, j, &job->err);
    j->fn(j->arg, rc ? NULL : &j->ranges, rc ? &job->err : NULL);
    offsets_free(j);
}

void outside_offsets(struct outside *x, const char *name, void (*fn)(void *arg, const struct hub_ranges *r, const struct err *err), void *arg)
{
    struct offsets_job *j = offsets_new(name, arg);
    const struct ends *sent = map_get(x->sent, str_z(name));
    if (sent) {
        j->sent = (struct ends){mem_alloc(sizeof *sent->to * (size_t)sent->count), sent->count};
        memcpy(j->sent.to, sent->to, sizeof *sent->to * (size_t)sent->count);
    }
    j->job.work = offsets_work;
    j->job.done = offsets_done;
    j->fn = fn;
    outside_put(&x->ask, &j->job);
}

static void ends_raise(struct map *m, const char *name, int32_t partition, int64_t to)
{
    struct ends *e = map_get(m, str_z(name));
    if (!e)
        map_put(m, str_z(name), e = NEW(struct ends));
    if (partition >= e->count)
        e->to = mem_realloc(e->to, sizeof *e->to * (size_t)(partition + 1));
    while (e->count <= partition)
        e->to[e->count++] = 0;
    if (to > e->to[partition])
        e->to[partition] = to;
}

void outside_reserve(struct outside *x, const char *name, const struct hub_ranges *ranges)
{
    for (int32_t i = 0; i < ranges->count; i++)
        ends_raise(x->given, name, ranges->items[i].partition, ranges->items[i].to);
}

void outside_sent(struct outside *x, const char *hub, const struct outside_delivery *d)
{
    for (int32_t i = 0; i < d->count; i++)
        if (d->ends[i])
            ends_raise(x->sent, hub, i, d->ends[i]);
}

/* ------------------------------------------------------------------ hubs */

static void create_done(struct outside_job *job)
{
    struct offsets_job *j = (struct offsets_job *)job;
    if (!job->rc && j->ranges.count != j->partitions)
        log_warn("hub", "hub '%s' at %s has %d partitions, not %d as described: it is used as it is", j->name, job->outside->at.shown, j->ranges.count,
                 j->partitions);
    if (j->created)
        j->created(j->arg, job->rc ? &job->err : NULL);
    offsets_free(j);
}

void outside_create(struct outside *x, const char *name, int partitions, hub_done_fn done, void *arg)
{
    struct offsets_job *j = offsets_new(name, arg);
    j->job.work = offsets_work;
    j->job.done = create_done;
    j->created = done;
    j->ends_only = true;
    j->partitions = partitions;
    outside_put(&x->ask, &j->job);
}

/* ------------------------------------------------------------------ watches */

struct outside_watch {
    struct outside *outside;
    char *name;
    ev_fn fn;
    void *arg;
    int64_t told;                    /* sum of the ends at the last call; -1: none yet */
    struct ev_timer *timer;
    bool asking, dead;
};

static void watch_release(void *arg)
{
    struct outside_watch *w = arg;
    ev_timer_free(w->timer);
    mem_free(w->name);
    mem_free(w);
}

static void watch_done(struct outside_job *job)
{
    struct offsets_job *j = (struct offsets_job *)job;
    struct outside_watch *w = j->watch;
    int64_t total = job->rc ? -1 : j->total;
    w->asking = false;
    offsets_free(j);
    if (w->dead) {
        watch_release(w);
    } else if (total < 0 || total != w->told) {
        w->told = total;
        w->fn(w->arg); /* also after an error: who asks for the offsets is told of it */
    } else {
        ev_timer_start(w->timer, OUTSIDE_POLL_MS, 0);
    }
}

static void watch_look(void *arg)
{
    struct outside_watch *w = arg;
    struct offsets_job *j = offsets_new(w->name, NULL);
    j->job.work = offsets_work;
    j->job.done = watch_done;
    j->ends_only = true;
    j->watch = w;
    w->asking = true;
    outside_put(&w->outside->ask, &j->job);
}

struct outside_watch *outside_watch(struct outside *x, const char *name, ev_fn fn, void *arg)
{
    struct outside_watch *w = NEW(struct outside_watch);
    *w = (struct outside_watch){.outside = x, .name = mem_strdup(name), .fn = fn, .arg = arg, .told = -1};
    w->timer = ev_timer_new(x->owner, watch_look, w);
    ev_timer_start(w->timer, 0, 0);
    return w;
}

void outside_watch_again(struct outside_watch *w)
{
    if (!w->asking)
        ev_timer_start(w->timer, OUTSIDE_POLL_MS, 0);
}

void outside_watch_free(struct outside_watch *w)
{
    w->dead = true;
    ev_timer_stop(w->timer);
    if (!w->asking)
        ev_defer(w->outside->owner, watch_release, w);
}

/* ------------------------------------------------------------------ opening */

/* The state's id, made at the first use. */
static int read_id(struct outside *x, struct err *err)
{
    char *path = path_join(x->arena, x->dir, "id"), id[UUID_TEXT];
    struct buf b;
    buf_init(&b);
    if (!fs_exists(path) && fs_write_file(path, str_z(uuid_make(id)), err))
        return -1;
    int rc = fs_read_file(path, ID_MAX, &b, err);
    x->id = str_cz(x->arena, str_trim(buf_view(&b)));
    buf_release(&b);
    return rc || x->id[0] ? rc : err_set(err, ERR_CORRUPT, "'%s' is empty: remove it", path);
}

struct outside *outside_open(struct hub *h, struct ev_loop *owner, const char *state_dir, const char *ns, const char *to, struct err *err)
{
    struct outside *x = NEW(struct outside);
    x->arena = arena_new();
    x->hub = h;
    x->owner = owner;
    x->ns = arena_strdup(x->arena, ns);
    x->dir = path_join(x->arena, state_dir, "outside");
    x->given = map_new();
    x->sent = map_new();
    x->topics = map_new();
    x->senders = map_new();
    lane_init(&x->ask, x);
    lane_init(&x->send, x);
    if (outside_address_read(x->arena, ns, to, &x->at, err) == 0 && fs_mkdirs(x->dir, err) == 0 && read_id(x, err) == 0)
        return x;
    outside_close(x);
    return NULL;
}

static void free_ends(struct map *m)
{
    struct str key;
    void *v;
    for (size_t at = 0; map_next(m, &at, &key, &v);) {
        mem_free(((struct ends *)v)->to);
        mem_free(v);
    }
    map_free(m);
}

void outside_stop(struct outside *x)
{
    x->closing = true;
    while (x->ask.busy || x->send.busy)
        ev_run_once(x->owner, CLOSE_LOOK_MS);
}

void outside_close(struct outside *x)
{
    struct str key;
    void *v;
    if (!x)
        return;
    outside_stop(x);
    outside_senders_free(x);
    for (size_t at = 0; map_next(x->topics, &at, &key, &v);)
        rd_kafka_topic_destroy(v);
    map_free(x->topics);
    outside_client_close(&x->consumer);
    free_ends(x->given);
    free_ends(x->sent);
    mem_free(x->cluster);
    arena_free(x->arena);
    mem_free(x);
}

const char *outside_ns(const struct outside *x)
{
    return x->ns;
}

const char *outside_shown(const struct outside *x)
{
    return x->at.shown;
}
