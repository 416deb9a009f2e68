/* kafka_cluster.c -- what administers several brokers, answered by the only one: ElectLeaders, AlterPartitionReassignments,
 * ListPartitionReassignments, DescribeLogDirs.
 *
 * Every partition is led by this broker and lies here. So no election is needed, a partition may be assigned to this broker only, which
 * is done at once, and no reassignment is ever under way. Logs lie in one folder. */
#include "hub/kafka_int.h"

static void put_partition(struct kreq *r, struct topic *t, int32_t index, enum kerr error, const char *message)
{
    struct kout *o = &r->out;
    bool there = t && topic_partition(t, index);
    if (t && !there)
        error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
    kout_i32(o, index);
    kout_i16(o, (int16_t)error);
    kout_nstr(o, str_z(there ? message : NULL));
    kout_tags(o);
}

/* ------------------------------------------------------------------ ElectLeaders */

static void elect_one(struct kreq *r, struct topic *t, enum kerr error)
{
    int32_t index = kin_i32(&r->in);
    put_partition(r, t, index, error ? error : KERR_ELECTION_NOT_NEEDED, "there is one broker: it leads the partition");
}

void kafka_elect_leaders(struct kreq *r)
{
    struct kout *o = &r->out;
    if (r->version >= 1)
        kin_i8(&r->in); /* the kind of election */
    bool allowed = kreq_cluster_allowed(r, ACL_ALTER);
    kout_i32(o, 0);
    if (r->version >= 1)
        kout_i16(o, (int16_t)(allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED));
    kreq_each_partition(r, elect_one);
    kin_i32(&r->in); /* timeout */
    if (!kreq_read_all(r))
        return;
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ reassignments */

static void reassign_one(struct kreq *r, struct topic *t, enum kerr error)
{
    struct kin *in = &r->in;
    const char *message = NULL;
    int32_t index = kin_i32(in), n = kin_count(in);
    bool here = n == 1;
    for (int32_t i = 0; i < n && !in->bad; i++)
        here = (kin_i32(in) == KAFKA_NODE_ID) && here;
    kin_tags(in);
    if (!error && n < 0)
        error = KERR_NO_REASSIGNMENT_IN_PROGRESS;
    else if (!error && !here) {
        error = KERR_INVALID_REPLICA_ASSIGNMENT;
        message = "there is one broker: a partition lies there";
    }
    put_partition(r, t, index, error, message);
}

void kafka_alter_partition_reassignments(struct kreq *r)
{
    struct kout *o = &r->out;
    kin_i32(&r->in); /* timeout */
    bool allowed = kreq_cluster_allowed(r, ACL_ALTER);
    kout_i32(o, 0);
    kout_i16(o, (int16_t)(allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED));
    kout_nstr(o, STR_NONE);
    kreq_each_partition(r, reassign_one);
    if (!kreq_read_all(r))
        return;
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ what is asked of partitions */

struct asked { struct str topic; int32_t *parts, count; };

/* Reads topics and their partitions; -1: all of them, else how many topics are in *out. */
static int32_t read_asked(struct kreq *r, struct asked **out)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    *out = KREQ_ARRAY(r, struct asked, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        struct asked *a = &(*out)[i];
        a->topic = kin_str(in);
        a->count = kin_count(in);
        a->parts = KREQ_ARRAY(r, int32_t, a->count);
        for (int32_t j = 0; j < a->count && !in->bad; j++)
            a->parts[j] = kin_i32(in);
        kin_tags(in);
    }
    return n;
}

void kafka_list_partition_reassignments(struct kreq *r)
{
    struct kout *o = &r->out;
    struct asked *asked;
    kin_i32(&r->in); /* timeout */
    read_asked(r, &asked);
    if (!kreq_read_all(r))
        return;
    kout_i32(o, 0);
    kout_i16(o, (int16_t)(kreq_cluster_allowed(r, ACL_DESCRIBE) ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED));
    kout_nstr(o, STR_NONE);
    kout_count(o, 0);
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ DescribeLogDirs */

static void put_log(struct kout *o, const struct partition *p)
{
    kout_i32(o, p->index);
    kout_i64(o, plog_size(p->log));
    kout_i64(o, 0);      /* how far it is behind its leader */
    kout_bool(o, false); /* takes another's place later */
    kout_tags(o);
}

static void put_all(struct kreq *r)
{
    struct kout *o = &r->out;
    struct map *topics = r->conn->ns->topics;
    size_t at = 0;
    struct str name;
    void *v;
    kout_count(o, (int32_t)map_count(topics));
    while (map_next(topics, &at, &name, &v)) {
        const struct topic *t = v;
        kout_str(o, name);
        kout_count(o, t->part_count);
        for (int32_t i = 0; i < t->part_count; i++)
            put_log(o, t->parts[i]);
        kout_tags(o);
    }
}

/* Partitions that are not there are left out. */
static void put_asked(struct kreq *r, const struct asked *a, int32_t n)
{
    struct kout *o = &r->out;
    kout_count(o, n);
    for (int32_t i = 0; i < n; i++) {
        struct topic *t;
        int32_t there = 0;
        kreq_topic(r, a[i].topic, &t);
        for (int32_t j = 0; t && j < a[i].count; j++)
            there += topic_partition(t, a[i].parts[j]) != NULL;
        kout_str(o, a[i].topic);
        kout_count(o, there);
        for (int32_t j = 0; there && j < a[i].count; j++)
            if (topic_partition(t, a[i].parts[j]))
                put_log(o, topic_partition(t, a[i].parts[j]));
        kout_tags(o);
    }
}

void kafka_describe_log_dirs(struct kreq *r)
{
    struct kout *o = &r->out;
    struct asked *asked;
    int32_t n = read_asked(r, &asked);
    if (!kreq_read_all(r))
        return;
    bool allowed = kreq_cluster_allowed(r, ACL_DESCRIBE);
    kout_i32(o, 0);
    if (r->version >= 3)
        kout_i16(o, (int16_t)(allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED));
    kout_count(o, allowed ? 1 : 0);
    if (allowed) {
        kout_i16(o, KERR_NONE);
        kout_str(o, str_z(r->hub->store->dir));
        if (n < 0)
            put_all(r);
        else
            put_asked(r, asked, n);
        if (r->version >= 4) {
            kout_i64(o, -1); /* the folder's disk: not told */
            kout_i64(o, -1);
        }
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}
