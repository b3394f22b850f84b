"""Tables about one stream's log, kept between runs: commits and their files never change, so each is read once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.lake.commit import Commit, CommitKind
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.dialect import DIALECT

if TYPE_CHECKING:
    import duckdb


class KeptLog(ABC):
    """The tables of one stream in `connection`, whose database holds nothing else.

    `counted` says what they depend on besides the log, and up to which commit they go.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: ObjectStore, stream: str) -> None:
        self._connection = connection
        self._store = store
        self._log = CommitLog(store, stream)

    def read_to(self, version: int) -> None:
        """Make the tables hold exactly the versions up to `version`. Tables of another contract or log are built anew.

        Raises DamagedLakeError for a gap in the log, and the errors of the files' reader.
        """
        self._connection.begin()
        try:
            if not self._goes_on_to(version):
                self._clear()
            if not self._go_on(self._log.between(self._version(), version)):
                self._clear()
                self._go_on(self._log.between(0, version))
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def has(self, table: str) -> bool:
        """Return whether a table exists."""
        return bool(self._number("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]))

    @abstractmethod
    def _identity(self) -> str:
        """Return a text of everything besides the log that the tables depend on."""

    @abstractmethod
    def _create(self) -> None:
        """Create the tables."""

    @abstractmethod
    def _add(self, commits: Sequence[Commit]) -> bool:
        """Add the commits that follow. Return False if their files do not fit the tables."""

    def _goes_on_to(self, version: int) -> bool:
        """Return whether the tables cover a prefix of the log up to `version`, for this contract."""
        if not self.has("counted"):
            return False
        [(of, last, batch_id)] = self._connection.execute("SELECT of, version, batch_id FROM counted").fetchall()
        if of != self._identity() or last > version:
            return False
        return last == 0 or self._log.required(last).batch_id == str(batch_id)

    def _clear(self) -> None:
        tables = self._connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
        for (table,) in tables:
            self._connection.execute(f"DROP TABLE {DIALECT.quote(table)}")
        self._connection.execute("CREATE TABLE counted (of TEXT, version BIGINT, batch_id TEXT)")
        self._connection.execute("INSERT INTO counted VALUES (?, 0, '')", [self._identity()])
        self._create()

    def _go_on(self, commits: Sequence[Commit]) -> bool:
        if not commits:
            return True
        last = commits[-1]
        self._connection.execute("UPDATE counted SET version = ?, batch_id = ?", [last.version, last.batch_id])
        return self._add(commits)

    def _version(self) -> int:
        return self._number("SELECT version FROM counted")

    def _number(self, sql: str, values: Sequence[object] = ()) -> int:
        [(number,)] = self._connection.execute(sql, list(values)).fetchall()
        return int(number)


class Readings:
    """The commits that say which records they replace or settle, without their files, in a table of `connection`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Create the table."""
        self._connection.execute("CREATE TABLE readings (version BIGINT, content TEXT)")

    def add(self, commits: Sequence[Commit]) -> None:
        """Add the commits that follow."""
        import pyarrow as pa

        kept = [commit for commit in commits if commit.window or commit.settles or commit.kind is CommitKind.SNAPSHOT]
        if kept:
            rows = {"version": [commit.version for commit in kept], "content": [_without_files(each) for each in kept]}
            self._connection.register("added_readings", pa.table(rows))
            self._connection.execute("INSERT INTO readings SELECT version, content FROM added_readings")
            self._connection.unregister("added_readings")

    def all(self) -> list[Commit]:
        """Return the commits in order."""
        listed = self._connection.execute("SELECT content FROM readings ORDER BY version").fetchall()
        return [Commit.decode(content.encode()) for (content,) in listed]


def _without_files(commit: Commit) -> str:
    files: dict[str, object] = {"files": (), "quarantine": (), "landed_keys": ()}
    others: dict[str, object] = {"full_set": None, "key_set": None, "columns": {}}
    return commit.model_copy(update=files | others).model_dump_json()
