"""Tables in Azure Blob Storage and S3: read and written beside delta-rs, with every fault on the way."""

import http.server
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
import stores

deltalake = pytest.importorskip("deltalake")
import pyarrow as pa  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("PAYSTREAK_TREE", "release")
TOOLS = ROOT / "build" / TREE / "tests" / "unit" / "lake"
MAKE_FLAGS = {"debug": ["DEBUG=1"], "asan": ["SAN=address,undefined"], "release": []}[TREE]
SOAK = bool(os.environ.get("SOAK"))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session", autouse=True)
def tools():
    if not os.environ.get("LAKE_TOOL"):
        targets = [str((TOOLS / t).relative_to(ROOT)) for t in ("lake_tool", "store_tool")]
        subprocess.run(["make", "-s", *MAKE_FLAGS, *targets], cwd=ROOT, check=True)


def tool_path(name):
    return os.environ.get(name.upper()) or str(TOOLS / name)


@pytest.fixture(scope="session")
def azure(tmp_path_factory):
    server = stores.Azure(tmp_path_factory.mktemp("azurite"))
    server.make_container("lake")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    server = stores.S3(tmp_path_factory.mktemp("moto"))
    server.make_bucket("lake")
    yield server
    server.stop()


class Place:
    """One store as the tools and as delta-rs name it."""

    def __init__(self, kind, server, folder):
        self.kind, self.server, self.folder = kind, server, folder

    def ours(self, path, port=None):
        uri = self.folder / path if self.kind == "file" else self.server.uri("lake", path)
        return str(uri).replace(f":{self.server.port}/", f":{port}/") if port else str(uri)

    def theirs(self, path):
        return str(self.folder / path) if self.kind == "file" else {"azure": "az", "s3": "s3"}[self.kind] + f"://lake/{path}"

    def options(self):
        return None if self.kind == "file" else self.server.deltalake_options()

    def rows(self, path, column="id"):
        table = deltalake.DeltaTable(self.theirs(path), storage_options=self.options()).to_pyarrow_table()
        return sorted(table.column(column).to_pylist(), key=lambda v: (v is None, v))

    def append(self, path, columns, **more):
        deltalake.write_deltalake(self.theirs(path), pa.table(columns), mode="append", storage_options=self.options(), **more)


@pytest.fixture(params=["azure", "s3"])
def remote(request, tmp_path):
    return Place(request.param, request.getfixturevalue(request.param), tmp_path)


@pytest.fixture(params=["file", "azure", "s3"])
def place(request, tmp_path):
    server = None if request.param == "file" else request.getfixturevalue(request.param)
    return Place(request.param, server, tmp_path)


class Tool:
    """A tool's process: a command a line in, lines up to ok or error out."""

    def __init__(self, name, cache, **env):
        self.process = subprocess.Popen(
            [tool_path(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **KEYS, "PAYSTREAK_CACHE_DIR": str(cache), **env}
        )

    def run(self, command):
        """Its lines; raises on error. None: the process died."""
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == "ok":
                return lines
            if line.startswith("error "):
                raise RuntimeError(line)
            lines.append(line)
        self.process.wait()
        return None

    def all(self, *commands):
        return [self.run(c) for c in commands]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(name="lake_tool", **env):
        running.append(Tool(name, tmp_path / "cache", **env))
        return running[-1]

    yield begin
    for t in running:
        if t.process.poll() is None:
            t.close()


def fails(tool, command, *words):
    with pytest.raises(RuntimeError) as e:
        tool.run(command)
    for w in words:
        assert w in str(e.value)


# ------------------------------------------------------------------ stores


def test_objects(place, start, tmp_path):
    tool = start("store_tool")
    tool.run("open " + place.ours("objects"))
    assert tool.run("list") == []
    assert tool.run("new log/2 two") == ["done"]
    assert tool.run("new log/2 other") == ["exists"]
    tool.all("put log/1 one", "put p=a%20b%/ü+x.parquet data", "put log/sub/3 three")
    assert tool.run("get log/2") == ["two"]
    assert tool.run("get p=a%20b%/ü+x.parquet") == ["data"]
    assert tool.run("range log/sub/3 1 3") == ["hre"]
    assert [line.split()[:2] for line in tool.run("list")] == [["log/1", "3"], ["log/2", "3"], ["log/sub/3", "5"], ["p=a%20b%/ü+x.parquet", "4"]]
    assert [line.split()[0] for line in tool.run("list log/ log/2")] == ["log/2", "log/sub/3"]
    size, seconds = tool.run("stat log/2")[0].split()
    assert size == "3" and abs(int(seconds) - time.time()) < 100
    fails(tool, "get none", "NOT_FOUND")
    fails(tool, "stat none", "NOT_FOUND")
    fails(tool, "put ../x y", "INPUT")
    tool.all("remove log/1", "remove log/1")
    assert len(tool.run("list")) == 3
    assert tool.run("race r 16") == ["done 1 exists 15 others 0"]


def test_large_objects(place, start, tmp_path):
    tool = start("store_tool")
    big = tmp_path / "big"
    big.write_bytes(random.Random(1).randbytes(20_000_000))
    tool.run("open " + place.ours("large"))
    tool.run(f"up part.parquet {big}")
    tool.run(f"down part.parquet {tmp_path / 'again'} {big.stat().st_size}")
    assert (tmp_path / "again").read_bytes() == big.read_bytes()
    if place.kind != "file":
        fails(tool, f"down part.parquet {tmp_path / 'short'} 1000", "CORRUPT")
        assert not (tmp_path / "short").exists()


def test_listing_pages(remote, start):
    """More objects than a page of S3 holds, a page of Azurite being 5,000."""
    tool = start("store_tool")
    tool.run("open " + remote.ours("pages"))
    many = 1100 if remote.kind == "s3" or not SOAK else 5100
    threads = [start("store_tool") for _ in range(4)]

    def fill(t, k):
        t.run("open " + remote.ours("pages"))
        for i in range(k, many, 4):
            t.run(f"put log/{i:020d}.json x")

    work = [threading.Thread(target=fill, args=(t, k)) for k, t in enumerate(threads)]
    [w.start() for w in work]
    [w.join() for w in work]
    names = [line.split()[0] for line in tool.run("list log/")]
    assert names == [f"log/{i:020d}.json" for i in range(many)]
    assert len(tool.run(f"list log/ log/{many - 7:020d}")) == 7


def test_azure_credentials(azure, start):
    uri = azure.uri("lake", "credentials")
    tool = start("store_tool", AZURE_STORAGE_SAS_TOKEN=azure.sas())
    tool.all("open " + uri, "put a b")
    assert tool.run("get a") == ["b"]
    tool = start("store_tool", AZURE_STORAGE_SAS_TOKEN=azure.sas("r"))
    tool.run("open " + uri)
    assert tool.run("get a") == ["b"]
    fails(tool, "put a c", "AUTH", "final")
    tool = start("store_tool", AZURE_STORAGE_KEY="d3Jvbmc=")
    tool.run("open " + uri)
    fails(tool, "get a", "AUTH")
    tool = start("store_tool", AZURE_STORAGE_CONNECTION_STRING=f"AccountName={stores.ACCOUNT};AccountKey={stores.KEY}")
    tool.run("open " + uri)
    assert tool.run("get a") == ["b"]
    fails(start("store_tool", AZURE_STORAGE_ACCOUNT="other", AZURE_STORAGE_KEY="d3Jvbmc="), "open " + uri, "AUTH", "other")
    tool = start("store_tool")
    tool.run("open " + azure.uri("nothing", "x"))
    fails(tool, "list", "ContainerNotFound")


class Bearer:
    """A Blob endpoint that answers one HEAD to whoever has the token."""

    def __init__(self, token):
        outer = self
        self.token, self.asked = token, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_HEAD(self):
                outer.asked += 1
                good = self.headers.get("Authorization") == f"Bearer {outer.token}" and self.headers.get("x-ms-version")
                self.send_response(200 if good else 401)
                self.send_header("Content-Length", "7")
                self.send_header("Last-Modified", "Tue, 24 Nov 2026 06:53:09 GMT")
                self.end_headers()

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.mark.parametrize("way", ["secret", "workload", "app service", "machine"])
def test_azure_identities(way, start, tmp_path):
    identity, blob = stores.Identity(), Bearer("token-1")
    (tmp_path / "assertion").write_text("the.signed.jwt\n")
    here = f"http://127.0.0.1:{identity.port}"
    env = {
        "secret": {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "me", "AZURE_CLIENT_SECRET": "s&cret=", "AZURE_AUTHORITY_HOST": here},
        "workload": {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "me", "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "assertion"), "AZURE_AUTHORITY_HOST": here + "/"},
        "app service": {"IDENTITY_ENDPOINT": here + "/msi/token", "IDENTITY_HEADER": "secret header"},
        "machine": {"AZURE_USE_MANAGED_IDENTITY": "true", "AZURE_CLIENT_ID": "me", "AZURE_POD_IDENTITY_AUTHORITY_HOST": here},
    }[way]
    tool = start("store_tool", **env)
    tool.run(f"open azure+http://127.0.0.1:{blob.port}/acct/c/t")
    for _ in range(3):
        assert tool.run("stat a") == ["7 1795503189"]
    assert blob.asked == 3
    [(path, headers, form)] = identity.asked  # one token for all
    if way in ("secret", "workload"):
        assert path == "/tenant/oauth2/v2.0/token" and form["scope"] == "https://storage.azure.com/.default" and form["client_id"] == "me"
        assert form.get("client_secret", form.get("client_assertion")) == {"secret": "s&cret=", "workload": "the.signed.jwt"}[way]
    else:
        assert "resource=https%3A%2F%2Fstorage.azure.com%2F" in path
    identity.stop()
    blob.stop()


def test_azure_tokens_are_renewed(start):
    identity, blob = stores.Identity(lasts=0), Bearer("token-1")
    env = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "me", "AZURE_CLIENT_SECRET": "s", "AZURE_AUTHORITY_HOST": f"http://127.0.0.1:{identity.port}"}
    tool = start("store_tool", **env)
    tool.run(f"open azure+http://127.0.0.1:{blob.port}/acct/c/t")
    tool.run("stat a")
    identity.token = blob.token = "token-2"
    assert tool.run("stat a") == ["7 1795503189"]
    assert len(identity.asked) == 2
    tool = start("store_tool", **{**env, "AZURE_CLIENT_SECRET": "wrong"})
    tool.run(f"open azure+http://127.0.0.1:{blob.port}/acct/c/t")
    fails(tool, "stat a", "AUTH", "AADSTS7000215")
    identity.stop()
    blob.stop()


def test_s3_credentials(s3, start, tmp_path):
    """moto takes any signature; what we send is what the service would look at."""
    identity, proxy = stores.Identity(), stores.Proxy(s3.port)
    (tmp_path / "token").write_text("jwt")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id=AKID\naws_secret_access_key=S\n")
    uri = f"s3+http://127.0.0.1:{proxy.port}/lake/credentials"
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    tool = start("store_tool", **none, AWS_ROLE_ARN="arn:aws:iam::1:role/r", AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"), AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{identity.port}/")
    tool.all("open " + uri, "put a b")
    assert tool.run("get a") == ["b"]
    [(_, _, form)] = identity.asked
    assert form["RoleArn"] == "arn:aws:iam::1:role/r" and form["WebIdentityToken"] == "jwt"
    tool = start("store_tool", **none, AWS_PROFILE="work", AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"))
    tool.run("open " + uri)
    assert tool.run("get a") == ["b"]
    tool = start("store_tool", AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{s3.port}")
    tool.run("open s3://lake/credentials")
    assert tool.run("get a") == ["b"]
    tool = start("store_tool", AWS_CONDITIONAL_PUT="false")
    tool.run("open " + uri)
    fails(tool, "new c d", "UNSUPPORTED", "AWS_CONDITIONAL_PUT")
    identity.stop()
    proxy.stop()


# ------------------------------------------------------------------ tables, both ways

CREATE = "create id BIGINT, p STRING;p"


def append(tool, uri, ident, p="x"):
    tool.all(f"table {uri}", "begin", f"write SELECT {ident}::BIGINT AS id, '{p}' AS p")
    return tool.run("commit")


def new_table(tool, uri):
    tool.all(f"table {uri}", "begin", CREATE, "write SELECT i AS id, 'a b=' || (i % 3) AS p FROM range(6) t(i)", "commit")


def test_ours_read_by_delta_rs(remote, start):
    tool = start()
    new_table(tool, remote.ours("ours"))
    append(tool, remote.ours("ours"), 6, "ü/%")
    assert remote.rows("ours") == list(range(7))
    assert remote.rows("ours", "p") == ["a b=0", "a b=0", "a b=1", "a b=1", "a b=2", "a b=2", "ü/%"]
    tool.run("checkpoint")
    append(tool, remote.ours("ours"), 7)
    assert remote.rows("ours") == list(range(8))
    assert deltalake.DeltaTable(remote.theirs("ours"), storage_options=remote.options()).version() == 2
    tool.run("compact")
    assert remote.rows("ours") == list(range(8))
    tool.run("vacuum 0")
    assert remote.rows("ours") == list(range(8))
    history = deltalake.DeltaTable(remote.theirs("ours"), storage_options=remote.options()).history()
    assert len(history) >= 1


def test_theirs_read_by_us(remote, start):
    tool = start()
    for i in range(3):
        remote.append("theirs", {"id": [2 * i, 2 * i + 1], "p": ["x y", "%ü"]}, partition_by=["p"])
    tool.run("table " + remote.ours("theirs"))
    ids = lambda lines: sorted(json.loads(line)["id"] for line in lines)  # noqa: E731
    assert ids(tool.run("read")) == list(range(6))
    assert ids(tool.run("read 0")) == [0, 1]
    theirs = deltalake.DeltaTable(remote.theirs("theirs"), storage_options=remote.options())
    theirs.create_checkpoint()
    remote.append("theirs", {"id": [6], "p": ["z"]})
    assert ids(tool.run("read")) == list(range(7))  # the handle goes on
    assert ids(start().all("table " + remote.ours("theirs"), "read")[1]) == list(range(7))  # from the checkpoint
    append(tool, remote.ours("theirs"), 7)
    assert remote.rows("theirs") == list(range(8))


def test_a_table_made_anew_is_seen(remote, start):
    tool = start()
    new_table(tool, remote.ours("anew"))
    assert len(tool.run("read")) == 6
    sweep = start("store_tool")
    sweep.run("open " + remote.ours("anew"))
    for line in sweep.run("list"):
        sweep.run("remove " + line.split(" ")[0] if " 0x" not in line else "remove " + line.rsplit(" ", 3)[0])
    remote.append("anew", {"id": [41, 42]})
    assert [json.loads(line)["id"] for line in tool.run("read")] == [41, 42]


def test_writers_beside_each_other(place, start):
    """Ours and delta-rs append to one table: nothing is lost, nothing doubled, no gap."""
    each, ours = (10, 3) if SOAK else (4, 2)
    new_table(start(), place.ours("beside"))

    def our_writer(k):
        tool = start()
        for i in range(each):
            append(tool, place.ours("beside"), 1000 * (k + 1) + i)

    def their_writer(k):
        for i in range(each):
            for _ in range(100):
                try:
                    place.append("beside", {"id": [1000 * (k + 1) + i], "p": ["x"]})
                    break
                except deltalake.exceptions.CommitFailedError:
                    continue

    work = [threading.Thread(target=our_writer, args=(k,)) for k in range(ours)] + [threading.Thread(target=their_writer, args=(ours,))]
    [w.start() for w in work]
    [w.join() for w in work]
    wanted = list(range(6)) + [1000 * (k + 1) + i for k in range(ours + 1) for i in range(each)]
    assert place.rows("beside") == wanted
    assert deltalake.DeltaTable(place.theirs("beside"), storage_options=place.options()).version() == (ours + 1) * each


def test_rows_are_changed(remote, start, tmp_path):
    """DELETE, UPDATE and MERGE, copying files and with deletion vectors."""
    uri, tool = remote.ours("changed"), start()
    new_table(tool, uri)
    tool.all("begin", 'delete t."id" = 4', "commit")
    tool.all("begin", "update p = 'new' WHERE t.\"id\" = 5", "commit")
    tool.all("begin", "merge SELECT 0::BIGINT AS id, 'm' AS p UNION ALL SELECT 50, 'n' ; t.\"id\" = s.\"id\"", "commit")
    assert remote.rows("changed") == [0, 1, 2, 3, 5, 50]
    assert sorted(remote.rows("changed", "p")) == ["a b=0", "a b=1", "a b=2", "m", "n", "new"]
    tool.all("begin", "property delta.enableDeletionVectors true", "commit")
    tool.all("begin", 'write SELECT i AS id, \'v\' AS p FROM range(100, 110) t(i)', "commit")
    tool.all("begin", 'delete t."id" IN (101, 102)', "commit")
    tool.all("begin", 'delete t."id" = 103', "commit")
    want = [0, 1, 2, 3, 5, 50, 100, *range(104, 110)]
    fresh = start(PAYSTREAK_CACHE_DIR=str(tmp_path / "other"))
    for t in (tool, fresh):
        assert sorted(json.loads(line)["id"] for line in t.all(f"table {uri}", "read")[1]) == want
    fresh.all("compact", "vacuum 0")
    assert sorted(json.loads(line)["id"] for line in tool.run("read")) == want


class OwnEndpoint:
    """The project's own storage endpoint, by its Blob or its Data Lake dialect."""

    def __init__(self, storage, scheme):
        self.storage, self.scheme, self.port = storage, scheme, storage.port

    def uri(self, container, path):
        return f"{self.scheme}+http://127.0.0.1:{self.port}/{self.storage.account}/{container}/{path}"

    def deltalake_options(self, port=None):
        return {"account_name": self.storage.account, "account_key": self.storage.key, "azure_storage_endpoint": self.storage.url, "allow_http": "true"}


@pytest.mark.parametrize("scheme", ["azure", "dfs"])
def test_own_endpoint(scheme, start, tmp_path):
    """Both dialects, on the endpoint that serves them here: a rename makes a Data Lake file appear whole, once."""
    import storaged

    storage = storaged.Storage(tmp_path / "state")
    try:
        (tmp_path / "state" / "storage" / storage.account / "lake").mkdir(parents=True, exist_ok=True)
        place = Place("azure", OwnEndpoint(storage, scheme), tmp_path)
        key = {"AZURE_STORAGE_KEY": storage.key}
        tool = start("store_tool", **key)
        tool.run("open " + place.ours("objects"))
        assert tool.run("list") == []
        assert tool.run("new log/1 one") == ["done"]
        assert tool.run("new log/1 other") == ["exists"]
        assert tool.run("race r 16") == ["done 1 exists 15 others 0"]
        assert tool.run("get log/1") == ["one"]
        big = tmp_path / "big"
        big.write_bytes(random.Random(2).randbytes(17_000_000))
        tool.all(f"up large {big}", f"down large {tmp_path / 'again'} {big.stat().st_size}")
        assert (tmp_path / "again").read_bytes() == big.read_bytes()
        assert [line.split()[0] for line in tool.run("list")] == ["large", "log/1", "r"]  # nothing hidden is left
        tool = start(**key)
        new_table(tool, place.ours("table"))
        tool.run("checkpoint")
        append(tool, place.ours("table"), 6)
        assert place.rows("table") == list(range(7))
        place.append("table", {"id": [7], "p": ["z"]})
        assert sorted(json.loads(line)["id"] for line in tool.run("read")) == list(range(8))
    finally:
        storage.process.kill()
        storage.process.wait()


def test_clock_steps(start, tmp_path):
    """The clock stood wrong while commits were made: versions stay in order, nothing young or live is deleted."""
    place, tool = Place("file", None, tmp_path), start()
    new_table(tool, place.ours("clock"))
    for i in range(6, 10):
        append(tool, place.ours("clock"), i)
    log = tmp_path / "clock" / "_delta_log"
    for version, off in ((1, -86400 * 40), (2, 86400 * 40), (3, -3600)):
        os.utime(log / f"{version:020d}.json", (time.time() + off,) * 2)
    for data in (tmp_path / "clock").rglob("*.parquet"):
        os.utime(data, (time.time() - 86400 * 20,) * 2)
    for t in (tool, start()):
        t.run("table " + place.ours("clock"))
        assert sorted(json.loads(line)["id"] for line in t.run("read")) == list(range(10))
        assert sorted(json.loads(line)["id"] for line in t.run("read 2")) == list(range(8))
        t.all("checkpoint", "clean", "vacuum 604800000")
    append(tool, place.ours("clock"), 10)
    assert place.rows("clock") == list(range(11))


# ------------------------------------------------------------------ the cache


def cached(tmp_path):
    return list((tmp_path / "cache" / "objects").iterdir())


def test_cache_is_bounded(remote, start, tmp_path):
    tool = start(PAYSTREAK_CACHE_BYTES="100000")
    uri = remote.ours("cache")
    tool.all(f"table {uri}", "begin", "create id BIGINT, x BINARY", "commit")
    for i in range(6):
        tool.all("begin", f"write SELECT {i}::BIGINT AS id, encode(string_agg(md5('{i} ' || j), '')) AS x FROM range(600) t(j)", "commit")
        assert sum(f.stat().st_size for f in cached(tmp_path)) <= 100_000
    fails(tool, "read", "LIMIT", "PAYSTREAK_CACHE_BYTES", uri)
    for wrong in ("10G", "0", "-1"):
        odd = start(PAYSTREAK_CACHE_BYTES=wrong)
        odd.run(f"table {uri}")
        fails(odd, "read", "INPUT", f"PAYSTREAK_CACHE_BYTES is '{wrong}'")
    tool.all("begin", "write SELECT 9::BIGINT AS id, encode(string_agg(md5('x' || j), '')) AS x FROM range(9000) t(j)", "commit")
    fails(tool, "read", "LIMIT", "is larger than the cache", "part-")
    other = start(PAYSTREAK_CACHE_BYTES="10000000", PAYSTREAK_CACHE_DIR=str(tmp_path / "other"))
    assert len(other.all(f"table {uri}", "read")[1]) == 7
    assert sum(f.stat().st_size for f in cached(tmp_path)) <= 100_000


def test_cache_survives_kill(remote, start, tmp_path):
    """A killed process leaves pins, half-fetched and staged files: the next one removes them, and trusts what is whole."""
    uri = remote.ours("killed")
    new_table(start(), uri)
    proxy = stores.Proxy(remote.server.port)
    victim = start()
    proxy.reset({4: "after"}, victim.process.pid)
    victim.all("table " + remote.ours("killed", proxy.port), "begin")
    victim.run("write SELECT 1 AS id, 'x' AS p")
    if victim.process.poll() is None:
        victim.process.kill()
    victim.process.wait()
    assert len(list((tmp_path / "cache" / "users").glob("*.lock"))) >= 1
    fresh = start()
    assert len(fresh.all(f"table {uri}", "read")[1]) == 6
    locks = {f.stem for f in (tmp_path / "cache" / "users").glob("*.lock")}
    folders = {f.name for f in (tmp_path / "cache" / "users").iterdir() if f.is_dir()}
    assert folders <= locks
    proxy.stop()


# ------------------------------------------------------------------ faults

NETWORK = ["refuse", "cut", "lose", "short", "busy", "before", "after"]
OPERATIONS = {
    "commit": lambda k: ["begin", f"write SELECT {k}::BIGINT AS id, 'x' AS p", "commit"],
    "checkpoint": lambda k: ["checkpoint", "clean"],
    "compact": lambda k: ["compact"],
    "vacuum": lambda k: ["vacuum 0"],
}


def run_all(tool, commands):
    """'done' if all succeeded, 'failed' if one did not, 'died'."""
    try:
        for c in commands:
            if tool.run(c) is None:
                return "died"
    except RuntimeError as e:
        return f"failed: {e}"
    return "done"


def check_after(place, name, operation, before, k, outcome):
    after = place.rows(name)
    if operation == "commit":
        assert after in (before, before + [k]), (operation, outcome)
        if outcome == "done":
            assert after == before + [k]
    else:
        assert after == before, (operation, outcome)
    return after


@pytest.mark.parametrize("operation", OPERATIONS)
def test_network_faults(remote, operation, start):
    """The n-th request is refused, cut, lost or answered short, or the process dies there: delta-rs reads the table after each."""
    print(f"SEED={SEED}")
    proxy = stores.Proxy(remote.server.port)
    name = f"faults-{operation}"
    new_table(start(), remote.ours(name))
    before = remote.rows(name)
    uri = remote.ours(name, proxy.port)

    def attempt(plan, k):
        tool = start()
        tool.run("table " + uri)
        proxy.reset(plan, tool.process.pid)
        outcome = run_all(tool, OPERATIONS[operation](k))
        seen = proxy.count
        if tool.process.poll() is None:
            tool.close()
        proxy.reset()
        return outcome, seen

    outcome, requests = attempt({}, 500)
    assert outcome == "done"
    before = check_after(remote, name, operation, before, 500, outcome)
    cases = list(itertools.product(range(1, requests + 1), NETWORK))
    if not SOAK:
        cases = random.Random(f"{SEED} {operation} {remote.kind}").sample(cases, min(len(cases), 10))
    for number, (nth, fault) in enumerate(cases):
        k = 1000 + number
        if operation == "compact":
            remote.append(name, {"id": [k], "p": ["x"]})
            before = before + [k]
        outcome, _ = attempt({nth: fault}, k)
        if fault not in ("before", "after"):
            assert outcome == "done", (nth, fault, outcome)  # one fault is never seen outside
        before = check_after(remote, name, operation, before, k, outcome)
    proxy.stop()


def test_commit_of_unknown_outcome(remote, start):
    """The commit's answer is lost and the store is gone: the error says so, nothing is deleted, the commit is whole."""
    proxy = stores.Proxy(remote.server.port)
    new_table(start(), remote.ours("unknown"))
    tool = start()
    tool.all("table " + remote.ours("unknown", proxy.port), "begin", "write SELECT 77 AS id, 'x' AS p")
    proxy.reset({1: "none", 2: "lose", **{n: "refuse" for n in range(3, 100)}})
    fails(tool, "commit", "it is not known whether")
    assert "PUT" in proxy.seen[0] and "PUT" in proxy.seen[1]
    proxy.reset()
    assert remote.rows("unknown") == list(range(6)) + [77]
    # It is lost before the store: then nothing is there, and the next commit takes the version.
    tool.all("begin", "write SELECT 78 AS id, 'x' AS p")
    proxy.reset({1: "none", **{n: "refuse" for n in range(2, 100)}})
    fails(tool, "commit", "it is not known whether")
    proxy.reset()
    assert remote.rows("unknown") == list(range(6)) + [77]
    append(tool, remote.ours("unknown", proxy.port), 79)
    assert remote.rows("unknown") == list(range(6)) + [77, 79]
    proxy.stop()


def test_lost_answer_of_another_winner(remote, start):
    """The answer to a commit is lost and somebody else has its version: ours goes to the next one, once."""
    proxy = stores.Proxy(remote.server.port)
    new_table(start(), remote.ours("winner"))
    tool = start()
    tool.all("table " + remote.ours("winner", proxy.port), "begin", "write SELECT 77 AS id, 'x' AS p")
    remote.append("winner", {"id": [50], "p": ["y"]})
    proxy.reset({2: "lose"})
    assert tool.run("commit") == ["version 2"]
    assert remote.rows("winner") == list(range(6)) + [50, 77]
    proxy.stop()


@pytest.fixture(params=["azure", "s3", "dfs"])
def through_proxy(request, start, tmp_path):
    """A store's tool and address behind a proxy, with a connection that is kept. The Data Lake dialect is our own endpoint's."""
    import storaged

    storage = storaged.Storage(tmp_path / "state") if request.param == "dfs" else None
    if storage:
        (tmp_path / "state" / "storage" / storage.account / "lake").mkdir(parents=True, exist_ok=True)
    server = OwnEndpoint(storage, "dfs") if storage else request.getfixturevalue(request.param)
    proxy = stores.Proxy(server.port)
    tool = start("store_tool", **({"AZURE_STORAGE_KEY": storage.key} if storage else {}))
    uri = server.uri("lake", f"kept-{tmp_path.name}").replace(f":{server.port}/", f":{proxy.port}/")
    tool.all("open " + uri, "put warm x")
    yield tool, uri, proxy
    proxy.stop()
    if storage:
        storage.process.kill()
        storage.process.wait()


def test_answers_lost_on_a_kept_connection(through_proxy, tmp_path):
    """libcurl sends such a request again by itself, and the name is taken then: by us. One answer lost is never seen outside."""
    tool, _, proxy = through_proxy
    proxy.reset()
    assert tool.run("new log/0 mine") == ["done"]
    for nth in range(1, proxy.count + 1):
        tool.run("get warm")
        proxy.reset({nth: "lose"})
        assert tool.run(f"new log/{nth} mine {nth}") == ["done"], nth
        assert tool.run(f"new log/{nth} other") == ["exists"], nth
        assert tool.run(f"get log/{nth}") == [f"mine {nth}"]
        proxy.reset({nth: "lose"})
        tool.all(f"put plain/{nth} some {nth}")
        assert tool.run(f"get plain/{nth}") == [f"some {nth}"]
    big = tmp_path / "big"
    big.write_bytes(random.Random(3).randbytes(9_000_000))
    proxy.reset()
    tool.run(f"up large/0 {big}")
    for nth in range(1, proxy.count + 1):
        tool.run("get warm")
        proxy.reset({nth: "lose"})
        tool.all(f"up large/{nth} {big}", f"down large/{nth} {tmp_path / 'again'} {big.stat().st_size}")
        assert (tmp_path / "again").read_bytes() == big.read_bytes(), nth


def test_commit_that_never_left(through_proxy, start):
    """Nobody listens: then it is known that nothing was written."""
    tool, uri, proxy = through_proxy
    port = stores.free_port()
    tool.run("open " + uri.replace(f":{proxy.port}/", f":{port}/"))
    fails(tool, "new log/never x", "error IO retriable", "cannot write")
    tool.run("open " + uri)
    fails(tool, "get log/never", "NOT_FOUND")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_disk_faults(operation, start, tmp_path):
    """The n-th call that changes a local file fails (the disk is full), is cut short, is the process's last, or the power goes."""
    print(f"SEED={SEED}")
    place = Place("file", None, tmp_path)
    new_table(start(), place.ours("disk"))
    before = place.rows("disk")

    def attempt(kind, nth, k):
        tool = start()
        tool.run("table " + place.ours("disk"))
        tool.run(f"fault {kind} {nth}")
        outcome = run_all(tool, OPERATIONS[operation](k))
        calls = int(tool.run("fault none")[0].split()[1]) if outcome == "done" else None
        if tool.process.poll() is None:
            tool.close()
        return outcome, calls

    outcome, calls = attempt("fail", 1_000_000, 500)
    assert outcome == "done"
    before = check_after(place, "disk", operation, before, 500, outcome)
    cases = list(itertools.product(range(1, calls + 1), ["fail", "short", "exit", "lose", "tear"]))
    if not SOAK:
        cases = random.Random(f"{SEED} {operation}").sample(cases, min(len(cases), 15))
    for number, (nth, kind) in enumerate(cases):
        k = 1000 + number
        if operation == "compact":
            place.append("disk", {"id": [k], "p": ["x"]})
            before = before + [k]
        outcome, _ = attempt(kind, nth, k)
        before = check_after(place, "disk", operation, before, k, outcome)


def test_read_only_folder(start):
    """Who may not write a table hears so, whatever the operation; what is there stays, and is read."""
    folder = Path(tempfile.mkdtemp(prefix="paystreak-test-"))  # where another user may go, unlike tmp_path
    try:
        place = Place("file", None, folder)
        new_table(start(), place.ours("t"))
        for i in range(6, 9):
            append(start(), place.ours("t"), i)
        files = sorted(p.relative_to(folder) for p in folder.rglob("*"))
        shutil.copy(tool_path("lake_tool"), folder / "tool")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        for name, commands in OPERATIONS.items():
            said = subprocess.run([*nobody, folder / "tool"], input="\n".join([f"table {place.ours('t')}", *commands(100)]) + "\n", capture_output=True, text=True).stdout
            assert name == "vacuum" or "Permission denied" in said and str(folder) in said, (name, said)
        said = subprocess.run([*nobody, folder / "tool"], input=f"table {place.ours('t')}\nread *\n", capture_output=True, text=True).stdout
        assert "error" not in said, said
        assert sorted(p.relative_to(folder) for p in folder.rglob("*") if p.name != "tool") == files and place.rows("t") == list(range(9))
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)
        shutil.rmtree(folder)


# ------------------------------------------------------------------ the program


def test_changes_and_checks(remote, start, tmp_path):
    """The change data feed, with deletion vectors whose files are nowhere here, and verify."""
    tool, uri = start(), remote.ours("feed")
    tool.all(f"table {uri}", "begin", CREATE, "property delta.enableChangeDataFeed true", "property delta.enableDeletionVectors true")
    tool.all("write SELECT i AS id, 'x' AS p FROM range(9) t(i)", "commit")
    for i in (3, 4):
        tool.all("begin", f'delete t."id" = {i}', "commit")
    program = os.environ.get("PAYSTREAK", str(ROOT / "build/release/paystreak"))
    (tmp_path / "project" / ".paystreak").mkdir(parents=True)
    more = ["--project", str(tmp_path / "project"), "--bind", f"s3://lake={remote.ours('')}", "--output", "json"]
    env = {**os.environ, **KEYS, "PAYSTREAK_CACHE_DIR": str(tmp_path / "other")}
    done = subprocess.run([program, "lake", "cat", "s3://lake/feed", "--cdf", "1", *more], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((r["_commit_version"], r["_change_type"], r["id"]) for r in rows) == [(1, "delete", 3), (2, "delete", 4)]
    done = subprocess.run([program, "lake", "verify", "s3://lake/feed", *more], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = start("store_tool")
    sweep.run("open " + uri)
    [victim] = [line.split(" ")[0] for line in sweep.run("list") if line.startswith("p=x/")]
    sweep.run("remove " + victim)
    env["PAYSTREAK_CACHE_DIR"] = str(tmp_path / "third")
    done = subprocess.run([program, "lake", "verify", "s3://lake/feed", *more], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and "is missing" in done.stdout


def test_command_line(remote, start, tmp_path):
    new_table(start(), remote.ours("program"))
    program = os.environ.get("PAYSTREAK", str(ROOT / "build/release/paystreak"))
    name = {"azure": "abfss://lake@acct.dfs.core.windows.net", "s3": "s3://lake"}[remote.kind]
    (tmp_path / "project" / ".paystreak").mkdir(parents=True)
    where = ["--project", str(tmp_path / "project"), "--bind", f"{name}={remote.ours('')}"]
    env = {**os.environ, **KEYS, "PAYSTREAK_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([program, "lake", "cat", name + "/program", "--output", "json", *where], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(line)["id"] for line in done.stdout.splitlines()) == list(range(6))
    sql = f"CREATE TABLE t USING delta LOCATION '{name}/program'; INSERT INTO t VALUES (60, 'q'); SELECT count(*) AS n, max(id) AS m FROM t"
    done = subprocess.run([program, "sql", sql, "--output", "json", *where], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert '"n":7' in done.stdout.replace(" ", "") and '"m":60' in done.stdout.replace(" ", "")
    assert remote.rows("program") == list(range(6)) + [60]
    new_table(start(), remote.ours("deep/er/table"))
    done = subprocess.run([program, "lake", "ls", name + "/deep", "--output", "json", *where], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["er/table"]
