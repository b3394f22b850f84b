"""The object store, over the S3 protocol: its calls, and the error for each kind of fault."""

from __future__ import annotations

import base64
import errno
import hashlib
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ingest.disk import disk_errors
from ingest.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    FatalError,
    PlatformError,
    TransientError,
    UnreachableError,
)
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import SECRET_ACCESS_KEY, S3Server
from tests.ingest.lake.s3_proxy import Fault, Harm, S3Proxy, s3_error, s3_proxy


@pytest.fixture(scope="module")
def settings(s3_server: S3Server) -> LakeSettings:
    """The settings of one bucket for this file. Each test has keys of its own."""
    s3_server.create_bucket("store-tests")
    return LakeSettings(bucket="store-tests", endpoint_url=s3_server.endpoint_url)


@pytest.fixture(scope="module")
def store(settings: LakeSettings) -> ObjectStore:
    return ObjectStore(settings)


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy(s3_server) as running:
        yield running


@pytest.fixture(scope="module")
def one_try(proxy: S3Proxy, settings: LakeSettings) -> ObjectStore:
    return proxy.store(settings.bucket)


@pytest.fixture(scope="module")
def two_tries(proxy: S3Proxy, settings: LakeSettings) -> ObjectStore:
    return proxy.store(settings.bucket, attempts=2)


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_what_was_put_is_got_and_an_absent_object_is_none(store: ObjectStore, key: str) -> None:
    assert store.get(key) is None
    store.put(key, b"\x00content\xff")
    assert store.get(key) == b"\x00content\xff"
    store.put(key, b"new")
    assert store.get(key) == b"new"
    assert store.uri(key) == f"s3://store-tests/{key}"


def test_a_listing_is_in_key_order_within_its_prefix(store: ObjectStore, key: str) -> None:
    for name in ("x/3", "x/1", "x/2", "xy/1", "w/1"):
        store.put(f"{key}/{name}", b"abc")
    assert [item.key for item in store.list(f"{key}/x/")] == [f"{key}/x/{number}" for number in (1, 2, 3)]
    assert [item.key for item in store.list(f"{key}/x/", start_after=f"{key}/x/2")] == [f"{key}/x/3"]
    assert [item.bytes for item in store.list(f"{key}/w/")] == [3]
    assert list(store.list(f"{key}/nothing/")) == []


def test_a_listing_of_many_pages_is_whole(settings: LakeSettings, s3_server: S3Server, key: str) -> None:
    """S3 gives 1,000 keys at a time; here it is made to give two."""
    client = s3_server.client()
    asked: list[Any] = []

    def shorten(params: dict[str, Any], **_: object) -> None:
        params["MaxKeys"] = 2
        asked.append(params)

    client.meta.events.register("provide-client-params.s3.ListObjectsV2", shorten)
    store = ObjectStore(settings, client)
    for number in range(5):
        store.put(f"{key}/{number}", b"")
    assert [item.key for item in store.list(f"{key}/")] == [f"{key}/{number}" for number in range(5)]
    assert len(asked) == 3


def test_deleting_leaves_the_others_and_minds_no_absent_one(store: ObjectStore, key: str) -> None:
    for name in ("a", "b", "c"):
        store.put(f"{key}/{name}", b"")
    store.delete([f"{key}/a", f"{key}/c", f"{key}/absent"])
    store.delete([])
    assert [item.key for item in store.list(key)] == [f"{key}/b"]


def test_a_file_is_uploaded_to_the_byte_with_the_sha256_that_s3_checks_on_arrival(
    settings: LakeSettings, s3_server: S3Server, key: str, tmp_path: Path
) -> None:
    sent: dict[str, str] = {}
    client = s3_server.client()
    client.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.update(request.headers))
    store = ObjectStore(settings, client)
    path = tmp_path / "file"
    path.write_bytes(b"abc")

    store.upload(path, key, hashlib.sha256(b"abc").hexdigest())

    assert store.get(key) == b"abc"
    header = sent["x-amz-checksum-sha256"]
    assert base64.b64decode(header) == hashlib.sha256(b"abc").digest()


def test_of_two_contents_the_first_stays(store: ObjectStore, key: str) -> None:
    store.put_if_absent(key, b"first")
    with pytest.raises(ConflictError, match="exists already"):
        store.put_if_absent(key, b"second")
    assert store.get(key) == b"first"
    store.put_if_absent(key, b"first")


def test_a_write_whose_answer_was_lost_is_known_again_by_its_content(
    proxy: S3Proxy, two_tries: ObjectStore, store: ObjectStore, key: str
) -> None:
    """boto3 tries again by itself, and is told that the object exists: its own."""
    proxy.expect(Fault("PUT"))
    two_tries.put_if_absent(key, b"mine")
    assert proxy.struck
    assert store.get(key) == b"mine"


def test_a_lost_answer_does_not_make_another_writers_object_ours(
    proxy: S3Proxy, two_tries: ObjectStore, store: ObjectStore, key: str
) -> None:
    store.put(key, b"theirs")
    proxy.expect(Fault("PUT"))
    with pytest.raises(ConflictError):
        two_tries.put_if_absent(key, b"mine")
    assert store.get(key) == b"theirs"


def test_without_another_try_a_lost_answer_is_a_fault_of_the_moment(
    proxy: S3Proxy, one_try: ObjectStore, key: str
) -> None:
    proxy.expect(Fault("PUT"))
    with pytest.raises(TransientError):
        one_try.put_if_absent(key, b"mine")
    one_try.put_if_absent(key, b"mine")


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (412, "PreconditionFailed", ConflictError, "exists already"),
        (409, "ConditionalRequestConflict", TransientError, "another write of it is under way"),
        (409, "OperationAborted", TransientError, "OperationAborted"),
        (403, "AccessDenied", AccessError, "what their policy allows"),
        (403, "InvalidAccessKeyId", AccessError, "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", AccessError, "AWS_SECRET_ACCESS_KEY"),
        (400, "ExpiredToken", AccessError, "ExpiredToken"),
        (404, "NoSuchBucket", ConfigurationError, "there is no bucket.*RAW_BUCKET"),
        (301, "PermanentRedirect", ConfigurationError, "another region.*AWS_REGION"),
        (400, "IllegalLocationConstraintException", ConfigurationError, "another region.*AWS_REGION"),
        (400, "InvalidArgument", ConfigurationError, "InvalidArgument"),
        (405, "MethodNotAllowed", ConfigurationError, "MethodNotAllowed"),
        (400, "RequestTimeout", TransientError, "RequestTimeout"),
        (400, "BadDigest", TransientError, "BadDigest"),
        (429, "TooManyRequests", TransientError, "TooManyRequests"),
        (500, "InternalError", TransientError, "InternalError"),
        (503, "SlowDown", TransientError, "SlowDown"),
        (507, "InsufficientStorage", TransientError, "the disk of the lake is full. Make room"),
    ],
)
def test_each_answer_of_s3_has_its_place_in_the_taxonomy(
    status: int, code: str, error: type[PlatformError], said: str, proxy: S3Proxy, one_try: ObjectStore, key: str
) -> None:
    proxy.expect(*[Fault("PUT", status, s3_error(code))] * 2)  # boto3 itself follows a redirect once
    with pytest.raises(PlatformError, match=said) as caught:
        one_try.put_if_absent(key, b"mine")
    proxy.forget()
    assert type(caught.value) is error
    assert SECRET_ACCESS_KEY not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")])
def test_whoever_lost_a_race_is_told_so_and_a_winner_knows_itself(
    status: int, code: str, proxy: S3Proxy, one_try: ObjectStore, store: ObjectStore, key: str
) -> None:
    store.put(key, b"theirs")
    proxy.expect(Fault("PUT", status, s3_error(code)))
    with pytest.raises(ConflictError):
        one_try.put_if_absent(key, b"mine")
    proxy.expect(Fault("PUT", status, s3_error(code)))
    one_try.put_if_absent(key, b"theirs")
    assert store.get(key) == b"theirs"


@pytest.mark.parametrize("body", [b'{"detail":"Not Found"}', b"<html>no such page</html>", b""])
def test_something_that_is_not_s3_is_not_taken_for_an_empty_lake(
    body: bytes, proxy: S3Proxy, one_try: ObjectStore
) -> None:
    """Some other server's 404 is not S3's NoSuchKey."""
    proxy.expect(*[Fault("GET", 404, body)] * 3)
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        one_try.get("key")


def test_a_refusal_that_is_cut_off_is_asked_for_again(proxy: S3Proxy, one_try: ObjectStore, key: str) -> None:
    proxy.expect(*[Fault("GET", harm=Harm.CUT)] * 2)
    assert one_try.get(key) is None
    assert proxy.struck


def test_an_answer_that_breaks_off_is_a_fault_of_the_moment(proxy: S3Proxy, one_try: ObjectStore) -> None:
    proxy.expect(Fault("GET"))
    with pytest.raises(TransientError):
        one_try.get("key")


BODY_FAULTS = [Harm.CUT, Harm.SHORTEN, Harm.ALTER]


@pytest.mark.parametrize("harm", BODY_FAULTS)
def test_a_body_that_is_cut_off_or_altered_on_the_way_is_read_again(
    harm: Harm, proxy: S3Proxy, one_try: ObjectStore, store: ObjectStore, key: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 9000
    store.put(key, content)
    proxy.expect(*[Fault("GET", harm=harm)] * 2)
    assert one_try.get(key) == content
    proxy.expect(*[Fault("GET", harm=harm)] * 2)
    one_try.download(key, tmp_path / "file", hashlib.sha256(content).hexdigest())
    assert (tmp_path / "file").read_bytes() == content
    assert proxy.struck


def test_a_body_that_breaks_off_every_time_is_a_fault_of_the_moment(
    proxy: S3Proxy, one_try: ObjectStore, store: ObjectStore, key: str, tmp_path: Path
) -> None:
    store.put(key, b"content")
    for call in (lambda: one_try.get(key), lambda: one_try.download(key, tmp_path / "file", "ab" * 32)):
        proxy.expect(*[Fault("GET", harm=Harm.CUT)] * 3)
        with pytest.raises(TransientError, match="broke off"):
            call()


def test_a_download_is_the_content_of_its_sha256_or_fails_by_name(store: ObjectStore, key: str, tmp_path: Path) -> None:
    store.put(key, b"another")
    with pytest.raises(FatalError, match=rf"s3://store-tests/{key} is not what was written there: its SHA-256 is"):
        store.download(key, tmp_path / "file", hashlib.sha256(b"content").hexdigest())
    with pytest.raises(FatalError, match=rf"names s3://store-tests/{key}x, but there is no such file.*Restore"):
        store.download(f"{key}x", tmp_path / "file", hashlib.sha256(b"content").hexdigest())


def test_an_object_that_was_altered_in_the_store_is_not_taken_for_the_one_that_was_put(
    store: ObjectStore, s3_server: S3Server, key: str
) -> None:
    store.put(key, b"watermark 1")
    written = s3_server.client().head_object(Bucket=store.bucket, Key=key)["Metadata"]
    s3_server.client().put_object(Bucket=store.bucket, Key=key, Body=b"watermark 2", Metadata=written)
    with pytest.raises(FatalError, match="is not what was written there"):
        store.get(key)


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_named(
    store: ObjectStore, key: str, tmp_path: Path
) -> None:
    store.put(key, b"content")
    with pytest.raises(ConfigurationError, match=r"the disk of /dev is full.*TMPDIR"):
        store.download(key, Path("/dev/full"), hashlib.sha256(b"content").hexdigest())
    with pytest.raises(ConfigurationError, match=f"cannot write into {tmp_path}"), disk_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "absent").read_bytes()


@pytest.mark.parametrize("harm", [Harm.CUT, Harm.SHORTEN])
def test_a_listing_that_is_cut_off_is_a_fault_of_the_moment(harm: Harm, proxy: S3Proxy, one_try: ObjectStore) -> None:
    proxy.expect(*[Fault("GET", harm=harm)])
    with pytest.raises(TransientError):
        list(one_try.list(""))


@pytest.mark.parametrize("body", [b"<html>log in to the hotel's network", b"<html>log in</html>", b"<ListBuck", b""])
def test_a_page_that_is_no_listing_is_not_taken_for_an_empty_one(
    body: bytes, proxy: S3Proxy, one_try: ObjectStore
) -> None:
    proxy.expect(Fault("GET", 200, body))
    with pytest.raises(TransientError, match="cannot list"):
        list(one_try.list(""))


def test_an_upload_that_is_reset_in_mid_body_is_sent_again_whole(
    proxy: S3Proxy, one_try: ObjectStore, two_tries: ObjectStore, store: ObjectStore, key: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 9000
    path = tmp_path / "file"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    proxy.expect(Fault("PUT", harm=Harm.RESET))
    with pytest.raises(TransientError):
        one_try.upload(path, key, digest)
    assert store.get(key) is None
    proxy.expect(Fault("PUT", harm=Harm.RESET))
    two_tries.upload(path, key, digest)
    assert store.get(key) == content


def test_a_missing_bucket_is_named_with_where_it_was_looked_for(settings: LakeSettings) -> None:
    store = ObjectStore(settings.model_copy(update={"bucket": "no-such-bucket"}))
    for call in (store.check, lambda: store.get("key"), lambda: store.put("key", b""), lambda: list(store.list(""))):
        with pytest.raises(ConfigurationError, match=f"s3://no-such-bucket at {settings.endpoint_url}.*RAW_BUCKET"):
            call()


def test_an_endpoint_where_nothing_listens_is_unreachable(
    settings: LakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = boto3.session.Session().client(
            "s3", endpoint_url=url, region_name=settings.region, config=Config(retries={"total_max_attempts": 1})
        )
        store = ObjectStore(settings.model_copy(update={"endpoint_url": url}), client)
        with pytest.raises(UnreachableError, match=f"{url} does not answer.*AWS_ENDPOINT_URL"):
            store.check()


@pytest.mark.parametrize("url", ["localhost:9000", "not a url", "ftp://localhost"])
def test_an_endpoint_that_is_no_url_is_refused(url: str, settings: LakeSettings) -> None:
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        ObjectStore(settings.model_copy(update={"endpoint_url": url})).check()


@pytest.mark.parametrize("name", ["a b", "Bucket/with/slashes", ""])
def test_a_name_that_no_bucket_can_have_is_refused(name: str, settings: LakeSettings) -> None:
    with pytest.raises(ConfigurationError, match="RAW_BUCKET"):
        ObjectStore(settings.model_copy(update={"bucket": name})).check()


def test_without_credentials_the_message_says_which_to_set(
    settings: LakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "absent"))
    with pytest.raises(AccessError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        ObjectStore(settings).check()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "only-half")
    with pytest.raises(AccessError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        ObjectStore(settings).check()
