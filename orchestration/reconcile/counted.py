"""The tables for counting one stream's log: its commits, and its keys with the newest version of each.

Commits and their files never change, so counts of them stay true: the next count reads only newer commits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.contracts.model import Mode, Source, StreamContract
from ingest.lake.commit import Commit, CommitKind, DataFile
from ingest.lake.counting import APPENDED
from ingest.lake.objects.store import ObjectStore
from orchestration.reconcile.kept_log import KeptLog
from orchestration.reconcile.unnamed import UnnamedRecords
from orchestration.warehouse.duckdb.dialect import DIALECT
from orchestration.warehouse.duckdb.lake_reader import PARQUET

if TYPE_CHECKING:
    import duckdb

_FORMAT = 2
"""Of these tables; others are made anew."""


class CountedLog(KeptLog):
    """The counts and keys of one stream's log.

    commits   version, kind, rows, and the number of its records in quarantine
    landed    each key that a commit of rows has, and the newest version that landed it (_log_version)
    deleted   each key that has a tombstone, and the newest version of one
    refused   each key in quarantine, as JSON, and the newest version that refused it

    `unnamed` are the records in quarantine without a readable key.
    A table of keys does not exist before it has a row. A snapshot stream has none.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, contract: StreamContract, store: ObjectStore) -> None:
        super().__init__(connection, store, contract.stream)
        self._contract = contract
        self.unnamed = UnnamedRecords(connection)

    def newest(self, kind: CommitKind) -> int:
        """Return the newest version of a kind, 0 for none."""
        return self._number("SELECT coalesce(max(version), 0) FROM commits WHERE kind = ?", [kind.value])

    def history(self) -> int:
        """Return the number of rows ever landed."""
        kinds = [kind.value for kind in APPENDED]
        return self._number("SELECT coalesce(sum(rows), 0) FROM commits WHERE list_contains(?, kind)", [kinds])

    def _identity(self) -> str:
        contract = self._contract
        keys = [(column.name, DIALECT.type(column.landing)) for column in contract.key_columns]
        return json.dumps([_FORMAT, contract.spec.mode.value, contract.spec.source.value, keys])

    def _create(self) -> None:
        self._connection.execute("CREATE TABLE commits (version BIGINT, kind TEXT, rows BIGINT, quarantined BIGINT)")
        self.unnamed.create()

    def _add(self, commits: Sequence[Commit]) -> bool:
        """Add the commits that follow. Return False if a key's type in their files differs from the tables."""
        import pyarrow as pa

        rows = pa.table(
            {
                "version": [commit.version for commit in commits],
                "kind": [commit.kind.value for commit in commits],
                "rows": [commit.rows for commit in commits],
                "quarantined": [commit.counts.quarantined for commit in commits],
            }
        )
        self._connection.register("added", rows)
        self._connection.execute("INSERT INTO commits SELECT version, kind, rows, quarantined FROM added")
        self._connection.unregister("added")
        if self._contract.spec.mode is Mode.SNAPSHOT:
            return True
        if self._contract.spec.source is Source.SAAS:
            self._add_refused(commits)
        landed = [file for commit in commits if commit.kind in APPENDED for file in commit.files]
        deleted = [file for commit in commits if commit.kind is CommitKind.DELETES for file in commit.files]
        columns = [DIALECT.quote(name) for name in self._contract.key]
        return self._merge("landed", columns, landed) and self._merge("deleted", columns, deleted)

    def _add_refused(self, commits: Sequence[Commit]) -> None:
        files = [file for commit in commits for file in commit.quarantine]
        self.unnamed.add(commits, self._uris(files))
        self._merge("refused", ["key"], files, "WHERE key IS NOT NULL")

    def _merge(self, table: str, columns: Sequence[str], files: Sequence[DataFile], where: str = "") -> bool:
        """Merge the keys of `files` into `table`. If their types differ, change nothing and return False."""
        uris = self._uris(files)
        if not uris:
            return True
        names = ", ".join(columns)
        select = f"SELECT {names}, max(_log_version) AS _log_version FROM {PARQUET} {where} GROUP BY ALL"  # noqa: S608
        if not self.has(table):
            self._connection.execute(f"CREATE TABLE {table} AS {select}", [uris])
            return True
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {select}", [uris])
        if self._types("fresh") != self._types(table):
            return False
        same = " AND ".join(f"{table}.{name} IS NOT DISTINCT FROM fresh.{name}" for name in columns)
        self._connection.execute(f"DELETE FROM {table} USING fresh WHERE {same}")  # noqa: S608
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM fresh")  # noqa: S608
        self._connection.execute("DROP TABLE fresh")
        return True

    def _types(self, table: str) -> list[object]:
        return [kind for _, kind, *_ in self._connection.execute(f"DESCRIBE {table}").fetchall()]

    def _uris(self, files: Sequence[DataFile]) -> list[str]:
        return [self._store.uri(file.key) for file in files if file.rows]
