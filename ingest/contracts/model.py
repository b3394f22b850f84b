"""A stream's data contract, as every program here uses it. `parse` makes it from a file.

Properties that the Open Data Contract Standard lacks stand in `customProperties` of the one schema object. `StreamSpec`
below lists all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from ingest.contracts.types import LandingType, SourceType
from ingest.errors import ContractError

META_COLUMNS = ("_batch_id", "_log_version", "_row_number", "_extracted_at")
"""Columns that the platform adds to every file; no source column may be called so."""


class Source(StrEnum):
    """The kind of a stream's source."""

    POSTGRES = "postgres"
    SAAS = "saas"


class Mode(StrEnum):
    """The mode of reading: by windows of the cursor, or the whole table in each run."""

    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"


class Clock(StrEnum):
    """The clock that sets the cursor. A database's `now()` needs no allowed lateness, a client's clock does."""

    DATABASE = "database"
    CLIENT = "client"
    PROVIDER = "provider"


class Deletes(StrEnum):
    """How deletions are found: by a pass over all keys, or not at all (append-only and snapshot streams)."""

    KEYS = "keys"
    NONE = "none"


class ChildTables(StrEnum):
    """Whether rows of tables that inherit from the stream's table are landed with it. Partitions always are."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class StreamSpec(BaseModel):
    """The custom properties of a contract's schema object (camelCase in the file)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    source: Source
    prefix: Literal["events", "inventory"]
    mode: Mode
    cursor: str | None = None
    cursor_clock: Clock = Clock.DATABASE
    allowed_lateness: timedelta = Field(default=timedelta(0), ge=timedelta(0))
    deletes: Deletes = Deletes.NONE
    max_quarantine_ratio: float = Field(default=0.0, ge=0, le=1)
    quarantine_allowance: int = Field(default=0, ge=0)
    cursor_enforced: bool = True
    likely_cursor: str | None = None
    excluded_columns: tuple[str, ...] = ()
    key_enforced: bool = True
    child_tables: ChildTables | None = None
    cursor_zone: str | None = Field(default=None, pattern=r"^(UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$")

    @property
    def may_refuse_records(self) -> bool:
        """Whether a batch can be landed without some of its records."""
        return self.max_quarantine_ratio > 0 or self.quarantine_allowance > 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mode is Mode.INCREMENTAL) != (self.cursor is not None):
            raise ValueError("mode 'incremental' needs a cursor, and mode 'snapshot' takes none")
        if self.cursor_clock is Clock.CLIENT and not self.allowed_lateness:
            raise ValueError("cursorClock 'client' needs an allowedLateness, such as PT1H")
        if self.mode is Mode.SNAPSHOT and self.deletes is Deletes.KEYS:
            raise ValueError("a snapshot shows deletions by itself: deletes must be 'none'")
        if self.cursor_zone is not None and self.cursor is None:
            raise ValueError("cursorZone is the zone of a cursor, and there is none")
        if self.child_tables is ChildTables.INCLUDE and self.mode is not Mode.SNAPSHOT:
            raise ValueError("childTables 'include' needs mode 'snapshot': no trigger moves a child's cursor")
        if self.source is Source.SAAS and self.mode is not Mode.INCREMENTAL:
            raise ValueError("a saas stream is read by its cursor: mode must be 'incremental'")
        return self


@dataclass(frozen=True)
class Column:
    """One landed column. `source_type` is the source's own type name, `landing` the type in Parquet."""

    name: str
    source_type: str
    landing: LandingType
    required: bool
    key_position: int | None
    pii: bool
    description: str


@dataclass(frozen=True)
class RecordField:
    """One field that a SaaS record must have. `enum` is empty if any value is allowed.

    `landing` is the type that staging reads the field as, if the contract gives a `physicalType`; the value must fit
    it. `fields` are the fields of an object. `items` is the logical type of an array's elements, empty if any is
    allowed.
    """

    name: str
    logical_type: str
    required: bool
    enum: tuple[str, ...]
    landing: LandingType | None = None
    fields: tuple[RecordField, ...] = ()
    items: str = ""


@dataclass(frozen=True)
class StreamContract:
    """The data contract of one stream: source, columns, key, cursor and mode, as ingest, loaders, dbt and the docs use
    it.
    """

    stream: str
    version: str
    sha256: str
    title: str
    description: str
    grain: str
    source_object: str
    spec: StreamSpec
    columns: tuple[Column, ...]
    record_fields: tuple[RecordField, ...]
    freshness: timedelta | None

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the primary key's columns, in key order. Empty for a snapshot stream whose rows have no key."""
        keyed = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(keyed, key=lambda column: column.key_position or 0))

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The primary key's columns, in key order."""
        return tuple(self.column(name) for name in self.key)

    @property
    def cursor_column(self) -> Column:
        """The cursor's column. Raises ContractError for a snapshot stream."""
        if self.spec.cursor is None:
            raise ContractError("this stream is landed whole and has no cursor", stream=self.stream)
        return self.column(self.spec.cursor)

    @property
    def cursor_rounding(self) -> timedelta:
        """The precision of the cursor: a stored cursor may lie this far below the moment written, 1 s for
        `timestamptz(0)`.
        """
        digits = SourceType.parse(self.cursor_column.source_type).args
        return timedelta(seconds=0.5 / 10 ** int(digits[0])) if digits and int(digits[0]) < 6 else timedelta(0)

    @property
    def lands_keys(self) -> bool:
        """Whether deletions are found by a keys pass."""
        return self.spec.deletes is Deletes.KEYS

    def column(self, name: str) -> Column:
        """Return the column called `name`. Raises ContractError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"there is no column '{name}' in the contract", stream=self.stream)
