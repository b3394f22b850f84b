"""SaaS records: each kept to the byte, its envelope typed, checked against the contract's record fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa

from ingest.batch import QuarantinedRecord
from ingest.contracts.model import RecordField, StreamContract
from ingest.contracts.types import Kind
from ingest.errors import ContractError, DataError

PAYLOAD = "payload"

# At most microseconds, which is what a lake timestamp holds: more digits would be rounded.
_ExactTimestamp = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)$")
]
_TYPES: dict[str, Any] = {
    "string": str,
    "timestamp": Annotated[datetime, msgspec.Meta(tz=True)],
    "date": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, msgspec.Raw],
    "array": list[msgspec.Raw],
}


@dataclass(frozen=True)
class Decoded:
    """The records of a page: those that keep the contract as rows, the others as they came."""

    rows: pa.RecordBatch
    refused: list[QuarantinedRecord]


class RecordDecoder:
    """Checks and types the records of one stream. Raises ContractError for a contract it cannot follow."""

    def __init__(self, contract: StreamContract) -> None:
        self._contract = contract
        self._envelope = [column for column in contract.columns if column.name != PAYLOAD]
        fields = {field.name: field for field in contract.record_fields}
        missing = [column.name for column in self._envelope if column.name not in fields]
        if missing:
            raise ContractError(f"column '{missing[0]}' is not among the fields of '{PAYLOAD}'", stream=contract.stream)
        landed_times = {column.name for column in self._envelope if column.landing.kind is Kind.TIMESTAMPTZ}
        members = sorted(
            (_member(field, exact=field.name in landed_times) for field in fields.values()), key=lambda item: len(item)
        )
        self._decoder = msgspec.json.Decoder(msgspec.defstruct(f"Record_{contract.stream}", members))
        self._parse: list[Callable[[Any], Any]] = [
            _utc if column.name in landed_times else _as_is for column in self._envelope
        ]
        self.schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in contract.columns])

    def decode(self, records: list[bytes], *, first_position: int) -> Decoded:
        """Split `records` into rows and refused ones; positions count up from `first_position`."""
        rows: list[tuple[Any, ...]] = []
        refused: list[QuarantinedRecord] = []
        for position, record in enumerate(records, first_position):
            try:
                rows.append(self._row(record))
            except ValueError as error:
                refused.append(QuarantinedRecord(_reason(error), position, self._loose_key(record), record))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self.schema, strict=True)]
        return Decoded(pa.RecordBatch.from_arrays(arrays, schema=self.schema), refused)

    def _row(self, record: bytes) -> tuple[Any, ...]:
        decoded = self._decoder.decode(record)
        values = {
            column.name: parse(getattr(decoded, column.name))
            for column, parse in zip(self._envelope, self._parse, strict=True)
        }
        values[PAYLOAD] = record.decode()
        return tuple(values[name] for name in self.schema.names)

    def _loose_key(self, record: bytes) -> str | None:
        """The key's fields as JSON where the record shows them all, for finding it again."""
        try:
            content = msgspec.json.decode(record)
        except ValueError:
            return None
        if not isinstance(content, dict) or any(content.get(name) is None for name in self._contract.key):
            return None
        return msgspec.json.encode({name: content[name] for name in self._contract.key}).decode()


class KeyDecoder:
    """Reads the key and the cursor alone, for a pass over all keys, which must not leave any record out."""

    def __init__(self, contract: StreamContract) -> None:
        self._contract = contract
        self._names = [*contract.key, contract.cursor_column.name]
        kinds = dict.fromkeys(contract.key, str) | {contract.cursor_column.name: _ExactTimestamp}
        self._decoder = msgspec.json.Decoder(msgspec.defstruct(f"Key_{contract.stream}", list(kinds.items())))
        columns = [contract.column(name) for name in self._names]
        self._schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in columns])

    def table(self, records: list[bytes]) -> pa.Table:
        """Keys and cursors of `records`, sorted by key, each key once (its latest cursor). Raises DataError."""
        latest: dict[tuple[str, ...], datetime] = {}
        for record in records:
            try:
                decoded = self._decoder.decode(record)
                cursor = _utc(getattr(decoded, self._names[-1]))
            except ValueError as error:
                raise DataError(
                    f"a record without a readable key cannot be told from a deleted one: {_reason(error)}",
                    stream=self._contract.stream,
                ) from error
            key = tuple(getattr(decoded, name) for name in self._contract.key)
            latest[key] = max(cursor, latest.get(key, cursor))
        rows = [(*key, cursor) for key, cursor in sorted(latest.items())]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self._schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _member(field: RecordField, *, exact: bool) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.logical_type not in _TYPES:
        raise ContractError(f"field '{field.name}' has the unknown logicalType '{field.logical_type}'")
    kind: Any = _ExactTimestamp if exact else _TYPES[field.logical_type]
    if field.enum:
        kind = Literal[field.enum]
    return (field.name, kind) if field.required else (field.name, kind | None, None)


def _as_is(value: Any) -> Any:
    return value


def _utc(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


def _reason(error: ValueError) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
