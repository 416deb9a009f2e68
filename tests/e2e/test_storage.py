"""The storage endpoint with Azure's own clients, unmodified: Blob, Data Lake, Queue, and what is built on them.

What Azurite serves too runs against both.
"""

import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import os
import sqlite3
import subprocess
import uuid

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import (
    AccessPolicy, BlobBlock, BlobClient, BlobSasPermissions, BlobServiceClient, BlobType, ContainerSasPermissions, ContentSettings,
    ResourceTypes, AccountSasPermissions, StandardBlobTier, generate_account_sas, generate_blob_sas, generate_container_sas,
)

from azure.storage.filedatalake import DataLakeServiceClient, generate_directory_sas
from azure.storage.queue import QueueClient, QueueServiceClient, generate_queue_sas

from conftest import program
from storaged import Azurite, Storage

SOON = lambda: datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)  # noqa: E731
QUICK = {"retry_total": 0, "read_timeout": 20}


# Where Azurite is a second opinion. Elsewhere it lacks the operation or has codes that Azure has not.
BOTH = {
    "test_containers_are_made_listed_and_deleted", "test_large_blobs_go_in_blocks_and_stream", "test_blocks_are_staged_kept_and_committed",
    "test_append_blobs_grow", "test_conditions", "test_leases", "test_properties_tags_tier", "test_batch_deletes", "test_sas_of_an_account",
    "test_messages_come_and_go", "test_messages_wait_and_expire", "test_queues_are_listed_and_guarded", "test_adlfs", "test_the_javascript_client",
    "test_many_at_once",
}


def pytest_generate_tests(metafunc):
    if "storage" in metafunc.fixturenames:
        servers = ["ours", "azurite"] if metafunc.function.__name__ in BOTH and Azurite.SCRIPT.is_file() else ["ours"]
        metafunc.parametrize("storage", servers, indirect=True, scope="module")


@pytest.fixture(scope="module")
def storage(request, tmp_path_factory):
    state = tmp_path_factory.mktemp("storage") / "state"
    s = Azurite(state) if request.param == "azurite" else Storage(state)
    yield s
    s.stop()


@pytest.fixture
def service(storage):
    with BlobServiceClient.from_connection_string(storage.connection, **QUICK) as s:
        yield s


@pytest.fixture
def container(service):
    c = service.create_container("c" + uuid.uuid4().hex[:12])
    yield c


def code(e):
    return e.value.error_code


# ---------------------------------------------------------------- containers

def test_containers_are_made_listed_and_deleted(service):
    name = "box" + uuid.uuid4().hex[:8]
    c = service.create_container(name, metadata={"owner": "me"})
    with pytest.raises(ResourceExistsError) as e:
        service.create_container(name)
    assert code(e) == "ContainerAlreadyExists"
    assert c.get_container_properties().metadata == {"owner": "me"}
    c.set_container_metadata({"owner": "you", "Case": "Kept"})
    found = {x.name: x for x in service.list_containers(name_starts_with="box", include_metadata=True)}
    assert found[name].metadata["owner"] == "you"
    assert [p.name for p in service.list_containers(results_per_page=1).by_page().__next__()]
    c.delete_container()
    with pytest.raises(ResourceNotFoundError) as e:
        c.get_container_properties()
    assert code(e) == "ContainerNotFound"
    with pytest.raises(HttpResponseError) as e:
        service.create_container("UPPER")
    assert code(e) == "InvalidResourceName"


# ---------------------------------------------------------------- blobs

def test_a_blob_goes_in_and_comes_out(container, storage):
    b = container.get_blob_client("dir/sub dir/ä file.txt")
    data = os.urandom(100_000)
    done = b.upload_blob(data, metadata={"a": "1"}, content_settings=ContentSettings(content_type="text/x", cache_control="no-cache", content_language="de",
                         content_disposition="inline", content_encoding="identity"))
    assert done["etag"] and done["last_modified"]
    assert (storage.folder(container.container_name) / "dir/sub dir/ä file.txt").read_bytes() == data
    p = b.get_blob_properties()
    assert (p.size, p.metadata, p.content_settings.content_type, p.content_settings.content_language) == (len(data), {"a": "1"}, "text/x", "de")
    assert p.content_settings.content_md5 == hashlib.md5(data).digest() and p.blob_type == BlobType.BLOCKBLOB
    assert p.etag == done["etag"] and p.blob_tier == "Hot"
    assert b.download_blob().readall() == data
    assert b.download_blob(offset=10, length=20).readall() == data[10:30]
    assert b.download_blob(offset=10, length=20, validate_content=True).readall() == data[10:30]
    with pytest.raises(HttpResponseError) as e:
        b.download_blob(offset=len(data)).readall()
    assert code(e) == "InvalidRange"
    with pytest.raises(ResourceExistsError) as e:
        b.upload_blob(b"x")
    assert code(e) == "BlobAlreadyExists"
    b.upload_blob(b"", overwrite=True)
    assert b.download_blob().readall() == b""
    b.delete_blob()
    assert not b.exists()
    with pytest.raises(ResourceNotFoundError) as e:
        b.download_blob()
    assert code(e) == "BlobNotFound"


def test_large_blobs_go_in_blocks_and_stream(container):
    b = container.get_blob_client("large.bin")
    data = os.urandom(1 << 20) * 12
    c = BlobClient.from_blob_url(b.url, credential=b.credential, max_single_put_size=1 << 20, max_block_size=3 << 20, max_single_get_size=4 << 20, **QUICK)
    c.upload_blob(data, max_concurrency=3)
    assert hashlib.sha256(c.download_blob(max_concurrency=2).readall()).digest() == hashlib.sha256(data).digest()
    committed, staged = c.get_block_list("all")
    assert [x.size for x in committed] == [3 << 20] * 4 and not staged
    put = BlobClient.from_blob_url(b.url, credential=b.credential, max_single_put_size=64 << 20, **QUICK)
    put.upload_blob(data[: 9 << 20], overwrite=True, validate_content=True)
    assert put.get_blob_properties().size == 9 << 20


def test_blocks_are_staged_kept_and_committed(container, storage):
    b = container.get_blob_client("blocks")
    ids = [f"{i:04}" for i in range(4)]
    for i in ids[:3]:
        b.stage_block(i, f"<{i}>".encode(), validate_content=True)
    committed, staged = b.get_block_list("all")
    assert not committed and [s.id for s in staged] == ids[:3]
    with pytest.raises(ResourceNotFoundError):
        b.get_blob_properties()
    b.commit_block_list([BlobBlock(ids[1]), BlobBlock(ids[0])], metadata={"m": "1"}, content_settings=ContentSettings(content_type="a/b"))
    assert b.download_blob().readall() == b"<0001><0000>"
    committed, staged = b.get_block_list("all")
    assert [s.id for s in committed] == [ids[1], ids[0]] and not staged
    b.stage_block(ids[3], b"[new]")
    b.commit_block_list([BlobBlock(ids[0]), BlobBlock(ids[3]), BlobBlock(ids[1])])
    assert b.download_blob().readall() == b"<0000>[new]<0001>"
    with pytest.raises(HttpResponseError) as e:
        b.commit_block_list([BlobBlock("9999")])
    assert code(e) == "InvalidBlockList"
    with pytest.raises(HttpResponseError) as e:
        b.stage_block("0001x", b"other length", **{})
        b.stage_block("1", b"other length")
    assert code(e) == "InvalidBlobOrBlock"


def test_append_blobs_grow(container, storage):
    b = container.get_blob_client("log.txt")
    b.create_append_blob(content_settings=ContentSettings(content_type="text/plain"))
    for i in range(5):
        assert int(b.append_block(f"line {i}\n".encode())["blob_append_offset"]) == 7 * i
    assert b.download_blob().readall() == b"".join(b"line %d\n" % i for i in range(5))
    p = b.get_blob_properties()
    assert p.blob_type == BlobType.APPENDBLOB and p.append_blob_committed_block_count == 5 and p.content_settings.content_type == "text/plain"
    with pytest.raises(HttpResponseError) as e:
        b.append_block(b"x", appendpos_condition=3)
    assert code(e) == "AppendPositionConditionNotMet"
    with pytest.raises(HttpResponseError) as e:
        b.append_block(b"x", maxsize_condition=35)
    assert code(e) == "MaxBlobSizeConditionNotMet"
    b.seal_append_blob()
    with pytest.raises(HttpResponseError) as e:
        b.append_block(b"x")
    assert code(e) == "BlobIsSealed"
    container.upload_blob("block", b"1")
    with pytest.raises(HttpResponseError) as e:
        container.get_blob_client("block").append_block(b"2")
    assert code(e) == "InvalidBlobType"


def test_conditions(container):
    b = container.get_blob_client("cond")
    first = b.upload_blob(b"1")["etag"]
    second = b.upload_blob(b"2", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)["etag"]
    assert second != first
    with pytest.raises(ResourceModifiedError) as e:
        b.upload_blob(b"3", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
    assert code(e) == "ConditionNotMet"
    with pytest.raises(HttpResponseError) as e:
        b.get_blob_properties(etag=second, match_condition=MatchConditions.IfModified)
    assert e.value.status_code == 304
    with pytest.raises(HttpResponseError) as e:
        b.download_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    assert e.value.status_code == 412
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    with pytest.raises(HttpResponseError) as e:
        b.delete_blob(if_unmodified_since=old)
    assert e.value.status_code == 412
    b.set_blob_metadata({"x": "y"}, if_modified_since=old)
    assert b.get_blob_properties().etag != second
    missing = container.get_blob_client("missing")
    with pytest.raises(HttpResponseError) as e:
        missing.upload_blob(b"1", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
    assert code(e) == "ConditionNotMet"


def test_leases(container):
    b = container.get_blob_client("leased")
    b.upload_blob(b"1")
    lease = b.acquire_lease(15)
    for call in (lambda: b.upload_blob(b"2", overwrite=True), lambda: b.delete_blob(), lambda: b.set_blob_metadata({"a": "b"})):
        with pytest.raises(HttpResponseError) as e:
            call()
        assert code(e) == "LeaseIdMissing"
    with pytest.raises(HttpResponseError) as e:
        b.upload_blob(b"2", overwrite=True, lease=str(uuid.uuid4()))
    assert code(e) == "LeaseIdMismatchWithBlobOperation"
    with pytest.raises(HttpResponseError) as e:
        b.acquire_lease(15)
    assert code(e) == "LeaseAlreadyPresent"
    b.upload_blob(b"2", overwrite=True, lease=lease)
    p = b.get_blob_properties().lease
    assert (p.status, p.state, p.duration) == ("locked", "leased", "fixed")
    lease.renew()
    other = str(uuid.uuid4())
    lease.change(other)
    assert lease.id == other
    assert lease.break_lease(0) == 0
    assert b.get_blob_properties().lease.state == "broken"
    with pytest.raises(HttpResponseError) as e:
        lease.renew()
    assert code(e) == "LeaseIsBrokenAndCannotBeRenewed"
    lease.acquire(-1)
    assert b.get_blob_properties().lease.duration == "infinite"
    held = lease.id
    lease.release()
    with pytest.raises(HttpResponseError) as e:
        b.upload_blob(b"2", overwrite=True, lease=held)
    assert code(e) == "LeaseNotPresentWithBlobOperation"
    hold = container.acquire_lease(15)
    with pytest.raises(HttpResponseError) as e:
        container.delete_container()
    assert code(e) == "LeaseIdMissing"
    container.delete_container(lease=hold)


def test_listing(container, storage):
    names = ["a", "a-b", "dir/one", "dir/sub/two", "dir.txt", "dir0", "z z/ü", "é"]
    for n in names:
        container.upload_blob(n, n.encode(), metadata={"n": "1"})
    order = sorted(names, key=lambda n: n.encode())
    assert [b.name for b in container.list_blobs()] == order
    assert [b.name for b in container.list_blobs(name_starts_with="dir/")] == ["dir/one", "dir/sub/two"]
    assert [b.name for b in container.list_blobs(name_starts_with="di")] == ["dir.txt", "dir/one", "dir/sub/two", "dir0"]
    pages = [[b.name for b in page] for page in container.list_blobs(results_per_page=2).by_page()]
    assert pages == [order[i : i + 2] for i in range(0, len(order), 2)]
    walked = list(container.walk_blobs())
    assert sorted(w.name for w in walked) == ["a", "a-b", "dir.txt", "dir/", "dir0", "z z/", "é"]
    assert sorted(w.name for w in container.walk_blobs(name_starts_with="dir/")) == ["dir/one", "dir/sub/"]
    assert [w.name for page in container.walk_blobs(results_per_page=1).by_page() for w in page] == sorted(w.name for w in walked)
    assert [w.name for page in container.walk_blobs(name_starts_with="dir/", results_per_page=1).by_page() for w in page] == ["dir/one", "dir/sub/"]
    assert sorted(w.name for w in container.walk_blobs(delimiter="-")) == ["a", "a-", "dir.txt", "dir/one", "dir/sub/two", "dir0", "z z/ü", "é"]
    one = next(iter(container.list_blobs(name_starts_with="a-b", include=["metadata", "tags", "copy"])))
    assert one.metadata == {"n": "1"} and one.size == 3 and one.content_settings.content_md5 == hashlib.md5(b"a-b").digest()
    container.delete_blob("dir/one")
    container.delete_blob("dir/sub/two")
    assert "dir/" not in [w.name for w in container.walk_blobs()]
    container.upload_blob("dir", b"where only empty folders were")
    assert container.download_blob("dir").readall() == b"where only empty folders were"


def test_files_of_other_parts_are_blobs(container, storage):
    folder = storage.folder(container.container_name)
    (folder / "t/_delta_log").mkdir(parents=True)
    (folder / "t/_delta_log/0.json").write_text("{}")
    (folder / "t/.part.0123456789abcdef.tmp").write_text("half")
    assert [b.name for b in container.list_blobs()] == ["t/_delta_log/0.json"]
    b = container.get_blob_client("t/_delta_log/0.json")
    p = b.get_blob_properties()
    assert p.size == 2 and p.content_settings.content_type == "application/octet-stream"
    assert b.download_blob(etag=p.etag, match_condition=MatchConditions.IfNotModified).readall() == b"{}"
    b.set_blob_metadata({"k": "v"})
    assert b.get_blob_properties().metadata == {"k": "v"}
    (folder / "t/_delta_log/0.json").write_text("{ }")
    after = b.get_blob_properties()
    assert after.metadata == {} and after.size == 3 and after.etag != p.etag


@pytest.mark.parametrize("name", ["a/../b", "..", "a//b", "./x", "x/.", ".paystreak/meta.db", ".paystreak", "../c/x", "a/", ".f.0123456789abcdef.tmp", "%2e%2e/x", "a%2Fb"])
def test_names_never_leave_their_container(container, storage, name):
    import http.client
    from urllib.parse import quote

    sas = generate_container_sas(storage.account, container.container_name, account_key=storage.key, permission="rwdl", expiry=SOON())
    path = f"/{storage.account}/{container.container_name}/{quote(name, safe='/')}?{sas}"
    c = http.client.HTTPConnection("127.0.0.1", storage.port)
    c.request("PUT", path, b"data", {"x-ms-blob-type": "BlockBlob"})
    r = c.getresponse()
    r.read()
    assert r.status == 201
    inside = [p for p in storage.state.rglob("*") if p.is_file() and p.read_bytes() == b"data"]
    assert inside and all(storage.folder(container.container_name) in p.parents for p in inside)
    assert [b.name for b in container.list_blobs()] == [name]
    c.request("GET", path)
    assert c.getresponse().read() == b"data"
    c.request("DELETE", path)
    assert c.getresponse().status == 202


def test_properties_tags_tier(container):
    b = container.get_blob_client("p")
    b.upload_blob(b"1", tags={"team": "blue", "a b": "c/d"}, standard_blob_tier=StandardBlobTier.COOL)
    assert b.get_blob_tags() == {"team": "blue", "a b": "c/d"}
    b.set_blob_tags({"x": "1"})
    assert b.get_blob_tags() == {"x": "1"} and b.get_blob_properties().tag_count == 1
    assert b.get_blob_properties().blob_tier == "Cool"
    b.set_standard_blob_tier("Cold")
    assert b.get_blob_properties().blob_tier == "Cold"
    b.set_http_headers(ContentSettings(content_type="c/d"))
    p = b.get_blob_properties()
    assert p.content_settings.content_type == "c/d" and not p.content_settings.content_md5


def test_copies(container, storage):
    source = container.get_blob_client("src")
    source.upload_blob(os.urandom(3 << 20), metadata={"m": "1"}, content_settings=ContentSettings(content_type="t/u"))
    data = source.download_blob().readall()
    target = container.get_blob_client("copy/of")
    done = target.start_copy_from_url(source.url)
    assert done["copy_status"] == "success"
    p = target.get_blob_properties()
    assert p.metadata == {"m": "1"} and p.content_settings.content_type == "t/u" and p.copy.status == "success"
    assert target.download_blob().readall() == data
    sas = generate_blob_sas(storage.account, container.container_name, "src", account_key=storage.key, permission=BlobSasPermissions(read=True), expiry=SOON())
    container.get_blob_client("url").upload_blob_from_url(f"{source.url}?{sas}")
    assert container.download_blob("url").readall() == data
    b = container.get_blob_client("ranges")
    b.stage_block_from_url("1", source.url + "?" + sas, source_offset=0, source_length=100)
    b.stage_block_from_url("2", source.url + "?" + sas, source_offset=200, source_length=50)
    b.commit_block_list([BlobBlock("1"), BlobBlock("2")])
    assert b.download_blob().readall() == data[:100] + data[200:250]
    with pytest.raises(HttpResponseError) as e:
        target.start_copy_from_url("https://example.com/x")
    assert code(e) == "CannotVerifyCopySource"


def test_the_sums_of_a_copys_source_are_checked(container, storage):
    container.upload_blob("from", b"bytes")
    source = container.get_blob_client("from").url + "?" + generate_blob_sas(
        storage.account, container.container_name, "from", account_key=storage.key, permission=BlobSasPermissions(read=True), expiry=SOON())
    b = container.get_blob_client("to")
    for sums, wrong in [({"x-ms-source-content-crc64": "AAAAAAAAAAA="}, "Crc64Mismatch"), ({"x-ms-source-content-md5": "A" * 22 + "=="}, "Md5Mismatch")]:
        with pytest.raises(HttpResponseError) as e:
            b.stage_block_from_url("1", source, headers=sums)
        assert code(e) == wrong
        with pytest.raises(HttpResponseError) as e:
            b.upload_blob_from_url(source, headers=sums)
        assert code(e) == wrong and not b.exists()
    b.upload_blob_from_url(source, headers={"x-ms-source-content-md5": base64.b64encode(hashlib.md5(b"bytes").digest()).decode()})
    assert b.download_blob().readall() == b"bytes"


def test_batch_deletes(container):
    for i in range(5):
        container.upload_blob(f"b{i}", b"1")
    container.get_blob_client("b3").acquire_lease(15)
    answers = list(container.delete_blobs("b0", "b1", "missing", "b3", raise_on_any_failure=False))
    assert [a.status_code for a in answers] == [202, 202, 404, 412]
    assert [b.name for b in container.list_blobs()] == ["b2", "b3", "b4"]
    assert [a.status_code for a in container.set_standard_blob_tier_blobs("Cool", "b2", "b4")] == [200, 200]


def test_wrong_sums_are_refused(container):
    b = container.get_blob_client("sum")
    with pytest.raises(HttpResponseError) as e:
        b.upload_blob(b"data", headers={"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()})
    assert code(e) == "Md5Mismatch"
    assert not b.exists()


# ---------------------------------------------------------------- who may

def client(storage, path, sas):
    return BlobClient.from_blob_url(f"{storage.url}/{path}?{sas}", **QUICK)


def test_sas_of_a_blob(container, storage):
    container.upload_blob("s/x", b"secret")
    at = f"{container.container_name}/s/x"
    make = lambda **k: generate_blob_sas(storage.account, container.container_name, "s/x", account_key=storage.key, **{"expiry": SOON(), **k})  # noqa: E731
    assert client(storage, at, make(permission="r")).download_blob().readall() == b"secret"
    for sas, want in [
        (make(permission="w"), "AuthorizationPermissionMismatch"),
        (make(permission="r", expiry=datetime.datetime(2020, 1, 1)), "AuthenticationFailed"),
        (make(permission="r", start=SOON()), "AuthenticationFailed"),
        (make(permission="r", ip="10.0.0.1-10.0.0.9"), "AuthorizationSourceIPMismatch"),
        (make(permission="r", protocol="https"), "AuthorizationProtocolMismatch"),
        (make(permission="r").replace("sp=r", "sp=rw"), "AuthenticationFailed"),
        (generate_blob_sas(storage.account, container.container_name, "s/other", account_key=storage.key, permission="r", expiry=SOON()), "AuthenticationFailed"),
    ]:
        with pytest.raises(HttpResponseError) as e:
            client(storage, at, sas).download_blob().readall()
        assert code(e) == want
    assert client(storage, at, make(permission="r", ip="127.0.0.1")).download_blob().readall() == b"secret"
    typed = client(storage, at, make(permission="r", content_type="x/y", content_disposition="attachment")).get_blob_properties()
    assert typed.content_settings.content_type == "x/y"
    new = generate_blob_sas(storage.account, container.container_name, "s/new", account_key=storage.key, permission="c", expiry=SOON())
    client(storage, f"{container.container_name}/s/new", new).upload_blob(b"1")
    with pytest.raises(HttpResponseError) as e:
        client(storage, f"{container.container_name}/s/new", new).upload_blob(b"2", overwrite=True)
    assert code(e) == "AuthorizationPermissionMismatch"


def test_stored_policies(container, storage):
    container.upload_blob("x", b"1")
    container.set_container_access_policy({"readers": AccessPolicy(permission=ContainerSasPermissions(read=True), expiry=SOON())})
    assert list(container.get_container_access_policy()["signed_identifiers"])[0].id == "readers"
    sas = generate_container_sas(storage.account, container.container_name, account_key=storage.key, policy_id="readers")
    at = f"{container.container_name}/x"
    assert client(storage, at, sas).download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError) as e:
        client(storage, at, sas).delete_blob()
    assert code(e) == "AuthorizationPermissionMismatch"
    container.set_container_access_policy({})
    with pytest.raises(HttpResponseError) as e:
        client(storage, at, sas).download_blob()
    assert code(e) == "AuthenticationFailed"


def test_sas_of_an_account(storage, container):
    make = lambda types, perms: generate_account_sas(storage.account, storage.key, types, perms, SOON())  # noqa: E731
    s = BlobServiceClient(storage.url, make(ResourceTypes(service=True, container=True, object=True), AccountSasPermissions(read=True, list=True, write=True)), **QUICK)
    assert container.container_name in [c.name for c in s.list_containers()]
    s.get_container_client(container.container_name).upload_blob("x", b"1")
    s = BlobServiceClient(storage.url, make(ResourceTypes(object=True), AccountSasPermissions(read=True)), **QUICK)
    assert s.get_blob_client(container.container_name, "x").download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError) as e:
        list(s.list_containers())
    assert code(e) == "AuthorizationResourceTypeMismatch"


def test_keys(storage, container):
    from azure.core.pipeline.policies import CustomHookPolicy

    def names(request):
        request.http_request.headers["Authorization"] = "Bearer test-token"

    wrong = BlobServiceClient(storage.url, {"account_name": storage.account, "account_key": base64.b64encode(b"no" * 16).decode()}, **QUICK)
    with pytest.raises(HttpResponseError) as e:
        list(wrong.list_containers())
    assert code(e) == "AuthenticationFailed"
    none = BlobServiceClient(storage.url, **QUICK)
    with pytest.raises(HttpResponseError) as e:
        list(none.list_containers())
    assert code(e) == "NoAuthenticationInformation" and e.value.status_code == 401
    bearer = BlobServiceClient(storage.url, **QUICK)
    assert container.container_name in [c.name for c in bearer.list_containers(raw_request_hook=names)]
    assert CustomHookPolicy
    emulator = BlobServiceClient(f"http://127.0.0.1:{storage.port}/devstoreaccount1", {
        "account_name": "devstoreaccount1",
        "account_key": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="}, **QUICK)
    emulator.create_container("emulated").upload_blob("x", b"1")
    assert (storage.state / "storage/devstoreaccount1/emulated/x").read_bytes() == b"1"


def test_what_is_not_supported_is_refused_by_name(container):
    b = container.get_blob_client("page")
    for call, name in [(lambda: b.create_page_blob(512), "page blobs"), (lambda: container.get_blob_client("x").create_snapshot(), "SnapshotBlob")]:
        with pytest.raises(HttpResponseError) as e:
            call()
        assert code(e) == "FeatureNotSupported" and name in str(e.value) and e.value.status_code == 501
    b.upload_blob(b"1")
    for header, name in [("x-ms-encryption-scope", "encryption scopes"), ("x-ms-legal-hold", "legal holds"), ("x-ms-if-tags", "conditions on tags")]:
        for call in [b.get_blob_properties, lambda **k: b.stage_block("1", b"1", **k), lambda **k: b.upload_blob(b"2", overwrite=True, **k)]:
            with pytest.raises(HttpResponseError) as e:
                call(headers={header: "a"})
            assert e.value.status_code == 501
    with pytest.raises(HttpResponseError) as e:
        b.upload_blob(b"2", overwrite=True, headers={"x-ms-encryption-scope": "mine"})
    assert "encryption scopes" in str(e.value)
    for tier, why in [("Archive", "FeatureNotSupported"), ("Lukewarm", "InvalidHeaderValue")]:
        with pytest.raises(HttpResponseError) as e:
            b.upload_blob(b"2", overwrite=True, headers={"x-ms-access-tier": tier})
        assert code(e) == why and tier in str(e.value)
        with pytest.raises(HttpResponseError) as e:
            container.get_blob_client("copy").start_copy_from_url(b.url, headers={"x-ms-access-tier": tier})
        assert code(e) == why and not container.get_blob_client("copy").exists()
    assert b.download_blob().readall() == b"1"


# ---------------------------------------------------------------- queues

@pytest.fixture
def queue(storage):
    q = QueueClient.from_connection_string(storage.connection, "q" + uuid.uuid4().hex[:12], **QUICK)
    q.create_queue(metadata={"m": "1"})
    yield q
    q.close()


def test_messages_come_and_go(queue):
    sent = [queue.send_message(f"m{i} <&> ä") for i in range(3)]
    assert queue.get_queue_properties().approximate_message_count == 3
    assert [m.content for m in queue.peek_messages(3)] == ["m0 <&> ä", "m1 <&> ä", "m2 <&> ä"]
    first = queue.receive_message(visibility_timeout=300)
    assert first.id == sent[0].id and first.dequeue_count == 1 and first.content == "m0 <&> ä"
    assert [m.content[:2] for m in queue.peek_messages(5)] == ["m1", "m2"]
    again = queue.update_message(first, content="changed", visibility_timeout=0)
    assert again.pop_receipt != first.pop_receipt
    with pytest.raises(HttpResponseError) as e:
        queue.delete_message(first.id, first.pop_receipt)
    assert code(e) == "PopReceiptMismatch"
    got = {m.content[:2]: m for m in queue.receive_messages(messages_per_page=32, visibility_timeout=300)}
    assert set(got) == {"m1", "m2", "ch"} and got["ch"].dequeue_count == 2
    assert queue.receive_message() is None
    for m in got.values():
        queue.delete_message(m)
    with pytest.raises(ResourceNotFoundError) as e:
        queue.delete_message(got["m1"])
    assert code(e) == "MessageNotFound"
    for i in range(5):
        queue.send_message(str(i))
    queue.clear_messages()
    assert queue.get_queue_properties().approximate_message_count == 0


def test_a_message_that_could_not_be_told_is_refused(queue):
    for text in ["\x01", "a\x1fb"]:
        with pytest.raises(HttpResponseError) as e:
            queue.send_message(text)
        assert code(e) == "InvalidXmlDocument"
    queue.send_message("tab\t, line\r\n, <é>")
    assert queue.receive_message().content.endswith("<é>") and not queue.receive_message()


def test_messages_wait_and_expire(queue):
    import time

    queue.send_message("later", visibility_timeout=1)
    queue.send_message("gone", time_to_live=1)
    end = time.monotonic() + 30
    seen = []
    while not seen and time.monotonic() < end:
        time.sleep(0.2)
        seen = [m.content for m in queue.peek_messages(5) if m.content == "later"]
    assert seen == ["later"]
    end = time.monotonic() + 30
    while [m.content for m in queue.peek_messages(5)] != ["later"] and time.monotonic() < end:
        time.sleep(0.2)
    assert [m.content for m in queue.peek_messages(5)] == ["later"]
    with pytest.raises(HttpResponseError):
        queue.send_message("x", time_to_live=5, visibility_timeout=10)


def test_queues_are_listed_and_guarded(queue, storage):
    with QueueServiceClient.from_connection_string(storage.connection, **QUICK) as s:
        found = {q.name: q for q in s.list_queues(include_metadata=True)}
        assert found[queue.queue_name].metadata == {"m": "1"}
        queue.set_queue_metadata({"n": "2"})
        assert queue.get_queue_properties().metadata == {"n": "2"}
        with pytest.raises(ResourceExistsError) as e:
            queue.create_queue(metadata={"other": "1"})
        assert code(e) == "QueueAlreadyExists"
        sas = generate_queue_sas(storage.account, queue.queue_name, storage.key, permission="a", expiry=SOON())
        adder = QueueClient.from_queue_url(f"{storage.queue_url}/{queue.queue_name}?{sas}", **QUICK)
        adder.send_message("by sas")
        with pytest.raises(HttpResponseError) as e:
            adder.receive_message()
        assert code(e) == "AuthorizationPermissionMismatch"
        assert queue.receive_message().content == "by sas"
        queue.delete_queue()
        with pytest.raises(ResourceNotFoundError) as e:
            queue.send_message("x")
        assert code(e) == "QueueNotFound"


# ---------------------------------------------------------------- Data Lake

@pytest.fixture
def lake(storage):
    if not isinstance(storage, Storage):
        pytest.skip("Azurite has no Data Lake endpoint")
    with DataLakeServiceClient(storage.url, credential={"account_name": storage.account, "account_key": storage.key}, **QUICK) as s:
        yield s


@pytest.fixture
def fs(lake):
    yield lake.create_file_system("f" + uuid.uuid4().hex[:12])


def test_file_systems(lake, fs):
    assert fs.file_system_name in [f.name for f in lake.list_file_systems()]
    with pytest.raises(ResourceExistsError):
        lake.create_file_system(fs.file_system_name)
    fs.set_file_system_metadata({"a": "b"})
    assert fs.get_file_system_properties().metadata == {"a": "b"}
    fs.delete_file_system()
    with pytest.raises(ResourceNotFoundError):
        list(fs.get_paths())


def test_files_are_appended_flushed_and_read(fs, storage):
    f = fs.create_file("a/b/file.txt", metadata={"k": "v"}, content_settings=None)
    f.append_data(b"hello ", 0)
    f.append_data(b"world", 6)
    assert f.get_file_properties().size == 0
    f.flush_data(11)
    assert f.download_file().readall() == b"hello world"
    assert (storage.folder(fs.file_system_name) / "a/b/file.txt").read_bytes() == b"hello world"
    f.append_data(b"!", 11, flush=True)
    assert f.download_file(offset=6).readall() == b"world!"
    with pytest.raises(HttpResponseError) as e:
        f.append_data(b"gap", 20)
        f.flush_data(23)
    assert code(e) == "InvalidFlushPosition"
    p = f.get_file_properties()
    assert p.metadata == {"k": "v"} and p.size == 12
    f.set_metadata({"n": "1"})
    assert f.get_file_properties().metadata == {"n": "1"}
    big = os.urandom(9 << 20)
    g = fs.get_file_client("big.bin")
    g.upload_data(big, overwrite=True, chunk_size=4 << 20)
    assert g.download_file().readall() == big
    with pytest.raises(ResourceModifiedError) as e:
        g.upload_data(b"x", overwrite=True, etag="\"0x1\"", match_condition=MatchConditions.IfNotModified)
    assert code(e) == "ConditionNotMet"
    f.delete_file()
    with pytest.raises(ResourceNotFoundError) as e:
        f.get_file_properties()


def test_directories(fs, storage):
    d = fs.create_directory("x/y", metadata={"d": "1"})
    for n in ("one", "two", "sub/three"):
        d.create_file(n) if "/" not in n else fs.create_file("x/y/" + n)
    names = lambda **k: [(p.name, p.is_directory) for p in fs.get_paths(**k)]  # noqa: E731
    assert names() == [("x", True), ("x/y", True), ("x/y/one", False), ("x/y/sub", True), ("x/y/sub/three", False), ("x/y/two", False)]
    assert names(path="x", recursive=False) == [("x/y", True)]
    assert [p.name for page in fs.get_paths(max_results=2).by_page() for p in page] == [n for n, _ in names()]
    assert d.get_directory_properties().metadata["d"] == "1"
    with pytest.raises(HttpResponseError) as e:
        fs.get_file_client("x/y").create_file()
    assert code(e) == "PathConflict"
    fs.get_file_client("x/y/one").upload_data(b"1", overwrite=True, metadata={"m": "1"})
    moved = d.rename_directory(f"{fs.file_system_name}/z")
    assert moved.get_directory_properties().metadata["d"] == "1"
    assert names() == [("x", True), ("z", True), ("z/one", False), ("z/sub", True), ("z/sub/three", False), ("z/two", False)]
    assert fs.get_file_client("z/one").get_file_properties().metadata["m"] == "1"
    f = fs.get_file_client("z/one").rename_file(f"{fs.file_system_name}/z/two")
    assert f.download_file().readall() == b"1"
    with pytest.raises(ResourceNotFoundError) as e:
        fs.get_file_client("z/none").rename_file(f"{fs.file_system_name}/q")
    assert code(e) == "SourcePathNotFound"
    fs.delete_directory("z")
    assert names() == [("x", True)]
    with pytest.raises(ResourceNotFoundError) as e:
        list(fs.get_paths(path="z"))
    assert code(e) == "PathNotFound"


def test_access_control(fs):
    d = fs.create_directory("d")
    f = d.create_file("f", permissions="rwxr-x--x", umask="0000")
    a = f.get_access_control()
    assert a["owner"] == "$superuser" and a["permissions"].startswith("rwx") and a["acl"].startswith("user::rwx")
    f.set_access_control(acl="user::rwx,group::r--,other::---,user:1234:r-x,mask::r-x")
    assert "user:1234:r-x" in f.get_access_control()["acl"]
    done = d.update_access_control_recursive("user:abc:rw-")
    assert done.counters.failure_count == 0 and done.counters.files_successful == 1 and done.counters.directories_successful == 1
    assert "user:abc:rw-" in f.get_access_control()["acl"] and "user:1234:r-x" in f.get_access_control()["acl"]
    d.remove_access_control_recursive("user:abc")
    assert "user:abc" not in f.get_access_control()["acl"]
    f.set_access_control(owner="me", group="us", permissions="0640")
    a = f.get_access_control()
    assert (a["owner"], a["group"], a["permissions"]) == ("me", "us", "rw-r-----")


def test_a_folder_gives_way_unless_it_holds_one_made_by_name(fs, service):
    c = service.get_container_client(fs.file_system_name)
    c.upload_blob("x/y/z", b"1")
    fs.create_directory("x/d")
    fs.create_directory("other")
    c.delete_blob("x/y/z")
    with pytest.raises(ResourceExistsError) as e:
        c.upload_blob("x", b"1")
    assert code(e) == "ResourceTypeMismatch"
    with pytest.raises(HttpResponseError) as e:
        fs.get_directory_client("other").rename_directory(f"{fs.file_system_name}/x")
    assert code(e) == "DirectoryIsNotEmpty" and {p.name for p in fs.get_paths()} == {"x", "x/d", "x/y", "other"}
    fs.delete_directory("x/d")
    c.upload_blob("x", b"1")
    assert [(p.name, p.is_directory) for p in fs.get_paths()] == [("other", True), ("x", False)]


def test_a_mask_takes_permissions_off(fs):
    for name, kind, want in [("f", {"permissions": "0777", "umask": "0027"}, "rwxr-x---"), ("g", {"umask": "0022"}, "rw-r--r--"), ("h", {"permissions": "0777"}, "rwxrwxrwx")]:
        assert fs.create_file(name, **kind).get_access_control()["permissions"] == want
    assert fs.create_directory("d", umask="0002").get_access_control()["permissions"] == "rwxrwxr-x"
    with pytest.raises(HttpResponseError) as e:
        fs.create_file("i", umask="9")
    assert code(e) == "InvalidHeaderValue"


def test_what_a_path_cannot_take_is_refused(fs, service):
    f = fs.create_file("f", metadata={"k-1.a": "v<"})
    assert f.get_file_properties().metadata == {"k-1.a": "v<"}
    assert [b.metadata for b in service.get_container_client(fs.file_system_name).list_blobs(include="metadata")] == [{"k-1.a": "v<"}]
    for name in ["a b", "a<b", "1a", "a:b"]:
        with pytest.raises(HttpResponseError) as e:
            fs.create_file("g", metadata={name: "v"})
        assert code(e) == "InvalidMetadata"
    with pytest.raises(HttpResponseError) as e:
        f.rename_file(f"{fs.file_system_name}/g", headers={"x-ms-properties": "a=Yg=="})
    assert code(e) == "FeatureNotSupported" and "x-ms-properties of a rename" in str(e.value)
    with pytest.raises(HttpResponseError) as e:
        fs.create_file("h", headers={"x-ms-proposed-lease-id": str(uuid.uuid4())})
    assert code(e) == "FeatureNotSupported" and [p.name for p in fs.get_paths()] == ["f"]


def test_a_rename_needs_more_than_to_create(fs, storage):
    """Also by a request that looks like a creation, which a SAS to create would do for."""
    fs.create_file("from").upload_data(b"1", overwrite=True)
    for letters, may in [("c", False), ("rcl", False), ("cw", True)]:
        sas = generate_account_sas(storage.account, storage.key, ResourceTypes(object=True), AccountSasPermissions.from_string(letters), SOON())
        answer = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", f"x-ms-rename-source: /{fs.file_system_name}/from",
                                 "-H", "Content-Length: 0", f"{storage.url}/{fs.file_system_name}/to?resource=file&{sas}"], capture_output=True, text=True, check=True)
        assert answer.stdout == ("201" if may else "403")
        assert [p.name for p in fs.get_paths()] == ["to" if may else "from"]


def test_sas_of_a_directory(fs, storage):
    fs.create_file("in/a").upload_data(b"1", overwrite=True)
    fs.create_file("out/b").upload_data(b"2", overwrite=True)
    sas = generate_directory_sas(storage.account, fs.file_system_name, "in", storage.key, permission="rwl", expiry=SOON())
    s = DataLakeServiceClient(storage.url, credential=sas, **QUICK).get_file_system_client(fs.file_system_name)
    assert s.get_file_client("in/a").download_file().readall() == b"1"
    s.get_file_client("in/c").upload_data(b"3", overwrite=True)
    with pytest.raises(HttpResponseError) as e:
        s.get_file_client("out/b").download_file().readall()
    assert code(e) == "AuthenticationFailed"
    assert sorted(p.name for p in s.get_paths(path="in")) == ["in/a", "in/c"]
    for path in (None, "out"):
        with pytest.raises(HttpResponseError) as e:
            list(s.get_paths(path=path))
        assert e.value.status_code == 403
    with pytest.raises(HttpResponseError) as e:
        s.get_file_client("in/d").create_file(headers={"x-ms-rename-source": f"/{fs.file_system_name}/out/b"})
    assert e.value.status_code == 403
    assert fs.get_file_client("out/b").exists()


def test_leases_of_files(fs):
    f = fs.create_file("leased")
    lease = f.acquire_lease(15)
    with pytest.raises(HttpResponseError) as e:
        f.append_data(b"1", 0)
    assert code(e) == "LeaseIdMissing"
    f.append_data(b"1", 0, lease=lease)
    f.flush_data(1, lease=lease)
    lease.release()
    f.delete_file()


# ---------------------------------------------------------------- what is built on the clients

def test_checkpoint_store(container, storage):
    from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore

    store = BlobCheckpointStore.from_connection_string(storage.connection, container.container_name)
    ns, hub, group = "ns.servicebus.windows.net", "hub", "$Default"
    claim = lambda owner, etag=None: [{"fully_qualified_namespace": ns, "eventhub_name": hub, "consumer_group": group, "partition_id": "0",  # noqa: E731
                                       "owner_id": owner, "last_modified_time": None, "etag": etag}]
    mine = store.claim_ownership(claim("me"))
    assert mine and mine[0]["etag"]
    assert [o["owner_id"] for o in store.list_ownership(ns, hub, group)] == ["me"]
    assert not store.claim_ownership(claim("you"))
    assert not store.claim_ownership(claim("you", '"0x1"'))
    taken = store.claim_ownership(claim("you", mine[0]["etag"]))
    assert taken and [o["owner_id"] for o in store.list_ownership(ns, hub, group)] == ["you"]
    store.update_checkpoint({"fully_qualified_namespace": ns, "eventhub_name": hub, "consumer_group": group, "partition_id": "0", "offset": "123", "sequence_number": 45})
    assert [(c["offset"], c["sequence_number"]) for c in store.list_checkpoints(ns, hub, group)] == [("123", 45)]
    store.close()


def test_adlfs(container, storage):
    import adlfs

    fs = adlfs.AzureBlobFileSystem(connection_string=storage.connection, skip_instance_cache=True)
    root = container.container_name
    with fs.open(f"{root}/dir/a.csv", "wb") as f:
        f.write(b"x\n" * 1000)
    fs.pipe(f"{root}/dir/sub/b.csv", b"1")
    assert sorted(fs.find(root)) == [f"{root}/dir/a.csv", f"{root}/dir/sub/b.csv"]
    assert sorted(e.rstrip("/") for e in fs.ls(f"{root}/dir", detail=False)) == [f"{root}/dir/a.csv", f"{root}/dir/sub"]
    assert fs.cat(f"{root}/dir/a.csv") == b"x\n" * 1000 and fs.info(f"{root}/dir/a.csv")["size"] == 2000
    assert fs.isdir(f"{root}/dir") and fs.isfile(f"{root}/dir/a.csv") and not fs.exists(f"{root}/none")
    fs.mv(f"{root}/dir/a.csv", f"{root}/c.csv")
    assert fs.exists(f"{root}/c.csv") and not fs.exists(f"{root}/dir/a.csv")
    fs.rm(f"{root}/dir", recursive=True)
    assert fs.find(root) == [f"{root}/c.csv"]


def test_deltalake(container, storage):
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    options = {"azure_storage_account_name": storage.account, "azure_storage_account_key": storage.key, "azure_storage_endpoint": storage.url,
               "azure_storage_use_emulator": "false", "azure_allow_http": "true", "allow_http": "true"}
    at = f"az://{container.container_name}/tables/t"
    for i in range(3):
        write_deltalake(at, pa.table({"id": [i, i + 10], "p": ["a", "b c"]}), mode="append", storage_options=options, partition_by=["p"])
    t = DeltaTable(at, storage_options=options)
    assert t.version() == 2 and sorted(t.to_pyarrow_table()["id"].to_pylist()) == [0, 1, 2, 10, 11, 12]
    t.create_checkpoint()
    if isinstance(storage, Storage):
        local = DeltaTable(str(storage.folder(container.container_name) / "tables/t"))
        assert local.version() == 2 and sorted(local.to_pyarrow_table()["id"].to_pylist()) == [0, 1, 2, 10, 11, 12]


def test_the_javascript_client(storage):
    here = os.path.dirname(__file__)
    modules = os.path.join(here, "..", "..", "build", "deps", "npm", "node_modules")
    done = subprocess.run(["node", os.path.join(here, "storage_blob.js"), storage.connection], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, NODE_PATH=modules))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "names": ["dir/a ü.txt", "large", "log"], "folders": ["blob:large", "blob:log", "prefix:dir/"], "text": "hello", "type": "text/plain", "tags": {"k": "v"},
        "large": 6 << 20, "log": "onetwo", "refused": "LeaseIdMissing", "copy": "success", "deleted": True}


# ---------------------------------------------------------------- durability, events

def test_what_a_kill_left_is_swept_whoever_comes_first(tmp_path):
    """The first writer sweeps, also on a worker that a reader came to before."""
    s = Storage(tmp_path / "state")
    b = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("kept").get_blob_client("b")
    b.upload_blob(b"data")
    for n in range(12):
        s.kill()
        left = s.state / "storage" / s.account / ".paystreak/staging" / str(uuid.uuid4())
        left.write_bytes(b"left over")
        s.start()
        for _ in range(5):
            b.get_blob_properties()
        b.set_blob_metadata({"n": str(n)})
        assert not left.exists(), n


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    s = Storage(tmp_path / "state")
    c = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("kept", metadata={"m": "1"})
    b = c.get_blob_client("d/blob")
    etag = b.upload_blob(b"data", metadata={"k": "v"})["etag"]
    b2 = c.get_blob_client("staged")
    b2.stage_block("1", b"block")
    log = c.get_blob_client("log")
    log.create_append_blob()
    log.append_block(b"one")
    lease = b.acquire_lease(-1)
    q = QueueClient.from_connection_string(s.connection, "queue", **QUICK)
    q.create_queue()
    q.send_message("kept")
    s.kill()
    (s.state / "storage" / s.account / ".paystreak/staging" / str(uuid.uuid4())).write_bytes(b"left over")
    with open(s.folder("kept") / "log", "ab") as f:
        f.write(b"torn")
    s.start()
    p = b.get_blob_properties()
    assert p.metadata == {"k": "v"} and p.etag == etag and p.lease.state == "leased" and c.get_container_properties().metadata == {"m": "1"}
    lease.release()
    b2.commit_block_list([BlobBlock("1")])
    assert b2.download_blob().readall() == b"block"
    assert log.download_blob().readall() == b"one"
    log.append_block(b"two")
    assert log.download_blob().readall() == b"onetwo" and (s.folder("kept") / "log").read_bytes() == b"onetwo"
    assert q.receive_message().content == "kept"
    assert not list((s.state / "storage" / s.account / ".paystreak/staging").iterdir())
    s.stop()


@pytest.mark.parametrize("kind", ["exit", "lose", "tear"])
def test_a_crash_at_any_call_leaves_all_or_nothing(tmp_path, kind):
    s = Storage(tmp_path / "state")
    calls = range(1, 40) if os.environ.get("SOAK") else range(1, 16, 2)
    service = BlobServiceClient.from_connection_string(s.connection, **QUICK)
    c = service.create_container("crash")
    b = c.get_blob_client("d/x")
    b.upload_blob(b"0" * 1000, metadata={"n": "0"})
    kept = 0
    for n in calls:
        s.stop()
        s.start(fault=f"{n},{kind},storage")
        try:
            b.upload_blob(str(n).encode() * 1000, overwrite=True, metadata={"n": str(n)})
            kept = n
        except Exception:  # the process is gone
            s.process.wait(30)
            s.start()
        s.process.poll()
        if s.process.poll() is not None:
            s.start()
        got = b.download_blob()
        n_read, data = int(got.properties.metadata.get("n", -1)), got.readall()
        assert n_read in (kept, n) and data == str(n_read).encode() * 1000
        kept = n_read
    s.kill()


def crash_append(c, fs, n):
    c.get_blob_client("log").append_block(b"<%02d>" % n)


def crash_blocks(c, fs, n):
    b = c.get_blob_client("list")
    b.stage_block("new", b"[%02d]" % n)
    b.commit_block_list([BlobBlock("new")], metadata={"n": str(n)})


def crash_flush(c, fs, n):
    f = fs.get_file_client("file")
    size = f.get_file_properties().size
    f.append_data(b"{%02d}" % n, size)
    f.flush_data(size + 4)


def crash_rename(c, fs, n):
    names = [p.name for p in fs.get_paths(recursive=False) if p.name.startswith("dir")]
    fs.get_directory_client(names[0]).rename_directory(f"{fs.file_system_name}/dir{n}")


def seen(c, fs):
    """What a client sees of all that the crashing calls touch."""
    out = {}
    for p in fs.get_paths():
        if not p.is_directory:
            b = c.get_blob_client(p.name)
            out[p.name] = (b.download_blob().readall(), tuple(sorted(b.get_blob_properties().metadata.items())))
    return out


@pytest.mark.parametrize("kind", ["exit", "lose", "fail"])
@pytest.mark.parametrize("call", [crash_append, crash_blocks, crash_flush, crash_rename])
def test_a_crash_leaves_each_write_done_or_undone(tmp_path, kind, call):
    s = Storage(tmp_path / "state")
    c = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("crash")
    fs = DataLakeServiceClient(s.url, credential={"account_name": s.account, "account_key": s.key}, **QUICK).get_file_system_client("crash")
    c.get_blob_client("log").create_append_blob()
    c.upload_blob("list", b"[00]", metadata={"n": "0"})
    fs.create_file("file").upload_data(b"{00}", overwrite=True)
    c.upload_blob("dir0/a/x", b"1", metadata={"k": "v"})
    crashed = 0
    for n in range(1, 30 if os.environ.get("SOAK") else 9):
        before = seen(c, fs)
        s.stop()
        s.start(fault=f"{n},{kind},storage")
        try:
            call(c, fs, n)
            acknowledged = True
        except Exception:  # the process is gone
            acknowledged = False
        if kind == "fail":  # the call failed; the next ones do not
            crashed += not acknowledged
        elif s.process.poll() is not None or not acknowledged:
            s.process.wait(30)
            crashed += 1
            s.start()
        after = seen(c, fs)
        if after == before:
            assert not acknowledged
            continue
        changed = {k for k in before | after if before.get(k) != after.get(k)}
        if call is crash_rename:
            assert changed == {k for k in before | after if k.startswith("dir")}
            assert [v for k, v in after.items() if k.startswith("dir")] == [(b"1", (("k", "v"),))] and f"dir{n}/a/x" in after
        else:
            name = {crash_append: "log", crash_blocks: "list", crash_flush: "file"}[call]
            assert changed == {name}
            want = {"log": before["log"][0] + b"<%02d>" % n, "list": b"[%02d]" % n, "file": before["file"][0] + b"{%02d}" % n}[name]
            assert after[name][0] == want and (name != "list" or after[name][1] == (("n", str(n)),))
    assert crashed
    s.stop()


def test_a_block_list_that_fails_leaves_its_blocks_and_no_more(tmp_path):
    s = Storage(tmp_path / "state", fault="1,fail,failing/list")
    b = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("failing").get_blob_client("list")
    b.stage_block("1", b"block")
    with pytest.raises(HttpResponseError):
        b.commit_block_list([BlobBlock("1")])
    assert len(list((s.state / "storage" / s.account / ".paystreak/staging").iterdir())) == 1
    b.commit_block_list([BlobBlock("1")])
    assert b.download_blob().readall() == b"block"
    s.stop()


def test_a_file_of_another_part_is_whole_also_with_the_inode_of_a_log(tmp_path):
    s = Storage(tmp_path / "state")
    c = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("reused")
    log, file = c.get_blob_client("log"), s.folder("reused") / "log"
    log.create_append_blob()
    log.append_block(b"four")
    inode = file.stat().st_ino
    file.unlink()
    for n in range(100):  # file systems soon give the number again, or never
        made = file.with_name(f"made{n}")
        made.write_bytes(b"more than four")
        if made.stat().st_ino == inode:
            break
    made.rename(file)
    assert log.download_blob().readall() == b"more than four"
    s.stop()


def test_what_is_staged_goes_with_its_container_and_its_directory(tmp_path):
    s = Storage(tmp_path / "state")
    c = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("short")
    fs = DataLakeServiceClient(s.url, credential={"account_name": s.account, "account_key": s.key}, **QUICK).get_file_system_client("short")
    staged = lambda: len(list((s.state / "storage" / s.account / ".paystreak/staging").iterdir()))  # noqa: E731
    for end in [lambda: fs.delete_directory("d"), lambda: fs.get_directory_client("d").rename_directory("short/e"), c.delete_container]:
        fs.create_file("d/f").append_data(b"123", 0)
        c.get_blob_client("d/g").stage_block("1", b"block")
        c.get_blob_client("d0").stage_block("1", b"of a neighbour")
        assert staged() == 3
        end()
        assert staged() == (0 if end == c.delete_container else 1)
        if end != c.delete_container:
            with pytest.raises(ResourceNotFoundError):
                c.get_blob_client("d/g").get_block_list("all")
    s.stop()


def test_a_file_grows_on_after_a_kill_between_growing_and_cleaning_up(tmp_path):
    s = Storage(tmp_path / "state")
    fs = DataLakeServiceClient(s.url, credential={"account_name": s.account, "account_key": s.key}, **QUICK).create_file_system("grown")
    f = fs.create_file("f")
    f.upload_data(b"1234", overwrite=True)
    s.stop()
    with contextlib.closing(sqlite3.connect(s.state / "storage" / s.account / ".paystreak/meta.db")) as db, db:
        db.execute("INSERT INTO blocks(c, p, id, pos, size, file) VALUES ('grown', 'f', '', 0, 4, 'gone')")
    s.start()
    f.append_data(b"56", 4)
    f.flush_data(6)
    assert f.download_file().readall() == b"123456"
    s.stop()


def test_an_account_that_nobody_wrote_to_is_empty(tmp_path):
    """Whoever comes first, and however many."""
    s = Storage(tmp_path / "state")
    (s.folder("made") / "d").mkdir(parents=True)
    (s.folder("made") / "d/x").write_bytes(b"1")
    service = BlobServiceClient.from_connection_string(s.connection, **QUICK)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert list(pool.map(lambda n: service.get_blob_client("made", "d/x").download_blob().readall(), range(48))) == [b"1"] * 48
    service = BlobServiceClient.from_connection_string(s.connection.replace("testaccount", "another"), **QUICK)
    assert list(service.list_containers()) == [] and service.get_account_information()["sku_name"]
    with pytest.raises(ResourceNotFoundError) as e:
        service.get_blob_client("made", "d/x").get_blob_properties()
    assert e.value.status_code == 404
    s.stop()


def test_the_longest_block_list(container):
    b = container.get_blob_client("long")
    b.stage_block("i" * 64, b"1")
    b.commit_block_list([BlobBlock("i" * 64)] * 50000)
    assert b.download_blob().readall() == b"1" * 50000


def test_a_body_in_chunks_has_a_limit_too(container, storage):
    sas = generate_container_sas(storage.account, container.container_name, account_key=storage.key, permission=ContainerSasPermissions.from_string("cw"), expiry=SOON())
    bodies = [("comp=blocklist&", 9_000_000)] + ([("", 2_100_000_000)] if os.environ.get("SOAK") else [])
    for what, size in bodies:
        answer = subprocess.run(f"head -c {size} /dev/zero | curl -s -T - -H 'x-ms-blob-type: BlockBlob' -w '%{{http_code}}' "
                                f"'{storage.url}/{container.container_name}/big?{what}{sas}'", shell=True, capture_output=True, text=True)
        assert "RequestBodyTooLarge" in answer.stdout and answer.stdout.endswith("413"), (what, answer.stdout)
        assert not container.get_blob_client("big").exists()


def test_a_range_behind_the_end_tells_the_size(container):
    container.upload_blob("b", b"12345")
    with pytest.raises(HttpResponseError) as e:
        container.get_blob_client("b").download_blob(offset=5, length=1)
    assert code(e) == "InvalidRange" and e.value.response.headers["Content-Range"] == "bytes */5"


def test_events_are_told(tmp_path):
    s = Storage(tmp_path / "state")
    c = BlobServiceClient.from_connection_string(s.connection, **QUICK).create_container("events")
    c.upload_blob("a b", b"12")
    c.delete_blob("a b")
    lake = DataLakeServiceClient(s.url, credential={"account_name": s.account, "account_key": s.key}, **QUICK).get_file_system_client("events")
    f = lake.create_file("f")
    f.append_data(b"123", 0)
    f.flush_data(3)
    f.rename_file("events/g")
    s.stop()
    at = "/blobServices/default/containers/events/blobs/"
    assert [(e["event"], e["api"], e["subject"], e["size"]) for e in s.events] == [
        ("created", "PutBlob", at + "a b", 2), ("deleted", "DeleteBlob", at + "a b", 2), ("created", "PathCreate", at + "f", 0),
        ("created", "PathFlush", at + "f", 3), ("renamed", "PathRename", at + "g", 3)]


def test_many_at_once(container):
    from concurrent.futures import ThreadPoolExecutor

    b = container.get_blob_client("race")

    def put(i):
        try:
            b.upload_blob(str(i).encode())
            return True
        except ResourceExistsError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(24))) == 1
        list(pool.map(lambda i: container.upload_blob(f"many/{i}", os.urandom(1000)), range(100)))
    assert len(list(container.list_blobs(name_starts_with="many/"))) == 100


# ---------------------------------------------------------------- in the program

APP = """\
import os
import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def tell(timer: func.TimerRequest) -> None:
    with open(os.environ["TELL"], "w") as f:
        f.write(os.environ["AzureWebJobsStorage"] + "\\n" + os.environ["Lake"])
"""


def test_the_program_serves_its_storage(tmp_path, start):
    from conftest import sql, until

    project, told = tmp_path / "project", tmp_path / "told"
    project.mkdir()
    (project / "host.json").write_text('{"version": "2.0"}')
    (project / "function_app.py").write_text(APP)
    (project / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": {
        "FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true", "TELL": str(told),
        "Lake": "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"}}))
    run = start(project, tmp_path / "state")
    ready = run.ready()
    keys = json.loads(subprocess.run([str(program()), "keys", "--state", str(tmp_path / "state"), "--output", "json"], capture_output=True, check=True).stdout)
    until(told.exists, "the function ran")
    emulated, lake = until(lambda: len(t := told.read_text().split("\n")) == 2 and t, "the function told its settings")
    with BlobServiceClient.from_connection_string(emulated, **QUICK) as s:
        assert s.account_name == "devstoreaccount1"
        s.create_container("leases")
    with BlobServiceClient.from_connection_string(lake, **QUICK) as s:
        s.create_container("raw").upload_blob("in/rows.csv", b"id,name\n1,a\n2,b\n")
    with QueueClient(ready["queue"] + "/acct", "jobs", credential={"account_name": "acct", "account_key": keys["storage"]}, **QUICK) as queue:
        queue.create_queue()
        queue.send_message("hello")
        assert queue.receive_message().content == "hello"
    assert run.stop() == 0
    rows = sql(tmp_path / "state", "SELECT * FROM csv.`abfss://raw@acct.dfs.core.windows.net/in/rows.csv`")
    assert len(rows) >= 2


def test_storage_start(tmp_path):
    args = [str(program()), "storage", "start", "--state", str(tmp_path / "state"), "--port", "0"]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        with BlobServiceClient.from_connection_string(ready["connection"], **QUICK) as s:
            s.create_container("box").upload_blob("x", b"1")
            assert s.get_blob_client("box", "x").download_blob().readall() == b"1"
    finally:
        process.terminate()
        assert process.wait(30) == 0


# ---------------------------------------------------------------- more clients

def test_arrows_file_system(container, storage):
    """Azure's C++ clients, Blob and Data Lake, as Arrow drives them; by host name, as they take it for granted."""
    from pyarrow import fs

    azure = fs.AzureFileSystem(account_name=storage.account, account_key=storage.key, blob_storage_authority=f".blob.localhost:{storage.port}",
                               dfs_storage_authority=f".dfs.localhost:{storage.port}",
                               blob_storage_scheme="http", dfs_storage_scheme="http")
    root = container.container_name
    azure.create_dir(f"{root}/d/e")
    with azure.open_output_stream(f"{root}/d/e/x.bin", metadata={"Content-Type": "a/b"}) as out:
        out.write(b"1" * 3_000_000)
    assert azure.get_file_info(f"{root}/d/e/x.bin").size == 3_000_000
    assert azure.get_file_info(f"{root}/d").type == fs.FileType.Directory and azure.get_file_info(f"{root}/n").type == fs.FileType.NotFound
    with azure.open_input_file(f"{root}/d/e/x.bin") as f:
        assert f.read_at(10, 2_999_995) == b"1" * 5
    found = azure.get_file_info(fs.FileSelector(root, recursive=True))
    assert sorted(i.path for i in found) == [f"{root}/d", f"{root}/d/e", f"{root}/d/e/x.bin"]
    azure.move(f"{root}/d/e/x.bin", f"{root}/d/y.bin")
    azure.copy_file(f"{root}/d/y.bin", f"{root}/d/z.bin")
    azure.delete_file(f"{root}/d/y.bin")
    azure.delete_dir(f"{root}/d/e")
    assert [i.path for i in azure.get_file_info(fs.FileSelector(f"{root}/d"))] == [f"{root}/d/z.bin"]
    azure.delete_dir_contents(f"{root}/d")
    assert azure.get_file_info(f"{root}/d").type == fs.FileType.Directory
    assert azure.get_file_info(fs.FileSelector(f"{root}/d", allow_not_found=True)) == []


def test_the_asynchronous_clients(container, storage):
    import asyncio

    from azure.storage.blob.aio import BlobServiceClient as Service

    async def work():
        async with Service.from_connection_string(storage.connection, **QUICK) as s:
            c = s.get_container_client(container.container_name)
            data = os.urandom(5 << 20)
            await asyncio.gather(*(c.upload_blob(f"ä b/{i}&+%", data, max_concurrency=2) for i in range(4)))
            names = [b.name async for b in c.list_blobs()]
            got = await asyncio.gather(*(c.download_blob(n) for n in names))
            assert [await g.readall() == data for g in got] == [True] * 4
            return names

    assert asyncio.run(work()) == [f"ä b/{i}&+%" for i in range(4)]
