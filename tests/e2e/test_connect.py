"""Unmodified pyspark-client against `paystreak run`: DataFrames, SQL, types, errors."""

import json
import subprocess

import pytest

from conftest import DEADLINE_SEC, ORDERS, ROOT, Run

PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no build/deps/venv")

HEAD = """
import datetime, decimal, json, sys
from pyspark.sql import Row, SparkSession, Window, functions as F
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
def say(value):
    print("SAID " + json.dumps(value, default=str))
def rows(df):
    return [list(row) for row in df.collect()]
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    run = Run(ORDERS, tmp_path_factory.mktemp("connect") / "state", "--insecure-local")
    try:
        yield run.ready()["spark"] + "/;use_ssl=false"
        assert run.stop() == 0, run.said()
    finally:
        run.kill()


@pytest.fixture
def client(address):
    """Runs a script in a session of its own; what it said, value by value."""

    def run(script):
        done = subprocess.run([PYTHON, "-", address], input=HEAD + script, capture_output=True, text=True, timeout=DEADLINE_SEC)
        assert done.returncode == 0, done.stderr[-4000:]
        return [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("SAID ")]

    return run


def test_select_filter_sort_limit(client):
    assert client("""
df = spark.range(10).select((F.col("id") * 2).alias("x"), "id").filter("x > 4").withColumn("s", F.when(F.col("id") > 8, "big").otherwise("small"))
say(rows(df.orderBy(F.desc("x")).limit(2)))
say([list(row) for row in df.orderBy("x").tail(1)])
say([df.columns, df.count(), df.first().s, df.isEmpty()])
say(rows(df.groupBy("s").agg(F.count("*").alias("n"), F.sum("x").alias("sum")).orderBy("s")))
""") == [[[18, 9, "big"], [16, 8, "small"]], [[18, 9, "big"]], [["x", "id", "s"], 7, "small", False], [["big", 1, 18], ["small", 6, 66]]]


def test_rows_come_whole_whatever_their_number(client):
    assert client("""
p = spark.range(300000).withColumn("t", F.concat(F.lit("text "), F.col("id").cast("string"))).toPandas()
say([len(p), int(p["id"].sum()), p["t"].iloc[299999]])
say(len(spark.range(5000).collect()))
""") == [[300000, 44999850000, "text 299999"], 5000]


def test_types(client):
    got = client("""
row = spark.sql('''SELECT CAST(1.5 AS DECIMAL(10,2)) AS d, DATE'2024-01-02' AS dt, TIMESTAMP'2024-01-02 03:04:05.123456' AS ts,
    TIMESTAMP_NTZ'2024-01-02 03:04:05' AS ntz, array(1, NULL) AS a, named_struct('x', 1, 'y', 'z') AS s, map('k', 1) AS m,
    CAST(NULL AS INT) AS n, true AS b, X'0102' AS bin, 1.5D AS f''').first()
say([repr(v) for v in row])
say(spark.sql("SELECT CAST(1 AS DECIMAL(10,2)) d, array(1) a, map('k', named_struct('x', 1L)) m").schema.simpleString())
say([str(v) for v in spark.range(1).select(F.lit(decimal.Decimal("1.5")), F.lit(datetime.date(2024, 1, 2))).first()])
""")
    assert got == [
        ["Decimal('1.50')", "datetime.date(2024, 1, 2)", "datetime.datetime(2024, 1, 2, 3, 4, 5, 123456)",
         "datetime.datetime(2024, 1, 2, 3, 4, 5)", "[1, None]", "Row(x=1, y='z')", "{'k': 1}", "None", "True", "b'\\x01\\x02'", "1.5"],
        "struct<d:decimal(10,2),a:array<int>,m:map<string,struct<x:bigint>>>",
        ["1.5", "2024-01-02"],
    ]


def test_local_rows(client):
    assert client("""
import pandas
say(rows(spark.createDataFrame([(1, "it's"), (2, None)], ["id", "s"]).orderBy("id")))
say(rows(spark.createDataFrame([], "a int, b string")))
say(spark.createDataFrame(pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})).withColumn("c", F.col("a") + 1).toPandas().values.tolist())
values = (1, decimal.Decimal("-1.50"), datetime.date(1969, 12, 31), datetime.datetime(2024, 1, 2, 3, 4, 5, 6), [1, None], {"k": 2}, Row(q=1),
          float("-inf"), True, b"\\x00\\xff", None, [[], ["x"]])
ddl = ("a int, d decimal(10,2), dt date, ts timestamp, l array<int>, m map<string,int>, s struct<q:int>, f double, b boolean, bin binary, "
       "n string, ll array<array<string>>")
say(spark.createDataFrame([values, (None,) * 12], ddl).collect() == [Row(*values), Row(*[None] * 12)])
say(spark.createDataFrame([(i,) for i in range(3000)], "a int").agg(F.sum("a")).first()[0])
""") == [[[1, "it's"], [2, None]], [], [[1, "x", 2], [2, "y", 3]], True, 4498500]


def test_joins_by_a_frames_own_column(client):
    assert client("""
a = spark.createDataFrame([(1, "x"), (2, "y")], ["id", "v"])
b = spark.createDataFrame([(1, "p"), (3, "q")], ["id", "v"])
j = a.join(b, a.id == b.id, "left")
say(rows(j.orderBy(a.id).select(a.id, a.v, b.v)))
say(rows(j.filter(b.v.isNull()).select(a.v)))
say([j.drop(b.id).columns, j.drop(b.id).join(b, "id").count()])
say(rows(j.groupBy(a.v).agg(F.count(b.v).alias("n")).orderBy(a.v)))
c = a.filter("id > 1")
say(rows(a.join(c, a.id == c.id).select(c.v)))
try:
    j.select("v").collect()
except Exception as e:
    say("AMBIGUOUS_REFERENCE" in str(e))
""") == [[[1, "x", "p"], [2, "y", None]], [["y"]], [["id", "v", "v"], 1], [["x", 1], ["y", 0]], [["y"]], True]


def test_windows(client):
    assert client("""
df = spark.sql("SELECT * FROM VALUES ('a', 1), ('a', 2), ('b', 3) AS t(k, v)")
w = Window.partitionBy("k").orderBy("v")
say(rows(df.withColumn("n", F.row_number().over(w)).withColumn("s", F.sum("v").over(w.rowsBetween(-1, 0)))
           .withColumn("all", F.sum("v").over(w.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing))).orderBy("k", "v")))
""") == [[["a", 1, 1, 1, 3], ["a", 2, 2, 3, 3], ["b", 3, 1, 3, 3]]]


def test_show(client, address):
    script = 'spark.range(3).withColumn("s", F.lit("abcdef")).show(2, 5); spark.range(1).show()'
    done = subprocess.run([PYTHON, "-", address], input=HEAD + script, capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.stdout == (
        "+---+-----+\n| id|    s|\n+---+-----+\n|  0|ab...|\n|  1|ab...|\n+---+-----+\nonly showing top 2 rows\n\n"
        "+---+\n| id|\n+---+\n|  0|\n+---+\n\n"
    ), done.stderr


def test_sql_commands_and_views(client):
    assert client("""
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_test")
spark.sql("CREATE OR REPLACE TABLE connect_test.t (a INT, b STRING)")
spark.sql("INSERT INTO connect_test.t VALUES (1, 'x'), (2, 'quote \\\\' and \\\\\\\\')")
say(rows(spark.table("connect_test.t").orderBy("a")))
spark.table("connect_test.t").filter("a > 1").createOrReplaceTempView("v")
say(rows(spark.sql("SELECT a FROM v")))
spark.range(2).createOrReplaceTempView("v")
say(spark.table("v").count())
say([r.tableName for r in spark.sql("SHOW TABLES IN connect_test").collect() if r.isTemporary in (False, "false")])
spark.sql("DROP TABLE connect_test.t")
""") == [[[1, "x"], [2, "quote ' and \\"]], [[2]], 2, ["t"]]


def test_settings(client):
    assert client("""
spark.conf.set("my.key", "1")
say([spark.conf.get("my.key"), spark.conf.get("other", "none")])
spark.conf.unset("my.key")
say([spark.conf.get("my.key", "gone"), spark.conf.get("spark.sql.session.timeZone")])
say([spark.range(3).cache().count(), spark.interruptAll(), spark.version[:1]])
""") == [["1", "none"], ["gone", "UTC"], [3, [], "4"]]


REFUSED = {
    "spark.range(3).select('nope').collect()": "`nope` cannot be resolved. Did you mean one of the following? [`id`]",
    "spark.table('no.such').collect()": "TABLE_OR_VIEW_NOT_FOUND",
    "spark.sql('SELEC 1')": "PARSE_SYNTAX_ERROR",
    "spark.sql('SELECT 1 / 0').collect()": "DIVIDE_BY_ZERO",
    "spark.conf.get('no.such')": "SQL_CONF_NOT_FOUND",
    "spark.conf.set('spark.sql.session.timeZone', 'Europe/Berlin')": "INVALID_CONF_VALUE",
    "spark.conf.getAll": "spark.conf.getAll is not supported",
    "spark.range(9).randomSplit([0.5, 0.5], 1)[1].count()": "randomSplit is not supported",
    "spark.range(9).groupBy('id').pivot('id').count().collect()": "pivot",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_errors_name_what_is_wrong(client, statement):
    [said] = client(f"""
try:
    {statement}
    say("no error")
except Exception as e:
    say(str(e))
""")
    assert REFUSED[statement] in said


def test_a_token_is_asked_for(start, tmp_path):
    spark = start(ORDERS, tmp_path / "state").ready()["spark"].split("/;")[0]
    script = f"""
from pyspark.sql import SparkSession
try:
    SparkSession.builder.remote("{spark}/;use_ssl=false").getOrCreate().range(1).collect()
    print("let in")
except Exception as e:
    print("UNAUTHENTICATED" in str(e))
"""
    done = subprocess.run([PYTHON, "-"], input=script, capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stdout + done.stderr


ERROR_CLASSES = {
    "spark.sql('SELEC 1')": ("ParseException", "PARSE_SYNTAX_ERROR", "42601"),
    "spark.sql('SELECT * FROM no_such')": ("AnalysisException", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    "spark.table('no.such').collect()": ("AnalysisException", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    "spark.range(3).select('nope').collect()": ("AnalysisException", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703"),
    "spark.sql('SELECT no_such_function(1)')": ("AnalysisException", "UNRESOLVED_ROUTINE", "42883"),
    "spark.sql('SELECT 1 / 0').collect()": ("ArithmeticException", "DIVIDE_BY_ZERO", "22012"),
    "spark.sql(\"SELECT CAST('a' AS INT)\").collect()": ("NumberFormatException", "CAST_INVALID_INPUT", "22018"),
    "spark.sql('SELECT :x')": ("AnalysisException", "UNBOUND_SQL_PARAMETER", "42P02"),
    "spark.range(9).groupBy('id').pivot('id').count().collect()": ("UnsupportedOperationException", None, "0A000"),
}


@pytest.mark.parametrize("statement", ERROR_CLASSES)
def test_errors_are_sparks_own_exceptions(client, statement):
    [said] = client(f"""
try:
    {statement}
    say("no error")
except Exception as e:
    say([type(e).__name__, e.getCondition(), e.getSqlState()])
""")
    assert tuple(said) == ERROR_CLASSES[statement]


def test_arguments_of_sql(client):
    assert client("""
say(rows(spark.sql("SELECT :a + 1 AS x, :b AS y", args={"a": 41, "b": "it's"})))
say(rows(spark.sql("SELECT ?, ? * 2, ?", args=["first", 4, None])))
say(rows(spark.sql("SELECT id FROM range(10) WHERE id > :low AND id < :high ORDER BY id", args={"low": 3, "high": 6})))
say(rows(spark.sql("SELECT * FROM IDENTIFIER(:t)", args={"t": "range(2)"[:5] and "ident_v"}) if spark.range(2).createOrReplaceTempView("ident_v") is None else None))
say(rows(spark.sql("SELECT array_contains(:list, 2) AS has", args={"list": F.array(F.lit(1), F.lit(2))})))
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_args")
spark.sql("CREATE OR REPLACE TABLE connect_args.t (a INT, b STRING)")
spark.sql("INSERT INTO connect_args.t VALUES (:a, :b)", args={"a": 7, "b": "seven"})
say(rows(spark.table("connect_args.t")))
""") == [[[42, "it's"]], [["first", 8, None]], [[4], [5]], [[0], [1]], [[True]], [[7, "seven"]]]


def test_rows_of_commands_have_types(client):
    assert client("""
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_typed")
spark.sql("CREATE OR REPLACE TABLE connect_typed.t (a INT)")
spark.range(1).createOrReplaceTempView("typed_v")
df = spark.sql("SHOW TABLES IN connect_typed")
say([[f.name, f.dataType.simpleString()] for f in df.schema.fields])
say(sorted([r.tableName, r.isTemporary] for r in df.collect()))
say(df.filter("NOT isTemporary").count())
say(spark.sql("CREATE SCHEMA IF NOT EXISTS connect_typed").columns)
say(spark.sql("SHOW TABLES IN connect_typed LIKE 'nothing*'").filter("NOT isTemporary").collect())
""") == [
        [["namespace", "string"], ["tableName", "string"], ["isTemporary", "boolean"]],
        [["t", False], ["typed_v", True]], 1, [], [],
    ]


def test_tables_are_written(client):
    assert client("""
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_write")
df = spark.range(3).withColumn("s", F.lit("x"))
df.write.saveAsTable("connect_write.t")
say(spark.table("connect_write.t").count())
try:
    df.write.saveAsTable("connect_write.t")
except Exception as e:
    say([type(e).__name__, e.getCondition()])
df.select("s", "id").write.mode("append").saveAsTable("connect_write.t")
say(spark.table("connect_write.t").count())
df.limit(1).write.mode("ignore").saveAsTable("connect_write.t")
say(spark.table("connect_write.t").count())
df.write.insertInto("connect_write.t")
say(spark.table("connect_write.t").count())
df.limit(1).write.insertInto("connect_write.t", overwrite=True)
say(spark.table("connect_write.t").count())
spark.range(2).write.format("delta").mode("overwrite").saveAsTable("connect_write.t")
say([spark.table("connect_write.t").columns, spark.table("connect_write.t").count()])
df.writeTo("connect_write.v2").create()
df.writeTo("connect_write.v2").append()
say(spark.table("connect_write.v2").count())
df.limit(1).writeTo("connect_write.v2").createOrReplace()
say(spark.table("connect_write.v2").count())
""") == [3, ["AnalysisException", "TABLE_OR_VIEW_ALREADY_EXISTS"], 6, 6, 9, 1, [["id"], 2], 6, 1]


def test_a_view_may_read_what_it_replaces(client):
    assert client("""
spark.range(5).createOrReplaceTempView("own")
for n in range(3):
    spark.table("own").filter(f"own.id > {n}").createOrReplaceTempView("own")
say(rows(spark.table("own")))
spark.range(1).createOrReplaceTempView("own")
say(spark.table("own").count())
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_view")
spark.sql("USE connect_view")
spark.sql("CREATE OR REPLACE TABLE hidden AS SELECT 1 AS x UNION ALL SELECT 2")
spark.table("hidden").filter("x > 1").createOrReplaceTempView("hidden")
say(rows(spark.table("hidden")))
""") == [[[3], [4]], 1, [[2]]]


OPTIONS_REFUSED = {
    "df.write.mode('overwrite').option('replaceWhere', 'id = 1').saveAsTable('connect_write.kept')": "option 'replaceWhere' of write is not supported",
    "df.write.mode('overwrite').option('partitionOverwriteMode', 'dynamic').insertInto('connect_write.kept')": "option 'partitionOverwriteMode'",
    "df.write.mode('append').option('mergeSchema', 'true').saveAsTable('connect_write.kept')": "option 'mergeSchema'",
    "df.writeTo('connect_write.kept').option('mergeSchema', 'true').append()": "option 'mergeSchema' of writeTo() is not supported",
    "spark.interruptTag('x')": "interruptTag() is not supported",
}


@pytest.mark.parametrize("statement", OPTIONS_REFUSED)
def test_no_option_is_dropped(client, statement):
    said, kept = client(f"""
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_write")
df = spark.range(3)
df.write.mode("overwrite").option("overwriteSchema", "true").saveAsTable("connect_write.kept")
df = df.limit(1)
try:
    {statement}
    say("no error")
except Exception as e:
    say(str(e))
say(spark.table("connect_write.kept").count())
""")
    assert OPTIONS_REFUSED[statement] in said
    assert kept == 3


def test_a_result_has_a_limit(client):
    assert client("""
spark.conf.set("spark.driver.maxResultSize", "1m")
say(spark.range(1000).toPandas().shape[0])
try:
    spark.range(1000000).collect()
except Exception as e:
    say("bigger than spark.driver.maxResultSize (1048576 bytes)" in str(e))
""") == [1000, True]


def test_files_are_written(client, tmp_path):
    out = tmp_path / "out"
    assert client(f"""
out = {str(out)!r}
df = spark.sql("SELECT id, concat('a,', id) AS s FROM range(3)")
for name in ("parquet", "csv", "json", "delta"):
    df.write.format(name).save(f"{{out}}/{{name}}")
    try:
        df.write.format(name).save(f"{{out}}/{{name}}")
        say("written twice")
    except Exception as e:
        say(e.getCondition())
    df.write.format(name).mode("append").save(f"{{out}}/{{name}}")
    df.write.format(name).mode("ignore").save(f"{{out}}/{{name}}")
    read = spark.read.format(name).schema("id BIGINT, s STRING") if name in ("csv", "json") else spark.read.format(name)
    say(sorted(rows(read.load(f"{{out}}/{{name}}")))[1:3])
    df.limit(1).write.format(name).mode("overwrite").save(f"{{out}}/{{name}}")
    say(read.load(f"{{out}}/{{name}}").count())
df.write.option("header", "true").option("sep", ";").csv(f"{{out}}/head")
try:
    df.write.option("compression", "lz77").parquet(f"{{out}}/other")
except Exception as e:
    say(str(e).split(";")[0])
""") == [
        what
        for name in ("parquet", "csv", "json", "delta")
        for what in ("DELTA_PATH_EXISTS" if name == "delta" else "PATH_ALREADY_EXISTS", [[0, "a,0"], [1, "a,1"]], 1)
    ] + ["option 'compression' of write is not supported"]
    (head,) = (out / "head").glob("part-*.csv")
    assert head.read_text().splitlines()[:2] == ["id;s", "0;a,0"]
    assert (out / "parquet" / "_SUCCESS").exists()


def test_the_catalog(client):
    assert client("""
c = spark.catalog
spark.sql("CREATE SCHEMA IF NOT EXISTS connect_catalog")
spark.sql("CREATE OR REPLACE TABLE connect_catalog.t (a INT, b STRING)")
spark.range(1).createOrReplaceTempView("catalog_v")
say([c.currentCatalog(), c.currentDatabase()])
say([c.databaseExists("connect_catalog"), c.databaseExists("nowhere"), "connect_catalog" in [d.name for d in c.listDatabases()]])
say([d.name for d in c.listDatabases("connect_cat*")])
say(sorted([t.name, t.namespace, t.tableType, t.isTemporary] for t in c.listTables("connect_catalog")))
say([c.tableExists("connect_catalog.t"), c.tableExists("t", "connect_catalog"), c.tableExists("connect_catalog.nope"), c.tableExists("catalog_v")])
say([[x.name, x.dataType, x.nullable] for x in c.listColumns("connect_catalog.t")])
c.setCurrentDatabase("connect_catalog")
say([c.currentDatabase(), c.getTable("t").name, c.getDatabase("connect_catalog").catalog, spark.table("t").count()])
say([c.dropTempView("catalog_v"), c.dropTempView("catalog_v"), c.tableExists("catalog_v"), c.isCached("t"), "main" in [x.name for x in c.listCatalogs()]])
try:
    c.listFunctions()
except Exception as e:
    say("list_functions is not supported" in str(e))
""") == [
        ["main", "default"], [True, False, True], ["connect_catalog"],
        [["catalog_v", [], "TEMPORARY", True], ["t", ["connect_catalog"], "MANAGED", False]],
        [True, True, False, True], [["a", "int", True], ["b", "string", True]],
        ["connect_catalog", "t", "main", 0], [True, False, False, False, True], True,
    ]
