/* policy.c -- stored access policies of containers and queues: the XML of Set ACL, as it came. */
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"

enum { MAX_POLICIES = 5, MAX_POLICY_ID = 64 };

int policy_check(struct op *o, struct str text)
{
    struct err err = {0};
    int n = 0;
    if (!str_trim(text).len)
        return 0;
    struct xml *root = azxml_read(o->a, text, &err);
    if (!root)
        return op_fail_why(o, AZ_InvalidXmlDocument, "%s.", err.msg);
    for (struct xml *x = root->first; x; x = x->next) {
        struct str id = azxml_text(x, "Id");
        if (!str_eqz(x->name, "SignedIdentifier") || !id.len || id.len > MAX_POLICY_ID || ++n > MAX_POLICIES)
            return op_fail_why(o, AZ_InvalidXmlDocument, "At most %d SignedIdentifier, each with an Id of at most %d characters.", MAX_POLICIES, MAX_POLICY_ID);
    }
    return 0;
}

int policy_answer(struct op *o, struct str acl)
{
    if (str_starts_z(acl, "\xEF\xBB\xBF"))
        acl = str_from(acl, 3);
    if (str_starts_z(acl, "<?"))
        acl = str_from(acl, (size_t)str_find(acl, STR("?>")) + 2);
    acl = str_trim(acl);
    buf_z(&o->body, AZXML_HEAD);
    buf_str(&o->body, acl.len ? acl : STR("<SignedIdentifiers />"));
    o->content_type = "application/xml";
    return op_done(o, 200);
}

int policy_find(struct op *o, struct str acl, struct str id, struct str *perms, struct str *start, struct str *expiry)
{
    struct err err = {0};
    struct xml *root = acl.len ? azxml_read(o->a, acl, &err) : NULL;
    for (struct xml *x = root ? root->first : NULL; x; x = x->next) {
        if (!str_eq(azxml_text(x, "Id"), id))
            continue;
        const struct xml *p = azxml_child(x, "AccessPolicy");
        *perms = azxml_text(p, "Permission");
        *start = azxml_text(p, "Start");
        *expiry = azxml_text(p, "Expiry");
        return 0;
    }
    return op_fail_why(o, AZ_AuthenticationFailed, "The stored access policy '%.*s' does not exist.", STR_ARGS(id));
}

enum az_error op_authorize(struct op *o)
{
    struct str perms, start, expiry, acl = STR_NONE;
    struct err err = {0};
    bool queue = o->r.svc == SVC_QUEUE;
    if (db_query(op_db(o), &err, queue ? "SELECT acl FROM queues WHERE q = ?" : "SELECT acl FROM containers WHERE c = ?", "t", o->r.container)) {
        op_fail_err(o, &err);
        return o->error;
    }
    int row = db_row(op_db(o), &err);
    if (row == 1)
        acl = db_str(op_db(o), o->a, 0);
    db_done(op_db(o));
    if (policy_find(o, acl, o->grant.policy, &perms, &start, &expiry))
        return o->error;
    o->error = auth_apply_policy(&o->grant, perms, start, expiry, time_now(), &o->detail);
    if (o->error == AZ_NONE)
        o->error = auth_allows(&o->grant, &o->r, o->kind->perms, o->kind->type);
    return o->error;
}
