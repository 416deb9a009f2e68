#include "engine/file_bytes.h"
#include "base/fs.h"
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { PACKED_BYTES = 128 << 10 };

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD, PACKED_UNKNOWN };
static const struct { const char *suffix; enum packing packing; } PACKINGS[] = {
    {".gz", PACKED_GZIP}, {".gzip", PACKED_GZIP}, {".zst", PACKED_ZSTD}, {".zstd", PACKED_ZSTD},
    {".bz2", PACKED_UNKNOWN}, {".xz", PACKED_UNKNOWN}, {".lz4", PACKED_UNKNOWN}, {".snappy", PACKED_UNKNOWN},
    {".deflate", PACKED_UNKNOWN}, {".zip", PACKED_UNKNOWN},
};

struct file_bytes {
    char *path;
    int fd;
    int64_t at;
    enum packing packing;
    char *packed;              /* a window of the file: `from` to `len` are not unpacked yet */
    size_t from, len;
    bool ended, inside;        /* the file has ended; a member has begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

struct file_bytes *file_bytes_open(const char *path, struct err *err)
{
    enum packing packing = PACKED_NOT;
    for (size_t i = 0; i < COUNT_OF(PACKINGS); i++)
        if (str_ends_z(str_z(path), PACKINGS[i].suffix))
            packing = PACKINGS[i].packing;
    if (packing == PACKED_UNKNOWN) {
        err_at(err, ERR_UNSUPPORTED, path, 0, 0, "the file is packed in a way that is not supported: .gz and .zst are");
        return NULL;
    }
    int fd = fs_open(path, FS_READ, err);
    if (fd < 0)
        return NULL;
    struct file_bytes *f = NEW(struct file_bytes);
    f->path = mem_strdup(path);
    f->fd = fd;
    f->packing = packing;
    f->packed = packing ? mem_alloc(PACKED_BYTES) : NULL;
    if (packing == PACKED_GZIP)
        CHECK(inflateInit2(&f->gzip, 15 + 32) == Z_OK);
    if (packing == PACKED_ZSTD)
        f->zstd = ZSTD_createDStream();
    return f;
}

void file_bytes_close(struct file_bytes *f)
{
    if (!f)
        return;
    if (f->packing == PACKED_GZIP)
        inflateEnd(&f->gzip);
    ZSTD_freeDStream(f->zstd);
    fs_close(f->fd);
    mem_free(f->packed);
    mem_free(f->path);
    mem_free(f);
}

static int64_t raw_read(struct file_bytes *f, void *out, size_t n, struct err *err)
{
    int64_t got = fs_pread(f->fd, out, n, f->at, err);
    f->at += got > 0 ? got : 0;
    return got;
}

static int refill(struct file_bytes *f, struct err *err)
{
    if (f->from < f->len || f->ended)
        return 0;
    int64_t got = raw_read(f, f->packed, PACKED_BYTES, err);
    if (got < 0)
        return -1;
    f->from = 0;
    f->len = (size_t)got;
    f->ended = got == 0;
    return 0;
}

static int broken(struct file_bytes *f, struct err *err)
{
    return err_at(err, ERR_CORRUPT, f->path, 0, 0, "the file's packing is damaged at or before byte %jd", (intmax_t)f->at);
}

/* Unpacks from the window into `out`: bytes written, or -1. */
static int64_t gunzip(struct file_bytes *f, void *out, size_t n, struct err *err)
{
    z_stream *z = &f->gzip;
    z->next_in = (Bytef *)f->packed + f->from;
    z->avail_in = (uInt)(f->len - f->from);
    z->next_out = out;
    z->avail_out = (uInt)n;
    int rc = inflate(z, Z_NO_FLUSH);
    f->from = f->len - z->avail_in;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return broken(f, err);
    f->inside = rc != Z_STREAM_END;
    if (rc == Z_STREAM_END)
        inflateReset(z);
    return (int64_t)(n - z->avail_out);
}

static int64_t unzstd(struct file_bytes *f, void *out, size_t n, struct err *err)
{
    ZSTD_inBuffer from = {f->packed, f->len, f->from};
    ZSTD_outBuffer to = {out, n, 0};
    size_t rc = ZSTD_decompressStream(f->zstd, &to, &from);
    if (ZSTD_isError(rc))
        return broken(f, err);
    f->from = from.pos;
    f->inside = rc != 0;
    return (int64_t)to.pos;
}

int64_t file_bytes_read(struct file_bytes *f, void *out, size_t n, struct err *err)
{
    if (n > 1 << 30)
        n = 1 << 30;
    if (!f->packing)
        return raw_read(f, out, n, err);
    for (;;) {
        if (refill(f, err))
            return -1;
        bool last = f->ended && f->from == f->len;
        if (last && !f->inside)
            return 0;
        int64_t got = f->packing == PACKED_GZIP ? gunzip(f, out, n, err) : unzstd(f, out, n, err);
        if (got)
            return got;
        if (last) /* what was left inside the unpacker is out, and its member has not ended */
            return broken(f, err);
    }
}
