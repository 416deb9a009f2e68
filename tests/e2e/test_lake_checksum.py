"""Checksum files (<version>.crc) that commits leave: delta-rs and Delta on Spark read beside them and go on, whatever a power cut left of one.

Delta on Spark takes protocol, metadata and counts from a checksum, and compares it with its replay."""

import json
import subprocess

import delta_tables
import pytest
from conftest import DEADLINE_SEC, program

deltalake = pytest.importorskip("deltalake")
import pyarrow as pa  # noqa: E402
from test_lake_write import lake, tool, txn  # noqa: E402, F401

TORN = {"whole": None, "empty": "", "cut": '{"tableSizeBytes":12,"numFi', "zeros": "\0" * 300}


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    pytest.importorskip("pyspark.sql")
    session = delta_tables.spark_session(tmp_path_factory.mktemp("warehouse"))
    if session is None:
        pytest.skip("no Delta jars: scripts/deps test brings them")
    yield session
    session.stop()


def crc(path, version):
    return path / "_delta_log" / f"{version:020}.crc"


def make(lake, path):  # noqa: F811
    """Eleven versions: the last one has a checksum, of files that came and went, with vectors, transactions and partitions."""
    rows = "write SELECT i::BIGINT AS id, 'p' || (i % 2) AS p FROM range({}, {}) t(i)"
    lake(path, *txn("create id BIGINT, p STRING;p", "property delta.enableDeletionVectors true", rows.format(0, 10)),
         *txn("delete t.id IN (1, 4)"), *(line for n in range(2, 10) for line in txn(f"app app{n % 3} {n}", rows.format(n * 10, n * 10 + 5))),
         *txn("overwrite", rows.format(200, 230)))
    assert sorted(p.name for p in (path / "_delta_log").glob("*.crc")) == [crc(path, v).name for v in (0, 10)]


def rows_of_delta_rs(path):
    query = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(str(path))).execute("SELECT count(*) AS n FROM t")
    return pa.table(query)["n"][0].as_py()


@pytest.mark.parametrize("torn", TORN)
def test_delta_rs_goes_on(lake, tmp_path, torn):  # noqa: F811
    path = tmp_path / "t"
    make(lake, path)
    if TORN[torn] is not None:
        crc(path, 10).write_text(TORN[torn])
    assert rows_of_delta_rs(path) == 30
    deltalake.DeltaTable(str(path)).delete("id = 200")
    assert rows_of_delta_rs(path) == 29
    done = subprocess.run([str(program()), "lake", "verify", str(path), "--full", "--output", "json"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cleaning_takes_checksums_and_compacted_commits_with_the_log(lake, tmp_path):  # noqa: F811
    path = tmp_path / "t"
    log = path / "_delta_log"
    make(lake, path)
    adds = [line for v in range(2, 5) for line in (log / f"{v:020}.json").read_text().splitlines() if '"add"' in line]
    (log / f"{2:020}.{4:020}.compacted.json").write_text("\n".join(adds) + "\n")
    assert len(lake(path, "read")) == 30 == rows_of_delta_rs(path)
    lake(path, *txn("property delta.logRetentionDuration interval 0 seconds"), "checkpoint", "clean")
    assert sorted(p.name for p in log.iterdir() if p.name[0] == "0") == [f"{11:020}.{end}" for end in ("checkpoint.parquet", "crc", "json")]
    assert len(lake(path, "read")) == 30 == rows_of_delta_rs(path)


def snapshot_of(spark, path):
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog  # noqa: SLF001 - no other way to ask for it
    log.clearCache()
    return log.forTable(spark._jsparkSession, str(path)).unsafeVolatileSnapshot()  # noqa: SLF001


@pytest.mark.parametrize("torn", TORN)
def test_spark_takes_it_and_goes_on(lake, spark, tmp_path, torn):  # noqa: F811
    path = tmp_path / "t"
    make(lake, path)
    if TORN[torn] is not None:
        crc(path, 10).write_text(TORN[torn])
    snapshot = snapshot_of(spark, path)
    assert snapshot.checksumOpt().isDefined() == (torn == "whole")
    if torn == "whole":
        theirs, ours = snapshot.checksumOpt().get(), json.loads(crc(path, 10).read_text())
        assert theirs.txnId().get() == ours["txnId"] and theirs.numFiles() == snapshot.numOfFiles() == 2
        assert theirs.tableSizeBytes() == snapshot.sizeInBytes() == sum(f.stat().st_size for f in path.glob("p=*/*.parquet") if f.name in str(
            deltalake.DeltaTable(str(path)).file_uris()))
        assert theirs.setTransactions().get().size() == 3
        assert snapshot.validateChecksum(spark._jvm.PythonUtils.toScalaMap({}))  # noqa: SLF001
    assert spark.read.format("delta").load(str(path)).count() == 30
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 200")
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 'p1'), (1001, 'p2')")
    assert spark.read.format("delta").load(str(path)).count() == 31
    lake(path, *txn("write SELECT 2000::BIGINT AS id, 'p0' AS p"), *(["checkpoint"] if torn == "whole" else []))
    assert spark.read.format("delta").load(str(path)).count() == rows_of_delta_rs(path) == 32
    found = subprocess.run([str(program()), "lake", "verify", str(path), "--full", "--output", "json"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert found.returncode == 0, found.stdout + found.stderr
