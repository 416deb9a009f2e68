/* kafka_quota.c -- client quotas over Kafka: describing and altering them (access.h), and counting what they limit.
 *
 * A quota holds back who is over it as Kafka does: the answer leaves at once and says throttle_time_ms, and the
 * connection is not read until that has passed. */
#include "hub/kafka_int.h"
#include <math.h>
#include <string.h>

#define ENTITY_USER "user"
#define ENTITY_CLIENT "client-id"

static double kin_f64(struct kin *in)
{
    int64_t bits = kin_i64(in);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void kout_f64(struct kout *o, double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    kout_i64(o, bits);
}

struct quota_part { struct str type, name; };
enum match { MATCH_EXACT, MATCH_DEFAULT, MATCH_ANY };
struct component { struct str type, name; int8_t match; };

static const char *bad_components(const struct component *c, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < i; j++)
            if (str_eq(c[i].type, c[j].type))
                return "an entity type stands once in a filter";
        if (!str_eqz(c[i].type, ENTITY_USER) && !str_eqz(c[i].type, ENTITY_CLIENT) && !str_eqz(c[i].type, "ip"))
            return "an entity is a user, a client-id or an ip";
        if (c[i].match < MATCH_EXACT || c[i].match > MATCH_ANY || (c[i].match == MATCH_EXACT) != (c[i].name.ptr != NULL))
            return "a filter matches a name exactly, the default, or any";
    }
    return NULL;
}

static bool part_matches(const struct component *c, bool has, struct str name)
{
    return has && (c->match == MATCH_ANY || (c->match == MATCH_DEFAULT ? !name.ptr : name.ptr && str_eq(name, c->name)));
}

static bool quota_matches(const struct quota *q, const struct component *c, int32_t n, bool strict)
{
    int32_t parts = q->of.has_user + q->of.has_client;
    for (int32_t i = 0; i < n; i++) {
        bool user = str_eqz(c[i].type, ENTITY_USER), client = str_eqz(c[i].type, ENTITY_CLIENT);
        if (!(user && part_matches(&c[i], q->of.has_user, q->of.user)) && !(client && part_matches(&c[i], q->of.has_client, q->of.client)))
            return false;
    }
    return !strict || parts == n;
}

static void put_parts(struct kreq *r, const struct quota_part *parts, int32_t n)
{
    kout_count(&r->out, n);
    for (int32_t i = 0; i < n; i++) {
        kout_str(&r->out, parts[i].type);
        kout_nstr(&r->out, parts[i].name);
        kout_tags(&r->out);
    }
}

static void put_entity(struct kreq *r, const struct quota_entity *e)
{
    struct quota_part parts[2];
    int32_t n = 0;
    if (e->has_user)
        parts[n++] = (struct quota_part){STR(ENTITY_USER), e->user};
    if (e->has_client)
        parts[n++] = (struct quota_part){STR(ENTITY_CLIENT), e->client};
    put_parts(r, parts, n);
}

static void put_quota(struct kreq *r, const struct quota *q)
{
    struct kout *o = &r->out;
    int32_t n = 0;
    put_entity(r, &q->of);
    for (int i = 0; i < QUOTA_RATES; i++)
        n += q->limits[i] > 0;
    kout_count(o, n);
    for (int i = 0; i < QUOTA_RATES; i++) {
        if (q->limits[i] <= 0)
            continue;
        kout_str(o, str_z(QUOTA_NAMES[i]));
        kout_f64(o, q->limits[i]);
        kout_tags(o);
    }
    kout_tags(o);
}

void kafka_describe_client_quotas(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in), found = 0;
    struct component *c = KREQ_ARRAY(r, struct component, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        c[i].type = kin_str(in);
        c[i].match = kin_i8(in);
        c[i].name = kin_nstr(in);
        kin_tags(in);
    }
    bool strict = kin_bool(in);
    if (!kreq_read_all(r))
        return;
    const struct access_rows *rows = access_rows(r->hub->access);
    const char *bad = bad_components(c, n);
    enum kerr error = !kreq_cluster_allowed(r, ACL_DESCRIBE_CONFIGS) ? KERR_CLUSTER_AUTHORIZATION_FAILED : bad ? KERR_INVALID_REQUEST : KERR_NONE;
    const struct quota **q = ARENA_ARRAY(r->arena, const struct quota *, rows->quota_count);
    for (size_t i = 0; !error && i < rows->quota_count; i++)
        if (str_eqz(rows->quotas[i].ns, r->conn->ns->name) && quota_matches(&rows->quotas[i], c, n, strict))
            q[found++] = &rows->quotas[i];
    kout_i32(o, 0);
    kout_i16(o, (int16_t)error);
    kout_nstr(o, error == KERR_INVALID_REQUEST ? str_z(bad) : STR_NONE);
    kout_count(o, error ? -1 : found);
    for (int32_t i = 0; i < found; i++)
        put_quota(r, q[i]);
    kout_tags(o);
    kreq_done(r);
}

struct quota_item { struct quota_entity of; struct quota_part *parts; int32_t part_count; enum kerr error; const char *message; };

static void refuse(struct quota_item *x, enum kerr error, const char *message)
{
    if (!x->error) {
        x->error = error;
        x->message = message;
    }
}

static void read_entity(struct kreq *r, struct quota_item *x)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    x->part_count = n > 0 ? n : 0;
    x->parts = KREQ_ARRAY(r, struct quota_part, x->part_count);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        struct str type = kin_str(in), name = kin_nstr(in);
        kin_tags(in);
        x->parts[i] = (struct quota_part){type, name};
        bool user = str_eqz(type, ENTITY_USER), client = str_eqz(type, ENTITY_CLIENT);
        if (!user && !client)
            refuse(x, KERR_INVALID_REQUEST, "quotas are served for users and client-ids");
        else if (user ? x->of.has_user : x->of.has_client)
            refuse(x, KERR_INVALID_REQUEST, "an entity type stands once in an entity");
        if (name.ptr && (!name.len || name.len > ACL_MAX_TEXT || !str_utf8_ok(name)))
            refuse(x, KERR_INVALID_REQUEST, "an entity's name is empty or too long");
        x->of.has_user |= user;
        x->of.has_client |= client;
        if (user)
            x->of.user = name;
        else if (client)
            x->of.client = name;
    }
    if (!x->of.has_user && !x->of.has_client)
        refuse(x, KERR_INVALID_REQUEST, "an entity is a user, a client-id, or both");
}

static void read_op(struct kreq *r, struct quota_item *x, double limits[QUOTA_RATES], bool set[QUOTA_RATES])
{
    struct kin *in = &r->in;
    struct str key = kin_str(in);
    double value = kin_f64(in);
    bool remove = kin_bool(in);
    int rate = 0;
    kin_tags(in);
    while (rate < QUOTA_RATES && !str_eqz(key, QUOTA_NAMES[rate]))
        rate++;
    if (rate == QUOTA_RATES) {
        refuse(x, KERR_INVALID_REQUEST, arena_printf(r->arena, "the quota '%.*s' is not served: there are %s and %s", STR_ARGS(key), QUOTA_NAMES[0], QUOTA_NAMES[1]));
        return;
    }
    if (!remove && !(isfinite(value) && value > 0))
        refuse(x, KERR_INVALID_REQUEST, "a quota is greater than 0");
    if (set[rate])
        refuse(x, KERR_INVALID_REQUEST, "a quota is altered once in a request");
    set[rate] = true;
    limits[rate] = remove ? 0 : value;
}

static void alter_quota(struct kreq *r, struct access_rows *rows, struct quota_item *x)
{
    struct kin *in = &r->in;
    double limits[QUOTA_RATES] = {0};
    bool set[QUOTA_RATES] = {false};
    read_entity(r, x);
    int32_t n = kin_count(in);
    for (int32_t i = 0; i < n && !in->bad; i++)
        read_op(r, x, limits, set);
    kin_tags(in);
    for (int i = 0; i < QUOTA_RATES && !x->error && !in->bad; i++)
        if (set[i])
            access_put_quota(rows, r->conn->ns->name, &x->of, (enum quota_rate)i, limits[i]);
}

void kafka_alter_client_quotas(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    struct quota_item *x = KREQ_ARRAY(r, struct quota_item, n);
    struct access_rows *rows = access_change(r->hub->access);
    bool changed = false, allowed = kreq_cluster_allowed(r, ACL_ALTER_CONFIGS);
    const char *message = NULL;
    for (int32_t i = 0; i < n && !in->bad; i++) {
        if (!allowed)
            refuse(&x[i], KERR_CLUSTER_AUTHORIZATION_FAILED, NULL);
        alter_quota(r, rows, &x[i]);
        changed = changed || !x[i].error;
    }
    bool only_check = kin_bool(in);
    kin_tags(in);
    if (in->bad) {
        access_drop(rows);
        kreq_bad(r);
        return;
    }
    enum kerr failed = kreq_commit_access(r, rows, changed && !only_check, &message);
    kout_i32(o, 0);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        if (failed)
            refuse(&x[i], failed, message);
        kout_i16(o, (int16_t)x[i].error);
        kout_nstr(o, str_z(x[i].message));
        put_parts(r, x[i].parts, x[i].part_count);
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

/* Where throttle_time_ms stands: first in a fetch's answer, last in a produce's. */
static void put_throttle(struct kreq *r, int64_t ms)
{
    struct buf *b = &r->out.b;
    size_t at = r->body_at;
    if (r->api->key == KAFKA_PRODUCE) {
        size_t tags = r->out.flex ? 1 : 0;
        CHECK(b->len >= at + 4 + tags);
        at = b->len - 4 - tags;
    }
    be32_put(b->ptr + at, (uint32_t)ms);
}

int32_t kafka_quota_fetch_bytes(const struct kreq *r, int32_t max_bytes)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    struct quota_who who = {r->conn->ns->name, kconn_user(r->conn), r->client_id};
    struct quota_entity of;
    double limit = quota_limit(rows->quotas, rows->quota_count, &who, QUOTA_FETCH, &of) * (QUOTA_SAMPLES - 1) * QUOTA_SAMPLE_MS / 1000;
    return limit > 0 && limit < max_bytes ? (int32_t)(limit > 1 ? limit : 1) : max_bytes;
}

int64_t kafka_quota_throttle(struct kreq *r)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    bool produce = r->api->key == KAFKA_PRODUCE, fetch = r->api->key == KAFKA_FETCH;
    if (rows->quota_count == 0 || (!produce && !fetch) || r->fail || r->out.b.overflow)
        return 0;
    struct quota_who who = {r->conn->ns->name, kconn_user(r->conn), r->client};
    double bytes = produce ? (double)r->frame_bytes : (double)r->out.b.len;
    int64_t ms = quota_count(r->hub->meter, rows->quotas, rows->quota_count, &who, produce ? QUOTA_PRODUCE : QUOTA_FETCH, bytes, time_mono_us() / 1000);
    if (ms > 0 && !r->no_reply)
        put_throttle(r, ms);
    return ms;
}
