#include "hub/amqp_message.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const PROPERTY_NAMES[] = {
    "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
    "absolute-expiry-time", "creation-time", "group-id", "group-sequence", "reply-to-group-id",
};
enum { PROPERTY_COUNT = COUNT_OF(PROPERTY_NAMES) };
#define HEADER_SECTION "header"
#define PARTITION_KEY "x-opt-partition-key"

/* Annotations that are the service's to say. */
static const char *const OWN_ANNOTATIONS[] = {
    "x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", PARTITION_KEY, "x-opt-sequence-number-epoch", "x-opt-publisher",
};

/* ------------------------------------------------------------------ reading */

/* Where a section goes. A message has each of these once; delivery annotations are read and left. */
static const struct { uint64_t code; enum amqp_type type; size_t at; } SECTIONS[] = {
    {AMQP_SEC_HEADER, AMQP_LIST, offsetof(struct amqp_sections, header)},
    {AMQP_SEC_DELIVERY, AMQP_MAP, offsetof(struct amqp_sections, delivery)},
    {AMQP_SEC_ANNOTATIONS, AMQP_MAP, offsetof(struct amqp_sections, annotations)},
    {AMQP_SEC_PROPERTIES, AMQP_LIST, offsetof(struct amqp_sections, properties)},
    {AMQP_SEC_APPLICATION, AMQP_MAP, offsetof(struct amqp_sections, application)},
    {AMQP_SEC_FOOTER, AMQP_MAP, offsetof(struct amqp_sections, footer)},
};

/* Body sections are of one kind and together. */
static bool take_body(struct amqp_sections *s, const struct amqp_val *v, struct str raw)
{
    bool data = v->code == AMQP_SEC_DATA;
    if (s->body.ptr && (s->data != data || s->body.ptr + s->body.len != raw.ptr))
        return false;
    s->body = s->body.ptr ? str_of(s->body.ptr, s->body.len + raw.len) : raw;
    s->data = data;
    return data ? v->type == AMQP_BINARY : amqp_val_ok(v);
}

static bool take_section(struct amqp_sections *s, const struct amqp_val *v, struct str raw, size_t which)
{
    if (which == COUNT_OF(SECTIONS))
        return take_body(s, v, raw);
    struct amqp_val *to = (struct amqp_val *)((char *)s + SECTIONS[which].at);
    bool first = !to->described;
    *to = *v;
    return first && v->type == SECTIONS[which].type && (v->code != AMQP_SEC_PROPERTIES || v->count <= PROPERTY_COUNT) && amqp_val_ok(v);
}

/* Its place in SECTIONS, their count for a body; false: we do not know it. */
static bool section_known(uint64_t code, size_t *which)
{
    for (*which = 0; *which < COUNT_OF(SECTIONS); ++*which)
        if (SECTIONS[*which].code == code)
            return true;
    return code == AMQP_SEC_DATA || code == AMQP_SEC_SEQUENCE || code == AMQP_SEC_VALUE;
}

int amqp_sections_read(struct str message, struct amqp_sections *out, struct amqp_error *e)
{
    struct amqp_in in = amqp_in_of(message);
    *out = (struct amqp_sections){0};
    for (int n = 0; in.p < in.end; n++) {
        struct str raw;
        size_t which;
        struct amqp_val v = amqp_read_raw(&in, &raw);
        if (in.bad || n >= AMQP_MAX_SECTIONS || !v.described)
            return amqp_fail(e, "amqp:decode-error", "section %d of the message is malformed", n);
        if (v.name.ptr)
            return amqp_fail(e, "amqp:not-implemented", "section '%.*s' of the message is described by name: its number is understood only", STR_ARGS(v.name));
        if (!section_known(v.code, &which))
            return amqp_fail(e, "amqp:not-implemented", "section 0x%jx of the message is not one of AMQP 1.0", (uintmax_t)v.code);
        if (!take_section(out, &v, raw, which))
            return amqp_fail(e, "amqp:decode-error", "section 0x%jx of the message is malformed, repeated, or not beside the body's others", (uintmax_t)v.code);
    }
    return 0;
}

struct headers { struct event_header *items; size_t count, cap; };

static void add_header(struct arena *a, struct headers *h, struct str name, struct str encoded, uint64_t section)
{
    h->items = arena_grow(a, h->items, &h->cap, h->count + 1, sizeof *h->items);
    struct event_header *to = &h->items[h->count++];
    to->key = name;
    if (section == AMQP_SEC_APPLICATION) {
        to->value = encoded;
        return;
    }
    char *p = arena_alloc(a, encoded.len + 3); /* 0x00, small ulong, code */
    p[1] = 0x53;
    p[2] = (char)section;
    memcpy(p + 3, encoded.ptr, encoded.len);
    to->value = str_of(p, encoded.len + 3);
}

static bool is_own(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(OWN_ANNOTATIONS); i++)
        if (str_eqz(name, OWN_ANNOTATIONS[i]))
            return true;
    return false;
}

static int add_map(struct arena *a, struct headers *h, const struct amqp_val *map, uint64_t section, struct amqp_error *e)
{
    struct amqp_items it = amqp_items_of(map);
    struct amqp_val k, v;
    struct str raw;
    while (amqp_item(&it, &k) && amqp_item_raw(&it, &v, &raw)) {
        if (!amqp_val_text(&k) || !str_utf8_ok(k.bytes))
            return amqp_fail(e, "amqp:not-implemented", "a key in section 0x%jx of the message is no text", (uintmax_t)section);
        if (section != AMQP_SEC_ANNOTATIONS || !is_own(k.bytes))
            add_header(a, h, k.bytes, raw, section);
    }
    return 0;
}

static void add_properties(struct arena *a, struct headers *h, const struct amqp_val *list)
{
    struct amqp_items it = amqp_items_of(list);
    struct amqp_val v;
    struct str raw;
    for (size_t i = 0; i < PROPERTY_COUNT && amqp_item_raw(&it, &v, &raw); i++)
        if (v.type != AMQP_NULL)
            add_header(a, h, str_z(PROPERTY_NAMES[i]), raw, AMQP_SEC_PROPERTIES);
}

static void add_header_section(struct arena *a, struct headers *h, const struct amqp_val *list)
{
    struct buf b;
    if (list->type != AMQP_LIST || !list->count)
        return;
    buf_init(&b);
    size_t at = amqp_open_list(&b);
    buf_str(&b, list->bytes);
    amqp_close(&b, at, list->count);
    add_header(a, h, STR(HEADER_SECTION), str_copy(a, buf_view(&b)), AMQP_SEC_HEADER);
    buf_release(&b);
}

/* Data sections together; one, the usual case, is not copied. */
static struct str data_of(struct arena *a, struct str sections)
{
    struct amqp_in in = amqp_in_of(sections);
    struct str first = amqp_read(&in).bytes;
    if (in.p == in.end)
        return first.ptr ? first : STR("");
    char *to = arena_alloc(a, sections.len);
    size_t n = 0;
    in = amqp_in_of(sections);
    while (in.p < in.end) {
        struct str part = amqp_read(&in).bytes;
        memcpy(to + n, part.ptr, part.len);
        n += part.len;
    }
    return str_of(to, n);
}

static struct str key_of(const struct amqp_sections *s)
{
    struct amqp_val key = amqp_map_get(&s->annotations, PARTITION_KEY);
    bool has = (amqp_val_text(&key) || key.type == AMQP_BINARY) && key.bytes.len;
    return has ? key.bytes : STR_NONE;
}

void amqp_events_push(struct arena *a, struct amqp_events *to, const struct event *e, uint8_t attributes)
{
    size_t attributes_cap = to->cap, at = to->count++;
    to->items = arena_grow(a, to->items, &to->cap, at + 1, sizeof *to->items);
    to->attributes = arena_grow(a, to->attributes, &attributes_cap, at + 1, 1);
    to->items[at] = *e;
    to->attributes[at] = attributes;
}

static int add_event(struct arena *a, const struct amqp_sections *s, struct amqp_events *out, struct amqp_error *e)
{
    struct headers h = {0};
    bool other_body = s->body.ptr && !s->data;
    add_header_section(a, &h, &s->header);
    add_properties(a, &h, &s->properties);
    if (add_map(a, &h, &s->annotations, AMQP_SEC_ANNOTATIONS, e) || add_map(a, &h, &s->application, AMQP_SEC_APPLICATION, e) ||
        add_map(a, &h, &s->footer, AMQP_SEC_FOOTER, e))
        return -1;
    if (h.count > BATCH_MAX_HEADERS)
        return amqp_fail(e, "amqp:not-allowed", "an event has more than %d properties", BATCH_MAX_HEADERS);
    const struct event event = {
        .key = out->key.ptr ? out->key : key_of(s),
        .body = other_body ? s->body : s->body.ptr ? data_of(a, s->body) : STR(""),
        .headers = h.items,
        .header_count = h.count,
    };
    amqp_events_push(a, out, &event, RECORD_AMQP | (other_body ? RECORD_AMQP_BODY : 0));
    return 0;
}

int amqp_events_read(struct arena *a, uint32_t format, struct str payload, struct amqp_events *out, struct amqp_error *e)
{
    struct amqp_sections outer, inner;
    *out = (struct amqp_events){0};
    if (amqp_sections_read(payload, &outer, e))
        return -1;
    if (format != AMQP_BATCH_FORMAT)
        return add_event(a, &outer, out, e);
    out->key = key_of(&outer);
    if (!outer.body.ptr || !outer.data)
        return amqp_fail(e, "amqp:decode-error", "a batch holds no data sections");
    struct amqp_in in = amqp_in_of(outer.body);
    while (in.p < in.end)
        if (amqp_sections_read(amqp_read(&in).bytes, &inner, e) || add_event(a, &inner, out, e))
            return -1;
    return 0;
}

/* ------------------------------------------------------------------ writing */

bool amqp_header_read(struct str value, uint64_t *section, struct amqp_val *out, struct str *raw)
{
    enum { DESCRIPTOR = 3 };
    static const uint8_t sections[] = {AMQP_SEC_HEADER, AMQP_SEC_ANNOTATIONS, AMQP_SEC_PROPERTIES, AMQP_SEC_FOOTER};
    *section = AMQP_SEC_APPLICATION;
    if (value.len > DESCRIPTOR && value.ptr[0] == 0 && value.ptr[1] == 0x53)
        for (size_t i = 0; i < COUNT_OF(sections); i++)
            if ((uint8_t)value.ptr[2] == sections[i]) {
                *section = sections[i];
                value = str_from(value, DESCRIPTOR);
                break;
            }
    struct amqp_in in = amqp_in_of(value);
    *out = amqp_read_raw(&in, raw);
    return value.ptr && !in.bad && in.p == in.end && amqp_val_ok(out);
}

void amqp_property_write(struct buf *out, struct str encoded)
{
    amqp_described(out, AMQP_SEC_PROPERTIES);
    buf_str(out, encoded);
}

/* A record's headers, read once: the section each belongs to, and its value, encoded or, if it is none of AMQP's,
 * bytes that become a binary. */
struct entry { struct str name, value; uint8_t section; bool encoded; };
struct entries { struct entry items[BATCH_MAX_HEADERS]; size_t count; unsigned has; /* bit section - AMQP_SEC_HEADER */ };

static void entries_read(struct entries *x, const struct record *r)
{
    struct str rest = r->headers, raw;
    struct event_header h;
    struct amqp_val v;
    uint64_t section;
    x->count = x->has = 0;
    while (x->count < BATCH_MAX_HEADERS && record_header(&rest, &h)) {
        bool encoded = (r->attributes & RECORD_AMQP) && amqp_header_read(h.value, &section, &v, &raw) &&
                       (section != AMQP_SEC_HEADER || v.type == AMQP_LIST);
        section = encoded ? section : AMQP_SEC_APPLICATION;
        x->items[x->count++] = (struct entry){h.key.ptr ? h.key : STR(""), encoded ? raw : h.value, (uint8_t)section, encoded};
        x->has |= 1u << (section - AMQP_SEC_HEADER);
    }
}

static bool has(const struct entries *x, uint64_t section)
{
    return x->has & 1u << (section - AMQP_SEC_HEADER);
}

static bool comes_again(const struct entries *x, size_t i)
{
    const struct entry *e = &x->items[i];
    while (++i < x->count)
        if (x->items[i].section == e->section && str_eq(x->items[i].name, e->name))
            return true;
    return false;
}

/* Keys and values of a section; of a name that comes again the last one. Returns how many keys and values. */
static uint32_t put_entries(struct buf *out, const struct entries *x, uint64_t section)
{
    uint32_t n = 0;
    for (size_t i = 0; has(x, section) && i < x->count; i++) {
        const struct entry *e = &x->items[i];
        if (e->section != section || comes_again(x, i))
            continue;
        (section == AMQP_SEC_APPLICATION ? amqp_str : amqp_sym)(out, e->name);
        if (e->encoded)
            buf_str(out, e->value);
        else
            amqp_bin(out, e->value);
        n += 2;
    }
    return n;
}

static void put_map(struct buf *out, const struct entries *x, uint64_t section)
{
    if (!has(x, section))
        return;
    amqp_described(out, section);
    size_t at = amqp_open_map(out);
    amqp_close(out, at, put_entries(out, x, section));
}

static void put_header_section(struct buf *out, const struct entries *x)
{
    size_t i = 0;
    if (!has(x, AMQP_SEC_HEADER))
        return;
    while (x->items[i].section != AMQP_SEC_HEADER)
        i++;
    amqp_described(out, AMQP_SEC_HEADER);
    buf_str(out, x->items[i].value);
}

static void put_properties(struct buf *out, const struct entries *x)
{
    struct str values[PROPERTY_COUNT] = {0};
    if (!has(x, AMQP_SEC_PROPERTIES))
        return;
    for (size_t n = 0; n < x->count; n++)
        for (size_t i = 0; x->items[n].section == AMQP_SEC_PROPERTIES && i < PROPERTY_COUNT; i++)
            if (str_eqz(x->items[n].name, PROPERTY_NAMES[i]))
                values[i] = x->items[n].value;
    amqp_described(out, AMQP_SEC_PROPERTIES);
    size_t at = amqp_open_list(out);
    for (size_t i = 0; i < PROPERTY_COUNT; i++)
        if (values[i].ptr)
            buf_str(out, values[i]);
        else
            amqp_null(out);
    amqp_close(out, at, PROPERTY_COUNT);
}

static void put_offset(struct buf *out, int64_t offset)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%jd", (intmax_t)offset);
    amqp_str(out, str_of(text, (size_t)n));
}

static void put_annotations(struct buf *out, const struct record *r, const struct entries *x)
{
    uint32_t n = 6;
    amqp_described(out, AMQP_SEC_ANNOTATIONS);
    size_t at = amqp_open_map(out);
    amqp_sym(out, STR("x-opt-sequence-number"));
    amqp_long(out, r->offset);
    amqp_sym(out, STR("x-opt-offset"));
    put_offset(out, r->offset);
    amqp_sym(out, STR("x-opt-enqueued-time"));
    amqp_time(out, r->timestamp_ms);
    if (r->key.ptr && r->key.len) {
        amqp_sym(out, STR(PARTITION_KEY));
        if (str_utf8_ok(r->key))
            amqp_str(out, r->key);
        else
            amqp_bin(out, r->key);
        n += 2;
    }
    n += put_entries(out, x, AMQP_SEC_ANNOTATIONS);
    amqp_close(out, at, n);
}

static void put_last(struct buf *out, const struct amqp_last *last)
{
    amqp_described(out, AMQP_SEC_DELIVERY);
    size_t at = amqp_open_map(out);
    amqp_sym(out, STR("last_enqueued_sequence_number"));
    amqp_long(out, last->sequence);
    amqp_sym(out, STR("last_enqueued_offset"));
    put_offset(out, last->sequence);
    amqp_sym(out, STR("last_enqueued_time_utc"));
    amqp_time(out, last->time_ms);
    amqp_sym(out, STR("runtime_info_retrieval_time_utc"));
    amqp_time(out, last->now_ms);
    amqp_close(out, at, 8);
}

static bool is_body(struct str value)
{
    struct amqp_sections s;
    struct amqp_error e;
    return amqp_sections_read(value, &s, &e) == 0 && s.body.ptr && !s.data && s.body.len == value.len;
}

void amqp_record_write(struct buf *out, const struct record *r, const struct amqp_last *last)
{
    struct entries x;
    entries_read(&x, r);
    put_header_section(out, &x);
    if (last)
        put_last(out, last);
    put_annotations(out, r, &x);
    put_properties(out, &x);
    put_map(out, &x, AMQP_SEC_APPLICATION);
    if ((r->attributes & RECORD_AMQP_BODY) && is_body(r->value)) {
        buf_str(out, r->value);
    } else {
        amqp_described(out, AMQP_SEC_DATA);
        amqp_bin(out, r->value.ptr ? r->value : STR(""));
    }
    put_map(out, &x, AMQP_SEC_FOOTER);
}

/* ------------------------------------------------------------------ partitions */

static uint32_t rot(uint32_t x, int k) { return x << k | x >> (32 - k); }

static uint32_t word(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n && i < 4; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

static uint16_t lookup3(const uint8_t *p, size_t n)
{
    uint32_t a = 0xdeadbeef + (uint32_t)n, b = a, c = a;
    for (; n > 12; p += 12, n -= 12) {
        a += word(p, 4), b += word(p + 4, 4), c += word(p + 8, 4);
        a -= c, a ^= rot(c, 4), c += b;
        b -= a, b ^= rot(a, 6), a += c;
        c -= b, c ^= rot(b, 8), b += a;
        a -= c, a ^= rot(c, 16), c += b;
        b -= a, b ^= rot(a, 19), a += c;
        c -= b, c ^= rot(b, 4), b += a;
    }
    if (n) {
        a += word(p, n), b += n > 4 ? word(p + 4, n - 4) : 0, c += n > 8 ? word(p + 8, n - 8) : 0;
        c ^= b, c -= rot(b, 14);
        a ^= c, a -= rot(c, 11);
        b ^= a, b -= rot(a, 25);
        c ^= b, c -= rot(b, 16);
        a ^= c, a -= rot(c, 4);
        b ^= a, b -= rot(a, 14);
        c ^= b, c -= rot(b, 24);
    }
    return (uint16_t)(c ^ b);
}

int32_t amqp_partition_of_key(struct str key, int32_t partitions)
{
    return abs((int16_t)lookup3((const uint8_t *)key.ptr, key.len) % partitions);
}
