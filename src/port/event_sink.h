/* event_sink -- where a module that makes events hands them over: the hub, or a real namespace.
 *
 * A batch goes to one event hub whole or not at all, and once: a named producer numbers its batches,
 * and the sink keeps the numbers it has stored. A batch that comes again with a number not above the
 * last of its producer in that hub is answered as stored, and not stored twice; gaps are fine. So a
 * producer that keeps its batch until `done` may send it again after a crash, with the same bytes and
 * the same number.
 *
 * All calls and callbacks are on the caller's loop thread. */
#ifndef PAYSTREAK_PORT_EVENT_SINK_H
#define PAYSTREAK_PORT_EVENT_SINK_H
#include "base/base.h"

struct event_property { struct str name, value; };

struct event {
    struct str body;
    struct str key;               /* the partition key; ptr NULL: none */
    const struct event_property *properties;
    size_t property_count;
};

struct event_batch {
    struct str name_space;        /* "ns" of ns.servicebus.windows.net */
    struct str hub;
    struct str producer;          /* a stable name, "functions/app/emit" */
    int64_t sequence;             /* from 0, one for each batch; a repeated batch repeats its number */
    const struct event *events;
    size_t count;                 /* 0 is allowed and stores nothing */
};

struct event_sink {
    /* May events go to this hub? ERR_NOT_FOUND, ERR_UNSUPPORTED. NULL: not asked. */
    int (*check)(void *ctx, struct str name_space, struct str hub, struct err *err);
    /* -1 and `err`: refused, `done` is not called. Else `done` is called once, later: with NULL when
     * the batch is durable, or with why not; err->retriable says that the same batch may be sent
     * again. The caller keeps all that `batch` points to until then. */
    int (*produce)(void *ctx, const struct event_batch *batch,
                   void (*done)(void *arg, const struct err *err), void *arg, struct err *err);
    void *ctx;
};
#endif
