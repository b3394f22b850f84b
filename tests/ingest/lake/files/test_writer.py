"""The files of a batch in the lake: cut by bytes, with the platform's columns, and readable by any tool."""

from __future__ import annotations

import errno
import hashlib
import io
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, ConflictError, QuarantineRatioError
from ingest.lake import layout
from ingest.lake.batch import Batch, BatchOrigin, QuarantinedRecord
from ingest.lake.commit import Commit, CommitKind, DataFile, Watermark
from ingest.lake.files.writer import ROW_GROUP_ROWS, FilePlace, ParquetFiles
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from tests.conftest import Bucket
from tests.ingest.contracts.contract_text import good_document, parsed, set_custom

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
NOWHERE = Watermark(before=None, after=AT)
THINGS = pa.schema([("id", pa.int64()), ("label", pa.string()), ("updated_at", pa.timestamp("us", tz="UTC"))])
META = ["_batch_id", "_log_version", "_row_number", "_extracted_at"]


def things(first: int, count: int) -> pa.RecordBatch:
    """Return rows whose cursor rises with their id, by a second each."""
    ids = range(first, first + count)
    columns = [
        pa.array(ids, pa.int64()),
        pa.array([f"thing {number}" for number in ids]),
        pa.array([AT + timedelta(seconds=number) for number in ids], THINGS.field("updated_at").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=THINGS)


def refused(count: int, *, reason: str = "no good") -> list[QuarantinedRecord]:
    return [QuarantinedRecord(reason, at, f'{{"id": {at}}}', b'{"id": \xff}') for at in range(1, count + 1)]


@pytest.fixture
def contract() -> StreamContract:
    document = good_document()
    set_custom(document, "maxQuarantineRatio", 0.02)
    return parsed(document)


def new_batch(
    store: ObjectStore,
    contract: StreamContract,
    parent: Commit | None = None,
    *,
    kind: CommitKind = CommitKind.DATA,
) -> Batch:
    origin = BatchOrigin("run 1", parent, AT)
    return Batch(store, contract, origin, kind=kind, columns=THINGS, target_file_bytes=128 * 2**20)


def read(store: ObjectStore, file: DataFile) -> pa.Table:
    body = store.get(file.key)
    assert body is not None
    assert (len(body), hashlib.sha256(body).hexdigest()) == (file.bytes, file.sha256)
    return pq.read_table(io.BytesIO(body))


def all_keys(store: ObjectStore) -> list[str]:
    return [item.key for item in store.list("")]


@pytest.fixture(scope="module")
def wide() -> pa.RecordBatch:
    """Return as many rows as one row group, about 1 MB that cannot be compressed."""
    chance = random.Random(1)
    schema = pa.schema([("noise", pa.int64()), ("at", pa.timestamp("us"))])
    noise = pa.array([chance.getrandbits(63) for _ in range(ROW_GROUP_ROWS)], pa.int64())
    moments = pa.array(range(ROW_GROUP_ROWS), pa.int64()).cast(pa.timestamp("us"))
    return pa.RecordBatch.from_arrays([noise, moments], schema=schema)


def test_files_are_cut_by_bytes_and_described_to_the_byte(store: ObjectStore, wide: pa.RecordBatch) -> None:
    place = FilePlace("inventory", "wide", 7, AT, cursor="at")
    with ParquetFiles(store, place, wide.schema, target_bytes=2_000_000) as writer:
        for _ in range(5):
            writer.write(wide)
        written = writer.finish()

    tables = [read(store, file) for file in written]
    assert [file.rows for file in written] == [2 * ROW_GROUP_ROWS, 2 * ROW_GROUP_ROWS, ROW_GROUP_ROWS]
    assert [table.num_rows for table in tables] == [file.rows for file in written]
    assert all(file.bytes >= 2_000_000 for file in written[:-1])
    assert pa.concat_tables(tables)["noise"].to_pylist() == wide["noise"].to_pylist() * 5
    assert {file.min_cursor for file in written} == {datetime(1970, 1, 1, tzinfo=UTC)}
    assert {file.max_cursor for file in written} == {
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ROW_GROUP_ROWS - 1)
    }
    assert [file.key for file in written] == [
        f"inventory/wide/dt=2026-01-31/0000000007-{part:04d}-{file.sha256[:12]}.parquet"
        for part, file in enumerate(written)
    ]


def test_small_batches_share_a_file_and_a_row_group(store: ObjectStore) -> None:
    place = FilePlace("inventory", "things", 1, AT, cursor="updated_at")
    with ParquetFiles(store, place, THINGS, target_bytes=1) as writer:
        for first in (1, 4, 2):
            writer.write(things(first, 2))
        writer.write(things(1, 0))
        (file,) = writer.finish()

    body = store.get(file.key)
    assert body is not None
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    assert (metadata.num_rows, metadata.num_row_groups) == (6, 1)
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert (file.min_cursor, file.max_cursor) == (AT + timedelta(seconds=1), AT + timedelta(seconds=5))


def test_nothing_written_is_no_file(store: ObjectStore) -> None:
    with ParquetFiles(store, FilePlace("inventory", "things", 1, AT), THINGS, target_bytes=1) as writer:
        assert writer.finish() == ()
    assert list(store.list("")) == []


def test_local_files_are_gone_whether_a_batch_commits_or_not(
    store: ObjectStore, contract: StreamContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with new_batch(store, contract) as batch:
        batch.write(things(1, ROW_GROUP_ROWS))
        assert list(tmp_path.iterdir())
        batch.commit(window=None, watermark=NOWHERE)
    with new_batch(store, contract) as batch:
        batch.write(things(1, ROW_GROUP_ROWS + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row_groups", [1, 3])
def test_a_disk_that_is_full_stops_the_batch_though_another_thread_writes(
    store: ObjectStore, wide: pa.RecordBatch, row_groups: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("ingest.lake.files.writer.LocalParquet.write", full)
    place = FilePlace("inventory", "wide", 7, AT)

    def land() -> None:
        with ParquetFiles(store, place, wide.schema, target_bytes=1) as writer:
            for _ in range(row_groups):
                writer.write(wide)
            writer.finish()

    with pytest.raises(ConfigurationError, match=r"disk of .* is full"):
        land()
    assert list(tmp_path.iterdir()) == []
    assert all_keys(store) == []


def test_a_batch_stamps_each_row_and_commits_what_it_wrote(store: ObjectStore, contract: StreamContract) -> None:
    with new_batch(store, contract) as batch:
        batch.write(things(1, 3))
        batch.write(things(4, 2))
        commit = batch.commit(window=None, watermark=NOWHERE)

    assert CommitLog(store, "things").head() == commit
    assert (commit.version, commit.kind, commit.run_id, commit.rows) == (1, CommitKind.DATA, "run 1", 5)
    assert (commit.counts.read, commit.counts.landed, commit.counts.quarantined) == (5, 5, 0)
    assert (commit.contract_version, commit.contract_sha256) == (contract.version, contract.sha256)
    (file,) = commit.files
    table = read(store, file)
    assert table.column_names == [*THINGS.names, *META]
    assert table["id"].to_pylist() == table["_row_number"].to_pylist() == [1, 2, 3, 4, 5]
    assert set(table["_batch_id"].to_pylist()) == {commit.batch_id}
    assert set(table["_log_version"].to_pylist()) == {1}
    assert set(table["_extracted_at"].to_pylist()) == {AT}


def test_without_a_commit_nothing_counts(store: ObjectStore, contract: StreamContract) -> None:
    with new_batch(store, contract) as batch:
        batch.write(things(1, 3))
    assert CommitLog(store, "things").head() is None
    assert all_keys(store) == []


def test_of_two_batches_on_the_same_version_one_counts(store: ObjectStore, contract: StreamContract) -> None:
    with new_batch(store, contract) as one, new_batch(store, contract) as other:
        one.write(things(1, 3))
        other.write(things(1, 3))
        won = one.commit(window=None, watermark=NOWHERE)
        with pytest.raises(ConflictError):
            other.commit(window=None, watermark=NOWHERE)
    assert list(CommitLog(store, "things").since(0)) == [won]
    assert len(list(store.list("inventory/things/"))) == 2


def test_refused_records_are_kept_to_the_byte_with_their_reasons(store: ObjectStore, contract: StreamContract) -> None:
    with new_batch(store, contract) as batch:
        batch.write(things(1, 98))
        batch.refuse(refused(2))
        batch.refuse([])
        commit = batch.commit(window=None, watermark=NOWHERE)

    assert (commit.counts.read, commit.counts.landed, commit.counts.quarantined) == (100, 98, 2)
    assert commit.rows == 98
    (file,) = commit.quarantine
    assert file.key.startswith("_quarantine/things/dt=2026-01-31/0000000001-0000-")
    first = read(store, file).to_pylist()[0]
    assert (first["reason"], first["position"], first["key"]) == ("no good", 1, '{"id": 1}')
    assert first["record"] == b'{"id": \xff}'
    assert (first["_log_version"], first["_batch_id"]) == (1, commit.batch_id)


def test_more_refused_than_the_contract_allows_refuses_the_batch_whole(
    store: ObjectStore, contract: StreamContract
) -> None:
    with new_batch(store, contract) as batch:
        batch.write(things(1, 97))
        batch.refuse(refused(3, reason="column 'label': no good"))
        with pytest.raises(
            QuarantineRatioError, match=r"3 of 100.*0\.02.*The first: column 'label': no good"
        ) as caught:
            batch.commit(window=None, watermark=NOWHERE)
    assert caught.value.stream == "things"
    assert all_keys(store) == []


def test_a_few_refused_records_of_a_small_batch_are_let_through_where_the_contract_says_how_many(
    store: ObjectStore, contract: StreamContract
) -> None:
    lenient = replace(contract, spec=contract.spec.model_copy(update={"quarantine_allowance": 2}))
    parent = None
    for bad in (1, 2):
        with new_batch(store, lenient, parent) as batch:
            batch.write(things(1, 5))
            batch.refuse(refused(bad))
            parent = batch.commit(window=None, watermark=NOWHERE)
        assert parent.counts.quarantined == bad
    with new_batch(store, lenient, parent) as batch:
        batch.write(things(1, 5))
        batch.refuse(refused(3))
        with pytest.raises(QuarantineRatioError, match="3 of 8"):
            batch.commit(window=None, watermark=NOWHERE)


def test_a_full_sets_digest_is_of_rows_and_refused_records(store: ObjectStore, contract: StreamContract) -> None:
    """A newly refused row makes another set, although the landed rows are the same."""
    digests = []
    for count, bad in ((3, 0), (3, 0), (3, 1), (3, 1), (2, 1)):
        with new_batch(store, contract, kind=CommitKind.SNAPSHOT) as batch:
            batch.write(things(1, count))
            batch.refuse(refused(bad))
            digests.append(batch.digest)
    assert digests[0] == digests[1]
    assert digests[2] == digests[3]
    assert len(set(digests)) == 3


def test_keys_of_files_are_content_addressed_so_writers_never_overwrite_each_other() -> None:
    keys = {layout.data_key("events", "s", at=AT, version=1, part=0, sha256=digit * 64) for digit in "0123"}
    assert len(keys) == 4


# Other tools


@pytest.fixture
def landed(store: ObjectStore, contract: StreamContract) -> Commit:
    with new_batch(store, contract) as batch:
        batch.write(things(1, 5))
        return batch.commit(window=None, watermark=NOWHERE)


@pytest.fixture
def duckdb_alone(bucket: Bucket) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with its S3 extension, and no code of ours."""
    folder = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}"
    with closing(duckdb.connect()) as connection:
        connection.execute(f"load '{folder / 'httpfs.duckdb_extension'}'")
        connection.execute(
            "create secret (type s3, key_id 'any', secret 'any', use_ssl false, url_style 'path', "
            f"endpoint '{bucket.server.endpoint_url.removeprefix('http://')}')"
        )
        connection.execute("set timezone = 'UTC'")
        yield connection


def test_duckdb_alone_reads_what_landed(
    landed: Commit, bucket: Bucket, duckdb_alone: duckdb.DuckDBPyConnection
) -> None:
    uri = f"s3://{bucket.name}/{landed.files[0].key}"
    described: list[tuple[Any, ...]] = duckdb_alone.execute(f"describe select * from '{uri}'").fetchall()
    assert {row[0]: row[1] for row in described} == {
        "id": "BIGINT",
        "label": "VARCHAR",
        "updated_at": "TIMESTAMP WITH TIME ZONE",
        "_batch_id": "VARCHAR",
        "_log_version": "BIGINT",
        "_row_number": "BIGINT",
        "_extracted_at": "TIMESTAMP WITH TIME ZONE",
        "dt": "DATE",
    }
    query = f"select id, label, updated_at::varchar, _row_number from '{uri}' order by id"
    assert duckdb_alone.execute(query).fetchall()[0] == (1, "thing 1", "2026-01-31 23:59:01+00", 1)


def test_boto3_lists_what_landed(landed: Commit, bucket: Bucket, s3_client: S3Client) -> None:
    listing = s3_client.list_objects_v2(Bucket=bucket.name)
    assert [item["Key"] for item in listing["Contents"]] == [
        landed.landed_keys[0].key,
        "_log/things/00000000000000000001.json",
        "_log/things/_latest.json",
        landed.files[0].key,
    ]
