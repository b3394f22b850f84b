"""Freshness of a stream: up to when its source was last read, against its contract's limit.

A watermark moves only where rows come. A quiet table is read by every run all the same, and as fresh as the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.contracts.model import Mode, StreamContract
from ingest.lake.log import CommitLog
from ingest.lake.read_mark import read_until
from ingest.lake.store import ObjectStore


@dataclass(frozen=True)
class Freshness:
    """One stream's age: its source was read up to `read_until`. It is judged only if an age is allowed."""

    stream: str
    read_until: datetime | None
    age: timedelta | None
    allowed: timedelta | None
    judged: bool
    note: str = ""

    @property
    def stale(self) -> bool:
        """Whether it is older than allowed, or was never landed."""
        return self.judged and self.allowed is not None and (self.age is None or self.age > self.allowed)

    @property
    def age_text(self) -> str:
        """Such as `3 d 4 h`."""
        return _text(self.age)

    @property
    def allowed_text(self) -> str:
        """Such as `1 d`."""
        return _text(self.allowed)

    def __str__(self) -> str:
        if self.age is None:
            return f"{self.stream} was never landed"
        return f"{self.stream} was last read {self.age_text} ago, and may be {self.allowed_text}"


def freshness_of(
    store: ObjectStore, contract: StreamContract, *, now: datetime, default: timedelta | None
) -> Freshness:
    """A stream's age at `now`; `default` is allowed if its contract states none.

    A stream that was landed whole by a release that left no mark of it has no age, and is not judged.
    """
    head = CommitLog(store, contract.stream).head()
    allowed = contract.freshness or default
    until = read_until(store, contract, head)
    note = ""
    if head is None:
        note = "there was no row yet" if until else "never landed"
    elif contract.spec.mode is Mode.SNAPSHOT:
        note = f"landed whole; unchanged since {head.committed_at:%Y-%m-%d %H:%M:%S}"
    unknown = until is None and head is not None and contract.spec.mode is Mode.SNAPSHOT
    judged = allowed is not None and not unknown
    return Freshness(contract.stream, until, now - until if until else None, allowed, judged=judged, note=note)


def _text(duration: timedelta | None) -> str:
    if duration is None:
        return ""
    minutes = max(0, round(duration.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts[: 2 if days else 3])) or "0 min"
