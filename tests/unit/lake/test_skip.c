/* File skipping: which of a few files, told by their log entries alone, a condition keeps. And the rule
 * that matters: whatever the values are, a file with a row that matches is kept. */
#include "lake/skip.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char root[] = "/tmp/paystreak-skip-XXXXXX";
static struct lake_table *table;
static struct lake_snapshot *snap;

/* File a … g: what each says of the columns. */
static const char *const COMMIT[] = {
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}",
    "{\"metaData\":{\"id\":\"x\",\"format\":{\"provider\":\"parquet\"},\"partitionColumns\":[\"p\"],\"configuration\":{},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":["
    "{\\\"name\\\":\\\"i\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"s\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},"
    "{\\\"name\\\":\\\"d\\\",\\\"type\\\":\\\"double\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"c\\\",\\\"type\\\":\\\"decimal(38,3)\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},"
    "{\\\"name\\\":\\\"t\\\",\\\"type\\\":\\\"timestamp\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"y\\\",\\\"type\\\":\\\"date\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},"
    "{\\\"name\\\":\\\"st\\\",\\\"type\\\":{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"integer\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]},\\\"nullable\\\":true,\\\"metadata\\\":{}},"
    "{\\\"name\\\":\\\"f\\\",\\\"type\\\":\\\"float\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},"
    "{\\\"name\\\":\\\"p\\\",\\\"type\\\":\\\"date\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\"}}",
    "{\"add\":{\"path\":\"a\",\"size\":1,\"partitionValues\":{\"p\":\"2024-01-01\"},\"stats\":\"{\\\"numRecords\\\":10,\\\"minValues\\\":{\\\"i\\\":1,\\\"s\\\":\\\"apple\\\",\\\"d\\\":-1.5,\\\"f\\\":0.7,\\\"c\\\":1.000,"
    "\\\"t\\\":\\\"2024-01-01T00:00:00.000Z\\\",\\\"y\\\":\\\"2024-01-01\\\",\\\"st\\\":{\\\"a\\\":1}},\\\"maxValues\\\":{\\\"i\\\":10,\\\"s\\\":\\\"fig\\\",\\\"d\\\":2.5,\\\"f\\\":0.7,\\\"c\\\":99999999999999999999999999999999999.999,"
    "\\\"t\\\":\\\"2024-01-01T12:00:00.123Z\\\",\\\"y\\\":\\\"2024-01-31\\\",\\\"st\\\":{\\\"a\\\":5}},\\\"nullCount\\\":{\\\"i\\\":0,\\\"s\\\":2,\\\"d\\\":0,\\\"c\\\":0,\\\"t\\\":0,\\\"y\\\":0,\\\"st\\\":{\\\"a\\\":0}}}\"}}",
    "{\"add\":{\"path\":\"b\",\"size\":1,\"partitionValues\":{\"p\":\"2024-02-01\"},\"stats\":\"{\\\"numRecords\\\":10,\\\"minValues\\\":{\\\"i\\\":11,\\\"s\\\":\\\"kiwi\\\"},"
    "\\\"maxValues\\\":{\\\"i\\\":9007199254740993,\\\"s\\\":\\\"llllllllllllllllllllllllllllllll\\\"},\\\"nullCount\\\":{\\\"i\\\":10,\\\"s\\\":0}}\"}}",
    "{\"add\":{\"path\":\"n\",\"size\":1,\"partitionValues\":{\"p\":null}}}",
};

static int setup(void **state)
{
    (void)state;
    struct err err;
    struct buf b;
    char path[200];
    if (!mkdtemp(root))
        return -1;
    snprintf(path, sizeof path, "%s/_delta_log", root);
    if (fs_mkdirs(path, &err))
        return -1;
    buf_init(&b);
    for (size_t i = 0; i < COUNT_OF(COMMIT); i++) {
        buf_z(&b, COMMIT[i]);
        buf_char(&b, '\n');
    }
    snprintf(path, sizeof path, "%s/_delta_log/00000000000000000000.json", root);
    int rc = fs_write_file(path, buf_view(&b), &err);
    buf_release(&b);
    table = lake_table_open(root);
    snap = rc == 0 ? lake_table_latest(table, NULL, &err) : NULL;
    if (!snap)
        print_error("%s\n", err.msg);
    return snap ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    lake_snapshot_unref(snap);
    lake_table_close(table);
    return fs_remove_tree(root, &err);
}

static void kept(const char *condition, char out[16])
{
    struct err err = {0};
    struct arena *a = arena_new();
    const struct lake_file **files;
    const struct lake_predicate *p = lake_predicate_parse(a, snap, str_z(condition), &err);
    if (!p)
        fail_msg("%s: %s", condition, err.msg);
    size_t n = lake_prune(a, snap, p, &files);
    for (size_t i = 0; i < n; i++)
        out[i] = files[i]->path.ptr[0];
    out[n] = '\0';
    arena_free(a);
}

static void test_conditions(void **state)
{
    (void)state;
    static const struct { const char *condition, *kept; } cases[] = {
        /* file b: i is always null, its bounds are of no rows */
        {"i = 5", "an"}, {"i = 11", "n"}, {"i <> 5", "an"}, {"i < 1", "n"}, {"i <= 1", "an"}, {"i > 10", "an"}, {"i > 11", "n"}, {"i >= 10", "an"},
        {"i IS NULL", "bn"}, {"i IS NOT NULL", "an"}, {"NOT i IS NULL", "an"}, {"s IS NULL", "an"},
        {"i IN (0, 20)", "n"}, {"i IN (0, 7)", "an"}, {"i NOT IN (1, 2)", "an"}, {"i BETWEEN 11 AND 20", "n"}, {"NOT (i BETWEEN 1 AND 10)", "an"},
        {"i = 5 AND s = 'zebra'", "n"}, {"i = 500 OR s = 'kiwi'", "bn"}, {"NOT (i = 5 OR s = 'kiwi')", "an"},
        {"s = 'banana'", "an"}, {"s = 'aaa'", "n"}, {"s > 'fig'", "abn"}, {"s >= 'g'", "bn"}, {"s LIKE 'ap%'", "an"}, {"s LIKE 'z%'", "n"},
        {"s LIKE 'ki%'", "bn"}, {"s LIKE '%x'", "abn"}, {"s LIKE 'f%'", "an"}, {"NOT s LIKE 'ap%'", "abn"},
        /* a maximum of 32 characters may have been cut */
        {"s = 'llllllllllllllllllllllllllllllllz'", "bn"}, {"s = 'lllm'", "n"},
        {"d = 2.5", "abn"}, {"d > 2.5", "abn"}, {"d = 2.5000001", "bn"}, {"d > 2.6", "abn"} /* a NaN is greater, and may be there beside any maximum */, {"NOT d <= 3", "abn"}, {"d >= 3 AND d < -2", "bn"}, {"d < -1.5", "bn"}, {"d = -0.0", "abn"},
        /* 0.7 as a float is less than 0.7 */
        {"f < 0.7", "abn"}, {"f <= 0.7", "abn"}, {"f = 0.7", "abn"}, {"f < 0.69", "bn"}, {"f = 0.71", "bn"}, {"f = 0.699999988079071", "abn"}, {"f < 0.699999988079071", "bn"},
        {"c > 99999999999999999999999999999999999.999", "abn"}, {"c >= 100000000000000000000000000000000000", "bn"}, {"c < 1", "bn"}, {"c = 0.999", "bn"},
        /* a maximum is cut to milliseconds */
        {"t > '2024-01-01T12:00:00.123Z'", "abn"}, {"t = '2024-01-01T12:00:00.123999Z'", "abn"}, {"t > '2024-01-01 12:00:00.125'", "bn"},
        {"t < TIMESTAMP '2024-01-01 00:00:00'", "bn"}, {"y = DATE '2024-02-01'", "bn"}, {"y <= '2024-01-01'", "abn"},
        {"st.a = 5", "abn"}, {"st.a = 6", "bn"},
        {"p = '2024-01-01'", "a"}, {"p > '2024-01-01'", "b"}, {"p <> '2024-01-01'", "b"}, {"p IS NULL", "n"}, {"p IS NOT NULL", "ab"},
        {"p IN ('2024-02-01', '2025-01-01')", "b"}, {"NOT p = '2024-02-01'", "a"}, {"(p >= '2024-01-01') AND NOT (p IS NULL)", "ab"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[16];
        kept(cases[i].condition, got);
        if (strcmp(got, cases[i].kept) != 0)
            fail_msg("%s: kept %s, not %s", cases[i].condition, got, cases[i].kept);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct { const char *condition, *part; } cases[] = {
        {"", "column"}, {"i", "comparison"}, {"i =", "number"}, {"i = 'x", "quote"}, {"zz = 1", "'zz'"}, {"i = 1 AND", "column"}, {"(i = 1", ")"},
        {"i = 1 x", "end"}, {"i IN (1", ")"}, {"i IS 1", "NULL"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        assert_null(lake_predicate_parse(a, snap, str_z(cases[i].condition), &err));
        if (!strstr(err.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].condition, err.msg);
    }
    struct buf deep;
    struct err err = {0};
    buf_init(&deep);
    for (int i = 0; i < 100000; i++)
        buf_char(&deep, '(');
    assert_null(lake_predicate_parse(a, snap, buf_view(&deep), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&deep);
    arena_free(a);
}

/* Random files with exact bounds of random values against random conditions. */
static void test_no_matching_file_is_dropped(void **state)
{
    (void)state;
    static const enum lake_op ops[] = {LAKE_EQ, LAKE_NE, LAKE_LT, LAKE_LE, LAKE_GT, LAKE_GE};
    struct arena *a = arena_new();
    int kept_files = 0, dropped = 0;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        arena_reset(a);
        int values[4], lo = 99, hi = -99, nulls = 0;
        for (int i = 0; i < 4; i++) {
            values[i] = rand() % 9 - 4;
            if (rand() % 4 == 0) {
                values[i] = 100; /* null */
                nulls++;
            } else {
                lo = values[i] < lo ? values[i] : lo;
                hi = values[i] > hi ? values[i] : hi;
            }
        }
        struct lake_file f = {.path = STR("x")};
        struct str json = nulls == 4 ? str_fmt(a, "{\"numRecords\":4,\"nullCount\":{\"i\":4}}")
                             : str_fmt(a, "{\"numRecords\":4,\"minValues\":{\"i\":%d},\"maxValues\":{\"i\":%d},\"nullCount\":{\"i\":%d}}", lo, hi, nulls);
        f.stats = LAKE_STATS(json);
        int v = rand() % 11 - 5;
        struct str text = str_fmt(a, "%d", v);
        struct lake_predicate leaf = {.op = ops[rand() % 6], .column = STR("i"), .values = &text, .value_count = 1}, *p = &leaf;
        const struct lake_predicate *arg = &leaf;
        struct lake_predicate not = {.op = LAKE_NOT, .args = &arg, .arg_count = 1};
        bool negated = rand() % 2, any = false;
        if (negated)
            p = &not;
        for (int i = 0; i < 4; i++) {
            int x = values[i];
            bool m = leaf.op == LAKE_EQ ? x == v : leaf.op == LAKE_NE ? x != v : leaf.op == LAKE_LT ? x < v : leaf.op == LAKE_LE ? x <= v :
                     leaf.op == LAKE_GT ? x > v : x >= v;
            any = any || (x != 100 && m != negated);
        }
        bool may = lake_may_match(snap, &f, p);
        assert_true(may || !any);
        *(may ? &kept_files : &dropped) += 1;
    }
    print_message("%d kept, %d dropped\n", kept_files, dropped);
    assert_true(dropped > 300);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conditions), cmocka_unit_test(test_refused), cmocka_unit_test(test_no_matching_file_is_dropped)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
