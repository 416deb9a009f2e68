/* dv.c -- deletion vectors.
 *
 * Descriptor: storage 'i' holds the vector in Z85 text; 'u' names a file `deletion_vector_<uuid>.bin`
 * below the table, the last 20 characters of pathOrInlineDv being the UUID in Z85 and what stands
 * before them a folder; 'p' names a file by absolute path.
 * In a file, at `offset`: u32be size of the data, the data, u32be CRC-32 of the data. (A file
 * begins with a version byte 1, which offsets count.) The data, everything little-endian:
 *     u32 magic 1681511377, then a 64-bit roaring bitmap in the portable format:
 *     u64 number of 32-bit bitmaps, each: u32 key (the high half), then
 *       u32 cookie: 12346 = no runs, u32 container count follows;
 *                   low 16 bits 12347 = count - 1 in the high half, then ceil(count/8) bytes of run flags
 *       per container: u16 key (bits 16..31), u16 cardinality - 1
 *       without runs, or with 4 and more containers: per container u32 offset (skipped here)
 *       per container: run: u16 number of runs, each u16 start, u16 length - 1;
 *                      array (cardinality <= 4096): u16 values; else a bitmap of 8192 bytes
 * An older form, big-endian but for the 32-bit bitmaps: u32 magic 1681511376, u32 number of bitmaps,
 * each: u32 size in bytes, the bitmap; its place is its key. The protocol's own example has it.
 * Decoded, every container is a bitmap of 65,536 bits, found by binary search on row >> 16.
 *
 * The cache keeps CACHE_MAX vectors for the whole process, the oldest leaves first; it is the one
 * place of this module that DuckDB's threads share, hence the lock. */
#include "lake/dv.h"
#include "lake/place.h"
#include <pthread.h>
#include <string.h>

enum {
    MAGIC = 1681511377, MAGIC_NATIVE = 1681511376, COOKIE = 12346, COOKIE_RUNS = 12347, NO_OFFSETS_BELOW = 4, ARRAY_MAX = 4096,
    WORDS = 1024, CACHE_MAX = 256, CONTAINERS_MAX = 1 << 16 /* 2^32 rows */, DV_MAX_BYTES = 256 << 20, UUID_Z85 = 20
};

struct container { uint64_t high; uint64_t bits[WORDS]; };
struct lake_bitmap {
    struct container **list; /* ascending by high */
    size_t count, cap;
    int64_t cardinality;
};

/* ---- Z85 (RFC 32/Z85): five characters for four bytes */

static int z85_digit(char c)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static int z85_get(struct buf *out, struct str text, struct err *err)
{
    if (text.len % 5)
        return err_set(err, ERR_CORRUPT, "Z85 text of %zu characters", text.len);
    for (size_t i = 0; i < text.len; i += 5) {
        uint64_t v = 0;
        for (size_t k = 0; k < 5; k++) {
            int digit = z85_digit(text.ptr[i + k]);
            if (digit < 0)
                return err_set(err, ERR_CORRUPT, "'%c' is not Z85", text.ptr[i + k]);
            v = v * 85 + (uint64_t)digit;
        }
        uint8_t bytes[4];
        be32_put(bytes, (uint32_t)v);
        buf_add(out, bytes, sizeof bytes);
    }
    return 0;
}

/* ---- keys: "i:<z85>" or "<path>|<offset>|<size>" */

static int put_uuid_path(struct buf *out, struct str coded, struct err *err)
{
    if (coded.len < UUID_Z85)
        return err_set(err, ERR_CORRUPT, "deletion vector file '%.*s'", STR_ARGS(coded));
    struct str prefix = str_sub(coded, 0, coded.len - UUID_Z85);
    struct buf raw, hex;
    buf_init(&raw);
    buf_init(&hex);
    int rc = z85_get(&raw, str_from(coded, prefix.len), err);
    if (rc == 0) {
        hex_put(&hex, buf_view(&raw));
        buf_printf(out, "%.*s%sdeletion_vector_%.8s-%.4s-%.4s-%.4s-%.12s.bin", STR_ARGS(prefix),
                   prefix.len ? "/" : "", hex.ptr, hex.ptr + 8, hex.ptr + 12, hex.ptr + 16, hex.ptr + 20);
    }
    buf_release(&raw);
    buf_release(&hex);
    return rc;
}

int lake_dv_file(struct arena *a, const struct lake_dv *dv, struct str *out, struct err *err)
{
    struct buf b;
    *out = dv->storage == 'p' ? dv->path_or_inline : STR_NONE;
    if (dv->storage != 'u')
        return 0;
    buf_init(&b);
    int rc = put_uuid_path(&b, dv->path_or_inline, err);
    *out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return rc;
}

int lake_dv_key(struct buf *out, const char *dir, const struct lake_dv *dv, struct err *err)
{
    if (dv->storage == 'i') {
        buf_printf(out, "i:%.*s", STR_ARGS(dv->path_or_inline));
        return 0;
    }
    if (dv->storage != 'u' && dv->storage != 'p')
        return err_set(err, ERR_UNSUPPORTED, "deletion vector storage '%c'", dv->storage);
    struct arena *a = arena_new();
    struct str file;
    int rc = lake_dv_file(a, dv, &file, err);
    if (rc == 0)
        buf_z(out, lake_file_path(a, dir, file));
    arena_free(a);
    if (rc)
        return -1;
    buf_printf(out, "|%jd|%jd", (intmax_t)dv->offset, (intmax_t)dv->size_bytes);
    return 0;
}

/* ---- decoding */

struct input { const uint8_t *at, *end; };

static bool take(struct input *in, size_t n, const uint8_t **out)
{
    if ((size_t)(in->end - in->at) < n)
        return false;
    *out = in->at;
    in->at += n;
    return true;
}

static bool take_u16(struct input *in, uint32_t *out)
{
    const uint8_t *p;
    if (!take(in, 2, &p))
        return false;
    *out = le16_get(p);
    return true;
}

static bool take_u32(struct input *in, uint32_t *out)
{
    const uint8_t *p;
    if (!take(in, 4, &p))
        return false;
    *out = le32_get(p);
    return true;
}

static struct container *container_push(struct lake_bitmap *b, uint64_t high)
{
    if (b->count == CONTAINERS_MAX || (b->count && b->list[b->count - 1]->high >= high))
        return NULL; /* too many, or not ascending */
    b->list = mem_grow(b->list, &b->cap, b->count + 1, sizeof *b->list);
    struct container *c = NEW(struct container);
    c->high = high;
    return b->list[b->count++] = c;
}

static void set_bit(struct container *c, uint32_t v)
{
    c->bits[v / 64] |= (uint64_t)1 << (v % 64);
}

static bool read_runs(struct input *in, struct container *c)
{
    uint32_t runs, start, length;
    if (!take_u16(in, &runs))
        return false;
    for (uint32_t i = 0; i < runs; i++) {
        if (!take_u16(in, &start) || !take_u16(in, &length) || start + length > UINT16_MAX)
            return false;
        for (uint32_t v = start; v <= start + length; v++)
            set_bit(c, v);
    }
    return true;
}

static bool read_container(struct input *in, struct container *c, uint32_t cardinality)
{
    const uint8_t *p;
    if (cardinality <= ARRAY_MAX) {
        for (uint32_t i = 0, v; i < cardinality; i++) {
            if (!take_u16(in, &v))
                return false;
            set_bit(c, v);
        }
        return true;
    }
    if (!take(in, sizeof c->bits, &p))
        return false;
    for (size_t i = 0; i < WORDS; i++)
        c->bits[i] = le64_get(p + 8 * i);
    return true;
}

static bool read_bitmap32(struct input *in, uint32_t high, struct lake_bitmap *b)
{
    uint32_t cookie, count;
    const uint8_t *flags = NULL, *heads, *skipped;
    if (!take_u32(in, &cookie))
        return false;
    if ((cookie & UINT16_MAX) == COOKIE_RUNS) {
        count = (cookie >> 16) + 1;
        if (!take(in, (count + 7) / 8, &flags))
            return false;
    } else if (cookie != COOKIE || !take_u32(in, &count) || count > UINT16_MAX + 1) {
        return false;
    }
    if (!take(in, 4 * (size_t)count, &heads))
        return false;
    if ((!flags || count >= NO_OFFSETS_BELOW) && !take(in, 4 * (size_t)count, &skipped))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct container *c = container_push(b, (uint64_t)high << 16 | le16_get(heads + 4 * i));
        bool run = flags && flags[i / 8] >> (i % 8) & 1;
        if (!c || !(run ? read_runs(in, c) : read_container(in, c, (uint32_t)le16_get(heads + 4 * i + 2) + 1)))
            return false;
    }
    return true;
}

static bool read_portable(struct input *in, struct lake_bitmap *b)
{
    uint32_t high;
    const uint8_t *p;
    if (!take(in, 8, &p))
        return false;
    uint64_t n = le64_get(p);
    for (uint64_t i = 0; i < n; i++)
        if (!take_u32(in, &high) || !read_bitmap32(in, high, b))
            return false;
    return true;
}

static bool read_native(struct input *in, struct lake_bitmap *b)
{
    const uint8_t *p, *bitmap;
    if (!take(in, 4, &p))
        return false;
    uint32_t n = be32_get(p);
    for (uint32_t i = 0; i < n; i++) {
        if (!take(in, 4, &p) || !take(in, be32_get(p), &bitmap))
            return false;
        struct input one = {bitmap, in->at};
        if (!read_bitmap32(&one, i, b))
            return false;
    }
    return true;
}

static struct lake_bitmap *decode(struct str bytes, struct err *err)
{
    struct lake_bitmap *b = NEW(struct lake_bitmap);
    struct input in = {(const uint8_t *)bytes.ptr, (const uint8_t *)bytes.ptr + bytes.len};
    const uint8_t *magic;
    bool known = true, ok = take(&in, 4, &magic);
    if (ok && le32_get(magic) == MAGIC)
        ok = read_portable(&in, b);
    else if (ok && be32_get(magic) == MAGIC_NATIVE)
        ok = read_native(&in, b);
    else
        ok = known = false;
    for (size_t i = 0; i < b->count; i++)
        for (size_t w = 0; w < WORDS; w++)
            b->cardinality += __builtin_popcountll(b->list[i]->bits[w]);
    if (ok)
        return b;
    lake_bitmap_free(b);
    err_set(err, ERR_CORRUPT, known ? "a deletion vector does not decode" : "a deletion vector of unknown format");
    return NULL;
}

static int read_framed(struct str key, struct buf *out, struct err *err)
{
    int64_t offset, size;
    int64_t bar = str_rchr(key, '|');
    struct str rest = bar < 0 ? STR_NONE : str_sub(key, 0, (size_t)bar);
    int64_t bar2 = str_rchr(rest, '|');
    if (bar2 < 0 || !str_i64(str_from(key, (size_t)bar + 1), &size) || !str_i64(str_from(rest, (size_t)bar2 + 1), &offset) ||
        size < 0 || size > DV_MAX_BYTES || offset < 0)
        return err_set(err, ERR_CORRUPT, "deletion vector '%.*s'", STR_ARGS(key));
    char *path = str_dup(str_sub(rest, 0, (size_t)bar2));
    int fd = fs_open(path, FS_READ, err);
    int rc = fd < 0 ? -1 : 0;
    size_t total = (size_t)size + 8;
    uint8_t *bytes = buf_room(out, total);
    if (rc == 0 && bytes) {
        int64_t got = fs_pread(fd, bytes, total, offset, err);
        if (got < 0)
            rc = -1;
        else if (got != (int64_t)total || be32_get(bytes) != (uint32_t)size)
            rc = err_set(err, ERR_CORRUPT, "deletion vector at %jd in '%s' is cut short", (intmax_t)offset, path);
        else if (be32_get(bytes + 4 + size) != crc32_ieee(0, bytes + 4, (size_t)size))
            rc = err_set(err, ERR_CORRUPT, "deletion vector at %jd in '%s' has a wrong checksum", (intmax_t)offset, path);
        else
            buf_took(out, 4 + (size_t)size);
    }
    if (fd >= 0)
        fs_close(fd);
    mem_free(path);
    return rc;
}

struct lake_bitmap *lake_bitmap_load(struct str key, struct err *err)
{
    struct lake_bitmap *b = NULL;
    struct buf bytes;
    buf_init_max(&bytes, (size_t)DV_MAX_BYTES + 64);
    if (str_starts_z(key, "i:")) {
        if (z85_get(&bytes, str_from(key, 2), err) == 0)
            b = decode(buf_view(&bytes), err);
    } else if (read_framed(key, &bytes, err) == 0) {
        b = decode(str_from(buf_view(&bytes), 4), err);
    }
    buf_release(&bytes);
    return b;
}

void lake_bitmap_free(struct lake_bitmap *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        mem_free(b->list[i]);
    mem_free(b->list);
    mem_free(b);
}

bool lake_bitmap_has(const struct lake_bitmap *b, uint64_t row)
{
    uint64_t high = row >> 16;
    size_t lo = 0, hi = b->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->list[mid]->high < high)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == b->count || b->list[lo]->high != high)
        return false;
    return b->list[lo]->bits[(row & UINT16_MAX) / 64] >> (row % 64) & 1;
}

int64_t lake_bitmap_count(const struct lake_bitmap *b)
{
    return b->cardinality;
}

void lake_bitmap_rows(const struct lake_bitmap *b, uint64_t *rows)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t w = 0; w < WORDS; w++)
            for (uint64_t bits = b->list[i]->bits[w]; bits; bits &= bits - 1)
                *rows++ = b->list[i]->high << 16 | w * 64 | (uint64_t)__builtin_ctzll(bits);
}

/* ---- the function, and its cache */

struct cached { struct lake_bitmap *bitmap; char *key; int refs; uint64_t used; };
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached *cache[CACHE_MAX];
static uint64_t cache_clock;

static void cached_drop(struct cached *e) /* under cache_lock */
{
    if (--e->refs)
        return;
    lake_bitmap_free(e->bitmap);
    mem_free(e->key);
    mem_free(e);
}

static struct cached *cache_find(struct str key) /* under cache_lock; counted for the caller */
{
    for (size_t i = 0; i < CACHE_MAX; i++) {
        if (!cache[i] || !str_eqz(key, cache[i]->key))
            continue;
        cache[i]->used = ++cache_clock;
        cache[i]->refs++;
        return cache[i];
    }
    return NULL;
}

static struct cached *cache_add(struct str key, struct lake_bitmap *b) /* under cache_lock; counted for the caller */
{
    size_t slot = 0;
    for (size_t i = 0; i < CACHE_MAX; i++) {
        if (!cache[i]) {
            slot = i;
            break;
        }
        if (cache[i]->used < cache[slot]->used)
            slot = i;
    }
    if (cache[slot])
        cached_drop(cache[slot]);
    struct cached *e = NEW(struct cached);
    *e = (struct cached){.bitmap = b, .key = str_dup(key), .refs = 2, .used = ++cache_clock};
    return cache[slot] = e;
}

/* Rows of one file come in sequence: the thread's last vector is nearly always the one asked for. */
static __thread struct cached *last;

static const struct lake_bitmap *bitmap_of(struct str key, struct err *err)
{
    if (last && str_eqz(key, last->key))
        return last->bitmap;
    pthread_mutex_lock(&cache_lock);
    if (last)
        cached_drop(last);
    last = cache_find(key);
    if (!last) {
        struct lake_bitmap *b = lake_bitmap_load(key, err);
        last = b ? cache_add(key, b) : NULL;
    }
    pthread_mutex_unlock(&cache_lock);
    return last ? last->bitmap : NULL;
}

static int dv_has(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx;
    (void)count;
    (void)is_null;
    const struct lake_bitmap *b = bitmap_of(args[0].text, err);
    if (!b)
        return -1;
    int64_t has = lake_bitmap_has(b, (uint64_t)args[1].i64);
    buf_add(out, &has, sizeof has);
    return 0;
}

int lake_dv_register(struct duck *db, struct err *err)
{
    return duck_scalar_register(db, LAKE_DV_FUNCTION, (const char *const[]){"VARCHAR", "BIGINT"}, 2, "BOOLEAN", false,
                                dv_has, NULL, err);
}
