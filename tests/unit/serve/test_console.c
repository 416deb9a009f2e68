/* test_console -- dashboards as files, and the web page under a browser. With an argument (a folder)
 * it also takes pictures there; further arguments are dashboards to add. */
#include "base/map.h"
#include "serve/console.h"
#include "serve/dashboard.h"
#include "unit/serve/duck_service.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const char *pictures;
static char **more_dashboards;
static const char kinds_file[] = "tests/cases/serve/kinds.lvdash.json";

static struct str read_file(const char *path, struct buf *b)
{
    struct err err;
    buf_init(b);
    if (fs_read_file(path, 16 << 20, b, &err) != 0)
        fail_msg("%s", err.msg);
    return buf_view(b);
}

static const struct dash_widget *widget(const struct dashboard *d, const char *name)
{
    for (size_t i = 0; i < d->pages[0].count; i++)
        if (str_eqz(d->pages[0].widgets[i].name, name))
            return &d->pages[0].widgets[i];
    fail_msg("no widget %s", name);
    return NULL;
}

static void test_read(void **state)
{
    struct dashboard d;
    struct err err;
    struct buf b;
    (void)state;
    if (dashboard_read(&d, kinds_file, read_file(kinds_file, &b), &err) != 0)
        fail_msg("%s", err.msg);
    assert_true(str_eqz(d.name, "kinds"));
    assert_true(str_eqz(d.title, "All kinds"));
    assert_int_equal(d.page_count, 2);
    assert_int_equal(d.pages[0].columns, 6);
    assert_int_equal(dashboard_refusals(&d), 2);
    assert_true(str_eqz(d.queries[widget(&d, "line")->query].sql,
                        "SELECT `day` AS `day`, SUM(`amount`) AS `sum(amount)`\nFROM (\n"
                        "SELECT id, day, region, product, quantity, amount\nFROM gold.sales\n) AS dataset\nGROUP BY `day`"));
    assert_true(str_ends_z(d.queries[widget(&d, "table")->query].sql, ") AS dataset\nORDER BY `id` DESC"));
    assert_true(str_ends_z(d.queries[widget(&d, "count")->query].sql, ") AS dataset"));
    /* equal queries are one */
    assert_int_equal(widget(&d, "count")->query, d.pages[1].widgets[0].query);
    assert_int_equal(widget(&d, "stacked")->query, widget(&d, "grouped")->query);
    assert_true(str_find(widget(&d, "wrong")->refusal, STR("'regoin'")) > 0);
    assert_true(str_starts_z(widget(&d, "wrong")->refusal, "tests/cases/serve/kinds.lvdash.json:"));
    assert_true(widget(&d, "filter")->filter && !widget(&d, "filter")->refusal.ptr);
    buf_release(&b);
    dashboard_release(&d);
}

#define FILTER(name, type, query, about, selection) \
    "{\"widget\":{\"name\":\"" name "\",\"queries\":[{\"name\":\"q\",\"query\":{\"datasetName\":\"d\"," query "}}],\"spec\":{\"widgetType\":\"" type "\"," \
    "\"encodings\":{\"fields\":[{" about ",\"queryName\":\"q\"}]}" selection "}}}"
#define FIELD(name) "\"fields\":[{\"name\":\"" name "\",\"expression\":\"`" name "`\"},{\"name\":\"x\",\"expression\":\"COUNT_IF(`associative_filter_predicate_group`)\"}]"
static const char filters_file[] =
    "{\"datasets\":[{\"name\":\"d\",\"query\":\"SELECT a:b, ':p' AS s, c::INT, day, n FROM t WHERE p = :p AND q IN (:q) AND m BETWEEN :r.min AND :r.max -- :p\","
    "\"parameters\":[{\"keyword\":\"p\",\"dataType\":\"STRING\",\"defaultSelection\":{\"values\":{\"dataType\":\"STRING\",\"values\":[{\"value\":\"it's\"}]}}},"
    "{\"keyword\":\"q\",\"dataType\":\"INTEGER\",\"complexType\":\"MULTI\"},"
    "{\"keyword\":\"r\",\"dataType\":\"DATE\",\"complexType\":\"RANGE\",\"defaultSelection\":{\"range\":{\"min\":{\"value\":\"now-7d/d\"},\"max\":{\"value\":\"2024-01-02\"}}}}]}],"
    "\"pages\":[{\"name\":\"one\",\"layout\":["
    FILTER("country", "filter-multi-select", FIELD("country"), "\"fieldName\":\"country\"",
           ",\"selection\":{\"defaultSelection\":{\"values\":{\"values\":[{\"value\":\"FR\"},{\"value\":\"D'E\"}]}}}") ","
    FILTER("day", "filter-date-range-picker", FIELD("day"), "\"fieldName\":\"day\"", "") ","
    FILTER("n", "range-slider", FIELD("n"), "\"fieldName\":\"n\"", "") "," FILTER("text", "filter-text-entry", FIELD("s"), "\"fieldName\":\"s\"", "") ","
    FILTER("numbers", "filter-multi-select", "\"parameters\":[{\"name\":\"q\",\"keyword\":\"q\"}]", "\"parameterName\":\"q\"", "") ","
    FILTER("tree", "filter-tree", FIELD("n"), "\"fieldName\":\"n\"", "") ","
    "{\"widget\":{\"name\":\"count\",\"queries\":[{\"query\":{\"datasetName\":\"d\",\"fields\":[{\"name\":\"c\",\"expression\":\"COUNT(*)\"}]}}],"
    "\"spec\":{\"widgetType\":\"counter\",\"encodings\":{\"value\":{\"fieldName\":\"c\"}}}}}]},"
    "{\"name\":\"two\",\"layout\":[{\"widget\":{\"name\":\"other\",\"queries\":[{\"query\":{\"datasetName\":\"d\",\"fields\":[{\"name\":\"c\",\"expression\":\"COUNT(*)\"}]}}],"
    "\"spec\":{\"widgetType\":\"counter\",\"encodings\":{\"value\":{\"fieldName\":\"c\"}}}}}]}]}";

static struct str query_of(const struct dashboard *d, const char *name)
{
    return d->queries[widget(d, name)->query].sql;
}

static void test_filters(void **state)
{
    struct dashboard d, again;
    struct err err;
    (void)state;
    if (dashboard_read(&d, "f.lvdash.json", str_z(filters_file), &err))
        fail_msg("%s", err.msg);
    assert_int_equal(dashboard_refusals(&d), 1);
    assert_true(str_find(widget(&d, "tree")->refusal, STR("filter-tree")) > 0);
    struct str sql = query_of(&d, "count");
    assert_true(str_find(sql, STR("SELECT a:b, ':p' AS s, c::INT, day, n FROM t WHERE p = 'it\\'s' AND q IN (array()) AND m BETWEEN "
                                  "CAST(date_trunc('DAY', current_timestamp() - INTERVAL '7' DAY) AS DATE) AND CAST('2024-01-02' AS DATE) -- :p")) > 0);
    assert_true(str_ends_z(sql, "AS dataset\nWHERE (CAST(`country` AS STRING) IN ('FR', 'D\\'E'))"));
    assert_true(str_ends_z(query_of(&d, "country"), "AS dataset\nGROUP BY `country`"));
    /* A filter holds for its page. */
    assert_int_equal(str_find(d.queries[d.pages[1].widgets[0].query].sql, STR("\nWHERE")), -1);

    struct map *chosen = map_new();
    map_put(chosen, STR("country"), (char *)"{\"values\":[]}");
    map_put(chosen, STR("day"), (char *)"{\"min\":\"2024-05-01\"}");
    map_put(chosen, STR("n"), (char *)"{\"min\":\"1; DROP\",\"max\":\"2.5\"}");
    map_put(chosen, STR("text"), (char *)"{\"values\":[\"a\\\\'b\"]}");
    map_put(chosen, STR("numbers"), (char *)"{\"values\":[\"3\",\"4\"]}");
    assert_int_equal(dashboard_read_selected(&again, "f.lvdash.json", str_z(filters_file), chosen, &err), 0);
    sql = query_of(&again, "count");
    assert_int_equal(again.query_count, d.query_count);
    assert_true(str_find(sql, STR("q IN (array(3, 4))")) > 0);
    assert_true(str_ends_z(sql, "\nWHERE (CAST(`day` AS DATE) >= CAST('2024-05-01' AS DATE)) AND (`n` <= 2.5) AND "
                                "(contains(lower(CAST(`s` AS STRING)), lower('a\\\\\\'b')))"));
    dashboard_release(&again);
    map_put(chosen, STR("numbers"), (char *)"{\"values\":[\"3) OR (1=1\"]}");
    assert_int_equal(dashboard_read_selected(&again, "f.lvdash.json", str_z(filters_file), chosen, &err), 0);
    assert_true(str_find(widget(&again, "count")->refusal, STR("':q' is a number")) > 0);
    dashboard_release(&again);
    map_free(chosen);
    dashboard_release(&d);
}

static void test_bad_files(void **state)
{
    static const struct { const char *text, *want; } bad[] = {
        {"{", ""}, {"[]", "datasets"}, {"{\"datasets\": []}", "pages"}, {"{\"datasets\": {}, \"pages\": []}", "datasets"},
    };
    struct dashboard d;
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(dashboard_read(&d, "x.lvdash.json", str_z(bad[i].text), &err), -1);
        assert_non_null(strstr(err.msg, bad[i].want));
        assert_string_equal(err.where.file, "x.lvdash.json");
    }
    assert_int_equal(dashboard_read(&d, "odd.lvdash.json", STR("{\"datasets\":[1],\"pages\":[{\"layout\":[{},7,{\"widget\":{\"spec\":{}}},"
                                    "{\"widget\":{\"queries\":[{}],\"spec\":{\"widgetType\":\"bar\"}}}]}]}"), &err), 0);
    assert_int_equal(dashboard_refusals(&d), 4);
    dashboard_release(&d);
}

/* ------------------------------------------------------------------ the page */

static struct ev_loop *loop;
static struct duck *db;
static struct console *console;
static struct duck_conn *writer;
static int inserts;
static bool busy, exited;
static int exit_status;

static void fill_tables(void)
{
    struct err err;
    static const char sql[] =
        "CREATE SCHEMA gold; CREATE TABLE gold.sales AS SELECT i AS id, DATE '2024-01-01' + (i * 37 % 180)::INT AS day,"
        " ['North', 'South', 'East', 'West'][1 + i % 4] AS region, ['Bikes', 'Helmets', 'Gloves'][1 + i * 7 % 3] AS product,"
        " 1 + i % 9 AS quantity, round(20 + (i * 7919 % 5000) / 10 * (1 + i % 9), 2)::DECIMAL(12,2) AS amount FROM range(500) t(i)";
    if (duck_exec(writer, str_z(sql), &err) != 0)
        fail_msg("%s", err.msg);
}

static void insert_work(void *arg)
{
    struct err err;
    (void)arg;
    if (duck_execf(writer, &err, "INSERT INTO gold.sales SELECT 500 + %d, DATE '2024-06-28', 'North', 'Bikes', 3, 250", inserts++) != 0)
        fail_msg("%s", err.msg);
}
static void insert_done(void *arg)
{
    struct str table = STR("main.gold.sales");
    (void)arg;
    busy = false;
    console_changed(console, &table, 1);
}
static void on_timer(void *arg)
{
    (void)arg;
    if (busy)
        return;
    busy = true;
    ev_work(loop, insert_work, insert_done, NULL);
}

static void write_state(void *ctx, struct buf *b)
{
    char now[40];
    (void)ctx;
    time_iso(time_now(), 0, now);
    buf_printf(b, "{\"project\":\"kinds\",\"parts\":["
               "{\"name\":\"orders-app\",\"kind\":\"function\",\"status\":\"running\",\"detail\":\"2 functions\"},"
               "{\"name\":\"retail-ns/sales\",\"kind\":\"hub\",\"status\":\"running\",\"detail\":\"4 partitions\",\"rate\":%d},"
               "{\"name\":\"kafka\",\"kind\":\"address\",\"address\":\"127.0.0.1:9092\",\"status\":\"running\"},"
               "{\"name\":\"console\",\"kind\":\"address\",\"address\":\"http://127.0.0.1:8080/login?code=secret\",\"status\":\"running\"},"
               "{\"name\":\"postgres\",\"kind\":\"address\",\"address\":\"127.0.0.1:5433\",\"status\":\"running\",\"detail\":\"3 connections\"}],"
               "\"tables\":[{\"name\":\"main.bronze.sales_events\",\"kind\":\"capture\",\"rows\":%d,\"version\":%d,\"updated\":\"%s\"},"
               "{\"name\":\"main.silver.sales\",\"kind\":\"streaming table\",\"rows\":60383,\"version\":118,\"updated\":\"%s\"},"
               "{\"name\":\"main.silver.customers\",\"kind\":\"streaming table\",\"rows\":18484,\"version\":3,\"updated\":\"2024-01-02T03:04:05Z\"},"
               "{\"name\":\"main.gold.sales\",\"kind\":\"materialized view\",\"rows\":%d,\"version\":%d,\"updated\":\"%s\"}],"
               "\"pipelines\":[{\"name\":\"sales_live\",\"mode\":\"continuous\",\"status\":\"running\",\"updated\":\"%s\",\"expectations\":["
               "{\"dataset\":\"silver.sales\",\"name\":\"valid_dates\",\"action\":\"warn\",\"passed\":60379,\"failed\":19},"
               "{\"dataset\":\"silver.sales\",\"name\":\"has_order\",\"action\":\"drop\",\"passed\":60398,\"failed\":0}]},"
               "{\"name\":\"batch\",\"mode\":\"triggered\",\"status\":\"succeeded\",\"updated\":\"%s\"}],"
               "\"jobs\":[{\"name\":\"retail_daily\",\"status\":\"failed\",\"schedule\":\"every hour\",\"finished\":\"%s\",\"error\":\"gold: table not found\",\"tasks\":["
               "{\"key\":\"bronze\",\"status\":\"succeeded\",\"ms\":412},{\"key\":\"batch\",\"status\":\"succeeded\",\"ms\":2310},{\"key\":\"gold\",\"status\":\"failed\",\"ms\":88}]}]}",
               900 + inserts * 37 % 400, 60000 + inserts, inserts, now, now, 500 + inserts, inserts, now, now, now, now);
}

static void on_exit_seen(void *ctx, int status, int signal)
{
    (void)ctx;
    exited = true;
    exit_status = signal ? 128 + signal : status;
}
static void on_text(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    fwrite(bytes, 1, n, stdout);
    fflush(stdout);
}

static void add_dashboard(const char *path)
{
    struct err err;
    struct buf b;
    if (console_add_dashboard(console, path, read_file(path, &b), &err) != 0)
        fail_msg("%s", err.msg);
    buf_release(&b);
}

static void test_page(void **state)
{
    static const char *const python = "build/deps/venv-test/bin/python";
    struct err err;
    (void)state;
    if (access(python, X_OK) != 0) {
        print_message("skipped: no Python with playwright in build/deps/venv-test (scripts/deps test)\n");
        skip();
    }
    loop = ev_loop_new("console");
    db = duck_new(NULL, &err);
    assert_non_null(db);
    writer = duck_connect(db, &err);
    assert_non_null(writer);
    fill_tables();
    struct query_service service = duck_service(db);
    struct console_opts o = {.token = "a-token", .queries = &service, .state = write_state};
    console = console_listen(loop, &o, &err);
    assert_non_null(console);
    add_dashboard(kinds_file);
    for (char **more = more_dashboards; more && *more; more++)
        add_dashboard(*more);
    struct ev_timer *timer = ev_timer_new(loop, on_timer, NULL);
    ev_timer_start(timer, 700, 700);
    const char *argv[] = {python, "tests/unit/serve/page_client.py", console_url(console), "a-token", pictures, NULL};
    struct ev_child_opts co = {.argv = argv, .on_out = on_text, .on_err = on_text, .on_exit = on_exit_seen};
    struct ev_child *c = ev_child_start(loop, &co, &err);
    assert_non_null(c);
    int64_t deadline = time_mono_us() + 180 * 1000000;
    while (!exited && time_mono_us() < deadline)
        ev_run_once(loop, 1000);
    assert_true(exited);
    assert_int_equal(exit_status, 0);
    ev_child_free(c);
    ev_timer_free(timer);
    while (busy)
        ev_run_once(loop, 100);
    console_free(console);
    while (atomic_load(&duck_sessions_open) > 0 && time_mono_us() < deadline)
        ev_run_once(loop, 100);
    assert_int_equal(atomic_load(&duck_sessions_open), 0);
    ev_run_once(loop, 10);
    ev_loop_free(loop);
    duck_disconnect(writer);
    duck_free(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read), cmocka_unit_test(test_filters), cmocka_unit_test(test_bad_files), cmocka_unit_test(test_page),
    };
    pictures = argc > 1 ? argv[1] : NULL;
    more_dashboards = argc > 2 ? argv + 2 : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
