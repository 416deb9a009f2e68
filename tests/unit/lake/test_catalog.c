/* lake: the catalog. Names, folders, views and external tables, from many threads. */
#include "lake/catalog.h"
#include "lake/write.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char base[] = "/tmp/lake-catalog-XXXXXX";
static struct lake_catalog *cat;
static struct arena *arena;
static struct duck *db;
static struct duck_conn *conn;

#define OK(call) do { if (call) { print_error("%s: %s\n", err_code_name(err.code), err.msg); fail(); } } while (0)

static int setup(void **state)
{
    (void)state;
    struct err err;
    arena = arena_new();
    db = duck_new(&(struct duck_opts){.threads = 1, .memory_mb = 256}, &err);
    conn = db ? duck_connect(db, &err) : NULL;
    cat = mkdtemp(base) ? lake_catalog_open(base, &err) : NULL;
    return cat && conn ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err;
    lake_catalog_close(cat);
    duck_disconnect(conn);
    duck_free(db);
    arena_free(arena);
    return fs_remove_tree(base, &err);
}

static struct lake_name name_of(const char *dotted)
{
    struct err err = {};
    struct str parts[4], rest = str_z(dotted);
    size_t n = 0;
    while (n < 4 && str_split(&rest, '.', &parts[n]))
        n++;
    struct lake_name out = {};
    OK(lake_name_resolve(arena, parts, n, NULL, &out, &err));
    return out;
}

static enum lake_kind kind_of(const char *dotted)
{
    struct err err = {};
    struct lake_entry e;
    struct lake_name n = name_of(dotted);
    OK(lake_catalog_find(cat, arena, &n, &e, &err));
    return e.kind;
}

static void make_managed(const char *dotted)
{
    struct err err = {};
    struct lake_name n = name_of(dotted);
    int64_t version;
    struct lake_txn *x = lake_txn_begin(lake_catalog_table(cat, lake_catalog_dir(cat, arena, &n)), conn, &err);
    assert_non_null(x);
    assert_int_equal(lake_txn_write(x, STR("SELECT 1 AS a"), NULL, &err), 1);
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
}

static void test_names(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        {"T", "main.default.t"}, {"Gold.Fact", "main.gold.fact"}, {"hive_metastore.x.y", "main.x.y"},
        {"Spark_Catalog.x.y", "main.x.y"}, {"other.x.y", "other.x.y"}, {"a b.c", "main.`a b`.c"}, {"x.a`b", "main.x.`a``b`"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lake_name n = name_of(cases[i].in);
        assert_string_equal(lake_name_text(arena, &n).ptr, cases[i].out);
    }
    struct err err = {};
    struct lake_name n;
    struct lake_scope scope = {STR("dev"), STR("silver")};
    OK(lake_name_resolve(arena, (struct str[]){STR("t")}, 1, &scope, &n, &err));
    assert_string_equal(lake_name_text(arena, &n).ptr, "dev.silver.t");
    assert_int_equal(lake_name_resolve(arena, NULL, 0, NULL, &n, &err), -1);
    assert_int_equal(lake_name_resolve(arena, (struct str[]){STR("a"), STR("")}, 2, NULL, &n, &err), -1);
}

static void test_folders(void **state)
{
    (void)state;
    struct lake_name n = {STR("main"), STR("gold"), STR("../etc/pässwd %")};
    char *dir = lake_catalog_dir(cat, arena, &n);
    assert_null(strstr(dir, ".."));
    assert_non_null(strstr(dir, "/lake/main/gold/%2E%2E%2Fetc%2Fp%C3%A4sswd%20%25"));
}

static void test_schemas(void **state)
{
    (void)state;
    struct err err = {};
    bool existed;
    struct str *names;
    OK(lake_schema_create(cat, STR_NONE, STR("Silver"), STR("clean"), false, &err));
    assert_int_equal(lake_schema_create(cat, STR("main"), STR("silver"), STR(""), false, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    OK(lake_schema_create(cat, STR("hive_metastore"), STR("silver"), STR(""), true, &err));
    assert_int_equal(lake_list_schemas(cat, arena, STR("main"), &names, &err), 2);
    assert_true(str_eqz(names[0], "default"));
    assert_true(str_eqz(names[1], "silver"));
    make_managed("silver.t");
    assert_int_equal(lake_schema_drop(cat, STR("main"), STR("silver"), false, &existed, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    OK(lake_schema_drop(cat, STR("main"), STR("silver"), true, &existed, &err));
    assert_true(existed);
    assert_int_equal(kind_of("silver.t"), LAKE_NONE);
    OK(lake_schema_drop(cat, STR("main"), STR("silver"), true, &existed, &err));
    assert_false(existed);
}

static void test_entries(void **state)
{
    (void)state;
    struct err err = {};
    OK(lake_schema_create(cat, STR_NONE, STR("gold"), STR(""), true, &err));
    make_managed("gold.Fact");
    /* Handles outlive what they are of. */
    struct lake_name gone = name_of("gold.gone");
    struct lake_table *handle = lake_catalog_table(cat, lake_catalog_dir(cat, arena, &gone));
    bool was;
    make_managed("gold.gone");
    make_managed("gold.gone");
    lake_snapshot_unref(lake_table_latest(handle, conn, &err));
    OK(lake_catalog_drop(cat, &gone, &was, &err));
    assert_null(lake_table_latest(handle, conn, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    make_managed("gold.gone");
    struct lake_snapshot *anew = lake_table_latest(handle, conn, &err);
    assert_int_equal(anew->version, 0);
    lake_snapshot_unref(anew);
    OK(lake_catalog_drop(cat, &gone, &was, &err));
    assert_int_equal(kind_of("main.GOLD.fact"), LAKE_MANAGED);
    struct lake_entry view = {.kind = LAKE_VIEW, .name = name_of("gold.v"), .text = STR("SELECT * FROM fact"), .view_catalog = STR("main"),
                              .view_schema = STR("gold"), .settings_json = STR("{\"spark.sql.ansi.enabled\":\"true\"}"),
                              .schema_json = STR("{}"), .comment = STR("it's a view"), .created_ms = 7};
    OK(lake_catalog_put(cat, &view, false, &err));
    assert_int_equal(lake_catalog_put(cat, &view, false, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    OK(lake_catalog_put(cat, &view, true, &err));
    struct lake_entry ext = {.kind = LAKE_EXTERNAL, .name = name_of("gold.ext"), .location = STR("abfss://bronze@a.dfs.core.windows.net/t"),
                             .format = STR("delta")};
    OK(lake_catalog_put(cat, &ext, false, &err));
    view.name = name_of("gold.fact");
    assert_int_equal(lake_catalog_put(cat, &view, true, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    view.name = name_of("nowhere.v");
    assert_int_equal(lake_catalog_put(cat, &view, true, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct lake_entry *list;
    assert_int_equal(lake_list_entries(cat, arena, STR("main"), STR("gold"), &list, &err), 3);
    assert_true(str_eqz(list[0].name.table, "ext"));
    assert_int_equal(list[0].kind, LAKE_EXTERNAL);
    assert_int_equal(list[1].kind, LAKE_MANAGED);
    assert_int_equal(list[2].kind, LAKE_VIEW);
    assert_true(str_eqz(list[2].comment, "it's a view"));
    assert_int_equal(list[2].created_ms, 7);
    assert_true(str_eqz(list[2].settings_json, "{\"spark.sql.ansi.enabled\":\"true\"}"));
    /* Another process finds the same. */
    struct lake_catalog *other = lake_catalog_open(base, &err);
    assert_non_null(other);
    assert_int_equal(lake_list_entries(other, arena, STR("main"), STR("gold"), &list, &err), 3);
    lake_catalog_close(other);
    struct lake_name from = name_of("gold.fact"), to = name_of("default.fact2");
    OK(lake_catalog_rename(cat, &from, &to, &err));
    assert_int_equal(kind_of("gold.fact"), LAKE_NONE);
    assert_int_equal(kind_of("fact2"), LAKE_MANAGED);
    from = name_of("gold.v");
    assert_int_equal(lake_catalog_rename(cat, &from, &to, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    bool existed;
    OK(lake_catalog_drop(cat, &to, &existed, &err));
    assert_true(existed);
    assert_int_equal(kind_of("fact2"), LAKE_NONE);
    OK(lake_catalog_drop(cat, &from, &existed, &err));
    assert_true(existed);
    OK(lake_catalog_drop(cat, &from, &existed, &err));
    assert_false(existed);
    /* A table made anew where one was dropped starts at version 0. */
    make_managed("fact2");
    to = name_of("fact2");
    struct lake_snapshot *s = lake_table_latest(lake_catalog_table(cat, lake_catalog_dir(cat, arena, &to)), conn, &err);
    assert_int_equal(s->version, 0);
    lake_snapshot_unref(s);
}

static void *put_views(void *arg)
{
    struct err err = {};
    struct arena *a = arena_new();
    intptr_t failed = 0;
    for (int i = 0; i < 20; i++) {
        struct lake_entry e = {.kind = LAKE_VIEW, .name = {STR("main"), STR("default"), str_fmt(a, "v_%s_%d", (char *)arg, i)},
                               .text = STR("SELECT 1")};
        struct lake_entry got;
        if (lake_catalog_put(cat, &e, false, &err) || lake_catalog_find(cat, a, &e.name, &got, &err) || got.kind != LAKE_VIEW)
            failed++;
    }
    arena_free(a);
    return (void *)failed;
}

static void test_threads(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d"};
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, put_views, (void *)(uintptr_t)names[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_folders), cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_entries), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
