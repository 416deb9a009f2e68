"""cleanup.policy=compact, as clients see it: the last value of each key stays, at its offset; settings are honoured."""

import random
import time

import pytest
from conftest import until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType  # noqa: E402

COMPACT = {"cleanup.policy": "compact", "segment.bytes": "20000", "min.cleanable.dirty.ratio": "0.1"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state")
    yield h
    h.stop()


@pytest.fixture
def admin(hub):
    return AdminClient({"bootstrap.servers": hub.address})


def produce(hub, topic, rows, **conf):
    failed = []
    p = Producer({"bootstrap.servers": hub.address, "linger.ms": 5, "batch.num.messages": 50, **conf})
    for key, value in rows:
        p.produce(topic, key=key, value=value, partition=0, on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
    assert p.flush(30) == 0
    return failed


def read(hub, topic):
    """(offset, key, value) of all that is there."""
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x", "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    c.assign([TopicPartition(topic, 0, 0)])
    out, end = [], time.monotonic() + 30
    while True:
        assert time.monotonic() < end
        m = c.poll(0.2)
        if m is not None and m.error():
            assert m.error().code() == KafkaError._PARTITION_EOF
            c.close()
            return out
        if m is not None:
            out.append((m.offset(), m.key(), m.value()))


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_the_last_value_of_each_key_stays(hub, admin, codec):
    topic, rng = f"last-{codec}", random.Random(5)
    admin.create_topics([NewTopic(topic, 1, 1, config=COMPACT)])[topic].result()
    rows = [(f"key {rng.randrange(40)}".encode(), f"value {i} {rng.random()}".encode() * 3) for i in range(3000)]
    assert produce(hub, topic, rows, **{"compression.type": codec}) == []
    last = {k: (i, v) for i, (k, v) in enumerate(rows)}
    until(lambda: len(read(hub, topic)) < 1500, "the log is compacted", 30, 0.1)
    for again in range(2):
        got = read(hub, topic)
        assert len(got) < 1500 and all((k, v) == rows[o] for o, k, v in got)
        assert {k: (o, v) for o, k, v in got} == last
        if not again:
            hub.kill()
            hub.start()


def test_a_record_without_a_key_is_refused(hub, admin):
    admin.create_topics([NewTopic("keyed", 1, 1, config=COMPACT)])["keyed"].result()
    failed = produce(hub, "keyed", [(None, b"x")])
    assert [e.code() for e in failed] == [KafkaError.INVALID_RECORD]
    assert produce(hub, "keyed", [(b"", b"an empty key is one")]) == []
    codes = [e.code() for e in produce(hub, "keyed", [(b"k" if i % 10 else None, b"x") for i in range(100)], **{"linger.ms": 1000})]
    assert codes.count(KafkaError.INVALID_RECORD) == 10 and codes.count(KafkaError._INVALID_DIFFERENT_RECORD) == 90


def test_tombstones_go_and_a_deleted_key_with_them(hub, admin):
    admin.create_topics([NewTopic("gone", 1, 1, config={**COMPACT, "delete.retention.ms": "500"})])["gone"].result()
    produce(hub, "gone", [(f"k{i}".encode(), b"v" * 200) for i in range(100)] + [(f"k{i}".encode(), None) for i in range(50)])

    def done():
        produce(hub, "gone", [(b"filler", b"f" * 500)] * 60)
        keys = {k for _, k, _ in read(hub, "gone")}
        return not keys & {f"k{i}".encode() for i in range(50)} and keys >= {f"k{i}".encode() for i in range(50, 100)}

    until(done, "tombstones are gone", 40, 0.3)


def test_settings_are_described_altered_and_kept(hub, admin):
    admin.create_topics([NewTopic("set", 1, 1, config={"cleanup.policy": "compact,delete", "segment.ms": "1000", "max.compaction.lag.ms": "60000"})])["set"].result()
    resource = ConfigResource(ResourceType.TOPIC, "set")

    def told():
        return {k: v.value for k, v in admin.describe_configs([resource])[resource].result().items()}

    assert told()["cleanup.policy"] == "compact,delete" and told()["segment.ms"] == "1000" and told()["max.compaction.lag.ms"] == "60000"
    assert told()["delete.retention.ms"] == "86400000" and told()["min.cleanable.dirty.ratio"] == "0.5" and told()["min.compaction.lag.ms"] == "0"
    change = ConfigResource(ResourceType.TOPIC, "set", incremental_configs=[
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("min.cleanable.dirty.ratio", "0.25", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("segment.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    admin.incremental_alter_configs([change])[change].result()
    hub.kill()
    hub.start()
    admin = AdminClient({"bootstrap.servers": hub.address})
    assert told()["cleanup.policy"] == "compact" and told()["min.cleanable.dirty.ratio"] == "0.25" and told()["segment.ms"] == "604800000"
    for name, value in [("cleanup.policy", "squash"), ("cleanup.policy", ""), ("min.cleanable.dirty.ratio", "1.5"), ("delete.retention.ms", "-1")]:
        bad = ConfigResource(ResourceType.TOPIC, "set", incremental_configs=[ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
        with pytest.raises(KafkaException) as e:
            admin.incremental_alter_configs([bad])[bad].result()
        assert e.value.args[0].code() == KafkaError.INVALID_CONFIG


def test_a_hub_may_be_deleted_while_it_is_compacted(hub, admin):
    for _ in range(4):
        admin.create_topics([NewTopic("brief", 1, 1, config=COMPACT)])["brief"].result()
        produce(hub, "brief", [(f"k{n % 10}".encode(), b"x" * 300) for n in range(2000)])
        admin.delete_topics(["brief"])["brief"].result()
    assert read(hub, "last-none")


def test_the_log_of_transactions_is_compacted(tmp_path):
    h = Hub(tmp_path / "state")
    p = Producer({"bootstrap.servers": h.address, "transactional.id": "x" * 20000})
    p.init_transactions(20)
    for _ in range(120):  # some 60 KB of states each
        p.begin_transaction()
        p.produce("t", b"x", partition=0)
        p.commit_transaction(20)
    log = tmp_path / "state/hub/default/__transaction_state/0"
    until(lambda: sum(f.stat().st_size for f in log.glob("*.log")) < 4_300_000, "it is compacted", 30, 0.1)
    h.kill()
    h.start()
    p.begin_transaction()
    p.produce("t", b"x", partition=0)
    p.commit_transaction(30)
    h.stop()
