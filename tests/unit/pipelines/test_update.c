/* updates: streaming tables and views from files and tables, incremental, with expectations. */
#include "unit/pipelines/harness.h"

static void test_first(void **state)
{
    (void)state;
    struct err err = {};
    struct world *w = world_new();
    world_write(w, "in/a.csv", "id,name\n1,one\n2,two\n,none\n");
    world_write(w, "p.sql",
                "CREATE OR REFRESH STREAMING TABLE landed (CONSTRAINT has_id EXPECT (id IS NOT NULL) ON VIOLATION DROP ROW,\n"
                " CONSTRAINT short EXPECT (length(name) < 4)) AS\n"
                "SELECT try_cast(id AS INT) AS id, name FROM STREAM read_files('in/', format => 'csv', header => true, schema => 'id STRING, name STRING');\n"
                "CREATE OR REFRESH MATERIALIZED VIEW counted AS SELECT count(*) AS n, sum(id) AS total FROM landed;\n");
    must(world_add(w, "p", "p.sql", &err), &err);
    struct outcome o = world_update(w, "p", NULL);
    must(o.status != RUN_SUCCEEDED, &o.err);
    assert_string_equal(world_sql(w, "SELECT * FROM s.landed ORDER BY id"), "{\"id\":1,\"name\":\"one\"}\n{\"id\":2,\"name\":\"two\"}\n");
    assert_string_equal(world_sql(w, "SELECT * FROM s.counted"), "{\"n\":2,\"total\":3}\n");
    world_write(w, "in/b.csv", "id,name\n3,three\n");
    o = world_update(w, "p", NULL);
    must(o.status != RUN_SUCCEEDED, &o.err);
    assert_string_equal(world_sql(w, "SELECT * FROM s.counted"), "{\"n\":3,\"total\":6}\n");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
