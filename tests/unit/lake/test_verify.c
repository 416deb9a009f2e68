/* verify and the upkeep commits on tables made here: what is sound has no findings, and each kind of damage
 * is found by name. */
#include "lake/crc.h"
#include "lake/dml.h"
#include "lake/optimize.h"
#include "lake/restore.h"
#include "lake/scan.h"
#include "lake/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct duck *db;
static struct duck_conn *conn;
static char root[64];
static struct lake_table *table;
static char told[2000]; /* checks of findings, each with a blank */

static int setup_all(void **state)
{
    (void)state;
    struct err err;
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 1024}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    return conn && lake_register(db, &err) == 0 ? 0 : -1;
}

static int teardown_all(void **state)
{
    (void)state;
    duck_disconnect(conn);
    duck_free(db);
    return 0;
}

static void must(int rc, const struct err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static void write_rows(const char *sql)
{
    struct err err = {0};
    int64_t version;
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    assert_non_null(x);
    must(lake_txn_write(x, str_z(sql), NULL, &err) < 0, &err);
    must(lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/paystreak-verify-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    table = lake_table_open(root);
    for (int i = 0; i < 5; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT i AS id, 'name ' || i AS name, i / 2.0 AS half FROM range(%d, %d) t(i)", i * 10, i * 10 + 10);
        write_rows(sql);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    lake_table_close(table);
    return fs_remove_tree(root, &err);
}

static void note(void *ctx, const struct lake_finding *f)
{
    size_t n = strlen(told);
    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s ", f->check);
}

static struct lake_verified verify(void)
{
    struct err err = {0};
    struct lake_verified out;
    told[0] = '\0';
    must(lake_verify(table, conn, &(struct lake_verify_opts){.full = true, .found = note}, &out, &err), &err);
    return out;
}

static int64_t count_rows(int64_t version)
{
    struct err err = {0};
    struct buf sql;
    int64_t n = -1;
    bool found;
    buf_init(&sql);
    buf_z(&sql, "SELECT count(*) FROM ");
    struct lake_snapshot *s = version < 0 ? lake_table_latest(table, conn, &err) : lake_table_at(table, conn, version, &err);
    must(!s || lake_scan_sql(s, NULL, &sql, &err) || duck_scalar_i64(conn, buf_view(&sql), &n, &found, &err), &err);
    lake_snapshot_unref(s);
    buf_release(&sql);
    return n;
}

static char *first_file(void)
{
    static char path[4200];
    struct err err = {0};
    struct arena *a = arena_new();
    struct lake_snapshot *s = lake_table_latest(table, conn, &err);
    snprintf(path, sizeof path, "%s", lake_file_path(a, root, s->files[0]->path));
    lake_snapshot_unref(s);
    arena_free(a);
    return path;
}

static void test_sound(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(verify().rows, 50);
    assert_string_equal(told, "");
    must(lake_checkpoint(table, conn, &err), &err);
    struct lake_snapshot *s = lake_table_latest(table, conn, &err);
    must(lake_crc_write(s, &err), &err);
    assert_int_equal(lake_crc_check(s, &err), 1);
    lake_snapshot_unref(s);
    verify();
    assert_string_equal(told, "");
}

static char *crc_path(int64_t version)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/_delta_log/%020jd.crc", root, (intmax_t)version);
    return path;
}

static int checked(int64_t version)
{
    struct err err = {0};
    struct lake_snapshot *s = lake_table_at(table, conn, version, &err);
    must(!s, &err);
    int got = lake_crc_check(s, &err);
    lake_snapshot_unref(s);
    return got;
}

/* Commits leave checksums: every tenth, and where metadata or protocol change. They are those of a replay of the log, whatever came before. */
static void test_checksums_of_commits(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t version;
    struct lake_dml_metrics metrics;
    struct lake_pair on = {.key = STR("delta.enableDeletionVectors"), .value = STR("true")};
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    must(lake_txn_set_properties(x, (struct lake_pairs){&on, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    assert_int_equal(version, 5);
    x = lake_txn_begin(table, conn, &err);
    must(lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id < 15"), .text = STR("id < 15")}, &metrics, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    while (version < 9) {
        write_rows("SELECT 1::BIGINT AS id");
        version++;
    }
    x = lake_txn_begin(table, conn, &err);
    lake_txn_app(x, STR("app \"q\""), 7);
    must(lake_txn_write(x, STR("SELECT 2::BIGINT AS id"), NULL, &err) < 0 || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    assert_int_equal(version, 10);
    for (int64_t v = 0; v <= version; v++)
        assert_int_equal(checked(v), v == 0 || v == 5 || v == 10);
    struct buf text;
    buf_init(&text);
    must(fs_read_file(crc_path(10), 1 << 20, &text, &err), &err);
    struct arena *a = arena_new();
    const struct doc *d = doc_json(a, NULL, buf_view(&text), &err);
    assert_non_null(d);
    assert_int_equal(doc_str(doc_get(d, "txnId"), STR_NONE).len, 36);
    const struct doc *txns = doc_get(d, "setTransactions");
    assert_true(doc_is(txns, DOC_ARRAY) && txns->count == 1 && str_eqz(doc_str(doc_get(txns->items[0], "appId"), STR_NONE), "app \"q\""));
    arena_free(a);
    buf_release(&text);
    verify();
    assert_string_equal(told, "");
    must(fs_write_file(crc_path(10), STR(""), &err), &err); /* a power cut */
    assert_int_equal(checked(10), 0);
    must(fs_write_file(crc_path(10), STR("{\"tableSizeBytes\":"), &err), &err);
    assert_int_equal(checked(10), -1);
}

/* Behind another writer's commits the totals of ours are not known: its version has no checksum, and nothing fails. */
static void test_checksums_beside_other_writers(void **state)
{
    (void)state;
    struct err err = {0};
    struct lake_table *other = lake_table_open(root);
    int64_t version;
    struct lake_txn *x[8];
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        x[i] = lake_txn_begin(i % 2 ? other : table, conn, &err);
        must(!x[i] || lake_txn_write(x[i], STR("SELECT 1::BIGINT AS id"), NULL, &err) < 0, &err);
    }
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        must(lake_txn_commit(x[i], &version, &err), &err);
        lake_txn_end(x[i]);
        assert_int_equal(version, 5 + (int64_t)i);
    }
    for (int64_t v = 5; v <= version; v++)
        assert_int_equal(checked(v), v == 10);
    lake_table_close(other);
}

static void test_damage(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf b;
    char path[200];
    buf_init(&b);
    /* statistics that do not hold */
    snprintf(path, sizeof path, "%s/_delta_log/%020d.json", root, 4);
    must(fs_read_file(path, 1 << 20, &b, &err), &err);
    char *at = strstr(b.ptr, "\\\"id\\\":49");
    assert_non_null(at);
    at[9 - 2] = '2';
    must(fs_write_file(path, buf_view(&b), &err), &err);
    lake_table_close(table);
    table = lake_table_open(root);
    assert_int_equal(verify().findings, 1);
    assert_string_equal(told, "stats ");
    /* a file that is no Parquet */
    must(fs_write_file(first_file(), STR("nonsense nonsense nonsense"), &err), &err);
    verify();
    assert_non_null(strstr(told, "size "));
    assert_non_null(strstr(told, "parquet "));
    must(fs_unlink(first_file(), &err), &err);
    verify();
    assert_non_null(strstr(told, "file "));
    /* a checkpoint that says something else than the commits */
    must(lake_checkpoint(table, conn, &err), &err);
    snprintf(path, sizeof path, "%s/_delta_log/%020d.json", root, 2);
    must(fs_write_file(path, STR("{\"txn\":{\"appId\":\"other\",\"version\":1}}\n"), &err), &err);
    verify();
    assert_non_null(strstr(told, "checkpoint "));
    must(fs_unlink(path, &err), &err);
    verify();
    assert_non_null(strstr(told, "log "));
    buf_release(&b);
}

/* Puts `to` in place of `from` in a log file of the table, and opens it anew. */
static void edit_log(const char *name, const char *from, const char *to)
{
    struct err err = {0};
    struct buf b, out;
    char path[200];
    buf_init(&b);
    buf_init(&out);
    snprintf(path, sizeof path, "%s/_delta_log/%s", root, name);
    must(fs_read_file(path, 1 << 20, &b, &err), &err);
    char *at = strstr(b.ptr, from);
    assert_non_null(at);
    buf_str(&out, str_sub(buf_view(&b), 0, (size_t)(at - b.ptr)));
    buf_z(&out, to);
    buf_z(&out, at + strlen(from));
    must(fs_write_file(path, buf_view(&out), &err), &err);
    buf_release(&b);
    buf_release(&out);
    lake_table_close(table);
    table = lake_table_open(root);
}

static void test_checkpoint_of_other_files(void **state)
{
    (void)state;
    struct err err = {0};
    must(lake_checkpoint(table, conn, &err), &err);
    verify();
    assert_string_equal(told, "");
    edit_log("00000000000000000002.json", "\"modificationTime\":1", "\"modificationTime\":2");
    verify();
    assert_string_equal(told, "checkpoint ");
}

static void test_change_files(void **state)
{
    (void)state;
    struct err err = {0};
    char **paths, path[4400], dir[200];
    struct lake_pair on = {STR("delta.enableChangeDataFeed"), STR("true"), false}, now = {STR("delta.deletedFileRetentionDuration"), STR("interval 0 seconds"), false};
    struct lake_txn *x = lake_txn_begin(table, conn, &err);
    int64_t version;
    must(lake_txn_set_properties(x, (struct lake_pairs){&on, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    x = lake_txn_begin(table, conn, &err);
    struct lake_dml_metrics metrics;
    must(lake_txn_delete(x, &(struct lake_where){.duck = STR("t.id = 15"), .text = STR("id = 15")}, &metrics, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    verify();
    assert_string_equal(told, "");
    struct arena *a = arena_new();
    snprintf(dir, sizeof dir, "%s/_change_data", root);
    assert_int_equal(fs_list(a, dir, &paths, &err), 1);
    snprintf(path, sizeof path, "%s/%s", dir, paths[0]);
    must(fs_write_file(path, STR("nonsense nonsense nonsense"), &err), &err);
    verify();
    assert_string_equal(told, "change change "); /* its size, its footer */
    must(fs_unlink(path, &err), &err);
    verify();
    assert_string_equal(told, "change ");
    x = lake_txn_begin(table, conn, &err); /* too old to be needed */
    must(lake_txn_set_properties(x, (struct lake_pairs){&now, 1}, &err) || lake_txn_commit(x, &version, &err), &err);
    lake_txn_end(x);
    verify();
    assert_string_equal(told, "");
    arena_free(a);
}

static void test_optimize_and_restore(void **state)
{
    (void)state;
    struct err err = {0};
    struct lake_optimized o;
    struct lake_restored r;
    must(lake_optimize(table, conn, NULL, &o, &err), &err);
    assert_int_equal(o.removed, 5);
    assert_int_equal(o.added, 1);
    assert_int_equal(count_rows(-1), 50);
    must(lake_optimize(table, conn, NULL, &o, &err), &err);
    assert_int_equal(o.removed, 0);
    must(lake_restore(table, conn, 1, &r, &err), &err);
    assert_int_equal(count_rows(-1), 20);
    assert_int_equal(count_rows(5), 50);
    assert_int_equal(lake_restore(table, conn, 99, &r, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    const struct str columns[] = {STR("half"), STR("name")};
    struct lake_optimize_opts z = {.zorder = columns, .zorder_count = 2, .target_bytes = 600};
    must(lake_optimize(table, conn, &z, &o, &err), &err);
    assert_true(o.added > 1);
    assert_int_equal(count_rows(-1), 20);
    verify();
    assert_string_equal(told, "");
}

/* A scan with a condition names the files that may match, and no others. */
static void test_scan_skips_files(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena *a = arena_new();
    struct lake_snapshot *s = lake_table_latest(table, conn, &err);
    static const struct { const char *condition; int files; int64_t rows; } cases[] = {
        {"id = 25", 1, 1}, {"id < 20", 2, 20}, {"name = 'name 49'", 2, 1}, {"half < -1", 0, 0}, {"half > 100", 5, 0} /* a NaN would be */, {"id >= 0", 5, 50}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf sql;
        int64_t n = -1;
        bool found;
        int files = 0;
        buf_init(&sql);
        struct lake_scan o = {.where = lake_predicate_parse(a, s, str_z(cases[i].condition), &err)};
        assert_non_null(o.where);
        buf_z(&sql, "SELECT count(*) FROM ");
        must(lake_scan_sql(s, &o, &sql, &err), &err);
        for (const char *at = sql.ptr; (at = strstr(at, ".parquet'")); at++)
            files++;
        buf_printf(&sql, " WHERE %s", cases[i].condition);
        must(duck_scalar_i64(conn, buf_view(&sql), &n, &found, &err), &err);
        assert_int_equal(files, cases[i].files);
        assert_int_equal(n, cases[i].rows);
        buf_release(&sql);
    }
    lake_snapshot_unref(s);
    arena_free(a);
}

static void test_clone(void **state)
{
    (void)state;
    struct err err = {0};
    struct lake_restored r;
    char dir[100];
    snprintf(dir, sizeof dir, "%s-clone", root);
    struct lake_table *source = table, *clone = lake_table_open(dir);
    struct lake_snapshot *s = lake_table_latest(source, conn, &err);
    must(lake_clone(s, clone, conn, &r, &err), &err);
    table = clone;
    assert_int_equal(count_rows(-1), 50);
    write_rows("SELECT 100 AS id, 'more' AS name, 1.0 AS half");
    assert_int_equal(count_rows(-1), 51);
    table = source;
    assert_int_equal(count_rows(-1), 50);
    assert_int_equal(lake_clone(s, clone, conn, &r, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    lake_snapshot_unref(s);
    lake_table_close(clone);
    must(fs_remove_tree(dir, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checksums_of_commits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checksums_beside_other_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoint_of_other_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_change_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_optimize_and_restore, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan_skips_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
