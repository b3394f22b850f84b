"""Compares the ledger with Snowflake's own history of loads: two independent records of the same fact.

A file that the ledger counts as loaded must be in COPY_HISTORY with its rows. A file in COPY_HISTORY that no loaded
version names was loaded into RAW by somebody else. COPY_HISTORY of INFORMATION_SCHEMA takes a START_TIME within the
last 14 days (https://docs.snowflake.com/en/sql-reference/functions/copy_history), and may lag by some minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.contracts.model import StreamContract
from ingest.lake import layout
from ingest.lake.commit import CommitKind, DataFile
from ingest.lake.counting import APPENDED
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.ddl import Table, ledger_table, stream_tables
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.snowflake.copy import literal
from orchestration.warehouse.snowflake.session import SnowflakeSession

_MARGIN = timedelta(hours=1)
"""What COPY_HISTORY is asked for beyond the ledger's loads: our clock is not Snowflake's."""
_LONGEST = timedelta(days=14) - _MARGIN - timedelta(minutes=1)
"""The oldest load that can be compared: a START_TIME of 14 days ago is an error already."""


@dataclass(frozen=True)
class HistoryCheck:
    """The check of one stream: the versions loaded in the period, their files, and the files on which both records
    disagree.
    """

    stream: str
    versions: int
    files: int
    rows: int
    missing: tuple[str, ...] = ()
    """Files of loaded versions that COPY_HISTORY does not have, or with other rows."""
    foreign: tuple[str, ...] = ()
    """Files in COPY_HISTORY that no loaded version names."""

    @property
    def agrees(self) -> bool:
        """Whether both records are equal."""
        return not (self.missing or self.foreign)


def check_history(
    store: ObjectStore, session: SnowflakeSession, schema: str, contract: StreamContract, *, days: int
) -> HistoryCheck:
    """Compare the last `days` days of a stream, at most 14 days minus an hour.

    Raises FatalError for a ledger with gaps.
    """
    session.about(stream=contract.stream)
    if not Ledger(session, schema).exists():
        return HistoryCheck(contract.stream, 0, 0, 0)
    since = datetime.now(UTC) - min(timedelta(days=days), _LONGEST)
    loads = _Loads(store, session, schema, contract)
    wanted = {file.key: file.rows for version in loads.since(since) for file in loads.files(version)}
    copied: dict[str, set[int]] = {}
    for table in stream_tables(contract, schema):
        for name, rows in _copied(session, table, since):
            copied.setdefault(_key(name, contract), set()).add(rows)
    return HistoryCheck(
        contract.stream,
        versions=len(loads.since(since)),
        files=len(wanted),
        rows=sum(wanted.values()),
        missing=tuple(_missing(wanted, copied)),
        foreign=tuple(key for key in copied if key not in wanted and not loads.know(key)),
    )


class _Loads:
    """The versions that the ledger counts as loaded, and their files by the lake's log."""

    def __init__(self, store: ObjectStore, session: SnowflakeSession, schema: str, contract: StreamContract) -> None:
        self._log = CommitLog(store, contract.stream)
        ledger = session.dialect.table(ledger_table(schema))
        rows = session.query(
            f"SELECT version, loaded_at FROM {ledger} WHERE stream = ?",  # noqa: S608
            [contract.stream],
        )
        self._loaded_at = {int(str(version)): at for version, at in rows if isinstance(at, datetime)}

    def since(self, moment: datetime) -> list[int]:
        """Return the versions loaded since `moment`, in order."""
        return sorted(version for version, at in self._loaded_at.items() if at >= moment)

    def files(self, version: int) -> Iterator[DataFile]:
        """Return the files with rows that loading this version copies.

        A replay copies the files of the versions it names.
        """
        commit = self._log.required(version)
        if commit.kind is CommitKind.REPLAY:
            replayed = [self._log.required(earlier) for earlier in range(commit.replay_from or 1, version)]
            commits = replayed
        else:
            commits = [commit]
        # An older release's key set is loaded into a table of its own, and is left out here.
        copied = [item for item in commits if item.kind in (*APPENDED, CommitKind.DELETES)]
        return (file for item in copied for file in item.files if file.rows)

    def know(self, key: str) -> bool:
        """Return whether any loaded version names this file."""
        version = layout.file_version(key)
        if version not in self._loaded_at:
            return False
        return any(file.key == key for file in self._log.required(version).files)


def _copied(session: SnowflakeSession, table: Table, since: datetime) -> Iterator[tuple[str, int]]:
    """Yield each file copied into a table, and its rows, by Snowflake's COPY_HISTORY."""
    name = literal(session.qualified(table))
    seconds = int((datetime.now(UTC) - since + _MARGIN).total_seconds())
    rows = session.query(
        "SELECT file_name, row_count FROM TABLE(information_schema.copy_history("  # noqa: S608
        f"TABLE_NAME => {name}, START_TIME => dateadd('second', -{seconds}, current_timestamp()))) "
        "WHERE status = 'Loaded'"
    )
    return ((str(file), int(str(count))) for file, count in rows)


def _missing(wanted: Mapping[str, int], copied: Mapping[str, set[int]]) -> Iterator[str]:
    for key, rows in wanted.items():
        if key not in copied:
            yield key
        elif rows not in copied[key]:
            yield f"{key} ({', '.join(map(str, sorted(copied[key])))} rows instead of {rows})"


def _key(name: str, contract: StreamContract) -> str:
    """Return the file's key in the bucket, from its URL or its path below the stage's."""
    start = name.find(f"{contract.spec.prefix}/{contract.stream}/")
    return name[start:] if start >= 0 else name
