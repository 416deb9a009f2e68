/* Bytes in and out: gzip by zlib, UTF-16 and ISO-8859-1 to UTF-8, and the landing of files. */
#include "factory/datastore.h"

#include <string.h>
#include <zlib.h>

/* ---------------------------------------------------------------- landing */

struct datastore_out {
    int fd;
    char *path, *temporary, *dir;
    struct buf pending;
    int64_t written;
    bool gzip, new_dir;
    z_stream z;
};

static int make_dir(const char *dir, bool *made, struct err *err)
{
    *made = !fs_exists(dir);
    return *made ? fs_mkdirs(dir, err) : 0;
}

struct datastore_out *datastore_create(const struct resolved *root, struct str rel, bool gzip,
                               struct err *err)
{
    struct arena *a = arena_new();
    struct resolved at;
    struct datastore_out *o = NULL;
    char id[UUID_TEXT];
    if (root->kind != RESOLVED_LOCAL) {
        err_set(err, ERR_UNSUPPORTED, "a sink that is bound to a Git repository cannot be written");
        goto out;
    }
    if (resolve_below(root, a, rel, &at, err))
        goto out;
    if (!path_base(rel).len || datastore_is_temporary(str_cz(a, path_base(rel)))) {
        err_set(err, ERR_INPUT, "'%.*s' is no name for a file to be written", STR_ARGS(rel));
        goto out;
    }
    o = NEW(struct datastore_out);
    o->path = mem_strdup(at.path);
    o->dir = str_dup(path_dir(str_z(at.path)));
    o->temporary = mem_strdup(arena_printf(a, "%s/_tmp.%s", o->dir, uuid_make(id)));
    o->gzip = gzip;
    buf_init(&o->pending);
    o->fd = -1;
    if (gzip && deflateInit2(&o->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                             Z_DEFAULT_STRATEGY) != Z_OK)
        UNREACHABLE();
    if (make_dir(o->dir, &o->new_dir, err) ||
        (o->fd = fs_open(o->temporary, FS_WRITE | FS_CREATE | FS_EXCL, err)) < 0) {
        datastore_abort(o);
        o = NULL;
    }
out:
    arena_free(a);
    return o;
}

static int flush_out(struct datastore_out *o, struct err *err)
{
    if (o->pending.len && fs_write_all(o->fd, o->pending.ptr, o->pending.len, err))
        return -1;
    o->written += (int64_t)o->pending.len;
    buf_clear(&o->pending);
    return 0;
}

static int deflate_out(struct datastore_out *o, const void *bytes, size_t n, int flush, struct err *err)
{
    int rc;
    o->z.next_in = (Bytef *)bytes;
    o->z.avail_in = (uInt)n;
    do {
        o->z.next_out = buf_room(&o->pending, DATASTORE_CHUNK);
        o->z.avail_out = DATASTORE_CHUNK;
        rc = deflate(&o->z, flush);
        buf_took(&o->pending, DATASTORE_CHUNK - o->z.avail_out);
        if (o->pending.len >= DATASTORE_CHUNK && flush_out(o, err))
            return -1;
    } while (o->z.avail_out == 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
    return 0;
}

int datastore_write(struct datastore_out *o, const void *bytes, size_t n, struct err *err)
{
    if (o->gzip) {
        while (n > 0) {
            size_t part = n > 1u << 30 ? 1u << 30 : n;
            if (deflate_out(o, bytes, part, Z_NO_FLUSH, err))
                return -1;
            bytes = (const char *)bytes + part;
            n -= part;
        }
        return 0;
    }
    buf_add(&o->pending, bytes, n);
    return o->pending.len >= DATASTORE_CHUNK ? flush_out(o, err) : 0;
}

int64_t datastore_written(const struct datastore_out *o)
{
    return o->written + (int64_t)o->pending.len;
}

static void out_free(struct datastore_out *o)
{
    if (o->fd >= 0)
        fs_close(o->fd);
    if (o->gzip)
        deflateEnd(&o->z);
    buf_release(&o->pending);
    mem_free(o->path);
    mem_free(o->temporary);
    mem_free(o->dir);
    mem_free(o);
}

int datastore_commit(struct datastore_out *o, struct err *err)
{
    char *parent = str_dup(path_dir(str_z(o->dir)));
    int rc = 0;
    if ((o->gzip && deflate_out(o, "", 0, Z_FINISH, err)) || flush_out(o, err) ||
        fs_sync(o->fd, err) || fs_rename(o->temporary, o->path, err) ||
        fs_sync_dir(o->dir, err) || (o->new_dir && fs_sync_dir(parent, err)))
        rc = -1;
    mem_free(parent);
    if (rc)
        datastore_abort(o);
    else
        out_free(o);
    return rc;
}

void datastore_abort(struct datastore_out *o)
{
    struct err ignored;
    if (!o)
        return;
    if (fs_unlink(o->temporary, &ignored))
        log_warn("factory", "cannot remove '%s'", o->temporary);
    out_free(o);
}

/* ---------------------------------------------------------------- reading */

enum encoding { ENC_UTF8, ENC_LATIN1, ENC_UTF16LE, ENC_UTF16BE };

struct datastore_in {
    struct resolved_file *file;
    enum encoding encoding;
    bool gzip, first, raw_end, inflate_end;
    int64_t raw_bytes;
    z_stream z;
    struct buf raw;      /* compressed bytes not yet inflated */
    size_t raw_at;
    struct buf plain;    /* decoded bytes not yet handed out, of encodings other than UTF-8 */
    size_t plain_at;
    unsigned char rest[4];
    size_t rest_len;     /* half a UTF-16 character */
    const char *shown;
};

static enum encoding encoding_of(struct str name)
{
    static const struct { const char *name; enum encoding encoding; } rows[] = {
        {"ISO-8859-1", ENC_LATIN1}, {"UTF-16", ENC_UTF16LE}, {"UTF-16LE", ENC_UTF16LE},
        {"UTF-16BE", ENC_UTF16BE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_ieqz(name, rows[i].name))
            return rows[i].encoding;
    return ENC_UTF8;
}

struct datastore_in *datastore_open(const struct datastore_file *f, bool gzip, struct str encoding,
                            struct err *err)
{
    int64_t size;
    struct resolved_file *file = resolve_open(&f->at, &size, err);
    if (!file)
        return NULL;
    struct datastore_in *in = NEW(struct datastore_in);
    in->file = file;
    in->gzip = gzip;
    in->first = true;
    in->encoding = encoding_of(encoding);
    in->shown = f->shown;
    buf_init(&in->raw);
    buf_init(&in->plain);
    if (gzip && inflateInit2(&in->z, 15 + 32) != Z_OK)
        UNREACHABLE();
    return in;
}

void datastore_close(struct datastore_in *in)
{
    if (!in)
        return;
    if (in->gzip)
        inflateEnd(&in->z);
    resolve_close(in->file);
    buf_release(&in->raw);
    buf_release(&in->plain);
    mem_free(in);
}

int64_t datastore_bytes_read(const struct datastore_in *in)
{
    return in->raw_bytes;
}

static int64_t read_inflated(struct datastore_in *in, void *out, size_t n, struct err *err)
{
    in->z.next_out = out;
    in->z.avail_out = (uInt)(n > 1u << 30 ? 1u << 30 : n);
    uInt want = in->z.avail_out;
    while (in->z.avail_out == want) {
        if (in->z.avail_in == 0 && !in->raw_end) {
            buf_clear(&in->raw);
            int64_t got = resolve_read(in->file, buf_room(&in->raw, DATASTORE_CHUNK), DATASTORE_CHUNK, err);
            if (got < 0)
                return -1;
            in->raw_end = got == 0;
            in->raw_bytes += got;
            in->z.next_in = (Bytef *)in->raw.ptr;
            in->z.avail_in = (uInt)got;
        }
        if (in->inflate_end && in->z.avail_in == 0)
            return 0;
        if (in->inflate_end) { /* members may follow one another */
            inflateReset(&in->z);
            in->inflate_end = false;
        }
        int rc = inflate(&in->z, Z_NO_FLUSH);
        in->inflate_end = rc == Z_STREAM_END;
        if (rc != Z_OK && rc != Z_STREAM_END)
            return err_set(err, ERR_INPUT, "'%s' is no whole gzip file", in->shown);
    }
    return want - in->z.avail_out;
}

static int64_t read_raw(struct datastore_in *in, void *out, size_t n, struct err *err)
{
    if (in->gzip)
        return read_inflated(in, out, n, err);
    int64_t got = resolve_read(in->file, out, n, err);
    if (got > 0)
        in->raw_bytes += got;
    return got;
}

static void put_char(struct buf *out, uint32_t v)
{
    int more = v < 0x80 ? 0 : v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    buf_char(out, (char)(lead[more] | v >> (6 * more)));
    for (int k = more - 1; k >= 0; k--)
        buf_char(out, (char)(0x80 | (v >> (6 * k) & 0x3f)));
}

/* Takes one UTF-16 character off bytes; 0: more bytes are needed. */
static size_t utf16_char(const unsigned char *p, size_t n, bool big, uint32_t *v)
{
    if (n < 2)
        return 0;
    *v = big ? be16_get(p) : le16_get(p);
    if (*v < 0xd800 || *v > 0xdbff)
        return 2;
    if (n < 4)
        return 0;
    uint32_t low = big ? be16_get(p + 2) : le16_get(p + 2);
    if (low < 0xdc00 || low > 0xdfff) {
        *v = 0xfffd;
        return 2;
    }
    *v = 0x10000 + ((*v - 0xd800) << 10) + (low - 0xdc00);
    return 4;
}

static int decode_more(struct datastore_in *in, struct err *err)
{
    unsigned char chunk[8192];
    memcpy(chunk, in->rest, in->rest_len);
    int64_t got = read_raw(in, chunk + in->rest_len, sizeof chunk - in->rest_len, err);
    if (got <= 0)
        return (int)got;
    size_t n = (size_t)got + in->rest_len, at = 0, took;
    uint32_t v;
    buf_clear(&in->plain);
    in->plain_at = 0;
    if (in->encoding == ENC_LATIN1) {
        for (; at < n; at++)
            put_char(&in->plain, chunk[at]);
    } else {
        while ((took = utf16_char(chunk + at, n - at, in->encoding == ENC_UTF16BE, &v))) {
            at += took;
            if (in->first && v == 0xfffe) /* the mark says the other order */
                in->encoding = in->encoding == ENC_UTF16BE ? ENC_UTF16LE : ENC_UTF16BE;
            else if (!in->first || v != 0xfeff)
                put_char(&in->plain, v >= 0xd800 && v < 0xe000 ? 0xfffd : v);
            in->first = false;
        }
    }
    in->rest_len = n - at;
    memcpy(in->rest, chunk + at, in->rest_len);
    return 1;
}

int64_t datastore_read(struct datastore_in *in, void *out, size_t n, struct err *err)
{
    if (in->encoding == ENC_UTF8)
        return read_raw(in, out, n, err);
    while (in->plain_at == in->plain.len) {
        int more = decode_more(in, err);
        if (more <= 0)
            return more;
    }
    struct str part = str_sub(buf_view(&in->plain), in->plain_at, n);
    memcpy(out, part.ptr, part.len);
    in->plain_at += part.len;
    return (int64_t)part.len;
}

int datastore_read_all(const struct datastore_file *f, bool gzip, struct str encoding, size_t max,
                   struct buf *out, struct err *err)
{
    struct datastore_in *in = datastore_open(f, gzip, encoding, err);
    char chunk[65536];
    int64_t got = in ? 1 : -1;
    while (got > 0 && (got = datastore_read(in, chunk, sizeof chunk, err)) > 0) {
        buf_add(out, chunk, (size_t)got);
        if (out->len > max)
            got = err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", f->shown, max);
    }
    datastore_close(in);
    return got < 0 ? -1 : 0;
}

bool datastore_is_gzip(const struct data_at *at)
{
    struct str codec = data_text(at->props, "compressionCodec");
    if (!codec.len)
        codec = doc_str(doc_path(at->props, "compression.type"), STR(""));
    return str_ieqz(codec, "gzip");
}
