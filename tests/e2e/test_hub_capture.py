"""Capture as Event Hubs has it: Avro files in a container, read by Apache Avro; each event in one of them."""

import json
import os
import random
import re
import threading
import time
import uuid

import pytest
from conftest import SOAK, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
avro_file = pytest.importorskip("avro.datafile")
from avro.io import DatumReader  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from test_hub_kafka import produce  # noqa: E402

NAME = re.compile(r"/(\d+)/\d{4}/\d\d/\d\d/\d\d/\d\d/\d\d\.avro$")
FOLDER = "storage/account/captured"


def start(tmp_path, *captures, **options):
    state = tmp_path / "state"
    state.mkdir()
    (state / "hub-capture.json").write_text(json.dumps([{"folder": FOLDER, "interval_s": 1} | c for c in captures]))
    return Hub(state, **options)


def records(path):
    with open(path, "rb") as f:
        return list(avro_file.DataFileReader(f, DatumReader()))


def files(hub, of=""):
    """(partition, path) in the order of their names."""
    found = sorted(p for p in (hub.state / FOLDER / of).rglob("*.avro"))
    return [(int(NAME.search(str(p)).group(1)), p) for p in found]


def captured(hub, of=""):
    """Records by partition, in the order of the files."""
    out = {}
    for partition, path in files(hub, of):
        out.setdefault(partition, []).extend(records(path))
    return out


def test_windows_sizes_and_names(tmp_path):
    h = start(tmp_path, {"hub": "sized", "size_bytes": 100_000, "interval_s": 900}, {"hub": "timed"}, {"hub": "lean", "skip_empty": True}, partitions=2)
    values = [os.urandom(1000) for _ in range(1000)]
    produce(h, "sized", [{"value": v, "partition": 0} for v in values])
    produce(h, "timed", [{"value": b"x", "partition": 1, "timestamp": 1_700_000_000_000}])
    produce(h, "lean", [{"value": b"x", "partition": 1}])
    until(lambda: len(files(h, "default/sized")) >= 9, "full files", 30)
    until(lambda: len(files(h, "default/timed")) >= 4, "files by time", 30)
    got = captured(h, "default/timed")
    assert got[0] == [] and len(got[1]) == 1  # nothing came: an empty file
    assert got[1][0] == {"SequenceNumber": 0, "Offset": "0", "EnqueuedTimeUtc": "11/14/2023 10:13:20 PM", "SystemProperties": {}, "Properties": {}, "Body": b"x"}
    assert {p for p, _ in files(h, "default/lean")} == {1}
    until(lambda: captured(h, "default/lean")[1], "an event")
    produce(h, "sized", [{"value": b"last", "partition": 0}])
    h.stop()  # what is there is read, what is open is closed
    sized = captured(h, "default/sized")
    assert [r["Body"] for r in sized[0]] == [*values, b"last"] and [r["SequenceNumber"] for r in sized[0]] == list(range(1001))
    assert all(p.stat().st_size < 102_000 for _, p in files(h, "default/sized")) and 1 not in sized
    assert not list((h.state / FOLDER).glob(".*"))


def test_what_events_say_of_themselves(tmp_path):
    eh = pytest.importorskip("azure.eventhub")
    h = start(tmp_path, {"hub": "typed", "namespace": "shop", "name": "{Year}-{Month}-{Day}/{Hour}{Minute}{Second}/{Namespace}/{EventHub}-{PartitionId}"}, amqp=0, partitions=1)
    text = f"Endpoint=sb://shop.localhost:{h.amqp};SharedAccessKeyName=shop~x;SharedAccessKey=x;UseDevelopmentEmulator=true;"
    produce(h, "typed", [{"value": b"k", "key": b"\xff", "headers": [("h", b"\x01"), ("h", b"\x02"), ("none", None)]}],
            **{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "$ConnectionString", "sasl.password": text.replace("shop.localhost", "shop.servicebus.windows.net")})
    with eh.EventHubProducerClient.from_connection_string(text.replace("shop.localhost", "127.0.0.1"), eventhub_name="typed") as p:
        event = eh.EventData("body")
        event.properties = {"whole": -5, "real": 0.5, "text": "ä", "bytes": b"\x00", "yes": True}
        event.message_id, event.content_type = "m", "text/plain"
        batch = p.create_batch(partition_key="key")
        batch.add(event)
        p.send_batch(batch)
    h.stop()
    got = [r for p in sorted((h.state / FOLDER).rglob("*.avro")) for r in records(p)]
    assert [r["Body"] for r in got] == [b"k", b"body"]
    assert got[0]["SystemProperties"] == {"x-opt-partition-key": b"\xff"} and got[0]["Properties"] == {"h": b"\x02"}
    assert got[1]["Properties"] == {"whole": -5, "real": 0.5, "text": "ä", "bytes": b"\x00", "yes": 1}
    assert got[1]["SystemProperties"] | {} == {"x-opt-partition-key": "key", "message-id": "m", "content-type": "text/plain"} | got[1]["SystemProperties"]
    names = [str(p.relative_to(h.state / FOLDER)) for p in (h.state / FOLDER).rglob("*.avro")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d/\d{6}/shop/typed-0\.avro", n) for n in names), names


def test_each_event_is_captured_once_whatever_is_killed(tmp_path):
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print("SEED", seed)
    rng = random.Random(seed)
    h = start(tmp_path, {"hub": "killed", "size_bytes": 20_000}, partitions=3, segment_bytes=100_000)
    produce(h, "killed", [b"first"])
    over = threading.Event()

    def send():
        p = Producer({"bootstrap.servers": h.address, "enable.idempotence": True, "linger.ms": 2, "message.timeout.ms": 60000})
        while not over.is_set():
            p.produce("killed", uuid.uuid4().bytes * 20)
            p.poll(0.001)
        assert p.flush(60) == 0

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(60 if SOAK else 6):
        time.sleep(rng.random() * 1.5)
        h.kill()
        h.start()
    over.set()
    sender.join()
    produce(h, "killed", [{"value": b"last", "partition": p} for p in range(3)])
    log = {}
    end = {p: None for p in range(3)}
    for m in consume_all(h, "killed", 3):
        log.setdefault(m.partition(), []).append((m.offset(), m.value()))
        end[m.partition()] = m.value()
    assert set(end.values()) == {b"last"}
    until(lambda: all((r := captured(h)).get(p) and r[p][-1]["Body"] == b"last" for p in range(3)), "the last events' files", 60, 0.3)
    h.stop()
    got = captured(h)
    for p in range(3):
        assert [(r["SequenceNumber"], r["Body"]) for r in got[p]] == log[p]
    assert not list((h.state / FOLDER).glob(".*")) and sum(map(len, log.values())) > 100


def consume_all(hub, topic, partitions):
    """Everything up to the last event of each partition."""
    c = ck.Consumer({"bootstrap.servers": hub.address, "group.id": "all", "enable.partition.eof": True})
    c.assign([ck.TopicPartition(topic, p, 0) for p in range(partitions)])
    out, ended = [], 0
    while ended < partitions:
        m = c.poll(30)
        assert m is not None
        if m.error():
            assert m.error().code() == ck.KafkaError._PARTITION_EOF
            ended += 1
        else:
            out.append(m)
    c.close()
    return out


def test_a_hub_made_anew_begins_at_its_start(tmp_path):
    from confluent_kafka.admin import AdminClient, NewTopic
    h = start(tmp_path, {"hub": "anew", "skip_empty": True})
    admin = AdminClient({"bootstrap.servers": h.address})
    for round_ in (b"one", b"two"):
        admin.create_topics([NewTopic("anew", 1, 1)])["anew"].result()
        produce(h, "anew", [round_] * 5)
        until(lambda: [r["Body"] for r in captured(h).get(0, [])].count(round_) == 5, "its events", 30)
        admin.delete_topics(["anew"])["anew"].result()
    assert [r["SequenceNumber"] for r in captured(h)[0]] == [*range(5), *range(5)]
    for _ in range(10):  # whether it is being read or not
        admin.create_topics([NewTopic("anew", 1, 1)])["anew"].result()
        produce(h, "anew", [os.urandom(10_000) for _ in range(300)])
        admin.delete_topics(["anew"])["anew"].result()
    h.stop()


@pytest.mark.parametrize("bad, says", [
    ({}, "hub and folder"), ({"hub": "x", "folder": 1}, "folder is a text"), ({"hub": "x", "interval_s": 0}, "interval_s"), ({"hub": "x", "size_bytes": 1}, "size_bytes"),
    ({"hub": "x", "name": "{Namespace}/{EventHub}"}, "{PartitionId}"), ({"hub": "x", "other": 1}, "other"),
    ({"hub": "x", "name": "../{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}"}, "in its folder")])
def test_captures_that_are_refused(tmp_path, bad, says):
    with pytest.raises(RuntimeError, match=re.escape(says)):
        start(tmp_path, bad)
