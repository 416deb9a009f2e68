/* kafka_admin.c -- making, changing and deleting hubs: topics, partitions, configurations, records. */
#include "hub/group.h"
#include "hub/kafka_int.h"
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ configurations */

enum { CONFIG_LONG = 5, CONFIG_INT = 3, CONFIG_STRING = 2, CONFIG_DOUBLE = 6, CONFIG_LIST = 7 }; /* Kafka's type numbers */
enum { SOURCE_TOPIC = 1, SOURCE_DEFAULT = 5, RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4 };

static void get_retention_ms(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)c->retention_ms); }
static void get_retention_bytes(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)c->retention_bytes); }
static void get_segment_bytes(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)c->segment_bytes); }
static void get_max_message(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%d", c->max_batch_bytes); }
static void get_timestamp(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%s", c->append_time ? "LogAppendTime" : "CreateTime"); }
static void get_cleanup(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%s", !c->compact ? "delete" : c->keep ? "compact" : "compact,delete"); }
static void get_delete_retention(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)c->delete_retention_ms); }
static void get_min_lag(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)c->min_lag_ms); }
static void get_max_lag(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)(c->max_lag_ms ? c->max_lag_ms : INT64_MAX)); }
static void get_segment_ms(const struct plog_config *c, char out[32]) { snprintf(out, 32, "%jd", (intmax_t)(c->segment_ms ? c->segment_ms : INT64_MAX)); }
static void get_dirty(const struct plog_config *c, char out[32])
{
    int n = snprintf(out, 32, "%d.%03d", c->min_dirty_permille / 1000, c->min_dirty_permille % 1000);
    while (out[n - 1] == '0' && out[n - 2] != '.')
        out[--n] = 0;
}

static void get_compression(const struct plog_config *c, char out[32]) { (void)c; snprintf(out, 32, "producer"); }
static void get_isr(const struct plog_config *c, char out[32]) { (void)c; snprintf(out, 32, "1"); }

static bool number(struct str v, int64_t min, int64_t max, int64_t *out)
{
    return str_i64(v, out) && *out >= min && *out <= max;
}

static bool set_retention_ms(struct plog_config *c, struct str v) { return number(v, -1, INT64_MAX, &c->retention_ms); }
static bool set_retention_bytes(struct plog_config *c, struct str v) { return number(v, -1, INT64_MAX, &c->retention_bytes); }
static bool set_segment_bytes(struct plog_config *c, struct str v) { return number(v, 1 << 10, INT64_C(1) << 31, &c->segment_bytes); }

static bool set_max_message(struct plog_config *c, struct str v)
{
    int64_t n;
    if (!number(v, 0, BATCH_MAX_BYTES, &n))
        return false;
    c->max_batch_bytes = (int32_t)n;
    return true;
}

static bool set_timestamp(struct plog_config *c, struct str v)
{
    c->append_time = str_eqz(v, "LogAppendTime");
    return c->append_time || str_eqz(v, "CreateTime");
}

static bool set_cleanup(struct plog_config *c, struct str v)
{
    struct str word;
    bool compact = false, drop = false, good = v.len > 0;
    while (good && str_split(&v, ',', &word)) {
        word = str_trim(word);
        compact = compact || str_eqz(word, "compact");
        drop = drop || str_eqz(word, "delete");
        good = str_eqz(word, "compact") || str_eqz(word, "delete");
    }
    c->compact = compact;
    c->keep = compact && !drop;
    return good;
}

static bool set_delete_retention(struct plog_config *c, struct str v) { return number(v, 0, INT64_MAX / 4, &c->delete_retention_ms); }
static bool set_min_lag(struct plog_config *c, struct str v) { return number(v, 0, INT64_MAX, &c->min_lag_ms); }
static bool set_max_lag(struct plog_config *c, struct str v) { return number(v, 1, INT64_MAX, &c->max_lag_ms); }
static bool set_segment_ms(struct plog_config *c, struct str v) { return number(v, 1, INT64_MAX, &c->segment_ms); }

static bool set_dirty(struct plog_config *c, struct str v)
{
    double d;
    if (!str_f64(v, &d) || !(d >= 0 && d <= 1))
        return false;
    c->min_dirty_permille = (int32_t)(d * 1000 + 0.5);
    return true;
}

static bool set_compression(struct plog_config *c, struct str v) { (void)c; return str_eqz(v, "producer"); }
static bool set_isr(struct plog_config *c, struct str v) { (void)c; return str_eqz(v, "1"); }

static const struct config {
    const char *name;
    int8_t type;
    void (*get)(const struct plog_config *c, char out[32]);
    bool (*set)(struct plog_config *c, struct str v);
} CONFIGS[] = {
    {"cleanup.policy", CONFIG_LIST, get_cleanup, set_cleanup},
    {"compression.type", CONFIG_STRING, get_compression, set_compression},
    {"delete.retention.ms", CONFIG_LONG, get_delete_retention, set_delete_retention},
    {"max.compaction.lag.ms", CONFIG_LONG, get_max_lag, set_max_lag},
    {"max.message.bytes", CONFIG_INT, get_max_message, set_max_message},
    {"message.timestamp.type", CONFIG_STRING, get_timestamp, set_timestamp},
    {"min.cleanable.dirty.ratio", CONFIG_DOUBLE, get_dirty, set_dirty},
    {"min.compaction.lag.ms", CONFIG_LONG, get_min_lag, set_min_lag},
    {"min.insync.replicas", CONFIG_INT, get_isr, set_isr},
    {"retention.bytes", CONFIG_LONG, get_retention_bytes, set_retention_bytes},
    {"retention.ms", CONFIG_LONG, get_retention_ms, set_retention_ms},
    {"segment.bytes", CONFIG_INT, get_segment_bytes, set_segment_bytes},
    {"segment.ms", CONFIG_LONG, get_segment_ms, set_segment_ms},
};

static const struct config *config_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(CONFIGS); i++)
        if (str_eqz(name, CONFIGS[i].name))
            return &CONFIGS[i];
    return NULL;
}

/* What is refused is named: a setting that is not served, or a value that is not. */
static enum kerr config_set(struct arena *a, struct plog_config *c, struct str name, struct str value, const char **message)
{
    const struct config *k = config_find(name);
    if (!k)
        *message = arena_printf(a, "the setting '%.*s' is not supported", STR_ARGS(name));
    else if (!value.ptr || !k->set(c, value))
        *message = arena_printf(a, "'%.*s' is no supported value of '%.*s'", STR_ARGS(value), STR_ARGS(name));
    else
        return KERR_NONE;
    return KERR_INVALID_CONFIG;
}

static void put_config(struct kreq *r, const struct config *k, const struct plog_config *c, const struct plog_config *defaults, bool synonyms)
{
    struct kout *o = &r->out;
    char value[32], otherwise[32];
    k->get(c, value);
    k->get(defaults, otherwise);
    bool is_default = !strcmp(value, otherwise);
    kout_str(o, str_z(k->name));
    kout_nstr(o, str_z(value));
    kout_bool(o, false); /* read only */
    kout_i8(o, is_default ? SOURCE_DEFAULT : SOURCE_TOPIC);
    kout_bool(o, false); /* sensitive */
    kout_count(o, synonyms && !is_default ? 1 : 0);
    if (synonyms && !is_default) {
        kout_str(o, str_z(k->name));
        kout_nstr(o, str_z(value));
        kout_i8(o, SOURCE_TOPIC);
        kout_tags(o);
    }
    if (r->version >= 3) {
        kout_i8(o, k->type);
        kout_nstr(o, STR_NONE);
    }
    kout_tags(o);
}

struct describe { int8_t type; struct str name; struct str *keys; int32_t count; };

static bool wanted(const struct describe *d, const char *name)
{
    for (int32_t i = 0; i < d->count; i++)
        if (str_eqz(d->keys[i], name))
            return true;
    return d->count < 0;
}

/* Settings are of hubs, other resources have none. */
static enum kerr resource(struct kreq *r, int8_t type, struct str name, struct topic **out)
{
    *out = NULL;
    return type == RESOURCE_TOPIC ? kreq_topic(r, name, out) : KERR_INVALID_REQUEST;
}

static void put_described(struct kreq *r, const struct describe *d, bool synonyms)
{
    struct kout *o = &r->out;
    struct plog_config defaults = topic_default_config(r->hub->store);
    struct topic *t;
    enum kerr error = resource(r, d->type, d->name, &t);
    if (d->type == RESOURCE_BROKER)
        error = KERR_NONE;
    int32_t n = 0;
    for (size_t i = 0; error == KERR_NONE && i < COUNT_OF(CONFIGS); i++)
        n += wanted(d, CONFIGS[i].name);
    kout_i16(o, (int16_t)error);
    kout_nstr(o, STR_NONE);
    kout_i8(o, d->type);
    kout_str(o, d->name);
    kout_count(o, n);
    for (size_t i = 0; n > 0 && i < COUNT_OF(CONFIGS); i++)
        if (wanted(d, CONFIGS[i].name))
            put_config(r, &CONFIGS[i], t ? &t->cfg : &defaults, &defaults, synonyms);
    kout_tags(o);
}

void kafka_describe_configs(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct describe *d = KREQ_ARRAY(r, struct describe, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        d[i].type = kin_i8(in);
        d[i].name = kin_str(in);
        d[i].count = kin_count(in);
        d[i].keys = KREQ_ARRAY(r, struct str, d[i].count);
        for (int32_t j = 0; j < d[i].count && !in->bad; j++)
            d[i].keys[j] = kin_str(in);
        kin_tags(in);
    }
    bool synonyms = kin_bool(in);
    if (r->version >= 3)
        kin_bool(in); /* documentation */
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++)
        put_described(r, &d[i], synonyms);
    kout_tags(&r->out);
    kreq_done(r);
}

enum { OP_SET, OP_DELETE };

static enum kerr alter_one(struct kreq *r, struct plog_config *c, const char **message)
{
    struct kin *in = &r->in;
    struct plog_config defaults = topic_default_config(r->hub->store);
    char value[32];
    struct str name = kin_str(in);
    int8_t op = kin_i8(in);
    struct str v = kin_nstr(in);
    kin_tags(in);
    const struct config *k = config_find(name);
    if (op == OP_DELETE && k) {
        k->get(&defaults, value);
        v = str_z(value);
    } else if (op != OP_SET) {
        *message = "only SET and DELETE are supported";
        return KERR_INVALID_CONFIG;
    }
    return config_set(r->arena, c, name, v, message);
}

void kafka_incremental_alter_configs(struct kreq *r)
{
    struct kin *in = &r->in;
    struct alter { int8_t type; struct str name; enum kerr error; const char *message; struct topic *t; struct plog_config cfg; } *a;
    int32_t n = kin_count(in);
    a = KREQ_ARRAY(r, struct alter, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        a[i].type = kin_i8(in);
        a[i].name = kin_str(in);
        a[i].error = resource(r, a[i].type, a[i].name, &a[i].t);
        a[i].cfg = a[i].t ? a[i].t->cfg : topic_default_config(r->hub->store);
        int32_t parts = kin_count(in);
        for (int32_t j = 0; j < parts && !in->bad; j++) {
            enum kerr k = alter_one(r, &a[i].cfg, &a[i].message);
            a[i].error = a[i].error ? a[i].error : k;
        }
        kin_tags(in);
    }
    bool only_check = kin_bool(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        struct err err;
        if (a[i].error == KERR_NONE && !only_check) {
            a[i].t->cfg = a[i].cfg;
            if (topic_save(a[i].t, &err))
                a[i].error = kerr_of(&err);
        }
        kout_i16(&r->out, (int16_t)a[i].error);
        kout_nstr(&r->out, str_z(a[i].message));
        kout_i8(&r->out, a[i].type);
        kout_str(&r->out, a[i].name);
        kout_tags(&r->out);
    }
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ CreateTopics */

struct create { struct str name; int32_t partitions; int16_t replicas; enum kerr error; const char *message; struct plog_config cfg; struct topic *made; };

static void read_create(struct kreq *r, struct create *c)
{
    struct kin *in = &r->in;
    c->name = kin_str(in);
    c->partitions = kin_i32(in);
    c->replicas = kin_i16(in);
    c->cfg = topic_default_config(r->hub->store);
    int32_t assignments = kin_count(in);
    for (int32_t i = 0; i < assignments && !in->bad; i++) {
        kin_i32(in);
        int32_t brokers = kin_count(in);
        for (int32_t j = 0; j < brokers && !in->bad; j++)
            if (kin_i32(in) != KAFKA_NODE_ID || j > 0)
                c->error = KERR_INVALID_REPLICA_ASSIGNMENT;
        kin_tags(in);
    }
    if (assignments > 0 && c->partitions == -1)
        c->partitions = assignments;
    int32_t configs = kin_count(in);
    for (int32_t i = 0; i < configs && !in->bad; i++) {
        struct str name = kin_str(in), value = kin_nstr(in);
        kin_tags(in);
        enum kerr k = config_set(r->arena, &c->cfg, name, value, &c->message);
        c->error = c->error ? c->error : k;
    }
    kin_tags(in);
}

static void create_one(struct kreq *r, struct create *c, bool only_check)
{
    struct err err;
    if (!kreq_allowed(r, c->name))
        c->error = KERR_TOPIC_AUTHORIZATION_FAILED;
    if (c->partitions == -1)
        c->partitions = 0; /* the default */
    else if (!c->error && (c->partitions < 1 || c->partitions > TOPIC_MAX_PARTITIONS))
        c->error = KERR_INVALID_PARTITIONS;
    if (!c->error && c->replicas != -1 && c->replicas != 1) {
        c->error = KERR_INVALID_REPLICATION_FACTOR;
        c->message = "there is one broker: the replication factor is 1";
    }
    if (!c->error && (!topic_name_ok(c->name) || str_starts_z(c->name, "__")))
        c->error = KERR_INVALID_TOPIC_EXCEPTION;
    if (!c->error && topic_find(r->conn->ns, c->name)) {
        c->error = KERR_TOPIC_ALREADY_EXISTS;
        c->message = arena_printf(r->arena, "Topic '%.*s' already exists.", STR_ARGS(c->name));
    }
    if (c->error || only_check)
        return;
    c->made = topic_create(r->conn->ns, c->name, c->partitions, &c->cfg, &err);
    if (!c->made) {
        c->error = kerr_of(&err);
        c->message = arena_strdup(r->arena, err.msg);
    }
}

static void put_created(struct kreq *r, const struct create *c)
{
    struct kout *o = &r->out;
    static const uint8_t none[16];
    struct plog_config defaults = topic_default_config(r->hub->store);
    kout_str(o, c->name);
    if (r->version >= 7)
        kout_uuid(o, c->made ? c->made->id : none);
    kout_i16(o, (int16_t)c->error);
    kout_nstr(o, str_z(c->message));
    if (r->version >= 5) {
        bool good = c->error == KERR_NONE;
        kout_i32(o, c->made ? c->made->part_count : good ? c->partitions : -1);
        kout_i16(o, good ? 1 : -1);
        kout_count(o, good ? (int32_t)COUNT_OF(CONFIGS) : -1);
        for (size_t i = 0; good && i < COUNT_OF(CONFIGS); i++) {
            char value[32], otherwise[32];
            CONFIGS[i].get(&c->cfg, value);
            CONFIGS[i].get(&defaults, otherwise);
            kout_str(o, str_z(CONFIGS[i].name));
            kout_nstr(o, str_z(value));
            kout_bool(o, false);
            kout_i8(o, strcmp(value, otherwise) ? SOURCE_TOPIC : SOURCE_DEFAULT);
            kout_bool(o, false);
            kout_tags(o);
        }
    }
    kout_tags(o);
}

void kafka_create_topics(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct create *c = KREQ_ARRAY(r, struct create, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        read_create(r, &c[i]);
    kin_i32(in); /* timeout */
    bool only_check = kin_bool(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(&r->out, 0);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < n; j++)
            if (j != i && str_eq(c[i].name, c[j].name))
                c[i].error = KERR_INVALID_REQUEST;
        create_one(r, &c[i], only_check);
        put_created(r, &c[i]);
    }
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ DeleteTopics */

struct drop { struct str name; uint8_t id[16]; enum kerr error; const char *message; struct kreq *r; struct topic *t; struct hub_wait wait; };
struct drops { struct drop *items; int32_t count, left; };

static void respond_dropped(struct kreq *r)
{
    struct drops *d = r->state;
    struct kout *o = &r->out;
    kout_i32(o, 0);
    kout_count(o, d->count);
    for (int32_t i = 0; i < d->count; i++) {
        if (r->version >= 6) {
            kout_nstr(o, d->items[i].name);
            kout_uuid(o, d->items[i].id);
        } else {
            kout_str(o, d->items[i].name);
        }
        kout_i16(o, (int16_t)d->items[i].error);
        if (r->version >= 5)
            kout_nstr(o, str_z(d->items[i].message));
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

static void dropped_one(struct drops *d, struct kreq *r)
{
    if (--d->left == 0)
        respond_dropped(r);
}

static void destroy(void *arg)
{
    struct drop *x = arg;
    struct err err;
    if (hub_compact_hold(x->t, x->r->hub, destroy, x))
        return;
    hub_wake_deleted(x->t);
    if (topic_destroy(x->t, &err)) {
        log_err(LOG_ERROR, "hub", &err);
        x->error = kerr_of(&err);
    }
    dropped_one(x->r->state, x->r);
}

static void drop_one(struct kreq *r, struct drop *x)
{
    struct topic *t;
    x->r = r;
    x->error = x->name.ptr ? kreq_topic(r, x->name, &t) : kreq_topic_id(r, x->id, &t);
    if (t && t->readers) {
        x->error = KERR_POLICY_VIOLATION;
        x->message = "the hub is being captured or read by this process";
    }
    if (x->error) {
        dropped_one(r->state, r);
        return;
    }
    x->name = str_copy(r->arena, str_z(t->name));
    memcpy(x->id, t->id, sizeof x->id);
    x->t = t;
    topic_unlist(t);
    if (t->ns->groups)
        groups_forget_topic(t->ns->groups, str_z(t->name));
    x->wait = (struct hub_wait){.done = destroy, .arg = x};
    hub_wait_durable(r->hub, &x->wait);
}

void kafka_delete_topics(struct kreq *r)
{
    struct kin *in = &r->in;
    struct drops *d = ARENA_NEW(r->arena, struct drops);
    int32_t n = kin_count(in);
    d->count = n > 0 ? n : 0;
    d->items = KREQ_ARRAY(r, struct drop, d->count);
    for (int32_t i = 0; i < d->count && !in->bad; i++) {
        struct str name = r->version >= 6 ? kin_nstr(in) : kin_str(in);
        d->items[i].name = name.ptr ? str_copy(r->arena, name) : name;
        if (r->version >= 6) {
            kin_uuid(in, d->items[i].id);
            kin_tags(in);
        }
    }
    kin_i32(in); /* timeout */
    if (!kreq_read_all(r))
        return;
    r->state = d;
    d->left = d->count + 1;
    for (int32_t i = 0; i < d->count; i++)
        drop_one(r, &d->items[i]);
    dropped_one(d, r);
}

/* ------------------------------------------------------------------ CreatePartitions, DeleteRecords */

void kafka_create_partitions(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct more { struct str name; int32_t count; } *m;
    int32_t n = kin_count(in);
    m = KREQ_ARRAY(r, struct more, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        m[i].name = kin_str(in);
        m[i].count = kin_i32(in);
        int32_t assignments = kin_count(in);
        for (int32_t j = 0; j < assignments && !in->bad; j++) {
            int32_t brokers = kin_count(in);
            for (int32_t k = 0; k < brokers && !in->bad; k++)
                kin_i32(in);
            kin_tags(in);
        }
        kin_tags(in);
    }
    kin_i32(in); /* timeout */
    bool only_check = kin_bool(in);
    if (!kreq_read_all(r))
        return;
    kout_i32(o, 0);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        struct err err;
        struct topic *t;
        enum kerr error = kreq_topic(r, m[i].name, &t);
        const char *message = NULL;
        if (t && (m[i].count <= t->part_count || m[i].count > TOPIC_MAX_PARTITIONS)) {
            error = KERR_INVALID_PARTITIONS;
            message = arena_printf(r->arena, "the hub has %d partitions already", t->part_count);
        } else if (t && !only_check && topic_add_partitions(t, m[i].count, &err)) {
            error = kerr_of(&err);
            message = arena_strdup(r->arena, err.msg);
        }
        kout_str(o, m[i].name);
        kout_i16(o, (int16_t)error);
        kout_nstr(o, str_z(message));
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

static void delete_records_one(struct kreq *r, struct topic *t, enum kerr error)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    struct err err;
    int32_t index = kin_i32(in);
    int64_t offset = kin_i64(in);
    kin_tags(in);
    struct partition *p = t ? topic_partition(t, index) : NULL;
    error = p || error ? error : KERR_UNKNOWN_TOPIC_OR_PARTITION;
    if (p && offset == -1)
        offset = p->log->high_watermark;
    if (p && (offset < 0 || offset > p->log->high_watermark))
        error = KERR_OFFSET_OUT_OF_RANGE;
    else if (p && plog_delete_before(p->log, offset, &err))
        error = kerr_of(&err);
    kout_i32(o, index);
    kout_i64(o, error ? -1 : p->log->start_offset);
    kout_i16(o, (int16_t)error);
    kout_tags(o);
}

void kafka_delete_records(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    kout_i32(o, 0);
    kreq_each_partition(r, delete_records_one);
    kin_i32(in); /* timeout */
    if (!kreq_read_all(r))
        return;
    kout_tags(o);
    kreq_done(r);
}
