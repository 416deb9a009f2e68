/* hub: producing and reading in process, and capture to Delta: whole, once, across restarts. */
#include "hub/capture.h"
#include "hub/events.h"
#include "hub/hub_int.h"
#include "lake/write.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DEADLINE_S = 30 };

static char dir[64], table_dir[96];
static struct ev_loop *loop;
static struct duck *db;
static struct duck_conn *conn;
static struct hub *hub;
static struct lake_table *table;
static int waiting, failures;
static struct err last_err;

#define OK(call) do { if (call) { print_error("%s: %s\n", err_code_name(err.code), err.msg); fail(); } } while (0)

static void turn_until_done(void)
{
    int64_t end = time_mono_us() + DEADLINE_S * INT64_C(1000000);
    while (waiting > 0) {
        assert_true(time_mono_us() < end);
        ev_run_once(loop, 50);
    }
}

static void done(void *arg, const struct err *err)
{
    (void)arg;
    waiting--;
    if (err) {
        failures++;
        last_err = *err;
    }
}

static void start(void)
{
    struct err err;
    struct hub_opts o = {.state_dir = dir, .port = -1, .partitions = 3, .segment_bytes = 20000};
    hub = hub_start(loop, &o, &err);
    if (!hub)
        fail_msg("%s", err.msg);
}

static int setup(void **state)
{
    (void)state;
    struct err err;
    snprintf(dir, sizeof dir, "/tmp/hub-capture-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(table_dir, sizeof table_dir, "%s/bronze", dir);
    loop = ev_loop_new("test");
    db = duck_new(&(struct duck_opts){.threads = 1, .memory_mb = 512}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    waiting = failures = 0;
    if (!conn || hub_register_scan(db, &err))
        return -1;
    table = lake_table_open(table_dir);
    start();
    waiting = 1;
    hub_create(hub, NULL, "sales", &(struct hub_spec){.partitions = 3}, done, NULL);
    turn_until_done();
    return failures;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    hub_stop(hub);
    lake_table_close(table);
    duck_disconnect(conn);
    duck_free(db);
    ev_loop_free(loop);
    return fs_remove_tree(dir, &err);
}

/* A batch of `n` events, numbers from `first` on; every third has a key and headers. */
static void send(const char *producer, int64_t number, int first, int n)
{
    struct arena *a = arena_new();
    struct event *events = ARENA_ARRAY(a, struct event, n);
    for (int i = 0; i < n; i++) {
        struct event_header *h = ARENA_ARRAY(a, struct event_header, 2);
        h[0] = (struct event_header){STR("source"), STR("test")};
        h[1] = (struct event_header){STR("raw"), STR("\xff\xfe")};
        events[i] = (struct event){
            .key = (first + i) % 3 ? STR_NONE : str_fmt(a, "key %d", first + i),
            .body = str_fmt(a, "{\"n\":%d}", first + i),
            .headers = h,
            .header_count = (first + i) % 3 ? 0 : 2,
        };
    }
    struct event_batch b = {.hub = "sales", .producer = producer, .number = number, .events = events, .count = (size_t)n};
    waiting++;
    hub_produce(hub, &b, done, NULL);
    arena_free(a);
}

static int64_t scalar(const char *sql)
{
    struct err err;
    int64_t v = -1;
    bool found;
    OK(duck_scalar_i64(conn, str_z(sql), &v, &found, &err));
    return v;
}

/* ------------------------------------------------------------------ local */

static struct hub_ranges seen;

static void keep_ranges(void *arg, const struct hub_ranges *r, const struct err *err)
{
    (void)arg;
    assert_null(err);
    mem_free(seen.items);
    seen.count = r->count;
    seen.items = mem_alloc(sizeof *r->items * (size_t)r->count);
    memcpy(seen.items, r->items, sizeof *r->items * (size_t)r->count);
    waiting--;
}

static int64_t ask_total(void)
{
    int64_t n = 0;
    waiting++;
    hub_offsets(hub, NULL, "sales", keep_ranges, NULL);
    turn_until_done();
    for (int32_t i = 0; i < seen.count; i++)
        n += seen.items[i].to - seen.items[i].from;
    return n;
}

static void a_repeated_batch_is_stored_once(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        send("outbox", i, i * 10, 10);
    turn_until_done();
    assert_int_equal(ask_total(), 200);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20; i++)
            send("outbox", i, i * 10, 10);
        send("another", 0, 0, 1 - round);
        turn_until_done();
        assert_int_equal(failures, 0);
        assert_int_equal(ask_total(), 201);
        hub_stop(hub); /* the state survives */
        start();
    }
    send(NULL, 0, 0, 5);
    turn_until_done();
    assert_int_equal(ask_total(), 206);
}

static void what_is_refused_is_named(void **state)
{
    (void)state;
    char *big = mem_alloc(HUB_MAX_EVENT_BYTES + 1);
    struct event e = {.body = str_of(big, HUB_MAX_EVENT_BYTES + 1)};
    struct event_batch b = {.hub = "sales", .events = &e, .count = 1};
    waiting = 1;
    hub_produce(hub, &b, done, NULL);
    turn_until_done();
    assert_int_equal(failures, 1);
    assert_int_equal(last_err.code, ERR_LIMIT);
    b.hub = "nobody";
    e.body = STR("x");
    waiting = 1;
    hub_produce(hub, &b, done, NULL);
    turn_until_done();
    assert_int_equal(last_err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(last_err.msg, "nobody"));
    mem_free(big);
}

static struct hub_reader *reader;

static void keep_reader(void *arg, struct hub_reader *r, const struct err *err)
{
    (void)arg;
    if (err)
        last_err = *err;
    reader = r;
    waiting--;
}

static void a_read_handle_reads_its_ranges(void **state)
{
    (void)state;
    char sql[256];
    for (int i = 0; i < 30; i++)
        send(NULL, 0, i * 100, 100);
    turn_until_done();
    assert_int_equal(ask_total(), 3000);
    for (int32_t i = 0; i < seen.count; i++) { /* a part of each, ends inside batches */
        seen.items[i].from += 7;
        seen.items[i].to -= 5;
    }
    waiting = 1;
    hub_reader_open(hub, NULL, "sales", &seen, keep_reader, NULL);
    turn_until_done();
    assert_non_null(reader);
    send(NULL, 0, 5000, 500); /* comes too late to be seen */
    turn_until_done();
    int64_t handle = duck_handle_put(db, hub_reader_source(reader));
    for (int again = 0; again < 2; again++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM hub_events(%jd)", (intmax_t)handle);
        assert_int_equal(scalar(sql), 3000 - 3 * 12);
        snprintf(sql, sizeof sql, "SELECT count(DISTINCT (partition, \"offset\")) FROM hub_events(%jd)", (intmax_t)handle);
        assert_int_equal(scalar(sql), 3000 - 3 * 12);
        for (int32_t i = 0; i < 3; i++) {
            snprintf(sql, sizeof sql, "SELECT count(*) FROM hub_events(%jd) WHERE partition = %d AND \"offset\" >= %jd AND \"offset\" < %jd",
                     (intmax_t)handle, i, (intmax_t)seen.items[i].from, (intmax_t)seen.items[i].to);
            assert_int_equal(scalar(sql), seen.items[i].to - seen.items[i].from);
        }
    }
    duck_handle_drop(db, handle);
    hub_reader_free(reader);
    seen.items[1].to += 100000;
    waiting = 1;
    hub_reader_open(hub, NULL, "sales", &seen, keep_reader, NULL);
    turn_until_done();
    assert_null(reader);
    assert_int_equal(last_err.code, ERR_NOT_FOUND);
}

static void a_handle_of_some_bytes_covers_the_front(void **state)
{
    (void)state;
    char sql[128];
    for (int i = 0; i < 60; i++)
        send(NULL, 0, i * 50, 50);
    turn_until_done();
    assert_int_equal(ask_total(), 3000);
    int64_t rows = 0;
    int rounds = 0;
    while (ask_total(), rows < 3000) { /* range after range, until all is read: nothing twice, nothing left out */
        static int64_t next[3];
        if (!rounds)
            memset(next, 0, sizeof next);
        for (int32_t i = 0; i < 3; i++)
            seen.items[i].from = next[i];
        waiting = 1;
        hub_reader_open_some(hub, NULL, "sales", &seen, 1 + rounds % 7 * 5000, keep_reader, NULL);
        turn_until_done();
        assert_non_null(reader);
        const struct hub_ranges *r = hub_reader_ranges(reader);
        int64_t handle = duck_handle_put(db, hub_reader_source(reader)), want = 0;
        for (int32_t i = 0; i < 3; i++) {
            assert_true(r->items[i].from == next[i] && r->items[i].to >= next[i] && r->items[i].to <= seen.items[i].to);
            want += r->items[i].to - r->items[i].from;
            next[i] = r->items[i].to;
        }
        snprintf(sql, sizeof sql, "SELECT count(*) FROM hub_events(%jd)", (intmax_t)handle);
        assert_int_equal(scalar(sql), want);
        assert_true(want > 0);
        rows += want;
        duck_handle_drop(db, handle);
        hub_reader_free(reader);
        assert_true(++rounds < 1000);
    }
    assert_int_equal(rows, 3000);
    assert_true(rounds > 5);
}

static int fired;

static void on_fire(void *arg)
{
    (void)arg;
    fired++;
}

static void a_watch_tells_once_and_loses_nothing(void **state)
{
    (void)state;
    struct hub_watch *w = hub_watch(hub, NULL, "sales", on_fire, NULL);
    fired = 0;
    int64_t end = time_mono_us() + DEADLINE_S * INT64_C(1000000);
    for (int i = 0; i < 5; i++) {
        send(NULL, 0, 0, 1);
        turn_until_done();
        send(NULL, 0, 0, 1);
        turn_until_done();
        ask_total(); /* behind the call, if one is on its way */
        assert_int_equal(fired, 2 * i + 1);
        hub_watch_again(w); /* the second event came unseen: told at once */
        while (fired < 2 * i + 2 && time_mono_us() < end)
            ev_run_once(loop, 20);
        hub_watch_again(w);
        ask_total();
        assert_int_equal(fired, 2 * i + 2);
    }
    hub_watch_free(w);
    send(NULL, 0, 0, 1);
    turn_until_done();
    ask_total();
    assert_int_equal(fired, 10);
}

/* ------------------------------------------------------------------ capture */

static struct capture *capture;
static int64_t committed_rows;

static void on_commit(void *ctx, const char *at, int64_t version, int64_t rows)
{
    (void)ctx;
    (void)version;
    assert_string_equal(at, table_dir);
    committed_rows += rows;
}

static void dec(void *arg)
{
    (void)arg;
    waiting--;
}

static void on_capture_error(void *ctx, const struct err *err)
{
    (void)ctx;
    print_message("capture: %s\n", err->msg);
}

static void capture_open(void)
{
    struct capture_opts o = {.hub = hub, .owner = loop, .db = db, .table = table, .ns = "default", .name = "sales",
                             .on_commit = on_commit, .on_error = on_capture_error};
    waiting++;
    capture = capture_start(&o, done, NULL);
    turn_until_done();
    if (failures)
        fail_msg("%s", last_err.msg);
}

static void capture_close(void)
{
    waiting++;
    capture_stop(capture, dec, NULL);
    turn_until_done();
}

static void drain(void)
{
    waiting++;
    capture_drain(capture, dec, NULL);
    turn_until_done();
}

/* Reads the table as another engine would: the files its log names. */
static void view_table(struct lake_table *t)
{
    struct err err;
    struct buf sql;
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_non_null(s);
    buf_init(&sql);
    buf_z(&sql, "CREATE OR REPLACE TEMP VIEW bronze AS SELECT * FROM read_parquet([");
    for (size_t i = 0; i < s->file_count; i++)
        buf_printf(&sql, "%s'%s/%.*s'", i ? ", " : "", table_dir, STR_ARGS(s->files[i]->path));
    buf_z(&sql, "])");
    OK(duck_exec(conn, buf_view(&sql), &err));
    buf_release(&sql);
    lake_snapshot_unref(s);
}

static void all_there_once(int64_t n)
{
    view_table(table);
    assert_int_equal(scalar("SELECT count(*) FROM bronze"), n);
    assert_int_equal(scalar("SELECT count(DISTINCT (topic, partition, \"offset\")) FROM bronze"), n);
}

/* An event as AMQP brings it, appended on the hub's own loop. */
static void append_amqp(void *arg)
{
    struct hub *h = arg;
    struct arena *a = arena_new();
    struct amqp_events events;
    struct amqp_error e;
    struct events_logs logs;
    struct err err;
    struct buf b;
    buf_init(&b);
    amqp_described(&b, AMQP_SEC_ANNOTATIONS);
    size_t at = amqp_open_map(&b);
    amqp_sym(&b, STR("x-opt-partition-key"));
    amqp_str(&b, STR("k"));
    amqp_close(&b, at, 2);
    amqp_described(&b, AMQP_SEC_PROPERTIES);
    at = amqp_open_list(&b);
    amqp_str(&b, STR("id 1"));
    amqp_close(&b, at, 1);
    amqp_described(&b, AMQP_SEC_APPLICATION);
    at = amqp_open_map(&b);
    amqp_str(&b, STR("n"));
    amqp_int(&b, -7);
    amqp_str(&b, STR("yes"));
    amqp_bool(&b, true);
    amqp_str(&b, STR("when"));
    amqp_time(&b, 1000);
    amqp_close(&b, at, 6);
    amqp_described(&b, AMQP_SEC_DATA);
    amqp_bin(&b, STR("body"));
    OK(amqp_events_read(a, 0, buf_view(&b), &events, &e));
    OK(events_append(h, a, topic_find(h->default_ns, STR("sales")), 0, &events, &logs, &err));
    buf_release(&b);
    arena_free(a);
}

static void amqp_properties_are_text(void **state)
{
    (void)state;
    capture_open();
    ev_post(hub->loop, append_amqp, hub);
    send("app", 0, 1, 1);
    turn_until_done();
    drain();
    view_table(table);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE decode(value) = 'body' AND decode(key) = 'k' AND properties['n'] = '-7' "
                            "AND properties['yes'] = 'true' AND properties['when'] = '1970-01-01T00:00:01.000Z' AND cardinality(properties) = 3 "
                            "AND systemProperties['message-id'] = 'id 1' AND systemProperties['x-opt-partition-key'] = 'k'"), 1);
    capture_close();
}

/* Transactions of three records each in partition 0, every third aborted, and one that is never ended. */
enum { TXNS = 30, TXN_RECORDS = 3, TXN_PRODUCER = 77 };

static void append_txns(void *arg)
{
    struct hub *h = arg;
    struct partition *p = topic_find(h->default_ns, STR("sales"))->parts[0];
    struct batch b;
    int64_t offset;
    for (int i = 0; i <= TXNS; i++) {
        batch_begin(&h->builder);
        for (int j = 0; j < TXN_RECORDS; j++)
            batch_add(&h->builder, time_now_ms(), STR_NONE, i == TXNS ? STR("open") : i % 3 ? STR("committed") : STR("aborted"), NULL, 0);
        struct str bytes = batch_finish_as(&h->builder, BATCH_TRANSACTIONAL, TXN_PRODUCER, 0, i * TXN_RECORDS);
        assert_true(batch_read_header(bytes, &b));
        assert_int_equal(hub_append(h, p, &b, bytes.ptr, &offset), KERR_NONE);
        if (i == TXNS)
            break;
        bytes = batch_marker(&h->builder, TXN_PRODUCER, 0, i % 3, 0, time_now_ms());
        assert_true(batch_read_header(bytes, &b));
        assert_int_equal(hub_append(h, p, &b, bytes.ptr, &offset), KERR_NONE);
    }
}

static void only_what_is_committed_is_captured(void **state)
{
    (void)state;
    char sql[128];
    ev_post(hub->loop, append_txns, hub);
    for (int i = 0; i < 6; i++)
        send(NULL, 0, i, 1); /* some of them behind what is open */
    turn_until_done();
    ask_total();
    assert_int_equal(seen.items[0].to, TXNS * (TXN_RECORDS + 1)); /* the last stable offset */
    capture_open();
    drain();
    view_table(table);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE decode(value) = 'committed'"), TXNS / 3 * 2 * TXN_RECORDS);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE decode(value) IN ('aborted', 'open')"), 0);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE partition = 0"), TXNS / 3 * 2 * TXN_RECORDS);
    capture_close();
    waiting = 1;
    hub_reader_open(hub, NULL, "sales", &seen, keep_reader, NULL);
    turn_until_done();
    assert_non_null(reader);
    int64_t handle = duck_handle_put(db, hub_reader_source(reader));
    snprintf(sql, sizeof sql, "SELECT count(*) FROM hub_events(%jd) WHERE partition = 0", (intmax_t)handle);
    assert_int_equal(scalar(sql), TXNS / 3 * 2 * TXN_RECORDS);
    duck_handle_drop(db, handle);
    hub_reader_free(reader);
    hub_stop(hub);
    start(); /* no id knows the open one: it stays open here, as no coordinator was ever asked */
    ask_total();
    assert_int_equal(seen.items[0].to, TXNS * (TXN_RECORDS + 1));
}

static void events_are_captured_once(void **state)
{
    (void)state;
    committed_rows = 0;
    capture_open();
    int64_t n = 0;
    for (int i = 0; i < 40; i++) {
        send("app", i, i * 50, 50);
        n += 50;
        if (i % 7 == 0)
            turn_until_done();
    }
    turn_until_done();
    drain();
    assert_int_equal(committed_rows, n);
    all_there_once(n);
    assert_int_equal(scalar("SELECT count(DISTINCT CAST(regexp_extract(decode(value), '[0-9]+') AS INT)) FROM bronze"), n);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE body = value AND sequenceNumber = \"offset\" AND topic = 'sales'"), n);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE key IS NOT NULL AND systemProperties['x-opt-partition-key'] = decode(key) "
                            "AND headers['source'] = 'test'::BLOB AND properties['raw'] = '//4='"), (n + 2) / 3);
    assert_int_equal(scalar("SELECT count(*) FROM bronze WHERE abs(epoch(\"timestamp\") - epoch(now())) < 120 AND timestampType = 0"), n);
    capture_close();
    for (int round = 0; round < 3; round++) { /* events while nobody captures, restarts between */
        send("app", 100 + round, 10000 + round, 30);
        n += 30;
        turn_until_done();
        if (round == 1) {
            hub_stop(hub);
            start();
        }
        capture_open();
        drain();
        capture_close();
        all_there_once(n);
    }
}

static void a_lost_log_goes_on_behind_the_table(void **state)
{
    (void)state;
    struct err err;
    char hub_dir[96];
    capture_open();
    send("app", 0, 0, 90);
    turn_until_done();
    drain();
    capture_close();
    hub_stop(hub);
    snprintf(hub_dir, sizeof hub_dir, "%s/hub", dir);
    OK(fs_remove_tree(hub_dir, &err));
    start();
    waiting = 1;
    hub_create(hub, NULL, "sales", &(struct hub_spec){.partitions = 3}, done, NULL);
    turn_until_done();
    log_set_level(LOG_ERROR);
    capture_open();
    log_set_level(LOG_INFO);
    send("app", 1, 1000, 60);
    turn_until_done();
    drain();
    capture_close();
    all_there_once(150);
}

static void nothing_comes_double_when_a_commit_fails(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    capture_open();
    int64_t n = 0;
    for (int nth = 1; nth <= 14; nth++) {
        fs_fault_set(&(struct fs_fault){.kind = FS_FAULT_FAIL, .nth = nth, .path_part = table_dir});
        send("app", nth, nth * 100, 20);
        n += 20;
        turn_until_done();
        drain(); /* tries again by itself */
        fs_fault_set(NULL);
        all_there_once(n);
    }
    capture_close();
    log_set_level(LOG_INFO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_repeated_batch_is_stored_once), TEST(what_is_refused_is_named), TEST(a_read_handle_reads_its_ranges), TEST(a_handle_of_some_bytes_covers_the_front),
        TEST(a_watch_tells_once_and_loses_nothing), TEST(events_are_captured_once), TEST(only_what_is_committed_is_captured), TEST(amqp_properties_are_text),
        TEST(a_lost_log_goes_on_behind_the_table), TEST(nothing_comes_double_when_a_commit_fails)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    mem_free(seen.items);
    return rc;
}
