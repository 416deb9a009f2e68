"""What the end-to-end tests share: the program, a run of it, and its SQL.

PAYSTREAK names the program (build/release/paystreak otherwise). Every wait has a deadline and ends with what
the program said until then; SEED makes the random choices of a test again, and is printed with a failure.
"""

import json
import os
import queue
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RETAIL = ROOT / "examples" / "retail"
ORDERS = ROOT / "tests" / "projects" / "orders"
REAL = ROOT.parent / "shared" / "data" / "retail"
RETAIL_SOURCE = "https://raw.githubusercontent.com/paystreak/retail-source/main"
SLOW = 8 if "asan" in os.environ.get("PAYSTREAK", "") else 1  # a sanitized build gets longer deadlines
DEADLINE_SEC = 60 * SLOW
SOAK = bool(os.environ.get("SOAK"))
NOT_PART_OF_A_PROJECT = shutil.ignore_patterns(".paystreak", "__pycache__")


def program():
    path = Path(os.environ.get("PAYSTREAK") or ROOT / "build" / "release" / "paystreak")
    assert path.is_file(), f"{path} is not built: make {path}"
    return path


def environment(settings):
    """The caller's environment without what would change the example, plus `settings`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SALES_")}
    return env | {"PYTHONDONTWRITEBYTECODE": "1"} | {k: str(v) for k, v in settings.items()}


def until(condition, what, seconds=DEADLINE_SEC, every=0.05):
    """The first true value of condition(); fails naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(every)
    return value


class Run:
    """`paystreak run --output json` as a child process: its JSON lines, its log, its end."""

    def __init__(self, project, state, *options, settings=None):
        self.state = Path(state)
        command = [program(), "run", "--output", "json", "--project", project, "--state", state, *options]
        if "--port-base" not in options:
            command += ["--port-base", "0"]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment(settings or {}),
        )
        self.lines, self.log, self._new = [], [], queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.log), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, into):
        for line in stream:
            into.append(line.rstrip("\n"))
            self._new.put(None)
        self._new.put(None)

    def said(self, last=60):
        return "\n".join(["-- output", *self.lines[-last:], "-- log", *self.log[-last:]])

    def objects(self):
        return [json.loads(line) for line in list(self.lines)]

    def ready(self, seconds=DEADLINE_SEC):
        """The line of addresses: kafka, postgres, console, spark."""
        end = time.monotonic() + seconds
        while True:
            for line in self.objects():
                if line.get("ready"):
                    return line
            assert self.process.poll() is None, f"ended before it was ready\n{self.said()}"
            try:
                self._new.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not ready within {seconds} s\n{self.said()}") from None

    def wait(self, seconds=DEADLINE_SEC):
        """The exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s\n{self.said()}") from None
        for reader in self._readers:
            reader.join(10)
        return status

    def wait_or_none(self, seconds):
        """The exit status, or None if it still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=DEADLINE_SEC):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def failures(self):
        """The list in the last line."""
        ends = [line["failures"] for line in self.objects() if "failures" in line]
        assert ends, f"no closing line\n{self.said()}"
        return ends[-1]


def run_once(project, state, *options, settings=None, seconds=3 * DEADLINE_SEC, status=0):
    """A whole `run --once`; checks its exit status."""
    run = Run(project, state, "--once", *options, settings=settings)
    got = run.wait(seconds)
    assert got == status, f"exit status {got}\n{run.said()}"
    return run


def sql(state, text, *options):
    """The rows of a statement as dictionaries."""
    done = subprocess.run(
        [str(program()), "sql", "--state", str(state), "--output", "json", *options, text],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SEC,
        env=environment({}),
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def lake_rows(state, name, columns):
    """The rows of STATE/lake/main/<schema>/<table> as another reader of Delta sees them, in `columns`."""
    from deltalake import DeltaTable

    schema, table = name.split(".")
    found = DeltaTable(str(Path(state) / "lake" / "main" / schema / table)).to_pyarrow_table(columns=list(columns))
    return list(zip(*(found.column(c).to_pylist() for c in columns), strict=True)) if found.num_rows else []


@pytest.fixture
def seed():
    value = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={value}")
    return value


@pytest.fixture
def start():
    """Starts runs that do not outlive the test."""
    runs = []

    def starter(*args, **kwargs):
        runs.append(Run(*args, **kwargs))
        return runs[-1]

    yield starter
    for run in runs:
        if run.process.poll() is None:
            run.kill()


@pytest.fixture
def retail(tmp_path):
    """A copy of the example that a test may break."""
    return Path(shutil.copytree(RETAIL, tmp_path / "retail", ignore=NOT_PART_OF_A_PROJECT))
