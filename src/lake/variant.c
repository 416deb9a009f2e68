/* variant.c -- see variant.h. Everything is little-endian.
 *
 * Metadata: a byte (bits 0-3: version 1; bits 6-7: size of an offset less 1), the number n of names, n + 1
 * offsets, the names one after another.
 * Value: a byte whose bits 0-1 are the basic type, the others `head`:
 *     0  primitive: head is its type, below
 *     1  text of head bytes
 *     2  object: head bits 0-1 size of an offset less 1, bits 2-3 size of a name's number less 1, bit 4: the count
 *        has four bytes, not one. Count n, n numbers of names, n + 1 offsets into what follows. Order is that of names
 *     3  array: head bits 0-1 size of an offset less 1, bit 2: the count has four bytes. Count n, n + 1 offsets
 * An inner value is read from its offset on and ends where it ends. Every read is checked against the end of the bytes. */
#include "lake/variant.h"
#include "base/code.h"
#include "base/doc.h"
#include "base/str.h"
#include "base/time.h"
#include "duck/render.h"
#include <string.h>

enum { BASIC_PRIMITIVE, BASIC_SHORT_TEXT, BASIC_OBJECT, BASIC_ARRAY, VERSION = 1 };
enum { SECOND_US = 1000000, US_NS = 1000, UUID_BYTES = 16 };

struct bytes { const uint8_t *at; size_t len; };
struct names { struct bytes all; uint64_t count; int offset_size; };
struct decoder {
    struct names names;
    struct buf *out;
    size_t left;                  /* values that there may be yet: each has a byte of its own */
    struct err *err;
};

static int corrupt(struct decoder *d)
{
    return err_set(d->err, ERR_CORRUPT, "a VARIANT value that does not decode");
}

/* `size` bytes at `at` as a number, false past the end. */
static bool number(struct bytes b, uint64_t at, int size, uint64_t *out)
{
    *out = 0;
    if (at > b.len || b.len - at < (size_t)size)
        return false;
    for (int i = 0; i < size; i++)
        *out |= (uint64_t)b.at[at + (uint64_t)i] << (8 * i);
    return true;
}

static int64_t sign_extended(uint64_t v, int size)
{
    int shift = 64 - 8 * size;
    return (int64_t)(v << shift) >> shift;
}

static int read_names(struct decoder *d, struct str metadata)
{
    struct names *n = &d->names;
    n->all = (struct bytes){(const uint8_t *)metadata.ptr, metadata.len};
    if (!metadata.len || (n->all.at[0] & 15) != VERSION)
        return corrupt(d);
    n->offset_size = (n->all.at[0] >> 6) + 1;
    return number(n->all, 1, n->offset_size, &n->count) ? 0 : corrupt(d);
}

static bool name_of(const struct names *n, uint64_t id, struct str *out)
{
    uint64_t size = (uint64_t)n->offset_size, from, to, base = 1 + size * (n->count + 2);
    if (id >= n->count || !number(n->all, 1 + size * (1 + id), n->offset_size, &from) || !number(n->all, 1 + size * (2 + id), n->offset_size, &to) ||
        from > to || base > n->all.len || to > n->all.len - base)
        return false;
    *out = str_of((const char *)n->all.at + base + from, to - from);
    return true;
}

/* ---- primitives */

static int put_bytes(struct decoder *d, struct bytes b, bool text)
{
    uint64_t n;
    if (!number(b, 0, 4, &n) || n > b.len - 4)
        return corrupt(d);
    struct str s = str_of((const char *)b.at + 4, n);
    if (text && !str_utf8_ok(s))
        return corrupt(d);
    if (text) {
        json_quote(d->out, s);
        return 0;
    }
    buf_char(d->out, '"');
    base64_put(d->out, s);
    buf_char(d->out, '"');
    return 0;
}

static int put_decimal(struct decoder *d, struct bytes b, int size)
{
    uint64_t scale, low, high = 0;
    if (!number(b, 0, 1, &scale) || scale > 38 || !number(b, 1, size > 8 ? 8 : size, &low) || (size > 8 && !number(b, 9, 8, &high)))
        return corrupt(d);
    __int128 v = size > 8 ? (__int128)((unsigned __int128)high << 64 | low) : sign_extended(low, size);
    while (scale && v % 10 == 0) {
        v /= 10;
        scale--;
    }
    render_decimal(d->out, v, (int)scale);
    return 0;
}

static void put_float(struct decoder *d, uint64_t bits, int size)
{
    double v;
    float f;
    uint32_t half = (uint32_t)bits;
    memcpy(&f, &half, sizeof f);
    memcpy(&v, &bits, sizeof v);
    render_f64(d->out, size == 4 ? (double)f : v, size == 4, DUCK_AS_JSON);
}

/* Microseconds, and the nanoseconds past them. */
static void put_time(struct decoder *d, int64_t us, int ns, bool zone)
{
    buf_char(d->out, '"');
    render_timestamp(d->out, us, false, DUCK_AS_TEXT);
    if (ns)
        buf_printf(d->out, us % SECOND_US ? "%03d" : ".000000%03d", ns);
    buf_z(d->out, zone ? "+00:00\"" : "\"");
}

static void put_nanos(struct decoder *d, int64_t v, bool zone)
{
    int64_t ns = v % US_NS;
    put_time(d, v / US_NS - (ns < 0), (int)(ns < 0 ? ns + US_NS : ns), zone);
}

static void put_clock(struct decoder *d, int64_t us)
{
    buf_printf(d->out, "\"%02d:%02d:%02d", (int)(us / SECOND_US / 3600), (int)(us / SECOND_US / 60 % 60), (int)(us / SECOND_US % 60));
    if (us % SECOND_US)
        buf_printf(d->out, ".%06d", (int)(us % SECOND_US));
    buf_char(d->out, '"');
}

static int put_uuid(struct decoder *d, struct bytes b)
{
    struct buf hex;
    if (b.len < UUID_BYTES)
        return corrupt(d);
    buf_init(&hex);
    hex_put(&hex, str_of((const char *)b.at, UUID_BYTES));
    buf_printf(d->out, "\"%.8s-%.4s-%.4s-%.4s-%.12s\"", hex.ptr, hex.ptr + 8, hex.ptr + 12, hex.ptr + 16, hex.ptr + 20);
    buf_release(&hex);
    return 0;
}

enum primitive { P_NULL, P_TRUE, P_FALSE, P_I8, P_I16, P_I32, P_I64, P_DOUBLE, P_DEC4, P_DEC8, P_DEC16, P_DATE, P_TIMESTAMP, P_NTZ, P_FLOAT,
                 P_BINARY, P_TEXT, P_CLOCK, P_TIMESTAMP_NS, P_NTZ_NS, P_UUID };

static int put_primitive(struct decoder *d, unsigned type, struct bytes b)
{
    /* Bytes of the value; 0: not a plain number. */
    static const int sizes[] = {[P_I8] = 1, [P_I16] = 2, [P_I32] = 4, [P_I64] = 8, [P_DOUBLE] = 8, [P_DATE] = 4, [P_TIMESTAMP] = 8, [P_NTZ] = 8,
                                [P_FLOAT] = 4, [P_CLOCK] = 8, [P_TIMESTAMP_NS] = 8, [P_NTZ_NS] = 8, [P_UUID] = 0};
    uint64_t bits = 0;
    if (type >= COUNT_OF(sizes))
        return err_set(d->err, ERR_UNSUPPORTED, "a VARIANT value of the unknown type %u", type);
    if (!number(b, 0, sizes[type], &bits))
        return corrupt(d);
    int64_t v = sizes[type] ? sign_extended(bits, sizes[type]) : 0;
    switch ((enum primitive)type) {
    case P_NULL: buf_z(d->out, "null"); return 0;
    case P_TRUE: buf_z(d->out, "true"); return 0;
    case P_FALSE: buf_z(d->out, "false"); return 0;
    case P_I8: case P_I16: case P_I32: case P_I64: buf_printf(d->out, "%jd", (intmax_t)v); return 0;
    case P_DOUBLE: case P_FLOAT: put_float(d, bits, sizes[type]); return 0;
    case P_DEC4: return put_decimal(d, b, 4);
    case P_DEC8: return put_decimal(d, b, 8);
    case P_DEC16: return put_decimal(d, b, 16);
    case P_DATE:
        buf_char(d->out, '"');
        render_date(d->out, (int32_t)v, DUCK_AS_TEXT);
        buf_char(d->out, '"');
        return 0;
    case P_TIMESTAMP: case P_NTZ: put_time(d, v, 0, type == P_TIMESTAMP); return 0;
    case P_TIMESTAMP_NS: case P_NTZ_NS: put_nanos(d, v, type == P_TIMESTAMP_NS); return 0;
    case P_BINARY: case P_TEXT: return put_bytes(d, b, type == P_TEXT);
    case P_CLOCK: put_clock(d, v); return 0;
    case P_UUID: return put_uuid(d, b);
    }
    return corrupt(d);
}

/* ---- nested values */

static int put_value(struct decoder *d, struct bytes b, int depth);

/* Objects have numbers of names of `id_size` bytes, arrays (0) have none. */
static int put_members(struct decoder *d, struct bytes b, int count_size, int id_size, int offset_size, int depth)
{
    uint64_t n, id, offset;
    if (!number(b, 0, count_size, &n))
        return corrupt(d);
    uint64_t ids = (uint64_t)count_size, offsets = ids + n * (uint64_t)id_size, values = offsets + (n + 1) * (uint64_t)offset_size;
    if (values > b.len)
        return corrupt(d);
    buf_char(d->out, id_size ? '{' : '[');
    for (uint64_t i = 0; i < n; i++) {
        struct str name;
        buf_z(d->out, i ? "," : "");
        if (id_size) {
            if (!number(b, ids + i * (uint64_t)id_size, id_size, &id) || !name_of(&d->names, id, &name) || !str_utf8_ok(name))
                return corrupt(d);
            json_quote(d->out, name);
            buf_char(d->out, ':');
        }
        if (!number(b, offsets + i * (uint64_t)offset_size, offset_size, &offset) || offset > b.len - values)
            return corrupt(d);
        if (put_value(d, (struct bytes){b.at + values + offset, b.len - values - offset}, depth + 1))
            return -1;
    }
    buf_char(d->out, id_size ? '}' : ']');
    return 0;
}

static int put_value(struct decoder *d, struct bytes b, int depth)
{
    if (!b.len || !d->left--)
        return corrupt(d);
    if (depth > VARIANT_MAX_DEPTH)
        return err_set(d->err, ERR_LIMIT, "a VARIANT value is nested deeper than %d levels", VARIANT_MAX_DEPTH);
    unsigned head = b.at[0] >> 2;
    struct bytes rest = {b.at + 1, b.len - 1};
    switch (b.at[0] & 3) {
    case BASIC_PRIMITIVE: return put_primitive(d, head, rest);
    case BASIC_OBJECT: return put_members(d, rest, head >> 4 & 1 ? 4 : 1, (int)(head >> 2 & 3) + 1, (int)(head & 3) + 1, depth);
    case BASIC_ARRAY: return put_members(d, rest, head >> 2 & 1 ? 4 : 1, 0, (int)(head & 3) + 1, depth);
    default: break;
    }
    struct str text = str_of((const char *)rest.at, head);
    if (head > rest.len || !str_utf8_ok(text))
        return corrupt(d);
    json_quote(d->out, text);
    return 0;
}

int variant_put_json(struct buf *out, struct str metadata, struct str value, struct err *err)
{
    struct decoder d = {.out = out, .left = value.len, .err = err};
    if (read_names(&d, metadata))
        return -1;
    return put_value(&d, (struct bytes){(const uint8_t *)value.ptr, value.len}, 0);
}

/* ---- the function */

static int variant_json(void *ctx, const struct duck_arg *args, size_t count, struct buf *out, bool *is_null, struct err *err)
{
    (void)ctx;
    (void)count;
    (void)is_null;
    return variant_put_json(out, args[0].text, args[1].text, err);
}

int lake_variant_register(struct duck *db, struct err *err)
{
    return duck_scalar_register(db, LAKE_VARIANT_FUNCTION, (const char *const[]){"BLOB", "BLOB"}, 2, "VARCHAR", false, variant_json, NULL, err);
}
