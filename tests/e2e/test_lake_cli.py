"""`paystreak lake`: the golden tables and our own, through the real command, value by value.

The tables lie beside the repository (../shared/data/delta, or DELTA_DATA); without them those tests are
skipped. What a table holds is compared with the rows that another reader wrote down, as multisets.
"""

import base64
import collections
import datetime
import decimal
import json
import math
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import delta_tables
import pytest
from conftest import DEADLINE_SEC, ROOT, SOAK, program

DATA = Path(os.environ.get("DELTA_DATA") or ROOT.parent / "shared" / "data" / "delta")


def run(*words, cwd=None):
    """Exit status, the objects of standard output, standard error."""
    done = subprocess.run([str(program()), "lake", *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=DEADLINE_SEC)
    return done.returncode, done.stdout, done.stderr


def rows(*words, cwd=None):
    status, out, err = run(*words, "--output", "json", cwd=cwd)
    assert status == 0, f"{words}: {out[-300:]}{err}"
    return [json.loads(line, parse_float=decimal.Decimal) for line in out.splitlines()]


# ---- one form for both sides: what the command printed, and what Arrow holds, by Arrow's type


def instant(us):
    return f"us{us}"


def ours(value, kind):
    """A printed value, by the type that it should have."""
    if value is None:
        return None
    t = pa.types
    if t.is_boolean(kind):
        assert isinstance(value, bool)
    elif t.is_integer(kind):
        assert isinstance(value, int)
    elif t.is_floating(kind):
        return str(float(value)) if not isinstance(value, str) else {"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}[value]
    elif t.is_decimal(kind):
        return decimal.Decimal(value)
    elif t.is_binary(kind) or t.is_large_binary(kind):
        return base64.b64decode(value, validate=True)
    elif t.is_date(kind):
        return instant((datetime.date.fromisoformat(value) - datetime.date(1970, 1, 1)).days * 86_400_000_000)
    elif t.is_timestamp(kind):
        assert value.endswith("Z") == (kind.tz is not None), value
        return instant(micros(value.removesuffix("Z")))
    elif t.is_struct(kind):
        return tuple((f.name, ours(value.get(f.name), f.type)) for f in kind)
    elif t.is_map(kind):
        return frozen([(ours(e["key"], kind.key_type), ours(e["value"], kind.item_type)) for e in value])
    elif t.is_list(kind) or t.is_large_list(kind):
        return tuple(ours(v, kind.value_type) for v in value)
    else:
        assert isinstance(value, str), (value, kind)
    return value


def micros(text):
    day, _, clock = text.partition("T")
    sign = -1 if day.startswith("-") else 1
    year, month, date = (int(part) for part in day.lstrip("+-").rsplit("-", 2))
    year *= sign
    cycles, low = divmod(year, 400)  # Python's calendar begins with year 1
    days = (datetime.date(low or 400, month, date) - datetime.date(1970, 1, 1)).days + (cycles if low else cycles - 1) * 146_097
    hour, minute, second = clock.split(":")
    return (days * 86_400 + int(hour) * 3600 + int(minute) * 60) * 1_000_000 + int(decimal.Decimal(second) * 1_000_000)


def frozen(pairs):
    return tuple(sorted(pairs, key=repr))


def theirs(value, kind):
    """An Arrow scalar's value in the same form."""
    if value is None or not value.is_valid:
        return None
    t = pa.types
    if t.is_floating(kind):
        v = value.as_py()
        return "nan" if math.isnan(v) else str(v)
    if t.is_date(kind):
        return instant(value.cast(pa.int32()).as_py() * 86_400_000_000) if t.is_date32(kind) else instant(value.value * 1000)
    if t.is_timestamp(kind):
        scale = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0.001}[kind.unit]
        return instant(value.value * scale if scale >= 1 else value.value // 1000)
    if t.is_struct(kind):
        return tuple((f.name, theirs(value[i], f.type)) for i, f in enumerate(kind))
    if t.is_map(kind):
        return frozen([(theirs(e["key"], kind.key_type), theirs(e["value"], kind.item_type)) for e in value.values]) if value.values is not None else None
    if t.is_list(kind) or t.is_large_list(kind):
        return tuple(theirs(v, kind.value_type) for v in value.values)
    return value.as_py()


def expected_table(folder):
    """Arrow's own reader, file by file: schemas of parts may differ in nullability."""
    parts = [pq.ParquetFile(f).read() for f in sorted(Path(folder).glob("*.parquet"))]
    return pa.concat_tables([p.replace_schema_metadata(None) for p in parts], promote_options="permissive")


def variant_text(value):
    """A VARIANT as canonical JSON text; null and no value are one."""
    return None if value is None else json.dumps(value, sort_keys=True, default=str)


def compare(got, table, variants=False):
    names = table.column_names
    want = collections.Counter()
    for batch in table.to_batches():
        for i in range(batch.num_rows):
            want[repr(tuple(theirs(batch.column(c)[i], batch.schema.field(c).type) for c in range(len(names))))] += 1
    have = collections.Counter()
    for row in got:
        if variants:
            row = row | {"v": json_text(row["v"]), "st": row["st"] and {"v": json_text(row["st"]["v"])}}
        have[repr(tuple(ours(row[name], table.schema.field(name).type) for name in names))] += 1
    assert have == want, f"only ours: {list((have - want).items())[:3]}\nonly theirs: {list((want - have).items())[:3]}"


def json_text(value):
    return json.dumps(value, separators=(",", ":"), default=lambda d: float(d))


def index():
    file = DATA / "INDEX.tsv"
    return [line.split("\t")[:2] for line in file.read_text().splitlines()[1:]] if file.exists() else []


TABLES = index()
needs_data = pytest.mark.skipif(not TABLES, reason="no tables beside the repository")


@needs_data
@pytest.mark.parametrize("name", [name for name, kind in TABLES if kind == "read"])
def test_golden_rows(name):
    table = DATA / name
    variants = name == "spark/variant_stable"
    want = expected_table(table / "expected")
    if variants:  # the expectation tells no value from a null one
        got = rows("cat", table / "delta")
        fixed = [{"id": r["id"], "v": json.loads(r["v"]) if r["v"] else None, "st": r["st"] and {"v": json.loads(r["st"]["v"]) if r["st"]["v"] else None}}
                 for r in want.to_pylist()]
        plain = sorted(json.dumps(r, sort_keys=True) for r in fixed)
        assert sorted(json.dumps(r, sort_keys=True, default=float) for r in got) == plain
        return
    compare(rows("cat", table / "delta"), want)
    for folder in table.glob("expected_v*"):
        compare(rows("cat", table / "delta", "--version", folder.name.removeprefix("expected_v")), expected_table(folder))
    meta = json.loads((table / "meta.json").read_text())
    if (table / "expected_cdf").exists():
        changes = rows("cat", table / "delta", "--cdf", meta["cdf_from_version"])
        compare(changes, expected_table(table / "expected_cdf"))
        assert all(row["_commit_timestamp"].endswith("Z") for row in changes)
    files = rows("files", table / "delta")
    if meta.get("live_files") is not None and "canonicalized" not in name:  # there it was counted by spelling
        assert len(files) == meta["live_files"] and sum(f["size"] for f in files) == meta["live_bytes"]


@needs_data
@pytest.mark.parametrize("name", [name for name, kind in TABLES if kind == "refuse"])
def test_golden_refusals(name):
    status, out, err = run("cat", DATA / name / "delta", "--output", "json")
    assert status == 1 and json.loads(out)["error"] and err.startswith("paystreak: ")


# ---- tables of our own, made and read by delta-rs


deltalake = pytest.importorskip("deltalake")


def append(path, start, stop, **options):
    ids = list(range(start, stop))
    data = pa.table({"id": pa.array(ids, pa.int64()), "p": [f"p {i % 2}/%" for i in ids], "v": [f"value {i:05}" for i in ids], "x": [i * 7919 % 1000 for i in ids]})
    deltalake.write_deltalake(str(path), data, mode="append", **options)


def their_ids(path, **options):
    query = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(str(path), **options)).execute("SELECT id FROM t ORDER BY id")
    return pa.table(query)["id"].to_pylist()


def done(*words):
    return rows(*words)[-1]


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small files"
    for i in range(12):
        append(path, i * 10, i * 10 + 10, partition_by=["p"])
    return path


def test_optimize_joins_the_files_of_a_partition(small):
    where = done("optimize", small, "--where", "p = 'p 1/%'")
    assert where["numFilesRemoved"] == 12 and where["numFilesAdded"] == 1 and where["numFilesConsidered"] == 12
    rest = done("optimize", small)
    assert rest["numFilesRemoved"] == 12 and rest["numFilesAdded"] == 1 and rest["partitions"] == 2
    assert done("optimize", small)["numFilesRemoved"] == 0
    assert their_ids(small) == list(range(120)) and len(deltalake.DeltaTable(str(small)).file_uris()) == 2
    info = deltalake.DeltaTable(str(small)).history(1)[0]
    assert info["operation"] == "OPTIMIZE"
    status, _, err = run("optimize", small, "--where", "id > 3")
    assert status == 1 and "partition" in err


def test_zorder_makes_files_that_can_be_skipped(tmp_path):
    path = tmp_path / "z"
    data = pa.table({"a": [i * 7919 % 10000 for i in range(10000)], "b": [f"{i * 104729 % 10000:05}" for i in range(10000)], "c": list(range(10000))})
    deltalake.write_deltalake(str(path), data)
    table = deltalake.DeltaTable(str(path))
    size = sum(table.get_add_actions(flatten=True)["size_bytes"].to_pylist())
    table.alter.set_table_properties({"delta.targetFileSize": str(size // 16)})
    got = done("optimize", path, "--zorder", "a,b")
    assert got["numFilesRemoved"] == 1 and got["numFilesAdded"] >= 12
    files = rows("files", path)
    for column, low, high in [("a", 4000, 4100), ("b", "04000", "04100")]:
        kept = [f for f in files if f["stats"]["minValues"][column] <= high and f["stats"]["maxValues"][column] >= low]
        assert len(kept) <= len(files) * 2 // 3, column
    assert sorted(r["c"] for r in rows("cat", path)) == list(range(10000))
    for bad, word in [("nothing", "nothing"), ("a,nothing", "nothing")]:
        status, _, err = run("optimize", path, "--zorder", bad)
        assert status == 1 and word in err


def test_a_partition_in_order_is_left_alone(tmp_path):
    path = tmp_path / "z"
    for part in range(3):
        deltalake.write_deltalake(str(path), pa.table({"p": [part % 2] * 500, "a": [i * 7919 % 500 for i in range(500)]}), mode="append", partition_by=["p"])
    assert done("optimize", path, "--zorder", "a")["numFilesRemoved"] == 2  # of p = 0; one small file is no set
    assert done("optimize", path, "--zorder", "a")["numFilesRemoved"] == 0
    deltalake.write_deltalake(str(path), pa.table({"p": [0], "a": [1]}), mode="append")
    assert done("checkpoint", path)["files"] == 3
    assert done("optimize", path, "--zorder", "a")["numFilesRemoved"] == 2
    assert done("optimize", path, "--zorder", "a")["numFilesRemoved"] == 0 and len(rows("cat", path)) == 1501
    deltalake.DeltaTable(str(path)).alter.set_table_properties({"delta.targetFileSize": "1kb"})
    assert done("optimize", path, "--zorder", "a")["numFilesAdded"] > 2


def test_a_table_is_clustered_by_a_nested_column_under_its_physical_name(tmp_path):
    def mapped(name, kind, number):
        return field(name, kind, **{"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"})

    path = by_hand(tmp_path / "t", [mapped("s", {"type": "struct", "fields": [mapped("b", "long", 2)]}, 1)], [], features=[], **{"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"})
    log = path / "_delta_log" / f"{0:020}.json"
    protocol = {"minReaderVersion": 2, "minWriterVersion": 7, "writerFeatures": ["columnMapping", "clustering", "domainMetadata"]}
    domain = {"domain": "delta.clustering", "configuration": json.dumps({"clusteringColumns": [["col-1", "col-2"]]}), "removed": False}
    adds = []
    for part in range(2):
        values = [i * 7919 % 5000 for i in range(part, 5000, 2)]
        pq.write_table(pa.table({"col-1": pa.array([{"col-2": v} for v in values], pa.struct([("col-2", pa.int64())]))}), path / f"{part}.parquet")
        adds.append({"add": {"path": f"{part}.parquet", "partitionValues": {}, "size": (path / f"{part}.parquet").stat().st_size, "modificationTime": 0, "dataChange": True}})
    lines = [line for line in log.read_text().splitlines() if "protocol" not in line]
    log.write_text("\n".join([json.dumps({"protocol": protocol}), *lines, json.dumps({"domainMetadata": domain}), *map(json.dumps, adds)]) + "\n")
    assert rows("detail", path)[0]["clusteringColumns"] == ["s.b"]
    assert done("optimize", path)["numFilesRemoved"] == 2
    values = [row["s"]["b"] for row in rows("cat", path)]
    assert values == sorted(values) and len(values) == 5000
    assert done("optimize", path)["numFilesRemoved"] == 0


def test_vacuum_keeps_what_the_retention_needs(small):
    done("optimize", small)
    assert done("vacuum", small, "--dry-run")["numFiles"] == 0
    status, _, err = run("vacuum", small, "--retain", "1")
    assert status == 1 and "deletedFileRetentionDuration" in err
    listed = rows("vacuum", small, "--retain", "0", "--no-retention-check", "--dry-run")
    assert listed[-1] == {"dryRun": True, "numFiles": 24} and len(listed) == 25
    assert done("vacuum", small, "--retain", "0", "--no-retention-check")["numFiles"] == 24
    assert their_ids(small) == list(range(120)) and len(list(small.glob("p=*/*.parquet"))) == 2
    assert done("verify", small)["findings"] == 0


def test_vacuum_keeps_files_that_are_logged_by_another_spelling_of_the_folder(tmp_path):
    path = by_hand(tmp_path / "t", [field("a", "long")], [])
    (tmp_path / "link").symlink_to(path)
    for name in ("live", "dead"):
        pq.write_table(pa.table({"a": [1]}), path / f"{name}.parquet")
        os.utime(path / f"{name}.parquet", (0, 0))
    add = {"path": f"file://{tmp_path}/link/live.parquet", "partitionValues": {}, "size": (path / "live.parquet").stat().st_size, "modificationTime": 0, "dataChange": True}
    (path / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"add": add}) + "\n")
    assert [r["path"] for r in rows("vacuum", path, "--dry-run")[:-1]] == ["dead.parquet"]
    assert done("vacuum", path)["numFiles"] == 1 and rows("cat", path) == [{"a": 1}]


def test_restore_brings_a_version_back(small):
    table = deltalake.DeltaTable(str(small))
    table.delete("id >= 45")
    before = deltalake.DeltaTable(str(small)).version()
    got = done("restore", small, "--version", 3)
    assert got["version"] == before + 1 and their_ids(small) == list(range(40))
    assert done("restore", small, "--version", before)["numRestoredFiles"] > 0
    assert their_ids(small) == list(range(45))
    assert [h["operation"] for h in rows("history", small, "--limit", 2)] == ["RESTORE", "RESTORE"]
    done("restore", small, "--version", 11)
    done("vacuum", small, "--retain", "0", "--no-retention-check")
    status, _, err = run("restore", small, "--version", 12)
    assert status == 1 and "deleted" in err


def test_restore_brings_dropped_features_back(tmp_path):
    for text in ["CREATE TABLE t (id INT) TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')", "INSERT INTO t SELECT id FROM range(10)", "DELETE FROM t WHERE id = 3",
                 "ALTER TABLE t SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')", "DELETE FROM t WHERE id = 4", "ALTER TABLE t DROP FEATURE deletionVectors"]:
        made = subprocess.run([str(program()), "sql", "--state", str(tmp_path), text], capture_output=True, text=True, timeout=DEADLINE_SEC)
        assert made.returncode == 0, made.stderr
    path = tmp_path / "lake" / "main" / "default" / "t"
    assert rows("detail", path)[0]["minReaderVersion"] == 1
    done("restore", path, "--version", 2)
    assert "deletionVectors" in rows("detail", path)[0]["tableFeatures"] and rows("detail", path)[0]["minReaderVersion"] == 3
    assert their_ids(path) == [0, 1, 2, 4, 5, 6, 7, 8, 9] and len(rows("cat", path)) == 9


def test_a_shallow_clone_shares_files(small, tmp_path):
    clone = tmp_path / "a clone"
    done("clone", small, clone, "--version", 5)
    assert sorted(r["id"] for r in rows("cat", clone)) == list(range(60))
    assert not list(clone.rglob("*.parquet"))
    status, _, err = run("clone", small, clone)
    assert status == 1 and "already" in err
    assert done("verify", clone, "--full")["findings"] == 0


def test_a_folder_of_parquet_becomes_a_table(tmp_path):
    folder = tmp_path / "plain"
    for day, region in [("2024-01-01", "E%20U"), ("2024-01-02", "__HIVE_DEFAULT_PARTITION__")]:
        part = folder / f"day={day}" / f"region={region}"
        part.mkdir(parents=True)
        pq.write_table(pa.table({"id": [1, 2], "name": ["a", None]}), part / "part 0.parquet")
    (folder / "_SUCCESS").touch()
    status, _, err = run("convert", folder)
    assert status == 1 and "day" in err and not (folder / "_delta_log").exists()
    status, _, err = run("convert", folder, "--partition-by", "day INT, region STRING")
    assert status == 1 and "2024-01-01" in err
    assert done("convert", folder, "--partition-by", "day DATE, region STRING")["numFiles"] == 2
    got = sorted(map(str, deltalake.DeltaTable(str(folder)).to_pyarrow_table().to_pylist()))
    assert len(got) == 4 and "E U" in got[0] and "None" in got[2]
    assert sorted(map(str, rows("cat", folder))) == sorted(map(str, [{"id": i, "name": n, "day": d, "region": r}
        for d, r in [("2024-01-01", "E U"), ("2024-01-02", None)] for i, n in [(1, "a"), (2, None)]]))
    assert run("convert", folder)[0] == 1


@pytest.mark.parametrize("first, second, word", [([1], ["x"], "another"), ([{"a": 1}], [{"a": "x"}], "another"), ([[1]], [["x"]], "another"), ([datetime.time(1, 2)], None, "TIME")])
def test_files_that_no_table_can_hold_together_are_not_converted(tmp_path, first, second, word):
    for i, values in enumerate([first, second or first]):
        pq.write_table(pa.table({"a": values, "b": [i]}), tmp_path / f"{i}.parquet")
    status, _, err = run("convert", tmp_path)
    assert status == 1 and "'a'" in err and word in err and not (tmp_path / "_delta_log").exists()


def test_files_that_lack_columns_and_nested_fields_become_one_table(tmp_path):
    pq.write_table(pa.table({"s": [{"a": 1}], "m": pa.array([[("k", {"x": 1})]], pa.map_(pa.string(), pa.struct([("x", pa.int64())])))}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"s": [{"b": "x"}]}), tmp_path / "1.parquet")
    done("convert", tmp_path)
    assert sorted(map(json.dumps, rows("cat", tmp_path))) == sorted(map(json.dumps, [
        {"s": {"a": 1, "b": None}, "m": [{"key": "k", "value": {"x": 1}}]}, {"s": {"a": None, "b": "x"}, "m": None}]))


def test_verify_finds_what_is_broken(small):
    assert done("verify", small, "--full") == {"version": 11, "files": 24, "bytes": done("verify", small)["bytes"], "rows": 120, "findings": 0}
    done("checkpoint", small)
    assert (small / "_delta_log" / f"{11:020}.crc").exists() and done("verify", small)["findings"] == 0
    files = sorted(small.glob("p=*/*.parquet"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-4] + b"XXXX")
    files[2].write_bytes(files[3].read_bytes())
    crc = small / "_delta_log" / f"{11:020}.crc"
    crc.write_text(crc.read_text().replace('"numFiles":24', '"numFiles":23'))
    status, out, _ = run("verify", small, "--full", "--output", "json")
    found = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and found[-1]["findings"] == len(found) - 1
    assert {"file", "parquet", "crc", "stats"} <= {f.get("check") for f in found}, found


def test_names_of_the_catalog_need_a_state_and_paths_do_not(small, tmp_path):
    status, _, err = run("cat", "main.gold.nothing", cwd=tmp_path)
    assert status == 1 and "state" in err
    assert len(rows("cat", small.name, cwd=small.parent)) == 120
    assert len(rows("cat", f"file://{small}")) == 120
    assert {row["location"] for row in rows("ls", small.parent)} == {str(small)}
    assert run("cat")[0] == 2 and run("cat", small, "--version", "x")[0] == 2 and run("cat", small, "--version", 99)[0] == 1


def test_time_travel_and_limits(small):
    stamps = {h["version"]: h["timestamp"] for h in rows("history", small)}
    assert len(rows("cat", small, "--timestamp", stamps[4])) == 50
    assert len(rows("cat", small, "--limit", 7)) == 7
    status, _, err = run("cat", small, "--timestamp", "2001-01-01")
    assert status == 1 and "earliest" in err
    assert json.loads(run("schema", small, "--output", "json")[1])["fields"][0]["name"] == "id"
    assert done("detail", small)["partitionColumns"] == ["p"]


def test_changes_need_the_feed(small):
    status, _, err = run("cat", small, "--cdf", 0)
    assert status == 1 and "delta.enableChangeDataFeed" in err


# ---- logs written by hand, for what no writer at hand makes


def field(name, kind, **metadata):
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def by_hand(path, fields, adds, features=(), **configuration):
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": list(features), "writerFeatures": list(features)} if features else {"minReaderVersion": 2, "minWriterVersion": 5}
    meta = {"id": "x", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps({"type": "struct", "fields": fields}), "partitionColumns": [], "configuration": configuration}
    lines = [{"protocol": protocol}, {"metaData": meta}] + [{"add": {"partitionValues": {}, "size": 1, "modificationTime": 0, "dataChange": True} | add} for add in adds]
    (path / "_delta_log").mkdir(parents=True)
    (path / "_delta_log" / f"{0:020}.json").write_text("\r\n".join(map(json.dumps, lines)) + "\r\n")
    return path


def test_columns_are_found_by_id_where_names_differ(tmp_path):
    ids = [{"delta.columnMapping.id": i, "delta.columnMapping.physicalName": f"col-{i}"} for i in (1, 2)]
    path = by_hand(tmp_path / "t", [field("a", "long", **ids[0]), field("b", "string", **ids[1])], [{"path": "theirs.parquet"}, {"path": "ours.parquet"}], **{"delta.columnMapping.mode": "id"})
    for name, columns, value in [("theirs", ("zzz", "yyy"), 7), ("ours", ("col-1", "col-2"), 8)]:
        schema = pa.schema([pa.field(columns[0], pa.int64(), metadata={"PARQUET:field_id": "1"}), pa.field(columns[1], pa.string(), metadata={"PARQUET:field_id": "2"})])
        pq.write_table(pa.table([[value], ["x"]], schema=schema), path / f"{name}.parquet")
    assert sorted(row["a"] for row in rows("cat", path)) == [7, 8] and {row["b"] for row in rows("cat", path)} == {"x"}


def test_timestamps_of_every_unit_and_names_of_every_kind(tmp_path):
    path = by_hand(tmp_path / "t", [field("t", "timestamp"), field("n", "timestamp_ntz"), field("filename", "string"), field("c0", "long"), field("a.b", "long"), field('q"x\'y`z', "long")],
                   [{"path": f"{unit}.parquet"} for unit in ("ns", "ms", "us")] + [{"path": f"file://{tmp_path}/else%20where/x%25.parquet"}], features=["timestampNtz"])
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 123000)
    (tmp_path / "else where").mkdir()
    for file, unit in [(path / "ns.parquet", "ns"), (path / "ms.parquet", "ms"), (path / "us.parquet", "us"), (tmp_path / "else where" / "x%.parquet", "us")]:
        data = {"t": pa.array([moment], pa.timestamp(unit, "UTC")), "n": pa.array([moment], pa.timestamp(unit)), "filename": ["f"], "c0": [1], "a.b": [2], 'q"x\'y`z': [3]}
        pq.write_table(pa.table(data), file, version="2.6")
    want = {"t": "2024-01-02T03:04:05.123000Z", "n": "2024-01-02T03:04:05.123000", "filename": "f", "c0": 1, "a.b": 2, 'q"x\'y`z': 3}
    assert rows("cat", path) == [want] * 4


def test_a_partition_value_may_hold_any_byte(tmp_path):
    path = by_hand(tmp_path / "t", [field("id", "long"), field("b", "binary"), field("s", "string")], [{"path": "a.parquet", "partitionValues": {"b": "\0\1é", "s": "x\0'y"}}])
    log = path / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"partitionColumns": []', '"partitionColumns": ["b", "s"]'))
    pq.write_table(pa.table({"id": [1]}), path / "a.parquet")
    assert rows("cat", path) == [{"id": 1, "b": base64.b64encode("\0\1é".encode()).decode(), "s": "x\0'y"}]


JULIAN = datetime.date(1500, 1, 11)  # the day that the Julian calendar calls 1500-01-02, in Gregorian numbers


def test_years_past_9999_in_partitions(tmp_path):
    path = by_hand(tmp_path / "t", [field("id", "long"), field("d", "date"), field("t", "timestamp")], [{"path": "a.parquet", "partitionValues": {"d": "+10000-01-01", "t": "+10000-01-01 00:00:00"}}])
    log = path / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"partitionColumns": []', '"partitionColumns": ["d", "t"]'))
    pq.write_table(pa.table({"id": [1]}), path / "a.parquet")
    assert rows("cat", path) == [{"id": 1, "d": "+10000-01-01", "t": "+10000-01-01T00:00:00Z"}]


def test_text_that_parquet_does_not_call_so(tmp_path):
    path = by_hand(tmp_path / "t", [field("s", "string"), field("st", {"type": "struct", "fields": [field("l", {"type": "array", "elementType": "string", "containsNull": True})]})], [{"path": "a.parquet"}])
    pq.write_table(pa.table({"s": ["é\\x41".encode()], "st": [{"l": ["漢".encode(), None]}]}), path / "a.parquet")
    assert rows("cat", path) == [{"s": "é\\x41", "st": {"l": ["漢", None]}}]


def test_variants_of_types_that_json_lacks(tmp_path):
    """As Spark's to_json writes them; in files that call the group a VARIANT, and in those that do not."""
    duckdb = pytest.importorskip("duckdb")
    path = by_hand(tmp_path / "t", [field("v", "variant"), field("l", {"type": "array", "elementType": "variant", "containsNull": True})], [{"path": "a.parquet"}, {"path": "b.parquet"}], features=["variantType"])
    value = "{'n': 'NaN'::DOUBLE, 'b': '\\x00\\xFF'::BLOB, 't': '1960-01-01 00:00:00.5+00'::TIMESTAMPTZ, 'f': 1.1::FLOAT, 'd': DATE '1960-01-02'}::VARIANT"
    want = {"n": "NaN", "b": "AP8=", "t": "1960-01-01 00:00:00.5+00:00", "f": decimal.Decimal("1.1"), "d": "1960-01-02"}
    with duckdb.connect() as c:
        c.execute(f"COPY (SELECT {value} AS v) TO '{path / 'a.parquet'}' (FORMAT parquet)")
        bare = f"CAST(variant_to_parquet_variant({value}) AS STRUCT(metadata BLOB, value BLOB))"
        c.execute(f"COPY (SELECT {bare} AS v, [{bare}, NULL] AS l) TO '{path / 'b.parquet'}' (FORMAT parquet)")
    assert sorted(rows("cat", path), key=lambda row: row["l"] is None) == [{"v": want, "l": [want, None]}, {"v": want, "l": None}]


def legacy_file(path, name, zone, **columns):
    schema = pa.schema([pa.field(key, value.type) for key, value in columns.items()])
    schema = schema.with_metadata({"org.apache.spark.version": "3.5.0", "org.apache.spark.legacyDateTime": "", "org.apache.spark.timeZone": zone})
    pq.write_table(pa.table(list(columns.values()), schema=schema), path / name)


def test_days_of_the_julian_calendar_nested_ones_too(tmp_path):
    date, stamp = pa.date32(), pa.timestamp("us", "UTC")
    struct = {"type": "struct", "fields": [field("d", "date"), field("l", {"type": "array", "elementType": "timestamp", "containsNull": True})]}
    path = by_hand(tmp_path / "t", [field("d", "date"), field("s", struct), field("m", {"type": "map", "keyType": "date", "valueType": struct, "valueContainsNull": True})],
                   [{"path": "old.parquet"}, {"path": "new.parquet"}])
    moment = datetime.datetime(1500, 1, 11, 3, 4, 5, tzinfo=datetime.timezone.utc)
    inner = pa.struct([("d", date), ("l", pa.list_(stamp))])
    old = {"d": JULIAN, "l": [moment, None]}
    columns = {"d": pa.array([JULIAN, None], date), "s": pa.array([old, None], inner), "m": pa.array([[(JULIAN, old)], None], pa.map_(date, inner))}
    legacy_file(path, "old.parquet", "UTC", **columns)
    pq.write_table(pa.table(columns), path / "new.parquet")
    want = []
    for day in ("1500-01-02", "1500-01-11"):
        nested = {"d": day, "l": [f"{day}T03:04:05Z", None]}
        want += [{"d": day, "s": nested, "m": [{"key": day, "value": nested}]}, {"d": None, "s": None, "m": None}]
    assert sorted(map(json.dumps, rows("cat", path))) == sorted(map(json.dumps, want))


def test_legacy_timestamps_of_a_zone_are_refused_unless_they_are_new(tmp_path):
    stamps = pa.array([datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)], pa.timestamp("us", "UTC"))
    stats = {"numRecords": 1, "minValues": {"t": "2024-01-02T00:00:00.000Z"}, "maxValues": {"t": "2024-01-02T00:00:00.000Z"}, "nullCount": {"t": 0}}
    for name, told in [("told", {"stats": json.dumps(stats)}), ("untold", {})]:
        path = by_hand(tmp_path / name, [field("t", "timestamp")], [{"path": "a.parquet"} | told])
        legacy_file(path, "a.parquet", "America/Los_Angeles", t=stamps)
    assert rows("cat", tmp_path / "told") == [{"t": "2024-01-02T00:00:00Z"}]
    status, _, err = run("cat", tmp_path / "untold")
    assert status == 1 and "America/Los_Angeles" in err


@pytest.mark.parametrize("feature", ["fooBar", "catalogManaged", "geospatial"])
def test_unknown_features_are_refused_by_name(tmp_path, feature):
    status, out, err = run("cat", by_hand(tmp_path / "t", [field("a", "long")], [], features=[feature]), "--output", "json")
    assert status == 1 and feature in err and feature in json.loads(out)["error"]


# ---- tables that delta-spark makes: one a feature of readers


@pytest.fixture(scope="session")
def delta_spark(tmp_path_factory):
    pytest.importorskip("pyspark.sql")
    session = delta_tables.spark_session(tmp_path_factory.mktemp("warehouse"))
    if not session:
        pytest.skip("no Delta jars: scripts/deps test brings them")
    yield session
    session.stop()


QUICK = ["mapping_name_nested", "partitions_of_every_type", "type_widening", "variants_shredded_unannotated"]  # SOAK=1: all


@pytest.mark.parametrize("name", sorted(delta_tables.TABLES) if SOAK else QUICK)
def test_tables_of_delta_spark(delta_spark, tmp_path, name):
    path, expected = tmp_path / delta_tables.folder_name(name), tmp_path / "expected"
    delta_tables.TABLES[name](delta_spark, path)
    delta_tables.save_expected(delta_spark, delta_spark.read.format("delta").load(str(path)), expected)
    want, got = expected_table(expected), rows("cat", path)
    if name.startswith("variants"):
        texts = [{k: v if k == "id" or v is None else json.loads(v) for k, v in row.items()} for row in want.to_pylist()]
        assert sorted(json.dumps(r, sort_keys=True, default=float) for r in got) == sorted(json.dumps(r, sort_keys=True) for r in texts)
    else:
        compare(got, want)
    assert [f for f in rows("verify", path, "--full") if "check" in f] == []
    if name in ("deletion_vectors", "cdf_plain"):
        newest = rows("history", path)[0]["version"]
        for first, last in [(0, newest), (1, 2), (3, newest - 1)]:
            changes = delta_spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", first).option("endingVersion", last)
            delta_tables.save_expected(delta_spark, changes.load(str(path)).drop("_commit_timestamp"), expected)
            compare(rows("cat", path, "--cdf", first, "--version", last), expected_table(expected))
