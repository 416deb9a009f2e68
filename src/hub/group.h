/* group -- consumer groups: who is in them, who reads what, and how far they came.
 *
 * The classic protocol. States:
 *     EMPTY       no members; there may be offsets
 *     PREPARING   a rebalance: waits until every member has joined again, or the timeout passed
 *     COMPLETING  everybody has joined; waits for the leader's assignment (SyncGroup)
 *     STABLE      all know what they read; heartbeats keep members alive
 * Moves: EMPTY → PREPARING (first join; waits the initial delay for more to come), PREPARING →
 * COMPLETING | EMPTY, COMPLETING → STABLE | PREPARING, STABLE → PREPARING. Every new generation
 * starts at PREPARING → COMPLETING. Membership lives in memory: after a restart clients join again.
 *
 * Committed offsets are durable: records of <namespace>/__consumer_offsets, one partition, in Kafka's
 * format (key: i16 1, group, topic, i32 partition; value: i16 3, i64 offset, i32 leader epoch,
 * metadata, i64 commit time; null: forgotten). Opening replays them; when the log has grown to
 * many times what is alive, the living are written again into a new segment and the old ones go.
 *
 * Offsets committed in a transaction are a transactional batch of that log and pend until its marker: committed
 * then, or forgotten. Readers who ask for stable ones are told to wait.
 *
 * Thread: the hub loop. */
#ifndef PAYSTREAK_HUB_GROUP_H
#define PAYSTREAK_HUB_GROUP_H
#include "hub/hub_int.h"

enum {
    GROUPS_MAX = 10000,                /* of one namespace */
    GROUP_MAX_MEMBERS = 1000,
    GROUP_MAX_PROTOCOLS = 64,
    GROUP_MAX_METADATA = 4096,         /* of one committed offset */
    GROUP_MIN_SESSION_MS = 6000,
    GROUP_MAX_SESSION_MS = 1800000,
    GROUP_COMPACT_BYTES = 4 << 20,     /* offsets logs smaller than this are left alone */
};

/* Clients also commit where to begin instead of an offset, as a consumer says it. The first is what a group without an offset has: it is
 * forgotten. */
enum { OFFSET_LATEST = -1, OFFSET_EARLIEST = -2 };

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE, GROUP_STATE_COUNT };

struct protocol { char *name; struct buf metadata; };

struct member {
    struct group *group;
    char *id, *instance, *client_id, *client_host; /* instance NULL: not static */
    int32_t session_ms, rebalance_ms;
    struct protocol *protocols;
    int32_t protocol_count;
    struct buf assignment;
    struct join_wait *join;            /* NULL: does not wait */
    struct sync_wait *sync;
    struct ev_timer *session;
};

struct committed { int64_t offset, time_ms; int32_t epoch; char *metadata; size_t metadata_len; char *topic; int32_t partition; }; /* metadata: any bytes */

struct group {
    struct groups *groups;
    char *name, *protocol_type, *protocol; /* protocol NULL while empty; type NULL: nobody has joined yet */
    enum group_state state;
    int32_t generation;
    struct member **members;
    size_t member_count, member_cap;
    struct member *leader;
    struct map *pending;               /* member ids given out, not joined yet -> struct pending_member */
    struct ev_timer *timer;            /* of the rebalance, or of the syncs that are awaited */
    bool initial;                      /* the timer is the initial delay: more may come */
    int64_t initial_until_us;          /* monotonic: it is not extended beyond this */
    bool joined_since;                 /* somebody joined during the initial delay */
    struct map *offsets;               /* "topic\0<partition>" -> struct committed */
};

struct groups {
    struct hub *hub;
    struct hub_ns *ns;
    struct map *by_name;
    struct topic *log;
    uint64_t next_id;
    bool compacting;
    size_t live;
    struct map *pending, *unstable;    /* group_txn.c */
};

/* ------------------------------------------------------------------ membership */

struct join_result {
    enum kerr error;
    const struct group *group;         /* NULL if error */
    const char *member_id;             /* "" if there is none */
    const char *leader_id;
    bool with_members;                 /* the leader gets them */
    bool skip_assignment;
};
struct join_wait { struct member *member; void (*fn)(void *arg, const struct join_result *r); void *arg; };
struct sync_wait { struct member *member; void (*fn)(void *arg, enum kerr error, const struct member *m); void *arg; };

struct protocol_in { struct str name, metadata; };
struct join_request {
    struct str group, member_id, instance, client_id, protocol_type; /* instance.ptr NULL: none */
    const char *client_host;
    int32_t session_ms, rebalance_ms;
    const struct protocol_in *protocols;
    int32_t protocol_count;
    bool needs_known_id, can_skip;     /* by version: 4 and 9 */
};
/* Answers through w->fn, now or later. While it waits w->member is set; group_join_cancel() then. */
void group_join(struct groups *g, const struct join_request *q, struct join_wait *w);
void group_join_cancel(struct join_wait *w);

struct assignment_in { struct str member_id, bytes; };
struct sync_request {
    struct str group, member_id, instance, protocol_type, protocol; /* ptr NULL: not said */
    int32_t generation;
    const struct assignment_in *assignments;
    int32_t count;
};
void group_sync(struct groups *g, const struct sync_request *q, struct sync_wait *w);
void group_sync_cancel(struct sync_wait *w);

enum kerr group_heartbeat(struct groups *g, struct str group, int32_t generation, struct str member_id, struct str instance);
enum kerr group_leave(struct groups *g, struct str group, struct str member_id, struct str instance);

struct group *group_find(struct groups *g, struct str name);
const char *group_state_name(const struct group *g);  /* "Stable" */
const struct buf *member_metadata(const struct member *m); /* of the chosen protocol; NULL: none */

/* ------------------------------------------------------------------ offsets */

/* May this member commit? A generation below 0 is a consumer that is in no group. */
enum kerr group_may_commit(struct groups *g, struct str group, int32_t generation, struct str member_id, struct str instance);
const struct committed *group_offset(const struct group *g, struct str topic, int32_t partition); /* NULL: none */
struct commit_in { struct str topic, metadata; int32_t partition, epoch; int64_t offset; };
/* Writes the offsets to the log; call group_apply() when the next flush is durable. */
enum kerr group_log_commit(struct groups *g, struct str group, const struct commit_in *items, size_t count);
void group_apply(struct groups *g, struct str group, const struct commit_in *items, size_t count);
/* The same as part of a producer's transaction: they pend at once, and become offsets, or not, with group_txn_end(),
 * which is called when its marker is durable. */
enum kerr group_log_txn_commit(struct groups *g, int64_t producer_id, int16_t epoch, struct str group, const struct commit_in *items,
                               size_t count);
void group_txn_end(struct groups *g, int64_t producer_id, bool commit);
/* Does an offset of that partition pend? */
bool group_offset_unstable(const struct groups *g, struct str group, struct str topic, int32_t partition);
/* A hub goes: its offsets are forgotten in all groups. Durable with the next flush. */
void groups_forget_topic(struct groups *g, struct str topic);
/* The group forgets one offset, if it has it. */
enum kerr group_forget_offset(struct groups *gs, struct str name, struct str topic, int32_t partition);
/* Forgets the group and its offsets; NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. Durable with the next flush. */
enum kerr group_delete(struct groups *g, struct str name);

/* ------------------------------------------------------------------ the namespace's groups */

/* Made on first use. NULL: the offsets' hub cannot be made. */
struct groups *groups_of(struct hub *h, struct hub_ns *ns, struct err *err);
int groups_open_all(struct hub *h, struct err *err) MUST_CHECK; /* of namespaces that have offsets */
void groups_close_all(struct hub *h);
struct group *groups_make(struct groups *g, struct str name);   /* found or made; NULL: too many */
void group_free(struct group *g);                               /* members and waits are gone */
#endif
