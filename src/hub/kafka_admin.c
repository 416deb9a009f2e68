/* kafka_admin.c -- making and deleting hubs, and what is in them: topics, partitions, records. */
#include "hub/group.h"
#include "hub/kafka_int.h"
#include "hub/settings.h"
#include <string.h>

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
        const char *message;
        enum kerr k = setting_change(r->arena, &c->cfg, &c->cfg, name, SETTING_SET, value, &message);
        if (c->error == KERR_NONE && k != KERR_NONE) {
            c->error = k;
            c->message = message;
        }
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
        kout_count(o, good ? SETTING_COUNT : -1);
        for (size_t i = 0; good && i < SETTING_COUNT; i++) {
            char value[SETTING_TEXT], otherwise[SETTING_TEXT];
            SETTINGS[i].get(&SETTINGS[i], &c->cfg, value);
            SETTINGS[i].get(&SETTINGS[i], &defaults, otherwise);
            kout_str(o, str_z(SETTINGS[i].name));
            kout_nstr(o, str_z(value));
            kout_bool(o, false);
            kout_i8(o, strcmp(value, otherwise) ? KAFKA_SET_BY_TOPIC : KAFKA_SET_BY_DEFAULT);
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
