/* lake: deletion vectors. The protocol's example, every way of damage, keys. */
#include "lake/dv.h"
#include "base/code.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char example[] = "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"; /* PROTOCOL.md: rows 3, 4, 7, 11, 18, 29 */

static void test_inline(void **state)
{
    (void)state;
    static const int deleted[] = {3, 4, 7, 11, 18, 29};
    struct err err = {};
    struct buf key;
    buf_init(&key);
    struct lake_dv dv = {.storage = 'i', .path_or_inline = str_z(example), .size_bytes = 40, .cardinality = 6};
    assert_int_equal(lake_dv_key(&key, "/t", &dv, &err), 0);
    struct lake_bitmap *b = lake_bitmap_load(buf_view(&key), &err);
    assert_non_null(b);
    assert_int_equal(lake_bitmap_count(b), 6);
    for (int row = 0, at = 0; row < 100; row++) {
        bool is = at < 6 && deleted[at] == row;
        assert_int_equal(lake_bitmap_has(b, (uint64_t)row), is);
        at += is;
    }
    assert_false(lake_bitmap_has(b, (uint64_t)1 << 40));
    lake_bitmap_free(b);
    buf_release(&key);
}

static void test_cut_and_changed(void **state)
{
    (void)state;
    struct err err = {};
    for (size_t n = 0; n < sizeof example - 1; n++) { /* every shorter text is refused, none crashes */
        char text[100];
        snprintf(text, sizeof text, "i:%.*s", (int)n, example);
        assert_null(lake_bitmap_load(str_z(text), &err));
        assert_int_equal(err.code, ERR_CORRUPT);
    }
    for (size_t i = 0; i < sizeof example - 1; i++) {
        for (const char *c = "0Az#\"~"; *c; c++) {
            char text[100];
            snprintf(text, sizeof text, "i:%s", example);
            text[2 + i] = *c;
            lake_bitmap_free(lake_bitmap_load(str_z(text), &err)); /* some are other valid vectors */
        }
    }
}

/* A framed vector of one container of each kind: an array, a run, a bitmap. */
static void make_framed(struct buf *out)
{
    static const uint8_t zeros[8192];
    struct buf data;
    uint8_t word[8];
    buf_init(&data);
#define U16(v) (le16_put(word, (v)), buf_add(&data, word, 2))
#define U32(v) (le32_put(word, (v)), buf_add(&data, word, 4))
    U32(1681511377);
    le64_put(word, 1);
    buf_add(&data, word, 8);
    U32(0);
    U32(12347 | 2 << 16);   /* three containers, run flags */
    buf_add(&data, "\2", 1); /* the second is of runs */
    U16(0), U16(2 - 1), U16(1), U16(10 - 1), U16(5), U16(5000 - 1);
    U16(7), U16(65535);                 /* array */
    U16(1), U16(100), U16(9);           /* one run: 100 … 109 */
    buf_add(&data, zeros, sizeof zeros); /* bitmap, filled below: bits 0 … 4999 */
    for (int i = 0; i < 5000; i++)
        data.ptr[data.len - 8192 + (size_t)i / 8] |= (char)(1 << (i % 8));
    be32_put(word, (uint32_t)data.len);
    buf_add(out, "\1", 1);
    buf_add(out, word, 4);
    buf_str(out, buf_view(&data));
    be32_put(word, crc32_ieee(0, data.ptr, data.len));
    buf_add(out, word, 4);
    buf_release(&data);
}

static void test_file(void **state)
{
    (void)state;
    struct err err = {};
    struct buf bytes, key;
    char dir[] = "/tmp/lake-dv-XXXXXX", path[100];
    assert_non_null(mkdtemp(dir));
    buf_init(&bytes);
    buf_init(&key);
    make_framed(&bytes);
    snprintf(path, sizeof path, "%s/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", dir);
    assert_int_equal(fs_write_file(path, buf_view(&bytes), &err), 0);
    struct lake_dv dv = {.storage = 'u', .path_or_inline = STR("^-aqEH.-t@S}K{vb[*k^"), .offset = 1,
                         .size_bytes = (int64_t)bytes.len - 9};
    assert_int_equal(lake_dv_key(&key, dir, &dv, &err), 0);
    assert_true(str_starts_z(buf_view(&key), path));
    struct lake_bitmap *b = lake_bitmap_load(buf_view(&key), &err);
    if (!b)
        print_error("%s\n", err.msg);
    assert_non_null(b);
    assert_int_equal(lake_bitmap_count(b), 2 + 10 + 5000);
    assert_true(lake_bitmap_has(b, 7) && lake_bitmap_has(b, 65535) && !lake_bitmap_has(b, 8));
    assert_true(lake_bitmap_has(b, 65536 + 100) && lake_bitmap_has(b, 65536 + 109) && !lake_bitmap_has(b, 65536 + 110));
    assert_true(lake_bitmap_has(b, 5 * 65536 + 4999) && !lake_bitmap_has(b, 5 * 65536 + 5000));
    lake_bitmap_free(b);
    for (size_t i = 5; i < bytes.len; i += 37) { /* a flipped bit anywhere is told by the checksum */
        bytes.ptr[i] ^= 4;
        assert_int_equal(fs_write_file(path, buf_view(&bytes), &err), 0);
        assert_null(lake_bitmap_load(buf_view(&key), &err));
        assert_int_equal(err.code, ERR_CORRUPT);
        bytes.ptr[i] ^= 4;
    }
    assert_int_equal(fs_write_file(path, str_of(bytes.ptr, bytes.len - 3), &err), 0);
    assert_null(lake_bitmap_load(buf_view(&key), &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_int_equal(fs_unlink(path, &err), 0);
    assert_null(lake_bitmap_load(buf_view(&key), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    buf_release(&bytes);
    buf_release(&key);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inline), cmocka_unit_test(test_cut_and_changed), cmocka_unit_test(test_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
