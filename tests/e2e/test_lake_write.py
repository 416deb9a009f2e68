"""Each table feature, written by the lake and read by delta-rs, Polars and Delta on Spark; and writers side by side.

What a reader does not know it must refuse; what it reads must be equal. One Spark session serves the module."""

import json
import os
import random
import subprocess
import threading
from pathlib import Path

import pytest

deltalake = pytest.importorskip("deltalake")
import pyarrow as pa  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("PAYSTREAK_TREE", "release")
TOOL = ROOT / "build" / TREE / "tests" / "unit" / "lake" / "lake_tool"
MAKE_FLAGS = {"debug": ["DEBUG=1"], "asan": ["SAN=address,undefined"], "release": []}[TREE]


@pytest.fixture(scope="module")
def tool():
    if not os.environ.get("LAKE_TOOL"):
        subprocess.run(["make", "-s", *MAKE_FLAGS, str(TOOL.relative_to(ROOT))], cwd=ROOT, check=True)
    return os.environ.get("LAKE_TOOL") or str(TOOL)


@pytest.fixture
def lake(tool):
    def run(path, *commands, fails=False):
        done = subprocess.run([tool], input="\n".join([f"table {path}", *commands]) + "\n", capture_output=True, text=True, timeout=300)
        lines = done.stdout.splitlines()
        errors = [line for line in lines if line.startswith("error ")]
        assert done.returncode == 0 and bool(errors) == fails, done.stdout + done.stderr
        return errors if fails else [line for line in lines if line != "ok"]

    return run


@pytest.fixture(scope="module")
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
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    yield session
    session.stop()


def txn(*commands):
    return ["begin", *commands, "commit"]


def schema_json(*fields):
    return json.dumps({"type": "struct", "fields": [dict(zip(("name", "type", "nullable", "metadata"), f)) for f in fields]})


BASE = "SELECT i::BIGINT AS id, 'p' || (i % 2) AS p, 'name ' || i AS name FROM range(8) t(i)"
CHANGES = [
    *txn("delete t.id = 1 OR t.id = 6"),
    *txn("update name = 'new' || t.id WHERE t.id IN (2, 3)"),
    *txn("merge SELECT * FROM (VALUES (4, 'p0', 'merged', false), (5, 'p1', 'x', true), (50, 'p0', 'inserted', false)) v(id, p, name, _delete) ; t.id = s.id"),
]
AFTER = [(0, "p0", "name 0"), (2, "p0", "new2"), (3, "p1", "new3"), (4, "p0", "merged"), (7, "p1", "name 7"), (50, "p0", "inserted")]

# Properties; who reads the table (the others must refuse it): r delta-rs, p Polars, s Spark.
FEATURES = {
    "plain": ([], "rps"),
    "deletion vectors": (["delta.enableDeletionVectors true"], "rps"),
    "change data feed": (["delta.enableChangeDataFeed true"], "rps"),
    "vectors and feed": (["delta.enableDeletionVectors true", "delta.enableChangeDataFeed true"], "rps"),
    "column mapping by name": (["delta.columnMapping.mode name"], "rs"),
    "column mapping by id": (["delta.columnMapping.mode id"], "rs"),
    "row tracking": (["delta.enableRowTracking true"], "rps"),
    "row tracking with vectors": (["delta.enableRowTracking true", "delta.enableDeletionVectors true"], "rps"),
    "in-commit timestamps": (["delta.enableInCommitTimestamps true"], "rps"),
    "v2 checkpoints": (["delta.checkpointPolicy v2", "delta.checkpointInterval 2"], "rs"),
    "type widening": (["delta.enableTypeWidening true"], "s"),
    "vacuum protocol check": (["delta.feature.vacuumProtocolCheck supported"], "s"),
    "everything": (["delta.enableRowTracking true", "delta.enableDeletionVectors true", "delta.enableChangeDataFeed true", "delta.columnMapping.mode name",
                    "delta.enableInCommitTimestamps true", "delta.checkpointPolicy v2", "delta.checkpointInterval 2"], "rs"),
}


def by_delta_rs(path):
    query = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(str(path))).execute("SELECT id, p, name FROM t ORDER BY id")
    return [tuple(row.values()) for row in pa.table(query).to_pylist()]


def by_polars(path):
    polars = pytest.importorskip("polars")
    return [tuple(row) for row in polars.scan_delta(str(path)).select("id", "p", "name").sort("id").collect().rows()]


CASES = [(name, bool(odd)) for i, name in enumerate(FEATURES) for odd in ((0, 1) if os.environ.get("SOAK") else (i % 2,))]


@pytest.mark.parametrize(("name", "partitioned"), CASES)
def test_others_read_what_changed(lake, spark, tmp_path, name, partitioned):
    properties, readers = FEATURES[name]
    path = tmp_path / "t"
    create = "create id BIGINT, p STRING, name STRING" + (";p" if partitioned else "")
    lake(path, *txn(create, *(f"property {p}" for p in properties), f"write {BASE}"), *CHANGES)
    for key, read in (("r", by_delta_rs), ("p", by_polars)):
        if key in readers:
            assert read(path) == AFTER, read.__name__
        else:
            with pytest.raises(Exception):  # noqa: B017 - each has its own
                assert read(path) == AFTER
    got = spark.read.format("delta").load(str(path))
    assert [tuple(row) for row in got.select("id", "p", "name").orderBy("id").collect()] == AFTER
    assert [f.simpleString() for f in got.schema] == ["id:bigint", "p:string", "name:string"]
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").orderBy("version").collect()
    assert [row["operation"] for row in history] == ["CREATE TABLE", "DELETE", "UPDATE", "MERGE"]
    assert history[1]["operationMetrics"]["numDeletedRows"] == "2" and history[2]["operationMetrics"]["numUpdatedRows"] == "2"
    assert history[3]["operationMetrics"]["numTargetRowsInserted"] == "1" and history[3]["operationMetrics"]["numTargetRowsDeleted"] == "1"
    if name != "everything" and not os.environ.get("SOAK"):
        return
    # And Spark goes on with it.
    spark.sql(f"UPDATE delta.`{path}` SET name = 'spark' WHERE id = 0")
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 50")
    ours = [tuple(json.loads(line).values()) for line in lake(path, "read")]
    assert sorted(ours) == [(0, "p0", "spark"), *AFTER[1:-1]]


def test_the_feed_of_changes(lake, spark, tmp_path):
    for vectors in ("false", "true"):
        path = tmp_path / f"feed {vectors}"
        lake(path, *txn("create id BIGINT, p STRING, name STRING;p", "property delta.enableChangeDataFeed true",
                        f"property delta.enableDeletionVectors {vectors}", f"write {BASE}"), *CHANGES)
        got = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 1).load(str(path))
        rows = sorted((r["_commit_version"], r["id"], r["_change_type"], r["name"]) for r in got.collect())
        assert rows == [
            (1, 1, "delete", "name 1"), (1, 6, "delete", "name 6"),
            (2, 2, "update_postimage", "new2"), (2, 2, "update_preimage", "name 2"),
            (2, 3, "update_postimage", "new3"), (2, 3, "update_preimage", "name 3"),
            (3, 4, "update_postimage", "merged"), (3, 4, "update_preimage", "name 4"),
            (3, 5, "delete", "name 5"), (3, 50, "insert", "inserted"),
        ]
        if vectors == "false":
            theirs = pa.table(deltalake.DeltaTable(str(path)).load_cdf(starting_version=1)).to_pylist()
            assert sorted((r["_commit_version"], r["id"], r["_change_type"], r["name"]) for r in theirs) == rows


def test_row_ids_stay(lake, spark, tmp_path):
    for vectors in ("false", "true"):
        path = tmp_path / f"ids {vectors}"
        lake(path, *txn("create id BIGINT, p STRING, name STRING", "property delta.enableRowTracking true",
                        f"property delta.enableDeletionVectors {vectors}", f"write {BASE}"), *CHANGES)
        rows = spark.read.format("delta").load(str(path)).selectExpr("id", "_metadata.row_id", "_metadata.row_commit_version").orderBy("id").collect()
        assert [(r[0], r[1]) for r in rows if r[0] < 50] == [(i, i) for i in (0, 2, 3, 4, 7)]
        assert len({r[1] for r in rows}) == 6
        assert [r[2] for r in rows] == [0, 2, 2, 3, 0, 3]


def test_constraints_generated_identity_and_defaults(lake, spark, tmp_path):
    path = tmp_path / "computed"
    schema = schema_json(
        ("id", "long", True, {"delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": False}),
        ("a", "integer", False, {}),
        ("twice", "integer", True, {"delta.generationExpression": "a * 2"}),
        ("note", "string", True, {"CURRENT_DEFAULT": "'none'"}),
    )
    lake(path, *txn(f"schema {schema}", "write SELECT 5 AS a"), *txn("constraint positive a > 0"), *txn("write SELECT 6 AS a, 'x' AS note"))
    assert "positive" in lake(path, "begin", "write SELECT -1 AS a", "end", fails=True)[0]
    spark.sql(f"INSERT INTO delta.`{path}` (a) VALUES (7)")
    with pytest.raises(Exception, match="(?i)positive"):
        spark.sql(f"INSERT INTO delta.`{path}` (a) VALUES (-7)")
    lake(path, *txn("write SELECT 8 AS a"))
    rows = [tuple(r) for r in spark.read.format("delta").load(str(path)).orderBy("a").collect()]
    assert [r[1:] for r in rows] == [(5, 10, "none"), (6, 12, "x"), (7, 14, "none"), (8, 16, "none")]
    assert len({r[0] for r in rows}) == 4 and all(r[0] is not None for r in rows)


def test_columns_renamed_dropped_widened(lake, spark, tmp_path):
    path = tmp_path / "columns"
    lake(path, *txn("create id INT, p STRING, name STRING, gone INT;p", "write SELECT 1 AS id, 'p' AS p, 'n' AS name, 7 AS gone"),
         *txn("property delta.columnMapping.mode name"), *txn("rename name ; its name"), *txn("drop gone"),
         *txn("property delta.enableTypeWidening true"), *txn("type id BIGINT"),
         *txn("write SELECT 5000000000 AS id, 'q' AS p, 'm' AS \"its name\""))
    got = spark.read.format("delta").load(str(path))
    assert [f.simpleString() for f in got.schema] == ["id:bigint", "p:string", "its name:string"]
    assert [tuple(r) for r in got.orderBy("id").collect()] == [(1, "p", "n"), (5000000000, "q", "m")]
    lake(path, *txn("rename its name ; name"), *txn("feature typeWidening"), *txn("feature columnMapping"))
    assert deltalake.DeltaTable(str(path)).protocol().min_reader_version == 1
    assert by_delta_rs(path) == [(1, "p", "n"), (5000000000, "q", "m")] == by_polars(path)


def test_overwrites_clustering_and_skipping(lake, spark, tmp_path):
    path = tmp_path / "over"
    lake(path, *txn("create id BIGINT, p STRING, name STRING;p", f"write {BASE}"), *txn("partitions SELECT 100 AS id, 'p1' AS p, 'only' AS name"),
         *txn("where t.id < 3 ; SELECT 2 AS id, 'p0' AS p, 'again' AS name"))
    want = [(2, "p0", "again"), (4, "p0", "name 4"), (6, "p0", "name 6"), (100, "p1", "only")]
    assert by_delta_rs(path) == want == by_polars(path)
    assert [tuple(r) for r in spark.read.format("delta").load(str(path)).filter("id <= 4").orderBy("id").collect()] == want[:2]
    clustered = tmp_path / "clustered"
    lake(clustered, *txn("create id BIGINT, p STRING, name STRING", f"write {BASE}"), *txn("cluster id"))
    assert spark.sql(f"DESCRIBE DETAIL delta.`{clustered}`").collect()[0]["clusteringColumns"] == ["id"]
    spark.sql(f"OPTIMIZE delta.`{clustered}`")
    assert by_delta_rs(clustered) == [tuple(r) for r in spark.read.format("delta").load(str(clustered)).orderBy("id").collect()]


def test_large_deletion_vectors(lake, spark, tmp_path):
    path = tmp_path / "large"
    lake(path, *txn("create id BIGINT, p STRING, name STRING", "property delta.enableDeletionVectors true",
                    "write SELECT i AS id, 'p' AS p, 'n' AS name FROM range(300000) t(i)"),
         *txn("delete t.id % 3 = 0"), *txn("delete t.id > 250000"))
    want = [i for i in range(250001) if i % 3]
    assert [row[0] for row in by_delta_rs(path)] == want
    got = spark.read.format("delta").load(str(path)).selectExpr("count(*)", "sum(id)").collect()[0]
    assert tuple(got) == (len(want), sum(want))
    assert deltalake.DeltaTable(str(path)).version() == 2


def test_writers_side_by_side(tool, lake, tmp_path):
    """Four of ours and two delta-rs processes append and update: nothing is lost, doubled or skipped."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("seed", seed)
    total = 2000 if os.environ.get("SOAK") else 100
    each = -(-total // 6)
    path = tmp_path / "contended"
    lake(path, *txn("create who BIGINT, n BIGINT", "write SELECT -1 AS who, 0 AS n"))
    # delta-rs takes a listing for a picture of one moment; a gap in it may be a commit made while it listed. Its append may have
    # landed before it looked, so that it is asked for before it is tried again.
    theirs = (
        "import sys, deltalake, pyarrow as pa\n"
        "path, who, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])\n"
        "def landed(n):\n"
        "    while True:\n"
        "        try:\n"
        "            q = deltalake.QueryBuilder().register('t', deltalake.DeltaTable(path)).execute(f'SELECT count(*) AS c FROM t WHERE who = {who} AND n = {n}')\n"
        "            return pa.table(q).to_pylist()[0]['c'] > 0\n"
        "        except Exception as e:\n"
        "            if 'found gap' not in str(e):\n"
        "                raise\n"
        "for n in range(count):\n"
        "    while True:\n"
        "        try:\n"
        "            deltalake.write_deltalake(path, pa.table({'who': pa.array([who], pa.int64()), 'n': pa.array([n], pa.int64())}), mode='append')\n"
        "            break\n"
        "        except deltalake.exceptions.CommitFailedError:\n"
        "            pass\n"
        "        except Exception as e:\n"
        "            if 'found gap' not in str(e):\n"
        "                raise\n"
        "            if landed(n):\n"
        "                break\n"
    )
    import sys

    processes = [subprocess.Popen([sys.executable, "-c", theirs, str(path), str(who), str(each)]) for who in (4, 5)]
    failures = []

    def ours(who):
        pick = random.Random(seed + who)
        commands = [f"table {path}"]
        for n in range(each):
            if pick.random() < 0.2:  # some go through a transaction of their own
                commands += txn(f"write SELECT {who} AS who, {n} AS n")
            else:
                commands += [f"append SELECT {who} AS who, {n} AS n"]
        done = subprocess.run([tool], input="\n".join(commands) + "\n", capture_output=True, text=True)
        failures.extend(line for line in done.stdout.splitlines() if line.startswith("error"))

    threads = [threading.Thread(target=ours, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.wait() for p in processes] == [0, 0] and not failures, failures[:3]
    rows = sorted((r["who"], r["n"]) for r in map(json.loads, lake(path, "read")))
    assert rows == sorted([(-1, 0), *((who, n) for who in range(6) for n in range(each))])
    table = deltalake.DeltaTable(str(path))
    versions = sorted(int(f.stem) for f in (path / "_delta_log").glob("*.json") if f.stem.isdigit())
    assert versions == list(range(versions[0], table.version() + 1))
    query = deltalake.QueryBuilder().register("t", table).execute("SELECT count(*) AS n, count(DISTINCT who * 100000 + n) AS d FROM t")
    assert pa.table(query).to_pylist() == [{"n": len(rows), "d": len(rows)}]
