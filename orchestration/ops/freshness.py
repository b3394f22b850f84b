"""Freshness of a stream: the moment up to which its source was last read, against its contract's limit.

A watermark moves only when rows arrive. Every run reads a quiet table too, so it is as fresh as the last run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from ingest.contracts.model import Mode, Source, StreamContract
from ingest.lake.commit import Commit
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import read_until
from orchestration.settings import OrchestrationSettings


@dataclass(frozen=True)
class Freshness:
    """The age of one stream, whose source was read up to `read_until`. It is judged only if an age is allowed."""

    stream: str
    read_until: datetime | None
    age: timedelta | None
    allowed: timedelta | None
    judged: bool
    note: str = ""

    @classmethod
    def of(
        cls,
        contract: StreamContract,
        read_until: datetime | None,
        *,
        now: datetime,
        default: timedelta | None = None,
        note: str = "",
        unknown: bool = False,
    ) -> Self:
        """Return the age at `now`, the source's present. It is not judged if it is `unknown` or no age is allowed."""
        allowed = contract.freshness or default
        age = now - read_until if read_until else None
        return cls(contract.stream, read_until, age, allowed, judged=allowed is not None and not unknown, note=note)

    def fresh_until(self, at: datetime) -> datetime | None:
        """Return when the stream becomes stale if its source is not read again; None if its age is not judged.

        `at` is the moment of its age. The result is a time of the real clock, even if the source's own clock stands
        still.
        """
        if not self.judged or self.allowed is None or self.age is None:
            return None
        return at + (self.allowed - self.age)

    @property
    def stale(self) -> bool:
        """Whether the stream is older than allowed, or was never landed."""
        return self.judged and self.allowed is not None and (self.age is None or self.age > self.allowed)

    @property
    def age_text(self) -> str:
        """The age as a text such as `3 d 4 h`."""
        return _text(self.age)

    @property
    def allowed_text(self) -> str:
        """The allowed age as a text such as `1 d`."""
        return _text(self.allowed)

    def __str__(self) -> str:
        if self.age is None:
            return f"{self.stream} was never landed"
        return f"{self.stream} was last read {self.age_text} ago, and may be {self.allowed_text}"


def freshness_of(
    store: ObjectStore, contract: StreamContract, *, now: datetime, default: timedelta | None
) -> Freshness:
    """Return a stream's age at `now`. `default` is the allowed age if its contract states none.

    A snapshot stream of an older release, which left no mark, has no age and is not judged.
    """
    return freshness_at(store, contract, CommitLog(store, contract.stream).head(), now=now, default=default)


def freshness_at(
    store: ObjectStore, contract: StreamContract, head: Commit | None, *, now: datetime, default: timedelta | None
) -> Freshness:
    """Return a stream's age at `now`, like `freshness_of`, for a log whose newest commit is `head`."""
    until = read_until(store, contract, head)
    note = ""
    if head is None:
        note = "there was no row yet" if until else "never landed"
    elif contract.spec.mode is Mode.SNAPSHOT:
        note = f"landed whole; unchanged since {head.committed_at:%Y-%m-%d %H:%M:%S}"
    unknown = until is None and head is not None and contract.spec.mode is Mode.SNAPSHOT
    return Freshness.of(contract, until, now=now, default=default, note=note, unknown=unknown)


def present_of(contract: StreamContract, settings: OrchestrationSettings, now: datetime | None = None) -> datetime:
    """Return the present of the stream's source: BUSINESS_NOW for a provider, the real clock for a database."""
    stands = settings.business_now if contract.spec.source is Source.SAAS else None
    return stands or now or datetime.now(UTC)


def _text(duration: timedelta | None) -> str:
    if duration is None:
        return ""
    minutes = max(0, round(duration.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts[: 2 if days else 3])) or "0 min"
