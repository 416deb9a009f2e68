"""The hub's Kafka side, driven by unmodified clients: kcat, librdkafka (confluent-kafka) and kafkajs."""

import base64
import hashlib
import hmac
import json
import shutil
import struct
import subprocess
import time

import pytest
import test_hub_frames as frames
from conftest import ROOT, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import (  # noqa: E402
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state", segment_bytes=200_000)
    yield h
    h.stop()


@pytest.fixture(scope="module")
def admin(hub):
    return AdminClient({"bootstrap.servers": hub.address})


_names = iter(range(10**6))


def wait_for(condition, what="condition"):
    return until(condition, what, 30, 0.01)


@pytest.fixture
def topic(admin):
    name = f"t{next(_names)}"
    admin.create_topics([NewTopic(name, 3, 1)])[name].result()
    return name


def produce(hub, topic, values, **conf):
    results, on = [], {}
    p = Producer({"bootstrap.servers": hub.address, "linger.ms": 5, "acks": "all", **conf})
    for i, v in enumerate(values):
        on = dict(v) if isinstance(v, dict) else {"value": v}
        while True:
            try:
                p.produce(topic, **on, on_delivery=lambda e, m: results.append((e, m.partition(), m.offset())))
                break
            except BufferError:
                p.poll(0.1)
    assert p.flush(60) == 0
    assert all(e is None for e, _, _ in results), [str(e) for e, _, _ in results if e][:3]
    return results


def consume(hub, topic, count, group=None, **conf):
    c = Consumer({
        "bootstrap.servers": hub.address, "group.id": group or f"g-{topic}", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, **conf})
    c.subscribe([topic])
    out, end = [], time.monotonic() + 40
    while len(out) < count and time.monotonic() < end:
        m = c.poll(0.2)
        if m is None:
            continue
        assert not m.error(), m.error()
        out.append(m)
    if group:
        c.commit(asynchronous=False)
    c.close()
    return out


# ---------------------------------------------------------------- kcat


def kcat(hub, *args, data=None):
    if not shutil.which("kcat"):
        pytest.skip("kcat is not installed")
    r = subprocess.run(["kcat", "-b", hub.address, *args], input=data, capture_output=True, timeout=60)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout


def test_kcat_produces_and_consumes(hub):
    lines = "".join(f"line {i}\n" for i in range(5000)).encode()
    kcat(hub, "-P", "-t", "kcat-made", data=lines)  # made on first use
    out = kcat(hub, "-C", "-t", "kcat-made", "-e", "-q", "-f", "%p %o %s\n").decode().splitlines()
    assert sorted(int(x.split()[3]) for x in out) == list(range(5000))
    for p in range(4):
        offsets = [int(x.split()[1]) for x in out if x.startswith(f"{p} ")]
        assert offsets == list(range(len(offsets)))
    assert json.loads(kcat(hub, "-L", "-J"))["brokers"][0]["name"] == hub.address


# ---------------------------------------------------------------- librdkafka


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_every_codec_comes_back(hub, topic, codec, idempotent):
    sent = [{
        "key": f"k{i % 50}".encode(), "value": (f"value {i} " * 20).encode(), "headers": [("h", f"{i}".encode()), ("h", b"2"), ("n", None)],
        "timestamp": 1_700_000_000_000 + i} for i in range(2000)]
    produce(hub, topic, sent, **{"compression.type": codec, "enable.idempotence": idempotent})
    got = consume(hub, topic, len(sent))
    assert sorted(m.value() for m in got) == sorted(s["value"] for s in sent)
    for m in got:
        i = int(m.value().split()[1])
        assert m.key() == sent[i]["key"] and m.headers() == sent[i]["headers"]
        assert m.timestamp() == (ck.TIMESTAMP_CREATE_TIME, 1_700_000_000_000 + i)
    where = {}
    for m in got:  # one key, one partition, in order
        where.setdefault(m.key(), []).append((m.partition(), m.offset(), int(m.value().split()[1])))
    for rows in where.values():
        assert len({r[0] for r in rows}) == 1 and rows == sorted(rows) and [r[2] for r in rows] == sorted(r[2] for r in rows)


def test_null_and_empty_are_kept_apart(hub, topic):
    produce(hub, topic, [{"key": None, "value": None, "partition": 0}, {"key": b"", "value": b"", "partition": 0}])
    assert [(m.key(), m.value()) for m in consume(hub, topic, 2)] == [(None, None), (b"", b"")]


def test_large_and_too_large(hub, topic, admin):
    big = bytes(2_000_000)
    produce(hub, topic, [{"value": big, "partition": 0}], **{"message.max.bytes": 10_000_000})
    assert len(consume(hub, topic, 1, **{"fetch.message.max.bytes": 1000})[0].value()) == len(big)  # a whole batch comes anyway
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE|too large"):
        produce(hub, topic, [bytes(9_000_000)], **{"message.max.bytes": 20_000_000})


def test_long_poll_wakes_at_once(hub, topic):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x", "fetch.wait.max.ms": 20000})
    c.assign([TopicPartition(topic, p, 0) for p in range(3)])
    c.poll(1)
    waits = []
    for i in range(10):
        start = time.monotonic()
        produce(hub, topic, [f"{i}"], **{"linger.ms": 0})
        assert wait_for(lambda: c.poll(0.5)).value() == f"{i}".encode()
        waits.append(time.monotonic() - start)
    c.close()
    assert sorted(waits)[5] < 1.0, waits


def test_offsets_by_time_and_by_name(hub, topic, admin):
    produce(hub, topic, [{"value": b"x", "timestamp": 1000 + i * 10, "partition": 1} for i in range(3000)], **{"batch.num.messages": 50})

    def ask(spec):
        return admin.list_offsets({TopicPartition(topic, 1): spec})[TopicPartition(topic, 1)].result()

    assert ask(OffsetSpec.earliest()).offset == 0 and ask(OffsetSpec.latest()).offset == 3000
    assert ask(OffsetSpec.max_timestamp()).timestamp == 1000 + 2999 * 10
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x"})
    for t, want in [(0, 0), (1000, 0), (1001, 1), (1010, 1), (15005, 1401), (30990, 2999)]:
        assert c.offsets_for_times([TopicPartition(topic, 1, t)], timeout=10)[0].offset == want
    assert c.offsets_for_times([TopicPartition(topic, 1, 99999999)], timeout=10)[0].offset == -1
    assert c.get_watermark_offsets(TopicPartition(topic, 1), timeout=10) == (0, 3000)
    c.close()
    produce(hub, topic, [{"value": b"x", "timestamp": 10**7 + t, "partition": 2} for t in (100, 400, 250)], **{"linger.ms": 500})
    latest = admin.list_offsets({TopicPartition(topic, 2): OffsetSpec.max_timestamp()})[TopicPartition(topic, 2)].result()
    assert (latest.offset, latest.timestamp) == (1, 10**7 + 400)  # within its batch


def test_fetch_out_of_range_is_told(hub, topic):
    produce(hub, topic, [{"value": b"x", "partition": 0}])
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x", "auto.offset.reset": "error"})
    c.assign([TopicPartition(topic, 0, 50)])
    m = wait_for(lambda: c.poll(0.5))
    assert m.error().code() == KafkaError._AUTO_OFFSET_RESET
    c.close()


# ---------------------------------------------------------------- groups


def member(hub, topic, group, **conf):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                  "session.timeout.ms": 6000, "heartbeat.interval.ms": 200, **conf})
    c.subscribe([topic])
    return c


def poll_all(members, seconds=0.05):
    return [m for c in members if (m := c.poll(seconds)) is not None and not m.error()]


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_members_share_and_take_over(hub, topic, strategy):
    members = [member(hub, topic, f"share-{strategy}", **{"partition.assignment.strategy": strategy}) for _ in range(3)]

    def assigned():
        poll_all(members)
        return sorted(p.partition for c in members for p in c.assignment())

    wait_for(lambda: assigned() == [0, 1, 2] and all(len(c.assignment()) == 1 for c in members), what="one partition each")
    members.pop().close()
    wait_for(lambda: assigned() == [0, 1, 2], what="two members share three partitions")
    members.append(member(hub, topic, f"share-{strategy}", **{"partition.assignment.strategy": strategy}))
    wait_for(lambda: assigned() == [0, 1, 2] and all(len(c.assignment()) == 1 for c in members), what="the new one has its share")
    for c in members:
        c.close()


def test_dead_member_is_replaced(hub, topic):
    a, b = member(hub, topic, "dead"), member(hub, topic, "dead")
    wait_for(lambda: (poll_all([a, b]), a.assignment() and b.assignment())[1], what="both have partitions")
    end = time.monotonic() + 20
    while len(a.assignment()) < 3:  # b polls no more but its heartbeats go on; then it is closed for good
        poll_all([a])
        if b:
            b.unsubscribe()
            b = None
        assert time.monotonic() < end
    a.close()


def test_static_member_comes_back_without_rebalance(hub, topic):
    conf = {"group.instance.id": "one"}
    other = member(hub, topic, "static", **{"group.instance.id": "two"})
    a = member(hub, topic, "static", **conf)
    wait_for(lambda: (poll_all([a, other]), len(a.assignment()) + len(other.assignment()) == 3 and a.assignment() and other.assignment())[1])
    had, rest = sorted(p.partition for p in a.assignment()), sorted(p.partition for p in other.assignment())
    a.close()  # a static member does not leave
    a = member(hub, topic, "static", **conf)
    wait_for(lambda: (poll_all([a, other]), a.assignment())[1])
    assert sorted(p.partition for p in a.assignment()) == had
    assert sorted(p.partition for p in other.assignment()) == rest
    a.close()
    other.close()


def test_offsets_are_committed_and_survive(hub, topic, admin):
    produce(hub, topic, [{"value": f"{i}".encode(), "partition": i % 3} for i in range(300)])
    assert len(consume(hub, topic, 300, group="keeps")) == 300
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "keeps"})
    parts = [TopicPartition(topic, p) for p in range(3)]
    assert [p.offset for p in c.committed(parts, timeout=10)] == [100, 100, 100]
    c.commit(offsets=[TopicPartition(topic, 1, 42)], asynchronous=False)
    c.close()
    hub.kill()
    hub.start()
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "keeps"})
    assert [p.offset for p in c.committed(parts, timeout=10)] == [100, 42, 100]
    c.close()
    assert "keeps" in [g.group_id for g in admin.list_consumer_groups().result().valid]
    d = admin.describe_consumer_groups(["keeps"])["keeps"].result()
    assert d.state.name == "EMPTY"
    admin.delete_consumer_groups(["keeps"])["keeps"].result()
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "keeps"})
    assert [p.offset for p in c.committed(parts, timeout=10)] == [-1001] * 3
    c.close()


def delete_offsets(hub, group, topic, partitions):
    """OffsetDelete, which confluent-kafka does not have: the group's error, and each partition's."""
    body = frames.text(group) + struct.pack(">i", 1) + frames.text(topic) + struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    with frames.connect(hub) as s:
        s.sendall(frames.frame(47, 0, body))
        told = frames.answer(s)[4:]
    error, count = struct.unpack(">hxxxxi", told[:10])
    return error, {p: e for p, e in struct.iter_unpack(">ih", told[10 + 2 + len(topic) + 4:])} if count else {}


def test_a_group_forgets_offsets(hub, topic):
    parts = [TopicPartition(topic, p, 5 + p) for p in range(3)]
    produce(hub, topic, [{"value": b"x", "partition": 0}])
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "forgets", "auto.offset.reset": "earliest"})
    c.commit(offsets=parts, asynchronous=False)
    assert delete_offsets(hub, "forgets", topic, [0, 2, 9]) == (0, {0: 0, 2: 0, 9: KafkaError.UNKNOWN_TOPIC_OR_PART})
    assert [p.offset for p in c.committed(parts, timeout=10)] == [-1001, 6, -1001]
    hub.kill()
    hub.start()
    assert [p.offset for p in c.committed(parts, timeout=10)] == [-1001, 6, -1001]
    assert delete_offsets(hub, "there-is-none", topic, [0]) == (KafkaError.GROUP_ID_NOT_FOUND, {})
    c.subscribe([topic])
    wait_for(lambda: c.poll(0.1) and c.assignment(), "an assignment")
    assert delete_offsets(hub, "forgets", topic, [1]) == (0, {1: KafkaError.GROUP_SUBSCRIBED_TO_TOPIC})
    c.close()


def test_a_group_that_was_left_is_still_a_consumers(hub, topic, admin):
    produce(hub, topic, [{"value": b"x", "partition": 0}])
    consume(hub, topic, 1, group="left")
    keep = Consumer({"bootstrap.servers": hub.address, "group.id": "never-joined"})
    keep.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    simple = {g.group_id: (g.is_simple_consumer_group, g.state.name) for g in admin.list_consumer_groups().result().valid}
    assert (simple["left"], simple["never-joined"]) == ((False, "EMPTY"), (True, "EMPTY"))


def test_offsets_log_is_rewritten(tmp_path):
    h = Hub(tmp_path / "state")
    a = AdminClient({"bootstrap.servers": h.address})
    a.create_topics([NewTopic("wide", 1000, 1)])["wide"].result()
    c = Consumer({"bootstrap.servers": h.address, "group.id": "g"})
    for i in range(120):  # about 60 bytes an offset and commit
        c.commit(offsets=[TopicPartition("wide", p, 0, metadata=f"round {i}") for p in range(1000)], asynchronous=False)
    c.commit(offsets=[TopicPartition("wide", 7, 0, metadata="last")], asynchronous=False)
    log = tmp_path / "state/hub/default/__consumer_offsets/0"

    def size():
        return sum(f.stat().st_size for f in log.glob("*.log"))

    assert size() < 5_000_000 and not (log / f"{0:020}.log").exists()
    c.close()
    for _ in range(2):
        h.kill()
        h.start()
        c = Consumer({"bootstrap.servers": h.address, "group.id": "g"})
        assert {p.offset for p in c.committed([TopicPartition("wide", p) for p in range(1000)], timeout=20)} == {0}
        c.close()
    h.stop()


# ---------------------------------------------------------------- administration


def test_topics_partitions_configs_records(hub, admin):
    name = f"admin{next(_names)}"
    admin.create_topics([NewTopic(name, 2, 1, config={"retention.ms": "123456", "max.message.bytes": "5000"})])[name].result()
    with pytest.raises(KafkaException) as e:
        admin.create_topics([NewTopic(name, 2, 1)])[name].result()
    assert e.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    for bad, code in [
        (NewTopic("sla/sh", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (NewTopic("ok1", 1, 3), KafkaError.INVALID_REPLICATION_FACTOR),
        (NewTopic("ok2", 1, 1, config={"compression.type": "zip"}), KafkaError.INVALID_CONFIG),
        (NewTopic("ok3", 1, 1, config={"nonsense": "1"}), KafkaError.INVALID_CONFIG),
    ]:
        with pytest.raises(KafkaException) as e:
            admin.create_topics([bad])[bad.topic].result()
        assert e.value.args[0].code() == code, bad
    resource = ConfigResource(ResourceType.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result()
    assert config["retention.ms"].value == "123456" and not config["retention.ms"].is_default
    assert config["segment.bytes"].is_default
    assert list(config["segment.bytes"].synonyms) == ["segment.bytes"]  # where the value comes from
    change = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
        ConfigEntry("retention.ms", "777", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("durability", "page-cache", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("max.message.bytes", None, incremental_operation=AlterConfigOpType.DELETE)])
    admin.incremental_alter_configs([change])[change].result()
    hub.kill()
    hub.start()
    config = admin.describe_configs([resource])[resource].result()
    assert config["retention.ms"].value == "777" and config["max.message.bytes"].is_default and config["durability"].value == "page-cache"
    admin.create_partitions([NewPartitions(name, 5)])[name].result()
    assert len(admin.list_topics(name, timeout=10).topics[name].partitions) == 5
    with pytest.raises(KafkaException):
        admin.create_partitions([NewPartitions(name, 5)])[name].result()
    produce(hub, name, [{"value": b"x" * 100, "partition": 4} for _ in range(50)])
    admin.delete_records([TopicPartition(name, 4, 20)])[TopicPartition(name, 4, 20)].result()
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x"})
    assert c.get_watermark_offsets(TopicPartition(name, 4), timeout=10) == (20, 50)
    c.close()
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "of-deleted"})
    c.commit(offsets=[TopicPartition(name, 0, 0), TopicPartition(name, 4, 33)], asynchronous=False)
    c.close()
    admin.delete_topics([name])[name].result()
    wait_for(lambda: name not in admin.list_topics(timeout=10).topics)
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()  # again, and empty
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x"})
    assert c.get_watermark_offsets(TopicPartition(name, 0), timeout=10) == (0, 0)
    c.close()
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "of-deleted"})
    assert [p.offset for p in c.committed([TopicPartition(name, 0), TopicPartition(name, 4)], timeout=10)] == [-1001, -1001]
    c.close()
    cluster = admin.describe_cluster().result()
    assert len(cluster.nodes) == 1 and cluster.nodes[0].port == hub.port


def test_settings_are_added_to_replaced_and_kept(hub, admin):
    """Lists take APPEND and SUBTRACT; AlterConfigs takes back what it does not name; what changes nothing here is read back all the same."""
    name = f"settings{next(_names)}"
    admin.create_topics([NewTopic(name, 1, 1, config={"compression.type": "lz4", "flush.ms": "1000"})])[name].result()
    resource = ConfigResource(ResourceType.TOPIC, name)

    def settings():
        entries = admin.describe_configs([resource])[resource].result()
        return {k: v.value for k, v in entries.items() if not v.is_default}

    def change(key, value, op):
        r = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[ConfigEntry(key, value, incremental_operation=op)])
        admin.incremental_alter_configs([r])[r].result()

    assert settings() == {"compression.type": "lz4", "flush.ms": "1000"}
    change("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    assert settings()["cleanup.policy"] == "compact,delete"
    change("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    assert settings()["cleanup.policy"] == "compact"
    for key, value, op in [("retention.ms", "5", AlterConfigOpType.APPEND), ("cleanup.policy", "compact", AlterConfigOpType.SUBTRACT),
                           ("compression.type", "lzma", AlterConfigOpType.SET), ("durability", "none", AlterConfigOpType.SET), ("log.nonsense", "1", AlterConfigOpType.SET)]:
        with pytest.raises(KafkaException) as e:
            change(key, value, op)
        assert e.value.args[0].code() == KafkaError.INVALID_CONFIG, key
    replace = ConfigResource(ResourceType.TOPIC, name, set_config={"preallocate": "true", "retention.ms": "777"})
    admin.alter_configs([replace])[replace].result()
    assert settings() == {"preallocate": "true", "retention.ms": "777"}
    hub.kill()
    hub.start()
    assert settings() == {"preallocate": "true", "retention.ms": "777"}
    gone = ConfigResource(ResourceType.TOPIC, "there-is-none", set_config={"retention.ms": "777"})
    with pytest.raises(KafkaException) as e:
        admin.alter_configs([gone])[gone].result()
    assert e.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_log_append_time(hub, admin):
    name = f"time{next(_names)}"
    admin.create_topics([NewTopic(name, 1, 1, config={"message.timestamp.type": "LogAppendTime"})])[name].result()
    before = int(time.time() * 1000)
    produce(hub, name, [{"value": b"x", "timestamp": 1}])
    kind, ts = consume(hub, name, 1)[0].timestamp()
    assert kind == ck.TIMESTAMP_LOG_APPEND_TIME and before <= ts <= int(time.time() * 1000)


# ---------------------------------------------------------------- keys


def test_connection_strings_are_checked_and_name_the_namespace(tmp_path):
    h = Hub(tmp_path / "state", sas="c2VjcmV0a2V5")

    def conf(namespace, key="c2VjcmV0a2V5", policy="RootManageSharedAccessKey"):
        cs = f"Endpoint=sb://{namespace}.servicebus.windows.net/;SharedAccessKeyName={policy};SharedAccessKey={key}"
        return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "$ConnectionString", "sasl.password": cs}

    produce(h, "orders", [b"a"], **conf("first"))
    produce(h, "orders", [b"b", b"c"], **conf("Second"))
    assert sorted(m.value() for m in consume(h, "orders", 2, **conf("second"))) == [b"b", b"c"]
    assert [m.value() for m in consume(h, "orders", 1, **conf("first"))] == [b"a"]
    assert (tmp_path / "state/hub/second/orders/hub.json").exists()
    for wrong in [conf("first", key="no"), conf("first", policy="Other"), {**conf("first"), "sasl.username": "me"}]:
        errors = []
        a = AdminClient({"bootstrap.servers": h.address, **wrong, "error_cb": errors.append})
        with pytest.raises(KafkaException):
            a.list_topics(timeout=3)
    with pytest.raises(KafkaException):  # no credentials at all
        AdminClient({"bootstrap.servers": h.address}).list_topics(timeout=3)
    h.stop()


def connection(policy, key, endpoint="sb://localhost"):
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "$ConnectionString",
            "sasl.password": f"Endpoint={endpoint};SharedAccessKeyName={policy};SharedAccessKey={key}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A hub with keys and two hubs, and what its policies are to a Kafka client."""
    state = tmp_path_factory.mktemp("hub") / "guarded"
    state.mkdir()
    (state / "hub-policies.json").write_text(json.dumps([
        {"name": "one-hub", "key": "b25l", "rights": ["Send", "Listen"], "hub": "orders"},
        {"name": "shop-only", "key": "c2hvcA==", "rights": ["Send", "Listen"], "namespace": "shop"}]))
    h = Hub(state, sas="c2VjcmV0a2V5")
    h.root = connection("RootManageSharedAccessKey", "c2VjcmV0a2V5")
    for policy in ("SendOnly", "ListenOnly"):
        key = base64.b64encode(hmac.new(b"c2VjcmV0a2V5", policy.encode(), hashlib.sha256).digest()).decode()
        setattr(h, policy, connection(policy, key))
    a = AdminClient({"bootstrap.servers": h.address, **h.root})
    for f in a.create_topics([NewTopic("orders", 2, 1), NewTopic("other", 1, 1)]).values():
        f.result()
    yield h
    h.stop()


def delivery_error(hub, topic, **conf):
    seen = []
    p = Producer({"bootstrap.servers": hub.address, **conf})
    p.produce(topic, b"x", on_delivery=lambda e, m: seen.append(e))
    p.flush(20)
    return seen[0].code() if seen and seen[0] else None


def refusal(fn):
    with pytest.raises(KafkaException) as e:
        fn()
    return e.value.args[0].code()


def poll_error(hub, topic, **conf):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "no", "auto.offset.reset": "earliest", **conf})
    try:
        c.subscribe([topic])
        return until(lambda: (m := c.poll(0.2)) and m.error(), "an error", 30, 0).code()
    finally:
        c.close()


def test_a_policy_that_sends_does_not_listen_and_the_other_way_round(guarded):
    h = guarded
    produce(h, "orders", [b"a"], **h.SendOnly)
    produce(h, "orders", [b"b"], **h.SendOnly, **{"enable.idempotence": True})
    assert sorted(m.value() for m in consume(h, "orders", 2, group="readers", **h.ListenOnly)) == [b"a", b"b"]
    assert delivery_error(h, "orders", **h.ListenOnly) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert poll_error(h, "orders", **h.SendOnly) == KafkaError.GROUP_AUTHORIZATION_FAILED
    sender = Consumer({"bootstrap.servers": h.address, "group.id": "readers", **h.SendOnly})
    assert refusal(lambda: sender.get_watermark_offsets(TopicPartition("orders", 0), timeout=10)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert refusal(lambda: sender.committed([TopicPartition("orders", 0)], timeout=10)) == KafkaError.GROUP_AUTHORIZATION_FAILED
    sender.assign([TopicPartition("orders", 0, 0)])  # no group asked, no offset looked up: a plain fetch
    assert until(lambda: (m := sender.poll(0.2)) and m.error(), "an error", 30, 0).code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    sender.close()
    listener = Producer({"bootstrap.servers": h.address, "enable.idempotence": True, **h.ListenOnly})
    listener.produce("orders", b"x")
    assert refusal(lambda: until(lambda: listener.poll(0.1) is None, "a producer id is refused", 30, 0)) == KafkaError.CLUSTER_AUTHORIZATION_FAILED
    ends = Consumer({"bootstrap.servers": h.address, "group.id": "root", **h.root})
    assert sum(ends.get_watermark_offsets(TopicPartition("orders", p), timeout=10)[1] for p in (0, 1)) == 2
    ends.close()


def test_only_who_manages_changes_hubs(guarded):
    h = guarded
    for rights in (h.SendOnly, h.ListenOnly):
        a = AdminClient({"bootstrap.servers": h.address, **rights})
        denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert refusal(a.create_topics([NewTopic("new", 1, 1)])["new"].result) == denied
        assert refusal(a.delete_topics(["orders"])["orders"].result) == denied
        assert refusal(a.create_partitions([NewPartitions("orders", 5)])["orders"].result) == denied
        assert refusal(a.delete_records([TopicPartition("orders", 0, 1)])[TopicPartition("orders", 0)].result) == denied
        assert refusal(a.delete_consumer_groups(["readers"])["readers"].result) == KafkaError.GROUP_AUTHORIZATION_FAILED
        change = ConfigResource(ResourceType.TOPIC, "orders", incremental_configs=[
            ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)])
        assert refusal(a.incremental_alter_configs([change])[change].result) == denied
    assert set(AdminClient({"bootstrap.servers": h.address, **h.root}).list_topics(timeout=10).topics) == {"orders", "other"}


def test_offsets_never_go_back_nor_far_ahead(tmp_path):
    h = Hub(tmp_path / "state")
    p = Producer({"bootstrap.servers": h.address, "acks": "all"})

    def next_offset(topic):
        told = []
        p.produce(topic, b"x", partition=0, on_delivery=lambda e, m: told.append((e, m.offset())))
        assert p.flush(30) == 0 and told[0][0] is None
        return told[0][1]

    for topic, committed in (("lost", 6), ("ahead", 10**12)):
        assert [next_offset(topic) for _ in range(6)] == list(range(6))
        c = Consumer({"bootstrap.servers": h.address, "group.id": "g", "enable.auto.commit": False})
        c.commit(offsets=[TopicPartition(topic, 0, committed)], asynchronous=False)
        c.close()
    h.kill()
    for log in (tmp_path / "state").rglob("lost*/**/*.log"):
        log.write_bytes(b"")
    h.start()
    assert next_offset("lost") == 6 and next_offset("ahead") == 6
    h.stop()


def test_a_policy_of_one_hub_sees_that_hub(guarded):
    h = guarded
    one = connection("one-hub", "b25l")
    assert set(AdminClient({"bootstrap.servers": h.address, **one}).list_topics(timeout=10).topics) == {"orders"}
    produce(h, "orders", [b"mine"], **one)
    assert b"mine" in {m.value() for m in consume(h, "orders", 3, group="own", **one)}
    assert delivery_error(h, "other", **one) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert poll_error(h, "other", **one) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert delivery_error(h, "made-by-none", **one) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert not (h.state / "hub/default/made-by-none").exists()


def test_the_policy_name_says_the_namespace_where_the_host_does_not(guarded):
    h = guarded
    produce(h, "named", [b"of the shop"], **connection("shop~RootManageSharedAccessKey", "c2VjcmV0a2V5", f"sb://{h.address}"))
    of_shop = connection("shop~shop-only", "c2hvcA==")
    assert [m.value() for m in consume(h, "named", 1, **of_shop)] == [b"of the shop"]
    assert (h.state / "hub/shop/named").exists() and not (h.state / "hub/default/named").exists()
    for wrong in (connection("shop-only", "c2hvcA=="), connection("else~shop-only", "c2hvcA==")):
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": h.address, **wrong}).list_topics(timeout=3)


# ---------------------------------------------------------------- kafkajs


def test_kafkajs(hub, topic):
    modules = ROOT / "build" / "deps" / "npm" / "node_modules"
    if not (modules / "kafkajs").exists() or not shutil.which("node"):
        pytest.skip("kafkajs is not installed")
    r = subprocess.run(["node", str(ROOT / "tests" / "e2e" / "hub_kafkajs.js"), hub.address, topic], capture_output=True, timeout=120,
                       env={"NODE_PATH": str(modules), "PATH": "/usr/bin:/bin:/usr/local/bin", "KAFKAJS_NO_PARTITIONER_WARNING": "1"})
    assert r.returncode == 0, r.stdout.decode() + r.stderr.decode()
    report = json.loads(r.stdout.decode().splitlines()[-1])
    assert report["received"] == report["sent"] == 1000
    assert report["headers"] == {"h": "v"} and report["group"] == "Stable" and report["committed"] > 0
    assert report["metadata"] == "note é\0 and on"  # any bytes
    assert report["earliest"] == "0"


def test_a_position_is_checked_by_its_leader_epoch(hub, topic):
    """librdkafka asks OffsetForLeaderEpoch before it reads on from a position that carries an epoch."""
    import logging

    produce(hub, topic, [{"value": str(i), "partition": 0} for i in range(10)])
    first = Consumer({"bootstrap.servers": hub.address, "group.id": "epochs", "auto.offset.reset": "earliest"})
    first.assign([TopicPartition(topic, 0, 4)])
    message = wait_for(lambda: first.poll(0.1), "a message")
    epoch = message.leader_epoch()
    first.close()
    assert epoch is not None and epoch >= 0

    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    log = logging.Logger("librdkafka")
    log.addHandler(Keep())
    second = Consumer({"bootstrap.servers": hub.address, "group.id": "epochs", "debug": "protocol"}, logger=log)
    second.assign([TopicPartition(topic, 0, 7, leader_epoch=epoch)])
    message = wait_for(lambda: second.poll(0.1), "a message")
    assert (message.offset(), message.value()) == (7, b"7")
    second.close()
    assert any("Received OffsetForLeaderEpochResponse" in line for line in lines)
