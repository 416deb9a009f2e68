#include "hub/amqp_message.h"
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

static bool take_section(struct amqp_sections *s, const struct amqp_val *v, struct str raw)
{
    bool data = v->code == AMQP_SEC_DATA;
    switch (v->code) {
    case AMQP_SEC_HEADER: s->header = *v; return v->type == AMQP_LIST;
    case AMQP_SEC_DELIVERY: return v->type == AMQP_MAP;
    case AMQP_SEC_ANNOTATIONS: s->annotations = *v; return v->type == AMQP_MAP;
    case AMQP_SEC_PROPERTIES: s->properties = *v; return v->type == AMQP_LIST && v->count <= PROPERTY_COUNT;
    case AMQP_SEC_APPLICATION: s->application = *v; return v->type == AMQP_MAP;
    case AMQP_SEC_FOOTER: s->footer = *v; return v->type == AMQP_MAP;
    case AMQP_SEC_DATA:
    case AMQP_SEC_SEQUENCE:
    case AMQP_SEC_VALUE:
        if (s->body.ptr && (s->data != data || s->body.ptr + s->body.len != raw.ptr))
            return false; /* body sections are of one kind and together */
        s->body = s->body.ptr ? str_of(s->body.ptr, s->body.len + raw.len) : raw;
        s->data = data;
        return !data || v->type == AMQP_BINARY;
    default: return false;
    }
}

int amqp_sections_read(struct str message, struct amqp_sections *out, struct amqp_error *e)
{
    struct amqp_in in = amqp_in_of(message);
    *out = (struct amqp_sections){0};
    for (int n = 0; in.p < in.end; n++) {
        struct str raw;
        struct amqp_val v = amqp_read_raw(&in, &raw);
        if (in.bad || n >= AMQP_MAX_SECTIONS || !v.described || !take_section(out, &v, raw))
            return amqp_fail(e, "amqp:decode-error", "section %d of the message is malformed", n);
        if (v.code != AMQP_SEC_DATA && !amqp_val_ok(&v))
            return amqp_fail(e, "amqp:decode-error", "a value in section %d of the message is malformed", n);
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

static void add_map(struct arena *a, struct headers *h, const struct amqp_val *map, uint64_t section)
{
    struct amqp_items it = amqp_items_of(map);
    struct amqp_val k, v;
    struct str raw;
    while (amqp_item(&it, &k) && amqp_item_raw(&it, &v, &raw))
        if (amqp_val_text(&k) && str_utf8_ok(k.bytes) && !(section == AMQP_SEC_ANNOTATIONS && is_own(k.bytes)))
            add_header(a, h, k.bytes, raw, section);
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

static int add_event(struct arena *a, const struct amqp_sections *s, struct amqp_events *out, struct amqp_error *e)
{
    struct headers h = {0};
    size_t at = out->count, attributes_cap = out->cap;
    add_header_section(a, &h, &s->header);
    add_properties(a, &h, &s->properties);
    add_map(a, &h, &s->annotations, AMQP_SEC_ANNOTATIONS);
    add_map(a, &h, &s->application, AMQP_SEC_APPLICATION);
    add_map(a, &h, &s->footer, AMQP_SEC_FOOTER);
    if (h.count > BATCH_MAX_HEADERS)
        return amqp_fail(e, "amqp:not-allowed", "an event has more than %d properties", BATCH_MAX_HEADERS);
    out->items = arena_grow(a, out->items, &out->cap, at + 1, sizeof *out->items);
    out->attributes = arena_grow(a, out->attributes, &attributes_cap, at + 1, 1);
    out->items[at] = (struct event){
        .key = out->key.ptr ? out->key : key_of(s),
        .body = s->body.ptr && !s->data ? s->body : s->body.ptr ? data_of(a, s->body) : STR(""),
        .headers = h.items,
        .header_count = h.count,
    };
    out->attributes[at] = RECORD_AMQP | (s->body.ptr && !s->data ? RECORD_AMQP_BODY : 0);
    out->count++;
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

/* A header as the section it goes to and the bytes to write there; `tmp` holds what must be made. */
static struct str encoded_of(const struct record *r, const struct event_header *h, struct buf *tmp, uint64_t *section)
{
    struct amqp_val v;
    struct str raw;
    if ((r->attributes & RECORD_AMQP) && amqp_header_read(h->value, section, &v, &raw))
        return raw;
    *section = AMQP_SEC_APPLICATION;
    buf_clear(tmp);
    amqp_bin(tmp, h->value);
    return buf_view(tmp);
}

static bool comes_again(struct str rest, struct str name)
{
    struct event_header h;
    while (record_header(&rest, &h))
        if (str_eq(h.key, name))
            return true;
    return false;
}

static bool sections_of(const struct record *r, uint64_t want)
{
    struct str rest = r->headers, raw;
    struct event_header h;
    struct amqp_val v;
    uint64_t section;
    while (record_header(&rest, &h)) {
        bool amqp = (r->attributes & RECORD_AMQP) && amqp_header_read(h.value, &section, &v, &raw);
        if ((amqp ? section : AMQP_SEC_APPLICATION) == want)
            return true;
    }
    return false;
}

static uint32_t put_entries(struct buf *out, const struct record *r, uint64_t want, struct buf *tmp)
{
    struct str rest = r->headers;
    struct event_header h;
    uint64_t section;
    uint32_t n = 0;
    while (record_header(&rest, &h)) {
        struct str value = encoded_of(r, &h, tmp, &section);
        if (section != want || (want == AMQP_SEC_APPLICATION && comes_again(rest, h.key)))
            continue;
        if (want == AMQP_SEC_APPLICATION)
            amqp_str(out, h.key.ptr ? h.key : STR(""));
        else
            amqp_sym(out, h.key);
        buf_str(out, value);
        n += 2;
    }
    return n;
}

static void put_map(struct buf *out, const struct record *r, uint64_t section, struct buf *tmp)
{
    if (!sections_of(r, section))
        return;
    amqp_described(out, section);
    size_t at = amqp_open_map(out);
    amqp_close(out, at, put_entries(out, r, section, tmp));
}

static void put_header_section(struct buf *out, const struct record *r)
{
    struct str rest = r->headers, raw;
    struct event_header h;
    struct amqp_val v;
    uint64_t section;
    while ((r->attributes & RECORD_AMQP) && record_header(&rest, &h))
        if (amqp_header_read(h.value, &section, &v, &raw) && section == AMQP_SEC_HEADER && v.type == AMQP_LIST) {
            amqp_described(out, AMQP_SEC_HEADER);
            buf_str(out, raw);
            return;
        }
}

static void put_properties(struct buf *out, const struct record *r)
{
    struct str values[PROPERTY_COUNT] = {0}, rest = r->headers, raw;
    struct event_header h;
    struct amqp_val v;
    uint64_t section;
    bool any = false;
    while ((r->attributes & RECORD_AMQP) && record_header(&rest, &h)) {
        if (!amqp_header_read(h.value, &section, &v, &raw) || section != AMQP_SEC_PROPERTIES)
            continue;
        for (size_t i = 0; i < PROPERTY_COUNT; i++)
            if (str_eqz(h.key, PROPERTY_NAMES[i])) {
                values[i] = raw;
                any = true;
            }
    }
    if (!any)
        return;
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

static void put_annotations(struct buf *out, const struct record *r, struct buf *tmp)
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
    if (r->attributes & RECORD_AMQP)
        n += put_entries(out, r, AMQP_SEC_ANNOTATIONS, tmp);
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
    struct buf tmp;
    buf_init(&tmp);
    put_header_section(out, r);
    if (last)
        put_last(out, last);
    put_annotations(out, r, &tmp);
    put_properties(out, r);
    put_map(out, r, AMQP_SEC_APPLICATION, &tmp);
    if ((r->attributes & RECORD_AMQP_BODY) && is_body(r->value)) {
        buf_str(out, r->value);
    } else {
        amqp_described(out, AMQP_SEC_DATA);
        amqp_bin(out, r->value.ptr ? r->value : STR(""));
    }
    if (r->attributes & RECORD_AMQP)
        put_map(out, r, AMQP_SEC_FOOTER, &tmp);
    buf_release(&tmp);
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
