"""The program as a whole: one file, its exit statuses, its ports, its schedules."""

import json
import os
import socket
import sqlite3
import subprocess

from conftest import DEADLINE_SEC, ORDERS, ROOT, environment, program, run_once, sql, until

EXAMPLE_NAMES = r"\b(sls_|crm_|erp_|fact_sales|dim_customers|dim_products|sales_by_|paystreakretail|sales_live)"


def paystreak(*words):
    return subprocess.run([str(program()), *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_SEC, env=environment({}))


def test_it_is_one_file_beside_debians_libraries(tmp_path):
    lone = tmp_path / "bin" / "paystreak"
    lone.parent.mkdir()
    os.link(program(), lone) if os.stat(program()).st_dev == os.stat(tmp_path).st_dev else lone.write_bytes(program().read_bytes())
    lone.chmod(0o755)
    linked = subprocess.run(["ldd", lone], capture_output=True, text=True, check=True).stdout
    assert "duckdb" not in linked and "not found" not in linked, linked
    done = subprocess.run([lone, "sql", "--state", tmp_path / "state", "--output", "json", "SELECT sum(id) AS n FROM range(10)"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.stdout == '{"n":45}\n', done.stderr


def test_each_exit_status(tmp_path):
    state = tmp_path / "state"
    assert paystreak("sql", "--state", state, "SELECT 1").returncode == 0
    assert paystreak("sql", "--state", state, "SELECT nope").returncode == 1
    assert paystreak("sql", "--nope").returncode == 2
    (state / "control.db").write_bytes(os.urandom(8192))
    done = paystreak("run", "--once", "--project", ORDERS, "--state", state, "--port-base", "0")
    assert done.returncode == 3 and "control.db" in done.stderr, done.stderr


def free_base(count):
    """The first of so many ports in a row that nobody listens on, below those that the system gives away."""
    for base in range(20000, 30000, 16):
        taken = []
        try:
            for n in range(count):
                taken.append(socket.socket())
                taken[-1].bind(("127.0.0.1", base + n))
            return base
        except OSError:
            continue
        finally:
            for s in taken:
                s.close()
    raise AssertionError("no free ports in a row")


def test_ports_follow_the_base(tmp_path, start):
    """Ports N, N + 1 …: whoever asks for N knows where everything is."""
    places = {"kafka": 0, "postgres": 1, "console": 2, "spark": 3, "amqp": 4, "https": 5, "storage": 6, "queue": 7}
    base = free_base(len(places))
    run = start(ORDERS, tmp_path / "state", "--once", "--port-base", str(base))
    ready = run.ready()
    for part, n in places.items():
        assert f":{base + n}" in ready[part], (part, ready)
    assert run.wait(3 * DEADLINE_SEC) == 0, run.said()


def test_a_job_s_schedule_is_honoured(tmp_path, start):
    project, state = tmp_path / "project", tmp_path / "state"
    project.mkdir()
    (project / "tick.sql").write_text("-- Databricks notebook source\nSELECT 1\n")
    (project / "databricks.yml").write_text(
        json.dumps(
            {
                "bundle": {"name": "ticking"},
                "resources": {
                    "jobs": {
                        "tick": {
                            "schedule": {"quartz_cron_expression": "* * * * * ?", "timezone_id": "UTC"},
                            "tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "tick.sql"}}],
                        }
                    }
                },
            }
        )
    )
    run = start(project, state)
    run.ready()

    def triggers():
        with sqlite3.connect(state / "control.db", timeout=5) as db:
            return [row[0] for row in db.execute("SELECT trigger FROM runs WHERE kind = 'job' AND status = 'Succeeded' ORDER BY started_us")]

    until(lambda: len(triggers()) >= 3, "the schedule fires")
    assert len(set(triggers()[1:])) == 1 and triggers()[0] != triggers()[1], triggers()
    assert run.stop() == 0, run.said()


def test_lines_where_there_is_no_terminal(tmp_path):
    """One line a change, no colours, no cursor movement."""
    done = paystreak("run", "--once", "--project", ORDERS, "--state", tmp_path / "state", "--port-base", "0")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr
    changes = [line.split(" ", 1)[1] for line in done.stderr.splitlines()]
    assert any(line.startswith("job ") and "Succeeded" in line for line in changes), done.stderr
    assert all(line != following for line, following in zip(changes, changes[1:])), done.stderr


def test_the_second_deps_does_nothing():
    done = subprocess.run(["bash", ROOT / "scripts" / "deps", "test"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.returncode == 0 and done.stdout == "deps: all that 'test' needs is in place\n", done.stdout + done.stderr


def test_nothing_of_the_example_is_in_the_program():
    found = subprocess.run(["grep", "-rnE", EXAMPLE_NAMES, ROOT / "src", ROOT / "python", ROOT / "web" / "src"], capture_output=True, text=True).stdout
    assert not found, found


def test_a_run_once_again_runs_no_job_twice(tmp_path):
    state = tmp_path / "state"
    run_once(ORDERS, state)
    before = sql(state, "SHOW TABLES IN gold") if (state / "lake" / "main" / "gold").exists() else None

    def jobs():
        with sqlite3.connect(state / "control.db") as db:
            return db.execute("SELECT count(*) FROM runs WHERE kind = 'job'").fetchone()[0]

    ran = jobs()
    run_once(ORDERS, state)
    assert jobs() == ran > 0
    if before is not None:
        assert sql(state, "SHOW TABLES IN gold") == before
