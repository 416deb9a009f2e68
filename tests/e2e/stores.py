"""Servers of the object stores for tests: Azurite, moto, an identity service, and a proxy that breaks connections."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AZURITE = ROOT / "build/deps/stores/node_modules/.bin/azurite-blob"
MOTO = ROOT / "build/deps/venv-stores/bin/moto_server"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"{what} did not come about in {seconds} s")


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return bool(s.recv(1))
    except OSError:
        return False


class Server:
    """A child process on a port of its own; ends with the test."""

    def __init__(self, argv, log, env=None):
        self.log = open(log, "w")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})}, start_new_session=True)

    def wait(self, port):
        wait_for(self.process.args[0], lambda: answers(port) or self.process.poll() is not None)
        assert self.process.poll() is None, Path(self.log.name).read_text()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


# ------------------------------------------------------------------ Azure


def shared_key(method, url, headers, account=ACCOUNT, key=KEY, body=b""):
    parts = urllib.parse.urlsplit(url)
    resource = f"/{account}{parts.path}" + "".join(f"\n{k.lower()}:{v}" for k, v in sorted(urllib.parse.parse_qsl(parts.query)))
    ms = "".join(f"{k.lower()}:{v}\n" for k, v in sorted(headers.items()) if k.lower().startswith("x-ms-"))
    text = "\n".join([method, "", "", str(len(body)) if body else "", "", headers.get("Content-Type", ""), "", "", "", "", "", ""]) + "\n" + ms + resource
    mac = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(mac).decode()}"


class Azure:
    def __init__(self, folder, *more):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        argv = ["node", str(AZURITE), "--blobPort", str(self.port), "--location", str(folder), "--silent", "--skipApiVersionCheck", *more]
        self.server = Server(argv, f"{folder}/azurite.txt")
        self.server.wait(self.port)

    def request(self, method, path, headers=None, body=b""):
        url = f"{self.endpoint}/{path}"
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": now, "x-ms-version": "2021-12-02", "Content-Type": "application/octet-stream", **(headers or {})}
        headers["Authorization"] = shared_key(method, url, headers, body=body)
        return urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers, data=body or None)).read()

    def make_container(self, name):
        self.request("PUT", f"{name}?restype=container")

    def uri(self, container, path):
        return f"azure+http://127.0.0.1:{self.port}/{ACCOUNT}/{container}/{path}"

    def sas(self, permissions="rwdlac"):
        """An account SAS for an hour."""
        end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        f = {"sp": permissions, "ss": "b", "srt": "sco", "se": end, "sv": "2021-12-02"}
        text = "\n".join([ACCOUNT, f["sp"], f["ss"], f["srt"], "", f["se"], "", "", f["sv"], "", ""])
        mac = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        return urllib.parse.urlencode({**f, "sig": base64.b64encode(mac).decode()})

    def deltalake_options(self, port=None):
        return {
            "account_name": ACCOUNT,
            "account_key": KEY,
            "azure_storage_endpoint": f"http://127.0.0.1:{port or self.port}/{ACCOUNT}",
            "allow_http": "true",
        }

    def stop(self):
        self.server.stop()


# ------------------------------------------------------------------ S3


class S3:
    def __init__(self, folder):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.server = Server([str(MOTO), "-H", "127.0.0.1", "-p", str(self.port)], f"{folder}/moto.txt", {"MOTO_S3_DEFAULT_MAX_KEYS": "1000"})
        self.server.wait(self.port)

    def make_bucket(self, name):
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT", data=b"", headers={"Authorization": ""})
        urllib.request.urlopen(request).read()

    def uri(self, bucket, path):
        return f"s3+http://127.0.0.1:{self.port}/{bucket}/{path}"

    def deltalake_options(self, port=None):
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ALLOW_HTTP": "true",
            "aws_conditional_put": "etag",
        }

    def stop(self):
        self.server.stop()


# ------------------------------------------------------------------ identities


class Identity:
    """Entra's token endpoint, App Service's and a machine's managed identity, AWS's STS: each answers, and counts."""

    def __init__(self, token="token-1", lasts=3600):
        self.asked = []
        self.token, self.lasts = token, lasts
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def answer(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.asked.append((self.path, dict(self.headers), {}))
                good = self.headers.get("Metadata") == "true" or self.headers.get("X-IDENTITY-HEADER") == "secret header"
                if not good:
                    return self.answer(400, b'{"error":"invalid_request","error_description":"no header"}')
                self.answer(200, json.dumps({"access_token": outer.token, "expires_in": str(outer.lasts)}).encode())

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                outer.asked.append((self.path, dict(self.headers), form))
                if form.get("Action"):
                    until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
                    return self.answer(
                        200,
                        (
                            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIA1</AccessKeyId>"
                            "<SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken>"
                            f"<Expiration>{until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
                        ).encode(),
                        "text/xml",
                    )
                if form.get("client_secret") == "wrong":
                    return self.answer(401, b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}')
                self.answer(200, json.dumps({"access_token": outer.token, "expires_in": outer.lasts}).encode())

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


# ------------------------------------------------------------------ a proxy that breaks connections


class Proxy:
    """Passes HTTP/1.1 requests on to a port, one after the other, and counts them. `plan` says what to do with the n-th (from 1):

    refuse    closes the connection, the request is not passed on
    cut       passes half of the body on, then closes both sides
    lose      passes it on, and closes before the answer
    short     passes it on, and gives half of the answer
    busy      answers 503, the request is not passed on
    before, after    kills the client: the request is not passed on, or it is
    """

    def __init__(self, target):
        self.target = target
        self.plan, self.count, self.victim = {}, 0, None
        self.seen = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def reset(self, plan=None, victim=None):
        with self.lock:
            self.plan, self.count, self.victim, self.seen = plan or {}, 0, victim, []

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                for s in (client, server):
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                source, answers_ = client.makefile("rb"), server.makefile("rb")
                while self.one(client, server, source, answers_):
                    pass
        except OSError:
            pass

    def message(self, source):
        head = b""
        while True:
            line = source.readline()
            if not line:
                return None, None
            head += line
            if line == b"\r\n":
                break
        fields = {k.strip().lower(): v.strip() for k, _, v in (h.partition(":") for h in head.decode("latin-1").split("\r\n")[1:])}
        return head, fields

    def one(self, client, server, source, answers_):
        head, fields = self.message(source)
        if head is None:
            return False
        with self.lock:
            self.count += 1
            act = self.plan.get(self.count)
            self.seen.append(head.split(b"\r\n")[0].decode("latin-1"))
            victim = self.victim
        method = head.split(b" ")[0]
        body = source.read(int(fields.get("content-length", 0)))
        if act == "refuse":
            return False
        if act == "busy":
            client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
            return True
        if act == "before":
            os.kill(victim, signal.SIGKILL)
            return False
        if act == "cut":
            server.sendall(head + body[: len(body) // 2])
            return False
        server.sendall(head + body)
        answer, fields = self.message(answers_)
        if answer is None:
            return False
        if method == b"HEAD" or answer.split(b" ")[1] in (b"204", b"304"):
            got = b""
        elif fields.get("transfer-encoding", "").lower() == "chunked":
            got = b""
            while True:
                line = answers_.readline()
                n = int(line.split(b";")[0], 16)
                got += line + answers_.read(n + 2)
                if n == 0:
                    break
        else:
            got = answers_.read(int(fields.get("content-length", 0)))
        if act == "after":
            os.kill(victim, signal.SIGKILL)
            return False
        if act == "lose":
            return False
        whole = answer + got
        client.sendall(whole[: len(whole) // 2] if act == "short" else whole)
        return act != "short" and fields.get("connection", "").lower() != "close"

    def stop(self):
        self.listener.close()
