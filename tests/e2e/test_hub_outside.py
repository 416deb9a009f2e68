"""A namespace bound to a real Apache Kafka: what functions send goes there, and bronze holds each record of the topic once."""

import json
import random

import pytest
from conftest import RETAIL, SLOW, SOAK, Run, run_once, until
from deltalake import DeltaTable
from kafkad import JARS, Kafka

ck = pytest.importorskip("confluent_kafka")
admin = pytest.importorskip("confluent_kafka.admin")
pytestmark = pytest.mark.skipif(not JARS.is_dir(), reason="no Apache Kafka in build/deps")

NAMESPACE, HUB = "paystreak-retail", "sales"
KILLS = 12 if SOAK else 3


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    k = Kafka(tmp_path_factory.mktemp("kafka"))
    yield k
    k.stop()


@pytest.fixture
def kafka(broker):
    """The broker with an empty topic of four partitions."""
    a = admin.AdminClient({"bootstrap.servers": broker.address})
    if HUB in a.list_topics(timeout=30).topics:
        a.delete_topics([HUB])[HUB].result(30)
        until(lambda: HUB not in a.list_topics(timeout=30).topics, "the topic is gone")
    create(broker, HUB, 4)
    return broker


def create(broker, name, partitions):
    a = admin.AdminClient({"bootstrap.servers": broker.address})
    a.create_topics([admin.NewTopic(name, num_partitions=partitions, replication_factor=1)])[name].result(30)
    until(lambda: partitions_of(a, name) == partitions, "the topic is there")


def partitions_of(client, name):
    found = client.list_topics(timeout=30).topics.get(name)
    return len(found.partitions) if found else 0


def bound(broker):
    return ("--bind", f"sb://{NAMESPACE}.servicebus.windows.net=kafka://{broker.address}")


def topic(broker, isolation="read_committed"):
    """{(partition, offset): (key, value)} of all committed records, as a plain Kafka consumer reads them."""
    c = ck.Consumer({"bootstrap.servers": broker.address, "group.id": "referee", "enable.auto.commit": False, "isolation.level": isolation, "enable.partition.eof": True})
    partitions = c.list_topics(HUB, timeout=30).topics[HUB].partitions
    c.assign([ck.TopicPartition(HUB, p, 0) for p in partitions])
    found, ended = {}, set()
    while len(ended) < len(partitions):
        m = c.poll(30)
        assert m is not None, "the broker says nothing"
        if m.error():
            assert m.error().code() == ck.KafkaError._PARTITION_EOF, m.error()
            ended.add(m.partition())
        else:
            found[m.partition(), m.offset()] = (m.key(), m.value())
    c.close()
    return found


def bronze(state):
    """[(topic, partition, offset, key, value)]"""
    t = DeltaTable(str(state / "storage" / "paystreakretail" / "bronze" / "sales_events"))
    rows = t.to_pyarrow_table(columns=["topic", "partition", "offset", "key", "value"]).to_pylist()
    return [(r["topic"], r["partition"], r["offset"], r["key"], r["value"]) for r in rows]


def assert_bronze_is_the_topic(state, broker):
    rows, there = bronze(state), topic(broker)
    assert len(rows) == len({r[:3] for r in rows}), "a record is there twice"
    assert {(p, o): (k, v) for _, p, o, k, v in rows} == there
    assert {r[0] for r in rows} <= {HUB}
    return len(rows)


def assert_each_line_once(broker):
    """The functions' lines are there from the first to the last, none twice: position is what their record says next."""
    positions = [json.loads(v)["_meta"]["position"] for _, v in topic(broker).values()]
    assert sorted(positions) == list(range(len(positions)))


def test_each_record_once(tmp_path, kafka):
    state = tmp_path / "state"
    run_once(RETAIL, state, "--events", "1500", *bound(kafka))
    first = assert_bronze_is_the_topic(state, kafka)
    assert 1500 <= first < 3000
    assert not (state / "hub" / NAMESPACE).exists() or not list((state / "hub" / NAMESPACE).rglob("*.log"))
    assert_each_line_once(kafka)
    run_once(RETAIL, state, "--events", "500", *bound(kafka))
    assert assert_bronze_is_the_topic(state, kafka) >= first + 500
    assert_each_line_once(kafka)


def test_nothing_new_adds_nothing(tmp_path, kafka):
    state, project = tmp_path / "state", quiet(tmp_path)
    p = ck.Producer({"bootstrap.servers": kafka.address})
    for i in range(5000):
        p.produce(HUB, key=str(i), value=json.dumps({"i": i}))
    assert p.flush(60) == 0
    run_once(project, state, *bound(kafka))
    assert assert_bronze_is_the_topic(state, kafka) == 5000
    version = DeltaTable(str(state / "storage" / "paystreakretail" / "bronze" / "sales_events")).version()
    run_once(project, state, *bound(kafka))
    assert DeltaTable(str(state / "storage" / "paystreakretail" / "bronze" / "sales_events")).version() == version
    # Offsets that hold no event: of markers, and of a transaction that came to nothing, also as the last of a partition.
    t = ck.Producer({"bootstrap.servers": kafka.address, "transactional.id": "other", "compression.type": "zstd"})
    t.init_transactions()
    for n, end in enumerate((t.commit_transaction, t.abort_transaction, t.commit_transaction, t.abort_transaction)):
        t.begin_transaction()
        for i in range(200):
            t.produce(HUB, key=f"k{i}", value=None if i == 7 else json.dumps({"n": n, "i": i}), headers=[("h", b"\x01"), ("none", None)])
        assert t.flush(60) == 0
        end()
    run_once(project, state, *bound(kafka))
    assert assert_bronze_is_the_topic(state, kafka) == 5400
    # Partitions that are added are read from their start.
    a = admin.AdminClient({"bootstrap.servers": kafka.address})
    a.create_partitions([admin.NewPartitions(HUB, 6)])[HUB].result(30)
    until(lambda: partitions_of(a, HUB) == 6, "partitions are added")
    p = ck.Producer({"bootstrap.servers": kafka.address})
    for i in range(60):
        p.produce(HUB, partition=i % 6, value=json.dumps({"i": i}))
    assert p.flush(60) == 0
    run_once(project, state, *bound(kafka))
    assert assert_bronze_is_the_topic(state, kafka) == 5460


def quiet(tmp_path):
    """A project of one captured hub and nothing else."""
    project = tmp_path / "quiet"
    project.mkdir()
    (project / "paystreak.yml").write_text(f"""hubs:
  - namespace: {NAMESPACE}
    name: {HUB}
    partitionCount: 4
    captureDescription:
      destination: {{path: abfss://bronze@paystreakretail.dfs.core.windows.net/sales_events, table: main.bronze.sales_events}}
""")
    return project


def test_kill9(tmp_path, kafka, seed):
    """Killed at random moments: each event that was sent is in the topic once, and each record of the topic in bronze once."""
    state, chance = tmp_path / "state", random.Random(seed)
    options = ("--events", "6000", *bound(kafka))
    for _ in range(KILLS):
        run, wanted = Run(RETAIL, state, "--once", *options, settings={"SALES_RATE": 100}), chance.randint(1, 12)
        try:
            run.ready()
            until(lambda: sum("sales lines" in line for line in run.log) >= wanted, "functions send", every=0.002)
            run.wait_or_none(chance.uniform(0, 0.3 * SLOW))
        finally:
            run.kill()
    run_once(RETAIL, state, "--events", "200", *bound(kafka))
    assert_bronze_is_the_topic(state, kafka)
    assert_each_line_once(kafka)
