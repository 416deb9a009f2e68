"""Who may connect to the hub's Kafka side and do what there: TLS, SASL's mechanisms, users, ACLs, quotas."""

import json
import os
import shutil
import ssl
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import KafkaException  # noqa: E402
from confluent_kafka.admin import AdminClient  # noqa: E402
from test_hub_kafka import connection, consume, produce  # noqa: E402

KEY = "c2VjcmV0a2V5"
MODULES = Path(os.environ.get("NODE_PATH", "").split(":")[0] or ROOT / "build" / "deps" / "npm" / "node_modules")
needs_node = pytest.mark.skipif(not (shutil.which("node") and (MODULES / "kafkajs").is_dir()), reason="node with kafkajs is not installed")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state", sas=KEY)
    h.ca = str(h.state / "tls" / "cert.pem")
    h.root = connection("RootManageSharedAccessKey", KEY, "sb://shop.servicebus.windows.net/")
    h.tls = {"security.protocol": "SASL_SSL", "ssl.ca.location": h.ca}
    yield h
    h.stop()


def node(script, *args):
    r = subprocess.run(["node", str(ROOT / "tests" / "e2e" / script), *map(str, args)], capture_output=True, timeout=180,
                       env={**os.environ, "NODE_PATH": str(MODULES)})
    assert r.returncode == 0, r.stdout.decode() + r.stderr.decode()
    return json.loads(r.stdout.decode().splitlines()[-1])


# ---------------------------------------------------------------- TLS


def test_librdkafka_over_tls(guarded):
    conf = {**guarded.root, **guarded.tls}
    values = [bytes([i % 256]) * (i * 331 % 100_000) for i in range(300)]
    produce(guarded, "over-tls", [{"value": v, "partition": 0} for v in values], **conf)
    assert [m.value() for m in consume(guarded, "over-tls", len(values), **conf)] == values
    assert len(consume(guarded, "over-tls", len(values), **guarded.root)) == len(values)  # the same port, without
    meta = AdminClient({"bootstrap.servers": f"localhost:{guarded.port}", **conf}).list_topics(timeout=10)
    assert meta.brokers[1].host == "localhost"  # whom the certificate is checked for
    with pytest.raises(KafkaException):  # its certificate is not one of ours
        AdminClient({"bootstrap.servers": guarded.address, **guarded.root, "security.protocol": "SASL_SSL"}).list_topics(timeout=2)


@needs_node
def test_kafkajs_connects_as_to_event_hubs(guarded):
    password = f"Endpoint=sb://localhost/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={KEY}"
    report = node("hub_kafka_tls.js", guarded.port, "by-name", guarded.ca, "$ConnectionString", password)
    assert report == {"lengths": [5, 300000], "hosts": ["shop.servicebus.windows.net"]}
    assert (guarded.state / "hub/shop/by-name/hub.json").exists()  # the namespace that the server name says


def test_half_a_handshake_is_given_up(guarded):
    """Bytes that begin as TLS and go on as something else end the connection, and only that."""
    with socket.create_connection(("127.0.0.1", guarded.port)) as s:
        s.sendall(b"\x16\x03\x01\x02\x00" + bytes(512))
        s.settimeout(20)
        while s.recv(4096):
            pass
    context = ssl.create_default_context(cafile=guarded.ca)
    with socket.create_connection(("127.0.0.1", guarded.port)) as s, context.wrap_socket(s, server_hostname="any.servicebus.windows.net") as t:
        t.sendall(b"\0\0\0\x0a" + b"\0\x12\0\0" + b"\0\0\0\x07" + b"\xff\xff")  # ApiVersions, correlation id 7
        assert t.recv(8)[4:] == b"\0\0\0\x07"
