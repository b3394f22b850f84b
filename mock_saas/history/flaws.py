"""The records that certainly break the contract, so that each kind of breakage occurs in every history.

Further broken records are drawn at random (`BROKEN_RATE`) among the records first received after them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from mock_saas.history.cells import Occurrence
from mock_saas.history.rendering import NULL, Breakage, Flaw

_OTHERS = [kind for kind in Breakage if kind is not Breakage.NOT_AN_OBJECT]

FLAWS = (NULL, NULL, *(Flaw(kind, variant) for variant in (0, 1) for kind in _OTHERS))
"""Each kind twice. What is not even an object comes first, and as the same four bytes both times: equal records without
a key are the ones that a careless count loses."""

EVERY = 80
"""Of so many records one has a flaw, until all had their turn. A batch of any size is accepted with so few, if no other
record of it is broken: hence none is drawn before."""


@dataclass
class FlawPlan:
    """The flaws of a history's records: the 40th, the 120th, and so on, of the records that arrive once and on time.

    Args:
        occurrences: returns all records received in a cell, in order.
        first_cell: the first cell of history.
    """

    occurrences: Callable[[int], list[Occurrence]]
    first_cell: int

    def __post_init__(self) -> None:
        self._next_cell = self.first_cell
        self._seen = self._given = 0
        self._placed: dict[int, dict[int, Flaw]] = {}
        self._lock = Lock()

    def of_cell(self, number: int) -> dict[int, Flaw]:
        """Return the flaws in a cell, by the index of their record."""
        with self._lock:
            while self._given < len(FLAWS) and self._next_cell <= number:
                self._placed[self._next_cell] = dict(self._place(self._next_cell))
                self._next_cell += 1
        return self._placed.get(number, {})

    def drawn_from(self, number: int) -> int:
        """Return the first cell whose records break the contract at random, as far as it is known when this cell is
        read.
        """
        self.of_cell(number)
        return self._next_cell

    def _place(self, cell: int) -> list[tuple[int, Flaw]]:
        placed: list[tuple[int, Flaw]] = []
        for index, occurrence in enumerate(self.occurrences(cell)):
            if not occurrence.plain or self._given == len(FLAWS):
                continue
            self._seen += 1
            if self._seen % EVERY == EVERY // 2:
                placed.append((index, FLAWS[self._given]))
                self._given += 1
        return placed
