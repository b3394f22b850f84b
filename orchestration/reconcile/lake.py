"""The lake's side of the reconciliation, counted only from the log and the committed files, without the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.contracts.model import Mode, Source, StreamContract
from ingest.lake.commit import DataFile
from ingest.lake.counting import CountingVersions, counting_versions
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudgets, retrying
from ingest.retry_policies import LAKE_COUNT
from orchestration.reconcile.counted import CountedLog
from orchestration.reconcile.kept import KeptCounts, name_of, open_kept
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.lake_reader import PARQUET, LakeAccess, lake_errors

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class LakeCount:
    """The number of rows of a stream in the lake at one version.

    `current` are its current rows, without those in flight. `refused` are the source's records that quarantine holds in
    place of a row. `history` are all rows ever landed.
    """

    current: int
    refused: int
    history: int


class LakeCounter:
    """A counter of the streams of one lake, with a DuckDB that reads key columns straight from the files.

    With `kept`, it reads only commits since the last count. Without, it works in memory and reads the whole log each
    time.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        kept: KeptCounts | None = None,
        wait_budget_seconds: float = LAKE_COUNT.longest_budget,
    ) -> None:
        self._store = store
        self._kept = kept
        self._budgets = WaitBudgets(wait_budget_seconds, "its budget")

    def count(self, contract: StreamContract, version: int, in_flight: pa.Table | None) -> LakeCount:
        """Return the counts of the lake at `version`.

        Raises DamagedLakeError for a gap in the log or a missing file, TransientError.
        """
        return retrying(LAKE_COUNT, self._budgets.of(contract.stream))(self._count, contract, version, in_flight)

    def _count(self, contract: StreamContract, version: int, in_flight: pa.Table | None) -> LakeCount:
        with (
            self._connection(contract.stream) as connection,
            lake_errors(self._store.settings, contract.stream, "count the lake's rows"),
        ):
            counted = CountedLog(connection, contract, self._store)
            counted.read_to(version)
            counting = counting_versions(contract, counted.newest)
            if contract.spec.mode is Mode.SNAPSHOT:
                return self._count_snapshot(connection, contract, counting, counted.history())
            keys = _Keys(connection, contract, self._store, counted)
            current = keys.count_current(counting, in_flight)
            refused = keys.count_refused() if contract.spec.source is Source.SAAS else 0
            return LakeCount(current, refused, counted.history())

    def _count_snapshot(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: StreamContract,
        counting: CountingVersions,
        history: int,
    ) -> LakeCount:
        """Count a snapshot stream. Its rows are a multiset: each counts, whatever its key."""
        if not counting.first:
            return LakeCount(0, 0, history)
        snapshot = CommitLog(self._store, contract.stream).required(counting.first)
        return LakeCount(count_rows(connection, self._store, snapshot.files), snapshot.counts.quarantined, history)

    @contextmanager
    def _connection(self, stream: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with ExitStack() as stack:
            kept = self._kept
            path = None if kept is None else stack.enter_context(kept.file(name_of(self._store, stream)))
            connection = stack.enter_context(closing(open_kept(path)))
            access = LakeAccess(self._store.settings)
            access.load_extension(connection)
            access.grant(connection)
            yield connection


class _Keys:
    """The keys of one stream in `CountedLog`, with the keys in flight and those of an old key set."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: StreamContract,
        store: ObjectStore,
        counted: CountedLog,
    ) -> None:
        self._connection = connection
        self._contract = contract
        self._store = store
        self._counted = counted
        self._columns = ", ".join(DIALECT.quote(name) for name in contract.key)
        self._has_key_set = False

    def count_current(self, counting: CountingVersions, in_flight: pa.Table | None) -> int:
        """Return the number of current keys. It creates the view `current` of them."""
        for table in ("landed", "deleted"):
            if not self._counted.has(table):
                self._empty_table(table)
        since = counting.first if counting.tombstones else "NULL"
        self._connection.execute(f"CREATE TEMP VIEW gone AS SELECT * FROM deleted WHERE _log_version > {since}")  # noqa: S608
        self._has_key_set = bool(counting.keys)
        self._read_key_set(counting.keys)
        self._read_in_flight(in_flight)
        present = f"EXISTS (SELECT 1 FROM key_set WHERE {self._same('key_set', 'landed')})"  # noqa: S608
        self._connection.execute(
            f"CREATE TEMP VIEW current AS SELECT {self._columns} FROM landed "  # noqa: S608
            f"WHERE _log_version >= {counting.first} AND (_log_version >= {counting.keys} OR {present}) "
            f"AND NOT {self._gone_after('landed')} "
            f"AND NOT EXISTS (SELECT 1 FROM in_flight WHERE {self._same('in_flight', 'landed')})"
        )
        return self._number("SELECT count(*) FROM current")

    def count_refused(self) -> int:
        """Return the number of quarantined records that the source counts and for which the lake has no row.

        A key counts once, unless it was landed in another version, is in flight, or was deleted at the source. Without
        a readable key each record counts, unless its range of time was read again or a retry has settled it.
        """
        return self._counted.unnamed.count() + self._count_named()

    def _read_key_set(self, version: int) -> None:
        """Read the newest key set of an older release, if only that release has landed deletions."""
        files = CommitLog(self._store, self._contract.stream).required(version).files if version else ()
        uris = [self._store.uri(file.key) for file in files if file.rows]
        if uris:
            select = f"SELECT {self._columns} FROM {PARQUET}"  # noqa: S608
            self._connection.execute(f"CREATE TEMP TABLE key_set AS {select}", [uris])
        else:
            self._empty_table("key_set")

    def _read_in_flight(self, in_flight: pa.Table | None) -> None:
        if in_flight is None:
            self._empty_table("in_flight")
            return
        # The types are those of the source now, which may be wider than the contract's.
        self._connection.register("in_flight_rows", in_flight)
        self._connection.execute("CREATE TEMP TABLE in_flight AS SELECT * FROM in_flight_rows")

    def _count_named(self) -> int:
        if not self._counted.has("refused"):
            return 0
        values = ", ".join(self._member(name) for name in self._contract.key)
        self._connection.execute(f"CREATE TEMP TABLE named AS SELECT {values}, _log_version FROM refused")  # noqa: S608
        present = f"EXISTS (SELECT 1 FROM key_set WHERE {self._same('key_set', 'named')})"  # noqa: S608
        still_there = present if self._has_key_set else f"NOT {self._gone_after('named')}"
        return self._number(
            f"SELECT count(*) FROM named WHERE {still_there} "  # noqa: S608
            f"AND NOT EXISTS (SELECT 1 FROM current WHERE {self._same('current', 'named')}) "
            f"AND NOT EXISTS (SELECT 1 FROM in_flight WHERE {self._same('in_flight', 'named')})"
        )

    def _gone_after(self, table: str) -> str:
        """Return the SQL condition that a key of `table` has a later tombstone that counts."""
        same = self._same("gone", table)
        return f"EXISTS (SELECT 1 FROM gone WHERE {same} AND gone._log_version > {table}._log_version)"  # noqa: S608

    def _empty_table(self, name: str) -> None:
        columns = ", ".join(f"{DIALECT.quote(key)} {self._type(key)}" for key in self._contract.key)
        self._connection.execute(f"CREATE TEMP TABLE {name} ({columns}, _log_version BIGINT)")

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(
            f"{one}.{DIALECT.quote(name)} = {other}.{DIALECT.quote(name)}" for name in self._contract.key
        )

    def _type(self, name: str) -> str:
        return DIALECT.type(self._contract.column(name).landing)

    def _member(self, name: str) -> str:
        """Return the SQL of the key's column `name`, from the JSON object by which quarantine names a record."""
        # A JSON pointer (RFC 6901), because DuckDB's paths have no escape for a quote in a name.
        path = _literal("/" + name.replace("~", "~0").replace("/", "~1"))
        return f"TRY_CAST(json_extract_string(key, {path}) AS {self._type(name)}) AS {DIALECT.quote(name)}"

    def _number(self, sql: str) -> int:
        [(number,)] = self._connection.execute(sql).fetchall()
        return int(number)


def count_rows(connection: duckdb.DuckDBPyConnection, store: ObjectStore, files: Sequence[DataFile]) -> int:
    """Return the number of rows in the files, whatever number their commits state."""
    uris = [store.uri(file.key) for file in files if file.rows]
    if not uris:
        return 0
    [(number,)] = connection.execute(f"SELECT count(*) FROM {PARQUET}", [uris]).fetchall()  # noqa: S608
    return int(number)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
