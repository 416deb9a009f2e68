/* The pure parts: settings, connections, schedules, blob paths, bindings, and what a value becomes. */
#include "functions/bindings.h"
#include "functions/outbox.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct files {
    struct arena *a;
    char dir[64];
    struct settings *settings;
    struct resolver_names *names;
    struct err err;
};

static void put_file(struct files *f, const char *name, const char *text)
{
    struct err err;
    assert_int_equal(fs_write_file(path_join(f->a, f->dir, name), str_z(text), &err), 0);
}

static struct files open_files(void)
{
    struct files f = {.a = arena_new(), .dir = "/tmp/functions-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    return f;
}

static void close_files(struct files *f)
{
    struct err err;
    settings_free(f->settings);
    resolve_free(f->names);
    assert_int_equal(fs_remove_tree(f->dir, &err), 0);
    arena_free(f->a);
}

static void expect_at(const struct err *err, enum err_code code, const char *file, int line, int col, const char *part)
{
    if (err->code != code || strcmp(err->where.file, file) || err->where.line != line || err->where.col != col ||
        !strstr(err->msg, part))
        fail_msg("%s %s:%d:%d: %s", err_code_name(err->code), err->where.file, err->where.line, err->where.col, err->msg);
}

static void test_timespans(void **state)
{
    static const struct { const char *text; int64_t ms; } good[] = {
        {"00:00:01", 1000}, {"00:05:00", 300000}, {"23:59:59", 86399000}, {"1.00:00:00", 86400000},
        {"00:00:00.500", 500}, {"24:00:00", INT64_C(24) * 86400000}, {"00:30", 1800000}, {"1:02:03", 3723000},
    };
    static const char *const bad[] = {"", "5", "a:b:c", "00:60:00", "00:00:60", "-1:00:00", "00:00:00:00", "1.2.3", "00:00:0x", ":::"};
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(timespan_ms(str_z(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(timespan_ms(str_z(bad[i]), &ms));
}

static void test_host_json(void **state)
{
    static const struct { const char *text; enum err_code code; int line, col; const char *part; } bad[] = {
        {"{\"version\": \"1.0\"}", ERR_UNSUPPORTED, 1, 13, "must be \"2.0\""},
        {"{}", ERR_INPUT, 1, 1, "version"},
        {"{\"version\": \"2.0\",\n \"functionTimeout\": \"5 minutes\"}", ERR_INPUT, 2, 21, "functionTimeout"},
        {"{\"version\": \"2.0\", \"customHandler\": {\"a\": 1}}", ERR_UNSUPPORTED, 1, 37, "customHandler"},
        {"{\"version\": \"2.0\",\n\n  \"retry\": {}}", ERR_UNSUPPORTED, 3, 12, "retry"},
        {"{\"version\": \"2.0\",\n  bad}", ERR_INPUT, 2, 3, ""},
        {"[]", ERR_INPUT, 1, 1, "object"},
    };
    struct files f = open_files();
    struct host_json host;
    (void)state;
    put_file(&f, "host.json", "// a comment\n{\n  /* \"version\": \"1.0\" */ \"version\": \"2.0\", // why\n"
                              "  \"functionTimeout\": \"00:10:00\", \"url\": \"http://a/*b*/\",\n}\n");
    assert_int_equal(host_json_read(f.a, f.dir, "app", &host, &f.err), 0);
    assert_int_equal(host.timeout_ms, 600000);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        put_file(&f, "host.json", bad[i].text);
        assert_int_equal(host_json_read(f.a, f.dir, "app", &host, &f.err), -1);
        expect_at(&f.err, bad[i].code, "app/host.json", bad[i].line, bad[i].col, bad[i].part);
    }
    close_files(&f);
}

static void test_settings(void **state)
{
    struct files f = open_files();
    (void)state;
    put_file(&f, "local.settings.json", "{\"IsEncrypted\": false, \"Values\": {\"A\": \"file\", \"b\": \"low\", \"N\": 5,\n"
             "\"S\": \"DefaultEndpointsProtocol=https;AccountName=Acc;AccountKey=c2VjcmV0c2VjcmV0==\"}}");
    setenv("A", "environment", 1);
    unsetenv("B");
    f.settings = settings_read(f.a, f.dir, "app", &f.err);
    assert_non_null(f.settings);
    assert_true(str_eqz(settings_get(f.settings, STR("A")), "environment"));
    assert_true(str_eqz(settings_get(f.settings, STR("B")), "low"));
    assert_true(str_eqz(settings_get(f.settings, STR("N")), "5"));
    assert_null(settings_get(f.settings, STR("nothing")).ptr);
    assert_true(str_eqz(settings_mask(f.settings, f.a, STR("key c2VjcmV0c2VjcmV0==, again c2VjcmV0c2VjcmV0==")), "key ***, again ***"));
    struct str out;
    struct doc *text = doc_json(f.a, "f.json", STR("\n \"a-%B%-%A%\""), &f.err);
    assert_int_equal(settings_expand(f.settings, f.a, text, &out, &f.err), 0);
    assert_true(str_eqz(out, "a-low-environment"));
    text = doc_json(f.a, "f.json", STR("\n \"%nothing%\""), &f.err);
    assert_int_equal(settings_expand(f.settings, f.a, text, &out, &f.err), -1);
    expect_at(&f.err, ERR_INPUT, "f.json", 2, 2, "'nothing' is not set");
    text = doc_json(f.a, "f.json", STR("\"5%\""), &f.err);
    assert_int_equal(settings_expand(f.settings, f.a, text, &out, &f.err), -1);
    unsetenv("A");
    close_files(&f);
}

static void test_bad_settings(void **state)
{
    static const struct { const char *text; enum err_code code; int line, col; const char *part; } bad[] = {
        {"{\"IsEncrypted\": true}", ERR_UNSUPPORTED, 1, 17, "IsEncrypted"},
        {"{\"Values\": []}", ERR_INPUT, 1, 12, "must be an object"},
        {"{\"Values\": {\"a\": {}}}", ERR_INPUT, 1, 18, "'a' must be a text"},
        {"{\"Values\": {\"a=b\": \"\"}}", ERR_INPUT, 1, 20, "environment variable"},
        {"{\"Values\": {\n\"FUNCTIONS_WORKER_RUNTIME\": \"node\"}}", ERR_UNSUPPORTED, 2, 29, "'node'"},
        {"{\"Values\": {\"a\" \"b\"}}", ERR_INPUT, 1, 17, ""},
    };
    struct files f = open_files();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        put_file(&f, "local.settings.json", bad[i].text);
        assert_null(settings_read(f.a, f.dir, "app", &f.err));
        expect_at(&f.err, bad[i].code, "app/local.settings.json", bad[i].line, bad[i].col, bad[i].part);
    }
    close_files(&f);
}

static void test_connections(void **state)
{
    static const struct { const char *setting, *want; } accounts[] = {
        {"Dev", "devstoreaccount1"}, {"Named", "acme"}, {"Endpoint", "blobs"}, {"Identity", "who"}, {"Uri", "uri"}, {"Short", "pre"},
        {"Junk", NULL}, {"None", NULL},
    };
    static const struct { const char *setting, *host, *entity; } spaces[] = {
        {"Plain", "ns.servicebus.windows.net", NULL}, {"Entity", "ns.servicebus.windows.net", "hub1"},
        {"Emulator", "emulatorns1.servicebus.windows.net", NULL}, {"Fqn", "x.servicebus.windows.net", NULL},
        {"Junk", NULL, NULL},
    };
    struct files f = open_files();
    struct str account, host, entity;
    (void)state;
    put_file(&f, "local.settings.json", "{\"Values\": {\"Dev\": \"UseDevelopmentStorage=true\", \"Named\": \"AccountName=ACME;AccountKey=a==\","
        "\"Endpoint\": \"BlobEndpoint=https://blobs.blob.core.windows.net/;SharedAccessSignature=x\", \"Identity__accountName\": \"who\","
        "\"Uri__blobServiceUri\": \"https://uri.blob.core.windows.net\", \"AzureWebJobsShort\": \"accountname=pre\", \"Junk\": \"hello\","
        "\"Plain\": \"Endpoint=sb://NS.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=a\","
        "\"Entity\": \"Endpoint=sb://ns.servicebus.windows.net/;EntityPath=hub1\","
        "\"Emulator\": \"Endpoint=sb://localhost;UseDevelopmentEmulator=true;\", \"Fqn__fullyQualifiedNamespace\": \"x.servicebus.windows.net\"}}");
    f.settings = settings_read(f.a, f.dir, "app", &f.err);
    assert_non_null(f.settings);
    struct doc *at = doc_json(f.a, "f.json", STR("\n\"c\""), &f.err);
    for (size_t i = 0; i < COUNT_OF(accounts); i++) {
        int rc = settings_account(f.settings, f.a, at, str_z(accounts[i].setting), &account, &f.err);
        assert_int_equal(rc, accounts[i].want ? 0 : -1);
        if (rc == 0)
            assert_true(str_eqz(account, accounts[i].want));
        else
            expect_at(&f.err, ERR_INPUT, "f.json", 2, 1, accounts[i].setting);
    }
    for (size_t i = 0; i < COUNT_OF(spaces); i++) {
        int rc = settings_namespace(f.settings, f.a, at, str_z(spaces[i].setting), &host, &entity, &f.err);
        assert_int_equal(rc, spaces[i].host ? 0 : -1);
        if (rc)
            continue;
        assert_true(str_eqz(host, spaces[i].host));
        assert_true(spaces[i].entity ? str_eqz(entity, spaces[i].entity) : !entity.ptr);
    }
    close_files(&f);
}

static struct tp at(const char *iso)
{
    struct tp t;
    assert_true(time_parse_iso(str_z(iso), &t));
    return t;
}

static void expect_next(const char *schedule, const char *zone, const char *after, const char *want)
{
    struct schedule s;
    struct err err;
    struct tp next;
    char text[40];
    if (schedule_parse(&s, str_z(schedule), str_z(zone), &err))
        fail_msg("%s", err.msg);
    assert_true(schedule_next(&s, at(after), &next));
    assert_string_equal(time_iso(next, 0, text), want);
}

static void test_schedules(void **state)
{
    struct schedule s;
    struct err err;
    (void)state;
    expect_next("*/5 * * * * *", "", "2026-01-01T00:00:01Z", "2026-01-01T00:00:05Z");
    expect_next("0 30 9 * * 1-5", "", "2026-01-02T10:00:00Z", "2026-01-05T09:30:00Z");
    expect_next("0 */5 * * *", "", "2026-01-01T00:00:01Z", "2026-01-01T05:00:00Z"); /* five fields: minute first */
    expect_next("00:00:10", "", "2026-01-01T00:00:01Z", "2026-01-01T00:00:11Z");
    expect_next("0 0 3 * * *", "Europe/Berlin", "2026-01-01T12:00:00Z", "2026-01-02T02:00:00Z");
    expect_next("0 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"); /* the 29th has no 2:30 */
    expect_next("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"); /* twice, runs once */
    expect_next("0 30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    assert_int_equal(schedule_parse(&s, STR("0 0 25 * * *"), STR_NONE, &err), -1);
    assert_non_null(strstr(err.msg, "'0 0 25 * * *'"));
    assert_int_equal(schedule_parse(&s, STR("10:99:00"), STR_NONE, &err), -1);
    assert_int_equal(schedule_parse(&s, STR("* * * * * *"), STR("Mars/Base"), &err), -1);
    assert_int_equal(schedule_parse(&s, STR("0 0 9 * * *"), STR_NONE, &err), 0);
    assert_true(schedule_monitored(&s, at("2026-01-01T00:00:00Z")));
    struct schedule_state kept = {at("2026-01-01T09:00:00Z"), at("2026-01-02T09:00:00Z"), at("2026-01-01T09:00:01Z")};
    assert_false(schedule_past_due(&s, &kept, at("2026-01-02T08:59:59Z")));
    assert_true(schedule_past_due(&s, &kept, at("2026-01-02T09:00:01Z")));
    assert_int_equal(schedule_parse(&s, STR("*/30 * * * * *"), STR_NONE, &err), 0);
    assert_false(schedule_monitored(&s, at("2026-01-01T00:00:00Z")));
}

static void test_blob_paths(void **state)
{
    static const struct { const char *path, *want; } good[] = {
        {"c/a.txt", "c/a.txt"},
        {"c/{datetime:yyyy}/{datetime:MM-dd}/{DateTime:HHmmss.fff}.json", "c/2026/03-04/050607.089.json"},
        {"c/{DateTime}", "c/2026-03-04T05-06-07Z"},
        {"c/{sys.methodname}-{sys.utcnow:yy}", "c/fn-26"},
        {"c/{datetime:yyyy'-year' \\y}", "c/2026-year y"},
    };
    static const struct { const char *path; enum err_code code; } bad[] = {
        {"container", ERR_INPUT}, {"/x", ERR_INPUT}, {"c/", ERR_INPUT}, {"c/{name}", ERR_UNSUPPORTED}, {"c/{rand-guid", ERR_INPUT},
        {"c/{datetime:dddd}", ERR_UNSUPPORTED}, {"c/{rand-guid:X}", ERR_UNSUPPORTED}, {"c/{datetime:tt}", ERR_UNSUPPORTED},
    };
    struct arena *a = arena_new();
    struct err err;
    struct tp now = at("2026-03-04T05:06:07.089Z");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct blob_path *p = blob_path_parse(a, str_z(good[i].path), &err);
        assert_non_null(p);
        assert_string_equal(str_cz(a, blob_path_make(p, a, now, STR("fn"))), good[i].want);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_null(blob_path_parse(a, str_z(bad[i].path), &err));
        assert_int_equal(err.code, bad[i].code);
    }
    struct blob_path *p = blob_path_parse(a, STR("c/{rand-guid:N}"), &err);
    struct str one = blob_path_make(p, a, now, STR("fn")), two = blob_path_make(p, a, now, STR("fn"));
    assert_int_equal(one.len, 2 + 32);
    assert_false(str_eq(one, two));
    assert_string_equal(str_cz(a, blob_url(a, STR("acc"), STR("c/a b%.txt"))), "https://acc.blob.core.windows.net/c/a%20b%25.txt");
    arena_free(a);
}

static int read_bindings(struct files *f, const char *list, struct bindings *out)
{
    struct binding_env env = {f->settings, f->names, NULL, NULL};
    struct doc *d = doc_json(f->a, "fn/function.json", str_z(list), &f->err);
    assert_non_null(d);
    return bindings_read(out, f->a, &env, d, d, &f->err);
}

#define TIMER "{\"type\": \"timerTrigger\", \"name\": \"t\", \"direction\": \"in\", \"schedule\": \"0 * * * * *\"}"

static void test_bindings(void **state)
{
    static const struct { const char *list; enum err_code code; int line, col; const char *part; } bad[] = {
        {"[]", ERR_INPUT, 1, 1, "no trigger"},
        {"[" TIMER ",\n " TIMER "]", ERR_INPUT, 2, 2, "two bindings are named 't'"},
        {"[{\"type\": \"timerTrigger\", \"name\": \"t\",\n \"schedule\": \"0 0 99 * * *\"}]", ERR_INPUT, 2, 14, "schedule"},
        {"[{\"type\": \"timerTrigger\", \"name\": \"t\"}]", ERR_INPUT, 1, 2, "needs 'schedule'"},
        {"[{\"type\": \"timerTrigger\", \"schedule\": \"0 * * * * *\"}]", ERR_INPUT, 1, 2, "needs a name"},
        {"[\n{\"type\": \"queueTrigger\", \"name\": \"q\"}]", ERR_UNSUPPORTED, 2, 1, "'queueTrigger' is not supported"},
        {"[" TIMER ",\n{\"type\": \"cosmosDB\", \"direction\": \"out\", \"name\": \"d\"}]", ERR_UNSUPPORTED, 2, 1, "'cosmosDB'"},
        {"[{\"type\": \"eventHubTigger\", \"name\": \"q\", \"direction\": \"in\"}]", ERR_UNSUPPORTED, 1, 11, "not known"},
        {"[" TIMER ",\n{\"type\": \"eventHub\", \"direction\": \"in\", \"name\": \"h\"}]", ERR_UNSUPPORTED, 2, 1, "no direction \"in\""},
        {"[" TIMER ",\n{\"type\": \"eventHub\", \"direction\": \"out\", \"name\": \"h\", \"eventHubName\": \"x\",\n\"connection\": \"NOPE\"}]",
         ERR_INPUT, 3, 15, "'NOPE'"},
        {"[" TIMER ",\n{\"type\": \"eventHub\", \"direction\": \"out\", \"name\": \"h\", \"connection\": \"HUB\"}]", ERR_INPUT, 2, 1, "names no event hub"},
        {"[" TIMER ",\n{\"type\": \"blob\", \"direction\": \"out\", \"name\": \"b\",\n\"path\": \"c/{id}\", \"connection\": \"STORE\"}]",
         ERR_UNSUPPORTED, 3, 9, "{id}"},
        {"[" TIMER ",\n{\"type\": \"blob\", \"direction\": \"out\", \"name\": \"b\",\n\"path\": \"c/../../x\", \"connection\": \"STORE\"}]",
         ERR_INPUT, 3, 9, ""},
        {"[" TIMER ",\n{\"type\": \"blob\", \"direction\": \"out\", \"name\": \"b\",\n\"path\": 7, \"connection\": \"STORE\"}]", ERR_INPUT, 3, 9, "text"},
        {"[" TIMER ",\n{\"type\": \"blob\", \"direction\": \"sideways\", \"name\": \"b\"}]", ERR_INPUT, 2, 31, "direction"},
        {"[" TIMER ",\n5]", ERR_INPUT, 2, 1, "object"},
    };
    struct files f = open_files();
    struct bindings b;
    (void)state;
    put_file(&f, "local.settings.json", "{\"Values\": {\"HUB\": \"Endpoint=sb://ns.servicebus.windows.net/\", \"STORE\": \"AccountName=acc\"}}");
    f.settings = settings_read(f.a, f.dir, "app", &f.err);
    f.names = resolve_new(f.dir, f.dir);
    assert_int_equal(read_bindings(&f, "[" TIMER ", {\"type\": \"EventHub\", \"direction\": \"OUT\", \"name\": \"$return\", \"eventHubName\": \"h\","
                                       " \"connection\": \"HUB\"}, {\"type\": \"blob\", \"direction\": \"in\", \"name\": \"i\", \"path\": \"c/d\","
                                       " \"connection\": \"STORE\"}]", &b), 0);
    assert_int_equal(b.count, 3);
    assert_int_equal(b.trigger->role, BINDING_TIMER);
    assert_true(str_eqz(b.all[1].name_space, "ns") && str_eqz(b.all[1].hub, "h"));
    assert_true(str_eqz(b.all[2].account, "acc"));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(read_bindings(&f, bad[i].list, &b), -1);
        expect_at(&f.err, bad[i].code, "fn/function.json", bad[i].line, bad[i].col, bad[i].part);
    }
    close_files(&f);
}

static void test_events_of_values(void **state)
{
    static const struct { const char *type, *value; size_t count; const char *events[3]; } cases[] = {
        {"json", "[\"a\", \"b\\u00e9\", \"\"]", 3, {"a", "b\xc3\xa9", ""}},
        {"json", "[{\"a\": 1}, 2.50, null]", 3, {"{\"a\":1}", "2.50", "null"}},
        {"json", "{\"a\": [1]}", 1, {"{\"a\":[1]}"}},
        {"json", "\"one\"", 1, {"one"}},
        {"json", "[]", 0, {NULL}},
        {"string", "plain", 1, {"plain"}},
        {"string", "{\"a\":  1}", 1, {"{\"a\":  1}"}},
        {"string", " [\"x\", {\"y\":1}] ", 2, {"x", "{\"y\":1}"}},
        {"string", "[not json]", 1, {"[not json]"}},
        {"bytes", "[1]", 1, {"[1]"}},
        {"int", "7", 1, {"7"}},
    };
    struct arena *a = arena_new();
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct output o = {.name_space = STR("ns"), .hub = STR("h"), .type = str_z(cases[i].type), .value = str_z(cases[i].value)};
        struct outbox_record r = {.number = 4, .outputs = &o, .count = 1};
        struct outbox_events e;
        assert_int_equal(outbox_events(a, &r, "functions/app/f", &e, &err), 0);
        assert_int_equal(e.events, cases[i].count);
        assert_int_equal(e.batches[0].number, 4);
        for (size_t n = 0; n < cases[i].count; n++)
            assert_string_equal(str_cz(a, e.batches[0].events[n].body), cases[i].events[n]);
    }
    char *large = arena_alloc(a, EVENT_MAX_BYTES + 1);
    memset(large, 'x', EVENT_MAX_BYTES + 1);
    struct output o = {.name_space = STR("ns"), .hub = STR("h"), .type = STR("string"), .value = str_of(large, EVENT_MAX_BYTES + 1)};
    struct outbox_record r = {.outputs = &o, .count = 1};
    struct outbox_events e;
    assert_int_equal(outbox_events(a, &r, "p", &e, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    arena_free(a);
}

static void test_records(void **state)
{
    struct files f = open_files();
    struct outbox box;
    struct output out[] = {
        {.name_space = STR("ns"), .hub = STR("h"), .type = STR("bytes"), .value = str_of("a\0\n\xff", 4)},
        {.to_blob = true, .url = STR("https://a.blob.core.windows.net/c/d"), .type = STR("string"), .value = STR("")},
    };
    struct outbox_record r = {.invocation = STR("id"), .scheduled = true, .schedule = {{1}, {2}, {3}}, .outputs = out, .count = 2}, back;
    struct err err;
    (void)state;
    assert_int_equal(outbox_open(&box, f.dir, &err), 0);
    int64_t first = box.next;
    assert_true(first > INT64_C(1600000000000) && first < INT64_C(1) << 46);
    assert_int_equal(outbox_write(&box, &r, &err), 0);
    assert_int_equal(outbox_write(&box, &r, &err), 0);
    outbox_release(&box);
    assert_int_equal(outbox_open(&box, f.dir, &err), 0);
    assert_int_equal(box.kept, first + 1);
    assert_int_equal(outbox_read(&box, f.a, &back, &err), 0);
    assert_int_equal(back.count, 2);
    assert_true(back.schedule.last.us == 1 && back.schedule.next.us == 2 && back.schedule.updated.us == 3);
    assert_true(str_eq(back.outputs[0].value, out[0].value) && str_eq(back.outputs[1].url, out[1].url));
    /* Every byte counts: a record that is cut or changed is refused. */
    char **names;
    struct buf whole;
    assert_int_equal(fs_list(f.a, f.dir, &names, &err), 1);
    char *path = path_join(f.a, f.dir, names[0]);
    buf_init(&whole);
    assert_int_equal(fs_read_file(path, 1 << 20, &whole, &err), 0);
    for (size_t n = 0; n < whole.len; n++) {
        assert_int_equal(fs_write_file(path, str_of(whole.ptr, n), &err), 0);
        assert_int_equal(outbox_read(&box, f.a, &back, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
    whole.ptr[whole.len - 1] ^= 1;
    assert_int_equal(fs_write_file(path, buf_view(&whole), &err), 0);
    assert_int_equal(outbox_read(&box, f.a, &back, &err), -1);
    buf_release(&whole);
    outbox_release(&box);
    close_files(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timespans),   cmocka_unit_test(test_host_json), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bad_settings), cmocka_unit_test(test_connections), cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_blob_paths),  cmocka_unit_test(test_bindings), cmocka_unit_test(test_events_of_values),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
