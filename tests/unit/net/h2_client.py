"""Drives the server of test_h2.c with grpcio. Usage: h2_client.py PORT. Exits 0 if all holds."""
import sys
import threading

import grpc

port = sys.argv[1]
opts = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=opts)
md = [("x-key", "good")]


def unary(name, **kw):
    call = channel.unary_unary(f"/t.T/{name}", **kw)
    return lambda m, **k: call(m, metadata=k.pop("metadata", md), timeout=k.pop("timeout", 20), **k)


def status_of(fn):
    try:
        fn()
    except grpc.RpcError as e:
        return e.code(), e.details()
    return grpc.StatusCode.OK, ""


def check(name, ok):
    print(("ok   " if ok else "FAIL ") + name, flush=True)
    if not ok:
        sys.exit(1)


check("unary", unary("Echo")(b"hello") == b"hello")
check("empty message", unary("Echo")(b"") == b"")
big = bytes(range(256)) * 80000
check("20 MB both ways", unary("Echo")(big) == big)
r, call = channel.unary_unary("/t.T/Echo").with_call(b"x", metadata=md, timeout=20)
check("initial metadata", ("x-head", "h") in call.initial_metadata())
check("trailers", ("x-bin", b"\x00\x01") in call.trailing_metadata())
check("error", status_of(lambda: unary("Fail")(b"")) == (grpc.StatusCode.INVALID_ARGUMENT, "schlecht: 100% größer\n"))
check("no method", status_of(lambda: unary("Nope")(b""))[0] == grpc.StatusCode.UNIMPLEMENTED)
check("no key", status_of(lambda: unary("Echo")(b"", metadata=[]))[0] == grpc.StatusCode.UNAUTHENTICATED)
check("too large", status_of(lambda: unary("Echo")(b"x" * (33 << 20)))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED)
check("compressed", status_of(lambda: unary("Echo")(b"x" * 1000, compression=grpc.Compression.Gzip))[0]
      == grpc.StatusCode.UNIMPLEMENTED)
got = list(channel.unary_stream("/t.T/Stream")(b"2000", metadata=md, timeout=20))
check("stream of 2000 messages", len(got) == 2000 and all(m == b"%d" % i + b"." * 10000 for i, m in enumerate(got)))
up = channel.stream_unary("/t.T/Sum")
check("client streaming", up((b"a" * n for n in range(100)), metadata=md, timeout=20) == b"100 messages 4950 bytes")
check("deadline", status_of(lambda: unary("Never")(b"", timeout=0.2))[0] == grpc.StatusCode.DEADLINE_EXCEEDED)
never = channel.unary_stream("/t.T/Never")(b"", metadata=md, timeout=20)
never.cancel()
gone = 0
for _ in range(200):  # the server hears of both
    gone = int(unary("Gone")(b""))
    if gone >= 2:
        break
check("the owner hears that a client left", gone >= 2)
results = []


def many(i):
    m = b"%d" % i * 1000
    results.append(unary("Later")(m) == m)


threads = [threading.Thread(target=many, args=(i,)) for i in range(60)]
for t in threads:
    t.start()
for t in threads:
    t.join()
check("60 calls at once", len(results) == 60 and all(results))
channel.close()
