"""Reconciliation: rows at the source = rows in the lake = rows in RAW = current rows in staging, stream by stream.

Source and lake are compared at the version at which the run left the stream's log, lake and warehouse at the loaded
version. If these versions differ (another writer went on, or nothing was ingested), the source is left out and the note
gives the reason: a number that cannot be compared is not shown as a compared one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.apart import apart
from ingest.contracts.model import Mode, StreamContract
from ingest.errors import FatalError
from ingest.lake.objects.store import ObjectStore
from ingest.retry_policies import LAKE_COUNT
from orchestration.reconcile.kept import KeptCounts
from orchestration.reconcile.lake import LakeCounter
from orchestration.reconcile.warehouse import count_warehouse
from orchestration.settings import Schemas
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.protocol import Session

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SourceSide:
    """The source's count in one run: `rows`, the keys of rows that may be newer than the lake's, and the log's
    version.
    """

    rows: int
    in_flight: pa.Table | None
    version: int


@dataclass(frozen=True)
class _Difference:
    words: str
    way_out: str


@dataclass(frozen=True)
class Reconciliation:
    """One stream's counts. None is a number that could not be compared; `note` is the reason.

    `raw`, `staging` and `raw_history` are None if the warehouse was not used.

    `source` minus `refused` must equal `lake`, `raw` and `staging`, all of them without the `in_flight` keys.
    `lake_history`, the number of rows ever landed, must equal `raw_history`. `follows_deletions` says whether rows
    deleted at the source are deleted in the lake, too.
    """

    stream: str
    version: int
    source: int | None
    refused: int
    in_flight: int
    lake: int
    raw: int | None
    staging: int | None
    lake_history: int
    raw_history: int | None
    note: str = ""
    follows_deletions: bool = True

    @property
    def expected(self) -> int | None:
        """The number of rows that lake and warehouse must have, by the source."""
        return None if self.source is None else self.source - self.refused

    @property
    def differences(self) -> tuple[str, ...]:
        """The counts that differ, in words; empty if all are equal."""
        return tuple(item.words for item in self._found())

    @property
    def ways_out(self) -> tuple[str, ...]:
        """The hints, without repetition. Each kind of difference has its own hint."""
        return tuple(dict.fromkeys(item.way_out for item in self._found()))

    def _found(self) -> list[_Difference]:
        reload = f"Build its RAW tables anew from the lake: `python -m orchestration.warehouse reload {self.stream}`."
        found = []
        if self.expected is not None and self.expected != self.lake:
            refused = f" less {self.refused:,} refused" if self.refused else ""
            found.append(
                _Difference(f"the source has {self.source:,} rows{refused}, the lake {self.lake:,}", self._to_source())
            )
        if self.raw is not None and self.lake != self.raw:
            found.append(_Difference(f"the lake has {self.lake:,} current rows, RAW {self.raw:,}", reload))
        if self.raw is not None and self.staging is not None and self.staging != self.raw:
            found.append(
                _Difference(
                    f"RAW has {self.raw:,} current rows, staging {self.staging:,}",
                    f"Correct dbt/models/staging/stg_{self.stream}.sql, and where the contract has changed run "
                    "`python -m orchestration.dbt.sources`; the next run builds the view again.",
                )
            )
        if self.raw_history is not None and self.lake_history != self.raw_history:
            found.append(
                _Difference(f"the lake holds {self.lake_history:,} landed rows, RAW {self.raw_history:,}", reload)
            )
        return found

    def _to_source(self) -> str:
        """Return the hint for a difference between source and lake."""
        names = f"`ingest verify {self.stream}` names the rows"
        if self.expected is not None and self.expected < self.lake and not self.follows_deletions:
            return (
                f"{names}. Its contract says `deletes: none`: where the source did delete some, let it say "
                "`deletes: keys`, run `python -m orchestration.dbt.sources`, and then the next run."
            )
        return f"{names}, and `ingest verify {self.stream} --repair` lands them."

    @property
    def equal(self) -> bool:
        """Whether every number that could be compared is equal."""
        return not self.differences


class ReconciliationError(FatalError):
    """Counts differ: a row was lost or doubled on the way."""


class Reconciler:
    """Compares the streams of one lake and one warehouse."""

    def __init__(
        self,
        store: ObjectStore,
        schemas: Schemas,
        *,
        concurrency: int = 4,
        kept: KeptCounts | None = None,
        wait_budget_seconds: float = LAKE_COUNT.longest_budget,
    ) -> None:
        self._schemas = schemas
        self._lake = LakeCounter(store, kept=kept, wait_budget_seconds=wait_budget_seconds)
        self._concurrency = concurrency

    def reconcile(
        self,
        session: Session,
        contracts: Sequence[StreamContract],
        sources: Mapping[str, SourceSide],
        *,
        staging: bool,
        settled: frozenset[str] = frozenset(),
        on_done: Callable[[Reconciliation], None] = lambda reconciliation: None,
    ) -> list[Reconciliation]:
        """Return the counts of every loaded stream. With `staging`, dbt's views are up to date and are compared too.

        The warehouse is not queried for `settled` streams, which were compared before and have no new version since.
        For these only source and lake are compared, if the source was counted. Raises FatalError or TransientError if a
        count fails; `require_equal` raises differences.
        """

        def one(contract: StreamContract) -> Reconciliation:
            if contract.stream in settled:
                counted = self._reconcile_lake(contract, sources[contract.stream])
            else:
                with session.fork() as own:
                    counted = self._reconcile(own, contract, sources.get(contract.stream), staging=staging)
            on_done(counted)
            return counted

        compared = [each for each in contracts if each.stream not in settled or each.stream in sources]
        counted = apart(compared, one, at_once=self._concurrency)
        counted.require_sound()
        return list(counted.results)

    def reconcile_without_warehouse(
        self,
        contracts: Sequence[StreamContract],
        sources: Mapping[str, SourceSide],
        *,
        on_done: Callable[[Reconciliation], None] = lambda reconciliation: None,
    ) -> list[Reconciliation]:
        """Compare only source and lake, for each stream that was counted at the source.

        Raises the same errors as `reconcile`.
        """

        def one(contract: StreamContract) -> Reconciliation:
            counted = self._reconcile_lake(contract, sources[contract.stream])
            on_done(counted)
            return counted

        counted = apart([each for each in contracts if each.stream in sources], one, at_once=self._concurrency)
        counted.require_sound()
        return list(counted.results)

    def _reconcile_lake(self, contract: StreamContract, source: SourceSide) -> Reconciliation:
        lake = self._lake.count(contract, source.version, source.in_flight)
        return Reconciliation(
            stream=contract.stream,
            version=source.version,
            source=source.rows,
            refused=lake.refused,
            in_flight=source.in_flight.num_rows if source.in_flight is not None else 0,
            lake=lake.current,
            raw=None,
            staging=None,
            lake_history=lake.history,
            raw_history=None,
            follows_deletions=_follows_deletions(contract),
        )

    def _reconcile(
        self, session: Session, contract: StreamContract, source: SourceSide | None, *, staging: bool
    ) -> Reconciliation:
        version = Ledger(session, self._schemas.raw).version(contract.stream)
        comparable, note = _comparable(source, version)
        in_flight = comparable.in_flight if comparable else None
        lake = self._lake.count(contract, version, in_flight)
        warehouse = count_warehouse(session, self._schemas, contract, in_flight, staging=staging)
        if staging and warehouse.staging is None:
            note = note or "there is no staging view of this stream"
        return Reconciliation(
            stream=contract.stream,
            version=version,
            source=comparable.rows if comparable else None,
            refused=lake.refused,
            in_flight=in_flight.num_rows if in_flight is not None else 0,
            lake=lake.current,
            raw=warehouse.current,
            staging=warehouse.staging,
            lake_history=lake.history,
            raw_history=warehouse.history,
            note=note,
            follows_deletions=_follows_deletions(contract),
        )


def require_equal(reconciliations: Sequence[Reconciliation]) -> None:
    """Raise ReconciliationError, with the counts, if they differ for any stream. It names every such stream."""
    unequal = [item for item in reconciliations if not item.equal]
    if unequal:
        details = "\n".join(f"  {item.stream}: {'; '.join(item.differences)}" for item in unequal)
        raise ReconciliationError(
            f"the reconciliation of {len(unequal)} of {len(reconciliations)} streams differs:\n{details}\n",
            stream=unequal[0].stream if len(unequal) == 1 else None,
            hint="\n".join(["Nothing was published.", *(way for item in unequal for way in item.ways_out)]),
        )


def _follows_deletions(contract: StreamContract) -> bool:
    return contract.lands_keys or contract.spec.mode is Mode.SNAPSHOT


def _comparable(source: SourceSide | None, version: int) -> tuple[SourceSide | None, str]:
    if source is None:
        return None, "not counted at the source"
    if source.version == version:
        return source, ""
    if source.version < version:
        return None, f"another writer went on to version {version}; this run counted the source at {source.version}"
    return None, f"RAW is at version {version}, the lake at {source.version}"
