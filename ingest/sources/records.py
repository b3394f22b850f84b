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

_BROKEN = (ValueError, OverflowError, RecursionError)
"""What a record can make of its decoding: malformed or mistyped, a moment outside the years 1 to 9999, nested deep."""

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
        kinds = {name: _kind(field, exact=name in landed_times) for name, field in fields.items()}
        optional = {name for name, field in fields.items() if not field.required}
        names = [column.name for column in self._envelope]
        self._decode = _struct_decoder(contract, kinds, optional=optional, wanted=names)
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
            except _BROKEN as error:
                refused.append(QuarantinedRecord(_reason(error), position, self._loose_key(record), record))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self.schema, strict=True)]
        return Decoded(pa.RecordBatch.from_arrays(arrays, schema=self.schema), refused)

    def _row(self, record: bytes) -> tuple[Any, ...]:
        found = self._decode(record)
        values = {
            column.name: parse(value) for column, parse, value in zip(self._envelope, self._parse, found, strict=True)
        }
        values[PAYLOAD] = record.decode()
        return tuple(values[name] for name in self.schema.names)

    def _loose_key(self, record: bytes) -> str | None:
        """The key's fields as JSON where the record shows them all, for finding it again."""
        try:
            content = msgspec.json.decode(record)
        except _BROKEN:
            return None
        if not isinstance(content, dict) or any(content.get(name) is None for name in self._contract.key):
            return None
        return msgspec.json.encode({name: content[name] for name in self._contract.key}).decode()


class KeyDecoder:
    """Reads the key and the cursor alone, for a pass over all keys, which must not leave any record out."""

    def __init__(self, contract: StreamContract) -> None:
        self._contract = contract
        self._names = [*contract.key, contract.cursor_column.name]
        kinds: dict[str, Any] = dict.fromkeys(contract.key, str) | {contract.cursor_column.name: _ExactTimestamp}
        self._decode = _struct_decoder(contract, kinds, optional=set(), wanted=self._names)
        columns = [contract.column(name) for name in self._names]
        self._schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in columns])

    def table(self, records: list[bytes]) -> pa.Table:
        """Keys and cursors of `records`, sorted by key, each key once (its latest cursor). Raises DataError."""
        latest: dict[tuple[str, ...], datetime] = {}
        for record in records:
            try:
                *values, moment = self._decode(record)
                cursor = _utc(moment)
            except _BROKEN as error:
                raise DataError(
                    f"a record without a readable key cannot be told from a deleted one: {_reason(error)}",
                    stream=self._contract.stream,
                ) from error
            key = tuple(values)
            latest[key] = max(cursor, latest.get(key, cursor))
        rows = [(*key, cursor) for key, cursor in sorted(latest.items())]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self._schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _struct_decoder(
    contract: StreamContract, kinds: dict[str, Any], *, optional: set[str], wanted: list[str]
) -> Callable[[bytes], list[Any]]:
    """A function that checks a record's fields and gives the `wanted` ones; members not in `kinds` are passed over.

    The struct's own attributes are numbered, since a field of JSON may be called what no attribute can.
    """
    names = sorted(kinds, key=lambda name: name in optional)
    attributes = [f"field_{number}" for number in range(len(names))]
    members = [
        (attribute, kinds[name] | None, None) if name in optional else (attribute, kinds[name])
        for attribute, name in zip(attributes, names, strict=True)
    ]
    try:
        struct = msgspec.defstruct(contract.stream, members, rename=dict(zip(attributes, names, strict=True)))
    except ValueError as error:
        raise ContractError(f"a field's name cannot be read from JSON: {error}", stream=contract.stream) from error
    decoder = msgspec.json.Decoder(struct)
    given = [attributes[names.index(name)] for name in wanted]

    def decode(record: bytes) -> list[Any]:
        decoded = decoder.decode(record)
        return [getattr(decoded, attribute) for attribute in given]

    return decode


def _kind(field: RecordField, *, exact: bool) -> Any:
    if field.logical_type not in _TYPES:
        raise ContractError(f"field '{field.name}' has the unknown logicalType '{field.logical_type}'")
    if field.enum:
        return Literal[field.enum]
    return _ExactTimestamp if exact else _TYPES[field.logical_type]


def _as_is(value: Any) -> Any:
    return value


def _utc(value: str) -> datetime:
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
