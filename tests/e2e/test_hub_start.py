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


def test_three_protocols_with_the_printed_keys(tmp_path):
    eh = pytest.importorskip("azure.eventhub")
    state = tmp_path / "state"
    p = subprocess.Popen([program(), "hub", "start", "--state", state, "--listen", "127.0.0.1:0", "--amqp", "0", "--https", "0", "--auto-create"],
                         stdout=subprocess.PIPE)
    ready = json.loads(p.stdout.readline())
    keys = json.loads(subprocess.run([program(), "keys", "--state", state, "--output", "json"], capture_output=True, check=True).stdout)
    text = keys["connection"].replace("sb://localhost", f"sb://{ready['amqp']}")
    with eh.EventHubProducerClient.from_connection_string(text, eventhub_name="sales") as producer:
        producer.send_event(eh.EventData("over AMQP"), partition_id="0")
    c = Consumer({"bootstrap.servers": ready["kafka"], "group.id": "g", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                  "sasl.username": "$ConnectionString", "sasl.password": keys["connection"]})
    c.assign([TopicPartition("sales", 0, 0)])
    m = c.poll(30)
    assert m and m.value() == b"over AMQP"
    c.close()
    assert ready["https"].startswith("127.0.0.1:")
    stop(p)
