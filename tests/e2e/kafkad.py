"""An Apache Kafka (KRaft, one broker) as tests need it: on free ports and a folder of its own."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from conftest import DEADLINE_SEC, ROOT

JARS = Path(os.environ.get("PAYSTREAK_KAFKA") or ROOT / "build" / "deps" / "kafka")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def java(heap, *words):
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-cp", f"{JARS}/*", *map(str, words)]


class Kafka:
    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, controller = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        base = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": f"{self.folder}/logs",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 2,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.num.partitions": 2,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        }
        self.properties = self.folder / "server.properties"
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in (base | settings).items()))
        subprocess.run(java("256m", "kafka.tools.StorageTool", "format", "-t", "test-AAAAAAAAAAAAAAAA", "-c", self.properties), check=True, capture_output=True)
        self.start()

    def start(self):
        self.log = open(self.folder / "broker.log", "a+")
        self.process = subprocess.Popen(java("512m", "kafka.Kafka", self.properties), stdout=self.log, stderr=self.log)
        end = time.monotonic() + 2 * DEADLINE_SEC
        while not self._serves():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "broker.log").read_text()[-3000:]
            time.sleep(0.1)

    def _serves(self):
        """An answer to ApiVersions: the port may be open before anybody reads."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                s.settimeout(2)
                s.sendall(b"\0\0\0\x0e\0\x12\0\0\0\0\0\1\0\4test")
                return len(s.recv(8)) > 0
        except OSError:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_SEC)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
