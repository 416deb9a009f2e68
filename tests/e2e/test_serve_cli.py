"""`paystreak serve` and `paystreak connect`: a state folder's tables without the project that made them."""

import json
import os
import signal
import subprocess
import urllib.request
from contextlib import contextmanager

import psycopg

from conftest import DEADLINE_SEC, RETAIL, ROOT, environment, program, sql

SPARK_PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"


@contextmanager
def served(*words):
    process = subprocess.Popen([str(program()), *map(str, words), "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment({}))
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SEC) == 0, process.stderr.read()


def make_state(tmp_path):
    state = tmp_path / "state"
    sql(state, "CREATE SCHEMA IF NOT EXISTS gold")
    sql(state, "CREATE TABLE gold.t AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
    return state


def test_serve_answers_postgresql_and_shows_dashboards(tmp_path):
    state = make_state(tmp_path)
    (tmp_path / "dashboards").mkdir()
    dashboard = {"datasets": [{"name": "d", "displayName": "d", "queryLines": ["SELECT count(*) AS n FROM gold.t"]}], "pages": [{"name": "p", "displayName": "P", "layout": []}]}
    (tmp_path / "dashboards" / "one.lvdash.json").write_text(json.dumps(dashboard))
    with served("serve", "--project", tmp_path, "--state", state, "--pg", 0, "--web", 0, "--insecure-local") as at:
        host, port = at["postgres"].split(":")
        with psycopg.connect(host=host, port=port, user="paystreak", dbname="main", autocommit=True) as c:
            assert c.execute("SELECT a, b FROM gold.t ORDER BY a").fetchall() == [(1, "x"), (2, "y")]
        with urllib.request.urlopen(at["console"].rstrip("/") + "/api/dashboards", timeout=DEADLINE_SEC) as answer:
            assert "one" in answer.read().decode()
        owner = subprocess.run([str(program()), "serve", "--state", str(state), "--pg", "0", "--web", "0"], capture_output=True, text=True, timeout=DEADLINE_SEC)
        assert owner.returncode != 0 and "serve" in owner.stderr
    assert sql(state, "SELECT count(*) AS n FROM gold.t") == [{"n": 2}]


def test_serve_shows_the_bundles_dashboards_and_what_is_broken_stops_nothing(tmp_path):
    state = make_state(tmp_path)
    dashboard = {"datasets": [{"name": "d", "displayName": "d", "queryLines": ["SELECT 1 AS n"]}], "pages": [{"name": "p", "displayName": "P", "layout": []}]}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "sales.lvdash.json").write_text(json.dumps(dashboard))
    (tmp_path / "src" / "broken.lvdash.json").write_text("{")
    (tmp_path / "databricks.yml").write_text(
        "bundle: {name: b}\nresources:\n  dashboards:\n"
        "    sales: {display_name: S, warehouse_id: x, file_path: src/sales.lvdash.json}\n"
        "    broken: {display_name: B, warehouse_id: x, file_path: src/broken.lvdash.json}\n"
    )
    with served("serve", "--project", tmp_path, "--state", state, "--pg", 0, "--web", 0, "--insecure-local") as at:
        with urllib.request.urlopen(at["console"].rstrip("/") + "/api/dashboards", timeout=DEADLINE_SEC) as answer:
            assert [d["name"] for d in json.load(answer)] == ["sales"]
        with urllib.request.urlopen(at["console"].rstrip("/") + "/api/state", timeout=DEADLINE_SEC) as answer:
            assert [(p["kind"], p["address"]) for p in json.load(answer)["parts"]] == [("address", at["postgres"])]


def test_serve_asks_for_the_password(tmp_path):
    state = make_state(tmp_path)
    with served("serve", "--project", tmp_path, "--state", state, "--pg", 0, "--web", 0) as at:
        keys = json.loads(subprocess.run([str(program()), "keys", "--state", str(state), "--output", "json"], capture_output=True, text=True, check=True).stdout)
        host, port = at["postgres"].split(":")
        with psycopg.connect(host=host, port=port, user="paystreak", dbname="main", password=keys["password"]) as c:
            assert c.execute("SELECT count(*) FROM gold.t").fetchone() == (2,)
        try:
            psycopg.connect(host=host, port=port, user="paystreak", dbname="main", password="wrong")
            raise AssertionError("let in with a wrong password")
        except psycopg.OperationalError:
            pass


def test_connect_serves_sparks_client(tmp_path):
    state = make_state(tmp_path)
    with served("connect", "--project", tmp_path, "--state", state, "--listen", "127.0.0.1:0", "--insecure-local") as at:
        script = tmp_path / "job.py"
        script.write_text(
            "from pyspark.sql import SparkSession\n"
            "spark = SparkSession.builder.getOrCreate()\n"
            "print(sorted(tuple(r) for r in spark.table('gold.t').collect()))\n"
        )
        done = subprocess.run([str(SPARK_PYTHON), str(script)], capture_output=True, text=True, timeout=DEADLINE_SEC, env=os.environ | {"SPARK_REMOTE": at["spark"]})
        assert done.stdout.strip() == "[(1, 'x'), (2, 'y')]", done.stderr
    refused = subprocess.run([str(program()), "connect", "--state", str(state), "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert refused.returncode != 0 and "loopback" in refused.stderr


def check(project, state, *words, status=0):
    done = subprocess.run([str(program()), "check", "--project", str(project), "--state", str(state), *words], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_check_lists_the_parts_and_is_no_praise_of_nothing(tmp_path):
    said = check(RETAIL, tmp_path / "retail").stdout
    for kind, name in (("function app", "functions"), ("event hub", "sales"), ("factory", "paystreak-retail"), ("job", "retail"), ("pipeline", "sales_live"), ("dashboard", "sales")):
        assert any(line.startswith(kind) and name in line for line in said.splitlines()), (kind, name, said)
    assert said.splitlines()[-1] == "everything above runs here"
    parts = [json.loads(line) for line in check(RETAIL, tmp_path / "json", "--output", "json").stdout.splitlines()]
    assert {"job", "pipeline", "factory"} <= {line["part"]["kind"] for line in parts if "part" in line} and parts[-1] == {"ok": True, "failures": []}
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "databricks.yml").write_text("bundle: {name: empty}\n")
    assert "nothing in this project runs here" in check(empty, tmp_path / "state").stdout
    (empty / "databricks.yml").write_text("bundle: {name: empty}\npython: {resources: ['resources:load']}\n")
    assert "databricks.yml:2:21: python.resources" in check(empty, tmp_path / "state", status=1).stderr
