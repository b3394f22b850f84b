"""The plan of a run's build: nothing, the models that depend on new data, or everything.

New data is the difference between the mark of the last publication and the present state. A run whose dbt failed has
published nothing and left the mark unchanged, so that the next run builds what it should have built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ingest.contracts.model import StreamContract
from orchestration.built.holdings import Holdings
from orchestration.built.mark import Built, StreamVersion
from orchestration.warehouse.ddl import stream_tables
from orchestration.warehouse.loader import LoadResult

BUSINESS_DAY = "business_day"
"""dbt's tag of what holds something else on another day."""
_SOURCE = "raw"
"""dbt's name of RAW (orchestration/dbt/sources.py)."""


@dataclass(frozen=True)
class Present:
    """The state that a build would use, as of the moment `at`. The names are those of `Built`."""

    project: str
    days: tuple[date, date]
    streams: Mapping[str, StreamVersion]
    at: datetime


@dataclass(frozen=True)
class Plan:
    """The nodes that a run builds.

    If `whole` is not empty, it is the reason why everything is built. Otherwise the run builds the nodes that depend on
    `streams`, and on the business's day if there is a `new_day`.
    """

    whole: str = ""
    streams: tuple[str, ...] = ()
    new_day: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether a build would leave the marts as they are."""
        return not (self.whole or self.streams or self.new_day)

    @property
    def is_of_another_time(self) -> bool:
        """Whether an aborted run could leave changes that the next run, by the same mark, would not build again.

        New data of a stream stays new until it is published, but a project or a day may be set back.
        """
        return bool(self.whole) or self.new_day

    def selection(self, contracts: Sequence[StreamContract]) -> tuple[str, ...]:
        """Return the selection to pass to dbt. It is empty for everything."""
        if self.whole:
            return ()
        tables = (
            table.name
            for contract in contracts
            if contract.stream in self.streams
            for table in stream_tables(contract, _SOURCE)
        )
        return (*(f"source:{_SOURCE}.{name}+" for name in tables), *((f"tag:{BUSINESS_DAY}+",) if self.new_day else ()))

    def __str__(self) -> str:
        if self.whole:
            return f"everything: {self.whole}"
        parts = [*self.streams, *(["the day"] if self.new_day else [])]
        return f"what depends on {', '.join(parts)}" if parts else "nothing"


def plan(built: Built | None, present: Present, *, whole_every: timedelta) -> Plan:
    """Return the difference between the state that the marts were built from and the present state."""
    if built is None:
        return Plan("it is not known what the marts were built from")
    if built.unfinished is not None:
        return Plan(f"run {built.unfinished} began to, and did not publish")
    if built.project != present.project:
        return Plan("the dbt project, its contracts, programs or settings are others now")
    if abs(present.at - built.whole_at) >= whole_every:  # also if a clock ran ahead
        return Plan(f"it was last done at {built.whole_at:%Y-%m-%d %H:%M} UTC")
    strange = [stream for stream, was in built.streams.items() if not _follows(present.streams.get(stream), was)]
    if strange:
        return Plan(f"the marts were built from versions that are no longer there of {', '.join(sorted(strange))}")
    news = sorted(stream for stream, now in present.streams.items() if built.streams.get(stream) != now)
    return Plan(streams=tuple(news), new_day=built.days != present.days)


def checked(planned: Plan, built: Built | None, holdings: Holdings, loads: Iterable[LoadResult]) -> Plan:
    """Return the plan after a look at the warehouse: everything, if its marts or its RAW are not those of the mark."""
    if built is None or planned.whole:
        return planned
    if holdings.published_by != built.run_id:
        return replace(planned, whole=f"the marts are not those that run {built.run_id} published")
    behind = [load.stream for load in loads if load.commits and not _is_newer(load.commits[0], built, load.stream)]
    if behind:
        return replace(planned, whole=f"RAW was behind what the marts were built from: {', '.join(sorted(behind))}")
    return planned


def settled(built: Built | None, holdings: Holdings, heads: Mapping[str, StreamVersion]) -> dict[str, StreamVersion]:
    """Return the streams with nothing to load: RAW has all that the lake has, and the marts were built from it.

    Their tables already fit their contracts, because the mark is for the same contracts and this very warehouse.
    """
    if built is None:
        return {}
    return {
        stream: head
        for stream, head in heads.items()
        if head == holdings.streams.get(stream) == built.streams.get(stream) and stream not in holdings.incomplete
    }


def needs_full_refresh(
    built: Built | None, holdings: Holdings, loads: Iterable[LoadResult], contracts: Mapping[str, StreamContract]
) -> bool:
    """Return whether RAW's past has changed since the last publication, so that incremental models hold outdated rows.

    The loads of this run show it, and also the ledger, because a run that loaded a change may have failed before it
    published. If the marts are not those of the mark, their age is unknown: then any change counts.
    """
    if any(result.changes_the_past(contracts[result.stream]) for result in loads):
        return True
    if built is None:
        return False
    appended = {stream for stream, contract in contracts.items() if not contract.lands_keys}
    changed = [*holdings.replays.items(), *(item for item in holdings.backfills.items() if item[0] in appended)]
    restored = holdings.published_by != built.run_id
    return any(restored or _is_newer(version, built, stream) for stream, version in changed)


def _is_newer(version: int, built: Built, stream: str) -> bool:
    was = built.streams.get(stream)
    return was is None or version > was.version


def _follows(now: StreamVersion | None, was: StreamVersion) -> bool:
    """Return whether a log that is at `now` may once have been at `was`."""
    return now is not None and (now == was or now.version > was.version)
