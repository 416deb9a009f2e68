"""`paystreak hub start`: ready with one JSON line, keys checked, state kept, an orderly end on SIGTERM."""

import json
import signal
import subprocess
import time

import pytest
from conftest import program

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402


def start(state, *options):
    p = subprocess.Popen([program(), "hub", "start", "--state", state, "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE)
    line = p.stdout.readline()
    assert line, f"no ready line, exit status {p.wait(10)}"
    return p, json.loads(line)["kafka"]


def stop(p):
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 0


def test_contract(tmp_path):
    state = tmp_path / "state"
    began = time.monotonic()
    p, address = start(state, "--partitions", "3", "--auto-create")
    assert time.monotonic() - began < 5
    key = json.loads((state / "keys").read_text())["sas"]
    assert (state / "keys").stat().st_mode & 0o777 == 0o600
    conf = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "$ConnectionString", "sasl.password":
            f"Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key};EntityPath=sales"}
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, **conf})
    assert len(producer.list_topics("sales", timeout=10).topics["sales"].partitions) == 3
    for i in range(100):
        producer.produce("sales", f"{i}", partition=i % 3)
    assert producer.flush(20) == 0
    stop(p)

    p, address = start(state, "--partitions", "3", "--auto-create")
    c = Consumer({"bootstrap.servers": address, "group.id": "g", **conf})
    c.assign([TopicPartition("sales", i, 0) for i in range(3)])
    got = []
    while len(got) < 100 and time.monotonic() - began < 60:
        got += [m.value() for m in c.consume(100, 1.0) if not m.error()]
    assert sorted(got, key=int) == [f"{i}".encode() for i in range(100)]
    c.close()
    stop(p)


def test_only_loopback(tmp_path):
    r = subprocess.run([program(), "hub", "start", "--state", tmp_path / "s", "--listen", "0.0.0.0:0", "--insecure-local"], capture_output=True,
                       timeout=20)
    assert r.returncode == 2 and b"loopback" in r.stderr
