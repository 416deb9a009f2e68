/* kafka_meta.c -- who and what is here: ApiVersions, Metadata, DescribeCluster, FindCoordinator,
 * ListOffsets, OffsetForLeaderEpoch. One broker leads every partition and coordinates every group. */
#include "hub/kafka_int.h"
#include <string.h>

#define CLUSTER_ID STR("paystreak")
enum { LATEST = -1, EARLIEST = -2, MAX_TIME = -3, EARLIEST_LOCAL = -4, LATEST_TIERED = -5 };

/* Features are tagged fields. One is said: the second protocol of transactions, which clients use only if they see it.
 * Before version 4 a feature that begins at level 0 must not be told. */
enum { TAG_SUPPORTED, TAG_EPOCH, TAG_FINALIZED, FEATURE_TAGS };

static void put_features(struct kreq *r)
{
    enum { TRANSACTION_LEVEL = 2 };
    struct kout *o = &r->out;
    kout_uvarint(o, FEATURE_TAGS);
    for (uint32_t tag = TAG_SUPPORTED; tag < FEATURE_TAGS; tag++) {
        struct kout field = {.flex = true};
        buf_init(&field.b);
        if (tag == TAG_EPOCH) {
            kout_i64(&field, 0);
        } else {
            kout_count(&field, 1);
            kout_str(&field, STR("transaction.version"));
            kout_i16(&field, tag == TAG_SUPPORTED ? 0 : TRANSACTION_LEVEL); /* least; of what is in force: most */
            kout_i16(&field, TRANSACTION_LEVEL);
            kout_tags(&field);
        }
        kout_uvarint(o, tag);
        kout_uvarint(o, (uint32_t)field.b.len);
        buf_str(&o->b, buf_view(&field.b));
        buf_release(&field.b);
    }
}

static void put_api_versions(struct kreq *r, enum kerr error)
{
    struct kout *o = &r->out;
    kout_i16(o, (int16_t)error);
    kout_count(o, (int32_t)KAFKA_API_COUNT);
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        kout_i16(o, KAFKA_API_TABLE[i].key);
        kout_i16(o, KAFKA_API_TABLE[i].min);
        kout_i16(o, KAFKA_API_TABLE[i].max);
        kout_tags(o);
    }
    if (r->version >= 1)
        kout_i32(o, 0);
    if (r->version >= 4)
        put_features(r);
    else
        kout_tags(o);
    kreq_done(r);
}

void kafka_api_versions(struct kreq *r)
{
    if (r->version >= 3) {
        kin_str(&r->in); /* the client's name and version */
        kin_str(&r->in);
    }
    if (kreq_read_all(r))
        put_api_versions(r, KERR_NONE);
}

void kafka_api_versions_unknown(struct kreq *r)
{
    put_api_versions(r, KERR_UNSUPPORTED_VERSION);
}

/* ------------------------------------------------------------------ metadata */

static void put_broker(struct kreq *r)
{
    kout_i32(&r->out, KAFKA_NODE_ID);
    kout_str(&r->out, kreq_host(r));
    kout_i32(&r->out, hub_port(r->hub));
}

static void put_partition(struct kreq *r, const struct partition *p)
{
    struct kout *o = &r->out;
    kout_i16(o, p->log->offline ? KERR_KAFKA_STORAGE_ERROR : KERR_NONE);
    kout_i32(o, p->index);
    kout_i32(o, KAFKA_NODE_ID);
    if (r->version >= 7)
        kout_i32(o, p->log->epoch);
    for (int i = 0; i < 2; i++) { /* replicas, in-sync replicas */
        kout_count(o, 1);
        kout_i32(o, KAFKA_NODE_ID);
    }
    if (r->version >= 5)
        kout_count(o, 0); /* offline replicas */
    kout_tags(o);
}

static void put_topic(struct kreq *r, enum kerr error, struct str name, const uint8_t id[16], const struct topic *t)
{
    struct kout *o = &r->out;
    static const uint8_t none[16];
    kout_i16(o, (int16_t)error);
    if (r->version >= 12)
        kout_nstr(o, name);
    else
        kout_str(o, name);
    if (r->version >= 10)
        kout_uuid(o, t ? t->id : id ? id : none);
    if (r->version >= 1)
        kout_bool(o, t && t->internal);
    kout_count(o, t ? t->part_count : 0);
    for (int32_t i = 0; t && i < t->part_count; i++)
        put_partition(r, t->parts[i]);
    if (r->version >= 8)
        kout_i32(o, kreq_operations(r, r->operations && t, ACL_TOPIC, name));
    kout_tags(o);
}

struct wanted { struct str name; uint8_t id[16]; bool by_id; };

static void put_wanted(struct kreq *r, const struct wanted *w, bool may_create)
{
    struct err err;
    struct topic *t;
    enum kerr error = w->by_id ? kreq_topic_id(r, w->id, &t) : kreq_topic(r, w->name, &t);
    if (error == KERR_UNKNOWN_TOPIC_OR_PARTITION && !topic_name_ok(w->name))
        error = KERR_INVALID_TOPIC_EXCEPTION;
    else if (error == KERR_UNKNOWN_TOPIC_OR_PARTITION && (t = hub_topic(r->hub, r->conn->ns, w->name, may_create && kreq_topic_allowed(r, w->name, ACL_CREATE), &err)))
        error = KERR_NONE;
    else if (error == KERR_UNKNOWN_TOPIC_OR_PARTITION && err.code != ERR_NOT_FOUND && err.code != ERR_EXISTS)
        error = kerr_of(&err);
    put_topic(r, error, t ? str_z(t->name) : w->name, w->id, t);
}

static bool is_listed(const struct kreq *r, const struct topic *t)
{
    return !t->internal && kreq_allowed(r, str_z(t->name));
}

static void put_all_topics(struct kreq *r)
{
    size_t at = 0;
    struct str key;
    void *v;
    int32_t n = 0;
    while (map_next(r->conn->ns->topics, &at, &key, &v))
        n += is_listed(r, v);
    kout_count(&r->out, n);
    at = 0;
    while (map_next(r->conn->ns->topics, &at, &key, &v))
        if (is_listed(r, v))
            put_topic(r, KERR_NONE, key, NULL, v);
}

void kafka_metadata(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    bool all = n < 0 || (n == 0 && r->version == 0);
    struct wanted *w = KREQ_ARRAY(r, struct wanted, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        if (r->version >= 10)
            kin_uuid(in, w[i].id);
        w[i].name = r->version >= 10 ? kin_nstr(in) : kin_str(in);
        w[i].by_id = !w[i].name.ptr;
        kin_tags(in);
    }
    bool may_create = r->version >= 4 ? kin_bool(in) : true;
    bool of_cluster = r->version >= 8 && r->version <= 10 && kin_bool(in);
    r->operations = r->version >= 8 && kin_bool(in);
    if (!kreq_read_all(r))
        return;
    if (r->version >= 3)
        kout_i32(o, 0); /* throttle */
    kout_count(o, 1);
    put_broker(r);
    if (r->version >= 1)
        kout_nstr(o, STR_NONE); /* rack */
    kout_tags(o);
    if (r->version >= 2)
        kout_nstr(o, CLUSTER_ID);
    if (r->version >= 1)
        kout_i32(o, KAFKA_NODE_ID);
    if (all) {
        put_all_topics(r);
    } else {
        kout_count(o, n);
        for (int32_t i = 0; i < n; i++)
            put_wanted(r, &w[i], may_create);
    }
    if (r->version >= 8 && r->version <= 10)
        kout_i32(o, kreq_operations(r, of_cluster, ACL_CLUSTER, STR(ACL_CLUSTER_NAME)));
    if (r->version >= 13)
        kout_i16(o, KERR_NONE);
    kout_tags(o);
    kreq_done(r);
}

void kafka_describe_cluster(struct kreq *r)
{
    struct kout *o = &r->out;
    bool asked = kin_bool(&r->in);
    int8_t endpoint = r->version >= 1 ? kin_i8(&r->in) : 1;
    if (!kreq_read_all(r))
        return;
    kout_i32(o, 0);
    kout_i16(o, endpoint == 1 ? KERR_NONE : KERR_INVALID_REQUEST);
    kout_nstr(o, STR_NONE);
    if (r->version >= 1)
        kout_i8(o, endpoint);
    kout_str(o, CLUSTER_ID);
    kout_i32(o, KAFKA_NODE_ID);
    kout_count(o, 1);
    put_broker(r);
    kout_nstr(o, STR_NONE);
    kout_tags(o);
    kout_i32(o, kreq_operations(r, asked, ACL_CLUSTER, STR(ACL_CLUSTER_NAME)));
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ coordinator */

static void put_coordinator(struct kreq *r, enum kerr error)
{
    kout_i32(&r->out, error ? -1 : KAFKA_NODE_ID);
    kout_str(&r->out, error ? STR("") : kreq_host(r));
    kout_i32(&r->out, error ? -1 : hub_port(r->hub));
}

void kafka_find_coordinator(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct str key = r->version <= 3 ? kin_str(in) : STR_NONE;
    int8_t type = r->version >= 1 ? kin_i8(in) : 0;
    int32_t n = r->version >= 4 ? kin_count(in) : 1;
    struct str *keys = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        keys[i] = r->version >= 4 ? kin_str(in) : key;
    if (!kreq_read_all(r))
        return;
    /* Type 0 are groups, 1 transactions. */
    enum kerr error = type == 0 || type == 1 ? KERR_NONE : KERR_INVALID_REQUEST;
    if (r->version >= 1)
        kout_i32(o, 0);
    if (r->version >= 4) {
        kout_count(o, n > 0 ? n : 0);
        for (int32_t i = 0; i < n; i++) {
            kout_str(o, keys[i]);
            put_coordinator(r, error);
            kout_i16(o, (int16_t)error);
            kout_nstr(o, STR_NONE);
            kout_tags(o);
        }
    } else {
        kout_i16(o, (int16_t)error);
        if (r->version >= 1)
            kout_nstr(o, STR_NONE);
        put_coordinator(r, error);
    }
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ offsets */

struct found { enum kerr error; int64_t offset, ts; };

/* For who reads committed records only, the last stable offset is the end. */
static struct found find_offset(struct plog *log, int64_t ts, bool committed, struct err *err)
{
    struct found f = {KERR_NONE, -1, -1};
    int64_t end = committed ? plog_stable_offset(log) : log->high_watermark;
    if (ts == LATEST)
        f.offset = end;
    else if (ts == EARLIEST || ts == EARLIEST_LOCAL)
        f.offset = log->start_offset;
    else if (ts == MAX_TIME)
        plog_max_time(log, &f.offset, &f.ts);
    if (ts == MAX_TIME && f.ts >= 0 && plog_offset_of_time(log, f.ts, &f.offset, &f.ts, err)) /* the record within the batch */
        f.error = kerr_of(err);
    else if (ts >= 0 && plog_offset_of_time(log, ts, &f.offset, &f.ts, err))
        f.error = kerr_of(err);
    else if (ts < LATEST_TIERED)
        f.error = KERR_INVALID_REQUEST;
    if (ts >= 0 && f.offset >= end)
        f.offset = f.ts = -1;
    return f;
}

static void list_one(struct kreq *r, struct topic *t, enum kerr error)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct err err;
    int32_t index = kin_i32(in);
    int32_t epoch = r->version >= 4 ? kin_i32(in) : -1;
    int64_t ts = kin_i64(in);
    kin_tags(in);
    struct partition *p = t ? topic_partition(t, index) : NULL;
    struct found f = {p ? kreq_epoch_error(p->log, epoch) : error ? error : KERR_UNKNOWN_TOPIC_OR_PARTITION, -1, -1};
    if (f.error == KERR_NONE)
        f = find_offset(p->log, ts, r->state, &err);
    kout_i32(o, index);
    kout_i16(o, (int16_t)f.error);
    kout_i64(o, f.ts);
    kout_i64(o, f.offset);
    if (r->version >= 4)
        kout_i32(o, p && f.offset >= 0 ? p->log->epoch : -1);
    kout_tags(o);
}

void kafka_list_offsets(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    static char committed;
    kin_i32(in); /* replica id */
    if (r->version >= 2) {
        r->state = kin_i8(in) == 1 ? &committed : NULL; /* isolation level */
        kout_i32(o, 0);
    }
    kreq_each_partition(r, list_one);
    if (r->version >= 10)
        kin_i32(in); /* timeout */
    if (!kreq_read_all(r))
        return;
    kout_tags(o);
    kreq_done(r);
}

static void epoch_one(struct kreq *r, struct topic *t, enum kerr error)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t index = kin_i32(in), current = kin_i32(in), epoch = kin_i32(in), found = -1;
    int64_t end = -1;
    kin_tags(in);
    struct partition *p = t ? topic_partition(t, index) : NULL;
    error = p ? kreq_epoch_error(p->log, current) : error ? error : KERR_UNKNOWN_TOPIC_OR_PARTITION;
    if (error == KERR_NONE)
        plog_epoch_end(p->log, epoch, &found, &end);
    kout_i16(o, (int16_t)error);
    kout_i32(o, index);
    kout_i32(o, found);
    kout_i64(o, end);
    kout_tags(o);
}

void kafka_offset_for_leader_epoch(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    if (r->version >= 3)
        kin_i32(in); /* replica id */
    kout_i32(o, 0);
    kreq_each_partition(r, epoch_one);
    if (!kreq_read_all(r))
        return;
    kout_tags(o);
    kreq_done(r);
}
