/* Access, required members, builders, equality, writers. */
#include "unit/base/test_util.h"

#include <math.h>

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct doc *json(const char *text)
{
    struct err err;
    struct doc *d = doc_json(arena, "t.json", str_z(text), &err);
    assert_non_null(d);
    return d;
}

static void accessing(void **state)
{
    struct doc *d =
        json("{\"a\":{\"b\":{\"c\":7}},\"Name\":\"x\",\"t\":true,\"f\":1.5,\"n\":null}");
    int64_t i = 0;
    double f = 0;
    (void)state;
    assert_true(doc_i64(doc_path(d, "a.b.c"), &i) && i == 7);
    assert_null(doc_path(d, "a.x.c"));
    assert_null(doc_path(d, "f.x"));
    assert_null(doc_get(d, "name"));
    assert_str(doc_str(doc_iget(d, "nAME"), STR("")), "x");
    assert_null(doc_iget(d, "nope"));
    assert_null(doc_get(NULL, "a"));
    assert_true(doc_bool(doc_get(d, "t"), false));
    assert_true(doc_bool(doc_get(d, "x"), true));
    assert_true(str_eqz(doc_text(doc_get(d, "t")), "true"));
    assert_null(doc_text(d).ptr);
    assert_null(doc_text(NULL).ptr);
    assert_true(doc_f64(doc_get(d, "f"), &f) && f == 1.5);
    assert_true(doc_f64(doc_path(d, "a.b.c"), &f) && f == 7);
    assert_false(doc_i64(doc_get(d, "f"), &i));
    assert_false(doc_f64(doc_get(d, "Name"), &f));
    assert_str(doc_str(doc_get(d, "n"), STR("other")), "other");
    assert_false(doc_i64(json("9223372036854775808"), &i));
    assert_true(doc_i64(json("-9223372036854775808"), &i) && i == INT64_MIN);
}

static void needing(void **state)
{
    struct doc *d = json("{\n \"a\": 1,\n \"b\": {\"c\": []}}");
    struct err err;
    char out[200];
    (void)state;
    assert_non_null(doc_need(d, "a", DOC_INT, &err));
    assert_non_null(doc_need(d, "a", DOC_FLOAT, &err)); /* every integer is a number */
    assert_null(doc_need(d, "a", DOC_STRING, &err));
    assert_string_equal(err_text(&err, out, sizeof out),
                        "t.json:2:7: the key 'a' must hold a string, found an integer");
    assert_null(doc_need(doc_get(d, "b"), "x", DOC_OBJECT, &err));
    assert_string_equal(err_text(&err, out, sizeof out),
                        "t.json:3:7: the key 'x' is missing: it holds an object");
    assert_null(doc_need(doc_path(d, "b.c"), "x", DOC_INT, &err));
    assert_string_equal(err_text(&err, out, sizeof out),
                        "t.json:3:13: expected an object with the key 'x', found an array");
    assert_null(doc_need(NULL, "x", DOC_INT, &err));
    assert_int_equal(doc_err(d, ERR_UNSUPPORTED, &err, "no %s", "way"), -1);
    assert_string_equal(err_text(&err, out, sizeof out), "t.json:1:1: no way");
}

static void building(void **state)
{
    struct doc *o = doc_new_object(arena), *list = doc_new_array(arena);
    struct buf b;
    (void)state;
    buf_init(&b);
    doc_set(arena, o, STR("s"), doc_new_str(arena, STR("x\"y")));
    doc_set(arena, o, STR("n"), doc_new_null(arena));
    doc_set(arena, o, STR("i"), doc_new_i64(arena, INT64_MIN));
    doc_set(arena, o, STR("l"), list);
    doc_set(arena, o, STR("n"), doc_new_bool(arena, true)); /* replaces */
    for (int i = 0; i < 5; i++)
        doc_push(arena, list, doc_new_i64(arena, i));
    doc_write(&b, o);
    assert_string_equal(b.ptr, "{\"s\":\"x\\\"y\",\"n\":true,\"i\":-9223372036854775808,"
                               "\"l\":[0,1,2,3,4]}");
    buf_clear(&b);
    doc_write_pretty(&b, o);
    assert_string_equal(b.ptr, "{\n  \"s\": \"x\\\"y\",\n  \"n\": true,\n"
                               "  \"i\": -9223372036854775808,\n"
                               "  \"l\": [\n    0,\n    1,\n    2,\n    3,\n    4\n  ]\n}");
    buf_clear(&b);
    doc_write_pretty(&b, doc_new_array(arena));
    assert_string_equal(b.ptr, "[]");
    buf_release(&b);
}

/* A tree that was read can be added to; its neighbours and its place stay as they are. */
static void adding_to_what_was_read(void **state)
{
    struct doc *d = json("\n[[1,2],{\"a\":1}]");
    struct buf b;
    (void)state;
    buf_init(&b);
    for (int i = 0; i < 100; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        doc_push(arena, d->items[0], doc_new_i64(arena, i));
        doc_set(arena, d->items[1], str_z(key), doc_new_i64(arena, i));
    }
    assert_int_equal(d->items[0]->count, 102);
    assert_int_equal(d->items[1]->count, 101);
    assert_int_equal(d->items[0]->line, 2);
    int64_t v;
    assert_true(doc_i64(d->items[0]->items[1], &v) && v == 2);
    assert_true(doc_i64(doc_get(d->items[1], "a"), &v) && v == 1);
    assert_true(doc_i64(doc_get(d->items[1], "k99"), &v) && v == 99);
    buf_release(&b);
}

static void floats_read_back(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {1, "1.0"},
                 {-0.0, "-0.0"},
                 {0.1, "0.1"},
                 {1e100, "1e+100"},
                 {1.0 / 3, "0.3333333333333333"},
                 {100000, "100000.0"},
                 {5e-324, "4.94065645841247e-324"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct doc *d = doc_new_f64(arena, cases[i].v);
        double back;
        assert_str(d->text, cases[i].text);
        assert_true(doc_f64(d, &back) && back == cases[i].v);
    }
    double back;
    assert_true(doc_f64(doc_new_f64(arena, -INFINITY), &back) && isinf(back) && back < 0);
    assert_true(doc_f64(doc_new_f64(arena, NAN), &back) && isnan(back));
    struct buf b;
    buf_init(&b);
    doc_write(&b, doc_new_f64(arena, INFINITY));
    doc_write(&b, doc_new_f64(arena, NAN));
    assert_string_equal(b.ptr, "\"Infinity\"\"NaN\"");
    buf_release(&b);
}

static void equality(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[2,null]}", "{\"b\":[2,null],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"[1,2]", "[2,1]", false},
        {"1", "1.0", false},
        {"true", "false", false},
        {"\"a\"", "\"a\"", true},
        {"null", "null", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(doc_equal(json(cases[i].a), json(cases[i].b)), cases[i].equal);
}

static void writing_reads_back(void **state)
{
    char bytes[128];
    struct buf b;
    struct err err;
    (void)state;
    for (int i = 0; i < 128; i++)
        bytes[i] = (char)i;
    buf_init(&b);
    json_quote(&b, str_of(bytes, sizeof bytes));
    struct doc *d = doc_json(arena, "f", buf_view(&b), &err);
    assert_non_null(d);
    assert_int_equal(d->text.len, sizeof bytes);
    assert_memory_equal(d->text.ptr, bytes, sizeof bytes);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accessing, begin, end),
        cmocka_unit_test_setup_teardown(needing, begin, end),
        cmocka_unit_test_setup_teardown(building, begin, end),
        cmocka_unit_test_setup_teardown(adding_to_what_was_read, begin, end),
        cmocka_unit_test_setup_teardown(floats_read_back, begin, end),
        cmocka_unit_test_setup_teardown(equality, begin, end),
        cmocka_unit_test_setup_teardown(writing_reads_back, begin, end),
    };
    return cmocka_run_group_tests_name("base/doc", tests, NULL, NULL);
}
