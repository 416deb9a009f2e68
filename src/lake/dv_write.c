/* dv_write.c -- writing deletion vectors.
 *
 * One .bin file a commit: a version byte 1, then for each vector u32be size, the data, u32be CRC-32 of
 * the data. The data is described in dv.c; ours has array containers up to 4,096 rows, else bitmaps, and
 * no runs. A file's new vector holds the rows of its old one too; the descriptor's offset is that of
 * the size field. The file is named deletion_vector_<uuid>.bin, the descriptor has the UUID in Z85. */
#include "base/code.h"
#include "lake/dml_int.h"
#include "lake/dv.h"
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 1681511377, COOKIE = 12346, ARRAY_MAX = 4096, BITMAP_BYTES = 8192, VERSION_BYTE = 1, UUID_BYTES = 16 };

struct dv_file {
    struct lake_txn *x;
    char *path;
    struct str name_z85;
    struct buf bytes;
};

static void z85_put(struct buf *out, const uint8_t *bytes, size_t n)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    for (size_t i = 0; i + 4 <= n; i += 4) {
        uint32_t v = be32_get(bytes + i);
        char five[5];
        for (int k = 4; k >= 0; k--, v /= 85)
            five[k] = alphabet[v % 85];
        buf_add(out, five, sizeof five);
    }
}

struct dv_file *dv_file_new(struct lake_txn *x)
{
    struct dv_file *d = NEW(struct dv_file);
    uint8_t id[UUID_BYTES];
    struct buf hex, coded;
    d->x = x;
    random_bytes(id, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    buf_init(&hex);
    buf_init(&coded);
    buf_init(&d->bytes);
    hex_put(&hex, str_of((char *)id, sizeof id));
    z85_put(&coded, id, sizeof id);
    d->name_z85 = str_copy(x->arena, buf_view(&coded));
    d->path = arena_printf(x->arena, "%s/deletion_vector_%.8s-%.4s-%.4s-%.4s-%.12s.bin", x->dir, hex.ptr, hex.ptr + 8, hex.ptr + 12,
                           hex.ptr + 16, hex.ptr + 20);
    buf_char(&d->bytes, VERSION_BYTE);
    buf_release(&hex);
    buf_release(&coded);
    return d;
}

/* ---- encoding */

static void put_u16(struct buf *out, uint32_t v)
{
    uint8_t b[2];
    le16_put(b, (uint16_t)v);
    buf_add(out, b, sizeof b);
}

static void put_u32(struct buf *out, uint32_t v)
{
    uint8_t b[4];
    le32_put(b, v);
    buf_add(out, b, sizeof b);
}

/* Length of the run of rows from `at` on that share their bits above `shift`. */
static size_t same_high(const uint64_t *rows, size_t count, size_t at, int shift)
{
    size_t n = 1;
    while (at + n < count && rows[at + n] >> shift == rows[at] >> shift)
        n++;
    return n;
}

static void put_container(struct buf *out, const uint64_t *rows, size_t n)
{
    if (n <= ARRAY_MAX) {
        for (size_t i = 0; i < n; i++)
            put_u16(out, rows[i] & UINT16_MAX);
        return;
    }
    uint8_t *bits = mem_alloc(BITMAP_BYTES);
    for (size_t i = 0; i < n; i++)
        bits[(rows[i] & UINT16_MAX) / 8] |= (uint8_t)(1 << (rows[i] & 7));
    buf_add(out, bits, BITMAP_BYTES);
    mem_free(bits);
}

static void put_bitmap32(struct buf *out, const uint64_t *rows, size_t count)
{
    size_t containers = 0;
    for (size_t at = 0; at < count; at += same_high(rows, count, at, 16))
        containers++;
    put_u32(out, COOKIE);
    put_u32(out, (uint32_t)containers);
    for (size_t at = 0, n; at < count; at += n) {
        n = same_high(rows, count, at, 16);
        put_u16(out, rows[at] >> 16 & UINT16_MAX);
        put_u16(out, (uint32_t)n - 1);
    }
    uint32_t offset = (uint32_t)(8 + 8 * containers);
    for (size_t at = 0, n; at < count; at += n) {
        n = same_high(rows, count, at, 16);
        put_u32(out, offset);
        offset += n <= ARRAY_MAX ? (uint32_t)(2 * n) : BITMAP_BYTES;
    }
    for (size_t at = 0, n; at < count; at += n) {
        n = same_high(rows, count, at, 16);
        put_container(out, rows + at, n);
    }
}

static void encode(struct buf *out, const uint64_t *rows, size_t count)
{
    uint64_t bitmaps = 0;
    put_u32(out, MAGIC);
    for (size_t at = 0; at < count; at += same_high(rows, count, at, 32))
        bitmaps++;
    put_u32(out, (uint32_t)bitmaps);
    put_u32(out, 0);
    for (size_t at = 0, n; at < count; at += n) {
        n = same_high(rows, count, at, 32);
        put_u32(out, (uint32_t)(rows[at] >> 32));
        put_bitmap32(out, rows + at, n);
    }
}

/* ---- a vector */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The rows of the old vector, appended. */
static int load_old(const char *dir, const struct lake_file *f, uint64_t **rows, size_t *count, size_t *cap, struct err *err)
{
    if (!f->dv.storage)
        return 0;
    struct buf key;
    buf_init(&key);
    struct lake_bitmap *old = lake_dv_key(&key, dir, &f->dv, err) ? NULL : lake_bitmap_load(buf_view(&key), err);
    buf_release(&key);
    if (!old)
        return -1;
    size_t n = (size_t)lake_bitmap_count(old);
    *rows = mem_grow(*rows, cap, *count + n, sizeof **rows);
    lake_bitmap_rows(old, *rows + *count);
    *count += n;
    lake_bitmap_free(old);
    return 0;
}

int dv_file_put(struct dv_file *d, const struct lake_file *f, const uint64_t *rows, size_t count, struct lake_dv *out, struct err *err)
{
    size_t n = 0, cap = 0, unique = 0;
    uint64_t *all = mem_grow(NULL, &cap, count + 1, sizeof *all);
    memcpy(all, rows, count * sizeof *all);
    n = count;
    if (load_old(lake_table_dir(d->x->table), f, &all, &n, &cap, err)) {
        mem_free(all);
        return -1;
    }
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n; i++)
        if (!i || all[i] != all[i - 1])
            all[unique++] = all[i];
    struct buf data;
    uint8_t word[4];
    buf_init(&data);
    encode(&data, all, unique);
    mem_free(all);
    *out = (struct lake_dv){.storage = 'u', .path_or_inline = d->name_z85, .offset = (uint32_t)d->bytes.len, .size_bytes = (uint32_t)data.len, .cardinality = (int64_t)unique};
    be32_put(word, (uint32_t)data.len);
    buf_add(&d->bytes, word, sizeof word);
    buf_str(&d->bytes, buf_view(&data));
    be32_put(word, crc32_ieee(0, data.ptr, data.len));
    buf_add(&d->bytes, word, sizeof word);
    buf_release(&data);
    return buf_check(&d->bytes, "a file of deletion vectors", err);
}

int dv_file_close(struct dv_file *d, struct err *err)
{
    int fd = fs_open(d->path, FS_WRITE | FS_CREATE | FS_EXCL, err);
    int rc = fd < 0 ? -1 : 0;
    if (rc == 0) {
        txn_wrote(d->x, d->path);
        rc = fs_write_all(fd, d->bytes.ptr, d->bytes.len, err);
        fs_close(fd);
    }
    buf_release(&d->bytes);
    mem_free(d);
    return rc;
}
