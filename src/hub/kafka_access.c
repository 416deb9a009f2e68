/* kafka_access.c -- users, access control lists and quotas over Kafka: describing and altering them, and counting what a
 * quota limits.
 *
 * They are of the client's namespace (access.h). Whoever may manage the whole namespace may administer them; a principal of
 * access control lists needs a rule on the CLUSTER resource that says so.
 *
 * A quota holds back who is over it as Kafka does: the answer leaves at once and says throttle_time_ms, and the
 * connection is not read until that has passed. */
#include "hub/kafka_int.h"
#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ SCRAM users */

struct scram_item { struct str user; enum kerr error; const char *message; };

static void put_result(struct kreq *r, const struct scram_item *x)
{
    kout_str(&r->out, x->user);
    kout_i16(&r->out, (int16_t)x->error);
    kout_nstr(&r->out, str_z(x->message));
}

static void put_credentials(struct kreq *r, struct str user)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    struct kout *o = &r->out;
    int32_t n = 0;
    for (int m = 1; m <= SCRAM_MECHANISMS; m++)
        n += access_user(rows, r->conn->ns->name, user, (enum scram_mechanism)m) != NULL;
    kout_count(o, n);
    for (int m = 1; m <= SCRAM_MECHANISMS; m++) {
        const struct access_user *u = access_user(rows, r->conn->ns->name, user, (enum scram_mechanism)m);
        if (!u)
            continue;
        kout_i8(o, (int8_t)m);
        kout_i32(o, u->secret.iterations);
        kout_tags(o);
    }
}

static bool has_user(struct kreq *r, struct str user)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    return access_user(rows, r->conn->ns->name, user, SCRAM_SHA_256) || access_user(rows, r->conn->ns->name, user, SCRAM_SHA_512);
}

/* Null: all users there are, each once. */
static struct str *all_users(struct kreq *r, int32_t *n)
{
    const struct access_rows *rows = access_rows(r->hub->access);
    struct str *out = ARENA_ARRAY(r->arena, struct str, rows->user_count);
    *n = 0;
    for (size_t i = 0; i < rows->user_count; i++) {
        const struct access_user *u = &rows->users[i];
        bool second = u->secret.mechanism == SCRAM_SHA_512 && access_user(rows, r->conn->ns->name, u->name, SCRAM_SHA_256);
        if (str_eqz(u->ns, r->conn->ns->name) && !second)
            out[(*n)++] = u->name;
    }
    return out;
}

void kafka_describe_scram(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    struct str *names = KREQ_ARRAY(r, struct str, n);
    for (int32_t i = 0; i < n && !in->bad; i++) {
        names[i] = kin_str(in);
        kin_tags(in);
    }
    if (!kreq_read_all(r))
        return;
    bool allowed = kreq_cluster_allowed(r, ACL_DESCRIBE);
    if (n <= 0)
        names = all_users(r, &n);
    n = allowed ? n : 0;
    kout_i32(o, 0);
    kout_i16(o, allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED);
    kout_nstr(o, STR_NONE);
    kout_count(o, n);
    for (int32_t i = 0; i < n; i++) {
        struct scram_item x = {.user = names[i]};
        for (int32_t j = 0; j < n; j++)
            if (j != i && str_eq(names[i], names[j])) {
                x.error = KERR_DUPLICATE_RESOURCE;
                x.message = "a user is described once in a request";
            }
        if (!x.error && !has_user(r, names[i])) {
            x.error = KERR_RESOURCE_NOT_FOUND;
            x.message = "there is no such user";
        }
        put_result(r, &x);
        if (x.error)
            kout_count(o, 0);
        else
            put_credentials(r, names[i]);
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

struct scram_change { struct str user, salt, salted; int8_t mechanism; int32_t iterations; bool remove; };

static enum kerr bad_change(const struct scram_change *c, const char **message)
{
    if (!c->user.len || c->user.len > SCRAM_MAX_USER || !str_utf8_ok(c->user)) {
        *message = "a user's name is not empty";
        return KERR_UNACCEPTABLE_CREDENTIAL;
    }
    if (c->mechanism != SCRAM_SHA_256 && c->mechanism != SCRAM_SHA_512) {
        *message = "the SCRAM mechanism is unknown";
        return KERR_UNSUPPORTED_SASL_MECHANISM;
    }
    if (c->remove)
        return KERR_NONE;
    *message = c->iterations < SCRAM_MIN_ITERATIONS ? "there are too few iterations" : c->iterations > SCRAM_MAX_ITERATIONS ? "there are too many iterations"
               : !c->salt.len || c->salt.len > SCRAM_MAX_SALT ? "the salt is empty or too long"
               : c->salted.len != scram_key_bytes((enum scram_mechanism)c->mechanism) ? "the salted password is not as long as the mechanism's hash" : NULL;
    return *message ? KERR_UNACCEPTABLE_CREDENTIAL : KERR_NONE;
}

static enum kerr change_one(struct kreq *r, struct access_rows *rows, const struct scram_change *c, const char **message)
{
    enum scram_mechanism m = (enum scram_mechanism)c->mechanism;
    enum kerr error = bad_change(c, message);
    if (error)
        return error;
    if (c->remove) {
        if (access_remove_user(rows, r->conn->ns->name, c->user, m))
            return KERR_NONE;
        *message = "there is no such user";
        return KERR_RESOURCE_NOT_FOUND;
    }
    struct scram_secret s = {.mechanism = m, .iterations = c->iterations, .salt_bytes = c->salt.len};
    memcpy(s.salt, c->salt.ptr, c->salt.len);
    scram_of_salted(&s, (const uint8_t *)c->salted.ptr);
    access_put_user(rows, r->conn->ns->name, c->user, &s);
    return KERR_NONE;
}

/* A user has one answer, however many changes: all of his are made, or none. */
static void change_user(struct kreq *r, struct access_rows *rows, const struct scram_change *c, int32_t n, struct scram_item *x)
{
    for (int32_t i = 0; i < n && !x->error; i++)
        for (int32_t j = i + 1; j < n; j++)
            if (str_eq(c[i].user, x->user) && str_eq(c[j].user, x->user) && c[i].mechanism == c[j].mechanism) {
                x->error = KERR_DUPLICATE_RESOURCE;
                x->message = "a credential is altered once in a request";
            }
    for (int32_t i = 0; i < n && !x->error; i++)
        if (str_eq(c[i].user, x->user))
            x->error = bad_change(&c[i], &x->message);
    for (int32_t i = 0; i < n && !x->error; i++) /* one that is not there fails before another is changed */
        if (str_eq(c[i].user, x->user) && c[i].remove)
            x->error = change_one(r, rows, &c[i], &x->message);
    for (int32_t i = 0; i < n && !x->error; i++)
        if (str_eq(c[i].user, x->user) && !c[i].remove)
            x->error = change_one(r, rows, &c[i], &x->message);
}

static bool read_changes(struct kreq *r, struct scram_change **out, int32_t *n)
{
    struct kin *in = &r->in;
    int32_t removed = kin_count(in), kept;
    struct scram_change *gone = KREQ_ARRAY(r, struct scram_change, removed);
    for (int32_t i = 0; i < removed && !in->bad; i++) {
        gone[i] = (struct scram_change){.user = kin_str(in), .mechanism = kin_i8(in), .remove = true};
        kin_tags(in);
    }
    removed = removed > 0 ? removed : 0;
    kept = kin_count(in);
    kept = kept > 0 ? kept : 0;
    struct scram_change *all = KREQ_ARRAY(r, struct scram_change, kept + removed);
    for (int32_t i = 0; i < kept && !in->bad; i++) {
        struct scram_change *c = &all[removed + i];
        c->user = kin_str(in);
        c->mechanism = kin_i8(in);
        c->iterations = kin_i32(in);
        c->salt = kin_nbytes(in);
        c->salted = kin_nbytes(in);
        kin_tags(in);
    }
    if (!kreq_read_all(r))
        return false;
    if (removed)
        memcpy(all, gone, (size_t)removed * sizeof *gone);
    *out = all;
    *n = removed + kept;
    return true;
}

/* Writes what was changed; a failure is that of everyone. */
static enum kerr commit(struct kreq *r, struct access_rows *rows, bool changed, const char **message)
{
    struct err err;
    if (!changed) {
        access_drop(rows);
        return KERR_NONE;
    }
    if (access_commit(r->hub->access, rows, &err) == 0)
        return KERR_NONE;
    log_err(LOG_ERROR, "hub", &err);
    *message = arena_strdup(r->arena, err.msg);
    return kerr_of(&err);
}

void kafka_alter_scram(struct kreq *r)
{
    struct kout *o = &r->out;
    struct scram_change *c;
    int32_t n, users = 0;
    bool changed = false;
    const char *message = NULL;
    if (!read_changes(r, &c, &n))
        return;
    struct scram_item *items = KREQ_ARRAY(r, struct scram_item, n);
    for (int32_t i = 0; i < n; i++) {
        int32_t j = 0;
        while (j < users && !str_eq(items[j].user, c[i].user))
            j++;
        if (j == users)
            items[users++].user = c[i].user;
    }
    bool allowed = kreq_cluster_allowed(r, ACL_ALTER);
    struct access_rows *rows = access_change(r->hub->access);
    for (int32_t i = 0; i < users; i++) {
        items[i].error = allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED;
        change_user(r, rows, c, n, &items[i]);
        changed = changed || !items[i].error;
    }
    enum kerr failed = commit(r, rows, changed, &message);
    kout_i32(o, 0);
    kout_count(o, users);
    for (int32_t i = 0; i < users; i++) {
        if (failed && !items[i].error)
            items[i] = (struct scram_item){items[i].user, failed, message};
        put_result(r, &items[i]);
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

/* ------------------------------------------------------------------ access control lists */

/* The shape that rules and filters have on the wire; texts of a filter may be null. */
static struct acl read_acl(struct kreq *r, bool filter)
{
    struct kin *in = &r->in;
    struct acl a = {.ns = str_z(r->conn->ns->name), .type = kin_i8(in)};
    a.name = filter ? kin_nstr(in) : kin_str(in);
    a.pattern = kin_i8(in);
    a.principal = filter ? kin_nstr(in) : kin_str(in);
    a.host = filter ? kin_nstr(in) : kin_str(in);
    a.operation = kin_i8(in);
    a.permission = kin_i8(in);
    return a;
}

static bool same_resource(const struct acl *a, const struct acl *b)
{
    return a->type == b->type && a->pattern == b->pattern && str_eq(a->name, b->name);
}

static void put_resource(struct kreq *r, const struct acl **found, size_t n, size_t at)
{
    struct kout *o = &r->out;
    int32_t count = 0;
    for (size_t i = at; i < n; i++)
        count += found[i] && same_resource(found[i], found[at]);
    kout_i8(o, found[at]->type);
    kout_str(o, found[at]->name);
    kout_i8(o, found[at]->pattern);
    kout_count(o, count);
    for (size_t i = n; i-- > at;) { /* backwards: found[at] goes last */
        if (!found[i] || !same_resource(found[i], found[at]))
            continue;
        kout_str(o, found[i]->principal);
        kout_str(o, found[i]->host);
        kout_i8(o, found[i]->operation);
        kout_i8(o, found[i]->permission);
        kout_tags(o);
        found[i] = i == at ? found[i] : NULL;
    }
    kout_tags(o);
}

void kafka_describe_acls(struct kreq *r)
{
    struct kout *o = &r->out;
    struct acl f = read_acl(r, true);
    if (!kreq_read_all(r))
        return;
    const struct access_rows *rows = access_rows(r->hub->access);
    const struct acl **found = ARENA_ARRAY(r->arena, const struct acl *, rows->acl_count);
    const char *bad = acl_bad_filter(&f);
    size_t n = 0;
    int32_t resources = 0;
    enum kerr error = !kreq_cluster_allowed(r, ACL_DESCRIBE) ? KERR_CLUSTER_AUTHORIZATION_FAILED : bad ? KERR_INVALID_REQUEST : KERR_NONE;
    for (size_t i = 0; !error && i < rows->acl_count; i++)
        if (acl_matches(&f, &rows->acls[i]))
            found[n++] = &rows->acls[i];
    for (size_t i = 0; i < n; i++) {
        size_t first = 0;
        while (!same_resource(found[first], found[i]))
            first++;
        resources += first == i;
    }
    kout_i32(o, 0);
    kout_i16(o, (int16_t)error);
    kout_nstr(o, error == KERR_INVALID_REQUEST ? str_z(bad) : STR_NONE);
    kout_count(o, resources);
    for (size_t i = 0; i < n; i++)
        if (found[i])
            put_resource(r, found, n, i);
    kout_tags(o);
    kreq_done(r);
}

void kafka_create_acls(struct kreq *r)
{
    struct kin *in = &r->in;
    struct kout *o = &r->out;
    int32_t n = kin_count(in);
    struct acl *a = KREQ_ARRAY(r, struct acl, n);
    bool changed = false, allowed = kreq_cluster_allowed(r, ACL_ALTER);
    const char *message = NULL;
    for (int32_t i = 0; i < n && !in->bad; i++) {
        a[i] = read_acl(r, false);
        kin_tags(in);
    }
    if (!kreq_read_all(r))
        return;
    struct access_rows *rows = access_change(r->hub->access);
    for (int32_t i = 0; allowed && i < n; i++)
        if (!acl_bad_rule(&a[i])) {
            access_put_acl(rows, &a[i]);
            changed = true;
        }
    enum kerr failed = allowed ? commit(r, rows, changed, &message) : KERR_CLUSTER_AUTHORIZATION_FAILED;
    if (!allowed)
        access_drop(rows);
    kout_i32(o, 0);
    kout_count(o, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++) {
        const char *bad = failed ? message : acl_bad_rule(&a[i]);
        kout_i16(o, (int16_t)(failed ? failed : bad ? KERR_INVALID_REQUEST : KERR_NONE));
        kout_nstr(o, str_z(bad));
        kout_tags(o);
    }
    kout_tags(o);
    kreq_done(r);
}

static void put_deleted(struct kreq *r, const struct acl *f, enum kerr failed, const char *message)
{
    const struct access_rows *rows = access_rows(r->hub->access); /* before the change */
    struct kout *o = &r->out;
    const char *bad = failed ? message : acl_bad_filter(f);
    int32_t n = 0;
    for (size_t i = 0; !failed && !bad && i < rows->acl_count; i++)
        n += acl_matches(f, &rows->acls[i]);
    kout_i16(o, (int16_t)(failed ? failed : bad ? KERR_INVALID_REQUEST : KERR_NONE));
    kout_nstr(o, str_z(bad));
    kout_count(o, n);
    for (size_t i = 0; n > 0 && i < rows->acl_count; i++) {
        const struct acl *a = &rows->acls[i];
        if (!acl_matches(f, a))
            continue;
        kout_i16(o, KERR_NONE);
        kout_nstr(o, STR_NONE);
        kout_i8(o, a->type);
        kout_str(o, a->name);
        kout_i8(o, a->pattern);
        kout_str(o, a->principal);
        kout_str(o, a->host);
        kout_i8(o, a->operation);
        kout_i8(o, a->permission);
        kout_tags(o);
    }
    kout_tags(o);
}

static void put_all_deleted(struct kreq *r, const struct acl *f, int32_t n, enum kerr failed, const char *message)
{
    kout_i32(&r->out, 0);
    kout_count(&r->out, n > 0 ? n : 0);
    for (int32_t i = 0; i < n; i++)
        put_deleted(r, &f[i], failed, message);
    kout_tags(&r->out);
}

void kafka_delete_acls(struct kreq *r)
{
    struct kin *in = &r->in;
    int32_t n = kin_count(in);
    struct acl *f = KREQ_ARRAY(r, struct acl, n);
    const char *message = NULL;
    bool changed = false;
    for (int32_t i = 0; i < n && !in->bad; i++) {
        f[i] = read_acl(r, true);
        kin_tags(in);
    }
    if (!kreq_read_all(r))
        return;
    size_t at = r->out.b.len;
    bool allowed = kreq_cluster_allowed(r, ACL_ALTER);
    put_all_deleted(r, f, n, allowed ? KERR_NONE : KERR_CLUSTER_AUTHORIZATION_FAILED, NULL);
    struct access_rows *rows = access_change(r->hub->access);
    for (int32_t i = 0; allowed && i < n; i++)
        for (size_t j = rows->acl_count; !acl_bad_filter(&f[i]) && j-- > 0;)
            if (acl_matches(&f[i], &rows->acls[j])) {
                access_remove_acl(rows, j);
                changed = true;
            }
    enum kerr failed = commit(r, rows, changed, &message);
    if (failed) { /* they are all still there */
        r->out.b.len = at;
        put_all_deleted(r, f, n, failed, message);
    }
    kreq_done(r);
}

/* ------------------------------------------------------------------ quotas */

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
    enum kerr failed = commit(r, rows, changed && !only_check, &message);
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
