"""Changes of a source in tests of runs, and the lake's content: only committed files, read by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg2
import pyarrow.parquet as pq
from psycopg2.extensions import connection as Connection

from ingest.contracts.author import draft_contract
from ingest.contracts.introspect import live_tables
from ingest.contracts.model import StreamContract
from ingest.lake.commit import KEYS_ALONE, Commit, CommitKind
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.run.shared import SharedIngestion
from ingest.settings import IngestSettings

ITEMS = """
create function touch() returns trigger language plpgsql as
  $$ begin new.updated_at := now(); return new; end $$;
create table items (
  id bigint primary key,
  value text,
  updated_at timestamptz not null default now()
);
create trigger touch before update on items for each row execute function touch();
create index on items (updated_at);
"""


@dataclass(frozen=True)
class World:
    """A source database, a lake, and settings that join them."""

    settings: IngestSettings
    connection: Connection
    store: ObjectStore
    _files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def execute(self, statement: str, *parameters: object) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    @contextmanager
    def other_session(self, **options: Any) -> Iterator[Connection]:
        """Yield another client's connection; its first statement begins a transaction."""
        connection = psycopg2.connect(self.settings.postgres_dsn.get_secret_value(), **options)
        try:
            yield connection
        finally:
            connection.close()

    def contract(self, table: str, **spec: object) -> StreamContract:
        """Return the contract that introspection drafts for `public.<table>`, with `spec` changed."""
        from ingest.contracts.parse import parse_contract

        name = f"public.{table}"
        drafted = parse_contract(draft_contract(live_tables(self.connection, [name])[name]), origin=table)
        return replace(drafted, spec=drafted.spec.model_copy(update=spec))

    def run(self, contract: StreamContract, *, store: ObjectStore | None = None, **options: Any) -> StreamResult:
        """Do one run of one stream."""
        with open_ingestion(self.settings, [contract], "test", store=store or self.store) as run:
            return run.ingest(contract.stream, **options)

    def commits(self, contract: StreamContract) -> list[Commit]:
        return list(CommitLog(self.store, contract.stream).since(0))

    def rows(self, commit: Commit) -> list[dict[str, Any]]:
        """Return the rows of one commit's files, which never change."""
        return [row for file in commit.files for row in self.parquet(file.key)]

    def parquet(self, key: str) -> list[dict[str, Any]]:
        if key not in self._files:
            body = self.store.get(key)
            assert body is not None, key
            self._files[key] = pq.read_table(io.BytesIO(body)).to_pylist()
        return self._files[key]

    def landed(self, contract: StreamContract) -> list[dict[str, Any]]:
        """Return every version of every row that was committed."""
        return [row for c in self.commits(contract) if c.kind not in KEYS_ALONE for row in self.rows(c)]

    def deleted(self, contract: StreamContract) -> dict[tuple[Any, ...], int]:
        """Return the version of the newest tombstone of each key that ever had one."""
        return {
            tuple(row[name] for name in contract.key): commit.version
            for commit in self.commits(contract)
            if commit.kind is CommitKind.DELETES
            for row in self.rows(commit)
        }

    def current(self, contract: StreamContract) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the rows as a warehouse would see them: the last version of each key without a later tombstone."""

        def key(row: dict[str, Any]) -> tuple[Any, ...]:
            return tuple(row[name] for name in contract.key)

        versions = sorted(self.landed(contract), key=lambda row: (row["_log_version"], row["_row_number"]))
        latest = {key(row): row for row in versions}
        deleted = self.deleted(contract)
        return {k: row for k, row in latest.items() if row["_log_version"] > deleted.get(k, 0)}

    def assert_equal_to_source(self, contract: StreamContract) -> None:
        """Check that the lake's current rows equal the table's rows, value by value."""
        names = [column.name for column in contract.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        source = {row[: len(contract.key)]: row for row in self._source_rows(contract, quoted)}
        lake = {key: tuple(row[name] for name in names) for key, row in self.current(contract).items()}
        expected = {key: row[len(contract.key) :] for key, row in source.items()}
        assert lake == expected

    def _source_rows(self, contract: StreamContract, columns: str) -> list[tuple[Any, ...]]:
        key = ", ".join(f'"{name}"' for name in contract.key)
        return self.query(f"select {key}, {columns} from {contract.source_object}")


@contextmanager
def share_ingestion(
    settings: IngestSettings, contracts: Sequence[StreamContract], *, store: ObjectStore
) -> Iterator[SharedIngestion]:
    """Yield an ingestion in the form that another process gets. It is open until the block ends."""
    with open_ingestion(settings, contracts, "the run", store=store) as opened:
        yield opened.shared(contracts[0].stream)
