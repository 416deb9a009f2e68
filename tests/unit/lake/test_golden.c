/* Delta tables of other writers, read through log, scan and DuckDB: rows must equal those that the
 * reference reader saw; broken tables must be refused. The data lies beside the repository
 * (../shared/data/delta) and is not part of it; without it the test says so and passes. */
#include "lake/scan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct duck *db;
static struct duck_conn *conn;
static char root[4096];

static int setup(void **state)
{
    (void)state;
    struct err err;
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 2048}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    return conn && lake_register(db, &err) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    duck_disconnect(conn);
    duck_free(db);
    return 0;
}

static void skip_without_data(void)
{
    snprintf(root, sizeof root, "%s", getenv("DELTA_DATA") ? getenv("DELTA_DATA") : "../shared/data/delta");
    if (fs_exists(root))
        return;
    print_message("skipped: no tables in %s\n", root);
    skip();
}

/* Rows that are in one relation and not in the other, as often; by the columns of `expected`. */
static int64_t differences(const char *scan, const char *expected, struct err *err)
{
    struct buf cols, sql;
    int64_t n = -1;
    bool found;
    buf_init(&cols);
    buf_init(&sql);
    buf_printf(&sql, "SELECT * FROM %s", expected);
    struct duck_result *d = duck_describe(conn, buf_view(&sql), err);
    for (size_t i = 0; d && i < duck_cols(d); i++) {
        buf_z(&cols, i ? ", " : "");
        duck_quote_ident(&cols, duck_col_name(d, i));
    }
    duck_result_free(d);
    buf_clear(&sql);
    buf_printf(&sql, "WITH s AS (SELECT %s FROM %s), e AS (SELECT %s FROM %s) "
                     "SELECT count(*) FROM ((FROM s EXCEPT ALL FROM e) UNION ALL (FROM e EXCEPT ALL FROM s))",
               cols.ptr, scan, cols.ptr, expected);
    if (!d || duck_scalar_i64(conn, buf_view(&sql), &n, &found, err))
        n = -1;
    buf_release(&cols);
    buf_release(&sql);
    return n;
}

static int scan_at(const char *dir, int64_t version, struct buf *sql, struct err *err)
{
    struct lake_table *t = lake_table_open(dir);
    struct lake_snapshot *s = version < 0 ? lake_table_latest(t, conn, err) : lake_table_at(t, conn, version, err);
    int rc = s ? lake_scan_sql(s, NULL, sql, err) : -1;
    lake_snapshot_unref(s);
    lake_table_close(t);
    return rc;
}

/* Expected VARIANT values are JSON text; DuckDB makes no difference between a variant that holds null
 * and no variant, so neither does the comparison. */
static void as_json(const char *table, struct buf *relation)
{
    if (strcmp(table, "spark/variant_stable") != 0)
        return;
    char *inner = buf_detach(relation);
    buf_init(relation);
    buf_printf(relation,
               "(SELECT id, coalesce(v::JSON::VARCHAR, 'null') AS v, CASE WHEN st IS NULL THEN NULL "
               "ELSE {'v': coalesce(st.v::JSON::VARCHAR, 'null')} END AS st FROM %s)",
               inner);
    mem_free(inner);
}

/* Empty: as it should be; else what is wrong. */
static const char *check_read(const char *table, const char *expected_dir, int64_t version)
{
    static char why[700];
    struct err err = {};
    char dir[4200];
    struct buf scan, expected;
    why[0] = '\0';
    snprintf(dir, sizeof dir, "%s/%s/delta", root, table);
    buf_init(&scan);
    buf_init(&expected);
    buf_printf(&expected, "read_parquet('%s/%s/%s/*.parquet')", root, table, expected_dir);
    int rc = scan_at(dir, version, &scan, &err);
    as_json(table, &scan);
    as_json(table, &expected);
    int64_t n = rc ? -1 : differences(scan.ptr, expected.ptr, &err);
    if (n < 0)
        snprintf(why, sizeof why, "%s: %s", err_code_name(err.code), err.msg);
    else if (n > 0)
        snprintf(why, sizeof why, "%jd rows differ", (intmax_t)n);
    buf_release(&scan);
    buf_release(&expected);
    return why;
}

static const char *check_refuse(const char *table)
{
    static char why[100];
    struct err err = {};
    char dir[4200];
    struct buf scan, sql;
    int64_t n;
    bool found;
    why[0] = '\0';
    snprintf(dir, sizeof dir, "%s/%s/delta", root, table);
    buf_init(&scan);
    buf_init(&sql);
    if (scan_at(dir, -1, &scan, &err) == 0) {
        buf_printf(&sql, "SELECT count(*) FROM %s", scan.ptr);
        if (duck_scalar_i64(conn, buf_view(&sql), &n, &found, &err) == 0)
            snprintf(why, sizeof why, "it was read, %jd rows", (intmax_t)n);
    }
    buf_release(&scan);
    buf_release(&sql);
    return why;
}

static void check_versions(struct arena *a, const char *table, int *bad)
{
    char **names;
    struct err err;
    int64_t n = fs_list(a, path_join(a, root, table), &names, &err);
    for (int64_t i = 0; i < n; i++) {
        int64_t version;
        if (!str_starts_z(str_z(names[i]), "expected_v") || !str_i64(str_from(str_z(names[i]), 10), &version))
            continue;
        const char *why = check_read(table, names[i], version);
        if (*why) {
            print_error("%s version %jd: %s\n", table, (intmax_t)version, why);
            ++*bad;
        }
    }
}

static void test_tables(void **state)
{
    (void)state;
    skip_without_data();
    struct err err;
    struct arena *a = arena_new();
    struct buf index;
    buf_init(&index);
    char path[4200];
    snprintf(path, sizeof path, "%s/INDEX.tsv", root);
    assert_int_equal(fs_read_file(path, 1 << 20, &index, &err), 0);
    struct str rest = buf_view(&index), line, table, class;
    int reads = 0, refusals = 0, bad = 0;
    while (str_split(&rest, '\n', &line)) {
        if (!str_split(&line, '\t', &table) || !str_split(&line, '\t', &class) || str_eqz(table, "table"))
            continue;
        const char *name = str_cz(a, table);
        const char *why = "";
        if (str_eqz(class, "read")) {
            reads++;
            why = check_read(name, "expected", -1);
            check_versions(a, name, &bad);
        } else if (str_eqz(class, "refuse")) {
            refusals++;
            why = check_refuse(name);
        }
        if (*why) {
            print_error("%s: %s\n", name, why);
            bad++;
        }
    }
    print_message("%d tables read, %d refused\n", reads, refusals);
    buf_release(&index);
    arena_free(a);
    assert_int_equal(bad, 0);
    assert_true(reads > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
