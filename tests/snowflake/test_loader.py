"""Every committed row is in Snowflake's RAW exactly once, with the ledger row that says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier

import pyarrow as pa
import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import FatalError, PlatformError
from orchestration.built.holdings import Holdings
from orchestration.built.mark import StreamVersion
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import data_table
from orchestration.warehouse.key_sets import key_set_table
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Purpose, Row, Session
from orchestration.warehouse.publication import PublicationRecord, record_publication
from orchestration.warehouse.snowflake import session as snowflake_session
from orchestration.warehouse.snowflake.copy_history import check_history
from orchestration.warehouse.snowflake.session import SnowflakeSession
from tests.orchestration.lake_builder import AT, LakeBuilder, thing
from tests.snowflake.account import Account


def load(account: Account, lake: LakeBuilder, of: StreamContract | None = None) -> LoadResult:
    """Load one stream. Raises the load's error."""
    with account.warehouse().connect() as session:
        return load_in(session, lake, of)


def load_in(session: Session, lake: LakeBuilder, of: StreamContract | None = None) -> LoadResult:
    loader = Loader(lake.store, "RAW", run_id="test", wait_budget_seconds=20)
    [outcome] = load_streams(loader, session, [of or lake.contract], concurrency=1)
    if outcome.error:
        raise outcome.error
    assert outcome.result is not None
    return outcome.result


def raw_ids(account: Account) -> list[object]:
    return [row[0] for row in account.rows("select id from raw.things order by id, _log_version, _row_number")]


def ledger(account: Account) -> list[Row]:
    return account.rows("select version, kind, rows from raw._loads order by version")


def test_versions_are_loaded_in_order_and_once(account: Account, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2)], [thing(3, price="19.99")])
    first = load(account, lake)
    lake.data([thing(1, "b")])
    second = load(account, lake)
    third = load(account, lake)

    assert (first.commits, first.rows, first.files) == ((1,), 3, 2)
    assert (second.commits, second.rows) == ((2,), 1)
    assert (third.commits, third.rows, third.version) == ((), 0, 2)
    assert raw_ids(account) == [1, 1, 2, 3]
    assert ledger(account) == [(1, "data", 3), (2, "data", 1)]
    assert account.rows(
        "select price, updated_at, _batch_id, _log_version, _row_number from raw.things where id = 3"
    ) == [(Decimal("19.99"), AT, "batch-1", 1, 3)]


def test_tombstones_are_appended_and_a_replay_loads_again(account: Account, lake: LakeBuilder) -> None:
    lake.data([thing(1), thing(2)])
    lake.deletes([{"id": 1}])
    load(account, lake)
    lake.deletes([{"id": 2}])
    lake.replay(1)
    result = load(account, lake)

    assert (result.commits, result.deletes, result.reloaded) == ((3, 4), 3, 4)
    assert raw_ids(account) == [1, 2]
    assert account.rows("select id, _log_version from raw.things__deletes order by id") == [(1, 2), (2, 3)]


def test_key_sets_of_an_older_release_become_tombstones(account: Account, lake: LakeBuilder) -> None:
    """While they are loaded, and once for the set that the older release has loaded last."""
    tombstones = "select id, _log_version from raw.things__deletes order by id"
    lake.data([thing(1), thing(2), thing(3)])
    lake.keys([{"id": 2}, {"id": 3}])
    load(account, lake)
    lake.keys([{"id": 1}, {"id": 2}])
    result = load(account, lake)
    assert (account.rows(tombstones), result.revived) == ([(3, 3)], 1)
    table = key_set_table(lake.contract, "RAW")
    with account.warehouse().connect() as session:
        name = session.dialect.table(table)
        session.execute("DELETE FROM raw.things__deletes")
        session.execute(session.dialect.create_table(table))
        session.execute(
            f"INSERT INTO {name} select id, _batch_id, 3, _row_number, _extracted_at from raw.things where id < 3"
        )
    load(account, lake)
    assert account.rows(tombstones) == [(3, 3)]
    with account.warehouse().connect() as session:
        assert session.columns(table) == {}


def test_a_reload_builds_the_tables_anew(account: Account, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    lake.deletes([{"id": 2}])
    load(account, lake)
    with account.warehouse().connect() as session:
        Loader(lake.store, "RAW", run_id="test").forget(session, lake.contract)
        assert session.query("select count(*) from raw._loads") == [(0,)]
        result = load_in(session, lake)

    assert result.commits == (1, 2)
    assert raw_ids(account) == [1]


def test_many_files_are_loaded_in_groups_of_what_a_statement_takes(
    account: Account, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snowflake_session, "MAX_FILES_PER_STATEMENT", 2)
    lake.data(*([thing(at)] for at in range(5)))

    assert load(account, lake).files == 5
    assert raw_ids(account) == [0, 1, 2, 3, 4]


def test_a_failing_file_in_the_middle_leaves_nothing_of_its_version(account: Account, lake: LakeBuilder) -> None:
    lake.data([thing(1)])
    commit = lake.data([thing(2)], [thing(3)], [thing(4)])
    lake.data([thing(5)])
    good = lake.store.get(commit.files[1].key)
    assert good is not None
    lake.store.put(commit.files[1].key, b"PAR1 this is no Parquet file PAR1")

    with pytest.raises(PlatformError) as caught:
        load(account, lake)
    assert caught.value.stream == "things"
    assert raw_ids(account) == [1]
    assert ledger(account) == [(1, "data", 1)]

    lake.store.put(commit.files[1].key, good)
    assert load(account, lake).commits == (2, 3)
    assert raw_ids(account) == [1, 2, 3, 4, 5]


def test_a_file_with_other_rows_than_committed_is_named_and_nothing_is_loaded(
    account: Account, lake: LakeBuilder
) -> None:
    version = lake.next_version
    schema = pa.schema([(column.name, column.landing.arrow) for column in lake.contract.columns])
    shorter = lake.put(lake.parquet(schema, [thing(1), thing(2)], version), 3, version, 0)
    lake.data(files=(shorter,))

    with pytest.raises(FatalError, match=f"{shorter.key} gave 2 rows, but version 1 committed 3"):
        load(account, lake)
    assert raw_ids(account) == []
    assert ledger(account) == []


def test_two_loaders_at_once_load_each_version_once(account: Account, lake: LakeBuilder) -> None:
    for at in range(6):
        lake.data([thing(at)])
    with account.warehouse().connect() as session:
        Loader(lake.store, "RAW", run_id="test").prepare(session, [lake.contract])
    together = Barrier(2)

    def one(_: int) -> PlatformError | None:
        with account.warehouse().connect() as session:
            together.wait()
            try:
                load_in(session, lake)
            except PlatformError as error:
                return error
            return None

    with ThreadPoolExecutor(2) as pool:
        errors = [error for error in pool.map(one, range(2)) if error]

    assert len(errors) < 2
    load(account, lake)
    assert raw_ids(account) == list(range(6))
    assert [row[0] for row in ledger(account)] == list(range(1, 7))


def test_the_ledger_and_snowflakes_own_history_agree_until_another_hand_loads(
    account: Account, lake: LakeBuilder
) -> None:
    lake.data([thing(1)], [thing(2)])
    lake.deletes([{"id": 1}])
    load(account, lake)
    with account.warehouse().connect() as session:
        agreed = check_history(lake.store, session, "RAW", lake.contract, days=1)
        by_hand = lake.put(lake.parquet(_schema(lake), [thing(3)], 9), 1, 9, 0)
        table = data_table(lake.contract, "RAW")
        with session.transaction():
            session.copy(table, [by_hand])
        differs = check_history(lake.store, session, "RAW", lake.contract, days=1)

    assert agreed.agrees
    assert (agreed.versions, agreed.files, agreed.rows) == (2, 3, 3)
    assert differs.foreign == (by_hand.key,)


def test_a_lost_answer_of_commit_is_not_loaded_again(
    account: Account, lake: LakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut after Snowflake has committed and before the response arrives."""
    from ingest.errors import TransientError

    lake.data([thing(1)])
    run = SnowflakeSession._run
    answers = iter(["lost"])

    def losing(self: SnowflakeSession, sql: str) -> None:
        run(self, sql)
        if sql == "COMMIT" and self._in_transaction and next(answers, None):
            self.close()
            raise TransientError("the connection to Snowflake was lost")

    monkeypatch.setattr(SnowflakeSession, "_run", losing)
    result = load(account, lake)

    assert (result.rows, result.commits) == (1, (1,))
    assert raw_ids(account) == [1]
    assert ledger(account) == [(1, "data", 1)]


def _schema(lake: LakeBuilder) -> pa.Schema:
    return pa.schema([(column.name, column.landing.arrow) for column in lake.contract.columns])


def delete_twice_over_two_connections(session: SnowflakeSession) -> None:
    with session.transaction():
        session.execute("DELETE FROM raw.things")
        session.close()
        session.execute("DELETE FROM raw.things")


def test_no_statement_strays_out_of_its_transaction(account: Account, lake: LakeBuilder) -> None:
    """A session that lost its connection in a transaction does not continue outside of it on a new one."""
    lake.data([thing(1)])
    load(account, lake)
    with account.warehouse().connect() as session:
        with pytest.raises(PlatformError, match="lost in a transaction"):
            delete_twice_over_two_connections(session)
        session.execute("UPDATE raw._claim_things SET run_id = 'still usable'")

    assert raw_ids(account) == [1]


def test_the_ledger_says_what_the_marts_may_be_built_from(account: Account, lake: LakeBuilder) -> None:
    """It shows the newest versions, and whether the past was changed. The publication names the run of the marts."""

    def holdings() -> Holdings:
        with account.warehouse().connect(Purpose.AUDIT) as session:
            return Holdings.of(session, Schemas())

    assert holdings() == Holdings(streams={}, replays={}, backfills={}, published_by=None)
    lake.data([thing(1), thing(2)])
    lake.backfill([thing(1, "b")])
    lake.replay(1)
    newest = lake.data([thing(3)])
    load(account, lake)
    held = holdings()
    assert held.streams == {"things": StreamVersion.of(newest)}
    assert (held.replays, held.backfills) == ({"things": 3}, {"things": 2})
    record = PublicationRecord("a-run", datetime.now(UTC), datetime.now(UTC), streams=1, equal=1)
    with account.warehouse().connect(Purpose.PUBLISH) as session:
        record_publication(session, Schemas().mart, record)
    assert holdings().published_by == "a-run"
