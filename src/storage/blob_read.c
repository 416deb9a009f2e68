/* blob_read.c -- reading a blob: bytes and ranges, properties, metadata, tags, block lists. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"
#include <stdio.h>
#include <string.h>

int refuse_versions(struct op *o)
{
    if (op_param(o, "snapshot").len)
        return op_refuse(o, "snapshots");
    if (op_param(o, "versionid").len)
        return op_refuse(o, "blob versions");
    return 0;
}

static int read_target(struct op *o, struct container *c, struct blob *b)
{
    if (refuse_versions(o) || container_find(o, o->r.container, c) || blob_need(o, c, o->r.blob, b))
        return -1;
    return lease_need(o, c->name, b->path, op_header(o, "x-ms-lease-id"), false) || cond_blob(o, b, true) ? -1 : 0;
}

static void put_headers_of(struct op *o, const struct blob *b)
{
    static const struct { const char *prop, *header, *sas; } rows[] = {
        {"content-encoding", "Content-Encoding", "rsce"}, {"content-language", "Content-Language", "rscl"},
        {"cache-control", "Cache-Control", "rscc"}, {"content-disposition", "Content-Disposition", "rscd"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str v = prop(b, rows[i].prop), other = op_param(o, rows[i].sas);
        v = other.len && op_param(o, "sig").len ? other : v;
        if (v.len)
            op_set(o, rows[i].header, v);
    }
    struct str type = prop(b, "content-type"), other = op_param(o, "rsct");
    type = other.len && op_param(o, "sig").len ? other : type;
    op_set(o, "Content-Type", type.len ? type : STR("application/octet-stream"));
}

static void put_copy(struct op *o, const struct blob *b)
{
    static const char *const names[] = {"copy-id", "copy-source", "copy-status", "copy-progress", "copy-completion-time"};
    for (size_t i = 0; i < COUNT_OF(names) && prop(b, "copy-id").len; i++)
        op_set(o, arena_printf(o->a, "x-ms-%s", names[i]), prop(b, names[i]));
}

void put_blob_headers(struct op *o, const struct container *c, const struct blob *b)
{
    char when[40];
    put_headers_of(o, b);
    put_etag(o, b->etag, b->changed_us);
    op_set(o, "x-ms-creation-time", str_z(http_date((struct tp){b->created_us}, when)));
    op_set(o, "x-ms-blob-type", b->type == 'A' ? STR("AppendBlob") : STR("BlockBlob"));
    op_set(o, "Accept-Ranges", STR("bytes"));
    op_set(o, "x-ms-server-encrypted", STR("true"));
    op_set(o, "x-ms-resource-type", b->is_dir ? STR("directory") : STR("file"));
    if (b->is_dir && o->r.svc == SVC_BLOB && !doc_get(b->meta, "hdi_isfolder"))
        op_set(o, "x-ms-meta-hdi_isfolder", STR("true"));
    if (!b->is_dir && b->type == 'B') {
        struct str tier = prop(b, "tier");
        op_set(o, "x-ms-access-tier", tier.len ? tier : STR("Hot"));
        if (prop(b, "tier-time").len)
            op_set(o, "x-ms-access-tier-change-time", prop(b, "tier-time"));
        if (!tier.len)
            op_set(o, "x-ms-access-tier-inferred", STR("true"));
    }
    if (b->type == 'A') {
        struct str n = prop(b, "appends");
        op_set(o, "x-ms-blob-committed-block-count", n.len ? n : STR("0"));
        if (prop(b, "sealed").len)
            op_set(o, "x-ms-blob-sealed", STR("true"));
    }
    if (b->tags->count)
        op_setf(o, "x-ms-tag-count", "%zu", b->tags->count);
    put_copy(o, b);
    lease_put(o, c->name, b->path);
    put_meta(o, b->meta);
    if (o->r.svc == SVC_DFS) {
        struct str owner = prop(b, "owner"), group = prop(b, "group");
        if (b->meta->count)
            op_set(o, "x-ms-properties", properties_text(o, b->meta));
        op_set(o, "x-ms-owner", owner.len ? owner : STR("$superuser"));
        op_set(o, "x-ms-group", group.len ? group : STR("$superuser"));
        op_set(o, "x-ms-permissions", perms_of(b));
    }
}

bool range_read(struct str text, int64_t *from, int64_t *to)
{
    if (!str_starts_z(text, "bytes="))
        return false;
    text = str_from(text, 6);
    int64_t dash = str_chr(text, '-');
    if (dash <= 0 || !str_i64(str_sub(text, 0, (size_t)dash), from) || *from < 0)
        return false;
    struct str end = str_from(text, (size_t)dash + 1);
    *to = INT64_MAX;
    return !end.len || (str_i64(end, to) && *to >= *from);
}

static int open_file(struct op *o, const struct container *c, struct blob *b)
{
    struct err err = {0};
    struct disk_stat st;
    for (int tries = 0;; tries++) {
        if (o->fd >= 0)
            fs_close(o->fd);
        o->fd = fs_open(b->file, FS_READ, &err);
        if (o->fd < 0)
            return err.code == ERR_NOT_FOUND ? op_fail(o, AZ_BlobNotFound) : op_fail_err(o, &err);
        if (disk_fstat(o->fd, &st, &err))
            return op_fail_err(o, &err);
        if ((st.size == b->file_size && st.mtime_us == b->mtime_us) || tries == 3)
            break;
        if (blob_need(o, c, b->path, b)) /* another part replaced it meanwhile */
            return -1;
    }
    if (b->size > st.size)
        b->size = st.size;
    return 0;
}

int op_get_blob(struct op *o)
{
    struct container c;
    struct blob b;
    int64_t from = 0, to = INT64_MAX;
    struct str range = op_header(o, "x-ms-range");
    if (!range.ptr)
        range = op_header(o, "range");
    bool part = range_read(range, &from, &to), md5 = str_ieqz(op_header(o, "x-ms-range-get-content-md5"), "true");
    if (read_target(o, &c, &b))
        return -1;
    if (b.is_dir) {
        if (o->r.svc == SVC_DFS)
            return op_fail_why(o, AZ_ResourceTypeMismatch, "'%.*s' is a directory.", STR_ARGS(b.path));
        put_blob_headers(o, &c, &b);
        return op_done(o, 200);
    }
    if (open_file(o, &c, &b))
        return -1;
    if (part && from >= b.size) {
        op_setf(o, "Content-Range", "bytes */%jd", (intmax_t)b.size);
        return op_fail(o, AZ_InvalidRange);
    }
    to = to >= b.size ? b.size - 1 : to;
    o->at = part ? from : 0;
    o->left = part ? to - from + 1 : b.size;
    if (md5 && o->left > STORAGE_MD5_RANGE)
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-range-get-content-md5: ranges of at most %d bytes.", STORAGE_MD5_RANGE);
    put_blob_headers(o, &c, &b);
    struct str whole = prop(&b, "content-md5");
    if (part) {
        op_setf(o, "Content-Range", "bytes %jd-%jd/%jd", (intmax_t)from, (intmax_t)to, (intmax_t)b.size);
        if (whole.len)
            op_set(o, "x-ms-blob-content-md5", whole);
        if (md5)
            op_set(o, "Content-MD5", file_md5(o, b.file, o->at, o->left));
    } else if (whole.len) {
        op_set(o, "Content-MD5", whole);
    }
    return op_done(o, part ? 206 : 200);
}

int op_head_blob(struct op *o)
{
    struct container c;
    struct blob b;
    if (read_target(o, &c, &b))
        return -1;
    put_blob_headers(o, &c, &b);
    if (prop(&b, "content-md5").len)
        op_set(o, "Content-MD5", prop(&b, "content-md5"));
    o->left = b.size;
    return op_done(o, 200);
}

int op_get_blob_metadata(struct op *o)
{
    struct container c;
    struct blob b;
    if (read_target(o, &c, &b))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    put_meta(o, b.meta);
    return op_done(o, 200);
}

void put_tags(struct buf *out, const struct doc *tags)
{
    buf_z(out, "<Tags><TagSet>");
    for (size_t i = 0; i < tags->count; i++) {
        buf_z(out, "<Tag>");
        azxml_element(out, "Key", tags->keys[i].name);
        azxml_element(out, "Value", tags->items[i]->text);
        buf_z(out, "</Tag>");
    }
    buf_z(out, "</TagSet></Tags>");
}

int op_get_blob_tags(struct op *o)
{
    struct container c;
    struct blob b;
    if (read_target(o, &c, &b))
        return -1;
    buf_z(&o->body, AZXML_HEAD);
    put_tags(&o->body, b.tags);
    o->content_type = "application/xml";
    return op_done(o, 200);
}

static int list_blocks(struct op *o, const char *head, const char *sql, const struct container *c, const struct blob *b)
{
    struct err err = {0};
    struct db *d = op_db(o);
    int row;
    buf_printf(&o->body, "<%s>", head);
    if (*head == 'C' ? db_query(d, &err, sql, "ttii", c->name, b->path, b->size, b->row_mtime_us) : db_query(d, &err, sql, "tt", c->name, b->path))
        return op_fail_err(o, &err);
    while ((row = db_row(d, &err)) == 1) {
        buf_z(&o->body, "<Block>");
        azxml_element(&o->body, "Name", db_str(d, o->a, 0));
        buf_printf(&o->body, "<Size>%jd</Size></Block>", (intmax_t)db_i64(d, 1));
    }
    buf_printf(&o->body, "</%s>", head);
    return row < 0 ? op_fail_err(o, &err) : 0;
}

int op_get_block_list(struct op *o)
{
    struct container c;
    struct blob b;
    struct err err = {0};
    struct str which = op_param(o, "blocklisttype");
    bool committed = !which.len || str_ieqz(which, "committed") || str_ieqz(which, "all"), staged = str_ieqz(which, "uncommitted") || str_ieqz(which, "all");
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_find(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), false))
        return -1;
    if (!b.exists) {
        if (db_query(op_db(o), &err, "SELECT 1 FROM blocks WHERE c = ? AND p = ? LIMIT 1", "tt", c.name, b.path))
            return op_fail_err(o, &err);
        int row = db_row(op_db(o), &err);
        db_done(op_db(o));
        if (row <= 0)
            return row < 0 ? op_fail_err(o, &err) : op_fail(o, AZ_BlobNotFound);
    } else {
        put_etag(o, b.etag, b.changed_us);
        op_setf(o, "x-ms-blob-content-length", "%jd", (intmax_t)b.size);
    }
    buf_z(&o->body, AZXML_HEAD "<BlockList>");
    if ((committed && list_blocks(o, "CommittedBlocks", "SELECT id, bytes FROM parts WHERE c = ? AND p = ? AND size = ? AND mtime = ? ORDER BY n", &c, &b)) ||
        (staged && list_blocks(o, "UncommittedBlocks", "SELECT id, size FROM blocks WHERE c = ? AND p = ? AND id <> '' ORDER BY id", &c, &b)))
        return -1;
    buf_z(&o->body, "</BlockList>");
    o->content_type = "application/xml";
    return op_done(o, 200);
}
