"""The guarantees of S3 that the commit log relies on, tested on the emulated S3 of the compose stack."""

from __future__ import annotations

import base64
import hashlib
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from ingest.errors import ConflictError, TransientError
from tests.containers.lake_process import BUCKET, EXIT_DISK_FAILED, PYTHON, REGION, Lake, running_lake

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="ministack is not installed: make .venv-lake/.installed")

MIB = 2**20


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake for tests that do it no harm. Each uses keys of its own."""
    with running_lake(tmp_path_factory.mktemp("lake")) as running:
        yield running


@pytest.fixture
def own_lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake that may be killed."""
    with running_lake(tmp_path) as running:
        yield running


def status_of(error: ClientError) -> tuple[int, str]:
    """HTTP status and S3's code of a refusal."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def test_of_many_writers_of_one_version_exactly_one_wins(lake: Lake) -> None:
    writers = 12
    start = threading.Barrier(writers)
    store = lake.store

    def write(number: int, key: str) -> bool:
        start.wait()
        try:
            store.put_if_absent(key, f"writer {number}".encode())
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(writers) as pool:
        for version in range(10):
            key = f"_log/orders/{version:020}.json"
            won = list(pool.map(write, range(writers), [key] * writers))
            assert won.count(True) == 1
            assert store.get(key) == f"writer {won.index(True)}".encode()


def test_a_write_if_absent_of_an_object_that_exists_is_412(lake: Lake) -> None:
    client = lake.client()
    client.put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")
    assert status_of(refused.value) == (412, "PreconditionFailed")
    assert client.get_object(Bucket=BUCKET, Key="once")["Body"].read() == b"first"


def test_what_was_acknowledged_survives_kill_9(own_lake: Lake) -> None:
    store, body = own_lake.store, bytes(range(256)) * 4096
    store.put_if_absent("_log/orders/1.json", b"{}")
    store.put("events/a.parquet", body)
    store.put("_log/orders/_latest.json", b"1")
    store.put("_log/orders/_latest.json", b"10")
    own_lake.kill()
    own_lake.start()
    store = own_lake.store
    assert store.get("events/a.parquet") == body
    assert store.get("_log/orders/_latest.json") == b"10"
    assert [item.key for item in store.list("")] == [
        "_log/orders/1.json",
        "_log/orders/_latest.json",
        "events/a.parquet",
    ]
    with pytest.raises(ConflictError):
        store.put_if_absent("_log/orders/1.json", b"{another}")


def test_a_kill_amid_writes_leaves_no_half_object(own_lake: Lake) -> None:
    client, acknowledged = own_lake.client(), threading.Event()
    bodies = {f"events/{number:04}": hashlib.sha256(bytes([number % 256])).digest() * 20_000 for number in range(400)}
    written: list[str] = []

    def write() -> None:
        for key, body in bodies.items():
            try:
                client.put_object(Bucket=BUCKET, Key=key, Body=body)
            except (BotoCoreError, ClientError):
                return
            written.append(key)
            if len(written) == 25:
                acknowledged.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert acknowledged.wait(60)
    own_lake.kill()
    writer.join()
    own_lake.start()
    store = own_lake.store
    there = [item.key for item in store.list("events/")]
    assert there[: len(written)] == written
    assert len(there) - len(written) in (0, 1)
    for key in there:
        assert store.get(key) == bodies[key]


def test_parts_of_an_object_are_read_as_duckdb_reads_them(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"n": range(200_000), "text": [f"row {n}" for n in range(200_000)]}), path)
    lake.client().upload_file(str(path), BUCKET, "events/rows.parquet")
    size = path.stat().st_size

    client = lake.client()
    tail = client.get_object(Bucket=BUCKET, Key="events/rows.parquet", Range="bytes=-8")
    assert tail["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert tail["ContentRange"] == f"bytes {size - 8}-{size - 1}/{size}"
    assert tail["Body"].read() == path.read_bytes()[-8:]
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=BUCKET, Key="events/rows.parquet", Range=f"bytes={size}-")
    assert status_of(refused.value) == (416, "InvalidRange")

    extension = (
        resources.files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    )
    with duckdb.connect() as connection:
        connection.execute(f"load '{extension}'")
        connection.execute(
            f"create secret (type s3, key_id 'dev', secret 'dev', region '{REGION}', url_style 'path', "
            f"endpoint '127.0.0.1:{lake.port}', use_ssl false)"
        )
        found = connection.sql(f"select count(*), sum(n) from 's3://{BUCKET}/events/rows.parquet' where n % 2 = 0")
        assert found.fetchone() == (100_000, sum(range(0, 200_000, 2)))


def test_a_multipart_upload_is_there_as_a_whole_or_not_at_all(lake: Lake) -> None:
    client, parts = lake.client(), [b"a" * 5 * MIB, b"b" * MIB]
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    tags = [
        client.upload_part(Bucket=BUCKET, Key="large", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    assert lake.store.get("large") is None
    client.complete_multipart_upload(
        Bucket=BUCKET,
        Key="large",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]},
    )
    assert lake.store.get("large") == b"".join(parts)
    assert client.head_object(Bucket=BUCKET, Key="large")["ETag"].endswith('-2"')


def test_a_listing_goes_on_after_a_key_in_the_order_of_keys(lake: Lake) -> None:
    store = lake.store
    keys = [f"_log/listed/{version:020}.json" for version in range(25)]
    for key in reversed(keys):
        store.put(key, b"{}")
    assert [item.key for item in store.list("_log/listed/")] == keys
    assert [item.key for item in store.list("_log/listed/", start_after=keys[9])] == keys[10:]
    page = lake.client().list_objects_v2(Bucket=BUCKET, Prefix="_log/listed/", StartAfter=keys[4], MaxKeys=3)
    assert [item["Key"] for item in page["Contents"]] == keys[5:8]
    assert page["IsTruncated"]


def test_a_body_that_is_not_what_its_checksum_says_is_refused(lake: Lake) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"sent").digest()).decode()
    with pytest.raises(ClientError) as refused:
        lake.client().put_object(Bucket=BUCKET, Key="altered", Body=b"arrived", ChecksumSHA256=wrong)
    assert status_of(refused.value)[0] == 400
    assert lake.store.get("altered") is None


def test_an_etag_is_the_body_s_md5(lake: Lake) -> None:
    answer = lake.client().put_object(Bucket=BUCKET, Key="etag", Body=b"body")
    assert answer["ETag"] == f'"{hashlib.md5(b"body", usedforsecurity=False).hexdigest()}"'


def test_a_full_volume_refuses_writes_and_goes_on_reading_and_deleting(tmp_path: Path) -> None:
    with running_lake(tmp_path) as before:
        before.store.put("kept", b"body")
    with running_lake(tmp_path, LAKE_RESERVE_BYTES=str(2**60)) as full:
        store = full.store
        for body in (b"body", b"x" * 5 * MIB, b"again"):
            with pytest.raises(TransientError, match="the disk of the lake is full"):
                store.put("refused", body)
        assert store.get("kept") == b"body"
        assert store.get("refused") is None
        store.delete(["kept"])
        assert store.get("kept") is None


def test_a_client_that_sends_without_asking_is_told_too(tmp_path: Path) -> None:
    with running_lake(tmp_path) as before:
        before.store.put("kept", b"body")
    with running_lake(tmp_path, LAKE_RESERVE_BYTES=str(2**60)) as full:
        connection = HTTPConnection("127.0.0.1", full.port, timeout=30)
        connection.request("PUT", f"/{BUCKET}/refused", body=b"x" * 5 * MIB)
        answer = connection.getresponse()
        assert (answer.status, b"InsufficientStorage" in answer.read()) == (507, True)
        connection.close()


def test_a_disk_that_refuses_amid_a_write_ends_the_server_and_acknowledges_nothing(own_lake: Lake) -> None:
    own_lake.store.put("_log/orders/1.json", b"{}")
    own_lake.end(signal.SIGTERM)
    own_lake.start(largest_file=MIB)
    with pytest.raises(TransientError):
        own_lake.store.put_if_absent("events/large", b"x" * 2 * MIB)
    assert own_lake.exit_code() == EXIT_DISK_FAILED
    own_lake.start()
    assert [item.key for item in own_lake.store.list("")] == ["_log/orders/1.json"]


def test_sigterm_is_an_orderly_end(own_lake: Lake) -> None:
    assert own_lake.end(signal.SIGTERM) == 0
