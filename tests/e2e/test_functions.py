"""Function apps, in both Python models, with the real azure-functions package, into the hub and out of it.

A project of nothing but apps and a captured hub: what the functions emit is read back from the capture's Delta table.
"""

import json
import random
from pathlib import Path

import pytest

from conftest import SOAK, lake_rows, run_once, until

PAYSTREAK_YML = """\
functions: [apps/decorated, apps/folders]
hubs:
  - namespace: plant
    name: readings
    partitionCount: 3
    captureDescription:
      enabled: true
      encoding: Delta
      destination:
        table: main.raw.readings
"""
SECRET = "c2VjcmV0LW9mLXRoZS1wbGFudA=="
SETTINGS = {
    "IsEncrypted": False,
    "Values": {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PLANT": f"Endpoint=sb://plant.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={SECRET}",
        "HUB": "readings",
        "TOTAL": "400",
        "STEP": "100",
    },
}
COUNTING = '''\
import json
import os


def rows(seen, name):
    """The next readings of a source, and the place after them."""
    start = int(seen.read()) if seen is not None else 0
    end = min(int(os.environ["TOTAL"]), start + int(os.environ["STEP"]))
    return [json.dumps({"from": name, "n": n}) for n in range(start, end)], end
'''
DECORATED = '''\
import logging
import os
from typing import List

import azure.functions as func

import counting

app = func.FunctionApp()


@app.function_name(name="decorated")
@app.timer_trigger(arg_name="tick", schedule="* * * * * *", use_monitor=False)
@app.blob_input(arg_name="seen", path="places/decorated.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="place", path="places/decorated.txt", connection="AzureWebJobsStorage")
@app.event_hub_output(arg_name="out", event_hub_name="%HUB%", connection="PLANT")
async def decorated(tick: func.TimerRequest, seen: func.InputStream, place: func.Out[str], out: func.Out[List[str]]) -> None:
    logging.info("the connection is %s", os.environ["PLANT"])
    rows, end = counting.rows(seen, "decorated")
    if rows:
        out.set(rows)
        place.set(str(end))
'''
FOLDER = '''\
from typing import List

import azure.functions as func

from .. import counting


def emit(tick: func.TimerRequest, seen: func.InputStream, place: func.Out[bytes]) -> List[str]:
    rows, end = counting.rows(seen, "folder")
    if rows:
        place.set(b"%d" % end)
    return rows or None
'''
FUNCTION_JSON = """\
{
  // the second model: a folder for each function
  "scriptFile": "code.py",
  "entryPoint": "emit",
  "bindings": [
    {"name": "tick", "type": "timerTrigger", "direction": "in", "schedule": "00:00:01"},
    {"name": "seen", "type": "blob", "direction": "in", "path": "places/folder.txt", "connection": "AzureWebJobsStorage"},
    {"name": "place", "type": "blob", "direction": "out", "path": "places/folder.txt", "connection": "AzureWebJobsStorage"},
    {"name": "$return", "type": "eventHub", "direction": "out", "eventHubName": "readings", "connection": "PLANT"},
  ]
}
"""


def make_project(folder, **values):
    settings = json.loads(json.dumps(SETTINGS))
    settings["Values"].update({k: str(v) for k, v in values.items()})
    files = {"paystreak.yml": PAYSTREAK_YML}
    for app in ("decorated", "folders"):
        files |= {
            f"apps/{app}/host.json": '{"version": "2.0"}',
            f"apps/{app}/local.settings.json": json.dumps(settings, indent=2),
            f"apps/{app}/counting.py": COUNTING,
        }
    files |= {
        "apps/decorated/function_app.py": DECORATED,
        "apps/folders/folder/code.py": FOLDER,
        "apps/folders/folder/function.json": FUNCTION_JSON,
    }
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Path(folder)


def emitted(state):
    """(source, number) of each event in the capture."""
    bodies = [body for (body,) in lake_rows(state, "raw.readings", ["body"])]
    return sorted((row["from"], row["n"]) for row in map(json.loads, bodies))


def each_once(total):
    return sorted((name, n) for name in ("decorated", "folder") for n in range(total))


def test_both_models_run_to_their_end_and_secrets_stay(tmp_path):
    project, state = make_project(tmp_path / "project"), tmp_path / "state"
    run = run_once(project, state)
    assert emitted(state) == each_once(400)
    assert (state / "storage/devstoreaccount1/places/decorated.txt").read_text() == "400"
    said = run.said(10000)
    assert "the connection is Endpoint=sb://" in said
    assert SECRET not in said
    run_once(project, state)
    assert emitted(state) == each_once(400), "a second run has nothing more to send"


def test_an_endless_function_is_told_to_be_cut(tmp_path):
    project, state = make_project(tmp_path / "project", TOTAL=10**9), tmp_path / "state"
    run = run_once(project, state)
    notices = [line["notices"] for line in run.objects() if "notices" in line][-1]
    assert len(notices) == 2 and all("never ends; --events N" in one for one in notices), notices
    assert "'decorated'" in "".join(notices) and "'folder'" in "".join(notices)


def test_events_limit_an_endless_function(tmp_path):
    project, state = make_project(tmp_path / "project", TOTAL=10**9), tmp_path / "state"
    run_once(project, state, "--events", "300")
    assert emitted(state) == each_once(300)


def test_a_capture_that_cannot_write_fails_the_run(tmp_path, start):
    """The app waits for a file before it sends; meanwhile the table's log is made a thing that cannot be written."""
    go, log = tmp_path / "go", tmp_path / "state/lake/main/raw/readings/_delta_log"
    project, state = make_project(tmp_path / "project", TOTAL=10, STEP=10), tmp_path / "state"
    counting = project / "apps/decorated/counting.py"
    counting.write_text(f"import os\nimport time\n{COUNTING}".replace(
        "    start = int", f"    while not os.path.exists({str(go)!r}):\n        time.sleep(0.05)\n    start = int"))
    run = start(project, state, "--once")
    run.ready()
    until(log.is_dir, "the capture's table")
    log.rename(log.with_name("moved"))
    log.write_text("no folder")
    go.touch()
    assert run.wait() == 1, run.said()
    (failure,) = run.failures()
    assert failure.startswith("main.raw.readings: ") and "could not be written in 5 tries" in failure, failure
    told = [line for line in run.log if "error" in line and "main.raw.readings" in line]
    assert len(told) <= 3, "the same failure is told again and again:\n" + "\n".join(told)


def test_a_hub_that_the_project_does_not_have_is_refused(tmp_path):
    project, state = make_project(tmp_path / "project", HUB="reading"), tmp_path / "state"
    run = run_once(project, state, status=1)
    failures = run.failures()
    assert len(failures) == 1 and "function_app.py" in failures[0], failures
    assert "there is no event hub plant/reading; paystreak.yml has plant/readings" in failures[0]
    assert emitted(state) == [("folder", n) for n in range(400)], "the other app sends all the same"


REPLAY = '''\
import os
from typing import List

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="tick", schedule="* * * * * *", use_monitor=False)
@app.blob_input(arg_name="seen", path="places/replay.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="place", path="places/replay.txt", connection="AzureWebJobsStorage")
@app.event_hub_output(arg_name="out", event_hub_name="%HUB%", connection="PLANT")
def replay(tick, seen: func.InputStream, place: func.Out[str], out: func.Out[List[str]]) -> None:
    start = int(seen.read()) if seen is not None else 0
    with open(os.environ["READINGS"]) as file:
        rows = file.read().splitlines()[start : start + int(os.environ["STEP"])]
    if rows:
        out.set(rows)
        place.set(str(start + len(rows)))
'''


def test_a_slow_replay_longer_than_the_limit_goes_through_whole(tmp_path):
    file = tmp_path / "readings.jsonl"
    file.write_text("".join(f'{{"from": "file", "n": {n}}}\n' for n in range(12000)))
    project, state = make_project(tmp_path / "project", STEP=200 if SOAK else 500, TOTAL=0, READINGS=file), tmp_path / "state"
    (project / "apps/decorated/function_app.py").write_text(REPLAY)
    run_once(project, state, seconds=600)
    assert emitted(state) == [("file", n) for n in range(12000)]


def test_each_event_once_though_the_program_is_killed(tmp_path, start, seed):
    total = 2000
    choose = random.Random(seed)
    project, state = make_project(tmp_path / "project", TOTAL=total, STEP=25), tmp_path / "state"
    for _ in range(6):
        run = start(project, state, "--once")
        if run.wait_or_none(choose.uniform(0.3, 2.0)) is None:
            run.kill()
    run_once(project, state)
    assert emitted(state) == each_once(total)


def test_a_schedule_goes_on_while_another_function_fails(tmp_path, start):
    project, state = make_project(tmp_path / "project"), tmp_path / "state"
    (project / "apps/folders/folder/code.py").write_text(
        "import azure.functions as func\n\n\ndef emit(tick, seen, place) -> str:\n    place.set('lost')\n    raise RuntimeError('no reading')\n"
    )
    run = start(project, state)
    run.ready()
    place = state / "storage/devstoreaccount1/places/decorated.txt"
    until(lambda: place.is_file() and place.read_text() == "400", "the good function ends")
    until(lambda: any("no reading" in line for line in run.log + run.lines), "the bad one says why")
    run.stop()
    said = run.said(10000)
    assert "apps/folders/folder/code.py:6:" in said
    assert not (state / "storage/devstoreaccount1/places/folder.txt").exists(), "a failed invocation writes nothing"
