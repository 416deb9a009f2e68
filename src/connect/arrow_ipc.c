#include "connect/arrow_ipc.h"
#include "connect/flatbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3, VERSION_V5 = 4, MAX_BUFFERS = 65536 };
enum { T_NULL = 1, T_INT, T_FLOAT, T_BINARY, T_UTF8, T_BOOL, T_DECIMAL, T_DATE, T_TIME, T_TIMESTAMP, T_INTERVAL, T_LIST, T_STRUCT,
       T_MAP = 17, T_DURATION = 18, T_LARGE_BINARY = 19, T_LARGE_UTF8 = 20, T_LARGE_LIST = 21 };
enum layout { LAYOUT_NONE, LAYOUT_FIXED, LAYOUT_BITS, LAYOUT_VAR32, LAYOUT_VAR64, LAYOUT_LIST32, LAYOUT_LIST64, LAYOUT_STRUCT,
              LAYOUT_DAYTIME };

/* A format's first letters, its type in FlatBuffers, and how its buffers lie. */
static const struct format { const char *prefix; uint8_t type; enum layout layout; int bytes; int param; } FORMATS[] = {
    {"n", T_NULL, LAYOUT_NONE, 0, 0}, {"b", T_BOOL, LAYOUT_BITS, 0, 0},
    {"c", T_INT, LAYOUT_FIXED, 1, 1}, {"C", T_INT, LAYOUT_FIXED, 1, 0}, {"s", T_INT, LAYOUT_FIXED, 2, 1}, {"S", T_INT, LAYOUT_FIXED, 2, 0},
    {"i", T_INT, LAYOUT_FIXED, 4, 1}, {"I", T_INT, LAYOUT_FIXED, 4, 0}, {"l", T_INT, LAYOUT_FIXED, 8, 1}, {"L", T_INT, LAYOUT_FIXED, 8, 0},
    {"f", T_FLOAT, LAYOUT_FIXED, 4, 1}, {"g", T_FLOAT, LAYOUT_FIXED, 8, 2}, {"d:", T_DECIMAL, LAYOUT_FIXED, 16, 0},
    {"z", T_BINARY, LAYOUT_VAR32, 0, 0}, {"u", T_UTF8, LAYOUT_VAR32, 0, 0}, {"Z", T_LARGE_BINARY, LAYOUT_VAR64, 0, 0},
    {"U", T_LARGE_UTF8, LAYOUT_VAR64, 0, 0}, {"tdD", T_DATE, LAYOUT_FIXED, 4, 0}, {"tsu:", T_TIMESTAMP, LAYOUT_FIXED, 8, 2},
    {"tsn:", T_TIMESTAMP, LAYOUT_FIXED, 8, 3}, {"tsm:", T_TIMESTAMP, LAYOUT_FIXED, 8, 1}, {"tss:", T_TIMESTAMP, LAYOUT_FIXED, 8, 0},
    {"tDu", T_DURATION, LAYOUT_FIXED, 8, 2}, {ARROW_DAYTIME, T_DURATION, LAYOUT_DAYTIME, 8, 2}, {"tin", T_INTERVAL, LAYOUT_FIXED, 16, 2},
    {"+l", T_LIST, LAYOUT_LIST32, 0, 0}, {"+L", T_LARGE_LIST, LAYOUT_LIST64, 0, 0}, {"+s", T_STRUCT, LAYOUT_STRUCT, 0, 0},
    {"+m", T_MAP, LAYOUT_LIST32, 0, 0},
};

/* Spark's columns as its clients expect them, where DuckDB's differ: a void has no bytes, a day-time
 * interval is a duration. */
int arrow_ipc_fit(struct ArrowSchema *s, const struct type *t, struct err *err)
{
    if (t->kind == TYPE_NULL)
        s->format = "n";
    else if (t->kind == TYPE_INTERVAL_DT)
        s->format = ARROW_DAYTIME;
    else if (t->kind == TYPE_INTERVAL_YM || t->kind == TYPE_INTERVAL)
        return err_set(err, ERR_UNSUPPORTED, "column '%s': no Arrow type carries %s to a client; cast it to string", s->name ? s->name : "",
                       type_kind_name(t->kind));
    else if (t->kind == TYPE_ARRAY && s->n_children == 1)
        return arrow_ipc_fit(s->children[0], t->element, err);
    for (size_t i = 0; t->kind == TYPE_STRUCT && i < t->field_count && (int64_t)i < s->n_children; i++)
        if (arrow_ipc_fit(s->children[i], t->fields[i].type, err))
            return -1;
    return 0;
}

static const struct format *format_of(const char *text, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++) {
        size_t n = strlen(FORMATS[i].prefix);
        if (strncmp(text, FORMATS[i].prefix, n) == 0 && (text[n] == 0 || FORMATS[i].prefix[n - 1] == ':'))
            return &FORMATS[i];
    }
    err_set(err, ERR_UNSUPPORTED, "a column of Arrow format '%s' cannot be sent", text);
    return NULL;
}

static uint32_t type_table(struct flatbuf *b, const struct format *f, const char *text)
{
    int precision = 0, scale = 0;
    uint32_t zone = 0;
    if (f->type == T_TIMESTAMP && text[4])
        zone = flatbuf_string(b, str_z(text + 4));
    flatbuf_table(b);
    switch (f->type) {
    case T_INT:
        flatbuf_i32(b, 0, f->bytes * 8);
        flatbuf_u8(b, 1, (uint8_t)f->param);
        break;
    case T_FLOAT:
    case T_DURATION:
    case T_INTERVAL:
        flatbuf_i16(b, 0, (int16_t)f->param);
        break;
    case T_DECIMAL:
        (void)sscanf(text, "d:%d,%d", &precision, &scale);
        flatbuf_i32(b, 0, precision);
        flatbuf_i32(b, 1, scale);
        flatbuf_i32(b, 2, 128);
        break;
    case T_DATE:
        flatbuf_i16(b, 0, 0);
        break;
    case T_TIMESTAMP:
        flatbuf_i16(b, 0, (int16_t)f->param);
        if (zone)
            flatbuf_ref(b, 1, zone);
        break;
    default:
        break;
    }
    return flatbuf_end(b);
}

/* A Field table; 0 and err on failure. */
static uint32_t field_table(struct flatbuf *b, const struct ArrowSchema *s, int depth, struct err *err)
{
    const struct format *f = format_of(s->format, err);
    if (!f || depth > ARROW_MAX_DEPTH)
        return 0;
    uint32_t *children = mem_alloc(sizeof *children * (size_t)(s->n_children + 1));
    for (int64_t i = 0; i < s->n_children; i++)
        if (!(children[i] = field_table(b, s->children[i], depth + 1, err))) {
            mem_free(children);
            return 0;
        }
    uint32_t list = flatbuf_offsets(b, children, (size_t)s->n_children);
    mem_free(children);
    uint32_t name = flatbuf_string(b, str_z(s->name ? s->name : "")), type = type_table(b, f, s->format);
    flatbuf_table(b);
    flatbuf_ref(b, 0, name);
    flatbuf_u8(b, 1, (s->flags & 2) != 0);
    flatbuf_u8(b, 2, f->type);
    flatbuf_ref(b, 3, type);
    flatbuf_ref(b, 5, list);
    return flatbuf_end(b);
}

static void message(struct buf *out, struct flatbuf *b, uint8_t type, uint32_t header, int64_t body_bytes)
{
    static const char zeros[8] = {0};
    uint8_t head[8];
    flatbuf_table(b);
    flatbuf_i64(b, 3, body_bytes);
    flatbuf_ref(b, 2, header);
    flatbuf_i16(b, 0, VERSION_V5);
    flatbuf_u8(b, 1, type);
    struct str meta = flatbuf_finish(b, flatbuf_end(b));
    size_t padded = (meta.len + 7) & ~(size_t)7;
    le32_put(head, 0xffffffff);
    le32_put(head + 4, (uint32_t)padded);
    buf_add(out, head, 8);
    buf_str(out, meta);
    buf_add(out, zeros, padded - meta.len);
}

int arrow_ipc_schema(struct buf *out, const struct ArrowSchema *schema, struct err *err)
{
    struct flatbuf b;
    int rc = 0;
    flatbuf_init(&b);
    uint32_t *fields = mem_alloc(sizeof *fields * (size_t)(schema->n_children + 1));
    for (int64_t i = 0; i < schema->n_children && rc == 0; i++)
        if (!(fields[i] = field_table(&b, schema->children[i], 0, err)))
            rc = -1;
    if (rc == 0) {
        uint32_t list = flatbuf_offsets(&b, fields, (size_t)schema->n_children);
        flatbuf_table(&b);
        flatbuf_i16(&b, 0, 0); /* little-endian */
        flatbuf_ref(&b, 1, list);
        message(out, &b, HEADER_SCHEMA, flatbuf_end(&b), 0);
    }
    mem_free(fields);
    flatbuf_release(&b);
    return rc;
}

/* ---------------------------------------------------------------- record batches */

struct batch { struct buf body; int64_t (*nodes)[2], (*buffers)[2]; size_t node_count, node_cap, buffer_count, buffer_cap; };

static void add_buffer(struct batch *b, const void *bytes, size_t n)
{
    static const char zeros[8] = {0};
    b->buffers = mem_grow(b->buffers, &b->buffer_cap, b->buffer_count + 1, sizeof *b->buffers);
    b->buffers[b->buffer_count][0] = (int64_t)b->body.len;
    b->buffers[b->buffer_count++][1] = (int64_t)n;
    if (n)
        buf_add(&b->body, bytes, n);
    buf_add(&b->body, zeros, (8 - n % 8) % 8);
}

static int64_t nulls_of(const struct ArrowArray *a)
{
    const uint8_t *bits = a->n_buffers ? a->buffers[0] : NULL;
    if (!bits)
        return 0;
    if (a->null_count >= 0)
        return a->null_count;
    int64_t set = 0;
    for (int64_t i = 0; i < a->length; i++)
        set += bits[i / 8] >> (i % 8) & 1;
    return a->length - set;
}

/* An array of no rows, of any type: its children are such arrays too. */
static const int64_t no_offsets[1] = {0};
static const void *no_buffers[3] = {NULL, no_offsets, no_offsets};
static const struct ArrowArray no_rows = {.n_buffers = 3, .buffers = no_buffers};

static const struct ArrowArray *child(const struct ArrowArray *a, int64_t i) { return a == &no_rows ? a : a->children[i]; }

/* DuckDB's interval {i32 months, i32 days, i64 nanoseconds} as microseconds; a day-time one has no months. */
static void add_daytime(struct batch *b, const uint8_t *intervals, size_t n)
{
    uint8_t *us = mem_alloc(n * 8 + 1);
    for (size_t i = 0; i < n; i++)
        le64_put(us + i * 8, (uint64_t)((int64_t)(int32_t)le32_get(intervals + i * 16 + 4) * 86400000000 + (int64_t)le64_get(intervals + i * 16 + 8) / 1000));
    add_buffer(b, us, n * 8);
    mem_free(us);
}

static int add_array(struct batch *b, const struct ArrowSchema *s, const struct ArrowArray *a, int depth, struct err *err)
{
    const struct format *f = format_of(s->format, err);
    size_t n = (size_t)a->length, bits = (n + 7) / 8;
    if (!f || depth > ARROW_MAX_DEPTH)
        return -1;
    if (a->offset)
        return err_set(err, ERR_INTERNAL, "an Arrow array with an offset");
    int64_t nulls = f->layout == LAYOUT_NONE ? a->length : nulls_of(a);
    b->nodes = mem_grow(b->nodes, &b->node_cap, b->node_count + 1, sizeof *b->nodes);
    b->nodes[b->node_count][0] = a->length;
    b->nodes[b->node_count++][1] = nulls;
    if (f->layout != LAYOUT_NONE)
        add_buffer(b, a->buffers[0], a->buffers[0] && nulls ? bits : 0);
    switch (f->layout) {
    case LAYOUT_FIXED:
        add_buffer(b, a->buffers[1], n * (size_t)f->bytes);
        break;
    case LAYOUT_DAYTIME:
        add_daytime(b, a->buffers[1], n);
        break;
    case LAYOUT_BITS:
        add_buffer(b, a->buffers[1], bits);
        break;
    case LAYOUT_VAR32:
        add_buffer(b, a->buffers[1], (n + 1) * 4);
        add_buffer(b, a->buffers[2], (size_t)((const int32_t *)a->buffers[1])[n]);
        break;
    case LAYOUT_VAR64:
        add_buffer(b, a->buffers[1], (n + 1) * 8);
        add_buffer(b, a->buffers[2], (size_t)((const int64_t *)a->buffers[1])[n]);
        break;
    case LAYOUT_LIST32:
        add_buffer(b, a->buffers[1], (n + 1) * 4);
        break;
    case LAYOUT_LIST64:
        add_buffer(b, a->buffers[1], (n + 1) * 8);
        break;
    case LAYOUT_NONE:
    case LAYOUT_STRUCT:
        break;
    }
    for (int64_t i = 0; i < s->n_children; i++)
        if (add_array(b, s->children[i], child(a, i), depth + 1, err))
            return -1;
    return 0;
}

int arrow_ipc_batch(struct buf *out, const struct ArrowSchema *schema, const struct ArrowArray *array, struct err *err)
{
    struct batch batch = {0};
    struct flatbuf b;
    int rc = 0;
    array = array ? array : &no_rows;
    buf_init(&batch.body);
    for (int64_t i = 0; i < schema->n_children && rc == 0; i++)
        rc = add_array(&batch, schema->children[i], child(array, i), 0, err);
    if (rc == 0)
        rc = buf_check(&batch.body, "record batch", err);
    flatbuf_init(&b);
    if (rc == 0) {
        uint32_t buffers = flatbuf_pairs(&b, (const int64_t (*)[2])batch.buffers, batch.buffer_count);
        uint32_t nodes = flatbuf_pairs(&b, (const int64_t (*)[2])batch.nodes, batch.node_count);
        flatbuf_table(&b);
        flatbuf_i64(&b, 0, array->length);
        flatbuf_ref(&b, 1, nodes);
        flatbuf_ref(&b, 2, buffers);
        message(out, &b, HEADER_BATCH, flatbuf_end(&b), (int64_t)batch.body.len);
        buf_str(out, buf_view(&batch.body));
    }
    flatbuf_release(&b);
    buf_release(&batch.body);
    mem_free(batch.nodes);
    mem_free(batch.buffers);
    return rc;
}

void arrow_ipc_end(struct buf *out)
{
    uint8_t mark[8];
    le32_put(mark, 0xffffffff);
    le32_put(mark + 4, 0);
    buf_add(out, mark, 8);
}
