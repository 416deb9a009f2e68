"""Starts the storage endpoint alone (tests/unit/storage/storaged.c) for the tests that drive it with real clients."""

import atexit
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("PAYSTREAK_TREE", "release")
MAKE_FLAGS = {"debug": ["DEBUG=1"], "asan": ["SAN=address,undefined"], "tsan": ["SAN=thread"], "release": []}[TREE]
GIVEN = os.environ.get("PAYSTREAK_STORAGED")  # a storaged that is built already
BINARY = Path(GIVEN) if GIVEN else ROOT / "build" / TREE / "tests" / "unit" / "storage" / "storaged"
KEY = "c3RvcmFnZS1lbmRwb2ludC10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OQ=="
ACCOUNT = "testaccount"
_built = False


def build():
    global _built
    if not _built and not GIVEN:
        subprocess.run(["make", "-s", *MAKE_FLAGS, str(BINARY.relative_to(ROOT))], cwd=ROOT, check=True)
        _built = True


class Storage:
    """One endpoint over a state folder; may be stopped, killed and started again on the same ports."""

    account, key = ACCOUNT, KEY

    def __init__(self, state, insecure=False, fault=None):
        build()
        self.state, self.insecure, self.port, self.queue_port = Path(state), insecure, 0, 0
        self.log = Path(str(state) + ".log")
        self.events = []
        self.start(fault)

    def start(self, fault=None):
        args = [str(BINARY), str(self.state), str(self.port), str(self.queue_port), *(["insecure"] if self.insecure else [])]
        env = dict(os.environ, **({"FAULT": fault} if fault else {}))
        with open(self.log, "ab") as err:
            self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=err, env=env, text=True)
        atexit.register(self.process.kill)  # a test that failed does not stop it
        line = self.process.stdout.readline()
        assert line, f"the endpoint did not start: {self.log.read_text()[-2000:]}"
        ready = json.loads(line)
        self.port, self.queue_port = ready["port"], ready["queue_port"]
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return self

    def _read(self, stream):
        for line in stream:
            self.events.append(json.loads(line))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/{self.account}"

    @property
    def queue_url(self):
        return f"http://127.0.0.1:{self.queue_port}/{self.account}"

    @property
    def connection(self):
        return (f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
                f"BlobEndpoint={self.url};QueueEndpoint={self.queue_url}")

    def folder(self, container):
        return self.state / "storage" / self.account / container

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(30)
        assert status == 0, f"exit status {status}: {self.log.read_text()[-5000:]}"


class Azurite:
    """Azurite, as the second opinion on Blob and Queue: the same attributes as Storage, no folder."""

    account, key = ACCOUNT, KEY
    SCRIPT = Path(os.environ.get("AZURITE") or ROOT / "build" / "deps" / "npm" / "node_modules" / "azurite") / "dist" / "src" / "azurite.js"

    def __init__(self, state):
        import re
        import socket

        def free():
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                return s.getsockname()[1]

        self.port, self.queue_port, self.events = free(), free(), []
        self.log = open(str(state) + ".log", "w+", encoding="utf-8")
        args = ["node", str(self.SCRIPT), "--location", str(state), "--blobPort", str(self.port), "--queuePort", str(self.queue_port), "--tablePort", str(free()),
                "--skipApiVersionCheck", "--disableTelemetry"]
        self.process = subprocess.Popen(args, stdout=self.log, stderr=subprocess.STDOUT, env=dict(os.environ, AZURITE_ACCOUNTS=f"{ACCOUNT}:{KEY}"))
        import time

        end = time.monotonic() + 60
        while not re.search(r"Table service is successfully listening", Path(self.log.name).read_text()):
            assert time.monotonic() < end and self.process.poll() is None, Path(self.log.name).read_text()
            time.sleep(0.1)

    url, queue_url, connection = Storage.url, Storage.queue_url, Storage.connection

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
