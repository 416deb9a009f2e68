/* amqp_codec -- AMQP 1.0's types: reading and writing values.
 *
 * A value is a constructor byte, then the bytes it asks for. The constructor's upper half says how
 * many: 4x none, 5x one, 6x two, 7x four, 8x eight, 9x sixteen, Ax/Bx a size of one or four bytes and
 * so many bytes, Cx/Dx (list, map) and Ex/Fx (array) a size, a count, and the items. 0x00 describes:
 * a descriptor (itself a value: ulong or symbol here) and the value follow. All integers are
 * big-endian.
 *
 * Reading never leaves its bytes: the first malformed value turns the reader `bad`, and from then on
 * all it returns is null; callers ask once, at the end. Compound values are not copied: `amqp_val`
 * holds their items' bytes, amqp_items() walks them. So reading one value takes constant stack;
 * amqp_val_ok() looks into them, to AMQP_MAX_DEPTH.
 *
 * Writers append to a buffer. Lists and maps are written in the 32-bit form, which every reader
 * takes, between amqp_open_*() and amqp_close(). Pure; any thread. */
#ifndef PAYSTREAK_HUB_AMQP_CODEC_H
#define PAYSTREAK_HUB_AMQP_CODEC_H
#include "base/base.h"

enum {
    AMQP_MAX_DEPTH = 16,
    AMQP_MAX_DESCRIBED = 4,        /* descriptors before one value */
    AMQP_MAX_EMPTY_ITEMS = 65535,  /* of an array whose items take no bytes */
};

enum amqp_type {
    AMQP_NULL, AMQP_BOOL, AMQP_UBYTE, AMQP_USHORT, AMQP_UINT, AMQP_ULONG, AMQP_BYTE, AMQP_SHORT, AMQP_INT, AMQP_LONG,
    AMQP_FLOAT, AMQP_DOUBLE, AMQP_DECIMAL, AMQP_CHAR, AMQP_TIMESTAMP, AMQP_UUID, AMQP_BINARY, AMQP_STRING, AMQP_SYMBOL,
    AMQP_LIST, AMQP_MAP, AMQP_ARRAY,
};

struct amqp_in { const uint8_t *p, *end; bool bad; };

struct amqp_val {
    enum amqp_type type;
    bool described;
    uint64_t code;                 /* described by a ulong: that; else 0 */
    struct str name;               /* described by a symbol: that */
    uint64_t u;                    /* unsigned, bool, char */
    int64_t i;                     /* signed, timestamp (ms) */
    double f;
    struct str bytes;              /* string, symbol, binary, uuid, decimal; the items of a compound one */
    uint32_t count;                /* items of a list, map (keys and values) or array */
    uint8_t item;                  /* constructor of an array's items */
};

static inline struct amqp_in amqp_in_of(struct str s)
{
    return (struct amqp_in){(const uint8_t *)s.ptr, (const uint8_t *)s.ptr + s.len, false};
}
static inline struct str amqp_rest(const struct amqp_in *in)
{
    return str_of((const char *)in->p, (size_t)(in->end - in->p));
}
/* Reads the next value. At the end of the bytes the reader is bad. */
struct amqp_val amqp_read(struct amqp_in *in);
/* The same, and *raw is its bytes, constructor and descriptors included. */
struct amqp_val amqp_read_raw(struct amqp_in *in, struct str *raw);
/* Walks the items of a list, map or array: `in` starts as amqp_items_of(v). False at the end. */
struct amqp_items { struct amqp_in in; uint32_t left; uint8_t item; };
struct amqp_items amqp_items_of(const struct amqp_val *v);
bool amqp_item(struct amqp_items *it, struct amqp_val *out);
bool amqp_item_raw(struct amqp_items *it, struct amqp_val *out, struct str *raw); /* not for arrays */
/* Is this value well-formed all the way down? */
bool amqp_val_ok(const struct amqp_val *v);

/* Any integer type that fits; false for others. */
bool amqp_val_u64(const struct amqp_val *v, uint64_t *out);
bool amqp_val_i64(const struct amqp_val *v, int64_t *out);
static inline bool amqp_val_text(const struct amqp_val *v) /* a string or a symbol */
{
    return v->type == AMQP_STRING || v->type == AMQP_SYMBOL;
}
/* The value of a key (string or symbol) in a map; null type if it is not there. */
struct amqp_val amqp_map_get(const struct amqp_val *map, const char *key);
/* Is `name` this text, or among the texts of this list or array? As capabilities are told. */
bool amqp_names(const struct amqp_val *v, const char *name);
/* Appends a value as text, as a reader of columns would want it: numbers, text, ISO times, base64. */
void amqp_val_print(struct buf *out, const struct amqp_val *v);

void amqp_null(struct buf *b);
void amqp_bool(struct buf *b, bool v);
void amqp_ubyte(struct buf *b, uint8_t v);
void amqp_ushort(struct buf *b, uint16_t v);
void amqp_uint(struct buf *b, uint32_t v);
void amqp_ulong(struct buf *b, uint64_t v);
void amqp_int(struct buf *b, int32_t v);
void amqp_long(struct buf *b, int64_t v);
void amqp_double(struct buf *b, double v);
void amqp_time(struct buf *b, int64_t ms);
void amqp_str(struct buf *b, struct str s);  /* ptr NULL: null */
void amqp_sym(struct buf *b, struct str s);  /* ptr NULL: null */
void amqp_bin(struct buf *b, struct str s);  /* ptr NULL: null */
void amqp_described(struct buf *b, uint64_t code); /* the value follows */
void amqp_syms(struct buf *b, const char *const *names); /* array of symbols, ended by NULL */

/* A list or map: items are counted by the caller, a map's keys and values each. */
size_t amqp_open_list(struct buf *b);
size_t amqp_open_map(struct buf *b);
void amqp_close(struct buf *b, size_t at, uint32_t count);
#endif
