"""A statement's result and its transport: Arrow in Snowflake's layout, or text for counts of changed rows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from fakesnow import statement_type

from local.snowflake.emulator.sql.types import number_parts, text_length

_UTC_OFFSET_MINUTES = 1440
"""How the connector encodes offset zero."""

_LOGICAL = {
    "FLOAT": "real",
    "VARCHAR": "text",
    "BINARY": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP_NTZ": "timestamp_ntz",
    "TIMESTAMP_TZ": "timestamp_tz",
    "TIMESTAMP_LTZ": "timestamp_ltz",
    "VARIANT": "variant",
    "OBJECT": "object",
    "ARRAY": "array",
    "NUMBER": "fixed",
}


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result. `type` is in Snowflake's spelling."""

    name: str
    type: str
    nullable: bool = True

    @property
    def logical(self) -> str:
        return _LOGICAL[self.type.partition("(")[0]]

    def described(self) -> dict[str, Any]:
        """Return the column's entry in the response's `rowtype`."""
        number = number_parts(self.type)
        length = text_length(self.type)
        timed = self.logical.startswith("time")
        return {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": self.nullable,
            "type": self.logical,
            "byteLength": length,
            "length": length if length is not None else (8388608 if self.logical == "binary" else None),
            "scale": number[1] if number else (9 if timed else None),
            "precision": number[0] if number else (0 if timed else None),
            "collation": None,
        }


@dataclass(frozen=True)
class Result:
    """A statement's columns and rows.

    `counts` marks the result of INSERT, UPDATE, DELETE and MERGE: numbers of rows.
    """

    columns: tuple[ResultColumn, ...]
    table: pa.Table
    statement: int = statement_type.UNKNOWN
    counts: bool = False

    def payload(self) -> dict[str, Any]:
        """Return the part of the response that describes and carries the rows."""
        common = {
            "rowtype": [column.described() for column in self.columns],
            "total": self.table.num_rows,
            "returned": self.table.num_rows,
            "statementTypeId": self.statement,
        }
        if self.counts:
            rows = zip(*[column.to_pylist() for column in self.table.columns], strict=True)
            return common | {"queryResultFormat": "json", "rowset": [[str(value) for value in row] for row in rows]}
        return common | {"queryResultFormat": "arrow", "rowsetBase64": _ipc(self._snowflake_table())}

    def _snowflake_table(self) -> pa.Table:
        arrays = [
            _snowflake_array(array, column) for array, column in zip(self.table.columns, self.columns, strict=True)
        ]
        fields = [
            pa.field(column.name, array.type, metadata=_metadata(column))
            for column, array in zip(self.columns, arrays, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def status(message: str, statement: int = statement_type.DDL) -> Result:
    """Return a result of one row and one column with a message."""
    return text_rows(["status"], [(message,)], statement)


def text_rows(
    names: Sequence[str], rows: Sequence[Sequence[str | None]], statement: int = statement_type.UNKNOWN
) -> Result:
    """Return a result with rows of text, as SHOW and DESCRIBE give it."""
    return typed_rows([(name, "VARCHAR(16777216)") for name in names], rows, statement)


_ARROW = {
    "VARCHAR": pa.string(),
    "NUMBER": pa.int64(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
}


def typed_rows(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], statement: int = statement_type.UNKNOWN
) -> Result:
    """Return a result with rows of Python values, by `(name, type)` of their columns."""
    arrays = [
        pa.chunked_array([pa.array([row[at] for row in rows], type=_ARROW[type_.partition("(")[0]])])
        for at, (_, type_) in enumerate(columns)
    ]
    described = tuple(ResultColumn(name, type_) for name, type_ in columns)
    return Result(described, pa.Table.from_arrays(arrays, names=[name for name, _ in columns]), statement)


def named_columns(text: str) -> tuple[tuple[str, str], ...]:
    """Parse columns from one text of names: `name`, `name:n` for a number and `name:t` for a time."""
    types = {"": "VARCHAR(16777216)", "n": "NUMBER(38,0)", "t": "TIMESTAMP_LTZ(9)"}
    return tuple((name, types[type_]) for name, _, type_ in (word.partition(":") for word in text.split()))


def counts(names: Sequence[str], values: Sequence[int], statement: int) -> Result:
    """Return a result with the numbers of changed rows."""
    columns = tuple(ResultColumn(name, "NUMBER(38,0)", nullable=False) for name in names)
    return Result(
        columns, pa.table({name: [value] for name, value in zip(names, values, strict=True)}), statement, True
    )


def _metadata(column: ResultColumn) -> dict[str, str]:
    number = number_parts(column.type)
    scale = number[1] if number else (9 if column.logical.startswith("time") else 0)
    return {
        "logicalType": column.logical.upper(),
        "precision": str(number[0] if number else 38),
        "scale": str(scale),
        "charLength": str(text_length(column.type) or 0),
    }


def _snowflake_array(array: pa.ChunkedArray, column: ResultColumn) -> pa.Array | pa.ChunkedArray:
    type_ = array.type
    if pa.types.is_null(type_):
        return array.cast(pa.string())
    if pa.types.is_timestamp(type_):
        return _timestamp(array, offset=column.logical == "timestamp_tz")
    if pa.types.is_time(type_):
        return pc.multiply(array.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if column.logical == "fixed":
        return _fixed(array, number_parts(column.type) or (38, 0))
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return array.cast(pa.string())
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return array.cast(pa.binary())
    if isinstance(type_, pa.ExtensionType):
        return array.cast(type_.storage_type)
    return array


def _fixed(array: pa.ChunkedArray, number: tuple[int, int]) -> pa.ChunkedArray:
    if pa.types.is_decimal(array.type):
        return array.cast(pa.decimal128(*number))
    return array.cast(pa.int64())


def _timestamp(array: pa.ChunkedArray, *, offset: bool) -> pa.Array:
    """Return seconds since the epoch and nanoseconds of the second, as a struct that may be null."""
    micros = array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64()).combine_chunks()
    if isinstance(micros, pa.ChunkedArray):
        micros = pa.concat_arrays(micros.chunks) if micros.num_chunks else pa.array([], pa.int64())
    missing = pc.is_null(micros)
    filled = pc.fill_null(micros, 0)
    seconds = pc.divide(pc.subtract(filled, _modulo(filled, 1_000_000)), 1_000_000)
    fraction = pc.multiply(_modulo(filled, 1_000_000), 1000).cast(pa.int32())
    arrays = [seconds, fraction]
    fields = [pa.field("epoch", pa.int64()), pa.field("fraction", pa.int32())]
    if offset:
        arrays.append(pa.array([_UTC_OFFSET_MINUTES] * len(filled), pa.int32()))
        fields.append(pa.field("timezone", pa.int32()))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)


def _modulo(values: pa.Array, divisor: int) -> pa.Array:
    """Return the remainder, never negative."""
    remainder = pc.subtract(values, pc.multiply(pc.divide(values, divisor), divisor))
    return pc.if_else(pc.less(remainder, 0), pc.add(remainder, divisor), remainder)


def _ipc(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return b64encode(sink.getvalue()).decode()
