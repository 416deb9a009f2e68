/* blob_write.c -- Put Blob, blocks, appends, delete.
 *
 * Put Block List puts the file together outside the lane (it may be gigabytes): a reading phase says
 * which staged files and which ranges of the present blob it takes, the copy follows, and the writing
 * phase looks at conditions and leases again, and at the blob if ranges of it were taken. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/storage_int.h"
#include "storage/xml.h"
#include <stdio.h>
#include <string.h>

enum { BLOCK_ID_BYTES = 64, APPEND_MAX_BLOCKS = 50000 };

/* A SAS with create but not write makes new blobs only. */
static int check_new(struct op *o, const struct blob *b)
{
    bool write = o->grant.all || !o->grant.perms.len || memchr(o->grant.perms.ptr, 'w', o->grant.perms.len);
    return write || !b->exists ? 0 : op_fail(o, AZ_AuthorizationPermissionMismatch);
}

int write_target(struct op *o, struct container *c, struct blob *b)
{
    if (refuse_versions(o) || container_find(o, o->r.container, c) || blob_find(o, c, o->r.blob, b))
        return -1;
    if (b->is_dir && !b->has_row) { /* a folder that only holds: it is no blob */
        char *file = b->file;
        blob_init(o, b, b->path, 'B');
        b->file = file;
    }
    if (lease_need(o, c->name, b->path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, b, false))
        return -1;
    return check_new(o, b);
}

static int fill_new(struct op *o, struct blob *b, char type)
{
    struct blob old = *b;
    blob_init(o, b, old.path, type);
    b->file = old.file;
    props_from(o, b, "x-ms-blob-");
    if (!prop(b, "content-type").len && !str_eqz(op_param(o, "comp"), "blocklist"))
        prop_set(o, b, "content-type", op_header(o, "content-type"));
    if (!prop(b, "content-encoding").len)
        prop_set(o, b, "content-encoding", op_header(o, "content-encoding"));
    if (!prop(b, "content-language").len)
        prop_set(o, b, "content-language", op_header(o, "content-language"));
    if (!prop(b, "cache-control").len)
        prop_set(o, b, "cache-control", op_header(o, "cache-control"));
    b->meta = meta_of(o);
    return !b->meta || tags_of(o, &b->tags) || tier_of(o, b) ? -1 : 0;
}

static int written(struct op *o, const struct blob *b)
{
    put_etag(o, b->etag, b->changed_us);
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    op_event(o, STORAGE_CREATED, false, b->path, STR_NONE, b->etag, prop(b, "content-type"), b->size);
    return op_done(o, 201);
}

int op_put_blob(struct op *o)
{
    struct container c;
    struct blob b;
    struct str type = op_header(o, "x-ms-blob-type");
    bool append = str_ieqz(type, "AppendBlob");
    if (op_header(o, "x-ms-copy-source").ptr)
        return op_copy_blob(o);
    if (str_ieqz(type, "PageBlob"))
        return op_refuse(o, "page blobs");
    if (!append && !str_ieqz(type, "BlockBlob"))
        return op_fail_why(o, type.ptr ? AZ_InvalidHeaderValue : AZ_MissingRequiredHeader, "x-ms-blob-type is BlockBlob or AppendBlob.");
    if (write_target(o, &c, &b) || sums_check(o, &o->up))
        return -1;
    if (append && o->up.size)
        return op_fail_why(o, AZ_InvalidHeaderValue, "An append blob is made empty.");
    if (fill_new(o, &b, append ? 'A' : 'B'))
        return -1;
    struct str md5 = md5_text(o, o->up.md5);
    if (!append) {
        struct str given = prop(&b, "content-md5");
        if (given.len && !str_eq(given, md5) && !op_header(o, "content-md5").ptr)
            return op_fail(o, AZ_Md5Mismatch);
        prop_set(o, &b, "content-md5", md5);
    }
    if (blob_replace(o, &c, &b, &o->up, NULL, 0))
        return -1;
    if (!append)
        op_set(o, "Content-MD5", md5);
    return written(o, &b);
}

/* ---------------------------------------------------------------- blocks */

static int block_id(struct op *o, struct str *id)
{
    struct buf b;
    *id = op_param(o, "blockid");
    buf_init(&b);
    bool ok = id->len && base64_get(&b, *id) && b.len >= 1 && b.len <= BLOCK_ID_BYTES;
    buf_release(&b);
    return ok ? 0 : op_fail(o, AZ_InvalidBlockId);
}

static int stage_row(struct op *o, const struct container *c, struct str path, struct str id, int64_t pos, struct str *replaced)
{
    struct db *d = op_db(o);
    struct err err = {0};
    if (db_query(d, &err, "SELECT file FROM blocks WHERE c = ? AND p = ? AND id = ? AND pos = ?", "ttti", c->name, path, id, pos))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    *replaced = row == 1 ? db_str(d, o->a, 0) : STR_NONE;
    db_done(d);
    if (row < 0 || db_begin(d, false, &err) ||
        db_run(d, &err, "INSERT OR REPLACE INTO blocks(c, p, id, pos, size, file) VALUES (?,?,?,?,?,?)", "tttiit", c->name, path, id, pos, o->up.size,
               path_base(str_z(o->up.file))) ||
        fs_sync_dir(o->acct->staging, &err) || db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    o->up.file = NULL;
    if (replaced->len && fs_unlink(blob_stage_path(o, *replaced), &err))
        log_err(LOG_WARN, "storage", &err);
    return 0;
}

static int check_blocks(struct op *o, const struct container *c, struct str path, struct str id)
{
    struct db *d = op_db(o);
    struct err err = {0};
    if (db_query(d, &err, "SELECT count(*), min(length(id)) FROM blocks WHERE c = ? AND p = ? AND id <> ''", "tt", c->name, path))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    int64_t count = row == 1 ? db_i64(d, 0) : 0, len = row == 1 ? db_i64(d, 1) : 0;
    db_done(d);
    if (row < 0)
        return op_fail_err(o, &err);
    if (count >= STORAGE_MAX_UNCOMMITTED)
        return op_fail(o, AZ_BlockCountExceedsLimit);
    if (count && len != (int64_t)id.len)
        return op_fail_why(o, AZ_InvalidBlobOrBlock, "All block ids of a blob have one length.");
    return 0;
}

int op_put_block(struct op *o)
{
    struct container c;
    struct blob b;
    struct str id, replaced;
    if (op_header(o, "x-ms-copy-source").ptr)
        return op_copy_range(o);
    if (block_id(o, &id) || refuse_versions(o) || container_find(o, o->r.container, &c) || blob_find(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), true) || sums_check(o, &o->up) || check_blocks(o, &c, b.path, id))
        return -1;
    if (b.exists && b.type == 'A')
        return op_fail(o, AZ_InvalidBlobType);
    if (!o->up.size)
        return op_fail_why(o, AZ_InvalidHeaderValue, "A block is not empty.");
    if (stage_row(o, &c, b.path, id, 0, &replaced))
        return -1;
    if (op_header(o, "content-md5").ptr)
        op_set(o, "Content-MD5", md5_text(o, o->up.md5));
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    return op_done(o, 201);
}

/* What a block list takes, in order. */
struct piece { struct str id, file; int64_t at, bytes; bool committed; };
struct assembly { struct piece *pieces; size_t count; bool uses_old; int64_t old_size, old_mtime_us; char *old_file; };

struct known { struct str file; int64_t at, bytes; };

static int load_known(struct op *o, const struct container *c, const struct blob *b, struct map *staged, struct map *committed)
{
    struct db *d = op_db(o);
    struct err err = {0};
    int64_t at = 0;
    int row;
    if (db_query(d, &err, "SELECT id, file, size FROM blocks WHERE c = ? AND p = ? AND id <> ''", "tt", c->name, b->path))
        return op_fail_err(o, &err);
    while ((row = db_row(d, &err)) == 1) {
        struct known *k = ARENA_NEW(o->a, struct known);
        *k = (struct known){db_str(d, o->a, 1), 0, db_i64(d, 2)};
        map_put(staged, db_str(d, o->a, 0), k);
    }
    if (row < 0 || db_query(d, &err, "SELECT id, bytes FROM parts WHERE c = ? AND p = ? AND size = ? AND mtime = ? ORDER BY n", "ttii", c->name, b->path,
                            b->size, b->row_mtime_us))
        return op_fail_err(o, &err);
    while ((row = db_row(d, &err)) == 1) {
        struct known *k = ARENA_NEW(o->a, struct known);
        *k = (struct known){STR_NONE, at, db_i64(d, 1)};
        at += k->bytes;
        map_put(committed, db_str(d, o->a, 0), k);
    }
    return row < 0 ? op_fail_err(o, &err) : 0;
}

static int take_pieces(struct op *o, const struct xml *root, struct assembly *as, struct map *staged, struct map *committed)
{
    size_t cap = 0;
    for (const struct xml *x = root->first; x; x = x->next) {
        struct str id = str_trim(x->text);
        const struct known *k = NULL;
        if (as->count == STORAGE_MAX_BLOCKS)
            return op_fail(o, AZ_BlockListTooLong);
        if (str_eqz(x->name, "Uncommitted") || str_eqz(x->name, "Latest"))
            k = map_get(staged, id);
        if (!k && (str_eqz(x->name, "Committed") || str_eqz(x->name, "Latest")))
            k = map_get(committed, id);
        if (!k)
            return op_fail_why(o, AZ_InvalidBlockList, "The block '%.*s' is not there.", STR_ARGS(id));
        as->pieces = arena_grow(o->a, as->pieces, &cap, as->count + 1, sizeof *as->pieces);
        as->pieces[as->count++] = (struct piece){id, k->file, k->at, k->bytes, !k->file.len};
        as->uses_old |= !k->file.len;
    }
    return 0;
}

static int copy_piece(struct op *o, struct assembly *as, const struct piece *p, char *room)
{
    struct err err = {0};
    char *file = p->committed ? as->old_file : blob_stage_path(o, p->file);
    int fd = fs_open(file, FS_READ, &err), rc = 0;
    if (fd < 0) /* another list was faster */
        return op_fail_why(o, AZ_InvalidBlockList, "A block is no longer there.");
    for (int64_t done = 0; done < p->bytes && rc == 0;) {
        int64_t want = p->bytes - done < STORAGE_PIECE ? p->bytes - done : STORAGE_PIECE;
        int64_t n = fs_pread(fd, room, (size_t)want, p->at + done, &err);
        if (n != want)
            rc = n < 0 ? op_fail_err(o, &err) : op_fail_why(o, AZ_InvalidBlockList, "A block is no longer whole.");
        else
            rc = upload_write(o, &o->up, room, (size_t)n);
        done += want;
    }
    fs_close(fd);
    return rc;
}

static int commit_list(struct op *o)
{
    struct assembly *as = o->state;
    struct container c;
    struct blob b;
    if (write_target(o, &c, &b))
        return -1;
    if (b.exists && b.type == 'A')
        return op_fail(o, AZ_InvalidBlobType);
    if (as->uses_old && (!b.exists || b.size != as->old_size || b.row_mtime_us != as->old_mtime_us))
        return op_fail_why(o, AZ_InvalidBlockList, "The blob was replaced meanwhile.");
    if (fill_new(o, &b, 'B'))
        return -1;
    struct blob_part *parts = ARENA_ARRAY(o->a, struct blob_part, as->count + 1);
    for (size_t i = 0; i < as->count; i++)
        parts[i] = (struct blob_part){as->pieces[i].id, as->pieces[i].bytes};
    if (blob_replace(o, &c, &b, &o->up, parts, as->count))
        return -1;
    return written(o, &b);
}

static int assemble(struct op *o)
{
    struct assembly *as = o->state;
    char *room = mem_alloc(STORAGE_PIECE);
    int rc = upload_begin(o, &o->up);
    for (size_t i = 0; i < as->count && rc == 0; i++)
        rc = copy_piece(o, as, &as->pieces[i], room);
    mem_free(room);
    return rc || upload_finish(o, &o->up) ? -1 : op_then(o, LANE_WRITE, commit_list);
}

int op_put_block_list(struct op *o)
{
    struct container c;
    struct blob b;
    struct err err = {0};
    struct assembly *as = o->state = ARENA_NEW(o->a, struct assembly);
    struct xml *root = azxml_read(o->a, buf_view(&o->text), &err);
    if (!root || !str_eqz(root->name, "BlockList"))
        return op_fail_why(o, AZ_InvalidXmlDocument, "%s", root ? "The root is BlockList." : err.msg);
    if (op_header(o, "content-md5").ptr) {
        uint8_t md5[16];
        CHECK(EVP_Digest(o->text.ptr, o->text.len, md5, NULL, EVP_md5(), NULL) == 1);
        if (!str_eq(op_header(o, "content-md5"), md5_text(o, md5)))
            return op_fail(o, AZ_Md5Mismatch);
    }
    if (write_target(o, &c, &b))
        return -1;
    struct map *staged = map_new(), *committed = map_new();
    int rc = load_known(o, &c, &b, staged, committed) || take_pieces(o, root, as, staged, committed) ? -1 : 0;
    map_free(staged);
    map_free(committed);
    if (rc)
        return -1;
    as->old_size = b.size;
    as->old_mtime_us = b.row_mtime_us;
    as->old_file = b.file;
    return op_then(o, LANE_FREE, assemble);
}

/* ---------------------------------------------------------------- append blobs */

int op_append_block(struct op *o)
{
    struct container c;
    struct blob b;
    int64_t at = -1, max = INT64_MAX, appends = 0;
    if (op_header(o, "x-ms-copy-source").ptr)
        return op_copy_range(o);
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, &b, false) || sums_check(o, &o->up))
        return -1;
    if (op_i64(o, op_header(o, "x-ms-blob-condition-appendpos"), "x-ms-blob-condition-appendpos", 0, INT64_MAX, &at) ||
        op_i64(o, op_header(o, "x-ms-blob-condition-maxsize"), "x-ms-blob-condition-maxsize", 0, INT64_MAX, &max))
        return -1;
    if (b.type != 'A')
        return op_fail(o, AZ_InvalidBlobType);
    if (prop(&b, "sealed").len)
        return op_fail(o, AZ_BlobIsSealed);
    if (at >= 0 && at != b.size)
        return op_fail(o, AZ_AppendPositionConditionNotMet);
    if (o->up.size > max - b.size)
        return op_fail(o, AZ_MaxBlobSizeConditionNotMet);
    (void)str_i64(prop(&b, "appends"), &appends);
    if (appends >= APPEND_MAX_BLOCKS)
        return op_fail(o, AZ_BlockCountExceedsLimit);
    if (!o->up.size)
        return op_fail_why(o, AZ_InvalidHeaderValue, "An appended block is not empty.");
    int64_t offset = b.size;
    struct str file = path_base(str_z(o->up.file));
    prop_set(o, &b, "content-md5", STR(""));
    prop_set(o, &b, "appends", str_fmt(o->a, "%jd", (intmax_t)appends + 1));
    if (blob_grow(o, &c, &b, &file, 1))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    op_setf(o, "x-ms-blob-append-offset", "%jd", (intmax_t)offset);
    op_setf(o, "x-ms-blob-committed-block-count", "%jd", (intmax_t)appends + 1);
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    return op_done(o, 201);
}

int op_seal_blob(struct op *o)
{
    struct container c;
    struct blob b;
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, &b, false))
        return -1;
    if (b.type != 'A')
        return op_fail(o, AZ_InvalidBlobType);
    prop_set(o, &b, "sealed", STR("true"));
    if (blob_touch(o, c.name, &b))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    op_set(o, "x-ms-blob-sealed", STR("true"));
    return op_done(o, 200);
}

/* ---------------------------------------------------------------- delete */

int op_delete_blob(struct op *o)
{
    struct container c;
    struct blob b;
    if (refuse_versions(o) || container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) ||
        lease_need(o, c.name, b.path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, &b, false))
        return -1;
    if (str_ieqz(op_header(o, "x-ms-delete-snapshots"), "only"))
        return op_refuse(o, "snapshots");
    if (blob_remove(o, &c, &b))
        return -1;
    op_set(o, "x-ms-delete-type-permanent", STR("true"));
    op_event(o, STORAGE_DELETED, b.is_dir, b.path, STR_NONE, b.etag, prop(&b, "content-type"), b.size);
    return op_done(o, 202);
}
