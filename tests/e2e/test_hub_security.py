"""Who may connect to the hub's Kafka side and do what there: TLS, SASL's mechanisms, users, ACLs, quotas."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition  # noqa: E402
from confluent_kafka.admin import (  # noqa: E402
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
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


# ---------------------------------------------------------------- SCRAM


def login(user, password, mechanism="SCRAM-SHA-256"):
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def root(key=KEY):
    return connection("RootManageSharedAccessKey", key)


def admin_of(hub, conf):
    return AdminClient({"bootstrap.servers": hub.address, **conf})


def add_user(hub, name, password, mechanism=ScramMechanism.SCRAM_SHA_256, iterations=4096, **conf):
    change = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, iterations), password.encode())
    admin = admin_of(hub, conf or root())  # held: what is under way ends with it
    admin.alter_user_scram_credentials([change])[name].result()


def refused(hub, conf, seconds=1):
    """What a client is told that cannot log in."""
    told = []
    admin = AdminClient({"bootstrap.servers": hub.address, **conf, "error_cb": lambda e: told.append(str(e))})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=seconds)
    admin.poll(1)
    return " ".join(told)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_users_log_in_by_scram(guarded, mechanism):
    number = ScramMechanism.SCRAM_SHA_256 if mechanism.endswith("256") else ScramMechanism.SCRAM_SHA_512
    name, password = f"al=i,ce-{mechanism[-3:]}", "päss, =word"
    add_user(guarded, name, password, number, 4097)
    produce(guarded, "by-scram", [b"a", b"b"], **login(name, password, mechanism))
    assert len(consume(guarded, "by-scram", 2, group=f"g{mechanism}", **login(name, password, mechanism))) == 2
    assert "SASL authentication" in refused(guarded, login(name, "wrong", mechanism))
    assert "SASL authentication" in refused(guarded, login("nobody", password, mechanism))
    other = "SCRAM-SHA-512" if mechanism.endswith("256") else "SCRAM-SHA-256"
    refused(guarded, login(name, password, other))  # a credential is of one mechanism
    guarded.kill()
    guarded.start()
    admin_of(guarded, login(name, password, mechanism)).list_topics(timeout=10)
    kept = guarded.state / "hub-access.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    for text in (password, base64.b64encode(password.encode()).decode(), KEY):
        assert text not in kept.read_text() + guarded.log.read_text()


def test_users_are_described_altered_and_deleted(guarded):
    admin = admin_of(guarded, root())
    for name in ("u1", "u2"):
        add_user(guarded, name, "first")
    add_user(guarded, "u2", "x", ScramMechanism.SCRAM_SHA_512, 5000)
    described = admin.describe_user_scram_credentials(["u1", "u2", "u3"])
    assert [c.mechanism for c in described["u1"].result().scram_credential_infos] == [ScramMechanism.SCRAM_SHA_256]
    assert {(c.mechanism, c.iterations) for c in described["u2"].result().scram_credential_infos} == {
        (ScramMechanism.SCRAM_SHA_256, 4096), (ScramMechanism.SCRAM_SHA_512, 5000)}
    with pytest.raises(KafkaException) as e:
        described["u3"].result()
    assert e.value.args[0].code() == KafkaError.RESOURCE_NOT_FOUND
    assert {"u1", "u2"} <= set(admin.describe_user_scram_credentials().result())
    add_user(guarded, "u1", "second")
    admin_of(guarded, login("u1", "second")).list_topics(timeout=10)
    assert refused(guarded, login("u1", "first"))
    changes = admin.alter_user_scram_credentials([
        UserScramCredentialDeletion("u1", ScramMechanism.SCRAM_SHA_256),
        UserScramCredentialDeletion("u9", ScramMechanism.SCRAM_SHA_256),
        UserScramCredentialUpsertion("u8", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 100), b"weak")])
    changes["u1"].result()
    for name, code in (("u9", KafkaError.RESOURCE_NOT_FOUND), ("u8", KafkaError.UNACCEPTABLE_CREDENTIAL)):
        with pytest.raises(KafkaException) as e:
            changes[name].result()
        assert e.value.args[0].code() == code
    assert refused(guarded, login("u1", "second"))
    with pytest.raises(KafkaException):  # a user administers nothing unless a rule says so
        add_user(guarded, "u7", "x", **login("u2", "first"))


def test_policies_and_namespaces_by_scram(guarded):
    key = base64.b64encode(hmac.new(KEY.encode(), b"SendOnly", hashlib.sha256).digest()).decode()
    conf = login("shop~SendOnly", key, "SCRAM-SHA-512")
    produce(guarded, "from-policy", [b"a"], **conf)
    assert (guarded.state / "hub/shop/from-policy/hub.json").exists()
    c = Consumer({"bootstrap.servers": guarded.address, "group.id": "x", **conf})
    c.assign([TopicPartition("from-policy", 0, 0)])
    assert until(lambda: (m := c.poll(0.2)) and m.error(), "a refusal").code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    c.close()
    produce(guarded, "by-plain", [b"a"], **login("RootManageSharedAccessKey", KEY, "PLAIN"))  # a policy's name and key
    add_user(guarded, "shopper", "pw", **guarded.root)  # in the namespace of who adds it
    admin_of(guarded, login("shop~shopper", "pw")).list_topics(timeout=10)
    assert refused(guarded, login("shopper", "pw"))


def test_kcat_by_scram(guarded):
    """Debian's librdkafka repeats its nonce, which Kafka 4 refuses."""
    if not shutil.which("kcat"):
        pytest.skip("kcat is not installed")
    add_user(guarded, "cat", "meow")
    options = [x for k, v in login("cat", "meow").items() for x in ("-X", f"{k}={v}")]
    r = subprocess.run(["kcat", "-b", guarded.address, "-L", "-J", *options], capture_output=True, timeout=60)
    assert r.returncode == 0, r.stderr.decode()


@needs_node
def test_kafkajs_by_scram_over_tls(guarded):
    add_user(guarded, "js", "pass word", ScramMechanism.SCRAM_SHA_512, **guarded.root)  # in namespace shop
    report = node("hub_kafka_tls.js", guarded.port, "js-by-scram", guarded.ca, "js", "pass word", "scram-sha-512")
    assert report["lengths"] == [5, 300000]
