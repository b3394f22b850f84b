"""The loader: the order and the transactions in which versions are loaded. The same for every warehouse.

A stream's versions above the ledger's newest one are loaded in order, each in one transaction with its ledger row. So a
version is completely in RAW, once, and in the ledger; or it is in neither.

    data, snapshot, backfill   rows are appended: RAW keeps the history
    deletes                    tombstones are appended; an older release's `keys` are made into tombstones
    replay                     the rows of the named versions are deleted and their files loaded again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from time import monotonic

from structlog.typing import FilteringBoundLogger

from ingest.apart import Outcome, attempt_all
from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, DamagedLakeError, FatalError, PlatformError, TransientError
from ingest.lake.commit import Commit, CommitKind, DataFile
from ingest.lake.counting import APPENDED
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from ingest.retry import Budget, Retrying, WaitBudget, WaitBudgets, retrying
from ingest.retry_policies import LOAD_STATEMENT, LOAD_VERSION, RetryPolicy
from orchestration.warehouse.ddl import Table, data_table, deletes_table, stream_tables
from orchestration.warehouse.fit import Fitted, fit_commit, fit_contract
from orchestration.warehouse.key_sets import KeySets, key_set_table
from orchestration.warehouse.ledger import Ledger, LedgerEntry
from orchestration.warehouse.protocol import Session


@dataclass(frozen=True)
class LoadResult:
    """One stream's outcome of a load. `version` is the newest in RAW now, `rows` counts the rows appended to
    `raw.<stream>`.

    `deletes` counts tombstones, `revived` those removed by an older release's key set. `reloaded` counts rows that
    replays loaded again, None without a replay. `backfilled` counts those of `rows` that a backfill or a repair landed.
    """

    stream: str
    version: int
    commits: tuple[int, ...] = ()
    rows: int = 0
    backfilled: int = 0
    deletes: int = 0
    revived: int = 0
    reloaded: int | None = None
    quarantined: int = 0
    files: int = 0
    bytes: int = 0
    added_columns: tuple[str, ...] = ()
    widened_columns: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def replayed(self) -> bool:
        """Whether versions were loaded again, which incremental models would not notice."""
        return self.reloaded is not None

    def changes_the_past(self, contract: StreamContract) -> bool:
        """Return whether incremental models may now hold outdated rows.

        They never remove rows of a stream that is append-only by its contract. So a row that was landed again with
        other values would count beside its older version.
        """
        return self.replayed or bool(self.revived) or (bool(self.backfilled) and not contract.lands_keys)


class Loader:
    """A loader of streams of one lake into the schema `schema` of one warehouse."""

    def __init__(self, store: ObjectStore, schema: str, *, run_id: str, wait_budget_seconds: float = 120.0) -> None:
        self._store = store
        self._schema = schema
        self._run_id = run_id
        self._budgets = WaitBudgets(wait_budget_seconds, "LOAD_WAIT_BUDGET_SECONDS")

    def prepare(self, session: Session, contracts: Sequence[StreamContract]) -> dict[str, Fitted | PlatformError]:
        """Create the schema, the ledger and the streams' tables, and make existing tables fit their contracts.

        Returns the changes by stream; for a stream whose table cannot fit its contract, the error instead. If the
        connection is lost, a repeated call on the next connection finishes the work, because each step first looks at
        the existing state.
        """
        logger = get_logger(run_id=self._run_id)
        for_all = self._budgets.of_all([contract.stream for contract in contracts])
        try_again = self._retrying(LOAD_STATEMENT, for_all, logger)
        try_again(Ledger(session, self._schema).ensure)
        try_again(session.prepare_claims, [contract.stream for contract in contracts])
        key_sets = try_again(Ledger(session, self._schema).newest_key_sets)
        prepared: dict[str, Fitted | PlatformError] = {}
        for contract in contracts:
            try:
                fitted = Fitted()
                try_again = self._retrying(LOAD_STATEMENT, self.budget(contract.stream), logger)
                for table in stream_tables(contract, self._schema):
                    fitted = fitted.plus(try_again(fit_contract, session, contract, table))
                if contract.lands_keys and contract.stream in key_sets:
                    try_again(KeySets(session, self._schema, contract).convert, key_sets[contract.stream])
                prepared[contract.stream] = fitted
            except ConfigurationError as error:
                prepared[contract.stream] = error
        return prepared

    def load(self, session: Session, contract: StreamContract) -> LoadResult:
        """Load every version of a prepared stream that RAW lacks.

        Raises FatalError if the loaded rows differ from the committed ones, a file is missing, or the lake is not the
        one that was loaded before. Raises ConfigurationError, AccessError or TransientError if the lake cannot be read.
        """
        started = monotonic()
        log = CommitLog(self._store, contract.stream)
        logger = get_logger(run_id=self._run_id, stream=contract.stream)
        budget = self.budget(contract.stream)
        ledger = Ledger(session, self._schema)
        total = _Total()
        columns: dict[str, str] = {}
        try_again = self._retrying(LOAD_STATEMENT, budget, logger)
        session.about(stream=contract.stream)
        version = try_again(ledger.check_against, log)
        for commit in log.since(version):
            version = commit.version
            fitted = Fitted()
            if commit.columns != columns:
                fitted = try_again(fit_commit, session, contract, self._schema, commit)
                columns = commit.columns
            session.about(stream=contract.stream, version=version)
            load_version = _VersionLoad(session, self._schema, contract, log, commit)
            try_again(load_version.make_tables)
            counted = self._retrying(LOAD_VERSION, budget, logger)(load_version)
            total = total.plus(commit, counted, fitted)
            logger.info("loaded", version=version, kind=commit.kind.value, rows=commit.rows)
        return total.result(contract.stream, version, monotonic() - started)

    def budget(self, stream: str) -> WaitBudget:
        """Return the rest of a stream's wait budget, over all tries of this loader."""
        return self._budgets.of(stream)

    def _retrying(self, policy: RetryPolicy, budget: Budget, logger: FilteringBoundLogger) -> Retrying:
        def note(error: TransientError, wait: float) -> None:
            logger.warning("trying again", error=str(error), wait_seconds=round(wait, 1))

        return retrying(policy, budget, before_retry=note)

    def forget(self, session: Session, contract: StreamContract) -> None:
        """Drop a stream's tables and its ledger rows. The next load builds them again from the lake.

        Rows and ledger are deleted in one transaction before the tables are dropped, because some warehouses commit at
        each DDL statement. So RAW's rows match the ledger at any moment.
        """
        ledger = Ledger(session, self._schema)
        ledger.ensure()
        session.prepare_claims([contract.stream])
        possible = list(stream_tables(contract, self._schema))
        if contract.lands_keys:
            possible.append(key_set_table(contract, self._schema))
        tables = [table for table in possible if session.columns(table)]
        with session.transaction():
            session.claim(contract.stream)
            for table in tables:
                session.execute(f"DELETE FROM {session.dialect.table(table)}")  # noqa: S608
            ledger.forget(contract.stream)
        for table in tables:
            session.execute(f"DROP TABLE {session.dialect.table(table)}")


class StreamLoads:
    """The loads of `prepared` streams, each through a session of its own. Safe for several threads."""

    def __init__(self, loader: Loader, session: Session, prepared: Mapping[str, Fitted | PlatformError]) -> None:
        self._loader = loader
        self._session = session
        self._prepared = prepared

    def load(self, contract: StreamContract) -> LoadResult:
        """Load the new versions of one stream. The result includes the columns that its preparation added.

        Raises the error of its preparation, and the errors of `Loader.load`.
        """
        fitted = self._prepared[contract.stream]
        if isinstance(fitted, PlatformError):
            raise fitted
        with self._session.fork() as own:
            result = self._loader.load(own, contract)
        both = fitted.plus(Fitted(result.added_columns, result.widened_columns))
        return replace(result, added_columns=both.added, widened_columns=both.widened)


def load_streams(
    loader: Loader, session: Session, contracts: Sequence[StreamContract], *, concurrency: int
) -> list[Outcome[LoadResult]]:
    """Prepare and load streams, `concurrency` at once. A stream that fails does not stop the others."""
    loads = StreamLoads(loader, session, loader.prepare(session, contracts))
    named = {contract.stream: contract for contract in contracts}
    return attempt_all(named, lambda stream: loads.load(named[stream]), at_once=concurrency)


@dataclass(frozen=True)
class _Counted:
    rows: int = 0
    deletes: int = 0
    revived: int = 0

    def plus(self, other: _Counted) -> _Counted:
        return _Counted(self.rows + other.rows, self.deletes + other.deletes, self.revived + other.revived)


class _VersionLoad:
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

    def __call__(self) -> _Counted:
        if self._tried and self._ledger.holds(self._entry):  # it was committed, and only the response was lost
            return self._promised()
        self._tried = True
        with self._session.transaction():
            self._session.claim(self._commit.stream)
            self._ledger.record(self._entry)
            if self._commit.kind is CommitKind.REPLAY:
                self._take_out()
            return reduce(_Counted.plus, map(self._apply, self._parts), _Counted())

    def _promised(self) -> _Counted:
        """Return the counts that a load of this version must have, by the lake."""
        rows = sum(part.rows for part in self._parts if part.kind in APPENDED)
        return _Counted(rows, sum(part.rows for part in self._parts if part.kind is CommitKind.DELETES))

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

    def _apply(self, part: Commit) -> _Counted:
        if part.kind in APPENDED:
            return _Counted(rows=self._copy(self._data, part))
        if part.kind is CommitKind.DELETES and self._deletes:
            return _Counted(deletes=self._copy(self._deletes, part))
        if part.kind is CommitKind.KEYS and self._key_sets:
            applied = self._key_sets.apply(
                lambda table: self._copy(table, part),
                version=part.version,
                batch_id=part.batch_id,
                extracted_at=part.extracted_at,
            )
            return _Counted(deletes=applied.added, revived=applied.revived)
        return _Counted()

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


@dataclass(frozen=True)
class _Total:
    """Sums over the versions of one load."""

    commits: tuple[int, ...] = ()
    rows: int = 0
    backfilled: int = 0
    deletes: int = 0
    revived: int = 0
    reloaded: int | None = None
    quarantined: int = 0
    files: int = 0
    bytes: int = 0
    fitted: Fitted = field(default_factory=Fitted)

    def plus(self, commit: Commit, counted: _Counted, fitted: Fitted) -> _Total:
        again = commit.kind is CommitKind.REPLAY
        return _Total(
            commits=(*self.commits, commit.version),
            rows=self.rows + (0 if again else counted.rows),
            backfilled=self.backfilled + (counted.rows if commit.kind is CommitKind.BACKFILL else 0),
            deletes=self.deletes + counted.deletes,
            revived=self.revived + counted.revived,
            reloaded=(self.reloaded or 0) + counted.rows + counted.deletes if again else self.reloaded,
            quarantined=self.quarantined + commit.counts.quarantined,
            files=self.files + len(commit.files),
            bytes=self.bytes + commit.size,
            fitted=self.fitted.plus(fitted),
        )

    def result(self, stream: str, version: int, seconds: float) -> LoadResult:
        return LoadResult(
            stream=stream,
            version=version,
            commits=self.commits,
            rows=self.rows,
            backfilled=self.backfilled,
            deletes=self.deletes,
            revived=self.revived,
            reloaded=self.reloaded,
            quarantined=self.quarantined,
            files=self.files,
            bytes=self.bytes,
            added_columns=self.fitted.added,
            widened_columns=self.fitted.widened,
            seconds=seconds,
        )


def _check_rows(commit: Commit, file: DataFile, loaded: int) -> None:
    if loaded != file.rows:
        raise DamagedLakeError(
            f"{file.key} gave {loaded} rows, but version {commit.version} committed {file.rows}",
            stream=commit.stream,
            hint="Nothing of this version was loaded. Restore the file from the bucket's versions.",
        )
