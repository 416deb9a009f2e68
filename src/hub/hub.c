#include "hub/hub_int.h"
#include "net/tcp.h"
#include "hub/access.h"
#include "hub/amqp.h"
#include "hub/avro_capture.h"
#include "hub/group.h"
#include "hub/https.h"
#include "hub/jwt.h"
#include "hub/kafka.h"
#include "hub/outside.h"
#include "hub/sas.h"
#include "hub/txn.h"
#include "net/tls.h"
#include <string.h>
#include <sys/resource.h>

enum { TICK_MS = 1000, RETAIN_EVERY_TICKS = 30, STOP_LOOK_MS = 2 };

/* ------------------------------------------------------------------ waiting */

static void wait_add(struct wait_list *l, struct hub_wait *w)
{
    if (!l->first)
        l->end = &l->first;
    w->next = NULL;
    *l->end = w;
    l->end = &w->next;
}

static void wait_release(struct wait_list *l)
{
    struct hub_wait *w = l->first;
    *l = (struct wait_list){0};
    while (w) {
        struct hub_wait *next = w->next;
        w->done(w->arg);
        w = next;
    }
}

void fetch_link_add(struct fetch_link *l, struct partition *p, void (*wake)(void *arg), void *arg)
{
    CHECK(!l->prev);
    *l = (struct fetch_link){p->waiting, &p->waiting, wake, arg};
    if (l->next)
        l->next->prev = &l->next;
    p->waiting = l;
}

void fetch_link_remove(struct fetch_link *l)
{
    if (!l->prev)
        return;
    *l->prev = l->next;
    if (l->next)
        l->next->prev = l->prev;
    l->prev = NULL;
    l->next = NULL;
}

/* A woken one may leave the list, or come back into it: so the list is taken whole first. */
static void wake_readers(struct partition *p)
{
    struct fetch_link *taken = p->waiting;
    if (!taken)
        return;
    p->waiting = NULL;
    taken->prev = &taken;
    while (taken) {
        struct fetch_link *l = taken;
        fetch_link_remove(l);
        l->wake(l->arg);
    }
}

void hub_wake_deleted(struct topic *t)
{
    CHECK(t->deleted);
    for (int32_t i = 0; i < t->part_count; i++)
        wake_readers(t->parts[i]);
}

/* ------------------------------------------------------------------ the flush cycle */

static void flush_start(struct hub *h);

/* Those who wait while there is nothing to flush: what they wait for is durable. */
static void release_now(void *arg)
{
    struct hub *h = arg;
    struct wait_list due = h->waits;
    if (!due.first || h->dirty_count || h->flushing)
        return; /* a flush carries them */
    h->waits = (struct wait_list){0};
    wait_release(&due);
}

static void on_flushed(void *arg)
{
    struct flush_job *job = arg;
    struct hub *h = job->hub;
    int64_t now = time_now_ms();
    for (size_t i = 0; i < job->count; i++)
        plog_flushed(&job->logs[i], now);
    h->flushing = false;
    h->flushes++;
    if (h->dirty_count)
        flush_start(h); /* before the answers: the disk works while we write to sockets */
    for (size_t i = 0; i < job->count; i++)
        wake_readers(job->logs[i].log->owner);
    wait_release(&job->waits); /* may free a deleted hub's logs */
    mem_free(job->logs);
    mem_free(job);
    release_now(h);
}

static void on_disk(void *arg)
{
    struct flush_job *job = arg;
    for (size_t i = 0; i < job->count; i++)
        if (plog_flush_write(&job->logs[i]))
            log_err(LOG_ERROR, "hub", &job->logs[i].err);
    for (size_t i = 0; i < job->count; i++)
        if (plog_flush_sync(&job->logs[i]))
            log_err(LOG_ERROR, "hub", &job->logs[i].err);
    ev_post(job->hub->loop, on_flushed, job);
}

static struct flush_job *flush_take(struct hub *h)
{
    struct flush_job *job = NEW(struct flush_job);
    job->hub = h;
    job->logs = mem_alloc(h->dirty_count * sizeof *job->logs);
    for (size_t i = 0; i < h->dirty_count; i++) {
        h->dirty[i]->dirty = false;
        plog_stage_take(h->dirty[i]->log, &job->logs[job->count++]);
    }
    h->dirty_count = 0;
    if (h->waits.first) {
        job->waits.first = h->waits.first;
        job->waits.end = h->waits.end;
    }
    h->waits = (struct wait_list){0};
    return job;
}

static void flush_start(struct hub *h)
{
    CHECK(!h->flushing);
    h->flushing = true;
    ev_post(h->disk, on_disk, flush_take(h));
}

static void on_turn_end(void *arg)
{
    struct hub *h = arg;
    h->flush_planned = false;
    if (!h->flushing && h->dirty_count)
        flush_start(h);
}

enum kerr hub_append(struct hub *h, struct partition *p, const struct batch *b, const char *bytes, int64_t *base_offset)
{
    enum kerr k = plog_append(p->log, b, bytes, time_now_ms(), base_offset);
    if (k != KERR_NONE || p->dirty)
        return k;
    p->dirty = true;
    h->dirty = mem_grow(h->dirty, &h->dirty_cap, h->dirty_count + 1, sizeof(struct partition *));
    h->dirty[h->dirty_count++] = p;
    if (!h->flush_planned && !h->flushing) {
        h->flush_planned = true;
        ev_defer(h->loop, on_turn_end, h);
    }
    return k;
}

/* A wait joins the flush that comes next. If none comes, because what it waits for is in the one under
 * way (a duplicate of a batch not yet durable) or durable, it is due after that, or now. */
void hub_wait_durable(struct hub *h, struct hub_wait *w)
{
    wait_add(&h->waits, w);
    if (!h->dirty_count && !h->flushing)
        ev_defer(h->loop, release_now, h);
}

/* ------------------------------------------------------------------ hubs */

struct outside *hub_outside(const struct hub *h, const char *ns)
{
    for (size_t i = 0; ns && i < h->outside_count; i++)
        if (str_ieqz(str_z(ns), outside_ns(h->outside[i])))
            return h->outside[i];
    return NULL;
}

struct hub_ns *hub_namespace(struct hub *h, const char *name, struct err *err)
{
    struct outside *x = hub_outside(h, name);
    if (x) {
        err_set(err, ERR_UNSUPPORTED, "namespace '%s' is bound to %s: connect there", name, outside_shown(x));
        return NULL;
    }
    return name && *name ? hub_store_namespace(h->store, str_z(name), err) : h->default_ns;
}

struct topic *hub_topic(struct hub *h, struct hub_ns *ns, struct str name, bool may_create, struct err *err)
{
    struct topic *t = topic_find(ns, name);
    if (t)
        return t;
    if (!may_create || !h->opts.auto_create || str_starts_z(name, "__")) {
        err_set(err, ERR_NOT_FOUND, "there is no hub '%.*s' in namespace '%s'", STR_ARGS(name), ns->name);
        return NULL;
    }
    return topic_create(ns, name, 0, NULL, err);
}

int32_t hub_partition_of_key(struct str key, int32_t partitions)
{
    const uint32_t m = 0x5bd1e995, seed = 0x9747b28c;
    const uint8_t *p = (const uint8_t *)key.ptr;
    size_t n = key.len;
    uint32_t x = seed ^ (uint32_t)n;
    for (; n >= 4; p += 4, n -= 4) {
        uint32_t k = le32_get(p) * m;
        x = x * m ^ (k ^ k >> 24) * m;
    }
    if (n >= 3)
        x ^= (uint32_t)p[2] << 16;
    if (n >= 2)
        x ^= (uint32_t)p[1] << 8;
    if (n >= 1)
        x = (x ^ p[0]) * m;
    x = (x ^ x >> 13) * m;
    x ^= x >> 15;
    return (int32_t)((x & INT32_MAX) % (uint32_t)partitions);
}

/* ------------------------------------------------------------------ start and stop */

static void on_tick(void *arg)
{
    struct hub *h = arg;
    hub_measure(h);
    txns_tick(h);
    hub_compact_tick(h);
    if (++h->ticks % RETAIN_EVERY_TICKS)
        return;
    size_t at = 0, in;
    struct str key;
    void *v, *t;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        in = 0;
        while (map_next(((struct hub_ns *)v)->topics, &in, &key, &t))
            for (int32_t i = 0; i < ((struct topic *)t)->part_count; i++)
                plog_retain(((struct topic *)t)->parts[i]->log, time_now_ms());
    }
}

static int check_opts(const struct hub_opts *o, struct err *err)
{
    if (o->port < -1 || o->port > 65535)
        return err_set(err, ERR_USAGE, "%d is no port", o->port);
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        return err_set(err, ERR_USAGE, "a certificate and its key go together");
    if (o->host && !tcp_is_loopback(o->host))
        return err_set(err, ERR_USAGE,
                       "the hub listens on a loopback address only, since its ports take plain connections: '%s' is none", o->host);
    return 0;
}

static void copy_opts(struct hub_opts *to, const struct hub_opts *o)
{
    *to = *o;
    to->state_dir = mem_strdup(o->state_dir);
    to->host = mem_strdup(o->host ? o->host : "127.0.0.1");
    to->default_namespace = mem_strdup(o->default_namespace ? o->default_namespace : "default");
    to->sas_key = o->sas_key ? mem_strdup(o->sas_key) : NULL;
    to->tls_cert = o->tls_cert ? mem_strdup(o->tls_cert) : NULL;
    to->tls_key = o->tls_key ? mem_strdup(o->tls_key) : NULL;
    if (!to->initial_rebalance_ms)
        to->initial_rebalance_ms = HUB_INITIAL_REBALANCE_MS;
}

/* One descriptor for each segment and connection: as many as the system lets us have. */
static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
        return;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r))
        log_warn("hub", "the limit of open files stays at %ju", (uintmax_t)r.rlim_cur);
}

static int open_store(struct hub *h, struct err *err)
{
    struct buf dir;
    buf_init(&dir);
    buf_printf(&dir, "%s/hub", h->opts.state_dir);
    struct store_opts so = {
        .dir = dir.ptr,
        .default_partitions = h->opts.partitions,
        .segment_bytes = h->opts.segment_bytes,
    };
    h->store = hub_store_open(&so, err);
    buf_release(&dir);
    if (!h->store || !(h->default_ns = hub_namespace(h, h->opts.default_namespace, err)))
        return -1;
    return groups_open_all(h, err) || txns_open_all(h, err) ? -1 : 0;
}

static const char *const CERT_NAMES[] = {"localhost", "*.localhost", "*.servicebus.windows.net", "127.0.0.1", "::1", NULL};

static int open_tls(struct hub *h, struct err *err)
{
    struct arena *a = arena_new();
    char *dir = path_join(a, h->opts.state_dir, "tls"), *cert = path_join(a, dir, "cert.pem"), *key = path_join(a, dir, "key.pem");
    bool own = !h->opts.tls_cert;
    int rc = 0;
    if (own && !(fs_exists(cert) && fs_exists(key)))
        rc = fs_mkdirs(dir, err) || tls_make_self_signed(cert, key, CERT_NAMES, err) ? -1 : 0;
    if (rc == 0)
        h->tls = tls_new(own ? cert : h->opts.tls_cert, own ? key : h->opts.tls_key, NULL, err);
    arena_free(a);
    return h->tls ? 0 : -1;
}

static int start_listeners(struct hub *h, struct err *err)
{
    const struct hub_opts *o = &h->opts;
    if (o->port < 0 && !o->amqp.on && !o->https.on)
        return 0;
    if (open_tls(h, err) || (o->port >= 0 && !(h->kafka = kafka_start(h, err))))
        return -1;
    if (o->amqp.on && !(h->amqp = amqp_start(h, o->amqp.number, err)))
        return -1;
    if (o->https.on && !(h->https = https_start(h, o->https.number, err)))
        return -1;
    h->amqp_port = h->amqp ? amqp_port(h->amqp) : 0;
    h->https_port = h->https ? https_port(h->https) : 0;
    return 0;
}

static void stop_listeners(struct hub *h)
{
    if (h->kafka)
        kafka_stop(h->kafka);
    if (h->amqp)
        amqp_stop(h->amqp);
    if (h->https)
        https_stop(h->https);
}

static bool listeners_ended(const struct hub *h)
{
    return (!h->kafka || kafka_ended(h->kafka)) && (!h->amqp || amqp_ended(h->amqp)) && (!h->https || https_ended(h->https));
}

static int open_access(struct hub *h, struct err *err)
{
    h->meter = quota_meter_new();
    h->policy_secrets = map_new();
    if (!(h->sas = sas_open(h->opts.state_dir, h->opts.sas_key, err)) || !(h->access = access_open(h->opts.state_dir, err)))
        return -1;
    return (h->jwt = jwt_open(h->opts.state_dir, err)) ? 0 : -1;
}

static void free_secrets(struct map *secrets)
{
    size_t at = 0;
    struct str key;
    void *v;
    while (secrets && map_next(secrets, &at, &key, &v))
        mem_free(v);
    map_free(secrets);
}

static void close_outside(struct hub *h)
{
    for (size_t i = 0; i < h->outside_count; i++)
        outside_close(h->outside[i]);
    mem_free(h->outside);
}

static void hub_free(struct hub *h, bool orderly)
{
    close_outside(h);
    if (!listeners_ended(h)) { /* the loop never ran: let it close what it has */
        stop_listeners(h);
        while (!listeners_ended(h))
            ev_run_once(h->loop, 0);
    }
    kafka_free(h->kafka);
    amqp_free(h->amqp);
    https_free(h->https);
    sas_close(h->sas);
    access_close(h->access);
    jwt_close(h->jwt);
    quota_meter_free(h->meter);
    free_secrets(h->policy_secrets);
    if (h->store) {
        txns_close_all(h);
        groups_close_all(h);
    }
    hub_store_close(h->store, orderly);
    if (h->tick)
        ev_timer_free(h->tick);
    if (h->loop)
        ev_loop_free(h->loop);
    if (h->disk)
        ev_loop_free(h->disk);
    tls_free(h->tls);
    batch_builder_release(&h->builder);
    batch_reader_release(&h->checker);
    mem_free(h->dirty);
    mem_free((char *)h->opts.state_dir);
    mem_free((char *)h->opts.host);
    mem_free((char *)h->opts.default_namespace);
    mem_free((char *)h->opts.sas_key);
    mem_free((char *)h->opts.tls_cert);
    mem_free((char *)h->opts.tls_key);
    mem_free(h);
}

static int open_outside(struct hub *h, const struct hub_opts *o, struct err *err)
{
    if (o->bound_count > OUTSIDE_MAX)
        return err_set(err, ERR_LIMIT, "more than %d namespaces are bound", OUTSIDE_MAX);
    h->outside = mem_alloc(sizeof *h->outside * (o->bound_count + 1));
    for (size_t i = 0; i < o->bound_count; i++) {
        struct outside *x = outside_open(h, h->owner, h->opts.state_dir, o->bound[i].ns, o->bound[i].to, err);
        if (!x)
            return -1;
        h->outside[h->outside_count++] = x;
    }
    return 0;
}

static void sink_send(void *ctx, const struct event_batch *batch, event_sent_fn done, void *arg)
{
    hub_produce(ctx, batch, done, arg);
}

struct hub *hub_start(struct ev_loop *owner, const struct hub_opts *opts, struct err *err)
{
    if (check_opts(opts, err))
        return NULL;
    struct hub *h = NEW(struct hub);
    copy_opts(&h->opts, opts);
    raise_file_limit();
    batch_builder_init(&h->builder);
    batch_reader_init(&h->checker);
    h->sink = (struct event_sink){sink_send, h};
    h->owner = owner;
    h->loop = ev_loop_new("hub");
    h->disk = ev_loop_new("hub-disk");
    if (open_access(h, err) || open_store(h, err) || open_outside(h, opts, err) || start_listeners(h, err)) {
        hub_free(h, false);
        return NULL;
    }
    if (avro_capture_start(h, &h->avro, err)) {
        hub_free(h, false);
        return NULL;
    }
    h->tick = ev_timer_new(h->loop, on_tick, h);
    ev_timer_start(h->tick, TICK_MS, TICK_MS);
    h->disk_thread = ev_thread_start("hub-disk", h->disk);
    h->loop_thread = ev_thread_start("hub", h->loop);
    return h;
}

static void on_stopping(void *arg)
{
    struct hub *h = arg;
    /* Connections end, and what is staged still goes to disk. */
    if (h->flushing || h->dirty_count || h->waits.first || h->compaction || !listeners_ended(h))
        return;
    ev_timer_stop(h->tick);
    ev_stop(h->loop);
}

static void on_stop(void *arg)
{
    struct hub *h = arg;
    hub_compact_stop(h);
    stop_listeners(h);
    ev_timer_free(h->tick);
    h->tick = ev_timer_new(h->loop, on_stopping, h);
    ev_timer_start(h->tick, 0, STOP_LOOK_MS);
}

void hub_stop(struct hub *h)
{
    if (!h)
        return;
    avro_capture_stop(h->avro); /* it asks our loop */
    for (size_t i = 0; i < h->outside_count; i++)
        outside_stop(h->outside[i]); /* its handles end on our loop */
    ev_post(h->loop, on_stop, h);
    ev_thread_join(h->loop_thread);
    ev_stop(h->disk);
    ev_thread_join(h->disk_thread);
    hub_free(h, true);
}

int hub_port(const struct hub *h)
{
    return h->port;
}

int hub_amqp_port(const struct hub *h)
{
    return h->amqp_port;
}

int hub_https_port(const struct hub *h)
{
    return h->https_port;
}

const char *hub_host(const struct hub *h)
{
    return h->opts.host;
}

const struct event_sink *hub_event_sink(struct hub *h)
{
    return &h->sink;
}
