"""SaaS records: each kept byte for byte, its envelope typed, and checked against the contract's record fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from ingest import moments
from ingest.contracts.model import RecordField, StreamContract
from ingest.contracts.types import Kind
from ingest.errors import ContractError, DataError
from ingest.lake.batch import QuarantinedRecord
from ingest.lake.commit import EVER, Window
from ingest.sources.api import json_scanner
from ingest.sources.api.record_fields import shape

Record = bytes | msgspec.Raw
"""A record to the byte. As part of a page it is a view, which costs no copy and keeps the whole page."""

PAYLOAD = "payload"
DEEPEST = 500
"""Levels of arrays and objects in a record that every reader behind the border takes."""

_SHALLOW = 2 * DEEPEST
"""Bytes that are too few for more levels, each of which takes two brackets."""

_BROKEN = (ValueError, OverflowError, RecursionError)
"""What a record can make of its decoding: malformed or mistyped, a number that no type holds, nested deep."""


@dataclass(frozen=True)
class Decoded:
    """The records of a page: those that keep the contract as rows, the others unchanged.

    `first_cursor` and `greatest_cursor` are taken over all records that show a cursor within the window, refused ones
    too.
    """

    rows: pa.RecordBatch
    refused: list[QuarantinedRecord]
    first_cursor: datetime | None
    greatest_cursor: datetime | None


class RecordDecoder:
    """Checks and types the records of one stream. Raises ContractError for a contract that it cannot follow."""

    def __init__(self, contract: StreamContract) -> None:
        self._contract = contract
        self._envelope = [column for column in contract.columns if column.name != PAYLOAD]
        fields = {field.name: field for field in contract.record_fields}
        missing = [column.name for column in self._envelope if column.name not in fields]
        if missing:
            raise ContractError(f"column '{missing[0]}' is not among the fields of '{PAYLOAD}'", stream=contract.stream)
        # Moments that stay in the payload are checked too, because staging must be able to read them.
        times = [name for name, field in fields.items() if field.logical_type == "timestamp"]
        landed = [column.name for column in self._envelope]
        self._wanted = landed + [name for name in times if name not in landed]
        self._times = frozenset(times)
        self._landed_times = {column.name for column in self._envelope if column.landing.kind is Kind.TIMESTAMPTZ}
        if mistyped := self._landed_times - self._times:
            raise ContractError(
                f"column '{min(mistyped)}' is a timestamptz, its field in '{PAYLOAD}' no timestamp",
                stream=contract.stream,
                hint="Give the field `logicalType: timestamp`.",
            )
        self._read = _reader(contract.stream, contract.record_fields, wanted=self._wanted)
        # Moments are checked as columns, which is faster than a pattern for each of them.
        untimed = [replace(field, logical_type="string") if field.name in times else field for field in fields.values()]
        self._read_page = _page_reader(contract.stream, untimed, wanted=self._wanted)
        self.schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in contract.columns])
        self._cursor = contract.cursor_column.name
        self._cursor_index = self.schema.names.index(self._cursor)

    def decode(self, records: Sequence[Record], *, first_position: int, window: Window = EVER) -> Decoded:
        """Split the `records` of a page of `window` into rows and refused records. Positions count up from
        `first_position`.

        A page without a fault is decoded at once, any other page record by record, with the same result.
        """
        try:
            rows = self._whole_page(records)
        except _BROKEN:
            return self._one_by_one(records, first_position, window)
        first, greatest = pc.min_max(rows[self._cursor]).as_py().values()
        places = _Places(window)
        for cursor in (first, greatest):
            if cursor is not None:
                places.pass_by(cursor)
        return Decoded(rows, [], places.first, places.greatest)

    def _whole_page(self, records: Sequence[Record]) -> pa.RecordBatch:
        """Return all records as rows. Raises one of _BROKEN if any of them may be bad."""
        lengths = list(map(len, records))
        if max(lengths, default=0) > _SHALLOW and any(map(_is_too_deep, map(bytes, records))):
            raise ValueError("a record is nested too deeply")
        found = dict(zip(self._wanted, self._read_page(records), strict=True))
        read = {name: moments.utc_column(found[name]) for name in self._times}
        arrays = {
            column.name: read[column.name]
            if column.name in self._landed_times
            else pa.array(found[column.name], type=column.landing.arrow)
            for column in self._envelope
        }
        arrays[PAYLOAD] = _texts(records, lengths)
        return pa.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema)

    def _one_by_one(self, records: Sequence[Record], first_position: int, window: Window) -> Decoded:
        rows: list[tuple[Any, ...]] = []
        places = _Places(window)
        for position, record in enumerate(map(bytes, records), first_position):
            try:
                rows.append(self._row(record))
                places.pass_by(rows[-1][self._cursor_index])
            except _BROKEN as error:
                broken = QuarantinedRecord(_reason(error), position, self._loose_key(record), record)
                places.add(broken, self._loose_cursor(record))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self.schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return Decoded(batch, places.refused, places.first, places.greatest)

    def _row(self, record: bytes) -> tuple[Any, ...]:
        if _is_too_deep(record):
            raise ValueError(f"nested too deeply: more than {DEEPEST} levels")
        values = dict(zip(self._wanted, self._read(record), strict=True))
        moments_read = {name: _utc(name, values[name]) for name in self._times if values[name] is not None}
        values |= {name: moment for name, moment in moments_read.items() if name in self._landed_times}
        values[PAYLOAD] = record.decode()
        return tuple(values[name] for name in self.schema.names)

    def _loose_key(self, record: bytes) -> str | None:
        """Return the key's fields as JSON, by which the record is found again; None if the record does not show them
        all.
        """
        content = _shown(record, self._contract.key)
        return msgspec.json.encode(content).decode() if content else None

    def _loose_cursor(self, record: bytes) -> datetime | None:
        try:
            return moments.utc(msgspec.convert((_shown(record, [self._cursor]) or {}).get(self._cursor), str))
        except _BROKEN:
            return None


class _Places:
    """The refused records of a page of `window`, each with the readable cursors between which it stands.

    A cursor outside the window is ignored, because it shows nothing of the order in which the records came.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self.refused: list[QuarantinedRecord] = []
        self.first: datetime | None = None
        self.greatest: datetime | None = None
        self._open = 0

    def pass_by(self, cursor: datetime) -> None:
        """Note a readable cursor. It ends the places of the refused records before it."""
        if not self._window.holds(cursor):
            return
        for at in range(len(self.refused) - self._open, len(self.refused)):
            self.refused[at] = replace(self.refused[at], cursor_before=cursor)
        self._open = 0
        self.first = self.first or cursor
        self.greatest = max(cursor, self.greatest or cursor)

    def add(self, record: QuarantinedRecord, cursor: datetime | None) -> None:
        """Add a refused record, which may show a readable `cursor` itself."""
        if cursor is not None and self._window.holds(cursor):
            self.pass_by(cursor)
            self.refused.append(replace(record, cursor_after=cursor, cursor_before=cursor))
        else:
            self.refused.append(replace(record, cursor_after=self.greatest))
            self._open += 1


class UnreadableKeyError(DataError):
    """A record has no readable key, so the set of keys that still exist is unknown."""


class KeyDecoder:
    """Decodes only key and cursor, for a pass over all keys, which must not leave out any record."""

    def __init__(self, contract: StreamContract) -> None:
        self._contract = contract
        self._names = [*contract.key, contract.cursor_column.name]
        fields = [RecordField(name, "string", required=True, enum=()) for name in contract.key]
        fields.append(RecordField(contract.cursor_column.name, "timestamp", required=True, enum=()))
        self._read = _reader(contract.stream, fields, wanted=self._names)
        columns = [contract.column(name) for name in self._names]
        self._schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in columns])

    def table(self, records: Sequence[Record]) -> pa.Table:
        """Return keys and cursors of `records`, sorted by key. Each key appears once, with its latest cursor.

        Raises UnreadableKeyError.
        """
        latest: dict[tuple[str, ...], datetime] = {}
        for record in map(bytes, records):
            try:
                *values, moment = self._values(record)
                cursor = moments.utc(moment)
            except _BROKEN as error:
                raise UnreadableKeyError(
                    f"a record without a readable key cannot be distinguished from a deleted one: {_reason(error)}",
                    stream=self._contract.stream,
                ) from error
            key = tuple(values)
            latest[key] = max(cursor, latest.get(key, cursor))
        rows = [(*key, cursor) for key, cursor in sorted(latest.items())]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, self._schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _values(self, record: bytes) -> list[Any]:
        try:
            return self._read(record)
        except _BROKEN:
            shown = _shown(record, self._names)
            if shown is None or not all(isinstance(value, str) for value in shown.values()):
                raise
            return list(shown.values())


def _reader(stream: str, fields: Sequence[RecordField], *, wanted: list[str]) -> Callable[[bytes], list[Any]]:
    """Return a function that checks a record's fields and returns the `wanted` ones, None for a missing field."""
    of = shape(stream, fields)
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(of.struct)
    given = [attrgetter(of.attributes[name]) for name in wanted]

    def read(record: bytes) -> list[Any]:
        decoded = decoder.decode(record)
        if not of.each_given_once(record, [decoded]) and (path := of.given_twice(record)):
            raise ValueError(f"given more than once - at `$.{path}`")
        return [_or_none(get(decoded)) for get in given]

    return read


def _page_reader(
    stream: str, fields: Sequence[RecordField], *, wanted: list[str]
) -> Callable[[Sequence[Record]], list[list[Any]]]:
    """Return a function that does the same for many records, and returns a list of values for each `wanted` field."""
    of = shape(stream, fields)
    decoder = msgspec.json.Decoder(list[of.struct])  # type: ignore[name-defined]
    given = [(attrgetter(of.attributes[name]), name) for name in wanted]
    required = {field.name for field in fields if field.required}

    def read(records: Sequence[Record]) -> list[list[Any]]:
        page = b"[" + b",".join(records) + b"]"
        decoded = decoder.decode(page)
        if len(decoded) != len(records):
            raise ValueError("a record is not one JSON value")
        if not of.each_given_once(page, decoded):
            raise ValueError("a member may be given twice")
        columns = [(list(map(get, decoded)), name) for get, name in given]
        return [values if name in required else list(map(_or_none, values)) for values, name in columns]

    return read


def _texts(records: Sequence[Record], lengths: list[int]) -> pa.Array:
    """Return the records as one column, copied once. Raises ValueError if a record is not UTF-8."""
    offsets = pc.cumulative_sum(pa.array([0, *lengths], type=pa.int32()))
    content = pa.py_buffer(b"".join(records))
    # The cast checks that the bytes are UTF-8.
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, offsets.buffers()[1], content]).cast(pa.string())


def _or_none(value: Any) -> Any:
    return None if value is UNSET else value


def _utc(name: str, text: str) -> datetime:
    try:
        return moments.utc(text)
    except ValueError as error:
        raise ValueError(f"{error} - at `$.{name}`") from None


def _is_too_deep(record: bytes) -> bool:
    """Return whether the record has more levels than `DEEPEST`."""
    return (
        len(record) > _SHALLOW
        and record.count(b"[") + record.count(b"{") > DEEPEST
        and json_scanner.depth(record) > DEEPEST
    )


def _shown(record: bytes, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the values of `names` in a record whose other members may be unreadable; None if one value is missing."""
    quoted_names = {msgspec.json.encode(name): name for name in names}
    found: dict[str, Any] = {}
    try:
        for quoted, value in json_scanner.members(record):
            if name := quoted_names.get(_respelt(quoted)):
                found[name] = msgspec.json.decode(value)
    except _BROKEN:
        return None
    return {name: found[name] for name in names} if all(found.get(name) is not None for name in names) else None


def _respelt(quoted: bytes) -> bytes:
    """Return a member's quoted name without unneeded escapes; unchanged if it cannot be read."""
    try:
        return msgspec.json.encode(msgspec.json.decode(quoted))
    except _BROKEN:
        return quoted


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
