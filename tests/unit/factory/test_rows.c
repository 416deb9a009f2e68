/* DelimitedText and JSON, read and written: dialects, bad rows, encodings, compression. */
#include "factory/rows.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

static struct arena *a;
static char dir[64];

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    strcpy(dir, "/tmp/rows.XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int teardown(void **state)
{
    struct err err;
    (void)state;
    arena_free(a);
    return fs_remove_tree(dir, &err);
}

static const struct doc *json(const char *text)
{
    struct err err = {};
    const struct doc *d = doc_json(a, NULL, str_z(text), &err);
    assert_non_null(d);
    return d;
}

static struct store_in_file { struct datastore_file f; } file_of(struct str bytes)
{
    struct err err = {};
    char *path = path_join(a, dir, "in");
    assert_int_equal(fs_write_file(path, bytes, &err), 0);
    struct store_in_file out = {.f = {.shown = "in", .at = {.kind = RESOLVED_LOCAL, .root = dir, .path = path}}};
    return out;
}

/* All rows as "a|b\n", null as ~, "!line" for a bad one; the header first. */
static const char *read_all(struct rows_in *in)
{
    struct buf b;
    const struct cell *cells;
    struct err err = {};
    int more;
    buf_init(&b);
    for (size_t i = 0; i < in->count; i++)
        buf_printf(&b, "%s%.*s", i ? "|" : "", STR_ARGS(in->names[i]));
    buf_char(&b, '\n');
    while ((more = rows_next(in, &cells, &err)) != 0) {
        if (more < 0) {
            buf_printf(&b, err.where.col ? "!%d:%d\n" : "!%d\n", err.where.line, err.where.col);
            if (!in->bad_row)
                break;
            continue;
        }
        for (size_t i = 0; i < in->count; i++) {
            struct str text = cells[i].kind == CELL_NULL ? STR("~") : cell_text(a, &cells[i]);
            buf_printf(&b, "%s%.*s", i ? "|" : "", STR_ARGS(text));
        }
        buf_char(&b, '\n');
    }
    rows_close(in);
    const char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

static const char *csv(struct str bytes, const char *dataset, const char *encoding, bool gzip)
{
    struct err err = {};
    struct store_in_file f = file_of(bytes);
    struct datastore_in *in = datastore_open(&f.f, gzip, str_z(encoding), &err);
    assert_non_null(in);
    struct rows_in *rows = csv_open(in, "in", json(dataset), json("{\"skipLineCount\":0}"), &err);
    return rows ? read_all(rows) : arena_strdup(a, err.msg);
}

#define HEAD "\"firstRowAsHeader\":true"
static void dialects(void **state)
{
    static const struct { const char *dataset, *in, *rows; } cases[] = {
        {"{" HEAD "}", "a,b\n1,2\n", "a|b\n1|2\n"},
        {"{" HEAD "}", "a,b\r\n1,2\r3,4", "a|b\n1|2\n3|4\n"},
        {"{" HEAD "}", "a,b\n1\n\n,2\n", "a|b\n1|~\n~|2\n"},
        {"{" HEAD "}", "a,b\n\"x,\ny\",\"\"\n", "a|b\nx,\ny|~\n"},
        {"{" HEAD "}", "a\n\"q\\\"\\\\\"\n", "a\nq\"\\\n"},
        {"{" HEAD ",\"escapeChar\":\"\\\"\"}", "a\n\"q\"\"\\\"\n", "a\nq\"\\\n"},
        {"{" HEAD ",\"quoteChar\":\"\"}", "a,b\n\"x,y\"\n", "a|b\n\"x|y\"\n"},
        {"{" HEAD ",\"columnDelimiter\":\"\\\\t\"}", "a\tb\n1,5\t2\n", "a|b\n1,5|2\n"},
        {"{" HEAD ",\"columnDelimiter\":\"||\"}", "a||b\n1|5||2\n", "a|b\n1|5|2\n"},
        {"{" HEAD ",\"rowDelimiter\":\";\"}", "a,b;1\n,2;", "a|b\n1\n|2\n"},
        {"{" HEAD ",\"nullValue\":\"NULL\"}", "a,b\nNULL,\n", "a|b\n~|\n"},
        {"{}", "1,2\n3,4\n", "Prop_0|Prop_1\n1|2\n3|4\n"},
        {"{" HEAD "}", "a,,c\n1,2,3\n", "a|Prop_1|c\n1|2|3\n"},
        {"{" HEAD "}", "", "\n"},
        {"{" HEAD "}", "a,b\n1,2,3\n\"x\"y,1\n4,5\n", "a|b\n!2:5\n!3:4\n4|5\n"},
        {"{" HEAD "}", "a,b\n\n\"q\nr\",\"s\nt\",x\n1,2\n", "a|b\n!5:4\n1|2\n"},
        {"{\"columnDelimiter\":\";\"}", "a;b\n1;2;;3\n", "Prop_0|Prop_1\na|b\n!2:5\n"},
        {"{" HEAD "}", "a,b\n1,\"x\ny\n", "a|b\n!2:3\n"},
        {"{" HEAD "}", "\xef\xbb\xbf" "a\n\xff\n1\n", "a\n!2:1\n1\n"},
        {"{" HEAD ",\"quoteChar\":\"ab\"}", "a\n", "\"quoteChar\" is one character"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = csv(str_z(cases[i].in), cases[i].dataset, "", false);
        if (strcmp(got, cases[i].rows))
            fail_msg("case %zu: '%s'", i, got);
    }
}

static void encodings(void **state)
{
    (void)state;
    unsigned char packed[200];
    uLongf n = 0;
    z_stream z = {};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)"a\n1\n";
    z.avail_in = 4;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    deflateEnd(&z);
    assert_string_equal(csv(str_of((char *)packed, n), "{" HEAD "}", "", true), "a\n1\n");
    assert_string_equal(csv(str_of((char *)packed, n - 6), "{" HEAD "}", "", true), "'in' is no whole gzip file");
    assert_string_equal(csv(STR("a\n\xe9\n"), "{" HEAD "}", "ISO-8859-1", false), "a\né\n");
    assert_string_equal(csv(str_of("\xff\xfe" "a\0\n\0\x3d\xd8\x00\xde\n\0", 12), "{" HEAD "}", "UTF-16", false), "a\n😀\n");
    assert_string_equal(csv(str_of("\xfe\xff\0a\0\n\0b\0\n", 10), "{" HEAD "}", "UTF-16", false), "a\nb\n");
}

static void a_row_wider_than_the_window(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    buf_z(&b, "a,b\n");
    for (int row = 0; row < 3; row++) {
        buf_char(&b, '"');
        for (int i = 0; i < 700000; i++)
            buf_char(&b, (char)('a' + i % 26));
        buf_z(&b, "\",x\r\n");
    }
    const char *got = csv(buf_view(&b), "{" HEAD "}", "", false);
    assert_int_equal(strlen(got), 4 + 3 * (700000 + 3));
    buf_release(&b);
}

static void json_shapes(void **state)
{
    static const struct { const char *in, *rows; } cases[] = {
        {"{\"a\":1,\"b\":\"x\"}", "a|b\n1|x\n"},
        {"[{\"a\":1},\n {\"a\":null}]", "a\n1\n~\n"},
        {"{\"a\":1}\n{\"a\":{\"c\":[1]}}\n", "a\n1\n{\"c\":[1]}\n"},
        {"{\"a\":\"}\\\"\"}{\"a\":2}", "a\n}\"\n2\n"},
        {"[]", "\n"},
        {"", "\n"},
        {"[{\"a\":1}", "a\n1\n!1\n"},
        {"{\"a\":1}\n{\"a\":}\n", "a\n1\n!2:6\n"},
        {"{\"a\":1}\n[2]\n{\"a\":3}", "a\n1\n!2\n3\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {};
        struct store_in_file f = file_of(str_z(cases[i].in));
        struct datastore_in *in = datastore_open(&f.f, false, STR(""), &err);
        struct rows_in *rows = json_open(in, "in", &err);
        assert_non_null(rows);
        const char *got = read_all(rows);
        if (strcmp(got, cases[i].rows))
            fail_msg("case %zu: '%s'", i, got);
    }
}

static const char *written(struct rows_out *o)
{
    struct err err = {};
    const struct str names[] = {STR("a"), STR("b\"")};
    const struct cell cells[] = {{CELL_TEXT, STR("x,\\\"y"), NULL}, {CELL_NULL, STR_NONE, NULL}};
    o->type->header(o, names, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(o->type->row(o, names, cells, 2, &err), 0);
    o->type->end(o);
    const char *out = arena_strdup(a, o->b.ptr);
    rows_out_free(o);
    return out;
}

static void writing(void **state)
{
    struct err err = {};
    (void)state;
    assert_string_equal(written(csv_writer(json("{" HEAD ",\"escapeChar\":\"\\\"\"}"), json("{}"), &err)),
                        "a,\"b\"\"\"\r\n\"x,\\\"\"y\",\r\n\"x,\\\"\"y\",\r\n");
    assert_string_equal(written(csv_writer(json("{\"rowDelimiter\":\"\\\\n\",\"nullValue\":\"N\"}"),
                                           json("{\"quoteAllText\":true}"), &err)),
                        "\"x,\\\\\\\"y\",\"N\"\n\"x,\\\\\\\"y\",\"N\"\n");
    assert_string_equal(written(json_writer(json("{}"))), "{\"a\":\"x,\\\\\\\"y\"}\n{\"a\":\"x,\\\\\\\"y\"}\n");
    assert_string_equal(written(json_writer(json("{\"filePattern\":\"arrayOfObjects\"}"))),
                        "[{\"a\":\"x,\\\\\\\"y\"},{\"a\":\"x,\\\\\\\"y\"}]");
}

static void wildcards(void **state)
{
    static const struct { const char *pattern, *name; bool fits; } cases[] = {
        {"*.csv", "a.csv", true}, {"*.csv", "a.csv.gz", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
        {"*a*b*", "xxaybz", true}, {"^*x", "*x", true}, {"^*x", "ax", false}, {"", "", true}, {"*", "", true}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(datastore_match(str_z(cases[i].pattern), str_z(cases[i].name)), cases[i].fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dialects, setup, teardown),
        cmocka_unit_test_setup_teardown(encodings, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_wider_than_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(json_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(writing, setup, teardown),
        cmocka_unit_test_setup_teardown(wildcards, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
