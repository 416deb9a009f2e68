/* test_azreq -- names out of addresses, names to files and back, the small XML, the table of operations. */
#include "storage/op.h"
#include "storage/xml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *method, *host, *target, *accept;
    bool queue;
    enum az_error want;
    enum service svc;
    const char *account, *container, *blob;
} targets[] = {
    {"GET", "127.0.0.1:1", "/acct/box/a%20b/c?x=1", NULL, false, AZ_NONE, SVC_BLOB, "acct", "box", "a b/c"},
    {"GET", "acct.blob.localhost:1", "/box/a", NULL, false, AZ_NONE, SVC_BLOB, "acct", "box", "a"},
    {"GET", "acct.dfs.core.windows.net", "/box/a/", NULL, false, AZ_NONE, SVC_DFS, "acct", "box", "a"},
    {"PUT", "acct.dfs.localhost", "/box?restype=container", NULL, false, AZ_NONE, SVC_BLOB, "acct", "box", ""},
    {"GET", "acct.queue.localhost", "/jobs/messages", NULL, false, AZ_NONE, SVC_QUEUE, "acct", "jobs", "messages"},
    {"GET", "127.0.0.1", "/acct/jobs/messages/ID", NULL, true, AZ_NONE, SVC_QUEUE, "acct", "jobs", "messages/ID"},
    {"GET", "127.0.0.1", "/acct?comp=list", NULL, false, AZ_NONE, SVC_BLOB, "acct", "", ""},
    {"GET", "127.0.0.1", "/acct/box?resource=filesystem&recursive=true", NULL, false, AZ_NONE, SVC_DFS, "acct", "box", ""},
    {"DELETE", "127.0.0.1", "/acct/box/x", "application/json", false, AZ_NONE, SVC_DFS, "acct", "box", "x"},
    {"DELETE", "127.0.0.1", "/acct/box/x", "application/xml", false, AZ_NONE, SVC_BLOB, "acct", "box", "x"},
    {"PATCH", "127.0.0.1", "/acct/box/x?action=append&position=0", NULL, false, AZ_NONE, SVC_DFS, "acct", "box", "x"},
    {"GET", "127.0.0.1", "/acct/page.html", NULL, false, AZ_NONE, SVC_BLOB, "acct", "$root", "page.html"},
    {"GET", "127.0.0.1", "/acct/$web/index.html", NULL, false, AZ_NONE, SVC_BLOB, "acct", "$web", "index.html"},
    {"GET", "127.0.0.1", "/acct/box/..%2f..%2fx", NULL, false, AZ_NONE, SVC_BLOB, "acct", "box", "../../x"},
    {"GET", "127.0.0.1", "/..%2f/box/x", NULL, false, AZ_InvalidUri, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/..%2fy/x", NULL, false, AZ_InvalidResourceName, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/Box/x", NULL, false, AZ_InvalidResourceName, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/a--b/x", NULL, false, AZ_InvalidResourceName, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/box/a%00b", NULL, false, AZ_InvalidUri, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/box/a%ffb", NULL, false, AZ_InvalidUri, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/acct/box/a%0ab", NULL, false, AZ_InvalidResourceName, SVC_BLOB, "", "", ""},
    {"GET", "127.0.0.1", "/", NULL, false, AZ_InvalidUri, SVC_BLOB, "", "", ""},
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct arena *a = arena_new();
        struct http_header accept = {STR("accept"), str_z(targets[i].accept)};
        struct str t = str_z(targets[i].target);
        int64_t q = str_chr(t, '?');
        struct azreq r = {.a = a, .method = str_z(targets[i].method), .host = str_z(targets[i].host), .path = q < 0 ? t : str_sub(t, 0, (size_t)q),
                          .query = q < 0 ? STR("") : str_from(t, (size_t)q + 1), .headers = &accept, .header_count = targets[i].accept ? 1 : 0};
        enum az_error e = azreq_target(&r, targets[i].queue);
        bool same = e == targets[i].want && (e != AZ_NONE || (r.svc == targets[i].svc && str_eqz(r.account, targets[i].account) &&
                    str_eqz(r.container, targets[i].container) && str_eqz(r.blob, targets[i].blob)));
        if (!same)
            fail_msg("%s: %s svc %d '%.*s' '%.*s' '%.*s'", targets[i].target, e ? az_code(e, false) : "fine", r.svc, STR_ARGS(r.account), STR_ARGS(r.container), STR_ARGS(r.blob));
        arena_free(a);
    }
}

static void test_names_are_files_and_back(void **state)
{
    static const char *const names[] = {"a", "a/b", "..", ".", "a//b", "/a", "a/", "../../x", "a/./b", ".paystreak", ".paystreak%2e", "x/.paystreak/meta.db",
                                        ".f.0123456789abcdef.tmp", ".f.0123456789abcdeg.tmp", "%2e%2e", "a%b", "ä/ö", "~", "..."};
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str path = az_disk_path(a, str_z(names[i])), rest = path, part;
        struct buf back;
        buf_init(&back);
        assert_false(str_starts_z(path, "/"));
        for (bool first = true; str_split(&rest, '/', &part); first = false) {
            struct str seg;
            assert_true(part.len && !str_eqz(part, ".") && !str_eqz(part, ".."));
            assert_true(az_segment_of(a, part, &seg));
            buf_printf(&back, "%s%.*s", first ? "" : "/", STR_ARGS(seg));
        }
        assert_string_equal(back.ptr, names[i]);
        buf_release(&back);
    }
    struct str seg;
    assert_false(az_segment_of(a, STR(".paystreak"), &seg));
    assert_false(az_segment_of(a, STR(".f.0123456789abcdef.tmp"), &seg));
    arena_free(a);
}

static void test_limits_of_names(void **state)
{
    char text[1100];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(az_blob_ok(str_of(text, 255)), AZ_NONE);
    assert_int_equal(az_blob_ok(str_of(text, 256)), AZ_OutOfRangeInput);
    for (size_t i = 100; i < sizeof text; i += 100)
        text[i] = '/';
    assert_int_equal(az_blob_ok(str_of(text, 1024)), AZ_NONE);
    assert_int_equal(az_blob_ok(str_of(text, 1025)), AZ_OutOfRangeInput);
    memset(text, 'a', sizeof text);
    memcpy(text, ".paystreak", 10); /* its file has a longer name */
    assert_int_equal(az_blob_ok(str_of(text, 244)), AZ_NONE);
    assert_int_equal(az_blob_ok(str_of(text, 245)), AZ_OutOfRangeInput);
    memset(text, 'a', sizeof text);
    for (size_t i = 1; i < sizeof text; i += 2)
        text[i] = '/';
    assert_int_equal(az_blob_ok(str_of(text, 125)), AZ_NONE);
    assert_int_equal(az_blob_ok(str_of(text, 127)), AZ_OutOfRangeInput);
    assert_true(az_account_ok(STR("devstoreaccount1")) && !az_account_ok(STR("ab")) && !az_account_ok(STR("a-b")) && !az_account_ok(STR("..")));
}

static const struct { const char *in, *want; } documents[] = {
    {"<?xml version=\"1.0\"?><a x='1'><b>1 &lt;&#65;&#x42;</b><c/></a>", "a(b:1 <AB c:)"},
    {"\xEF\xBB\xBF<a><!-- no --><b><![CDATA[<x>]]></b></a>", "a(b:<x>)"},
    {"<n:a><n:b>1</n:b></n:a>", "a(b:1)"},
    {"<a></a>", "a()"},
    {"<a>", NULL}, {"</a>", NULL}, {"<a></b>", NULL}, {"<a/><b/>", NULL}, {"text", NULL}, {"", NULL}, {"<a>&x;</a>", NULL}, {"<a>&#0;</a>", NULL},
    {"<!DOCTYPE a><a/>", NULL}, {"<a>&amp</a>", NULL}, {"<a b='</a>", NULL}, {"<a><![CDATA[</a>", NULL}, {"<a>\xff</a>", NULL}, {"< a/>", NULL},
    {"<a>&#1;</a>", NULL}, {"<a>\x01</a>", NULL}, {"<a>&#xFFFF;</a>", NULL}, {"<a><b>&#9;&#xD;</b></a>", "a(b:\t\r)"},
};

static void test_xml(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        struct arena *a = arena_new();
        struct err err = {0};
        struct xml *x = azxml_read(a, str_z(documents[i].in), &err);
        struct buf b;
        buf_init(&b);
        if (x) {
            buf_printf(&b, "%.*s(", STR_ARGS(x->name));
            for (struct xml *c = x->first; c; c = c->next)
                buf_printf(&b, "%.*s:%.*s%s", STR_ARGS(c->name), STR_ARGS(c->text), c->next ? " " : "");
            buf_char(&b, ')');
        }
        if (!x != !documents[i].want || (x && strcmp(b.ptr, documents[i].want) != 0))
            fail_msg("'%s': '%s' %s", documents[i].in, b.ptr, err.msg);
        buf_release(&b);
        arena_free(a);
    }
}

static void test_xml_limits(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    struct err err = {0};
    (void)state;
    buf_init(&b);
    for (int i = 0; i < XML_MAX_DEPTH + 2; i++)
        buf_z(&b, "<a>");
    assert_null(azxml_read(a, buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&b);
    arena_free(a);
}

/* Each row of the tables is found by a request of its own. */
static void test_each_operation_is_found(void **state)
{
    static const struct op_kind *const tables[] = {BLOB_OPS, DFS_OPS, QUEUE_OPS};
    (void)state;
    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        for (const struct op_kind *k = tables[t]; k->name; k++) {
            struct arena *a = arena_new();
            bool other;
            struct az_param params[4];
            struct str rest = str_z(k->key), part;
            struct azreq r = {.a = a, .method = str_z(k->method), .svc = k->svc, .level = k->level, .params = params};
            while (str_split(&rest, '&', &part)) {
                int64_t eq = str_chr(part, '=');
                params[r.param_count++] = (struct az_param){str_sub(part, 0, (size_t)eq), str_from(part, (size_t)eq + 1)};
            }
            const struct op_kind *found = op_find(&r, &other);
            if (!found || strcmp(found->name, k->name) != 0)
                fail_msg("%s", k->name);
            assert_true(k->perms && strchr("sco", k->type));
            arena_free(a);
        }
    }
}

static void test_crc64(void **state)
{
    (void)state;
    assert_int_equal(crc64_nvme(0, "123456789", 9), UINT64_C(0xAE8B14860A799888));
    assert_int_equal(crc64_nvme(crc64_nvme(0, "12345", 5), "6789", 4), UINT64_C(0xAE8B14860A799888));
}

static void test_connection_strings(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    assert_true(str_eqz(storage_account_of(a, STR("UseDevelopmentStorage=true")), "devstoreaccount1"));
    assert_true(str_eqz(storage_account_of(a, STR("DefaultEndpointsProtocol=https;AccountName=Acct;AccountKey=a2V5==")), "acct"));
    assert_null(storage_account_of(a, STR("AccountName=acct")).ptr);
    assert_null(storage_account_of(a, STR("Endpoint=sb://x/;SharedAccessKey=1")).ptr);
    assert_null(storage_account_of(a, STR("plain text")).ptr);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets), cmocka_unit_test(test_names_are_files_and_back), cmocka_unit_test(test_limits_of_names), cmocka_unit_test(test_xml),
        cmocka_unit_test(test_xml_limits), cmocka_unit_test(test_each_operation_is_found), cmocka_unit_test(test_crc64), cmocka_unit_test(test_connection_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
