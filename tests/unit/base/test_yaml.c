/* The YAML reader: what the Databricks CLI makes of it, as JSON; places; refusals; limits. */
#include "unit/base/test_util.h"

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

static struct doc *read_ok(struct str text)
{
    struct err err;
    struct doc *d = doc_yaml(arena, "t.yml", text, &err);
    char out[800];
    if (!d)
        fail_msg("'%.*s': %s", STR_ARGS(text), err_text(&err, out, sizeof out));
    return d;
}

static void as_json(void **state)
{
    static const char *const cases[][2] = {
        {"", "null"},
        {"# only a comment\n", "null"},
        {"---\n", "null"},
        {"---\na: 1\n...\n", "{\"a\":1}"},
        {"---\na: 1\n---\n", "{\"a\":1}"},
        {"\xEF\xBB\xBF"
         "a: 1",
         "{\"a\":1}"},
        {"%YAML 1.1\n---\na: yes", "{\"a\":\"yes\"}"},
        {"a: [1, two, \"3\", '4', 5.0]", "{\"a\":[1,\"two\",\"3\",\"4\",5.0]}"},
        {"{a: {b: []}, c: {}}", "{\"a\":{\"b\":[]},\"c\":{}}"},
        {"- a\n- - b\n  - c\n-\n", "[\"a\",[\"b\",\"c\"],null]"},
        /* null, booleans */
        {"[~, null, Null, NULL, nULL]", "[null,null,null,null,\"nULL\"]"},
        {"a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}"},
        {"[true, True, TRUE, tRUE, false, False, FALSE]",
         "[true,true,true,\"tRUE\",false,false,false]"},
        {"[yes, Yes, no, on, OFF, y, n]", "[\"yes\",\"Yes\",\"no\",\"on\",\"OFF\",\"y\",\"n\"]"},
        {"on: push", "{\"on\":\"push\"}"},
        /* integers */
        {"[0, -0, +5, 0077, -12, 0x1F, 0XF, 0o17, 0o8, 0x, 0o]",
         "[0,0,5,77,-12,31,\"0XF\",15,\"0o8\",\"0x\",\"0o\"]"},
        {"[0xFFFFFFFFFFFFFFFF, 0x10000000000000000, 0o1777777777777777777777, "
         "0o2000000000000000000000]",
         "[18446744073709551615,\"0x10000000000000000\",18446744073709551615,"
         "\"0o2000000000000000000000\"]"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        /* floats */
        {"[1.5, .5, 5., +1.5, -.5e3, 1e3, 1E-3, 00.5, 1.e1]",
         "[1.5,0.5,5.0,1.5,-0.5e3,1e3,1E-3,0.5,1.0e1]"},
        {"[.inf, -.Inf, +.INF, .nan, .NaN, .iNF]",
         "[\"Infinity\",\"-Infinity\",\"Infinity\",\"NaN\",\"NaN\",\".iNF\"]"},
        {"[1.2.3, 1e, e5, ., '-', 1-2, 12:30, 2024-01-02]",
         "[\"1.2.3\",\"1e\",\"e5\",\".\",\"-\",\"1-2\",\"12:30\",\"2024-01-02\"]"},
        /* strings */
        {"a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}"},
        {"\"\\u00e4\\x41\\n\"", "\"\xC3\xA4"
                                "A\\n\""},
        {"a: b # c\nd: 'it''s'", "{\"a\":\"b\",\"d\":\"it's\"}"},
        {"a: ${var.x}\nb: '{{x}}'", "{\"a\":\"${var.x}\",\"b\":\"{{x}}\"}"},
        {"a: multi\n  line", "{\"a\":\"multi line\"}"},
        /* tags */
        {"[!!str 1, !!int 2, !!float 3, !!bool true, !!null ~, !!str yes, ! 4, !!int '5']",
         "[\"1\",2,3.0,true,null,\"yes\",\"4\",5]"},
        {"!!map {a: !!seq [1]}", "{\"a\":[1]}"},
        /* keys */
        {"a: 1\nb: 2\na: 3", "{\"a\":3,\"b\":2}"},
        {"'1': x\n? b\n: y", "{\"1\":\"x\",\"b\":\"y\"}"},
        /* anchors, aliases, merge keys */
        {"a: &x [1, 2]\nb: *x", "{\"a\":[1,2],\"b\":[1,2]}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"d: &d {p: 1, q: 2}\ne:\n  <<: *d\n  q: 3\n  r: 4",
         "{\"d\":{\"p\":1,\"q\":2},\"e\":{\"p\":1,\"q\":3,\"r\":4}}"},
        {"e:\n  q: 3\n  <<: {p: 1, q: 2}", "{\"e\":{\"p\":1,\"q\":3}}"},
        {"- &a {x: 1, y: 1}\n- &b {x: 2}\n- <<: [*a, *b]\n  z: 0",
         "[{\"x\":1,\"y\":1},{\"x\":2},{\"x\":2,\"y\":1,\"z\":0}]"},
        {"- &a {x: 1}\n- &b\n  <<: *a\n  y: 2\n- <<: *b", "[{\"x\":1},{\"x\":1,\"y\":2},"
                                                          "{\"x\":1,\"y\":2}]"},
        {"'<<': 1", "{\"<<\":1}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        buf_init(&b);
        doc_write(&b, read_ok(str_z(cases[i][0])));
        if (strcmp(b.ptr, cases[i][1]) != 0)
            fail_msg("'%s': %s, expected %s", cases[i][0], b.ptr, cases[i][1]);
        buf_release(&b);
    }
}

static void assert_place(const struct doc *d, int line, int col)
{
    if (!d || d->line != line || d->col != col)
        fail_msg("%d:%d, expected %d:%d", d ? d->line : 0, d ? d->col : 0, line, col);
}

static void places(void **state)
{
    struct doc *d = read_ok(STR("# c\n"
                                "a:\n"
                                "  \xC3\xA4\xE2\x82\xAC: x\n"
                                "  l: [\xC3\xA4, y]\n"
                                "m:\n"
                                "  - &n {k: v}\r\n"
                                "  - *n\n"
                                "  - <<: *n\n"
                                "    o: |\n"
                                "      text\n"));
    (void)state;
    assert_place(d, 2, 1);
    struct doc *a = doc_get(d, "a"), *m = doc_get(d, "m");
    assert_place(a, 3, 3);
    assert_int_equal(a->keys[0].col, 3);
    assert_place(a->items[0], 3, 10); /* columns count bytes */
    assert_place(doc_get(a, "l")->items[1], 4, 11);
    assert_place(m, 6, 3);
    assert_ptr_equal(m->items[1], m->items[0]); /* an alias stands at its anchor's place */
    assert_place(doc_get(m->items[2], "k"), 6, 12);
    assert_place(doc_get(m->items[2], "o"), 9, 8);
    assert_string_equal(m->file, "t.yml");
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        int line, col;
        const char *words;
    } cases[] = {
        {"a: 1\n\tb: 2", 2, 1, "blanks, not tabs"},
        {"a: b: c", 1, 5, "quote text that holds ': '"},
        {"a: [1, 2", 1, 9, "did not find expected"},
        {"a: 'x", 1, 6, "end of stream"},
        {"a: @x", 1, 4, "cannot start any token"},
        {"a: 1\n b: 2", 2, 3, "mapping values are not allowed"},
        {"a: *nope", 1, 4, "the alias '*nope' has no anchor '&nope' before it"},
        {"a: &a [*a]", 1, 8, "the anchor '&a' contains itself"},
        {"a: &a\n  b: *a", 2, 6, "the anchor '&a' contains itself"},
        {"1: x", 1, 1, "the key '1' reads as an integer, keys are strings: quote it"},
        {"true: x", 1, 1, "reads as a boolean"},
        {"~: x", 1, 1, "reads as null"},
        {"? [a]\n: x", 1, 3, "a key must be"},
        {"a: 1_000", 1, 4, "'1_000' is no integer"},
        {"a: 0b101", 1, 4, "'0b101' is no integer"},
        {"a: !secret x", 1, 4, "the tag '!secret' of a scalar"},
        {"a: !!binary x", 1, 4, "the tag 'tag:yaml.org,2002:binary'"},
        {"a: !x {b: 1}", 1, 4, "the tag '!x' of a mapping"},
        {"a: !!map [b]", 1, 4, "of a sequence"},
        {"a: !!int x", 1, 4, "'x' does not fit its tag !!int"},
        {"a: !!bool yes", 1, 4, "'yes' does not fit its tag !!bool"},
        {"a: &x 1\nb:\n  <<: *x", 3, 3, "'<<' merges a mapping"},
        {"b:\n  <<: [1]", 2, 3, "'<<' merges a mapping"},
        {"- &x {}\n- <<: *x\n  <<: *x", 3, 3, "a second '<<' in one mapping"},
        {"a: 1\n---\nb: 2", 2, 1, "a second document"},
        {"a: \"\xFF\"", 1, 5, "the byte 0xff is not UTF-8"},
        {"a\n: \x01", 2, 3, "control characters are not allowed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct doc *d = doc_yaml(arena, "t.yml", str_z(cases[i].text), &err);
        if (d || (err.code != ERR_INPUT && err.code != ERR_UNSUPPORTED) ||
            err.where.line != cases[i].line || err.where.col != cases[i].col ||
            !strstr(err.msg, cases[i].words))
            fail_msg("'%s': %s %d:%d: %s, expected %d:%d: %s", cases[i].text,
                     err_code_name(err.code), err.where.line, err.where.col, err.msg, cases[i].line,
                     cases[i].col, cases[i].words);
    }
}

/* Ten levels of ten aliases each: 10^10 values if unfolded. */
static void alias_bombs_are_cut_off(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b);
    buf_z(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i <= 9; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
        buf_z(&b, "]\n");
    }
    assert_null(doc_yaml(arena, "bomb.yml", buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "unfolded"));
    assert_true(arena_used(arena) < 1 << 20);
    buf_release(&b);
}

static void merge_bombs_are_cut_off(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b);
    buf_z(&b, "a: &a {");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "k%d: 1, ", i);
    buf_z(&b, "}\nb:\n");
    for (int i = 0; i < 10000; i++)
        buf_z(&b, "- <<: *a\n");
    assert_null(doc_yaml(arena, "bomb.yml", buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&b);
}

static void depth_has_a_limit(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b);
    for (int i = 0; i < DOC_MAX_DEPTH; i++)
        buf_char(&b, '[');
    for (int i = 0; i < DOC_MAX_DEPTH; i++)
        buf_char(&b, ']');
    assert_non_null(doc_yaml(arena, "f", buf_view(&b), &err));
    buf_clear(&b);
    for (int i = 0; i <= DOC_MAX_DEPTH; i++)
        buf_char(&b, '[');
    assert_null(doc_yaml(arena, "f", buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_clear(&b); /* deep only when unfolded */
    buf_z(&b, "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n");
    for (int i = 1; i < 25; i++)
        buf_printf(&b, "a%d: &a%d [[[[[[[[[*a%d]]]]]]]]]\n", i, i, i - 1);
    assert_null(doc_yaml(arena, "f", buf_view(&b), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "aliases unfolded"));
    buf_release(&b);
}

static void many_keys(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    for (int i = 0; i < 6000; i++)
        buf_printf(&b, "key%d: %d\n", i % 3000, i);
    struct doc *d = read_ok(buf_view(&b));
    assert_int_equal(d->count, 3000);
    int64_t v;
    assert_true(doc_i64(doc_get(d, "key17"), &v) && v == 3017);
    buf_release(&b);
}

static void every_cut_is_safe(void **state)
{
    static const char text[] =
        "a: &x [1, \"b\\n\", 'c']\nd:\n  <<: {p: 1}\n  e: |\n    f\n  g: *x\n"
        "h: !!str 5\n\xC3\xA4: {i: {j: [~, .inf]}}\n";
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        struct err err = {0};
        char *cut = mem_strndup(text, n);
        struct doc *d = doc_yaml(arena, "f", str_of(cut, n), &err);
        mem_free(cut);
        if (!d)
            assert_true(err.where.line >= 1 && err.where.line <= 9 && err.where.col >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_json, begin, end),
        cmocka_unit_test_setup_teardown(places, begin, end),
        cmocka_unit_test_setup_teardown(refusals, begin, end),
        cmocka_unit_test_setup_teardown(alias_bombs_are_cut_off, begin, end),
        cmocka_unit_test_setup_teardown(merge_bombs_are_cut_off, begin, end),
        cmocka_unit_test_setup_teardown(depth_has_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(many_keys, begin, end),
        cmocka_unit_test_setup_teardown(every_cut_is_safe, begin, end),
    };
    return cmocka_run_group_tests_name("base/doc_yaml", tests, NULL, NULL);
}
