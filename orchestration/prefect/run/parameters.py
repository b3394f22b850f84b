"""The parameters of a run of the flow."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ingest.errors import ConfigurationError, first_problem
from ingest.run.window import Bounds, window


class RunParameters(BaseModel):
    """The flow's parameters. `streams` empty means all; a time without a zone is UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    streams: tuple[str, ...] = ()
    full_refresh: bool = False
    backfill_from: str | datetime | None = None
    backfill_to: str | datetime | None = None
    skip_ingest: bool = False
    skip_load: bool = False
    skip_dbt: bool = False
    skip_publish: bool = False
    keys: bool = True

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

    @classmethod
    def of(cls, **given: object) -> RunParameters:
        """Parameters as they were given. Raises ConfigurationError saying which one is wrong."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(f"bad parameters: {first_problem(error)}") from error
