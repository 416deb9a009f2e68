/* outside -- a namespace that is served elsewhere: by an Apache Kafka or an Azure Event Hubs, over librdkafka.
 *
 * The calls of hub.h look here first: what concerns a bound namespace goes out, with the promises that the log in
 * process gives. Hubs are topics.
 *
 *   offsets  asked of the brokers each time: partitions may be added; a range ends at the last stable offset. Where a flow
 *            stands is recorded with what it writes (capture's `txn`), never in a group of the broker.
 *   reading  a range is fetched from explicit offsets into an unlinked file of record batches below STATE/outside, at
 *            most OUTSIDE_READ_BYTES, and scanned there as segments are (reader.c). So a handle is immutable, and
 *            what the broker deletes meanwhile does not matter.
 *   sending  acks=all. A named producer's batch is a transaction of its own: the events, and its number as the committed
 *            offset of the group paystreak.<state>.<producer>, appear together or not at all. Who sends again after a
 *            crash looks there first. A broker without transactions gets idempotent batches: then a batch whose answer was
 *            lost in a crash may be there twice, which is logged once.
 *
 * <state> is a random id kept in STATE/outside/id: two states never take each other's numbers.
 *
 * Threads: the functions below belong to the owner's loop. What asks a broker blocks, on a worker: one call at a time in
 * each of two lanes, asking and sending, so that an unreachable broker takes no more workers than that. */
#ifndef PAYSTREAK_HUB_OUTSIDE_H
#define PAYSTREAK_HUB_OUTSIDE_H
#include "hub/hub.h"

enum {
    OUTSIDE_MAX = 16,                /* bound namespaces */
    OUTSIDE_ASK_MS = 8000,           /* for an answer of a broker */
    OUTSIDE_SEND_MS = 20000,         /* for a batch to be stored */
    OUTSIDE_STALL_MS = 15000,        /* of a fetch without an event or an end */
    OUTSIDE_SETTLE_MS = 5000,        /* for what we sent and was committed to be readable */
    OUTSIDE_POLL_MS = 200,           /* between two looks for new events */
    OUTSIDE_READ_BYTES = 64 << 20,   /* of one read handle */
    OUTSIDE_MAX_SENDERS = 256,       /* named producers of a namespace */
};

struct outside;
/* Reads the address and makes the folder; no broker is asked yet. ERR_INPUT, ERR_AUTH. */
struct outside *outside_open(struct hub *h, struct ev_loop *owner, const char *state_dir, const char *ns, const char *to, struct err *err) MUST_CHECK;
/* Waits for calls under way; those that wait their turn fail. The owner's loop is not running. */
void outside_stop(struct outside *x);
void outside_close(struct outside *x);                  /* stops it, too */
const char *outside_ns(const struct outside *x);
const char *outside_shown(const struct outside *x);     /* its address, without secrets */

/* As their namesakes of hub.h. `create` makes nothing: ERR_NOT_FOUND says how to make the hub. */
void outside_create(struct outside *x, const char *name, int partitions, hub_done_fn done, void *arg);
void outside_produce(struct outside *x, const struct event_batch *batch, hub_done_fn done, void *arg);
void outside_offsets(struct outside *x, const char *name, void (*fn)(void *arg, const struct hub_ranges *r, const struct err *err), void *arg);
void outside_reserve(struct outside *x, const char *name, const struct hub_ranges *given);
void outside_reader_open(struct outside *x, const char *name, const struct hub_ranges *ranges, int64_t max_bytes,
                         void (*fn)(void *arg, struct hub_reader *r, const struct err *err), void *arg);
struct outside_watch;
struct outside_watch *outside_watch(struct outside *x, const char *name, ev_fn fn, void *arg);
void outside_watch_again(struct outside_watch *w);
void outside_watch_free(struct outside_watch *w);
#endif
