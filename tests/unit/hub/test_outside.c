/* outside: addresses of bound namespaces, who is refused, and what a broker that is not there means. */
#include "hub/capture.h"
#include "hub/outside_conf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DEADLINE_S = 60 };

static const char *const VARIABLES[] = {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_MECHANISM", "KAFKA_SSL_CA_LOCATION",
                                        "AZURE_EVENTHUBS_CONNECTION_STRING", "AZURE_EVENTHUBS_CONNECTION_STRING_SHOP_EU"};

static void no_variables(void)
{
    for (size_t i = 0; i < COUNT_OF(VARIABLES); i++)
        unsetenv(VARIABLES[i]);
}

/* ------------------------------------------------------------------ addresses */

static void addresses(void **state)
{
    static const struct { const char *to, *servers; bool tls, event_hubs; } good[] = {
        {"kafka://broker", "broker:9092", false, false},
        {"kafka://127.0.0.1:19092/", "127.0.0.1:19092", false, false},
        {"kafka://a:1,b.example.com:2,c", "a:1,b.example.com:2,c:9092", false, false},
        {"kafka+ssl://b:9094", "b:9094", true, false},
        {"sb:", "shop-eu.servicebus.windows.net:9093", true, true},
        {"sb://shop-eu.servicebus.windows.net", "shop-eu.servicebus.windows.net:9093", true, true},
        {"sb://localhost:7777", "localhost:7777", true, true},
    };
    static const struct { const char *to; enum err_code code; const char *says; } bad[] = {
        {"kafka://", ERR_INPUT, "names no host"},
        {"kafka://a:0", ERR_INPUT, "no HOST:PORT"},
        {"kafka://a:70000", ERR_INPUT, "no HOST:PORT"},
        {"kafka://a,,b", ERR_INPUT, "no HOST:PORT"},
        {"kafka://a b", ERR_INPUT, "no HOST:PORT"},
        {"kafka://user:secret@a:1", ERR_INPUT, "from the environment"},
        {"kafka://a:1/topic", ERR_INPUT, "whole namespace"},
        {"kafka://a:1?x=y", ERR_INPUT, "whole namespace"},
        {"kafka://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", ERR_LIMIT, "more than 16 hosts"},
        {"sb://a,b", ERR_INPUT, "one host"},
        {"sb://other.servicebus.windows.net", ERR_AUTH, "not of 'other.servicebus.windows.net'"},
        {"amqp://a", ERR_INPUT, "is bound to kafka://"},
        {"https://a", ERR_INPUT, "is bound to kafka://"},
    };
    struct arena *a = arena_new();
    struct outside_address at;
    struct err err;
    (void)state;
    no_variables();
    setenv("AZURE_EVENTHUBS_CONNECTION_STRING", "Endpoint=sb://shop-eu.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey=secret=", 1);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (outside_address_read(a, "shop-eu", good[i].to, &at, &err))
            fail_msg("%s: %s", good[i].to, err.msg);
        assert_string_equal(at.servers, good[i].servers);
        assert_int_equal(at.tls, good[i].tls);
        assert_int_equal(at.event_hubs, good[i].event_hubs);
        assert_null(strstr(at.shown, "secret"));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(outside_address_read(a, "shop-eu", bad[i].to, &at, &err), -1);
        assert_int_equal(err.code, bad[i].code);
        if (!strstr(err.msg, bad[i].says) || strstr(err.msg, "secret=") || !strstr(err.msg, "shop-eu"))
            fail_msg("%s: %s", bad[i].to, err.msg);
    }
    arena_free(a);
}

static void credentials(void **state)
{
    struct arena *a = arena_new();
    struct outside_address at;
    struct err err;
    (void)state;
    no_variables();
    assert_int_equal(outside_address_read(a, "shop-eu", "sb:", &at, &err), -1);
    assert_int_equal(err.code, ERR_AUTH);
    assert_non_null(strstr(err.msg, "AZURE_EVENTHUBS_CONNECTION_STRING_SHOP_EU"));
    setenv("AZURE_EVENTHUBS_CONNECTION_STRING", "nonsense", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "sb:", &at, &err), -1);
    assert_non_null(strstr(err.msg, "is no connection string"));
    setenv("AZURE_EVENTHUBS_CONNECTION_STRING_SHOP_EU", "Endpoint=sb://shop-eu.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey=k", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "sb:", &at, &err), 0);
    assert_string_equal(at.user, "$ConnectionString"); /* its own variable goes before the other */
    assert_string_equal(at.mechanism, "PLAIN");
    rd_kafka_conf_t *conf = outside_conf_new(&at, &err);
    assert_non_null(conf);
    char value[64];
    size_t n = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, "security.protocol", value, &n), RD_KAFKA_CONF_OK);
    assert_string_equal(value, "sasl_ssl");
    rd_kafka_conf_destroy(conf);

    setenv("KAFKA_SASL_USERNAME", "u", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "kafka://a", &at, &err), -1);
    assert_non_null(strstr(err.msg, "go together"));
    setenv("KAFKA_SASL_PASSWORD", "p", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "kafka://a", &at, &err), 0);
    assert_string_equal(at.mechanism, "PLAIN");
    setenv("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "kafka://a", &at, &err), 0);
    assert_string_equal(at.mechanism, "SCRAM-SHA-512");
    setenv("KAFKA_SASL_MECHANISM", "GSSAPI", 1);
    assert_int_equal(outside_address_read(a, "shop-eu", "kafka://a", &at, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    no_variables();
    arena_free(a);
}

/* ------------------------------------------------------------------ a broker that is not there */

static char dir[64];
static struct ev_loop *loop;
static struct hub *hub;
static int waiting;
static struct err last;

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
    last = err ? *err : (struct err){0};
}

static void on_ranges(void *arg, const struct hub_ranges *r, const struct err *err)
{
    assert_true((r == NULL) == (err != NULL));
    done(arg, err);
}

static void on_reader(void *arg, struct hub_reader *r, const struct err *err)
{
    assert_null(r);
    done(arg, err);
}

static void told(void *arg)
{
    (*(int *)arg)++;
    waiting--;
}

static int setup(void **state)
{
    static const struct hub_binding bound[] = {{"away", "kafka://127.0.0.1:1"}};
    struct err err;
    (void)state;
    no_variables();
    snprintf(dir, sizeof dir, "/tmp/hub-outside-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    loop = ev_loop_new("test");
    struct hub_opts o = {.state_dir = dir, .port = -1, .partitions = 2, .auto_create = true, .bound = bound, .bound_count = 1};
    hub = hub_start(loop, &o, &err);
    waiting = 0;
    return hub ? 0 : -1;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    hub_stop(hub);
    ev_loop_free(loop);
    return fs_remove_tree(dir, &err);
}

static void assert_unreachable(void)
{
    turn_until_done();
    assert_true(last.retriable);
    if (!strstr(last.msg, "cannot reach kafka://127.0.0.1:1") || !strstr(last.msg, "'away'") || !strstr(last.msg, "refused"))
        fail_msg("%s", last.msg);
}

static void unreachable(void **state)
{
    struct event e = {.body = STR("x")};
    struct event_batch b = {.ns = "AWAY", .hub = "sales", .producer = "p", .number = 1, .events = &e, .count = 1};
    struct hub_range range = {0, 0, 10};
    struct hub_ranges ranges = {.count = 1, .items = &range};
    int calls = 0;
    (void)state;
    waiting = 1;
    hub_offsets(hub, "away", "sales", on_ranges, NULL);
    assert_unreachable();
    waiting = 1;
    hub_reader_open_some(hub, "away", "sales", &ranges, 1000, on_reader, NULL);
    assert_unreachable();
    waiting = 1;
    hub_create(hub, "away", "sales", &(struct hub_spec){.partitions = 4}, done, NULL);
    assert_unreachable();
    waiting = 1;
    hub_produce(hub, &b, done, NULL);
    assert_unreachable();
    b.producer = NULL;
    waiting = 1;
    hub_produce(hub, &b, done, NULL);
    assert_unreachable();
    waiting = 1; /* who watches is called, so that he asks and is told */
    struct hub_watch *w = hub_watch(hub, "away", "sales", told, &calls);
    turn_until_done();
    assert_int_equal(calls, 1);
    hub_watch_again(w);
    hub_watch_free(w);
}

/* What is not bound has its log here, beside it. */
static void others_stay(void **state)
{
    struct event e = {.body = STR("x")};
    struct event_batch b = {.ns = "here", .hub = "sales", .events = &e, .count = 1};
    (void)state;
    waiting = 1;
    hub_produce(hub, &b, done, NULL);
    turn_until_done();
    assert_int_equal(last.code, ERR_OK);
}

/* What still waits when the hub stops fails, and nothing hangs. */
static void stops_with_calls_under_way(void **state)
{
    (void)state;
    waiting = 3;
    for (int i = 0; i < 3; i++)
        hub_offsets(hub, "away", "sales", on_ranges, NULL);
    hub_stop(hub);
    assert_int_equal(waiting, 0);
    assert_int_equal(last.code, ERR_CANCELED);
    struct hub_opts o = {.state_dir = dir, .port = -1};
    hub = hub_start(loop, &o, &last);
    assert_non_null(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(credentials),
        cmocka_unit_test_setup_teardown(unreachable, setup, teardown),
        cmocka_unit_test_setup_teardown(others_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_with_calls_under_way, setup, teardown),
    };
    return cmocka_run_group_tests_name("outside", tests, NULL, NULL);
}
