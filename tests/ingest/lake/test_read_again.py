"""Refused records without a readable key count as often as the source has them, however often they were read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.contracts.registry import ContractRegistry
from ingest.lake.batch import QuarantinedRecord
from ingest.lake.commit import Commit, CommitKind, Counts, Resume, Walk, Watermark, Window
from ingest.lake.read_again import UnnamedRecord, read_again
from ingest.run.quarantine import may_change_quarantine
from ingest.sources.api.records import RecordDecoder
from ingest.sources.api.walk import WindowWalk, split
from tests.ingest.sources.api.fake_provider import good_event

START = datetime(2026, 1, 31, tzinfo=UTC)
CONTRACT = ContractRegistry.load()["email_events"]
DECODER = RecordDecoder(CONTRACT)


def at(moment: int) -> datetime:
    return START + timedelta(hours=moment)


@dataclass(frozen=True)
class Record:
    """A record of the provider at a moment: a good event, `null`, or one with a time but without a key."""

    moment: int
    text: str

    @property
    def is_good(self) -> bool:
        return "event_id" in self.text

    @property
    def body(self) -> bytes:
        return self.text.encode()


def received(moment: int) -> datetime:
    """Return the time of a moment. Odd moments are between the ends of windows, even ones at them."""
    return at(moment) + timedelta(minutes=30 * (moment % 2))


def record(moment: int, kind: str) -> Record:
    event = json.loads(good_event(moment)) | {"received_at": received(moment).isoformat()}
    if kind == "good":
        return Record(moment, json.dumps(event))
    return Record(moment, "null" if kind == "null" else json.dumps({"received_at": event["received_at"]}))


@dataclass
class Lake:
    """The commits of one stream, made of pages as `SaasExtraction` makes them, and their refused records."""

    history: Sequence[Record]
    commits: list[Commit] = field(default_factory=list)
    refused: list[UnnamedRecord] = field(default_factory=list)
    remembers_walks: bool = True
    watermark: datetime | None = None

    def read(self, window: Window, kind: CommitKind, pages: Sequence[int], *, commits: int, run: int) -> bool:
        """Read a window from its start in pages of these sizes, with a commit each.

        Return whether `commits` were enough.
        """
        return self._go_on(window, kind, list(pages), None, 0, commits, run)

    def resume(self, pages: Sequence[int], run: int) -> None:
        """Finish the window that the newest commit has left unfinished."""
        resume = self.commits[-1].watermark.resume
        assert resume is not None
        self._go_on(
            resume.window, CommitKind.DATA, list(pages), resume, int(resume.page_cursor), len(self.history) + 1, run
        )

    def _go_on(
        self,
        window: Window,
        kind: CommitKind,
        pages: list[int],
        resume: Resume | None,
        done: int,
        commits: int,
        run: int,
    ) -> bool:
        walk = WindowWalk(window, resume)
        inside = [r for r in self.history if (not window.start or received(r.moment) >= window.start)]
        inside = [r for r in inside if window.end is None or received(r.moment) < window.end]
        for _ in range(commits):
            size = pages.pop() if pages else 2
            page = DECODER.decode([r.body for r in inside[done : done + size]], first_position=1)
            done += size
            finished = done >= len(inside)
            batch = walk.place(page) + walk.release()
            version = len(self.commits) + 1
            part = walk.cut(version, finished=finished)
            going_on = Resume(page_cursor=str(done), window=window, walk=walk.first, reached=walk.reached)
            left = None if finished or kind is CommitKind.BACKFILL else going_on
            self._commit(version, kind, window, part, left, batch, f"run-{run}")
            if finished:
                return True
        return False

    def _commit(
        self,
        version: int,
        kind: CommitKind,
        window: Window,
        walk: Walk | None,
        resume: Resume | None,
        batch: list[QuarantinedRecord],
        run: str,
    ) -> None:
        kept = self.remembers_walks
        self.commits.append(
            Commit(
                stream="events",
                version=version,
                kind=kind,
                batch_id=str(version),
                run_id=run,
                contract_version="1",
                contract_sha256="",
                window=window,
                watermark=Watermark(before=self.watermark, after=None, resume=resume),
                files=(),
                counts=Counts(read=0, landed=0, quarantined=len(batch)),
                walk=walk if kept else None,
                extracted_at=START,
                committed_at=START,
            )
        )
        self.refused += [
            UnnamedRecord(
                version=version,
                position=position,
                content=item.record.decode(),
                after=item.cursor_after if kept else None,
                before=item.cursor_before if kept else None,
            )
            for position, item in enumerate(batch, 1)
        ]

    @property
    def counted(self) -> Counter[str]:
        gone = read_again(self.commits, self.refused)
        return Counter(item.content for item in self.refused if (item.version, item.position) not in gone)

    def held(self, until: int) -> Counter[str]:
        """Return the number of such records at the source."""
        return Counter(r.text for r in self.history if not r.is_good and r.moment < until)


MOMENTS = st.integers(0, 8)
KINDS = st.sampled_from(["good", "null", "null", "no key"])
PAGES = st.lists(st.integers(1, 4), max_size=6)


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    drawn = draw(st.lists(st.tuples(MOMENTS, KINDS), max_size=14))
    return [record(moment, kind) for moment, kind in sorted(drawn, key=lambda item: item[0])]


@dataclass(frozen=True)
class Step:
    """A window of the stream's own, or a backfill. It breaks off after `commits`, and may then be resumed."""

    backfill: bool
    start: int
    end: int
    commits: int
    resumes: bool
    pages: list[int]


STEPS = st.lists(
    st.builds(Step, st.booleans(), MOMENTS, MOMENTS, st.integers(1, 3), st.booleans(), PAGES), min_size=1, max_size=6
)


def land(lake: Lake, steps: Sequence[Step], lateness: int) -> Iterator[int]:
    """Do the steps one after the other. Yield the watermark after each."""
    watermark = None
    for run, step in enumerate(steps):
        if step.backfill and watermark is not None:
            start, end = sorted((min(step.start, watermark), min(step.end, watermark)))
            if start < end:
                lake.read(
                    Window(start=at(start), end=at(end)), CommitKind.BACKFILL, step.pages, commits=step.commits, run=run
                )
        elif not step.backfill and (watermark is None or step.end > watermark):
            late = None if watermark is None else at(watermark - lateness)
            for window in split(Window(start=late, end=at(step.end)), None if watermark is None else at(watermark)):
                if not lake.read(window, CommitKind.DATA, step.pages, commits=step.commits, run=run):
                    if step.resumes:
                        lake.resume(step.pages, run=100 + run)
                    else:
                        lake.read(window, CommitKind.DATA, step.pages, commits=len(lake.history) + 1, run=100 + run)
            watermark = step.end
            lake.watermark = at(watermark)
        if watermark is not None:
            yield watermark


@example(
    # What one backfill has not read again lies where the other one looks.
    history=[record(0, "null"), record(2, "null")],
    steps=[Step(False, 0, 3, 1, False, []), Step(True, 0, 2, 1, False, []), Step(True, 1, 3, 1, False, [])],
    lateness=0,
)
@example(
    history=[record(0, "null"), record(2, "null")],
    steps=[
        Step(False, 0, 0, 1, False, []),
        Step(False, 0, 3, 1, False, []),
        Step(True, 0, 2, 1, False, []),
        Step(True, 1, 3, 1, False, []),
        Step(True, 0, 1, 1, False, []),
        Step(True, 0, 2, 1, False, []),
    ],
    lateness=0,
)
@example(
    # A backfill that broke off has read one of two equal records, which lie behind the last cursor that it has seen.
    history=[record(0, "good"), record(1, "null"), record(1, "null")],
    steps=[Step(False, 0, 1, 1, False, []), Step(False, 0, 2, 1, False, []), Step(True, 0, 2, 1, False, [])],
    lateness=0,
)
@example(
    # A backfill that broke off may have read either: where it has looked does not tell which.
    history=[record(1, "null"), record(1, "good"), record(2, "null")],
    steps=[
        Step(False, 0, 0, 1, False, []),
        Step(False, 0, 3, 1, False, []),
        Step(True, 1, 2, 1, False, [1]),
        Step(True, 0, 2, 1, False, []),
    ],
    lateness=0,
)
@given(history=histories(), steps=STEPS, lateness=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_what_is_read_again_counts_as_often_as_the_source_has_it(
    history: list[Record], steps: list[Step], lateness: int
) -> None:
    lake = Lake(history)
    for watermark in land(lake, steps, lateness):
        assert lake.counted == lake.held(watermark)


@example(
    # The plain case: two windows, one after the other.
    history=[record(0, "null"), record(4, "good")],
    steps=[Step(False, 0, 3, 3, False, []), Step(False, 0, 6, 3, False, [])],
    lateness=0,
)
@given(history=histories(), steps=STEPS, lateness=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_commit_that_only_goes_on_changes_nothing_of_what_was_refused(
    history: list[Record], steps: list[Step], lateness: int
) -> None:
    lake = Lake(history)
    for _ in land(lake, steps, lateness):
        pass
    refused: Counter[int] = Counter(item.version for item in lake.refused)
    for place, commit in enumerate(lake.commits):
        before = lake.commits[place - 1] if place else None
        if may_change_quarantine(commit, before, CONTRACT):
            continue
        assert not refused[commit.version]
        known = [item for item in lake.refused if item.version <= commit.version]
        assert read_again(lake.commits[: place + 1], known) == read_again(lake.commits[:place], known)


def test_a_run_after_the_other_leaves_quarantine_unread() -> None:
    lake = Lake([record(0, "null"), record(4, "good")])
    for _ in land(lake, [Step(False, 0, 3, 3, False, []), Step(False, 0, 6, 3, False, [])], lateness=0):
        pass
    first, second = lake.commits

    assert may_change_quarantine(first, None, CONTRACT)
    assert not may_change_quarantine(second, first, CONTRACT)


def test_a_window_that_broke_off_and_was_read_anew_is_looked_at() -> None:
    lake = Lake([record(0, "null"), record(2, "good")])
    window = Window(start=None, end=at(3))
    lake.read(window, CommitKind.DATA, [1], commits=1, run=1)
    lake.history = lake.history[1:]  # what was refused is gone
    lake.read(window, CommitKind.DATA, [], commits=1, run=2)
    begun, anew = lake.commits

    assert not lake.counted
    assert may_change_quarantine(anew, begun, CONTRACT)


@given(history=histories(), steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_what_a_lake_of_an_older_release_has_read_again_is_counted_too(
    history: list[Record], steps: list[Step]
) -> None:
    lake = Lake(history, remembers_walks=False)
    # Such a lake does not show that a window was begun anew, nor that a backfill broke off.
    steps = [replace(step, resumes=True, commits=99 if step.backfill else step.commits) for step in steps]
    for watermark in land(lake, steps, lateness=0):
        assert lake.counted == lake.held(watermark)


@given(before=histories(), after=histories(), steps=STEPS, lateness=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_reading_of_all_counts_what_came_late_and_what_has_gone(
    before: list[Record], after: list[Record], steps: list[Step], lateness: int
) -> None:
    lake = Lake(before)
    watermark = max(land(lake, steps, lateness), default=0)
    lake.history = after
    lake.read(Window(start=None, end=at(watermark)), CommitKind.BACKFILL, [], commits=len(after) + 1, run=1_000)

    assert lake.counted == lake.held(watermark)


def test_a_record_that_came_late_counts_once_its_window_was_read_again() -> None:
    lake = Lake([record(0, "null"), record(0, "good"), record(3, "good")])
    lake.read(Window(start=None, end=at(5)), CommitKind.DATA, [], commits=9, run=1)
    lake.history = [*lake.history, record(3, "null")]
    lake.read(Window(start=at(2), end=at(5)), CommitKind.DATA, [], commits=9, run=2)

    assert lake.counted == {"null": 2}
