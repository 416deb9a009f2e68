/* Connectors that no example project has: a pipeline copies from a file server into a Blob Storage container and looks the
 * copy up again. And what an event trigger tells in triggerBody(). */
#include "factory/expr.h"
#include "factory/factory.h"

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
    bool done;
    enum run_status status;
    const char *error, *output;
};
static struct world w;

static void put(const char *path, const char *text)
{
    struct err err = {};
    char *full = path_join(w.a, w.dir, path);
    assert_int_equal(fs_mkdirs(str_cz(w.a, path_dir(str_z(full))), &err), 0);
    assert_int_equal(fs_write_file(full, str_z(text), &err), 0);
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){};
    strncpy(w.dir, "/tmp/connectors.XXXXXX", sizeof w.dir - 1);
    assert_non_null(mkdtemp(w.dir));
    w.a = arena_new();
    w.loop = ev_loop_new("test");
    return 0;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    factory_free(w.f);
    resolve_free(w.names);
    ev_loop_free(w.loop);
    arena_free(w.a);
    return fs_remove_tree(w.dir, &err);
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
    w.done = true;
}

static void service(const char *name, const char *type, const char *properties)
{
    put(arena_printf(w.a, "factory/linkedService/%s.json", name),
        arena_printf(w.a, "{\"name\":\"%s\",\"properties\":{\"type\":\"%s\",\"typeProperties\":{%s}}}", name, type, properties));
}

static void dataset(const char *name, const char *linked, const char *location)
{
    put(arena_printf(w.a, "factory/dataset/%s.json", name),
        arena_printf(w.a, "{\"name\":\"%s\",\"properties\":{\"linkedServiceName\":{\"referenceName\":\"%s\","
                     "\"type\":\"LinkedServiceReference\"},\"type\":\"DelimitedText\",\"typeProperties\":{\"location\":{%s},"
                     "\"columnDelimiter\":\",\",\"firstRowAsHeader\":true,\"quoteChar\":\"\\\"\",\"escapeChar\":\"\\\\\"}}}",
                     name, linked, location));
}

static void load(struct str bind)
{
    struct err err = {};
    w.names = resolve_new(path_join(w.a, w.dir, "state"), w.dir);
    if (bind.len)
        assert_int_equal(resolve_bind(w.names, bind, &err), 0);
    struct factory_opts opts = {.loop = w.loop, .names = w.names};
    w.f = factory_load(path_join(w.a, w.dir, "factory"), &opts, &err);
    if (!w.f)
        fail_msg("%s", err.msg);
}

static void write_copy(const char *host)
{
    service("Share", "FileServer", arena_printf(w.a, "\"host\":\"%s\",\"userId\":\"shop\"", host));
    service("Blobs", "AzureBlobStorage", "\"serviceEndpoint\":\"https://acct.blob.core.windows.net/\"");
    dataset("OnShare", "Share", "\"type\":\"FileServerLocation\",\"folderPath\":\"in\",\"fileName\":\"stock.csv\"");
    dataset("InBlobs", "Blobs", "\"type\":\"AzureBlobStorageLocation\",\"container\":\"raw\",\"folderPath\":\"shop/stock\","
                                "\"fileName\":\"stock.csv\"");
    put("factory/pipeline/p.json",
        "{\"name\":\"p\",\"properties\":{\"activities\":["
        "{\"name\":\"Bring\",\"type\":\"Copy\",\"inputs\":[{\"referenceName\":\"OnShare\",\"type\":\"DatasetReference\"}],"
        "\"outputs\":[{\"referenceName\":\"InBlobs\",\"type\":\"DatasetReference\"}],\"typeProperties\":{"
        "\"source\":{\"type\":\"DelimitedTextSource\",\"storeSettings\":{\"type\":\"FileServerReadSettings\"}},"
        "\"sink\":{\"type\":\"DelimitedTextSink\",\"storeSettings\":{\"type\":\"AzureBlobStorageWriteSettings\"},"
        "\"formatSettings\":{\"type\":\"DelimitedTextWriteSettings\",\"quoteAllText\":true,\"fileExtension\":\".csv\"}}}},"
        "{\"name\":\"Look\",\"type\":\"Lookup\",\"dependsOn\":[{\"activity\":\"Bring\",\"dependencyConditions\":[\"Succeeded\"]}],"
        "\"typeProperties\":{\"source\":{\"type\":\"DelimitedTextSource\",\"storeSettings\":{\"type\":"
        "\"AzureBlobStorageReadSettings\"}},\"dataset\":{\"referenceName\":\"InBlobs\",\"type\":\"DatasetReference\"},"
        "\"firstRowOnly\":false}},"
        "{\"name\":\"Tell\",\"type\":\"SetVariable\",\"dependsOn\":[{\"activity\":\"Look\",\"dependencyConditions\":"
        "[\"Succeeded\"]}],\"typeProperties\":{\"setSystemVariable\":true,\"variableName\":\"pipelineReturnValue\",\"value\":"
        "[{\"key\":\"copied\",\"value\":{\"type\":\"Expression\",\"content\":\"@activity('Bring').output.rowsCopied\"}},"
        "{\"key\":\"name\",\"value\":{\"type\":\"Expression\",\"content\":\"@last(activity('Look').output.value).name\"}}]}}]}}");
}

/* The share's Windows path is bound to a folder of this machine. */
static void from_a_file_server_into_blob_storage(void **state)
{
    struct err err = {};
    struct buf b;
    int64_t until = time_mono_us() + 20 * 1000000;
    struct factory_start start = {.pipeline = "p", .on_done = on_done};
    (void)state;
    put("share/in/stock.csv", "id,name\n1,saddle\n2,\"bell, brass\"\n");
    write_copy("\\\\\\\\files\\\\shop");
    load(str_fmt(w.a, "//files/shop=file://%s/share", w.dir));
    if (!factory_run(w.f, &start, &err))
        fail_msg("%s", err.msg);
    while (!w.done && time_mono_us() < until)
        ev_run_once(w.loop, 1000);
    assert_true(w.done);
    assert_string_equal(w.error, "");
    assert_int_equal(w.status, RUN_SUCCEEDED);
    assert_string_equal(w.output, "{\"pipelineReturnValue\":{\"copied\":2,\"name\":\"bell, brass\"}}");
    buf_init(&b);
    assert_int_equal(fs_read_file(path_join(w.a, w.dir, "state/storage/acct/raw/shop/stock/stock.csv"), 1 << 20, &b, &err), 0);
    assert_string_equal(b.ptr, "\"id\",\"name\"\r\n\"1\",\"saddle\"\r\n\"2\",\"bell, brass\"\r\n");
    buf_release(&b);
}

static void an_unbound_share_is_refused_by_name(void **state)
{
    struct err err = {};
    struct factory_start start = {.pipeline = "p", .on_done = on_done};
    int64_t until = time_mono_us() + 20 * 1000000;
    (void)state;
    write_copy("\\\\\\\\files\\\\shop");
    load(STR_NONE);
    if (factory_run(w.f, &start, &err)) {
        while (!w.done && time_mono_us() < until)
            ev_run_once(w.loop, 1000);
        assert_int_equal(w.status, RUN_FAILED);
        if (!strstr(w.error, "//files/shop")) fail_msg("%s", w.error);
    } else {
        assert_non_null(strstr(err.msg, "//files/shop"));
    }
}

static void trigger_body(void **state)
{
    struct err err = {};
    enum adf_class cls;
    (void)state;
    struct adf_scope scope = {.trigger_body = doc_json(w.a, NULL, STR("{\"fileName\":\"a.csv\",\"folderPath\":\"raw/in\"}"), &err)};
    const struct doc *d = adf_text(w.a, &scope, STR("@{triggerBody().folderPath}/@{triggerBody().fileName}"), NULL, &cls, &err);
    assert_non_null(d);
    assert_true(str_eqz(d->text, "raw/in/a.csv"));
    assert_null(adf_text(w.a, &(struct adf_scope){}, STR("@triggerBody().fileName"), NULL, &cls, &err));
    assert_non_null(strstr(err.msg, "only in the parameters of a trigger"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(from_a_file_server_into_blob_storage), TEST(an_unbound_share_is_refused_by_name), TEST(trigger_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
