/* hub_compact.c -- which log is compacted when: one at a time, the one that is most worth it, on a worker thread.
 *
 * A hub that is being deleted ends the compaction of its log first (hub_compact_hold). */
#include "hub/compact.h"
#include "hub/hub_int.h"

struct hub_compaction {
    struct hub *hub;
    struct topic *topic;
    struct plog_compaction *job;
    void (*then)(void *arg);         /* who waits for its end; NULL: nobody */
    void *arg;
};

static void on_work(void *arg)
{
    plog_compact_work(((struct hub_compaction *)arg)->job);
}

static void on_done(void *arg)
{
    struct hub_compaction *c = arg;
    struct err err;
    c->hub->compaction = NULL;
    if (plog_compact_end(c->job, &err) && err.code != ERR_CANCELED)
        log_err(LOG_ERROR, "hub", &err);
    if (c->then)
        c->then(c->arg);
    mem_free(c);
}

static void start(struct hub *h, struct partition *p)
{
    struct err err;
    struct plog_compaction *job = plog_compact_start(p->log, time_now_ms(), COMPACT_MAP_BYTES, &err);
    if (!job) {
        log_err(LOG_ERROR, "hub", &err);
        return;
    }
    struct hub_compaction *c = NEW(struct hub_compaction);
    *c = (struct hub_compaction){.hub = h, .topic = p->topic, .job = job};
    h->compaction = c;
    ev_work(h->loop, on_work, on_done, c);
}

void hub_compact_tick(struct hub *h)
{
    size_t at = 0, in;
    struct str key;
    void *v, *t;
    struct partition *best = NULL;
    int32_t most = 0;
    int64_t now_ms = time_now_ms();
    if (h->compaction || h->stopping)
        return;
    while (map_next(h->store->namespaces, &at, &key, &v)) {
        in = 0;
        while (map_next(((struct hub_ns *)v)->topics, &in, &key, &t))
            for (int32_t i = 0; ((struct topic *)t)->cfg.compact && i < ((struct topic *)t)->part_count; i++) {
                int32_t worth = plog_compact_worth(((struct topic *)t)->parts[i]->log, now_ms);
                if (worth > most) {
                    most = worth;
                    best = ((struct topic *)t)->parts[i];
                }
            }
    }
    if (best)
        start(h, best);
}

bool hub_compact_hold(struct topic *t, struct hub *h, void (*then)(void *arg), void *arg)
{
    struct hub_compaction *c = h->compaction;
    if (!c || c->topic != t)
        return false;
    plog_compact_cancel(c->job);
    c->then = then;
    c->arg = arg;
    return true;
}

void hub_compact_stop(struct hub *h)
{
    h->stopping = true;
    if (h->compaction)
        plog_compact_cancel(h->compaction->job);
}
