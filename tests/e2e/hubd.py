"""Starts the hub alone (tests/unit/hub/hubd.c) for the tests that drive it with real clients."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("PAYSTREAK_TREE", "release")
MAKE_FLAGS = {"debug": ["DEBUG=1"], "asan": ["SAN=address,undefined"], "tsan": ["SAN=thread"], "release": []}[TREE]
BINARY = ROOT / "build" / TREE / "tests" / "unit" / "hub" / "hubd"
_built = False


def build():
    global _built
    if not _built:
        subprocess.run(["make", "-s", *MAKE_FLAGS, str(BINARY.relative_to(ROOT))], cwd=ROOT, check=True)
        _built = True


class Hub:
    """One hub over a state folder; may be stopped, killed and started again on the same port."""

    def __init__(self, state, **options):
        build()
        self.state, self.options, self.port, self.process = state, options, 0, None
        self.log = Path(str(state) + ".log")
        self.start()

    def start(self):
        args = [str(BINARY), str(self.state), str(self.port), *(f"{k}={v}" for k, v in self.options.items())]
        started = time.monotonic()
        with open(self.log, "ab") as err:
            self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=err)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the hub did not start: {self.log.read_text()[-2000:]}")
        self.start_seconds = time.monotonic() - started
        ready = json.loads(line)
        self.port, self.amqp, self.https = int(ready["kafka"].rsplit(":", 1)[1]), ready["amqp"], ready["https"]
        for name in ("amqp", "https"):  # a restart listens where it did
            if name in self.options:
                self.options[name] = ready[name]
        self.address = f"127.0.0.1:{self.port}"
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(30)
        assert status == 0, f"exit status {status}: {self.log.read_text()[-3000:]}"

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

