/* capture -- the hub's events as a Delta table, written continuously and exactly once.
 *
 * A capture follows one hub. Micro-batch after micro-batch it takes what lies behind the offsets it
 * has, [next, high watermark) of every partition, at most CAPTURE_MAX_ROWS and
 * about CAPTURE_MAX_BYTES together, through an
 * immutable reader (hub.h) whose source DuckDB scans in place, and commits the rows to the table
 * together with one `txn` a partition: appId "capture.<ns>.<hub>-<p>", version = the next offset. At
 * start the next offsets are read back from there, so a crash neither loses nor doubles an event:
 * what was written without its commit is no part of the table. Events of an outside cluster (outside.h) bring one more, "capture.<ns>.<hub>@<cluster>"
 * with the sum of all next offsets: where it does not match at start, something else has filled the table, and it is refused.
 *
 * Table: key, value, headers, topic, partition, offset, timestamp, timestampType as Spark's Kafka
 * source has them; body, enqueuedTime, sequenceNumber, systemProperties, properties as Event Hubs
 * names the same event.
 *
 *     IDLE → ASKING (offsets) → OPENING (reader) → WRITING (worker) → IDLE | WAITING (window, retry)
 *
 * Thread: the owner's loop (hub_start's); the writing runs on a worker with a connection of its own. */
#ifndef PAYSTREAK_HUB_CAPTURE_H
#define PAYSTREAK_HUB_CAPTURE_H
#include "hub/hub.h"
#include "plan/type.h"

struct lake_table;
enum {
    CAPTURE_MAX_ROWS = 500000,    /* of one micro-batch */
    CAPTURE_MAX_BYTES = 64 << 20, /* of log, before decompression */
    CAPTURE_MIN_MS = 50,          /* between the starts of two micro-batches */
    CAPTURE_RETRY_MS = 500, CAPTURE_RETRY_MAX_MS = 30000,
};
#define CAPTURE_DDL "key BINARY, value BINARY, headers MAP<STRING, BINARY>, topic STRING, partition INT, offset BIGINT, " \
                    "timestamp TIMESTAMP, timestampType INT, body BINARY, enqueuedTime TIMESTAMP, sequenceNumber BIGINT, " \
                    "systemProperties MAP<STRING, STRING>, properties MAP<STRING, STRING>"

struct capture;
struct capture_opts {
    struct hub *hub;
    struct ev_loop *owner;
    struct duck *db;              /* hub_register_scan() was called on it */
    struct lake_table *table;     /* where to; made if it is not there */
    const char *ns, *name;
    int64_t interval_ms;          /* a batch at most so often; 0: CAPTURE_MIN_MS */
    /* After each commit, on the owner's loop. NULL allowed. */
    void (*on_commit)(void *ctx, const char *table_dir, int64_t version, int64_t rows);
    void (*on_error)(void *ctx, const struct err *err);   /* it tries again by itself */
    void *ctx;
};

/* Once per database, before the first capture. */
int hub_register_scan(struct duck *db, struct err *err) MUST_CHECK;
/* Opens: makes the table, reads the offsets (on a worker), then ready(arg, err) and it runs. */
struct capture *capture_start(const struct capture_opts *o, void (*ready)(void *arg, const struct err *err), void *arg);
/* Calls fn once when every event that was durable at this call is in the table, or ready() has told of a failure. */
void capture_drain(struct capture *c, void (*fn)(void *arg), void *arg);
/* Ends after the batch under way; done(arg) and the capture is freed. */
void capture_stop(struct capture *c, void (*done)(void *arg), void *arg);
struct capture_stat { int64_t rows, batches, version, lag; int64_t last_commit_us; /* monotonic */ struct err error; };
void capture_stats(const struct capture *c, struct capture_stat *out);
#endif
