"""Converts Postgres values to lake values: the select list, and the conversion of each column to its landing type.

Every conversion is exact or the row is refused. Values that a landing type cannot hold (NaN in a decimal; infinite, BC
or five-digit years in a date or timestamp) are found here, and their rows go to quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql

from ingest.contracts.model import Column, StreamContract
from ingest.contracts.types import Kind, SourceType
from ingest.errors import ContractError

_DAY = 86_400 * 1_000_000
_FIRST_DAY = -719_162  # 0001-01-01
_LAST_DAY = 2_932_896  # 9999-12-31
_TEMPORAL = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}

# The driver reads the COPY form of these types unchanged. The server casts every other type to text. That includes
# numeric: the driver makes text of it anyway, and the server is faster.
_READ_AS_IS = {
    "boolean", "smallint", "integer", "bigint", "real", "double precision", "date",
    "timestamp without time zone", "timestamp with time zone", "text", "character varying", "character", "bytea",
}  # fmt: skip


# Casts to text of these types differ from what Postgres prints: a cast adds /32 to a host's address, and keeps the
# encoding that an XML document once had.
_CAST_ALTERS = frozenset({"inet", "xml"})


def select_list(columns: tuple[Column, ...]) -> sql.Composable:
    """Return the select list that reads `columns` in their order."""
    return sql.SQL(", ").join(_expression(column) for column in columns)


def _expression(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    source = SourceType.parse(column.source_type)
    as_is = source.name in _READ_AS_IS and not source.array
    if as_is and (column.landing.kind is not Kind.TEXT or source.name in ("text", "character varying", "character")):
        return name
    if source.name in _CAST_ALTERS and not source.array:
        return sql.SQL("case when {0} is not null then concat({0}) end as {0}").format(name)
    return sql.SQL("{0}::text as {0}").format(name)


def qualified(source_object: str) -> sql.Identifier:
    """Return `schema.table`, or `table`, as a quoted name."""
    return sql.Identifier(*source_object.split(".", 1))


def unrepresentable(columns: tuple[Column, ...]) -> list[tuple[str, sql.Composable]]:
    """Return, for each column that can refuse a row, the reason and the SQL predicate that finds such rows."""
    found: list[tuple[str, sql.Composable]] = []
    for column in columns:
        name = sql.Identifier(column.name)
        if column.landing.kind is Kind.DECIMAL:
            predicate = sql.SQL("({c} = 'NaN' or {c}::text like '%Infinity')").format(c=name)
            found.append((f"column '{column.name}': a decimal holds no NaN or infinity", predicate))
        elif column.landing.kind in _TEMPORAL:
            predicate = sql.SQL("(not isfinite({c}) or {c} < '0001-01-01' or {c} >= '10000-01-01')").format(c=name)
            found.append((f"column '{column.name}': outside the years 1 to 9999", predicate))
    return found


@dataclass(frozen=True)
class Converted:
    """Rows that fit the contract, and the number of rows that did not."""

    batch: pa.RecordBatch
    refused: int


class RowConverter:
    """Converts batches, as read from Postgres, to the contract's landing types."""

    def __init__(self, contract: StreamContract, columns: tuple[Column, ...]) -> None:
        self._contract = contract
        self._columns = columns
        self.schema = pa.schema([pa.field(column.name, column.landing.arrow) for column in columns])

    def convert(self, batch: pa.RecordBatch) -> Converted:
        """Convert `batch` exactly. Rows that cannot be converted are left out and counted.

        Raises ContractError if a column does not have the type that the contract names.
        """
        arrays = [_storage(array) for array in batch.columns]
        if all(_within_its_years(*pair) for pair in self._pairs(arrays)):
            try:
                return Converted(self._rows([self._exactly(*pair) for pair in self._pairs(arrays)]), 0)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                pass  # the rows, or the reason if no row can be converted, are found below
        return self._without_refused(arrays)

    def _without_refused(self, arrays: list[pa.Array]) -> Converted:
        count = len(arrays[0])
        refused = None
        for column, array in self._pairs(arrays):
            bad = _unrepresentable_rows(column, array)
            if bad is not None:
                refused = bad if refused is None else pc.or_(refused, bad)
        if refused is not None:
            keep = pc.invert(refused)
            arrays = [array.filter(keep) for array in arrays]
        result = self._rows([self._cast(*pair) for pair in self._pairs(arrays)])
        return Converted(result, count - result.num_rows)

    def _pairs(self, arrays: list[pa.Array]) -> Iterator[tuple[Column, pa.Array]]:
        return zip(self._columns, arrays, strict=True)

    def _rows(self, arrays: list[pa.Array]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _exactly(self, column: Column, array: pa.Array) -> pa.Array:
        return array if array.type == column.landing.arrow else array.cast(column.landing.arrow, safe=True)

    def _cast(self, column: Column, array: pa.Array) -> pa.Array:
        try:
            return self._exactly(column, array)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(
                f"column '{column.name}' ({column.source_type}) cannot be landed as {column.landing}: {error}",
                stream=self._contract.stream,
                hint="Correct the contract, or add `landAs: text` to the column.",
            ) from error


def _storage(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _within_its_years(column: Column, array: pa.Array) -> bool:
    """Return whether no value lies outside the years of its landing type.

    True for types other than dates and moments.
    """
    if column.landing.kind not in _TEMPORAL or not (bounds := _year_bounds(array)):
        return True
    values, lowest, highest = bounds
    found = pc.min_max(values).as_py()
    return found["min"] is None or bool(lowest <= found["min"] and found["max"] <= highest)


def _year_bounds(array: pa.Array) -> tuple[pa.Array, int, int] | None:
    """Return a date's days or a moment's microseconds as integers, with the bounds of the years 1 to 9999."""
    if pa.types.is_date32(array.type):
        return array.view(pa.int32()), _FIRST_DAY, _LAST_DAY
    if pa.types.is_timestamp(array.type):
        # The driver lets infinity wrap round to values before any year that Postgres has.
        return array.view(pa.int64()), _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1
    return None


def _unrepresentable_rows(column: Column, array: pa.Array) -> pa.Array | None:
    if array.null_count == len(array):
        return None
    if column.landing.kind is Kind.DECIMAL and pa.types.is_string(array.type):
        bad = pc.invert(pc.match_substring_regex(array, r"^[-+]?[0-9]"))
    elif column.landing.kind in _TEMPORAL and (bounds := _year_bounds(array)):
        bad = _outside(*bounds)
    else:
        return None
    bad = pc.fill_null(bad, fill_value=False)
    return bad if pc.any(bad).as_py() else None


def _outside(values: Any, lowest: int, highest: int) -> Any:
    return pc.or_(pc.less(values, lowest), pc.greater(values, highest))
