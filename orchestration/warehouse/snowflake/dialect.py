"""Snowflake's spelling of names and types, and its changes of a column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.contracts.types import Kind
from orchestration.warehouse.ddl import Dialect

_NUMBER = re.compile(r"NUMBER\((\d+),(\d+)\)")
_DEFAULT_LENGTHS = re.compile(r"^(VARCHAR|BINARY|TIMESTAMP_NTZ|TIMESTAMP_TZ)\((\d+)\)$")
_SHORTEST = {"VARCHAR": 16_777_216, "BINARY": 8_388_608, "TIMESTAMP_NTZ": 6, "TIMESTAMP_TZ": 6}
"""The lengths (digits of a second for timestamps) that take every value that is landed."""


@dataclass(frozen=True)
class SnowflakeDialect(Dialect):
    """Snowflake's dialect: all names in upper case, so that dbt and people need no quotes, and one NUMBER for all
    integers.
    """

    def quote(self, name: str) -> str:
        """Return a name as an identifier, whatever its characters.

        A letter without a single capital letter (ß) stays.
        """
        return super().quote("".join(map(_capital, name)))

    def widens(self, narrow: str, wide: str) -> bool:
        """Return whether type `wide` holds every value of type `narrow` unchanged. Equal types widen each other."""
        old, new = _number(narrow), _number(wide)
        if old and new:
            return new[1] >= old[1] and new[0] - new[1] >= old[0] - old[1]
        return narrow == wide

    def can_widen(self, actual: str, wanted: str) -> bool:
        """Return whether a type can be widened in place.

        Snowflake can only raise a NUMBER's precision, not its scale.
        """
        old, new = _number(actual), _number(wanted)
        return bool(old and new and old[1] == new[1] and new[0] >= old[0])


def _capital(letter: str) -> str:
    capital = letter.upper()
    return capital if capital.lower() == letter else letter


def _number(type_: str) -> tuple[int, int] | None:
    match = _NUMBER.fullmatch(type_)
    return (int(match[1]), int(match[2])) if match else None


def declared_type(described: str) -> str:
    """Return a type printed by DESCRIBE TABLE in the dialect's spelling, without a length that does not limit our
    values.
    """
    match = _DEFAULT_LENGTHS.match(described)
    return match[1] if match and int(match[2]) >= _SHORTEST[match[1]] else described


SNOWFLAKE = SnowflakeDialect(
    name="snowflake",
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INT16: "NUMBER(38,0)",
        Kind.INT32: "NUMBER(38,0)",
        Kind.INT64: "NUMBER(38,0)",
        Kind.FLOAT32: "FLOAT",
        Kind.FLOAT64: "FLOAT",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP_NTZ",
        Kind.TIMESTAMPTZ: "TIMESTAMP_TZ",
        Kind.TEXT: "VARCHAR",
        Kind.BINARY: "BINARY",
    },
    decimal="NUMBER({precision},{scale})",
)
