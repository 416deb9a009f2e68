/* offsets: the checkpoint formats are Spark's, to the byte, and what is damaged is refused. */
#include "pipelines/checkpoint.h"
#include "pipelines/classify.h"
#include "pipelines/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *a;

static const char TEXT[] =
    "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1700000000123,\"conf\":{\"paystreak.static./t/d\":\"7\"}}\n"
    "{\"sourceVersion\":1,\"reservoirId\":\"abc\",\"reservoirVersion\":5,\"index\":-1,\"isStartingVersion\":false}\n-\n{\"logOffset\":3}";

static void test_offsets_text(void **state)
{
    struct batch_plan p;
    struct err err = {};
    struct buf b;
    (void)state;
    assert_int_equal(offsets_read(a, "f", str_z(TEXT), &p, &err), 0);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.timestamp_ms, 1700000000123);
    assert_int_equal(p.offsets[0].kind, SOURCE_DELTA);
    assert_int_equal(p.offsets[0].version, 5);
    assert_int_equal(p.offsets[1].kind, SOURCE_NONE);
    assert_int_equal(p.offsets[2].log_offset, 3);
    assert_true(p.pin_count == 1 && str_eqz(p.pins[0].dir, "/t/d") && p.pins[0].version == 7);
    buf_init(&b);
    offsets_write(&b, &p);
    assert_string_equal(b.ptr, TEXT);
    buf_release(&b);
}

static void test_damaged(void **state)
{
    (void)state;
    for (size_t n = 0; n + 1 < sizeof TEXT; n++) { /* cut anywhere: refused, or whole lines are missing */
        struct batch_plan p;
        struct err err = {};
        if (offsets_read(a, "f", str_of(TEXT, n), &p, &err))
            assert_int_equal(err.code, ERR_CORRUPT);
        else
            assert_true(p.count < 3 && (TEXT[n] == '\n' || TEXT[n - 1] == '\n'));
    }
    static const char *const bad[] = {"", "v2\n{}", "v1\n{}", "v1\n[]\n-", "v1\n{\"batchTimestampMs\":1}\n{\"x\":1}",
                                      "v1\n{\"batchTimestampMs\":1}\n{\"reservoirId\":\"a\",\"index\":1}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct batch_plan p;
        struct err err = {};
        assert_int_equal(offsets_read(a, "f", str_z(bad[i]), &p, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
}

static void test_seen(void **state)
{
    const struct seen_file files[] = {{STR("/a b/ü%.csv"), 1700000000123, 10, 4}, {STR("/x\"y"), 1, 0, 0}};
    struct seen_files out = {};
    struct err err = {};
    struct buf b;
    (void)state;
    buf_init(&b);
    seen_write(&b, files, 2);
    assert_true(str_starts_z(buf_view(&b), "v1\n{\"path\":\"file:///a%20b/%C3%BC%25.csv\",\"timestamp\":1700000000123,\"batchId\":4"));
    assert_int_equal(seen_read(a, "f", str_copy(a, buf_view(&b)), &out, &err), 0);
    assert_int_equal(out.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(str_eq(out.items[i].path, files[i].path) && out.items[i].mtime_ms == files[i].mtime_ms &&
                    out.items[i].size == files[i].size && out.items[i].batch == files[i].batch);
    buf_release(&b);
}

static void test_checkpoint(void **state)
{
    char dir[] = "/tmp/paystreak-checkpoint-XXXXXX";
    struct checkpoint c;
    struct err err = {};
    struct seen_files all = {}, back = {};
    int64_t newest;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(checkpoint_open(&c, dir, &err), 0);
    assert_false(c.found);
    assert_int_equal(checkpoint_create(&c, &err), 0);
    char id[UUID_TEXT];
    memcpy(id, c.id, sizeof id);
    for (int64_t n = 0; n < 25; n++) {
        struct source_offset o = {.kind = SOURCE_FILES, .log_offset = n};
        struct seen_file f = {str_fmt(a, "/f%jd", (intmax_t)n), n, n, n};
        struct seen_files fresh = {&f, 1, 1};
        all.items = arena_grow(a, all.items, &all.cap, all.count + 1, sizeof f);
        all.items[all.count++] = f;
        assert_int_equal(seen_append(&c, 0, n, &fresh, &all, &err), 0);
        assert_int_equal(checkpoint_plan(&c, &(struct batch_plan){.timestamp_ms = n, .offsets = &o, .count = 1}, &err), 0);
        assert_int_equal(c.last, n);
        assert_int_equal(c.plan.offsets[0].log_offset, n);
        checkpoint_landed(&c);
    }
    checkpoint_close(&c);
    assert_int_equal(checkpoint_open(&c, dir, &err), 0);
    assert_string_equal(c.id, id);
    assert_int_equal(c.last, 24);
    assert_int_equal(c.before.offsets[0].log_offset, 23);
    assert_int_equal(seen_load(&c, a, 0, &back, &newest, &err), 0);
    assert_int_equal(newest, 24);
    assert_int_equal(back.count, 25);
    assert_int_equal(checkpoint_reset(&c, &err), 0);
    assert_false(fs_exists(dir));
    checkpoint_close(&c);
}

/* ---- names of tables in queries */

static char *deps_of(const char *sql)
{
    struct err err = {};
    struct deps deps = {};
    struct buf b;
    struct rel *q = sparksql_query(a, "q", str_z(sql), &err);
    if (!q)
        fail_msg("%s: %s", sql, err.msg);
    deps_collect(a, q, &deps);
    buf_init(&b);
    for (size_t i = 0; i < deps.count; i++)
        for (size_t k = 0; k < deps.items[i].leaf->name.count; k++)
            buf_printf(&b, "%s%.*s", k ? "." : i ? " " : "", STR_ARGS(deps.items[i].leaf->name.parts[k]));
    char *out = arena_strdup(a, b.ptr);
    buf_release(&b);
    return out;
}

static void test_deps(void **state)
{
    static const struct { const char *sql, *want; } cases[] = {
        {"SELECT * FROM a JOIN b.c ON a.x = c.x", "a b.c"},
        {"WITH a AS (SELECT * FROM a) SELECT * FROM a", "a"},
        {"WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x) SELECT * FROM y, b", "a b"},
        {"SELECT (SELECT max(i) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c) AND i IN (SELECT i FROM d)", "b c d a"},
        {"SELECT * FROM STREAM(a) UNION ALL SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a)", "a"},
        {"SELECT sum(CASE WHEN i > (SELECT avg(i) FROM a) THEN 1 END) OVER (ORDER BY j) FROM b", "b a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(deps_of(cases[i].sql), cases[i].want);
}

/* ---- what may run over a stream */

static int one_column(void *ctx, struct arena *arena, const struct rel *leaf, struct leaf_info *out, struct err *err)
{
    static const struct type_field *field;
    (void)ctx, (void)leaf, (void)err;
    struct type_field f = {STR("i"), type_of(TYPE_INT), true, STR_NONE, NULL};
    field = arena_copy(arena, &f, sizeof f);
    out->schema = type_struct(arena, field, 1);
    out->bound = (void *)field;
    return 0;
}

static int classify(const char *sql, struct err *err)
{
    struct resolver env = {.leaf = one_column, .ansi = true};
    struct rel *q = sparksql_query(a, "q", str_z(sql), err), *r = q ? plan_resolve(a, q, &env, err) : NULL;
    if (!r)
        fail_msg("%s: %s", sql, err->msg);
    return classify_stream(r, err);
}

static void test_classify(void **state)
{
    static const struct { const char *sql; int want; } cases[] = {
        {"SELECT i FROM t", 0},
        {"SELECT i, count(*) FROM t GROUP BY i ORDER BY 1 LIMIT 3", 0},
        {"SELECT i + 1 AS j FROM STREAM(t) WHERE i > 1", 1},
        {"SELECT s.i FROM STREAM(t) s JOIN u ON s.i = u.i", 1},
        {"SELECT s.i FROM STREAM(t) s LEFT JOIN u ON s.i = u.i", 1},
        {"SELECT s.i FROM u RIGHT JOIN STREAM(t) s ON s.i = u.i", 1},
        {"SELECT i FROM STREAM(t) s LEFT ANTI JOIN u ON s.i = u.i", 1},
        {"SELECT i FROM STREAM(t) UNION ALL SELECT i FROM STREAM(u)", 1},
        {"WITH c AS (SELECT i FROM STREAM(t)) SELECT i FROM c WHERE i = 1", 1},
        {"SELECT x FROM STREAM(t) LATERAL VIEW explode(array(i)) g AS x", 1},
        {"SELECT s.i FROM STREAM(t) s RIGHT JOIN u ON s.i = u.i", -1},
        {"SELECT u.i FROM u LEFT JOIN STREAM(t) s ON s.i = u.i", -1},
        {"SELECT s.i FROM STREAM(t) s FULL JOIN u ON s.i = u.i", -1},
        {"SELECT s.i FROM STREAM(t) s JOIN STREAM(u) v ON s.i = v.i", -1},
        {"SELECT DISTINCT i FROM STREAM(t)", -1},
        {"SELECT count(*) AS n FROM STREAM(t)", -1},
        {"SELECT i FROM STREAM(t) ORDER BY i", -1},
        {"SELECT i FROM STREAM(t) LIMIT 1", -1},
        {"SELECT i FROM STREAM(t) UNION SELECT i FROM STREAM(u)", -1},
        {"SELECT i FROM STREAM(t) UNION ALL SELECT i FROM u", -1},
        {"SELECT i FROM STREAM(t) EXCEPT SELECT i FROM u", -1},
        {"SELECT row_number() OVER (ORDER BY i) AS n FROM STREAM(t)", -1},
        {"SELECT i FROM u WHERE i IN (SELECT i FROM STREAM(t))", -1},
        {"WITH c AS (SELECT i FROM STREAM(t)) SELECT count(*) AS n FROM c", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {};
        int got = classify(cases[i].sql, &err);
        if (got != cases[i].want)
            fail_msg("%s: %d, not %d %s", cases[i].sql, got, cases[i].want, err.msg);
        if (got < 0)
            assert_int_equal(err.code, ERR_UNSUPPORTED);
    }
}

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_text), cmocka_unit_test(test_damaged), cmocka_unit_test(test_seen),
        cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_deps), cmocka_unit_test(test_classify),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
