"""The listing of events: every record of the feed that is visible now, in the order of receipt."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mock_saas.history.cells import RECORDS_PER_CELL, CellFactory, Occurrence
from mock_saas.history.flaws import FlawPlan
from mock_saas.history.randomness import MASK_64, SPACE_VISIBILITY, Randomness, scale
from mock_saas.history.rendering import Renderer
from mock_saas.timestamps import DAY_US, MICROSECONDS
from mock_saas.windows import Count, Page, Position, Window

_CACHED_RECORDS = 96_000


@dataclass(frozen=True)
class _Cell:
    number: int
    cell_us: int
    occurrences: list[Occurrence]
    renderer: Renderer
    flaws: FlawPlan | None

    @cached_property
    def texts(self) -> list[str]:
        if self.flaws is None:
            return [self.renderer.render(occurrence) for occurrence in self.occurrences]
        flaws, drawn_us = self.flaws.of_cell(self.number), self.flaws.drawn_from(self.number) * self.cell_us
        # Decided by the first receipt of an event, so that each repetition is equal.
        return [
            self.renderer.render(occurrence, flaws.get(n), drawn=occurrence.first_us >= drawn_us)
            for n, occurrence in enumerate(self.occurrences)
        ]


@dataclass(frozen=True)
class _Slice:
    """Part of a cell: the records at ``indexes``."""

    cell: _Cell
    indexes: range


class EventList:
    """The feed from ``epoch_us`` on.

    Args:
        settling_seconds: a record becomes visible up to this long after its received_at, half of them at once. After
            that time it never changes and no new record appears before it.
        flawed: whether some of the first records certainly break the contract, in every way.
    """

    def __init__(
        self,
        cells: CellFactory,
        renderer: Renderer,
        randomness: Randomness,
        *,
        epoch_us: int,
        events_per_day: int,
        settling_seconds: float,
        flawed: bool,
    ) -> None:
        self._cells = cells
        self._renderer = renderer
        self._randomness = randomness
        self._epoch_us = epoch_us
        self._settling_us = round(settling_seconds * MICROSECONDS)
        records_per_cell = min(RECORDS_PER_CELL, 1 + events_per_day * cells.cell_us // DAY_US)
        first_cell = epoch_us // cells.cell_us
        self._flaws = FlawPlan(lambda number: self._cell(number).occurrences, first_cell) if flawed else None
        self._cell = lru_cache(_CACHED_RECORDS // records_per_cell)(self._make_cell)

    def page(self, window: Window, after: Position | None, limit: int, now_us: int) -> Page:
        """Return up to ``limit`` records received within the window and visible now, after the position ``after``."""
        texts: list[str] = []
        last: Occurrence | None = None
        for piece in self._slices(window, after, now_us):
            for index in self._visible(piece, now_us):
                if len(texts) == limit:
                    return Page(texts, _position(last), has_more=True)
                texts.append(piece.cell.texts[index])
                last = piece.cell.occurrences[index]
        return Page(texts, _position(last), has_more=False)

    def counting(self, window: Window, now_us: int) -> Iterator[Count]:
        """Yield the growing numbers of records and of distinct records of a walk now, cell by cell, up to the final
        numbers.
        """
        records = repeated = 0
        for piece in self._slices(window, None, now_us):
            for index in self._visible(piece, now_us):
                records += 1
                occurrence = piece.cell.occurrences[index]
                first_us = occurrence.first_us
                if first_us != occurrence.received_us and first_us >= window.start():
                    repeated += self._is_visible(occurrence.event, first_us, now_us)
            yield Count(records, records - repeated)

    def _slices(self, window: Window, after: Position | None, now_us: int) -> Iterator[_Slice]:
        start_us, end_us = max(window.start(), self._epoch_us), window.end(now_us)
        first = (start_us, 0)
        if after is not None:
            first = max(first, (after.us, int(after.identifier, 16) + 1))
        for number in range(first[0] // self._cells.cell_us, -(-end_us // self._cells.cell_us)):
            cell = self._cell(number)
            low, high = bisect_left(cell.occurrences, first), bisect_left(cell.occurrences, (end_us,))
            yield _Slice(cell, range(low, high))

    def _visible(self, piece: _Slice, now_us: int) -> range | list[int]:
        occurrences, indexes = piece.cell.occurrences, piece.indexes
        if not indexes or occurrences[indexes[-1]].received_us <= now_us - self._settling_us:
            return indexes
        return [
            index
            for index in indexes
            if self._is_visible(occurrences[index].event, occurrences[index].received_us, now_us)
        ]

    def _is_visible(self, event: int, received_us: int, now_us: int) -> bool:
        if received_us + self._settling_us <= now_us:
            return True
        word = self._randomness.word(SPACE_VISIBILITY, (event ^ received_us) & MASK_64) >> 32
        delay = max(0, scale(word, 2 * self._settling_us) - self._settling_us)
        return received_us + delay <= now_us

    def _make_cell(self, number: int) -> _Cell:
        return _Cell(number, self._cells.cell_us, self._cells.occurrences(number), self._renderer, self._flaws)


def _position(occurrence: Occurrence | None) -> Position | None:
    return Position(occurrence.received_us, f"{occurrence.event:016x}") if occurrence else None
