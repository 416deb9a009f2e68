"""Tables whose protocol asks for a feature that no writer at hand turns on: they are read, and written where we say so."""

import json
import subprocess

import pytest
from conftest import DEADLINE_SEC, program

pa = pytest.importorskip("pyarrow")
deltalake = pytest.importorskip("deltalake")

READER = ["typeWidening-preview", "variantType-preview", "variantShredding", "variantShredding-preview", "variantType"]
WRITER = ["inCommitTimestamp-preview", "checkpointProtection", "icebergCompatV1", "icebergCompatV2", "icebergWriterCompatV1"]
PROPERTIES = {"icebergCompatV1": "delta.enableIcebergCompatV1", "icebergCompatV2": "delta.enableIcebergCompatV2",
              "icebergWriterCompatV1": "delta.enableIcebergWriterCompatV1"}
READ_ONLY = {"icebergCompatV1", "icebergCompatV2", "icebergWriterCompatV1", "variantType-preview"}


def lake(*words):
    return subprocess.run([str(program()), "lake", *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_SEC)


def ask_for(path, feature):
    """The table's first commit, with the feature in its protocol and turned on."""
    log = path / "_delta_log" / "00000000000000000000.json"
    lines = []
    for line in log.read_text().splitlines():
        action = json.loads(line)
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [feature] if feature in READER else [],
                                  "writerFeatures": [feature]}
            if feature not in READER:
                action["protocol"] |= {"minReaderVersion": 1}
                del action["protocol"]["readerFeatures"]
        if "metaData" in action and feature in PROPERTIES:
            action["metaData"]["configuration"][PROPERTIES[feature]] = "true"
        lines.append(json.dumps(action))
    log.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("feature", READER + WRITER)
def test_a_table_that_asks_for_a_feature(tmp_path, feature):
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"id": pa.array([1, 2], pa.int32()), "name": ["a", "b"]}))
    deltalake.write_deltalake(str(path), pa.table({"id": pa.array([3], pa.int32()), "name": ["c"]}), mode="append")
    ask_for(path, feature)
    got = lake("cat", path, "--output", "json")
    assert got.returncode == 0, got.stderr
    assert sorted(json.loads(line)["id"] for line in got.stdout.splitlines()) == [1, 2, 3]
    done = lake("optimize", path)
    if feature in READ_ONLY:
        assert done.returncode == 1 and feature in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert len(list((path / "_delta_log").glob("*.json"))) == 3
        assert len(lake("cat", path, "--output", "json").stdout.splitlines()) == 3
