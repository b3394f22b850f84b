"""Translates DuckDB's errors into Snowflake's."""

from __future__ import annotations

import re

import duckdb

from local.snowflake.emulator.errors import SnowflakeError, invalid_identifier, syntax_error

_RULES: tuple[tuple[str, int, str, str], ...] = (
    (r"Division by zero", 100051, "22012", "Division by zero"),
    (r"cannot affect the same target row more than once", 100090, "42P18", "Duplicate row detected during DML action"),
    (r"NOT NULL constraint failed: \S*?([^.\s]+)$", 100072, "22000", "NULL result in a non-nullable column"),
    (r'String "(.*)" is too long and would be truncated', 100078, "22000",
     "String '{0}' is too long and would be truncated"),
    (r"Malformed JSON", 100069, "22P02", "Error parsing JSON"),
    (r"Could not convert string [\"'](.*)[\"'] to (?:INT|DECIMAL|DOUBLE|FLOAT)", 100038, "22018",
     "Numeric value '{0}' is not recognized"),
    (r"(?:invalid )?timestamp(?: field format)?: \"(.*?)\"", 100035, "22007", "Timestamp '{0}' is not recognized"),
    (r"Could not parse string \"(.*?)\" according to format", 100035, "22007",
     "Can't parse '{0}' as timestamp with the format that was given"),
    (r"invalid date field format: \"(.*?)\"", 100040, "22007", "Date '{0}' is not recognized"),
    (r"Could not convert string '(.*)' to BOOL", 100037, "22018", "Boolean value '{0}' is not recognized"),
    (r"Could not cast value (\S+) to DECIMAL", 100039, "22003", "Numeric value '{0}' is out of range"),
    (r"[Oo]ut of [Rr]ange|[Oo]verflow", 100039, "22003", "Numeric value is out of range"),
)  # fmt: skip


def snowflake_error(error: duckdb.Error) -> SnowflakeError:
    """Return the error that Snowflake would raise, or an error which says that the emulator knows none."""
    text = str(error).partition("\n\nLINE")[0]
    for pattern, errno, state, message in _RULES:
        if match := re.search(pattern, text):
            return SnowflakeError(errno, state, message.format(*match.groups()))
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        return _compilation(text)
    if isinstance(error, duckdb.ParserException):
        return syntax_error(text)
    if isinstance(error, duckdb.TransactionException):
        return SnowflakeError(625, "57014", f"The statement met a change by another transaction ({text})")
    if isinstance(error, duckdb.ConversionException):
        return SnowflakeError(100038, "22018", text)
    return SnowflakeError(603, "XX000", f"The emulated account cannot run this ({text})")


def _compilation(text: str) -> SnowflakeError:
    if match := re.search(r'[Cc]olumn "?([^"\s]+)"? (?:was )?not found|have a column named "([^"]+)"', text):
        return invalid_identifier(match[1] or match[2])
    if match := re.search(r'Referenced table "([^"]+)" not found', text):
        return invalid_identifier(match[1])
    if match := re.search(r'does not have a column named "([^"]+)"', text):
        return invalid_identifier(match[1])
    return SnowflakeError(2028, "42601", f"SQL compilation error:\n{text}")
