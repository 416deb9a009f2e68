"""Pipelines over landed files as other readers see them: rows, history, event log, checkpoint; under kill -9."""

import json
import random
import subprocess

import pytest
from deltalake import DeltaTable

from conftest import DEADLINE_SEC, SLOW, SOAK, Run, lake_rows, program, run_once, sql, until

BUNDLE = """
bundle:
  name: shop
resources:
  pipelines:
    live:
      name: live
      catalog: main
      schema: shop
      continuous: true
      configuration:
        landing: /Volumes/main/shop/landing
      libraries:
        - file:
            path: live.sql
    nightly:
      name: nightly
      catalog: main
      schema: shop
      libraries:
        - file:
            path: nightly.sql
  jobs:
    night:
      name: night
      tasks:
        - task_key: refresh
          pipeline_task:
            pipeline_id: ${resources.pipelines.nightly.id}
targets:
  dev:
    default: true
"""
LIVE = """
CREATE OR REFRESH STREAMING TABLE sold (
  CONSTRAINT numbered EXPECT (id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT cheap EXPECT (price < 50)
) AS
SELECT try_cast(id AS INT) AS id, CAST(price AS INT) AS price, _metadata.file_name AS origin
FROM STREAM read_files('${landing}', format => 'csv', header => true, schema => 'id STRING, price STRING', maxFilesPerTrigger => 3);
CREATE OR REFRESH STREAMING TABLE doubled AS SELECT id, price * 2 AS price FROM STREAM(sold);
CREATE OR REFRESH MATERIALIZED VIEW totals AS SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(price) AS price FROM doubled;
"""
NIGHTLY = "CREATE OR REFRESH MATERIALIZED VIEW dear AS SELECT id FROM shop.sold WHERE price >= 50;\n"
ROWS = 20  # of a file; one without id


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "databricks.yml").write_text(BUNDLE)
    (folder / "live.sql").write_text(LIVE)
    (folder / "nightly.sql").write_text(NIGHTLY)
    return folder


def land(state, number):
    """File `number`, with ids of its own, as it appears: whole."""
    folder = state / "volumes" / "main" / "shop" / "landing"
    folder.mkdir(parents=True, exist_ok=True)
    ids = [str(number * ROWS + i) for i in range(ROWS - 1)] + [""]
    hidden = folder / f"_{number}.csv"
    hidden.write_text("id,price\n" + "".join(f"{i},{(int(i or 0) * 7) % 100}\n" for i in ids))
    hidden.rename(folder / f"{number:03}.csv")
    return [int(i) for i in ids if i]


def price(i):
    return i * 7 % 100


def check(state, ids):
    assert sorted(lake_rows(state, "shop.sold", ["id", "price"])) == sorted((i, price(i)) for i in ids)
    assert sorted(lake_rows(state, "shop.doubled", ["id", "price"])) == sorted((i, 2 * price(i)) for i in ids)
    assert lake_rows(state, "shop.totals", ["n", "ids", "price"]) == [(len(ids), len(ids), sum(2 * price(i) for i in ids))]


def test_two_runs(project, tmp_path):
    state = tmp_path / "state"
    ids = [i for number in range(4) for i in land(state, number)]
    run_once(project, state)
    check(state, ids)
    assert sorted(lake_rows(state, "shop.dear", ["id"])) == sorted((i,) for i in ids if price(i) >= 50)

    ids += land(state, 4)
    run_once(project, state)
    check(state, ids)

    # each batch's counts are in its commit, and in the event log once
    dropped, seen = 0, []
    for commit in DeltaTable(str(state / "lake/main/shop/sold")).history():
        if "expectations" in commit["operationMetrics"]:
            dropped += int(commit["operationMetrics"]["droppedRecords"])
            seen.append(int(commit["operationParameters"]["epochId"]))
    assert dropped == 5 and sorted(seen) == list(range(len(seen)))
    details = sql(
        state,
        "SELECT details:flow_progress:data_quality:expectations[0].failed_records AS failed FROM shop.event_log_live "
        "WHERE event_type = 'flow_progress' AND origin.flow_name = 'main.shop.sold' AND level = 'METRICS'",
    )
    assert sum(int(row["failed"]) for row in details if isinstance(row, dict) and "failed" in row) == 5

    # the checkpoint is Spark's: the table's transaction carries its query id
    folder = state / "state" / "live" / "main.shop.sold"
    query = json.loads((folder / "metadata").read_text())["id"]
    last = max(int(p.name) for p in (folder / "offsets").iterdir() if p.name.isdigit())
    lines = (folder / "offsets" / str(last)).read_text().split("\n")
    assert lines[0] == "v1" and "batchTimestampMs" in json.loads(lines[1]) and "logOffset" in json.loads(lines[2])
    assert DeltaTable(str(state / "lake/main/shop/sold")).transaction_version(query) == last


def test_new_files_flow_while_it_runs(project, tmp_path, start):
    state = tmp_path / "state"
    run = start(project, state)
    run.ready()
    ids = []
    for number in range(3):
        ids += land(state, number)
        until(lambda: len(lake_rows_or_none(state)) == len(ids), "rows of a landed file", 20 * SLOW)
    assert run.stop() == 0, run.said()
    check(state, ids)


def lake_rows_or_none(state):
    try:
        return lake_rows(state, "shop.doubled", ["id"])
    except Exception:  # the table is not there yet
        return []


def test_each_row_once_under_kill(project, tmp_path, seed):
    dice = random.Random(seed)
    state = tmp_path / "state"
    ids, number = [], 0
    for _ in range(40 if SOAK else 6):
        run = Run(project, state)
        try:
            run.ready()
            for _ in range(dice.randrange(1, 6)):
                ids += land(state, number)
                number += 1
            run.wait_or_none(dice.uniform(0, 1.5) * SLOW)
        finally:
            run.kill()
    run_once(project, state)
    check(state, ids)


SPEC = """\
name: shop
storage: file:///tmp/unused
catalog: main
database: shop
configuration:
  factor: "3"
libraries:
  - glob:
      include: transformations/**
"""
SPEC_SQL = """\
CREATE MATERIALIZED VIEW numbers (CONSTRAINT small EXPECT (id < 4)) AS SELECT id, id * ${factor} AS x FROM range(6);
CREATE MATERIALIZED VIEW totals AS SELECT sum(x) AS x FROM numbers;
"""


def pipelines(command, *options, status=0):
    """The JSON lines of `paystreak pipelines …`."""
    words = [program(), "pipelines", command, "--output", "json", *options]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_spark_pipeline_runs_and_prints_its_events(tmp_path):
    folder, state = tmp_path / "spec", tmp_path / "state"
    (folder / "transformations").mkdir(parents=True)
    (folder / "spark-pipeline.yml").write_text(SPEC)
    (folder / "transformations" / "all.sql").write_text(SPEC_SQL)
    where = ("--spec", folder / "spark-pipeline.yml", "--state", state)
    assert pipelines("graph", *where) == [
        {"pipeline": "shop", "name": "main.shop.numbers", "kind": "materialized view", "inputs": []},
        {"pipeline": "shop", "name": "main.shop.totals", "kind": "materialized view", "inputs": ["main.shop.numbers"]},
    ]
    assert pipelines("dry-run", *where) == [{"ok": True, "failures": []}]
    assert not (state / "lake" / "main" / "shop" / "totals").exists(), "a dry run made a table"

    events = pipelines("run", *where)
    assert lake_rows(state, "shop.totals", ["x"]) == [(45,)]
    assert [e["message"].split(" is ")[1] for e in events if e["event_type"] == "update_progress"][-1] == "COMPLETED."
    (seen,) = [e["details"]["flow_progress"]["data_quality"]["expectations"] for e in events
               if e["event_type"] == "flow_progress" and "data_quality" in e["details"]["flow_progress"]
               and e["origin"]["flow_name"] == "main.shop.numbers" and e["level"] == "METRICS"]
    assert seen == [{"name": "small", "dataset": "main.shop.numbers", "passed_records": 4, "failed_records": 2}]

    again = pipelines("run", *where, "--full-refresh", "totals")
    assert {e["origin"]["update_id"] for e in again}.isdisjoint(e["origin"]["update_id"] for e in events)
    assert lake_rows(state, "shop.totals", ["x"]) == [(45,)]
    assert len(pipelines("events", *where)) == len(events) + len(again)

    (folder / "transformations" / "all.sql").write_text(SPEC_SQL.replace("sum(x)", "sum(nothing)"))
    (end,) = pipelines("run", *where, status=1)
    assert len(end["failures"]) == 1 and "all.sql:2:" in end["failures"][0], end


def test_pipelines_run_in_the_order_of_what_they_read(tmp_path):
    folder, state = tmp_path / "project", tmp_path / "state"
    folder.mkdir()
    (folder / "databricks.yml").write_text(
        "bundle: {name: two}\nresources:\n  pipelines:\n"
        "    after: {name: after, schema: s, libraries: [{file: {path: after.sql}}]}\n"
        "    before: {name: before, schema: s, libraries: [{file: {path: before.sql}}]}\n"
        "targets: {dev: {default: true}}\n"
    )
    (folder / "before.sql").write_text("CREATE MATERIALIZED VIEW numbers AS SELECT id FROM range(4);")
    (folder / "after.sql").write_text("CREATE MATERIALIZED VIEW total AS SELECT sum(id) AS n FROM s.numbers;")
    where = ("--project", folder, "--state", state)
    pipelines("run", *where)
    assert lake_rows(state, "s.total", ["n"]) == [(6,)]
    events = pipelines("run", "before", *where)
    assert {e["origin"]["pipeline_name"] for e in events} == {"before"}
    (error,) = pipelines("run", "nobody", *where, status=2)
    assert "there is no pipeline 'nobody'" in error["error"]
