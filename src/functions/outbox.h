/* outbox -- the outputs of one invocation as one durable record, published once.
 *
 * STATE/functions/APP/FUNCTION/outbox/NUMBER holds one record, atomic on disk: a line of JSON
 *
 *   {"version":1,"invocation":ID,"schedule":{"last","next","updated"},"crc32c":N,
 *    "outputs":[{"to":"hub","namespace","hub","type","bytes"}, {"to":"blob","url","bytes"}…]}
 *
 * and then the values of the outputs back to back, as the worker sent them. Numbers rise by one; the
 * first is the time in milliseconds, so that a lost folder does not bring old numbers back. The order of
 * things, for one function at a time:
 *
 *   1. record N is written (durable): from here on the invocation has happened
 *   2. record N-1 is removed: the highest record always tells the next number
 *   3. its events are sent, one batch a hub, as producer "functions/APP/FUNCTION" number N
 *   4. its blobs are written; then N is renamed to N.done, a hint that spares the next start step 5
 *   5. at start the highest record is published again, unless it is done: the hub drops a batch whose
 *      number it has, and writing a blob again gives the same blob
 *
 * A record of N that was never published and is written again (its write was reported as failed) is
 * replaced whole. So an invocation's events, blobs and schedule appear together or not at all.
 *
 * The calls below block: on a worker thread. An outbox is used by one thread at a time. */
#ifndef PAYSTREAK_FUNCTIONS_OUTBOX_H
#define PAYSTREAK_FUNCTIONS_OUTBOX_H
#include "functions/schedule.h"
#include "port/event_sink.h"
#include "resolve/resolve.h"

enum {
    OUTBOX_MAX_BYTES = 256 << 20,   /* of one record */
    OUTBOX_MAX_OUTPUTS = 64,
    EVENT_MAX_BYTES = 1 << 20,      /* of one event's body, as Event Hubs has it */
};

struct outbox {
    char *dir;
    int64_t next;                   /* number of the next record */
    int64_t kept;                   /* of the record on disk, -1: none */
    bool kept_done;
};

/* One value that goes somewhere. */
struct output {
    bool to_blob;
    struct str name_space, hub;     /* of events */
    struct str url;                 /* of a blob */
    struct str type;                /* of the value: "json", "string", "bytes", "int", "double" */
    struct str value;
};

struct outbox_record {
    int64_t number;
    struct str invocation;
    bool scheduled;                 /* has `schedule` */
    struct schedule_state schedule;
    struct output *outputs;
    size_t count;
};

/* Makes the folder, finds the highest record, removes what is older. */
int outbox_open(struct outbox *o, const char *dir, struct err *err) MUST_CHECK;
void outbox_release(struct outbox *o);
/* Reads the record on disk. Pre: kept >= 0. Strings live in `a`. ERR_CORRUPT. */
int outbox_read(const struct outbox *o, struct arena *a, struct outbox_record *out, struct err *err) MUST_CHECK;
/* Steps 1 and 2. Sets r->number. On failure the invocation has not happened. */
int outbox_write(struct outbox *o, struct outbox_record *r, struct err *err) MUST_CHECK;
/* Step 4. */
int outbox_blobs(struct outbox *o, const struct outbox_record *r, const struct resolver_names *names,
                 struct err *err) MUST_CHECK;

/* The events of a record, a batch for each hub, as Azure's host reads a value: a JSON array (also one in
 * a text) is one event for each item, an item that is a text is its text, any other its JSON; everything
 * else is one event. Bodies lie in `a` or in the record. ERR_LIMIT: an event is too large. */
struct outbox_events { struct event_batch *batches; size_t count; int64_t events; };
int outbox_events(struct arena *a, const struct outbox_record *r, const char *producer, struct outbox_events *out,
                  struct err *err) MUST_CHECK;
#endif
