/* container.c -- containers: folders STATE/storage/<account>/<container>, and what is said of them. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"
#include <string.h>

static void put_page(struct op *o, struct str prefix, struct str marker, int64_t max)
{
    struct buf *b = &o->body;
    if (prefix.len)
        azxml_element(b, "Prefix", prefix);
    if (marker.len)
        azxml_element(b, "Marker", marker);
    buf_printf(b, "<MaxResults>%jd</MaxResults>", (intmax_t)max);
}

static bool includes(struct op *o, const char *what)
{
    struct str rest = op_param(o, "include"), part;
    while (str_split(&rest, ',', &part))
        if (str_ieqz(str_trim(part), what))
            return true;
    return false;
}

static int container_xml(struct op *o, const struct container *c)
{
    struct lease_view v;
    char when[40];
    struct buf *b = &o->body;
    if (lease_view(o, c->name, STR(""), &v))
        return -1;
    buf_printf(b, "<Container><Name>%.*s</Name><Properties><Last-Modified>%s</Last-Modified><Etag>\"%.*s\"</Etag><LeaseStatus>%s</LeaseStatus>"
                  "<LeaseState>%s</LeaseState>", STR_ARGS(c->name), http_date((struct tp){c->changed_us}, when), STR_ARGS(c->etag), v.status, v.state);
    if (v.duration)
        buf_printf(b, "<LeaseDuration>%s</LeaseDuration>", v.duration);
    buf_z(b, "<DefaultEncryptionScope>$account-encryption-key</DefaultEncryptionScope><DenyEncryptionScopeOverride>false</DenyEncryptionScopeOverride>"
             "<HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold></Properties>");
    if (includes(o, "metadata") && c->meta->count)
        azxml_meta(b, c->meta, "");
    buf_z(b, "</Container>");
    return 0;
}

static void container_json(struct op *o, const struct container *c, bool first)
{
    char when[40];
    buf_printf(&o->body, "%s{\"name\":\"%.*s\",\"lastModified\":\"%s\",\"eTag\":\"\\\"%.*s\\\"\"}", first ? "" : ",", STR_ARGS(c->name),
               http_date((struct tp){c->changed_us}, when), STR_ARGS(c->etag));
}

/* List Containers, and DFS's list of filesystems. */
int op_list_containers(struct op *o)
{
    bool dfs = o->r.svc == SVC_DFS, first = true;
    struct str prefix = op_param(o, "prefix"), marker = op_param(o, dfs ? "continuation" : "marker");
    int64_t max = STORAGE_MAX_PAGE, shown = 0;
    char **names;
    struct err err = {0};
    if (op_i64(o, op_param(o, "maxresults"), "maxresults", 1, INT32_MAX, &max))
        return -1;
    max = max > STORAGE_MAX_PAGE ? STORAGE_MAX_PAGE : max;
    int64_t n = fs_exists(o->acct->dir) ? fs_list(o->a, o->acct->dir, &names, &err) : 0;
    if (n < 0)
        return op_fail_err(o, &err);
    if (dfs) {
        buf_z(&o->body, "{\"filesystems\":[");
    } else {
        buf_printf(&o->body, "%s<EnumerationResults ServiceEndpoint=\"http://%.*s/%.*s\">", AZXML_HEAD, STR_ARGS(o->r.host), STR_ARGS(o->r.account));
        put_page(o, prefix, marker, max);
        buf_z(&o->body, "<Containers>");
    }
    struct str last = STR_NONE, next = STR_NONE;
    for (int64_t i = 0; i < n; i++) {
        struct container c;
        struct str name = str_z(names[i]);
        if (!az_container_ok(name) || !str_starts(name, prefix) || (marker.len && str_cmp(name, marker) <= 0))
            continue;
        if (container_find(o, name, &c)) {
            if (o->error != AZ_ContainerNotFound) /* a file beside the containers is none */
                return -1;
            o->error = AZ_NONE;
            continue;
        }
        if (shown == max) {
            next = last;
            break;
        }
        if (dfs)
            container_json(o, &c, first);
        else if (container_xml(o, &c))
            return -1;
        first = false;
        last = name;
        shown++;
    }
    if (dfs) {
        buf_z(&o->body, "]}");
        if (next.len)
            op_set(o, "x-ms-continuation", next);
    } else {
        buf_printf(&o->body, "</Containers><NextMarker>%.*s</NextMarker></EnumerationResults>", STR_ARGS(next));
    }
    o->content_type = dfs ? "application/json;charset=utf-8" : "application/xml";
    return op_done(o, 200);
}

int op_account_info(struct op *o)
{
    op_set(o, "x-ms-sku-name", STR("Standard_LRS"));
    op_set(o, "x-ms-account-kind", STR("StorageV2"));
    op_set(o, "x-ms-is-hns-enabled", STR("true"));
    return op_done(o, 200);
}

int op_get_service_properties(struct op *o)
{
    static const char retention[] = "<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>";
    buf_printf(&o->body, "%s<StorageServiceProperties><Logging><Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write>%s</Logging>"
               "<HourMetrics><Version>1.0</Version><Enabled>false</Enabled>%s</HourMetrics><MinuteMetrics><Version>1.0</Version><Enabled>false</Enabled>%s</MinuteMetrics>"
               "<Cors/>", AZXML_HEAD, retention, retention, retention);
    if (o->r.svc != SVC_QUEUE)
        buf_z(&o->body, "<DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy><StaticWebsite><Enabled>false</Enabled></StaticWebsite>");
    buf_z(&o->body, "</StorageServiceProperties>");
    o->content_type = "application/xml";
    return op_done(o, 200);
}

/* ---------------------------------------------------------------- one container */

static int forget(struct op *o, struct str name)
{
    struct db *d = op_db(o);
    struct err err = {0};
    return db_run(d, &err, "DELETE FROM blobs WHERE c = ?", "t", name) || db_run(d, &err, "DELETE FROM parts WHERE c = ?", "t", name) ||
           db_run(d, &err, "DELETE FROM leases WHERE c = ?", "t", name) || db_run(d, &err, "DELETE FROM blocks WHERE c = ?", "t", name) ||
           db_run(d, &err, "DELETE FROM containers WHERE c = ?", "t", name) ? op_fail_err(o, &err) : 0;
}

int op_create_container(struct op *o)
{
    struct container c;
    struct err err = {0};
    struct str access = op_header(o, "x-ms-blob-public-access");
    if (access.len)
        return op_fail_why(o, AZ_PublicAccessNotPermitted, "x-ms-blob-public-access: containers are never public here.");
    if (container_find(o, o->r.container, &c) == 0)
        return op_fail(o, AZ_ContainerAlreadyExists);
    if (o->error != AZ_ContainerNotFound)
        return -1;
    o->error = AZ_NONE;
    if (!(c.meta = o->r.svc == SVC_DFS ? doc_new_object(o->a) : meta_of(o)) ||
        (o->r.svc == SVC_DFS && properties_read(o, op_header(o, "x-ms-properties"), &c.meta)))
        return -1;
    c.changed_us = op_now(o);
    c.etag = etag_make(o, c.changed_us);
    if (op_begin(o, false) || op_commit(o, forget(o, c.name) || container_row_put(o, &c)))
        return -1;
    if (disk_mkdir(c.dir, &err))
        return op_fail_err(o, &err);
    put_etag(o, c.etag, c.changed_us);
    if (o->r.svc == SVC_DFS)
        op_set(o, "x-ms-namespace-enabled", STR("true"));
    return op_done(o, 201);
}

static int remove_trash(struct op *o)
{
    struct err err = {0};
    if (fs_remove_tree(o->state, &err)) /* the container is gone; its remains are swept at the next start */
        log_err(LOG_WARN, "storage", &err);
    return op_done(o, 202);
}

int op_delete_container(struct op *o)
{
    struct container c;
    struct err err = {0};
    char id[UUID_TEXT];
    if (container_find(o, o->r.container, &c) || cond_check(o, "", true, c.etag, c.changed_us, false) ||
        lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), true))
        return -1;
    char *trash = path_join(o->a, path_join(o->a, o->acct->dir, ".paystreak"), "trash");
    if (fs_mkdirs(trash, &err) || disk_move(o->a, c.dir, o->state = path_join(o->a, trash, uuid_make(id)), &err))
        return op_fail_err(o, &err);
    if (blob_drop_blocks(o, c.name, STR(""), true) || op_begin(o, false) || op_commit(o, forget(o, c.name)))
        return -1;
    return op_then(o, LANE_FREE, remove_trash);
}

int op_get_container(struct op *o)
{
    struct container c;
    if (container_find(o, o->r.container, &c) || lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), false) ||
        cond_check(o, "", true, c.etag, c.changed_us, true))
        return -1;
    put_etag(o, c.etag, c.changed_us);
    if (o->r.svc == SVC_DFS) {
        op_set(o, "x-ms-namespace-enabled", STR("true"));
        op_set(o, "x-ms-properties", properties_text(o, c.meta));
        return op_done(o, 200);
    }
    put_meta(o, c.meta);
    lease_put(o, c.name, STR(""));
    op_set(o, "x-ms-has-immutability-policy", STR("false"));
    op_set(o, "x-ms-has-legal-hold", STR("false"));
    op_set(o, "x-ms-default-encryption-scope", STR("$account-encryption-key"));
    op_set(o, "x-ms-deny-encryption-scope-override", STR("false"));
    return op_done(o, 200);
}

static int save_container(struct op *o, struct container *c)
{
    c->changed_us = op_now(o);
    c->etag = etag_make(o, c->changed_us);
    if (op_begin(o, false) || op_commit(o, container_row_put(o, c)))
        return -1;
    put_etag(o, c->etag, c->changed_us);
    return op_done(o, 200);
}

int op_set_container_metadata(struct op *o)
{
    struct container c;
    if (container_find(o, o->r.container, &c) || lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), false) ||
        cond_check(o, "", true, c.etag, c.changed_us, false) || !(c.meta = meta_of(o)))
        return -1;
    return save_container(o, &c);
}

int op_filesystem_set(struct op *o)
{
    struct container c;
    if (container_find(o, o->r.container, &c) || cond_check(o, "", true, c.etag, c.changed_us, false) ||
        properties_read(o, op_header(o, "x-ms-properties"), &c.meta))
        return -1;
    return save_container(o, &c);
}

int op_get_container_acl(struct op *o)
{
    struct container c;
    if (container_find(o, o->r.container, &c) || lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), false))
        return -1;
    put_etag(o, c.etag, c.changed_us);
    return policy_answer(o, c.acl);
}

int op_set_container_acl(struct op *o)
{
    struct container c;
    if (op_header(o, "x-ms-blob-public-access").len)
        return op_fail_why(o, AZ_PublicAccessNotPermitted, "x-ms-blob-public-access: containers are never public here.");
    if (container_find(o, o->r.container, &c) || lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), false) ||
        cond_check(o, "", true, c.etag, c.changed_us, false) || policy_check(o, buf_view(&o->text)))
        return -1;
    c.acl = str_copy(o->a, buf_view(&o->text));
    return save_container(o, &c);
}

int op_lease_container(struct op *o)
{
    struct container c;
    if (container_find(o, o->r.container, &c) || cond_check(o, "", true, c.etag, c.changed_us, false) || lease_act(o, c.name, STR("")))
        return -1;
    put_etag(o, c.etag, c.changed_us);
    return 0;
}
