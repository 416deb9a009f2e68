"""kill -9 under load: no acknowledged event is lost, none is doubled, order holds, offsets never go back.

Three idempotent producers and two consumer groups run while the hub is killed again and again at random moments
and restarted on its state; then a history checker reads the whole hub and says what it checked.
"""

import os
import random
import threading
import time

import pytest
from conftest import SOAK, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402

KILLS = 300 if SOAK else 8
PARTITIONS = 3
PRODUCERS = 3


class Load:
    """One producer: numbered values, and what became of each."""

    def __init__(self, hub, name, stop):
        self.name, self.acked, self.failed, self.sent, self.stop = name, {}, [], 0, stop
        self.producer = Producer({
            "bootstrap.servers": hub.address, "enable.idempotence": True, "linger.ms": 1, "delivery.timeout.ms": 300000,
            "reconnect.backoff.max.ms": 100, "log_level": 0, "queue.buffering.max.messages": 5000, "compression.type": "lz4"})
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def delivered(self, error, message):
        if error:
            self.failed.append(str(error))
        else:
            self.acked[message.value()] = (message.partition(), message.offset())

    def run(self):
        while not self.stop.is_set():
            try:
                self.producer.produce("load", f"{self.name} {self.sent}", partition=self.sent % PARTITIONS, on_delivery=self.delivered)
                self.sent += 1
                self.producer.poll(0)
                if self.sent % 50 == 0:
                    time.sleep(0.002)
            except BufferError:
                self.producer.poll(0.05)
        self.producer.flush(120)


class Reader:
    """One member of a group: what it saw, and the offsets it committed, which must only rise."""

    def __init__(self, hub, group, stop):
        self.seen, self.commits, self.stop = set(), {}, stop
        self.consumer = Consumer({
            "bootstrap.servers": hub.address, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, "reconnect.backoff.max.ms": 100, "log_level": 0})
        self.consumer.subscribe(["load"])
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            messages = self.consumer.consume(500, 0.1)
            good = [m for m in messages if not m.error()]
            for m in good:
                self.seen.add(m.value())
            if good:
                try:
                    for p in self.consumer.commit(asynchronous=False):
                        if not p.error and p.offset >= 0:
                            self.commits.setdefault(p.partition, []).append(p.offset)
                except ck.KafkaException:
                    pass  # the hub is away or the group rebalances: it reads again
        self.consumer.close()


def read_everything(hub):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "checker", "enable.auto.commit": False, "log_level": 0})
    ends = {p: c.get_watermark_offsets(TopicPartition("load", p), timeout=20)[1] for p in range(PARTITIONS)}
    c.assign([TopicPartition("load", p, 0) for p in range(PARTITIONS)])
    rows, end = [], time.monotonic() + 120
    while len(rows) < sum(ends.values()):
        assert time.monotonic() < end
        rows += [(m.partition(), m.offset(), m.value()) for m in c.consume(5000, 0.5) if not m.error()]
    c.close()
    return rows, ends


def test_kill_nine_under_load(tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    rng = random.Random(seed)
    hub = Hub(tmp_path / "state", partitions=PARTITIONS, segment_bytes=300_000)
    stop, stop_reading = threading.Event(), threading.Event()
    loads = [Load(hub, f"p{i}", stop) for i in range(PRODUCERS)]
    readers = [Reader(hub, f"group-{i}", stop_reading) for i in range(2)]
    starts = []
    try:
        for _ in range(KILLS):
            before = sum(len(x.acked) for x in loads)
            until(lambda: sum(len(x.acked) for x in loads) > before, "events are acknowledged again", 60, 0.005)
            time.sleep(rng.random() * 0.4)
            hub.kill()
            hub.start()
            starts.append(hub.start_seconds)
        stop.set()
        for x in loads:
            x.thread.join(150)
        assert [x.failed for x in loads] == [[]] * PRODUCERS
        rows, ends = read_everything(hub)
        acked = {v: at for x in loads for v, at in x.acked.items()}
        until(lambda: all(acked.keys() <= {v for v in r.seen} for r in readers), "both groups have seen all", 120, 0.2)
    finally:
        stop.set()
        stop_reading.set()
        for x in loads + readers:
            x.thread.join(150)
        hub.stop()

    values = [v for _, _, v in rows]
    assert len(acked) == sum(x.sent for x in loads), f"seed {seed}"
    assert len(set(values)) == len(values), f"doubled, seed {seed}"
    assert set(values) == set(v for v in acked), f"lost or invented, seed {seed}"
    by_value = {v: (p, o) for p, o, v in rows}
    for v, (partition, offset) in acked.items():
        assert by_value[v][0] == partition and (offset < 0 or by_value[v][1] == offset), f"moved: {v}, seed {seed}"
    for p in range(PARTITIONS):
        offsets = [o for q, o, _ in rows if q == p]
        assert sorted(offsets) == list(range(ends[p])), f"holes, seed {seed}"
        for x in loads:
            numbers = [int(v.split()[1]) for q, o, v in sorted(rows) if q == p and v.startswith(x.name.encode() + b" ")]
            assert numbers == sorted(numbers), f"out of order, seed {seed}"
    for r in readers:
        for p, commits in r.commits.items():
            assert commits == sorted(commits), f"offsets of partition {p} went back, seed {seed}"
    print(f"checked {len(rows)} events of {PRODUCERS} producers in {PARTITIONS} partitions over {KILLS} kills, "
          f"{sum(len(c) for r in readers for c in r.commits.values())} commits; slowest start {max(starts) * 1000:.0f} ms")
