"""The loader: which versions are loaded, in which order, and with which retries. The same for every warehouse.

A stream's versions above the ledger's newest one are loaded in order (see `version_load`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from structlog.typing import FilteringBoundLogger

from ingest.apart import Outcome, attempt_all
from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, PlatformError, TransientError
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from ingest.retry import Budget, Retrying, WaitBudget, WaitBudgets, retrying
from ingest.retry_policies import LOAD_STATEMENT, LOAD_VERSION, RetryPolicy
from orchestration.warehouse.ddl import stream_tables
from orchestration.warehouse.fit import Fitted, fit_commit, fit_contract
from orchestration.warehouse.key_sets import KeySets, key_set_table
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.protocol import Session
from orchestration.warehouse.version_load import Counted, VersionLoad


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
            load_version = VersionLoad(session, self._schema, contract, log, commit)
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

    def plus(self, commit: Commit, counted: Counted, fitted: Fitted) -> _Total:
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
