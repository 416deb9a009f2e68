/* The JSON reader: values, places, refusals with their words, limits. */
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
    struct doc *d = doc_json(arena, "t.json", text, &err);
    char out[800];
    if (!d)
        fail_msg("'%.*s': %s", STR_ARGS(text), err_text(&err, out, sizeof out));
    return d;
}

static void round_trips(void **state)
{
    static const char *const cases[][2] = {
        {"null", "null"},
        {" true ", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0", "-0"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"1.10", "1.10"}, /* numbers keep their text */
        {"1E+5", "1E+5"},
        {"-1.5e-10", "-1.5e-10"},
        {"\"\"", "\"\""},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\tA\""},
        {"\"\\u00e4\\u20ac\\ud83d\\ude00\"", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"\"\\u0000\\u001F\"", "\"\\u0000\\u001f\""},
        {"\"0123456789\\n0123456789\\n0123456789\"", "\"0123456789\\n0123456789\\n0123456789\""},
        {"[]", "[]"},
        {"[ ]", "[]"},
        {"{}", "{}"},
        {"{ }", "{}"},
        {"[1, [2, [3]], {}]", "[1,[2,[3]],{}]"},
        {"{\"a\" : 1 ,\t\"b\":\r\n[true]}", "{\"a\":1,\"b\":[true]}"},
        {"\xEF\xBB\xBF{\"bom\":1}", "{\"bom\":1}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"}, /* the last wins */
        {"{\"\":1}", "{\"\":1}"},
        {"\"\x7F\"", "\"\x7F\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        buf_init(&b);
        doc_write(&b, read_ok(str_z(cases[i][0])));
        assert_string_equal(b.ptr, cases[i][1]);
        buf_release(&b);
    }
}

static void kinds(void **state)
{
    struct doc *d = read_ok(STR("[null,true,1,1.0,1e2,\"s\",[],{}]"));
    enum doc_kind want[] = {DOC_NULL,  DOC_BOOL,   DOC_INT,   DOC_FLOAT,
                            DOC_FLOAT, DOC_STRING, DOC_ARRAY, DOC_OBJECT};
    (void)state;
    assert_int_equal(d->count, COUNT_OF(want));
    for (size_t i = 0; i < d->count; i++)
        assert_int_equal(d->items[i]->kind, want[i]);
}

static void places(void **state)
{
    struct doc *d = read_ok(STR("{\n  \"\xC3\xA4\": [1,\n\t\"x\"],\r\n \"b\": {\"c\": null}}"));
    (void)state;
    assert_int_equal(d->line, 1);
    assert_int_equal(d->col, 1);
    assert_string_equal(d->file, "t.json");
    struct doc *list = d->items[0], *c = doc_path(d, "b.c");
    assert_int_equal(d->keys[0].line, 2);
    assert_int_equal(d->keys[0].col, 3);
    assert_int_equal(list->line, 2);
    assert_int_equal(list->col, 9); /* bytes: the key's letter has two */
    assert_int_equal(list->items[1]->line, 3);
    assert_int_equal(list->items[1]->col, 2);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->col, 13);
}

static void the_input_is_not_kept(void **state)
{
    char text[] = "{\"key\":\"value\",\"n\":12.5}";
    struct doc *d = read_ok(str_z(text));
    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_str(doc_get(d, "key")->text, "value");
    assert_string_equal(doc_get(d, "key")->text.ptr, "value"); /* NUL-terminated, too */
    assert_str(doc_get(d, "n")->text, "12.5");
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        int line, col;
        const char *words;
    } cases[] = {
        {"", 1, 1, "empty"},
        {" \n ", 2, 2, "empty"},
        {"[1,2,]", 1, 5, "a comma before ']': take it out"},
        {"{\"a\":1,\n}", 1, 7, "a comma before '}'"},
        {"[1 2]", 1, 4, "expected ',' or ']' after a value, found '2'"},
        {"{\"a\":1 \"b\":2}", 1, 8, "expected ',' or '}' after a value, found '\"'"},
        {"[1", 1, 3, "found the end of the text"},
        {"[,1]", 1, 2, "expected a value, found ','"},
        {"{\"a\" 1}", 1, 6, "expected ':' after a key, found '1'"},
        {"{\"a\":}", 1, 6, "expected a value, found '}'"},
        {"{a:1}", 1, 2, "expected a key in double quotes, found 'a'"},
        {"{'a':1}", 1, 2, "double quotes"},
        {"{1:1}", 1, 2, "expected a key in double quotes"},
        {"['a']", 1, 2, "double quotes"},
        {"[1] x", 1, 5, "the document ends before this"},
        {"{} {}", 1, 4, "the document ends before this"},
        {"// c\n1", 1, 1, "JSON has no comments"},
        {"[1, /* c */ 2]", 1, 5, "JSON has no comments"},
        {"True", 1, 1, "write true"},
        {"[None]", 1, 2, "write null"},
        {"NaN", 1, 1, "no NaN"},
        {"-Infinity", 1, 1, "minus must be followed by a digit"},
        {"nul", 1, 1, "expected a value"},
        {"nullx", 1, 1, "expected a value"},
        {"01", 1, 1, "cannot start with 0"},
        {"-01", 1, 1, "cannot start with 0"},
        {"+1", 1, 1, "starts with a digit or a minus"},
        {".5", 1, 1, "starts with a digit or a minus"},
        {"1.", 1, 1, "a decimal point must be followed by a digit"},
        {"1e", 1, 1, "an exponent must have a digit"},
        {"1e+", 1, 1, "an exponent must have a digit"},
        {"-", 1, 1, "minus must be followed by a digit"},
        {"[1x]", 1, 3, "found 'x'"},
        {"\n \"abc", 2, 2, "the string that starts here does not end"},
        {"\"ab\ncd\"", 1, 4, "line break within the string that starts at column 1"},
        {"\"a\tb\"", 1, 3, "control character 0x09 within a string: write \\u0009"},
        {"\"a\\x\"", 1, 3, "a backslash cannot be followed by 'x'"},
        {"\"a\\", 1, 3, "followed by the end of the text"},
        {"\"\\u12g4\"", 1, 2, "four hexadecimal digits"},
        {"\"\\u12", 1, 2, "four hexadecimal digits"},
        {"\"\\ud800\"", 1, 2, "half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", 1, 2, "half of a surrogate pair"},
        {"\"\\ude00\"", 1, 2, "\\ude00 is half of a surrogate pair"},
        {"[\x01]", 1, 2, "the control character 0x01"},
        {"[\n\"\xC3\"]", 2, 2, "the byte 0xc3 is not UTF-8"},
        {"[\xC3\xA4]", 1, 2, "a character outside ASCII"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct doc *d = doc_json(arena, "t.json", str_z(cases[i].text), &err);
        if (d || err.code != ERR_INPUT || err.where.line != cases[i].line ||
            err.where.col != cases[i].col || !strstr(err.msg, cases[i].words))
            fail_msg("'%s': %d:%d: %s, expected %d:%d: %s", cases[i].text, err.where.line,
                     err.where.col, err.msg, cases[i].line, cases[i].col, cases[i].words);
        assert_string_equal(err.where.file, "t.json");
    }
}

static void a_nul_byte_is_no_end(void **state)
{
    struct err err;
    (void)state;
    assert_null(doc_json(arena, "f", str_of("1\0", 2), &err));
    assert_non_null(strstr(err.msg, "the document ends before this"));
    assert_null(doc_json(arena, "f", str_of("\"a\0b\"", 5), &err));
    assert_non_null(strstr(err.msg, "control character 0x00 within a string"));
    assert_null(doc_json(arena, "f", str_of("\0", 1), &err));
    assert_non_null(strstr(err.msg, "control character 0x00"));
}

static void depth_has_a_limit(void **state)
{
    char text[2 * DOC_MAX_DEPTH + 3];
    struct err err;
    (void)state;
    memset(text, '[', DOC_MAX_DEPTH);
    memset(text + DOC_MAX_DEPTH, ']', DOC_MAX_DEPTH);
    assert_non_null(doc_json(arena, "f", str_of(text, 2 * DOC_MAX_DEPTH), &err));
    memset(text, '[', DOC_MAX_DEPTH + 1);
    memset(text + DOC_MAX_DEPTH + 1, ']', DOC_MAX_DEPTH + 1);
    assert_null(doc_json(arena, "f", str_of(text, 2 * DOC_MAX_DEPTH + 2), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "more than 200 levels of brackets");
    assert_int_equal(err.where.col, DOC_MAX_DEPTH + 1);
}

static void size_has_a_limit(void **state)
{
    size_t n = DOC_MAX_BYTES + 1;
    char *text = mem_alloc(n);
    struct err err;
    (void)state;
    memset(text, ' ', n);
    text[0] = '1';
    assert_null(doc_json(arena, "f", str_of(text, n), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(doc_json(arena, "f", str_of(text, n - 1), &err));
    mem_free(text);
}

/* Large objects and arrays: many stacks' worth, doubled keys found by hash. */
static void many_entries(void **state)
{
    enum { N = 5000 };
    struct buf b;
    (void)state;
    buf_init(&b);
    buf_char(&b, '{');
    for (int i = 0; i < 2 * N; i++)
        buf_printf(&b, "%s\"key%d\":[%d,\"s%d\"]", i ? "," : "", i % N, i, i);
    buf_char(&b, '}');
    struct doc *d = read_ok(buf_view(&b));
    assert_int_equal(d->count, N);
    for (int i = 0; i < N; i += 97) {
        char key[16];
        int64_t v;
        snprintf(key, sizeof key, "key%d", i);
        assert_str(d->keys[i].name, key); /* the place of the first */
        assert_true(doc_i64(doc_get(d, key)->items[0], &v) &&
                    v == i + N); /* the value of the last */
    }
    buf_release(&b);
}

/* Every cut of a document is refused with a place inside it, and nothing reads beyond it. */
static void every_cut_is_refused(void **state)
{
    static const char text[] = "{\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e4\\ud83d\\ude00\"],\n"
                               " \"b\": {\"c\": false, \"d\": [[], {}]}}";
    (void)state;
    read_ok(STR("{\"a\": 1}"));
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct err err;
        char *cut = mem_strndup(text, n); /* its own block: an overrun is seen */
        struct doc *d = doc_json(arena, "f", str_of(cut, n), &err);
        mem_free(cut);
        assert_null(d);
        assert_int_equal(err.code, ERR_INPUT);
        assert_true(err.where.line >= 1 && err.where.line <= 2 && err.where.col >= 1);
    }
    read_ok(str_z(text));
}

/* Strings of every length around the eight-byte step, with the odd byte at every position. */
static void string_scan_at_every_offset(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        for (size_t at = 0; at <= len; at++) {
            char text[64], want[64];
            memset(text, 'a', sizeof text);
            memset(want, 'a', sizeof want);
            text[0] = '"';
            memcpy(text + 1 + at, "\\t\xC3\xBF", 4);
            memcpy(want + at, "\t\xC3\xBF", 3);
            text[1 + len + 4] = '"';
            struct doc *d = read_ok(str_of(text, len + 6));
            assert_int_equal(d->text.len, len + 3);
            assert_memory_equal(d->text.ptr, want, len + 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trips, begin, end),
        cmocka_unit_test_setup_teardown(kinds, begin, end),
        cmocka_unit_test_setup_teardown(places, begin, end),
        cmocka_unit_test_setup_teardown(the_input_is_not_kept, begin, end),
        cmocka_unit_test_setup_teardown(refusals, begin, end),
        cmocka_unit_test_setup_teardown(a_nul_byte_is_no_end, begin, end),
        cmocka_unit_test_setup_teardown(depth_has_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(size_has_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(many_entries, begin, end),
        cmocka_unit_test_setup_teardown(every_cut_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(string_scan_at_every_offset, begin, end),
    };
    return cmocka_run_group_tests_name("base/doc_json", tests, NULL, NULL);
}
