"""Delta tables that the lake writes, read by delta-rs and by Delta on Spark; and theirs, read by the lake."""

import datetime
import decimal
import json
import os
import subprocess
from pathlib import Path

import pytest

deltalake = pytest.importorskip("deltalake")
import pyarrow as pa  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("PAYSTREAK_TREE", "release")
TOOL = ROOT / "build" / TREE / "tests" / "unit" / "lake" / "lake_tool"
MAKE_FLAGS = {"debug": ["DEBUG=1"], "asan": ["SAN=address,undefined"], "release": []}[TREE]

TYPES = (
    "SELECT i::BIGINT AS id, (i % 100)::TINYINT AS b, i::SMALLINT AS s, i::INT AS n, i * 0.5::FLOAT AS f, i * 1.5::DOUBLE AS d, "
    "(i * 1.25)::DECIMAL(12,3) AS amount, i % 2 = 0 AS yes, 'name ' || i AS name, encode('x' || i) AS raw, "
    "DATE '2024-01-01' + i::INT AS day, TIMESTAMPTZ '2024-01-01 00:00:00.000001+00' + to_seconds(i) AS ts, "
    "[i, NULL, i + 1] AS list, {'a': i, 'b': {'c': 'deep'}} AS st, MAP {'k': i} AS m, NULL::VARCHAR AS nothing "
    "FROM range(200) t(i)"
)


@pytest.fixture(scope="session")
def tool():
    if not os.environ.get("LAKE_TOOL"):
        subprocess.run(["make", "-s", *MAKE_FLAGS, str(TOOL.relative_to(ROOT))], cwd=ROOT, check=True)
    return os.environ.get("LAKE_TOOL") or str(TOOL)


@pytest.fixture
def lake(tool):
    """Runs commands; returns the output lines, and fails on an error line unless `fails`."""

    def run(*commands, fails=False):
        done = subprocess.run([tool], input="\n".join(commands) + "\n", capture_output=True, text=True, check=True, timeout=120)
        lines = done.stdout.splitlines()
        errors = [line for line in lines if line.startswith("error ")]
        assert bool(errors) == fails, done.stdout
        return errors if fails else [line for line in lines if line != "ok"]

    return run


def rows(lake, path, version=""):
    return [json.loads(line) for line in lake(f"table {path}", f"read {version}".strip())]


def write(path, *commands):
    return [f"table {path}", "begin", *commands, "commit"]


def table_of(path, **options):
    return deltalake.DeltaTable(str(path), **options)


def delta_rs(path, **options):
    """All rows as delta-rs (DataFusion) reads them, ordered by id."""
    query = deltalake.QueryBuilder().register("t", table_of(path, **options)).execute("SELECT * FROM t ORDER BY id")
    return pa.table(query).to_pylist()


def test_delta_rs_reads_every_type(lake, tmp_path):
    path = tmp_path / "types"
    lake(*write(path, f"write {TYPES}"))
    got = delta_rs(path)
    assert len(got) == 200
    row = got[7]
    utc = datetime.timezone.utc
    assert row["id"] == 7 and row["b"] == 7 and row["s"] == 7 and row["f"] == 3.5 and row["d"] == 10.5
    assert row["amount"] == decimal.Decimal("8.750") and row["yes"] is False and row["name"] == "name 7" and row["raw"] == b"x7"
    assert row["day"] == datetime.date(2024, 1, 8) and row["ts"] == datetime.datetime(2024, 1, 1, 0, 0, 7, 1, tzinfo=utc)
    assert row["list"] == [7, None, 8] and row["st"] == {"a": 7, "b": {"c": "deep"}} and dict(row["m"]) == {"k": 7}
    assert row["nothing"] is None
    stats = table_of(path).get_add_actions(flatten=True)
    stats = pa.table(stats).to_pylist()[0]
    assert stats["num_records"] == 200 and stats["min.id"] == 0 and stats["max.id"] == 199
    assert stats["null_count.nothing"] == 200 and stats["min.day"] == datetime.date(2024, 1, 1)


def test_partitions_evolution_overwrite_and_checkpoint(lake, tmp_path):
    path = tmp_path / "a table"
    lake(*write(path, "create id BIGINT NOT NULL, p STRING, day DATE;p,day", "property delta.checkpointInterval 3",
                "write SELECT i AS id, CASE WHEN i < 3 THEN 'a b/c=%' || i END AS p, DATE '2024-01-01' AS day FROM range(5) t(i)"))
    lake(*write(path, "evolve SELECT 10 AS id, 'é' AS p, NULL AS day, 'new' AS extra"))
    for batch in range(4):
        lake(*write(path, f"app flow {batch}", f"write SELECT {100 + batch} AS id, 'batch' AS p, DATE '2024-02-02' AS day, NULL AS extra"))
    want = [(i, f"a b/c=%{i}" if i < 3 else None, datetime.date(2024, 1, 1), None) for i in range(5)]
    want += [(10, "é", None, "new")] + [(100 + b, "batch", datetime.date(2024, 2, 2), None) for b in range(4)]
    assert [(row["id"], row["p"], row["day"], row["extra"]) for row in delta_rs(path)] == want
    table = table_of(path)
    assert table.version() == 5 and table.transaction_version("flow") == 3
    assert table.metadata().partition_columns == ["p", "day"]
    assert (path / "_delta_log" / "00000000000000000003.checkpoint.parquet").exists()
    assert json.loads((path / "_delta_log" / "_last_checkpoint").read_text())["version"] == 3
    lake(*write(path, "overwrite", "write SELECT 1 AS id, 'only' AS p, NULL AS day"))
    assert delta_rs(path) == [{"id": 1, "p": "only", "day": None, "extra": None}]
    assert len(delta_rs(path, version=1)) == 6
    assert lake(*write(path, "app flow 3", "write SELECT 1 AS id"), fails=True)[0].startswith("error EXISTS")
    # From the checkpoint alone.
    lake(f"table {path}", "checkpoint")
    for commit in (path / "_delta_log").glob("*.json"):
        if int(commit.stem) < 6:
            commit.unlink()
    assert len(delta_rs(path)) == 1 and table_of(path).transaction_version("flow") == 3


def test_the_lake_reads_what_delta_rs_writes(lake, tmp_path):
    path = tmp_path / "theirs"
    data = pa.table({"id": pa.array(range(50), pa.int64()), "p": [f"x {i % 3}/%" for i in range(50)],
                     "t": pa.array([datetime.datetime(2024, 1, 1, 0, 0, i) for i in range(50)], pa.timestamp("us", "UTC"))})
    deltalake.write_deltalake(str(path), data, partition_by=["p"])
    deltalake.write_deltalake(str(path), data.append_column("more", pa.array(["m"] * 50)), mode="append", schema_mode="merge")
    table = table_of(path)
    table.delete("id >= 40")
    table.create_checkpoint()
    got = rows(lake, path)
    assert len(got) == 80 and {row["more"] for row in got} == {None, "m"}
    assert sorted({row["p"] for row in got}) == ["x 0/%", "x 1/%", "x 2/%"]
    assert min(row["t"] for row in got) == "2024-01-01T00:00:00Z"
    lake(*write(path, "write SELECT 1000 AS id, 'mine' AS p, now() AS t"))
    assert len(delta_rs(path)) == 81 and len(rows(lake, path, 0)) == 50
    lake(f"table {path}", "compact")
    assert len(delta_rs(path)) == 81 and len(table_of(path).file_uris()) == 4


def test_both_append_to_one_table(lake, tmp_path):
    path = tmp_path / "shared"
    lake(*write(path, "write SELECT 0::BIGINT AS id"))
    for i in range(1, 6):
        deltalake.write_deltalake(str(path), pa.table({"id": pa.array([i * 10], pa.int64())}), mode="append")
        lake(*write(path, f"write SELECT {i * 10 + 1} AS id"))
    ids = sorted(row["id"] for row in rows(lake, path))
    assert ids == sorted([0] + [i * 10 + k for i in range(1, 6) for k in (0, 1)])
    assert len(delta_rs(path)) == 11 and table_of(path).version() == 10


def test_what_is_not_written_is_refused_by_name(lake, tmp_path):
    path = tmp_path / "refused"
    for command, part in [
        ("create s STRUCT<v: VARIANT>", "nested field of type variant"),
        ("create `a b` INT", "a b"),
        ("create a INT, A STRING", "twice"),
        ("create a INT;b", "'b'"),
        ("create a INT;a", "all its columns"),
    ]:
        errors = lake(f"table {path}", "begin", command, "end", fails=True)
        assert part in errors[0], errors
    assert not (path / "_delta_log").exists()


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    jars = sorted((ROOT / "build" / "deps" / "jars").glob("delta-*.jar"))
    pyspark = pytest.importorskip("pyspark.sql")
    if not jars:
        pytest.skip("no Delta jars: scripts/deps test brings them")
    session = (
        pyspark.SparkSession.builder.master("local[1]")
        .config("spark.jars", ",".join(map(str, jars)))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    yield session
    session.stop()


def test_spark_reads_checkpoints_partitions_and_history(lake, spark, tmp_path):
    path = tmp_path / "for spark"
    lake(*write(path, "create id BIGINT, p STRING, ts TIMESTAMP;p", "property delta.checkpointInterval 2",
                "write SELECT i AS id, 'a b/%' || (i % 2) AS p, TIMESTAMPTZ '2024-01-02 03:04:05.000006+00' AS ts FROM range(10) t(i)"))
    for i in range(3):
        lake(*write(path, f"app flow {i}", f"write SELECT {100 + i} AS id, NULL AS p, now() AS ts"))
    got = spark.read.format("delta").load(str(path))
    assert got.count() == 13
    assert got.filter("p = 'a b/%1'").count() == 5 and got.filter("p IS NULL").count() == 3
    assert got.filter("id >= 101").count() == 2
    assert got.filter("ts = timestamp'2024-01-02 03:04:05.000006'").count() == 10
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
    assert [row["version"] for row in history] == [3, 2, 1, 0]
    assert history[0]["operationMetrics"]["numOutputRows"] == "1"
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 'spark', timestamp'2024-01-01 00:00:00')")
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id < 5")
    ids = sorted(row["id"] for row in rows(lake, path))
    assert ids == [5, 6, 7, 8, 9, 100, 101, 102, 1000]


def test_spark_reads_every_type(lake, spark, tmp_path):
    path = tmp_path / "types"
    lake(*write(path, f"write {TYPES}"), f"table {path}", "checkpoint")
    got = spark.read.format("delta").load(str(path))
    row = got.filter("id = 7").collect()[0].asDict(recursive=True)
    assert got.count() == 200 and row["amount"] == decimal.Decimal("8.750") and row["list"] == [7, None, 8]
    assert row["st"] == {"a": 7, "b": {"c": "deep"}} and row["m"] == {"k": 7} and row["b"] == 7
    assert got.filter("name = 'name 42' AND d = 63.0").count() == 1
