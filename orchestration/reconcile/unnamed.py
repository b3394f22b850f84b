"""The refused records of a stream that show no key, and the number of them that count.

Whether such a record counts depends on all commits of its stream (`ingest.lake.read_again`). The windows of these
commits are kept beside the records, so that no count reads the log again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.lake.commit import Commit
from ingest.lake.read_again import UnnamedRecord, read_again
from orchestration.reconcile.kept_log import Readings
from orchestration.warehouse.duckdb.lake_reader import PARQUET

if TYPE_CHECKING:
    import duckdb

_NO_CURSORS = "SELECT NULL::TIMESTAMPTZ AS cursor_after, NULL::TIMESTAMPTZ AS cursor_before WHERE false"
"""Columns that the quarantine of older releases does not have."""


class UnnamedRecords:
    """The tables of these records in `connection`, in the same database as those of `CountedLog`.

    unnamed    each record in quarantine without a readable key
    readings   the commits by which it is judged whether such a record counts
    counting   the number of records that count, once it has been worked out for the newest version
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._readings = Readings(connection)

    def create(self) -> None:
        """Create the tables."""
        self._connection.execute(
            "CREATE TABLE unnamed (version BIGINT, position BIGINT, content TEXT, after TIMESTAMPTZ, "
            "before TIMESTAMPTZ)"
        )
        self._readings.create()
        self._connection.execute("CREATE TABLE counting (records BIGINT)")

    def add(self, commits: Sequence[Commit], files: Sequence[str]) -> None:
        """Add the commits that follow. `files` are the URIs of their quarantine."""
        self._readings.add(commits)
        if files:
            self._connection.execute(
                "INSERT INTO unnamed SELECT _log_version, position, sha256(record), cursor_after, cursor_before "  # noqa: S608
                f"FROM (SELECT * FROM {PARQUET} UNION ALL BY NAME {_NO_CURSORS}) WHERE key IS NULL",
                [files],
            )
        self._connection.execute("DELETE FROM counting")

    def count(self) -> int:
        """Return the number of records that count: whose range of time was not read again, and which no retry settled.

        It is worked out once for each state of the tables.
        """
        counted = self._connection.execute("SELECT records FROM counting").fetchone()
        if counted is None:
            counted = (self._count(),)
            self._connection.execute("INSERT INTO counting VALUES (?)", counted)
        return int(counted[0])

    def _count(self) -> int:
        found = self._connection.execute("SELECT * FROM unnamed ORDER BY version, position").to_arrow_table()
        records = [UnnamedRecord(**row) for row in found.to_pylist()]
        if not records:
            return 0
        commits = self._readings.all()
        gone = read_again(commits, records).keys() | {
            (item.version, position) for commit in commits for item in commit.settles for position in item.positions
        }
        return sum((record.version, record.position) not in gone for record in records)
