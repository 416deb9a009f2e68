"""The retail example from its functions to gold, with its own stream and with the real files."""

import json
import random
import re

import pytest
from deltalake import DeltaTable

import oracle
from conftest import DEADLINE_SEC, REAL, RETAIL, RETAIL_SOURCE, SLOW, SOAK, Run, lake_rows, run_once, sql, until

needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="no real retail data beside the repository")
REAL_LINES = 60_398
REAL_OPTIONS = ("--bind", f"{RETAIL_SOURCE}=file://{REAL}")
REAL_SETTINGS = {"SALES_FILE": REAL / oracle.FILES["raw_sales"]}
KILLS = 20 if SOAK else 3


def bronze(state):
    return DeltaTable(str(state / "storage" / "paystreakretail" / "bronze" / "sales_events"))


def assert_bronze_holds(state, count):
    """As many records as the hub took, each (topic, partition, offset) once and none left out."""
    rows = bronze(state).to_pyarrow_table(columns=["topic", "partition", "offset"]).to_pylist()
    assert len(rows) == count
    places = {}
    for row in rows:
        places.setdefault((row["topic"], row["partition"]), []).append(row["offset"])
    for place, offsets in places.items():
        assert sorted(offsets) == list(range(len(offsets))), place


def assert_gold_is(state, expected):
    wrong = []
    for table, columns in oracle.COLUMNS.items():
        difference = oracle.differences(expected[table], lake_rows(state, f"gold.{table}", columns))
        if difference:
            wrong.append(f"gold.{table}: {difference}")
    assert not wrong, "\n".join(wrong)


def expectation_counts(state):
    """{(dataset, expectation): (passed, failed)}, summed over the metrics of all commits."""
    counts = {}
    for dataset in sorted({dataset for dataset, *_ in oracle.EXPECTATIONS}):
        table = DeltaTable(str(state / "lake" / "main" / dataset.replace(".", "/")))
        for commit in table.history():
            for row in json.loads(commit["operationMetrics"].get("expectations", "[]")):
                key = row["dataset"].removeprefix("main."), row["name"]
                passed, failed = counts.get(key, (0, 0))
                counts[key] = passed + row["passed_records"], failed + row["failed_records"]
    return counts


def assert_real_result(state, killed=False):
    assert_bronze_holds(state, REAL_LINES)
    assert_gold_is(state, oracle.gold(REAL))
    counts, expected = expectation_counts(state), oracle.expectations(REAL)
    if killed:
        # A factory run after a kill lands its files anew, so the batch side may have seen each file more often.
        for key, (passed, failed) in expected.items():
            times = sum(counts[key]) // (passed + failed)
            assert times >= 1, key
            expected[key] = (passed, failed) if key[0] == "silver.sales" else (times * passed, times * failed)
    assert counts == expected


def test_once_generated(tmp_path):
    state = tmp_path / "state"
    run_once(RETAIL, state, "--events", "2000")
    first = {table: len(lake_rows(state, f"gold.{table}", columns)) for table, columns in oracle.COLUMNS.items()}
    sent = len(bronze(state).to_pyarrow_table(columns=["offset"]))
    assert 2000 <= sent < 4000
    assert first["fact_sales"] == sent
    assert all(first.values()), first
    assert_bronze_holds(state, sent)
    assert sql(state, "SELECT count(*) AS n FROM gold.fact_sales") == [{"n": sent}]
    # The second run goes on where the first stopped: new lines, none of them twice.
    run_once(RETAIL, state, "--events", "1000")
    after = len(bronze(state).to_pyarrow_table(columns=["offset"]))
    assert after >= sent + 1000
    assert_bronze_holds(state, after)
    lines = [row[:2] for row in lake_rows(state, "gold.fact_sales", oracle.COLUMNS["fact_sales"])]
    assert len(lines) == len(set(lines)) == after


@needs_real_data
def test_once_real(tmp_path):
    state = tmp_path / "state"
    run_once(RETAIL, state, *REAL_OPTIONS, settings=REAL_SETTINGS)
    assert_real_result(state)
    # Nothing is left to replay, and a second run changes nothing.
    run_once(RETAIL, state, *REAL_OPTIONS, settings=REAL_SETTINGS)
    assert_bronze_holds(state, REAL_LINES)
    assert_gold_is(state, oracle.gold(REAL))


@needs_real_data
def test_kill9(tmp_path, seed):
    """Killed at random moments of the replay, and of what follows it; a run that completes then ends as if nothing had happened."""
    state, chance = tmp_path / "state", random.Random(seed)
    most = 16  # invocations that a kill waits for: all kills together see about a third of the replay
    settings = REAL_SETTINGS | {"SALES_RATE": REAL_LINES // (24 * KILLS)}  # no invocation sends more
    options = (*REAL_OPTIONS, "--events", str(2 * REAL_LINES))
    for _ in range(KILLS):
        run, wanted = Run(RETAIL, state, "--once", *options, settings=settings), chance.randint(1, most)
        try:
            run.ready()
            until(lambda: sum("sales lines" in line for line in run.log) >= wanted, "the replay goes on", every=0.002)
            assert run.wait_or_none(chance.uniform(0, 0.05 * SLOW)) is None, f"ended before the kill\n{run.said()}"
        finally:
            run.kill()
    assert len(bronze(state).to_pyarrow_table(columns=["offset"])) < REAL_LINES, "the replay ended before the last kill"
    for _ in range(KILLS // 3):
        run = Run(RETAIL, state, "--once", *options, settings=REAL_SETTINGS)
        try:
            run.ready()
            status = run.wait_or_none(chance.uniform(0, 4.0 * SLOW))
            assert status in (None, 0), f"exit status {status} instead of a kill\n{run.said()}"
        finally:
            run.kill()
    run = run_once(RETAIL, state, *options, settings=REAL_SETTINGS)
    assert_real_result(state, killed=True)
    assert not [line for line in run.log if re.search(r" (error|fatal) ", line)], run.said()
