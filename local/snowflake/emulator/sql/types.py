"""Types in Snowflake's spelling, and the DuckDB types that store them.

    NUMBER(p,s) DECIMAL(p,s)    FLOAT DOUBLE    VARCHAR(n) VARCHAR    BINARY(n) BLOB    VARIANT, OBJECT, ARRAY JSON
    DATE, TIME, BOOLEAN alike   TIMESTAMP_NTZ TIMESTAMP    TIMESTAMP_TZ, TIMESTAMP_LTZ TIMESTAMP WITH TIME ZONE

Differences: timestamps have microseconds, not nanoseconds; TIMESTAMP_TZ keeps the instant and not the offset; the
session's time zone is UTC. Whole numbers that no type was declared for (count, literals) print as NUMBER(38,0).
"""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.expressions import DataType

from local.snowflake.emulator.errors import SnowflakeError, unsupported

_T = DataType.Type
_WHOLE = {_T.INT, _T.BIGINT, _T.SMALLINT, _T.TINYINT}
_FLOATS = {_T.FLOAT, _T.DOUBLE}
_TEXTS = {_T.VARCHAR, _T.TEXT, _T.NVARCHAR, _T.CHAR, _T.NCHAR}
_BINARIES = {_T.BINARY, _T.VARBINARY}
_NAIVE = {_T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.DATETIME}
_ZONED = {_T.TIMESTAMPTZ: "TIMESTAMP_TZ", _T.TIMESTAMPLTZ: "TIMESTAMP_LTZ"}
_SEMI = {_T.VARIANT: "VARIANT", _T.OBJECT: "OBJECT", _T.ARRAY: "ARRAY"}

MAX_VARCHAR = 16777216
MAX_BINARY = 8388608

_DUCKDB_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_PRINTED = {
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "VARCHAR": f"VARCHAR({MAX_VARCHAR})",
    "BLOB": f"BINARY({MAX_BINARY})",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME(9)",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
    "JSON": "VARIANT",
    '"NULL"': f"VARCHAR({MAX_VARCHAR})",
}


def duckdb_type(type_: DataType) -> DataType:
    """Return DuckDB's type for one of Snowflake's. Raises SnowflakeError for a type that is not emulated."""
    kind = type_.this
    if kind in _WHOLE:
        return DataType.build("DECIMAL(38, 0)", dialect="duckdb")
    if kind is _T.DECIMAL:
        precision, scale = precision_and_scale(type_)
        return DataType.build(f"DECIMAL({precision}, {scale})", dialect="duckdb")
    if kind in _FLOATS:
        return DataType.build("DOUBLE", dialect="duckdb")
    if kind in _TEXTS:
        return DataType.build("TEXT", dialect="duckdb")
    if kind in _BINARIES:
        return DataType.build("BLOB", dialect="duckdb")
    if kind in _NAIVE:
        return DataType.build("TIMESTAMP", dialect="duckdb")
    if kind in _ZONED:
        return DataType.build("TIMESTAMPTZ", dialect="duckdb")
    if kind in _SEMI:
        return DataType.build("JSON", dialect="duckdb")
    if kind in (_T.DATE, _T.TIME, _T.BOOLEAN):
        return DataType(this=kind)
    raise unsupported(f"type {type_.sql('snowflake')}")


def declared_type(type_: DataType) -> str:
    """Return a declared type as Snowflake prints it."""
    kind = type_.this
    if kind in _WHOLE:
        return "NUMBER(38,0)"
    if kind is _T.DECIMAL:
        precision, scale = precision_and_scale(type_)
        return f"NUMBER({precision},{scale})"
    if kind in _FLOATS:
        return "FLOAT"
    if kind in _TEXTS:
        default = 1 if kind in (_T.CHAR, _T.NCHAR) else MAX_VARCHAR
        return f"VARCHAR({_parameter(type_, default)})"
    if kind in _BINARIES:
        return f"BINARY({_parameter(type_, MAX_BINARY)})"
    if kind in _NAIVE:
        return f"TIMESTAMP_NTZ({_parameter(type_, 9)})"
    if kind in _ZONED:
        return f"{_ZONED[kind]}({_parameter(type_, 9)})"
    if kind in _SEMI:
        return _SEMI[kind]
    if kind is _T.TIME:
        return f"TIME({_parameter(type_, 9)})"
    if kind in (_T.DATE, _T.BOOLEAN):
        return str(kind.value)
    raise unsupported(f"type {type_.sql('snowflake')}")


def printed_type(duckdb: str) -> str:
    """Return Snowflake's spelling of a column type that DuckDB reports."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb):
        return f"NUMBER({match[1]},{match[2]})"
    if duckdb in _DUCKDB_WHOLE:
        return "NUMBER(38,0)"
    if duckdb in _PRINTED:
        return _PRINTED[duckdb]
    raise unsupported(f"a column of DuckDB's type {duckdb}")


def precision_and_scale(type_: DataType) -> tuple[int, int]:
    parameters = [int(parameter.this.name) for parameter in type_.expressions]
    precision, scale = (parameters + [38, 0][len(parameters) :]) if parameters else (38, 0)
    if not 1 <= precision <= 38 or not 0 <= scale <= min(precision, 37):
        raise SnowflakeError(
            1003, "42000", f"SQL compilation error:\ninvalid NUMBER precision or scale: ({precision},{scale})"
        )
    return precision, scale


def number_parts(printed: str) -> tuple[int, int] | None:
    """Precision and scale of a printed NUMBER; None for another type."""
    match = re.fullmatch(r"NUMBER\((\d+),(\d+)\)", printed)
    return (int(match[1]), int(match[2])) if match else None


def text_length(printed: str) -> int | None:
    """Return the declared length of a printed VARCHAR; None for another type."""
    match = re.fullmatch(r"VARCHAR\((\d+)\)", printed)
    return int(match[1]) if match else None


def family(printed: str) -> str:
    return printed.partition("(")[0]


def _parameter(type_: DataType, default: int) -> int:
    first = type_.expressions[0] if type_.expressions else None
    return int(first.this.name) if isinstance(first, exp.DataTypeParam) else default
