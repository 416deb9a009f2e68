/* fuzz_amqp_message -- a message (first byte even) or a batch of them as records, and each record as a message
 * again: what is taken can be written, and what is written can be read. */
#include "hub/amqp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void back(const struct event *e, uint8_t attributes)
{
    struct batch_builder w;
    struct batch_reader r;
    struct batch head;
    struct record rec;
    struct amqp_sections s;
    struct amqp_error why;
    struct err err;
    struct buf out;
    batch_builder_init(&w);
    batch_reader_init(&r);
    buf_init(&out);
    batch_begin(&w);
    batch_add_as(&w, attributes, 1, e);
    struct str whole = batch_finish(&w, -1, -1, -1);
    CHECK(batch_read_header(whole, &head) && batch_reader_start(&r, &head, whole, &err) == 0 && batch_reader_next(&r, &rec, &err) == 1);
    amqp_record_write(&out, &rec, NULL);
    CHECK(amqp_sections_read(buf_view(&out), &s, &why) == 0);
    buf_release(&out);
    batch_builder_release(&w);
    batch_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct amqp_events events;
    struct amqp_error e;
    if (!n || n > 1 << 20)
        return 0;
    struct arena *a = arena_new();
    struct str payload = str_of((const char *)bytes + 1, n - 1);
    if (amqp_events_read(a, bytes[0] % 2 ? AMQP_BATCH_FORMAT : 0, payload, &events, &e) == 0)
        for (size_t i = 0; i < events.count; i++)
            back(&events.items[i], events.attributes[i]);
    /* And as the header and value of a record that says it is AMQP's. */
    struct event_header h = {STR("h"), payload};
    struct event spoiled = {.body = payload, .headers = &h, .header_count = 1};
    back(&spoiled, RECORD_AMQP | RECORD_AMQP_BODY);
    arena_free(a);
    return 0;
}
