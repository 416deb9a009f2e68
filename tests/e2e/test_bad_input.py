"""One broken file each: the error names the file, line and column and what is wrong, and nothing else stops."""

import json
import re
import shutil
import socket
import struct
import subprocess

import pytest

from conftest import RETAIL, lake_rows, program, run_once, sql, until

FEW = ("--events", "100")


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1))


def place(path, needle):
    """line:column of the first `needle`."""
    text = path.read_text()
    before = text[: text.index(needle)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def said(run):
    """Every failure that the run told, as text."""
    texts = []
    for line in run.objects():
        texts += line.get("failures", [])
        if "error" in line:
            texts.append(f"{line['file']}:{line['line']}:{line['column']}: {line['error']}")
    return texts


def assert_one_error(run, file, where, *words):
    texts = said(run)
    found = [text for text in texts if re.search(rf"{re.escape(file)}:{where}\b", text)]
    assert len(found) == 1, f"{file}:{where} is not named once in {texts}\n{run.said()}"
    assert len(texts) == 1, f"more than one error: {texts}"
    for word in words:
        assert word in found[0], found[0]


# file, what is replaced, by what, the place (a text in the broken file, or line:column), words of the error
BROKEN = {
    "adf syntax": ("factory/pipeline/pl_ingest_batch.json", '"activities": [', '"activities": [,', ",\n", ("expected a value",)),
    "adf activity": (
        "factory/pipeline/pl_ingest_batch.json",
        '"type": "Copy"',
        '"type": "ExecuteDataFlow"',
        '"ExecuteDataFlow"',
        ("ExecuteDataFlow", "declarative pipeline"),
    ),
    "adf expression": (
        "factory/pipeline/pl_ingest_batch.json",
        "@concat(item().source",
        "@concart(item().source",
        None,
        ("concart",),
    ),
    "bundle syntax": ("databricks.yml", "  name: retail", "  name: [retail", None, ("flow",)),
    "bundle reference": ("resources/pipelines.yml", "${var.catalog}", "${var.catalogue}", "${var.catalogue}", ("catalogue",)),
    "bundle task": ("resources/jobs.yml", "- task_key: bronze\n", "- task_key: bronze2\n", None, ("bronze",)),
    "job setting": ("resources/jobs.yml", "depends_on", "dependson", "dependson", ("did you mean 'depends_on'?",)),
    "pipeline setting": ("resources/pipelines.yml", "      continuous: true\n", "      continuous: true\n      event_log: {name: x}\n", "event_log", ("event_log_NAME",)),
    "pipeline configuration": ("resources/pipelines.yml", "landing: abfss", "landing: [1]\n        other: abfss", "[1]", ("'landing' is a text",)),
    "pipeline syntax": ("pipelines/silver/sales.sql", "SELECT", "SELEKT", "SELEKT", ("SELEKT",)),
    "pipeline function": ("pipelines/gold/fact_sales.sql", "SELECT", "SELECT no_such_function(1),", "no_such_function", ("no_such_function",)),
    "notebook syntax": ("notebooks/gold_views.sql", "SELECT", "SELEKT", "SELEKT", ("SELEKT",)),
    "notebook statement": ("notebooks/gold_views.sql", "CREATE OR REPLACE VIEW", "CREATE OR REFRESH MATERIALIZED VIEW", "CREATE OR REFRESH", ("put it into a pipeline",)),
    "dashboard": ("dashboards/sales.lvdash.json", '"pages"', "pages", "pages", ("double quotes",)),
    "project file": ("paystreak.yml", "hubs:", "hubz:", "hubz", ("hubz", "hubs")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_artifact_is_told_before_anything_runs(case, retail, tmp_path):
    file, old, new, where, words = BROKEN[case]
    path = retail / file
    replace(path, old, new)
    where = place(path, where) if where and where.strip(",\n") else r"\d+:\d+"
    run = run_once(retail, tmp_path / "state", *FEW, status=1)
    assert_one_error(run, file, where, *words)
    assert not (tmp_path / "state" / "storage" / "paystreakretail").exists(), "something ran"


def test_a_broken_function_json(retail, tmp_path):
    functions = retail / "functions"
    shutil.copytree(RETAIL / "functions", functions, dirs_exist_ok=True)
    (functions / "function_app.py").unlink()
    (functions / "emit").mkdir()
    (functions / "emit" / "__init__.py").write_text("def main(timer):\n    pass\n")
    (functions / "emit" / "function.json").write_text('{\n  "bindings": [\n    {"type": "timerTrigger" "name": "timer"}\n  ]\n}\n')
    run = run_once(retail, tmp_path / "state", *FEW, status=1)
    assert_one_error(run, "functions/emit/function.json", "3:29", "expected ','")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('schedule="* * * * * *"', 'schedule="every day"', ("emit_sales", "every day")),
        ("app = func.FunctionApp()", "app = func.FunctionApp(", ("SyntaxError",)),
    ],
)
def test_a_broken_decorator_stops_only_its_app(old, new, words, retail, tmp_path):
    replace(retail / "functions" / "function_app.py", old, new)
    run = run_once(retail, tmp_path / "state", *FEW, status=1)
    found = [text for text in said(run) if re.search(r"functions/function_app\.py:\d+:\d+: ", text)]
    assert len(found) == 1, said(run)
    assert all(word in found[0] for word in words), found[0]
    # The factory and the batch pipeline have run all the same.
    assert lake_rows(tmp_path / "state", "gold.dim_customers", ["customer_id"])


def test_a_csv_row_with_too_many_fields_fails_its_copy_by_line(retail, tmp_path):
    source = retail / "source" / "source_crm" / "cust_info.csv"
    lines = source.read_text().count("\n")
    with source.open("a") as file:
        file.write("11999,AW00011999,Ann,Extra,S,F,2026-01-01,one,two,three\n")
    pipeline = retail / "factory" / "pipeline" / "pl_ingest_batch.json"
    pipeline.write_text(pipeline.read_text().replace('"retry": 2', '"retry": 0'))
    run = run_once(retail, tmp_path / "state", *FEW, status=1)
    assert_one_error(run, "source_crm/cust_info.csv", f"{lines + 1}:43", "10 columns, 7 are expected")
    # The other files are there, and the stream has gone through.
    assert lake_rows(tmp_path / "state", "gold.dim_products", ["product_id"])
    assert len(lake_rows(tmp_path / "state", "gold.fact_sales", ["order_number"])) >= 100


@pytest.mark.parametrize(
    "bad",
    ["9oo02,AW90002,Bob,Bad,S,M,2026-01-01,2026-01-01,x", "90002,AW90002,Bob,Bad,S,M,2026-01-01,2026-01-01,x,beyond"],
    ids=["a value of another type", "a row with too many fields"],
)
def test_a_landed_csv_row_that_does_not_fit_is_rescued_and_counted(bad, retail, tmp_path):
    from deltalake import DeltaTable

    state = tmp_path / "state"
    replace(retail / "pipelines" / "silver" / "customers.sql", "schema => 'cst_id STRING", "schema => 'cst_id INT")
    run_once(retail, state, *FEW)
    rows = len(lake_rows(state, "silver.crm_customers", ["customer_id"]))
    landed = state / "storage" / "paystreakretail" / "landing" / "crm_customers" / "by-hand"
    landed.mkdir()
    header = "cst_id,cst_key,cst_firstname,cst_lastname,cst_marital_status,cst_gndr,cst_create_date,landed_at,run_id"
    good = "90001,AW90001,Ann,Good,S,F,2026-01-01,2026-01-01,x"
    (landed / "cust_info.csv").write_text(f"{header}\n{good}\n{bad}\n")
    # The job ran already in this state: a project that is the same but for its state's history runs it again.
    replace(retail / "resources" / "jobs.yml", "    retail:\n      name: retail", "    again:\n      name: again")
    run_once(retail, state, *FEW)
    ids = [row[0] for row in lake_rows(state, "silver.crm_customers", ["customer_id"])]
    assert 90001 in ids and 90002 not in ids
    dropped = 0
    for commit in DeltaTable(str(state / "lake" / "main" / "silver" / "crm_customers")).history():
        for row in json.loads(commit["operationMetrics"].get("expectations", "[]")):
            dropped += row["failed_records"] if row["name"] == "whole_row" else 0
    assert dropped == 1
    assert len(ids) > rows


FRAMES = {
    "a size beyond the limit": struct.pack(">i", 2**31 - 1) + b"x" * 64,
    "a negative size": struct.pack(">i", -5) + b"x" * 64,
    "an unknown API": struct.pack(">ihhih", 10, 9999, 0, 1, -1),
    "a body cut short": struct.pack(">ihhih", 12, 3, 12, 1, -1) + b"\xff\xff",
    "noise": struct.pack(">i", 256) + bytes(range(256)),
    "another protocol": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def test_a_broken_kafka_frame_closes_its_connection_only(start, tmp_path):
    import subprocess

    run = start(RETAIL, tmp_path / "state", "--insecure-local")
    host, port = run.ready()["kafka"].split(":")
    for name, frame in FRAMES.items():
        with socket.create_connection((host, int(port)), timeout=20) as s:
            s.sendall(frame)
            s.settimeout(20)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            except TimeoutError:
                raise AssertionError(f"{name}: the connection is still open") from None
        assert run.process.poll() is None, f"{name}\n{run.said()}"
    command = ["kcat", "-b", f"{host}:{port}", "-C", "-t", "sales", "-o", "beginning", "-c", "5", "-q"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.count("\n") == 5
    until(lambda: any("connection closed" in line for line in run.log + run.lines), "a line about the closed connections")
    assert run.stop() == 0, run.said()


def test_sql_errors_name_line_and_column(tmp_path):
    run_once(RETAIL, tmp_path / "state", *FEW)
    with pytest.raises(AssertionError, match="UNRESOLVED_COLUMN|cannot be resolved"):
        sql(tmp_path / "state", "SELECT\n  nope FROM gold.fact_sales")


def test_half_a_command_is_answered_with_the_whole_ones():
    done = subprocess.run([str(program()), "lake"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "lake ls, lake schema" in done.stderr
    done = subprocess.run([str(program()), "lakes"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no command 'lakes'" in done.stderr
