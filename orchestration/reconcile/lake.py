"""The lake's side of the reconciliation: counted from the log and the committed files alone, without the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.contracts.model import Mode, Source, StreamContract
from ingest.lake.commit import Commit, DataFile
from ingest.lake.counting import APPENDED, counting_versions, newest_of
from ingest.lake.log import CommitLog
from ingest.lake.read_again import UnnamedRecord, read_again
from ingest.lake.store import ObjectStore
from ingest.retry import WaitBudgets, retrying
from ingest.retry_policies import LAKE_COUNT
from orchestration.warehouse.duckdb.lake_reader import PARQUET, LakeAccess, lake_errors, open_duckdb
from orchestration.warehouse.duckdb.warehouse import DIALECT

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class LakeCount:
    """Rows of a stream in the lake at one version.

    `current` are its rows as they are now, without those in flight; `refused` the records at the source that
    quarantine holds in place of a row; `history` all rows that were ever landed.
    """

    current: int
    refused: int
    history: int


class LakeCounter:
    """Counts streams of one lake with a DuckDB in memory that reads key columns straight from the files."""

    def __init__(self, store: ObjectStore, *, wait_budget_seconds: float = LAKE_COUNT.longest_budget) -> None:
        self._store = store
        self._budgets = WaitBudgets(wait_budget_seconds, "its budget")

    def count(self, contract: StreamContract, version: int, in_flight: pa.Table | None) -> LakeCount:
        """The lake at `version`. Raises DamagedLakeError for a gap in the log or a missing file, TransientError."""
        return retrying(LAKE_COUNT, self._budgets.of(contract.stream))(self._count, contract, version, in_flight)

    def _count(self, contract: StreamContract, version: int, in_flight: pa.Table | None) -> LakeCount:
        commits = CommitLog(self._store, contract.stream).whole(version)
        history = sum(commit.rows for commit in commits if commit.kind in APPENDED)
        with (
            self._connection() as connection,
            lake_errors(self._store.settings, contract.stream, "count the lake's rows"),
        ):
            counting = counting_versions(contract, newest_of(commits))
            landed = [commit for commit in commits if commit.kind in APPENDED and counting.hold(commit.version)]
            if contract.spec.mode is Mode.SNAPSHOT:
                # Rows of a set that was landed whole are a multiset: each counts, whatever its key.
                current = sum(count_rows(connection, self._store, commit.files) for commit in landed)
                return LakeCount(current, sum(commit.counts.quarantined for commit in landed), history)
            keys = _Keys(connection, contract, self._store)
            key_set = next((commit for commit in commits if commit.version == counting.keys), None)
            deletes = [commit for commit in commits if counting.hold_deletions_of(commit)]
            current = keys.make_current(landed, deletes, key_set, in_flight)
            refused = keys.count_refused(commits) if contract.spec.source is Source.SAAS else 0
            return LakeCount(current, refused, history)

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        access = LakeAccess(self._store.settings)
        connection = open_duckdb(None)
        try:
            access.load_extension(connection)
            access.grant(connection)
            yield connection
        finally:
            connection.close()


class _Keys:
    """Tables of keys in one connection: `current`, `in_flight`, `deleted`, `key_set`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, contract: StreamContract, store: ObjectStore) -> None:
        self._connection = connection
        self._contract = contract
        self._store = store
        self._columns = ", ".join(DIALECT.quote(name) for name in contract.key)

    def make_current(
        self,
        landed: Sequence[Commit],
        deletes: Sequence[Commit],
        key_set: Commit | None,
        in_flight: pa.Table | None,
    ) -> int:
        """Fill the tables from the files of `landed` and of `deletes`; the number of current keys. `key_set` is the
        newest of an older release, if it alone has landed deletions.
        """
        files = [file for commit in landed for file in commit.files]
        self._table(
            "landed", f"SELECT {self._columns}, max(_log_version) AS version", files, f"GROUP BY {self._columns}"
        )
        tombstones = [file for commit in deletes for file in commit.files]
        self._table(
            "deleted", f"SELECT {self._columns}, max(_log_version) AS version", tombstones, f"GROUP BY {self._columns}"
        )
        self._has_key_set = key_set is not None
        self._table("key_set", f"SELECT {self._columns}", key_set.files if key_set else ())
        if in_flight is None:
            self._empty_table("in_flight")
        else:
            # Of the types that the source has now, which may be wider than the contract's.
            self._connection.register("in_flight_rows", in_flight)
            self._connection.execute("CREATE TABLE in_flight AS SELECT * FROM in_flight_rows")
        self._connection.execute(
            f"CREATE TABLE current AS SELECT {self._columns} FROM landed "  # noqa: S608
            f"WHERE (version >= ? OR EXISTS (SELECT 1 FROM key_set WHERE {self._same('key_set', 'landed')})) "
            f"AND NOT {self._deleted_after('landed')} "
            f"AND NOT EXISTS (SELECT 1 FROM in_flight WHERE {self._same('in_flight', 'landed')})",
            [key_set.version if key_set else 0],
        )
        return self._number("SELECT count(*) FROM current")

    def count_refused(self, commits: Sequence[Commit]) -> int:
        """Records in quarantine that the source counts and the lake has no row for.

        A key counts once, unless it was landed in another version, is in flight, or has left the source. Without a
        readable key each record counts, unless its stretch of time was read again or a retry has settled it.
        """
        files = [file for commit in commits for file in commit.quarantine if file.rows]
        if not files:
            return 0
        return self._count_unnamed(commits, files) + self._count_named(files)

    def _count_unnamed(self, commits: Sequence[Commit], files: Sequence[DataFile]) -> int:
        # Files of older releases do not have the cursors.
        absent = "SELECT NULL::TIMESTAMPTZ AS cursor_after, NULL::TIMESTAMPTZ AS cursor_before WHERE false"
        found = self._connection.execute(
            "SELECT _log_version AS version, position, sha256(record) AS content, cursor_after AS after, "  # noqa: S608
            f"cursor_before AS before FROM (SELECT * FROM {PARQUET} UNION ALL BY NAME {absent}) "
            "WHERE key IS NULL ORDER BY version, position",
            [self._uris(files)],
        ).to_arrow_table()
        records = [UnnamedRecord(**row) for row in found.to_pylist()]
        gone = read_again(commits, records).keys() | {
            (item.version, position) for commit in commits for item in commit.settles for position in item.positions
        }
        return sum((record.version, record.position) not in gone for record in records)

    def _count_named(self, files: Sequence[DataFile]) -> int:
        values = ", ".join(self._member(name) for name in self._contract.key)
        self._connection.execute(
            f"CREATE TABLE refused AS SELECT key, {values}, max(_log_version) AS version FROM {PARQUET} "  # noqa: S608
            "WHERE key IS NOT NULL GROUP BY ALL",
            [self._uris(files)],
        )
        present = f"EXISTS (SELECT 1 FROM key_set WHERE {self._same('key_set', 'refused')})"  # noqa: S608
        still_there = present if self._has_key_set else f"NOT {self._deleted_after('refused')}"
        return self._number(
            f"SELECT count(*) FROM refused WHERE {still_there} "  # noqa: S608
            f"AND NOT EXISTS (SELECT 1 FROM current WHERE {self._same('current', 'refused')}) "
            f"AND NOT EXISTS (SELECT 1 FROM in_flight WHERE {self._same('in_flight', 'refused')})"
        )

    def _deleted_after(self, table: str) -> str:
        """Whether a key of `table` has a tombstone of a later version than its own."""
        same = self._same("deleted", table)
        return f"EXISTS (SELECT 1 FROM deleted WHERE {same} AND deleted.version > {table}.version)"  # noqa: S608

    def _table(self, name: str, select: str, files: Sequence[DataFile], tail: str = "") -> None:
        if not any(file.rows for file in files):
            self._empty_table(name)
            return
        self._connection.execute(f"CREATE TABLE {name} AS {select} FROM {PARQUET} {tail}", [self._uris(files)])

    def _empty_table(self, name: str) -> None:
        columns = ", ".join(f"{DIALECT.quote(key)} {self._type(key)}" for key in self._contract.key)
        self._connection.execute(f"CREATE TABLE {name} ({columns}, version BIGINT)")

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(
            f"{one}.{DIALECT.quote(name)} = {other}.{DIALECT.quote(name)}" for name in self._contract.key
        )

    def _type(self, name: str) -> str:
        return DIALECT.type(self._contract.column(name).landing)

    def _member(self, name: str) -> str:
        """The key's column `name` out of the JSON object by which quarantine names a record."""
        # A pointer (RFC 6901): DuckDB's paths know no quote within a name as SQL writes it.
        path = _literal("/" + name.replace("~", "~0").replace("/", "~1"))
        return f"TRY_CAST(json_extract_string(key, {path}) AS {self._type(name)}) AS {DIALECT.quote(name)}"

    def _uris(self, files: Sequence[DataFile]) -> list[str]:
        return [self._store.uri(file.key) for file in files if file.rows]

    def _number(self, sql: str) -> int:
        [(number,)] = self._connection.execute(sql).fetchall()
        return int(number)


def count_rows(connection: duckdb.DuckDBPyConnection, store: ObjectStore, files: Sequence[DataFile]) -> int:
    """The rows in the files, whatever count their commit states."""
    uris = [store.uri(file.key) for file in files if file.rows]
    if not uris:
        return 0
    [(number,)] = connection.execute(f"SELECT count(*) FROM {PARQUET}", [uris]).fetchall()  # noqa: S608
    return int(number)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
