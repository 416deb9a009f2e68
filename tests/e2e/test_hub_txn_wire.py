"""Transactions of the hub, request by request: both protocols, answers that were lost, producers that were fenced."""

import socket
import struct

import pytest
from conftest import SOAK, until
from hubd import Hub
from test_hub_frames import batch

OFFSETS_GROUP = "wire-group"
NONE, UNKNOWN_TOPIC, PRODUCER_EPOCH, TXN_STATE, ID_MAPPING, TXN_TIMEOUT, NOT_ATTEMPTED, FENCED = 0, 3, 47, 48, 49, 50, 55, 90


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state", partitions=2)
    yield h
    h.stop()


def uvarint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def text(s):
    return uvarint(len(s) + 1) + s.encode()


class Wire:
    """A connection that speaks flexible versions."""

    def __init__(self, hub):
        self.socket = socket.create_connection(("127.0.0.1", hub.port), timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, key, version, body):
        request = struct.pack(">hhih", key, version, 7, 4) + b"wire" + b"\0" + body + b"\0"
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", self.take(4))[0]
        answer = self.take(size)
        assert answer[:5] == b"\0\0\0\7\0"
        return answer[5:]

    def take(self, n):
        out = b""
        while len(out) < n:
            part = self.socket.recv(n - len(out))
            assert part, "the connection was closed"
            out += part
        return out

    def init(self, name, timeout=60000, pid=-1, epoch=-1, version=4):
        return struct.unpack(">hqh", self.ask(22, version, text(name) + struct.pack(">iqh", timeout, pid, epoch))[4:16])

    def add(self, name, pid, epoch, topics, version=3):
        body = text(name) + struct.pack(">qh", pid, epoch) + uvarint(len(topics) + 1)
        for topic, parts in topics:
            body += text(topic) + uvarint(len(parts) + 1) + b"".join(struct.pack(">i", p) for p in parts) + b"\0"
        answer, at, out = self.ask(24, version, body), 5, []
        for topic, parts in topics:
            at += 1 + len(topic) + 1
            for _ in parts:
                out.append(struct.unpack(">h", answer[at + 4:at + 6])[0])
                at += 7
            at += 1
        return out

    def end(self, name, pid, epoch, commit, version=5):
        answer = self.ask(26, version, text(name) + struct.pack(">qh?", pid, epoch, commit))[4:]
        return struct.unpack(">hqh", answer[:12]) if version >= 5 else struct.unpack(">h", answer[:2])[0]

    def produce(self, name, topic, pid, epoch, sequence, version=12, partition=0):
        records = batch(attributes=16, pid=pid, epoch=epoch, sequence=sequence)
        body = (text(name) if name else b"\0") + struct.pack(">hi", -1, 1000) + b"\2" + text(topic) + b"\2" + struct.pack(">i", partition)
        answer = self.ask(0, version, body + uvarint(len(records) + 1) + records + b"\0\0")
        at = 1 + 1 + len(topic) + 1 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    def commit_offset(self, name, group, pid, epoch, topic, offset, version=5):
        body = text(name) + text(group) + struct.pack(">qhi", pid, epoch, -1) + text("") + b"\0" + b"\2" + text(topic) + b"\2"
        body += struct.pack(">iqi", 0, offset, -1) + b"\0\0\0"
        answer = self.ask(28, version, body)
        at = 4 + 1 + 1 + len(topic) + 1 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    def make(self, topic):
        self.ask(3, 9, b"\2" + text(topic) + b"\0" + b"\1\0\0")


@pytest.fixture
def wire(hub):
    with Wire(hub) as w:
        w.make("wire")
        yield w


def test_the_first_protocol_step_by_step(wire):
    error, pid, epoch = wire.init("one")
    assert error == NONE and pid >= 0 and epoch == 0
    assert wire.produce("one", "wire", pid, epoch, 0, version=11) == TXN_STATE  # it was not added
    assert wire.produce(None, "wire", pid, epoch, 0, version=11) == TXN_STATE
    assert wire.add("one", pid, epoch, [("wire", [0, 99]), ("absent", [0])]) == [NOT_ATTEMPTED, UNKNOWN_TOPIC, UNKNOWN_TOPIC]
    assert wire.end("one", pid, epoch, True, version=4) == TXN_STATE
    assert wire.add("other", pid, epoch, [("wire", [0])]) == [ID_MAPPING]
    assert wire.add("one", pid + 1, epoch, [("wire", [0])]) == [ID_MAPPING]
    assert wire.add("one", pid, epoch, [("wire", [0])]) == [NONE] == wire.add("one", pid, epoch, [("wire", [0])])
    assert wire.produce("one", "wire", pid, epoch, 0, version=11) == NONE
    assert wire.produce("one", "wire", pid, epoch, 0, version=11, partition=1) == TXN_STATE
    assert wire.commit_offset("one", OFFSETS_GROUP, pid, epoch, "wire", 1, version=4) == TXN_STATE
    assert wire.end("one", pid, epoch, True, version=4) == NONE == wire.end("one", pid, epoch, True, version=4)  # asked again
    assert wire.end("one", pid, epoch, False, version=4) == TXN_STATE
    assert wire.produce("one", "wire", pid, epoch, 1, version=11) == TXN_STATE  # it has ended
    error, same, higher = wire.init("one")
    assert (error, same, higher) == (NONE, pid, epoch + 1)
    assert wire.end("one", pid, epoch, True, version=4) == FENCED
    assert wire.add("one", pid, epoch, [("wire", [0])]) == [FENCED]
    assert wire.produce("one", "wire", pid, epoch, 1, version=11) == PRODUCER_EPOCH


def test_the_second_protocol_step_by_step(wire):
    _, pid, epoch = wire.init("two", version=5)
    assert wire.end("two", pid, epoch, True)[0] == TXN_STATE
    assert wire.end("two", pid, epoch, False) == (NONE, pid, epoch + 1)  # nothing to abort, and yet a new epoch
    assert wire.end("two", pid, epoch, False) == (NONE, pid, epoch + 1)  # the answer was lost
    assert wire.produce("two", "wire", pid, epoch, 0) == PRODUCER_EPOCH
    assert wire.produce("two", "wire", pid, epoch + 1, 0) == NONE  # adds the partition
    assert wire.commit_offset("two", OFFSETS_GROUP, pid, epoch + 1, "wire", 7) == NONE  # and the offsets
    assert wire.end("two", pid, epoch + 1, True) == (NONE, pid, epoch + 2) == wire.end("two", pid, epoch + 1, True)
    assert wire.end("two", pid, epoch + 1, False)[0] == FENCED
    assert wire.produce("two", "wire", pid, epoch + 1, 1) == PRODUCER_EPOCH  # late: of the transaction that has ended
    assert wire.produce("two", "wire", pid, epoch + 2, 0) == NONE  # sequences begin anew
    assert wire.end("two", pid, epoch + 2, False) == (NONE, pid, epoch + 3)


def test_both_survive_a_kill(hub, wire):
    _, pid, epoch = wire.init("three", version=5)
    assert wire.produce("three", "wire", pid, epoch, 0) == NONE
    hub.kill()
    hub.start()
    with Wire(hub) as w:
        assert w.produce("three", "wire", pid, epoch, 1) == NONE
        assert w.end("three", pid, epoch, True) == (NONE, pid, epoch + 1)
    hub.kill()
    hub.start()
    with Wire(hub) as w:
        assert w.end("three", pid, epoch, True) == (NONE, pid, epoch + 1)
        assert w.produce("three", "wire", pid, epoch, 2) == PRODUCER_EPOCH
        assert w.produce("three", "wire", pid, epoch + 1, 0) == NONE
        assert w.init("three")[0] == 51  # aborts what goes on; the client asks again
        error, same, higher = until(lambda: (got := w.init("three"))[0] != 51 and got, "the abort", 20, 0.01)
        assert (error, same) == (NONE, pid) and higher > epoch + 1


def test_what_init_refuses(wire):
    assert wire.init("four", timeout=0)[0] == TXN_TIMEOUT == wire.init("four", timeout=900_001)[0]
    assert wire.init("")[0] == 42
    _, pid, epoch = wire.init("four")
    assert wire.init("four", pid=pid, epoch=epoch) == (NONE, pid, epoch + 1)
    assert wire.init("four", pid=pid, epoch=epoch) == (NONE, pid, epoch + 1)  # the answer was lost
    assert wire.init("four", pid=pid + 1, epoch=epoch)[0] == FENCED
    assert wire.init("four", pid=pid, epoch=epoch + 5)[0] == FENCED
    assert wire.init("four", pid=pid, epoch=epoch + 5, version=3)[0] == PRODUCER_EPOCH


if SOAK:  # counts all epochs up

    def test_epochs_that_are_used_up_give_another_producer_id(wire):
        _, pid, epoch = wire.init("five", version=5)
        while epoch < 32766:
            error, same, epoch = wire.end("five", pid, epoch, False)
            assert (error, same) == (NONE, pid)
        assert wire.produce("five", "wire", pid, epoch, 0) == NONE
        error, other, fresh = wire.end("five", pid, epoch, True)
        assert error == NONE and other != pid and fresh == 0
        assert wire.produce("five", "wire", other, 0, 0) == NONE
        assert wire.end("five", other, 0, True) == (NONE, other, 1)
