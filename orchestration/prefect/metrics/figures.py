"""What is known of the platform, and as of when. Each source replaces its own part as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from orchestration.ops.latest import LatestRun


class Origin(StrEnum):
    """Where figures are read."""

    PREFECT = "prefect"
    LAKE = "lake"
    RECORD = "record"


@dataclass(frozen=True)
class StreamFigures:
    """A stream by its log. `rows` and `refused` were committed since the agent began to look.

    `stands_at` is the source's present where that stands still (BUSINESS_NOW); None: the clock's. `allowed` is None
    where the stream's age is not judged.
    """

    stream: str
    version: int
    rows: int
    refused: int
    watermark: datetime | None
    read_until: datetime | None
    allowed: timedelta | None
    stands_at: datetime | None


@dataclass(frozen=True)
class LakeFigures:
    """All streams whose logs are sound, and the names of the others."""

    streams: tuple[StreamFigures, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class RunCounts:
    """Flow runs by flow and state."""

    by_flow: Mapping[str, Mapping[str, int]]


@dataclass
class Figures:
    """All that was read last. Written by one task, read by scrapes: each field is replaced at once."""

    runs: RunCounts | None = None
    lake: LakeFigures | None = None
    latest: LatestRun | None = None
    read_at: dict[Origin, datetime] = field(default_factory=dict)
    """When each source was last read with success."""
    is_read: dict[Origin, bool] = field(default_factory=dict)
    """Whether the last try of each source succeeded."""
