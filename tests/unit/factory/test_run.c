/* Pipelines run end to end in a state folder of their own: the status rules, loops, variables, copies,
 * lookups, refusals. Factories are written from text, a file a line-group. */
#include "factory/factory.h"
#include "net/http.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world {
    char dir[64];
    struct arena *a;
    struct ev_loop *loop;
    struct resolver_names *names;
    struct factory *f;
    struct buf events;          /* "name:Status " of each activity that ended */
    bool done;
    enum run_status status;
    const char *error, *place, *output;
    struct factory_run *run;
    const char *cancel_at;
};
static struct world w;

static void put(const char *path, const char *text)
{
    struct err err = {};
    char *full = path_join(w.a, w.dir, path);
    assert_int_equal(fs_mkdirs(str_cz(w.a, path_dir(str_z(full))), &err), 0);
    assert_int_equal(fs_write_file(full, str_z(text), &err), 0);
}

static void pipeline(const char *name, const char *extra, const char *activities)
{
    put(arena_printf(w.a, "factory/pipeline/%s.json", name),
        arena_printf(w.a, "{\"name\":\"%s\",\"properties\":{%s\"activities\":[\n%s\n]}}", name, extra,
                     activities));
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){};
    strncpy(w.dir, "/tmp/factory.XXXXXX", sizeof w.dir - 1);
    assert_non_null(mkdtemp(w.dir));
    w.a = arena_new();
    w.loop = ev_loop_new("test");
    buf_init(&w.events);
    put("factory/factory/f.json", "{\"name\":\"fac\",\"properties\":{\"globalParameters\":"
                                  "{\"env\":{\"type\":\"string\",\"value\":\"dev\"}}}}");
    put("factory/linkedService/lake.json",
        "{\"name\":\"lake\",\"properties\":{\"type\":\"AzureBlobFS\",\"typeProperties\":"
        "{\"url\":\"https://acct.dfs.core.windows.net\"}}}");
    put("factory/linkedService/web.json",
        "{\"name\":\"web\",\"properties\":{\"type\":\"HttpServer\",\"typeProperties\":"
        "{\"url\":\"https://files.example.com/data/\",\"authenticationType\":\"Anonymous\"}}}");
    put("factory/dataset/src.json",
        "{\"name\":\"src\",\"properties\":{\"linkedServiceName\":{\"referenceName\":\"web\"},"
        "\"parameters\":{\"path\":{\"type\":\"string\"}},\"type\":\"DelimitedText\",\"typeProperties\":"
        "{\"location\":{\"type\":\"HttpServerLocation\",\"relativeUrl\":\"@dataset().path\"},"
        "\"firstRowAsHeader\":true,\"quoteChar\":\"\\\"\",\"escapeChar\":\"\\\\\"}}}");
    put("factory/dataset/list.json",
        "{\"name\":\"list\",\"properties\":{\"linkedServiceName\":{\"referenceName\":\"web\"},"
        "\"type\":\"Json\",\"typeProperties\":"
        "{\"location\":{\"type\":\"HttpServerLocation\",\"relativeUrl\":\"list.json\"}}}}");
    const char *formats[][2] = {{"csv", "DelimitedText"}, {"js", "Json"}, {"bin", "Binary"}};
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        put(arena_printf(w.a, "factory/dataset/%s.json", formats[i][0]),
            arena_printf(w.a,
        "{\"name\":\"%s\",\"properties\":{\"linkedServiceName\":{\"referenceName\":\"lake\"},"
        "\"parameters\":{\"folder\":{\"type\":\"string\",\"defaultValue\":\"\"},"
        "\"file\":{\"type\":\"string\",\"defaultValue\":\"\"}},\"type\":\"%s\",\"typeProperties\":"
        "{\"location\":{\"type\":\"AzureBlobFSLocation\",\"fileSystem\":\"landing\","
        "\"folderPath\":{\"value\":\"@dataset().folder\",\"type\":\"Expression\"},"
        "\"fileName\":{\"value\":\"@dataset().file\",\"type\":\"Expression\"}},"
        "\"firstRowAsHeader\":true,\"escapeChar\":\"\\\"\"}}}", formats[i][0], formats[i][1]));
    return 0;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    factory_free(w.f);
    resolve_free(w.names);
    ev_loop_free(w.loop);
    buf_release(&w.events);
    arena_free(w.a);
    return fs_remove_tree(w.dir, &err);
}

static void on_activity(void *ctx, const struct factory_activity *a)
{
    (void)ctx;
    if (a->status != RUN_RUNNING)
        buf_printf(&w.events, "%s:%s ", a->name, run_status_name(a->status));
    if (w.cancel_at && a->status == RUN_RUNNING && strcmp(a->name, w.cancel_at) == 0)
        ev_defer(w.loop, (ev_fn)factory_cancel, w.run);
}

static void on_done(void *ctx, const struct factory_result *r)
{
    struct buf b;
    (void)ctx;
    buf_init(&b);
    doc_write(&b, r->output);
    w.output = arena_strdup(w.a, b.ptr);
    buf_release(&b);
    w.status = r->status;
    w.error = r->error ? arena_strdup(w.a, r->error->msg) : "";
    w.place = r->error ? arena_printf(w.a, "%s:%d:%d", r->error->where.file, r->error->where.line, r->error->where.col) : "";
    w.done = true;
}

static void load(void)
{
    struct err err = {};
    if (!w.names) {
        w.names = resolve_new(path_join(w.a, w.dir, "state"), w.dir);
        assert_int_equal(resolve_bind(w.names, STR("https://files.example.com/data=file://./source"), &err), 0);
    }
    factory_free(w.f);
    struct factory_opts opts = {.loop = w.loop, .names = w.names};
    w.f = factory_load(path_join(w.a, w.dir, "factory"), &opts, &err);
    if (!w.f)
        fail_msg("%s", err.msg);
}

static void run_with(const char *name, const char *params)
{
    struct err err = {};
    struct factory_start start = {.pipeline = name, .on_activity = on_activity, .on_done = on_done};
    int64_t until = time_mono_us() + 20 * 1000000;
    if (params) {
        start.params = doc_json(w.a, NULL, str_z(params), &err);
        assert_non_null(start.params);
    }
    load();
    buf_clear(&w.events);
    w.done = false;
    w.run = factory_run(w.f, &start, &err);
    if (!w.run) {
        char text[900];
        fail_msg("%s", err_text(&err, text, sizeof text));
    }
    while (!w.done && time_mono_us() < until)
        ev_run_once(w.loop, 1000);
    assert_true(w.done);
}

static void run(const char *name)
{
    run_with(name, NULL);
}

static struct err refused(const char *name)
{
    struct err err = {};
    struct factory_start start = {.pipeline = name, .on_done = on_done};
    load();
    assert_null(factory_run(w.f, &start, &err));
    return err;
}

static const char *landed(const char *path)
{
    struct buf b;
    struct err err = {};
    buf_init(&b);
    if (fs_read_file(path_join(w.a, path_join(w.a, w.dir, "state/storage/acct/landing"), path), 1 << 20, &b, &err))
        fail_msg("%s", err.msg);
    const char *text = arena_strdup(w.a, b.ptr);
    buf_release(&b);
    return text;
}

#define SET(name, deps, value) \
    "{\"name\":\"" name "\",\"type\":\"SetVariable\",\"dependsOn\":[" deps "]," \
    "\"typeProperties\":{\"variableName\":\"v\",\"value\":\"" value "\"}}"
#define FAIL(name, deps) \
    "{\"name\":\"" name "\",\"type\":\"Fail\",\"dependsOn\":[" deps "]," \
    "\"typeProperties\":{\"message\":\"m\",\"errorCode\":\"42\"}}"
#define ON(name, conditions) \
    "{\"activity\":\"" name "\",\"dependencyConditions\":[" conditions "]}"
#define VARS "\"variables\":{\"v\":{\"type\":\"String\"},\"list\":{\"type\":\"Array\"}," \
    "\"n\":{\"type\":\"Integer\",\"defaultValue\":0}},"

/* The table of the status rules: A fails or not, and what hangs on it. */
static void status_rules(void **state)
{
    static const struct { const char *activities; enum run_status status; const char *events; } rows[] = {
        {FAIL("A", "") "," SET("Catch", ON("A", "\"Failed\""), "c"), RUN_SUCCEEDED,
         "A:Failed Catch:Succeeded "},
        {SET("A", "", "a") "," SET("Catch", ON("A", "\"Failed\""), "c"), RUN_SUCCEEDED,
         "A:Succeeded Catch:Skipped "},
        {FAIL("A", "") "," SET("Ok", ON("A", "\"Succeeded\""), "o") ","
         SET("Catch", ON("A", "\"Failed\""), "c"), RUN_FAILED, "A:Failed Ok:Skipped Catch:Succeeded "},
        {FAIL("A", "") "," SET("Ok", ON("A", "\"Succeeded\""), "o") ","
         SET("Catch", ON("A", "\"Failed\""), "c") "," SET("Dummy", ON("Ok", "\"Skipped\""), "d"),
         RUN_SUCCEEDED, "A:Failed Ok:Skipped Catch:Succeeded Dummy:Succeeded "},
        {FAIL("A", "") "," SET("Catch", ON("A", "\"Failed\""), "c") ","
         SET("Next", ON("Catch", "\"Succeeded\",\"Skipped\""), "n"), RUN_SUCCEEDED,
         "A:Failed Catch:Succeeded Next:Succeeded "},
        {SET("A", "", "a") "," SET("Catch", ON("A", "\"Failed\""), "c") ","
         SET("Next", ON("Catch", "\"Succeeded\",\"Skipped\""), "n"), RUN_SUCCEEDED,
         "A:Succeeded Catch:Skipped Next:Succeeded "},
        {FAIL("A", "") "," SET("B", ON("A", "\"Succeeded\""), "b") ","
         SET("C", ON("B", "\"Succeeded\""), "c") "," SET("Log", ON("C", "\"Failed\",\"Skipped\""), "l"),
         RUN_SUCCEEDED, "A:Failed B:Skipped C:Skipped Log:Succeeded "},
        {SET("A", "", "a") "," SET("B", ON("A", "\"Completed\""), "b") "," FAIL("C", ON("A", "\"Succeeded\"")),
         RUN_FAILED, "A:Succeeded B:Succeeded C:Failed "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        pipeline("p", VARS, rows[i].activities);
        run("p");
        if (strcmp(w.events.ptr, rows[i].events) || w.status != rows[i].status)
            fail_msg("row %zu: %s, %s", i, w.events.ptr, run_status_name(w.status));
    }
    assert_string_equal(w.error, "m");
}

static void control_flow(void **state)
{
    (void)state;
    pipeline("child", "\"parameters\":{\"x\":{\"type\":\"int\"}},",
        "{\"name\":\"R\",\"type\":\"SetVariable\",\"typeProperties\":{\"setSystemVariable\":true,"
        "\"variableName\":\"pipelineReturnValue\",\"value\":[{\"key\":\"k\",\"value\":"
        "{\"type\":\"Expression\",\"content\":\"@add(pipeline().parameters.x,1)\"}}]}}");
    pipeline("p", VARS "\"parameters\":{\"n\":{\"type\":\"int\",\"defaultValue\":3}},",
        "{\"name\":\"Each\",\"type\":\"ForEach\",\"typeProperties\":{\"isSequential\":true,"
        "\"items\":{\"value\":\"@range(1,pipeline().parameters.n)\",\"type\":\"Expression\"},"
        "\"activities\":[{\"name\":\"App\",\"type\":\"AppendVariable\",\"typeProperties\":"
        "{\"variableName\":\"list\",\"value\":\"@concat('i',item())\"}}]}},"
        "{\"name\":\"Loop\",\"type\":\"Until\",\"dependsOn\":[" ON("Each", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"expression\":\"@greaterOrEquals(activity('Inc').output.value,3)\","
        "\"activities\":[{\"name\":\"Old\",\"type\":\"Filter\",\"typeProperties\":{\"items\":"
        "\"@variables('list')\",\"condition\":\"@not(equals(item(),'i2'))\"}},"
        "{\"name\":\"Inc\",\"type\":\"SetVariable\",\"dependsOn\":[" ON("Old", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"variableName\":\"n\","
        "\"value\":\"@add(activity('Old').output.FilteredItemsCount,1)\"}}]}},"
        "{\"name\":\"Call\",\"type\":\"ExecutePipeline\",\"dependsOn\":[" ON("Loop", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"pipeline\":{\"referenceName\":\"child\"},\"parameters\":"
        "{\"x\":\"@variables('n')\"}}},"
        "{\"name\":\"Sw\",\"type\":\"Switch\",\"dependsOn\":[" ON("Call", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"on\":\"@string(activity('Call').output.pipelineReturnValue.k)\","
        "\"cases\":[{\"value\":\"4\",\"activities\":[" SET("Four", "", "four") "]}],"
        "\"defaultActivities\":[" FAIL("Other", "") "]}},"
        "{\"name\":\"If\",\"type\":\"IfCondition\",\"dependsOn\":[" ON("Sw", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"expression\":\"@equals(variables('v'),'four')\",\"ifTrueActivities\":["
        "{\"name\":\"W\",\"type\":\"Wait\",\"typeProperties\":{\"waitTimeInSeconds\":0}}],"
        "\"ifFalseActivities\":[" FAIL("No", "") "]}},"
        "{\"name\":\"Off\",\"type\":\"ExecuteDataFlow\",\"state\":\"Inactive\",\"typeProperties\":{}},"
        "{\"name\":\"Ret\",\"type\":\"SetVariable\",\"dependsOn\":[" ON("If", "\"Succeeded\"") "],"
        "\"typeProperties\":{\"setSystemVariable\":true,\"variableName\":\"pipelineReturnValue\","
        "\"value\":[{\"key\":\"list\",\"value\":{\"type\":\"Expression\",\"content\":\"@variables('list')\"}},"
        "{\"key\":\"who\",\"value\":{\"type\":\"String\",\"content\":"
        "\"@{pipeline().DataFactory}/@{pipeline().globalParameters.env}/@{pipeline().TriggerType}\"}}]}}");
    run("p");
    assert_string_equal(w.error, "");
    assert_string_equal(w.output, "{\"pipelineReturnValue\":{\"list\":[\"i1\",\"i2\",\"i3\"],"
                                  "\"who\":\"fac/dev/Manual\"}}");
    run_with("p", "{\"n\":\"4\"}"); /* a string given for an int parameter */
    assert_int_equal(w.status, RUN_FAILED);
    assert_string_equal(w.error, "an inner activity of 'Sw' failed: m");
}

#define COPY(name, source_type, sink_type, source, sink, in, out) \
    "{\"name\":\"" name "\",\"type\":\"Copy\",\"typeProperties\":{\"source\":{\"type\":\"" source_type "\"" source "}," \
    "\"sink\":{\"type\":\"" sink_type "\"" sink "}},\"inputs\":[" in "],\"outputs\":[" out "]}"
#define REF(name, params) "{\"referenceName\":\"" name "\",\"type\":\"DatasetReference\",\"parameters\":{" params "}}"

static void copies_a_list_of_files(void **state)
{
    (void)state;
    put("source/list.json", "[{\"path\":\"a.csv\"},\n {\"path\":\"b.csv\"}]");
    put("source/a.csv", "id,name\n1,x\n2,\"say \"\"hi\"\", ok\"\n3,\n");
    put("source/b.csv", "\xef\xbb\xbfid;name\r\n");
    pipeline("p", "",
        "{\"name\":\"L\",\"type\":\"Lookup\",\"typeProperties\":{\"source\":{\"type\":\"JsonSource\"},"
        "\"dataset\":" REF("list", "") ",\"firstRowOnly\":false}},"
        "{\"name\":\"E\",\"type\":\"ForEach\",\"dependsOn\":[" ON("L", "\"Succeeded\"") "],\"typeProperties\":"
        "{\"items\":\"@activity('L').output.value\",\"batchCount\":2,\"activities\":["
        COPY("C", "DelimitedTextSource", "DelimitedTextSink",
             ",\"additionalColumns\":[{\"name\":\"run\",\"value\":{\"value\":\"@pipeline().Pipeline\",\"type\":\"Expression\"}}]",
             ",\"formatSettings\":{\"type\":\"DelimitedTextWriteSettings\",\"quoteAllText\":true,\"fileExtension\":\".csv\"}",
             REF("src", "\"path\":\"@item().path\""),
             REF("csv", "\"folder\":\"in/@{pipeline().Pipeline}\",\"file\":\"@item().path\"")) "]}},"
        "{\"name\":\"M\",\"type\":\"GetMetadata\",\"dependsOn\":[" ON("E", "\"Succeeded\"") "],\"typeProperties\":"
        "{\"dataset\":" REF("bin", "\"folder\":\"in/p\"") ",\"fieldList\":[\"childItems\",\"exists\",\"itemType\"]}},"
        "{\"name\":\"R\",\"type\":\"SetVariable\",\"dependsOn\":[" ON("M", "\"Succeeded\"") "],\"typeProperties\":"
        "{\"setSystemVariable\":true,\"variableName\":\"pipelineReturnValue\",\"value\":[{\"key\":\"m\",\"value\":"
        "{\"type\":\"Expression\",\"content\":\"@activity('M').output.childItems\"}},{\"key\":\"n\",\"value\":"
        "{\"type\":\"Expression\",\"content\":\"@activity('L').output.count\"}}]}}");
    run("p");
    assert_string_equal(w.error, "");
    assert_string_equal(landed("in/p/a.csv"), "\"id\",\"name\",\"run\"\r\n\"1\",\"x\",\"p\"\r\n"
                        "\"2\",\"say \"\"hi\"\", ok\",\"p\"\r\n\"3\",\"\",\"p\"\r\n");
    assert_string_equal(landed("in/p/b.csv"), "\"id;name\",\"run\"\r\n");
    assert_string_equal(w.output, "{\"pipelineReturnValue\":{\"m\":[{\"name\":\"a.csv\",\"type\":\"File\"},"
                                  "{\"name\":\"b.csv\",\"type\":\"File\"}],\"n\":2}}");
}

static void copies_between_formats_and_folders(void **state)
{
    (void)state;
    put("state/storage/acct/landing/raw/2024/x.csv", "a,b\n1,two\n");
    put("state/storage/acct/landing/raw/2025/y.csv", "a,b\n3,\n");
    put("state/storage/acct/landing/raw/2025/_tmp.1", "half");
    put("state/storage/acct/landing/raw/2025/z.txt", "no");
    pipeline("p", "",
        COPY("Bin", "BinarySource", "BinarySink", ",\"storeSettings\":{\"recursive\":true}", "",
             REF("bin", "\"folder\":\"raw\""), REF("bin", "\"folder\":\"copy\"")) ","
        COPY("Merge", "DelimitedTextSource", "DelimitedTextSink",
             ",\"storeSettings\":{\"wildcardFolderPath\":\"raw/*\",\"wildcardFileName\":\"*.csv\"}",
             ",\"storeSettings\":{\"copyBehavior\":\"MergeFiles\"}",
             REF("csv", ""), REF("csv", "\"folder\":\"all\",\"file\":\"m.csv\"")) ","
        "{\"name\":\"Json\",\"type\":\"Copy\",\"typeProperties\":{\"source\":{\"type\":\"DelimitedTextSource\"},"
        "\"sink\":{\"type\":\"JsonSink\"},\"translator\":{\"type\":\"TabularTranslator\",\"mappings\":["
        "{\"source\":{\"ordinal\":1},\"sink\":{\"path\":\"$['n']\",\"type\":\"Int32\"}},"
        "{\"source\":{\"name\":\"b\"},\"sink\":{\"path\":\"['t']\"}}]}},"
        "\"inputs\":[" REF("csv", "\"folder\":\"raw/2024\"") "],\"outputs\":[" REF("js", "\"folder\":\"j\"") "]}");
    run("p");
    assert_string_equal(w.error, "");
    assert_string_equal(landed("copy/2024/x.csv"), "a,b\n1,two\n");
    assert_string_equal(landed("copy/2025/z.txt"), "no");
    assert_string_equal(landed("all/m.csv"), "a,b\r\n1,two\r\n3,\r\n");
    assert_string_equal(landed("j/x.json"), "{\"n\":1,\"t\":\"two\"}\n");
    assert_false(fs_exists(path_join(w.a, w.dir, "state/storage/acct/landing/copy/2025/_tmp.1")));
    pipeline("d", "", "{\"name\":\"D\",\"type\":\"Delete\",\"typeProperties\":{\"dataset\":"
             REF("bin", "\"folder\":\"copy\"") ",\"storeSettings\":{\"recursive\":true},\"enableLogging\":false}}");
    run("d");
    assert_int_equal(w.status, RUN_SUCCEEDED);
    assert_false(fs_exists(path_join(w.a, w.dir, "state/storage/acct/landing/copy")));
}

#define SKIPPING(yes) \
    "{\"name\":\"C\",\"type\":\"Copy\",\"typeProperties\":{\"source\":{\"type\":\"DelimitedTextSource\"}," \
    "\"sink\":{\"type\":\"DelimitedTextSink\"},\"enableSkipIncompatibleRow\":" yes "}," \
    "\"inputs\":[" REF("src", "\"path\":\"bad.csv\"") "],\"outputs\":[" REF("csv", "\"file\":\"o.csv\"") "]}"

static void bad_rows(void **state)
{
    (void)state;
    put("source/bad.csv", "a,b\n1,2\n3,4,5\n6,\"x\"y\n7,8\n");
    pipeline("p", "", SKIPPING("false"));
    run("p");
    assert_int_equal(w.status, RUN_FAILED);
    assert_non_null(strstr(w.error, "the row has 3 columns, 2 are expected"));
    assert_non_null(strstr(w.place, "bad.csv:3:5"));
    assert_false(fs_exists(path_join(w.a, w.dir, "state/storage/acct/landing/o.csv")));
    char **left;
    struct err err;
    assert_int_equal(fs_list(w.a, path_join(w.a, w.dir, "state/storage/acct/landing"), &left, &err), 0);
    pipeline("p", "", SKIPPING("true"));
    run("p");
    assert_string_equal(w.error, "");
    assert_string_equal(landed("o.csv"), "a,b\r\n1,2\r\n7,8\r\n");
}

static void refusals(void **state)
{
    static const struct { const char *activities, *says; enum err_code code; int line; } rows[] = {
        {"{\"name\":\"X\",\"type\":\"ExecuteDataFlow\",\"typeProperties\":{}}", "declarative pipeline",
         ERR_UNSUPPORTED, 2},
        {"{\"name\":\"X\",\"type\":\"Nonsense\"}", "'Nonsense'", ERR_UNSUPPORTED, 2},
        {"{\"name\":\"X\",\"type\":\"Lookup\",\"typeProperties\":{\"source\":{},\n\"dataset\":"
         REF("gone", "") "}}", "there is no dataset 'gone'", ERR_NOT_FOUND, 3},
        {"{\"name\":\"X\",\"type\":\"Lookup\",\"typeProperties\":{\"source\":{},\"dataset\":"
         REF("src", "") "}}", "parameter 'path'", ERR_INPUT, 2},
        {SET("A", "", "@variables('w')"), "declares no variable 'w'", ERR_NOT_FOUND, 2},
        {SET("A", "", "@activity('B').output"), "no activity 'B'", ERR_NOT_FOUND, 2},
        {SET("A", "", "@item()"), "item()", ERR_INPUT, 2},
        {SET("A", "", "@nofunc(1)"), "no function 'nofunc'", ERR_INPUT, 2},
        {SET("A", ON("A", "\"Succeeded\""), "x"), "depends on itself", ERR_INPUT, 2},
        {SET("A", ON("Z", "\"Succeeded\""), "x"), "not an activity beside", ERR_NOT_FOUND, 2},
        {SET("A", "", "x") "," SET("a", "", "x"), "two activities", ERR_INPUT, 2},
        {"{\"name\":\"X\",\"type\":\"ExecutePipeline\",\"typeProperties\":{\"pipeline\":"
         "{\"referenceName\":\"none\"}}}", "there is no pipeline 'none'", ERR_NOT_FOUND, 2},
        {"{\"name\":\"X\",\"type\":\"Copy\",\"typeProperties\":{\"source\":{\"type\":\"SqlSource\"},"
         "\"sink\":{\"type\":\"JsonSink\"}},\"inputs\":[" REF("csv", "") "],\"outputs\":[" REF("js", "") "]}",
         "SqlSource", ERR_UNSUPPORTED, 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        pipeline("p", VARS, rows[i].activities);
        struct err err = refused("p");
        if (!strstr(err.msg, rows[i].says) || err.code != rows[i].code ||
            err.where.line != rows[i].line || !strstr(err.where.file, "pipeline/p.json"))
            fail_msg("row %zu: %s:%d %s %s", i, err.where.file, err.where.line,
                     err_code_name(err.code), err.msg);
    }
    put("factory/pipeline/broken.json", "{\"name\":\"broken\",\n \"properties\": {,}}");
    pipeline("p", VARS, SET("A", "", "x"));
    struct err err = refused("broken");
    assert_int_equal(err.where.line, 2);
    run("p"); /* the other file is none of its business */
    assert_int_equal(w.status, RUN_SUCCEEDED);
    assert_int_equal(factory_check(w.f, NULL, NULL, NULL), 1);
}

static void cancels(void **state)
{
    (void)state;
    pipeline("p", VARS, "{\"name\":\"E\",\"type\":\"ForEach\",\"typeProperties\":{\"items\":\"@range(0,50)\","
             "\"batchCount\":2,\"activities\":[{\"name\":\"W\",\"type\":\"Wait\",\"typeProperties\":"
             "{\"waitTimeInSeconds\":3600}}]}}," SET("After", ON("E", "\"Completed\""), "x"));
    w.cancel_at = "W";
    run("p");
    assert_int_equal(w.status, RUN_CANCELED);
    assert_string_equal(w.events.ptr, "W:Cancelled W:Cancelled E:Cancelled After:Skipped ");
}

static void set_flag(void *flag)
{
    *(bool *)flag = true;
}

static void stops(void **state)
{
    struct err err = {};
    struct factory_start start = {.pipeline = "p", .on_done = on_done};
    bool stopped = false;
    (void)state;
    pipeline("p", "\"concurrency\":1,", "{\"name\":\"W\",\"type\":\"Wait\",\"typeProperties\":{\"waitTimeInSeconds\":3600}}");
    load();
    assert_non_null(factory_run(w.f, &start, &err));
    assert_non_null(factory_run(w.f, &start, &err)); /* waits for the first */
    ev_run_once(w.loop, 0);
    factory_stop(w.f, set_flag, &stopped);
    assert_null(factory_run(w.f, &start, &err));
    while (!stopped)
        ev_run_once(w.loop, 1000);
    assert_int_equal(w.status, RUN_CANCELED);
}

static void retries_and_times_out(void **state)
{
    (void)state;
    pipeline("p", VARS,
        "{\"name\":\"L\",\"type\":\"Lookup\",\"policy\":{\"retry\":2,\"retryIntervalInSeconds\":0},"
        "\"typeProperties\":{\"source\":{\"type\":\"DelimitedTextSource\"},\"dataset\":"
        REF("src", "\"path\":\"none.csv\"") "}},"
        "{\"name\":\"U\",\"type\":\"Until\",\"typeProperties\":{\"timeout\":\"0.00:00:00\",\"expression\":\"@false\","
        "\"activities\":[{\"name\":\"W\",\"type\":\"Wait\",\"typeProperties\":{\"waitTimeInSeconds\":3600}}]}}");
    run("p");
    assert_int_equal(w.status, RUN_FAILED);
    size_t failed = 0;
    for (const char *p = w.events.ptr; (p = strstr(p, "L:Failed")); p++)
        failed++;
    assert_int_equal(failed, 3);
    assert_true(strstr(w.events.ptr, "U:TimedOut"));
}

static void long_loops_do_not_grow_the_stack(void **state)
{
    (void)state;
    pipeline("p", VARS, "{\"name\":\"E\",\"type\":\"ForEach\",\"typeProperties\":{\"items\":\"@range(0,3000)\","
             "\"isSequential\":\"true\",\"activities\":[" SET("S", "", "@string(item())") "]}}");
    run("p");
    assert_int_equal(w.status, RUN_SUCCEEDED);
}

static void triggers(void **state)
{
    static const struct { const char *recurrence, *after, *next; } rows[] = {
        {"\"frequency\":\"Hour\",\"interval\":1,\"startTime\":\"2026-01-01T00:00:00Z\"", "2026-01-02T03:10:00Z", "2026-01-02T04:00:00Z"},
        {"\"frequency\":\"Minute\",\"interval\":15,\"startTime\":\"2026-01-01T00:05:00Z\"", "2026-01-01T00:20:00Z", "2026-01-01T00:35:00Z"},
        {"\"frequency\":\"Day\",\"interval\":2,\"startTime\":\"2026-01-01T06:30:00Z\"", "2026-01-01T06:30:00Z", "2026-01-03T06:30:00Z"},
        {"\"frequency\":\"Week\",\"interval\":1,\"startTime\":\"2026-01-01T00:00:00Z\",\"schedule\":{\"weekDays\":[\"Monday\",\"Friday\"],\"hours\":[5],\"minutes\":[0,30]}",
         "2026-01-02T05:00:00Z", "2026-01-02T05:30:00Z"},
        {"\"frequency\":\"Month\",\"interval\":1,\"startTime\":\"2026-01-01T00:00:00Z\",\"schedule\":{\"monthDays\":[-1],\"hours\":[1],\"minutes\":[2]}",
         "2026-02-01T00:00:00Z", "2026-02-28T01:02:00Z"},
        {"\"frequency\":\"Day\",\"interval\":1,\"startTime\":\"2026-03-01T02:30:00\",\"timeZone\":\"W. Europe Standard Time\"",
         "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
        {"\"frequency\":\"Hour\",\"interval\":1,\"startTime\":\"2026-01-01T00:00:00Z\",\"endTime\":\"2026-01-01T02:00:00Z\"", "2026-01-01T02:00:00Z", ""},
    };
    (void)state;
    pipeline("p", "\"parameters\":{\"at\":{\"type\":\"string\"}},",
             "{\"name\":\"R\",\"type\":\"SetVariable\",\"typeProperties\":{\"setSystemVariable\":true,"
             "\"variableName\":\"pipelineReturnValue\",\"value\":[{\"key\":\"at\",\"value\":{\"type\":\"Expression\","
             "\"content\":\"@concat(pipeline().parameters.at,pipeline().TriggerName)\"}}]}}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tp after, next, want;
        put("factory/trigger/t.json", arena_printf(w.a,
            "{\"name\":\"t\",\"properties\":{\"type\":\"ScheduleTrigger\",\"runtimeState\":\"Started\",\"pipelines\":"
            "[{\"pipelineReference\":{\"referenceName\":\"p\"},\"parameters\":{\"at\":\"@trigger().scheduledTime\"}}],"
            "\"typeProperties\":{\"recurrence\":{%s}}}}", rows[i].recurrence));
        load();
        assert_true(time_parse_iso(str_z(rows[i].after), &after));
        bool any = factory_next(w.f, "t", after, &next);
        if (!rows[i].next[0]) {
            assert_false(any);
            continue;
        }
        assert_true(time_parse_iso(str_z(rows[i].next), &want));
        char text[40];
        if (!any || next.us != want.us)
            fail_msg("row %zu: %s", i, any ? time_iso(next, 0, text) : "never");
    }
    const struct factory_trigger *list;
    struct factory_start callbacks = {.on_done = on_done};
    struct err err = {};
    assert_int_equal(factory_triggers(w.f, &list), 1);
    assert_true(list[0].started);
    w.done = false;
    assert_int_equal(factory_fire(w.f, "t", (struct tp){1767225600000000}, &callbacks, &err), 1);
    while (!w.done)
        ev_run_once(w.loop, 1000);
    assert_string_equal(w.output, "{\"pipelineReturnValue\":{\"at\":\"2026-01-01T00:00:00.0000000Zt\"}}");
}

/* The example's pipeline with its source bound to `source`. */
static void run_retail(const char *source)
{
    struct err err = {};
    w.names = resolve_new(path_join(w.a, w.dir, "state"), "examples/retail");
    assert_int_equal(resolve_bind(w.names, str_fmt(w.a, "https://raw.githubusercontent.com/paystreak/retail-source/main=file:%s", source), &err), 0);
    assert_int_equal(resolve_bind(w.names, STR("https://github.com/paystreak/retail-project/raw/main=file://./"), &err), 0);
    struct factory_opts opts = {.loop = w.loop, .names = w.names};
    struct factory_start start = {.pipeline = "pl_ingest_batch", .on_activity = on_activity, .on_done = on_done};
    w.f = factory_load("examples/retail/factory", &opts, &err);
    assert_non_null(w.f);
    if (!(w.run = factory_run(w.f, &start, &err)))
        fail_msg("%s:%d: %s", err.where.file, err.where.line, err.msg);
    w.output = arena_strdup(w.a, factory_run_id(w.run));
    const char *run_id = w.output;
    while (!w.done)
        ev_run_once(w.loop, 1000);
    assert_string_equal(w.error, "");
    w.output = run_id;
}

static void retail_example(void **state)
{
    struct err err = {};
    struct resolved at;
    struct resolved_entry *files;
    (void)state;
    run_retail("./source");
    assert_int_equal(resolve_name(w.names, w.a, STR("abfss://landing@paystreakretail.dfs.core.windows.net/"), &at, &err), 0);
    assert_int_equal(resolve_walk(&at, w.a, &files, &err), 5);
}

/* Fields of one line of the real files, which use no quotes. */
static size_t plain_fields(struct str line, struct str *out, size_t max)
{
    size_t n = 0;
    struct str part;
    while (n < max && str_split(&line, ',', &part))
        out[n++] = part;
    if (n < max && line.ptr && n && line.len == 0 && line.ptr[-1] == ',')
        out[n++] = STR("");
    return n;
}

/* Every row of the real files arrives, field by field, quoted, with the two columns added. */
static void real_files(void **state)
{
    static const char *const files[][2] = {
        {"crm_customers", "source_crm/cust_info.csv"}, {"crm_products", "source_crm/prd_info.csv"},
        {"erp_birthdays", "source_erp/CUST_AZ12.csv"}, {"erp_countries", "source_erp/LOC_A101.csv"},
        {"erp_categories", "source_erp/PX_CAT_G1V2.csv"}};
    (void)state;
    if (!fs_exists("../shared/data/retail")) {
        print_message("skip: ../shared/data/retail is not here\n");
        skip();
    }
    char *source = realpath("../shared/data/retail", NULL);
    run_retail(source);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct buf b, got;
        struct err err;
        size_t rows = 0;
        buf_init(&b);
        buf_init(&got);
        assert_int_equal(fs_read_file(path_join(w.a, source, files[i][1]), 64 << 20, &b, &err), 0);
        assert_int_equal(fs_read_file(arena_printf(w.a, "%s/state/storage/paystreakretail/landing/%s/%s/%s", w.dir,
            files[i][0], w.output, strchr(files[i][1], '/') + 1), 64 << 20, &got, &err), 0);
        struct str in = buf_view(&b), out = buf_view(&got), line, landed_line, fields[20];
        while (str_split(&in, '\n', &line)) {
            line = str_ends_z(line, "\r") ? str_sub(line, 0, line.len - 1) : line;
            if (!line.len)
                continue;
            size_t n = plain_fields(line, fields, 20);
            assert_true(str_split(&out, '\n', &landed_line));
            for (size_t k = 0; k < n; k++) {
                assert_true(str_starts(landed_line, str_fmt(w.a, "\"%.*s\",", STR_ARGS(fields[k]))));
                landed_line = str_from(landed_line, fields[k].len + 3);
            }
            rows++;
        }
        assert_false(str_split(&out, '\n', &landed_line));
        print_message("%s: %zu lines\n", files[i][1], rows);
        buf_release(&b);
        buf_release(&got);
    }
    free(source);
}

/* ---------------------------------------------------------------- the real network, at home */

static void answer(struct http_req *r)
{
    if (str_eqz(r->path, "/data/a.csv"))
        http_respond(r, 200, "text/csv", STR("id,name\n1,x\n"));
    else if (str_eqz(r->path, "/api"))
        http_respond(r, 200, "application/json", str_fmt(r->arena, "{\"got\":%.*s,\"method\":\"%.*s\"}",
                     STR_ARGS(r->body.len ? r->body : STR("null")), STR_ARGS(r->method)));
    else if (str_eqz(r->path, "/text"))
        http_respond(r, 200, "text/plain", STR("plain"));
    else
        http_respond(r, 404, "text/plain", STR("nothing"));
}

static void over_http(void **state)
{
    static const struct http_route routes[] = {{.pattern = "/{any...}", .handler = answer}, {}};
    struct http_server_opts opts = {.host = "127.0.0.1", .routes = routes};
    struct err err = {};
    (void)state;
    struct http_server *server = http_listen(w.loop, &opts, &err);
    assert_non_null(server);
    int port = http_server_port(server);
    put("factory/linkedService/web.json", arena_printf(w.a,
        "{\"name\":\"web\",\"properties\":{\"type\":\"HttpServer\",\"typeProperties\":"
        "{\"url\":\"http://127.0.0.1:%d/data\",\"authenticationType\":\"Anonymous\"}}}", port));
    pipeline("p", "", arena_printf(w.a,
        COPY("C", "DelimitedTextSource", "DelimitedTextSink", "", "", REF("src", "\"path\":\"/a.csv\""),
             REF("csv", "\"folder\":\"h\"")) ","
        "{\"name\":\"J\",\"type\":\"WebActivity\",\"typeProperties\":{\"method\":\"POST\",\"url\":"
        "\"http://127.0.0.1:%d/api\",\"body\":{\"k\":\"@{pipeline().Pipeline}\"}}},"
        "{\"name\":\"T\",\"type\":\"WebActivity\",\"typeProperties\":{\"method\":\"GET\",\"url\":"
        "\"http://127.0.0.1:%d/text\"}},"
        "{\"name\":\"R\",\"type\":\"SetVariable\",\"dependsOn\":[" ON("C", "\"Succeeded\"") "," ON("J", "\"Succeeded\"") ","
        ON("T", "\"Succeeded\"") "],\"typeProperties\":{\"setSystemVariable\":true,\"variableName\":"
        "\"pipelineReturnValue\",\"value\":[{\"key\":\"r\",\"value\":{\"type\":\"Expression\",\"content\":"
        "\"@concat(activity('J').output.got.k,activity('J').output.method,activity('T').output.Response,"
        "activity('C').output.rowsCopied)\"}}]}}", port, port));
    run("p");
    assert_string_equal(w.error, "");
    assert_string_equal(w.output, "{\"pipelineReturnValue\":{\"r\":\"pPOSTplain1\"}}");
    assert_string_equal(landed("h/a.csv"), "id,name\r\n1,x\r\n");
    pipeline("p", "", COPY("C", "DelimitedTextSource", "DelimitedTextSink", "", "",
             REF("src", "\"path\":\"gone.csv\""), REF("csv", "\"folder\":\"h\"")));
    run("p");
    assert_true(strstr(w.error, "answers with HTTP status 404"));
    char **left;
    assert_int_equal(fs_list(w.a, path_join(w.a, w.dir, "state/tmp"), &left, &err), 0);
    http_server_free(server);
}

/* Whichever file call fails, the landed file is whole or absent, and nothing half is left beside it. */
static void landing_survives_faults(void **state)
{
    struct err err;
    char **left;
    (void)state;
    put("source/a.csv", "a,b\n1,2\n");
    pipeline("p", "", COPY("C", "DelimitedTextSource", "DelimitedTextSink", "", "",
             REF("src", "\"path\":\"a.csv\""), REF("csv", "\"folder\":\"f\"")));
    for (int64_t nth = 1; nth < 50; nth++) {
        struct fs_fault fault = {.kind = FS_FAULT_FAIL, .nth = nth, .errnum = 5, .path_part = "landing"};
        assert_int_equal(fs_remove_tree(path_join(w.a, w.dir, "state/storage"), &err), 0);
        fs_fault_set(&fault);
        run("p");
        bool reached = fs_fault_calls() >= nth;
        fs_fault_set(NULL);
        const char *dir = path_join(w.a, w.dir, "state/storage/acct/landing/f");
        int64_t n = fs_exists(dir) ? fs_list(w.a, dir, &left, &err) : 0;
        for (int64_t i = 0; i < n; i++)
            assert_string_equal(left[i], "a.csv");
        if (n)
            assert_string_equal(landed("f/a.csv"), "a,b\r\n1,2\r\n");
        if (!reached) {
            assert_int_equal(w.status, RUN_SUCCEEDED);
            assert_true(nth > 4);
            return;
        }
        assert_int_equal(w.status, RUN_FAILED);
    }
    fail_msg("the copy never ran out of file calls");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(status_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(control_flow, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_a_list_of_files, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_between_formats_and_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(cancels, setup, teardown),
        cmocka_unit_test_setup_teardown(stops, setup, teardown),
        cmocka_unit_test_setup_teardown(retries_and_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(long_loops_do_not_grow_the_stack, setup, teardown),
        cmocka_unit_test_setup_teardown(triggers, setup, teardown),
        cmocka_unit_test_setup_teardown(over_http, setup, teardown),
        cmocka_unit_test_setup_teardown(landing_survives_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(retail_example, setup, teardown),
        cmocka_unit_test_setup_teardown(real_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
