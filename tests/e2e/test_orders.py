"""The second project, which shares no name, column or shape with the example, runs by the same program."""

import importlib.util
import json

import pytest
from deltalake import DeltaTable

import oracle
from conftest import ORDERS, lake_rows, run_once, sql

STATUS = "order_id placed_at depot article weight_kg total method status".split()
REVENUE = "depot orders open_orders total paid".split()


def _expected():
    spec = importlib.util.spec_from_file_location("orders_expected", ORDERS / "expected.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


expected = _expected()


def tallies(state, table):
    """{expectation: (passed, failed)} over all commits of a table."""
    counts = {}
    for commit in DeltaTable(str(state / "lake" / "main" / table)).history():
        for row in json.loads(commit["operationMetrics"].get("expectations", "[]")):
            passed, failed = counts.get(row["name"], (0, 0))
            counts[row["name"]] = passed + row["passed_records"], failed + row["failed_records"]
    return counts


def rounded(rows):
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    state = tmp_path_factory.mktemp("orders") / "state"
    run_once(ORDERS, state)
    return state


def test_each_order_has_its_status(state):
    have = rounded(lake_rows(state, "mart.order_status", STATUS))
    assert not oracle.differences(rounded(expected.order_status()), have)


def test_revenue_by_depot(state):
    have = rounded(lake_rows(state, "mart.depot_revenue", REVENUE))
    assert not oracle.differences(rounded(expected.depot_revenue()), have)


def test_expectations_count_what_they_see(state):
    placed, paid = expected.PLACED, expected.PAID
    assert tallies(state, "refined/placed") == {
        "whole": (placed["rows"], 0),
        "domestic": (placed["rows"] - placed["domestic"], placed["domestic"]),
    }
    assert tallies(state, "refined/paid") == {"not_void": (paid["rows"] - paid["not_void"], paid["not_void"])}


def test_both_hubs_are_captured(state):
    assert sql(state, "SELECT count(*) AS n FROM ops.orders_raw") == [{"n": expected.PLACED["rows"]}]
    assert sql(state, "SELECT count(*) AS n FROM ops.payments_raw") == [{"n": expected.PAID["rows"]}]


def test_a_second_run_changes_nothing(state):
    run_once(ORDERS, state)
    assert not oracle.differences(rounded(expected.depot_revenue()), rounded(lake_rows(state, "mart.depot_revenue", REVENUE)))
    assert sql(state, "SELECT count(*) AS n FROM ops.orders_raw") == [{"n": expected.PLACED["rows"]}]
