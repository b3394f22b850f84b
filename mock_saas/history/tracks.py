"""Tracks: the origins of the records of an interval of received time.

Time is cut into equal cells on a fixed grid. A message is sent in one cell; each of its events is received in
that cell or a later one. To make one cell without looking at history, every delay can be undone:

- a delay that spreads over cells is a *shift*: it moves all of a cell to another one, by a bijection, so that the
  sending cell is found from the receiving one; the event then falls anywhere in its new cell;
- a narrower one is a *jitter*, added to each event: only so many cells can reach into a cell by it.

A *track* is one step of one pattern arriving in one manner (on time, late, again). All tracks together, undone,
give every record of a cell: their number is fixed, whatever the length of history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mock_saas.history.lifecycle import (
    LATE_LAGS,
    PATTERNS,
    RECEIVE_LAG,
    REDELIVERY_LAGS,
    Delay,
    EventType,
    Pattern,
    total_weight,
)
from mock_saas.history.randomness import MASK_64, ONE_32, mix64
from mock_saas.timestamps import MICROSECONDS

# Odd, hence invertible modulo any power of two; it also spreads neighbours far apart.
_MULTIPLIER = 0x9E37_79B1


@dataclass(frozen=True)
class Shift:
    """A bijection that moves cells by ``cells`` and shuffles them within blocks of ``block`` (a power of two).

    The shuffle spreads a delay over up to twice the block's length. It is affine modulo ``block`` with an odd
    multiplier, hence a bijection.
    """

    block: int
    cells: int
    salt: int

    def source(self, cell: int) -> int:
        """Return the cell that this shift moves to ``cell``. It is less than ``block`` away from ``cell - cells``."""
        number, index = divmod(cell - self.cells, self.block)
        offset = mix64((number ^ self.salt) & MASK_64)
        return number * self.block + (index + offset) * _MULTIPLIER % self.block


@dataclass(frozen=True)
class Jitter:
    """A random delay of ``low`` to ``low + span - 1`` microseconds."""

    low: int
    span: int

    @property
    def high(self) -> int:
        """The greatest delay, in microseconds."""
        return self.low + self.span - 1


@dataclass(frozen=True)
class Path:
    """The way from sending to the occurrence of a step.

    After the ``shifts``, step ``origin`` falls anywhere in its cell (step 0 is the sending); the steps after it
    follow by one of ``jitters`` each.
    """

    shifts: tuple[Shift, ...] = ()
    origin: int = 0
    jitters: tuple[Jitter, ...] = ()

    @property
    def least(self) -> int:
        """The earliest time at which the step can occur, in microseconds from the start of its cell."""
        return sum(jitter.low for jitter in self.jitters)

    @property
    def most(self) -> int:
        """The farthest beyond its cell at which the step can occur, in microseconds."""
        return sum(jitter.high for jitter in self.jitters)


@dataclass(frozen=True)
class Track:
    """One step of one pattern, arriving in one manner.

    ``weights`` is the pattern's interval of [0, ONE_32) among messages: among the last messages to their recipients if
    it ``is_last``, else among all others. ``picks`` is the manner's interval among the events of the step. In it,
    events that break the contract begin at ``broken``, and events that arrive once and on time begin at ``plain``. A
    delayed event arrives later by ``held``. A ``redelivery`` has also arrived on time.
    """

    pattern: int
    step: int
    is_last: bool
    weights: tuple[int, int]
    picks: tuple[int, int]
    broken: int
    plain: int
    path: Path
    lag: Jitter
    held: Shift | Jitter | None
    redelivery: bool
    reach: tuple[int, int]
    """The cell ``c`` that the shifts lead to reaches cells ``c + reach[0]`` to ``c + reach[1]``."""


@dataclass(frozen=True)
class _Manner:
    picks: tuple[int, int]
    held: Delay | None = None
    redelivery: bool = False
    lag: Delay = RECEIVE_LAG


_AS_IT_OCCURS = _Manner((0, ONE_32), lag=Delay(0, 0))


def plan_tracks(cell_us: int, broken_rate: float, patterns: Sequence[Pattern] = PATTERNS) -> tuple[Track, ...]:
    """Return all tracks, for cells of ``cell_us`` microseconds."""
    manners = _manners()
    broken = round((1 - broken_rate) * ONE_32)
    plain = max(manner.picks[1] for manner in manners if manner.held is not None)
    return tuple(
        _track(cell_us, place, manner, broken, plain) for place in _places(cell_us, patterns) for manner in manners
    )


def plan_clicks(cell_us: int, patterns: Sequence[Pattern] = PATTERNS) -> tuple[Track, ...]:
    """Return the tracks of all clicks as they occur: each click once, however late or often it is received."""
    return tuple(
        _track(cell_us, place, _AS_IT_OCCURS, broken=ONE_32, plain=0)
        for place in _places(cell_us, patterns)
        if patterns[place.pattern].steps[place.step].type is EventType.CLICKED
    )


@dataclass(frozen=True)
class _Place:
    """One step of one pattern, and the path to it."""

    pattern: int
    step: int
    is_last: bool
    weights: tuple[int, int]
    path: Path


def _places(cell_us: int, patterns: Sequence[Pattern]) -> Iterator[_Place]:
    for number, (pattern, weights) in enumerate(_intervals(patterns)):
        for step, path in enumerate(_paths(pattern, number, cell_us)):
            yield _Place(number, step, pattern.is_last, weights, path)


def _intervals(patterns: Sequence[Pattern]) -> Iterator[tuple[Pattern, tuple[int, int]]]:
    """Yield each pattern's interval among the last messages, or among those that are not last."""
    wholes = {is_last: total_weight(patterns, is_last=is_last) for is_last in (False, True)}
    totals = {False: 0, True: 0}
    for pattern in patterns:
        low, whole = totals[pattern.is_last], wholes[pattern.is_last]
        totals[pattern.is_last] = high = low + pattern.weight
        yield pattern, (low * ONE_32 // whole, high * ONE_32 // whole)


def _manners() -> tuple[_Manner, ...]:
    held: list[_Manner] = []
    low = 0.0
    for share, lag in LATE_LAGS:
        held.append(_Manner(_interval(low, low + share), lag))
        low += share
    # A repeated delivery was first delivered on time.
    on_time = _Manner(_interval(low, 1))
    for share, lag in REDELIVERY_LAGS:
        held.append(_Manner(_interval(low, low + share), lag, redelivery=True))
        low += share
    return on_time, *held


def _interval(low: float, high: float) -> tuple[int, int]:
    return round(low * ONE_32), round(high * ONE_32)


def _paths(pattern: Pattern, number: int, cell_us: int) -> Iterator[Path]:
    """Yield the path of each step. Steps share the beginning of their paths."""
    path = Path()
    yield path
    for index, step in enumerate(pattern.steps[1:], start=1):
        delay = _undoable(step.delay, path.most, cell_us, salt=number << 8 | index)
        if isinstance(delay, Shift):
            path = Path((*path.shifts, delay), origin=index)
        else:
            path = Path(path.shifts, path.origin, (*path.jitters, delay))
        yield path


def _track(
    cell_us: int,
    place: _Place,
    manner: _Manner,
    broken: int,
    plain: int,
) -> Track:
    path, lag = place.path, _jitter(manner.lag)
    least, most = path.least + lag.low, path.most + lag.high
    held = None
    if manner.held is not None:
        held = _undoable(manner.held, most, cell_us, salt=1 << 32 | manner.picks[0])
    if isinstance(held, Shift):
        reach = (0, 0)
    else:
        if held is not None:
            least, most = least + held.low, most + held.high
        reach = (least // cell_us, (most + cell_us - 1) // cell_us)
    return Track(
        place.pattern,
        place.step,
        place.is_last,
        place.weights,
        manner.picks,
        broken,
        plain,
        path,
        lag,
        held,
        manner.redelivery,
        reach,
    )


def _undoable(delay: Delay, beyond_us: int, cell_us: int, salt: int) -> Shift | Jitter:
    """Return the delay of an event that occurs up to ``beyond_us`` beyond its cell, in a form that can be undone."""
    jitter = _jitter(delay)
    halves = jitter.span // (2 * cell_us)
    if halves < 1:
        return jitter
    block = 1 << (halves.bit_length() - 1)
    # The distance from any place in the cell, and beyond it, to any place in the new one is at least delay.low, even if
    # the shuffle moves the cell back by block - 1.
    cells = -(-(jitter.low + beyond_us) // cell_us) + block
    return Shift(block, cells, mix64(salt))


def _jitter(delay: Delay) -> Jitter:
    low, high = round(delay.low * MICROSECONDS), round(delay.high * MICROSECONDS)
    return Jitter(low, max(1, high - low))
