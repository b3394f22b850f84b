"""A difference between a stream's contract and its source, as results and errors report it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Effect(StrEnum):
    """The effect of a difference on the stream."""

    STOPS = "stops"
    FLOWS = "flows"
    NOTED = "noted"


class DriftKind(StrEnum):
    """The kind of a difference between contract and source."""

    COLUMN_ADDED = "column_added"
    COLUMN_MISSING = "column_missing"
    COLUMN_HIDDEN = "column_hidden"
    TYPE_WIDENED = "type_widened"
    TYPE_CHANGED = "type_changed"
    NULL_ALLOWED = "null_allowed"
    KEY_CHANGED = "key_changed"
    CURSOR_CHANGED = "cursor_changed"
    TABLE_MISSING = "table_missing"
    TABLE_HIDDEN = "table_hidden"
    TABLE_HAS_CHILDREN = "table_has_children"


class SchemaChange(BaseModel):
    """One difference between contract and source.

    `column` is None if the difference is not about a column. `acceptable` says whether `ingest contract accept` can
    update the contract to it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    kind: DriftKind
    column: str | None
    expected: str
    found: str
    effect: Effect
    remark: str = ""
    acceptable: bool = True

    def __str__(self) -> str:
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.subject}: the contract says {self.expected}, the source has {self.found}{remark}"
