/* The example's queries resolve, print and run: each statement's result becomes the next one's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "spark.h"
#include <stdio.h>

static struct spark spark;

static void must(int rc, const struct err *err)
{
    char text[900];
    if (rc)
        fail_msg("%s", err_text(err, text, sizeof text));
}

static void run_query(const struct stmt *st)
{
    struct arena *a = arena_new();
    struct buf sql, create;
    struct err err = {0};
    buf_init(&sql);
    buf_init(&create);
    must(spark_print(&spark, a, st->query, &sql, &err) ? 0 : -1, &err);
    if (st->name.count) {
        buf_z(&create, "CREATE OR REPLACE TABLE ");
        struct rel named = {.name = st->name};
        if (named.name.count == 3) {
            named.name.parts++;
            named.name.count--;
        }
        put_name(&create, &named);
        buf_z(&create, " AS ");
    }
    buf_str(&create, buf_view(&sql));
    must(duck_exec(spark.c, buf_view(&create), &err), &err);
    buf_release(&sql);
    buf_release(&create);
    arena_free(a);
}

static void run_file(const char *path)
{
    struct arena *a = arena_new();
    struct buf text;
    struct stmts stmts = {0};
    struct err err = {0};
    buf_init(&text);
    must(fs_read_file(path, 1 << 20, &text, &err), &err);
    must(sparksql_parse(a, path, 1, buf_view(&text), &stmts, &err), &err);
    for (size_t i = 0; i < stmts.count; i++)
        if (stmts.items[i]->query && (stmts.items[i]->kind == STMT_CREATE_STREAMING_TABLE ||
                                      stmts.items[i]->kind == STMT_CREATE_MATERIALIZED_VIEW))
            run_query(stmts.items[i]);
    buf_release(&text);
    arena_free(a);
}

static void example_pipelines(void **state)
{
    static const char *const files[] = {"silver/customers", "silver/products", "silver/sales", "silver/sales_enriched",
                                        "gold/dimensions", "gold/fact_sales", "gold/aggregates"};
    struct err err = {0};
    (void)state;
    must(duck_exec(spark.c, STR("CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE TABLE "
         "bronze.sales_events AS SELECT encode('{\"order\":{\"sls_ord_num\":\"SO1\",\"sls_prd_key\":\"P-1\",\"sls_cust_id\":7,"
         "\"sls_order_dt\":20240105,\"sls_ship_dt\":0,\"sls_due_dt\":20240230,\"sls_sales\":null,\"sls_quantity\":2,"
         "\"sls_price\":-5}}') AS body, 3 AS partition, 41::BIGINT AS \"offset\", now() AS \"enqueuedTime\", 'sales' AS topic"),
         &err), &err);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[200];
        snprintf(path, sizeof path, "examples/retail/pipelines/%s.sql", files[i]);
        run_file(path);
    }
    int64_t n = 0;
    bool found = false;
    must(duck_scalar_i64(spark.c, STR("SELECT count(*) FROM gold.fact_sales WHERE sales_amount = 10 AND price = 5 AND "
         "order_date = DATE '2024-01-05' AND shipping_date IS NULL AND due_date IS NULL"), &n, &found, &err), &err);
    assert_int_equal(n, 1);
}

static int setup(void **state)
{
    struct err err;
    (void)state;
    return spark_open(&spark, &err);
}

static int teardown(void **state)
{
    (void)state;
    spark_close(&spark);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(example_pipelines)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
