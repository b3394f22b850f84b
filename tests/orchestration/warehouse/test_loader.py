"""Every committed row is in RAW exactly once, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    DamagedLakeError,
    FatalError,
    PlatformError,
    TransientError,
)
from ingest.lake import layout
from ingest.lake.commit import Commit, columns_of
from ingest.lake.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.warehouse.ddl import data_table
from orchestration.warehouse.duckdb.warehouse import DuckDBSession, DuckDBWarehouse
from orchestration.warehouse.ledger import Ledger, LedgerEntry
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Row
from tests.orchestration.lake_builder import AT, COLUMNS, LakeBuilder, contract, thing


def load(warehouse: DuckDBWarehouse, lake: LakeBuilder, of: StreamContract | None = None) -> LoadResult:
    """Load one stream. Raises what the load raised."""
    with warehouse.connect() as session:
        loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=0)
        [outcome] = load_streams(loader, session, [of or lake.contract], concurrency=1)
    if outcome.error:
        raise outcome.error
    assert outcome.result is not None
    return outcome.result


def rows(warehouse: DuckDBWarehouse, sql: str) -> list[Row]:
    with warehouse.connect() as session:
        return session.query(sql)


def raw_ids(warehouse: DuckDBWarehouse) -> list[object]:
    return [row[0] for row in rows(warehouse, "select id from raw.things order by id, _log_version, _row_number")]


def ledger(warehouse: DuckDBWarehouse) -> list[Row]:
    return rows(warehouse, "select version, kind, rows from raw._loads order by version")


def test_versions_are_loaded_in_order_and_once(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2)], [thing(3, price="19.99")])
    first = load(warehouse, lake)
    lake.data([thing(1, "b")])
    second = load(warehouse, lake)
    third = load(warehouse, lake)

    assert (first.commits, first.rows, first.files) == ((1,), 3, 2)
    assert (second.commits, second.rows) == ((2,), 1)
    assert (third.commits, third.rows, third.version) == ((), 0, 2)
    assert raw_ids(warehouse) == [1, 1, 2, 3]
    assert ledger(warehouse) == [(1, "data", 3), (2, "data", 1)]
    assert rows(
        warehouse, "select price, updated_at, _batch_id, _log_version, _row_number from raw.things where id = 3"
    ) == [(Decimal("19.99"), AT, "batch-1", 1, 3)]


def test_the_tables_have_the_contract_s_types(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    columns = {
        "id": "smallint",
        "n": "integer",
        "Exact Price": "numeric(38,10)",
        "free": "numeric",
        "ok": "boolean",
        "day": "date",
        "local": "timestamp",
        "real": "real",
        "double": "double precision",
        "blob": "bytea",
        "select": "jsonb",
        "updated_at": "timestamptz",
    }
    lake = LakeBuilder(store, contract(columns))
    lake.data([{"id": 1, "Exact Price": Decimal("1.0000000001"), "blob": b"\x00'", "select": "{}", "updated_at": AT}])
    load(warehouse, lake)

    described = {str(row[0]): row[1] for row in rows(warehouse, "describe raw.things")}
    assert described == {
        "id": "SMALLINT",
        "n": "INTEGER",
        "Exact Price": "DECIMAL(38,10)",
        "free": "VARCHAR",
        "ok": "BOOLEAN",
        "day": "DATE",
        "local": "TIMESTAMP",
        "real": "FLOAT",
        "double": "DOUBLE",
        "blob": "BLOB",
        "select": "VARCHAR",
        "updated_at": "TIMESTAMP WITH TIME ZONE",
        "_batch_id": "VARCHAR",
        "_log_version": "BIGINT",
        "_row_number": "BIGINT",
        "_extracted_at": "TIMESTAMP WITH TIME ZONE",
    }
    assert rows(warehouse, 'select "Exact Price", blob from raw.things') == [(Decimal("1.0000000001"), b"\x00'")]


def test_a_key_set_replaces_the_older_one(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2), thing(3)])
    lake.keys([{"id": 1}, {"id": 2}, {"id": 3}])
    load(warehouse, lake)
    lake.keys([{"id": 2}, {"id": 3}])
    result = load(warehouse, lake)

    assert result.keys == 2
    assert result.rows == 0
    assert rows(warehouse, "select id, _log_version from raw.things__keys order by id") == [(2, 3), (3, 3)]
    lake.keys([])
    load(warehouse, lake)
    assert rows(warehouse, "select count(*) from raw.things__keys") == [(0,)]
    assert ledger(warehouse)[-1] == (4, "keys", 0)


def test_snapshots_and_backfills_are_appended(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    columns = {"id": "bigint", "name": "text"}
    lake = LakeBuilder(store, contract(columns, mode="snapshot", deletes="none"))
    lake.snapshot([{"id": 1}, {"id": 2}])
    lake.snapshot([{"id": 2}])
    lake.snapshot([])
    load(warehouse, lake)
    assert rows(warehouse, "select _log_version, id from raw.things order by all") == [(1, 1), (1, 2), (2, 2)]
    assert ledger(warehouse) == [(1, "snapshot", 2), (2, "snapshot", 1), (3, "snapshot", 0)]


def test_a_replay_loads_the_named_versions_again(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    lake.data([thing(2)])
    lake.keys([{"id": 1}, {"id": 2}])
    lake.backfill([thing(1, "again")])
    load(warehouse, lake)
    before = rows(warehouse, "select * from raw.things order by all")
    with warehouse.connect() as session:
        session.execute("update raw.things set name = 'damaged' where _log_version >= 2")
        session.execute("delete from raw.things__keys")
    lake.replay(2)

    result = load(warehouse, lake)

    assert result.replayed
    assert result.reloaded == 4
    assert rows(warehouse, "select * from raw.things order by all") == before
    assert rows(warehouse, "select count(*) from raw.things__keys") == [(2,)]
    assert ledger(warehouse)[-1] == (5, "replay", 0)


def test_a_replay_of_a_replay_and_a_first_load_that_meets_one(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    lake.replay(1)
    lake.data([thing(2)])
    lake.replay(1)
    load(warehouse, lake)
    assert raw_ids(warehouse) == [1, 2]


def test_a_new_column_is_added_and_older_files_have_null_in_it(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    lake.data([thing(2)])
    wider = contract({**COLUMNS, "colour": "text"})
    newer = LakeBuilder(lake.store, wider)
    newer.data([{**thing(3), "colour": "red"}])

    result = load(warehouse, newer)

    assert result.added_columns == ("colour",)
    assert rows(warehouse, "select id, colour from raw.things order by id") == [(1, None), (2, None), (3, "red")]


def test_a_column_that_the_contract_gave_up_stays(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1, "kept")])
    load(warehouse, lake)
    narrower = LakeBuilder(lake.store, contract({name: type_ for name, type_ in COLUMNS.items() if name != "name"}))
    narrower.data([thing(2)])
    load(warehouse, narrower)
    assert rows(warehouse, "select id, name from raw.things order by id") == [(1, "kept"), (2, None)]


def test_a_type_change_is_refused_with_the_way_out(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    changed = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(12,4)"}))
    changed.data([thing(2)])

    with pytest.raises(ConfigurationError, match=r"'price' is DECIMAL\(12,2\) .* DECIMAL\(12,4\).*reload things"):
        load(warehouse, changed)
    assert raw_ids(warehouse) == [1]


def test_a_wider_contract_widens_the_table_and_an_older_one_leaves_it(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    wider = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(14,4)"}))
    wider.data([{**thing(2), "price": Decimal("1.2345")}])

    assert load(warehouse, wider).widened_columns == ("price: DECIMAL(12,2) to DECIMAL(14,4)",)
    lake.data([thing(3)])
    assert load(warehouse, lake).widened_columns == ()
    expected = [(1, Decimal("1.0000")), (2, Decimal("1.2345")), (3, Decimal("1.0000"))]
    assert rows(warehouse, "select id, price from raw.things order by id") == expected

    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="test").forget(session, wider.contract)
    load(warehouse, wider)
    assert rows(warehouse, "select id, price from raw.things order by id") == expected


def test_a_commit_s_columns_are_given_to_tables_whose_contract_does_not_know_them(
    warehouse: DuckDBWarehouse, lake: LakeBuilder
) -> None:
    lake.data([thing(1)])
    lake.keys([{"id": 1}])
    load(warehouse, lake)
    drifted = LakeBuilder(lake.store, contract({**COLUMNS, "price": "numeric(14,4)", "colour": "text"}))
    columns = columns_of(drifted.contract)
    drifted.data([{**thing(2), "price": Decimal("1.2345"), "colour": "red"}], columns=columns)

    result = load(warehouse, lake)
    assert (result.added_columns, result.widened_columns) == (("colour",), ("price: DECIMAL(12,2) to DECIMAL(14,4)",))
    expected = [(1, Decimal("1.0000"), None), (2, Decimal("1.2345"), "red")]
    assert rows(warehouse, "select id, price, colour from raw.things order by id") == expected

    with warehouse.connect() as session:
        Loader(lake.store, "RAW", run_id="test").forget(session, lake.contract)
    load(warehouse, lake)
    lake.replay(1)
    load(warehouse, lake)
    assert rows(warehouse, "select id, price, colour from raw.things order by id") == expected


def test_a_commit_whose_column_is_of_another_family_is_refused(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    load(warehouse, lake)
    lake.data([thing(2)], columns=columns_of(lake.contract) | {"name": "int64"})
    with pytest.raises(
        ConfigurationError, match=r"'name' is VARCHAR in RAW\.things, and BIGINT in version 2 of the lake"
    ):
        load(warehouse, lake)
    assert raw_ids(warehouse) == [1]


def test_a_file_of_another_type_is_refused_by_name(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    other = LakeBuilder(lake.store, contract({**COLUMNS, "price": "double precision"}))
    file = other.data([{**thing(2), "price": 1.5}]).files[0]
    with pytest.raises(ConfigurationError, match=rf"{file.key} has column 'price' as DOUBLE"):
        load(warehouse, lake)
    assert raw_ids(warehouse) == [1]


def test_a_file_with_a_column_that_the_table_lacks_is_refused(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    newer = LakeBuilder(lake.store, contract({**COLUMNS, "colour": "text"}))
    newer.data([{**thing(1), "colour": "red"}])
    with pytest.raises(ConfigurationError, match="a column 'colour' that the table does not have"):
        load(warehouse, lake)


def test_a_wrong_row_count_rolls_back_and_names_the_file(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    commit = lake.data([thing(2)], [thing(3)])
    files = (commit.files[0], commit.files[1].model_copy(update={"rows": 2}))
    _rewrite(lake, commit.model_copy(update={"files": files}))

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
    """Good Parquet, of as many rows: only its SHA-256 tells."""
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
    _rewrite(lake, commit.model_copy(update={"files": (broken,)}))
    with pytest.raises(FatalError, match=rf"things: cannot load from the lake: .*{broken.key}"):
        load(warehouse, lake)
    assert ledger(warehouse) == []


def test_a_version_of_more_than_fits_on_disk_at_once_is_loaded_in_groups(
    warehouse: DuckDBWarehouse, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.warehouse.duckdb.lake_files._GROUP_BYTES", 1)
    at_once: list[int] = []
    check = DuckDBSession._check_columns

    def count(self: DuckDBSession, *arguments: object) -> None:
        at_once.append(len(list(warehouse.path.parent.glob("*.loading/*/*.parquet"))))
        check(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DuckDBSession, "_check_columns", count)
    lake.data(*[[thing(number)] for number in range(7)])
    assert load(warehouse, lake).rows == 7
    assert raw_ids(warehouse) == list(range(7))
    assert len(at_once) == 7
    assert max(at_once) <= 2
    assert list(warehouse.path.parent.glob("*.loading")) == []


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


def test_keys_with_odd_characters_are_read(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    commit = lake.data([thing(1)])
    body = lake.store.get(commit.files[0].key)
    assert body is not None
    odd = "inventory/things/dt=2026-03-01/o'dd +%41 é.parquet"
    lake.store.put(odd, body)
    _rewrite(lake, commit.model_copy(update={"files": (commit.files[0].model_copy(update={"key": odd}),)}))
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
    """Without the lock even: the second to commit a version finds it taken."""
    lake.data([thing(1)])
    loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=0)
    with warehouse.connect() as session, session.fork() as slow:
        loader.prepare(session, [lake.contract])

        class Overtaken:
            """A session that another loader overtakes once its files are copied."""

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
    _rewrite(lake, commit.model_copy(update={"batch_id": "of-another-lake"}))
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


def test_a_stream_of_many_small_versions(warehouse: DuckDBWarehouse, lake: LakeBuilder) -> None:
    for number in range(12):
        lake.data([thing(number)])
    assert load(warehouse, lake).commits == tuple(range(1, 13))
    with warehouse.lock("test", wait=timedelta(0)):
        assert raw_ids(warehouse) == list(range(12))


def _rewrite(lake: LakeBuilder, commit: Commit) -> None:
    """Put a commit in place of the one of its version, as no writer would."""
    lake.store.put(layout.commit_key(commit.stream, commit.version), commit.encode())
