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
