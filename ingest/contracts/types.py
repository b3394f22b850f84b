"""The type mapping: the type in the lake of each type of a source column.

Nothing is rounded, truncated or guessed. A type that Arrow holds exactly keeps its type. Any other lands as the text
that Postgres prints for it (ISO dates, UTC, `postgres` intervals). A type that is in neither list is refused by name,
unless its contract says `landAs: text`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ingest.errors import ContractError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DECIMAL_PRECISION = 38
"""decimal128's; also Snowflake's and DuckDB's."""


class Kind(StrEnum):
    """The lake's types; every warehouse maps exactly these."""

    BOOLEAN = "boolean"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True)
class LandingType:
    """A column's type in Parquet. `precision` and `scale` are set only for DECIMAL."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type written to Parquet."""
        import pyarrow as pa

        if self.kind is Kind.DECIMAL:
            return pa.decimal128(self.precision, self.scale)
        return {
            Kind.BOOLEAN: pa.bool_(),
            Kind.INT16: pa.int16(),
            Kind.INT32: pa.int32(),
            Kind.INT64: pa.int64(),
            Kind.FLOAT32: pa.float32(),
            Kind.FLOAT64: pa.float64(),
            Kind.DATE: pa.date32(),
            Kind.TIMESTAMP: pa.timestamp("us"),
            Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
            Kind.TEXT: pa.string(),
            Kind.BINARY: pa.binary(),
        }[self.kind]

    @classmethod
    def of(cls, arrow: pa.DataType) -> LandingType:
        """Return the landing type that is written as this Arrow type. Raises ValueError if there is none."""
        import pyarrow as pa

        if pa.types.is_decimal128(arrow):
            return cls(Kind.DECIMAL, arrow.precision, arrow.scale)
        for kind in Kind:
            if kind is not Kind.DECIMAL and cls(kind).arrow == arrow:
                return cls(kind)
        raise ValueError(f"nothing is landed as {arrow}")

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else self.kind.value

    @classmethod
    def parse(cls, text: str) -> LandingType:
        """Return the landing type that `str` prints as `text`. Raises ValueError for any other text."""
        match = _DECIMAL.fullmatch(text)
        return cls(Kind.DECIMAL, int(match[1]), int(match[2])) if match else cls(Kind(text))


_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")

TEXT = LandingType(Kind.TEXT)

_NATIVE = {
    "boolean": Kind.BOOLEAN,
    "smallint": Kind.INT16,
    "integer": Kind.INT32,
    "bigint": Kind.INT64,
    "real": Kind.FLOAT32,
    "double precision": Kind.FLOAT64,
    "date": Kind.DATE,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMPTZ,
    "text": Kind.TEXT,
    "character varying": Kind.TEXT,
    "character": Kind.TEXT,
    "bytea": Kind.BINARY,
}

# `time` lands as text because Postgres has 24:00:00 and neither Parquet nor Snowflake do.
# fmt: off
_AS_TEXT = frozenset({
    "numeric", "uuid", "json", "jsonb", "xml", "interval", "money", "name", "bit", "citext", "hstore", "ltree",
    "inet", "cidr", "macaddr", "macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle",
    "tsvector", "tsquery", "jsonpath", "oid", "xid", "xid8", "cid", "tid", "regclass", "regcollation",
    "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure", "regrole",
    "regtype", "pg_lsn", "pg_snapshot", "txid_snapshot", "int4range", "int8range", "numrange", "tsrange",
    "tstzrange", "daterange", "int4multirange", "int8multirange", "nummultirange", "tsmultirange",
    "tstzmultirange", "datemultirange", "bit varying", "time without time zone", "time with time zone",
    '"char"',
})
# fmt: on

_ALIASES = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "decimal": "numeric",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "varbit": "bit varying",
}

_INTERVAL_OF_FIELDS = re.compile(r"interval (year|month|day|hour|minute|second)( to (month|hour|minute|second))?$")
_ARRAY = re.compile(r"(\s*\[\d*\])+$")
_SHAPE = re.compile(r"^(?P<head>[^(]+)(?:\((?P<args>[^)]*)\)(?P<tail>.*))?$")


@dataclass(frozen=True)
class SourceType:
    """A parsed Postgres type name: `numeric(12,2)[]` has name numeric, args (12, 2), and is an array."""

    name: str
    args: tuple[str, ...]
    array: bool

    @classmethod
    def parse(cls, text: str) -> SourceType:
        """Parse a type as `format_type` prints it or as people write it. Raises ContractError."""
        element = _ARRAY.sub("", text.strip())
        match = _SHAPE.match(element)
        if match is None:
            raise ContractError(f"'{text}' is not a type name")
        spelt = " ".join(f"{match['head']} {match['tail'] or ''}".split())
        name = spelt if spelt.startswith('"') else spelt.lower()
        args = tuple(arg.strip() for arg in (match["args"] or "").split(",") if arg.strip())
        return cls(_ALIASES.get(name, name), args, array=element != text.strip())

    def __str__(self) -> str:
        args = f"({','.join(self.args)})" if self.args else ""
        return f"{self.name}{args}{'[]' if self.array else ''}"


def landing_type(physical_type: str, *, land_as: str | None = None) -> LandingType:
    """Return the lake type of a source type such as `numeric(12,2)` or `timestamptz`.

    Raises ContractError for an unknown type, unless the contract says `landAs: text`.
    """
    if land_as is not None:
        if land_as != Kind.TEXT.value:
            raise ContractError(f"landAs is '{land_as}'; the only value it takes is 'text'")
        return TEXT
    source = SourceType.parse(physical_type)
    if source.array:
        return TEXT
    if source.name == "numeric":
        return _numeric(source, physical_type)
    if source.name in _NATIVE:
        return LandingType(_NATIVE[source.name])
    if source.name in _AS_TEXT or _INTERVAL_OF_FIELDS.match(source.name):
        return TEXT
    raise ContractError(
        f"type '{physical_type}' is not known",
        hint="Correct it, or add the custom property `landAs: text` to land the text that Postgres prints for it.",
    )


def _numeric(source: SourceType, physical_type: str) -> LandingType:
    if not source.args:
        return TEXT
    try:
        precision, scale = (int(arg) for arg in (*source.args, "0")[: max(2, len(source.args))])
    except ValueError:
        precision = scale = 0
    if precision < 1:
        raise ContractError(f"'{physical_type}' is no numeric type", hint="Write it as numeric(precision, scale).")
    if precision > MAX_DECIMAL_PRECISION or not 0 <= scale <= precision:
        return TEXT
    return LandingType(Kind.DECIMAL, precision, scale)
