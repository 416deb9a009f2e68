"""`paystreak hub topics|create|produce|consume|tail|groups|reset-offsets` beside a running hub."""

import json
import signal
import subprocess

import pytest
from conftest import program, until


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    state = tmp_path_factory.mktemp("commands") / "state"
    p = subprocess.Popen([program(), "hub", "start", "--state", state, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE)
    yield ["--state", str(state), "--listen", json.loads(p.stdout.readline())["kafka"]]
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 0


def ask(hub, *words, stdin=b"", status=0):
    r = subprocess.run([program(), "hub", *words, *hub, "--output", "json"], input=stdin, capture_output=True, timeout=60)
    assert r.returncode == status, r.stdout.decode() + r.stderr.decode()
    return [json.loads(line) for line in r.stdout.decode().splitlines()]


def test_create_produce_consume(hub):
    ask(hub, "create", "orders", "--partitions", "2")
    assert "exists" in ask(hub, "create", "orders", status=1)[0]["error"]
    assert ask(hub, "produce", "orders", "--key", "k", stdin=b'{"n": 1}\nplain text\n') == [{"sent": 2}]
    assert ask(hub, "produce", "orders", stdin=b"\xff\xfe\n") == [{"sent": 1}]
    got = ask(hub, "consume", "orders")
    values = [e["value"] for e in got]
    assert sorted(map(str, values)) == sorted(map(str, [{"n": 1}, "plain text", {"base64": "//4="}]))
    assert [e["key"] for e in got if e["value"] == {"n": 1}] == ["k"] and len(ask(hub, "consume", "orders", "--limit", "1")) == 1
    assert {"hub": "orders", "partitions": 2, "events": 3} in ask(hub, "topics")
    assert "nothing" in ask(hub, "consume", "nothing", status=1)[0]["error"]


def test_groups(hub):
    ask(hub, "create", "lagging", "--partitions", "1")
    ask(hub, "produce", "lagging", stdin=b"1\n2\n3\n")
    ask(hub, "reset-offsets", "billing", "lagging", "--to", "1")
    [group] = [g for g in ask(hub, "groups") if g["group"] == "billing"]
    assert group == {"group": "billing", "state": "Empty", "members": 0, "lag": 2}
    quoted = 'a "quoted" group'
    ask(hub, "reset-offsets", quoted, "lagging", "--to", "latest")
    assert [g["lag"] for g in ask(hub, "groups") if g["group"] == quoted] == [0]
    ask(hub, "reset-offsets", "billing", "lagging", "--to", "latest")
    assert [g["lag"] for g in ask(hub, "groups") if g["group"] == "billing"] == [0]
    assert "earliest" in ask(hub, "reset-offsets", "billing", "lagging", "--to", "somewhere", status=2)[0]["error"]


def test_tail_and_namespace(hub):
    ask(hub, "create", "live", "--namespace", "shop", "--partitions", "1")
    assert all(t["hub"] != "live" for t in ask(hub, "topics"))
    tail = subprocess.Popen([program(), "hub", "tail", "live", "--namespace", "shop", "--limit", "1", *hub, "--output", "json"], stdout=subprocess.PIPE)
    until(lambda: tail.poll() is not None or ask(hub, "produce", "live", "--namespace", "shop", stdin=b'{"a": []}\n') is None, "the event arrives", every=0.3)
    [event] = [json.loads(line) for line in tail.stdout]
    assert event["value"] == {"a": []} and tail.wait(20) == 0
