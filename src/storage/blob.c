/* blob.c -- see blob.h. */
#include "storage/blob.h"
#include "storage/disk.h"
#include <stdio.h>
#include <string.h>

enum { COPY_BYTES = 1 << 20 };

struct doc *object_of(struct op *o, struct str text)
{
    struct err err;
    struct doc *d = text.len ? doc_json(o->a, "metadata", text, &err) : NULL;
    return doc_is(d, DOC_OBJECT) ? d : doc_new_object(o->a);
}

struct str text_of(struct op *o, const struct doc *d)
{
    struct buf b;
    if (!d || !d->count)
        return STR_NONE;
    buf_init(&b);
    doc_write(&b, d);
    struct str out = str_copy(o->a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* .NET ticks of the instant, as Azure's ETags are. */
struct str etag_make(struct op *o, int64_t us)
{
    return str_fmt(o->a, "0x%jX", (uintmax_t)(us * 10 + INT64_C(621355968000000000)));
}

static struct str etag_derived(struct op *o, int64_t size, int64_t mtime_us)
{
    uint64_t mix = (uint64_t)mtime_us * 10 + UINT64_C(621355968000000000);
    return str_fmt(o->a, "0x%jX%jX", (uintmax_t)mix, (uintmax_t)(size & 0xffffff));
}

/* ---------------------------------------------------------------- containers */

int container_find(struct op *o, struct str name, struct container *out)
{
    struct disk_stat st;
    struct err err = {0};
    *out = (struct container){.name = name, .dir = path_join(o->a, o->acct->dir, str_cz(o->a, name)), .meta = doc_new_object(o->a)};
    if (disk_stat(out->dir, &st, &err))
        return op_fail_err(o, &err);
    if (!st.is_dir)
        return op_fail(o, AZ_ContainerNotFound);
    out->exists = true;
    out->changed_us = st.mtime_us;
    if (db_query(op_db(o), &err, "SELECT etag, changed, meta, acl FROM containers WHERE c = ?", "t", name))
        return op_fail_err(o, &err);
    int row = db_row(op_db(o), &err);
    if (row == 1) {
        out->has_row = true;
        out->etag = db_str(op_db(o), o->a, 0);
        out->changed_us = db_i64(op_db(o), 1);
        out->meta = object_of(o, db_str(op_db(o), o->a, 2));
        out->acl = db_str(op_db(o), o->a, 3);
    }
    db_done(op_db(o));
    if (!out->has_row)
        out->etag = etag_derived(o, 0, out->changed_us);
    return row < 0 ? op_fail_err(o, &err) : 0;
}

int container_row_put(struct op *o, const struct container *c)
{
    struct err err = {0};
    return db_run(op_db(o), &err, "INSERT OR REPLACE INTO containers(c, etag, changed, meta, acl) VALUES (?,?,?,?,?)", "ttitt", c->name, c->etag,
                  c->changed_us, text_of(o, c->meta), c->acl) ? op_fail_err(o, &err) : 0;
}

/* ---------------------------------------------------------------- finding */

static void take_row(struct op *o, struct blob *b)
{
    struct db *d = op_db(o);
    struct str type = db_str(d, o->a, 3);
    b->has_row = true;
    b->etag = db_str(d, o->a, 0);
    b->created_us = db_i64(d, 1);
    b->changed_us = db_i64(d, 2);
    b->type = type.len ? type.ptr[0] : 'B';
    b->grows = db_i64(d, 4) != 0;
    b->props = object_of(o, db_str(d, o->a, 5));
    b->meta = object_of(o, db_str(d, o->a, 6));
    b->tags = object_of(o, db_str(d, o->a, 7));
    b->size = db_i64(d, 8);
    b->row_mtime_us = db_i64(d, 9);
    db_done(d);
}

void blob_init(struct op *o, struct blob *b, struct str path, char type)
{
    *b = (struct blob){.path = path, .type = type, .props = doc_new_object(o->a), .meta = doc_new_object(o->a), .tags = doc_new_object(o->a)};
}

#define ROW "SELECT etag, created, changed, type, ino, props, meta, tags, size, mtime FROM blobs WHERE c = ? AND p = ? AND "

int blob_find(struct op *o, const struct container *c, struct str path, struct blob *out)
{
    struct disk_stat st;
    struct err err = {0};
    struct db *d = op_db(o);
    blob_init(o, out, path, 'B');
    out->file = path.len ? path_join(o->a, c->dir, str_cz(o->a, az_disk_path(o->a, path))) : c->dir; /* DFS knows the root as a directory */
    if (disk_stat(out->file, &st, &err))
        return op_fail_err(o, &err);
    if (!st.exists)
        return 0;
    *out = (struct blob){.exists = true, .is_dir = st.is_dir, .type = st.is_dir ? 'D' : 'B', .path = path, .file = out->file, .props = out->props,
                         .meta = out->meta, .tags = out->tags, .size = st.is_dir ? 0 : st.size, .file_size = st.size, .mtime_us = st.mtime_us,
                         .id = st.id, .created_us = st.mtime_us, .changed_us = st.mtime_us, .row_mtime_us = st.mtime_us};
    int64_t size = st.is_dir ? -1 : st.size, mtime = st.is_dir ? 0 : st.mtime_us;
    if (db_query(d, &err, ROW "size = ? AND mtime = ?", "ttii", c->name, path, size, mtime))
        return op_fail_err(o, &err);
    int row = db_row(d, &err);
    if (row == 0 && !st.is_dir) {
        if (db_query(d, &err, ROW "ino = ? AND size <= ? ORDER BY size DESC LIMIT 1", "ttii", c->name, path, st.id, st.size))
            return op_fail_err(o, &err);
        row = db_row(d, &err);
    }
    if (row < 0)
        return op_fail_err(o, &err);
    if (row)
        take_row(o, out);
    if (!row || (out->size == st.size && out->row_mtime_us != mtime && !st.is_dir)) /* as long as its row says, but touched since */
        out->etag = etag_derived(o, out->size, out->changed_us);
    if (st.is_dir)
        out->size = 0;
    return 0;
}

int blob_need(struct op *o, const struct container *c, struct str path, struct blob *out)
{
    if (blob_find(o, c, path, out))
        return -1;
    return out->exists && (o->r.svc == SVC_DFS || !out->is_dir || out->has_row) ? 0 : op_fail(o, AZ_BlobNotFound);
}

/* ---------------------------------------------------------------- rows */

int blob_row_put(struct op *o, struct str container, const struct blob *b)
{
    struct err err = {0};
    char type[2] = {b->type, 0};
    int rc = db_run(op_db(o), &err, "INSERT OR REPLACE INTO blobs(c, p, size, mtime, etag, created, changed, type, ino, props, meta, tags)"
                    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", "ttiitiitittt", container, b->path, b->is_dir ? INT64_C(-1) : b->size,
                    b->is_dir ? INT64_C(0) : b->row_mtime_us, b->etag, b->created_us, b->changed_us, str_z(type), b->grows ? b->id : 0, text_of(o, b->props),
                    text_of(o, b->meta), text_of(o, b->tags));
    return rc ? op_fail_err(o, &err) : 0;
}

int blob_row_save(struct op *o, struct str container, const struct blob *b)
{
    return op_begin(o, false) || op_commit(o, blob_row_put(o, container, b)) ? -1 : 0;
}

int blob_pin(struct op *o, const struct blob *b)
{
    struct err err = {0};
    if (b->has_row || b->is_dir)
        return 0;
    int fd = fs_open(b->file, FS_READ, &err), rc = fd < 0 ? -1 : fs_sync_all(fd, &err);
    if (fd >= 0)
        fs_close(fd);
    return rc ? op_fail_err(o, &err) : 0;
}

int blob_touch(struct op *o, struct str container, struct blob *b)
{
    if (blob_pin(o, b))
        return -1;
    b->changed_us = op_now(o);
    b->etag = etag_make(o, b->changed_us);
    return blob_row_save(o, container, b);
}

char *blob_stage_path(struct op *o, struct str file) { return path_join(o->a, o->acct->staging, str_cz(o->a, file)); }

struct below blob_below(struct op *o, struct str path)
{
    return path.len ? (struct below){str_fmt(o->a, "%.*s/", STR_ARGS(path)), str_fmt(o->a, "%.*s0", STR_ARGS(path))} /* '0' follows '/' */
                    : (struct below){STR(""), STR("\xff")};
}

int blob_drop_blocks(struct op *o, struct str container, struct str path, bool all)
{
    struct db *d = op_db(o);
    struct err err = {0};
    size_t n = 0, cap = 0;
    struct str *files = NULL;
    struct below r = all ? blob_below(o, path) : (struct below){STR(""), STR("")};
    if (db_query(d, &err, "SELECT file FROM blocks WHERE c = ? AND (p = ? OR (p >= ? AND p < ?))", "tttt", container, path, r.lo, r.hi))
        return op_fail_err(o, &err);
    int row;
    while ((row = db_row(d, &err)) == 1) {
        files = arena_grow(o->a, files, &cap, n + 1, sizeof *files);
        files[n++] = db_str(d, o->a, 0);
    }
    if (row < 0)
        return op_fail_err(o, &err);
    if (!n)
        return 0;
    if (db_begin(d, true, &err) || db_run(d, &err, "DELETE FROM blocks WHERE c = ? AND (p = ? OR (p >= ? AND p < ?))", "tttt", container, path, r.lo, r.hi) ||
        db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    for (size_t i = 0; i < n; i++)
        if (fs_unlink(blob_stage_path(o, files[i]), &err))
            return op_fail_err(o, &err);
    return 0;
}

/* ---------------------------------------------------------------- replacing, growing, removing */

int blob_prune(struct op *o, const struct container *c, struct str path, const char *dir)
{
    struct db *d = op_db(o);
    struct err err = {0};
    struct disk_stat st = {0};
    struct below r = blob_below(o, path);
    int row;
    if (db_query(d, &err, "SELECT p FROM blobs WHERE c = ? AND p >= ? AND p < ? AND size = -1", "ttt", c->name, r.lo, r.hi))
        return op_fail_err(o, &err);
    while (!st.is_dir && (row = db_row(d, &err)) == 1) /* a row may outlive its folder */
        if (disk_stat(path_join(o->a, c->dir, str_cz(o->a, az_disk_path(o->a, db_str(d, o->a, 0)))), &st, &err))
            break;
    db_done(d);
    if (err.code != ERR_OK)
        return op_fail_err(o, &err);
    return !st.is_dir && disk_prune(o->a, dir);
}

static int make_way(struct op *o, const struct container *c, struct blob *b, struct blob *old)
{
    struct err err = {0};
    if (blob_find(o, c, b->path, old))
        return -1;
    b->file = old->file;
    int gone = old->exists && old->is_dir ? (old->has_row ? 0 : blob_prune(o, c, b->path, old->file)) : 1;
    if (gone < 0)
        return -1;
    if (!gone)
        return op_fail_why(o, o->r.svc == SVC_DFS ? AZ_PathConflict : AZ_ResourceTypeMismatch, "'%.*s' is a directory.", STR_ARGS(b->path));
    if (disk_parents(o->a, c->dir, az_disk_path(o->a, b->path), &err))
        return err.code == ERR_EXISTS ? op_fail_why(o, o->r.svc == SVC_DFS ? AZ_PathConflict : AZ_ResourceTypeMismatch, "%s.", err.msg) : op_fail_err(o, &err);
    return 0;
}

static int put_parts(struct op *o, struct str container, const struct blob *b, const struct blob_part *parts, size_t n)
{
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        if (db_run(op_db(o), &err, "INSERT INTO parts(c, p, size, mtime, n, id, bytes) VALUES (?,?,?,?,?,?,?)", "ttiiiti", container, b->path, b->size,
                   b->row_mtime_us, (int64_t)i, parts[i].id, parts[i].bytes))
            return op_fail_err(o, &err);
    return 0;
}

static int keep_only(struct op *o, struct str container, struct str path, const struct blob *old)
{
    struct err err = {0};
    struct db *d = op_db(o);
    int64_t size = old->exists ? old->size : -2;
    return db_run(d, &err, "DELETE FROM blobs WHERE c = ? AND p = ? AND NOT (size = ? AND mtime = ?)", "ttii", container, path, size, old->row_mtime_us) ||
           db_run(d, &err, "DELETE FROM parts WHERE c = ? AND p = ? AND NOT (size = ? AND mtime = ?)", "ttii", container, path, size, old->row_mtime_us)
               ? op_fail_err(o, &err) : 0;
}

int blob_replace(struct op *o, const struct container *c, struct blob *b, struct upload *up, const struct blob_part *parts, size_t part_count)
{
    struct blob old;
    struct disk_stat st;
    struct err err = {0};
    if (make_way(o, c, b, &old))
        return -1;
    if (disk_stat(up->file, &st, &err))
        return op_fail_err(o, &err);
    b->changed_us = op_now(o);
    b->created_us = b->created_us ? b->created_us : b->changed_us;
    b->etag = etag_make(o, b->changed_us);
    b->exists = b->has_row = true;
    b->size = b->file_size = st.size;
    b->mtime_us = b->row_mtime_us = st.mtime_us;
    b->id = st.id;
    b->grows = b->type == 'A';
    if (op_begin(o, false) ||
        op_commit(o, keep_only(o, c->name, b->path, &old) || blob_row_put(o, c->name, b) || put_parts(o, c->name, b, parts, part_count)))
        return -1;
    if (disk_move(o->a, up->file, b->file, &err))
        return op_fail_err(o, &err);
    up->file = NULL;
    return blob_drop_blocks(o, c->name, b->path, false);
}

static int append_file(int fd, int64_t *at, const char *file, struct err *err)
{
    char *piece = mem_alloc(COPY_BYTES);
    int from = fs_open(file, FS_READ, err), rc = from < 0 ? -1 : 0;
    for (int64_t pos = 0, n = 1; rc == 0 && n > 0; pos += n) {
        n = fs_pread(from, piece, COPY_BYTES, pos, err);
        if (n < 0 || (n > 0 && fs_pwrite_all(fd, piece, (size_t)n, *at, err)))
            rc = -1;
        *at += n > 0 ? n : 0;
    }
    if (from >= 0)
        fs_close(from);
    mem_free(piece);
    return rc;
}

/* The row that lets a crash in the midst of growing be seen. */
static int announce(struct op *o, const struct container *c, struct blob *b)
{
    struct err err = {0};
    if (db_query(op_db(o), &err, "SELECT 1 FROM blobs WHERE c = ? AND p = ? AND size = ? AND mtime = ? AND ino = ?", "ttiii", c->name, b->path, b->size,
                 b->row_mtime_us, b->id))
        return op_fail_err(o, &err);
    int row = db_row(op_db(o), &err);
    db_done(op_db(o));
    if (row)
        return row < 0 ? op_fail_err(o, &err) : 0;
    return blob_row_save(o, c->name, b);
}

int blob_grow(struct op *o, const struct container *c, struct blob *b, struct str *files, size_t count)
{
    struct err err = {0};
    int64_t at = b->size;
    struct disk_stat st;
    b->grows = true;
    if (announce(o, c, b))
        return -1;
    int fd = fs_open(b->file, FS_READ | FS_WRITE, &err);
    if (fd < 0)
        return op_fail_err(o, &err);
    int rc = b->file_size > b->size ? fs_truncate(fd, b->size, &err) : 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = append_file(fd, &at, blob_stage_path(o, files[i]), &err);
    rc = rc || disk_set_mtime(fd, time_now().us, &err) || fs_sync_all(fd, &err) || disk_fstat(fd, &st, &err) ? -1 : 0;
    fs_close(fd);
    if (rc)
        return op_fail_err(o, &err);
    b->size = b->file_size = st.size;
    b->mtime_us = b->row_mtime_us = st.mtime_us;
    b->changed_us = op_now(o);
    b->etag = etag_make(o, b->changed_us);
    return op_begin(o, false) || op_commit(o, keep_only(o, c->name, b->path, &(struct blob){0}) || blob_row_put(o, c->name, b)) ? -1 : 0;
}

int blob_remove(struct op *o, const struct container *c, const struct blob *b)
{
    struct err err = {0};
    struct db *d = op_db(o);
    int gone = b->is_dir ? blob_prune(o, c, b->path, b->file) : disk_unlink(o->a, b->file, &err) ? op_fail_err(o, &err) : 1;
    if (gone <= 0)
        return gone < 0 ? -1 : op_fail(o, AZ_DirectoryIsNotEmpty);
    if (blob_drop_blocks(o, c->name, b->path, false))
        return -1;
    if (db_begin(d, true, &err) || db_run(d, &err, "DELETE FROM blobs WHERE c = ? AND p = ?", "tt", c->name, b->path) ||
        db_run(d, &err, "DELETE FROM parts WHERE c = ? AND p = ?", "tt", c->name, b->path) ||
        db_run(d, &err, "DELETE FROM leases WHERE c = ? AND p = ?", "tt", c->name, b->path) || db_commit(d, &err)) {
        db_rollback(d);
        return op_fail_err(o, &err);
    }
    return 0;
}

/* ---------------------------------------------------------------- properties, metadata, tags */

struct str prop(const struct blob *b, const char *name) { return doc_str(doc_get(b->props, name), STR_NONE); }

void prop_set(struct op *o, struct blob *b, const char *name, struct str value)
{
    if (value.len || doc_get(b->props, name))
        doc_set(o->a, b->props, str_z(name), doc_new_str(o->a, value));
}

const char *const HTTP_PROPS[HTTP_PROP_COUNT] = {"content-type", "content-encoding", "content-language", "content-md5", "cache-control", "content-disposition"};

void props_from(struct op *o, struct blob *b, const char *prefix)
{
    for (size_t i = 0; i < HTTP_PROP_COUNT; i++)
        prop_set(o, b, HTTP_PROPS[i], op_header(o, arena_printf(o->a, "%s%s", prefix, HTTP_PROPS[i])));
}

int meta_name_check(struct op *o, struct str name, const char *more)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (!(c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (i && ((c >= '0' && c <= '9') || (c && strchr(more, c))))))
            return op_fail_why(o, AZ_InvalidMetadata, "'%.*s' is no identifier.", STR_ARGS(name));
    }
    return name.len ? 0 : op_fail(o, AZ_InvalidMetadata);
}

struct doc *meta_of(struct op *o)
{
    struct doc *meta = doc_new_object(o->a);
    size_t bytes = 0;
    for (size_t i = 0; i < o->r.header_count; i++) {
        struct str name = o->r.headers[i].name, value = o->r.headers[i].value;
        if (!str_starts_z(name, "x-ms-meta-"))
            continue;
        name = str_from(name, 10);
        bytes += name.len + value.len;
        if (meta_name_check(o, name, "")) /* C# identifiers: clients count on it */
            return NULL;
        if (!str_utf8_ok(value)) {
            op_fail(o, AZ_InvalidMetadata);
            return NULL;
        }
        doc_set(o->a, meta, name, doc_new_str(o->a, value));
    }
    if (bytes > STORAGE_MAX_META) {
        op_fail(o, AZ_MetadataTooLarge);
        return NULL;
    }
    return meta;
}

int tier_of(struct op *o, struct blob *b)
{
    static const char *const tiers[] = {"Hot", "Cool", "Cold"};
    struct str tier = op_header(o, "x-ms-access-tier");
    if (str_ieqz(tier, "Archive"))
        return op_refuse(o, "the tier Archive: what is in it could not be read");
    for (size_t i = 0; i < COUNT_OF(tiers); i++)
        if (str_ieqz(tier, tiers[i])) {
            prop_set(o, b, "tier", str_z(tiers[i]));
            return 0;
        }
    return tier.len ? op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-access-tier '%.*s' is not known.", STR_ARGS(tier)) : 0;
}

bool tag_ok(struct str s, size_t max)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!(((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || (c && strchr(" +-./:=_", c))))
            return false;
    }
    return s.len <= max;
}

int tags_of(struct op *o, struct doc **out)
{
    struct str rest = op_header(o, "x-ms-tags"), part;
    *out = doc_new_object(o->a);
    while (str_split(&rest, '&', &part)) {
        int64_t eq = str_chr(part, '=');
        char *plain = str_cz(o->a, part);
        for (size_t i = 0; i < part.len; i++)
            if (plain[i] == '+')
                plain[i] = ' ';
        part.ptr = plain;
        struct str name = az_decode(o->a, str_sub(part, 0, eq < 0 ? part.len : (size_t)eq)), value = eq < 0 ? STR("") : az_decode(o->a, str_from(part, (size_t)eq + 1));
        if (!name.len || !tag_ok(name, 128) || !tag_ok(value, 256) || (*out)->count >= 10)
            return op_fail_why(o, AZ_InvalidInput, "A blob has at most 10 tags, of letters, digits and ' +-./:=_'.");
        doc_set(o->a, *out, name, doc_new_str(o->a, value));
    }
    return 0;
}

void put_etag(struct op *o, struct str etag, int64_t changed_us)
{
    char when[40];
    op_setf(o, "ETag", "\"%.*s\"", STR_ARGS(etag));
    op_set(o, "Last-Modified", str_z(http_date((struct tp){changed_us}, when)));
}

void put_meta(struct op *o, const struct doc *meta)
{
    for (size_t i = 0; i < meta->count; i++)
        op_set(o, arena_printf(o->a, "x-ms-meta-%.*s", STR_ARGS(meta->keys[i].name)), meta->items[i]->text);
}

/* ---------------------------------------------------------------- sums */

static struct str base64_of(struct op *o, const uint8_t *bytes, size_t n)
{
    struct buf b;
    buf_init(&b);
    base64_put(&b, str_of((const char *)bytes, n));
    struct str out = str_copy(o->a, buf_view(&b));
    buf_release(&b);
    return out;
}

struct str md5_text(struct op *o, const uint8_t md5[16]) { return base64_of(o, md5, 16); }
struct str crc_text(struct op *o, const uint8_t crc64[8]) { return base64_of(o, crc64, 8); }

int sums_check(struct op *o, const struct upload *up)
{
    struct str md5 = op_header(o, "content-md5"), crc = op_header(o, "x-ms-content-crc64");
    struct buf b;
    bool ok = true;
    if (o->r.svc == SVC_DFS && op_header(o, "x-ms-content-md5").ptr && !md5.ptr && str_eqz(op_param(o, "action"), "append"))
        md5 = op_header(o, "x-ms-content-md5");
    buf_init(&b);
    if (md5.ptr && (!base64_get(&b, md5) || b.len != 16)) {
        buf_release(&b);
        return op_fail(o, AZ_InvalidMd5);
    }
    ok = !md5.ptr || memcmp(b.ptr, up->md5, 16) == 0;
    buf_clear(&b);
    bool crc_ok = !crc.ptr || (base64_get(&b, crc) && b.len == 8 && memcmp(b.ptr, up->crc64, 8) == 0);
    buf_release(&b);
    if (!ok)
        return op_fail(o, AZ_Md5Mismatch);
    if (!crc_ok)
        return op_fail(o, AZ_Crc64Mismatch);
    op_set(o, "x-ms-content-crc64", crc_text(o, up->crc64));
    return 0;
}

struct str file_md5(struct op *o, const char *file, int64_t at, int64_t size)
{
    uint8_t md5[16];
    struct err err;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *piece = mem_alloc(COPY_BYTES);
    int fd = fs_open(file, FS_READ, &err);
    bool ok = fd >= 0 && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;
    while (ok && size > 0) {
        int64_t n = fs_pread(fd, piece, size < COPY_BYTES ? (size_t)size : COPY_BYTES, at, &err);
        ok = n > 0 && EVP_DigestUpdate(ctx, piece, (size_t)n) == 1;
        at += n;
        size -= n;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, md5, NULL) == 1;
    if (fd >= 0)
        fs_close(fd);
    EVP_MD_CTX_free(ctx);
    mem_free(piece);
    return ok ? md5_text(o, md5) : STR_NONE;
}
