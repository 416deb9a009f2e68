/* kafka_access.c -- users and access control lists over Kafka: describing and altering them.
 *
 * They are of the client's namespace (access.h). Whoever may manage the whole namespace may administer them; a principal of
 * access control lists needs a rule on the CLUSTER resource that says so. */
#include "hub/kafka_int.h"
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

enum kerr kreq_commit_access(struct kreq *r, struct access_rows *rows, bool changed, const char **message)
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
    enum kerr failed = kreq_commit_access(r, rows, changed, &message);
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
    enum kerr failed = allowed ? kreq_commit_access(r, rows, changed, &message) : KERR_CLUSTER_AUTHORIZATION_FAILED;
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
    enum kerr failed = kreq_commit_access(r, rows, changed, &message);
    if (failed) { /* they are all still there */
        r->out.b.len = at;
        put_all_deleted(r, f, n, failed, message);
    }
    kreq_done(r);
}
