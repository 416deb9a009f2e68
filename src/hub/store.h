/* store -- namespaces, hubs (Kafka says topics) and their partitions; the folder STATE/hub.
 *
 *     epoch                            text: the leader epoch, one more at every start
 *     <namespace>/<hub>/hub.json       {"id","partitions","created_ms","internal",…config}
 *     <namespace>/<hub>/<p>/           a partition's log (plog.h)
 *
 * Names of hubs are Kafka's: 1 to 249 of A-Z a-z 0-9 . _ -, not "." or "..". Names of namespaces
 * are lower-cased, of a-z 0-9 and -. A folder is renamed to ".deleted-…" before it is removed, so
 * that a crash never leaves half a hub; such folders go at the next start.
 *
 * Thread: the hub loop, or the opening thread before it runs. Blocking: making and deleting hubs. */
#ifndef PAYSTREAK_HUB_STORE_H
#define PAYSTREAK_HUB_STORE_H
#include "hub/plog.h"

enum {
    TOPIC_MAX_NAME = 249,
    TOPIC_MAX_PARTITIONS = 10000,
    STORE_MAX_TOPICS = 10000,       /* of one namespace */
    STORE_DEFAULT_PARTITIONS = 4,
    STORE_MAX_BATCH_BYTES = 8 << 20,
    STORE_MIN_DIRTY_PERMILLE = 500,
};
#define STORE_RETENTION_MS (INT64_C(7) * 86400000)
#define STORE_SEGMENT_MS (INT64_C(7) * 86400000)
#define STORE_DELETE_RETENTION_MS INT64_C(86400000)
#define OFFSETS_TOPIC "__consumer_offsets"

struct hub_ns;
struct topic;

struct partition {
    struct topic *topic;
    int32_t index;
    struct plog *log;
    bool dirty;                     /* in the hub's list of logs to flush */
    struct fetch_link *waiting;     /* fetches that wait for new records */
};

struct topic {
    struct hub_ns *ns;
    char *name, *dir;
    uint8_t id[16];
    int64_t created_ms;
    bool internal, deleted;
    struct plog_config cfg;
    struct partition **parts;       /* each allocated on its own: pointers stay valid */
    int32_t part_count;
    size_t readers;                 /* watches and read handles of this process: it cannot be deleted */
    uint64_t next_partition;        /* round robin of events without a key */
    uint64_t measured_events;       /* hub_measure() */
    int64_t measured_us;
    double events_per_s;
};

struct hub_ns {
    struct store *store;
    char *name, *dir;
    struct map *topics;             /* name -> struct topic */
    struct map *dying;              /* unlisted, not destroyed yet: the name's folder is still theirs */
    struct groups *groups;          /* group.h; NULL until first used */
    struct txns *txns;              /* txn.h; NULL until first used */
};

struct store_opts {
    const char *dir;                /* STATE/hub */
    int default_partitions;         /* 0: STORE_DEFAULT_PARTITIONS */
    int64_t segment_bytes;          /* 0: PLOG_SEGMENT_BYTES */
    int64_t retention_ms, retention_bytes; /* 0: STORE_RETENTION_MS, unlimited */
};

struct store { char *dir; struct map *namespaces; int32_t epoch; struct store_opts opts; };

struct store *hub_store_open(const struct store_opts *opts, struct err *err) MUST_CHECK;
void hub_store_close(struct store *s, bool orderly); /* logs have nothing staged */

/* The namespace of that name, made if absent. ERR_INPUT if the name is none. */
struct hub_ns *hub_store_namespace(struct store *s, struct str name, struct err *err) MUST_CHECK;

bool topic_name_ok(struct str name);
struct topic *topic_find(struct hub_ns *ns, struct str name);
struct topic *topic_find_id(struct hub_ns *ns, const uint8_t id[16]);
/* `partitions` 0: the default. cfg NULL: the defaults. ERR_EXISTS (also while one of that name is
 * being deleted), ERR_INPUT, ERR_LIMIT. */
struct topic *topic_create(struct hub_ns *ns, struct str name, int32_t partitions, const struct plog_config *cfg,
                           struct err *err) MUST_CHECK;
struct plog_config topic_default_config(const struct store *s);
int topic_add_partitions(struct topic *t, int32_t total, struct err *err) MUST_CHECK;
int topic_save(struct topic *t, struct err *err) MUST_CHECK;
/* Takes the hub out of its namespace: nobody finds it any more. */
void topic_unlist(struct topic *t);
/* Removes the folder of an unlisted hub and frees `t`. Pre: none of its logs is staged or flushing. */
int topic_destroy(struct topic *t, struct err *err) MUST_CHECK;
struct partition *topic_partition(struct topic *t, int32_t index); /* NULL: there is none */
void uuid_text(const uint8_t id[16], struct buf *out);             /* Kafka's: base64url, no padding */
#endif
