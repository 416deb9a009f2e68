#include "hub/wire.h"
#include <string.h>

static const uint8_t *take(struct kin *in, size_t n)
{
    if (in->bad || n > kin_left(in)) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *p = in->p;
    in->p += n;
    return p;
}

int8_t kin_i8(struct kin *in)
{
    const uint8_t *p = take(in, 1);
    return p ? (int8_t)*p : 0;
}

int16_t kin_i16(struct kin *in)
{
    const uint8_t *p = take(in, 2);
    return p ? (int16_t)be16_get(p) : 0;
}

int32_t kin_i32(struct kin *in)
{
    const uint8_t *p = take(in, 4);
    return p ? (int32_t)be32_get(p) : 0;
}

int64_t kin_i64(struct kin *in)
{
    const uint8_t *p = take(in, 8);
    return p ? (int64_t)be64_get(p) : 0;
}

bool kin_bool(struct kin *in)
{
    return kin_i8(in) != 0;
}

static uint64_t varint(struct kin *in, int max_bytes, int max_bits)
{
    uint64_t v = 0;
    for (int i = 0; i < max_bytes; i++) {
        const uint8_t *p = take(in, 1);
        if (!p)
            return 0;
        int shift = 7 * i;
        uint64_t part = *p & 0x7f;
        if (shift + 7 > max_bits && part >> (max_bits - shift))
            break;
        v |= part << shift;
        if (!(*p & 0x80))
            return v;
    }
    in->bad = true;
    return 0;
}

uint32_t kin_uvarint(struct kin *in)
{
    return (uint32_t)varint(in, WIRE_UVARINT_BYTES, 32);
}

int32_t kin_varint(struct kin *in)
{
    uint32_t v = kin_uvarint(in);
    return (int32_t)(v >> 1 ^ (0u - (v & 1)));
}

int64_t kin_varlong(struct kin *in)
{
    uint64_t v = varint(in, WIRE_VARLONG_BYTES, 64);
    return (int64_t)(v >> 1 ^ (0ull - (v & 1)));
}

struct str kin_take(struct kin *in, size_t n)
{
    const uint8_t *p = take(in, n);
    return p ? str_of((const char *)p, n) : STR_NONE;
}

static struct str sized(struct kin *in, int64_t n)
{
    if (n < -1)
        in->bad = true;
    return n < 0 || in->bad ? STR_NONE : kin_take(in, (size_t)n);
}

struct str kin_nstr(struct kin *in)
{
    int64_t n = in->flex ? (int64_t)kin_uvarint(in) - 1 : kin_i16(in);
    if (n > WIRE_MAX_STRING)
        in->bad = true;
    return sized(in, n);
}

struct str kin_str(struct kin *in)
{
    struct str s = kin_nstr(in);
    if (!s.ptr)
        in->bad = true;
    return s;
}

struct str kin_nbytes(struct kin *in)
{
    return sized(in, in->flex ? (int64_t)kin_uvarint(in) - 1 : kin_i32(in));
}

int32_t kin_count(struct kin *in)
{
    int64_t n = in->flex ? (int64_t)kin_uvarint(in) - 1 : kin_i32(in);
    if (n < -1 || n > (int64_t)kin_left(in))
        in->bad = true;
    return in->bad ? 0 : (int32_t)n;
}

void kin_uuid(struct kin *in, uint8_t out[16])
{
    const uint8_t *p = take(in, 16);
    if (p)
        memcpy(out, p, 16);
    else
        memset(out, 0, 16);
}

void kin_tags(struct kin *in)
{
    if (!in->flex)
        return;
    uint32_t n = kin_uvarint(in);
    if (n > WIRE_MAX_TAGS)
        in->bad = true;
    for (uint32_t i = 0; i < n && !in->bad; i++) {
        kin_uvarint(in);
        take(in, kin_uvarint(in));
    }
}

/* ------------------------------------------------------------------ writing */

void kout_i8(struct kout *o, int8_t v)
{
    buf_add(&o->b, &v, 1);
}

void kout_i16(struct kout *o, int16_t v)
{
    uint8_t w[2];
    be16_put(w, (uint16_t)v);
    buf_add(&o->b, w, sizeof w);
}

void kout_i32(struct kout *o, int32_t v)
{
    uint8_t w[4];
    be32_put(w, (uint32_t)v);
    buf_add(&o->b, w, sizeof w);
}

void kout_i64(struct kout *o, int64_t v)
{
    uint8_t w[8];
    be64_put(w, (uint64_t)v);
    buf_add(&o->b, w, sizeof w);
}

void kout_bool(struct kout *o, bool v)
{
    kout_i8(o, v ? 1 : 0);
}

static void put_varint(struct kout *o, uint64_t v)
{
    uint8_t w[WIRE_VARLONG_BYTES];
    size_t n = 0;
    while (v >= 0x80) {
        w[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    w[n++] = (uint8_t)v;
    buf_add(&o->b, w, n);
}

void kout_uvarint(struct kout *o, uint32_t v)
{
    put_varint(o, v);
}

void kout_varint(struct kout *o, int32_t v)
{
    put_varint(o, (uint32_t)v << 1 ^ (uint32_t)(v >> 31));
}

void kout_varlong(struct kout *o, int64_t v)
{
    put_varint(o, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

void kout_nstr(struct kout *o, struct str s)
{
    CHECK(s.len <= WIRE_MAX_STRING);
    if (o->flex)
        kout_uvarint(o, s.ptr ? (uint32_t)s.len + 1 : 0);
    else
        kout_i16(o, s.ptr ? (int16_t)s.len : -1);
    buf_add(&o->b, s.ptr, s.len);
}

void kout_str(struct kout *o, struct str s)
{
    kout_nstr(o, s.ptr ? s : STR(""));
}

void kout_nbytes(struct kout *o, struct str s)
{
    CHECK(s.len < INT32_MAX);
    kout_count(o, s.ptr ? (int32_t)s.len : -1);
    buf_add(&o->b, s.ptr, s.len);
}

void kout_count(struct kout *o, int32_t n)
{
    if (o->flex)
        kout_uvarint(o, (uint32_t)(n + 1));
    else
        kout_i32(o, n);
}

void kout_uuid(struct kout *o, const uint8_t id[16])
{
    buf_add(&o->b, id, 16);
}

void kout_tags(struct kout *o)
{
    if (o->flex)
        kout_uvarint(o, 0);
}

size_t kout_begin_bytes(struct kout *o)
{
    static const uint8_t room[WIRE_UVARINT_BYTES];
    buf_add(&o->b, room, o->flex ? WIRE_UVARINT_BYTES : 4);
    return o->b.len;
}

void kout_end_bytes(struct kout *o, size_t at)
{
    if (o->b.overflow)
        return; /* the response is refused as a whole */
    size_t n = o->b.len - at;
    uint8_t *length = (uint8_t *)o->b.ptr + at - (o->flex ? WIRE_UVARINT_BYTES : 4);
    CHECK(at <= o->b.len && n < INT32_MAX);
    if (!o->flex)
        be32_put(length, (uint32_t)n);
    for (size_t i = 0, v = n + 1; o->flex && i < WIRE_UVARINT_BYTES; i++, v >>= 7)
        length[i] = (uint8_t)((v & 0x7f) | (i + 1 < WIRE_UVARINT_BYTES ? 0x80 : 0));
}
