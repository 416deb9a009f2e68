/* What the writer's tests share: a database, tables in a folder of their own, rows as text. */
#ifndef PAYSTREAK_TESTS_LAKE_TEST_H
#define PAYSTREAK_TESTS_LAKE_TEST_H
#include "lake/dml.h"
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
static char base[] = "/tmp/lake-test-XXXXXX";
static int table_number;

#define OK(call) do { if ((call) < 0) { print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, err_code_name(err.code), err.msg); fail(); } } while (0)

/* The expressions of these tests read the same in Spark and in DuckDB. */
static int same_text(void *ctx, struct arena *a, struct duck_conn *c, struct str spark, const struct type *schema, const char *alias,
                     struct buf *duck, const struct type **type_out, struct err *err)
{
    (void)ctx, (void)a, (void)c, (void)schema, (void)alias, (void)type_out, (void)err;
    buf_str(duck, spark);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    struct err err;
    db = duck_new(&(struct duck_opts){.threads = 2, .memory_mb = 1024}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    lake_set_expr_fn(same_text, NULL);
    return conn && lake_register(db, &err) == 0 && mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    duck_disconnect(conn);
    duck_free(db);
    return fs_remove_tree(base, &err);
}

static struct lake_table *new_table(void)
{
    char dir[256];
    snprintf(dir, sizeof dir, "%s/t %d", base, table_number++);
    return lake_table_open(dir);
}

/* A file's statistics; good until the next call. */
static __attribute__((unused)) const char *stats_of(const struct lake_file *f)
{
    static char text[8192];
    struct arena *a = arena_new();
    struct str s = lake_file_stats(a, f);
    snprintf(text, sizeof text, "%.*s", STR_ARGS(s));
    arena_free(a);
    return text;
}

/* First column of a query as text, its rows joined by ';', values by '|'. */
static __attribute__((unused)) const char *query(const char *sql)
{
    static char text[16384];
    struct err err = {};
    struct buf out;
    int got = -1;
    buf_init(&out);
    struct duck_result *r = duck_query(conn, str_z(sql), &err);
    while (r && (got = duck_next(r, &err)) > 0)
        for (size_t i = 0; i < duck_rows(r); i++) {
            buf_z(&out, out.len ? ";" : "");
            for (size_t k = 0; k < duck_cols(r); k++) {
                buf_z(&out, k ? "|" : "");
                duck_render(r, k, i, DUCK_AS_JSON, &out);
            }
        }
    snprintf(text, sizeof text, "%s", got < 0 ? err.msg : out.ptr);
    duck_result_free(r);
    buf_release(&out);
    return text;
}

/* The rows of `columns`, ordered by all, as text. */
static __attribute__((unused)) const char *rows_of(struct lake_table *t, const char *columns)
{
    struct err err = {};
    struct buf sql;
    buf_init(&sql);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    buf_printf(&sql, "SELECT %s FROM ", columns);
    const char *text = s && lake_scan_sql(s, NULL, &sql, &err) == 0 ? (buf_z(&sql, " ORDER BY ALL"), query(sql.ptr)) : "?";
    lake_snapshot_unref(s);
    buf_release(&sql);
    return text;
}

/* Makes a table of `ddl` with properties "k=v,k=v" and, if not NULL, rows. Fails the test if that fails. */
static __attribute__((unused)) struct lake_table *make_table(const char *ddl, const char *by, const char *properties, const char *rows)
{
    struct err err = {};
    struct arena *a = arena_new();
    struct lake_table *t = new_table();
    struct str partition = str_z(by), rest = str_z(properties), part;
    struct lake_pair pairs[10];
    size_t n = 0;
    int64_t version;
    while (str_split(&rest, ',', &part)) {
        str_split(&part, '=', &pairs[n].key);
        pairs[n].is_null = false;
        pairs[n++].value = part;
    }
    const struct type *schema = type_read_ddl(a, str_z(ddl), &err);
    if (!schema)
        print_error("%s\n", err.msg);
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_create(x, &(struct lake_spec){.schema = schema, .partition_columns = &partition, .partition_count = by ? 1 : 0, .properties = {pairs, n}}, &err));
    if (rows)
        OK(lake_txn_write(x, str_z(rows), NULL, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    arena_free(a);
    return t;
}

static __attribute__((unused)) int append(struct lake_table *t, const char *select, struct err *err)
{
    int64_t version;
    struct lake_txn *x = lake_txn_begin(t, conn, err);
    int rc = x && lake_txn_write(x, str_z(select), NULL, err) >= 0 ? lake_txn_commit(x, &version, err) : -1;
    lake_txn_end(x);
    return rc;
}
#endif
