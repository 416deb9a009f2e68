#include "hub/access.h"
#include <math.h>
#include <string.h>

struct access { char *path; struct access_rows *rows; };

/* ------------------------------------------------------------------ rows */

static struct access_rows *rows_new(void)
{
    struct arena *a = arena_new();
    struct access_rows *r = ARENA_NEW(a, struct access_rows);
    r->arena = a;
    return r;
}

void access_drop(struct access_rows *r)
{
    if (r)
        arena_free(r->arena);
}

static struct str kept(struct access_rows *r, struct str s)
{
    return s.ptr ? str_copy(r->arena, s) : s;
}

static void add_user(struct access_rows *r, const struct access_user *u)
{
    r->users = arena_grow(r->arena, r->users, &r->user_cap, r->user_count + 1, sizeof *u);
    r->users[r->user_count++] = (struct access_user){kept(r, u->ns), kept(r, u->name), u->secret};
}

static void add_acl(struct access_rows *r, const struct acl *a)
{
    r->acls = arena_grow(r->arena, r->acls, &r->acl_cap, r->acl_count + 1, sizeof *a);
    struct acl *to = &r->acls[r->acl_count++];
    *to = *a;
    to->ns = kept(r, a->ns);
    to->name = kept(r, a->name);
    to->principal = kept(r, a->principal);
    to->host = kept(r, a->host);
}

static struct quota *add_quota(struct access_rows *r, const struct quota *q)
{
    r->quotas = arena_grow(r->arena, r->quotas, &r->quota_cap, r->quota_count + 1, sizeof *q);
    struct quota *to = &r->quotas[r->quota_count++];
    *to = *q;
    to->ns = kept(r, q->ns);
    to->of.user = kept(r, q->of.user);
    to->of.client = kept(r, q->of.client);
    return to;
}

struct access_rows *access_change(const struct access *s)
{
    struct access_rows *r = rows_new();
    for (size_t i = 0; i < s->rows->user_count; i++)
        add_user(r, &s->rows->users[i]);
    for (size_t i = 0; i < s->rows->acl_count; i++)
        add_acl(r, &s->rows->acls[i]);
    for (size_t i = 0; i < s->rows->quota_count; i++)
        add_quota(r, &s->rows->quotas[i]);
    return r;
}

const struct access_rows *access_rows(const struct access *s)
{
    return s->rows;
}

const struct access_user *access_user(const struct access_rows *r, const char *ns, struct str name, enum scram_mechanism m)
{
    for (size_t i = 0; i < r->user_count; i++)
        if (r->users[i].secret.mechanism == m && str_eq(r->users[i].name, name) && str_eqz(r->users[i].ns, ns))
            return &r->users[i];
    return NULL;
}

bool access_remove_user(struct access_rows *r, const char *ns, struct str name, enum scram_mechanism m)
{
    const struct access_user *u = access_user(r, ns, name, m);
    if (!u)
        return false;
    size_t at = (size_t)(u - r->users);
    memmove(r->users + at, r->users + at + 1, (--r->user_count - at) * sizeof *u);
    return true;
}

void access_put_user(struct access_rows *r, const char *ns, struct str name, const struct scram_secret *secret)
{
    access_remove_user(r, ns, name, secret->mechanism);
    add_user(r, &(struct access_user){str_z(ns), name, *secret});
}

void access_put_acl(struct access_rows *r, const struct acl *a)
{
    for (size_t i = 0; i < r->acl_count; i++)
        if (acl_equal(&r->acls[i], a))
            return;
    add_acl(r, a);
}

void access_remove_acl(struct access_rows *r, size_t index)
{
    CHECK(index < r->acl_count);
    memmove(r->acls + index, r->acls + index + 1, (--r->acl_count - index) * sizeof *r->acls);
}

void access_put_quota(struct access_rows *r, const char *ns, const struct quota_entity *of, enum quota_rate rate, double limit)
{
    struct quota *q = NULL;
    for (size_t i = 0; i < r->quota_count && !q; i++)
        if (str_eqz(r->quotas[i].ns, ns) && quota_same_entity(&r->quotas[i].of, of))
            q = &r->quotas[i];
    if (!q)
        q = add_quota(r, &(struct quota){.ns = str_z(ns), .of = *of});
    q->limits[rate] = limit;
    for (int i = 0; i < QUOTA_RATES; i++)
        if (q->limits[i] > 0)
            return;
    size_t at = (size_t)(q - r->quotas);
    memmove(q, q + 1, (--r->quota_count - at) * sizeof *q);
}

/* ------------------------------------------------------------------ reading */

static int read_text(const struct doc *d, const char *name, struct str *out, struct err *err)
{
    const struct doc *v = doc_need(d, name, DOC_STRING, err);
    if (!v)
        return -1;
    *out = v->text;
    return 0;
}

static int read_bytes(const struct doc *d, const char *name, uint8_t *out, size_t max, size_t *n, struct err *err)
{
    struct str text;
    struct buf b;
    if (read_text(d, name, &text, err))
        return -1;
    buf_init(&b);
    bool good = base64_get(&b, text) && b.len <= max;
    if (good)
        memcpy(out, b.ptr, b.len);
    *n = b.len;
    buf_release(&b);
    return good ? 0 : doc_err(d, ERR_INPUT, err, "'%s' is no base64 of at most %zu bytes", name, max);
}

static int read_user(struct access_rows *r, const struct doc *d, struct err *err)
{
    struct access_user u = {0};
    struct str mechanism;
    int64_t iterations;
    size_t stored, server;
    if (read_text(d, "namespace", &u.ns, err) || read_text(d, "name", &u.name, err) || read_text(d, "mechanism", &mechanism, err))
        return -1;
    u.secret.mechanism = scram_of_name(mechanism);
    if (!u.secret.mechanism || !doc_i64(doc_get(d, "iterations"), &iterations) || iterations < 1 || iterations > INT32_MAX)
        return doc_err(d, ERR_INPUT, err, "a user has a SCRAM mechanism and iterations");
    u.secret.iterations = (int32_t)iterations;
    if (read_bytes(d, "salt", u.secret.salt, SCRAM_MAX_SALT, &u.secret.salt_bytes, err) ||
        read_bytes(d, "stored_key", u.secret.stored_key, SCRAM_MAX_KEY, &stored, err) ||
        read_bytes(d, "server_key", u.secret.server_key, SCRAM_MAX_KEY, &server, err))
        return -1;
    if (stored != scram_key_bytes(u.secret.mechanism) || server != stored)
        return doc_err(d, ERR_INPUT, err, "a user's keys are as long as the mechanism's hash");
    add_user(r, &u);
    return 0;
}

static int read_acl(struct access_rows *r, const struct doc *d, struct err *err)
{
    struct acl a = {0};
    struct str type, pattern, operation, permission;
    if (read_text(d, "namespace", &a.ns, err) || read_text(d, "name", &a.name, err) || read_text(d, "principal", &a.principal, err) ||
        read_text(d, "host", &a.host, err) || read_text(d, "resource", &type, err) || read_text(d, "pattern", &pattern, err) ||
        read_text(d, "operation", &operation, err) || read_text(d, "permission", &permission, err))
        return -1;
    a.type = acl_type_of(type);
    a.pattern = acl_pattern_of(pattern);
    a.operation = acl_operation_of(operation);
    a.permission = acl_permission_of(permission);
    const char *bad = acl_bad_rule(&a);
    if (bad)
        return doc_err(d, ERR_INPUT, err, "%s", bad);
    add_acl(r, &a);
    return 0;
}

/* Absent, null or a text. */
static bool read_name(const struct doc *d, const char *name, bool *has, struct str *out)
{
    const struct doc *v = doc_get(d, name);
    *has = v != NULL;
    *out = doc_str(v, STR_NONE);
    return !v || doc_is(v, DOC_NULL) || doc_is(v, DOC_STRING);
}

static int read_quota(struct access_rows *r, const struct doc *d, struct err *err)
{
    struct quota q = {0};
    bool any = false;
    if (read_text(d, "namespace", &q.ns, err))
        return -1;
    if (!read_name(d, "user", &q.of.has_user, &q.of.user) || !read_name(d, "client_id", &q.of.has_client, &q.of.client) ||
        (!q.of.has_user && !q.of.has_client))
        return doc_err(d, ERR_INPUT, err, "a quota is of a user, a client_id, or both: texts, or null for the default one");
    for (int i = 0; i < QUOTA_RATES; i++) {
        const struct doc *v = doc_get(d, QUOTA_NAMES[i]);
        if (v && (!doc_f64(v, &q.limits[i]) || !isfinite(q.limits[i]) || q.limits[i] <= 0))
            return doc_err(v, ERR_INPUT, err, "%s is a number above 0", QUOTA_NAMES[i]);
        any = any || v;
    }
    if (!any)
        return doc_err(d, ERR_INPUT, err, "a quota has %s or %s", QUOTA_NAMES[0], QUOTA_NAMES[1]);
    add_quota(r, &q);
    return 0;
}

static const struct { const char *name; int (*read)(struct access_rows *r, const struct doc *d, struct err *err); } LISTS[] = {
    {"users", read_user}, {"acls", read_acl}, {"quotas", read_quota}};

static int read_lists(struct access_rows *r, const struct doc *d, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(LISTS); i++) {
        const struct doc *list = doc_get(d, LISTS[i].name);
        if (list && (!doc_is(list, DOC_ARRAY) || list->count > ACCESS_MAX_ROWS))
            return doc_err(list, ERR_INPUT, err, "%s are a list of at most %d", LISTS[i].name, ACCESS_MAX_ROWS);
        for (size_t j = 0; list && j < list->count; j++)
            if (LISTS[i].read(r, list->items[j], err))
                return -1;
    }
    return 0;
}

static int read_file(struct access *s, struct err *err)
{
    struct arena *a = arena_new();
    struct buf text;
    buf_init_max(&text, ACCESS_MAX_FILE);
    int rc = fs_read_file(s->path, ACCESS_MAX_FILE, &text, err);
    struct doc *d = rc ? NULL : doc_json(a, s->path, buf_view(&text), err);
    if (d && !doc_is(d, DOC_OBJECT))
        d = doc_err(d, ERR_INPUT, err, "the file is an object: users, acls, quotas") ? NULL : d;
    rc = d ? read_lists(s->rows, d, err) : -1;
    buf_release(&text);
    arena_free(a);
    return rc;
}

struct access *access_open(const char *state_dir, struct err *err)
{
    struct access *s = NEW(struct access);
    s->rows = rows_new();
    char *path = path_join(s->rows->arena, state_dir, ACCESS_FILE);
    s->path = mem_strdup(path);
    if (!fs_exists(path) || read_file(s, err) == 0)
        return s;
    access_close(s);
    return NULL;
}

void access_close(struct access *s)
{
    if (!s)
        return;
    access_drop(s->rows);
    mem_free(s->path);
    mem_free(s);
}

/* ------------------------------------------------------------------ writing */

static void set_text(struct arena *a, struct doc *d, const char *name, struct str v)
{
    doc_set(a, d, str_z(name), doc_new_str(a, v));
}

static void set_bytes(struct arena *a, struct doc *d, const char *name, const uint8_t *bytes, size_t n)
{
    struct buf b;
    buf_init(&b);
    base64_put(&b, str_of((const char *)bytes, n));
    set_text(a, d, name, buf_view(&b));
    buf_release(&b);
}

static struct doc *user_doc(struct arena *a, const struct access_user *u)
{
    struct doc *d = doc_new_object(a);
    size_t n = scram_key_bytes(u->secret.mechanism);
    set_text(a, d, "namespace", u->ns);
    set_text(a, d, "name", u->name);
    set_text(a, d, "mechanism", str_z(scram_name(u->secret.mechanism)));
    doc_set(a, d, STR("iterations"), doc_new_i64(a, u->secret.iterations));
    set_bytes(a, d, "salt", u->secret.salt, u->secret.salt_bytes);
    set_bytes(a, d, "stored_key", u->secret.stored_key, n);
    set_bytes(a, d, "server_key", u->secret.server_key, n);
    return d;
}

static struct doc *acl_doc(struct arena *a, const struct acl *x)
{
    struct doc *d = doc_new_object(a);
    set_text(a, d, "namespace", x->ns);
    set_text(a, d, "resource", str_z(acl_type_name(x->type)));
    set_text(a, d, "name", x->name);
    set_text(a, d, "pattern", str_z(acl_pattern_name(x->pattern)));
    set_text(a, d, "principal", x->principal);
    set_text(a, d, "host", x->host);
    set_text(a, d, "operation", str_z(acl_operation_name(x->operation)));
    set_text(a, d, "permission", str_z(acl_permission_name(x->permission)));
    return d;
}

static struct doc *quota_doc(struct arena *a, const struct quota *q)
{
    struct doc *d = doc_new_object(a);
    set_text(a, d, "namespace", q->ns);
    if (q->of.has_user)
        doc_set(a, d, STR("user"), q->of.user.ptr ? doc_new_str(a, q->of.user) : doc_new_null(a));
    if (q->of.has_client)
        doc_set(a, d, STR("client_id"), q->of.client.ptr ? doc_new_str(a, q->of.client) : doc_new_null(a));
    for (int i = 0; i < QUOTA_RATES; i++)
        if (q->limits[i] > 0)
            doc_set(a, d, str_z(QUOTA_NAMES[i]), doc_new_f64(a, q->limits[i]));
    return d;
}

static int save(const struct access *s, const struct access_rows *r, struct err *err)
{
    struct arena *a = arena_new();
    struct doc *d = doc_new_object(a), *users = doc_new_array(a), *acls = doc_new_array(a), *quotas = doc_new_array(a);
    struct buf text;
    for (size_t i = 0; i < r->user_count; i++)
        doc_push(a, users, user_doc(a, &r->users[i]));
    for (size_t i = 0; i < r->acl_count; i++)
        doc_push(a, acls, acl_doc(a, &r->acls[i]));
    for (size_t i = 0; i < r->quota_count; i++)
        doc_push(a, quotas, quota_doc(a, &r->quotas[i]));
    doc_set(a, d, STR("users"), users);
    doc_set(a, d, STR("acls"), acls);
    doc_set(a, d, STR("quotas"), quotas);
    buf_init_max(&text, ACCESS_MAX_FILE);
    doc_write_pretty(&text, d);
    buf_char(&text, '\n');
    int rc = buf_check(&text, ACCESS_FILE, err) || fs_write_file(s->path, buf_view(&text), err) ? -1 : 0;
    buf_release(&text);
    arena_free(a);
    return rc;
}

int access_commit(struct access *s, struct access_rows *r, struct err *err)
{
    int rc = 0;
    if (r->user_count > ACCESS_MAX_ROWS || r->acl_count > ACCESS_MAX_ROWS || r->quota_count > ACCESS_MAX_ROWS)
        rc = err_set(err, ERR_LIMIT, "there are more than %d users, access rules or quotas", ACCESS_MAX_ROWS);
    if (rc == 0)
        rc = save(s, r, err);
    if (rc) {
        access_drop(r);
        return -1;
    }
    access_drop(s->rows);
    s->rows = r;
    return 0;
}
