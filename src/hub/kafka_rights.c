/* kafka_rights.c -- what a connection may do: by the rights of its policy, which the table of API keys names, or by access
 * control lists, which ask for an operation on a resource (acl.h). A request of the latter kind is told what it needs by
 * NEEDS, its hubs as they are read, and the group or transactional id that it begins with. */
#include "hub/kafka_int.h"

/* What a request of each kind is to access control lists: of the hubs it names, of the group or transactional id that it
 * begins with. The others describe hubs. */
static const struct acl_need { int16_t key; enum acl_operation topic; enum acl_type first; enum acl_operation named; } NEEDS[] = {
    {KAFKA_PRODUCE, ACL_WRITE, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_FETCH, ACL_READ, 0, 0},
    {KAFKA_OFFSET_COMMIT, ACL_READ, ACL_GROUP, ACL_READ},
    {KAFKA_OFFSET_FETCH, ACL_DESCRIBE, ACL_GROUP, ACL_DESCRIBE},
    {KAFKA_JOIN_GROUP, ACL_READ, ACL_GROUP, ACL_READ},
    {KAFKA_HEARTBEAT, ACL_READ, ACL_GROUP, ACL_READ},
    {KAFKA_LEAVE_GROUP, ACL_READ, ACL_GROUP, ACL_READ},
    {KAFKA_SYNC_GROUP, ACL_READ, ACL_GROUP, ACL_READ},
    {KAFKA_DESCRIBE_GROUPS, ACL_DESCRIBE, 0, ACL_DESCRIBE},
    {KAFKA_LIST_GROUPS, ACL_DESCRIBE, 0, ACL_DESCRIBE},
    {KAFKA_CREATE_TOPICS, ACL_CREATE, 0, 0},
    {KAFKA_DELETE_TOPICS, ACL_DELETE, 0, 0},
    {KAFKA_DELETE_RECORDS, ACL_DELETE, 0, 0},
    {KAFKA_INIT_PRODUCER_ID, ACL_WRITE, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_ADD_PARTITIONS_TO_TXN, ACL_WRITE, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_ADD_OFFSETS_TO_TXN, ACL_READ, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_END_TXN, ACL_WRITE, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_TXN_OFFSET_COMMIT, ACL_READ, ACL_TRANSACTIONAL_ID, ACL_WRITE},
    {KAFKA_DESCRIBE_CONFIGS, ACL_DESCRIBE_CONFIGS, 0, 0},
    {KAFKA_CREATE_PARTITIONS, ACL_ALTER, 0, 0},
    {KAFKA_DELETE_GROUPS, ACL_DELETE, 0, ACL_DELETE},
    {KAFKA_OFFSET_DELETE, ACL_READ, ACL_GROUP, ACL_DELETE},
    {KAFKA_INCREMENTAL_ALTER_CONFIGS, ACL_ALTER_CONFIGS, 0, 0},
    {KAFKA_ALTER_CONFIGS, ACL_ALTER_CONFIGS, 0, 0},
    {68 /* ConsumerGroupHeartbeat */, ACL_DESCRIBE, ACL_GROUP, ACL_READ},
    {69 /* ConsumerGroupDescribe */, ACL_DESCRIBE, 0, ACL_DESCRIBE},
};

static struct acl_need need_of(const struct kreq *r)
{
    for (size_t i = 0; i < COUNT_OF(NEEDS); i++)
        if (NEEDS[i].key == r->api->key)
            return NEEDS[i];
    return (struct acl_need){r->api->key, ACL_DESCRIBE, 0, ACL_DESCRIBE};
}

/* Looks ahead at the name that a request begins with: who is asked by access control lists is asked for it. */
void kreq_note_named(struct kreq *r)
{
    struct acl_need need = need_of(r);
    struct kin in = r->in;
    bool many = (r->api->key == KAFKA_OFFSET_FETCH && r->version >= 8) || (r->api->key == KAFKA_ADD_PARTITIONS_TO_TXN && r->version >= 4);
    if (r->conn->by_acl && need.first && !many)
        r->named = str_copy(r->arena, need.first == ACL_GROUP ? kin_str(&in) : kin_nstr(&in));
}

struct str kconn_user(const struct kafka_conn *c)
{
    return c->user ? str_z(c->user) : STR("ANONYMOUS");
}

/* The peer's address, without its port and an IPv6 one's brackets. */
static struct str conn_host(const struct kafka_conn *c)
{
    struct str peer = str_z(tcp_conn_peer(c->tcp));
    int64_t colon = str_rchr(peer, ':');
    peer = colon > 0 ? str_sub(peer, 0, (size_t)colon) : peer;
    return peer.len > 2 && peer.ptr[0] == '[' ? str_sub(peer, 1, peer.len - 2) : peer;
}

static enum acl_answer ask(const struct kreq *r, enum acl_type type, struct str name, enum acl_operation op)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    struct acl_question q = {r->conn->ns->name, type, name, op, kconn_user(r->conn), conn_host(r->conn)};
    return name.ptr ? acl_decide(rows->acls, rows->acl_count, &q) : acl_decide_any(rows->acls, rows->acl_count, &q);
}

/* Some rights hold on the cluster for all that is in it. */
static bool cluster_rule(const struct kreq *r, enum acl_operation op)
{
    return r->conn->open || ask(r, ACL_CLUSTER, STR(ACL_CLUSTER_NAME), op) == ACL_ALLOWED;
}

/* Hubs, groups and transactional ids without rules are open to whom we know; the cluster is not. */
bool kreq_topic_allowed(const struct kreq *r, struct str hub, enum acl_operation op)
{
    if (r->conn->by_acl)
        return ask(r, ACL_TOPIC, hub, op) != ACL_DENIED || (op == ACL_CREATE && cluster_rule(r, op));
    return sas_allows(&r->conn->claim, r->api->rights, r->conn->ns->name, hub);
}

bool kreq_cluster_allowed(const struct kreq *r, enum acl_operation op)
{
    if (r->conn->by_acl)
        return cluster_rule(r, op);
    return sas_allows(&r->conn->claim, r->api->rights, r->conn->ns->name, STR_NONE);
}

bool kreq_allowed(const struct kreq *r, struct str hub)
{
    struct acl_need need = need_of(r);
    if (!r->conn->by_acl)
        return hub.ptr ? kreq_topic_allowed(r, hub, need.topic) : (r->conn->claim.rights & r->api->rights) != 0;
    if (hub.ptr)
        return kreq_topic_allowed(r, hub, need.topic);
    if (need.first && r->named.ptr)
        return ask(r, need.first, r->named, need.named) != ACL_DENIED;
    return ask(r, ACL_TOPIC, STR_NONE, need.topic) != ACL_DENIED || (r->api->key == KAFKA_INIT_PRODUCER_ID && cluster_rule(r, ACL_IDEMPOTENT_WRITE));
}

/* What may be done to resources of each type, and the rights of a policy that it takes. */
static const struct { enum acl_operation op; unsigned rights; bool topic, group, cluster; } OPERATIONS[] = {
    {ACL_READ, SAS_LISTEN, true, true, false},
    {ACL_WRITE, SAS_SEND, true, false, false},
    {ACL_CREATE, SAS_MANAGE, true, false, true},
    {ACL_DELETE, SAS_MANAGE, true, true, false},
    {ACL_ALTER, SAS_MANAGE, true, false, true},
    {ACL_DESCRIBE, KAFKA_ANY, true, true, true},
    {ACL_CLUSTER_ACTION, SAS_MANAGE, false, false, true},
    {ACL_DESCRIBE_CONFIGS, KAFKA_ANY, true, false, true},
    {ACL_ALTER_CONFIGS, SAS_MANAGE, true, false, true},
    {ACL_IDEMPOTENT_WRITE, SAS_SEND, false, false, true},
};

static bool may(const struct kreq *r, enum acl_type type, struct str name, enum acl_operation op, unsigned rights)
{
    if (r->conn->by_acl && type == ACL_CLUSTER)
        return cluster_rule(r, op);
    if (r->conn->by_acl)
        return ask(r, type, name, op) != ACL_DENIED;
    if (type == ACL_GROUP)
        return (r->conn->claim.rights & rights) != 0;
    return sas_allows(&r->conn->claim, rights, r->conn->ns->name, type == ACL_TOPIC ? name : STR_NONE);
}

int32_t kreq_operations(const struct kreq *r, bool asked, enum acl_type type, struct str name)
{
    uint32_t bits = 0;
    for (size_t i = 0; asked && i < COUNT_OF(OPERATIONS); i++) {
        bool has = type == ACL_TOPIC ? OPERATIONS[i].topic : type == ACL_GROUP ? OPERATIONS[i].group : OPERATIONS[i].cluster;
        if (has && may(r, type, name, OPERATIONS[i].op, OPERATIONS[i].rights))
            bits |= 1u << OPERATIONS[i].op;
    }
    return asked ? (int32_t)bits : INT32_MIN;
}

enum kerr kreq_named_group_error(const struct kreq *r, struct str group)
{
    bool allowed = r->conn->by_acl ? ask(r, ACL_GROUP, group.ptr ? group : STR(""), need_of(r).named) != ACL_DENIED : kreq_allowed(r, STR_NONE);
    allowed = allowed || (r->conn->by_acl && r->api->key == KAFKA_LIST_GROUPS && cluster_rule(r, ACL_DESCRIBE));
    return allowed ? KERR_NONE : KERR_GROUP_AUTHORIZATION_FAILED;
}

enum kerr kreq_txn_group_error(const struct kreq *r, struct str group)
{
    bool allowed = r->conn->by_acl ? ask(r, ACL_GROUP, group.ptr ? group : STR(""), ACL_READ) != ACL_DENIED : kreq_allowed(r, STR_NONE);
    return allowed ? KERR_NONE : KERR_GROUP_AUTHORIZATION_FAILED;
}

/* Of what names no group, or many: each is asked for by its name. */
enum kerr kreq_group_error(const struct kreq *r)
{
    if (r->conn->by_acl)
        return r->named.ptr && need_of(r).first == ACL_GROUP ? kreq_named_group_error(r, r->named) : KERR_NONE;
    return kreq_allowed(r, STR_NONE) ? KERR_NONE : KERR_GROUP_AUTHORIZATION_FAILED;
}
