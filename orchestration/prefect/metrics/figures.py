"""The known state of the platform, and the time of each part. Each source replaces its own part as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from orchestration.ops.latest import LatestRun


class Origin(StrEnum):
    """The sources of the figures."""

    PREFECT = "prefect"
    LAKE = "lake"
    RECORD = "record"


@dataclass(frozen=True)
class StreamFigures:
    """The state of a stream by its log. `rows` and `refused` were committed since the agent began to watch.

    `stands_at` is the source's present if its clock stands still (BUSINESS_NOW), None for the real clock. `allowed` is
    None if the stream's age is not judged.
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
    """The figures of all streams with a sound log, and the names of the damaged streams."""

    streams: tuple[StreamFigures, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class RunCounts:
    """The numbers of flow runs by flow and state."""

    by_flow: Mapping[str, Mapping[str, int]]


@dataclass
class Figures:
    """The figures read last. One task writes them and scrapes read them, so each field is replaced as a whole."""

    runs: RunCounts | None = None
    lake: LakeFigures | None = None
    latest: LatestRun | None = None
    read_at: dict[Origin, datetime] = field(default_factory=dict)
    """When each source was last read with success."""
    is_read: dict[Origin, bool] = field(default_factory=dict)
    """Whether the last try of each source succeeded."""
