/* kafka_offset_delete.c -- OffsetDelete: a group forgets how far it came in some partitions.
 *
 * A group that reads keeps the offsets of the topics its members subscribe to, as their consumer protocol says it (version,
 * then the topics' names); those of other topics may go meanwhile. A group with members of another protocol keeps them all. */
#include "hub/group.h"
#include "hub/kafka_int.h"

struct forget { struct str topic; int32_t *partitions; int32_t count; enum kerr error; };

/* Does the member's subscription name the topic? */
static bool subscribed(const struct member *m, struct str topic)
{
    const struct buf *metadata = member_metadata(m);
    if (!metadata)
        return true; /* it joins just now: nobody knows */
    struct kin in = kin_of(buf_view(metadata));
    kin_i16(&in);
    int32_t n = kin_count(&in);
    for (int32_t i = 0; i < n && !in.bad; i++)
        if (str_eq(kin_str(&in), topic) && !in.bad)
            return true;
    return in.bad;
}

static bool group_reads(const struct group *g, struct str topic)
{
    for (size_t i = 0; i < g->member_count; i++)
        if (subscribed(g->members[i], topic))
            return true;
    return false;
}

static enum kerr group_error(struct kreq *r, const struct group *g)
{
    if (kreq_group_error(r))
        return kreq_group_error(r);
    if (!g)
        return KERR_GROUP_ID_NOT_FOUND;
    return g->member_count && (!g->protocol_type || !str_eqz(STR("consumer"), g->protocol_type)) ? KERR_NON_EMPTY_GROUP : KERR_NONE;
}

static void read_topic(struct kreq *r, struct forget *f, const struct group *g)
{
    struct kin *in = &r->in;
    struct topic *t;
    f->topic = str_copy(r->arena, kin_str(in));
    f->error = kreq_topic(r, f->topic, &t);
    f->count = kin_count(in);
    f->partitions = KREQ_ARRAY(r, int32_t, f->count);
    for (int32_t i = 0; i < f->count && !in->bad; i++)
        f->partitions[i] = kin_i32(in);
    if (f->error == KERR_NONE && g && group_reads(g, f->topic))
        f->error = KERR_GROUP_SUBSCRIBED_TO_TOPIC;
}

static void put_topic(struct kreq *r, const struct forget *f, struct groups *gs, struct str group)
{
    struct kout *o = &r->out;
    struct topic *t = topic_find(r->conn->ns, f->topic);
    kout_str(o, f->topic);
    kout_count(o, f->count > 0 ? f->count : 0);
    for (int32_t i = 0; i < f->count; i++) {
        enum kerr error = f->error;
        if (!error && !topic_partition(t, f->partitions[i]))
            error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
        if (!error)
            error = group_forget_offset(gs, group, f->topic, f->partitions[i]);
        kout_i32(o, f->partitions[i]);
        kout_i16(o, (int16_t)error);
    }
}

static void forgotten(void *arg)
{
    kreq_done(arg);
}

void kafka_offset_delete(struct kreq *r)
{
    struct kin *in = &r->in;
    struct err err;
    struct groups *gs = groups_of(r->hub, r->conn->ns, &err);
    if (!gs) {
        log_err(LOG_ERROR, "hub", &err);
        kreq_bad(r);
        return;
    }
    struct str group = str_copy(r->arena, kin_str(in));
    const struct group *g = group_find(gs, group);
    enum kerr error = group_error(r, g);
    int32_t n = kin_count(in);
    struct forget *f = KREQ_ARRAY(r, struct forget, n);
    for (int32_t i = 0; i < n && !in->bad; i++)
        read_topic(r, &f[i], g);
    if (!kreq_read_all(r))
        return;
    kout_i16(&r->out, (int16_t)error);
    kout_i32(&r->out, 0);
    kout_count(&r->out, error || n < 0 ? 0 : n);
    for (int32_t i = 0; i < n && !error; i++)
        put_topic(r, &f[i], gs, group);
    r->wait = (struct hub_wait){.done = forgotten, .arg = r};
    hub_wait_durable(r->hub, &r->wait);
}
