"""Types of both listings: the requested window, a position in it, and a page of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A half-open interval ``[from_us, until_us)``.

    As a bound, None means the beginning of time, or the moving present.
    """

    from_us: int | None
    until_us: int | None

    def start(self) -> int:
        """Return the inclusive lower bound."""
        return 0 if self.from_us is None else self.from_us

    def end(self, now_us: int) -> int:
        """Return the exclusive upper bound. No record at or beyond ``now_us`` is ever shown."""
        return now_us if self.until_us is None else min(self.until_us, now_us)


@dataclass(frozen=True, order=True)
class Position:
    """The place of a record in its listing: microseconds since the Unix epoch, then the identifier."""

    us: int
    identifier: str


@dataclass(frozen=True)
class Page:
    """Records as JSON texts, the position of the last one (None: no records), and whether the window continues."""

    records: list[str]
    last: Position | None
    has_more: bool


@dataclass(frozen=True)
class Count:
    """The number of records, and the number of distinct ones."""

    records: int
    distinct: int
