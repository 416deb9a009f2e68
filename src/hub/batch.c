#include "hub/batch.h"
#include <string.h>

enum { AT_LENGTH = 8, AT_EPOCH = 12, AT_MAGIC = 16, AT_CRC = 17, AT_ATTR = 21, AT_MAX_TS = 35 };

bool batch_read_header(struct str bytes, struct batch *out)
{
    if (bytes.len < BATCH_HEADER)
        return false;
    const char *p = bytes.ptr;
    int32_t length = (int32_t)be32_get(p + AT_LENGTH);
    if (length < BATCH_HEADER - BATCH_PREFIX || length > BATCH_MAX_BYTES - BATCH_PREFIX || p[AT_MAGIC] != BATCH_MAGIC)
        return false;
    *out = (struct batch){
        .base_offset = (int64_t)be64_get(p),
        .size = length + BATCH_PREFIX,
        .leader_epoch = (int32_t)be32_get(p + AT_EPOCH),
        .crc = be32_get(p + AT_CRC),
        .attributes = (int16_t)be16_get(p + AT_ATTR),
        .last_offset_delta = (int32_t)be32_get(p + 23),
        .base_timestamp = (int64_t)be64_get(p + 27),
        .max_timestamp = (int64_t)be64_get(p + AT_MAX_TS),
        .producer_id = (int64_t)be64_get(p + 43),
        .producer_epoch = (int16_t)be16_get(p + 51),
        .base_sequence = (int32_t)be32_get(p + 53),
        .count = (int32_t)be32_get(p + 57),
    };
    int64_t last;
    return out->last_offset_delta >= 0 && out->count >= 0 && out->base_offset >= 0 &&
           !__builtin_add_overflow(out->base_offset, out->last_offset_delta, &last) && last < INT64_MAX;
}

bool batch_crc_ok(const struct batch *b, const char *bytes)
{
    return crc32c(0, bytes + AT_ATTR, (size_t)b->size - AT_ATTR) == b->crc;
}

void batch_set_place(char *bytes, int64_t base_offset, int32_t leader_epoch)
{
    be64_put(bytes, (uint64_t)base_offset);
    be32_put(bytes + AT_EPOCH, (uint32_t)leader_epoch);
}

void batch_set_append_time(char *bytes, int32_t size, int64_t now_ms)
{
    be16_put(bytes + AT_ATTR, be16_get(bytes + AT_ATTR) | BATCH_LOG_APPEND_TIME);
    be64_put(bytes + AT_MAX_TS, (uint64_t)now_ms);
    be32_put(bytes + AT_CRC, crc32c(0, bytes + AT_ATTR, (size_t)size - AT_ATTR));
}

/* ------------------------------------------------------------------ reading */

void batch_reader_init(struct batch_reader *r)
{
    *r = (struct batch_reader){0};
    buf_init_max(&r->inflated, BATCH_MAX_INFLATED);
}

void batch_reader_release(struct batch_reader *r)
{
    buf_release(&r->inflated);
}

int batch_reader_start(struct batch_reader *r, const struct batch *head, struct str bytes, struct err *err)
{
    CHECK(bytes.len >= (size_t)head->size);
    struct str body = str_sub(bytes, BATCH_HEADER, (size_t)head->size - BATCH_HEADER);
    int codec = head->attributes & BATCH_CODEC_MASK;
    if (codec != CODEC_NONE) {
        buf_clear(&r->inflated);
        if (codec_inflate(codec, body, &r->inflated, BATCH_MAX_INFLATED, err))
            return err_wrap(err, "batch at offset %jd", (intmax_t)head->base_offset);
        body = buf_view(&r->inflated);
    }
    r->head = *head;
    r->in = kin_of(body);
    r->left = head->count;
    return 0;
}

static struct str sized_bytes(struct kin *in)
{
    int32_t n = kin_varint(in);
    if (n < -1)
        in->bad = true;
    return n < 0 || in->bad ? STR_NONE : kin_take(in, (size_t)n);
}

static bool skip_headers(struct kin *in, int32_t n)
{
    for (int32_t i = 0; i < n && !in->bad; i++) {
        if (!sized_bytes(in).ptr)
            return false; /* a header's name is never null */
        sized_bytes(in);
    }
    return !in->bad;
}

int batch_reader_next(struct batch_reader *r, struct record *out, struct err *err)
{
    if (r->left == 0)
        return 0;
    r->left--;
    const struct batch *h = &r->head;
    int32_t size = kin_varint(&r->in);
    struct str bytes = size < 0 ? STR_NONE : kin_take(&r->in, (size_t)size);
    struct kin in = kin_of(bytes);
    out->attributes = (uint8_t)kin_i8(&in);
    int64_t dt = kin_varlong(&in);
    int32_t doff = kin_varint(&in);
    out->key = sized_bytes(&in);
    out->value = sized_bytes(&in);
    out->header_count = kin_varint(&in);
    out->headers = str_of((const char *)in.p, kin_left(&in));
    bool good = !r->in.bad && bytes.ptr && !in.bad && doff >= 0 && doff <= h->last_offset_delta &&
                out->header_count >= 0 && out->header_count <= BATCH_MAX_HEADERS &&
                skip_headers(&in, out->header_count) && in.p == in.end;
    if (!good)
        return err_set(err, ERR_CORRUPT, "record %d of the batch at offset %jd is malformed",
                       (int)(h->count - r->left - 1), (intmax_t)h->base_offset);
    out->offset = h->base_offset + doff;
    if (h->attributes & BATCH_LOG_APPEND_TIME)
        out->timestamp_ms = h->max_timestamp;
    else if (__builtin_add_overflow(h->base_timestamp, dt, &out->timestamp_ms))
        return err_set(err, ERR_CORRUPT, "timestamp of record %jd overflows", (intmax_t)out->offset);
    return 1;
}

bool record_header(struct str *rest, struct event_header *out)
{
    if (!rest->len)
        return false;
    struct kin in = kin_of(*rest);
    out->key = sized_bytes(&in);
    out->value = sized_bytes(&in);
    *rest = str_of((const char *)in.p, kin_left(&in));
    return !in.bad;
}

int batch_check_records(struct batch_reader *r, const struct batch *head, struct str bytes, struct err *err)
{
    struct record rec;
    int got;
    int64_t before = head->base_offset - 1;
    if (batch_reader_start(r, head, bytes, err))
        return -1;
    while ((got = batch_reader_next(r, &rec, err)) == 1) {
        if (rec.offset <= before)
            return err_set(err, ERR_CORRUPT, "offsets of records do not rise");
        before = rec.offset;
    }
    if (got < 0)
        return -1;
    if (r->in.p != r->in.end)
        return err_set(err, ERR_CORRUPT, "%zu bytes follow the last record", kin_left(&r->in));
    return 0;
}

/* ------------------------------------------------------------------ building */

void batch_builder_init(struct batch_builder *w)
{
    *w = (struct batch_builder){0};
    buf_init_max(&w->out.b, BATCH_MAX_BYTES);
    buf_init_max(&w->record.b, BATCH_MAX_BYTES);
}

void batch_builder_release(struct batch_builder *w)
{
    buf_release(&w->out.b);
    buf_release(&w->record.b);
}

void batch_begin(struct batch_builder *w)
{
    static const char blank[BATCH_HEADER];
    buf_clear(&w->out.b);
    buf_add(&w->out.b, blank, sizeof blank);
    w->count = 0;
}

static void put_bytes(struct kout *o, struct str s)
{
    kout_varint(o, s.ptr ? (int32_t)s.len : -1);
    buf_add(&o->b, s.ptr, s.len);
}

void batch_add(struct batch_builder *w, int64_t timestamp_ms, struct str key, struct str value,
               const struct event_header *headers, size_t header_count)
{
    const struct event e = {.key = key, .body = value, .headers = headers, .header_count = header_count};
    batch_add_as(w, 0, timestamp_ms, &e);
}

void batch_add_as(struct batch_builder *w, uint8_t attributes, int64_t timestamp_ms, const struct event *e)
{
    struct kout *o = &w->record;
    if (w->count == 0)
        w->base_ts = w->max_ts = timestamp_ms;
    if (timestamp_ms > w->max_ts)
        w->max_ts = timestamp_ms;
    buf_clear(&o->b);
    kout_i8(o, (int8_t)attributes);
    kout_varlong(o, timestamp_ms - w->base_ts);
    kout_varint(o, w->count++);
    put_bytes(o, e->key);
    put_bytes(o, e->body);
    kout_varint(o, (int32_t)e->header_count);
    for (size_t i = 0; i < e->header_count; i++) {
        put_bytes(o, e->headers[i].key.ptr ? e->headers[i].key : STR(""));
        put_bytes(o, e->headers[i].value);
    }
    kout_varint(&w->out, (int32_t)o->b.len);
    buf_add(&w->out.b, o->b.ptr, o->b.len);
}

struct str batch_finish(struct batch_builder *w, int64_t producer_id, int16_t epoch, int32_t sequence)
{
    return batch_finish_as(w, 0, producer_id, epoch, sequence);
}

struct str batch_finish_as(struct batch_builder *w, int16_t attributes, int64_t producer_id, int16_t epoch, int32_t sequence)
{
    CHECK(w->count > 0 && !w->out.b.overflow);
    char *p = w->out.b.ptr;
    size_t n = w->out.b.len;
    be32_put(p + AT_LENGTH, (uint32_t)(n - BATCH_PREFIX));
    p[AT_MAGIC] = BATCH_MAGIC;
    be16_put(p + AT_ATTR, (uint16_t)attributes);
    be32_put(p + 23, (uint32_t)(w->count - 1));
    be64_put(p + 27, (uint64_t)w->base_ts);
    be64_put(p + AT_MAX_TS, (uint64_t)w->max_ts);
    be64_put(p + 43, (uint64_t)producer_id);
    be16_put(p + 51, (uint16_t)epoch);
    be32_put(p + 53, (uint32_t)sequence);
    be32_put(p + 57, (uint32_t)w->count);
    be32_put(p + AT_CRC, crc32c(0, p + AT_ATTR, n - AT_ATTR));
    return str_of(p, n);
}

struct str batch_marker(struct batch_builder *w, int64_t producer_id, int16_t epoch, bool commit, int32_t coordinator_epoch, int64_t now_ms)
{
    char key[4] = {0, 0, 0, commit ? MARKER_COMMIT : MARKER_ABORT}, value[6] = {0};
    be32_put(value + 2, (uint32_t)coordinator_epoch);
    batch_begin(w);
    batch_add(w, now_ms, str_of(key, sizeof key), str_of(value, sizeof value), NULL, 0);
    return batch_finish_as(w, BATCH_TRANSACTIONAL | BATCH_CONTROL, producer_id, epoch, -1);
}

enum batch_marker batch_marker_of(const struct batch *b, const char *bytes, int32_t *coordinator_epoch)
{
    struct batch_reader r;
    struct record rec;
    struct err err;
    enum batch_marker type = MARKER_NONE;
    batch_reader_init(&r);
    if (!batch_reader_start(&r, b, str_of(bytes, (size_t)b->size), &err) && batch_reader_next(&r, &rec, &err) == 1) {
        struct kin key = kin_of(rec.key), value = kin_of(rec.value);
        kin_i16(&key);
        int16_t said = kin_i16(&key);
        kin_i16(&value);
        *coordinator_epoch = kin_i32(&value);
        if (!key.bad && (said == MARKER_ABORT || said == MARKER_COMMIT))
            type = (enum batch_marker)said;
    }
    batch_reader_release(&r);
    return type;
}
