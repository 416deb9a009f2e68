/* lake: table features on write: what rows must meet, computed columns, names, protocol, ALTER TABLE. */
#include "lake_test.h"

static void assert_protocol(struct lake_table *t, const char *want)
{
    struct err err = {};
    char got[500];
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    int n = snprintf(got, sizeof got, "%d/%d", s->min_reader, s->min_writer);
    for (size_t i = 0; i < s->reader_feature_count; i++)
        n += snprintf(got + n, sizeof got - (size_t)n, "%s%.*s", i ? "," : " r:", STR_ARGS(s->reader_features[i]));
    for (size_t i = 0; i < s->writer_feature_count; i++)
        n += snprintf(got + n, sizeof got - (size_t)n, "%s%.*s", i ? "," : " w:", STR_ARGS(s->writer_features[i]));
    lake_snapshot_unref(s);
    assert_string_equal(got, want);
}

static void test_protocol(void **state)
{
    (void)state;
    static const struct { const char *ddl, *properties, *want; } cases[] = {
        {"a INT", "", "1/2"},
        {"a INT NOT NULL", "delta.appendOnly=true,my.key=v", "1/2"},
        {"a INT", "delta.enableChangeDataFeed=true", "1/4"},
        {"a INT", "delta.columnMapping.mode=name", "2/5"},
        {"a INT", "delta.columnMapping.mode=id,delta.enableChangeDataFeed=true", "2/5"},
        {"a TIMESTAMP_NTZ", "", "3/7 r:timestampNtz w:appendOnly,invariants,timestampNtz"},
        {"a INT", "delta.enableDeletionVectors=true,delta.columnMapping.mode=name",
         "3/7 r:columnMapping,deletionVectors w:appendOnly,invariants,columnMapping,deletionVectors"},
        {"a INT", "delta.enableRowTracking=true", "1/7 w:appendOnly,invariants,domainMetadata,rowTracking"},
        {"a INT", "delta.enableInCommitTimestamps=true", "1/7 w:appendOnly,invariants,inCommitTimestamp"},
        {"a INT", "delta.enableTypeWidening=true", "3/7 r:typeWidening w:appendOnly,invariants,typeWidening"},
        {"a INT", "delta.checkpointPolicy=v2", "3/7 r:v2Checkpoint w:appendOnly,invariants,v2Checkpoint"},
        {"a INT", "delta.feature.vacuumProtocolCheck=supported", "3/7 r:vacuumProtocolCheck w:appendOnly,invariants,vacuumProtocolCheck"},
        {"a INT", "delta.minWriterVersion=4", "1/4"},
        {"a INT", "delta.enableChangeDataFeed=true,delta.enableTypeWidening=true", "3/7 r:typeWidening w:appendOnly,invariants,changeDataFeed,typeWidening"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lake_table *t = make_table(cases[i].ddl, NULL, cases[i].properties, NULL);
        assert_protocol(t, cases[i].want);
        lake_table_close(t);
    }
}

static void test_not_null_and_check(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("id BIGINT NOT NULL, s STRUCT<a: INT NOT NULL, b: INT>", NULL, "", "SELECT 1 AS id, {'a': 1, 'b': NULL} AS s");
    OK(append(t, "SELECT 2 AS id, NULL AS s", &err));
    assert_int_equal(append(t, "SELECT 3 AS id, {'a': NULL, 'b': 1} AS s", &err), -1);
    assert_int_equal(err.code, ERR_USER);
    assert_non_null(strstr(err.msg, "s.a"));
    assert_int_equal(append(t, "SELECT NULL AS id, NULL AS s", &err), -1);
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_add_constraint(x, STR("big"), STR("id > 1"), &err), -1);
    assert_int_equal(err.code, ERR_USER);
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_add_constraint(x, STR("Positive"), STR("id > 0"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_protocol(t, "1/3");
    assert_int_equal(append(t, "SELECT 0 AS id", &err), -1);
    assert_int_equal(err.code, ERR_USER);
    assert_non_null(strstr(err.msg, "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] CHECK constraint positive (id > 0)"));
    struct lake_dml_metrics m;
    x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_update(x, &(struct lake_set){.column = STR("id"), .value = STR("-t.id")}, 1, NULL, &m, &err), -1);
    assert_int_equal(err.code, ERR_USER);
    lake_txn_end(x);
    /* Who cannot read Spark's text does not write. */
    lake_set_expr_fn(NULL, NULL);
    assert_int_equal(append(t, "SELECT 5 AS id", &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "CHECK constraint 'positive'"));
    lake_set_expr_fn(same_text, NULL);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_drop_constraint(x, STR("positive"), false, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    OK(append(t, "SELECT 0 AS id", &err));
    assert_string_equal(rows_of(t, "id"), "0;1;2");
    lake_table_close(t);
}

static const struct type *with_metadata(struct arena *a, const char *ddl, const char *column, const char *json)
{
    struct err err = {};
    const struct type *t = type_read_ddl(a, str_z(ddl), &err);
    struct type_field *fields = ARENA_ARRAY(a, struct type_field, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        fields[i] = t->fields[i];
        if (str_eqz(fields[i].name, column))
            fields[i].metadata = doc_json(a, NULL, str_z(json), &err);
    }
    return type_struct(a, fields, t->field_count);
}

static struct lake_table *made_with(const char *ddl, const char *column, const char *json)
{
    struct err err = {};
    struct arena *a = arena_new();
    int64_t version;
    struct lake_table *t = new_table();
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_create(x, &(struct lake_spec){.schema = with_metadata(a, ddl, column, json)}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    arena_free(a);
    return t;
}

static void test_computed(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_dml_metrics m;
    int64_t version;
    struct lake_table *t = made_with("a INT, twice BIGINT", "twice", "{\"delta.generationExpression\":\"a * 2\"}");
    assert_protocol(t, "1/4");
    OK(append(t, "SELECT 1 AS a", &err));
    OK(append(t, "SELECT 4 AS twice, 2 AS a", &err));
    assert_int_equal(append(t, "SELECT 5 AS twice, 2 AS a", &err), -1);
    assert_non_null(strstr(err.msg, "Generated Column (twice <=> a * 2)"));
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_update(x, &(struct lake_set){.column = STR("a"), .value = STR("t.a + 10")}, 1, &(struct lake_where){.duck = STR("t.a = 1")}, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "a, twice"), "2|4;11|22");
    /* One clause gives the computed column, the other does not. */
    const struct lake_set insert[] = {{.column = STR("a"), .value = STR("s.k")}, {.column = STR("twice"), .value = STR("s.k * 2")}}, update = {.column = STR("a"), .value = STR("s.k")};
    const struct lake_clause mixed[] = {{.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .sets = &update, .set_count = 1},
                                        {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .sets = insert, .set_count = 2}};
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_merge(x, &(struct lake_merge){.source_sql = STR("SELECT 5 AS k, 2 AS old UNION ALL SELECT 6, 99"), .on = {.duck = STR("t.a = s.old")}, .clauses = mixed, .clause_count = 2}, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "a, twice"), "5|10;6|12;11|22");
    lake_table_close(t);

    t = made_with("id BIGINT, v STRING", "id", "{\"delta.identity.start\":10,\"delta.identity.step\":5,\"delta.identity.allowExplicitInsert\":false}");
    assert_protocol(t, "1/6");
    OK(append(t, "SELECT 'x' || i AS v FROM range(3) t(i)", &err));
    OK(append(t, "SELECT 'last' AS v", &err));
    assert_int_equal(append(t, "SELECT 1 AS id, 'given' AS v", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(rows_of(t, "id"), "10;15;20;25");
    const struct lake_clause clauses[] = {{.when = LAKE_MATCHED, .then = LAKE_THEN_UPDATE, .star = true}, {.when = LAKE_NOT_MATCHED, .then = LAKE_THEN_INSERT, .star = true}};
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_merge(x, &(struct lake_merge){.source_sql = STR("SELECT 'last' AS v UNION ALL SELECT 'more'"), .on = {.duck = STR("t.v = s.v")}, .clauses = clauses, .clause_count = 2}, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "id, v"), "10|\"x0\";15|\"x1\";20|\"x2\";25|\"last\";30|\"more\"");
    lake_table_close(t);

    t = made_with("a INT, d INT", "d", "{\"CURRENT_DEFAULT\":\"7 + 1\"}");
    assert_protocol(t, "1/7 w:appendOnly,invariants,allowColumnDefaults");
    OK(append(t, "SELECT 1 AS a", &err));
    OK(append(t, "SELECT 2 AS a, NULL AS d", &err));
    assert_string_equal(rows_of(t, "a, d"), "1|8;2|null");
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_update(x, &(struct lake_set){.column = STR("d")}, 1, &(struct lake_where){.duck = STR("t.a = 2")}, &m, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "a, d"), "1|8;2|8");
    lake_table_close(t);
}

static void test_columns(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("a INT, p STRING, s STRUCT<x: INT, y: ARRAY<STRUCT<z: INT>>>", "p", "", "SELECT 1 AS a, 'p' AS p, {'x': 1, 'y': [{'z': 5}]} AS s");
    struct str a[] = {STR("A")}, sx[] = {STR("s"), STR("x")}, z[] = {STR("s"), STR("y"), STR("element"), STR("z")}, p[] = {STR("p")};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_rename_column(x, (struct lake_path){a, 1}, STR("b c"), &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "delta.columnMapping.mode"));
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err); /* mapping comes to a table with files: they keep their names */
    struct lake_pair name = {STR("delta.columnMapping.mode"), STR("name"), false};
    OK(lake_txn_set_properties(x, (struct lake_pairs){&name, 1}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_protocol(t, "2/5");
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_rename_column(x, (struct lake_path){a, 1}, STR("b c"), &err));
    OK(lake_txn_rename_column(x, (struct lake_path){z, 4}, STR("zz"), &err));
    OK(lake_txn_rename_column(x, (struct lake_path){p, 1}, STR("part"), &err));
    OK(lake_txn_drop_column(x, (struct lake_path){sx, 2}, &err));
    const struct type_field fresh = {.name = STR("x"), .type = type_of(TYPE_STRING), .nullable = true};
    struct str s_path[] = {STR("s")};
    OK(lake_txn_add_column(x, (struct lake_path){s_path, 1}, &fresh, LAKE_PLACE_FIRST, STR_NONE, &err));
    OK(lake_txn_add_column(x, (struct lake_path){NULL, 0}, &(struct type_field){.name = STR("n"), .type = type_of(TYPE_INT), .nullable = true}, LAKE_PLACE_AFTER, STR("b c"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    OK(append(t, "SELECT 2 AS \"b c\", 'q' AS part, {'x': 'new', 'y': [{'zz': 6}]} AS s, 9 AS n", &err));
    assert_string_equal(rows_of(t, "*"), "1|null|\"p\"|{\"x\":null,\"y\":[{\"zz\":5}]};2|9|\"q\"|{\"x\":\"new\",\"y\":[{\"zz\":6}]}");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_true(str_eqz(lake_property(s, "delta.columnMapping.maxColumnId"), "8"));
    assert_true(str_eqz(s->files[1]->partition.items[0].key, "p"));
    lake_snapshot_unref(s);
    /* And back: files are rewritten under their names, once the name is legal. */
    x = lake_txn_begin(t, conn, &err);
    struct str bc[] = {STR("b c")};
    OK(lake_txn_rename_column(x, (struct lake_path){bc, 1}, STR("b"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_drop_feature(x, STR("columnMapping"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_protocol(t, "1/2");
    assert_string_equal(rows_of(t, "b, part, s.x"), "1|\"p\"|null;2|\"q\"|\"new\"");
    lake_table_close(t);
}

/* Structs of old files that share no field with the table's: they are there, and hold nulls. */
static void test_structs_of_other_fields(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("a INT, s STRUCT<x: INT, y: STRING>, l ARRAY<STRUCT<z: INT>>, m MAP<STRING, STRUCT<b: BINARY>>", NULL, "delta.columnMapping.mode=name",
                                      "SELECT 1 AS a, {'x': 1, 'y': 'y'} AS s, [{'z': 1}, NULL] AS l, MAP {'k': {'b': '\\xFF'::BLOB}} AS m UNION ALL SELECT 2, NULL, [], NULL");
    struct str s[] = {STR("s"), STR("x")}, y[] = {STR("s"), STR("y")}, l[] = {STR("l"), STR("element"), STR("z")}, m[] = {STR("m"), STR("value"), STR("b")};
    const struct type_field fresh = {.name = STR("n"), .type = type_of(TYPE_DATE), .nullable = true};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_add_column(x, (struct lake_path){s, 1}, &fresh, LAKE_PLACE_FIRST, STR_NONE, &err));
    OK(lake_txn_add_column(x, (struct lake_path){l, 2}, &fresh, LAKE_PLACE_FIRST, STR_NONE, &err));
    OK(lake_txn_add_column(x, (struct lake_path){m, 2}, &fresh, LAKE_PLACE_FIRST, STR_NONE, &err));
    OK(lake_txn_drop_column(x, (struct lake_path){s, 2}, &err));
    OK(lake_txn_drop_column(x, (struct lake_path){y, 2}, &err));
    OK(lake_txn_drop_column(x, (struct lake_path){l, 3}, &err));
    OK(lake_txn_drop_column(x, (struct lake_path){m, 3}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    OK(append(t, "SELECT 3 AS a, {'n': DATE '2024-01-02'} AS s, [{'n': NULL::DATE}] AS l, NULL AS m", &err));
    assert_string_equal(rows_of(t, "*"), "1|{\"n\":null}|[{\"n\":null},null]|{\"k\":{\"n\":null}};2|null|[]|null;3|{\"n\":\"2024-01-02\"}|[{\"n\":null}]|null");
    lake_table_close(t);
}

static void test_widening(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("a INT, f FLOAT", NULL, "delta.enableTypeWidening=true", "SELECT 1 AS a, 1.5 AS f");
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_write(x, STR("SELECT 5000000000 AS a, 2.5::DOUBLE AS f"), &(struct lake_write_opts){.merge_schema = true}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "a, f, typeof(a)"), "1|1.5|\"BIGINT\";5000000000|2.5|\"BIGINT\"");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_true(str_find(s->schema_json, STR("\"delta.typeChanges\":[{\"toType\":\"long\",\"fromType\":\"integer\"}]")) >= 0);
    lake_snapshot_unref(s);
    struct str a[] = {STR("a")};
    x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_alter_column(x, (struct lake_path){a, 1}, &(struct lake_alter_column){.type = type_of(TYPE_INT)}, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_drop_feature(x, STR("typeWidening"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_protocol(t, "1/2");
    assert_string_equal(rows_of(t, "a, typeof(a)"), "1|\"BIGINT\";5000000000|\"BIGINT\"");
    lake_table_close(t);
}

static void test_alter(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("a INT, b INT", NULL, "", "SELECT 1 AS a, NULL AS b");
    struct str a[] = {STR("a")}, b[] = {STR("b")};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_alter_column(x, (struct lake_path){b, 1}, &(struct lake_alter_column){.set_nullable = true}, &err), -1);
    assert_int_equal(err.code, ERR_USER);
    lake_txn_end(x);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_alter_column(x, (struct lake_path){a, 1}, &(struct lake_alter_column){.set_nullable = true, .set_comment = true, .comment = STR("key"), .set_place = true}, &err));
    OK(lake_txn_set_description(x, STR("about"), &err));
    OK(lake_txn_cluster_by(x, &(struct lake_path){b, 1}, 1, &err));
    OK(lake_txn_set_domain(x, STR("mine"), STR("{}"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_true(str_eqz(s->schema->fields[0].name, "b") && !s->schema->fields[1].nullable && str_eqz(s->schema->fields[1].comment, "key"));
    assert_int_equal(s->domains.count, 2);
    assert_true(str_find(s->domains.items[0].value, STR("[[\"b\"]]")) >= 0);
    assert_true(str_eqz(s->description, "about"));
    lake_snapshot_unref(s);
    assert_protocol(t, "1/7 w:appendOnly,invariants,domainMetadata,clustering");
    x = lake_txn_begin(t, conn, &err);
    assert_int_equal(lake_txn_drop_feature(x, STR("domainMetadata"), &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    lake_txn_end(x);
    lake_table_close(t);
}

/* Row ids for files that were there; timestamps from the commit on. */
static void test_turned_on_later(void **state)
{
    (void)state;
    struct err err = {};
    int64_t version;
    struct lake_table *t = make_table("a INT", NULL, "", "SELECT i AS a FROM range(3) t(i)");
    OK(append(t, "SELECT 9 AS a", &err));
    struct lake_pair on[] = {{STR("delta.enableRowTracking"), STR("true"), false}, {STR("delta.enableInCommitTimestamps"), STR("true"), false}};
    struct lake_txn *x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_set_properties(x, (struct lake_pairs){on, 2}, &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_int_equal(s->file_count, 2);
    assert_int_equal(s->rows, 4);
    assert_non_null(strstr(s->files[0]->extra.ptr, "\"baseRowId\":0"));
    assert_non_null(strstr(s->files[1]->extra.ptr, "\"baseRowId\":3"));
    assert_true(str_eqz(lake_property(s, "delta.inCommitTimestampEnablementVersion"), "2"));
    lake_snapshot_unref(s);
    /* Even a clock that stands still moves on. */
    time_fake(true, (struct tp){1000000});
    OK(append(t, "SELECT 10 AS a", &err));
    time_fake(false, (struct tp){});
    struct arena *a = arena_new();
    struct lake_change *ch;
    assert_int_equal(lake_changes(a, lake_table_dir(t), 2, 3, &ch, &err), 2);
    assert_int_equal(ch[1].timestamp_ms, ch[0].timestamp_ms + 1);
    arena_free(a);
    x = lake_txn_begin(t, conn, &err);
    OK(lake_txn_drop_feature(x, STR("rowTracking"), &err));
    OK(lake_txn_drop_feature(x, STR("inCommitTimestamp"), &err));
    OK(lake_txn_commit(x, &version, &err));
    lake_txn_end(x);
    assert_string_equal(rows_of(t, "a"), "0;1;2;9;10");
    lake_table_close(t);
}

static void test_checkpoint_v2(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = make_table("a INT, p STRING", "p", "delta.checkpointPolicy=v2,delta.checkpointInterval=3,delta.enableDeletionVectors=true", "SELECT i AS a, 'p' || (i % 2) AS p FROM range(4) t(i)");
    for (int i = 0; i < 4; i++)
        OK(append(t, "SELECT 100 AS a, 'p0' AS p", &err));
    struct arena *a = arena_new();
    char **names;
    int64_t n = fs_list(a, path_join(a, lake_table_dir(t), "_delta_log"), &names, &err);
    int found = 0;
    for (int64_t i = 0; i < n; i++)
        found += strstr(names[i], ".checkpoint.") != NULL && strlen(names[i]) > 40;
    assert_int_equal(found, 1);
    for (int i = 0; i < 3; i++)
        OK(fs_unlink(arena_printf(a, "%s/_delta_log/%020d.json", lake_table_dir(t), i), &err));
    struct lake_table *again = lake_table_open(lake_table_dir(t));
    assert_string_equal(rows_of(again, "count(*), sum(a)"), "8|406");
    lake_table_close(again);
    lake_table_close(t);
    arena_free(a);
}

static void test_stats_columns(void **state)
{
    (void)state;
    struct err err = {};
    struct lake_table *t = make_table("a INT, b INT, s STRUCT<x: INT, y: INT>", NULL, "delta.dataSkippingStatsColumns=s.y", "SELECT 1 AS a, 2 AS b, {'x': 3, 'y': 4} AS s");
    struct lake_snapshot *s = lake_table_latest(t, conn, &err);
    assert_string_equal(stats_of(s->files[0]), "{\"numRecords\":1,\"minValues\":{\"s\":{\"y\":4}},\"maxValues\":{\"s\":{\"y\":4}},\"nullCount\":{\"s\":{\"y\":0}}}");
    lake_snapshot_unref(s);
    lake_table_close(t);
    t = make_table("a INT, b INT", NULL, "delta.dataSkippingNumIndexedCols=1", "SELECT 1 AS a, 2 AS b");
    s = lake_table_latest(t, conn, &err);
    assert_null(strstr(stats_of(s->files[0]), "\"b\""));
    lake_snapshot_unref(s);
    lake_table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol), cmocka_unit_test(test_not_null_and_check), cmocka_unit_test(test_computed), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_structs_of_other_fields), cmocka_unit_test(test_widening), cmocka_unit_test(test_alter), cmocka_unit_test(test_turned_on_later), cmocka_unit_test(test_checkpoint_v2),
        cmocka_unit_test(test_stats_columns),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
