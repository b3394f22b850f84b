"""Finds refused records without a readable key that a later run has read again. Of each range the newest reading
counts.

A record that shows its key is recognised by it. A record that does not (`null`, say) may be one of several equal ones,
each of which the source counts. Equal records cannot be distinguished, but they can be counted: a walk through a window
shows how many lie between two points of the source's order. Points are the ends of windows and readable cursors.

The timeline holds the records between each two of its points. A newer walk replaces the records between the points that
both share. At the walk's ends, where only one of the two has a point, it replaces as many as the counts say: of three
equal records up to a point, of which the newer walk has two, one lies before its start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

from ingest.lake.commit import Commit, CommitKind, Walk, Window

_WINDOWED = (CommitKind.DATA, CommitKind.BACKFILL)

Place = tuple[int, int]
"""Version and position of a refused record."""


@dataclass(frozen=True)
class UnnamedRecord:
    """A refused record without a readable key. `content` is the same for equal records.

    `after` and `before` are the readable cursors around it, None if its commit has none on that side.
    """

    version: int
    position: int
    content: str
    after: datetime | None
    before: datetime | None


def read_again(commits: Sequence[Commit], records: Iterable[UnnamedRecord]) -> dict[Place, int]:
    """Return the records that a later version has read again, each with that version.

    `commits` are all commits of the stream, in order.
    """
    of_version: dict[int, list[UnnamedRecord]] = {}
    for record in records:
        of_version.setdefault(record.version, []).append(record)
    timeline = _Timeline()
    for reading in _readings(commits, of_version):
        timeline.read(reading)
    return timeline.replaced


class _Side(IntEnum):
    """A point's place among the records of one moment."""

    WINDOW = 0
    """Before all of them: where a window begins or ends."""
    FIRST = 1
    """At the first record whose cursor is readable."""
    LAST = 2
    """At the last such record."""


class _Point(NamedTuple):
    """A point in the order of the source's records. Each walk that has passed it knows it."""

    moment: datetime
    side: _Side


_BEGIN = _Point(datetime.min.replace(tzinfo=UTC), _Side.WINDOW)
_END = _Point(datetime.max.replace(tzinfo=UTC), _Side.WINDOW)


@dataclass(frozen=True)
class _Standing:
    """A refused record that no later walk has replaced."""

    place: Place
    content: str


@dataclass(frozen=True)
class _Chain:
    """Points in their order, and the records between each two neighbours."""

    points: list[_Point]
    between: list[list[_Standing]] = field(default_factory=list)

    def records(self, start: int, end: int) -> list[_Standing]:
        """Return the records between the points number `start` and `end`."""
        return [record for records in self.between[start:end] for record in records]

    def knows(self, point: _Point) -> bool:
        at = bisect_left(self.points, point)
        return at < len(self.points) and self.points[at] == point

    def gap(self, point: _Point) -> int:
        """Return the number of the last point that does not come after `point`."""
        return bisect_right(self.points, point) - 1

    def divide(self, gap: int, point: _Point, before: list[_Standing], after: list[_Standing]) -> None:
        self.points.insert(gap + 1, point)
        self.between[gap : gap + 1] = [before, after]

    def widen(self, start: _Point, end: _Point) -> None:
        """Extend the chain so that it reaches at least from `start` to `end`."""
        if start < self.points[0]:
            self.points.insert(0, start)
            self.between.insert(0, [])
        if end > self.points[-1]:
            self.points.append(end)
            self.between.append([])


@dataclass(frozen=True)
class _Reading:
    """The records that one walk has read. The walk ended with `version`.

    `tail` holds the records that an aborted walk has read behind the last point that it passed. More of them may exist,
    up to the end of its window.
    """

    version: int
    chain: _Chain
    tail: list[_Standing]
    window_end: _Point


class _Timeline:
    """The records that stand, and the records that were replaced, each with the version that has read it again."""

    def __init__(self) -> None:
        self.replaced: dict[Place, int] = {}
        self._chain = _Chain([])

    def read(self, reading: _Reading) -> None:
        """Let the records of `reading` replace the standing records in its range."""
        new = reading.chain
        if not self._chain.points:
            self._chain = _Chain([*new.points], [*new.between])
        else:
            self._chain.widen(new.points[0], new.points[-1])
            shared = [number for number, point in enumerate(new.points) if self._chain.knows(point)]
            if shared:
                self._splice(reading, shared[0], shared[-1])
            else:
                self._merge(reading)
        self._add_tail(reading)

    def _splice(self, reading: _Reading, first: int, last: int) -> None:
        """Replace the records between two shared points. They are number `first` to `last` of the reading.

        The counts decide how many records at the reading's ends are replaced.
        """
        old, new = self._chain, reading.chain
        start, end = new.points[0], new.points[-1]
        if first > 0:
            gap = old.gap(start)
            inside = old.records(gap + 1, old.gap(new.points[first]))
            before, again = _apart(old.between[gap], inside, found=new.records(0, first))
            old.divide(gap, start, before, again)
        if last < len(new.points) - 1:
            gap = old.gap(end)
            inside = old.records(old.gap(new.points[last]), gap)
            after, again = _apart(old.between[gap], inside, found=new.records(last, len(new.points)))
            old.divide(gap, end, again, after)
        replaced = slice(old.gap(start), old.gap(end))
        self._replace(old.records(replaced.start, replaced.stop), reading)
        old.points[replaced.start : replaced.stop + 1] = new.points
        old.between[replaced] = new.between

    def _merge(self, reading: _Reading) -> None:
        """Add a reading that shares no point with the timeline, so that the side of its records is unknown."""
        old, found = self._chain, reading.chain.records(0, len(reading.chain.points))
        first, last = old.gap(reading.chain.points[0]), old.gap(reading.chain.points[-1])
        at_ends = [record for gap in sorted({first, last}) for record in old.between[gap]]
        inside = old.records(first + 1, last)
        outside, again = _apart(at_ends, inside, found)
        self._replace(again + inside, reading)
        del old.points[first + 1 : last + 1]
        old.between[first : last + 1] = [outside + found]

    def _add_tail(self, reading: _Reading) -> None:
        """Let the tail replace as many equal records, from its first point on. The rest of the tail is new."""
        if not reading.tail:
            return
        old, start = self._chain, reading.chain.points[-1]
        old.widen(start, reading.window_end)
        gaps = old.between[old.gap(start) : bisect_left(old.points, reading.window_end)]
        own = {record.place for record in reading.chain.records(0, len(reading.chain.points))}
        standing = [(records, record) for records in gaps for record in records if record.place not in own]
        for newer in reading.tail:
            match = next((pair for pair in standing if pair[1].content == newer.content), None)
            if match is None:
                gaps[0].append(newer)
                continue
            records, older = match
            standing.remove(match)
            records[records.index(older)] = newer
            self._replace([older], reading)

    def _replace(self, records: Iterable[_Standing], reading: _Reading) -> None:
        self.replaced |= {record.place: reading.version for record in records}


def _apart(
    at_end: Sequence[_Standing], inside: Sequence[_Standing], found: Sequence[_Standing]
) -> tuple[list[_Standing], list[_Standing]]:
    """Split the records `at_end` of a reading's range: those outside the range, and those that the reading has `found`
    again.

    The records `inside` certainly lie within the range.
    """
    spare = Counter(record.content for record in [*at_end, *inside])
    spare.subtract(record.content for record in found)
    outside: list[_Standing] = []
    again: list[_Standing] = []
    for record in at_end:
        side = outside if spare[record.content] > 0 else again
        spare[record.content] -= 1
        side.append(record)
    return outside, again


def _readings(commits: Iterable[Commit], of_version: Mapping[int, Sequence[UnnamedRecord]]) -> list[_Reading]:
    """Return the reading of each walk, in the order in which the walks ended."""
    walks: dict[int, list[tuple[Commit, Walk]]] = {}
    newest: dict[CommitKind, tuple[Commit, int]] = {}
    for commit in commits:
        if commit.window is None or commit.kind not in _WINDOWED:
            continue
        walk = commit.walk or _walk_of_older_release(commit, commit.window, newest)
        newest[commit.kind] = commit, walk.first
        walks.setdefault(walk.first, []).append((commit, walk))
    ended = sorted(walks.values(), key=lambda steps: steps[-1][0].version)
    return [_reading(steps, of_version) for steps in ended]


def _reading(steps: Sequence[tuple[Commit, Walk]], of_version: Mapping[int, Sequence[UnnamedRecord]]) -> _Reading:
    commit, walk = steps[-1]
    assert commit.window is not None  # noqa: S101 - see _readings
    start = _Point(commit.window.start, _Side.WINDOW) if commit.window.start else _BEGIN
    window_end = _Point(commit.window.end, _Side.WINDOW) if commit.window.end else _END
    finished = walk.reached == window_end.moment
    passed = window_end if finished else _Point(walk.reached, _Side.FIRST) if walk.reached else start
    end = max(start, passed)
    placed: list[tuple[_Point, _Point, _Standing]] = []
    tail: list[_Standing] = []
    following: datetime | None = None
    for commit, walk in reversed(steps):
        for record in of_version.get(commit.version, ()):
            low, high = _stretch(record, following)
            standing = _Standing((record.version, record.position), record.content)
            if start < end and (finished or (high is not None and low < end)):
                placed.append((max(low, start), min(high or end, end), standing))
            else:
                tail.append(standing)
        following = walk.earliest or following
    return _Reading(commit.version, _chain(start, end, placed), sorted(tail, key=_place), window_end)


def _stretch(record: UnnamedRecord, following: datetime | None) -> tuple[_Point, _Point | None]:
    """Return the points around a record. The second is None if its walk has read no cursor after the record.

    `following` is the first cursor that the walk has read after the record's commit.
    """
    before = record.before or following
    if record.after is None:
        return _BEGIN, _Point(before, _Side.FIRST) if before else None
    if before is None:
        return _Point(record.after, _Side.LAST), None
    if before <= record.after:
        return _Point(record.after, _Side.FIRST), _Point(record.after, _Side.LAST)
    return _Point(record.after, _Side.LAST), _Point(before, _Side.FIRST)


def _chain(start: _Point, end: _Point, placed: Sequence[tuple[_Point, _Point, _Standing]]) -> _Chain:
    inside = {point for low, high, _ in placed for point in (low, high) if start < point < end}
    points = sorted({start, end} | inside)
    chain = _Chain(points, [[] for _ in points[1:]])
    for low, _, standing in sorted(placed, key=lambda item: item[2].place):
        chain.between[min(chain.gap(low), len(points) - 2)].append(standing)
    return chain


def _place(record: _Standing) -> Place:
    return record.place


def _walk_of_older_release(commit: Commit, window: Window, newest: Mapping[CommitKind, tuple[Commit, int]]) -> Walk:
    """Return the walk of a commit of an older release, which recorded none.

    Consecutive commits with one window are one walk, and only the last commit shows its end.
    """
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
