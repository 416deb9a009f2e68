#include "connect/flatbuf.h"
#include <string.h>

void flatbuf_init(struct flatbuf *b)
{
    *b = (struct flatbuf){.cap = 1024};
    b->bytes = mem_alloc(b->cap);
}

void flatbuf_release(struct flatbuf *b) { mem_free(b->bytes); }

static uint8_t *push(struct flatbuf *b, size_t n)
{
    while (b->len + n > b->cap) {
        uint8_t *grown = mem_alloc(b->cap * 2);
        memcpy(grown + b->cap * 2 - b->len, b->bytes + b->cap - b->len, b->len);
        mem_free(b->bytes);
        b->bytes = grown;
        b->cap *= 2;
    }
    b->len += n;
    uint8_t *at = b->bytes + b->cap - b->len;
    memset(at, 0, n);
    return at;
}

/* Pads so that, after `n` more bytes, the place is a multiple of `align`. */
static void prepare(struct flatbuf *b, size_t n, size_t align)
{
    while ((b->len + n) % align)
        push(b, 1);
}

uint32_t flatbuf_string(struct flatbuf *b, struct str s)
{
    prepare(b, 4 + s.len + 1, 4);
    uint8_t *at = push(b, 4 + s.len + 1);
    le32_put(at, (uint32_t)s.len);
    if (s.len)
        memcpy(at + 4, s.ptr, s.len);
    return (uint32_t)b->len;
}

uint32_t flatbuf_offsets(struct flatbuf *b, const uint32_t *items, size_t count)
{
    prepare(b, 4 + 4 * count, 4);
    for (size_t i = count; i-- > 0;) {
        uint8_t *at = push(b, 4);
        le32_put(at, (uint32_t)b->len - items[i]);
    }
    le32_put(push(b, 4), (uint32_t)count);
    return (uint32_t)b->len;
}

uint32_t flatbuf_pairs(struct flatbuf *b, const int64_t (*pairs)[2], size_t count)
{
    prepare(b, 16 * count, 8);
    for (size_t i = count; i-- > 0;) {
        uint8_t *at = push(b, 16);
        le64_put(at, (uint64_t)pairs[i][0]);
        le64_put(at + 8, (uint64_t)pairs[i][1]);
    }
    le32_put(push(b, 4), (uint32_t)count);
    return (uint32_t)b->len;
}

void flatbuf_table(struct flatbuf *b)
{
    memset(b->fields, 0, sizeof b->fields);
    b->field_count = 0;
    b->table_start = (uint32_t)b->len;
}

static uint8_t *field(struct flatbuf *b, size_t index, size_t n)
{
    CHECK(index < FLATBUF_MAX_FIELDS);
    prepare(b, n, n);
    uint8_t *at = push(b, n);
    b->fields[index] = (uint32_t)b->len;
    if (index + 1 > b->field_count)
        b->field_count = index + 1;
    return at;
}

void flatbuf_u8(struct flatbuf *b, size_t f, uint8_t v) { *field(b, f, 1) = v; }
void flatbuf_i16(struct flatbuf *b, size_t f, int16_t v) { le16_put(field(b, f, 2), (uint16_t)v); }
void flatbuf_i32(struct flatbuf *b, size_t f, int32_t v) { le32_put(field(b, f, 4), (uint32_t)v); }
void flatbuf_i64(struct flatbuf *b, size_t f, int64_t v) { le64_put(field(b, f, 8), (uint64_t)v); }

void flatbuf_ref(struct flatbuf *b, size_t f, uint32_t place)
{
    uint8_t *at = field(b, f, 4);
    le32_put(at, (uint32_t)b->len - place);
}

uint32_t flatbuf_end(struct flatbuf *b)
{
    prepare(b, 4, 4);
    push(b, 4); /* where the vtable is, filled below */
    uint32_t table = (uint32_t)b->len;
    size_t n = 4 + 2 * b->field_count;
    uint8_t *v = push(b, n);
    le16_put(v, (uint16_t)n);
    le16_put(v + 2, (uint16_t)(table - b->table_start));
    for (size_t i = 0; i < b->field_count; i++)
        le16_put(v + 4 + 2 * i, (uint16_t)(b->fields[i] ? table - b->fields[i] : 0));
    uint32_t vtable = (uint32_t)b->len;
    le32_put(b->bytes + b->cap - table, vtable - table); /* the vtable lies before the table */
    return table;
}

struct str flatbuf_finish(struct flatbuf *b, uint32_t root)
{
    prepare(b, 4, 8);
    uint8_t *at = push(b, 4);
    le32_put(at, (uint32_t)b->len - root);
    return str_of((char *)b->bytes + b->cap - b->len, b->len);
}
