"""How old a stream is: the age of its watermark, against what its contract allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.contracts.model import Mode, StreamContract
from ingest.lake.commit import watermark_of
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore


@dataclass(frozen=True)
class Freshness:
    """One stream's age. It is judged where it has a watermark, or should have, and somebody says what is allowed."""

    stream: str
    watermark: datetime | None
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
        return f"{self.stream} is {self.age_text} old, and may be {self.allowed_text}"


def freshness_of(
    store: ObjectStore, contract: StreamContract, *, now: datetime, default: timedelta | None
) -> Freshness:
    """A stream's age at `now`; `default` is what is allowed where its contract does not say.

    A stream that is landed whole has no watermark, and is committed only where it has changed: it cannot be too old.
    """
    head = CommitLog(store, contract.stream).head()
    allowed = contract.freshness or default
    if head is None:
        return Freshness(contract.stream, None, None, allowed, judged=allowed is not None, note="never landed")
    if contract.spec.mode is Mode.SNAPSHOT:
        note = f"landed whole; unchanged since {head.committed_at:%Y-%m-%d %H:%M:%S}"
        return Freshness(contract.stream, None, None, allowed, judged=False, note=note)
    watermark = watermark_of(head)
    age = now - watermark if watermark else None
    return Freshness(contract.stream, watermark, age, allowed, judged=allowed is not None)


def _text(duration: timedelta | None) -> str:
    if duration is None:
        return ""
    minutes = max(0, round(duration.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts[: 2 if days else 3])) or "0 min"
