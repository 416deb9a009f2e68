"""Who may connect to the hub's Kafka side and do what there: TLS, SASL's mechanisms, users, ACLs, quotas."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ROOT, until
from hubd import Hub

ck = pytest.importorskip("confluent_kafka")
jwt = pytest.importorskip("jwt")
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition  # noqa: E402
from confluent_kafka.admin import (  # noqa: E402
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from jwt.algorithms import ECAlgorithm, RSAAlgorithm  # noqa: E402
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


# ---------------------------------------------------------------- OAUTHBEARER

SECRET = "a secret of thirty-two bytes, or more"
SIGNERS = {}


@pytest.fixture(scope="module")
def bearers(tmp_path_factory):
    """A hub that takes tokens of an RSA key, an EC key and a secret, for one issuer and audience."""
    state = tmp_path_factory.mktemp("hub") / "bearers"
    state.mkdir()
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    SIGNERS.update({"RS256": (rsa_key, "one"), "PS256": (rsa_key, "one"), "ES256": (ec_key, "two"), "HS256": (SECRET, None)})
    keys = [json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key())) | {"kid": "one", "use": "sig"},
            json.loads(ECAlgorithm.to_jwk(ec_key.public_key())) | {"kid": "two"}]
    (state / "keys.json").write_text(json.dumps({"keys": keys}))
    (state / "hub-auth.json").write_text(json.dumps({"oauth": {
        "jwks": "keys.json", "hs256": SECRET, "issuer": "https://issuer", "audience": "hub", "clock_skew_s": 0}}))
    h = Hub(state, sas=KEY)
    yield h
    h.stop()


def token(algorithm="RS256", seconds=600, signer=None, **claims):
    key, kid = signer or SIGNERS[algorithm]
    now = int(time.time())
    body = {"sub": "carol", "iss": "https://issuer", "aud": ["other", "hub"], "exp": now + seconds, "iat": now} | claims
    return jwt.encode({k: v for k, v in body.items() if v is not None}, key, algorithm, headers={"kid": kid} if kid else None)


def bearer(make, told=None, seconds=600):
    def fetch(_config):
        if told is not None:
            told.append(time.monotonic())
        return make(), time.time() + seconds
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": fetch}


def consumes(hub, topic, conf, group):
    """A consumer's callbacks are served while it polls: an admin's only when asked to."""
    return [m.value() for m in consume(hub, topic, 1, group=group, **conf)]


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "HS256"])
def test_tokens_are_checked(bearers, algorithm):
    produce(bearers, f"by-{algorithm}", [b"x"], **bearer(lambda: token(algorithm)))
    assert consumes(bearers, f"by-{algorithm}", bearer(lambda: token(algorithm)), f"g-{algorithm}") == [b"x"]


@needs_node
def test_kafkajs_by_token_over_tls(bearers):
    report = node("hub_kafka_tls.js", bearers.port, "js-by-token", bearers.state / "tls" / "cert.pem", "-", token(), "oauthbearer")
    assert report["lengths"] == [5, 300000] and (bearers.state / "hub/shop/js-by-token/hub.json").exists()


def test_tokens_that_are_refused(bearers):
    stranger = rsa.generate_private_key(65537, 2048)
    public = stranger.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    header, claims, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps({"sub": "root", "exp": int(time.time()) + 60}).encode()).decode().rstrip("=")
    bad = {
        "a stranger's key": token(signer=(stranger, "one")), "expired": token(seconds=-5), "another issuer": token(iss="https://evil"),
        "another audience": token(aud="elsewhere"), "no principal": token(sub=None), "no end": token(exp=None), "of the future": token(nbf=int(time.time()) + 900),
        "other claims": f"{header}.{other}.{signature}", "no signature": f"{header}.{claims}.", "unsigned": jwt.encode({"sub": "root"}, None, "none"),
        "a public key as a secret": token("HS256", signer=(SECRET + public[:0] + "x", "one")), "no token": "a.b.c", "another secret": token("HS256", signer=("z" * 40, None)),
    }
    for what, text in bad.items():
        assert sasl(bearers, b"n,,\x01auth=Bearer " + text.encode() + b"\x01\x01") == (0, b'{"status":"invalid_token"}', 0), what
    good = b"n,a=dave,\x01auth=Bearer " + token().encode() + b"\x01\x01"
    assert sasl(bearers, good)[0] == 58  # the token is carol's
    error, answer, lifetime = sasl(bearers, b"n,a=carol,\x01auth=Bearer " + token(seconds=600).encode() + b"\x01traceId=7\x01\x01")
    assert (error, answer) == (0, b"") and 590_000 < lifetime <= 600_000
    log = bearers.log.read_text()
    assert "is refused: the token expired" in log and header not in log


def test_a_bearer_is_told_why_in_json(bearers):
    with connect(bearers) as s:
        handshake(s, "OAUTHBEARER")
        assert step(s, b"n,,\x01auth=Bearer x.y.z\x01\x01")[0] == 0
        error, message, answer, _ = step(s, b"\x01", whole=True)
        assert error == 58 and json.loads(message) == {"status": "invalid_token"} and answer == b""
        assert read_answer(s) is None
    assert "invalid_token" in refused(bearers, bearer(lambda: token(iss="x")))


def test_who_guesses_is_slowed_down(guarded):
    """A refusal comes a little later, and what was sent behind the guess is not looked at."""
    guesses = [b"\0$ConnectionString\0Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=" + k for k in (b"guess", KEY.encode())]
    with connect(guarded) as s:
        assert handshake(s, "PLAIN") == 0
        sent = time.monotonic()
        s.sendall(b"".join(frame(36, 1, struct.pack(">i", len(g)) + g) for g in guesses))
        assert struct.unpack(">h", read_answer(s)[:2])[0] == 58 and time.monotonic() - sent >= 0.09
        assert read_answer(s) is None


def test_unsigned_tokens_only_where_nothing_is_asked(tmp_path):
    h = Hub(tmp_path / "open")
    produce(h, "t", [b"x"], **{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt": True,
                              "sasl.oauthbearer.config": "principal=erin"})
    if shutil.which("java") and KAFKA.is_dir():
        conf = tmp_path / "client.properties"
        conf.write_text("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.jaas.config=org.apache.kafka.common.security.oauthbearer."
                        'OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="frank";\n')
        r = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA}/*", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", h.address,
                            "--command-config", conf, "--list"], capture_output=True, text=True, timeout=180)
        assert r.returncode == 0 and r.stdout.split() == ["t"], r.stdout + r.stderr
    h.stop()
    h = Hub(tmp_path / "closed", sas=KEY)
    assert "OAUTHBEARER" in refused(h, bearer(lambda: "x.y.z"))  # no keys: not offered
    h.stop()


# ---------------------------------------------------------------- authenticating again


def frame(key, version, body, flexible=False):
    return struct.pack(">ihhih", 10 + flexible + len(body), key, version, 7, -1) + (b"\0" if flexible else b"") + body


def read_answer(s):
    size = s.recv(4, socket.MSG_WAITALL)
    return s.recv(struct.unpack(">i", size)[0], socket.MSG_WAITALL)[4:] if len(size) == 4 else None


def connect(hub):
    s = socket.create_connection(("127.0.0.1", hub.port))
    s.settimeout(20)
    return s


def handshake(s, mechanism):
    s.sendall(frame(17, 1, struct.pack(">h", len(mechanism)) + mechanism.encode()))
    return struct.unpack(">h", read_answer(s)[:2])[0]


def step(s, message, whole=False):
    s.sendall(frame(36, 1, struct.pack(">i", len(message)) + message))
    answer = read_answer(s)
    error, n = struct.unpack(">hh", answer[:4])
    text, rest = (answer[4:4 + n].decode(), answer[4 + n:]) if n >= 0 else (None, answer[4:])
    size = struct.unpack(">i", rest[:4])[0]
    out = (error, text, rest[4:4 + size], struct.unpack(">q", rest[4 + size:])[0])
    return out if whole else (out[0], out[2], out[3])


def sasl(hub, message, mechanism="OAUTHBEARER"):
    with connect(hub) as s:
        assert handshake(s, mechanism) == 0
        return step(s, message)


PLAIN_ROOT = b"\0$ConnectionString\0Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=" + KEY.encode()


@pytest.fixture(scope="module")
def hurried(tmp_path_factory):
    state = tmp_path_factory.mktemp("hub") / "hurried"
    state.mkdir()
    (state / "hub-auth.json").write_text(json.dumps({"max_reauth_ms": 2000, "oauth": {"hs256": SECRET}}))
    SIGNERS.setdefault("HS256", (SECRET, None))
    h = Hub(state, sas=KEY)
    yield h
    h.stop()


def test_a_session_ends_unless_it_is_renewed(hurried):
    metadata = frame(3, 0, struct.pack(">i", 0))
    with connect(hurried) as s:
        assert handshake(s, "PLAIN") == 0 and step(s, PLAIN_ROOT) == (0, b"", 2000)
        begun = time.monotonic()
        while time.monotonic() - begun < 4:  # twice as long as a session
            assert handshake(s, "PLAIN") == 0 and step(s, PLAIN_ROOT)[0] == 0
            s.sendall(metadata)
            assert read_answer(s)
        assert handshake(s, "OAUTHBEARER") == 34  # by the same mechanism
        assert handshake(s, "PLAIN") == 0
        assert step(s, PLAIN_ROOT.replace(b"RootManageSharedAccessKey", b"SendOnly"))[0] == 58  # as itself
        assert read_answer(s) is None
    with connect(hurried) as s:
        assert handshake(s, "PLAIN") == 0 and step(s, PLAIN_ROOT)[0] == 0

        def ended():
            s.sendall(metadata)
            return read_answer(s) is None
        until(ended, "the end of a session", 20, 0.2)
    assert "its session is over" in hurried.log.read_text()
    with connect(hurried) as s:  # a token's end comes first
        assert handshake(s, "OAUTHBEARER") == 0
        error, _, lifetime = step(s, b"n,,\x01auth=Bearer " + token("HS256", 1).encode() + b"\x01\x01")
        assert error == 0 and 0 < lifetime <= 1000


@pytest.mark.parametrize("how", ["bearer", "scram"])
def test_librdkafka_authenticates_again(hurried, how):
    """Events go on over the ends of several sessions."""
    if how == "scram":
        add_user(hurried, "again", "pw")
    told = []
    conf = bearer(lambda: token("HS256", exp=time.time() + 20), told, 3) if how == "bearer" else login("again", "pw")
    results = []
    p = Producer({"bootstrap.servers": hurried.address, "acks": "all", **conf})
    begun = time.monotonic()
    while time.monotonic() - begun < 6:
        p.produce(f"again-{how}", b"x", on_delivery=lambda e, m: results.append(e))
        p.poll(0.05)
    assert p.flush(30) == 0 and len(results) > 10 and not any(results), [str(e) for e in results if e][:3]
    assert how == "scram" or len(told) > 1


# ---------------------------------------------------------------- access control lists


def rule(kind, name, who, operation, permission="ALLOW", pattern="LITERAL", host="*"):
    return AclBinding(ResourceType[kind], name, ResourcePatternType[pattern], f"User:{who}", host, AclOperation[operation], AclPermissionType[permission])


def rules_like(kind="ANY", name=None, pattern="ANY", who=None, host=None, operation="ANY", permission="ANY"):
    return AclBindingFilter(ResourceType[kind], name, ResourcePatternType[pattern], who and f"User:{who}", host, AclOperation[operation], AclPermissionType[permission])


def create(admin, *rules):
    for f in admin.create_acls(list(rules)).values():
        f.result()


def delivery(hub, topic, conf, within_ms=20000):
    out = []
    p = Producer({"bootstrap.servers": hub.address, "message.timeout.ms": within_ms, **conf})
    p.produce(topic, b"x", on_delivery=lambda e, m: out.append(e))
    p.flush(30)
    return out[0] and out[0].code()


def reading(hub, topic, group, conf):
    """What a consumer hears first: an error's code, or None with an event."""
    c = Consumer({"bootstrap.servers": hub.address, "group.id": group, "auto.offset.reset": "earliest", **conf})
    c.subscribe([topic])
    m = until(lambda: c.poll(0.2), "an event or an error", 30)
    c.close()
    return m.error() and m.error().code()


def test_rules_are_enforced(guarded):
    admin = admin_of(guarded, root())
    for who in ("writer", "reader"):
        add_user(guarded, who, "pw")
    writer, reader = login("writer", "pw"), login("reader", "pw")
    assert delivery(guarded, "acl-open", writer) is None  # no rules: everybody we know may
    create(admin, rule("TOPIC", "acl-", "writer", "WRITE", pattern="PREFIXED"), rule("TOPIC", "acl-a", "reader", "READ"), rule("GROUP", "acl-g", "reader", "READ"))
    assert delivery(guarded, "acl-a", writer, 2000)  # to make it on first use is another right
    create(admin, rule("TOPIC", "acl-", "writer", "CREATE", pattern="PREFIXED"))
    assert delivery(guarded, "acl-a", writer) is None
    assert delivery(guarded, "acl-a", reader) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert reading(guarded, "acl-a", "acl-g", reader) is None
    assert reading(guarded, "acl-a", "acl-g", writer) == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert reading(guarded, "acl-a", "other-g", writer) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    seen = admin_of(guarded, reader).list_topics(timeout=10).topics
    assert "acl-a" in seen and "acl-open" not in seen
    create(admin, rule("TOPIC", "acl-a", "*", "ALL", "DENY", host="127.0.0.1"))
    assert delivery(guarded, "acl-a", writer) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert delivery(guarded, "acl-a", root()) is None  # a policy's rights are its own
    guarded.kill()
    guarded.start()
    assert delivery(guarded, "acl-a", writer) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_rules_are_described_and_deleted(guarded):
    admin = admin_of(guarded, root())
    mine = [rule("TOPIC", "d-one", "d", "READ"), rule("TOPIC", "d-one", "d", "WRITE", host="10.0.0.1"), rule("TOPIC", "d-", "d", "READ", pattern="PREFIXED"),
            rule("TRANSACTIONAL_ID", "d-one", "d", "DESCRIBE"), rule("GROUP", "*", "d", "READ", "DENY")]
    create(admin, *mine)
    create(admin, mine[0])  # again: it is there once
    found = lambda **f: {(a.name, a.operation.name, a.resource_pattern_type.name) for a in admin.describe_acls(rules_like(**f)).result()}  # noqa: E731
    assert sorted(admin.describe_acls(rules_like(who="d")).result()) == sorted(mine)
    assert found(kind="TOPIC", name="d-one", pattern="LITERAL", who="d") == {("d-one", "READ", "LITERAL"), ("d-one", "WRITE", "LITERAL")}
    assert found(kind="TOPIC", name="d-one", pattern="MATCH", who="d", operation="READ") == {("d-one", "READ", "LITERAL"), ("d-", "READ", "PREFIXED")}
    assert found(kind="GROUP", name="any", pattern="MATCH", who="d") == {("*", "READ", "LITERAL")}
    gone = rules_like(kind="TOPIC", name="d-one", pattern="ANY")
    assert len(admin.delete_acls([gone])[gone].result()) == 2
    assert found(who="d") == {("d-", "READ", "PREFIXED"), ("d-one", "DESCRIBE", "LITERAL"), ("*", "READ", "LITERAL")}
    last = rules_like(who="d")
    assert len(admin.delete_acls([last])[last].result()) == 3 and not found(who="d")
    for bad in (rule("BROKER", "other", "d", "ALTER"), AclBinding(ResourceType.TOPIC, "x", ResourcePatternType.LITERAL, "Group:x", "*", AclOperation.READ, AclPermissionType.ALLOW)):
        with pytest.raises(KafkaException) as e:
            admin.create_acls([bad])[bad].result()
        assert e.value.args[0].code() == KafkaError.INVALID_REQUEST
    add_user(guarded, "boss", "pw")
    boss = admin_of(guarded, login("boss", "pw"))
    with pytest.raises(KafkaException) as e:
        create(boss, rule("TOPIC", "boss", "boss", "READ"))
    assert e.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED
    create(admin, rule("BROKER", "kafka-cluster", "boss", "ALTER"))
    create(boss, rule("TOPIC", "boss", "boss", "READ"))
    assert len(boss.describe_acls(rules_like(who="boss")).result()) == 2
    with pytest.raises(KafkaException) as e:  # a policy that may not manage
        key = base64.b64encode(hmac.new(KEY.encode(), b"ListenOnly", hashlib.sha256).digest()).decode()
        listener = admin_of(guarded, connection("ListenOnly", key))
        create(listener, rule("TOPIC", "boss", "boss", "WRITE"))
    assert e.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED


# ---------------------------------------------------------------- the Java client, quotas

KAFKA = ROOT / "build" / "deps" / "kafka"
needs_java = pytest.mark.skipif(not (shutil.which("javac") and KAFKA.is_dir()), reason="Java with the Kafka client is not installed")


def java(hub, topic, mechanism, user, password):
    r = subprocess.run(["java", "-cp", f"{KAFKA}/*", str(ROOT / "tests/e2e/HubClient.java"), f"localhost:{hub.port}", hub.ca, topic, mechanism, user, password],
                       capture_output=True, timeout=240)
    assert r.returncode == 0, r.stdout.decode()[-3000:] + r.stderr.decode()[-3000:]
    return json.loads(r.stdout.decode().splitlines()[-1])


STRING = f"Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={KEY}"


@needs_java
@pytest.mark.parametrize("mechanism, user, password", [("PLAIN", "$ConnectionString", STRING), ("SCRAM-SHA-512", "java~RootManageSharedAccessKey", KEY)])
def test_java_client_over_tls_with_quotas(guarded, mechanism, user, password):
    """`describeClientQuotas`, `alterClientQuotas`, and what they do to who is over them."""
    report = java(guarded, "by-java", mechanism, user, password)
    words = report.pop("refused")
    assert "request_percentage" in words[0] and "users and client-ids" in words[1] and "greater than 0" in words[2]
    produced, fetched = report.pop("produce_throttle_ms"), report.pop("fetch_throttle_ms")
    assert report == {"throttled_free": False, "received": 20, "quotas": True, "rules": True, "users": 1}
    assert 500 < produced < 20_000 and 500 < fetched < 60_000


def test_a_fetch_takes_no_more_than_a_window_of_its_quota(guarded):
    """However much a client asks for: it would be silent for as much longer."""
    produce(guarded, "windowed", [{"value": bytes(1000), "partition": 0} for _ in range(5000)], **{**root(), "batch.num.messages": 100})
    kept = guarded.state / "hub-access.json"
    guarded.stop()
    saved = kept.read_text() if kept.exists() else "{}"
    kept.write_text(json.dumps({"quotas": [{"namespace": "default", "client_id": "windowed", "consumer_byte_rate": 50_000.0}]}))
    guarded.start()
    throttles = []
    c = Consumer({"bootstrap.servers": guarded.address, "group.id": "w2", "client.id": "windowed", **root(),
                  "throttle_cb": lambda e: throttles.append(e.throttle_time)})
    c.assign([TopicPartition("windowed", 0, 0)])
    until(lambda: c.poll(0.1) is not None and throttles, "a throttled fetch", 30, 0)
    assert 0 < max(throttles) < 15, throttles
    c.close()
    guarded.stop()
    kept.write_text(saved)
    guarded.start()


def test_who_is_over_his_quota_is_not_heard_for_a_while(guarded):
    """The answer leaves at once and says for how long; the next request is read after that."""
    user = {"users": [], "acls": [], "quotas": [{"namespace": "default", "client_id": "mute", "consumer_byte_rate": 10.0}]}
    guarded.stop()
    kept = guarded.state / "hub-access.json"
    before = kept.read_text() if kept.exists() else None
    kept.write_text(json.dumps(user))
    guarded.start()
    with connect(guarded) as s:
        assert handshake(s, "PLAIN") == 0 and step(s, PLAIN_ROOT)[0] == 0
        body = struct.pack(">hi", 4, 9) + struct.pack(">h", 4) + b"mute"
        fetch = struct.pack(">hh", 1, 4) + body[2:] + struct.pack(">iiiibi", -1, 0, 1, 1 << 20, 0, 1) + struct.pack(">h", 6) + b"absent" + struct.pack(">iiqi", 1, 0, 0, 1 << 20)
        waits = []
        for _ in range(3):
            asked = time.monotonic()
            s.sendall(struct.pack(">i", len(fetch)) + fetch)
            answer = read_answer(s)
            waits.append((struct.unpack(">i", answer[:4])[0], time.monotonic() - asked))
    assert waits[0][0] == 0 and waits[1][0] > 0, waits  # 10 bytes a second, 100 at once
    assert waits[1][1] < 2 and waits[2][1] >= waits[1][0] / 1000 - 0.05, waits
    guarded.stop()
    kept.write_text(before or "{}")
    guarded.start()


def test_rules_on_the_cluster_hold_for_what_is_in_it(guarded):
    admin = admin_of(guarded, root())
    add_user(guarded, "maker", "pw")
    produce(guarded, "in-it", [b"1"], **root())
    consume(guarded, "in-it", 1, group="in-it-g", **root())
    create(admin, rule("TOPIC", "made", "other", "READ", pattern="PREFIXED"), rule("GROUP", "in-it-g", "other", "READ"))
    maker = admin_of(guarded, login("maker", "pw"))
    with pytest.raises(KafkaException) as e:
        maker.create_topics([NewTopic("made-1", 1, 1)])["made-1"].result()
    assert e.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    listed = lambda: {g.group_id for g in maker.list_consumer_groups().result().valid}  # noqa: E731
    assert "in-it-g" not in listed()
    create(admin, rule("BROKER", "kafka-cluster", "maker", "CREATE"), rule("BROKER", "kafka-cluster", "maker", "DESCRIBE"))
    maker.create_topics([NewTopic("made-1", 1, 1)])["made-1"].result()
    assert "in-it-g" in listed()


def test_what_may_be_done_is_said(guarded):
    """Authorized operations: of the cluster, of hubs, of groups; by a policy's rights, or by rules."""
    admin = admin_of(guarded, root())
    produce(guarded, "told", [b"1"], **root())
    consume(guarded, "told", 1, group="told-g", **root())
    add_user(guarded, "told", "pw")
    create(admin, rule("TOPIC", "told", "told", "READ"), rule("GROUP", "told-g", "told", "DELETE"))

    def names(described):
        return described.authorized_operations and {o.name for o in described.authorized_operations}

    def told(conf, asked=True):
        a = admin_of(guarded, conf)
        topic = a.describe_topics(TopicCollection(["told"]), include_authorized_operations=asked)["told"].result()
        group = a.describe_consumer_groups(["told-g"], include_authorized_operations=asked)["told-g"].result()
        return names(a.describe_cluster(include_authorized_operations=asked).result()), names(topic), names(group)

    listen = base64.b64encode(hmac.new(KEY.encode(), b"ListenOnly", hashlib.sha256).digest()).decode()
    assert told(root(), False) == (None, None, None)
    assert told(root()) == ({"CREATE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE"},
                            {"READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"}, {"READ", "DELETE", "DESCRIBE"})
    assert told(connection("ListenOnly", listen)) == ({"DESCRIBE", "DESCRIBE_CONFIGS"}, {"READ", "DESCRIBE", "DESCRIBE_CONFIGS"}, {"READ", "DESCRIBE"})
    assert told(login("told", "pw")) == (None, {"READ", "DESCRIBE"}, {"DELETE", "DESCRIBE"})


def test_kafkas_own_tools_administer(guarded, tmp_path):
    """kafka-configs and kafka-acls, over TLS."""
    if not (shutil.which("java") and KAFKA.is_dir()):
        pytest.skip("Apache Kafka's tools are not installed")
    conf = tmp_path / "client.properties"
    conf.write_text(f"""security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location={guarded.ca}
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="$ConnectionString" \\
  password="Endpoint=sb://localhost/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={KEY}";
""")

    def tool(name, *args):
        r = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA}/*", name, "--bootstrap-server", f"localhost:{guarded.port}", "--command-config", conf, *args],
                           capture_output=True, text=True, timeout=180)
        assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-2000:]
        return r.stdout

    configs, acls = "kafka.admin.ConfigCommand", "org.apache.kafka.tools.AclCommand"
    tool(configs, "--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=by tool]", "--entity-type", "users", "--entity-name", "tooled")
    assert "SCRAM-SHA-256=iterations=8192" in tool(configs, "--describe", "--entity-type", "users", "--entity-name", "tooled")
    admin_of(guarded, login("tooled", "by tool")).list_topics(timeout=10)
    tool(configs, "--alter", "--add-config", "producer_byte_rate=1024000,consumer_byte_rate=2048000", "--entity-type", "users", "--entity-name", "tooled",
         "--entity-type", "clients", "--entity-default")
    said = tool(configs, "--describe", "--entity-type", "users", "--entity-type", "clients")
    assert "'tooled', the default client-id are consumer_byte_rate=2048000.0, producer_byte_rate=1024000.0" in said
    tool(acls, "--add", "--allow-principal", "User:tooled", "--producer", "--topic", "by-tool")
    listed = tool(acls, "--list", "--topic", "by-tool")
    assert all(f"principal=User:tooled, host=*, operation={o}, permissionType=ALLOW" in listed for o in ("WRITE", "DESCRIBE", "CREATE"))
    assert delivery(guarded, "by-tool", login("tooled", "by tool")) is None


def test_rules_hold_for_the_unknown_of_an_open_hub(tmp_path):
    """insecure_local: who says no name is ANONYMOUS. Rules hold for him as for others, but he administers."""
    h = Hub(tmp_path / "state")
    admin = AdminClient({"bootstrap.servers": h.address})
    for name in ("closed", "other"):
        admin.create_topics([NewTopic(name, 1, 1)])[name].result()
    create(admin, rule("TOPIC", "closed", "*", "WRITE", "DENY"), rule("BROKER", "kafka-cluster", "somebody", "ALTER"))

    def send(topic):
        told = []
        p = Producer({"bootstrap.servers": h.address})
        p.produce(topic, b"x", on_delivery=lambda e, m: told.append(e))
        assert p.flush(30) == 0
        return told[0] and told[0].code()

    assert (send("closed"), send("other")) == (KafkaError.TOPIC_AUTHORIZATION_FAILED, None)
    for f in admin.delete_acls([rules_like(kind="TOPIC", name="closed")]).values():
        f.result()
    assert send("closed") is None
    h.stop()
