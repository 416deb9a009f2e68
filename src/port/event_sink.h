/* event_sink -- where the output bindings of functions put their events: a hub, in process or outside.
 *
 * A producer has a name and numbers its batches from 0, rising. A batch whose number is not above the
 * last one of that producer is there already and is answered with success, also after a crash: so an
 * outbox sends again what it is not sure of. Events of one batch without a key go to one partition
 * together, which is a function of producer and number, so that a repeat meets its first copy; events
 * with a key go where the key's hash says.
 *
 * Calls and callbacks: on the loop thread of the owner. `send` copies what it needs. */
#ifndef PAYSTREAK_PORT_EVENT_SINK_H
#define PAYSTREAK_PORT_EVENT_SINK_H
#include "base/base.h"

struct event_header { struct str key, value; };

struct event {
    struct str key;                 /* the partition key; ptr NULL: none */
    struct str body;                /* ptr NULL: null */
    const struct event_header *headers;
    size_t header_count;
    int64_t timestamp_ms;           /* 0: now */
};

struct event_batch {
    const char *ns, *hub;           /* ns NULL: the default namespace */
    const char *producer;           /* NULL: not idempotent, `number` is not looked at */
    int64_t number;                 /* at most 2^46 - 1 */
    const struct event *events;
    size_t count;
};

/* `err` NULL: the batch is durable. Otherwise nothing or a part of it is; err->retriable says
 * whether sending the same batch again may help. */
typedef void (*event_sent_fn)(void *arg, const struct err *err);

struct event_sink {
    void (*send)(void *ctx, const struct event_batch *batch, event_sent_fn done, void *arg);
    void *ctx;
};
#endif
