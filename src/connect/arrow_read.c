#include "connect/arrow_read.h"
#include "connect/arrow_ipc.h"
#include "duck/duck.h"
#include <string.h>

enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3 };
enum { T_NULL = 1, T_INT, T_FLOAT, T_BINARY, T_UTF8, T_BOOL, T_DECIMAL, T_DATE, T_TIMESTAMP = 10, T_LIST = 12, T_STRUCT = 13, T_MAP = 17,
       T_LARGE_BINARY = 19, T_LARGE_UTF8 = 20, T_LARGE_LIST = 21, T_COUNT = 32 };

/* How many buffers a type's column has, and how wide its offsets are. */
static const struct { uint8_t buffers, offset_bytes; } LAYOUTS[T_COUNT] = {
    [T_NULL] = {0, 0}, [T_INT] = {2, 0}, [T_FLOAT] = {2, 0}, [T_BINARY] = {3, 4}, [T_UTF8] = {3, 4}, [T_BOOL] = {2, 0}, [T_DECIMAL] = {2, 0},
    [T_DATE] = {2, 0}, [T_TIMESTAMP] = {2, 0}, [T_LIST] = {2, 4}, [T_STRUCT] = {1, 0}, [T_MAP] = {2, 4}, [T_LARGE_BINARY] = {3, 8},
    [T_LARGE_UTF8] = {3, 8}, [T_LARGE_LIST] = {2, 8},
};

struct column {
    struct str name;
    int kind;                     /* T_… */
    int bits, scale;              /* INT: width; FLOAT: 32, 64; DECIMAL: digits and scale; TIMESTAMP: unit, 0 s … 3 ns */
    bool is_signed, zoned;
    const struct type *type;
    struct column *children; size_t child_count;
    int64_t rows;                 /* of the batch at hand */
    struct str valid, first, second; /* its buffers; `first`: values or offsets, `second`: bytes */
};

struct reader {
    struct arena *a;
    struct str body;              /* of the batch */
    struct str meta;
    size_t nodes, buffers, node_count, buffer_count, node_at, buffer_at;
    bool corrupt;
    struct err *err;
};

/* ---------------------------------------------------------------- FlatBuffers; 0 stands for absent */

static uint64_t number(struct reader *r, size_t at, size_t bytes)
{
    if (at > r->meta.len || r->meta.len - at < bytes) {
        r->corrupt = true;
        return 0;
    }
    const char *p = r->meta.ptr + at;
    return bytes == 1 ? (uint8_t)*p : bytes == 2 ? le16_get(p) : bytes == 4 ? le32_get(p) : le64_get(p);
}

static size_t follow(struct reader *r, size_t at) { return at ? at + number(r, at, 4) : 0; }

/* Where field `n` of a table lies. */
static size_t slot(struct reader *r, size_t table, size_t n)
{
    if (!table)
        return 0;
    int64_t vtable = (int64_t)table - (int32_t)number(r, table, 4);
    if (vtable < 0 || number(r, (size_t)vtable, 2) < 6 + 2 * n)
        return 0;
    size_t offset = number(r, (size_t)vtable + 4 + 2 * n, 2);
    return offset ? table + offset : 0;
}

static uint64_t field(struct reader *r, size_t table, size_t n, size_t bytes, uint64_t otherwise)
{
    size_t at = slot(r, table, n);
    return at ? number(r, at, bytes) : otherwise;
}

/* A vector's first element; its count in *count, checked against the message. */
static size_t vector(struct reader *r, size_t table, size_t n, size_t bytes, size_t *count)
{
    size_t at = follow(r, slot(r, table, n));
    *count = at ? number(r, at, 4) : 0;
    if (*count && (r->corrupt || *count > (r->meta.len - at - 4) / bytes)) {
        r->corrupt = true;
        *count = 0;
    }
    return at + 4;
}

/* ---------------------------------------------------------------- the schema */

static const struct type *plain_type(struct reader *r, struct column *c, size_t table)
{
    static const enum type_kind ints[] = {TYPE_BYTE, TYPE_SHORT, TYPE_INT, TYPE_LONG};
    switch (c->kind) {
    case T_NULL:
        return type_of(TYPE_NULL);
    case T_INT:
        c->bits = (int)field(r, table, 0, 4, 0);
        c->is_signed = field(r, table, 1, 1, 0);
        for (int i = 0; i < 4; i++) /* an unsigned one needs the next width */
            if (c->bits == 8 << i)
                return c->is_signed ? type_of(ints[i]) : i < 3 ? type_of(ints[i + 1]) : type_decimal(r->a, 20, 0);
        return NULL;
    case T_FLOAT:
        c->bits = 16 << field(r, table, 0, 2, 0);
        return c->bits == 32 ? type_of(TYPE_FLOAT) : c->bits == 64 ? type_of(TYPE_DOUBLE) : NULL;
    case T_BINARY:
    case T_LARGE_BINARY:
        return type_of(TYPE_BINARY);
    case T_UTF8:
    case T_LARGE_UTF8:
        return type_of(TYPE_STRING);
    case T_BOOL:
        return type_of(TYPE_BOOLEAN);
    case T_DECIMAL:
        c->scale = (int)field(r, table, 1, 4, 0);
        c->bits = (int)field(r, table, 0, 4, 0); /* digits */
        if (field(r, table, 2, 4, 128) != 128 || c->bits < 1 || c->bits > 38 || c->scale < 0 || c->scale > c->bits)
            return NULL;
        return type_decimal(r->a, c->bits, c->scale);
    case T_DATE:
        return field(r, table, 0, 2, 1) == 0 ? type_of(TYPE_DATE) : NULL;
    case T_TIMESTAMP:
        c->bits = (int)field(r, table, 0, 2, 0);
        c->zoned = slot(r, table, 1) != 0;
        return c->bits > 3 ? NULL : type_of(c->zoned ? TYPE_TIMESTAMP : TYPE_TIMESTAMP_NTZ);
    default:
        return NULL;
    }
}

static const struct type *nested_type(struct reader *r, const struct column *c)
{
    const struct column *kids = c->children;
    if (c->kind == T_STRUCT) {
        struct type_field *f = ARENA_ARRAY(r->a, struct type_field, c->child_count + 1);
        for (size_t i = 0; i < c->child_count; i++)
            f[i] = (struct type_field){kids[i].name, kids[i].type, true, STR_NONE, NULL};
        return type_struct(r->a, f, c->child_count);
    }
    if (c->child_count != 1)
        return NULL;
    if (c->kind == T_LIST || c->kind == T_LARGE_LIST)
        return type_array(r->a, kids->type, true);
    return kids->kind == T_STRUCT && kids->child_count == 2 ? type_map(r->a, kids->children[0].type, kids->children[1].type, true) : NULL;
}

static int read_field(struct reader *r, size_t table, struct column *c, int depth)
{
    size_t name = follow(r, slot(r, table, 0)), len = name ? number(r, name, 4) : 0, count;
    if (depth > ARROW_MAX_DEPTH || r->corrupt || (name && len > r->meta.len - name - 4))
        return err_set(r->err, ERR_CORRUPT, "the Arrow schema is damaged or nests too deep");
    *c = (struct column){.name = name ? str_copy(r->a, str_of(r->meta.ptr + name + 4, len)) : STR("")};
    c->kind = (int)field(r, table, 2, 1, 0);
    if (slot(r, table, 4))
        return err_set(r->err, ERR_UNSUPPORTED, "column '%.*s' is a dictionary (a pandas categorical): convert it to its values", STR_ARGS(c->name));
    size_t first = vector(r, table, 5, 4, &count);
    if (count > ARROW_READ_MAX_COLUMNS)
        return err_set(r->err, ERR_LIMIT, "more than ARROW_READ_MAX_COLUMNS (%d) columns", ARROW_READ_MAX_COLUMNS);
    c->children = ARENA_ARRAY(r->a, struct column, count + 1);
    c->child_count = count;
    for (size_t i = 0; i < count; i++)
        if (read_field(r, follow(r, first + 4 * i), &c->children[i], depth + 1))
            return -1;
    bool nested = c->kind == T_STRUCT || c->kind == T_LIST || c->kind == T_LARGE_LIST || c->kind == T_MAP;
    c->type = nested ? nested_type(r, c) : plain_type(r, c, follow(r, slot(r, table, 3)));
    if (!c->type)
        return err_set(r->err, ERR_UNSUPPORTED, "column '%.*s' is of an Arrow type that is not supported (%d)", STR_ARGS(c->name), c->kind);
    return 0;
}

static int read_schema(struct reader *r, size_t table, struct column *top)
{
    size_t count, first = vector(r, table, 1, 4, &count);
    if (count > ARROW_READ_MAX_COLUMNS)
        return err_set(r->err, ERR_LIMIT, "more than ARROW_READ_MAX_COLUMNS (%d) columns", ARROW_READ_MAX_COLUMNS);
    *top = (struct column){.kind = T_STRUCT, .children = ARENA_ARRAY(r->a, struct column, count + 1), .child_count = count};
    for (size_t i = 0; i < count; i++)
        if (read_field(r, follow(r, first + 4 * i), &top->children[i], 0))
            return -1;
    top->type = nested_type(r, top);
    return 0;
}

/* ---------------------------------------------------------------- record batches */

static struct str next_buffer(struct reader *r)
{
    if (r->buffer_at >= r->buffer_count) {
        r->corrupt = true;
        return STR_NONE;
    }
    size_t at = r->buffers + 16 * r->buffer_at++;
    uint64_t from = number(r, at, 8), len = number(r, at + 8, 8);
    if (from > r->body.len || len > r->body.len - from) {
        r->corrupt = true;
        return STR_NONE;
    }
    return str_of(r->body.ptr + from, len);
}

/* Gives each column, in preorder, its rows and its buffers. */
static void bind(struct reader *r, struct column *c)
{
    if (r->node_at >= r->node_count) {
        r->corrupt = true;
        return;
    }
    c->rows = (int64_t)number(r, r->nodes + 16 * r->node_at++, 8);
    struct str *const into[] = {&c->valid, &c->first, &c->second};
    for (size_t i = 0; i < LAYOUTS[c->kind].buffers; i++)
        *into[i] = next_buffer(r);
    for (size_t i = 0; i < c->child_count && !r->corrupt; i++)
        bind(r, &c->children[i]);
}

static bool bit(struct reader *r, struct str bits, int64_t i)
{
    if ((uint64_t)i / 8 >= bits.len) {
        r->corrupt = true;
        return false;
    }
    return (uint8_t)bits.ptr[i / 8] >> (i % 8) & 1;
}

/* The `i`th value of `bytes` bytes, or NULL. */
static const char *item(struct reader *r, struct str values, int64_t i, size_t bytes)
{
    if ((uint64_t)i >= values.len / bytes) {
        r->corrupt = true;
        return NULL;
    }
    return values.ptr + (size_t)i * bytes;
}

/* Where row `i`'s bytes or elements start and end. */
static bool span(struct reader *r, const struct column *c, int64_t i, int64_t *from, int64_t *to)
{
    size_t bytes = LAYOUTS[c->kind].offset_bytes;
    const char *x = item(r, c->first, i, bytes), *y = x ? item(r, c->first, i + 1, bytes) : NULL;
    if (!y)
        return false;
    *from = bytes == 4 ? (int32_t)le32_get(x) : (int64_t)le64_get(x);
    *to = bytes == 4 ? (int32_t)le32_get(y) : (int64_t)le64_get(y);
    int64_t limit = c->child_count ? c->children[0].rows : (int64_t)c->second.len;
    if (*from < 0 || *to < *from || *to > limit)
        r->corrupt = true;
    return !r->corrupt;
}

/* ---------------------------------------------------------------- values as DuckDB's text */

static void put_int(struct buf *out, const struct column *c, const char *p)
{
    uint64_t v = c->bits == 8 ? (uint8_t)*p : c->bits == 16 ? le16_get(p) : c->bits == 32 ? le32_get(p) : le64_get(p);
    int64_t s = c->bits == 8 ? (int8_t)v : c->bits == 16 ? (int16_t)v : c->bits == 32 ? (int32_t)v : (int64_t)v;
    if (c->is_signed)
        buf_printf(out, "%jd", (intmax_t)s);
    else
        buf_printf(out, "%ju", (uintmax_t)v);
}

static void put_decimal(struct buf *out, const char *p, int scale)
{
    unsigned __int128 v = (unsigned __int128)le64_get(p + 8) << 64 | le64_get(p);
    bool negative = v >> 127;
    char text[48];
    size_t at = sizeof text;
    v = negative ? -v : v;
    for (int n = 0; v || n <= scale; n++) {
        if (n == scale && scale)
            text[--at] = '.';
        text[--at] = (char)('0' + (int)(v % 10));
        v /= 10;
    }
    buf_printf(out, "'%s%.*s'", negative ? "-" : "", (int)(sizeof text - at), text + at);
}

static void put_float(struct buf *out, const struct column *c, const char *p)
{
    uint32_t narrow = le32_get(p);
    uint64_t wide = c->bits == 64 ? le64_get(p) : 0;
    float f;
    double d;
    memcpy(&f, &narrow, sizeof f);
    memcpy(&d, &wide, sizeof d);
    buf_printf(out, "'%.17g'", c->bits == 32 ? (double)f : d);
}

static void put_timestamp(struct reader *r, struct buf *out, const struct column *c, const char *p)
{
    int64_t v = (int64_t)le64_get(p), us = v;
    char text[40];
    if (c->bits == 3)
        us = v / 1000 - (v % 1000 < 0);
    else if (c->bits < 2 && __builtin_mul_overflow(v, c->bits == 0 ? 1000000 : 1000, &us))
        r->corrupt = true;
    struct str iso = str_z(time_iso((struct tp){us}, 6, text));
    buf_printf(out, "'%.*s%s'", (int)(iso.len - 1), iso.ptr, c->zoned ? "+00" : "");
}

static void put_bytes(struct reader *r, struct buf *out, const struct column *c, int64_t i)
{
    int64_t from, to;
    if (!span(r, c, i, &from, &to))
        return;
    struct str bytes = str_of(c->second.ptr + from, (size_t)(to - from));
    if (c->kind == T_UTF8 || c->kind == T_LARGE_UTF8) {
        if (str_chr(bytes, 0) >= 0)
            err_set(r->err, ERR_UNSUPPORTED, "column '%.*s' has text with a NUL byte", STR_ARGS(c->name));
        else
            duck_quote_text(out, bytes);
        return;
    }
    buf_z(out, "from_hex('");
    hex_put(out, bytes);
    buf_z(out, "')");
}

static void put_value(struct reader *r, struct buf *out, const struct column *c, int64_t i);

static void put_list(struct reader *r, struct buf *out, const struct column *c, int64_t i)
{
    int64_t from, to;
    bool map = c->kind == T_MAP;
    if (!span(r, c, i, &from, &to))
        return;
    buf_z(out, map ? "MAP {" : "[");
    for (int64_t k = from; k < to && !r->corrupt && r->err->code == ERR_OK && out->len < ARROW_READ_MAX_SQL; k++) {
        buf_z(out, k > from ? ", " : "");
        put_value(r, out, map ? &c->children[0].children[0] : &c->children[0], k);
        if (map) {
            buf_z(out, ": ");
            put_value(r, out, &c->children[0].children[1], k);
        }
    }
    buf_char(out, map ? '}' : ']');
}

static void put_struct(struct reader *r, struct buf *out, const struct column *c, int64_t i)
{
    buf_char(out, '{');
    for (size_t k = 0; k < c->child_count; k++) {
        buf_z(out, k ? ", " : "");
        duck_quote_text(out, c->children[k].name);
        buf_z(out, ": ");
        put_value(r, out, &c->children[k], i);
    }
    buf_char(out, '}');
}

static void put_fixed(struct reader *r, struct buf *out, const struct column *c, int64_t i)
{
    size_t bytes = c->kind == T_DECIMAL ? 16 : c->kind == T_DATE ? 4 : c->kind == T_TIMESTAMP ? 8 : (size_t)c->bits / 8;
    const char *p = item(r, c->first, i, bytes);
    if (!p)
        return;
    if (c->kind == T_INT)
        put_int(out, c, p);
    else if (c->kind == T_FLOAT)
        put_float(out, c, p);
    else if (c->kind == T_DECIMAL)
        put_decimal(out, p, c->scale);
    else if (c->kind == T_DATE)
        buf_printf(out, "(DATE '1970-01-01' + %d)", (int32_t)le32_get(p));
    else
        put_timestamp(r, out, c, p);
}

/* A value with its type, so that rows agree whatever they hold. */
static void put_value(struct reader *r, struct buf *out, const struct column *c, int64_t i)
{
    if (c->kind == T_NULL || (c->valid.len && !bit(r, c->valid, i))) {
        buf_z(out, "NULL");
        return;
    }
    buf_z(out, "CAST(");
    if (c->kind == T_BOOL)
        buf_z(out, bit(r, c->first, i) ? "true" : "false");
    else if (c->kind == T_STRUCT)
        put_struct(r, out, c, i);
    else if (c->kind == T_LIST || c->kind == T_LARGE_LIST || c->kind == T_MAP)
        put_list(r, out, c, i);
    else if (LAYOUTS[c->kind].offset_bytes)
        put_bytes(r, out, c, i);
    else
        put_fixed(r, out, c, i);
    buf_z(out, " AS ");
    type_write_duck(out, c->type);
    buf_char(out, ')');
}

static int read_batch(struct reader *r, size_t table, struct column *top, struct buf *rows)
{
    int64_t count = (int64_t)field(r, table, 0, 8, 0);
    if (slot(r, table, 3))
        return err_set(r->err, ERR_UNSUPPORTED, "compressed Arrow batches are not supported");
    r->nodes = vector(r, table, 1, 16, &r->node_count);
    r->buffers = vector(r, table, 2, 16, &r->buffer_count);
    r->node_at = r->buffer_at = 0;
    for (size_t i = 0; i < top->child_count && !r->corrupt; i++)
        bind(r, &top->children[i]);
    for (int64_t row = 0; row < count && !r->corrupt && r->err->code == ERR_OK && rows->len < ARROW_READ_MAX_SQL; row++) {
        buf_z(rows, rows->len ? ", (" : "(");
        for (size_t i = 0; i < top->child_count; i++) {
            buf_z(rows, i ? ", " : "");
            put_value(r, rows, &top->children[i], row);
        }
        buf_char(rows, ')');
    }
    if (rows->len >= ARROW_READ_MAX_SQL)
        return err_set(r->err, ERR_LIMIT, "the rows of a local DataFrame are too large: write them to a file and read that");
    if (r->corrupt)
        return err_set(r->err, ERR_CORRUPT, "an Arrow batch is damaged");
    return r->err->code == ERR_OK ? 0 : -1;
}

/* Steps over one message: 1 read, 0 the stream's end, -1 error. */
static int read_message(struct reader *r, struct str *in, struct column *top, struct buf *rows)
{
    if (in->len < 8 || le32_get(in->ptr) != 0xffffffff || le32_get(in->ptr + 4) == 0)
        return in->len == 0 || (in->len >= 8 && le32_get(in->ptr) == 0xffffffff) ? 0 : err_set(r->err, ERR_CORRUPT, "the Arrow stream is damaged");
    size_t meta = le32_get(in->ptr + 4);
    if (meta > in->len - 8)
        return err_set(r->err, ERR_CORRUPT, "the Arrow stream ends within a message");
    r->meta = str_sub(*in, 8, meta);
    *in = str_from(*in, 8 + meta);
    size_t message = number(r, 0, 4), header = follow(r, slot(r, message, 2));
    uint64_t kind = field(r, message, 1, 1, 0), body = field(r, message, 3, 8, 0);
    if (r->corrupt || body > in->len)
        return err_set(r->err, ERR_CORRUPT, "the Arrow stream ends within a body");
    r->body = str_sub(*in, 0, body);
    *in = str_from(*in, body);
    if (kind == HEADER_SCHEMA && !top->type)
        return read_schema(r, header, top) ? -1 : 1;
    if (kind == HEADER_BATCH && top->type)
        return read_batch(r, header, top, rows) ? -1 : 1;
    return err_set(r->err, ERR_UNSUPPORTED, "an Arrow message of kind %d is not supported", (int)kind);
}

static void write_query(const struct type *schema, struct str rows, struct buf *sql)
{
    buf_z(sql, "SELECT ");
    for (size_t i = 0; i < schema->field_count; i++) {
        buf_printf(sql, "%sCAST(c%zu AS ", i ? ", " : "", i);
        type_write_duck(sql, schema->fields[i].type);
        buf_z(sql, ") AS ");
        duck_quote_ident(sql, schema->fields[i].name);
    }
    buf_z(sql, " FROM (VALUES ");
    if (!rows.len)
        buf_char(sql, '(');
    for (size_t i = 0; i < schema->field_count && !rows.len; i++)
        buf_z(sql, i ? ", NULL" : "NULL");
    if (!rows.len)
        buf_char(sql, ')');
    buf_str(sql, rows);
    buf_z(sql, ") AS t(");
    for (size_t i = 0; i < schema->field_count; i++)
        buf_printf(sql, "%sc%zu", i ? ", " : "", i);
    buf_z(sql, rows.len ? ")" : ") WHERE false");
}

int arrow_read_sql(struct arena *a, struct str stream, const struct type **schema, struct buf *sql, struct err *err)
{
    struct reader r = {.a = a, .err = err};
    struct column top = {0};
    struct buf rows;
    int rc = 1;
    buf_init(&rows);
    while (rc > 0 && stream.len)
        rc = read_message(&r, &stream, &top, &rows);
    rc = rc < 0 ? -1 : 0;
    if (rc == 0 && !*schema)
        *schema = top.type;
    if (rc == 0 && (!*schema || !(*schema)->field_count))
        rc = err_set(err, ERR_INPUT, "a local DataFrame needs at least one column");
    if (rc == 0 && top.type && top.child_count != (*schema)->field_count)
        rc = err_set(err, ERR_INPUT, "the schema has %zu columns, the rows have %zu", (*schema)->field_count, top.child_count);
    if (rc == 0)
        rc = buf_check(&rows, "rows of a local DataFrame", err);
    if (rc == 0)
        write_query(*schema, buf_view(&rows), sql);
    buf_release(&rows);
    return rc;
}
