/* hub -- the event hub as the rest of the program sees it.
 *
 * A hub has two threads: its loop, which owns all its state and all sockets, and the disk thread,
 * which writes and syncs logs. Functions below are called by the owner, on `owner` (the loop given
 * to hub_start) or before it runs; their callbacks come on `owner`.
 *
 * One turn of the hub's loop: read sockets, append what came to the staged bytes of the logs; at the
 * end of the turn hand all staged bytes to the disk thread (one write and one fdatasync for each
 * dirty log); when it is done, move the high watermarks, release the acknowledgements held behind
 * it, wake the readers, and hand over what was staged meanwhile. */
#ifndef PAYSTREAK_HUB_HUB_H
#define PAYSTREAK_HUB_HUB_H
#include "duck/duck.h"
#include "ev/ev.h"
#include "port/event_sink.h"

struct hub;

enum {
    HUB_MAX_EVENT_BYTES = 1 << 20,   /* body, key and headers of one event produced in process */
    HUB_INITIAL_REBALANCE_MS = 3000,
};

struct hub_port { bool on; int number; }; /* 0: any free one */

/* A namespace that is served elsewhere (outside.h): producing to it, making its hubs, offsets, readers and watches go there. */
struct hub_binding { const char *ns, *to; };

struct hub_opts {
    const char *state_dir;           /* STATE; logs go below STATE/hub */
    const char *host;                /* of the Kafka listener, NULL: 127.0.0.1 */
    int port;                        /* 0: any free one; -1: no listener */
    struct hub_port amqp, https;     /* these, and port, take TLS and plain connections */
    const char *tls_cert, *tls_key;  /* PEM files; NULL: STATE/tls/cert.pem and key.pem, made if absent */
    const char *default_namespace;   /* of clients that name none; NULL: "default" */
    const char *sas_key;             /* of the policy RootManageSharedAccessKey; NULL: none is good */
    bool insecure_local;             /* no credentials asked for; needs a loopback host */
    int64_t auth_ms;                 /* for a client to say who it is; 0: KAFKA_AUTH_MS, AMQP_AUTH_MS */
    bool auto_create;                /* a hub is made when a client first names it */
    int partitions;                  /* of hubs made on first use; 0: 4 */
    int64_t segment_bytes;           /* 0: 128 MiB */
    int64_t initial_rebalance_ms;    /* 0: HUB_INITIAL_REBALANCE_MS; -1: none */
    const struct hub_binding *bound; size_t bound_count;
    int64_t outside_give_up_ms;      /* errors of brokers that failed for so long are not retriable any more; 0: never */
};

/* Opens the state and listens, then starts the threads. NULL and err on failure. `opts` is copied. */
struct hub *hub_start(struct ev_loop *owner, const struct hub_opts *opts, struct err *err) MUST_CHECK;
/* Ends sockets, threads and logs in order; returns when all is on disk. */
void hub_stop(struct hub *h);
int hub_port(const struct hub *h);           /* of the Kafka listener */
const char *hub_host(const struct hub *h);
int hub_amqp_port(const struct hub *h);      /* 0: not on */
int hub_https_port(const struct hub *h);     /* 0: not on */

typedef void (*hub_done_fn)(void *arg, const struct err *err); /* err NULL: done */

enum hub_durability { HUB_DURABILITY_AS_IS, HUB_DURABILITY_FSYNC, HUB_DURABILITY_PAGE_CACHE };
struct hub_spec {
    int partitions;
    int64_t retention_ms;              /* 0: as it is, or the default; -1: unlimited */
    enum hub_durability durability;    /* as it is: fsync for a new one */
};
/* Makes the hub unless it is there with at least that many partitions (then they stay as they are,
 * or grow). `ns` NULL: the default namespace. Nothing given is kept. */
void hub_create(struct hub *h, const char *ns, const char *name, const struct hub_spec *spec, hub_done_fn done, void *arg);
/* Produces; see event_sink.h. Copies the batch. */
void hub_produce(struct hub *h, const struct event_batch *batch, hub_done_fn done, void *arg);
/* A sink that produces to this hub; valid as long as the hub. */
const struct event_sink *hub_event_sink(struct hub *h);

/* What is in the hub, for display: strings and arrays live during the callback. */
struct hub_partition_stat { int32_t index; int64_t start_offset, end_offset, bytes; };
struct hub_topic_stat {
    const char *ns, *name;
    const struct hub_partition_stat *parts;
    int32_t part_count;
    bool internal;
    uint64_t events_in, bytes_in;    /* since start */
    double events_per_s;             /* over the last seconds */
    int64_t events, bytes;           /* held now */
};
struct hub_group_stat { const char *ns, *group, *topic; const char *state; int members; int64_t lag; };
struct hub_stats {
    const struct hub_topic_stat *topics; size_t topic_count;
    const struct hub_group_stat *groups; size_t group_count;
    int connections;
    uint64_t flushes;
};
void hub_stats(struct hub *h, void (*fn)(void *arg, const struct hub_stats *s), void *arg);

/* ------------------------------------------------------------------ reading in process */

struct hub_range { int32_t partition; int64_t from, to; };   /* [from, to) */
struct hub_ranges { int32_t count; struct hub_range *items; const char *source; /* id of the outside cluster; NULL: in process */ };

/* The offsets that are there: items[i] = [start, high watermark) of partition i. */
void hub_offsets(struct hub *h, const char *ns, const char *name,
                 void (*fn)(void *arg, const struct hub_ranges *r, const struct err *err), void *arg);

/* Offsets below items[i].to were given out once (a flow recorded them): a log that ends before goes on
 * from there, so that none is given twice. For flows, at their start. */
void hub_reserve(struct hub *h, const char *ns, const char *name, const struct hub_ranges *given);

/* An immutable read handle: it pins the segments of its ranges, so retention does not take them away.
 * Its source decodes record batches straight into vectors. Columns, in order, are HUB_COLUMNS;
 * any number of scans may run at once. */
struct hub_reader;
void hub_reader_open(struct hub *h, const char *ns, const char *name, const struct hub_ranges *ranges,
                     void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg);
/* The same, but covers only the front of each range that fits in about max_bytes of log together:
 * hub_reader_ranges() says which. At least one record batch of one range is covered. */
void hub_reader_open_some(struct hub *h, const char *ns, const char *name, const struct hub_ranges *ranges, int64_t max_bytes,
                          void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg);
const struct hub_ranges *hub_reader_ranges(const struct hub_reader *r); /* lives as long as `r` */
const struct duck_source *hub_reader_source(const struct hub_reader *r);
void hub_reader_free(struct hub_reader *r);  /* any thread, before hub_stop(); no scan runs */
extern const char *const HUB_COLUMNS[];      /* names */
extern const size_t HUB_COLUMN_COUNT;

/* Calls fn on `owner` soon after records were appended to the hub: once, then again only after
 * hub_watch_again(), so that a busy hub does not flood it. */
struct hub_watch;
struct hub_watch *hub_watch(struct hub *h, const char *ns, const char *name, ev_fn fn, void *arg);
void hub_watch_again(struct hub_watch *w);
void hub_watch_free(struct hub_watch *w);    /* no call after this */
#endif
