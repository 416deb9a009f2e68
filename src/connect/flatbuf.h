/* flatbuf -- a small FlatBuffers builder, as much as Arrow's messages need (flatbuffers.dev,
 * "FlatBuffer Internals"). Bytes are written from the end to the front; an object's place is its
 * distance from the end. Children are finished before their parent starts. Pure. */
#ifndef PAYSTREAK_CONNECT_FLATBUF_H
#define PAYSTREAK_CONNECT_FLATBUF_H
#include "base/base.h"

enum { FLATBUF_MAX_FIELDS = 16 };
struct flatbuf {
    uint8_t *bytes; size_t cap, len;
    uint32_t fields[FLATBUF_MAX_FIELDS]; /* of the table being written: places, 0: absent */
    size_t field_count; uint32_t table_start;
};
void flatbuf_init(struct flatbuf *b);
void flatbuf_release(struct flatbuf *b);
uint32_t flatbuf_string(struct flatbuf *b, struct str s);
uint32_t flatbuf_offsets(struct flatbuf *b, const uint32_t *items, size_t count); /* a vector of tables */
/* A vector of structs of i64 pairs, as FieldNode and Buffer are. */
uint32_t flatbuf_pairs(struct flatbuf *b, const int64_t (*pairs)[2], size_t count);
void flatbuf_table(struct flatbuf *b);                 /* starts a table */
void flatbuf_u8(struct flatbuf *b, size_t field, uint8_t v);
void flatbuf_i16(struct flatbuf *b, size_t field, int16_t v);
void flatbuf_i32(struct flatbuf *b, size_t field, int32_t v);
void flatbuf_i64(struct flatbuf *b, size_t field, int64_t v);
void flatbuf_ref(struct flatbuf *b, size_t field, uint32_t place);
uint32_t flatbuf_end(struct flatbuf *b);               /* ends the table; its place */
struct str flatbuf_finish(struct flatbuf *b, uint32_t root); /* bytes, until release */
#endif
