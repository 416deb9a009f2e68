#include "hub/amqp_codec.h"
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ constructors */

enum { FIXED_0 = 4, FIXED_1, FIXED_2, FIXED_4, FIXED_8, FIXED_16, SIZED_1, SIZED_4, COMPOUND_1, COMPOUND_4, ARRAY_1, ARRAY_4 };
enum { DESCRIBED = 0x00 };

/* By constructor byte; zero (AMQP_NULL) where there is none but 0x40. */
static const uint8_t TYPE_OF[256] = {
    [0x40] = AMQP_NULL,   [0x41] = AMQP_BOOL,      [0x42] = AMQP_BOOL,   [0x43] = AMQP_UINT,   [0x44] = AMQP_ULONG,  [0x45] = AMQP_LIST,
    [0x50] = AMQP_UBYTE,  [0x51] = AMQP_BYTE,      [0x52] = AMQP_UINT,   [0x53] = AMQP_ULONG,  [0x54] = AMQP_INT,    [0x55] = AMQP_LONG,
    [0x56] = AMQP_BOOL,   [0x60] = AMQP_USHORT,    [0x61] = AMQP_SHORT,  [0x70] = AMQP_UINT,   [0x71] = AMQP_INT,    [0x72] = AMQP_FLOAT,
    [0x73] = AMQP_CHAR,   [0x74] = AMQP_DECIMAL,   [0x80] = AMQP_ULONG,  [0x81] = AMQP_LONG,   [0x82] = AMQP_DOUBLE, [0x83] = AMQP_TIMESTAMP,
    [0x84] = AMQP_DECIMAL, [0x94] = AMQP_DECIMAL,  [0x98] = AMQP_UUID,   [0xa0] = AMQP_BINARY, [0xa1] = AMQP_STRING, [0xa3] = AMQP_SYMBOL,
    [0xb0] = AMQP_BINARY, [0xb1] = AMQP_STRING,    [0xb3] = AMQP_SYMBOL, [0xc0] = AMQP_LIST,   [0xc1] = AMQP_MAP,    [0xd0] = AMQP_LIST,
    [0xd1] = AMQP_MAP,    [0xe0] = AMQP_ARRAY,     [0xf0] = AMQP_ARRAY,
};

static bool constructor_ok(uint8_t c)
{
    return c == 0x40 || TYPE_OF[c] != AMQP_NULL;
}

static const uint8_t *take(struct amqp_in *in, size_t n)
{
    static const uint8_t zeros[16];
    if (in->bad || (size_t)(in->end - in->p) < n) {
        in->bad = true;
        return zeros; /* for fixed widths, which are 16 at most; sized ones ask `bad` */
    }
    const uint8_t *p = in->p;
    in->p += n;
    return p;
}

static uint64_t take_uint(struct amqp_in *in, size_t width)
{
    const uint8_t *p = take(in, width);
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | p[i];
    return v;
}

static int64_t sign_extend(uint64_t v, size_t width)
{
    unsigned shift = (unsigned)(64 - 8 * width);
    return width ? (int64_t)(v << shift) >> shift : 0;
}

static void set_number(struct amqp_val *v, uint8_t c, uint64_t raw, size_t width)
{
    float f32;
    uint32_t u32 = (uint32_t)raw;
    v->u = c == 0x41 ? 1 : raw;
    v->i = sign_extend(raw, width);
    if (c == 0x72) {
        memcpy(&f32, &u32, sizeof f32);
        v->f = (double)f32;
    } else if (c == 0x82) {
        memcpy(&v->f, &raw, sizeof v->f);
    }
}

static void take_sized(struct amqp_in *in, struct amqp_val *v, size_t width)
{
    size_t n = (size_t)take_uint(in, width);
    const uint8_t *p = take(in, n);
    v->bytes = in->bad ? STR_NONE : str_of((const char *)p, n);
}

/* An array whose items' constructor says it all: they take no bytes, however many they are. */
static bool no_bytes(const struct amqp_val *v)
{
    return v->type == AMQP_ARRAY && v->item >> 4 == FIXED_0;
}

/* Every item takes a byte at least, but those. */
static void take_compound(struct amqp_in *in, struct amqp_val *v, size_t width, bool array)
{
    struct amqp_val body = {0};
    take_sized(in, &body, width);
    struct amqp_in inner = amqp_in_of(body.bytes);
    v->count = (uint32_t)take_uint(&inner, width);
    if (array)
        v->item = *take(&inner, 1);
    v->bytes = amqp_rest(&inner);
    if (inner.bad || (array && !constructor_ok(v->item)) || v->count > (no_bytes(v) ? AMQP_MAX_EMPTY_ITEMS : v->bytes.len) ||
        (v->type == AMQP_MAP && v->count % 2))
        in->bad = true;
}

static void read_body(struct amqp_in *in, struct amqp_val *v, uint8_t c)
{
    static const uint8_t widths[] = {[FIXED_0] = 0, [FIXED_1] = 1, [FIXED_2] = 2, [FIXED_4] = 4, [FIXED_8] = 8};
    unsigned kind = c >> 4;
    v->type = (enum amqp_type)TYPE_OF[c];
    if (!constructor_ok(c))
        in->bad = true;
    else if (v->type == AMQP_UUID || v->type == AMQP_DECIMAL) {
        size_t n = kind == FIXED_16 ? 16 : widths[kind];
        v->bytes = str_of((const char *)take(in, n), n);
    } else if (kind <= FIXED_8)
        set_number(v, c, take_uint(in, widths[kind]), widths[kind]);
    else if (kind == SIZED_1 || kind == SIZED_4)
        take_sized(in, v, kind == SIZED_1 ? 1 : 4);
    else
        take_compound(in, v, kind == COMPOUND_1 || kind == ARRAY_1 ? 1 : 4, kind >= ARRAY_1);
}

static void read_descriptor(struct amqp_in *in, struct amqp_val *v)
{
    struct amqp_val d = {0};
    uint8_t c = *take(in, 1);
    if (c == DESCRIBED) { /* a described descriptor: nobody has one */
        in->bad = true;
        return;
    }
    read_body(in, &d, c);
    if (d.type != AMQP_ULONG && d.type != AMQP_SYMBOL)
        in->bad = true;
    v->described = true;
    v->code = d.type == AMQP_ULONG ? d.u : 0;
    v->name = d.type == AMQP_SYMBOL ? d.bytes : STR_NONE;
}

struct amqp_val amqp_read(struct amqp_in *in)
{
    struct amqp_val v = {0};
    uint8_t c = *take(in, 1);
    int depth = 0;
    while (c == DESCRIBED && !in->bad && depth++ < AMQP_MAX_DESCRIBED) {
        struct amqp_val before = v;
        read_descriptor(in, &v);
        if (before.described) /* the outermost is what it is */
            v = before;
        c = *take(in, 1);
    }
    if (c == DESCRIBED)
        in->bad = true;
    if (!in->bad)
        read_body(in, &v, c);
    return in->bad ? (struct amqp_val){0} : v;
}

struct amqp_val amqp_read_raw(struct amqp_in *in, struct str *raw)
{
    const uint8_t *from = in->p;
    struct amqp_val v = amqp_read(in);
    *raw = in->bad ? STR_NONE : str_of((const char *)from, (size_t)(in->p - from));
    return v;
}

struct amqp_items amqp_items_of(const struct amqp_val *v)
{
    bool many = v->type == AMQP_LIST || v->type == AMQP_MAP || v->type == AMQP_ARRAY;
    return (struct amqp_items){amqp_in_of(v->bytes), many ? v->count : 0, v->type == AMQP_ARRAY ? v->item : 0};
}

bool amqp_item(struct amqp_items *it, struct amqp_val *out)
{
    *out = (struct amqp_val){0};
    if (!it->left || it->in.bad)
        return false;
    it->left--;
    if (it->item)
        read_body(&it->in, out, it->item);
    else
        *out = amqp_read(&it->in);
    return !it->in.bad;
}

bool amqp_item_raw(struct amqp_items *it, struct amqp_val *out, struct str *raw)
{
    CHECK(!it->item);
    const uint8_t *from = it->in.p;
    bool more = amqp_item(it, out);
    *raw = more ? str_of((const char *)from, (size_t)(it->in.p - from)) : STR_NONE;
    return more;
}

static bool val_ok(const struct amqp_val *v, int depth)
{
    struct amqp_val item;
    struct amqp_items it = amqp_items_of(v);
    if (depth > AMQP_MAX_DEPTH)
        return false;
    if (v->type == AMQP_STRING && !str_utf8_ok(v->bytes))
        return false;
    if (!it.left || no_bytes(v)) /* the latter are not walked: a message could hold a hundred thousand such arrays */
        return v->type < AMQP_LIST || !v->bytes.len;
    while (amqp_item(&it, &item))
        if (!val_ok(&item, depth + 1))
            return false;
    return !it.in.bad && it.in.p == it.in.end;
}

bool amqp_val_ok(const struct amqp_val *v)
{
    return val_ok(v, 0);
}

/* ------------------------------------------------------------------ looking at values */

static bool is_unsigned(const struct amqp_val *v) { return v->type >= AMQP_UBYTE && v->type <= AMQP_ULONG; }
static bool is_signed(const struct amqp_val *v) { return (v->type >= AMQP_BYTE && v->type <= AMQP_LONG) || v->type == AMQP_TIMESTAMP; }

bool amqp_val_u64(const struct amqp_val *v, uint64_t *out)
{
    if (!is_unsigned(v) && !(is_signed(v) && v->i >= 0))
        return false;
    *out = is_unsigned(v) ? v->u : (uint64_t)v->i;
    return true;
}

bool amqp_val_i64(const struct amqp_val *v, int64_t *out)
{
    if (!is_signed(v) && !(is_unsigned(v) && v->u <= INT64_MAX))
        return false;
    *out = is_signed(v) ? v->i : (int64_t)v->u;
    return true;
}

struct amqp_val amqp_map_get(const struct amqp_val *map, const char *key)
{
    struct amqp_val k, v;
    struct amqp_items it = amqp_items_of(map);
    if (map->type != AMQP_MAP)
        return (struct amqp_val){0};
    while (amqp_item(&it, &k) && amqp_item(&it, &v))
        if (amqp_val_text(&k) && str_eqz(k.bytes, key))
            return v;
    return (struct amqp_val){0};
}

bool amqp_names(const struct amqp_val *v, const char *name)
{
    struct amqp_val item;
    struct amqp_items it = amqp_items_of(v);
    if (amqp_val_text(v))
        return str_eqz(v->bytes, name);
    while (amqp_item(&it, &item))
        if (amqp_val_text(&item) && str_eqz(item.bytes, name))
            return true;
    return false;
}

static void print_uuid(struct buf *out, struct str b)
{
    for (size_t i = 0; i < b.len; i++)
        buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", (uint8_t)b.ptr[i]);
}

/* The shortest text that reads back the same, as a float or a double. */
static void print_number(struct buf *out, const struct amqp_val *v)
{
    bool small = v->type == AMQP_FLOAT;
    char text[40];
    double back;
    int digits = small ? 6 : 15, most = small ? 9 : 17;
    do
        snprintf(text, sizeof text, "%.*g", digits, v->f);
    while (digits++ < most && !(str_f64(str_z(text), &back) && (small ? (float)back == (float)v->f : back == v->f)));
    buf_z(out, text);
}

void amqp_val_print(struct buf *out, const struct amqp_val *v)
{
    char when[40];
    if (v->type == AMQP_BOOL)
        buf_z(out, v->u ? "true" : "false");
    else if (is_unsigned(v) || v->type == AMQP_CHAR)
        buf_printf(out, "%ju", (uintmax_t)v->u);
    else if (v->type == AMQP_TIMESTAMP && v->i > INT64_MIN / 1000 && v->i < INT64_MAX / 1000)
        buf_z(out, time_iso((struct tp){v->i * 1000}, 3, when));
    else if (is_signed(v))
        buf_printf(out, "%jd", (intmax_t)v->i);
    else if (v->type == AMQP_FLOAT || v->type == AMQP_DOUBLE)
        print_number(out, v);
    else if (v->type == AMQP_UUID)
        print_uuid(out, v->bytes);
    else if (v->type == AMQP_STRING || v->type == AMQP_SYMBOL)
        buf_str(out, v->bytes);
    else if (v->type == AMQP_BINARY && str_utf8_ok(v->bytes))
        buf_str(out, v->bytes);
    else if (v->type != AMQP_NULL)
        base64_put(out, v->bytes);
}

/* ------------------------------------------------------------------ writing */

static void put(struct buf *b, uint8_t c, uint64_t v, int width)
{
    uint8_t bytes[9] = {c};
    for (int i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(v >> 8 * (width - 1 - i));
    buf_add(b, bytes, (size_t)width + 1);
}

void amqp_null(struct buf *b) { put(b, 0x40, 0, 0); }
void amqp_bool(struct buf *b, bool v) { put(b, v ? 0x41 : 0x42, 0, 0); }
void amqp_ubyte(struct buf *b, uint8_t v) { put(b, 0x50, v, 1); }
void amqp_ushort(struct buf *b, uint16_t v) { put(b, 0x60, v, 2); }
void amqp_int(struct buf *b, int32_t v) { put(b, 0x71, (uint32_t)v, 4); }
void amqp_long(struct buf *b, int64_t v) { put(b, 0x81, (uint64_t)v, 8); }
void amqp_time(struct buf *b, int64_t ms) { put(b, 0x83, (uint64_t)ms, 8); }

void amqp_uint(struct buf *b, uint32_t v)
{
    if (v == 0)
        put(b, 0x43, 0, 0);
    else if (v <= 0xff)
        put(b, 0x52, v, 1);
    else
        put(b, 0x70, v, 4);
}

void amqp_ulong(struct buf *b, uint64_t v)
{
    if (v == 0)
        put(b, 0x44, 0, 0);
    else if (v <= 0xff)
        put(b, 0x53, v, 1);
    else
        put(b, 0x80, v, 8);
}

void amqp_double(struct buf *b, double v)
{
    uint64_t raw;
    memcpy(&raw, &v, sizeof raw);
    put(b, 0x82, raw, 8);
}

static void put_sized(struct buf *b, uint8_t small, struct str s)
{
    if (!s.ptr) {
        amqp_null(b);
        return;
    }
    CHECK(s.len <= UINT32_MAX);
    if (s.len <= 0xff)
        put(b, small, s.len, 1);
    else
        put(b, small + 0x10, s.len, 4);
    buf_str(b, s);
}

void amqp_bin(struct buf *b, struct str s) { put_sized(b, 0xa0, s); }
void amqp_str(struct buf *b, struct str s) { put_sized(b, 0xa1, s); }
void amqp_sym(struct buf *b, struct str s) { put_sized(b, 0xa3, s); }

void amqp_described(struct buf *b, uint64_t code)
{
    buf_char(b, DESCRIBED);
    amqp_ulong(b, code);
}

enum { SIZE_AND_COUNT = 8, CONSTRUCTOR = 1 };

static size_t open_compound(struct buf *b, char constructor)
{
    static const char zeros[SIZE_AND_COUNT];
    size_t at = b->len;
    buf_char(b, constructor);
    buf_add(b, zeros, sizeof zeros);
    return at;
}

size_t amqp_open_list(struct buf *b) { return open_compound(b, (char)0xd0); }
size_t amqp_open_map(struct buf *b) { return open_compound(b, (char)0xd1); }

void amqp_close(struct buf *b, size_t at, uint32_t count)
{
    if (b->overflow)
        return;
    be32_put(b->ptr + at + CONSTRUCTOR, (uint32_t)(b->len - at - CONSTRUCTOR - 4));
    be32_put(b->ptr + at + CONSTRUCTOR + 4, count);
}

void amqp_syms(struct buf *b, const char *const *names)
{
    size_t at = open_compound(b, (char)0xf0);
    uint32_t n = 0;
    buf_char(b, (char)0xb3);
    for (; names[n]; n++) {
        uint8_t size[4];
        be32_put(size, (uint32_t)strlen(names[n]));
        buf_add(b, size, sizeof size);
        buf_z(b, names[n]);
    }
    amqp_close(b, at, n);
}
