"""A Parquet file as rows of a table: columns matched by name, each value checked against the column's type.

It is stricter than Snowflake where Snowflake would round or convert: a value of another kind, or with more decimals
than the column, is refused.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local.snowflake.emulator.account.doubts import Doubt, Doubts
from local.snowflake.emulator.account.stage_objects import ParquetOptions
from local.snowflake.emulator.errors import SnowflakeError, unsupported
from local.snowflake.emulator.sql.relations import Column, Relation
from local.snowflake.emulator.sql.types import family, number_parts, text_length
from local.snowflake.emulator.stage.s3 import StagedFile


def read_file(
    content: bytes, file: StagedFile, relation: Relation, options: ParquetOptions, *, exact_case: bool, doubts: Doubts
) -> pa.Table:
    """Return the file's rows with all columns of the table, in its order. Raises SnowflakeError that names the file."""
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise SnowflakeError(100152, "22000", f"Error parsing the parquet file: {error} File '{file.path}'") from None
    sources = _sources(table, file, exact_case=exact_case)
    if not any((column.name if exact_case else column.name.upper()) in sources for column in relation.columns):
        raise SnowflakeError(
            2, "22000", f"File '{file.path}' and table '{relation.name.name}' have no column in common."
        )
    arrays = []
    for position, column in enumerate(relation.columns, 1):
        source = sources.get(column.name if exact_case else column.name.upper())
        array = pa.chunked_array([pa.nulls(table.num_rows, arrow_type(column.type))]) if source is None else source
        place = _Place(file, relation, column, position)
        arrays.append(_fit(_in_doubt(array, column, place, doubts), column, place, options))
    return pa.Table.from_arrays(arrays, names=[column.name for column in relation.columns])


class _Place:
    """The position of a value, for its error message."""

    def __init__(self, file: StagedFile, relation: Relation, column: Column, position: int) -> None:
        self._file, self._relation, self._column, self._position = file, relation, column, position

    def error(self, errno: int, message: str, row: int) -> SnowflakeError:
        return SnowflakeError(
            errno,
            "22000",
            f"{message}\n  File '{self._file.path}', line {row}, character 0\n  Row {row}, column "
            f'"{self._relation.name.name}"["{self._column.name}":{self._position}]\n  If you would like to continue '
            "loading when an error is encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR "
            "option.",
        )


def arrow_type(printed: str) -> pa.DataType:
    """Return the Arrow type of a column's values."""
    kind = family(printed)
    if number := number_parts(printed):
        return pa.decimal128(*number)
    types = {
        "FLOAT": pa.float64(),
        "VARCHAR": pa.string(),
        "BINARY": pa.binary(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP_NTZ": pa.timestamp("us"),
        "TIMESTAMP_TZ": pa.timestamp("us", "UTC"),
        "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"),
    }
    if kind not in types:
        raise unsupported(f"COPY of Parquet into a column of type {printed}")
    return types[kind]


def _sources(table: pa.Table, file: StagedFile, *, exact_case: bool) -> dict[str, pa.ChunkedArray]:
    sources: dict[str, pa.ChunkedArray] = {}
    for name, array in zip(table.column_names, table.columns, strict=True):
        key = name if exact_case else name.upper()
        if key in sources:
            raise SnowflakeError(2, "22000", f"File '{file.path}' has the column {key} twice.")
        sources[key] = array
    return sources


def _in_doubt(array: pa.ChunkedArray, column: Column, place: _Place, doubts: Doubts) -> pa.ChunkedArray:
    """Return the values as COPY reads them under the doubts that are set."""
    if pa.types.is_string(array.type):
        empty = pc.equal(array, "")
        if Doubt.COPY_REFUSES_EMPTY_TEXT in doubts and pc.any(empty).as_py():
            raise place.error(100080, "Empty column value", int(pc.index(empty, True).as_py()) + 1)
        if Doubt.COPY_NULLS_EMPTY_TEXT in doubts:
            return pc.if_else(empty, pa.scalar(None, array.type), array)
    if Doubt.COPY_CUTS_TIMES in doubts and pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("ms", array.type.tz), safe=False).cast(array.type)
    if Doubt.COPY_ROUNDS in doubts and pa.types.is_decimal(array.type) and (number := number_parts(column.type)):
        return pc.round(array, number[1], "half_towards_infinity").cast(pa.decimal128(*number), safe=False)
    return array


def _fit(array: pa.ChunkedArray, column: Column, place: _Place, options: ParquetOptions) -> pa.ChunkedArray:
    array = _without(array, options.null_if)
    if not column.nullable and array.null_count:
        row = int(pc.index(pc.is_null(array), True).as_py()) + 1
        raise place.error(100072, "NULL result in a non-nullable column", row)
    wanted = arrow_type(column.type)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if not _same_family(array.type, wanted, options):
        raise place.error(
            100071, f"Failed to cast variant value of type {array.type} to {column.type}", 1 if len(array) else 0
        )
    fitted = _cast(array, wanted, column, place)
    length = text_length(column.type)
    if length is not None and length < 16777216 and len(fitted):
        lengths = pc.utf8_length(fitted)
        if (pc.max(lengths).as_py() or 0) > length:
            row = int(pc.index(pc.greater(lengths, length), True).as_py())
            raise place.error(100078, f"String '{fitted[row].as_py()}' is too long and would be truncated", row + 1)
    return fitted


def _without(array: pa.ChunkedArray, texts: tuple[str, ...]) -> pa.ChunkedArray:
    """Return the array with NULL in place of these texts."""
    if not texts or not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return array
    named = pc.is_in(array, value_set=pa.array(texts, type=array.type))
    return pc.if_else(named, pa.scalar(None, type=array.type), array)


def _cast(array: pa.ChunkedArray, wanted: pa.DataType, column: Column, place: _Place) -> pa.ChunkedArray:
    try:
        return _exact(array, wanted)
    except pa.ArrowInvalid:
        row = _first_that_fails(array, wanted)
        value = str(array[row].as_py())
        raise place.error(100071, f"Failed to cast variant value {_short(value)} to {column.type}", row + 1) from None


def _exact(array: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Return a lossless cast. Raises ArrowInvalid if it would lose anything."""
    if pa.types.is_integer(array.type) and pa.types.is_decimal(wanted):
        array = (
            array.cast(pa.decimal128(20, 0))
            if pa.types.is_uint64(array.type)
            else array.cast(pa.int64()).cast(pa.decimal128(19, 0))
        )
    return array.cast(wanted, safe=True)


def _first_that_fails(array: pa.ChunkedArray, wanted: pa.DataType) -> int:
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _exact(array.slice(low, middle - low), wanted)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


def _same_family(found: pa.DataType, wanted: pa.DataType, options: ParquetOptions) -> bool:
    if pa.types.is_null(found):
        return True
    if pa.types.is_timestamp(found) or pa.types.is_timestamp(wanted):
        if pa.types.is_timestamp(found) and not options.use_logical_type:
            raise unsupported("timestamps of Parquet without USE_LOGICAL_TYPE = TRUE, which reads them as numbers")
        return (
            pa.types.is_timestamp(found) and pa.types.is_timestamp(wanted) and (found.tz is None) == (wanted.tz is None)
        )
    if pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_fixed_size_binary(found):
        return pa.types.is_string(wanted) if options.binary_as_text else pa.types.is_binary(wanted)
    tests = (
        (pa.types.is_decimal, lambda type_: pa.types.is_integer(type_) or pa.types.is_decimal(type_)),
        (pa.types.is_float64, lambda type_: pa.types.is_floating(type_)),
        (pa.types.is_string, lambda type_: pa.types.is_string(type_) or pa.types.is_large_string(type_)),
        (pa.types.is_boolean, pa.types.is_boolean),
        (pa.types.is_date, pa.types.is_date),
        (pa.types.is_time, pa.types.is_time),
    )
    return any(is_wanted(wanted) and is_found(found) for is_wanted, is_found in tests)


def _short(value: str) -> str:
    return re.sub(r"\s+", " ", value)[:80]
