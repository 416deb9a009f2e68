/* hub_int -- the hub's own state, for the files of this module. Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_HUB_INT_H
#define PAYSTREAK_HUB_HUB_INT_H
#include "hub/hub.h"
#include "hub/store.h"

/* Somebody who waits until what he appended is durable. */
struct hub_wait {
    struct hub_wait *next;
    void (*done)(void *arg);         /* whether it worked is told by plog.offline */
    void *arg;
};
struct wait_list { struct hub_wait *first, **end; };

/* Somebody who waits for records in a partition: a fetch, a watch. In the partition's list. */
struct fetch_link {
    struct fetch_link *next, **prev; /* prev NULL: in no list */
    void (*wake)(void *arg);
    void *arg;
};

struct flush_job { struct plog_flush *logs; size_t count; struct wait_list waits; struct hub *hub; };

struct hub {
    struct ev_loop *owner, *loop, *disk;
    struct ev_thread *loop_thread, *disk_thread;
    struct hub_opts opts;            /* strings owned */
    struct store *store;
    struct hub_ns *default_ns;
    struct kafka *kafka;             /* NULL: no listener */
    struct amqp *amqp;               /* NULL: not on */
    struct https *https;             /* NULL: not on */
    struct tls *tls;                 /* of all listeners */
    struct sas *sas;
    struct access *access;           /* users, access control lists, quotas */
    struct jwt_rules *jwt;
    struct avro_capture *avro;       /* NULL: nothing is captured so */
    struct quota_meter *meter;
    struct map *policy_secrets;      /* of policies that came by SCRAM: struct scram_secret, owned */
    struct partition **dirty;
    size_t dirty_count, dirty_cap;
    struct wait_list waits;          /* for the flush that comes next */
    bool flush_planned, flushing, stopping;
    struct hub_compaction *compaction; /* under way; NULL: none */
    struct outside **outside; size_t outside_count; /* bound namespaces; the owner's, the list is fixed */
    struct event_sink sink;
    struct batch_builder builder;    /* of events produced in process */
    struct batch_reader checker;
    struct ev_timer *tick;
    uint64_t flushes, ticks;
    int port, amqp_port, https_port;
};

/* Appends to a partition and plans the flush. As plog_append(). */
enum kerr hub_append(struct hub *h, struct partition *p, const struct batch *b, const char *bytes,
                     int64_t *base_offset);
/* Calls w->done when all that was appended until now is durable, or not going to be; after the done of
 * everyone who asked before. So a hub may be freed in the done of who unlisted it: nothing of it is
 * staged or being flushed then, and nobody waits who could know it. */
void hub_wait_durable(struct hub *h, struct hub_wait *w);
/* Finds, or with auto_create makes, a hub. NULL: there is none, or it cannot be made (err). */
struct topic *hub_topic(struct hub *h, struct hub_ns *ns, struct str name, bool may_create, struct err *err);
/* Wakes all who wait for records of a hub that is going. */
void hub_wake_deleted(struct topic *t);

void fetch_link_add(struct fetch_link *l, struct partition *p, void (*wake)(void *arg), void *arg);
void fetch_link_remove(struct fetch_link *l);

/* The bound namespace of that name, NULL: it is none. Any thread. */
struct outside *hub_outside(const struct hub *h, const char *ns);
/* The namespace by name; NULL or "": the default. A bound one is refused: it has no log here. */
struct hub_ns *hub_namespace(struct hub *h, const char *name, struct err *err);
/* Copies a batch with all that it points to. */
void hub_copy_batch(struct arena *a, const struct event_batch *from, struct event_batch *to);
/* Kafka's partitioner: murmur2 of the key, made positive. */
int32_t hub_partition_of_key(struct str key, int32_t partitions);

/* hub_compact.c. Once a second: compacts the log that is most worth it, unless one is being compacted. */
void hub_compact_tick(struct hub *h);
/* True: a log of that hub is being compacted; that ends soon, and then(arg) is called. */
bool hub_compact_hold(struct topic *t, struct hub *h, void (*then)(void *arg), void *arg);
void hub_compact_stop(struct hub *h);  /* no more of them; h->compaction says when the last has ended */

/* Once a second: how fast events come, for hub_stats(). */
void hub_measure(struct hub *h);
#endif
