/* fuzz_lake -- what a Delta log may hold. The first byte chooses the part:
 *   0 commit lines: replayed; what replays is written and replays to as many files
 *   1 a checkpoint's row of an add, its columns apart by '\n': path, stats, the rest
 *   2 a deletion vector, inline
 *   3 a logged path: a local path below the table or absolute; one identity, whatever its spelling
 *   4 partition values and statistics against a condition, apart by '\n'
 *   5 a Parquet footer
 *   6 a VARIANT value: its first byte is the size of the metadata; what decodes is JSON */
#include "lake/dv.h"
#include "lake/log_int.h"
#include "lake/parquet_footer.h"
#include "lake/skip.h"
#include "lake/variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void fuzz_log(struct arena *a, struct str in)
{
    struct err err;
    struct replay r, again;
    int64_t ict;
    (void)a;
    replay_init(&r, "/table");
    replay_init(&again, "/table");
    if (replay_apply_text(&r, in, 0, &ict, &err) == 0) {
        struct buf out;
        const struct lake_file *f;
        buf_init(&out);
        for (size_t at = 0; (f = file_index_next(&r.files, &at));)
            action_put_add(&out, f);
        CHECK(replay_apply_text(&again, buf_view(&out), 0, &ict, &err) == 0);
        CHECK(again.files.count == r.files.count);
        buf_release(&out);
        struct lake_snapshot *s = replay_snapshot(&r, &err);
        lake_snapshot_unref(s);
    }
    replay_release(&r);
    replay_release(&again);
}

static void fuzz_row(struct arena *a, struct str in)
{
    struct err err;
    struct str path = STR_NONE, stats = STR_NONE;
    struct lake_file f = {.version = -1};
    struct stats_packer p;
    struct buf text, packed;
    if (!str_split(&in, '\n', &path) || !str_split(&in, '\n', &stats) || action_file_rest(a, in, &f, &err))
        return;
    CHECK(f.partition.count == 0 || f.partition.items);
    f.path = path;
    f.stats = LAKE_STATS(stats);
    stats_packer_init(&p);
    buf_init(&text);
    buf_init(&packed);
    lake_file_put_stats(&text, &f);
    lake_file_put_stats(&packed, action_file_pack(a, &p, &f, f.partition));
    CHECK(str_eq(buf_view(&text), buf_view(&packed)));
    buf_release(&text);
    buf_release(&packed);
    stats_packer_release(&p);
}

static void fuzz_dv(struct arena *a, struct str in)
{
    struct err err;
    struct buf key;
    struct lake_dv dv = {.storage = 'i', .path_or_inline = in};
    (void)a;
    buf_init(&key);
    if (lake_dv_key(&key, "/table", &dv, &err) == 0) {
        struct lake_bitmap *b = lake_bitmap_load(buf_view(&key), &err);
        if (b) {
            int64_t found = 0;
            for (uint64_t i = 0; i < 70000; i++)
                found += lake_bitmap_has(b, i);
            CHECK(found <= lake_bitmap_count(b));
        }
        lake_bitmap_free(b);
    }
    buf_release(&key);
}

static void fuzz_path(struct arena *a, struct str in)
{
    struct lake_file f = {.path = in}, again = {};
    struct buf key, spelled, same;
    for (size_t i = 0; i < in.len; i++)
        if (!in.ptr[i])
            return;
    char *path = lake_file_path(a, "/table", str_copy(a, in));
    CHECK(path[0] == '/' || in.len == 0 || str_find(in, STR("://")) >= 0);
    buf_init(&key);
    buf_init(&spelled);
    buf_init(&same);
    action_file_key(&key, &f);
    percent_put(&spelled, buf_view(&key), "/");
    again.path = buf_view(&spelled);
    action_file_key(&same, &again);
    CHECK(str_eq(buf_view(&key), buf_view(&same)) || str_starts_z(buf_view(&key), "file:"));
    buf_release(&key);
    buf_release(&spelled);
    buf_release(&same);
}

static void fuzz_stats(struct arena *a, struct str in)
{
    struct err err;
    struct str value = STR_NONE, stats = STR_NONE;
    if (!str_split(&in, '\n', &value) || !str_split(&in, '\n', &stats))
        return;
    const struct type *schema = type_read_ddl(a, STR("i INT, l BIGINT, d DOUBLE, f FLOAT, c DECIMAL(38,3), s STRING, t TIMESTAMP, y DATE, b BOOLEAN, st STRUCT<a: INT>, p STRING"), &err);
    CHECK(schema);
    struct str partition = STR("p");
    struct lake_snapshot s = {.dir = "/table", .schema = schema, .partition_columns = &partition, .partition_count = 1};
    struct lake_pair pair = {STR("p"), value, false};
    struct lake_file f = {.path = STR("x"), .stats = LAKE_STATS(stats), .partition = {&pair, 1}};
    const struct lake_predicate *p = lake_predicate_parse(a, &s, in, &err);
    if (!p)
        return;
    const struct lake_predicate either = {.op = LAKE_OR, .args = (const struct lake_predicate *const[]){p, &(struct lake_predicate){.op = LAKE_ANY}}, .arg_count = 2};
    (void)lake_may_match(&s, &f, p);
    CHECK(lake_may_match(&s, &f, &either));
}

static void fuzz_footer(struct arena *a, struct str in)
{
    struct err err;
    struct parquet_schema s;
    if (parquet_schema_decode(a, in, &s, &err) == 0)
        CHECK(s.count > 0 && s.items);
}

static void fuzz_variant(struct arena *a, struct str in)
{
    struct err err;
    struct buf out;
    size_t n = in.len ? (uint8_t)in.ptr[0] : 0;
    if (n + 1 > in.len)
        return;
    buf_init(&out);
    if (variant_put_json(&out, str_sub(in, 1, n), str_from(in, n + 1), &err) == 0)
        CHECK(doc_json(a, NULL, buf_view(&out), &err) || err.code == ERR_LIMIT);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const parts[])(struct arena *, struct str) = {fuzz_log, fuzz_row, fuzz_dv, fuzz_path, fuzz_stats, fuzz_footer, fuzz_variant};
    if (!n)
        return 0;
    struct arena *a = arena_new();
    parts[bytes[0] % COUNT_OF(parts)](a, str_of((const char *)bytes + 1, n - 1));
    arena_free(a);
    return 0;
}
