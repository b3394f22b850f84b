"""Which refused records without a readable key were read again: of each stretch of time the newest reading counts.

A record that shows its key is known again by it. One that does not (`null`, say) may be one of several equal ones, each
of which the source counts. So it is known by its place: between two readable cursors of the order in which the source
gives its records. A later walk through a window replaces what earlier walks have in that stretch. Where a walk begins
or ends between the same two cursors, time does not tell which records lie within; there, as many older ones are
replaced as the newer walk has equal ones at that border.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from ingest.lake.commit import Commit, CommitKind, Walk, Window

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_WINDOWED = (CommitKind.DATA, CommitKind.BACKFILL)

Place = tuple[int, int]
"""Version and position of a refused record."""


@dataclass(frozen=True)
class UnnamedRecord:
    """A refused record without a readable key; `content` is the same for equal records.

    `after` and `before` are the readable cursors around it, None where its commit had none.
    """

    version: int
    position: int
    content: str
    after: datetime | None
    before: datetime | None


def read_again(commits: Sequence[Commit], records: Iterable[UnnamedRecord]) -> dict[Place, int]:
    """The records that a later version has read again, and that version. `commits` are all of the stream, in order."""
    of_version: dict[int, list[UnnamedRecord]] = {}
    for record in records:
        of_version.setdefault(record.version, []).append(record)
    timeline = _Timeline()
    for part, found in _walks(commits, of_version):
        timeline.read(part, found)
    return timeline.replaced


@dataclass(frozen=True)
class _Part:
    """What one walk, which ended with `version`, has read: all of [start, end) where that is `finished`, else all below
    `end`, and some of the records at `end` itself."""

    version: int
    start: datetime
    end: datetime
    finished: bool
    window_end: datetime


@dataclass(frozen=True)
class _Standing:
    """A record that no later walk has replaced: its cursor lies from `low` to `high`, or below `high` where `is_below`.

    `leads` and `trails` say that its walk had no readable cursor before it or after it; `is_loose` that no walk has
    found any around it.
    """

    place: Place
    content: str
    low: datetime
    high: datetime
    is_below: bool
    leads: bool
    trails: bool
    is_loose: bool

    @property
    def is_exact(self) -> bool:
        return self.low == self.high and not self.is_below

    def lies_in(self, part: _Part) -> bool:
        if self.low < part.start:
            return False
        if part.finished:
            return self.high < part.end or (self.high == part.end and self.is_below)
        return self.low < part.end and self.high <= part.end

    def outside_of(self, part: _Part) -> _Standing:
        """This record, which `part` has not read again: it stands where that has not looked."""
        if part.start <= self.low < part.end:
            return replace(self, low=part.end, leads=True)
        if self.low < part.start < self.high and (
            self.high < part.end or (part.finished and self.high == part.end and self.is_below)
        ):
            return replace(self, high=part.start, is_below=True)
        return self

    def reaches_out_of(self, part: _Part) -> tuple[bool, bool]:
        """Whether it may stand before the part's window, and after it."""
        return self.low < part.start, self.high > part.window_end

    def is_beside(self, other: _Standing) -> bool:
        """Whether both stand between the same two cursors."""
        return (self.low, self.high, self.is_below) == (other.low, other.high, other.is_below)

    def overlaps(self, other: _Standing) -> bool:
        """Whether both may stand between the same two cursors."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low == high:
            # Where one ends at the cursor at which the other begins, that cursor's record stands between them.
            follows = self.high == other.low or other.high == self.low
            begins = self.low == other.low and self.leads == other.leads
            ends = self.high == other.high and self.is_below == other.is_below
            return not follows or begins or ends
        return low < high

    def narrowed(self, other: _Standing) -> _Standing:
        """This record, which is the same as `other`: it stands where both may stand."""
        low, no_lead = max((self.low, not self.leads), (other.low, not other.leads))
        high, is_known = min((self.high, not self.is_below), (other.high, not other.is_below))
        if low > high:
            return self
        loose = self.is_loose and other.is_loose
        return replace(self, low=low, high=high, leads=not no_lead, is_below=not is_known, is_loose=loose)

    def may_be(self, newer: _Standing, part: _Part) -> bool:
        """Whether `newer`, an equal record of `part`, may be this one, of which time alone does not tell."""
        if self.is_loose:
            # Of an older release, or of a part that had no cursor to read: it may be any of them.
            begins = self.low < part.end if part.finished else self.low <= part.end
            if begins and self._reaches(part.start):
                return True
        ends = newer.trails if part.finished else newer.low == part.end
        return (newer.leads and self._touches_start_of(part)) or (
            ends and self._touches_end_of(part) and self.overlaps(newer)
        )

    def _touches_start_of(self, part: _Part) -> bool:
        if self.is_exact or self.low >= part.start:
            return False
        return self._reaches(part.start)

    def _reaches(self, moment: datetime) -> bool:
        return self.high > moment or (self.high == moment and not self.is_below)

    def _touches_end_of(self, part: _Part) -> bool:
        if part.finished:
            return not self.is_exact and self.low < part.end and self.high >= part.end
        # Nothing is known of what comes after it but the window's end.
        return self.low >= part.end or self.low < part.end < self.high


class _Newer:
    """The records of the newest part, each of which may be the same as one older record."""

    def __init__(self, records: Iterable[_Standing]) -> None:
        self._records = {record.place: record for record in records}
        self._untaken: dict[str, list[Place]] = {}
        for record in self._records.values():
            self._untaken.setdefault(record.content, []).append(record.place)

    @property
    def records(self) -> Collection[_Standing]:
        return self._records.values()

    def take(self, older: _Standing, fits: Callable[[_Standing], bool], *, is_sure: bool = True) -> bool:
        """Take an equal record that `fits` for the same as `older`; whether there was one.

        Both say where it stands. Unless the match `is_sure`, it may be any of several, and `older` alone says it.
        """
        places = self._untaken.get(older.content, [])
        place = next((place for place in places if fits(self._records[place])), None)
        if place is None:
            return False
        places.remove(place)
        self._records[place] = self._records[place].narrowed(older) if is_sure else replace(older, place=place)
        return True


class _Timeline:
    """The records that stand, by the ends of their stretches, and those that were replaced."""

    def __init__(self) -> None:
        self.replaced: dict[Place, int] = {}
        self._standing: list[_Standing] = []

    def read(self, part: _Part, records: Iterable[_Standing]) -> None:
        """Let `records`, those of `part`, replace what stands in its stretch."""
        newer = _Newer(records)
        older = self._standing[bisect_left(self._standing, part.start, key=_end) :]
        # Equal ones are matched in the order of how surely they are the same, so that none stands for two.
        beside = {record.place for record in older if newer.take(record, record.is_beside)}
        for record in older:
            if record.place not in beside and record.lies_in(part):
                newer.take(record, record.overlaps)
        for record in sorted(older, key=lambda item: item.reaches_out_of(part)):
            if (
                record.place in beside
                or record.lies_in(part)
                or newer.take(record, partial(record.may_be, part=part), is_sure=part.finished)
            ):
                self._standing.remove(record)
                self.replaced[record.place] = part.version
            elif (moved := record.outside_of(part)) is not record:
                self._standing.remove(record)
                insort(self._standing, moved, key=_end)
        for record in newer.records:
            insort(self._standing, record, key=_end)


def _end(record: _Standing) -> datetime:
    return record.high


def _walks(
    commits: Iterable[Commit], of_version: Mapping[int, Sequence[UnnamedRecord]]
) -> list[tuple[_Part, list[_Standing]]]:
    """Each walk and what it has refused, in the order in which they ended."""
    walks: dict[int, list[tuple[Commit, Walk]]] = {}
    newest: dict[CommitKind, tuple[Commit, int]] = {}
    for commit in commits:
        if commit.window is None or commit.kind not in _WINDOWED:
            continue
        walk = commit.walk or _walk_of_older_release(commit, commit.window, newest)
        newest[commit.kind] = commit, walk.first
        walks.setdefault(walk.first, []).append((commit, walk))
    ended = sorted(walks.values(), key=lambda steps: steps[-1][0].version)
    return [_walk(steps, of_version) for steps in ended]


def _walk(
    steps: Sequence[tuple[Commit, Walk]], of_version: Mapping[int, Sequence[UnnamedRecord]]
) -> tuple[_Part, list[_Standing]]:
    commit, walk = steps[-1]
    assert commit.window is not None  # noqa: S101 - see _walks
    start, window_end = commit.window.start or _FIRST, commit.window.end or _LAST
    end = walk.reached or start
    part = _Part(commit.version, start, end, finished=end == window_end, window_end=window_end)
    records: list[_Standing] = []
    following: datetime | None = None
    for commit, walk in reversed(steps):
        records += [_standing(record, part, following) for record in of_version.get(commit.version, ())]
        following = walk.earliest or following
    return part, sorted(records, key=lambda record: record.place)


def _standing(record: UnnamedRecord, part: _Part, following: datetime | None) -> _Standing:
    """Where a record stands; `following` is the first cursor that the walk has read after its commit."""
    before = record.before or following
    low = record.after or part.start
    return _Standing(
        place=(record.version, record.position),
        content=record.content,
        low=low,
        high=max(low, before or part.window_end),
        is_below=before is None,
        leads=record.after is None,
        trails=before is None,
        is_loose=record.after is None and before is None,
    )


def _walk_of_older_release(commit: Commit, window: Window, newest: Mapping[CommitKind, tuple[Commit, int]]) -> Walk:
    """Commits in a row with one window are one walk, of which only the last has a known end."""
    before, first = newest.get(commit.kind, (None, commit.version))
    goes_on = before is not None and before.window == window
    if commit.kind is CommitKind.DATA:
        goes_on = goes_on and before is not None and before.watermark.resume is not None
    else:
        goes_on = goes_on and before is not None and before.run_id == commit.run_id
    ended = commit.watermark.resume is None or commit.kind is CommitKind.BACKFILL
    return Walk(
        first=first if goes_on else commit.version, start=None, reached=window.end if ended else None, earliest=None
    )
