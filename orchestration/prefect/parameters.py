"""What a run of the flow can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from ingest.errors import ConfigurationError


class RunParameters(BaseModel):
    """The flow's parameters. `streams` empty means all; a time without a zone is UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    streams: tuple[str, ...] = ()
    full_refresh: bool = False
    backfill_from: datetime | None = None
    backfill_to: datetime | None = None
    skip_ingest: bool = False
    skip_load: bool = False
    skip_dbt: bool = False
    skip_publish: bool = False
    keys: bool = True

    @field_validator("backfill_from", "backfill_to")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.backfill_from is None) != (self.backfill_to is None):
            raise ValueError("a backfill needs both backfill_from and backfill_to")
        if self.backfill_from and self.backfill_to:
            if self.backfill_from >= self.backfill_to:
                raise ValueError("backfill_from must be before backfill_to")
            if not self.streams:
                raise ValueError("a backfill needs its streams named: not every stream has the window's cursor")
            if self.skip_ingest:
                raise ValueError("a backfill is an ingestion: it cannot go with skip_ingest")
        return self

    @property
    def backfill(self) -> tuple[datetime, datetime] | None:
        """The window `[from, to)` of cursors to land again, if one was asked for."""
        if self.backfill_from is None or self.backfill_to is None:
            return None
        return self.backfill_from, self.backfill_to

    @classmethod
    def of(cls, **given: object) -> RunParameters:
        """Parameters as they were given. Raises ConfigurationError saying which one is wrong."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            text = str(problem["msg"]).removeprefix("Value error, ")
            raise ConfigurationError(f"bad parameters: {f'{place}: ' if place else ''}{text}") from error
