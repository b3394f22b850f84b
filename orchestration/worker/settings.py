"""The worker's settings in addition to those of ingest: environment variables (or a `.env` file)."""

from __future__ import annotations

from pydantic import Field

from ingest.settings import IngestSettings


class WorkerSettings(IngestSettings):
    """Settings of the agent that lands streams. The settings of its runs are checked before it takes any run."""

    slots: int = Field(default=3, ge=1, validation_alias="INGEST_SLOTS")
    """Streams that one worker lands at once."""
