"""Transactions of the hub, driven by librdkafka, the Java client and its tools, kafkajs: what is committed, aborted, fenced,
expired, and killed half-way."""

import json
import os
import random
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SOAK, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # noqa: E402

_names = iter(range(10**6))


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state", segment_bytes=50_000)
    yield h
    h.stop()


def make(hub, *topics):
    admin = AdminClient({"bootstrap.servers": hub.address})
    for f in admin.create_topics(list(topics)).values():
        f.result()


@pytest.fixture
def topic(hub):
    name = f"txn{next(_names)}"
    make(hub, NewTopic(name, 2, 1))
    return name


# The hub is the only broker: with all brokers gone librdkafka's rebootstrap loses the coordinator of the group for good.
STAYS = {"metadata.recovery.strategy": "none", "reconnect.backoff.max.ms": 100, "log_level": 0}


def producer(hub, transactional_id, **conf):
    p = Producer({"bootstrap.servers": hub.address, "transactional.id": transactional_id, "linger.ms": 1, **STAYS, **conf})
    p.init_transactions(20)
    return p


def read(hub, topic, level="read_committed", partitions=2):
    """All that a consumer of that level sees up to its end: (value, partition, offset)."""
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x", "isolation.level": level, "enable.partition.eof": True,
                  "auto.offset.reset": "earliest", "enable.auto.commit": False})
    c.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    out, ended, end = [], set(), time.monotonic() + 30
    while len(ended) < partitions:
        assert time.monotonic() < end, out
        m = c.poll(0.2)
        if m is None:
            continue
        if m.error():
            assert m.error().code() == KafkaError._PARTITION_EOF, m.error()
            ended.add(m.partition())
        else:
            out.append((m.value().decode(), m.partition(), m.offset()))
    c.close()
    return sorted(out, key=lambda x: (x[1], x[2]))


def values(rows):
    return sorted(v for v, _, _ in rows)


def code_of(fn, *args):
    with pytest.raises(KafkaException) as e:
        fn(*args)
    return e.value.args[0]


def test_committed_is_read_and_aborted_is_not(hub, topic):
    p = producer(hub, f"{topic}-id")
    sent, gone = [], []
    for i in range(40):
        p.begin_transaction()
        mine = [f"{i}-{j}" for j in range(50)]
        for j, v in enumerate(mine):
            p.produce(topic, v, partition=j % 2)
        if i % 4 == 3:
            p.flush(20)  # so that there is something to abort
            p.abort_transaction(20)
            gone += mine
        else:
            p.commit_transaction(20)
            sent += mine
    assert values(read(hub, topic)) == sorted(sent)
    assert values(read(hub, topic, "read_uncommitted")) == sorted(sent + gone)
    before = read(hub, topic)
    hub.kill()
    hub.start()
    assert read(hub, topic) == before
    p.begin_transaction()  # the producer goes on over the restart
    p.produce(topic, "after", partition=0)
    p.commit_transaction(30)
    assert values(read(hub, topic)) == sorted([*sent, "after"])


def test_an_open_transaction_holds_back_what_follows(hub, topic):
    p = producer(hub, f"{topic}-id")
    plain = Producer({"bootstrap.servers": hub.address})
    plain.produce(topic, "first", partition=0)
    plain.flush(20)
    p.begin_transaction()
    p.produce(topic, "open", partition=0)
    p.flush(20)
    plain.produce(topic, "behind", partition=0)
    plain.flush(20)

    def end(level):
        admin, at = AdminClient({"bootstrap.servers": hub.address}), TopicPartition(topic, 0)
        return admin.list_offsets({at: OffsetSpec.latest()}, isolation_level=level)[at].result().offset

    assert values(read(hub, topic)) == ["first"]
    assert values(read(hub, topic, "read_uncommitted")) == ["behind", "first", "open"]
    assert (end(IsolationLevel.READ_COMMITTED), end(IsolationLevel.READ_UNCOMMITTED)) == (1, 3)
    hub.kill()
    hub.start()
    assert values(read(hub, topic)) == ["first"]  # it is still going on
    p.commit_transaction(30)
    assert values(read(hub, topic)) == ["behind", "first", "open"]
    assert (end(IsolationLevel.READ_COMMITTED), end(IsolationLevel.READ_UNCOMMITTED)) == (4, 4)


def test_a_waiting_reader_wakes_at_the_commit(hub, topic):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": "x", "fetch.wait.max.ms": 20000})
    c.assign([TopicPartition(topic, 0, 0)])
    c.poll(0.5)
    p = producer(hub, f"{topic}-id")
    waits = []
    for i in range(6):
        p.begin_transaction()
        p.produce(topic, f"{i}", partition=0)
        p.flush(20)
        assert c.poll(0.05) is None
        start = time.monotonic()
        p.commit_transaction(20)
        assert until(lambda: c.poll(0.5), "the record").value() == f"{i}".encode()
        waits.append(time.monotonic() - start)
    c.close()
    assert sorted(waits)[2] < 1.0, waits


def test_a_new_owner_of_the_id_fences_the_old_one(hub, topic):
    a = producer(hub, f"{topic}-id")
    a.begin_transaction()
    a.produce(topic, "zombie", partition=0)
    a.flush(20)
    b = producer(hub, f"{topic}-id")  # aborts what a left open
    error = code_of(a.commit_transaction, 20)
    assert error.fatal() and error.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
    b.begin_transaction()
    b.produce(topic, "good", partition=0)
    b.commit_transaction(20)
    assert values(read(hub, topic)) == ["good"]


def test_a_transaction_that_takes_too_long_is_aborted(hub, topic):
    p = producer(hub, f"{topic}-id", **{"transaction.timeout.ms": 1500, "message.timeout.ms": 1500, "socket.timeout.ms": 1000})
    plain = Producer({"bootstrap.servers": hub.address})
    p.begin_transaction()
    p.produce(topic, "late", partition=0)
    p.flush(20)
    plain.produce(topic, "behind", partition=0)
    plain.flush(20)
    assert values(read(hub, topic)) == []
    until(lambda: values(read(hub, topic)) == ["behind"], "the transaction is aborted", 20, 0.1)
    assert code_of(p.commit_transaction, 20).code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


def test_timeouts_beyond_the_limit_are_refused(hub):
    p = Producer({"bootstrap.servers": hub.address, "transactional.id": "long", "transaction.timeout.ms": 900_001})
    assert code_of(p.init_transactions, 20).code() == KafkaError.INVALID_TRANSACTION_TIMEOUT


# ---------------------------------------------------------------- offsets


def committed(hub, group, topic, partitions=2):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": group})
    got = [p.offset for p in c.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=20)]
    c.close()
    return got


def test_offsets_belong_to_the_transaction(hub, topic):
    group = f"{topic}-group"
    plain = Producer({"bootstrap.servers": hub.address})
    for i in range(20):
        plain.produce(topic, f"in {i}", partition=i % 2)
    plain.flush(20)
    c = Consumer({"bootstrap.servers": hub.address, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    c.subscribe([topic])
    got = []
    until(lambda: got.extend(m for m in c.consume(100, 0.2) if not m.error()) or len(got) == 20, "all input", 30)
    p = producer(hub, f"{topic}-id")
    p.begin_transaction()
    p.send_offsets_to_transaction([TopicPartition(topic, 0, 7, metadata="half"), TopicPartition(topic, 1, 8)], c.consumer_group_metadata(), 20)
    p.abort_transaction(20)
    assert committed(hub, group, topic) == [-1001, -1001]
    p.begin_transaction()
    p.produce(f"{topic}", "out", partition=0)
    p.send_offsets_to_transaction(c.position(c.assignment()), c.consumer_group_metadata(), 20)
    with pytest.raises(KafkaException):  # not told while it is open: librdkafka asks for stable ones until its time is over
        Consumer({"bootstrap.servers": hub.address, "group.id": group}).committed([TopicPartition(topic, 0)], timeout=1)
    p.commit_transaction(20)
    assert committed(hub, group, topic) == [10, 10]
    hub.kill()
    hub.start()
    assert committed(hub, group, topic) == [10, 10]
    c.close()
    p.begin_transaction()
    p.send_offsets_to_transaction([TopicPartition(topic, 1, 3)], c2_metadata(hub, group), 20)
    hub.kill()  # what pends is known after a restart
    hub.start()
    p.commit_transaction(30)
    assert committed(hub, group, topic) == [10, 3]


def c2_metadata(hub, group):
    c = Consumer({"bootstrap.servers": hub.address, "group.id": group})
    meta = c.consumer_group_metadata()
    c.close()
    return meta


def test_the_offsets_log_is_rewritten_with_what_pends(tmp_path):
    h = Hub(tmp_path / "state")
    make(h, NewTopic("wide", 1000, 1))
    p, q = producer(h, "one"), producer(h, "two")
    q.begin_transaction()
    q.send_offsets_to_transaction([TopicPartition("wide", 5, 55)], c2_metadata(h, "pending"), 20)
    for i in range(120):
        p.begin_transaction()
        p.send_offsets_to_transaction([TopicPartition("wide", n, i) for n in range(1000)], c2_metadata(h, "g"), 20)
        p.commit_transaction(20)
    log = tmp_path / "state/hub/default/__consumer_offsets/0"
    assert sum(f.stat().st_size for f in log.glob("*.log")) < 6_000_000 and not (log / f"{0:020}.log").exists()
    h.kill()
    h.start()
    q.commit_transaction(30)
    for _ in range(2):
        assert committed(h, "pending", "wide", 6)[5] == 55
        assert set(committed(h, "g", "wide", 1000)) == {119}
        h.kill()
        h.start()
    h.stop()


# ---------------------------------------------------------------- other clients

JAVA_KAFKA = ROOT / "build" / "deps" / "kafka"


def java(*words):
    if not JAVA_KAFKA.is_dir():
        pytest.skip("no Apache Kafka: scripts/deps test brings it")
    done = subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JAVA_KAFKA}/*", *map(str, words)],
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def test_the_java_client_in_transactions(hub, topic):
    told = json.loads(java(ROOT / "tests/e2e/HubTxn.java", hub.address, topic).splitlines()[-1])
    assert told == {
        "epoch": 4, "committed": 150, "all": 200, "offset": 17, "metadata": "seventeen", "state": "Ongoing", "timeout": 30000, "partitions": 1, "listed": True,
        "none_for_an_hour": True, "open": True, "unknown": "TransactionalIdNotFoundException", "fenced": True, "fenced_by_admin": True, "after": 151}


def test_the_tool_of_transactions(hub, topic):
    p = producer(hub, f"{topic}-id")
    p.begin_transaction()
    p.produce(topic, "x", partition=1)
    p.flush(20)

    def tool(*words):
        lines = java("org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", hub.address, *words).splitlines()
        return [line.split() for line in lines if line.strip()]

    mine = next(row for row in tool("list") if row[0] == f"{topic}-id")
    assert mine[-1] == "Ongoing"
    told = tool("describe", "--transactional-id", f"{topic}-id")
    assert dict(zip(told[0], told[1]))["TransactionState"] == "Ongoing" and f"{topic}-1" in told[1]
    told = tool("describe-producers", "--topic", topic, "--partition", 1)
    row = dict(zip(told[0], told[1]))
    assert row["ProducerId"] == mine[2] and row["CurrentTransactionStartOffset"] == "0" and row["LastSequence"] == "0"
    p.commit_transaction(20)
    told = tool("describe-producers", "--topic", topic, "--partition", 1)
    assert dict(zip(told[0], told[1]))["CurrentTransactionStartOffset"] == "None"


def test_kafkajs_in_transactions(hub, topic):
    modules = ROOT / "build" / "deps" / "npm" / "node_modules"
    done = subprocess.run(["node", ROOT / "tests/e2e/hub_kafkajs_txn.js", hub.address, topic], env={**os.environ, "NODE_PATH": str(modules)},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"offset": "3", "committed": sorted(f"{i}-{n}" for i in (0, 2) for n in range(5)), "all": 20}


def test_an_amqp_receiver_sees_what_is_committed(tmp_path):
    pytest.importorskip("azure.eventhub")
    from test_hub_amqp import consumer, receive

    h = Hub(tmp_path / "state", amqp=0, partitions=1)
    make(h, NewTopic("amqp", 1, 1))
    p = producer(h, "amqp-id")
    sent = []
    for i in range(12):
        p.begin_transaction()
        for j in range(5):
            p.produce("amqp", f"{i}-{j}", partition=0)
        if i % 3:
            p.commit_transaction(20)
            sent += [f"{i}-{j}" for j in range(5)]
        else:
            p.flush(20)
            p.abort_transaction(20)
    p.begin_transaction()
    p.produce("amqp", "last", partition=0)
    p.flush(20)
    got = receive(consumer(h, "amqp"), len(sent), partition_id="0", starting_position="-1")
    assert [e.body_as_str() for _, e in got] == sent
    p.commit_transaction(20)
    got = receive(consumer(h, "amqp"), len(sent) + 1, partition_id="0", starting_position="-1")
    assert [e.body_as_str() for _, e in got] == [*sent, "last"]
    h.stop()


# ---------------------------------------------------------------- kill -9


def test_kill_nine_in_transactions(tmp_path):
    """Input is copied to output in transactions while the hub is killed: each record comes out once."""
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    h = Hub(tmp_path / "state", segment_bytes=100_000, partitions=2)
    make(h, NewTopic("in", 2, 1), NewTopic("out", 2, 1))
    total, kills = 3000, 40 if SOAK else 8
    plain = Producer({"bootstrap.servers": h.address})
    for i in range(total):
        plain.produce("in", f"{i}", partition=i % 2)
    plain.flush(30)
    c = Consumer({"bootstrap.servers": h.address, "group.id": "copy", "auto.offset.reset": "earliest", "enable.auto.commit": False,
                  **STAYS})
    c.assign([TopicPartition("in", 0, 0), TopicPartition("in", 1, 0)])
    conf = {"retry.backoff.ms": 20}
    p = producer(h, "copier", **conf)
    done, killed, aborted, next_kill = [0, 0], 0, 0, 0.0
    end = time.monotonic() + 150
    start = time.monotonic()
    while sum(done) < total:
        assert time.monotonic() < end, f"seed {seed}: {done}"
        messages = [m for m in c.consume(40, 0.1) if not m.error()]
        if not messages:
            continue
        if killed < kills and time.monotonic() - start > next_kill:
            h.kill()
            h.start()
            killed += 1
        try:
            p.begin_transaction()
            for m in messages:
                p.produce("out", m.value(), partition=m.partition())
            if rng.random() < 0.15:
                h.kill()
                h.start()
                killed += 1
            at = dict(enumerate(done))
            for m in messages:
                at[m.partition()] = m.offset() + 1
            p.send_offsets_to_transaction([TopicPartition("in", n, o) for n, o in at.items()], c2_metadata(h, "copy"), 30)
            p.commit_transaction(30)
            done = [at[0], at[1]]
        except KafkaException as e:
            error = e.args[0]
            if error.fatal() or error.retriable():
                p = producer(h, "copier", **conf)
            elif error.txn_requires_abort():
                p.abort_transaction(30)
            aborted += 1
            done = [max(0, o) for o in committed(h, "copy", "in")]
            c.assign([TopicPartition("in", n, o) for n, o in enumerate(done)])
    c.close()
    rows = read(h, "out")
    assert [int(v) for v, n, _ in rows if n == 0] == list(range(0, total, 2)), f"seed {seed}"
    assert [int(v) for v, n, _ in rows if n == 1] == list(range(1, total, 2)), f"seed {seed}"
    h.stop()
    print(f"checked {len(rows)} records over {killed} kills, {aborted} transactions given up, seed {seed}")


# ---------------------------------------------------------------- power cuts

POWER_CUTS = 120 if SOAK else 6


def transact(hub):
    """Transactions until the hub is gone, and what became of each as the client was told."""
    client = subprocess.Popen([sys.executable, ROOT / "tests/e2e/hub_txn_load.py", hub.address], stdout=subprocess.PIPE, text=True)
    try:
        hub.process.wait(60)
    finally:
        client.kill()
        said = client.communicate()[0].splitlines()
    return {int(n): fate for fate, n in (line.split() for line in said if " " in line)}


def test_power_cuts_leave_transactions_whole(tmp_path):
    """Records and offsets of a transaction are there together or not at all, wherever the power goes; what the client was
    told holds."""
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    rng = random.Random(seed)
    told = {"committed": 0, "aborted": 0, "unknown": 0}
    for cut in range(POWER_CUTS):
        h = Hub(tmp_path / f"state{cut}", segment_bytes=3000, partitions=2)
        make(h, NewTopic("in", 1, 1), NewTopic("out", 2, 1))
        h.stop()
        h.options[rng.choice(["lose", "tear"])] = rng.randrange(1, 250)
        h.start()
        fates = transact(h)
        assert h.process.returncode == 86, f"seed {seed}: {h.log.read_text()[-2000:]}"
        h.options = {"segment_bytes": 3000, "partitions": 2}
        h.start()
        p = producer(h, "cut")  # ends what is still going on
        seen = {}
        for v in values(read(h, "out")):
            n = int(v.split("-")[0])
            seen[n] = seen.get(n, 0) + 1
        assert all(count == 6 for count in seen.values()), f"seed {seed}, cut {cut}: in part {seen}"
        for n, fate in fates.items():
            assert fate == "unknown" or (n in seen) == (fate == "committed"), f"seed {seed}, cut {cut}: {n} was {fate}"
            told[fate] += 1
        assert committed(h, "cut", "in", 1) == [max(seen) + 1 if seen else -1001], f"seed {seed}, cut {cut}: {seen}"
        p.begin_transaction()
        p.produce("out", "again-0", partition=0)
        p.commit_transaction(20)
        assert "again-0" in values(read(h, "out"))
        h.stop()
    print(f"checked {POWER_CUTS} power cuts, transactions {told}, seed {seed}")
