"""The hub over HTTPS: events, batches, properties, tokens, what there is; in plain HTTP on loopback and over TLS."""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ET

import pytest
from hubd import Hub
from test_hub_amqp import consumer, derived, name, receive  # noqa: F401

KEY = "c2VjcmV0LW9mLXRoZS10ZXN0"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("https") / "state", amqp=0, https=0, partitions=4)
    yield h
    h.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    state = tmp_path_factory.mktemp("https") / "guarded"
    state.mkdir()
    (state / "hub-policies.json").write_text(json.dumps([{"name": "web", "key": "d2Vi", "rights": ["Send"], "hub": "only-this"}]))
    h = Hub(state, amqp=0, https=0, partitions=2, sas=KEY)
    yield h
    h.stop()


def token(uri, policy="RootManageSharedAccessKey", key=KEY, seconds=600):
    resource, expiry = urllib.parse.quote(uri, safe=""), str(int(time.time()) + seconds)
    signature = base64.b64encode(hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()).decode()
    return f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}&skn={policy}"


def ask(hub, method, path, body=None, tls=False, **headers):
    if tls:
        context = ssl.create_default_context(cafile=str(hub.state / "tls" / "cert.pem"))
        c = http.client.HTTPSConnection("localhost", hub.https, timeout=30, context=context)
    else:
        c = http.client.HTTPConnection("127.0.0.1", hub.https, timeout=30)
    c.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    r = c.getresponse()
    answer = r.read()
    c.close()
    return r.status, answer


def test_events_with_properties(hub, name):  # noqa: F811
    status, body = ask(hub, "POST", f"/{name}/messages?timeout=60&api-version=2014-01", b"\x00raw \xff", Content_Type="application/x-thing",
                       BrokerProperties='{"PartitionKey": "k", "MessageId": "m-1", "CorrelationId": "c-1"}', int="7", big="4294967296", real="1.5",
                       yes="True", text="two words", minus="-3", version="1.2.3")
    assert (status, body) == (201, b"")
    [(_, event)] = receive(consumer(hub, name), 1)
    assert b"".join(event.body) == b"\x00raw \xff" and event.partition_key == b"k"
    assert (event.content_type, event.message_id, event.correlation_id) == ("application/x-thing", "m-1", "c-1")
    assert {k.decode(): v for k, v in event.properties.items()} == {
        "int": 7, "big": 2**32, "real": 1.5, "yes": True, "text": b"two words", "minus": -3, "version": b"1.2.3"}


def test_batch(hub, name):  # noqa: F811
    batch = [{"Body": "one", "UserProperties": {"n": 1, "s": "x", "none": None, "b": False, "f": 0.5}}, {"Body": {"a": [1]}, "BrokerProperties": {"MessageId": "2"}},
             {"Body": "three"}]
    assert ask(hub, "POST", f"/{name}/partitions/2/messages", json.dumps(batch), Content_Type="application/vnd.microsoft.servicebus.json")[0] == 201
    got = receive(consumer(hub, name), 3)
    assert {p for p, _ in got} == {"2"} and [e.body_as_str() for _, e in got] == ["one", '{"a":[1]}', "three"]
    assert got[0][1].properties == {b"n": 1, b"s": b"x", b"none": None, b"b": False, b"f": 0.5} and got[1][1].message_id == "2"


def test_publisher_is_the_key(hub, name):  # noqa: F811
    for i in range(3):
        assert ask(hub, "POST", f"/{name}/publishers/device-7/messages", str(i))[0] == 201
    got = receive(consumer(hub, name), 3)
    assert len({p for p, _ in got}) == 1 and got[0][1].partition_key == b"device-7" and [e.body_as_str() for _, e in got] == ["0", "1", "2"]


@pytest.mark.parametrize("path, body, headers, status", [
    ("/{}/partitions/9/messages", b"x", {}, 400),
    ("/{}/partitions/x/messages", b"x", {}, 400),
    ("/{}/messages", b"x" * (1 << 20) + b"x", {}, 413),
    ("/{}/messages", b"not json", {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/messages", b"[]", {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/messages", b'[{"NoBody": 1}]', {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/messages", b"x", {"BrokerProperties": "{"}, 400),
    ("/{}/messages", b"x", {"BrokerProperties": "[]"}, 400),
    ("/{}/messages", b"x", {"BrokerProperties": '{"TimeToLive": "5"}'}, 400),
    ("/{}/messages", b"x", {"BrokerProperties": '{"MessageId": 5}'}, 400),
    ("/{}/messages", b'[{"Body": 1, "Properties": {}}]', {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/messages", b'[{"Body": 1, "UserProperties": []}]', {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/messages", b'[1]', {"Content_Type": "application/vnd.microsoft.servicebus.json"}, 400),
    ("/{}/publishers/p/messages", b"x", {"BrokerProperties": '{"PartitionKey": "q"}'}, 400),
    ("/no%20such/messages", b"x", {}, 400),
    ("/{}/nothing", b"x", {}, 404),
    ("/{}/messages", b"x", {"Host": "evil.example"}, 403),
    ("/{}/messages", b"x", {"Origin": "http://evil.example"}, 403),
])
def test_refused(hub, name, path, body, headers, status):  # noqa: F811
    assert ask(hub, "POST", path.format(name), body, **headers)[0] == status


def test_tokens(guarded, name):  # noqa: F811
    uri = f"https://localhost/{name}"
    ok = {"tls": True, "Authorization": token(uri)}
    assert ask(guarded, "POST", f"/{name}/messages", b"x", **ok)[0] == 201
    refused = [None, "nothing", token(uri, key="d3Jvbmc="), token(uri, seconds=-5), token("https://localhost/another"),
               token(uri, "ListenOnly", derived("ListenOnly")), token(uri, "web", "d2Vi"), token(uri).replace("se=", "se=9")]
    for t in refused:
        status, body = ask(guarded, "POST", f"/{name}/messages", b"x", tls=True, **({"Authorization": t} if t else {}))
        assert status == 401 and b"<Detail>" in body, t
    publisher = {"Authorization": token(f"{uri}/publishers/p7")}
    assert ask(guarded, "POST", f"/{name}/messages", b"x", **publisher)[0] == 401
    assert ask(guarded, "POST", f"/{name}/publishers/p8/messages", b"x", **publisher)[0] == 401
    assert ask(guarded, "POST", "/devices/publishers/p7/messages", b"x", Authorization=token("https://localhost/devices/publishers/p7"))[0] == 201
    assert ask(guarded, "POST", f"/{name}/messages", b"x", Authorization=token(uri, "SendOnly", derived("SendOnly")))[0] == 201
    assert ask(guarded, "POST", "/only-this/messages", b"x", Authorization=token("https://localhost/only-this", "web", "d2Vi"))[0] == 201
    assert len(receive(consumer(guarded, name), 2)) == 2


def test_namespace_of_host(guarded, name):  # noqa: F811
    for ns, count in (("one", 1), ("two", 2)):
        host = f"{ns}.servicebus.windows.net"
        for _ in range(count):
            assert ask(guarded, "POST", f"/{name}/partitions/0/messages", ns, Host=host, Authorization=token(f"https://{host}/{name}"))[0] == 201
        assert ask(guarded, "POST", f"/{name}/messages", ns, Host=host, Authorization=token(f"https://other.servicebus.windows.net/{name}"))[0] == 401
        _, body = ask(guarded, "GET", f"/{name}/partitions/0", Host=host, Authorization=token(f"https://{host}/{name}"))
        assert f"<EndSequenceNumber>{count - 1}<".encode() in body


def test_what_there_is(hub):
    one = f"made-{uuid.uuid4().hex[:6]}"
    assert ask(hub, "GET", f"/{one}")[0] == 404
    status, body = ask(hub, "PUT", f"/{one}", b"<EventHubDescription><PartitionCount>3</PartitionCount></EventHubDescription>")
    assert status == 201 and ask(hub, "PUT", f"/{one}")[0] == 409
    kept = f"kept-{uuid.uuid4().hex[:6]}"
    entry = b"<entry xmlns='http://www.w3.org/2005/Atom'><content type='application/xml'><EventHubDescription xmlns:i='x' xmlns='y'>%s</EventHubDescription></content></entry>"
    assert ask(hub, "PUT", f"/{kept}", entry % b"<MessageRetentionInDays>3</MessageRetentionInDays><PartitionCount>2</PartitionCount>")[0] == 201
    told = ask(hub, "GET", f"/{kept}")[1]
    assert b"<MessageRetentionInDays>3<" in told and b"<PartitionCount>2<" in told
    for wrong, says in ((b"<CaptureDescription><Enabled>true</Enabled></CaptureDescription>", b"CaptureDescription"), (b"<PartitionCount>0</PartitionCount>", b"PartitionCount"),
                        (b"<PartitionCount>3", b"PartitionCount has no end"), (b"<PartitionCount/>", b"PartitionCount")):
        status, answer = ask(hub, "PUT", f"/x{kept}", entry % wrong)
        assert 400 <= status < 600 and status != 500 and says in answer, (wrong, status, answer)
    assert ask(hub, "PUT", f"/x{kept}", b"PartitionCount=3")[0] == 400 and ask(hub, "GET", f"/x{kept}")[0] == 404
    sb = "{http://schemas.microsoft.com/netservices/2010/10/servicebus/connect}"
    entry = ET.fromstring(ask(hub, "GET", f"/{one}?api-version=2014-01")[1])
    assert entry.find(f".//{sb}PartitionCount").text == "3" and [e.text for e in entry.find(f".//{sb}PartitionIds")] == ["0", "1", "2"]
    assert b"$Default" in ask(hub, "GET", f"/{one}/consumergroups")[1]
    assert ask(hub, "POST", f"/{one}/partitions/1/messages", b"x")[0] == 201
    entry = ET.fromstring(ask(hub, "GET", f"/{one}/consumergroups/$Default/partitions/1")[1])
    assert entry.find(f".//{sb}EndSequenceNumber").text == "0" and entry.find(f".//{sb}BeginSequenceNumber").text == "0"
    assert one.encode() in ask(hub, "GET", "/$Resources/EventHubs")[1]
    assert ask(hub, "GET", f"/{one}/partitions/3")[0] == 404


def test_metrics(hub, guarded, name):  # noqa: F811
    for _ in range(3):
        assert ask(hub, "POST", f"/{name}/partitions/1/messages", b"x")[0] == 201
    status, body = ask(hub, "GET", "/metrics")
    lines = body.decode().splitlines()
    assert status == 200 and lines[-1] == "# EOF"
    label = f'{{namespace="default",hub="{name}",partition="1"}}'
    assert f"hub_events_total{label} 3" in lines and f"hub_end_offset{label} 3" in lines and f"hub_offline{label} 0" in lines
    assert any(line.startswith("hub_flushes_total ") for line in lines)
    assert ask(guarded, "GET", "/metrics")[0] == 401
    assert ask(guarded, "GET", "/metrics", Authorization=token("sb://localhost", "SendOnly", derived("SendOnly")))[0] == 401
    for ns in ("mine", "yours"):
        host = f"{ns}.servicebus.windows.net"
        assert ask(guarded, "POST", f"/{name}/messages", ns, Host=host, Authorization=token(f"https://{host}/{name}"))[0] == 201
    _, body = ask(guarded, "GET", "/metrics", Authorization=token("sb://localhost"))
    assert b'namespace="mine"' in body and b'namespace="yours"' in body
    host = "mine.servicebus.windows.net"
    _, body = ask(guarded, "GET", "/metrics", Host=host, Authorization=token(f"sb://{host}"))
    assert b'namespace="mine"' in body and b'namespace="yours"' not in body and b'namespace="default"' not in body
