/* Statements that change a table's rows and files: what the table holds afterwards. */
#include "engine/session.h"
#include "lake/catalog.h"
#include "resolve/resolve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world { char dir[64]; struct resolver_names *names; struct engine *engine; struct session *session; };

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    struct err err = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/lakestmt-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->names = resolve_new(w->dir, w->dir);
    w->engine = engine_open(w->dir, w->dir, w->names, NULL, &err);
    if (!w->engine)
        fail_msg("%s", err.msg);
    w->session = session_new(w->engine, &err);
    assert_non_null(w->session);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    session_free(w->session);
    engine_close(w->engine);
    resolve_free(w->names);
    if (fs_remove_tree(w->dir, &err))
        print_message("%s\n", err.msg);
    mem_free(w);
    return 0;
}

static int collect(void *ctx, const struct stmt *st, struct session_result *r, struct err *err)
{
    struct buf *out = ctx;
    int rc;
    (void)st;
    if (!r->rows)
        return 0;
    buf_clear(out);
    while ((rc = duck_next(r->rows, err)) > 0)
        for (size_t i = 0; i < duck_rows(r->rows); i++)
            session_row_json(r, i, out);
    return rc;
}

/* Runs a script; compares the rows of its last query. */
static void expect(struct world *w, const char *sql, const char *rows)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out);
    if (session_run_script(w->session, "test.sql", 1, str_z(sql), collect, &out, &err)) {
        char text[1024];
        fail_msg("%s\n%s", sql, err_text(&err, text, sizeof text));
    }
    assert_string_equal(out.ptr, rows);
    buf_release(&out);
}

static void rows_are_deleted_and_updated(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE t (id INT, name STRING); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');"
              "DELETE FROM t WHERE id = 2; SELECT * FROM t ORDER BY id", "{\"id\":1,\"name\":\"a\"}{\"id\":3,\"name\":\"c\"}");
    expect(w, "UPDATE t SET name = upper(name), id = id + 10 WHERE id > 1; SELECT * FROM t ORDER BY id",
           "{\"id\":1,\"name\":\"a\"}{\"id\":13,\"name\":\"C\"}");
    expect(w, "TRUNCATE TABLE t; SELECT count(*) AS n FROM t", "{\"n\":0}");
}

static void rows_are_merged(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE m (id INT, v INT); INSERT INTO m VALUES (1, 10), (2, 20);"
              "MERGE INTO m USING (SELECT 2 AS id, 5 AS v UNION ALL SELECT 3, 30) s ON m.id = s.id WHEN MATCHED THEN UPDATE SET v = m.v + s.v"
              " WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v);"
              "SELECT * FROM m ORDER BY id", "{\"id\":1,\"v\":10}{\"id\":2,\"v\":25}{\"id\":3,\"v\":30}");
}

static void files_are_joined_and_versions_restored(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE o (id INT); INSERT INTO o VALUES (1); INSERT INTO o VALUES (2); OPTIMIZE o; SELECT id FROM o ORDER BY id",
           "{\"id\":1}{\"id\":2}");
    expect(w, "VACUUM o; SELECT count(*) AS n FROM o", "{\"n\":2}");
    expect(w, "RESTORE TABLE o TO VERSION AS OF 1; SELECT id FROM o", "{\"id\":1}");
}

static void tables_are_altered_and_commented(void **state)
{
    struct world *w = *state;
    expect(w, "CREATE TABLE a (id INT); INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMNS (name STRING); INSERT INTO a VALUES (2, 'b');"
              "SELECT * FROM a ORDER BY id", "{\"id\":1,\"name\":null}{\"id\":2,\"name\":\"b\"}");
    expect(w, "COMMENT ON TABLE a IS 'told'; SELECT count(*) AS n FROM a", "{\"n\":2}");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_are_deleted_and_updated), TEST(rows_are_merged), TEST(files_are_joined_and_versions_restored),
        TEST(tables_are_altered_and_commented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
