"""RAW._LOADS, the ledger of the loaded versions of each stream. A version's entry is written together with its rows."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from ingest.errors import ConflictError, FatalError
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.log import CommitLog
from orchestration.warehouse.ddl import ledger_table
from orchestration.warehouse.protocol import Session


@dataclass(frozen=True)
class LedgerEntry:
    """One loaded version. The fields are the table's columns in their order.

    `rows` are the commit's own (0 for a replay).
    """

    stream: str
    version: int
    kind: str
    rows: int
    quarantined: int
    files: int
    bytes: int
    batch_id: str
    run_id: str
    contract_version: str
    committed_at: datetime
    loaded_at: datetime

    @classmethod
    def of(cls, commit: Commit) -> LedgerEntry:
        """Return the entry for a commit that is being loaded now."""
        return cls(
            stream=commit.stream,
            version=commit.version,
            kind=commit.kind.value,
            rows=commit.rows,
            quarantined=commit.counts.quarantined,
            files=len(commit.files),
            bytes=commit.size,
            batch_id=commit.batch_id,
            run_id=commit.run_id,
            contract_version=commit.contract_version,
            committed_at=commit.committed_at,
            loaded_at=datetime.now(UTC),
        )


@dataclass(frozen=True)
class KeySetEntry:
    """A loaded commit of kind `keys`."""

    version: int
    rows: int
    batch_id: str
    committed_at: datetime


class Ledger:
    """The ledger of one schema, through one session."""

    def __init__(self, session: Session, schema: str) -> None:
        self._session = session
        self._table = ledger_table(schema)
        self._name = session.dialect.table(self._table)
        self._rows = session.dialect.quote("rows")

    def ensure(self) -> None:
        """Create the schema and the ledger if they do not exist yet."""
        if not self.exists():
            self._session.create_schema(self._table.schema)
            self._session.execute(self._session.dialect.create_table(self._table))

    def exists(self) -> bool:
        """Return whether anything was ever loaded into this schema."""
        return bool(self._session.columns(self._table))

    def version(self, stream: str) -> int:
        """Return the newest loaded version, 0 for none. Raises FatalError if versions below it are missing."""
        [(count, newest)] = self._session.query(
            f"SELECT count(*), coalesce(max(version), 0) FROM {self._name} WHERE stream = ?",  # noqa: S608
            [stream],
        )
        if count != newest:
            raise FatalError(
                f"the ledger {self._name} has {count} of the versions 1 to {newest}",
                stream=stream,
                hint=f"Build the stream anew from the lake: `python -m orchestration.warehouse reload {stream}`.",
            )
        return int(str(newest))

    def newest(self, stream: str, kinds: tuple[str, ...]) -> int:
        """Return the newest loaded version of some kinds, 0 for none."""
        marks = ", ".join("?" for _ in kinds)
        [(newest,)] = self._session.query(
            f"SELECT coalesce(max(version), 0) FROM {self._name} WHERE stream = ? AND kind IN ({marks})",  # noqa: S608
            [stream, *kinds],
        )
        return int(str(newest))

    def streams_with_quarantine(self) -> frozenset[str]:
        """Return the streams with a loaded version that refused records."""
        rows = self._session.query(f"SELECT DISTINCT stream FROM {self._name} WHERE quarantined > 0")  # noqa: S608
        return frozenset(str(stream) for (stream,) in rows)

    def newest_key_sets(self) -> dict[str, KeySetEntry]:
        """Return each stream's newest loaded key set, for a warehouse that an older release has loaded."""
        found = self._session.query(
            f"SELECT stream, version, {self._rows}, batch_id, committed_at FROM {self._name} WHERE kind = ? "  # noqa: S608
            "ORDER BY version",
            [CommitKind.KEYS.value],
        )
        return {str(stream): KeySetEntry(*entry) for stream, *entry in found}  # type: ignore[arg-type]

    def record(self, entry: LedgerEntry) -> None:
        """Add a version, inside the transaction that loads it and has claimed the stream.

        Raises ConflictError if it does not follow the newest version, because another loader has loaded since.
        """
        newest = self.version(entry.stream)
        if newest != entry.version - 1:
            raise ConflictError(
                f"another loader has gone on to version {newest} while version {entry.version} was being loaded",
                stream=entry.stream,
                hint="Nothing was doubled; the next load goes on from there.",
            )
        marks = ", ".join("?" for _ in self._table.columns)
        self._session.execute(f"INSERT INTO {self._name} VALUES ({marks})", list(astuple(entry)))  # noqa: S608

    def holds(self, entry: LedgerEntry) -> bool:
        """Return whether this very entry exists. If so, its load was committed, even if the response was lost."""
        found = self._session.query(
            f"SELECT batch_id, loaded_at FROM {self._name} WHERE stream = ? AND version = ?",  # noqa: S608
            [entry.stream, entry.version],
        )
        return (entry.batch_id, entry.loaded_at) in found

    def forget(self, stream: str) -> None:
        """Remove all versions of a stream."""
        self._session.execute(f"DELETE FROM {self._name} WHERE stream = ?", [stream])  # noqa: S608

    def check_against(self, log: CommitLog) -> int:
        """Return the newest loaded version, after a check that it is the lake's own.

        Raises FatalError if the lake has no such version, or has another batch under its number: the warehouse was
        loaded from another lake, or the lake was created anew.
        """
        version = self.version(log.stream)
        if version == 0:
            return 0
        [(batch_id,)] = self._session.query(
            f"SELECT batch_id FROM {self._name} WHERE stream = ? AND version = ?",  # noqa: S608
            [log.stream, version],
        )
        commit = log.read(version)
        if commit is None or commit.batch_id != batch_id:
            found = "has no such version" if commit is None else f"has batch {commit.batch_id} there"
            raise FatalError(
                f"version {version} was loaded as batch {batch_id}, but the lake {found}: this is another lake",
                stream=log.stream,
                hint="Point RAW_BUCKET and AWS_ENDPOINT_URL at the lake that was loaded. Where this one is right, "
                f"build the stream anew from it: `python -m orchestration.warehouse reload {log.stream}`.",
            )
        return version
