/* Packed statistics give back the bytes that were packed; the index of files is a map in order of arrival. */
#include "lake/file_index.h"
#include "lake/log_int.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static const char *const TEXTS[] = {
    "{}", "[]", "", "null", "7", "\"x\"", "{\"numRecords\":3}", "{\"numRecords\": 3 , \"tightBounds\":true}", "{\"a\":{\"numRecords\":9},\"numRecords\":4}",
    "{\"numRecords\":5,\"minValues\":{\"i\":-1.5e10,\"s\":\"a\\\"b\",\"n\":null,\"l\":[1,2,\"x\"]},\"nullCount\":{}}",
    "{\"numRecords\":6,\"minValues\":{\"i\":1,\"s\":\"\",\"n\":null,\"l\":[]},\"nullCount\":{}}", "{\"s\":\"no end", "{\"s\":\"\\\"", "}{", "{\"a\":\"\\\\\",\"b\":1}", "{a:b}", " {\"x\" : 1 } ",
};

static void check(struct stats_packer *p, struct arena *a, struct str text, const struct stats_shape **shape, struct str *values)
{
    struct buf out;
    buf_init(&out);
    *shape = stats_pack(p, a, text, values);
    if (*shape) {
        stats_unpack(&out, *shape, *values);
        assert_true(str_eq(buf_view(&out), text));
    }
    buf_release(&out);
}

static void test_bytes_come_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct stats_packer p;
    struct str values;
    const struct stats_shape *shape, *first = NULL;
    stats_packer_init(&p);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT_OF(TEXTS); i++)
            check(&p, a, str_z(TEXTS[i]), &shape, &values);
    static const struct { const char *text; int64_t rows; } rows[] = {
        {"{\"numRecords\":3}", 3}, {"{\"a\":{\"numRecords\":9},\"numRecords\":4}", 4}, {"{\"a\":1}", -1}, {"{\"numRecords\":\"3\"}", -1}, {"{\"numRecords\":1.5}", -1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check(&p, a, str_z(rows[i].text), &shape, &values);
        assert_non_null(shape);
        assert_int_equal(stats_packed_rows(shape, values), rows[i].rows);
    }
    for (int i = 0; i < 1000; i++) { /* one shape, lengths of one byte and of two */
        check(&p, a, str_fmt(a, "{\"numRecords\":%d,\"minValues\":{\"s\":\"%0*d\"}}", i, i, 0), &shape, &values);
        first = first ? first : shape;
        assert_ptr_equal(shape, first);
        assert_int_equal(stats_packed_rows(shape, values), i);
    }
    stats_packer_release(&p);
    arena_free(a);
}

static void test_limits(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct stats_packer p;
    struct str values;
    const struct stats_shape *shape;
    struct buf text;
    stats_packer_init(&p);
    buf_init(&text);
    buf_char(&text, '[');
    for (int i = 0; i < STATS_MAX_VALUES; i++)
        buf_z(&text, "1,");
    check(&p, a, buf_view(&text), &shape, &values);
    assert_non_null(shape);
    buf_z(&text, "1]");
    check(&p, a, buf_view(&text), &shape, &values);
    assert_null(shape);
    for (int i = 0; i < STATS_MAX_SHAPES + 10; i++) {
        check(&p, a, str_fmt(a, "{\"c%d\":1}", i), &shape, &values);
        assert_true((shape != NULL) == (i < STATS_MAX_SHAPES - 1));
    }
    check(&p, a, STR("{\"c5\":2}"), &shape, &values); /* known ones go on */
    assert_non_null(shape);
    buf_release(&text);
    stats_packer_release(&p);
    arena_free(a);
}

/* Random bytes out of what JSON is made of. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\",:\\ 01a-";
    struct arena *a = arena_new();
    struct stats_packer p;
    struct str values;
    const struct stats_shape *shape;
    char text[24];
    int packed = 0;
    srand(20240711);
    stats_packer_init(&p);
    for (int i = 0; i < 200000; i++) {
        size_t n = (size_t)rand() % sizeof text;
        for (size_t k = 0; k < n; k++)
            text[k] = alphabet[(size_t)rand() % (sizeof alphabet - (rand() % 50 != 0))]; /* seldom a NUL */
        check(&p, a, str_of(text, n), &shape, &values);
        packed += shape != NULL;
    }
    assert_true(packed > 1000);
    stats_packer_release(&p);
    arena_free(a);
}

static void test_as_json(void **state)
{
    (void)state;
    static const struct { const char *text; bool plain; } cases[] = {
        {"{\"a\":1,\"b\":\"x\",\"c\":null}", true}, {"{\"a\":-0.5e+3,\"b\":true,\"c\":[1,2]}", true}, {"{\"a\":01}", false}, {"{\"a\":1.}", false},
        {"{\"a\":1e}", false}, {"{\"a\":-}", false}, {"{\"a\":NaN}", false}, {"{\"a\":\"x\\\"y\"}", false}, {"{\"a\":\"x\ty\"}", false}, {"[1]", false}, {"{\"a\":1", false},
        {"{\"a\":.5}", false}, {"{\"a\":1,\"b\":\"\",\"c\":false}", true}};
    struct arena *a = arena_new();
    struct stats_packer p;
    struct str values;
    struct buf out;
    struct err err;
    stats_packer_init(&p);
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stats_shape *shape = stats_pack(&p, a, str_z(cases[i].text), &values);
        assert_non_null(shape);
        buf_clear(&out);
        assert_int_equal(stats_unpack_json(&out, shape, values), cases[i].plain);
        assert_string_equal(cases[i].plain ? out.ptr : "", cases[i].plain ? cases[i].text : "");
        assert_true(!cases[i].plain || doc_json(a, NULL, buf_view(&out), &err));
    }
    buf_release(&out);
    stats_packer_release(&p);
    arena_free(a);
}

static void test_vectors_out_of_range(void **state)
{
    (void)state;
    static const char *const numbers[] = {"\"offset\":-1", "\"offset\":2147483648", "\"sizeInBytes\":4294967297", "\"cardinality\":-1", "\"cardinality\":72057594037927936"};
    struct arena *a = arena_new();
    struct lake_file f;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct doc *d = doc_json(a, NULL, str_fmt(a, "{\"path\":\"x\",\"deletionVector\":{\"storageType\":\"u\",%s}}", numbers[i]), &err);
        assert_int_equal(action_file(a, d, 1, &f, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
    struct doc *d = doc_json(a, NULL, STR("{\"path\":\"x\",\"deletionVector\":{\"storageType\":\"p\",\"offset\":2147483647,\"sizeInBytes\":7,\"cardinality\":3000000000}}"), &err);
    assert_int_equal(action_file(a, d, 1, &f, &err), 0);
    assert_true(f.dv.storage == 'p' && f.dv.offset == INT32_MAX && f.dv.size_bytes == 7 && f.dv.cardinality == 3000000000);
    arena_free(a);
}

static struct lake_file *file(struct arena *a, const char *path, const char *inline_dv)
{
    struct lake_file *f = ARENA_NEW(a, struct lake_file);
    f->path = str_copy(a, str_z(path));
    if (inline_dv)
        f->dv = (struct lake_dv){.storage = 'i', .path_or_inline = str_z(inline_dv)};
    return f;
}

static void test_identity(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct file_index ix;
    file_index_init(&ix);
    struct lake_file *one = file(a, "x%20y", NULL), *same = file(a, "x y", NULL), *vector = file(a, "x y", "abc");
    assert_null(file_index_get(&ix, one));
    assert_null(file_index_remove(&ix, one));
    assert_null(file_index_put(&ix, one));
    assert_null(file_index_put(&ix, vector));
    assert_ptr_equal(file_index_put(&ix, same), one);
    assert_ptr_equal(file_index_get(&ix, one), same);
    assert_null(file_index_put(&ix, file(a, "file:///z", NULL)));
    assert_non_null(file_index_remove(&ix, file(a, "/z", NULL)));
    size_t at = 0;
    assert_ptr_equal(file_index_next(&ix, &at), same);
    assert_ptr_equal(file_index_next(&ix, &at), vector);
    assert_null(file_index_next(&ix, &at));
    file_index_release(&ix);
    arena_free(a);
}

/* Beside a map of the same: puts and removes in any order, many at once too. */
static void test_like_a_map(void **state)
{
    (void)state;
    enum { NAMES = 3000, STEPS = 60000, MANY = 100 };
    struct arena *a = arena_new();
    struct file_index ix;
    struct map *m = map_new();
    static struct lake_file *names[NAMES];
    srand(7);
    file_index_init(&ix);
    for (int i = 0; i < NAMES; i++)
        names[i] = file(a, arena_printf(a, "part-%d", i), NULL);
    for (int i = 0; i < STEPS; i++) {
        struct lake_file *f = names[rand() % NAMES];
        if (rand() % 1000 == 0) {
            struct lake_file *many[MANY];
            size_t replaced = 0;
            for (int k = 0; k < MANY; k++) {
                many[k] = names[rand() % NAMES];
                replaced += map_put(m, many[k]->path, many[k]) != NULL;
            }
            assert_int_equal(file_index_put_many(&ix, many, MANY), replaced);
        } else if (rand() % 2) {
            assert_ptr_equal(file_index_put(&ix, f), map_put(m, f->path, f));
        } else {
            assert_ptr_equal(file_index_remove(&ix, f), map_remove(m, f->path));
        }
        assert_int_equal(ix.count, map_count(m));
    }
    struct str key;
    void *value;
    size_t x = 0;
    for (size_t at = 0; map_next(m, &at, &key, &value);)
        assert_ptr_equal(file_index_next(&ix, &x), value);
    assert_null(file_index_next(&ix, &x));
    map_free(m);
    file_index_release(&ix);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes_come_back), cmocka_unit_test(test_limits), cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_as_json), cmocka_unit_test(test_vectors_out_of_range),
                                       cmocka_unit_test(test_identity), cmocka_unit_test(test_like_a_map)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
