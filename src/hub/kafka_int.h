/* kafka_int -- requests and connections, for the files that handle them. */
#ifndef PAYSTREAK_HUB_KAFKA_INT_H
#define PAYSTREAK_HUB_KAFKA_INT_H
#include "hub/access.h"
#include "hub/kafka.h"
#include "hub/sas.h"
#include "net/tcp.h"

enum { KAFKA_ANY = SAS_SEND | SAS_LISTEN | SAS_MANAGE };

/* X(key, NAME, min, max, first flexible version, rights: one of them is needed, handler) */
#define KAFKA_APIS(X)                                                                              \
    X(0, PRODUCE, 0, 12, 9, SAS_SEND, kafka_produce)                                               \
    X(1, FETCH, 4, 17, 12, SAS_LISTEN, kafka_fetch)                                                \
    X(2, LIST_OFFSETS, 1, 10, 6, SAS_LISTEN, kafka_list_offsets)                                   \
    X(3, METADATA, 0, 13, 9, KAFKA_ANY, kafka_metadata)                                            \
    X(8, OFFSET_COMMIT, 2, 9, 8, SAS_LISTEN, kafka_offset_commit)                                  \
    X(9, OFFSET_FETCH, 1, 9, 6, SAS_LISTEN, kafka_offset_fetch)                                    \
    X(10, FIND_COORDINATOR, 0, 4, 3, KAFKA_ANY, kafka_find_coordinator)                            \
    X(11, JOIN_GROUP, 0, 9, 6, SAS_LISTEN, kafka_join_group)                                       \
    X(12, HEARTBEAT, 0, 4, 4, SAS_LISTEN, kafka_heartbeat)                                         \
    X(13, LEAVE_GROUP, 0, 5, 4, SAS_LISTEN, kafka_leave_group)                                     \
    X(14, SYNC_GROUP, 0, 5, 4, SAS_LISTEN, kafka_sync_group)                                       \
    X(15, DESCRIBE_GROUPS, 0, 5, 5, SAS_LISTEN, kafka_describe_groups)                             \
    X(16, LIST_GROUPS, 0, 4, 3, SAS_LISTEN, kafka_list_groups)                                     \
    X(17, SASL_HANDSHAKE, 0, 1, 99, KAFKA_ANY, kafka_sasl_handshake)                               \
    X(18, API_VERSIONS, 0, 4, 3, KAFKA_ANY, kafka_api_versions)                                    \
    X(19, CREATE_TOPICS, 2, 7, 5, SAS_MANAGE, kafka_create_topics)                                 \
    X(20, DELETE_TOPICS, 1, 6, 4, SAS_MANAGE, kafka_delete_topics)                                 \
    X(21, DELETE_RECORDS, 0, 2, 2, SAS_MANAGE, kafka_delete_records)                               \
    X(22, INIT_PRODUCER_ID, 0, 5, 2, SAS_SEND, kafka_init_producer_id)                             \
    X(23, OFFSET_FOR_LEADER_EPOCH, 2, 4, 4, SAS_LISTEN, kafka_offset_for_leader_epoch)             \
    X(24, ADD_PARTITIONS_TO_TXN, 0, 3, 3, SAS_SEND, kafka_add_partitions_to_txn)                   \
    X(25, ADD_OFFSETS_TO_TXN, 0, 4, 3, SAS_SEND, kafka_add_offsets_to_txn)                         \
    X(26, END_TXN, 0, 5, 3, SAS_SEND, kafka_end_txn)                                               \
    X(28, TXN_OFFSET_COMMIT, 0, 5, 3, SAS_LISTEN, kafka_txn_offset_commit)                         \
    X(29, DESCRIBE_ACLS, 1, 3, 2, SAS_MANAGE, kafka_describe_acls)                                 \
    X(30, CREATE_ACLS, 1, 3, 2, SAS_MANAGE, kafka_create_acls)                                     \
    X(31, DELETE_ACLS, 1, 3, 2, SAS_MANAGE, kafka_delete_acls)                                     \
    X(32, DESCRIBE_CONFIGS, 1, 4, 4, KAFKA_ANY, kafka_describe_configs)                            \
    X(33, ALTER_CONFIGS, 0, 2, 2, SAS_MANAGE, kafka_alter_configs)                                 \
    X(35, DESCRIBE_LOG_DIRS, 1, 4, 2, SAS_MANAGE, kafka_describe_log_dirs)                         \
    X(36, SASL_AUTHENTICATE, 0, 2, 2, KAFKA_ANY, kafka_sasl_authenticate)                          \
    X(37, CREATE_PARTITIONS, 0, 3, 2, SAS_MANAGE, kafka_create_partitions)                         \
    X(42, DELETE_GROUPS, 0, 2, 2, SAS_MANAGE, kafka_delete_groups)                                 \
    X(43, ELECT_LEADERS, 0, 2, 2, SAS_MANAGE, kafka_elect_leaders)                                 \
    X(44, INCREMENTAL_ALTER_CONFIGS, 0, 1, 1, SAS_MANAGE, kafka_incremental_alter_configs)         \
    X(45, ALTER_PARTITION_REASSIGNMENTS, 0, 0, 0, SAS_MANAGE, kafka_alter_partition_reassignments) \
    X(46, LIST_PARTITION_REASSIGNMENTS, 0, 0, 0, KAFKA_ANY, kafka_list_partition_reassignments)    \
    X(47, OFFSET_DELETE, 0, 0, 99, SAS_MANAGE, kafka_offset_delete)                                \
    X(48, DESCRIBE_CLIENT_QUOTAS, 0, 1, 1, SAS_MANAGE, kafka_describe_client_quotas)               \
    X(49, ALTER_CLIENT_QUOTAS, 0, 1, 1, SAS_MANAGE, kafka_alter_client_quotas)                     \
    X(50, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, 0, 0, SAS_MANAGE, kafka_describe_scram)              \
    X(51, ALTER_USER_SCRAM_CREDENTIALS, 0, 0, 0, SAS_MANAGE, kafka_alter_scram)                    \
    X(60, DESCRIBE_CLUSTER, 0, 1, 0, KAFKA_ANY, kafka_describe_cluster)                            \
    X(61, DESCRIBE_PRODUCERS, 0, 0, 0, SAS_LISTEN, kafka_describe_producers)                       \
    X(65, DESCRIBE_TRANSACTIONS, 0, 0, 0, KAFKA_ANY, kafka_describe_transactions)                  \
    X(66, LIST_TRANSACTIONS, 0, 1, 0, KAFKA_ANY, kafka_list_transactions)

enum { KAFKA_SET_BY_TOPIC = 1, KAFKA_SET_BY_DEFAULT = 5 }; /* where a setting has its value from, in Kafka's numbers */

enum kafka_api_key {
#define X(key, name, min, max, flex, rights, fn) KAFKA_##name = key,
    KAFKA_APIS(X)
#undef X
};

struct kreq;
struct mechanism;
struct sasl;
struct kafka_api { int16_t key, min, max, flex_from; unsigned rights; const char *name; void (*handle)(struct kreq *r); };
extern const struct kafka_api KAFKA_API_TABLE[];
extern const size_t KAFKA_API_COUNT;

struct kafka_conn {
    struct kafka *kafka;
    struct tcp_conn *tcp;
    struct hub_ns *ns;               /* the client's namespace */
    struct sas_claim claim;          /* what it may do there; authenticated only */
    struct kreq *first, **end;       /* requests without an answer, in order */
    int queued;
    size_t queued_bytes;
    char *tls_ns;                    /* the namespace that TLS's server name says; NULL: none */
    struct sasl *sasl;               /* the exchange under way; NULL: none */
    const struct mechanism *mechanism; /* of the last one that was good; NULL: none was */
    char *user;                      /* the principal's name; NULL: ANONYMOUS */
    bool by_acl;                     /* access control lists say what it may do, not `claim` */
    bool open;                       /* insecure_local, and nobody asked who it is: by_acl, but the cluster is its own */
    int64_t expires_us;              /* mono: it has to authenticate again before; 0: never */
    struct ev_timer *mute;           /* it is over its quota until then; NULL: it is not */
    bool named, authenticated, paused;
    bool refused;                    /* it is told that soon, and closed: nothing more is read */
};

/* One request, from its frame to its answer. A handler reads `in`, writes the response's body to
 * `out`, and calls kreq_done(); or keeps the request waiting, with what it needs copied into the
 * arena and `cancel` set, and calls kreq_done() later. */
struct kreq {
    struct kreq *next;
    struct hub *hub;
    struct kafka_conn *conn;         /* NULL: it is gone; kreq_done() then only frees */
    const struct kafka_api *api;
    int16_t version;
    int32_t correlation;
    struct str client_id;            /* in the frame: only until the handler returns */
    struct str client;               /* client_id, in the arena */
    struct str named;                /* the group or transactional id that the request is about, as client_id; ptr NULL: none */
    size_t body_at;                  /* where the response's body begins in `out` */
    size_t frame_bytes;
    struct kin in;
    struct kout out;
    struct arena *arena;
    bool operations;                 /* the answer says what may be done to each hub or group */
    bool done, no_reply, fail;       /* fail: close the connection instead of answering */
    void (*cancel)(struct kreq *r);  /* the connection is gone: undo the waiting and call kreq_done() */
    void *state;                     /* the handler's, in the arena */
    struct hub_wait wait;
};

void kafka_api_versions_unknown(struct kreq *r); /* answers in version 0 */
void kreq_done(struct kreq *r);
/* The request is malformed: the connection is closed with one log line. */
void kreq_bad(struct kreq *r);
/* An array of a request, `n` items that may be below zero: zeroed, in the request's arena. A request whose arrays
 * would need more than KAFKA_MAX_ITEMS_BYTES turns `in` bad: its loops over items ask for that, and read nothing. */
void *kreq_array(struct kreq *r, int32_t n, size_t item_bytes);
#define KREQ_ARRAY(r, type, n) ((type *)kreq_array(r, n, sizeof(type)))
/* The usual front of a handler: after the last field was read. False: kreq_bad() was called. */
bool kreq_read_all(struct kreq *r);
/* What the client calls us: the name it asked for over TLS, which is the one that its certificate check and its namespace
 * go by, else where we listen. */
struct str kreq_host(const struct kreq *r);
/* May the client do what this request asks, to that hub? hub ptr NULL: to anything at all, as groups and
 * producer ids belong to no hub. */
bool kreq_allowed(const struct kreq *r, struct str hub);
/* The hub of that name, or id, in the client's namespace. Internal ones are not for clients. Otherwise *out is NULL:
 * KERR_TOPIC_AUTHORIZATION_FAILED, also for what is not there; KERR_UNKNOWN_TOPIC_OR_PARTITION, KERR_UNKNOWN_TOPIC_ID. */
enum kerr kreq_topic(struct kreq *r, struct str name, struct topic **out);
enum kerr kreq_topic_id(struct kreq *r, const uint8_t id[16], struct topic **out);
/* Reads topics and their partitions, and answers each as it is read: `one` reads and answers a partition of `t`, which
 * is NULL if `error` says so. */
void kreq_each_partition(struct kreq *r, void (*one)(struct kreq *r, struct topic *t, enum kerr error));
/* What a client's leader epoch is in a log: of before, unknown, or (also -1) none of both. */
enum kerr kreq_epoch_error(const struct plog *log, int32_t epoch);
/* KERR_GROUP_AUTHORIZATION_FAILED or none: for the group that the request names first, or for this one. */
enum kerr kreq_group_error(const struct kreq *r);
enum kerr kreq_named_group_error(const struct kreq *r, struct str group);
/* The same, of a request that is about a transaction and commits offsets of that group. */
enum kerr kreq_txn_group_error(const struct kreq *r, struct str group);
/* May the client administer the whole namespace: users, access control lists, quotas? */
bool kreq_cluster_allowed(const struct kreq *r, enum acl_operation op);
/* May it do `op` with that hub, be it by its policy's rights for this request or by access control lists? */
bool kreq_topic_allowed(const struct kreq *r, struct str hub, enum acl_operation op);
/* What the client may do to a resource: bits by the operations' numbers. Not asked: INT32_MIN, as Kafka says it. */
int32_t kreq_operations(const struct kreq *r, bool asked, enum acl_type type, struct str name);
struct str kconn_user(const struct kafka_conn *c);

/* kafka_rights.c: looks ahead at the name that a request begins with, for who is asked by access control lists. */
void kreq_note_named(struct kreq *r);

/* kafka_auth.c */
void kafka_auth_end(struct kafka_conn *c);
bool kafka_auth_expired(const struct kafka_conn *c);
/* kafka_access.c: writes rows that were changed, or drops them; a failure is that of everyone who asked, with its message. */
enum kerr kreq_commit_access(struct kreq *r, struct access_rows *rows, bool changed, const char **message);
/* kafka_quota.c: counts what a request brought or fetched; for how many ms its connection is to be silent. Says so in the answer. */
int64_t kafka_quota_throttle(struct kreq *r);
/* At most what the client's quota lets it have in a whole window: more would silence it for as much longer. */
int32_t kafka_quota_fetch_bytes(const struct kreq *r, int32_t max_bytes);

#define X(key, name, min, max, flex, rights, fn) void fn(struct kreq *r);
KAFKA_APIS(X)
#undef X
#endif
