/* codec.c -- decompression of record batches: gzip, snappy (raw and xerial-framed), lz4 frames, zstd.
 *
 * Clients compress; the hub stores what came and decompresses only where it must see records. Java
 * frames snappy the xerial way: 0x82 "SNAPPY" 0x00, version i32, compatible i32, then blocks of
 * i32 length + raw snappy; librdkafka sends one raw block. Output is bounded by `max`. */
#include "hub/batch.h"
#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { STEP = 64 * 1024, XERIAL_HEADER = 16 };

static int too_big(struct err *err, size_t max)
{
    return err_set(err, ERR_LIMIT, "a batch decompresses to more than %zu bytes", max);
}

static int corrupt(struct err *err, const char *codec)
{
    return err_set(err, ERR_CORRUPT, "%s data of a batch is damaged", codec);
}

static int inflate_gzip(struct str in, struct buf *out, size_t max, struct err *err)
{
    z_stream z = {.next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, 15 + 32) != Z_OK)
        return err_set(err, ERR_INTERNAL, "zlib does not start");
    int rc = Z_OK, failed = 0;
    size_t start = out->len;
    while (rc == Z_OK && !failed) {
        void *room = out->len - start < max ? buf_room(out, STEP) : NULL;
        if (!room) {
            failed = too_big(err, max);
            break;
        }
        z.next_out = room;
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        buf_took(out, STEP - z.avail_out);
        if (rc == Z_OK && z.avail_in == 0 && z.avail_out > 0)
            rc = Z_DATA_ERROR; /* the data ends in the middle */
    }
    inflateEnd(&z);
    if (!failed && rc != Z_STREAM_END)
        return corrupt(err, "gzip");
    return failed;
}

static int snappy_block(struct str in, struct buf *out, size_t room, size_t max, struct err *err)
{
    size_t n;
    if (snappy_uncompressed_length(in.ptr, in.len, &n) != SNAPPY_OK)
        return corrupt(err, "snappy");
    if (n > room)
        return too_big(err, max);
    char *to = buf_room(out, n + 1);
    if (!to)
        return too_big(err, max);
    if (snappy_uncompress(in.ptr, in.len, to, &n) != SNAPPY_OK)
        return corrupt(err, "snappy");
    buf_took(out, n);
    return 0;
}

static int inflate_snappy(struct str in, struct buf *out, size_t max, struct err *err)
{
    static const char magic[] = {(char)0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
    if (in.len < XERIAL_HEADER || memcmp(in.ptr, magic, sizeof magic))
        return snappy_block(in, out, max, max, err);
    struct str rest = str_from(in, XERIAL_HEADER);
    size_t start = out->len;
    while (rest.len) {
        uint32_t n = rest.len >= 4 ? be32_get(rest.ptr) : UINT32_MAX;
        if (n > rest.len - 4 || rest.len < 4)
            return corrupt(err, "snappy");
        if (snappy_block(str_sub(rest, 4, n), out, max - (out->len - start), max, err))
            return -1;
        rest = str_from(rest, 4 + (size_t)n);
    }
    return 0;
}

static int inflate_lz4(struct str in, struct buf *out, size_t max, struct err *err)
{
    LZ4F_dctx *d;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)))
        return err_set(err, ERR_INTERNAL, "lz4 does not start");
    size_t start = out->len, hint = 1;
    int failed = 0;
    while (hint && !failed) {
        void *room = out->len - start < max ? buf_room(out, STEP) : NULL;
        if (!room) {
            failed = too_big(err, max);
            break;
        }
        size_t made = STEP, used = in.len;
        hint = LZ4F_decompress(d, room, &made, in.ptr, &used, NULL);
        if (LZ4F_isError(hint) || (used == 0 && made == 0 && hint))
            failed = corrupt(err, "lz4");
        else
            buf_took(out, made);
        in = str_from(in, used);
    }
    LZ4F_freeDecompressionContext(d);
    return failed;
}

static int inflate_zstd(struct str in, struct buf *out, size_t max, struct err *err)
{
    ZSTD_DStream *d = ZSTD_createDStream();
    CHECK(d);
    ZSTD_inBuffer from = {in.ptr, in.len, 0};
    size_t start = out->len, hint = 1;
    int failed = 0;
    while (hint && !failed) {
        void *room = out->len - start < max ? buf_room(out, STEP) : NULL;
        if (!room) {
            failed = too_big(err, max);
            break;
        }
        ZSTD_outBuffer to = {room, STEP, 0};
        size_t before = from.pos;
        hint = ZSTD_decompressStream(d, &to, &from);
        if (ZSTD_isError(hint) || (hint && from.pos == before && to.pos == 0))
            failed = corrupt(err, "zstd");
        else
            buf_took(out, to.pos);
    }
    ZSTD_freeDStream(d);
    return failed;
}

static const struct codec {
    const char *name;
    int (*inflate)(struct str in, struct buf *out, size_t max, struct err *err);
} CODECS[CODEC_COUNT] = {
    [CODEC_NONE] = {"none", NULL},
    [CODEC_GZIP] = {"gzip", inflate_gzip},
    [CODEC_SNAPPY] = {"snappy", inflate_snappy},
    [CODEC_LZ4] = {"lz4", inflate_lz4},
    [CODEC_ZSTD] = {"zstd", inflate_zstd},
};

int codec_inflate(int codec, struct str in, struct buf *out, size_t max, struct err *err)
{
    if (codec < 0 || codec >= CODEC_COUNT || !CODECS[codec].inflate)
        return err_set(err, ERR_UNSUPPORTED, "compression codec %d is unknown", codec);
    return CODECS[codec].inflate(in, out, max, err);
}

const char *codec_name(int codec)
{
    return codec >= 0 && codec < CODEC_COUNT ? CODECS[codec].name : "unknown";
}
