#include "hub/avro.h"
#include "hub/amqp_message.h"
#include <stdio.h>
#include <string.h>

#define SCHEMA "{\"type\":\"record\",\"name\":\"EventData\",\"namespace\":\"Microsoft.ServiceBus.Messaging\",\"fields\":["   \
               "{\"name\":\"SequenceNumber\",\"type\":\"long\"},{\"name\":\"Offset\",\"type\":\"string\"},"                 \
               "{\"name\":\"EnqueuedTimeUtc\",\"type\":\"string\"},"                                                        \
               "{\"name\":\"SystemProperties\",\"type\":{\"type\":\"map\",\"values\":[\"long\",\"double\",\"string\",\"bytes\"]}}," \
               "{\"name\":\"Properties\",\"type\":{\"type\":\"map\",\"values\":[\"long\",\"double\",\"string\",\"bytes\"]}},"       \
               "{\"name\":\"Body\",\"type\":[\"null\",\"bytes\"]}]}"
#define PARTITION_KEY "x-opt-partition-key"

enum branch { BRANCH_LONG, BRANCH_DOUBLE, BRANCH_STRING, BRANCH_BYTES, BRANCH_NONE = -1 };
enum { BODY_NULL, BODY_BYTES };

/* ------------------------------------------------------------------ values */

static void put_long(struct buf *b, int64_t v)
{
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    for (; z >= 0x80; z >>= 7)
        buf_char(b, (char)(z | 0x80));
    buf_char(b, (char)z);
}

static void put_bytes(struct buf *b, struct str s)
{
    put_long(b, (int64_t)s.len);
    buf_str(b, s);
}

static void put_double(struct buf *b, double v)
{
    uint64_t bits;
    char bytes[8];
    memcpy(&bits, &v, sizeof bits);
    le64_put(bytes, bits);
    buf_add(b, bytes, sizeof bytes);
}

/* As .NET writes a DateTime for en-US. */
static void put_time(struct buf *b, int64_t ms)
{
    char text[64];
    int64_t us;
    struct civil c = civil_of((struct tp){__builtin_mul_overflow(ms, 1000, &us) ? 0 : us});
    snprintf(text, sizeof text, "%d/%d/%d %d:%02d:%02d %s", c.month, c.day, c.year, c.hour % 12 ? c.hour % 12 : 12, c.minute, c.second, c.hour < 12 ? "AM" : "PM");
    put_bytes(b, str_z(text));
}

/* ------------------------------------------------------------------ properties */

struct property { struct str key; enum branch branch; int64_t whole; double number; struct str bytes; bool system; };

static enum branch branch_of(const struct amqp_val *v, struct property *p)
{
    uint64_t u;
    if (v->type == AMQP_NULL)
        return BRANCH_NONE;
    if (v->type == AMQP_FLOAT || v->type == AMQP_DOUBLE) {
        p->number = v->f;
        return BRANCH_DOUBLE;
    }
    if (v->type == AMQP_BOOL) {
        p->whole = v->u != 0;
        return BRANCH_LONG;
    }
    if (v->type == AMQP_TIMESTAMP) {
        p->whole = v->i;
        return BRANCH_LONG;
    }
    if (amqp_val_i64(v, &p->whole))
        return BRANCH_LONG;
    if (amqp_val_u64(v, &u)) { /* above what a long holds */
        p->number = (double)u;
        return BRANCH_DOUBLE;
    }
    if (v->type == AMQP_BINARY || amqp_val_text(v))
        p->bytes = v->bytes;
    return amqp_val_text(v) && str_utf8_ok(v->bytes) ? BRANCH_STRING : BRANCH_BYTES;
}

/* Takes the place of one of the same name: later headers win. */
static size_t put_property(struct property *all, size_t n, struct property p)
{
    size_t at = 0;
    while (at < n && (all[at].system != p.system || !str_eq(all[at].key, p.key)))
        at++;
    all[at] = p;
    return n + (at == n);
}

static size_t read_properties(const struct record *r, struct property *all)
{
    struct str rest = r->headers, raw;
    struct event_header h;
    struct amqp_val v;
    uint64_t section;
    size_t n = 0;
    if (r->key.ptr)
        n = put_property(all, n, (struct property){.key = STR(PARTITION_KEY), .branch = str_utf8_ok(r->key) ? BRANCH_STRING : BRANCH_BYTES, .bytes = r->key, .system = true});
    for (int32_t i = 0; i < r->header_count && record_header(&rest, &h); i++) {
        struct property p = {.key = h.key, .branch = h.value.ptr ? BRANCH_BYTES : BRANCH_NONE, .bytes = h.value};
        if ((r->attributes & RECORD_AMQP) && amqp_header_read(h.value, &section, &v, &raw)) {
            p.bytes = raw;
            p.system = section != AMQP_SEC_APPLICATION;
            p.branch = branch_of(&v, &p);
        }
        n = put_property(all, n, p);
    }
    return n;
}

static void put_map(struct buf *b, const struct property *all, size_t n, bool system)
{
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += all[i].system == system && all[i].branch != BRANCH_NONE;
    if (count)
        put_long(b, count);
    for (size_t i = 0; i < n; i++) {
        const struct property *p = &all[i];
        if (p->system != system || p->branch == BRANCH_NONE)
            continue;
        put_bytes(b, p->key);
        put_long(b, p->branch);
        if (p->branch == BRANCH_LONG)
            put_long(b, p->whole);
        else if (p->branch == BRANCH_DOUBLE)
            put_double(b, p->number);
        else
            put_bytes(b, p->bytes);
    }
    put_long(b, 0);
}

/* ------------------------------------------------------------------ files */

void avro_begin(struct avro_file *f, struct buf *out)
{
    *f = (struct avro_file){0};
    buf_init(&f->records);
    random_bytes(f->sync, AVRO_SYNC);
    buf_add(out, "Obj\1", 4);
    put_long(out, 2);
    put_bytes(out, STR("avro.schema"));
    put_bytes(out, STR(SCHEMA));
    put_bytes(out, STR("avro.codec"));
    put_bytes(out, STR("null"));
    put_long(out, 0);
    buf_add(out, f->sync, AVRO_SYNC);
}

void avro_add(struct avro_file *f, const struct record *r)
{
    struct property all[BATCH_MAX_HEADERS + 1];
    char offset[32];
    struct buf *b = &f->records;
    size_t n = read_properties(r, all);
    snprintf(offset, sizeof offset, "%jd", (intmax_t)r->offset);
    put_long(b, r->offset);
    put_bytes(b, str_z(offset));
    put_time(b, r->timestamp_ms);
    put_map(b, all, n, true);
    put_map(b, all, n, false);
    put_long(b, r->value.ptr ? BODY_BYTES : BODY_NULL);
    if (r->value.ptr)
        put_bytes(b, r->value);
    f->count++;
}

bool avro_block_full(const struct avro_file *f)
{
    return f->records.len >= AVRO_BLOCK_BYTES;
}

void avro_end_block(struct avro_file *f, struct buf *out)
{
    if (f->count) {
        put_long(out, f->count);
        put_bytes(out, buf_view(&f->records));
        buf_add(out, f->sync, AVRO_SYNC);
    }
    f->count = 0;
    buf_clear(&f->records);
}

void avro_release(struct avro_file *f)
{
    buf_release(&f->records);
}
