/* list.c -- List Blobs and DFS's Path List: an ordered walk over the folders, a page at a time.
 *
 * Order is that of the names' bytes, a folder standing where its name with a slash does: so it comes
 * right before what is in it, and a page's end is one name, from which the next page goes on. The
 * marker is that name in base64. Blob lists folders as prefixes, and only those with a blob below;
 * folders that a client made by name (DFS) are entries with hdi_isfolder, as Azure shows them. */
#include "storage/disk.h"
#include "storage/ops.h"
#include "storage/xml.h"
#include <stdlib.h>
#include <string.h>

enum { WALK_DEPTH = STORAGE_MAX_DEPTH + 1 };

struct entry { struct str key; bool is_dir; }; /* a folder's key ends in a slash */
struct frame { struct entry *list; size_t count, at; };

struct walk {
    struct op *o;
    const struct container *c;
    struct str prefix, marker;      /* keys that start so; keys behind it */
    bool inclusive, recursive;
    struct frame stack[WALK_DEPTH];
    int depth;
};

static int cmp_entry(const void *x, const void *y) { return str_cmp(((const struct entry *)x)->key, ((const struct entry *)y)->key); }

/* Could a key that starts with `dir` be behind the marker? */
static bool reaches(const struct walk *w, struct str dir)
{
    return !w->marker.len || str_cmp(dir, w->marker) > 0 || str_starts(w->marker, dir);
}

/* Reads the folder of key `dir` ("" or "a/b/"). */
static int push(struct walk *w, struct str dir)
{
    struct arena *a = w->o->a;
    struct err err = {0};
    char **names, *path = w->c->dir;
    struct frame f = {0};
    size_t cap = 0;
    if (dir.len)
        path = path_join(a, w->c->dir, str_cz(a, az_disk_path(a, str_sub(dir, 0, dir.len - 1))));
    int64_t n = fs_list(a, path, &names, &err);
    if (n < 0)
        return err.code == ERR_NOT_FOUND ? 0 : op_fail_err(w->o, &err);
    for (int64_t i = 0; i < n; i++) {
        struct str segment;
        struct disk_stat st;
        if (!az_segment_of(a, str_z(names[i]), &segment))
            continue;
        struct str key = str_fmt(a, "%.*s%.*s", STR_ARGS(dir), STR_ARGS(segment));
        if (!str_starts(key, w->prefix) && !str_starts(w->prefix, key))
            continue;
        if (disk_stat(path_join(a, path, names[i]), &st, &err))
            return op_fail_err(w->o, &err);
        if (!st.exists)
            continue;
        if (st.is_dir)
            key = str_fmt(a, "%.*s/", STR_ARGS(key));
        if (!str_starts(key, w->prefix) && !(st.is_dir && str_starts(w->prefix, key)))
            continue;
        bool behind = !w->marker.len || str_cmp(key, w->marker) > (w->inclusive ? -1 : 0);
        bool inside = st.is_dir && (w->recursive || key.len <= w->prefix.len) && reaches(w, key);
        if (!behind && !inside)
            continue;
        f.list = arena_grow(a, f.list, &cap, f.count + 1, sizeof *f.list);
        f.list[f.count++] = (struct entry){key, st.is_dir};
    }
    if (f.count)
        qsort(f.list, f.count, sizeof *f.list, cmp_entry);
    CHECK(w->depth < WALK_DEPTH);
    w->stack[w->depth++] = f;
    return 0;
}

/* 1: *out is the next entry; 0: the end; -1. */
static int next(struct walk *w, struct entry *out)
{
    while (w->depth) {
        struct frame *f = &w->stack[w->depth - 1];
        if (f->at == f->count) {
            w->depth--;
            continue;
        }
        *out = f->list[f->at++];
        bool above = out->is_dir && out->key.len <= w->prefix.len; /* a folder on the way to the prefix */
        if (out->is_dir && (w->recursive || above) && w->depth < WALK_DEPTH && push(w, out->key))
            return -1;
        bool behind = !w->marker.len || str_cmp(out->key, w->marker) > (w->inclusive ? -1 : 0);
        if (!above && behind && str_starts(out->key, w->prefix))
            return 1;
    }
    return 0;
}

static bool holds_file(struct op *o, const char *dir, int depth)
{
    struct err err;
    char **names;
    struct str segment;
    int64_t n = depth < WALK_DEPTH ? fs_list(o->a, dir, &names, &err) : 0;
    for (int64_t i = 0; i < n; i++) {
        struct disk_stat st;
        char *path = path_join(o->a, dir, names[i]);
        if (!az_segment_of(o->a, str_z(names[i]), &segment) || disk_stat(path, &st, &err) || !st.exists)
            continue;
        if (!st.is_dir || holds_file(o, path, depth + 1))
            return true;
    }
    return false;
}

static struct str marker_get(struct op *o, struct str text)
{
    struct buf b;
    buf_init(&b);
    struct str out = text.len && base64_get(&b, text) ? str_copy(o->a, buf_view(&b)) : STR_NONE;
    buf_release(&b);
    return out;
}

static void marker_put(struct buf *out, struct str key)
{
    if (key.len)
        base64_put(out, key);
}

/* ---------------------------------------------------------------- List Blobs */

struct list_want { bool meta, tags, copy; };

static int blob_xml(struct op *o, const struct container *c, const struct blob *b, const struct list_want *want)
{
    static const struct { const char *prop, *element; } rows[] = {
        {"content-encoding", "Content-Encoding"}, {"content-language", "Content-Language"}, {"content-md5", "Content-MD5"},
        {"cache-control", "Cache-Control"}, {"content-disposition", "Content-Disposition"}};
    struct lease_view v;
    struct buf *x = &o->body;
    char when[40];
    if (lease_view(o, c->name, b->path, &v))
        return -1;
    buf_z(x, "<Blob>");
    azxml_element(x, "Name", b->path);
    buf_printf(x, "<Properties><Creation-Time>%s</Creation-Time>", http_date((struct tp){b->created_us}, when));
    buf_printf(x, "<Last-Modified>%s</Last-Modified><Etag>%.*s</Etag>", http_date((struct tp){b->changed_us}, when), STR_ARGS(b->etag));
    buf_printf(x, "<ResourceType>%s</ResourceType><Content-Length>%jd</Content-Length>", b->is_dir ? "directory" : "file", (intmax_t)b->size);
    azxml_element(x, "Content-Type", prop(b, "content-type").len ? prop(b, "content-type") : STR("application/octet-stream"));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        azxml_element(x, rows[i].element, prop(b, rows[i].prop));
    buf_printf(x, "<BlobType>%s</BlobType>", b->type == 'A' ? "AppendBlob" : "BlockBlob");
    if (b->type == 'B' && prop(b, "tier").len)
        azxml_element(x, "AccessTier", prop(b, "tier"));
    else if (b->type == 'B')
        buf_z(x, "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>");
    buf_printf(x, "<LeaseStatus>%s</LeaseStatus><LeaseState>%s</LeaseState>", v.status, v.state);
    if (v.duration)
        buf_printf(x, "<LeaseDuration>%s</LeaseDuration>", v.duration);
    if (want->copy && prop(b, "copy-id").len) {
        azxml_element(x, "CopyId", prop(b, "copy-id"));
        azxml_element(x, "CopyStatus", prop(b, "copy-status"));
        azxml_element(x, "CopySource", prop(b, "copy-source"));
        azxml_element(x, "CopyProgress", prop(b, "copy-progress"));
        azxml_element(x, "CopyCompletionTime", prop(b, "copy-completion-time"));
    }
    buf_z(x, "<ServerEncrypted>true</ServerEncrypted>");
    if (b->tags->count)
        buf_printf(x, "<TagCount>%zu</TagCount>", b->tags->count);
    buf_z(x, "</Properties>");
    if (want->meta)
        azxml_meta(x, b->meta, b->is_dir && !doc_get(b->meta, "hdi_isfolder") ? "<hdi_isfolder>true</hdi_isfolder>" : "");
    if (want->tags && b->tags->count)
        put_tags(x, b->tags);
    buf_z(x, "</Blob>");
    return 0;
}

static int read_include(struct op *o, struct list_want *want)
{
    struct str rest = op_param(o, "include"), part;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        want->meta |= str_ieqz(part, "metadata");
        want->tags |= str_ieqz(part, "tags");
        want->copy |= str_ieqz(part, "copy");
        if (str_ieqz(part, "uncommittedblobs"))
            return op_refuse(o, "listing of uncommitted blobs");
    }
    return 0;
}

/* One entry: 1 if it is shown. `fold` is a delimiter other than the slash, or none. */
static int show(struct op *o, const struct container *c, const struct entry *e, struct str fold, struct str prefix, const struct list_want *want,
                bool flat, struct str *marker)
{
    struct blob b;
    struct str name = e->is_dir ? str_sub(e->key, 0, e->key.len - 1) : e->key;
    *marker = e->key;
    if (fold.len) {
        int64_t at = str_find(str_from(e->key, prefix.len), fold);
        if (at >= 0 && (!e->is_dir || flat)) {
            struct str folded = str_sub(e->key, 0, prefix.len + (size_t)at + fold.len);
            *marker = str_fmt(o->a, "%.*s\xff", STR_ARGS(folded));
            buf_z(&o->body, "<BlobPrefix>");
            azxml_element(&o->body, "Name", folded);
            buf_z(&o->body, "</BlobPrefix>");
            return 1;
        }
    }
    if (blob_find(o, c, name, &b))
        return -1;
    if (!b.exists || (b.is_dir && flat && !b.has_row))
        return 0;
    if (b.is_dir && !flat) {
        if (!b.has_row && !holds_file(o, b.file, 0))
            return 0;
        buf_z(&o->body, "<BlobPrefix>");
        azxml_element(&o->body, "Name", e->key);
        buf_z(&o->body, "</BlobPrefix>");
        return 1;
    }
    return blob_xml(o, c, &b, want) ? -1 : 1;
}

int op_list_blobs(struct op *o)
{
    struct container c;
    struct list_want want = {0};
    struct str delimiter = op_param(o, "delimiter"), from = op_param(o, "startfrom"), last = STR_NONE, fold;
    int64_t max = STORAGE_MAX_PAGE, shown = 0;
    struct entry e;
    bool flat = !str_eqz(delimiter, "/"), more = false;
    struct buf *x = &o->body;
    if (container_find(o, o->r.container, &c) || lease_need(o, c.name, STR(""), op_header(o, "x-ms-lease-id"), false) || read_include(o, &want) ||
        op_i64(o, op_param(o, "maxresults"), "maxresults", 1, INT32_MAX, &max))
        return -1;
    max = max > STORAGE_MAX_PAGE ? STORAGE_MAX_PAGE : max;
    fold = flat ? delimiter : STR_NONE;
    struct walk *w = ARENA_NEW(o->a, struct walk);
    *w = (struct walk){.o = o, .c = &c, .prefix = op_param(o, "prefix"), .marker = marker_get(o, op_param(o, "marker")), .recursive = flat};
    if (op_param(o, "marker").len && !w->marker.len)
        return op_fail_why(o, AZ_OutOfRangeInput, "marker is none that a listing gave.");
    if (!w->marker.len && from.len) {
        w->marker = from;
        w->inclusive = true;
    }
    buf_printf(x, AZXML_HEAD "<EnumerationResults ServiceEndpoint=\"http://%.*s/%.*s\" ContainerName=\"%.*s\">",
               STR_ARGS(o->r.host), STR_ARGS(o->r.account), STR_ARGS(c.name));
    azxml_element(x, "Prefix", w->prefix);
    azxml_element(x, "Marker", op_param(o, "marker"));
    buf_printf(x, "<MaxResults>%jd</MaxResults>", (intmax_t)max);
    if (delimiter.len)
        azxml_element(x, "Delimiter", delimiter);
    buf_z(x, "<Blobs>");
    int rc = push(w, STR(""));
    while (rc == 0 && (rc = next(w, &e)) == 1) {
        if (fold.len && last.len && last.ptr[last.len - 1] == '\xff' && str_starts(e.key, str_sub(last, 0, last.len - 1))) {
            rc = 0;
            continue;
        }
        if (shown == max) { /* something is behind; that it may be an empty folder does no harm */
            more = true;
            rc = 0;
            break;
        }
        struct str marker;
        int one = show(o, &c, &e, fold, w->prefix, &want, flat, &marker);
        if (one > 0) {
            shown++;
            last = marker;
        }
        rc = one < 0 ? -1 : 0;
    }
    if (rc)
        return -1;
    buf_z(x, "</Blobs><NextMarker>");
    if (more)
        marker_put(x, last);
    buf_z(x, "</NextMarker></EnumerationResults>");
    o->content_type = "application/xml";
    return op_done(o, 200);
}

/* ---------------------------------------------------------------- Path List */

static void path_json(struct op *o, const struct blob *b, bool first)
{
    char when[40];
    struct buf *x = &o->body;
    struct str owner = prop(b, "owner"), group = prop(b, "group");
    buf_z(x, first ? "{\"name\":" : ",{\"name\":");
    json_quote(x, b->path);
    if (b->is_dir)
        buf_z(x, ",\"isDirectory\":\"true\"");
    buf_printf(x, ",\"lastModified\":\"%s\",\"etag\":\"%.*s\",\"contentLength\":\"%jd\",\"creationTime\":\"%jd\"", http_date((struct tp){b->changed_us}, when),
               STR_ARGS(b->etag), (intmax_t)b->size, (intmax_t)(b->created_us * 10 + INT64_C(116444736000000000)));
    buf_z(x, ",\"owner\":");
    json_quote(x, owner.len ? owner : STR("$superuser"));
    buf_z(x, ",\"group\":");
    json_quote(x, group.len ? group : STR("$superuser"));
    buf_z(x, ",\"permissions\":");
    json_quote(x, perms_of(b));
    buf_char(x, '}');
}

int op_list_paths(struct op *o)
{
    struct container c;
    struct blob dir, b;
    struct entry e;
    struct str at = op_param(o, "directory"), last = STR_NONE;
    int64_t max = STORAGE_MAX_PAGE, shown = 0;
    bool recursive = str_ieqz(op_param(o, "recursive"), "true"), more = false;
    while (at.len && at.ptr[0] == '/')
        at = str_from(at, 1);
    while (at.len && at.ptr[at.len - 1] == '/')
        at.len--;
    if (container_find(o, o->r.container, &c) || op_i64(o, op_param(o, "maxresults"), "maxResults", 1, INT32_MAX, &max))
        return -1;
    max = max > STORAGE_MAX_PAGE ? STORAGE_MAX_PAGE : max;
    if (at.len && blob_need(o, &c, at, &dir))
        return -1;
    if (at.len && !dir.is_dir)
        return op_fail_why(o, AZ_PathConflict, "'%.*s' is a file.", STR_ARGS(at));
    struct walk *w = ARENA_NEW(o->a, struct walk);
    *w = (struct walk){.o = o, .c = &c, .prefix = at.len ? str_fmt(o->a, "%.*s/", STR_ARGS(at)) : STR(""),
                       .marker = marker_get(o, op_param(o, "continuation")), .recursive = recursive};
    if (op_param(o, "continuation").len && !w->marker.len)
        return op_fail_why(o, AZ_InvalidQueryParameterValue, "continuation is none that a listing gave.");
    buf_z(&o->body, "{\"paths\":[");
    int rc = push(w, w->prefix);
    while (rc == 0 && (rc = next(w, &e)) == 1) {
        struct str name = e.is_dir ? str_sub(e.key, 0, e.key.len - 1) : e.key;
        rc = 0;
        if (!e.is_dir && e.key.len && e.key.ptr[e.key.len - 1] == '/') /* a blob with an empty last segment: no path */
            continue;
        if (shown == max) {
            more = true;
            break;
        }
        if (blob_find(o, &c, name, &b))
            return -1;
        if (!b.exists)
            continue;
        path_json(o, &b, shown == 0);
        shown++;
        last = e.key;
    }
    if (rc)
        return -1;
    buf_z(&o->body, "]}");
    if (more) {
        struct buf m;
        buf_init(&m);
        marker_put(&m, last);
        op_set(o, "x-ms-continuation", buf_view(&m));
        buf_release(&m);
    }
    o->content_type = "application/json;charset=utf-8";
    return op_done(o, 200);
}
