"""Spark's own client reads every type: what `pyspark-client` makes of the Arrow streams of a run."""

import json
import subprocess

import pytest

from conftest import DEADLINE_SEC, ROOT, Run, environment

PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"

# A query, and its rows as Python prints them.
ANSWERS = [
    ("SELECT NULL AS v", "[None]"),
    ("SELECT true AS v UNION ALL SELECT NULL UNION ALL SELECT false", "[True, None, False]"),
    ("SELECT CAST(id - 1 AS TINYINT) AS v FROM range(3)", "[-1, 0, 1]"),
    ("SELECT CAST(-32768 AS SMALLINT) AS v", "[-32768]"),
    ("SELECT CAST(id AS INT) AS v FROM range(2)", "[0, 1]"),
    ("SELECT 9223372036854775807 AS v", "[9223372036854775807]"),
    ("SELECT CAST(0.5 AS FLOAT) AS v", "[0.5]"),
    ("SELECT CAST('NaN' AS DOUBLE) AS v", "[nan]"),
    ("SELECT CAST(-id AS DECIMAL(38,3)) AS v FROM range(2)", "[Decimal('0.000'), Decimal('-1.000')]"),
    ("SELECT CASE WHEN id = 1 THEN NULL ELSE repeat('aé', CAST(id AS INT)) END AS v FROM range(3)", "['', None, 'aéaé']"),
    ("SELECT CAST('xy' AS BINARY) AS v", "[b'xy']"),
    ("SELECT DATE'1900-01-01' AS v", "[datetime.date(1900, 1, 1)]"),
    ("SELECT TIMESTAMP_NTZ'2024-02-29 12:34:56.789' AS v", "[datetime.datetime(2024, 2, 29, 12, 34, 56, 789000)]"),
    ("SELECT INTERVAL '3 04:05:06.7' DAY TO SECOND AS v", "[datetime.timedelta(days=3, seconds=14706, microseconds=700000)]"),
    ("SELECT array(1, NULL, 3) AS v UNION ALL SELECT NULL", "[[1, None, 3], None]"),
    ("SELECT array(array('a'), array()) AS v", "[[['a'], []]]"),
    ("SELECT map('a', 1, 'b', NULL) AS v", "[{'a': 1, 'b': None}]"),
    ("SELECT named_struct('a', 1, 'b', array(named_struct('c', 'x'))) AS v", "[Row(a=1, b=[Row(c='x')])]"),
    ("SELECT id AS v FROM range(10) WHERE id > 10", "[]"),
    ("SELECT id AS v FROM range(5) ORDER BY id DESC LIMIT 2", "[4, 3]"),
]
REFUSED = [
    ("SELECT nope AS v", "UNRESOLVED_COLUMN"),
    ("SELECT * FROM no_such_table", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELEC 1", "PARSE_SYNTAX_ERROR"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Runs a script of the client, in which `spark` is a session, against a project of nothing; its output."""
    place = tmp_path_factory.mktemp("connect")
    (place / "databricks.yml").write_text("bundle: {name: small}\n")
    run = Run(place, place / "state", "--insecure-local")
    try:
        address = run.ready()["spark"]

        def script(text):
            start = f'from pyspark.sql import SparkSession, functions as F\nspark = SparkSession.builder.remote("{address}/;use_ssl=false").getOrCreate()\n'
            done = subprocess.run(
                [PYTHON, "-"], input=start + text, capture_output=True, text=True, timeout=DEADLINE_SEC, env=environment({"PYTHONIOENCODING": "utf-8"})
            )
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{run.said()}"
            return done.stdout

        yield script
        assert run.stop() == 0, run.said()
    finally:
        run.kill()


def test_every_type_reaches_the_client(spark):
    queries = json.dumps([query for query, _ in ANSWERS])
    out = spark(f"import datetime\nfor query in {queries}:\n    print([row.v for row in spark.sql(query).collect()])\n")
    assert list(zip((q for q, _ in ANSWERS), out.splitlines(), strict=True)) == ANSWERS


def test_a_result_of_many_batches_is_whole(spark):
    out = spark(
        "t = spark.sql(\"SELECT id, CASE WHEN id % 7 = 0 THEN NULL ELSE concat('row ', id) END AS s FROM range(50000)\").toArrow()\n"
        "rows = t.to_pylist()\n"
        "assert sorted(r['id'] for r in rows) == list(range(50000))\n"
        "assert all(r['s'] == (None if r['id'] % 7 == 0 else f\"row {r['id']}\") for r in rows)\n"
        "print(t.num_rows)\n"
    )
    assert out.strip() == "50000"


def test_dataframes_and_views(spark):
    out = spark(
        "d = spark.range(10).withColumn('g', F.col('id') % 3)\n"
        "d.createOrReplaceTempView('tens')\n"
        "print([tuple(r) for r in d.groupBy('g').agg(F.sum('id').alias('s')).orderBy('g').collect()])\n"
        "print(spark.table('tens').where('g = 1').count(), d.join(d, 'id').count())\n"
    )
    assert out.splitlines() == ["[(0, 18), (1, 12), (2, 15)]", "3 10"]


def test_errors_carry_their_class_and_the_session_goes_on(spark):
    queries = json.dumps([query for query, _ in REFUSED])
    out = spark(
        f"for query in {queries}:\n    try:\n        spark.sql(query).collect()\n        print('accepted')\n"
        "    except Exception as e:\n        print(str(e).replace('\\n', ' '))\n"
        "print(spark.sql('SELECT 1 AS v').collect()[0].v)\n"
    ).splitlines()
    assert out[-1] == "1"
    for (query, says), line in zip(REFUSED, out):
        assert says in line, query
