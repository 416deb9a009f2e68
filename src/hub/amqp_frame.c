#include "hub/amqp_frame.h"
#include <stdio.h>
#include <string.h>

int amqp_frame_take(struct str bytes, size_t max_bytes, struct amqp_frame *out)
{
    if (bytes.len < AMQP_FRAME_HEADER)
        return 0;
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    uint32_t body_at = p[4] * 4u;
    *out = (struct amqp_frame){.size = be32_get(p), .type = p[5], .channel = be16_get(p + 6)};
    if (out->size < AMQP_FRAME_HEADER || out->size > max_bytes || body_at < AMQP_FRAME_HEADER || body_at > out->size)
        return -1;
    if (bytes.len < out->size)
        return 0;
    out->body = str_sub(bytes, body_at, out->size - body_at);
    return 1;
}

int amqp_fail(struct amqp_error *e, const char *condition, const char *fmt, ...)
{
    va_list ap;
    e->condition = condition;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return -1;
}

/* ------------------------------------------------------------------ reading fields */

/* Fields in order; those left off are null. A wrong type turns the reader bad. */
struct fields { struct amqp_items it; bool bad; };

static struct fields fields_of(struct amqp_items it) { return (struct fields){it, false}; }

static struct amqp_val field(struct fields *f)
{
    struct amqp_val v;
    if (!amqp_item(&f->it, &v))
        f->bad |= f->it.in.bad;
    return v;
}

static struct amqp_val field_raw(struct fields *f, struct str *raw)
{
    struct amqp_val v;
    if (!amqp_item_raw(&f->it, &v, raw))
        f->bad |= f->it.in.bad;
    if (v.type == AMQP_NULL)
        *raw = STR_NONE;
    return v;
}

static uint64_t field_u64(struct fields *f, uint64_t max, uint64_t otherwise, bool *has)
{
    struct amqp_val v = field(f);
    uint64_t n = otherwise;
    if (has)
        *has = v.type != AMQP_NULL;
    if (v.type != AMQP_NULL && (!amqp_val_u64(&v, &n) || n > max)) {
        f->bad = true;
        return otherwise;
    }
    return n;
}

static uint32_t field_u32(struct fields *f, uint32_t otherwise) { return (uint32_t)field_u64(f, UINT32_MAX, otherwise, NULL); }

static uint32_t need_u32(struct fields *f)
{
    bool has;
    uint32_t v = (uint32_t)field_u64(f, UINT32_MAX, 0, &has);
    f->bad |= !has;
    return v;
}

static bool field_bool(struct fields *f)
{
    struct amqp_val v = field(f);
    f->bad |= v.type != AMQP_NULL && v.type != AMQP_BOOL;
    return v.u != 0;
}

static struct str field_text(struct fields *f)
{
    struct amqp_val v = field(f);
    f->bad |= v.type != AMQP_NULL && !amqp_val_text(&v);
    return v.type == AMQP_NULL ? STR_NONE : v.bytes;
}

static struct str field_bytes(struct fields *f)
{
    struct amqp_val v = field(f);
    f->bad |= v.type != AMQP_NULL && v.type != AMQP_BINARY;
    return v.type == AMQP_NULL ? STR_NONE : v.bytes;
}

uint64_t amqp_performative(struct str body, struct amqp_items *fields, struct str *rest)
{
    struct amqp_in in = amqp_in_of(body);
    struct amqp_val v = amqp_read(&in);
    if (in.bad || v.type != AMQP_LIST || !v.described)
        return 0;
    *fields = amqp_items_of(&v);
    *rest = amqp_rest(&in);
    return v.code;
}

bool amqp_open_read(struct amqp_items it, struct amqp_open *out)
{
    struct fields f = fields_of(it);
    out->container = field_text(&f);
    out->hostname = field_text(&f);
    out->max_frame = field_u32(&f, UINT32_MAX);
    out->channel_max = (uint16_t)field_u64(&f, UINT16_MAX, UINT16_MAX, NULL);
    out->idle_ms = field_u32(&f, 0);
    return !f.bad && out->container.ptr;
}

bool amqp_begin_read(struct amqp_items it, struct amqp_begin *out)
{
    struct fields f = fields_of(it);
    out->remote = (uint16_t)field_u64(&f, UINT16_MAX, 0, &out->has_remote);
    out->next_outgoing = need_u32(&f);
    out->incoming_window = need_u32(&f);
    out->outgoing_window = need_u32(&f);
    out->handle_max = field_u32(&f, UINT32_MAX);
    return !f.bad;
}

static bool source_read(const struct amqp_val *v, struct amqp_attach *out)
{
    enum { BEFORE_FILTER = 6 };
    struct fields f = fields_of(amqp_items_of(v));
    out->source_address = field_text(&f);
    for (int i = 0; i < BEFORE_FILTER; i++)
        field(&f);
    out->filter = field(&f);
    return !f.bad && (out->filter.type == AMQP_NULL || out->filter.type == AMQP_MAP);
}

bool amqp_attach_read(struct amqp_items it, struct amqp_attach *out)
{
    struct fields f = fields_of(it);
    *out = (struct amqp_attach){0};
    out->name = field_text(&f);
    out->handle = need_u32(&f);
    out->receiver = field_bool(&f);
    out->snd_mode = (uint8_t)field_u64(&f, AMQP_SND_MIXED, AMQP_SND_MIXED, NULL);
    out->rcv_mode = (uint8_t)field_u64(&f, 1, 0, NULL);
    struct amqp_val source = field_raw(&f, &out->source), target = field_raw(&f, &out->target);
    bool good = (source.type == AMQP_NULL || (source.type == AMQP_LIST && source_read(&source, out))) &&
                (target.type == AMQP_NULL || target.type == AMQP_LIST);
    struct fields t = fields_of(amqp_items_of(&target));
    out->target_address = field_text(&t);
    field(&f); /* unsettled: nothing is resumed */
    field(&f);
    out->initial_count = field_u32(&f, 0);
    out->max_message = field_u64(&f, UINT64_MAX, 0, NULL);
    field(&f); /* offered capabilities */
    out->desired = field(&f);
    out->properties = field(&f);
    return good && !f.bad && !t.bad && out->name.ptr;
}

bool amqp_flow_read(struct amqp_items it, struct amqp_flow *out)
{
    struct fields f = fields_of(it);
    out->next_incoming = (uint32_t)field_u64(&f, UINT32_MAX, 0, &out->has_next_incoming);
    out->incoming_window = need_u32(&f);
    out->next_outgoing = need_u32(&f);
    out->outgoing_window = need_u32(&f);
    out->handle = (uint32_t)field_u64(&f, UINT32_MAX, 0, &out->has_handle);
    out->count = (uint32_t)field_u64(&f, UINT32_MAX, 0, &out->has_count);
    out->credit = (uint32_t)field_u64(&f, UINT32_MAX, 0, &out->has_credit);
    field(&f); /* available */
    out->drain = field_bool(&f);
    out->echo = field_bool(&f);
    return !f.bad;
}

bool amqp_transfer_read(struct amqp_items it, struct str payload, struct amqp_transfer *out)
{
    struct fields f = fields_of(it);
    out->handle = need_u32(&f);
    out->id = (uint32_t)field_u64(&f, UINT32_MAX, 0, &out->has_id);
    out->tag = field_bytes(&f);
    out->format = field_u32(&f, 0);
    out->settled = field_bool(&f);
    out->more = field_bool(&f);
    field(&f); /* receiver settle mode */
    field(&f); /* state */
    field(&f); /* resume */
    out->aborted = field_bool(&f);
    out->payload = payload;
    return !f.bad;
}

bool amqp_disposition_read(struct amqp_items it, struct amqp_disposition *out)
{
    struct fields f = fields_of(it);
    out->receiver = field_bool(&f);
    out->first = need_u32(&f);
    out->last = field_u32(&f, out->first);
    out->settled = field_bool(&f);
    out->state = field(&f).code;
    return !f.bad;
}

bool amqp_detach_read(struct amqp_items it, struct amqp_detach *out)
{
    struct fields f = fields_of(it);
    out->handle = need_u32(&f);
    out->closed = field_bool(&f);
    return !f.bad;
}

bool amqp_sasl_init_read(struct amqp_items it, struct amqp_sasl_init *out)
{
    struct fields f = fields_of(it);
    out->mechanism = field_text(&f);
    out->response = field_bytes(&f);
    out->hostname = field_text(&f);
    return !f.bad && out->mechanism.ptr;
}

/* ------------------------------------------------------------------ writing */

size_t amqp_frame_start(struct buf *b, enum amqp_frame_type type, uint16_t channel)
{
    size_t at = b->len;
    uint8_t head[AMQP_FRAME_HEADER] = {[4] = AMQP_FRAME_HEADER / 4, [5] = (uint8_t)type, [6] = (uint8_t)(channel >> 8), [7] = (uint8_t)channel};
    buf_add(b, head, sizeof head);
    return at;
}

void amqp_frame_finish(struct buf *b, size_t at)
{
    if (!b->overflow)
        be32_put(b->ptr + at, (uint32_t)(b->len - at));
}

void amqp_put_empty(struct buf *b)
{
    amqp_frame_finish(b, amqp_frame_start(b, AMQP_FRAME, 0));
}

struct open_frame { size_t frame, list; };

static struct open_frame start(struct buf *b, enum amqp_frame_type type, uint16_t channel, enum amqp_code code)
{
    struct open_frame f;
    f.frame = amqp_frame_start(b, type, channel);
    amqp_described(b, code);
    f.list = amqp_open_list(b);
    return f;
}

static void finish(struct buf *b, struct open_frame f, uint32_t count)
{
    amqp_close(b, f.list, count);
    amqp_frame_finish(b, f.frame);
}

static void nulls(struct buf *b, int n)
{
    while (n-- > 0)
        amqp_null(b);
}

static void put_raw(struct buf *b, struct str encoded)
{
    if (encoded.ptr)
        buf_str(b, encoded);
    else
        amqp_null(b);
}

static void put_error(struct buf *b, const struct amqp_error *e)
{
    if (!e || !e->condition) {
        amqp_null(b);
        return;
    }
    amqp_described(b, AMQP_ERROR);
    size_t at = amqp_open_list(b);
    amqp_sym(b, str_z(e->condition));
    amqp_str(b, str_z(e->text));
    amqp_null(b);
    amqp_close(b, at, 3);
}

void amqp_put_open(struct buf *b, const struct amqp_open *o)
{
    struct open_frame f = start(b, AMQP_FRAME, 0, AMQP_OPEN);
    amqp_str(b, o->container);
    amqp_str(b, o->hostname);
    amqp_uint(b, o->max_frame);
    amqp_ushort(b, o->channel_max);
    amqp_uint(b, o->idle_ms);
    nulls(b, 5);
    finish(b, f, 10);
}

void amqp_put_begin(struct buf *b, uint16_t channel, const struct amqp_begin *o)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_BEGIN);
    if (o->has_remote)
        amqp_ushort(b, o->remote);
    else
        amqp_null(b);
    amqp_uint(b, o->next_outgoing);
    amqp_uint(b, o->incoming_window);
    amqp_uint(b, o->outgoing_window);
    amqp_uint(b, o->handle_max);
    nulls(b, 3);
    finish(b, f, 8);
}

void amqp_put_attach(struct buf *b, uint16_t channel, const struct amqp_attach *o)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_ATTACH);
    amqp_str(b, o->name);
    amqp_uint(b, o->handle);
    amqp_bool(b, o->receiver);
    amqp_ubyte(b, o->snd_mode);
    amqp_ubyte(b, o->rcv_mode);
    put_raw(b, o->source);
    put_raw(b, o->target);
    nulls(b, 2);
    if (o->receiver)
        amqp_null(b);
    else
        amqp_uint(b, o->initial_count);
    amqp_ulong(b, o->max_message);
    nulls(b, 3);
    finish(b, f, 14);
}

void amqp_put_flow(struct buf *b, uint16_t channel, const struct amqp_flow *o)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_FLOW);
    amqp_uint(b, o->next_incoming);
    amqp_uint(b, o->incoming_window);
    amqp_uint(b, o->next_outgoing);
    amqp_uint(b, o->outgoing_window);
    if (o->has_handle) {
        amqp_uint(b, o->handle);
        amqp_uint(b, o->count);
        amqp_uint(b, o->credit);
    } else {
        nulls(b, 3);
    }
    amqp_null(b);
    amqp_bool(b, o->drain);
    amqp_bool(b, false);
    amqp_null(b);
    finish(b, f, 11);
}

void amqp_put_transfer(struct buf *b, uint16_t channel, const struct amqp_transfer *o)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_TRANSFER);
    amqp_uint(b, o->handle);
    amqp_uint(b, o->id);
    amqp_bin(b, o->tag);
    amqp_uint(b, o->format);
    amqp_bool(b, o->settled);
    amqp_bool(b, o->more);
    nulls(b, 3);
    amqp_bool(b, false);
    amqp_bool(b, false);
    amqp_close(b, f.list, 11);
    buf_str(b, o->payload);
    amqp_frame_finish(b, f.frame);
}

void amqp_put_disposition(struct buf *b, uint16_t channel, const struct amqp_disposition *o, const struct amqp_error *e)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_DISPOSITION);
    amqp_bool(b, o->receiver);
    amqp_uint(b, o->first);
    amqp_uint(b, o->last);
    amqp_bool(b, o->settled);
    if (o->state) {
        amqp_described(b, o->state);
        size_t at = amqp_open_list(b);
        if (o->state == AMQP_REJECTED)
            put_error(b, e);
        amqp_close(b, at, o->state == AMQP_REJECTED ? 1 : 0);
    } else {
        amqp_null(b);
    }
    amqp_bool(b, false);
    finish(b, f, 6);
}

void amqp_put_detach(struct buf *b, uint16_t channel, uint32_t handle, bool closed, const struct amqp_error *e)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_DETACH);
    amqp_uint(b, handle);
    amqp_bool(b, closed);
    put_error(b, e);
    finish(b, f, 3);
}

void amqp_put_end(struct buf *b, uint16_t channel, const struct amqp_error *e)
{
    struct open_frame f = start(b, AMQP_FRAME, channel, AMQP_END);
    put_error(b, e);
    finish(b, f, 1);
}

void amqp_put_close(struct buf *b, const struct amqp_error *e)
{
    struct open_frame f = start(b, AMQP_FRAME, 0, AMQP_CLOSE);
    put_error(b, e);
    finish(b, f, 1);
}

void amqp_put_sasl_mechanisms(struct buf *b, const char *const *names)
{
    struct open_frame f = start(b, AMQP_FRAME_SASL, 0, AMQP_SASL_MECHANISMS);
    amqp_syms(b, names);
    finish(b, f, 1);
}

void amqp_put_sasl_outcome(struct buf *b, uint8_t code)
{
    struct open_frame f = start(b, AMQP_FRAME_SASL, 0, AMQP_SASL_OUTCOME);
    amqp_ubyte(b, code);
    amqp_null(b);
    finish(b, f, 2);
}
