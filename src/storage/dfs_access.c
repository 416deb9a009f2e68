/* dfs_access.c -- access control of paths: owner, group, permissions, access control lists.
 *
 * It is kept and told, and not enforced: who has the account's key is the superuser. Permissions are nine
 * letters, "rwxr-x---". A list is text as clients write it, "user::rwx,group:ID:r-x,default:other::---";
 * its entries without an ID and the permissions are one thing and change together. */
#include "storage/disk.h"
#include "storage/ops.h"
#include <string.h>

enum { MAX_ACL_ENTRIES = 64 };

struct str perms_of(const struct blob *b)
{
    struct str p = prop(b, "permissions");
    return p.len >= 9 ? p : b->is_dir ? STR("rwxr-x---") : STR("rw-r-----");
}

struct str acl_of(struct op *o, const struct blob *b)
{
    struct str acl = prop(b, "acl"), p = perms_of(b);
    if (acl.len)
        return acl;
    return str_fmt(o->a, "user::%.3s,group::%.3s,other::%.3s", p.ptr, p.ptr + 3, p.ptr + 6);
}

static bool is_rwx(struct str s)
{
    static const char want[] = "rwx";
    if (s.len != 3)
        return false;
    for (int i = 0; i < 3; i++)
        if (s.ptr[i] != want[i] && s.ptr[i] != '-')
            return false;
    return true;
}

/* "0755", "rwxr-x---" (with a '+' or sticky 't' at the end) */
static bool perms_read(struct op *o, struct str text, struct str *out)
{
    char t[10];
    if (text.len == 3 || text.len == 4) {
        for (int i = 0; i < 3; i++) {
            unsigned d = (unsigned)(text.ptr[text.len - 3 + (size_t)i] - '0');
            if (d > 7)
                return false;
            t[3 * i] = d & 4 ? 'r' : '-';
            t[3 * i + 1] = d & 2 ? 'w' : '-';
            t[3 * i + 2] = d & 1 ? 'x' : '-';
        }
        *out = str_copy(o->a, str_of(t, 9));
        return true;
    }
    if (text.len < 9 || text.len > 10)
        return false;
    memcpy(t, text.ptr, 9);
    if (t[8] == 't' || t[8] == 'T')
        t[8] = t[8] == 't' ? 'x' : '-';
    *out = str_copy(o->a, str_of(t, 9));
    return is_rwx(str_of(t, 3)) && is_rwx(str_of(t + 3, 3)) && is_rwx(str_of(t + 6, 3));
}

struct ace { struct str who, perms; };

/* "user::rwx,group:ID:r-x,default:other::---"; with `bare` entries may lack permissions (remove). */
static int acl_read(struct op *o, struct str text, bool bare, struct ace out[MAX_ACL_ENTRIES], size_t *count)
{
    struct str part;
    *count = 0;
    while (str_split(&text, ',', &part)) {
        part = str_trim(part);
        int64_t colon = str_rchr(part, ':');
        struct ace e = {part, STR("---")};
        if (colon > 0 && is_rwx(str_from(part, (size_t)colon + 1)))
            e = (struct ace){str_sub(part, 0, (size_t)colon), str_from(part, (size_t)colon + 1)};
        else if (!bare)
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-acl: '%.*s' is no entry such as user::rwx.", STR_ARGS(part));
        struct str who = str_starts_z(e.who, "default:") ? str_from(e.who, 8) : e.who, kind;
        if (!str_split(&who, ':', &kind) || !(str_eqz(kind, "user") || str_eqz(kind, "group") || str_eqz(kind, "mask") || str_eqz(kind, "other")))
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-acl: '%.*s' is no entry such as user::rwx.", STR_ARGS(part));
        if (!str_eqz(who, "") || str_ends_z(e.who, ":"))
            ;
        else
            e.who = str_fmt(o->a, "%.*s:", STR_ARGS(e.who));
        if (*count == MAX_ACL_ENTRIES)
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-acl: more than %d entries.", MAX_ACL_ENTRIES);
        out[(*count)++] = e;
    }
    return 0;
}

static void acl_store(struct op *o, struct blob *b, const struct ace *list, size_t n)
{
    struct buf t;
    char perms[10];
    struct str old = perms_of(b);
    memcpy(perms, old.ptr, 9);
    buf_init(&t);
    for (size_t i = 0; i < n; i++) {
        static const char *const whose[] = {"user:", "group:", "other:"};
        buf_printf(&t, "%s%.*s:%.*s", i ? "," : "", STR_ARGS(list[i].who), STR_ARGS(list[i].perms));
        for (int k = 0; k < 3; k++)
            if (str_eqz(list[i].who, whose[k]))
                memcpy(perms + 3 * k, list[i].perms.ptr, 3);
    }
    prop_set(o, b, "acl", buf_view(&t));
    prop_set(o, b, "permissions", str_of(perms, 9));
    buf_release(&t);
}

enum acl_mode { ACL_SET, ACL_MODIFY, ACL_REMOVE };

static int acl_apply(struct op *o, struct blob *b, struct str text, enum acl_mode mode)
{
    struct ace have[2 * MAX_ACL_ENTRIES], change[MAX_ACL_ENTRIES];
    size_t n = 0, m;
    if (acl_read(o, text, mode == ACL_REMOVE, change, &m) || (mode != ACL_SET && acl_read(o, acl_of(o, b), false, have, &n)))
        return -1;
    for (size_t i = 0; i < m; i++) {
        size_t at = 0;
        while (at < n && !str_eq(have[at].who, change[i].who))
            at++;
        if (mode == ACL_REMOVE && at < n)
            have[at] = have[--n];
        else if (mode != ACL_REMOVE) {
            have[at] = change[i];
            n += at == n;
        }
    }
    acl_store(o, b, have, n);
    return 0;
}

int access_from(struct op *o, struct blob *b)
{
    struct str owner = op_header(o, "x-ms-owner"), group = op_header(o, "x-ms-group"), perms = op_header(o, "x-ms-permissions"), acl = op_header(o, "x-ms-acl"), p;
    if (perms.len && acl.len)
        return op_fail_why(o, AZ_InvalidInput, "x-ms-permissions and x-ms-acl exclude each other.");
    if (owner.len)
        prop_set(o, b, "owner", owner);
    if (group.len)
        prop_set(o, b, "group", group);
    if (perms.len) {
        if (!perms_read(o, perms, &p))
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-permissions is like 0750 or rwxr-x---.");
        prop_set(o, b, "permissions", p);
        prop_set(o, b, "acl", STR(""));
    }
    return acl.len ? acl_apply(o, b, acl, ACL_SET) : 0;
}

int umask_from(struct op *o, struct blob *b, bool dir)
{
    struct str text = op_header(o, "x-ms-umask"), mask, p = prop(b, "permissions");
    char perms[9];
    if (!text.len)
        return 0;
    if (op_header(o, "x-ms-acl").len)
        return op_fail_why(o, AZ_InvalidInput, "x-ms-umask and x-ms-acl exclude each other.");
    if (text.len != 4 || !perms_read(o, text, &mask))
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-umask is like 0027.");
    memcpy(perms, p.len >= 9 ? p.ptr : dir ? "rwxrwxrwx" : "rw-rw-rw-", 9);
    for (int i = 0; i < 9; i++)
        perms[i] = mask.ptr[i] != '-' ? '-' : perms[i];
    prop_set(o, b, "permissions", str_of(perms, 9));
    return 0;
}

/* ---------------------------------------------------------------- the operations */

int op_path_acl(struct op *o)
{
    struct container c;
    struct blob b;
    if (path_target(o, &c, &b, true) || access_from(o, &b) || blob_touch(o, c.name, &b))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    return op_done(o, 200);
}

static int acl_below(struct op *o, const struct container *c, struct str path, enum acl_mode mode, int64_t counts[2], int depth)
{
    struct blob b;
    char **names;
    struct err err = {0};
    if (depth > STORAGE_MAX_DEPTH + 1)
        return 0;
    if (blob_find(o, c, path, &b) || !b.exists)
        return o->error ? -1 : 0;
    if (acl_apply(o, &b, op_header(o, "x-ms-acl"), mode) || blob_pin(o, &b) || blob_row_put(o, c->name, &b))
        return -1;
    counts[b.is_dir]++;
    int64_t n = b.is_dir ? fs_list(o->a, b.file, &names, &err) : 0;
    for (int64_t i = 0; i < n; i++) {
        struct str segment;
        if (az_segment_of(o->a, str_z(names[i]), &segment) &&
            acl_below(o, c, path.len ? str_fmt(o->a, "%.*s/%.*s", STR_ARGS(path), STR_ARGS(segment)) : segment, mode, counts, depth + 1))
            return -1;
    }
    return n < 0 ? op_fail_err(o, &err) : 0;
}

int op_path_acl_recursive(struct op *o)
{
    static const char *const modes[] = {"set", "modify", "remove"};
    struct container c;
    struct blob b;
    int64_t counts[2] = {0};
    int mode = -1;
    for (int i = 0; i < 3; i++)
        if (str_ieqz(op_param(o, "mode"), modes[i]))
            mode = i;
    if (mode < 0)
        return op_fail_why(o, AZ_InvalidQueryParameterValue, "mode is set, modify or remove.");
    if (!op_header(o, "x-ms-acl").len)
        return op_fail_why(o, AZ_MissingRequiredHeader, "x-ms-acl is missing.");
    if (path_target(o, &c, &b, true))
        return -1;
    if (op_begin(o, false) || op_commit(o, acl_below(o, &c, o->r.blob, (enum acl_mode)mode, counts, 0)))
        return -1;
    buf_printf(&o->body, "{\"directoriesSuccessful\":%jd,\"filesSuccessful\":%jd,\"failureCount\":0,\"failedEntries\":[]}", (intmax_t)counts[1], (intmax_t)counts[0]);
    o->content_type = "application/json;charset=utf-8";
    return op_done(o, 200);
}
