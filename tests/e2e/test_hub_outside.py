"""A namespace bound to a real Apache Kafka: what functions send goes there, and bronze holds each record of the topic once."""

import json
import random
import subprocess

import pytest
from conftest import DEADLINE_SEC, RETAIL, SLOW, SOAK, Run, environment, program, run_once, until
from deltalake import DeltaTable
from kafkad import JARS, Kafka, free_ports

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


def table(state):
    return DeltaTable(str(state / "storage" / "paystreakretail" / "bronze" / "sales_events"))


def fill(broker, count, value="x"):
    p = ck.Producer({"bootstrap.servers": broker.address})
    for i in range(count):
        p.produce(HUB, value=f"{value} {i}")
    assert p.flush(60) == 0


def test_what_is_not_there_is_named(tmp_path, kafka):
    """A missing topic, a topic made anew, a table that another hub filled: each ends --once with its name, and nothing is mixed."""
    project, state = quiet(tmp_path), tmp_path / "state"
    (tmp_path / "other").mkdir()
    missing = quiet(tmp_path / "other")
    text = (missing / "paystreak.yml").read_text()
    (missing / "paystreak.yml").write_text(text.replace(f"name: {HUB}", "name: nowhere"))
    failures = run_once(missing, tmp_path / "missing", *bound(kafka), status=1).failures()
    assert any("there is no hub 'nowhere'" in f and kafka.address in f for f in failures), failures

    fill(kafka, 3000)
    run_once(project, state, *bound(kafka))
    before = bronze(state)
    assert len(before) == 3000
    a = admin.AdminClient({"bootstrap.servers": kafka.address})
    a.delete_topics([HUB])[HUB].result(30)
    until(lambda: partitions_of(a, HUB) == 0, "the topic is gone")
    create(kafka, HUB, 4)
    fill(kafka, 10)
    failures = run_once(project, state, *bound(kafka), status=1).failures()
    assert any("was made anew" in f for f in failures), failures
    assert bronze(state) == before

    # A table that the hub in process filled is not gone on with, and a namespace that is bound is not served here.
    local = tmp_path / "local"
    run = Run(project, local, "--insecure-local")
    address = run.ready()["kafka"]
    p = ck.Producer({"bootstrap.servers": address})
    p.produce(HUB, value="here")
    assert p.flush(60) == 0
    until(lambda: len(bronze(local)) == 1, "it is captured")
    run.stop()
    failures = run_once(project, local, *bound(kafka), status=1).failures()
    assert any("came from elsewhere" in f for f in failures), failures
    assert len(bronze(local)) == 1


def test_a_broker_that_comes_back(tmp_path, kafka):
    """While it is away, events wait in the outbox and capture waits; then all of them arrive."""
    state = tmp_path / "state"
    run = Run(RETAIL, state, *bound(kafka), settings={"SALES_RATE": 20})
    try:
        run.ready()
        until(lambda: len(topic(kafka)) >= 40, "events are sent")
        kafka.stop()
        until(lambda: any("cannot reach" in line or "trying again" in line for line in run.log), "it is told")
        kafka.start()
        before = len(topic(kafka))
        until(lambda: len(topic(kafka)) >= before + 40, "events are sent again")
    finally:
        run.stop()
    assert_each_line_once(kafka)
    run_once(RETAIL, state, "--events", "1", *bound(kafka))
    assert_bronze_is_the_topic(state, kafka)


def test_nobody_there(tmp_path):
    """--once ends with the list."""
    failures = run_once(RETAIL, tmp_path / "state", "--events", "10", "--bind", f"sb://{NAMESPACE}.servicebus.windows.net=kafka://127.0.0.1:1", status=1).failures()
    assert any("cannot reach kafka://127.0.0.1:1" in f and "refused" in f for f in failures), failures


def command(*words, given="", settings=None):
    done = subprocess.run([program(), "hub", *map(str, words)], input=given, capture_output=True, text=True, timeout=DEADLINE_SEC, env=environment(settings or {}))
    return done.returncode, done.stdout, done.stderr


def test_commands_follow_the_binding(tmp_path, kafka):
    where = ("--state", tmp_path / "state", "--namespace", NAMESPACE, *bound(kafka))
    assert command("create", "made", "--partitions", 3, *where)[0] == 0
    assert command("produce", "made", "--key", "k", *where, given="first\nsecond\n")[:2] == (0, "2 events sent\n")
    status, said, _ = command("consume", "made", "--output", "json", *where)
    assert status == 0 and [(r["key"], r["value"]) for r in map(json.loads, said.splitlines())] == [("k", "first"), ("k", "second")]
    topics = {r["hub"]: r for r in map(json.loads, command("topics", "--output", "json", *where)[1].splitlines())}
    assert topics["made"] == {"hub": "made", "partitions": 3, "events": 2}
    status, _, said = command("consume", "nowhere", *where)
    assert status and "nowhere" in said
    status, _, said = command("topics", "--state", tmp_path / "state", "--namespace", "shop", "--bind", "sb://shop.servicebus.windows.net=sb:")
    assert status and "AZURE_EVENTHUBS_CONNECTION_STRING_SHOP" in said


def test_over_tls_with_a_connection_string(tmp_path):
    """As on Azure: TLS, SASL PLAIN with $ConnectionString. What answers is a hub of our own under Azure's name."""
    port, folder = free_ports(1)[0], tmp_path / "away"
    away = subprocess.Popen([program(), "hub", "start", "--state", folder, "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(away.stdout.readline())["ready"]
        keys = subprocess.run([program(), "keys", "--state", folder, "--output", "json"], capture_output=True, text=True, check=True)
        text = f"Endpoint=sb://{NAMESPACE}.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey="
        settings = {"AZURE_EVENTHUBS_CONNECTION_STRING": text + json.loads(keys.stdout)["sas"], "KAFKA_SSL_CA_LOCATION": folder / "tls" / "cert.pem"}
        to = ("--bind", f"sb://{NAMESPACE}.servicebus.windows.net=sb://localhost:{port}")
        where = ("--state", tmp_path / "state", *to)
        assert command("create", HUB, "--partitions", 4, *where, settings=settings)[0] == 0
        assert command("produce", HUB, *where, given="".join(f"{i}\n" for i in range(300)), settings=settings)[0] == 0
        state, project = tmp_path / "state", quiet(tmp_path)
        run_once(project, state, *to, settings=settings)
        rows = bronze(state)
        assert sorted(int(r[4]) for r in rows) == list(range(300)) and len({r[:3] for r in rows}) == 300
        run_once(project, state, *to, settings=settings)
        assert len(bronze(state)) == 300
        run_once(RETAIL, tmp_path / "sends", "--events", "200", *to, settings=settings)
        wrong = settings | {"AZURE_EVENTHUBS_CONNECTION_STRING": text + "wrong"}
        failures = run_once(project, state, *to, settings=wrong, status=1).failures()
        assert any("uthentication" in f for f in failures) and not any("wrong" in f for f in failures), failures
    finally:
        away.terminate()
        assert away.wait(30) == 0
