"""The hub's AMQP side, driven by azure-eventhub as it is; and one event over three protocols."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.parse
import urllib.request
import uuid

import pytest
from conftest import SOAK, until
from hubd import ROOT, Hub

eh = pytest.importorskip("azure.eventhub")
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, EventHubSharedKeyCredential, TransportType  # noqa: E402
from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code  # noqa: E402
from azure.eventhub.exceptions import EventHubError  # noqa: E402

KEY = "c2VjcmV0LW9mLXRoZS10ZXN0"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("amqp") / "state", amqp=0, https=0, partitions=4)
    yield h
    h.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("amqp") / "guarded", amqp=0, https=0, partitions=2, sas=KEY)
    yield h
    h.stop()


@pytest.fixture
def name():
    return f"hub-{uuid.uuid4().hex[:8]}"


def string(hub, policy="RootManageSharedAccessKey", key=KEY, host="127.0.0.1"):
    return f"Endpoint=sb://{host}:{hub.amqp};SharedAccessKeyName={policy};SharedAccessKey={key};UseDevelopmentEmulator=true;"


def derived(policy):
    return base64.b64encode(hmac.new(KEY.encode(), policy.encode(), hashlib.sha256).digest()).decode()


def producer(hub, name, **options):
    return EventHubProducerClient.from_connection_string(string(hub, **options), eventhub_name=name, retry_total=0)


def consumer(hub, name, **options):
    return EventHubConsumerClient.from_connection_string(string(hub, **options), consumer_group="$Default", eventhub_name=name, retry_total=0)


def receive(client, count, seconds=60, **options):
    """The first `count` events as (partition, event), in the order they came."""
    got, errors, enough = [], [], threading.Event()

    def on_event(context, event):
        if event and len(got) < count:
            got.append((context.partition_id, event))
        if len(got) >= count:
            enough.set()

    def on_error(context, error):
        errors.append(error)
        enough.set()

    options.setdefault("starting_position", "-1")
    t = threading.Thread(target=client.receive, kwargs={"on_event": on_event, "on_error": on_error, "max_wait_time": 1, **options}, daemon=True)
    t.start()
    assert enough.wait(seconds), f"{len(got)} of {count} events in {seconds} s"
    client.close()
    t.join(20)
    if errors and len(got) < count:
        raise errors[0]
    return got


# ---------------------------------------------------------------- sending and receiving


def test_batch_with_everything(hub, name):
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    sent = {"int": 7, "negative": -1, "big": 2**31 - 1, "text": "two", "yes": True, "no": False, "real": 1.5, "bytes": b"\x00\xff", "id": uuid.UUID(int=5),
            "none": None, "time": when}
    with producer(hub, name) as p:
        batch = p.create_batch(partition_key="k1")
        assert batch.max_size_in_bytes == 1 << 20
        event = EventData(b"hello")
        event.properties = sent
        event.content_type, event.message_id, event.correlation_id = "application/json", "m-1", "c-1"
        batch.add(event)
        batch.add(EventData("second"))
        p.send_batch(batch)
    began = time.time()
    got = receive(consumer(hub, name), 2)
    first, second = got[0][1], got[1][1]
    assert (first.body_as_str(), second.body_as_str()) == ("hello", "second") and got[0][0] == got[1][0]
    properties = {k.decode(): v for k, v in first.properties.items()}
    assert properties == {**sent, "text": b"two", "time": int(when.timestamp() * 1000)}
    assert (first.content_type, first.message_id, first.correlation_id, first.partition_key) == ("application/json", "m-1", "c-1", b"k1")
    assert (first.sequence_number, first.offset, second.sequence_number, second.offset) == (0, "0", 1, "1")
    assert abs(first.enqueued_time.timestamp() - began) < 60
    assert second.properties == {} and second.message_id is None


def test_single_events_and_partitions(hub, name):
    with producer(hub, name) as p:
        for i in range(4):
            p.send_event(EventData(f"to {i}"), partition_id=str(i))
        p.send_event(EventData(b""))
        p.send_event(EventData(b"x" * 1_000_000), partition_id="2")
        assert sum(p.get_partition_properties(str(i))["last_enqueued_sequence_number"] + 1 for i in range(4)) == 6
        with pytest.raises(EventHubError, match="partition"):
            p.send_event(EventData("nowhere"), partition_id="4")
    got = receive(consumer(hub, name), 6)
    for partition, event in got:
        body = event.body_as_str()
        assert not body.startswith("to ") or body == f"to {partition}"
    assert max(len(e.body_as_str()) for _, e in got) == 1_000_000


def test_partition_key_as_event_hubs(hub, name):
    keys = [f"key {i}" for i in range(40)] + ["", "ä", "x" * 128, "abcdefghijkl", "abcdefghijklm"]
    with producer(hub, name) as p:
        for k in keys:
            if k:
                p.send_event(EventData(k), partition_key=k)
    for partition, event in receive(consumer(hub, name), len(keys) - 1):
        key = event.body_as_str()
        assert event.partition_key == key.encode()
        if key.isascii():  # the Python client hashes characters, the service bytes
            code = generate_hash_code(key)
            assert int(partition) == abs(int(code - 4 * int(code / 4))), key


def test_positions(hub, name):
    with producer(hub, name) as p:
        for i in range(5):
            p.send_event(EventData(str(i)), partition_id="0")
        before, step = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(milliseconds=5)
        until(lambda: datetime.datetime.now(datetime.timezone.utc) > before + 2 * step, "the clock moves on")
        middle = before + step
        for i in range(5, 8):
            p.send_event(EventData(str(i)), partition_id="0")

        def read(count, **options):
            return [e.body_as_str() for _, e in receive(consumer(hub, name), count, partition_id="0", **options)]

        assert read(8) == [str(i) for i in range(8)]
        assert read(3, starting_position="4") == ["5", "6", "7"]
        assert read(4, starting_position="4", starting_position_inclusive=True) == ["4", "5", "6", "7"]
        assert read(1, starting_position=6) == ["7"]
        assert read(2, starting_position=6, starting_position_inclusive=True) == ["6", "7"]
        assert read(3, starting_position=middle) == ["5", "6", "7"]
        c = consumer(hub, name)
        sender = threading.Timer(1.5, lambda: p.send_event(EventData("new"), partition_id="0"))
        sender.start()
        assert [e.body_as_str() for _, e in receive(c, 1, partition_id="0", starting_position="@latest")] == ["new"]
        sender.join()
        with pytest.raises(EventHubError, match="invalid"):
            receive(consumer(hub, name), 1, partition_id="0", starting_position="99")


def test_many_events_and_prefetch(hub, name):
    count = 20000 if SOAK else 5000
    with producer(hub, name) as p:
        batch = p.create_batch(partition_id="1")
        for i in range(count):
            try:
                batch.add(EventData(f"{i:0100d}"))
            except ValueError:
                p.send_batch(batch)
                batch = p.create_batch(partition_id="1")
                batch.add(EventData(f"{i:0100d}"))
        p.send_batch(batch)
    got = receive(consumer(hub, name), count, seconds=120, partition_id="1", prefetch=37)
    assert [int(e.body_as_str()) for _, e in got] == list(range(count))
    assert [e.sequence_number for _, e in got] == list(range(count))


def test_last_enqueued(hub, name):
    with producer(hub, name) as p:
        p.send_batch([EventData(str(i)) for i in range(10)], partition_id="0")
    seen = []
    client = consumer(hub, name)

    def on_event(context, event):
        if event:
            seen.append(context.last_enqueued_event_properties)

    t = threading.Thread(target=client.receive, args=(on_event,), daemon=True,
                         kwargs={"partition_id": "0", "starting_position": "-1", "track_last_enqueued_event_properties": True})
    t.start()
    until(lambda: len(seen) == 10, "ten events")
    client.close()
    t.join(20)
    assert seen[0]["sequence_number"] == 9 and seen[0]["offset"] == "9"


def test_epochs(hub, name):
    with producer(hub, name) as p:
        p.send_event(EventData("one"), partition_id="0")
    seen, errors = [], []

    def reader(level):
        client = consumer(hub, name)
        t = threading.Thread(target=client.receive, daemon=True, kwargs={
            "on_event": lambda c, e: e and seen.append((level, e.body_as_str())), "on_error": lambda c, e: errors.append((level, e)),
            "partition_id": "0", "owner_level": level, "starting_position": "-1"})
        t.start()
        return client, t

    low, low_thread = reader(1)
    until(lambda: (1, "one") in seen, "the first reader")
    high, high_thread = reader(5)
    until(lambda: (5, "one") in seen, "the second reader")
    until(lambda: any(level == 1 for level, _ in errors), "the first reader is told")
    assert "stolen" in str([e for level, e in errors if level == 1][0]).lower() or "higher epoch" in str(errors[0][1])
    lower, lower_thread = reader(3)
    until(lambda: any(level == 3 for level, _ in errors), "a lower epoch is refused")
    with producer(hub, name) as p:
        p.send_event(EventData("two"), partition_id="0")
    until(lambda: (5, "two") in seen, "the owner goes on")
    assert not any(e == "two" for level, e in seen if level != 5)
    for client, t in ((low, low_thread), (high, high_thread), (lower, lower_thread)):
        client.close()
        t.join(20)


def test_hub_properties(hub, name):
    with consumer(hub, name) as c:
        p = c.get_eventhub_properties()
        assert p["eventhub_name"] == name and p["partition_ids"] == ["0", "1", "2", "3"]
        empty = c.get_partition_properties("3")
        assert empty["is_empty"] and empty["last_enqueued_offset"] == "-1"
        with pytest.raises(EventHubError):
            c.get_partition_properties("9")
    with pytest.raises(EventHubError, match="could not be found"), consumer(hub, "no such name!") as c:
        c.get_eventhub_properties()


def test_too_large(hub, name):
    with producer(hub, name) as p:
        with pytest.raises(EventHubError, match="larger than"):
            p.send_event(EventData(b"x" * (1 << 20)), partition_id="0")
    with producer(hub, name) as p:
        p.send_event(EventData("small"), partition_id="0")


# ---------------------------------------------------------------- durability


def test_accepted_is_durable(tmp_path, name):
    h = Hub(tmp_path / "state", amqp=0, partitions=1)
    stop, accepted = threading.Event(), []

    def send(n):
        i = 0
        while not stop.is_set():
            try:
                with producer(h, name) as p:
                    while not stop.is_set():
                        p.send_event(EventData(f"{n}:{i}"))
                        accepted.append(f"{n}:{i}")
                        i += 1
            except EventHubError:
                i += 1

    threads = [threading.Thread(target=send, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for _ in range(20 if SOAK else 3):
        have = len(accepted)
        until(lambda: len(accepted) > have + 30, "events are accepted")
        h.kill()
        h.start()
    stop.set()
    for t in threads:
        t.join(60)
    with consumer(h, name) as c:
        there = c.get_partition_properties("0")["last_enqueued_sequence_number"] + 1
    bodies = [e.body_as_str() for _, e in receive(consumer(h, name), there)]
    assert set(accepted) <= set(bodies)
    for n in range(3):
        mine = [int(b.split(":")[1]) for b in bodies if b.startswith(f"{n}:")]
        assert mine == sorted(mine)
    h.stop()


# ---------------------------------------------------------------- who may do what


def test_keys_and_rights(guarded, name):
    with producer(guarded, name) as p:
        p.send_event(EventData("by the root"), partition_id="0")
    with producer(guarded, name, policy="SendOnly", key=derived("SendOnly")) as p:
        p.send_event(EventData("by the sender"), partition_id="0")
    got = receive(consumer(guarded, name, policy="ListenOnly", key=derived("ListenOnly")), 2)
    assert [e.body_as_str() for _, e in got] == ["by the root", "by the sender"]
    with pytest.raises(EventHubError, match="(?i)unauthorized"), producer(guarded, name, policy="ListenOnly", key=derived("ListenOnly")) as p:
        p.send_event(EventData("no"))
    with pytest.raises(EventHubError, match="(?i)unauthorized"):
        receive(consumer(guarded, name, policy="SendOnly", key=derived("SendOnly")), 1, partition_id="0")
    with pytest.raises(EventHubError), producer(guarded, name, key="d3Jvbmc=") as p:
        p.send_event(EventData("no"))


def test_tls_and_websocket(guarded, name):
    ca = str(guarded.state / "tls" / "cert.pem")
    for transport in (TransportType.Amqp, TransportType.AmqpOverWebsocket):
        options = {"credential": EventHubSharedKeyCredential("RootManageSharedAccessKey", KEY), "eventhub_name": name, "connection_verify": ca,
                   "fully_qualified_namespace": "shop.servicebus.windows.net", "transport_type": transport, "retry_total": 0,
                   "custom_endpoint_address": f"sb://localhost:{guarded.amqp}"}
        with EventHubProducerClient(**options) as p:
            p.send_event(EventData(f"{transport}"), partition_id="0")
            p.send_event(EventData(b"y" * 900_000), partition_id="1")
        got = receive(EventHubConsumerClient(consumer_group="$Default", **options), 1, partition_id="0")
        assert got[0][1].body_as_str() == f"{TransportType.Amqp}"
        large = receive(EventHubConsumerClient(consumer_group="$Default", **options), 1, partition_id="1")
        assert len(large[0][1].body_as_str()) == 900_000


def test_namespaces_never_mix(guarded, name):
    ca = str(guarded.state / "tls" / "cert.pem")

    def options(ns):
        return {"credential": EventHubSharedKeyCredential("RootManageSharedAccessKey", KEY), "eventhub_name": name, "connection_verify": ca,
                "fully_qualified_namespace": f"{ns}.servicebus.windows.net", "retry_total": 0, "custom_endpoint_address": f"sb://localhost:{guarded.amqp}"}

    for ns in ("one", "two"):
        with EventHubProducerClient(**options(ns)) as p:
            p.send_event(EventData(f"of {ns}"), partition_id="0")
    with producer(guarded, name) as p:
        p.send_event(EventData("of the default"), partition_id="0")
    for ns in ("one", "two"):
        with EventHubConsumerClient(consumer_group="$Default", **options(ns)) as c:
            assert c.get_partition_properties("0")["last_enqueued_sequence_number"] == 0
        assert receive(EventHubConsumerClient(consumer_group="$Default", **options(ns)), 1, partition_id="0")[0][1].body_as_str() == f"of {ns}"
    assert receive(consumer(guarded, name), 1, partition_id="0")[0][1].body_as_str() == "of the default"


def test_nothing_is_made_for_strangers(guarded, name):
    with pytest.raises(EventHubError), consumer(guarded, name, key="d3Jvbmc=") as c:
        c.get_eventhub_properties()
    with dial(guarded) as s:
        s.sendall(HEADER + frame(b"\x00\x53\x10\xc0\x27\x02\xa1\x03abc\xa1\x1fstranger.servicebus.windows.net"))
        s.shutdown(socket.SHUT_WR)
        everything(s)
    assert not (guarded.state / "hub" / "stranger").exists() and not list((guarded.state / "hub").glob(f"*/{name}"))


def test_namespace_of_the_policy_name(hub, guarded, name):
    """Where the host is an address, "<namespace>~<policy>" says the namespace."""
    for h in (hub, guarded):
        options = {"policy": "shop~RootManageSharedAccessKey"}
        with producer(h, name, **options) as p:
            p.send_event(EventData("of the shop"), partition_id="0")
        with consumer(h, name) as c:
            assert c.get_partition_properties("0")["is_empty"]
        assert receive(consumer(h, name, **options), 1)[0][1].body_as_str() == "of the shop"


def test_expired_token_detaches(guarded, name):
    uri = urllib.parse.quote(f"sb://127.0.0.1:{guarded.amqp}/{name}", safe="")
    expiry = str(int(time.time()) + 3)
    signature = base64.b64encode(hmac.new(KEY.encode(), f"{uri}\n{expiry}".encode(), hashlib.sha256).digest()).decode()
    token = f"SharedAccessSignature sr={uri}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}&skn=RootManageSharedAccessKey"
    text = f"Endpoint=sb://127.0.0.1:{guarded.amqp};SharedAccessSignature={token};UseDevelopmentEmulator=true;"
    with EventHubProducerClient.from_connection_string(text, eventhub_name=name, retry_total=0) as p:
        p.send_event(EventData("in time"), partition_id="0")

        def refused():
            try:
                p.send_event(EventData("maybe"), partition_id="0")
            except EventHubError as e:
                return e

        assert until(refused, "the token runs out", every=0.3)


# ---------------------------------------------------------------- one event, three protocols


def send_kafka(hub, name, key, body, properties):
    ck = pytest.importorskip("confluent_kafka")
    p = ck.Producer({"bootstrap.servers": hub.address})
    p.produce(name, body, key=key, partition=0, headers=[(k, v.encode()) for k, v in properties.items()])
    assert p.flush(30) == 0


def send_amqp(hub, name, key, body, properties):
    with producer(hub, name) as p:
        p.send_event(EventData(b"warm up"), partition_id="1")
        event = EventData(body)
        event.properties = properties
        p.send_event(event, partition_key=key.decode())


def send_https(hub, name, key, body, properties):
    request = urllib.request.Request(f"http://127.0.0.1:{hub.https}/{name}/messages", data=body, method="POST", headers={
        "BrokerProperties": json.dumps({"PartitionKey": key.decode()}), "Content-Type": "application/octet-stream", **properties})
    assert urllib.request.urlopen(request, timeout=30).status == 201


def read_kafka(hub, name):
    ck = pytest.importorskip("confluent_kafka")
    c = ck.Consumer({"bootstrap.servers": hub.address, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    c.assign([ck.TopicPartition(name, i, 0) for i in range(4)])
    got = until(lambda: [m for m in c.consume(10, 0.5) if not m.error() and m.value() != b"warm up"], "a record")
    c.close()
    headers = {k: v for k, v in got[0].headers() or []}

    def plain(v):  # what AMQP and HTTPS wrote is AMQP-encoded: a short string is 0xa1, length, text
        return v[2:] if v[:1] == b"\xa1" and len(v) == v[1] + 2 else v

    return got[0].key(), got[0].value(), {k: plain(v) for k, v in headers.items() if k.startswith("app")}


def read_amqp(hub, name):
    with consumer(hub, name) as c:
        total = sum(c.get_partition_properties(str(i))["last_enqueued_sequence_number"] + 1 for i in range(4))
    events = [e for _, e in receive(consumer(hub, name), total) if b"".join(e.body) != b"warm up"]
    return events[0].partition_key, b"".join(events[0].body), {k.decode(): v for k, v in events[0].properties.items() if k.startswith(b"app")}


@pytest.mark.parametrize("send", [send_kafka, send_amqp, send_https])
@pytest.mark.parametrize("read", [read_kafka, read_amqp])
def test_matrix(hub, name, send, read):
    key, body, properties = b"key 1", b"\x00body \xff\xfe", {"app-one": "eins", "app-two": "zwei"}
    with consumer(hub, name) as c:
        c.get_eventhub_properties()
    send(hub, name, key, body, properties)
    assert read(hub, name) == (key, body, {k: v.encode() for k, v in properties.items()})


# ---------------------------------------------------------------- @azure/event-hubs

MODULES = ROOT / "build" / "deps" / "npm" / "node_modules"
needs_node = pytest.mark.skipif(not (MODULES / "@azure" / "event-hubs").exists() or not shutil.which("node"), reason="@azure/event-hubs is not installed")


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """Azurite's Blob endpoint: its connection string."""
    if not (MODULES / "azurite").exists():
        pytest.skip("azurite is not installed")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    main = MODULES / "azurite" / "dist" / "src" / "blob" / "main.js"
    p = subprocess.Popen(["node", str(main), "--blobPort", str(port), "--location", str(tmp_path_factory.mktemp("azurite")), "--silent", "--skipApiVersionCheck",
                          "--disableTelemetry"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    until(up, "Azurite listens")
    account = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    yield f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={account};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    p.terminate()
    p.wait(20)


def node(script, *args, **settings):
    r = subprocess.run(["node", str(ROOT / "tests" / "e2e" / script), *map(str, args)], capture_output=True, timeout=180,
                       env={**os.environ, "NODE_PATH": str(MODULES), **settings})
    assert r.returncode == 0, r.stdout.decode() + r.stderr.decode()
    return json.loads(r.stdout.decode().splitlines()[-1])


@needs_node
def test_node_client(hub, name):
    report = node("hub_amqp.js", hub.amqp, name)
    assert report["sent"] == report["received"] == 10 and report["stolen"] == "ReceiverDisconnectedError"


@needs_node
def test_node_over_tls_and_websocket(guarded, name):
    report = node("hub_amqp_tls.js", guarded.amqp, name, KEY, NODE_EXTRA_CA_CERTS=str(guarded.state / "tls" / "cert.pem"))
    assert report == {"tls": [5, 300000], "websocket": [5, 300000]}


@needs_node
def test_node_event_processor(hub, name, blobs):
    assert node("hub_amqp.js", hub.amqp, name, blobs)["checkpoints"] >= 2


def test_python_event_processor(hub, name, blobs):
    store = pytest.importorskip("azure.eventhub.extensions.checkpointstoreblob").BlobCheckpointStore
    with producer(hub, name) as p:
        for i in range(8):
            p.send_event(EventData(str(i)), partition_id=str(i % 4))

    def processed(count):
        checkpoints = store.from_connection_string(blobs, f"py-{name}")
        client = EventHubConsumerClient.from_connection_string(string(hub), consumer_group="$Default", eventhub_name=name, checkpoint_store=checkpoints,
                                                               load_balancing_interval=1, load_balancing_strategy="greedy",
                                                               partition_ownership_expiration_interval=6)
        got = []

        def on_event(context, event):
            if event:
                context.update_checkpoint(event)
                got.append(event.body_as_str())

        t = threading.Thread(target=client.receive, args=(on_event,), kwargs={"starting_position": "-1"}, daemon=True)
        t.start()
        until(lambda: len(got) >= count, f"{count} events are processed")
        client.close()
        t.join(30)
        return sorted(got)

    container = pytest.importorskip("azure.eventhub.extensions.checkpointstoreblob._vendor.storage.blob").ContainerClient
    container.from_connection_string(blobs, f"py-{name}").create_container()
    assert processed(8) == [str(i) for i in range(8)]
    with producer(hub, name) as p:
        p.send_event(EventData("later"), partition_id="2")
    assert processed(1) == ["later"]


# ---------------------------------------------------------------- clients that break the protocol or the machine


def dial(hub):
    return socket.create_connection(("127.0.0.1", hub.amqp), timeout=30)


def everything(s):
    out = b""
    while part := s.recv(65536):
        out += part
    return out


def frame(body, channel=0, kind=0):
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


HEADER = b"AMQP\x00\x01\x00\x00"
OPEN = frame(b"\x00\x53\x10\xc0\x06\x01\xa1\x03abc")


def uint(n):
    return b"\x70" + struct.pack(">I", n)


def string32(text):
    raw = text.encode()
    return b"\xb1" + struct.pack(">I", len(raw)) + raw


def described(code, *fields):
    body = struct.pack(">I", len(fields)) + b"".join(fields)
    return bytes([0, 0x53, code, 0xD0]) + struct.pack(">I", len(body)) + body


NULL, TRUE, FALSE = b"\x40", b"\x41", b"\x42"
BEGIN = frame(described(0x11, NULL, uint(0), uint(1000), uint(1000)))
CLOSE = frame(described(0x18))


def attach(handle, address, receiver=False):
    source, target = (described(0x28, string32(address)), described(0x29, NULL)) if receiver else (described(0x28, NULL), described(0x29, string32(address)))
    return frame(described(0x12, string32(f"link-{handle}"), uint(handle), TRUE if receiver else FALSE, NULL, NULL, source, target, NULL, NULL, uint(0)))


def transfer(handle, delivery, payload, more=False):
    return frame(described(0x14, uint(handle), uint(delivery), b"\xa0\x01x", uint(0), FALSE, TRUE if more else FALSE) + payload)


def plain(policy, key, host="localhost"):
    """Headers, SASL PLAIN and open, up to the first frames of a session."""
    init = described(0x41, b"\xa3\x05PLAIN", b"\xb0" + struct.pack(">I", len(policy) + len(key) + 2) + f"\0{policy}\0{key}".encode())
    return b"AMQP\x03\x01\x00\x00" + frame(init, kind=1) + HEADER + frame(described(0x10, string32("c"), string32(host))) + BEGIN


def dialogue(hub, *parts, until=b""):
    """What the hub says to all this: up to `until`, then to our close."""
    with dial(hub) as s:
        s.sendall(b"".join(parts))
        said = b""
        while until not in said:
            said += s.recv(65536) or pytest.fail(f"{until} is not in {said}")
        s.sendall(CLOSE)
        return said + everything(s)


def test_sasl_plain_is_a_policy(guarded, name):
    event = b"\x00\x53\x75\xa0\x01e"
    accepted = bytes([0, 0x53, 0x24])
    assert b"unauthorized" not in dialogue(guarded, plain("SendOnly", derived("SendOnly")), attach(0, name), transfer(0, 0, event), until=accepted)
    assert b"unauthorized" in dialogue(guarded, plain("SendOnly", derived("SendOnly")), attach(0, f"{name}/ConsumerGroups/g/Partitions/0", receiver=True))
    assert b"unauthorized" in dialogue(guarded, plain("ListenOnly", derived("ListenOnly")), attach(0, name))
    assert b"paystreak" not in dialogue(guarded, plain("SendOnly", "bm8="), attach(0, name))
    dialogue(guarded, plain("plain~RootManageSharedAccessKey", KEY), attach(0, name), transfer(0, 0, event), until=accepted)
    dialogue(guarded, plain("else~RootManageSharedAccessKey", KEY, "plain2.servicebus.windows.net"), attach(0, name), transfer(0, 0, event),
             until=accepted)
    assert (guarded.state / "hub/plain" / name).exists() and (guarded.state / "hub/plain2" / name).exists()
    assert not (guarded.state / "hub/else").exists()


def test_publishers(hub, guarded, name):
    event = b"\x00\x53\x75\xa0\x01e"
    accepted, rejected = bytes([0, 0x53, 0x24]), bytes([0, 0x53, 0x25])
    dialogue(hub, HEADER, OPEN, BEGIN, attach(0, f"{name}/Publishers/device-7"), transfer(0, 0, event), transfer(0, 1, event), until=accepted)
    got = receive(consumer(hub, name), 2)
    assert [e.partition_key for _, e in got] == [b"device-7"] * 2 and len({p for p, _ in got}) == 1
    other = b"\x00\x53\x72" + b"\xc1\x1b\x02\xa3\x13x-opt-partition-key\xa1\x03k-1" + event
    said = dialogue(hub, HEADER, OPEN, BEGIN, attach(0, f"{name}/Publishers/device-7"), transfer(0, 0, other), until=rejected)
    assert b"device-7" in said and b"k-1" in said
    for wrong in (f"{name}/Publishers/a/Partitions/0", f"{name}/Partitions/0/Partitions/1", f"{name}/Publishers/a/Publishers/b"):
        assert b"nothing to send to" in dialogue(hub, HEADER, OPEN, BEGIN, attach(0, wrong))
    assert b"unauthorized" in dialogue(guarded, plain("ListenOnly", derived("ListenOnly")), attach(0, f"{name}/Publishers/a"))


def test_strangers_hold_little(hub, guarded, name):
    """What a connection may make the hub keep before it has shown a token, and after."""
    part = b"p" * 40_000
    start = HEADER + OPEN + BEGIN
    two = [attach(0, "$cbs"), attach(1, "$cbs"), transfer(0, 0, part, more=True), transfer(1, 1, part, more=True)]
    assert b"resource-limit-exceeded" in dialogue(guarded, start, *two)
    assert b"resource-limit-exceeded" not in dialogue(hub, start, *two)
    many = [attach(h, name) for h in range(40)] + [transfer(h, h, b"p" * 60_000, more=True) for h in range(40) for _ in range(10)]
    assert b"resource-limit-exceeded" in dialogue(hub, start, *many)
    with dial(hub) as s:  # more links than a connection has
        begins = b"".join(frame(described(0x11, NULL, uint(0), uint(1000), uint(1000)), channel=c) for c in range(1, 6))
        links = b"".join(attach(h, "$cbs")[:6] + struct.pack(">H", c) + attach(h, "$cbs")[8:] for c in range(1, 6) for h in range(250))
        s.sendall(start + begins + links + CLOSE)
        assert b"at most 1024 links" in everything(s)
    assert b"longer than 1024" in dialogue(hub, start, attach(0, "x" * 2000))


def test_answers_that_nobody_takes_end_the_link(hub):
    request = described(0x73, string32("id")) + b"\x00\x53\x77\xa1\x01t"
    asks = [attach(0, "$management", receiver=True), attach(1, "$management")] + [transfer(1, n, request) for n in range(101)]
    assert b"answers wait for credit" in dialogue(hub, HEADER, OPEN, BEGIN, *asks[:2], *asks[2:])
    assert alive(hub)


def alive(hub):
    with dial(hub) as s:
        s.sendall(HEADER + OPEN + frame(b"\x00\x53\x18\x45"))
        return b"paystreak" in everything(s)


@pytest.mark.parametrize("spoiled, says", [
    (b"HTTP/1.0 what", HEADER),
    (HEADER + struct.pack(">IBBH", 2**31, 2, 0, 0), b"framing-error"),
    (HEADER + struct.pack(">IBBH", 7, 2, 0, 0), b"framing-error"),
    (HEADER + struct.pack(">IBBH", 8, 1, 0, 0), b"framing-error"),
    (HEADER + OPEN + struct.pack(">IBBH", 2**31, 2, 0, 0), b"framing-error"),
    (HEADER + OPEN + frame(b"\xff\xff\xff"), b"decode-error"),
    (HEADER + OPEN + frame(b"\x00\x53\x10\xd0\xff\xff\xff\xff\xff\xff\xff\xff"), b"decode-error"),
    (HEADER + OPEN + frame(b"\x00\x53\x12\x45", channel=3), b"not-allowed"),
    (HEADER + OPEN + frame(b"\x00\x53\x11\x45", channel=3), b"decode-error"),
    (HEADER + OPEN + frame(b"\x00" * 5000), b"decode-error"),
    (HEADER + frame(b"\x00\x53\x12\x45"), b"decode-error"),
])
def test_spoiled_bytes(hub, spoiled, says):
    with dial(hub) as s:
        s.sendall(spoiled)
        assert says in everything(s)
    assert alive(hub)


def test_idle_and_slow_connections(hub):
    count = 5000 if SOAK else 500
    idle = []
    try:
        for _ in range(count):
            s = dial(hub)
            s.sendall(HEADER + OPEN)
            idle.append(s)
        slow = dial(hub)
        for byte in HEADER + OPEN:
            slow.sendall(bytes([byte]))
            assert time.sleep(0.005) is None and alive(hub) if byte == 0x53 else True
        slow.sendall(frame(b"\x00\x53\x18\x45"))
        assert b"paystreak" in everything(slow)
        assert all(b"paystreak" in s.recv(4096) for s in idle[:: count // 50])
    finally:
        for s in idle:
            s.close()
    assert alive(hub)


def test_who_shows_no_token_does_not_stay(tmp_path, name):
    """However much a connection pings; one whose token is good stays, and sends on."""
    h = Hub(tmp_path / "state", amqp=0, sas=KEY, auth_ms=1500)
    with producer(h, name) as p, dial(h) as s:
        p.send_event(EventData("first"))
        begun, out = time.monotonic(), b""
        s.sendall(HEADER + OPEN)
        s.settimeout(0.2)
        while time.monotonic() - begun < 30:
            try:
                part = s.recv(65536)
                out += part
                if not part:
                    break
            except TimeoutError:
                s.sendall(frame(b""))  # it lives
        assert b"amqp:unauthorized-access" in out and 1 < time.monotonic() - begun < 20
        closed = h.log.read_text().count("connection closed")
        p.send_event(EventData("second"))
        assert closed == h.log.read_text().count("connection closed") == 1
    h.stop()
