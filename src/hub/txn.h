/* txn -- the coordinator of transactions of a namespace.
 *
 * A transactional id belongs to one producer at a time: it has a producer id and an epoch, and whoever asks for
 * them anew gets a higher epoch, which fences the one before. States, with Kafka's numbers:
 *     EMPTY            no transaction yet
 *     ONGOING          partitions were added; records of them are written
 *     PREPARE_COMMIT, PREPARE_ABORT    the outcome is decided; markers are being written
 *     COMPLETE_COMMIT, COMPLETE_ABORT  all markers are durable
 * Moves: EMPTY and COMPLETE_* → ONGOING → PREPARE_* → COMPLETE_*.
 *
 * Kafka's second protocol: partitions and offsets are added by what is written there, and each end gives the producer a
 * higher epoch, under which the markers are written; so nothing of an ended transaction can come late.
 *
 * Durable: each move but the last is a record of <namespace>/__transaction_state, one partition, compacted, in
 * Kafka's format (key: i16 0, transactional id; value: i16 0, i64 producer id, i16 epoch, i32 timeout, i8 state,
 * partitions (topic, i32[]), i64 last change, i64 start; null: the id expired), and is answered when durable:
 * partitions are known before their records come; the outcome is decided before the first marker; the end is
 * told when all markers are durable. Committed offsets are records of __consumer_offsets, a partition like any
 * other.
 *
 * Start: replays that log; completes what is prepared; partitions' open transactions that nothing here knows as
 * going on are aborted, so none hangs. A transaction that is older than its timeout is aborted under a higher
 * epoch.
 *
 * The producer may write to a partition only while its transaction is going on there (txn_may_write), so a
 * fenced producer's late records cannot open what nobody would end.
 *
 * Thread: the hub loop, or the opening thread before it runs. */
#ifndef PAYSTREAK_HUB_TXN_H
#define PAYSTREAK_HUB_TXN_H
#include "hub/hub_int.h"

enum {
    TXNS_MAX = 50000,                  /* ids of one namespace */
    TXN_MAX_PARTITIONS = 20000,        /* of one transaction */
    TXN_MAX_TIMEOUT_MS = 900000,       /* transaction.max.timeout.ms */
    TXN_LOG_SEGMENT_BYTES = 4 << 20,
};
#define TXN_EXPIRY_MS (INT64_C(7) * 86400000)  /* transactional.id.expiration.ms */
#define TXNS_TOPIC "__transaction_state"

enum txn_state { TXN_EMPTY, TXN_ONGOING, TXN_PREPARE_COMMIT, TXN_PREPARE_ABORT, TXN_COMPLETE_COMMIT, TXN_COMPLETE_ABORT, TXN_STATE_COUNT };

struct txn_part { char *topic; int32_t partition; };

struct txn {
    struct txns *txns;
    char *id;
    int64_t producer_id;
    int16_t epoch, last_epoch;         /* last: before the bump its owner asked for; -1: none */
    int32_t timeout_ms;
    enum txn_state state;
    struct map *parts;                 /* "topic\0<partition>" -> struct txn_part */
    int64_t start_ms, update_ms;       /* start: of the transaction; -1: none yet */
    int64_t deadline_us;               /* monotonic; while ONGOING */
    bool rotates;                      /* the end gives another producer id: epochs are used up */
    bool ending;                       /* markers, or what precedes them, are on their way to the disk */
    struct hub_wait wait;              /* of the end that is under way */
    void (*ended)(void *arg, enum kerr error); /* who asked for it; NULL: nobody */
    void *ended_arg;
};

struct txns { struct hub *hub; struct hub_ns *ns; struct topic *log; struct map *by_id, *by_producer; };

/* Made on first use. NULL: its log cannot be made. */
struct txns *txns_of(struct hub *h, struct hub_ns *ns, struct err *err);
/* Of namespaces that have transactions; after groups_open_all(). */
int txns_open_all(struct hub *h, struct err *err) MUST_CHECK;
void txns_close_all(struct hub *h);
void txns_tick(struct hub *h);         /* once a second: timeouts, expiry */

struct txn *txn_find(const struct txns *x, struct str id); /* NULL: there is none */
const char *txn_state_name(enum txn_state s);              /* "Ongoing" */

/* What follows is durable with the next flush (hub_wait_durable), if txns_error() is then none. */
enum kerr txns_error(const struct txns *x);

struct txn_producer { int64_t id; int16_t epoch; };
/* The producer of an id, fencing the one before. `expected` id -1: none. CONCURRENT_TRANSACTIONS: ask again. */
enum kerr txn_init(struct txns *x, struct str id, int32_t timeout_ms, struct txn_producer expected, struct txn_producer *out);
/* Whether that producer holds the id and may go on with a transaction. */
enum kerr txn_check(const struct txns *x, struct str id, struct txn_producer p, struct txn **out);
struct txn_part_in { struct str topic; int32_t partition; };
enum kerr txn_add(struct txns *x, struct str id, struct txn_producer p, const struct txn_part_in *parts, size_t count);
/* Is the producer's transaction going on in that partition? */
enum kerr txn_may_write(const struct txns *x, struct str id, struct txn_producer p, struct str topic, int32_t partition);
/* The same, in the second protocol: the partition is added if it is not there. */
enum kerr txn_begin_write(struct txns *x, struct str id, struct txn_producer p, struct str topic, int32_t partition);
/* Commits or aborts; with `bump`, the second protocol, the id has a higher epoch then. NONE: fn is called when it is done;
 * else not. */
struct txn_ending { bool commit, bump; void (*fn)(void *arg, enum kerr error); void *arg; };
enum kerr txn_end(struct txns *x, struct str id, struct txn_producer p, const struct txn_ending *e);
#endif
