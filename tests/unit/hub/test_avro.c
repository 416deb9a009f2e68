/* Capture's Avro files: what a record becomes, byte for byte; and files that could not be written are written again. */
#include "hub/amqp_message.h"
#include "hub/avro.h"
#include "hub/avro_capture.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DEADLINE_S = 60 };

static struct arena *a;
static char dir[64];
static struct ev_loop *loop;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    loop = ev_loop_new("test");
    snprintf(dir, sizeof dir, "/tmp/test_avro.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    arena_free(a);
    ev_loop_free(loop);
    return fs_remove_tree(dir, &err);
}

/* ------------------------------------------------------------------ a reader of what is written */

static int64_t take_long(struct str *s)
{
    uint64_t z = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(s->len > 0 && shift < 70);
        uint8_t byte = (uint8_t)s->ptr[0];
        *s = str_from(*s, 1);
        z |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
    }
}

static struct str take_bytes(struct str *s)
{
    int64_t n = take_long(s);
    assert_true(n >= 0 && (size_t)n <= s->len);
    struct str out = str_sub(*s, 0, (size_t)n);
    *s = str_from(*s, (size_t)n);
    return out;
}

/* The head off the front of a file; its sync. */
static struct str take_head(struct str *s)
{
    assert_true(str_starts(*s, str_of("Obj\1", 4)));
    *s = str_from(*s, 4);
    assert_int_equal(take_long(s), 2);
    assert_true(str_eqz(take_bytes(s), "avro.schema"));
    assert_true(str_find(take_bytes(s), STR("\"name\":\"EventData\",\"namespace\":\"Microsoft.ServiceBus.Messaging\"")) > 0);
    assert_true(str_eqz(take_bytes(s), "avro.codec") && str_eqz(take_bytes(s), "null"));
    assert_int_equal(take_long(s), 0);
    struct str sync = str_sub(*s, 0, AVRO_SYNC);
    *s = str_from(*s, AVRO_SYNC);
    return sync;
}

/* A map as "key=branch:value;", each value as text. */
static char *take_map(struct str *s)
{
    struct buf b;
    double f;
    buf_init(&b);
    for (int64_t n; (n = take_long(s)) != 0;)
        for (; n > 0; n--) {
            struct str key = take_bytes(s);
            int64_t branch = take_long(s);
            buf_printf(&b, "%.*s=%jd:", STR_ARGS(key), (intmax_t)branch);
            if (branch == 0) {
                buf_printf(&b, "%jd;", (intmax_t)take_long(s));
            } else if (branch == 1) {
                uint64_t bits = le64_get(s->ptr);
                memcpy(&f, &bits, sizeof f);
                buf_printf(&b, "%g;", f);
                *s = str_from(*s, 8);
            } else {
                struct str v = take_bytes(s);
                buf_printf(&b, "%.*s;", STR_ARGS(v));
            }
        }
    char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

/* One record as a line. */
static char *take_record(struct str *s)
{
    int64_t sequence = take_long(s);
    struct str offset = take_bytes(s), time = take_bytes(s);
    char *system = take_map(s), *properties = take_map(s);
    struct str body = take_long(s) ? take_bytes(s) : STR("(null)");
    return arena_printf(a, "%jd %.*s [%.*s] {%s} {%s} %.*s", (intmax_t)sequence, STR_ARGS(offset), STR_ARGS(time), system, properties, STR_ARGS(body));
}

static char *written(const struct record *r)
{
    struct avro_file f;
    struct buf b;
    buf_init(&b);
    avro_begin(&f, &b);
    avro_end_block(&f, &b); /* nothing: no block */
    avro_add(&f, r);
    avro_end_block(&f, &b);
    struct str s = buf_view(&b), sync = take_head(&s);
    assert_int_equal(take_long(&s), 1);
    struct str block = take_bytes(&s);
    char *out = take_record(&block);
    assert_true(block.len == 0 && str_eq(s, sync));
    avro_release(&f);
    buf_release(&b);
    return out;
}

/* ------------------------------------------------------------------ records */

static void put_header(struct kout *o, const char *name, struct str value)
{
    kout_varint(o, (int32_t)strlen(name));
    buf_z(&o->b, name);
    kout_varint(o, value.ptr ? (int32_t)value.len : -1);
    buf_str(&o->b, value);
}

static void test_times(void **state)
{
    (void)state;
    static const struct { int64_t ms; const char *text; } times[] = {
        {0, "1/1/1970 12:00:00 AM"}, {1607104663000, "12/4/2020 5:57:43 PM"}, {1607083200999, "12/4/2020 12:00:00 PM"}, {INT64_MAX, "1/1/1970 12:00:00 AM"}};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct record r = {.offset = 7, .timestamp_ms = times[i].ms};
        assert_string_equal(written(&r), arena_printf(a, "7 7 [%s] {} {} (null)", times[i].text));
    }
}

static void test_headers_of_kafka_and_of_amqp(void **state)
{
    (void)state;
    struct kout o = {0};
    buf_init(&o.b);
    put_header(&o, "h", STR("first"));
    put_header(&o, "none", STR_NONE);
    put_header(&o, "h", STR("last"));
    put_header(&o, "like-amqp", str_of("\x54\x05", 2)); /* bytes, whatever they look like */
    struct record r = {.offset = -1, .key = STR("k"), .value = STR(""), .header_count = 4, .headers = buf_view(&o.b)};
    assert_string_equal(written(&r), "-1 -1 [1/1/1970 12:00:00 AM] {x-opt-partition-key=2:k;} {h=3:last;like-amqp=3:\x54\x05;} ");
    buf_clear(&o.b);
    put_header(&o, "int", str_of("\x54\xfb", 2));
    put_header(&o, "yes", str_of("\x41", 1));
    put_header(&o, "null", str_of("\x40", 1));
    put_header(&o, "ulong", str_of("\x80\xff\xff\xff\xff\xff\xff\xff\xff", 9));
    put_header(&o, "double", str_of("\x82\x3f\xe0\0\0\0\0\0\0", 9));
    put_header(&o, "text", str_of("\xa1\x02hi", 4));
    put_header(&o, "bytes", str_of("\xa0\x02\xff\xfe", 4));
    put_header(&o, "time", str_of("\x83\0\0\0\0\0\0\0\x05", 9));
    r.header_count = 8;
    r.headers = buf_view(&o.b);
    r.attributes = RECORD_AMQP;
    r.key = STR("\xff");
    assert_string_equal(written(&r), "-1 -1 [1/1/1970 12:00:00 AM] {x-opt-partition-key=3:\xff;} "
                                     "{int=0:-5;yes=0:1;ulong=1:1.84467e+19;double=1:0.5;text=2:hi;bytes=3:\xff\xfe;time=0:5;} ");
    buf_release(&o.b);
}

/* ------------------------------------------------------------------ capture under failing writes */

static int waiting;

static void on_done(void *arg, const struct err *err)
{
    (void)arg;
    assert_null(err);
    waiting--;
}

static void turn(void)
{
    int64_t end = time_mono_us() + DEADLINE_S * INT64_C(1000000);
    while (waiting > 0) {
        assert_true(time_mono_us() < end);
        ev_run_once(loop, 20);
    }
}

static void produce(struct hub *h, int n)
{
    for (int i = 0; i < n; i++) {
        struct event e = {.body = STR("value")};
        struct event_batch b = {.hub = "orders", .events = &e, .count = 1};
        waiting++;
        hub_produce(h, &b, on_done, NULL);
    }
    turn();
}

/* Sequence numbers in all files below the folder, in the order of the files' names; how many files. */
static int read_all(int64_t *next)
{
    struct err err;
    char **paths, *folder = path_join(a, dir, "captured");
    int64_t n = fs_exists(folder) ? fs_walk(a, folder, &paths, &err) : 0;
    int files = 0;
    *next = 0;
    for (int64_t i = 0; i < n; i++) {
        struct buf b;
        if (!str_ends_z(str_z(paths[i]), ".avro"))
            continue;
        buf_init(&b);
        assert_int_equal(fs_read_file(path_join(a, folder, paths[i]), 1 << 20, &b, &err), 0);
        struct str s = buf_view(&b);
        take_head(&s);
        while (s.len) {
            int64_t count = take_long(&s);
            struct str block = take_bytes(&s);
            for (; count > 0; count--) {
                struct str before = block;
                assert_int_equal(take_long(&before), *next);
                take_record(&block);
                ++*next;
            }
            s = str_from(s, AVRO_SYNC);
        }
        buf_release(&b);
        files++;
    }
    return files;
}

/* A call of each kind fails once, and all events are in files, once each, all the same. */
static void test_what_fails_is_done_again(void **state)
{
    (void)state;
    struct err err;
    struct hub_opts o = {.state_dir = dir, .port = -1, .partitions = 1, .auto_create = true};
    int64_t sent = 0, found = 0, end;
    assert_int_equal(fs_write_file(path_join(a, dir, AVRO_CAPTURE_FILE), STR("[{\"hub\": \"orders\", \"folder\": \"captured\", \"interval_s\": 1, \"skip_empty\": true}]"), &err), 0);
    struct hub *h = hub_start(loop, &o, &err);
    assert_non_null(h);
    waiting = 1;
    hub_create(h, NULL, "orders", &(struct hub_spec){.partitions = 1}, on_done, NULL);
    turn();
    static const char *const parts[] = {"captured", "hub-capture"};
    for (int nth = 1; nth <= 5; nth += 2)
        for (size_t p = 0; p < COUNT_OF(parts); p++) {
            fs_fault_set(&(struct fs_fault){.kind = FS_FAULT_FAIL, .nth = nth, .path_part = arena_printf(a, "%s/%s", dir, parts[p])});
            produce(h, 3);
            sent += 3;
            end = time_mono_us() + DEADLINE_S * INT64_C(1000000);
            do {
                assert_true(time_mono_us() < end);
                ev_run_once(loop, 20);
                read_all(&found);
            } while (found < sent);
            fs_fault_set(NULL);
        }
    produce(h, 2);
    hub_stop(h); /* what is there is read, and the file closed */
    read_all(&found);
    assert_int_equal(found, sent + 2);
    h = hub_start(loop, &o, &err);
    produce(h, 1);
    hub_stop(h);
    read_all(&found);
    assert_int_equal(found, sent + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_of_kafka_and_of_amqp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_fails_is_done_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
