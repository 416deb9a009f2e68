"""The projects that the end-to-end tests run hold together: their own files agree before anything runs."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import oracle
from conftest import DEADLINE_SEC, lake_rows, program, run_once, sql, until

ROOT = Path(__file__).resolve().parents[2]
RETAIL = ROOT / "examples" / "retail"
ORDERS = ROOT / "tests" / "projects" / "orders"
REAL = ROOT.parent / "shared" / "data" / "retail"
RUNTIME_PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"

sys.path.insert(0, str(RETAIL / "functions"))
import catalogue  # noqa: E402
import replay  # noqa: E402

needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="no real retail data beside the repository")


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_batch_source_is_what_its_generator_writes(tmp_path):
    subprocess.run([sys.executable, RETAIL / "source" / "generate.py", tmp_path], check=True)
    written = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.csv"))
    assert len(written) == 5
    for path in written:
        assert (tmp_path / path).read_bytes() == (RETAIL / "source" / path).read_bytes(), path


def test_every_listed_batch_file_is_in_the_source():
    for entry in json.loads((RETAIL / "config" / "batch_files.json").read_text()):
        assert (RETAIL / "source" / entry["path"]).is_file()


def test_generated_order_lines_are_unique_and_join_with_the_batch_files():
    lines = [catalogue.order_line(n) for n in range(5000)]
    products = {row["prd_key"][6:] for row in table(RETAIL / "source" / "source_crm" / "prd_info.csv")}
    customers = {row["cst_id"] for row in table(RETAIL / "source" / "source_crm" / "cust_info.csv")}
    assert len({(line["sls_ord_num"], line["sls_prd_key"]) for line in lines}) == len(lines)
    assert {line["sls_prd_key"] for line in lines} <= products
    assert {str(line["sls_cust_id"]) for line in lines} <= customers


def test_generated_order_lines_and_batch_files_are_dirty_in_every_way_that_is_counted(tmp_path):
    lines = [catalogue.order_line(n) for n in range(20000)]
    sales = tmp_path / "sales.csv"
    with open(sales, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    counts = oracle.expectations(RETAIL / "source", sales)
    never = {"known_origin", "readable_line", "whole_row", "has_product_id", "has_customer_number", "has_category_id"}
    for (dataset, name), (_, failed) in counts.items():
        if name not in never | {"known_maintenance"}:
            assert failed > 0, f"{dataset}.{name}"
    assert len(oracle.gold(RETAIL / "source", sales)["fact_sales"]) == len(lines)


def test_replay_gives_each_row_once_and_then_none(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("sls_ord_num,sls_prd_key,sls_sales,sls_price\nSO1,17,5,-3\nSO2,B-2,,007\nSO3,C-3,1.5,x\n")
    rows = replay.rows(str(file), 0, 2) + replay.rows(str(file), 2, 2)
    assert rows == [
        {"sls_ord_num": "SO1", "sls_prd_key": "17", "sls_sales": 5, "sls_price": -3},
        {"sls_ord_num": "SO2", "sls_prd_key": "B-2", "sls_sales": None, "sls_price": "007"},
        {"sls_ord_num": "SO3", "sls_prd_key": "C-3", "sls_sales": "1.5", "sls_price": "x"},
    ]
    assert replay.rows(str(file), 3, 2) == []
    file.write_text("sls_ord_num\nSO9\n")
    os.utime(file, ns=(1, 1))
    assert replay.rows(str(file), 0, 9) == [{"sls_ord_num": "SO9"}], "a file that changed is read anew"


DRIVER = """
import io, json, sys
sys.path.insert(0, sys.argv[1])
import function_app
emit = function_app.app.get_functions()[0].get_user_function()

class Out:
    value = None
    def set(self, value): self.value = value

kept, sizes, events = None, [], []
for _ in range(int(sys.argv[2])):
    after, out = Out(), Out()
    emit(None, None if kept is None else io.BytesIO(kept), after, out)
    sizes.append(len(out.value or ()))
    if out.value:
        events += [json.loads(event) for event in out.value]
        kept = after.value.encode()
print(json.dumps({"sizes": sizes, "events": events}))
"""


def invoke(times, **settings):
    """Drives the function app as a host does, the position blob carried over; what it sent."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SALES_")} | settings
    command = [RUNTIME_PYTHON, "-B", "-c", DRIVER, RETAIL / "functions", str(times)]
    result = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def test_the_function_app_makes_an_endless_stream_at_its_rate():
    sent = invoke(3, SALES_RATE="40", SALES_INTERVAL_SEC="0.5")
    assert sent["sizes"] == [20, 20, 20]
    assert [event["_meta"]["position"] for event in sent["events"]] == list(range(60))
    assert [event["order"] for event in sent["events"]] == [catalogue.order_line(n) for n in range(60)]


def test_the_function_app_replays_a_file_once(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("sls_ord_num,sls_sales\n" + "".join(f"SO{n},{n}\n" for n in range(25)))
    sent = invoke(5, SALES_FILE=str(file), SALES_RATE="10")
    assert sent["sizes"] == [10, 10, 5, 0, 0]
    assert [event["order"]["sls_ord_num"] for event in sent["events"]] == [f"SO{n}" for n in range(25)]


def test_the_orders_project_expects_every_order():
    sys.path.insert(0, str(ORDERS))
    import expected

    assert len(expected.order_status()) == expected.PLACED["rows"] == sum(row[1] for row in expected.depot_revenue())
    assert 0 < expected.PAID["not_void"] < expected.PAID["rows"] < expected.PLACED["rows"]


@needs_real_data
def test_the_oracle_sees_the_real_data_as_it_is():
    tables, counts = oracle.gold(REAL), oracle.expectations(REAL)
    assert len(tables["fact_sales"]) == 60398
    assert len({(row[0], row[1]) for row in tables["fact_sales"]}) == 60398
    assert len(tables["dim_customers"]) == 18484
    assert len(tables["dim_products"]) == 295
    assert sum(row[1] for row in tables["sales_by_country"]) == sum(row[6] for row in tables["fact_sales"])
    assert counts["silver.sales", "valid_order_date"] == (60379, 19)
    assert counts["silver.crm_customers", "has_customer_id"] == (18490, 4)
    assert counts["silver.crm_products", "ends_after_start"] == (197, 200)


TASKS = ROOT / "tests" / "projects" / "tasks"


def test_each_kind_of_task_runs_and_resources_stand(tmp_path):
    state = tmp_path / "state"
    run_once(TASKS, state)
    marks = sorted(mark for (mark,) in lake_rows(state, "notes.marks", ["mark"]))
    # The job `called` had its run through the other one: it does not run for itself.
    assert marks == sorted(
        ["prepared", "prepared by braces", "high", "one", "two", "three", "from the caller", "from CallNotebook", "script.py script 10"]
    )
    assert (state / "volumes" / "main" / "notes" / "drop").is_dir()
    runs = sqlite3.connect(state / "control.db").execute("SELECT name, type, status FROM runs WHERE kind = 'task'").fetchall()
    assert ("is_high", "condition_task", "Succeeded") in runs
    assert ("low", "notebook_task", "Skipped") in runs
    assert sum(name.startswith("each[") and status == "Succeeded" for name, _, status in runs) == 3


def test_a_stopped_factory_pipeline_is_canceled_and_no_failure(tmp_path, start):
    project = Path(shutil.copytree(TASKS, tmp_path / "tasks"))
    file = project / "adf" / "pipeline" / "CallNotebook.json"
    pipeline = json.loads(file.read_text())
    pipeline["properties"]["activities"] = [{"name": "Long", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 600}}]
    file.write_text(json.dumps(pipeline))
    run = start(project, tmp_path / "state", "--once")

    def state_of(name):
        return [line["state"] for line in run.objects() if line.get("name") == name]

    until(lambda: "InProgress" in state_of("CallNotebook/Long"), "the activity on the board")
    run.stop()
    assert state_of("CallNotebook")[-1] == "Cancelled", run.said()
    assert run.failures() == []


def paystreak(command, *options):
    words = [program(), *command.split(), *options]
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=DEADLINE_SEC)


def test_commands_beside_a_run_are_its_clients(tmp_path, start):
    state = tmp_path / "state"
    run = start(ORDERS, state)
    run.ready()
    assert (state / "control.sock").stat().st_mode & 0o777 == 0o600

    made = paystreak("sql", "--state", state, "--output", "json", "CREATE SCHEMA beside; CREATE TABLE beside.t (a INT); INSERT INTO beside.t VALUES (1), (2); SELECT sum(a) AS n FROM beside.t")
    assert made.returncode == 0, made.stderr
    assert [json.loads(line) for line in made.stdout.splitlines()] == [{"n": 3}]
    assert sql(state, "SELECT count(*) AS n FROM beside.t") == [{"n": 2}]
    text = paystreak("sql", "--state", state, "INSERT INTO beside.t VALUES (3)")
    assert (text.returncode, text.stdout) == (0, "INSERT 1\n")
    wrong = paystreak("sql", "--state", state, "--output", "json", "DELETE FROM beside.nothing")
    assert wrong.returncode == 1 and json.loads(wrong.stdout)["line"] == 1, (wrong.returncode, wrong.stdout, wrong.stderr)

    bound = paystreak("sql", "--state", state, "--bind", "abfss://x@y.dfs.core.windows.net=file:///data", "INSERT INTO beside.t VALUES (4)")
    assert bound.returncode == 2 and "--bind" in bound.stderr, bound.stderr

    status = paystreak("status", "--state", state, "--output", "json")
    said = json.loads(status.stdout)
    assert said["pid"] == run.process.pid
    assert {"postgres", "kafka"} <= {p["name"] for p in said["parts"] if p["part"] == "address"}
    assert "postgres" in paystreak("status", "--state", state).stdout

    second = paystreak("run", "--once", "--project", ORDERS, "--state", state)
    assert second.returncode != 0 and f'"pid":{run.process.pid}' in second.stderr, second.stderr
    stopped = paystreak("stop", "--state", state)
    assert stopped.returncode == 0, stopped.stderr
    assert run.wait() == 0
    assert not (state / "control.sock").exists()
    for command in ("status", "stop"):
        alone = paystreak(command, "--state", state)
        assert alone.returncode == 1 and "nothing runs on the state" in alone.stderr


def test_a_socket_that_a_killed_run_left_is_no_hindrance(tmp_path, start):
    state = tmp_path / "state"
    run = start(ORDERS, state)
    run.ready()
    run.kill()
    assert (state / "control.sock").exists()
    assert "nothing runs on the state" in paystreak("status", "--state", state).stderr
    again = start(ORDERS, state)
    again.ready()
    assert paystreak("status", "--state", state).returncode == 0
    assert again.stop() == 0
