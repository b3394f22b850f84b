"""Damaged files, full disks, kills and other loaders: nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pyarrow as pa
import pytest

from ingest.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    DamagedLakeError,
    FatalError,
    PlatformError,
    TransientError,
)
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.ddl import data_table
from orchestration.warehouse.duckdb.session import DuckDBSession
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.ledger import Ledger, LedgerEntry
from orchestration.warehouse.loader import Loader, load_streams
from tests.orchestration.lake_builder import LakeBuilder, contract, thing
from tests.orchestration.warehouse.loads import ledger, load, raw_ids, rewrite


def test_a_wrong_row_count_rolls_back_and_names_the_file(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    commit = lake.data([thing(2)], [thing(3)])
    files = (commit.files[0], commit.files[1].model_copy(update={"rows": 2}))
    rewrite(lake, commit.model_copy(update={"files": files}))

    with pytest.raises(FatalError, match=rf"{files[1].key} gave 1 rows, but version 2 committed 2"):
        load(warehouse, lake)
    assert raw_ids(warehouse) == [1]
    assert ledger(warehouse) == [(1, "data", 1)]


def test_a_missing_file_is_named(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    commit = lake.data([thing(1)], [thing(2)])
    lake.store.delete([commit.files[1].key])
    with pytest.raises(FatalError, match=rf"log names s3://.*{commit.files[1].key}, but there is no such file"):
        load(warehouse, lake)
    assert raw_ids(warehouse) == []
    assert ledger(warehouse) == []


def test_a_file_that_is_not_the_committed_one_to_the_byte_is_refused(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    """It is valid Parquet with as many rows, so only its SHA-256 differs."""
    commit = lake.data([thing(1)], [thing(2)])
    schema = pa.schema([(column.name, column.landing.arrow) for column in lake.contract.columns])
    lake.store.put(commit.files[1].key, lake.parquet(schema, [thing(2, "altered")], 1, 2))
    with pytest.raises(FatalError, match=rf"things: s3://.*{commit.files[1].key} is not what was written there"):
        load(warehouse, lake)
    assert raw_ids(warehouse) == []
    assert ledger(warehouse) == []


def test_a_file_that_was_damaged_before_it_was_committed_is_refused_by_name(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    commit = lake.data([thing(1)])
    broken = lake.put(b"not parquet", 1, 1, 0)
    rewrite(lake, commit.model_copy(update={"files": (broken,)}))
    with pytest.raises(FatalError, match=rf"things: cannot load from the lake: .*{broken.key}"):
        load(warehouse, lake)
    assert ledger(warehouse) == []


def test_what_a_killed_load_left_on_disk_is_removed(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    left = warehouse.path.parent / f"{warehouse.path.stem}.loading" / "of-a-killed-load"
    left.mkdir(parents=True)
    (left / "000000.parquet").write_bytes(b"half")
    lake.data([thing(1)])
    load(warehouse, lake)
    assert not left.exists()


def test_a_full_disk_is_named(warehouse: DuckDBWarehouse, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.data([thing(1)])
    loading = warehouse.path.parent / f"{warehouse.path.stem}.loading"
    with monkeypatch.context() as patch:
        patch.setattr("orchestration.warehouse.duckdb.lake_files._file_name", lambda at: "/dev/full")
        with pytest.raises(ConfigurationError, match=r"things: the disk of /dev is full.*WAREHOUSE_DIR"):
            load(warehouse, lake)
    assert not loading.exists()
    assert load(warehouse, lake).rows == 1


@pytest.mark.parametrize("step", ["copy", "record", "commit"])
def test_a_kill_between_files_and_ledger_loses_and_doubles_nothing(
    warehouse: DuckDBWarehouse, lake: LakeBuilder, lake_settings: LakeSettings, step: str
) -> None:
    """The process dies by SIGKILL: before its files, between them and the ledger, or before the transaction ends."""
    lake.data([thing(1)])
    load(warehouse, lake)
    lake.data([thing(2)], [thing(3)])
    died = subprocess.run(
        [sys.executable, "-m", "tests.orchestration.warehouse.killed_load", str(warehouse.path.parent), step],
        env={**os.environ, "RAW_BUCKET": lake_settings.bucket, "AWS_ENDPOINT_URL": lake_settings.endpoint_url or ""},
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert raw_ids(warehouse) == [1]

    load(warehouse, lake)
    assert raw_ids(warehouse) == [1, 2, 3]
    assert ledger(warehouse) == [(1, "data", 1), (2, "data", 2)]


def test_two_loaders_double_nothing(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    """Even without the lock, the second loader to commit a version finds it taken."""
    lake.data([thing(1)])
    loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=0)
    with warehouse.connect() as session, session.fork() as slow:
        loader.prepare(session, [lake.contract])

        class Overtaken:
            """A session that another loader overtakes after its files are copied."""

            def __getattr__(self, name: str) -> Callable[..., object]:
                return getattr(slow, name)  # type: ignore[no-any-return]

            def copy(self, *arguments: object) -> object:
                loaded = slow.copy(*arguments)  # type: ignore[arg-type]
                loader.load(session, lake.contract)
                return loaded

        with pytest.raises((ConflictError, FatalError)):
            loader.load(Overtaken(), lake.contract)  # type: ignore[arg-type]
    assert raw_ids(warehouse) == [1]
    assert ledger(warehouse) == [(1, "data", 1)]


def test_another_lake_is_not_loaded_over_this_one(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    commit = lake.data([thing(2)])
    load(warehouse, lake)
    rewrite(lake, commit.model_copy(update={"batch_id": "of-another-lake"}))
    with pytest.raises(FatalError, match=r"loaded as batch batch-2, but the lake has batch of-another-lake there"):
        load(warehouse, lake)
    lake.store.delete([item.key for item in lake.store.list("_log/")])
    with pytest.raises(FatalError, match="this is another lake"):
        load(warehouse, lake)


def test_a_ledger_with_a_gap_is_refused(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    for number in range(3):
        lake.data([thing(number)])
    load(warehouse, lake)
    with warehouse.connect() as session:
        session.execute("delete from raw._loads where version = 2")
    with pytest.raises(FatalError, match=r"has 2 of the versions 1 to 3.*reload things"):
        load(warehouse, lake)


def test_one_stream_s_fault_does_not_stop_the_others(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    lakes = [LakeBuilder(store, contract(stream=name)) for name in ("bad", "good", "retyped")]
    broken = lakes[0].data([thing(1)])
    store.delete([broken.files[0].key])
    lakes[1].data([thing(1)])
    with warehouse.connect() as session:
        session.execute("create schema raw")
        session.execute("create table raw.retyped (id text)")
        loader = Loader(store, "RAW", run_id="test")
        outcomes = load_streams(loader, session, [lake.contract for lake in lakes], concurrency=3)
    assert [type(outcome.error) for outcome in outcomes] == [DamagedLakeError, type(None), ConfigurationError]
    assert outcomes[1].result is not None
    assert outcomes[1].result.rows == 1


def test_a_transient_fault_is_retried_within_the_budget(
    warehouse: DuckDBWarehouse, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.data([thing(1)])
    faults: list[PlatformError] = [TransientError("S3 answered 503"), TransientError("S3 answered 500")]
    copy = DuckDBSession.copy

    def faulty(self: DuckDBSession, *arguments: object) -> object:
        loaded = copy(self, *arguments)  # type: ignore[arg-type]
        if faults:
            raise faults.pop()
        return loaded

    monkeypatch.setattr(DuckDBSession, "copy", faulty)
    monkeypatch.setattr("ingest.retry.backoff", lambda first, longest, state: 0.001)
    with warehouse.connect() as session:
        loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=5)
        [outcome] = load_streams(loader, session, [lake.contract], concurrency=1)
    assert outcome.result is not None
    assert raw_ids(warehouse) == [1]


def test_an_endpoint_that_does_not_answer_is_transient(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    commit = lake.data([thing(1)])
    nowhere = LakeSettings(bucket=lake.store.bucket, endpoint_url="http://127.0.0.1:9", region="eu-central-1")
    gone = DuckDBWarehouse(warehouse.path.parent, "other", nowhere)
    with gone.connect() as session:
        Loader(lake.store, "RAW", run_id="test").prepare(session, [lake.contract])
        with pytest.raises(TransientError, match=r"S3 at http://127.0.0.1:9 does not answer"):
            session.copy(data_table(lake.contract, "RAW"), commit.files)


def test_no_credentials_is_said_so(
    tmp_path: object, lake: LakeBuilder, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    commit = lake.data([thing(1)])
    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="test").prepare(session, [lake.contract])
        with pytest.raises(AccessError, match="there are no AWS credentials"):
            session.copy(data_table(lake.contract, "RAW"), commit.files)


def test_the_ledger_refuses_a_version_that_does_not_follow(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    commit = lake.data([thing(2)])
    with warehouse.connect() as session:
        ledger_ = Ledger(session, "RAW")
        ledger_.ensure()
        with pytest.raises(ConflictError, match="another loader has gone on to version 0 while version 2"):
            ledger_.record(LedgerEntry.of(commit))
