"""Whatever happened before, a run that succeeds leaves the marts that a complete build would leave.

The warehouse is a model: the versions that each part of the marts was built from. dbt breaks off at any point, marks
are lost, projects and days are set back, and a warehouse is restored from a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contracts.registry import ContractRegistry
from orchestration.built.holdings import Holdings
from orchestration.built.mark import BuiltMark, StreamVersion
from orchestration.built.plan import Plan
from orchestration.prefect.run import changes as changes_of_a_run
from orchestration.prefect.run.changes import Changes
from orchestration.prefect.run.parameters import RunParameters
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.loader import LoadResult

SETTINGS, CONTRACTS = OrchestrationSettings(), ContractRegistry.load()
STREAMS = ("campaigns", "orders", "stock_movements")
DAY, PROJECT = "the day", "the project"
PARTS = (*STREAMS, DAY, PROJECT)
"""Of the marts: what depends on each stream, on the day, and on neither."""


@dataclass
class World:
    """The lake, the project and the day, and the warehouse's state."""

    lake: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 1))
    project: str = "p0"
    day: date = date(2026, 3, 1)
    ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    fitted: dict[str, set[str]] = field(default_factory=dict)
    """Of RAW's tables, by stream: the projects whose contracts they take, since they are never narrowed."""
    marts: dict[str, object] = field(default_factory=dict)
    published_by: str | None = None
    writes: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    runs: int = 0

    @property
    def wanted(self) -> dict[str, object]:
        """The marts of a complete build."""
        built_from: dict[str, object] = {**self.lake, DAY: self.day, PROJECT: ""}
        return {part: (self.project, built_from[part]) for part in PARTS}

    def get(self, key: str) -> bytes | None:
        """Return an object, as the object store does."""
        return self.objects.get(key)

    def put(self, key: str, body: bytes) -> None:
        """Write an object, as the object store does."""
        self.objects[key] = body

    def versions(self, of: Mapping[str, int]) -> dict[str, StreamVersion]:
        return {
            stream: StreamVersion(version=version, batch_id=str(version)) for stream, version in of.items() if version
        }

    @contextmanager
    def connect(self, _: object) -> Iterator[World]:
        """Yield a session, as the warehouse does."""
        yield self

    def unopened_state(self) -> str | None:
        """Return the state, as DuckDB's warehouse does."""
        return str(self.writes) if self.published_by else None

    def load(self, settled: Iterable[str]) -> list[LoadResult]:
        """Load the new versions of all streams that are not `settled`."""
        loads = [
            LoadResult(stream, version, tuple(range(self.ledger[stream] + 1, version + 1)))
            for stream, version in self.lake.items()
            if stream not in settled
        ]
        self.ledger |= {load.stream: load.version for load in loads}
        self.fitted |= {load.stream: {*self.fitted.get(load.stream, ()), self.project} for load in loads}
        self.writes += 1
        return loads

    def build(self, planned: Plan, parts: int) -> None:
        """Build as dbt does, but break off after `parts`."""
        of_plan = [*planned.streams, *([DAY] if planned.new_day else [])]
        self.marts |= {part: self.wanted[part] for part in (PARTS if planned.whole else of_plan)[:parts]}
        self.writes += 1

    def changes(self) -> Changes:
        """Return the changes as the next run sees them."""
        self.runs += 1
        own: Any = self
        made = Changes(
            run_id=f"run {self.runs}",
            parameters=RunParameters(keys=False),
            settings=SETTINGS,
            registry=CONTRACTS,
            store=own,
            warehouse=own,
        )
        made.__dict__["mark"] = BuiltMark(own, "w")
        return made

    def run(self, ends: str, parts: int) -> bool:
        """Do a run that succeeds or breaks off. Return whether it succeeded."""
        changes = self.changes()
        if changes.are_none():
            return True
        if ends == "before it loads":
            return False
        with self.connect(None) as session:
            loads = self.load(changes.settled(cast(Any, session)))
        if ends == "before dbt":
            return False
        planned, _ = changes.planned(loads)
        if not planned.is_nothing:
            changes.begin(planned)
            self.build(planned, parts if ends == "within dbt" else len(PARTS))
            if ends in ("within dbt", "before it publishes"):
                return False
            self.published_by = changes.run_id
            self.writes += 1
        changes.are_published(planned)
        if ends != "before it leaves its mark":
            changes.note()
        return True


@pytest.fixture
def modelled(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """A list of worlds: runs see the world in it."""
    seen: list[World] = []

    def heads(*_: object) -> SimpleNamespace:
        commits = {stream: SimpleNamespace(version=n, batch_id=str(n)) for stream, n in seen[0].lake.items()}
        return SimpleNamespace(commits=commits, damaged={})

    def holdings(world: World, _: object) -> Holdings:
        return Holdings(world.versions(world.ledger), {}, {}, world.published_by)

    monkeypatch.setattr(changes_of_a_run, "read_heads", heads)
    monkeypatch.setattr(changes_of_a_run, "fingerprint", lambda settings: seen[0].project)
    monkeypatch.setattr(changes_of_a_run, "business_days", lambda settings, now: (seen[0].day, seen[0].day))
    monkeypatch.setattr(changes_of_a_run.Holdings, "of", holdings)
    return seen


ENDS = (
    "well",
    "before it loads",
    "before dbt",
    "within dbt",
    "before it publishes",
    "before it leaves its mark",
)
CHANGES = st.one_of(
    st.just(("nothing",)),
    st.tuples(st.just("news"), st.sampled_from(STREAMS)),
    st.tuples(st.just("day"), st.integers(0, 1)),
    st.tuples(st.just("project"), st.sampled_from(["p0", "p1"])),
    st.just(("copy",)),
    st.just(("restore",)),
    st.tuples(st.just("mark"), st.sampled_from([b"", b"null", b"{}"])),
)
OF_THE_WAREHOUSE = ("ledger", "fitted", "marts", "published_by")
RUNS = st.tuples(CHANGES, st.sampled_from(ENDS), st.integers(0, len(PARTS)))
WELL: tuple[tuple[str], str, int] = (("nothing",), "well", 0)


@pytest.mark.slow
@settings(max_examples=1_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(RUNS, max_size=8))
def test_a_run_that_ends_well_leaves_what_a_whole_build_leaves(modelled: list[World], runs: list[Any]) -> None:
    world = World()
    modelled[:] = [world]
    copies: list[dict[str, Any]] = []
    for (change, *what), ends, parts in [WELL, *runs, WELL]:
        if change == "news":
            world.lake[what[0]] += 1
        elif change == "day":
            world.day = date(2026, 3, 1) + timedelta(days=what[0])
        elif change == "project":
            world.project = what[0]
        elif change == "mark":
            world.objects = dict.fromkeys(world.objects, what[0])
        elif change == "copy":
            copies.append(deepcopy({name: getattr(world, name) for name in OF_THE_WAREHOUSE}))
        elif change == "restore" and copies:
            for name, value in deepcopy(copies[-1]).items():
                setattr(world, name, value)
            world.writes += 1
        if world.run(ends, parts):
            assert world.marts == world.wanted
            assert world.ledger == world.lake
            assert all(world.project in world.fitted[stream] for stream in STREAMS)
    assert world.changes().are_none(), "and the next one has nothing to do"
