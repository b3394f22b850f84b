"""The report of one stream's comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.errors import FatalError


@dataclass(frozen=True)
class Found:
    """The rows with one kind of difference: their number, and the keys of the first ones, `name=value` in key order.

    Keys with personal data are not shown.
    """

    rows: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """The comparison of one stream: rows of the source and the lake's current rows as of `version`, by key and content.

    `equal` rows are the same on both sides. `changed` rows have another content in the lake. `columns` are the columns
    that differ among the first `looked_at` changed rows, each with its number of rows. `missing` rows are only in the
    source, `extra` rows only in the lake. `doubled` keys stand in more than one row of the source. Not compared are
    `in_flight` keys: those that the next run may land, and those whose row the contract refuses.

    `note` says why nothing was compared, else it is empty. `landed` are the versions that a repair made.
    """

    stream: str
    version: int = 0
    equal: int = 0
    in_flight: int = 0
    changed: Found = field(default_factory=Found)
    missing: Found = field(default_factory=Found)
    extra: Found = field(default_factory=Found)
    doubled: Found = field(default_factory=Found)
    columns: tuple[tuple[str, int], ...] = ()
    looked_at: int = 0
    note: str = ""
    landed: tuple[int, ...] = ()
    seconds: float = 0.0
    finds_deletions: bool = True
    """Whether the stream's contract has deletions landed: then `extra` rows can be mended."""

    @property
    def differs(self) -> bool:
        """Whether source and lake differed."""
        return bool(self.changed.rows or self.missing.rows or self.extra.rows or self.doubled.rows)

    @property
    def remains(self) -> bool:
        """Whether source and lake still differ after the repair."""
        if not self.landed:
            return self.differs
        return bool(self.doubled.rows or (self.extra.rows and not self.finds_deletions))

    @property
    def differences(self) -> tuple[str, ...]:
        """The differences, in words."""
        said = []
        if self.changed.rows:
            columns = ", ".join(name for name, _ in self.columns)
            where = f" in {columns}" if columns else ""
            said.append(f"{_rows(self.changed)} changed{where}{_keys(self.changed)}")
        if self.missing.rows:
            said.append(f"{_rows(self.missing)} missing in the lake{_keys(self.missing)}")
        if self.extra.rows:
            why = "" if self.finds_deletions else ", and `deletes: none` keeps them"
            said.append(f"{_rows(self.extra)} of the lake gone from the source{_keys(self.extra)}{why}")
        if self.doubled.rows:
            said.append(f"{self.doubled.rows:,} keys in more than one row of the source{_keys(self.doubled)}")
        return tuple(said)


class LostUpdatesError(FatalError):
    """Rows at the source differ from the lake's."""


def require_equal(verifications: Sequence[Verification]) -> None:
    """Raise LostUpdatesError, with the repair command, if any stream still differs. It names every such stream."""
    unequal = [item for item in verifications if item.remains]
    if unequal:
        details = "\n".join(f"  {item.stream}: {'; '.join(item.differences)}" for item in unequal)
        raise LostUpdatesError(
            f"the lake differs from the source in {len(unequal)} of {len(verifications)} streams:\n{details}\n",
            stream=unequal[0].stream if len(unequal) == 1 else None,
            hint=way_out(unequal),
        )


def way_out(unequal: Sequence[Verification]) -> str:
    """Return the command that repairs these streams."""
    names = " ".join(item.stream for item in unequal)
    hint = f"Land what differs: `ingest verify {names} --repair`, or the parameter `repair`; the next run loads it."
    kept = [item.stream for item in unequal if item.extra.rows and not item.finds_deletions]
    if kept:
        hint += f" Rows that are gone leave {', '.join(kept)} only where the contract says `deletes: keys`."
    doubled = [item.stream for item in unequal if item.doubled.rows]
    if doubled:
        hint += f" The key of {', '.join(doubled)} does not identify a row: correct the contract or the source."
    return hint


def _rows(found: Found) -> str:
    return f"{found.rows:,} {'row' if found.rows == 1 else 'rows'}"


def _keys(found: Found) -> str:
    if not found.keys:
        return ""
    more = ", ..." if found.rows > len(found.keys) else ""
    return f" ({'; '.join(found.keys)}{more})"
