/* codec_deflate.c -- compression of record batches, for those that compaction writes again. */
#include "hub/batch.h"
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static int failed(struct err *err, const char *codec)
{
    return err_set(err, ERR_INTERNAL, "%s does not compress a batch", codec);
}

static int deflate_gzip(struct str in, struct buf *out, struct err *err)
{
    enum { GZIP_WINDOW = 15 + 16, MEMORY = 8 };
    z_stream z = {.next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return failed(err, "gzip");
    size_t max = deflateBound(&z, (uLong)in.len);
    z.next_out = (Bytef *)buf_room(out, max);
    z.avail_out = (uInt)max;
    int rc = z.next_out ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
    size_t n = max - z.avail_out;
    deflateEnd(&z);
    if (rc != Z_STREAM_END)
        return failed(err, "gzip");
    buf_took(out, n);
    return 0;
}

static int deflate_snappy(struct str in, struct buf *out, struct err *err)
{
    size_t n = snappy_max_compressed_length(in.len);
    char *room = buf_room(out, n);
    if (!room || snappy_compress(in.ptr, in.len, room, &n) != SNAPPY_OK)
        return failed(err, "snappy");
    buf_took(out, n);
    return 0;
}

static int deflate_lz4(struct str in, struct buf *out, struct err *err)
{
    LZ4F_preferences_t p = {.frameInfo.blockMode = LZ4F_blockIndependent};
    size_t max = LZ4F_compressFrameBound(in.len, &p);
    char *room = buf_room(out, max);
    size_t n = room ? LZ4F_compressFrame(room, max, in.ptr, in.len, &p) : 0;
    if (!room || LZ4F_isError(n))
        return failed(err, "lz4");
    buf_took(out, n);
    return 0;
}

static int deflate_zstd(struct str in, struct buf *out, struct err *err)
{
    enum { LEVEL = 3 };
    size_t max = ZSTD_compressBound(in.len);
    char *room = buf_room(out, max);
    size_t n = room ? ZSTD_compress(room, max, in.ptr, in.len, LEVEL) : 0;
    if (!room || ZSTD_isError(n))
        return failed(err, "zstd");
    buf_took(out, n);
    return 0;
}

int codec_deflate(int codec, struct str in, struct buf *out, struct err *err)
{
    static int (*const ways[CODEC_COUNT])(struct str in, struct buf *out, struct err *err) = {
        [CODEC_GZIP] = deflate_gzip, [CODEC_SNAPPY] = deflate_snappy, [CODEC_LZ4] = deflate_lz4, [CODEC_ZSTD] = deflate_zstd};
    if (codec <= CODEC_NONE || codec >= CODEC_COUNT)
        return err_set(err, ERR_UNSUPPORTED, "compression codec %d is unknown", codec);
    return ways[codec](in, out, err);
}
