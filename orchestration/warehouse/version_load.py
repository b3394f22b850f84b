"""The load of one version, in one transaction with its ledger row. The same for every warehouse.

So a version is completely in RAW, once, and in the ledger; or it is in neither.

    data, snapshot, backfill   rows are appended: RAW keeps the history
    deletes                    tombstones are appended; an older release's `keys` are made into tombstones
    replay                     the rows of the named versions are deleted and their files loaded again
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError, FatalError
from ingest.lake.commit import Commit, CommitKind, DataFile
from ingest.lake.counting import APPENDED
from ingest.lake.log import CommitLog
from orchestration.warehouse.ddl import Table, data_table, deletes_table
from orchestration.warehouse.fit import fit_contract
from orchestration.warehouse.key_sets import KeySets
from orchestration.warehouse.ledger import Ledger, LedgerEntry
from orchestration.warehouse.protocol import Session


@dataclass(frozen=True)
class Counted:
    """The counts of a loaded version: rows and tombstones appended, and keys whose tombstone was taken back."""

    rows: int = 0
    deletes: int = 0
    revived: int = 0

    def plus(self, other: Counted) -> Counted:
        """Return the sums of both."""
        return Counted(self.rows + other.rows, self.deletes + other.deletes, self.revived + other.revived)


class VersionLoad:
    """The load of one version, in a transaction of its own. It is repeated after a transient fault."""

    def __init__(self, session: Session, schema: str, contract: StreamContract, log: CommitLog, commit: Commit) -> None:
        self._session = session
        self._contract = contract
        self._schema = schema
        self._data = data_table(contract, schema)
        # Tombstones are loaded even if the contract no longer looks for deletions, because it may do so again.
        self._deletes = deletes_table(contract, schema) if contract.key else None
        self._key_sets = KeySets(session, schema, contract) if contract.lands_keys else None
        self._ledger = Ledger(session, schema)
        self._commit = commit
        self._entry = LedgerEntry.of(commit)
        self._parts = self._replayed(log) if commit.kind is CommitKind.REPLAY else [commit]
        self._tried = False

    def make_tables(self) -> None:
        """Create tables that only some commits need, outside of the transaction."""
        if self._has(CommitKind.DELETES) and self._deletes and not self._contract.lands_keys:
            fit_contract(self._session, self._contract, self._deletes)
        if self._has(CommitKind.KEYS) and self._key_sets:
            self._key_sets.ensure()

    def __call__(self) -> Counted:
        if self._tried and self._ledger.holds(self._entry):  # it was committed, and only the response was lost
            return self._promised()
        self._tried = True
        with self._session.transaction():
            self._session.claim(self._commit.stream)
            self._ledger.record(self._entry)
            if self._commit.kind is CommitKind.REPLAY:
                self._take_out()
            return reduce(Counted.plus, map(self._apply, self._parts), Counted())

    def _promised(self) -> Counted:
        """Return the counts that a load of this version must have, by the lake."""
        rows = sum(part.rows for part in self._parts if part.kind in APPENDED)
        return Counted(rows, sum(part.rows for part in self._parts if part.kind is CommitKind.DELETES))

    def _replayed(self, log: CommitLog) -> list[Commit]:
        """Return the versions from `replay_from` up to this one. They are loaded again from their files."""
        first, last = self._commit.replay_from, self._commit.version
        if first is None or not 1 <= first < last:
            raise FatalError(f"version {last} is a replay from version {first}", stream=self._commit.stream)
        return [log.required(version) for version in range(first, last)]

    def _has(self, kind: CommitKind) -> bool:
        return any(part.kind is kind for part in self._parts)

    def _take_out(self) -> None:
        versions = [self._parts[0].version, self._parts[-1].version]
        tables = [self._data]
        if self._deletes and (self._contract.lands_keys or self._has(CommitKind.DELETES)):
            tables.append(self._deletes)
        for table in tables:
            self._session.execute(
                f"DELETE FROM {self._session.dialect.table(table)} WHERE _log_version BETWEEN ? AND ?",  # noqa: S608
                versions,
            )

    def _apply(self, part: Commit) -> Counted:
        if part.kind in APPENDED:
            return Counted(rows=self._copy(self._data, part))
        if part.kind is CommitKind.DELETES and self._deletes:
            return Counted(deletes=self._copy(self._deletes, part))
        if part.kind is CommitKind.KEYS and self._key_sets:
            applied = self._key_sets.apply(
                lambda table: self._copy(table, part),
                version=part.version,
                batch_id=part.batch_id,
                extracted_at=part.extracted_at,
            )
            return Counted(deletes=applied.added, revived=applied.revived)
        return Counted()

    def _copy(self, table: Table, commit: Commit) -> int:
        """Load a commit's files.

        Raises DamagedLakeError that names a file with another number of rows than committed.
        """
        files = [file for file in commit.files if file.rows]
        if not files:
            return 0
        loaded = self._session.copy(table, files)
        for file in files:
            _check_rows(commit, file, loaded.get(file.key, 0))
        return sum(loaded.values())


def _check_rows(commit: Commit, file: DataFile, loaded: int) -> None:
    if loaded != file.rows:
        raise DamagedLakeError(
            f"{file.key} gave {loaded} rows, but version {commit.version} committed {file.rows}",
            stream=commit.stream,
            hint="Nothing of this version was loaded. Restore the file from the bucket's versions.",
        )
