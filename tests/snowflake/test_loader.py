"""Every committed row is in Snowflake's RAW exactly once, with the ledger row that says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier

import pyarrow as pa
import pytest

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, FatalError, PlatformError
from ingest.lake.commit import columns_of
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
from tests.orchestration.lake_builder import AT, COLUMNS, LakeBuilder, contract, thing
from tests.snowflake.account import USERS_ACCOUNT, Account


def load(account: Account, lake: LakeBuilder, of: StreamContract | None = None) -> LoadResult:
    """Load one stream. Raises what the load raised."""
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


def test_every_type_lands_as_it_is(account: Account, lake: LakeBuilder) -> None:
    of = contract(
        {
            "id": "bigint",
            "small": "smallint",
            "yes": "boolean",
            "ratio": "double precision",
            "price": "numeric(38,9)",
            "day": "date",
            "local_time": "timestamp",
            "updated_at": "timestamptz",
            "note": "text",
            "wide": "numeric",
        }
    )
    special = LakeBuilder(lake.store, of)
    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    row = {
        "id": 2**63 - 1,
        "small": -32768,
        "yes": False,
        "ratio": 0.1,
        "price": Decimal("-12345678901234567890123456789.123456789"),
        "day": date(1900, 2, 28),
        "local_time": moment.replace(tzinfo=None),
        "updated_at": moment,
        "note": "Grüße, 'quoted' \\ \"and\" 日本 🚚\n",
        "wide": "0.10",
    }
    special.data([row, {"id": 1, "updated_at": AT}])
    load(account, special)

    [empty, full] = account.rows(f"select {', '.join(row)} from raw.things order by id")
    assert empty == (1, None, None, None, None, None, None, AT, None, None)
    assert full == tuple(row.values())


def test_texts_land_as_they_are_also_those_that_mean_null_elsewhere(account: Account, lake: LakeBuilder) -> None:
    texts = [r"\N", r"\\N", "N", "NULL", "null", "None", "NaN", "NA", "\\", " ", " padded ", "\t", "''", "()"]
    special = LakeBuilder(lake.store, contract({"id": "bigint", "note": "text", "updated_at": "timestamptz"}))
    special.data([{"id": at, "note": text, "updated_at": AT} for at, text in enumerate(texts)])
    load(account, special)

    assert [row[0] for row in account.rows("select note from raw.things order by id")] == texts


def test_an_empty_text_lands_as_it_is(account: Account, lake: LakeBuilder) -> None:
    """Snowflake documents an error for it: then the load fails, and nothing is altered (docs/SNOWFLAKE.md)."""
    lake.data([thing(1, "")])
    load(account, lake)

    assert account.rows("select name from raw.things") == [("",)]


def test_bytes_land_as_they_are(account: Account, lake: LakeBuilder) -> None:
    if "SNOWFLAKE_HOST" in USERS_ACCOUNT:
        pytest.skip("an emulator of the user's own may not read binary columns of Parquet")
    special = LakeBuilder(lake.store, contract({"id": "bigint", "body": "bytea", "updated_at": "timestamptz"}))
    bodies = [b"", b"\x00\xff'\\", bytes(range(256))]
    special.data([{"id": at, "body": body, "updated_at": AT} for at, body in enumerate(bodies)])
    load(account, special)

    assert [bytes(row[0]) for row in account.rows("select body from raw.things order by id")] == bodies  # type: ignore[call-overload]


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


class TestColumns:
    def test_a_new_column_of_the_contract_is_added_and_older_rows_have_none(
        self, account: Account, lake: LakeBuilder
    ) -> None:
        lake.data([thing(1)])
        load(account, lake)
        wider = contract({**COLUMNS, "Color of it": "text"})
        LakeBuilder(lake.store, wider).data([{**thing(2), "Color of it": "blue"}], columns=columns_of(wider))
        result = load(account, lake, wider)

        assert result.added_columns == ("Color of it",)
        assert account.rows('select id, "COLOR OF IT" from raw.things order by id') == [(1, None), (2, "blue")]

    def test_what_the_source_added_before_the_contract_is_taken_too(self, account: Account, lake: LakeBuilder) -> None:
        wider = contract({**COLUMNS, "tier": "text", "price": "numeric(14,2)"})
        LakeBuilder(lake.store, wider).data([{**thing(1, price="123456789012.34"), "tier": "gold"}],
                                            columns=columns_of(wider))  # fmt: skip
        result = load(account, lake)

        assert (result.added_columns, result.widened_columns) == (("tier",), ("price: NUMBER(12,2) to NUMBER(14,2)",))
        assert account.rows("select price, tier from raw.things") == [(Decimal("123456789012.34"), "gold")]

    def test_rows_that_copy_would_round_are_never_copied(self, account: Account, lake: LakeBuilder) -> None:
        """COPY validates no conversion of Parquet: what a version's files hold is compared with the table before."""
        lake.data([thing(1)])
        load(account, lake)
        finer = contract({**COLUMNS, "price": "numeric(12,4)"})
        LakeBuilder(lake.store, finer).data([thing(2, price="1.2345")], columns=columns_of(finer))

        with pytest.raises(ConfigurationError, match=r"NUMBER\(12,2\) in RAW\.things, and NUMBER\(12,4\) in version 2"):
            load(account, lake)
        assert raw_ids(account) == [1]

    @pytest.mark.parametrize(
        ("type_", "told"),
        [
            ("text", "column 'price' is NUMBER(12,2) in RAW.things, and VARCHAR in contract version 1.0.0"),
            ("numeric(14,4)", "column 'price' is NUMBER(12,2) in RAW.things, and NUMBER(14,4) in contract"),
        ],
    )
    def test_a_type_that_snowflake_cannot_change_is_refused_with_the_way_out(
        self, account: Account, lake: LakeBuilder, type_: str, told: str
    ) -> None:
        lake.data([thing(1)])
        load(account, lake)

        with pytest.raises(ConfigurationError) as caught:
            load(account, lake, contract({**COLUMNS, "price": type_}))
        assert told in str(caught.value)
        assert "python -m orchestration.warehouse reload things" in str(caught.value)
        assert raw_ids(account) == [1]


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
    """The connection goes after Snowflake has committed and before we hear of it."""
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
    """A session that lost its connection in a transaction does not go on outside of it on a new one."""
    lake.data([thing(1)])
    load(account, lake)
    with account.warehouse().connect() as session:
        with pytest.raises(PlatformError, match="lost in a transaction"):
            delete_twice_over_two_connections(session)
        session.execute("UPDATE raw._claim_things SET run_id = 'still usable'")

    assert raw_ids(account) == [1]


def test_the_ledger_says_what_the_marts_may_be_built_from(account: Account, lake: LakeBuilder) -> None:
    """Its newest versions, and whether the past was changed; the publication says whose the marts are."""

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
