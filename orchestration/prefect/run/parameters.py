"""The parameters of a run of the flow: the one place that names, describes and checks them.

The flow's signature, its command line and the forms of its deployments are made from this model.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingest.errors import ConfigurationError, first_problem
from ingest.run.window import Bounds, window


class RunParameters(BaseModel):
    """The flow's parameters. An empty `streams` means all streams; a time without a zone is UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    streams: list[str] = Field(
        [],
        title="Streams",
        description="The streams to ingest and load; all if none is chosen.",
    )
    full_refresh: bool = Field(
        False, title="Full refresh", description="Build incremental models anew, from all that is in RAW."
    )
    backfill_from: str | datetime | None = Field(
        None,
        title="From",
        description="Land this window of the streams' cursors again, and only that: its first moment. "
        "UTC without a zone.",
    )
    backfill_to: str | datetime | None = Field(
        None, title="To", description="The end of the window, no longer within it. UTC without a zone."
    )
    skip_ingest: bool = Field(False, title="Skip ingest", description="Load the data in the lake.")
    skip_load: bool = Field(False, title="Skip load", description="Build from the data in RAW.")
    skip_dbt: bool = Field(
        False, title="Skip dbt", description="Leave the models as they are; nothing is published then."
    )
    skip_publish: bool = Field(
        False, title="Skip publish", description="Publish nothing; readers keep the last publication."
    )
    keys: bool = Field(
        True,
        title="Look for deletions",
        description="Read all keys at the source, and build and test everything. Without, keys are read where that was "
        "last done COMPARE_EVERY_HOURS ago, and dbt builds what depends on what is new: nothing, where nothing is.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.backfill is not None:
            if not self.streams:
                raise ValueError("a backfill needs its streams named: not every stream has the window's cursor")
            if self.skip_ingest:
                raise ValueError("a backfill is an ingestion: it cannot go with skip_ingest")
        return self

    @property
    def backfill(self) -> Bounds | None:
        """The window `[from, to)` of cursors to land again, if one was asked for. Raises ConfigurationError."""
        return window(self.backfill_from, self.backfill_to)

    @property
    def builds_what_is_new(self) -> bool:
        """Whether dbt may leave out nodes whose result would not change. Other runs build and check everything."""
        asked = self.keys or self.full_refresh or self.backfill is not None
        return not (asked or self.skip_load or self.skip_dbt or self.skip_publish)

    @classmethod
    def of(cls, **given: object) -> RunParameters:
        """Return the parameters as given. Raises ConfigurationError that names the first wrong one."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(f"bad parameters: {first_problem(error)}") from error
