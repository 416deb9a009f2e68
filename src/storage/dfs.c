/* dfs.c -- the Data Lake operations on paths: create, rename, append, flush, properties, access
 * control, delete, lease.
 *
 * Appended bytes are staged files, a row each with its position; flush takes those that follow the
 * file's end without a gap, up to the position it names. The first flush makes the file by a rename;
 * later ones grow it. A rename is one rename; rows of the new names are there before, those of the
 * old ones go after. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/storage_int.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- x-ms-properties */

int properties_read(struct op *o, struct str text, struct doc **out)
{
    struct str part;
    size_t bytes = 0;
    *out = doc_new_object(o->a);
    while (str_split(&text, ',', &part)) {
        struct buf b;
        int64_t eq = str_chr(part, '=');
        struct str name = str_trim(str_sub(part, 0, eq < 0 ? part.len : (size_t)eq));
        buf_init(&b);
        bool ok = eq > 0 && name.len && base64_get(&b, str_trim(str_from(part, (size_t)eq + 1))) && str_utf8_ok(buf_view(&b));
        if (ok)
            doc_set(o->a, *out, name, doc_new_str(o->a, buf_view(&b)));
        bytes += name.len + b.len;
        buf_release(&b);
        if (!ok)
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-properties is name=base64,…");
        if (meta_name_check(o, name, "-."))
            return -1;
        if (bytes > STORAGE_MAX_META)
            return op_fail(o, AZ_MetadataTooLarge);
    }
    return 0;
}

struct str properties_text(struct op *o, const struct doc *meta)
{
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < meta->count; i++) {
        buf_printf(&b, "%s%.*s=", i ? "," : "", STR_ARGS(meta->keys[i].name));
        base64_put(&b, meta->items[i]->text);
    }
    struct str out = str_copy(o->a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* ---------------------------------------------------------------- targets */

int path_target(struct op *o, struct container *c, struct blob *b, bool write)
{
    if (container_find(o, o->r.container, c) || blob_need(o, c, o->r.blob, b))
        return -1;
    if (o->r.blob.len && lease_need(o, c->name, b->path, op_header(o, "x-ms-lease-id"), write))
        return -1;
    return cond_blob(o, b, !write);
}

/* ---------------------------------------------------------------- create */

static int make_directory(struct op *o, const struct container *c, struct blob *b)
{
    struct err err = {0};
    if (disk_parents(o->a, c->dir, az_disk_path(o->a, b->path), &err) || (!b->exists && disk_mkdir(b->file, &err)))
        return err.code == ERR_EXISTS ? op_fail_why(o, AZ_PathConflict, "%s.", err.msg) : op_fail_err(o, &err);
    b->exists = b->is_dir = true;
    b->type = 'D';
    b->created_us = op_now(o);
    return blob_touch(o, c->name, b);
}

static int make_file(struct op *o, const struct container *c, struct blob *b)
{
    struct upload up = {.fd = -1};
    int rc = upload_begin(o, &up) || upload_finish(o, &up) || blob_replace(o, c, b, &up, NULL, 0) ? -1 : 0;
    upload_drop(&up);
    return rc;
}

/* Data Lake makes directories by name, also on the way: rows of those that are not there yet. */
static int make_parents(struct op *o, const struct container *c, struct str path)
{
    struct blob b;
    int rc = 0;
    int64_t now = op_now(o);
    if (op_begin(o, true)) /* the row of the path itself, which follows, makes them durable */
        return -1;
    for (size_t i = 0; i < path.len && rc == 0; i++) {
        if (path.ptr[i] != '/')
            continue;
        rc = blob_find(o, c, str_sub(path, 0, i), &b);
        if (rc || b.exists)
            continue;
        b.is_dir = true;
        b.type = 'D';
        b.created_us = b.changed_us = now;
        b.etag = etag_make(o, now);
        rc = blob_row_put(o, c->name, &b);
    }
    return op_commit(o, rc);
}

static int op_path_rename(struct op *o);
int op_path_create(struct op *o)
{
    struct container c;
    struct blob old, b;
    bool dir = str_ieqz(op_param(o, "resource"), "directory");
    if (op_header(o, "x-ms-rename-source").len)
        return op_path_rename(o);
    if (!dir && !str_ieqz(op_param(o, "resource"), "file"))
        return op_fail_why(o, AZ_MissingRequiredQueryParameter, "resource is file or directory.");
    if (op_header(o, "x-ms-proposed-lease-id").len)
        return op_refuse(o, "a lease with the creation of a path");
    if (container_find(o, o->r.container, &c) || blob_find(o, &c, o->r.blob, &old) ||
        lease_need(o, c.name, old.path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, &old, false))
        return -1;
    bool write = o->grant.all || memchr(o->grant.perms.ptr, 'w', o->grant.perms.len);
    if (old.exists && !write)
        return op_fail(o, AZ_AuthorizationPermissionMismatch);
    if (old.exists && old.is_dir != dir)
        return op_fail_why(o, AZ_PathConflict, "'%.*s' is a %s.", STR_ARGS(old.path), old.is_dir ? "directory" : "file");
    blob_init(o, &b, o->r.blob, 'B');
    b.file = old.file;
    b.exists = old.exists;
    props_from(o, &b, "x-ms-");
    if (properties_read(o, op_header(o, "x-ms-properties"), &b.meta) || access_from(o, &b) || umask_from(o, &b, dir))
        return -1;
    if (make_parents(o, &c, b.path) || (dir ? make_directory(o, &c, &b) : make_file(o, &c, &b)))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    op_event(o, STORAGE_CREATED, dir, b.path, STR_NONE, b.etag, prop(&b, "content-type"), 0);
    return op_done(o, 201);
}

/* ---------------------------------------------------------------- rename */

static int rename_source(struct op *o, struct container *c, struct blob *b)
{
    struct str text = op_header(o, "x-ms-rename-source"), plain;
    str_split(&text, '?', &plain);
    struct str path = az_decode(o->a, plain);
    while (path.len && path.ptr[0] == '/')
        path = str_from(path, 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    int64_t slash = str_chr(path, '/');
    struct str name = slash < 0 ? STR("") : str_from(path, (size_t)slash + 1);
    if (slash <= 0 || !az_container_ok(str_sub(path, 0, (size_t)slash)) || az_blob_ok(name) != AZ_NONE)
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-rename-source is /filesystem/path.");
    struct azreq from = o->r;
    from.blob = name;
    bool bound = !o->grant.all && !o->grant.types.ptr; /* a service SAS reaches no further than its scope */
    if (bound && (!str_eq(str_sub(path, 0, (size_t)slash), o->r.container) || o->grant.scope == 'b'))
        return op_fail(o, AZ_AuthorizationFailure);
    if (auth_allows(&o->grant, &from, "wmd", 'o') != AZ_NONE || auth_allows(&o->grant, &o->r, "wm", 'o') != AZ_NONE)
        return op_fail(o, AZ_AuthorizationPermissionMismatch);
    if (container_find(o, str_sub(path, 0, (size_t)slash), c) || blob_find(o, c, name, b))
        return -1;
    if (!b->exists)
        return op_fail(o, AZ_SourcePathNotFound);
    return lease_need(o, c->name, b->path, op_header(o, "x-ms-source-lease-id"), true) ||
           cond_check(o, "x-ms-source-", true, b->etag, b->changed_us, false) ? -1 : 0;
}

/* Rows of `from` and of all below it, again under `to`. */
static int copy_rows(struct op *o, struct str c1, struct str from, struct str c2, struct str to)
{
    struct err err = {0};
    struct db *d = op_db(o);
    struct below r = blob_below(o, from);
    if (db_begin(d, false, &err) ||
        db_run(d, &err, "INSERT OR REPLACE INTO blobs(c, p, size, mtime, etag, created, changed, type, ino, props, meta, tags)"
               " SELECT ?1, ?2 || substr(p, length(?3) + 1), size, mtime, etag, created, changed, type, ino, props, meta, tags FROM blobs"
               " WHERE c = ?4 AND (p = ?3 OR (p >= ?5 AND p < ?6))", "tttttt", c2, to, from, c1, r.lo, r.hi) ||
        db_run(d, &err, "INSERT OR REPLACE INTO parts(c, p, size, mtime, n, id, bytes)"
               " SELECT ?1, ?2 || substr(p, length(?3) + 1), size, mtime, n, id, bytes FROM parts"
               " WHERE c = ?4 AND (p = ?3 OR (p >= ?5 AND p < ?6))", "tttttt", c2, to, from, c1, r.lo, r.hi) ||
        db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    return 0;
}

static int drop_rows(struct op *o, struct str c, struct str from, bool lazy)
{
    struct err err = {0};
    struct db *d = op_db(o);
    struct below r = blob_below(o, from);
    if (db_begin(d, lazy, &err) || db_run(d, &err, "DELETE FROM blobs WHERE c = ? AND (p = ? OR (p >= ? AND p < ?))", "tttt", c, from, r.lo, r.hi) ||
        db_run(d, &err, "DELETE FROM parts WHERE c = ? AND (p = ? OR (p >= ? AND p < ?))", "tttt", c, from, r.lo, r.hi) ||
        db_run(d, &err, "DELETE FROM leases WHERE c = ? AND (p = ? OR (p >= ? AND p < ?))", "tttt", c, from, r.lo, r.hi) || db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    return 0;
}

static int check_destination(struct op *o, const struct container *c, const struct blob *from, const struct blob *to)
{
    struct disk_stat st;
    struct err err = {0};
    struct str dir = path_dir(str_z(to->file));
    bool inside = from->is_dir && str_starts(str_z(to->file), str_fmt(o->a, "%s/", from->file));
    if (inside)
        return op_fail(o, AZ_InvalidRenameSourcePath);
    if (disk_stat(str_cz(o->a, dir), &st, &err))
        return op_fail_err(o, &err);
    if (!st.is_dir)
        return op_fail(o, AZ_RenameDestinationParentPathNotFound);
    if (to->exists && to->is_dir != from->is_dir)
        return op_fail_why(o, AZ_PathConflict, "'%.*s' is a %s.", STR_ARGS(to->path), to->is_dir ? "directory" : "file");
    int gone = to->exists && to->is_dir ? blob_prune(o, c, to->path, to->file) : 1;
    return gone ? (gone < 0 ? -1 : 0) : op_fail(o, AZ_DirectoryIsNotEmpty);
}

/* What a rename may set on Azure, and does not here. */
static int refuse_new_properties(struct op *o)
{
    static const char *const names[] = {"x-ms-properties", "x-ms-permissions", "x-ms-umask", "x-ms-acl", "x-ms-owner", "x-ms-group", "x-ms-content-type",
                                        "x-ms-content-encoding", "x-ms-content-language", "x-ms-cache-control", "x-ms-content-disposition"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (op_header(o, names[i]).len)
            return op_refuse(o, arena_printf(o->a, "%s of a rename", names[i]));
    return 0;
}

static int op_path_rename(struct op *o)
{
    struct container c1, c2;
    struct blob from, to;
    struct err err = {0};
    if (refuse_new_properties(o))
        return -1;
    if (container_find(o, o->r.container, &c2) || rename_source(o, &c1, &from) || blob_find(o, &c2, o->r.blob, &to) ||
        lease_need(o, c2.name, to.path, op_header(o, "x-ms-lease-id"), true) || cond_blob(o, &to, false))
        return -1;
    if (strcmp(from.file, to.file) == 0) {
        put_etag(o, from.etag, from.changed_us);
        return op_done(o, 201);
    }
    if (check_destination(o, &c2, &from, &to) || blob_drop_blocks(o, c1.name, from.path, true) || blob_drop_blocks(o, c2.name, to.path, true) ||
        copy_rows(o, c1.name, from.path, c2.name, to.path))
        return -1;
    if (disk_move(o->a, from.file, to.file, &err))
        return op_fail_err(o, &err);
    if (drop_rows(o, c1.name, from.path, true))
        return -1;
    put_etag(o, from.etag, from.changed_us);
    op_event(o, STORAGE_RENAMED, from.is_dir, to.path, from.path, from.etag, prop(&from, "content-type"), from.size);
    return op_done(o, 201);
}

/* ---------------------------------------------------------------- append and flush */

static int refuse_lease_actions(struct op *o)
{
    return op_header(o, "x-ms-lease-action").len ? op_refuse(o, "x-ms-lease-action of append and flush") : 0;
}

int op_path_append(struct op *o)
{
    struct container c;
    struct blob b;
    struct err err = {0};
    struct db *d = op_db(o);
    int64_t at = -1;
    if (refuse_lease_actions(o) || path_target(o, &c, &b, true) || sums_check(o, &o->up) ||
        op_i64(o, op_param(o, "position"), "position", 0, INT64_MAX / 2, &at))
        return -1;
    if (at < 0)
        return op_fail_why(o, AZ_MissingRequiredQueryParameter, "position is missing.");
    if (b.is_dir || b.type == 'A')
        return op_fail_why(o, AZ_PathConflict, "'%.*s' is no file that grows by positions.", STR_ARGS(b.path));
    if (at < b.size)
        return op_fail(o, AZ_InvalidAppendPosition);
    if (o->up.size) {
        struct str old = STR_NONE;
        if (db_query(d, &err, "SELECT file FROM blocks WHERE c = ? AND p = ? AND id = '' AND pos = ?", "tti", c.name, b.path, at))
            return op_fail_err(o, &err);
        int row = db_row(d, &err);
        if (row == 1)
            old = db_str(d, o->a, 0);
        db_done(d);
        if (row < 0 || fs_sync_dir(o->acct->staging, &err) || db_begin(d, false, &err) ||
            db_run(d, &err, "INSERT OR REPLACE INTO blocks(c, p, id, pos, size, file) VALUES (?,?,'',?,?,?)", "ttiit", c.name, b.path, at, o->up.size,
                   path_base(str_z(o->up.file))) || db_commit(d, &err)) {
            db_rollback(d);
            return op_fail_err(o, &err);
        }
        o->up.file = NULL;
        if (old.len && fs_unlink(blob_stage_path(o, old), &err))
            log_err(LOG_WARN, "storage", &err);
    }
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    if (str_ieqz(op_param(o, "flush"), "true")) {
        o->state = ARENA_NEW(o->a, int64_t);
        *(int64_t *)o->state = at + o->up.size;
        return op_path_flush(o);
    }
    return op_done(o, 202);
}

/* The staged pieces between the file's end and `to`, without a gap. Those before its end are what a crash between
 * growing it and dropping them left. */
static int take_appended(struct op *o, const struct container *c, const struct blob *b, int64_t to, struct str **files, size_t *count)
{
    struct db *d = op_db(o);
    struct err err = {0};
    int64_t at = b->size;
    size_t cap = 0;
    int row;
    if (db_query(d, &err, "SELECT pos, size, file FROM blocks WHERE c = ? AND p = ? AND id = '' AND pos >= ? ORDER BY pos", "tti", c->name, b->path, b->size))
        return op_fail_err(o, &err);
    while ((row = db_row(d, &err)) == 1 && at < to) {
        if (db_i64(d, 0) != at)
            break;
        *files = arena_grow(o->a, *files, &cap, *count + 1, sizeof **files);
        (*files)[(*count)++] = db_str(d, o->a, 2);
        at += db_i64(d, 1);
    }
    db_done(d);
    if (row < 0)
        return op_fail_err(o, &err);
    return at == to ? 0 : op_fail(o, AZ_InvalidFlushPosition);
}

static int join_files(struct op *o, const struct str *files, size_t count, struct upload *up)
{
    struct err err = {0};
    char *room = mem_alloc(STORAGE_PIECE);
    int rc = upload_begin(o, up);
    for (size_t i = 0; i < count && rc == 0; i++) {
        int fd = fs_open(blob_stage_path(o, files[i]), FS_READ, &err);
        int64_t n = fd < 0 ? -1 : 1;
        for (int64_t at = 0; rc == 0 && n > 0; at += n) {
            n = fs_pread(fd, room, STORAGE_PIECE, at, &err);
            if (n > 0)
                rc = upload_write(o, up, room, (size_t)n);
        }
        if (n < 0)
            rc = op_fail_err(o, &err);
        if (fd >= 0)
            fs_close(fd);
    }
    mem_free(room);
    return rc ? rc : upload_finish(o, up);
}

static int flush_new(struct op *o, const struct container *c, struct blob *b, struct str *files, size_t count)
{
    struct upload up = {.fd = -1};
    int rc = 0;
    if (count == 1)
        up.file = blob_stage_path(o, files[0]);
    else
        rc = join_files(o, files, count, &up);
    if (rc == 0)
        rc = blob_replace(o, c, b, &up, NULL, 0);
    if (rc && count > 1)
        upload_drop(&up);
    return rc;
}

int op_path_flush(struct op *o)
{
    struct container c;
    struct blob b;
    struct str *files = NULL;
    size_t count = 0;
    int64_t to = o->state ? *(int64_t *)o->state : -1;
    if (str_ieqz(op_param(o, "retainuncommitteddata"), "true"))
        return op_refuse(o, "retainUncommittedData");
    if (refuse_lease_actions(o) || path_target(o, &c, &b, true) || (to < 0 && op_i64(o, op_param(o, "position"), "position", 0, INT64_MAX / 2, &to)))
        return -1;
    if (to < 0)
        return op_fail_why(o, AZ_MissingRequiredQueryParameter, "position is missing.");
    if (b.is_dir)
        return op_fail_why(o, AZ_PathConflict, "'%.*s' is a directory.", STR_ARGS(b.path));
    if (take_appended(o, &c, &b, to, &files, &count))
        return -1;
    prop_set(o, &b, "content-md5", STR(""));
    for (size_t i = 0; i < HTTP_PROP_COUNT; i++) {
        struct str v = op_header(o, arena_printf(o->a, "x-ms-%s", HTTP_PROPS[i]));
        if (v.len && !(o->state && strcmp(HTTP_PROPS[i], "content-md5") == 0))
            prop_set(o, &b, HTTP_PROPS[i], v);
    }
    int rc = !count ? blob_touch(o, c.name, &b) : b.size == 0 ? flush_new(o, &c, &b, files, count) : blob_grow(o, &c, &b, files, count);
    if (rc || blob_drop_blocks(o, c.name, b.path, false))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    op_set(o, "x-ms-request-server-encrypted", STR("true"));
    op_event(o, STORAGE_CREATED, false, b.path, STR_NONE, b.etag, prop(&b, "content-type"), b.size);
    return op_done(o, o->state ? 202 : 200);
}

/* ---------------------------------------------------------------- properties, lease */

int op_path_properties(struct op *o)
{
    struct container c;
    struct blob b;
    struct str action = op_param(o, "action");
    if (!str_ieqz(action, "getAccessControl") && !str_ieqz(action, "getStatus") && action.len)
        return op_fail_why(o, AZ_InvalidQueryParameterValue, "action '%.*s' is not known.", STR_ARGS(action));
    if (path_target(o, &c, &b, false))
        return -1;
    put_blob_headers(o, &c, &b);
    if (str_ieqz(action, "getAccessControl"))
        op_set(o, "x-ms-acl", acl_of(o, &b));
    if (prop(&b, "content-md5").len)
        op_set(o, "Content-MD5", prop(&b, "content-md5"));
    o->left = b.size;
    return op_done(o, 200);
}

int op_path_set_properties(struct op *o)
{
    struct container c;
    struct blob b;
    if (path_target(o, &c, &b, true) || properties_read(o, op_header(o, "x-ms-properties"), &b.meta))
        return -1;
    props_from(o, &b, "x-ms-");
    if (blob_touch(o, c.name, &b))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    return op_done(o, 200);
}

int op_path_lease(struct op *o)
{
    struct container c;
    struct blob b;
    if (container_find(o, o->r.container, &c) || blob_need(o, &c, o->r.blob, &b) || cond_blob(o, &b, false) || lease_act(o, c.name, b.path))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    return 0;
}

/* ---------------------------------------------------------------- delete */

static int remove_trash(struct op *o)
{
    struct err err = {0};
    if (fs_remove_tree(o->state, &err))
        log_err(LOG_WARN, "storage", &err);
    return op_done(o, 200);
}

int op_path_delete(struct op *o)
{
    struct container c;
    struct blob b;
    struct err err = {0};
    char id[UUID_TEXT];
    bool recursive = str_ieqz(op_param(o, "recursive"), "true");
    if (path_target(o, &c, &b, true))
        return -1;
    op_event(o, STORAGE_DELETED, b.is_dir, b.path, STR_NONE, b.etag, prop(&b, "content-type"), b.size);
    if (!b.is_dir)
        return blob_remove(o, &c, &b) ? -1 : op_done(o, 200);
    if (!recursive) {
        char **names;
        int64_t n = fs_list(o->a, b.file, &names, &err);
        if (n < 0)
            return op_fail_err(o, &err);
        return n ? op_fail(o, AZ_DirectoryNotEmpty) : blob_remove(o, &c, &b) ? -1 : op_done(o, 200);
    }
    char *trash = path_join(o->a, path_join(o->a, o->acct->dir, ".paystreak"), "trash");
    if (fs_mkdirs(trash, &err) || disk_move(o->a, b.file, o->state = path_join(o->a, trash, uuid_make(id)), &err))
        return op_fail_err(o, &err);
    if (drop_rows(o, c.name, b.path, false) || blob_drop_blocks(o, c.name, b.path, true))
        return -1;
    return op_then(o, LANE_FREE, remove_trash);
}
