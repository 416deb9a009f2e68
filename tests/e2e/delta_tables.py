"""Delta tables made by delta-spark, one function a table, for the reader's tests: every feature that a reader
may meet. TABLES[name](spark, path) makes the table at `path`; rows are small and fixed, so that a run needs
no stored files. `spark_session()` starts the session that makes and reads them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = {}


def table(make):
    TABLES[make.__name__] = make
    return make


def spark_session(warehouse):
    from pyspark.sql import SparkSession

    jars = sorted((ROOT / "build" / "deps" / "jars").glob("delta-*.jar"))
    if not jars:
        return None
    builder = SparkSession.builder.master("local[2]")
    settings = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.memory": "1g",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
        "spark.sql.ansi.enabled": "true",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


class using:
    """Session settings for a block."""

    def __init__(self, spark, **settings):
        self.spark, self.settings = spark, {k.replace("__", "."): v for k, v in settings.items()}

    def __enter__(self):
        self.before = {k: self.spark.conf.get(k, None) for k in self.settings}
        for k, v in self.settings.items():
            self.spark.conf.set(k, v)

    def __exit__(self, *_):
        for k, v in self.before.items():
            self.spark.conf.unset(k) if v is None else self.spark.conf.set(k, v)


def t(path):
    return f"delta.`{path}`"


def run(spark, path, *statements):
    for s in statements:
        spark.sql(s.replace("$T", t(path)))


V = "id BIGINT, k INT, s STRING"
FILL = "INSERT INTO $T SELECT id, CAST(id % 3 AS INT), concat('v', id) FROM range({}, {})"


@table
def v2_checkpoint_json(spark, path):
    with using(spark, spark__databricks__delta__checkpointV2__topLevelFileFormat="json"):
        run(spark, path, f"CREATE TABLE $T ({V}) USING delta TBLPROPERTIES ('delta.checkpointPolicy'='v2','delta.checkpointInterval'='3')")
        for i in range(7):
            run(spark, path, FILL.format(i * 5, i * 5 + 5))
        run(spark, path, "DELETE FROM $T WHERE id % 7 = 0")


@table
def v2_checkpoint_parquet(spark, path):
    with using(spark, spark__databricks__delta__checkpointV2__topLevelFileFormat="parquet"):
        run(spark, path, f"CREATE TABLE $T ({V}) USING delta PARTITIONED BY (k) TBLPROPERTIES ('delta.checkpointPolicy'='v2','delta.checkpointInterval'='3')")
        for i in range(7):
            run(spark, path, FILL.format(i * 5, i * 5 + 5))
        run(spark, path, "DELETE FROM $T WHERE id % 7 = 0")


@table
def compacted_log(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta")
    for i in range(6):
        run(spark, path, FILL.format(i * 5, i * 5 + 5))
    run(spark, path, "DELETE FROM $T WHERE k = 1")


@table
def mapping_name_nested(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, st STRUCT<a: INT, `b c`: STRUCT<d: STRING, e: ARRAY<STRUCT<f: INT>>>>, m MAP<STRING, STRUCT<x: INT, y: STRING>>, p STRING) "
        "USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.columnMapping.mode'='name')",
        "INSERT INTO $T VALUES (1, named_struct('a', 1, 'b c', named_struct('d', 'x', 'e', array(named_struct('f', 1), null))), map('k', named_struct('x', 1, 'y', 'z')), 'p 1')",
        "INSERT INTO $T VALUES (2, null, null, null), (3, named_struct('a', null, 'b c', null), map(), '')",
        "ALTER TABLE $T RENAME COLUMN p TO `part, x`",
        "ALTER TABLE $T RENAME COLUMN st.a TO `new a`",
        "ALTER TABLE $T ADD COLUMN (st.z DOUBLE)",
        "ALTER TABLE $T DROP COLUMN m",
        "ALTER TABLE $T ADD COLUMN (m ARRAY<INT>)",
        "INSERT INTO $T SELECT 4, named_struct('new a', 4, 'b c', named_struct('d', 'q', 'e', array()), 'z', 4.5D), 'p2', array(1, null)")


@table
def mapping_id(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, st STRUCT<a: INT, b: ARRAY<STRING>>, p DATE) USING delta PARTITIONED BY (p) "
        "TBLPROPERTIES ('delta.columnMapping.mode'='id', 'delta.checkpointInterval'='2')",
        "INSERT INTO $T VALUES (1, named_struct('a', 1, 'b', array('x')), DATE'2024-01-01')",
        "ALTER TABLE $T RENAME COLUMN id TO `id two`",
        "INSERT INTO $T VALUES (2, null, null)",
        "ALTER TABLE $T DROP COLUMN st", "ALTER TABLE $T ADD COLUMN (st INT)",
        "INSERT INTO $T VALUES (3, DATE'1500-01-01', 9)")


@table
def mapping_structs_of_other_fields(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, s STRUCT<a: INT, b: STRUCT<c: INT>>, l ARRAY<STRUCT<x: INT>>, m MAP<STRING, STRUCT<x: BINARY, y: ARRAY<INT>>>) USING delta TBLPROPERTIES ('delta.columnMapping.mode'='name')",
        "INSERT INTO $T VALUES (1, named_struct('a', 1, 'b', named_struct('c', 5)), array(named_struct('x', 1), null), map('k', named_struct('x', X'00FF', 'y', array(1)))), (2, null, null, null), (3, named_struct('a', null, 'b', null), array(), map('k', null))",
        *[f"ALTER TABLE $T {change}" for change in ("ADD COLUMN (l.element.z INT)", "DROP COLUMN l.element.x", "ADD COLUMN (s.b.d DATE)", "DROP COLUMN s.b.c", "ADD COLUMN (m.value.n TIMESTAMP)",
                                                    "DROP COLUMN m.value.x", "DROP COLUMN m.value.y")],
        "INSERT INTO $T VALUES (4, named_struct('a', 4, 'b', named_struct('d', DATE'2024-01-01')), array(named_struct('z', 1)), map('q', named_struct('n', TIMESTAMP'2024-01-01 00:00:00')))")


@table
def mapping_added_later(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta", FILL.format(0, 5),
        "ALTER TABLE $T SET TBLPROPERTIES ('delta.columnMapping.mode'='name','delta.minReaderVersion'='2','delta.minWriterVersion'='5')",
        "ALTER TABLE $T RENAME COLUMN s TO text", "ALTER TABLE $T RENAME COLUMN k TO s", "INSERT INTO $T VALUES (9, 9, 'nine')")


@table
def deletion_vectors(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta TBLPROPERTIES ('delta.enableDeletionVectors'='true','delta.enableChangeDataFeed'='true')")
    spark.range(0, 5000, 1, 1).selectExpr("id", "CAST(id % 3 AS INT) k", "concat('v', id) s").write.format("delta").mode("append").save(str(path))
    run(spark, path, "DELETE FROM $T WHERE id % 11 = 0", "UPDATE $T SET s = 'u' WHERE id < 50", "DELETE FROM $T WHERE id BETWEEN 1000 AND 2000",
        "OPTIMIZE $T", "DELETE FROM $T WHERE id = 7", "RESTORE $T TO VERSION AS OF 4")


@table
def cdf_plain(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta PARTITIONED BY (k) TBLPROPERTIES ('delta.enableChangeDataFeed'='true')", FILL.format(0, 30),
        "UPDATE $T SET s = 'u' WHERE id < 5", "DELETE FROM $T WHERE k = 2", "INSERT OVERWRITE $T SELECT 100, 7, 'o'", "ALTER TABLE $T ADD COLUMN (extra INT)",
        "INSERT INTO $T VALUES (101, 7, 'p', 1)",
        "MERGE INTO $T t USING (SELECT 101L AS id UNION ALL SELECT 200L) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET s = 'm' WHEN NOT MATCHED THEN INSERT (id, k, s) VALUES (s.id, 1, 'n')",
        "OPTIMIZE $T", "DELETE FROM $T")


@table
def partitions_of_every_type(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, b BOOLEAN, y TINYINT, h SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, c DECIMAL(20,4), s STRING, t TIMESTAMP, n TIMESTAMP_NTZ, a DATE, v VARCHAR(20), x CHAR(5)) "
        "USING delta PARTITIONED BY (b, y, h, i, l, f, d, c, s, t, n, a, v, x) TBLPROPERTIES ('delta.feature.timestampNtz'='supported')",
        "INSERT INTO $T VALUES (1, true, -1Y, -300S, 7, 9223372036854775807, float('1.5'), double('-2.5e-300'), 1234567890123456.7890, 'a/b=c%d e:f?g*h[i]{j}\"k''l', TIMESTAMP'2024-02-29 23:59:59.999999', TIMESTAMP_NTZ'1582-10-04 00:00:00.000001', DATE'0001-01-01', 'var char', 'ch')",
        "INSERT INTO $T VALUES (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null)",
        "INSERT INTO $T VALUES (3, false, 1Y, 0S, 0, 0, float('NaN'), double('Infinity'), 0, 'é漢😀', TIMESTAMP'1969-12-31 23:59:59.5', TIMESTAMP_NTZ'2024-01-01 00:00:00', DATE'9999-12-31', '', '')",
        "INSERT INTO $T VALUES (4, false, 1Y, 0S, 0, 0, float('-Infinity'), double('-0.0'), -0.0001, 'line\nbreak\ttab', TIMESTAMP'0001-01-01 00:00:00', TIMESTAMP_NTZ'0001-01-01 00:00:00', DATE'1582-10-15', '%41', 'x')")


@table
def type_widening(spark, path):
    run(spark, path, "CREATE TABLE $T (a TINYINT, b SMALLINT, c INT, d FLOAT, e DECIMAL(5,2), f DATE, g ARRAY<INT>, h MAP<TINYINT, STRUCT<x: INT>>, p INT, i INT, j TINYINT) USING delta PARTITIONED BY (p) "
        "TBLPROPERTIES ('delta.enableTypeWidening'='true', 'delta.feature.timestampNtz'='supported')",
        "INSERT INTO $T VALUES (1, 2, 3, float('1.1'), 1.25, DATE'1500-02-03', array(1, null), map(1Y, named_struct('x', 5)), 1, 3, 4)",
        *[f"ALTER TABLE $T ALTER COLUMN {c}" for c in ("a TYPE INT", "b TYPE INT", "c TYPE BIGINT", "d TYPE DOUBLE", "e TYPE DECIMAL(20,4)", "f TYPE TIMESTAMP_NTZ", "g.element TYPE BIGINT",
                                                        "h.key TYPE SMALLINT", "h.value.x TYPE BIGINT", "p TYPE BIGINT", "i TYPE DECIMAL(12,2)", "j TYPE DOUBLE")],
        "INSERT INTO $T VALUES (100000, 100000, 10000000000, 1e300, 1234567.1234, TIMESTAMP_NTZ'2024-01-01 01:02:03.000004', array(10000000000), map(300S, named_struct('x', 10000000000)), 10000000000, 1.25, 1.5)")


@table
def variants(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, v VARIANT, a ARRAY<VARIANT>, st STRUCT<v: VARIANT, w: INT>) USING delta",
        """INSERT INTO $T SELECT 1, parse_json('{"a": 1, "b": [1, 2.5, null, "x"], "c": {"d": true}}'), array(parse_json('1'), null), named_struct('v', parse_json('"s"'), 'w', 1)""",
        "INSERT INTO $T SELECT 2, null, null, null",
        "INSERT INTO $T SELECT 3, parse_json('null'), array(), named_struct('v', parse_json('[]'), 'w', 2)")


@table
def variants_of_every_type(spark, path):
    values = ["1.50BD", "1.5D", "float('1.1')", "DATE'1960-01-01'", "TIMESTAMP'1960-01-01 00:00:00.5'", "TIMESTAMP_NTZ'2024-01-01 01:02:03'", "X'00FF'", "5Y", "9223372036854775807",
              "CAST(123456789012345678901234567890.12345678 AS DECIMAL(38,8))", "double('NaN')", "double('-Infinity')", "1e300D", "100.00BD", "''"]
    run(spark, path, "CREATE TABLE $T (id INT, v VARIANT) USING delta", "INSERT INTO $T " + " UNION ALL ".join(f"SELECT {i}, CAST({v} AS VARIANT)" for i, v in enumerate(values)),
        "INSERT INTO $T SELECT 100, to_variant_object(named_struct('n', double('NaN'), 'b', array(X'00FF'), 't', TIMESTAMP'1960-01-01 00:00:00.000001', 'd', DATE'0001-01-01', 'c', CAST(1.25 AS DECIMAL(9,4))))")


@table
def variants_unannotated(spark, path):
    with using(spark, spark__sql__parquet__variant__annotateLogicalType__enabled="false", spark__sql__variant__writeShredding__enabled="false"):
        variants(spark, path)


@table
def variants_shredded(spark, path):
    with using(spark, spark__sql__variant__writeShredding__enabled="true", spark__sql__variant__forceShreddingSchemaForTest="a int, b string, c struct<d boolean>"):
        run(spark, path, "CREATE TABLE $T (id INT, v VARIANT) USING delta TBLPROPERTIES ('delta.enableVariantShredding'='true')",
            """INSERT INTO $T SELECT 1, parse_json('{"a": 1, "b": "x", "c": {"d": true}, "z": [1]}')""",
            """INSERT INTO $T SELECT 2, parse_json('{"a": "no int", "b": 5}')""", "INSERT INTO $T SELECT 3, null", "INSERT INTO $T SELECT 4, parse_json('[1, 2]')")


@table
def variants_shredded_unannotated(spark, path):
    with using(spark, spark__sql__parquet__variant__annotateLogicalType__enabled="false"):
        variants_shredded(spark, path)


@table
def int96_and_legacy(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, t TIMESTAMP, d DATE, c DECIMAL(9,2), e DECIMAL(18,4), f DECIMAL(38,10), l ARRAY<INT>, m MAP<STRING, INT>) USING delta")
    row = "SELECT {0}, TIMESTAMP'{1}', DATE'{2}', 1234567.89, -12345678901234.5678, 1234567890123456789012345678.0123456789, array(1, null), map('k', null)"
    with using(spark, spark__sql__parquet__outputTimestampType="INT96"):
        run(spark, path, "INSERT INTO $T " + row.format(1, "2024-01-02 03:04:05.123456", "2024-01-02"), "INSERT INTO $T " + row.format(2, "1900-01-01 00:00:00", "1582-10-15"))
    with using(spark, spark__sql__parquet__writeLegacyFormat="true"):
        run(spark, path, "INSERT INTO $T " + row.format(3, "2024-01-02 03:04:05.123456", "2024-01-02"))
    with using(spark, spark__sql__parquet__outputTimestampType="TIMESTAMP_MILLIS"):
        run(spark, path, "INSERT INTO $T " + row.format(4, "2024-01-02 03:04:05.123", "1969-01-02"))
    with using(spark, spark__sql__parquet__datetimeRebaseModeInWrite="LEGACY", spark__sql__parquet__int96RebaseModeInWrite="LEGACY"):
        run(spark, path, "INSERT INTO $T " + row.format(5, "2024-05-06 03:04:05.123456", "2024-05-06"))


@table
def legacy_rebase_old_dates(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, t TIMESTAMP, d DATE) USING delta")
    with using(spark, spark__sql__parquet__datetimeRebaseModeInWrite="LEGACY"):
        run(spark, path, "INSERT INTO $T SELECT 1, TIMESTAMP'1500-01-02 03:04:05', DATE'1500-01-02'", "INSERT INTO $T SELECT 2, TIMESTAMP'0001-01-02 03:04:05', DATE'0001-01-02'")
    with using(spark, spark__sql__parquet__int96RebaseModeInWrite="LEGACY", spark__sql__parquet__outputTimestampType="INT96"):
        run(spark, path, "INSERT INTO $T SELECT 3, TIMESTAMP'1500-01-02 03:04:05', DATE'2024-01-02'")


@table
def row_tracking(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta TBLPROPERTIES ('delta.enableRowTracking'='true','delta.checkpointInterval'='2')", FILL.format(0, 20), "UPDATE $T SET s = 'u' WHERE id < 3",
        "DELETE FROM $T WHERE id = 9", "OPTIMIZE $T")


@table
def in_commit_timestamps(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps'='true')", FILL.format(0, 3), FILL.format(3, 6))


@table
def clustered(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta CLUSTER BY (k, s)", FILL.format(0, 20), "OPTIMIZE $T")


@table
def char_varchar_void(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, c CHAR(4), v VARCHAR(6), n VOID, st STRUCT<a: STRING, b: INT>) USING delta", "INSERT INTO $T (id, c, v, st) VALUES (1, 'a', 'b', named_struct('a', 'x', 'b', 1)), (2, null, null, null)")


@table
def case_and_missing(spark, path):
    run(spark, path, "CREATE TABLE $T (Id INT, Name STRING) USING delta", "INSERT INTO $T VALUES (1, 'a')")
    spark.sql("SELECT 2 AS ID, 'b' AS nAmE, 3 AS Extra").write.format("delta").mode("append").option("mergeSchema", "true").save(str(path))
    run(spark, path, "ALTER TABLE $T ADD COLUMN (First DATE FIRST)", "ALTER TABLE $T ALTER COLUMN Extra AFTER Id")


@table
def overwritten_schema(spark, path):
    run(spark, path, "CREATE TABLE $T (a INT, b STRING) USING delta", "INSERT INTO $T VALUES (1, 'x')")
    spark.sql("SELECT 'text' AS a, 1.5D AS c").write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(str(path))


@table
def empty(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}, st STRUCT<a: INT>) USING delta TBLPROPERTIES ('delta.columnMapping.mode'='name')")


@table
def a_path_with_spaces_and_more(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}) USING delta PARTITIONED BY (s)", FILL.format(0, 4))


@table
def shallow_clone(spark, path):
    source = str(path) + " source"
    run(spark, source, f"CREATE TABLE $T ({V}) USING delta PARTITIONED BY (s) TBLPROPERTIES ('delta.enableDeletionVectors'='true')", FILL.format(0, 10), "DELETE FROM $T WHERE id = 3")
    run(spark, path, f"CREATE TABLE $T SHALLOW CLONE {t(source)}", "DELETE FROM $T WHERE id = 4", FILL.format(20, 22))


@table
def iceberg_compat(spark, path):
    run(spark, path, f"CREATE TABLE $T ({V}, l ARRAY<STRUCT<a: INT>>, m MAP<STRING, INT>) USING delta TBLPROPERTIES ('delta.enableIcebergCompatV2'='true','delta.columnMapping.mode'='name')",
        "INSERT INTO $T VALUES (1, 1, 'a', array(named_struct('a', 1)), map('k', 1))")


@table
def checkpoint_struct_stats(spark, path):
    run(spark, path, "CREATE TABLE $T (id BIGINT, `a.b` STRING, p DATE, t TIMESTAMP, c DECIMAL(10,2)) USING delta PARTITIONED BY (p) TBLPROPERTIES "
        "('delta.checkpoint.writeStatsAsJson'='false','delta.checkpoint.writeStatsAsStruct'='true','delta.checkpointInterval'='2')")
    for i in range(5):
        run(spark, path, f"INSERT INTO $T VALUES ({i}, 'x{i}', DATE'2024-01-0{i + 1}', TIMESTAMP'2024-01-01 00:00:0{i}', {i}.25)")


@table
def nested_deep(spark, path):
    run(spark, path, "CREATE TABLE $T (id INT, a ARRAY<ARRAY<MAP<STRING, ARRAY<INT>>>>, m MAP<INT, MAP<STRING, STRUCT<a: ARRAY<INT>>>>, f STRUCT<x: FLOAT, y: DOUBLE, z: BINARY, w: DATE, v: TIMESTAMP>) USING delta",
        "INSERT INTO $T VALUES (1, array(array(map('k', array(1, null), 'l', null), null), null), map(1, map('x', named_struct('a', array(1)), 'y', null)), named_struct('x', float('NaN'), 'y', double('-Infinity'), 'z', X'00FF', 'w', DATE'1970-01-01', 'v', TIMESTAMP'1970-01-01 00:00:00')), "
        "(2, null, null, null), (3, array(), map(), named_struct('x', float('1.1'), 'y', 1e-310D, 'z', X'', 'w', null, 'v', null))")


def folder_name(name):
    return "a path with spaces, 100% é [x]" if name.startswith("a_path") else name


def save_expected(spark, frame, to):
    """The rows as Parquet; a VARIANT as JSON text, a void column left out."""
    from pyspark.sql import functions

    for column, kind in frame.dtypes:
        if "variant" in kind:
            frame = frame.withColumn(column, functions.to_json(functions.col(f"`{column}`")))
        elif kind == "void":
            frame = frame.drop(column)
    frame.coalesce(1).write.mode("overwrite").parquet(str(to))
