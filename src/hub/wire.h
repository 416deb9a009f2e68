/* wire -- Kafka's primitive types: reading a request, writing a response.
 *
 * All integers are big-endian. A string is int16 length + bytes (-1: null); bytes are int32 length
 * + bytes; an array is int32 count + items. In a *flexible* version lengths and counts are unsigned
 * varints of the value plus one (0: null), and every structure ends in tagged fields: uvarint
 * count, then per field uvarint tag, uvarint size, bytes. `flex` says which form holds, so that one
 * line of a handler serves both.
 *
 * A reader never reads past its end: on the first malformed value it turns `bad`, and from then on
 * returns zeros and empty strings. The handler asks once, after the last field. Strings point into
 * the request. Pure; any thread. */
#ifndef PAYSTREAK_HUB_WIRE_H
#define PAYSTREAK_HUB_WIRE_H
#include "base/base.h"

enum {
    WIRE_MAX_STRING = 32767,
    WIRE_MAX_TAGS = 64,      /* tagged fields of one structure */
    WIRE_UVARINT_BYTES = 5,
    WIRE_VARLONG_BYTES = 10,
};

struct kin { const uint8_t *p, *end; bool flex, bad; };

static inline struct kin kin_of(struct str s)
{
    return (struct kin){(const uint8_t *)s.ptr, (const uint8_t *)s.ptr + s.len, false, false};
}
static inline size_t kin_left(const struct kin *in) { return (size_t)(in->end - in->p); }
int8_t kin_i8(struct kin *in);
int16_t kin_i16(struct kin *in);
int32_t kin_i32(struct kin *in);
int64_t kin_i64(struct kin *in);
bool kin_bool(struct kin *in);
uint32_t kin_uvarint(struct kin *in);
int32_t kin_varint(struct kin *in);      /* zigzag */
int64_t kin_varlong(struct kin *in);     /* zigzag */
struct str kin_str(struct kin *in);      /* null turns the reader bad */
struct str kin_nstr(struct kin *in);     /* null: ptr NULL */
struct str kin_nbytes(struct kin *in);   /* null: ptr NULL */
/* Items of an array, -1 for null. More than the bytes left could hold (one byte an item) is bad. */
int32_t kin_count(struct kin *in);
struct str kin_take(struct kin *in, size_t n);
void kin_uuid(struct kin *in, uint8_t out[16]);
/* Skips the tagged fields, in flexible versions only. */
void kin_tags(struct kin *in);

struct kout { struct buf b; bool flex; };

void kout_i8(struct kout *o, int8_t v);
void kout_i16(struct kout *o, int16_t v);
void kout_i32(struct kout *o, int32_t v);
void kout_i64(struct kout *o, int64_t v);
void kout_bool(struct kout *o, bool v);
void kout_uvarint(struct kout *o, uint32_t v);
void kout_varint(struct kout *o, int32_t v);
void kout_varlong(struct kout *o, int64_t v);
void kout_str(struct kout *o, struct str s);    /* ptr NULL writes an empty string */
void kout_nstr(struct kout *o, struct str s);   /* ptr NULL writes null */
void kout_nbytes(struct kout *o, struct str s); /* ptr NULL writes null */
void kout_count(struct kout *o, int32_t n);     /* -1: null */
void kout_uuid(struct kout *o, const uint8_t id[16]);
void kout_tags(struct kout *o);                 /* none, in flexible versions only */
/* Bytes that are appended to `b` in between, without a copy: leaves room for their length, which kout_end_bytes() fills
 * in. In a flexible version the length is a uvarint of full width (0x80 goes on): a reader of uvarints takes it. */
size_t kout_begin_bytes(struct kout *o);
void kout_end_bytes(struct kout *o, size_t at);
#endif
