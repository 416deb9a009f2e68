/* AMQP's codec, frames, messages, WebSocket frames and SAS tokens: what is written is read, what is cut or
 * flipped is refused or read within its bytes. */
#include "hub/amqp_frame.h"
#include "hub/amqp_message.h"
#include "hub/amqp_ws.h"
#include "hub/sas.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct buf b;
static struct arena *a;

static int setup(void **state)
{
    (void)state;
    buf_init(&b);
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&b);
    arena_free(a);
    return 0;
}

static struct amqp_val read_one(void)
{
    struct amqp_in in = amqp_in_of(buf_view(&b));
    struct amqp_val v = amqp_read(&in);
    assert_false(in.bad);
    assert_ptr_equal(in.p, in.end);
    assert_true(amqp_val_ok(&v));
    return v;
}

static void test_numbers(void **state)
{
    (void)state;
    static const uint64_t us[] = {0, 1, 255, 256, UINT32_MAX, UINT64_MAX};
    static const int64_t is[] = {0, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    int64_t i;
    uint64_t u;
    for (size_t n = 0; n < COUNT_OF(us); n++) {
        buf_clear(&b);
        amqp_ulong(&b, us[n]);
        struct amqp_val v = read_one();
        assert_true(amqp_val_u64(&v, &u) && u == us[n]);
        assert_int_equal(amqp_val_i64(&v, &i), us[n] <= INT64_MAX);
        buf_clear(&b);
        amqp_uint(&b, (uint32_t)us[n]);
        v = read_one();
        assert_true(v.type == AMQP_UINT && v.u == (uint32_t)us[n]);
    }
    for (size_t n = 0; n < COUNT_OF(is); n++) {
        buf_clear(&b);
        amqp_long(&b, is[n]);
        struct amqp_val v = read_one();
        assert_true(amqp_val_i64(&v, &i) && i == is[n]);
    }
    static const char small[] = {0x55, (char)0xff}; /* smalllong -1 */
    struct amqp_in in = amqp_in_of(str_of(small, 2));
    assert_int_equal(amqp_read(&in).i, -1);
    buf_clear(&b);
    amqp_double(&b, -2.5);
    assert_true(read_one().f == -2.5);
    static const struct { double v; const char *text; } doubles[] = {{0.1, "0.1"}, {-2.5, "-2.5"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}, {5, "5"}};
    struct buf out;
    buf_init(&out);
    for (size_t n = 0; n < COUNT_OF(doubles); n++) {
        struct amqp_val v = {.type = AMQP_DOUBLE, .f = doubles[n].v};
        buf_clear(&out);
        amqp_val_print(&out, &v);
        assert_string_equal(out.ptr, doubles[n].text);
    }
    buf_clear(&out);
    amqp_val_print(&out, &(struct amqp_val){.type = AMQP_FLOAT, .f = (double)0.1f});
    assert_string_equal(out.ptr, "0.1");
    buf_release(&out);
}

static void test_compound(void **state)
{
    (void)state;
    struct amqp_val v, k, item;
    size_t map = amqp_open_map(&b);
    amqp_sym(&b, STR("a"));
    amqp_str(&b, STR("x"));
    amqp_str(&b, STR("b"));
    size_t list = amqp_open_list(&b);
    amqp_null(&b);
    amqp_bool(&b, true);
    amqp_close(&b, list, 2);
    amqp_close(&b, map, 4);
    v = read_one();
    assert_int_equal(v.type, AMQP_MAP);
    assert_true(str_eqz(amqp_map_get(&v, "a").bytes, "x"));
    item = amqp_map_get(&v, "b");
    assert_int_equal(item.type, AMQP_LIST);
    struct amqp_items it = amqp_items_of(&item);
    assert_true(amqp_item(&it, &k) && k.type == AMQP_NULL && amqp_item(&it, &k) && k.u == 1 && !amqp_item(&it, &k));
    buf_clear(&b);
    static const char *const names[] = {"one", "two", NULL};
    amqp_syms(&b, names);
    v = read_one();
    it = amqp_items_of(&v);
    assert_true(amqp_item(&it, &k) && str_eqz(k.bytes, "one") && amqp_item(&it, &k) && str_eqz(k.bytes, "two") && !amqp_item(&it, &k));
}

/* An array of arrays of items that take no bytes: nine bytes make 65,535 of them, a megabyte seven thousand million. */
static void test_empty_items(void **state)
{
    (void)state;
    enum { ARRAYS = 100000, EACH = 9 };
    uint8_t head[9] = {0xf0}, one[EACH];
    struct amqp_val k;
    be32_put(head + 1, 5 + ARRAYS * EACH);
    be32_put(head + 5, ARRAYS);
    be32_put(one, 5);
    be32_put(one + 4, AMQP_MAX_EMPTY_ITEMS);
    one[8] = 0x41;
    buf_add(&b, head, sizeof head);
    buf_char(&b, (char)0xf0);
    for (int i = 0; i < ARRAYS; i++)
        buf_add(&b, one, sizeof one);
    int64_t from = time_mono_us();
    struct amqp_val v = read_one();
    assert_true(v.type == AMQP_ARRAY && v.count == ARRAYS);
    assert_in_range(time_mono_us() - from, 0, 5000000); /* walked, it would be minutes */
    struct amqp_items it = amqp_items_of(&v);
    assert_true(amqp_item(&it, &k) && k.count == AMQP_MAX_EMPTY_ITEMS);
    it = amqp_items_of(&k);
    assert_true(amqp_item(&it, &v) && v.type == AMQP_BOOL && v.u == 1);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t len; } cases[] = {
#define BAD(s) {s, sizeof(s) - 1}
        BAD(""), BAD("\x00"), BAD("\x01"), BAD("\x57\x01"), BAD("\xa1\x05" "ab"), BAD("\xb1\xff\xff\xff\xff" "x"), BAD("\xc0\x00"), BAD("\xc0\x01\x05"),
        BAD("\xc1\x02\x01\x40"), BAD("\xd0\x00\x00\x00\x05\xff\xff\xff\xff\x40"), BAD("\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40"),
        BAD("\xe0\x02\x01\x57"), BAD("\x00\x00\x53\x10\x45\x45"), BAD("\x00\x53"), BAD("\x00\xa1\x01x\x40"), BAD("\x84\x01"),
        BAD("\x00\x53\x01\x00\x53\x02\x00\x53\x03\x00\x53\x04\x00\x53\x05\x40"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct amqp_in in = amqp_in_of(str_of(cases[i].bytes, cases[i].len));
        struct amqp_val v = amqp_read(&in);
        if (!in.bad)
            fail_msg("case %zu is read", i);
        assert_int_equal(v.type, AMQP_NULL);
        v = amqp_read(&in); /* and it stays bad */
        assert_true(in.bad && v.type == AMQP_NULL);
    }
    /* Lists within lists: readable by their size, refused when looked into. */
    for (int i = 0; i < 200; i++) {
        struct buf outer;
        buf_init(&outer);
        size_t at = amqp_open_list(&outer);
        buf_str(&outer, buf_view(&b));
        amqp_close(&outer, at, i ? 1 : 0);
        buf_release(&b);
        b = outer;
    }
    struct amqp_in in = amqp_in_of(buf_view(&b));
    struct amqp_val v = amqp_read(&in);
    assert_false(in.bad);
    assert_false(amqp_val_ok(&v));
}

static void test_frames(void **state)
{
    (void)state;
    struct amqp_error e;
    amqp_fail(&e, "amqp:not-found", "no %s", "hub");
    amqp_put_open(&b, &(struct amqp_open){.container = STR("c"), .hostname = STR("h"), .max_frame = 512, .idle_ms = 9, .channel_max = 3});
    amqp_put_begin(&b, 7, &(struct amqp_begin){.has_remote = true, .remote = 7, .incoming_window = 5, .outgoing_window = 6, .handle_max = 8});
    amqp_put_attach(&b, 7, &(struct amqp_attach){.name = STR("n"), .handle = 2, .max_message = 1 << 20});
    amqp_put_flow(&b, 7, &(struct amqp_flow){.next_incoming = 1, .has_handle = true, .handle = 2, .count = 3, .credit = 4, .drain = true});
    amqp_put_transfer(&b, 7, &(struct amqp_transfer){.handle = 2, .id = 300, .tag = STR("t"), .format = AMQP_BATCH_FORMAT, .more = true, .payload = STR("load")});
    amqp_put_disposition(&b, 7, &(struct amqp_disposition){.receiver = true, .settled = true, .first = 1, .last = 2, .state = AMQP_REJECTED}, &e);
    amqp_put_detach(&b, 7, 2, true, &e);
    amqp_put_end(&b, 7, NULL);
    amqp_put_close(&b, &e);
    static const uint64_t codes[] = {AMQP_OPEN, AMQP_BEGIN, AMQP_ATTACH, AMQP_FLOW, AMQP_TRANSFER, AMQP_DISPOSITION, AMQP_DETACH, AMQP_END, AMQP_CLOSE};
    static const uint32_t counts[] = {10, 8, 14, 11, 11, 6, 3, 1, 1}; /* every field: the Python client needs them */
    struct str rest = buf_view(&b), after;
    struct amqp_items f;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct amqp_frame frame, cut;
        assert_int_equal(amqp_frame_take(rest, 65536, &frame), 1);
        assert_int_equal(amqp_frame_take(str_sub(rest, 0, frame.size - 1), 65536, &cut), 0);
        assert_int_equal(amqp_frame_take(rest, frame.size - 1, &cut), -1);
        assert_int_equal(amqp_performative(frame.body, &f, &after), codes[i]);
        assert_int_equal(f.left, counts[i]);
        struct amqp_open open;
        struct amqp_begin begin;
        struct amqp_attach attach;
        struct amqp_flow flow;
        struct amqp_transfer transfer;
        struct amqp_disposition disposition;
        struct amqp_detach detach;
        if (codes[i] == AMQP_OPEN)
            assert_true(amqp_open_read(f, &open) && open.max_frame == 512 && open.idle_ms == 9 && open.channel_max == 3 && str_eqz(open.hostname, "h"));
        else if (codes[i] == AMQP_BEGIN)
            assert_true(amqp_begin_read(f, &begin) && begin.has_remote && begin.remote == 7 && begin.handle_max == 8);
        else if (codes[i] == AMQP_ATTACH)
            assert_true(amqp_attach_read(f, &attach) && attach.handle == 2 && attach.max_message == 1 << 20 && !attach.source.ptr && !attach.receiver);
        else if (codes[i] == AMQP_FLOW)
            assert_true(amqp_flow_read(f, &flow) && flow.has_handle && flow.credit == 4 && flow.drain && flow.count == 3);
        else if (codes[i] == AMQP_TRANSFER)
            assert_true(amqp_transfer_read(f, after, &transfer) && transfer.id == 300 && transfer.format == AMQP_BATCH_FORMAT && transfer.more &&
                        str_eqz(transfer.payload, "load"));
        else if (codes[i] == AMQP_DISPOSITION)
            assert_true(amqp_disposition_read(f, &disposition) && disposition.last == 2 && disposition.state == AMQP_REJECTED);
        else if (codes[i] == AMQP_DETACH)
            assert_true(amqp_detach_read(f, &detach) && detach.closed && detach.handle == 2);
        rest = str_from(rest, frame.size);
    }
    assert_int_equal(rest.len, 0);
}

/* ------------------------------------------------------------------ messages */

static void put_message(struct buf *out)
{
    amqp_described(out, AMQP_SEC_HEADER);
    size_t at = amqp_open_list(out);
    amqp_bool(out, true);
    amqp_close(out, at, 1);
    amqp_described(out, AMQP_SEC_ANNOTATIONS);
    at = amqp_open_map(out);
    amqp_sym(out, STR("x-opt-partition-key"));
    amqp_str(out, STR("key"));
    amqp_sym(out, STR("x-opt-sequence-number")); /* not the sender's to say */
    amqp_long(out, 99);
    amqp_sym(out, STR("mine"));
    amqp_int(out, 5);
    amqp_close(out, at, 6);
    amqp_described(out, AMQP_SEC_PROPERTIES);
    at = amqp_open_list(out);
    amqp_ulong(out, 17);
    amqp_close(out, at, 1);
    amqp_described(out, AMQP_SEC_APPLICATION);
    at = amqp_open_map(out);
    amqp_str(out, STR("n"));
    amqp_long(out, -3);
    amqp_str(out, STR("message-id")); /* the same name as a field of properties */
    amqp_str(out, STR("app"));
    amqp_close(out, at, 4);
    amqp_described(out, AMQP_SEC_DATA);
    amqp_bin(out, STR("bo"));
    amqp_described(out, AMQP_SEC_DATA);
    amqp_bin(out, STR("dy"));
    amqp_described(out, AMQP_SEC_FOOTER);
    at = amqp_open_map(out);
    amqp_sym(out, STR("foot"));
    amqp_bool(out, false);
    amqp_close(out, at, 2);
}

/* An event as the record that a reader of the log gets. */
static struct record record_of(struct batch_builder *w, struct batch_reader *r, const struct event *e, uint8_t attributes)
{
    struct err err;
    struct batch head;
    struct record rec;
    batch_begin(w);
    batch_add_as(w, attributes, 1000, e);
    struct str bytes = batch_finish(w, -1, -1, -1);
    assert_true(batch_read_header(bytes, &head));
    assert_int_equal(batch_reader_start(r, &head, bytes, &err), 0);
    assert_int_equal(batch_reader_next(r, &rec, &err), 1);
    rec.offset = 42;
    return rec;
}

static void test_message_and_back(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch_reader r;
    struct amqp_events events;
    struct amqp_error e;
    struct amqp_sections s;
    batch_builder_init(&w);
    batch_reader_init(&r);
    put_message(&b);
    assert_int_equal(amqp_events_read(a, 0, buf_view(&b), &events, &e), 0);
    assert_int_equal(events.count, 1);
    assert_true(str_eqz(events.items[0].key, "key") && str_eqz(events.items[0].body, "body"));
    assert_int_equal(events.attributes[0], RECORD_AMQP);
    struct record rec = record_of(&w, &r, &events.items[0], events.attributes[0]);
    struct buf out;
    buf_init(&out);
    struct amqp_last last = {.sequence = 50, .time_ms = 7, .now_ms = 8};
    amqp_record_write(&out, &rec, &last);
    assert_int_equal(amqp_sections_read(buf_view(&out), &s, &e), 0);
    assert_int_equal(amqp_map_get(&s.annotations, "x-opt-sequence-number").i, 42);
    assert_true(str_eqz(amqp_map_get(&s.annotations, "x-opt-offset").bytes, "42"));
    assert_int_equal(amqp_map_get(&s.annotations, "x-opt-enqueued-time").i, 1000);
    assert_true(str_eqz(amqp_map_get(&s.annotations, "x-opt-partition-key").bytes, "key"));
    assert_int_equal(amqp_map_get(&s.annotations, "mine").i, 5);
    assert_int_equal(amqp_map_get(&s.application, "n").i, -3);
    assert_true(str_eqz(amqp_map_get(&s.application, "message-id").bytes, "app"));
    assert_int_equal(amqp_map_get(&s.footer, "foot").type, AMQP_BOOL);
    struct amqp_items it = amqp_items_of(&s.properties);
    struct amqp_val id;
    assert_true(amqp_item(&it, &id) && id.u == 17 && id.type == AMQP_ULONG);
    assert_int_equal(s.header.count, 1);
    buf_release(&out);
    batch_builder_release(&w);
    batch_reader_release(&r);
}

/* What we do not understand of a message is refused, and its name is said; nothing of it is left out unseen. */
static void test_messages_not_understood(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t len; const char *condition, *says; } cases[] = {
#define SAYS(s, condition, says) {s, sizeof(s) - 1, condition, says}
#define DATA "\x00\x53\x75\xa0\x01x"
        SAYS("\x00\x53\x79\x45" DATA, "amqp:not-implemented", "0x79"),
        SAYS("\x00\x80\x00\x00\x01\x37\x00\x00\x00\x07\xc1\x01\x00" DATA, "amqp:not-implemented", "0x13700000007"),
        SAYS("\x00\xa3\x10" "amqp:data:binary\xa0\x01x", "amqp:not-implemented", "amqp:data:binary"),
        SAYS("\x00\x53\x74\xc1\x01\x00" "\x00\x53\x74\xc1\x01\x00" DATA, "amqp:decode-error", "0x74"),
        SAYS("\x00\x53\x73\x45" DATA "\x00\x53\x73\x45", "amqp:decode-error", "0x73"),
        SAYS("\x00\x53\x74\xc1\x04\x02\x53\x01\x41" DATA, "amqp:not-implemented", "0x74 of the message is no text"),
        SAYS("\x00\x53\x72\xc1\x04\x02\x53\x01\x41" DATA, "amqp:not-implemented", "0x72 of the message is no text"),
        SAYS("\x00\x53\x70\xc1\x01\x00" DATA, "amqp:decode-error", "0x70"),
        SAYS(DATA "\x00\x53\x77\x40", "amqp:decode-error", "0x77"),
        SAYS(DATA "\x00\x53\x74\xc1\x01\x00" DATA, "amqp:decode-error", "0x75"),
        SAYS("\x45", "amqp:decode-error", "section 0"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct amqp_events events;
        struct amqp_error e = {0};
        assert_int_equal(amqp_events_read(a, 0, str_of(cases[i].bytes, cases[i].len), &events, &e), -1);
        if (strcmp(e.condition, cases[i].condition) || !strstr(e.text, cases[i].says))
            fail_msg("case %zu: %s: %s", i, e.condition, e.text);
    }
}

/* A record with as many headers as one may have, all of one name but the first: the last one counts. */
static void test_many_headers(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch_reader r;
    struct amqp_sections s;
    struct amqp_error e;
    struct event_header headers[BATCH_MAX_HEADERS];
    batch_builder_init(&w);
    batch_reader_init(&r);
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        headers[i] = (struct event_header){i ? STR("same") : STR("first"), str_fmt(a, "%zu", i)};
    struct event ev = {.body = STR("x"), .headers = headers, .header_count = COUNT_OF(headers)};
    struct record rec = record_of(&w, &r, &ev, 0);
    amqp_record_write(&b, &rec, NULL);
    assert_int_equal(amqp_sections_read(buf_view(&b), &s, &e), 0);
    assert_int_equal(s.application.count, 4);
    assert_true(str_eqz(amqp_map_get(&s.application, "first").bytes, "0") && str_eqz(amqp_map_get(&s.application, "same").bytes, "999"));
    batch_builder_release(&w);
    batch_reader_release(&r);
}

static void test_kafka_record_as_message(void **state)
{
    (void)state;
    struct batch_builder w;
    struct batch_reader r;
    struct amqp_sections s;
    struct amqp_error e;
    batch_builder_init(&w);
    batch_reader_init(&r);
    const struct event_header headers[] = {{STR("h"), STR("A")}, {STR("twice"), STR("1")}, {STR("twice"), STR("2")}, {STR("null"), STR_NONE}};
    struct event ev = {.key = str_of("\xff", 1), .body = STR_NONE, .headers = headers, .header_count = 4};
    struct record rec = record_of(&w, &r, &ev, 0);
    amqp_record_write(&b, &rec, NULL);
    assert_int_equal(amqp_sections_read(buf_view(&b), &s, &e), 0);
    assert_int_equal(s.application.count, 6);
    struct amqp_val h = amqp_map_get(&s.application, "h"); /* 'A' is AMQP for true: but these bytes are bytes */
    assert_true(h.type == AMQP_BINARY && str_eqz(h.bytes, "A"));
    assert_true(str_eqz(amqp_map_get(&s.application, "twice").bytes, "2"));
    assert_int_equal(amqp_map_get(&s.application, "null").type, AMQP_NULL);
    assert_int_equal(amqp_map_get(&s.annotations, "x-opt-partition-key").type, AMQP_BINARY);
    assert_true(s.data);
    /* Bits that a Kafka client set, over bytes that are no AMQP: still a message. */
    rec = record_of(&w, &r, &ev, RECORD_AMQP | RECORD_AMQP_BODY);
    buf_clear(&b);
    amqp_record_write(&b, &rec, NULL);
    assert_int_equal(amqp_sections_read(buf_view(&b), &s, &e), 0);
    batch_builder_release(&w);
    batch_reader_release(&r);
}

static void test_batch_and_bodies(void **state)
{
    (void)state;
    struct amqp_events events;
    struct amqp_error e;
    struct buf inner;
    buf_init(&inner);
    put_message(&inner);
    amqp_described(&b, AMQP_SEC_ANNOTATIONS);
    size_t at = amqp_open_map(&b);
    amqp_sym(&b, STR("x-opt-partition-key"));
    amqp_str(&b, STR("of all"));
    amqp_close(&b, at, 2);
    for (int i = 0; i < 3; i++) {
        amqp_described(&b, AMQP_SEC_DATA);
        amqp_bin(&b, buf_view(&inner));
    }
    assert_int_equal(amqp_events_read(a, AMQP_BATCH_FORMAT, buf_view(&b), &events, &e), 0);
    assert_int_equal(events.count, 3);
    assert_true(str_eqz(events.items[2].key, "of all") && str_eqz(events.items[2].body, "body"));
    buf_clear(&inner);
    amqp_described(&inner, AMQP_SEC_VALUE);
    amqp_int(&inner, 9);
    assert_int_equal(amqp_events_read(a, 0, buf_view(&inner), &events, &e), 0);
    assert_int_equal(events.attributes[0], RECORD_AMQP | RECORD_AMQP_BODY);
    assert_true(str_eq(events.items[0].body, buf_view(&inner)));
    assert_int_equal(amqp_events_read(a, AMQP_BATCH_FORMAT, buf_view(&inner), &events, &e), -1);
    buf_release(&inner);
}

/* Cut at every length, every bit flipped: never a read outside, and what is taken is written again well. */
static void test_spoiled_messages(void **state)
{
    (void)state;
    struct amqp_events events;
    struct amqp_error e;
    struct amqp_sections s;
    struct batch_builder w;
    struct batch_reader r;
    struct buf out;
    batch_builder_init(&w);
    batch_reader_init(&r);
    buf_init(&out);
    put_message(&b);
    size_t taken = 0, refused = 0;
    for (size_t bit = 0; bit < b.len * 8 + b.len; bit++) {
        size_t len = bit < b.len * 8 ? b.len : bit - b.len * 8;
        char *copy = malloc(len ? len : 1);
        memcpy(copy, b.ptr, len);
        if (bit < b.len * 8)
            copy[bit / 8] ^= (char)(1 << bit % 8);
        arena_reset(a);
        if (amqp_events_read(a, 0, str_of(copy, len), &events, &e)) {
            refused++;
        } else {
            taken++;
            struct record rec = record_of(&w, &r, &events.items[0], events.attributes[0]);
            buf_clear(&out);
            amqp_record_write(&out, &rec, NULL);
            assert_int_equal(amqp_sections_read(buf_view(&out), &s, &e), 0);
        }
        free(copy);
    }
    assert_true(taken > 100 && refused > 100);
    buf_release(&out);
    batch_builder_release(&w);
    batch_reader_release(&r);
}

static void test_partition_of_key(void **state)
{
    (void)state;
    /* As @azure/event-hubs maps them to 32 partitions; some of the hashes are negative. */
    static const struct { const char *key; int32_t at; } known[] = {
        {"a", 28}, {"key-7", 17}, {"device 42", 13}, {"0123456789ab", 30}, {"0123456789abc", 7}, {"ä€", 7}, {"7149583486996073602", 17}, {"FWfAT", 5},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_int_equal(amqp_partition_of_key(str_z(known[i].key), 32), known[i].at);
        for (int32_t n = 1; n < 40; n++)
            assert_in_range(amqp_partition_of_key(str_z(known[i].key), n), 0, n - 1);
    }
}

/* ------------------------------------------------------------------ WebSocket */

static void mask(struct buf *out, uint8_t op, struct str payload)
{
    static const char key[4] = {1, 2, 3, 4};
    buf_char(out, (char)(0x80 | op));
    if (payload.len < 126)
        buf_char(out, (char)(0x80 | payload.len));
    else {
        uint8_t size[2];
        be16_put(size, (uint16_t)payload.len);
        buf_char(out, (char)(0x80 | 126));
        buf_add(out, size, 2);
    }
    buf_add(out, key, 4);
    for (size_t i = 0; i < payload.len; i++)
        buf_char(out, payload.ptr[i] ^ key[i % 4]);
}

static void test_websocket(void **state)
{
    (void)state;
    struct buf plain, out;
    struct ws_in w = {0};
    char large[1000];
    buf_init(&plain);
    buf_init(&out);
    memset(large, 'x', sizeof large);
    static const char ask[] = "GET /$servicebus/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: AMQPWSB10\r\n\r\n";
    assert_int_equal(ws_upgrade(str_of(ask, sizeof ask - 5), &out), 0);
    assert_int_equal(ws_upgrade(str_z(ask), &out), sizeof ask - 1);
    assert_non_null(strstr(out.ptr, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* the answer of RFC 6455, 1.3 */
    assert_non_null(strstr(out.ptr, "Protocol: AMQPWSB10"));
    buf_clear(&out);
    assert_int_equal(ws_upgrade(STR("GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"), &out), -1);
    buf_clear(&out);
    mask(&b, 2, STR("abc"));
    mask(&b, 9, STR("are you there"));
    mask(&b, 2, str_of(large, sizeof large));
    mask(&b, 8, STR(""));
    for (size_t cut = 0; cut <= b.len; cut++) { /* in two pieces, cut anywhere */
        w = (struct ws_in){0};
        buf_clear(&plain);
        buf_clear(&out);
        int64_t n = ws_feed(&w, str_sub(buf_view(&b), 0, cut), &plain, &out);
        assert_in_range(n, 0, cut);
        assert_int_equal(ws_feed(&w, str_from(buf_view(&b), (size_t)n), &plain, &out), (int64_t)b.len - n);
        assert_int_equal(plain.len, 1003);
        assert_true(w.closed && str_find(buf_view(&out), STR("are you there")) == 2);
    }
    w = (struct ws_in){0};
    assert_int_equal(ws_feed(&w, STR("\x82\x03" "abcdefg"), &plain, &out), -1); /* not masked */
    assert_int_equal(ws_feed(&w, STR("\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff" "maskx"), &plain, &out), -1); /* 2 GB */
    buf_release(&plain);
    buf_release(&out);
}

/* ------------------------------------------------------------------ SAS */

static void test_sas(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_amqp.XXXXXX", key[SAS_KEY_TEXT];
    struct err err;
    struct sas_claim c;
    assert_non_null(mkdtemp(dir));
    char *path = path_join(a, dir, SAS_POLICY_FILE);
    assert_int_equal(fs_write_file(path, STR("[{\"name\":\"web\",\"key\":\"k\",\"rights\":[\"Send\",\"Listen\"],\"namespace\":\"shop\",\"hub\":\"orders\"}]"), &err), 0);
    struct sas *s = sas_open(dir, "root", &err);
    assert_non_null(s);
    sas_derive_key("root", "SendOnly", key);
    assert_int_equal(sas_check_key(s, STR(SAS_ROOT_POLICY), STR("root"), &c, &err), 0);
    assert_true(sas_allows(&c, SAS_MANAGE, "any", STR("thing")));
    assert_int_equal(sas_check_key(s, STR(SAS_ROOT_POLICY), STR("roo"), &c, &err), -1);
    assert_int_equal(err.code, ERR_AUTH);
    assert_int_equal(sas_check_key(s, STR("SendOnly"), str_z(key), &c, &err), 0);
    assert_true(sas_allows(&c, SAS_SEND, "x", STR("y")) && !sas_allows(&c, SAS_LISTEN, "x", STR("y")));
    assert_int_equal(sas_check_key(s, STR("web"), STR("k"), &c, &err), 0);
    assert_true(sas_allows(&c, SAS_LISTEN, "shop", STR("orders")) && !sas_allows(&c, SAS_LISTEN, "other", STR("orders")) &&
                !sas_allows(&c, SAS_LISTEN, "shop", STR("else")) && !sas_allows(&c, SAS_MANAGE, "shop", STR("orders")));

    sas_token_write(&b, SAS_ROOT_POLICY, "root", STR("sb://shop.servicebus.windows.net/Orders/consumergroups/x"), 2000);
    struct str token = str_copy(a, buf_view(&b));
    assert_int_equal(sas_check_token(s, a, token, 1999999, &c, &err), 0);
    assert_true(sas_allows(&c, SAS_SEND, "shop", STR("orders")) && !sas_allows(&c, SAS_SEND, "shop", STR("orders2")) &&
                !sas_allows(&c, SAS_SEND, "shop2", STR("orders")) && c.expires_ms == 2000000);
    assert_int_equal(sas_check_token(s, a, token, 2000000, &c, &err), -1);
    for (size_t i = 0; i < token.len; i++) { /* no letter of it may be another */
        char *copy = arena_strndup(a, token.ptr, token.len);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        if (sas_check_token(s, a, str_of(copy, token.len), 0, &c, &err) == 0)
            fail_msg("byte %zu: '%s'", i, copy);
    }
    buf_clear(&b);
    sas_token_write(&b, "shop~" SAS_ROOT_POLICY, "root", STR("sb://127.0.0.1:5672/orders"), 2000);
    assert_true(str_eqz(sas_token_namespace(a, buf_view(&b)), "shop"));
    assert_int_equal(sas_check_token(s, a, buf_view(&b), 0, &c, &err), 0);
    assert_true(sas_allows(&c, SAS_SEND, "shop", STR("orders")) && !sas_allows(&c, SAS_SEND, "other", STR("orders")));
    /* The policy's name is not signed: it may not move a token to another namespace than its host's. */
    buf_clear(&b);
    sas_token_write(&b, "other~" SAS_ROOT_POLICY, "root", STR("sb://shop.servicebus.windows.net/orders"), 2000);
    assert_int_equal(sas_check_token(s, a, buf_view(&b), 0, &c, &err), -1);
    buf_clear(&b);
    sas_token_write(&b, "shop~" SAS_ROOT_POLICY, "root", STR("sb://shop.servicebus.windows.net/orders"), 2000);
    assert_int_equal(sas_check_token(s, a, buf_view(&b), 0, &c, &err), 0);
    assert_true(sas_allows(&c, SAS_SEND, "shop", STR("orders")) && !sas_allows(&c, SAS_SEND, "other", STR("orders")));
    /* A publisher's token is good for that publisher, one for anything else in a hub for the hub. */
    static const struct { const char *uri, *where; bool good; } paths[] = {
        {"sb://h/orders/publishers/d7", "orders/Publishers/d7", true}, {"sb://h/orders/publishers/d7", "orders/Publishers/d8", false},
        {"sb://h/orders/publishers/d7", "orders", false}, {"sb://h/orders/Partitions/0", "orders", true}, {"sb://h/orders/$management", "orders", true},
        {"sb://h/orders", "orders/publishers/d7", true}, {"sb://h/order", "orders/publishers/d7", false}, {"sb://h", "orders/publishers/d7", true},
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        buf_clear(&b);
        sas_token_write(&b, SAS_ROOT_POLICY, "root", str_z(paths[i].uri), 2000);
        assert_int_equal(sas_check_token(s, a, buf_view(&b), 0, &c, &err), 0);
        if (sas_allows(&c, SAS_SEND, "default", str_z(paths[i].where)) != paths[i].good)
            fail_msg("'%s' on '%s'", paths[i].uri, paths[i].where);
    }
    sas_close(s);
    static const char *const wrong[] = { /* what would otherwise be a policy without its limit */
        "\"rights\":[\"send\"]", "\"rights\":\"Send\"", "\"rights\":[]", "\"rights\":[\"Send\"],\"namespace\":5", "\"rights\":[\"Send\"],\"hub\":null",
        "\"rights\":[\"Send\"],\"hub\":\"\"", "\"rights\":[\"Send\"],\"name\":\"a~b\"", "\"rights\":[\"Send\"],\"Hub\":\"orders\"",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const char *name = strstr(wrong[i], "\"name\"") ? "" : "\"name\":\"web\",";
        assert_int_equal(fs_write_file(path, str_z(arena_printf(a, "[{%s\"key\":\"k\",%s}]", name, wrong[i])), &err), 0);
        if (sas_open(dir, "root", &err))
            fail_msg("'%s' is taken", wrong[i]);
        assert_true(err.code == ERR_INPUT && err.where.line == 1);
    }
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    assert_true(str_eqz(sas_namespace_of(STR("shop.servicebus.windows.net:5671")), "shop"));
    assert_true(str_eqz(sas_namespace_of(STR("shop.localhost")), "shop"));
    assert_null(sas_namespace_of(STR("127.0.0.1")).ptr);
    assert_null(sas_namespace_of(STR("localhost:5672")).ptr);
    struct sas_string text;
    sas_string_read(STR("endpoint=sb://h:5/; SharedAccessKeyName=n;SharedAccessKey=a=b=;EntityPath=e"), &text);
    assert_true(str_eqz(text.host, "h:5") && str_eqz(text.policy, "n") && str_eqz(text.key, "a=b=") && str_eqz(text.entity, "e"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_numbers), T(test_compound), T(test_empty_items), T(test_malformed), T(test_frames), T(test_message_and_back), T(test_messages_not_understood), T(test_many_headers), T(test_kafka_record_as_message),
        T(test_batch_and_bodies), T(test_spoiled_messages), T(test_partition_of_key), T(test_websocket), T(test_sas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
