/* copy.c -- blobs and blocks out of other blobs of the same account: Copy Blob, Put Blob From URL, Put
 * Block From URL, Append Block From URL.
 *
 * The source is an address that this endpoint serves; sources elsewhere, and of other accounts, are
 * refused by name: nothing is fetched from the network. The source is opened in the lane, so what is
 * copied is one state of it; the copy itself is made outside the lane; it ends with the request, so its
 * status is always success. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/storage_int.h"
#include <string.h>

struct copy {
    struct azreq from;
    struct blob source;
    int64_t at, bytes;
    op_fn commit;
};

/* ---------------------------------------------------------------- the source */

static bool is_ours(const struct op *o, struct str host)
{
    static const char *const ends[] = {".blob.localhost", ".dfs.localhost", ".blob.core.windows.net", ".dfs.core.windows.net"};
    struct str name = http_host_name(host);
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (str_ends_z(name, ends[i]))
            return true;
    return str_ieq(host, o->r.host);
}

static int read_source(struct op *o, struct azreq *r)
{
    struct str url = op_header(o, "x-ms-copy-source");
    int64_t scheme = str_find(url, STR("://"));
    if (scheme < 0)
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-copy-source is no address.");
    struct str rest = str_from(url, (size_t)scheme + 3);
    int64_t slash = str_chr(rest, '/');
    struct str host = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash), path = slash < 0 ? STR("/") : str_from(rest, (size_t)slash);
    int64_t q = str_chr(path, '?');
    *r = (struct azreq){.a = o->a, .method = STR("GET"), .host = host, .peer = o->r.peer, .path = q < 0 ? path : str_sub(path, 0, (size_t)q),
                        .query = q < 0 ? STR("") : str_from(path, (size_t)q + 1)};
    if (!is_ours(o, host))
        return op_fail_why(o, AZ_CannotVerifyCopySource, "Sources outside this endpoint are not fetched.");
    enum az_error e = azreq_target(r, false);
    if (e != AZ_NONE || r->level != 2)
        return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-copy-source names no blob.");
    r->svc = SVC_BLOB;
    if (!str_eq(r->account, o->r.account))
        return op_refuse(o, "copies from another account");
    if (azreq_param(r, "snapshot").len || azreq_param(r, "versionid").len)
        return op_refuse(o, "snapshots and versions");
    return 0;
}

static int may_read(struct op *o, const struct azreq *r)
{
    struct grant g;
    struct str why, perms, start, expiry;
    if (o->grant.all)
        return 0;
    if (azreq_param(r, "sig").len) {
        struct auth_keys keys = auth_keys_of(o->st, r->account);
        struct container c;
        enum az_error e = auth_check(r, &keys, &g, &why);
        if (e == AZ_NONE && g.policy.len) {
            if (container_find(o, r->container, &c) || policy_find(o, c.acl, g.policy, &perms, &start, &expiry))
                return -1;
            e = auth_apply_policy(&g, perms, start, expiry, time_now(), &why);
        }
        if (e == AZ_NONE)
            e = auth_allows(&g, r, "r", 'o');
        return e == AZ_NONE ? 0 : op_fail(o, AZ_CannotVerifyCopySource);
    }
    bool reach = o->grant.types.ptr || (o->grant.scope == 'c' && str_eq(r->container, o->r.container));
    return reach && auth_allows(&o->grant, r, "r", 'o') == AZ_NONE ? 0 : op_fail(o, AZ_CannotVerifyCopySource);
}

/* Finds and opens it; `range` text or none. */
static int open_source(struct op *o, struct copy *cp, struct str range)
{
    struct container c;
    struct disk_stat st;
    struct err err = {0};
    int64_t to;
    if (read_source(o, &cp->from) || may_read(o, &cp->from) || container_find(o, cp->from.container, &c) || blob_find(o, &c, cp->from.blob, &cp->source))
        return -1;
    if (!cp->source.exists || cp->source.is_dir)
        return op_fail_why(o, AZ_BlobNotFound, "The source is not there.");
    if (lease_need(o, c.name, cp->source.path, op_header(o, "x-ms-source-lease-id"), false) ||
        cond_check(o, "x-ms-source-", true, cp->source.etag, cp->source.changed_us, true))
        return -1;
    o->fd = fs_open(cp->source.file, FS_READ, &err);
    if (o->fd < 0 || disk_fstat(o->fd, &st, &err))
        return op_fail_err(o, &err);
    cp->bytes = cp->source.size < st.size ? cp->source.size : st.size;
    if (range.len) {
        if (!range_read(range, &cp->at, &to))
            return op_fail_why(o, AZ_InvalidHeaderValue, "x-ms-source-range is malformed.");
        if (cp->at >= cp->bytes)
            return op_fail(o, AZ_InvalidRange);
        cp->bytes = (to >= cp->bytes ? cp->bytes - 1 : to) - cp->at + 1;
    }
    return 0;
}

static int copy_bytes(struct op *o)
{
    struct copy *cp = o->state;
    struct err err = {0};
    upload_drop(&o->up); /* the request's own body, which is empty */
    char *room = mem_alloc(STORAGE_PIECE);
    int rc = upload_begin(o, &o->up);
    for (int64_t done = 0; rc == 0 && done < cp->bytes;) {
        int64_t want = cp->bytes - done < STORAGE_PIECE ? cp->bytes - done : STORAGE_PIECE;
        int64_t n = fs_pread(o->fd, room, (size_t)want, cp->at + done, &err);
        rc = n < 0 ? op_fail_err(o, &err) : n != want ? op_fail(o, AZ_InternalError) : upload_write(o, &o->up, room, (size_t)n);
        done += want;
    }
    mem_free(room);
    return rc || upload_finish(o, &o->up) ? -1 : op_then(o, LANE_WRITE, cp->commit);
}

/* What the client says of the source's bytes. */
static int check_source_sums(struct op *o)
{
    struct str md5 = op_header(o, "x-ms-source-content-md5"), crc = op_header(o, "x-ms-source-content-crc64");
    if (md5.len && !str_eq(md5, md5_text(o, o->up.md5)))
        return op_fail(o, AZ_Md5Mismatch);
    return crc.len && !str_eq(crc, crc_text(o, o->up.crc64)) ? op_fail(o, AZ_Crc64Mismatch) : 0;
}

/* ---------------------------------------------------------------- whole blobs */

static int take_over(struct op *o, struct copy *cp, struct blob *b)
{
    struct blob old = *b;
    const struct blob *s = &cp->source;
    bool from_url = op_header(o, "x-ms-blob-type").ptr;
    char when[40], id[UUID_TEXT];
    struct doc *meta = meta_of(o), *tags;
    if (!meta || tags_of(o, &tags))
        return -1;
    blob_init(o, b, old.path, s->type);
    b->file = old.file;
    for (size_t i = 0; i < HTTP_PROP_COUNT; i++) {
        struct str own = op_header(o, arena_printf(o->a, "x-ms-blob-%s", HTTP_PROPS[i]));
        prop_set(o, b, HTTP_PROPS[i], own.len ? own : str_ieqz(op_header(o, "x-ms-copy-source-blob-properties"), "false") ? STR("") : prop(s, HTTP_PROPS[i]));
    }
    if (s->type == 'A')
        prop_set(o, b, "appends", prop(s, "appends"));
    if (tier_of(o, b))
        return -1;
    b->meta = meta->count ? meta : s->meta;
    b->tags = str_ieqz(op_header(o, "x-ms-copy-source-tag-option"), "COPY") ? s->tags : tags;
    if (from_url) {
        b->type = 'B';
        prop_set(o, b, "content-md5", md5_text(o, o->up.md5));
        return 0;
    }
    struct str url = op_header(o, "x-ms-copy-source"), plain;
    str_split(&url, '?', &plain); /* a SAS is nobody else's business */
    prop_set(o, b, "copy-id", str_copy(o->a, str_z(uuid_make(id))));
    prop_set(o, b, "copy-source", plain);
    prop_set(o, b, "copy-status", STR("success"));
    prop_set(o, b, "copy-progress", str_fmt(o->a, "%jd/%jd", (intmax_t)cp->bytes, (intmax_t)cp->bytes));
    prop_set(o, b, "copy-completion-time", str_z(http_date(time_now(), when)));
    return 0;
}

static int commit_copy(struct op *o)
{
    struct copy *cp = o->state;
    struct container c;
    struct blob b;
    if (check_source_sums(o) || write_target(o, &c, &b) || take_over(o, cp, &b) || blob_replace(o, &c, &b, &o->up, NULL, 0))
        return -1;
    put_etag(o, b.etag, b.changed_us);
    op_event(o, STORAGE_CREATED, false, b.path, STR_NONE, b.etag, prop(&b, "content-type"), b.size);
    if (op_header(o, "x-ms-blob-type").ptr) {
        op_set(o, "Content-MD5", md5_text(o, o->up.md5));
        op_set(o, "x-ms-request-server-encrypted", STR("true"));
        return op_done(o, 201);
    }
    op_set(o, "x-ms-copy-id", prop(&b, "copy-id"));
    op_set(o, "x-ms-copy-status", STR("success"));
    return op_done(o, 202);
}

int op_copy_blob(struct op *o)
{
    struct container c;
    struct blob b;
    struct copy *cp = o->state = ARENA_NEW(o->a, struct copy);
    struct str type = op_header(o, "x-ms-blob-type");
    cp->commit = commit_copy;
    if (type.ptr && !str_ieqz(type, "BlockBlob"))
        return op_refuse(o, "Put Blob From URL of other types than BlockBlob");
    if (write_target(o, &c, &b) || open_source(o, cp, STR_NONE))
        return -1;
    return op_then(o, LANE_FREE, copy_bytes);
}

/* ---------------------------------------------------------------- ranges, as blocks */

static int commit_range(struct op *o)
{
    if (check_source_sums(o))
        return -1;
    for (size_t i = 0; i < o->r.header_count; i++) { /* the block came: from here on it is as sent */
        struct http_header *h = (struct http_header *)(uintptr_t)&o->r.headers[i];
        if (str_eqz(h->name, "x-ms-copy-source") || str_eqz(h->name, "content-md5"))
            h->name = STR("-");
    }
    return str_ieqz(op_param(o, "comp"), "block") ? op_put_block(o) : op_append_block(o);
}

int op_copy_range(struct op *o)
{
    struct copy *cp = o->state = ARENA_NEW(o->a, struct copy);
    cp->commit = commit_range;
    if (open_source(o, cp, op_header(o, "x-ms-source-range")))
        return -1;
    return op_then(o, LANE_FREE, copy_bytes);
}
