"""The hub against clients that break the protocol or the machine: each costs its own connection and one log line."""

import socket
import struct
import time

import pytest
from conftest import SOAK, until
from hubd import Hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    h = Hub(tmp_path_factory.mktemp("hub") / "state")
    yield h
    h.stop()


def connect(hub):
    s = socket.create_connection(("127.0.0.1", hub.port), timeout=20)
    return s


def text(s):
    return struct.pack(">h", len(s)) + s.encode()


def frame(key, version, body, correlation=7):
    request = struct.pack(">hhi", key, version, correlation) + text("test") + body
    return struct.pack(">i", len(request)) + request


def read_exactly(s, n):
    out = b""
    while len(out) < n:
        part = s.recv(n - len(out))
        if not part:
            return None
        out += part
    return out


def answer(s):
    """The body of the next response, or None if the connection was closed."""
    size = read_exactly(s, 4)
    return size and read_exactly(s, struct.unpack(">i", size)[0])


def closed(s):
    try:
        return answer(s) is None
    except ConnectionResetError:
        return True


def alive(hub):
    with connect(hub) as s:
        s.sendall(frame(18, 0, b""))
        body = answer(s)
    return struct.unpack(">ih", body[:6]) == (7, 0)


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batch(records=(b"\x0c\x00\x00\x00\x01\x00\x00",), count=None, attributes=0, magic=2, pid=-1, epoch=-1, sequence=-1, spoil=False, delta=None):
    body = b"".join(records)
    count = len(records) if count is None else count
    tail = struct.pack(">hiqqqhii", attributes, count - 1 if delta is None else delta, 1000, 1000, pid, epoch, sequence, count) + body
    crc = crc32c(tail) ^ (1 if spoil else 0)
    rest = struct.pack(">ibI", 0, magic, crc) + tail
    return struct.pack(">qi", 0, len(rest)) + rest


def produce(s, topic, records, acks=-1, partition=0):
    data = struct.pack(">i", len(records)) + records
    s.sendall(frame(0, 7, struct.pack(">hhii", -1, acks, 1000, 1) + text(topic) + struct.pack(">ii", 1, partition) + data))
    body = answer(s)
    at = 4 + 4 + 2 + len(topic) + 4 + 4
    return struct.unpack(">hq", body[at:at + 10])


@pytest.fixture
def topic(hub):
    with connect(hub) as s:
        s.sendall(frame(3, 4, struct.pack(">i", 1) + text("frames") + b"\x01"))
        assert b"frames" in answer(s)
    return "frames"


@pytest.mark.parametrize("bytes_", [
    struct.pack(">i", 0x7FFFFFFF), struct.pack(">i", -1), struct.pack(">i", 3) + b"abc", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    frame(999, 0, b""), frame(1, 3, b""), frame(3, 99, b""), frame(0, 7, b""), frame(3, 4, struct.pack(">i", 0x7FFFFFFF) + b"\x01"),
    frame(11, 0, text("g")), frame(3, 9, b"\xff\xff\xff\xff\x0f"), b"\x16\x03\x01\x00\x28\x01\x00\x00\x24\x03\x03" + bytes(40),  # no TLS hello
])
def test_malformed_requests_close_their_connection(hub, bytes_):
    lines = hub.log.read_text().count("connection closed")
    with connect(hub) as s:
        s.sendall(bytes_)
        assert closed(s)
    assert alive(hub)
    assert until(lambda: hub.log.read_text().count("connection closed") == lines + 1, "one line in the log", 10)


def test_millions_of_items_cost_their_connection_only(hub):
    """A count that the frame's length allows, of items that need forty times the memory."""
    for key, version, before in ((3, 1, b""), (15, 0, b""), (8, 2, text("g") + struct.pack(">i", -1) + text("") + bytes(8))):
        with connect(hub) as s:
            s.sendall(frame(key, version, before + struct.pack(">i", 8_000_000) + bytes(16_000_000)))
            assert closed(s)
        assert alive(hub)


def test_unknown_version_of_api_versions_is_answered(hub):
    with connect(hub) as s:
        s.sendall(frame(18, 77, b"\x00"))
        assert struct.unpack(">ih", answer(s)[:6]) == (7, 35)
        s.sendall(frame(18, 0, b""))
        assert struct.unpack(">ih", answer(s)[:6]) == (7, 0)


@pytest.mark.parametrize("records, error", [
    (batch(), 0),
    (batch(spoil=True), 2),
    (batch()[:-1], 2),
    (batch()[:40], 2),
    (batch(magic=1), 43),
    (batch() + batch(), 87),
    (batch(count=2), 87),
    (batch(delta=5), 87),
    (batch(count=0, records=(), delta=0), 87),
    (batch(attributes=32), 87),
    (batch(attributes=16), 48),
    (batch(attributes=7), 76),
    (batch(attributes=4), 87),
    (batch(records=(b"\x0c\x00\x00\x00\x01\x02\x00",)), 87),
    (batch(records=(b"\x0c\x00\x00\x00\x01\x00\x00", b"\x0c\x00\x00\x00\x01\x00\x00")), 87),
    (batch(pid=1 << 62, epoch=0, sequence=0), 87),
    (batch(pid=5, epoch=-1, sequence=0), 87),
])
def test_bad_batches_are_refused_one_by_one(hub, topic, records, error):
    with connect(hub) as s:
        assert produce(s, topic, records)[0] == error
        assert produce(s, topic, batch())[0] == 0  # the connection goes on
        assert produce(s, topic, batch(), partition=99)[0] == 3
        assert produce(s, topic, batch(), acks=5)[0] == 21


def test_sequences_over_the_wire(hub, topic):
    with connect(hub) as s:
        error, first = produce(s, topic, batch(pid=77, epoch=0, sequence=0), partition=1)
        assert error == 0
        assert produce(s, topic, batch(pid=77, epoch=0, sequence=0), partition=1) == (0, first)  # sent twice, stored once
        assert produce(s, topic, batch(pid=77, epoch=0, sequence=2), partition=1)[0] == 45
        assert produce(s, topic, batch(pid=77, epoch=0, sequence=1), partition=1) == (0, first + 1)
        assert produce(s, topic, batch(pid=77, epoch=1, sequence=0), partition=1) == (0, first + 2)
        assert produce(s, topic, batch(pid=77, epoch=0, sequence=2), partition=1)[0] == 47


def test_a_repeat_during_the_flush_is_answered_too(hub, topic):
    a, b = connect(hub), connect(hub)
    for i in range(300):  # both at once: the second finds the first on its way to the disk, and nothing else follows
        data = batch(pid=78, epoch=0, sequence=i)
        body = struct.pack(">hhii", -1, -1, 1000, 1) + text(topic) + struct.pack(">iii", 1, 0, len(data)) + data
        a.sendall(frame(0, 7, body))
        if i % 2:
            time.sleep(0.0001)
        b.sendall(frame(0, 7, body))
        one, other = answer(a), answer(b)
        assert one[4:] == other[4:]
    a.close()
    b.close()


def test_answers_keep_the_order_of_requests(hub, topic):
    with connect(hub) as s:
        out = b""
        for i in range(300):
            if i % 3 == 0:
                data = batch()
                body = struct.pack(">hhii", -1, -1, 1000, 1) + text(topic) + struct.pack(">iii", 1, 0, len(data)) + data
                out += frame(0, 7, body, i)
            elif i % 3 == 1:
                out += frame(18, 0, b"", i)
            else:
                out += frame(3, 4, struct.pack(">i", 0) + b"\x00", i)
        s.sendall(out)
        assert [struct.unpack(">i", answer(s)[:4])[0] for _ in range(300)] == list(range(300))


def test_a_byte_at_a_time(hub):
    with connect(hub) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for b in frame(18, 0, b""):
            s.sendall(bytes([b]))
        assert struct.unpack(">ih", answer(s)[:6]) == (7, 0)


def test_many_idle_connections(hub):
    before = hub.cpu_seconds()
    many = [connect(hub) for _ in range(5000 if SOAK else 1000)]
    half = frame(18, 0, b"")[:6]
    for s in many:
        s.sendall(half)
    start = time.monotonic()
    assert alive(hub)
    assert time.monotonic() - start < 5
    for s in many:
        s.close()
    assert alive(hub)
    assert hub.cpu_seconds() - before < 5


def test_slow_consumer_holds_no_memory(hub, topic):
    def rss():
        return int(next(x for x in open(f"/proc/{hub.process.pid}/status") if x.startswith("VmRSS")).split()[1])

    value = bytes(500_000)
    record = b"\x00\x00\x00\x01" + varint(len(value)) + value + b"\x00"
    with connect(hub) as s:
        for _ in range(40):
            assert produce(s, topic, batch(records=(varint(len(record)) + record,)), partition=2)[0] == 0
    before = rss()
    slow = connect(hub)
    fetch = struct.pack(">iiiibi", -1, 0, 1, 1 << 30, 0, 1) + text(topic) + struct.pack(">iiqi", 1, 2, 0, 1 << 30)
    for i in range(30):  # asks for 20 MB thirty times and reads nothing
        slow.sendall(frame(1, 4, fetch, i))
    assert alive(hub)
    assert rss() - before < 300_000
    slow.close()


def varint(n):
    n, out = n << 1, b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def test_a_client_that_goes_while_it_waits(hub, topic):
    for _ in range(50):
        s = connect(hub)  # a long poll, a join and an unanswered produce, then gone
        fetch = struct.pack(">iiiibi", -1, 60000, 1, 1 << 20, 0, 1) + text(topic) + struct.pack(">iiqi", 1, 3, 0, 1 << 20)
        s.sendall(frame(1, 4, fetch))
        s.sendall(frame(11, 1, text("gone") + struct.pack(">ii", 6000, 6000) + text("") + text("consumer") + struct.pack(">i", 1) + text("range") +
                        struct.pack(">i", 0)))
        s.close()
    assert alive(hub)


def test_a_member_that_names_no_time_to_rebalance_may_join(hub):
    """kafkajs' own broker calls say 0: its session's time is taken, else it would be gone before it could sync."""
    with connect(hub) as s:
        s.sendall(frame(11, 1, text("no-time") + struct.pack(">ii", 30000, 0) + text("") + text("consumer") + struct.pack(">i", 1)
                        + text("range") + struct.pack(">i", 0)))
        body = answer(s)[4:]
        error, generation, named = struct.unpack(">hih", body[:8])
        leader = body[8 + named + 2:8 + named + 2 + struct.unpack(">h", body[8 + named:8 + named + 2])[0]].decode()
        assert (error, generation) == (0, 1) and leader
        s.sendall(frame(14, 0, text("no-time") + struct.pack(">i", generation) + text(leader) + struct.pack(">i", 1) + text(leader)
                        + struct.pack(">i", 2) + b"ok"))
        assert answer(s)[4:] == struct.pack(">hi", 0, 2) + b"ok"


def test_a_member_id_that_nobody_came_back_with_is_awaited_for_a_session_only(hub):
    """A client that asked for an id and forgot it must not hold up the group for the whole rebalance timeout."""
    def join(s, member, subscription=b""):
        s.sendall(frame(11, 4, text("forgot") + struct.pack(">ii", 6000, 300000) + text(member) + text("consumer") + struct.pack(">i", 1)
                        + text("range") + struct.pack(">i", len(subscription)) + subscription))
        body = answer(s)[8:]  # after the throttle time
        error, generation, at = struct.unpack(">hi", body[:6]) + (6,)
        for _ in range(3):  # protocol, leader, the member's own id
            size = struct.unpack(">h", body[at:at + 2])[0]
            name, at = body[at + 2:at + 2 + size].decode(), at + 2 + size
        return error, generation, name

    with connect(hub) as s:
        assert join(s, "")[0] == 79  # MEMBER_ID_REQUIRED; the id is thrown away
        member = join(s, "")[2]
        assert join(s, member)[:2] == (0, 1)  # the first rebalance waits for nobody
        started = time.monotonic()
        assert join(s, member, b"more")[:2] == (0, 2)
        assert time.monotonic() - started < 15
