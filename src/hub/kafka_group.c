/* kafka_group.c -- the group APIs: fields in, group.h's calls, fields out. */
#include "hub/group.h"
#include "hub/kafka_int.h"
#include <stdio.h>
#include <string.h>

static struct groups *groups_for(struct kreq *r)
{
    struct err err;
    struct groups *g = groups_of(r->hub, r->conn->ns, &err);
    if (!g) {
        log_err(LOG_ERROR, "hub", &err);
        kreq_bad(r);
    }
    return g;
}

static void throttle(struct kreq *r, int16_t from_version)
{
    if (r->version >= from_version)
        kout_i32(&r->out, 0);
}

static void finish(struct kreq *r)
{
    kout_tags(&r->out);
    kreq_done(r);
}

/* ------------------------------------------------------------------ JoinGroup */

static void put_members(struct kreq *r, const struct join_result *j)
{
    struct kout *o = &r->out;
    size_t n = j->with_members ? j->group->member_count : 0;
    kout_count(o, (int32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct member *m = j->group->members[i];
        const struct buf *metadata = member_metadata(m);
        kout_str(o, str_z(m->id));
        if (r->version >= 5)
            kout_nstr(o, str_z(m->instance));
        kout_nbytes(o, metadata ? buf_view(metadata) : STR(""));
        kout_tags(o);
    }
}

static void joined(void *arg, const struct join_result *j)
{
    struct kreq *r = arg;
    struct kout *o = &r->out;
    struct str none = r->version >= 7 ? STR_NONE : STR("");
    throttle(r, 2);
    kout_i16(o, (int16_t)j->error);
    kout_i32(o, j->group ? j->group->generation : -1);
    if (r->version >= 7)
        kout_nstr(o, j->group ? str_z(j->group->protocol_type) : STR_NONE);
    kout_nstr(o, j->group ? str_z(j->group->protocol) : none);
    kout_str(o, str_z(j->leader_id));
    if (r->version >= 9)
        kout_bool(o, j->skip_assignment);
    kout_str(o, str_z(j->member_id));
    put_members(r, j);
    finish(r);
}

static void cancel_join(struct kreq *r)
{
    group_join_cancel(r->state);
    kreq_done(r);
}

void kafka_join_group(struct kreq *r)
{
    struct kin *in = &r->in;
    char host[80];
    struct join_request q = {.client_id = r->client_id, .needs_known_id = r->version >= 4, .can_skip = r->version >= 9};
    snprintf(host, sizeof host, "/%s", tcp_conn_peer(r->conn->tcp));
    if (strrchr(host, ':'))
        *strrchr(host, ':') = 0;
    q.client_host = host;
    q.group = kin_str(in);
    q.session_ms = kin_i32(in);
    q.rebalance_ms = r->version >= 1 ? kin_i32(in) : 0;
    if (q.rebalance_ms <= 0) /* none was said: nobody could join in no time */
        q.rebalance_ms = q.session_ms;
    q.member_id = kin_str(in);
    q.instance = r->version >= 5 ? kin_nstr(in) : STR_NONE;
    q.protocol_type = kin_str(in);
    q.protocol_count = kin_count(in);
    struct protocol_in *p = KREQ_ARRAY(r, struct protocol_in, q.protocol_count);
    for (int32_t i = 0; i < q.protocol_count && !in->bad; i++) {
        p[i].name = kin_str(in);
        p[i].metadata = kin_nbytes(in);
        kin_tags(in);
    }
    q.protocols = p;
    if (r->version >= 8)
        kin_nstr(in); /* the reason, for people */
    struct groups *g;
    if (!kreq_read_all(r) || !(g = groups_for(r)))
        return;
    if (kreq_group_error(r)) {
        joined(r, &(struct join_result){.error = kreq_group_error(r), .member_id = "", .leader_id = ""});
        return;
    }
    struct join_wait *w = ARENA_NEW(r->arena, struct join_wait);
    *w = (struct join_wait){.fn = joined, .arg = r};
    r->state = w;
    r->cancel = cancel_join;
    group_join(g, &q, w);
}

/* ------------------------------------------------------------------ SyncGroup */

static void synced(void *arg, enum kerr error, const struct member *m)
{
    struct kreq *r = arg;
    struct kout *o = &r->out;
    bool good = error == KERR_NONE;
    throttle(r, 1);
    kout_i16(o, (int16_t)error);
    if (r->version >= 5) {
        kout_nstr(o, good ? str_z(m->group->protocol_type) : STR_NONE);
        kout_nstr(o, good ? str_z(m->group->protocol) : STR_NONE);
    }
    kout_nbytes(o, good ? buf_view(&m->assignment) : STR(""));
    finish(r);
}

static void cancel_sync(struct kreq *r)
{
    group_sync_cancel(r->state);
    kreq_done(r);
}

void kafka_sync_group(struct kreq *r)
{
    struct kin *in = &r->in;
    struct sync_request q = {.group = kin_str(in)};
    q.generation = kin_i32(in);
    q.member_id = kin_str(in);
    q.instance = r->version >= 3 ? kin_nstr(in) : STR_NONE;
    if (r->version >= 5) {
        q.protocol_type = kin_nstr(in);
        q.protocol = kin_nstr(in);
    }
    q.count = kin_count(in);
    struct assignment_in *a = KREQ_ARRAY(r, struct assignment_in, q.count);
    for (int32_t i = 0; i < q.count && !in->bad; i++) {
        a[i].member_id = kin_str(in);
        a[i].bytes = kin_nbytes(in);
        kin_tags(in);
    }
    q.assignments = a;
    struct groups *g;
    if (!kreq_read_all(r) || !(g = groups_for(r)))
        return;
    if (kreq_group_error(r)) {
        synced(r, kreq_group_error(r), NULL);
        return;
    }
    struct sync_wait *w = ARENA_NEW(r->arena, struct sync_wait);
    *w = (struct sync_wait){.fn = synced, .arg = r};
    r->state = w;
    r->cancel = cancel_sync;
    group_sync(g, &q, w);
}

/* ------------------------------------------------------------------ Heartbeat, LeaveGroup */

void kafka_heartbeat(struct kreq *r)
{
    struct kin *in = &r->in;
    struct str group = kin_str(in);
    int32_t generation = kin_i32(in);
    struct str member = kin_str(in);
    struct str instance = r->version >= 3 ? kin_nstr(in) : STR_NONE;
    struct groups *g;
    if (!kreq_read_all(r) || !(g = groups_for(r)))
        return;
    throttle(r, 1);
    enum kerr refused = kreq_group_error(r);
    kout_i16(&r->out, (int16_t)(refused ? refused : group_heartbeat(g, group, generation, member, instance)));
    finish(r);
}

void kafka_leave_group(struct kreq *r)
{
    struct kin *in = &r->in;
    struct str group = kin_str(in), none = STR_NONE;
    bool many = r->version >= 3;
    int32_t n = many ? kin_count(in) : 1;
    struct leaver { struct str id, instance; } *m = KREQ_ARRAY(r, struct leaver, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        m[i].id = kin_str(in);
        m[i].instance = many ? kin_nstr(in) : none;
        if (r->version >= 5)
            kin_nstr(in); /* the reason */
        if (many)
            kin_tags(in);
    }
    struct groups *g;
    if (!kreq_read_all(r) || !(g = groups_for(r)))
        return;
    struct kout *o = &r->out;
    enum kerr refused = kreq_group_error(r);
    throttle(r, 1);
    if (!many) {
        kout_i16(o, (int16_t)(refused ? refused : group_leave(g, group, m[0].id, none)));
        finish(r);
        return;
    }
    n = refused || n < 0 ? 0 : n;
    kout_i16(o, (int16_t)refused);
    kout_count(o, n);
    for (int32_t i = 0; i < n; i++) {
        enum kerr error = group_leave(g, group, m[i].id, m[i].instance);
        kout_str(o, m[i].id);
        kout_nstr(o, m[i].instance);
        kout_i16(o, (int16_t)error);
        kout_tags(o);
    }
    finish(r);
}

/* ------------------------------------------------------------------ OffsetCommit */

struct commit_part { struct commit_in in; enum kerr error; };
struct commit_topic { struct str name; struct commit_part *parts; int32_t count; };
struct commit { struct str group; struct commit_topic *topics; int32_t count; struct commit_in *good; size_t good_count; struct groups *groups; };

static void committed(void *arg)
{
    struct kreq *r = arg;
    struct commit *c = r->state;
    struct kout *o = &r->out;
    bool lost = c->groups->log->parts[0]->log->offline;
    if (!lost)
        group_apply(c->groups, c->group, c->good, c->good_count);
    throttle(r, 3);
    kout_count(o, c->count);
    for (int32_t i = 0; i < c->count; i++) {
        const struct commit_topic *t = &c->topics[i];
        kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++) {
            enum kerr error = t->parts[j].error;
            kout_i32(o, t->parts[j].in.partition);
            kout_i16(o, (int16_t)(error == KERR_NONE && lost ? KERR_KAFKA_STORAGE_ERROR : error));
            kout_tags(o);
        }
        kout_tags(o);
    }
    finish(r);
}

static void read_commit_topic(struct kreq *r, struct commit_topic *t)
{
    struct kin *in = &r->in;
    t->name = str_copy(r->arena, kin_str(in));
    struct topic *topic;
    enum kerr error = kreq_topic(r, t->name, &topic);
    int32_t n = kin_count(in);
    t->count = n > 0 ? n : 0;
    t->parts = KREQ_ARRAY(r, struct commit_part, t->count);
    for (int32_t i = 0; i < t->count && !in->bad; i++) {
        struct commit_part *p = &t->parts[i];
        p->in.topic = t->name;
        p->in.partition = kin_i32(in);
        p->in.offset = kin_i64(in);
        p->in.epoch = r->version >= 6 ? kin_i32(in) : -1;
        struct str metadata = kin_nstr(in);
        p->in.metadata = metadata.ptr ? str_copy(r->arena, metadata) : STR("");
        kin_tags(in);
        if (error)
            p->error = error;
        else if (!topic_partition(topic, p->in.partition))
            p->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
        else if (metadata.len > GROUP_MAX_METADATA)
            p->error = KERR_OFFSET_METADATA_TOO_LARGE;
        else if (p->in.offset < OFFSET_EARLIEST)
            p->error = KERR_INVALID_REQUEST;
    }
    kin_tags(in);
}

static void choose_good(struct kreq *r, struct commit *c, enum kerr refuse)
{
    size_t cap = 0;
    for (int32_t i = 0; i < c->count; i++)
        cap += (size_t)c->topics[i].count;
    c->good = ARENA_ARRAY(r->arena, struct commit_in, cap);
    for (int32_t i = 0; i < c->count; i++)
        for (int32_t j = 0; j < c->topics[i].count; j++) {
            struct commit_part *p = &c->topics[i].parts[j];
            if (p->error == KERR_NONE)
                p->error = refuse;
            if (p->error == KERR_NONE)
                c->good[c->good_count++] = p->in;
        }
}

void kafka_offset_commit(struct kreq *r)
{
    struct kin *in = &r->in;
    struct commit *c = ARENA_NEW(r->arena, struct commit);
    c->group = str_copy(r->arena, kin_str(in));
    int32_t generation = kin_i32(in);
    struct str member = kin_str(in);
    struct str instance = r->version >= 7 ? kin_nstr(in) : STR_NONE;
    if (r->version <= 4)
        kin_i64(in); /* retention time */
    int32_t n = kin_count(in);
    c->count = n > 0 ? n : 0;
    c->topics = KREQ_ARRAY(r, struct commit_topic, c->count);
    for (int32_t i = 0; i < c->count && !in->bad; i++)
        read_commit_topic(r, &c->topics[i]);
    if (!kreq_read_all(r) || !(c->groups = groups_for(r)))
        return;
    enum kerr refused = kreq_group_error(r);
    choose_good(r, c, refused ? refused : group_may_commit(c->groups, c->group, generation, member, instance));
    enum kerr k = group_log_commit(c->groups, c->group, c->good, c->good_count);
    if (k != KERR_NONE) {
        c->good_count = 0;
        choose_good(r, c, k);
    }
    r->state = c;
    r->wait = (struct hub_wait){.done = committed, .arg = r};
    hub_wait_durable(r->hub, &r->wait);
}

/* ------------------------------------------------------------------ OffsetFetch */

struct fetch_offsets { struct str group; bool stable; struct fetch_topic { struct str name; int32_t *parts, count; } *topics; int32_t count; };

static void read_fetch_topics(struct kreq *r, struct fetch_offsets *f)
{
    struct kin *in = &r->in;
    f->count = kin_count(in); /* -1: all */
    f->topics = KREQ_ARRAY(r, struct fetch_topic, f->count);
    for (int32_t i = 0; i < f->count && !in->bad; i++) {
        struct fetch_topic *t = &f->topics[i];
        t->name = kin_str(in);
        int32_t n = kin_count(in);
        t->count = n > 0 ? n : 0;
        t->parts = KREQ_ARRAY(r, int32_t, t->count);
        for (int32_t j = 0; j < t->count && !in->bad; j++)
            t->parts[j] = kin_i32(in);
        kin_tags(in);
    }
}

static void put_offset(struct kreq *r, int32_t partition, const struct committed *c, enum kerr error)
{
    struct kout *o = &r->out;
    kout_i32(o, partition);
    kout_i64(o, c ? c->offset : -1);
    if (r->version >= 5)
        kout_i32(o, c ? c->epoch : -1);
    kout_nstr(o, c ? str_of(c->metadata, c->metadata_len) : STR(""));
    kout_i16(o, (int16_t)error);
    kout_tags(o);
}

/* With `stable`, an offset that a transaction may change is not told: the client asks again. */
static bool unstable(const struct kreq *r, const struct fetch_offsets *f, struct str topic, int32_t partition)
{
    return f->stable && group_offset_unstable(r->conn->ns->groups, f->group, topic, partition);
}

static void put_all_offsets(struct kreq *r, const struct fetch_offsets *f, const struct group *g)
{
    /* One topic entry an offset: clients merge them, and no second index is needed. */
    struct kout *o = &r->out;
    size_t at = 0;
    struct str key;
    void *v;
    int32_t n = 0;
    while (g && map_next(g->offsets, &at, &key, &v))
        n += kreq_allowed(r, str_z(((struct committed *)v)->topic));
    kout_count(o, n);
    at = 0;
    while (n && map_next(g->offsets, &at, &key, &v)) {
        const struct committed *c = v;
        if (!kreq_allowed(r, str_z(c->topic)))
            continue;
        kout_str(o, str_z(c->topic));
        kout_count(o, 1);
        bool wait = unstable(r, f, str_z(c->topic), c->partition);
        put_offset(r, c->partition, wait ? NULL : c, wait ? KERR_UNSTABLE_OFFSET_COMMIT : KERR_NONE);
        kout_tags(o);
    }
}

static void put_fetch_topics(struct kreq *r, const struct fetch_offsets *f, const struct group *g)
{
    struct kout *o = &r->out;
    if (f->count < 0) {
        put_all_offsets(r, f, g);
        return;
    }
    kout_count(o, f->count);
    for (int32_t i = 0; i < f->count; i++) {
        const struct fetch_topic *t = &f->topics[i];
        bool allowed = kreq_allowed(r, t->name);
        kout_str(o, t->name);
        kout_count(o, t->count);
        for (int32_t j = 0; j < t->count; j++) {
            enum kerr error = !allowed ? KERR_TOPIC_AUTHORIZATION_FAILED
                              : unstable(r, f, t->name, t->parts[j]) ? KERR_UNSTABLE_OFFSET_COMMIT : KERR_NONE;
            put_offset(r, t->parts[j], g && !error ? group_offset(g, t->name, t->parts[j]) : NULL, error);
        }
        kout_tags(o);
    }
}

static void fetch_groups(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    struct fetch_offsets *f = KREQ_ARRAY(r, struct fetch_offsets, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        f[i].group = kin_str(in);
        if (r->version >= 9) {
            kin_nstr(in); /* member id and epoch: of the newer group protocol */
            kin_i32(in);
        }
        read_fetch_topics(r, &f[i]);
        kin_tags(in);
    }
    bool stable = kin_bool(in);
    for (int32_t i = 0; i < n && !in->bad; i++)
        f[i].stable = stable;
    struct groups *gs;
    if (!kreq_read_all(r) || !(gs = groups_for(r)))
        return;
    throttle(r, 3);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        kout_str(o, f[i].group);
        enum kerr refused = kreq_named_group_error(r, f[i].group);
        put_fetch_topics(r, &f[i], refused ? NULL : group_find(gs, f[i].group));
        kout_i16(o, (int16_t)refused);
        kout_tags(o);
    }
    finish(r);
}

void kafka_offset_fetch(struct kreq *r)
{
    struct kin *in = &r->in;
    struct fetch_offsets f;
    if (r->version >= 8) {
        fetch_groups(r);
        return;
    }
    f.group = kin_str(in);
    read_fetch_topics(r, &f);
    f.stable = r->version >= 7 && kin_bool(in);
    struct groups *gs;
    if (!kreq_read_all(r) || !(gs = groups_for(r)))
        return;
    throttle(r, 3);
    enum kerr refused = kreq_group_error(r);
    put_fetch_topics(r, &f, refused ? NULL : group_find(gs, f.group));
    if (r->version >= 2)
        kout_i16(&r->out, (int16_t)refused);
    finish(r);
}

/* ------------------------------------------------------------------ administration */

static void put_group(struct kreq *r, struct str name, const struct group *g)
{
    struct kout *o = &r->out;
    enum kerr refused = kreq_named_group_error(r, name);
    g = refused ? NULL : g;
    kout_i16(o, (int16_t)refused);
    kout_str(o, name);
    kout_str(o, g ? str_z(group_state_name(g)) : STR("Dead"));
    kout_str(o, g ? str_z(g->protocol_type) : STR(""));
    kout_str(o, g && g->state == GROUP_STABLE ? str_z(g->protocol) : STR(""));
    size_t n = g ? g->member_count : 0;
    kout_count(o, (int32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct member *m = g->members[i];
        const struct buf *metadata = member_metadata(m);
        kout_str(o, str_z(m->id));
        if (r->version >= 4)
            kout_nstr(o, str_z(m->instance));
        kout_str(o, str_z(m->client_id));
        kout_str(o, str_z(m->client_host));
        kout_nbytes(o, metadata ? buf_view(metadata) : STR(""));
        kout_nbytes(o, buf_view(&m->assignment));
        kout_tags(o);
    }
    if (r->version >= 3)
        kout_i32(o, kreq_operations(r, r->operations && !refused, ACL_GROUP, name));
    kout_tags(o);
}

void kafka_describe_groups(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct str *names = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        names[i] = kin_str(in);
    if (r->version >= 3)
        r->operations = kin_bool(in);
    struct groups *gs;
    if (!kreq_read_all(r) || !(gs = groups_for(r)))
        return;
    throttle(r, 1);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++)
        put_group(r, names[i], group_find(gs, names[i]));
    finish(r);
}

void kafka_list_groups(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = r->version >= 4 ? kin_count(in) : 0;
    struct str *states = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        states[i] = kin_str(in);
    struct groups *gs;
    if (!kreq_read_all(r) || !(gs = groups_for(r)))
        return;
    enum kerr refused = kreq_group_error(r);
    struct group **found = ARENA_ARRAY(r->arena, struct group *, map_count(gs->by_name));
    size_t at = 0, count = 0;
    struct str key;
    void *v;
    while (!refused && map_next(gs->by_name, &at, &key, &v)) {
        bool wanted = n <= 0, allowed = kreq_named_group_error(r, key) == KERR_NONE;
        for (int32_t i = 0; i < n && !wanted; i++)
            wanted = str_ieqz(states[i], group_state_name(v));
        if (wanted && allowed)
            found[count++] = v;
    }
    throttle(r, 1);
    kout_i16(o, (int16_t)refused);
    kout_count(o, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        kout_str(o, str_z(found[i]->name));
        kout_str(o, str_z(found[i]->protocol_type));
        if (r->version >= 4)
            kout_str(o, str_z(group_state_name(found[i])));
        kout_tags(o);
    }
    finish(r);
}

static void deleted(void *arg)
{
    finish(arg);
}

void kafka_delete_groups(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    struct str *names = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        names[i] = kin_str(in);
    struct groups *gs;
    if (!kreq_read_all(r) || !(gs = groups_for(r)))
        return;
    enum kerr refused = kreq_group_error(r);
    throttle(r, 0);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        kout_str(o, names[i]);
        enum kerr named = refused ? refused : kreq_named_group_error(r, names[i]);
        kout_i16(o, (int16_t)(named ? named : group_delete(gs, names[i])));
        kout_tags(o);
    }
    r->wait = (struct hub_wait){.done = deleted, .arg = r};
    hub_wait_durable(r->hub, &r->wait);
}
