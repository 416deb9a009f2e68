/* lake: stores. Addresses, listings and signatures without a network; local files with every fault. */
#include "lake/azure_sign.h"
#include "lake/s3_sign.h"
#include "lake/store_int.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char base[] = "/tmp/lake-store-XXXXXX";
static int folder_number;

#define OK(call) do { if (call) { print_error("%s: %s\n", err_code_name(err.code), err.msg); fail(); } } while (0)

static int setup(void **state)
{
    (void)state;
    return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    return fs_remove_tree(base, &err);
}

static struct store *new_store(char dir[256])
{
    struct err err;
    snprintf(dir, 256, "%s/%d/t", base, folder_number++);
    struct store *s = store_open(str_z(dir), NULL, &err);
    assert_non_null(s);
    return s;
}

/* ---- settings of one's own */

struct set { const char *names[8], *values[8]; };

static const char *get_set(void *ctx, const char *name)
{
    const struct set *s = ctx;
    for (size_t i = 0; i < 8 && s->names[i]; i++)
        if (strcmp(s->names[i], name) == 0)
            return s->values[i];
    return NULL;
}

/* ---- addresses */

static void test_addresses(void **state)
{
    (void)state;
    struct set set = {{"AZURE_STORAGE_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, {"a2V5", "id", "secret"}};
    struct store_settings from = {get_set, &set};
    static const struct { const char *root, *kind, *prefix; enum err_code error; } rows[] = {
        {"abfss://c@acct.dfs.core.windows.net/a/b/", "azure", "a/b/", ERR_OK},
        {"wasbs://c@acct.blob.core.windows.net/a b", "azure", "a b/", ERR_OK},
        {"https://acct.blob.core.windows.net/c/t", "azure", "t/", ERR_OK},
        {"https://acct.dfs.core.windows.net/c", "azure", "", ERR_OK},
        {"azure+http://127.0.0.1:10000/devstoreaccount1/c/t", "azure", "t/", ERR_OK},
        {"dfs+http://127.0.0.1:10000/acct/c/t", "azure dfs", "t/", ERR_OK},
        {"s3://bucket/t/x", "s3", "t/x/", ERR_OK},
        {"s3a://bucket", "s3", "", ERR_OK},
        {"s3+http://127.0.0.1:9000/bucket/t", "s3", "t/", ERR_OK},
        {"abfss://acct.dfs.core.windows.net/a", NULL, NULL, ERR_INPUT},
        {"abfss://c@acct/a", NULL, NULL, ERR_INPUT},
        {"https://acct.blob.core.windows.net/", NULL, NULL, ERR_INPUT},
        {"https://acct.blob.core.windows.net/c/t?sv=1", NULL, NULL, ERR_INPUT},
        {"s3:///t", NULL, NULL, ERR_INPUT},
        {"https://example.com/c/t", NULL, NULL, ERR_UNSUPPORTED},
        {"gs://b/t", NULL, NULL, ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {};
        struct store *s = store_open(str_z(rows[i].root), &from, &err);
        assert_int_equal(err.code, rows[i].error);
        assert_int_equal(s != NULL, rows[i].kind != NULL);
        if (s) {
            assert_string_equal(s->kind->name, rows[i].kind);
            assert_string_equal(s->prefix, rows[i].prefix);
            assert_true(store_is_remote(str_z(rows[i].root)));
        }
        store_close(s);
    }
    assert_false(store_is_remote(STR("/folder")));
    assert_false(store_is_remote(STR("https://example.com/x")));
}

/* A table's log leads to its own endpoint, to public clouds and to this machine: nobody else gets a token of ours. */
static void test_follows(void **state)
{
    (void)state;
    static const struct { const char *named, *by; bool follows; } rows[] = {
        {"abfss://c@acct.dfs.core.windows.net/a", "/folder", true},
        {"https://acct.blob.core.windows.net/c/a", "s3://b/t", true},
        {"wasbs://c@other.blob.storage.azure.net/a", "/folder", true},
        {"https://acct.blob.evil.example/c/a", "/folder", false},
        {"abfss://c@acct.dfs.core.windows.net.evil.example/a", "abfss://c@acct.dfs.core.windows.net/t", false},
        {"abfss://c@x.dfs.core.windows.net@evil.example/a", "/folder", false},
        {"abfss://c@acct.dfs.stack.example/a", "abfss://d@acct.blob.stack.example/t", true},
        {"azure+http://evil.example:80/acct/c/a", "abfss://c@acct.dfs.core.windows.net/t", false},
        {"azure+http://core.windows.net/acct/c/a", "/folder", false},
        {"dfs+http://127.0.0.1.evil.example/acct/c/a", "/folder", false},
        {"azure+http://127.0.0.1:10000/acct/c/a", "/folder", true},
        {"azure+https://store.example:443/acct/c/a", "azure+https://store.example:443/acct/d/t", true},
        {"s3+http://minio.example:9000/b/a", "/folder", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (store_follows(str_z(rows[i].named), str_z(rows[i].by)) != rows[i].follows)
            fail_msg("%s named by %s", rows[i].named, rows[i].by);
}

static void test_credentials(void **state)
{
    (void)state;
    static const struct { const char *root; struct set set; enum err_code error; const char *says; } rows[] = {
        {"abfss://c@acct.dfs.core.windows.net/t", {{NULL}, {NULL}}, ERR_AUTH, "AZURE_STORAGE_KEY"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_KEY"}, {"not base64!"}}, ERR_AUTH, "base64"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT"}, {"a2V5", "other"}}, ERR_AUTH, "other"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT"}, {"a2V5", "acct"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_SAS_TOKEN"}, {"?sv=1&sig=x"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"}, {"s", "i"}}, ERR_AUTH, "AZURE_TENANT_ID"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_CONNECTION_STRING"}, {"AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_CONNECTION_STRING"}, {"AccountName=zz;AccountKey=a2V5"}}, ERR_AUTH, "zz"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_CONNECTION_STRING"},
         {"BlobEndpoint=https://acct.blob.core.windows.net/;QueueEndpoint=https://acct.queue.core.windows.net/;SharedAccessSignature=sv=1&sig=x"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_CONNECTION_STRING"},
         {"BlobEndpoint=https://zz.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x"}}, ERR_AUTH, "zz"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_CONNECTION_STRING"},
         {"AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/acct"}}, ERR_AUTH, "127.0.0.1:10000"},
        {"azure+http://127.0.0.1:10000/acct/c", {{"AZURE_STORAGE_CONNECTION_STRING"},
         {"AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/acct/"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_KEY", "AZURE_STORAGE_API"}, {"a2V5", "dfs"}}, ERR_OK, NULL},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_STORAGE_KEY", "AZURE_STORAGE_API"}, {"a2V5", "dsf"}}, ERR_INPUT, "AZURE_STORAGE_API is 'dsf'"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_SKIP_SIGNATURE"}, {"yes"}}, ERR_INPUT, "true, false"},
        {"abfss://c@acct.dfs.core.windows.net/t", {{"AZURE_USE_MANAGED_IDENTITY"}, {"on"}}, ERR_INPUT, "AZURE_USE_MANAGED_IDENTITY"},
        {"azure+http://127.0.0.1:1/devstoreaccount1/c", {{NULL}, {NULL}}, ERR_OK, NULL},
        {"s3://b/t", {{NULL}, {NULL}}, ERR_AUTH, "AWS_ACCESS_KEY_ID"},
        {"s3://b/t", {{"AWS_ACCESS_KEY_ID"}, {"x"}}, ERR_AUTH, "AWS_SECRET_ACCESS_KEY"},
        {"s3://b/t", {{"AWS_SKIP_SIGNATURE"}, {"true"}}, ERR_OK, NULL},
        {"s3://b/t", {{"AWS_SKIP_SIGNATURE", "AWS_CONDITIONAL_PUT"}, {"1", "etag"}}, ERR_OK, NULL},
        {"s3://b/t", {{"AWS_SKIP_SIGNATURE", "AWS_CONDITIONAL_PUT"}, {"true", "dynamo:locks"}}, ERR_INPUT, "AWS_CONDITIONAL_PUT is 'dynamo:locks'"},
        {"s3://b/t", {{"AWS_SKIP_SIGNATURE", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"}, {"true", "no"}}, ERR_INPUT, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {};
        struct set set = rows[i].set;
        struct store_settings from = {get_set, &set};
        struct store *s = store_open(str_z(rows[i].root), &from, &err);
        assert_int_equal(err.code, rows[i].error);
        if (rows[i].says)
            assert_non_null(strstr(err.msg, rows[i].says));
        store_close(s);
    }
}

static void test_profile(void **state)
{
    (void)state;
    struct err err = {};
    char path[256], config[256];
    snprintf(path, sizeof path, "%s/credentials", base);
    snprintf(config, sizeof config, "%s/config", base);
    OK(fs_write_file(path, STR("# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n[other]\n"
                               "aws_access_key_id=C\naws_secret_access_key = D\naws_session_token=E\n"), &err));
    OK(fs_write_file(config, STR("[default]\nregion=eu-west-1\n[profile other]\nregion = eu-north-1\n"), &err));
    struct set set = {{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE"}, {path, config, "other"}};
    struct store_settings from = {get_set, &set};
    struct store *s = store_open(STR("s3://b/t"), &from, &err);
    assert_non_null(s);
    store_close(s);
    set.values[2] = "nobody";
    assert_null(store_open(STR("s3://b/t"), &from, &err));
    assert_int_equal(err.code, ERR_AUTH);
}

/* ---- signatures */

/* AWS's published example: GET an object with a range. */
static void test_sign_s3(void **state)
{
    (void)state;
    char hash[S3_HASH_HEX];
    struct buf out;
    s3_hash(STR(""), hash);
    const char *const headers[] = {"host: examplebucket.s3.amazonaws.com", "range: bytes=0-9",
                                   "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                   "x-amz-date: 20130524T000000Z", NULL};
    struct s3_request r = {"GET", STR("/test.txt"), NULL, 0, headers, str_z(hash)};
    struct s3_signer s = {STR("AKIAIOSFODNN7EXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), STR("us-east-1"), STR("s3"), STR("20130524T000000Z")};
    buf_init(&out);
    s3_sign(&out, &r, &s);
    assert_string_equal(out.ptr, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                                 "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                                 "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    /* The listing of the same document: parameters in the query. */
    const char *const plain[] = {headers[0], headers[2], headers[3], NULL};
    struct s3_param params[] = {{"max-keys", STR("2")}, {"prefix", STR("J")}};
    r = (struct s3_request){"GET", STR("/"), params, 2, plain, str_z(hash)};
    buf_clear(&out);
    s3_sign(&out, &r, &s);
    assert_true(str_ends_z(buf_view(&out), "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
    buf_release(&out);
}

static void test_sign_azure(void **state)
{
    (void)state;
    struct buf out;
    const char *const headers[] = {"x-ms-version: 2021-12-02", "x-ms-date: Fri, 26 Jun 2015 23:39:12 GMT", "If-None-Match: *", NULL};
    struct azure_param params[] = {{"restype", STR("container")}, {"maxResults", STR("5")}, {"prefix", STR("a b/")}};
    struct azure_request r = {"PUT", STR("acct"), STR("/acct/c/a%20b"), params, 3, headers, 7};
    buf_init(&out);
    azure_sign_text(&out, &r);
    assert_string_equal(out.ptr, "PUT\n\n\n7\n\n\n\n\n\n*\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2021-12-02\n"
                                 "/acct/acct/c/a%20b\nmaxresults:5\nprefix:a b/\nrestype:container");
    buf_release(&out);
}

/* ---- listings */

static void test_listings(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct store_page p = {.arena = a};
    OK(store_list_azure(&p, STR("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\"><Blobs>"
        "<Blob><Name>t/a &amp; b.json</Name><Properties><Last-Modified>Tue, 24 Nov 2026 06:53:09 GMT</Last-Modified><Etag>0x1</Etag>"
        "<Content-Length>12</Content-Length></Properties></Blob>"
        "<Blob><Name Encoded=\"true\">t%2Fx%EF%BF%BE</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>"
        "<Blob><Name>t/dir</Name><Properties><Content-Length>0</Content-Length><ResourceType>directory</ResourceType></Properties></Blob>"
        "<Blob><Name>t/old</Name><Properties/><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>"
        "</Blobs><NextMarker>m/1</NextMarker></EnumerationResults>"), &err));
    assert_int_equal(p.count, 2);
    assert_string_equal(p.items[0].name, "t/a & b.json");
    assert_int_equal(p.items[0].size, 12);
    assert_int_equal(p.items[0].mtime_us, 1795503189LL * 1000000);
    assert_string_equal(p.items[0].etag.ptr, "0x1");
    assert_string_equal(p.items[1].name, "t/x\xEF\xBF\xBE");
    assert_string_equal(p.next.ptr, "m/1");
    p = (struct store_page){.arena = a};
    OK(store_list_s3(&p, STR("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>false</IsTruncated><Contents><Key>k</Key>"
        "<LastModified>2026-11-24T06:53:09.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>5</Size></Contents>"
        "<NextContinuationToken>x</NextContinuationToken></ListBucketResult>"), &err));
    assert_int_equal(p.count, 1);
    assert_string_equal(p.items[0].etag.ptr, "abc");
    assert_int_equal(p.items[0].mtime_us, 1795503189LL * 1000000);
    assert_int_equal(p.next.len, 0);
    p = (struct store_page){.arena = a};
    OK(store_list_dfs(&p, STR("{\"paths\":[{\"name\":\"t/d\",\"isDirectory\":\"true\"},{\"name\":\"t/f\",\"contentLength\":\"9\","
        "\"lastModified\":\"Tue, 24 Nov 2026 06:53:09 GMT\",\"etag\":\"0x2\"}]}"), &err));
    assert_int_equal(p.count, 1);
    assert_int_equal(p.items[0].size, 9);
    static const char *const bad[] = {"", "<", "<html/>", "<EnumerationResults><Blobs>", "<!DOCTYPE a [<!ENTITY b \"c\">]><EnumerationResults>&b;</EnumerationResults>",
                                      "<EnumerationResults><Blobs><Blob></Blob></Blobs></EnumerationResults>"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        p = (struct store_page){.arena = a};
        assert_int_equal(store_list_azure(&p, str_z(bad[i]), &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_int_equal(store_list_s3(&p, str_z(bad[i]), &err), -1);
    }
    assert_int_equal(store_list_dfs(&p, STR("{\"paths\":[{\"name\":\"a\\u0000b\"}]}"), &err), -1);
    assert_int_equal(store_list_dfs(&p, STR("[]"), &err), -1);
    assert_int_equal(store_http_date(STR("Tue, 31 Feb 2026 06:53:09 GMT")), -1);
    assert_int_equal(store_http_date(STR("yesterday")), -1);
    arena_free(a);
}

/* ---- local files */

static void test_file(void **state)
{
    (void)state;
    struct err err = {};
    struct arena *a = arena_new();
    struct store_entry *list, e;
    struct buf b;
    char dir[256];
    struct store *s = new_store(dir);
    buf_init(&b);
    assert_int_equal(store_list(s, a, &(struct store_list_opts){.look = true}, &list, &err), 0);
    OK(store_put(s, "p=1/b", STR("two"), &err));
    OK(store_put(s, "_log/2", STR("2"), &err));
    assert_int_equal(store_put_new(s, "_log/1", STR("one"), &err), STORE_DONE);
    assert_int_equal(store_put_new(s, "_log/1", STR("other"), &err), STORE_EXISTS);
    assert_int_equal(store_put_new(s, "top", STR("x"), &err), STORE_DONE);
    OK(store_remove(s, "top", &err));
    assert_int_equal(store_put_new(s, "../top", STR("x"), &err), STORE_FAILED);
    OK(store_get(s, "_log/1", 100, &b, NULL, &err));
    assert_string_equal(b.ptr, "one");
    assert_int_equal(store_list(s, a, &(struct store_list_opts){.prefix = "_log/", .look = true}, &list, &err), 2);
    assert_string_equal(list[0].name, "_log/1");
    assert_int_equal(list[0].size, 3);
    assert_int_equal(store_list(s, a, &(struct store_list_opts){.prefix = "_log/", .from = "_log/2", .flat = true}, &list, &err), 1);
    assert_int_equal(store_list(s, a, &(struct store_list_opts){.look = true}, &list, &err), 3);
    OK(store_stat(s, "p=1/b", &e, a, &err));
    assert_int_equal(e.size, 3);
    buf_clear(&b);
    OK(store_get_range(s, "p=1/b", 1, 9, &b, &err));
    assert_string_equal(b.ptr, "wo");
    assert_int_equal(store_get(s, "none", 9, &b, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    OK(store_remove(s, "none", &err));
    OK(store_remove(s, "p=1/b", &err));
    static const char *const names[] = {"../x", "", "a//b", "a/", "/a", "a/../../b", "."};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(store_put(s, names[i], STR("x"), &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        err.code = ERR_OK;
        assert_int_equal(store_get(s, names[i], 9, &b, NULL, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        err.code = ERR_OK;
        assert_int_equal(store_get_range(s, names[i], 0, 9, &b, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
    buf_release(&b);
    store_close(s);
    arena_free(a);
}

/* Every call of put-if-absent fails, is cut short, or is the process's last: the object is whole or absent, and
 * there if it was acknowledged. */
static void child_puts(const char *dir, const struct fs_fault *f)
{
    struct err err;
    struct store *s = store_open(str_z(dir), NULL, &err);
    fs_fault_set(f);
    _exit(store_put_new(s, "log/1", STR("whole object"), &err) == STORE_DONE ? 0 : 1);
}

static void test_file_faults(void **state)
{
    (void)state;
    static const enum fs_fault_kind kinds[] = {FS_FAULT_FAIL, FS_FAULT_SHORT, FS_FAULT_EXIT, FS_FAULT_LOSE, FS_FAULT_TEAR};
    int acknowledged = 0;
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int nth = 1; nth <= 12; nth++) {
            char dir[256];
            struct err err = {};
            struct buf b;
            int status;
            struct store *s = new_store(dir);
            struct fs_fault f = {kinds[k], nth, ENOSPC, base};
            fflush(NULL);
            pid_t pid = fork();
            if (pid == 0)
                child_puts(dir, &f);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            buf_init(&b);
            bool there = store_get(s, "log/1", 100, &b, NULL, &err) == 0;
            if (WEXITSTATUS(status) == 0) {
                assert_true(there);
                acknowledged++;
            }
            if (there)
                assert_string_equal(b.ptr, "whole object");
            else
                assert_int_equal(store_put_new(s, "log/1", STR("again"), &err), STORE_DONE);
            buf_release(&b);
            store_close(s);
        }
    assert_true(acknowledged >= 5); /* those past the last call */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_follows), cmocka_unit_test(test_credentials), cmocka_unit_test(test_profile), cmocka_unit_test(test_sign_s3),
        cmocka_unit_test(test_sign_azure), cmocka_unit_test(test_listings), cmocka_unit_test(test_file), cmocka_unit_test(test_file_faults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
