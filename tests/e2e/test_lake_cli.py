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
import pytest
from conftest import DEADLINE_SEC, ROOT, program

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
